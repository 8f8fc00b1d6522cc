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


def test_weighted_rrf() -> None:
    fused = fuse(RRF(k=60, weights=(2, 0.5)), A, B)
    assert dict(zip(fused.ids, fused.scores, strict=True)) == pytest.approx(
        {1: 2 / 62 + 0.5 / 61, 3: 2 / 61, 4: 0.5 / 62, 2: 2 / 63}, abs=1e-11
    )
    assert fuse(RRF(weights=(1, 1)), A, B) == fuse(RRF(), A, B)


def test_weighted_sum_of_z_scores() -> None:
    # A: mean 5, deviation sqrt(32 / 3); B: mean 0.5, deviation 0.3. What is absent counts as the lowest.
    z = 4 / (32 / 3) ** 0.5
    fused = fuse(WeightedSum((3, 1), scale="zscore"), A, B)
    assert dict(zip(fused.ids, fused.scores, strict=True)) == pytest.approx(
        {3: 0.75 * z - 0.25, 1: 0.25, 2: -0.75 * z - 0.25, 4: -0.75 * z - 0.25}, abs=1e-6
    )
    assert fused.ids == (3, 1, 2, 4)
    alone = fuse(WeightedSum(scale="zscore"), Ranking((5, 2), (1.0, 1.0)), Ranking((), ()))
    assert alone == Ranking((2, 5), (0.5, 0.5))
    assert fuse(WeightedSum(scale="zscore"), Ranking((1, 2), (5e-324, 0.0))).ids == (1, 2)


def test_what_was_not_found_is_never_above_what_was_found_last() -> None:
    # Both found by A; only 2, the last of B, is found by B as well.
    one, two = Ranking((1, 2), (1.0, 1.0)), Ranking((7, 2), (9.0, 1.0))
    for scale in ("minmax", "zscore", "none"):
        fused = fuse(WeightedSum(scale=scale), one, two)
        assert fused.scores[fused.ids.index(2)] >= fused.scores[fused.ids.index(1)]


def test_weighted_sum_of_scores_as_they_are() -> None:
    fused = fuse(WeightedSum((3, 1), scale="none"), A, B)
    assert dict(zip(fused.ids, fused.scores, strict=True)) == pytest.approx({3: 6.75, 1: 3.95, 2: 0.75, 4: 0.05})


# Computed by ranx 0.3.21 (Bassani and Romelli, CIKM 2022) from C, D and E with weights 0.5, 0.3 and 0.2.
C = Ranking((4, 0, 2, 1, 3), (6.1, 4.4, 4.0, 2.3, 0.9))
D = Ranking((1, 4, 0, 3, 2), (0.91, 0.83, 0.55, 0.31, 0.12))
E = Ranking((2, 0, 1, 4, 3), (31.0, 22.0, 21.0, 7.0, 2.0))
RANX: dict[str, dict[int, float]] = {
    "rrf": {0: 0.04813108, 1: 0.047891458, 2: 0.047651074, 3: 0.046394231, 4: 0.048147475},
    "minmax": {0: 0.637760635, 1: 0.565649867, 2: 0.498076923, 3: 0.072151899, 4: 0.804103012},
    "zscore": {0: 0.348226328, 1: 0.102472533, 2: -0.023480288, 3: -1.247161636, 4: 0.819943064},
    "none": {0: 6.765, 1: 5.623, 2: 8.236, 3: 0.943, 4: 4.699},
}


@pytest.mark.parametrize("method", ["rrf", "minmax", "zscore", "none"])
def test_agrees_with_ranx(method: str) -> None:
    weights = (0.5, 0.3, 0.2)
    fused = fuse(RRF() if method == "rrf" else WeightedSum(weights, scale=method), C, D, E)  # type: ignore[arg-type]
    assert dict(zip(fused.ids, fused.scores, strict=True)) == pytest.approx(RANX[method], abs=1e-6)
    assert list(fused.ids) == sorted(RANX[method], key=lambda i: -RANX[method][i])


@given(st.lists(rankings(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_laws(inputs: list[Ranking], draw: object) -> None:
    for stage in (RRF(), WeightedSum(), WeightedSum(scale="zscore"), WeightedSum(scale="none")):
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
    with pytest.raises(UserError, match="3 weights for 2 rankings"):
        fuse(RRF(weights=(1.0, 1.0, 1.0)), A, B)
    with pytest.raises(UserError, match=r"RRF\.weights"):
        RRF(weights=(-1.0, 2.0))
    with pytest.raises(UserError, match="Did you mean 'zscore'"):
        WeightedSum(scale="z_score")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="not all 0"):
        WeightedSum((0.0, 0.0))
    with pytest.raises(UserError, match=r"RRF\.depth"):
        RRF(depth=0)
