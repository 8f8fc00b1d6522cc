"""K-means: chunks grouped by their vectors, the same groups every time.

It does not know what a group is for (a summary, a level of a tree) nor where vectors come from. Distances are
Euclidean; on unit vectors that is the order of the cosine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.stage import Per, Stage
from retrievers.base import at_least

Points = NDArray[np.float64]
Labels = NDArray[np.int32]

_SAME = 1e-10
"""Squared distance, as a share of the mean squared length, below which two vectors are one: equal texts encoded in
different batches differ in the last bits."""
_BLOCK = 8192  # points compared with all centres at a time


@dataclass(frozen=True)
class KMeans(Stage):
    """Per context, `.on(encoded chunks)`: (C,) int32, the cluster of each chunk, numbered by first appearance.

    Lloyd 1982, "Least squares quantization in PCM", from k-means++ seeds (Arthur and Vassilvitskii, SODA 2007); the
    best of `restarts` by the sum of squared distances.

    k: clusters wanted. size: chunks wanted per cluster, which gives ceil(C / size) of them. Neither: the rule of thumb
    sqrt(C / 2). There are fewer where there are fewer distinct vectors, never an empty one.
    """

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 4

    k: int | None = None
    size: int | None = None
    seed: int = 0
    restarts: int = 3
    iterations: int = 100

    def __post_init__(self) -> None:
        for name in ("k", "size", "restarts", "iterations"):
            if getattr(self, name) is not None:
                at_least(getattr(self, name), 1, f"{self.label}.{name}")
        at_least(self.seed, 0, f"{self.label}.seed")
        if self.k is not None and self.size is not None:
            raise UserError("k and size are both given", where=self.label, remedy="Give one of them")

    def run(self, *columns: Sequence[Any]) -> Iterable[Labels]:
        """One column: {"vectors": (C, d), ...}."""
        (encoded,) = columns
        for value in encoded:
            yield self.labels(value["vectors"])

    def labels(self, vectors: NDArray[Any]) -> Labels:
        """(n, d) -> (n,) int32, in [0, number of clusters)."""
        points = np.asarray(vectors, dtype=np.float64)
        if not len(points):
            return np.zeros(0, dtype=np.int32)
        k = min(self._wanted(len(points)), len(points))
        best, least = np.zeros(len(points), dtype=np.int64), np.inf
        for restart in range(self.restarts if k > 1 else 0):
            labels, inertia = self._lloyd(points, _seeds(points, k, np.random.default_rng([self.seed, restart])))
            if inertia < least * (1 - 1e-9):  # a tie that rounding breaks would pick another one elsewhere
                best, least = labels, inertia
        _, first, position = np.unique(best, return_index=True, return_inverse=True)
        numbers = np.empty(len(first), dtype=np.int32)
        numbers[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
        return numbers[position]

    def _wanted(self, n: int) -> int:
        if self.k is not None:
            return self.k
        return ceil(n / self.size) if self.size is not None else max(1, round(sqrt(n / 2)))

    def _lloyd(self, points: Points, centres: Points) -> tuple[NDArray[np.int64], float]:
        before = None
        for _ in range(self.iterations):
            labels, distances = _nearest(points, centres)
            _fill_empty(labels, distances, len(centres))
            if before is not None and np.array_equal(labels, before):
                break
            before = labels
            order = np.argsort(labels, kind="stable")
            ends = np.searchsorted(labels[order], np.arange(len(centres) + 1))
            centres = np.array([points[order[a:b]].mean(axis=0) for a, b in pairwise(ends)])
        return labels, float(((points - centres[labels]) ** 2).sum())


def _seeds(points: Points, k: int, draw: np.random.Generator) -> Points:
    """Up to k points, each drawn with a chance as its squared distance to the nearest one before; all distinct."""
    norms = (points**2).sum(axis=1)
    same = _SAME * float(norms.mean())
    chosen = [int(draw.random() * len(points))]
    nearest = np.full(len(points), np.inf)
    while True:
        last = points[chosen[-1]]
        nearest = np.minimum(nearest, np.maximum(norms - 2 * (points @ last) + last @ last, 0.0))
        nearest[nearest <= same] = 0.0
        reach = np.cumsum(nearest)
        if len(chosen) == k or reach[-1] == 0:
            return points[chosen]
        chosen.append(int(np.searchsorted(reach, draw.random() * reach[-1], side="right")))


def _nearest(points: Points, centres: Points) -> tuple[NDArray[np.int64], Points]:
    """Per point its nearest centre, the first of equals, and its squared distance to it."""
    half = (centres**2).sum(axis=1) / 2
    labels = np.empty(len(points), dtype=np.int64)
    distances = np.empty(len(points))
    for at in range(0, len(points), _BLOCK):
        block = points[at : at + _BLOCK]
        off = half - block @ centres.T
        labels[at : at + _BLOCK] = off.argmin(axis=1)
        distances[at : at + _BLOCK] = 2 * off.min(axis=1) + (block**2).sum(axis=1)
    return labels, distances


def _fill_empty(labels: NDArray[np.int64], distances: Points, k: int) -> None:
    """Give each centre that lost all its points the point that lies farthest from its own, in place."""
    counts = np.bincount(labels, minlength=k)
    for empty in np.flatnonzero(counts == 0):
        far = int(np.where(counts[labels] > 1, distances, -np.inf).argmax())
        counts[labels[far]] -= 1
        labels[far], distances[far] = empty, 0.0
        counts[empty] = 1
