"""Indexes of vectors, in memory and on disk, against a brute force in NumPy; what is approximate, and by how much."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.spec import identity
from pipeline.core.stage import code_digest
from retrievers.base import top_k
from retrievers.dense import DenseSearch, Mapped
from retrievers.vector_folder import build_vectors, open_vectors
from retrievers.vector_index import VectorIndex


def clustered(seed: int, n: int, d: int = 16) -> Any:
    """Unit vectors around 40 centres, as texts lie, unlike points spread evenly over the sphere."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((40, d))
    vectors = centres[rng.integers(0, 40, n)] + 0.5 * rng.standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def brute(vectors: Any, query: Any, k: int) -> Ranking:
    return top_k((vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1), k)


def search(index: Any, queries: Any, k: int = 10) -> list[Ranking]:
    return list(DenseSearch(k).run([index] * len(queries), list(queries)))


def on_disk(folder: Path, vectors: Any, index: VectorIndex | None = None, block: int = 700, **settings: Any) -> Any:
    build_vectors((vectors[i : i + block] for i in range(0, len(vectors), block)), folder, index, **settings)
    return open_vectors(folder)


def shared(found: list[Ranking], exact: list[Ranking]) -> float:
    return sum(len(set(a.ids) & set(b.ids)) for a, b in zip(found, exact, strict=True)) / sum(len(r.ids) for r in exact)


# -- exact ------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 5), st.integers(1, 80), st.booleans())
def test_flat_equals_brute_force_with_ties_and_k_above_the_size(
    seed: int, n: int, distinct: int, k: int, fine: bool
) -> None:
    """Ids and scores; with few distinct vectors nearly all tie."""
    rng = np.random.default_rng(seed)
    vectors = clustered(seed, n if fine else distinct)[rng.integers(0, n if fine else distinct, n)]
    queries = clustered(seed + 1, 3)
    (memory,) = VectorIndex().run([{"vectors": vectors}])
    expected = [brute(vectors, q, k) for q in queries]
    assert search(memory, queries, k) == expected
    assert Mapped(vectors, 1.0, lambda: None).search(list(queries), k) == expected


@pytest.mark.parametrize("k", [1, 10, 5000])
def test_flat_on_disk_is_flat_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int) -> None:
    monkeypatch.setattr("retrievers.dense.BLOCK", 4 * 384 * 500)  # blocks of 500 rows
    vectors = clustered(1, 3210, 384)
    vectors[[17, 900, 3209]] = vectors[2222]
    queries = np.concatenate([clustered(2, 20, 384), vectors[17:18]])
    disk = on_disk(tmp_path / "v", vectors)
    assert np.array_equal(disk["vectors"], vectors)
    (memory,) = VectorIndex().run([{"vectors": vectors}])
    found = search(disk, queries, k)
    assert found == search(memory, queries, k) == [brute(vectors, q, k) for q in queries]
    assert found == [r for q in queries for r in search(disk, [q], k)], "batches change nothing"
    assert found[-1].ids[:4] == (17, 900, 2222, 3209)[:k]


def test_half_precision_is_exact_over_what_was_stored(tmp_path: Path) -> None:
    vectors, queries = clustered(3, 800), clustered(4, 10)
    disk = on_disk(tmp_path / "half", vectors, precision="float16")
    half = vectors.astype(np.float16)
    assert disk["vectors"].dtype == np.float16
    assert search(disk, queries) == [brute(half, q, 10) for q in queries]
    assert shared(search(disk, queries), [brute(vectors, q, 10) for q in queries]) > 0.97


def test_long_vectors_are_compared_within_their_rounding() -> None:
    """Lengths of 10,000: single precision is off by far more than the decimals that rankings keep."""
    rng = np.random.default_rng(5)
    vectors = (1e4 * clustered(6, 1, 64) + rng.standard_normal((2000, 64)) * 1e-2).astype(np.float32)
    queries = (1e4 * clustered(7, 5, 64)).astype(np.float32)
    (memory,) = VectorIndex().run([{"vectors": vectors}])
    expected = [brute(vectors, q, 10) for q in queries]
    assert search(memory, queries) == expected
    assert Mapped(vectors, 1.1e4, lambda: None).search(list(queries), 10) == expected


