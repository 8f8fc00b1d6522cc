"""Chunking Evaluation (Smith and Troynikov, Chroma, 2024): 472 questions whose evidence is exact spans of five texts.

Files: `questions_df.csv` (question, references, corpus_id) and `corpora/<corpus_id>.md`. Each question is asked of its
own text. It has no gold answers, only evidence. https://github.com/brandonstarxel/chunking_evaluation
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from experiments.data.base import data_root, read_csv, read_text
from experiments.data.fields import span_in, text_field
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document, Question, Span


def load_chunking_evaluation(folder: Path | None = None) -> Dataset:
    """The questions in the file's order, ids `<corpus_id>-<number within the corpus>`; the corpora as documents.

    folder: by default `chunking_evaluation` in the folder of data sets. Raises UserError for a file that is missing, a
    broken row, or a reference whose text does not stand where it says.
    """
    folder = folder or data_root() / "chunking_evaluation"
    if not folder.is_dir():
        raise UserError("no such folder", where=str(folder), remedy="Give the folder that holds questions_df.csv")
    file = folder / "questions_df.csv"
    documents: dict[str, Document] = {}
    asked: Counter[str] = Counter()
    questions = []
    for line, row in read_csv(file):
        where = f"{file}:{line}"
        text, corpus = text_field(row, "question", where), text_field(row, "corpus_id", where)
        if corpus not in documents:
            documents[corpus] = Document(corpus, read_text(folder / "corpora" / f"{corpus}.md"), title=corpus)
        asked[corpus] += 1
        questions.append(
            Question(
                id=f"{corpus}-{asked[corpus]:03d}",
                text=text,
                context=(corpus,),
                answerable=True,
                evidence=_spans(text_field(row, "references", where), corpus, documents, where),
                slices={"corpus": corpus},
            )
        )
    return Dataset("chunking_evaluation", documents, tuple(questions))


def _spans(cell: str, corpus: str, documents: dict[str, Document], where: str) -> tuple[Span, ...]:
    try:
        references = json.loads(cell)
    except ValueError as error:
        raise UserError(f"'references' is broken JSON: {error}", where=where, remedy="Expected a list") from None
    if not isinstance(references, list) or not references or not all(isinstance(r, dict) for r in references):
        raise UserError("'references' is no list of objects", where=where, remedy="Expected content and two indexes")
    spans = []
    for reference in references:
        span = span_in(documents, corpus, reference.get("start_index"), reference.get("end_index"), where)
        if (documents[corpus].text or "")[span.start : span.end] != reference.get("content"):
            raise UserError(
                f"characters {span.start} to {span.end} of {corpus!r} are not the reference's content",
                where=where,
                remedy="The corpora and the questions must be of one version",
            )
        spans.append(span)
    return tuple(spans)
