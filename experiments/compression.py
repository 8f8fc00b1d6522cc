"""A study of compression: every method at every ratio on the same contexts, judged before a reader and then by one.

`CompressionExperiment.from_yaml(...)`, then `.run()`. What a method kept is measured on stored compressions; reading
is an ordinary comparison per set (`experiments.compare`) of the whole context with each method at each ratio, which
reads the same stored nodes. How contexts are cut is `compression_contexts`, what is measured `compression_measures`.

The run's folder: summary.csv (set, method, ratio, measure, value, ci_low, ci_high, n), comparisons.csv (paired tests
against the baseline method at the same ratio), scores.parquet (per question), costs.csv (seconds, measured),
report.html, and sets/<name>/ with each set's comparison of answers.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from experiments.catalog_compression import COMPRESSORS, build_compression
from experiments.catalog_data import Loaded, load_sets
from experiments.compare import Experiment, Plan, Results
from experiments.compression_contexts import contexts_of
from experiments.compression_judging import Judging, left_out
from experiments.compression_measures import TextNLL
from experiments.compression_tables import (
    CONTROLS,
    FULL,
    Arm,
    Line,
    comparisons_of_set,
    cost_lines,
    frame_of,
    reading_lines,
    route_name,
    summary_of_set,
)
from experiments.config import Component, CompressionStudy, Study, folder_setting, load_study, pick
from experiments.output import Writer, command, open_run, versions
from experiments.report_struck import Struck
from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Dataset
from pipeline.core.run import Runner, Watcher
from pipeline.core.stage import Node
from pipeline.core.store import Store
from pipeline.generators.embedded import FOLDER

if TYPE_CHECKING:
    import polars as pl

_SHOWN_AT = 4.0  # examples of removed text are those of the ratio next to it


@dataclass(frozen=True)
class CompressionResults:
    """A run's tables (polars) and where they stand.

    readings: by set, the comparison of answers; sets without gold answers have none. struck: by set and method, what
    was removed of a few questions' contexts, at the ratio `shown_at`. incomplete: why answers cannot be compared.
    """

    folder: Path
    summary: pl.DataFrame
    comparisons: pl.DataFrame
    scores: pl.DataFrame
    costs: pl.DataFrame
    sets: Mapping[str, Dataset]
    baseline: str
    readings: Mapping[str, Results]
    struck: Mapping[tuple[str, str], Sequence[Struck]]
    shown_at: float
    incomplete: Sequence[str] = ()
    damaged: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass
class CompressionExperiment:
    """A study of compression, ready to run. sets: of contexts, by name. arms: the nodes by method and ratio."""

    kind: ClassVar[str] = "compression"

    study: CompressionStudy
    sets: Mapping[str, Dataset]
    components: Mapping[str, Component]
    arms: Mapping[Arm, Node]
    notes: list[str] = field(default_factory=list)
    store: Path = field(default_factory=lambda: folder_setting("LONGSHORT_STORE", ".longshort"))
    runs: Path = field(default_factory=lambda: folder_setting("LONGSHORT_RUNS", "runs"))

    @classmethod
    def from_yaml(cls, name: str, *overrides: str) -> CompressionExperiment:
        """The study of this name or file, with `key.sub=value` overrides. Raises UserError for what is wrong in it."""
        study = load_study(name, overrides)
        if not isinstance(study, CompressionStudy):
            raise UserError("this study is not one of compression", where=name, remedy="Write kind: compression")
        return cls.from_study(study)

    @classmethod
    def from_study(cls, study: CompressionStudy) -> CompressionExperiment:
        """The study's contexts cut and its methods wired; what is not there is left out, and noted."""
        if len(set(study.ratios)) < len(study.ratios):
            raise UserError("a ratio stands twice", where="ratios", remedy="List each once")
        components = _components(study)
        if study.baseline and study.baseline not in components:
            remedy = nearest(study.baseline, components)
            raise UserError(f"the baseline {study.baseline!r} is no compressor", where="baseline", remedy=remedy)
        arms, notes = _arms(study, components)
        if study.perplexity.questions:
            _perplexity(study).resolved_settings()  # a model that is not there is told before anything is made
        named = _given(study) or {name: s.data for name, s in study.sets.items()}
        for name in named:
            if not name or any(c in name for c in "/\\:") or name.startswith("."):
                raise UserError(f"{name!r} cannot name a folder", where=f"sets.{name}", remedy="Use letters and digits")
        loaded, absent = load_sets(named, needed=bool(study.data))
        sets = {name: _contexts(name, dataset, study) for name, dataset in loaded.items()}
        return cls(study, sets, components, arms, [*absent, *notes])

    @property
    def name(self) -> str:
        """The study's name: that of the run's folder."""
        return self.study.name

    @property
    def baseline(self) -> str:
        """The method that others are held against."""
        kept = dict.fromkeys(method for method, _ in self.arms)
        return self.study.baseline or ("extractive" if "extractive" in kept else next(iter(kept), ""))

    @property
    def shown_at(self) -> float:
        """The ratio at which removed text is shown."""
        return min(self.study.ratios, key=lambda r: abs(math.log(r / _SHOWN_AT)))

    def plan(self) -> list[tuple[str, Plan]]:
        """Per set, what a run would find, make and call. Makes nothing."""
        plans = []
        for name, dataset in self.sets.items():
            with Store(self.store) as store:
                stages = Runner(store, dataset).plan(self.arms.values(), dataset.questions)
            reading = self.reading(name, self.arms)
            asked = reading.plan() if reading else Plan((), (), 0, len(dataset.questions))
            plans.append((name, replace(asked, stages=stages)))
        return plans

    def reading(self, name: str, arms: Mapping[Arm, Node]) -> Experiment | None:
        """The comparison of answers on one set, on the whole context and on these arms; None where none is read."""
        study, dataset = self.study, self.sets[name]
        if study.reader is None or not any(q.has_gold for q in dataset.questions):
            return None
        routes: dict[str, Component] = {FULL: {"type": "long_context"}}
        routes |= {c: {"type": c} for c in CONTROLS if c != "oracle" or any(q.evidence for q in dataset.questions)}
        for method, ratio in arms:
            compress = {**self.components[method], "ratio": ratio, "tokenizer": study.tokenizer}
            routes[route_name(method, ratio)] = {"type": "long_context", "compress": compress}
        asked = Study(
            name=name,
            asks=f"What does each compression cost in answers on {name}?",
            data={"type": "contexts", "study": self.name, "set": name},
            readers=(study.reader,),
            sampling=study.sampling,
            routes=routes,
            baseline=FULL,
            score=study.score,
        )
        made = Experiment.from_study(asked, Loaded(dataset))
        return replace(made, store=self.store, runs=self.runs / self.name / "sets", again=self._command())

    def run(self, *, watcher: Watcher | None = None) -> CompressionResults:
        """Compute what is missing, read, and write the run's folder. Raises UserError; what was computed stays."""
        folder = self.runs / self.name
        log = open_run(folder)
        lines: list[Line] = []
        costs: list[Line] = []
        struck: dict[tuple[str, str], Sequence[Struck]] = {}
        readings: dict[str, Results] = {}
        gone: dict[str, str] = {}
        used: set[str] = set()
        damaged: list[str] = []
        try:
            for name, dataset in self.sets.items():
                with Store(self.store) as store:
                    judging = Judging(name, Runner(store, dataset, log=log, watcher=watcher), gone)
                    made = judging.compressed(self.arms)
                    lines += judging.lines(made, _perplexity(self.study), self.study.perplexity.questions)
                    struck |= judging.struck(made, self.shown_at, self.study.examples)
                    spent = {arm: judging.spent(node) for arm, node in made.items()}
                    used |= judging.runner.used | judging.used
                    store.mark_used(str(folder.resolve()), used)
                    damaged += store.damaged
                reading = self.reading(name, made)
                arms = {route_name(*arm): arm for arm in made} | {c: (c, 1.0) for c in (FULL, *CONTROLS)}
                if reading is not None:
                    readings[name] = reading.run(watcher=watcher)
                    lines += reading_lines(name, readings[name], arms)
                costs += cost_lines(name, spent, readings.get(name), arms)
        finally:
            log.close()
        return self._write(folder, lines, costs, readings, struck, damaged, gone.values())

    def _write(
        self,
        folder: Path,
        lines: list[Line],
        costs: list[Line],
        readings: Mapping[str, Results],
        struck: Mapping[tuple[str, str], Sequence[Struck]],
        damaged: Sequence[str],
        gone: Iterable[str],
    ) -> CompressionResults:
        from experiments.compression_report import write_compression_report

        scores = frame_of("scores", lines)
        summary = [line for name, dataset in self.sets.items() for line in summary_of_set(scores, name, dataset)]
        tests = [
            line
            for name, dataset in self.sets.items()
            for line in comparisons_of_set(scores, name, dataset, self.baseline)
        ]
        notes = [*self.notes, *gone]
        notes += [f"{name}: {note}" for name, dataset in self.sets.items() for note in dataset.notes]
        results = CompressionResults(
            folder,
            summary=frame_of("summary", summary),
            comparisons=frame_of("comparisons", tests),
            scores=scores,
            costs=frame_of("costs", costs),
            sets=self.sets,
            baseline=self.baseline,
            readings=readings,
            struck=struck,
            shown_at=self.shown_at,
            incomplete=[f"{name}, {line}" for name, read in readings.items() for line in read.incomplete],
            damaged=damaged,
            notes=notes,
        )
        draft = Writer(folder)
        draft.frame("summary.csv", results.summary)
        draft.frame("comparisons.csv", results.comparisons)
        draft.frame("scores.parquet", results.scores)
        draft.frame("costs.csv", results.costs)
        config = {**self.study.model_dump(mode="json"), "baseline": self.baseline, "versions": versions()}
        config["compressors"] = dict(self.components)
        draft.yaml("config.yaml", config)
        write_compression_report(results, self.study.asks or self.name, {**config, "command": self._command()})
        return results

    def _command(self) -> str:
        return command(self.name, {"data": self.study.data})


