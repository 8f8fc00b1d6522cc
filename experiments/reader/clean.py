"""Running English out of what packages carry: wiki markup, HTML pages, dictionary files, plain text.

Text in, paragraphs out. It does not know which source a text came from, what it may be used for, or how it is cut into
documents. It loses tables, lists, formulas, code and references on purpose: what is kept should read as prose.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

SPACES = re.compile(r"\s+")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]? +(?=[\"'“‘(]?[A-Z0-9])")
LONGEST_PARAGRAPH = 1200  # characters; the paragraphs that people are asked about have 300 to 1,200
SHORTEST_PARAGRAPH = 60


def tidy(text: str) -> str:
    """One line: runs of white space become one space, soft hyphens and zero-width marks go."""
    return SPACES.sub(" ", text.replace("\u00ad", "").replace("\u200b", "").replace("\ufeff", "")).strip()


def is_prose(paragraph: str, shortest: int = SHORTEST_PARAGRAPH) -> bool:
    """Whether a paragraph reads as English sentences: it ends as one, has few signs and mostly Latin letters."""
    if len(paragraph) < shortest or paragraph[-1] not in ".!?\"'”’)":
        return False
    latin = sum("a" <= c <= "z" or "A" <= c <= "Z" or c == " " for c in paragraph)
    if latin < 0.82 * len(paragraph):
        return False
    words = paragraph.split()
    common = sum(word in COMMON for word in words)
    return len(words) >= shortest // 6 and common >= 0.12 * len(words)


COMMON = frozenset(
    "the of and to in a is that for it as was with be by on not he his from at are this have which or an but had were "
    "their they been has one who you her she him its all there when more will would if so we I".split()
)


def split_long(paragraph: str, longest: int = LONGEST_PARAGRAPH) -> list[str]:
    """Cut a paragraph at sentence ends into pieces of about equal length, none over `longest` where sentences allow."""
    if len(paragraph) <= longest:
        return [paragraph]
    aim = len(paragraph) / -(-len(paragraph) // longest)
    pieces, start = [], 0
    for end in SENTENCE_END.finditer(paragraph):
        if end.end() - start >= 0.9 * aim and len(paragraph) - end.end() >= 0.3 * aim:
            pieces.append(paragraph[start : end.end()].strip())
            start = end.end()
    return [*pieces, paragraph[start:].strip()]


def plain_paragraphs(text: str, longest: int = LONGEST_PARAGRAPH) -> list[str]:
    """Paragraphs of plain text, set apart by blank lines; line ends inside one are spaces. Signs of italics go."""
    blocks = re.split(r"\n\s*\n", text.replace("\r\n", "\n"))
    pieces = [piece for block in blocks for piece in split_long(tidy(re.sub("[_*]", "", block)), longest)]
    return [piece for piece in pieces if piece]


# --- wiki markup -----------------------------------------------------------------------------------------------------

REFERENCE = re.compile(r"<ref[^<>]*/>|<ref[^<>]*>.*?</ref>|<!--.*?-->", re.S | re.I)
BLOCK = re.compile(r"<(math|gallery|timeline|code|pre|syntaxhighlight|score|table|imagemap)\b.*?</\1>", re.S | re.I)
TEMPLATE = re.compile(r"\{\{([^{}]*)\}\}")
TABLE = re.compile(r"\{\|(?:(?!\{\|).)*?\|\}", re.S)
LINK = re.compile(r"\[\[([^\[\]]*)\]\]")
OUTSIDE = re.compile(r"\[(?:https?:)?//[^\s\]]+ ?([^\]]*)\]")
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
HOLLOW = re.compile(r"\(\s*[,;:–—-]*\s*(?:or|and|also|years ago)?\s*[,;:]*\s*\)")
OPENING = re.compile(r"\(\s*(?:[,;:]+\s*)?")
UNITS = {
    "sqmi": "square miles", "sqkm": "square kilometres", "km2": "square kilometres", "mi2": "square miles",
    "mi": "miles", "ft": "feet", "in": "inches", "lb": "pounds", "acre": "acres", "mph": "miles per hour",
    "C": "degrees Celsius", "F": "degrees Fahrenheit", "nmi": "nautical miles", "km/h": "kilometres per hour",
}  # fmt: skip
PICTURE = re.compile(r"\[\[(?:File|Image):((?:[^\[\]]|\[\[[^\[\]]*\]\])*)\]\]", re.I)
BREAK = re.compile(r"<br\b[^<>]*>", re.I)
GLUED = re.compile(r"(?<=[a-z0-9)][.!?])(?=[A-Z][a-z])")
HEADING = re.compile(r"^=+\s*(.*?)\s*=+$")
LAST_SECTIONS = frozenset(
    "see also|references|external links|notes|further reading|bibliography|sources|footnotes|notes and references|"
    "references and notes|citations|works cited|discography|filmography|gallery".split("|")
)
NOT_ARTICLE_LINKS = ("file:", "image:", "category:", "media:")


def wiki_paragraphs(markup: str) -> list[str]:
    """The running text of one article in MediaWiki markup, up to its notes; [] for a redirect or a list of senses."""
    low = markup[:3000].lower()
    if low.lstrip().startswith("#redirect") or "{{disambig" in markup.lower() or "may refer to:" in low:
        return []
    text = _unlinked(_without_templates(markup))
    paragraphs: list[str] = []
    for line in text.split("\n"):
        heading = HEADING.match(line.strip())
        if heading:
            if heading[1].lower() in LAST_SECTIONS:
                break
            continue
        if line[:1] in set("*#:;|!{} "):
            continue
        paragraphs.extend(_prose_of(line))
    return paragraphs


def wiki_asides(markup: str) -> list[str]:
    """Sentences that `wiki_paragraphs` leaves out: captions of pictures, then list items up to the notes."""
    if not wiki_paragraphs(markup):
        return []
    text = BREAK.sub(" ", _without_templates(markup))
    captions = [piece for found in PICTURE.finditer(text) for piece in _prose_of(_unlinked(_last_part(found[1])))]
    items: list[str] = []
    for line in _unlinked(text).split("\n"):
        heading = HEADING.match(line.strip())
        if heading and heading[1].lower() in LAST_SECTIONS:
            break
        if line[:1] in set("*#:"):
            item = line.lstrip("*#: ")
            items.extend(_prose_of(item if item[:1].isupper() else ""))
    return [*captions, *items]


def _last_part(picture: str) -> str:
    """A picture's caption: what follows the last bar outside links."""
    return re.split(r"\|(?![^\[\]]*\]\])", picture)[-1]


