"""A BM25 index of a corpus larger than memory: counted in blocks on disk, merged, and searched as memory maps.

Blocks of terms are counted and sorted in memory and written down (single-pass in-memory indexing: Heinz and Zobel,
2003); then the blocks' vocabularies are merged term by term and their postings range by range, each range weighted and
written once. In memory lie one block, one range, 4 bytes for each chunk and about 40 for each distinct term. The files
are the arrays of `bm25_engine.matrix`: one formula, the same numbers.

It does not know how a query is scored.
"""

from __future__ import annotations

import heapq
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from retrievers.analyze import analyzer
from retrievers.base import at_least
from retrievers.bm25 import BM25Index, Index
from retrievers.bm25_engine import Formula, pairs
from retrievers.bm25_terms import MappedTerms, encoded
from retrievers.mapped import Mapped, Rows, read_head, whole_or_nothing, write_head

BLOCK = 2_000_000
"""Terms that are counted at a time; about 100 bytes of memory each while a block is sorted."""
_READ = 1024  # terms of a block's vocabulary that are read at a time


def build_bm25(texts: Iterable[str], folder: Path | str, index: BM25Index | None = None, *, block: int = BLOCK) -> None:
    """Index texts, one chunk each, into a new folder that `open_bm25` opens; the texts are read once.

    index: formula, analyzer, and whose code will search (`numpy` or `bm25s`). block: terms counted at a time.
    Raises UserError for a folder that exists, and for rank_bm25, which keeps all texts in memory.
    """
    index = index or BM25Index()
    folder = Path(folder)
    at_least(block, 1, "build_bm25.block")
    if index.backend == "rank_bm25":
        raise UserError(
            "rank_bm25 cannot search from disk", where="build_bm25.index", remedy="Give backend='numpy' or 'bm25s'"
        )
    if isinstance(texts, str):
        raise UserError("one text is given, not several", where="build_bm25.texts", remedy="Give a list of texts")
    with whole_or_nothing(folder, "bm25") as draft:
        blocks, lengths = _count(map(analyzer(index.stemmer, index.stopwords), texts), draft, block)
        sizes = _merge_vocabularies(blocks, draft)
        if len(sizes):
            _merge_postings(blocks, lengths, sizes, index.formula, draft, block)
        for part in blocks:
            part.delete()
        write_head(draft, "bm25", index.head | {"chunks": len(lengths), "terms": len(sizes)})


def open_bm25(folder: Path | str) -> Index:
    """An index for `BM25Search` and `scorer` whose arrays are memory maps; opening reads next to nothing.

    Raises UserError for a folder that is not a whole index.
    """
    folder = Path(folder)
    head = read_head(folder, "bm25")
    if not head.pop("terms"):
        return head | {"vocabulary": [], "hashes": np.zeros(0, np.uint32)}
    files = Mapped(folder)
    arrays = {name: files.array(name) for name in ("hashes", "indptr", "peaks", "data", "indices")}
    absent = files.array("absent") if (folder / "absent.npy").exists() else None
    vocabulary = MappedTerms(files.array("terms"), files.array("ends"))
    return head | arrays | {"absent": absent, "vocabulary": vocabulary, "release": files.release}


# -- counting ---------------------------------------------------------------------------------------------------------


