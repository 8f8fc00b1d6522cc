"""Reading files and fields: what comes back equals what was written; what cannot be read is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data.base import data_root, read_csv, read_jsonl, read_text
from experiments.data.fields import as_text, claim, golds_field, id_field, known, span_in
from pipeline.core.errors import UserError
from pipeline.core.records import Document, Span

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(rows=st.lists(st.dictionaries(st.text(), VALUES, max_size=4), min_size=1, max_size=5), ascii_only=st.booleans())
def test_json_lines_come_back_as_written(tmp_path_factory, rows, ascii_only):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert list(read_jsonl(path)) == list(enumerate(rows, start=1))


def test_byte_order_mark_windows_line_ends_and_blank_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n  \r\n{"a": 2}\r\n')
    assert list(read_jsonl(path)) == [(1, {"a": 1}), (4, {"a": 2})]


def test_a_line_separator_inside_a_string_ends_no_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "one\u2028two\u0085three"}\n{"a": 2}\n', encoding="utf-8")
    assert [row for _, row in read_jsonl(path)] == [{"a": "one\u2028two\u0085three"}, {"a": 2}]


def test_text_has_plain_line_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffé\r\nb\rc\n".encode())
    assert read_text(path) == "é\nb\nc\n" == path.open(encoding="utf-8-sig").read()


@pytest.mark.parametrize("literal", ["5.0", "5", "8.70", "1e3", "-0.0", "0.1000000000000000055511151231257827"])
def test_numbers_stay_as_written(tmp_path, literal):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"n": {literal}}}', encoding="utf-8")
    ((_, row),) = read_jsonl(path)
    assert as_text(row["n"]) == literal
    assert row["n"] == float(literal)


def test_what_python_writes_for_a_missing_number_is_none(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"n": float("nan")}), encoding="utf-8")
    assert list(read_jsonl(path)) == [(1, {"n": None})]


def test_golds_of_mixed_types():
    row = {"g": [5, 2.5, True, "x", "x", " "], "h": 0, "i": None}
    assert golds_field(row, "g", "f:1") == ("5", "2.5", "true", "x")
    assert golds_field(row, "h", "f:1") == ("0",)
    assert golds_field(row, "i", "f:1") == golds_field(row, "absent", "f:1") == ()


def test_ids_may_be_integers_and_must_differ():
    assert id_field({"id": 7}, "id", "f:1") == "7"
    seen = {}
    claim(seen, "7", "f:1")
    with pytest.raises(UserError) as caught:
        claim(seen, "7", "f:9")
    assert "f:9" in str(caught.value) and "f:1" in str(caught.value)


def test_a_surrogate_is_replaced_at_equal_length(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "x\\ud800y"}', encoding="utf-8")
    ((_, row),) = read_jsonl(path)
    assert as_text(row["a"]) == "x\ufffdy"


def test_the_nearest_name_is_offered():
    assert known("alpha", {"alpha": 1}, "document", "f:1") == "alpha"
    with pytest.raises(UserError, match=r"no document 'alpa'.*Did you mean 'alpha'"):
        known("alpa", ["alpha", "beta"], "document", "f:1")


@given(size=st.integers(0, 20), start=st.integers(-2, 22), end=st.integers(-2, 22))
def test_a_span_is_accepted_if_and_only_if_it_selects_that_many_characters(size, start, end):
    documents = {"d": Document("d", "x" * size)}
    if start >= 0 and len(documents["d"].text[start:end]) == end - start > 0:
        assert span_in(documents, "d", start, end, "f:1") == Span("d", start, end)
    else:
        with pytest.raises(UserError, match="does not lie in document 'd'"):
            span_in(documents, "d", start, end, "f:1")


def test_csv_cells_may_hold_line_ends_quotes_and_long_texts(tmp_path):
    path = tmp_path / "a.csv"
    long = "x" * 200_000
    path.write_text(f'\ufeffid,answer\r\n1,"two\nlines, ""quoted"""\n\n2,{long}\n3,\n', encoding="utf-8")
    assert list(read_csv(path)) == [
        (2, {"id": "1", "answer": 'two\nlines, "quoted"'}),
        (5, {"id": "2", "answer": long}),
        (6, {"id": "3", "answer": ""}),
    ]


def test_data_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LONGSHORT_DATA", raising=False)
    with pytest.raises(UserError, match=r"data: .*does not exist.*Set LONGSHORT_DATA.*is not set"):
        data_root()
    (tmp_path / "data").mkdir()
    assert data_root().resolve() == tmp_path / "data"
    monkeypatch.setenv("LONGSHORT_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match=r"elsewhere: .*does not exist"):
        data_root()
    (tmp_path / "elsewhere").write_text("")
    with pytest.raises(UserError, match=r"elsewhere: .*is not a folder"):
        data_root()
