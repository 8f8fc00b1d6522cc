"""BM25 in NumPy: weights of (term, chunk) pairs computed when the index is built, and the k best chunks of a query.

An index is a sparse matrix of weights by columns of terms: `indices[indptr[t]:indptr[t + 1]]` are the chunks that hold
term t, rising, and `data` their weights (eager scoring: Lù, "BM25S", 2024). A query's score is the sum of its terms'
weights, so no formula is computed while searching. `best` leaves out most of the work on common terms (MaxScore: Turtle
and Flood, "Query evaluation: strategies and optimizations", 1995) and returns what the full sum would.

C: chunks; V: distinct terms; P: (term, chunk) pairs. It does not know how terms come about, nor where arrays lie.
Formulas: Kamphuis et al., "Which BM25 Do You Mean?", ECIR 2020, Table 1; bm25+ and bm25l: Lv and Zhai, 2011.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.records import Ranking
from retrievers.base import STEP, kth_at_least, top_k

Floats = NDArray[np.float64]
Ints = NDArray[Any]

RELEASE = 64 << 20
"""Bytes of a memory-mapped index that queries may touch before its pages are given back."""
ROWS = 32 << 20
"""Bytes of rows of common terms that a searcher keeps."""
_DENSE = 1 / 8  # share of the chunks from which on a term is common
_CALLS = 8192  # what the calls of one look-up cost, in postings
_TOUCH = 4 << 20  # bytes that the system may map around a term's chunks and weights, 2 MB each


class _Term(NamedTuple):
    """A term of a query; sorts by size. most: what it can give. cost: of adding it, in postings."""

    size: int
    number: int
    start: int
    end: int
    times: int
    most: float
    is_row: bool
    cost: int


@dataclass(frozen=True)
class Formula:
    """One of BM25's formulas: lucene, robertson, atire, bm25+ or bm25l."""

    method: str
    k1: float
    b: float
    delta: float

    def idf(self, frequency: Ints, chunks: int) -> Floats:
        """(V,) weights of terms that `frequency` of the C chunks hold; none is negative."""
        df = frequency.astype(np.float64)
        if self.method == "lucene":
            return np.log(1 + (chunks - df + 0.5) / (df + 0.5))
        if self.method == "robertson":
            return np.maximum(0.0, np.log((chunks - df + 0.5) / (df + 0.5)))
        if self.method == "atire":
            return np.log(chunks / df)
        return np.log((chunks + 1) / (df if self.method == "bm25+" else df + 0.5))

    def weights(self, idf: Floats, count: Ints, length: Ints, average: float) -> Floats:
        """(P,) what a term that stands `count` times in a chunk of `length` terms adds to a chunk without it.

        idf: (P,), of each pair's term. average: the chunks' mean length.
        """
        norm = 1 - self.b + self.b * length / average
        if self.method == "bm25l":
            c = count / norm + self.delta
            return idf * ((self.k1 + 1) * c / (self.k1 + c)) - self.absent(idf)
        tf = count / (self.k1 * norm + count)
        return idf * tf if self.method in ("lucene", "robertson") else idf * (self.k1 + 1) * tf

    @property
    def has_floor(self) -> bool:
        """Whether a chunk also scores for a term that it does not hold."""
        return self.method in ("bm25+", "bm25l")

    def absent(self, idf: Floats) -> Floats:
        """What a term adds to a chunk that does not hold it: the lower bound of bm25+ and bm25l."""
        if self.method == "bm25+":
            return idf * self.delta
        return idf * ((self.k1 + 1) * self.delta / (self.k1 + self.delta) if self.delta else 0.0)


