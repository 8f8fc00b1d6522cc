"""Why something is made again, whose code changed, and rows outside of the graph."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Dataset
from pipeline.core.run import Log, Runner, Watcher, check_code, rows_cached
from pipeline.core.stage import Documents, Node, Per, QuestionText, Stage
from pipeline.core.store import Store


@dataclass(frozen=True)
class Pieces(Stage):
    per: ClassVar[Per] = "context"
    size: int = 3

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        return [len(documents) * self.size for documents in columns[0]]


@dataclass(frozen=True)
class Find(Stage):
    k: int = 1
    mode: str = "best"

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        return [list(row) for row in zip(*columns, strict=True)]


def route(size: int = 3, k: int = 1, mode: str = "best") -> Node:
    return Find(k, mode).on(Pieces(size).on(Documents().on()), QuestionText().on())


def why(store: Store, data: Dataset, *roots: Node) -> dict[str, dict[str, int]]:
    """Reasons by stage, each with its count."""
    found: dict[str, dict[str, int]] = {}
    for plan in Runner(store, data).plan(roots, data.questions):
        assert sum(plan.why.values()) == len(plan.missing)
        for reason, count in plan.why.items():
            reasons = found.setdefault(plan.node.stage.label, {})
            reasons[reason] = reasons.get(reason, 0) + count
    return found


@pytest.fixture
def data(store: Store, make_dataset: Callable[..., Dataset]) -> Dataset:
    made = make_dataset(documents=2, questions=3)
    Runner(store, made).compute([route()], made.questions)
    return made


def reworded(data: Dataset) -> Dataset:
    first, *rest = data.questions
    return replace(data, questions=(replace(first, text="Another?"), *rest))


def test_nothing_to_make_needs_no_reason(store, data):
    assert why(store, data, route()) == {}


def test_what_was_never_made(store, make_dataset):
    new = make_dataset(documents=1, questions=2)
    assert why(store, new, route()) == {"Pieces": {"never computed before": 1}, "Find": {"never computed before": 2}}


def test_the_setting_that_changed_is_named_with_its_values(store, data):
    assert why(store, data, route(k=7)) == {"Find": {"Find: k 1 -> 7": 6}}
    assert why(store, data, route(k=7, mode="all")) == {"Find": {'Find: k 1 -> 7, mode "best" -> "all"': 6}}


def test_a_setting_upstream_is_named_downstream(store, data):
    assert why(store, data, route(size=5)) == {"Pieces": {"Pieces: size 3 -> 5": 2}, "Find": {"Pieces: size 3 -> 5": 6}}


def test_a_raised_version_is_named(store, data, monkeypatch):
    monkeypatch.setattr(Find, "version", 2)
    assert why(store, data, route()) == {"Find": {"Find: version 1 -> 2": 6}}


def test_a_changed_question_is_named(store, data):
    assert why(store, reworded(data), route()) == {"Find": {"QuestionText changed": 1}}


def test_a_changed_document_is_named(store, data):
    documents = dict(data.documents, doc1=replace(data.documents["doc1"], text="other"))
    changed = replace(data, documents=documents)
    assert why(store, changed, route()) == {"Pieces": {"Documents changed": 1}, "Find": {"Documents changed": 3}}


def test_damage_is_named(store, data):
    store._db.execute("UPDATE nodes SET value = x'00' WHERE item = 'doc0-q0'")
    (reason,) = why(store, data, route())["Find"]
    assert "damaged" in reason


def test_a_node_that_reads_something_else_now_says_so(store, data):
    more = Find().on(*route().inputs, Pieces(4).on(Documents().on()))
    (reason,) = why(store, data, more)["Find"]
    assert "deleted" not in reason
    assert "other" in reason or "another" in reason


def test_two_settings_of_one_stage_in_a_study_are_not_taken_for_each_other(store, data):
    both = [route(size=3), route(size=5), route(size=3, k=9)]
    for order in (both, both[::-1]):
        Runner(store, data).compute(order, data.questions)
        assert why(store, data, *order) == {}
        assert why(store, reworded(data), *order) == {"Find": {"QuestionText changed": 3}}


# -- code -----------------------------------------------------------------------------------------------------------

CODE = """
from dataclasses import dataclass
from pipeline.core.stage import Stage

@dataclass(frozen=True)
class Doubles(Stage):
    def run(self, column):
        return [value * 2 for value in column]
