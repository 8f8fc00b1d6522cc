"""Tokens of a text, the windows that a limited encoder reads them by, and the tokens of a stretch of characters.

Plain arithmetic: it knows neither models nor states' meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Context = Literal["both", "left"]


@dataclass(frozen=True, eq=False)
class Tokens:
    """A text as the model reads it, in n tokens: `head` special and prompt ones, the text's own, `tail` special ones.

    ids: (n,). offsets: (n, 2), the characters `[start, end)` of each token in the text; those of the head are (0, 0).
    """

    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]
    head: int
    tail: int

    @property
    def own(self) -> int:
        """How many are the text's own."""
        return len(self.ids) - self.head - self.tail


class Window(NamedTuple):
    """Own tokens `[start, stop)` are read in one pass, and the states of `[first, last)` are taken from it."""

    start: int
    stop: int
    first: int
    last: int


def windows(own: int, room: int, shared: int, context: Context = "both") -> list[Window]:
    """Windows of at most `room` tokens over `own` tokens, neighbours sharing `shared`; the last one ends at the end.

    What two windows share is taken from the one where it has more context: `both` cuts the shared stretch in the
    middle, where the shorter of its two sides is longest; `left` takes it from the earlier window, where more stands
    to its left (Luo et al., "Landmark Embedding", ACL 2024, sliding window).
    """
    if own <= room:
        return [Window(0, own, 0, own)]
    starts = [*range(0, own - room, room - shared), own - room]
    spans = [(start, start + room) for start in starts]
    cuts = [0]
    for (_, stop), (start, _) in pairwise(spans):
        cuts.append(stop if context == "left" else (start + stop) // 2)
    cuts.append(own)
    return [Window(*span, *cut) for span, cut in zip(spans, pairwise(cuts), strict=True)]


def token_ranges(tokens: Tokens, spans: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Character spans -> (C, 2): the range of tokens of each, as indexes into all tokens.

    A token belongs to every span that holds its middle character, so to the one that holds most of it. A span without
    a token gets the nearest one; in a text without tokens the range is empty.
    """
    start, stop = tokens.head, tokens.head + tokens.own
    ends = tokens.offsets[start:stop]
    middles = np.maximum.accumulate(ends[:, 0] + np.maximum(0, ends[:, 1] - ends[:, 0]) // 2)
    wanted = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
    ranges = np.searchsorted(middles, wanted) if len(middles) else np.zeros_like(wanted)
    for i in np.flatnonzero(ranges[:, 0] >= ranges[:, 1]) if len(middles) else ():
        after = min(int(ranges[i, 0]), len(middles) - 1)
        near = max(0, after - 1)
        center = int(wanted[i].sum()) / 2
        nearest = near if abs(middles[near] - center) <= abs(middles[after] - center) else after
        ranges[i] = nearest, nearest + 1
    return np.asarray(ranges + start, dtype=np.int64)


def share_of(window: int, part: float) -> int:
    """`part` of a window's tokens as a number of shared tokens: at least one token of each window is new."""
    return min(int(window * part), window - 1)


def taken(tokens: Tokens, window: Window, states: NDArray[np.float32]) -> tuple[int, NDArray[np.float32]]:
    """The states that are taken from a window, and the index of the first among all tokens.

    The head's come with the first window, the tail's with the last one.
    """
    first = 0 if window.first == 0 else tokens.head + window.first
    last = len(tokens.ids) if window.last == tokens.own else tokens.head + window.last
    return first, states[first - window.start : last - window.start]
