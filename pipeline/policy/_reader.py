"""JSON of a policy file, taken apart value by value: each is what it should be, or a UserError says where it is not.

Reading executes nothing: JSON has no code, and a value is only ever looked at, never looked up. It does not know what
the values mean; that is `pipeline.policy.file`, and `pipeline.policy.valid` for what must hold between them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, nearest
from pipeline.policy.models import LARGEST

DEEPEST = 32
"""Levels of lists and objects within one another."""

_NAMES: dict[type, str] = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}


def named(value: object) -> str:
    """What kind of JSON value it is, in words."""
    return _NAMES.get(type(value), "a number")


def parse(raw: bytes, where: str) -> Any:
    """The JSON value. Raises UserError for other bytes, a key given twice, NaN or Infinity, and deep nesting."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) < len(found):
            keys = [k for k, _ in found]
            twice = next(k for k in keys if keys.count(k) > 1)
            raise UserError(f"the key {twice!r} is given twice in one object", where=where)
        return made

    def constant(name: str) -> Any:
        raise UserError(f"the number {name} is not finite", where=where)

    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except UnicodeDecodeError as e:
        raise UserError(f"not a text file in UTF-8 (byte {e.start})", where=where) from e
    except RecursionError as e:
        raise UserError("lists or objects nested too deeply", where=where) from e
    except json.JSONDecodeError as e:
        raise UserError(f"not JSON: {e.msg}", where=f"{where}:{e.lineno}:{e.colno}") from e
    except ValueError as e:  # a whole number of more digits than Python reads
        raise UserError(f"not a number that can be read: {e}", where=where) from e
    level = [value]
    for _ in range(DEEPEST):
        inner = chain.from_iterable(v.values() if isinstance(v, dict) else v for v in level)
        level = [v for v in inner if isinstance(v, dict | list)] if isinstance(level[0], dict | list) else []
        if not level:
            return value
    raise UserError(f"lists or objects nested more than {DEEPEST} deep", where=where)


class Reader:
    """Takes values of one file apart. key: where in the file a value is, as `steps[0].models[1].leaf`."""

    def __init__(self, where: str) -> None:
        self.where = where

    def refuse(self, what: str, key: str, remedy: str = "") -> UserError:
        """The error for a value."""
        return UserError(what, where=f"{self.where}: {key}" if key else self.where, remedy=remedy)

    def mapping(self, value: Any, key: str) -> dict[str, Any]:
        """An object with any keys."""
        if not isinstance(value, dict):
            raise self.refuse(f"found {named(value)}, expected an object", key)
        for name in value:
            self.text(name, key)
        return value

    def fields(self, value: Any, key: str, names: Sequence[str]) -> list[Any]:
        """The values of exactly these keys."""
        found = self.mapping(value, key)
        absent = [n for n in names if n not in found]
        if absent:
            raise self.refuse(f"the field {absent[0]!r} is missing", key)
        unknown = [n for n in found if n not in names]
        if unknown:
            raise self.refuse(f"unknown field {unknown[0]!r}", key, nearest(unknown[0], names))
        return [found[n] for n in names]

    def items(self, value: Any, key: str) -> list[tuple[Any, str]]:
        """The values of a list, each with its key."""
        if not isinstance(value, list):
            raise self.refuse(f"found {named(value)}, expected a list", key)
        return [(v, f"{key}[{i}]") for i, v in enumerate(value)]

    def text(self, value: Any, key: str) -> str:
        """Text that can be written as UTF-8: a lone half of a surrogate pair cannot."""
        if not isinstance(value, str):
            raise self.refuse(f"found {named(value)}, expected text", key)
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as e:
                raise self.refuse("text that is not valid Unicode", key) from e
        return value

    def truth(self, value: Any, key: str) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            raise self.refuse(f"found {named(value)}, expected true or false", key)
        return value

    def whole(self, value: Any, key: str) -> int:
        """A whole number, at least 0."""
        if type(value) is not int:
            raise self.refuse(f"found {named(value)}, expected a whole number", key)
        if not 0 <= value <= 2**31:
            raise self.refuse("expected a whole number from 0 to 2^31", key)
        return value

    def number(self, value: Any, key: str) -> float:
        """A finite number."""
        if type(value) not in (int, float):
            raise self.refuse(f"found {named(value)}, expected a number", key)
        if not -LARGEST <= value <= LARGEST:
            raise self.refuse(f"a number that is not finite, or larger than {LARGEST:g}", key)
        return float(value)

    def plain(self, value: Any, key: str) -> Any:
        """Any JSON value whose numbers are finite and whose text is Unicode."""
        if isinstance(value, dict):
            for k, v in self.mapping(value, key).items():
                self.plain(v, f"{key}.{k}")
        elif isinstance(value, list):
            for v, inner in self.items(value, key):
                self.plain(v, inner)
        elif isinstance(value, str):
            self.text(value, key)
        elif type(value) in (int, float):
            self.number(value, key)
        return value

    def floats(self, value: Any, key: str, rank: int, *, infinite: bool = False) -> NDArray[np.float64]:
        """A nested list of finite numbers with `rank` levels, none ragged. infinite: null stands for +inf."""
        flat, shape = self._flat(value, key, rank)
        if infinite:
            finite = [v for v in flat if v is not None]
            self._numbers(finite, key, {int, float})
            flat = [np.inf if v is None else v for v in flat]
        else:
            self._numbers(flat, key, {int, float})
        return np.array(flat, dtype=float).reshape(shape)

    def wholes(self, value: Any, key: str, rank: int) -> NDArray[np.intp]:
        """A nested list of whole numbers."""
        flat, shape = self._flat(value, key, rank)
        self._numbers(flat, key, {int})
        if flat and max(map(abs, flat)) > 2**31:
            raise self.refuse("expected whole numbers up to 2^31", key)
        return np.array(flat, dtype=np.intp).reshape(shape)

    def truths(self, value: Any, key: str, rank: int) -> NDArray[np.bool_]:
        """A nested list of true and false."""
        flat, shape = self._flat(value, key, rank)
        self._numbers(flat, key, {bool})
        return np.array(flat, dtype=bool).reshape(shape)

    def _flat(self, value: Any, key: str, rank: int) -> tuple[list[Any], tuple[int, ...]]:
        level, shape = [value], []
        for depth in range(rank):
            wrong = next((v for v in level if not isinstance(v, list)), None)
            if not all(isinstance(v, list) for v in level):
                raise self.refuse(f"found {named(wrong)}, expected a list, at level {depth + 1} of {rank}", key)
            lengths = set(map(len, level))
            if len(lengths) > 1:
                raise self.refuse(f"lists of {min(lengths)} and {max(lengths)} values, expected equal ones", key)
            shape.append(lengths.pop() if lengths else 0)
            level = list(chain.from_iterable(level))
        return level, tuple(shape)

    def _numbers(self, flat: list[Any], key: str, types: set[type]) -> None:
        wrong = set(map(type, flat)) - types
        if wrong:
            expected = "true or false" if bool in types else "a whole number" if float not in types else "a number"
            raise self.refuse(f"found {named(next(v for v in flat if type(v) in wrong))}, expected {expected}", key)
        if bool not in types and flat and not -LARGEST <= min(flat) <= max(flat) <= LARGEST:
            raise self.refuse(f"a number that is not finite, or larger than {LARGEST:g}", key)
