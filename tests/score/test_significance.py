"""Statistics: known values, scipy, dense matrices, enumeration, simulated coverage, and the edges."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from pipeline.score.significance import (
    clustered_mean,
    compare,
    holm,
    mcnemar_exact,
    oracle_regret,
    paired_counts,
    paired_test,
)


@pytest.mark.parametrize(
    ("b", "c", "p"), [(14, 52, 2.82e-6), (51, 8, 9.05e-9), (27, 19, 0.302), (2, 8, 0.109), (12, 4, 0.0768)]
)
def test_mcnemar_known_values(b: int, c: int, p: float) -> None:
    assert mcnemar_exact(b, c) == pytest.approx(p, rel=5e-3)
    assert mcnemar_exact(c, b) == mcnemar_exact(b, c)


def test_mcnemar_equals_scipy() -> None:
    for b, c in [*itertools.product(range(21), repeat=2), (700, 650), (1200, 1)]:
        expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
        assert mcnemar_exact(b, c) == pytest.approx(expected, rel=1e-9), (b, c)


@pytest.mark.parametrize(("b", "c"), [(-1, 3), (2, 1.5)])
def test_mcnemar_refuses_what_is_no_count(b: int, c: int) -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        mcnemar_exact(b, c)


def test_holm_by_hand() -> None:
    # sorted .005 .01 .03 .04: 4 x .005 = .02; 3 x .01 = .03; 2 x .03 = .06; .04 is lifted to .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
    for bad in ([0.5, math.nan], [-0.1], [1.1]):
        with pytest.raises(ValueError, match="p-values"):
            holm(bad)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_raw_and_bonferroni_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    for raw, new in zip(p, adjusted, strict=True):
        assert raw <= new <= min(1, len(p) * raw)
    assert [adjusted[i] for i in np.argsort(p, kind="stable")] == sorted(adjusted)


def dense_interval(x: NDArray[np.float64], codes: NDArray[np.int64]) -> tuple[float, float]:
    """CR2 interval of a mean with full matrices: the general regression formulae, nothing simplified."""
    n, labels = len(x), np.unique(codes)
    ones = np.ones((n, 1))
    hat = ones @ ones.T / n
    residual = (np.eye(n) - hat) @ x
    parts, columns = [], []
    for label in labels:
        rows = codes == label
        eigenvalues, vectors = np.linalg.eigh(np.eye(rows.sum()) - hat[np.ix_(rows, rows)])
        root = vectors @ np.diag(eigenvalues**-0.5) @ vectors.T
        weights = (np.eye(n) - hat)[rows].T @ root @ ones[rows] / n
        columns.append(weights[:, 0])
        parts.append(float((ones[rows].T @ root @ residual[rows])[0]) / n)
    variance = sum(p**2 for p in parts)
    sizes = np.array([(codes == label).sum() for label in labels])
    means = np.array([x[codes == label].mean() for label in labels])
    msb = (sizes * (means - x.mean()) ** 2).sum() / (len(labels) - 1)
    msw = sum(((x[codes == label] - x[codes == label].mean()) ** 2).sum() for label in labels) / (n - len(labels))
    typical = (n - (sizes**2).sum() / n) / (len(labels) - 1)
    rho = min(1, max(0, (msb - msw) / (msb + (typical - 1) * msw)))
    omega = np.where(codes[:, None] == codes[None, :], rho, 0.0) + (1 - rho) * np.eye(n)
    between = np.array(columns) @ omega @ np.array(columns).T
    model_df = np.trace(between) ** 2 / np.trace(between @ between)
    q = np.array(parts) ** 2
    moment_df = 2 * q.sum() ** 2 / ((q**2).sum() - q.sum() ** 2 / len(q))
    half = stats.t.ppf(0.975, min(model_df, moment_df)) * math.sqrt(variance)
    return x.mean() - half, x.mean() + half


@pytest.mark.parametrize("seed", range(12))
def test_interval_equals_the_dense_formulae(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(7), rng.integers(1, 9, 7))
    x = rng.normal(size=7)[codes] * (seed % 3) + rng.normal(size=len(codes))
    if seed >= 8:  # one document unlike all others: the degrees of freedom come from the fourth moments
        x[codes == 0] += 9
    ours = clustered_mean(x.tolist(), codes.tolist(), support=None)
    assert ours.method == "cr2-t"
    assert (ours.low, ours.high) == pytest.approx(dense_interval(x, codes), rel=1e-9)


def test_wilson_by_root_finding() -> None:
    """The bounds are where |mean - p| = t sqrt(p (1 - p) / n_eff), with the variance that the t interval shows."""
    x, codes = [1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    plain, wilson = clustered_mean(x, codes, support=None), clustered_mean(x, codes)
    assert plain.high is not None and wilson.low is not None and wilson.high is not None
    p = plain.mean
    t2_over_n = (plain.high - p) ** 2 / (p * (1 - p))
    for bound in (wilson.low, wilson.high):
        assert (p - bound) ** 2 == pytest.approx(t2_over_n * bound * (1 - bound))


def simulate(
    seed: int, clusters: int, sizes: str, icc: float, rates: Sequence[float], repeats: int
) -> tuple[float, float]:
    """Coverage of our interval and of Student's for independent values; rates of +1, -1 and 0."""
    rng = np.random.default_rng(seed)
    p, truth, ours, naive = np.array(rates), rates[0] - rates[1], 0, 0
    support = (-1.0, 1.0) if rates[1] else (0.0, 1.0)
    for _ in range(repeats):
        size = np.full(clusters, 10) if sizes == "equal" else rng.integers(1, 25, clusters)
        own = rng.dirichlet(p[p > 0] * (1 - icc) / icc, clusters) if icc else np.tile(p[p > 0], (clusters, 1))
        values = np.array([1.0, -1.0, 0.0])[p > 0]
        x = np.concatenate([np.repeat(values, rng.multinomial(s, q)) for s, q in zip(size, own, strict=True)])
        interval = clustered_mean(x.tolist(), np.repeat(np.arange(clusters), size).tolist(), support=support)
        assert interval.low is not None and interval.high is not None
        ours += interval.low - 1e-12 <= truth <= interval.high + 1e-12
        naive += abs(x.mean() - truth) <= 1.96 * x.std(ddof=1) / math.sqrt(len(x))
    return ours / repeats, naive / repeats


