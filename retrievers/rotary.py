"""Rotary positions beyond the trained length, in any transformers model that keeps its angles in a rotary module.

`grouped`, `recurrent`, `interpolate`: other positions. `ntk`: a larger base. `self_extend`: two position sets in one
attention. Layers that see a local window only (ModernBERT's, Gemma's) keep their positions: distances there never leave
what was trained. Outside of `placed` a prepared network computes the very bits that it did before.

It does not know when a text is long, nor tables of absolute positions.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.errors import UserError
from retrievers.position_ids import (
    Mode,
    grouped_ids,
    interpolated_positions,
    ntk_factors,
    recurrent_ids,
    self_extend_group,
    stretch_factor,
)

_NAME = "longshort_self_extend"
_ROWS_TIMES_KEYS = 1 << 24
"""Entries of one attention matrix held at once, over all heads."""


def prepare_rotary(network: Any, mode: Mode) -> None:
    """Make a freshly loaded network ready for a mode. Raises UserError for one that the mode does not fit."""
    rotary = [m for m in network.modules() if "Rotary" in type(m).__name__ and _frequencies(m)]
    if not rotary:
        raise unfit(network, mode, "has neither a table of positions nor rotary ones", "plain windows only")
    for module in rotary:
        kinds = getattr(module, "rope_type", "default")
        for kind in kinds.values() if isinstance(kinds, dict) else [kinds]:
            if kind not in ("default", "linear"):
                raise unfit(network, mode, f"stretches its positions itself (rope type {kind!r})", "plain windows")
        module.forward = _Rotary(module, module.forward)
    if mode == "self_extend":
        _prepare_self_extend(network, rotary)


@contextmanager
def placed(mode: Mode, length: int, trained: int) -> Iterator[None]:
    """In this thread, passes of a prepared network over `length` tokens place them by the mode."""
    at = _NOW.set(_Plan(mode, length, trained))
    try:
        yield
    finally:
        _NOW.reset(at)


def unfit(network: Any, mode: str, found: str, known: str) -> UserError:
    """The error for a mode that does not fit a network; `known` says which do."""
    return UserError(
        f"a model of type {network.config.model_type!r} {found}",
        where=f"positions: {mode}",
        remedy=f"What fits it: {known}",
    )


def _prepare_self_extend(network: Any, rotary: list[Any]) -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    typed = "layer_type" in inspect.signature(type(rotary[0]).forward).parameters
    local = any(getattr(m, "sliding_window", None) is not None for m in network.modules())
    known = hasattr(sys.modules[type(network).__module__], "apply_rotary_pos_emb")
    if len(rotary) != 1 or not known or (local and not typed):
        raise unfit(network, "self_extend", "rotates in a way of its own", "interpolate, ntk")
    AttentionInterface.register(_NAME, _attention)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    network.set_attn_implementation(_NAME)


@dataclass(frozen=True)
class _Plan:
    """How the pass that runs now in this thread places its tokens."""

    mode: Mode
    length: int
    trained: int
    turns: dict[str, Any] = field(default_factory=dict)

    @property
    def near(self) -> int:
        return max(1, self.trained // 2)

    @property
    def group(self) -> int:
        return self_extend_group(self.length, self.trained, self.near)


_NOW: ContextVar[_Plan | None] = ContextVar("longshort_positions", default=None)


class _Rotary:
    """Stands for a rotary module's `forward`: its angles at other positions, or at other frequencies."""

    def __init__(self, module: Any, forward: Any) -> None:
        self._module, self._forward = module, forward

    def __call__(self, x: Any, position_ids: Any, *rest: Any, **named: Any) -> Any:
        import torch

        plan = _NOW.get()
        layer_type = rest[0] if rest else named.get("layer_type")
        if plan is None or layer_type == "sliding_attention":
            return self._forward(x, position_ids, *rest, **named)
        if plan.mode == "ntk":
            return self._slowed(plan, x, position_ids, *rest, **named)
        if plan.mode == "self_extend":
            # Not rotated here: the attention itself does, once for each of its position sets.
            plan.turns["by"] = lambda at: self._forward(x, at, *rest, **named)
            return self._forward(x, torch.zeros_like(position_ids), *rest, **named)
        place = {"grouped": grouped_ids, "recurrent": recurrent_ids, "interpolate": interpolated_positions}[plan.mode]
        at = torch.from_numpy(place(plan.length, plan.trained)).to(position_ids.device)
        return self._forward(x, at.float()[None].expand_as(position_ids), *rest, **named)

    def _slowed(self, plan: _Plan, x: Any, position_ids: Any, *rest: Any, **named: Any) -> Any:
        import torch

        slow = copy.copy(self._module)
        vars(slow).pop("forward")
        slow._buffers = dict(self._module._buffers)
        for name in _frequencies(self._module):
            value = self._module._buffers[name]
            factors = ntk_factors(len(value), stretch_factor(plan.length, plan.trained))
            slow._buffers[name] = value * torch.from_numpy(factors).to(value)
        return slow(x, position_ids, *rest, **named)


def _frequencies(module: Any) -> list[str]:
    return [n for n in module._buffers if n.endswith("inv_freq") and not n.endswith("original_inv_freq")]


def _attention(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **named: Any) -> Any:
    """Attention with exact positions near and grouped ones far, on queries and keys that are not rotated yet.

    query: (B, H, L, e); key, value: (B, H or fewer, L, e). A bidirectional encoder looks both ways, so a distance
    beyond the neighbour window is shifted by near - near // G to either side (LongEmbed's patch for E5-RoPE).
    """
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    plan = _NOW.get()
    if plan is None or getattr(module, "sliding_window", None) is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **named)
    rotate = sys.modules[type(module).__module__].apply_rotary_pos_emb
    turn = plan.turns["by"]
    length, group, near = plan.length, plan.group, plan.near
    at = torch.arange(length, device=query.device)
    shift = near - near // group

    def turned(positions: Any) -> tuple[Any, Any]:
        pair: tuple[Any, Any] = rotate(query, key, *turn(positions.expand(query.shape[0], -1)))
        return pair

    repeats = query.shape[1] // key.shape[1]
    near_query, near_key = turned(at)
    left_query, far_key = turned(at // group + shift)[0], turned(at // group)[1]
    right_query = turned(at // group - shift)[0]
    near_key, far_key, value = (t.repeat_interleave(repeats, dim=1) for t in (near_key, far_key, value))
    near_key, far_key = near_key.transpose(2, 3), far_key.transpose(2, 3)
    scaling = named.get("scaling") or query.shape[-1] ** -0.5
    block = max(1, _ROWS_TIMES_KEYS // (length * query.shape[0] * query.shape[1]))
    out = torch.empty_like(query)
    for start in range(0, length, block):
        rows = slice(start, start + block)
        distance = at[rows, None] - at[None]
        far = torch.where(distance > 0, left_query[:, :, rows] @ far_key, right_query[:, :, rows] @ far_key)
        scores = torch.where(distance.abs() < near, near_query[:, :, rows] @ near_key, far) * scaling
        if attention_mask is not None:
            scores = scores.masked_fill(~attention_mask[:, :, rows, :length], float("-inf"))
        elif named.get("is_causal", getattr(module, "is_causal", False)):
            scores = scores.masked_fill(distance < 0, float("-inf"))
        out[:, :, rows] = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype) @ value
    return out.transpose(1, 2).contiguous(), None
