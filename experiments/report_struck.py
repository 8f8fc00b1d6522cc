"""What a compressor removed, made visible: what stayed in plain text, the rest struck through, gold evidence marked.

From texts and spans to pieces, and from pieces to markup that needs no script. The pieces of a text are all of it;
where one is too long to be shown, its characters are counted in its place. It knows no method, no route and no store.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from experiments import report_words as words
from experiments.report_html import paragraph, section
from experiments.report_study import Study
from experiments.svg import escape
from pipeline.core.records import Chunk, Compression, Question, Span
from pipeline.score.evidence import span_recall

NAME = "Removed text"
"""What the navigation calls the section, whose id is `struck`."""
LONG, END = 240, 80
"""Characters: of a longer removed stretch only its ends are shown, each of END. Of what stayed, five times as much."""
ROOM = 6000
"""Characters shown of one question's context, about."""
MOST = 24
"""Examples in an ordinary report, of all its routes together; three of a route, and at least one."""
GUIDE = (
    "What stayed stands in plain text, what was removed is struck through, gold evidence is marked in both. Long "
    "stretches are folded, with the number of characters that are not shown. First come the questions of which most "
    "evidence was lost."
)


@dataclass(frozen=True, slots=True)
class Struck:
    """What a compressor was given for one question, the stretches of it that stayed, in the order in which the reader
    saw them, and texts that it wrote anew.
    """

    question: Question
    given: tuple[Chunk, ...]
    kept: tuple[Span, ...]
    anew: tuple[str, ...] = ()

    @classmethod
    def of(cls, question: Question, given: Sequence[Chunk], made: Compression) -> Struck:
        """From what the compressor gave."""
        spans = tuple(span for excerpt in made.excerpts for span in excerpt.spans)
        return cls(question, tuple(given), spans, tuple(e.text for e in made.excerpts if not e.spans and e.text))

    @property
    def gold(self) -> tuple[Span, ...]:
        """The gold evidence as far as it stands in what was given."""
        found = set()
        for g in self.question.evidence:
            for c in self.given:
                start, end = max(g.start, c.start), min(g.end, c.end)
                if c.doc == g.doc and start < end:
                    found.add(Span(g.doc, start, end))
        return tuple(sorted(found))

    @property
    def lost(self) -> float:
        """Share of these gold characters that was removed; 0 where there are none."""
        gold = self.gold
        recall = span_recall(self.kept, gold) if gold else None
        return 0.0 if recall is None else 1 - recall


