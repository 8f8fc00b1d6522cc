"""Quality against cost: the curve of a policy, its hull and AIQ, regret, head-room won, gain, oracles, simple rivals.

Arrays: outcomes y [Q, R] of R routes, cheapest first; cost [Q, R]; qualities p [Q, R] as a policy expects them,
held-out; choices [Q], or [Q, K] for K repeats of the cross-validation, whose outcomes are averaged per question.
Nothing here drops a question: a missing outcome raises ValueError; `complete` says which questions can be used. It
knows nothing of readers, learners or files.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.score.significance import clustered_mean

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Points = Sequence[tuple[float, float]]  # (cost, quality)


@dataclass(frozen=True)
class CurvePoint:
    """A policy at one price weight: mean quality and cost per question, and each route's share of the questions."""

    weight: float
    quality: float
    cost: float
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Gain:
    """Mean gain over the better fixed route, in [-1, 1], with its interval clustered by document.

    `against` (a route's index) is the better fixed route on these very questions. The interval treats it as given: it
    is that of the paired differences. Where two fixed routes are close the better one owes part of its lead to luck, so
    the gain is, if anything, told too small. `low_any` is the least lower limit over all fixed routes: above 0, the
    policy beats every one of them, whichever is the better in truth, and that needs no choice on the data.
    """

    gain: float
    low: float | None
    high: float | None
    low_any: float | None
    against: int
    questions: int
    clusters: int


def complete(outcomes: ArrayLike) -> NDArray[np.bool_]:
    """Which questions [Q] have an outcome on every route."""
    missing = np.isnan(np.asarray(outcomes, dtype=np.float64)).sum(axis=1)
    known: NDArray[np.bool_] = np.equal(missing, 0)
    return known


