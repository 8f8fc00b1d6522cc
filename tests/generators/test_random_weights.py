"""Shapes with random weights: the files of a model that an engine can fill in, and that the cost model reads alike."""

from __future__ import annotations

import dataclasses
import json
import stat
import tempfile
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import digest
from pipeline.core.spec import digest_model
from pipeline.cost.config import PRESETS, shape_named
from pipeline.generators._random_weights import (
    DECLINED,
    FP8,
    POSITIONS,
    SHAPES,
    folder_for,
    is_random,
    random_model,
    stand_in,
)
from pipeline.prompts import DECLINE
from pipeline.score.refusal import declines


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_shapes_are_those_of_the_cost_model(name, tmp_path):
    assert dataclasses.replace(shape_named(str(folder_for(name, tmp_path))), name=name) == PRESETS[name]
    small = shape_named(str(folder_for(name + FP8, tmp_path)))
    assert (small.weights, small.dtype, small.parameters) == ("fp8", "bf16", PRESETS[name].parameters)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_vocabulary_covers_the_tokenizer_and_the_window_is_long(name, tmp_path):
    from transformers import AutoConfig, AutoTokenizer

    folder = folder_for(name, tmp_path)
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert max(tokenizer.get_vocab().values()) < config.vocab_size
    assert config.max_position_embeddings == tokenizer.model_max_length == POSITIONS
    assert (config.rope_parameters["rope_theta"], config.rope_parameters["rope_type"]) == (500_000.0, "default")
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (config.bos_token_id, config.eos_token_id) == (1, 2)


def test_transformers_runs_the_tiny_shape(tmp_path):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder_for("llama-tiny", tmp_path)))
    assert sum(p.numel() for p in model.parameters()) == shape_named(str(folder_for("llama-tiny", tmp_path))).parameters
    with torch.inference_mode():
        assert model(torch.tensor([[1, 5, 8191]])).logits.shape == (1, 3, 8192)


def test_the_same_folder_and_identity_every_time(tmp_path):
    first, again = (folder_for("llama-8b", tmp_path / name) for name in ("a", "b"))
    assert first.name == again.name
    assert digest_model(str(first)) == digest_model(str(again)) != digest_model(str(folder_for("llama-70b", tmp_path)))
    before = (first / "config.json").stat().st_mtime_ns
    assert folder_for("llama-8b", tmp_path / "a") == first
    assert (first / "config.json").stat().st_mtime_ns == before
    assert [p.name for p in (tmp_path / "a").iterdir()] == [first.name], "no draft is left"


def test_a_name_means_a_folder_of_this_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = random_model("random:llama-8b")
    assert is_random("random:llama-8b") and not is_random("llama-8b")
    assert folder == random_model("random:llama-8b") and json.loads((folder / "config.json").read_text())
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    folder.parent.rename(tmp_path / "elsewhere")
    Path(folder.parent).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="TMPDIR"):
        random_model("random:llama-8b")


@pytest.mark.parametrize("name", ["llama-8", "llama-8b-fp4", "", "../x"])
def test_an_unknown_shape_is_refused_with_the_nearest(name, tmp_path):
    with pytest.raises(UserError, match="no shape"):
        folder_for(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_share_of_the_prompts_is_declined_always_the_same():
    texts = [stand_in(digest(f"prompt {i}"), DECLINE) for i in range(4000)]
    refused = [declines(text) for text in texts]
    assert abs(sum(refused) / len(refused) - DECLINED) < 0.03
    assert len(set(texts)) == 2
    assert texts == [stand_in(digest(f"prompt {i}"), DECLINE) for i in range(4000)]