@pytest.mark.parametrize(
    ("clusters", "sizes", "icc", "rates"),
    [
        (8, "equal", 0.25, (0.6, 0, 0.4)),
        (8, "unequal", 0.1, (0.9, 0, 0.1)),
        (15, "unequal", 0.1, (0.3, 0, 0.7)),
        (15, "equal", 0.5, (0.7, 0, 0.3)),
        (30, "unequal", 0.5, (0.5, 0, 0.5)),
        (60, "unequal", 0.25, (0.9, 0, 0.1)),
        (8, "equal", 0.5, (0.9, 0, 0.1)),
        (8, "unequal", 0.0, (0.25, 0.1, 0.65)),
        (15, "unequal", 0.1, (0.1, 0.1, 0.8)),
        (30, "equal", 0.25, (0.25, 0.1, 0.65)),
        (60, "unequal", 0.5, (0.4, 0.2, 0.4)),
    ],
)
def test_coverage_is_95_percent(clusters: int, sizes: str, icc: float, rates: Sequence[float]) -> None:
    ours, naive = simulate(11, clusters, sizes, icc, rates, 2000)
    assert 0.93 <= ours <= 0.97
    assert icc < 0.25 or naive < 0.85  # else these data could not tell a clustered interval from another


def test_one_cluster_has_no_interval_and_says_why() -> None:
    interval = clustered_mean([1, 0, 1], ["d", "d", "d"])
    assert interval.mean == pytest.approx(2 / 3)
    assert (interval.low, interval.high, interval.clusters) == (None, None, 1)
    assert "one cluster" in interval.reason
    assert compare([1, 0], [0, 0], ["d", "d"], binary=True).ci_low is None


