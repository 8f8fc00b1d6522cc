"""Triples that a reader extracted: from its words to records, their file, and the graph that they make with passages.

A triple is a plain record {"subject", "relation", "object", "chunk"}: two entities, what holds between them, and the
index of the chunk that says so. A file names stretches of documents in place of chunks, so that it fits any chunking.
`parse_triples` is a pure function of a reader's words; who calls the reader is not its concern.

Source: Gutiérrez et al., "HippoRAG", NeurIPS 2024, section 2.3 (open information extraction, phrases as nodes).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk
from pipeline.core.spec import digest_file, settings
from pipeline.core.stage import Per, Stage
from retrievers.base import at_least
from retrievers.graph import Graph, GraphIndex
from retrievers.spelling import normalise

Triple = dict[str, Any]
Fact = tuple[str, str, str]
"""Subject, relation, object."""

Stated = dict[str, dict[tuple[int, int], list[Fact]]]
"""Document -> span `[start, end)` of each passage that was read -> what it states, which may be nothing."""

_NAMES = (("subject", "head", "subj", "s"), ("relation", "predicate", "rel", "p"), ("object", "tail", "obj", "o"))
_FENCE = re.compile(r"```\w*\n?|\n?```")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_LISTS = ("triples", "relations", "relationships", "facts")  # beside which a reader may list entities, three perhaps
_NOTHING = re.compile(r"^\W*(?:none|nothing|no triples?(?: found)?|n/a)?\W*$", re.IGNORECASE)
_OUTER = re.compile(r"^\[+(?=[\[(])|(?<=[\])])\]+$")  # of a list that is no JSON, on its first and last lines
_OPENING = re.compile(r"[\[{]")
_SHOWN = 60


@dataclass(frozen=True)
class TripleGraph(GraphIndex):
    """Per context, `.on(chunks, triples)` or `.on(chunks, triples, encoded chunks)`: GraphIndex's graph with triples.

    Subjects and objects are entities of the chunk that states them, beside those found by rule, and each triple ties
    its two entities. related: the weight of such an edge; a triple stated n times weighs 1 + log n times as much.
    """

    related: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self.related, 0, f"{self.label}.related")

    def run(self, *columns: Sequence[Any]) -> Iterable[Graph]:
        """Tuples of Chunk, sequences of triples, and, if wired, {"vectors": (C, d), ...}."""
        for chunks, triples, *encoded in zip(*columns, strict=True):
            stated = Counter(checked(triples, chunks))
            yield self.graph(
                chunks,
                encoded[0]["vectors"] if encoded else None,
                mentioned=[(chunk, key) for s, o, chunk in stated for key in (s, o)],
                related=list(_edges(stated, self.related)),
            )


def checked(triples: Sequence[Triple], chunks: Sequence[Chunk]) -> Iterator[tuple[str, str, int]]:
    """(subject's key, object's key, chunk) of each triple with two entities. Raises UserError for a broken record."""
    for number, triple in enumerate(triples):
        where = f"triple {number}"
        chunk = triple.get("chunk") if isinstance(triple, dict) else None
        if not isinstance(chunk, int) or isinstance(chunk, bool) or not 0 <= chunk < len(chunks):
            raise UserError(
                f"the chunk {chunk!r} is none of the {len(chunks)} chunks", where=where, remedy="Give its index, from 0"
            )
        texts = [triple.get(key) for key in ("subject", "relation", "object")]
        if not all(isinstance(text, str) for text in texts):
            raise UserError("subject, relation and object must be texts", where=where, remedy="See parse_triples")
        subject, _, object_ = (normalise(str(text)) for text in texts)
        if subject and object_:
            yield subject, object_, chunk


def _edges(stated: Counter[tuple[str, str, int]], weight: float) -> Iterator[tuple[str, str, float]]:
    times: Counter[tuple[str, str]] = Counter()
    for (subject, object_, _), count in stated.items():
        times[min(subject, object_), max(subject, object_)] += count
    yield from ((a, b, weight * (1 + math.log(n))) for (a, b), n in times.items())


def parse_triples(text: str, chunk: int) -> tuple[Triple, ...]:
    """A reader's words -> the triples in them, in order, without repetitions.

    Read are JSON (lists of three or objects, by themselves, in a list or in an object that holds one; in a code fence
    or between other words; of an answer that was cut off, those that are whole) and lines of three parts split by `|`,
    tabs, semicolons, `->` or commas, with or without brackets and bullets. Lines that are no triple are passed over.
    "None" and empty text are no triples. Raises UserError where nothing can be read.
    """
    body = _FENCE.sub("\n", text).strip()
    if _NOTHING.match(body):
        return ()
    parts = _from_json(body)
    if parts is None:
        parts = [found for line in body.splitlines() if (found := _from_line(line))]
        if not parts:
            shown = body if len(body) <= _SHOWN else body[: _SHOWN - 1] + "…"
            raise UserError(
                f"no triples can be read from {shown!r}",
                where=f"chunk {chunk}",
                remedy='Ask for a JSON list of [subject, relation, object], or for lines "subject | relation | object"',
            )
    return tuple(
        {"subject": s, "relation": r, "object": o, "chunk": chunk} for s, r, o in dict.fromkeys(parts) if s and o
    )


def _from_json(body: str) -> list[Fact] | None:
    """Triples of all JSON values in the text; None where it has neither one with triples nor an empty one."""
    decoder = json.JSONDecoder(strict=False)  # readers break lines within texts
    found: list[Fact] = []
    empty = False
    at = 0
    while match := _OPENING.search(body, at):
        try:
            value, at = decoder.raw_decode(body, match.start())
        except (ValueError, RecursionError):
            at = match.start() + 1
            continue
        found += _in_value(value)
        empty = empty or value in ([], {}) or (isinstance(value, dict) and [] in value.values())
    return found if found or empty else None


def _in_value(value: Any) -> Iterator[Fact]:
    if isinstance(value, list) and len(value) == 3 and isinstance(value[1], str) and all(map(_is_part, value)):
        yield _stripped(value)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_value(inner)
    elif isinstance(value, dict):
        lower = {str(k).lower(): v for k, v in value.items()}
        parts = [next((lower[n] for n in names if n in lower), None) for names in _NAMES]
        if all(map(_is_part, parts)):
            yield _stripped(parts)
        else:
            for inner in [lower[name] for name in _LISTS if name in lower] or lower.values():
                yield from _in_value(inner)


def _is_part(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _from_line(line: str) -> Fact | None:
    plain = _OUTER.sub("", _BULLET.sub("", line).strip().rstrip(".,;"))
    if plain[:1] in "([<" and plain[-1:] in ")]>":
        plain = plain[1:-1]
    elif "," in plain and not any(mark in plain for mark in ("|", "\t", ";", "->")):
        return None  # a sentence with two commas is no triple; one in brackets is
    for mark in ("|", "\t", ";", "->", ","):
        parts = plain.split(mark)
        if len(parts) == 3 and all(p.strip() for p in parts):
            return _stripped(parts)
    return None


def _stripped(parts: Sequence[Any]) -> Fact:
    subject, relation, object_ = (_whole(str(p)).strip().strip("\"'").strip() for p in parts)
    return subject, relation, object_


def _whole(text: str) -> str:
    """The text as UTF-8 can hold it: JSON's escapes may spell half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode("utf-8")


