"""Fusion: several rankings of the same chunks as one.

It does not know what made the rankings. A chunk that a ranking does not hold gets nothing from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Any, Literal, get_args

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.stage import Stage
from retrievers.base import DECIMALS, at_least, one_of, rank

Scale = Literal["minmax", "zscore", "none"]


@dataclass(frozen=True)
class RRF(Stage):
    """Per question, `.on(ranking, ranking, ...)`: reciprocal rank fusion, the sum of weight / (k + rank), ranks from 1.

    Cormack, Clarke and Büttcher, SIGIR 2009, equation 1 (k = 60 and no weights there). weights: one per ranking; empty:
    1 each. depth: how far down each ranking is read.
    """

    k: float = 60
    depth: int | None = None
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        at_least(self.k, 0, f"{self.label}.k")
        _check_depth(self, self.depth)
        _check_weights(self, self.weights)

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """One column of rankings per input."""
        weights = _one_each(self, self.weights, len(columns))
        for rankings in zip(*columns, strict=True):
            fused: dict[int, float] = {}
            for weight, ranking in zip(weights, rankings, strict=True):
                for position, i in enumerate(ranking.ids[: self.depth], start=1):
                    fused[i] = fused.get(i, 0.0) + weight / (self.k + position)
            # Far down, 1 / (k + rank) falls by less than 1e-6 a rank: more decimals than scores of models bear.
            yield rank(fused.items(), decimals=12)


@dataclass(frozen=True)
class WeightedSum(Stage):
    """Per question, `.on(ranking, ranking, ...)`: the weighted sum of scores scaled within each ranking.

    weights: one per ranking; empty: all equal. They are scaled to sum up to 1. depth: how far down each ranking is
    read, for the scale as well.

    scale: `minmax`: to [0, 1]. `zscore`: less the mean, by the (population) standard deviation. `none`: as they are
    (CombSUM: Fox and Shaw, TREC-2, 1994). A chunk that a ranking does not hold gets 0 from it; with `zscore` the lowest
    that the ranking gives, since 0, its mean, would put what was not found above what was found last. A ranking whose
    scores are all equal gives 1 to what it holds and 0 to the rest, but for `none`.
    """

    weights: tuple[float, ...] = ()
    depth: int | None = None
    scale: Scale = "minmax"

    def __post_init__(self) -> None:
        _check_depth(self, self.depth)
        _check_weights(self, self.weights)
        one_of(self.scale, get_args(Scale), f"{self.label}.scale")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """One column of rankings per input."""
        weights = _one_each(self, self.weights, len(columns))
        for rankings in zip(*columns, strict=True):
            fused: dict[int, float] = {}
            lowest = 0.0  # what a chunk that no ranking holds would get
            for weight, ranking in zip(weights, rankings, strict=True):
                ids, scores = ranking.ids[: self.depth], ranking.scores[: self.depth]
                scaled, absent = _scaled(scores, self.scale)
                lowest += weight / sum(weights) * absent
                for i, share in zip(ids, scaled, strict=True):
                    fused[i] = fused.get(i, 0.0) + weight / sum(weights) * (share - absent)
            yield rank(((i, score + lowest) for i, score in fused.items()), DECIMALS)


def _scaled(scores: Sequence[float], scale: Scale) -> tuple[list[float], float]:
    """The scores of one ranking, scaled, and what a chunk gets that is not among them."""
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    if scale == "none":
        return list(scores), 0.0
    if not high > low:
        return [1.0] * len(scores), 0.0
    if scale == "minmax":
        return [(s - low) / (high - low) for s in scores], 0.0
    mean = fmean(scores)
    deviation = sqrt(fmean((s - mean) ** 2 for s in scores))
    if not deviation > 0:  # apart by less than squares can tell
        return [1.0] * len(scores), 0.0
    return [(s - mean) / deviation for s in scores], (low - mean) / deviation


def _check_weights(stage: Stage, weights: Sequence[float]) -> None:
    if weights and (min(weights) < 0 or sum(weights) <= 0):
        raise UserError(
            f"{weights} must be 0 or more, and not all 0", where=f"{stage.label}.weights", remedy="Try (1, 1)"
        )


def _one_each(stage: Stage, weights: tuple[float, ...], rankings: int) -> tuple[float, ...]:
    if weights and len(weights) != rankings:
        raise UserError(
            f"{len(weights)} weights for {rankings} rankings",
            where=f"{stage.label}.weights",
            remedy="Give one weight per ranking",
        )
    return weights or (1.0,) * rankings


def _check_depth(stage: Stage, depth: int | None) -> None:
    if depth is not None:
        at_least(depth, 1, f"{stage.label}.depth")
