"""MuSiQue (Trivedi et al., TACL 2022): questions of two to four hops over short passages of Wikipedia, as HippoRAG lays
out its sample: all passages of the sample's questions are one collection.

Files: `musique_train.json` (a list: id, question, answer, answer_aliases, answerable, and paragraphs with title,
paragraph_text and is_supporting) and `musique_train_corpus.json` (a list of title and text).
https://github.com/StonyBrookNLP/musique
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.data.base import data_root, read_text
from experiments.data.fields import (
    claim,
    flag_field,
    golds_field,
    id_field,
    kind_of,
    list_field,
    optional_text,
    plural,
    text_field,
)
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document, Question, Span, digest, digest_parts

QUESTIONS, CORPUS = "musique_train.json", "musique_train_corpus.json"


def load_musique(folder: Path | None = None) -> Dataset:
    """The questions in the file's order, asked of the whole collection; the passages as documents.

    A document's text is its title, a line end, and the passage, since passages name their subject by title alone. Its
    id is the title with eight digits of the content's digest: a passage that is moved or added changes no other's id. A
    passage given twice is one document. Evidence is each supporting passage, whole. The split is drawn by the
    question's id (an even digest is dev), so that what is tuned on one half can be reported on the other.

    folder: by default `musique100` in the folder of data sets. Raises UserError for a file that is missing or broken,
    and for a supporting passage that the collection lacks.
    """
    folder = folder or data_root() / "musique100"
    if not folder.is_dir():
        raise UserError("no such folder", where=str(folder), remedy=f"Give the folder that holds {QUESTIONS}")
    documents: dict[str, Document] = {}
    rows = 0
    for where, row in _rows(folder / CORPUS):
        document = _document(optional_text(row, "title", where), text_field(row, "text", where))
        documents.setdefault(document.id, document)
        rows += 1
    seen: dict[str, str] = {}
    questions = []
    for where, row in _rows(folder / QUESTIONS):
        name = id_field(row, "id", where)
        claim(seen, name, where)
        questions.append(_question(name, row, documents, where))
    repeated = rows - len(documents)
    notes = (f"{plural(repeated, 'passage')} of the collection repeated another, and stand once",) if repeated else ()
    return Dataset("musique", documents, tuple(questions), notes)


def _document(title: str, text: str) -> Document:
    name = f"{title}#{digest_parts([title, text])[:8]}"
    return Document(name, f"{title}\n{text}" if title else text, title=title)


def _question(name: str, row: Mapping[str, Any], documents: Mapping[str, Document], where: str) -> Question:
    evidence: dict[str, Span] = {}
    for number, paragraph in enumerate(list_field(row, "paragraphs", where)):
        place = f"{where}, paragraph {number}"
        if not isinstance(paragraph, dict):
            raise UserError(f"found {kind_of(paragraph)}, expected an object", where=place)
        if not flag_field(paragraph, "is_supporting", place):
            continue
        wanted = _document(optional_text(paragraph, "title", place), text_field(paragraph, "paragraph_text", place))
        if wanted.id not in documents:
            raise UserError(
                f"the supporting passage {wanted.title!r} is not in the collection",
                where=place,
                remedy=f"{CORPUS} and {QUESTIONS} must be of one version",
            )
        evidence[wanted.id] = Span(wanted.id, 0, len(wanted.text or ""))
    golds = golds_field(row, "answer", where) + golds_field(row, "answer_aliases", where)
    answerable = flag_field(row, "answerable", where)
    kind = name.partition("__")[0]
    return Question(
        id=name,
        text=text_field(row, "question", where),
        golds=tuple(dict.fromkeys(golds)),
        answerable=bool(golds) or None if answerable is None else answerable,
        evidence=tuple(evidence.values()),
        kind=kind,
        # The whole collection is every question's context, so documents do not group them.
        cluster=name,
        split="test" if int(digest(name), 16) % 2 else "dev",
        slices={"hops": kind[0] if kind[:1].isdigit() else str(len(evidence))},
    )


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file and item number, object) of a JSON list."""
    try:
        value = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise UserError(f"broken JSON: {error}", where=str(file), remedy="Expected one list of objects") from None
    if not isinstance(value, list) or not value:
        found = "an empty list" if value == [] else kind_of(value)
        raise UserError(f"found {found}, expected a list of objects", where=str(file))
    for number, row in enumerate(value):
        where = f"{file}, item {number}"
        if not isinstance(row, dict):
            raise UserError(f"found {kind_of(row)}, expected an object", where=where)
        yield where, row
