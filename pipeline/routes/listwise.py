"""List-wise re-ranking: the reader orders the candidates, window by window, and answers from the best of them.

Sun et al. 2023, "Is ChatGPT Good at Search? Investigating Large Language Models as Re-Ranking Agents", arXiv
2304.09542: windows slide from the bottom of the list to its top, and the better part of each goes on into the next. It
does not know what ranked the candidates, nor whether the reader ranks well.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Protocol

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Prompt, Ranking
from pipeline.core.stage import Node
from pipeline.generators.base import Completion
from pipeline.prompts import answer_from, rank_passages
from pipeline.routes.base import Ask, Case, Route, Steps, passage_parts, ranked
from pipeline.routes.inner import ended, inner, must_fit, noted, room, shortened
from pipeline.routes.rag import RAG

_BRACKETS = re.compile(r"[\[【]([\d\s,;、>]+)[\]】]")
_NUMBER = re.compile(r"(?<!\d)\d{1,6}(?!\d)")
_BARE = re.compile(r"(?:\d|[\s.,;:>()\-]|passages?|ranking)+", re.IGNORECASE)


class Arranger(Protocol):
    """What chooses or orders passages of a ranking: a stage over (rankings, tuples of Chunk), as Pack and Order are."""

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns; one ranking per row."""


def identifiers(text: str, n: int) -> list[int]:
    """The passages that a text names by number, as indices in [0, n), in order, each once.

    Numbers in square brackets count, one or several in a pair; where there are none, bare ones of a text that holds
    nothing else. Other numbers in prose mean something else (RankGPT's own parser takes every digit).
    """
    found = _BRACKETS.findall(text)
    if not found and _BARE.fullmatch(text.strip()):
        found = [text]
    numbers = (int(number) - 1 for group in found for number in _NUMBER.findall(group))
    return list(dict.fromkeys(i for i in numbers if 0 <= i < n))


def permutation(text: str, n: int) -> list[int]:
    """All of range(n): those that the text names, in its order, then the others in the order they had."""
    named = identifiers(text, n)
    return named + [i for i in range(n) if i not in set(named)]


def windows(n: int, window: int, step: int) -> list[tuple[int, int]]:
    """Windows `[start, end)` over n candidates, from the last to the first; none where there is nothing to order.

    ceil((n - window) / step) + 1 of them, or one where n <= window. The last begins at 0 whatever the step leaves over;
    RankGPT's code leaves such a rest at the top as it was.
    """
    if n < 2:
        return []
    count = ceil(max(n - window, 0) / step) + 1
    return [(max(n - window - i * step, 0), n - i * step) for i in range(count)]


@dataclass(frozen=True, kw_only=True)
class ListwiseRAG(Route):
    """Candidates of `rag`'s ranking, re-ranked by the reader; the best `passages` are answered from as `rag` does.

    depth: candidates re-ranked; those below keep their places. window, step: candidates shown at once, and how far up
    the next window stands. arrange: what the kept passages go through (a budget, an order). rank_tokens: length of one
    ranking. What the reader's answer leaves out keeps its order behind what it names, and a note says so where it names
    nothing. Passages too long for the window are shown by their beginning, with a note. A failed call ends the route.
    """

    rag: RAG
    depth: int = 100
    window: int = 20
    step: int = 10
    passages: int = 5
    arrange: tuple[Arranger, ...] = ()
    rank_tokens: int = 256

    def __post_init__(self) -> None:
        for name, least in (("depth", 1), ("window", 2), ("step", 1), ("passages", 1), ("rank_tokens", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{getattr(self, name)} is too small", where=name, remedy=f"Give {least} or more")
        if self.step > self.window:
            raise UserError(
                f"a step of {self.step} leaves candidates out between windows of {self.window}",
                where="step",
                remedy=f"Give {self.window} or less; half of it is usual",
            )

    def nodes(self) -> Mapping[str, Node]:
        """What the answer's route reads: its ranking gives the candidates."""
        return self.rag.nodes()

    def steps(self, case: Case) -> Steps:
        """One call per window, then the answer."""
        chunks, prior = case.inputs["chunks"], case.inputs["ranking"]
        order = list(prior.ids)
        notes: list[str] = []
        for start, end in windows(min(self.depth, len(order)), self.window, self.step):
            prompt, completion = yield from self._rank([chunks[i] for i in order[start:end]], case, notes)
            if completion.status == "failed":
                return ended(case, completion, prompt, notes)
            if not identifiers(completion.text, end - start):
                notes.append(f"re-ranking {start + 1}-{end}: the answer names no passage, so their order stays")
            order[start:end] = [order[start + i] for i in permutation(completion.text, end - start)]
        kept = Ranking(tuple(order[: self.passages]), tuple(float(-i) for i in range(len(order[: self.passages]))))
        for stage in self.arrange:
            (kept,) = stage.run([kept], [chunks])
        return noted((yield from answered(self.rag, kept, case)), notes)

    def _rank(
        self, chunks: Sequence[Chunk], case: Case, notes: list[str]
    ) -> Generator[Ask, Completion, tuple[Prompt, Completion]]:
        remedy = "Lower rank_tokens, show fewer passages at once (window), or name a reader with a longer window"
        question = case.question.text
        left = room(case, rank_passages([], question), self.rank_tokens, remedy)
        parts = passage_parts(chunks, labels=self.rag.labels)
        parts, length = shortened(parts, case, left, remedy)
        if length is not None:
            notes.append(f"re-ranking saw the first {length} tokens of each longer passage")
        prompt = rank_passages(parts, question)
        return prompt, (yield Ask(prompt, inner(self.sampling, self.rank_tokens)))


def answered(rag: RAG, kept: Ranking, case: Case) -> Steps:
    """The answer of `rag` from other passages than its ranking's. Raises UserError where they exceed the window."""
    case = replace(case, inputs={**case.inputs, "ranking": kept})
    if rag.compressed is None:
        parts = passage_parts(ranked(case.inputs["chunks"], kept), labels=rag.labels)
        prompt = answer_from(parts, case.question.text, position=rag.position)
        remedy = "Read fewer or shorter passages, or name a reader with a longer window"
        must_fit(case, prompt, rag.sampling.max_tokens, remedy)
    return (yield from rag.steps(case))
