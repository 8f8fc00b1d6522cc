"""A `Dataset` as BEIR files (corpus.jsonl, queries.jsonl, qrels/<split>.tsv) with gold spans in spans.jsonl; and back.

What BEIR has no column for stands under `metadata`: writing and reading gives equal documents and questions, and
other tools read the same files. It does not know benchmarks, nor how relevance is measured: `read_qrels` gives grades.
Source: https://github.com/beir-cellar/beir/wiki/Load-your-custom-dataset
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.data.base import read_jsonl, read_text
from experiments.data.fields import (
    claim,
    flag_field,
    golds_field,
    id_field,
    ids_field,
    known,
    optional_text,
    span_in,
    text_field,
    wrong_type,
)
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document, Question, Section, Span


def read_beir(folder: Path) -> Dataset:
    """Documents, questions and gold spans of a BEIR folder, named after it.

    Evidence is the spans of spans.jsonl; a question without any takes its relevant documents (a grade above 0) whole.
    The split is the question's own, or the name of the first qrels file that grades it.
    Raises UserError for broken rows, repeated ids, and names that no row has.
    """
    documents = _documents(folder / "corpus.jsonl")
    spans = _spans(folder / "spans.jsonl", documents)
    graded: dict[str, dict[str, int]] = {}
    splits: dict[str, str] = {}
    for file in sorted((folder / "qrels").glob("*.tsv")):
        for query, grades in read_qrels(file).items():
            for doc in grades:
                known(doc, documents, "document", str(file))
            splits.setdefault(query, file.stem)
            graded.setdefault(query, {}).update(grades)
    questions, seen = [], dict[str, str]()
    for line, row in read_jsonl(folder / "queries.jsonl"):
        where = f"{folder / 'queries.jsonl'}:{line}"
        name = id_field(row, "_id", where)
        claim(seen, name, where)
        grades = graded.pop(name, {})
        texts = {doc: documents[doc].text for doc, grade in grades.items() if grade > 0}
        whole = [Span(doc, 0, len(text)) for doc, text in texts.items() if text]
        evidence = tuple(spans.pop(name, whole))
        question = _question(name, row, evidence, splits.get(name, "test"), documents, where)
        told = dict.fromkeys((s.doc for s in evidence), 1)
        questions.append(question if grades == told else replace(question, grades=grades))
    for orphan, source in [*((q, "spans.jsonl") for q in spans), *((q, "qrels") for q in graded)]:
        known(orphan, seen, "question", str(folder / source))
    return Dataset(folder.name, documents, tuple(questions))


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Grades by question and document of one qrels file: BEIR's three columns with a head line, or TREC's four without.

    Raises UserError for a line with other columns, a grade that is no whole number, or a pair given twice.
    """
    grades: dict[str, dict[str, int]] = {}
    seen: dict[str, str] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        where = f"{path}:{number}"
        if not line.strip() or (number == 1 and line.lower().startswith("query")):
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        if len(cells) not in (3, 4):
            raise UserError(
                f"found {len(cells)} columns, expected query-id, corpus-id and score",
                where=where,
                remedy="Separate by tabs",
            )
        query, doc, grade = cells[0].strip(), cells[-2].strip(), cells[-1].strip()
        if not grade.lstrip("-").isdecimal():
            raise UserError(f"the score {grade!r} is no whole number", where=where)
        claim(seen, f"{query} {doc}", where, "pair")
        grades.setdefault(query, {})[doc] = int(grade)
    return grades


def read_qa(path: Path) -> tuple[Question, ...]:
    """Questions of a QA file: `id, question, golden_answers` per line. Raises UserError as `read_beir` does."""
    questions, seen = [], dict[str, str]()
    for line, row in read_jsonl(path):
        where = f"{path}:{line}"
        name = id_field(row, "id", where)
        claim(seen, name, where)
        golds = golds_field(row, "golden_answers", where)
        questions.append(Question(name, text_field(row, "question", where), golds=golds))
    return tuple(questions)


def write_qa(questions: Iterable[Question], path: Path) -> None:
    """Id, text and gold answers of each question, one object per line."""
    _write(path, ({"id": q.id, "question": q.text, "golden_answers": list(q.golds)} for q in questions))


