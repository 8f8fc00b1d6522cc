"""The loader on files written here, on broken ones, and on the real ones where they are."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from experiments.data.chunking_evaluation import load_chunking_evaluation
from pipeline.core.errors import UserError
from pipeline.core.records import Span

TEXT = "Snow fell on “Tuesday”.\nNo one, it is said, came.\n"
REFERENCE = {"content": "No one, it is said, came.", "start_index": 24, "end_index": 49}


def written(folder: Path, rows: list[list[Any]]) -> Path:
    (folder / "corpora").mkdir(parents=True)
    (folder / "corpora" / "snow.md").write_text(TEXT, encoding="utf-8")
    with (folder / "questions_df.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["question", "references", "corpus_id"], *rows])
    return folder


def test_questions_evidence_and_documents(tmp_path: Path) -> None:
    rows = [["Who, then,\ncame?", json.dumps([REFERENCE]), "snow"], ["When?", json.dumps([REFERENCE] * 2), "snow"]]
    dataset = load_chunking_evaluation(written(tmp_path, rows))
    assert dataset.documents["snow"].text == TEXT
    one, two = dataset.questions
    assert (one.id, one.text, one.context) == ("snow-001", "Who, then,\ncame?", ("snow",))
    assert one.evidence == (Span("snow", 24, 49),)
    assert (two.id, len(two.evidence), two.has_gold) == ("snow-002", 2, False)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["", json.dumps([REFERENCE]), "snow"], r"questions_df\.csv:2: 'question' is empty"),
        (["Q", json.dumps([REFERENCE]), "rain"], r"rain\.md: the file does not exist"),
        (["Q", "[{", "snow"], r"questions_df\.csv:2: 'references' is broken JSON"),
        (["Q", "[]", "snow"], "no list of objects"),
        (["Q", json.dumps([REFERENCE | {"start_index": 23}]), "snow"], "are not the reference's content"),
        (["Q", json.dumps([REFERENCE | {"end_index": 400}]), "snow"], "does not lie in document 'snow'"),
        (["Q", json.dumps([{"content": "x"}]), "snow"], "whole number"),
        (["Q", "snow"], r"questions_df\.csv:2: found 2 cells"),
    ],
)
def test_broken_rows_are_named(row: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        load_chunking_evaluation(written(tmp_path, [row]))


def test_missing_folder_and_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        load_chunking_evaluation(tmp_path / "absent")
    with pytest.raises(UserError, match=r"questions_df\.csv: the file does not exist"):
        load_chunking_evaluation(tmp_path)


DATA = Path(os.environ.get("LONGSHORT_DATA", "data")) / "chunking_evaluation"


@pytest.mark.skipif(not DATA.is_dir(), reason="LONGSHORT_DATA/chunking_evaluation is not there")
def test_the_real_files() -> None:
    dataset = load_chunking_evaluation()
    assert Counter(q.context[0] for q in dataset.questions).total() == 472
    assert len(dataset.documents) == 5
    assert len({q.id for q in dataset.questions}) == 472
    assert sum(len(q.evidence) for q in dataset.questions) == 790
