"""What the doctor looks at: a study's data and settings, the values that are stored, and the files of its last run.

Everything here only reads: no value is computed, no reader called, no run written. It does not know what is a fault
(`doctor_data`, `doctor_gold`, `doctor_retrieval`, `doctor_reading`, `doctor_run`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments.tables import PRIMARY
from pipeline.core import codec
from pipeline.core.records import Document, Question
from pipeline.core.run import Runner, context_name
from pipeline.core.stage import Node, Source, union
from pipeline.core.store import Store
from pipeline.routes.base import Route
from pipeline.routes.controls import ClosedBook, Oracle
from pipeline.routes.rag import RAG, Stated
from retrievers.controls import RandomPassages

if TYPE_CHECKING:
    import polars as pl

    from experiments.compare import Experiment

Level = Literal["ok", "warning", "error"]
Said = tuple[Level, str]
Role = Literal["closed_book", "oracle", "random", "retrieval", "other"]

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_BATCH = 64


@dataclass(frozen=True)
class Finding:
    """What a check found, in one line. error: the comparison is wrong; warning: it may be; ok: looked at, all well."""

    level: Level
    check: str
    text: str


def words_of(text: str) -> list[str]:
    """Runs of letters, and numbers without thousands separators, as written."""
    return [w.replace(",", "") if "," in w else w for w in _WORD.findall(text)]


@dataclass(frozen=True)
class Vocabulary:
    """The distinct words of a text, as written and in lower case."""

    exact: frozenset[str]
    lower: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The vocabulary of a text; what stands between white space is looked at once, however often it occurs."""
        pieces = set(text.split())
        plain = {p for p in pieces if p.isalpha()}
        exact = frozenset(plain.union(words_of(" ".join(pieces - plain))))
        return cls(exact, frozenset(w.lower() for w in exact))

    @cached_property
    def small(self) -> frozenset[str]:
        """The words that occur in lower case."""
        return frozenset(w for w in self.exact if w.islower())


@dataclass(frozen=True)
class Mark:
    """One row of the last run: its outcome, whether it was right (None: unknown), and the scorer's own value."""

    status: str
    right: float | None
    offline: float | None


@dataclass(frozen=True)
class LastRun:
    """The last run's tables, cut down to the study's questions, routes and readers.

    marks: by (reader, route), by question. differs: which of settings, code and data are not those of that run.
    agreement: agreement.json, empty where there is none.
    """

    folder: Path
    answers: pl.DataFrame
    marks: Mapping[tuple[str, str], Mapping[str, Mark]]
    differs: tuple[str, ...]
    agreement: Mapping[str, Any]