def _without_templates(markup: str) -> str:
    text = BLOCK.sub(" ", REFERENCE.sub("", markup))
    text = _innermost_first(TEMPLATE, _template, text)
    return _innermost_first(TABLE, lambda found: "", text)


def _unlinked(text: str) -> str:
    text = _innermost_first(LINK, _link, text)
    text = OUTSIDE.sub(r"\1", text).replace("'''", "").replace("''", "")
    return html.unescape(TAG.sub("", html.unescape(text)))


def _prose_of(line: str) -> list[str]:
    paragraph = HOLLOW.sub("", tidy(line))
    paragraph = OPENING.sub("(", paragraph).replace(" ,", ",").replace(" .", ".").replace("  ", " ")
    return [piece for piece in split_long(paragraph) if is_prose(piece) and _whole(piece)]


def extract_paragraphs(extract: str) -> list[str]:
    """Paragraphs of a plain-text extract as the API of MediaWiki gives it: one a line; headings are left out.

    Where a reference stood between two sentences there is no space; it is put back.
    """
    lines = (GLUED.sub(" ", tidy(line)) for line in extract.split("\n"))
    return [piece for line in lines for piece in split_long(line) if is_prose(piece)]


def _whole(paragraph: str) -> bool:
    """No leftover markup, and no hole where a template was dropped from a sentence."""
    return not any(sign in paragraph for sign in ("{{", "}}", "[[", "]]", "|", "<", " of ,", " is .", "px", "http"))


