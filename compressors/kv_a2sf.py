"""A2SF: entries by the attention they have had, older attention forgotten step by step.

Jo and Shin 2024, "A2SF: Accumulative Attention Scoring with Forgetting Factor for Token Pruning in Transformer Decoder"
(arXiv 2407.20485). With nothing forgotten it is the score of H2O (Zhang et al. 2023, arXiv 2306.14048).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compressors.kv import as_float
from compressors.kv_memory import Entries, Evicting, Memory, best, rows_at_once, weights
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

_NEGLIGIBLE = 1e-12
"""A factor below which what is forgotten changes no float32 score."""


@dataclass(frozen=True, kw_only=True)
class A2SF(Evicting):
    """The entries with the highest score_t = forgetting x score_{t-1} + attention_t; the lowest goes at every step.

    forgetting: 1 adds up all attention, 0 knows the last token's only. Attention is averaged over the queries of a
    key/value head, and each such head chooses for itself. Positions stay those of the text.

    At `forgetting: 1`, kvpress's ObservedAttentionPress divides our score by the number of tokens that see an entry,
    which takes from the early ones what H2O's sum, and ours, gives them; A2SF does it by forgetting.
    """

    forgetting: float = 0.95

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        super().__post_init__()
        if not 0 <= self.forgetting <= 1:
            raise UserError(f"{self.forgetting:g} is not in [0, 1]", where="forgetting", remedy="Give 0.95, say")
        as_float(self, "forgetting")

    def scores(self, queries: Tensor, keys: Tensor, scale: float) -> Tensor:
        """sum over t of forgetting ** (T - 1 - t) x attention of query t, for the last T of N entries."""
        import torch

        new, entries = queries.shape[2], keys.shape[2]
        out = torch.zeros(keys.shape[1], entries, device=keys.device)
        reach = new
        if self.forgetting < 1:
            reach = 1 if not self.forgetting else math.ceil(math.log(_NEGLIGIBLE) / math.log(self.forgetting))
        rows = rows_at_once(queries, entries)
        for start in range(max(0, new - reach), new, rows):
            stop = min(start + rows, new)
            until = entries - new + stop
            part = weights(queries[:, :, start:stop], keys[:, :, :until], scale)
            age = torch.arange(new - 1 - start, new - 1 - stop, -1, device=keys.device)
            factor = torch.pow(torch.tensor(self.forgetting, device=keys.device), age)
            out[:, :until] += (factor @ part).sum(dim=1)
        return out / (queries.shape[1] // keys.shape[1])

    def memory(self, layer: int, model: Any) -> Memory:
        """An empty one."""
        return Scored(self)


class Scored(Entries):
    """Entries with their scores, (K, N)."""

    policy: A2SF
    scores: Tensor

    def compress(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> None:
        """Keep the best of the prompt, and remember how good they are."""
        self.scores = self.policy.scores_by_head(queries, keys, scale)
        super().compress(queries, keys, values, scale)

    def scored(self, queries: Tensor, keys: Tensor, scale: float) -> Tensor:
        """Those of `compress`."""
        return self.scores

    def step(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """Add the entries, attend, forget, and drop what is beyond the budget."""
        import torch

        out = super().step(queries, keys, values, scale)
        new = keys.shape[2]
        old = torch.cat((self.scores, self.scores.new_zeros(len(self.scores), new)), dim=1)
        self.scores = old * self.policy.forgetting**new + self.policy.scores(queries, self.keys, scale)
        if self.capacity is not None and self.keys.shape[2] > self.capacity:
            self.keep(best(self.scores, self.capacity, sinks=self.policy.sinks, recent=self.policy.last(self.capacity)))
        return out

    def keep(self, index: Tensor) -> None:
        """Drop all but these, their scores too."""
        super().keep(index)
        self.scores = self.scores.gather(1, index)

    def tensors(self) -> Iterator[Tensor]:
        """Entries and scores."""
        yield from super().tensors()
        if self.seen:
            yield self.scores
