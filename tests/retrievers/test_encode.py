"""The encoder on real models: values against sentence-transformers, what is not read, blocks, prompts, and identity."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk
from pipeline.core.spec import identity
from pipeline.core.tokens import minilm_folder, tokenizer_named
from retrievers import encoder_models
from retrievers.encode import EncodeChunks, EncodeQuestion, Encoder, blocks, encode_texts
from retrievers.encoder_models import precision_of
from retrievers.token_batches import packed, padded, tokenized

TEXTS = ["A cat sleeps on the sofa.", "The kitten naps.", "Corporate tax law of 1986, as amended. " * 3, "x"]
LONG = "The parliament of the small island voted on the budget again. " * 60


def chunks_of(texts: list[str], doc: str = "d") -> tuple[Chunk, ...]:
    return tuple(Chunk(doc, 0, len(t), t) for t in texts)


def encoded(stage: EncodeChunks, texts: list[str]) -> dict[str, Any]:
    (value,) = stage.run([chunks_of(texts)])
    return value


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer of random weights with MiniLM's tokenizer: no pooling, no prompts, 64 tokens."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    folder = tmp_path_factory.mktemp("plain")
    BertModel(BertConfig(vocab_size=30522, max_position_embeddings=64, **shape)).eval().save_pretrained(folder)
    AutoTokenizer.from_pretrained(minilm_folder(), model_max_length=64).save_pretrained(folder)
    return folder


# -- values -----------------------------------------------------------------------------------------------------------


def test_vectors_are_those_of_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm_folder()), device="cpu")
    expected = np.stack([model.encode(t, normalize_embeddings=True) for t in [*TEXTS, LONG]])
    vectors = encoded(EncodeChunks(device="cpu"), [*TEXTS, LONG])["vectors"]
    assert vectors.dtype == np.float32 and vectors.shape == (5, 384)
    assert np.allclose(vectors, expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.4 > vectors[0] @ vectors[2]


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_pooling_of_a_plain_folder(plain: Path, pooling: Any) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(plain).eval(), AutoTokenizer.from_pretrained(plain)
    pool = {"mean": lambda h: h.mean(0), "cls": lambda h: h[0], "last": lambda h: h[-1]}[pooling]
    with torch.no_grad():
        states = [model(**tokenizer(t, return_tensors="pt")).last_hidden_state[0] for t in TEXTS]
    expected = torch.stack([torch.nn.functional.normalize(pool(h), dim=0) for h in states]).numpy()
    vectors = Encoder(model=str(plain), pooling=pooling, device="cpu").encode(TEXTS)
    assert np.allclose(vectors, expected, atol=1e-5)
    if pooling == "mean":
        assert np.allclose(Encoder(model=str(plain), device="cpu").encode(TEXTS), vectors, atol=1e-6)
        with pytest.raises(UserError, match="brings its own pooling"):
            Encoder(pooling="cls").encode(TEXTS)


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


def test_truncated_vectors_are_unit_vectors_of_the_first_dimensions() -> None:
    whole = encoded(EncodeChunks(), TEXTS)["vectors"][:, :64]
    short = encoded(EncodeChunks(truncate_dim=64), TEXTS)["vectors"]
    assert np.allclose(short, whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-6)
    assert np.allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)
    assert encoded(EncodeChunks(truncate_dim=64), [])["vectors"].shape == (0, 64)
    with pytest.raises(UserError, match="384 dimensions, not 385"):
        Encoder(truncate_dim=385).encode(TEXTS)


def test_half_precision_is_near_and_another_identity() -> None:
    whole, half = (Encoder(precision=p, device="cpu").encode(TEXTS) for p in ("float32", "bfloat16"))
    assert half.dtype == np.float32
    assert 1e-5 < np.abs(whole - half).max() < 0.05
    assert identity(EncodeChunks(precision="bfloat16")) != identity(EncodeChunks(precision="float32"))
    assert identity(EncodeChunks(device="cpu")) == identity(EncodeChunks(precision="float32"))
    assert precision_of("auto", "cuda:0") == "float16" and precision_of("auto", "cpu") == "float32"
    assert identity(EncodeChunks(device="cuda")) == identity(EncodeChunks(precision="float16"))


def test_vectors_that_overflow_are_refused(plain: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(plain)
    with torch.no_grad():
        model.encoder.layer[0].output.dense.weight.fill_(6e4)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(plain).save_pretrained(tmp_path)
    assert np.isfinite(Encoder(model=str(tmp_path), device="cpu").encode(TEXTS)).all()
    with pytest.raises(UserError, match="overflow float16"):
        Encoder(model=str(tmp_path), device="cpu", precision="float16").encode(TEXTS)


def test_static_embeddings_read_everything(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    words = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    model = SentenceTransformer(modules=[StaticEmbedding(words, embedding_dim=16)], device="cpu")
    model.save_pretrained(str(tmp_path))
    value = encoded(EncodeChunks(model=str(tmp_path), device="cpu"), [*TEXTS, LONG])
    expected = model.encode([*TEXTS, LONG], normalize_embeddings=True)
    assert np.allclose(value["vectors"], expected, atol=1e-6)
    assert (value["read_share"] == 1).all()


# -- what a value may depend on ---------------------------------------------------------------------------------------


def test_a_value_does_not_depend_on_its_batch() -> None:
    texts = [f"{t} {i}" for i, t in enumerate(TEXTS * 2)]
    together = list(EncodeQuestion().run(texts))
    assert all(np.array_equal(v, next(iter(EncodeQuestion().run([t])))) for t, v in zip(texts, together, strict=True))
    contexts = [chunks_of(texts[:3]), chunks_of(texts[3:])]
    for context, value in zip(contexts, EncodeChunks().run(contexts), strict=True):
        assert np.array_equal(value["vectors"], next(iter(EncodeChunks().run([context])))["vectors"])


def test_a_block_is_made_the_same_beside_any_other() -> None:
    stage, (first, second) = EncodeChunks(), (tuple(TEXTS), (*TEXTS[::-1], "a third text of another length"))
    for value, alone in zip(stage.make([first, second]), (first, second), strict=True):
        (expected,) = stage.make([alone])
        assert np.array_equal(value["vectors"], expected["vectors"])


def test_a_value_does_not_depend_on_the_number_of_threads() -> None:
    import torch

    texts = [f"{t} {i}" for i, t in enumerate(TEXTS * 5)]
    before = torch.get_num_threads()
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            found.append(EncodeChunks(batch_tokens=100).encode(texts))
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(before)
    assert np.array_equal(*found)


def test_equal_texts_have_equal_vectors() -> None:
    vectors = encoded(EncodeChunks(batch_tokens=64), [TEXTS[0], LONG, *TEXTS, TEXTS[0]])["vectors"]
    assert np.array_equal(vectors[0], vectors[2]) and np.array_equal(vectors[0], vectors[-1])


# -- blocks -----------------------------------------------------------------------------------------------------------


def corpus(sizes: list[int], changed: int = -1) -> tuple[Chunk, ...]:
    def text(d: int, i: int) -> str:
        return f"document {d}, passage {i}{' anew' if d == changed else ''}"

    return tuple(Chunk(str(d), i, i + 1, text(d, i)) for d, n in enumerate(sizes) for i in range(n))


@given(st.lists(st.sampled_from([1, 1, 2, 5, 40, 130, 700, 1300]), max_size=60))
def test_blocks_hold_all_chunks_in_order(sizes: list[int]) -> None:
    chunks = corpus(sizes)
    found = blocks(chunks)
    assert [t for block in found for t in block] == [c.text for c in chunks]
    assert all(0 < len(block) <= 512 for block in found) or found == [()]


def test_a_changed_document_moves_only_the_blocks_around_it() -> None:
    sizes = [1] * 3000
    before, after = blocks(corpus(sizes)), blocks(corpus(sizes, changed=1500))
    assert 10 < len(before) < 60, "about one block for 128 chunks"
    assert len(set(after) - set(before)) <= 2
    books = [900, 300, 5, 2000, 7]
    assert len(set(blocks(corpus(books, changed=0))) - set(blocks(corpus(books)))) == 2, "only the book's own"


# -- reading ----------------------------------------------------------------------------------------------------------


def test_what_is_not_read_is_told() -> None:
    value = encoded(EncodeChunks(), ["short", LONG, LONG + "Volcano!"])
    tokens = tokenizer_named("minilm").count(LONG) + 2  # and the two special tokens
    assert value["read_share"][0] == 1
    assert value["read_share"][1] == pytest.approx(256 / tokens)
    assert np.allclose(value["vectors"][1], value["vectors"][2], atol=1e-6), "what follows is not read"


def test_a_long_question_is_read_whole() -> None:
    first, second = EncodeQuestion().run([LONG, LONG + "Volcano!"])
    assert np.abs(first - second).max() > 1e-3
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-6)


def test_windows_cover_a_text_and_weigh_by_tokens() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    found = tokenized(tokenizer, ["short", LONG], 256, windows=True)
    assert found.owner.tolist()[:2] == [0, 1] and set(found.owner.tolist()[2:]) == {1}
    assert found.lengths.max() <= 256 and (found.share == 1).all()
    special = set(tokenizer.all_special_ids)
    rows = [ids for ids, i in zip(found.fields["input_ids"], found.owner, strict=True) if i == 1]
    inner = [t for ids in rows for t in ids if t not in special]
    assert inner == tokenizer(LONG, add_special_tokens=False, truncation=False)["input_ids"]
    values = np.arange(len(found.owner), dtype=np.float32)[:, None]
    weights = found.lengths[found.owner == 1]
    expected = (values[found.owner == 1, 0] * weights).sum() / weights.sum()
    assert found.merged(values)[:, 0].tolist() == pytest.approx([0, expected])


@given(st.lists(st.integers(1, 300), max_size=50), st.integers(1, 600))
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    sizes = np.array(lengths, dtype=np.int64)
    batches = packed(sizes, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * sizes[batch].max() <= budget for batch in batches)
    order = [sizes[i] for batch in batches for i in batch]
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_that_of_the_tokenizer(side: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(minilm_folder(), padding_side=side)
    expected = tokenizer(TEXTS, padding=True, return_tensors="pt")
    found = padded(tokenized(tokenizer, TEXTS, 256), range(len(TEXTS)), tokenizer)
    assert set(found) == set(expected)
    assert all((found[name] == expected[name]).all() for name in expected)


def test_no_chunks() -> None:
    value = encoded(EncodeChunks(), [])
    assert value["vectors"].shape == (0, 384)
    assert value["read_share"].shape == (0,)


def test_encode_texts_keeps_order_and_repetitions() -> None:
    vectors = encode_texts(["b", "a longer text", "b", ""])
    assert np.array_equal(vectors[0], vectors[2])
    assert np.allclose(vectors[1], encode_texts(["a longer text"])[0], atol=1e-5)
    assert encode_texts([]).shape == (0, 384)


# -- prompts ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MiniLM with prompts of its own, as E5 has them."""
    folder = tmp_path_factory.mktemp("prompted") / "copy"
    shutil.copytree(minilm_folder(), folder)
    file = folder / "config_sentence_transformers.json"
    config = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps(config | {"prompts": {"query": "query: ", "passage": "passage: "}}))
    yield str(folder)


