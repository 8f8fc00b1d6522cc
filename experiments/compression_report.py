"""The report of a study of compression: per set what stays of the evidence and what a reader makes of it; the cost.

It reads the results' frames. What a page is made of is `report_page`, how a chart is drawn `plots_curves`, how removed
text is shown `report_struck`, the tables are in `compression_report_tables`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments import report_page, report_struck
from experiments import report_words as words
from experiments.compression_report_tables import SIGNIFICANT, View, answers_table, cost_table, evidence_table, settled
from experiments.compression_tables import FULL, PROMPT
from experiments.plots_curves import Knot, curves
from experiments.report_html import figure, paragraph, section
from experiments.svg import escape

if TYPE_CHECKING:
    from experiments.compression import CompressionResults


def write_compression_report(results: CompressionResults, title: str, config: Mapping[str, Any]) -> None:
    """Write `report.html` into the run's folder."""
    view = View(results)
    sections = [_set(view, name) for name in results.sets]
    sections += [_cost(view), _removed(view), report_page.settings(config)]
    names = {f"set-{name}": name for name in results.sets}
    names |= {"cost": "Cost", "struck": report_struck.NAME, "settings": "Settings"}
    text = report_page.page(title, _headline(view, title), sections, names)
    report_page.write_page(results.folder / "report.html", text)


def _headline(view: View, title: str) -> str:
    results = view.results
    said = "".join(f"<li>{escape(_verdict(view, name))}</li>" for name in results.sets)
    questions = sum(len(dataset.questions) for dataset in results.sets.values())
    counted = [
        (words.number(len(results.sets)), "data sets" if len(results.sets) > 1 else "data set"),
        (words.number(questions), "questions"),
        (words.number(len(view.methods)), "methods"),
        (words.number(len(view.ratios)), "ratios"),
    ]
    reader = next((r.answers["reader"][0] for r in results.readings.values()), "")
    who = f" · reader: {reader}" if reader else ""
    warnings = "".join(f"<li>{escape(line)}</li>" for line in results.incomplete)
    notes = "".join(f"<li>{escape(note)}</li>" for note in results.notes)
    return (
        f"<h1>{escape(title)}</h1>"
        f'<p class="byline">Baseline: {escape(results.baseline)} at the same ratio{escape(who)}</p>'
        f'<ul class="points">{said}</ul>'
        + report_page.facts(counted)
        + (f'<aside class="warnings"><h2>Beware</h2><ul>{warnings}</ul></aside>' if warnings else "")
        + (
            f'<aside class="notes"><h2>Notes</h2>{report_page.folded(notes, len(results.notes))}</aside>'
            if notes
            else ""
        )
    )


def _verdict(view: View, name: str) -> str:
    """A set in a sentence, at the ratio at which texts are shown."""
    ratio, base = view.results.shown_at, view.results.baseline
    told = f"{name}, at {ratio:g}×: "
    order = view.ordered(name, ratio)
    best = view.mean(name, order[0], ratio, "characters") if order else None
    if best is not None:
        told += f"{order[0]} keeps {words.percent(best['value'])} of the gold characters"
        own = view.mean(name, base, ratio, "characters")
        if order[0] != base and own is not None:
            sure = "settled" if settled(view.test(name, order[0], ratio, "characters")) else "not settled"
            told += f", {base} {words.percent(own['value'])} (the difference is {sure})"
    whole = view.mean(name, FULL, 1.0, "correct")
    if whole is None:
        return told + ("." if best is not None else "nothing could be judged.")
    marked = [(m, row) for m in order if (row := view.mean(name, m, ratio, "correct"))]
    top = max(marked, key=lambda pair: pair[1]["value"], default=None)
    told += "; " if best is not None else ""
    told += f"right answers: {words.percent(whole['value'])} on the whole context"
    return told + (f", at most {words.percent(top[1]['value'])} with {top[0]}." if top else ".")


def _set(view: View, name: str) -> str:
    dataset = view.results.sets[name]
    ratios = view.ratios_of(name)
    parts = [paragraph(_about(view, name)), _gold_chart(view, name), _answers_chart(view, name)]
    for ratio in ratios:
        parts.append(f"<h3>At {ratio:g}×</h3>")
        parts.append(evidence_table(view, name, ratio))
        parts.append(answers_table(view, name, ratio))
    if name in view.results.readings:
        parts.append(
            f'<p><a href="sets/{escape(name)}/report.html">All answers on {escape(name)}, route by route</a></p>'
        )
    elif not any(q.has_gold for q in dataset.questions):
        parts.append(paragraph("No gold answers are known for this set, so that nothing was read.", "reason"))
    return section(f"set-{name}", f"What does compression lose on {name}?", *parts)


