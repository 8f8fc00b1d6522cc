"""What the reader is trained on: a table of tasks with their weights, a table of lengths, and a batch from a number.

It decides how much of what and how long, and leaves the making to the makers, each named here as "module:function" and
called with the random generator first. A batch follows from the seed and its number alone.
"""

from __future__ import annotations

import importlib
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from experiments.reader.example import Example, Planted, plant
from experiments.reader.excerpts import Menu
from experiments.reader.feed import Rows
from experiments.reader.pack import Packer
from experiments.reader.running import Documents, foreign, instructed, noise, pile
from experiments.reader.vocabulary import Words, pick

Form = Literal["planted", "whole", "excerpt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One line of the table.

    maker: "module:function". form: what it is called with and returns,
        planted  (rng, words, sentences) -> Planted, set into running text, into noise, or standing alone
        whole    (rng, words, characters) -> Example
        excerpt  (rng, document, lexicon, room=characters, menu, other, pools) -> Example, questions on running text
    rate: characters to a token. sentence: tokens of a planted sentence. alone, noise: shares of planted examples whose
    sentences stand alone, and among noise. piled: share of examples made as several passages under labels. gaps,
    blurred, names: as `excerpts.Menu` has them. short: factor of the weight in rows of up to _SHORT tokens. longest:
    tokens, for makers that cannot fill a long document.
    """

    maker: str
    form: Form
    weight: float
    rate: float = 4.0
    sentence: int = 28
    alone: float = 0.3
    noise: float = 0.1
    piled: float = 0.0
    gaps: float = 0.0
    blurred: float = 0.0
    names: float = 0.9
    short: float = 1.0
    longest: int = 32_768


@dataclass(frozen=True, slots=True)
class Stage:
    """A table of tasks and one of lengths.

    tasks: their weights are shares of the examples of a length; they need not sum to anything. lengths: up to this
    share of the run, row length in tokens -> share of the batches, and so of the tokens.
    """

    tasks: tuple[Task, ...]
    lengths: tuple[tuple[float, Mapping[int, float]], ...]


FIRST = Stage(
    (
        Task(maker="needles:make_needles", form="planted", weight=11, sentence=28),
        Task(maker="twins:make_twins", form="planted", weight=4, sentence=22, alone=0.5),
        Task(maker="twins:make_twin_page", form="whole", weight=5, rate=2.4),
        Task(maker="lookups:make_kv", form="whole", weight=3, rate=1.42),
        Task(maker="lookups:make_lines", form="whole", weight=2, rate=1.64),
        Task(maker="lookups:make_table", form="whole", weight=2, rate=1.48),
        Task(maker="lookups:make_list", form="whole", weight=2, rate=1.9),
        Task(maker="relations:make_relations", form="planted", weight=15, sentence=16, alone=0.5),
        Task(maker="tracking:make_variables", form="planted", weight=4, sentence=13),
        Task(maker="tracking:make_movements", form="planted", weight=2, sentence=11, alone=0.8, longest=1024),
        Task(maker="worlds:make_world", form="planted", weight=7, sentence=26, alone=0.4),
        Task(maker="worlds:make_article", form="whole", weight=26, piled=0.5),
        Task(maker="excerpts:about", form="excerpt", weight=26, piled=0.4, gaps=0.1),
        Task(maker="excerpts:about", form="excerpt", weight=4, piled=0.2, gaps=0.9),
    ),
    (
        (0.06, {512: 1.0}),
        (0.50, {512: 0.25, 1024: 0.30, 2048: 0.45}),
        (0.72, {512: 0.10, 1024: 0.15, 2048: 0.30, 4096: 0.45}),
        (1.00, {512: 0.06, 1024: 0.09, 2048: 0.18, 4096: 0.27, 8192: 0.26, 16_384: 0.14}),
    ),
)
"""Copying, looking up, and what a sentence says."""

SECOND = Stage(
    (
        Task(maker="needles:make_needles", form="planted", weight=8, sentence=28),
        Task(maker="twins:make_twins", form="planted", weight=5, sentence=22, alone=0.5),
        Task(maker="twins:make_twin_page", form="whole", weight=5, rate=2.4),
        Task(maker="lookups:make_kv", form="whole", weight=6, rate=1.42),
        Task(maker="lookups:make_lines", form="whole", weight=2, rate=1.64),
        Task(maker="lookups:make_table", form="whole", weight=2, rate=1.48),
        Task(maker="lookups:make_list", form="whole", weight=2, rate=1.9),
        Task(maker="relations:make_relations", form="planted", weight=30, short=3.0, sentence=16, alone=0.6),
        Task(maker="tracking:make_variables", form="planted", weight=8, sentence=13),
        Task(maker="tracking:make_movements", form="planted", weight=1, sentence=11, alone=0.8, longest=1024),
        Task(maker="worlds:make_world", form="planted", weight=4, sentence=26, alone=0.4),
        Task(maker="worlds:make_article", form="whole", weight=16, piled=0.5),
        Task(
            maker="excerpts:about", form="excerpt", weight=45, short=1.4, piled=0.5, gaps=0.05, blurred=0.65, names=0.5
        ),
        Task(maker="excerpts:about", form="excerpt", weight=4, piled=0.2, gaps=0.9),
    ),
    (
        (0.38, {512: 0.25, 1024: 0.35, 2048: 0.40}),
        (0.60, {512: 0.12, 1024: 0.18, 2048: 0.30, 4096: 0.40}),
        (1.00, {512: 0.06, 1024: 0.10, 2048: 0.20, 4096: 0.24, 8192: 0.24, 16_384: 0.16}),
    ),
)
"""Hops, which come suddenly and only where they are half of what is asked, and questions as people ask them."""

STAGES = {"first": FIRST, "second": SECOND}

_SHORT_ROOMS = (220, 320, 420, 600)
_SHORT = 2048
_PARAGRAPHS = 0.35
"""Share of the rows of up to _SHORT tokens that hold many short examples, each a paragraph and its questions."""
_FOREIGN = 0.15
"""Share of whole documents to which questions about another one are added, a quarter as many as it has of its own."""
_ABSENT = 0.05
"""Share of questions on an excerpt that it does not answer."""
_INSTRUCTED = 0.1
_QUESTION = 26
"""Tokens of a question and its answer, roughly."""


def length_at(rng: random.Random, share: float, lengths: Sequence[tuple[float, Mapping[int, float]]]) -> int:
    """The row length of a batch at this share of the run."""
    weights = next((w for until, w in lengths if share < until), lengths[-1][1])
    return rng.choices(list(weights), list(weights.values()))[0]


def question_share(length: int) -> float:
    """Share of a row that questions may take: long documents have enough questions with less."""
    return 0.35 if length <= 1024 else 0.3 if length <= 2048 else 0.2 if length <= 4096 else 0.1


class Mixture:
    """Draws examples and packs them into batches.

    documents: running text; None leaves out every task that needs it and stands planted sentences alone. batches: of
    the run. strict: whether a maker that does not exist is an error; a test of a part may do without the rest.
    """

    def __init__(
        self,
        packer: Packer,
        documents: Documents | None,
        *,
        seed: int,
        batches: int,
        batch_tokens: int,
        stage: Stage = FIRST,
        strict: bool = True,
    ) -> None:
        self._packer, self._documents = packer, documents
        self._seed, self._batches, self._tokens, self._lengths = seed, batches, batch_tokens, stage.lengths
        self.failures = 0
        self._single = packer.single_words()
        makers = {task: _maker(task, strict) for task in stage.tasks if documents is not None or task.form != "excerpt"}
        self._makers = {task: maker for task, maker in makers.items() if maker is not None}
        if not self._makers:
            raise ValueError("no task is left to draw from")

    def batch(self, number: int) -> Rows:
        """Rows of micro-batch `number`: ids and classes, each (tokens // length, length + 1)."""
        rng = random.Random(f"{self._seed}/{number}")
        length = min(length_at(rng, number / self._batches, self._lengths), self._tokens)
        rows = [self._row(rng, length) for _ in range(self._tokens // length)]
        ids, classes = zip(*rows, strict=True)
        return np.stack(ids), np.stack(classes)

    def _row(self, rng: random.Random, length: int) -> Any:
        words = Words(rng, single=self._single)
        short = length <= _SHORT and rng.random() < _PARAGRAPHS
        share = 0.5 if short else question_share(length)

        def draw(room: int) -> Example | None:
            try:
                return self.example(rng, words, min(room, pick(rng, _SHORT_ROOMS)) if short else room, share)
            except (IndexError, KeyError, ValueError) as error:
                # Rules meet text that nobody foresaw; one example in millions must not end a run of half an hour.
                self.failures += 1
                if self.failures > 20:
                    raise
                print(f"an example was left out: {error!r}", flush=True)
                return None

        return self._packer.row(rng, length, draw, share=share)

    def example(self, rng: random.Random, words: Words, room: int, share: float) -> Example:
        """One example meant for so many tokens, of which questions take about `share`."""
        tasks = [task for task in self._makers if room <= task.longest] or list(self._makers)
        task = rng.choices(tasks, [t.weight * (t.short if room <= _SHORT else 1.0) for t in tasks])[0]
        document = min(int(room * (1 - share)), task.longest)
        example = self._made(rng, words, task, document, max(1, int(room * share / _QUESTION)))
        if task.form == "whole" and rng.random() < _FOREIGN:
            other = self._made(rng, words, task, min(document, 400), 4)
            example.asked.extend(foreign(rng, example, other, max(1, len(example.asked) // 4)))
        return instructed(rng, example) if rng.random() < _INSTRUCTED else example

    def _made(self, rng: random.Random, words: Words, task: Task, tokens: int, questions: int) -> Example:
        if task.form == "planted":
            return self._planted(rng, words, task, tokens, questions)
        characters = int(tokens * task.rate)
        count = rng.randint(2, max(2, min(10, tokens // 100))) if tokens >= 250 and rng.random() < task.piled else 1
        parts, titles, left = list[Example](), list[str](), characters
        while left > 0 and (len(parts) < count or left > characters // 4):
            size = min(left, characters // count)
            part, title = self._part(rng, words, task, size, math.ceil(questions * size / characters))
            left -= len(part.document)
            parts.append(part)
            titles.append(title or words.name())
        if count > 2 and rng.random() < 0.3:  # one passage answers, the others only look as if they did
            alone = rng.randrange(len(parts))
            for k, part in enumerate(parts):
                if k != alone:
                    part.asked.clear()
        return pile(rng, words, parts, titles) if len(parts) > 1 else parts[0]

    def _part(
        self, rng: random.Random, words: Words, task: Task, characters: int, questions: int
    ) -> tuple[Example, str]:
        """An example of one document and its title, where it has one."""
        if task.form == "whole":
            # An article could be asked hundreds of questions; what the packer has no room for is not made.
            most = {"most": math.ceil(1.3 * questions)} if task.maker.endswith(":make_article") else {}
            return self._makers[task](rng, words, max(120, characters), **most), ""
        docs = self._documents
        if docs is None:
            raise ValueError(f"{task.maker} needs documents")
        document, other = docs.draw(rng), docs.draw(rng)
        # Rules find no question in many a sentence; what is too much the packer leaves out.
        menu = Menu(
            count=math.ceil(1.5 * questions), gaps=task.gaps, blurred=task.blurred, names=task.names, absent=_ABSENT
        )
        size = max(120, characters)
        example = self._makers[task](rng, document, docs.lexicon, room=size, menu=menu, other=other, pools=docs.pools)
        return example, document["title"]

    def _planted(self, rng: random.Random, words: Words, task: Task, tokens: int, questions: int) -> Example:
        style = rng.random()
        most = max(1, tokens // task.sentence)
        if style < task.alone or self._documents is None:
            planted: Planted = self._makers[task](rng, words, most)
            return plant(rng, [], planted)
        size = max(1, min(int(questions * rng.choice((0.2, 0.6, 1.2))), most // 2))
        planted = self._makers[task](rng, words, size)
        left = max(80, int((tokens - size * task.sentence) * 4))
        among = style < task.alone + task.noise
        return plant(rng, noise(rng, left) if among else self._documents.segments(rng, left), planted)


def _maker(task: Task, strict: bool) -> Callable[..., Any] | None:
    """The function that a task names; None for one that is not there, unless strict."""
    module, _, name = task.maker.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(f"experiments.reader.{module}"), name)
    except (ModuleNotFoundError, AttributeError):
        if strict:
            raise
        return None
    return found
