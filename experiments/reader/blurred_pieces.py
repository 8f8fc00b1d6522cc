"""A sentence in pieces that a blurred question keeps or drops, and the words in which it says them.

A piece is a name or title, a noun with its adjectives, a verb, or a number, with the function words that lead to it.
`Wording` exchanges some of its words by the tables of `paraphrases` and `blurred_words`; it knows no sense beyond them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from experiments.reader.blurred_words import LOOSE_NOUNS, LOOSE_VERBS, OF_PLACES
from experiments.reader.lexicon import Lexicon
from experiments.reader.paraphrases import ADJECTIVES, NOUNS, VERBS
from experiments.reader.phrases import Sentence
from experiments.reader.wording import inflected, third_person

NAMES = "PHLO"
VERBS_TAGS = "DZpVGn"
_GENERAL = {
    "H": ("person", "person", "man", "people"), "L": ("place", "area"), "O": ("group", "organization"),
    "f": ("food",), "m": ("money",), "T": ("time",),
}  # fmt: skip
_ORPHANED = frozenset("of by as than including with that".split())  # prepositions that join to what stood before


@dataclass(slots=True)
class Piece:
    """Words i to j - 1 that a question keeps or drops together. kind: key (a name or title), noun, verb, word, number.

    letter: tag of its last word (of a name: its kind). lead: indices of the function words before it. far: joints of
    the sentence up to it. head: where its noun begins, after its adjectives. owner: "'s" follows. said: its words in
    the question.
    """

    i: int
    j: int
    kind: str
    letter: str
    lead: list[int] = field(default_factory=list)
    far: int = 0
    head: int = 0
    owner: bool = False
    said: str = ""


def pieces(s: Sentence) -> list[Piece]:
    """The sentence's pieces in order."""
    tags, low = s.tags, s.low
    n = len(tags)
    out: list[Piece] = []
    lead: list[int] = []
    k = far = 0
    while k < n:
        tag, j, kind = tags[k], k + 1, ""
        if tag in NAMES:
            kind = "key"
            while j < n and (tags[j] in NAMES or (low[j] == "of" and j + 1 < n and tags[j + 1] in NAMES)):
                j += 1
        elif tag == '"':
            close = tags.find('"', k + 1)
            if k + 1 < close < k + 10 and "." not in tags[k:close]:
                kind, j = "key", close + 1
        elif tag in "m#$":
            kind = "number"
            while j < n and (tags[j] in "m#%" or (tags[j : j + 2] == ",#" and "m" in tags[k:j])):
                j += 1
        elif tag in "NS":
            kind = "noun"
            while j < n and tag == "N" and tags[j] in "NS":
                j += 1
        elif tag in VERBS_TAGS:
            kind = "verb"
            j += tags[j : j + 1] == "r"
        elif tag in "JUCR":
            kind = "word"
        elif tag == "'" and out and out[-1].j == k:
            out[-1].owner = True
        elif tag in ",;().":
            lead = []
            far += 1
        else:
            lead.append(k)
            far += tag in "cWQw"
        if kind:
            first = k
            while kind == "noun" and not lead and out and _described(out[-1], first):
                first, lead = out[-1].i, out.pop().lead
            out.append(Piece(first, j, kind, tag if kind == "key" else tags[j - 1], lead, far, k))
            lead = []
        k = j
    return out


def _described(before: Piece, first: int) -> bool:
    return before.kind == "word" and before.j == first and before.letter != "R"


class Wording:
    """The pieces of one sentence in a question's words."""

    def __init__(self, rng: random.Random, s: Sentence, lexicon: Lexicon) -> None:
        self.rng, self.s, self.lexicon = rng, s, lexicon

    def said(self, c: Piece) -> str:
        """The piece as told, with a synonym, or in another form; a verb keeps its form."""
        rng, s = self.rng, self.s
        if c.said:
            return c.said
        text = s.between(c.i, c.j)
        if c.kind == "key":
            if c.letter == '"':
                return text.strip("\"“”‘’'` ,")
            return text.rsplit(" ", 1)[-1] if c.letter == "H" and " " in text and rng.random() < 0.2 else text
        if c.kind == "verb":
            return self.verb(text.lower(), c.letter)
        if c.kind == "noun":
            text = s.between(c.head, c.j)
            text = text.lower() if c.head == 0 else text
            kept = [
                self._adjective(k) for k in range(c.i, c.head) if rng.random() < (0.85 if s.tags[k] == "U" else 0.4)
            ]
            return " ".join([*kept, self._noun(text, c.letter)])
        return self._adjective(c.i) if c.kind == "word" else text

    def _adjective(self, k: int) -> str:
        rng, text = self.rng, self.s.between(k, k + 1)
        text = text.lower() if k == 0 and text not in OF_PLACES else text
        chance = rng.random()
        if chance < 0.5 and text in ADJECTIVES:
            return rng.choice(ADJECTIVES[text])
        return rng.choice(OF_PLACES[text]) if chance < 0.25 and text in OF_PLACES else text

    def _noun(self, text: str, letter: str) -> str:
        rng, lexicon = self.rng, self.lexicon
        chance = rng.random()
        one = lexicon.singular(text) if letter == "S" else text
        for share, table in ((0.6, LOOSE_NOUNS), (0.72, NOUNS)):
            if chance < share and one in table:
                new = rng.choice(table[one])
                return new if letter == "N" or " " in new or new.endswith("s") else new + "s"
        known = lexicon.synonyms.get("n" + one, ())
        if chance < 0.12 and len(one) > 5 and len(known) == 1:
            return known[0]
        if chance > 0.8:
            return rng.choice(_GENERAL.get(lexicon.kind(one), (one,)))
        return one if chance > 0.76 else text

    def verb(self, text: str, letter: str) -> str:
        """The verb, at times another that says nearly the same, in the form that the letter names."""
        rng, lexicon = self.rng, self.lexicon
        chance = rng.random()
        if chance > 0.85 or letter == "G" or " " in text:
            return text
        base = lexicon.lemma(text)
        if base in ("be", "have", "do"):
            return text
        same = (LOOSE_VERBS if chance < 0.65 and letter != "n" else VERBS).get(base)
        if same:
            base = rng.choice(same)
        elif chance > 0.15:
            return text
        if letter == "n":
            return inflected(lexicon.participle_of, base)
        if letter == "D":
            return third_person(base) if chance < 0.06 else inflected(lexicon.past_of, base)
        return third_person(base) if letter == "Z" else base

    def led(self, c: Piece, leads: float, *, joined: bool) -> str:
        """The piece behind those of its articles and prepositions that stay. joined: a piece stands before it."""
        rng, s = self.rng, self.s
        kept = []
        for k in c.lead[-3:]:
            tag, word = s.tags[k], s.low[k]
            stays = rng.random() < leads
            if tag == "I" and not joined and word in _ORPHANED:
                continue
            if tag == "W" and joined and c.kind == "verb" and stays:
                kept.append(word)
            if (tag in "IT" and stays) or (tag == "d" and word in ("the", "a", "an") and stays and rng.random() < 0.9):
                kept.append(word)
        if kept and kept[-1] in ("a", "an"):
            kept[-1] = "an" if c.said[:1] in "aeio" else "a"
        return " ".join([*kept, c.said + ("'s" if c.owner else "")])

    def run(self, kept: Sequence[Piece], leads: float, *, after: bool = False) -> list[str]:
        """The pieces in their order. after: the question word before them takes the place of what they follow."""
        return [
            self.led(c, leads, joined=(k > 0 and kept[k - 1].i < c.i) or (k == 0 and after)) for k, c in enumerate(kept)
        ]
