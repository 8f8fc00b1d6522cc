"""What every compressor of text is: texts and a question in, the stretches that stay out, within a budget of tokens.

A method sees the context alone. Instruction and question are no part of it, so no method can shorten them. It does not
know routes, prompts or readers; what holds for all methods alike, such as the budget that covers everything, is the
stage's affair (`compressors.stage`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.core.tokens import Tokenizer

Stretch = tuple[int, int]
"""Characters [start, end) of one text."""


@dataclass(frozen=True, slots=True)
class Task:
    """One context to compress. texts: in prompt order. budget: tokens that may stay, fewer than the texts have."""

    texts: tuple[str, ...]
    question: str
    budget: int
    tokenizer: Tokenizer

    @property
    def sizes(self) -> tuple[int, ...]:
        """Tokens of each text."""
        return tuple(self.tokenizer.count(text) for text in self.texts)


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays of the text number `index`: stretches in reading order, or `rewritten`, a text in its place.

    heading: to be shown above it, in place of the text's own section.
    """

    index: int
    stretches: tuple[Stretch, ...] = ()
    rewritten: str | None = None
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Shortened:
    """What a method made of a task. kept: in the order in which the reader is to see it; texts left out are dropped.

    read: tokens that the method's own models read for it, which is what it costs.
    """

    kept: tuple[Kept, ...]
    read: int = 0


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """A method's settings. Subclasses are frozen dataclasses.

    asks: whether the question changes what stays. One that does not is computed once per document.
    """

    version: ClassVar[int] = 1
    asks: ClassVar[bool] = True

    @abstractmethod
    def shorten(self, tasks: Sequence[Task]) -> Iterable[Shortened]:
        """One result per task, in order; no result depends on which other tasks stand beside it.

        Tasks have at least one token more than their budget. Raises UserError for a model that is not there.
        """


def merged(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The same characters as sorted stretches that neither touch nor overlap; empty ones are dropped."""
    out: list[Stretch] = []
    for start, end in sorted(stretches):
        if start >= end:
            continue
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return tuple(out)


def bare(text: str, start: int, end: int) -> Stretch:
    """The stretch without the white space at its ends."""
    body = text[start:end]
    start += len(body) - len(body.lstrip())
    return start, start + len(body.strip())


def readable(text: str, stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """`merged`, with words kept apart: of a gap that held white space and has none beside it, one character stays.

    A line end is preferred to a blank. Gaps of white space alone are closed, since nothing was left out there. What is
    shown is therefore always a concatenation of stretches of the source, and never longer than it.
    """
    kept = merged(stretches)
    out: list[Stretch] = list(kept[:1])
    for start, end in kept[1:]:
        before = out[-1][1]
        gap = text[before:start]
        if not gap.strip():
            out[-1] = (out[-1][0], end)
            continue
        if not text[before - 1].isspace() and not text[start].isspace():
            at = gap.find("\n")
            if at < 0:
                at = next((i for i, c in enumerate(gap) if c.isspace()), -1)
            if at >= 0:
                out.append((before + at, before + at + 1))
        out.append((start, end))
    return merged(out)


def shown(text: str, stretches: Sequence[Stretch]) -> str:
    """The stretches of the text one after the other."""
    return "".join(text[start:end] for start, end in stretches)


def fill(
    units: Sequence[Sequence[Stretch]], scores: Sequence[Sequence[float]], task: Task
) -> tuple[tuple[Stretch, ...], ...]:
    """The best units that fit into the task's budget, whatever text they stand in; per text the stretches that stay.

    units, scores: per text, one score per unit; equal scores go by reading order. A unit that does not fit is passed
    over and smaller ones behind it are tried. At least one unit stays, cut at its end where even it does not fit.
    """
    order = sorted(
        ((t, u) for t, row in enumerate(units) for u in range(len(row))), key=lambda at: (-scores[at[0]][at[1]], at)
    )
    left = task.budget
    kept: list[list[Stretch]] = [[] for _ in task.texts]
    for t, u in order:
        start, end = units[t][u]
        cost = task.tokenizer.count(task.texts[t][start:end])
        if cost <= left:
            kept[t].append((start, end))
            left -= cost
        elif left == task.budget and left:
            spans = task.tokenizer.spans(task.texts[t][start:end])
            kept[t].append((start, start + spans[left - 1][1]))
            left = 0
        if not left:
            break
    return tuple(tuple(sorted(row)) for row in kept)


def in_place(kept: Sequence[Sequence[Stretch]]) -> tuple[Kept, ...]:
    """Kept stretches per text, as `Shortened` wants them: in the texts' own order, texts of which nothing stays out."""
    return tuple(Kept(i, tuple(row)) for i, row in enumerate(kept) if row)
