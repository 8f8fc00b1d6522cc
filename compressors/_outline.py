"""Outlines of a context: headings over groups of its sentences, as a reader wrote them or as the layout gives them.

It does not know who is asked for an outline, nor how it is shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import log, sqrt

from pipeline.core.records import Section
from retrievers.analyze import analyzer
from retrievers.headings import find_sections

_RANGE = re.compile(r"(\d+)(?:\s*(?:-|–|to)\s*(\d+))?")
_NUMBERING = re.compile(r"^(?:[#\s]*)(?:\d+(?:\.\d+)*[.)]?\s+)?")
_SUB = re.compile(r"^(?:\s+|\t*[-*•]\s*|\s*\d+\.\d+)")
_BULLET = re.compile(r"^[\s\-*•]+")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_BLOCK, _LEAST = 4, 3
_NAMED = 3  # words of a heading that nobody wrote


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence: characters [start, end) of the text number `text`."""

    text: int
    start: int
    end: int
    shown: str


@dataclass(frozen=True, slots=True)
class Aspect:
    """A heading, and the numbers of the sentences under it, in order."""

    heading: str
    members: tuple[int, ...]


def runs(aspect: Aspect, sentences: Sequence[Sentence], texts: Sequence[str]) -> list[Sentence]:
    """The aspect's sentences, those that follow one another in a text as one with what stands between them."""
    out: list[Sentence] = []
    before = -2
    for m in aspect.members:
        s = sentences[m]
        if out and m == before + 1 and s.text == out[-1].text:
            out[-1] = Sentence(s.text, out[-1].start, s.end, texts[s.text][out[-1].start : s.end])
        else:
            out.append(s)
        before = m
    return out


def parsed(outline: str, n: int) -> tuple[list[Aspect], str]:
    """The aspects of an outline over sentences 1..n, members from 0, and a note; no aspects where it is of no use.

    One line per aspect, `heading | 1-3, 7`, sub-aspects below it after a dash. A sentence that is named twice stays
    where it was named first, one that is not named goes with the sentence before it. An outline that names a sentence
    that is not there, or none at all, is of no use (the authors reject it too).
    """
    rows: list[tuple[str, list[int]]] = []
    parent = ""
    for line in outline.splitlines():
        words, bar, ranges = line.rpartition("|")
        sub = bool(_SUB.match(words)) and bool(rows or parent)
        heading = _NUMBERING.sub("", _BULLET.sub("", words)).strip(" :*_")
        if not bar or not heading:
            continue
        if not sub:
            parent = heading
        numbers: list[int] = []
        for a, b in _RANGE.findall(ranges):
            first, last = int(a), int(b or a)
            if not 1 <= first <= last <= n:
                return [], f"an outline names sentence {last} of {n}, so the layout's was taken"
            numbers += range(first - 1, last)
        rows.append((f"{parent}: {heading}" if sub else heading, numbers))
    # What a sub-aspect names belongs to it, though the aspect above named it as well.
    owner: dict[int, int] = {}
    for i, (heading, numbers) in enumerate(rows):
        for m in numbers:
            if m not in owner or heading.startswith(f"{rows[owner[m]][0]}: "):
                owner[m] = i
    if not owner:
        return [], "no outline can be read from the answer, so the layout's was taken"
    missing = [m for m in range(n) if m not in owner]
    for m in missing:
        owner[m] = owner.get(m - 1, owner[min(owner)])
    groups = {i: tuple(m for m in range(n) if owner[m] == i) for i in range(len(rows))}
    note = f"an outline leaves out {len(missing)} of {n} sentences; each went with the one before it" if missing else ""
    return [Aspect(rows[i][0], members) for i, members in groups.items() if members], note


