"""GemFilter: what a layer of a causal model looks at when it has read the question stays.

Shi et al., "Discovering the Gems in Early Layers: Accelerating Long-Context LLMs with 1000x Input Token Reduction",
2024 (arXiv 2409.17422), algorithm 1: the model reads context and question up to layer r; of the tokens, the k stay
whose keys, times the last token's query and summed over heads, are greatest behind an average over 5 neighbours. The
paper's generator then reads the k tokens; here any reader is shown the stretches of the source.

Deliberate differences. Question and instructions are no part of what is selected from; the paper's code may drop them.
The average at an edge is over the tokens that are there, and no window reaches from one text into the next; the paper's
code counts zeros there. What the paper does is `query="last", units="tokens"` with `layer` 13 for Llama-3.1-8B (of 32
layers), 19 for Mistral-Nemo-12B (of 40) or 19 for Phi-3.5-mini (of 32), counted from 0, and `pool=5`. The defaults are
those that kept most gold characters on chunking_evaluation with the reader that ships.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from compressors._attention import BETWEEN, Asking, ByAttention, Encoded, Floats, How, Row, neighbours, rounded
from compressors._best_units import Merge, Units, best_units, merged_scores, tokens_of, units_of
from compressors._causal import Scorer
from compressors.base import Shortened, Stretch, Task, in_place
from retrievers.base import at_least, one_of

Query = Literal["last", "question"]


@dataclass(frozen=True, kw_only=True)
class AttentionSelection(ByAttention):
    """The units that a layer attends to, as many as the budget holds.

    layer: from 0, or from the end where negative; None: 19/31 of the depth, which is 19 of 32 layers.
    query: `question`: softmax attention of all the question's tokens, summed; `last`: the query of the last token
    behind the context times the keys, without softmax, as in the paper.
    pool: tokens over which scores are averaged; many where sentences are wanted, since evidence often stands beside the
    words that the question has. units: the model's `tokens`, as in the paper, or `words` or `sentences`, which leave
    text that can be read. merge: a unit has the greatest or the mean of its tokens' scores.
    window: tokens of the context read at once; 0: as many as the model's positions hold. What is longer is read in
    windows of about equal size, each with the question behind it, and units of all windows compete.
    """

    query: Query = "question"
    pool: int = 63
    units: Units = "sentences"
    merge: Merge = "max"
    window: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.query, get_args(Query), "attention.query")
        one_of(self.units, get_args(Units), "attention.units")
        one_of(self.merge, get_args(Merge), "attention.merge")
        at_least(self.pool, 1, "attention.pool")
        at_least(self.window, 0, "attention.window")

    def shorten(self, tasks: Sequence[Task]) -> Iterable[Shortened]:
        """One selection per task. The windows of all tasks are read together."""
        attending = self.attending
        scorer = attending.scorer
        known = {text: Encoded(*scorer.encode(text)) for text in dict.fromkeys(t for task in tasks for t in task.texts)}
        rows: list[Row] = []
        bounds = [0]
        for task in tasks:
            rows += self._rows(scorer, [known[text].ids for text in task.texts], self.asked(scorer, task.question))
            bounds.append(len(rows))
        read = attending.read(rows, self._how)
        for task, (first, last) in zip(tasks, pairwise(bounds), strict=True):
            found = np.concatenate(read[first:last]).astype(np.float64)
            units, scores = self._scored(scorer, [known[text] for text in task.texts], task, found)
            kept = best_units(units, scores, task)
            yield Shortened(in_place(kept), sum(len(row.ids) for row in rows[first:last]))

    @property
    def _how(self) -> How:
        return "dot" if self.query == "last" else "softmax"

    def _rows(self, scorer: Scorer, texts: Sequence[Sequence[int]], asked: Asking) -> list[Row]:
        """The texts one after the other, in windows."""
        between = scorer.encode(BETWEEN)[0]
        stream = [token for n, ids in enumerate(texts) for token in ([*between, *ids] if n else ids)]
        begin = scorer.begin
        room = max(1, scorer.positions - len(begin) - len(asked.ids))
        count = -(-len(stream) // min(room, self.window or room))
        edges = [len(stream) * n // count for n in range(count + 1)]
        return [asked.behind([*begin, *stream[a:b]], len(begin), self._how) for a, b in pairwise(edges)]

    def _scored(
        self, scorer: Scorer, texts: Sequence[Encoded], task: Task, found: Floats
    ) -> tuple[list[list[Stretch]], list[Floats]]:
        """Per text, its units and their scores. found: of every token of the stream."""
        gap = len(scorer.encode(BETWEEN)[0])
        units, scores, at = [], [], 0
        for text, one in zip(task.texts, texts, strict=True):
            sums, counts = neighbours(found[at : at + len(one.ids)], self.pool)
            at += len(one.ids) + gap
            units.append(units_of(text, self.units, one.offsets))
            scores.append(merged_scores(tokens_of(units[-1], one.offsets), sums / counts, self.merge))
        edges = np.cumsum([len(row) for row in scores])[:-1]
        return units, np.split(rounded(np.concatenate(scores)), edges)
