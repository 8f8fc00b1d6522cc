"""Many requests at once, each tried again where that can help, with one rule for when nothing will ever be served.

It knows faults, waits and concurrency. It does not know prompts, models or what a reply means.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.generators._http import Reply, RequestError, ask

if TYPE_CHECKING:
    import httpx

_LONGEST_BACKOFF = 60.0
# A server that asks for a longer rest than this gets it: the request fails for now, and the next run asks again.
_LONGEST_WAIT = 300.0
# So many refusals before anything was served mean that nothing will be; one alone may be a moderated prompt.
_REFUSALS = 3
# Attempts at a server that was never there: a wrong port should be told soon.
_FIRST_CONTACTS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """index: the caller's own number. seed: of the jitter, so that a test can expect what it sees."""

    index: int
    body: Mapping[str, Any]
    seed: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request. seconds: of its last attempt; the rests between attempts say nothing of the model."""

    result: Reply | RequestError
    attempts: int
    seconds: float


class HopelessError(Exception):
    """Nothing was served, and the first requests were refused or reached no server."""


@dataclass
class Dispatch:
    """One run of requests. timeout: seconds for one whole attempt. backoff: seconds of the first rest, then doubled."""

    url: str
    headers: Mapping[str, str]
    concurrency: int
    timeout: float
    max_retries: int
    backoff: float
    served: bool = False

    async def run(self, requests: Iterator[Request], total: int, put: Callable[[tuple[int, Outcome]], None]) -> None:
        """Put (index, outcome) as they come; `requests` is drawn from lazily, in order. Raises HopelessError."""
        import httpx

        held: list[tuple[int, Outcome]] = []

        async def worker() -> None:
            for request in requests:
                outcome = await self._outcome(client, request)
                fault = outcome.result if isinstance(outcome.result, RequestError) else None
                self.served = self.served or fault is None or fault.kind == "rejected"
                if fault is None or fault.kind not in ("refused", "unreachable") or self.served:
                    put((request.index, outcome))
                    continue
                held.append((request.index, outcome))
                if len(held) >= min(_REFUSALS, total):
                    raise HopelessError(fault.error)

        limits = httpx.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency)
        async with httpx.AsyncClient(headers=dict(self.headers), timeout=self.timeout, limits=limits) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self.concurrency, total)):
                        group.create_task(worker())
            except* HopelessError as errors:
                raise errors.exceptions[0] from None
        for refusal in held:
            put(refusal)

    async def _outcome(self, client: httpx.AsyncClient, request: Request) -> Outcome:
        jitter = random.Random(request.seed)
        attempt = 0
        while True:
            attempt += 1
            start = time.perf_counter()
            result: Reply | RequestError
            try:
                async with asyncio.timeout(self.timeout):
                    result = await ask(client, self.url, request.body)
            except TimeoutError:
                result = RequestError("retry", f"no whole answer within {self.timeout:g} s", finish="timeout")
            except RequestError as e:
                result = e
            seconds = time.perf_counter() - start
            wait = None if isinstance(result, Reply) else self._wait(result, attempt, jitter)
            if wait is None:
                return Outcome(result, attempt, seconds)
            await asyncio.sleep(wait)

    def _wait(self, fault: RequestError, attempt: int, jitter: random.Random) -> float | None:
        """Seconds before the next attempt; None: there is none."""
        if fault.kind in ("refused", "rejected") or attempt > self.max_retries:
            return None
        if fault.kind == "unreachable" and not self.served and attempt >= _FIRST_CONTACTS:
            return None
        spread = 0.5 + 0.5 * jitter.random()
        if fault.after is not None:
            # Never earlier than asked for, and not all at the same moment.
            return fault.after + self.backoff * spread if fault.after <= _LONGEST_WAIT else None
        return min(self.backoff * 2.0 ** (attempt - 1), _LONGEST_BACKOFF) * spread
