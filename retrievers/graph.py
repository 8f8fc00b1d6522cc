"""The graph of a context: its passages, the entities they mention, and what ties passages to one another.

Nodes are the C passages, then the E entities. Edges are undirected and weighted, of five relations: a passage mentions
an entity; two passages are similar (where vectors are given); one follows the other in its document; one names the
title of the other's document; a triple relates two entities. A graph is plain arrays and names, so that it can be
stored and exported (`graph_export.py`).

It does not know what is asked (`graph_search.py`), nor how entities are found in a text (`entities.py`).
Sources: Gutiérrez et al., "HippoRAG", NeurIPS 2024, section 2.3 (passages and phrases, node specificity); the title
edges stand for the hyperlinks of HaystackCraft (Li et al., 2025).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk
from pipeline.core.stage import Per, Stage
from retrievers.base import at_least, top_k
from retrievers.entities import mentions
from retrievers.spelling import FUNCTION_WORDS, normalise

Graph = dict[str, Any]
Edge = tuple[int, int, float]

RELATIONS = ("mentions", "similar", "next", "title", "relation")
"""Names of the codes in `Graph["relation"]`."""


@dataclass(frozen=True)
class GraphIndex(Stage):
    """Per context, `.on(chunks)` or `.on(chunks, encoded chunks)`: the graph as a dict.

    {"passages": C, "entities": E keys, "idf": (E,), "indptr", "indices", "weights": CSR of (C + E) nodes, symmetric and
    without loops, "relation": (nnz,) codes of RELATIONS, the heaviest where two hold}.

    phrase_words: words of the longest noun phrase; 0: names, numbers, titles and links alone.
    most: entities in more than this share of the passages are left out (never those in fewer than 10).
    mention, similar, following, title: weights of the relations. A mention weighs `mention` times the entity's idf
    scaled to [0, 1], times 1 + log of its count; a similarity, `similar` times the cosine; neighbours in one document,
    `following`, half of it across sections; a title, `title` shared among the documents that bear it.
    neighbours, floor: how many nearest passages are tied, and from which cosine on.

    The defaults were chosen on half of 100 MuSiQue questions; `benchmarks/graph.py` reports both halves.
    """

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 4

    phrase_words: int = 1
    most: float = 0.1
    mention: float = 1.0
    similar: float = 1.0
    following: float = 1.0
    title: float = 3.0
    neighbours: int = 5
    floor: float = 0.5

    def __post_init__(self) -> None:
        for name in ("phrase_words", "mention", "similar", "following", "title", "neighbours"):
            at_least(getattr(self, name), 0, f"{self.label}.{name}")
        if not 0 < self.most <= 1:
            raise UserError(f"{self.most!r} is no share in (0, 1]", where=f"{self.label}.most", remedy="Try 0.1")

    def run(self, *columns: Sequence[Any]) -> Iterable[Graph]:
        """Tuples of Chunk; then, if wired, {"vectors": (C, d), ...}."""
        for chunks, *encoded in zip(*columns, strict=True):
            yield self.graph(chunks, encoded[0]["vectors"] if encoded else None)

    def graph(
        self,
        chunks: Sequence[Chunk],
        vectors: NDArray[np.float32] | None = None,
        *,
        mentioned: Sequence[tuple[int, str]] = (),
        related: Sequence[tuple[str, str, float]] = (),
    ) -> Graph:
        """The graph of one context.

        mentioned: further (chunk, entity). related: pairs of entities with their weight. Raises UserError where vectors
        and chunks differ in number.
        """
        if vectors is not None and len(vectors) != len(chunks):
            raise UserError(
                f"{len(vectors)} vectors for {len(chunks)} chunks", where=self.label, remedy="Encode these chunks"
            )
        counts, names = self._counted(chunks)
        for i, key in mentioned:
            counts[i][key] += 1
            names.add(key)
        entities, idf = select(counts, names, self.most)
        n, node = len(chunks), {key: len(chunks) + i for i, key in enumerate(entities)}
        edges = {
            "mentions": self._mention_edges(counts, node, idf),
            "similar": self._similar_edges(vectors),
            "next": self._next_edges(chunks),
            "title": self._title_edges(chunks, counts, node),
            "relation": ((node[a], node[b], w) for a, b, w in related if a in node and b in node),
        }
        return assemble(n, entities, np.asarray(idf, dtype=np.float64), edges)

    def _counted(self, chunks: Sequence[Chunk]) -> tuple[list[Counter[str]], set[str]]:
        """Mentions per passage, and the entities that are more than phrases. A passage mentions its own title."""
        counts: list[Counter[str]] = []
        names: set[str] = set()
        for chunk in chunks:
            found = mentions(chunk.text, self.phrase_words)
            count = Counter(m.key for m in found)
            own = title_keys(chunk.title)[:1]
            count.update(own)
            names.update(own, (m.key for m in found if m.kind != "phrase"))
            counts.append(count)
        return counts, names

    def _mention_edges(
        self, counts: Sequence[Counter[str]], node: Mapping[str, int], idf: Sequence[float]
    ) -> Iterator[Edge]:
        first, highest = len(counts), max(idf, default=1.0)
        for i, count in enumerate(counts):
            for key, times in count.items():
                if key in node:
                    j = node[key]
                    yield i, j, self.mention * idf[j - first] / highest * (1 + math.log(times))

    def _similar_edges(self, vectors: NDArray[np.float32] | None) -> Iterator[Edge]:
        if vectors is not None and self.neighbours and self.similar:
            for i, j, cosine in nearest_passages(vectors, self.neighbours, self.floor):
                yield i, j, self.similar * cosine

    def _title_edges(
        self, chunks: Sequence[Chunk], counts: Sequence[Counter[str]], node: Mapping[str, int]
    ) -> Iterator[Edge]:
        """From a passage that names another document's title to the first passage of that document."""
        heads = {chunk.doc: i for i, chunk in reversed(list(enumerate(chunks)))}
        titled: dict[str, list[int]] = defaultdict(list)
        for i in heads.values():
            for key in title_keys(chunks[i].title):
                titled[key].append(i)
        for i, count in enumerate(counts):
            for key in count:
                if key in titled and key in node:
                    others = [j for j in titled[key] if chunks[j].doc != chunks[i].doc]
                    yield from ((i, j, self.title / len(others)) for j in others)

    def _next_edges(self, chunks: Sequence[Chunk]) -> Iterator[Edge]:
        for i, (one, other) in enumerate(pairwise(chunks)):
            if one.doc == other.doc:
                yield i, i + 1, self.following * (1.0 if one.section == other.section else 0.5)


