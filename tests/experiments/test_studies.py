"""The studies that ship, each from its own file to its own results, on small data of ours or a few real questions."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import polars as pl
import pytest

from experiments.compare import Experiment, Results
from pipeline.core.records import Span

MAKE_LARA = runpy.run_path(str(Path(__file__).parents[1] / "data" / "make_lara.py"))


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGSHORT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("LONGSHORT_RUNS", str(tmp_path / "runs"))


def rates(results: Results, metric: str = "correct") -> dict[str, float]:
    return dict(results.summary.filter(pl.col("metric") == metric).select("route", "mean").iter_rows())


def test_pydocs_on_a_few_questions(tmp_path: Path) -> None:
    results = Experiment.from_yaml("pydocs", "limit=6", "routes.lc.truncate=end").run()
    assert set(rates(results)) == {
        "closed_book", "oracle", "random", "lc", "rag_bm25", "rag_dense", "rag_hybrid", "self_route",
    }  # fmt: skip
    recall = rates(results, "span_recall")
    assert recall["oracle"] == recall["lc"] == 1.0 > recall["random"]
    assert recall["closed_book"] == 0.0
    assert not results.incomplete
    answered = results.answers.filter((pl.col("route") == "lc") & (pl.col("answer") != "unanswerable"))
    experiment = Experiment.from_yaml("pydocs", "limit=6")
    for row in answered.iter_rows(named=True):
        (cite,) = row["cites"]
        text = experiment.dataset.documents[cite["doc"]].text or ""
        assert " ".join(text[cite["start"] : cite["end"]].split()) == row["answer"]
    trec = (results.folder / "runs" / "rag_hybrid.trec").read_text().splitlines()
    assert all(len(line.split()) == 6 for line in trec)
    assert len(trec) == 6 * 6


def test_closed_book_declines_everything_and_reads_nothing() -> None:
    results = Experiment.from_yaml("pydocs", "limit=6", "routes={closed_book: {type: closed_book}}", "baseline=").run()
    assert set(results.answers["answer"]) == {"unanswerable"}
    assert set(results.answers["kept_tokens"]) == {0}


def test_lara_on_a_folder_in_its_layout(tmp_path: Path) -> None:
    root = tmp_path / "lara"
    MAKE_LARA["lara_folder"](root)
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "lara_table.csv").write_text(
        "length,model,task,lc,rag\n32k,alpha-7b,location,50,40\n32k,alpha-7b,hallu,20,30\n32k,alpha-7b,comp,20,20\n"
    )
    results = Experiment.from_yaml("lara", f"data.root={root}", "score.encoder=false").run()
    table = (results.folder / "table.csv").read_text().splitlines()
    assert table[0] == "length,model,task,lc,rag"
    assert {line.split(",")[1] for line in table[1:]} == set(MAKE_LARA["MODELS"])
    agreement = json.loads((results.folder / "agreement.json").read_text())
    assert agreement["cells"] == 2  # the only answer to hallu is a failed call: a cell without a rate
    assert agreement["values"] == 4
    comparisons = pl.read_csv(results.folder / "comparisons.csv")
    assert {"lc_only", "rag_only", "mcnemar_p", "diff_low", "diff_high", "coverage_lc"} <= set(comparisons.columns)
    failed = results.answers.filter(pl.col("status") == "failed")
    assert failed.height > 0
    assert set(results.scores.filter(pl.col("status") == "failed")["value"].drop_nulls()) <= {0.0}
    assert (
        results.scores.filter((pl.col("status") == "failed") & (pl.col("metric") == "correct"))["value"].is_null().all()
    )


def test_recorded_answers_take_peoples_labels_and_measure_the_scorer(tmp_path: Path) -> None:
    rows = [
        {"id": f"q{i}", "question": f"How many boats has harbour {i}?", "gold": 10 + i, "mode": mode, "model": "m",
         "answer": answer, "verdict": verdict}
        for i in range(6)
        for mode, answer, verdict in (
            ("lc", f"It has {10 + i} boats.", "Correct Answer"),
            # Where i is 0 the judge was wrong, and the scorer must be seen to disagree.
            ("rag", "It has 99 boats." if i < 3 else "The text does not say.",
             ("Correct Answer" if i == 0 else "Incorrect Answer") if i < 3 else "Refusal"),
        )
    ]  # fmt: skip
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (tmp_path / "map.yaml").write_text(
        "files: [answers.jsonl]\n"
        "fields: {id: id, question: question, gold: gold, answer: answer, route: mode, reader: model, label: verdict}\n"
        "labels: {Correct Answer: right, Incorrect Answer: wrong, Refusal: declined}\n"
    )
    results = Experiment.from_yaml("recorded", f"data.map={tmp_path / 'map.yaml'}").run()
    assert rates(results) == {"lc": 1.0, "rag": pytest.approx(1 / 6)}
    status = results.scores.filter(pl.col("metric") == "correct").group_by("route", "status").len()
    assert {(r, s): n for r, s, n in status.iter_rows()} == {
        ("lc", "right"): 6, ("rag", "right"): 1, ("rag", "wrong"): 2, ("rag", "declined"): 3,
    }  # fmt: skip
    agreement = json.loads((results.folder / "agreement.json").read_text())
    assert agreement["n"] == 12
    assert agreement["labels_by_scorer"]["right"]["wrong"] == 1
    assert agreement["agreement"] == pytest.approx(11 / 12)


def test_your_own_folder_with_and_without_gold_answers(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "kiln.md").write_text("# Firing\n\nThe kiln reaches 1240 degrees.\n\n# Glaze\n\nThe glaze is grey.\n")
    (docs / "my day.txt").write_text("The kiln cools for one day before it is opened.\n")
    asked = [
        {"question": "How hot does the kiln get?", "golden_answers": ["1240 degrees"]},
        {"question": "How long does the kiln cool?", "docs": ["my day.txt"]},
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(q) + "\n" for q in asked))
    results = Experiment.from_yaml("folder", f"data.docs={docs}", f"data.questions={tmp_path / 'q.jsonl'}").run()
    marks = results.scores.filter((pl.col("metric") == "correct") & (pl.col("route") == "lc"))
    assert dict(marks.select("question", "status").iter_rows()) == {"q0001": "right", "q0002": "unmarked"}
    assert Span("my day.txt", 0, 1).doc in {
        e["doc"] for e in results.answers.filter(pl.col("question") == "q0002")["evidence"].explode()
    }
