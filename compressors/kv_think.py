"""ThinK: keys without the channels that the last queries hardly use.

Xu et al. 2024, "ThinK: Thinner Key Cache by Query-Driven Pruning" (arXiv 2407.21018).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compressors.kv import KVPolicy, as_float, at_least, share
from compressors.kv_memory import Memory, attend, best, grouped, logits, masked, own

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ThinK(KVPolicy):
    """Each key/value head keeps a share of its key channels for all of the prompt but the last `recent` entries.

    channels: that share; 1 prunes nothing. A channel i stays by ||Q_i K_i^T||_F = ||Q_i|| ||K_i|| (equation 5), with
    the queries of the last `window` tokens, those of a head's group together. Values and entries all stay, so that
    bytes fall by (1 - channels) / 2. The answer's keys stay whole. Positions stay those of the text: the channels are
    those of rotated keys.

    Channels are those of kvpress's ThinKPress with `recent: 0`: it prunes the last entries too, which the paper leaves
    whole, and holds zeros in place of what it prunes. With any share of channels the values stay, so that neither
    bytes nor their peak can come below a half.
    """

    channels: float = 0.6
    window: int = 32
    recent: int = 32

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        share(channels=self.channels)
        as_float(self, "channels")
        at_least(1, window=self.window)
        at_least(0, recent=self.recent)

    def kept(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(1, H, N, E) queries and (1, K, M, E) keys to prune -> (K, C) channels that stay, ascending."""
        import torch

        asked = grouped(queries[:, :, -self.window :], keys.shape[1]).float().square().sum(dim=(1, 2)).sqrt()
        scores = asked * torch.linalg.vector_norm(keys[0], dim=1, dtype=torch.float32)
        return best(scores, max(1, math.ceil(self.channels * keys.shape[-1] - 1e-9)))

    def memory(self, layer: int, model: Any) -> Memory:
        """An empty one."""
        return Thin(self)


class Thin(Memory):
    """Thin keys (1, K, M, C) with their channels (K, C), whole keys (1, K, N - M, E) behind them, and all values."""

    thin: Tensor
    channels: Tensor
    whole: Tensor
    values: Tensor

    def __init__(self, policy: ThinK) -> None:
        super().__init__()
        self.policy = policy

    def compress(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> None:
        """Prune the prompt's keys, but for the last ones."""
        import torch

        old = max(0, self.seen - self.policy.recent) if self.policy.channels < 1 else 0
        self.whole, self.values = own(keys[:, :, old:]), own(values)
        self.thin = keys.new_empty((1, keys.shape[1], 0, 0))
        self.channels = torch.empty((keys.shape[1], 0), dtype=torch.int16, device=keys.device)
        if old:
            channels = self.policy.kept(queries, keys[:, :, :old])
            spread = channels[None, :, None, :].expand(1, -1, old, -1)
            self.thin, self.channels = keys[:, :, :old].gather(3, spread), channels.to(torch.int16)

    def step(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """Attend with the queries' same channels to thin keys, and with all to whole ones."""
        import torch

        self.whole, self.values = torch.cat((self.whole, keys), dim=2), torch.cat((self.values, values), dim=2)
        self.attended = max(self.attended, self.values.shape[2])
        if not self.thin.shape[2]:
            return attend(queries, self.whole, self.values, scale)
        asked = grouped(queries, keys.shape[1])
        index = self.channels.long()[:, None, None, :].expand(-1, *asked.shape[1:3], -1)
        slim = asked.gather(3, index).flatten(0, 1)[None]
        scores = torch.cat((logits(slim, self.thin, scale), logits(queries, self.whole, scale)), dim=-1)
        out = masked(scores).softmax(-1) @ self.values[0, :, None].float()
        return out.flatten(0, 1)[None].to(queries.dtype)

    def tensors(self) -> Iterator[Tensor]:
        """Keys of both kinds, channels, values."""
        if self.seen:
            yield from (self.thin, self.channels, self.whole, self.values)
