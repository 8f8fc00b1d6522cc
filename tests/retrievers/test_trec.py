"""TREC runs: what is written is read back, and trec_eval's order is ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from retrievers.trec import format_run, read_run, write_run

IDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=5)
RUNS = st.dictionaries(IDS, st.dictionaries(IDS, st.floats(-5, 5), min_size=1, max_size=8), max_size=4)


@given(RUNS)
def test_trec_evals_order_is_the_dicts(run: dict[str, dict[str, float]]) -> None:
    seen: dict[str, list[tuple[float, str]]] = {}
    for line in format_run(run, "tag").splitlines():
        query, q0, document, rank, score, tag = line.split(" ")
        assert (q0, tag) == ("Q0", "tag")
        rows = seen.setdefault(query, [])
        rows.append((float(score), document))
        assert int(rank) == len(rows)
    for query, rows in seen.items():
        # trec_eval: score falling, ties by document id falling; the rank is not read.
        assert [d for _, d in sorted(rows, reverse=True)] == list(run[query])


def test_round_trip_and_bytes(tmp_path: Path) -> None:
    run = {"q1": {"b": 2.0, "a": 2.0, "c": 1.9999995}, "q2": {"x:0-5": -1.25}}
    path = tmp_path / "deep" / "run.trec"
    write_run(path, run, "bm25")
    assert path.read_bytes() == (
        b"q1 Q0 b 1 2.000000 bm25\nq1 Q0 a 2 1.999999 bm25\nq1 Q0 c 3 1.999998 bm25\nq2 Q0 x:0-5 1 -1.250000 bm25\n"
    )
    assert {q: list(d) for q, d in read_run(path).items()} == {q: list(d) for q, d in run.items()}
    assert read_run(path)["q2"] == {"x:0-5": -1.25}
    assert [p.name for p in path.parent.iterdir()] == ["run.trec"]


@pytest.mark.parametrize(
    ("run", "tag", "said"),
    [
        ({"q 1": {"a": 1.0}}, "t", "the query id 'q 1'"),
        ({"q": {"a\tb": 1.0}}, "t", "the document id 'a\\\\tb'"),
        ({"q": {"": 1.0}}, "t", "the document id ''"),
        ({}, "my tag", "the tag 'my tag'"),
    ],
)
def test_ids_with_spaces_are_refused(run: dict[str, dict[str, float]], tag: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        write_run(tmp_path / "run", run, tag)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("q Q0 d 1 0.5 t\nq Q0 d 1 0.5\n", r"run:2: found 5 columns"),
        ("q Q0 d one 0.5 t\n", r"run:1: rank 'one'"),
        ("q Q0 d 1 nan t\n", r"run:1: the score 'nan'"),
        ("q Q0 d 1 0.5 t\n\nq Q0 d 2 0.4 t\n", r"run:3: document 'd' is ranked twice"),
    ],
)
def test_broken_runs_are_named_by_line(lines: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_text(lines)
    with pytest.raises(UserError, match=said):
        read_run(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_run(tmp_path / "absent")