# -- the file ---------------------------------------------------------------------------------------------------------

_KEYS = ("subject", "relation", "object")
_FORM = "Each line is an object with doc, start and end, and with subject, relation and object or none of the three"


def format_triples(stated: Stated) -> str:
    """JSON lines of {"doc", "start", "end", "subject", "relation", "object"}, sorted, each once.

    A passage that states nothing has one line with its place alone, so that the file tells what was read.
    """
    none: Sequence[tuple[str, ...]] = [()]
    rows = {
        (doc, *span, *fact) for doc, spans in stated.items() for span, facts in spans.items() for fact in facts or none
    }
    names = ("doc", "start", "end", *_KEYS)
    return "".join(json.dumps(dict(zip(names, row, strict=False)), ensure_ascii=False) + "\n" for row in sorted(rows))


def read_triples(text: str, where: str) -> Stated:
    """What `format_triples` wrote, or others in its form. where: the file, for messages.

    Raises UserError with the line's number for one that is broken or no such record.
    """
    stated: Stated = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"broken JSON: {error}", where=f"{where}:{number}", remedy="One object per line") from None
        row = row if isinstance(row, dict) else {}
        if wrong := _wrong(row):
            raise UserError(wrong, where=f"{where}:{number}", remedy=_FORM)
        facts = stated.setdefault(row["doc"], {}).setdefault((row["start"], row["end"]), [])
        if "subject" in row:
            subject, relation, object_ = (_whole(row[key]) for key in _KEYS)
            facts.append((subject, relation, object_))
    return stated


