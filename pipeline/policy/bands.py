"""What a policy does by document length alone, for routers that can look at nothing else.

All other features, and columns of the question's text, are held at their training means. It is exact only for a policy
that uses no other; `agreement` tells how often the bands decide as the policy does on its golden examples. It writes no
format.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from pipeline.policy.policy import TOKENS, Policy

_GRID = 256  # points over the training range: a band narrower than that is not found


@dataclass(frozen=True)
class Band:
    """Document tokens from `low` up to, and without, `high` (None: no end) take the route."""

    low: int
    high: int | None
    route: str


def bands(policy: Policy, *, setting: str, reader: str) -> list[Band]:
    """The first decision by document tokens, in increasing order and without gaps. Raises UserError for the setting."""
    step = next((s for s in policy.steps if not s.after), None)
    given = dict(zip(step.features, step.fill.tolist(), strict=True)) if step else {}

    def route(tokens: int) -> str:
        return policy.decide(given | {TOKENS: float(tokens)}, setting=setting, reader=reader).route

    longest = 1_000_000
    if step is not None and step.tokens_at >= 0:
        low, high = step.low[step.tokens_at], step.high[step.tokens_at]
        longest = int(min(1e9, max(1.0, high + 0.2 * (high - low))))
    points = sorted({longest * i // _GRID for i in range(_GRID + 1)})
    found = [Band(0, None, route(0))]
    for before, after in pairwise(points):
        if route(after) == found[-1].route:
            continue
        same, other = before, after  # halve until the route changes from one token to the next
        while other - same > 1:
            middle = (same + other) // 2
            same, other = (middle, other) if route(middle) == found[-1].route else (same, middle)
        found[-1] = Band(found[-1].low, other, found[-1].route)
        found.append(Band(other, None, route(after)))
    return found


def agreement(policy: Policy, found: list[Band], *, setting: str) -> tuple[int, int]:
    """(golden examples of that setting, before any route, that the bands decide alike; all of them)."""
    asked = [g for g in policy.golden if g.setting == setting and not g.after and g.features.get(TOKENS, -1.0) >= 0]
    alike = 0
    for example in asked:
        tokens = example.features[TOKENS]
        alike += any(
            b.low <= tokens and (b.high is None or tokens < b.high) and b.route == example.route for b in found
        )
    return alike, len(asked)
