"""The catalogue: data sets, readers and routes by the names that a study's settings use, and how settings become them.

With `catalog_retrieval` the one place that names concrete classes together. Adding a method is its file, one line here,
and an agreement test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compressors.kv import KVPolicy
from compressors.kv_a2sf import A2SF
from compressors.kv_blocks import Blocks
from compressors.kv_keynorm import KeyNorm
from compressors.kv_quantised import Quantised
from compressors.kv_sinks import Sinks
from compressors.kv_snapkv import SnapKV
from compressors.kv_think import ThinK
from experiments.catalog_retrieval import RETRIEVAL, Retrieval, build_chunks
from experiments.config import Component, Study, assemble, build, folder_setting, grid_routes, pick
from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Dataset, digest_parts
from pipeline.core.stage import Documents, Node, QuestionText
from pipeline.generators.base import Generator, Sampling
from pipeline.generators.embedded import Embedded
from pipeline.generators.endpoint import Endpoint
from pipeline.generators.extractive import Extractive
from pipeline.generators.hf import HF
from pipeline.generators.recorded import Recorded
from pipeline.generators.scripted import Scripted
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

Answers = Mapping[tuple[str, str], str | None]


@dataclass(frozen=True)
class Loaded:
    """A data set with what came with it.

    recorded: per reader, the answer to (question, route), None for a failed call. routes: the recorded routes.
    labels: people's outcomes by (reader, question, route).
    """

    dataset: Dataset
    recorded: Mapping[str, Answers] = field(default_factory=dict)
    routes: Sequence[str] = ()
    labels: Mapping[tuple[str, str, str], str] = field(default_factory=dict)


# -- data ---------------------------------------------------------------------------------------------------------


def _pydocs() -> Loaded:
    from experiments.data.pydocs import load_pydocs

    return Loaded(load_pydocs())


def _almanac() -> Loaded:
    from experiments.data.almanac import load_almanac

    return Loaded(load_almanac())


def _needle() -> Loaded:
    from experiments.data.needle import load_needle

    return Loaded(load_needle())


def _lara(root: str = "") -> Loaded:
    from experiments.data.lara import load_lara

    dataset, recorded = load_lara(Path(root) if root else folder_setting("LONGSHORT_DATA", "data") / "lara")
    return Loaded(dataset, recorded, routes=("lc", "rag"))


def _folder(docs: str = "", questions: str = "") -> Loaded:
    from experiments.data.folder import load_folder

    for name, value in (("DOCS", docs), ("QUESTIONS", questions)):
        if not value:
            raise UserError(
                f"{name} is not given", where="study 'folder'", remedy="Give DOCS=folder QUESTIONS=questions.jsonl"
            )
    return Loaded(load_folder(Path(docs), Path(questions)))


def _recorded(map: str = "") -> Loaded:
    from experiments.data.recorded import load_recorded

    if not map:
        raise UserError(
            "MAP is not given", where="study 'recorded'", remedy="Give MAP=map.yaml (README, Answers from elsewhere)"
        )
    dataset, recorded, labels = load_recorded(Path(map))
    routes = list(dict.fromkeys(route for answers in recorded.values() for _, route in answers))
    return Loaded(dataset, recorded, routes, labels)


def _beir(root: str = "") -> Loaded:
    from experiments.data.beir import read_beir

    if not root:
        raise UserError("DATA is not given", where="data.root", remedy="Give DATA=folder in BEIR's layout")
    return Loaded(read_beir(Path(root).expanduser()))


def _set(load: Callable[[Path], Dataset], name: str, root: str) -> Loaded:
    return Loaded(load(Path(root) if root else folder_setting("LONGSHORT_DATA", "data") / name))


def _chunking_evaluation(root: str = "") -> Loaded:
    from experiments.data.chunking_evaluation import load_chunking_evaluation

    return _set(load_chunking_evaluation, "chunking_evaluation", root)


def _cacm(root: str = "") -> Loaded:
    from experiments.data.cacm import cacm_questions

    return _set(cacm_questions, "cacm", root)


def _musique(root: str = "") -> Loaded:
    from experiments.data.musique import load_musique

    return _set(load_musique, "musique100", root)


def _qmsum(root: str = "") -> Loaded:
    from experiments.data.qmsum import load_qmsum

    return _set(load_qmsum, "qmsum", root)


DATA: dict[str, Callable[..., Loaded]] = {
    "pydocs": _pydocs,
    "almanac": _almanac,
    "needle": _needle,
    "lara": _lara,
    "folder": _folder,
    "recorded": _recorded,
    "beir": _beir,
    "chunking_evaluation": _chunking_evaluation,
    "cacm": _cacm,
    "musique": _musique,
    "qmsum": _qmsum,
}


def load_data(component: Component) -> Loaded:
    """The data set that a study's `data` names."""
    load, settings = pick(DATA, component, "data", "data set")
    known = load.__code__.co_varnames[: load.__code__.co_argcount]
    for key, value in settings.items():
        if key not in known:
            raise UserError(f"unknown setting {key!r} of {component['type']}", where="data", remedy=nearest(key, known))
        if not isinstance(value, str):
            raise UserError(f"a path is text, found {value!r}", where=f"data.{key}", remedy="Write a path")
    return load(**settings)


