"""Drawing primitives for charts: palette, numbers, text widths, ticks, labels that keep clear of one another.

Everything returns strings or plain numbers and depends on its arguments alone, so one input gives one byte sequence. It
knows nothing of routes, readers or metrics. Lengths are CSS pixels; y grows downwards.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans','Liberation Sans',Arial,sans-serif"

# name: (on a light page, on a dark page). Hues after Okabe and Ito (2008): told apart with any colour vision, and by
# lightness in grey print. `on-x` is the colour of text that stands on x.
PALETTE: dict[str, tuple[str, str]] = {
    "ink": ("#1f2328", "#e4e7ea"),
    "muted": ("#59636e", "#9ba6b1"),
    "hair": ("#e2e5e9", "#2d343b"),
    "axis": ("#a9b2bb", "#56606a"),
    "paper": ("#ffffff", "#14181c"),
    "route": ("#1a6bb0", "#62aef0"),
    "baseline": ("#1f2328", "#e4e7ea"),
    "control": ("#7d8790", "#8b959f"),
    "heat": ("#5b9bd0", "#2f6ea6"),
    "front": ("#c2571a", "#f0985a"),
    "right": ("#1a6bb0", "#5ba6e6"),
    "on-right": ("#ffffff", "#0c151d"),
    "wrong": ("#e08a3c", "#d9822f"),
    "on-wrong": ("#22160a", "#1a1006"),
    "declined": ("#c9d0d7", "#4a545e"),
    "on-declined": ("#1f2328", "#eef1f3"),
    "failed": ("#343b42", "#e9ecef"),
    "on-failed": ("#ffffff", "#14181c"),
    "series-0": ("#1f2328", "#e4e7ea"),
    "series-1": ("#1a6bb0", "#62aef0"),
    "series-2": ("#c2571a", "#f0985a"),
    "series-3": ("#0b8a68", "#3cc49b"),
    "series-4": ("#a8487f", "#e08fbd"),
    "series-5": ("#9a7400", "#e3bf4d"),
    "series-6": ("#5b55b0", "#a9a4f2"),
    "series-7": ("#7d8790", "#8b959f"),
}
OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "square": ((-0.95, -0.95), (0.95, -0.95), (0.95, 0.95), (-0.95, 0.95)),
    "triangle": ((0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
    "hourglass": ((-1, -1.1), (1, -1.1), (-1, 1.1), (1, 1.1)),
}
MARKERS = ("diamond", "circle", "square", "triangle", "hourglass")

_NARROW, _WIDE = set("iljtfrI.,:;|!'()[]{} \u00a0"), set("mwMW@%—")


def escape(text: str) -> str:
    """Text made safe for element content and quoted attributes; control characters become spaces."""
    return html.escape("".join(c if c >= " " or c in "\n\t" else " " for c in text), quote=True)


def num(value: float) -> str:
    """A coordinate: at most two decimals, no trailing zeros, no negative zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def paint(prop: str, colour: str) -> str:
    """`fill` or `stroke` as an attribute (for the drawing alone) and a class (which a page's style may override)."""
    return f'class="{prop[0]}-{colour}" {prop}="{PALETTE[colour][0]}"'


def text_width(text: str, size: float) -> float:
    """An upper estimate of a text's width in the common interface fonts, in pixels at this font size."""
    units = sum(0.36 if c in _NARROW else 0.98 if c in _WIDE else 0.74 if c.isupper() else 0.62 for c in text)
    return units * size


def fit(text: str, width: float, size: float) -> str:
    """The text, or as much of its beginning as fits with an ellipsis."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def text(
    x: float, y: float, words: str, *, size: float = 12, anchor: str = "start", colour: str = "ink", weight: int = 400
) -> str:
    """One line of text whose baseline is at y."""
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    side = f' text-anchor="{anchor}"' if anchor != "start" else ""
    style = f'font-size="{num(size)}"{side}{bold} {paint("fill", colour)}'
    return f'<text x="{num(x)}" y="{num(y)}" {style}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, *, colour: str = "hair", width: float = 1, dash: str = "") -> str:
    """A straight line."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{num(x1)}" y1="{num(y1)}" x2="{num(x2)}" y2="{num(y2)}"'
    return f'<line {ends} stroke-width="{num(width)}"{dashes} {paint("stroke", colour)}/>'


def rect(
    x: float, y: float, w: float, h: float, *, colour: str, opacity: float = 1, tip: str = "", radius: float = 0
) -> str:
    """A filled rectangle; `tip` shows on hovering."""
    rounded = f' rx="{num(radius)}"' if radius else ""
    alpha = f' fill-opacity="{num(opacity)}"' if opacity < 1 else ""
    box = f'x="{num(x)}" y="{num(y)}" width="{num(max(w, 0))}" height="{num(h)}"'
    return f"<rect {box}{rounded}{alpha} {paint('fill', colour)}>{_tip(tip)}</rect>"


