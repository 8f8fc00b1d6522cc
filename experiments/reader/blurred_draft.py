"""The wording of blurred questions: which pieces of a sentence are kept, in what order, with which words added.

`Blur` drafts a question about one target of one sentence. Which targets, and what becomes of the draft, is decided in
`blurred`. It follows no grammar beyond the clause's finite verb and "by": what it words may be nonsense.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.reader.blurred_answers import Target, asking_words
from experiments.reader.blurred_pieces import NAMES, Piece, Wording, pieces
from experiments.reader.blurred_words import ADDED_ADJECTIVES, ADDED_TAILS, ADDED_TO, ADDED_TYPES, LABELS, STARTED
from experiments.reader.lexicon import FUNCTION_WORDS, Lexicon
from experiments.reader.paraphrases import DOERS, EVENTS
from experiments.reader.phrases import Sentence
from experiments.reader.retelling import Topic
from experiments.reader.wording import VAGUE, inflected

Near = tuple[str, str]
"""A sentence and its tags."""
_FINITE = "DZpBMAK"
_EMPTY = FUNCTION_WORDS | frozenset("is was are were did does do has had have be been".split())
_SPARSE = 0.35
"""Share of questions with very few of the sentence's words."""
_SIZES = (2, 3, 4, 5)
_SIZE_WEIGHTS = (6, 6, 3, 1)
_WORD_WEIGHTS = {"U": 0.8, "J": 0.4, "C": 0.4, "R": 0.05, "#": 0.2}
_FAR = (1.0, 0.3, 0.1, 0.05, 0.03)
"""Weight of a piece by the number of commas, brackets and joining words between it and the answer."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A worded question, its answer's target, and the names in it with their letters."""

    text: str
    target: Target
    keys: tuple[tuple[str, str], ...]


