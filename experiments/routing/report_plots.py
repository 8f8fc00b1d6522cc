"""The routing report's charts as pure functions: quality against cost, gains about zero, reliability diagrams.

As in `experiments.plots`: plain lists in, one SVG string out, the same bytes for the same lists; values are fractions
and are printed in percent or points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from experiments.plots import SHAPE, Role, Scale, cut_label, label_room, percent
from experiments.report_words import points, quantity
from experiments.svg import (
    MARKERS,
    Box,
    drawing,
    fit,
    legend,
    line,
    marker,
    num,
    place_labels,
    rect,
    text,
    text_width,
    ticks,
)


@dataclass(frozen=True)
class Spot:
    """A policy in the plane of cost and quality; `series`: the number of the curve it belongs to, -1 for none."""

    label: str
    cost: float
    quality: float
    role: Role = "route"
    series: int = -1


@dataclass(frozen=True)
class Plane:
    """One panel: curves as (cost, quality) points by rising cost, and spots."""

    name: str
    curves: Sequence[Sequence[tuple[float, float]]]
    spots: Sequence[Spot]


@dataclass(frozen=True)
class Signed:
    """A difference with its interval (None: not known)."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Reliable:
    """A bin of a reliability diagram."""

    predicted: float
    observed: float
    low: float | None
    high: float | None
    n: int


