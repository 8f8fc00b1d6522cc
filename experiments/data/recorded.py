"""Answers that another system produced, read through a map of its result files (JSON lines or CSV) to our fields.

It does not know how the answers came about: no document, no prompt and no cost is known. People's labels are translated
to outcomes by the map's table; nothing is marked here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from experiments.data._map import LABELS, Label, RecordedMap, columns, lookup, read_map
from experiments.data.base import read_csv, read_jsonl
from experiments.data.fields import as_text, plural, wrong_type
from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Dataset, Document, Question

ABSENT = Document("(not given)", None, "(not given)")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSON = (".jsonl", ".ndjson")


class RecordedAnswers(NamedTuple):
    """What `load_recorded` gives. Readers and routes stand in order of appearance.

    answers: by reader and (question id, route); None: a failed call. labels: by (reader, question id, route).
    """

    dataset: Dataset
    answers: dict[str, dict[tuple[str, str], str | None]]
    labels: dict[tuple[str, str, str], Label]


@dataclass(frozen=True, slots=True)
class _Answer:
    """One row, its file and line."""

    text: str | None
    label: Label | None
    where: str


def load_recorded(map_file: Path) -> RecordedAnswers:
    """The questions, each reader's answers by route, and people's labels where the files hold them.

    The documents are not known: the collection is one document without text. A question's cluster is its own id unless
    the map names a column. An empty answer is a failed call, and so is one that is labelled so. A row given twice is
    kept once. A question that one of a reader's routes lacks counts as failed there, or (`missing: skip`) is left out.
    Raises UserError that names file and line for what is broken, unknown or contradictory.
    """
    given = read_map(map_file)
    questions: dict[str, tuple[Question, str]] = {}
    answers: dict[tuple[str, str, str], _Answer] = {}
    counts = Counter[str]()
    for path, where, row in _rows(given, map_file):
        question = _question(given, row, path, where)
        _merge(questions, question, where)
        reader, route = (_name(given, name, row, path, where) for name in ("reader", "route"))
        answer = _answer(given, row, path, where, counts)
        key = (reader, question.id, route)
        first = answers.setdefault(key, answer)
        if first is not answer:
            if (first.text, first.label) != (answer.text, answer.label):
                raise UserError(
                    f"another answer or label by {reader!r}, {route!r}, to {question.id!r} than at {first.where}",
                    where=where,
                    remedy="Remove one of the two rows, or map what tells them apart to id, route or reader",
                )
            counts["row given twice is kept once"] += 1
    notes = [f"{n} × {what}" for what, n in sorted(counts.items())]
    missing = _missing(answers, list(questions))
    dropped = {question for _, question, _ in missing} if given.missing == "skip" else set()
    if missing:
        by_route = Counter(f"{reader} by {route}" for reader, _, route in missing)
        listed = ", ".join(f"{name} {n}" for name, n in by_route.items())
        fate = f"{plural(len(dropped), 'question')} left out for all" if dropped else "they count as failed"
        notes.append(f"{plural(len(missing), 'answer')} missing ({listed}): {fate}")
    asked = tuple(question for question, _ in questions.values() if question.id not in dropped)
    if not asked:
        raise UserError(
            "no question has all its answers", where=f"{map_file}: missing", remedy="Write `missing: failed`"
        )
    kept = {key: answer for key, answer in answers.items() if key[1] not in dropped}
    recorded: dict[str, dict[tuple[str, str], str | None]] = {}
    for (reader, name, route), answer in kept.items():
        recorded.setdefault(reader, {})[name, route] = answer.text
    labels = {key: answer.label for key, answer in kept.items() if answer.label is not None}
    return RecordedAnswers(Dataset(map_file.stem, {ABSENT.id: ABSENT}, asked, tuple(notes)), recorded, labels)


def _rows(given: RecordedMap, map_file: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """(file, file and line, row) of every row of every file; checks that each mapped column is in each file."""
    for path in _files(given, map_file):
        if path.suffix.lower() in _DELIMITERS:
            rows: list[tuple[int, dict[str, Any]]] = list(read_csv(path, _DELIMITERS[path.suffix.lower()]))
        else:
            rows = list(read_jsonl(path))
        for name, source in given.fields.given().items():
            if source.column and not any(lookup(row, source.column)[0] for _, row in rows):
                raise UserError(
                    f"no column {source.column!r}, which {map_file.name} names for {name!r}",
                    where=str(path),
                    remedy=nearest(source.column, columns(row for _, row in rows)),
                )
        for line, row in rows:
            yield path, f"{path}:{line}", row


def _files(given: RecordedMap, map_file: Path) -> list[Path]:
    found: dict[Path, None] = {}
    for i, pattern in enumerate(given.files):
        where = f"{map_file}: files.{i}"
        if not pattern or Path(pattern).is_absolute():
            raise UserError(
                f"{pattern!r} is no path relative to the map", where=where, remedy="Write one, such as *.csv"
            )
        try:
            paths = sorted(p for p in map_file.parent.glob(pattern) if p.is_file())
        except ValueError as error:
            raise UserError(f"{pattern!r} is no glob: {error}", where=where) from None
        if not paths:
            raise UserError(f"no file fits {pattern!r}", where=where, remedy="Globs are relative to the map's folder")
        for path in paths:
            if path.suffix.lower() not in (*_DELIMITERS, *_JSON):
                raise UserError(
                    f"files of type {path.suffix!r} are not read",
                    where=str(path),
                    remedy=f"Types read: {', '.join((*_JSON, *_DELIMITERS))}",
                )
        found.update(dict.fromkeys(paths))
    if not found:
        raise UserError("`files` is empty", where=f"{map_file}: files", remedy="Name the result files")
    return list(found)


def _scalar(given: RecordedMap, name: str, row: Mapping[str, Any], path: Path, where: str) -> str:
    """A field as text; empty where it has no source, or the row no value."""
    source = getattr(given.fields, name)
    value = source.of(row, path, where) if source else None
    text = "" if value is None else as_text(value)
    if text is None:
        raise wrong_type(name, value, "text or a number", where)
    return text if name == "answer" else text.strip()


def _name(given: RecordedMap, name: str, row: Mapping[str, Any], path: Path, where: str) -> str:
    """A field that every row must fill."""
    text = _scalar(given, name, row, path, where)
    if not text:
        source = getattr(given.fields, name)
        raise UserError(f"no {name} in {source.column!r}", where=where, remedy="Fill it, or remove the row")
    return text


def _question(given: RecordedMap, row: Mapping[str, Any], path: Path, where: str) -> Question:
    text = _name(given, "question", row, path, where)
    name = _name(given, "id", row, path, where) if given.fields.id else f"q-{sha256(text.encode()).hexdigest()[:12]}"
    value = given.fields.gold.of(row, path, where) if given.fields.gold else None
    golds = [as_text(v) for v in (value if isinstance(value, list) else [value]) if v is not None]
    if None in golds:
        raise wrong_type("gold", value, "text, a number, true or false, or a list of these", where)
    return Question(
        id=name,
        text=text,
        golds=tuple(dict.fromkeys(g.strip() for g in golds if g and g.strip())),
        kind=_scalar(given, "kind", row, path, where),
        cluster=_scalar(given, "cluster", row, path, where) or name,
    )


def _merge(questions: dict[str, tuple[Question, str]], question: Question, where: str) -> None:
    """Add a question, or check it against what another row says of it."""
    if question.id not in questions:
        questions[question.id] = (question, where)
        return
    first, place = questions[question.id]
    if not first.golds and question.golds:
        questions[question.id] = (replace(first, golds=question.golds), where)
    for what, one, other in (
        ("text", first.text, question.text),
        ("gold answer", _values(first.golds), _values(question.golds or first.golds)),
        ("cluster", first.cluster, question.cluster),
        ("kind", first.kind, question.kind),
    ):
        if one != other and not (what == "gold answer" and not one):
            raise UserError(
                f"question {question.id!r} has another {what} than at {place}",
                where=where,
                remedy="Give different questions different ids (fields.id), or correct one of the rows",
            )


def _values(golds: tuple[str, ...]) -> set[str | float]:
    """Gold answers for comparison: 8.7, '8.70' and 8.70 are one number, written by several programs."""
    values: set[str | float] = set()
    for gold in golds:
        try:
            number = float(gold)
        except ValueError:
            number = math.nan
        values.add(number if math.isfinite(number) else gold)
    return values


def _answer(given: RecordedMap, row: Mapping[str, Any], path: Path, where: str, counts: Counter[str]) -> _Answer:
    text = _scalar(given, "answer", row, path, where)
    written = _scalar(given, "label", row, path, where)
    outcomes: Mapping[str, Label] = given.labels or {label: label for label in LABELS}
    if written and written not in outcomes:
        remedy = f"Add it to `labels` in the map. Known: {', '.join(outcomes)}"
        raise UserError(f"unknown label {written!r}", where=where, remedy=remedy)
    label = outcomes[written] if written else None
    if given.fields.label and label is None:
        counts["answer without a label"] += 1
    if not text.strip():
        if label not in (None, "failed"):
            counts[f"empty answer with the label {written!r} counts as failed"] += 1
        return _Answer(None, None if label is None else "failed", where)
    return _Answer(None if label == "failed" else text, label, where)


def _missing(answers: Mapping[tuple[str, str, str], _Answer], questions: list[str]) -> list[tuple[str, str, str]]:
    """(reader, question, route) without a row, though the reader has the route and somebody was asked the question."""
    routes = dict.fromkeys((reader, route) for reader, _, route in answers)
    return [(m, q, r) for m, r in routes for q in questions if (m, q, r) not in answers]
