"""The beginning of the context, cut where the budget ends: what every other compressor has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from compressors.base import Method, Shortened, Stretch, Task, in_place


@dataclass(frozen=True, kw_only=True)
class Head(Method):
    """Whole texts in their order, the last of them cut, until the budget is used up."""

    asks: ClassVar[bool] = False

    def shorten(self, tasks: Sequence[Task]) -> Iterable[Shortened]:
        """One cut per task."""
        for task in tasks:
            kept: list[list[Stretch]] = []
            left = task.budget
            for text in task.texts:
                spans = task.tokenizer.spans(text)[:left]
                kept.append([(0, spans[-1][1])] if spans else [])
                left -= len(spans)
            yield Shortened(in_place(kept))
