"""What one layer of a causal model attends to: the queries of chosen positions against the key of every token.

Any model of `transformers` whose attention goes through the library's `AttentionInterface`. A function of ours stands
in the place of the model's own; at the layer that is asked for it takes queries and keys as they are there, behind
rotation and norms, and ends the pass; at every other layer, and for whoever else uses the model, it hands on to the
model's own. So layers 0 to r run, and of attention only the chosen rows are ever made, unless the model's own attention
makes them all, as those with capped scores or sinks do. It does not know what is kept.

Letters: B rows read at once, T tokens of a row, H heads, K heads of keys, E width of a head, M positions asked.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compressors._causal import Array, ByCausalModel, Ids, Scorer
from compressors.base import Stretch
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
How = Literal["dot", "softmax"]
"""dot: the last asking token's query times each key, summed over heads. softmax: attention, mean over heads and all of
the asking tokens."""

QUESTION = "{question}"
BETWEEN = "\n\n"
"""Stands between two texts of a task where a model reads them."""
_OWN = "longshort_rows_of_"
_LOGITS = 1 << 24
"""Attention weights made at once."""
_DIGITS = 5


@dataclass(frozen=True, kw_only=True)
class ByAttention(ByCausalModel):
    """A method that selects by a causal model's attention.

    layer: whose attention it is, from 0, or from the end where negative. ask: what stands behind the context, with
    `{question}` in it; the model sees it, and it is no part of what is kept.
    """

    layer: int | None = None
    ask: str = "\n\nQuestion: {question}\nAnswer:"

    def __post_init__(self) -> None:
        """Raises UserError for an `ask` without a question, besides the inherited ones."""
        super().__post_init__()
        if QUESTION not in self.ask:
            raise UserError(
                f"{self.ask!r} has no place for the question", where="ask", remedy="Write {question} where it stands"
            )

    @property
    def attending(self) -> Attending:
        """The model at the layer. Raises UserError where there is no such model or layer."""
        return Attending(self.scorer, self.layer)

    def asked(self, scorer: Scorer, question: str) -> Asking:
        """The tokens of `ask` with the question in it, the last ones where half the model's positions hold no more."""
        before, after = self.ask.split(QUESTION, 1)
        ids, offsets = scorer.encode(before + question + after)
        start, end = len(before), len(before) + len(question)
        own = [i for i, (a, b) in enumerate(offsets) if a < end and b > start]
        left_out = max(0, len(ids) - max(1, scorer.positions // 2))
        return Asking(ids[left_out:], [i - left_out for i in own if i >= left_out])


class Encoded(NamedTuple):
    """Tokens of a text, and the characters [start, end) of each."""

    ids: list[int]
    offsets: list[Stretch]


class Asking(NamedTuple):
    """ids: what stands behind the context. own: which of them are the question's."""

    ids: list[int]
    own: list[int]

    def behind(self, context: Ids, start: int, how: How) -> Row:
        """A row that weighs context[start:]. The question's tokens ask; for `dot`, and of no question, the last one."""
        whole = [*context, *self.ids]
        asking = [len(context) + i for i in self.own] if how == "softmax" else []
        return Row(whole, asking or [len(whole) - 1], start, len(context))


class Row(NamedTuple):
    """Tokens to read, which of them ask, in order, and the stretch [start, end) of tokens that is weighed."""

    ids: Ids
    asking: Sequence[int]
    start: int
    end: int


def early_layer(layers: int) -> int:
    """19/31 of the depth: 19 of 32 layers, the deepest that is published for GemFilter.

    Its shallowest, 13 of 32, lies below the layers that find anything in a small model: in the reader that ships, of 10
    layers, attention to the evidence begins at the seventh.
    """
    return round(19 / 31 * (layers - 1))


class Attending:
    """Attention of one layer. layer: from 0, from the end where negative; None: `early_layer`.

    The default passes over layers that do not attend to everything (a sliding window, a state), to the nearest that
    does. A layer with a window that is named weighs all the same every token before the one that asks.
    """

    def __init__(self, scorer: Scorer, layer: int | None) -> None:
        self.scorer = scorer
        model = scorer._loaded.model
        config = model.config.get_text_config(decoder=True)
        count = int(config.num_hidden_layers)
        if layer is None:
            kinds = getattr(config, "layer_types", None) or ["full_attention"] * count
            full = [i for i, kind in enumerate(kinds) if kind == "full_attention"] or list(range(count))
            early = early_layer(count)
            layer = min(full, key=lambda i: (abs(i - early), -i))
        if not -count <= layer < count:
            raise UserError(f"layer {layer} of {count}", where="layer", remedy=f"Give 0 to {count - 1}, or -1")
        self.layer = layer % count
        self._stateful = bool(getattr(model, "_is_stateful", False))
        _stand_in(model)

    def read(self, rows: Sequence[Row], how: How) -> list[Array]:
        """Of each row, (end - start,) what its asking tokens give to each of the tokens [start, end).

        What stands before `end` in several rows, as one text for several questions, is read once.
        """
        out: list[Array] = [np.zeros(0, dtype=np.float32)] * len(rows)
        common: dict[tuple[int, ...], list[int]] = {}
        for i, row in enumerate(rows):
            known = tuple(row.ids[: row.end]) if row.end < len(row.ids) and not self._stateful else (-1 - i,)
            common.setdefault(known, []).append(i)
        alone = [members[0] for members in common.values() if len(members) == 1]
        for members in common.values():
            if len(members) > 1:
                for i, found in zip(members, self._behind_one([rows[i] for i in members], how), strict=True):
                    out[i] = found
        # On a CPU a batch of long rows costs padding and saves nothing; a row alone has the same bits in any company.
        packed = self.scorer._packed([len(rows[i].ids) for i in alone])
        for batch in [[n] for n in range(len(alone))] if self.scorer.alone else packed:
            members = [alone[n] for n in batch]
            for i, found in zip(members, self._plain([rows[i] for i in members], how), strict=True):
                out[i] = found
        return out

    def _plain(self, rows: Sequence[Row], how: How) -> list[Array]:
        """One pass over whole rows. Padding is on the right, where causal attention never looks."""
        import torch

        longest = max(len(row.ids) for row in rows)
        with torch.inference_mode():
            seen = self._seen([[*row.ids, *[0] * (longest - len(row.ids))] for row in rows])
            return [seen.weights(i, row, how) for i, row in enumerate(rows)]

    def _behind_one(self, rows: Sequence[Row], how: How) -> list[Array]:
        """A pass over what stands before `end` in each of these rows, and one over the rest of each, with its keys."""
        import torch
        from transformers import DynamicCache

        end, out = rows[0].end, []
        with torch.inference_mode():
            cache: Any = DynamicCache()
            self._seen([rows[0].ids[:end]], cache)
            held = [(layer.keys, layer.values) for layer in cache.layers[: self.layer + 1]]
            for row in rows:
                own: Any = DynamicCache()
                for n, (keys, values) in enumerate(held):
                    own.update(keys, values, n)
                out.append(self._seen([row.ids[end:]], own).weights(0, row, how))
        return out

    def _seen(self, ids: Sequence[Ids], cache: Any = None) -> _Seen:
        import torch

        seen = _Seen(self.layer)
        token = _SEEN.set(seen)
        try:
            given = torch.tensor([list(row) for row in ids], device=self.scorer._loaded.device)
            self.scorer._loaded.body(input_ids=given, past_key_values=cache, use_cache=cache is not None)
        except _Reached:
            return seen
        finally:
            _SEEN.reset(token)
        raise UserError(
            f"layer {self.layer} of this {type(self.scorer._loaded.model).__name__} has no queries and keys that can "
            "be reached",
            where="layer",
            remedy="Name a layer of full attention, or a model that attends through transformers' AttentionInterface",
        )


class _Reached(Exception):  # noqa: N818
    """Ends a pass at the layer that was asked for; no error."""


@dataclass
class _Seen:
    """What is taken at a layer: queries (B, H, M', E) of the M' last tokens of each row, keys (B, K, T, E) of all.

    cap: what scores are bounded by; sinks: (H,) scores of what is no token. None where the model has no such thing.
    """

    layer: int
    queries: Any = None
    keys: Any = None
    scale: float = 1.0
    cap: float | None = None
    sinks: Any = None

    def weights(self, i: int, row: Row, how: How) -> Array:
        """(end - start,) of the i-th row."""
        before = self.keys.shape[2] - self.queries.shape[2]
        query = self.queries[i, :, [at - before for at in row.asking]].float()
        keys = self.keys[i, :, : len(row.ids)].float()
        found = _dots(query, keys) if how == "dot" else self._attention(query, keys, row.asking)
        weights: Array = found[row.start : row.end].cpu().numpy()
        return weights

    def _attention(self, query: Tensor, keys: Tensor, asking: Sequence[int]) -> Tensor:
        """(H, M, E), (K, T, E) -> (T,) softmax over the keys up to each asking token, mean over heads and tokens."""
        import torch

        heads, total = query.shape[0], keys.shape[1]
        out = torch.zeros(total, device=keys.device)
        places = torch.arange(total, device=keys.device)
        step = max(1, _LOGITS // (heads * total))
        for at in range(0, len(asking), step):
            upto = torch.tensor(list(asking[at : at + step]), device=keys.device)
            grouped = query[:, at : at + step].reshape(keys.shape[0], -1, keys.shape[2])
            logits = (grouped @ keys.transpose(1, 2)).view(heads, len(upto), total) * self.scale
            if self.cap is not None:
                logits = self.cap * torch.tanh(logits / self.cap)
            logits = logits.masked_fill(places > upto[:, None], -torch.inf)
            if self.sinks is not None:
                sinks = self.sinks.float().view(heads, 1, 1).expand(-1, len(upto), -1)
                logits = torch.cat([logits, sinks], dim=-1)
            out += logits.softmax(-1)[..., :total].sum((0, 1))
        return out / (heads * len(asking))


def _dots(query: Tensor, keys: Tensor) -> Tensor:
    """(H, M, E), (K, T, E) -> (T,) the last of M queries times each key, summed over heads."""
    import torch

    heads = query[:, -1].reshape(keys.shape[0], -1, keys.shape[2]).sum(1)
    return torch.einsum("ke,kte->t", heads, keys)


_SEEN: ContextVar[_Seen | None] = ContextVar("longshort_attention_seen", default=None)


def _stand_in(model: Any) -> None:
    """Put our function in the place of the model's own attention; once per model."""
    own = model.config.get_text_config(decoder=True)._attn_implementation or "eager"
    if not own.startswith(_OWN):
        _register(own)
        model.set_attn_implementation(_OWN + own)


@lru_cache
def _register(own: str) -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

    def attend(
        module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **settings: Any
    ) -> Any:
        """The library's signature: (B, H, T, E), (B, K, T, E) twice -> (B, T, H, E) and weights."""
        seen = _SEEN.get()
        if seen is not None and module.layer_idx == seen.layer:
            seen.queries, seen.keys = query, key
            seen.scale = query.shape[-1] ** -0.5 if settings.get("scaling") is None else settings["scaling"]
            seen.cap, seen.sinks = settings.get("softcap"), settings.get("s_aux")
            raise _Reached
        home = sys.modules[type(module).__module__]
        function = home.ALL_ATTENTION_FUNCTIONS.get(own, getattr(home, "eager_attention_forward", None))
        return function(module, query, key, value, attention_mask, **settings)

    AttentionInterface.register(_OWN + own, attend)
    if own in ALL_MASK_ATTENTION_FUNCTIONS:  # without one, the library makes no mask, as it does for the model's own
        AttentionMaskInterface.register(_OWN + own, ALL_MASK_ATTENTION_FUNCTIONS[own])


def neighbours(scores: Floats, width: int) -> tuple[Floats, Floats]:
    """(T,) sums over `width` tokens around each, of an even width one more before it, and (T,) how many there are."""
    total = len(scores)
    places = np.arange(total)
    first = np.maximum(0, places - width // 2)
    last = np.minimum(total, places + (width - 1) // 2 + 1)
    sums = np.concatenate([[0.0], np.cumsum(scores)])
    return sums[last] - sums[first], (last - first).astype(np.float64)


def rounded(scores: Floats) -> Floats:
    """Scores against the greatest of them, to 1e-5: what is equal ties in spite of the last bits of a float."""
    finite = np.abs(scores[np.isfinite(scores)])
    most = finite.max() if len(finite) else 0.0
    out: Floats = np.round(scores / most, _DIGITS).astype(np.float64) if most else scores
    return out
