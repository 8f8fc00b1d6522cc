"""TREC runs as a search: documents and stretches, as they were written; a run of other data is refused in words."""

from __future__ import annotations

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk
from pipeline.core.spec import describe
from retrievers.recorded import RecordedRun

CHUNKS = (
    Chunk("a b", 0, 10, "0123456789"),
    Chunk("a b", 10, 20, "0123456789"),
    Chunk("c", 0, 5, "01234"),
    Chunk("d", 0, 5, "01234"),
)


def ranked(tmp_path, lines: str, *questions: str, k: int = 10):
    path = tmp_path / "some.trec"
    path.write_text(lines)
    return list(RecordedRun(str(path), k).run([CHUNKS] * len(questions), list(questions)))


def test_stretches_name_the_chunks_that_they_overlap(tmp_path):
    lines = "q%201 Q0 a%20b:12-15 1 3.5 x\nq%201 Q0 c:0-5 2 2.5 x\nq2 Q0 d 1 1 x\n"
    first, second = ranked(tmp_path, lines, "q 1", "q2")
    assert (first.ids, first.scores) == ((1, 2), (3.5, 2.5))
    assert second.ids == (3,)


def test_a_document_stands_for_its_chunks_and_k_cuts(tmp_path):
    lines = "q Q0 c 1 2 x\nq Q0 a%20b 2 1 x\n"
    (ranking,) = ranked(tmp_path, lines, "q")
    assert ranking.ids == (2, 0, 1)
    (ranking,) = ranked(tmp_path, lines, "q", k=2)
    assert ranking.ids == (2, 0)


def test_a_question_that_the_run_does_not_hold_finds_nothing(tmp_path):
    held, other = ranked(tmp_path, "q Q0 c 1 2 x\n", "q", "r")
    assert held.ids == (2,)
    assert other.ids == ()


@pytest.mark.parametrize(("lines", "told"), [("r Q0 c 1 2 x\n", "none of 1 questions"), ("q Q0 z 1 2 x\n", "'z'")])
def test_a_run_of_other_data_is_refused(tmp_path, lines, told):
    with pytest.raises(UserError, match=told):
        ranked(tmp_path, lines, "q")


def test_the_content_counts_and_not_the_path(tmp_path):
    for name, score in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.trec").write_text(f"q Q0 d 1 {score} x\n")
    a, b, c = (describe(RecordedRun(str(tmp_path / name / "x.trec"))) for name in "abc")
    assert a == b != c
    with pytest.raises(UserError, match="no such file"):
        RecordedRun(str(tmp_path / "none"))
