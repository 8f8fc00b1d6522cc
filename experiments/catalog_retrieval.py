"""The catalogue's half for retrieval: chunkers, searches, fusions, re-rankers by name, and how settings become a graph.

Adding a method is its file, one line here, and an agreement test; the contract tests find it here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.config import Component, build, pick
from pipeline.core.errors import UserError, nearest
from pipeline.core.stage import Documents, Node, QuestionId, QuestionText, Stage
from retrievers.aggregate import AggregateIndex, AggregateSearch
from retrievers.analyze import analyzer
from retrievers.base import one_of, top_k
from retrievers.bm25 import BM25Index, BM25Search, scorer
from retrievers.chunk import (
    SectionChunks,
    SentenceChunks,
    SentenceWindows,
    TokenChunks,
    WholeDocuments,
    WordChunks,
)
from retrievers.chunk_code import CodeChunks
from retrievers.chunk_dialogue import TurnChunks
from retrievers.chunk_structure import HeadingChunks, RecursiveChunks
from retrievers.controls import RandomPassages
from retrievers.cross_encoder import CrossEncoder
from retrievers.dense import DenseSearch
from retrievers.duplicates import Deduplicate
from retrievers.encode import EncodeChunks, EncodeQuestion
from retrievers.encode_endpoint import EndpointChunks, EndpointQuestion
from retrievers.fuse import RRF, WeightedSum
from retrievers.graph import GraphIndex
from retrievers.graph_search import HAYSTACKCRAFT, GraphSearch
from retrievers.landmark import ExpandLeft, LandmarkChunks
from retrievers.late import LateChunks
from retrievers.late_interaction import MaxSimRerank, MaxSimSearch, MultiVectorChunks, MultiVectorQuestion
from retrievers.lexical import LexicalChunks, LexicalQuestion, LexicalSearch
from retrievers.order import Order, Pack
from retrievers.parents import Neighbours, Parents
from retrievers.recorded import RecordedRun
from retrievers.triples import RecordedTriples, TripleGraph
from retrievers.vector_index import VectorIndex
from retrievers.whole import EncodeWhole

CHUNKERS: dict[str, type[Stage]] = {
    "documents": WholeDocuments,
    "words": WordChunks,
    "tokens": TokenChunks,
    "sentences": SentenceChunks,
    "sentence_windows": SentenceWindows,
    "recursive": RecursiveChunks,
    "sections": SectionChunks,
    "headings": HeadingChunks,
    "code": CodeChunks,
    "turns": TurnChunks,
}
FUSERS: dict[str, type[Stage]] = {"rrf": RRF, "weighted_sum": WeightedSum}

Settings = dict[str, Any]
Search = Callable[[Node, Settings, str], Node]
"""Chunks, settings, the place of the settings -> a node of rankings."""

Rerank = Callable[[Node, Node, Settings, str], Node]
"""Ranking, chunks, settings, the place of the settings -> a node of rankings."""


def _apart(settings: Settings, where: str, *classes: type[Any]) -> list[Any]:
    """One object of each class, each from the settings that it knows. Raises UserError for one that none knows."""
    known = [{f.name for f in dataclasses.fields(cls)} for cls in classes]
    for key in settings:
        if not any(key in names for names in known):
            raise UserError(f"unknown setting {key!r}", where=where, remedy=nearest(key, set().union(*known)))
    return [
        build(cls, {k: v for k, v in settings.items() if k in names}, where)
        for cls, names in zip(classes, known, strict=True)
    ]


def _bm25(chunks: Node, settings: Settings, where: str) -> Node:
    index, search = _apart(settings, where, BM25Index, BM25Search)
    return search.on(index.on(chunks), QuestionText().on())


def _dense(chunks: Node, settings: Settings, where: str) -> Node:
    return _by_vectors(chunks, settings, where, EncodeChunks, EncodeQuestion)


def _endpoint(chunks: Node, settings: Settings, where: str) -> Node:
    return _by_vectors(chunks, settings, where, EndpointChunks, EndpointQuestion)


def _whole(chunks: Node, settings: Settings, where: str) -> Node:
    return _by_vectors(chunks, settings, where, EncodeWhole, EncodeQuestion)


def _late(chunks: Node, settings: Settings, where: str) -> Node:
    return _by_vectors(chunks, settings, where, LateChunks, EncodeQuestion, Documents().on())


def _landmark(chunks: Node, settings: Settings, where: str) -> Node:
    return _by_vectors(chunks, settings, where, LandmarkChunks, EncodeQuestion, Documents().on())


def _by_vectors(
    chunks: Node, settings: Settings, where: str, encode: type[Stage], ask: type[Stage], *more: Node
) -> Node:
    """Search by inner products: encoded chunks in the index that `index` describes, and the encoded question."""
    index = build(VectorIndex, settings.pop("index", {}), f"{where}.index")
    encoder, asker, search = _apart(settings, where, encode, ask, DenseSearch)
    return search.on(index.on(encoder.on(chunks, *more)), asker.on(QuestionText().on()))


def _pieces(chunks: Node, settings: Settings, where: str) -> Node:
    """SEA: each chunk is found by the vectors of its pieces, which `pieces` cuts."""
    return _aggregated(chunks, settings, where, EncodeChunks)


def _dewey(chunks: Node, settings: Settings, where: str) -> Node:
    """Dewey: each chunk is found by late vectors of its pieces and by that of its whole document."""
    return _aggregated(chunks, {"document": "cls", **settings}, where, LateChunks, Documents().on())


def _aggregated(chunks: Node, settings: Settings, where: str, encode: type[Stage], *more: Node) -> Node:
    pieces = build_chunks(settings.pop("pieces", {"type": "words", "size": 100, "overlap": 20}), f"{where}.pieces")
    encoder, asker, search = _apart(settings, where, encode, EncodeQuestion, AggregateSearch)
    index = AggregateIndex().on(encoder.on(pieces, *more), pieces, chunks)
    return search.on(index, asker.on(QuestionText().on()))


def _maxsim(chunks: Node, settings: Settings, where: str) -> Node:
    encoder, asker, search = _apart(settings, where, MultiVectorChunks, MultiVectorQuestion, MaxSimSearch)
    return search.on(encoder.on(chunks), asker.on(QuestionText().on()))


def _lexical(chunks: Node, settings: Settings, where: str) -> Node:
    encoder, asker, search = _apart(settings, where, LexicalChunks, LexicalQuestion, LexicalSearch)
    return search.on(encoder.on(chunks), asker.on(QuestionText().on()))


def _graph(chunks: Node, settings: Settings, where: str) -> Node:
    """Personalised PageRank; `hits` names the searches whose best are seeds, `similar_by` an encoder for edges,
    `triples` a file of what a reader extracted."""
    hits = settings.pop("hits", {})
    found = [build_search(chunks, component, f"{where}.hits.{name}") for name, component in hits.items()]
    similar = settings.pop("similar_by", None)
    vectors = [] if similar is None else [build(EncodeChunks, similar, f"{where}.similar_by").on(chunks)]
    preset = settings.pop("preset", "")
    if preset:
        one_of(preset, list(HAYSTACKCRAFT), f"{where}.preset")
        fixed = HAYSTACKCRAFT[preset]
        settings = {"seeds": fixed.seeds, "restart": fixed.restart, "entities": fixed.entities, **settings}
    path = settings.pop("triples", None)
    stated = [] if path is None else [build(RecordedTriples, {"path": path}, f"{where}.triples").on(chunks)]
    index, search = _apart(settings, where, TripleGraph if stated else GraphIndex, GraphSearch)
    return search.on(index.on(chunks, *stated, *vectors), QuestionText().on(), *found)


def _random(chunks: Node, settings: Settings, where: str) -> Node:
    return build(RandomPassages, settings, where).on(chunks, QuestionText().on())


def _trec(chunks: Node, settings: Settings, where: str) -> Node:
    return build(RecordedRun, settings, where).on(chunks, QuestionId().on())


SEARCHES: dict[str, Search] = {
    "bm25": _bm25,
    "dense": _dense,
    "dense_endpoint": _endpoint,
    "dense_whole": _whole,
    "dense_pieces": _pieces,
    "dewey": _dewey,
    "late_chunking": _late,
    "landmark": _landmark,
    "maxsim": _maxsim,
    "lexical": _lexical,
    "graph_ppr": _graph,
    "random": _random,
    "trec": _trec,
}


def _on_chunks(cls: type[Stage]) -> Rerank:
    """A step that reads the ranking and the chunks."""

    def make(ranking: Node, chunks: Node, settings: Settings, where: str) -> Node:
        return build(cls, settings, where).on(ranking, chunks)

    return make


def _cross_encoder(ranking: Node, chunks: Node, settings: Settings, where: str) -> Node:
    return build(CrossEncoder, settings, where).on(ranking, chunks, QuestionText().on())


def _maxsim_rerank(ranking: Node, chunks: Node, settings: Settings, where: str) -> Node:
    encoder, asker, step = _apart(settings, where, MultiVectorChunks, MultiVectorQuestion, MaxSimRerank)
    return step.on(ranking, encoder.on(chunks), asker.on(QuestionText().on()))


RERANKERS: dict[str, Rerank] = {
    "cross_encoder": _cross_encoder,
    "maxsim": _maxsim_rerank,
    "deduplicate": _on_chunks(Deduplicate),
    "neighbours": _on_chunks(Neighbours),
    "expand_left": _on_chunks(ExpandLeft),
}


def build_chunks(component: Component, where: str) -> Node:
    """The node of chunks that a component names."""
    cls, settings = pick(CHUNKERS, component, where, "chunker")
    return build(cls, settings, where).on(Documents().on())


def build_search(chunks: Node, component: Component, where: str) -> Node:
    """The node of rankings of one search."""
    search, settings = pick(SEARCHES, component, where, "search")
    return search(chunks, settings, where)


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """How passages are found: chunk, search (one or several, then fused), re-rank, keep what the budget allows, order.

    rerank: steps in order, each on the ranking before it. parent: chunks that are read in place of those found.
    passages: most passages read; budget: most tokens, counted by `tokenizer`; fill: what happens at the first that does
    not fit.
    """

    chunk: Component
    search: dict[str, Component]
    fuse: Component = field(default_factory=dict)
    rerank: tuple[Component, ...] = ()
    parent: Component = field(default_factory=dict)
    passages: int | None = None
    budget: int | None = None
    tokenizer: str = "minilm"
    fill: str = "stop"
    order: str = "score"
    seed: int = 0

    def wire(self, where: str) -> tuple[Node, Node]:
        """The nodes of chunks and of the final ranking."""
        chunks = build_chunks(self.chunk, f"{where}.chunk")
        hits = [build_search(chunks, component, f"{where}.search.{name}") for name, component in self.search.items()]
        if not hits:
            raise UserError("no search is named", where=f"{where}.search", remedy=f"Known: {', '.join(SEARCHES)}")
        if len(hits) > 1 and not self.fuse:
            raise UserError(
                f"{len(hits)} searches and no way to fuse them", where=where, remedy="Add fuse: {type: rrf}"
            )
        if self.fuse:
            fuse, settings = pick(FUSERS, self.fuse, f"{where}.fuse", "fusion")
            hits = [build(fuse, settings, f"{where}.fuse").on(*hits)]
        ranking = hits[0]
        for i, component in enumerate(self.rerank):
            place = f"{where}.rerank.{i}"
            step, settings = pick(RERANKERS, component, place, "re-ranker")
            ranking = step(ranking, chunks, settings, place)
        if self.parent:
            children, chunks = chunks, build_chunks(self.parent, f"{where}.parent")
            ranking = Parents().on(ranking, children, chunks)
        pack = {"max_passages": self.passages, "budget": self.budget, "tokenizer": self.tokenizer, "fill": self.fill}
        packed = build(Pack, pack, where).on(ranking, chunks)
        return chunks, build(Order, {"by": self.order, "seed": self.seed}, f"{where}.order").on(packed, chunks)


RETRIEVAL = tuple(Retrieval.__dataclass_fields__)
"""The settings of a retrieval, as a route's settings name them."""


def build_retrieval(settings: Mapping[str, Any], where: str, *, depth: int) -> tuple[Node, Node]:
    """The nodes of chunks and of the ranking of one retriever of a study of retrieval, searched `depth` deep."""
    settings = dict(settings)
    if not isinstance(settings.get("search"), Mapping):
        raise UserError("the setting 'search' is missing", where=where, remedy="Write search: {bm25: {type: bm25}}")
    settings["search"] = {
        name: {"k": depth, **component} if isinstance(component, Mapping) else component
        for name, component in settings["search"].items()
    }
    return build(Retrieval, settings, where).wire(where)


def lexical_ranking(texts: Sequence[str]) -> Callable[[str], list[int]]:
    """What orders the texts for a question by BM25, the best first and earlier ones first among equals."""
    index = BM25Index(stemmer="porter", stopwords="en")
    terms = analyzer(index.stemmer, index.stopwords)
    score = scorer(index.index([terms(text) for text in texts]))

    def ranked(question: str) -> list[int]:
        scores, _ = score(terms(question))
        return list(top_k(scores, len(scores)).ids)

    return ranked
