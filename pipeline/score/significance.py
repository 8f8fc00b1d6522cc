"""Which differences are real: intervals clustered by document, paired tests, Holm's adjustment, regret.

It knows nothing of routes, metrics or files. Values are paired by position; `clusters[i]` names the document of
question i. n questions, G clusters. Nothing here drops a question: arms of unequal length, or a missing value (None or
NaN), raise ValueError, and the caller decides what an incomplete comparison may say. No result depends on a clock or
an unseeded generator.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXACT_CLUSTERS = 16  # up to here all sign patterns are counted: 2^15 sums
DRAWS = 9_999  # beyond, that many patterns are drawn; the smallest p-value is then 1/10,000
SEED = 20_240_229
CONSTANT_ICC = 0.5


@dataclass(frozen=True)
class Interval:
    """A mean over n values in `clusters` clusters; `low` and `high` are None where `reason` says why."""

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    method: str
    reason: str = ""


@dataclass(frozen=True)
class PairedCounts:
    """Questions where a scored higher, where b did, and, of the ties, where both scored above 0 or neither did."""

    a_only: int
    b_only: int
    both: int
    neither: int


@dataclass(frozen=True)
class PairedTest:
    """A two-sided p-value and the test that gave it."""

    p_value: float
    test: str


@dataclass(frozen=True)
class Comparison:
    """Arm a against arm b on the same n questions; `diff` is mean_a - mean_b with its clustered interval.

    a_only, b_only: questions where a (b) scored higher; for 0/1 scores, where it alone was right.
    """

    n: int
    mean_a: float
    mean_b: float
    diff: float
    ci_low: float | None
    ci_high: float | None
    a_only: int
    b_only: int
    p_value: float
    test: str


def mcnemar_exact(b: int, c: int) -> float:
    """Exact two-sided McNemar p-value from the discordant counts: twice the smaller binomial(b + c, 1/2) tail.

    It takes questions as independent. Where differences are alike within documents it rejects too often: in simulation
    (10 questions a document, nominal 5 %) 13 % of the time at an ICC of 0.1 and 26 % at 0.25; see `paired_test`.
    """
    if b < 0 or c < 0 or b != int(b) or c != int(c):
        raise ValueError(f"discordant counts must be whole numbers of at least 0, got {b} and {c}")
    n, term, tail = int(b + c), 1, 0
    for i in range(int(min(b, c)) + 1):
        tail += term
        term = term * (n - i) // (i + 1)  # C(n, i + 1), exact in integers
    return min(1.0, 2 * tail / (1 << n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (1979), in the order given: the running maximum of (m - rank + 1) p."""
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("p-values must lie in [0, 1]")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def clustered_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    level: float = 0.95,
    *,
    support: tuple[float, float] | None = (0.0, 1.0),
) -> Interval:
    """Mean with an interval that allows for questions of one document being alike.

    `support`: what a value can be, (0, 1) for scores, (-1, 1) for their differences, None for seconds or tokens.

    Method `cr2-wilson` (`cr2-t` without a support). Variance: cluster sums of residuals with the CR2 correction (Bell
    and McCaffrey, 2002). Degrees of freedom: the smaller of Bell-McCaffrey's under the estimated intracluster
    correlation (Imbens and Kolesár, 2016) and Satterthwaite's from the fourth moments of those sums; the second matters
    at rates near 0 or 1, where few documents hold all the errors. Interval: Wilson's in the effective sample size that
    the variance implies, with Student's quantile (Korn and Graubard, 1998; Franco et al., 2019), on the support scaled
    to (0, 1); it stays inside the support. Chosen by simulation, benchmarks/interval_coverage.py: 93 to 97 %,
    within the error of the simulation, in 97 % of 768 settings. Too narrow where up to 30 documents are right or wrong
    as wholes at a rate near 0.9 (79 to 93 % at an ICC of 0.5) or 8 at any rate (89 %): failures that none of the
    documents shows leave no trace. Too wide, up to 99.7 %, where few documents hold any difference at all.

    Method `constant`: equal values show no variance, yet the interval must not have width 0. The share of questions
    with another value gets Wilson's upper bound at none seen (a rule of three), and those may lie anywhere in
    the support. Such data cannot show a correlation, so the highest that was simulated is assumed, CONSTANT_ICC:
    100 right of 100 in 10 documents gives [0.83, 1].

    One cluster, or a constant without a support: no interval, and the reason.
    """
    x = _checked(values, "values")
    group = _codes(clusters, len(x))
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    if support and (x.min() < support[0] or x.max() > support[1]):
        raise ValueError(f"values from {x.min():g} to {x.max():g} outside the support {support}; state it, or None")
    size = np.bincount(group).astype(np.float64)
    mean, n, g = float(x.mean()), len(x), len(size)
    if g == 1:
        return Interval(mean, None, None, n, g, "none", "one cluster: nothing shows how documents differ")
    lo, hi = support or (0.0, 0.0)
    # Not == 0: a rounding error is no variance.
    if np.ptp(x) <= 1e-12 * max(hi - lo, float(np.abs(x).max())):
        if not support:
            return Interval(mean, None, None, n, g, "none", "all values are equal and their range is unknown")
        z2, design = _t_quantile(math.inf, level) ** 2, float(size @ (1 + (size - 1) * CONSTANT_ICC)) / n
        other = z2 / (z2 + n / design)
        return Interval(mean, mean - other * (mean - lo), mean + other * (hi - mean), n, g, "constant")
    variance, df = _cr2(x - mean, group, size)
    t = _t_quantile(df, level)
    if not support:
        half = t * math.sqrt(variance)
        return Interval(mean, mean - half, mean + half, n, g, "cr2-t")
    p, width = (mean - lo) / (hi - lo), hi - lo
    shrink = t * t * variance / width**2 / (p * (1 - p))  # t^2 over the effective sample size
    centre = (p + shrink / 2) / (1 + shrink)
    half = math.sqrt(shrink * p * (1 - p) + shrink**2 / 4) / (1 + shrink)
    return Interval(mean, lo + width * (centre - half), lo + width * (centre + half), n, g, "cr2-wilson")


