"""Rankings that somebody else made, read from a TREC run, as a search like any other.

A run names documents, or passages as `document:start-end` (as our own runs do, ids percent-encoded). It knows neither
what made the run nor what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from pipeline.core.spec import digest_file, settings
from pipeline.core.stage import Stage
from retrievers.base import DECIMALS, at_least, rank
from retrievers.trec import read_run


@dataclass(frozen=True)
class RecordedRun(Stage):
    """Per question, `.on(chunks, question id)`: the k best chunks by a TREC run's scores.

    A line that names a document scores all its chunks alike; one that names a stretch of it scores the chunks that
    overlap the stretch. A question that the run does not hold finds nothing. Raises UserError where the run holds none
    of the questions it is asked, or names what is no passage of theirs.
    """

    path: str
    k: int = 100

    def __post_init__(self) -> None:
        at_least(self.k, 1, f"{self.label}.k")
        if not Path(self.path).is_file():
            raise UserError("no such file", where=f"{self.label}.path: {self.path}", remedy="Name a TREC run")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the run by its content."""
        return settings(self) | {"path": digest_file(Path(self.path))}

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: tuples of Chunk, question ids."""
        found = _run(self.path, digest_file(Path(self.path)))
        if not any(name in found for name in columns[1]) and columns[1]:
            raise UserError(
                f"the run holds none of {len(columns[1])} questions ({columns[1][0]!r} and others)",
                where=self.path,
                remedy="Its first column must hold the data set's question ids",
            )
        places: dict[int, Mapping[str, list[int]]] = {}
        for chunks, name in zip(*columns, strict=True):
            if id(chunks) not in places:
                places[id(chunks)] = _by_document(chunks)
            yield self._ranking(found.get(name, {}), chunks, places[id(chunks)], name)

    def _ranking(
        self, scores: Mapping[str, float], chunks: Sequence[Chunk], places: Mapping[str, list[int]], name: str
    ) -> Ranking:
        best: dict[int, float] = {}
        missed = ""
        for passage, score in scores.items():
            document, start, end = _parsed(passage, places)
            if document not in places:
                missed = missed or passage
                continue
            for i in places[document]:
                if start is None or (chunks[i].start < end and start < chunks[i].end):
                    best[i] = max(score, best.get(i, score))
        if scores and chunks and not best:
            raise UserError(
                f"{missed!r} is no document of question {name!r}",
                where=self.path,
                remedy="Its third column must hold the data set's document ids, or `document:start-end`",
            )
        ranked = rank(best.items(), DECIMALS)
        return Ranking(ranked.ids[: self.k], ranked.scores[: self.k])


@lru_cache(maxsize=8)
def _run(path: str, content: str) -> dict[str, dict[str, float]]:
    """The run whose content has this digest, questions by their own ids."""
    return {unquote(question): scores for question, scores in read_run(Path(path)).items()}


def _by_document(chunks: Sequence[Chunk]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for i, chunk in enumerate(chunks):
        places.setdefault(chunk.doc, []).append(i)
    return places


def _parsed(passage: str, places: Mapping[str, list[int]]) -> tuple[str, int | None, int]:
    """Document, start and end; no start for a whole document."""
    if passage in places:
        return passage, None, 0
    document, _, stretch = passage.rpartition(":")
    start, dash, end = stretch.partition("-")
    if dash and start.isdecimal() and end.isdecimal():
        return unquote(document), int(start), int(end)
    return unquote(passage), None, 0