def test_nothing_to_search(tmp_path: Path) -> None:
    nothing, query = np.zeros((0, 4), np.float32), np.ones((1, 4), np.float32)
    for kind in ("flat", "hnsw", "ivf", "ivfpq"):
        (index,) = VectorIndex(kind).run([{"vectors": nothing}])
        assert search(index, query) == [Ranking((), ())]
    assert search(on_disk(tmp_path / "none", nothing, block=1), np.ones((1, 0), np.float32)) == [Ranking((), ())]
    build_vectors([nothing], tmp_path / "empty")
    assert search(open_vectors(tmp_path / "empty"), query) == [Ranking((), ())]


# -- approximate ------------------------------------------------------------------------------------------------------

SMALL = {
    "hnsw": VectorIndex("hnsw", links=16),
    "ivf": VectorIndex("ivf", lists=32, probes=8),
    "ivfpq": VectorIndex("ivfpq", lists=32, probes=8, subvectors=4, bits=5, refine=8),
}


@pytest.mark.parametrize("kind", SMALL)
def test_an_approximate_index_finds_nearly_all_and_scores_what_it_finds(kind: str) -> None:
    vectors, queries = clustered(8, 4000), clustered(9, 40)
    (index,) = SMALL[kind].run([{"vectors": vectors}])
    found, exact = search(index, queries), [brute(vectors, q, 10) for q in queries]
    assert index["kind"] == kind
    assert shared(found, exact) > 0.9
    for ranking, query in zip(found, queries, strict=True):
        assert np.allclose(ranking.scores, vectors[list(ranking.ids)] @ query, atol=2e-6)
        assert list(ranking.scores) == sorted(ranking.scores, reverse=True)


def test_scoring_again_is_what_mends_quantisation() -> None:
    vectors, queries = clustered(10, 4000), clustered(11, 40)
    exact = [brute(vectors, q, 10) for q in queries]
    rough, refined = (
        next(
            iter(VectorIndex("ivfpq", lists=32, probes=32, subvectors=2, bits=5, refine=r).run([{"vectors": vectors}]))
        )
        for r in (0, 16)
    )
    assert "vectors" not in rough
    assert shared(search(rough, queries), exact) + 0.2 < shared(search(refined, queries), exact) > 0.9
    assert len(rough["lists"]) < vectors.nbytes / 3


def test_all_probes_of_inverted_lists_are_exact() -> None:
    vectors, queries = clustered(12, 3000), clustered(13, 20)
    (index,) = VectorIndex("ivf", lists=16, probes=16).run([{"vectors": vectors}])
    assert [r.ids for r in search(index, queries)] == [brute(vectors, q, 10).ids for q in queries]


