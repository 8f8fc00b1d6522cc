"""Selective Context: the phrases that a causal model could have guessed are left out.

Li et al., "Compressing Context to Enhance Inference Efficiency of Large Language Models", EMNLP 2023 (arXiv
2310.06201): a token's self-information is -ln p(token | those before it), that of a unit the mean over its tokens, and
the units below a percentile are dropped. Here the percentile is where the budget is full: the most informative units
stay while they fit.

Two differences to the authors' code. Its phrases are spaCy's noun chunks with every other word alone; here a phrase
ends at punctuation and before a function word ("the old keeper | of the light"), so that a preposition stays with its
noun. Its texts lose their line ends; here what stays is the source's own.

It never sees the question, and what is surprising is kept whether or not anyone asks for it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from compressors._best_units import Floats, best_units, units_of
from compressors._causal import ByCausalModel, Scorer
from compressors.base import Shortened, Stretch, Task, bare, in_place
from pipeline.core.sentences import split_sentences
from retrievers.base import one_of
from retrievers.windows import Weigher

Units = Literal["sentences", "phrases", "tokens"]
Reads = Literal["sentences", "texts"]
Merge = Literal["mean", "sum"]
Info = list[tuple[Stretch, float]]
"""Tokens by where they stand in a text, and the nats of each."""

_LONGEST = {"sentences": 100, "phrases": 24, "tokens": 24}
"""Tokens of a unit at most: a text without any mark or blank would else be kept or dropped as a whole."""
_DECIMALS = 4

_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
_OPENING = frozenset("([{“‘«„「『（")
_FUNCTION = frozenset(
    (
        "a an the this that these those my your his her its our their some any each every no all both and or but nor "
        "so yet if then than because while when where after before since until unless although though as at by for "
        "from in into of off on onto out over per through to toward towards under up upon with within without about "
        "above across against along among around behind below beneath beside between beyond during despite down except "
        "inside near outside past is are was were be been being am has have had do does did will would shall should "
        "can could may might must not who whom whose which what how why there here i you he she it we they me him us "
        "them"
    ).split(" ")
)


@dataclass(frozen=True, kw_only=True)
class SelectiveContext(ByCausalModel):
    """The units of highest self-information, as many as the budget holds.

    units: `phrases`, `sentences`, or the model's `tokens`. reads: `sentences` one by one, as the authors' code does
    (a sentence costs the same wherever it stands, and repetitions are read once), or whole `texts`, as the paper's
    equation has it; there a fact that is told again becomes cheap to guess, and its repetitions go first.
    merge: of a unit's tokens, the mean as in the authors' code, or the sum as in the paper's equation.
    """

    asks: ClassVar[bool] = False

    units: Units = "phrases"
    reads: Reads = "sentences"
    merge: Merge = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.units, get_args(Units), "selective_context.units")
        one_of(self.reads, get_args(Reads), "selective_context.reads")
        one_of(self.merge, get_args(Merge), "selective_context.merge")

    def shorten(self, tasks: Sequence[Task]) -> Iterable[Shortened]:
        """One selection per task; what several tasks share is read once, and charged to each."""
        scorer = self.scorer
        distinct = list(dict.fromkeys(text for task in tasks for text in task.texts))
        cut = {text: split_sentences(text) for text in distinct}
        pieces = {text: cut[text] if self.reads == "sentences" else [(0, len(text))] for text in distinct}
        read = self._read(scorer, [text[a:b] for text in distinct for a, b in pieces[text]])
        for task in tasks:
            units, scores, tokens = [], [], 0
            for text in task.texts:
                info: Info = []
                for a, b in pieces[text]:
                    found = read[text[a:b]]
                    info += [((a + x, a + y), nats) for (x, y), nats in found]
                    tokens += len(found) + len(scorer.begin)
                row = self._units(text, cut[text], info, task)
                units.append(row)
                scores.append(_scored(row, info, self.merge))
            yield Shortened(in_place(best_units(units, scores, task)), tokens)

    def _read(self, scorer: Scorer, pieces: Sequence[str]) -> dict[str, Info]:
        """Tokens of each distinct piece and their self-information; one with nothing before it has that of the mean."""
        distinct = list(dict.fromkeys(pieces))
        encoded = [scorer.encode(piece) for piece in distinct]
        rows = scorer.nll([(scorer.begin, ids) for ids, _ in encoded])
        found: dict[str, Info] = {}
        for piece, (_, offsets), nats in zip(distinct, encoded, rows, strict=True):
            known = nats[~np.isnan(nats)]
            filled = np.where(np.isnan(nats), known.mean() if len(known) else 0.0, nats)
            found[piece] = list(zip(offsets, filled.tolist(), strict=True))
        return found

    def _units(self, text: str, sentences: Sequence[Stretch], info: Info, task: Task) -> list[Stretch]:
        if self.units == "tokens":
            return units_of(text, "tokens", [offsets for offsets, _ in info])
        whole = list(sentences) if self.units == "sentences" else [p for s in sentences for p in phrases(text, *s)]
        return list(Weigher(text, task.tokenizer.spans(text), _LONGEST[self.units]).fit(whole)[0])


def phrases(text: str, start: int, end: int) -> list[Stretch]:
    """A sentence cut behind marks, before opening brackets, and before function words that follow another word.

    Only white space lies between two phrases; marks stand with the words before them.
    """
    found: list[Stretch] = []
    opened, closed, content = start, False, False
    for match in _WORD.finditer(text, start, end):
        word = match.group()
        is_mark = not (word[0].isalnum() or word[0] == "_")
        if content and (word in _OPENING or (not is_mark and (closed or word.lower() in _FUNCTION))):
            found.append(bare(text, opened, match.start()))
            opened, content = match.start(), False
        closed = is_mark and content
        content = content or (not is_mark and word.lower() not in _FUNCTION)
    found.append(bare(text, opened, end))
    return [(a, b) for a, b in found if a < b]


def _scored(units: Sequence[Stretch], info: Info, merge: Merge) -> Floats:
    """Self-information of each unit; a token that reaches over several gives each an equal part."""
    starts, ends = [a for a, _ in units], [b for _, b in units]
    sums, counts = np.zeros(len(units)), np.zeros(len(units))
    for (a, b), nats in info:
        first, last = bisect_right(ends, a), bisect_left(starts, b)
        if first < last:
            sums[first:last] += nats / (last - first)
            counts[first:last] += 1
    found = sums / np.maximum(counts, 1) if merge == "mean" else sums
    return np.round(found, _DECIMALS)
