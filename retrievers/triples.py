"""Triples that a reader extracted: from its words to records, and the graph that they make with the passages.

A triple is a plain record {"subject", "relation", "object", "chunk"}: two entities, what holds between them, and the
index of the chunk that says so. `parse_triples` is a pure function of a reader's words; who calls the reader is not its
concern.

Source: Gutiérrez et al., "HippoRAG", NeurIPS 2024, section 2.3 (open information extraction, phrases as nodes).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk
from retrievers.base import at_least
from retrievers.graph import Graph, GraphIndex
from retrievers.spelling import normalise

Triple = dict[str, Any]

_NAMES = (("subject", "head", "subj", "s"), ("relation", "predicate", "rel", "p"), ("object", "tail", "obj", "o"))
_FENCE = re.compile(r"```\w*\n?|\n?```")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_NOTHING = re.compile(r"^\W*(?:none|nothing|no triples?(?: found)?|n/a)?\W*$", re.IGNORECASE)
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

    Read are JSON (a list of lists of three or of objects, or an object that holds one; in a code fence or between other
    words) and lines of three parts split by `|`, tabs, semicolons, `->` or commas, with or without brackets and
    bullets. Lines that are no triple are passed over. "None" and empty text are no triples. Raises UserError where
    nothing can be read.
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


def _from_json(body: str) -> list[tuple[str, str, str]] | None:
    """Triples of the first JSON value in the text that holds any; None where there is no such JSON."""
    decoder = json.JSONDecoder()
    empty: list[tuple[str, str, str]] | None = None
    at = 0
    while match := _OPENING.search(body, at):
        try:
            value, at = decoder.raw_decode(body, match.start())
        except (ValueError, RecursionError):
            at = match.start() + 1
            continue
        found = list(_in_value(value))
        if found:
            return found
        if value in ([], {}) or (isinstance(value, dict) and list(value.values()) == [[]]):
            empty = []
    return empty


def _in_value(value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, list) and len(value) == 3 and all(isinstance(v, str | int | float) for v in value):
        yield _stripped(value)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_value(inner)
    elif isinstance(value, dict):
        lower = {str(k).lower(): v for k, v in value.items()}
        parts = [next((lower[n] for n in names if n in lower), None) for names in _NAMES]
        if all(isinstance(p, str | int | float) for p in parts):
            yield _stripped(parts)
        else:
            for inner in value.values():
                yield from _in_value(inner)


def _from_line(line: str) -> tuple[str, str, str] | None:
    plain = _BULLET.sub("", line).strip().rstrip(".,;")
    if plain[:1] in "([<" and plain[-1:] in ")]>":
        plain = plain[1:-1]
    elif "," in plain and not any(mark in plain for mark in ("|", "\t", ";", "->")):
        return None  # a sentence with two commas is no triple; one in brackets is
    for mark in ("|", "\t", ";", "->", ","):
        parts = plain.split(mark)
        if len(parts) == 3 and all(p.strip() for p in parts):
            return _stripped(parts)
    return None


def _stripped(parts: Sequence[Any]) -> tuple[str, str, str]:
    subject, relation, object_ = (str(p).strip().strip("\"'").strip() for p in parts)
    return subject, relation, object_


def read_triples(text: str, where: str) -> tuple[Triple, ...]:
    """JSON lines of {"subject", "relation", "object", "chunk"} -> triples. where: the file, for messages.

    Raises UserError with the line's number for one that is broken or no such record.
    """
    triples = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"broken JSON: {error}", where=f"{where}:{number}", remedy="One object per line") from None
        wanted = {"subject": str, "relation": str, "object": str, "chunk": int}
        for key, kind in wanted.items():
            if not isinstance(row, dict) or not isinstance(row.get(key), kind) or isinstance(row[key], bool):
                raise UserError(
                    f"{key!r} is missing or no {'number' if kind is int else 'text'}",
                    where=f"{where}:{number}",
                    remedy="Each line is an object with subject, relation, object and chunk (its index, from 0)",
                )
        triples.append({key: row[key] for key in wanted})
    return tuple(triples)
