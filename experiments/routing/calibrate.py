"""From raw scores to probabilities that can be taken at their word, and how far they are from it, held-out.

A calibration is a row of knots: x increasing, y non-decreasing in [0, 1], linear in between and level beyond the ends,
as `policy.json` stores it. Scores and outcomes are arrays [Q]; `clusters` names each question's document. It knows
nothing of how scores are made; a missing value raises ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.score.significance import clustered_mean

Floats = NDArray[np.float64]
MOST_KNOTS = 64
FEWEST = 20  # questions that a knot of the isotonic fit stands for: fewer say 0 or 1 too easily


@dataclass(frozen=True)
class Knots:
    """A calibration: x [K] increasing, y [K] non-decreasing in [0, 1]."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, scores: ArrayLike) -> Floats:
        """Calibrated probabilities of scores."""
        found: Floats = np.interp(np.asarray(scores, dtype=np.float64), self.x, self.y)
        return found


@dataclass(frozen=True)
class CalibrationError:
    """How far probabilities are from frequencies, over equal-mass bins.

    ece: mean over questions of |mean p - mean y| of their bin. debiased: the same less most of what chance adds. rms:
    the root of the mean square less all that chance adds on average. The last two take questions as independent (Kumar
    et al. 2019, arXiv 1909.10155; the first power as in its code); questions alike within documents leave more of
    chance in them.
    """

    ece: float
    debiased: float
    rms: float
    bins: int
    questions: int


@dataclass(frozen=True)
class Bin:
    """A reliability table's row: mean probability, frequency with its interval clustered by document, questions."""

    predicted: float
    observed: float
    low: float | None
    high: float | None
    questions: int


def pool_adjacent_violators(values: ArrayLike, weights: ArrayLike) -> Floats:
    """The non-decreasing sequence nearest to `values` in weighted squares (Ayer et al. 1955), same shape."""
    v, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    level: list[float] = []
    mass: list[float] = []
    count: list[int] = []
    for value, weight in zip(v.tolist(), w.tolist(), strict=True):
        level.append(value)
        mass.append(weight)
        count.append(1)
        while len(level) > 1 and level[-2] >= level[-1]:
            total = mass[-2] + mass[-1]
            level[-2] = (level[-2] * mass[-2] + level[-1] * mass[-1]) / total
            mass[-2], count[-2] = total, count[-2] + count[-1]
            del level[-1], mass[-1], count[-1]
    return np.repeat(level, count)


