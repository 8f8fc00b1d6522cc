"""Indexes of vectors for inner products: exact, HNSW graphs, inverted lists, inverted lists with product quantisation.

All are trained and filled on one thread with a fixed seed, so that one corpus gives one index. Inverted lists need many
vectors to learn from: for few, the index is an exact one, and its `note` says so.

C: vectors; d: dimensions. It does not know where vectors come from, nor how a ranking is put together (`dense`).
HNSW: Malkov and Yashunin, 2018; IVF and product quantisation: Jégou, Douze and Schmid, 2011; all by FAISS.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.spec import settings
from pipeline.core.stage import Per, Stage
from retrievers.base import at_least, one_of

Kind = Literal["flat", "hnsw", "ivf", "ivfpq"]
Vectors = NDArray[np.float32]

PER_CENTROID = 39
"""Vectors that k-means wants for each centroid it places (FAISS warns of fewer)."""
SAMPLE = 65_536
"""Vectors that are learnt from at most, evenly spaced over the corpus."""
_READ_BY: dict[str, tuple[str, ...]] = {
    "flat": (),
    "hnsw": ("links", "ef_construction", "ef_search"),
    "ivf": ("lists", "probes", "seed"),
    "ivfpq": ("lists", "probes", "seed", "subvectors", "bits", "refine"),
}


@dataclass(frozen=True)
class VectorIndex(Stage):
    """Per context, `.on(encoded chunks)`: an index for `DenseSearch`.

    kind: flat searches exactly; hnsw, ivf and ivfpq find nearly all, faster; ivfpq keeps `subvectors` bytes a vector.
    links, ef_construction, ef_search: of hnsw: links per vector, candidates kept while building and searching.
    lists, probes: of ivf and ivfpq: how many lists, and how many are read per question; 0: 4 sqrt(C), and a sixteenth.
    subvectors, bits: of ivfpq: parts of a vector, and bits for each; subvectors 0: d / 8 or the next divisor below.
    refine: of ivfpq: how many times k candidates are scored again by their own vectors, which are then kept; 0: none.
    """

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 16

    kind: Kind = "flat"
    links: int = 32
    ef_construction: int = 200
    ef_search: int = 128
    lists: int = 0
    probes: int = 0
    subvectors: int = 0
    bits: int = 8
    refine: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        one_of(self.kind, get_args(Kind), f"{self.label}.kind")
        for name in ("links", "ef_construction", "ef_search"):
            at_least(getattr(self, name), 1, f"{self.label}.{name}")
        for name in ("lists", "probes", "subvectors", "refine", "seed"):
            at_least(getattr(self, name), 0, f"{self.label}.{name}")
        if not 1 <= self.bits <= 12:
            raise UserError(f"{self.bits!r} is not in [1, 12]", where=f"{self.label}.bits", remedy="8 is usual")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings that this kind reads."""
        own = settings(self)
        return {name: own[name] for name in ("kind", *_READ_BY[self.kind])}

    def run(self, *columns: Sequence[Any]) -> Iterable[dict[str, Any]]:
        """One column: {"vectors": (C, d), ...}."""
        for encoded in columns[0]:
            yield self.index(np.ascontiguousarray(encoded["vectors"], dtype=np.float32))

    def index(self, vectors: Vectors) -> dict[str, Any]:
        """An index over (C, d) vectors, as plain arrays. `note` says why it is exact where it was not to be."""
        if self.kind == "hnsw" and len(vectors):
            return {"kind": "hnsw", "graph": _serialised(self._graph(vectors)), "ef_search": self.ef_search}
        note = self.too_few(len(vectors)) if self.kind in ("ivf", "ivfpq") else ""
        if self.kind in ("flat", "hnsw") or note:
            return {"kind": "flat", "vectors": vectors} | ({"note": note} if note else {})
        lists = self.trained(sample_of(vectors), len(vectors))
        with one_thread():
            lists.add(vectors)
        return self.about(lists.nlist) | {"lists": _serialised(lists)} | ({"vectors": vectors} if self.keeps else {})

    @property
    def keeps(self) -> bool:
        """Whether the vectors themselves are needed for searching."""
        return self.kind == "flat" or (self.kind == "ivfpq" and self.refine > 0)

    def about(self, lists: int) -> dict[str, Any]:
        """What a searcher must know of inverted lists."""
        probes = min(self.probes or max(1, math.ceil(lists / 16)), lists)
        return {"kind": self.kind, "probes": probes, "refine": self.refine if self.kind == "ivfpq" else 0}

    def too_few(self, count: int) -> str:
        """Why `count` vectors cannot be learnt from; empty where they can."""
        need = PER_CENTROID * max(self.lists, 2, 2**self.bits if self.kind == "ivfpq" else 0)
        if count >= need:
            return ""
        return f"{self.kind} learns from {need:,} vectors or more, found {count:,}: searched exactly"

    def trained(self, sample: Vectors, count: int) -> Any:
        """Empty inverted lists for `count` vectors, learnt from a sample. Raises UserError where d cannot be split."""
        import faiss

        d = sample.shape[1]
        lists = self.lists or max(2, min(round(4 * math.sqrt(count)), len(sample) // PER_CENTROID))
        coarse = faiss.IndexFlatIP(d)
        index: Any
        if self.kind == "ivf":
            index = faiss.IndexIVFFlat(coarse, d, lists, faiss.METRIC_INNER_PRODUCT)
        else:
            parts = self.subvectors or max(m for m in range(1, max(d // 8, 1) + 1) if d % m == 0)
            if d % parts:
                known = ", ".join(str(m) for m in range(1, d + 1) if d % m == 0)
                raise UserError(
                    f"{d} dimensions cannot be split into {parts} equal parts",
                    where=f"{self.label}.subvectors",
                    remedy=f"Give one of {known}",
                )
            index = faiss.IndexIVFPQ(coarse, d, lists, parts, self.bits, faiss.METRIC_INNER_PRODUCT)
            index.pq.cp.seed = self.seed
        index.cp.seed = self.seed
        index.cp.spherical = True  # as faiss.index_factory sets it for inner products
        with one_thread():
            index.train(sample)
        return index

    def _graph(self, vectors: Vectors) -> Any:
        import faiss

        graph = faiss.IndexHNSWFlat(vectors.shape[1], self.links, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = self.ef_construction
        with one_thread():  # among threads, who links first is nowhere promised to be the same
            graph.add(vectors)
        return graph


def sample_of(vectors: NDArray[Any], release: Callable[[], None] = lambda: None) -> Vectors:
    """At most SAMPLE of (C, d) vectors, evenly spaced. release: gives back the pages of a mapped matrix."""
    rows = np.linspace(0, len(vectors) - 1, min(SAMPLE, len(vectors))).astype(np.int64)
    sample = np.empty((len(rows), vectors.shape[1]), np.float32)
    for start in range(0, len(rows), 2048):
        sample[start : start + 2048] = vectors[rows[start : start + 2048]]
        release()
    return sample


@contextmanager
def one_thread() -> Iterator[None]:
    """FAISS on one thread."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _serialised(index: Any) -> NDArray[np.uint8]:
    import faiss

    raw: NDArray[np.uint8] = faiss.serialize_index(index)
    return raw
