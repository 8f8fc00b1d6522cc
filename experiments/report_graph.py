"""One question's part of the graph as a picture: entities left, passages right. Plain data to an SVG string.

The same data give the same bytes. It knows neither graphs nor searches: `retrievers.graph_export.neighbourhood` gives
what is drawn. Labels stand outside of both columns, one to a line, so that none meets another; a cut one shows whole on
hovering. `width` is in CSS pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from experiments.plots import cut_label, percent
from experiments.svg import drawing, escape, fit, legend, marker, num, paint, text

ROW = 26
_LARGEST = 10.5  # radius of the heaviest node
_SMALLEST = 2.5
_WORDS = {
    "mentions": "mentions",
    "similar": "similar text",
    "next": "next in its document",
    "title": "names its title",
    "relation": "stated relation",
}
_COLOURS = {"mentions": "axis", "similar": "series-6", "next": "series-5", "title": "series-4", "relation": "series-3"}


@dataclass(frozen=True)
class Dot:
    """A node. mass: its share of the walk; seed: its share of the restarts; gold: whether it is evidence."""

    label: str
    mass: float
    seed: float = 0.0
    gold: bool = False


@dataclass(frozen=True)
class Tie:
    """An edge between nodes `a` and `b`: indexes into the entities, then the passages, as one list."""

    a: int
    b: int
    weight: float
    relation: str = "mentions"


def question_graph(
    entities: Sequence[Dot], passages: Sequence[Dot], ties: Sequence[Tie], *, title: str, width: float
) -> str:
    """The picture. Entities are placed beside the passages they tie, passages by mass; area grows with mass.

    Raises ValueError for a tie to a node that is not there.
    """
    count = len(entities)
    if any(not 0 <= end < count + len(passages) for tie in ties for end in (tie.a, tie.b)):
        raise ValueError(f"a tie ends outside of the {count + len(passages)} nodes")
    order = sorted(range(len(passages)), key=lambda i: (-passages[i].mass, i))
    row = {count + i: float(at) for at, i in enumerate(order)}
    row |= _entity_rows(count, ties, row)
    key, top = legend(_key(ties), width)
    lines = max(len(entities), len(passages), 1)
    left, right = width * 0.34, width * 0.53
    nodes = [*entities, *passages]
    offset = {True: (lines - len(entities)) / 2, False: (lines - len(passages)) / 2}

    def place(i: int) -> tuple[float, float]:
        return (left if i < count else right), top + 24 + ROW * (row[i] + offset[i < count] + 0.5)

    heaviest = max((dot.mass for dot in nodes), default=0.0) or 1.0
    strongest = max((tie.weight for tie in ties), default=0.0) or 1.0
    body = [key]
    body.append(text(left, top + 14, "entities", anchor="end", colour="muted", size=11.5, weight=600))
    heading = fit("passages, by share of the walk", width - right, 12)
    body.append(text(right, top + 14, heading, colour="muted", size=11.5, weight=600))
    body += (_curve(place(t.a), place(t.b), t, t.weight / strongest) for t in sorted(ties, key=lambda t: t.weight))
    for i, dot in enumerate(nodes):
        x, y = place(i)
        body.append(_node(dot, x, y, max(_LARGEST * sqrt(dot.mass / heaviest), _SMALLEST), i < count))
        body.append(_label(dot, x, y, i < count, width))
    return drawing(title, width, top + 30 + ROW * lines, body)


def _entity_rows(count: int, ties: Sequence[Tie], row: dict[int, float]) -> dict[int, float]:
    """Entities in order of the mean line of their passages, by weight; those without any come last."""
    means = []
    for i in range(count):
        ends = [(row[t.a + t.b - i], t.weight) for t in ties if i in (t.a, t.b) and t.a + t.b - i in row]
        total = sum(w for _, w in ends)
        means.append((sum(at * w for at, w in ends) / total if total else float("inf"), i))
    return {i: float(at) for at, (_, i) in enumerate(sorted(means))}


def _curve(start: tuple[float, float], end: tuple[float, float], tie: Tie, strength: float) -> str:
    """A line across, or an arc into the middle between two nodes of one column."""
    (x1, y1), (x2, y2) = start, end
    bend = (x2 - x1) / 2
    if x1 == x2:
        bend = 18 + abs(y2 - y1) * 0.22
        bend = bend if tie.relation == "relation" else -bend
    c1, c2 = (x1 + bend, x2 + bend) if x1 == x2 else (x1 + bend, x2 - bend)
    path = f"M{num(x1)} {num(y1)}C{num(c1)} {num(y1)} {num(c2)} {num(y2)} {num(x2)} {num(y2)}"
    style = f'fill="none" stroke-width="{num(0.7 + 1.8 * strength)}" {paint("stroke", _COLOURS[tie.relation])}'
    return f'<path d="{path}" {style}><title>{escape(_WORDS[tie.relation])}</title></path>'


def _node(dot: Dot, x: float, y: float, r: float, entity: bool) -> str:
    shape, colour = ("circle", "series-3") if entity else ("diamond", "front") if dot.gold else ("square", "route")
    tip = f"{dot.label}: {percent(dot.mass)} of the walk" + (f", {percent(dot.seed)} of its starts" if dot.seed else "")
    tip += ", gold" if dot.gold else ""
    # Seeds are filled: the walk starts there; what it only came to is drawn in outline.
    return marker(shape, x, y, r, colour=colour, hollow=not dot.seed, tip=tip)


def _label(dot: Dot, x: float, y: float, entity: bool, width: float) -> str:
    gap = _LARGEST * 1.3 + 5
    weight = 600 if dot.gold or (entity and dot.seed) else 400
    if entity:
        return cut_label(x - gap, y + 4, dot.label, x - gap, anchor="end", weight=weight)
    share = text(x + gap, y + 4, percent(dot.mass), colour="muted", size=11.5)
    return share + cut_label(x + gap + 46, y + 4, dot.label, width - x - gap - 46, weight=weight)


def _key(ties: Sequence[Tie]) -> list[tuple[str, str]]:
    """The legend: kinds of nodes, then the relations that occur."""
    shapes = (
        ("circle", "series-3", False, "entity of the question"),
        ("circle", "series-3", True, "other entity"),
        ("square", "route", False, "passage found first"),
        ("square", "route", True, "passage reached"),
        ("diamond", "front", False, "gold"),
    )
    items = [(marker(s, 0, 0, 5, colour=c, hollow=h), words) for s, c, h, words in shapes]
    present = {tie.relation for tie in ties}
    stroke = '<path d="M-7 0H7" fill="none" stroke-width="2" {}/>'
    return items + [(stroke.format(paint("stroke", _COLOURS[r])), words) for r, words in _WORDS.items() if r in present]
