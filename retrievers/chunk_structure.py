"""Chunkers that follow what the text itself shows: paragraphs, lines and sentences, or its headings.

They know no sections but those of the document or those that `headings` finds; code and dialogues have their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.core.records import Document
from pipeline.core.sentences import split_sentences
from retrievers.chunk import PARAGRAPH, Label, SectionChunks, TokenizedChunker, check_size
from retrievers.headings import find_sections
from retrievers.windows import Span, Weigher, windows, word_spans


@dataclass(frozen=True)
class RecursiveChunks(TokenizedChunker):
    """Neighbouring pieces up to `size` tokens; at most `overlap` tokens are shared with the chunk before.

    A piece is a paragraph where that fits, else a line, a sentence, a word, or a part of a word: the recursion of
    LangChain's RecursiveCharacterTextSplitter, with sentences between its lines and words.
    """

    size: int = 200
    overlap: int = 0
    tokenizer: str = "words"

    def __post_init__(self) -> None:
        check_size(self, self.size, self.overlap)

    def spans(self, document: Document, text: str) -> Iterable[Span]:
        """Windows of pieces, weighed in tokens."""
        weigher = self.weigher(text)
        atoms, weights = weigher.fit(pieces(text, 0, len(text), weigher))
        return windows(atoms, weights, weights, self.size, self.overlap)


@dataclass(frozen=True)
class HeadingChunks(SectionChunks):
    """As SectionChunks; a document that came without sections gets those of its own headings.

    Markdown, HTML and, cautiously, numbered headings are found (`headings.find_sections`).
    """

    def plan(self, document: Document, text: str) -> tuple[Iterable[Span], Label]:
        """Sections, given or found."""
        return super().plan(document if document.sections else replace(document, sections=find_sections(text)), text)


def pieces(text: str, start: int, end: int, weigher: Weigher) -> list[Span]:
    """The largest pieces of `text[start:end]` that fit: paragraphs, lines, sentences; words where no sentence does."""
    found: list[Span] = []
    for paragraph in (m.span() for m in PARAGRAPH.finditer(text, start, end)):
        if weigher.fits(*paragraph):
            found.append(paragraph)
            continue
        for line in _lines(text, *paragraph):
            if weigher.fits(*line):
                found.append(line)
                continue
            first = line[0]
            for sentence in ((first + a, first + b) for a, b in split_sentences(text[slice(*line)])):
                found += (sentence,) if weigher.fits(*sentence) else word_spans(text, *sentence)
    return found


def _lines(text: str, start: int, end: int) -> Iterable[Span]:
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        if stop > start:
            yield start, stop
        start = stop + 1
