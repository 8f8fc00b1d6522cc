"""A study as the report reads it: arms (a reader by a route), outcomes per question, and counts taken from them.

It turns the run's frames into plain values once, so that the figures need no frame. It computes no test and no mean that
the summary already holds, and knows nothing of HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.core.records import Dataset, Question, Span

if TYPE_CHECKING:
    import polars as pl

CONTROLS = ("closed_book", "oracle", "random")
OUTCOMES = ("right", "wrong", "declined", "failed")
RETRIEVAL = ("span_recall", "span_precision", "evidence_found")
FIXED_COLUMNS = frozenset(
    "question route reader kind context cluster split answer status error finish evidence cites calls prompt_tokens "
    "completion_tokens context_tokens kept_tokens truncated cut_at gold_kept prompt_digest".split()
)

Key = tuple[str, str]  # (reader, route)


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval; None where unknown."""

    mean: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Arm:
    """One route with one reader, as the summary has it. Shares are fractions; diff is route minus baseline.

    counts: right, wrong, declined, failed. p_holm: p after Holm's adjustment over the study's comparisons.
    """

    reader: str
    route: str
    quality: Estimate = field(default_factory=lambda: Estimate(None))
    diff: Estimate = field(default_factory=lambda: Estimate(None))
    p: float | None = None
    p_holm: float | None = None
    n: int = 0
    clusters: int = 0
    counts: tuple[int, int, int, int] = (0, 0, 0, 0)
    coverage: float | None = None
    route_only: int | None = None
    baseline_only: int | None = None
    regret: float | None = None
    prompt_tokens: float | None = None
    seconds: float | None = None
    money: float | None = None
    retrieval: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def settled(self) -> int:
        """+1 reliably better than the baseline, -1 reliably worse, 0 not settled.

        Reliable: p after Holm below 0.05, and the interval (clustered by document, where there is one) on the same side.
        """
        if self.diff.mean is None or self.p_holm is None or self.p_holm >= 0.05 or self.diff.mean == 0:
            return 0
        side = 1 if self.diff.mean > 0 else -1
        near = self.diff.low if side > 0 else self.diff.high
        return side if near is None or near * side > 0 else 0


@dataclass(frozen=True)
class Agreement:
    """Questions that both arms answered without failing: both right, one alone, neither."""

    both: int
    route_only: int
    baseline_only: int
    neither: int


