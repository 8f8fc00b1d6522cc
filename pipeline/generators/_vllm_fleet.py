"""The engines of one reader: started where they are needed, put to rest between runs, and what each has read.

It knows engines and token ids. It does not know calls, prompts as text or completions.
"""

from __future__ import annotations

import os
import queue
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from pipeline.core.prefix import PrefixCache
from pipeline.generators._vllm_process import Engine, Events, Facts, devices
from pipeline.generators._vllm_share import Homes

_PATIENCE = 30.0
"""Seconds for an engine to drop what it was asked; one that needs longer is ended."""
_BLOCK = 16
"""Tokens of a block of vLLM's prefix cache, where neither the engine nor a setting says so."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How engines are started. replicas: engines; each: GPUs of one. block: tokens of a block, where it is set."""

    python: str
    arguments: Mapping[str, Any]
    replicas: int
    each: int
    own_core: bool
    batch_invariant: bool
    idle: Literal["keep", "sleep", "stop"]
    caching: bool
    block: int | None

    def environment(self) -> dict[str, str]:
        """What the processes are told. What enters a reader's identity is said, whatever this process was told."""
        return {
            "VLLM_LOGGING_LEVEL": "WARNING",
            **os.environ,
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_ENABLE_V1_MULTIPROCESSING": str(int(self.own_core)),
            "VLLM_BATCH_INVARIANT": str(int(self.batch_invariant)),
        }


class Fleet:
    """Engines by number. caches: per engine, what its prefix cache is believed to hold."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._engines: dict[int, Engine] = {}
        self._asleep = False
        self._numbers = count()
        self.events = Events()
        self.homes = Homes(plan.replicas)
        self.caches = [self._empty(None) for _ in range(plan.replicas)]

    def wake(self) -> list[Facts]:
        """Have every engine ready, and return what each says of itself. Raises UserError where one cannot start."""
        plan = self._plan
        while not self.events.empty():
            # From engines that nobody asked meanwhile: one that ended is started anew.
            number, header, _ = self.events.get()
            if header["op"] == "gone":
                self.lost(number)
        try:
            if self._asleep:
                self._asleep = False
                self._tell("wake", list(self._engines))
            places = devices(plan.replicas, plan.each, os.environ)
            started = []
            for number in range(plan.replicas):
                if number not in self._engines:
                    env = plan.environment() | places[number]
                    python = plan.python or sys.executable
                    sleep = plan.idle == "sleep"
                    self._engines[number] = Engine(number, python, plan.arguments, env, sleep=sleep)
                    started.append(number)
            for number in started:
                self.caches[number] = self._empty(self._engines[number].ready(self.events))
        except BaseException:
            self.end()
            raise
        return [facts for _, engine in sorted(self._engines.items()) if (facts := engine.facts) is not None]

    def ask(self, number: int, header: dict[str, Any], tokens: array[int]) -> tuple[int, int]:
        """Hand in a prompt; returns (its name in events, how many of its tokens should be held already)."""
        name = next(self._numbers)
        self._engines[number].send({"op": "ask", "id": name, **header}, tokens)
        return name, self.caches[number].read(tokens) if self._plan.caching else 0

    def ahead(self, prompts: Sequence[array[int]]) -> list[int]:
        """Per prompt, the tokens that would be held already, were they handed in now and in this order."""
        if not self._plan.caching:
            return [0] * len(prompts)
        homes = Homes(self._plan.replicas, dict(self.homes.home))
        caches = [cache.copy() for cache in self.caches]
        return [caches[n].read(ids) for n, ids in zip(homes.share_out(prompts), prompts, strict=True)]

    def drop(self, numbers: Sequence[int]) -> None:
        """Have what these engines were asked dropped, and what they hold, since nobody knows how far they came."""
        self._tell("abort", [n for n in numbers if n in self._engines])
        for number in numbers:
            self.caches[number].clear()

    def lost(self, number: int) -> str:
        """An engine has ended by itself: forget it. Returns how it ended, in one line."""
        engine = self._engines.pop(number)
        how = engine.how_it_ended()
        engine.end()
        self.caches[number].clear()
        return how

    def rest(self) -> None:
        """Nothing is asked any more, for now: keep the engines, have them sleep, or end them, as is planned."""
        if self._plan.idle == "keep" or not self._engines or self._asleep:
            return
        if self._plan.idle == "stop" or not all(e.facts and e.facts.sleeps for e in self._engines.values()):
            self.end(orderly=True)
            return
        self._tell("sleep", list(self._engines))
        self._asleep = True
        self._forget()

    def end(self, *, orderly: bool = False) -> None:
        """End every engine."""
        while self._engines:
            self._engines.popitem()[1].end(orderly=orderly)
        self._asleep = False
        self.events = Events()
        self._forget()

    @property
    def pids(self) -> list[int]:
        """The engines' processes, by number."""
        return [engine.pid for _, engine in sorted(self._engines.items())]

    def _tell(self, what: str, numbers: list[int]) -> None:
        """Have engines do something, and wait until they did; where one does not, all are ended."""
        for number in numbers:
            self._engines[number].send({"op": what})
        waiting = set(numbers)
        while waiting:
            try:
                number, header, _ = self.events.get(timeout=_PATIENCE)
            except queue.Empty:
                self.end()
                return
            if header["op"] == "gone" and number in self._engines:
                self.lost(number)
                waiting.discard(number)
            elif header["op"] == "did" and header["what"] == what:
                waiting.discard(number)

    def _forget(self) -> None:
        for cache in self.caches:
            cache.clear()
        self.homes.forget()

    def _empty(self, facts: Facts | None) -> PrefixCache:
        if facts is None:
            return PrefixCache(self._plan.block or _BLOCK)
        return PrefixCache(facts.block_size, facts.capacity)
