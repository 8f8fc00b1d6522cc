"""Where CPU work is done: on the event loop what is known to be quick, in a thread all else.

A hop to a thread costs about a tenth of a millisecond and a turn of the interpreter's lock; work of ten milliseconds on
the event loop keeps every other client waiting for ten milliseconds. It does not know what the work is.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
QUICK = 0.002
"""Seconds that work may take on the event loop."""


class Workers:
    """A pool of threads, and the rule when to use it."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="work")

    async def run(self, spent: dict[str, float], name: str, work: Callable[[], T]) -> T:
        """Do the work. spent: seconds of CPU by name of work, the last time; what is not there is not known."""

        before = spent.get(name, math.inf)

        def timed() -> T:
            # CPU of this thread alone: waiting for a core or for the interpreter's lock says nothing about the work.
            start = time.thread_time()
            try:
                return work()
            finally:
                took = time.thread_time() - start
                # The first time is slow, as nothing is there yet: quicker counts at once, slower by half.
                spent[name] = took if took < before or before == math.inf else (took + before) / 2

        return timed() if before < QUICK else await self.off(timed)

    async def off(self, work: Callable[[], T]) -> T:
        """Do the work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)
