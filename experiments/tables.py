"""Transcripts and marks to tables: answers, costs, scores, summary, and the cells of a published comparison.

Rows stand in the study's order of readers and routes, then by question id. It computes no metric of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.core.records import Dataset, Question, Span
from pipeline.core.run import Runner, context_name
from pipeline.reading import Job, Transcript
from pipeline.score.evidence import evidence_found, span_precision, span_recall
from pipeline.score.significance import Comparison, clustered_mean, compare, holm, oracle_regret, paired_test

if TYPE_CHECKING:
    import polars as pl

PRIMARY = "correct"
OUTCOMES = ("right", "wrong", "declined", "failed")


@dataclass(frozen=True)
class Row:
    """One question by one route with one reader: the job, what became of it, and its marks.

    status: right, wrong, declined, failed; `unmarked` where no gold answer is known. scores: metric to value or None.
    scorer_outcome: the scorer's own verdict, which a person's label may have replaced.
    """

    job: Job
    transcript: Transcript
    status: str
    scores: Mapping[str, float | None]
    scorer_outcome: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the reader gave no usable answer."""
        return self.status == "failed"


def cluster_of(question: Question, dataset: Dataset) -> str:
    """What intervals are clustered by: the question's own word, or its context."""
    return question.cluster or context_name(question.context or tuple(dataset.documents))


def evidence_scores(question: Question, spans: Sequence[Span]) -> dict[str, float | None]:
    """How much of the gold evidence the reader was shown; None where none is known."""
    if not question.evidence:
        return dict.fromkeys(("span_recall", "span_precision", "evidence_found"))
    found = evidence_found(spans, question.evidence)
    return {
        "span_recall": span_recall(spans, question.evidence),
        "span_precision": span_precision(spans, question.evidence),
        "evidence_found": None if found is None else float(found),
    }


def answers_frame(rows: Sequence[Row], dataset: Dataset) -> pl.DataFrame:
    """One row per question, route and reader. The same bytes every time: no clock, no cost."""
    import polars as pl

    slices = sorted({key for q in dataset.questions for key in q.slices})
    columns: dict[str, pl.Series] = {}

    def column(name: str, dtype: Any, values: Iterable[Any]) -> None:
        columns[name] = values if isinstance(values, pl.Series) else pl.Series(name, list(values), dtype=dtype)

    questions = [r.job.question for r in rows]
    replies = [_reply(r) for r in rows]
    column("question", pl.String, (q.id for q in questions))
    column("route", pl.String, (r.job.route_name for r in rows))
    column("reader", pl.String, (r.job.reader.label for r in rows))
    column("kind", pl.String, (q.kind for q in questions))
    column("context", pl.String, (context_name(q.context or tuple(dataset.documents)) for q in questions))
    column("cluster", pl.String, (cluster_of(q, dataset) for q in questions))
    column("split", pl.String, (q.split for q in questions))
    for name in slices:
        column(name, pl.String, (q.slices.get(name, "") for q in questions))
    column("answer", pl.String, (r.completion.text for r in replies))
    column("status", pl.String, ("failed" if r.completion.status == "failed" else "answered" for r in replies))
    column("error", pl.String, (r.completion.error for r in replies))
    column("finish", pl.String, (r.completion.finish for r in replies))
    column("evidence", None, _spans_column([r.prompt.spans for r in replies]))
    column("cites", None, _spans_column([r.completion.cites for r in replies]))
    column("calls", pl.Int64, (len(r.transcript.completions) for r in rows))
    column("prompt_tokens", pl.Int64, (r.transcript.usage.prompt_tokens for r in rows))
    column("completion_tokens", pl.Int64, (r.transcript.usage.completion_tokens for r in rows))
    column("context_tokens", pl.Int64, (r.cut.context_tokens for r in replies))
    column("kept_tokens", pl.Int64, (r.cut.kept_tokens for r in replies))
    column("truncated", pl.Boolean, (r.cut.cut_at is not None for r in replies))
    column("cut_at", pl.Int64, (r.cut.cut_at for r in replies))
    column(
        "gold_kept",
        pl.Boolean,
        (evidence_found(r.prompt.spans, q.evidence) for r, q in zip(replies, questions, strict=True)),
    )
    column("notes", pl.String, ("; ".join(r.notes) for r in replies))
    column("prompt_digest", pl.String, (r.prompt.digest[:16] for r in replies))
    return pl.DataFrame(columns)


