"""MaxSim against brute force, its laws, and a ColBERT folder's layer."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from pipeline.core.spec import identity
from retrievers.late_interaction import MaxSimRerank, MaxSimSearch, MultiVectorChunks, MultiVectorQuestion, max_sim
from retrievers.token_states import all_states

TEXTS = ["The keeper kept bees.", "It burned down in 1931.", "Corporate tax law, as amended.", "x"]


def chunks_of(*texts: str) -> tuple[Chunk, ...]:
    return tuple(Chunk("d", 0, len(t), t) for t in texts)


def stored(stage: MultiVectorChunks, *texts: str) -> dict[str, Any]:
    (value,) = stage.run([chunks_of(*texts)])
    return value


def made(rng: np.random.Generator, sizes: list[int], p: int = 6) -> dict[str, Any]:
    tokens = rng.standard_normal((sum(sizes), p)).astype(np.float32)
    return {"tokens": tokens, "starts": np.cumsum([0, *sizes])}


def passages(value: dict[str, Any]) -> list[Any]:
    return [value["tokens"][a:b] for a, b in zip(value["starts"], value["starts"][1:], strict=False)]


@given(st.lists(st.integers(1, 7), min_size=1, max_size=12), st.integers(1, 5), st.integers(0, 99))
def test_equal_to_brute_force(sizes: list[int], asked: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    value, question = made(rng, sizes), rng.standard_normal((asked, 6)).astype(np.float32)
    expected = [sum(max(float(q @ d) for d in passage) for q in question) for passage in passages(value)]
    assert [max_sim(question, p) for p in passages(value)] == pytest.approx(expected, abs=1e-4)
    (ranking,) = MaxSimSearch(99).run([value], [question])
    assert sorted(ranking.ids) == list(range(len(sizes)))
    assert [expected[i] for i in ranking.ids] == pytest.approx(list(ranking.scores), abs=1e-4)
    some = Ranking(tuple(rng.permutation(len(sizes)).tolist()), tuple(float(-i) for i in range(len(sizes))))
    (again,) = MaxSimRerank().run([some], [value], [question])
    assert again.scores == pytest.approx(ranking.scores, abs=2e-5)
    (head,) = MaxSimRerank(depth=1).run([some], [value], [question])
    assert head.ids == some.ids[:1]


def test_passages_compared_in_parts_score_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    value, question = made(rng, [3, 9, 1, 4, 4, 2]), rng.standard_normal((3, 6)).astype(np.float32)
    (whole,) = MaxSimSearch().run([value], [question])
    monkeypatch.setattr("retrievers.late_interaction._TOKENS_AT_ONCE", 5)
    (parts,) = MaxSimSearch().run([value], [question])
    assert parts.ids == whole.ids and parts.scores == pytest.approx(whole.scores, abs=2e-6)


def test_the_order_of_a_passage_s_tokens_does_not_matter() -> None:
    rng = np.random.default_rng(6)
    value, question = made(rng, [5, 8, 3]), rng.standard_normal((4, 6)).astype(np.float32)
    mixed = np.concatenate([rng.permutation(p) for p in passages(value)])
    assert not np.array_equal(mixed, value["tokens"])
    (one,), (two,) = (MaxSimSearch().run([value | {"tokens": t}], [question]) for t in (value["tokens"], mixed))
    assert one.ids == two.ids and one.scores == pytest.approx(two.scores, abs=2e-6)


def test_ties_go_by_index_and_nothing_scores_nothing() -> None:
    value = {"tokens": np.ones((4, 2), np.float16), "starts": np.array([0, 1, 1, 4])}
    (ranking,) = MaxSimSearch().run([value], [np.ones((2, 2), np.float32)])
    assert ranking == Ranking((0, 2, 1), (4.0, 4.0, 0.0))
    nothing = {"tokens": np.zeros((0, 2), np.float16), "starts": np.zeros(1, np.int64)}
    question = np.ones((2, 2), np.float32)
    assert next(iter(MaxSimSearch().run([nothing], [question]))) == Ranking((), ())
    assert next(iter(MaxSimRerank().run([Ranking((), ())], [nothing], [question]))) == Ranking((), ())
    with pytest.raises(UserError, match="3 dimensions, the chunks' 2"):
        list(MaxSimSearch().run([value], [np.ones((1, 3), np.float32)]))


def test_token_vectors_are_unit_states(tiny_encoder: Callable[[str], str]) -> None:
    stage = MultiVectorChunks(tiny_encoder("modernbert"), half=False)
    texts = ["a fox", "a longer text than one window of this small encoder", "", "a fox"]
    value = stored(stage, *texts)
    for text, found in zip(texts, passages(value), strict=True):
        states = all_states(stage, stage.tokens(text), 0.25)
        assert np.allclose(found, states / np.linalg.norm(states, axis=1, keepdims=True), atol=1e-6)
        assert np.array_equal(found, stored(stage, text)["tokens"]), "no text touches another"
    half = stored(MultiVectorChunks(stage.model), *texts)
    assert half["tokens"].dtype == np.float16 and np.allclose(half["tokens"], value["tokens"], atol=1e-3)
    (question,) = MultiVectorQuestion(stage.model).run(["a fox"])
    assert np.array_equal(question, passages(value)[0])
    assert value["read_share"].tolist() == [1] * 4
    assert stored(stage)["tokens"].shape == (0, 32) and stored(stage)["starts"].tolist() == [0]


def test_a_colbert_folder_projects_each_token(tiny_encoder: Callable[[str], str], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_encoder("bert"), tmp_path / "colbert")
    linear = torch.randn(4, 32, generator=torch.Generator().manual_seed(0))
    weights = load_file(folder / "model.safetensors") | {"linear.weight": linear}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    value = stored(MultiVectorChunks(str(folder), half=False), "some words")
    bare = MultiVectorChunks(tiny_encoder("bert"))
    states = all_states(bare, bare.tokens("some words")) @ linear.numpy().T
    assert np.allclose(value["tokens"], states / np.linalg.norm(states, axis=1, keepdims=True), atol=1e-5)
    assert stored(MultiVectorChunks(str(folder)))["tokens"].shape == (0, 4)


def test_punctuation_can_be_left_out(tiny_encoder: Callable[[str], str]) -> None:
    model = tiny_encoder("bert")
    every, words = (stored(MultiVectorChunks(model, skip_punctuation=skip), "no, (no) $5!") for skip in (False, True))
    assert len(every["tokens"]) == 2 + 10 and len(words["tokens"]) == 2 + 6, "a dollar sign is a symbol"


def test_finds_what_a_question_means() -> None:
    value = stored(MultiVectorChunks(), *TEXTS)
    stage = MultiVectorQuestion()
    for text, wanted in (("Who kept bees?", 0), ("Which year did it burn down?", 1), ("tax legislation", 2)):
        (question,) = stage.run([text])
        (ranking,) = MaxSimSearch().run([value], [question])
        assert ranking.ids[0] == wanted
    assert identity(MultiVectorQuestion(passage_prompt="p")) == identity(stage)
    assert identity(MultiVectorQuestion(query_prompt="q")) != identity(stage)
    (prompted,) = MultiVectorQuestion(query_prompt="query: ").run(["bees"])
    (plain,) = stage.run(["query: bees"])
    assert np.array_equal(prompted, plain)
