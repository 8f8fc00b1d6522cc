"""The routing report: what its headline says, that its charts' geometry is the numbers', and that a page is whole."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from experiments.routing.report import verdict, write_routing_report
from experiments.routing.report_plots import (
    Plane,
    Reliable,
    Signed,
    Spot,
    drops,
    gains,
    quality_against_cost,
    reliability_diagram,
)
from experiments.routing.report_rows import (
    MEAN,
    CurveRow,
    ImportanceRow,
    PolicyRow,
    ReliabilityRow,
    RobustnessRow,
    RoutingResults,
    SliceRow,
)
from experiments.svg import Box, overlap, text_width

WIDTHS = (900.0, 344.0)
NAMES = ["learned", "cascade", "always rag", "always lc", "length rule", "self_route", "table & <b>", "oracle"]
QUALITY = [0.625, 0.63, 0.585, 0.603, 0.607, 0.605, 0.611, 0.69]
COST = [48.0, 42.0, 8.2, 100.0, 60.0, 45.0, 52.0, 30.0]


def made(gains_by_reader: dict[str, tuple[float, float, float]], **more: object) -> RoutingResults:
    rows = [
        PolicyRow(reader, name, q, c, 0.4, q - 0.603, q - 0.61, q - 0.596, regret=0.69 - q)
        for reader in (*gains_by_reader, MEAN)
        for name, q, c in zip(NAMES, QUALITY, COST, strict=True)
    ]
    rows = [
        replace(r, gain=g[0], ci_low=g[1], ci_high=g[2])
        if r.policy == "learned" and (g := gains_by_reader.get(r.reader))
        else r
        for r in rows
    ]
    given = {
        "title": "Routing",
        "policies": tuple(rows),
        "learned": ("learned", "cascade"),
        "fixed": ("always rag", "always lc"),
        "bounds": ("oracle",),
        "questions": 2000,
        "documents": 100,
    } | more
    return RoutingResults(**given)  # type: ignore[arg-type]


SETTLED, UNSETTLED, LOST = (0.02, 0.01, 0.03), (0.004, -0.01, 0.02), (-0.02, -0.03, -0.01)
FULL = made(
    {"reader a": SETTLED, "reader b": UNSETTLED, "reader c": LOST},
    curves=tuple(
        CurveRow(r, p, w, 0.58 + 0.04 * w / 5, 10 + 12.0 * w, w / 6)
        for r in ("reader a", "reader b", "reader c", MEAN)
        for p in ("learned", "cascade")
        for w in range(6)
    ),
    reliability=tuple(
        ReliabilityRow(k, i / 5, i / 5 + 0.02, i / 5, i / 5 + 0.1, 50) for k in ("rag", "lc") for i in range(5)
    ),
    calibration_error={"rag": 0.021},
    importance=(
        ImportanceRow("probe.margin", "what it is", 0.009, 0.002, 0.01),
        ImportanceRow("x", "y", -0.001, None, None),
    ),
    slices=(
        SliceRow("task", "comparison", 500, -0.03, -0.05, -0.01, 0.7),
        SliceRow("length", "32k", 900, -0.001, -0.01, 0.01, 0.2),
    ),
    robustness=(RobustnessRow("paraphrased", 300, 0.91, 0.01, -0.002, 0.02, 0.022),),
    notes=("A note with <markup>.",),
    config={"name": "routing", "seed": 1},
)


# -- the headline -----------------------------------------------------------------------------------------------------


def test_the_headline_says_how_much_where_settled_and_where_not():
    said = verdict(FULL)
    assert said.startswith("The policy learned gains +2.2 points (+1.5 to +2.9) over the better fixed route on average")
    assert "with 1 of 3 readers the gain is settled" in said
    assert "It loses with reader c (settled)" in said
    assert "on questions of comparison (task) it loses, and that is settled" in said
    assert "on 32k (length) it is behind, which may be chance" in said


def test_a_policy_that_loses_is_said_to_lose():
    rows = tuple(
        replace(r, gain=-0.012, ci_low=None, ci_high=None) if (r.reader, r.policy) == (MEAN, "learned") else r
        for r in FULL.policies
    )
    said = verdict(replace(FULL, policies=rows))
    assert said.startswith("The policy learned loses: \u22121.2 points against the better fixed route")


def test_no_loss_is_said_too():
    assert "It loses with no reader." in verdict(made({"a": SETTLED, "b": UNSETTLED}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"learned": ()}, "no learned policy"), ({"fixed": ("always rag", "never")}, "'never' has no row")],
    ids=["no policy", "no mean"],
)
def test_results_without_what_the_page_is_about_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        made({"a": SETTLED}, **changes)


# -- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_is_whole_and_the_same_every_time(tmp_path: Path):
    write_routing_report(FULL, tmp_path / "a.html")
    write_routing_report(FULL, tmp_path / "b.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page == (tmp_path / "b.html").read_text(encoding="utf-8")
    sections = re.findall(r'<section id="([\w-]+)"', page)
    assert sections == ["cost", "gain", "policies", "loses", "calibration", "features", "robustness", "settings"]
    assert [f"#{s}" for s in sections] == re.findall(r'<li><a href="([^"]+)"', page)
    svgs = re.findall(r"<svg.*?</svg>", page, flags=re.S)
    assert len(svgs) > 10
    for svg in svgs:
        ElementTree.fromstring(svg)
    assert "A note with &lt;markup&gt;." in page
    assert "table &amp; &lt;b&gt;" in page
    assert not re.search(r"(src|href)=.?https?:", page)
    assert "{{" not in page


def test_what_was_not_measured_has_no_section(tmp_path: Path):
    write_routing_report(made({"a": SETTLED}), tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert re.findall(r'<section id="([\w-]+)"', page) == ["cost", "gain", "policies", "settings"]
    assert "Above the chart: oracle, with 69.0" in page


def test_tables_show_the_numbers_worst_slice_first(tmp_path: Path):
    write_routing_report(FULL, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    loses = page[page.index('id="loses"') : page.index('id="calibration"')]
    assert loses.index("comparison") < loses.index("32k")
    assert "● \u22123.0<small>\u22125.0 to \u22121.0</small>" in loses
    assert "Expected calibration error: rag 2.1 points." in page


# -- the charts -------------------------------------------------------------------------------------------------------

SPOTS = [
    Spot(n, c, q, "baseline" if "always" in n else "route", i if i < 2 else -1)
    for i, (n, c, q) in enumerate(zip(NAMES[:-1], COST, QUALITY, strict=False))
]
LINE = [(10.0 + 12 * w, 0.58 + 0.01 * w) for w in range(6)]


def charts(width: float) -> dict[str, str]:
    one, two = {"title": "T", "width": width}, ["learned", "cascade"]
    rows = [
        ("mean", [Signed(0.02, 0.01, 0.03), Signed(0.03)]),
        ("a reader with a very long name", [Signed(-0.01, -0.04, 0.02), None]),
    ]
    bins = [Reliable(i / 10 + 0.05, i / 10 + 0.1, i / 10, i / 10 + 0.2, 99) for i in range(8)]
    important = [
        (f"probe.{i}", "what it is, told at some length", Signed(0.01 - 0.004 * i, None, 0.012)) for i in range(5)
    ]
    return {
        "one plane": quality_against_cost(
            [Plane("mean", [LINE, LINE], SPOTS)], two, x_label="cost a question", y_label="%", **one
        ),
        "planes": quality_against_cost(
            [Plane(f"reader {i}", [LINE, []], SPOTS[:4]) for i in range(7)], two, x_label="cost", y_label="%", **one
        ),
        "gains": gains(rows, two, x_label="points gained over the better fixed route", **one),
        "drops": drops(important, x_label="points of gain lost without it", **one),
        "reliability": reliability_diagram(
            [("rag", bins), ("lc", bins), ("other", bins)], x_label="expected (%)", y_label="came true (%)", **one
        ),
    }


def text_boxes(svg: str) -> list[tuple[str, Box]]:
    """Every drawn text with its box, by the charts' own width estimate less its safety margin; keys left out."""
    found = []
    for t in ElementTree.fromstring(svg).iter("text"):
        x, y, size = float(t.get("x", 0)), float(t.get("y", 0)), float(t.get("font-size", 12))
        w = text_width(t.text or "", size) * 0.94
        left = x - {"middle": w / 2, "end": w}.get(t.get("text-anchor", ""), 0.0)
        found.append((t.text or "", (left, y - size * 0.72, left + w, y + size * 0.2)))
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["one plane", "planes", "gains", "drops", "reliability"])
def test_texts_stay_inside_and_clear_of_one_another(name, width):
    svg = charts(width)[name]
    height = float(ElementTree.fromstring(svg).get("height", 0))
    boxes = text_boxes(svg)
    assert len(boxes) >= 8
    for words, (left, top, right, bottom) in boxes:
        assert left >= -1, words
        assert right <= width + 1, words
        assert top >= 0, words
        assert bottom <= height, words
    for (a, box_a), (b, box_b) in combinations(boxes, 2):
        assert not overlap(box_a, box_b), f"{a!r} on {b!r}"


