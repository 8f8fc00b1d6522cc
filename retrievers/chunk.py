"""Chunkers: the documents of a context as passages that know their exact span, document and section.

Every chunker names *atoms*, neighbouring stretches that should not be cut, and packs them up to a size. The laws of the
family: `chunk.text == document.text[start:end]`; without overlap chunks are disjoint, and every character that is not
white space lies in exactly one; with overlap, in at least one. A document without text has no chunks.

It does not know what is searched, nor how a prompt shows a passage.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Section
from pipeline.core.sentences import split_sentences
from pipeline.core.spec import settings
from pipeline.core.stage import Per, Stage
from pipeline.core.tokens import tokenizer_named
from retrievers.base import at_least, tokenizer_identity
from retrievers.windows import LONGEST, Span, Weigher, sliding, windows, word_spans

Label = Callable[[int, int], str]
"""The section label of the stretch `[start, end)` of a document."""

PARAGRAPH = re.compile(r"\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")


class Chunker(Stage):
    """Base of the chunkers: `.on(Documents().on())`; a context's documents -> tuple of Chunk in reading order."""

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 16

    def run(self, *columns: Sequence[Any]) -> Iterable[tuple[Chunk, ...]]:
        """One column: tuples of Document."""
        (contexts,) = columns
        for documents in contexts:
            yield tuple(chunk for document in documents for chunk in self.chunks(document))

    def spans(self, document: Document, text: str) -> Iterable[Span]:
        """Offsets `[start, end)` of the chunks of one document in order, perhaps with white space around them."""
        raise NotImplementedError

    def plan(self, document: Document, text: str) -> tuple[Iterable[Span], Label]:
        """The spans, and how they are labelled: by the sections of the document in which a chunk begins."""
        titles = Titles(document.sections)
        return self.spans(document, text), lambda start, _end: titles.at(start)

    def chunks(self, document: Document) -> Iterator[Chunk]:
        """The chunks of one document."""
        text = document.text
        if text is None:
            return
        spans, label = self.plan(document, text)
        for start, end in spans:
            body = text[start:end].strip()
            if body:
                start = text.index(body[0], start)
                end = start + len(body)
                yield Chunk(document.id, start, end, body, document.title, label(start, end))


@dataclass(frozen=True)
class WholeDocuments(Chunker):
    """One chunk a document, without the white space around it: for collections of passages.

    Its section label names only sections that hold all of it.
    """

    def plan(self, document: Document, text: str) -> tuple[Iterable[Span], Label]:
        """The whole text."""

        def label(start: int, end: int) -> str:
            holding = [s for s in document.sections if s.start <= start and end <= s.end]
            return path(s.title for s in sorted(holding, key=lambda s: (s.start, -s.end)))

        return [(0, len(text))], label


