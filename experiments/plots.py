"""The report's charts in rows (dots, dumbbells, bars) as pure functions: plain lists in, one SVG string out.

The same lists give the same bytes. They know nothing of frames, studies or files. Values are shares in [0, 1] unless
said otherwise and are printed as percent; `width` is in CSS pixels, and a page draws each chart twice, for wide and for
narrow screens. Labels are cut or left out before they would overlap; the whole text of a cut label shows on hovering.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from experiments.svg import (
    MARKERS,
    PALETTE,
    drawing,
    escape,
    fit,
    legend,
    line,
    marker,
    num,
    rect,
    short,
    text,
    text_width,
    ticks,
)

Scale = Callable[[float], float]
Role = Literal["baseline", "route", "control"]
SHAPE: dict[Role, str] = {"baseline": "diamond", "route": "circle", "control": "square"}
LINE = 28  # height of a chart's row


@dataclass(frozen=True)
class Dot:
    """A share with its interval (None: not known), in one row. `value` None leaves the row empty."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    role: Role = "route"


@dataclass(frozen=True)
class Bar:
    """One stacked bar: a value for each part, in the order of the chart's parts."""

    label: str
    values: tuple[float, ...]
    note: str = ""


@dataclass(frozen=True)
class Group:
    """One row of a dumbbell: a dot for each series (None: absent), and what is written at its end."""

    label: str
    dots: tuple[Dot | None, ...]
    note: str = ""


def dot_whisker(rows: Sequence[Dot], *, title: str, x_label: str, width: float, reference: float | None = None) -> str:
    """A dot with its interval per row, a dashed line at `reference`, and the numbers in a column at the right."""
    wide = width >= 500
    notes = [_figures(d, wide) for d in rows]
    left = label_room([d.label for d in rows], width * (0.3 if wide else 0.34))
    right = width - max((text_width(n, 12) for n in notes), default=0) - 14
    low, high = domain([v for d in rows for v in (d.value, d.low, d.high) if v is not None])
    bottom = 10 + LINE * len(rows)
    body, x = _percent_axis(left, right, low, high, 6, bottom, x_label)
    if reference is not None:
        body.append(line(x(reference), 2, x(reference), bottom, colour="axis", dash="3 3"))
    for i, dot in enumerate(rows):
        y = 10 + LINE * (i + 0.5)
        if i and dot.role == "control" != rows[i - 1].role:
            body.append(line(0, y - LINE / 2, width, y - LINE / 2, colour="axis", width=0.6))
        body.append(row_label(dot.label, left, y, dot.role))
        body.append(text(width, y + 4, notes[i], anchor="end", colour="muted" if dot.role == "control" else "ink"))
        if dot.value is not None:
            body.append(_whisker(dot, x, y, dot.role))
            tip = f"{dot.label}: {_figures(dot, True)}"
            shape, hollow = SHAPE[dot.role], dot.role == "control"
            body.append(marker(shape, x(dot.value), y, 5, colour=dot.role, hollow=hollow, tip=tip))
    return drawing(title, width, bottom + 44, body)


def stacked_bars(
    bars: Sequence[Bar], parts: Sequence[tuple[str, str]], *, title: str, x_label: str, width: float, share: bool = True
) -> str:
    """A bar per row, stacked from `parts` (name, colour): 100 % of its sum, or without `share` on one common scale."""
    left = label_room([b.label for b in bars], width * (0.3 if width >= 500 else 0.32))
    noted = max((text_width(b.note, 12) for b in bars), default=0)
    right = width - (noted + 14 if noted else 22)
    key, top = legend([(rect(-6, -6, 12, 12, colour=c, radius=2), name) for name, c in parts], width)
    bottom = top + 4 + LINE * len(bars)
    longest = max((sum(b.values) for b in bars), default=0.0) or 1.0
    body = [key]
    for tick in (
        ticks(0, 100, 5 if width >= 500 else 3) if share else ticks(0, longest, max(int((right - left) / 90), 2))
    ):
        at = left + tick / (100 if share else longest) * (right - left)
        body.append(line(at, top, at, bottom))
        body.append(
            text(
                at, bottom + 17, f"{num(tick)} %" if share else _plain(tick), anchor="middle", colour="muted", size=11.5
            )
        )
    body.append(text((left + right) / 2, bottom + 36, x_label, anchor="middle", colour="muted", size=11.5))
    for i, bar in enumerate(bars):
        y, at = top + 4 + LINE * i + 4, left
        body.append(row_label(bar.label, left, y + 10, "route"))
        body.append(text(width, y + 14, bar.note, anchor="end", colour="muted") if bar.note else "")
        total = (sum(bar.values) if share else longest) or 1.0
        for (name, colour), value in zip(parts, bar.values, strict=True):
            w = value / total * (right - left)
            size = f"{short(value)} ({percent(value / total)})" if share else _plain(value)
            if value:
                body.append(rect(at, y, w, LINE - 8, colour=colour, tip=f"{bar.label}, {name}: {size}"))
                inside = short(value) if share else ""
                if inside and text_width(inside, 11) + 4 < w:
                    body.append(text(at + w / 2, y + 14, inside, anchor="middle", colour=_on(colour), size=11))
            at += w
    return drawing(title, width, bottom + 44, body)


