"""A policy's decision on one question, and its reason in a plain sentence. It knows no policy and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Decision:
    """What to do now, and why.

    expected: quality by route; value: quality - price weight * price; price: money still to be spent, by route.
    outside: features outside the training range; fell_back: so many, or such, that the fallback was taken. step: index
    of the step that decided, -1 for a start that the setting fixes. final: False means that after this route's answer
    the policy is to be asked again, with after=route.
    """

    route: str
    expected: Mapping[str, float]
    value: Mapping[str, float]
    price: Mapping[str, float]
    outside: tuple[str, ...]
    fell_back: bool
    step: int
    final: bool
    after: str = ""

    @cached_property
    def reason(self) -> str:
        """One plain sentence; made when it is read, as most are not."""
        if self.step < 0:
            return f"{self.route}: always asked first in this setting"
        if self.fell_back:
            return f"{self.route}: the fallback, as {_named(self.outside)}"
        others = [r for r in self.value if r != self.route]
        if not others:
            return f"{self.route}: the only route"
        other = max(others, key=lambda r: self.value[r])
        if self.route == self.after:
            kept = f"its answer is kept, expected to be right with {self.expected[self.route]:.2f}"
            further = f"at a further price of {self.price[other]:.3g}"
            return f"{self.route}: {kept} against {self.expected[other]:.2f} of {other} {further}"
        against = f"expected {self.expected[self.route]:.2f} against {self.expected[other]:.2f} of"
        if other == self.after:
            return f"{self.route}: {against} the answer that {other} gave"
        return f"{self.route}: {against} {other}, which costs {_compared(self.price[other], self.price[self.route])}"


def _named(outside: tuple[str, ...]) -> str:
    if not outside:
        return "no feature is known"
    shown = ", ".join(outside[:3]) + (f" and {len(outside) - 3} more" if len(outside) > 3 else "")
    return f"{shown} {'is' if len(outside) == 1 else 'are'} outside the training range"


def _compared(price: float, with_: float) -> str:
    if price == with_:
        return "the same"
    if with_ <= 0 or price <= 0:
        return f"{price:.3g} instead of {with_:.3g}"
    times = price / with_
    return f"{times:.1f} times as much" if times >= 1.05 else f"{100 * times:.0f} % of it"
