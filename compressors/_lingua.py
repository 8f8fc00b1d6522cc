"""What LLMLingua and LongLLMLingua share: texts of a task to a budget, first whole texts, then tokens.

The budget of a task counts its own tokens, the model others: the pruning aims at the same share, and is then fitted to
the budget by how far each token was above or below the threshold of its segment. It does not know how texts are ranked.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from compressors._causal import ByCausalModel, Read, Scorer, Streams
from compressors._lingua_prune import Pruning, Scores, Steps, Variant, package_plan, paper_plan
from compressors.base import Kept, Shortened, Stretch, Task, readable, shown
from pipeline.core.errors import UserError

Order = Literal["original", "sort", "two_stage"]

JOIN = "\n\n"
_ANCHOR = 10
"""Tokens behind the prefix that stay in view where a text outgrows the model's positions, as in the package."""
_RULE = re.compile(r"\s*([-+*/])\s*(\d+(?:\.\d+)?)\s*")


class Ranked(NamedTuple):
    """Texts from the first to the last in rank; read: tokens that ranking them took."""

    order: Sequence[int]
    read: int


def mean_of(scores: Scores) -> float:
    """The mean of what has a score, 0 where nothing has; what differs by less than 1e-5 is a tie."""
    known = scores[~np.isnan(scores)]
    return round(float(known.mean()), 5) if len(known) else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One task on its way: the texts that go on in the order of the prompt, and the tokens of all of them as one text.

    ids: of the prefix, `start` of them, and of the texts with blank lines between. owners, spans: per token behind the
    prefix the place in `used`, and the characters of that text. offsets: added to the share of each text. target:
    tokens of the model that are to stay.
    """

    used: tuple[int, ...]
    ids: list[int]
    start: int
    owners: NDArray[np.int64]
    spans: NDArray[np.int64]
    offsets: list[float]
    target: float
    sizes: list[int]
    read: int

    def pruning(self, variant: Variant, size: int, *, contrast: bool) -> Steps:
        """What the token-level step does with it."""
        if variant == "package":
            plan = package_plan(self.sizes, self.offsets, self.target, size)
        else:
            plan = paper_plan(self.owners.tolist(), self.offsets, self.target, size)
        return Pruning(len(self.ids), self.start, plan, contrast, size).steps(variant)


@dataclass(frozen=True, kw_only=True)
class Lingua(ByCausalModel):
    """Settings of both.

    segment: tokens that are pruned at a time, each behind what was kept before. context_budget: what the whole texts
    that go on may have, from the tokens that are to stay: "+100", "*1.5". order: of the texts that go on; `sort` is by
    rank, `two_stage` the odd ranks and then the even ones backwards. dynamic: what the best text's share has above the
    mean and the last one's below, in equal steps. variant: `paper`, or `package` for what llmlingua 0.2.2 computes.
    """

    version: ClassVar[int] = 1
    contrast: ClassVar[bool] = False

    segment: int = 200
    context_budget: str = "+100"
    order: Order = "original"
    dynamic: float = 0.0
    variant: Variant = "paper"

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        super().__post_init__()
        beyond(self.context_budget, 0.0)
        for name, known in (("order", get_args(Order)), ("variant", get_args(Variant))):
            if getattr(self, name) not in known:
                raise UserError(
                    f"unknown value {getattr(self, name)!r}", where=name, remedy=f"Known: {', '.join(known)}"
                )
        if self.segment < 2:
            raise UserError(f"{self.segment} is too small", where="segment", remedy="Give 2 or more")
        if not 0 <= self.dynamic <= 1:
            raise UserError(f"{self.dynamic:g} is not in [0, 1]", where="dynamic", remedy="Give a share, such as 0.3")

    @abstractmethod
    def rank(self, scorer: Scorer, tasks: Sequence[tuple[Sequence[str], str]]) -> list[Ranked]:
        """Of each (texts, question), all texts by rank."""

    @abstractmethod
    def prefix(self, question: str) -> str:
        """What the tokens are read behind."""

    def plans(self, scorer: Scorer, given: Sequence[tuple[Sequence[str], str, float]]) -> list[Plan]:
        """Of each (texts, question, tokens of the model that are to stay), what goes to the token-level step."""
        several = [(texts, question) for texts, question, _ in given if len(texts) > 1]
        ranks = iter(self.rank(scorer, several))
        return [
            self._plan(scorer, texts, question, target, next(ranks) if len(texts) > 1 else Ranked((0,), 0))
            for texts, question, target in given
        ]

    def _plan(self, scorer: Scorer, texts: Sequence[str], question: str, target: float, ranked: Ranked) -> Plan:
        lengths = [len(scorer.encode(text)[0]) for text in texts]
        left = beyond(self.context_budget, target if target >= 0 else 100)
        used: list[int] = []
        for i in ranked.order:
            used.append(i)
            left -= lengths[i] + len(scorer.begin)
            if left < 0:
                break
        last = len(used) - 1
        offsets = {i: self.dynamic * (1 - 2 * n / last) if last else 0.0 for n, i in enumerate(used)}
        used = ordered(used, self.order)
        before = self.prefix(question)
        before += JOIN if before else ""
        ids, spans = scorer.encode(before + JOIN.join(texts[i] for i in used))
        place = np.array(spans, dtype=np.int64).reshape(-1, 2) - len(before)
        start = int((place[:, 1] <= 0).sum())
        if start > scorer.positions // 2:
            # A question that the model cannot hold: its beginning and its end.
            gone = start - scorer.positions // 2
            cut = min(100, scorer.positions // 4)
            ids = [*ids[:cut], *ids[cut + gone :]]
            place, start = np.delete(place, slice(cut, cut + gone), axis=0), start - gone
        place = place[start:]
        begins = np.cumsum([0, *(len(texts[i]) + len(JOIN) for i in used)])
        # A token that reaches over a border belongs to the text before it, of which nothing may be left in it.
        owners = np.clip(np.searchsorted(begins, np.maximum(place[:, 0], 0), side="right") - 1, 0, last)
        ends = np.array([len(texts[i]) for i in used])[owners]
        local = np.clip(place - begins[owners][:, None], 0, ends[:, None])
        sizes = [lengths[i] for i in used]
        return Plan(tuple(used), ids, start, owners, local, [offsets[i] for i in used], target, sizes, ranked.read)

    def prune(self, scorer: Scorer, plans: Sequence[Plan]) -> list[tuple[Scores, int]]:
        """Of each plan, per token of `ids` the margin (above 0: it stays), and the tokens read for it."""
        size = min(self.segment, max(2, scorer.positions // 4))
        # Without a question there is nothing to contrast.
        running = [p.pruning(self.variant, size, contrast=self.contrast and p.start > 0) for p in plans]
        streams = Streams(scorer, [a for p in plans for a in (p.start + _ANCHOR, _ANCHOR)])
        arrays = [np.array(p.ids) for p in plans]
        margins: list[Scores | None] = [None] * len(plans)
        read = [0] * len(plans)
        answers: dict[int, Any] = dict.fromkeys(range(len(plans)))
        while answers:
            wants = {}
            for i, answer in answers.items():
                try:
                    wants[i] = running[i].send(answer)
                except StopIteration as end:
                    margins[i] = end.value
            tokens = {i: arrays[i][want.places].tolist() for i, want in wants.items()}
            for i, row in tokens.items():
                read[i] += len(row)
            once = [i for i, want in wants.items() if want.once]
            steps = [i for i, want in wants.items() if not want.once]
            whole = scorer.nll([(tokens[i][:1], tokens[i][1:]) for i in once])
            behind = streams.read([Read(2 * i + wants[i].stream, wants[i].at, tokens[i]) for i in steps])
            answers = {**dict(zip(once, whole, strict=True)), **dict(zip(steps, behind, strict=True))}
        return [(m, r) for m, r in zip(margins, read, strict=True) if m is not None]

    def shorten(self, tasks: Sequence[Task]) -> Iterable[Shortened]:
        """What stays of each task, in the order of `order`."""
        scorer = self.scorer
        # Texts of white space alone have nothing to keep.
        own = [[i for i, text in enumerate(task.texts) if text.strip()] for task in tasks]
        given = [
            ([t.texts[i] for i in some], t.question, self._target(scorer, t))
            for t, some in zip(tasks, own, strict=True)
        ]
        busy = [n for n, some in enumerate(own) if some]
        plans = self.plans(scorer, [given[n] for n in busy])
        made = dict(zip(busy, zip(plans, self.prune(scorer, plans), strict=True), strict=True))
        for n, task in enumerate(tasks):
            if n not in made:
                yield Shortened(())
                continue
            plan, (margin, read) = made[n]
            texts = [given[n][0][i] for i in plan.used]
            kept = fitted(task, texts, plan, margin[plan.start :])
            yield Shortened(
                tuple(Kept(own[n][i], row) for i, row in zip(plan.used, kept, strict=True) if row), plan.read + read
            )

    def _target(self, scorer: Scorer, task: Task) -> float:
        """The task's budget in tokens of the model."""
        total = sum(len(scorer.encode(text)[0]) for text in task.texts)
        return task.budget * total / max(1, sum(task.sizes))


