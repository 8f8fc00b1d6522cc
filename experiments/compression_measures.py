"""What a compressor made of one context, measured before any reader: the gold evidence that stays, and its company.

From a `Compression` and the question's gold spans to plain numbers. Perplexity is a causal model's, and remembered text
by text. It knows no method, no store of compressions and no study.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from compressors._causal import scorer
from pipeline.core.records import Compression, Document, Question
from pipeline.core.run import Log, Watcher, rows_cached
from pipeline.core.spec import digest_model
from pipeline.core.store import Store
from pipeline.score.evidence import evidence_coverage, span_recall
from retrievers.analyze import analyzer

SAID = {
    "characters": "share of the gold characters that stay",
    "spans": "share of the gold spans that stay whole",
    "density": "the gold's share of what stays / its share of the context",
    "words": "share of the question's words that stay, of those that the context holds",
    "tokens": "tokens that stay",
    "reached": "tokens given for each that stays",
    "nll": "nats per token of what stays less those of the context",
    "read": "tokens that the method's own models read, for each given",
}
"""The measures by name, in the order of the tables."""

BOUNDED = frozenset(("characters", "spans", "words"))
"""Those that are shares of a whole."""

Values = dict[str, float | None]


def measured(question: Question, documents: Sequence[Document], made: Compression, nll: float | None = None) -> Values:
    """Measure by measure; None where one is undefined: without gold, of a text written anew, or not measured.

    documents: the context. nll: nats per token of what stays less those of the context.
    """
    context = "\n".join(d.text or "" for d in documents)
    spans = [span for excerpt in made.excerpts for span in excerpt.spans]
    anew = any(not excerpt.spans for excerpt in made.excerpts)  # a text written anew stands nowhere
    gold = question.evidence
    characters = None if anew else span_recall(spans, gold)
    stays = sum(s.end - s.start for s in spans)
    given = sum(len(d.text or "") for d in documents)
    words = analyzer(stopwords="en")
    asked = set(words(question.text)) & set(words(context))
    kept = asked & set(words(shown(made)))
    return {
        "characters": characters,
        "spans": None if anew else evidence_coverage(spans, gold),
        "density": characters * given / stays if characters is not None and stays else None,
        "words": len(kept) / len(asked) if asked else None,
        "tokens": float(made.kept),
        "reached": made.tokens / max(1, made.kept),
        "nll": nll,
        "read": made.read / max(1, made.tokens),
    }


def shown(made: Compression) -> str:
    """What stays, text after text."""
    return "\n".join(excerpt.text for excerpt in made.excerpts)


@dataclass(frozen=True, kw_only=True)
class TextNLL:
    """Nats per token of a text under a causal model, a folder or a hub name with its revision."""

    version: ClassVar[int] = 1

    model: str
    revision: str = ""

    def resolved_settings(self) -> dict[str, Any]:
        """The model by its content."""
        return {"model": digest_model(self.model, self.revision)}

    def of(self, texts: Sequence[str]) -> list[float]:
        """The mean over each text's tokens; 0 of a text without any that something stands before."""
        reader = scorer(self.model, self.revision)
        rows = reader.nll([(reader.begin, reader.encode(text)[0]) for text in texts])
        return [float(np.nanmean(row)) if np.isfinite(row).any() else 0.0 for row in rows]

    def remembered(
        self, texts: Sequence[tuple[str, str]], store: Store, log: Log, watcher: Watcher
    ) -> tuple[list[float], set[str]]:
        """Of each (name, text) the nats per token, and the keys of the stored values. Raises UserError."""
        items = [(name, [text]) for name, text in texts]
        values, keys = rows_cached(
            store, self, items, lambda rows: self.of([texts[i][1] for i in rows]), log=log, watcher=watcher, batch=4
        )
        return [float(value) for value in values], keys
