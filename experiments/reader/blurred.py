"""Blurred questions about a tagged sentence: a question word that fits the answer, and some of the words around it.

People ask with few of a text's words, in their own order and with words of their own. Rules that keep grammar whole
cannot reach that, so these questions give grammar up: cloze questions with words dropped, exchanged and moved (Lewis,
Denoyer and Riedel, ACL 2019), some of their words from beside the sentence (Fabbri et al., ACL 2020). Most read like a
search query, some like nonsense. The answer is a span of the sentence (`blurred_answers`). It does not know whether
another sentence answers as well, nor whether the words it kept say what is asked.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence

from experiments.reader.asking import Question
from experiments.reader.blurred_answers import Target, targets
from experiments.reader.blurred_draft import Blur, Draft, Near
from experiments.reader.blurred_pieces import pieces
from experiments.reader.lexicon import Lexicon
from experiments.reader.phrases import Sentence
from experiments.reader.retelling import Topic

LONGEST = 60
_TELLING = re.compile('[PHLO#m%$"]')
"""Tags of what people ask for; other sentences offer bare nouns alone."""
_NOUNS = 0.25
"""Share of sentences whose common nouns are asked for."""
ENOUGH = 1.6
"""Summed weight of a sentence's targets from which on it is always asked about: bare nouns alone seldom suffice."""


def blurred(
    rng: random.Random,
    sentence: str,
    tags: str,
    lexicon: Lexicon,
    *,
    title: str = "",
    topic: Topic | None = None,
    near: Sequence[Near] = (),
    most: int = 1,
    enough: float = ENOUGH,
) -> list[Question]:
    """Up to `most` questions about the sentence, each with an answer of its own; `typed` gives them their last form.

    title: what the whole text is about, "" where it has no telling title. topic: what pronouns mean, where that is
    known. near: the sentences beside it, whose names a question may borrow. The text keeps its capitals and has no
    mark, so that names in it can still be exchanged.
    """
    drafts = _drafts(rng, sentence, tags, lexicon, title, topic, near, most, enough)
    return [
        Question(one.text, s.between(t.i, t.j), s.spans[t.i][0], s.spans[t.j - 1][1], "blurred " + t.kind)
        for s, one in drafts
        for t in (one.target,)
    ]


def estranged(
    rng: random.Random,
    sentence: str,
    tags: str,
    lexicon: Lexicon,
    *,
    names: Mapping[str, Sequence[str]],
    text: str,
    title: str = "",
    topic: Topic | None = None,
    near: Sequence[Near] = (),
) -> str | None:
    """A blurred question with names of another text, so that `text` does not answer it; None where none is found.

    names: names by letter (`names_in` of another document). A name that occurs in `text`, whole or in part, is not
    taken.
    """
    for s, one in _drafts(rng, sentence, tags, lexicon, title, topic, near, 1, ENOUGH):
        if not one.keys:
            continue
        asked = one.text
        # Where several names stand, one wrong name suffices to make the question another's.
        changed = one.keys if rng.random() < 0.6 else (rng.choice(one.keys),)
        for key, letter in changed:
            new = _unknown(rng, names.get(letter) or names.get("P") or (), text)
            if not new:
                return None
            asked = asked.replace(key, new)
        if s.between(one.target.i, one.target.j).lower() not in asked.lower():
            return asked
    return None


def _unknown(rng: random.Random, pool: Sequence[str], text: str) -> str:
    """A name of which nothing stands in the text; "" where a few draws find none."""
    for _ in range(6 if pool else 0):
        new = rng.choice(pool)
        if not any(part in text for part in new.split(" ") if len(part) > 3 or part == new):
            return new
    return ""


def names_in(sentences: Sequence[str], tags: Sequence[str]) -> dict[str, list[str]]:
    """The names of a document by letter (H, L, O, P), each once, in the order of the text."""
    found: dict[str, dict[str, None]] = {}
    for sentence, letters in zip(sentences, tags, strict=True):
        s = Sentence(sentence, letters)
        if not letters or len(s.spans) != len(letters):
            continue
        for piece in pieces(s):
            if piece.kind == "key" and piece.letter != '"':
                found.setdefault(piece.letter, {})[s.between(piece.i, piece.j)] = None
    return {letter: list(names) for letter, names in found.items()}


def typed(rng: random.Random, text: str) -> str:
    """The question as people type it: a query in small letters, or with capitals and its mark; seldom misspelt."""
    if rng.random() < 0.025:
        text = _mistyped(rng, text)
    style = rng.random()
    if style < 0.4:
        return text.lower()
    if style < 0.65:
        text = text.lower()
    return text[0].upper() + text[1:] + ("?" if style < 0.96 else "")


def _mistyped(rng: random.Random, text: str) -> str:
    """The text with two letters of a word exchanged, or one left out."""
    parts = text.split(" ")
    k = rng.randrange(len(parts))
    word = parts[k]
    if len(word) > 4 and word.isalpha():
        at = rng.randrange(1, len(word) - 1)
        parts[k] = word[:at] + (word[at + 1] + word[at] + word[at + 2 :] if rng.random() < 0.5 else word[at + 1 :])
    return " ".join(parts)


def _drafts(
    rng: random.Random, sentence: str, tags: str, lexicon: Lexicon, title: str, topic: Topic | None,
    near: Sequence[Near], most: int, enough: float,
) -> Iterator[tuple[Sentence, Draft]]:  # fmt: skip
    """The sentence with one draft after the other, at most `most`, from targets drawn by weight."""
    if not 4 < len(tags) <= LONGEST:
        return
    telling = _TELLING.search(tags) is not None
    nouns = rng.random() < _NOUNS
    if not telling and not nouns:
        return
    s = Sentence(sentence, tags)
    if len(s.spans) != len(tags):
        return
    found = [t for one in targets(s, lexicon, nouns=nouns) if (t := _meant(s, one, topic, title)) is not None]
    if not found or rng.random() > sum(t.weight for t in found) / enough:
        return
    named = title.split(" (")[0] if _telling(title) else ""
    known = topic if topic is not None and _telling(topic.name) else None
    blur = Blur(rng, s, lexicon, named, known, near, found)
    made = 0
    while found and made < most:
        one = found.pop(rng.choices(range(len(found)), [t.weight for t in found])[0])
        draft = blur.draft(one)
        if draft is not None:
            made += 1
            yield s, draft


def _telling(title: str) -> bool:
    """Whether people would name it: not where it is cut from a text's first line, or a dictionary's entry."""
    return title.count(" ") < 6 and ":" not in title and title[:1].isupper() and len(title) < 50


def _meant(s: Sentence, one: Target, topic: Topic | None, title: str) -> Target | None:
    """The target, a person where the text is about it: "Lincoln" is a city elsewhere; None where that is not known."""
    if one.kind not in ("place", "which", "name") or "," in s.tags[one.i : one.j]:
        return one
    last = s.between(one.j - 1, one.j)
    if topic is not None and topic.person and last in topic.name.split(" "):
        return Target(one.i, one.j, "person", "", one.weight)
    return None if one.j - one.i == 1 and " " in title and title.endswith(last) else one
