"""A study as the report reads it: arms (a reader by a route), outcomes per question, and counts taken from them.

The figures read these plain values and no frame (`report_read` makes the one from the other). It computes no test and
no mean that the summary already holds, and knows nothing of HTML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pipeline.core.records import Dataset, Question, Span

OUTCOMES = ("right", "wrong", "declined", "failed")
RETRIEVAL = ("span_recall", "span_precision", "evidence_found")
FIXED_COLUMNS = frozenset(
    "question route reader kind context cluster split answer status error finish evidence cites calls prompt_tokens "
    "completion_tokens context_tokens kept_tokens truncated cut_at gold_kept notes prompt_digest".split()
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
    counts: tuple[int, int, int, int] = (0, 0, 0, 0)
    route_only: int | None = None
    baseline_only: int | None = None
    prompt_tokens: float | None = None
    seconds: float | None = None
    money: float | None = None
    retrieval: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def settled(self) -> int:
        """+1 reliably better than the baseline, -1 reliably worse, 0 not settled.

        Reliable: p after Holm below 0.05, and the interval (clustered by document, where there is one) on that side.
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

    readers: by falling mean quality. routes: those to choose from, likewise, then the controls, which bracket them.
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

    @cached_property
    def marked(self) -> bool:
        """Whether any answer could be marked: a failed call is no mark."""
        return any(o != "failed" for outcomes in self.outcomes.values() for o in outcomes.values())

    def arm(self, reader: str, route: str) -> Arm | None:
        """The arm, or None where this reader did not take this route."""
        return self.arms.get((reader, route))

    def label(self, key: Key) -> str:
        """How an arm is called: by its route, then the reader where there are several (a cut label keeps the route)."""
        return key[1] if len(self.readers) == 1 else f"{key[1]} · {key[0]}"

    def agreement(self, reader: str, route: str) -> Agreement:
        """The route against the baseline, on the questions that both answered without failing."""
        mine, theirs = self.outcomes.get((reader, route), {}), self.outcomes.get((reader, self.baseline), {})
        counts = {(a, b): 0 for a in (True, False) for b in (True, False)}
        for q, outcome in mine.items():
            other = theirs.get(q)
            if outcome != "failed" and other not in (None, "failed"):
                counts[outcome == "right", other == "right"] += 1
        return Agreement(counts[True, True], counts[True, False], counts[False, True], counts[False, False])

    def shared(self, reader: str) -> dict[str, tuple[str, ...]]:
        """The outcomes of all candidates, in their order, by question: those that none of them failed on."""
        columns = [self.outcomes.get((reader, route), {}) for route in self.candidates]
        found = {q: tuple(c.get(q, "failed") for c in columns) for q in columns[0]} if columns else {}
        return {q: outcomes for q, outcomes in found.items() if "failed" not in outcomes}

    def success(self, keys: Sequence[Key], questions: Sequence[str]) -> tuple[float, int] | None:
        """(share right, n) of the arms' answers to these questions that were marked and did not fail; None for none."""
        right = n = 0
        for key in keys:
            outcomes = self.outcomes.get(key, {})
            marked = [o for q in questions if (o := outcomes.get(q, "failed")) != "failed"]
            right, n = right + marked.count("right"), n + len(marked)
        return (right / n, n) if n else None

    def groups(self, column: str) -> dict[str, list[str]]:
        """Questions by their value in a column of the answers (kind, or a slice); no empty values, in natural order."""
        found: dict[str, dict[str, None]] = {}
        for question, value in zip(self.answers["question"], self.answers[column], strict=True):
            if value not in (None, ""):
                found.setdefault(str(value), {})[question] = None
        return {value: list(found[value]) for value in sorted(found, key=_natural)}

    @cached_property
    def slices(self) -> list[str]:
        """The answers' columns that are neither fixed nor constant: length, domain and the like."""
        return [c for c in self.answers if c not in FIXED_COLUMNS and len(self.groups(c)) > 1]


def position_bins(study: Study, bins: int) -> tuple[list[list[str]], int]:
    """Questions by where in their context the gold evidence stands, in `bins` equal parts; how many fit no one part.

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


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts 32k before 128k."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]
