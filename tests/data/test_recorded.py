"""Answers from elsewhere: the same facts whatever the files' shape, and contradictions told with both places."""

import csv
import io
import json

import pytest

from experiments.data.recorded import load_recorded
from pipeline.core.errors import UserError

LABELS = {"Correct Answer": "right", "Incorrect Answer": "wrong", "Refusal": "declined", "Failed": "failed"}
FIELDS = {
    "id": "financebench_id",
    "question": "question",
    "route": "eval_mode",
    "reader": "model_name",
    "answer": "model_answer",
    "gold": "gold_answer",
    "label": "label",
}
QUESTIONS = [
    ("fb_1", "What was revenue in 2019?", 8.7),
    ("fb_2", "Was it a good year?", True),
    ("fb_3", "Margin?", ["5%", 5]),
]
OUTCOMES = list(LABELS)


def row(i, reader, route, answer="an answer", label="Correct Answer", **more):
    """A row in the shape of FinanceBench's published results: one file per model and mode, people's labels."""
    name, question, gold = QUESTIONS[i]
    return {
        "financebench_id": name,
        "model_name": reader,
        "eval_mode": route,
        "temp": 0.01,
        "question": question,
        "gold_answer": gold,
        "model_answer": answer,
        "label": label,
    } | more


def write_map(folder, fields=FIELDS, files=("*.jsonl",), labels=LABELS, **more):
    """A map file; JSON is YAML."""
    path = folder / "map.yaml"
    path.write_text(json.dumps({"files": list(files), "fields": fields, "labels": labels} | more), encoding="utf-8")
    return path