def write_beir(dataset: Dataset, folder: Path) -> None:
    """Write the files that `read_beir` reads. A document whose text is not at hand is written empty, as `absent`."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    _write(folder / "corpus.jsonl", (_corpus_row(d) for d in dataset.documents.values()))
    _write(folder / "queries.jsonl", (_query_row(q) for q in dataset.questions))
    spans = [(q.id, s) for q in dataset.questions for s in q.evidence]
    rows = ({"query-id": q, "corpus-id": s.doc, "start": s.start, "end": s.end} for q, s in spans)
    _write(folder / "spans.jsonl", rows)
    for split in sorted({q.split for q in dataset.questions}):
        lines = ["query-id\tcorpus-id\tscore"]
        for q in (q for q in dataset.questions if q.split == split):
            lines.extend(f"{q.id}\t{doc}\t{grade}" for doc, grade in q.relevant.items())
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", newline="\n")


def _corpus_row(document: Document) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if document.text is None:
        metadata["absent"] = True
    if document.stated_tokens is not None:
        metadata["stated_tokens"] = document.stated_tokens
    if document.sections:
        metadata["sections"] = [[s.title, s.start, s.end] for s in document.sections]
    return {"_id": document.id, "title": document.title, "text": document.text or "", "metadata": metadata}


def _query_row(question: Question) -> dict[str, Any]:
    metadata = {
        "golden_answers": list(question.golds),
        "answerable": question.answerable,
        "context": list(question.context),
        "kind": question.kind,
        "cluster": question.cluster,
        "split": question.split,
        "slices": dict(question.slices),
    }
    return {"_id": question.id, "text": question.text, "metadata": metadata}


def _metadata(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    value = row.get("metadata") or {}
    if not isinstance(value, dict):
        raise wrong_type("metadata", value, "an object", where)
    return value


def _documents(path: Path) -> dict[str, Document]:
    documents, seen = dict[str, Document](), dict[str, str]()
    for line, row in read_jsonl(path):
        where = f"{path}:{line}"
        name = id_field(row, "_id", where)
        claim(seen, name, where)
        more = _metadata(row, where)
        text = None if flag_field(more, "absent", where) else optional_text(row, "text", where)
        size = more.get("stated_tokens")
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
            raise wrong_type("stated_tokens", size, "a number of tokens", where)
        sections = []
        for given in more.get("sections") or ():
            if not (isinstance(given, list) and list(map(type, given)) == [str, int, int]):
                raise wrong_type("sections", given, "a list of [title, start, end]", where)
            sections.append(Section(*given))
        documents[name] = Document(name, text, optional_text(row, "title", where), tuple(sections), size)
    return documents


def _question(
    name: str,
    row: Mapping[str, Any],
    evidence: tuple[Span, ...],
    split: str,
    documents: Mapping[str, Document],
    where: str,
) -> Question:
    more = _metadata(row, where)
    slices = more.get("slices") or {}
    if not isinstance(slices, dict) or not all(isinstance(v, str) for v in slices.values()):
        raise wrong_type("slices", slices, "an object of texts", where)
    return Question(
        id=name,
        text=text_field(row, "text", where),
        context=tuple(known(doc, documents, "document", where) for doc in ids_field(more, "context", where)),
        golds=golds_field(more, "golden_answers", where),
        answerable=flag_field(more, "answerable", where),
        evidence=evidence,
        kind=optional_text(more, "kind", where),
        cluster=optional_text(more, "cluster", where),
        split=optional_text(more, "split", where) or split,
        slices=slices,
    )


def _spans(path: Path, documents: Mapping[str, Document]) -> dict[str, list[Span]]:
    spans: dict[str, list[Span]] = {}
    # Written by `write_beir` for every data set, so it may hold no row; read_jsonl refuses such a file.
    if not path.is_file() or not read_text(path).strip():
        return spans
    for line, row in read_jsonl(path):
        where = f"{path}:{line}"
        span = span_in(documents, id_field(row, "corpus-id", where), row.get("start"), row.get("end"), where)
        text = documents[span.doc].text
        if row.get("text") is not None and text is not None and text[span.start : span.end] != row["text"]:
            raise UserError(f"the document has another text at [{span.start}, {span.end})", where=where)
        spans.setdefault(id_field(row, "query-id", where), []).append(span)
    return spans
