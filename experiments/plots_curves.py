"""Curves: shares along a number that a study varied, a line per series, as pure functions.

As in `plots`: plain lists in, one SVG string out, the same bytes for the same lists.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from experiments.plots import domain, percent, upright_axis
from experiments.svg import MARKERS, drawing, legend, line, marker, num, short, text


@dataclass(frozen=True)
class Knot:
    """A share at x > 0 with its interval (None: not known)."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


def curves(
    series: Sequence[tuple[str, Sequence[Knot]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    width: float,
    reference: tuple[str, float] | None = None,
    marks: Sequence[float] = (),
) -> str:
    """A line per series over a logarithmic x that has a tick at every value, or at `marks`, and a named dashed level.

    Series are set beside one another by a few pixels, so that their intervals do not cover each other.
    """
    height = 380.0 if width >= 500 else 320.0
    swatches = [
        (marker(MARKERS[i % 5], 0, 0, 4.5, colour=f"series-{i % 8}"), name) for i, (name, _) in enumerate(series)
    ]
    if reference:
        swatches.append((line(-7, 0, 7, 0, colour="axis", dash="3 3", width=2), reference[0]))
    key, top = legend(swatches, width)
    top, bottom, left, right = top + 20, height - 46, 44.0, width - 16
    knots = [k for _, found in series for k in found]
    known = [v for k in knots for v in (k.y, k.low, k.high) if v is not None] + ([reference[1]] if reference else [])
    low, high = domain(known)
    xs = sorted({k.x for k in knots} | set(marks))
    room = 4.0 * len(series)

    def x(value: float) -> float:
        if len(xs) < 2:
            return (left + right) / 2
        share = (math.log(value) - math.log(xs[0])) / (math.log(xs[-1]) - math.log(xs[0]))
        return left + room + share * (right - left - 2 * room)

    axis, y = upright_axis(left, right, top, bottom, low, high, y_label)
    body = [key, *axis]
    for value in marks or xs:
        body.append(line(x(value), bottom, x(value), bottom + 5, colour="axis"))
        body.append(text(x(value), bottom + 18, short(value), anchor="middle", colour="muted", size=11.5))
    body.append(line(left, bottom, right, bottom, colour="axis"))
    body.append(text((left + right) / 2, height - 6, x_label, anchor="middle", colour="muted", size=11.5))
    if reference:
        body.append(line(left, y(reference[1]), right, y(reference[1]), colour="axis", dash="3 3"))
    for i, (name, found) in enumerate(series):
        colour, shift = f"series-{i % 8}", 5.0 * (i - (len(series) - 1) / 2)
        ordered = sorted(found, key=lambda k: k.x)
        for a, b in pairwise(ordered):
            body.append(line(x(a.x) + shift, y(a.y), x(b.x) + shift, y(b.y), colour=colour, width=1.6))
        for k in ordered:
            at = x(k.x) + shift
            if k.low is not None and k.high is not None:
                body.append(line(at, y(k.low), at, y(k.high), colour=colour, width=0.8))
            tip = f"{name}, {num(k.x)}: {percent(k.y)}"
            body.append(marker(MARKERS[i % 5], at, y(k.y), 4, colour=colour, tip=tip))
    return drawing(title, width, height, body)
