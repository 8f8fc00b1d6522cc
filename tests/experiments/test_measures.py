"""Which measures a set's gold labels allow, and their values by hand."""

from __future__ import annotations

import pytest

from experiments.measures import Measures
from pipeline.core.records import Chunk, Document, Question, Ranking, Span

TEXTS = {"a": "x" * 100, "b": "y" * 50, "c": "z" * 50}
DOCUMENTS = {name: Document(name, text) for name, text in TEXTS.items()}
LENGTHS = {name: len(text) for name, text in TEXTS.items()}


def whole(name: str) -> Span:
    return Span(name, 0, LENGTHS[name])


def chunk(doc: str, start: int, end: int) -> Chunk:
    return Chunk(doc, start, end, TEXTS[doc][start:end])


def ranking(*ids: int) -> Ranking:
    return Ranking(ids, tuple(float(-i) for i in range(len(ids))))


def test_gold_documents_are_measured_as_documents():
    question = Question("q", "?", evidence=(whole("a"), whole("b")))
    measures = Measures.fitting([question], DOCUMENTS, (1, 2), 10)
    assert measures.whole_documents and measures.primary == "ndcg@2"
    chunks = (chunk("c", 0, 50), chunk("a", 0, 50), chunk("a", 50, 100), chunk("b", 0, 50))
    values = measures.of(question, chunks, ranking(0, 1, 2, 3), LENGTHS)
    # Two chunks of one document are one document: c, a, b.
    assert values["mrr"] == 0.5
    assert values["map"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert (values["recall@1"], values["recall@2"], values["recall@10"]) == (0, 0.5, 1)
    assert (values["all_gold_recall@1"], values["all_gold_recall@2"]) == (0, 0)
    assert measures.of(question, chunks, ranking(1, 3), LENGTHS)["all_gold_recall@2"] == 1
    assert set(measures.of(question, chunks, ranking(), LENGTHS).values()) == {0.0}


def test_grades_make_gains():
    question = Question("q", "?", evidence=(whole("a"),), grades={"a": 3, "b": 1, "c": 0})
    measures = Measures.fitting([question], DOCUMENTS, (2,), 10)
    chunks = tuple(chunk(name, 0, 50) for name in "abc")
    best = measures.of(question, chunks, ranking(0, 1), LENGTHS)["ndcg@2"]
    worse = measures.of(question, chunks, ranking(1, 0), LENGTHS)["ndcg@2"]
    assert best == 1.0 > worse


def test_gold_stretches_are_measured_in_characters():
    question = Question("q", "?", context=("a",), evidence=(Span("a", 10, 20), Span("a", 90, 100)))
    measures = Measures.fitting([question], DOCUMENTS, (1, 2), 10)
    assert not measures.whole_documents and measures.primary == "span_recall@1"
    chunks = (chunk("a", 0, 15), chunk("a", 15, 50), chunk("a", 50, 100))
    values = measures.of(question, chunks, ranking(1, 2), LENGTHS)
    assert values["mrr"] == 1.0
    assert values["span_recall@1"] == pytest.approx(5 / 20)
    assert values["span_recall@2"] == pytest.approx(15 / 20)
    assert values["span_precision@2"] == pytest.approx(15 / 85)
    assert (values["coverage@1"], values["coverage@2"]) == (0, 0.5)
    assert values["all_gold_recall@2"] == 0
    assert values["density@2"] == pytest.approx(0.5 * 20 / 85)
    nothing = measures.of(question, chunks, ranking(), LENGTHS)
    assert nothing["span_recall@2"] == nothing["mrr"] == 0
    assert nothing["spread@2"] is None


def test_without_gold_nothing_is_defined():
    measures = Measures(False, (1,), 10)
    values = measures.of(Question("q", "?"), (chunk("a", 0, 9),), ranking(0), LENGTHS)
    assert {name for name, v in values.items() if v is not None} == {"spread@1"}
    measures = Measures(True, (1,), 10)
    assert set(measures.of(Question("q", "?"), (chunk("a", 0, 9),), ranking(0), LENGTHS).values()) == {None}
