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
    Steps,
    context_size,
    passage_parts,
    ranked,
    shortened_passages,
    tokens_of,
)


@dataclass(frozen=True, kw_only=True)
class RAG(Route):
    """One call on retrieved passages. labels: show document and section over each passage.

    compressed: a node of a Compression of the ranked passages, read in their place.
    """

    chunks: Node
    ranking: Node
    labels: bool = True
    compressed: Node | None = None

    def nodes(self) -> Mapping[str, Node]:
        """The chunks and their ranking, or the compression of these."""
        if self.compressed is not None:
            return {"compressed": self.compressed}
        return {"chunks": self.chunks, "ranking": self.ranking}

    def parts(self, case: Case) -> list[Part]:
        """The passages as the prompt shows them."""
        if self.compressed is not None:
            return shortened_passages(case.inputs["compressed"], labels=self.labels)
        return passage_parts(ranked(case.inputs["chunks"], case.inputs["ranking"]), labels=self.labels)

    def steps(self, case: Case) -> Steps:
        """One call on the passages."""
        parts = self.parts(case)
        prompt = answer_from(parts, case.question.text, position=self.position)
        completion: Completion = yield Ask(prompt, self.sampling)
        tokenizer = case.reader.tokenizer
        return Reply(completion, prompt, Cut(context_size(case.documents, tokenizer), tokens_of(parts, tokenizer)))


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
