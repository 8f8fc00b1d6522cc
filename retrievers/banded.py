"""Attention within a window computed in bands: a layer that looks w tokens to either side costs T (B + 2w), not T * T.

For encoders that alternate local and global layers (ModernBERT; Warner et al., 2024): the usual kernels for a masked
window compute all pairs and throw most away. The values are those of the masked window, up to the last bits. A model
that is compiled for a GPU takes PyTorch's flex attention for its local layers instead, whose kernel skips the pairs by
itself. It knows nothing of models: transformers calls it by the name `banded`, once registered; global layers stay.
"""

from __future__ import annotations

from typing import Any

from pipeline.core.errors import UserError

_BLOCK = 128
"""Queries of one band."""


def register() -> None:
    """Make `banded` and, for models that are compiled, `banded_flex` known to transformers as implementations."""
    from transformers import AttentionInterface, AttentionMaskInterface

    for name, mask in (("banded", padding_mask), ("banded_flex", blocks_mask)):
        AttentionInterface.register(name, banded_attention)
        AttentionMaskInterface.register(name, mask)


def padding_mask(*, kv_length: int, attention_mask: Any = None, **_: Any) -> Any:
    """(B, T) which tokens are no padding, or None where none is given: the window is each layer's own affair."""
    return None if attention_mask is None else attention_mask[:, -kv_length:].bool()


def blocks_mask(*, attention_mask: Any = None, local_size: int | None = None, **more: Any) -> Any:
    """For local layers the mask in blocks that flex attention reads; for the others `padding_mask`."""
    if local_size is None:
        return padding_mask(attention_mask=attention_mask, **more)
    from transformers.masking_utils import flex_attention_mask

    if attention_mask is None:
        more["batch_size"] = 1  # one mask for all rows
    return flex_attention_mask(attention_mask=attention_mask, **more)


def banded_attention(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float | None = None,
    sliding_window: int | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Any, None]:
    """Queries, keys and values (B, H, T, D) -> ((B, T, H, D), None).

    sliding_window: w + 1, as transformers passes it: a token sees those fewer than so many away; None: all.
    """
    from torch.nn.functional import scaled_dot_product_attention as attend

    if module.is_causal:
        raise UserError(
            "banded attention is for encoders that read both ways", where="attention", remedy="Leave it empty"
        )
    if key.shape[1] != query.shape[1]:
        groups = query.shape[1] // key.shape[1]
        key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
    from torch.nn.attention.flex_attention import BlockMask, flex_attention

    if isinstance(attention_mask, BlockMask):
        found: Any = flex_attention(query, key, value, block_mask=attention_mask, scale=scaling)
        return found.transpose(1, 2), None
    if sliding_window is None or query.shape[2] <= _BLOCK:
        mask = None if attention_mask is None else attention_mask[:, None, None, :]
        if sliding_window is not None:
            mask = _near(query.shape[2], sliding_window, query.device) & (True if mask is None else mask)
        out = attend(query, key, value, attn_mask=mask, dropout_p=dropout, scale=scaling)
        return out.transpose(1, 2), None
    return _in_bands(query, key, value, attention_mask, scaling, sliding_window - 1, dropout), None


def _near(length: int, window: int, device: Any) -> Any:
    import torch

    at = torch.arange(length, device=device)
    return ((at[:, None] - at[None, :]).abs() < window)[None, None]


def _in_bands(query: Any, key: Any, value: Any, real: Any, scaling: float | None, reach: int, dropout: float) -> Any:
    """Blocks of queries as a batch, each with the keys of its block and of `reach` tokens to either side."""
    import torch
    from torch.nn.functional import pad
    from torch.nn.functional import scaled_dot_product_attention as attend

    batch, heads, length, width = query.shape
    spare = -length % _BLOCK
    bands = (length + spare) // _BLOCK
    span = _BLOCK + 2 * reach

    def blocks(x: Any) -> Any:  # (B, H, T, D) -> (B * bands, H, span, D)
        windows = pad(x, (0, 0, reach, reach + spare)).unfold(2, span, _BLOCK)  # (B, H, bands, D, span)
        return windows.permute(0, 2, 1, 4, 3).reshape(batch * bands, heads, span, width)

    asked = pad(query, (0, 0, 0, spare)).view(batch, heads, bands, _BLOCK, width)
    asked = asked.transpose(1, 2).reshape(batch * bands, heads, _BLOCK, width)
    start = torch.arange(bands, device=query.device)[:, None, None] * _BLOCK
    q = start + torch.arange(_BLOCK, device=query.device)[None, :, None]
    k = start - reach + torch.arange(span, device=query.device)[None, None, :]
    seen = ((q - k).abs() <= reach) & (k >= 0) & (k < length)  # (bands, block, span)
    seen = seen[None].expand(batch, -1, -1, -1)
    if real is not None:
        there = pad(real, (reach, reach + spare)).unfold(1, span, _BLOCK)  # (B, bands, span)
        seen = seen & there[:, :, None, :]
    # A query that sees nothing would give NaN, which spreads: padding sees itself.
    seen = (seen | (q == k)[None]).reshape(batch * bands, 1, _BLOCK, span)
    out = attend(asked, blocks(key), blocks(value), attn_mask=seen, dropout_p=dropout, scale=scaling)
    out = out.view(batch, bands, heads, _BLOCK, width).transpose(2, 3).reshape(batch, bands * _BLOCK, heads, width)
    return out[:, :length]
