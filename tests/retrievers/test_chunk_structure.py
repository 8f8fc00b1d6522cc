"""Recursive chunks cut at the largest break that helps; heading chunks find the sections that a document lacks."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Chunk, Document, Section
from pipeline.core.tokens import tokenizer_named
from retrievers.chunk import Chunker, SectionChunks
from retrievers.chunk_structure import HeadingChunks, RecursiveChunks, pieces
from retrievers.headings import find_sections


def chunks_of(chunker: Chunker, document: Document) -> tuple[Chunk, ...]:
    (chunks,) = chunker.run([(document,)])
    return tuple(chunks)


def test_each_break_is_tried_before_the_next_finer_one() -> None:
    text = (
        "a short paragraph\n\n"
        "a line of four\na line of its own\n\n"
        "A sentence in a line here. Then another sentence in a line.\n\n"
        "and a sentence far longer than six words without an end\n"
    )
    chunker = RecursiveChunks(size=6)
    cut = [text[slice(*span)] for span in pieces(text, 0, len(text), chunker.weigher(text))]
    assert cut == [
        "a short paragraph",
        "a line of four",
        "a line of its own",
        "A", "sentence", "in", "a", "line", "here.",
        "Then", "another", "sentence", "in", "a", "line.",
        "and", "a", "sentence", "far", "longer", "than", "six", "words", "without", "an", "end",
    ]  # fmt: skip
    larger = RecursiveChunks(size=7)
    cut = [text[slice(*span)] for span in pieces(text, 0, len(text), larger.weigher(text))]
    assert cut[3:5] == ["A sentence in a line here.", "Then another sentence in a line."]


def test_neighbours_are_merged_up_to_the_size_and_share_the_overlap() -> None:
    text = "one two\n\nthree four\n\nfive six\n\nseven"
    assert [c.text for c in chunks_of(RecursiveChunks(size=4), Document("d", text))] == [
        "one two\n\nthree four",
        "five six\n\nseven",
    ]
    assert [c.text for c in chunks_of(RecursiveChunks(size=4, overlap=2), Document("d", text))] == [
        "one two\n\nthree four",
        "three four\n\nfive six",
        "five six\n\nseven",
    ]


@given(st.lists(st.sampled_from(["ab ", "c. ", "D\n", "\n\n", "e, f "]), max_size=50).map("".join), st.integers(1, 9))
def test_recursive_chunks_keep_their_size_and_no_two_neighbours_would_fit_in_one(text: str, size: int) -> None:
    chunks = chunks_of(RecursiveChunks(size=size), Document("d", text))
    counts = [tokenizer_named("words").count(c.text) for c in chunks]
    assert all(n <= size for n in counts)
    assert all(a + b > size for a, b in pairwise(counts))


MARKDOWN = "# Guide\n\nfirst words here\n\n## Setup\n\nrun it once and wait\n\n## Use\n\ncall it twice then stop\n"


def test_sections_are_found_where_none_are_given() -> None:
    chunks = chunks_of(HeadingChunks(size=10), Document("d", MARKDOWN))
    assert [(c.section, c.text.split("\n")[0]) for c in chunks] == [
        ("Guide", "# Guide"),
        ("Guide › Setup", "## Setup"),
        ("Guide › Use", "## Use"),
    ]


def test_given_sections_are_not_overruled() -> None:
    given = (Section("paper 2", 0, len(MARKDOWN)),)
    document = Document("d", MARKDOWN, sections=given)
    assert chunks_of(HeadingChunks(size=9), document) == chunks_of(SectionChunks(size=9), document)
    found = Document("d", MARKDOWN, sections=find_sections(MARKDOWN))
    assert chunks_of(HeadingChunks(size=9), Document("d", MARKDOWN)) == chunks_of(SectionChunks(size=9), found)
    plain = Document("d", "No heading at all. Only words.")
    assert chunks_of(HeadingChunks(size=4), plain) == chunks_of(SectionChunks(size=4), plain)
