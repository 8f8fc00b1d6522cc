"""Personalised PageRank beside networkx and igraph in one run: `python -m benchmarks.ppr`.

A drawn graph of 50,000 nodes and 400,000 edges, ten seeds a question, restart 0.5 and 0.15. Ours is the cost of a
question in a batch of 64 on one thread, then that of one question alone; the peers have no batches. networkx builds its
matrix in each call, igraph (PRPACK) reads its own; ours is prepared once, and the preparation is in the notes. How far
the masses are from igraph's is told with them.
"""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.bench import Row, report, seconds
from pipeline.core.errors import MissingPackageError
from retrievers.ppr import personalised_pagerank, walk_on

NODES, EDGES, QUESTIONS, SEEDS = 50_000, 400_000, 128, 10
CORES = os.cpu_count() or 1


def drawn() -> tuple[Any, list[tuple[int, int]], Any]:
    """(adjacency, edges, restart vectors (n, Q))."""
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    ends = np.sort(rng.integers(0, NODES, (EDGES + EDGES // 10, 2)), axis=1)
    edges = np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0)
    edges = edges[np.sort(rng.permutation(len(edges))[:EDGES])]
    half = sp.coo_matrix((np.ones(EDGES), (edges[:, 0], edges[:, 1])), shape=(NODES, NODES))
    seeds = np.zeros((NODES, QUESTIONS))
    for q in range(QUESTIONS):
        seeds[rng.choice(NODES, SEEDS, replace=False), q] = rng.random(SEEDS)
    return (half + half.T).tocsr(), [(int(a), int(b)) for a, b in edges], seeds


def main() -> None:
    if not find_spec("igraph"):
        raise MissingPackageError("igraph", "oracle", where="benchmarks.ppr")
    import igraph
    import networkx as nx

    adjacency, edges, seeds = drawn()
    start = time.perf_counter()
    walk = walk_on(adjacency)
    notes = [f"prepared in {time.perf_counter() - start:.2f} s; {NODES} nodes, {EDGES} edges, {QUESTIONS} questions"]
    theirs = igraph.Graph(n=NODES, edges=edges)
    slow = nx.Graph()
    slow.add_nodes_from(range(NODES))
    slow.add_edges_from(edges)
    rows = []
    for restart in (0.5, 0.15):

        def batch(count: int, workers: int = 1, restart: float = restart) -> Any:
            return personalised_pagerank(walk, seeds[:, :count], restart=restart, workers=workers)

        def ask_igraph(q: int = 0, restart: float = restart) -> Any:
            return theirs.personalized_pagerank(damping=1 - restart, reset=seeds[:, q].tolist(), directed=False)

        def ask_networkx(restart: float = restart) -> Any:
            person = {int(i): float(seeds[i, 0]) for i in np.flatnonzero(seeds[:, 0])}
            return nx.pagerank(slow, alpha=1 - restart, personalization=person, tol=1e-10 / NODES, max_iter=1000)

        # In turns, so that another program's load falls on all alike.
        ours, spread, fast, alone = [], [], [], []
        for _ in range(3):
            ours.append(seconds(lambda: batch(QUESTIONS), repeats=1) / QUESTIONS)
            spread.append(seconds(lambda: batch(QUESTIONS, CORES), repeats=1) / QUESTIONS)
            fast.append(seconds(ask_igraph, repeats=3))
            alone.append(seconds(lambda: batch(1), repeats=3))
        many, threads, peer, one = (1000 * float(np.median(x)) for x in (ours, spread, fast, alone))
        slowest = 1000 * seconds(ask_networkx, repeats=1)
        name = f"restart {restart}"
        rows += [
            Row(f"{name}, a question of {QUESTIONS}", "ms", many, slowest, "networkx"),
            Row(f"{name}, a question of {QUESTIONS}", "ms", many, peer, "igraph"),
            Row(f"{name}, the same on {CORES} threads", "ms", threads, slowest, "networkx"),
            Row(f"{name}, the same on {CORES} threads", "ms", threads, peer, "igraph"),
            Row(f"{name}, one question alone", "ms", one, peer, "igraph"),
        ]
        mass = batch(4)
        apart = max(float(np.abs(mass[:, q] - ask_igraph(q)).max()) for q in range(4))
        notes.append(f"{name}: at most {apart:.1e} from igraph")
    report("ppr", rows, notes)


if __name__ == "__main__":
    main()
