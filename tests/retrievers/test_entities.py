"""Entities: what each rule finds, what spellings share, and that no text with words goes without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrievers.analyze import words
from retrievers.entities import mentions
from retrievers.spelling import fits, is_acronym, normalise, number_key


def keys(text: str, kind: str = "", longest: int = 1) -> list[str]:
    return [m.key for m in mentions(text, longest) if kind in ("", m.kind)]


def test_names_with_connectors_and_their_parts() -> None:
    found = keys("He met the Duke of York and Ludwig van Beethoven in Den Haag.", "name")
    assert found == ["duke of york and ludwig van beethoven", "duke", "york", "ludwig van beethoven", "den haag"]
    assert keys("In The Hague, However, Zoë O’Neil-Smith's dog ran", "name") == ["hague", "zoe o'neil-smith"]
    assert keys("A. B. Yates read it.", "name") == ["a. b. yate"]


def test_numbers_years_and_dates() -> None:
    text = "On 5 May 2004, 1,204 of 3.5 million left; 2004-05-06 and June 1999 and March 3, 1820, in 1850."
    assert keys(text, "number") == ["5 may 2004", "1204", "3.5", "2004-05-06", "june 1999", "march 3 1820", "1850"]


def test_acronyms_stand_for_their_expansions_at_every_place() -> None:
    text = "The World Health Organization (WHO) met. Later the WHO left. The UN (United Nations) stayed."
    found = keys(text)
    assert found.count("world health organization") == 3
    assert found.count("who") == 2
    assert found.count("united nation") == 2
    assert "ut" not in keys("The University of Texas (UT) and the Big House (XY)", "name")
    assert keys("The Big House (XY) burned", "name") == ["big house"]


def test_function_words_are_no_entities_but_capitals_are() -> None:
    assert keys("Who told us that they were there?") == words("Who told us that they were there?")  # nothing else
    assert keys("The US Army and WHO told us", "acronym") == ["who"]
    assert "us army" in keys("The US Army and WHO told us", "name")[0]


def test_quotes_links_and_headings() -> None:
    text = "# The Long Road\nHe sang \"Hello Love\" and ``Blue Moon'' [a map](http://x.org/y) of [[Paris|the city]].\n"
    assert keys(text, "title") == ["long road", "hello love", "blue moon"]
    assert keys(text, "link") == ["map", "paris", "city"]
    spans = {text[m.start : m.end] for m in mentions(text) if m.kind in ("title", "link")}
    assert spans == {"The Long Road", "Hello Love", "Blue Moon", "a map", "[[Paris|the city]]"}


def test_phrases_are_bounded_by_function_words() -> None:
    text = "the church courts of secular societies"
    assert keys(text, "phrase", 1) == ["church", "court", "secular", "society"]
    assert keys(text, "phrase", 2) == ["church court", "church", "court", "secular society", "secular", "society"]
    assert keys("Rome has church courts", longest=0) == ["rome"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Smiths'", "Smith"),
        ("Akinoshū Kenji", "AKINOSHU  Kenji"),
        ("U.S.", "US"),
        ("Côte d’Ivoire's", "cote d'Ivoire"),
        ("World_War_II", "World War II"),
        ("cities", "City"),
        ("Churches", "church"),
        ("“Hello”", "hello"),
    ],
)
def test_spellings_of_one_entity(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


def test_words_that_only_look_like_plurals_stay() -> None:
    assert [normalise(w) for w in ("bus", "Paris", "class", "Texas"[:3])] == ["bus", "paris", "class", "tex"]
    assert number_key("1,204,000") == "1204000"
    assert is_acronym("NATO") and not is_acronym("Nato") and not is_acronym("123")
    assert fits("UNESCO", "United Nations Educational, Scientific and Cultural Organization")
    assert not fits("WHO", "World Trade Organization")


@pytest.mark.parametrize(
    "text",
    ["東京は日本の首都です。", "กรุงเทพมหานคร", "القاهرة عاصمة مصر", "서울은 수도이다", "नई दिल्ली", "ירושלים", "о н и"],
)
def test_scripts_without_capitals_yield_the_terms_of_a_sparse_index(text: str) -> None:
    assert set(words(text)) <= set(keys(text))


def test_names_in_other_alphabets() -> None:
    assert keys("Лев Толстой жил в Москве", "name") == ["лев толстой", "москве"]
    assert keys("Η Αθήνα και ο Όμηρος", "name")[-1] == "ομηρος"


@given(st.text(max_size=200))
def test_laws(text: str) -> None:
    for longest in (0, 2):
        found = mentions(text, longest)
        assert bool(found) >= bool(words(text))
        assert all(0 <= m.start < m.end <= len(text) and m.key for m in found)
        assert [m.start for m in found] == sorted(m.start for m in found)


def test_long_runs_are_cut_and_cost_no_more_than_their_length() -> None:
    # A pattern that backtracks would take hours on these.
    for text in (
        "A " * 50_000,
        "[" * 100_000,
        '"' * 100_000,
        "A. " * 50_000,
        "1," * 50_000,
        "a-" * 50_000,
        "[a](" * 20_000,
    ):
        assert all(len(m.key) <= 120 for m in mentions("Rome " + text))
    assert keys("Rome " + "x" * 1000) == ["rome"]
    assert keys("x" * 1000) == ["x" * 1000]  # nothing else is there
