"""LaRA in its authors' layout: documents, questions, and the recorded LC and RAG answers of each model.

    datasets/query/{length}_{domain}_{task}.jsonl                      question, answer, file
    datasets/{length}/{domain}/<file>                                  the documents
    evaluation/prediction/{model}/{full|rag}_preds_{model}_{length}_{domain}_{task}.jsonl
                                                                       question, file, prediction, ground_truth

It does not know how an answer is marked. Source: Li et al. 2025, "LaRA: Benchmarking Retrieval-Augmented Generation and
Long-Context LLMs", https://github.com/Alibaba-NLP/LaRA
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.data._lara_files import (
    CELLS,
    LENGTHS,
    ROUTES,
    TASKS,
    Key,
    Predictions,
    Row,
    check_layout,
    read_predictions,
    read_queries,
)
from experiments.data._sections import markdown_headings
from experiments.data.base import read_csv, read_text
from experiments.data.fields import claim, plural, text_field
from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Dataset, Document, Question, Section
from retrievers.headings import Heading, nested

_PAPER = re.compile(r"^<(paper \d+)>", re.MULTILINE)

Recorded = dict[str, dict[tuple[str, str], str | None]]
"""Answers by model and (question id, route). None: the call failed. No entry: the model has no row for it."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One row of the published table: a model's accuracies on one task at one length, in percent."""

    length: str
    model: str
    task: str
    lc: float
    rag: float


def load_lara(root: Path) -> tuple[Dataset, Recorded]:
    """The questions with their documents, and each model's answers by route `lc` and `rag`.

    The questions of a cell are the rows that most files agree on, the longest of equals (LaRA's query files lack what
    was asked of books kept back for copyright, and one of the files). Their ids number them in that order, from 000. A
    model's rows are matched by document, text and turn, whatever their order; rows that fit no question, questions
    without a row, and other gold answers are named in the notes. A document that is not there has no text, and states
    the size of its folder. `answerable` is False for `hallu`: by construction its questions have no answer.
    Raises UserError where the layout is not LaRA's or a row is broken.
    """
    check_layout(root)
    queries, models = read_queries(root), read_predictions(root)
    questions: list[Question] = []
    ids: dict[tuple[str, Key], str] = {}
    golds: dict[str, str] = {}
    notes: list[str] = []
    for cell in CELLS:
        files = [rows for model in models.values() for (_, c), rows in model.rows.items() if c == cell]
        if cell not in queries and files:
            notes.append(f"{cell}: no query file; its questions are taken from the predictions")
        reference = _agreed([*([queries[cell]] if cell in queries else []), *files])
        for i, row in enumerate(reference):
            ids[cell, row.key] = name = f"{cell}_{i:03d}"
            golds[name] = row.gold
            questions.append(_question(cell, name, row))
        unasked = sum((cell, row.key) not in ids for row in queries.get(cell, ()))
        if unasked:
            notes.append(f"{cell}: {plural(unasked, 'question')} of its query file left out, as no model was asked")
    if not questions:
        raise UserError("no question in the query files, and none in the predictions", where=str(root))
    documents = _documents(root, questions)
    absent = {d.id for d in documents.values() if d.text is None}
    if absent:
        without = plural(sum(q.context[0] in absent for q in questions), "question")
        notes.append(f"{plural(len(absent), 'document')} not there, of {without}: {'; '.join(sorted(absent))}")
    recorded = {name: _answers(model, ids) for name, model in models.items() if model.rows}
    for name, model in models.items():
        if not model.rows:
            notes.append(f"{name}: no prediction files, left out")
            continue
        notes.extend(f"{name}: {note}" for note in _remarks(name, model, recorded[name], ids, golds))
    return Dataset("lara", documents, tuple(questions), tuple(notes)), recorded


