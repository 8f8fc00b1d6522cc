"""What a ranking is worth for one question, by every measure that its gold labels allow.

Gold labels are character spans. Where they are whole documents (a collection of passages), documents are what is
ranked, and the measures are those of the field: nDCG, MRR, MAP, recall, all-gold recall. Where they are stretches
inside documents, recall of passage ids would depend on how the text was cut; there the measures count characters.

It averages nothing and knows no retriever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.records import Chunk, Document, Question, Ranking, Span
from pipeline.score.evidence import (
    evidence_coverage,
    evidence_density,
    evidence_found,
    position_spread,
    span_precision,
    span_recall,
)
from pipeline.score.ranking import all_gold_recall, average_precision, ndcg, recall, reciprocal_rank

Values = dict[str, float | None]
_OF_DOCUMENTS: dict[str, Callable[[Sequence[str], Mapping[str, int], int], float | None]] = {
    "ndcg": ndcg,
    "recall": recall,
    "all_gold_recall": all_gold_recall,
}


@dataclass(frozen=True)
class Measures:
    """The measures of one set of questions. cutoffs: the k of measures at k; depth: the k of MAP and deep recall."""

    whole_documents: bool
    cutoffs: tuple[int, ...]
    depth: int

    @classmethod
    def fitting(
        cls, questions: Sequence[Question], documents: Mapping[str, Document], cutoffs: Sequence[int], depth: int
    ) -> Measures:
        """Measures of documents where every gold span is a document whole, else of characters."""
        spans = {span for q in questions for span in q.evidence}
        whole = all(span.start == 0 and span.end == len(documents[span.doc].text or "") for span in spans)
        return cls(whole or any(q.grades for q in questions), tuple(sorted(set(cutoffs))), depth)

    @property
    def primary(self) -> str:
        """The measure that retrievers are ordered by where nothing else is asked for."""
        return f"ndcg@{max(self.cutoffs)}" if self.whole_documents else f"span_recall@{min(self.cutoffs)}"

    def of(self, question: Question, chunks: Sequence[Chunk], ranking: Ranking, lengths: Mapping[str, int]) -> Values:
        """Measure by measure; None where one is undefined (no gold, nothing retrieved).

        lengths: characters of each document that the question is asked of, in reading order.
        """
        hits = [chunks[i] for i in ranking.ids[: self.depth]]
        if self.whole_documents:
            return self._of_documents(question, list(dict.fromkeys(c.doc for c in hits)))
        return self._of_spans(question, [c.span for c in hits], lengths)

    def _of_documents(self, question: Question, ranked: Sequence[str]) -> Values:
        grades = question.relevant
        values: Values = {"mrr": reciprocal_rank(ranked, grades), "map": average_precision(ranked, grades)}
        for name, measure in _OF_DOCUMENTS.items():
            values |= {f"{name}@{k}": measure(ranked, grades, k) for k in self.cutoffs}
        return values | {f"recall@{self.depth}": recall(ranked, grades, self.depth)}

    def _of_spans(self, question: Question, spans: Sequence[Span], lengths: Mapping[str, int]) -> Values:
        gold = question.evidence
        first = next((1 / rank for rank, s in enumerate(spans, 1) if any(_overlap(s, g) for g in gold)), 0.0)
        values: Values = {"mrr": first if gold else None}
        for k in self.cutoffs:
            read = spans[:k]
            found = evidence_found(read, gold)
            values |= {
                f"span_recall@{k}": span_recall(read, gold),
                f"span_precision@{k}": span_precision(read, gold),
                f"all_gold_recall@{k}": None if found is None else float(found),
                f"coverage@{k}": evidence_coverage(read, gold),
                f"density@{k}": evidence_density(read, gold),
                f"spread@{k}": position_spread(read, lengths),
            }
        return values


def _overlap(a: Span, b: Span) -> bool:
    return a.doc == b.doc and a.start < b.end and b.start < a.end
