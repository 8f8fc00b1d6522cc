"""The catalogue's half for retrieval: chunkers, searches, fusions, re-rankers by name, and how settings become a graph.

Adding a method is its file, one line here, and an agreement test; the contract tests find it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.config import Component, build, pick
from pipeline.core.errors import UserError
from pipeline.core.stage import Documents, Node, QuestionId, QuestionText, Stage
from retrievers.bm25 import BM25Index, BM25Search
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
from retrievers.dense import DenseSearch, FlatIndex
from retrievers.duplicates import Deduplicate
from retrievers.encode import EncodeChunks, EncodeQuestion
from retrievers.fuse import RRF, WeightedSum
from retrievers.order import Order, Pack
from retrievers.parents import Neighbours, Parents
from retrievers.recorded import RecordedRun

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


def _bm25(chunks: Node, settings: dict[str, Any], where: str) -> Node:
    search = build(BM25Search, {"k": settings.pop("k", 20)}, where)
    return search.on(build(BM25Index, settings, where).on(chunks), QuestionText().on())


def _dense(chunks: Node, settings: dict[str, Any], where: str) -> Node:
    search = build(DenseSearch, {"k": settings.pop("k", 20)}, where)
    index = build(FlatIndex, settings.pop("index", {}), f"{where}.index")
    encode, ask = (build(cls, settings, where) for cls in (EncodeChunks, EncodeQuestion))
    return search.on(index.on(encode.on(chunks)), ask.on(QuestionText().on()))


def _random(chunks: Node, settings: dict[str, Any], where: str) -> Node:
    return build(RandomPassages, settings, where).on(chunks, QuestionText().on())


def _trec(chunks: Node, settings: dict[str, Any], where: str) -> Node:
    return build(RecordedRun, settings, where).on(chunks, QuestionId().on())


Search = Callable[[Node, dict[str, Any], str], Node]
"""Chunks, settings, the place of the settings -> a node of rankings."""

SEARCHES: dict[str, Search] = {"bm25": _bm25, "dense": _dense, "random": _random, "trec": _trec}


def _on_chunks(cls: type[Stage]) -> Rerank:
    """A step that reads the ranking and the chunks."""

    def make(ranking: Node, chunks: Node, settings: dict[str, Any], where: str) -> Node:
        return build(cls, settings, where).on(ranking, chunks)

    return make


Rerank = Callable[[Node, Node, dict[str, Any], str], Node]
"""Ranking, chunks, settings, the place of the settings -> a node of rankings."""

RERANKERS: dict[str, Rerank] = {"deduplicate": _on_chunks(Deduplicate), "neighbours": _on_chunks(Neighbours)}


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
