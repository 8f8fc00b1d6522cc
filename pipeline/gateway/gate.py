"""How many requests are worked on at once, how many may wait, and who is turned away.

It counts; it does not know what a request is.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from pipeline.gateway.faults import ApiError


class Gate:
    """`async with gate:` holds one of `size` places. Raises ApiError 429 where `queue` others wait already."""

    def __init__(self, size: int, queue: int, patience: float) -> None:
        self._places = asyncio.Semaphore(size)
        self._queue, self._patience = queue, patience
        self.waiting = self.inside = 0

    async def __aenter__(self) -> Gate:
        if self._places.locked():
            if self.waiting >= self._queue:
                raise _full(f"{self.inside} requests are being answered and {self.waiting} wait")
            self.waiting += 1
            try:
                async with asyncio.timeout(self._patience):
                    await self._places.acquire()
            except TimeoutError:
                raise _full(f"no place became free within {self._patience:g} seconds") from None
            finally:
                self.waiting -= 1
        else:
            await self._places.acquire()
        self.inside += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.inside -= 1
        self._places.release()


def _full(why: str) -> ApiError:
    return ApiError(429, f"The gateway is full: {why}. Try again later.", code="gateway_full", retry_after=1.0)
