"""Fixtures of all tests: a store in a folder of its own, and small studies made of plain words. No model, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.core.records import Dataset, Document, Question, Span
from pipeline.core.store import Store

MakeDataset = Callable[..., Dataset]


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
