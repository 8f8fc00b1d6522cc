"""LongCodeZip: functions by how likely they make the question, then blocks of their lines, packed by a knapsack.

Shi et al. 2025, "LongCodeZip: Compress Long Context for Code Language Models" (arXiv 2510.00446). Each function f is
scored by PPL(question) - PPL(question | f), and the best go on to a budget. A line whose perplexity stands out closes
a block; each long function has a share of its own, filled with the blocks that are worth most by the same score.

Differences to the authors' code, all deliberate: what stays is stretches of the source, without comments in place of
what was left out; what the knapsacks leave free of the budget is filled with the next best lines; the last function
that goes on counts with what is left of the coarse budget; short functions stay whole, by rank while they fit, and do
not press long ones below half their part; signatures alone are forced, and nothing stays without its own and its
class's; question and function are tokenised apart, so that both perplexities are over the same tokens. Other languages
are cut by indentation, braces and blank lines, plain text by its paragraphs.

It does not know whether what is left can run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from compressors._causal import ByCausalModel, Scorer
from compressors._code_units import Unit, units_of
from compressors._lingua import JOIN, beyond, mean_of
from compressors.base import Shortened, Stretch, Task, fill, in_place, readable, shown
from compressors.knapsack import admitted, closest, knapsack, packed, rates
from pipeline.core.errors import UserError
from retrievers.base import at_least, one_of
from retrievers.windows import Weigher

Key = tuple[str, Unit]
Part = tuple[int, int, int]
"""The characters [start, end) of a text, behind its number."""
Perplexities = dict[tuple[str, str], tuple[float, int]]
"""By (context, question): the perplexity of the question behind the context, and the tokens read for it."""

_FULL = 0.97
"""Share of the budget from which on no further lines are looked for."""


def perplexities(scorer: Scorer, pairs: Iterable[tuple[str, str]]) -> Perplexities:
    """Of each distinct (context, question), exp of the question's mean negative log-likelihood behind the context.

    A blank line stands between. The first token of a question counts for no model that puts nothing in front of a text.
    """
    distinct = list(dict.fromkeys(pairs))
    rows = [([*scorer.begin, *(scorer.encode(c + JOIN)[0] if c else ())], scorer.encode(q)[0]) for c, q in distinct]
    skip = 0 if scorer.begin else 1
    return {
        pair: (math.exp(mean_of(scores[skip:])), len(before) + len(asked))
        for pair, (before, asked), scores in zip(distinct, rows, scorer.nll(rows), strict=True)
    }


def line_scores(scorer: Scorer, units: Iterable[Key]) -> dict[Key, tuple[list[float], int]]:
    """Of each distinct unit, by line, the mean negative log-likelihood behind all before it; the tokens read.

    A token belongs to the line in which it ends.
    """
    distinct = list(dict.fromkeys(units))
    encoded = [scorer.encode(text[unit.start : unit.end]) for text, unit in distinct]
    heads = [[*scorer.begin, *scorer.encode(shown(text, unit.heads))[0]] for text, unit in distinct]
    nats = scorer.nll([(before, ids) for before, (ids, _) in zip(heads, encoded, strict=True)])
    out = {}
    for (text, unit), before, (ids, spans), found in zip(distinct, heads, encoded, nats, strict=True):
        line = np.searchsorted([b - unit.start for _, b in unit.lines], [b for _, b in spans])
        out[text, unit] = [mean_of(found[line == n]) for n in range(len(unit.lines))], len(before) + len(ids)
    return out


def peaks(values: Sequence[float], spread: float) -> list[int]:
    """Which values close a block: neither neighbour is higher, and one is lower by the threshold or more.

    The threshold is mean + spread * standard deviation of the values above 0. The first and the last close none.
    """
    some = np.array([v for v in values if v > 0])
    threshold = float(some.mean() + spread * some.std()) if len(some) else np.inf
    rises = [(values[i] - values[i - 1], values[i] - values[i + 1]) for i in range(1, len(values) - 1)]
    return [i for i, rise in enumerate(rises, 1) if min(rise) >= 0 and max(rise) >= threshold]


def blocks_of(text: str, unit: Unit, scores: Sequence[float], spread: float) -> list[list[int]]:
    """The lines of a unit's body in blocks, by the scores of all its lines; a blank line between them scores 0."""
    rows: list[tuple[int, float]] = []
    for n, (start, _) in enumerate(unit.lines):
        blank = n > 0 and "\n" in text[unit.lines[n - 1][1] : start]
        rows += [(-1, 0.0)] * blank + [(n, scores[n])]
    closed = {rows[i][0] for i in peaks([score for _, score in rows], spread)}
    groups: list[list[int]] = []
    for n in (n for n in range(len(unit.lines)) if n not in unit.signature):
        if not groups or groups[-1][-1] in closed or groups[-1][-1] != n - 1:
            groups.append([])
        groups[-1].append(n)
    return groups


