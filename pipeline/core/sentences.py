"""Sentences of a plain text, as exact character spans, by rules.

Two passes: lines are joined to units (a wrapped paragraph, a list item, a heading, one line of code), then units are
cut at sentence ends. It knows markdown and reST blocks, and English abbreviations; CJK full stops and the danda end a
sentence as well. It knows neither tokens nor the sections of a document, and a text without any stop is one sentence.
"""

from __future__ import annotations

import re

# What opens a line decides whether it continues the paragraph above. Order matters: the first branch that fits wins.
_LINE = re.compile(
    r"""[^\S\n]*(?:
      (?P<blank>$)
    | (?P<fence>```|~~~)
    | (?P<heading>\#{1,6}[ \t]+\S)
    | (?P<rule>[-=~*^\#_+|:.`"'][-=~*^\#_+|:.`"'\s]{2,}$)
    | (?P<bullet>(?:[-*+•‣◦▪●–]|\([a-z0-9]{1,3}\)|[a-z]\))[ \t]+\S)
    | (?P<number>\d{1,3}[.)][ \t]+\S)
    | (?P<code>>>>|\.\.\.(?:[ \t]|$)|\$[ \t]|\||\.\.[ \t]|:\w+:|@[\w.]+(?:\(.*\))?$)
    | (?P<keyword>(?:async[ ]def|def|class|for|if|elif|while|with|except|match|case)\b[^\n]*:[ \t]*$
        |(?:try|else|finally):|import[ ]\w|from[ ][\w.]+[ ]import\b|return\b[^a-z]*$
        |(?:print|assert|del|raise)[ ]?[("'])
    | (?P<assign>(?:[\w.\[\]]++,[ ])*+[\w.\[\]]++[ ]{0,20}(?:[-+*/|&:]|::)?=[^=])
    )""",
    re.VERBOSE,
)
_ALONE = frozenset(("fence", "heading", "code", "keyword", "assign", "rule"))
_CODE_ENDS = ("{", "}", ");", "};")
_CLAUSE_ENDS = (".", ":", ";", "?", "!", ",")

# Prose is wrapped near one width. A line longer than this is a whole paragraph: its line break is meant.
_UNWRAPPED = 200
# An indented block whose lines stay far below this width is no wrapped prose, whatever its words look like.
_NARROW = 64

