"""A study of compression in the terminal: a table per set and ratio, methods by the gold characters that stay.

It reads the results' frames and plans, and prints; it computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.compression_report_tables import Row, View, settled
from experiments.compression_tables import FULL, PROMPT
from experiments.report_words import points, quantity
from experiments.svg import short
from experiments.terminal import interval_of, percent_of, print_ending

if TYPE_CHECKING:
    from rich.console import Console

    from experiments.compare import Plan
    from experiments.compression import CompressionExperiment, CompressionResults
    from pipeline.cost.device import Device


def print_compression(results: CompressionResults, console: Console) -> None:
    """Print the tables, what they mean, and where the files are."""
    view = View(results)
    for name in results.sets:
        for ratio in view.ratios_of(name):
            console.print(_table(view, name, ratio, wide=console.width >= 110))
    console.print(
        "gold, whole: characters and whole spans of the evidence that stay, in percent, 95 % intervals clustered by "
        f"document; vs {results.baseline}: points, ● where p < 0.05 after Holm. right: answers, and points to those on "
        "the whole context. s saved: of the reader, less compressing. Measures: summary.csv; tests: comparisons.csv.",
        style="dim",
        highlight=False,
    )
    print_ending(results.folder, console, results.damaged, results.notes, results.incomplete)


def print_compression_plan(experiment: CompressionExperiment, console: Console, device: Device | None) -> None:
    """Print what a run would find and make: per set, method and ratio, then the calls of each set's reading."""
    from dataclasses import replace

    from rich.table import Table

    from experiments.dry_run import print_plan

    steps = Table("set", "method", "ratio", "per", "found", "to make", title=experiment.name, title_justify="left")
    plans = experiment.plan()
    for name, plan in plans:
        for (method, ratio), found in _by_arm(experiment, plan):
            steps.add_row(name, method, f"{ratio:g}×", found.node.per, str(found.found), str(len(found.missing)))
    console.print(steps)
    for name, plan in plans:
        if plan.calls:
            print_plan(replace(plan, stages=()), f"{experiment.name}, {name}", console, device)


def _by_arm(experiment: CompressionExperiment, plan: Plan) -> Sequence[Any]:
    by_node = {stage.node.identity: stage for stage in plan.stages}
    return [(arm, by_node[node.identity]) for arm, node in experiment.arms.items()]


def _table(view: View, name: str, ratio: float, *, wide: bool) -> Any:
    from rich import box
    from rich.table import Table

    base, read = view.results.baseline, view.mean(name, FULL, 1.0, "correct")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim", title_justify="left")
    n = len(view.results.sets[name].questions)
    table.title = f"{name} at {ratio:g}×: {n} questions of {short(view.given(name))} tokens"
    if read is not None:
        table.title += f"; right on the whole context: {100 * read['value']:.1f} %"
    against = f"vs {base}" if wide else "vs base"
    heads = ["gold", "95 %", against, *(["whole", "density", "words", "nats"] if wide else []), "reached"]
    heads += (["right", "vs whole", *(["tokens"] if wide else []), "s saved"] if read is not None else []) + ["ms"]
    table.add_column("method", min_width=12, overflow="fold")
    for head in heads:
        table.add_column(head, justify="right", overflow="fold")
    for method in view.ordered(name, ratio):
        cells = _cells(view, name, method, ratio, against)
        table.add_row(method, *(cells[head] for head in heads))
    return table


def _cells(view: View, name: str, method: str, ratio: float, against: str) -> dict[str, str]:
    at = {m: view.mean(name, method, ratio, m) for m in ("characters", "spans", "density", "words", "nll", "reached")}
    right, prompt = (view.mean(name, method, ratio, m) for m in ("correct", PROMPT))
    base, cost = view.results.baseline, view.cost(name, method, ratio) or {}
    test = view.test(name, method, ratio, "characters")
    saved = cost.get("saved_seconds")
    return {
        "gold": percent_of(at["characters"]),
        "95 %": interval_of(at["characters"]),
        against: _difference(test, method == base),
        "whole": percent_of(at["spans"]),
        "density": _plain(at["density"]),
        "words": percent_of(at["words"]),
        "nats": _plain(at["nll"]),
        "reached": _plain(at["reached"]),
        "right": percent_of(right),
        "vs whole": _difference(view.against_whole(name, method, ratio), False),
        "tokens": "–" if prompt is None else short(prompt["value"]),
        "s saved": "–" if saved is None else f"{saved:+.2f}",
        "ms": quantity(cost["ms_per_1000"]) if cost.get("ms_per_1000") is not None else "–",
    }


def _plain(row: Row | None) -> str:
    return "–" if row is None else f"{row['value']:.2f}"


def _difference(row: Row | None, baseline: bool) -> str:
    if row is None or row["diff"] is None:
        return "baseline" if baseline else "–"
    return f"{points(row['diff'], sign=True)} {'●' if settled(row) else ' '}"
