"""One run as one HTML page that needs nothing else: no network, no font, no library.

`write_report` puts the sections together: headline and warnings, figures, the view of one question, settings. How a
page is made is `report_page`'s affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import (
    report_cells,
    report_engine,
    report_evidence,
    report_grid,
    report_kv,
    report_sections,
    report_struck,
    report_verdict,
)
from experiments import report_words as words
from experiments.report_page import asset, facts, folded, page, settings, write_page
from experiments.report_questions import Prompts, PromptView, question_data
from experiments.report_read import read_study
from experiments.report_struck import Removals
from experiments.report_study import Study
from experiments.svg import escape
from pipeline.core.records import Dataset

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Frames", "PromptView", "write_report"]

_NAMES = {
    "routes": "Table of routes",
    "quality": "Quality",
    "tokens": "Quality and tokens",
    "grid": "What was varied",
    "cells": "Cost by cell",
    "outcomes": "Outcomes",
    "kinds": "Kinds of question",
    "position": "Position of evidence",
    "retrieval": "Retrieval",
    "agreement": "Agreement",
    "struck": report_struck.NAME,
    "questions": "One question",
    "cost": "Cost",
    "engine": "Engine",
    "kv": report_kv.NAME,
    "settings": "Settings",
}  # fmt: skip
MOST_BYTES = 14_000_000  # of embedded answers, evidence and prompts; beyond, they are cut shorter


@dataclass(frozen=True)
class Frames:
    """The run's tables, one row per question, route and reader, except `scores` (long) and `summary` (per metric)."""

    answers: pl.DataFrame
    costs: pl.DataFrame
    scores: pl.DataFrame
    summary: pl.DataFrame


def write_report(
    path: Path,
    *,
    title: str,
    frames: Frames,
    dataset: Dataset,
    config: Mapping[str, Any],
    notes: Sequence[str] = (),
    prompts: Prompts | None = None,
    removals: Removals | None = None,
) -> None:
    """Write the report to `path` (whole or not at all).

    config: the resolved settings, shown as they are; `baseline`, `name`, `fingerprint` and `command` are used
    where given. notes: what a reader of the numbers must know.
    prompts: the calls behind one answer, asked once per answer; None where the prompts are not at hand.
    removals: what a compressor left out of the prompt behind one answer.
    What engines and KV policies did is read from the `calls.jsonl` beside `path`, where there is one.
    """
    study = read_study(
        title,
        dataset,
        str(config.get("baseline") or ""),
        frames.answers,
        frames.costs,
        frames.scores,
        frames.summary,
    )
    calls = report_engine.events_of(path.with_name("calls.jsonl"))
    engines = [report_engine.engine(report_engine.uses_of(calls)), report_kv.kv(calls)]
    text = _page(study, config, [*notes, *dataset.notes], prompts, removals, engines)
    write_page(path, text)


def _page(
    study: Study,
    config: Mapping[str, Any],
    notes: Sequence[str],
    prompts: Prompts | None,
    removals: Removals | None,
    engines: Sequence[str],
) -> str:
    index, blocks = question_data(study, prompts, MOST_BYTES, removals)
    sections = [
        report_sections.routes(study),
        report_sections.quality(study),
        report_sections.tokens(study),
        report_grid.grids(study, config.get("grids") or {}),
        report_cells.costs(study, (config.get("cells") or {}).get("by") or {}),
        report_sections.outcomes(study),
        report_sections.kinds(study),
        report_evidence.position(study),
        report_evidence.retrieval(study),
        report_evidence.agreement(study),
        report_struck.struck(study, removals),
        asset("questions.html"),
        report_evidence.cost(study),
        *engines,
        settings(config),
    ]
    data = [f'<script type="application/json" id="index">{index}</script>']
    data += [f'<script type="application/json" id="block-{i}">{b}</script>' for i, b in enumerate(blocks)]
    return page(study.title, _headline(study, notes), sections, _NAMES, script=asset("report.js"), data="\n".join(data))


def _headline(study: Study, notes: Sequence[str]) -> str:
    """Section 1: what was asked, the answer, the few numbers that matter, and what to beware of."""
    documents = {d for q in study.questions.values() for d in q.context} or set(study.dataset.documents)
    counted = [
        (words.number(len(study.questions)), "questions"),
        (words.number(len(documents)), "documents"),
        (str(len(study.candidates)), "routes" if len(study.candidates) != 1 else "route"),
        (str(len(study.routes) - len(study.candidates)), "controls"),
        (str(len(study.readers)), "readers" if len(study.readers) != 1 else "reader"),
    ]
    reader = study.readers[0] if len(study.readers) == 1 else ""
    lines = []
    if reader and study.marked:
        lines = [f(study, reader) for f in (report_verdict.thrift, report_verdict.headroom, report_verdict.brackets)]
    points = "".join(f"<li>{escape(said)}</li>" for said in lines if said)
    who = f"reader: {reader}" if reader else f"{len(study.readers)} readers"
    warnings = "".join(f"<li>{escape(said)}</li>" for said in _warnings(study))
    told = "".join(f"<li>{escape(said)}</li>" for said in notes)
    return (
        f"<h1>{escape(study.title)}</h1>"
        f'<p class="byline">Data: {escape(study.dataset.name)} · baseline: {escape(study.baseline)} · {escape(who)}</p>'
        f'<p class="verdict">{escape(report_verdict.verdict(study))}</p>'
        + (f'<ul class="points">{points}</ul>' if points else "")
        + facts(counted)
        + (f'<aside class="warnings"><h2>Beware</h2><ul>{warnings}</ul></aside>' if warnings else "")
        + (f'<aside class="notes"><h2>Notes</h2>{folded(told, len(notes))}</aside>' if told else "")
    )


def _warnings(study: Study) -> list[str]:
    """What makes the numbers less than they seem: missing rows, unequal failures, cut documents."""
    found = []
    rows, wanted = len(study.answers["question"]), len(study.questions) * len(study.columns)
    if rows < wanted:
        there, all_of_them = words.number(rows), words.number(wanted)
        found.append(f"Incomplete: {there} of {all_of_them} answers are there.")
    uneven = []
    for reader in study.readers:
        arms = [a for r in study.candidates if (a := study.arm(reader, r))]
        if len({a.counts[3] for a in arms}) > 1:
            uneven.append((reader, ", ".join(f"{a.route} {a.counts[3]}" for a in arms if a.counts[3])))
    if uneven:
        who = (
            f"{uneven[0][0]} (failed: {uneven[0][1]})"
            if len(uneven) == 1
            else f"{len(uneven)} of {len(study.readers)} readers"
        )
        tested = any(a.diff.mean is not None for a in study.arms.values())
        consequence = (
            "Differences are taken on the questions that both routes answered." if tested else "They are not compared."
        )
        found.append(f"Unequal coverage: calls failed on different numbers of questions for {who}. {consequence}")
    for route in study.routes:
        rows_cut = [i for i, t in enumerate(study.answers["truncated"]) if t and study.answers["route"][i] == route]
        lost = sum(study.answers["gold_kept"][i] is False for i in rows_cut)
        if rows_cut:
            gone = f", and gold evidence was lost in {words.number(lost)} of them" if lost else ""
            count = words.number(len(rows_cut))
            found.append(f"{route}: the context did not fit and was cut in {count} prompts{gone}.")
    return found
