"""The log of decisions: one JSON object a line, for shadow runs and for `policy monitor`.

Lines are written by one thread, in order, so that a slow disk delays no answer. What cannot be written is counted and
told once, and stops no request. Texts of questions and documents are not its affair: it writes what it is given.

    {"event": "request", "time", "id", "policy", "setting", "reader", "features", "route", "decided", "expected",
     "outside", "attempts", "seconds", "prompt_tokens", "completion_tokens", "status", ...}
    {"event": "feedback", "time", "id", "outcome"}
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from pipeline.core.errors import UserError

_WAITING = 100_000  # lines that may wait for the disk
_GATHER = 0.1  # seconds in which lines gather before they are written


class DecisionLog:
    """Appends to a file. `close` writes what waits."""

    def __init__(self, path: Path, *, lost: Callable[[], None]) -> None:
        """lost: called for each line that is not written. Raises UserError where the file cannot be opened."""
        self.path, self._lost = path, lost
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("a", encoding="utf-8")
        except OSError as e:
            raise UserError(
                f"it cannot be written: {e.strerror}", where=str(path), remedy="Name another file with --log"
            ) from None
        self._lines: queue.Queue[Mapping[str, Any] | None] = queue.Queue(_WAITING)
        self._told, self._closing = False, threading.Event()
        self._writer = threading.Thread(target=self._write, name="decisions", daemon=True)
        self._writer.start()

    def put(self, line: Mapping[str, Any]) -> None:
        """Have a line written; returns at once."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._lose("the disk is too slow")

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._closing.set()
        self._lines.put(None)
        self._writer.join()
        self._file.close()

    def _write(self) -> None:
        line = self._lines.get()
        while line is not None:
            # Many lines at a time: a thread that wakes for each takes the interpreter's lock from the event loop.
            self._closing.wait(_GATHER)
            lines = [line, *(self._lines.get() for _ in range(self._lines.qsize()))]
            last = lines.index(None) if None in lines else len(lines)
            self._append([found for found in lines[:last] if found is not None])
            line = None if last < len(lines) else self._lines.get()

    def _append(self, lines: list[Mapping[str, Any]]) -> None:
        try:
            for line in lines:
                self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
            self._file.flush()
        except (OSError, ValueError) as e:
            self._lose(str(e), len(lines))

    def _lose(self, why: str, count: int = 1) -> None:
        for _ in range(count):
            self._lost()
        if not self._told:
            self._told = True
            logging.getLogger(__name__).error("lines of %s are lost: %s", self.path, why)