def write(path, *rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")


@pytest.fixture
def published(tmp_path):
    write(tmp_path / "a_m1_inContext.jsonl", *(row(i, "m1", "inContext", f"lc {i}", OUTCOMES[i]) for i in range(3)))
    write(
        tmp_path / "b_m1_singleStore.jsonl",
        *(row(i, "m1", "singleStore", f"rag {i}", OUTCOMES[2 - i]) for i in range(3)),
    )
    write(tmp_path / "c_m2_inContext.jsonl", row(0, "m2", "inContext", ""), row(2, "m2", "inContext", "x", "Failed"))
    return tmp_path


def test_published_results(published):
    dataset, answers, labels = load_recorded(write_map(published))
    assert [(q.id, q.text, q.golds, q.cluster) for q in dataset.questions] == [
        ("fb_1", "What was revenue in 2019?", ("8.7",), "fb_1"),
        ("fb_2", "Was it a good year?", ("true",), "fb_2"),
        ("fb_3", "Margin?", ("5%", "5"), "fb_3"),
    ]
    assert all(q.context == () for q in dataset.questions)
    assert [d.text for d in dataset.documents.values()] == [None]
    assert list(answers) == ["m1", "m2"]
    assert list(dict.fromkeys(route for _, route in answers["m1"])) == ["inContext", "singleStore"]
    assert answers["m1"]["fb_2", "singleStore"] == "rag 1"
    assert labels["m1", "fb_3", "inContext"] == "declined" and labels["m1", "fb_3", "singleStore"] == "right"
    assert answers["m2"] == {("fb_1", "inContext"): None, ("fb_3", "inContext"): None}
    assert {labels["m2", q, "inContext"] for q in ("fb_1", "fb_3")} == {"failed"}
    assert dataset.notes == (
        "1 × empty answer with the label 'Correct Answer' counts as failed",
        "1 answer missing (m2 by inContext 1): they count as failed",
    )


def test_skip_leaves_a_question_out_for_all(published):
    dataset, answers, labels = load_recorded(write_map(published, missing="skip"))
    assert [q.id for q in dataset.questions] == ["fb_1", "fb_3"]
    assert {question for given in answers.values() for question, _ in given} == {"fb_1", "fb_3"}
    assert {question for _, question, _ in labels} == {"fb_1", "fb_3"}
    assert dataset.notes[-1] == "1 answer missing (m2 by inContext 1): 1 question left out for all"


def test_csv_gives_what_json_lines_give(published):
    expected = load_recorded(write_map(published))
    for path in published.glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        path.with_suffix(".csv").write_text(table.getvalue(), newline="")
    got = load_recorded(write_map(published, files=["*.csv"]))
    assert got[1:] == expected[1:]
    # A table's cells have no types: only a list of golds is lost on the way.
    assert [q.golds for q in got.dataset.questions] == [("8.7",), ("True",), ("['5%', 5]",)]


def test_quoted_line_ends(tmp_path):
    (tmp_path / "r.csv").write_text('q,a\n"one\nquestion","two\n\nlines"\n')
    fields = {"question": "q", "answer": "a", "route": {"const": "lc"}, "reader": {"const": "m"}}
    dataset, answers, labels = load_recorded(write_map(tmp_path, fields, ["r.csv"], {}))
    assert dataset.questions[0].text == "one\nquestion"
    assert list(answers["m"].values()) == ["two\n\nlines"]
    assert labels == {}


def test_constants_file_names_nested_columns_and_no_id(tmp_path):
    for route in ("lc", "rag"):
        rows = [
            {"in": {"q": f"question {i}", "a.b": {"c": i}}, "out": [{"x": 1}, 2.50][i], "r": f"{route} {i}"}
            for i in (0, 1)
        ]
        (tmp_path / f"preds_{route}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    fields = {
        "question": "in.q",
        "answer": "r",
        "route": {"file": r"preds_(\w+)\.jsonl"},
        "reader": {"const": "my model"},
        "cluster": "in.a.b.c",
    }
    path = write_map(tmp_path, fields, labels={})
    dataset, answers, _ = load_recorded(path)
    ids = [q.id for q in dataset.questions]
    assert answers == {"my model": {(ids[i], r): f"{r} {i}" for r in ("lc", "rag") for i in (0, 1)}}
    assert [q.cluster for q in dataset.questions] == ["0", "1"]
    (tmp_path / "preds_rag.jsonl").unlink()
    assert [q.id for q in load_recorded(path).dataset.questions] == ids


def test_yaml_words_stay_words(tmp_path):
    """Yes, No and 1.0 are not a boolean and a number: a person wrote them as labels."""
    write(tmp_path / "r.jsonl", *({"q": str(i), "a": "x", "l": label} for i, label in enumerate(["Yes", "No", 1.0])))
    path = tmp_path / "map.yaml"
    path.write_text(
        "files: r.jsonl\nfields: {question: q, answer: a, label: l, route: {const: on}, reader: {const: 1.10}}\n"
        "labels:\n  Yes: right\n  No: wrong\n  1.0: declined\n"
    )
    _, answers, labels = load_recorded(path)
    assert list(answers) == ["1.10"]
    assert [(route, label) for (_, _, route), label in labels.items()] == [
        ("on", "right"),
        ("on", "wrong"),
        ("on", "declined"),
    ]


def test_equal_rows_are_kept_once_and_equal_numbers_are_one_gold(tmp_path):
    write(tmp_path / "1.jsonl", row(0, "m", "lc"), row(0, "m", "lc"))
    write(tmp_path / "2.jsonl", row(0, "m", "rag", gold_answer="8.70"), row(0, "n", "rag", gold_answer=None))
    dataset, answers, _ = load_recorded(write_map(tmp_path))
    assert [q.golds for q in dataset.questions] == [("8.7",)]
    assert answers == {
        "m": {("fb_1", "lc"): "an answer", ("fb_1", "rag"): "an answer"},
        "n": {("fb_1", "rag"): "an answer"},
    }
    assert dataset.notes == ("1 × row given twice is kept once",)


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        ({}, {"model_answer": "another"}, "another answer or label"),
        ({}, {"label": "Refusal"}, "another answer or label"),
        ({}, {"question": "Another?"}, "another text"),
        ({}, {"gold_answer": "8.8"}, "another gold answer"),
        ({"gold_answer": None}, {"model_answer": None}, "another answer or label"),
    ],
)
def test_contradictions_name_both_places(tmp_path, first, second, what):
    write(tmp_path / "1.jsonl", row(1, "m", "lc"), row(0, "m", "lc", **first))
    write(tmp_path / "2.jsonl", row(0, "m", "lc", **second))
    with pytest.raises(UserError, match=what) as caught:
        load_recorded(write_map(tmp_path))
    assert "2.jsonl:1" in str(caught.value) and "1.jsonl:2" in str(caught.value)