class Blur:
    """The questions about one sentence."""

    def __init__(
        self, rng: random.Random, s: Sentence, lexicon: Lexicon, title: str, topic: Topic | None,
        near: Sequence[Near], found: Sequence[Target],
    ) -> None:  # fmt: skip
        self.rng, self.s, self.lexicon, self.near = rng, s, lexicon, near
        self.title = title
        self.wording = Wording(rng, s, lexicon)
        self.pieces = pieces(s)
        self.kinds = {t.i: t.kind for t in found}
        if topic is not None:
            self._set_in(topic)

    def _set_in(self, topic: Topic) -> None:
        """A piece for what "he" or "it" means, where the first such pronoun stands."""
        s = self.s
        meant = ("he", "she", "his", "her") if topic.person else ("it", "its")
        for k, tag in enumerate(s.tags):
            if tag in "hX" and s.low[k] in meant:
                at = next((n for n, c in enumerate(self.pieces) if c.i > k), len(self.pieces))
                far = self.pieces[at].far if at < len(self.pieces) else 0
                said = topic.worded(self.rng)
                letter = "H" if topic.person else "P"
                self.pieces.insert(at, Piece(k, k + 1, "key", letter, [], far, k, tag == "X", said))
                return

    def draft(self, one: Target) -> Draft | None:
        """A question for the target, or None where too little is left to ask with."""
        rng, s, wording = self.rng, self.s, self.wording
        answer = s.between(one.i, one.j)
        barred = {w.lower() for w in answer.replace("-", " ").split(" ")} - FUNCTION_WORDS
        finite, opens = self._verb_of(one)
        if finite < 0 and one.kind in ("noun", "name", "which", "quote") and not one.noun:
            return None  # nothing says what is asked
        sparse = one.kind not in ("noun", "name", "quote") and rng.random() < _SPARSE
        kept = self._kept(one, barred, finite, sparse)
        if not kept:
            return None
        style = rng.random()
        leads = 0.93 if style < 0.75 else 0.6
        done = self._done_by(one)
        # Whoever writes or sings is a person or passes for one, whatever the tags say of the name.
        by_name = done >= 0 and one.kind in ("name", "quote") and self.lexicon.lemma(s.low[done]) in DOERS
        asks = "who" if by_name and rng.random() < 0.8 else asking_words(rng, one)
        if one.noun and asks.endswith(" " + one.noun):
            kept = [c for c in kept if not c.said.endswith(one.noun)] or kept
        left = [c for c in kept if c.i < one.i]
        if style < 0.05 and any(c.kind == "key" for c in kept):
            parts = self._telegraphic(one, kept)
        elif style < 0.1 and left and len(left) < len(kept):
            parts = [*wording.run(left, leads), asks, *wording.run(kept[len(left) :], leads, after=True)]
        elif done >= 0 and rng.random() < 0.75:
            parts = self._of_agent(one, kept, asks, leads)
        elif finite >= 0 and (opens or finite < one.i):
            parts = self._of_object(one, kept, finite, asks, leads)
        else:
            parts = self._of_subject(one, kept, finite, asks, leads)
        parts = self._added([p for p in parts if p], kept, barred, sparse, one.kind)
        text = " ".join(" ".join(parts).split())
        low = text.lower()
        asked = low.replace("'s", "").split(" ")
        if answer.lower() in low or len(text) > 150 or '"' in text or not barred.isdisjoint(asked):
            return None
        if len({w for w in asked if w not in _EMPTY}) < 3:
            return None
        keys = tuple((c.said, c.letter) for c in kept if c.kind == "key" and c.letter in NAMES and c.said in text)
        return Draft(text, one, keys)

    def _verb_of(self, one: Target) -> tuple[int, bool]:
        """The finite verb of the target's clause (-1 where none is near), and whether the target opens the clause."""
        tags = self.s.tags
        at = one.j + tags.startswith("R", one.j)
        if tags[at : at + 1] in tuple(_FINITE):
            return at, False
        before = next((k for k in range(one.i - 1, -1, -1) if tags[k] in _FINITE), -1)
        if before >= 0 and self._joints(before, one.i) <= 1 and not set("WQ") & set(tags[before : one.i]):
            return before, False
        after = next((k for k in range(one.j, len(tags)) if tags[k] in _FINITE), -1)
        if after < 0 or self._joints(one.j, after) > 2:
            return -1, False
        # "In 1884 John Houlding built ...": a subject stands between the date and the verb.
        told = one.kind in ("date", "year", "place") or (one.i and tags[one.i - 1] in "I")
        return after, bool(told) and any(t in "NSPHLOhE" for t in tags[one.j : after])

    def _done_by(self, one: Target) -> int:
        """The participle of "written by X", where X is the target; else -1."""
        s = self.s
        at = one.i - 1
        while at > 0 and s.tags[at] in "dNPJH" and one.i - at < 6:
            at -= 1
        if at < 1 or s.low[at] != "by":
            return -1
        return next((k for k in range(at - 1, max(-1, at - 4), -1) if s.tags[k] == "n"), -1)

    def _joints(self, a: int, z: int) -> int:
        """How many commas and brackets stand between."""
        between = self.s.tags[a:z]
        return between.count(",") + between.count("(") + between.count(";") * 3

    def _kept(self, one: Target, barred: set[str], finite: int, sparse: bool) -> list[Piece]:
        """The pieces that the question keeps, in the order of the sentence, their words already chosen."""
        rng = self.rng
        usable = self._usable(one, barred)
        if not usable:
            return []
        drawn = self._core(one, usable, finite, sparse)
        if drawn is None:
            return []
        want = 1 if sparse else rng.choices(_SIZES, _SIZE_WEIGHTS)[0]
        size = sum(min(2, c.j - c.head) for c in drawn.values())
        keyed = any(c.kind == "key" for c in drawn.values()) or not any(c.kind == "key" for _, c in usable)
        for _, n, c in self._ranked(one, usable):
            if size >= want and keyed:
                break
            if n not in drawn and (size < want or c.kind == "key"):
                drawn[n] = c
                size += min(2, c.j - c.head)
                keyed = keyed or c.kind == "key"
        if any(kind == one.kind and i != one.i for i, kind in self.kinds.items()):
            # Another such answer stands in the sentence: what is next to this one tells them apart.
            n, c = min(usable, key=lambda pair: min(abs(pair[1].j - one.i), abs(pair[1].i - one.j)))
            drawn[n] = c
        self._join(drawn, dict(usable))
        out = []
        for n in sorted(drawn):
            c = drawn[n]
            said = self.wording.said(c)
            if said and barred.isdisjoint(said.lower().split(" ")):
                out.append(Piece(c.i, c.j, c.kind, c.letter, c.lead, c.far, c.head, c.owner, said))
        if not self.title and not any(c.kind in ("key", "number") or len(c.said) > 8 for c in out):
            return []
        for k in range(len(out) - 1):
            if rng.random() < 0.05 and out[k].kind == out[k + 1].kind:
                out[k], out[k + 1] = out[k + 1], out[k]
        return out

    def _core(
        self, one: Target, usable: Sequence[tuple[int, Piece]], finite: int, sparse: bool
    ) -> dict[int, Piece] | None:
        """The clause's verb, what follows it and its subject, each kept mostly; None where a verb is missed.

        A sparse question has no object, and less often a verb.
        """
        rng, s = self.rng, self.s
        done = self._done_by(one)
        verb = next(((n, c) for n, c in usable if c.i == done), None) or self._main_verb(usable, finite, one)
        finite = done if done >= 0 else finite
        if verb is None:
            bare = one.kind in ("noun", "name", "which", "quote") and not one.noun
            # Without the verb a date or place could be that of anything, but for "was" and "is".
            loose = one.kind in ("date", "year", "place") and finite >= 0 and s.tags[finite] not in "BMA"
            return None if bare or loose else {}
        n, doing = verb
        if rng.random() > (0.9 if sparse else 0.96):
            return {}
        drawn = {n: doing}
        told = next(((n, c) for n, c in usable if c.i >= doing.j), None)
        if told is not None and told[1].i - doing.j < 4 and not sparse and rng.random() < 0.7:
            drawn[told[0]] = told[1]
        if finite < one.i:  # a question about what follows the verb needs its subject
            named = ((n, c) for n, c in reversed(usable) if c.j <= finite and c.kind in ("key", "noun"))
            subject = next(named, None)
            if subject is not None and self._joints(subject[1].j, finite) <= 2 and rng.random() < 0.92:
                drawn[subject[0]] = subject[1]
        return drawn

    def _ranked(self, one: Target, usable: Sequence[tuple[int, Piece]]) -> list[tuple[float, int, Piece]]:
        """The pieces in an order drawn at random, those near the answer and those that say much rather first."""
        draw, low, kinds = self.rng.random, self.s.low, self.kinds
        i, j, kind = one.i, one.j, one.kind
        here = next((c.far for c in self.pieces if c.j > i), 0)
        ranked = []
        for n, c in usable:
            weight = _FAR[min(abs(c.far - here), 4)] / (1.0 + 0.12 * (i - c.j if c.j <= i else c.i - j))
            if c.kind == "key":
                # Another of the answer's type is best named, so that it cannot be meant.
                weight *= 5.0 if c.said or kinds.get(c.i) == kind else 3.0
            elif c.kind == "noun":
                weight *= 1.6 if c.j - c.i > 1 or len(low[c.j - 1]) > 6 else 1.1
            else:
                weight *= _WORD_WEIGHTS.get(c.letter, 0.2)
            # The powers of uniform draws order without replacement in proportion to the weights.
            ranked.append((-math.log(draw() or 1e-9) / weight, n, c))
        ranked.sort()
        return ranked

    def _usable(self, one: Target, barred: set[str]) -> list[tuple[int, Piece]]:
        """The pieces that neither overlap the answer nor say its words, with their places."""
        s = self.s
        last = one.j + (one.noun.count(" ") + 1 if one.kind == "count" else 0)
        out = []
        for n, c in enumerate(self.pieces):
            words = s.low[c.i : c.j]
            if (c.i < last and one.i < c.j) or not barred.isdisjoint(words):
                continue
            if c.kind in ("noun", "word") and (words[-1] in VAGUE or c.letter == "R") and c.i == c.head:
                continue
            if words[-1] in ("bc", "bce", "ad", "ce"):
                continue
            if (c.kind == "word" and s.tags[c.j : c.j + 1] in ("c", ",")) or (c.kind == "verb" and len(words[0]) < 3):
                continue
            out.append((n, c))
        return out

    def _main_verb(self, usable: Sequence[tuple[int, Piece]], finite: int, one: Target) -> tuple[int, Piece] | None:
        """The verb that says what the clause tells: the finite one, or the participle after its auxiliary."""
        if finite < 0:
            return None
        verbs = [(n, c) for n, c in usable if c.kind == "verb" and c.i >= finite and (c.i < one.i) == (finite < one.i)]
        if not verbs or verbs[0][1].i - finite > 3:
            return None
        if finite > one.i:
            return verbs[0]
        # "was appointed in March and ordained in June": the later one tells of June.
        second = (pair for pair in reversed(verbs[1:]) if pair[1].lead and self.s.tags[pair[1].lead[0]] == "c")
        return next((pair for pair in second if pair[1].letter == verbs[0][1].letter), verbs[0])

    def _join(self, drawn: dict[int, Piece], usable: Mapping[int, Piece]) -> None:
        """Both halves of most "A of B" whose one half is drawn: apart they say little."""
        for n in list(drawn):
            c = drawn[n]
            for a, b in ((n - 1, n), (n, n + 1)):
                first, second = usable.get(a), usable.get(b)
                if first is None or second is None or len(drawn) > 4 or c.kind not in ("noun", "key"):
                    continue
                joined = second.lead and self.s.low[second.lead[0]] == "of" and first.j == second.lead[0]
                if joined and self.rng.random() < 0.85:
                    drawn[a], drawn[b] = first, second

    def _of_agent(self, one: Target, kept: list[Piece], asks: str, leads: float) -> list[str]:
        """ "Dracula was written by X" as "who wrote Dracula" or "who is the author of Dracula"."""
        rng, s, lexicon, wording = self.rng, self.s, self.lexicon, self.wording
        done = self._done_by(one)
        rest = wording.run([c for c in kept if c.i != done], leads)
        base = lexicon.lemma(s.low[done])
        if base in DOERS and rng.random() < 0.2:
            return [asks, rng.choice(("is the ", "was the ", "is the ")) + rng.choice(DOERS[base]) + " of", *rest]
        return [asks, wording.verb(inflected(lexicon.past_of, base), "D"), *rest]

    def _of_object(self, one: Target, kept: list[Piece], finite: int, asks: str, leads: float) -> list[str]:
        """What follows the verb, or a date before it: "when did John Houlding build a stadium"."""
        rng, s, lexicon, wording = self.rng, self.s, self.lexicon, self.wording
        tag = s.tags[finite]
        doing = next(
            (c for c in kept if c.kind == "verb" and c.i >= finite and (c.i < one.i) == (finite < one.i)), None
        )
        if one.kind in ("date", "year") and doing and s.low[doing.i] in EVENTS and rng.random() < 0.1:
            rest = wording.run([c for c in kept if c is not doing], leads)
            return [
                asks,
                rng.choice(("was the ", "is the ", "was the ")) + rng.choice(EVENTS[s.low[doing.i]]) + " of",
                *rest,
            ]
        subject = any(c.i < finite for c in kept)
        aux = s.low[finite] if tag in "BMA" else ""
        out = wording.run(kept, leads)
        if doing is not None:
            k = kept.index(doing)
            word, _, particle = doing.said.partition(" ")
            other: tuple[str, ...] = ()
            if one.kind in ("date", "year") and tag == "B":
                other = STARTED.get(lexicon.lemma(s.low[doing.i]), ())
            if other and rng.random() < 0.5:
                aux, out[k] = rng.choice(("did", "did", "does")), rng.choice(other)
            elif tag in "AM" and "b" in s.tags[finite : doing.i]:
                out[k] = f"{s.low[s.tags.index('b', finite)]} {doing.said}"
            elif doing.i == finite and subject:
                aux = {"D": "did", "Z": "does"}.get(tag, "do")
                out[k] = f"{lexicon.lemma(word)} {particle}".strip()
        elif tag in "MA" or (not aux and rng.random() < 0.7):
            aux = rng.choice(("was", "is"))
        if not subject:
            aux = "" if doing is not None and tag not in "BA" else aux
        at = one.i - 1 - (s.tags[one.i - 1] in 'd"')
        bare = asks.startswith(("what", "which")) and at > 0 and s.tags[at] == "I" and finite < one.i
        tail = s.low[at] if bare and one.kind not in ("date", "year") and rng.random() < 0.35 else ""
        return [asks, aux if rng.random() < leads else "", *out, tail]

    def _of_subject(self, one: Target, kept: list[Piece], finite: int, asks: str, leads: float) -> list[str]:
        """The question word instead of the answer, then what follows it, then what stood before: "who built ..."."""
        rng, s, wording = self.rng, self.s, self.wording
        left = [c for c in kept if c.i < one.i]
        right = kept[len(left) :]
        said = wording.run(right, leads, after=True)
        if s.tags[one.j : one.j + 1] == ";" and said:  # a dictionary's entry: what it says is what the answer is
            led = said[0].startswith(("the ", "a ", "an ")) or right[0].kind == "verb"
            said.insert(0, rng.choice(("is", "was") if led else ("is the", "was the", "is a", "was a")))
        elif finite >= 0 and s.tags[finite] in "BMA":
            at = next((k for k, c in enumerate(right) if c.i > finite), None)
            if at is not None and rng.random() < leads:
                led = said[at].startswith(("the ", "a ", "an ")) or right[at].kind != "noun"
                said.insert(at, s.low[finite] + ("" if led else rng.choice((" the", " the", " a", ""))))
        elif not any(c.kind == "verb" for c in kept):
            named = bool(said) and said[0].startswith(("the ", "a ", "an "))
            said.insert(0, rng.choice(("is", "was") if named else ("is the", "was the", "is", "was")))
        before = wording.run(left, leads)
        return [asks, *said, *before] if said else [asks, *before]

    def _telegraphic(self, one: Target, kept: list[Piece]) -> list[str]:
        """Names first, then what is wanted of them: "Dracula author", "Purpose release date"."""
        rng = self.rng
        keys = [c.said for c in kept if c.kind == "key"]
        rest = [c for c in kept if c.kind != "key"][-2:]
        verb = next((c for c in rest if c.kind == "verb"), None)
        told = self.s.low[verb.i] if verb is not None else ""
        doer, event = DOERS.get(self.lexicon.lemma(told)), EVENTS.get(told)
        if one.kind == "person" and doer and told:
            return [*keys, rng.choice(doer)]
        if one.kind in ("date", "year") and event:
            return [*keys, event[0], rng.choice(("date", "year", "date"))]
        label = rng.choice(LABELS.get(one.kind, ("what", "name")))
        if one.kind == "count":
            label = rng.choice(("how many ", "number of ")) + one.noun
        elif one.noun and one.kind not in ("noun", "measure"):
            label = one.noun
        return [*keys, *(c.said for c in rest), label]

    def _added(self, parts: list[str], kept: list[Piece], barred: set[str], sparse: bool, kind: str) -> list[str]:
        """The parts with words that the sentence does not hold: the title, a name from beside it, what people add."""
        rng, s, title = self.rng, self.s, self.title
        have = " ".join(parts).lower()
        words = title.lower().split(" ")
        keyed = any(c.kind == "key" for c in kept)
        new = words[-1] not in have and words[-1] not in s.low and barred.isdisjoint(words)
        if title and new and have.count(" ") < 9 and rng.random() < (0.9 if sparse or not keyed else 0.6):
            kept.append(Piece(0, 0, "key", "P", said=title))
            parts.append(rng.choice(("in ", "of ", "in ", "in ", "on ", "for ", "")) + title)
            keyed = True
        if self.near and rng.random() < (0.5 if sparse else 0.1 if keyed else 0.3):
            parts.append(self._borrowed(barred, have))
        chance = rng.random()
        if chance < 0.14:
            k = next((k for k in range(1, len(parts)) if parts[k].startswith("the ")), 0)
            if k:
                parts[k] = f"the {rng.choice(ADDED_ADJECTIVES)}{parts[k][3:]}"
        elif chance < 0.2:
            key = next((c.said for c in kept if c.kind == "key" and c.letter == "P"), "")
            parts = [f"{rng.choice(ADDED_TYPES)} {part}" if part == key else part for part in parts]
        elif chance < (0.6 if sparse else 0.32):
            parts.append(rng.choice(ADDED_TAILS if rng.random() < 0.5 else ADDED_TO[kind]))
        return parts

    def _borrowed(self, barred: set[str], have: str) -> str:
        """A name from a sentence beside this one."""
        sentence, tags = self.rng.choice(self.near)
        other = Sentence(sentence, tags)
        if len(other.spans) != len(tags):
            return ""
        at = [k for k, tag in enumerate(tags) if tag in NAMES and len(other.low[k]) > 3]
        if not at:
            return ""
        k = self.rng.choice(at)
        word = other.between(k, k + 1)
        return "" if word.lower() in barred or word.lower() in have else word
