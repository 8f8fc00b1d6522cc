"""Examples from tagged texts: an excerpt of a document, its names changed, with rule-made questions about it.

It joins `asking`, `cloze` and `renaming`; which documents, how long and how often is its caller's choice. Every
answer is a span of the one segment that the question needs. A question without an answer here comes from another
document or from a part of this one that the excerpt leaves out, and its answer does not occur in the excerpt.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.reader.asking import PLENTY, Question, casual, questions
from experiments.reader.blurred import blurred, estranged, names_in, typed
from experiments.reader.cloze import cloze
from experiments.reader.example import UNANSWERABLE, Asked, Example
from experiments.reader.lexicon import Lexicon
from experiments.reader.phrases import Sentence
from experiments.reader.renaming import Renaming
from experiments.reader.retelling import Retelling, Topic
from experiments.reader.vocabulary import pick

_NAMED = 12
"""Sentences of another document whose names make a question strange."""


@dataclass(frozen=True, slots=True)
class Menu:
    """What to ask.

    count: questions wanted. gaps, blurred: shares of cloze and of blurred questions, the rest made by rules. absent:
    share of unanswerable ones; strange: of those, the share made by putting another text's names into a question.
    names: share of the excerpts whose names and numbers are exchanged.
    """

    count: int = 12
    gaps: float = 0.15
    blurred: float = 0.0
    absent: float = 0.08
    strange: float = 0.3
    names: float = 0.9


def span(rng: random.Random, document: Mapping[str, Any], room: int) -> tuple[int, int]:
    """First and last (exclusive) sentence of a random run of at most `room` characters; at least one sentence."""
    offsets = document["sentences"]
    n = len(offsets)
    total = offsets[-1][1] - offsets[0][0]
    first = 0 if total <= room else rng.randrange(n)
    # Near the end of a document there would be little left: begin earlier.
    while first > 0 and offsets[-1][1] - offsets[first][0] < room:
        first -= 1
    last = first + 1
    while last < n and offsets[last][1] - offsets[first][0] <= room:
        last += 1
    return first, last


def segments(document: Mapping[str, Any], first: int, last: int) -> list[str]:
    """The sentences first to last - 1, each with its separator in front, so that they join to the document's text."""
    text, offsets = document["text"], document["sentences"]
    starts = [offsets[first][0], *(offsets[k - 1][1] for k in range(first + 1, last))]
    return [text[start : offsets[k][1]] for start, k in zip(starts, range(first, last), strict=True)]


