"""Long context: the documents whole, cut only where the reader's window is too short, and then on record."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.generators.base import Completion
from pipeline.prompts import answer_from
from pipeline.routes.base import Ask, Case, Reply, Route, Steps, Truncate, document_parts, fit


@dataclass(frozen=True, kw_only=True)
class LongContext(Route):
    """Every document of the context, in reading order. truncate: what gives way where they do not fit."""

    truncate: Truncate = "middle"

    def steps(self, case: Case) -> Steps:
        """One call on everything."""
        parts, cut = fit(document_parts(case.documents), case, self.sampling, self.truncate, self.position)
        prompt = answer_from(parts, case.question.text, position=self.position)
        completion: Completion = yield Ask(prompt, self.sampling)
        return Reply(completion, prompt, cut)
