"""Entities of a text by rule: names, acronyms, numbers, titles in quotes, links, headings, light noun phrases.

No model and no word list beyond function words, so it costs little more than splitting into words, and gives the same
on every machine. A text whose script has no capitals (Han, Arabic, Thai ...) yields the terms that a sparse index
counts; so does a text in which no rule finds anything.

It does not know which entities are worth an edge: counting over a collection, and dropping what is everywhere, is the
graph's work (`graph.py`). It links nothing to a knowledge base: two people of one name are one entity.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from retrievers.analyze import words
from retrievers.spelling import FUNCTION_WORDS, fits, is_acronym, normalise, number_key, singular

Kind = Literal["name", "acronym", "number", "title", "link", "phrase"]


class Mention(NamedTuple):
    """An entity where it stands: `text[start:end]` is how it is written, `key` what all its spellings share."""

    key: str
    kind: Kind
    start: int
    end: int


@lru_cache(maxsize=2)
def _classes(ascii_only: bool) -> tuple[str, str, str, str]:
    """Character classes: upper-case letters, lower-case letters, letters without case, marks upon letters."""
    if ascii_only:  # the same matches in ASCII text, in half the time
        return "A-Z", "a-z", "", ""
    kinds: dict[str, list[int]] = {"upper": [], "lower": [], "other": [], "mark": []}
    for code in range(0x32000):  # no letters are assigned above
        char = chr(code)
        if char.isalpha():
            capital = char.isupper() or char.istitle()
            kinds["upper" if capital else "lower" if char.islower() else "other"].append(code)
        elif unicodedata.category(char)[0] == "M":
            kinds["mark"].append(code)
    upper, lower, other, mark = (_ranges(codes) for codes in kinds.values())
    return upper, lower, other, mark


def _ranges(codes: list[int]) -> str:
    parts, start = [], 0
    for i, code in enumerate(codes):
        if i + 1 == len(codes) or codes[i + 1] != code + 1:
            parts.append(f"{chr(codes[start])}-{chr(code)}" if i > start else chr(code))
            start = i + 1
    return "".join(parts)


_MONTHS = (
    "january february march april may june july august september october november december jan feb mar apr jun jul aug "
    "sep sept oct nov dec"
).split(" ")
_SMALL = "of|the|and|de|del|della|di|da|dos|du|des|la|le|les|van|von|der|den|zu|zur|al|el|ibn|bin"


@lru_cache(maxsize=2)
def _patterns(ascii_only: bool) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str] | None]:
    """(what is found in one pass from left to right, runs of lower-case words, runs of letters without case)."""
    upper, lower, other, marks = _classes(ascii_only)
    inner = rf"(?:[\w{marks}]|[.'’\-–](?=\w))"
    initials = rf"(?:[{upper}]\.){{2,}}|[{upper}]\.(?=[ ][{upper}])"
    capital = rf"(?:{initials}|(?:[dDlL]['’])?[{upper}]{inner}*)"
    small = rf"(?:{_SMALL})"
    month = rf"(?:{'|'.join(m.capitalize() for m in _MONTHS)})"
    number = r"\d+(?:[.,:]\d+)*(?!\w)%?"
    date = (
        rf"\d{{1,2}}(?:st|nd|rd|th)?[ ]{month}\b\.?,?[ ]\d{{4}}\b"
        rf"|{month}\b\.?[ ]\d{{1,2}}(?:st|nd|rd|th)?,?[ ]\d{{4}}\b|{month}\b\.?,?[ ]\d{{4}}\b|\d{{4}}-\d{{2}}-\d{{2}}\b"
    )
    found = re.compile(
        rf"(?P<wiki>\[\[[^\[\]\n]{{1,200}}\]\])"
        rf"|(?P<link>\[[^\[\]\n]{{1,200}}\]\([^()\s]{{1,500}}\))"
        rf"|(?P<heading>^\#{{1,6}}[ ]+[^\n]{{1,200}})"
        rf"|(?P<quote>\"[^\"\n]{{2,80}}\"|“[^”\n]{{2,80}}”|``[^`'\n]{{2,80}}''|«[^»\n]{{2,80}}»|„[^“\n]{{2,80}}“)"
        rf"|(?P<date>\b(?:{date}))"
        rf"|(?P<name>(?<!\w){capital}(?:[ ](?:{small}[ ]){{0,2}}(?:{capital}|\d+\b(?![ ]{month}))){{0,11}})"
        rf"|(?P<number>(?<![\w.]){number})",
        re.MULTILINE,
    )
    word = rf"[{lower}](?:[{lower}{upper}\d{marks}]|['’\-](?=[{lower}]))*"
    caseless = re.compile(rf"[{other}][{other}{marks}]*") if other else None
    return found, re.compile(rf"(?<![\w{marks}'’]){word}(?:[ ]{word})*"), caseless


_LONGEST = 120  # characters of a key: what is longer (a hash, a run without spaces) is no entity
_CONNECTED = re.compile(r"( (?:of|and)(?: the)? )")
_EXPANSION = re.compile(r"[ ]\(([^()\n]{2,80})\)")


def mentions(text: str, longest_phrase: int = 2) -> list[Mention]:
    """All entities of a text in reading order, repetitions kept; parts of a quoted title count beside the title.

    longest_phrase: words of the longest noun phrase; 0 for none (names, numbers and the like alone).
    """
    found, phrases, caseless = _patterns(text.isascii())
    mentioned: list[Mention] = []
    for match in found.finditer(text):
        kind, start, end = str(match.lastgroup), *match.span()
        if kind == "name":
            mentioned += _names(text, start, end)
        elif kind in ("number", "date"):
            mentioned.append(Mention(number_key(match.group()), "number", start, end))
        else:
            mentioned += _marked(text, kind, start, end)
    mentioned += _expansions(text, mentioned)
    if longest_phrase:
        for match in phrases.finditer(text):
            mentioned += _phrases(match.group(), match.start(), longest_phrase)
    if caseless:
        for match in caseless.finditer(text):
            mentioned += (Mention(term, "phrase", *match.span()) for term in words(match.group()))
    mentioned = [m for m in mentioned if len(m.key) <= _LONGEST]
    if not mentioned:
        mentioned = [Mention(term, "phrase", 0, len(text)) for term in words(text)]
    mentioned.sort(key=lambda m: (m.start, -m.end))
    return mentioned


def _names(text: str, start: int, end: int) -> Iterator[Mention]:
    """A run of capitalised words without the function words at its edges ("In The Hague" is "Hague")."""
    while True:
        first, space, _ = text[start:end].partition(" ")
        if not space or first.lower().replace("’", "'") not in FUNCTION_WORDS or is_acronym(first):
            break
        start += len(first) + 1
    while start < end:
        _, space, last = text[start:end].rpartition(" ")
        if not space or last.lower() not in FUNCTION_WORDS or is_acronym(last):
            break
        end -= len(last) + 1
    written = text[start:end]
    if written[:1].isdigit():  # "In 1860"
        yield Mention(number_key(written), "number", start, end)
        return
    yield from _named(written, start)
    if " of " in written or " and " in written:
        # "Duke of York", "Tom and Jerry": the parts are names as well.
        for part in _CONNECTED.split(written):
            if part[:1] != " ":
                yield from _named(part, start)
            start += len(part)


def _named(written: str, start: int) -> Iterator[Mention]:
    key, short = normalise(written), is_acronym(written.replace(".", ""))
    if len(key) > 1 and (short or key not in FUNCTION_WORDS):  # "US" and "WHO" are names
        yield Mention(key, "acronym" if short else "name", start, start + len(written))


def _marked(text: str, kind: str, start: int, end: int) -> Iterator[Mention]:
    """A quoted title, a heading, or a link with what it points to, and the entities within its words."""
    body = text[start:end]
    if kind == "wiki":
        target, _, shown = body[2:-2].partition("|")
        for part in dict.fromkeys((target, shown)):
            key = normalise(part)
            if key:
                yield Mention(key, "link", start, end)
        return
    if kind == "link":
        inner, at = body[1 : body.index("](")], start + 1
    elif kind == "heading":
        inner = body.lstrip("#").strip()
        at = start + body.index(inner) if inner else start
    else:
        width = 2 if body.startswith("``") else 1
        inner, at = body[width:-width], start + width
    key = normalise(inner)
    if key and key not in FUNCTION_WORDS and len(inner.split()) <= 12:
        yield Mention(key, "link" if kind == "link" else "title", at, at + len(inner))
    for match in _patterns(inner.isascii())[0].finditer(inner):
        if match.lastgroup == "name":
            yield from (m for m in _names(text, at + match.start(), at + match.end()) if m.key != key)
        elif match.lastgroup in ("number", "date"):
            yield Mention(number_key(match.group()), "number", at + match.start(), at + match.end())


def _expansions(text: str, named: list[Mention]) -> list[Mention]:
    """The long form counts where its acronym stands in brackets behind it, and the other way round.

    "World Health Organization (WHO)" makes both stand at either place, so that a passage with one alone is reached.
    """
    long_of: dict[str, str] = {}
    for mention in named:
        if mention.kind == "name" and " " in mention.key:
            bracket = _EXPANSION.match(text, mention.end)
            if (
                bracket
                and is_acronym(bracket[1].replace(".", ""))
                and fits(bracket[1], text[mention.start : mention.end])
            ):
                long_of[normalise(bracket[1])] = mention.key
        elif mention.kind == "acronym":
            bracket = _EXPANSION.match(text, mention.end)
            if bracket and fits(text[mention.start : mention.end], bracket[1]):
                long_of[mention.key] = normalise(bracket[1])
    if not long_of:
        return []
    return [Mention(long_of[m.key], "name", m.start, m.end) for m in named if m.kind == "acronym" and m.key in long_of]


def _phrases(run: str, at: int, longest: int) -> Iterator[Mention]:
    """Runs of content words between function words, and their parts of at most `longest` words."""
    content: list[tuple[str, int, int]] = []
    position = 0
    for word in [*run.split(" "), "the"]:
        plain = word.replace("’", "'")
        if plain in FUNCTION_WORDS:
            keys = [singular(w) if w.isascii() else normalise(w) for w, _, _ in content]
            for i in range(len(content)):
                key = ""
                for j in range(i, min(i + longest, len(content))):
                    key = f"{key} {keys[j]}" if key else keys[j]
                    if len(key) > 2:
                        yield Mention(key, "phrase", at + content[i][1], at + content[j][2])
            content = []
        else:
            content.append((plain, position, position + len(word)))
        position += len(word) + 1