Removals = Callable[[str, str, str], Struck | None]  # question id, route, reader


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text: whether it stayed, and whether it is gold evidence."""

    text: str
    kept: bool
    gold: bool


@dataclass(frozen=True, slots=True)
class Fold:
    """Characters that are counted in place of being shown: how many, how many of them stayed, how many are gold."""

    characters: int
    kept: int = 0
    gold: int = 0

    @property
    def told(self) -> str:
        """… 3 120 characters …"""
        told = f"{words.number(self.characters)} character{'' if self.characters == 1 else 's'}"
        if self.kept:
            told += " that stayed" if self.kept == self.characters else f", {words.number(self.kept)} of them stayed"
        if self.gold:
            told += " of gold evidence" if self.gold == self.characters else f", {words.number(self.gold)} of them gold"
        return f"… {told} …"


Shown = list[Piece | Fold]


def pieces(chunk: Chunk, kept: Sequence[Span], gold: Sequence[Span]) -> list[Piece]:
    """All of the text in reading order, cut wherever something stays or goes, and where gold begins or ends."""
    stays, marked = _within(chunk, kept), _within(chunk, gold)
    cuts = sorted({0, len(chunk.text), *(x for span in (*stays, *marked) for x in span)})
    return [Piece(chunk.text[a:b], _covered(stays, a), _covered(marked, a)) for a, b in pairwise(cuts)]


def folded(found: Sequence[Piece], room: int) -> Shown:
    """The pieces as they are shown, with about `room` characters around the gold evidence, or from the beginning.

    Of a longer stretch, its ends. Shown and counted characters together are all of them.
    """
    size = sum(len(p.text) for p in found)
    out: Shown = []
    at = 0
    windows = [(0, size)] if size <= room else _windows(found, room)
    for piece in found:
        for a, b, inside in _split(at, at + len(piece.text), windows):
            part = replace(piece, text=piece.text[a - at : b - at])
            out += _ends(part) if inside else [_counted(part)]
        at += len(piece.text)
    return _merged(out)


def _within(chunk: Chunk, spans: Sequence[Span]) -> list[tuple[int, int]]:
    """The spans' characters of the chunk's text, as sorted stretches that do not overlap."""
    found = sorted(
        (max(s.start, chunk.start) - chunk.start, min(s.end, chunk.end) - chunk.start)
        for s in spans
        if s.doc == chunk.doc and s.start < chunk.end and s.end > chunk.start
    )
    out: list[tuple[int, int]] = []
    for start, end in found:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        elif start < end:
            out.append((start, end))
    return out


def _covered(stretches: Sequence[tuple[int, int]], at: int) -> bool:
    """Whether one of the sorted stretches holds the character."""
    i = bisect_right(stretches, at, key=lambda s: s[0]) - 1
    return i >= 0 and at < stretches[i][1]


def _windows(found: Sequence[Piece], room: int) -> list[tuple[int, int]]:
    """What is shown of a text that is too long: the surroundings of each gold stretch, or else the beginning."""
    size, at = sum(len(p.text) for p in found), 0
    golds: list[tuple[int, int]] = []
    for piece in found:
        if piece.gold and golds and golds[-1][1] == at:
            golds[-1] = (golds[-1][0], at + len(piece.text))
        elif piece.gold:
            golds.append((at, at + len(piece.text)))
        at += len(piece.text)
    if not golds:
        return [(0, room)]
    margin = max(END, (room - sum(b - a for a, b in golds)) // (2 * len(golds)))
    out: list[tuple[int, int]] = []
    for a, b in golds:
        start, end = max(0, a - margin), min(size, b + margin)
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out


def _split(start: int, end: int, windows: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """The stretch in parts, each wholly inside of a window or outside of all."""
    cuts = sorted({start, end, *(x for w in windows for x in w if start < x < end)})
    for a, b in pairwise(cuts):
        yield a, b, _covered(windows, a)


def _ends(piece: Piece) -> Shown:
    """The piece, or its ends and how much stands between."""
    text, times = piece.text, 5 if piece.kept else 1
    if len(text) <= LONG * times:
        return [piece]
    head, tail = END * times, len(text) - END * times
    blank = text.rfind(" ", head - 20, head)
    head = blank if blank > 0 else head
    blank = text.find(" ", tail, tail + 20)
    tail = blank if blank > 0 else tail
    left_out = _counted(replace(piece, text=text[head:tail]))
    return [replace(piece, text=text[:head]), left_out, replace(piece, text=text[tail:])]


def _counted(piece: Piece) -> Fold:
    n = len(piece.text)
    return Fold(n, n if piece.kept else 0, n if piece.gold else 0)


def _merged(found: Shown) -> Shown:
    out: Shown = []
    for part in found:
        last = out[-1] if out else None
        if isinstance(part, Fold) and isinstance(last, Fold):
            out[-1] = Fold(last.characters + part.characters, last.kept + part.kept, last.gold + part.gold)
        else:
            out.append(part)
    return out


# -- markup -----------------------------------------------------------------------------------------------------------


def struck(study: Study, removals: Removals | None) -> str:
    """The section of an ordinary report: a few questions of every route that compresses; nothing where none does."""
    found: dict[str, list[Struck]] = {}
    if removals is not None:
        for question, route, reader in zip(*(study.answers[c] for c in ("question", "route", "reader")), strict=True):
            made = removals(question, route, reader) if reader == study.readers[0] else None
            if made is not None:
                found[route] = worst([*found.get(route, ()), made], 3)
    if not found:
        return ""
    most = max(1, min(3, MOST // len(found)))
    shown = [f"<h3>{escape(r)}</h3>{examples(found[r], most)}" for r in study.routes if r in found]
    return section("struck", "What was removed from the context?", paragraph(GUIDE), *shown)


def examples(found: Sequence[Struck], most: int, room: int = ROOM) -> str:
    """A few questions, those first that lost most of their evidence, each folded away under its text."""
    return "".join(
        f"<details><summary>{escape(' '.join(s.question.text.split()))}</summary>{context(s, room)}</details>"
        for s in worst(found, most)
    )


def worst(found: Sequence[Struck], most: int) -> list[Struck]:
    """Those that lost most of their evidence; of equal ones, those that stand first."""
    return sorted(found, key=lambda s: -s.lost)[:most]


def context(struck: Struck, room: int = ROOM) -> str:
    """One question's context as markup, text after text, under a line that says in words what was removed."""
    parts = [paragraph(summary(struck), "figures")]
    parts += [f'<div class="span"><b>written anew</b><ins>{escape(text)}</ins></div>' for text in struck.anew]
    for heading, shown in texts(struck, room):
        parts.append(f'<div class="span"><b>{escape(heading)}</b>{"".join(map(_markup, shown))}</div>')
    return f'<div class="struck">{"".join(parts)}</div>'