@dataclass(frozen=True, kw_only=True)
class LongCodeZip(ByCausalModel):
    """The functions that make the question likely, and of these the blocks that do.

    level: `blocks`; `functions`: only whole functions stay, as many as fit. context_budget: what the functions that go
    on may have, from the tokens that are to stay: "+100", "*2". whole: a function of fewer lines is not cut. spread,
    beta: as in `peaks` and `rates`. size: the model's tokens of a stretch between functions.
    """

    level: Literal["blocks", "functions"] = "blocks"
    context_budget: str = "+100"
    whole: int = 5
    spread: float = 0.2
    beta: float = 0.5
    size: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.level, ("blocks", "functions"), "longcodezip.level")
        beyond(self.context_budget, 0.0)
        for name, least in (("whole", 0), ("spread", 0), ("size", 1)):
            at_least(getattr(self, name), least, f"longcodezip.{name}")
        if not 0 <= self.beta <= 1:
            raise UserError(f"{self.beta:g} is not in [0, 1]", where="longcodezip.beta", remedy="Give 0.5, say")

    def shorten(self, tasks: Sequence[Task]) -> Iterable[Shortened]:
        """What stays of each task; what several tasks share is read once, and charged to each."""
        scorer = self.scorer
        texts = dict.fromkeys(text for task in tasks for text in task.texts)
        units = {text: units_of(text, scorer.encode(text)[1], self.size) for text in texts}
        plans = [_Plan(task, units, self, asks=bool(scorer.encode(task.question)[0])) for task in tasks]
        whole = perplexities(scorer, (pair for plan in plans for pair in plan.pairs))
        for plan in plans:
            plan.rank(whole)
        lines = line_scores(scorer, (key for plan in plans for key in plan.cut.values()))
        for plan in plans:
            plan.close(lines)
        blocks = perplexities(scorer, (pair for plan in plans for pair in plan.pairs))
        for plan in plans:
            yield Shortened(in_place(plan.kept(blocks)), plan.read)


