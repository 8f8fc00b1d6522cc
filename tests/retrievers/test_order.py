"""Order is a permutation; packing keeps a head of the ranking within the budget."""

from __future__ import annotations

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
    ("by", "ids"), [("score", (7, 2, 9, 4, 0)), ("document", (0, 2, 4, 7, 9)), ("edges", (7, 9, 0, 4, 2))]
)
def test_orders(by: By, ids: tuple[int, ...]) -> None:
    result = ordered(by, RANKING)
    assert result.ids == ids
    assert dict(zip(result.ids, result.scores, strict=True)) == dict(zip(RANKING.ids, RANKING.scores, strict=True))


def test_score_undoes_another_order() -> None:
    assert ordered("score", ordered("edges", RANKING)) == RANKING


@given(st.lists(st.integers(0, 50), unique=True), st.sampled_from(["score", "document", "edges"]))
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
    with pytest.raises(UserError, match=r"Pack\.budget"):
        Pack(budget=0)