def by_layout(sentences: Sequence[Sentence], texts: Sequence[str]) -> list[Aspect]:
    """The texts' own headings; for a text without any, stretches of like words under the words that mark them."""
    out: list[Aspect] = []
    for text, group in groupby(range(len(sentences)), key=lambda m: sentences[m].text):
        members = list(group)
        sections = find_sections(texts[text])
        if sections:
            named = [_section_at(sections, sentences[m].start) for m in members]
            cuts = [i for i in range(1, len(members)) if named[i] != named[i - 1]]
            pieces = _pieces(members, cuts)
            out += [Aspect(_section_at(sections, sentences[p[0]].start), tuple(p)) for p in pieces]
        else:
            out += tiles([sentences[m].shown for m in members], members)
    return out


def _section_at(sections: Sequence[Section], at: int) -> str:
    """The heading of the innermost section around a character."""
    around = [s for s in sections if s.start <= at < s.end]
    return max(around, key=lambda s: s.start).title if around else "Beginning"


def _pieces(members: Sequence[int], cuts: Sequence[int]) -> list[list[int]]:
    bounds = [0, *cuts, len(members)]
    return [list(members[a:b]) for a, b in pairwise(bounds) if a < b]


def tiles(shown: Sequence[str], members: Sequence[int]) -> list[Aspect]:
    """Stretches between the gaps where the words change most, each under the words that mark it.

    Hearst, "TextTiling", 1997: the cosine between blocks of sentences on both sides of a gap, and a cut where its depth
    below the peaks around it exceeds the mean less half the standard deviation; blocks of 4 sentences, tiles of 3 and
    more.
    """
    terms = analyzer("porter", "en")
    bags = [Counter(terms(s)) for s in shown]
    depths = _depths([_cosine(bags, gap) for gap in range(1, len(bags))])
    cuts: list[int] = []
    if depths:
        mean = sum(depths) / len(depths)
        least = max(mean - sqrt(sum((d - mean) ** 2 for d in depths) / len(depths)) / 2, 1e-9)
        for gap in sorted(range(len(depths)), key=lambda g: (-depths[g], g)):
            at = gap + 1
            near = min((abs(at - c) for c in (0, *cuts, len(bags))), default=at)
            if depths[gap] > least and near >= _LEAST:
                cuts.append(at)
    places = _pieces(range(len(members)), sorted(cuts))
    held = [sum((bags[i] for i in piece), Counter[str]()) for piece in places]
    within = Counter(term for bag in held for term in bag)
    out = []
    for piece, bag in zip(places, held, strict=True):
        surface: dict[str, str] = {}
        for i in piece:
            for word in _WORD.findall(shown[i]):
                for term in terms(word):
                    surface.setdefault(term, word)
        best = sorted((t for t in bag if t in surface), key=lambda t: (-bag[t] * log(1 + len(held) / within[t]), t))
        heading = ", ".join(surface[t] for t in best[:_NAMED]) or "Text"
        out.append(Aspect(heading, tuple(members[i] for i in piece)))
    return out


def _cosine(bags: Sequence[Counter[str]], gap: int) -> float:
    """Of the words in the blocks before and behind a gap."""
    before = sum(bags[max(0, gap - _BLOCK) : gap], Counter[str]())
    after = sum(bags[gap : gap + _BLOCK], Counter[str]())
    size = sqrt(sum(v * v for v in before.values()) * sum(v * v for v in after.values()))
    return sum(before[t] * after[t] for t in before) / size if size else 0.0


def _depths(similar: Sequence[float]) -> list[float]:
    """Per gap, how far its similarity lies below the nearest peaks on both sides; 0 on the slope of a deeper one."""
    out = []
    for i, here in enumerate(similar):
        left = right = i
        while left > 0 and similar[left - 1] >= similar[left]:
            left -= 1
        while right < len(similar) - 1 and similar[right + 1] >= similar[right]:
            right += 1
        slope = any(similar[j] < here for j in (i - 1, i + 1) if 0 <= j < len(similar))
        out.append(0.0 if slope else similar[left] + similar[right] - 2 * here)
    return out
