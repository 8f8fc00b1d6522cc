"""Headings: known texts of each kind, and what must not be taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Section
from retrievers.headings import Heading, find_sections, html_headings, markdown_headings, nested, numbered_headings


def titles(text: str) -> list[tuple[str, str]]:
    return [(s.title, text[s.start : s.end]) for s in find_sections(text)]


def test_markdown() -> None:
    text = (
        "---\ntitle: x\n---\n"
        "# One #\ntext\n"
        "```sh\n# no heading\n```\n"
        "Under\n===\n\nmore\n\nLower\n---\n"
        "~~~\n# nor this\n```\n~~~~\n"
        "### Deep\r\nend"
    )
    assert [(h.level, h.title) for h in markdown_headings(text)] == [
        (1, "One"),
        (1, "Under"),
        (2, "Lower"),
        (3, "Deep"),
    ]
    assert all(text[h.start :].startswith((f"{'#' * h.level} {h.title}", h.title)) for h in markdown_headings(text))
    assert [t for t, _ in titles(text)] == ["One", "Under", "Lower", "Deep"]


@pytest.mark.parametrize(
    "text",
    [
        "#no space",
        "####### seven",
        "    # code by indentation",
        "two lines\nof text\n---\nare a paragraph and a rule",
        "- item\n---",
        "| a | b |\n---",
        "\n---\n",
        "```\n# in a fence that is never closed",
        "# " + "a comment as long as a paragraph " * 6,
    ],
)
def test_what_is_no_markdown_heading(text: str) -> None:
    assert [*markdown_headings(text)] == []


def test_a_code_span_of_three_marks_opens_no_fence() -> None:
    assert [h.title for h in markdown_headings("```a```\n# Yes")] == ["Yes"]


def test_html() -> None:
    text = (
        "<!DOCTYPE html><html><head><title>t</title></head><body>\n"
        '<H1 class="a">Fish &amp; <em>chips</em></H1> <p>x</p>\n'
        "<!-- <h1>not me</h1> --><script>'<h2>nor me</h2>'</script><pre><h2>nor me</h2></pre>\n"
        "<h2>Peas\n now</h2>y</body>"
    )
    assert [(h.level, h.title, text[h.start : h.start + 3]) for h in html_headings(text)] == [
        (1, "Fish & chips", "<H1"),
        (2, "Peas now", "<h2"),
    ]
    assert [s.title for s in find_sections(text)] == ["Fish & chips", "Peas now"]
    assert [s.title for s in find_sections("<p>a</p><h2>b</h2>c")] == ["b"]
    assert find_sections("Write <h1>x</h1> for a title.") == ()
    assert [s.title for s in find_sections("<p align=center>logo</p>\n\n# Tool\n\ntext")] == ["Tool"]


PAPER = """A Paper

1 Introduction

We begin here. There are
2 reasons for it, of which

1. the first
2. the second

matter.

1.1 Background
Much was done before.
1.2 Aim

Words.

2. Method

More words.

2.1 Data

Last words."""


def test_numbered() -> None:
    assert [(h.level, h.title) for h in numbered_headings(PAPER)] == [
        (1, "1 Introduction"),
        (2, "1.1 Background"),
        (2, "1.2 Aim"),
        (1, "2. Method"),
        (2, "2.1 Data"),
    ]
    assert dict(titles(PAPER))["1.2 Aim"] == "1.2 Aim\n\nWords.\n\n"
    assert dict(titles(PAPER))["2. Method"].endswith("Last words.")


@pytest.mark.parametrize(
    "text",
    [
        "1. Buy milk\n2. Buy bread\n3. Go home",
        "1. Buy milk\n\n2. Buy bread\n\n3. Go home",
        "1 Introduction ..... 3\n\nx\n\n2 Methods ..... 5\n\ny",
        "1 Introduction 3\n\nx\n\n2 Methods 5\n\ny",
        "1 Only one\n\nsection here.",
        "3 Third\n\nx\n\n5 Fifth\n\ny",
        "1 This is a sentence.\n\nx\n\n2 This is another.\n\ny",
        "2019 Annual report\n\nx\n\n2020 Annual report\n\ny",
        "",
    ],
)
def test_numbers_that_are_no_headings(text: str) -> None:
    assert [*numbered_headings(text)] == []


def test_nesting_is_what_a_plain_reading_of_the_definition_gives() -> None:
    levels = [1, 2, 3, 2, 1, 3, 3, 2, 6, 1]
    headings = [Heading(level, f"h{i}", i * 10) for i, level in enumerate(levels)]
    expected = []
    for i, level in enumerate(levels):
        ends = [j * 10 for j in range(i + 1, len(levels)) if levels[j] <= level]
        expected.append(Section(f"h{i}", i * 10, min([*ends, 100])))
    assert nested(headings, 100) == tuple(expected)


PARTS = [
    "# a\n",
    "b\n",
    "===\n",
    "\n",
    "```\n",
    "<h1>",
    "</h1>",
    "<html>",
    "<!--",
    "-->",
    "1 A\n",
    "2 B\n",
    "1.1 C\n",
    "é ",
]


@given(st.lists(st.sampled_from(PARTS), max_size=40).map("".join))
def test_sections_lie_in_the_text_in_order_and_nest(text: str) -> None:
    sections = find_sections(text)
    assert [s.start for s in sections] == sorted({s.start for s in sections})
    for i, section in enumerate(sections):
        assert 0 <= section.start < section.end <= len(text)
        assert section.title
        for later in sections[i + 1 :]:
            assert later.start >= section.end or later.end <= section.end
