"""Order is a permutation; packing keeps a head of the ranking within the budget."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from pipeline.core.spec import identity
from pipeline.core.tokens import tokenizer_named
from retrievers.order import By, Order, Pack

RANKING = Ranking((7, 2, 9, 4, 0), (5.0, 4.0, 3.0, 2.0, 1.0))


def ordered(by: By, ranking: Ranking) -> Ranking:
    (result,) = Order(by).run([ranking], [()])
    return result


@pytest.mark.parametrize(
    ("by", "ids"),
    [
        ("score", (7, 2, 9, 4, 0)),
        ("reverse", (0, 4, 9, 2, 7)),
        ("document", (0, 2, 4, 7, 9)),
        ("edges", (7, 9, 0, 4, 2)),
    ],
)
def test_orders(by: By, ids: tuple[int, ...]) -> None:
    result = ordered(by, RANKING)
    assert result.ids == ids
    assert dict(zip(result.ids, result.scores, strict=True)) == dict(zip(RANKING.ids, RANKING.scores, strict=True))


def test_score_undoes_another_order() -> None:
    assert ordered("score", ordered("edges", RANKING)) == RANKING


@pytest.mark.parametrize(("k", "places"), [(5, (1, 3, 5, 4, 2)), (6, (1, 3, 5, 6, 4, 2))])
def test_edges_as_published(k: int, places: tuple[int, ...]) -> None:
    assert ordered("edges", Ranking(tuple(range(1, k + 1)), (0.0,) * k)).ids == places


def test_edges_put_every_rank_where_the_formula_says() -> None:
    for k in range(60):
        slots = {(i + 1) // 2 if i % 2 else k + 1 - i // 2: i for i in range(1, k + 1)}
        ranking = Ranking(tuple(range(1, k + 1)), tuple(-float(i) for i in range(k)))
        assert ordered("edges", ranking).ids == tuple(slots[s] for s in range(1, k + 1))


def test_random_is_fixed_by_seed_and_set() -> None:
    # A known value: a change of Python or of ours that moves it would silently change every random control.
    (drawn,) = Order("random").run([RANKING], [()])
    assert drawn.ids == RANDOM
    assert ordered("random", ordered("document", RANKING)) == drawn
    assert [*Order("random", seed=1).run([RANKING], [()])] != [drawn]
    assert identity(Order("random")) != identity(Order("random", seed=1))
    assert identity(Order("edges")) == identity(Order("edges", seed=1))


RANDOM = (0, 9, 4, 2, 7)


def test_every_random_place_is_as_likely() -> None:
    ranking = Ranking(tuple(range(5)), (0.0,) * 5)
    counts = Counter(next(iter(Order("random", seed=s).run([ranking], [()]))).ids[0] for s in range(2000))
    # Expected 400 each, standard deviation sqrt(2000 * 0.2 * 0.8) = 17.9; five of these.
    assert all(abs(counts[i] - 400) < 90 for i in range(5))


@given(st.lists(st.integers(0, 50), unique=True), st.sampled_from(["score", "reverse", "document", "edges", "random"]))
def test_order_is_a_permutation(ids: list[int], by: By) -> None:
    ranking = Ranking(tuple(ids), tuple(float(-i) for i in range(len(ids))))
    result = ordered(by, ranking)
    assert sorted(zip(result.ids, result.scores, strict=True)) == sorted(zip(ids, ranking.scores, strict=True))
    if by == "edges" and ids:  # the worst stands innermost: scores fall to one lowest point and rise again
        low = result.scores.index(min(result.scores))
        assert list(result.scores[: low + 1]) == sorted(result.scores[: low + 1], reverse=True)
        assert list(result.scores[low:]) == sorted(result.scores[low:])


def chunks_of(sizes: list[int]) -> tuple[Chunk, ...]:
    return tuple(Chunk("d", 0, 2 * n, "w " * n) for n in sizes)


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
    st.integers(1, 100),
    st.integers(0, 5),
    st.none() | st.integers(1, 12),
)
def test_packing(sizes: list[int], budget: int, overhead: int, most: int | None) -> None:
    chunks = chunks_of(sizes)
    ranking = Ranking(tuple(reversed(range(len(sizes)))), tuple(float(-i) for i in range(len(sizes))))
    (kept,) = Pack(budget=budget, overhead=overhead, max_passages=most).run([ranking], [chunks])
    n = len(kept.ids)
    assert (kept.ids, kept.scores) == (ranking.ids[:n], ranking.scores[:n])
    cost = [sizes[i] + overhead for i in ranking.ids]
    assert sum(cost[:n]) <= budget
    assert n == len(sizes) or n == most or sum(cost[: n + 1]) > budget


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
    st.integers(1, 100),
    st.integers(0, 5),
    st.none() | st.integers(1, 12),
)
def test_skipping_fills_up(sizes: list[int], budget: int, overhead: int, most: int | None) -> None:
    ranking = Ranking(tuple(range(len(sizes))), tuple(-float(i) for i in range(len(sizes))))
    settings = {"budget": budget, "overhead": overhead, "max_passages": most}
    (kept,) = Pack(fill="skip", **settings).run([ranking], [chunks_of(sizes)])  # type: ignore[arg-type]
    (head,) = Pack(**settings).run([ranking], [chunks_of(sizes)])  # type: ignore[arg-type]
    assert kept.ids[: len(head.ids)] == head.ids
    assert kept.scores == tuple(ranking.scores[i] for i in kept.ids)
    left = budget
    for i, size in enumerate(sizes):  # every passage is kept, or had no room left, or came after the last allowed one
        if i in kept.ids:
            left -= size + overhead
        else:
            assert size + overhead > left or (len(kept.ids) == most and i > kept.ids[-1])
    assert left >= 0


def test_stop_and_skip_part_at_what_does_not_fit() -> None:
    ranking, chunks = Ranking((0, 1, 2, 3), (4.0, 3.0, 2.0, 1.0)), chunks_of([3, 9, 2, 1])
    assert [*Pack(budget=6).run([ranking], [chunks])] == [Ranking((0,), (4.0,))]
    assert [*Pack(budget=6, fill="skip").run([ranking], [chunks])] == [Ranking((0, 2, 3), (4.0, 2.0, 1.0))]
    assert [*Pack(budget=6, fill="skip", max_passages=2).run([ranking], [chunks])] == [Ranking((0, 2), (4.0, 2.0))]


def test_packing_counts_with_the_named_tokenizer() -> None:
    text = "retrievability"
    assert tokenizer_named("words").count(text) == 1 < tokenizer_named("minilm").count(text)
    chunks, ranking = (Chunk("d", 0, len(text), text),), Ranking((0,), (1.0,))
    assert [*Pack(budget=1).run([ranking], [chunks])] == [ranking]
    assert [*Pack(budget=1, tokenizer="minilm").run([ranking], [chunks])] == [Ranking((), ())]


def test_settings_that_nothing_reads_are_not_part_of_the_identity() -> None:
    assert identity(Pack(max_passages=3, tokenizer="minilm")) == identity(Pack(max_passages=3, overhead=4))
    assert (
        identity(Pack(budget=9)) != identity(Pack(budget=9, overhead=4)) != identity(Pack(budget=9, tokenizer="minilm"))
    )


def test_refusals() -> None:
    with pytest.raises(UserError, match="Did you mean 'edges'"):
        Order("edge")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"Pack\.fill"):
        Pack(budget=1, fill="skp")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"Pack\.budget"):
        Pack(budget=0)
