"""The catalogue: routes by the names that a study's settings use, and how settings become them.

With its other parts, for data, readers, retrieval and compression, the one place that names concrete classes together.
Adding a method is its file, one line here, and an agreement test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from experiments.catalog_compression import BY_READER, build_compression
from experiments.catalog_data import Loaded
from experiments.catalog_retrieval import RETRIEVAL, Retrieval, build_chunks
from experiments.config import Component, Study, assemble, build, grid_routes, pick
from pipeline.core.errors import UserError, nearest
from pipeline.core.stage import Documents, Node, QuestionText
from pipeline.generators.base import Sampling
from pipeline.routes.base import Route
from pipeline.routes.clustered import ClusteredRAG
from pipeline.routes.context_picker import ContextPickerRAG, LeaveOneOut
from pipeline.routes.controls import ClosedBook, Oracle
from pipeline.routes.listwise import ListwiseRAG
from pipeline.routes.long_context import LongContext
from pipeline.routes.rag import RAG, Stated
from pipeline.routes.raptor import Raptor
from pipeline.routes.self_route import SelfRoute
from retrievers.chunk import WordChunks
from retrievers.cluster import KMeans
from retrievers.encode import EncodeChunks, EncodeQuestion
from retrievers.order import Order, Pack
from retrievers.probe import CHUNK_WORDS, Probe, ProbeIndex


def _plain(cls: type[Route]) -> Callable[[dict[str, Any], Sampling, str], Route]:
    def make(settings: dict[str, Any], sampling: Sampling, where: str) -> Route:
        return build(cls, {"sampling": sampling, **settings}, where)

    return make


def _long_context(settings: dict[str, Any], sampling: Sampling, where: str) -> LongContext:
    compress = settings.pop("compress", None)
    compressed = None if compress is None else build_compression(compress, f"{where}.compress")
    return assemble(LongContext, settings, where, compressed=compressed, sampling=sampling)


def _rag(settings: dict[str, Any], sampling: Sampling, where: str) -> RAG:
    compress = settings.pop("compress", None)
    found = {k: settings.pop(k) for k in list(settings) if k in RETRIEVAL}
    for key in settings:
        if key not in ("labels", "position"):
            known = (*RETRIEVAL, "labels", "position", "compress")
            raise UserError(f"unknown setting {key!r} of rag", where=where, remedy=nearest(key, known))
    for key in ("chunk", "search"):
        if key not in found:
            raise UserError(f"the setting {key!r} is missing", where=where, remedy="Add it")
    chunks, ranking = build(Retrieval, found, where).wire(where)
    compressed = None if compress is None else build_compression(compress, f"{where}.compress", chunks, ranking)
    return RAG(chunks=chunks, ranking=ranking, compressed=compressed, sampling=sampling, **settings)


def _candidates(settings: dict[str, Any], sampling: Sampling, where: str, depth: int) -> RAG:
    """The RAG route whose ranking, `depth` deep, holds the candidates of a route that chooses among them."""
    search = settings.get("search")
    if isinstance(search, Mapping):
        deep = {name: {"k": depth, **s} if isinstance(s, Mapping) else s for name, s in search.items()}
        settings = {**settings, "search": deep}
    rag = _rag({**settings, "passages": depth}, sampling, where)
    if isinstance(rag.compressed, Node):
        raise UserError(
            "the passages to compress are chosen only as the route goes",
            where=f"{where}.compress",
            remedy=f"Name a compressor that asks the reader: {', '.join(BY_READER)}",
        )
    return rag


def _take(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: settings.pop(k) for k in list(settings) if k in names}


def _listwise(settings: dict[str, Any], sampling: Sampling, where: str) -> Route:
    own = _take(settings, "depth", "window", "step", "passages", "rank_tokens")
    pack = build(Pack, _take(settings, "budget", "tokenizer", "fill"), where)
    by = {"by" if k == "order" else k: v for k, v in _take(settings, "order", "seed").items()}
    arrange = (pack, build(Order, by, f"{where}.order"))
    rag = _candidates(settings, sampling, where, own.get("depth", ListwiseRAG.depth))
    return assemble(ListwiseRAG, own, where, rag=rag, arrange=arrange, sampling=sampling)


def _choosing(cls: type[Any], *names: str) -> Callable[[dict[str, Any], Sampling, str], Route]:
    """A route that reads some of the candidates. names: its own settings; the others are the retrieval's."""

    def make(settings: dict[str, Any], sampling: Sampling, where: str) -> Route:
        own = _take(settings, *names)
        rag = _candidates(settings, sampling, where, own.get("depth", cls.depth))
        made: Route = assemble(cls, own, where, rag=rag, sampling=sampling)
        return made

    return make


