"""Calls shared out among engines, seconds among calls, and an engine's account: laws, and known values."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.generators._vllm_share import Account, Homes, Seconds, common, covered


@given(st.lists(st.integers(0, 2), max_size=30), st.lists(st.integers(0, 2), max_size=30))
def test_the_common_beginning(a, b):
    expected = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    assert common(array("i", a), array("i", b)) == expected


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=12))
def test_a_union_of_intervals_by_counting(drawn):
    intervals = [(float(start), float(start + length)) for start, length in drawn]
    inside = {t for start, length in drawn for t in range(start, start + length)}
    assert covered(intervals) == len(inside)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 900), st.integers(1, 20)), min_size=1, max_size=12))
def test_calls_pay_together_what_the_clock_shows(drawn):
    """Each call is handed in some time after the one before and stays a while, whatever the others do."""
    shares, moments, now = Seconds(), [], 0
    for name, (wait, weight, stay) in enumerate(drawn):
        now += wait
        moments += [(now, 0, name, weight), (now + stay, 1, name, weight)]
    paid, held = 0.0, set()
    for at, leaves, name, weight in sorted(moments):
        if leaves:
            held.remove(name)
            part = shares.leave(name, float(at))
            assert part >= 0
            paid += part
        else:
            held.add(name)
            shares.enter(name, weight, float(at))
    clock = covered((float(at), float(at + drawn[name][2])) for at, leaves, name, _ in moments if not leaves)
    assert paid == pytest.approx(clock)


def test_a_call_that_gives_more_to_do_pays_more():
    shares = Seconds()
    shares.enter(0, 30, 0.0)
    shares.enter(1, 10, 0.0)
    assert shares.leave(1, 4.0) == pytest.approx(1.0)
    assert shares.leave(0, 6.0) == pytest.approx(5.0)


def prompts(*documents: int, questions: int = 4, tokens: int = 2000) -> list[array]:
    return [array("i", [d] * tokens + [900 + q] * 5) for d in documents for q in range(questions)]


@pytest.mark.parametrize("engines", [1, 2, 3, 5])
def test_a_document_is_read_by_one_engine(engines):
    asked = prompts(*range(10))
    where = Homes(engines).share_out(asked)
    by_document = [set(where[k : k + 4]) for k in range(0, 40, 4)]
    assert all(len(found) == 1 for found in by_document)
    counts = [sum(found == {n} for found in by_document) for n in range(engines)]
    assert max(counts) - min(counts) <= 1


def test_a_shared_instruction_does_not_keep_everything_together():
    instruction = [7] * 150
    asked = [array("i", [*instruction, *range(1000 * k, 1000 * k + 500)]) for k in range(1, 9)]
    assert sorted(Homes(4).share_out(asked)) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_later_wave_goes_where_its_document_was_read():
    homes = Homes(3)
    first = dict(zip(range(7), homes.share_out(prompts(*range(7), questions=1)), strict=True))
    order = [5, 2, 6, 0, 1]
    assert homes.share_out(prompts(*order, questions=1)) == [first[d] for d in order]
    homes.forget()
    assert homes.share_out(prompts(*order, questions=1)) == [0, 1, 2, 0, 1]


def test_an_account():
    account = Account("throughput", warm=True, began=10.0)
    account.add(100, 4, 10.0, (11.0, 12.0, 14.0))
    account.add(20, 4, 10.0, (11.5, 13.0, 15.0))
    account.add(1, 1, 10.0, None)
    use = account.use(16.0, 0.5)
    assert (use.prompts, use.computed_tokens, use.answer_tokens, use.seconds) == (3, 121, 9, 6.0)
    assert (use.prefill_seconds, use.decode_seconds) == (2.0, 3.0)
    assert use.first_token == (2.5, 3.0)
    assert (use.mode, use.warm, use.gpu_busy) == ("throughput", True, 0.5)
