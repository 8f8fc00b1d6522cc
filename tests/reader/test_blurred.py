"""Blurred questions: the answer is a span of its type, never in the question; pieces, targets and typing."""

from __future__ import annotations

import random

import pytest

from experiments.reader.asking import Question
from experiments.reader.blurred import blurred, estranged, names_in, typed
from experiments.reader.blurred_answers import Target, asking_words, targets
from experiments.reader.blurred_pieces import pieces
from experiments.reader.lexicon import Lexicon
from experiments.reader.phrases import Sentence
from experiments.reader.retelling import Topic

LEXICON = Lexicon(
    kinds={"engineer": "H", "singer": "H", "president": "H", "stadium": "t", "year": "T"},
    base={"was": "be", "built": "build", "wrote": "write", "written": "write", "held": "hold", "sang": "sing"},
    past={"build": "built", "write": "wrote", "hold": "held", "sing": "sang"},
    participle={"build": "built", "write": "written", "hold": "held", "sing": "sung"},
    nouns={},
    synonyms={},
    names={"Paris": ("L", "city"), "Norwich": ("L", "city")},
    first_names=frozenset({"Mary", "John"}),
    verbs=frozenset("build write hold move open cost release sing play marry resign create make".split()),
)
# sentence and its letters, as the tagger gives them
BUILT = ("In 1884 John Houlding built a large stadium in Norwich.", "I#HHDdJNIL.")
PASSIVE = ("The novel Dracula was written by Dr. Mary Stone in 1921.", "dNPBnIHHHI#.")
DATED = ("The album was released in Norwich on March 9, 2018.", "dNBnILIm#,#.")
COUNTED = ("The stadium holds 61,276 people and cost $ 20 million.", "dNZ#ScD$##.")
LISTED = ("Mary Stone, John Houlding and Ann Lee wrote the song.", "HH,HHcHHDdN.")
RANGED = ("The war was fought from 1914 to 1918 in Norwich.", "dNBnI#I#IL.")
PRONOUN = ("She moved to Paris in 1901 with her mother.", "hDILI#IXN.")
ALL = (BUILT, PASSIVE, DATED, COUNTED, PRONOUN)


def many(pair: tuple[str, str], n: int = 400, **given: object) -> list[Question]:
    rng = random.Random(5)
    return [q for _ in range(n) for q in blurred(rng, *pair, LEXICON, enough=0.1, **given)]  # type: ignore[arg-type]


@pytest.mark.parametrize("pair", ALL)
def test_the_answer_is_the_span_that_is_named_and_none_of_its_words_is_asked_with(pair: tuple[str, str]) -> None:
    found = many(pair, topic=Topic("Ann Lee", person=True), title="Ann Lee")
    assert len(found) > 100
    for q in found:
        assert pair[0][q.start : q.end] == q.answer
        content = {w.lower() for w in q.answer.split(" ")} - {"on", "in", "of", "the"}
        assert content.isdisjoint(q.text.lower().split(" ")), q
        assert "  " not in q.text
        assert q.text == q.text.strip()


@pytest.mark.parametrize(
    ("pair", "start", "answer"),
    [
        (BUILT, "who built", "John Houlding"),
        (BUILT, "when did", "1884"),
        (BUILT, "where did John Houlding build", "Norwich"),
        (PASSIVE, "who wrote", "Mary Stone"),
        (PASSIVE, "what novel", "Dracula"),
        (DATED, "when", "March 9, 2018"),
        (COUNTED, "how many people", "61,276"),
        (COUNTED, "how much", "$ 20 million"),
    ],
)
def test_the_question_word_fits_the_answer(pair: tuple[str, str], start: str, answer: str) -> None:
    assert any(q.text.startswith(start) and q.answer == answer for q in many(pair)), {q.text for q in many(pair)}


