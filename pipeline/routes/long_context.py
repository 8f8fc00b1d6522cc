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
    Shortener,
    Steps,
    Truncate,
    context_size,
    document_parts,
    fit,
    shortened_documents,
    shown_by,
)


@dataclass(frozen=True, kw_only=True)
class LongContext(Route):
    """Every document of the context, in reading order. truncate: what gives way where they do not fit.

    compressed: a node of a Compression, or what the reader itself shortens by; read in the documents' place.
    """

    truncate: Truncate = "middle"
    compressed: Node | Shortener | None = None

    def nodes(self) -> Mapping[str, Node]:
        """The compression, where there is one."""
        return {"compressed": self.compressed} if isinstance(self.compressed, Node) else {}

    def steps(self, case: Case) -> Steps:
        """One call on everything, after those of a shortener."""
        parts = document_parts(case.documents)
        notes: tuple[str, ...] = ()
        if self.compressed is not None:
            texts = [d.chunk for d in case.documents if d.text is not None]
            found = yield from shown_by(self.compressed, texts, case, self.sampling)
            if isinstance(found, Reply):
                return found
            parts, notes = shortened_documents(found.compression, case.documents), found.notes
        parts, cut = fit(parts, case, self.sampling, self.truncate, self.position)
        if self.compressed is not None:
            cut = replace(cut, context_tokens=context_size(case.documents, case.reader.tokenizer))
        prompt = answer_from(parts, case.question.text, position=self.position)
        completion: Completion = yield Ask(prompt, self.sampling)
        return Reply(completion, prompt, cut, notes)
