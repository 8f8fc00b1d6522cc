"""The tables of a study of retrieval: means with intervals per measure, and paired tests against the baseline.

It reads values per question and knows neither retrievers nor how a measure is defined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from experiments.tables import cluster_of
from pipeline.core.records import Dataset, Question
from pipeline.score.significance import clustered_mean, compare, holm

if TYPE_CHECKING:
    import polars as pl

Columns = dict[str, dict[str, list[float | None]]]
"""Per measure and retriever the values in the order of the questions; None where a measure is undefined."""

Line = dict[str, Any]
_WORDS = ("set", "retriever", "question", "measure", "baseline", "test")
_WHOLE = ("n", "better", "worse", "chunks")
_COLUMNS = {
    "scores": "set retriever question measure value",
    "summary": "set retriever measure value ci_low ci_high n",
    "comparisons": "set retriever baseline measure diff diff_low diff_high p p_holm better worse n test",
    "costs": "set retriever chunks index_seconds ms_per_question",
}


def frame_of(table: str, lines: Sequence[Line]) -> pl.DataFrame:
    """One of the tables `scores`, `summary`, `comparisons`, `costs` as a frame with its fixed columns."""
    import polars as pl

    kinds = {c: pl.String if c in _WORDS else pl.Int64 if c in _WHOLE else pl.Float64 for c in _COLUMNS[table].split()}
    return pl.DataFrame(lines, schema=kinds)


def columns_of(
    scores: pl.DataFrame, name: str, questions: Sequence[Question], dataset: Dataset
) -> tuple[Columns, list[str]]:
    """One set's values, and per question what intervals are clustered by.

    Questions asked of one document are alike; those asked of a whole collection each stand for themselves.
    """
    place = {q.id: i for i, q in enumerate(questions)}
    columns: Columns = {}
    for of, retriever, question, measure, value in scores.iter_rows():
        if of == name:
            column = columns.setdefault(measure, {}).setdefault(retriever, [None] * len(place))
            column[place[question]] = value
    return columns, [cluster_of(q, dataset) if q.cluster or q.context else q.id for q in questions]


def is_share(measure: str) -> bool:
    """Whether it is a share. A short gold span alone in a short passage covers more per character than all evidence."""
    return not measure.startswith("density")


def summary_of(
    name: str,
    retrievers: Sequence[str],
    values: Columns,
    clusters: Sequence[str],
    share: Callable[[str], bool] = is_share,
) -> list[Line]:
    """Per retriever and measure: the mean over the n questions where it is defined, with its clustered interval.

    share: whether a measure's values lie in [0, 1].
    """
    lines = []
    for retriever in retrievers:
        for measure, columns in values.items():
            column = columns.get(retriever) or [None] * len(clusters)
            known = [(v, c) for v, c in zip(column, clusters, strict=True) if v is not None]
            if known:
                support = (0.0, 1.0) if share(measure) else None
                mean = clustered_mean([v for v, _ in known], [c for _, c in known], support=support)
                figures = {"value": mean.mean, "ci_low": mean.low, "ci_high": mean.high, "n": mean.n}
                lines.append({"set": name, "retriever": retriever, "measure": measure, **figures})
    return lines


def comparisons_of(
    name: str,
    retrievers: Sequence[str],
    values: Columns,
    clusters: Sequence[str],
    baseline: str,
    share: Callable[[str], bool] = is_share,
    mcnemar: bool = True,
) -> list[Line]:
    """Each retriever against the baseline, measure by measure, on the questions where both are defined.

    better, worse: questions where it scored higher, lower. Holm's adjustment is over the retrievers of one measure.
    mcnemar: the test of values that are all 0 or 1, which takes questions as independent; else, as for other values,
    signs are flipped by cluster.
    """
    lines: list[Line] = []
    for measure, columns in values.items():
        tested: list[Line] = []
        for retriever in retrievers:
            if retriever == baseline or not {retriever, baseline} <= columns.keys():
                continue
            a, b, groups = [], [], []
            for x, y, cluster in zip(columns[retriever], columns[baseline], clusters, strict=True):
                if x is not None and y is not None:
                    a.append(x)
                    b.append(y)
                    groups.append(cluster)
            if a:
                support = (-1.0, 1.0) if share(measure) else None
                t = compare(a, b, groups, binary=mcnemar and {*a, *b} <= {0.0, 1.0}, support=support)
                line = {"set": name, "retriever": retriever, "baseline": baseline, "measure": measure, "n": t.n}
                line |= {"diff": t.diff, "diff_low": t.ci_low, "diff_high": t.ci_high, "p": t.p_value, "test": t.test}
                tested.append(line | {"better": t.a_only, "worse": t.b_only})
        adjusted = holm([line["p"] for line in tested])
        lines += [line | {"p_holm": p} for line, p in zip(tested, adjusted, strict=True)]
    return lines