@pytest.mark.parametrize("kind", SMALL)
def test_one_corpus_gives_one_index_also_in_another_process(kind: str) -> None:
    program = (
        "import hashlib, sys; sys.path[:0] = ['tests/retrievers']\n"
        "from test_vector_index import SMALL, clustered\n"
        f"(index,) = SMALL[{kind!r}].run([{{'vectors': clustered(14, 2000)}}])\n"
        "print(hashlib.sha256(index.get('lists', index.get('graph')).tobytes()).hexdigest())\n"
    )
    root = Path(__file__).parents[2]
    runs = [
        subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_the_seed_is_read() -> None:
    vectors = clustered(15, 2000)
    one, two, three = (
        next(iter(VectorIndex("ivfpq", lists=16, bits=4, refine=0, seed=s).run([{"vectors": vectors}])))
        for s in (0, 0, 1)
    )
    assert np.array_equal(one["lists"], two["lists"])
    assert not np.array_equal(one["lists"], three["lists"])


@pytest.mark.parametrize(
    ("index", "count", "said"),
    [
        (VectorIndex("ivfpq"), 300, "ivfpq learns from 9,984 vectors or more, found 300: searched exactly"),
        (VectorIndex("ivf", lists=100), 300, "ivf learns from 3,900 vectors or more, found 300"),
        (VectorIndex("ivf"), 5, "ivf learns from 78 vectors or more, found 5"),
    ],
)
def test_too_few_vectors_are_searched_exactly_and_the_index_says_so(
    tmp_path: Path, index: VectorIndex, count: int, said: str
) -> None:
    vectors, queries = clustered(16, count), clustered(17, 5)
    (memory,) = index.run([{"vectors": vectors}])
    disk = on_disk(tmp_path / "v", vectors, index)
    for value in (memory, disk):
        assert value["kind"] == "flat"
        assert said in value["note"]
        assert search(value, queries) == [brute(vectors, q, 10) for q in queries]


@pytest.mark.parametrize("kind", ["ivf", "ivfpq"])
def test_inverted_lists_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Filled in five shards and mapped: the rankings of the index in memory, in the folder's last place."""
    monkeypatch.setattr("retrievers.vector_folder.SHARD", 900)
    vectors, queries = clustered(18, 4000), clustered(19, 30)
    (memory,) = SMALL[kind].run([{"vectors": vectors}])
    disk = on_disk(tmp_path / "v", vectors, SMALL[kind])
    assert ("vectors" in disk) == (kind == "ivfpq")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["v"]
    assert not list((tmp_path / "v").glob("shard*"))
    (tmp_path / "v").rename(tmp_path / "moved")
    assert search(open_vectors(tmp_path / "moved"), queries) == search(memory, queries)


# -- memory and mistakes ----------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrievers.dense.BLOCK", 1 << 16)

    def blocks(count: int) -> Iterator[Any]:
        for i in range(count):
            yield clustered(i, 200, 64)

    def peak(count: int) -> int:
        tracemalloc.start()
        build_vectors(blocks(count), tmp_path / str(count))
        found = search(open_vectors(tmp_path / str(count)), clustered(7, 4, 64))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(found[0].ids) == 10
        return most

    peak(3)
    small, large = peak(5), peak(80)
    assert (tmp_path / "80" / "vectors.npy").stat().st_size > 4_000_000
    assert large - small < 200_000


def test_settings_that_a_kind_does_not_read_are_no_part_of_it() -> None:
    assert identity(VectorIndex(lists=5, links=3, seed=9)) == identity(VectorIndex())
    assert identity(VectorIndex("hnsw", links=3)) != identity(VectorIndex("hnsw"))
    assert identity(VectorIndex("ivf", seed=1)) != identity(VectorIndex("ivf"))
    assert identity(DenseSearch(device="cpu")) == identity(DenseSearch())
    assert code_digest(VectorIndex) != "no-source"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "ivfqp"}, "ivfpq"),
        ({"links": 0}, "VectorIndex.links"),
        ({"probes": -1}, "VectorIndex.probes"),
        ({"bits": 16}, "VectorIndex.bits"),
    ],
)
def test_bad_settings(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        VectorIndex(**settings)


def test_refusals(tmp_path: Path) -> None:
    vectors = clustered(20, 2000)
    with pytest.raises(UserError, match=r"16 dimensions cannot be split into 5 equal parts.*1, 2, 4, 8, 16"):
        VectorIndex("ivfpq", subvectors=5, bits=4).index(vectors)
    with pytest.raises(UserError, match="a graph is built and searched in memory"):
        on_disk(tmp_path / "v", vectors, SMALL["hnsw"])
    with pytest.raises(UserError, match=r"block 1 has the shape \(3, 8\), not \(any, 16\)"):
        build_vectors([vectors, np.zeros((3, 8), np.float32)], tmp_path / "v")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="float8"):
        on_disk(tmp_path / "v", vectors, precision="float8")
    on_disk(tmp_path / "v", vectors)
    with pytest.raises(UserError, match="exists"):
        on_disk(tmp_path / "v", vectors)
    (tmp_path / "v" / "vectors.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"vectors\.npy should have"):
        open_vectors(tmp_path / "v")


def test_a_gpu_that_is_not_there_is_named() -> None:
    import faiss

    if faiss.get_num_gpus():
        pytest.skip("FAISS finds a GPU")
    (index,) = VectorIndex().run([{"vectors": clustered(21, 20)}])
    with pytest.raises(UserError, match="FAISS finds no GPU"):
        list(DenseSearch(device="gpu").run([index], [clustered(22, 1)[0]]))


@pytest.mark.parametrize("kind", ["ivf", "ivfpq"])
def test_searching_from_disk_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str) -> None:
    vectors = clustered(23, 2000)
    assert search(on_disk(tmp_path / "v", vectors, SMALL[kind]), vectors[:2])[1].ids[0] == 1
    assert capfd.readouterr() == ("", "")