def _wrong(row: Mapping[str, Any]) -> str:
    """What is wrong with a line's record; empty if nothing is."""
    for key in ("doc", *(_KEYS if any(key in row for key in _KEYS) else ())):
        if not isinstance(row.get(key), str):
            return f"{key!r} is missing or no text"
    for key in ("start", "end"):
        if not isinstance(row.get(key), int) or isinstance(row[key], bool):
            return f"{key!r} is missing or no whole number"
    return "" if 0 <= row["start"] < row["end"] < 2**31 else f"[{row['start']}, {row['end']}) is no stretch of a text"


@dataclass(frozen=True)
class RecordedTriples(Stage):
    """Per context, `.on(chunks)`: the triples of a file as a list of {"subject", "relation", "object", "chunk"}.

    A triple belongs to the chunk that holds most of the stretch that states it. Where none holds half, because the
    chunks are much smaller, it is the one among them that names most of subject and object, of these the one that holds
    most; ties by index. Other contexts' documents are passed over. Raises UserError for a file that names none of a
    context's documents, or that is broken.
    """

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 16

    path: str

    def __post_init__(self) -> None:
        if not Path(self.path).is_file():
            raise UserError(
                "no such file",
                where=f"{self.label}.path: {self.path}",
                remedy="Make it by: python -m experiments triples NAME --out FILE",
            )

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the file by its content."""
        return settings(self) | {"path": digest_file(Path(self.path))}

    def run(self, *columns: Sequence[Any]) -> Iterable[list[Triple]]:
        """One column: tuples of Chunk."""
        stated = _recorded(self.path, digest_file(Path(self.path)))
        for chunks in columns[0]:
            places: dict[str, list[int]] = {}
            for i, chunk in enumerate(chunks):
                places.setdefault(chunk.doc, []).append(i)
            if places and not places.keys() & stated.keys():
                raise UserError(
                    f"the file names none of the documents ({next(iter(places))!r}, {len(places)} in all)",
                    where=self.path,
                    remedy="Its `doc` must hold the data set's document ids",
                )
            yield [
                dict(zip(_KEYS, fact, strict=True)) | {"chunk": i}
                for doc, indices in places.items()
                for fact, i in placed(stated.get(doc, {}), chunks, indices)
            ]


def placed(
    spans: Mapping[tuple[int, int], Sequence[Fact]], chunks: Sequence[Chunk], indices: Sequence[int]
) -> Iterator[tuple[Fact, int]]:
    """One document's facts, each with its chunk. indices: the document's chunks; a fact outside of all is left out."""
    starts, ends = (np.array([getattr(chunks[i], side) for i in indices]) for side in ("start", "end"))
    for (start, end), facts in spans.items():
        held = np.minimum(ends, end) - np.maximum(starts, start)
        best = int(held.argmax())
        if 2 * held[best] >= end - start:
            yield from ((fact, indices[best]) for fact in facts)
            continue
        candidates = [(indices[i], int(held[i])) for i in np.flatnonzero(held > 0).tolist()]
        texts = {i: chunks[i].text.casefold() for i, _ in candidates}
        for subject, relation, object_ in facts if candidates else ():
            named = {i: sum(x.casefold() in text for x in (subject, object_)) for i, text in texts.items()}
            chosen = max(candidates, key=lambda c: (named[c[0]], c[1], -c[0]))
            yield (subject, relation, object_), chosen[0]


@lru_cache(maxsize=4)
def _recorded(path: str, content: str) -> Stated:
    """The file whose content has this digest."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the triples cannot be read ({error})", where=path, remedy="Check the file") from None
    return read_triples(text, path)