def choose(qualities: ArrayLike, cost: ArrayLike, weights: ArrayLike) -> Indices:
    """The route of highest quality - weight * cost per question and weight: [Q, W]; ties to the cheaper route."""
    p, c = np.asarray(qualities, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    w = np.asarray(weights, dtype=np.float64)
    return np.stack([np.argmax(p - one * c, axis=1) for one in w], axis=1)


def taken(values: ArrayLike, choices: Indices) -> Floats:
    """What the choices got (or cost) per question [Q]; values [Q, R], choices [Q] or [Q, K] (then the mean over K)."""
    v = np.asarray(values, dtype=np.float64)
    picked = np.take_along_axis(v, choices.reshape(len(v), -1), axis=1)
    if not np.isfinite(picked).all():
        raise ValueError(
            f"values are missing for {int((~np.isfinite(picked)).any(axis=1).sum())} of {len(v)} questions"
        )
    mean: Floats = picked.mean(axis=1)
    return mean


def curve(outcomes: ArrayLike, cost: ArrayLike, qualities: ArrayLike, weights: ArrayLike) -> list[CurvePoint]:
    """A policy's points (see `choose`), one per weight in the order given."""
    y, c = np.asarray(outcomes, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    w = np.asarray(weights, dtype=np.float64)
    points = []
    for weight, picked in zip(w, choose(qualities, c, w).T, strict=True):
        shares = np.bincount(picked, minlength=y.shape[1]) / len(y)
        got, spent = float(taken(y, picked).mean()), float(taken(c, picked).mean())
        points.append(CurvePoint(float(weight), got, spent, tuple(float(s) for s in shares)))
    return points


def hull(points: Points) -> list[tuple[float, float]]:
    """The non-decreasing convex hull of (cost, quality) points (RouterBench, Hu et al. 2024, arXiv 2403.12031).

    Its corners by rising cost, with falling slopes: what a random mix of two settings reaches is reached. It starts at
    the cheapest point and ends at the best; beyond that it stays level.
    """
    best: dict[float, float] = {}
    for x, y in points:
        best[x] = max(y, best.get(x, y))
    corners: list[tuple[float, float]] = []
    for x, y in sorted(best.items()):
        if corners and y <= corners[-1][1]:
            continue  # dearer and no better
        while len(corners) > 1 and _slope(corners[-2], corners[-1]) <= _slope(corners[-1], (x, y)):
            corners.pop()
        corners.append((x, y))
    return corners


def quality_at(corners: Points, cost: float) -> float | None:
    """Quality on a hull at a cost; None where the cost buys nothing yet."""
    if not corners or cost < corners[0][0]:
        return None
    xs, ys = zip(*corners, strict=True)
    return float(np.interp(cost, xs, ys))


def aiq(points: Points, low: float, high: float) -> float:
    """Average improvement in quality: area under the hull from cost `low` to `high`, divided by high - low.

    RouterBench's definition 1/(c_max - c_min) * integral. All policies compared must be given the same range. A hull
    that starts above `low` counts as 0 up to there, one that ends below `high` goes on level (their code's extension;
    their code divides by c_max, which is the same only for a range from 0).
    """
    if not low < high:
        raise ValueError(f"a range of costs is needed, got {low} to {high}")
    corners = hull(points)
    at = sorted({x for x in (low, high, *(x for x, _ in corners)) if low <= x <= high})
    known = [(x, q) for x in at if (q := quality_at(corners, x)) is not None]
    if len(known) < 2:
        return 0.0
    xs, qs = np.array(known).T
    return float(((qs[1:] + qs[:-1]) / 2 * np.diff(xs)).sum()) / (high - low)


def regret(outcomes: ArrayLike, choices: Indices) -> float:
    """What the best route for each question would have gained on average."""
    y = np.asarray(outcomes, dtype=np.float64)
    return float((_checked(y).max(axis=1) - taken(y, choices)).mean())


def headroom_won(outcomes: ArrayLike, choices: Indices) -> float:
    """(policy - better fixed route) / (per-question oracle - better fixed route); NaN where there is no head-room."""
    y = _checked(outcomes)
    fixed = float(y.mean(axis=0).max())
    room = float(y.max(axis=1).mean()) - fixed
    return (float(taken(y, choices).mean()) - fixed) / room if room > 1e-12 else float("nan")


def gain(outcomes: ArrayLike, choices: Indices, clusters: Sequence[Hashable], level: float = 0.95) -> Gain:
    """Gain of the choices over the better fixed route; see `Gain` for what its interval means."""
    y = _checked(outcomes)
    got = taken(y, choices)
    against = int(np.argmax(y.mean(axis=0)))
    over = [clustered_mean((got - y[:, r]).tolist(), clusters, level, support=(-1, 1)) for r in range(y.shape[1])]
    lows = [i.low for i in over]
    least = None if any(low is None for low in lows) else min(low for low in lows if low is not None)
    at = over[against]
    return Gain(at.mean, at.low, at.high, least, against, at.n, at.clusters)


def oracle(outcomes: ArrayLike, cost: ArrayLike) -> Indices:
    """The best route per question [Q], among equals the one that cost least."""
    y, c = _checked(outcomes), np.asarray(cost, dtype=np.float64)
    best: Indices = np.argmin(np.where(y >= y.max(axis=1, keepdims=True), c, np.inf), axis=1)
    return best


def oracle_curve(outcomes: ArrayLike, cost: ArrayLike) -> list[tuple[float, float]]:
    """(mean cost, mean quality) that perfect knowledge reaches at each budget: corners by rising cost.

    A knapsack with one route per question: start with the cheapest route everywhere (the better of equals), then buy
    each question's next step up its own hull in order of gain per cost, which is optimal at every corner, and between
    corners if a question may be split (Kellerer, Pferschy and Pisinger 2004, ch. 11).
    """
    y, c = _checked(outcomes), np.asarray(cost, dtype=np.float64)
    steps: list[tuple[float, float]] = []  # (gain, cost)
    spent = got = 0.0
    for question in range(len(y)):
        corners = hull([(float(x), float(q)) for x, q in zip(c[question], y[question], strict=True)])
        spent, got = spent + corners[0][0], got + corners[0][1]
        steps += [(b[1] - a[1], b[0] - a[0]) for a, b in pairwise(corners)]
    steps.sort(key=lambda s: s[0] / s[1], reverse=True)
    found = [(spent / len(y), got / len(y))]
    for more, price in steps:
        spent, got = spent + price, got + more
        found.append((spent / len(y), got / len(y)))
    return found


def length_rule(
    tokens: ArrayLike,
    outcomes: ArrayLike,
    cost: ArrayLike,
    folds: ArrayLike,
    *,
    short: int,
    long: int,
    weight: float = 0.0,
) -> Indices:
    """Choices [Q] of the rule "route `short` up to a length, else route `long`", its threshold set on other folds.

    Per fold [Q] the threshold is the one of highest mean outcome - weight * cost on the questions outside it; it may
    lie below or above all lengths, which leaves one route. Among equals the lowest threshold. Swap `short` and `long`
    for the rule's other direction.
    """
    x, y = np.asarray(tokens, dtype=np.float64), _checked(outcomes)
    c, fold = np.asarray(cost, dtype=np.float64), np.asarray(folds)
    if not np.isfinite(x).all():
        raise ValueError("a length is missing")
    value = y - weight * c
    lead = value[:, short] - value[:, long]
    choices = np.empty(len(x), dtype=np.intp)
    for held in np.unique(fold):
        inside = fold == held
        order = np.argsort(x[~inside], kind="stable")
        lengths, won = x[~inside][order], np.concatenate([[0.0], np.cumsum(lead[~inside][order])])
        # A threshold lies between two different lengths, or outside all.
        allowed = np.concatenate([[True], lengths[1:] > lengths[:-1], [True]]) if len(lengths) else np.array([True])
        cut = int(np.argmax(np.where(allowed, won, -np.inf)))
        threshold = -np.inf if cut == 0 else np.inf if cut == len(lengths) else (lengths[cut - 1] + lengths[cut]) / 2
        choices[inside] = np.where(x[inside] <= threshold, short, long)
    return choices


def _slope(a: tuple[float, float], b: tuple[float, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])


def _checked(outcomes: ArrayLike) -> Floats:
    y = np.asarray(outcomes, dtype=np.float64)
    missing = int((~complete(y)).sum())
    if missing:
        raise ValueError(f"outcomes are missing for {missing} of {len(y)} questions")
    return y
