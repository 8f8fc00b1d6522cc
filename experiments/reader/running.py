"""Running text from documents, and the shapes in which a reader meets it: one text, a pile of passages, a prompt.

It draws excerpts of tagged documents, sets several examples under numbered labels as a retriever's prompt has them, and
asks about another document, which must be declined. It makes no question itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from experiments.reader.example import PARAGRAPH, UNANSWERABLE, Asked, Example
from experiments.reader.excerpts import segments, span
from experiments.reader.lexicon import Lexicon, load_lexicon
from experiments.reader.renaming import pools
from experiments.reader.tagging import read_documents
from experiments.reader.vocabulary import Words, pick

Document = dict[str, Any]
"""A tagged text: a line of the file that `tagging` describes."""
KINDS = {
    "wikipedia-a": 8.0,
    "wikipedia-a-asides": 8.0,
    "wikipedia-api": 8.0,
    "musique-paragraphs": 8.0,
    "nations": 8.0,
    "wordnet-names": 2.5,
    "manual": 0.2,
    "narrative": 0.3,
    "novel": 0.6,
    "speech": 0.5,
    "game": 0.5,
}
"""Weights by source or, where that is not named, by kind: what people ask about is written like an encyclopaedia."""

INSTRUCTIONS = (
    "Answer the question from the text. Answer as briefly as possible, without explanation. "
    "If the text does not hold the answer, answer: unanswerable.\n\n",
    "Read the text and answer the question below it.\n\n",
    "Context:\n",
    "Here are some passages. Some of them may have nothing to do with the question.\n\n",
)
LABELS: tuple[Callable[[int, str, str], str], ...] = (
    lambda n, title, section: f"[{n}] {title} — {section}\n",
    lambda n, title, section: f"[{n}] {title}\n",
    lambda n, title, section: f"[{n}]\n",
    lambda n, title, section: f"{title}\n",
    lambda n, title, section: "",
)
_LABEL_WEIGHTS = (4, 3, 1, 2, 2)
SECTIONS = "History Background Overview Early life Career Geography Economy Reception Legacy Culture Design".split()
NOISE = (
    "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.",
    "The river is long. The road is wide. We walk a while and rest a while, and then we walk again.",
    "One day is like the next. The clock ticks, the kettle boils, and nobody comes to the door.",
)


class Documents:
    """Tagged documents, drawn in proportion to length x the weight of their kind.

    documents: as `tagging.read_documents` yields them; kinds: weights by source or kind, 1 where neither is named.
    lexicon: what the question makers look words up in, or None where no question is made.
    """

    def __init__(
        self, documents: Iterable[Document], *, kinds: Mapping[str, float] | None = None, lexicon: Lexicon | None = None
    ) -> None:
        self._documents = [d for d in documents if d["sentences"]]
        if not self._documents:
            raise ValueError("no documents with sentences")
        self.lexicon = lexicon
        self.pools = pools(lexicon) if lexicon else {}
        given = kinds or {}
        weights = (len(d["text"]) * given.get(d.get("source", ""), given.get(d["kind"], 1.0)) for d in self._documents)
        self._until = list(accumulate(weights))

    @classmethod
    def load(cls, tagged: Path, lexicon: Path, *, held: bool = False) -> Documents:
        """The documents of a tagged file that are for training, or those held out."""
        documents = (d for d in read_documents(tagged) if bool(d["held"]) == held)
        return cls(documents, kinds=KINDS, lexicon=load_lexicon(lexicon))

    def draw(self, rng: random.Random) -> Document:
        """A document."""
        return rng.choices(self._documents, cum_weights=self._until)[0]

    def segments(self, rng: random.Random, characters: int) -> list[str]:
        """Running text of about so many characters, from as many documents as that takes, a blank line between."""
        out: list[list[str]] = []
        left = characters
        while left > 0:
            document = self.draw(rng)
            drawn = segments(document, *span(rng, document, left))
            left -= sum(map(len, drawn)) + len(PARAGRAPH)
            out.append(drawn)
        return set_together(out)


def set_together(texts: Iterable[Sequence[str]]) -> list[str]:
    """The segments of several texts as those of one, a blank line between the texts."""
    out: list[str] = []
    for text in texts:
        first, *rest = text
        out += [(PARAGRAPH if out else "") + first, *rest]
    return out


def noise(rng: random.Random, characters: int) -> list[str]:
    """One of RULER's kind of fillers, a few sentences repeated over and over."""
    line = pick(rng, NOISE)
    return [line, *[" " + line] * max(0, characters // (len(line) + 1) - 1)]


def pile(rng: random.Random, words: Words, examples: Sequence[Example], titles: Sequence[str] = ()) -> Example:
    """Several examples as the passages of one prompt, labelled alike; their questions together."""
    label = rng.choices(LABELS, _LABEL_WEIGHTS)[0]
    segments: list[str] = []
    asked: list[Asked] = []
    for number, example in enumerate(examples, 1):
        title = titles[number - 1] if titles else words.name()
        head = label(number, title, pick(rng, SECTIONS))
        shift = len(segments)
        for k, segment in enumerate(example.segments):
            segments.append((PARAGRAPH if segments else "") + head + segment.lstrip() if k == 0 else segment)
        asked += [Asked(a.question, a.answer, tuple(i + shift for i in a.needs)) for a in example.asked]
    return Example(segments, asked)


def instructed(rng: random.Random, example: Example) -> Example:
    """The example behind a line that says what to do; the line is the first segment's beginning, so needs stay."""
    first, *rest = example.segments
    return Example([pick(rng, INSTRUCTIONS) + first, *rest], example.asked)


def foreign(rng: random.Random, example: Example, other: Example, most: int) -> list[Asked]:
    """At most so many questions about another document that cannot be answered from this one.

    A question is taken only where a name or number in it does not stand in this document: "When was he born?" about
    another might be answerable here.
    """
    document = example.document
    asked = [a for a in other.asked if a.answerable and any(n not in document for n in _marks(a.question))]
    rng.shuffle(asked)
    return [Asked(a.question, UNANSWERABLE) for a in asked[:most]]


def _marks(question: str) -> list[str]:
    """Names and numbers of a question: its words with a capital or a digit, but for the first."""
    return [w.strip("?,.'\"()") for w in question.split()[1:] if w[0].isupper() or w[0].isdigit()]