def test_equal_values_do_not_give_a_point() -> None:
    documents = np.repeat(np.arange(10), 10).tolist()
    perfect = clustered_mean([1] * 100, documents)
    assert perfect.high == 1 and perfect.low == pytest.approx(0.8256, abs=1e-4)  # 1.96^2 / (1.96^2 + 100 / 5.5)
    none = clustered_mean([0] * 100, documents)
    assert none.low == 0 and none.high == pytest.approx(1 - 0.8256, abs=1e-4)
    alone = clustered_mean([1] * 100, range(100))
    assert alone.low == pytest.approx(stats.binomtest(100, 100).proportion_ci(0.95, "wilson").low)
    same = compare([0.3] * 100, [0.1 + 0.2] * 100, documents, binary=False)  # equal but for a rounding error
    assert (same.ci_low, same.ci_high) == pytest.approx((-0.1744, 0.1744), abs=1e-4)
    assert (same.a_only, same.b_only, same.p_value) == (0, 0, 1)
    unbounded = clustered_mean([7.0] * 4, "aabb", support=None)
    assert unbounded.low is None and "equal" in unbounded.reason


def test_equal_document_means_do_not_give_a_point() -> None:
    interval = clustered_mean([1, 0] * 40, np.repeat(np.arange(8), 10).tolist())
    assert interval.low is not None and interval.high is not None
    assert interval.high - interval.low > 0.2  # 80 independent coin flips: 0.22 at least


values01 = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 5)), min_size=2, max_size=40)


@given(values01, st.randoms(use_true_random=False))
def test_interval_laws(pairs: list[tuple[float, int]], shuffler: object) -> None:
    x, codes = [p[0] for p in pairs], [p[1] for p in pairs]
    interval = clustered_mean(x, codes)
    assert interval.mean == pytest.approx(sum(x) / len(x))
    assert (interval.n, interval.clusters) == (len(x), len(set(codes)))
    if interval.low is None or interval.high is None:
        assert interval.clusters == 1
        return
    assert -1e-9 <= interval.low <= interval.mean + 1e-9
    assert interval.mean - 1e-9 <= interval.high <= 1 + 1e-9
    assert interval.high > interval.low
    again = clustered_mean(x[::-1], [f"doc {c}" for c in codes[::-1]])  # neither order nor names matter
    assert (again.low, again.high) == pytest.approx((interval.low, interval.high), abs=1e-6)
    mirrored = clustered_mean([1 - v for v in x], codes)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - interval.high, 1 - interval.low), abs=1e-6)
    wider = clustered_mean(x, codes, level=0.99)
    assert wider.low is not None and wider.low <= interval.low + 1e-9


def test_sign_flip_equals_enumeration() -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        g = int(rng.integers(2, 9))
        codes = np.concatenate([np.arange(g), rng.integers(0, g, 12)])
        a, b = rng.choice([0, 0.2, 0.5, 1], len(codes)), rng.choice([0, 0.2, 0.5, 1], len(codes))
        sums = [float((a - b)[codes == c].sum()) for c in range(g)]
        flips = [
            abs(sum(s * d for s, d in zip(signs, sums, strict=True))) for signs in itertools.product((1, -1), repeat=g)
        ]
        expected = np.mean([f >= abs(sum(sums)) - 1e-9 for f in flips])
        result = paired_test(a.tolist(), b.tolist(), codes.tolist())
        assert result.p_value == pytest.approx(expected)
        assert result.test == "sign-flip exact"


def test_sign_flip_by_simulation_is_close_to_exact_and_repeatable() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.random(19) + 0.25, rng.random(19)
    signs = 1 - 2 * ((np.arange(2**19)[:, None] >> np.arange(19)) & 1)
    exact = np.mean(np.abs(signs @ (a - b)) >= abs((a - b).sum()) - 1e-9)
    result = paired_test(a.tolist(), b.tolist(), range(19))
    assert result.test == "sign-flip Monte Carlo"
    assert 0.001 < exact < 0.5
    assert abs(result.p_value - exact) < 4 * math.sqrt(exact * (1 - exact) / 9_999)
    assert paired_test(a.tolist(), b.tolist(), range(19)) == result
    assert paired_test([1.0] * 60, [0.0] * 60, range(60)).p_value == 1 / 10_000  # never 0


