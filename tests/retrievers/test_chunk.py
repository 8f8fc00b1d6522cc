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
from retrievers.chunk import Chunker, SectionChunks, SentenceChunks, TokenChunks, WordChunks

PLAIN: list[Chunker] = [
    WordChunks(size=3),
    TokenChunks(size=4),
    TokenChunks(size=5, tokenizer="minilm"),
    SentenceChunks(size=6),
    SectionChunks(size=5),
]
OVERLAPPING: list[Chunker] = [
    WordChunks(size=4, overlap=2),
    TokenChunks(size=5, overlap=3),
    SentenceChunks(size=12, overlap_sentences=1),
]
LETTERS = [*"abcDE.!?  \n\n", "\x00", "é", "中文", "ไทย", "word ", "one two. ", "x" * 70, "\u00a0", "👍🏽", "\n\n"]
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
