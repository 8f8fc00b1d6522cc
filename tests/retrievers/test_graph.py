"""The graph of a context and the search on it, on passages written here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from retrievers.graph import RELATIONS, Graph, GraphIndex, adjacency, nearest_passages, title_keys
from retrievers.graph_search import HAYSTACKCRAFT, GraphSearch, heaviest, shares


def passage(title: str, text: str, section: str = "", start: int = 0) -> Chunk:
    return Chunk(title, start, start + len(text), text, title, section)


BRIDGE = (
    passage("Blue Moon (song)", "Blue Moon is a song by Ada Quill."),
    passage("Ada Quill", "Ada Quill was a singer from Port Elva."),
    passage("Port Elva", "Port Elva is a harbour. Average snowfall there is nine inches."),
    passage("Zebra", "The zebra eats grass."),
    passage("Granite", "Granite is a rock with quartz."),
)


def graph_of(*chunks: Chunk, **settings: float) -> Graph:
    (graph,) = GraphIndex(**settings).run([chunks])  # type: ignore[arg-type]
    return graph


def relation_of(graph: Graph, i: int, j: int) -> str:
    part = slice(graph["indptr"][i], graph["indptr"][i + 1])
    return {int(b): RELATIONS[k] for b, k in zip(graph["indices"][part], graph["relation"][part], strict=True)}.get(
        j, ""
    )


def ask(graph: Graph, text: str, *rankings: Ranking, **settings: float) -> Ranking:
    (found,) = GraphSearch(**settings).run([graph], [text], *([r] for r in rankings))  # type: ignore[arg-type]
    return found


def test_the_bridge_passage_is_reached_though_the_question_does_not_name_it() -> None:
    found = ask(graph_of(*BRIDGE), "Where was the performer of Blue Moon from?", entities=1.0)
    assert found.ids[:2] == (0, 1)
    assert 2 in found.ids and 3 not in found.ids and 4 not in found.ids


def test_relations_and_weights() -> None:
    graph = graph_of(*BRIDGE, title=4.0)
    matrix = adjacency(graph)
    n = graph["passages"]
    ada = n + graph["entities"].index("ada quill")
    assert relation_of(graph, 0, 1) == "title" and matrix[0, 1] == 4.0
    assert relation_of(graph, 0, ada) == "mentions"
    assert relation_of(graph, 0, 3) == ""
    # Rarer entities weigh more: log(6 / 1) is the highest idf here, log(6 / 2) that of Ada Quill.
    blue = n + graph["entities"].index("blue moon")
    assert matrix[0, blue] == pytest.approx(1 + np.log(2))
    assert matrix[0, ada] == pytest.approx(np.log(3) / np.log(6))
    assert matrix[1, ada] == pytest.approx((1 + np.log(2)) * np.log(3) / np.log(6))


def test_neighbours_in_one_document() -> None:
    chunks = [Chunk("d", i, i + 1, t, "", s) for i, (t, s) in enumerate((("x", "1"), ("y", "1"), ("z", "2")))]
    matrix = adjacency(graph_of(*chunks, Chunk("e", 0, 1, "w"), following=2.0)).toarray()
    assert (matrix[0, 1], matrix[1, 2], matrix[2, 3], matrix[0, 2]) == (2.0, 1.0, 0.0, 0.0)


def test_similarity_edges_keep_to_the_floor_and_to_k() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0.8, 0.3], [0, 1], [0, 0]], dtype=np.float32)
    edges = list(nearest_passages(vectors, 1, 0.5))
    assert [(i, j) for i, j, _ in edges] == [(0, 1), (1, 0), (2, 1)]
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    assert [w for *_, w in edges] == pytest.approx([float(unit[i] @ unit[j]) for i, j, _ in edges], abs=1e-6)
    (graph,) = GraphIndex(neighbours=1, similar=2.0).run([BRIDGE], [{"vectors": vectors}])
    assert relation_of(graph, 1, 2) in ("similar", "title")
    assert adjacency(graph)[3, 4] == 0
    with pytest.raises(UserError, match="5 vectors for 2 chunks"):
        list(GraphIndex().run([BRIDGE[:2]], [{"vectors": vectors}]))


def test_titles_in_their_written_forms() -> None:
    assert title_keys("Brand (play)") == ("brand",)
    assert title_keys("Johnnycake, West Virginia") == ("johnnycake, west virginia", "johnnycake")
    assert title_keys("") == title_keys("The") == ()


def test_what_is_everywhere_is_left_out() -> None:
    chunks = [passage(f"T{i}", f"Rome and Place{i % 7} again", start=0) for i in range(60)]
    kept = graph_of(*chunks)["entities"]
    assert "rome" not in kept and "place3" in kept
    assert "rome" in graph_of(*chunks, most=1.0)["entities"]


TEXTS = st.lists(
    st.sampled_from(["Ann met Bob.", "", "bob", "東京です", "the of", "Bob in 1999", "X" * 50]), max_size=8
)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.booleans())
def test_laws_of_graphs(texts: list[str], one_document: bool) -> None:
    chunks = tuple(Chunk("d" if one_document else str(i), i, i + len(t), t, t[:3]) for i, t in enumerate(texts))
    rng = np.random.default_rng(len(texts))
    vectors = {"vectors": rng.normal(size=(len(chunks), 4)).astype(np.float32)}
    for graph in (*GraphIndex().run([chunks]), *GraphIndex().run([chunks], [vectors])):
        matrix = adjacency(graph)
        assert graph["passages"] == len(chunks) and matrix.has_sorted_indices
        assert len(set(graph["entities"])) == len(graph["entities"]) == len(graph["idf"])
        assert (matrix != matrix.T).nnz == 0
        assert not matrix.diagonal().any() and (matrix.data > 0).all()
        hits = Ranking(tuple(range(len(chunks)))[:2], (0.9, 0.2)[: len(chunks)])
        found = ask(graph, "Did Ann meet Bob?", hits)
        assert list(found.scores) == sorted(found.scores, reverse=True) and all(s > 0 for s in found.scores)
        assert set(hits.ids) <= set(found.ids) <= set(range(len(chunks)))


def test_questions_do_not_depend_on_their_batch() -> None:
    graph, other = graph_of(*BRIDGE), graph_of(*BRIDGE[:2])
    texts = ["Who sang Blue Moon?", "Where is snowfall?", "nothing known", "zebra"] * 30
    graphs = [graph, other] * 60
    hits = [Ranking((1, 0), (0.5, 0.25))] * 120
    together = list(GraphSearch().run(graphs, texts, hits))
    assert len(together) == 120
    for i in (0, 1, 2, 3, 77):
        assert together[i] == ask(graphs[i], texts[i], hits[i])


def test_nothing_found_is_an_empty_ranking() -> None:
    graph = graph_of(*BRIDGE)
    assert ask(graph, "qwertz") == ask(graph, "qwertz", Ranking((), ())) == Ranking((), ())
    assert ask(graph_of(), "Blue Moon") == Ranking((), ())
    assert len(ask(graph, "Blue Moon", k=10**6).ids) < 5
    assert len(ask(graph, "Blue Moon", k=1).ids) == 1


def test_seeds_are_the_first_hits_by_their_scores() -> None:
    """Without edges, the mass stays on the seeds."""
    chunks = tuple(Chunk(str(i), 0, 1, "") for i in range(5))
    graph = graph_of(*chunks)
    found = ask(graph, "", Ranking((4, 2, 0), (3.0, 1.0, 0.5)), seeds=2, restart=0.15)
    assert found == Ranking((4, 2), (0.75, 0.25))
    two = ask(graph, "", Ranking((4,), (9.0,)), Ranking((1,), (0.1,)), seeds=2)
    assert two == Ranking((1, 4), (0.5, 0.5))
    assert list(shares((-1.0, -2.0))) == [0.5, 0.5]
    assert list(shares((-1.0, 2.0))) == [0.0, 1.0]


def test_share_of_entities() -> None:
    graph = graph_of(*BRIDGE)
    walks = GraphSearch(entities=0.25).walks(graph, ["zebra"], [[Ranking((1,), (1.0,))]])
    ((restart, mass),) = walks
    zebra = graph["passages"] + graph["entities"].index("zebra")
    assert (restart[1], restart[zebra], restart.sum()) == (0.75, 0.25, 1.0)
    assert mass.sum() == pytest.approx(1)


def test_presets_are_haystackcrafts() -> None:
    """Seeds 10 / 5 / 5 and restart 0.5 / 0.5 / 0.15 for BM25, dense and hybrid hits."""
    numbers = {name: (s.seeds, s.restart, s.entities) for name, s in HAYSTACKCRAFT.items()}
    assert numbers == {"bm25": (10, 0.5, 0), "dense": (5, 0.5, 0), "hybrid": (5, 0.15, 0)}


def test_heaviest_keeps_ties_in_order() -> None:
    mass = np.array([0.1, 0.3, 0.1 + 1e-12, 0.0, 0.3 - 1e-12])
    assert heaviest(mass, 3).ids == (1, 4, 0)
    assert heaviest(mass, 9).ids == (1, 4, 0, 2)


def test_refusals() -> None:
    for make in (
        lambda: GraphIndex(most=0.0),
        lambda: GraphIndex(title=-1.0),
        lambda: GraphSearch(k=0),
        lambda: GraphSearch(restart=0.0),
        lambda: GraphSearch(entities=1.5),
    ):
        with pytest.raises(UserError, match="Graph"):
            make()