class _Plan:
    """One task on its way. pairs: what is to be read next, with a question behind. cut: units that lose lines."""

    def __init__(self, task: Task, units: Mapping[str, Sequence[Unit]], method: LongCodeZip, *, asks: bool) -> None:
        self._task, self._method, self._asks, self.read = task, method, asks, 0
        self._places = [(t, unit) for t, text in enumerate(task.texts) for unit in units[text]]
        self._weighers = [Weigher(text, task.tokenizer.spans(text), 1) for text in task.texts]
        self._sizes = [self._weighers[t].weight(unit.start, unit.end) for t, unit in self._places]
        # The lines of each unit, and what none of them stays without.
        self._all = [[(t, *line) for line in unit.lines] for t, unit in self._places]
        self._needs = [[(t, *s) for s in (*u.heads, *(u.lines[n] for n in u.signature))] for t, u in self._places]
        self._contexts = [unit.shown(task.texts[t]) for t, unit in self._places]
        self.cut: dict[int, Key] = {}
        self._blocks: dict[int, list[list[int]]] = {}

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Nothing, and every context, with the question."""
        return [(c, self._task.question) for c in ("", *self._contexts)] if self._asks and self._contexts else []

    def _gains(self, found: Perplexities) -> list[float]:
        """What each context takes from the question's perplexity."""
        self.read += sum(found[pair][1] for pair in dict.fromkeys(self.pairs))
        values = [found[pair][0] for pair in self.pairs]
        return [values[0] - value for value in values[1:]] if values else [0.0] * len(self._contexts)

    def rank(self, found: Perplexities) -> None:
        """Which units go on, and how many tokens each of those may have that is to lose some."""
        method, budget, gains = self._method, self._task.budget, self._gains(found)
        self._worth, self._order = gains, sorted(range(len(gains)), key=lambda i: (-gains[i], i))
        counted = admitted(self._order, self._sizes, beyond(method.context_budget, budget))
        self._going = list(counted)
        long = [i for i in counted if len(self._all[i]) >= method.whole]
        every, theirs = sum(counted.values()), sum(counted[i] for i in long)
        target = max(budget - (every - theirs), budget / 2 * theirs / max(1, every))
        shares = rates([gains[i] for i in long], [counted[i] for i in long], target, method.beta)
        self._room = {i: int(share * counted[i] + 1e-6) for i, share in zip(long, shares, strict=True)}
        if self._asks and method.level == "blocks":
            less = [(i, *self._places[i]) for i in long if self._room[i] < self._sizes[i]]
            self.cut = {i: (self._task.texts[t], unit) for i, t, unit in less}

    def close(self, found: Mapping[Key, tuple[list[float], int]]) -> None:
        """The blocks of these units."""
        self.read += sum(found[key][1] for key in dict.fromkeys(self.cut.values()))
        self._contexts = []
        for i, (text, unit) in self.cut.items():
            self._blocks[i] = blocks_of(text, unit, found[text, unit][0], self._method.spread)
            self._contexts += [text[unit.lines[b[0]][0] : unit.lines[b[-1]][1]].rstrip() for b in self._blocks[i]]

    def kept(self, found: Perplexities) -> list[list[Stretch]]:
        """Per text the stretches that stay, as near below the budget as the lines allow. found: of the blocks."""
        chosen, others = self._items(iter(self._gains(found)))
        texts, count = self._task.texts, self._task.tokenizer.spans

        def made(room: int) -> tuple[list[list[Stretch]], int]:
            parts = packed(others, self._weigh, room, _FULL * room, packed(chosen, self._weigh, room, room))
            best = [i for i in self._order if self._sizes[i]][:1]
            some = (parts if room > 1 else ()) or {part for i in best for part in self._needs[i] + self._all[i]}
            rows = [sorted((a, b) for t, a, b in some if t == n) for n in range(len(texts))]
            if some is not parts:  # of the best unit what fits, at least the beginning of its first line
                scores = [[-float(n) for n in range(len(row))] for row in rows]
                rows = [list(row) for row in fill(rows, scores, replace(self._task, budget=room))]
            return rows, sum(len(count(shown(x, readable(x, row)))) for x, row in zip(texts, rows, strict=True))

        return closest(made, self._task.budget, _FULL)

    def _items(self, gains: Iterator[float]) -> tuple[list[list[Part]], list[list[Part]]]:
        """What was chosen, and what may fill the rest, both from the best on. gains: of all blocks."""
        if self._method.level == "functions":
            return [], [self._needs[i] + self._all[i] for i in self._order]
        chosen: list[list[Part]] = []
        rest: list[tuple[float, int, list[Part]]] = []
        for i in self._going:
            needs, lines = self._needs[i], self._all[i]
            if i not in self.cut:  # as a whole, or what of it fits in the end
                chosen.append(needs + lines)
                rest.append((self._worth[i], i, lines))
                continue
            groups = [[lines[n] for n in group] for group in (self._places[i][1].signature, *self._blocks[i])]
            worth = [0.0, *(next(gains) for _ in self._blocks[i])]
            weights = [sum(map(self._weigh, group)) for group in groups]
            some = knapsack(worth, weights, self._room[i], forced=(0,))
            behind = sorted((k for k in range(1, len(groups)) if k not in some), key=lambda k: -worth[k])
            # A block that does not fit as a whole gives what does: the share is the function's own.
            mine = [[part] for k in (*some, *behind) for part in groups[k]] if some else []
            chosen += [[*needs, part] for part in sorted(packed(mine, self._weigh, self._room[i], self._room[i]))]
            rest += [(worth[k], i, groups[k]) for k in behind]
        rest.sort(key=lambda block: -block[0])
        rest += [(0.0, i, self._all[i]) for i in self._order[len(self._going) :]]
        return chosen, [[*self._needs[i], part] for _, i, group in rest for part in group]

    def _weigh(self, part: Part) -> int:
        return max(1, self._weighers[part[0]].weight(part[1], part[2]))  # parts of one token weigh something as well
