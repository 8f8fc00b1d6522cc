"""A table against a published one: agreement by hand, and references that cannot be read."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from experiments.cells import compare_with_reference, find_reference, pearson, read_reference
from pipeline.core.errors import UserError

REFERENCE = """length,model,task,lc,rag,note
32k,m1,location,60,50,x
32k,m1,reasoning,40.5,45.5,
32k,m2,location,70,70,
128k,m1,location,1,2,not in ours
"""
BY = ("length", "model", "task")
PAIR = ("lc", "rag")


@pytest.fixture
def reference(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text(REFERENCE)
    return path


def table(*rows: tuple[str, str, str, float | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=[*BY, *PAIR], orient="row")


def test_a_reference_is_read_by_its_columns(reference):
    cells = read_reference(reference, BY, PAIR)
    assert cells["32k", "m1", "reasoning"] == (40.5, 45.5)
    assert len(cells) == 4
    assert read_reference(reference, BY, PAIR[::-1])["32k", "m1", "location"] == (50.0, 60.0)


def test_agreement_by_hand(reference):
    ours = table(
        ("32k", "m1", "location", 62.0, 49.0),
        ("32k", "m1", "reasoning", 44.5, 41.5),
        ("32k", "m2", "location", 66.0, 66.0),
        ("32k", "m2", "reasoning", 50.0, 10.0),  # nobody published it
        ("128k", "m1", "location", None, 3.0),  # ours has no rate
    )
    found = compare_with_reference(ours, reference, BY, PAIR)
    assert (found["cells"], found["values"], found["rows_without_reference"]) == (3, 6, 2)
    assert found["mean_absolute_difference"] == pytest.approx((2 + 1 + 4 + 4 + 4 + 4) / 6)
    assert found["mean_difference"] == pytest.approx((2 - 1 + 4 - 4 - 4 - 4) / 6)
    # Gaps: ours 13, 3, 0; published 10, -5, 0.
    assert found["gap_mean_absolute_difference"] == pytest.approx((3 + 8 + 0) / 3)
    assert found["gap_sign_equal"] == pytest.approx(2 / 3)
    assert found["gap_pearson_r"] == pytest.approx(np.corrcoef([13, 3, 0], [10, -5, 0])[0, 1])
    values = [62, 49, 44.5, 41.5, 66, 66], [60, 50, 40.5, 45.5, 70, 70]
    assert found["pearson_r"] == pytest.approx(np.corrcoef(*values)[0, 1])
    assert found["gap"] == "lc - rag"
    assert [(c["task"], c["gap"], c["published"]) for c in found["gaps"]] == [
        ("location", 13.0, 10.0),
        ("reasoning", 3.0, -5.0),
        ("location", 0.0, 0.0),
    ]


def test_a_gap_on_one_side_alone_has_no_equal_sign(reference):
    ours = table(("32k", "m1", "location", 50.0, 50.0), ("32k", "m2", "location", 71.0, 70.0))
    assert compare_with_reference(ours, reference, BY, PAIR)["gap_sign_equal"] == 0.0


def test_no_common_cell_is_no_agreement(reference):
    found = compare_with_reference(table(("64k", "m1", "location", 1.0, 2.0)), reference, BY, PAIR)
    assert found["cells"] == 0
    assert found["pearson_r"] is found["mean_absolute_difference"] is found["gap_sign_equal"] is None


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=2, max_size=20))
def test_pearson_is_numpys(pairs):
    x, y = zip(*pairs, strict=True)
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    assert pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)


def test_pearson_of_nothing_to_correlate():
    assert pearson([], []) is pearson([1.0], [2.0]) is pearson([1.0, 1.0], [1.0, 2.0]) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("rag,note", "rga,note"), ("published.csv", "'rag' is missing", "Did you mean 'rga'")),
        (("40.5,45.5", "40.5,n/a"), ("published.csv:3", "n/a", "numbers")),
        (("40.5,45.5,", "40.5"), ("published.csv:3", "None")),
        (("32k,m2", "32k,m1"), ("published.csv:4", "twice")),
        (("70,70", "nan,70"), ("published.csv:4", "nan")),
    ],
)
def test_a_reference_that_cannot_be_read_is_told_with_its_line(reference, change, words):
    assert change[0] in REFERENCE
    reference.write_text(REFERENCE.replace(*change))
    with pytest.raises(UserError) as caught:
        read_reference(reference, BY, PAIR)
    for word in words:
        assert word in str(caught.value)


def test_a_reference_of_another_encoding_or_none_at_all_is_told(tmp_path):
    path = tmp_path / "published.csv"
    path.write_bytes("length,model,task,lc,rag\n32k,für,x,1,2\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"published\.csv"):
        read_reference(path, BY, PAIR)
    path.write_text("")
    with pytest.raises(UserError, match="missing"):
        read_reference(path, BY, PAIR)


def test_a_reference_is_looked_for_beside_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LONGSHORT_DATA", str(tmp_path / "data"))
    assert find_reference("", {}) is None
    assert find_reference("t.csv", {}) is None
    shared = tmp_path / "data" / "reference" / "t.csv"
    shared.parent.mkdir(parents=True)
    shared.write_text(REFERENCE)
    assert find_reference("t.csv", {}) == shared
    beside = tmp_path / "other" / "reference" / "t.csv"
    beside.parent.mkdir(parents=True)
    beside.write_text(REFERENCE)
    assert find_reference("t.csv", {"data": {"root": str(tmp_path / "other" / "lara")}}) == beside
    assert find_reference(str(beside), {}) == beside
