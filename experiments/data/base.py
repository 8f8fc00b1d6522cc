"""Where data sets lie, and reading their files: text and JSON lines, with errors that name file, line and remedy.

It knows no data set's layout and no field's meaning (`fields.py`). Text comes back as Python's text mode gives it:
UTF-8, a byte order mark dropped, line ends as `\\n`.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.data.fields import WrittenNumber, kind_of
from pipeline.core.errors import UserError, nearest

ROOT = "LONGSHORT_DATA"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def data_root() -> Path:
    """The folder of the data sets: `LONGSHORT_DATA`, or `data`. Raises UserError where it is not a folder."""
    given = os.environ.get(ROOT)
    root = Path(given or "data")
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise UserError(
            f"the folder of data sets {what}",
            where=str(root),
            remedy=f"Set {ROOT} to the folder that holds them"
            + ("" if given else f" (it is not set, so {str(root)!r} was tried)"),
        )
    return root


def _constant(name: str) -> None:
    """NaN is how Python's json module writes a missing number, though JSON has none; infinity means nothing here."""
    if name != "NaN":
        raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_float=WrittenNumber, parse_constant=_constant)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises UserError for one that is absent, a folder, or may not be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        remedy = nearest(path.name, beside) if beside else "Check the path"
        hint = remedy if remedy.startswith("Did") else "Check the path"
        raise UserError("the file does not exist", where=str(path), remedy=hint) from None
    except IsADirectoryError:
        raise UserError("this is a folder, a file is expected", where=str(path), remedy="Name a file in it") from None
    except OSError as error:
        raise UserError(f"the file cannot be read ({error.strerror})", where=str(path)) from None


def decode(raw: bytes, path: Path) -> str:
    """UTF-8 bytes as text. Raises UserError that names the line of the first byte that is not UTF-8."""
    if raw.startswith(_WIDE):
        raise UserError(
            "the file is UTF-16 or UTF-32, UTF-8 is expected",
            where=str(path),
            remedy="Save it as UTF-8 (iconv -t UTF-8)",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"byte 0x{raw[error.start]:02x} is not UTF-8",
            where=f"{path}:{line}",
            remedy="Save the file as UTF-8 (iconv -f LATIN1 -t UTF-8, if it is Latin-1)",
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_text(path: Path) -> str:
    """The text of a UTF-8 file. Raises UserError for a file that cannot be read as such."""
    return decode(read_bytes(path), path)


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of each line that is not blank; fractions come as `WrittenNumber`, NaN as None.

    Raises UserError for a line that is broken or no object, and for a file without any row.
    """
    empty = True
    # Not splitlines(): a line separator such as U+2028 may stand unescaped inside a JSON string.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line or line.isspace():
            continue
        empty = False
        try:
            row = _DECODER.decode(line)
        except ValueError as error:
            at = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise UserError(
                f"broken JSON{at}: {what}", where=f"{path}:{number}", remedy="Each line must be one whole JSON object"
            ) from None
        except RecursionError:
            raise UserError("JSON nested too deeply", where=f"{path}:{number}") from None
        if not isinstance(row, dict):
            raise UserError(
                f"found {kind_of(row)}, expected an object",
                where=f"{path}:{number}",
                remedy="Write one object per line, not one list (jq -c '.[]' turns a list into lines)",
            )
        yield number, row
    if empty:
        raise UserError("the file has no rows", where=str(path), remedy="It must hold one JSON object per line")


def read_csv(path: Path, delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """(line number where it starts, cells by column) of each row; a quoted cell may hold line ends.

    Raises UserError for a head without or with repeated names, a row with more or fewer cells, an open quote, no row.
    """
    # The answers of a table can be longer than the 131,072 characters that the csv module allows a cell by default.
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    start, empty = 1, True
    try:
        for cells in reader:
            where, line, start = f"{path}:{start}", start, reader.line_num + 1
            if not cells:
                continue
            if not columns:
                columns = [name.strip() for name in cells]
                repeated = [name for i, name in enumerate(columns) if not name or name in columns[:i]]
                if repeated:
                    raise UserError(
                        f"the head names the column {repeated[0]!r} twice" if repeated[0] else "a column has no name",
                        where=where,
                        remedy="Give each column a name of its own",
                    )
                continue
            empty = False
            if len(cells) != len(columns):
                raise UserError(
                    f"found {len(cells)} cells, expected {len(columns)} as in the head",
                    where=where,
                    remedy="Put a cell that holds a comma, a quote or a line end in double quotes",
                )
            yield line, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise UserError(f"broken CSV: {error}", where=f"{path}:{start}", remedy="Look for an open quote") from None
    if empty:
        raise UserError("the file has no rows", where=str(path), remedy="It must hold a head and at least one row")
