"""What a model's folder says: dense layers, pooling, limits; and folders that cannot be used."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core.errors import UserError
from retrievers.token_model import token_model, unit


def load(folder: str | Path) -> object:
    return token_model(str(folder), "", "cpu", "plain")


def test_dense_layers_are_those_of_sentence_transformers(tiny_encoder: Callable[[str], str], tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    torch.manual_seed(0)
    parts = [Transformer(tiny_encoder("bert")), Pooling(32, "cls"), Dense(32, 7)]
    parts[0].max_seq_length = 20
    SentenceTransformer(modules=parts, device="cpu").save(str(tmp_path))
    model = token_model(str(tmp_path), "", "cpu", "plain")
    assert (model.pooling, model.per_token, model.dimensions, model.trained) == ("cls", False, 7, 20)
    x = np.random.default_rng(0).standard_normal((3, 32)).astype(np.float32)
    with torch.inference_mode():
        expected = parts[2]({"sentence_embedding": torch.from_numpy(x)})["sentence_embedding"].numpy()
    assert np.allclose(model.project(x), expected, atol=1e-6)


def test_the_linear_layer_of_a_colbert(tiny_encoder: Callable[[str], str], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_encoder("bert"), tmp_path / "colbert")
    weights = load_file(folder / "model.safetensors")
    linear = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    save_file(weights | {"linear.weight": linear}, folder / "model.safetensors", metadata={"format": "pt"})
    model = token_model(str(folder), "", "cpu", "plain")
    assert model.per_token and model.dimensions == 5
    x = np.ones((2, 32), np.float32)
    assert np.allclose(model.project(x), x @ linear.numpy().T, atol=1e-5)


def test_a_padding_row_is_no_position(tiny_encoder: Callable[[str], str]) -> None:
    model = token_model(tiny_encoder("roberta"), "", "cpu", "plain")
    assert (model.trained, model.longest) == (32, 32)


def test_models_that_cannot_be_used(tmp_path: Path, tiny_encoder: Callable[[str], str]) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be loaded"):
        load(tmp_path)
    with pytest.raises(UserError, match="no revision"):
        load("intfloat/e5-small-v2")
    with pytest.raises(UserError, match="cannot be loaded from 'intfloat/e5-small-v2'"):
        token_model("intfloat/e5-small-v2", "ffb93f3bd4047442299a41ebb6fa998a38507c52", "cpu", "plain")
    folder = shutil.copytree(tiny_encoder("bert"), tmp_path / "odd")
    modules = [{"path": "", "type": "x.Transformer"}, {"path": "1_W", "type": "x.WordWeights"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UserError, match=r"modules.json: its module 'WordWeights' is not known"):
        load(folder)


def test_an_encoder_with_a_decoder_is_refused(tiny_encoder: Callable[[str], str], tmp_path: Path) -> None:
    from transformers import AutoTokenizer, BartConfig, BartModel

    AutoTokenizer.from_pretrained(tiny_encoder("bert")).save_pretrained(tmp_path)
    small = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 1, "decoder_attention_heads": 1, "vocab_size": 200}
    BartModel(BartConfig(**small, **heads)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="encoder with a decoder"):
        load(tmp_path)


def test_unit_keeps_zero() -> None:
    assert unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [pytest.approx([0.6, 0.8]), [0, 0]]
