"""The laws of chunkers on generated and on hand-made documents, and what each one promises beyond them."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Section
from pipeline.core.sentences import split_sentences
from pipeline.core.spec import identity
from pipeline.core.tokens import minilm_folder, tokenizer_named
from retrievers.chunk import (
    Chunker,
    SectionChunks,
    SentenceChunks,
    SentenceWindows,
    TokenChunks,
    WholeDocuments,
    WordChunks,
)
from retrievers.chunk_code import CodeChunks
from retrievers.chunk_dialogue import TurnChunks
from retrievers.chunk_structure import HeadingChunks, RecursiveChunks

PLAIN: list[Chunker] = [
    WordChunks(size=3),
    TokenChunks(size=4),
    TokenChunks(size=5, tokenizer="minilm"),
    SentenceChunks(size=6),
    SectionChunks(size=5),
    SentenceWindows(window=2, step=2),
    RecursiveChunks(size=4),
    WholeDocuments(),
    HeadingChunks(size=5),
    CodeChunks(size=6),
    TurnChunks(size=5),
]
OVERLAPPING: list[Chunker] = [
    WordChunks(size=4, overlap=2),
    TokenChunks(size=5, overlap=3),
    SentenceChunks(size=12, overlap_sentences=1),
    SentenceWindows(window=3, step=1, size=4),
    RecursiveChunks(size=6, overlap=3),
    CodeChunks(size=4, window=3, step=2),
    TurnChunks(size=8, overlap_turns=2),
]
BY_START = [
    c for c in PLAIN + OVERLAPPING if not isinstance(c, WholeDocuments | HeadingChunks | CodeChunks | TurnChunks)
]
"""Those whose section label names the sections of the document in which a chunk begins, and nothing else."""
SHAPES = [
    "\n# ab\n",
    "Ann: ",
    "\nBen: ",
    "\n8 May 2023\n",
    "def f():\n",
    "    x = 1\n",
    "@d\n",
    "<h1>",
    "</h1>",
    "1 Ab\n\n",
    "\r\n",
]
LETTERS = [
    *SHAPES,
    *"abcDE.!?  \n\n",
    "\x00",
    "é",
    "中文",
    "ไทย",
    "word ",
    "one two. ",
    "x" * 70,
    "\u00a0",
    "👍🏽",
    "\n\n",
]
TEXTS = st.lists(st.sampled_from(LETTERS), max_size=60).map("".join) | st.text(max_size=60)


def chunks_of(chunker: Chunker, document: Document) -> tuple[Chunk, ...]:
    (chunks,) = chunker.run([(document,)])
    return tuple(chunks)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(TEXTS)
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=6))
    pairs = [sorted((a, b)) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    sections = tuple(Section(f"s{i}", a, b) for i, (a, b) in enumerate(sorted(pairs)))
    return Document("d", text, "Title", sections)


@pytest.mark.parametrize("chunker", PLAIN + OVERLAPPING, ids=repr)
@settings(max_examples=120, deadline=None)
@given(document=documents())
def test_laws(chunker: Chunker, document: Document) -> None:
    text = document.text or ""
    covered: set[int] = set()
    chunks = chunks_of(chunker, document)
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end] == chunk.text.strip() != ""
        assert (chunk.doc, chunk.title) == ("d", "Title")
        if chunker in BY_START:
            holding = [s for s in document.sections if s.start <= chunk.start < s.end]
            outer_first = sorted(holding, key=lambda s: (s.start, -s.end))
            assert chunk.section == " › ".join(s.title for s in outer_first)
        new = set(range(chunk.start, chunk.end))
        if chunker in PLAIN:
            assert not new & covered
        else:
            assert {i for i in new - covered if not text[i].isspace()}, "a chunk without anything new"
        covered |= new
    assert {i for i, c in enumerate(text) if not c.isspace()} <= covered
    assert [c.start for c in chunks] == sorted(c.start for c in chunks)


@pytest.mark.parametrize("chunker", PLAIN + OVERLAPPING, ids=repr)
def test_absent_and_empty_documents_have_no_chunks(chunker: Chunker) -> None:
    documents = (Document("a", None), Document("b", ""), Document("c", " \n"), Document("d", "text"))
    (chunks,) = chunker.run([documents])
    assert [c.doc for c in chunks] == ["d"]


PROSE = "The quick brown fox, as ever, jumps over the lazy dog's retrievability. " * 30


@pytest.mark.parametrize("name", ["words", "minilm"])
@pytest.mark.parametrize("overlap", [0, 10])
def test_token_chunks_fill_their_size_and_cut_between_words(name: str, overlap: int) -> None:
    tokenizer = tokenizer_named(name)
    chunks = chunks_of(TokenChunks(size=40, overlap=overlap, tokenizer=name), Document("d", PROSE))
    counts = [tokenizer.count(c.text) for c in chunks]
    assert max(counts) <= 40
    assert min(counts[:-1]) > 40 - 10  # the heaviest word here has fewer than 10 tokens
    assert all(not PROSE[c.start - 1 : c.start].strip() and not PROSE[c.end : c.end + 1].strip() for c in chunks)
    for one, two in pairwise(chunks):
        shared = PROSE[two.start : one.end]
        assert tokenizer.count(shared) <= overlap
        assert bool(shared.strip()) == bool(overlap)


def test_word_chunks_are_windows_of_words() -> None:
    words = [f"w{i}" for i in range(10)]
    chunks = chunks_of(WordChunks(size=4, overlap=1), Document("d", " ".join(words)))
    assert [c.text.split() for c in chunks] == [words[0:4], words[3:7], words[6:10]]


def test_sentence_chunks_hold_whole_sentences_and_share_some() -> None:
    text = "One is here. Two is here. Three is here. Four is here."
    whole = chunks_of(SentenceChunks(size=8), Document("d", text))
    assert [c.text for c in whole] == ["One is here. Two is here.", "Three is here. Four is here."]
    shared = chunks_of(SentenceChunks(size=8, overlap_sentences=1), Document("d", text))
    assert [c.text for c in shared] == [
        "One is here. Two is here.",
        "Two is here. Three is here.",
        "Three is here. Four is here.",
    ]
    edges = {e for span in split_sentences(PROSE) for e in span}
    assert all({c.start, c.end} <= edges for c in chunks_of(SentenceChunks(size=50), Document("d", PROSE)))


@given(st.lists(st.integers(1, 12), max_size=20), st.integers(1, 3))
def test_shared_sentences_give_way_to_the_size(lengths: list[int], overlap: int) -> None:
    text = " ".join("W" + "w " * (n - 1) + "end." for n in lengths)
    chunks = chunks_of(SentenceChunks(size=13, overlap_sentences=overlap), Document("d", text))
    assert all(tokenizer_named("words").count(c.text) <= 13 for c in chunks)


@pytest.mark.parametrize("text", ["机器学习" * 100, "ภาษาไทย" * 60, "x" * 3000], ids=["chinese", "thai", "data"])
@pytest.mark.parametrize(
    "chunker",
    [
        WordChunks(50),
        TokenChunks(50),
        TokenChunks(50, tokenizer="minilm"),
        SentenceChunks(50),
        SectionChunks(50),
        SentenceWindows(window=1, step=1, size=50),
        RecursiveChunks(50),
        HeadingChunks(50),
        CodeChunks(50),
        TurnChunks(50),
    ],
    ids=repr,
)
def test_text_without_spaces_is_cut_to_size(chunker: Chunker, text: str) -> None:
    chunks = chunks_of(chunker, Document("d", text))
    assert "".join(c.text for c in chunks) == text
    assert max(len(c.text) for c in chunks) <= 4 * 50
    assert len(chunks) < len(text) / 20


def test_sections_label_chunks_and_are_not_crossed() -> None:
    text = "Intro words here.\nA\nalpha text is longer than five words.\nA1\ninner.\nB\nbeta."
    at = text.index
    sections = (
        Section("A", at("A\n"), at("B\n")),
        Section("A1", at("A1\n"), at("B\n")),
        Section("B", at("B\n"), len(text)),
    )
    chunks = chunks_of(SectionChunks(size=6), Document("d", text, sections=sections))
    assert [(c.section, c.text) for c in chunks] == [
        ("", "Intro words here."),
        ("A", "A\nalpha text is longer than"),
        ("A", "five words."),
        ("A › A1", "A1\ninner."),
        ("B", "B\nbeta."),
    ]
    whole = chunks_of(SectionChunks(size=100), Document("d", text, sections=sections))
    assert [c.text for c in whole] == [text]


def test_a_bare_heading_joins_its_first_part() -> None:
    text = "Head\nPart one is here now.\nPart two is here now."
    one, two = text.index("Part one"), text.index("Part two")
    sections = (Section("H", 0, len(text)), Section("1", one, two), Section("2", two, len(text)))
    chunks = chunks_of(SectionChunks(size=8), Document("d", text, sections=sections))
    assert [c.text for c in chunks] == ["Head\nPart one is here now.", "Part two is here now."]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: WordChunks(size=0), "WordChunks.size"),
        (lambda: TokenChunks(size=10, overlap=10), "overlap"),
        (lambda: WordChunks(overlap=-1), "WordChunks.overlap"),
        (lambda: SentenceChunks(overlap_sentences=-1), "overlap_sentences"),
        (lambda: SentenceWindows(window=2, step=3), "leaves gaps"),
        (lambda: SentenceWindows(step=0), r"SentenceWindows\.step"),
        (lambda: CodeChunks(window=2, step=3), "leaves gaps"),
        (lambda: CodeChunks(step=3), "without a window"),
        (lambda: RecursiveChunks(size=4, overlap=4), "RecursiveChunks.overlap"),
        (lambda: TurnChunks(overlap_turns=-1), "overlap_turns"),
    ],
)
def test_sizes_that_cannot_work_are_refused(make: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        make()  # type: ignore[operator]


def test_the_identity_holds_the_tokenizer_and_not_its_path(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(minilm_folder() / "tokenizer.json", tmp_path / name)
    minilm = identity(TokenChunks(tokenizer="minilm"))
    assert identity(TokenChunks(tokenizer=str(tmp_path / "a"))) == minilm
    (tmp_path / "b" / "tokenizer.json").write_text("{}")
    assert identity(TokenChunks(tokenizer=str(tmp_path / "b"))) != minilm
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        identity(TokenChunks(tokenizer=str(tmp_path / "absent")))


LARGE = {
    "prose": "One two three four. Five six seven eight. ",
    "lines": "one two three four five six seven\n",
    "data": "x",
    "chinese": "\u673a\u5668\u5b66\u4e60\u5f88\u6709\u7528\u3002\u4f60\u597d\n",
    "headings": "# Top\n\n## Part of it\n\nsome words stand here\n\n",
    "turns": "8 May 2023\nAnn: hello there you and others\nBen: hi and so on\n",
    "code": "def f(a):\n    b = a + 1\n    return b\n\n",
    "blank": " \n",
}
LONG: list[tuple[Chunker, str]] = [
    (WordChunks(overlap=9), "data"),
    (TokenChunks(overlap=9), "prose"),
    (SentenceChunks(overlap_sentences=1), "lines"),
    (SentenceWindows(), "prose"),
    (RecursiveChunks(overlap=9), "chinese"),
    (WholeDocuments(), "chinese"),
    (SectionChunks(), "data"),
    (HeadingChunks(), "headings"),
    (CodeChunks(), "code"),
    (CodeChunks(window=32), "prose"),
    (TurnChunks(overlap_turns=1), "turns"),
    (TurnChunks(), "blank"),
]


@pytest.mark.parametrize(("chunker", "name"), LONG, ids=lambda v: v if isinstance(v, str) else v.label)
def test_a_document_of_half_a_million_characters(chunker: Chunker, name: str) -> None:
    pattern = LARGE[name]
    text = pattern * (500_000 // len(pattern))
    chunks = chunks_of(chunker, Document("d", text))
    at = 0
    for chunk in chunks:
        assert chunk.start <= at or not text[at : chunk.start].strip()
        at = max(at, chunk.end)
    assert not text[at:].strip()
    assert bool(chunks) == (name != "blank")


def test_many_sections_are_no_square() -> None:
    part = "Head\nsome words\n"
    text = part * 30_000
    sections = tuple(Section(f"s{i}", i * len(part), (i + 1) * len(part)) for i in range(30_000))
    chunks = chunks_of(SectionChunks(size=5), Document("d", text, sections=sections))
    assert [c.section for c in chunks] == [s.title for s in sections]


def test_a_whole_document_is_one_chunk_and_names_only_what_holds_it_all() -> None:
    text = "  All of it. And more.\n"
    sections = (Section("first half", 0, 12), Section("all", 0, len(text)))
    (chunk,) = chunks_of(WholeDocuments(), Document("d", text, "T", sections))
    assert chunk == Chunk("d", 2, 22, "All of it. And more.", "T", "all")


def test_sentence_windows_slide_by_sentences() -> None:
    text = "A one. B two. C three. D four. E five."
    chunks = chunks_of(SentenceWindows(window=3, step=2), Document("d", text))
    assert [c.text for c in chunks] == ["A one. B two. C three.", "C three. D four. E five."]
    apart = chunks_of(SentenceWindows(window=2, step=2), Document("d", text))
    assert [c.text for c in apart] == ["A one. B two.", "C three. D four.", "E five."]
