"""Split, encode, aggregate: a long text is found by the vectors of its pieces.

Hu et al., "Tackling Long Code Search" (SEA), ICSE 2024: pieces are encoded one by one by a short encoder, and their
vectors combined to one of the whole, which is compared by cosine. What is ranked here are *parents*, chunks of another
chunker over the same documents: sections, or whole documents. SEA trains its attention; here the question's similarity
to each piece stands for the learned score, so that nothing has to be trained.

It knows neither encoders nor how pieces were cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from pipeline.core.stage import Per, Stage
from retrievers.base import at_least, one_of, rebuilt, top_k

Array = NDArray[np.float32]
How = Literal["mean", "max", "attention"]


@dataclass(frozen=True)
class AggregateIndex(Stage):
    """Per context, `.on(encoded pieces, pieces, parents)`: each parent's piece vectors, one behind the other.

    A piece belongs to each parent that holds its middle character. Vectors of whole documents (`document_vectors` of
    `LateChunks`) stand for one more piece of each parent of that document that has pieces: Dewey's shape.
    Gives {"vectors": (N, d), "starts": (P + 1,)}: those of parent p are `[starts[p], starts[p + 1])`.
    """

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 16

    def run(self, *columns: Sequence[Any]) -> Iterable[dict[str, Any]]:
        """Three columns: encoded pieces, tuples of Chunk, tuples of Chunk."""
        for encoded, pieces, parents in zip(*columns, strict=True):
            members = members_of(pieces, parents)
            vectors = np.asarray(encoded["vectors"], dtype=np.float32)
            parts = []
            for ids in members:
                parts.append(vectors[ids])
                if "document_vectors" in encoded and len(ids):
                    parts[-1] = np.concatenate([parts[-1], encoded["document_vectors"][encoded["document"][ids[:1]]]])
            yield {
                "vectors": np.concatenate([vectors[:0], *parts]),
                "starts": np.cumsum([0, *map(len, parts)], dtype=np.int64),
            }


@dataclass(frozen=True)
class AggregateSearch(Stage):
    """Per question, `.on(index, encoded question)`: the k best parents; ids are indexes of parents.

    how: `mean`: cosine with the mean of a parent's piece vectors. `attention`: cosine with their sum weighted by
    softmax(question · piece / temperature). `max`: no combined vector, the best piece's similarity (max-sim; SEA's
    "none", and Dewey's score where the index holds document vectors).
    temperature: towards 0 `attention` becomes `max`; only `attention` reads it.
    """

    how: How = "max"
    temperature: float = 0.1
    k: int = 20

    def __post_init__(self) -> None:
        one_of(self.how, get_args(How), f"{self.label}.how")
        at_least(self.k, 1, f"{self.label}.k")
        if not self.temperature > 0:
            raise UserError(
                f"a temperature of {self.temperature}", where=f"{self.label}.temperature", remedy="Give one above 0"
            )

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: indexes, (d,) vectors."""
        indexes, questions = columns
        for kept, question in zip(rebuilt(indexes, _Kept), questions, strict=True):
            if not len(kept.parents):
                yield Ranking((), ())
                continue
            if kept.vectors.shape[1] != len(question):
                raise UserError(
                    f"the question has {len(question)} dimensions, the pieces have {kept.vectors.shape[1]}",
                    where=self.label,
                    remedy="Encode both with one model",
                )
            best = top_k(self._scores(kept, np.asarray(question, dtype=np.float32)), self.k)
            yield Ranking(tuple(int(kept.parents[i]) for i in best.ids), best.scores)

    def _scores(self, kept: _Kept, question: Array) -> NDArray[Any]:
        if self.how == "mean":
            return _cosines(kept.sums, question)
        similarity = kept.vectors @ question
        if self.how == "max":
            return np.maximum.reduceat(similarity, kept.starts)
        weights = attention_weights(similarity, kept.starts, self.temperature)
        return _cosines(np.add.reduceat(kept.vectors * weights[:, None], kept.starts, axis=0), question)


def members_of(pieces: Sequence[Chunk], parents: Sequence[Chunk]) -> list[NDArray[np.int64]]:
    """For each parent the indexes of the pieces whose middle character it holds, in reading order."""
    by_doc: dict[str, list[int]] = {}
    for i, piece in enumerate(pieces):
        by_doc.setdefault(piece.doc, []).append(i)
    ordered: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    for doc, ids in by_doc.items():
        middles = np.array([(pieces[i].start + pieces[i].end) // 2 for i in ids], dtype=np.int64)
        order = np.argsort(middles, kind="stable")
        ordered[doc] = middles[order], np.array(ids, dtype=np.int64)[order]
    nothing = np.zeros(0, dtype=np.int64)
    found = []
    for parent in parents:
        at, members = ordered.get(parent.doc, (nothing, nothing))
        start, stop = np.searchsorted(at, [parent.start, parent.end])
        found.append(members[start:stop])
    return found


def attention_weights(similarity: NDArray[Any], starts: NDArray[np.int64], temperature: float) -> NDArray[Any]:
    """(N,) softmax(similarity / temperature) within each group that begins at `starts`; each group sums to 1."""
    sizes = np.diff([*starts, len(similarity)])
    scaled = similarity.astype(np.float64) / temperature
    raised = np.exp(scaled - np.repeat(np.maximum.reduceat(scaled, starts), sizes))
    return np.asarray(raised / np.repeat(np.add.reduceat(raised, starts), sizes))


def _cosines(vectors: NDArray[Any], question: Array) -> NDArray[Any]:
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(question)
    return np.asarray(vectors @ question.astype(vectors.dtype) / np.where(lengths > 0, lengths, 1))


class _Kept:
    """An index ready to search: parents with pieces only, since NumPy's reduceat misreads an empty group."""

    def __init__(self, index: dict[str, Any]) -> None:
        starts = np.asarray(index["starts"])
        self.parents = np.flatnonzero(np.diff(starts))
        self.vectors = np.asarray(index["vectors"])
        self.starts = starts[self.parents]
        if len(self.parents):
            self.sums = np.add.reduceat(self.vectors.astype(np.float64), self.starts, axis=0)