def costs_frame(rows: Sequence[Row], runner: Runner, questions: Sequence[Question]) -> pl.DataFrame:
    """The same rows: seconds and money, intrinsic (everything cold, shared work in full) and actual (this run)."""
    import polars as pl

    shares: dict[str, dict[str, tuple[float, float]]] = {}
    on_gpu = {reader.label: reader.on_gpu for reader in {id(r.job.reader): r.job.reader for r in rows}.values()}
    out = []
    for row in rows:
        job, done = row.job, row.transcript
        retrieve = build = 0.0
        roots = job.route.nodes()
        if roots:
            if job.route_name not in shares:
                shares[job.route_name] = runner.seconds(roots.values(), questions)
            retrieve, build = shares[job.route_name][job.question.id]
        price = job.reader.price
        seconds = sum(c.seconds for c in done.completions)
        spent = [c for c, made in zip(done.completions, done.made, strict=True) if made]
        out.append(
            {
                "question": job.question.id,
                "route": job.route_name,
                "reader": job.reader.label,
                "intrinsic_seconds": seconds + retrieve + build,
                "reader_seconds": seconds,
                "retrieve_seconds": retrieve,
                "build_seconds": build,
                "gpu_seconds": seconds if on_gpu[job.reader.label] else 0.0,
                "intrinsic_money": sum(price.of(c.usage, cached=False) for c in done.completions),
                "actual_seconds": sum(c.seconds for c in spent),
                "actual_money": sum(price.of(c.usage) for c in spent),
                "cached_tokens": done.usage.cached_tokens,
            }
        )
    return pl.DataFrame(out)


