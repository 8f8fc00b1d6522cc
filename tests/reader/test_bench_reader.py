"""The benchmark's own parts: bars, depths, the drawing, remembered answers, the draw of prompts for vLLM."""

import json
from xml.etree import ElementTree

import pytest

from benchmarks.gpu.reader_vllm import compared, drawn, first_line, reached
from benchmarks.reader import Answers, chosen, table
from benchmarks.reader_bars import BARS, Bar, by_depth, judged
from benchmarks.reader_plot import plot
from experiments.reader.evaluate import Row, Verdict


def scores(exact: float, n: int = 10, declined: float = 0.0) -> dict[str, float]:
    return {"n": n, "exact": exact, "f1": exact, "declined": declined}


def test_the_worst_set_counts_unless_rows_are_pooled():
    found = {"a/1k": scores(1.0), "a/4k": scores(0.5, n=30)}
    names = ("a/1k", "a/4k")
    assert Bar("x", names, 0.9).reached(found) == 0.5
    assert Bar("x", names, 0.9, pooled=True).reached(found) == pytest.approx(0.625)
    assert Bar("x", (*names, "a/8k"), 0.9).reached(found) is None
    assert Bar("x", ("b",), 0.9, "answered").reached({"b": scores(0.2, declined=0.15)}) == pytest.approx(0.85)


def test_every_bar_has_a_row_where_all_was_measured():
    everything = {name: scores(0.7) for bar in BARS for name in bar.sets}
    everything |= {"nq/ten": scores(0.66), "musique/ten": scores(0.0)}
    rows = judged(everything)
    assert len(rows) == len(BARS) + 2
    among = {row.what: row.ratio for row in rows if row.peer_name == "own - 0.05"}
    assert among["by people (nq), among ten"] > 1 > among["by people (musique), among ten"]
    assert judged({}) == []


def test_depths_fall_into_tenths():
    rows = [(0.0, 1.0), (0.049, 0.0), (0.95, 1.0), (1.0, 0.0)]
    verdicts = [Verdict(Row("kv/1k", "d", "q", ("a",), {"depth": d}), "", exact, exact) for d, exact in rows]
    verdicts.append(Verdict(Row("other/1k", "d", "q", ("a",), {"depth": 0.5}), "", 1, 1))
    assert by_depth(verdicts) == {"1k": [0.5, *[None] * 8, 0.5]}


def test_the_drawing_is_whole_with_some_of_the_sets():
    found = {
        "sets": {"kv/1k": scores(1), "kv/8k": scores(0.5), "hop2/4k": scores(0.4)},
        "depth": {"1k": [1.0] * 10, "8k": [None, *[0.5] * 9]},
    }
    drawn_alone = plot(found)
    ElementTree.fromstring(drawn_alone)
    assert "two hops" in drawn_alone and "three hops" not in drawn_alone


def test_the_table_shows_f1_where_it_tells_more():
    lines = list(table({"kv/1k": scores(1), "kv/4k": scores(0.5), "nq/own": {**scores(0.3), "f1": 0.5}}))
    assert lines[0].split() == ["kv", "1k", "1.00", "4k", "0.50"]
    assert "F1 0.50" in lines[1]


def test_answers_are_remembered_by_model_and_way(tmp_path, monkeypatch):
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    calls = []

    def told(folder, rows, precision):
        calls.append((precision, [row.question for row in rows]))
        return [Verdict(row, f"{precision} {row.question}", 0, 0) for row in rows]

    monkeypatch.setattr("benchmarks.reader.generated", told)
    rows = [Row(name, "d", q, (f"float32 {q}",)) for name, q in (("a/1k", "p"), ("b/1k", "q"), ("a/1k", "r"))]
    answers = Answers(model, tmp_path / "answers.jsonl")
    assert [v.exact for v in answers.of(rows, "float32")] == [1, 1, 1]
    assert calls == [("float32", ["p"]), ("float32", ["q"]), ("float32", ["r"])]
    again = Answers(model, tmp_path / "answers.jsonl")
    assert [v.answer for v in again.of(rows, "float32")] == ["float32 p", "float32 q", "float32 r"]
    assert len(calls) == 3
    again.of(rows[:1], "bfloat16")
    (model / "config.json").write_text('{"changed": 1}')
    Answers(model, tmp_path / "answers.jsonl").of(rows[:1], "float32")
    assert calls[3:] == [("bfloat16", ["p"]), ("float32", ["p"])]
    assert len([json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]) == 5


def test_prompts_for_vllm_are_drawn_from_all_sets_in_turn():
    rows = [Row(name, f"d{i}", "q", ("a",)) for name in ("a", "b", "c") for i in range(5)]
    some = drawn(rows, 7)
    assert [row.name for row in some] == ["a", "b", "c", "a", "b", "c", "a"]
    assert some == drawn(rows[::-1], 7)
    assert len(drawn(rows, 99)) == 15


def test_texts_are_compared_as_first_lines():
    rows = [Row("a", "d", q, ("x",)) for q in "pqr"]
    assert first_line(" 12 \nQuestion: more") == "12"
    found = compared(["x", "y", "z"], ["x", "y", "w"], rows)
    assert found["equal"] == pytest.approx(2 / 3)
    assert found["differ"] == [["a", "r", "z", "w"]]
    assert not reached({"float32": found}) and not reached({"float32": {"error": "x"}})
    assert reached({"float32": {"equal": 0.985}})


def test_a_limit_of_rows_leaves_questions_by_people_whole():
    rows = [Row(name, "d", f"q{i}", ("a",)) for name in ("kv/1k", "kv/16k", "nq/own") for i in range(5)]
    assert [row.name for row in chosen(rows, 2, short=False)] == ["kv/1k"] * 2 + ["kv/16k"] * 2 + ["nq/own"] * 5
    assert [row.name for row in chosen(rows, 1, short=True, people=3)] == ["kv/1k"] + ["nq/own"] * 3
