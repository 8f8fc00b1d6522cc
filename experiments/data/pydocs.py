"""Python's own language reference, as the running Python ships it (`pydoc_data.topics`), with questions about it.

The texts are the installed ones; only the questions and the digests of their evidence are ours: nothing is downloaded,
nothing copied. It does not guess: evidence stands where exactly its characters stand, or its question is left out
and named in the notes (the texts differ from one Python version to the next).
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from experiments.data.base import read_jsonl, read_text
from experiments.data.fields import (
    claim,
    field,
    golds_field,
    id_field,
    known,
    list_field,
    plural,
    text_field,
    wrong_type,
)
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document, Question, Span
from retrievers.headings import Heading, nested

FOLDER = Path(__file__).parent
KINDS = ("location", "reasoning", "comparison", "unanswerable")
_HEADING = re.compile(r"^(\S.*)\n([*=~-])\2{2,}$", re.MULTILINE)
_LEVELS = "*=-~"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def load_pydocs() -> Dataset:
    """Chapters of the installed language reference and the questions about them; each question reads its chapter.

    The half of the questions with split `dev` is for setting thresholds. `answerable` is False for the kind
    `unanswerable`, True for the others. Raises UserError where this Python comes without its reference.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise UserError(
            f"Python {platform.python_version()} was installed without the module 'pydoc_data'",
            where="quickstart",
            remedy="Use a Python with its whole standard library (python.org, pyenv or conda)",
        ) from None
    return build_pydocs(topics, platform.python_version())


def build_pydocs(topics: Mapping[str, str], version: str, folder: Path = FOLDER) -> Dataset:
    """The data set from these topics; `folder` holds pydocs_chapters.json and pydocs_questions.jsonl."""
    chapters = _chapters(folder / "pydocs_chapters.json")
    documents, offsets = dict[str, Document](), dict[str, dict[str, int]]()
    for chapter in chapters:
        documents[chapter.id], offsets[chapter.id] = _document(chapter, topics)
    finder = Finder(topics)
    path = folder / "pydocs_questions.jsonl"
    questions, left_out, seen = list[Question](), list[str](), dict[str, str]()
    moved = 0
    for line, row in read_jsonl(path):
        where = f"{path}:{line}"
        name = id_field(row, "id", where)
        claim(seen, name, where)
        chapter_id = known(text_field(row, "chapter", where), offsets, "chapter", where)
        given = [_evidence(e, where) for e in list_field(row, "evidence", where)]
        found = [finder.find(e) if e.topic in offsets[chapter_id] else None for e in given]
        if None in found:
            left_out.append(name)
            continue
        starts = [start for start in found if start is not None]
        moved += starts != [e.start for e in given]
        spans = tuple(
            Span(chapter_id, offsets[chapter_id][e.topic] + start, offsets[chapter_id][e.topic] + start + e.size)
            for e, start in zip(given, starts, strict=True)
        )
        questions.append(_question(name, row, chapter_id, spans, where))
    notes = []
    if left_out or moved:
        notes.append(
            f"Python {version}: the reference differs from the one that the questions were written on; the evidence of "
            f"{plural(moved, 'question')} was found at other places by its digest, "
            f"{len(left_out)} of {plural(len(seen), 'question')} left out as theirs is nowhere"
            + (f": {', '.join(left_out)}" if left_out else "")
        )
    return Dataset("quickstart", documents, tuple(questions), tuple(notes))


@dataclass(frozen=True, slots=True)
class Chapter:
    """A document to be: some topics of the reference, in reading order."""

    id: str
    title: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Characters of a topic: where they stood, and the SHA-256 of what they are (UTF-8)."""

    topic: str
    start: int
    size: int
    digest: str


class Finder:
    """Finds evidence in the installed topics by digest.

    Tried first is where it stood, then where it would stand if it had moved as far as the last evidence found in the
    topic, then every other place, the near ones first. Only equal digests count, so the order decides nothing but the
    time (and which one, where the same sentence stands twice).
    """

    def __init__(self, topics: Mapping[str, str]) -> None:
        self.topics = topics
        self.moves: dict[str, int] = {}

    def find(self, evidence: Evidence) -> int | None:
        """Where it starts in its topic; None if it is nowhere in it."""
        text = self.topics.get(evidence.topic, "")
        last = len(text) - evidence.size
        for start in _outward(evidence.start, evidence.start + self.moves.get(evidence.topic, 0), last):
            if sha256(text[start : start + evidence.size].encode()).hexdigest() == evidence.digest:
                self.moves[evidence.topic] = start - evidence.start
                return start
        return None


def _outward(start: int, guess: int, last: int) -> Iterator[int]:
    """`start`, `guess`, then every place in [0, last] by distance from `start`."""
    yield from (place for place in (start, guess) if 0 <= place <= last)
    for distance in range(1, max(start, last - start) + 1):
        if 0 <= start - distance <= last:
            yield start - distance
        if 0 <= start + distance <= last:
            yield start + distance


def _chapters(path: Path) -> list[Chapter]:
    return [Chapter(c["id"], c["title"], tuple(c["topics"])) for c in json.loads(read_text(path))]


def _document(chapter: Chapter, topics: Mapping[str, str]) -> tuple[Document, dict[str, int]]:
    """The chapter: each topic's name as a heading line, a blank line, its text; and where each text starts.

    A section per topic, with the topic's own headings nested in it.
    """
    text, headings, offsets = "", list[Heading](), dict[str, int]()
    for topic in (t for t in chapter.topics if t in topics):
        found = list(_headings(topics[topic]))
        title = found.pop(0).title if found and found[0].start == 0 else topic
        headings.append(Heading(0, title, len(text)))
        text += f"{topic}\n\n"
        offsets[topic] = len(text)
        headings.extend(Heading(h.level, h.title, len(text) + h.start) for h in found)
        text += topics[topic].rstrip("\n") + "\n\n"
    return Document(chapter.id, text, chapter.title, nested(headings, len(text))), offsets


def _headings(text: str) -> Iterator[Heading]:
    """A line over a rule of its own length: `*` under the topic's title, then `=`, `-` and `~`."""
    for match in _HEADING.finditer(text):
        if match.end() - match.start() == 2 * len(match[1]) + 1:
            yield Heading(_LEVELS.index(match[2]), match[1], match.start())


def _evidence(given: Mapping[str, Any], where: str) -> Evidence:
    topic, digest = text_field(given, "topic", where), text_field(given, "sha256", where)
    start, end = field(given, "start", where), field(given, "end", where)
    for name, value in (("start", start), ("end", end)):
        if type(value) is not int:
            raise wrong_type(name, value, "a whole number of characters", where)
    if not (0 <= start < end and _DIGEST.fullmatch(digest)):
        raise UserError(
            f"evidence needs 0 <= start < end and 64 hex digits, found {start}, {end}, {digest!r}", where=where
        )
    return Evidence(topic, start, end - start, digest)


def _question(name: str, row: Mapping[str, Any], chapter: str, spans: tuple[Span, ...], where: str) -> Question:
    kind = known(text_field(row, "kind", where), KINDS, "kind", where)
    golds = golds_field(row, "golds", where)
    if (kind == "unanswerable") == bool(golds):
        raise UserError(f"{len(golds)} gold answers for a question of kind {kind!r}", where=where)
    return Question(
        id=name,
        text=text_field(row, "question", where),
        context=(chapter,),
        golds=golds,
        answerable=kind != "unanswerable",
        evidence=spans,
        kind=kind,
        cluster=chapter,
        split="dev" if int(sha256(name.encode()).hexdigest()[:8], 16) % 2 == 0 else "test",
    )