class TokenizedChunker(Chunker):
    """A chunker whose `size` is in tokens of `tokenizer`: `words`, `minilm`, or a folder with tokenizer.json."""

    size: int
    tokenizer: str

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, with the tokenizer by its content."""
        return settings(self) | {"tokenizer": tokenizer_identity(self.tokenizer)}

    def weigher(self, text: str) -> Weigher:
        """Counts tokens of stretches of the text."""
        tokens: list[Span] = tokenizer_named(self.tokenizer).spans(text)
        coarse = 2 if self.tokenizer == "words" else 16
        if not text.isascii() or any(end - start > LONGEST for start, end in tokens):
            # One token for a run without spaces would make a chunk of any length.
            tokens = [p for a, b in tokens for p in (word_spans(text, a, b) if b - a >= coarse else ((a, b),))]
        return Weigher(text, tokens, self.size)


@dataclass(frozen=True)
class WordChunks(Chunker):
    """`size` words between white space, `overlap` of which are shared with the chunk before.

    In scripts written without spaces a character counts as a word.
    """

    size: int = 300
    overlap: int = 0

    def __post_init__(self) -> None:
        check_size(self, self.size, self.overlap)

    def spans(self, document: Document, text: str) -> Iterable[Span]:
        """Windows of words."""
        words = list(word_spans(text, 0, len(text)))
        ones = [1] * len(words)
        return windows(words, ones, ones, self.size, self.overlap)


@dataclass(frozen=True)
class TokenChunks(TokenizedChunker):
    """At most `size` tokens, cut between words; at most `overlap` tokens are shared with the chunk before.

    Only a word of more than `size` tokens is cut inside.
    """

    size: int = 200
    overlap: int = 0
    tokenizer: str = "words"

    def __post_init__(self) -> None:
        check_size(self, self.size, self.overlap)

    def spans(self, document: Document, text: str) -> Iterable[Span]:
        """Windows of words, weighed in tokens."""
        atoms, weights = self.weigher(text).fit(word_spans(text, 0, len(text)))
        return windows(atoms, weights, weights, self.size, self.overlap)


@dataclass(frozen=True)
class SentenceChunks(TokenizedChunker):
    """Whole sentences up to `size` tokens, of which up to `overlap_sentences` are shared with the chunk before.

    Only a sentence of more than `size` tokens is cut, between words. Where a new sentence does not fit beside the
    shared ones, fewer are shared.
    """

    size: int = 200
    overlap_sentences: int = 0
    tokenizer: str = "words"

    def __post_init__(self) -> None:
        check_size(self, self.size, 0)
        at_least(self.overlap_sentences, 0, f"{self.label}.overlap_sentences")

    def spans(self, document: Document, text: str) -> Iterable[Span]:
        """Windows of sentences, weighed in tokens."""
        atoms, weights = self.weigher(text).fit(split_sentences(text))
        return windows(atoms, weights, [1] * len(atoms), self.size, self.overlap_sentences)


@dataclass(frozen=True)
class SentenceWindows(TokenizedChunker):
    """Windows of `window` sentences, one every `step` sentences; with step below window, neighbours share sentences.

    size: tokens; a longer sentence is cut between words, and each piece counts as a sentence.
    """

    window: int = 5
    step: int = 2
    size: int = 200
    tokenizer: str = "words"

    def __post_init__(self) -> None:
        check_size(self, self.size, 0)
        check_step(self, self.window, self.step)

    def spans(self, document: Document, text: str) -> Iterable[Span]:
        """Windows of sentences, by their number."""
        atoms, _ = self.weigher(text).fit(split_sentences(text))
        return sliding(atoms, self.window, self.step)


@dataclass(frozen=True)
class SectionChunks(TokenizedChunker):
    """Whole sections up to `size` tokens; a longer one is cut at its sub-sections, then paragraphs, then sentences.

    A chunk is a whole section with all it holds, or lies inside one section, so its section label is never a
    neighbour's. What stands before the first sub-section (a bare heading, often) joins it where both fit.
    """

    size: int = 400
    tokenizer: str = "words"

    def __post_init__(self) -> None:
        check_size(self, self.size, 0)

    def spans(self, document: Document, text: str) -> Iterable[Span]:
        """Sections, recursively."""
        ordered = sorted(document.sections, key=lambda s: (s.start, -s.end))
        return self._descend(text, 0, len(text), ordered, self.weigher(text))

    def _descend(self, text: str, start: int, end: int, inside: Sequence[Section], weigher: Weigher) -> Iterator[Span]:
        if weigher.weight(start, end) <= self.size:
            yield start, end
            return
        children: list[tuple[int, Section]] = []
        at = start
        for place, section in enumerate(inside):
            if section.start >= at and section.end <= end and (section.start, section.end) != (start, end):
                children.append((place, section))
                at = max(section.end, at)
        if not children:
            yield from self._paragraphs(text, start, end, weigher)
            return
        at = start
        for place, child in children:
            if at < child.start:
                if at == start and weigher.weight(at, child.end) <= self.size:
                    yield at, child.end
                    at = child.end
                    continue
                yield from self._paragraphs(text, at, child.start, weigher)
            # In order of start, so what the child holds stands right behind it. Reading on to the end would be n².
            stop = bisect_right(inside, child.end, place + 1, key=lambda s: s.start)
            within = [s for s in inside[place + 1 : stop] if s.end <= child.end]
            yield from self._descend(text, child.start, child.end, within, weigher)
            at = child.end
        yield from self._paragraphs(text, at, end, weigher)

    def _paragraphs(self, text: str, start: int, end: int, weigher: Weigher) -> Iterator[Span]:
        paragraphs = [m.span() for m in PARAGRAPH.finditer(text, start, end)]
        stretches: list[Span] = []
        for a, b in paragraphs:
            if weigher.weight(a, b) <= self.size:
                stretches.append((a, b))
            else:
                stretches += [(a + x, a + y) for x, y in split_sentences(text[a:b])]
        atoms, weights = weigher.fit(stretches)
        yield from windows(atoms, weights, weights, self.size, 0)


class Titles:
    """Section titles by position, from the outermost to the innermost: "paper 2 › Method".

    The outer ones count: LaRA asks about "paper 2", and a chunk that names its innermost heading alone has lost that.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        self._bounds = sorted({x for s in sections for x in (s.start, s.end)})
        self._titles = [""] * len(self._bounds)
        for section in sorted(sections, key=lambda s: (s.start, -s.end)):  # outer sections before those they hold
            for i in range(bisect_left(self._bounds, section.start), bisect_left(self._bounds, section.end)):
                self._titles[i] = path((self._titles[i], section.title))

    def at(self, position: int) -> str:
        """The title there, or an empty string outside of all sections."""
        i = bisect_right(self._bounds, position) - 1
        return self._titles[i] if i >= 0 else ""


def path(titles: Iterable[str]) -> str:
    """Titles from the outermost to the innermost as one label: "A › B"; empty ones are left out."""
    return " › ".join(t for t in titles if t)


def check_size(chunker: Chunker, size: int, overlap: int) -> None:
    """Refuse a size or an overlap that cannot work. Raises UserError."""
    at_least(size, 1, f"{chunker.label}.size")
    at_least(overlap, 0, f"{chunker.label}.overlap")
    if overlap >= size:
        raise UserError(
            f"an overlap of {overlap} leaves nothing new in a chunk of size {size}",
            where=f"{chunker.label}.overlap",
            remedy="Give an overlap smaller than the size",
        )


def check_step(chunker: Chunker, window: int, step: int) -> None:
    """Refuse windows that would leave something out. Raises UserError."""
    at_least(window, 1, f"{chunker.label}.window")
    at_least(step, 1, f"{chunker.label}.step")
    if step > window:
        raise UserError(
            f"a step of {step} leaves gaps between windows of {window}",
            where=f"{chunker.label}.step",
            remedy="Give a step of at most the window",
        )