_CLOSERS = "[\"'”’»›)\\]}*_`]"
_END = re.compile(
    rf"([.!?…؟。！？｡।॥])(?:(?<=[.!?…؟])[.!?…؟]*(?:{_CLOSERS}|\[\d+\])*(?=\s)|(?<![.!?…؟])[」』”’）》\"']*)\s*(?=\S)"
)
_LABEL = re.compile(r"[(\[]?(?:\d+(?:\.\d+)*|[A-Za-z]|[ivxlcIVXLC]{1,5})[.)\]]+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Never the end of a sentence: a name or a clause follows.
_TITLES = _set(
    """mr mrs ms mx dr prof st rev fr hon gen col maj capt cmdr lt sgt cpl adm gov sen rep pres messrs mme mlle
    e.g i.e eg ie viz cf vs v resp approx ca incl excl esp"""
)
# The end of a sentence unless a number follows: "No. 5", but "He said no."
_NUMBERED = _set(
    """no nos nr fig figs eq eqs sec secs ch chap vol vols art arts par para pp p pt pts tab app ex ver v op n
    jan feb mar apr jun jul aug sep sept oct nov dec"""
)
# The end of a sentence only where the next word commonly opens one: "the U.S. Army", "in the U.S. The Army".
_OPEN = _set("""inc ltd co corp jr sr bros etc al u.s u.k u.n e.u d.c a.m p.m ph.d m.d b.a m.a est dept univ""")
_OPENERS = _set(
    """a an the this that these those it its he she they we i you his her their our your my there here in on at
    by for from to with without of as if when while where what which who why how after before since because
    although though however but and or so yet then thus therefore also not no all some any each every most many
    both one two such during under over until unless once see let note"""
)
_FULL_STOPS = frozenset("。！？｡।॥")
_WORD_BEFORE = re.compile(r"(?<![\w.])[^\W\d_][\w.]*$")
_INITIALS = re.compile(r"[A-Za-z](?:\.[A-Za-z])*")
_NEXT = re.compile(r"[^\w]*([^\W_]+)")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Offsets `[start, end)` of the sentences in order, without surrounding white space.

    Every character that is not white space lies in exactly one sentence; a sentence never spans a blank line, a list
    item, a heading (its underline belongs to it) or a line of code.
    """
    spans: list[tuple[int, int]] = []
    for start, end, whole in _units(text):
        _cut(text, start, min(end, len(text)), whole, spans)
    return spans


def _units(text: str) -> list[tuple[int, int, bool]]:
    """Stretches `[start, end)` that no sentence crosses, cut at line breaks, and whether each is a sentence whole."""
    units: list[tuple[int, int, bool]] = []
    opened = -1  # where the unit that goes on began; -1: none
    lines = 0  # how many lines it has
    width = 0  # the longest line since the last blank line
    prompted = indented = fenced = False
    previous, before = "", None  # the line above, and what opened the block's last marked line
    at = 0
    for line in text.split("\n"):
        start, at = at, at + len(line) + 1
        found = _LINE.match(line)
        kind = found.lastgroup if found else None
        if kind is None and (line.endswith(_CODE_ENDS) or line.count(" | ") > 1):
            kind = "code"
        if fenced:
            alone = kind != "blank"
            fenced = kind != "fence"
            if alone:
                units.append((start, at, True))
            continue
        if opened >= 0 and (
            # A wrapped paragraph can bring "12. " or "for ...:" to the head of a line.
            (kind == "number" and before is None and not previous.rstrip().endswith(_CLAUSE_ENDS))
            or (kind == "keyword" and before is None and not (indented and prompted))
        ):
            kind = None
        if kind == "blank":
            if opened >= 0:
                units.append((opened, start, False))
                opened = -1
            if previous:
                prompted = previous.rstrip().endswith(":")
            width, previous, before, indented = 0, "", None, False
            continue
        if not previous:
            indented = line[:1].isspace()
        width = max(width, len(line))
        if kind is None and opened >= 0 and not _meant(previous, line, width, indented and prompted):
            lines += 1
        elif kind == "rule" and lines == 1 and opened >= 0:  # a reST heading with its underline
            units.append((opened, at, True))
            opened = -1
        else:
            if opened >= 0:
                units.append((opened, start, False))
            opened, lines = start, 1
            if kind in _ALONE:
                units.append((start, at, True))
                opened = -1
            fenced = kind == "fence"
        previous, before = line, kind or before
    if opened >= 0:
        units.append((opened, len(text), False))
    return units


def _meant(line: str, following: str, width: int, block: bool) -> bool:
    """Whether the break between two lines was meant, rather than made by wrapping a paragraph at `width`.

    Wrapping breaks a line only where the next word does not fit; a fifth of the width is left to ragged hands.
    """
    if len(line) > _UNWRAPPED or len(following) > _UNWRAPPED:
        return True
    if block:
        width = max(width, _NARROW)
    room = int(0.8 * width) - len(line)
    if room <= 1:
        return False
    opening = following.lstrip()
    if not block and opening[0].islower():
        return False
    return len(opening.split(None, 1)[0]) < room


def _cut(text: str, start: int, end: int, whole: bool, spans: list[tuple[int, int]]) -> None:
    """Append the sentences of the unit `text[start:end]`."""
    unit = text[start:end]
    start, end = end - len(unit.lstrip()), start + len(unit.rstrip())
    cased: bool | None = None
    for match in () if whole else _END.finditer(text, start, end):
        stop, following = match.span()
        if text[stop] in _FULL_STOPS:
            ends = True
        elif text[following].islower():
            if cased is None:
                cased = unit != unit.lower()
            ends = not cased and _is_end(text, start, match)
        else:
            ends = _is_end(text, start, match)
        if ends:
            spans.append((start, stop + len(match.group().rstrip())))
            start = following
    if start < end:
        spans.append((start, end))


def _is_end(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether the marks that `match` found end the sentence that began at `start`."""
    stop, following = match.span()
    if text[stop] != "." or text[stop + 1] == ".":
        return True
    if stop - start < 8 and _LABEL.fullmatch(text, start, stop + len(match.group().rstrip())):  # "1.", "iv.", "2.3."
        return False
    begin = max(start, stop - 7)
    word = _WORD_BEFORE.search(text, begin, stop)
    if word is None:
        return True
    name = word.group().lower()
    if name in _TITLES:
        return False
    if name in _NUMBERED:
        return not text[following].isdigit()
    if name in _OPEN or _INITIALS.fullmatch(word.group()):
        opener = _NEXT.match(text, following)
        return opener is not None and opener.group(1).lower() in _OPENERS
    return True
