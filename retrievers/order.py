"""What of a ranking enters a prompt, and in which order.

It does not know how a prompt shows a passage: what its label costs is given as `overhead`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pipeline.core.records import Chunk, Ranking
from pipeline.core.spec import settings
from pipeline.core.stage import Stage
from pipeline.core.tokens import tokenizer_named
from retrievers.base import at_least, one_of, tokenizer_identity

By = Literal["score", "document", "edges", "reverse", "random"]
Fill = Literal["stop", "skip"]


@dataclass(frozen=True)
class Pack(Stage):
    """Per question, `.on(ranking, chunks)`: the passages of the ranking that the budget allows, best first.

    budget: tokens of `tokenizer`, passages and `overhead` tokens for each; None: no limit. max_passages: likewise.
    fill: what happens at a passage that does not fit. `stop`: it is the end, so that what is kept is a head of the
    ranking, and a larger budget only ever adds passages. `skip`: the next ones that fit are taken in its place.
    """

    budget: int | None = None
    tokenizer: str = "words"
    max_passages: int | None = None
    overhead: int = 0
    fill: Fill = "stop"

    def __post_init__(self) -> None:
        for name in ("budget", "max_passages", "overhead"):
            value = getattr(self, name)
            if value is not None:
                at_least(value, 0 if name == "overhead" else 1, f"{self.label}.{name}")
        one_of(self.fill, get_args(Fill), f"{self.label}.fill")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, with the tokenizer by its content; without it where no tokens are counted."""
        own = settings(self)
        if self.budget is None:
            return {"budget": None, "max_passages": self.max_passages}
        return own | {"tokenizer": tokenizer_identity(self.tokenizer)}

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: rankings, tuples of Chunk."""
        for ranking, chunks in zip(*columns, strict=True):
            kept = self._fitting(ranking.ids, chunks)[: self.max_passages]
            yield Ranking(tuple(ranking.ids[p] for p in kept), tuple(ranking.scores[p] for p in kept))

    def _fitting(self, ids: Sequence[int], chunks: Sequence[Chunk]) -> Sequence[int]:
        """The places in the ranking that keep within the budget, as many as `max_passages` of them at least."""
        if self.budget is None:
            return range(len(ids))
        tokenizer, left = tokenizer_named(self.tokenizer), self.budget
        kept: list[int] = []
        for place, i in enumerate(ids):
            if len(kept) == self.max_passages:
                break
            cost = tokenizer.count(chunks[i].text) + self.overhead
            if cost <= left:
                kept.append(place)
                left -= cost
            elif self.fill == "stop":
                break
        return kept


@dataclass(frozen=True)
class Order(Stage):
    """Per question, `.on(ranking, chunks)`: the same passages in another order.

    score: best first. reverse: best last, beside the question. document: reading order. edges: best first, second best
    last, and so on inwards, since readers miss the middle of a long prompt (Liu et al., "Lost in the Middle", TACL
    2024); of k passages, rank i stands in place (i + 1) / 2 for odd i and k + 1 - i / 2 for even (Jin et al.,
    "Long-Context LLMs Meet RAG", ICLR 2025, section 4). random: as `seed` and the set of passages decide, whatever
    their ranks.
    """

    by: By = "score"
    seed: int = 0

    def __post_init__(self) -> None:
        one_of(self.by, get_args(By), f"{self.label}.by")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings; the seed only where it is drawn from."""
        return {"by": self.by} | ({"seed": self.seed} if self.by == "random" else {})

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Rankings; the chunks are not read, since their indexes are reading order already."""
        for ranking in columns[0]:
            places = list(range(len(ranking.ids)))
            if self.by in ("score", "reverse"):
                places.sort(key=lambda p: (-ranking.scores[p], ranking.ids[p]))
                if self.by == "reverse":
                    places.reverse()
            elif self.by == "random":
                places = self._drawn(ranking.ids)
            elif self.by == "document":
                places.sort(key=lambda p: ranking.ids[p])
            else:
                places = [*places[0::2], *reversed(places[1::2])]
            yield Ranking(tuple(ranking.ids[p] for p in places), tuple(ranking.scores[p] for p in places))

    def _drawn(self, ids: Sequence[int]) -> list[int]:
        """Places in an order that a number drawn for each passage decides."""
        among = sorted(range(len(ids)), key=lambda p: ids[p])
        # In every version of Python random() draws the same numbers from a seed; of shuffle() that is not promised.
        draw = random.Random(f"{self.seed}:{[ids[p] for p in among]}")
        return sorted(among, key={p: draw.random() for p in among}.__getitem__)
