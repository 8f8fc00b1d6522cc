"""The report's sections on causes: position of the evidence, retrieval, agreement between routes, cost.

As in `report_sections`: a `Study` in, one section out; a section whose data are missing says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments import report_findings as say
from experiments import report_verdict
from experiments import report_words as words
from experiments.plots import Bar, Dot, Group, dumbbell, stacked_bars
from experiments.plots_plane import Bin, binned_lines
from experiments.report_html import Cell, Head, figure, paragraph, section, table
from experiments.report_sections import role_of
from experiments.report_study import RETRIEVAL, Key, Study, position_bins

RETRIEVAL_NAMES = [
    "gold characters in the prompt",
    "prompt characters that are gold",
    "questions with the evidence found",
]
AGREEMENT_PARTS = ["both right", "only this route", "only the baseline", "neither"]
COST_PARTS = [("index (its share)", "series-2"), ("retrieval", "series-3"), ("reader", "series-1")]
MOST_PANELS = 12

Halves = tuple[tuple[float, int] | None, tuple[float, int] | None]  # (share right, n) with all evidence, and without


def position(study: Study) -> str:
    """Section 7: success by where in the context the evidence stands."""
    title = "Does it matter where in the document the evidence stands?"
    known = sum(bool(q.evidence) for q in study.questions.values())
    bins = 10 if known >= 300 else 5
    parts, outside = position_bins(study, bins)
    placed = sum(map(len, parts))
    keys = [k for k in study.columns if k[1] in study.candidates and study.outcomes.get(k)]
    if not keys or placed < 2 * bins:
        if not known:
            reason = "Where the evidence stands is not known for these questions."
        elif not keys:
            reason = "No answer was marked."
        else:
            reason = f"Only {placed} questions have their evidence in one known place: too few to show by position."
        return section("position", title, paragraph(reason, "reason"))
    panels = _panels(study, keys, parts)
    unit = "tenth" if bins == 10 else "fifth"
    left = (
        f" {outside} questions with evidence in several {unit}s, or in a text that is not at hand, are left out."
        if outside
        else ""
    )
    pooled = " All readers together." if len(keys) > MOST_PANELS else ""
    chart = figure(
        lambda w: binned_lines(
            panels, title=title, x_label=f"where in the context the evidence stands ({unit}s)",
            y_label="questions answered right (%)", width=w,
        ),
        f"one panel per route; each dot is the share answered right among the questions whose evidence stands in that "
        f"{unit} of the context, with its 95 % interval and, below, the number of questions.{pooled}{left}",
    )  # fmt: skip
    return section("position", title, paragraph(say.position(panels), "finding"), chart)


def retrieval(study: Study) -> str:
    """Section 8: what the prompts hold of the gold evidence."""
    title = "Does the evidence reach the reader?"
    keys = [k for k in study.columns if any(e.mean for e in study.arms[k].retrieval.values())]
    if not keys:
        reason = "There is no gold evidence to hold the retrieved passages against."
        return section("retrieval", title, paragraph(reason, "reason"))
    alike = all(
        study.arms[k].retrieval == study.arms[study.readers[0], k[1]].retrieval
        for k in keys
        if (study.readers[0], k[1]) in study.arms
    )
    if alike:
        keys = [k for k in keys if k[0] == study.readers[0]]
    rows = []
    for k in keys:
        estimates = [study.arms[k].retrieval.get(m) for m in RETRIEVAL]
        dots = tuple(
            Dot(n, e.mean, e.low, e.high) if e else None for n, e in zip(RETRIEVAL_NAMES, estimates, strict=True)
        )
        rows.append(Group(k[1] if alike else study.label(k), dots))
    chart = figure(
        lambda w: dumbbell(rows, RETRIEVAL_NAMES, title=title, x_label="share (%)", width=w, join=False),
        "diamonds: how much of the gold evidence is in the prompt (span recall). Circles: how much of the prompt's "
        "document text is gold evidence (span precision). Squares: for how many questions all of it is there. Thin "
        "bars: 95 % intervals.",
    )
    split = {k: _given_evidence(study, k) for k in study.columns}
    alone = {k[1]: halves for k, halves in split.items()} if len(study.readers) == 1 else {}
    said = say.retrieval([study.arms[k] for k in keys if k[1] in study.candidates], alone)
    return section("retrieval", title, paragraph(said, "finding"), chart, _evidence_table(study, split))


def _evidence_table(study: Study, split: Mapping[Key, Halves]) -> str:
    """Success with and without the evidence in the prompt, or nothing where no arm has either."""
    if not any(a or b for a, b in split.values()):
        return ""
    heads = [
        Head("Route", numeric=False),
        Head("right with all evidence (%)", "share right among questions whose evidence was in the prompt"),
        Head("n"),
        Head("right without (%)", "share right among questions whose evidence was not, or not wholly, in the prompt"),
        Head("n"),
    ]
    rows = []
    for k, halves in split.items():
        row = [Cell(study.label(k), study.label(k))]
        for half in halves:
            row += [Cell(f"{100 * half[0]:.1f}", half[0]) if half else Cell("–")]
            row += [Cell(words.number(half[1]), half[1]) if half else Cell("0", 0)]
        if any(halves):
            rows.append((role_of(study, k[1]), row))
    return table(heads, rows, "What the evidence in the prompt is worth")


def agreement(study: Study) -> str:
    """Section 9: both, one alone, neither, against the baseline."""
    title = "Are the routes right on the same questions?"
    keys = [k for k in study.columns if k[1] in study.candidates and k[1] != study.baseline]
    counted = [(k, a) for k in keys if sum((a := study.agreement(*k)).__dict__.values())]
    if not counted:
        reason = f"No route shares marked questions with {study.baseline}."
        return section("agreement", title, paragraph(reason, "reason"))
    bars = [
        Bar(study.label(k), (float(a.both), float(a.route_only), float(a.baseline_only), float(a.neither)))
        for k, a in counted
    ]
    colours = list(zip(AGREEMENT_PARTS, ("right", "series-3", "wrong", "declined"), strict=True))
    chart = figure(
        lambda w: stacked_bars(bars, colours, title=title, x_label="share of questions (%)", width=w),
        f"each bar sorts the questions by who got them right: the route, {study.baseline}, both or neither. The two "
        "middle parts are where a choice per question could gain.",
    )
    (reader, route), widest = max(counted, key=lambda c: c[1].route_only + c[1].baseline_only)
    said = say.agreement(route, study.baseline, widest)
    if len(study.readers) > 1:
        said = f"{reader}: {said}"
    lines = [said, report_verdict.headroom(study, study.readers[0]) if len(study.readers) == 1 else ""]
    return section("agreement", title, *(paragraph(s, "finding") for s in lines), chart)


def cost(study: Study) -> str:
    """Section 11: what each route is charged from cold, and what this run spent."""
    title = "What does it cost, and what did this run spend?"
    groups: dict[Key, list[int]] = {k: [] for k in study.columns}
    for i, key in enumerate(zip(study.answers["reader"], study.answers["route"], strict=True)):
        groups[key].append(i)
    cold = {c: _sum(study.costs[c]) for c in ("intrinsic_seconds", "reader_seconds", "intrinsic_money")}
    if not any(cold.values()):
        reason = "Neither time nor price is known for these answers."
        return section("cost", title, paragraph(reason, "reason"))
    parts = [
        paragraph(say.spending(cold["reader_seconds"], _sum(study.costs["actual_seconds"]), money=False), "finding"),
        paragraph(say.spending(cold["intrinsic_money"], _sum(study.costs["actual_money"]), money=True), "finding"),
    ]
    timed = [k for k in study.columns if _mean(study.costs["intrinsic_seconds"], groups[k])]
    columns = ("build_seconds", "retrieve_seconds", "reader_seconds")
    bars = []
    for k in timed:
        values = tuple(_mean(study.costs[c], groups[k]) for c in columns)
        bars.append(Bar(study.label(k), values, f"{words.quantity(sum(values))} s"))
    if bars:
        parts.append(
            figure(
                lambda w: stacked_bars(
                    bars,
                    COST_PARTS,
                    title=title,
                    x_label="seconds per question, from cold (mean)",
                    width=w,
                    share=False,
                ),
                "each bar is the time one answer takes when nothing is remembered: the route's share of building the "
                "index, the retrieval, and all calls to the reader. Work that routes share is charged to each in full.",
            )
        )
    parts.append(_cost_table(study, groups))
    return section("cost", title, *parts)


def _cost_table(study: Study, groups: dict[Key, list[int]]) -> str:
    columns = [
        ("intrinsic_seconds", "seconds, cold", "per question, nothing remembered"),
        ("gpu_seconds", "GPU-seconds", "per question"),
        ("intrinsic_money", "money, cold, per 1,000", "per 1,000 questions, nothing remembered"),
        (
            "actual_seconds",
            "seconds, this run",
            "spent by this run on calls to the reader, over all questions of the route",
        ),
        (
            "actual_money",
            "money, this run",
            "spent by this run on calls to the reader, over all questions of the route",
        ),
        (
            "cached_tokens",
            "cached tokens",
            "prompt tokens, on all questions of the route, that the reader had read before",
        ),
    ]
    shown = [c for c in columns if any(study.costs[c[0]])]
    heads = [Head("Route", numeric=False), *(Head(name, tip) for _, name, tip in shown)]
    rows = []
    for k in study.columns:
        cells = [Cell(study.label(k), study.label(k))]
        for column, _, _ in shown:
            whole = column.startswith("actual") or column == "cached_tokens"
            value = _sum(study.costs[column], groups[k]) if whole else _mean(study.costs[column], groups[k])
            value *= 1000 if column == "intrinsic_money" else 1
            cells.append(Cell(words.number(value) if column == "cached_tokens" else words.quantity(value), value))
        rows.append((role_of(study, k[1]), cells))
    return table(heads, rows, "Charged from cold per question, and spent by this run in all")


def _panels(study: Study, keys: Sequence[Key], parts: Sequence[Sequence[str]]) -> list[tuple[str, list[Bin]]]:
    if len(keys) <= MOST_PANELS:
        return [(study.label(k), [_bin(study, [k], part) for part in parts]) for k in keys]
    return [(r, [_bin(study, [k for k in keys if k[1] == r], part) for part in parts]) for r in study.candidates]


def _bin(study: Study, keys: Sequence[Key], questions: Sequence[str]) -> Bin:
    from pipeline.score.significance import clustered_mean

    values, clusters = [], []
    for k in keys:
        outcomes = study.outcomes.get(k, {})
        for q in questions:
            if outcomes.get(q, "failed") != "failed":
                values.append(float(outcomes[q] == "right"))
                clusters.append(_cluster(study, q))
    if not values:
        return Bin(None, None, None, 0)
    found = clustered_mean(values, clusters)
    return Bin(found.mean, found.low, found.high, found.n)


def _cluster(study: Study, question: str) -> str:
    q = study.questions[question]
    return q.cluster or (q.context[0] if q.context else q.evidence[0].doc if q.evidence else q.id)


def _given_evidence(study: Study, key: Key) -> Halves:
    found = study.found.get(key, {})
    with_it, without = [q for q, f in found.items() if f], [q for q, f in found.items() if not f]
    return study.success([key], with_it), study.success([key], without)


def _sum(values: Sequence[Any], at: Sequence[int] | None = None) -> float:
    return float(sum(values[i] or 0.0 for i in at) if at is not None else sum(v or 0.0 for v in values))


def _mean(values: Sequence[Any], at: Sequence[int]) -> float:
    return _sum(values, at) / len(at) if at else 0.0
