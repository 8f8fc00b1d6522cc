"""What of a ranking enters a prompt, and in which order.

It does not know how a prompt shows a passage: what its label costs is given as `overhead`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pipeline.core.records import Ranking
from pipeline.core.spec import settings
from pipeline.core.stage import Stage
from pipeline.core.tokens import tokenizer_named
from retrievers.base import at_least, one_of, tokenizer_identity

By = Literal["score", "document", "edges"]


@dataclass(frozen=True)
class Pack(Stage):
    """Per question, `.on(ranking, chunks)`: the longest head of the ranking that keeps within the budget.

    It stops at the first passage that does not fit, rather than filling up with worse ones that do, so that a larger
    budget only ever adds passages.

    budget: tokens of `tokenizer`, passages and `overhead` tokens for each; None: no limit. max_passages: likewise.
    """

    budget: int | None = None
    tokenizer: str = "words"
    max_passages: int | None = None
    overhead: int = 0

    def __post_init__(self) -> None:
        for name in ("budget", "max_passages", "overhead"):
            value = getattr(self, name)
            if value is not None:
                at_least(value, 0 if name == "overhead" else 1, f"{self.label}.{name}")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, with the tokenizer by its content; without it where no tokens are counted."""
        own = settings(self)
        if self.budget is None:
            return {"budget": None, "max_passages": self.max_passages}
        return own | {"tokenizer": tokenizer_identity(self.tokenizer)}

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: rankings, tuples of Chunk."""
        for ranking, chunks in zip(*columns, strict=True):
            kept = len(ranking.ids) if self.max_passages is None else min(self.max_passages, len(ranking.ids))
            if self.budget is not None:
                kept = self._fitting([chunks[i].text for i in ranking.ids[:kept]])
            yield Ranking(ranking.ids[:kept], ranking.scores[:kept])

    def _fitting(self, texts: Sequence[str]) -> int:
        tokenizer, left = tokenizer_named(self.tokenizer), self.budget or 0
        for position, text in enumerate(texts):
            left -= tokenizer.count(text) + self.overhead
            if left < 0:
                return position
        return len(texts)


@dataclass(frozen=True)
class Order(Stage):
    """Per question, `.on(ranking, chunks)`: the same passages in another order.

    score: best first. document: reading order. edges: best first, second best last, and so on inwards, since readers
    miss the middle of a long prompt (Liu et al., "Lost in the Middle", TACL 2024).
    """

    by: By = "score"

    def __post_init__(self) -> None:
        one_of(self.by, get_args(By), f"{self.label}.by")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Rankings; the chunks are not read, since their indexes are reading order already."""
        for ranking in columns[0]:
            places = list(range(len(ranking.ids)))
            if self.by == "score":
                places.sort(key=lambda p: (-ranking.scores[p], ranking.ids[p]))
            elif self.by == "document":
                places.sort(key=lambda p: ranking.ids[p])
            else:
                places = [*places[0::2], *reversed(places[1::2])]
            yield Ranking(tuple(ranking.ids[p] for p in places), tuple(ranking.scores[p] for p in places))
