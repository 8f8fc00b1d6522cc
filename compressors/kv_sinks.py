"""Attention sinks and a window: the first entries and the last ones, at a constant size.

Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks" (StreamingLLM, arXiv 2309.17453). What
falls out of the window is gone; the sinks only keep the softmax in shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compressors.kv import at_least
from compressors.kv_memory import Entries, Evicting, Memory, ungrouped
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

_ROWS = 256
"""Queries of a stream read at once: few, for each needs the keys of a window and as many more."""


@dataclass(frozen=True, kw_only=True)
class Sinks(Evicting):
    """The first `sinks` entries and the last of the budget; while decoding the window rolls.

    renumber: positions are counted within the cache, as in the paper: the sinks stand right before the window. Only
    their keys are turned, since rotary attention depends on differences of positions. Without it, the sinks keep
    their distance in the text. stream: the window rolls over the prompt too, as over the paper's streams, so that what
    one layer's window misses is missing for good. Without it, the prompt is read densely, and the window's entries
    have seen what is dropped then.

    With `stream: false`, entries are those of kvpress's StreamingLLMPress, and within a KeyRerotationPress those of
    `renumber: true`. Its cache grows by the answer; here the window rolls on, as in the paper.
    """

    sinks: int = 4
    renumber: bool = True
    stream: bool = True

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        super().__post_init__()
        if self.recent:
            raise UserError("the window is what the budget leaves", where="recent", remedy="Leave it out")
        at_least(1, sinks=self.sinks)

    def scores(self, queries: Tensor, keys: Tensor, scale: float) -> Tensor:
        """The place in the text: the last ones stay."""
        import torch

        return torch.arange(keys.shape[2], device=keys.device, dtype=torch.float32).repeat(keys.shape[1], 1)

    def last(self, capacity: int) -> int:
        """All but the sinks, and at least one."""
        return max(1, capacity - self.sinks)

    @property
    def rolls(self) -> bool:
        """Always."""
        return True

    def memory(self, layer: int, model: Any) -> Memory:
        """An empty one. Raises UserError for a model whose positions cannot be counted anew."""
        return Window(self, rotary_of(model) if self.renumber else None)


class Window(Entries):
    """Sinks and window. With rotary, the sinks are turned forward by the number of entries missing behind them."""

    policy: Sinks

    def __init__(self, policy: Sinks, rotary: Any) -> None:
        super().__init__(policy)
        self._rotary = rotary

    def prefill(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """What reading token by token gives: each attends to the sinks and to the window that ends with it."""
        import torch
        from torch.nn.functional import pad, scaled_dot_product_attention

        tokens, capacity = self.seen, self.policy.capacity(self.seen)
        if not self.policy.stream or capacity is None or capacity >= tokens:
            return super().prefill(queries, keys, values, scale)
        window = self.policy.last(capacity)
        sinks = capacity - window
        at = torch.arange(tokens, device=keys.device)
        out = torch.empty((*queries.shape[:3], values.shape[-1]), dtype=queries.dtype, device=queries.device)
        rows = max(1, min(window, _ROWS))
        for start in range(0, tokens, rows):
            stop = min(start + rows, tokens)
            first = max(sinks, start - window + 1)
            late, early = at[start:stop, None], torch.cat((at[:sinks], at[first:stop]))
            seen = (early <= late) & ((early < sinks) | (early > late - window))
            asked, given = queries[:, :, start:stop], torch.cat((values[:, :, :sinks], values[:, :, first:stop]), dim=2)
            near, far = keys[:, :, :sinks], keys[:, :, first:stop]
            if self._rotary is not None:
                # A sink is so much nearer as entries are missing, which is the query being so much earlier. With each
                # query beside itself turned, and zeros beside each key, one product knows both places.
                missing = (at[start:stop] + 1 - capacity).clamp(min=0)
                asked = torch.cat((asked, turned(asked, -missing, self._rotary)), dim=-1)
                near, far = pad(near, (near.shape[-1], 0)), pad(far, (0, far.shape[-1]))
                # Kernels want values as wide as keys.
                given = pad(given, (0, given.shape[-1]))
            whole = ungrouped(asked, torch.cat((near, far), dim=2), given)
            part = scaled_dot_product_attention(*whole, attn_mask=seen, scale=scale)
            out[:, :, start:stop] = part[..., : values.shape[-1]].flatten(0, 1)
        return out

    def seen_keys(self) -> Tensor:
        """The sinks' keys at their place in the cache, counted from the window; the others as they are."""
        import torch

        missing = self.seen - self.keys.shape[2]
        if self._rotary is None or self.capacity is None or not missing:
            return self.keys
        sinks = self.capacity - self.policy.last(self.capacity)
        return torch.cat((turned(self.keys[:, :, :sinks], missing, self._rotary), self.keys[:, :, sinks:]), dim=2)


def rotary_of(model: Any) -> Any:
    """The model's module that gives cosines and sines of positions. Raises UserError where none can be used."""
    import torch

    config = model.config.get_text_config(decoder=True)
    kind = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    rotary = next((m.rotary_emb for m in model.modules() if hasattr(m, "rotary_emb")), None)
    if rotary is not None and kind not in ("dynamic", "longrope"):
        cosines, _ = rotary(torch.zeros(1, device=model.device), torch.tensor([[3]], device=model.device))
        half = cosines.shape[-1] // 2
        if torch.equal(cosines[..., :half], cosines[..., half:]):
            return rotary
    raise UserError(
        f"the positions of {type(model).__name__} (rope {kind!r}) cannot be counted anew",
        where="kv: renumber",
        remedy="Give renumber: false",
    )


def turned(keys: Tensor, by: int | Tensor, rotary: Any) -> Tensor:
    """(1, K, N, E) rotated keys -> the same, `by` (or (N,)) positions later, in float32 (arXiv 2104.09864, eq. 34)."""
    import torch

    places = torch.as_tensor(by, device=keys.device).reshape(1, -1)
    cosines, sines = (x[:, None] for x in rotary(keys.float(), places))
    # Some models scale both with the length of their context; a turn must not.
    length = (cosines.square() + sines.square()).sqrt()
    cosines, sines = cosines / length, sines / length
    size = cosines.shape[-1]
    rotated, rest = keys[..., :size].float(), keys[..., size:]
    left, right = rotated.chunk(2, dim=-1)
    out = rotated * cosines + torch.cat((-right, left), dim=-1) * sines
    return torch.cat((out.to(keys.dtype), rest), dim=-1)
