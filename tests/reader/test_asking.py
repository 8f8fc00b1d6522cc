"""Rule-made questions: the right words for what is asked, and answers that stand in the sentence."""

from __future__ import annotations

import itertools
import random

import pytest

from experiments.reader.asking import Question, casual, question, questions
from experiments.reader.clauses import clauses
from experiments.reader.excerpts import Menu, about, segments, span
from experiments.reader.lexicon import Lexicon
from experiments.reader.phrases import Sentence
from experiments.reader.retelling import Topic

LEXICON = Lexicon(
    kinds={"engineer": "H", "years": "T", "year": "T", "president": "H"},
    base={"was": "be", "built": "build", "wrote": "write", "written": "write", "led": "lead", "held": "hold"},
    past={"build": "built", "write": "wrote", "lead": "led", "hold": "held"},
    participle={"build": "built", "write": "written", "lead": "led", "hold": "held"},
    nouns={},
    synonyms={},
    names={"Paris": ("L", "city"), "Norwich": ("L", "city")},
    first_names=frozenset({"Mary", "John"}),
    verbs=frozenset("build write lead hold move open close cost carry resign".split()),
)
# sentence and its letters, as the tagger gives them
BUILT = ("In 1884 John Houlding built a large stadium in Norwich.", "I#HHDdJNIL.")
PASSIVE = ("The novel was written by Mary Stone in 1921.", "dNBnIHHI#.")
APPOSED = ("Mary Stone, the president of the republic, resigned in May 1990.", "HH,dNIdN,DIm#.")
COUNTED = ("The new stadium holds 61,276 people on two floors.", "dJNZ#SI#S.")
REASON = ("The club moved to Paris because the old ground had been closed by the city.", "dNDILQdJNAbnIdN.")
PRONOUN = ("She moved to Paris in 1901 with three brothers.", "hDILI#I#S.")
RELATIVE = ("Mary Stone, who led the famous expedition to Norwich, was an engineer.", "HH,WDdJNIL,BdN.")
ALL = (BUILT, PASSIVE, APPOSED, COUNTED, REASON, PRONOUN, RELATIVE)


def many(pair: tuple[str, str], n: int = 300, topic: Topic | None = None) -> dict[tuple[str, str], Question]:
    rng = random.Random(7)
    found = (question(rng, *pair, LEXICON, topic) for _ in range(n))
    return {(q.text, q.answer): q for q in found if q is not None}


@pytest.mark.parametrize("pair", ALL)
def test_the_answer_is_the_span_that_is_named_and_is_not_given_away(pair: tuple[str, str]) -> None:
    for q in many(pair, topic=Topic("Ann Lee", person=True)).values():
        assert pair[0][q.start : q.end] == q.answer
        assert q.answer.lower() not in q.text.lower()
        assert q.text.endswith("?")
        assert q.text[0].isupper()
        assert "  " not in q.text


def asks(pair: tuple[str, str], start: str, answer: str, topic: Topic | None = None) -> list[str]:
    return [text for text, got in many(pair, topic=topic) if text.startswith(start) and got == answer]


def test_who_when_where_and_what_of_one_event() -> None:
    assert asks(BUILT, "Who built", "John Houlding")
    assert asks(BUILT, "When did John Houlding build", "1884")
    assert asks(BUILT, "Where did John Houlding", "Norwich")
    assert asks(BUILT, "What did John Houlding", "large stadium")


def test_a_passive_is_asked_about_actively_and_passively() -> None:
    assert asks(PASSIVE, "Who wrote", "Mary Stone")
    assert asks(PASSIVE, "Who was the novel written by", "Mary Stone")
    assert asks(PASSIVE, "When was the novel written", "1921")


def test_an_apposition_names_its_holder() -> None:
    assert asks(APPOSED, "Who is the president of the republic?", "Mary Stone") or asks(
        APPOSED, "Who was the president of the republic?", "Mary Stone"
    )


def test_numbers_are_asked_for_with_what_they_count() -> None:
    assert asks(COUNTED, "How many people does the", "61,276")


def test_reasons_are_asked_for_with_why() -> None:
    found = asks(REASON, "Why did the club", "the old ground had been closed by the city")
    assert found or asks(REASON, "Why did the club", "because the old ground had been closed by the city")


