"""Simulated coverage of `clustered_mean`'s 95 % intervals, beside two peers, and the tests' false positives.

Run: python benchmarks/interval_coverage.py [replications, default 600]. Seeded; under four minutes on one core.

Two ways in which questions of one document are alike, both with the stated intracluster correlation exactly: `drift`,
every document has its own rates, Dirichlet around the overall ones (beta-binomial for two outcomes); `copy`, a
question repeats its document's one draw with probability sqrt(ICC). Peers: `iid`, Student's interval as if questions
were independent; `cr1`, the usual cluster-robust interval with G - 1 degrees of freedom. It knows no real data.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.score.significance import clustered_mean, mcnemar_exact, paired_counts, paired_test

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Outcome:
    name: str
    values: tuple[float, ...]
    rates: tuple[float, ...]

    @property
    def mean(self) -> float:
        return math.fsum(v * r for v, r in zip(self.values, self.rates, strict=True))

    @property
    def support(self) -> Bounds:
        return (-1.0, 1.0) if min(self.values) < 0 else (0.0, 1.0)


OUTCOMES = (
    *(Outcome(f"rate {p}", (1.0, 0.0), (p, 1 - p)) for p in (0.3, 0.5, 0.7, 0.9)),
    Outcome("F1-like", (0.0, 0.2, 0.4, 0.67, 1.0), (0.25, 0.15, 0.15, 0.2, 0.25)),
    Outcome("+.4 -.2", (1.0, -1.0, 0.0), (0.4, 0.2, 0.4)),
    Outcome("+.25 -.1", (1.0, -1.0, 0.0), (0.25, 0.1, 0.65)),
    Outcome("+.1 -.1", (1.0, -1.0, 0.0), (0.1, 0.1, 0.8)),
)
CLUSTERS, ICCS = (8, 15, 30, 60), (0.0, 0.1, 0.25, 0.5)
SIZES: dict[str, Callable[[np.random.Generator, int], NDArray[np.int64]]] = {
    "all 10": lambda rng, g: np.full(g, 10),
    "2 to 20": lambda rng, g: rng.integers(2, 21, g),
    "1 to 80": lambda rng, g: np.clip(np.round(rng.lognormal(1.9, 0.9, g)), 1, 80).astype(np.int64),
}


def draw(rng: np.random.Generator, outcome: Outcome, group: Codes, g: int, icc: float, kind: str) -> Floats:
    """One data set: a value per question, shape (n,); `group` holds the cluster of each, 0..g-1."""
    rates, values = np.array(outcome.rates), np.array(outcome.values, dtype=np.float64)
    if icc == 0:
        picked = rng.choice(len(rates), len(group), p=rates)
    elif kind == "drift":
        gamma = rng.gamma(rates * (1 - icc) / icc, size=(g, len(rates))) + 1e-300
        cumulative = np.cumsum(gamma / gamma.sum(axis=1, keepdims=True), axis=1)[group]
        picked = np.minimum((rng.random((len(group), 1)) > cumulative).sum(axis=1), len(rates) - 1)
    else:
        own, shared = rng.choice(len(rates), len(group), p=rates), rng.choice(len(rates), g, p=rates)[group]
        picked = np.where(rng.random(len(group)) < math.sqrt(icc), shared, own)
    drawn: Floats = np.take(values, picked)
    return drawn


@cache
def student_quantile(df: int) -> float:
    return float(student.ppf(0.975, df))


def iid(x: Floats, group: Codes) -> Bounds:
    half = student_quantile(len(x) - 1) * float(x.std(ddof=1)) / math.sqrt(len(x))
    return float(x.mean()) - half, float(x.mean()) + half


def cr1(x: Floats, group: Codes) -> Bounds:
    sums = np.bincount(group, weights=x - x.mean())
    g = len(sums)
    half = student_quantile(g - 1) * math.sqrt(float(sums @ sums) * g / (g - 1)) / len(x)
    return float(x.mean()) - half, float(x.mean()) + half


def coverage_table(kind: str, replications: int) -> dict[str, list[float]]:
    """Print one row per sizes, clusters and ICC; return every cell's coverage in percent, by method."""
    cells: dict[str, list[float]] = {"ours": [], "cr1": [], "iid": []}
    print(f"\n{kind}: coverage of the 95 % interval in percent, {replications} data sets per cell")
    print(f"{'sizes':<9}{'G':>3}{'ICC':>6}" + "".join(f"{o.name:>10}" for o in OUTCOMES))
    for sizes in SIZES:
        for g in CLUSTERS:
            for icc in ICCS:
                row = []
                for number, outcome in enumerate(OUTCOMES):
                    rng = np.random.default_rng([len(sizes), g, int(100 * icc), number, len(kind)])
                    hits = dict.fromkeys(cells, 0)
                    for _ in range(replications):
                        group = np.repeat(np.arange(g), SIZES[sizes](rng, g))
                        x = draw(rng, outcome, group, g, icc, kind)
                        interval = clustered_mean(x.tolist(), group.tolist(), support=outcome.support)
                        assert interval.low is not None and interval.high is not None
                        bounds = {"ours": (interval.low, interval.high), "cr1": cr1(x, group), "iid": iid(x, group)}
                        for name, (low, high) in bounds.items():
                            hits[name] += low - 1e-12 <= outcome.mean <= high + 1e-12
                    for name in cells:
                        cells[name].append(100 * hits[name] / replications)
                    row.append(cells["ours"][-1])
                print(f"{sizes:<9}{g:>3}{icc:>6}" + "".join(f"{c:>10.1f}" for c in row), flush=True)
    return cells


