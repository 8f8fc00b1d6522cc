"""Found small, read large: the passages that hold the found chunks, or the chunks beside them.

It does not search, and does not know how either kind of chunk was cut: it goes by their spans.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from pipeline.core.stage import Stage
from retrievers.base import at_least, rebuilt


@dataclass(frozen=True)
class Parents(Stage):
    """Per question, `.on(ranking of children, children, parents)`: the same ranking over the parents.

    A child belongs to the parent that holds most of its characters, of several the first. A parent stands once, with
    the score of its best child; ties by lower index. Raises UserError for a child that no parent holds.
    """

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Three columns: rankings of children, tuples of Chunk (children), tuples of Chunk (parents)."""
        rankings, children, parents = columns
        for ranking, small, places in zip(rankings, children, rebuilt(parents, Places), strict=True):
            best: dict[int, float] = {}
            for i, score in zip(ranking.ids, ranking.scores, strict=True):
                parent = places.holder(small[i])
                best[parent] = max(score, best.get(parent, score))
            ids = sorted(best, key=lambda parent: (-best[parent], parent))
            yield Ranking(tuple(ids), tuple(best[p] for p in ids))


class Places:
    """Where the chunks of a context stand, to find the one that holds another: O(log C) where few overlap."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._chunks = chunks
        self._ids: dict[str, list[int]] = {}
        for i, chunk in enumerate(chunks):
            self._ids.setdefault(chunk.doc, []).append(i)
        self._starts: dict[str, list[int]] = {}
        self._reach: dict[str, list[int]] = {}  # the furthest end so far: it never falls, where ends may
        for doc, ids in self._ids.items():
            ids.sort(key=lambda i: (chunks[i].start, i))
            self._starts[doc] = [chunks[i].start for i in ids]
            self._reach[doc] = list(accumulate((chunks[i].end for i in ids), max))

    def holder(self, child: Chunk) -> int:
        """The chunk that shares most characters with `child`, of several the lowest."""
        ids = self._ids.get(child.doc, [])
        near = range(
            bisect_right(self._reach.get(child.doc, []), child.start),
            bisect_left(self._starts.get(child.doc, []), child.end),
        )
        shared = [(self._shared(ids[j], child), -ids[j]) for j in near]
        most, last = max(shared, default=(0, 0))
        if most <= 0:
            raise UserError(
                f"no parent holds characters {child.start} to {child.end} of {child.doc!r}",
                where="Parents",
                remedy="Cut parents and children from the same documents",
            )
        return -last

    def _shared(self, i: int, child: Chunk) -> int:
        return min(self._chunks[i].end, child.end) - max(self._chunks[i].start, child.start)


@dataclass(frozen=True)
class Neighbours(Stage):
    """Per question, `.on(ranking, chunks)`: each found chunk with those around it, in the order of its document.

    Up to `before` and `after` chunks of the same document join it, with its score, where they do not stand higher up
    already: the sentence window of LlamaIndex, for chunks of any kind.
    """

    before: int = 1
    after: int = 1

    def __post_init__(self) -> None:
        at_least(self.before, 0, f"{self.label}.before")
        at_least(self.after, 0, f"{self.label}.after")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: rankings, tuples of Chunk."""
        for ranking, chunks in zip(*columns, strict=True):
            scores: dict[int, float] = {}
            for i, score in zip(ranking.ids, ranking.scores, strict=True):
                for j in range(max(0, i - self.before), min(len(chunks), i + self.after + 1)):
                    if chunks[j].doc == chunks[i].doc:
                        scores.setdefault(j, score)
            yield Ranking(tuple(scores), tuple(scores.values()))
