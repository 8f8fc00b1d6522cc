"""A study of retrieval alone: every retriever on every data set, measured against gold evidence, side by side.

`RetrievalExperiment.from_yaml(...)`, then `.run()`. No reader is asked. What a ranking is worth is `measures`; which
retrievers there are is the catalogue's business.

The run's folder: summary.csv (set, retriever, measure, value, ci_low, ci_high, n), comparisons.csv (paired tests
against the baseline), scores.parquet (per question), costs.csv (seconds, measured), runs/*.trec, report.html.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from experiments.catalog_data import load_sets
from experiments.catalog_retrieval import build_retrieval
from experiments.config import RetrievalStudy, SearchedSet, folder_setting, load_study
from experiments.measures import Measures, Values
from experiments.output import Writer, command, open_run, passages_run, versions
from experiments.retrieval_graph import graph_figure
from experiments.retrieval_tables import columns_of, comparisons_of, frame_of, summary_of
from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Dataset, Question
from pipeline.core.run import Runner, StagePlan, Watcher
from pipeline.core.stage import Node
from pipeline.core.store import Store

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Searched:
    """One data set with its retrievers, ready to run: per retriever the nodes of chunks and of the ranking."""

    name: str
    dataset: Dataset
    questions: Sequence[Question]
    retrievers: Mapping[str, tuple[Node, Node]]
    measures: Measures
    primary: str


@dataclass(frozen=True)
class RetrievalResults:
    """A run's tables (polars) and where they stand. damaged: stored values that were made again; notes: to be told."""

    folder: Path
    summary: pl.DataFrame
    comparisons: pl.DataFrame
    scores: pl.DataFrame
    costs: pl.DataFrame
    primary: Mapping[str, str]
    baseline: str
    damaged: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass
class RetrievalExperiment:
    """A study of retrieval, ready to run."""

    kind: ClassVar[str] = "retrieval"

    study: RetrievalStudy
    sets: Sequence[Searched]
    notes: Sequence[str] = ()
    store: Path = field(default_factory=lambda: folder_setting("LONGSHORT_STORE", ".longshort"))
    runs: Path = field(default_factory=lambda: folder_setting("LONGSHORT_RUNS", "runs"))

    @classmethod
    def from_yaml(cls, name: str, *overrides: str) -> RetrievalExperiment:
        """The study of this name or file, with `key.sub=value` overrides. Raises UserError for what is wrong in it."""
        study = load_study(name, overrides)
        if not isinstance(study, RetrievalStudy):
            raise UserError("this study asks a reader", where=name, remedy="Use Experiment.from_yaml")
        return cls.from_study(study)

    @classmethod
    def from_study(cls, study: RetrievalStudy) -> RetrievalExperiment:
        """The study's data loaded and its retrievers wired; a set whose files are not there is left out, and noted."""
        if study.baseline and study.baseline not in study.retrievers:
            remedy = nearest(study.baseline, study.retrievers)
            raise UserError(f"the baseline {study.baseline!r} is no retriever", where="baseline", remedy=remedy)
        named = _given(study) or study.sets
        loaded, notes = load_sets({name: s.data for name, s in named.items()}, needed=bool(study.data))
        sets = [_searched(name, named[name], dataset, study) for name, dataset in loaded.items()]
        return cls(study, sets, notes)

    @property
    def name(self) -> str:
        """The study's name: that of the run's folder."""
        return self.study.name

    @property
    def baseline(self) -> str:
        """What the others are compared with."""
        return self.study.baseline or next(iter(self.study.retrievers))

    def plan(self) -> list[tuple[str, list[StagePlan]]]:
        """Per data set, what a run would find and make. Makes nothing."""
        with Store(self.store) as store:
            return [
                (
                    s.name,
                    Runner(store, s.dataset).plan([n for pair in s.retrievers.values() for n in pair], s.questions),
                )
                for s in self.sets
            ]

    def run(self, *, watcher: Watcher | None = None) -> RetrievalResults:
        """Compute what is missing and write the run's folder. Raises UserError; what was computed stays."""
        folder = self.runs / self.name
        log = open_run(folder)
        draft, scores, costs, used = Writer(folder), [], [], set()
        figures: dict[str, list[str]] = {}
        try:
            with Store(self.store) as store:
                for searched in self.sets:
                    runner = Runner(store, searched.dataset, log=log, watcher=watcher)
                    for name, (chunks, ranking) in searched.retrievers.items():
                        start = time.perf_counter()
                        runner.compute([chunks, ranking], searched.questions)
                        log.event("retriever", set=searched.name, name=name, seconds=time.perf_counter() - start)
                        scores += _scored(searched, name, runner)
                        costs.append(_cost(searched, name, runner))
                        run = passages_run(runner, name, chunks, ranking, searched.questions)
                        draft.text(f"runs/{searched.name}.{name}.trec", run)
                    used |= runner.used
                    figures[searched.name] = graph_figure(searched.retrievers, list(searched.questions), runner)
                store.mark_used(str(folder.resolve()), used)
                damaged = list(store.damaged)
        finally:
            log.close()
        results = self._results(folder, scores, costs, damaged)
        self._write(draft, results, figures)
        return results

    def _results(
        self, folder: Path, scores: list[dict[str, Any]], costs: list[dict[str, Any]], damaged: list[str]
    ) -> RetrievalResults:
        frame = frame_of("scores", scores)
        summary, comparisons = [], []
        for searched in self.sets:
            names = list(searched.retrievers)
            values, clusters = columns_of(frame, searched.name, searched.questions, searched.dataset)
            summary += summary_of(searched.name, names, values, clusters)
            comparisons += comparisons_of(searched.name, names, values, clusters, self.baseline)
        return RetrievalResults(
            folder,
            summary=frame_of("summary", summary),
            comparisons=frame_of("comparisons", comparisons),
            scores=frame,
            costs=frame_of("costs", costs),
            primary={s.name: s.primary for s in self.sets},
            baseline=self.baseline,
            damaged=damaged,
            notes=[*self.notes, *(note for s in self.sets for note in s.dataset.notes)],
        )

    def _write(self, draft: Writer, results: RetrievalResults, figures: Mapping[str, Sequence[str]]) -> None:
        from experiments.retrieval_report import write_retrieval_report

        draft.frame("summary.csv", results.summary)
        draft.frame("comparisons.csv", results.comparisons)
        draft.frame("scores.parquet", results.scores)
        draft.frame("costs.csv", results.costs)
        config = {**self.study.model_dump(mode="json"), "baseline": self.baseline, "versions": versions()}
        draft.yaml("config.yaml", config)
        made = command(self.name, {"data": self.study.data})
        write_retrieval_report(results, self.study.asks or self.name, {**config, "command": made}, self.sets, figures)