def _innermost_first(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str) -> str:
    for _ in range(12):  # deeper nesting than this is a broken article, and _whole drops what is left of it
        text, n = pattern.subn(replace, text)
        if not n:
            break
    return text


def _template(found: re.Match[str]) -> str:
    """What a reader sees of the templates that stand inside sentences; nothing of all others."""
    name, *arguments = (part.strip() for part in found[1].split("|"))
    name = name.lower()
    plain = [one for one in arguments if "=" not in one]
    if name in ("convert", "cvt") and len(plain) >= 2:
        range_of = 4 if plain[1] in ("to", "-", "–", "and", "by") and len(plain) >= 4 else 2
        return " ".join([*plain[: range_of - 1], UNITS.get(plain[range_of - 1], plain[range_of - 1])])
    if name in ("lang", "transl", "script") and plain:
        return plain[-1]
    if name.startswith("lang-") and plain:
        return plain[0]
    if name in ("nowrap", "nobr", "abbr", "small", "as of", "val", "formatnum") and plain:
        return f"As of {' '.join(plain)}" if name == "as of" else plain[0]
    return {"spaced ndash": " – ", "snd": " – ", "ndash": "–", "mdash": "—", "'": "'", "nbsp": " "}.get(name, "")


def _link(found: re.Match[str]) -> str:
    target, *labels = found[1].split("|")
    if target.lower().lstrip(": ").startswith(NOT_ARTICLE_LINKS):
        return ""
    return labels[-1] if labels and labels[-1].strip() else target


