"""Personalised PageRank: the closed form, networkx, igraph, and laws on drawn graphs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from retrievers.ppr import personalised_pagerank, walk_on

Floats = NDArray[np.float64]

TOY = np.array(
    [[0, 1, 2, 0, 0], [1, 0, 1, 3, 0], [2, 1, 0, 0, 0], [0, 3, 0, 0, 0.5], [0, 0, 0, 0.5, 0]], dtype=np.float64
)


def solved(adjacency: Floats, seeds: Floats, restart: float) -> Floats:
    """x = (1 - a) (P x + s (mass on nodes without edges)) + a s, solved as a dense linear system."""
    out = adjacency.sum(axis=1)
    transition = np.divide(adjacency.T, out, out=np.zeros_like(adjacency), where=out > 0)
    s = seeds / seeds.sum()
    transition[:, out == 0] = s[:, None]
    return np.linalg.solve(np.eye(len(s)) - (1 - restart) * transition, restart * s)


def drawn_graph(n: int, edges: int, seed: int, directed: bool = False) -> Floats:
    rng = np.random.default_rng(seed)
    matrix = np.zeros((n, n))
    matrix[rng.integers(0, n, edges), rng.integers(0, n, edges)] = rng.random(edges)
    np.fill_diagonal(matrix, 0)
    return matrix if directed else np.maximum(matrix, matrix.T)


def test_closed_form_on_five_nodes() -> None:
    seeds = np.array([[1.0, 0, 0, 0, 0], [0, 0, 0.25, 0, 0.75], [1, 1, 1, 1, 1]]).T
    for restart in (0.15, 0.5, 0.9, 1.0):
        found = personalised_pagerank(walk_on(TOY), seeds, restart=restart)
        for q in range(3):
            assert found[:, q] == pytest.approx(solved(TOY, seeds[:, q], restart), abs=1e-10)


def test_restart_is_one_minus_the_alpha_of_networkx() -> None:
    """HaystackCraft's 0.15 is networkx's 0.85: whoever swaps them fails here."""
    import networkx as nx

    seeds = np.array([1.0, 0, 0, 2.0, 0])
    found = personalised_pagerank(walk_on(TOY), seeds[:, None], restart=0.15)[:, 0]
    graph = nx.from_numpy_array(TOY)
    person = dict(enumerate(seeds))
    right = nx.pagerank(graph, alpha=0.85, personalization=person, tol=1e-14, max_iter=1000)
    swapped = nx.pagerank(graph, alpha=0.15, personalization=person, tol=1e-14, max_iter=1000)
    assert found == pytest.approx([right[i] for i in range(5)], abs=1e-9)
    assert abs(found - [swapped[i] for i in range(5)]).max() > 0.05
    # The more restarts, the more mass stays at the seeds.
    often = personalised_pagerank(walk_on(TOY), seeds[:, None], restart=0.9)[:, 0]
    assert often[[0, 3]].sum() > 0.9 > found[[0, 3]].sum()


@pytest.mark.parametrize("restart", [0.15, 0.5])
def test_igraph(restart: float) -> None:
    igraph = pytest.importorskip("igraph", reason="igraph is not installed (extra: oracle)")
    matrix = sp.csr_matrix(drawn_graph(400, 2000, seed=3))
    upper = sp.triu(matrix).tocoo()
    graph = igraph.Graph(n=400, edges=list(zip(upper.row.tolist(), upper.col.tolist(), strict=True)))
    seeds = np.zeros((400, 40))
    rng = np.random.default_rng(4)
    for q in range(40):
        seeds[rng.choice(400, 5, replace=False), q] = rng.random(5)
    found = personalised_pagerank(walk_on(matrix), seeds, restart=restart)
    for q in range(40):
        theirs = graph.personalized_pagerank(
            damping=1 - restart, reset=seeds[:, q].tolist(), weights=upper.data.tolist(), directed=False
        )
        assert abs(found[:, q] - theirs).max() < 1e-9


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(0, 60),
    st.integers(0, 10**6),
    st.booleans(),
    st.sampled_from([0.05, 0.15, 0.5, 0.99]),
)
def test_laws(n: int, edges: int, seed: int, directed: bool, restart: float) -> None:
    matrix = drawn_graph(n, edges, seed, directed)
    rng = np.random.default_rng(seed)
    seeds = rng.random((n, 3)) * (rng.random((n, 3)) < 0.5)
    found = personalised_pagerank(walk_on(matrix), seeds, restart=restart)
    for q in range(3):
        if seeds[:, q].sum() == 0:
            assert not found[:, q].any()
        else:
            assert found[:, q] == pytest.approx(solved(matrix, seeds[:, q], restart), abs=1e-10)
            assert found[:, q].sum() == pytest.approx(1)
            assert found[:, q].min() >= 0


def test_a_column_does_not_depend_on_its_batch_nor_on_threads() -> None:
    walk = walk_on(drawn_graph(300, 1500, seed=1))
    seeds = np.eye(300)[:, :50]
    together = personalised_pagerank(walk, seeds, restart=0.15, workers=3)
    assert together == pytest.approx(personalised_pagerank(walk, seeds, restart=0.15), abs=0)
    for q in (0, 17, 49):
        alone = personalised_pagerank(walk, seeds[:, [q]], restart=0.15)
        assert np.abs(together[:, q] - alone[:, 0]).max() < 1e-12


def test_refusals() -> None:
    walk = walk_on(TOY)
    for restart in (0.0, -0.5, 1.01, float("nan")):
        with pytest.raises(UserError, match="restart"):
            personalised_pagerank(walk, np.ones((5, 1)), restart=restart)
    for seeds in (np.ones((4, 1)), -np.ones((5, 1)), np.full((5, 1), np.nan)):
        with pytest.raises(ValueError, match="seeds must be"):
            personalised_pagerank(walk, seeds, restart=0.5)
    with pytest.raises(ValueError, match="square"):
        walk_on(np.ones((2, 3)))
    with pytest.raises(ValueError, match="0 or more"):
        walk_on(-TOY)
    assert personalised_pagerank(walk_on(np.zeros((0, 0))), np.zeros((0, 2)), restart=0.5).shape == (0, 2)
