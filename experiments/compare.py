"""An experiment: one question by every route on the same documents with the same reader, side by side.

`Experiment.from_yaml` or `Experiment(...)` from objects; `.plan()` says what a run would take; `.run()` computes what
is missing, reads, marks, tests, and writes the run's folder. Issuing the same run again resumes it. Everything the
command line does is one call here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from experiments.catalog import build_routes
from experiments.catalog_data import Loaded, load_data
from experiments.catalog_readers import build_readers
from experiments.cells import compare_with_reference, find_reference
from experiments.config import Cells, Scoring, Study, folder_setting, load_study
from experiments.marking import agreement_with_labels, mark
from experiments.output import Writer, command, made_calls, open_run, passages_run, prompt_views, removals, versions
from experiments.tables import (
    Row,
    answers_frame,
    cells_frame,
    comparisons_frame,
    costs_frame,
    noted,
    scores_frame,
    summary_frame,
    unequal_coverage,
)
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Question, digest_parts
from pipeline.core.run import Log, Runner, StagePlan, Watcher, rows_cached
from pipeline.core.spec import canonical, describe, plain
from pipeline.core.stage import Node, code_digest, union
from pipeline.core.store import Store
from pipeline.generators.base import Generator
from pipeline.reading import CallPlan, Job, plan_calls, read
from pipeline.routes.base import Case, Route
from pipeline.routes.rag import RAG
from retrievers.controls import RandomPassages

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class TokenCount:
    """The size of a document in tokens, by the tokenizer's name."""

    tokenizer: str
    version: ClassVar[int] = 1


@dataclass(frozen=True)
class Plan:
    """What a run would take. Calls are the first of each job; `later` says where more may follow."""

    stages: Sequence[StagePlan]
    calls: Sequence[CallPlan]
    waiting: int
    questions: int


@dataclass(frozen=True)
class Results:
    """A run's tables (polars), where they stand, and what went wrong.

    incomplete: why no fair comparison could be made, one line each; empty if all is well.
    damaged: stored values that were found damaged and made again.
    """

    folder: Path
    answers: pl.DataFrame
    costs: pl.DataFrame
    scores: pl.DataFrame
    summary: pl.DataFrame
    incomplete: Sequence[str] = ()
    damaged: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass
