"""One question's walk through the graph, as a figure of the retrieval report: seeds, entities, passages, gold.

It reads values that a run has stored and draws nothing itself (`report_graph`).
"""

from __future__ import annotations

from collections.abc import Mapping

from experiments.report_graph import Dot, Tie, question_graph
from experiments.report_html import figure, paragraph
from pipeline.core.records import Chunk, Question
from pipeline.core.run import Runner
from pipeline.core.stage import Node
from retrievers.graph_export import neighbourhood
from retrievers.graph_search import GraphSearch


def graph_figure(retrievers: Mapping[str, tuple[Node, Node]], questions: list[Question], runner: Runner) -> list[str]:
    """Markup for the first retriever that walks a graph and the first question whose gold its best passages hold.

    Empty where no retriever does. The values must have been computed.
    """
    for name, (chunks_node, ranking) in retrievers.items():
        search = next((n for n in ranking.walk() if isinstance(n.stage, GraphSearch)), None)
        if search is None:
            continue
        asked = [q for q in questions if q.evidence] or questions
        chosen = next((q for q in asked if _finds(runner, chunks_node, search, q)), asked[0])
        return [
            "<h3>One question's walk through the graph</h3>",
            paragraph(f"{name}, question {chosen.id}: {chosen.text}"),
            _drawn(runner, chunks_node, search, chosen),
        ]
    return []


def _finds(runner: Runner, chunks: Node, search: Node, question: Question) -> bool:
    held, best = runner.value(chunks, question), runner.value(search, question).ids[:8]
    return any(_gold(held[i], question) for i in best)


def _gold(chunk: Chunk, question: Question) -> bool:
    return any(s.doc == chunk.doc and s.start < chunk.end and chunk.start < s.end for s in question.evidence)


def _drawn(runner: Runner, chunks_node: Node, search: Node, question: Question) -> str:
    stage = search.stage
    assert isinstance(stage, GraphSearch)
    graph_node, _, *hit_nodes = search.inputs
    graph, chunks = runner.value(graph_node, question), runner.value(chunks_node, question)
    hits = [runner.value(n, question) for n in hit_nodes]
    ((restart, mass),) = stage.walks(graph, [question.text], [hits])
    near = neighbourhood(graph, restart, mass)
    entities = [Dot(e["key"], e["mass"], e["seed"]) for e in near["entities"]]
    passages = [
        Dot(_label(chunks[p["passage"]]), p["mass"], p["seed"], _gold(chunks[p["passage"]], question))
        for p in near["passages"]
    ]
    place = {graph["passages"] + e["entity"]: i for i, e in enumerate(near["entities"])}
    place |= {p["passage"]: len(entities) + i for i, p in enumerate(near["passages"])}
    ties = [Tie(place[t["a"]], place[t["b"]], t["weight"], t["relation"]) for t in near["edges"]]
    return figure(
        lambda width: question_graph(entities, passages, ties, title=question.text, width=width),
        "entities left, passages right; the area of a dot is its share of the walk. Seeds are where the walk starts "
        "again: the question's entities and the best hits of the other searches.",
    )


def _label(chunk: Chunk) -> str:
    where = " — ".join(w for w in (chunk.title or chunk.doc, chunk.section) if w)
    return where if chunk.start == 0 else f"{where} [{chunk.start}]"
