"""Who does what, and what it took: calls shared out among engines, seconds shared out among calls, an engine's account.

It knows token ids and clock times. It does not know processes, prompts as text or completions.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from statistics import median
from typing import Literal

from pipeline.generators.base import EngineUse

_HOME = 1024
"""First tokens by which a document is known again in a later wave."""


@dataclass
class Homes:
    """Which engine has read which document."""

    engines: int
    home: dict[bytes, int] = field(default_factory=dict)

    def share_out(self, prompts: Sequence[array[int]]) -> list[int]:
        """The engine of each prompt, in order. Prompts that stand together and share their beginning stay together.

        A group begins where two neighbours share less than half of the shorter one. It goes where its beginning was
        read before, and else to the engine with the least to compute so far; the same prompts are shared out alike
        each time.
        """
        if self.engines == 1:
            return [0] * len(prompts)
        load, where = [0] * self.engines, list[int]()
        for i, ids in enumerate(prompts):
            shared = common(prompts[i - 1], ids) if i else 0
            if not i or 2 * shared < min(len(prompts[i - 1]), len(ids)):
                name = blake2b(ids[:_HOME].tobytes(), digest_size=16).digest()
                engine = self.home.get(name)
                if engine is None:
                    engine = min(range(self.engines), key=load.__getitem__)
                    if len(ids) >= _HOME:
                        self.home[name] = engine
                shared = 0
            else:
                engine = where[-1]
            load[engine] += len(ids) - shared
            where.append(engine)
        return where

    def forget(self) -> None:
        """No engine has read anything."""
        self.home.clear()


def common(a: array[int], b: array[int]) -> int:
    """How many first tokens are the same."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Seconds:
    """Wall time shared out among the calls that one engine holds, in proportion to what each gives it to do.

    At any moment each call pays its weight's part of the weights of all; so the calls pay together what the clock
    shows, and a call on a long cold prompt pays more than those that were answered beside it.
    """

    def __init__(self) -> None:
        self._entered: dict[int, tuple[float, int]] = {}
        self._weights, self._paid, self._now = 0, 0.0, 0.0

    def enter(self, name: int, weight: int, now: float) -> None:
        """A call of this weight (tokens to compute and to write) is handed in."""
        self._move(now)
        self._entered[name] = self._paid, max(weight, 1)
        self._weights += max(weight, 1)

    def leave(self, name: int, now: float) -> float:
        """The call is done; returns what it pays."""
        self._move(now)
        paid, weight = self._entered.pop(name)
        self._weights -= weight
        return (self._paid - paid) * weight

    def _move(self, now: float) -> None:
        if self._weights:
            self._paid += (now - self._now) / self._weights
        self._now = now


@dataclass
class Account:
    """What engines did for one sequence of calls. Times are seconds of this machine's monotonic clock."""

    mode: Literal["throughput", "latency"]
    warm: bool
    began: float
    predicted: int = 0
    prompts: int = 0
    computed: int = 0
    written: int = 0
    _reading: list[tuple[float, float]] = field(default_factory=list)
    _writing: list[tuple[float, float]] = field(default_factory=list)
    _first: list[float] = field(default_factory=list)

    def add(self, computed: int, written: int, handed_in: float, times: Sequence[float] | None) -> None:
        """A call was answered. times: when its prompt was taken up, its first and its last token were there."""
        self.prompts += 1
        self.computed += computed
        self.written += written
        if times is not None and all(times):
            taken_up, first, last = times
            self._reading.append((taken_up, first))
            self._writing.append((first, last))
            self._first.append(first - handed_in)

    def use(self, now: float, gpu_busy: float | None) -> EngineUse:
        """The account as it stands."""
        ordered = sorted(self._first) or [0.0]
        return EngineUse(
            mode=self.mode,
            warm=self.warm,
            prompts=self.prompts,
            seconds=now - self.began,
            computed_tokens=self.computed,
            answer_tokens=self.written,
            prefill_seconds=covered(self._reading),
            decode_seconds=covered(self._writing),
            first_token=(median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]),
            predicted_tokens=self.predicted,
            gpu_busy=gpu_busy,
        )


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
