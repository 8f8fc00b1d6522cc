"""Filler: texts of the length that is asked for by a named tokenizer, each fact once where its span says."""

from __future__ import annotations

import itertools

import pytest

from experiments.catalog_data import load_data
from experiments.data.filler import SHIPPED, load_filler
from pipeline.core.errors import UserError
from pipeline.core.tokens import tokenizer_named


@pytest.fixture(scope="module")
def data():
    return load_filler("1k 2500", "2", "3 10")


@pytest.mark.parametrize("tokenizer", ["", "words"])
@pytest.mark.parametrize("tokens", ["300", "2k", "9000"])
def test_a_text_has_its_length_and_is_at_most_a_sentence_shorter(tokens, tokenizer):
    counter = tokenizer_named(tokenizer or str(SHIPPED))
    size = int(tokens.replace("k", "000"))
    for document in load_filler(tokens, "2", "4", tokenizer).documents.values():
        assert size - 60 < counter.count(document.text) <= size


def test_each_length_and_number_of_questions_has_its_documents(data):
    cells = list(itertools.product(("1000", "2500"), ("03", "10")))
    assert len(data.documents) == 2 * len(cells)
    assert len(data.questions) == 2 * sum(int(asked) for _, asked in cells)
    assert {(q.slices["length"], q.slices["asked"]) for q in data.questions} == set(cells)
    assert len({q.id for q in data.questions}) == len(data.questions)
    for question in data.questions:
        (name,) = question.context
        assert sum(q.context == (name,) for q in data.questions) == int(question.slices["asked"])


def test_the_evidence_is_the_sentence_that_answers(data):
    for question in data.questions:
        (span,), (gold,) = question.evidence, question.golds
        assert span.doc == question.context[0]
        text = data.documents[span.doc].text
        key = question.text.removeprefix("What is the entry for ").removesuffix(" in the register?")
        assert text[span.start : span.end] == f"The entry for {key} in the register is {gold}."
        assert text.count(f" {key} in the register") == text.count(gold) == 1


def test_facts_are_spread_over_the_text(data):
    for name, document in data.documents.items():
        at = [q.evidence[0].start / len(document.text) for q in data.questions if q.context == (name,)]
        assert at == sorted(at)
        assert all(abs(place - (i + 0.5) / len(at)) < 0.15 for i, place in enumerate(at))


def test_no_two_documents_begin_alike(data):
    assert len({d.text[:120] for d in data.documents.values()}) == len(data.documents)
    assert not any(d.text[0].isspace() for d in data.documents.values())


def test_the_same_texts_every_time_and_others_from_another_seed(data):
    assert load_filler("1k 2500", "2", "3 10") == data
    other = load_filler("1k 2500", "2", "3 10", seed="b")
    assert not {d.text for d in other.documents.values()} & {d.text for d in data.documents.values()}


def test_documents_do_not_depend_on_what_else_is_made(data):
    # A longer run must find the answers of a shorter one.
    assert load_filler("1000", "1", "3").documents["1k-q3-00"].text == load_filler("1k", "4", "3 5").documents[
        "1k-q3-00"
    ].text  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"lengths": "8k 8k"}, "lengths"),
        ({"lengths": ""}, "lengths"),
        ({"lengths": "8q"}, "lengths"),
        ({"lengths": "-8"}, "lengths"),
        ({"lengths": "90000k"}, "lengths"),
        ({"documents": "2 3"}, "documents"),
        ({"questions": "0"}, "questions"),
        ({"lengths": "100", "questions": "16"}, "lengths"),
        ({"tokenizer": "no/such/folder"}, "tokenizer"),
        ({"length": "8k"}, "data"),
    ],
)
def test_a_setting_that_cannot_work_is_told_in_one_line(settings, where):
    with pytest.raises(UserError) as told:
        load_data({"type": "filler", **settings})
    assert where in told.value.where
    assert "\n" not in str(told.value)


def test_the_catalogue_has_it():
    assert list(load_data({"type": "filler", "lengths": "1k", "documents": "1"}).dataset.documents) == ["1k-q16-00"]
