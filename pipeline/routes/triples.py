"""The facts of a passage as triples, as the reader states them: what a graph of passages is built from.

Gutiérrez et al. 2024, "HippoRAG", arXiv 2405.14831, section 2.3: open information extraction, once for each passage and
without a question. It does not know how the answer is read (`retrievers/triples.py`), nor who collects the answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Part
from pipeline.generators.base import Completion
from pipeline.prompts import state_triples
from pipeline.routes.base import Ask, Case, Cut, Reply, Route, Steps, tokens_of
from pipeline.routes.inner import inner, must_fit

_REMEDY = "Cut smaller passages, lower triple_tokens, or name a reader with a longer window"


@dataclass(frozen=True, kw_only=True)
class ExtractTriples(Route):
    """One call on `Case.inputs["passage"]`, a Chunk; the question of the case only names the call.

    triple_tokens: length of the list, in place of the sampling's own. labels: show document and section over the
    passage, which may say whom its pronouns mean. Raises UserError for a passage that does not fit the reader's window:
    a part of it would pass for the whole.
    """

    triple_tokens: int = 1024
    labels: bool = True

    def __post_init__(self) -> None:
        if self.triple_tokens < 1:
            raise UserError(f"{self.triple_tokens} is too small", where="triple_tokens", remedy="Give 512, say")

    def steps(self, case: Case) -> Steps:
        """One call."""
        passage: Chunk = case.inputs["passage"]
        heading = " — ".join(w for w in (passage.title, passage.section) if w) if self.labels else ""
        parts = [Part("label", f"# {heading}\n\n")] if heading else []
        parts.append(Part("passage", passage.text, passage.span))
        prompt = state_triples(parts)
        must_fit(case, prompt, self.triple_tokens, _REMEDY)
        completion: Completion = yield Ask(prompt, inner(self.sampling, self.triple_tokens))
        size = tokens_of(parts, case.reader.tokenizer)
        return Reply(completion, prompt, Cut(size, size))