def test_prompts_go_before_the_text() -> None:
    stage = EncodeQuestion(query_prompt="query: ", passage_prompt="passage: ")
    (vector,) = stage.run(["cats"])
    (plain,) = EncodeQuestion().run(["query: cats"])
    assert np.array_equal(vector, plain)
    value = encoded(EncodeChunks(query_prompt="query: ", passage_prompt="passage: "), ["cats"])
    assert np.array_equal(value["vectors"], encoded(EncodeChunks(), ["passage: cats"])["vectors"])


def test_prompts_of_the_model_and_none(prompted: str) -> None:
    def vectors(**settings: Any) -> list[list[float]]:
        (question,) = EncodeQuestion(**settings).run(["cats"])
        return [question.tolist(), encoded(EncodeChunks(**settings), ["cats"])["vectors"][0].tolist()]

    given = {"query_prompt": "query: ", "passage_prompt": "passage: "}
    assert vectors(model=prompted) == vectors(**given)
    assert vectors(model=prompted, query_prompt="", passage_prompt="") == vectors()
    assert vectors(model=prompted, query_prompt="x ", passage_prompt="y ") == vectors(
        query_prompt="x ", passage_prompt="y "
    )


def test_a_prompt_that_pooling_leaves_out(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    shutil.copytree(minilm_folder(), tmp_path / "copy")
    (file,) = tmp_path.glob("copy/*Pooling/config.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"include_prompt": False}))
    model = SentenceTransformer(str(tmp_path / "copy"), device="cpu")
    expected = model.encode(["cats"], prompt="about animals: ")
    stage = EncodeChunks(model=str(tmp_path / "copy"), passage_prompt="about animals: ", device="cpu")
    assert np.allclose(stage.encode(["cats"]), expected, atol=1e-6)
    assert not np.allclose(EncodeChunks(passage_prompt="about animals: ").encode(["cats"]), expected, atol=1e-3)


# -- identity ---------------------------------------------------------------------------------------------------------


def test_identity_is_content_and_not_place(tmp_path: Path) -> None:
    shutil.copytree(minilm_folder(), tmp_path / "copy")
    copy = str(tmp_path / "copy")
    full = {"precision": "float32"}
    assert identity(EncodeChunks(model=copy, device="cpu", batch_tokens=4, **full)) == identity(EncodeChunks(**full))
    assert identity(EncodeChunks(query_prompt="q")) == identity(EncodeChunks())
    assert identity(EncodeChunks(passage_prompt="p")) != identity(EncodeChunks())
    assert identity(EncodeChunks(passage_prompt="")) != identity(EncodeChunks())
    assert identity(EncodeQuestion(passage_prompt="p")) == identity(EncodeQuestion())
    assert identity(EncodeQuestion(query_prompt="q")) != identity(EncodeQuestion())
    assert identity(EncodeChunks(truncate_dim=64)) != identity(EncodeChunks())
    (tmp_path / "copy" / "vocab.txt").write_text("other")
    assert identity(EncodeChunks(model=copy)) != identity(EncodeChunks())


def test_a_stage_that_is_only_described_loads_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(encoder_models, "_load", refuse)
    assert identity(EncodeChunks()) and blocks(chunks_of(TEXTS))


def test_models_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no revision"):
        identity(EncodeChunks(model="intfloat/e5-small-v2"))
    named = Encoder(model="intfloat/e5-small-v2", revision="ffb93f3bd4047442299a41ebb6fa998a38507c52")
    with pytest.raises(UserError, match="hub name 'intfloat/e5-small-v2'"):
        named.encode(["text"])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be loaded from the folder"):
        Encoder(model=str(tmp_path)).encode(["text"])


@pytest.mark.parametrize(
    "settings", [{"batch_tokens": -1}, {"pooling": "max"}, {"precision": "int8"}, {"truncate_dim": 0}]
)
def test_settings_that_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        Encoder(**settings)