def test_a_relative_clause_has_its_antecedent_as_subject() -> None:
    kinds = [(c.kind, RELATIVE[0].split(",")[0]) for c in clauses(Sentence(*RELATIVE)) if c.kind == "relative"]
    assert kinds == [("relative", "Mary Stone")]
    assert asks(RELATIVE, "Who ", "Mary Stone")


def test_a_pronoun_is_asked_about_only_where_the_topic_tells_its_meaning() -> None:
    assert not many(PRONOUN)
    assert not many(PRONOUN, topic=Topic("The Tower", person=False))
    assert asks(PRONOUN, "When did Ann Lee move", "1901", Topic("Ann Lee", person=True))


def test_no_question_keeps_a_bare_pronoun() -> None:
    for pair in ALL:
        for text, _ in many(pair):
            assert not {"he", "she", "it", "they", "him", "them"} & set(text.lower().rstrip("?").split())


def test_the_same_seed_asks_the_same() -> None:
    first = [questions(random.Random(k), *BUILT, LEXICON, most=3) for k in range(50)]
    assert first == [questions(random.Random(k), *BUILT, LEXICON, most=3) for k in range(50)]


def test_several_questions_of_a_sentence_have_answers_apart() -> None:
    for k in range(200):
        found = questions(random.Random(k), *BUILT, LEXICON, most=3)
        spans = sorted((q.start, q.end) for q in found)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


def test_untagged_or_mismatched_sentences_are_passed_over() -> None:
    assert question(random.Random(0), BUILT[0], "", LEXICON) is None
    assert question(random.Random(0), BUILT[0], "DN", LEXICON) is None


def test_casual_changes_letters_and_mark_alone() -> None:
    rng = random.Random(0)
    seen = {casual(rng, "Who built it?") for _ in range(500)}
    assert seen == {"Who built it?", "who built it?", "who built it", "Who built it"}


def document(pairs: tuple[tuple[str, str], ...], title: str = "Norwich") -> dict[str, object]:
    text = ""
    offsets: list[list[int]] = []
    for sentence, _ in pairs:
        text += "\n\n" if len(offsets) % 3 == 2 else " " if text else ""
        offsets.append([len(text), len(text) + len(sentence)])
        text += sentence
    return {
        "title": title,
        "kind": "encyclopaedia",
        "text": text,
        "sentences": offsets,
        "tags": [tags for _, tags in pairs],
    }


def test_segments_join_to_the_documents_text() -> None:
    made = document(ALL)
    assert "".join(segments(made, 0, len(ALL))) == made["text"]
    assert "".join(segments(made, 2, 5)) in str(made["text"])


def test_an_excerpt_keeps_to_its_room() -> None:
    made = document(ALL * 4)
    for k in range(50):
        first, last = span(random.Random(k), made, 300)
        assert 0 <= first < last <= len(ALL) * 4
        assert len("".join(segments(made, first, last))) <= 300


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_answers_stand_in_the_needed_segment_after_renaming_and_absent_ones_nowhere(share: float) -> None:
    made, other = document(ALL), document((BUILT, COUNTED), "Ipswich")
    other["text"] = str(other["text"]).replace("61,276", "40,102")
    absent = 0
    for k in range(150):
        example = about(random.Random(k), made, LEXICON, room=2000, menu=Menu(absent=0.5, blurred=share), other=other)
        for one in example.asked:
            if one.answerable:
                assert one.answer in example.segments[one.needs[0]]
            else:
                absent += 1
                assert one.needs == ()
    assert absent > 20


def test_blurred_questions_are_typed_as_people_type_and_strange_ones_name_what_is_not_there() -> None:
    made = document(ALL)
    other = document((("Zorvath moved to Quelm in 1901.", "PDILI#."),), "Zorvath")
    menu = Menu(absent=1.0, strange=1.0, blurred=1.0, names=0.0)
    asked = [
        a for k in range(150) for a in about(random.Random(k), made, LEXICON, room=2000, menu=menu, other=other).asked
    ]
    plain = [a.question for a in asked if a.answerable]
    strange = [a.question.lower() for a in asked if not a.answerable]
    assert len(plain) > 100 and len(strange) > 10
    assert 0.3 < sum(q == q.lower() for q in plain) / len(plain) < 0.9
    # A few are misspelt.
    assert sum("zorvath" in q or "quelm" in q for q in strange) > 0.9 * len(strange)
