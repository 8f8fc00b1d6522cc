"""The contexts that compressors are compared on: a data set cut to so many tokens around each question's evidence.

Every method is then given the same tokens, and the evidence stands anywhere in them. What comes out is an ordinary data
set, a context per question, so that whatever reads data sets can read it. It knows no method and no reader.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from compressors.base import bare
from experiments.catalog_retrieval import lexical_ranking
from experiments.data.fields import plural
from experiments.tables import cluster_of
from pipeline.core.records import Dataset, Document, Question, Section, Span, digest
from pipeline.core.tokens import Tokenizer, tokenizer_named


def contexts_of(dataset: Dataset, tokens: int, tokenizer: str = "words", limit: int | None = None) -> Dataset:
    """The questions that name evidence, each with a context of at most `tokens` tokens that holds it.

    A document that is longer is cut around the evidence, which stands at a place drawn uniformly by the question's id;
    its name then says which characters it has, so that equal cuts are one document. Where documents are shorter, the
    context is those with evidence and, while they fit, others: of a collection those that BM25 ranks first for the
    question, in an order drawn by its id; of a question's own documents in their order. Evidence spread wider than the
    context is kept from its first span on, as many spans as fit whole. limit: so many questions, evenly spread.

    Of a set without any evidence, contexts are the questions' whole documents, whatever their size: nobody knows what
    may be cut. Notes tell of questions left out and of evidence lost.
    """
    at_hand = [q for q in dataset.questions if all(dataset.documents[d].text is not None for d in q.context)]
    chosen = [q for q in at_hand if q.evidence] or at_hand
    left_out = {
        "without their documents": len(dataset.questions) - len(at_hand),
        "without evidence": len(at_hand) - len(chosen),
    }
    if limit is not None and limit < len(chosen):
        chosen = [chosen[i * len(chosen) // limit] for i in range(limit)]
    cutter = _Cutter(dataset, tokens, tokenizer_named(tokenizer))
    made = [cutter.context(q) for q in chosen]
    documents = {d.id: d for found in made if found for d in found[0]}
    questions = [found[1] for found in made if found]
    left_out[f"whose evidence does not fit in {tokens} tokens"] = len(made) - len(questions)
    notes = [f"{plural(count, 'question')} {why} left out" for why, count in left_out.items() if count]
    lost = sum(len(found[1].evidence) < len(q.evidence) for found, q in zip(made, chosen, strict=True) if found)
    if lost:
        notes.append(
            f"{plural(lost, 'question')} with evidence spread wider than {tokens} tokens; what fits is counted"
        )
    return Dataset(dataset.name, documents, tuple(questions), (*dataset.notes, *notes))


@dataclass
class _Cutter:
    """One data set: where each document's tokens stand, and an index of each collection, made once."""

    dataset: Dataset
    size: int
    tokenizer: Tokenizer
    _spans: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict)
    _rankers: dict[tuple[str, ...], Callable[[str], list[int]]] = field(default_factory=dict)

    def context(self, question: Question) -> tuple[list[Document], Question] | None:
        """The context's documents and the question asked of them; None where no evidence fits."""
        names = question.context or tuple(self.dataset.documents)
        # Questions asked of one document are alike; those asked of a whole collection each stand for themselves.
        own = question.cluster or question.context
        asked = replace(question, cluster=cluster_of(question, self.dataset) if own else question.id)
        if not question.evidence:
            found = [self.dataset.documents[name] for name in names]
            return found, replace(asked, context=tuple(names))
        gold = list(dict.fromkeys(s.doc for s in question.evidence))
        if len(gold) == 1 and self._tokens(gold[0]) > self.size:
            return self._window(asked, gold[0])
        return self._several(asked, names, gold)

    def _tokens(self, name: str) -> int:
        return self.tokenizer.count(self.dataset.documents[name].text or "")

    def _window(self, question: Question, name: str) -> tuple[list[Document], Question] | None:
        document = self.dataset.documents[name]
        text = document.text or ""
        if name not in self._spans:
            spans = self.tokenizer.spans(text)
            self._spans[name] = ([a for a, _ in spans], [b for _, b in spans])
        starts, ends = self._spans[name]
        gold = sorted((t for s in question.evidence if (t := _trimmed(s, text))), key=lambda s: (s.start, s.end))
        if not gold:
            return None
        first = max(0, bisect_right(starts, gold[0].start) - 1)
        inside = [s for s in gold if bisect_left(ends, s.end) < first + self.size]
        if not inside:
            return None
        last = max(bisect_left(ends, s.end) for s in inside) + 1
        begin = first - int(_drawn(question) * (self.size - (last - first) + 1))
        begin = max(0, min(begin, len(starts) - self.size))
        stop = min(len(starts), begin + self.size)
        start, end = min(starts[begin], inside[0].start), max(ends[stop - 1], inside[-1].end)
        cut = Document(f"{name}:{start}-{end}", text[start:end], document.title, tuple(_sections(document, start, end)))
        moved = tuple(Span(cut.id, s.start - start, s.end - start) for s in inside)
        return [cut], replace(question, context=(cut.id,), evidence=moved)

    def _several(
        self, question: Question, names: Sequence[str], gold: Sequence[str]
    ) -> tuple[list[Document], Question] | None:
        room, kept = self.size, set[str]()
        for name in [*gold, *(names if question.context else self._nearest(question, names))]:
            if name not in kept and self._tokens(name) <= room:
                kept.add(name)
                room -= self._tokens(name)
        evidence = tuple(
            t
            for s in question.evidence
            if s.doc in kept and (t := _trimmed(s, self.dataset.documents[s.doc].text or ""))
        )
        if not evidence:
            return None
        found = [name for name in names if name in kept]
        if not question.context:
            random.Random(question.id).shuffle(found)
        asked = replace(question, context=tuple(found), evidence=evidence)
        return [self.dataset.documents[name] for name in found], asked

    def _nearest(self, question: Question, names: Sequence[str]) -> list[str]:
        """The documents by BM25 for the question, as many as could fit."""
        if tuple(names) not in self._rankers:
            texts = [self.dataset.documents[name].text or "" for name in names]
            self._rankers[tuple(names)] = lexical_ranking(texts)
        return [names[i] for i in self._rankers[tuple(names)](question.text)[: self.size]]


def _drawn(question: Question) -> float:
    """A number in [0, 1) that the question's id decides."""
    return int(digest(question.id), 16) / 16**64


def _trimmed(span: Span, text: str) -> Span | None:
    """A gold span without white space around it, which no method owes anyone."""
    start, end = bare(text, span.start, span.end)
    return Span(span.doc, start, end) if start < end else None


def _sections(document: Document, start: int, end: int) -> list[Section]:
    """The document's sections as far as they stand in the cut."""
    return [
        Section(s.title, max(s.start, start) - start, min(s.end, end) - start)
        for s in document.sections
        if s.start < end and s.end > start
    ]
