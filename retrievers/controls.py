"""Retrieval controls: what any retriever must beat. It reads neither the question's meaning nor the chunks' texts."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.records import Ranking
from pipeline.core.stage import Stage
from retrievers.base import DECIMALS, at_least, rank


@dataclass(frozen=True)
class RandomPassages(Stage):
    """Per question, `.on(chunks, question text)`: k chunks at random, the same ones for a seed and a question's text.

    Each chunk draws a number in [0, 1), its score. A larger k adds chunks and keeps the others.
    """

    k: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(self.k, 1, f"{self.label}.k")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: tuples of Chunk, question texts."""
        for chunks, text in zip(*columns, strict=True):
            # In every version of Python random() draws the same numbers from a seed; of sample() that is not promised.
            draw = random.Random(f"{self.seed}:{text}")
            drawn = rank(((i, draw.random()) for i in range(len(chunks))), DECIMALS)
            yield Ranking(drawn.ids[: self.k], drawn.scores[: self.k])
