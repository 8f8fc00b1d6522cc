"""Banded attention gives what the masked window gives, on a tiny ModernBERT of random weights."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.core.errors import UserError
from retrievers.banded import banded_attention, register


@pytest.fixture(scope="module")
def model() -> Any:
    import torch
    from transformers import ModernBertConfig, ModernBertModel

    register()
    torch.manual_seed(0)
    special = {"pad_token_id": 0, "cls_token_id": 1, "bos_token_id": 1, "sep_token_id": 2, "eos_token_id": 2}
    config = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4}
    return ModernBertModel(ModernBertConfig(**config, num_attention_heads=4, local_attention=32, **special)).eval()


@pytest.mark.parametrize("length", [1, 20, 128, 129, 300, 512])
@pytest.mark.parametrize("side", ["left", "right", "none"])
def test_values_are_those_of_the_masked_window(model: Any, length: int, side: str) -> None:
    import torch

    ids = torch.randint(3, 300, (3, length), generator=torch.Generator().manual_seed(length))
    mask = torch.ones_like(ids)
    for row, empty in enumerate((0, length // 3, length - 1)):
        if side != "none" and empty:
            mask[row, :empty] = 0
    mask = mask.flip(1) if side == "right" else mask
    found = {}
    for attention in ("eager", "banded"):
        model.set_attn_implementation(attention)
        with torch.no_grad():
            found[attention] = model(ids, attention_mask=None if side == "none" else mask).last_hidden_state
    assert torch.isfinite(found["banded"]).all()
    assert torch.allclose(found["eager"][mask.bool()], found["banded"][mask.bool()], atol=1e-5)


def test_a_token_outside_of_the_window_is_not_seen() -> None:
    import torch

    class Layer:
        is_causal = False

    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 2, 600, 8, generator=draw) for _ in range(3))
    before, _ = banded_attention(Layer(), q, k, v, None, sliding_window=17)
    k[:, :, 300], v[:, :, 300] = 9.0, 9.0
    after, _ = banded_attention(Layer(), q, k, v, None, sliding_window=17)
    moved = ((before - after).abs().amax(dim=(0, 2, 3)) > 1e-6).nonzero().flatten()
    assert (moved.min().item(), moved.max().item()) == (300 - 16, 300 + 16)


def test_a_model_that_reads_one_way_is_refused() -> None:
    class Layer:
        is_causal = True

    with pytest.raises(UserError, match="both ways"):
        banded_attention(Layer(), *[None] * 4)
