"""The store's index: its rows and their checksums, and an SQLite file opened whole, or mended first.

Every row carries a checksum over its columns. A file that is damaged as a whole (a page, the declaration of a table, an
index that disagrees with its table) is copied row by row into a new one. It does not know what the rows mean, nor where
large values are kept.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError

_GAP = 50_000  # row numbers looked for between two readable ends: a damaged number can be any
_NO_DAMAGE = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM)
)
# SQLite names damaged columns and tables in its messages, which Python then cannot read.
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored value of one item of one node. `value` is None where the bytes stand in a file named by `digest`."""

    key: str
    stage: str
    own: str
    item: str
    inputs: str
    seconds: float
    size: int
    digest: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class CallRow:
    """A remembered model call; `prompt` is the prompt's digest, `sampling` canonical JSON, `cites` a JSON list."""

    key: str
    generator: str
    reader: str
    question: str
    route: str
    turn: int
    prompt: str
    sampling: str
    text: str
    status: str
    finish: str
    error: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cites: str
    seconds: float


SCHEMA: dict[str, type] = {"nodes": Entry, "calls": CallRow}


def checksum(values: Sequence[Any]) -> bytes:
    """Checksum of a row's columns. An inline value is left out: its own digest stands in another column."""
    plain = tuple(v for v in values if not isinstance(v, bytes))
    return hashlib.blake2b(repr(plain).encode("utf-8", "surrogatepass"), digest_size=12).digest()


def open_index(path: Path) -> tuple[sqlite3.Connection, list[str]]:
    """The index at `path`, made, opened or mended, in autocommit, and a line for a mending.

    Raises UserError where it cannot be opened for a reason that is no damage (a full disk, a lack of rights).
    """
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=60)
        if _prepare(db):
            return db, []
    except _DAMAGE as e:
        if not _is_damage(e, path):
            raise UserError(
                f"cannot open the store's index: {e}",
                where=str(path),
                remedy="Free the disk or the file, or set LONGSHORT_STORE to another folder",
            ) from None
    db.close()
    kept = _mend(path)
    db = sqlite3.connect(path, isolation_level=None, timeout=60)
    _prepare(db)
    return db, [f"{path.name}: the index was damaged; {kept} values and calls were saved, the rest is made again"]


def _prepare(db: sqlite3.Connection) -> bool:
    """Settings and tables; whether the file is whole."""
    db.text_factory = _text
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    _create_tables(db)
    # Not quick_check: an index that disagrees with its table hides rows, and fails at the next write.
    return bool(db.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok") and _has_our_tables(db)


def _mend(path: Path) -> int:
    """Copy every readable row into a new file, which then takes the old one's place. Returns how many were saved."""
    mended = path.with_suffix(".mended")
    mended.unlink(missing_ok=True)
    kept = 0
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(mended)) as target:
        source.text_factory = _text
        _create_tables(target)
        for table in (*SCHEMA, "code", "specs", "uses"):
            width = len(target.execute(f"SELECT * FROM {table}").description)
            for row in _readable_rows(source, table):
                if len(row) == width and (table in ("specs", "uses") or checksum(row[:-1]) == row[-1]):
                    target.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * width)})", row)
                    kept += table in SCHEMA
        target.commit()
    for suffix in ("-wal", "-shm"):  # read with the old file; left behind, they would be taken for the new one's
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    mended.replace(path)
    return kept


def _text(raw: bytes) -> str:
    """Damaged text is text as well: its checksum tells, where an exception would hide the row."""
    return raw.decode("utf-8", "replace")


def _create(table: str, row: type) -> str:
    kinds = {"float": "REAL", "int": "INTEGER", "bytes | None": "BLOB"}
    columns = ", ".join(
        f"{f.name} {kinds.get(str(f.type), 'TEXT')}{' PRIMARY KEY' if f.name == 'key' else ''}" for f in fields(row)
    )
    return f"CREATE TABLE IF NOT EXISTS {table} ({columns}, sum BLOB)"


def _create_tables(db: sqlite3.Connection) -> None:
    for table, row in SCHEMA.items():
        db.execute(_create(table, row))
    db.execute("CREATE INDEX IF NOT EXISTS nodes_by_item ON nodes (stage, item)")
    db.execute("CREATE INDEX IF NOT EXISTS calls_by_question ON calls (reader, question, route, turn)")
    db.execute("CREATE TABLE IF NOT EXISTS code (stage TEXT, version INTEGER, digest TEXT, sum BLOB)")
    db.execute("CREATE TABLE IF NOT EXISTS specs (own TEXT PRIMARY KEY, spec TEXT)")
    db.execute("CREATE TABLE IF NOT EXISTS uses (run TEXT, key TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID")


def _has_our_tables(db: sqlite3.Connection) -> bool:
    """Whether the tables are declared as they should be: SQLite's own check takes any declaration for good."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        _create_tables(fresh)
        sql = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
        return db.execute(sql).fetchall() == fresh.execute(sql).fetchall()


def _is_damage(error: Exception, path: Path) -> bool:
    """Whether an error on opening comes from the file's content, rather than from a full disk or a lack of rights."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return path.is_file() and os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK)
    return code not in _NO_DAMAGE


def _readable_rows(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """Rows of a damaged table, oldest first: read forwards and backwards up to the damage, and singly in between."""
    found: dict[Any, tuple[Any, ...]] = {}
    number = "rowid" if table != "uses" else "run || key"  # `uses` has no row numbers
    reached: list[Any] = []
    for order in ("ASC", "DESC"):
        at = None
        try:
            for at, *row in db.execute(f"SELECT {number}, * FROM {table} ORDER BY {number} {order}"):
                found[at] = tuple(row)
            break
        except _DAMAGE:
            reached.append(at)
    else:
        if table != "uses" and found:
            low, high = reached[0] or 0, reached[1] or reached[0] + _GAP
            _read_singly(db, table, range(low + 1, min(high, low + _GAP)), found)
    return [found[at] for at in sorted(found)]


def _read_singly(db: sqlite3.Connection, table: str, gap: range, found: dict[Any, tuple[Any, ...]]) -> None:
    """Add the rows with these numbers; a page that cannot be read costs its own rows alone."""
    sql = f"SELECT rowid, * FROM {table} WHERE rowid BETWEEN ? AND ?"
    step = 64
    for low in gap[::step]:
        try:
            rows = db.execute(sql, (low, low + step - 1)).fetchall()
        except _DAMAGE:
            rows = []
            for at in range(low, low + step):
                with suppress(*_DAMAGE):
                    rows += db.execute(sql, (at, at)).fetchall()
        found.update((at, tuple(row)) for at, *row in rows if at not in found)