def isotonic(scores: ArrayLike, outcomes: ArrayLike, most: int = MOST_KNOTS) -> Knots:
    """Isotonic regression of outcomes in [0, 1] on scores, as at most `most` knots.

    Equal scores stay together and neighbours are joined into at most `most` groups of about FEWEST questions or more;
    each pooled block gives one knot, at its mean score and mean outcome. Joining the middles of blocks, not their ends,
    leaves the order of scores within a block alive, so that prices can still tell questions apart.
    """
    x, y = _pair(scores, outcomes)
    group = _equal_mass(x, max(1, min(most, len(x) // FEWEST)))
    size = np.bincount(group).astype(np.float64)
    at, mean = np.bincount(group, weights=x) / size, np.bincount(group, weights=y) / size
    fitted = pool_adjacent_violators(mean, size)
    block = np.concatenate([[0], np.cumsum(np.diff(fitted) > 0)])
    mass = np.bincount(block, weights=size)
    middle = np.bincount(block, weights=at * size) / mass
    height = np.bincount(block, weights=fitted * size) / mass
    return _knots(middle, height)


def platt(scores: ArrayLike, outcomes: ArrayLike, most: int = MOST_KNOTS) -> Knots:
    """Platt's logistic curve of outcomes on scores (Platt 1999, with his smoothed targets), drawn as `most` knots.

    A curve that would fall is level instead: a score that points the wrong way says nothing. Knots lie evenly between
    the least and the greatest score; with 64 of them the chords miss the curve by less than 0.002 unless it is nearly a
    step.
    """
    x, y = _pair(scores, outcomes)
    right = float(y.sum())
    high, low = (right + 1) / (right + 2), 1 / (len(y) - right + 2)
    target = low + (high - low) * y
    centre, scale = float(x.mean()), float(x.std()) or 1.0
    z = np.stack([(x - centre) / scale, np.ones_like(x)], axis=1)
    beta = np.array([0.0, math.log((right + 1) / (len(y) - right + 1))])

    def loss(b: Floats) -> float:
        return float((np.logaddexp(0, z @ b) - target * (z @ b)).sum())

    for _ in range(100):  # Newton's steps, halved where they overshoot
        p = _sigmoid(z @ beta)
        slope = z.T @ (p - target)
        curvature = (z * (p * (1 - p))[:, None]).T @ z + 1e-9 * np.eye(2)
        step, share, now = np.linalg.solve(curvature, slope), 1.0, loss(beta)
        while share > 1e-6 and loss(beta - share * step) > now:
            share /= 2
        beta = beta - share * step
        if float(np.abs(share * step).max()) < 1e-10:
            break
    if beta[0] <= 0:
        return Knots((centre,), (float(y.mean()),))
    at = np.linspace(float(x.min()), float(x.max()), most)
    return _knots(at, _sigmoid((at - centre) / scale * beta[0] + beta[1]))


def calibration_error(probabilities: ArrayLike, outcomes: ArrayLike, bins: int = 15) -> CalibrationError:
    """Expected calibration error over `bins` equal-mass bins (fewer where probabilities are tied), with its peers."""
    from scipy.special import ndtr

    p, y = _pair(probabilities, outcomes)
    group = _equal_mass(p, bins)
    n = np.bincount(group).astype(np.float64)
    predicted, observed = np.bincount(group, weights=p) / n, np.bincount(group, weights=y) / n
    share, gap = n / len(p), np.abs(predicted - observed)
    noise = observed * (1 - observed) / np.maximum(n - 1, 1)  # variance of a bin's frequency
    ece, spread = float(share @ gap), np.sqrt(noise)
    # What |gap| would be on average if the gap were the true one and the frequency were drawn again: a folded normal.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(spread > 0, gap / spread, np.inf)
    normal = spread * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2)
    redrawn = np.where(spread > 0, normal + gap * (1 - 2 * ndtr(-ratio)), gap)
    debiased = max(0.0, 2 * ece - float(share @ redrawn))
    rms = math.sqrt(max(0.0, float(share @ (gap**2 - noise))))
    return CalibrationError(ece, debiased, rms, len(n), len(p))


def reliability(
    probabilities: ArrayLike, outcomes: ArrayLike, clusters: Sequence[Hashable], bins: int = 10
) -> list[Bin]:
    """The reliability table over equal-mass bins, by rising probability; outcomes in [0, 1]."""
    p, y = _pair(probabilities, outcomes)
    if len(clusters) != len(p):
        raise ValueError(f"{len(p)} questions but {len(clusters)} clusters")
    group = _equal_mass(p, bins)
    rows = []
    for k in range(int(group.max()) + 1):
        inside = np.flatnonzero(group == k)
        seen = clustered_mean(y[inside].tolist(), [clusters[i] for i in inside.tolist()])
        rows.append(Bin(float(p[inside].mean()), seen.mean, seen.low, seen.high, len(inside)))
    return rows


def _equal_mass(values: Floats, groups: int) -> NDArray[np.intp]:
    """Group [Q] of each value, 0 up by value, of as equal a number as ties allow: equal values share one group."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    first = np.searchsorted(ranked, ranked, side="left")
    last = np.searchsorted(ranked, ranked, side="right") - 1
    middle = (first + last) // 2
    coarse = middle * min(groups, len(values)) // len(values)
    group = np.empty(len(values), dtype=np.intp)
    group[order] = np.concatenate([[0], np.cumsum(np.diff(coarse) > 0)])
    return group


def _knots(x: Floats, y: Floats) -> Knots:
    """Knots without the rounding errors that would make x stand still or y fall."""
    keep = np.concatenate([[True], np.diff(x) > 0])
    rising = np.maximum.accumulate(np.clip(y[keep], 0.0, 1.0))
    return Knots(tuple(float(v) for v in x[keep]), tuple(float(v) for v in rising))


def _sigmoid(x: Floats) -> Floats:
    found: Floats = np.exp(-np.logaddexp(0, -x))
    return found


def _pair(scores: ArrayLike, outcomes: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        raise ValueError(f"one score and one outcome per question are needed, got {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a score or an outcome is missing or not finite")
    if y.min() < 0 or y.max() > 1:
        raise ValueError("outcomes must lie in [0, 1]")
    return x, y
