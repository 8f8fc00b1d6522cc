"""QMSum (Zhong et al., NAACL 2021): questions about meetings, with the turns that answer them as evidence.

Files: `val.jsonl`, a meeting per line (`meeting_transcripts`, `specific_query_list`). A meeting becomes one document of
lines "Speaker: words". The questions about a whole meeting have no turns and are left out. Gold answers are summaries,
which no metric of short answers can mark. https://github.com/Yale-LILY/QMSum
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.data.base import data_root, read_jsonl
from experiments.data.fields import text_field
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document, Question, Span


def load_qmsum(folder: Path | None = None) -> Dataset:
    """Questions `meeting-03-q2` in the file's order, each asked of its own meeting, with spans of turns as evidence.

    folder: by default `qmsum` in the folder of data sets. Raises UserError for a file that is missing or a broken row.
    """
    folder = folder or data_root() / "qmsum"
    file = folder / "val.jsonl"
    if not file.is_file():
        raise UserError("no such file", where=str(file), remedy="Give the folder that holds val.jsonl")
    documents: dict[str, Document] = {}
    questions: list[Question] = []
    for line, row in read_jsonl(file):
        where = f"{file}:{line}"
        name = f"meeting-{len(documents) + 1:02d}"
        turns = _objects(row, "meeting_transcripts", where)
        lines = [f"{text_field(t, 'speaker', where)}: {str(t.get('content', '')).strip()}" for t in turns]
        starts = [0]
        for words in lines:
            starts.append(starts[-1] + len(words) + 1)
        documents[name] = Document(name, "\n".join(lines), title=name)
        for number, asked in enumerate(_objects(row, "specific_query_list", where), start=1):
            stretches = [_stretch(given, len(turns), where) for given in asked.get("relevant_text_span") or ()]
            evidence = tuple(Span(name, starts[a], starts[b + 1] - 1) for a, b in stretches)
            text = text_field(asked, "query", where)
            slices = {"evidence": "one stretch" if len(evidence) == 1 else "several"}
            questions.append(Question(f"{name}-q{number}", text, (name,), evidence=evidence, slices=slices))
    return Dataset("qmsum", documents, tuple(questions))


def _objects(row: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    value = row.get(key)
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise UserError(f"{key!r} is no list of objects", where=where, remedy="Fetch QMSum's file again")
    return value


def _stretch(given: object, turns: int, where: str) -> tuple[int, int]:
    """First and last turn, both included."""
    try:
        first, last = (int(x) for x in given)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise UserError(f"{given!r} is no pair of turns", where=where, remedy="Expected [first, last]") from None
    if not 0 <= first <= last < turns:
        raise UserError(f"turns {first} to {last} of {turns}", where=where, remedy="The file must be QMSum's own")
    return first, last