def title_keys(title: str) -> tuple[str, ...]:
    """The ways a text may name a title: whole, and up to its first comma; without what stands in brackets.

    "Brand (play)" -> "brand"; "Johnnycake, West Virginia" -> that, and "johnnycake".
    """
    key = normalise(title.partition(" (")[0])
    return tuple(dict.fromkeys(k for k in (key, key.partition(",")[0]) if len(k) > 1 and k not in FUNCTION_WORDS))


def select(counts: Sequence[Counter[str]], names: set[str], most: float) -> tuple[list[str], list[float]]:
    """(entities kept, their idf = log((C + 1) / df)), in order of first mention.

    What is in more than `most` of the passages goes, and so do phrases of several words that one passage alone holds:
    their words stay, which a question may name. Where all would go, all stay.
    """
    frequency: Counter[str] = Counter(key for count in counts for key in count)
    limit = max(most * len(counts), 9)
    kept = [key for key, df in frequency.items() if df <= limit and (df > 1 or key in names or " " not in key)] or list(
        frequency
    )
    return kept, [math.log((len(counts) + 1) / frequency[key]) for key in kept]


def nearest_passages(vectors: NDArray[np.float32], k: int, floor: float) -> Iterator[Edge]:
    """(i, j, cosine) of each passage and its k nearest others, ties by lower index, cosines above the floor."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(lengths > 0, lengths, 1)
    for start in range(0, len(units), 512):
        for i, cosines in enumerate(units[start : start + 512] @ units.T, start=start):
            cosines[i] = -2.0
            best = top_k(cosines, k, above=floor)
            yield from ((i, j, cosine) for j, cosine in zip(best.ids, best.scores, strict=True))


def assemble(
    passages: int, entities: list[str], idf: NDArray[np.float64], edges: Mapping[str, Iterable[Edge]]
) -> Graph:
    """Edges by relation as one symmetric CSR.

    Of one pair's weights in one relation the greatest counts; those of several relations add up. Loops and edges
    without weight are dropped.
    """
    n = passages + len(entities)
    listed = [(min(i, j), max(i, j), code, w) for code, name in enumerate(RELATIONS) for i, j, w in edges.get(name, ())]
    row, col, kind = (np.array([edge[part] for edge in listed], dtype=np.int64) for part in range(3))
    weight = np.array([edge[3] for edge in listed], dtype=np.float64)
    keep = np.flatnonzero((row != col) & (weight > 0))
    keep = keep[np.lexsort((-weight[keep], kind[keep], col[keep], row[keep]))]
    pair, kind, weight = row[keep] * n + col[keep], kind[keep], weight[keep]
    greatest = np.ones(len(pair), dtype=bool)
    greatest[1:] = (pair[1:] != pair[:-1]) | (kind[1:] != kind[:-1])
    pair, kind, weight = pair[greatest], kind[greatest], weight[greatest]
    unique, inverse = np.unique(pair, return_inverse=True)
    total = np.bincount(inverse, weights=weight, minlength=len(unique)) if len(unique) else weight
    heaviest = np.lexsort((kind, -weight, pair))[np.searchsorted(pair, unique)]
    heads, tails = np.concatenate((unique // n, unique % n)), np.concatenate((unique % n, unique // n))
    order = np.lexsort((tails, heads))
    return {
        "passages": passages,
        "entities": entities,
        "idf": idf,
        "indptr": np.searchsorted(heads[order], np.arange(n + 1)).astype(np.int64),
        "indices": tails[order].astype(np.int32),
        "weights": np.concatenate((total, total))[order],
        "relation": np.concatenate((kind[heaviest], kind[heaviest]))[order].astype(np.int8),
    }


def adjacency(graph: Graph) -> Any:
    """The graph's matrix, (C + E, C + E) SciPy CSR."""
    import scipy.sparse as sp

    n = graph["passages"] + len(graph["entities"])
    return sp.csr_matrix((graph["weights"], graph["indices"], graph["indptr"]), shape=(n, n))