def test_sign_flip_moves_whole_documents() -> None:
    """Twenty questions of two documents are two observations: no p-value below 1/2 can come of them."""
    documents = ["x"] * 10 + ["y"] * 10
    assert paired_test([1.0] * 20, [0.0] * 20, documents).p_value == 0.5
    assert paired_test([1.0] * 16, [0.0] * 16, range(16)).p_value == 2 / 2**16


def test_compare_counts_and_signs() -> None:
    a, b = [1, 1, 1, 0, 0, 1], [1, 0, 0, 1, 0, 1]
    result = compare(a, b, [1, 1, 2, 2, 3, 3], binary=True)
    assert (result.n, result.a_only, result.b_only) == (6, 2, 1)
    assert (result.mean_a, result.mean_b, result.diff) == pytest.approx((4 / 6, 3 / 6, 1 / 6))
    assert result.p_value == mcnemar_exact(2, 1) and result.test == "mcnemar exact"
    counts = paired_counts(a, b)
    assert (counts.a_only, counts.b_only, counts.both, counts.neither) == (2, 1, 2, 1)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 5)), min_size=2, max_size=30),
    st.booleans(),
)
def test_swapping_the_arms_mirrors_the_comparison(rows: list[tuple[int, int, int]], binary: bool) -> None:
    scale = 1 if binary else 4
    a, b = [min(r[0], scale) / scale for r in rows], [min(r[1], scale) / scale for r in rows]
    codes = [r[2] for r in rows]
    one, two = compare(a, b, codes, binary), compare(b, a, codes, binary)
    assert (one.diff, one.a_only, one.b_only) == (-two.diff, two.b_only, two.a_only)
    assert one.p_value == pytest.approx(two.p_value)
    if one.ci_low is not None and one.ci_high is not None and two.ci_low is not None and two.ci_high is not None:
        assert (one.ci_low, one.ci_high) == pytest.approx((-two.ci_high, -two.ci_low), abs=1e-6)
        assert -1 - 1e-9 <= one.ci_low <= one.diff + 1e-9 and one.diff - 1e-9 <= one.ci_high <= 1 + 1e-9


def test_unequal_coverage_is_refused() -> None:
    with pytest.raises(ValueError, match="coverage: 3 and 2"):
        compare([1, 0, 1], [1, 0], [1, 2, 3], binary=True)
    with pytest.raises(ValueError, match="b: 1 of 3 values missing"):
        compare([1, 0, 1], [1, None, 0], [1, 2, 3], binary=True)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="3 values but 2 clusters"):
        compare([1, 0, 1], [1, 0, 0], [1, 2], binary=False)
    with pytest.raises(ValueError, match="values: 1 of 2 values missing or not finite, first at 1"):
        clustered_mean([0.5, math.nan], [1, 2])
    with pytest.raises(ValueError, match="one value per question"):
        clustered_mean([], [])
    with pytest.raises(ValueError, match="coverage"):
        oracle_regret({"lc": [1, 0], "rag": [1]})
    with pytest.raises(ValueError, match="rag: 1 of 2"):
        oracle_regret({"lc": [1.0, 0.0], "rag": [1.0, float("nan")]})


def test_scores_off_their_scale_are_refused() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        compare([1, 0.5], [1, 0], [1, 2], binary=True)
    with pytest.raises(ValueError, match="outside the support"):
        clustered_mean([0.5, 1.5], [1, 2])
    with pytest.raises(ValueError, match="level"):
        clustered_mean([0.5, 1], [1, 2], level=95)


def test_regret_by_hand() -> None:
    table: dict[str, list[float]] = {
        "lc": [1, 0, 0, 0.5],
        "rag": [0, 1, 0, 1],
        "none": [0, 0, 0, 0],
    }  # oracle: 1, 1, 0, 1
    assert oracle_regret(table) == pytest.approx({"lc": 1.5 / 4, "rag": 1 / 4, "none": 3 / 4})
    with pytest.raises(ValueError, match="no arm"):
        oracle_regret({})