def reference_table(path: Path) -> tuple[Accuracy, ...]:
    """The published accuracies: a CSV file with the columns length, model, task, lc, rag.

    Raises UserError for other columns, an unknown length or task, a number outside [0, 100], or a cell given twice.
    """
    rows, seen = [], dict[str, str]()
    for line, row in read_csv(path):
        where = f"{path}:{line}"
        length, model, task = (text_field(row, key, where) for key in ("length", "model", "task"))
        for value, names in ((length, tuple(LENGTHS)), (task, TASKS)):
            if value not in names:
                raise UserError(f"{value!r} is not one of LaRA's", where=where, remedy=nearest(value, names))
        claim(seen, f"{length}, {model}, {task}", where, "cell")
        rows.append(Accuracy(length, model, task, _percent(row, "lc", where), _percent(row, "rag", where)))
    return tuple(rows)


def _percent(row: Mapping[str, str], key: str, where: str) -> float:
    given = text_field(row, key, where)
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 100:
        raise UserError(f"{key!r} is {given!r}, expected a percentage from 0 to 100", where=where)
    return value


def _agreed(files: list[tuple[Row, ...]]) -> tuple[Row, ...]:
    """The rows that most files hold in this order; of equals the longest, then the first."""
    keys = [tuple(row.key for row in rows) for rows in files]
    votes = Counter(keys)
    best = max(range(len(files)), key=lambda i: (votes[keys[i]], len(keys[i])), default=None)
    return () if best is None else files[best]


def _question(cell: str, name: str, row: Row) -> Question:
    length, domain, task = cell.split("_")
    file, text, _ = row.key
    doc = f"{length}/{domain}/{file}"
    return Question(
        id=name,
        text=text,
        context=(doc,),
        golds=(row.gold,),
        answerable=False if task == "hallu" else None,
        kind=task,
        cluster=doc,
        slices={"length": length, "domain": domain},
    )


def _documents(root: Path, questions: Iterable[Question]) -> dict[str, Document]:
    documents = {}
    for doc in sorted({q.context[0] for q in questions}):
        path = root / "datasets" / doc
        if path.is_file():
            text = read_text(path)
            sections = _sections(text) if doc.split("/")[1] == "paper" else ()
            documents[doc] = Document(doc, text, path.stem, sections)
        else:
            documents[doc] = Document(doc, None, path.stem, stated_tokens=LENGTHS[doc.split("/")[0]])
    return documents


def _sections(text: str) -> tuple[Section, ...]:
    """A file of papers: questions name `paper 2`, which stands only in the mark `<paper 2>` that opens it."""
    marks = [Heading(0, match[1], match.start()) for match in _PAPER.finditer(text)]
    return nested(sorted([*marks, *markdown_headings(text)], key=lambda h: (h.start, h.level)), len(text))


def _answers(model: Predictions, ids: Mapping[tuple[str, Key], str]) -> dict[tuple[str, str], str | None]:
    answers: dict[tuple[str, str], str | None] = {}
    for (route, cell), rows in model.rows.items():
        for row in rows:
            if (cell, row.key) in ids:
                answers[ids[cell, row.key], route] = row.answer
    return answers


def _remarks(
    name: str,
    model: Predictions,
    answers: Mapping[tuple[str, str], str | None],
    ids: Mapping[tuple[str, Key], str],
    golds: Mapping[str, str],
) -> Iterable[str]:
    others = model.names - {name}
    if others:
        yield f"its files are named after {', '.join(sorted(others))}"
    rows = [(cell, row) for (_, cell), found in model.rows.items() for row in found]
    strange = Counter(cell for cell, row in rows if (cell, row.key) not in ids)
    if strange:
        yield f"{plural(strange.total(), 'row')} fit no question and are left out ({_counts(strange)})"
    missing = Counter(
        f"{question.rpartition('_')[0]} {route}"
        for question in ids.values()
        for route in ROUTES.values()
        if (question, route) not in answers
    )
    if missing:
        yield f"no row for {plural(missing.total(), 'answer')}, which count as failed ({_counts(missing)})"
    other = Counter(cell for cell, row in rows if golds.get(ids.get((cell, row.key), ""), row.gold) != row.gold)
    if other:
        yield f"another gold answer in {plural(other.total(), 'row')}, not used ({_counts(other)})"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))
