"""Key norm: entries whose keys are short stay, since they are those that attention falls on.

Devoto et al. 2024, "A Simple and Effective L2 Norm-Based Strategy for KV Cache Compression" (arXiv 2406.11430).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from compressors.kv import at_least
from compressors.kv_memory import Entries, Evicting, Memory

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class KeyNorm(Evicting):
    """The entries with the lowest L2 norm of the key, whatever the question. Positions stay those of the text.

    A rotation by position changes no norm. whole: so many first layers keep everything, as the paper does with two,
    in whose keys it finds the norm to say little; the budget is then that of the other layers. Entries are those of
    kvpress's KnormPress, which leaves no layer whole.
    """

    whole: int = 0

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        super().__post_init__()
        at_least(0, whole=self.whole)

    def memory(self, layer: int, model: Any) -> Memory:
        """An empty one."""
        return Entries(replace(self, budget=1) if layer < self.whole else self)

    def scores(self, queries: Tensor, keys: Tensor, scale: float) -> Tensor:
        """The negative norm."""
        import torch

        norms: Tensor = torch.linalg.vector_norm(keys[0], dim=-1, dtype=torch.float32)
        return -norms
