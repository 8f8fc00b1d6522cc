"""Lexical weights on tiny models of random weights: the formula, duplicates, special tokens, search, and identity."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from pipeline.core.spec import identity
from pipeline.core.tokens import minilm_folder
from retrievers.fuse import WeightedSum
from retrievers.lexical import LexicalChunks, LexicalQuestion, LexicalSearch, greatest, lexical_scorer

TEXTS = ["the cat sat on the mat with the other cat", "a dog", "mat mat mat", "tax law of 1986", "naïve 猫"]
SHAPE: dict[str, Any] = {
    "vocab_size": 30522, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "max_position_embeddings": 64, "initializer_range": 0.3,
}  # fmt: skip


def balance(head: Any, numbers: Callable[[Any], Any]) -> None:
    """Move a head's bias so that half of the weights are above 0; else ReLU may leave nothing of random ones."""
    import torch
    from transformers import AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(minilm_folder())(" ".join(TEXTS), return_tensors="pt")
    with torch.no_grad():
        head.bias -= numbers({k: inputs[k] for k in ("input_ids", "attention_mask")}).median()


def save(model: Any, folder: Path) -> str:
    from transformers import AutoTokenizer

    model.eval().save_pretrained(folder)
    AutoTokenizer.from_pretrained(minilm_folder(), model_max_length=64).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def bge(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An encoder with a head of its own beside it, as BGE-M3 has it."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bge")
    encoder, head = BertModel(BertConfig(**SHAPE)).eval(), torch.nn.Linear(32, 1)
    balance(head, lambda x: head(encoder(**x).last_hidden_state))
    torch.save(head.state_dict(), folder / "sparse_linear.pt")
    return save(encoder, folder)