def test_answers_have_the_borders_that_people_give_them() -> None:
    def spans(pair: tuple[str, str]) -> dict[str, Target]:
        s = Sentence(*pair)
        return {s.between(t.i, t.j): t for t in targets(s, LEXICON)}

    assert spans(PASSIVE)["Mary Stone"].kind == "person"
    assert spans(PASSIVE)["Dracula"].noun == "novel"
    assert spans(DATED)["March 9, 2018"].kind == "date"
    assert spans(BUILT)["Norwich"].noun == "city"
    assert "John Houlding" not in spans(LISTED)
    assert not {"1914", "1918"} & set(spans(RANGED))
    assert not any(t.kind == "noun" for t in targets(Sentence(*BUILT), LEXICON, nouns=False))


def test_a_year_is_asked_for_as_one_and_a_person_by_trade_where_it_is_told() -> None:
    rng = random.Random(3)
    years = {asking_words(rng, Target(0, 1, "year", "", 1.0)) for _ in range(60)}
    assert {"when", "what year"} <= years
    people = {asking_words(rng, Target(0, 2, "person", "singer", 1.0)) for _ in range(60)}
    assert "who" in people
    assert {"what singer", "which singer"} & people


def test_pieces_are_names_verbs_and_nouns_with_their_adjectives() -> None:
    s = Sentence(*BUILT)
    assert [(s.between(c.i, c.j), c.kind) for c in pieces(s)] == [
        ("1884", "number"),
        ("John Houlding", "key"),
        ("built", "verb"),
        ("large stadium", "noun"),
        ("Norwich", "key"),
    ]


def test_a_pronoun_is_called_by_what_the_topic_says_it_means() -> None:
    assert any("Ann Lee" in q.text for q in many(PRONOUN, topic=Topic("Ann Lee", person=True)))
    assert not any("Ann Lee" in q.text for q in many(PRONOUN))


def test_words_vary_and_some_are_not_of_the_sentence() -> None:
    texts = {q.text for q in many(PASSIVE, title="Gothic Tales", near=[("Bram Castle knew it.", "LLDh.")])}
    words = {w.lower() for text in texts for w in text.split(" ")}
    assert len(texts) > 60
    assert {"author", "gothic", "book"} <= words
    assert {"bram", "castle"} & words


def test_a_title_that_is_no_name_is_not_asked_with() -> None:
    assert not any("volume" in q.text for q in many(BUILT, title="Stadium: a large volume of seats"))


def test_a_question_of_another_text_has_none_of_this_texts_names() -> None:
    rng = random.Random(2)
    names = {"H": ["Igor Vane"], "L": ["Tarsk"], "P": ["Ivanhoe"]}
    found = [estranged(rng, *PASSIVE, LEXICON, names=names, text=PASSIVE[0]) for _ in range(200)]
    asked = [text for text in found if text]
    assert len(asked) > 50
    assert all("Ivanhoe" in text or "Igor Vane" in text for text in asked)
    # A name that the text holds makes no stranger.
    assert not any(
        estranged(rng, *PASSIVE, LEXICON, names=names, text="Ivanhoe met Igor Vane in Tarsk.") for _ in range(50)
    )


def test_names_in_a_document_are_listed_once_by_letter() -> None:
    found = names_in([BUILT[0], PASSIVE[0], BUILT[0]], [BUILT[1], PASSIVE[1], BUILT[1]])
    assert found == {"H": ["John Houlding", "Dr. Mary Stone"], "L": ["Norwich"], "P": ["Dracula"]}
    assert names_in(["No prose."], [""]) == {}


def test_typing_gives_queries_and_sentences() -> None:
    rng = random.Random(1)
    forms = {typed(rng, "who wrote Dracula") for _ in range(300)}
    assert {"who wrote dracula", "Who wrote Dracula?", "Who wrote dracula?"} <= forms
    assert any(form.lower().rstrip("?") != "who wrote dracula" for form in forms)  # misspelt


def test_what_is_no_prose_has_no_question() -> None:
    rng = random.Random(1)
    assert blurred(rng, BUILT[0], "", LEXICON) == []
    assert blurred(rng, BUILT[0], BUILT[1] + "N", LEXICON, enough=0.1) == []


def test_the_same_seed_gives_the_same_questions() -> None:
    assert many(PASSIVE, 50) == many(PASSIVE, 50)
