"""The store: values of nodes by content key, answers of model calls, and what explains both.

One SQLite index with small values inside and large ones in content-addressed files beside it. A value is written to a
temporary name, renamed, and its row is written last, so `kill -9` leaves whole values or none. Every row carries a
checksum, every value a digest: a flipped byte is found, named in `damaged`, its row deleted, and the value made again.

It does not know what a stage or a reader is, only keys, bytes and the words that describe them.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from pipeline.core.errors import UserError
from pipeline.core.index import SCHEMA, CallRow, Entry, checksum, open_index
from pipeline.core.records import digest_parts

__all__ = ["INLINE", "CallRow", "Entry", "Store"]

INLINE = 32_768  # bytes; larger values become files
MAPPED = 1 << 26  # bytes; the files of values this large are mapped into memory rather than read
_CHUNK = 500  # SQLite's default limit of variables in one statement is 999 in old builds
_YOUNG = 3600  # seconds
_CASTS: dict[str, Callable[[Any], Any]] = {"float": float, "int": int, "str": str}
_Row = TypeVar("_Row", Entry, CallRow)


class Store:
    """Opens (and mends) the store in `folder`. Use it as a context manager, or call `close`.

    damaged: a line for each value found damaged since opening. dropped: their keys.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        self.dropped: set[str] = set()
        try:
            (folder / "objects").mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise UserError(
                f"cannot write the store: {e.strerror}",
                where=str(folder),
                remedy="Set LONGSHORT_STORE to a folder you own",
            ) from None
        self._db, notes = open_index(folder / "index.sqlite")
        self.damaged += notes

    # -- values of nodes ------------------------------------------------------------------------------------------

    def good(self, keys: Iterable[str]) -> dict[str, float]:
        """Of these keys, the ones whose stored value is whole, with the seconds it once took; reads every byte.

        A damaged value is named in `damaged` and deleted.
        """
        return {e.key: e.seconds for e in self._rows(Entry, keys) if self._bytes(e) is not None}

    def get(self, key: str) -> bytes | memoryview | None:
        """The value's bytes, or None where it is absent or was damaged. Those of a large value are mapped, not read."""
        for entry in self._rows(Entry, [key]):
            return self._bytes(entry)
        return None

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes | memoryview]:
        """The bytes of those that are there and whole."""
        found = ((e.key, self._bytes(e)) for e in self._rows(Entry, keys))
        return {key: raw for key, raw in found if raw is not None}

    def put(self, entries: Iterable[tuple[Entry, bytes]]) -> None:
        """Write values, then their rows in one transaction; an entry's `digest`, `size` and `value` are not read."""
        rows = []
        for entry, raw in entries:
            sha = hashlib.sha256(raw).hexdigest()
            inline = raw if len(raw) <= INLINE else None
            if inline is None:
                self._write_object(sha, raw)
            about = (entry.key, entry.stage, entry.own, entry.item, entry.inputs, float(entry.seconds))
            rows.append((*about, len(raw), sha, inline))
        with self.transaction():
            self._insert("nodes", rows)

    def _write_object(self, sha: str, raw: bytes) -> None:
        path = self._object(sha)
        path.parent.mkdir(exist_ok=True)
        draft = path.with_name(f"{sha}.{os.getpid()}.tmp")
        draft.write_bytes(raw)
        draft.rename(path)

    def _object(self, sha: str) -> Path:
        return self.folder / "objects" / sha[:2] / sha

    def _bytes(self, entry: Entry) -> bytes | memoryview | None:
        raw: bytes | memoryview | None = entry.value
        if raw is None:
            try:
                raw = _read(self._object(entry.digest))
            except FileNotFoundError:
                self._drop(entry, "its file is gone")
                return None
        if hashlib.sha256(raw).hexdigest() != entry.digest:
            self._drop(entry, "its bytes changed since they were written")
            return None
        return raw

    def _drop(self, entry: Entry, why: str) -> None:
        self._object(entry.digest).unlink(missing_ok=True)
        self._db.execute("DELETE FROM nodes WHERE key = ?", (entry.key,))
        self.dropped.add(entry.key)
        self.damaged.append(f"{entry.stage} of {entry.item or 'the collection'}: {why}; it is made again")

    # -- model calls ----------------------------------------------------------------------------------------------

    def calls(self, keys: Iterable[str]) -> dict[str, CallRow]:
        """The remembered calls among these keys; a damaged row is named in `damaged` and deleted."""
        return {row.key: row for row in self._rows(CallRow, keys)}

    def put_calls(self, rows: Iterable[CallRow]) -> None:
        """Remember calls. Outside of `transaction` each is on disk when this returns."""
        self._insert("calls", [tuple(_CASTS[str(f.type)](getattr(r, f.name)) for f in fields(r)) for r in rows])

    # -- explanations ---------------------------------------------------------------------------------------------

    def describe(self, own: str, spec: str) -> None:
        """Keep the settings (canonical JSON) behind a node's own digest, for `cache why`."""
        if self.spec(own) is None:
            self._db.execute("INSERT OR REPLACE INTO specs VALUES (?, ?)", (own, spec))

    def spec(self, own: str) -> str | None:
        """The settings behind a digest."""
        row = self._db.execute("SELECT spec FROM specs WHERE own = ?", (own,)).fetchone()
        return str(row[0]) if row and digest_parts([row[0]]) == own else None

    def history(self, stage: str, item: str) -> Iterator[Entry]:
        """Stored values of this stage for this item, newest first, whatever its settings and inputs were."""
        sql = "SELECT * FROM nodes WHERE stage = ? AND item = ? ORDER BY rowid DESC"
        for *row, check in self._db.execute(sql, (stage, item)).fetchall():
            if checksum(row) == check:
                yield Entry(*row)

    def last_call(self, reader: str, question: str, route: str, turn: int) -> CallRow | None:
        """The newest remembered call of this reader for this question, route and turn."""
        sql = "SELECT * FROM calls WHERE reader = ? AND question = ? AND route = ? AND turn = ?"
        found = self._db.execute(f"{sql} ORDER BY rowid DESC", (reader, question, route, turn))
        return next((CallRow(*row) for *row, check in found if checksum(row) == check), None)

    def code(self, stage: str, version: int, digest: str) -> str:
        """The code digest first seen for this version of a stage; remembers `digest` where none was."""
        for *found, check in self._db.execute("SELECT * FROM code WHERE stage = ? AND version = ?", (stage, version)):
            if checksum(found) == check:
                return str(found[2])
        self._insert("code", [(stage, version, digest)])
        return digest

    def accept_code(self, stage: str) -> int:
        """Forget the code seen for a stage (its author says that values did not change); returns how many versions.

        stage: the name that `code` was given, or its last part, the class's own name.
        """
        sql = "DELETE FROM code WHERE stage = ? OR substr(stage, -length(?) - 1) = '.' || ?"
        return self._db.execute(sql, (stage, stage, stage)).rowcount

    # -- house-keeping --------------------------------------------------------------------------------------------

    def mark_used(self, run: str, keys: Iterable[str]) -> None:
        """Say which values the newest run of this name stands on; `sweep` keeps them."""
        with self.transaction():
            self._db.execute("DELETE FROM uses WHERE run = ?", (run,))
            self._db.executemany("INSERT OR IGNORE INTO uses VALUES (?, ?)", ((run, k) for k in keys))

    def sweep(self, keep_runs: Callable[[str], bool]) -> tuple[int, int]:
        """Delete values and calls that no kept run uses. Returns (rows, bytes) freed."""
        before = self.size()
        with self.transaction():
            had = self._files()
            for (run,) in self._db.execute("SELECT DISTINCT run FROM uses").fetchall():
                if not keep_runs(run):
                    self._db.execute("DELETE FROM uses WHERE run = ?", (run,))
            rows = 0
            for table in SCHEMA:
                rows += self._db.execute(f"DELETE FROM {table} WHERE key NOT IN (SELECT key FROM uses)").rowcount
            self._db.execute("DELETE FROM specs WHERE own NOT IN (SELECT own FROM nodes)")
            has = self._files()
        for path in (self.folder / "objects").glob("*/*"):
            if path.name not in has:
                # A young file without a row may be about to get one from another process.
                with suppress(FileNotFoundError):
                    if path.name in had or time.time() - path.stat().st_mtime > _YOUNG:
                        path.unlink()
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return rows, before - self.size()

    def unused(self, keep_runs: Callable[[str], bool]) -> tuple[int, int]:
        """What `sweep` would delete: (rows, bytes of values)."""
        runs = [run for (run,) in self._db.execute("SELECT DISTINCT run FROM uses") if keep_runs(run)]
        marks = ", ".join("?" * len(runs))
        kept = f"key NOT IN (SELECT key FROM uses WHERE run IN ({marks}))"
        nodes, size = self._db.execute(f"SELECT count(*), total(size) FROM nodes WHERE {kept}", runs).fetchone()
        (calls,) = self._db.execute(f"SELECT count(*) FROM calls WHERE {kept}", runs).fetchone()
        return nodes + calls, int(size)

    def size(self) -> int:
        """Bytes on disk."""
        total = 0
        for path in self.folder.rglob("*"):
            with suppress(FileNotFoundError):  # another process's draft, renamed meanwhile
                total += path.stat().st_size if path.is_file() else 0
        return total

    def _files(self) -> set[str]:
        return {sha for (sha,) in self._db.execute("SELECT digest FROM nodes WHERE value IS NULL")}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nests (the outermost decides)."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Fold the write-ahead log into the index and let go of it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            marks = ", ".join("?" * (len(rows[0]) + 1))
            self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", [(*r, checksum(r)) for r in rows])

    def _rows(self, row: type[_Row], keys: Iterable[str]) -> Iterator[_Row]:
        table = next(t for t, cls in SCHEMA.items() if cls is row)
        wanted = list(dict.fromkeys(keys))
        for at in range(0, len(wanted), _CHUNK):
            part = wanted[at : at + _CHUNK]
            sql = f"SELECT rowid, * FROM {table} WHERE key IN ({', '.join('?' * len(part))})"
            for rowid, *found, check in self._db.execute(sql, part).fetchall():
                if checksum(found) == check:
                    yield row(*found)
                else:
                    self._db.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))
                    self.dropped.add(found[0])
                    what = f"{found[1]} of {found[3]}" if row is Entry else f"the call of {found[2]} for {found[3]}"
                    self.damaged.append(f"{what}: its row changed since it was written; it is made again")


def _read(path: Path) -> bytes | memoryview:
    if path.stat().st_size < MAPPED:
        return path.read_bytes()
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