def _given(study: CompressionStudy) -> dict[str, Component]:
    """The one set that `data` names in place of the study's own."""
    data = study.data
    if not data:
        return {}
    if "docs" in data or "questions" in data:
        return {"folder": {"type": "folder", **data}}
    if "type" not in data:
        data = {"type": "beir", **data}
    root = data.get("root")
    return {Path(root).expanduser().resolve().name if isinstance(root, str) and root else str(data["type"]): data}


def _contexts(name: str, dataset: Dataset, study: CompressionStudy) -> Dataset:
    own = study.sets.get(name)
    asked = replace(dataset, questions=tuple(q for q in dataset.questions if study.split in ("all", q.split)))
    tokens = (own and own.tokens) or study.tokens
    made = contexts_of(asked, tokens, study.tokenizer, (own and own.limit) or study.limit)
    if not made.questions:
        raise UserError(
            f"no question of {len(asked.questions)} in the split {study.split!r} has a context of {tokens} tokens",
            where=f"sets.{name}",
            remedy="Set split=all, or raise tokens",
        )
    return made


def _components(study: CompressionStudy) -> dict[str, Component]:
    """The study's methods with their models, or every method of the catalogue. Raises UserError for what is none."""
    found: dict[str, Component] = {}
    for name, component in (study.compressors or {name: {"type": name} for name in COMPRESSORS}).items():
        cls, settings = pick(COMPRESSORS, component, f"compressors.{name}", "compressor")
        for key in ("ratio", "budget", "tokenizer"):
            if key in settings:
                remedy = "Leave it out: the study gives `ratios` and `tokenizer` to all"
                raise UserError(f"the setting {key!r} of one method", where=f"compressors.{name}", remedy=remedy)
        needs = any(f.name == "model" and f.default is dataclasses.MISSING for f in dataclasses.fields(cls))
        if needs and "model" not in settings:
            settings = {"model": study.model or str(FOLDER), "revision": study.revision, **settings}
        found[name] = {"type": component["type"], **settings}
    return found