def quality_against_cost(
    panels: Sequence[Plane], series: Sequence[str], *, title: str, x_label: str, y_label: str, width: float
) -> str:
    """Panels of quality (up, percent) against cost (right): a line per series, a marker per spot.

    A single panel takes the whole width and names its spots; several stand beside one another, each on scales of its
    own, and leave the names to the key and to hovering.
    """
    single = len(panels) == 1
    across = 1 if single else max(1, min(len(panels), int(width // 280)))
    pane, tall = width / across, (430.0 if width >= 500 else 360.0) if single else 232.0
    items = [
        (line(-7, 0, 7, 0, colour=f"series-{i + 1}", width=2) + _mark(i, 0, 0, 3.5), name)
        for i, name in enumerate(series)
    ]
    words: list[tuple[Role, str]] = [("baseline", "always one route"), ("route", "other rules"), ("control", "bounds")]
    shown = {s.role for p in panels for s in p.spots if s.series < 0}
    items += [(_rule(role, 0, 0, 4.5), said) for role, said in words if role in shown]
    key, top = legend(items, width)
    body = [key, text(0, top + 12, y_label, colour="muted", size=11.5)]
    for k, panel in enumerate(panels):
        x0, y0 = pane * (k % across), top + 20 + tall * (k // across)
        body.extend(_plane(panel, x0, y0, pane - (0 if single else 18), tall, single))
    height = top + 20 + tall * -(-len(panels) // across) + 14
    body.append(text(width / 2, height - 4, x_label, anchor="middle", colour="muted", size=11.5))
    return drawing(title, width, height, body)


def gains(
    rows: Sequence[tuple[str, Sequence[Signed | None]]],
    series: Sequence[str],
    *,
    title: str,
    x_label: str,
    width: float,
    strong: int = 1,
) -> str:
    """Differences in points about a line at zero: a row per name, in it a dot with its interval for every series.

    The first `strong` rows stand apart, above a line and bold.
    """
    gap = 13.0
    tall = max(28.0, 15 + gap * len(series))
    items = [(_mark(i, 0, 0, 4.5), name) for i, name in enumerate(series)] if len(series) > 1 else []
    key, top = legend(items, width)
    notes = [points(r[1][0].value, sign=True) if r[1] and r[1][0] else "–" for r in rows]
    left = label_room([name for name, _ in rows], width * (0.3 if width >= 500 else 0.34))
    right = width - max((text_width(n, 12) for n in notes), default=0) - 14
    bottom = top + 8 + tall * len(rows)
    found = [v for _, dots in rows for d in dots if d for v in (d.value, d.low, d.high) if v is not None]
    axis, x = _signed_axis(left, right, top + 4, bottom, found, x_label)
    body = [key, *axis]
    for i, (name, dots) in enumerate(rows):
        y = top + 8 + tall * (i + 0.5)
        if i == strong and i:
            body.append(line(0, y - tall / 2, width, y - tall / 2, colour="axis", width=0.8))
        weight = 650 if i < strong else 400
        body.append(cut_label(0, y + 4, name, left - 10, weight=weight))
        body.append(text(width, y + 4, notes[i], anchor="end", weight=weight))
        for k, dot in enumerate(dots):
            if dot:
                at = y + (k - (len(dots) - 1) / 2) * gap
                body.append(_whisker(dot, x, at, f"series-{k + 1}"))
                tip = f"{name}, {series[k]}: {signed_words(dot)}"
                body.append(_mark(k, x(dot.value), at, 4.5, tip))
    return drawing(title, width, bottom + 44, body)


def drops(rows: Sequence[tuple[str, str, Signed]], *, title: str, x_label: str, width: float) -> str:
    """A bar from zero with its interval per row: (name, what it is, in muted words below the name, how much)."""
    tall, wide = 42.0, width >= 500
    notes = [points(v.value, sign=True) for _, _, v in rows]
    left = min(label_room([n for n, _, _ in rows] + [fit(m, width, 11) for _, m, _ in rows], width * 0.42), width * 0.5)
    right = width - max((text_width(n, 12) for n in notes), default=0) - 14
    bottom = 8 + tall * len(rows)
    found = [v for _, _, d in rows for v in (d.value, d.low, d.high) if v is not None]
    body, x = _signed_axis(left, right, 4, bottom, found, x_label)
    for i, (name, meaning, drop) in enumerate(rows):
        y = 8 + tall * (i + 0.5)
        body.append(cut_label(0, y - 3, name, left - 10))
        shown = fit(meaning, left - 10, 11 if wide else 10.5)
        body.append(text(0, y + 12, shown, colour="muted", size=11 if wide else 10.5))
        body.append(text(width, y + 4, notes[i], anchor="end"))
        start, end = sorted((x(0), x(drop.value)))
        tip = f"{name} ({meaning}): {signed_words(drop)}"
        body.append(
            rect(
                start, y - 8, max(end - start, 1), 16, colour="heat" if drop.value >= 0 else "wrong", tip=tip, radius=2
            )
        )
        body.append(_whisker(drop, x, y, "ink"))
    return drawing(title, width, bottom + 44, body)


def reliability_diagram(
    panels: Sequence[tuple[str, Sequence[Reliable]]], *, title: str, x_label: str, y_label: str, width: float
) -> str:
    """Square panels of what came true (up) against what was expected (right), with the diagonal of honest forecasts."""
    across = max(1, min(len(panels), int(width // 270)))
    side = min(width / across - 52, 300.0)
    pane, tall = side + 52, side + 72
    body = [text(0, 12, y_label, colour="muted", size=11.5)]
    for k, (name, bins) in enumerate(panels):
        x0, y0 = pane * (k % across) + 32, 44 + tall * (k // across)

        def x(value: float, x0: float = x0) -> float:
            return x0 + side * value

        def y(value: float, y0: float = y0) -> float:
            return y0 + side * (1 - value)

        body.append(text(x0, y0 - 10, fit(name, side, 12.5), size=12.5, weight=600))
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
            body += [line(x(0), y(tick), x(1), y(tick)), line(x(tick), y(0), x(tick), y(1))]
            body.append(text(x0 - 6, y(tick) + 4, f"{100 * tick:.0f}", anchor="end", colour="muted", size=11))
            body.append(text(x(tick), y(0) + 16, f"{100 * tick:.0f}", anchor="middle", colour="muted", size=11))
        body.append(line(x(0), y(0), x(1), y(1), colour="axis", dash="4 3", width=1.4))
        for a, b in pairwise(bins):
            body.append(line(x(a.predicted), y(a.observed), x(b.predicted), y(b.observed), colour="route", width=1.4))
        for b in bins:
            if b.low is not None and b.high is not None:
                body.append(line(x(b.predicted), y(b.low), x(b.predicted), y(b.high), colour="route", width=1.6))
            tip = f"expected {percent(b.predicted)}, came true {percent(b.observed)} of {b.n}"
            body.append(marker("circle", x(b.predicted), y(b.observed), 4, colour="route", tip=tip))
    height = 44 + tall * -(-len(panels) // across) - 12
    body.append(text((32 + pane * across - 20) / 2, height - 6, x_label, anchor="middle", colour="muted", size=11.5))
    return drawing(title, width, height, body)


def mini_gain(gain: Signed, reach: float) -> str:
    """A dot with its interval about zero, as high as a line of text; `reach`: the greatest distance from zero shown."""

    def x(value: float) -> float:
        return 38 + 34 * max(-1.0, min(1.0, value / (reach or 1.0)))

    body = [line(1, 8, 75, 8), line(38, 1, 38, 15, colour="axis")]
    if gain.low is not None and gain.high is not None:
        body.append(line(x(gain.low), 8, x(gain.high), 8, colour="route", width=2))
    body.append(marker("circle", x(gain.value), 8, 3.2, colour="route"))
    return f'<svg class="mini" viewBox="0 0 76 16" width="76" height="16" aria-hidden="true">{"".join(body)}</svg>'


def signed_words(gain: Signed) -> str:
    """+2.1 points (+1.5 to +2.7)."""
    told = f"{points(gain.value, sign=True)} points"
    if gain.low is None or gain.high is None:
        return told
    return f"{told} ({points(gain.low, sign=True)} to {points(gain.high, sign=True)})"


def _mark(series: int, x: float, y: float, r: float, tip: str = "") -> str:
    return marker(MARKERS[(series + 1) % 5], x, y, r, colour=f"series-{series % 7 + 1}", tip=tip)


def _rule(role: Role, x: float, y: float, r: float, tip: str = "") -> str:
    """A policy without a curve: a diamond for a fixed route, else grey, so that it is not taken for a learned one."""
    if role == "route":
        return marker("triangle", x, y, r, colour="control", tip=tip)
    return marker(SHAPE[role], x, y, r, colour=role, hollow=role == "control", tip=tip)


def _whisker(dot: Signed, x: Scale, y: float, colour: str) -> str:
    if dot.low is None or dot.high is None:
        return ""
    return line(x(dot.low), y, x(dot.high), y, colour=colour, width=1.6)


def _signed_axis(
    left: float, right: float, top: float, bottom: float, values: Sequence[float], label: str
) -> tuple[list[str], Scale]:
    """Grid, ticks in points, name and the scale of an axis that holds zero, which is drawn strong."""
    low, high = min([0.0, *values]), max([0.0, *values])
    room = max(high - low, 0.01) * 0.06
    low, high = (low - room if low < 0 else -room), (high + room if high > 0 else room)

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    body = []
    for tick in ticks(low * 100, high * 100, max(int((right - left) / 70), 3)):
        body.append(line(x(tick / 100), top, x(tick / 100), bottom))
        words = num(tick).replace("-", "\u2212")
        body.append(
            text(
                x(tick / 100),
                bottom + 17,
                f"+{words}" if tick > 1e-9 else words,
                anchor="middle",
                colour="muted",
                size=11.5,
            )
        )
    body.append(line(x(0), top, x(0), bottom, colour="axis", width=1.6))
    # Centred under the axis, but never over the chart's edges.
    half = text_width(label, 11.5) / 2
    middle = min(max((left + right) / 2, half), max(right + 60 - half, half))
    body.append(text(middle, bottom + 36, label, anchor="middle", colour="muted", size=11.5))
    return body, x


def _fine_domain(values: Sequence[float]) -> tuple[float, float]:
    """From below the least to above the greatest share on whole points, at least 4 points wide, within [0, 1]."""
    low, high = math.floor(min(values) * 100 - 0.6), math.ceil(max(values) * 100 + 0.6)
    while high - low < 4:
        low, high = low - 1, high + 1
    return max(low, 0) / 100, min(high, 100) / 100


def _plane(panel: Plane, x0: float, y0: float, wide: float, tall: float, single: bool) -> list[str]:
    left, right, top, bottom = x0 + 36, x0 + wide - 10, y0 + (8 if single else 26), y0 + tall - 34
    at = [(c, q) for curve in panel.curves for c, q in curve] + [(s.cost, s.quality) for s in panel.spots]
    if not at:
        return []
    low, high = _fine_domain([q for _, q in at])
    most = (max(c for c, _ in at) or 1.0) * 1.06

    def x(cost: float) -> float:
        return left + cost / most * (right - left)

    def y(quality: float) -> float:
        return bottom - (quality - low) / (high - low) * (bottom - top)

    body = [] if single else [text(x0, y0 + 12, fit(panel.name, wide, 12.5), size=12.5, weight=600)]
    for tick in ticks(low * 100, high * 100, 7 if single else 4):
        body.append(line(left, y(tick / 100), right, y(tick / 100)))
        body.append(text(left - 6, y(tick / 100) + 4, num(tick), anchor="end", colour="muted", size=11))
    for tick in ticks(0, most, max(2, int((right - left) / 75))):
        body.append(line(x(tick), bottom, x(tick), bottom + 4, colour="axis"))
        body.append(text(x(tick), bottom + 17, quantity(tick), anchor="middle", colour="muted", size=11))
    body.append(line(left, bottom, right, bottom, colour="axis"))
    taken: list[Box] = []
    for i, curve in enumerate(panel.curves):
        for a, b in pairwise(curve):
            body.append(line(x(a[0]), y(a[1]), x(b[0]), y(b[1]), colour=f"series-{i % 7 + 1}", width=2))
            taken += _boxes(x(a[0]), y(a[1]), x(b[0]), y(b[1]))
    for spot in sorted(panel.spots, key=lambda s: s.series >= 0):
        tip = f"{spot.label}: {percent(spot.quality)} at {quantity(spot.cost)}"
        px, py, r = x(spot.cost), y(spot.quality), 5.5 if single else 4.2
        if spot.series >= 0:
            body.append(_mark(spot.series, px, py, r, tip))
        else:
            body.append(_rule(spot.role, px, py, r - 0.5, tip))
    return body + (_names(panel.spots, x, y, (left, top - 4, right + 10, bottom - 2), taken) if single else [])


def _boxes(x1: float, y1: float, x2: float, y2: float) -> list[Box]:
    """Small boxes along a line, which labels keep clear of."""
    n = max(1, int(math.hypot(x2 - x1, y2 - y1) / 8))
    at = [(x1 + (x2 - x1) * (i + 0.5) / n, y1 + (y2 - y1) * (i + 0.5) / n) for i in range(n)]
    return [(px - 4, py - 4, px + 4, py + 4) for px, py in at]


def _names(spots: Sequence[Spot], x: Scale, y: Scale, bounds: Box, taken: Sequence[Box]) -> list[str]:
    order = sorted(spots, key=lambda s: (s.series < 0, s.role == "control"))
    at = [(x(s.cost), y(s.quality)) for s in order]
    boxes = place_labels(at, [(text_width(s.label, 12) * 1.05, 15.0) for s in order], bounds, obstacles=taken)
    out = []
    for spot, (px, py), box in zip(order, at, boxes, strict=True):
        if box is None:
            continue
        near_x, near_y = min(max(px, box[0]), box[2]), min(max(py, box[1]), box[3])
        if math.hypot(near_x - px, near_y - py) > 14:
            out.append(line(px, py, near_x, near_y, colour="axis", width=0.8))
        colour, weight = ("muted", 400) if spot.role == "control" else ("ink", 650 if spot.series >= 0 else 400)
        out.append(text((box[0] + box[2]) / 2, box[3] - 4, spot.label, anchor="middle", colour=colour, weight=weight))
    return out
