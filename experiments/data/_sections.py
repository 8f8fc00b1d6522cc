"""Markdown's headings. It does not know what a heading means, nor how sections nest (`retrievers.headings`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from retrievers.headings import Heading

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_NO_PARAGRAPH = re.compile(r" {0,3}([-*+>|]|\d+[.)])")


def markdown_headings(text: str) -> Iterator[Heading]:
    """Markdown headings, `# title` and underlined ones, outside fenced code and front matter."""
    fence = ""
    start, previous, previous_start = 0, "", 0
    lines = text.split("\n")
    body = _after_front_matter(lines)
    for number, line in enumerate(lines):
        if number >= body:
            mark = _FENCE.match(line)
            if fence:
                if mark and mark[1].startswith(fence) and not line.strip(" `~"):
                    fence = ""
                line_is_text = False
            elif mark:
                fence, line_is_text = mark[1], False
            elif atx := _ATX.fullmatch(line):
                yield Heading(len(atx[1]), atx[2].strip(), start)
                line_is_text = False
            elif (setext := _SETEXT.fullmatch(line)) and previous:
                yield Heading(1 if setext[1][0] == "=" else 2, previous.strip(), previous_start)
                line_is_text = False
            else:
                line_is_text = True
            # Only a paragraph of one line is taken for an underlined heading: longer ones are tables and rules.
            alone = number == body or not lines[number - 1].strip()
            paragraph = line_is_text and alone and bool(line.strip()) and not _NO_PARAGRAPH.match(line)
            previous, previous_start = (line if paragraph else ""), start
        start += len(line) + 1


def _after_front_matter(lines: list[str]) -> int:
    if lines[0].rstrip() == "---":
        for number, line in enumerate(lines[1:], start=1):
            if line.rstrip() in ("---", "..."):
                return number + 1
    return 0
