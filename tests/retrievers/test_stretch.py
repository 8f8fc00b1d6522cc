"""Stretched tables of positions against a network with the longer table; short texts; models that do not fit."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.core.errors import UserError
from retrievers.stretch import hidden_states, position_table, prepare
from retrievers.token_states import TokenEncoder, all_states

TRAINED = 32
MODES = {
    "bert": ("grouped", "recurrent", "interpolate"),
    "roberta": ("grouped", "recurrent", "interpolate"),
    "modernbert": ("grouped", "recurrent", "interpolate", "ntk", "self_extend"),
    "llama": ("grouped", "recurrent", "interpolate", "ntk", "self_extend"),
}
PAIRS = [(kind, mode) for kind, modes in MODES.items() for mode in modes]


def with_rows(network: Any, rows: Any) -> Any:
    """The network with other positions: row p of its table is `rows[p]`, as far as they go."""
    longer = copy.deepcopy(network)
    table = position_table(network)
    assert table is not None
    old = longer.embeddings.position_embeddings
    full = torch.cat([old.weight[: table.offset], rows]).detach()
    longer.embeddings.position_embeddings = torch.nn.Embedding.from_pretrained(full, padding_idx=old.padding_idx)
    count = torch.arange(len(full))[None]
    longer.embeddings.position_ids, longer.embeddings.token_type_ids = count, torch.zeros_like(count)
    return longer


@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize("mode", ["grouped", "recurrent", "interpolate"])
def test_as_if_the_table_were_longer(tiny_encoder: Callable[[str], str], kind: str, mode: Any) -> None:
    network = TokenEncoder(model=tiny_encoder(kind)).loaded().network
    table = position_table(network)
    assert table is not None and table.rows == TRAINED and table.offset == (2 if kind == "roberta" else 0)
    rows = table.weight[table.offset :]
    length = 90  # three times the trained length, not quite
    if mode == "grouped":
        longer = rows.repeat_interleave(3, dim=0)
    elif mode == "recurrent":
        longer = rows.repeat(3, 1)
    else:
        following = torch.cat([rows[1:], rows[-1:]])
        longer = torch.stack([rows, rows * 2 / 3 + following / 3, rows / 3 + following * 2 / 3], 1).flatten(0, 1)
    ids = torch.randint(5, 60, (2, length), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = with_rows(network, longer)(input_ids=ids).last_hidden_state
        found = hidden_states(network, ids, mode, TRAINED)
    assert torch.allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(("kind", "mode"), PAIRS)
def test_a_short_text_has_the_same_bits_in_every_mode(tiny_encoder: Callable[[str], str], kind: str, mode: Any) -> None:
    texts = ["a", "a few words of it", "x" * (TRAINED - 2)]
    for text in texts:
        plain, stretched = TokenEncoder(tiny_encoder(kind)), TokenEncoder(tiny_encoder(kind), positions=mode)
        assert np.array_equal(all_states(plain, plain.tokens(text)), all_states(stretched, stretched.tokens(text)))


@pytest.mark.parametrize(("kind", "mode"), PAIRS)
def test_four_times_the_trained_length_in_one_pass(tiny_encoder: Callable[[str], str], kind: str, mode: Any) -> None:
    encoder = TokenEncoder(tiny_encoder(kind), positions=mode, stretch=4)
    length = encoder.reach()
    tokens = encoder.tokens("word " * ((length - 4) // 4))
    assert length == 4 * TRAINED and length - 4 <= len(tokens.ids) <= length
    assert len(list(encoder.states([tokens]))) == 1
    states = all_states(encoder, tokens)
    assert np.isfinite(states).all()
    assert np.array_equal(states, all_states(encoder, tokens))
    other = encoder.tokens("word " * ((length - 4) // 4 - 1) + "else ")
    changed = np.abs(all_states(encoder, other)[2] - states[2]).max()
    assert changed > 1e-6 or kind == "llama", "the first word sees the last one, unless the model reads rightwards"


@pytest.mark.parametrize("kind", ["bert", "modernbert"])
def test_modes_differ_beyond_the_trained_length(tiny_encoder: Callable[[str], str], kind: str) -> None:
    text = "some more words " * 6
    found = []
    for mode in MODES[kind]:
        encoder = TokenEncoder(tiny_encoder(kind), positions=mode)  # type: ignore[arg-type]
        found.append(all_states(encoder, encoder.tokens(text)))
    for i, one in enumerate(found):
        assert all(np.abs(one - other).max() > 1e-3 for other in found[:i])


def test_modes_that_do_not_fit_are_named(tiny_encoder: Callable[[str], str]) -> None:
    for mode in ("ntk", "self_extend"):
        encoder = TokenEncoder(tiny_encoder("bert"), positions=mode)  # type: ignore[arg-type]
        with pytest.raises(UserError, match=r"'bert' has a table.*fits it: grouped, recurrent, interpolate"):
            encoder.loaded()
    from transformers import XLNetConfig, XLNetModel

    network = XLNetModel(XLNetConfig(vocab_size=9, d_model=8, n_layer=1, n_head=1, d_inner=8))
    with pytest.raises(UserError, match="'xlnet' has neither"):
        prepare(network, "grouped")
    with pytest.raises(UserError, match=r"positions: 'groupd' is not known.*'grouped'"):
        TokenEncoder(positions="groupd")  # type: ignore[arg-type]
