"""From an example's text to rows of token ids, each with the class that says how its loss counts.

The text that a reader sees, here and wherever it is used:

    <s>DOCUMENT\\n\\nQuestion: QUESTION\\nAnswer: ANSWER\\n

In training a blank line and the next question may follow. Documents are encoded segment by segment, which the tokenizer
is made for: its words begin with their space, so that the pieces' ids are the whole text's. It knows no tasks and
chooses no example; where a document is too long its end is left out, and with it the questions that stood on the end.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.reader.example import Asked, Example
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, BEGIN, END = 0, 1, 2
IGNORED, TEXT, ANSWER = 0, 1, 2
_LEAST = 96
"""Tokens: a shorter rest of a row is left empty."""
_TRIES = 24
_SHORTEST = 14
"""Tokens of a short question and its answer."""


def prompt(document: str, question: str) -> str:
    """What stands before an answer; the tokenizer puts `<s>` in front."""
    return f"{document}\n\nQuestion: {question}\nAnswer:"


def load_tokenizer(folder: Path) -> Tokenizer:
    """The fast tokenizer of a folder. Raises UserError where there is none, or where its special tokens are others'."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{path} does not exist", where="tokenizer", remedy="Train one first")
    tokenizer = Tokenizer.from_file(str(path))
    for want, token in ((PAD, "<pad>"), (BEGIN, "<s>"), (END, "</s>")):
        if tokenizer.token_to_id(token) != want:
            raise UserError(f"{token} is not token {want}", where=str(path), remedy="Train the tokenizer anew")
    return tokenizer


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example's ids and their classes, equally long; questions: how many of the example's are in it."""

    ids: list[int]
    classes: list[int]
    questions: int


class Packer:
    """Encodes examples with one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        # The first question is encoded with its blank line as one piece, as it stands in a whole prompt.
        self._first, self._later = self._ids(["\n\nQuestion:", "\nQuestion:"])

    def single_words(self) -> list[str]:
        """Capitalised words that are one token with the space before them, in the vocabulary's order."""
        entries = sorted(self._tokenizer.get_vocab().items(), key=lambda entry: entry[1])
        words = [entry[1:] for entry, _ in entries if entry.startswith("Ġ")]
        return [w for w in words if len(w) > 2 and w.isascii() and w.isalpha() and w.istitle()]

    def encode(self, rng: random.Random, example: Example, room: int, *, share: float = 0.3) -> Encoded | None:
        """The example in at most `room` tokens, or None where no question of it fits.

        Where not all of it fits, questions get at most `share` of the room, at least enough for one, and the document
        the rest, cut after a segment. A question is kept where all the segments that it needs are in. The order of
        questions is random. An answer is never cut.
        """
        asked = _distinct(example.asked)
        rng.shuffle(asked)
        segments = self._ids(example.segments)
        ends = list(accumulate(map(len, segments), initial=1))
        spare = max(room - ends[-1], int(room * share))
        # Makers ask more than there is room for: leave out what cannot be kept before it is encoded.
        inside = bisect_right(ends, room - min(spare, _SHORTEST)) - 1
        asked = [one for one in asked if not one.needs or max(one.needs) < inside][: 1 + spare // _SHORTEST]
        if not asked:
            return None
        questions = self._ids([f" {one.question.strip()}\nAnswer:" for one in asked])
        answers = self._ids([f" {one.answer.strip()}\n" for one in asked])
        ask = max(len(self._first), len(self._later))
        costs = [ask + len(q) + len(a) for q, a in zip(questions, answers, strict=True)]
        budget = sum(costs)
        if ends[-1] + budget > room:
            budget = min(budget, max(min(costs), int(room * share)))
        kept = bisect_right(ends, room - budget) - 1
        if kept < 1:
            return None
        ids = [BEGIN, *chain.from_iterable(segments[:kept])]
        classes = [IGNORED] + [TEXT] * (len(ids) - 1)
        count = 0
        for one, question, answer, cost in zip(asked, questions, answers, costs, strict=True):
            if (one.needs and max(one.needs) >= kept) or len(ids) + cost > room:
                continue
            question = (self._later if count else self._first) + question
            ids += question
            ids += answer
            classes += [TEXT] * len(question) + [ANSWER] * len(answer)
            count += 1
        return Encoded(ids, classes, count) if count else None

    def row(
        self, rng: random.Random, length: int, draw: Callable[[int], Example | None], *, share: float
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
        """One row of length + 1 ids and classes: examples one after the other, then padding.

        draw: room in tokens -> an example meant for it, or None where there is none.
        """
        ids = np.full(length + 1, PAD, np.uint16)
        classes = np.full(length + 1, IGNORED, np.uint8)
        at = 0
        for _ in range(_TRIES):
            room = length + 1 - at
            if room < _LEAST:
                break
            example = draw(room)
            encoded = self.encode(rng, example, room, share=share) if example else None
            if encoded is None:
                continue
            until = at + len(encoded.ids)
            ids[at:until], classes[at:until] = encoded.ids, encoded.classes
            at = until
        return ids, classes

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        batch = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in batch]


def _distinct(asked: Sequence[Asked]) -> list[Asked]:
    """The first of those that ask the same: two equal questions with two answers would teach guessing."""
    return list({one.question: one for one in reversed(asked)}.values())[::-1]