"""


@pytest.fixture
def doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], type[Stage]]]:
    """Writes a module's source and gives its stage, as another process would import it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(source: str) -> type[Stage]:
        (tmp_path / "module_of_doubles.py").write_text(source)
        importlib.invalidate_caches()
        sys.modules.pop("module_of_doubles", None)
        stage: type[Stage] = importlib.import_module("module_of_doubles").Doubles
        return stage

    yield load
    sys.modules.pop("module_of_doubles", None)


def test_changed_code_with_the_old_version_is_refused(store, doubles, make_dataset):
    made = make_dataset()
    check_code(store, doubles(CODE)())
    check_code(store, doubles("# a comment\n" + CODE)())
    changed = doubles(CODE.replace("* 2", "* 3"))()
    with pytest.raises(UserError) as caught:
        Runner(store, made).compute([changed.on(QuestionText().on())], made.questions)
    assert "Doubles" in caught.value.what
    assert caught.value.where == "module_of_doubles.py"
    assert "Raise `version` to 2" in caught.value.remedy
    assert list(store.history("Doubles", made.questions[0].id)) == [], "it computed before it looked"
    check_code(store, doubles(CODE.replace("* 2", "* 3").replace("    def run", "    version = 2\n    def run"))())


def test_the_advice_of_the_refusal_works_as_it_stands(store, doubles):
    check_code(store, doubles(CODE)())
    changed = doubles(CODE.replace("value * 2", "2 * value"))()
    with pytest.raises(UserError) as caught:
        check_code(store, changed)
    command = caught.value.remedy.rsplit("run: ", 1)[1]
    assert command.startswith("python -m experiments cache accept ")
    assert store.accept_code(command.split()[-1]) == 1
    check_code(store, changed)


def test_another_python_sees_other_trees_and_is_not_taken_for_a_change(store, doubles, monkeypatch):
    check_code(store, doubles(CODE)())
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 99, 0))
        check_code(store, doubles(CODE.replace("* 2", "* 3"))())
    check_code(store, doubles(CODE)())


# -- rows outside of the graph ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Marks:
    version: ClassVar[int] = 1
    strict: bool = False


def marked(
    store: Store, rows: Sequence[tuple[str, Sequence[str]]], stage: Marks | None = None
) -> tuple[Any, list[int]]:
    made: list[int] = []

    def make(which: list[int]) -> Iterable[Any]:
        made.extend(which)
        return [{"text": " ".join(rows[i][1])} for i in which]

    log = Log()
    values, keys = rows_cached(store, stage or Marks(), rows, make, log=log, watcher=Watcher(), batch=3)
    assert len(keys) == len({tuple(parts) for _, parts in rows})
    assert (log.events[0]["computed"], log.events[0]["found"]) == (len(made), len(rows) - len(made))
    return values, made


def test_rows_are_made_once_and_come_in_order(store):
    rows = [(f"row{i}", ("answer", str(i))) for i in range(8)]
    expected = [{"text": f"answer {i}"} for i in range(8)]
    assert marked(store, rows[:5]) == (expected[:5], [0, 1, 2, 3, 4])
    assert marked(store, rows[::-1]) == (expected[::-1], [0, 1, 2])
    assert marked(store, rows) == (expected, [])
    assert marked(store, [])[0] == []


def test_equal_rows_are_made_once(store):
    rows = [("a", ("same",)), ("b", ("same",)), ("c", ("other",)), ("d", ("same",))]
    values, made = marked(store, rows)
    assert sorted(made) == [0, 2]
    assert values == [{"text": "same"}, {"text": "same"}, {"text": "other"}, {"text": "same"}]


def test_rows_depend_on_their_parts_and_on_the_settings(store):
    rows = [("a", ("x", "yz")), ("b", ("xy", "z"))]
    assert marked(store, rows)[1] == [0, 1]
    assert marked(store, rows, Marks(strict=True))[1] == [0, 1]
    assert marked(store, [("renamed", ("x", "yz"))])[1] == []


def test_a_damaged_row_is_made_again(store):
    rows = [(f"row{i}", (str(i),)) for i in range(4)]
    marked(store, rows)
    store._db.execute("UPDATE nodes SET value = x'00' WHERE item = 'row2'")
    values, made = marked(store, rows)
    assert made == [2]
    assert values[2] == {"text": "2"}
    assert "row2" in store.damaged[0]
