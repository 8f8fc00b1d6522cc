"""Has the world moved? A gateway's log of decisions against the policy that made them.

Three questions: do inputs leave the training range, have their distributions shifted, and, where users reported
outcomes, are answers as often right as the policy expects. It computes no feature and decides nothing; what the
numbers mean is `pipeline.policy.drift`'s affair.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pipeline.policy.drift import Outside, Period, Quality, Report, Shift, stability_index, wilson
from pipeline.policy.file import digest_of
from pipeline.policy.policy import Policy

_MARGIN = 0.1  # of the training range: what the policy itself takes for inside
_BINS = 10
_LEAST = 200  # values on each side of a comparison; of fewer, chance alone gives an index of 0.1
_PERIODS = 10
_LEAST_OUTCOMES = 20


def monitor(policy: Policy, lines: Iterable[str]) -> Report:
    """Compare a log, as `pipeline.gateway` writes it, with the policy. Lines that cannot be read are counted in notes.

    Shifts are measured against `policy.provenance["quantiles"]` (feature -> increasing edges of equally likely bins)
    where the policy states them, else the log's second half against its first. An outcome other than `right` counts as
    not right; of several for one request the last counts.
    """
    report = Report()
    requests, outcomes = _read(lines, digest_of(policy), report)
    report.requests = len(requests)
    if not requests:
        report.notes.append("the log holds no decision of this policy")
        return report
    _ranges(policy, requests, report)
    _shifts(policy, requests, report)
    _qualities(requests, outcomes, report)
    _gains(policy, requests, outcomes, report)
    return report


def _read(lines: Iterable[str], digest: str, report: Report) -> tuple[list[dict[str, Any]], dict[str, str]]:
    requests: list[dict[str, Any]] = []
    outcomes: dict[str, str] = {}
    left: Counter[str] = Counter()
    for line in lines:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or row.get("event") not in ("request", "feedback"):
            left["cannot be read"] += 1
        elif row["event"] == "feedback":
            outcomes[str(row.get("id"))] = str(row.get("outcome"))
        elif row.get("policy") != digest:
            left["are another policy's"] += 1
        elif row.get("features"):
            requests.append(row)
    report.notes += [f"{count} lines {why} and are left out" for why, count in left.items()]
    requests.sort(key=lambda r: float(r.get("time") or 0.0))
    return requests, outcomes


def _values(requests: Sequence[Mapping[str, Any]], feature: str) -> list[float | None]:
    """A feature of each request; None where it is not known."""
    found = [r["features"].get(feature) for r in requests]
    return [float(v) if isinstance(v, int | float) and math.isfinite(v) else None for v in found]


def _ranges(policy: Policy, requests: Sequence[Mapping[str, Any]], report: Report) -> None:
    away = [False] * len(requests)
    seen: set[str] = set()
    for step in policy.steps:
        for name, low, high in zip(step.features, step.low.tolist(), step.high.tolist(), strict=True):
            if name in seen:
                continue
            seen.add(name)
            room = _MARGIN * (high - low)
            known = outside = 0
            for i, value in enumerate(_values(requests, name)):
                if value is not None:
                    known += 1
                    if not low - room <= value <= high + room:
                        outside += 1
                        away[i] = True
            if known:
                report.outside.append(Outside(name, known, outside, low, high))
    report.outside.sort(key=lambda o: (-o.share, o.feature))
    size = math.ceil(len(requests) / _PERIODS)
    for at in range(0, len(requests), size):
        part = away[at : at + size]
        report.periods.append(Period(float(requests[at].get("time") or 0.0), len(part), sum(part) / len(part)))


def _shifts(policy: Policy, requests: Sequence[Mapping[str, Any]], report: Report) -> None:
    stated = policy.provenance.get("quantiles")
    quantiles: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
    names = dict.fromkeys(name for step in policy.steps for name in step.features)
    for name in names:
        values = _values(requests, name)
        known = [v for v in values if v is not None]
        if name in quantiles and len(known) >= _LEAST:
            edges = [float(e) for e in quantiles[name]]
            actual = _counts(known, edges[1:-1])
            weights = _weights(edges)
            found = stability_index([w * len(known) for w in weights], actual)
            report.shifts.append(Shift(name, found, "training"))
        elif name not in quantiles:
            half = len(values) // 2
            before, after = values[:half], values[half:]
            old = sorted(v for v in before if v is not None)
            if len(old) < _LEAST or sum(v is not None for v in after) < _LEAST:
                continue
            inner = sorted({old[len(old) * k // _BINS] for k in range(1, _BINS)})
            # Requests that do not know the feature are a bin of their own: that a probe went silent is a shift too.
            expected = [*_counts(old, inner), float(len(before) - len(old))]
            new = [v for v in after if v is not None]
            actual = [*_counts(new, inner), float(len(after) - len(new))]
            both = [(e, a) for e, a in zip(expected, actual, strict=True) if e or a]
            found = stability_index([e for e, _ in both], [a for _, a in both])
            report.shifts.append(Shift(name, found, "before"))
    report.shifts.sort(key=lambda s: (-s.index, s.feature))


def _counts(values: Iterable[float], inner: Sequence[float]) -> list[float]:
    """Values per bin: below the first edge, from each edge on up to the next, and from the last on."""
    counts = [0.0] * (len(set(inner)) + 1)
    edges = sorted(set(inner))
    for value in values:
        counts[sum(value >= e for e in edges)] += 1
    return counts


def _weights(edges: Sequence[float]) -> list[float]:
    """The training share of each bin of `_counts(values, edges[1:-1])`: what is tied at an edge is in the bin above."""
    bins = len(edges) - 1
    below = [edges.index(edge) / bins for edge in sorted(set(edges[1:-1]))]
    return [b - a for a, b in pairwise([0.0, *below, 1.0])]


def _qualities(requests: Sequence[Mapping[str, Any]], outcomes: Mapping[str, str], report: Report) -> None:
    by_route: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for row, right in _judged(requests, outcomes):
        expected = row.get("expected") or {}
        if row.get("route") in expected:
            by_route[row["route"]].append((right, float(expected[row["route"]])))
    if not outcomes:
        report.notes.append("nobody reported outcomes: whether answers are as good as expected is not known")
    for route, found in sorted(by_route.items()):
        hits, n = sum(right for right, _ in found), len(found)
        if n < _LEAST_OUTCOMES:
            report.notes.append(f"{route} has {n} outcomes, too few to say anything")
            continue
        low, high = wilson(hits, n)
        report.quality.append(Quality(route, n, hits / n, low, high, sum(e for _, e in found) / n))


def _gains(policy: Policy, requests: Sequence[Mapping[str, Any]], outcomes: Mapping[str, str], report: Report) -> None:
    """Whether what the policy chose is worse than the better fixed route was on the data it was held out on."""
    held = {(str(row.get("reader")), str(row.get("setting"))): row for row in policy.held_out}
    by_setting: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row, right in _judged(requests, outcomes):
        if row.get("route") == row.get("decided"):
            by_setting[str(row.get("reader")), str(row.get("setting"))].append(right)
    for key, found in sorted(by_setting.items()):
        fixed = _fixed(held.get(key))
        if fixed is None or len(found) < _LEAST_OUTCOMES:
            continue
        low, high = wilson(sum(found), len(found))
        if high < fixed:
            report.lost.append(
                f"the gain has gone: setting {key[1]} is right in {sum(found) / len(found):.2f} "
                f"[{low:.2f}, {high:.2f}], the better fixed route was in {fixed:.2f}"
            )


def _fixed(row: Mapping[str, Any] | None) -> float | None:
    """Held-out quality of the better fixed route."""
    if row is None or not all(isinstance(row.get(name), int | float) for name in ("quality", "gain")):
        return None
    return float(row["quality"]) - float(row["gain"])


def _judged(
    requests: Sequence[Mapping[str, Any]], outcomes: Mapping[str, str]
) -> Iterator[tuple[Mapping[str, Any], bool]]:
    for row in requests:
        if row.get("id") in outcomes:
            yield row, outcomes[row["id"]] == "right"
