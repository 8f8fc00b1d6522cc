"""The study of routing: what a learned policy gains over always taking one route, and the policy to take home.

It runs the study whose answers it learns from (or finds them in the store), gathers features, cross-fits policies by
document, and writes policies.csv, curves.csv, policy.json and report.html. How policies are learned is the affair of
`learn`, what decisions are worth that of `rows` and `frontier`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from experiments.compare import Experiment
from experiments.config import RoutingStudy, Study, build, folder_setting, load_study
from experiments.output import Writer, command, open_run, versions
from experiments.routing.baselines import rules
from experiments.routing.budgets import Budget, budgets_of
from experiments.routing.cards import cards_of, plain, smallest
from experiments.routing.evaluate import Decided, Steps, cross_decided, cross_new_reader, cross_single, learn
from experiments.routing.export import make_policy
from experiments.routing.fit import Floats, Recipe
from experiments.routing.gather import Gathered, gather
from experiments.routing.report import write_routing_report
from experiments.routing.report_rows import RoutingResults
from experiments.routing.rows import Candidate, Judged, judge
from experiments.routing.variants import variants
from pipeline.core.errors import UserError, nearest
from pipeline.core.run import Runner, Watcher
from pipeline.core.stage import Node
from pipeline.core.store import Store
from pipeline.policy.file import save_policy

if TYPE_CHECKING:
    import polars as pl

BEFORE, CASCADE, OPINIONS = "learned", "learned cascade", "learned cascade with opinions"


@dataclass(frozen=True)
class RoutingRun:
    """What a run leaves: its folder, policies.csv as a frame, the best-known facts, and what should be told."""

    folder: Path
    policies: pl.DataFrame
    results: RoutingResults
    notes: Sequence[str] = ()


@dataclass
class RoutingExperiment:
    """A study of routing, ready to run. of: the study of answers that it learns from."""

    kind: ClassVar[str] = "routing"

    study: RoutingStudy
    of: Experiment
    node: Node
    recipe: Recipe = field(default_factory=Recipe)
    second: Recipe | None = None
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    store: Path = field(default_factory=lambda: folder_setting("LONGSHORT_STORE", ".longshort"))
    runs: Path = field(default_factory=lambda: folder_setting("LONGSHORT_RUNS", "runs"))

    @property
    def name(self) -> str:
        """The run's folder."""
        return self.study.name

    @classmethod
    def from_yaml(cls, name: str, *overrides: str) -> RoutingExperiment:
        """The study of this name or file. Raises UserError for what is wrong in it."""
        study = load_study(name, overrides)
        if not isinstance(study, RoutingStudy):
            raise UserError("this study learns no policy", where=name, remedy="Use Experiment.from_yaml")
        return cls.from_study(study)

    @classmethod
    def from_study(cls, study: RoutingStudy) -> RoutingExperiment:
        """A study's settings, with the study of answers that they name."""
        from experiments.catalog import routing_probe
        from experiments.catalog_data import load_data

        inner = load_study(study.of, [*study.settings, *(f"data.{k}={v}" for k, v in study.data.items())])
        if not isinstance(inner, Study):
            raise UserError(f"the study {study.of!r} has no answers", where="of", remedy="Name a study with readers")
        of = Experiment.from_study(inner, load_data(inner.data))
        if study.limit:
            of.limit = study.limit
        budgets = budgets_of(study.budgets, study.price)
        second = None if study.second is None else build(Recipe, study.second, "second")
        return cls(study, of, routing_probe(dense=study.dense), build(Recipe, study.recipe, "recipe"), second, budgets)

    def run(self, *, watcher: Watcher | None = None) -> RoutingRun:
        """Learn, judge, write. Raises UserError; what was computed stays."""
        watcher = watcher or Watcher()
        answers = self.of.run(watcher=watcher)
        folder = self.runs / self.name
        log = open_run(folder)
        try:
            with Store(self.store) as store:
                runner = Runner(store, self.of.dataset, log=log, watcher=watcher)
                asked = self.of.questions
                runner.compute([self.node], asked)
                routes = self.study.routes or tuple(self.of.routes)
                opinions = self._opinions(answers.answers["reader"].unique().to_list())
                data = gather(
                    asked,
                    answers.answers,
                    answers.scores,
                    routes,
                    runner,
                    self.node,
                    vectors=self.study.vectors,
                    opinions=opinions,
                    watcher=watcher,
                )
                changed = variants(data, runner, self.node)
                store.mark_used(str(folder.resolve()), runner.used)
            told = [f"second opinions: {', '.join(opinions)}"] if opinions else []
            return self._judge(folder, data, changed, [*answers.notes, *told], watcher)
        finally:
            log.close()

    def _opinions(self, readers: Sequence[str]) -> Sequence[str]:
        """Readers that give a second opinion. Raises UserError for one that has no answers."""
        wanted = self.study.opinions
        cards = cards_of(readers, self.study.readers)
        if isinstance(wanted, int):
            if wanted < 0:
                raise UserError(f"{wanted} opinions cannot be asked for", where="opinions", remedy="Give 0 or more")
            return smallest(cards, wanted) if len(readers) > 1 and self.second is not None else ()
        for name in wanted:
            if name not in readers:
                raise UserError(f"no reader {name!r} has answers", where="opinions", remedy=nearest(name, readers))
        return wanted

    # -- steps of a run -------------------------------------------------------------------------------------------

    def _judge(
        self, folder: Path, data: Gathered, changed: Mapping[str, Gathered], notes: list[str], watcher: Watcher
    ) -> RoutingRun:
        documents = len(np.unique(data.questions.clusters))
        if documents < 2 * self.study.folds:
            raise UserError(
                f"{documents} documents are too few for {self.study.folds} folds by document",
                where="folds",
                remedy="Ask about more documents, or set folds lower",
            )
        start = time.perf_counter()
        candidates, altered = self._candidates(data, changed, watcher)
        judged = judge(
            data,
            [*candidates, *rules(data, folds=self.study.folds, seed=self.study.seed)],
            altered,
            budgets=self.budgets,
            floor={str(k): v for k, v in self.study.floor.items()} if self.study.floor else None,
        )
        watcher.begin("policy", 1)
        steps = learn(data, np.arange(len(data.asked)), self.recipe, self.second)
        policy = make_policy(self.name, data, steps, judged, self._provenance(data), self._route_settings(data))
        watcher.step()
        notes += judged.notes
        notes.append(f"policies were learned and judged in {time.perf_counter() - start:.0f} s")
        results = self._results(data, judged, notes)
        draft = Writer(folder)
        draft.frame("policies.csv", judged.frame)
        draft.frame("curves.csv", judged.curve_frame)
        draft.yaml("config.yaml", {**self.study.model_dump(mode="json"), "versions": versions()})
        save_policy(policy, folder / "policy.json")
        write_routing_report(results, folder / "report.html")
        return RoutingRun(folder, judged.frame, results, notes)

    def _candidates(
        self, data: Gathered, changed: Mapping[str, Gathered], watcher: Watcher
    ) -> tuple[list[Candidate], dict[str, Floats]]:
        """Qualities of each learned policy, per repeat; and of the first repeat's on changed questions."""
        study, main = self.study, list[Decided]()
        others = {
            "linear": Recipe("linear"),
            "nearest neighbours": Recipe("neighbours"),
            "boosted trees": Recipe("boosted", factors=4),
            "table": Recipe("table"),
            "length rule (learned)": Recipe("length"),
        }
        watcher.begin("learning", study.repeats + 2 + len(study.new_reader) + len(others))
        for repeat in range(study.repeats):
            wanted = changed if repeat == 0 else {}
            main.append(
                cross_decided(
                    data, self.recipe, self.second, folds=study.folds, seed=study.seed + repeat, changed=wanted
                )
            )
            watcher.step()
        found = [Candidate(BEFORE, [d.before for d in main], learned=True)]
        later = [d.after for d in main if d.after is not None]
        compared = [d.compared for d in main if d.compared is not None]
        if later:
            found.append(Candidate(CASCADE, later, learned=True, start=0))
        if compared:
            found.append(Candidate(OPINIONS, compared, learned=True, start=0, opinions=True))
        for name, recipe in others.items():
            other = cross_decided(data, recipe, None, folds=study.folds, seed=study.seed)
            found.append(Candidate(name, [other.before]))
            watcher.step()
        single = cross_single(data, self.recipe, folds=study.folds, seed=study.seed)
        found.append(Candidate("one policy per reader", [single]))
        watcher.step()
        if len(data.outcomes.readers) > 2:
            cards = cards_of(data.outcomes.readers, study.readers)
            for labelled in study.new_reader:
                new = cross_new_reader(data, self.recipe, labelled, cards, folds=study.folds, seed=study.seed)
                found.append(Candidate(f"reader never seen, {labelled} labelled", [new]))
                watcher.step()
        return found, dict(main[0].changed)

    def _results(self, data: Gathered, judged: Judged, notes: Sequence[str]) -> RoutingResults:
        settings = self.study.model_dump(mode="json")
        return RoutingResults(
            title=self.study.asks or self.name,
            policies=judged.policies,
            learned=judged.learned,
            fixed=judged.fixed,
            bounds=judged.bounds,
            curves=judged.curves,
            reliability=judged.reliability,
            calibration_error=judged.calibration_error,
            importance=judged.importance,
            slices=judged.slices,
            robustness=judged.robustness,
            notes=tuple(notes),
            questions=len(data.asked),
            documents=len(np.unique(data.questions.clusters)),
            repeats=self.study.repeats,
            cost_label="thousand tokens of documents read per question",
            config={**settings, "command": command(self.name, settings)},
        )

    def _provenance(self, data: Gathered) -> dict[str, Any]:
        return {
            "study": self.study.of,
            "questions": len(data.asked),
            "documents": len(np.unique(data.questions.clusters)),
            "fingerprint": dict(self.of.fingerprint),
            "learner": self.recipe.kind,
            "opinions": list(self._opinions(data.outcomes.readers)),
            "cards": plain(cards_of(data.outcomes.readers, self.study.readers)),
            "versions": versions(),
        }

    def _route_settings(self, data: Gathered) -> dict[str, Mapping[str, Any] | None]:
        given = self.of.settings.get("routes", {})
        return {route: given.get(route) for route in data.outcomes.routes}


__all__ = ("BEFORE", "CASCADE", "OPINIONS", "RoutingExperiment", "RoutingRun", "Steps")
