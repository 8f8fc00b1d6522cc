"""The picture of one question's graph: well-formed, whole, the same bytes, nothing on top of another."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from experiments.report_graph import ROW, Dot, Tie, question_graph

ENTITIES = [
    Dot("bubye river", 0.2, 0.6),
    Dot("zimbabwe", 0.1),
    Dot("a <b> & a very long name that is cut for sure", 0.05),
]
PASSAGES = [Dot("Victoria Falls", 0.15, gold=True), Dot("Bubye River", 0.3, 0.4), Dot("Zimbabwe", 0.05)]
TIES = [Tie(0, 4, 1.0), Tie(1, 4, 0.5), Tie(1, 3, 0.5), Tie(3, 5, 0.2, "title"), Tie(0, 1, 0.1, "relation")]
SVG = "{http://www.w3.org/2000/svg}"


def drawn(width: float = 720, **changes: object) -> ElementTree.Element:
    given = {"entities": ENTITIES, "passages": PASSAGES, "ties": TIES} | changes
    text = question_graph(**given, title="Which waterfall?", width=width)  # type: ignore[arg-type]
    return ElementTree.fromstring(text)


def texts(root: ElementTree.Element) -> list[tuple[float, float, str]]:
    return [(float(t.get("x", 0)), float(t.get("y", 0)), t.text or "") for t in root.iter("text")]


@pytest.mark.parametrize("width", [720, 340])
def test_every_node_and_tie_is_drawn_once(width: float) -> None:
    root = drawn(width)
    paths = [p for p in root.iter("path") if p.find("title") is not None]
    assert len(paths) == len(TIES)
    tips = [t.text or "" for t in root.iter("title")]
    for dot in (*ENTITIES, *PASSAGES):
        assert sum(tip.startswith(f"{dot.label}: ") for tip in tips) == 1
    assert "Victoria Falls: 15.0 % of the walk, gold" in tips
    assert "bubye river: 20.0 % of the walk, 60.0 % of its starts" in tips
    assert any(tip == ENTITIES[2].label for tip in tips)  # the cut label shows whole on hovering


def test_passages_stand_by_mass_and_labels_on_lines_of_their_own() -> None:
    at = {words: (x, y) for x, y, words in texts(drawn())}
    assert at["Bubye River"][1] < at["Victoria Falls"][1] < at["Zimbabwe"][1]
    for names in (("bubye river", "zimbabwe"), ("Bubye River", "Victoria Falls", "Zimbabwe")):
        ys = sorted(at[n][1] for n in names)
        assert all(b - a >= ROW - 1e-6 for a, b in pairwise(ys))


def test_area_grows_with_mass() -> None:
    sizes = [
        float(c.get("r", 0)) for c in drawn().iter("circle") if c.find("title") is not None and c.find("title").text
    ]
    nodes = [r for r in sizes if r != 5]
    assert sorted(nodes, reverse=True) == nodes
    assert (nodes[0] / nodes[1]) ** 2 == pytest.approx(2, abs=0.02)


def test_the_legend_names_only_relations_that_occur() -> None:
    words = [w for *_, w in texts(drawn())]
    assert "names its title" in words and "stated relation" in words and "similar text" not in words


def test_same_bytes_and_no_other_namespace() -> None:
    one = question_graph(ENTITIES, PASSAGES, TIES, title="t", width=500)
    assert one == question_graph(list(ENTITIES), tuple(PASSAGES), list(TIES), title="t", width=500)
    assert not re.search(r"nan|inf\b|None", one)


def test_empty_and_broken_data() -> None:
    assert drawn(entities=[], passages=[], ties=[]).tag in ("svg", SVG + "svg")
    assert drawn(entities=[Dot("x", 0.0)], passages=[Dot("", 0.0)], ties=[]) is not None
    with pytest.raises(ValueError, match="outside of the 6 nodes"):
        drawn(ties=[Tie(0, 6, 1.0)])
