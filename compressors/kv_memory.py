"""What one layer of a model remembers, and the attention over it; entries that a score chooses.

Letters: T new tokens, N entries, H query heads, K key/value heads, G = H / K, E size of a head. Tensors have a batch of
one in front. Keys come rotated by their position in the text and keep that rotation unless a policy says otherwise. It
knows tensors; it does not know models, prompts or settings' names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compressors.kv import Budgeted, at_least

if TYPE_CHECKING:
    from torch import Tensor

_CELLS = {"cpu": 1 << 20, "else": 1 << 24}
"""Attention weights computed at once: what a processor's cache holds; elsewhere 64 MiB in float32."""


def attend(queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
    """(1, H, T, E) queries, of which the last key is the last one's own -> (1, H, T, E) causal attention."""
    from torch.nn.functional import scaled_dot_product_attention

    new, entries = queries.shape[2], keys.shape[2]
    given = (queries, keys, values)
    if queries.element_size() > 2:
        # Off the processor, only kernels for 16 bits know groups; for others all weights would be made at once.
        given = ungrouped(*given)
    out = scaled_dot_product_attention(
        *given,
        attn_mask=_seen(queries, entries) if 1 < new < entries else None,
        is_causal=1 < new == entries,
        scale=scale,
        enable_gqa=given[0].shape[1] != given[1].shape[1],
    )
    return out.reshape(*queries.shape[:3], -1)


def ungrouped(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(1, H, T, E), (1, K, N, E) twice -> (K, G, T, E), (K, G, N, E) twice: views, a group's entries shared by it."""
    many = grouped(queries, keys.shape[1])
    group = many.shape[1]
    return many, keys[0, :, None].expand(-1, group, -1, -1), values[0, :, None].expand(-1, group, -1, -1)


def logits(queries: Tensor, keys: Tensor, scale: float) -> Tensor:
    """(1, H, T, E) and (1, K, N, E) -> (K, G, T, N) scaled products in float32, nothing masked."""
    return grouped(queries, keys.shape[1]).float() * scale @ keys[0, :, None].float().transpose(-1, -2)


def weights(queries: Tensor, keys: Tensor, scale: float) -> Tensor:
    """(1, H, T, E) queries of the last T of N entries -> (K, G, T, N) causal attention weights in float32."""
    return masked(logits(queries, keys, scale)).softmax(-1)


def masked(scores: Tensor) -> Tensor:
    """(..., T, N) scores of the last T of N entries, with -inf (in place) for what comes after each."""
    return scores if scores.shape[-2] == 1 else scores.masked_fill_(~_seen(scores, scores.shape[-1]), float("-inf"))


def grouped(queries: Tensor, heads: int) -> Tensor:
    """(1, H, T, E) -> (K, G, T, E): each key/value head's queries together."""
    return queries[0].reshape(heads, -1, *queries.shape[2:])


def rows_at_once(queries: Tensor, entries: int) -> int:
    """Queries whose attention weights over so many entries are computed together.

    Never more weights than two key/value heads have numbers: what is kept is small, and so must be what it takes.
    """
    cells = min(_CELLS.get(queries.device.type, _CELLS["else"]), 4 * entries * queries.shape[-1])
    return max(1, cells // (queries.shape[1] * entries))


def _seen(like: Tensor, entries: int) -> Tensor:
    """(T, N) whether each of the last T entries sees each of N."""
    import torch

    new = like.shape[-2]
    return torch.ones(new, entries, dtype=torch.bool, device=like.device).tril(entries - new)


def best(scores: Tensor, count: int, *, sinks: int = 0, recent: int = 0) -> Tensor:
    """(K, N) scores -> (K, count) indices, ascending: the first `sinks`, the last `recent`, and else the highest.

    Of equals the earlier one. Where the budget is short, the last ones come first and then the first ones.
    """
    recent = min(recent, count)
    sinks = min(sinks, count - recent)
    scores = scores.clone()
    scores[:, :sinks] = float("inf")
    scores[:, scores.shape[1] - recent :] = float("inf")
    order = scores.argsort(dim=-1, descending=True, stable=True)
    return order[:, :count].sort(dim=-1).values


def pick(entries: Tensor, index: Tensor) -> Tensor:
    """(1, K, N, E) entries and (K, M) indices -> (1, K, M, E)."""
    return entries.gather(2, index[None, :, :, None].expand(-1, -1, -1, entries.shape[-1]))


def own(entries: Tensor) -> Tensor:
    """The same numbers in storage that holds nothing else; models that compute q, k and v as one give views of it."""
    alone = entries.untyped_storage().nbytes() == entries.numel() * entries.element_size()
    return entries if alone else entries.clone()


def storages(tensors: Iterable[Tensor]) -> dict[int, int]:
    """Bytes of each storage that these stand in, by its address: a view holds all that it is a view of."""
    return {s.data_ptr(): s.nbytes() for s in (t.untyped_storage() for t in tensors)}


class Memory(ABC):
    """Keys and values of one layer.

    seen: tokens read so far. attended: the most entries a later token was given. lent: bytes of keys and values that
    the last step made for itself and gave up.
    """

    def __init__(self) -> None:
        self.seen = self.attended = self.lent = 0

    def read(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float, timed: Callable[[], Any]) -> Tensor:
        """Remember T tokens and return their (1, H, T, E) attention; `timed()` encloses what a dense cache saves."""
        first = not self.seen
        self.seen += keys.shape[2]
        if not first:
            return self.step(queries, keys, values, scale)
        out = self.prefill(queries, keys, values, scale)
        with timed():
            self.compress(queries, keys, values, scale)
        return out

    def prefill(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """Attention over the prompt while it is read: dense."""
        return attend(queries, keys, values, scale)

    @abstractmethod
    def compress(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> None:
        """Remember what stays of the whole prompt."""

    @abstractmethod
    def step(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """Remember T tokens of the answer and attend."""

    @abstractmethod
    def tensors(self) -> Iterator[Tensor]:
        """All that is held."""

    def storages(self) -> dict[int, int]:
        """Bytes of each storage held, by its address."""
        return storages(self.tensors())

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(self.storages().values())


@dataclass(frozen=True, kw_only=True)
class Evicting(Budgeted):
    """A policy that drops entries: its method is a score, and the highest stay. Positions stay those of the text.

    sinks, recent: entries at the prompt's beginning and end that stay whatever their score. The answer's entries are
    kept beyond the budget unless the policy says otherwise.
    """

    sinks: int = 0
    recent: int = 0

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        super().__post_init__()
        at_least(0, sinks=self.sinks, recent=self.recent)

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor, scale: float) -> Tensor:
        """(1, H, N, E) queries and (1, K, N, E) keys of the prompt -> (K, N), higher for what is to stay."""

    def scores_by_head(self, queries: Tensor, keys: Tensor, scale: float) -> Tensor:
        """`scores`, one key/value head after the other: what they take for a while is that of one head."""
        import torch

        heads, group = keys.shape[1], queries.shape[1] // keys.shape[1]
        parts = [(queries[:, h * group : (h + 1) * group], keys[:, h : h + 1]) for h in range(heads)]
        return torch.cat([self.scores(q, k, scale) for q, k in parts])

    def last(self, capacity: int) -> int:
        """How many of the prompt's last entries stay whatever their score."""
        return min(self.recent, capacity)

    @property
    def rolls(self) -> bool:
        """Whether the answer's entries push out the oldest of the recent ones, so that the size is constant."""
        return False

    def memory(self, layer: int, model: Any) -> Memory:
        """An empty one."""
        return Entries(self)


class Entries(Memory):
    """Chosen entries. keys, values: (1, K, N, E); positions: (K, N) places in the text; capacity: None is no limit."""

    keys: Tensor
    values: Tensor
    positions: Tensor
    capacity: int | None

    def __init__(self, policy: Evicting) -> None:
        super().__init__()
        self.policy = policy

    def compress(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> None:
        """Keep the entries with the best scores."""
        import torch

        self.capacity = self.policy.capacity(self.seen)
        self.keys, self.values = keys, values
        self.positions = torch.arange(self.seen, device=keys.device, dtype=torch.int32).repeat(keys.shape[1], 1)
        if self.capacity is None or self.capacity >= self.seen:
            self.keys, self.values = own(keys), own(values)
        else:
            scores = self.scored(queries, keys, scale)
            last = self.policy.last(self.capacity)
            self.keep(best(scores, self.capacity, sinks=self.policy.sinks, recent=last))

    def scored(self, queries: Tensor, keys: Tensor, scale: float) -> Tensor:
        """(K, N) scores of the prompt."""
        return self.policy.scores_by_head(queries, keys, scale)

    def step(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """Add the entries, let the window roll, attend."""
        self.add(keys, values)
        if self.policy.rolls:
            self._roll(keys.shape[2])
        self.attended = max(self.attended, self.keys.shape[2])
        return attend(queries, self.seen_keys(), self.values, scale)

    def seen_keys(self) -> Tensor:
        """(1, K, N, E) keys as the queries meet them."""
        return self.keys

    def add(self, keys: Tensor, values: Tensor) -> None:
        """Put T new entries behind the others."""
        import torch

        self.keys, self.values = torch.cat((self.keys, keys), dim=2), torch.cat((self.values, values), dim=2)
        new = torch.arange(self.seen - keys.shape[2], self.seen, device=keys.device, dtype=torch.int32)
        self.positions = torch.cat((self.positions, new.expand(len(self.positions), -1)), dim=1)

    def keep(self, index: Tensor) -> None:
        """Drop all but the (K, M) entries of these indices."""
        self.keys, self.values = pick(self.keys, index), pick(self.values, index)
        self.positions = self.positions.gather(1, index)

    def _roll(self, new: int) -> None:
        import torch

        entries = self.keys.shape[2]
        if self.capacity is None or entries <= self.capacity:
            return
        start = self.capacity - self.policy.last(self.capacity)
        # Never the new ones, which must see themselves.
        stop = min(start + entries - self.capacity, entries - new)
        place = torch.arange(entries, device=self.keys.device)
        index = torch.cat((place[:start], place[stop:]))
        self.keep(index.expand(len(self.positions), -1))

    def tensors(self) -> Iterator[Tensor]:
        """Keys, values and where they stood."""
        if self.seen:
            yield from (self.keys, self.values, self.positions)
