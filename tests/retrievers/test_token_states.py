"""States of tokens: against one plain pass, over windows, whatever stands beside; settings that do not fit."""

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
from pipeline.core.spec import identity
from pipeline.core.tokens import minilm_folder
from retrievers.token_states import TokenEncoder, all_states

TRAINED = 32
LONG = "the quick brown fox jumps over lazy dogs. " * 9


@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert", "llama"])
def test_a_short_text_is_one_plain_pass(tiny_encoder: Callable[[str], str], kind: str) -> None:
    encoder = TokenEncoder(tiny_encoder(kind))
    network, tokenizer = encoder.loaded().network, encoder.loaded().tokenizer
    read = encoder.tokens("A fox, again")
    expected = tokenizer("A fox, again", return_tensors="pt")["input_ids"]
    assert read.ids.tolist() == expected[0].tolist()
    with torch.inference_mode():
        states = network(input_ids=expected).last_hidden_state[0].numpy()
    assert np.array_equal(all_states(encoder, read), states)
    text = "A fox, again"
    assert [text[a:b] for a, b in read.offsets[read.head : read.head + read.own]] == list("Afox,again")


def test_each_window_is_a_plain_pass_of_its_own(tiny_encoder: Callable[[str], str]) -> None:
    encoder = TokenEncoder(tiny_encoder("bert"))
    read = encoder.tokens(LONG)
    states = all_states(encoder, read, overlap=0.5)
    assert states.shape == (len(read.ids), 32)
    seen = 0
    for _, window, _ in encoder.states([read], overlap=0.5):
        ids = [0, *read.ids[1 + window.start : 1 + window.stop].tolist(), 2]
        with torch.inference_mode():
            alone = encoder.loaded().network(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()
        kept = alone[1 + window.first - window.start : 1 + window.last - window.start]
        assert np.allclose(states[1 + window.first : 1 + window.last], kept, atol=1e-5)
        seen += len(kept)
    assert seen == read.own


def test_states_depend_neither_on_other_texts_nor_on_threads(tiny_encoder: Callable[[str], str]) -> None:
    encoder = TokenEncoder(tiny_encoder("modernbert"))
    texts = [encoder.tokens(t) for t in (LONG, "", "short", LONG[:100], "x")]
    together = [[s for _, s in passes] for passes in encoder.by_text(texts, 0.25)]
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        threaded = [[s for _, s in passes] for passes in encoder.by_text(texts, 0.25)]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    for text, states, others in zip(texts, together, threaded, strict=True):
        alone = [s for _, _, s in encoder.states([text], 0.25)]
        assert len(alone) == len(states) > 0
        assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(alone, states, others, strict=True))


def test_a_long_text_is_handed_over_in_parts(tiny_encoder: Callable[[str], str]) -> None:
    encoder = TokenEncoder(tiny_encoder("bert"), batch_size=2)
    read = encoder.tokens(LONG * 40)
    largest = max(len(states) for _, _, states in encoder.states([read]))
    assert largest <= TRAINED < len(read.ids) / 100
    first = next(encoder.states([read]))  # and the others are not computed first
    assert first[1].start == 0


def test_a_prompt_stands_before_every_window(tiny_encoder: Callable[[str], str]) -> None:
    encoder = TokenEncoder(tiny_encoder("bert"), passage_prompt="pass: ")
    read = encoder.tokens("some text here")
    assert read.head == 1 + 5 and read.offsets[read.head].tolist() == [0, 1]
    plain = TokenEncoder(tiny_encoder("bert"))
    assert np.array_equal(all_states(encoder, read), all_states(plain, plain.tokens("pass: some text here")))
    long = encoder.tokens(LONG)
    for _, window, states in encoder.states([long]):
        assert len(states) == 6 + window.stop - window.start + 1 <= TRAINED


def test_the_model_states_its_own_prompts(tiny_encoder: Callable[[str], str], tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_encoder("bert"), tmp_path / "prompted")
    stated = {"prompts": {"query": "q: ", "passage": "p: "}, "default_prompt_name": None}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(stated))
    assert TokenEncoder(str(folder)).tokens("x").head == 1 + 2
    assert TokenEncoder(str(folder), passage_prompt="").tokens("x").head == 1
    (folder / "config_sentence_transformers.json").write_text(json.dumps(stated | {"default_prompt_name": "query"}))
    assert TokenEncoder(str(folder)).loaded().prompt(None, "document") == "q: "


def test_texts_without_tokens(tiny_encoder: Callable[[str], str]) -> None:
    empty = TokenEncoder(tiny_encoder("bert")).tokens("  \n ")
    assert (empty.own, empty.head, empty.tail) == (0, 1, 1)
    assert all_states(TokenEncoder(tiny_encoder("bert")), empty).shape == (2, 32)
    bare = TokenEncoder(tiny_encoder("llama"))
    assert all_states(bare, bare.tokens("")).shape == (0, 32)


def test_windows_that_do_not_fit(tiny_encoder: Callable[[str], str], tmp_path: Path) -> None:
    assert TokenEncoder(tiny_encoder("bert"), window=20).reach() == 20
    with pytest.raises(UserError, match="40 tokens is longer than the 32"):
        TokenEncoder(tiny_encoder("bert"), window=40).reach()
    with pytest.raises(UserError, match="longer than the 128"):
        TokenEncoder(tiny_encoder("bert"), window=129, positions="grouped", stretch=4).reach()
    with pytest.raises(UserError, match="leave no room in 8"):
        TokenEncoder(tiny_encoder("bert"), window=8, passage_prompt="passage: ").tokens("x")
    for setting in ({"window": -1}, {"stretch": 0}, {"batch_size": 0}):
        with pytest.raises(UserError, match=next(iter(setting))):
            TokenEncoder(**setting)  # type: ignore[arg-type]


def test_identity_is_content_and_what_is_read(tmp_path: Path) -> None:
    copy = str(shutil.copytree(minilm_folder(), tmp_path / "copy"))
    assert identity(TokenEncoder(copy, device="cpu", batch_size=1)) == identity(TokenEncoder())
    assert identity(TokenEncoder(stretch=3)) == identity(TokenEncoder()), "plain positions read no stretch"
    grouped = TokenEncoder(positions="grouped")
    assert len({identity(e) for e in (grouped, TokenEncoder(), TokenEncoder(positions="grouped", stretch=3))}) == 3


def test_the_model_is_read_as_sentence_transformers_reads_it() -> None:
    model = TokenEncoder().loaded()
    assert (model.trained, model.longest, model.prefix, model.suffix) == (256, 512, (101,), (102,))
    assert (model.pooling, model.dense, model.dimensions) == ("mean", (), 384)
