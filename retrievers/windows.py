"""Windows over a text: stretches that stay whole, weighed in tokens, packed up to a size.

It knows neither documents nor why a stretch should stay whole.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

Span = tuple[int, int]

_WORD = re.compile(r"\S+")
# Scripts written without spaces (Thai to Myanmar, Khmer, kana, Han): a character there is about a word's worth.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
LONGEST = 64
"""Characters. A longer "word" is data (base64, a long address): it may be cut anywhere, every _PIECE characters."""
_PIECE = 4


class Weigher:
    """Tokens of stretches of one text; a token belongs to the stretch in which it ends."""

    def __init__(self, text: str, tokens: Sequence[Span], size: int) -> None:
        self._text, self.size = text, size
        self._ends = [end for _, end in tokens]

    def weight(self, start: int, end: int) -> int:
        """Tokens that end in `(start, end]`."""
        return bisect_right(self._ends, end) - bisect_right(self._ends, start)

    def fits(self, start: int, end: int) -> bool:
        """Whether the stretch weighs at most `size`."""
        return self.weight(start, end) <= self.size

    def fit(self, spans: Iterable[Span]) -> tuple[list[Span], list[int]]:
        """The spans and their weights, those heavier than `size` cut between words, words cut between tokens."""
        atoms: list[Span] = []
        for start, end in spans:
            if self.fits(start, end):
                atoms.append((start, end))
                continue
            words: list[Span] = []
            for a, b in word_spans(self._text, start, end):
                cuts = [a, b]
                if self.weight(a, b) > self.size:
                    inner = self._ends[bisect_right(self._ends, a) : bisect_left(self._ends, b)]
                    cuts = sorted({a, b, *inner})
                words += pairwise(cuts)
            weights = [self.weight(a, b) for a, b in words]
            atoms += windows(words, weights, weights, self.size, 0)
        return atoms, [self.weight(a, b) for a, b in atoms]


def windows(
    atoms: Sequence[Span], weights: Sequence[int], shares: Sequence[int], size: int, overlap: int
) -> Iterator[Span]:
    """As many neighbouring atoms as weigh at most `size` together (at least one), again and again.

    A window re-opens with as many atoms of the one before as sum up to at most `overlap` in `shares`, fewer where the
    next atom would not fit beside them. Each holds an atom that no earlier one holds. Yields `[start, end)`.
    """
    heavy = [0, *accumulate(weights)]
    shared = [0, *accumulate(shares)]
    first = last = 0
    while last < len(atoms):
        fresh = last
        while first < fresh and heavy[fresh + 1] - heavy[first] > size:
            first += 1
        last = max(fresh + 1, bisect_right(heavy, heavy[first] + size) - 1)
        yield atoms[first][0], atoms[last - 1][1]
        # Atoms without weight (characters that a tokenizer drops) must not be shared when nothing is to be.
        first = max(first + 1, bisect_left(shared, shared[last] - overlap)) if overlap else last


def sliding(atoms: Sequence[Span], window: int, step: int) -> Iterator[Span]:
    """Windows of `window` neighbouring atoms, one every `step` of them, 1 <= step <= window; yields `[start, end)`.

    The first window that reaches the last atom is the last one: each holds an atom that no earlier one holds.
    """
    for first in range(0, len(atoms), step):
        last = min(first + window, len(atoms))
        yield atoms[first][0], atoms[last - 1][1]
        if last == len(atoms):
            return


def word_spans(text: str, start: int, end: int) -> Iterator[Span]:
    """Stretches between white space in `text[start:end]`; scripts without spaces by character, data in pieces."""
    for match in _WORD.finditer(text, start, end):
        first, last = match.span()
        unspaced = None if text.isascii() else _UNSPACED.search(text, first, last)
        if unspaced is None and last - first <= LONGEST:
            yield first, last
            continue
        while first < last:
            if unspaced is not None and unspaced.start() == first:
                step = 1
            else:  # a Latin word amid Chinese text stays whole
                run = (unspaced.start() if unspaced else last) - first
                step = run if run <= LONGEST else _PIECE
            yield first, first + step
            first += step
            if unspaced is not None and unspaced.start() < first:
                unspaced = _UNSPACED.search(text, first, last)
