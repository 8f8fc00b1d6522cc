"""InfiniRetri: the sentences that a causal model looks at are carried from window to window of a text of any length.

Ye et al., "Infinite Retrieval: Attention Enhanced LLMs in Long-Context Processing", 2025 (arXiv 2502.12962): the text
is read in segments of whole sentences. At each turn the model reads what is held, the next segment and the question;
the attention of its last layer from the question to each token, over all heads, is summed over a phrase's length of
neighbours; the sentences that hold any of the greatest tokens are held, as tokens and not as keys and values, and the
others are forgotten. So no pass has more tokens than a segment, what is held, and the question.

Here what is held has a bound in tokens as well, since 300 tokens may lie in 300 long sentences. And the paper answers
from what is held at the end, however much it is; here that is cut to the budget by score, or what room it leaves is
filled with the best of the forgotten sentences, each by the score that it had when it was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from compressors._attention import BETWEEN, Asking, ByAttention, Encoded, Floats, Row, neighbours
from compressors._best_units import LONGEST, best_units, merged_scores, tokens_of, units_of
from compressors._causal import Ids, Scorer
from compressors.base import Shortened, Stretch, Task, in_place
from retrievers.base import at_least

_DIGITS = 5
_LEAST = 1e-30
_ABOVE = 1e3
"""More than any two logarithms of weights lie apart."""


@dataclass(frozen=True, kw_only=True)
class InfiniRetri(ByAttention):
    """The sentences that are held at the end, and by score what else the budget has room for.

    layer: as in `attention`; -1 is the last, as in the paper; in the reader that ships, the layer that `attention`
    reads by default (None) finds more. window: tokens of a segment. keep: tokens whose sentences are held. phrase:
    tokens over which attention is summed. held: tokens that the held sentences may have together; 0: as many as a
    window. Where a model has too few positions for both and the question, held and window are less.
    """

    layer: int | None = -1
    window: int = 1024
    keep: int = 300
    phrase: int = 8
    held: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self.window, 1, "infiniretri.window")
        at_least(self.keep, 1, "infiniretri.keep")
        at_least(self.phrase, 1, "infiniretri.phrase")
        at_least(self.held, 0, "infiniretri.held")

    def shorten(self, tasks: Sequence[Task]) -> Iterable[Shortened]:
        """One selection per task; the turns of all tasks are read together."""
        attending = self.attending
        scorer = attending.scorer
        known = {text: Encoded(*scorer.encode(text)) for text in dict.fromkeys(t for task in tasks for t in task.texts)}
        streams = [self._stream(scorer, task, [known[text] for text in task.texts]) for task in tasks]
        while turns := [(stream, stream.row()) for stream in streams if stream.left]:
            for (stream, _), found in zip(turns, attending.read([row for _, row in turns], "softmax"), strict=True):
                stream.take(found.astype(np.float64))
        for task, stream in zip(tasks, streams, strict=True):
            yield Shortened(in_place(best_units(*stream.result(len(task.texts)), task)), stream.read)

    def _stream(self, scorer: Scorer, task: Task, texts: Sequence[Encoded]) -> _Stream:
        asked = self.asked(scorer, task.question)
        room = max(2, scorer.positions - len(scorer.begin) - len(asked.ids))
        held = min(self.held or self.window, room // 2)
        window = min(self.window, room - held)
        between = scorer.encode(BETWEEN)[0]
        sentences: list[_Sentence] = []
        for n, (text, one) in enumerate(zip(task.texts, texts, strict=True)):
            units = units_of(text, "sentences", one.offsets, min(LONGEST, window))
            first = tokens_of(units, one.offsets)[:, 0].tolist()
            for unit, (a, b) in zip(units, pairwise([*first, len(one.ids)]), strict=True):
                sentences.append(_Sentence(n, unit, one.ids[a:b][:window]))
            if units and n + 1 < len(texts):
                sentences[-1].ids.extend(between)
        return _Stream(scorer.begin, asked, sentences, window, held, self.keep, self.phrase)


@dataclass(slots=True)
class _Sentence:
    """text: its number in the task. score: of its best token, when it was last read."""

    text: int
    stretch: Stretch
    ids: list[int]
    score: float = -np.inf


class _Stream:
    """A task's sentences on their way through the window. read: tokens of all turns."""

    def __init__(
        self, begin: Ids, asked: Asking, sentences: Sequence[_Sentence], window: int, held: int, keep: int, phrase: int
    ) -> None:
        self._begin, self._asked, self._sentences = begin, asked, sentences
        self._window, self._most, self._keep, self._phrase = window, held, keep, phrase
        self._next = 0
        self._now: list[int] = []
        self.held: list[int] = []
        """Numbers of the sentences that are held, in order."""
        self.read = 0

    @property
    def left(self) -> bool:
        """Whether there are sentences that were never read."""
        return self._next < len(self._sentences)

    def row(self) -> Row:
        """What is held, the next segment, and the question."""
        size, end = 0, self._next
        while end < len(self._sentences) and (not size or size + len(self._sentences[end].ids) <= self._window):
            size += len(self._sentences[end].ids)
            end += 1
        self._now = [*self.held, *range(self._next, end)]
        self._next = end
        context = [*self._begin, *(token for i in self._now for token in self._sentences[i].ids)]
        row = self._asked.behind(context, len(self._begin), "softmax")
        self.read += len(row.ids)
        return row

    def take(self, found: Floats) -> None:
        """Score what was read by (T,) attention to each of its tokens, and hold the best of it."""
        now = [self._sentences[i] for i in self._now]
        sums, _ = neighbours(found, self._phrase)
        # Logarithms, so that rounding, which makes equal sentences tie, is as fine for small weights as for great ones.
        scores: Floats = np.round(np.log(np.maximum(sums, _LEAST)), _DIGITS).astype(np.float64)
        ends = np.cumsum([len(sentence.ids) for sentence in now])
        tokens = np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1)
        for sentence, score in zip(now, merged_scores(tokens, scores, "max").tolist(), strict=True):
            sentence.score = score
        greatest = np.argsort(-scores, kind="stable")[: self._keep]
        # By their first token among the greatest, so that where not all fit the best are held.
        reached = dict.fromkeys(np.searchsorted(ends, greatest, side="right").tolist())
        room = self._most
        chosen = []
        for i in reached:
            if len(now[i].ids) <= room:
                chosen.append(self._now[i])
                room -= len(now[i].ids)
        self.held = sorted(chosen)

    def result(self, texts: int) -> tuple[list[list[Stretch]], list[Floats]]:
        """Per text its sentences and their scores, every held one above all others."""
        units: list[list[Stretch]] = [[] for _ in range(texts)]
        scores: list[list[float]] = [[] for _ in range(texts)]
        held = set(self.held)
        for i, sentence in enumerate(self._sentences):
            units[sentence.text].append(sentence.stretch)
            scores[sentence.text].append(sentence.score + (_ABOVE if i in held else 0.0))
        return units, [np.array(row, dtype=np.float64) for row in scores]
