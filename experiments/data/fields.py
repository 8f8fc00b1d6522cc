"""The fields of one row of a user's file, typed: what is missing or of another type is refused with the row's place.

It does not know which file the row came from: `where` (file and line) is given along and only printed. A lone
surrogate, which no file can hold, becomes U+FFFD, so that lengths and offsets stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Document, Span

_SURROGATE = re.compile("[\ud800-\udfff]")


class WrittenNumber(float):
    """A JSON number with a fraction or an exponent that remembers how it was written: 5.0, 8.70, 1e3."""

    literal: str

    def __new__(cls, literal: str) -> WrittenNumber:
        """The number that `literal` denotes."""
        number = super().__new__(cls, literal)
        number.literal = literal
        return number


def plural(n: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def clean(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD, so that it can be written; as long as before."""
    return text if text.isascii() else _SURROGATE.sub("�", text)


def kind_of(value: object) -> str:
    """A JSON value's type in words."""
    names = {bool: "true or false", str: "text", int: "a number", list: "a list", dict: "an object", type(None): "null"}
    return "a number" if isinstance(value, float) else names.get(type(value), type(value).__name__)


def wrong_type(key: str, value: object, expected: str, where: str) -> UserError:
    """The error for a field that holds something else than it must."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 40 else shown[:39] + "…"
    return UserError(f"{key!r} is {kind_of(value)} ({shown}), expected {expected}", where=where)


def field(row: Mapping[str, Any], key: str, where: str) -> Any:
    """The value of a field that must be there."""
    if key not in row:
        raise UserError(f"the field {key!r} is missing", where=where, remedy=nearest(key, row) if row else "")
    return row[key]


def text_field(row: Mapping[str, Any], key: str, where: str) -> str:
    """A text that must be there and not be blank."""
    value = field(row, key, where)
    if not isinstance(value, str):
        raise wrong_type(key, value, "text", where)
    if not value.strip():
        raise UserError(f"{key!r} is empty", where=where, remedy="Give it a text, or remove the row")
    return clean(value)


def optional_text(row: Mapping[str, Any], key: str, where: str) -> str:
    """A text, or an empty one where the field is absent or null."""
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise wrong_type(key, value, "text", where)
    return clean(value or "")


def id_field(row: Mapping[str, Any], key: str, where: str) -> str:
    """An id as text; files often number their rows with plain integers."""
    value = field(row, key, where)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_field(row, key, where)


def flag_field(row: Mapping[str, Any], key: str, where: str) -> bool | None:
    """True, False, or None where the field is absent or null."""
    value = row.get(key)
    if value is not None and not isinstance(value, bool):
        raise wrong_type(key, value, "true or false", where)
    return value


def list_field(row: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """A list, or an empty one where the field is absent or null."""
    value = row.get(key)
    if value is not None and not isinstance(value, list):
        raise wrong_type(key, value, "a list", where)
    return value or []


def as_text(value: object) -> str | None:
    """A scalar of JSON as text, a number as it was written (5, 5.0, 8.70); None for a list, an object or null."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenNumber):
        return value.literal
    return str(value) if isinstance(value, int | float) else None


def golds_field(row: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Gold answers from a scalar or a list of scalars; blank ones and repetitions are dropped, null is none."""
    value = row.get(key)
    if value is None:
        return ()
    texts = [as_text(v) for v in (value if isinstance(value, list) else [value])]
    if None in texts:
        raise wrong_type(key, value, "text, a number, true or false, or a list of these", where)
    return tuple(dict.fromkeys(t for t in texts if t and t.strip()))


def ids_field(row: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """A list of ids, or one id; empty where the field is absent or null."""
    value = row.get(key)
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(v, str | int) and not isinstance(v, bool) for v in values):
        raise wrong_type(key, value, "a list of ids", where)
    return tuple(str(v) for v in values)


def claim(seen: dict[str, str], key: str, where: str, noun: str = "id") -> None:
    """Note that `where` takes `key`. Raises UserError, naming both places, if it was taken."""
    if key in seen:
        raise UserError(
            f"the {noun} {key!r} was given before, at {seen[key]}", where=where, remedy="Give each row its own"
        )
    seen[key] = where


def known(name: str, names: Iterable[str], noun: str, where: str) -> str:
    """The name, if it is one of `names`. Raises UserError with the nearest one if not."""
    names = names if isinstance(names, Mapping | set | frozenset) else set(names)
    if name not in names:
        raise UserError(f"no {noun} {name!r}", where=where, remedy=nearest(name, names) if names else "There are none")
    return name


def span_in(documents: Mapping[str, Document], doc: str, start: object, end: object, where: str) -> Span:
    """Characters `[start, end)` of a document that is there. Raises UserError for one that leaves it."""
    known(doc, documents, "document", where)
    for name, value in (("start", start), ("end", end)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(name, value, "a whole number of characters", where)
    assert isinstance(start, int) and isinstance(end, int)
    text = documents[doc].text
    size = None if text is None else len(text)
    if not 0 <= start < end or (size is not None and end > size):
        holds = "" if size is None else f", which has {size} characters"
        raise UserError(
            f"the span [{start}, {end}) does not lie in document {doc!r}{holds}",
            where=where,
            remedy="Offsets count characters from 0, the end is exclusive",
        )
    return Span(doc, start, end)
