"""RAG: the passages that a retriever ranked, within a token budget, in a chosen order.

What ranks them is not its affair: it reads a node of chunks and a node of a ranking. `Stated` stands for passages that
somebody else retrieved and of which only the size is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.records import Part
from pipeline.core.stage import Node
from pipeline.generators.base import Completion
from pipeline.prompts import answer_from
from pipeline.routes.base import (
    Ask,
    Case,
    Cut,
    Reply,
    Route,
    Shortener,
    Steps,
    context_size,
    passage_parts,
    ranked,
    shortened_passages,
    shown_by,
    tokens_of,
)


@dataclass(frozen=True, kw_only=True)
class RAG(Route):
    """One call on retrieved passages. labels: show document and section over each passage.

    compressed: a node of a Compression of the ranked passages, or what the reader itself shortens them by; read in
    their place.
    """

    chunks: Node
    ranking: Node
    labels: bool = True
    compressed: Node | Shortener | None = None

    def nodes(self) -> Mapping[str, Node]:
        """The chunks and their ranking, or the compression of these."""
        if isinstance(self.compressed, Node):
            return {"compressed": self.compressed}
        return {"chunks": self.chunks, "ranking": self.ranking}

    def steps(self, case: Case) -> Steps:
        """One call on the passages, after those of a shortener."""
        chunks = [] if isinstance(self.compressed, Node) else ranked(case.inputs["chunks"], case.inputs["ranking"])
        parts = passage_parts(chunks, labels=self.labels)
        notes: tuple[str, ...] = ()
        if self.compressed is not None:
            found = yield from shown_by(self.compressed, chunks, case, self.sampling)
            if isinstance(found, Reply):
                return found
            parts, notes = shortened_passages(found.compression, labels=self.labels), found.notes
        prompt = answer_from(parts, case.question.text, position=self.position)
        completion: Completion = yield Ask(prompt, self.sampling)
        tokenizer = case.reader.tokenizer
        cut = Cut(context_size(case.documents, tokenizer), tokens_of(parts, tokenizer))
        return Reply(completion, prompt, cut, notes)


@dataclass(frozen=True, kw_only=True)
class Stated(Route):
    """A route that somebody else took: its context is not at hand, only its size in tokens is stated."""

    tokens: int

    def steps(self, case: Case) -> Steps:
        """One call, which only a recorded reader can answer."""
        parts = [Part("passage", None, stated_tokens=self.tokens)]
        prompt = answer_from(parts, case.question.text, position=self.position)
        completion: Completion = yield Ask(prompt, self.sampling)
        return Reply(completion, prompt, Cut(context_size(case.documents, case.reader.tokenizer), self.tokens))