def pairs(terms: Ints, lengths: Ints) -> tuple[Ints, Ints, Ints]:
    """(term, chunk, count) of each distinct pair, by term and then by chunk, (P,) each.

    terms: the ids of all chunks' terms, one after another. lengths: (C,) how many of them each chunk holds.
    """
    chunks = max(len(lengths), 1)
    keys = terms.astype(np.int64)
    keys *= chunks
    keys += np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    keys.sort()
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
    counts = np.diff(starts, append=len(keys)).astype(np.int32)
    term, chunk = np.divmod(keys[starts], chunks)
    return term.astype(np.int32), chunk.astype(np.int32), counts


def matrix(terms: Ints, lengths: Ints, formula: Formula) -> dict[str, Any]:
    """The index of C chunks in memory: data, indices, indptr, peaks and absent (None where a formula has no floor)."""
    term, chunk, count = pairs(terms, lengths)
    frequency = np.bincount(term)
    idf = formula.idf(frequency, len(lengths))
    data = formula.weights(idf[term], count, lengths[chunk], float(np.mean(lengths)))
    indptr = np.concatenate([[0], np.cumsum(frequency)]).astype(np.int64)
    absent = formula.absent(idf) if formula.has_floor else None
    peaks = np.maximum.reduceat(data, indptr[:-1])
    return {"data": data, "indices": chunk, "indptr": indptr, "peaks": peaks, "absent": absent}


