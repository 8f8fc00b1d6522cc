"""Fusion: values from the formula, laws on generated rankings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from retrievers.fuse import RRF, WeightedSum


@st.composite
def rankings(draw: st.DrawFn) -> Ranking:
    ids = draw(st.lists(st.integers(0, 30), unique=True, max_size=15))
    scores = sorted(draw(st.lists(st.floats(0, 10), min_size=len(ids), max_size=len(ids))), reverse=True)
    return Ranking(tuple(ids), tuple(scores))


def fuse(stage: RRF | WeightedSum, *inputs: Ranking) -> Ranking:
    (fused,) = stage.run(*([r] for r in inputs))
    return fused


A, B = Ranking((3, 1, 2), (9.0, 5.0, 1.0)), Ranking((1, 4), (0.8, 0.2))


def test_rrf_is_equation_1() -> None:
    fused = fuse(RRF(k=60), A, B)
    assert dict(zip(fused.ids, fused.scores, strict=True)) == pytest.approx(
        {1: 1 / 62 + 1 / 61, 3: 1 / 61, 4: 1 / 62, 2: 1 / 63}, abs=1e-11
    )
    assert fused.ids == (1, 3, 4, 2)
    assert fuse(RRF(depth=1), A, B).ids == (1, 3)


def test_rrf_tells_far_ranks_apart() -> None:
    long = Ranking(tuple(range(3000)), tuple(float(-i) for i in range(3000)))
    assert fuse(RRF(), long).ids == long.ids


def test_weighted_sum_of_min_max() -> None:
    fused = fuse(WeightedSum((3, 1)), A, B)
    assert dict(zip(fused.ids, fused.scores, strict=True)) == pytest.approx(
        {3: 0.75, 1: 0.75 * 0.5 + 0.25, 2: 0.0, 4: 0.0}
    )
    assert fused.ids == (3, 1, 2, 4)
    assert fuse(WeightedSum(), Ranking((5, 2), (1.0, 1.0))) == Ranking((2, 5), (1.0, 1.0))


@given(st.lists(rankings(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_laws(inputs: list[Ranking], draw: object) -> None:
    for stage in (RRF(), WeightedSum()):
        fused = fuse(stage, *inputs)
        assert sorted(fused.ids) == sorted({i for r in inputs for i in r.ids})
        pairs = [(-s, i) for i, s in zip(fused.ids, fused.scores, strict=True)]
        assert pairs == sorted(pairs)
        shuffled = list(inputs)
        draw.shuffle(shuffled)  # type: ignore[attr-defined]
        again = fuse(stage, *shuffled)
        assert dict(zip(fused.ids, fused.scores, strict=True)) == pytest.approx(
            dict(zip(again.ids, again.scores, strict=True)), abs=2e-6
        )
    alone = fuse(RRF(), inputs[0])
    assert alone.ids == inputs[0].ids


def test_refusals() -> None:
    with pytest.raises(UserError, match="1 weights for 2 rankings"):
        fuse(WeightedSum((1.0,)), A, B)
    with pytest.raises(UserError, match="not all 0"):
        WeightedSum((0.0, 0.0))
    with pytest.raises(UserError, match=r"RRF\.depth"):
        RRF(depth=0)
