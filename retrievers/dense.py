"""Dense retrieval: inner products of a question's vector with those of the chunks.

An index narrows the chunks down in single precision; those that can be among the k best are scored again in double
precision, from their own vectors where the index has them. So an exact index gives one ranking, whether it lies in
memory, on a GPU or on disk, and equal vectors tie.

C: chunks; d: dimensions. It does not know where vectors come from, nor how an index is built (`vector_index`,
`vector_folder`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.spec import runtime
from pipeline.core.stage import Stage
from retrievers.base import STEP, at_least, kth_at_least, one_of, rebuilt, top_k

Device = Literal["auto", "cpu", "gpu"]
Floats = NDArray[np.float64]

BLOCK = 8 << 20
"""Bytes of single-precision vectors that a search through a mapped matrix holds at a time."""
_ROWS = 32  # read at a time from a mapped matrix: the system may map 2 MB around each
_GPU_MOST = 2048
"""FAISS on a GPU gives no more results than this for a query."""


@dataclass(frozen=True)
class DenseSearch(Stage):
    """Per question, `.on(index, encoded question)`: the k chunks of greatest inner product, ties by chunk index.

    device: where FAISS searches a flat index or inverted lists in memory; auto: on a GPU if FAISS finds one.
    """

    version: ClassVar[int] = 2

    k: int = 20
    device: Device = runtime("auto")

    def __post_init__(self) -> None:
        at_least(self.k, 1, f"{self.label}.k")
        one_of(self.device, get_args(Device), f"{self.label}.device")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: indexes, (d,) vectors."""
        indexes, vectors = columns
        pairs = zip(rebuilt(indexes, self._searcher), vectors, strict=True)
        for searcher, group in groupby(pairs, key=itemgetter(0)):
            queries = [np.ascontiguousarray(query, dtype=np.float32) for _, query in group]
            for query in queries:
                if searcher.d != len(query):
                    raise UserError(
                        f"the question has {len(query)} dimensions, the chunks have {searcher.d}",
                        where=self.label,
                        remedy="Encode both with one model",
                    )
            yield from searcher.search(queries, self.k)

    def _searcher(self, index: dict[str, Any]) -> Mapped | Faiss:
        if "release" in index and "file" not in index:
            return Mapped(index["vectors"], index["norm"], index["release"])
        return Faiss(index, self.device)


