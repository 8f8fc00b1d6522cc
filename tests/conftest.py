"""Fixtures of all tests: a store in a folder of its own, and small studies of plain words. No model, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings

from pipeline.core.records import Chunk, Dataset, Document, Question, Ranking, Span
from pipeline.core.stage import Documents, Per, QuestionText, Stage
from pipeline.core.store import Store
from pipeline.generators.base import Generator
from pipeline.reading import Job
from pipeline.routes.base import Case, Route

MakeDataset = Callable[..., Dataset]

# How long an example takes is the machine's affair: a busy one would fail a test of what is computed.
settings.register_profile("longshort", deadline=None)
settings.load_profile("longshort")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def make_dataset() -> MakeDataset:
    """`make_dataset(documents=3, questions=2, words=40)`: `questions` for each document, with one gold span each."""

    def make(documents: int = 3, questions: int = 2, words: int = 40) -> Dataset:
        texts = {}
        asked = []
        for d in range(documents):
            name = f"doc{d}"
            text = " ".join(f"{name}word{w}" for w in range(words)) + "."
            texts[name] = Document(name, text, title=f"Title of {name}")
            for q in range(questions):
                gold = f"{name}word{q}"
                start = text.index(gold)
                asked.append(
                    Question(
                        f"{name}-q{q}",
                        f"Which word is number {q} of {name}?",
                        context=(name,),
                        golds=(gold,),
                        evidence=(Span(name, start, start + len(gold)),),
                        kind="location" if q % 2 else "reasoning",
                        slices={"length": "short" if d % 2 else "long"},
                    )
                )
        return Dataset("words", texts, tuple(asked))

    return make


@dataclass(frozen=True)
class Chunks(Stage):
    per: ClassVar[Per] = "context"


@dataclass(frozen=True)
class Ranks(Stage):
    pass


@pytest.fixture(scope="session")
def routes() -> dict[str, Route]:
    """`closed`, `lc`, `rag` and `self`, which asks as `rag` and then as `lc`."""
    # Imported here: a route that cannot be imported should fail its own tests, not all.
    from pipeline.routes.controls import ClosedBook
    from pipeline.routes.long_context import LongContext
    from pipeline.routes.rag import RAG
    from pipeline.routes.self_route import SelfRoute

    chunks = Chunks().on(Documents().on())
    rag = RAG(chunks=chunks, ranking=Ranks().on(chunks, QuestionText().on()))
    dear = LongContext()
    return {"closed": ClosedBook(), "lc": dear, "rag": rag, "self": SelfRoute(cheap=rag, dear=dear)}


@pytest.fixture(scope="session")
def case_of() -> Callable[[Dataset, Question, Generator], Case]:
    """A question with its documents; retrieval finds the first 30 characters of each."""

    def make(data: Dataset, question: Question, reader: Generator) -> Case:
        documents = tuple(data.documents[i] for i in question.context)
        chunks = tuple(Chunk(d.id, 0, 30, (d.text or "")[:30], d.title) for d in documents)
        found = Ranking(tuple(range(len(chunks))), (1.0,) * len(chunks))
        return Case(question, documents, {"chunks": chunks, "ranking": found}, reader)

    return make


@pytest.fixture(scope="session")
def jobs_of(
    routes: dict[str, Route], case_of: Callable[[Dataset, Question, Generator], Case]
) -> Callable[..., list[Job]]:
    """`jobs_of(data, reader, "lc", "rag")`: every question by these routes; by all where none is named."""

    def make(data: Dataset, reader: Generator, *names: str) -> list[Job]:
        chosen = names or tuple(routes)
        return [Job(name, routes[name], case_of(data, q, reader)) for name in chosen for q in data.questions]

    return make
