"""Controls: routes that bracket the comparison. No study is complete without them.

`closed_book` shows what the reader knows without the documents; `oracle` what it makes of perfect evidence. The third,
`random`, is an ordinary RAG route over random passages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.core.records import Chunk
from pipeline.generators.base import Completion
from pipeline.prompts import answer_alone, answer_from
from pipeline.routes.base import Ask, Case, Cut, Reply, Route, Steps, context_size, passage_parts, tokens_of


@dataclass(frozen=True, kw_only=True)
class ClosedBook(Route):
    """The question alone."""

    control: ClassVar[bool] = True

    def steps(self, case: Case) -> Steps:
        """One call without any document."""
        prompt = answer_alone(case.question.text)
        completion: Completion = yield Ask(prompt, self.sampling)
        return Reply(completion, prompt, Cut(context_size(case.documents, case.reader.tokenizer), 0))


@dataclass(frozen=True, kw_only=True)
class Oracle(Route):
    """The gold evidence, in reading order, and nothing else; no passage where the question has none."""

    control: ClassVar[bool] = True

    def steps(self, case: Case) -> Steps:
        """One call on the gold spans."""
        texts = {d.id: d for d in case.documents}
        order = {d.id: i for i, d in enumerate(case.documents)}
        chunks = [
            Chunk(s.doc, s.start, s.end, (texts[s.doc].text or "")[s.start : s.end], texts[s.doc].title)
            for s in sorted(case.question.evidence, key=lambda s: (order[s.doc], s))
        ]
        parts = passage_parts(chunks, labels=True)
        prompt = answer_from(parts, case.question.text, position=self.position)
        completion: Completion = yield Ask(prompt, self.sampling)
        tokenizer = case.reader.tokenizer
        return Reply(completion, prompt, Cut(context_size(case.documents, tokenizer), tokens_of(parts, tokenizer)))
