"""Charts: the geometry says what the numbers say, labels keep clear of one another, and one input gives one output."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.plots import Bar, Dot, Group, dot_whisker, dumbbell, stacked_bars
from experiments.plots_plane import Bin, Point, binned_lines, heat_table, pareto_front, scatter
from experiments.svg import Box, fit, log_ticks, num, overlap, place_labels, short, text_width, ticks

WIDTHS = (900.0, 344.0)
NAMES = ["lc", "rag_bm25", "rag_hybrid_with_a_long_name", "closed_book", "oracle", "random", "self_route", "Ölüm & <b>"]
KINDS = ["location", "reasoning", "comparison", "unanswerable", "a longer kind of question", "x"]
shares = st.floats(0, 1).map(lambda v: round(v, 3))


def dots(values: list[float]) -> list[Dot]:
    roles = ["baseline", "route", "route", "control", "control", "control", "route", "route"]
    return [
        Dot(name, v, max(v - 0.1, 0), min(v + 0.07, 1), role)  # type: ignore[arg-type]
        for name, v, role in zip(NAMES, values, roles, strict=False)
    ]


def draw_all(values: list[float], width: float) -> dict[str, str]:
    """Every chart, drawn from the same eight shares."""
    rows = dots(values)
    points = [
        Point(d.label, 10 ** (1 + 3 * values[i - 1]), d.value or 0, d.low, d.high, d.role) for i, d in enumerate(rows)
    ]
    bars = [Bar(n, (v * 1000, 80.0, 30.0, 2.0), f"n {v * 1000 + 112:.0f}") for n, v in zip(NAMES, values, strict=True)]
    parts = [("right", "right"), ("wrong", "wrong"), ("declined", "declined"), ("failed", "failed")]
    groups = [Group(f"reader {i}", (rows[i], rows[7 - i]), "+6.3 ●") for i in range(8)]
    bins = [Bin(v, max(v - 0.2, 0), min(v + 0.2, 1), int(v * 3000)) for v in values[:5]]
    tenths = bins + bins
    cells = [[(v, int(v * 5000)) for v in values[:6]] for _ in NAMES]
    return {
        "dots": dot_whisker(rows, title="T", x_label="right (%)", width=width, reference=values[0]),
        "scatter": scatter(points, title="T", x_label="tokens", y_label="right (%)", width=width),
        "bars": stacked_bars(bars, parts, title="T", x_label="share (%)", width=width),
        "sums": stacked_bars(bars, parts, title="T", x_label="seconds", width=width, share=False),
        "dumbbell": dumbbell(groups, ["lc", "rag"], title="T", x_label="right (%)", width=width),
        "bins": binned_lines([(n, bins) for n in NAMES], title="T", x_label="place", y_label="right (%)", width=width),
        "tenths": binned_lines([(n, tenths) for n in NAMES], title="T", x_label="place", y_label="%", width=width),
        "heat": heat_table(NAMES, KINDS, cells, title="T", width=width),
    }  # fmt: skip


def text_boxes(svg: str) -> list[tuple[str, Box]]:
    """Every drawn text with its box, by the same width estimate as the charts use less its safety margin."""
    found = []

    def walk(node: ElementTree.Element, dx: float, dy: float) -> None:
        move = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", node.get("transform", ""))
        if move:
            dx, dy = dx + float(move[1]), dy + float(move[2])
        if node.tag == "text":
            size = float(node.get("font-size", "12"))
            w = text_width(node.text or "", size) * 0.94
            x, y = float(node.get("x", "0")) + dx, float(node.get("y", "0")) + dy
            left = {"start": x, "middle": x - w / 2, "end": x - w}[node.get("text-anchor", "start")]
            found.append((node.text or "", (left, y - 0.72 * size, left + w, y + 0.1 * size)))
        for child in node:
            walk(child, dx, dy)

    walk(ElementTree.fromstring(svg), 0, 0)
    return found


def brute_front(points: list[tuple[float, float]]) -> set[int]:
    def beaten(i: int) -> bool:
        x, y = points[i]
        return any(px <= x and py >= y and (px < x or py > y) for px, py in points)

    return {i for i in range(len(points)) if not beaten(i)}


@given(st.lists(st.tuples(st.integers(0, 6).map(float), st.integers(0, 6).map(float)), max_size=14))
def test_the_pareto_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    front = pareto_front(points)
    assert set(front) == brute_front(points)
    assert len(front) == len(set(front))
    assert [points[i] for i in front] == sorted(points[i] for i in front)


@given(
    st.lists(st.tuples(st.floats(0, 800), st.floats(0, 400)), max_size=16),
    st.lists(st.floats(10, 160), min_size=16, max_size=16),
)
def test_placed_labels_meet_neither_labels_nor_points_nor_the_edge(
    points: list[tuple[float, float]], widths: list[float]
) -> None:
    bounds = (-5.0, -5.0, 805.0, 405.0)
    wall = (300.0, 0.0, 304.0, 400.0)
    boxes = place_labels(points, [(w, 15.0) for w in widths[: len(points)]], bounds, clear=7, obstacles=[wall])
    placed = [b for b in boxes if b]
    assert not any(overlap(a, b) for a, b in combinations(placed, 2))
    assert not any(overlap(b, (x - 7, y - 7, x + 7, y + 7)) for b in placed for x, y in points)
    assert not any(overlap(b, wall) for b in placed)
    assert all(b[0] >= bounds[0] and b[1] >= bounds[1] and b[2] <= bounds[2] and b[3] <= bounds[3] for b in placed)


def test_a_lone_point_always_gets_its_label() -> None:
    assert place_labels([(400, 200)], [(100, 15)], (0, 0, 800, 400))[0] is not None


@settings(max_examples=25, deadline=None)
@given(st.lists(shares, min_size=8, max_size=8))
@pytest.mark.parametrize("width", WIDTHS)
def test_no_text_overlaps_another_or_leaves_the_picture(width: float, values: list[float]) -> None:
    for name, svg in draw_all(values, width).items():
        height = float(ElementTree.fromstring(svg).get("height", "0"))
        boxes = text_boxes(svg)
        assert boxes
        for words, box in boxes:
            inside = box[0] >= -1 and box[1] >= -1 and box[2] <= width + 1 and box[3] <= height + 1
            assert inside, f"{name}: {words!r} leaves the picture at {box}"
        for (a, box_a), (b, box_b) in combinations(boxes, 2):
            assert not overlap(box_a, box_b), f"{name}: {a!r} and {b!r} overlap"


@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_is_well_formed_named_and_the_same_each_time(width: float) -> None:
    values = [0.62, 0.6, 0.74, 0.12, 0.9, 0.2, 0.66, 0.5]
    again = draw_all(values, width)
    for name, svg in draw_all(values, width).items():
        assert svg == again[name]
        root = ElementTree.fromstring(svg)
        title = root.find("title")
        assert root.get("role") == "img"
        assert root.get("aria-label") == "T"
        assert title is not None
        assert title.text == "T"
        assert root.get("viewBox") == f"0 0 {num(width)} {root.get('height')}"
        assert "id=" not in svg


@pytest.mark.parametrize("draw", [lambda w: dot_whisker([], title="T", x_label="x", width=w),
                                  lambda w: heat_table([], [], [], title="T", width=w),
                                  lambda w: binned_lines([], title="T", x_label="x", y_label="y", width=w),
                                  lambda w: stacked_bars([], [("a", "right")], title="T", x_label="x", width=w),
                                  lambda w: dumbbell([], [], title="T", x_label="x", width=w)])  # fmt: skip
def test_an_empty_chart_is_still_a_picture(draw: Callable[[float], str]) -> None:
    assert ElementTree.fromstring(draw(344)).tag == "svg"


def test_dots_stand_where_their_values_are() -> None:
    svg = dot_whisker(
        [Dot("a", 0.2, 0.1, 0.4), Dot("b", 0.5), Dot("c", 0.8), Dot("none", None)], title="T", x_label="x", width=900
    )
    root = ElementTree.fromstring(svg)
    xs = [float(c.get("cx", "nan")) for c in root.iter("circle")]
    assert len(xs) == 3
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.02)
    whisker = next(e for e in root.iter("line") if e.get("stroke-width") == "2")
    per_share = (xs[2] - xs[0]) / 0.6
    assert float(whisker.get("x2", "nan")) - float(whisker.get("x1", "nan")) == pytest.approx(0.3 * per_share, abs=0.03)
    labels = {e.text for e in root.iter("text")}
    assert {"20.0 %  (10.0–40.0)", "50.0 %", "–"} <= labels


def test_bars_are_as_long_as_their_shares() -> None:
    parts = [("r", "right"), ("w", "wrong")]
    svg = stacked_bars([Bar("a", (30, 10)), Bar("b", (1, 1))], parts, title="T", x_label="x", width=900)
    rects = [e for e in ElementTree.fromstring(svg).iter("rect") if e.get("height") == "20"]
    widths = [float(e.get("width", "nan")) for e in rects]
    assert widths[0] == pytest.approx(3 * widths[1], rel=1e-3)
    assert widths[2] == pytest.approx(widths[3])
    assert widths[0] + widths[1] == pytest.approx(widths[2] + widths[3], rel=1e-3)
    absolute = stacked_bars(
        [Bar("a", (30, 10)), Bar("b", (1, 1))], parts, title="T", x_label="x", width=900, share=False
    )
    rects = [e for e in ElementTree.fromstring(absolute).iter("rect") if e.get("height") == "20"]
    assert float(rects[0].get("width", "nan")) == pytest.approx(30 * float(rects[2].get("width", "nan")), rel=0.01)


def test_cost_grows_to_the_right_by_equal_factors() -> None:
    points = [Point("a", 100, 0.5), Point("b", 1000, 0.6), Point("c", 10000, 0.7)]
    root = ElementTree.fromstring(scatter(points, title="T", x_label="x", y_label="y", width=900))
    xs = [float(c.get("cx", "nan")) for c in root.iter("circle") if c.find("title") is not None]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.02)
    assert xs[0] < xs[1]


def test_the_front_leaves_controls_out() -> None:
    points = [
        Point("oracle", 10, 0.99, role="control"),
        Point("lc", 1000, 0.6, role="baseline"),
        Point("rag", 100, 0.5),
    ]
    svg = scatter(points, title="T", x_label="x", y_label="y", width=900)
    steps = re.search(r'<path d="(M[^"]+)"', svg)
    assert steps is not None
    assert steps[1].count("V") == 1  # from rag up to lc


def test_text_cannot_break_out_of_the_picture() -> None:
    evil = '"><script>alert(1)</script>\x00'
    svg = dot_whisker([Dot(evil, 0.5)], title=evil, x_label=evil, width=900)
    root = ElementTree.fromstring(svg)
    assert not list(root.iter("script"))
    assert (root.get("aria-label") or "").startswith('"><script>')


@given(st.floats(0.001, 1e6), st.floats(1.5, 1e5), st.integers(2, 12))
def test_ticks_are_round_ordered_and_within(low: float, factor: float, count: int) -> None:
    high = low * factor
    for found in (ticks(low, high, count), log_ticks(low, high, count)):
        assert found == sorted(found)
        assert all(low * 0.998 <= t <= high * 1.002 for t in found)
        assert len(found) <= 2 * count + 2
    for tick in log_ticks(low, high, count):
        mantissa = tick / 10 ** math.floor(math.log10(tick) + 1e-9)
        assert any(mantissa == pytest.approx(m, rel=1e-6) for m in (1, 2, 3, 5))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.4, "0.4"), (7, "7"), (812, "812"), (999, "999"), (1000, "1k"), (1234, "1.2k"), (9960, "10k"),
     (48_300, "48k"), (999_400, "999k"), (999_600, "1M"), (1_300_000, "1.3M")],
)  # fmt: skip
def test_counts_in_few_characters(value: float, shown: str) -> None:
    assert short(value) == shown


@given(st.text(max_size=60), st.floats(0, 400))
def test_a_cut_text_fits_and_keeps_its_beginning(words: str, room: float) -> None:
    cut = fit(words, room, 12)
    assert cut == words or (cut.endswith("…") and words.startswith(cut[:-1]))
    assert cut in (words, "…") or text_width(cut, 12) <= room
