"""What a decision costs, and whether a broken policy file can do harm: `python -m benchmarks.policy [--fuzz [N]]`.

The decision is that of a drawn policy of 200 trees of depth 6 over 100 named features and 12 columns made of 30 hashed
n-grams in 2^13 buckets, 2 factors and 2 routes, from a mapping of features that was just made. Beside it scikit-learn's
prediction of one row, by as many trees of that depth, in turns, so that another program's load falls on all alike, and
on one thread, as threads cost a single row more than they bring. Theirs gets the row ready, ours makes it. Learners fit
HistGradientBoosting and ExtraTrees; GradientBoosting, which takes no missing value, is the quickest of scikit-learn's.
--fuzz parses N (10,000) mutated files instead, half of them sealed again with right digests: each must be refused with
a UserError or be loaded and decide, without running, opening or importing anything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks.bench import Row, report, seconds
from pipeline.core.errors import UserError
from pipeline.policy._tree import sha256
from pipeline.policy.check import check
from pipeline.policy.file import parse_policy, policy_bytes
from pipeline.policy.models import Constant, Linear, Neighbours, Trees
from pipeline.policy.policy import Encoder, Head, Policy, RoutePrice, Setting, Step
from pipeline.policy.projection import NGRAM, VECTOR, Projection

TREES, DEPTH, FEATURES, FACTORS = 200, 6, 100, 2
BITS, COLUMNS, WORDS = 13, 12, 30  # 2^bits buckets of n-grams, columns made of them, buckets that a question fills


def drawn_trees(rng: np.random.Generator, trees: int, depth: int, features: int, factors: int) -> Trees:
    shape = (trees, 2**depth - 1)
    threshold = np.where(rng.random(shape) < 0.1, np.inf, rng.standard_normal(shape))
    leaf = rng.standard_normal((trees, 2**depth, factors)) / trees
    return Trees(rng.integers(0, features, shape), threshold, rng.random(shape) < 0.5, leaf)


def drawn_projections(rng: np.random.Generator, bits: int, columns: int, dimensions: int) -> tuple[Projection, ...]:
    """Of n-grams, and of the vector where it has dimensions."""
    idf, size = rng.uniform(1, 8, 2**bits), columns if dimensions else 0
    words = Projection(NGRAM, idf, rng.standard_normal((columns, 2**bits)), rng.standard_normal(columns))
    vector = Projection(VECTOR, [], rng.standard_normal((size, dimensions)), rng.standard_normal(size))
    return (words, vector) if dimensions else (words,)


def drawn_policy(
    seed: int,
    *,
    features: int = 6,
    trees: int = 3,
    depth: int = 2,
    factors: int = 2,
    every_model: bool = True,
    bits: int = 4,
    columns: int = 2,
    dimensions: int = 3,
) -> Policy:
    """A policy over two routes with a step before and one after the cheap route, and golden examples."""
    rng = np.random.default_rng(seed)
    names = ("document.tokens", *(f"question.f{i}" for i in range(features - 1)))
    low, high = np.full(features, -2.0), np.full(features, 2.0)
    low[0], high[0] = 100, 100_000

    def head() -> Head:
        knots = [np.sort(rng.standard_normal(5)) for _ in range(2)]
        return Head(
            rng.standard_normal((2, factors)), rng.standard_normal(2), tuple(knots), tuple(np.sort(rng.random((2, 5))))
        )

    def step(after: str) -> Step:
        projections = drawn_projections(rng, bits, columns, dimensions)
        width = features + sum(len(p.bias) for p in projections)
        scaling = np.zeros(width), np.where(np.arange(width) == 0, 20_000.0, 1.0)
        others = (
            Constant(rng.standard_normal(factors)),
            Linear(*scaling, rng.standard_normal((factors, width)) / 10, rng.standard_normal(factors)),
            Neighbours(*scaling, rng.standard_normal((7, width)), rng.standard_normal((7, factors)), 3),
        )
        models = (drawn_trees(rng, trees, depth, width, factors), *(others if every_model else ()))
        fill, readers = np.where(low > 0, 5000.0, 0.0), {"": head(), "small": head()}
        return Step(after, names, low, high, fill, models, readers, projections)

    policy = Policy(
        name=f"drawn-{seed}",
        routes=(RoutePrice("rag", 0.001), RoutePrice("lc", 0.0, 0.002, {"order": "document"})),
        steps=(step(""), step("rag")),
        settings=(
            Setting("balanced", {"": 1.5, "small": 0.5}, lc_share=0.4, quality=0.71, cost=0.01),
            Setting("cheap", {"": 9.0}, start="rag", cascade=True, floor={"margin": 0.01, "risk": 0.05}),
        ),
        fallback="rag",
        encoder=Encoder("minilm", dimensions, "ab" * 32),
        provenance={"data": "drawn", "seed": seed, "by": [1, 2.5, None, True]},
        held_out=(dict(zip(_ROW, ("small", "balanced", 0.7, 0.01, 0.4, 0.02, 0.01, 0.03), strict=True)),),
    )
    examples = []
    for i in range(6):
        given = drawn_features(rng, policy)
        asked: dict[str, str] = [{}, {"reader": "small"}, {"setting": "cheap"}, {"after": "rag"}][i % 4]
        examples.append(policy.example(given, **asked))
    return replace(policy, golden=tuple(examples))


_ROW = ("reader", "setting", "quality", "cost", "lc_share", "gain", "ci_low", "ci_high")


def drawn_features(rng: np.random.Generator, policy: Policy) -> dict[str, float]:
    """Within the training range, one in ten not known; counts of some n-grams, and the vector, where they are read."""
    step = policy.steps[0]
    x = rng.uniform(step.low, step.high)
    x[rng.random(len(x)) < 0.1] = np.nan
    named = dict(zip(step.features, x.tolist(), strict=True))
    size = policy.size(NGRAM)
    buckets = rng.choice(size, min(WORDS, size // 2), replace=False).tolist()
    vector = rng.standard_normal(policy.size(VECTOR)).tolist()
    words = {f"{NGRAM}{b}": float(rng.integers(1, 4)) for b in buckets}
    return named | words | {f"{VECTOR}{i}": v for i, v in enumerate(vector)}


# -- mutated files ----------------------------------------------------------------------------------------------------

_ODD: tuple[Any, ...] = (
    *(None, True, False, "", "x", "\ud800", "1", "__class__", "os.system('x')", 0, 1, -1, 2, 0.5, 10**40, -(10**400)),
    *(1e308, -1e308, 5e-324, 1e30, float("nan"), float("inf"), float("-inf"), [], {}, [[]], [0.0], {"": 0.0}),
    *("\x00", 2**31, 2**63, [[[[1.0]]]]),
)


def mutated(raw: bytes, seed: int) -> bytes:
    """The file with one to three faults drawn by the seed: in its bytes, or in its values and then sealed again."""
    rng = np.random.default_rng(seed)
    if rng.random() < 0.3:
        for _ in range(rng.integers(1, 4)):
            raw = _bytes_mutated(raw, rng)
        return raw
    tree = json.loads(raw)
    for _ in range(rng.integers(1, 4)):
        _value_mutated(tree, rng)
    if rng.random() < 0.7 and isinstance(tree.get("steps"), list):
        tree["features_digest"] = sha256([s.get("features") if isinstance(s, dict) else s for s in tree["steps"]])
        tree["digest"] = sha256({k: v for k, v in tree.items() if k != "digest"})
    text = json.dumps(tree)
    if rng.random() < 0.05:
        text = text.replace("{", '{"name": 1, ', 1)
    if rng.random() < 0.05:
        text = text.replace("[", "[" * 5000, 1)
    if rng.random() < 0.05:
        text = text.replace("0.", "1e999, 0.", 1)
    return text.encode()


def _bytes_mutated(raw: bytes, rng: np.random.Generator) -> bytes:
    at, to = sorted(int(i) for i in rng.integers(0, len(raw) + 1, 2))
    to = min(to, at + int(rng.integers(1, 200)))
    kind = rng.integers(0, 5)
    if kind == 0:
        return raw[:at]
    if kind == 1:
        return raw[:at] + raw[to:]
    if kind == 2:
        return raw[:to] + raw[at:]
    if kind == 3:
        return raw[:at] + rng.bytes(3) + raw[at:]
    flipped = bytearray(raw)
    if at < len(flipped):
        flipped[at] ^= 1 << int(rng.integers(0, 8))
    return bytes(flipped)


def _value_mutated(tree: Any, rng: np.random.Generator) -> None:
    at = tree
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = keys[int(rng.integers(0, len(keys)))]
        if isinstance(at[key], dict | list) and len(at[key]) and rng.random() < 0.85:
            at = at[key]
            continue
        break
    kind = rng.integers(0, 6)
    if kind == 0:
        del at[key]
    elif kind == 1 and isinstance(at, dict):
        at[f"{key}x"] = at.pop(key)
    elif kind == 1:
        at.append(at[key])
    elif kind == 2 and isinstance(at[key], float):
        at[key] *= float(rng.choice([-1.0, 1.01, 1e6, 1e-6, 1e29]))
    elif kind == 3 and isinstance(at, list):
        at.reverse()
    elif kind == 4:
        other = keys[int(rng.integers(0, len(keys)))]
        at[key], at[other] = at[other], at[key]
    else:
        at[key] = _ODD[int(rng.integers(0, len(_ODD)))]


def outcome(raw: bytes) -> str:
    """`refused` or `decides`; anything else that is raised is a defect, and so is an overflow."""
    try:
        policy = parse_policy(raw, where="policy.json", known=lambda name: not name.endswith("x"))
    except UserError as e:
        assert len(str(e)) < 2000 and "\n" not in str(e), "the reason is one line"
        return "refused"
    rng = np.random.default_rng(0)
    given = drawn_features(rng, policy)
    wild = dict.fromkeys(given, 1e308) | {"document.tokens": float("inf")}
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        check(policy)
        for setting in policy.settings:
            for features in (given, wild, {}):
                for reader in ("", "small", "never seen"):
                    for step in policy.steps:
                        if step.after or not setting.start:
                            decision = policy.decide(features, reader=reader, setting=setting.name, after=step.after)
                            assert decision.route in {r.name for r in policy.routes}
                            assert all(0 <= q <= 1 for q in decision.expected.values())
                            assert decision.reason
    return "decides"


_WATCHED = ("exec", "compile", "open", "import", "os.", "subprocess.", "pickle.", "socket.", "ctypes.", "marshal.")
_events: list[str] = []
_watching = False


def _hear(event: str, args: Any) -> None:
    if _watching and event.startswith(_WATCHED):
        _events.append(event)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Events of the interpreter meanwhile that would be the running of code: empty where nothing ran."""
    global _watching
    if not _events and not getattr(watched, "installed", False):
        sys.addaudithook(_hear)
        watched.installed = True  # type: ignore[attr-defined]
    _events.clear()
    _watching = True
    try:
        yield _events
    finally:
        _watching = False