# --- HTML ------------------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Collects the text of block elements that hold prose; leaves out menus, code, tables and scripts."""

    PROSE = frozenset(("p", "dd", "blockquote"))
    SKIPPED = frozenset(("script", "style", "nav", "pre", "table", "head", "header", "footer", "svg", "form", "sup"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = []
        self.title = ""
        self._parts: list[str] = []
        self._inside = 0
        self._skipping: list[str] = []
        self._heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.SKIPPED:
            self._skipping.append(tag)
        elif tag in self.PROSE:
            self._close()
            self._inside = 1
        elif tag in ("ul", "ol", "dl", "div", "section", "h2", "h3", "h4"):
            self._close()
        elif tag == "h1" and not self.title:
            self._heading = True
        elif tag == "br":
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            if tag == self._skipping[-1]:
                self._skipping.pop()
        elif tag in self.PROSE:
            self._close()
        elif tag == "h1":
            self._heading = False

    def handle_data(self, data: str) -> None:
        if self._skipping:
            return
        if self._heading:
            self.title += data
        elif self._inside:
            self._parts.append(data)

    def _close(self) -> None:
        if self._parts and not self._skipping:
            self.paragraphs.append(tidy("".join(self._parts).replace("¶", "")))
        self._parts = []
        self._inside = 0


def html_page(page: str) -> tuple[str, list[str]]:
    """(title, paragraphs of prose) of an HTML or XHTML page; the title is the first level-one heading, or ""."""
    parser = _Page()
    parser.feed(page)
    parser.close()
    kept = [piece for paragraph in parser.paragraphs for piece in split_long(paragraph) if is_prose(piece)]
    return tidy(parser.title.replace("¶", "")), kept


# --- OSIS ------------------------------------------------------------------------------------------------------------

BOOK_NAME = re.compile(r'<milestone n="([^"]*)" type="x-usfm-h"[^>]*>')
NOT_TEXT = re.compile(r"<(note|title)\b[^>]*[^/]>.*?</\1>", re.S)
PARAGRAPH_MARK = re.compile(r'<(?:div [sS]ID="[^"]*" type="[^"]*"|div eID="[^"]*" type="x-p"|chapter|lg|l)\b[^>]*>')


def osis_book(markup: str) -> tuple[str, list[str]]:
    """(name, paragraphs of prose) of a book in OSIS milestones; verse numbers, notes and headings are left out."""
    names = list(BOOK_NAME.finditer(markup))  # the last: a preface may stand before the book
    name, start = (names[-1][1], names[-1].end()) if names else ("", 0)
    blocks = PARAGRAPH_MARK.split(NOT_TEXT.sub("", markup[start:]))
    lines = (tidy(html.unescape(re.sub(r"<[^<>]*>", "", block))) for block in blocks)
    return name, [piece for line in lines for piece in split_long(line) if is_prose(piece) and not piece[0].islower()]


# --- dictionaries ----------------------------------------------------------------------------------------------------

ARTICLE = re.compile(r"^(?:An?|The|One of|Any) ")
LABELS = re.compile(r"^(?:(?:<[^<>]*>|\[[^\]]*\]|[a-z]+\.,?|/[^/]*/,?|\d\.)\s*)+")
NUMBER = re.compile(r"^\d\. ")
SHORT_FORM = re.compile(r"^(\([A-Z][^()]{0,60}\))\s*")
ADDRESS_LINE = re.compile(r"^(?:E-mail|Address|Telephone|Usenet newsgroups?|Home|ftp|Mailing list|See|Compare|Fax)\b")


def dictionary_entries(text: str, indent: int) -> Iterator[tuple[str, list[str]]]:
    """(headword, paragraphs) of a dictd text whose headwords stand in column 0 and whose bodies are indented.

    Of several headwords over one body the first counts. A first paragraph that begins with an article becomes a
    sentence about the headword ("X is a ..."), any other is set after a colon.
    """
    head, body = "", list[str]()
    for line in [*text.split("\n"), "end"]:
        if line and not line[0].isspace():
            if head and any(body):
                yield from _entry(head, body)
                head, body = "", []
            head = head or line.strip()
        else:
            body.append(line[indent:] if line.strip() else "")


def _entry(head: str, body: list[str]) -> Iterator[tuple[str, list[str]]]:
    blocks = [tidy(block.replace("{", "").replace("}", "")) for block in "\n".join(body).split("\n\n")]
    while blocks and not LABELS.sub("", blocks[0]):  # a part of speech or a pronunciation on a line of its own
        blocks.pop(0)
    if not blocks:
        return
    opening, others = LABELS.sub("", blocks[0]), blocks[1:]
    short = SHORT_FORM.match(opening)
    if short:
        head, opening = f"{head} {short[1]}", opening[short.end() :]
    opening = f"{head} is {opening[:1].lower()}{opening[1:]}" if ARTICLE.match(opening) else f"{head}: {opening}"
    if is_prose(opening, 36) and not _address(opening):
        others = [NUMBER.sub("", block) for block in others]
        more = [piece for block in others if is_prose(block) and not _address(block) for piece in split_long(block)]
        yield head, [*split_long(opening), *more]


def _address(paragraph: str) -> bool:
    return bool(ADDRESS_LINE.match(paragraph)) or "http" in paragraph or "@" in paragraph


SYNONYMS = re.compile(r"\s*\[(?:syn|ant|also):.*?\]", re.S)
SENSE = re.compile(r"\s\d+: ")


def named_senses(text: str) -> Iterator[tuple[str, str]]:
    """(name, "Name: what it is.") of the WordNet dictd text, for capitalised headwords: people, places, species."""
    head = ""
    seen: set[str] = set()
    lines: list[str] = []
    for line in [*text.split("\n"), "end"]:
        if line and not line[0].isspace():
            if head[:1].isupper() and lines:
                meaning = tidy(SYNONYMS.sub("", "\n".join(lines)))
                first = SENSE.split(f" {meaning}")[1:2]
                gloss = first[0].strip().rstrip(";") if first else ""
                if len(gloss) >= 40 and gloss not in seen:
                    seen.add(gloss)
                    yield head, f"{head}: {gloss}."
            head, lines = line.strip(), []
        elif head:
            lines.append(line)
