"""Sharing a budget: the 0/1 knapsack, a share for each of several, and items packed in a given order.

The knapsack is exact by dynamic programming where items times budget is modest, else greedy by value per weight. Any
compressor that has values and sizes of its units can use these; they do not know what an item is.

Letters: n items, B budget.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from itertools import count
from typing import TypeVar

import numpy as np

Part = TypeVar("Part", bound=Hashable)
Made = TypeVar("Made")

_TRIES = 6
_CELLS = 1 << 22
"""n * B up to which the optimum is computed, in about 10 ms and 4 MB."""


def knapsack(
    values: Sequence[float], weights: Sequence[int], budget: int, forced: Sequence[int] = ()
) -> tuple[int, ...]:
    """Numbers of the chosen items, ascending; their weights sum up to at most the budget.

    forced: items that stay whatever their value. Where they do not all fit, those that do are taken in the order given,
    and nothing else. Of the others, one without a positive value is never chosen. Raises ValueError for negative
    weights and for values that are not finite.
    """
    if len(values) != len(weights):
        raise ValueError(f"{len(values)} values for {len(weights)} weights")
    if any(w < 0 for w in weights) or not np.isfinite(np.asarray(values, dtype=np.float64)).all():
        raise ValueError("weights must be at least 0, and values finite")
    must = list(dict.fromkeys(forced))
    chosen: list[int] = []
    left = budget
    for i in must:
        if weights[i] <= left:
            chosen.append(i)
            left -= weights[i]
    if len(chosen) == len(must):
        among = set(must)
        free = [i for i in range(len(values)) if i not in among and values[i] > 0 and weights[i] <= left]
        some = [values[i] for i in free], [weights[i] for i in free], left
        solve = exact if len(free) * (left + 1) <= _CELLS else greedy
        chosen += (free[k] for k in solve(*some))
    return tuple(sorted(chosen))


def exact(values: Sequence[float], weights: Sequence[int], budget: int) -> list[int]:
    """Items of the highest sum of values. Values above 0, weights from 0 to the budget; n * B of time and memory."""
    if sum(weights) <= budget:
        return list(range(len(values)))
    best = np.zeros(budget + 1)  # by room: the highest sum of the items seen so far
    taken = np.zeros((len(values), budget + 1), dtype=bool)
    for i, (value, weight) in enumerate(zip(values, weights, strict=True)):
        with_it = best[: budget + 1 - weight] + value
        taken[i, weight:] = with_it > best[weight:]
        np.maximum(best[weight:], with_it, out=best[weight:])
    chosen, room = [], budget
    for i in reversed(range(len(values))):
        if taken[i, room]:
            chosen.append(i)
            room -= weights[i]
    return chosen[::-1]


def greedy(values: Sequence[float], weights: Sequence[int], budget: int) -> list[int]:
    """Items by value per weight while they fit, or the one item that is worth more than all of these.

    At least half of the optimum (Dantzig 1957). Values above 0, weights from 0 to the budget.
    """
    chosen: list[int] = []
    left = budget
    for i in sorted(range(len(values)), key=lambda i: (-values[i] / weights[i] if weights[i] else -np.inf, i)):
        if weights[i] <= left:
            chosen.append(i)
            left -= weights[i]
    one = max(range(len(values)), key=values.__getitem__, default=None)
    if one is not None and values[one] > sum(values[i] for i in chosen):
        return [one]
    return sorted(chosen)


def rates(scores: Sequence[float], sizes: Sequence[int], target: float, beta: float) -> list[float]:
    """Share of each function that stays: R (1 + beta (2 norm - 1)) in [0, 1], R = target / sum of sizes.

    norm: the score between the lowest, 0, and the highest, 1. What does not reach 1 is scaled so that the shares,
    weighted by the sizes, sum up to the target.
    """
    score, size = np.array(scores, dtype=np.float64), np.array(sizes, dtype=np.float64)
    target = max(0.0, min(target, float(size.sum())))
    if not target:
        return [0.0] * len(score)
    wide = float(np.ptp(score))
    norm = (score - score.min()) / wide if wide else np.full(len(score), 0.5)
    first = np.clip(target / size.sum() * (1 + beta * (2 * norm - 1)), 0, 1)
    out, free = np.ones(len(score)), np.ones(len(score), dtype=bool)
    while free.any():
        left = target - float(size[~free].sum())
        mass = float((size * first)[free].sum())
        # With nothing left but shares of 0, these are filled alike.
        scaled = first * left / mass if mass else np.full(len(score), left / max(1.0, float(size[free].sum())))
        over = free & (scaled > 1)
        if not over.any():
            out[free] = scaled[free]
            break
        free &= ~over
    return [float(x) for x in out]


def admitted(order: Iterable[int], sizes: Sequence[int], room: float) -> dict[int, int]:
    """Items in order until the room is used up, and what each has of it: its size, the last one what is left.

    At least the first one is taken, where there is one.
    """
    shares: dict[int, int] = {}
    for i in order:
        shares[i] = min(sizes[i], max(0, int(room)))
        room -= sizes[i]
        if room < 0:
            break
    return shares


def packed(
    items: Iterable[Collection[Part]],
    weigh: Callable[[Part], int],
    room: int,
    enough: float,
    kept: Collection[Part] = (),
) -> set[Part]:
    """The parts of items that are taken in order while they fit into the room, beside those that are kept already.

    A part that several items have weighs once. enough: the weight from which on no further item is taken.
    """
    parts = set(kept)
    total = sum(map(weigh, parts))
    for item in items:
        if total >= enough:
            break
        fresh = [part for part in dict.fromkeys(item) if part not in parts]
        cost = sum(map(weigh, fresh))
        if total + cost <= room:
            parts.update(fresh)
            total += cost
    return parts


def closest(make: Callable[[int], tuple[Made, int]], budget: int, enough: float) -> Made:
    """Of what is made for some room, with its size, the largest within the budget, where sizes do not quite add up.

    Tried first with the budget for room, then with more or less, until a size is above the share `enough` of the
    budget or a few tries are over; longer only while nothing is within the budget. Where no room brings that about, the
    smallest thing made.
    """
    found: list[tuple[int, Made]] = []
    room, fits, too_much = budget, 0, 0
    for tries in count():
        made, size = make(room)
        stuck = bool(found) and size == found[-1][0]
        found.append((size, made))
        fits, too_much = (room, too_much) if size <= budget else (fits, room)
        if not size or (fits and tries >= _TRIES) or enough * budget <= size <= budget:
            break
        if fits and too_much:
            new = (fits + too_much) // 2
        elif fits:
            new = room if stuck else room * budget // size
        else:  # as much less as would be right if all of it added up, then ever less
            new = max(1, int(min(room * budget // size, room - 1) * 0.9**tries))
        if new in (room, fits):
            break
        room = new
    return min(found, key=lambda one: (one[0] > budget, one[0] if one[0] > budget else -one[0]))[1]
