"""The tables of a study of compression: means with intervals per measure and ratio, paired tests, and what it costs.

It reads values per question and knows neither methods nor how a measure is defined. Method `full` at ratio 1 is the
whole context, and the controls of a reading stand there too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.compression_measures import BOUNDED, SAID
from experiments.retrieval_tables import columns_of, comparisons_of, summary_of
from pipeline.core.records import Dataset

if TYPE_CHECKING:
    import polars as pl

    from experiments.compare import Results

FULL = "full"
CONTROLS = ("oracle", "closed_book")
PROMPT = "prompt_tokens"
Arm = tuple[str, float]  # method, ratio
Line = dict[str, Any]

_COLUMNS = {
    "scores": "set method ratio question measure value",
    "summary": "set method ratio measure value ci_low ci_high n",
    "comparisons": "set method ratio baseline measure diff diff_low diff_high p p_holm better worse n test",
    "costs": "set method ratio n given tokens read compress_seconds ms_per_1000 prompt_tokens reader_seconds "
    "saved_tokens saved_seconds",
}
_WORDS = ("set", "method", "question", "measure", "baseline", "test")
_WHOLE = ("n", "better", "worse")
_UNTESTED = ("tokens", "reached", "read", PROMPT)


@dataclass(frozen=True)
class Spent:
    """What compressing took, means over n questions. given, tokens: of the context, and of these those that stay.

    read: tokens that the method's own models read. seconds: from cold, shared work charged to each in full.
    """

    n: int
    given: float
    tokens: float
    read: float
    seconds: float


def route_name(method: str, ratio: float) -> str:
    """What a method at a ratio is called among the routes of a reading."""
    return f"{method}-{ratio:g}x"


def frame_of(table: str, lines: Sequence[Line]) -> pl.DataFrame:
    """One of the tables `scores`, `summary`, `comparisons`, `costs` as a frame with its fixed columns."""
    import polars as pl

    kinds = {c: pl.String if c in _WORDS else pl.Int64 if c in _WHOLE else pl.Float64 for c in _COLUMNS[table].split()}
    return pl.DataFrame(lines, schema=kinds)


def is_share(measure: str) -> bool:
    """Whether a measure's values lie in [0, 1]: some of what is taken before reading, and every mark of an answer."""
    return measure in BOUNDED or (measure not in SAID and measure != PROMPT)


def summary_of_set(scores: pl.DataFrame, name: str, dataset: Dataset) -> list[Line]:
    """Per method, ratio and measure the mean over the n questions where it is defined, with its clustered interval."""
    lines = []
    for ratio, frame in _by_ratio(scores, name):
        values, clusters = columns_of(frame, name, dataset.questions, dataset)
        lines += [
            _at(line, ratio)
            for line in summary_of(name, list(dict.fromkeys(frame["method"])), values, clusters, is_share)
        ]
    return lines


def comparisons_of_set(scores: pl.DataFrame, name: str, dataset: Dataset, baseline: str) -> list[Line]:
    """Each method against the baseline method at the same ratio, paired by question.

    The test flips signs by cluster whatever the values are; Holm's adjustment is over the methods at one ratio.
    """
    import polars as pl

    lines = []
    for ratio, frame in _by_ratio(scores.filter(~pl.col("measure").is_in(_UNTESTED)), name):
        values, clusters = columns_of(frame, name, dataset.questions, dataset)
        names = list(dict.fromkeys(frame["method"]))
        tests = comparisons_of(name, names, values, clusters, baseline, is_share, mcnemar=False)
        lines += [_at(line, ratio) for line in tests]
    return lines


def reading_lines(name: str, results: Results, arms: Mapping[str, Arm]) -> list[Line]:
    """The marks and prompt tokens of a reading as lines of the scores. arms: what its routes stand for."""
    left_out = ("offline", "span_recall", "span_precision", "evidence_found")
    marks = results.scores.select("question", "route", "metric", "value").iter_rows()
    sizes = results.answers.select("question", "route", "prompt_tokens").iter_rows()
    rows = [*marks, *((q, route, PROMPT, float(tokens)) for q, route, tokens in sizes)]
    return [
        {"set": name, "method": arms[route][0], "ratio": arms[route][1], "question": q, "measure": m, "value": v}
        for q, route, m, v in rows
        if v is not None and m not in left_out
    ]


def cost_lines(
    name: str, spent: Mapping[Arm, Spent], results: Results | None, arms: Mapping[str, Arm]
) -> Iterable[Line]:
    """Per method and ratio what compressing and reading took, and what is saved against reading the whole context.

    saved_seconds: of the reader, less those of compressing; below zero where compressing takes longer than it saves.
    """
    read = {arms[route]: means for route, means in _reading_means(results).items()} if results else {}
    whole = read.get((FULL, 1.0))
    for arm in [(FULL, 1.0), *spent] if whole else spent:
        s, means = spent.get(arm), read.get(arm)
        line: Line = {"set": name, "method": arm[0], "ratio": arm[1]}
        if s is not None:
            line |= {"n": s.n, "given": s.given, "tokens": s.tokens, "read": s.read, "compress_seconds": s.seconds}
            line |= {"ms_per_1000": 1e6 * s.seconds / max(1.0, s.given)}
        if means is not None and whole is not None:
            line |= {"prompt_tokens": means[0], "reader_seconds": means[1], "saved_tokens": whole[0] - means[0]}
            line |= {"saved_seconds": whole[1] - means[1] - (s.seconds if s else 0.0)}
        yield {column: line.get(column) for column in _COLUMNS["costs"].split()}


def _reading_means(results: Results) -> dict[str, tuple[float, float]]:
    """Per route the mean prompt tokens and seconds of the reader."""
    import polars as pl

    tokens = results.answers.group_by("route").agg(pl.col("prompt_tokens").mean())
    seconds = results.costs.group_by("route").agg(pl.col("reader_seconds").mean())
    return {route: (size, took) for route, size, took in tokens.join(seconds, on="route").iter_rows()}


def _by_ratio(scores: pl.DataFrame, name: str) -> Iterable[tuple[float, pl.DataFrame]]:
    import polars as pl

    own = scores.filter(pl.col("set") == name)
    for ratio in sorted(set(own["ratio"])):
        yield ratio, own.filter(pl.col("ratio") == ratio).select("set", "method", "question", "measure", "value")


def _at(line: Line, ratio: float) -> Line:
    """A line of the tables of retrieval as one of these."""
    out = dict(line)
    return {"set": out.pop("set"), "method": out.pop("retriever"), "ratio": ratio, **out}