# -- readers ------------------------------------------------------------------------------------------------------

READERS: dict[str, type[Generator]] = {
    "embedded": Embedded,
    "extractive": Extractive,
    "hf": HF,
    "endpoint": Endpoint,
    "recorded": Recorded,
    "scripted": Scripted,
}

KV_POLICIES: dict[str, type[KVPolicy]] = {
    "sinks": Sinks,
    "snapkv": SnapKV,
    "key_norm": KeyNorm,
    "think": ThinK,
    "a2sf": A2SF,
    "blocks": Blocks,
    "quantised": Quantised,
}


def build_readers(study: Study, loaded: Loaded) -> list[Generator]:
    """The study's readers; `recorded` stands for every model whose answers came with the data."""
    readers: list[Generator] = []
    for i, component in enumerate(study.readers):
        where = f"readers.{i}"
        cls, settings = pick(READERS, component, where, "reader")
        if cls is Recorded:
            if not loaded.recorded:
                raise UserError("the data holds no recorded answers", where=where, remedy="Name another reader")
            readers += [
                Recorded(model=model, answers=answers, answers_digest=_digest(answers))
                for model, answers in loaded.recorded.items()
            ]
        else:
            if cls is HF and settings.get("kv") is not None:
                policy, own = pick(KV_POLICIES, settings["kv"], f"{where}.kv", "KV policy")
                settings["kv"] = build(policy, own, f"{where}.kv")
            readers.append(build(cls, settings, where))
    labels = [r.label for r in readers]
    for label in labels:
        if labels.count(label) > 1:
            raise UserError(f"two readers are called {label!r}", where="readers", remedy="Give each a `name`")
    return readers


def _digest(answers: Answers) -> str:
    return digest_parts(part for key in sorted(answers) for part in (*key, answers[key] or ""))


# -- routes -------------------------------------------------------------------------------------------------------


def _plain(cls: type[Route]) -> Callable[[dict[str, Any], Sampling, str], Route]:
    def make(settings: dict[str, Any], sampling: Sampling, where: str) -> Route:
        return build(cls, {"sampling": sampling, **settings}, where)

    return make


def _rag(settings: dict[str, Any], sampling: Sampling, where: str) -> RAG:
    found = {k: settings.pop(k) for k in list(settings) if k in RETRIEVAL}
    for key in settings:
        if key not in ("labels", "position"):
            known = (*RETRIEVAL, "labels", "position")
            raise UserError(f"unknown setting {key!r} of rag", where=where, remedy=nearest(key, known))
    for key in ("chunk", "search"):
        if key not in found:
            raise UserError(f"the setting {key!r} is missing", where=where, remedy="Add it")
    chunks, ranking = build(Retrieval, found, where).wire(where)
    return RAG(chunks=chunks, ranking=ranking, sampling=sampling, **settings)


def _candidates(settings: dict[str, Any], sampling: Sampling, where: str, depth: int) -> RAG:
    """The RAG route whose ranking, `depth` deep, holds the candidates of a route that chooses among them."""
    search = settings.get("search")
    if isinstance(search, Mapping):
        deep = {name: {"k": depth, **s} if isinstance(s, Mapping) else s for name, s in search.items()}
        settings = {**settings, "search": deep}
    return _rag({**settings, "passages": depth}, sampling, where)


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
        dear=build(LongContext, {"sampling": sampling, **shared, **dear}, where),
        sampling=sampling,
        **shared,
    )


ROUTES: dict[str, Callable[[dict[str, Any], Sampling, str], Route]] = {
    "closed_book": _plain(ClosedBook),
    "oracle": _plain(Oracle),
    "long_context": _plain(LongContext),
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
