"""Dense search against a brute force in NumPy; ties; the graph index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from retrievers.dense import DenseSearch, Faiss
from retrievers.vector_index import VectorIndex


def unit(rng: np.random.Generator, n: int, d: int = 16) -> Any:
    vectors = rng.standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def search(vectors: Any, queries: Any, k: int, index: VectorIndex | None = None) -> list[Ranking]:
    (value,) = (index or VectorIndex()).run([{"vectors": vectors}])
    return list(DenseSearch(k).run([value] * len(queries), list(queries)))


@pytest.mark.parametrize("k", [1, 7, 300])
def test_equal_to_brute_force(k: int) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng, 200), unit(rng, 50)
    for query, ranking in zip(queries, search(vectors, queries, k), strict=True):
        exact = vectors.astype(np.float64) @ query.astype(np.float64)
        order = np.argsort(-exact, kind="stable")[:k]
        assert list(ranking.ids) == order.tolist()
        assert np.allclose(ranking.scores, exact[order], atol=1.1e-6)


def test_ties_go_by_index_even_across_the_cut() -> None:
    rng = np.random.default_rng(1)
    vectors = unit(rng, 3)[[0, 1, 1, 0, 2, *[1] * 60]]
    (ranking,) = search(vectors, vectors[1:2], k=4)
    assert ranking.ids == (1, 2, 5, 6)
    (ranking,) = search(np.zeros((100, 4), np.float32), np.ones((1, 4), np.float32), k=3)
    assert ranking.ids == (0, 1, 2)


class LatestFirst:
    """An index that is right, and among ties gives the last one first, as FAISS is free to do."""

    def __init__(self, scores: list[float]) -> None:
        self.scores, self.ntotal = np.array(scores, np.float32), len(scores)

    def search(self, query: Any, k: int) -> tuple[Any, Any]:
        ids = np.lexsort((-np.arange(self.ntotal), -self.scores))[:k]
        return self.scores[ids][None], ids[None]


def test_ties_are_seen_whole_whatever_the_index_gives_first() -> None:
    vectors = np.array([[0.1], *[[0.5]] * 200, [0.9]], np.float32)
    (value,) = VectorIndex().run([{"vectors": vectors}])
    searcher = Faiss(value, "cpu")
    searcher.host = searcher.index = LatestFirst(vectors[:, 0].tolist())
    query = [np.ones(1, np.float32)]
    assert searcher.search(query, 3)[0].ids == (201, 1, 2)
    assert searcher.search(query, 500)[0].ids == (201, *range(1, 201), 0)


def test_a_ranking_does_not_depend_on_its_batch() -> None:
    rng = np.random.default_rng(2)
    vectors, queries = unit(rng, 500, 384), unit(rng, 64, 384)
    assert search(vectors, queries, 20) == [r for q in queries for r in search(vectors, q[None], 20)]


def test_no_chunks() -> None:
    assert search(np.zeros((0, 4), np.float32), np.ones((1, 4), np.float32), 5) == [Ranking((), ())]


def test_the_graph_is_reproducible_and_finds_nearly_all() -> None:
    rng = np.random.default_rng(3)
    vectors, queries = unit(rng, 2000), unit(rng, 30)
    graph = VectorIndex("hnsw", links=16)
    one, two = (next(iter(graph.run([{"vectors": vectors}]))) for _ in range(2))
    assert np.array_equal(one["graph"], two["graph"])
    assert one["graph"].dtype == np.uint8
    near, exact = search(vectors, queries, 10, graph), search(vectors, queries, 10)
    shared = [len(set(a.ids) & set(b.ids)) for a, b in zip(near, exact, strict=True)]
    assert sum(shared) >= 0.97 * 10 * len(queries)
    assert all(len(r.ids) == 10 for r in near)


def test_other_dimensions_are_named() -> None:
    with pytest.raises(UserError, match="3 dimensions, the chunks have 4"):
        search(np.zeros((2, 4), np.float32), np.ones((1, 3), np.float32), 1)
