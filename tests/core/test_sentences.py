"""Sentence spans: known texts, and the law that every character that is not white space lies in exactly one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.sentences import split_sentences


def split(text: str) -> list[str]:
    return [text[a:b] for a, b in split_sentences(text)]


PIECES = [
    *'aA1 .!?:;-*#=`|("。中é\n\t\x1c\r',
    "Mr. ",
    "e.g. ",
    "U.S. ",
    "...",
    "```\n",
    "\n\n",
    "for x:",
    "- b",
    "1. ",
    "x = 1\n",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=80))
def test_every_character_lies_in_exactly_one_sentence(text: str) -> None:
    last = 0
    for start, end in split_sentences(text):
        assert last <= start < end
        assert not text[last:start].strip()
        assert text[start:end] == text[start:end].strip()
        last = end
    assert not text[last:].strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Mr. Smith paid $3.14 to J. R. Tolkien, e.g. for No. 5. See Fig. 3. He left.",
            ["Mr. Smith paid $3.14 to J. R. Tolkien, e.g. for No. 5.", "See Fig. 3.", "He left."],
        ),
        (
            "The U.S. Army came. He moved to the U.S. The end.",
            ["The U.S. Army came.", "He moved to the U.S.", "The end."],
        ),
        ('"Really?" he said. "No." She left.', ['"Really?" he said.', '"No."', "She left."]),
        ("Wait... Then it came?! Yes.", ["Wait...", "Then it came?!", "Yes."]),
        ("So it was.[1] Next (see there.) Last", ["So it was.[1]", "Next (see there.)", "Last"]),
        ("Call sys.path. It is a list. `__len__` too.", ["Call sys.path.", "It is a list.", "`__len__` too."]),
        ("今日は。元気ですか？はい", ["今日は。", "元気ですか？", "はい"]),
        ("यह है। वह है।", ["यह है।", "वह है।"]),
        (
            "sales rose 3.5% in 2011. costs fell. note 12 follows.",
            ["sales rose 3.5% in 2011.", "costs fell.", "note 12 follows."],
        ),
        ("The file foo.py. it goes on.", ["The file foo.py. it goes on."]),
        ("...", ["..."]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_sentence_ends(text: str, expected: list[str]) -> None:
    assert split(text) == expected


def test_a_wrapped_paragraph_is_joined_and_a_list_is_not() -> None:
    text = (
        "The first sentence of this paragraph is wrapped over\n"
        "two lines. The second one is in chapter\n"
        "12. It ends here:\n"
        "- one item that is wrapped onto\n"
        "  a second line\n"
        "- another. With two sentences\n"
        "1. first\n"
        "2. second\n"
    )
    assert split(text) == [
        "The first sentence of this paragraph is wrapped over\ntwo lines.",
        "The second one is in chapter\n12.",
        "It ends here:",
        "- one item that is wrapped onto\n  a second line",
        "- another.",
        "With two sentences",
        "1. first",
        "2. second",
    ]


def test_headings_code_and_tables_stand_alone() -> None:
    text = (
        "Title\n=====\nBody. More.\n\n## Sub\nText\n\n```python\nx = 1. Y\n\ny = 2\n```\n\n"
        "As in:\n\n   yield a\n   yield b\n\n>>> f()\n| a | b |\n"
    )
    assert split(text) == [
        "Title\n=====",
        "Body.",
        "More.",
        "## Sub",
        "Text",
        "```python",
        "x = 1. Y",
        "y = 2",
        "```",
        "As in:",
        "yield a",
        "yield b",
        ">>> f()",
        "| a | b |",
    ]


def test_a_line_that_wrapping_would_have_filled_ends_a_unit() -> None:
    text = (
        "A short caption\nThis paragraph has much longer lines, which were wrapped by hand at about\nEighty characters."
    )
    assert split(text)[0] == "A short caption"
    assert split(text)[1].endswith("Eighty characters.")


@pytest.mark.parametrize(
    "text", ["a" * 300_000, "A. " * 100_000, " " * 300_000 + "a", "\n" * 300_000, "." * 300_000, '."' * 100_000]
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    start = time.perf_counter()
    split_sentences(text)
    assert time.perf_counter() - start < 30  # quadratic time would be hours
