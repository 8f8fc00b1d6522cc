"""The report's section on a grid of settings: quality along the number that was varied, a curve per other setting.

It reads a `Study` and the grid's axes; which routes a grid stands for is `config.grid_routes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments import report_words as words
from experiments.config import grid_routes
from experiments.plots_curves import Knot, curves
from experiments.report_html import figure, paragraph, section
from experiments.report_study import Arm, Study
from experiments.svg import escape


def grids(study: Study, axes_of: Mapping[str, Mapping[str, Sequence[Any]]]) -> str:
    """A section with a chart for each grid and reader; empty where the study has no grid with a number in it."""
    parts = []
    for name, axes in axes_of.items():
        along = next((key for key, values in axes.items() if all(_is_number(v) for v in values)), None)
        if along is None:
            continue
        for reader in study.readers:
            arms = {r: a for r in grid_routes(name, axes) if (a := study.arm(reader, r)) and a.quality.mean is not None}
            if arms:
                heading = f"<h3>{escape(reader)}</h3>" if len(study.readers) > 1 else ""
                parts += [
                    heading,
                    paragraph(_finding(name, axes, along, arms), "finding"),
                    _chart(study, reader, name, axes, along, arms),
                ]
    return section("grid", "How does quality change with what was varied?", *parts) if parts else ""


def _series(name: str, axes: Mapping[str, Sequence[Any]], along: str, arms: Mapping[str, Arm]) -> dict[str, list[Knot]]:
    """A curve per combination of the other settings."""
    series: dict[str, list[Knot]] = {}
    for route, point in grid_routes(name, axes).items():
        if route in arms and point[along] > 0:
            others = ", ".join(str(v) for key, v in point.items() if key != along) or name
            q = arms[route].quality
            series.setdefault(others, []).append(Knot(float(point[along]), q.mean or 0.0, q.low, q.high))
    return series


def _finding(name: str, axes: Mapping[str, Sequence[Any]], along: str, arms: Mapping[str, Arm]) -> str:
    """Where the peak of the curves' mean lies, and how far the curves lie apart at most."""
    series = _series(name, axes, along, arms)
    by_x: dict[float, list[float]] = {}
    for knots in series.values():
        for knot in knots:
            by_x.setdefault(knot.x, []).append(knot.y)
    means = {x: sum(ys) / len(ys) for x, ys in by_x.items()}
    peak, widest = max(means, key=lambda x: (means[x], -x)), max(by_x, key=lambda x: max(by_x[x]) - min(by_x[x]))
    told = f"Best at {along} {words.number(peak)}, with {words.percent(means[peak])} right"
    if len(series) > 1:
        apart = max(by_x[widest]) - min(by_x[widest])
        told += f", the mean of {len(series)} curves, which differ by at most {words.points(apart)} points"
        told += f" ({along} {words.number(widest)})"
    return f"{told}. Which differences are settled, the table of routes tells."


def _chart(
    study: Study, reader: str, name: str, axes: Mapping[str, Sequence[Any]], along: str, arms: Mapping[str, Arm]
) -> str:
    found = _series(name, axes, along, arms)
    whole = study.arm(reader, "lc")
    level = ("lc", whole.quality.mean) if whole and whole.quality.mean is not None else None
    return figure(
        lambda width: curves(
            list(found.items()),
            title=f"Quality of {name} by {along}",
            x_label=f"{along} (log scale)",
            y_label="questions answered right (%)",
            width=width,
            reference=level,
        ),
        "a mark is the share of questions answered right, the thin line its 95 % interval clustered by document."
        + (" The dashed level is the whole document." if level else ""),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
