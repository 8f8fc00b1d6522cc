"""How a policy gets into a model of `transformers`: an attention function of ours and a cache that only counts tokens.

The function is registered under a name with the library's `AttentionInterface`, and the model is set to it. The cache
passes new keys and values through; the function hands them, with the queries, to the layer's memory. It knows no policy
by name. Source: https://huggingface.co/docs/transformers/attention_interface.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from compressors.kv import KVPolicy, KVUse
from compressors.kv_memory import storages
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from compressors.kv_memory import Memory

_NAME = "longshort_kv"
_BEYOND = {
    "sliding_window": "a sliding window",
    "softcap": "capped attention scores",
    "s_aux": "learned attention sinks",
    "position_bias": "a position bias",
}


class Reading:
    """One prompt and its answer under a policy. cache: for the model; layers: what each layer remembers."""

    def __init__(self, policy: KVPolicy, model: Any) -> None:
        config = model.config.get_text_config(decoder=True)
        self.layers: list[Memory] = [policy.memory(i, model) for i in range(config.num_hidden_layers)]
        self.cache = _cache(self.layers)
        self._device = model.device
        self._start = self._now()
        self._decoding: float | None = None
        self._compress = 0.0
        self._tokens = self._dense = self._held = self._kept = self._peak = 0

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """What one layer's attention gives for (1, H, T, E) queries and (1, K, T, E) new keys and values."""
        memory = self.layers[layer]
        first = not memory.seen
        if not first and self._decoding is None:
            self._decoding = self._now()
        before = memory.storages()
        out = memory.read(queries, keys, values, scale, self._timed)
        after = memory.storages()
        others = self._held - sum(before.values())
        self._held = others + sum(after.values())
        if first:
            self._tokens, self._kept = memory.seen, self._held
            self._dense += sum(t.numel() * t.element_size() for t in (keys, values))
        # What the model gave stays until the layer is done; a layer that dropped nothing holds the very same.
        at_once = before | storages((keys, values)) | after
        self._peak = max(self._peak, others + sum(at_once.values()) + memory.lent)
        return out

    @property
    def use(self) -> KVUse:
        """Bytes and seconds until now."""
        now = self._now()
        decoding = now if self._decoding is None else self._decoding
        return KVUse(
            tokens=self._tokens,
            dense_bytes=self._dense,
            kept_bytes=self._kept,
            peak_bytes=self._peak,
            attended=max(m.attended for m in self.layers),
            prefill_seconds=decoding - self._start - self._compress,
            compress_seconds=self._compress,
            decode_seconds=now - decoding,
        )

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = self._now()
        yield
        self._compress += self._now() - start

    def _now(self) -> float:
        if self._device.type == "cuda":
            import torch

            torch.cuda.synchronize(self._device)
        return time.perf_counter()


_ACTIVE: ContextVar[Reading] = ContextVar("longshort_kv_reading")


@contextmanager
def reading(policy: KVPolicy, model: Any) -> Iterator[Reading]:
    """See KVPolicy.reading."""
    config = model.config.get_text_config(decoder=True)
    odd = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if odd:
        raise _unfit(model, f"layers of {', '.join(sorted(odd))}")
    _register()
    model.set_attn_implementation(_NAME)
    now = Reading(policy, model)
    token = _ACTIVE.set(now)
    try:
        yield now
        for layer in now.cache.layers:
            layer.check()
    finally:
        _ACTIVE.reset(token)


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **settings: Any,
) -> tuple[Tensor, None]:
    """The library's signature. (1, H, T, E), (1, K, T, E) -> (1, T, H, E); the mask is the memory's affair."""
    for name, told in _BEYOND.items():
        if settings.get(name) is not None:
            raise _unfit(module, told)
    if len(query) != 1:
        raise ValueError(f"a KV policy reads one prompt at a time, found a batch of {len(query)}")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    out = _ACTIVE.get().attend(module.layer_idx, query, key, value, scale)
    return out.transpose(1, 2).contiguous(), None


@lru_cache(maxsize=1)
def _register() -> None:
    from transformers import AttentionInterface

    # No mask function of this name: the library then makes no mask, which for a whole prompt would be N x N.
    AttentionInterface.register(_NAME, _attention)


def _cache(layers: list[Memory]) -> Any:
    from transformers import Cache

    return Cache(layers=[_layer_type()(memory) for memory in layers])


@lru_cache(maxsize=1)
def _layer_type() -> type[Any]:
    """Made here because its base is heavy to import."""
    from transformers import DynamicLayer

    class CountingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
        """A layer of the library's cache that holds nothing and counts what the memory has seen."""

        is_croppable = False

        def __init__(self, memory: Memory) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.memory, self.given = memory, 0

        def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
            self.check()
            self.given += key_states.shape[-2]
            return key_states, value_states

        def get_seq_length(self) -> int:
            return self.memory.seen

        def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
            return self.memory.seen + query_length, 0

        def check(self) -> None:
            if self.given != self.memory.seen:
                raise UserError(
                    "this model computes its attention by itself, where a KV policy cannot reach it",
                    where="kv",
                    remedy="Leave kv out for it",
                )

    return CountingLayer


def _unfit(model: Any, why: str) -> UserError:
    name = type(model).__name__
    return UserError(f"{name} has {why}, which KV policies do not know", where="kv", remedy="Leave kv out for it")
