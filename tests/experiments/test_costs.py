"""Costs: work that routes share is made once and charged in full to each of them; what this run spent stands apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl
import pytest

from experiments.tables import Row, costs_frame
from pipeline.core.records import Prompt, Ranking
from pipeline.core.run import Runner
from pipeline.core.stage import Documents, Per, QuestionText, Stage
from pipeline.generators.base import Completion, Price, Usage
from pipeline.generators.scripted import Scripted
from pipeline.reading import Job, Transcript
from pipeline.routes.base import Case, Cut, Reply, Route
from pipeline.routes.rag import RAG


@dataclass(frozen=True)
class Piece(Stage):
    per: ClassVar[Per] = "context"

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        return [() for _ in columns[0]]


@dataclass(frozen=True)
class Rank(Stage):
    k: int = 1

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        return [Ranking((), ()) for _ in columns[0]]


def row(name: str, route: Route, question: Any, made: bool = True) -> Row:
    done = Completion("x", usage=Usage(100, 10, 40), seconds=0.5)
    case = Case(question, (), {}, Scripted(name="r", price=Price(2e6, 1e6, 4e6)))
    return Row(Job(name, route, case), Transcript(Reply(done, Prompt(()), Cut(0, 0)), [done], [made]), "right", {})


def test_shared_work_is_charged_in_full_to_each_route_and_made_once(store, make_dataset):
    data = make_dataset(documents=4, questions=3)
    pieces = Piece().on(Documents().on())
    routes = {f"rag{k}": RAG(chunks=pieces, ranking=Rank(k).on(pieces, QuestionText().on())) for k in (1, 2)}
    runner = Runner(store, data)
    runner.compute([r.ranking for r in routes.values()], data.questions)
    costs = costs_frame([row(n, r, q) for n, r in routes.items() for q in data.questions], runner, data.questions)
    full = sum(store.good({runner.key(pieces, q) for q in data.questions}).values())
    assert full > 0
    for name, route in routes.items():
        mine = costs.filter(pl.col("route") == name)
        assert mine["build_seconds"].sum() == pytest.approx(full)
        own = store.good({runner.key(route.ranking, q) for q in data.questions})
        assert mine["retrieve_seconds"].sum() == pytest.approx(sum(own.values()))
        total = mine["reader_seconds"] + mine["retrieve_seconds"] + mine["build_seconds"]
        assert mine["intrinsic_seconds"].to_list() == pytest.approx(total.to_list())


def test_what_was_remembered_is_charged_and_not_spent(make_dataset, routes):
    (q,) = make_dataset(documents=1, questions=1).questions
    rows = [row("lc", routes["lc"], q, made) for made in (True, False)]
    first, second = costs_frame(rows, None, [q]).iter_rows(named=True)  # type: ignore[arg-type]
    # 100 tokens at 2 and 10 at 4; of this run's, 40 were read from a warm prefix at 1.
    assert first["intrinsic_money"] == second["intrinsic_money"] == pytest.approx(240.0)
    assert (first["actual_money"], second["actual_money"]) == (pytest.approx(200.0), 0.0)
    assert (first["actual_seconds"], second["actual_seconds"]) == (0.5, 0.0)
    assert first["intrinsic_seconds"] == second["intrinsic_seconds"] == 0.5