def scores_frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Long: question, route, reader, metric, value, status."""
    import polars as pl

    long = [
        (r.job.question.id, r.job.route_name, r.job.reader.label, metric, value, r.status)
        for r in rows
        for metric, value in r.scores.items()
    ]
    schema = ["question", "route", "reader", "metric", "value", "status"]
    types = {"value": pl.Float64, **{c: pl.String for c in schema if c != "value"}}
    return pl.DataFrame(long, schema=[(c, types[c]) for c in schema], orient="row")


def unequal_coverage(rows: Sequence[Row]) -> list[str]:
    """A line for each reader whose routes did not answer the same questions."""
    lines = []
    for reader, routes in _by_reader_and_route(rows).items():
        failed = {name: {r.job.question.id for r in members if r.failed} for name, members in routes.items()}
        if len({frozenset(ids) for ids in failed.values()}) > 1:
            counts = ", ".join(f"{name} {len(ids)}" for name, ids in failed.items() if ids)
            lines.append(f"{reader}: calls that failed differ between routes ({counts})")
    return lines


def noted(rows: Sequence[Row]) -> list[str]:
    """A line for each route and reader whose replies carry notes: how many do, and what the first of them says."""
    lines = []
    for reader, routes in _by_reader_and_route(rows).items():
        for name, members in routes.items():
            found = [r.transcript.reply.notes[0] for r in members if r.transcript.reply and r.transcript.reply.notes]
            if found:
                lines.append(f"{reader}, {name}: {len(found)} of {len(members)} answers have a note, e.g. {found[0]!r}")
    return lines


def summary_frame(
    rows: Sequence[Row],
    dataset: Dataset,
    costs: pl.DataFrame,
    *,
    baseline: str,
    controls: Iterable[str],
    comparable: Mapping[str, bool],
) -> pl.DataFrame:
    """Per reader, route and metric: mean with clustered interval, outcomes, and the paired test against the baseline.

    A comparison stands on the questions that both routes answered; `comparable` says per reader whether one is made.
    Holm's adjustment is over the routes of one reader that are no controls.
    """
    import polars as pl

    spent = {
        (reader, route): (seconds, money)
        for reader, route, seconds, money in costs.group_by("reader", "route", maintain_order=True)
        .agg(pl.col("intrinsic_seconds").mean(), pl.col("intrinsic_money").mean())
        .iter_rows()
    }
    controls = set(controls)
    out: list[dict[str, Any]] = []
    for reader, routes in _by_reader_and_route(rows).items():
        regret = _regret(routes, controls)
        tests: dict[str, tuple[Comparison, float]] = {}
        if comparable[reader] and baseline in routes:
            for name, members in routes.items():
                test = _against(members, routes[baseline], dataset) if name != baseline else None
                if test:
                    tests[name] = test
        competing = [name for name in tests if name not in controls]
        adjusted = dict(zip(competing, holm([tests[n][0].p_value for n in competing]), strict=True))
        for name, members in routes.items():
            tokens = sum(r.transcript.usage.prompt_tokens for r in members) / len(members)
            counts = {o: sum(r.status == o for r in members) for o in OUTCOMES}
            for metric in members[0].scores:
                known = [(r.scores[metric], r) for r in members if r.scores[metric] is not None]
                if not known:
                    continue
                interval = clustered_mean(
                    [float(v or 0.0) for v, _ in known], [cluster_of(r.job.question, dataset) for _, r in known]
                )
                line: dict[str, Any] = {
                    "reader": reader,
                    "route": name,
                    "metric": metric,
                    "mean": interval.mean,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "n": interval.n,
                    "clusters": interval.clusters,
                    **counts,
                    "coverage": 1 - counts["failed"] / len(members),
                    "baseline": baseline if metric == PRIMARY else None,
                }
                test, by_cluster = tests.get(name, (None, None)) if metric == PRIMARY else (None, None)
                line |= {
                    "diff": test.diff if test else None,
                    "diff_low": test.ci_low if test else None,
                    "diff_high": test.ci_high if test else None,
                    "p": test.p_value if test else None,
                    "p_holm": adjusted.get(name) if test else None,
                    "p_clustered": by_cluster,
                    "route_only": test.a_only if test else None,
                    "baseline_only": test.b_only if test else None,
                    "regret": regret.get(name) if metric == PRIMARY else None,
                    "prompt_tokens": tokens,
                    "seconds": spent[reader, name][0],
                    "money": spent[reader, name][1],
                }
                out.append(line)
    text = ("reader", "route", "metric", "baseline")
    whole = ("n", "clusters", *OUTCOMES, "route_only", "baseline_only")
    names = list(out[0]) if out else []
    kinds = {n: pl.String if n in text else pl.Int64 if n in whole else pl.Float64 for n in names}
    return pl.DataFrame(out, schema=kinds)


def _against(members: Sequence[Row], baseline: Sequence[Row], dataset: Dataset) -> tuple[Comparison, float] | None:
    """The paired comparison on the questions that both answered and that can be marked, and a second p-value.

    McNemar's test takes questions as independent and finds differences too often where those of one document are alike
    (14 % instead of 5 % at an intracluster correlation of 0.1); the sign-flip test by document does not.
    """
    theirs = {(r.job.reader.label, r.job.question.id): r.scores.get(PRIMARY) for r in baseline}
    pairs = [
        (ours, other, cluster_of(r.job.question, dataset))
        for r in members
        if (ours := r.scores.get(PRIMARY)) is not None
        and (other := theirs.get((r.job.reader.label, r.job.question.id))) is not None
    ]
    if not pairs:
        return None
    a, b, clusters = (list(column) for column in zip(*pairs, strict=True))
    return compare(a, b, clusters, binary=True), paired_test(a, b, clusters).p_value


def comparisons_frame(
    rows: Sequence[Row], dataset: Dataset, *, by: Mapping[str, str], pair: tuple[str, str]
) -> pl.DataFrame:
    """Per group of questions (a table's cells, and `all` for each of its columns): one route against another.

    Columns: the group, n compared, both rates in percent, the difference with its clustered interval in points, counts
    of questions that one route alone got right, exact McNemar's p, and the coverage of both.
    """
    import polars as pl

    groups: dict[tuple[str, ...], dict[str, list[Row]]] = {}
    for row in rows:
        if row.job.route_name in pair:
            cell = tuple(_field(row, source) for source in by.values())
            keep = [i for i, source in enumerate(by.values()) if source == "reader"]
            whole = tuple(c if i in keep else "all" for i, c in enumerate(cell))
            partly = tuple(c if i in keep or i == 0 else "all" for i, c in enumerate(cell))
            for key in dict.fromkeys((whole, partly, cell)):
                groups.setdefault(key, {p: [] for p in pair})[row.job.route_name].append(row)
    a, b = pair
    out = []
    for key in sorted(groups):
        members = groups[key]
        test, by_cluster = _against(members[a], members[b], dataset) or (None, None)
        line: dict[str, Any] = dict(zip(by, key, strict=True))
        line |= {
            "n": test.n if test else 0,
            a: 100 * test.mean_a if test else None,
            b: 100 * test.mean_b if test else None,
            "diff": 100 * test.diff if test else None,
            "diff_low": 100 * test.ci_low if test and test.ci_low is not None else None,
            "diff_high": 100 * test.ci_high if test and test.ci_high is not None else None,
            f"{a}_only": test.a_only if test else 0,
            f"{b}_only": test.b_only if test else 0,
            "mcnemar_p": test.p_value if test else None,
            "clustered_p": by_cluster,
        }
        for p in pair:
            line[f"coverage_{p}"] = 1 - sum(r.failed for r in members[p]) / max(1, len(members[p]))
        out.append(line)
    return pl.DataFrame(out)


def cells_frame(rows: Sequence[Row], *, by: Mapping[str, str], average_over: str) -> pl.DataFrame:
    """Per cell and route the rate of right answers in percent, with equal weight to each value of `average_over`.

    A failed call has no rate: it lowers the coverage, not the cell.
    """
    import polars as pl

    routes = list(dict.fromkeys(r.job.route_name for r in rows))
    values: dict[tuple[str, ...], dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        score = row.scores.get(PRIMARY)
        cell = values.setdefault(tuple(_field(row, s) for s in by.values()), {r: {} for r in routes})
        if score is not None:
            cell[row.job.route_name].setdefault(_field(row, average_over) if average_over else "", []).append(score)
    out = []
    for key in sorted(values):
        line: dict[str, Any] = dict(zip(by, key, strict=True))
        for route in routes:
            means = [sum(v) / len(v) for v in values[key][route].values()]
            line[route] = 100 * sum(means) / len(means) if means else None
        out.append(line)
    return pl.DataFrame(out)


def _field(row: Row, source: str) -> str:
    if source == "reader":
        return row.job.reader.label
    if source == "kind":
        return row.job.question.kind
    return row.job.question.slices.get(source, "")


def _regret(routes: Mapping[str, Sequence[Row]], controls: set[str]) -> dict[str, float]:
    """Regret against the per-question oracle over the competing routes, on the questions that all of them answered."""
    competing = {
        n: {r.job.question.id: r.scores.get(PRIMARY) for r in m} for n, m in routes.items() if n not in controls
    }
    if not competing:
        return {}
    shared = [q for q in next(iter(competing.values())) if all(s.get(q) is not None for s in competing.values())]
    if not shared:
        return {}
    return oracle_regret({name: [float(scores[q] or 0.0) for q in shared] for name, scores in competing.items()})


def _by_reader_and_route(rows: Sequence[Row]) -> dict[str, dict[str, list[Row]]]:
    grouped: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        grouped.setdefault(row.job.reader.label, {}).setdefault(row.job.route_name, []).append(row)
    return grouped


def _reply(row: Row) -> Any:
    reply = row.transcript.reply
    if reply is None:
        raise RuntimeError(f"route {row.job.route_name} never replied to {row.job.question.id}")
    return reply


def _spans_column(spans: Sequence[Sequence[Span]]) -> pl.Series:
    """List of {doc, start, end} per row, through Arrow: from Python objects it takes a minute for LaRA."""
    import polars as pl
    import pyarrow as pa

    flat = [s for row in spans for s in row]
    offsets = [0]
    for row in spans:
        offsets.append(offsets[-1] + len(row))
    fields = {
        "doc": pa.array([s.doc for s in flat], pa.large_string()),
        "start": pa.array([s.start for s in flat], pa.int64()),
        "end": pa.array([s.end for s in flat], pa.int64()),
    }
    struct = pa.StructArray.from_arrays(list(fields.values()), names=list(fields))
    return pl.Series(pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), struct))
