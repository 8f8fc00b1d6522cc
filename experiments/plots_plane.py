"""The report's charts in a plane or a grid (scatter with Pareto front, shares by bin, heat table) as pure functions.

As in `plots`: plain lists in, one SVG string out, the same bytes for the same lists.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from experiments.plots import SHAPE, Role, Scale, cut_label, domain, label_room, percent, row_label, upright_axis
from experiments.svg import (
    MARKERS,
    PALETTE,
    Box,
    drawing,
    escape,
    fit,
    legend,
    line,
    log_ticks,
    marker,
    num,
    paint,
    place_labels,
    short,
    text,
    text_width,
)


@dataclass(frozen=True)
class Point:
    """A route in the plane: x > 0 in units of the axis, y a share. `series` colours it; -1: coloured by its role."""

    label: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    role: Role = "route"
    series: int = -1


@dataclass(frozen=True)
class Bin:
    """A share among n questions, with its interval; None where n is 0."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the (cost, quality) points that no other point beats, by rising cost.

    A point is beaten by one that costs no more and is no worse, and is better in one of the two; twins both stay.
    """
    front: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if not front or points[i][1] > points[front[-1]][1] or points[i] == points[front[-1]]:
            front.append(i)
    return front


def scatter(
    points: Sequence[Point],
    *,
    title: str,
    x_label: str,
    y_label: str,
    width: float,
    series: Sequence[str] = (),
    noun: str = "route",
) -> str:
    """Quality (up) against a cost (right, logarithmic); the Pareto front of all but the controls is drawn as steps.

    noun: what a point stands for.
    """
    height = 430.0 if width >= 500 else 340.0
    items = [(marker(MARKERS[i % 5], 0, 0, 4.5, colour=f"series-{i % 8}"), name) for i, name in enumerate(series)]
    if not items:
        items = [
            (marker(SHAPE[r], 0, 0, 4.5, colour=r, hollow=r == "control"), words) for r, words in _roles(points, noun)
        ]
    runners = [i for i, p in enumerate(points) if p.role != "control"]
    front = [runners[i] for i in pareto_front([(points[i].x, points[i].y) for i in runners])]
    items.append((line(-7, 0, 7, 0, colour="front", width=2), f"no {noun} is both cheaper and better"))
    key, top = legend(items, width)
    top, bottom, left, right = top + 20, height - 46, 44.0, width - 12
    low, high = domain([v for p in points for v in (p.y, p.low, p.high) if v is not None])
    x_low, x_high = min(p.x for p in points) / 1.35, max(p.x for p in points) * 1.35

    def x(value: float) -> float:
        return left + (math.log(value) - math.log(x_low)) / (math.log(x_high) - math.log(x_low)) * (right - left)

    axis, y = upright_axis(left, right, top, bottom, low, high, y_label)
    body = [key, *axis]
    for tick in log_ticks(x_low, x_high, int((right - left) / 60)):
        body.append(line(x(tick), bottom, x(tick), bottom + 5, colour="axis"))
        body.append(text(x(tick), bottom + 18, short(tick), anchor="middle", colour="muted", size=11.5))
    body.append(line(left, bottom, right, bottom, colour="axis"))
    body.append(text(width / 2, height - 6, x_label, anchor="middle", colour="muted", size=11.5))
    corners = [(x(points[i].x), y(points[i].y)) for i in front]
    body.append(_steps(corners, right))
    drawn = [(a[0], a[1] - 2, b[0], a[1] + 2) for a, b in zip(corners, [*corners[1:], (right, 0.0)], strict=True)]
    drawn += [(b[0] - 2, b[1], b[0] + 2, a[1]) for a, b in pairwise(corners)]
    for p in points:
        if p.low is not None and p.high is not None:
            body.append(line(x(p.x), y(p.low), x(p.x), y(p.high), colour=_colour(p), width=1))
            drawn.append((x(p.x) - 2, y(p.high), x(p.x) + 2, y(p.low)))
    for p in points:
        shape = MARKERS[p.series % 5] if p.series >= 0 else SHAPE[p.role]
        tip = f"{p.label}: {percent(p.y)}, {short(p.x)}"
        body.append(marker(shape, x(p.x), y(p.y), 5, colour=_colour(p), hollow=p.role == "control", tip=tip))
    body.extend(_point_labels(points, front, x, y, (left, top - 6, width, bottom), drawn))
    return drawing(title, width, height, body)


def binned_lines(
    panels: Sequence[tuple[str, Sequence[Bin]]], *, title: str, x_label: str, y_label: str, width: float
) -> str:
    """Small panels on one scale from 0 to 100 %: a share with its interval per bin, its number of questions below."""
    most = max(1, int(width // (190 if width >= 500 else 150)))
    columns = -(-len(panels) // -(-len(panels) // most)) if panels else 1
    pane, tall = width / columns, 168.0
    body = [text(0, 12, y_label, colour="muted", size=11.5)]
    for k, (name, bins) in enumerate(panels):
        x0, top = pane * (k % columns) + 30, 26 + tall * (k // columns) + 20
        w, h = pane - 42, tall - 72
        body.append(text(x0, top - 8, fit(name, w, 12), weight=600))
        for tick in (0, 50, 100):
            y = top + h * (1 - tick / 100)
            body.append(line(x0, y, x0 + w, y))
            body.append(text(x0 - 5, y + 4, str(tick), anchor="end", colour="muted", size=10.5))
        body.extend(_binned(bins, x0, top, w, h))
    rows = -(-len(panels) // columns)
    body.append(text(width / 2, 26 + tall * rows + 12, x_label, anchor="middle", colour="muted", size=11.5))
    return drawing(title, width, 26 + tall * rows + 20, body)


def heat_table(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[tuple[float, int] | None]],
    *,
    title: str,
    width: float,
    signed: bool = False,
) -> str:
    """Rows by columns of (share, n), shaded by the share; columns that do not fit go on in a further band below.

    signed: the shares are differences in [-1, 1], written in points, blue above zero and orange below.
    """
    left = label_room(rows, width * (0.3 if width >= 500 else 0.36))
    band = max(1, min(len(columns), int((width - left) // 58)))
    cell, body, y = min((width - left) / band, 150.0), [], 0.0
    for start in range(0, len(columns), band):
        for j, name in enumerate(columns[start : start + band]):
            body.append(cut_label(left + cell * (j + 0.5), y + 16, name, cell - 6, anchor="middle"))
        y += 24
        for i, name in enumerate(rows):
            body.append(row_label(name, left, y + 16, "route"))
            for j, value in enumerate(cells[i][start : start + band]):
                body.extend(_heat_cell(value, left + cell * j, y, cell, f"{name}, {columns[start + j]}", signed))
            y += 34
        y += 14
    return drawing(title, width, max(y - 8, 10), body)


def _roles(points: Sequence[Point], noun: str) -> list[tuple[Role, str]]:
    words: list[tuple[Role, str]] = [("baseline", "baseline"), ("route", f"other {noun}s"), ("control", "controls")]
    return [(role, name) for role, name in words if any(p.role == role for p in points)]


def _steps(corners: Sequence[tuple[float, float]], right: float) -> str:
    if not corners:
        return ""
    path = [f"M{num(corners[0][0])} {num(corners[0][1])}"]
    for px, py in corners[1:]:
        path.append(f"H{num(px)}V{num(py)}")
    path.append(f"H{num(right)}")
    style = (
        f'class="s-front f-none" stroke="{PALETTE["front"][0]}" fill="none" stroke-width="1.6" stroke-opacity="0.75"'
    )
    return f'<path d="{"".join(path)}" {style}/>'


def _colour(p: Point) -> str:
    return f"series-{p.series % 8}" if p.series >= 0 else p.role


def _point_labels(
    points: Sequence[Point], front: Sequence[int], x: Scale, y: Scale, bounds: Box, drawn: Sequence[Box]
) -> list[str]:
    """Names beside the points, clear of the lines drawn: those on the front first, the rest as far as room allows."""
    order = [*front, *(i for i in range(len(points)) if i not in front)]
    at = [(x(points[i].x), y(points[i].y)) for i in order]
    names = [points[i].label for i in order]
    # Where every point has a series' colour, the names of a crowd would be a thicket: only those close by are written.
    reach = 20.0 if any(p.series >= 0 for p in points) else 90.0
    sizes = [(text_width(n, 12) * 1.1, 15.0) for n in names]
    boxes = place_labels(at, sizes, bounds, obstacles=drawn, reach=reach)
    out = []
    for i, (px, py), name, box in zip(order, at, names, boxes, strict=True):
        if box is None:
            continue
        left, top, right, bottom = box
        near_x, near_y = min(max(px, left), right), min(max(py, top), bottom)
        if math.hypot(near_x - px, near_y - py) > 14:
            out.append(line(px, py, near_x, near_y, colour="axis", width=0.8))
        colour = "muted" if points[i].role == "control" else "ink"
        out.append(
            text(
                (left + right) / 2, bottom - 4, name, anchor="middle", colour=colour, weight=600 if i in front else 400
            )
        )
    return out


def _binned(bins: Sequence[Bin], x0: float, top: float, w: float, h: float) -> list[str]:
    step, out, previous = w / max(len(bins), 1), [], None
    counted = all(text_width(str(b.n), 10.5) + 3 < step for b in bins)
    for i, b in enumerate(bins):
        cx = x0 + step * (i + 0.5)
        if counted:
            out.append(text(cx, top + h + 15, str(b.n), anchor="middle", colour="muted", size=10.5))
        if b.value is None:
            previous = None
            continue
        cy = top + h * (1 - b.value)
        if b.low is not None and b.high is not None:
            out.append(line(cx, top + h * (1 - b.low), cx, top + h * (1 - b.high), colour="route", width=1.4))
        if previous:
            out.append(line(*previous, cx, cy, colour="route", width=1.2))
        tip = f"{percent(b.value)} of {b.n}"
        out.append(marker("circle", cx, cy, 3.6, colour="route", tip=tip))
        previous = (cx, cy)
    if not counted and bins:
        words = f"{min(b.n for b in bins)}–{max(b.n for b in bins)} each"
        out.append(text(x0 + w / 2, top + h + 15, words, anchor="middle", colour="muted", size=10.5))
    out.append(text(x0, top + h + 30, "start", colour="muted", size=10.5))
    out.append(text(x0 + w, top + h + 30, "end", anchor="end", colour="muted", size=10.5))
    return out


def _heat_cell(value: tuple[float, int] | None, x: float, y: float, w: float, where: str, signed: bool) -> list[str]:
    if value is None or not value[1]:
        return [text(x + w / 2, y + 20, "–", anchor="middle", colour="muted")]
    mean, n = value
    words = f"{100 * mean:+.1f}".replace("-", "\u2212") if signed else f"{100 * mean:.0f} %"
    colour = "heat" if mean >= 0 else "wrong"
    # A difference of 30 points is as full as a share of 100 %.
    opacity = 0.04 + 0.96 * (min(abs(mean) / 0.3, 1) if signed else mean)
    box = f'x="{num(x + 1)}" y="{num(y + 1)}" width="{num(w - 2)}" height="32" rx="3" fill-opacity="{num(opacity)}"'
    return [
        f"<rect {box} {paint('fill', colour)}><title>{escape(f'{where}: {words}, n {n}')}</title></rect>",
        text(x + w / 2, y + 15, words, anchor="middle", weight=600),
        text(x + w / 2, y + 28, f"n {n}", anchor="middle", size=10),
    ]
