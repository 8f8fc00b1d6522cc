"""Answer-paragraph selection: the reader is asked the question of each paragraph, and those it answers from stay.

After "Long-context Non-factoid Question Answering in Indic Languages" (ritwikmishra/IndicGenQA), where a trained
classifier tells whether a paragraph holds the answer. Here the reader's own refusal tells: a paragraph of which it says
that the text does not hold the answer goes. The calls are ordinary questions on a short text, so any reader that may
decline will do, and equal calls of other routes are shared. Where the reader answers from everything, this selects no
better than its BM25.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from compressors.base import Task, fill, in_place
from compressors.by_reader import ByReader, Made
from compressors.extractive import lexical, units_of
from compressors.stage import excerpt
from pipeline.core.records import Chunk, Part, Span
from pipeline.core.tokens import Tokenizer
from pipeline.generators.base import Sampling
from pipeline.prompts import answer_from
from pipeline.routes.base import Asks, Case, Reply
from pipeline.routes.inner import asked_together, ended, must_fit
from pipeline.score.refusal import declines
from retrievers.base import at_least

_REMEDY = "Lower the size of a paragraph (size), or name a reader with a longer window"


@dataclass(frozen=True, kw_only=True)
class AnswerParagraphs(ByReader):
    """Paragraphs from which the reader answers, then the others, each by BM25, until the budget is full.

    size: most tokens of a paragraph; shorter ones that stand together are read as one. answer_tokens: of the reader's
    answer on each; it is thrown away, all but whether it declines.
    """

    size: int = 100
    answer_tokens: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self.size, 1, "answer_paragraphs.size")
        at_least(self.answer_tokens, 1, "answer_paragraphs.answer_tokens")

    def shorten(
        self, chunks: Sequence[Chunk], budget: int, tokenizer: Tokenizer, case: Case, sampling: Sampling
    ) -> Generator[Asks, Any, Made | Reply]:
        """A call per paragraph, all at once."""
        texts, question = tuple(c.text for c in chunks), case.question.text
        units = units_of(texts, tokenizer, "passages", self.size)
        asked = [
            answer_from([Part("passage", c.text[a:b], Span(c.doc, c.start + a, c.start + b))], question)
            for c, row in zip(chunks, units, strict=True)
            for a, b in row
        ]
        for prompt in asked:
            must_fit(case, prompt, self.answer_tokens, _REMEDY)
        done, failed = yield from asked_together(asked, sampling, self.answer_tokens)
        if failed:
            return ended(case, *failed)
        answered = [not declines(c.text) for c in done]
        words = lexical([texts[t][a:b] for t, row in enumerate(units) for a, b in row], question)
        top = float(words.max(initial=0.0)) or 1.0
        scores = iter(2.0 * yes + float(score) / top for yes, score in zip(answered, words, strict=True))
        rows = [[next(scores) for _ in row] for row in units]
        kept = in_place(fill(units, rows, Task(texts, question, budget, tokenizer)))
        notes = (f"answered from {sum(answered)} of {len(answered)} paragraphs",)
        return tuple(excerpt(chunks[k.index], k) for k in kept), notes
