"""Records: they are consistent or refused, and their digests tell any two contents apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import (
    Chunk,
    Document,
    Part,
    Prompt,
    Question,
    Ranking,
    Section,
    Span,
    digest,
    digest_parts,
)

STRINGS = st.lists(st.text(st.characters(exclude_categories=()), max_size=3), max_size=4)


@given(STRINGS, STRINGS)
def test_digest_parts_is_injective_in_its_parts(a, b):
    assert (digest_parts(a) == digest_parts(b)) == (a == b)


def test_digest_parts_keeps_boundaries():
    assert len({digest_parts(p) for p in (["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"])}) == 5


def test_digest_is_sha256_of_utf8():
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2)])
def test_a_span_is_in_order(start, end):
    with pytest.raises(ValueError, match=r"0 <= start <= end"):
        Span("d", start, end)


def test_a_ranking_is_aligned():
    with pytest.raises(ValueError, match="2 ids but 1 scores"):
        Ranking((0, 1), (0.5,))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "b"},
        {"text": "other"},
        {"text": None},
        {"text": ""},
        {"title": "t"},
        {"stated_tokens": 5},
        {"sections": ()},
        {"sections": (Section("s", 0, 3),)},
        {"sections": (Section("s", 0, 4), Section("s", 0, 4))},
    ],
)
def test_a_documents_digest_is_all_of_it(change):
    document = Document("a", "text", sections=(Section("s", 0, 4),))
    assert replace(document, **change).digest != document.digest
    assert replace(document).digest == document.digest


def test_a_part_that_is_not_at_hand_is_told_apart_by_what_is_known_of_it():
    parts = [
        Part("passage", None),
        Part("passage", None, stated_tokens=5),
        Part("passage", None, Span("a", 0, 5)),
        Part("passage", ""),
        Part("document", ""),
    ]
    assert len({p.digest for p in parts}) == len(parts)


def test_a_prompts_text_is_its_parts_in_order():
    prompt = Prompt((Part("document", "one ", Span("d", 0, 4)), Part("label", "x"), Part("question", "two")))
    assert prompt.text == "one xtwo"
    assert prompt.complete
    assert prompt.spans == (Span("d", 0, 4),)


def test_a_prompt_with_a_part_that_is_not_at_hand_has_no_text():
    prompt = Prompt((Part("passage", None, stated_tokens=3),))
    assert not prompt.complete
    with pytest.raises(ValueError, match="not at hand"):
        _ = prompt.text


def test_only_what_comes_from_documents_counts_as_seen():
    span = Span("d", 0, 1)
    parts = tuple(Part(role, "x", span) for role in ("instruction", "label", "question", "answer"))
    assert Prompt(parts).spans == ()
    assert Chunk("d", 0, 1, "x").span == span


def test_whether_an_answer_can_be_marked():
    assert Question("q", "?", golds=("a",)).has_gold
    assert Question("q", "?", answerable=False).has_gold
    assert not Question("q", "?").has_gold
    assert not Question("q", "?", answerable=True).has_gold
