"""Long context: the documents, whole or compressed, cut only where the window is too short, and then on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.core.stage import Node
from pipeline.generators.base import Completion
from pipeline.prompts import answer_from
from pipeline.routes.base import (
    Ask,
    Case,
    Reply,
    Route,
    Steps,
    Truncate,
    context_size,
    document_parts,
    fit,
    shortened_documents,
)


@dataclass(frozen=True, kw_only=True)
class LongContext(Route):
    """Every document of the context, in reading order. truncate: what gives way where they do not fit.

    compressed: a node of a Compression, read in the documents' place.
    """

    truncate: Truncate = "middle"
    compressed: Node | None = None

    def nodes(self) -> Mapping[str, Node]:
        """The compression, where there is one."""
        return {} if self.compressed is None else {"compressed": self.compressed}

    def steps(self, case: Case) -> Steps:
        """One call on everything."""
        parts = document_parts(case.documents)
        if self.compressed is not None:
            parts = shortened_documents(case.inputs["compressed"], case.documents)
        parts, cut = fit(parts, case, self.sampling, self.truncate, self.position)
        if self.compressed is not None:
            cut = replace(cut, context_tokens=context_size(case.documents, case.reader.tokenizer))
        prompt = answer_from(parts, case.question.text, position=self.position)
        completion: Completion = yield Ask(prompt, self.sampling)
        return Reply(completion, prompt, cut)
