"""Dense retrieval: inner products of a question's vector with those of the chunks, on FAISS.

It does not know where vectors come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.stage import Per, Stage
from retrievers.base import DECIMALS, at_least, rank, rebuilt


@dataclass(frozen=True)
class FlatIndex(Stage):
    """Per context, `.on(encoded chunks)`: the vectors, searched exactly, or an HNSW graph over them.

    hnsw: links per vector of an approximate graph (Malkov and Yashunin, 2018; 32 is usual); 0: exact.
    ef_construction, ef_search: how many candidates the graph keeps while it is built and searched; exact search reads
    neither.
    """

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 16

    hnsw: int = 0
    ef_construction: int = 200
    ef_search: int = 128

    def __post_init__(self) -> None:
        at_least(self.hnsw, 0, f"{self.label}.hnsw")
        at_least(self.ef_construction, 1, f"{self.label}.ef_construction")
        at_least(self.ef_search, 1, f"{self.label}.ef_search")

    def run(self, *columns: Sequence[Any]) -> Iterable[dict[str, Any]]:
        """One column: {"vectors": (C, d), ...}. FAISS's flat index is the matrix itself, so that is what is kept."""
        (encoded,) = columns
        for value in encoded:
            vectors = np.ascontiguousarray(value["vectors"], dtype=np.float32)
            yield {"graph": self._graph(vectors), "ef_search": self.ef_search} if self.hnsw else {"vectors": vectors}

    def _graph(self, vectors: Any) -> Any:
        import faiss

        graph = faiss.IndexHNSWFlat(vectors.shape[1], self.hnsw, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = self.ef_construction
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)  # among threads, who links first is nowhere promised to be the same
        try:
            graph.add(vectors)
        finally:
            faiss.omp_set_num_threads(threads)
        return faiss.serialize_index(graph)


@dataclass(frozen=True)
class DenseSearch(Stage):
    """Per question, `.on(index, encoded question)`: the k chunks of greatest inner product, ties by chunk index."""

    k: int = 20

    def __post_init__(self) -> None:
        at_least(self.k, 1, f"{self.label}.k")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: indexes, (d,) vectors."""
        indexes, vectors = columns
        for index, vector in zip(rebuilt(indexes, _faiss), vectors, strict=True):
            if index.d != len(vector):
                raise UserError(
                    f"the question has {len(vector)} dimensions, the chunks have {index.d}",
                    where=self.label,
                    remedy="Encode both with one model",
                )
            yield self._search(index, np.ascontiguousarray(vector, dtype=np.float32)[None])

    def _search(self, index: Any, query: Any) -> Ranking:
        # FAISS leaves the order of ties open, so a tie at the cut has to be seen whole. One query at a time: FAISS
        # computes a batch by matrix products, whose last bits depend on the batch.
        wanted = min(self.k + 8, index.ntotal)
        while wanted:
            scores, ids = index.search(query, wanted)
            found = [(int(i), float(s)) for i, s in zip(ids[0], scores[0], strict=True) if i >= 0]
            best = rank(found, DECIMALS)
            if wanted == index.ntotal or len(found) < wanted or best.scores[-1] < best.scores[self.k - 1]:
                return Ranking(best.ids[: self.k], best.scores[: self.k])
            wanted = min(4 * wanted, index.ntotal)
        return Ranking((), ())


def _faiss(index: dict[str, Any]) -> Any:
    import faiss

    if "graph" in index:
        graph: Any = faiss.deserialize_index(np.array(index["graph"], dtype=np.uint8))
        graph.hnsw.efSearch = index["ef_search"]
        return graph
    vectors = np.ascontiguousarray(index["vectors"], dtype=np.float32)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    return flat
