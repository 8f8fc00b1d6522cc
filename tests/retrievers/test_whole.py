"""Whole texts: within the model's length as it encodes itself; beyond, nothing is lost, and windows are averaged."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk
from retrievers.encode import EncodeChunks, EncodeQuestion
from retrievers.whole import EncodeWhole

FILLER = "The parliament of the small island voted on the budget again. " * 60


def encoded(stage: Any, *texts: str) -> Any:
    (value,) = stage.run([tuple(Chunk("d", 0, len(t), t) for t in texts)])
    assert isinstance(stage, EncodeChunks) or (value["read_share"] == 1).all()
    return value["vectors"]


@pytest.mark.parametrize("mode", ["plain", "grouped", "recurrent", "interpolate"])
def test_a_text_within_reach_is_encoded_as_ever(mode: Any) -> None:
    texts = ("A cat sleeps on the sofa.", "x", "")
    assert np.allclose(encoded(EncodeWhole(positions=mode), *texts), encoded(EncodeChunks(), *texts), atol=1e-5)
    assert np.array_equal(encoded(EncodeWhole(positions=mode), *texts), encoded(EncodeWhole(), *texts))


@pytest.mark.parametrize("pooling", ["cls", "max", "lasttoken", "mean"])
def test_pooled_as_the_model_pools(tiny_encoder: Callable[[str], str], pooling: str, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    parts = [Transformer(tiny_encoder("bert")), Pooling(32, pooling), Dense(32, 9)]
    SentenceTransformer(modules=parts, device="cpu").save(str(tmp_path))
    stage = EncodeWhole(str(tmp_path))
    assert np.allclose(encoded(stage, "some words"), encoded(EncodeChunks(str(tmp_path)), "some words"), atol=1e-5)


def test_parallel_windows_are_averaged(tiny_encoder: Callable[[str], str]) -> None:
    stage = EncodeWhole(tiny_encoder("bert"))
    text = "abcdefghijklmnopqrstuvwxyz" * 3  # 78 tokens, 30 to a window: 0-30, 30-60 and 48-78
    raw = [s.mean(axis=0) for _, _, s in stage.states([stage.tokens(text)])]
    assert len(raw) == 3
    again = [s.mean(axis=0) for part in (text[:30], text[30:60]) for _, _, s in stage.states([stage.tokens(part)])]
    assert not np.allclose(raw[1], again[1], atol=1e-3), "a word's first letter is another token than its later ones"
    assert np.allclose(raw[0], again[0], atol=1e-5)
    mean = np.mean(raw, axis=0)
    assert np.allclose(encoded(stage, text)[0], mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("mode", ["plain", "grouped", "recurrent", "interpolate"])
def test_what_a_cut_would_lose_is_found(mode: Any) -> None:
    texts = [FILLER[:2000] + "Volcanoes erupt where magma and lava rise. " * 12, FILLER[:2000] + FILLER[:500]]
    (question,) = EncodeQuestion().run(["volcanic eruption of lava"])
    cut = encoded(EncodeChunks(), *texts) @ question
    read = encoded(EncodeWhole(positions=mode), *texts) @ question
    assert abs(cut[0] - cut[1]) < 1e-5, "the model stops before either ends"
    assert read[0] > read[1] + 0.1


def test_a_text_beyond_the_stretched_length_is_read_by_windows(tiny_encoder: Callable[[str], str]) -> None:
    stage = EncodeWhole(tiny_encoder("modernbert"), positions="ntk", stretch=2)
    passes = list(stage.states([stage.tokens("word " * 40)]))
    assert len(passes) == 3 and all(len(states) == 64 for _, _, states in passes)
    assert np.isfinite(encoded(stage, "word " * 40)).all()


def test_texts_do_not_touch_each_other(tiny_encoder: Callable[[str], str]) -> None:
    stage = EncodeWhole(tiny_encoder("roberta"))
    texts = ["one", "a text that is longer than one window of it, surely", "", "one"]
    together = encoded(stage, *texts)
    assert all(np.array_equal(together[i], encoded(stage, t)[0]) for i, t in enumerate(texts))
    assert encoded(stage).shape == (0, 32)


def test_a_pooling_that_is_not_known(tiny_encoder: Callable[[str], str], tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    parts = [Transformer(tiny_encoder("bert")), Pooling(32, "weightedmean")]
    SentenceTransformer(modules=parts, device="cpu").save(str(tmp_path))
    with pytest.raises(UserError, match="pools by 'weightedmean'"):
        encoded(EncodeWhole(str(tmp_path)), "x")