class Subject:
    """A study under examination. `store` is None where there is none yet."""

    def __init__(self, experiment: Experiment, store: Store | None) -> None:
        self.experiment, self.dataset = experiment, experiment.dataset
        self.questions = experiment.questions
        self._store = store
        self._vocabularies: dict[str, Vocabulary] = {}
        self.run_problem = ""

    # -- data -----------------------------------------------------------------------------------------------------

    def documents(self, question: Question) -> tuple[Document, ...]:
        """The documents that a question is asked of, as far as they are there."""
        known = self.dataset.documents
        return tuple(known[i] for i in question.context or known if i in known)

    def vocabulary(self, document: Document) -> Vocabulary:
        """The words of a document, found once."""
        if document.id not in self._vocabularies:
            self._vocabularies[document.id] = Vocabulary.of(document.text or "")
        return self._vocabularies[document.id]

    @cached_property
    def asked(self) -> list[Document]:
        """Every document that some question of the study is asked of, in the data's order."""
        wanted = {i for q in self.questions for i in q.context or self.dataset.documents}
        return [d for i, d in self.dataset.documents.items() if i in wanted]

    # -- settings and stored values -------------------------------------------------------------------------------

    @cached_property
    def nodes(self) -> list[Node]:
        """All nodes of all routes, inputs before readers, without the sources."""
        roots = [n for route in self.experiment.routes.values() for n in route.nodes().values()]
        return [n for n in union(roots) if not isinstance(n.stage, Source)]

    def routes(self, *roles: Role) -> dict[str, Route]:
        """The routes of these roles, in the study's order."""
        return {name: r for name, r in self.experiment.routes.items() if role_of(name, r) in roles}

    def stored(self, node: Node) -> Iterator[tuple[Question, Any]]:
        """The node's values that are in the store, each once, with a question that reads it."""
        if self._store is None:
            return
        runner = Runner(self._store, self.dataset)
        known = self.dataset.documents
        keys = {runner.key(node, q): q for q in reversed(self.questions) if all(i in known for i in q.context)}
        wanted = list(keys)[::-1]
        for at in range(0, len(wanted), _BATCH):
            part = wanted[at : at + _BATCH]
            found = self._store.get_many(part)
            for key in part:
                if key in found:
                    yield keys[key], codec.loads(found[key])

    # -- the last run ---------------------------------------------------------------------------------------------

    @cached_property
    def run(self) -> LastRun | None:
        """The last run, or None where there is none or its files cannot be read (`run_problem` then says why)."""
        folder = self.experiment.runs / self.experiment.name
        if not (folder / "scores.parquet").is_file():
            return None
        import polars as pl
        import yaml

        try:
            answers, scores = pl.read_parquet(folder / "answers.parquet"), pl.read_parquet(folder / "scores.parquet")
            config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
            agreement = folder / "agreement.json"
            agreed = json.loads(agreement.read_text(encoding="utf-8")) if agreement.is_file() else {}
            before = config["fingerprint"]
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError, pl.exceptions.PolarsError) as e:
            self.run_problem = f"{folder}: {str(e).splitlines()[0]}"
            return None
        now = self.experiment.fingerprint
        differs = tuple(part for part in now if now[part] != before.get(part))
        ours = pl.col("question").is_in([q.id for q in self.questions])
        ours &= pl.col("route").is_in(list(self.experiment.routes))
        ours &= pl.col("reader").is_in([r.label for r in self.experiment.readers])
        return LastRun(folder, answers.filter(ours), _marks(scores.filter(ours)), differs, agreed)

    def cluster(self, question: Question) -> str:
        """What intervals are clustered by."""
        return question.cluster or context_name(question.context or tuple(self.dataset.documents))


def _marks(scores: pl.DataFrame) -> dict[tuple[str, str], dict[str, Mark]]:
    import polars as pl

    offline = {
        (reader, route, question): value
        for reader, route, question, value in scores.filter(pl.col("metric") == "offline")
        .select("reader", "route", "question", "value")
        .iter_rows()
    }
    marks: dict[tuple[str, str], dict[str, Mark]] = {}
    primary = scores.filter(pl.col("metric") == PRIMARY).select("reader", "route", "question", "status", "value")
    for reader, route, question, status, value in primary.iter_rows():
        mark = Mark(status, value, offline.get((reader, route, question)))
        marks.setdefault((reader, route), {})[question] = mark
    return marks


def role_of(name: str, route: Route) -> Role:
    """What a route is for in a comparison. A recorded one, of which nothing but the name is known, is what it says."""
    if isinstance(route, ClosedBook):
        return "closed_book"
    if isinstance(route, Oracle):
        return "oracle"
    if any(isinstance(n.stage, RandomPassages) for root in route.nodes().values() for n in root.walk()):
        return "random"
    if isinstance(route, RAG):
        return "retrieval"
    if isinstance(route, Stated):
        for role in ("closed_book", "oracle", "random"):
            if name == role:
                return role
    return "other"


# -- words for findings -------------------------------------------------------------------------------------------


def examples(items: Iterable[Any], show: Callable[[Any], str] = str) -> str:
    """Up to three of them: `e.g. a, b, c`."""
    first = []
    for item in items:
        first.append(show(item))
        if len(first) == 3:
            break
    return f"e.g. {', '.join(first)}"


def part(count: int, total: int, noun: str) -> str:
    """`3 of 120 questions (2.5 %)`."""
    percent = 100 * count / total if total else 0.0
    return f"{count:,} of {total:,} {noun} ({percent:.3g} %)"