class Experiment:
    """A study ready to run: data, readers, routes, and how to mark and compare.

    store, runs: folders; by default those that LONGSHORT_STORE and LONGSHORT_RUNS name. again: the command that runs it
    again, where it is a part of another study.
    """

    kind: ClassVar[str] = "answers"

    name: str
    dataset: Dataset
    readers: Sequence[Generator]
    routes: Mapping[str, Route]
    baseline: str = ""
    asks: str = ""
    split: str = "all"
    limit: int | None = None
    scoring: Scoring = field(default_factory=Scoring)
    coverage: str = "equal"
    cells: Cells | None = None
    labels: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    store: Path = field(default_factory=lambda: folder_setting("LONGSHORT_STORE", ".longshort"))
    runs: Path = field(default_factory=lambda: folder_setting("LONGSHORT_RUNS", "runs"))
    again: str = ""

    @classmethod
    def from_yaml(cls, name: str, *overrides: str) -> Experiment:
        """The study of this name or file, with `key.sub=value` overrides. Raises UserError for what is wrong in it."""
        study = load_study(name, overrides)
        if not isinstance(study, Study):
            what = f"this is a study of {study.kind}"
            raise UserError(what, where=name, remedy=f"Use {study.kind.capitalize()}Experiment.from_yaml")
        loaded = load_data(study.data)
        return cls.from_study(study, loaded)

    @classmethod
    def from_study(cls, study: Study, loaded: Loaded) -> Experiment:
        """A study's settings on loaded data."""
        routes = build_routes(study, loaded)
        return cls(
            name=study.name,
            dataset=loaded.dataset,
            readers=build_readers(study, loaded),
            routes=routes,
            baseline=study.baseline or next(iter(routes)),
            asks=study.asks,
            split=study.split,
            limit=study.limit,
            scoring=study.score,
            coverage=study.coverage,
            cells=study.cells,
            labels=loaded.labels,
            settings=study.model_dump(mode="json"),
        )

    @property
    def questions(self) -> list[Question]:
        """The questions asked, in the data's order. Raises UserError where none is left."""
        chosen = [q for q in self.dataset.questions if self.split in ("all", q.split)]
        if not chosen:
            raise UserError(
                f"no question of {len(self.dataset.questions)} is in the split {self.split!r}",
                where=self.name,
                remedy="Set split=all, or check the data",
            )
        return chosen[: self.limit]

    @property
    def fingerprint(self) -> dict[str, str]:
        """Digests of settings, code and data: equal ones give equal answers, scores and summary."""
        parts = [*self.readers, *(n.stage for n in union(n for r in self.routes.values() for n in r.nodes().values()))]
        settings = [canonical(describe(r)) for r in self.readers]
        settings += [f"{name} {_route_identity(route)}" for name, route in self.routes.items()]
        data = [d.digest for d in self.dataset.documents.values()]
        data += [repr((q.id, q.text, q.context, q.golds, q.answerable, q.evidence)) for q in self.questions]
        return {
            "settings": digest_parts([*settings, canonical(self.settings)])[:16],
            "code": digest_parts(code_digest(type(p)) for p in parts)[:16],
            "data": digest_parts(data)[:16],
        }

    def plan(self) -> Plan:
        """What a run would find, make and call. Makes nothing."""
        questions = self.questions
        with Store(self.store) as store:
            runner = Runner(store, self.dataset)
            stages = runner.plan(self._roots(), questions)
            lacking = {p.node.identity: frozenset(p.missing) for p in stages}
            jobs = self._jobs(runner, questions, lacking)
            waiting = sum(any(not _ready(r, q, runner, lacking) for r in self.routes.values()) for q in questions)
            return Plan(stages, plan_calls(jobs, store), waiting, len(questions))

    def run(self, *, watcher: Watcher | None = None) -> Results:
        """Compute what is missing and write the run's folder. Raises UserError; what was computed stays."""
        questions = self.questions
        watcher = watcher or Watcher()
        folder = self.runs / self.name
        log = open_run(folder)
        try:
            with Store(self.store) as store:
                return self._run(folder, store, questions, log, watcher)
        finally:
            for reader in self.readers:
                reader.close()
            log.close()

    def _run(self, folder: Path, store: Store, questions: list[Question], log: Log, watcher: Watcher) -> Results:
        runner = Runner(store, self.dataset, log=log, watcher=watcher)
        runner.compute(self._roots(), questions)
        counted = self._count_tokens(store, log, watcher)
        jobs = self._jobs(runner, questions)
        transcripts, calls = read(jobs, store, log=log, watcher=watcher)
        rows, marks = mark(jobs, transcripts, self.scoring, self.labels, store, log=log, watcher=watcher)
        store.mark_used(str(folder.resolve()), runner.used | counted | calls | marks)
        return self._write(folder, rows, runner, questions, log, store)

    def _count_tokens(self, store: Store, log: Log, watcher: Watcher) -> set[str]:
        """Let each tokenizer know the sizes of the documents that it counted in an earlier run."""
        texts = [d for d in self.dataset.documents.values() if d.text is not None]
        used: set[str] = set()
        for tokenizer in {id(r.tokenizer): r.tokenizer for r in self.readers}.values():
            counts, keys = rows_cached(
                store,
                TokenCount(tokenizer.name),
                [(d.id, [d.text or ""]) for d in texts],
                lambda rows, t=tokenizer: [t.count(texts[i].text or "") for i in rows],
                log=log,
                watcher=watcher,
                batch=16,
            )
            for d, count in zip(texts, counts, strict=True):
                tokenizer.remember(d.text or "", count)
            used |= keys
        return used

    def _write(
        self, folder: Path, rows: list[Row], runner: Runner, questions: list[Question], log: Log, store: Store
    ) -> Results:
        uneven = unequal_coverage(rows)
        pairwise = self.coverage == "paired"
        readers = [r.label for r in self.readers]
        comparable = {r: pairwise or not any(line.startswith(f"{r}:") for line in uneven) for r in readers}
        answers, scores = answers_frame(rows, self.dataset), scores_frame(rows)
        costs = costs_frame(rows, runner, questions)
        summary = summary_frame(
            rows,
            self.dataset,
            costs,
            baseline=self.baseline,
            controls=[name for name, route in self.routes.items() if _is_control(route)],
            comparable=comparable,
        )
        notes = [*self.dataset.notes, *(f"{r.label}: {r.note}" for r in self.readers if r.note), *noted(rows)]
        if uneven and pairwise:
            notes += [f"{line}; compared on the questions that both routes answered" for line in uneven]
        draft = Writer(folder)
        draft.frame("answers.parquet", answers)
        draft.frame("costs.parquet", costs)
        draft.frame("scores.parquet", scores)
        draft.frame("summary.csv", summary.drop("seconds"))  # measured: the other bytes are the same every time
        config = self._resolved()
        draft.yaml("config.yaml", config)
        draft.text("calls.jsonl", made_calls(folder / "calls.jsonl", log.events, self.readers))
        self._write_cells(draft, rows, notes)
        if self.labels:
            draft.json("agreement.json", agreement_with_labels(rows, self.labels))
        for name, route in self.routes.items():
            if isinstance(route, RAG):
                draft.text(f"runs/{name}.trec", passages_run(runner, name, route.chunks, route.ranking, questions))
        failed = sum(r.failed for r in rows)
        results = Results(
            folder,
            answers,
            costs,
            scores,
            summary,
            incomplete=[] if pairwise else uneven,
            damaged=list(store.damaged),
            notes=notes,
        )
        self._report(results, rows, uneven, config, runner)
        for line in store.damaged:
            log.event("damaged", what=line)
        log.event("done", rows=len(rows), failed=failed, incomplete=len(results.incomplete))
        return results

    def _write_cells(self, draft: Writer, rows: list[Row], notes: list[str]) -> None:
        if self.cells is None:
            return
        table = cells_frame(rows, by=self.cells.by, average_over=self.cells.average_over)
        draft.frame("table.csv", table)
        pair = tuple(self.routes)[:2]
        if len(pair) == 2:
            draft.frame("comparisons.csv", comparisons_frame(rows, self.dataset, by=self.cells.by, pair=pair))
            reference = find_reference(self.cells.reference, self.settings)
            if reference:
                draft.json("agreement.json", compare_with_reference(table, reference, tuple(self.cells.by), pair))
            elif self.cells.reference:
                notes.append(f"no {self.cells.reference} beside the data: agreement.json is not written")

    def _report(
        self, results: Results, rows: list[Row], uneven: list[str], config: dict[str, Any], runner: Runner
    ) -> None:
        from experiments.report import Frames, write_report

        # The report tells of the data set and of uneven coverage by itself.
        told = {*self.dataset.notes, *(n for n in results.notes if any(n.startswith(line) for line in uneven))}
        write_report(
            results.folder / "report.html",
            title=self.asks or self.name,
            frames=Frames(results.answers, results.costs, results.scores, results.summary),
            dataset=self.dataset,
            config={**config, "command": self.again or command(self.name, self.settings)},
            notes=[*results.incomplete, *(n for n in results.notes if n not in told)],
            prompts=prompt_views(rows),
            removals=removals(rows, runner),
        )

    def _resolved(self) -> dict[str, Any]:
        return {
            **self.settings,
            "name": self.name,
            "baseline": self.baseline,
            "fingerprint": self.fingerprint,
            "readers_resolved": [describe(r) for r in self.readers],
            "versions": versions(),
        }

    def _roots(self) -> list[Any]:
        return [node for route in self.routes.values() for node in route.nodes().values()]

    def _jobs(
        self, runner: Runner, questions: Sequence[Question], lacking: Mapping[str, frozenset[str]] | None = None
    ) -> list[Job]:
        """All jobs. lacking: by node, items that are still to be made; jobs that read one are left out."""
        jobs = []
        for reader in self.readers:
            for name, route in self.routes.items():
                if not reader.serves(name):
                    continue
                for q in questions:
                    if not _ready(route, q, runner, lacking or {}):
                        continue
                    inputs = {key: runner.value(node, q) for key, node in route.nodes().items()}
                    jobs.append(Job(name, route, Case(q, runner.documents(q), inputs, reader)))
        return jobs


def _ready(route: Route, question: Question, runner: Runner, lacking: Mapping[str, frozenset[str]]) -> bool:
    """Whether nothing that the route reads for the question is still to be made."""
    return not any(runner.item(n, question) in lacking.get(n.identity, ()) for n in route.nodes().values())


def _route_identity(route: Route) -> str:
    settings: dict[str, Any] = {"class": type(route).__name__}
    for f in dataclasses.fields(route):
        value = getattr(route, f.name)
        if isinstance(value, Route):
            settings[f.name] = _route_identity(value)
        else:
            settings[f.name] = value.identity if isinstance(value, Node) else plain(value, where=f.name)
    return canonical(settings)


def _is_control(route: Route) -> bool:
    """Controls bracket the comparison: closed book, oracle, and whatever reads random passages."""
    nodes = [n for root in route.nodes().values() for n in root.walk()]
    return route.control or any(isinstance(n.stage, RandomPassages) for n in nodes)