def summary(struck: Struck) -> str:
    """What was removed, in words."""
    given = sum(len(c.text) for c in struck.given)
    stayed = sum(b - a for c in struck.given for a, b in _within(c, struck.kept))
    told = f"{words.number(stayed)} of {words.number(given)} characters stayed"
    if struck.anew:
        told += f", and {words.number(sum(map(len, struck.anew)))} were written anew"
    gold = sum(s.end - s.start for s in struck.gold)
    if gold:
        told += f"; of the gold evidence, {words.number((1 - struck.lost) * gold)} of {words.number(gold)}"
    return f"{told}."


def texts(struck: Struck, room: int = ROOM) -> list[tuple[str, Shown]]:
    """Per text its heading and what is shown; texts without gold of which nothing stayed are counted together."""
    cut = [pieces(chunk, struck.kept, struck.gold) for chunk in struck.given]
    told = [len(cut) == 1 or any(p.kept or p.gold for p in found) for found in cut]
    each = max(2 * LONG, room // max(1, sum(told)))
    order = _order(struck)
    out: list[tuple[str, Shown]] = []
    gone: list[Chunk] = []
    for i, chunk in enumerate(struck.given):
        if not told[i]:
            gone.append(chunk)
            continue
        out += _gone(gone)
        gone = []
        out.append((_name(chunk) + order.get(i, ""), folded(cut[i], each)))
    return out + _gone(gone)


def _order(struck: Struck) -> dict[int, str]:
    """What is said of a text's place in the prompt, where the compressor moved texts."""
    first: dict[int, int] = {}
    chunks: dict[str, list[tuple[int, Chunk]]] = {}
    for i, c in enumerate(struck.given):
        chunks.setdefault(c.doc, []).append((i, c))
    for place, span in enumerate(struck.kept):
        for i, c in chunks.get(span.doc, ()):
            if c.start <= span.start < c.end:
                first.setdefault(i, place)
                break
    order = sorted(first, key=first.__getitem__)
    return {} if order == sorted(order) else {i: f" · read as number {n}" for n, i in enumerate(order, 1)}


def _gone(chunks: Sequence[Chunk]) -> list[tuple[str, Shown]]:
    if not chunks:
        return []
    names = [_name(c) for c in chunks]
    heading = names[0] if len(chunks) == 1 else f"{len(chunks)} texts, from {names[0]} to {names[-1]}"
    return [(f"{heading} · removed whole", [Fold(sum(len(c.text) for c in chunks))])]


def _name(chunk: Chunk) -> str:
    return chunk.title or chunk.doc


def _markup(part: Piece | Fold) -> str:
    if isinstance(part, Fold):
        return f"<i> {escape(part.told)} </i>"
    text = f"<mark>{escape(part.text)}</mark>" if part.gold else escape(part.text)
    return text if part.kept else f"<del>{text}</del>"
