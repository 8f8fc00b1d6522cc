"""What the routing report shows: plain rows, which the study fills.

Qualities, shares and gains are fractions (a gain of 2 points is 0.02); a limit that is not known is None. Costs are in
the unit that `RoutingResults.cost_label` names, per question. It knows nothing of how anything is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEAN = "mean"
"""The reader of rows that tell the mean over all readers."""


@dataclass(frozen=True)
class PolicyRow:
    """A policy with one reader: a row of policies.csv. gain: over the better fixed route. aiq: over a common range."""

    reader: str
    policy: str
    quality: float
    cost: float
    lc_share: float
    gain: float
    ci_low: float | None
    ci_high: float | None
    regret: float | None = None
    headroom: float | None = None
    aiq: float | None = None


@dataclass(frozen=True)
class CurveRow:
    """A policy with one reader at one price weight (for the oracle: at one budget, in any unit that orders it)."""

    reader: str
    policy: str
    weight: float
    quality: float
    cost: float
    lc_share: float


@dataclass(frozen=True)
class ReliabilityRow:
    """A bin of a reliability diagram; `panel` says which diagram (a route, say)."""

    panel: str
    predicted: float
    observed: float
    ci_low: float | None
    ci_high: float | None
    questions: int


@dataclass(frozen=True)
class ImportanceRow:
    """What the mean gain loses without a feature, or a group of them; `meaning` says in one line what it is."""

    feature: str
    meaning: str
    drop: float
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class SliceRow:
    """The headline policy's gain on part of the questions: `kind` (task, domain, length) and its `value`."""

    kind: str
    value: str
    questions: int
    gain: float
    ci_low: float | None
    ci_high: float | None
    lc_share: float


@dataclass(frozen=True)
class RobustnessRow:
    """What becomes of decisions when questions are changed. kept: share decided as before; gain_before: unchanged."""

    change: str
    questions: int
    kept: float
    gain: float
    ci_low: float | None
    ci_high: float | None
    gain_before: float


@dataclass(frozen=True)
class RoutingResults:
    """The study's findings. learned: policies of ours, the headline first; fixed: always one route; bounds: the rest
    that is no rival (oracle, random). Every policy's mean over readers is a row of its own, with reader MEAN.

    calibration_error: expected calibration error by panel of the reliability diagram. config: as the house's reports
    take it (name, command, fingerprint, settings).
    """

    title: str
    policies: tuple[PolicyRow, ...]
    learned: tuple[str, ...]
    fixed: tuple[str, ...]
    bounds: tuple[str, ...] = ()
    curves: tuple[CurveRow, ...] = ()
    reliability: tuple[ReliabilityRow, ...] = ()
    calibration_error: Mapping[str, float] = field(default_factory=dict)
    importance: tuple[ImportanceRow, ...] = ()
    slices: tuple[SliceRow, ...] = ()
    robustness: tuple[RobustnessRow, ...] = ()
    notes: tuple[str, ...] = ()
    questions: int = 0
    documents: int = 0
    repeats: int = 1
    cost_label: str = "cost per question"
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.learned:
            raise ValueError("no learned policy is named: the report is about one")
        known = {(r.reader, r.policy) for r in self.policies}
        for policy in (*self.learned, *self.fixed):
            if (MEAN, policy) not in known:
                raise ValueError(f"policy {policy!r} has no row for reader {MEAN!r}")

    @property
    def readers(self) -> tuple[str, ...]:
        """The readers in the rows' order, without the mean."""
        return tuple(dict.fromkeys(r.reader for r in self.policies if r.reader != MEAN))

    def row(self, reader: str, policy: str) -> PolicyRow | None:
        """The row of a policy with a reader, if there is one."""
        return next((r for r in self.policies if (r.reader, r.policy) == (reader, policy)), None)
