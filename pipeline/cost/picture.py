"""A plan as one drawing: cost per thousand questions against questions per document, one line a route, on log scales.

It returns SVG text that depends on the plan alone, and needs no library and no network. Lengths are pixels.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.cost.plan import Plan
from pipeline.cost.shown import whole

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
COLOURS = {
    "lc": "#1a6bb0",
    "rag": "#c2571a",
    "self-route": "#0b8a68",
    "compressed-lc": "#a8487f",
    "kv-lc": "#5b55b0",
}
"""After Okabe and Ito (2008): told apart with any colour vision."""
_DASHES = {"compressed-lc": "7 4", "kv-lc": "2 4"}
_W, _H = 780.0, 460.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 74.0, 140.0, 76.0, 62.0
_POINTS = 97


class _Scale(NamedTuple):
    """A logarithmic axis from `low` to `high`, drawn from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        steps = (1, 2, 5) if last - first <= 2 else (1, 3) if last - first <= 3 else (1,)
        found = [m * 10.0**d for d in range(first, last + 1) for m in steps]
        return [t for t in found if self.low * 0.999 <= t <= self.high * 1.001]


def picture_of(plan: Plan) -> str:
    """The drawing, as a file of its own."""
    priced = [r for r in plan.routes if r.curve is not None]
    met = [r.from_rag for r in priced if r.from_rag is not None and r.route != "rag"]
    most = max(100.0, 3.0 * plan.load.questions, *(3.0 * m for m in met if m <= 1e5), 1.0)
    x = _Scale(1.0, 10.0 ** math.ceil(math.log10(most) - 1e-9), _LEFT, _W - _RIGHT)
    asked = [x.high ** (i / (_POINTS - 1)) for i in range(_POINTS)]
    lines = {r.route: [plan.money(1000 * r.curve.mean(m)) for m in asked] for r in priced if r.curve is not None}
    values = [v for line in lines.values() for v in line if v > 0]
    if not values:  # at a price of 0 there is nothing to see
        values = [1.0]
        lines = {}
    # Below the lines, a row for each label of a break-even.
    low, high = min(values), max(values)
    low, high = low / max(1.25, (high / low) ** 0.35), high * 1.25
    y = _Scale(low, high, _H - _BOTTOM, _TOP)
    body = [*_frame(plan, x, y)]
    for name, line in lines.items():
        points = " ".join(f"{_n(x.at(m))},{_n(y.at(v))}" for m, v in zip(asked, line, strict=True))
        dash = f' stroke-dasharray="{_DASHES[name]}"' if name in _DASHES else ""
        body.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2.2"{dash}/>')
    if lines:
        body += _names({name: y.at(line[-1]) for name, line in lines.items()}, _W - _RIGHT + 10)
        body += _meetings(plan, x, y)
    return _svg(f"Cost per question against questions per document: {plan.model.shape.name}", body)


def _frame(plan: Plan, x: _Scale, y: _Scale) -> list[str]:
    load, device = plan.load, plan.model.device
    state = "" if device.measured else ", unmeasured constants"
    title = f"{plan.model.shape.name} on {device.count} x {device.name}{state}"
    under = f"documents of {load.doc_tokens:,} tokens; {load.price:g} $ for a device and hour"
    out = [_text(_LEFT, 26, title, size=16, weight=600), _text(_LEFT, 46, under, colour="#59636e")]
    for tick in x.ticks():
        at = x.at(tick)
        out += [_line(at, _TOP, at, _H - _BOTTOM), _text(at, _H - _BOTTOM + 18, f"{tick:,.0f}", anchor="middle")]
    for tick in y.ticks():
        at = y.at(tick)
        out += [_line(_LEFT, at, _W - _RIGHT, at), _text(_LEFT - 8, at + 4, f"{tick:,.6g}", anchor="end")]
    out.append(_line(_LEFT, _H - _BOTTOM, _W - _RIGHT, _H - _BOTTOM, colour="#59636e"))
    middle = (_LEFT + _W - _RIGHT) / 2
    out.append(_text(middle, _H - 22, "questions per document", anchor="middle", colour="#59636e"))
    out.append(_text(_LEFT, _TOP - 10, "$ per 1000 questions", colour="#59636e"))
    return out


def _names(ends: dict[str, float], left: float) -> list[str]:
    """Each line's name at its end, moved down where it would touch the one above; all up if the last falls out."""
    order = sorted(ends, key=lambda name: (ends[name], name))
    places: list[float] = []
    for name in order:
        places.append(max(ends[name], places[-1] + 16 if places else _TOP))
    over = max(0.0, places[-1] - (_H - _BOTTOM))
    return [
        _text(left, p - over + 4, name, colour=COLOURS[name], weight=600) for name, p in zip(order, places, strict=True)
    ]


def _meetings(plan: Plan, x: _Scale, y: _Scale) -> list[str]:
    """A ring where a route becomes as cheap as RAG, with the number of questions; in words where LC never does."""
    rag = plan.route("rag")
    level = y.at(plan.money(1000 * rag.curve.mean(1))) if rag.curve is not None else 0.0
    met = [(r.from_rag, r) for r in plan.routes if r.route != "rag" and r.curve is not None and r.from_rag is not None]
    shown = sorted((found for found in met if 1 < found[0] <= x.high), key=lambda found: found[0])
    out, labels = [], []
    for row, (m, r) in enumerate(shown):
        at, colour, base = x.at(m), COLOURS[r.route], _H - _BOTTOM
        side, gap = ("end", -8) if at > (x.start + x.end) / 2 else ("start", 8)
        out += [
            f'<line x1="{_n(at)}" y1="{_n(level)}" x2="{_n(at)}" y2="{_n(base)}" stroke="{colour}" '
            'stroke-dasharray="3 3"/>',
            f'<circle cx="{_n(at)}" cy="{_n(level)}" r="5" fill="#ffffff" stroke="{colour}" stroke-width="2"/>',
        ]
        words = f"{r.route}: {whole(m):,}"
        labels.append(_text(at + gap, base - 8 - 16 * row, words, anchor=side, colour=colour, halo=True))
    out += labels  # over every line, so that none strikes them out
    lc = plan.route("lc")
    if lc.curve is not None and lc.from_rag is None:
        out.append(_text(_W - _RIGHT, _TOP - 10, "lc is never as cheap as rag", anchor="end", colour=COLOURS["lc"]))
    return out


def _svg(title: str, body: Sequence[str]) -> str:
    name = html.escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(_W)} {_n(_H)}" width="{_n(_W)}" height="{_n(_H)}" '
        f'role="img" aria-label="{name}" font-family="{FONT}"><title>{name}</title>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(body)}</svg>\n'
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = 12,
    anchor: str = "start",
    colour: str = "#1f2328",
    weight: int = 400,
    halo: bool = False,
) -> str:
    behind = ' stroke="#ffffff" stroke-width="4" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="{colour}"{behind}>{html.escape(words)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, *, colour: str = "#e2e5e9") -> str:
    return f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="{colour}"/>'


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
