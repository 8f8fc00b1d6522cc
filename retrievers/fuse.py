"""Fusion: several rankings of the same chunks as one.

It does not know what made the rankings. A chunk that a ranking does not hold gets nothing from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.stage import Stage
from retrievers.base import DECIMALS, at_least, rank


@dataclass(frozen=True)
class RRF(Stage):
    """Per question, `.on(ranking, ranking, ...)`: reciprocal rank fusion, the sum of 1 / (k + rank), ranks from 1.

    Cormack, Clarke and Büttcher, SIGIR 2009, equation 1 (k = 60 there). depth: how far down each ranking is read.
    """

    k: float = 60
    depth: int | None = None

    def __post_init__(self) -> None:
        at_least(self.k, 0, f"{self.label}.k")
        _check_depth(self, self.depth)

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """One column of rankings per input."""
        for rankings in zip(*columns, strict=True):
            fused: dict[int, float] = {}
            for ranking in rankings:
                for position, i in enumerate(ranking.ids[: self.depth], start=1):
                    fused[i] = fused.get(i, 0.0) + 1 / (self.k + position)
            # Far down, 1 / (k + rank) falls by less than 1e-6 a rank: more decimals than scores of models bear.
            yield rank(fused.items(), decimals=12)


@dataclass(frozen=True)
class WeightedSum(Stage):
    """Per question, `.on(ranking, ranking, ...)`: scores scaled to [0, 1] within each ranking (min-max), then weighted.

    A ranking whose scores are all equal gives 1 to each. weights: one per ranking; empty: all equal. They are scaled to
    sum up to 1. depth: how far down each ranking is read.
    """

    weights: tuple[float, ...] = ()
    depth: int | None = None

    def __post_init__(self) -> None:
        _check_depth(self, self.depth)
        if self.weights and (min(self.weights) < 0 or sum(self.weights) <= 0):
            raise UserError(
                f"{self.weights} must be 0 or more, and not all 0", where=f"{self.label}.weights", remedy="Try (1, 1)"
            )

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """One column of rankings per input."""
        weights = self.weights or (1.0,) * len(columns)
        if len(weights) != len(columns):
            raise UserError(
                f"{len(weights)} weights for {len(columns)} rankings",
                where=f"{self.label}.weights",
                remedy="Give one weight per ranking",
            )
        for rankings in zip(*columns, strict=True):
            fused: dict[int, float] = {}
            for weight, ranking in zip(weights, rankings, strict=True):
                scores = ranking.scores[: self.depth]
                low, high = min(scores, default=0.0), max(scores, default=0.0)
                for i, score in zip(ranking.ids, scores, strict=False):
                    share = (score - low) / (high - low) if high > low else 1.0
                    fused[i] = fused.get(i, 0.0) + weight / sum(weights) * share
            yield rank(fused.items(), DECIMALS)


def _check_depth(stage: Stage, depth: int | None) -> None:
    if depth is not None:
        at_least(depth, 1, f"{stage.label}.depth")
