"""A study of retrieval in the terminal: a table per data set, retrievers by their primary measure.

It reads the results' frames and prints; it computes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experiments.svg import short
from experiments.terminal import interval_of, percent_of, print_ending

if TYPE_CHECKING:
    from rich.console import Console

    from experiments.retrieval import RetrievalResults

SIGNIFICANT = 0.05
_MOST = 4  # further measures that 80 columns have room for


def print_retrieval(results: RetrievalResults, console: Console) -> None:
    """Print the tables, what they mean, and where the files are."""
    for name in results.primary:
        console.print(_table(results, name, wide=console.width >= 110))
    console.print(
        f"Means in percent, 95 % intervals clustered by document; differences to {results.baseline} in points, ● where "
        "p < 0.05 after Holm. All measures: summary.csv; all tests: comparisons.csv.",
        style="dim",
        highlight=False,
    )
    print_ending(results.folder, console, results.damaged, results.notes)


def _table(results: RetrievalResults, name: str, *, wide: bool) -> Any:
    import polars as pl
    from rich import box
    from rich.table import Table

    primary = results.primary[name]
    summary = results.summary.filter(pl.col("set") == name)
    means = {(r["retriever"], r["measure"]): r for r in summary.iter_rows(named=True)}
    tests = {
        r["retriever"]: r
        for r in results.comparisons.iter_rows(named=True)
        if r["set"] == name and r["measure"] == primary
    }
    costs = {r["retriever"]: r for r in results.costs.iter_rows(named=True) if r["set"] == name}
    others = [m for m in dict.fromkeys(summary["measure"]) if m != primary][: _MOST * 2 if wide else _MOST]
    retrievers = sorted(costs, key=lambda r: -(means.get((r, primary)) or {"value": -1.0})["value"])
    n = max((row["n"] for row in means.values()), default=0)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim", title_justify="left")
    table.title = f"{name}: {n:,} questions, {short(max(c['chunks'] for c in costs.values()))} passages"
    table.add_column("retriever", min_width=12, overflow="fold")
    for head in (primary, "95 %", f"vs {results.baseline}", *others, "ms"):
        table.add_column(head, justify="right", overflow="fold")
    for retriever in retrievers:
        at, test = means.get((retriever, primary)), tests.get(retriever)
        cells = [retriever, percent_of(at), interval_of(at), _difference(test, retriever == results.baseline)]
        cells += [percent_of(means.get((retriever, m))) for m in others]
        table.add_row(*cells, f"{costs[retriever]['ms_per_question']:.1f}")
    return table


def _difference(test: dict[str, Any] | None, baseline: bool) -> str:
    if test is None:
        return "baseline" if baseline else "–"
    mark = "●" if test["p_holm"] < SIGNIFICANT else " "
    return f"{100 * test['diff']:+.1f} {mark}"
