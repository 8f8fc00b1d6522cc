"""Folders of arrays larger than memory: written piece by piece, whole or not at all, and read as memory maps.

An array is a plain `.npy` file, so that `numpy.load(path, mmap_mode="r")` reads it too. `head.json` is written last and
states the size of every file: a folder without it, or with a file cut short, is refused.

It does not know what the arrays mean.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError

HEAD = "head.json"
_FORMAT = 1


@contextmanager
def whole_or_nothing(folder: Path, kind: str) -> Iterator[Path]:
    """A draft folder beside `folder`, renamed to it when the block ends well, and deleted when it does not.

    Raises UserError where `folder` exists, so that no index is overwritten by mistake. After `kill -9` the draft, whose
    name ends in `.draft`, stays behind.
    """
    if folder.exists():
        raise UserError(f"{str(folder)!r} exists", where=f"build {kind}", remedy="Delete it, or name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.draft")
    draft.mkdir()
    try:
        yield draft
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft)
        raise


def write_head(folder: Path, kind: str, about: Mapping[str, Any]) -> None:
    """Declare the folder complete: what it is, what a searcher must know, and every file with its size."""
    files = {p.name: p.stat().st_size for p in sorted(folder.iterdir())}
    head = {"format": _FORMAT, "kind": kind, "about": dict(about), "files": files}
    (folder / HEAD).write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")


def read_head(folder: Path, kind: str) -> dict[str, Any]:
    """What `write_head` was told. Raises UserError for a folder that is absent, unfinished, damaged or another."""

    def refuse(what: str, remedy: str = "Delete the folder and build it again") -> UserError:
        return UserError(what, where=str(folder), remedy=remedy)

    if not folder.is_dir():
        raise refuse("there is no such folder", f"Build it with build_{kind}")
    try:
        head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        stated = (head["format"], head["kind"])
        about, files = dict(head["about"]), dict(head["files"])
    except FileNotFoundError:
        raise refuse(f"no {HEAD} is there: its building did not end") from None
    except (ValueError, TypeError, KeyError):
        raise refuse(f"{HEAD} cannot be read") from None
    if stated != (_FORMAT, kind):
        raise refuse(f"it holds {stated[1]!r} in format {stated[0]!r}, not {kind!r} in format {_FORMAT}")
    for name, size in files.items():
        found = (folder / name).stat().st_size if (folder / name).is_file() else None
        if found != size:
            raise refuse(
                f"{name} should have {size:,} bytes, " + ("and is not there" if found is None else f"has {found:,}")
            )
    return about


class Rows:
    """A `.npy` file that grows by rows; a context manager.

    width: numbers in a row, or None for a vector. rows: how many were written.
    """

    def __init__(self, path: Path, dtype: Any, width: int | None = None) -> None:
        self.path, self.dtype, self.width, self.rows = path, np.dtype(dtype), width, 0
        self._file = path.open("wb")
        self._header = self._write_header()

    def append(self, rows: Iterable[Any] | NDArray[Any]) -> None:
        """Write more rows at the end."""
        block = np.ascontiguousarray(rows, dtype=self.dtype)
        self.rows += len(block)
        block.tofile(self._file)

    def _write_header(self) -> int:
        shape = (self.rows,) if self.width is None else (self.rows, self.width)
        about = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, about)  # leaves room for the first axis to grow
        return self._file.tell()

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """State the number of rows and close the file."""
        self._file.seek(0)
        if self._write_header() != self._header:
            raise RuntimeError(f"the header of {self.path} grew over its rows")
        self._file.close()


class Mapped:
    """Arrays of a folder, mapped read-only: their pages come and go with use, and belong to no process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._maps: list[mmap.mmap] = []

    def array(self, name: str) -> NDArray[Any]:
        """The array in `name`.npy. An empty one is not mapped."""
        path = self.folder / f"{name}.npy"
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            if not math.prod(shape):
                return np.zeros(shape, dtype)
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._maps.append(view)
            return np.frombuffer(view, dtype, math.prod(shape), file.tell()).reshape(shape)

    def release(self) -> None:
        """Give back the pages that were read so far; what is needed again comes from the system's cache, if it can."""
        for view in self._maps:
            view.madvise(mmap.MADV_DONTNEED)
