"""Near duplicates in a ranking: a passage that says again what a better one says takes room and adds nothing.

It compares words, not meanings, and only the passages of one ranking.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from pipeline.core.stage import Stage
from retrievers.analyze import words
from retrievers.base import at_least, rebuilt

Shingles = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Deduplicate(Stage):
    """Per question, `.on(ranking, chunks)`: without passages that are nearly a better-ranked one that is kept.

    Nearly: the Jaccard similarity of their sets of `width` words in a row is at least `threshold` (Broder, "On the
    resemblance and containment of documents", 1997). It is exact: time and memory grow with the shingles of the
    ranking's passages and with how many passages each of them stands in, not with the square of their number.
    """

    threshold: float = 0.8
    width: int = 3

    def __post_init__(self) -> None:
        at_least(self.width, 1, f"{self.label}.width")
        if not 0 < self.threshold <= 1:
            raise UserError(
                f"{self.threshold!r} is no share", where=f"{self.label}.threshold", remedy="Give one above 0, up to 1"
            )

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: rankings, tuples of Chunk."""
        rankings, contexts = columns
        for ranking, shingled in zip(rankings, rebuilt(contexts, self._remembering), strict=True):
            kept = self._kept([shingled.of(i) for i in ranking.ids])
            yield Ranking(tuple(ranking.ids[p] for p in kept), tuple(ranking.scores[p] for p in kept))

    def _remembering(self, chunks: Sequence[Chunk]) -> _Shingled:
        return _Shingled(chunks, self.width)

    def _kept(self, passages: Sequence[Shingles]) -> list[int]:
        kept: list[int] = []
        holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)  # shingle -> kept passages
        for place, passage in enumerate(passages):
            shared = Counter(other for shingle in passage for other in holders.get(shingle, ()))
            if any(n >= self.threshold * (len(passage) + len(passages[o]) - n) for o, n in shared.items()):
                continue
            kept.append(place)
            for shingle in passage:
                holders[shingle].append(place)
        return kept


class _Shingled:
    """The shingles of a context's chunks, each made once: its questions find the same chunks again."""

    def __init__(self, chunks: Sequence[Chunk], width: int) -> None:
        self._chunks, self._width = chunks, width
        self._made: dict[int, Shingles] = {}

    def of(self, i: int) -> Shingles:
        if i not in self._made:
            self._made[i] = shingles(self._chunks[i].text, self._width)
        return self._made[i]


def shingles(text: str, width: int) -> Shingles:
    """All runs of `width` words of a text, in lower case; all its words where it has fewer, itself where none."""
    terms = words(text) or [text.strip()]
    return frozenset(tuple(terms[i : i + width]) for i in range(max(1, len(terms) - width + 1)))