def beyond(rule: str, tokens: float) -> float:
    """The tokens by a rule: an operator and a number, as "+100". Raises UserError for what is no such rule."""
    found = _RULE.fullmatch(rule)
    if not found or (found[1] == "/" and not float(found[2])):
        raise UserError(f"{rule!r} is no rule", where="context_budget", remedy='Give one such as "+100" or "*1.5"')
    number = float(found[2])
    by = {"+": tokens + number, "-": tokens - number, "*": tokens * number}
    return by[found[1]] if found[1] != "/" else tokens / number


def ordered(used: Sequence[int], order: Order) -> list[int]:
    """Texts given by rank, in the order of the prompt."""
    if order == "original":
        return sorted(used)
    if order == "two_stage":
        return [*used[::2], *used[1::2][::-1]]
    return list(used)


def fitted(task: Task, texts: Sequence[str], plan: Plan, margin: Scores) -> list[tuple[Stretch, ...]]:
    """Per text the stretches of as many tokens as the budget has place for, those with the highest margin first.

    At least one token that counts stays.
    """
    order = np.argsort(-margin, kind="stable")

    def kept(count: int) -> list[tuple[Stretch, ...]]:
        chosen = np.sort(order[:count])
        rows: list[list[Stretch]] = [[] for _ in texts]
        for owner, (start, end) in zip(plan.owners[chosen].tolist(), plan.spans[chosen].tolist(), strict=True):
            rows[owner].append((start, end))
        return [readable(text, row) for text, row in zip(texts, rows, strict=True)]

    def size(rows: Sequence[Sequence[Stretch]]) -> int:
        # Not `count`, which remembers its texts: these are never asked for again.
        return sum(len(task.tokenizer.spans(shown(text, row))) for text, row in zip(texts, rows, strict=True))

    least, most = 0, len(order)
    while least < most:
        count = (least + most + 1) // 2
        if size(kept(count)) <= task.budget:
            least = count
        else:
            most = count - 1
    rows = kept(least)
    while least < len(order) and not size(rows):
        least += 1
        rows = kept(least)
    return rows