class Postings:
    """An index to search, in memory or mapped; one thread at a time."""

    def __init__(self, chunks: int, index: dict[str, Any], release: Callable[[], None] | None = None) -> None:
        """`index`: what `matrix` gives. release: gives mapped pages back; None where nothing is mapped."""
        self.chunks, self.release = chunks, release
        self.data, self.indices, self.indptr = index["data"], index["indices"], index["indptr"]
        self.peaks, self.absent = index["peaks"], index["absent"]
        self._sums = np.zeros(chunks)  # cleaned after each query, so that none pays for all C
        self._rows: OrderedDict[int, Floats | None] = OrderedDict()
        self._added: list[_Term] = []
        self._touched = 0

    def floor(self, terms: Sequence[int]) -> float:
        """The score of a chunk that holds none of the terms."""
        return 0.0 if self.absent is None else float(self.absent[list(terms)].sum())

    def scores(self, terms: Sequence[int]) -> Floats:
        """(C,) the scores of all chunks; a repeated term counts again."""
        total = np.full(self.chunks, self.floor(terms))
        for t in terms:
            start, end = self.indptr[t], self.indptr[t + 1]
            np.add.at(total, self.indices[start:end], self.data[start:end])
        return total

    def best(self, terms: Sequence[int], k: int) -> Ranking:
        """The k best chunks that hold one of the terms: `top_k` of `scores`, above the floor.

        Terms are added from the rarest on. Once the k-th best sum so far is more than all further terms together can
        give, no chunk outside those seen can be among the best: what is left is looked up for the few that still can.
        Every chunk's sum is put together in one order of terms, so that equal chunks tie.
        """
        found = self._terms(terms)
        floor = self.floor(terms)
        try:
            ids, sums = self._candidates(found, k)
            ranking = top_k(sums + floor if floor else sums, k, above=floor)
        finally:
            self._clear()
        return ranking if ids is None else Ranking(tuple(ids[list(ranking.ids)].tolist()), ranking.scores)

    def _candidates(self, terms: Sequence[_Term], k: int) -> tuple[Ints | None, Floats]:
        """Chunks among which the k best are, rising, and their sums; None: all chunks."""
        added, left = 0, sum([t.cost for t in terms])
        if left > 2 * _CALLS:
            given, rest = 0.0, sum([t.most for t in terms])
            for done, term in enumerate(terms, start=1):
                self._add(term)
                added, left, given, rest = added + term.size, left - term.cost, given + term.most, rest - term.most
                # Worth a look: the k-th best may be out of the reach of what is left, and that is most of the work.
                look = _CALLS * (len(terms) - done + 1) + 4 * min(added, self.chunks // 8)
                if k <= added and rest < given and left > look:
                    ids = self._seen(terms[:done], added)
                    sums = self._sums if ids is None else self._sums[ids]
                    kth = kth_at_least(sums, k)
                    if kth > rest + STEP:
                        keep = np.flatnonzero(sums > kth - rest - STEP)
                        ids = keep.astype(self.indices.dtype) if ids is None else ids[keep]
                        return self._look_up(ids, terms[done:], kth, k)
        else:
            for term in terms:
                self._add(term)
        ids = self._seen(terms, sum([t.size for t in terms]))
        return ids, self._sums if ids is None else self._sums[ids]

    def _terms(self, terms: Sequence[int]) -> list[_Term]:
        """The different terms of a query, rarest first."""
        repeats: dict[int, int] = {}
        for t in terms:
            repeats[t] = repeats.get(t, 0) + 1
        dense = _DENSE * self.chunks
        found = []
        for t, times in repeats.items():
            start, end = int(self.indptr[t]), int(self.indptr[t + 1])
            is_row = end - start >= dense and 8 * self.chunks <= ROWS
            cost = self.chunks // 8 if is_row else end - start
            found.append(_Term(end - start, t, start, end, times, times * float(self.peaks[t]), is_row, cost))
        return sorted(found)

    def _add(self, term: _Term) -> None:
        self._added.append(term)
        if term.is_row and (row := self._row(term)) is not None:
            self._sums += row if term.times == 1 else term.times * row
            return
        chunks, weights = self.indices[term.start : term.end], self.data[term.start : term.end]
        np.add.at(self._sums, chunks, weights if term.times == 1 else term.times * weights)
        self._count(term.size)

    def _row(self, term: _Term) -> Floats | None:
        """(C,) a common term's weights with the zeros between them: adding such a row is ten times as fast.

        None when the term is asked for the first time: making the row costs more than it saves once.
        """
        if term.number not in self._rows:
            self._rows[term.number] = None
            return None
        row = self._rows.pop(term.number)
        if row is None:
            row = np.zeros(self.chunks)
            row[self.indices[term.start : term.end]] = self.data[term.start : term.end]
            self._count(term.size)
        self._rows[term.number] = row
        if 8 * self.chunks * len(self._rows) > ROWS:
            self._rows.popitem(last=False)
        return row

    def _seen(self, terms: Sequence[_Term], added: int) -> Ints | None:
        """The chunks that hold one of the terms, rising; None: nearly all."""
        if 4 * added >= self.chunks:
            return None
        ids: Ints = np.concatenate([self.indices[t.start : t.end] for t in terms])
        ids.sort()
        first: Ints = ids[np.concatenate([[True], ids[1:] != ids[:-1]])]
        return first

    def _look_up(self, ids: Ints, further: Sequence[_Term], kth: float, k: int) -> tuple[Ints, Floats]:
        """Of the chunks `ids`, those that can still be among the k best, and their sums with the `further` terms."""
        sums = self._sums[ids]
        for i, term in enumerate(further):
            chunks = self.indices[term.start : term.end]
            at = np.searchsorted(chunks, ids)
            at[at == term.size] = 0
            held = chunks[at] == ids
            sums[held] += term.times * self.data[term.start : term.end][at[held]]
            self._count(term.size)
            kth = max(kth, kth_at_least(sums, k))
            keep = sums > kth - sum(t.most for t in further[i + 1 :]) - STEP
            ids, sums = ids[keep], sums[keep]
        return ids, sums

    def _clear(self) -> None:
        if 4 * sum([t.size for t in self._added]) >= self.chunks:
            self._sums.fill(0.0)
        else:
            for t in self._added:
                self._sums[self.indices[t.start : t.end]] = 0.0
        self._added.clear()

    def _count(self, size: int) -> None:
        """Note that a term's postings were read, and give mapped pages back once there may be many."""
        if self.release is not None:
            self._touched += 12 * size + _TOUCH
            if self._touched > RELEASE:
                self.release()
                self._touched = 0
