"""Stages whose value is put together from pieces: each piece is made once, whatever becomes of its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from pipeline.core import codec, store
from pipeline.core.records import Dataset, Document, Question, digest
from pipeline.core.run import Runner
from pipeline.core.stage import Documents, Piecewise

MADE: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    MADE.clear()
    yield


@dataclass(frozen=True)
class Lengths(Piecewise):
    batch: ClassVar[int] = 2
    broken: str = ""

    def pieces(self, *inputs: Any) -> Sequence[str]:
        return [d.text for d in inputs[0]]

    def piece_key(self, piece: str) -> str:
        return digest(piece)

    def make(self, pieces: Sequence[str]) -> Iterable[Any]:
        for text in pieces:
            if text == "stop":
                raise KeyboardInterrupt
            MADE.append(text)
            yield np.full(2, len(text), dtype=np.float32)

    def join(self, pieces: Sequence[str], values: Sequence[Any]) -> Any:
        return np.concatenate([*values, np.zeros(0, dtype=np.float32)])


def data(*texts: str, contexts: Sequence[tuple[int, ...]] = ((),)) -> Dataset:
    documents = {f"d{i}": Document(f"d{i}", text) for i, text in enumerate(texts)}
    questions = tuple(Question(f"q{n}", "?", tuple(f"d{i}" for i in ids)) for n, ids in enumerate(contexts))
    return Dataset("made", documents, questions)


def lengths(folder: Path, dataset: Dataset) -> tuple[list[list[float]], list[str]]:
    """Each question's value, and the pieces that were made for them."""
    MADE.clear()
    node = Lengths().on(Documents().on())
    with store.Store(folder) as opened:
        runner = Runner(opened, dataset)
        runner.compute([node], dataset.questions)
        return [runner.value(node, q).tolist() for q in dataset.questions], list(MADE)


def test_a_changed_document_makes_its_piece_alone(tmp_path):
    assert lengths(tmp_path, data("a", "bb", "ccc")) == ([[1, 1, 2, 2, 3, 3]], ["a", "bb", "ccc"])
    assert lengths(tmp_path, data("a", "bbbb", "ccc")) == ([[1, 1, 4, 4, 3, 3]], ["bbbb"])
    assert lengths(tmp_path, data("ccc", "a")) == ([[3, 3, 1, 1]], [])


def test_a_repeated_piece_is_made_once_and_no_piece_is_no_fault(tmp_path):
    assert lengths(tmp_path, data("a", "bb", "a")) == ([[1, 1, 2, 2, 1, 1]], ["a", "bb"])
    empty = Dataset("empty", {}, (Question("q", "?"),))
    assert lengths(tmp_path, empty) == ([[]], [])


def test_contexts_that_share_a_document_share_its_piece(tmp_path):
    values, made = lengths(tmp_path, data("a", "bb", "ccc", contexts=[(0, 1), (1, 2)]))
    assert values == [[1, 1, 2, 2], [2, 2, 3, 3]]
    assert made == ["a", "bb", "ccc"]


def test_a_stopped_run_keeps_the_pieces_before(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        lengths(tmp_path, data("a", "bb", "ccc", "stop", "eeeee"))
    assert lengths(tmp_path, data("a", "bb", "ccc", "dddd", "eeeee"))[1] == ["ccc", "dddd", "eeeee"]


def test_found_pieces_are_charged_in_full(tmp_path):
    node, before, after = Lengths().on(Documents().on()), data("a", "bb"), data("a", "bb", "ccc")
    with store.Store(tmp_path) as opened:
        runner = Runner(opened, before)
        runner.compute([node], before.questions)
        first = runner.seconds([node], before.questions)["q0"][1]
        pieces = {e.key: e.seconds for e in opened.history("Lengths (piece)", "d0 +1 #" + _name(before))}
        runner = Runner(opened, after)
        runner.compute([node], after.questions)
        assert runner.seconds([node], after.questions)["q0"][1] > sum(pieces.values()) > 0
        assert first >= sum(pieces.values())
        assert pieces.keys() <= runner.used, "or they would be swept away"


def _name(dataset: Dataset) -> str:
    from pipeline.core.run import context_name

    return context_name(tuple(dataset.documents)).partition("#")[2]


def test_without_a_store_the_value_is_the_same(tmp_path):
    dataset = data("a", "bb", "ccc")
    (bare,) = Lengths().run([tuple(dataset.documents.values())])
    assert [bare.tolist()] == lengths(tmp_path, dataset)[0]


def test_a_large_value_is_mapped_and_no_value_can_be_changed_in_place(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MAPPED", 1 << 17)
    for size in (10, 100_000):
        array = np.arange(size, dtype=np.float32).reshape(2, -1)
        raw = codec.dumps({"a": array, "b": np.arange(3, dtype=np.int8), "c": array})
        with store.Store(tmp_path) as opened:
            entry = store.Entry(f"k{size}", "S", "own", "item", "[]", 0.0, 0, "", None)
            opened.put([(entry, raw)])
            found = opened.get(f"k{size}")
        assert isinstance(found, memoryview) == (size > 10)
        value = codec.loads(found)
        for name in ("a", "c"):
            np.testing.assert_array_equal(value[name], array)
            assert size == 10 or value[name].ctypes.data % 64 == 0
            with pytest.raises(ValueError, match="read-only"):
                value[name][0, 0] = 7
        assert codec.dumps(value) == raw