def _clustered(settings: dict[str, Any], sampling: Sampling, where: str) -> Route:
    chunks, encoded, _ = _encoded(settings, where)
    clusters = build(KMeans, settings.pop("cluster", {}), f"{where}.cluster").on(encoded)
    return assemble(ClusteredRAG, settings, where, chunks=chunks, clusters=clusters, sampling=sampling)


def _raptor(settings: dict[str, Any], sampling: Sampling, where: str) -> Route:
    own = settings.get("encoder", {})
    chunks, encoded, embedder = _encoded(settings, where)
    clusterer = build(KMeans, settings.pop("cluster", {"size": 7}), f"{where}.cluster")
    question = build(EncodeQuestion, own, f"{where}.encoder").on(QuestionText().on())
    parts = {"chunks": chunks, "encoded": encoded, "question": question, "clusters": clusterer.on(encoded)}
    return assemble(Raptor, settings, where, **parts, embedder=embedder, clusterer=clusterer, sampling=sampling)


def _encoded(settings: dict[str, Any], where: str) -> tuple[Node, Node, EncodeChunks]:
    """The nodes of chunks and of their vectors, and the encoder."""
    if "chunk" not in settings:
        raise UserError("the setting 'chunk' is missing", where=where, remedy="Add chunk: {type: words, size: 120}")
    chunks = build_chunks(settings.pop("chunk"), f"{where}.chunk")
    encoder = build(EncodeChunks, settings.pop("encoder", {}), f"{where}.encoder")
    return chunks, encoder.on(chunks), encoder


def _self_route(settings: dict[str, Any], sampling: Sampling, where: str) -> Route:
    dear = {k: settings.pop(k) for k in list(settings) if k == "truncate"}
    shared = {k: v for k, v in settings.items() if k == "position"}
    return SelfRoute(
        cheap=_rag(settings, sampling, where),
        dear=_long_context({**shared, **dear}, sampling, where),
        sampling=sampling,
        **shared,
    )


ROUTES: dict[str, Callable[[dict[str, Any], Sampling, str], Route]] = {
    "closed_book": _plain(ClosedBook),
    "oracle": _plain(Oracle),
    "long_context": _long_context,
    "stated": _plain(Stated),
    "rag": _rag,
    "self_route": _self_route,
    "listwise_rag": _listwise,
    "context_picker": _choosing(ContextPickerRAG, "depth", "pick_tokens"),
    "leave_one_out": _choosing(LeaveOneOut, "depth", "drop", "seed"),
    "clustered_rag": _clustered,
    "raptor": _raptor,
}


def routing_probe(*, dense: bool) -> Node:
    """The node of what a policy knows of a question before any route; dense: with the encoder's probe too."""
    text, documents = QuestionText().on(), Documents().on()
    index = ProbeIndex().on(documents)
    if not dense:
        return Probe().on(index, text)
    return Probe().on(
        index, text, EncodeChunks().on(WordChunks(size=CHUNK_WORDS).on(documents)), EncodeQuestion().on(text)
    )


def passage_routes(retrievers: Mapping[str, tuple[Node, Node]]) -> dict[str, RAG]:
    """A route on the passages of each retriever, as nodes of chunks and of a ranking."""
    return {name: RAG(chunks=chunks, ranking=ranking) for name, (chunks, ranking) in retrievers.items()}


def _expanded(components: Mapping[str, Component], study: Study) -> dict[str, Component]:
    """The routes with those of a grid in place of the one that it varies."""
    for name in study.grids:
        if name not in components:
            raise UserError(f"{name!r} is no route", where=f"grids.{name}", remedy=nearest(name, components))
    expanded: dict[str, Component] = {}
    for name, component in components.items():
        if name not in study.grids:
            expanded[name] = component
            continue
        for point, values in grid_routes(name, study.grids[name]).items():
            expanded[point] = {**component, **values}
    return expanded


def build_routes(study: Study, loaded: Loaded) -> dict[str, Route]:
    """The study's routes by name, in its order; where it names none, those of the recorded answers."""
    sampling = build(Sampling, study.sampling, "sampling")
    components = study.routes or {name: {"type": "stated", "tokens": 0} for name in loaded.routes}
    if not components:
        raise UserError("no route is named", where="routes", remedy=f"Known types: {', '.join(ROUTES)}")
    routes = {}
    for name, component in _expanded(components, study).items():
        make, settings = pick(ROUTES, component, f"routes.{name}", "route")
        routes[name] = make(settings, sampling, f"routes.{name}")
    if study.baseline and study.baseline not in routes:
        raise UserError(
            f"the baseline {study.baseline!r} is no route", where="baseline", remedy=nearest(study.baseline, routes)
        )
    return routes
