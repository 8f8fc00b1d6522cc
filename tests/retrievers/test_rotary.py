"""Rotary modes against networks with other angles, and self-extend against one rotation per pair of tokens."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pipeline.core.errors import UserError
from retrievers.position_ids import self_extend_distances, self_extend_group
from retrievers.rotary import _attention, placed, prepare_rotary
from retrievers.token_states import TokenEncoder

TRAINED, LENGTH = 32, 100  # a factor of 4
IDS = torch.randint(5, 60, (2, LENGTH), generator=torch.Generator().manual_seed(2))


def states(network: Any, mode: Any = None, trained: int = TRAINED) -> Any:
    with torch.inference_mode():
        if mode is None:
            return network(input_ids=IDS).last_hidden_state
        with placed(mode, LENGTH, trained):
            return network(input_ids=IDS).last_hidden_state


def fresh(folder: str) -> Any:
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.mark.parametrize("kind", ["modernbert", "llama"])
@pytest.mark.parametrize("mode", ["interpolate", "ntk"])
def test_as_if_the_angles_were_others(tiny_encoder: Callable[[str], str], kind: str, mode: Any) -> None:
    stretched = TokenEncoder(tiny_encoder(kind), positions=mode).loaded().network
    network = fresh(tiny_encoder(kind))
    name = "full_attention_inv_freq" if kind == "modernbert" else "inv_freq"
    frequencies = network.rotary_emb._buffers[name]
    if mode == "interpolate":
        network.rotary_emb._buffers[name] = frequencies / 4
    else:
        d = 2 * len(frequencies)
        base = (frequencies[0] / frequencies[1]).double() ** (d / 2) * 4 ** (d / (d - 2))
        network.rotary_emb._buffers[name] = (base ** (-torch.arange(0, d, 2) / d)).float()
    assert torch.allclose(states(stretched, mode), states(network), atol=1e-4)
    assert not torch.allclose(states(stretched, mode), states(stretched), atol=1e-2)
    assert torch.equal(states(stretched), states(fresh(tiny_encoder(kind)))), "outside of `placed` nothing changes"


@pytest.mark.parametrize("kind", ["modernbert", "llama"])
@pytest.mark.parametrize("mode", ["interpolate", "ntk", "self_extend"])
def test_nothing_changes_where_all_was_trained(tiny_encoder: Callable[[str], str], kind: str, mode: Any) -> None:
    network = TokenEncoder(tiny_encoder(kind), positions=mode).loaded().network
    found = states(network, mode, trained=4 * LENGTH)
    assert torch.allclose(found, states(network), atol=1e-4), "a factor, and a group, of 1"


@pytest.mark.parametrize("heads", [4, 2])
def test_self_extend_turns_each_pair_by_its_own_distance(tiny_encoder: Callable[[str], str], heads: int) -> None:
    network = TokenEncoder(tiny_encoder("modernbert"), positions="self_extend").loaded().network
    module = next(m.attn for m in network.layers if m.attn.sliding_window is None)
    generator = torch.Generator().manual_seed(3)
    length, e, trained = 50, 16, 12
    query = torch.randn(1, 4, length, e, generator=generator)
    key, value = (torch.randn(1, heads, length, e, generator=generator) for _ in range(2))
    frequencies = network.rotary_emb.full_attention_inv_freq
    group = self_extend_group(length, trained, trained // 2)
    assert group > 2
    angles = torch.from_numpy(self_extend_distances(length, trained // 2, group))[..., None] * frequencies
    pairs = torch.view_as_complex(torch.stack([query[..., : e // 2], query[..., e // 2 :]], -1))
    keys = torch.view_as_complex(torch.stack([key[..., : e // 2], key[..., e // 2 :]], -1))
    keys, values = (t.repeat_interleave(4 // heads, 1) for t in (keys, value))
    turn = torch.polar(torch.ones_like(angles), angles)
    scores = torch.einsum("bhie,ije,bhje->bhij", pairs, turn, keys.conj()).real * e**-0.5
    expected = (scores.softmax(-1) @ values).transpose(1, 2)
    with placed("self_extend", length, trained), torch.inference_mode():
        at = torch.zeros(1, length, dtype=torch.long)
        network.rotary_emb(query, at, "full_attention")
        found, _ = _attention(module, query, key, value, None)
    assert torch.allclose(found, expected, atol=1e-5)


def test_self_extend_masks_what_a_decoder_may_not_see(tiny_encoder: Callable[[str], str]) -> None:
    network = TokenEncoder(tiny_encoder("llama"), positions="self_extend").loaded().network
    before = states(network, "self_extend")
    with torch.inference_mode(), placed("self_extend", LENGTH, TRAINED):
        other = IDS.clone()
        other[:, 70:] = 7
        after = network(input_ids=other).last_hidden_state
    assert torch.allclose(before[:, :70], after[:, :70], atol=1e-5)
    assert not torch.allclose(before[:, 70:], after[:, 70:], atol=1e-2)


def test_blocks_of_rows_change_nothing(tiny_encoder: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    network = TokenEncoder(tiny_encoder("modernbert"), positions="self_extend").loaded().network
    whole = states(network, "self_extend")
    monkeypatch.setattr("retrievers.rotary._ROWS_TIMES_KEYS", 7 * LENGTH * 4)
    assert torch.allclose(states(network, "self_extend"), whole, atol=1e-5)


def test_a_model_that_stretches_itself_is_named() -> None:
    from transformers import LlamaConfig, LlamaModel

    scaled = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}
    config = LlamaConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        rope_parameters=scaled,
    )  # fmt: skip
    with pytest.raises(UserError, match="stretches its positions itself"):
        prepare_rotary(LlamaModel(config), "ntk")
