"""Refusals: which texts decline to answer, which only hold words of refusal, and where in a text a refusal stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.score.offline_text import plain
from pipeline.score.refusal import declines, refusal

DECLINES = [
    "unanswerable",
    "Unanswerable.",
    "Not mentioned.",
    "N/A",
    "Unspecified",
    "I don't know.",
    "I do not know the answer to this question.",
    "I cannot answer this from the passages.",
    "I can't find anything about a dog.",
    "Unable to determine.",
    "It is impossible to say from the excerpt.",
    "The answer cannot be determined from the context.",
    "Sorry, there is nothing about that here.",
    "I apologize, but I cannot find any information about the lighthouse in these chunks.",
    "The text does not mention the colour of the door.",
    "The text doesn't say.",
    "Paper 3 does not discuss the energy consumption of the method.",
    "The provided chunks do not contain information on sales in Peru.",
    "The financial statement doesn’t explicitly provide a forecast for 2026.",
    "The colour of the door is not mentioned in the text.",
    "No specific metrics are proposed.",
    "No forecast provided.",
    "None are mentioned in the excerpt.",
    "There is no information about the captain's age.",
    "There's no mention of a ship in the given chapters.",
    "Nowhere is it said who built the tower.",
    "The author never specifies the year.",
    "Nothing in the passage suggests that she had a sister.",
    "There is not enough information to answer.",
    "It is unclear from the text who opened the letter.",
    "The document lacks details on staff turnover.",
    "**The passage does not say** who opened the letter.",
    "The text does not mention a ship. It focuses on the family's life on the farm.",
    "The excerpts do not say when the mill closed. Further information would be needed to answer.",
]

ANSWERS = [
    "",
    "   \n",
    "Paris",
    "42",
    "No",
    "No, the company did not pay a dividend in 2023.",
    "The company paid no dividends.",
    "She did not go to the ball because her dress was torn.",
    "He never learned to swim.",
    "The function returns None.",
    "It raises KeyError if the key is not found in the mapping.",  # what is told of happens, not the telling
    "A failure that occurs when a question cannot be answered from the documents.",
    "The authors claim that accuracy is not directly correlated with size.",
    "They were drawn by the pursuit of the unknown.",
    "The statement has no effect.",
    "The table contains no duplicates.",
    "The note makes no difference to the balance.",
    "Neither of the two brothers inherited the mill.",
    "Paper 1 uses adapters, while paper 2 does not mention adapters but prunes heads, which makes inference faster.",
    "The text says that the door was green, but it does not say who painted it.",
    "He was unable to lift the stone.",
]


@pytest.mark.parametrize("text", DECLINES)
def test_declines(text):
    assert declines(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers(text):
    assert not declines(text)


@pytest.mark.parametrize(
    "text",
    [
        "The exact date is not given. The fair was held in the spring of 1911, after the river had thawed and the "
        "ferry was running again, and Anna writes in her diary that the apple trees behind the mill were in blossom.",
        "The text does not name the painter. However, the picture was signed by Anna on the evening of her wedding, "
        "and her brother carried it to the gallery himself, where it won the second prize of that year.",
    ],
)
def test_a_refusal_that_is_followed_by_an_answer_does_not_decline(text):
    profile = refusal(plain(text))
    assert profile.first and profile.claims > 25
    assert not declines(text)


def test_profile_tells_where_a_text_refuses():
    text = "The ship sailed in May. The text does not say who steered it; the mate, however, may have been Anna."
    profile = refusal(plain(text))
    assert profile.refuses == (False, True, False)
    assert profile.words == (5, 8, 7)
    assert profile.share == pytest.approx(8 / 20)
    assert profile.rest == 12
    assert (profile.any, profile.first) == (True, False)
    assert profile.turning == pytest.approx(7 / 20)
    assert profile.kept == "The ship sailed in May. the mate, however, may have been Anna."


def test_a_denial_is_no_refusal():
    profile = refusal("No mission was assigned to him. He stayed at home.")
    assert profile.refuses == (False, False)
    assert profile.denies == (True, False)


def test_hedged_refusals_are_told_apart():
    assert refusal("The report does not explicitly mention a forecast.").hedged
    assert not refusal("The report does not mention a forecast.").hedged


REFUSALS = [text for text in DECLINES if " " in text]


@given(st.lists(st.sampled_from(REFUSALS), min_size=1, max_size=4))
def test_refusals_one_after_another_decline(texts):
    assert declines(" ".join(texts))


@given(st.sampled_from(DECLINES), st.sampled_from(["  {}  ", "\n{}\n\n", "\t{}"]))
def test_blanks_around_a_text_change_nothing(text, frame):
    assert declines(frame.format(text))


@given(st.text(max_size=300))
def test_any_text_has_a_consistent_profile(text):
    profile = refusal(plain(text))
    assert len(profile.refuses) == len(profile.denies) == len(profile.turns) == len(profile.meta) == len(profile.words)
    assert not any(r and d for r, d in zip(profile.refuses, profile.denies, strict=True))
    assert 0.0 <= profile.share <= 1.0
    assert 0.0 <= profile.turning <= 1.0 - profile.share + 1e-9
    assert profile.claims <= profile.rest
    if declines(text):
        assert profile.any
