"""Torch on many small batches: whole batches spread over threads, each operation on one.

Splitting single operations makes the last bits depend on the number of threads; and threads that wait for one another
at every operation crawl on a machine with other work: 40 times slower was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Computes each operation on one thread inside; gives the number of threads that batches may be spread over."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def mapped(function: Callable[[A], B], items: Sequence[A], workers: int) -> Iterator[B]:
    """`map` over a pool of threads, in order; one item or one worker starts none."""
    if len(items) == 1 or workers == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, items)
