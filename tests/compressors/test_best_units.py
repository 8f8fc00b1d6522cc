"""Units by their tokens, and the best of them in a budget that holds for what is shown."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors._best_units import best_units, merged_scores, tokens_of, units_of
from compressors.base import Task, readable, shown
from pipeline.core.tokens import tokenizer_named

WORDS = tokenizer_named("words")
TEXT = "Mara Velt keeps it. Boats leave at dawn.\n\nNobody fishes, 灯台守."


def task(*texts, budget, tokenizer=WORDS):
    return Task(texts, "?", budget, tokenizer)


def pieces(text, kind, offsets=None):
    return [text[a:b] for a, b in units_of(text, kind, WORDS.spans(text) if offsets is None else offsets, 4)]


def test_units_of_a_text():
    assert pieces(TEXT, "words") == [
        *("Mara", "Velt", "keeps", "it.", "Boats", "leave", "at", "dawn.", "Nobody", "fishes,", "灯", "台", "守", ".")
    ]
    # A sentence of more than 4 tokens is cut between words.
    assert pieces(TEXT, "sentences")[:4] == ["Mara Velt keeps", "it.", "Boats leave at", "dawn."]
    assert pieces("a \n b", "tokens", [(0, 2), (2, 3), (3, 5), (3, 5)]) == ["a", "b"]
    assert pieces("", "words") == pieces(" \n", "sentences") == []


def test_tokens_of_units_share_a_character_with_them():
    offsets = [(0, 3), (3, 5), (5, 5), (5, 9), (8, 9)]
    found = tokens_of([(0, 2), (2, 4), (4, 9), (8, 9), (9, 12)], offsets)
    assert found.tolist() == [[0, 1], [0, 2], [1, 5], [3, 5], [5, 5]]


def test_scores_of_units_are_the_greatest_or_the_mean():
    tokens = np.array([[0, 2], [2, 2], [1, 4], [3, 4]])
    scores = np.array([1.0, 3.0, 2.0, 7.0])
    assert merged_scores(tokens, scores, "max").tolist() == [3.0, -np.inf, 7.0, 7.0]
    assert merged_scores(tokens, scores, "mean").tolist() == [2.0, -np.inf, 4.0, 7.0]
    assert merged_scores(np.zeros((0, 2), dtype=np.int64), scores, "max").tolist() == []


def chosen(text, budget, scores, kind="words"):
    units = units_of(text, kind, WORDS.spans(text))
    (found,) = best_units([units], [np.array(scores, dtype=float)], task(text, budget=budget))
    return shown(text, readable(text, found))


def test_the_best_units_stay_and_equal_ones_in_reading_order():
    assert chosen("a b c d", 2, [1, 4, 2, 3]) == "b d"
    assert chosen("a b c d", 3, [1, 1, 1, 1]) == "a b c"
    assert chosen("a b c d", 9, [1, 1, 1, 1]) == "a b c d"


def test_what_does_not_fit_is_passed_over_and_never_all():
    text = "One is here. Two. Three stands there too."
    assert chosen(text, 7, [2, 1, 3], "sentences") == "Two. Three stands there too."  # of 4, 2 and 5 tokens
    assert chosen(text, 4, [1, 2, 3], "sentences") == "Two."
    assert chosen("Three stands there too.", 2, [1], "sentences") == "Three stands"


@given(
    st.lists(st.text(alphabet=st.sampled_from("ab .\n中é,"), max_size=40), min_size=1, max_size=3),
    st.integers(1, 30),
    st.sampled_from(["words", "sentences", "tokens"]),
    st.sampled_from(["words", "minilm"]),
    st.randoms(use_true_random=False),
)
def test_what_is_shown_is_within_the_budget(texts, budget, kind, name, random):
    tokenizer = tokenizer_named(name)
    units = [units_of(text, kind, tokenizer.spans(text)) for text in texts]
    scores = [np.array([random.random() for _ in row]) for row in units]
    found = best_units(units, scores, task(*texts, budget=budget, tokenizer=tokenizer))
    assert len(found) == len(texts)
    size = sum(tokenizer.count(shown(text, readable(text, row))) for text, row in zip(texts, found, strict=True))
    assert size <= budget
    for text, row in zip(texts, found, strict=True):
        assert all(a[1] <= b[0] for a, b in pairwise(row))
        assert all(0 <= a < b <= len(text) for a, b in row)
    if any(units):
        assert any(found)


@pytest.mark.parametrize("name", ["words", "minilm", "reader"])
@pytest.mark.parametrize("kind", ["words", "tokens"])
def test_the_budget_is_reached(name, kind, models):
    tokenizer = tokenizer_named(str(models / "reader") if name == "reader" else name)
    text = " ".join(f"Keeper {i} of the lighthouse, at {1800 + i}.\n\n" for i in range(60))
    units = units_of(text, kind, tokenizer.spans(text))
    scores = np.random.default_rng(3).random(len(units))
    for ratio in (2, 4, 8):
        budget = tokenizer.count(text) // ratio
        (found,) = best_units([units], [scores], task(text, budget=budget, tokenizer=tokenizer))
        assert 0.95 * budget <= tokenizer.count(shown(text, readable(text, found))) <= budget
