"""The index of a cheap lexical probe: what `retrievers.probe` needs to know of the documents, without their text.

Chunks are those of `WordChunks(size=150)`: 150 words between white space, document by document. Terms are Snowball's
English stems of all words, stop words and digits kept. It does not know what is asked.

C: chunks; V: terms; P: postings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.records import Chunk, Document
from pipeline.policy.features import document_features, part_name
from pipeline.policy.lexicon import NUMBER, STOP_WORDS, content, stemmed, words
from retrievers.chunk import WordChunks

CHUNK_WORDS = 150
_LONGEST_TITLE = 12  # words; a longer one is not quoted whole

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def chunks_of(documents: Sequence[Document]) -> list[Chunk]:
    """The chunks that an index of these documents numbers, in order."""
    chunker = WordChunks(size=CHUNK_WORDS)
    return [chunk for document in documents for chunk in chunker.chunks(document)]


def build_index(documents: Sequence[Document]) -> dict[str, Any]:
    """The index of a context, of arrays and strings, so that it can be stored; `ProbeContext` opens it.

    terms: V stems in order, one a line. offsets: (V + 1,), chunks, counts: (P,): the chunks that hold a term and how
    often, in rising order. lengths: (C,) terms of each chunk. pairs: rising; first * V + second for terms that follow
    each other among a chunk's content terms. parts: names by which a question may call a part, one a line; part_ranges:
    (., 2) its chunks [first, last). numbers: all that the text holds, one a line. document: its features.
    """
    by_document = [chunks_of([document]) for document in documents]
    found = [words(chunk.text) for chunks in by_document for chunk in chunks]
    distinct = sorted({word for some in found for word in some})
    stem_of = stemmed(distinct)
    terms = sorted(set(stem_of))
    place = {term: i for i, term in enumerate(terms)}
    number_of = {word: place[stem] for word, stem in zip(distinct, stem_of, strict=True)}
    lengths = np.array([len(some) for some in found], dtype=np.int64)
    ids = np.array([number_of[word] for some in found for word in some], dtype=np.int64)
    chunk_of = np.repeat(np.arange(len(found)), lengths)
    keys, counts = np.unique(ids * max(1, len(found)) + chunk_of, return_counts=True)
    term_of, chunks = np.divmod(keys, max(1, len(found)))
    names, ranges = _parts(documents, by_document)
    numbers = {n.rstrip(".,") for document in documents for n in NUMBER.findall(document.text or "")}
    return {
        "terms": "\n".join(terms),
        "offsets": np.searchsorted(term_of, np.arange(len(terms) + 1)),
        "chunks": chunks.astype(np.int32),
        "counts": counts.astype(np.int32),
        "lengths": lengths.astype(np.int32),
        "pairs": _pairs(ids, chunk_of, terms),
        "parts": "\n".join(names),
        "part_ranges": np.array(ranges, dtype=np.int32).reshape(-1, 2),
        "numbers": "\n".join(sorted(numbers)),
        "document": document_features(documents),
    }


def _pairs(ids: Ints, chunk_of: Ints, terms: Sequence[str]) -> NDArray[np.uint64]:
    kept = ~np.isin(ids, [i for i, term in enumerate(terms) if term in STOP_WORDS])
    ids, chunk_of = ids[kept], chunk_of[kept]
    beside = chunk_of[1:] == chunk_of[:-1]
    return np.unique((ids[:-1] * len(terms) + ids[1:])[beside].astype(np.uint64))


def title_name(title: str) -> str:
    """The words of a title that a question may quote; "" where it is too short to be told from ordinary words."""
    found = words(title)
    return " ".join(found) if len(found) <= _LONGEST_TITLE and len(list(content(found))) >= 2 else ""


def _parts(documents: Sequence[Document], chunks: Sequence[Sequence[Chunk]]) -> tuple[list[str], list[tuple[int, int]]]:
    """Names and ranges of chunks, by name and place; a chunk lies where its middle lies."""
    found: set[tuple[str, int, int]] = set()
    first = 0
    for document, own in zip(documents, chunks, strict=True):
        middles = [(chunk.start + chunk.end) / 2 for chunk in own]
        stretches = [(s.title, *np.searchsorted(middles, (s.start, s.end)).tolist()) for s in document.sections]
        for title, start, end in [(document.title, 0, len(own)), *stretches]:
            for name in {part_name(title), title_name(title)} - {""}:
                if start < end:
                    found.add((name, first + start, first + end))
        first += len(own)
    ordered = sorted(found)
    return [name for name, _, _ in ordered], [(start, end) for _, start, end in ordered]


class ProbeContext:
    """An index opened for questions. Read only, so that threads may share it."""

    def __init__(self, index: dict[str, Any]) -> None:
        """index: of `build_index`."""
        terms = index["terms"].split("\n") if index["terms"] else []
        self.term = {term: i for i, term in enumerate(terms)}
        self.offsets = np.asarray(index["offsets"], dtype=np.int64)
        self.chunks, self.counts = np.asarray(index["chunks"]), np.asarray(index["counts"], dtype=np.float64)
        self.pairs = np.asarray(index["pairs"])
        self.numbers: str = index["numbers"]
        self.document: dict[str, float] = index["document"]
        lengths = np.asarray(index["lengths"], dtype=np.float64)
        self.size = len(lengths)
        self.norm = 1.2 * (0.25 + 0.75 * lengths / max(1.0, float(lengths.mean()) if self.size else 1.0))
        self.parts: dict[str, list[tuple[int, int]]] = {}
        names = index["parts"].split("\n") if index["parts"] else []
        for name, (start, end) in zip(names, np.asarray(index["part_ranges"]).tolist(), strict=True):
            self.parts.setdefault(name, []).append((start, end))
        self.kinds = {name.split(" ")[0] for name in self.parts if part_name(name) == name}
        self.title_lengths = sorted({name.count(" ") + 1 for name in self.parts})

    def postings(self, terms: Sequence[str]) -> Postings:
        """Where distinct terms stand."""
        return Postings(self, terms)

    def inside(self, name: str) -> NDArray[np.bool_]:
        """(C,) whether a chunk lies in the part of that name."""
        mask = np.zeros(self.size, dtype=bool)
        for start, end in self.parts[name]:
            mask[start:end] = True
        return mask

    def holds_number(self, number: str) -> bool:
        """Whether these digits stand in a number of the text, in full or as a part of it."""
        return number in self.numbers

    def pairs_held(self, pairs: Sequence[tuple[str, str]]) -> int:
        """How many of the pairs of terms follow each other among some chunk's content terms."""
        ids = [(self.term.get(first, -1), self.term.get(second, -1)) for first, second in pairs]
        keys = np.array([a * len(self.term) + b for a, b in ids if a >= 0 and b >= 0], dtype=np.uint64)
        at = np.searchsorted(self.pairs, keys)
        there = at < len(self.pairs)
        return int((self.pairs[at[there]] == keys[there]).sum())


