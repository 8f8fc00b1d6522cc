"""Aggregation against brute force, its laws, and a long document whose end a short encoder never sees."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Ranking
from retrievers.aggregate import AggregateIndex, AggregateSearch, How, attention_weights, members_of
from retrievers.chunk import WordChunks
from retrievers.encode import EncodeChunks, EncodeQuestion
from retrievers.late import LateChunks

HOWS = get_args(How)


def unit(rng: np.random.Generator, n: int, d: int = 8) -> Any:
    vectors = rng.standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pieces_of(sizes: list[int]) -> tuple[tuple[Chunk, ...], tuple[Chunk, ...]]:
    pieces = tuple(Chunk(f"d{p}", i, i + 1, "x") for p, size in enumerate(sizes) for i in range(size))
    return pieces, tuple(Chunk(f"d{p}", 0, size, "x" * size) for p, size in enumerate(sizes))


def index_of(vectors: Any, pieces: Any, parents: Any, **more: Any) -> dict[str, Any]:
    (index,) = AggregateIndex().run([{"vectors": vectors, **more}], [pieces], [parents])
    return index


def search(index: dict[str, Any], question: Any, how: Any, k: int = 20, temperature: float = 0.1) -> Ranking:
    (ranking,) = AggregateSearch(how, temperature, k).run([index], [question])
    return ranking


def by_hand(vectors: Any, question: Any, how: str, temperature: float) -> float:
    if how == "max":
        return max(float(v @ question) for v in vectors)
    weights = np.ones(len(vectors))
    if how == "attention":
        weights = np.exp(vectors.astype(np.float64) @ question / temperature)
    whole = (vectors * weights[:, None]).sum(axis=0) / weights.sum()
    return float(whole @ question / np.linalg.norm(whole) / np.linalg.norm(question))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(0, 99), st.sampled_from(HOWS))
def test_equal_to_brute_force(sizes: list[int], seed: int, how: Any) -> None:
    rng = np.random.default_rng(seed)
    pieces, parents = pieces_of(sizes)
    vectors, question = unit(rng, len(pieces)), unit(rng, 1)[0]
    ranking = search(index_of(vectors, pieces, parents), question, how, temperature=0.3)
    starts = np.cumsum([0, *sizes])
    expected = {
        p: by_hand(vectors[starts[p] : starts[p + 1]], question, how, 0.3) for p, size in enumerate(sizes) if size
    }
    assert sorted(ranking.ids) == sorted(expected)
    assert [expected[i] for i in ranking.ids] == pytest.approx(list(ranking.scores), abs=2e-6)
    assert list(ranking.scores) == sorted(ranking.scores, reverse=True)


@pytest.mark.parametrize("how", HOWS)
def test_of_one_piece_the_aggregate_is_the_piece(how: Any) -> None:
    rng = np.random.default_rng(0)
    pieces, parents = pieces_of([1, 1, 1])
    vectors, question = unit(rng, 3), unit(rng, 1)[0]
    ranking = search(index_of(vectors, pieces, parents), question, how)
    assert list(ranking.scores) == pytest.approx(sorted(vectors @ question, reverse=True), abs=2e-6)
    assert list(ranking.ids) == np.argsort(-(vectors @ question)).tolist()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.floats(1e-3, 10), st.integers(0, 99))
def test_attention_weights_sum_to_one(sizes: list[int], temperature: float, seed: int) -> None:
    similarity = np.random.default_rng(seed).uniform(-1, 1, sum(sizes)).astype(np.float32)
    starts = np.cumsum([0, *sizes])[:-1]
    weights = attention_weights(similarity, starts, temperature)
    assert np.add.reduceat(weights, starts) == pytest.approx(np.ones(len(sizes)))
    assert (weights >= 0).all()


def test_cold_attention_is_the_best_piece_and_hot_attention_the_mean() -> None:
    rng = np.random.default_rng(1)
    pieces, parents = pieces_of([5, 4])
    index, question = index_of(unit(rng, 9), pieces, parents), unit(rng, 1)[0]
    cold, best = search(index, question, "attention", temperature=1e-4), search(index, question, "max")
    assert cold.ids == best.ids and cold.scores == pytest.approx(best.scores, abs=1e-5)
    hot, mean = search(index, question, "attention", temperature=1e6), search(index, question, "mean")
    assert hot.ids == mean.ids and hot.scores == pytest.approx(mean.scores, abs=1e-5)


def test_pieces_belong_where_their_middle_lies() -> None:
    pieces = tuple(
        Chunk(d, a, b, "x" * (b - a)) for d, a, b in (("e", 0, 4), ("d", 0, 10), ("d", 8, 14), ("d", 14, 30))
    )
    parents = tuple(Chunk("d", a, b, "x" * (b - a)) for a, b in ((0, 11), (11, 30), (0, 30)))
    assert [m.tolist() for m in members_of(pieces, (*parents, Chunk("f", 0, 9, "x" * 9)))] == [
        [1],
        [2, 3],
        [1, 2, 3],
        [],
    ]


def test_a_document_vector_is_one_more_piece() -> None:
    text = "The keeper kept bees. It burned down in 1931. Nobody rebuilt it."
    chunks = tuple(Chunk("d", a, b, text[a:b]) for a, b in ((0, 21), (22, 45), (46, 64)))
    (late,) = LateChunks(document="cls").run([chunks], [(Document("d", text),)])
    index = index_of(**late, pieces=chunks, parents=(Chunk("d", 0, 64, text),))
    assert index["starts"].tolist() == [0, 4]
    (question,) = EncodeQuestion().run(["When did it burn?"])
    best = max(*(late["vectors"] @ question), (late["document_vectors"] @ question)[0])
    assert search(index, question, "max").scores[0] == pytest.approx(best, abs=2e-6)
    (one,) = LateChunks().run([(Chunk("d", 0, 64, text),)], [(Document("d", text),)])
    alone = index_of(one["vectors"], (Chunk("d", 0, 64, text),), (Chunk("d", 0, 64, text),))
    assert search(alone, question, "max").scores[0] == pytest.approx(float(one["vectors"][0] @ question), abs=2e-6)


def test_what_lies_behind_the_cut_is_found() -> None:
    filler = "The parliament of the small island voted on the budget again. " * 40
    endings = ["Volcanoes erupt where magma rises. " * 6, "The striker scored twice in extra time. " * 6]
    documents = tuple(Document(f"d{i}", filler + ending) for i, ending in enumerate((*endings, filler[:200])))
    (pieces,) = WordChunks(80).run([documents])
    whole = tuple(Chunk(d.id, 0, len(d.text or ""), d.text or "") for d in documents)
    asked = {"volcanic eruptions of lava": 0, "goals in a football match": 1}
    (encoded,), (cut,) = EncodeChunks().run([pieces]), EncodeChunks().run([whole])
    index = index_of(encoded["vectors"], pieces, whole)
    for text, wanted in asked.items():
        (question,) = EncodeQuestion().run([text])
        scores = cut["vectors"] @ question
        assert abs(scores[0] - scores[1]) < 1e-5, "cut, both documents are the same text"
        for how in HOWS:
            assert search(index, question, how).ids[0] == wanted, how


def test_nothing_to_search_and_settings_that_do_not_fit() -> None:
    empty = index_of(np.zeros((0, 8), np.float32), (), ())
    assert search(empty, np.ones(8, np.float32), "max") == Ranking((), ())
    pieces, parents = pieces_of([2])
    index = index_of(np.ones((2, 8), np.float32), pieces, parents)
    with pytest.raises(UserError, match="3 dimensions, the pieces have 8"):
        search(index, np.ones(3, np.float32), "mean")
    with pytest.raises(UserError, match="temperature of 0"):
        AggregateSearch(temperature=0)
    with pytest.raises(UserError, match="how: 'avg' is not known"):
        AggregateSearch("avg")  # type: ignore[arg-type]
    tied = index_of(np.ones((5, 8), np.float32), *pieces_of([2, 1, 2]))
    assert search(tied, np.ones(8, np.float32), "mean", k=2).ids == (0, 1)
