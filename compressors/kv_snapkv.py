"""SnapKV: entries that the prompt's last tokens attend to, with their neighbours; and SAGE-KV as one of its settings.

Li et al. 2024, "SnapKV: LLM Knows What You are Looking for Before Generation" (arXiv 2404.14469); Wang et al. 2025,
"LLMs Know What to Drop: Self-Attention Guided KV Cache Eviction" (SAGE-KV, arXiv 2503.08879).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from compressors.kv import at_least, one_of
from compressors.kv_memory import Evicting, weights
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SnapKV(Evicting):
    """The top entries by pooled attention of the last `window` tokens, and that window.

    Weights are summed over the window, pooled over `pool` neighbours and averaged over the queries of a key/value
    head; each such head chooses for itself. roll: the answer's entries push out the oldest of the last ones; without
    it they are kept beyond the budget. Positions stay those of the text.

    SAGE-KV is `{window: 1, pool: 1, sinks: 4, recent: 64, roll: true}`: the last token's attention, once.

    Entries are those of kvpress's SnapKVPress at `pooling: mean` and its window of 64 and pool of 5. It has no largest
    of neighbours, our default: there a strong entry keeps its neighbours and is not itself thinned out by weak ones.
    Its TOVAPress averages the last token's attention over all heads of a layer, so that all keep the same; by
    key/value head, as here, a head that has found something need not win over the others.
    """

    window: int = 32
    pool: int = 7
    pooling: Literal["max", "mean"] = "max"
    roll: bool = False

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        super().__post_init__()
        at_least(1, window=self.window, pool=self.pool)
        one_of(("max", "mean"), pooling=self.pooling)
        if self.pool % 2 == 0:
            raise UserError(f"{self.pool} neighbours have no middle", where="pool", remedy="Give an odd number")

    def scores(self, queries: Tensor, keys: Tensor, scale: float) -> Tensor:
        """Pooled attention of the window's queries, averaged over a head's group."""
        from torch.nn.functional import avg_pool1d, max_pool1d

        seen = weights(queries[:, :, -self.window :], keys, scale).sum(dim=2)
        if self.pool > 1:
            # Neighbours within the window do not count: it stays anyway, and attends mostly to itself.
            before = seen[..., : max(0, seen.shape[-1] - self.window)]
            if before.shape[-1]:
                pooled = max_pool1d if self.pooling == "max" else avg_pool1d
                before.copy_(pooled(before, self.pool, stride=1, padding=self.pool // 2))
        return seen.mean(dim=1)

    def last(self, capacity: int) -> int:
        """The window, and what `recent` adds to it."""
        return min(max(self.window, self.recent), capacity)

    @property
    def rolls(self) -> bool:
        """As set."""
        return self.roll
