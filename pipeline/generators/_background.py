"""Running a coroutine in a thread of its own, and handing on what it produces as an ordinary iterator.

A thread, because the caller may sit in an event loop already (a notebook, a gateway), and because answers must keep
arriving while the caller writes the last one down. It does not know what is produced.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


def drain(work: Callable[[Callable[[T], None]], Coroutine[Any, Any, None]]) -> Generator[T, None, None]:
    """Yield what `work(put)` puts, as it comes; raise what it raises.

    When the caller stops asking, the coroutine is cancelled and waited for: no request goes on unseen.
    """
    items: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    loop = asyncio.new_event_loop()
    task = loop.create_task(work(items.put))

    def run() -> None:
        error: BaseException | None = None
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        except BaseException as e:
            error = e
        # Here, and not by the caller: a thread that runs a loop of its own cannot run this one.
        loop.run_until_complete(loop.shutdown_asyncgens())
        items.put(_End(error))

    thread = threading.Thread(target=run, name="endpoint", daemon=True)
    thread.start()
    try:
        while not isinstance(item := items.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()
