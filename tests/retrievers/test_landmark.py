"""Landmarks: one vector per sentence, from the window with most to its left; expansion to the left."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Ranking
from pipeline.core.sentences import split_sentences
from pipeline.core.spec import identity
from retrievers.landmark import ExpandLeft, LandmarkChunks, with_landmarks
from retrievers.token_windows import Tokens

SHORT = "It rains. A cat. Old."
LONG = "It rains. A cat sleeps. Old stones! Why not here? " * 6


def sentences(text: str, doc: str = "d") -> tuple[Chunk, ...]:
    return tuple(Chunk(doc, a, b, text[a:b]) for a, b in split_sentences(text))


def marked(stage: LandmarkChunks, text: str, chunks: tuple[Chunk, ...] | None = None) -> dict[str, Any]:
    (value,) = stage.run([sentences(text) if chunks is None else chunks], [(Document("d", text),)])
    return value


def unit(vector: Any) -> Any:
    return vector / np.linalg.norm(vector)


def test_landmarks_stand_after_their_sentences() -> None:
    offsets = np.array([(0, 0), (0, 2), (2, 3), (4, 6), (6, 7), (7, 8), (8, 8)])
    tokens = Tokens(np.array([0, 11, 12, 13, 14, 15, 2]), offsets, 1, 1)
    more, ranges = with_landmarks(tokens, np.array([[1, 3], [3, 4], [4, 6]]), 99)
    assert more.ids.tolist() == [0, 11, 12, 99, 13, 99, 14, 15, 99, 2]
    assert ranges.tolist() == [[1, 4], [4, 6], [6, 9]]
    assert more.offsets[[3, 5, 8]].tolist() == [[3, 3], [6, 6], [8, 8]]
    more, ranges = with_landmarks(tokens, np.array([[3, 6], [1, 6]]), 99)
    assert more.ids.tolist() == [0, 11, 12, 13, 14, 15, 99, 99, 2]
    assert ranges.tolist() == [[3, 7], [1, 8]], "two sentences that end together have a landmark each"


def test_a_landmark_is_the_state_of_its_token(tiny_encoder: Callable[[str], str]) -> None:
    stage = LandmarkChunks(tiny_encoder("bert"), landmark="[LMK]")
    model = stage.loaded()
    ids = model.tokenizer(SHORT.replace(".", ".[LMK]"), return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        states = model.network(input_ids=ids).last_hidden_state[0].numpy()
    at = np.flatnonzero(ids[0].numpy() == model.tokenizer.convert_tokens_to_ids("[LMK]"))
    value = marked(stage, SHORT)
    assert len(at) == 3 and value["read_share"].tolist() == [1, 1, 1]
    assert np.allclose(value["vectors"], [unit(states[i]) for i in at], atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "llama"])
@pytest.mark.parametrize("pool", ["mean", "last"])
def test_without_a_landmark_the_sentence_is_pooled(tiny_encoder: Callable[[str], str], kind: str, pool: Any) -> None:
    stage = LandmarkChunks(tiny_encoder(kind), pool=pool)
    tokens = stage.tokens(SHORT)
    ((_, _, states),) = stage.states([tokens])
    for chunk, vector in zip(sentences(SHORT), marked(stage, SHORT)["vectors"], strict=True):
        own = slice(tokens.head, tokens.head + tokens.own)
        inside = states[own][(tokens.offsets[own, 0] >= chunk.start) & (tokens.offsets[own, 1] <= chunk.end)]
        assert np.allclose(vector, unit(inside[-1] if pool == "last" else inside.mean(axis=0)), atol=1e-5)


@pytest.mark.parametrize("landmark", ["", "[LMK]"])
def test_each_sentence_comes_from_the_window_that_sees_most_before_it(
    tiny_encoder: Callable[[str], str], landmark: str
) -> None:
    stage = LandmarkChunks(tiny_encoder("bert"), landmark=landmark, pool="last", overlap=0.6)
    tokens, chunks = stage.tokens(LONG), sentences(LONG)
    ends = np.array([np.flatnonzero(tokens.offsets[:-1, 1] == c.end)[-1] + 1 for c in chunks])
    ranges = np.stack([np.zeros_like(ends), ends], axis=1)
    if landmark:
        tokens, ranges = with_landmarks(tokens, ranges, 4)
    passes = [(w, s) for _, w, s in stage.states([tokens], 0.6)]
    assert len(passes) > 5
    expected = []
    for end in ranges[:, 1] - 1 - tokens.head:
        over = [(w, s) for w, s in passes if w.start <= end < w.stop]
        window, states = max(over, key=lambda p: end - p[0].start)
        expected.append(unit(states[tokens.head + end - window.start]))
    assert np.allclose(marked(stage, LONG)["vectors"], expected, atol=1e-5)


def test_of_a_sentence_longer_than_a_window_the_share_is_told(tiny_encoder: Callable[[str], str]) -> None:
    text = "Short. " + "Nothing stops " * 10 + "here."
    value = marked(LandmarkChunks(tiny_encoder("bert")), text)
    assert value["read_share"].tolist() == [1, pytest.approx(30 / 125)]
    assert np.allclose(np.linalg.norm(value["vectors"], axis=1), 1, atol=1e-5)


def test_no_sentences_and_no_tokens(tiny_encoder: Callable[[str], str]) -> None:
    stage = LandmarkChunks(tiny_encoder("bert"))
    assert marked(stage, "", ())["vectors"].shape == (0, 32) and marked(stage, "", ())["read_share"].shape == (0,)
    assert not marked(stage, "  ", (Chunk("d", 0, 1, " "),))["vectors"].any()


def test_settings_that_do_not_fit(tiny_encoder: Callable[[str], str]) -> None:
    for token in ("<LMK>", "ab"):
        with pytest.raises(UserError, match="is no token of the model"):
            marked(LandmarkChunks(tiny_encoder("bert"), landmark=token), SHORT)
    with pytest.raises(UserError, match="pool: 'first' is not known"):
        LandmarkChunks(pool="first")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="overlap"):
        LandmarkChunks(overlap=-0.5)
    assert identity(LandmarkChunks(landmark="x", pool="last")) == identity(LandmarkChunks(landmark="x"))
    assert identity(LandmarkChunks(pool="last")) != identity(LandmarkChunks())


def expand(stage: ExpandLeft, ranking: Ranking, chunks: tuple[Chunk, ...]) -> Ranking:
    (found,) = stage.run([ranking], [chunks])
    return found


def test_expansion_by_hand() -> None:
    chunks = tuple(Chunk("a" if i < 4 else "b", i, i + 1, "x") for i in range(9))
    ranking = Ranking((5, 3, 8, 0), (0.9, 0.7, 0.5, 0.1))
    assert expand(ExpandLeft(2, landmarks=3), ranking, chunks) == Ranking(
        (1, 2, 3, 4, 5, 6, 7, 8), (0.7, 0.7, 0.7, 0.9, 0.9, 0.5, 0.5, 0.5)
    ), "none crosses into document a"
    assert expand(ExpandLeft(0), ranking, chunks).ids == (0, 3, 5, 8)
    assert expand(ExpandLeft(), Ranking((), ()), chunks) == Ranking((), ())


@given(st.lists(st.integers(1, 8), min_size=1, max_size=4), st.integers(0, 5), st.integers(1, 6), st.randoms())
def test_expansion_is_contiguous_and_in_order(sizes: list[int], n: int, landmarks: int, random: Any) -> None:
    chunks = tuple(Chunk(str(d), i, i + 1, "x") for d, size in enumerate(sizes) for i in range(size))
    ids = random.sample(range(len(chunks)), len(chunks))
    ranking = Ranking(tuple(ids), tuple(sorted((random.random() for _ in ids), reverse=True)))
    found = expand(ExpandLeft(n, landmarks), ranking, chunks)
    assert list(found.ids) == sorted(set(found.ids))
    assert set(ids[:landmarks]) <= set(found.ids)
    for i in found.ids:  # each leads to a landmark of its document without a gap
        ahead = range(i, min(i + n + 1, len(chunks)))
        run = list(itertools.takewhile(found.ids.__contains__, ahead))
        assert any(j in ids[:landmarks] and chunks[j].doc == chunks[i].doc for j in run)