def _given(study: RetrievalStudy) -> dict[str, SearchedSet]:
    """The one set that `data` names in place of the study's own."""
    if not study.data:
        return {}
    unknown = next((key for key in study.data if key not in ("root", "chunk")), None)
    root = study.data.get("root")
    if unknown or not isinstance(root, str) or not root:
        where = f"data.{unknown}" if unknown else "data.root"
        raise UserError("a study of retrieval takes data.root and data.chunk", where=where, remedy="Give DATA=folder")
    folder = Path(root).expanduser()
    cut = {"type": "words", "size": 300} if (folder / "spans.jsonl").is_file() else {"type": "documents"}
    chunk = study.data.get("chunk") or cut
    return {folder.resolve().name: SearchedSet(data={"type": "beir", "root": root}, chunk=chunk)}


def _searched(name: str, settings: SearchedSet, dataset: Dataset, study: RetrievalStudy) -> Searched:
    where = f"sets.{name}"
    questions = [q for q in dataset.questions if study.split in ("all", q.split) and (q.evidence or q.grades)]
    questions = questions[: study.limit]
    if not questions:
        raise UserError(
            f"no question of {len(dataset.questions)} in the split {study.split!r} has gold evidence",
            where=where,
            remedy="Add spans.jsonl or qrels, or set split=all",
        )
    for wanted in settings.retrievers:
        if wanted not in study.retrievers:
            remedy = nearest(wanted, study.retrievers)
            raise UserError(f"{wanted!r} is no retriever of this study", where=f"{where}.retrievers", remedy=remedy)
    chosen: dict[str, Any] = {
        k: v for k, v in study.retrievers.items() if not settings.retrievers or k in settings.retrievers
    }
    chosen |= {k: {"search": {"trec": {"type": "trec", "path": path}}} for k, path in settings.runs.items()}
    retrievers = {
        k: build_retrieval({"chunk": settings.chunk, **component}, f"retrievers.{k}", depth=study.depth)
        for k, component in chosen.items()
    }
    measures = Measures.fitting(questions, dataset.documents, study.cutoffs, study.depth)
    return Searched(name, dataset, questions, retrievers, measures, settings.measure or measures.primary)


def _scored(searched: Searched, name: str, runner: Runner) -> list[dict[str, Any]]:
    chunks, ranking = searched.retrievers[name]
    rows, of_context = [], dict[tuple[str, ...], dict[str, int]]()
    for q in searched.questions:
        if q.context not in of_context:
            of_context[q.context] = {d.id: len(d.text or "") for d in runner.documents(q)}
        lengths = of_context[q.context]
        values: Values = searched.measures.of(q, runner.value(chunks, q), runner.value(ranking, q), lengths)
        rows += [
            {"set": searched.name, "retriever": name, "question": q.id, "measure": m, "value": v}
            for m, v in values.items()
        ]
    if rows and searched.primary not in {r["measure"] for r in rows}:
        known = dict.fromkeys(r["measure"] for r in rows)
        raise UserError(
            f"{searched.primary!r} is no measure of this set",
            where=f"sets.{searched.name}.measure",
            remedy=nearest(searched.primary, known),
        )
    return rows


def _cost(searched: Searched, name: str, runner: Runner) -> dict[str, Any]:
    chunks, ranking = searched.retrievers[name]
    seconds = runner.seconds([ranking], searched.questions)
    found = [runner.value(chunks, q) for q in searched.questions]
    return {
        "set": searched.name,
        "retriever": name,
        "chunks": sum({id(c): len(c) for c in found}.values()),
        "index_seconds": sum(context for _, context in seconds.values()),
        "ms_per_question": 1000 * sum(own for own, _ in seconds.values()) / len(seconds),
    }
