"""The report of a study of retrieval: a section per data set with a chart, tests and all measures; cost; settings.

It reads the results' frames; what a page is made of is `report_page`, how a chart is drawn `plots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments import report_page
from experiments import report_words as words
from experiments.plots import Dot, Role, dot_whisker
from experiments.plots_plane import Point, scatter
from experiments.report_html import Cell, Head, figure, mini_interval, paragraph, section, table
from experiments.svg import escape

if TYPE_CHECKING:
    from experiments.retrieval import RetrievalResults, Searched

SIGNIFICANT = 0.05
_SAID = {
    "ndcg": "nDCG: gain of what was found, discounted by rank",
    "mrr": "1 over the rank of the first passage that helps",
    "map": "mean average precision",
    "recall": "share of the relevant documents that was found",
    "all_gold_recall": "share of questions for which all gold evidence was found",
    "span_recall": "share of the gold evidence's characters that was found",
    "span_precision": "share of the characters found that are gold evidence",
    "coverage": "share of the gold spans that were found whole (CRUX)",
    "density": "coverage per character read, relative to the gold evidence alone (CRUX)",
    "spread": "how far the passages lie apart in the documents; 29 % is evenly spread",
}
Row = dict[str, Any]


def write_retrieval_report(
    results: RetrievalResults,
    title: str,
    config: Mapping[str, Any],
    sets: Sequence[Searched],
    figures: Mapping[str, Sequence[str]],
) -> None:
    """Write `report.html` into the run's folder. figures: further markup at the end of a set's section."""
    view = _View(results)
    sections = [_set(view, s, figures.get(s.name, ())) for s in sets]
    sections += [_cost(view, sets), report_page.settings(config)]
    names = {f"set-{s.name}": s.name for s in sets} | {"cost": "Cost", "settings": "Settings"}
    text = report_page.page(title, _headline(view, title, sets), sections, names)
    report_page.write_page(results.folder / "report.html", text)


class _View:
    """The results' rows by what they are about."""

    def __init__(self, results: RetrievalResults) -> None:
        self.results = results
        self.means: dict[tuple[str, str, str], Row] = {
            (r["set"], r["retriever"], r["measure"]): r for r in results.summary.iter_rows(named=True)
        }
        self.tests: dict[tuple[str, str, str], Row] = {
            (r["set"], r["retriever"], r["measure"]): r for r in results.comparisons.iter_rows(named=True)
        }
        self.costs: dict[tuple[str, str], Row] = {
            (r["set"], r["retriever"]): r for r in results.costs.iter_rows(named=True)
        }

    def ordered(self, searched: Searched) -> list[str]:
        """The set's retrievers, best first."""
        found = [(self.means[searched.name, r, searched.primary]["value"], r) for r in searched.retrievers]
        return [name for _, name in sorted(found, key=lambda pair: (-pair[0], pair[1]))]

    def role(self, name: str) -> Role:
        """How a retriever is drawn."""
        return "baseline" if name == self.results.baseline else "control" if name == "random" else "route"

    def settled(self, test: Row | None) -> bool:
        """Whether a difference stands: p below 0.05 after Holm."""
        return test is not None and test["p_holm"] < SIGNIFICANT


def _headline(view: _View, title: str, sets: Sequence[Searched]) -> str:
    results = view.results
    said = "".join(f"<li>{escape(_verdict(view, s))}</li>" for s in sets)
    questions = sum(len(s.questions) for s in sets)
    retrievers = {r for s in sets for r in s.retrievers}
    counted = [
        (words.number(len(sets)), "data sets" if len(sets) > 1 else "data set"),
        (words.number(questions), "questions"),
        (words.number(len(retrievers)), "retrievers"),
    ]
    notes = "".join(f"<li>{escape(note)}</li>" for note in results.notes)
    return (
        f"<h1>{escape(title)}</h1>"
        f'<p class="byline">Retrieval alone, against gold evidence · baseline: {escape(results.baseline)}</p>'
        f'<ul class="points">{said}</ul>'
        + report_page.facts(counted)
        + (
            f'<aside class="notes"><h2>Notes</h2>{report_page.folded(notes, len(results.notes))}</aside>'
            if notes
            else ""
        )
    )


def _verdict(view: _View, searched: Searched) -> str:
    """One sentence on a set: who is first, and whether that is more than noise."""
    best = view.ordered(searched)[0]
    value = view.means[searched.name, best, searched.primary]["value"]
    told = f"{searched.name}: {best} is first with {searched.primary} {100 * value:.1f} %"
    base = view.means.get((searched.name, view.results.baseline, searched.primary))
    if best == view.results.baseline or base is None:
        return f"{told}."
    test = view.tests.get((searched.name, best, searched.primary))
    told += f"; {view.results.baseline} has {100 * base['value']:.1f} %"
    return f"{told}. The difference is {'settled' if view.settled(test) else 'not settled'}."