def titled(svg: str, shape: str) -> dict[str, ElementTree.Element]:
    return {
        (e.find("title").text or ""): e  # type: ignore[union-attr]
        for e in ElementTree.fromstring(re.sub(r' xmlns="[^"]+"', "", svg)).iter(shape)
        if e.find("title") is not None
    }


def test_gains_left_of_zero_are_losses_and_distances_are_in_proportion():
    svg = gains(
        [("m", [Signed(0.02)]), ("a", [Signed(-0.01)]), ("b", [Signed(0.0)])], ["p"], title="T", x_label="x", width=900
    )
    at = {tip.split(",")[0]: float(e.get("cx", 0)) for tip, e in titled(svg, "circle").items()}
    assert at["a"] < at["b"] < at["m"]
    assert (at["m"] - at["b"]) / (at["b"] - at["a"]) == pytest.approx(2, abs=0.01)


def test_bars_start_at_zero_and_reach_left_for_a_feature_that_harms():
    svg = drops([("up", "u", Signed(0.02)), ("down", "d", Signed(-0.01))], title="T", x_label="x", width=900)
    up, down = (next(e for t, e in titled(svg, "rect").items() if t.startswith(n)) for n in ("up", "down"))
    assert float(down.get("x", 0)) + float(down.get("width", 0)) == pytest.approx(float(up.get("x", 0)), abs=0.02)
    assert float(up.get("width", 0)) == pytest.approx(2 * float(down.get("width", 0)), abs=0.03)


