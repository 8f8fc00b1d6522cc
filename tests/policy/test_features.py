"""Features of a question, its documents and an answer: known values, laws, odd texts, one value on every machine."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Document, Section
from pipeline.policy.features import (
    BITS,
    FEATURES,
    answer_features,
    document_features,
    known_feature,
    ngrams,
    part_name,
    question_features,
)
from pipeline.policy.lexicon import names, numbers, stems, words

QUESTION = 'How many ships did Captain Ahab\'s "Pequod" chase, compared with those in paper 2 and paper 3 by 1851?'
ODD = {
    "empty": "",
    "blank": " \n\t ",
    "punctuation": "?!... --- «»",
    "chinese": "公司在二零二三年的总收入是多少？",
    "arabic": "ما هي عاصمة فرنسا؟",
    "hindi": "भारत की राजधानी क्या है?",
    "emoji": "🙂🙂 👩‍👩‍👧",
    "surrogate": "half \ud800 a pair",
    "control": "a\x00b\x1f",
}


def of(prefix: str) -> set[str]:
    return {name for name in FEATURES if name.startswith(prefix)}


def test_a_question_by_hand():
    f = question_features(QUESTION)
    expected = {
        "question.words": 19,
        "question.characters": len(QUESTION),
        "question.asks_how": 1,
        "question.asks_what": 0,
        "question.how_many": 1,
        "question.asking_position": 0,
        "question.comparison": 1,
        "question.aggregation": 1,
        "question.references": 2,
        "question.distinct_references": 2,
        "question.names": 3,
        "question.numbers": 1,
        "question.quotes": 2,
        "question.commas": 1,
        "question.ands": 1,
        "question.question_marks": 1,
        "question.possessives": 1,
        "question.other_script": 0,
    }
    assert {name: f[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("Is it so?", "question.asks_whether", 1),
        ("Did the firm say why?", "question.asks_why", 0),  # the first such word counts
        ("Please summarize the plot.", "question.tells_task", 1),
        ("the plot, please", "question.asking_position", 3),
        ("Why did sales fall in March 2020?", "question.time", 2),
        ("What does NASA say of the EU?", "question.acronyms", 2),
        ("Что это такое, Watson?", "question.other_script", 11 / 17),
        ("What is expected next year?", "question.future", 2),
    ],
)
def test_cues(text, name, value):
    assert question_features(text)[name] == pytest.approx(value)


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_texts_have_all_features(text):
    f = question_features(text)
    assert set(f) == of("question.")
    assert all(math.isfinite(x) for name, x in f.items() if name != "question.other_script")
    answered = answer_features(text, text, declined=False)
    assert set(answered) <= of("answer.")
    assert all(math.isfinite(x) for x in answered.values())
    d = document_features([Document("d", text)])
    assert set(d) == of("document.")
    assert d["document.tokens"] == len(text) / 4
    assert all(known_feature(name) for name in ngrams(text))


@given(st.text())
def test_any_text_is_read(text):
    f = question_features(text) | ngrams(text)
    assert all(isinstance(x, float) for x in f.values())
    assert 0 <= f["question.stop_share"] <= 1
    assert all(word for word in words(text))


UNITS = ("from ", "A-", "'", "paper ", "9,", "(", " \n", "not ", "a.b ", "Ab ", "界", "AA--", "- ")


@pytest.mark.parametrize(("unit", "size"), [("why ", 1_000_000), *((unit, 200_000) for unit in UNITS)], ids=ascii)
def test_long_texts_are_read_in_one_go(unit, size):
    """Patterns that look back over what they have read would take hours."""
    text = unit * (size // len(unit))
    assert question_features(text)["question.characters"] == len(text)
    assert answer_features("", text, declined=False)["answer.length_ratio"] > 10
    assert sum(ngrams(text).values()) >= 0
    assert document_features([Document("d", text)])["document.count"] == 1


def test_ngrams_are_counts_in_buckets_that_crc32_gives():
    def bucket(gram: str) -> str:
        return f"ngram.{zlib.crc32(gram.encode()) % 2**BITS}"

    found = ngrams("The cat, the CAT of 1984 — 'x'")
    expected: dict[str, float] = {}
    grams = ["the", "cat", "the", "cat", "of", "the cat", "cat the", "the cat", "cat of"]
    for gram in grams:
        expected[bucket(gram)] = expected.get(bucket(gram), 0) + 1
    assert found == expected
    assert zlib.crc32(b"the cat") == 0xF1136BC8  # so that another language's CRC-32 can be held against it


@given(st.text(), st.sampled_from([4, 13, 18]))
def test_ngrams_take_the_words_that_scikit_learn_takes(text, bits):
    from sklearn.feature_extraction.text import CountVectorizer

    grams = CountVectorizer(ngram_range=(1, 2)).build_analyzer()(re.sub(r"\d+", "0", text.lower()))
    found = ngrams(text, bits)
    assert sum(found.values()) == len(grams)
    assert all(0 <= int(name.removeprefix("ngram.")) < 1 << bits for name in found)


def test_documents_by_hand():
    text = "# One\nIt is 42.\n# Two\n| a | B |\n"
    sections = (Section("paper 1", 0, 16), Section("Item 7. What counts", 16, 33), Section("Results", 20, 33))
    f = document_features([Document("a", text, sections=sections), Document("b", None, stated_tokens=100)])
    assert f["document.tokens"] == len(text) / 4 + 100
    assert f["document.log_tokens"] == math.log(len(text) / 4 + 100)
    assert (f["document.known"], f["document.count"]) == (0.5, 2)
    assert (f["document.parts"], f["document.sections"]) == (2, 3)
    assert f["document.digits"] == 2 / len(text)
    assert f["document.headings"] == 2 / len(text) * 1e4
    assert f["document.upper_case"] == 4 / len(text)
    assert f["document.line_length"] == len(text) / 4
    assert f["document.tables"] == 3 / len(text) * 1e3
    assert f["document.vocabulary"] == 7 / math.sqrt(7)


def test_what_is_not_known_of_documents_is_nan():
    stated = document_features([Document("a", None, stated_tokens=7)])
    assert (stated["document.tokens"], stated["document.known"]) == (7, 0)
    assert {name for name, x in stated.items() if math.isnan(x)} >= {"document.digits", "document.parts"}
    unknown = document_features([Document("a", None), Document("b", "x" * 40)])
    assert math.isnan(unknown["document.tokens"])
    assert unknown["document.known"] == 0.5
    nothing = document_features([])
    assert math.isnan(nothing["document.tokens"])
    assert nothing["document.count"] == 0


def test_names_of_documents_and_sections_apart_from_their_numbers_do_not_count():
    one = document_features([Document("32k_paper_1", "A text of some words.", title="Gold")])
    assert one == document_features([Document("zzz", "A text of some words.", title="Silver")])


def test_repetition_compresses():
    def compressed(text: str) -> float:
        return document_features([Document("a", text)])["document.compressed"]

    assert compressed("abc " * 1000) < 0.05 < compressed("".join(chr(33 + i * i % 89) for i in range(100)))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("paper 1", "paper 1"),
        ("Chapter 3: The Storm", "chapter 3"),
        ("Item 7A. Risk", "item 7a"),
        ("ACT IV", "act iv"),
        ("Appendix B — Proofs", "appendix b"),
        ("Llama 2 and its kin", ""),
        ("Is a picture enough", ""),
        ("In 2015", ""),
        ("Results", ""),
        ("", ""),
    ],
)
def test_parts_are_called_by_kind_and_number(title, name):
    assert part_name(title) == name


def test_an_answer_by_hand():
    f = answer_features(
        "How many ships sailed?",
        "However, 12 ships and 3 boats sailed (5%). The text does not mention more.\n- None",
        declined=True,
    )
    expected = {
        "answer.declined": 1,
        "answer.words": 15,
        "answer.hedges": 2,
        "answer.denials": 1,
        "answer.denies_first": 1,
        "answer.says_no": 0,
        "answer.numbers": 3,
        "answer.new_numbers": 3,
        "answer.percent_and_money": 1,
        "answer.sentences": 2,
        "answer.list_items": 1,
        "answer.names_source": 1,
        "answer.brackets": 1,
        "answer.lines": 1,
    }
    assert {name: f[name] for name in expected} == expected


def test_an_answer_that_repeats_the_question_echoes():
    question = "Which harbour did the frigate leave?"
    same = answer_features(question, question, declined=False)
    assert (same["answer.echo"], same["answer.question_coverage"], same["answer.new_terms"]) == (1, 1, 0)
    other = answer_features(question, "Lisbon.", declined=False)
    assert (other["answer.echo"], other["answer.question_coverage"], other["answer.new_terms"]) == (0, 0, 1)
    assert answer_features(question, "No.", declined=False)["answer.says_no"] == 1
    assert answer_features(question, "Northern ports.", declined=False)["answer.says_no"] == 0


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("document.tokens", True),
        ("ngram.0", True),
        ("ngram.8191", True),
        ("vector.383", True),
        ("before.rag", True),
        ("before.self_route", True),
        ("reader.window", True),
        ("ngram.01", False),
        ("ngram.-1", False),
        ("ngram.", False),
        ("vector.1e3", False),
        ("before.", False),
        ("question.gold", False),
        ("document.tokens\n", False),
        ("ngram.1\n", False),
        ("", False),
    ],
)
def test_known_names(name, known):
    assert known_feature(name) is known


def test_every_name_says_what_it_is():
    assert all(line.endswith(".") and 5 < len(line) < 120 for line in FEATURES.values())
    assert len(set(FEATURES.values())) > 0.9 * len(FEATURES)


def test_words_in_any_script():
    assert words("Ahab’s  x_y U.S. 1,250.5 o'clock") == ["ahab's", "x", "y", "u.s", "1,250.5", "o'clock"]
    assert words("総収入 ok") == ["総収", "収入", "ok"]
    assert words("राजधानी क्या") == ["राजधानी", "क्या"]
    assert stems("Running ships' captains") == ["run", "ship", "captain"]
    assert names("The Whale met Ahab. Then Mr Starbuck left.") == ["Whale", "Ahab", "Mr", "Starbuck"]
    assert numbers("In table 3, 1,250.5 of 7.") == ["1,250.5", "7"]


SCRIPT = f"""
import json, sys
from pipeline.core.records import Document
from pipeline.policy.features import *
f = question_features({QUESTION!r}) | ngrams({QUESTION!r}) | document_features([Document("a", {QUESTION!r})])
loaded = sorted({{"numpy", "Stemmer", "torch"}} & set(sys.modules))
f |= answer_features({QUESTION!r}, "It chased 12 ships.", declined=False)
print(json.dumps([f, loaded]))
"""


def test_the_same_in_every_process_and_without_arrays():
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    found, loaded = json.loads(runs[0])
    assert loaded == []
    assert found.items() >= (question_features(QUESTION) | ngrams(QUESTION)).items()