def _set(view: _View, searched: Searched, more: Sequence[str]) -> str:
    name, primary = searched.name, searched.primary
    order = view.ordered(searched)
    dots = [
        Dot(r, m["value"], m["ci_low"], m["ci_high"], view.role(r))
        for r in order
        if (m := view.means[name, r, primary])
    ]
    base = view.means.get((name, view.results.baseline, primary))
    chart = figure(
        lambda width: dot_whisker(
            dots, title=f"{primary} on {name}", x_label=primary, width=width, reference=base["value"] if base else None
        ),
        f"a dot is the mean of {primary} ({_meaning(primary)}), the line its 95 % interval clustered by document; the "
        f"dashed line is {view.results.baseline}.",
    )
    n = max(m["n"] for (s, _, _), m in view.means.items() if s == name)
    chunks = sorted({view.costs[name, r]["chunks"] for r in order})
    sizes = words.number(chunks[0]) + (f" to {words.number(chunks[-1])}" if len(chunks) > 1 else "")
    about = f"{words.number(n)} questions with gold evidence, {sizes} passages."
    return section(
        f"set-{name}",
        f"Who finds the evidence on {name}?",
        paragraph(about),
        chart,
        _table(view, searched, order),
        *more,
    )


def _table(view: _View, searched: Searched, order: Sequence[str]) -> str:
    name, primary = searched.name, searched.primary
    measures = dict.fromkeys(m for (s, _, m) in view.means if s == name)
    others = [m for m in measures if m != primary]
    heads = [
        Head("Retriever", numeric=False),
        Head(primary, _meaning(primary)),
        Head(f"vs {view.results.baseline}", "difference in percentage points, with its 95 % interval"),
        Head("p (Holm)", "paired test against the baseline, adjusted for the number of retrievers"),
        *(Head(m, _meaning(m)) for m in others),
        Head("ms", "milliseconds per question, the question's own encoding included"),
    ]
    rows = []
    for r in order:
        at, test, role = view.means[name, r, primary], view.tests.get((name, r, primary)), view.role(r)
        interval = mini_interval(at["value"], at["ci_low"], at["ci_high"], role)
        cells = [Cell(r, r), Cell(_percent(at), at["value"], _range(at), interval, "q")]
        cells += [_difference(test, r == view.results.baseline, view.settled(test))]
        cells += [Cell(words.p_value(test["p_holm"]).removeprefix("= "), test["p_holm"]) if test else Cell("–")]
        cells += [Cell(_percent(m), m["value"]) if (m := view.means.get((name, r, o))) else Cell("–") for o in others]
        spent = view.costs[name, r]["ms_per_question"]
        rows.append((role, [*cells, Cell(words.quantity(spent), spent)]))
    return table(heads, rows, f"All measures on {name}")


def _difference(test: Row | None, baseline: bool, settled: bool) -> Cell:
    if test is None:
        return Cell("baseline" if baseline else "–", style="weak")
    low, high = test["diff_low"], test["diff_high"]
    below = "" if low is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
    mark = "● " if settled else ""
    return Cell(f"{mark}{100 * test['diff']:+.1f}", test["diff"], below, style="settled" if settled else "weak")


def _cost(view: _View, sets: Sequence[Searched]) -> str:
    charts = []
    for s in sets:
        points = [
            Point(r, max(view.costs[s.name, r]["ms_per_question"], 1e-3), m["value"], role=view.role(r))
            for r in view.ordered(s)
            if (m := view.means[s.name, r, s.primary])
        ]
        charts.append(f"<h3>{escape(s.name)}</h3>")
        charts.append(
            figure(
                lambda width, points=points, s=s: scatter(
                    points,
                    title=f"{s.primary} against time on {s.name}",
                    noun="retriever",
                    x_label="milliseconds per question",
                    y_label=s.primary,
                    width=width,
                ),
                "up is better, left is faster; the line joins retrievers that no other beats in both. The question's "
                "own encoding counts; building the index does not.",
            )
        )
    return section("cost", "What does finding more cost?", *charts)


def _meaning(measure: str) -> str:
    name, _, k = measure.partition("@")
    said = _SAID.get(name, name)
    return f"{said}, in the first {k} passages" if k else said


def _percent(row: Row) -> str:
    return f"{100 * row['value']:.1f}"


def _range(row: Row) -> str:
    return "" if row["ci_low"] is None else f"{100 * row['ci_low']:.1f}–{100 * row['ci_high']:.1f}"
