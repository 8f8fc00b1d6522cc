"""A graph for other programs: networkx, GraphML, JSON; and the part of it that one question's walk went through.

It does not know how the graph came about, nor how a picture of it is drawn (`experiments/report_graph.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from retrievers.graph import RELATIONS, Graph

Floats = NDArray[np.float64]

_TYPES = {"idf": np.float64, "indptr": np.int64, "indices": np.int32, "weights": np.float64, "relation": np.int8}


def to_networkx(graph: Graph, labels: Sequence[str] = ()) -> Any:
    """An undirected networkx Graph; nodes are the indexes, passages first.

    Nodes carry `kind` (passage, entity) and `label` (the passage's of `labels`, if given; the entity's key), entities
    their `idf`; edges `weight` and `relation`.
    """
    import networkx as nx

    n = graph["passages"]
    made = nx.Graph()
    for i in range(n):
        made.add_node(i, kind="passage", label=labels[i] if labels else str(i))
    for i, (key, idf) in enumerate(zip(graph["entities"], graph["idf"].tolist(), strict=True), start=n):
        made.add_node(i, kind="entity", label=key, idf=idf)
    made.add_edges_from((i, j, {"weight": w, "relation": name}) for i, j, w, name in _edges(graph))
    return made


def to_graphml(graph: Graph, labels: Sequence[str] = ()) -> str:
    """GraphML, as networkx writes it, with the attributes of `to_networkx`; what XML cannot hold becomes a space."""
    import networkx as nx

    made = to_networkx(graph, labels)
    for _, node in made.nodes(data=True):
        node["label"] = "".join(c if _in_xml(c) else " " for c in node["label"])
    return "\n".join(nx.generate_graphml(made)) + "\n"


def to_json(graph: Graph) -> str:
    """The graph as JSON; `from_json` gives the same arrays back, bit by bit."""
    plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in graph.items()}
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Graph:
    """A graph from `to_json`'s text. Raises UserError for another text."""
    try:
        plain = json.loads(text)
        graph: Graph = {"passages": int(plain["passages"]), "entities": [str(e) for e in plain["entities"]]}
        graph |= {key: np.array(plain[key], dtype=kind) for key, kind in _TYPES.items()}
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise UserError(
            f"this is no graph: {error!r}", where="JSON of a graph", remedy="Give what to_json wrote"
        ) from None
    n, edges = graph["passages"] + len(graph["entities"]), len(graph["indices"])
    sizes = (len(graph["indptr"]) == n + 1, graph["indptr"][-1] == edges, len(graph["idf"]) == len(graph["entities"]))
    if not all(sizes) or not len(graph["weights"]) == len(graph["relation"]) == edges:
        raise UserError(
            "the arrays of this graph do not fit together", where="JSON of a graph", remedy="Export it anew"
        )
    return graph


def neighbourhood(
    graph: Graph, restart: Floats, mass: Floats, *, passages: int = 8, entities: int = 12
) -> dict[str, list[dict[str, Any]]]:
    """What one question's walk went through: its heaviest passages, entities near them, the edges among both.

    restart, mass: (C + E,), a row of `GraphSearch.walks`. Entities that are seeds come first, then the heaviest of
    those next to at least one passage shown. {"passages": [{"passage", "mass", "seed"}], "entities": [{"entity", "key",
    "mass", "seed"}], "edges": [{"a", "b", "weight", "relation"}]}, where a < b are nodes of the graph.
    """
    n = graph["passages"]
    best = [i for i in np.argsort(-mass[:n], kind="stable")[:passages].tolist() if mass[i] > 0]
    near = {int(j) for i in best for j in _neighbours(graph, i) if j >= n}
    seeds = set((n + np.flatnonzero(restart[n:])).tolist())
    chosen = sorted(seeds | near, key=lambda i: (i not in seeds, -mass[i], i))[:entities]
    shown = {*best, *chosen}
    return {
        "passages": [{"passage": i, "mass": float(mass[i]), "seed": float(restart[i])} for i in best],
        "entities": [
            {"entity": i - n, "key": graph["entities"][i - n], "mass": float(mass[i]), "seed": float(restart[i])}
            for i in chosen
        ],
        "edges": [
            {"a": i, "b": int(j), "weight": float(w), "relation": RELATIONS[kind]}
            for i in sorted(shown)
            for j, w, kind in _row(graph, i)
            if j in shown and i < j
        ],
    }


def _neighbours(graph: Graph, i: int) -> NDArray[np.int32]:
    found: NDArray[np.int32] = graph["indices"][graph["indptr"][i] : graph["indptr"][i + 1]]
    return found


def _row(graph: Graph, i: int) -> list[tuple[int, float, int]]:
    part = slice(graph["indptr"][i], graph["indptr"][i + 1])
    arrays = (graph[key][part].tolist() for key in ("indices", "weights", "relation"))
    return list(zip(*arrays, strict=True))


def _edges(graph: Graph) -> list[tuple[int, int, float, str]]:
    """Each edge once, (lower node, higher node, weight, relation)."""
    heads = np.repeat(np.arange(len(graph["indptr"]) - 1), np.diff(graph["indptr"]))
    once = heads < graph["indices"]
    columns = (heads[once], graph["indices"][once], graph["weights"][once], graph["relation"][once])
    return [(i, j, w, RELATIONS[k]) for i, j, w, k in zip(*(c.tolist() for c in columns), strict=True)]


def _in_xml(char: str) -> bool:
    """Whether XML 1.0 may hold the character (section 2.2)."""
    return char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char >= "\U00010000"