@dataclass(frozen=True)
class Study:
    """A run, in plain values. Columns of `answers` and `costs` are lists in one order, that of the answers' frame.

    routes: those to choose from by falling mean quality, then the controls, which bracket the result. readers: by falling mean quality.
    outcomes: right, wrong, declined or failed by arm and question; a question that nobody marked is absent.
    """

    title: str
    baseline: str
    readers: tuple[str, ...]
    routes: tuple[str, ...]
    controls: frozenset[str]
    arms: Mapping[Key, Arm]
    outcomes: Mapping[Key, Mapping[str, str]]
    found: Mapping[Key, Mapping[str, bool]]
    answers: Mapping[str, list[Any]]
    costs: Mapping[str, list[Any]]
    dataset: Dataset

    @cached_property
    def questions(self) -> dict[str, Question]:
        """The questions that were asked, by id, in the data set's order; the others of the data set are left out."""
        asked = set(self.answers["question"])
        return {q.id: q for q in self.dataset.questions if q.id in asked}

    @cached_property
    def candidates(self) -> tuple[str, ...]:
        """The routes to choose from."""
        return tuple(r for r in self.routes if r not in self.controls)

    @cached_property
    def columns(self) -> tuple[Key, ...]:
        """All arms in display order: reader by reader, the routes in their order."""
        return tuple(
            (reader, route) for reader in self.readers for route in self.routes if (reader, route) in self.arms
        )

    def arm(self, reader: str, route: str) -> Arm | None:
        """The arm, or None where this reader did not take this route."""
        return self.arms.get((reader, route))

    def label(self, key: Key) -> str:
        """How an arm is called: by its route, with the reader where there are several."""
        return key[1] if len(self.readers) == 1 else f"{key[0]} · {key[1]}"

    def agreement(self, reader: str, route: str) -> Agreement:
        """The route against the baseline, on the questions that both answered without failing."""
        mine, theirs = self.outcomes.get((reader, route), {}), self.outcomes.get((reader, self.baseline), {})
        counts = {(a, b): 0 for a in (True, False) for b in (True, False)}
        for q, outcome in mine.items():
            other = theirs.get(q)
            if outcome != "failed" and other not in (None, "failed"):
                counts[outcome == "right", other == "right"] += 1
        return Agreement(counts[True, True], counts[True, False], counts[False, True], counts[False, False])

    def any_right(self, reader: str) -> tuple[int, int]:
        """(questions that at least one candidate route got right, questions that any candidate's answer was marked for)."""
        marked: set[str] = set()
        right: set[str] = set()
        for route in self.candidates:
            outcomes = self.outcomes.get((reader, route), {})
            marked.update(outcomes)
            right.update(q for q, outcome in outcomes.items() if outcome == "right")
        return len(right), len(marked)

    def success(self, key: Key, questions: Iterable[str]) -> tuple[float, int] | None:
        """(share right, n) among the given questions that were marked and did not fail; None where there are none."""
        outcomes = self.outcomes.get(key, {})
        marked = [outcomes[q] for q in questions if outcomes.get(q, "failed") != "failed"]
        return (sum(o == "right" for o in marked) / len(marked), len(marked)) if marked else None

    def groups(self, column: str) -> dict[str, list[str]]:
        """Questions by their value in a column of the answers (kind, or a slice), empty values left out, in natural order."""
        found: dict[str, dict[str, None]] = {}
        for question, value in zip(self.answers["question"], self.answers[column], strict=True):
            if value not in (None, ""):
                found.setdefault(str(value), {})[question] = None
        return {value: list(found[value]) for value in sorted(found, key=_natural)}

    @cached_property
    def slices(self) -> list[str]:
        """The answers' columns that are neither fixed nor constant: length, domain and the like."""
        return [c for c in self.answers if c not in FIXED_COLUMNS and len(self.groups(c)) > 1]


def read_study(
    title: str,
    dataset: Dataset,
    baseline: str,
    controls: Iterable[str],
    answers: pl.DataFrame,
    costs: pl.DataFrame,
    scores: pl.DataFrame,
    summary: pl.DataFrame,
) -> Study:
    """The frames as a `Study`; `baseline` may be empty, then the summary's own or the first route is taken."""
    table = answers.to_dict(as_series=False)
    rows = summary.to_dicts()
    keys = dict.fromkeys(zip(table["reader"], table["route"], strict=True))
    outcomes: dict[Key, dict[str, str]] = {}
    found: dict[Key, dict[str, bool]] = {}
    wanted = scores.filter(scores["metric"].is_in(["correct", "evidence_found"]))
    for q, route, reader, metric, value, status in wanted.select(
        "question", "route", "reader", "metric", "value", "status"
    ).iter_rows():
        if metric == "correct":
            if status in OUTCOMES:
                outcomes.setdefault((reader, route), {})[q] = status
        elif value is not None:
            found.setdefault((reader, route), {})[q] = value >= 0.5
    primary = {(r["reader"], r["route"]): r for r in rows if r["metric"] == "correct"}
    arms = {key: _arm(key, primary.get(key), outcomes.get(key, {}), rows) for key in keys}
    stated = next((r["baseline"] for r in rows if r.get("baseline")), "")
    routes = _by_quality(dict.fromkeys(k[1] for k in keys), arms, 1)
    aside = frozenset(controls)
    routes = [r for r in routes if r not in aside] + sorted(r for r in routes if r in aside)
    baseline = baseline or stated or ("lc" if "lc" in routes else routes[0] if routes else "")
    return Study(
        title=title,
        baseline=baseline,
        readers=tuple(_by_quality(dict.fromkeys(k[0] for k in keys), arms, 0)),
        routes=tuple(routes),
        controls=aside,
        arms=arms,
        outcomes=outcomes,
        found=found,
        answers=table,
        costs=_aligned(table, costs),
        dataset=dataset,
    )


