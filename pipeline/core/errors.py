"""The errors a user can cause, each told in one line.

`UserError` is for a mistake that the user can mend: it names what was found, where, and what to do. The command line
prints the line and exits with status 2. Everything else that is raised is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave: settings, files, names, arguments.

    what: what was found and what was expected; where: file, line or key; remedy: what to do about it.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        if self.remedy:
            line = f"{line.rstrip('.')}. {self.remedy}"
        return " ".join(line.split())


class MissingPackageError(UserError):
    """A heavy library that a stage needs is not installed; names the extra that brings it."""

    def __init__(self, package: str, extra: str, *, where: str = "") -> None:
        super().__init__(
            f"the package {package!r} is not installed",
            where=where,
            remedy=f"Install it with: pip install 'longshort[{extra}]'" if extra else f"pip install {package}",
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest known word, else the whole list of known words."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(names)}"
