"""KV-cache policies: what a causal model keeps of a prompt that it has read, as settings of the `hf` reader.

The prompt is read densely. A policy then decides, layer by layer and before the next layer is read, what stays in
memory, and while the answer is decoded what one step attends to. This file holds what all policies share: the budget,
the record of bytes and seconds, and the base class. It knows no attention and no `transformers`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from compressors.kv_hooks import Reading
    from compressors.kv_memory import Memory


@dataclass(frozen=True, slots=True)
class KVUse:
    """What one prompt and its answer took.

    tokens: of the prompt. dense_bytes: keys and values of the prompt, kept whole. kept_bytes: what stood in memory
    once the prompt was read, indices and scales with it, on whatever device. peak_bytes: the most at any time: with
    what one layer was given whole while it was compressed, its old entries while new ones are put behind them, and
    what a step makes whole for itself. With L layers, of which each keeps a share s, that is s + 1 / L of dense_bytes.
    attended: the most entries that a key/value head gave one token of the answer, its own with them; 0 where the
    answer has one token. prefill_seconds: until the answer's second token is begun, without compress_seconds.
    """

    tokens: int
    dense_bytes: int
    kept_bytes: int
    peak_bytes: int
    attended: int
    prefill_seconds: float
    compress_seconds: float
    decode_seconds: float

    @property
    def share(self) -> float:
        """kept_bytes of dense_bytes; 1 before anything was read."""
        return self.kept_bytes / self.dense_bytes if self.dense_bytes else 1.0

    def as_row(self) -> dict[str, int | float]:
        """The fields by name, as a table or a log takes them."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class KVPolicy(ABC):
    """A policy's settings. Subclasses are frozen dataclasses; all their fields change answers and enter the identity.

    Prompts are read one at a time: a padded batch would give every prompt the budget of the longest.
    """

    version: ClassVar[int] = 1

    @abstractmethod
    def memory(self, layer: int, model: Any) -> Memory:
        """The empty memory of one layer (counted from 0) of this model. Raises UserError where they do not fit."""

    def reading(self, model: Any) -> AbstractContextManager[Reading]:
        """A reading of one prompt: `with policy.reading(model) as r: model.generate(..., past_key_values=r.cache)`.

        From then on the model attends through our function, and works only within a reading. Raises UserError for a
        model whose attention this cannot stand in for.
        """
        from compressors.kv_hooks import reading

        return reading(self, model)


@dataclass(frozen=True, kw_only=True)
class Budgeted(KVPolicy):
    """A policy with a budget of entries for each key/value head of each layer.

    budget: up to 1 a share of the prompt's tokens, above 1 a number of entries. 1 keeps everything, the answer too.
    """

    budget: float = 0.25

    def __post_init__(self) -> None:
        """Raises UserError for a budget that is neither a share nor a number."""
        if not (0 < self.budget <= 1 or (self.budget > 1 and self.budget == int(self.budget))):
            raise UserError(
                f"{self.budget:g} is neither a share in (0, 1] nor a whole number of entries",
                where="budget",
                remedy="Give 0.25, or 2048",
            )
        as_float(self, "budget")

    def capacity(self, tokens: int) -> int | None:
        """Entries that a prompt of this many tokens may keep, at least 1; None: no limit.

        kvpress rounds `tokens x (1 - ratio)` down with what binary fractions lack: 9 of 100 at a ratio of 0.9, here 10.
        """
        if self.budget == 1:
            return None
        # The small number takes 0.29 x 100 to 29 in spite of binary fractions.
        return max(1, math.floor(self.budget * tokens + 1e-9)) if self.budget < 1 else int(self.budget)


def as_float(policy: KVPolicy, name: str) -> None:
    """Make a whole number of these settings a float: 1 and 1.0 are one policy, and must have one identity."""
    object.__setattr__(policy, name, float(getattr(policy, name)))


def at_least(least: int, **settings: int) -> None:
    """Raises UserError for the first of these settings that is smaller."""
    for name, value in settings.items():
        if value < least:
            raise UserError(f"{value} is too small", where=name, remedy=f"Give {least} or more")


def one_of(known: tuple[str, ...] | tuple[int, ...], **settings: str | int) -> None:
    """Raises UserError for the first of these settings that is none of the known values."""
    for name, value in settings.items():
        if value not in known:
            raise UserError(f"unknown value {value!r}", where=name, remedy=f"Known: {', '.join(map(str, known))}")


def share(**settings: float) -> None:
    """Raises UserError for the first of these settings that is not in (0, 1]."""
    for name, value in settings.items():
        if not 0 < value <= 1:
            raise UserError(f"{value:g} is not in (0, 1]", where=name, remedy="Give a share, such as 0.6")
