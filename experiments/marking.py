"""Marking answers: from transcripts to outcomes and metric values, remembered row by row.

Four outcomes are kept apart: right, wrong, declined, failed. A failed call is never marked; an answer without a known
gold answer is `unmarked`. Where people judged an answer, their label replaces the scorer, which is then measured
against them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.config import Scoring
from experiments.tables import PRIMARY, Row, evidence_scores
from pipeline.core.run import Log, Watcher, rows_cached
from pipeline.core.store import Store
from pipeline.reading import Job, Transcript
from pipeline.score.offline import Item, OfflineScorer
from pipeline.score.refusal import declines
from pipeline.score.text import METRICS

Labels = Mapping[tuple[str, str, str], str]


@dataclass(frozen=True)
class Marking:
    """What marks depend on: the scorer, the further metrics, and whether the encoder helps."""

    scorer: OfflineScorer
    metrics: tuple[str, ...]
    encoder: bool

    @property
    def version(self) -> int:
        """The scorer's own."""
        return self.scorer.version


def mark(
    jobs: Sequence[Job],
    transcripts: Sequence[Transcript],
    scoring: Scoring,
    labels: Labels,
    store: Store,
    *,
    log: Log,
    watcher: Watcher,
) -> tuple[list[Row], set[str]]:
    """The marked rows in the jobs' order, and the keys of the stored marks."""
    marking = Marking(OfflineScorer(), scoring.metrics, scoring.encoder)
    marked = [
        i
        for i, (job, done) in enumerate(zip(jobs, transcripts, strict=True))
        if done.reply and done.reply.completion.status == "ok" and job.question.has_gold
    ]
    items = [_item(jobs[i], transcripts[i]) for i in marked]
    keyed = [
        (f"{jobs[i].question.id} {jobs[i].route_name} {jobs[i].reader.label}", _parts(item))
        for i, item in zip(marked, items, strict=True)
    ]

    def make(rows: list[int]) -> Iterable[dict[str, Any]]:
        batch = [items[r] for r in rows]
        marks = marking.scorer.mark(batch, _encode if marking.encoder else None)
        for item, verdict in zip(batch, marks, strict=True):
            yield {
                "outcome": verdict.outcome,
                "offline": float(verdict.score),
                "why": verdict.why,
                **{name: _text_metric(name, item) for name in marking.metrics},
            }

    values, keys = rows_cached(store, marking, keyed, make, log=log, watcher=watcher)
    verdicts = dict(zip(marked, values, strict=True))
    rows = []
    for i, (job, done) in enumerate(zip(jobs, transcripts, strict=True)):
        label = labels.get((job.reader.label, job.question.id, job.route_name))
        rows.append(_row(job, done, verdicts.get(i), label, marking.metrics))
    return rows, keys


def agreement_with_labels(rows: Sequence[Row], labels: Labels) -> dict[str, Any]:
    """How far the scorer agrees with people, over the answers that both judged: counts, share, Cohen's kappa."""
    pairs = [
        (label, str(own))
        for row in rows
        if (label := labels.get((row.job.reader.label, row.job.question.id, row.job.route_name)))
        and (own := row.scorer_outcome) is not None
        and label != "failed"
    ]
    names = ("right", "wrong", "declined")
    table = {a: {b: sum(p == (a, b) for p in pairs) for b in names} for a in names}
    n = len(pairs)
    same = sum(table[a][a] for a in names)
    chance = sum(sum(table[a].values()) * sum(table[b][a] for b in names) for a in names)
    right = sum((a == "right") == (b == "right") for a, b in pairs)
    expected = chance / n**2 if n else 0.0
    return {
        "n": n,
        "agreement": same / n if n else None,
        "agreement_on_right": right / n if n else None,
        "cohen_kappa": (same / n - expected) / (1 - expected) if n and expected < 1 else None,
        "labels_by_scorer": table,
    }


def _row(
    job: Job, done: Transcript, verdict: Mapping[str, Any] | None, label: str | None, metrics: Sequence[str]
) -> Row:
    if done.reply is None:
        raise RuntimeError(f"route {job.route_name} never replied to {job.question.id}")
    failed = done.reply.completion.status == "failed" or label == "failed"
    own = str(verdict["outcome"]) if verdict else None
    status = "failed" if failed else label or own or "unmarked"
    known = None if failed or status == "unmarked" else float(status == "right")
    scores: dict[str, float | None] = {PRIMARY: known, "offline": verdict["offline"] if verdict else None}
    scores |= {name: verdict[name] if verdict else None for name in metrics}
    scores |= evidence_scores(job.question, done.reply.prompt.spans)
    return Row(job, done, status, scores, scorer_outcome=own)


def _item(job: Job, done: Transcript) -> Item:
    if done.reply is None:
        raise RuntimeError(f"route {job.route_name} never replied to {job.question.id}")
    question = job.question
    return Item(question.text, done.reply.completion.text, question.golds, question.answerable)


def _parts(item: Item) -> list[str]:
    return [item.question, item.answer, json.dumps(item.golds), str(item.answerable)]


def _text_metric(name: str, item: Item) -> float:
    """An unanswerable question's gold is the empty answer, and declining is giving it (SQuAD 2.0)."""
    if item.answerable is False:
        return float(declines(item.answer))
    return METRICS[name](item.answer, item.golds)


def _encode(texts: Sequence[str]) -> Any:
    from retrievers.encode import encode_texts

    return encode_texts(texts)