def fuzz(count: int) -> None:
    """Parse `count` mutated files and tell what became of them."""
    files = [policy_bytes(drawn_policy(s)) for s in range(3)]
    for raw in files:
        assert outcome(raw) == "decides"
    found = {"refused": 0, "decides": 0}
    slowest, start = 0.0, time.perf_counter()
    with watched() as events:
        for seed in range(count):
            begun = time.perf_counter()
            found[outcome(mutated(files[seed % len(files)], seed))] += 1
            slowest = max(slowest, time.perf_counter() - begun)
    print(f"{count} mutated files in {time.perf_counter() - start:.1f} s: {found}; slowest {1000 * slowest:.0f} ms")
    print(f"code run, files opened, modules imported: {len(events)} {sorted(set(events))}")
    if events or min(found.values()) == 0:
        raise SystemExit(1)


# -- time -------------------------------------------------------------------------------------------------------------


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # before scikit-learn is loaded
    from sklearn.ensemble import (
        ExtraTreesRegressor,
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
    )

    sizes = {"features": FEATURES, "trees": TREES, "depth": DEPTH, "factors": FACTORS}
    policy = drawn_policy(0, **sizes, every_model=False, bits=BITS, columns=COLUMNS, dimensions=0)
    rng = np.random.default_rng(1)
    asked = [drawn_features(rng, policy) for _ in range(200)]
    x = rng.standard_normal((1000, FEATURES + COLUMNS))
    y = (x[:, 0] * x[:, 1] + rng.standard_normal(1000) > 0).astype(int)
    boosted = GradientBoostingClassifier(n_estimators=TREES, max_depth=DEPTH, max_features=0.1, random_state=0).fit(
        x, y
    )
    binned = HistGradientBoostingClassifier(max_iter=TREES, max_depth=DEPTH, early_stopping=False).fit(x, y)

    random = ExtraTreesRegressor(TREES, max_depth=DEPTH, n_jobs=1, random_state=0).fit(x, np.stack([y, 1 - y], axis=1))

    def spent(work: Any, given: list[Any]) -> float:
        """Median microseconds of a call."""
        times = []
        for one in given:
            one = one.copy()  # just made, as features are when they are asked about
            start = time.perf_counter()
            work(one)
            times.append(time.perf_counter() - start)
        return 1e6 * median(times)

    rows_of = [x[i : i + 1] for i in range(50)]
    ours, told, fast, slow, spread = [], [], [], [], []
    for _ in range(7):
        ours.append(spent(policy.decide, asked))
        told.append(spent(lambda f: policy.decide(f).reason, asked))
        fast.append(spent(boosted.predict_proba, rows_of))
        slow.append(spent(binned.predict_proba, rows_of[:20]))
        spread.append(spent(random.predict, rows_of[:20]))
    mine, with_reason, gb, hist, extra = (float(np.median(t)) for t in (ours, told, fast, slow, spread))
    raw = policy_bytes(policy)
    script = "import time; s = time.perf_counter(); import pipeline.policy.file; print(time.perf_counter() - s)"
    loaded = [float(subprocess.check_output([sys.executable, "-c", script])) for _ in range(5)]
    bare = script.replace("pipeline.policy.file", "numpy")
    numpy_alone = [float(subprocess.check_output([sys.executable, "-c", bare])) for _ in range(5)]
    reading = seconds(lambda: parse_policy(raw, where="policy.json", known=lambda name: True))
    report(
        "policy",
        [
            Row("a decision", "us", mine, hist, "HistGradientBoostingClassifier.predict_proba, 1 row"),
            Row("a decision", "us", mine, extra, "ExtraTreesRegressor.predict, 1 row"),
            Row("a decision", "us", mine, gb, "GradientBoostingClassifier.predict_proba, 1 row"),
        ],
        [
            f"bar: {mine:.1f} us of 50, the quietest round {min(ours):.1f}; with the reason read {with_reason:.1f} us",
            f"bar 1/20: HistGradientBoosting 1/{hist / mine:.1f}, ExtraTrees 1/{extra / mine:.1f}, "
            f"GradientBoosting 1/{gb / mine:.1f}",
            f"importing the evaluator {median(loaded):.3f} s of 0.15, of which numpy alone {median(numpy_alone):.3f} s",
            f"reading the file of {len(raw) / 1e6:.2f} MB {1000 * reading:.0f} ms",
        ],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fuzz", nargs="?", type=int, const=10_000, metavar="N")
    given = parser.parse_args()
    if given.fuzz:
        fuzz(given.fuzz)
    else:
        main()
