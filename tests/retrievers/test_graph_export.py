"""Exports hold the whole graph, and come back."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk
from retrievers.graph import Graph, GraphIndex, adjacency
from retrievers.graph_export import from_json, neighbourhood, to_graphml, to_json, to_networkx
from retrievers.graph_search import GraphSearch

TEXTS = ("Ann Lee met Bob \x0b in Rome.", "Bob sang <loud> & long.", "Rome fell in 476.", "qu")


@pytest.fixture(scope="module")
def graph() -> Graph:
    chunks = tuple(Chunk(str(i), 0, len(t), t, t[:3]) for i, t in enumerate(TEXTS))
    (made,) = GraphIndex().run([chunks])
    return made


def test_networkx_has_the_same_matrix(graph: Graph) -> None:
    made = to_networkx(graph, labels=["a", "b", "c", "d"])
    theirs = nx.to_scipy_sparse_array(made, nodelist=range(len(made)), weight="weight")
    assert abs(theirs - adjacency(graph)).max() == 0
    assert made.nodes[0] == {"kind": "passage", "label": "a"}
    assert {d["label"] for _, d in made.nodes(data=True) if d["kind"] == "entity"} == set(graph["entities"])
    assert {d["relation"] for *_, d in made.edges(data=True)} <= {"mentions", "title"}


def test_graphml_comes_back(graph: Graph) -> None:
    text = to_graphml(graph, labels=list(TEXTS))
    back = nx.parse_graphml(text, node_type=int)
    assert nx.utils.edges_equal(
        [(*sorted(e[:2]), e[2]["weight"]) for e in back.edges(data=True)],
        [(*sorted(e[:2]), e[2]["weight"]) for e in to_networkx(graph).edges(data=True)],
    )
    assert back.nodes[0]["label"] == TEXTS[0].replace("\x0b", " ")
    assert back.nodes[1]["label"] == TEXTS[1]


def test_json_comes_back_bit_by_bit(graph: Graph) -> None:
    back = from_json(to_json(graph))
    assert back.keys() == graph.keys()
    for key, value in graph.items():
        assert np.array_equal(back[key], value)
        assert getattr(back[key], "dtype", None) == getattr(value, "dtype", None)
    (empty,) = GraphIndex().run([()])
    assert from_json(to_json(empty))["indices"].shape == (0,)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"passages": "x"}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="no graph"):
        from_json(text)


def test_arrays_that_do_not_fit_are_refused(graph: Graph) -> None:
    with pytest.raises(UserError, match="do not fit"):
        from_json(to_json(graph | {"weights": graph["weights"][1:]}))


def test_neighbourhood_is_what_the_walk_went_through(graph: Graph) -> None:
    ((restart, mass),) = GraphSearch(entities=1.0).walks(graph, ["Where was Bob?"], [[]])
    part = neighbourhood(graph, restart, mass, passages=2, entities=3)
    shown = [p["passage"] for p in part["passages"]]
    assert shown == np.argsort(-mass[:4], kind="stable")[:2].tolist()
    assert part["entities"][0]["key"] == "bob" and part["entities"][0]["seed"] == 1.0
    assert len(part["entities"]) == 3
    nodes = {*shown, *(4 + e["entity"] for e in part["entities"])}
    matrix = adjacency(graph)
    assert {(e["a"], e["b"]) for e in part["edges"]} == {(i, j) for i in nodes for j in nodes if i < j and matrix[i, j]}
    assert all(e["weight"] == matrix[e["a"], e["b"]] for e in part["edges"])
