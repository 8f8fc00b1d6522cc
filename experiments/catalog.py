"""The catalogue: every concrete class by the name that a study's settings use, and how settings become a graph.

The one place that names concrete classes together. Adding a method is its file, one line here, and an agreement test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.config import Component, Study, build, folder_setting, pick
from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Dataset, digest_parts
from pipeline.core.stage import Documents, Node, QuestionText, Stage
from pipeline.generators.base import Generator, Sampling
from pipeline.generators.embedded import Extractive
from pipeline.generators.endpoint import Endpoint
from pipeline.generators.hf import HF
from pipeline.generators.recorded import Recorded
from pipeline.generators.scripted import Scripted
from pipeline.routes.base import Route
from pipeline.routes.controls import ClosedBook, Oracle
from pipeline.routes.long_context import LongContext
from pipeline.routes.rag import RAG, Stated
from pipeline.routes.self_route import SelfRoute
from retrievers.bm25 import BM25Index, BM25Search
from retrievers.chunk import SectionChunks, SentenceChunks, TokenChunks, WordChunks
from retrievers.controls import RandomPassages
from retrievers.dense import DenseSearch, FlatIndex
from retrievers.encode import EncodeChunks, EncodeQuestion
from retrievers.fuse import RRF, WeightedSum
from retrievers.order import Order, Pack

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


def _chunking_evaluation(root: str = "") -> Loaded:
    from experiments.data.chunking_evaluation import load_chunking_evaluation

    default = folder_setting("LONGSHORT_DATA", "data") / "chunking_evaluation"
    return Loaded(load_chunking_evaluation(Path(root) if root else default))


DATA: dict[str, Callable[..., Loaded]] = {
    "pydocs": _pydocs,
    "lara": _lara,
    "folder": _folder,
    "recorded": _recorded,
    "chunking_evaluation": _chunking_evaluation,
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
    "extractive": Extractive,
    "hf": HF,
    "endpoint": Endpoint,
    "recorded": Recorded,
    "scripted": Scripted,
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
            readers.append(build(cls, settings, where))
    labels = [r.label for r in readers]
    for label in labels:
        if labels.count(label) > 1:
            raise UserError(f"two readers are called {label!r}", where="readers", remedy="Give each a `name`")
    return readers


def _digest(answers: Answers) -> str:
    return digest_parts(part for key in sorted(answers) for part in (*key, answers[key] or ""))


# -- retrieval ----------------------------------------------------------------------------------------------------

CHUNKERS: dict[str, type[Stage]] = {
    "words": WordChunks,
    "tokens": TokenChunks,
    "sentences": SentenceChunks,
    "sections": SectionChunks,
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


SEARCHES: dict[str, Callable[[Node, dict[str, Any], str], Node]] = {"bm25": _bm25, "dense": _dense, "random": _random}


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """How passages are found: chunk, search (one or several, then fused), keep what the budget allows, order.

    passages: most passages read; budget: most tokens, counted by `tokenizer`.
    """

    chunk: Component
    search: dict[str, Component]
    fuse: Component = field(default_factory=dict)
    passages: int | None = None
    budget: int | None = None
    tokenizer: str = "minilm"
    order: str = "score"

    def wire(self, where: str) -> tuple[Node, Node]:
        """The nodes of chunks and of the final ranking."""
        cls, settings = pick(CHUNKERS, self.chunk, f"{where}.chunk", "chunker")
        chunks = build(cls, settings, f"{where}.chunk").on(Documents().on())
        hits = []
        for name, component in self.search.items():
            place = f"{where}.search.{name}"
            search, settings = pick(SEARCHES, component, place, "search")
            hits.append(search(chunks, settings, place))
        if not hits:
            raise UserError("no search is named", where=f"{where}.search", remedy=f"Known: {', '.join(SEARCHES)}")
        if len(hits) > 1 and not self.fuse:
            raise UserError(
                f"{len(hits)} searches and no way to fuse them", where=where, remedy="Add fuse: {type: rrf}"
            )
        if self.fuse:
            fuse, settings = pick(FUSERS, self.fuse, f"{where}.fuse", "fusion")
            hits = [build(fuse, settings, f"{where}.fuse").on(*hits)]
        pack = {"max_passages": self.passages, "budget": self.budget, "tokenizer": self.tokenizer}
        packed = build(Pack, pack, where).on(hits[0], chunks)
        return chunks, build(Order, {"by": self.order}, f"{where}.order").on(packed, chunks)


# -- routes -------------------------------------------------------------------------------------------------------

_RETRIEVAL = tuple(Retrieval.__dataclass_fields__)


def _plain(cls: type[Route]) -> Callable[[dict[str, Any], Sampling, str], Route]:
    def make(settings: dict[str, Any], sampling: Sampling, where: str) -> Route:
        return build(cls, {"sampling": sampling, **settings}, where)

    return make


def _rag(settings: dict[str, Any], sampling: Sampling, where: str) -> RAG:
    found = {k: settings.pop(k) for k in list(settings) if k in _RETRIEVAL}
    for key in settings:
        if key not in ("labels", "position"):
            known = (*_RETRIEVAL, "labels", "position")
            raise UserError(f"unknown setting {key!r} of rag", where=where, remedy=nearest(key, known))
    for key in ("chunk", "search"):
        if key not in found:
            raise UserError(f"the setting {key!r} is missing", where=where, remedy="Add it")
    chunks, ranking = build(Retrieval, found, where).wire(where)
    return RAG(chunks=chunks, ranking=ranking, sampling=sampling, **settings)


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
}


def build_routes(study: Study, loaded: Loaded) -> dict[str, Route]:
    """The study's routes by name, in its order; where it names none, those of the recorded answers."""
    sampling = build(Sampling, study.sampling, "sampling")
    components = study.routes or {name: {"type": "stated", "tokens": 0} for name in loaded.routes}
    if not components:
        raise UserError("no route is named", where="routes", remedy=f"Known types: {', '.join(ROUTES)}")
    routes = {}
    for name, component in components.items():
        make, settings = pick(ROUTES, component, f"routes.{name}", "route")
        routes[name] = make(settings, sampling, f"routes.{name}")
    if study.baseline and study.baseline not in routes:
        raise UserError(
            f"the baseline {study.baseline!r} is no route", where="baseline", remedy=nearest(study.baseline, routes)
        )
    return routes
