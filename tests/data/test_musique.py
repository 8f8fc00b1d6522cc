"""The loader on files written here, on broken ones, and on the real ones where they are."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from experiments.data.musique import CORPUS, QUESTIONS, load_musique
from pipeline.core.errors import UserError

PASSAGES = [
    {"title": "Snow", "text": "It falls."},
    {"title": "Snow", "text": "It melts."},
    {"title": "Rain", "text": "Wet."},
]
ASKED: dict[str, Any] = {
    "id": "2hop__1_2",
    "question": "What melts?",
    "answer": "Snow",
    "answer_aliases": ["snow", "Snow"],
    "answerable": True,
    "paragraphs": [
        {"idx": 0, "title": "Rain", "paragraph_text": "Wet.", "is_supporting": False},
        {"idx": 1, "title": "Snow", "paragraph_text": "It melts.", "is_supporting": True},
        {"idx": 2, "title": "Snow", "paragraph_text": "It falls.", "is_supporting": True},
    ],
}


def written(folder: Path, asked: Any = None, corpus: Any = None) -> Path:
    (folder / QUESTIONS).write_text(json.dumps([ASKED] if asked is None else asked), encoding="utf-8")
    (folder / CORPUS).write_text(json.dumps(PASSAGES if corpus is None else corpus), encoding="utf-8")
    return folder


def test_questions_evidence_and_documents(tmp_path: Path) -> None:
    dataset = load_musique(written(tmp_path))
    assert [d.text for d in dataset.documents.values()] == ["Snow\nIt falls.", "Snow\nIt melts.", "Rain\nWet."]
    assert [d.title for d in dataset.documents.values()] == ["Snow", "Snow", "Rain"]
    (question,) = dataset.questions
    texts = [(dataset.documents[s.doc].text or "")[s.start : s.end] for s in question.evidence]
    assert texts == ["Snow\nIt melts.", "Snow\nIt falls."]
    assert (question.golds, question.answerable, question.context) == (("Snow", "snow"), True, ())
    assert (question.slices, question.kind, question.cluster) == ({"hops": "2"}, "2hop", "2hop__1_2")
    assert dataset.notes == ()


def test_ids_stay_when_passages_move_and_a_repeated_one_stands_once(tmp_path: Path) -> None:
    before = set(load_musique(written(tmp_path)).documents)
    after = load_musique(written(tmp_path, corpus=[*reversed(PASSAGES), PASSAGES[0]]))
    assert set(after.documents) == before
    assert after.notes == ("1 passage of the collection repeated another, and stand once",) or len(after.notes) == 1


def test_the_split_depends_on_the_id_alone(tmp_path: Path) -> None:
    asked = [ASKED | {"id": f"2hop__{i}"} for i in range(60)]
    splits = {q.id: q.split for q in load_musique(written(tmp_path, asked)).questions}
    assert set(splits.values()) == {"dev", "test"}
    assert {q.id: q.split for q in load_musique(written(tmp_path, asked[:9])).questions}.items() <= splits.items()


@pytest.mark.parametrize(
    ("asked", "corpus", "said"),
    [
        ([ASKED | {"question": " "}], None, rf"{QUESTIONS}, item 0: 'question' is empty"),
        ([ASKED, ASKED], None, r"item 1: the id '2hop__1_2' was given before, at .*item 0"),
        ([ASKED], PASSAGES[:1], r"paragraph 1: the supporting passage 'Snow' is not in the collection"),
        ([ASKED | {"paragraphs": ["x"]}], None, "paragraph 0: found text, expected an object"),
        ({"a": 1}, None, "found an object, expected a list"),
        ([], None, "found an empty list"),
        (None, ["x"], rf"{CORPUS}, item 0: found text"),
        (None, [{"title": "x"}], "'text' is missing"),
    ],
)
def test_broken_files_are_named(asked: Any, corpus: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        load_musique(written(tmp_path, asked, corpus))


def test_missing_folder_file_and_broken_json(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        load_musique(tmp_path / "absent")
    with pytest.raises(UserError, match=rf"{CORPUS}: the file does not exist"):
        load_musique(tmp_path)
    (written(tmp_path) / CORPUS).write_text("[{", encoding="utf-8")
    with pytest.raises(UserError, match=rf"{CORPUS}: broken JSON"):
        load_musique(tmp_path)


DATA = Path(os.environ.get("LONGSHORT_DATA", "data")) / "musique100"


@pytest.mark.skipif(not DATA.is_dir(), reason="LONGSHORT_DATA/musique100 is not there")
def test_the_real_files() -> None:
    dataset = load_musique()
    assert (len(dataset.documents), len(dataset.questions)) == (1890, 100)
    assert Counter(q.slices["hops"] for q in dataset.questions) == {"2": 68, "3": 27, "4": 5}
    assert Counter(q.split for q in dataset.questions) == {"dev": 47, "test": 53}
    assert all(len(q.evidence) == int(q.slices["hops"]) and q.golds for q in dataset.questions)