def open_index(index: dict[str, Any]) -> ProbeContext:
    """An index of `build_index`, opened for questions."""
    return ProbeContext(index)


class Postings:
    """The postings of n terms, m of which stand in the text, one after another.

    weight: (n,) idf. df: (n,) chunks that hold each. found: (m,) rows of the terms that are found; begins: (m,) where
    their postings begin. chunks, counts, weights: of each posting, weights being the term's.
    """

    def __init__(self, index: ProbeContext, terms: Sequence[str]) -> None:
        ids = np.array([index.term.get(term, -1) for term in terms], dtype=np.int64)
        there = ids >= 0
        starts = index.offsets[ids[there]]
        sizes = index.offsets[ids[there] + 1] - starts
        self.df = np.zeros(len(ids))
        self.df[there] = sizes
        self.weight = np.log(1 + (index.size - self.df + 0.5) / (self.df + 0.5))
        self.found = np.flatnonzero(there)
        self.begins = np.cumsum(sizes) - sizes
        at = np.arange(int(sizes.sum())) + np.repeat(starts - self.begins, sizes)
        self.chunks, self.counts = index.chunks[at], index.counts[at]
        self.weights = np.repeat(self.weight[there], sizes)
        self.dfs = np.repeat(sizes, sizes)
        self.total = float(self.weight.sum())

    def share(self, chosen: NDArray[np.bool_]) -> float:
        """Share of the terms' weight that stands in the chosen chunks, (C,), together; NaN without terms."""
        if not len(self.weight):
            return float("nan")
        if not len(self.found):
            return 0.0
        held = np.logical_or.reduceat(chosen[self.chunks], self.begins)
        return float(self.weight[self.found[held]].sum()) / self.total

    def scores(self, index: ProbeContext) -> Floats:
        """(C,) BM25 (Robertson and Zaragoza, 2009; k1 = 1.2, b = 0.75) of the chunks for these terms."""
        gain = self.weights * self.counts * 2.2 / (self.counts + index.norm[self.chunks])
        return summed(self.chunks, gain, index.size)


def summed(chunks: NDArray[Any], values: Floats, size: int) -> Floats:
    """(size,) the sum of the values of each chunk."""
    total: Floats = np.bincount(chunks, values, minlength=size).astype(np.float64)
    return total
