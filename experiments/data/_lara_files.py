"""The rows of LaRA's query and prediction files, by cell. It does not know which of them are the questions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.data.base import read_jsonl
from experiments.data.fields import clean, field, text_field, wrong_type
from pipeline.core.errors import UserError, nearest

LENGTHS: Mapping[str, int] = {"32k": 32000, "128k": 128000}
DOMAINS = ("book", "financial", "paper")
TASKS = ("location", "reasoning", "comp", "hallu")
CELLS = tuple(f"{length}_{domain}_{task}" for length in LENGTHS for domain in DOMAINS for task in TASKS)
ROUTES: Mapping[str, str] = {"full": "lc", "rag": "rag"}
_PREDICTIONS = re.compile(rf"({'|'.join(ROUTES)})_preds_(.+)_({'|'.join(CELLS)})\.jsonl")

Key = tuple[str, str, int]
"""What tells a question of one cell from another: document, text, and how often both stood in the file before."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a query or prediction file; `answer` None: the call failed, or nobody was asked."""

    key: Key
    gold: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one model's folder holds: rows by route and cell, and the model names that its file names carry."""

    rows: Mapping[tuple[str, str], tuple[Row, ...]]
    names: frozenset[str]


def check_layout(root: Path) -> None:
    """Raises UserError where one of LaRA's folders is not there."""
    for folder in (root, root / "datasets" / "query", root / "evaluation" / "prediction"):
        if not folder.is_dir():
            raise UserError(
                "this folder of LaRA's layout is missing",
                where=str(folder),
                remedy=f"Name the folder that holds `datasets` and `evaluation`, a copy of github.com/Alibaba-NLP/LaRA "
                f"(given: {root})",
            )


def read_queries(root: Path) -> dict[str, tuple[Row, ...]]:
    """Rows of datasets/query by cell. Raises UserError for a file whose name is no cell's."""
    queries = {}
    for path in _files(root / "datasets" / "query"):
        if path.stem not in CELLS:
            raise UserError(
                "the name is not {length}_{domain}_{task}.jsonl", where=str(path), remedy=nearest(path.stem, CELLS)
            )
        queries[path.stem] = _rows(path, "answer", answered=False)
    return queries


def read_predictions(root: Path) -> dict[str, Predictions]:
    """Each model's folder under evaluation/prediction. Raises UserError for a file whose name is not LaRA's."""
    models = {}
    for folder in sorted(p for p in (root / "evaluation" / "prediction").iterdir() if p.is_dir()):
        rows: dict[tuple[str, str], tuple[Row, ...]] = {}
        names = set()
        for path in _files(folder):
            match = _PREDICTIONS.fullmatch(path.name)
            if match is None:
                raise UserError(
                    "the name is not {full|rag}_preds_{model}_{length}_{domain}_{task}.jsonl",
                    where=str(path),
                    remedy=f"Lengths: {', '.join(LENGTHS)}; domains: {', '.join(DOMAINS)}; tasks: {', '.join(TASKS)}",
                )
            place = (ROUTES[match[1]], match[3])
            if place in rows:
                raise UserError(
                    f"a second {match[1]} file for {match[3]} in this folder",
                    where=str(path),
                    remedy="Keep one",
                )
            rows[place] = _rows(path, "ground_truth", answered=True)
            names.add(match[2])
        models[folder.name] = Predictions(rows, frozenset(names))
    return models


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(p for p in folder.glob("*.jsonl") if not p.name.startswith("."))


def _rows(path: Path, gold: str, *, answered: bool) -> tuple[Row, ...]:
    rows, turns = [], dict[tuple[str, str], int]()
    for line, row in read_jsonl(path):
        where = f"{path}:{line}"
        file, text = text_field(row, "file", where), text_field(row, "question", where)
        if "/" in file or "\\" in file:
            raise UserError(f"'file' is {file!r}, expected a name without folders", where=where)
        turn = turns[file, text] = turns.get((file, text), -1) + 1
        rows.append(Row((file, text, turn), text_field(row, gold, where), _answer(row, where) if answered else None))
    return tuple(rows)


def _answer(row: Mapping[str, Any], where: str) -> str | None:
    """The prediction; LaRA's scripts write false where a call failed."""
    value = field(row, "prediction", where)
    if value is None or value is False:
        return None
    if not isinstance(value, str):
        raise wrong_type("prediction", value, "text, or false for a failed call", where)
    return clean(value) if value.strip() else None
