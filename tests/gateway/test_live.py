"""Values in memory: a study's values, each context's once, and no more held than allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from experiments.catalog import build_routes
from experiments.catalog_data import Loaded
from experiments.config import load_study
from pipeline.core.records import Dataset, Document, Question
from pipeline.core.run import Runner
from pipeline.core.stage import Documents, Per, QuestionText, Stage
from pipeline.gateway.live import Live

TEXTS = [
    " ".join(f"Paragraph {i} of book {b} speaks of topic {(i * 7 + b) % 11}, at some length." for i in range(60))
    for b in range(3)
]
BOOKS = tuple(Document(f"book{b}", text, f"Book {b}") for b, text in enumerate(TEXTS))
COUNTED: list[int] = []


@dataclass(frozen=True)
class Lengths(Stage):
    """Characters of each document; notes that it ran."""

    per: ClassVar[Per] = "context"

    def run(self, *columns: Sequence[tuple[Document, ...]]) -> Iterable[list[int]]:
        for documents in columns[0]:
            COUNTED.append(len(documents))
            threading.Event().wait(0.02)
            yield [len(d.text or "") for d in documents]


@dataclass(frozen=True)
class Longer(Stage):
    """Whether the question is longer than the first document."""

    def run(self, *columns: Sequence[object]) -> Iterable[bool]:
        for lengths, text in zip(*columns, strict=True):
            yield len(text) > lengths[0]


LENGTHS = Lengths().on(Documents().on())
LONGER = Longer().on(LENGTHS, QuestionText().on())


@pytest.fixture(autouse=True)
def fresh():
    COUNTED.clear()


def same(a, b):
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


@pytest.mark.parametrize("name", ["rag_bm25", "lc", "random", "self_route_bm25"])
def test_values_are_those_of_a_study(name, store):
    study = load_study("quickstart", ["routes.self_route_bm25={type: self_route, chunk: {type: words, size: 50}, "
                                      "search: {bm25: {type: bm25, k: 9}}, passages: 3}"])  # fmt: skip
    route = build_routes(study, Loaded(Dataset("none", {}, ())))[name]
    questions = [Question(f"q{i}", f"What does book {i} say of topic {i}?", context=(f"book{i}",)) for i in range(3)]
    runner = Runner(store, Dataset("books", {d.id: d for d in BOOKS}, tuple(questions)))
    runner.compute(route.nodes().values(), questions)
    live = Live()
    for question, book in zip(questions, BOOKS, strict=True):
        made = live.values(route.nodes(), question, live.context([book]))
        for label, node in route.nodes().items():
            assert same(made[label], runner.value(node, question)), label


def test_a_context_is_computed_once_by_content():
    live = Live()
    for text in ("short", "x" * 9000):
        copy = [Document(d.id, "".join(d.text or ""), d.title) for d in BOOKS]
        context = live.context(copy)
        assert live.values({"a": LONGER}, Question("q", text), context) == {"a": len(text) > len(TEXTS[0])}
    assert COUNTED == [3]
    live.values({"a": LONGER}, Question("q", "short"), live.context(BOOKS[:2]))
    assert COUNTED == [3, 2], "other documents, another context"


def test_many_at_once_compute_it_once():
    live, go = Live(), threading.Barrier(6)

    def ask(_: int) -> dict[str, bool]:
        context = live.context(BOOKS)
        go.wait(30)
        return live.values({"a": LONGER}, Question("q", "short"), context)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == [{"a": False}] * 6
    assert COUNTED == [3]


def test_what_was_asked_of_longest_ago_goes_first_and_the_corpus_never():
    live = Live(BOOKS[:1], held=25_000)
    corpus = live.corpus
    assert corpus is not None and live.context(BOOKS[:1]) is corpus

    def ask(n: int) -> None:
        documents = [Document("d", str(n) * 9000)]
        live.values({"a": LENGTHS}, Question("q", "x"), live.context(documents))

    live.warm({"a": LONGER}, corpus)
    for n in (1, 2, 1, 3):
        ask(n)
    before = len(COUNTED)
    ask(1)
    ask(3)
    assert len(COUNTED) == before, "1 was used after 2"
    ask(2)
    assert len(COUNTED) == before + 1
    assert live.weight <= 25_000
    live.values({"a": LONGER}, Question("q", "x"), corpus)
    assert len(COUNTED) == before + 1