def paired_counts(a: Sequence[float], b: Sequence[float]) -> PairedCounts:
    """Which arm scored higher, question by question; the four counts add up to n."""
    x, y = _pair(a, b)
    gain = _difference(x, y)
    counts = (gain > 0, gain < 0, (gain == 0) & (x > 0), (gain == 0) & (x <= 0))
    return PairedCounts(*(int(np.count_nonzero(c)) for c in counts))


def paired_test(a: Sequence[float], b: Sequence[float], clusters: Sequence[Hashable]) -> PairedTest:
    """Sign-flip permutation test of mean(a) = mean(b), whole clusters flipped together, two-sided.

    Under the null hypothesis the arms are exchangeable within a document, so each cluster's summed difference is as
    likely with either sign. Up to EXACT_CLUSTERS clusters with a difference every pattern is counted; beyond, DRAWS
    seeded ones, with p = (1 + as extreme) / (1 + drawn), which never is 0 (Phipson and Smyth, 2010).
    """
    x, y = _pair(a, b)
    sums = np.bincount(_codes(clusters, len(x)), weights=_difference(x, y))
    tolerance = 1e-9 * float(np.abs(sums).sum())
    sums = sums[np.abs(sums) > tolerance]  # flipping a sum of 0 changes nothing
    observed = abs(float(sums.sum())) - tolerance
    if len(sums) == 0:
        return PairedTest(1.0, "sign-flip exact")
    if len(sums) <= EXACT_CLUSTERS:
        patterns = sums[:1]  # the first sign stays: a pattern and its mirror image are equally extreme
        for s in sums[1:]:
            patterns = np.concatenate([patterns + s, patterns - s])
        return PairedTest(float(np.mean(np.abs(patterns) >= observed)), "sign-flip exact")
    # A byte of the generator flips eight clusters at once: its sum is looked up, not computed.
    padded = np.concatenate([sums, np.zeros(-len(sums) % 8)]).reshape(-1, 8)
    signs = 1.0 - 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    drawn = np.random.default_rng(SEED).integers(0, 256, (len(padded), DRAWS), dtype=np.uint8)
    flipped = np.zeros(DRAWS)
    for lookup, draws in zip(padded @ signs.T, drawn, strict=True):
        flipped += lookup[draws]
    extreme = int(np.count_nonzero(np.abs(flipped) >= observed))
    return PairedTest((1 + extreme) / (1 + DRAWS), "sign-flip Monte Carlo")


def compare(
    a: Sequence[float],
    b: Sequence[float],
    clusters: Sequence[Hashable],
    binary: bool,
    *,
    support: tuple[float, float] | None = (-1.0, 1.0),
) -> Comparison:
    """Compare two arms on the same questions; scores in [0, 1], or of any size with a `support` of None.

    `binary`: scores are 0 or 1 and the test is the exact McNemar; otherwise it is `paired_test`. The interval of the
    difference is clustered either way, so with strong correlation it can hold 0 where McNemar's p is small.
    """
    x, y = _pair(a, b)
    if binary and not np.isin(np.concatenate([x, y]), (0.0, 1.0)).all():
        raise ValueError("binary scores must be 0 or 1")
    counts = paired_counts(a, b)
    if binary:
        test = PairedTest(mcnemar_exact(counts.a_only, counts.b_only), "mcnemar exact")
    else:
        test = paired_test(a, b, clusters)
    diff = clustered_mean(_difference(x, y).tolist(), clusters, support=support)
    return Comparison(
        n=len(x),
        mean_a=float(x.mean()),
        mean_b=float(y.mean()),
        diff=diff.mean,
        ci_low=diff.low,
        ci_high=diff.high,
        a_only=counts.a_only,
        b_only=counts.b_only,
        p_value=test.p_value,
        test=test.test,
    )


