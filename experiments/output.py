"""A run's files: written whole or not at all, and what goes into them besides the tables.

It knows folders, formats and versions; what the numbers mean is the tables' and the report's affair.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from experiments.report import PromptView
from experiments.report_engine import events_of
from experiments.report_struck import Removals, Struck
from experiments.tables import Row
from pipeline.core.errors import UserError
from pipeline.core.records import Question
from pipeline.core.run import Log, Runner
from pipeline.core.stage import Node
from pipeline.generators.base import Generator
from pipeline.routes.long_context import LongContext
from pipeline.routes.rag import RAG
from pipeline.routes.self_route import SelfRoute
from retrievers.trec import format_run

if TYPE_CHECKING:
    import polars as pl

PACKAGES = ("longshort", "torch", "transformers", "sentence-transformers", "bm25s", "faiss-cpu", "polars")


class Writer:
    """Writes the run's files, each to a temporary name first, so that a killed run leaves the old or the new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def frame(self, name: str, frame: pl.DataFrame) -> None:
        """A table, as CSV or Parquet by the name's ending."""
        draft = self._draft(name)
        if name.endswith(".csv"):
            frame.write_csv(draft)
        else:
            frame.write_parquet(draft)
        draft.replace(self._folder / name)

    def text(self, name: str, text: str) -> None:
        """A text file, UTF-8."""
        draft = self._draft(name)
        draft.write_text(text, encoding="utf-8")
        draft.replace(self._folder / name)

    def json(self, name: str, value: Any) -> None:
        """A JSON file, indented."""
        self.text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def yaml(self, name: str, value: Any) -> None:
        """A YAML file, keys in their order."""
        import yaml

        self.text(name, str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True)))

    def _draft(self, name: str) -> Path:
        return self._folder / f"{name}.{os.getpid()}.tmp"


def open_run(folder: Path) -> Log:
    """Make a run's folder and begin its log. Raises UserError where nothing can be written there."""
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        return Log(folder / "log.jsonl")
    except OSError as e:
        raise UserError(
            f"cannot write the results: {e.strerror}",
            where=str(folder),
            remedy="Set LONGSHORT_RUNS to a folder you own",
        ) from None


def made_calls(file: Path, events: Sequence[Mapping[str, Any]], readers: Sequence[Generator]) -> str:
    """What `file` is to hold after a run with these events: of each reader, the last run's that had to ask it.

    One event a line. A rerun that finds all answers calls nobody, and its log tells of no engine; what engines did when
    the answers were made is kept here, as long as the reader's settings are the same.
    """
    now = {r.label: r.identity for r in readers}
    new = [{**e, "identity": now[e["reader"]]} for e in events if e["event"] == "kv" or e.get("made")]
    asked = {e["reader"] for e in new}
    old = [e for e in events_of(file) if e["reader"] not in asked and now.get(e["reader"]) == e["identity"]]
    return "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in [*old, *new])


def passages_run(runner: Runner, name: str, chunks_of: Node, ranking_of: Node, questions: Sequence[Question]) -> str:
    """The ranked passages of every question as a TREC run; the score falls by one a rank."""
    ranked: dict[str, dict[str, float]] = {}
    for q in questions:
        chunks, ranking = runner.value(chunks_of, q), runner.value(ranking_of, q)
        hits = [chunks[i] for i in ranking.ids]
        ids = [f"{quote(c.doc)}:{c.start}-{c.end}" for c in hits]  # TREC's columns are split at spaces
        ranked[quote(q.id)] = {passage: float(len(hits) - i) for i, passage in enumerate(ids)}
    return format_run(ranked, name)


def prompt_views(rows: Sequence[Row]) -> Callable[[str, str, str], list[PromptView]]:
    """The prompt behind an answer, by question, route and reader; none where its text is not at hand."""
    at = {(r.job.question.id, r.job.route_name, r.job.reader.label): r for r in rows}

    def prompts(question: str, route: str, reader: str) -> list[PromptView]:
        reply = at[question, route, reader].transcript.reply
        return [PromptView("last call", reply.prompt.text)] if reply and reply.prompt.complete else []

    return prompts


def removals(rows: Sequence[Row], runner: Runner) -> Removals:
    """What a compressor left out of the prompt behind an answer; None for a route without one, and where its text is
    not at hand.
    """
    at = {(r.job.question.id, r.job.route_name, r.job.reader.label): r for r in rows}

    def removed(question: str, route: str, reader: str) -> Struck | None:
        row = at[question, route, reader]
        own, reply = row.job.route, row.transcript.reply
        own = own.cheap if isinstance(own, SelfRoute) else own
        if reply is None or not isinstance(own, RAG | LongContext) or own.compressed is None:
            return None
        asked = row.job.question
        if isinstance(own, RAG):
            role, chunks = "passage", runner.value(own.chunks, asked)
            given = [chunks[i] for i in runner.value(own.ranking, asked).ids]
        else:
            role = "document"
            given = [d.chunk for d in row.job.case.documents if d.text is not None]
        parts = [p for p in reply.prompt.parts if p.role in ("document", "passage")]
        if not reply.prompt.complete or any(p.role != role for p in parts):  # Self-Route went on to the documents
            return None
        anew = [p.text for p in parts if p.text and not p.spans and p.span is None]
        return Struck(asked, tuple(given), reply.prompt.spans, tuple(anew))

    return removed


def command(name: str, settings: Mapping[str, Any]) -> str:
    """The command that makes this run again."""
    variables = {"root": "DATA", "map": "MAP", "docs": "DOCS", "questions": "QUESTIONS"}
    given = settings.get("data", {})
    words = [f"{variables[k]}={v}" for k, v in given.items() if k in variables and v]
    return " ".join(["make experiment", f"NAME={name}", *words])


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