def position_bins(study: Study, bins: int) -> tuple[list[list[str]], int]:
    """Questions by where in their context the gold evidence stands, in `bins` equal parts; and how many fit no one part.

    A context is its documents end to end, in characters; a question of the whole collection counts within the document
    that holds its evidence. A span stands where its middle is; evidence in several parts, or in a document whose text
    is not at hand, fits none.
    """
    parts: list[list[str]] = [[] for _ in range(bins)]
    outside = 0
    for q in study.questions.values():
        if not q.evidence:
            continue
        places = {_part(study.dataset, q, span, bins) for span in q.evidence}
        place = places.pop() if len(places) == 1 else None
        if place is None:
            outside += 1
        else:
            parts[place].append(q.id)
    return parts, outside


def _part(dataset: Dataset, q: Question, span: Span, bins: int) -> int | None:
    before, length = 0, 0
    for doc in q.context or (span.doc,):
        document = dataset.documents.get(doc)
        if document is None or document.text is None:
            return None
        if doc == span.doc:
            before = length
        length += len(document.text)
    if not length or span.doc not in (q.context or (span.doc,)):
        return None
    return min(int((before + (span.start + span.end) / 2) / length * bins), bins - 1)


def _arm(
    key: Key, row: Mapping[str, Any] | None, outcomes: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> Arm:
    reader, route = key
    if row is None:
        values = list(outcomes.values())
        counts = (values.count("right"), values.count("wrong"), values.count("declined"), values.count("failed"))
        return Arm(reader, route, n=len(values), counts=counts)
    retrieval = {}
    for r in rows:
        if r["route"] == route and r["reader"] in (reader, "", None) and r["metric"] in RETRIEVAL:
            retrieval[r["metric"]] = Estimate(_float(r["mean"]), _float(r["ci_low"]), _float(r["ci_high"]))
    return Arm(
        reader=reader,
        route=route,
        quality=Estimate(_float(row["mean"]), _float(row["ci_low"]), _float(row["ci_high"])),
        diff=Estimate(_float(row["diff"]), _float(row["diff_low"]), _float(row["diff_high"])),
        p=_float(row["p"]),
        p_holm=_float(row["p_holm"]),
        n=int(row["n"] or 0),
        clusters=int(row["clusters"] or 0),
        counts=tuple(int(row[o] or 0) for o in OUTCOMES),  # type: ignore[arg-type]
        coverage=_float(row["coverage"]),
        route_only=_int(row["route_only"]),
        baseline_only=_int(row["baseline_only"]),
        regret=_float(row["regret"]),
        prompt_tokens=_float(row["prompt_tokens"]),
        seconds=_float(row["seconds"]),
        money=_float(row["money"]),
        retrieval={m: e for m, e in retrieval.items() if e.mean is not None},
    )


def _by_quality(names: Iterable[str], arms: Mapping[Key, Arm], part: int) -> list[str]:
    def mean(name: str) -> float:
        known = [a.quality.mean for k, a in arms.items() if k[part] == name and a.quality.mean is not None]
        return sum(known) / len(known) if known else -1.0

    return sorted(names, key=lambda name: (-mean(name), name))


def _aligned(answers: Mapping[str, list[Any]], costs: pl.DataFrame) -> dict[str, list[Any]]:
    """The costs' columns in the answers' order; None where a row has no costs."""
    columns = costs.to_dict(as_series=False)
    ids = zip(columns["question"], columns["route"], columns["reader"], strict=True)
    place = {key: i for i, key in enumerate(ids)}
    order = [place.get(k) for k in zip(answers["question"], answers["route"], answers["reader"], strict=True)]
    return {
        name: [None if i is None else values[i] for i in order]
        for name, values in columns.items()
        if name not in ("question", "route", "reader")
    }


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts 32k before 128k."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _float(value: Any) -> float | None:
    """A finite number, or None: empty cells of a CSV file, nulls and NaN are all unknown."""
    if value is None or value == "":
        return None
    number = float(value)
    return number if number == number and abs(number) != float("inf") else None


def _int(value: Any) -> int | None:
    number = _float(value)
    return None if number is None else int(number)
