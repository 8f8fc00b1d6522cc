"""Compression by calls of the study's own reader: the law that such methods share, as a part of a route.

Its calls are the route's calls: they are shared with other routes that make the same, remembered, ordered with all
others, and charged to the route that asks. What a budget means is the same as for a stage (`compressors.stage`). It
does not know how a method chooses.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from compressors.stage import Budget, excerpt, whole
from pipeline.core.records import Chunk, Compression, Excerpt
from pipeline.core.tokens import Tokenizer, tokenizer_named
from pipeline.generators.base import Sampling
from pipeline.routes.base import Asks, Case, Reply, Shortener, Shown

Made = tuple[tuple[Excerpt, ...], tuple[str, ...]]
"""What stays, in prompt order, and notes."""


@dataclass(frozen=True, kw_only=True)
class ByReader(Budget, Shortener):
    """A method's settings. Subclasses are frozen dataclasses.

    rearranges: it puts texts into another order, and does so also where nothing has to go.
    """

    rearranges: ClassVar[bool] = False

    @abstractmethod
    def shorten(
        self, chunks: Sequence[Chunk], budget: int, tokenizer: Tokenizer, case: Case, sampling: Sampling
    ) -> Generator[Asks, Any, Made | Reply]:
        """Yield the calls, return what stays of the texts; a Reply where a failed call ends the route.

        budget: tokens that may stay, in the tokenizer's; the texts have more, unless the method rearranges.
        """

    def steps(self, chunks: Sequence[Chunk], case: Case, sampling: Sampling) -> Generator[Asks, Any, Shown | Reply]:
        """The method's calls; none, and the texts unchanged, where the budget covers them."""
        tokenizer = tokenizer_named(self.tokenizer)
        total = sum(tokenizer.count(c.text) for c in chunks)
        budget = self.tokens_of(total)
        notes: tuple[str, ...] = ()
        if total == 0 or (total <= budget and not self.rearranges):
            excerpts = tuple(excerpt(chunks[k.index], k) for k in whole(chunks))
        else:
            made = yield from self.shorten(chunks, budget, tokenizer, case, sampling)
            if isinstance(made, Reply):
                return made
            excerpts, notes = made
        kept = sum(tokenizer.count(e.text) for e in excerpts)
        return Shown(Compression(excerpts, total, kept), notes)
