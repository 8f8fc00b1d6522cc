"""Headings in a text that came without sections: Markdown's, those of raw HTML, and numbered ones in plain text.

It does not know what a heading means. It is for prose: in a text of code, a comment that begins with `#` would be
taken for a heading (`CodeChunks` is for those).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.core.records import Section

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_NO_PARAGRAPH = re.compile(r" {0,3}([-*+>|]|\d+[.)])")

# A page says so at its top; a piece of one begins with a block. So may Markdown, which is asked first.
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I
)
_PIECE = re.compile(r"\s*<(?:article|aside|center|div|h[1-6]|header|main|nav|ol|p|section|table|ul)\b", re.I)
_TAG = re.compile(r"<!--|<(/?)(h[1-6]|script|style|template|pre|textarea)\b[^<>]*>", re.I)
_ANY_TAG = re.compile(r"<[^<>]*>")

_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,3})\.?[ \t]+([^\W\d_].{0,78})")
_NO_TITLE = re.compile(r".*[.,;:!?]|.*(?:\. ?){3,}\d*|.*[ \t]\d+")  # a sentence, a line of a table of contents
_MOST_WORDS = 10
_LONGEST = 150
"""Characters. What is longer is a paragraph."""
_SENTENCE_END = (".", "!", "?", ":", "”", '"', ")")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that stands at character `start`; level 1 is the highest."""

    level: int
    title: str
    start: int


def find_sections(text: str) -> tuple[Section, ...]:
    """Sections by the headings of the first kind that the text holds: a page of HTML, Markdown, HTML, numbers."""
    kinds = (html_headings,) if _PAGE.match(text) else (markdown_headings, _piece_headings, numbered_headings)
    for kind in kinds:
        if found := nested(kind(text), len(text)):
            return found
    return ()


def nested(headings: Iterable[Heading], size: int) -> tuple[Section, ...]:
    """One section per heading with a title, up to the next heading as high or higher, or the text's end at `size`."""
    found = list(headings)
    sections = []
    for i, heading in enumerate(found):
        # Not n²: a heading is passed over by those it is below, and they stand on different levels, at most six.
        end = next((found[j].start for j in range(i + 1, len(found)) if found[j].level <= heading.level), size)
        if heading.title and heading.start < end:
            sections.append(Section(heading.title, heading.start, end))
    return tuple(sections)


def markdown_headings(text: str) -> Iterator[Heading]:
    """Markdown headings, `# title` and underlined ones, outside fenced code and front matter (CommonMark, 4.2 to 4.5).

    Of underlined headings only those of one line count: longer ones are mostly tables and rules.
    """
    fence = ""
    start, previous, previous_start = 0, "", 0
    in_paragraph = False  # the line above is text
    lines = text.split("\n")
    body = _after_front_matter(lines)
    for number, line in enumerate(lines):
        if number >= body:
            mark = _FENCE.match(line)
            is_text = False
            if fence:
                if mark and mark[1].startswith(fence) and not line.strip(" `~\t\r"):
                    fence = ""
            elif mark:
                fence = mark[1]
            elif atx := _ATX.fullmatch(line.rstrip("\r")):
                if len(title := atx[2].strip()) <= _LONGEST:
                    yield Heading(len(atx[1]), title, start)
            elif (setext := _SETEXT.fullmatch(line.rstrip("\r"))) and 0 < len(previous) <= _LONGEST:
                yield Heading(1 if setext[1][0] == "=" else 2, previous.strip(), previous_start)
            else:
                is_text = True
            opens = is_text and not in_paragraph and bool(line.strip()) and not _NO_PARAGRAPH.match(line)
            previous, previous_start = (line if opens else ""), start
            in_paragraph = is_text and bool(line.strip())
        start += len(line) + 1


def _after_front_matter(lines: Sequence[str]) -> int:
    if lines[0].rstrip() == "---":
        for number, line in enumerate(lines[1:], start=1):
            if line.rstrip() in ("---", "..."):
                return number + 1
    return 0


def html_headings(text: str) -> Iterator[Heading]:
    """`<h1>` to `<h6>` of raw HTML with their text, but those in comments, scripts, styles and `pre`."""
    at = 0
    opened: re.Match[str] | None = None
    while match := _TAG.search(text, at):
        at = match.end()
        name = (match[2] or "").lower()
        if match.group() == "<!--":
            at = _after(text, "-->", at)
        elif not name.startswith("h"):
            at = at if match[1] else _after(text, f"</{name}", at)
        elif not match[1]:
            opened = match
        elif opened:
            title = " ".join(html.unescape(_ANY_TAG.sub(" ", text[opened.end() : match.start()])).split())
            if len(title) <= _LONGEST:
                yield Heading(int(opened[2][1]), title, opened.start())
            opened = None


def _piece_headings(text: str) -> Iterator[Heading]:
    return html_headings(text) if _PIECE.match(text) else iter(())


def _after(text: str, mark: str, start: int) -> int:
    """Behind the next `mark`, upper or lower case; where there is none, the end."""
    found = re.compile(re.escape(mark), re.I).search(text, start)
    return found.end() if found else len(text)


def numbered_headings(text: str) -> Iterator[Heading]:
    """Numbered headings of a plain text ("2.1 Method"), where they count up without a gap; none where in doubt.

    A heading is a short line of its own that is no sentence, behind a blank line or a sentence's end. Its number
    follows the one before: 1 or 2.1, 2.1 or 3, and so on. A number whose line is followed at once by the next one
    belongs to a list or a table of contents. At least two sections of the first level are needed.
    """
    accepted: list[Heading] = []
    number: tuple[int, ...] = ()
    bodies = 0
    before, start = "", 0
    waiting = False  # nothing but blank lines behind the last heading so far
    for line in text.split("\n"):
        shown = line.strip()
        found = _NUMBERED.fullmatch(shown) if shown and (not before or before.endswith(_SENTENCE_END)) else None
        if found and not _NO_TITLE.fullmatch(found[2]) and len(found[2].split()) <= _MOST_WORDS:
            new = tuple(int(n) for n in found[1].split("."))
            if _follows(new, number):
                if waiting and len(new) <= len(number):
                    return  # siblings without a word between them: a list
                accepted.append(Heading(len(new), shown, start + line.index(shown[0])))
                number, waiting = new, True
                before = ""
                start += len(line) + 1
                continue
        if shown and waiting:
            waiting = False
            bodies += 1
        before = shown
        start += len(line) + 1
    if bodies and sum(h.level == 1 for h in accepted) >= 2:
        yield from accepted


def _follows(new: tuple[int, ...], number: tuple[int, ...]) -> bool:
    """Whether `new` is the first below `number`, or the next one on its level or on a level above."""
    if len(new) > len(number):
        return new[:-1] == number and new[-1] <= 1
    return new[:-1] == number[: len(new) - 1] and new[-1] == number[len(new) - 1] + 1