def dumbbell(
    rows: Sequence[Group],
    series: Sequence[str],
    *,
    title: str,
    x_label: str,
    width: float,
    hollow: Sequence[int] = (),
    join: bool = True,
) -> str:
    """Rows with one marker and interval per series, one under another; `join` draws a line between the filled ones.

    hollow: series drawn in outline, outside the line.
    """
    left = label_room([g.label for g in rows], width * (0.3 if width >= 500 else 0.32))
    right = width - max((text_width(g.note, 12) for g in rows), default=0) - 14
    swatches = [_series_marker(i, 0, 0, 4.5, hollow) for i in range(len(series))]
    key, top = legend(list(zip(swatches, series, strict=True)), width)
    low, high = domain([v for g in rows for d in g.dots if d for v in (d.value, d.low, d.high) if v is not None])
    bottom = top + 4 + LINE * len(rows)
    body, x = _percent_axis(left, right, low, high, top, bottom, x_label)
    body.append(key)
    gap = min(7.0, 18 / max(len(series), 1))
    for i, group in enumerate(rows):
        y = top + 4 + LINE * (i + 0.5)
        body.append(line(0, y + LINE / 2, width, y + LINE / 2, colour="hair", width=0.6) if i < len(rows) - 1 else "")
        body.append(row_label(group.label, left, y, "route"))
        body.append(text(width, y + 4, group.note, anchor="end", colour="muted") if group.note else "")
        at = {k: y + (k - (len(series) - 1) / 2) * gap for k in range(len(series))}
        drawn = [(k, d, d.value) for k, d in enumerate(group.dots) if d and d.value is not None]
        ends = sorted((value, at[k]) for k, _, value in drawn if k not in hollow)
        if join and len(ends) > 1:
            body.append(line(x(ends[0][0]), ends[0][1], x(ends[-1][0]), ends[-1][1], colour="axis", width=2.5))
        body.extend(_whisker(d, x, at[k], f"series-{k % 8}", thin=True) for k, d, _ in drawn)
        for k, dot, value in reversed(drawn):
            tip = f"{group.label}, {series[k]}: {_figures(dot, True)}"
            body.append(_series_marker(k, x(value), at[k], 4.5, hollow, tip))
    return drawing(title, width, bottom + 44, body)


def _series_marker(k: int, x: float, y: float, r: float, hollow: Sequence[int], tip: str = "") -> str:
    return marker(MARKERS[k % 5], x, y, r, colour=f"series-{k % 8}", hollow=k in hollow, tip=tip)


def _percent_axis(
    left: float, right: float, low: float, high: float, top: float, bottom: float, label: str
) -> tuple[list[str], Scale]:
    """Grid, ticks and name of a percent axis, and the scale from share to x."""

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    body = []
    for tick in ticks(low * 100, high * 100, max(int((right - left) / 62), 2)):
        body.append(line(x(tick / 100), top, x(tick / 100), bottom))
        body.append(text(x(tick / 100), bottom + 17, num(tick), anchor="middle", colour="muted", size=11.5))
    body.append(text((left + right) / 2, bottom + 36, label, anchor="middle", colour="muted", size=11.5))
    return body, x


def upright_axis(
    left: float, right: float, top: float, bottom: float, low: float, high: float, label: str
) -> tuple[list[str], Scale]:
    """An axis of shares in percent from the bottom up, with its label above and lines across; and its scale."""

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    body = [text(0, top - 10, label, colour="muted", size=11.5)]
    for tick in ticks(low * 100, high * 100, 6):
        body.append(line(left, y(tick / 100), right, y(tick / 100)))
        body.append(text(left - 7, y(tick / 100) + 4, num(tick), anchor="end", colour="muted", size=11.5))
    return body, y


def domain(values: Sequence[float]) -> tuple[float, float]:
    """From below the least to above the greatest share, on multiples of 0.05 within [0, 1], at least 0.2 wide."""
    if not values:
        return 0.0, 1.0
    low, high = math.floor((min(values) - 0.015) * 20), math.ceil((max(values) + 0.015) * 20)
    while high - low < 4:
        low, high = low - 1, high + 1
    if low < 0:
        low, high = 0, max(high, 4)
    if high > 20:
        low, high = min(low, 16), 20
    return low / 20, high / 20


def label_room(labels: Sequence[str], most: float) -> float:
    """Width of a column of row labels with its gap, at most `most` and the gap."""
    return min(max((text_width(name, 12.5) for name in labels), default=0), most) + 12


def cut_label(
    x: float, y: float, words: str, room: float, *, anchor: str = "start", colour: str = "ink", weight: int = 400
) -> str:
    """A label cut to `room`; a cut one keeps its whole text for hovering."""
    shown = fit(words, room, 12.5)
    drawn = text(x, y, shown, anchor=anchor, colour=colour, size=12.5, weight=weight)
    return drawn if shown == words else f"<g><title>{escape(words)}</title>{drawn}</g>"


def row_label(words: str, left: float, y: float, role: Role) -> str:
    """A row's label at the left edge, centred on y: bold for the baseline, muted for controls."""
    colour, weight = ("muted", 400) if role == "control" else ("ink", 600 if role == "baseline" else 400)
    return cut_label(0, y + 4, words, left - 10, colour=colour, weight=weight)


def _whisker(dot: Dot, x: Scale, y: float, colour: str, *, thin: bool = False) -> str:
    if dot.low is None or dot.high is None:
        return ""
    return line(x(dot.low), y, x(dot.high), y, colour=colour, width=1 if thin else 2)


def _figures(dot: Dot, wide: bool) -> str:
    if dot.value is None:
        return "–"
    if not wide or dot.low is None or dot.high is None:
        return percent(dot.value)
    return f"{percent(dot.value)}  ({100 * dot.low:.1f}–{100 * dot.high:.1f})"


def percent(value: float) -> str:
    """A share as percent with one decimal."""
    return f"{100 * value:.1f} %"


def _plain(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else short(value)


def _on(colour: str) -> str:
    if colour.startswith("series"):
        return "on-right"
    return f"on-{colour}" if f"on-{colour}" in PALETTE else "ink"
