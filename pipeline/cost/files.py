"""Reading and writing the files of the cost model; what goes wrong is told in one line. It knows nothing of costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises UserError where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise UserError(f"it cannot be read as JSON: {e}", where=str(path)) from None


def write_text(path: Path, text: str) -> None:
    """Write a file. Raises UserError where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as e:
        raise UserError(f"it cannot be written: {e.strerror}", where=str(path)) from None
