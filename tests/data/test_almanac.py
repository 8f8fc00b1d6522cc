"""The almanac: answers stand in their evidence, chains need every link, and what is declared absent is not there."""

from __future__ import annotations

from itertools import pairwise

import pytest

from experiments.data.almanac import ASKED, DOCUMENTS, SENTENCES, load_almanac


@pytest.fixture(scope="module")
def data():
    return load_almanac()


def test_every_document_has_its_questions_of_each_kind(data):
    assert len(data.documents) == DOCUMENTS
    for name in data.documents:
        kinds = [q.kind for q in data.questions if q.context == (name,)]
        assert {kind: kinds.count(kind) for kind in ASKED} == ASKED
    assert len({q.text for q in data.questions}) == len({q.id for q in data.questions}) == len(data.questions)


def test_an_answer_stands_in_the_last_needed_sentence_and_nowhere_in_the_question(data):
    for q in data.questions:
        told = [data.documents[s.doc].text[s.start : s.end] for s in q.evidence]
        assert all(s and not s[0].isspace() and s[-1] in '.!?"”' for s in told)
        if q.kind == "unanswerable":
            assert (q.golds, q.evidence, q.answerable) == ((), (), False)
            continue
        (gold,) = q.golds
        assert any(gold in s for s in told), q.text
        assert len(told) == {"two hops": 2, "three hops": 3}.get(q.kind, len(told)) and len(told) <= 3


def test_links_of_a_chain_stand_apart_among_the_articles(data):
    gaps = []
    for q in data.questions:
        if "hops" in q.kind:
            places = sorted(s.start for s in q.evidence)
            gaps += [b - a for a, b in pairwise(places)]
    assert sum(gap > 1000 for gap in gaps) > 0.7 * len(gaps)
    assert all(text.count(". ") > SENTENCES for text in (d.text for d in data.documents.values()))


def test_the_same_almanac_every_time(data):
    again = load_almanac()
    assert again.questions == data.questions
    assert {k: d.text for k, d in again.documents.items()} == {k: d.text for k, d in data.documents.items()}
