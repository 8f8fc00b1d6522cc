"""The map of somebody else's result files: which files, and where each field of an answer stands in their rows.

It does not read the files. Every value of the map is text as written (`Yes` stays `Yes`, `1.0` stays `1.0`).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from experiments.config import build
from experiments.data.base import read_text
from pipeline.core.errors import UserError, nearest

Label = Literal["right", "wrong", "declined", "failed"]
LABELS: tuple[Label, ...] = ("right", "wrong", "declined", "failed")


@dataclass(frozen=True)
class Source:
    """Where a field's value comes from: a column (`a.b` for a nested one), a constant, or the file's name.

    Written as the column's name, `{const: value}` or `{file: regex with one group}`.
    """

    column: str = ""
    const: str = ""
    file: str = ""

    def check(self, where: str) -> None:
        """Raises UserError unless exactly one of the three is given, and a regex has one group."""
        if sum(map(bool, (self.column, self.const, self.file))) != 1:
            raise UserError(
                "expected the name of a column, {const: value} or {file: regex}", where=where, remedy="Give one of them"
            )
        if self.file:
            try:
                groups = re.compile(self.file).groups
            except re.error as error:
                raise UserError(f"{self.file!r} is no regular expression: {error}", where=where) from None
            if groups != 1:
                raise UserError(
                    f"the expression {self.file!r} has {groups} groups, expected one",
                    where=where,
                    remedy="Put the part of the file name that is the value in (round brackets)",
                )

    def of(self, row: Mapping[str, Any], path: Path, where: str) -> Any:
        """The value in this row of this file; None where the row lacks the column."""
        if self.const:
            return self.const
        if self.file:
            match = re.search(self.file, path.name)
            if match is None or match[1] is None:
                raise UserError(
                    f"the file name does not fit the expression {self.file!r}",
                    where=str(path),
                    remedy="Correct it in the map, or narrow `files`",
                )
            return match[1]
        return lookup(row, self.column)[1]


@dataclass(frozen=True)
class Fields:
    """A source for each field. Without `id`, a question is known by its text."""

    question: Source
    route: Source
    reader: Source
    answer: Source
    id: Source | None = None
    gold: Source | None = None
    label: Source | None = None
    cluster: Source | None = None
    kind: Source | None = None

    def given(self) -> dict[str, Source]:
        """The fields that have a source."""
        sources = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: source for name, source in sources.items() if source is not None}


@dataclass(frozen=True)
class RecordedMap:
    """A map file. files: globs relative to the map. labels: people's labels as outcomes; empty: they are outcomes.

    missing: an answer that is not there counts as a failed call, or (`skip`) its question is left out for all.
    """

    files: tuple[str, ...]
    fields: Fields
    labels: dict[str, Label] = field(default_factory=dict)
    missing: Literal["failed", "skip"] = "failed"


def read_map(path: Path) -> RecordedMap:
    """The map in a YAML file. Raises UserError that names the key at fault."""
    try:
        # BaseLoader makes every scalar the text that was written: a label `No` must not become a boolean.
        raw = yaml.load(read_text(path), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UserError(f"broken YAML: {getattr(error, 'problem', error)}", where=where) from None
    if not isinstance(raw, dict):
        raise UserError(
            "expected a mapping with the keys `files` and `fields`",
            where=str(path),
            remedy="See README, Answers from elsewhere",
        )
    if isinstance(raw.get("files"), str):
        raw["files"] = [raw["files"]]
    if isinstance(raw.get("fields"), dict):
        raw["fields"] = _fields(raw["fields"], f"{path}: fields")
    given = build(RecordedMap, raw, str(path))
    if given.labels and given.fields.label is None:
        raise UserError("`labels` is given, but no field holds a label", where=str(path), remedy="Add fields.label")
    return given


def lookup(row: Mapping[str, Any], column: str) -> tuple[bool, Any]:
    """(whether the row has it, value) of a column; `a.b` is field `b` of the object `a`, if no column is so named."""
    if column in row:
        return True, row[column]
    for i, letter in enumerate(column):
        inner = row.get(column[:i]) if letter == "." else None
        if isinstance(inner, dict):
            there, value = lookup(inner, column[i + 1 :])
            if there:
                return True, value
    return False, None


def columns(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Every column of these rows, nested ones as `a.b`."""
    names: set[str] = set()
    for row in rows:
        for key, value in row.items():
            names.add(key)
            if isinstance(value, dict):
                names.update(f"{key}.{name}" for name in columns([value]))
    return names


def _fields(raw: dict[str, Any], where: str) -> Fields:
    known = [f.name for f in dataclasses.fields(Fields)]
    sources = {}
    for key, value in raw.items():
        if key not in known:
            raise UserError(f"unknown field {key!r}", where=where, remedy=nearest(key, known))
        place = f"{where}.{key}"
        if isinstance(value, str):
            value = {"column": value}
        if not isinstance(value, dict):
            raise UserError("expected the name of a column, {const: value} or {file: regex}", where=place)
        sources[key] = build(Source, value, place)
        sources[key].check(place)
    return build(Fields, sources, where)
