"""The quickstart's questions: evidence stands exactly where it says, and another Python's text is never guessed at."""

import json
import sys
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data.pydocs import FOLDER, build_pydocs, load_pydocs
from pipeline.core.errors import UserError

ROWS = [json.loads(line) for line in (FOLDER / "pydocs_questions.jsonl").read_text(encoding="utf-8").splitlines()]
CHAPTERS = json.loads((FOLDER / "pydocs_chapters.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def topics():
    return pytest.importorskip("pydoc_data.topics").topics


@pytest.fixture(scope="module")
def dataset(topics):
    return load_pydocs()


def test_size_and_kinds(dataset):
    assert len(dataset.documents) == 10
    assert len(dataset.questions) >= 80
    assert {q.kind for q in dataset.questions} == {"location", "reasoning", "comparison", "unanswerable"}
    for q in dataset.questions:
        assert (q.answerable, bool(q.golds), bool(q.evidence)) == (
            (False,) * 3 if q.kind == "unanswerable" else (True,) * 3
        )
        assert q.context == (q.cluster,) and q.cluster in dataset.documents


def test_each_piece_of_evidence_is_what_was_written_down(dataset):
    rows = {row["id"]: row for row in ROWS}
    checked = 0
    for q in dataset.questions:
        for span, row in zip(q.evidence, rows[q.id]["evidence"], strict=True):
            text = dataset.documents[span.doc].text[span.start : span.end]
            assert sha256(text.encode()).hexdigest() == row["sha256"], q.id
            checked += 1
    assert checked > 150


def test_the_questions_were_written_on_python_3_11(dataset):
    if sys.version_info[:2] != (3, 11):
        pytest.skip("another version's texts differ")
    assert len(dataset.questions) == len(ROWS) and dataset.notes == ()


def test_a_chapter_holds_its_topics_in_order_each_under_its_name(dataset, topics):
    for chapter in CHAPTERS:
        document = dataset.documents[chapter["id"]]
        parts = [f"{topic}\n\n{topics[topic].rstrip()}\n\n" for topic in chapter["topics"]]
        assert document.text == "".join(parts)
        starts = {len("".join(parts[:i])) for i in range(len(parts))}
        tops = [s for s in document.sections if s.start in starts]
        assert len(tops) == len(parts)
        assert [s.end for s in tops] == [*sorted(starts - {0}), len(document.text)]
    special = {s.title: s for s in dataset.documents["ch-special"].sections}
    assert "Special method names" in special
    assert special["Customizing attribute access"].start < special["Implementing Descriptors"].start
    assert special["Implementing Descriptors"].end < special["Customizing attribute access"].end


def test_the_split_is_a_rule_of_the_id(dataset):
    for q in dataset.questions:
        assert q.split == ("dev" if int(sha256(q.id.encode()).hexdigest()[:8], 16) % 2 == 0 else "test")
    halves = [sum(q.split == s for q in dataset.questions) / len(dataset.questions) for s in ("dev", "test")]
    assert min(halves) > 0.4


def test_moved_evidence_is_found_and_changed_evidence_is_named(dataset, topics):
    moved = {name: "Inserted in front. " * 3 + text for name, text in topics.items()}
    again = build_pydocs(moved, "9.9")
    assert len(again.questions) == len(dataset.questions)
    for a, b in zip(dataset.questions, again.questions, strict=True):
        texts = [[d.documents[s.doc].text[s.start : s.end] for s in q.evidence] for d, q in ((dataset, a), (again, b))]
        assert texts[0] == texts[1]

    gone = next(q for q in dataset.questions if q.evidence)
    quote = dataset.documents[gone.evidence[0].doc].text[gone.evidence[0].start : gone.evidence[0].end]
    changed = {name: text.replace(quote, quote.swapcase()) for name, text in topics.items()}
    less = build_pydocs(changed, "9.9")
    missing = {q.id for q in dataset.questions} - {q.id for q in less.questions}
    assert gone.id in missing
    (note,) = less.notes
    assert note.startswith("Python 9.9: ") and all(name in note for name in missing)
    assert f"{len(missing)} of {len(ROWS)} questions left out" in note


def test_without_any_topic_only_unanswerable_questions_stay(dataset):
    empty = build_pydocs({}, "9.9")
    assert {q.kind for q in empty.questions} == {"unanswerable"}


def small(folder, start, quote):
    """A chapter of one topic `t` with one question, whose evidence stood at `start`."""
    (folder / "pydocs_chapters.json").write_text('[{"id": "c", "title": "C", "topics": ["t"]}]')
    digest = sha256(quote.encode()).hexdigest()
    row = {"id": "1", "chapter": "c", "kind": "location", "question": "?", "golds": ["x"]}
    row["evidence"] = [{"topic": "t", "start": start, "end": start + len(quote), "sha256": digest}]
    (folder / "pydocs_questions.jsonl").write_text(json.dumps(row))


@given(size=st.integers(4, 12), start=st.integers(0, 14), place=st.integers(0, 8))
def test_every_place_is_tried(tmp_path_factory, size, start, place):
    folder = tmp_path_factory.mktemp("small")
    small(folder, start, "spam")
    text = ("." * place + "spam").ljust(size, ".")
    (question,) = build_pydocs({"t": text}, "9.9", folder).questions
    assert question.evidence[0].start == len("t\n\n") + place


def test_nearest_of_equal_places(tmp_path):
    small(tmp_path, 9, "spam")
    (question,) = build_pydocs({"t": "spam.......spam"}, "9.9", tmp_path).questions
    assert question.evidence[0].start == len("t\n\n") + 11


def test_a_python_without_its_reference_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(UserError, match="without the module 'pydoc_data'"):
        load_pydocs()