@dataclass
class _Block:
    """One counted block on disk: its terms in the order of their hashes, and for each its (chunk, count) pairs."""

    path: Path
    terms_taken: int = 0
    pairs_taken: int = 0
    _numbers: array[int] = field(default_factory=lambda: array("i"))

    def file(self, name: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{name}")

    def write(self, **arrays: NDArray[Any]) -> None:
        for name, values in arrays.items():
            values.tofile(self.file(name))

    def read(self, name: str, dtype: Any, start: int = 0, count: int = -1) -> NDArray[Any]:
        return np.fromfile(self.file(name), dtype, count, offset=start * np.dtype(dtype).itemsize)

    def number(self, number: int | None) -> None:
        """Note the merged number of the block's next term, which rises; None: that was the last."""
        if number is not None:
            self._numbers.append(number)
        if number is None or len(self._numbers) == _READ:
            with self.file("number").open("ab") as file:
                self._numbers.tofile(file)
            self._numbers = array("i")

    def take(self, first: int, last: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """(term, chunk, count) of the pairs of the merged terms [first, last); asked for from the first term on."""
        numbers = self.read("number", np.int32, self.terms_taken, last - first)
        numbers = numbers[: numbers.searchsorted(np.int32(last))]
        held = self.read("held", np.int32, self.terms_taken, len(numbers))
        start, size = self.pairs_taken, int(held.sum())
        self.terms_taken, self.pairs_taken = self.terms_taken + len(numbers), start + size
        chunk, count = (self.read(name, np.int32, start, size) for name in ("chunk", "count"))
        return np.repeat(numbers, held), chunk, count

    def delete(self) -> None:
        for path in self.path.parent.glob(f"{self.path.name}.*"):
            path.unlink()

    def terms(self) -> Iterator[tuple[int, bytes, int]]:
        """(hash, term, how many chunks hold it), in order."""
        with self.file("text").open("rb") as text:
            for start in range(0, self.file("size").stat().st_size // 4, _READ):
                sizes = self.read("size", np.int32, start, _READ).tolist()
                held = self.read("held", np.int32, start, _READ).tolist()
                for size, frequency in zip(sizes, held, strict=True):
                    term = text.read(size)
                    yield crc32(term), term, frequency


def _count(corpus: Iterable[list[str]], draft: Path, block: int) -> tuple[list[_Block], NDArray[np.int32]]:
    """The corpus as blocks on disk, and (C,) the chunks' lengths."""
    blocks: list[_Block] = []
    lengths, flushed = array("i"), 0
    vocabulary: defaultdict[str, int] = defaultdict(count().__next__)
    terms = array("i")

    def flush() -> None:
        nonlocal flushed, vocabulary
        marked = sorted(
            (crc32(term), term, number) for term, number in ((encoded(t), n) for t, n in vocabulary.items())
        )
        place = np.empty(len(marked), np.int32)
        place[[number for *_, number in marked]] = np.arange(len(marked), dtype=np.int32)
        term, chunk, times = pairs(place[np.frombuffer(terms, np.int32)], np.array(lengths[flushed:], np.int64))
        blocks.append(_Block(draft / f"block{len(blocks)}"))
        sizes = np.array([len(t) for _, t, _ in marked], np.int32)
        blocks[-1].write(
            size=sizes, held=np.bincount(term).astype(np.int32), chunk=chunk + np.int32(flushed), count=times
        )
        blocks[-1].file("text").write_bytes(b"".join(t for _, t, _ in marked))
        vocabulary = defaultdict(count().__next__)
        flushed = len(lengths)

    for document in corpus:
        terms.extend(map(vocabulary.__getitem__, document))
        lengths.append(len(document))
        if len(terms) >= block:
            flush()
            terms = array("i")
    if terms:
        flush()
    return blocks, np.array(lengths, np.int32)


# -- merging ----------------------------------------------------------------------------------------------------------


def _merge_vocabularies(blocks: list[_Block], draft: Path) -> NDArray[np.int64]:
    """Write the vocabulary of all blocks, tell each block its terms' numbers, return (V,) how many chunks hold each."""
    held, at = array("q"), 0
    marks, ends, text = array("I"), array("q"), bytearray()

    def tagged(block: _Block) -> Iterator[tuple[int, bytes, int, _Block]]:
        return ((mark, term, frequency, block) for mark, term, frequency in block.terms())

    streams = heapq.merge(*map(tagged, blocks), key=itemgetter(0, 1))
    with (
        Rows(draft / "hashes.npy", np.uint32) as all_marks,
        Rows(draft / "ends.npy", np.int64) as all_ends,
        Rows(draft / "terms.npy", np.uint8) as all_text,
    ):
        for number, ((mark, term), group) in enumerate(groupby(streams, key=itemgetter(0, 1))):
            total = 0
            for _, _, frequency, block in group:
                block.number(number)
                total += frequency
            held.append(total)
            at += len(term)
            marks.append(mark)
            ends.append(at)
            text += term
            if len(marks) == _READ:
                all_marks.append(marks)
                all_ends.append(ends)
                all_text.append(np.frombuffer(bytes(text), np.uint8))
                marks, ends, text = array("I"), array("q"), bytearray()
        all_marks.append(marks)
        all_ends.append(ends)
        all_text.append(np.frombuffer(bytes(text), np.uint8))
    for block in blocks:
        block.number(None)
    return np.array(held, np.int64)


def _merge_postings(
    blocks: list[_Block],
    lengths: NDArray[np.int32],
    held: NDArray[np.int64],
    formula: Formula,
    draft: Path,
    most: int,
) -> None:
    """Write indptr, indices, data, peaks and absent, with `most` postings in memory, or those of one term and block."""
    indptr = np.concatenate([[0], np.cumsum(held)]).astype(np.int64)
    idf = formula.idf(held, len(lengths))
    average = float(np.mean(lengths))
    np.save(draft / "indptr.npy", indptr)
    if formula.has_floor:
        np.save(draft / "absent.npy", formula.absent(idf))
    peaks = np.zeros(len(held))
    with Rows(draft / "indices.npy", np.int32) as all_chunks, Rows(draft / "data.npy", np.float64) as all_weights:

        def write(term: NDArray[Any], chunk: NDArray[Any], count: NDArray[Any]) -> None:
            weights = formula.weights(idf[term], count, lengths[chunk], average)
            firsts = np.flatnonzero(np.diff(term, prepend=-1))
            peaks[term[firsts]] = np.maximum(peaks[term[firsts]], np.maximum.reduceat(weights, firsts))
            all_chunks.append(chunk)
            all_weights.append(weights)

        first = 0
        while first < len(held):
            last = max(int(np.searchsorted(indptr, indptr[first] + most, side="right")) - 1, first + 1)
            found = (part.take(first, last) for part in blocks)
            if last == first + 1:  # blocks hold rising chunks: one term needs no sorting, and no two blocks at a time
                for part in found:
                    if len(part[0]):
                        write(*part)
            else:
                term, chunk, count = (np.concatenate(column) for column in zip(*found, strict=True))
                order = np.argsort(term, kind="stable")
                write(term[order], chunk[order], count[order])
            first = last
    np.save(draft / "peaks.npy", peaks)