@pytest.fixture(scope="module")
def gte(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A token classifier of one label, as mGTE is one."""
    import torch
    from transformers import ModernBertConfig, ModernBertForTokenClassification

    torch.manual_seed(1)
    special = {"pad_token_id": 0, "cls_token_id": 101, "sep_token_id": 102, "bos_token_id": 101, "eos_token_id": 102}
    model = ModernBertForTokenClassification(ModernBertConfig(**SHAPE, **special, num_labels=1)).eval()
    balance(model.classifier, lambda x: model(**x).logits)
    return save(model, tmp_path_factory.mktemp("gte"))


@pytest.fixture(scope="module")
def splade(tmp_path_factory: pytest.TempPathFactory) -> str:
    import torch
    from sentence_transformers import SparseEncoder
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(2)
    bare = save(BertForMaskedLM(BertConfig(**SHAPE)), tmp_path_factory.mktemp("mlm"))
    folder = str(tmp_path_factory.mktemp("splade"))
    SparseEncoder(bare, device="cpu").save_pretrained(folder)
    return folder


@pytest.fixture(params=["bge", "gte", "splade"])
def model(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


def weighed(model: str, texts: list[str], **settings: Any) -> dict[str, Any]:
    (value,) = LexicalChunks(model=model, device="cpu", **settings).run([[Chunk("d", 0, len(t), t) for t in texts]])
    return dict(value)


def rows(value: dict[str, Any]) -> list[dict[int, float]]:
    ends = value["indptr"]
    return [
        dict(zip(value["tokens"][a:b].tolist(), value["weights"][a:b].tolist(), strict=True)) for a, b in pairwise(ends)
    ]


def by_formula(states_to_weights: Callable[[Any], Any], folder: str, text: str) -> dict[int, float]:
    """w_t = max over occurrences of ReLU(W h_t + b), written out."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        numbers = states_to_weights(inputs)[0, :, 0].tolist()
    found: dict[int, float] = {}
    for token, number in zip(inputs["input_ids"][0].tolist(), numbers, strict=True):
        if token not in tokenizer.all_special_ids and number > 0:
            found[token] = max(found.get(token, 0.0), number)
    return found


def test_weights_of_a_head_beside_the_encoder(bge: str) -> None:
    import torch
    from transformers import AutoModel

    encoder, state = AutoModel.from_pretrained(bge).eval(), torch.load(Path(bge) / "sparse_linear.pt")
    for text, row in zip(TEXTS, rows(weighed(bge, TEXTS)), strict=True):
        expected = by_formula(lambda x: encoder(**x).last_hidden_state @ state["weight"].T + state["bias"], bge, text)
        assert row == pytest.approx(expected, abs=1e-5)


def test_weights_of_a_token_classifier(gte: str) -> None:
    from transformers import AutoModelForTokenClassification

    classifier = AutoModelForTokenClassification.from_pretrained(gte).eval()
    found = rows(weighed(gte, TEXTS))
    assert any(found), "no weight is above 0: this test proves nothing"
    for text, row in zip(TEXTS, found, strict=True):
        assert row == pytest.approx(by_formula(lambda x: classifier(**x).logits, gte, text), abs=1e-5)


def test_weights_of_splade_are_those_of_sentence_transformers(splade: str) -> None:
    from sentence_transformers import SparseEncoder

    library = SparseEncoder(splade, device="cpu")
    for text, row in zip(TEXTS, rows(weighed(splade, TEXTS)), strict=True):
        dense = library.encode([text]).to_dense()[0].numpy()
        assert np.allclose([row.get(i, 0.0) for i in range(len(dense))], dense, atol=1e-5)


def test_laws_of_the_weights(model: str) -> None:
    value = weighed(model, TEXTS)
    assert (value["weights"] > 0).all() and value["weights"].dtype == np.float32
    assert all(list(row) == sorted(row) for row in rows(value))
    assert value["read_share"].tolist() == [1.0] * len(TEXTS)
    for text, row in zip(TEXTS, rows(value), strict=True):  # in one padded batch as alone
        (alone,) = rows(weighed(model, [text]))
        assert row == pytest.approx(alone, abs=1e-5)


def test_padding_on_the_left(gte: str, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(gte, tmp_path / "left")
    file = tmp_path / "left" / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"padding_side": "left"}))
    left = rows(weighed(str(tmp_path / "left"), TEXTS))
    assert [pytest.approx(row, abs=1e-5) for row in left] == rows(weighed(gte, TEXTS)), "its positions are relative"


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 4, width=32)), min_size=1))
def test_of_duplicates_the_greatest_counts(pairs: list[tuple[int, float]]) -> None:
    half = len(pairs) // 2
    parts = [
        (np.array([t for t, _ in p], dtype=np.int64), np.array([w for _, w in p], dtype=np.float32))
        for p in (pairs[:half], pairs[half:])
    ]
    tokens, weights = greatest(parts)
    expected = {t: max(w for u, w in pairs if u == t) for t, _ in pairs}
    assert dict(zip(tokens.tolist(), weights.tolist(), strict=True)) == {t: w for t, w in expected.items() if w > 0}


def test_what_is_not_read_is_told_and_questions_are_read_whole(bge: str, tmp_path: Path) -> None:
    import shutil

    import torch
    from transformers import AutoTokenizer

    shutil.copytree(bge, tmp_path / "all")  # with a head that gives every token a weight
    torch.save({"weight": torch.zeros(1, 32), "bias": torch.ones(1)}, tmp_path / "all" / "sparse_linear.pt")
    long = "cat dog " * 100 + "volcano"
    value, (question,) = (
        weighed(str(tmp_path / "all"), ["cat", long]),
        LexicalQuestion(model=str(tmp_path / "all"), device="cpu").run([long]),
    )
    words = sorted(AutoTokenizer.from_pretrained(bge).convert_tokens_to_ids(["cat", "dog", "volcano"]))
    assert value["read_share"].tolist() == pytest.approx([1.0, 64 / 203])
    assert sorted(rows(value)[1]) == [i for i in words if i != words[2]], "the passage's end is cut"
    assert question["tokens"].tolist() == words


