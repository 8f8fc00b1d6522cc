"""The encoder on its real model: values against sentence-transformers, what is not read, and identity."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk
from pipeline.core.spec import identity
from pipeline.core.tokens import minilm_folder, tokenizer_named
from retrievers.encode import EncodeChunks, EncodeQuestion, Encoder, encode_texts

TEXTS = ["A cat sleeps on the sofa.", "The kitten naps.", "Corporate tax law of 1986, as amended. " * 3, "x"]


def chunks_of(texts: list[str]) -> tuple[Chunk, ...]:
    return tuple(Chunk("d", 0, len(t), t) for t in texts)


def encoded(stage: EncodeChunks, texts: list[str]) -> dict[str, Any]:
    (value,) = stage.run([chunks_of(texts)])
    return value


def test_vectors_are_those_of_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm_folder()), device="cpu")
    expected = np.stack([model.encode(t, normalize_embeddings=True) for t in TEXTS])
    vectors = encoded(EncodeChunks(), TEXTS)["vectors"]
    assert vectors.dtype == np.float32 and vectors.shape == (4, 384)
    assert np.allclose(vectors, expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.4 > vectors[0] @ vectors[2]


def test_normalizing_is_ours_where_the_model_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(minilm_folder(), folder)
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([m for m in modules if "Normalize" not in m["type"]]))
    raw = encoded(EncodeChunks(model=str(folder), normalize=False), TEXTS[:2])["vectors"]
    unit = encoded(EncodeChunks(model=str(folder)), TEXTS[:2])["vectors"]
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    assert (np.abs(lengths - 1) > 0.1).all()
    assert np.allclose(raw / lengths, unit, atol=1e-6)


def test_a_value_does_not_depend_on_its_batch() -> None:
    texts = [f"{t} {i}" for i, t in enumerate(TEXTS * 2)]
    together = list(EncodeQuestion().run(texts))
    assert all(np.array_equal(v, next(iter(EncodeQuestion().run([t])))) for t, v in zip(texts, together, strict=True))
    contexts = [chunks_of(texts[:3]), chunks_of(texts[3:])]
    for context, value in zip(contexts, EncodeChunks().run(contexts), strict=True):
        assert np.array_equal(value["vectors"], next(iter(EncodeChunks().run([context])))["vectors"])


def test_a_value_does_not_depend_on_the_number_of_threads() -> None:
    import torch

    texts = [f"{t} {i}" for i, t in enumerate(TEXTS * 5)]
    before = torch.get_num_threads()
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            found.append(EncodeChunks(batch_size=6).encode(texts))
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(before)
    assert np.array_equal(*found)


def test_what_is_not_read_is_told() -> None:
    long = "The parliament of the small island voted on the budget again. " * 60
    value = encoded(EncodeChunks(), ["short", long, long + "Volcano!"])
    tokens = tokenizer_named("minilm").count(long) + 2  # and the two special tokens
    assert value["read_share"][0] == 1
    assert value["read_share"][1] == pytest.approx(256 / tokens)
    assert np.allclose(value["vectors"][1], value["vectors"][2], atol=1e-6), "what follows is not read"


def test_prompts_go_before_the_text() -> None:
    stage = EncodeQuestion(query_prompt="query: ", passage_prompt="passage: ")
    (vector,) = stage.run(["cats"])
    (plain,) = EncodeQuestion().run(["query: cats"])
    assert np.array_equal(vector, plain)
    value = encoded(EncodeChunks(query_prompt="query: ", passage_prompt="passage: "), ["cats"])
    assert np.array_equal(value["vectors"], encoded(EncodeChunks(), ["passage: cats"])["vectors"])


def test_no_chunks() -> None:
    value = encoded(EncodeChunks(), [])
    assert value["vectors"].shape == (0, 384)
    assert value["read_share"].shape == (0,)


def test_encode_texts_keeps_order_and_repetitions() -> None:
    vectors = encode_texts(["b", "a longer text", "b", ""])
    assert np.array_equal(vectors[0], vectors[2])
    assert np.allclose(vectors[1], encode_texts(["a longer text"])[0], atol=1e-5)
    assert encode_texts([]).shape == (0, 384)


def test_identity_is_content_and_not_place(tmp_path: Path) -> None:
    shutil.copytree(minilm_folder(), tmp_path / "copy")
    copy = str(tmp_path / "copy")
    assert identity(EncodeChunks(model=copy, device="cpu", batch_size=4)) == identity(EncodeChunks())
    assert identity(EncodeChunks(query_prompt="q")) == identity(EncodeChunks())
    assert identity(EncodeChunks(passage_prompt="p")) != identity(EncodeChunks())
    assert identity(EncodeQuestion(passage_prompt="p")) == identity(EncodeQuestion())
    assert identity(EncodeQuestion(query_prompt="q")) != identity(EncodeQuestion())
    (tmp_path / "copy" / "vocab.txt").write_text("other")
    assert identity(EncodeChunks(model=copy)) != identity(EncodeChunks())


def test_models_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no revision"):
        identity(EncodeChunks(model="intfloat/e5-small-v2"))
    named = Encoder(model="intfloat/e5-small-v2", revision="ffb93f3bd4047442299a41ebb6fa998a38507c52")
    with pytest.raises(UserError, match="hub name 'intfloat/e5-small-v2'"):
        named.encode(["text"])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be loaded from the folder"):
        Encoder(model=str(tmp_path)).encode(["text"])
    with pytest.raises(UserError, match="batch_size"):
        Encoder(batch_size=0)