def about(
    rng: random.Random,
    document: Mapping[str, Any],
    lexicon: Lexicon,
    *,
    room: int,
    menu: Menu = Menu(),
    other: Mapping[str, Any] | None = None,
    pools: Mapping[str, Sequence[str]] | None = None,
) -> Example:
    """An excerpt of at most `room` characters with questions; `other`: a document to take unanswerable ones from."""
    first, last = span(rng, document, room)
    parts = segments(document, first, last)
    tags = document["tags"]
    rename = (
        Renaming(rng, [part.lstrip() for part in parts], tags[first:last], pools=pools)
        if rng.random() < menu.names
        else str
    )
    asked: list[Asked] = []
    told = [rename(part) for part in parts]
    whole = "".join(told)
    order = [k for k in range(first, last) if tags[k]]
    rng.shuffle(order)
    topic = _Topics(document, lexicon)
    # A short excerpt has few sentences to choose from, and takes what there is.
    plenty = PLENTY * min(1.0, len(order) / (4 * menu.count))
    for turn, k in enumerate((*order, *order)):
        # A short excerpt is gone through twice: a sentence that was passed over may be asked about then.
        if len(asked) >= (menu.count if turn < len(order) else menu.count // 3):
            break
        blurs = rng.random() < menu.blurred
        made = (
            topic.blurred(rng, k, first, last)
            if blurs
            else _made(rng, document, k, lexicon, topic, menu.gaps, plenty=plenty)
        )
        for one in made:
            text, answer = rename(one.text), rename(one.answer)
            # A replacement across the answer's border would part question and text: such a pair is left out.
            if answer in told[k - first] and not (turn >= len(order) and any(k - first in old.needs for old in asked)):
                asked.append(Asked(_writer(one)(rng, text), answer, (k - first,)))
    absent = sum(rng.random() < menu.absent for _ in asked)
    for _ in range(absent):
        if order and other is not None and rng.random() < menu.strange:
            # A foreign name must be unknown before and after names are exchanged.
            strange = topic.strange(rng, pick(rng, order), other, whole + "".join(parts))
            if strange is not None:
                asked.append(Asked(typed(rng, rename(strange)), UNANSWERABLE))
            continue
        extra = _absent(rng, document, (first, last), other, lexicon, whole, rename, menu.blurred)
        if extra is not None:
            asked.append(extra)
    rng.shuffle(asked)
    return Example(told, asked)


def _writer(one: Question) -> Callable[[random.Random, str], str]:
    """What gives a question its last form, after names have been exchanged."""
    if one.kind.startswith("cloze"):
        return lambda _rng, text: text
    return typed if one.kind.startswith("blurred") else casual


def foreign(
    rng: random.Random,
    document: Mapping[str, Any],
    lexicon: Lexicon,
    *,
    outside: tuple[int, int] = (0, 0),
    blurs: float = 0.0,
) -> Question | None:
    """A question about a random sentence of the document that is not in the range `outside`; blurs: share blurred."""
    n = len(document["tags"])
    for _ in range(8):
        k = rng.randrange(n)
        if document["tags"][k] and not outside[0] <= k < outside[1]:
            if rng.random() < blurs:
                found = _Topics(document, lexicon).blurred(rng, k, 0, n)
            else:
                found = _made(rng, document, k, lexicon, None, 0.0, most=1)
            if found:
                return found[0]
    return None


def _absent(
    rng: random.Random,
    document: Mapping[str, Any],
    inside: tuple[int, int],
    other: Mapping[str, Any] | None,
    lexicon: Lexicon,
    whole: str,
    rename: Any,
    blurs: float,
) -> Asked | None:
    """An unanswerable question: mostly about another document, else about what the excerpt leaves out."""
    near = other is None or (inside[1] - inside[0] < len(document["tags"]) // 2 and rng.random() < 0.3)
    if near or other is None:
        one = foreign(rng, document, lexicon, outside=inside, blurs=blurs)
    else:
        one = foreign(rng, other, lexicon, blurs=blurs)
    if one is None or one.answer in whole or rename(one.answer) in whole:
        return None
    return Asked(_writer(one)(rng, rename(one.text)), UNANSWERABLE)


def _made(
    rng: random.Random,
    document: Mapping[str, Any],
    k: int,
    lexicon: Lexicon,
    topic: _Topics | None,
    gaps: float,
    *,
    most: int = 3,
    plenty: float = PLENTY,
) -> list[Question]:
    start, end = document["sentences"][k]
    sentence, tags = document["text"][start:end], document["tags"][k]
    if rng.random() < gaps:
        one = cloze(rng, sentence, tags)
        return [one] if one else []
    return questions(rng, sentence, tags, lexicon, topic(k) if topic else None, most=most, plenty=plenty)


class _Topics:
    """What pronouns mean, sentence by sentence: the title of an encyclopaedia's article, where nothing else can be
    meant."""

    def __init__(self, document: Mapping[str, Any], lexicon: Lexicon) -> None:
        self.document, self.lexicon = document, lexicon
        title = document["title"].split(" (")[0]
        self.name: str | None = None
        self.person = False
        self.noun: str | None = None  # found when first needed
        named = document["kind"] == "encyclopaedia" and title and title.count(" ") < 6
        if not named or not document["tags"] or not document["tags"][0]:
            return
        start, end = document["sentences"][0]
        self.opening = Sentence(document["text"][start:end], document["tags"][0])
        last = title.split(" ")[-1].lower()
        if last in self.opening.low[:12]:
            self.name = title
            self.person = self.opening.tags[self.opening.low.index(last)] == "H"

    def __call__(self, k: int) -> Topic | None:
        if self.name is None:
            return None
        text, offsets, tags = self.document["text"], self.document["sentences"], self.document["tags"]
        words = self.name.split(" ")
        j = k
        while j > 0 and k - j < 8 and "\n" not in text[offsets[j - 1][1] : offsets[j][0]]:
            j -= 1
            before = text[offsets[j][0] : offsets[j][1]]
            named = any(word in before for word in words)
            if self.person:
                if "H" in tags[j] and not named:
                    return None  # another person: "he" may be that one
            elif not (named or before.startswith(("It ", "Its "))):
                return None
        if self.noun is None:
            noun = Retelling(random.Random(0), self.opening, self.lexicon, None).defined_noun()
            # "she ... the singer" needs a noun that names persons, "it ... the film" one that does not.
            self.noun = noun if (self.lexicon.kind(noun) == "H") == self.person else ""
        return Topic(self.name, self.person, self.noun)

    def blurred(self, rng: random.Random, k: int, first: int, last: int) -> list[Question]:
        """Blurred questions on sentence k of an excerpt of the sentences first to last - 1."""
        text, tags = self._sentence(k)
        near = [self._sentence(m) for m in (k - 1, k + 1) if first <= m < last and self.document["tags"][m]]
        return blurred(rng, text, tags, self.lexicon, title=self._title, topic=self(k), near=near, most=2)

    def strange(self, rng: random.Random, k: int, other: Mapping[str, Any], whole: str) -> str | None:
        """A blurred question on sentence k with names of another document, which the text `whole` does not answer."""
        text, tags = self._sentence(k)
        at = rng.randrange(len(other["tags"]))
        shown = slice(at, at + _NAMED)
        there = [other["text"][start:end] for start, end in other["sentences"][shown]]
        names = names_in(there, other["tags"][shown])
        return estranged(rng, text, tags, self.lexicon, names=names, text=whole, title=self._title, topic=self(k))

    @property
    def _title(self) -> str:
        return self.document["title"] if self.document["kind"] == "encyclopaedia" else ""

    def _sentence(self, k: int) -> tuple[str, str]:
        start, end = self.document["sentences"][k]
        return self.document["text"][start:end], self.document["tags"][k]