def marker(shape: str, x: float, y: float, r: float, *, colour: str, hollow: bool = False, tip: str = "") -> str:
    """A point: one of MARKERS; hollow ones are drawn in outline on the page's colour."""
    if shape == "circle":
        drawn = f'<circle cx="{num(x)}" cy="{num(y)}" r="{num(r)}"'
    else:
        points = " ".join(f"{num(x + dx * r)},{num(y + dy * r)}" for dx, dy in OUTLINES[shape])
        drawn = f'<polygon points="{points}"'
    if hollow:
        style = (
            f'class="f-paper s-{colour}" fill="{PALETTE["paper"][0]}" stroke="{PALETTE[colour][0]}" stroke-width="1.6"'
        )
    else:
        style = paint("fill", colour)
    return f"{drawn} {style}>{_tip(tip)}</{drawn[1:].split()[0]}>"


def drawing(title: str, width: float, height: float, body: Sequence[str]) -> str:
    """The finished picture, named for screen readers; it scales down with its container and never up."""
    name = escape(title)
    box = f'viewBox="0 0 {num(width)} {num(height)}" width="{num(width)}" height="{num(height)}"'
    return f'<svg {box} role="img" aria-label="{name}" font-family="{FONT}"><title>{name}</title>{"".join(body)}</svg>'


def legend(items: Sequence[tuple[str, str]], width: float, *, x: float = 0, y: float = 0) -> tuple[str, float]:
    """(key in flowing rows, its height). `items` are (drawing of a swatch within 7 px of (0, 0), words)."""
    out, at, row = [], x, 0
    for swatch, words in items:
        need = 22 + text_width(words, 12)
        if at > x and at + need > width:
            at, row = x, row + 1
        middle = y + 10 + 20 * row
        out.append(f'<g transform="translate({num(at + 7)} {num(middle)})">{swatch}</g>')
        out.append(text(at + 19, middle + 4, words, colour="muted"))
        at += need + 14
    return "".join(out), 20.0 * (row + 1) + 6 if items else 0.0


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers (steps of 1, 2 or 5 times a power of ten) that lie in [low, high]."""
    raw = (high - low) / max(count, 1)
    if raw <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` round numbers (or two, if there are) within [low, high], for a logarithmic axis; low > 0."""
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    for mantissas in ((1, 2, 5), (1, 3), (1,)):
        found = [m * 10.0**d for d in decades for m in mantissas if low * 0.999 <= m * 10.0**d <= high * 1.001]
        if len(found) <= max(count, 2):
            return found
    return found[:: math.ceil(len(found) / max(count, 2))]


def short(value: float) -> str:
    """A count in few characters: 812, 1.2k, 48k, 1.3M."""
    for limit, unit, suffix in ((999_500, 1e6, "M"), (999.5, 1e3, "k")):
        if abs(value) >= limit:
            scaled = value / unit
            return (f"{scaled:.1f}".removesuffix(".0") if abs(scaled) < 9.95 else f"{scaled:.0f}") + suffix
    return f"{value:.0f}" if abs(value) >= 9.95 or value == round(value) else f"{value:.1f}"


Box = tuple[float, float, float, float]


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes (left, top, right, bottom) share any area."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    bounds: Box,
    *,
    clear: float = 7,
    obstacles: Sequence[Box] = (),
    reach: float = 90,
) -> list[Box | None]:
    """A box for each point's label, in order of priority, that meets no other label, no point and no obstacle.

    Sixteen directions at growing distance are tried; None where nothing free lies within `reach` (the label is then
    left out, never drawn over another). `clear`: half side of the square kept free around each point.
    """
    taken = [(x - clear, y - clear, x + clear, y + clear) for x, y in points] + list(obstacles)
    placed: list[Box | None] = []
    for (x, y), (w, h) in zip(points, sizes, strict=True):
        placed.append(None)
        for distance in (d for d in (clear + 2, clear + 10, 30.0, 46.0, 66.0, 90.0) if d <= reach):
            box = next((b for b in _around(x, y, w, h, distance) if _free(b, taken, bounds)), None)
            if box:
                placed[-1] = box
                taken.append(box)
                break
    return placed


def _around(x: float, y: float, w: float, h: float, distance: float) -> list[Box]:
    order = (0, 12, 4, 8, 14, 2, 10, 6, 15, 1, 13, 3, 9, 7, 11, 5)  # right, above, below, left, then between
    boxes = []
    for k in order:
        c, s = math.cos(k * math.pi / 8), math.sin(k * math.pi / 8)
        left = x + distance * c - w * (1 - c) / 2
        top = y + distance * s - h * (1 - s) / 2
        boxes.append((left, top, left + w, top + h))
    return boxes


def _free(box: Box, taken: Sequence[Box], bounds: Box) -> bool:
    inside = box[0] >= bounds[0] and box[1] >= bounds[1] and box[2] <= bounds[2] and box[3] <= bounds[3]
    return inside and not any(overlap(box, other) for other in taken)


def _tip(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""
