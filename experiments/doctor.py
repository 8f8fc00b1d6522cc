"""The doctor: checks a study's data, its settings and its last run for what has fooled published comparisons.

`examine(experiment)` gives one line per thing looked at, in a fixed order. It repairs nothing, runs nothing and loads
no model. Each check says in its own docstring which failure it is there for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from experiments import (
    doctor_data,
    doctor_gold,
    doctor_labels,
    doctor_reading,
    doctor_retrieval,
    doctor_run,
)
from experiments.doctor_subject import Finding, Said, Subject
from pipeline.core.store import Store

if TYPE_CHECKING:
    from experiments.compare import Experiment
    from experiments.compression import CompressionExperiment
    from experiments.retrieval import RetrievalExperiment

__all__ = ["CHECKS", "Finding", "examine", "examine_compression", "examine_retrieval"]

CHECKS: dict[str, Callable[[Subject], Iterator[Said]]] = {
    "documents": doctor_data.documents,
    "duplicate questions": doctor_data.duplicates,
    "gold evidence": doctor_gold.evidence,
    "gold answers": doctor_gold.answers,
    "evidence position": doctor_gold.position,
    "names in questions": doctor_data.names,
    "bm25 terms": doctor_retrieval.terms,
    "re-ranking": doctor_retrieval.rerankers,
    "passage labels": doctor_labels.labels,
    "encoder window": doctor_reading.encoders,
    "reader window": doctor_reading.windows,
    "controls": doctor_run.controls,
    "last run": doctor_run.last_run,
    "failed calls": doctor_run.failures,
    "answers by heart": doctor_run.memory,
    "against chance": doctor_run.measured,
    "scorer": doctor_run.scorer,
}
"""By name, in the order of the report. A check of results says nothing where there is no run; `last run` tells so."""

_OF_RETRIEVAL = (
    "documents",
    "duplicate questions",
    "gold evidence",
    "evidence position",
    "bm25 terms",
    "encoder window",
)


def examine(experiment: Experiment) -> list[Finding]:
    """All findings. Raises UserError where the study asks no question, or a setting names what is not there."""
    stored = any(route.nodes() for route in experiment.routes.values())
    if not (stored and (experiment.store / "index.sqlite").is_file()):
        return _findings(Subject(experiment, None))
    with Store(experiment.store) as store:
        return _findings(Subject(experiment, store))


def examine_retrieval(experiment: RetrievalExperiment) -> list[Finding]:
    """The findings on a study of retrieval, set by set: its data, its terms and encoders, and its re-rankers."""
    from experiments.catalog import passage_routes
    from experiments.compare import Experiment

    findings = []
    for searched in experiment.sets:
        routes = passage_routes(searched.retrievers)
        asked = replace(searched.dataset, questions=tuple(searched.questions))
        one = Experiment(experiment.name, asked, [], routes, store=experiment.store, runs=experiment.runs)
        about = [(name, CHECKS[name]) for name in _OF_RETRIEVAL]
        effects = [("re-ranking", said) for said in doctor_retrieval.reordering(routes, experiment.study.cutoffs)]
        if (experiment.store / "index.sqlite").is_file():
            with Store(experiment.store) as store:
                said = [(name, s) for name, check in about for s in check(Subject(one, store))]
        else:
            said = [(name, s) for name, check in about for s in check(Subject(one, None))]
        findings += [Finding(level, f"{searched.name}, {name}", text) for name, (level, text) in [*said, *effects]]
    return [*findings, *(Finding("warning", "data sets", note) for note in experiment.notes)]


def examine_compression(experiment: CompressionExperiment) -> list[Finding]:
    """The findings on a study of compression, set by set: on its contexts, and on the reading where there is one."""
    from experiments.compare import Experiment

    findings = []
    for name, dataset in experiment.sets.items():
        one = experiment.reading(name, experiment.arms)
        if one is not None:
            found = examine(one)
        else:
            bare = Experiment(experiment.name, dataset, [], {}, store=experiment.store, runs=experiment.runs)
            about = ("documents", "duplicate questions", "gold evidence", "evidence position")
            found = [Finding(level, c, text) for c in about for level, text in CHECKS[c](Subject(bare, None))]
        findings += [Finding(f.level, f"{name}, {f.check}", f.text) for f in found]
    return [*findings, *(Finding("warning", "methods and sets", note) for note in experiment.notes)]


def _findings(subject: Subject) -> list[Finding]:
    return [Finding(level, name, text) for name, check in CHECKS.items() for level, text in check(subject)]
