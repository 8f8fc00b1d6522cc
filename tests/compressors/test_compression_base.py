"""Stretches, what is shown of them, and the packing of units into a budget."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors.base import Task, fill, in_place, merged, readable, shown
from pipeline.core.tokens import tokenizer_named

WORDS = tokenizer_named("words")
texts = st.text(alphabet=st.sampled_from("ab .\n中é"), max_size=60)


@st.composite
def cut_texts(draw):
    text = draw(texts)
    ends = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=8))
    return text, [(min(p), max(p)) for p in pairs]


def characters(stretches):
    return {i for start, end in stretches for i in range(start, end)}


@given(cut_texts())
def test_merging_keeps_the_characters_and_leaves_gaps_between_stretches(case):
    _, stretches = case
    out = merged(stretches)
    assert characters(out) == characters(stretches)
    assert all(start < end for start, end in out)
    assert all(a[1] < b[0] for a, b in pairwise(out))


@given(cut_texts())
def test_what_is_shown_is_a_concatenation_of_the_source_that_keeps_words_apart(case):
    text, stretches = case
    out = readable(text, stretches)
    assert merged(out) == out
    assert characters(stretches) <= characters(out)
    assert all(text[i].isspace() for i in characters(out) - characters(stretches))
    assert len(shown(text, out)) <= len(text)
    wanted = merged(stretches)
    for (_, before), (start, _) in pairwise(wanted):
        if any(c.isspace() for c in text[before - 1 : start + 1]):
            between = shown(
                text, [s for s in out if s[0] >= before - 1 and s[1] <= start + 1] or [(before - 1, before)]
            )
            assert any(text[i].isspace() for i in characters(out) if before - 1 <= i <= start), between


@pytest.mark.parametrize(
    ("text", "stretches", "told"),
    [
        ("one two three", [(0, 3), (8, 13)], "one three"),
        ("one\ntwo three", [(0, 3), (8, 13)], "one\nthree"),
        ("one, two", [(0, 3), (5, 8)], "one two"),
        ("one two", [(0, 3), (4, 7)], "one two"),
        ("abcdef", [(0, 2), (4, 6)], "abef"),
        ("one two three", [(0, 4), (8, 13)], "one three"),
    ],
)
def test_known_gaps(text, stretches, told):
    assert shown(text, readable(text, stretches)) == told


def task(*given: str, budget: int) -> Task:
    return Task(given, "?", budget, WORDS)


def test_the_best_units_that_fit_stay_in_reading_order():
    one = task("a b c d e", budget=3)
    units = [[(0, 1), (2, 5), (6, 9)]]
    assert fill(units, [[1.0, 2.0, 3.0]], one) == (((0, 1), (6, 9)),)
    assert fill(units, [[1.0, 1.0, 1.0]], one) == (((0, 1), (2, 5)),)


def test_a_unit_longer_than_the_budget_is_cut_and_not_lost():
    one = task("a b c d e", "f g", budget=2)
    assert fill([[(0, 9)], [(0, 3)]], [[2.0], [1.0]], one) == (((0, 3),), ())
    assert in_place((((0, 3),), ()))[0].stretches == ((0, 3),)