# -- search -----------------------------------------------------------------------------------------------------------


def test_scores_are_sums_over_shared_tokens(model: str) -> None:
    value = weighed(model, TEXTS)
    (question,) = LexicalQuestion(model=model, device="cpu").run(["the cat on a mat"])
    asked = dict(zip(question["tokens"].tolist(), question["weights"].tolist(), strict=True))
    expected = [sum(w * asked.get(t, 0.0) for t, w in row.items()) for row in rows(value)]
    assert lexical_scorer(value)(question) == pytest.approx(expected, abs=1e-5)
    (ranking,) = LexicalSearch(k=100).run([value], [question])
    assert set(ranking.ids) == {i for i, score in enumerate(expected) if round(score, 6) > 0}
    assert list(ranking.scores) == sorted(ranking.scores, reverse=True)


def test_nothing_to_find(gte: str) -> None:
    (question,) = LexicalQuestion(model=gte, device="cpu").run(["cat"])
    nothing = {"tokens": np.zeros(0, dtype=np.int32), "weights": np.zeros(0, dtype=np.float32)}
    empty = weighed(gte, [])
    assert empty["indptr"].tolist() == [0] and empty["read_share"].shape == (0,)
    pairs = [(empty, question), (weighed(gte, TEXTS), nothing)]
    assert list(LexicalSearch().run(*zip(*pairs, strict=True))) == [Ranking((), ())] * 2


def test_with_weight_0_the_fused_ranking_is_the_dense_one(gte: str) -> None:
    value = weighed(gte, TEXTS)
    (question,) = LexicalQuestion(model=gte, device="cpu").run(["the cat on a mat"])
    (sparse,) = LexicalSearch().run([value], [question])
    dense = Ranking((3, 0, 4, 1, 2), (0.9, 0.7, 0.5, 0.3, 0.1))
    (fused,) = WeightedSum(weights=(1, 0)).run([dense], [sparse])
    assert fused.ids == dense.ids
    (fused,) = WeightedSum(weights=(0, 1)).run([dense], [sparse])
    assert fused.ids[: len(sparse.ids)] != dense.ids[: len(sparse.ids)]


# -- identity and mistakes --------------------------------------------------------------------------------------------


def test_the_head_is_part_of_the_identity(bge: str, tmp_path: Path) -> None:
    import shutil

    import torch

    shutil.copytree(bge, tmp_path / "copy")
    stage = LexicalChunks(model=str(tmp_path / "copy"), batch_tokens=7)
    assert identity(stage) == identity(LexicalChunks(model=bge)) == identity(LexicalChunks(model=bge, query_prompt="q"))
    assert identity(stage) != identity(LexicalChunks(model=bge, passage_prompt="p"))
    torch.save(torch.nn.Linear(32, 1).state_dict(), tmp_path / "copy" / "sparse_linear.pt")
    assert identity(stage) != identity(LexicalChunks(model=bge))


def test_models_without_lexical_weights(tmp_path: Path, bge: str) -> None:
    import shutil

    import torch
    from transformers import BertConfig, BertModel

    with pytest.raises(UserError, match="has no lexical weights"):
        weighed(save(BertModel(BertConfig(**SHAPE)), tmp_path / "bare"), TEXTS)
    with pytest.raises(UserError, match="no revision"):
        identity(LexicalChunks(model="BAAI/bge-m3"))
    with pytest.raises(UserError, match="neither a folder nor fetched"):
        weighed("BAAI/bge-m3", TEXTS, revision="5617a9f61b028005a4858fdac845db406aefb181")
    shutil.copytree(bge, tmp_path / "wide")
    torch.save(torch.nn.Linear(32, 3).state_dict(), tmp_path / "wide" / "sparse_linear.pt")
    with pytest.raises(UserError, match="no head of one number"):
        weighed(str(tmp_path / "wide"), TEXTS)
