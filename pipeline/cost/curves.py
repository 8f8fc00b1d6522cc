"""What a question costs when several are asked of one document, and where two ways of asking cost the same.

It knows numbers only: no model, no device and no route. m questions are asked of each document; costs are seconds or
money per question.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

MOST = 1_000_000
"""Questions of one document beyond which no break-even is looked for."""


class Curve(Protocol):
    """A cost per question that depends on the questions per document."""

    def mean(self, questions: float) -> float:
        """The mean cost of one of m questions of a document, m >= 1."""


@dataclass(frozen=True)
class Reused:
    """The first question of a document costs `first`, each later one `later`: (first + (m - 1) later) / m."""

    first: float
    later: float

    def mean(self, questions: float) -> float:
        """The mean cost of one of m questions."""
        return (self.first + (questions - 1) * self.later) / questions

    def meets(self, constant: float) -> float | None:
        """The m >= 1, a real number, from which the mean is at most `constant`; None: never. In closed form.

        first + (m - 1) later <= m constant, so m >= (first - later) / (constant - later).
        """
        if self.first <= constant:
            return 1.0
        if self.later >= constant:
            return None
        return (self.first - self.later) / (constant - self.later)


@dataclass(frozen=True)
class Fallback:
    """Every question costs `cheap`, and a share of them `dear` too; the first of a document that does costs its first.

    Of m questions share x m fall back, and at least one does with probability 1 - (1 - share)^m.
    """

    cheap: float
    share: float
    dear: Reused

    def mean(self, questions: float) -> float:
        """The mean cost of one of m questions, in expectation."""
        some = 1 - math.pow(1 - self.share, questions)
        again = self.share * questions - some
        return self.cheap + (some * self.dear.first + again * self.dear.later) / questions


def reused(cold: float, warm: float, hit_share: float, once: float = 0.0) -> Reused:
    """Later questions find the document's prefix cached with probability `hit_share`; `once` is paid per document."""
    return Reused(once + cold, hit_share * warm + (1 - hit_share) * cold)


def break_even(one: Callable[[float], float], other: Callable[[float], float], most: float = MOST) -> float | None:
    """The smallest m in [1, most] with one(m) <= other(m), by bisection; None: there is none.

    one - other must fall with m, or change its sign at most once. LC less self-route falls: it is a constant and
    (1 - share)^m (first - later) / m.
    """
    if one(1.0) <= other(1.0):
        return 1.0
    high = 2.0
    while one(high) > other(high):
        if high >= most:
            return None
        high = min(high * 2, most)
    low = high / 2
    while not math.isclose(low, high, rel_tol=1e-12):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if one(middle) <= other(middle) else (middle, high)
    return high
