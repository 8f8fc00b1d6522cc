"""What a log of decisions says of a policy: the numbers, and the sentences that somebody should read.

Population stability index: sum over bins of (a - e) ln(a / e), where e and a are the expected and the actual share;
below 0.1 is stable and above 0.25 a shift, by credit scoring's convention (Siddiqi 2006, "Credit Risk Scorecards").
Intervals of shares: Wilson 1927, "Probable inference", the score interval. It reads no log.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

_MUCH = 0.05  # share of requests outside the range of one feature that is worth a line
_SHIFTED = 0.25


@dataclass(frozen=True)
class Outside:
    """One feature: how many requests know it, how many of these are outside [low, high] and its margin."""

    feature: str
    known: int
    outside: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Of the requests that know the feature."""
        return self.outside / self.known


@dataclass(frozen=True)
class Period:
    """Consecutive requests, from `start` (seconds since 1970) on: the share that has any feature outside."""

    start: float
    requests: int
    share: float


@dataclass(frozen=True)
class Shift:
    """A feature's population stability index; against: `training`, or `before` for the first half of the log."""

    feature: str
    index: float
    against: str


@dataclass(frozen=True)
class Quality:
    """Outcomes of one route: share right with its 95 % interval [low, high], beside the mean expected quality."""

    route: str
    outcomes: int
    share: float
    low: float
    high: float
    expected: float


@dataclass
class Report:
    """What the log says. requests: lines with features that this policy decided on. notes: what was left out."""

    requests: int = 0
    outside: list[Outside] = field(default_factory=list)
    periods: list[Period] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    quality: list[Quality] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def alarms(self) -> list[str]:
        """One sentence for each thing that somebody should look at."""
        found = []
        left = [o for o in self.outside if wilson(o.outside, o.known)[0] > _MUCH]
        if left:
            named = [f"{o.feature} in {100 * o.share:.0f} % (trained on {o.low:.4g} to {o.high:.4g})" for o in left[:5]]
            more = f" and {len(left) - 5} more" if len(left) > 5 else ""
            found.append(f"inputs leave the training range: {', '.join(named)}{more}{self._when()}")
        for s in self.shifts:
            if s.index > _SHIFTED:
                than = "in training" if s.against == "training" else "in the log's first half"
                found.append(f"{s.feature} is distributed otherwise than {than}: stability index {s.index:.2f}")
        found += [
            f"quality of {q.route} is {q.share:.2f} [{q.low:.2f}, {q.high:.2f}], expected {q.expected:.2f}"
            for q in self.quality
            if q.high < q.expected
        ]
        return found + self.lost

    @property
    def lines(self) -> list[str]:
        """The alarms, or that there are none; then the notes."""
        return [*(self.alarms or ["nothing to report"]), *self.notes]

    def _when(self) -> str:
        if len(self.periods) < 2:
            return ""
        first, last = self.periods[0], self.periods[-1]
        since = datetime.fromtimestamp(last.start, UTC).strftime("%Y-%m-%d %H:%M")
        return f"; {100 * first.share:.0f} % of the first requests, {100 * last.share:.0f} % since {since} UTC"


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a share; (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    z = 1.959963984540054
    p, n = hits / trials, trials
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """The population stability index of two lists of counts over the same bins; an empty bin counts half a case."""
    e_total, a_total = sum(expected), sum(actual)
    total = 0.0
    for e, a in zip(expected, actual, strict=True):
        share_e, share_a = max(e, 0.5) / e_total, max(a, 0.5) / a_total
        total += (share_a - share_e) * math.log(share_a / share_e)
    return total
