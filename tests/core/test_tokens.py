"""Tokenizers: spans are in order and exact; counts are theirs; a prompt is counted part by part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt
from pipeline.core.tokens import WordTokenizer, tokenizer_named


@given(st.text())
def test_spans_are_in_order_disjoint_and_leave_out_white_space_alone(text):
    spans = WordTokenizer().spans(text)
    at = 0
    for start, end in spans:
        assert at <= start < end
        assert not text[at:start].strip()
        at = end
    assert not text[at:].strip()
    assert WordTokenizer().count(text) == len(spans)


def test_words_and_marks():
    assert [("It isn't §3.")[s:e] for s, e in WordTokenizer().spans("It isn't §3.")] == [
        *("It", "isn", "'", "t", "§", "3", ".")
    ]


def test_a_prompt_is_the_sum_of_its_parts_and_of_what_is_stated():
    words = WordTokenizer()
    known = Part("document", "one two three")
    assert words.count_prompt(Prompt((known, Part("question", "four?")))) == 5
    assert words.count_prompt(Prompt((known, Part("passage", None, stated_tokens=7), Part("passage", None)))) == 10


def test_minilm_gives_exact_word_pieces_and_never_cuts():
    tokenizer = tokenizer_named("minilm")
    text = "Unbelievable: naïve tokenization! "
    pieces = [text[s:e] for s, e in tokenizer.spans(text)]
    assert pieces == ["Unbelievable", ":", "naïve", "token", "ization", "!"]
    # Longer than the 256 tokens at which the model's own settings cut.
    assert tokenizer.count(text * 200) == len(pieces) * 200


def test_a_tokenizer_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no tokenizer\.json"):
        tokenizer_named(str(tmp_path))
