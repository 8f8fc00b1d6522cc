"""A study of retrieval from the folder to the report: tables, tests, runs in and out, what is left out and refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml

from experiments.config import grid_routes, load_study
from experiments.data.beir import write_beir
from experiments.doctor import examine_retrieval
from experiments.retrieval import RetrievalExperiment
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document, Question, Span
from pipeline.score.ranking import average_precision, ndcg
from retrievers.trec import read_run

TOPICS = ["kiln", "glaze", "wheel", "clay", "slip", "bisque"]
COLUMNS = ["set", "retriever", "measure", "value", "ci_low", "ci_high", "n"]


def collection() -> Dataset:
    """Six documents of one topic each; a question names its topic, two questions name two."""
    texts = {t: f"The {t} of the pottery. It is older than the {TOPICS[i - 1]}." for i, t in enumerate(TOPICS)}
    documents = {t: Document(t, text) for t, text in texts.items()}
    whole = {t: Span(t, 0, len(text)) for t, text in texts.items()}
    asked = [(f"q{i}", f"What of the {t}?", (t,)) for i, t in enumerate(TOPICS)]
    asked += [("two", "Is the kiln older than the wheel?", ("kiln", "wheel"))]
    questions = tuple(Question(n, text, evidence=tuple(whole[t] for t in gold)) for n, text, gold in asked)
    return Dataset("pottery", documents, questions)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_beir(collection(), tmp_path / "pottery")
    (tmp_path / "pottery" / "spans.jsonl").unlink()
    return tmp_path / "pottery"


def experiment(tmp_path: Path, corpus: Path, **settings) -> RetrievalExperiment:
    study = {
        "kind": "retrieval",
        "data": {"root": str(corpus)},
        "baseline": "bm25",
        "cutoffs": [1, 2],
        "depth": 5,
        "retrievers": {
            "random": {"search": {"random": {"type": "random"}}},
            "bm25": {"search": {"bm25": {"type": "bm25"}}},
            "fused": {
                "search": {"bm25": {"type": "bm25"}, "random": {"type": "random"}},
                "fuse": {"type": "rrf"},
            },
        },
        **settings,
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(study))
    made = RetrievalExperiment.from_yaml(str(path))
    made.store, made.runs = tmp_path / "store", tmp_path / "runs"
    return made


def test_a_folder_is_searched_measured_and_tested(tmp_path, corpus):
    results = experiment(tmp_path, corpus).run()
    summary = pl.read_csv(results.folder / "summary.csv")
    assert summary.columns == COLUMNS
    assert set(summary["retriever"]) == {"random", "bm25", "fused"}
    assert results.primary == {"pottery": "ndcg@2"}
    # The table agrees with the run that lies beside it, measured again from its six columns.
    run = read_run(results.folder / "runs" / "pottery.bm25.trec")
    grades = {q.id: dict.fromkeys((s.doc for s in q.evidence), 1) for q in collection().questions}
    ranked = {q: [passage.rpartition(":")[0] for passage in found] for q, found in run.items()}
    for measure, of in (
        ("ndcg@2", lambda q: ndcg(ranked[q], grades[q], 2)),
        ("map", lambda q: average_precision(ranked[q], grades[q])),
    ):
        row = summary.filter((pl.col("retriever") == "bm25") & (pl.col("measure") == measure))
        assert row["value"].item() == pytest.approx(sum(of(q) for q in grades) / len(grades))
        assert row["n"].item() == len(grades)
    tests = results.comparisons
    assert set(tests["retriever"]) == {"random", "fused"} and set(tests["baseline"]) == {"bm25"}
    assert (tests["better"] + tests["worse"] <= tests["n"]).all()
    report = (results.folder / "report.html").read_text()
    assert "Who finds the evidence on pottery?" in report and "http" not in report.replace("http-equiv", "")


def test_the_same_run_again_computes_nothing_and_writes_the_same_bytes(tmp_path, corpus):
    first = experiment(tmp_path, corpus).run()
    before = {n: (first.folder / n).read_bytes() for n in ("summary.csv", "comparisons.csv", "scores.parquet")}
    again = experiment(tmp_path, corpus)
    assert all(not plan.missing for _, plans in again.plan() for plan in plans)
    again.run()
    assert {n: (first.folder / n).read_bytes() for n in before} == before


def test_a_run_of_another_system_is_one_more_retriever(tmp_path, corpus):
    lines = [f"{q.id} Q0 {s.doc} {i} {-i} theirs" for q in collection().questions for i, s in enumerate(q.evidence, 1)]
    (tmp_path / "theirs.trec").write_text("\n".join(lines) + "\n")
    theirs = {"search": {"trec": {"type": "trec", "path": str(tmp_path / "theirs.trec")}}}
    results = experiment(tmp_path, corpus, retrievers={"theirs": theirs}, baseline="").run()
    perfect = results.summary.filter(pl.col("measure") == "map")["value"].item()
    assert perfect == 1.0


def test_spans_are_measured_in_characters(tmp_path):
    data = collection()
    asked = tuple(
        Question(q.id, q.text, evidence=(Span(s.doc, 4, 10),)) for q in data.questions for s in q.evidence[:1]
    )
    write_beir(Dataset("spans", data.documents, asked), tmp_path / "spans")
    results = experiment(tmp_path, tmp_path / "spans").run()
    assert results.primary == {"spans": "span_recall@1"}
    assert {"span_recall@1", "span_precision@2", "density@1"} <= set(results.summary["measure"])


def test_a_set_that_is_not_there_is_left_out_and_said(tmp_path, corpus):
    sets = {
        "here": {"data": {"type": "beir", "root": str(corpus)}},
        "gone": {"data": {"type": "qmsum", "root": str(tmp_path / "none")}},
    }
    results = experiment(tmp_path, corpus, data={}, sets=sets).run()
    assert set(results.summary["set"]) == {"here"}
    assert any("'gone' is left out" in note for note in results.notes)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"baseline": "bm52"}, "'bm52' is no retriever"),
        ({"data": {"root": "/nowhere"}}, "corpus.jsonl"),
        ({"data": {"rot": "x"}}, "data.root"),
        ({"data": {}, "sets": {}}, "no data set"),
        ({"retrievers": {"a": {"fuse": {"type": "rrf"}}}, "baseline": ""}, "'search' is missing"),
        ({"retrievers": {"a": {"search": {"x": {"type": "bm52"}}}}, "baseline": ""}, "bm25"),
        ({"retrievers": {"a": {"search": {"x": {"type": "bm25", "kk": 1}}}}, "baseline": ""}, "unknown setting 'kk'"),
        ({"split": "dev"}, "'dev'"),
        ({"data": {}, "sets": {"a": {"data": {"type": "pydocs"}, "retrievers": ["bn25"]}}}, "no retriever"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, corpus, settings, told):
    with pytest.raises(UserError) as error:
        experiment(tmp_path, corpus, **settings).run()
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_measure_that_is_none_is_refused_with_the_nearest(tmp_path, corpus):
    sets = {"here": {"data": {"type": "beir", "root": str(corpus)}, "measure": "ndgc@2"}}
    with pytest.raises(UserError, match="ndcg@2"):
        experiment(tmp_path, corpus, data={}, sets=sets).run()


def test_the_doctor_names_a_fusion_that_cannot_change_what_is_measured(tmp_path, corpus):
    shallow = {
        "search": {"bm25": {"type": "bm25", "k": 1}, "random": {"type": "random", "k": 1}},
        "fuse": {"type": "rrf"},
    }
    found = examine_retrieval(experiment(tmp_path, corpus, retrievers={"shallow": shallow}, baseline=""))
    (said,) = [f for f in found if f.check == "pottery, re-ranking" and f.level == "warning"]
    assert "at most 2 candidates and cannot change the first 2" in said.text
    deep = examine_retrieval(experiment(tmp_path, corpus))
    assert not [f for f in deep if f.check == "pottery, re-ranking" and f.level == "warning"]


def test_a_graph_is_drawn_for_one_question(tmp_path, corpus):
    graph = {"search": {"graph": {"type": "graph_ppr", "hits": {"bm25": {"type": "bm25"}}}}}
    results = experiment(tmp_path, corpus, retrievers={"graph": graph}, baseline="").run()
    report = (results.folder / "report.html").read_text()
    assert "walk through the graph" in report and "question q0" in report


def test_the_studies_that_ship_are_of_the_kind_they_say():
    assert load_study("retrieval").kind == "retrieval"
    assert load_study("order").grids["rag"]["passages"] == (1, 2, 4, 8, 16, 32)


def test_a_grid_stands_for_its_routes():
    routes = grid_routes("rag", {"passages": (2, 8), "order": ("score", "edges")})
    assert list(routes) == ["rag-2-score", "rag-2-edges", "rag-8-score", "rag-8-edges"]
    assert routes["rag-8-edges"] == {"passages": 8, "order": "edges"}
    with pytest.raises(UserError, match="once"):
        grid_routes("rag", {"passages": (2, 2)})
