"""Personalised PageRank over a context's graph: from a question's entities and other searches' hits to passages.

It does not know how the graph came about, nor what made the hits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.spec import runtime
from pipeline.core.stage import Stage
from retrievers.base import at_least, rank
from retrievers.entities import mentions
from retrievers.graph import Graph, adjacency
from retrievers.ppr import BLOCK, check_restart, personalised_pagerank, walk_on

Floats = NDArray[np.float64]

DECIMALS = 9
"""Masses of one column sum to 1, so in a large graph they are far smaller than other scores; the bound is 1e-10."""

_HELD = 2**24  # masses held at once: questions times nodes


@dataclass(frozen=True)
class GraphSearch(Stage):
    """Per question, `.on(graph, question text, ranking, ...)`: the k passages of greatest mass, ties by index.

    restart: probability of jumping back to the seeds at each step, HaystackCraft's alpha (networkx's is 1 - restart).
    seeds: how many hits of each ranking are seeds, by their scores scaled to sum to 1.
    entities: share of the restart mass on the question's entities, by their idf; the rest is on the hits. Where one of
    the two finds nothing, the other has all.

    The defaults were chosen on half of 100 MuSiQue questions; `benchmarks/graph.py` reports both halves.
    """

    k: int = 20
    restart: float = 0.3
    seeds: int = 3
    entities: float = 0.4
    workers: int = runtime(1)

    def __post_init__(self) -> None:
        at_least(self.k, 1, f"{self.label}.k")
        at_least(self.seeds, 0, f"{self.label}.seeds")
        at_least(self.workers, 1, f"{self.label}.workers")
        check_restart(self.restart, f"{self.label}.restart")
        if not 0 <= self.entities <= 1:
            raise UserError(
                f"{self.entities!r} is no share in [0, 1]", where=f"{self.label}.entities", remedy="0.5 is half"
            )

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Graphs, question texts, then any number of columns of rankings. Questions of one graph walk together."""
        graphs, texts, *rankings = columns
        of_graph: dict[int, list[int]] = {}
        for i, graph in enumerate(graphs):
            of_graph.setdefault(id(graph), []).append(i)
        found: dict[int, Ranking] = {}
        for items in of_graph.values():
            graph = graphs[items[0]]
            walks = self.walks(graph, [texts[i] for i in items], [[r[i] for r in rankings] for i in items])
            for i, (_, mass) in zip(items, walks, strict=True):
                found[i] = heaviest(mass[: graph["passages"]], self.k)
        return [found[i] for i in range(len(texts))]

    def walks(
        self, graph: Graph, texts: Sequence[str], rankings: Sequence[Sequence[Ranking]]
    ) -> Iterator[tuple[Floats, Floats]]:
        """(restart vector, mass), each (C + E,), of each question; `rankings` holds the searches' hits of each."""
        walk, node = walk_on(adjacency(graph)), {key: i for i, key in enumerate(graph["entities"], graph["passages"])}
        together = max(BLOCK, min(256, _HELD // max(graph["passages"] + len(node), 1)))
        for start in range(0, len(texts), together):
            some = range(start, min(start + together, len(texts)))
            restarts = np.stack([self._restarts(graph, node, texts[i], rankings[i]) for i in some], axis=1)
            masses = personalised_pagerank(walk, restarts, restart=self.restart, workers=self.workers)
            yield from zip(restarts.T, masses.T, strict=True)

    def _restarts(self, graph: Graph, node: dict[str, int], text: str, rankings: Sequence[Ranking]) -> Floats:
        """(C + E,) mass of the seeds: its sum is 1, or 0 where nothing is found."""
        n = graph["passages"] + len(node)
        hits, named = np.zeros(n), np.zeros(n)
        for ranking in rankings:
            hits[list(ranking.ids[: self.seeds])] += shares(ranking.scores[: self.seeds])
        for key in sorted({m.key for m in mentions(text)} & node.keys()) if self.entities else ():
            named[node[key]] = graph["idf"][node[key] - graph["passages"]]
        hits, named = (x / x.sum() if x.any() else x for x in (hits, named))
        if not hits.any() or not named.any():
            return hits + named
        return (1 - self.entities) * hits + self.entities * named


HAYSTACKCRAFT = {
    "bm25": GraphSearch(seeds=10, restart=0.5, entities=0.0),
    "dense": GraphSearch(seeds=5, restart=0.5, entities=0.0),
    "hybrid": GraphSearch(seeds=5, restart=0.15, entities=0.0),
}
"""Seeds and restart by the ranking that is re-ranked, as HaystackCraft sets them (Li et al., 2025)."""


def shares(scores: Sequence[float]) -> Floats:
    """Scores divided by their sum; negative ones count as 0, and where none is above 0 all count alike."""
    positive = np.maximum(np.asarray(scores, dtype=np.float64), 0.0)
    if not positive.any():
        positive = np.ones(len(scores))
    return positive / positive.sum() if len(positive) else positive


def heaviest(mass: Floats, k: int) -> Ranking:
    """The k passages of greatest mass, ties by index; (C,) -> only those whose mass is above 0 after rounding."""
    least = np.partition(mass, len(mass) - k)[len(mass) - k] if len(mass) > k else 0.0
    candidates = np.flatnonzero((mass > 0) & (mass >= least - 10.0**-DECIMALS))
    best = rank(((int(i), float(mass[i])) for i in candidates), DECIMALS)
    kept = min(k, sum(score > 0 for score in best.scores))
    return Ranking(best.ids[:kept], best.scores[:kept])
