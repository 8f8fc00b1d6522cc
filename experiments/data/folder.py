"""A folder of a user's own documents (txt, md, html, pdf) and their file of questions.

It does not know what is asked of the answers: questions come with or without gold answers and evidence.

    {"id"?, "question", "golden_answers"? or "answer"?, "docs"?, "evidence"?, "answerable"?, "kind"?, "cluster"?}
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.data._html import read_html
from experiments.data._pdf import read_pdf
from experiments.data._sections import markdown_headings
from experiments.data.base import read_jsonl, read_text
from experiments.data.fields import (
    claim,
    flag_field,
    golds_field,
    id_field,
    ids_field,
    known,
    list_field,
    optional_text,
    plural,
    span_in,
    text_field,
    wrong_type,
)
from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Dataset, Document, Question, Section, Span
from retrievers.headings import nested

Read = tuple[str, tuple[Section, ...]]
KEYS = ("id", "question", "golden_answers", "answer", "docs", "evidence", "answerable", "kind", "cluster")


def load_folder(docs: Path, questions: Path) -> Dataset:
    """Every document under `docs`, by its path relative to it, and the questions of the file `questions`.

    Hidden files are passed over; files of other types and text files without text are left out and named in the notes.
    A question without `docs` is asked of the whole folder; its intervals are then clustered by the document of its
    evidence, or by itself. Raises UserError for a file that cannot be read, a PDF without text, a folder without
    documents, a broken question, and names or spans that are not there.
    """
    documents, notes = read_documents(docs, questions)
    asked, unused, seen = [], Counter[str](), dict[str, str]()
    for number, (line, row) in enumerate(read_jsonl(questions), start=1):
        where = f"{questions}:{line}"
        unused.update(_unknown_keys(row, where))
        name = id_field(row, "id", where) if row.get("id") is not None else f"q{number:04d}"
        claim(seen, name, where)
        asked.append(_question(name, row, documents, where))
    if unused:
        notes.append(f"{questions.name}: fields not used: {', '.join(sorted(unused))}")
    return Dataset(docs.resolve().name, documents, tuple(asked), tuple(notes))


def read_plain(path: Path) -> Read:
    """A text file as it is: no section is known."""
    return read_text(path), ()


def read_markdown(path: Path) -> Read:
    """A Markdown file as it is, its headings as sections."""
    text = read_text(path)
    return text, nested(markdown_headings(text), len(text))


READERS: Mapping[str, Callable[[Path], Read]] = {
    ".txt": read_plain,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
}


def read_documents(folder: Path, questions: Path) -> tuple[dict[str, Document], list[str]]:
    """(documents by their path relative to the folder, in its order; notes on what was left out).

    questions: a file that is passed over. Raises UserError as `load_folder` does for documents.
    """
    if not folder.is_dir():
        raise UserError(
            "this is a file, a folder of documents is expected" if folder.exists() else "the folder does not exist",
            where=str(folder),
            remedy="Name the folder that holds the documents",
        )
    documents, other, blank, notes = dict[str, Document](), list[str](), list[str](), list[str]()
    for name, path in _files(folder):
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            if path.resolve() != questions.resolve():
                other.append(name)
            continue
        text, sections = reader(path)
        if not text.strip():
            blank.append(name)
            continue
        filled = tuple(s for s in sections if s.start < s.end)
        if len(filled) < len(sections):
            empty = len(sections) - len(filled)
            notes.append(f"{name}: {empty} of {len(sections)} pages hold no text; what is on them cannot be found")
        documents[name] = Document(name, text, path.stem, filled)
    if not documents:
        found = f"{plural(len(other), 'file')} of other types, {len(blank)} without text"
        raise UserError(
            f"no document in this folder ({found})", where=str(folder), remedy=f"Types read: {', '.join(READERS)}"
        )
    if other:
        kinds = Counter(Path(name).suffix.lower() or "no suffix" for name in other)
        counts = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
        notes.append(f"{plural(len(other), 'file')} of unknown type left out ({counts}): {_few(other)}")
    if blank:
        notes.append(f"{plural(len(blank), 'file')} without text left out: {_few(blank)}")
    return documents, notes


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    found = ((p.relative_to(folder), p) for p in folder.rglob("*") if p.is_file())
    yield from sorted((name.as_posix(), p) for name, p in found if not any(part[0] == "." for part in name.parts))


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _unknown_keys(row: Mapping[str, Any], where: str) -> list[str]:
    """Fields nobody reads. One that nearly is a known one is taken for a slip: its content would be lost unseen."""
    unknown = [key for key in row if key not in KEYS]
    for key in unknown:
        if difflib.get_close_matches(key, KEYS, n=1, cutoff=0.8):
            raise UserError(f"unknown field {key!r}", where=where, remedy=nearest(key, KEYS))
    return unknown


def _question(name: str, row: Mapping[str, Any], documents: Mapping[str, Document], where: str) -> Question:
    if row.get("golden_answers") is not None and row.get("answer") is not None:
        raise UserError("both 'golden_answers' and 'answer' are given", where=where, remedy="Keep one of them")
    text = text_field(row, "question", where)
    context = tuple(known(doc, documents, "document", where) for doc in ids_field(row, "docs", where))
    read = {doc: documents[doc] for doc in context} or documents
    evidence = tuple(_evidence(given, read, where) for given in list_field(row, "evidence", where))
    return Question(
        id=name,
        text=text,
        context=context,
        golds=golds_field(row, "golden_answers", where) or golds_field(row, "answer", where),
        answerable=flag_field(row, "answerable", where),
        evidence=evidence,
        kind=optional_text(row, "kind", where),
        cluster=optional_text(row, "cluster", where) or ("" if context else evidence[0].doc if evidence else name),
    )


def _evidence(given: object, documents: Mapping[str, Document], where: str) -> Span:
    if not isinstance(given, dict):
        raise wrong_type("evidence", given, "objects with doc and start, end, or doc and text", where)
    doc = known(id_field(given, "doc", where), documents, "document of this question", where)
    if "text" not in given:
        return span_in(documents, doc, given.get("start"), given.get("end"), where)
    quote = text_field(given, "text", where).strip()
    text = documents[doc].text or ""
    # A quotation copied from a page has other line breaks than the extracted text, so any white space fits any other.
    pattern = re.compile(r"\s+".join(map(re.escape, quote.split())))
    found = [m.span() for m in pattern.finditer(text)]
    if len(found) != 1:
        shown = quote if len(quote) <= 40 else quote[:39] + "…"
        raise UserError(
            f"the evidence {shown!r} stands {len(found)} times in {doc!r}" if found else f"no {shown!r} in {doc!r}",
            where=where,
            remedy="Quote more of it, or give start and end" if found else "Quote the document word by word",
        )
    return Span(doc, *found[0])
