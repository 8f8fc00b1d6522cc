"""The report's section on cost by cell: what a question takes from the reader, by route, for each value of some slices.

It reads a `Study` and which slices make a cell. How many answers are right it does not say: `table.csv` does.
"""

from __future__ import annotations

from collections.abc import Mapping

from experiments import report_words as words
from experiments.report_html import Cell, Head, paragraph, section, table
from experiments.report_study import Key, Study

GUIDE = (
    "Seconds that a question's calls took of the reader, as they ran: of an engine that answers many calls at once, a "
    "call's share by the tokens it had to compute. Below: prompt tokens to compute, which no cache held. A call that "
    "two routes share is charged to both, so a document's first question pays for reading it, whichever route that is."
)


def costs(study: Study, by: Mapping[str, str]) -> str:
    """A row per cell and a column per route and reader; empty where no slice is named, or no call took time.

    by: a column's name -> a slice of the questions, as the study's `cells.by` has it; other fields are left out.
    """
    slices = {name: s for name, s in by.items() if any(s in q.slices for q in study.questions.values())}
    seconds = study.costs["reader_seconds"]
    if not slices or not any(seconds):
        return ""
    cells: dict[tuple[str, ...], dict[Key, list[int]]] = {}
    for i, name in enumerate(study.answers["question"]):
        at = tuple(study.questions[name].slices.get(s, "") for s in slices.values())
        key = study.answers["reader"][i], study.answers["route"][i]
        cells.setdefault(at, {}).setdefault(key, []).append(i)
    heads = [*(Head(name, numeric=False) for name in slices), *(Head(study.label(k)) for k in study.columns)]
    rows = []
    for at in sorted(cells):
        drawn = [_cell(study, cells[at].get(key, [])) for key in study.columns]
        rows.append(("", [*(Cell(value, value) for value in at), *drawn]))
    title = f"What does a question cost, by {words.listed(list(slices))}?"
    shown = table(heads, rows, "Seconds of the reader per question; below, prompt tokens to compute")
    return section("cells", title, paragraph(GUIDE, "finding"), shown)


def _cell(study: Study, rows: list[int]) -> Cell:
    if not rows:
        return Cell("-")
    seconds = sum(study.costs["reader_seconds"][i] or 0.0 for i in rows) / len(rows)
    read = sum((study.answers["prompt_tokens"][i] or 0) - (study.costs["cached_tokens"][i] or 0) for i in rows)
    return Cell(words.quantity(seconds), seconds, below=f"{words.number(read / len(rows))} tokens")