def _about(view: View, name: str) -> str:
    dataset = view.results.sets[name]
    clusters = len({q.cluster for q in dataset.questions})
    n = len(dataset.questions)
    texts = sum(len(q.context) for q in dataset.questions) / n
    each = f" in {texts:.0f} texts each" if texts >= 1.5 else ""
    told = f"{words.number(n)} questions; contexts of {words.number(view.given(name))} tokens{each}, mean."
    least = 2.0 ** (1 - clusters)
    if least >= SIGNIFICANT:
        groups = "questions" if clusters == n else "documents"
        told += (
            f" With {clusters} {groups}, no paired test can come below p {words.p_value(least)}: no difference can be "
            "settled here."
        )
    return told


def _gold_chart(view: View, name: str) -> str:
    given = view.given(name)
    series = [
        (
            m,
            [
                _knot(tokens["value"], row)
                for r in view.ratios_of(name)
                if (both := view.both(name, m, r))
                for tokens, row in [both]
            ],
        )
        for m in view.methods
    ]
    series = [(m, knots) for m, knots in series if knots]
    if not series:
        return paragraph("No gold evidence is known for this set: methods are judged by the reader alone.", "reason")
    marks = [given / r for r in view.ratios_of(name)]
    return figure(
        lambda width: curves(
            series, title=f"gold characters kept on {name}", x_label="tokens kept (mean)",
            y_label="gold characters kept (%)", width=width, marks=marks,
        ),
        "a line is a method, a dot one of its ratios: the share of the gold evidence's characters that stays, against "
        "the tokens that stay; whiskers are 95 % intervals clustered by document. Up and left is better.",
    )  # fmt: skip


def _answers_chart(view: View, name: str) -> str:
    whole, prompt = (view.mean(name, FULL, 1.0, m) for m in ("correct", PROMPT))
    if whole is None or prompt is None:
        return ""
    series = []
    for m in view.methods:
        found = [(view.mean(name, m, r, PROMPT), view.mean(name, m, r, "correct")) for r in view.ratios_of(name)]
        series.append((m, [_knot(tokens["value"], row) for tokens, row in found if tokens and row]))
    oracle = view.mean(name, "oracle", 1.0, "correct")
    closed = view.mean(name, "closed_book", 1.0, "correct")
    controls = [f"{words.percent(row['value'])} {said}" for row, said in (
        (oracle, "with the gold evidence alone"), (closed, "without any text")) if row]  # fmt: skip
    return figure(
        lambda width: curves(
            [s for s in series if s[1]], title=f"right answers on {name}", x_label="prompt tokens (mean)",
            y_label="right answers (%)", width=width, reference=("whole context", whole["value"]),
            marks=[prompt["value"] / r for r in view.ratios_of(name)],
        ),
        f"the share of questions that the reader answers right, against the tokens of its prompt. The dashed line is "
        f"the whole context, {words.number(prompt['value'])} tokens."
        + (f" The reader gets {words.listed(controls)}." if controls else ""),
    )  # fmt: skip


def _knot(x: float, row: Mapping[str, Any]) -> Knot:
    return Knot(max(x, 1.0), row["value"], row["ci_low"], row["ci_high"])


def _cost(view: View) -> str:
    parts = [
        paragraph(
            "Compressing is charged from cold, to each question in full. It saves time where the reader takes longer "
            "for the tokens left out than the method takes for the context: the column “pays from” says from how many "
            "milliseconds per 1,000 prompt tokens on that is so."
        )
    ]
    for name in view.results.sets:
        parts.append(f"<h3>{escape(name)}</h3>")
        parts.append(cost_table(view, name))
    return section("cost", "What does compressing cost, and what does it save?", *parts)


def _removed(view: View) -> str:
    results = view.results
    parts = [paragraph(report_struck.GUIDE)]
    for name in results.sets:
        own = [(method, found) for (of, method), found in results.struck.items() if of == name and found]
        parts += [f"<h3>{escape(name)}</h3>"] if own else []
        for method, found in sorted(own, key=lambda pair: view.methods.index(pair[0])):
            shown = report_struck.examples(found, len(found))
            parts.append(f"<details><summary>{escape(_lost(method, found))}</summary>{shown}</details>")
    if len(parts) == 1:
        return ""
    return section("struck", f"What was removed at {results.shown_at:g}×?", *parts)


def _lost(method: str, found: Sequence[report_struck.Struck]) -> str:
    worst = max(s.lost for s in found)
    return f"{method}: {words.percent(worst)} of the evidence lost at worst" if worst else f"{method}: no evidence lost"