def test_the_plane_puts_quality_up_and_cost_right():
    placed = {"cheap": (10, 0.5), "dear": (30, 0.6), "mid": (20, 0.55)}
    svg = quality_against_cost(
        [Plane("m", [], [Spot(name, *at, "control") for name, at in placed.items()])],
        [],
        title="T",
        x_label="x",
        y_label="y",
        width=900,
    )
    at = {}
    for tip, e in titled(svg, "polygon").items():
        points = [tuple(map(float, p.split(","))) for p in (e.get("points") or "").split()]
        at[tip.split(":")[0]] = tuple(sum(c) / len(points) for c in zip(*points, strict=True))
    assert at["cheap"][0] < at["mid"][0] < at["dear"][0]
    assert at["cheap"][1] > at["mid"][1] > at["dear"][1]
    assert at["mid"][0] == pytest.approx((at["cheap"][0] + at["dear"][0]) / 2, abs=0.02)


def test_honest_forecasts_lie_on_the_diagonal():
    bins = [Reliable(v, v, None, None, 9) for v in (0.1, 0.5, 0.9)]
    svg = reliability_diagram([("p", bins)], title="T", x_label="x", y_label="y", width=344)
    dots = [(float(e.get("cx", 0)), float(e.get("cy", 0))) for e in titled(svg, "circle").values()]
    diagonal = next(e for e in ElementTree.fromstring(svg).iter("line") if e.get("stroke-dasharray"))
    x1, y1, x2, y2 = (float(diagonal.get(k, 0)) for k in ("x1", "y1", "x2", "y2"))
    for x, y in dots:
        assert (y - y1) / (y2 - y1) == pytest.approx((x - x1) / (x2 - x1), abs=1e-3)
