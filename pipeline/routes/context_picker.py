"""The smallest sufficient set of passages: picked by the reader, or found by leaving passages out one by one.

Zhu et al. 2025, "Context-Picker: Dynamic context selection using multi-stage reinforcement learning", arXiv 2512.14465:
its picker's one decision (a rationale and a subset of the candidates), and the leave-one-out search that mines such
sets. There is no training here, and the search asks whether the reader's answer stays, not whether it is right: a route
sees no gold answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Ranking
from pipeline.core.stage import Node
from pipeline.generators.base import Completion
from pipeline.prompts import pick_passages
from pipeline.routes.base import Ask, Case, Route, Steps, passage_parts, ranked
from pipeline.routes.inner import ended, inner, noted, room, shortened
from pipeline.routes.listwise import answered, identifiers
from pipeline.routes.rag import RAG
from pipeline.score.refusal import declines
from pipeline.score.text import normalize_answer

Drop = Literal["worst_first", "random"]

_PARAGRAPH = re.compile(r"\n\s*\n")
_CHOICE = re.compile(r"^[^\w\n]*passages?[^\w\n]*:", re.IGNORECASE | re.MULTILINE)


def picked(text: str, n: int) -> list[int]:
    """The passages chosen in a picker's answer, as rising indices in [0, n): those named behind the last "Passages:".

    Where no line begins so, those of the last line that names any: the rationale above may name others.
    """
    choices = list(_CHOICE.finditer(text))
    if choices:
        return sorted(identifiers(_PARAGRAPH.split(text[choices[-1].end() :].strip())[0], n))
    for line in reversed(text.splitlines()):
        if found := identifiers(line, n):
            return sorted(found)
    return []


def leave_one_out(n: int, order: Sequence[int]) -> Generator[tuple[int, ...], bool, tuple[int, ...]]:
    """Yields subsets of range(n), is sent whether each is sufficient, returns the set that is left.

    The whole set comes first; where it is not sufficient, nothing is left out. Then each passage, in `order`, is left
    out of what is kept so far, for good where the rest is sufficient: n + 1 trials at most.
    """
    kept = tuple(range(n))
    if not (yield kept):
        return kept
    for i in order:
        rest = tuple(k for k in kept if k != i)
        if (yield rest):
            kept = rest
    return kept


def minimal_sufficient(
    n: int, sufficient: Callable[[tuple[int, ...]], bool], order: Sequence[int] | None = None
) -> tuple[int, ...] | None:
    """A sufficient subset of range(n), rising, of which no member can be left out; None where all n do not suffice.

    One pass finds it where sufficiency is monotone (more passages never hurt); else the set is sufficient, and each
    member was needed when it was tried. order: the passages in order of trial; None: the last first. Calls: n + 1.
    """
    search = leave_one_out(n, range(n - 1, -1, -1) if order is None else order)
    verdicts: list[bool] = []
    subset = next(search)
    while True:
        verdicts.append(sufficient(subset))
        try:
            subset = search.send(verdicts[-1])
        except StopIteration as done:
            found: tuple[int, ...] = done.value
            return found if verdicts[0] else None


def redundancy(chosen: Collection[int], gold: Collection[int]) -> float:
    """|S \\ G| / |S|: the share of the chosen passages that the minimal set does not hold; 0 where none is chosen."""
    return len(set(chosen) - set(gold)) / len(set(chosen)) if chosen else 0.0


def set_recall(chosen: Collection[int], gold: Collection[int]) -> float | None:
    """|S & G| / |G|: the share of the minimal set that was chosen; None where that set is empty."""
    return len(set(chosen) & set(gold)) / len(set(gold)) if gold else None


@dataclass(frozen=True, kw_only=True)
class ContextPickerRAG(Route):
    """The reader picks from the first `depth` passages of `rag`'s ranking, and answers from those, in their order.

    pick_tokens: length of rationale and choice. Where the choice names no passage, all candidates are read, and a note
    says so. Passages too long for the window are shown to the picker by their beginning, with a note. A failed call
    ends the route.
    """

    rag: RAG
    depth: int = 20
    pick_tokens: int = 512

    def __post_init__(self) -> None:
        _positive(self, "depth", "pick_tokens")

    def nodes(self) -> Mapping[str, Node]:
        """What the answer's route reads."""
        return self.rag.nodes()

    def steps(self, case: Case) -> Steps:
        """One call that picks, one that answers; the answer alone where there is no candidate."""
        pool = _head(case.inputs["ranking"], self.depth)
        if not pool.ids:
            return (yield from answered(self.rag, pool, case))
        notes: list[str] = []
        remedy = "Lower pick_tokens or depth, or name a reader with a longer window"
        question = case.question.text
        left = room(case, pick_passages([], question), self.pick_tokens, remedy)
        parts = passage_parts(ranked(case.inputs["chunks"], pool), labels=self.rag.labels)
        parts, length = shortened(parts, case, left, remedy)
        if length is not None:
            notes.append(f"the picker saw the first {length} tokens of each longer passage")
        prompt = pick_passages(parts, question)
        completion: Completion = yield Ask(prompt, inner(self.sampling, self.pick_tokens))
        if completion.status == "failed":
            return ended(case, completion, prompt, notes)
        chosen = picked(completion.text, len(pool.ids))
        if not chosen:
            notes.append(f"the picker named no passage, so all {len(pool.ids)} were read")
        kept = _subset(pool, chosen) if chosen else pool
        return noted((yield from answered(self.rag, kept, case)), notes)


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut(Route):
    """The first `depth` passages of `rag`'s ranking, left out one by one as long as the reader's answer stays.

    Answers are the same where SQuAD's normalisation makes them so. drop: the worst-ranked first, or at random by
    `seed`. At most depth + 1 calls, and the reply is that of the last passages kept, which may be none: then the reader
    knew the answer. Where it declines on all of them, there is no answer to keep, and that is the reply.
    """

    rag: RAG
    depth: int = 10
    drop: Drop = "worst_first"
    seed: int = 0

    def __post_init__(self) -> None:
        _positive(self, "depth")
        if self.drop not in get_args(Drop):
            raise UserError(f"{self.drop!r} is not known", where="drop", remedy=nearest(self.drop, get_args(Drop)))

    def nodes(self) -> Mapping[str, Node]:
        """What the answer's route reads."""
        return self.rag.nodes()

    def steps(self, case: Case) -> Steps:
        """One call on all candidates, one for each that is left out."""
        pool = _head(case.inputs["ranking"], self.depth)
        order = list(range(len(pool.ids)))[::-1]
        if self.drop == "random":
            random.Random(self.seed).shuffle(order)
        search = leave_one_out(len(pool.ids), order)
        whole = best = yield from answered(self.rag, _subset(pool, next(search)), case)
        if whole.completion.status == "failed":
            return whole
        same = not declines(whole.completion.text)
        while True:
            try:
                subset = search.send(same)
            except StopIteration:
                return best
            reply = yield from answered(self.rag, _subset(pool, subset), case)
            if reply.completion.status == "failed":
                return reply
            same = normalize_answer(reply.completion.text) == normalize_answer(whole.completion.text)
            best = reply if same else best


def _head(ranking: Ranking, depth: int) -> Ranking:
    return Ranking(ranking.ids[:depth], ranking.scores[:depth])


def _subset(ranking: Ranking, places: Sequence[int]) -> Ranking:
    return Ranking(tuple(ranking.ids[p] for p in places), tuple(ranking.scores[p] for p in places))


def _positive(route: Route, *names: str) -> None:
    for name in names:
        if getattr(route, name) < 1:
            raise UserError(f"{getattr(route, name)} is too small", where=name, remedy="Give 1 or more")
