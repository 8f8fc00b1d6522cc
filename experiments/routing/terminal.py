"""The study of routing in the terminal: the mean rows of policies.csv, and where the rest is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.routing.report_rows import MEAN

if TYPE_CHECKING:
    from rich.console import Console

    from experiments.routing.study import RoutingRun


def print_routing(run: RoutingRun, out: Console) -> None:
    """One line per policy: the mean over readers."""
    from rich.table import Table

    results = run.results
    table = Table(title=results.title, title_justify="left", title_style="")
    for name, side in (("policy", "left"), ("right", "right"), ("gain", "right"), ("95 %", "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    table.add_column("whole documents", justify="right")
    table.add_column("cost", justify="right")
    for row in (r for r in results.policies if r.reader == MEAN):
        limits = (
            "" if row.ci_low is None or row.ci_high is None else f"{100 * row.ci_low:+.1f} to {100 * row.ci_high:+.1f}"
        )
        style = "bold" if row.policy in results.learned else "dim" if row.policy in results.bounds else ""
        table.add_row(
            row.policy,
            f"{100 * row.quality:.1f}",
            f"{100 * row.gain:+.2f}",
            limits,
            f"{row.lc_share:.0%}",
            f"{row.cost:.1f}",
            style=style,
        )
    out.print(table)
    out.print(
        f"Percent of questions right, mean of {len(results.readers)} readers; gain in points over each reader's better "
        f"fixed route; cost: {results.cost_label}.",
        highlight=False,
    )
    for note in run.notes:
        out.print(f"[yellow]note[/] {note}", highlight=False)
    out.print(f"policy: {run.folder / 'policy.json'}", highlight=False, soft_wrap=True)
    out.print(f"report: {run.folder / 'report.html'}", highlight=False, soft_wrap=True)