def products(rows: NDArray[Any], query: NDArray[Any]) -> Floats:
    """(n,) inner products of (n, d) vectors with a query, in double precision."""
    # Row by row: a matrix product's last bits would depend on how many rows there are.
    scores: Floats = (rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    return scores


def ranked(ids: NDArray[np.int64], scores: Floats, k: int) -> Ranking:
    """The k best of the chunks `ids`, which rise."""
    best = top_k(scores, k)
    return Ranking(tuple(ids[list(best.ids)].tolist()), best.scores)


def slack(query: NDArray[Any], norm: float) -> float:
    """How far two single-precision products with `query` may change places; norm: the longest chunk vector's length."""
    # Each is off by at most d rounding steps of |q| |v| (Higham, Accuracy and Stability, 2002, section 3.1).
    return 2 * len(query) * 2.0**-24 * float(np.linalg.norm(query)) * norm + STEP


class Mapped:
    """Exact search through a matrix larger than memory, block by block, all queries at each block.

    vectors: (C, d), mapped. norm: the longest vector's length. release: gives the pages back that were read.
    """

    def __init__(self, vectors: NDArray[Any], norm: float, release: Callable[[], None]) -> None:
        self.vectors, self.norm, self.release = vectors, norm, release
        self.d = vectors.shape[1]

    def search(self, queries: Sequence[NDArray[np.float32]], k: int) -> list[Ranking]:
        """A ranking for each query."""
        rows = max(1, BLOCK // (4 * max(self.d, 1)))
        margins = [slack(q, self.norm) for q in queries]
        kept: list[tuple[NDArray[np.int64], Floats]] = [(np.zeros(0, np.int64), np.zeros(0))] * len(queries)
        for start in range(0, len(self.vectors), rows):
            block = np.ascontiguousarray(self.vectors[start : start + rows], dtype=np.float32)
            for i, query in enumerate(queries):
                ids, best = kept[i]
                rough = (block @ query).astype(np.float64)
                near = np.flatnonzero(rough >= max(kth_at_least(rough, k), kth_at_least(best, k)) - margins[i])
                ids, best = np.concatenate([ids, near + start]), np.concatenate([best, products(block[near], query)])
                keep = best >= kth_at_least(best, k) - STEP
                kept[i] = ids[keep], best[keep]
            self.release()
        return [ranked(ids, best, k) for ids, best in kept]


class Faiss:
    """Search in an index of `VectorIndex`, or in inverted lists of a folder."""

    def __init__(self, index: dict[str, Any], device: Device) -> None:
        import faiss

        self.refine = int(index.get("refine", 0))
        self.vectors = index.get("vectors")
        self.release: Callable[[], None] | None = index.get("release")
        self.norm = 0.0
        if "file" in index:
            self.host: Any = faiss.read_index(index["file"], faiss.IO_FLAG_MMAP)
        elif "lists" in index or "graph" in index:
            raw = index["lists"] if "lists" in index else index["graph"]
            self.host = faiss.deserialize_index(np.array(raw, dtype=np.uint8))
        else:
            vectors = self.vectors = np.ascontiguousarray(index["vectors"], dtype=np.float32)
            self.host = faiss.IndexFlatIP(vectors.shape[1])
            self.host.add(vectors)
            self.norm = longest(vectors)
        if "graph" in index:
            self.host.hnsw.efSearch = index["ef_search"]
        if "probes" in index:
            self.host.nprobe = index["probes"]
        self.d = self.host.d
        movable = "graph" not in index and "file" not in index
        self.index = _on_gpu(self.host) if movable and _wants_gpu(device) else self.host

    def search(self, queries: Sequence[NDArray[np.float32]], k: int) -> list[Ranking]:
        """A ranking for each query. One at a time: FAISS's batches are matrix products, which depend on the batch."""
        return [self._search(query, k) for query in queries]

    def _search(self, query: NDArray[np.float32], k: int) -> Ranking:
        exact = self.vectors is not None and not self.refine
        margin = slack(query, self.norm) if exact else STEP
        ids, scores = self._candidates(query, max(k, k * self.refine), margin)
        if self.vectors is not None and len(ids):
            parts = []
            for start in range(0, len(ids), _ROWS):
                parts.append(products(self.vectors[ids[start : start + _ROWS]], query))
                if self.release is not None:
                    self.release()
            scores = np.concatenate(parts)
        return ranked(ids, scores, k)

    def _candidates(self, query: NDArray[np.float32], k: int, margin: float) -> tuple[NDArray[np.int64], Floats]:
        """The k best chunks by the index, rising, and all within `margin` of the last: FAISS cuts through ties."""
        wanted = min(k + 8, self.host.ntotal)
        while wanted:
            index = self.host if wanted > _GPU_MOST else self.index
            scores, ids = (found[0] for found in index.search(query[None], wanted))
            there = ids >= 0
            scores, ids = scores[there].astype(np.float64), ids[there].astype(np.int64)
            if wanted == self.host.ntotal or len(ids) < wanted or scores.min() < np.sort(scores)[-k] - margin:
                order = np.argsort(ids)
                return ids[order], scores[order]
            wanted = min(4 * wanted, self.host.ntotal)
        return np.zeros(0, np.int64), np.zeros(0)


def longest(vectors: NDArray[Any]) -> float:
    """The greatest length among (C, d) vectors; 0 where there is none."""
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float32).max(initial=0.0)))


def _wants_gpu(device: Device) -> bool:
    import faiss

    found = faiss.get_num_gpus() > 0
    if device == "gpu" and not found:
        raise UserError(
            "FAISS finds no GPU", where="DenseSearch.device", remedy="Install a faiss-gpu package, or give device: cpu"
        )
    return found and device != "cpu"


def _on_gpu(index: Any) -> Any:
    import faiss

    return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
