"""An HTML file as plain text with its headings as sections. It does not know pages' furniture: menus come along.

Blocks end lines, white space is collapsed but in `pre`; scripts, styles and the head are dropped.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.data.base import decode, read_bytes
from experiments.data.fields import clean
from pipeline.core.errors import UserError
from pipeline.core.records import Section
from retrievers.headings import Heading, nested

if TYPE_CHECKING:
    from bs4 import Tag

_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_SKIPPED = frozenset("head script style template noscript svg iframe".split())
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_PARAGRAPHS = _HEADINGS | frozenset(
    "address article aside blockquote dl fieldset figure footer form header main nav ol p pre section table ul".split()
)
_LINES = frozenset("br caption dd div dt figcaption hr legend li option tbody tfoot thead tr".split())
_CELLS = frozenset("td th".split())
_GAPS = ("", " ", "\t", "\n", "\n\n")
_SPACE = re.compile(r"\s+")


def read_html(path: Path) -> tuple[str, tuple[Section, ...]]:
    """Text and sections of a page in UTF-8, or in the set that it declares. Raises UserError for other bytes."""
    from bs4 import BeautifulSoup
    from bs4.builder import ParserRejectedMarkup

    try:
        soup = BeautifulSoup(_markup(path), "html.parser")
    except ParserRejectedMarkup:
        raise UserError("this is no HTML that can be parsed", where=str(path), remedy="Mend or remove it") from None
    page = _Page()
    page.read(soup.body or soup)
    text = "".join(page.pieces)
    return text, nested(page.headings, len(text))


class _Page:
    """The text so far, and the gap that goes before the next piece of it."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.size = 0
        self.gap = 0
        self.headings: list[Heading] = []
        self.waiting: Heading | None = None

    def read(self, root: Tag) -> None:
        """Walk the tree in reading order; without recursion, because a page may nest deeper than Python's stack."""
        from bs4.element import CData, NavigableString, Tag

        todo: list[tuple[object, bool]] = [(root, False)]
        while todo:
            node, left = todo.pop()
            if isinstance(node, Tag):
                if node.name in _SKIPPED:
                    continue
                self.widen(_gap_around(node.name))
                if left:
                    continue
                if node.name in _HEADINGS:
                    title = _SPACE.sub(" ", clean(node.get_text())).strip()
                    self.waiting = Heading(int(node.name[1]), title, 0) if title else None
                todo.append((node, True))
                todo.extend((child, False) for child in reversed(node.contents))
            # Not isinstance: comments and declarations are strings of other classes.
            elif type(node) in (NavigableString, CData):
                assert isinstance(node, NavigableString)
                if node.find_parent("pre"):
                    self.add(clean(str(node)))
                else:
                    self.add_flowing(clean(str(node)))

    def widen(self, gap: str) -> None:
        """At least this gap stands before the next piece."""
        self.gap = max(self.gap, _GAPS.index(gap))

    def add_flowing(self, text: str) -> None:
        """Text whose white space only separates words."""
        words = _SPACE.sub(" ", text)
        if words.startswith(" "):
            self.widen(" ")
        self.add(words.strip(" "))
        if words.endswith(" "):
            self.widen(" ")

    def add(self, text: str) -> None:
        """Text as it stands, after the gap that is due."""
        if not text:
            return
        gap = _GAPS[self.gap] if self.pieces else ""
        self.gap = 0
        if self.waiting:
            self.headings.append(Heading(self.waiting.level, self.waiting.title, self.size + len(gap)))
            self.waiting = None
        self.pieces += [gap, text]
        self.size += len(gap) + len(text)


def _gap_around(name: str) -> str:
    if name in _PARAGRAPHS:
        return "\n\n"
    if name in _LINES:
        return "\n"
    return "\t" if name in _CELLS else ""


def _markup(path: Path) -> str:
    raw = read_bytes(path)
    declared = _CHARSET.search(raw[:4096])
    if declared is None or declared[1].lower() in (b"utf-8", b"utf8"):
        return decode(raw, path)
    name = declared[1].decode("ascii")
    try:
        return raw.decode(name)
    except (LookupError, UnicodeDecodeError):
        raise UserError(
            f"the page declares the character set {name!r}, and is not in it",
            where=str(path),
            remedy="Save it as UTF-8 and declare that",
        ) from None
