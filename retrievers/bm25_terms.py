"""Vocabularies: from a term to its number, without a Python dict to fill before the first question.

Terms stand in the order of their CRC-32, whose array is searched by halving; terms that share one are compared. A dict
would take half a microsecond and 100 bytes for each term of the corpus whenever an index is opened.

It does not know what a term's number is used for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint32]


def encoded(term: str) -> bytes:
    """The term as UTF-8, lone surrogates too."""
    return term.encode("utf-8", "surrogatepass")


def hashes(terms: Iterable[str]) -> Hashes:
    """(V,) the CRC-32 of each term's UTF-8."""
    return np.fromiter((crc32(encoded(t)) for t in terms), dtype=np.uint32)


def finder(terms: Sequence[str], sorted_hashes: Hashes) -> Callable[[str], int]:
    """A function from a term to its place in `terms`, -1 where it is not there.

    sorted_hashes: `hashes(terms)`, which must rise.
    """

    def find(term: str) -> int:
        mark = crc32(encoded(term))
        at = int(sorted_hashes.searchsorted(np.uint32(mark)))
        while at < len(sorted_hashes) and sorted_hashes[at] == mark:
            if terms[at] == term:
                return at
            at += 1
        return -1

    return lru_cache(maxsize=65_536)(find)


class MappedTerms(Sequence[str]):
    """V terms that lie in one run of bytes, read one by one.

    text: (bytes,) the terms' UTF-8, one after another. ends: (V,) where each ends.
    """

    def __init__(self, text: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._text, self._ends = text, ends

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        start = int(self._ends[number - 1]) if number else 0
        return self._text[start : int(self._ends[number])].tobytes().decode("utf-8", "surrogatepass")
