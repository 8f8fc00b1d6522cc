"""Self-Route: answer from passages; where the reader declines, answer from the whole documents.

Li et al. 2024, "Retrieval Augmented Generation or Long-Context LLMs? A Comprehensive Study and Hybrid Approach",
arXiv 2407.16833, section 4. Its first call is the RAG route's own call, made once and charged to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.stage import Node
from pipeline.routes.base import Case, Route, Steps
from pipeline.routes.long_context import LongContext
from pipeline.routes.rag import RAG
from pipeline.score.refusal import declines


@dataclass(frozen=True, kw_only=True)
class SelfRoute(Route):
    """`cheap` first; `dear` where the cheap answer declines. A failed cheap call is no refusal: it ends the route."""

    cheap: RAG
    dear: LongContext

    def nodes(self) -> Mapping[str, Node]:
        """What the cheap route reads."""
        return self.cheap.nodes()

    def steps(self, case: Case) -> Steps:
        """One call or two."""
        reply = yield from self.cheap.steps(case)
        if reply.completion.status == "ok" and declines(reply.completion.text):
            reply = yield from self.dear.steps(case)
        return reply
