"""The records that flow between stages: documents, questions, chunks, rankings, prompts.

Plain frozen dataclasses without behaviour beyond their own consistency. They know nothing of stages, storage or models.

Offsets are characters in `Document.text`, half-open: `text[start:end]`. C is the number of chunks of one context, the
documents that one question is asked of, in reading order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

Role = Literal["instruction", "label", "document", "passage", "question", "answer"]


@lru_cache(maxsize=65536)
def digest(text: str) -> str:
    """SHA-256 of the text, in hex. Cached: a long document enters thousands of prompts by reference."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_parts(parts: Iterable[str]) -> str:
    """SHA-256 of a sequence of strings; the length prefix keeps ('ab', 'c') apart from ('a', 'bc')."""
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        h.update(b"%d:" % len(raw))
        h.update(raw)
    return h.hexdigest()


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `[start, end)` of the document with id `doc`."""

    doc: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"span of {self.doc!r} must have 0 <= start <= end, got [{self.start}, {self.end})")


@dataclass(frozen=True, slots=True)
class Section:
    """A titled stretch of a document, `[start, end)` in characters; sections may nest, in order of start."""

    title: str
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """One document. `text` is None where only its existence and size are known (a copyrighted source, say).

    stated_tokens: the size somebody else states for a text that is not at hand.
    """

    id: str
    text: str | None
    title: str = ""
    sections: tuple[Section, ...] = ()
    stated_tokens: int | None = None

    @cached_property
    def digest(self) -> str:
        """Identity by content: id, title, text and sections."""
        sections = [f"{s.start}:{s.end}:{s.title}" for s in self.sections]
        body = "absent" if self.text is None else digest(self.text)
        return digest_parts([self.id, self.title, body, str(self.stated_tokens), *sections])

    @cached_property
    def part(self) -> Part:
        """The whole document as a part of a prompt: one object, so that its digest is computed once."""
        return Part("document", self.text, Span(self.id, 0, len(self.text or "")), self.stated_tokens)

    @property
    def chunk(self) -> Chunk:
        """The whole document as one passage, empty where its text is not at hand."""
        text = self.text or ""
        return Chunk(self.id, 0, len(text), text, self.title)


@dataclass(frozen=True)
class Question:
    """One question, what it is asked of, and what is known about its answer.

    context: ids of the documents it is asked of, in reading order; empty means the whole collection.
    golds: right answers, any of which will do; empty and `answerable=None` where nobody knows.
    answerable: False where the documents do not hold the answer; None: not stated.
    evidence: gold spans. kind: the question's task (location, reasoning, ...), never shown to a route.
    cluster: what intervals are clustered by; empty means the first document. split: dev or test.
    slices: further columns carried into the tables (length, domain).
    grades: judged relevance of whole documents by id; empty where it is 1 for those that hold evidence.
    """

    id: str
    text: str
    context: tuple[str, ...] = ()
    golds: tuple[str, ...] = ()
    answerable: bool | None = None
    evidence: tuple[Span, ...] = ()
    kind: str = ""
    cluster: str = ""
    split: str = "test"
    slices: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, int] = field(default_factory=dict)

    @property
    def relevant(self) -> Mapping[str, int]:
        """Relevance of whole documents by id: `grades`, or 1 for each that holds evidence."""
        return self.grades or dict.fromkeys((span.doc for span in self.evidence), 1)

    @property
    def has_gold(self) -> bool:
        """Whether an answer to it can be marked at all."""
        return bool(self.golds) or self.answerable is False


@dataclass(frozen=True)
class Dataset:
    """Documents by id and the questions asked of them; `notes` are facts to report (what was missing or left out)."""

    name: str
    documents: Mapping[str, Document]
    questions: tuple[Question, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one document: `document.text[start:end] == text`, with the labels that a prompt may show."""

    doc: str
    start: int
    end: int
    text: str
    title: str = ""
    section: str = ""

    @property
    def span(self) -> Span:
        """Where it stands."""
        return Span(self.doc, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Chunks of one context, best first: `ids[i]` in [0, C), `scores[i]` falling (not after re-ordering)."""

    ids: tuple[int, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.scores):
            raise ValueError(f"{len(self.ids)} ids but {len(self.scores)} scores")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What a compressor left of one text, the stretch `given` of a document.

    text: the document at `spans`, one after the other; or a text written anew, and then there are no spans.
    """

    text: str
    spans: tuple[Span, ...]
    given: Span
    title: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True)
class Compression:
    """What a compressor made of one context, in prompt order.

    tokens: of all texts given. kept: of the excerpts. read: by models of the compressor's own.
    """

    excerpts: tuple[Excerpt, ...]
    tokens: int
    kept: int
    read: int = 0


@dataclass(frozen=True)
class Part:
    """One stretch of a prompt. `text` None: it was read, but is not at hand (a recorded answer's prompt).

    spans: where the text stands in its document, piece after piece, where that is not one `span`.
    """

    role: Role
    text: str | None
    span: Span | None = None
    stated_tokens: int | None = None
    spans: tuple[Span, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Identity by content."""
        body = f"absent:{self.span}:{self.stated_tokens}" if self.text is None else digest(self.text)
        return digest_parts([self.role, body])


@dataclass(frozen=True)
class Prompt:
    """What a reader is given, as parts in reading order, so that shared prefixes and evidence stay visible.

    The text is the parts' concatenation: separators belong to the parts.
    """

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The whole prompt. Raises ValueError where a part's text is not at hand."""
        texts = [p.text for p in self.parts]
        if None in texts:
            raise ValueError("this prompt has a part whose text is not at hand; only recorded answers exist for it")
        return "".join(t for t in texts if t is not None)

    @property
    def complete(self) -> bool:
        """Whether every part's text is at hand."""
        return all(p.text is not None for p in self.parts)

    @cached_property
    def digest(self) -> str:
        """Identity by content."""
        return digest_parts(p.digest for p in self.parts)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The document spans that the reader sees, in reading order."""
        shown = (p for p in self.parts if p.role in ("document", "passage"))
        return tuple(span for p in shown for span in (p.spans or ((p.span,) if p.span is not None else ())))