def oracle_regret(table: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Per arm, what the best arm for each question would have gained on average: mean of (max over arms - arm)."""
    if not table:
        raise ValueError("no arm to compare")
    if len({len(scores) for scores in table.values()}) > 1:
        raise ValueError(f"arms differ in coverage: { {name: len(s) for name, s in table.items()} }")
    arms = {name: _checked(scores, name) for name, scores in table.items()}
    best = np.max(np.stack(list(arms.values())), axis=0)
    return {name: float(np.mean(best - scores)) for name, scores in arms.items()}


def _cr2(residual: Floats, group: NDArray[np.intp], size: Floats) -> tuple[float, float]:
    """Variance of the mean and its degrees of freedom; `group` codes 0..G-1, `size` (G,) their numbers of values.

    One regressor, the constant, so every matrix of the general formulae is a vector: leverage h = size / n.
    """
    n, g = len(residual), len(size)
    h = size / n
    sums = np.bincount(group, weights=residual)
    squares = sums**2 / (1 - h)
    variance, spread = float(squares.sum()) / n**2, float(residual @ residual)
    if variance * n**2 < 1e-12 * spread:
        # Every cluster has the same mean to the last bit. That is luck, not knowledge: take questions as independent.
        return spread / (n * (n - 1)), g - 1
    # Intracluster correlation by one-way analysis of variance, cut to [0, 1].
    between = float((sums**2 / size).sum())
    within = (spread - between) / (n - g) if n > g else 0.0
    between, mean_size = between / (g - 1), (n - float(size @ size) / n) / (g - 1)
    total = between + (mean_size - 1) * within
    rho = min(1.0, max(0.0, (between - within) / total)) if n > g and total > 0 else 0.0
    # trace(B)^2 / trace(B^2) with B the covariance of the corrected sums; tau (G,) variance of a cluster sum.
    tau, c = size * (1 + (size - 1) * rho), 1 / (1 - h)
    whole = float(tau.sum())
    shared = h * h * whole - 2 * h * tau
    hh, tt, ht = float(c @ (h * h)), float(c @ (tau * tau)), float(c @ (h * tau))
    trace = float(c @ (tau + shared))
    trace_of_square = (
        2 * hh * tt + (whole * hh) ** 2 + 2 * ht**2 - 4 * whole * hh * ht
        + float((c * c) @ (tau * tau + 2 * tau * shared))
    )  # fmt: skip
    df = trace**2 / trace_of_square
    second = float(squares.sum())
    scatter = float(squares @ squares) - second**2 / g
    if scatter * df > 2 * second**2:
        df = 2 * second**2 / scatter
    return variance, df


def _t_quantile(df: float, level: float) -> float:
    from scipy.special import ndtri, stdtrit

    return float(ndtri((1 + level) / 2) if math.isinf(df) else stdtrit(df, (1 + level) / 2))


def _codes(clusters: Sequence[Hashable], n: int) -> NDArray[np.intp]:
    if len(clusters) != n:
        raise ValueError(f"{n} values but {len(clusters)} clusters")
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(c, len(seen)) for c in clusters], dtype=np.intp)


def _checked(values: Sequence[float], name: str) -> Floats:
    x = np.asarray(values, dtype=np.float64)  # None becomes NaN
    if x.ndim != 1 or len(x) == 0:
        raise ValueError(f"{name}: one value per question is needed, got shape {x.shape}")
    missing = np.flatnonzero(~np.isfinite(x))
    if len(missing):
        raise ValueError(f"{name}: {len(missing)} of {len(x)} values missing or not finite, first at {missing[0]}")
    return x


def _pair(a: Sequence[float], b: Sequence[float]) -> tuple[Floats, Floats]:
    x, y = _checked(a, "a"), _checked(b, "b")
    if len(x) != len(y):
        raise ValueError(f"arms differ in coverage: {len(x)} and {len(y)} values")
    return x, y


def _difference(x: Floats, y: Floats) -> Floats:
    """x - y, with equal scores that were summed in another order (0.1 + 0.2 and 0.3) kept equal."""
    return np.where(np.abs(x - y) <= 1e-12, 0.0, x - y)