def summarise(cells: dict[str, list[float]], replications: int) -> None:
    slack = 196 * math.sqrt(0.95 * 0.05 / replications)  # two standard errors, in points
    for name, all_cells in cells.items():
        c = np.array(all_cells)
        inside, strictly = np.mean((c >= 93 - slack) & (c <= 97 + slack)), np.mean((c >= 93) & (c <= 97))
        print(
            f"{name:>5}: mean {c.mean():.1f}, from {c.min():.1f} to {c.max():.1f}; below 93-{slack:.1f}: "
            f"{np.sum(c < 93 - slack)}, above 97+{slack:.1f}: {np.sum(c > 97 + slack)}, inside: {100 * inside:.0f} % "
            f"(without the simulation's error: {100 * strictly:.0f} %)"
        )


def false_positives(replications: int) -> None:
    """How often each test finds p < 0.05 between equal arms: 10 questions per document, 30 % of them discordant."""
    print("\nfalse positives at the 5 % level, in percent, equal arms")
    print(f"{'G':>3}{'ICC':>6}{'mcnemar':>10}{'sign-flip':>11}")
    outcome = Outcome("equal", (1.0, -1.0, 0.0), (0.15, 0.15, 0.7))
    for g in CLUSTERS:
        for icc in ICCS:
            rng, group, hits = np.random.default_rng([g, int(100 * icc)]), np.repeat(np.arange(g), 10), [0, 0]
            for _ in range(replications):
                x = draw(rng, outcome, group, g, icc, "drift")
                a, b = (x > 0).astype(float).tolist(), (x < 0).astype(float).tolist()
                counts = paired_counts(a, b)
                hits[0] += mcnemar_exact(counts.a_only, counts.b_only) < 0.05
                hits[1] += paired_test(a, b, group.tolist()).p_value < 0.05
            print(f"{g:>3}{icc:>6}" + "".join(f"{100 * h / replications:>10.1f}" for h in hits), flush=True)


def main() -> None:
    replications = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    start = time.perf_counter()
    for kind in ("drift", "copy"):
        summarise(coverage_table(kind, replications), replications)
    false_positives(replications)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