def _arms(study: CompressionStudy, components: Mapping[str, Component]) -> tuple[dict[Arm, Node], list[str]]:
    """The nodes by method and ratio, and a line for each method whose model is not there."""
    arms: dict[Arm, Node] = {}
    notes = []
    for name, component in components.items():
        own: dict[Arm, Node] = {}
        try:
            for ratio in study.ratios:
                given = {**component, "ratio": ratio, "tokenizer": study.tokenizer}
                made = build_compression(given, f"compressors.{name}")
                if isinstance(made, Node):  # none asks a reader: those stand in a registry of their own
                    own[name, ratio] = made
        except UserError as error:
            if study.compressors.get(name, {}).keys() - {"type"}:
                raise  # a setting that somebody wrote; without any, it is a model that is missing
            notes.append(left_out(name, error))
            continue
        try:
            arms |= {arm: node for arm, node in own.items() if node.identity}
        except UserError as error:
            notes.append(left_out(name, error))
    if not arms:
        raise UserError("no method is left", where="compressors", remedy=notes[0])
    return arms, notes


def _perplexity(study: CompressionStudy) -> TextNLL:
    given = study.perplexity
    model = given.model or study.model or str(FOLDER)
    return TextNLL(model=model, revision=given.revision if given.model else study.revision)
