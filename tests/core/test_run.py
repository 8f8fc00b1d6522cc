"""The runner: shared work once, added work alone, changed work only where it matters, and each charged in full."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from pipeline.core import codec
from pipeline.core.records import Dataset, Document, Question
from pipeline.core.run import Log, Runner, Watcher, context_name
from pipeline.core.stage import Documents, Node, Per, QuestionText, Source, Stage
from pipeline.core.store import Store

RAN: Counter[str] = Counter()
"""Items that each stage was asked to compute."""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    RAN.clear()
    yield


@dataclass(frozen=True)
class Pieces(Stage):
    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 2
    size: int = 3

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        for documents in columns[0]:
            RAN["Pieces"] += 1
            words = " ".join(d.text or "" for d in documents).split()
            yield [tuple(words[i : i + self.size]) for i in range(0, len(words), self.size)]


@dataclass(frozen=True)
class Index(Stage):
    per: ClassVar[Per] = "context"

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        for pieces in columns[0]:
            RAN["Index"] += 1
            yield {"first": pieces[0][0], "lengths": np.array([len(p) for p in pieces])}


@dataclass(frozen=True)
class Find(Stage):
    batch: ClassVar[int] = 3
    k: int = 1

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        for index, question in zip(*columns, strict=True):
            RAN["Find"] += 1
            yield f"{index['first']} {index['lengths'].sum()} {self.k} {question}"


def route(size: int = 3, k: int = 1) -> Node:
    return Find(k).on(Index().on(Pieces(size).on(Documents().on())), QuestionText().on())


def run(store: Store, data: Dataset, *roots: Node) -> dict[str, int]:
    """What one run over all questions computes, by a runner of its own."""
    RAN.clear()
    runner = Runner(store, data)
    planned = {p.node.stage.label: len(p.missing) for p in runner.plan(roots, data.questions)}
    assert not RAN, "planning computed something"
    Runner(store, data).compute(roots, data.questions)
    if len(roots) == 1:
        assert {k: n for k, n in planned.items() if n} == dict(RAN), "the plan was another than the run"
    return dict(RAN)


def with_documents(data: Dataset, **texts: str) -> Dataset:
    documents = {i: replace(d, text=texts.get(i, d.text)) for i, d in data.documents.items()}
    return replace(data, documents=documents)


def test_a_shared_sub_graph_is_computed_once_for_two_routes(store, make_dataset):
    data = make_dataset(documents=3, questions=4)
    assert run(store, data, route(k=1), route(k=2)) == {"Pieces": 3, "Index": 3, "Find": 24}
    assert run(store, data, route(k=1), route(k=2)) == {}
    assert run(store, data, route(k=2), route(k=3)) == {"Find": 12}


def test_ten_added_questions_compute_ten_rows(store, make_dataset):
    data = make_dataset(documents=10, questions=5)
    first = replace(data, questions=tuple(q for q in data.questions if not q.id.endswith("q4")))
    assert run(store, first, route()) == {"Pieces": 10, "Index": 10, "Find": 40}
    assert run(store, data, route()) == {"Find": 10}


def test_an_added_document_computes_its_own(store, make_dataset):
    run(store, make_dataset(documents=3), route())
    assert run(store, make_dataset(documents=4), route()) == {"Pieces": 1, "Index": 1, "Find": 2}


def test_a_changed_document_recomputes_its_contexts_alone(store, make_dataset):
    data = make_dataset(documents=4, questions=2)
    both = Question("both", "Which?", context=("doc0", "doc1"))
    data = replace(data, questions=(*data.questions, both))
    assert run(store, data, route()) == {"Pieces": 5, "Index": 5, "Find": 9}
    changed = with_documents(data, doc1="other words altogether")
    assert run(store, changed, route()) == {"Pieces": 2, "Index": 2, "Find": 3}
    assert run(store, data, route()) == {}


def test_what_comes_out_equal_is_still_made_from_the_changed_input(store, make_dataset):
    """Keys follow inputs, not values: a change that turns out not to matter costs work, never a stale answer."""
    data = make_dataset(documents=1, questions=1)
    run(store, data, route())
    spaced = with_documents(data, doc0=data.documents["doc0"].text.replace(" ", "  "))
    assert run(store, spaced, route()) == {"Pieces": 1, "Index": 1, "Find": 1}


def test_a_changed_question_recomputes_itself_and_a_changed_gold_answer_nothing(store, make_dataset):
    data = make_dataset(documents=2, questions=3)
    run(store, data, route())
    first, *rest = data.questions
    regolded = replace(data, questions=(replace(first, golds=("other",), evidence=(), kind="k", split="dev"), *rest))
    assert run(store, regolded, route()) == {}
    reworded = replace(data, questions=(replace(first, text="Another?"), *rest))
    assert run(store, reworded, route()) == {"Find": 1}


def test_a_changed_setting_recomputes_what_is_downstream_of_it(store, make_dataset):
    data = make_dataset(documents=2, questions=3)
    run(store, data, route())
    assert run(store, data, route(k=7)) == {"Find": 6}
    assert run(store, data, route(size=5)) == {"Pieces": 2, "Index": 2, "Find": 6}
    assert run(store, data, route()) == {}


def test_a_raised_version_recomputes(store, make_dataset, monkeypatch):
    data = make_dataset(documents=2, questions=3)
    run(store, data, route())
    monkeypatch.setattr(Index, "version", 2)
    assert run(store, data, route()) == {"Index": 2, "Find": 6}


def test_a_setting_of_a_source_counts_like_any_other(store, make_dataset):
    """Its key is the content's digest alone; what it makes of the content is its settings' affair."""

    @dataclass(frozen=True)
    class Half(Source):
        per: ClassVar[Per] = "context"
        front: bool = True

        def key(self, item: tuple[Document, ...]) -> str:
            return Documents().key(item)

        def value(self, item: tuple[Document, ...]) -> tuple[Document, ...]:
            (document,) = item
            text = document.text or ""
            return (replace(document, text=text[: len(text) // 2] if self.front else text[len(text) // 2 :]),)

    data = make_dataset(documents=1, questions=1)
    roots = [Pieces().on(Half(front).on()) for front in (True, False)]
    runner = Runner(store, data)
    runner.compute(roots, data.questions)
    front, back = (runner.value(root, data.questions[0]) for root in roots)
    assert front != back


def test_the_values_are_right_whatever_was_asked_together(store, make_dataset, tmp_path):
    data = make_dataset(documents=5, questions=4)
    runner = Runner(store, data)
    runner.compute([route()], data.questions)
    together = {q.id: runner.value(route(), q) for q in data.questions}
    with Store(tmp_path / "alone") as other:
        for q in reversed(data.questions):
            alone = Runner(other, data)
            alone.compute([route()], [q])
            assert alone.value(route(), q) == together[q.id]
    for q in data.questions:
        (document,) = runner.documents(q)
        assert together[q.id] == f"{document.text.split()[0]} {len(document.text.split())} 1 {q.text}"


@dataclass(frozen=True)
class Odd(Stage):
    """Values that do not come back as they went in."""

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        for _ in columns[0]:
            array = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
            yield {"scalar": np.float32(0.1), "array": array, "none": None}


def test_a_run_sees_the_values_that_a_later_run_will_see(store, make_dataset):
    """Else the run that makes a value and the run that finds it may answer differently."""
    data = make_dataset(documents=1, questions=1)
    root, q = Odd().on(QuestionText().on()), data.questions[0]
    first = Runner(store, data)
    first.compute([root], [q])
    made, found = first.value(root, q), Runner(store, data).value(root, q)
    assert type(made["scalar"]) is type(found["scalar"])
    assert made["array"].flags["F_CONTIGUOUS"] == found["array"].flags["F_CONTIGUOUS"]
    assert codec.dumps(made) == codec.dumps(found)


def test_a_stage_that_loses_an_item_is_a_defect(store, make_dataset):
    @dataclass(frozen=True)
    class Forgetful(Stage):
        def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
            return columns[0][1:]

    data = make_dataset()
    with pytest.raises(RuntimeError, match=r"Forgetful gave 5 values for 6 items"):
        Runner(store, data).compute([Forgetful().on(QuestionText().on())], data.questions)


def test_batches_that_were_made_before_a_fault_are_kept(store, make_dataset):
    data = make_dataset(documents=1, questions=8)

    def stop(self: Find, *columns: Sequence[Any]) -> Iterable[Any]:
        RAN["batches"] += 1
        if RAN["batches"] == 3:
            raise KeyboardInterrupt
        return whole(self, *columns)

    whole = Find.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Find, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            Runner(store, data).compute([route()], data.questions)
    assert run(store, data, route()) == {"Find": 2}


# -- damage ---------------------------------------------------------------------------------------------------------


def deleted(store: Store, stage: str) -> int:
    return store._db.execute("DELETE FROM nodes WHERE stage = ?", (stage,)).rowcount


def harmed(store: Store, stage: str, item: str) -> None:
    sql = "UPDATE nodes SET value = zeroblob(length(value)) WHERE stage = ? AND item = ?"
    assert store._db.execute(sql, (stage, item)).rowcount == 1


def test_a_damaged_value_is_named_and_made_again(store, make_dataset):
    data = make_dataset(documents=3, questions=2)
    run(store, data, route())
    harmed(store, "Find", "doc1-q0")
    assert run(store, data, route()) == {"Find": 1}
    assert len(store.damaged) == 1
    assert "doc1-q0" in store.damaged[0]


def test_a_damaged_value_is_made_again_even_where_nothing_reads_it(store, make_dataset):
    data = make_dataset(documents=3, questions=2)
    run(store, data, route())
    harmed(store, "Pieces", "doc1")
    RAN.clear()
    Runner(store, data).compute([route()], data.questions)
    assert dict(RAN) == {"Pieces": 1}
    assert len(store.damaged) == 1
    assert run(store, data, route()) == {}


def test_what_only_a_lost_step_stands_between_is_not_missed(store, make_dataset):
    """Intermediate values that were deleted, not damaged, are made only when something needs them."""
    data = make_dataset(documents=3, questions=2)
    run(store, data, route())
    assert deleted(store, "Index") == 3
    assert run(store, data, route()) == {}
    harmed(store, "Find", "doc1-q0")
    RAN.clear()
    Runner(store, data).compute([route()], data.questions)
    assert dict(RAN) == {"Index": 1, "Find": 1}


def test_a_value_damaged_between_planning_and_reading_is_made_again(store, make_dataset):
    data = make_dataset(documents=1, questions=1)
    run(store, data, route())
    runner = Runner(store, data)
    runner.compute([route()], data.questions)
    harmed(store, "Find", "doc0-q0")
    RAN.clear()
    assert runner.value(route(), data.questions[0]).startswith("doc0word0")
    assert RAN["Find"] == 1


# -- cost -----------------------------------------------------------------------------------------------------------


def test_each_route_is_charged_in_full_whoever_computed(store, make_dataset):
    data = make_dataset(documents=3, questions=4)
    routes = [route(k=1), route(k=2)]
    first = Runner(store, data)
    first.compute(routes[:1], data.questions)
    first.compute(routes[1:], data.questions)
    later = Runner(store, data)
    for root in routes:
        shares = later.seconds([root], data.questions)
        assert shares == first.seconds([root], data.questions)
        nodes = [n for n in root.walk() if not isinstance(n.stage, Source)]
        keys = {"context": set(), "question": set()}
        for n in nodes:
            keys[n.per] |= {later.key(n, q) for q in data.questions}
        full = {per: sum(store.good(k).values()) for per, k in keys.items()}
        assert full["context"] > 0
        assert sum(s for s, _ in shares.values()) == pytest.approx(full["question"])
        assert sum(s for _, s in shares.values()) == pytest.approx(full["context"])
    (_, one), (_, two) = (first.seconds([r], data.questions)["doc0-q0"] for r in routes)
    assert one == two


def test_work_per_context_is_shared_among_its_own_questions(store, make_dataset):
    data = make_dataset(documents=2, questions=4)
    uneven = replace(data, questions=data.questions[:5])  # four of doc0, one of doc1
    runner = Runner(store, uneven)
    runner.compute([route()], uneven.questions)
    shares = runner.seconds([route()], uneven.questions)
    index = route().inputs[0]
    for doc, asking in (("doc0", 4), ("doc1", 1)):
        q = next(q for q in uneven.questions if q.context == (doc,))
        keys = [runner.key(n, q) for n in (index, *index.inputs)]
        assert shares[q.id][1] == pytest.approx(sum(store.good(keys).values()) / asking)


# -- names, logs, watchers ------------------------------------------------------------------------------------------


def test_a_context_has_one_name_and_two_contexts_have_two():
    assert context_name(("a",)) == "a"
    names = [context_name(ids) for ids in (("a",), ("a", "b"), ("b", "a"), ("a", "c"), ("a", "b", "c"), ("ab",))]
    assert len(set(names)) == len(names)
    assert context_name(("a", "b")).startswith("a +1 ")


def test_a_study_without_documents_can_still_be_asked(store):
    """Answers recorded elsewhere may come with no document at all."""
    data = Dataset("bare", {}, (Question("q", "text"),))
    assert context_name(()) == ""
    runner = Runner(store, data)
    assert runner.documents(data.questions[0]) == ()
    runner.compute([Odd().on(QuestionText().on())], data.questions)


def test_many_contexts_that_begin_alike_are_told_apart(store):
    """One gold document and a few of a thousand others: what tells such contexts apart must be long enough."""
    tail = context_name(("a", "b")).rsplit("#", 1)[1]
    assert len(tail) >= 16, f"{4 * len(tail)} bits: 10,000 contexts would share a name once in a hundred studies"


def test_the_log_says_what_was_found_and_what_was_computed(store, make_dataset, tmp_path):
    data = make_dataset(documents=2, questions=2)
    run(store, replace(data, questions=data.questions[:3]), route())
    log = Log(tmp_path / "log.jsonl")
    Runner(store, data, log=log).compute([route()], data.questions)
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == log.events
    assert [(e["stage"], e["found"], e["computed"]) for e in lines] == [
        ("Pieces", 0, 0),  # nothing that is missing reads it
        ("Index", 1, 0),
        ("Find", 3, 1),
    ]


def test_a_watcher_hears_of_every_item_that_is_made(store, make_dataset):
    class Counts(Watcher):
        def __init__(self) -> None:
            self.begun: list[tuple[str, int]] = []
            self.stepped = 0

        def begin(self, label: str, total: int) -> None:
            self.begun.append((label, total))

        def step(self, count: int = 1) -> None:
            self.stepped += count

    data = make_dataset(documents=3, questions=3)
    watcher = Counts()
    Runner(store, data, watcher=watcher).compute([route()], data.questions)
    assert watcher.begun == [("Pieces", 3), ("Index", 3), ("Find", 9)]
    assert watcher.stepped == 15
