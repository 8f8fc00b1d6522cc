"""A study of compression from files to report: contexts, measures against an own count, reading, reruns, mistakes."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from experiments.compression import CompressionExperiment, CompressionResults
from experiments.config import CompressionStudy, load_study
from experiments.doctor import examine_compression
from pipeline.core.errors import UserError
from pipeline.score.significance import clustered_mean, holm, paired_test

TOWNS = ["Arbel", "Borund", "Cerrin", "Dovane", "Elmsar", "Farwick"]
METHODS = {
    "head": {"type": "head"},
    "bm25": {"type": "extractive", "scorer": "bm25", "context": 0},
    "passages": {"type": "extractive", "scorer": "bm25", "units": "passages", "size": 40},
}


def write_data(folder: Path) -> None:
    """Six texts of 40 sentences; of two questions each, the answer stands in one sentence, late in the text."""
    draw = random.Random(5)
    words = "stone river wall market bridge tower garden harbour field mill lane well".split()
    (folder / "docs").mkdir(parents=True)
    asked: list[dict[str, Any]] = []
    for town in TOWNS:
        sentences = [f"The {draw.choice(words)} stands by the {draw.choice(words)} of the town." for _ in range(40)]
        for place, (noun, verb) in zip((25, 36), (("keeper", "keeps"), ("smith", "forges")), strict=True):
            year = draw.randrange(1200, 1900)
            fact = f"The {noun} of {town} {verb} the number {year}."
            sentences[place] = fact
            row = {"question": f"Which number does the {noun} of {town} keep or forge?", "golden_answers": [str(year)]}
            row |= {"id": f"{town}-{noun}", "docs": [f"{town}.txt"], "evidence": [{"doc": f"{town}.txt", "text": fact}]}
            asked.append(row)
        (folder / "docs" / f"{town}.txt").write_text(" ".join(sentences))
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_data(tmp_path)
    return tmp_path


def study_of(folder: Path, **settings: Any) -> dict[str, Any]:
    return {
        "kind": "compression",
        "data": {"docs": str(folder / "docs"), "questions": str(folder / "q.jsonl")},
        "compressors": METHODS,
        "baseline": "bm25",
        "ratios": [2, 4],
        "tokens": 200,
        "reader": {
            "type": "scripted",
            "rules": [[r"re:(?s)The (\w+) of (\w+) \w+ the number (\d+).*Which number does the \1 of \2 ", r"\3"]],
            "log_path": str(folder / "calls.txt"),
        },
        "sampling": {"max_tokens": 8},
        "score": {"encoder": False, "metrics": ["f1"]},
        "perplexity": {"questions": 0},
        **settings,
    }


def experiment(folder: Path, **settings: Any) -> CompressionExperiment:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(study_of(folder, **settings)))
    made = CompressionExperiment.from_yaml(str(path))
    made.store, made.runs = folder / "store", folder / "runs"
    return made


@pytest.fixture
def run(data: Path) -> CompressionResults:
    return experiment(data).run()


def test_contexts_are_of_one_size_and_hold_their_evidence(data: Path) -> None:
    (contexts,) = experiment(data).sets.values()
    assert len(contexts.questions) == 12
    for q in contexts.questions:
        (name,) = q.context
        text = contexts.documents[name].text or ""
        assert len(re.findall(r"\w+|[^\w\s]", text)) == 200
        assert q.golds[0] in text[q.evidence[0].start : q.evidence[0].end]
        assert q.cluster == name.split(":")[0]


def test_what_is_measured_agrees_with_a_count_of_the_parts(data: Path, run: CompressionResults) -> None:
    """`head` keeps the first tokens, so its shares follow from the contexts alone."""
    (contexts,) = run.sets.values()
    rows = run.scores.filter(
        (pl.col("method") == "head") & (pl.col("ratio") == 4) & (pl.col("measure") == "characters")
    )
    found = dict(rows.select("question", "value").iter_rows())
    for q in contexts.questions:
        text = contexts.documents[q.context[0]].text or ""
        end = [m.end() for m in re.finditer(r"\w+|[^\w\s]", text)][49]
        (gold,) = q.evidence
        assert found[q.id] == pytest.approx(max(0, min(end, gold.end) - gold.start) / (gold.end - gold.start))
    mean = clustered_mean([found[q.id] for q in contexts.questions], [q.cluster for q in contexts.questions])
    told = run.summary.filter(
        (pl.col("method") == "head") & (pl.col("ratio") == 4) & (pl.col("measure") == "characters")
    )
    assert told.select("value", "ci_low", "ci_high", "n").row(0) == (mean.mean, mean.low, mean.high, 12)


def test_differences_are_paired_clustered_and_adjusted_over_the_methods_of_a_ratio(run: CompressionResults) -> None:
    (contexts,) = run.sets.values()
    for ratio in (2.0, 4.0):
        rows = run.scores.filter((pl.col("ratio") == ratio) & (pl.col("measure") == "characters"))
        values = {m: dict(rows.filter(pl.col("method") == m).select("question", "value").iter_rows()) for m in METHODS}
        p = [
            paired_test(
                [values[m][q.id] for q in contexts.questions],
                [values["bm25"][q.id] for q in contexts.questions],
                [q.cluster for q in contexts.questions],
            ).p_value
            for m in ("head", "passages")
        ]
        tests = run.comparisons.filter((pl.col("ratio") == ratio) & (pl.col("measure") == "characters"))
        assert set(tests["baseline"]) == {"bm25"}
        told = dict(tests.select("method", "p_holm").iter_rows())
        assert [told["head"], told["passages"]] == pytest.approx(holm(p))
    assert all("sign-flip" in test for test in run.comparisons["test"])


def test_the_reader_answers_where_the_evidence_stayed_and_the_whole_context_is_the_baseline(
    data: Path, run: CompressionResults
) -> None:
    """The scripted reader finds a number wherever a sentence that holds one is left."""
    (reading,) = run.readings.values()
    assert set(reading.summary["baseline"].drop_nulls()) == {"full"}
    mean = {
        (m, r): v
        for m, r, v in run.summary.filter(pl.col("measure") == "correct").select("method", "ratio", "value").iter_rows()
    }
    assert mean["full", 1.0] == mean["oracle", 1.0] == 1.0 and mean["closed_book", 1.0] == 0.0
    assert mean["bm25", 4.0] == 1.0 > mean["head", 4.0]
    (name,) = run.sets
    assert (run.folder / "sets" / name / "report.html").is_file()
    assert {"full", "bm25-2x", "bm25-4x", "head-4x"} <= set(reading.answers["route"])
    spans = reading.answers.filter(pl.col("route") == "bm25-4x")["evidence"].explode()
    assert all(e["end"] > e["start"] for e in spans)


def test_costs_say_what_is_saved(run: CompressionResults) -> None:
    costs = {(m, r): row for row in run.costs.to_dicts() for m, r in [(row["method"], row["ratio"])]}
    assert costs["full", 1.0]["saved_tokens"] == 0
    for method in METHODS:
        row = costs[method, 4.0]
        assert row["given"] == 200 and row["tokens"] <= 50 and row["n"] == 12
        assert row["saved_tokens"] == pytest.approx(costs["full", 1.0]["prompt_tokens"] - row["prompt_tokens"])
        whole = costs["full", 1.0]["reader_seconds"]
        assert row["saved_seconds"] == pytest.approx(whole - row["reader_seconds"] - row["compress_seconds"])
        assert row["ms_per_1000"] == pytest.approx(1e6 * row["compress_seconds"] / 200)


def test_the_same_run_again_makes_nothing_anew_and_writes_the_same_bytes(data: Path, run: CompressionResults) -> None:
    names = ("summary.csv", "comparisons.csv", "scores.parquet", "costs.csv", "report.html")
    before = {n: (run.folder / n).read_bytes() for n in names}
    calls = (data / "calls.txt").read_text()
    again = experiment(data)
    for _, plan in again.plan():
        assert all(not stage.missing for stage in plan.stages)
        assert all(not c.calls for c in plan.calls) and not plan.waiting
    again.run()
    assert {n: (run.folder / n).read_bytes() for n in names} == before
    assert (data / "calls.txt").read_text() == calls
    events = [json.loads(line) for log in run.folder.rglob("log.jsonl") for line in log.read_text().splitlines()]
    assert len(events) > 10 and not sum(e.get("computed", 0) + e.get("made", 0) for e in events)


def test_a_plan_makes_nothing(data: Path) -> None:
    """Also of a method that asks no question, whose values stand by context."""
    for _ in range(2):
        ((_, plan),) = experiment(data).plan()
        assert not any(stage.found for stage in plan.stages)
        assert plan.waiting == 12 and [len(c.calls) for c in plan.calls] == [36]  # the whole context and the controls
    assert not (data / "calls.txt").exists()


def test_one_more_ratio_computes_only_that(data: Path, run: CompressionResults) -> None:
    plan = experiment(data, ratios=[2, 4, 8]).plan()[0][1]
    assert sum(bool(stage.missing) for stage in plan.stages) == len(METHODS)


def test_a_killed_run_goes_on_where_it_stopped(data: Path) -> None:
    """The reader waits at each call; the process is killed once some calls are answered, and none is asked twice."""
    settings = study_of(data)
    (data / "mine.yaml").write_text(yaml.safe_dump(settings | {"reader": settings["reader"] | {"delay": 0.3}}))
    environment = {**os.environ, "LONGSHORT_STORE": str(data / "store"), "LONGSHORT_RUNS": str(data / "runs")}
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", "run", str(data / "mine.yaml")],
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])}, cwd=data, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    calls = data / "calls.txt"
    while process.poll() is None and not (calls.is_file() and calls.read_text().count("\n") >= 3):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    stopped = calls.read_text().splitlines()
    plan = experiment(data).plan()[0][1]
    assert all(not stage.missing for stage in plan.stages)
    experiment(data).run()
    asked = [line.split("\t")[0] for line in calls.read_text().splitlines()]
    # The one call in flight may have been answered, and its line written, before it was remembered.
    assert len(asked) - len(set(asked)) <= 1 and len(stopped) < len(asked)


def test_without_a_reader_or_gold_answers_nothing_is_read(data: Path) -> None:
    results = experiment(data, reader=None).run()
    assert not results.readings and "correct" not in set(results.summary["measure"])
    rows = [json.loads(line) for line in (data / "q.jsonl").read_text().splitlines()]
    bare = "".join(json.dumps({k: v for k, v in row.items() if k != "golden_answers"}) + "\n" for row in rows)
    (data / "q.jsonl").write_text(bare)
    unmarked = experiment(data).run()
    assert not unmarked.readings
    assert "nothing was read" in (unmarked.folder / "report.html").read_text()


def test_a_set_without_evidence_is_judged_by_the_reader_alone(data: Path) -> None:
    rows = [json.loads(line) for line in (data / "q.jsonl").read_text().splitlines()]
    bare = "".join(json.dumps({k: v for k, v in row.items() if k != "evidence"}) + "\n" for row in rows)
    (data / "q.jsonl").write_text(bare)
    results = experiment(data).run()
    measures = set(results.summary["measure"])
    assert {"correct", "reached", "words"} <= measures and not {"characters", "spans", "density"} & measures
    assert "oracle" not in set(results.summary["method"])
    assert "judged by the reader alone" in (results.folder / "report.html").read_text()


def test_a_method_whose_model_is_not_there_is_left_out_with_a_line(data: Path) -> None:
    methods = METHODS | {
        "two": {"type": "llmlingua2"},
        "gone": {"type": "selective_context", "model": "/nowhere/at/all"},
    }
    results = experiment(data, compressors=methods).run()
    assert set(results.comparisons["method"]) - {"oracle", "closed_book"} == {"head", "passages"}
    told = [note for note in results.notes if "is left out" in note]
    assert sorted(note.split()[0] for note in told) == ["gone", "two"]
    assert all("\n" not in note for note in told)


def test_a_causal_model_is_the_one_that_ships_and_perplexity_is_remembered(data: Path) -> None:
    settings = {"compressors": {"head": {"type": "head"}, "lingua": {"type": "selective_context"}}, "baseline": "head"}
    settings |= {"limit": 2, "ratios": [2], "reader": None, "perplexity": {"questions": 1}}
    results = experiment(data, **settings).run()
    lost = dict(results.summary.filter(pl.col("measure") == "nll").select("method", "value").iter_rows())
    assert lost["lingua"] > lost["head"]  # what is surprising stays, and what it stood in does not
    log = [json.loads(line) for line in (results.folder / "log.jsonl").read_text().splitlines()]
    assert [e["computed"] for e in log if e["event"] == "rows"] == [3]
    experiment(data, **settings).run()
    log = [json.loads(line) for line in (results.folder / "log.jsonl").read_text().splitlines()]
    assert [e["computed"] for e in log if e["event"] == "rows"] == [0]


def test_the_report_shows_charts_tables_costs_and_struck_text(run: CompressionResults) -> None:
    page = (run.folder / "report.html").read_text()
    (name,) = run.sets
    for words in (
        "gold characters kept (%)",
        "right answers (%)",
        "At 2×",
        "At 4×",
        "pays from",
        "What was removed at 4×",
    ):
        assert words in page
    assert f'href="sets/{name}/report.html"' in page
    assert "<del>" in page and "<del><mark>" in page and "<mark>" in page.replace("<del><mark>", "")
    assert "http" not in page.replace("http-equiv", "")
    ordinary = (run.folder / "sets" / name / "report.html").read_text()
    assert '<section id="struck">' in ordinary and "<h3>head-4x</h3>" in ordinary


def test_the_shipped_study_is_valid_and_takes_every_method_that_needs_no_model_of_its_own() -> None:
    study = load_study("compression")
    assert isinstance(study, CompressionStudy) and study.baseline == "extractive"
    assert not study.compressors and study.reader == {"type": "embedded"}


def test_the_doctor_looks_at_contexts_and_reading(data: Path) -> None:
    found = examine_compression(experiment(data))
    assert {"folder, gold evidence", "folder, controls"} <= {f.check for f in found}
    assert not [f for f in examine_compression(experiment(data, reader=None)) if f.level == "error"]


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"baseline": "bm52"}, "'bm52' is no compressor"),
    ({"ratios": [2, 2]}, "stands twice"),
    ({"ratios": [0.5]}, "greater than or equal to 1"),
    ({"ratios": []}, "ratios"),
    ({"ratio": [2]}, "unknown key 'ratio'"),
    ({"data": {}}, "no data set"),
    ({"data": {"root": "/nowhere"}}, "corpus.jsonl"),
    ({"data": {"type": "folders"}}, "folder"),
    ({"data": {}, "sets": {"a/b": {"data": {"type": "pydocs"}}}}, "'a/b' cannot name a folder"),
    ({"compressors": {"x": {"type": "haed"}}, "baseline": ""}, "head"),
    ({"compressors": {"x": {"type": "head", "ratio": 4}}, "baseline": ""}, "the study gives `ratios`"),
    ({"compressors": {"x": {"type": "extractive", "scorrer": "bm25"}}, "baseline": ""}, "scorer"),
    ({"compressors": {"x": {"type": "llmlingua2"}}, "baseline": "", "model": "/nowhere"}, "no method is left"),
    ({"perplexity": {"questions": 1, "model": "/nowhere"}}, "/nowhere"),
    ({"reader": {"type": "embeded"}}, "embedded"),
    ({"split": "dev"}, "no question"),
    ({"tokenizer": "wrods"}, "wrods"),
]


@pytest.mark.parametrize(("settings", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_mistakes_are_told_in_one_line(data: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as error:
        experiment(data, **settings).run()
    assert told in str(error.value) and "\n" not in str(error.value)


def test_the_command_line_runs_plans_explains_and_refuses(
    data: Path, monkeypatch: pytest.MonkeyPatch, called: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.setenv("LONGSHORT_STORE", str(data / "store"))
    monkeypatch.setenv("LONGSHORT_RUNS", str(data / "runs"))

    path = data / "mine.yaml"
    path.write_text(yaml.safe_dump(study_of(data)))
    status, out, _ = called("run", str(path), "--dry-run")
    assert status == 0 and "passages" in out and "to make" in out
    assert not (data / "calls.txt").exists()
    status, out, err = called("run", str(path))
    assert (status, err) == (0, "") and "gold" in out and "runs/mine/report.html" in out.replace("\n", "")
    assert called("cache", "why", str(path))[:2] == (0, "nothing: every value of this study is in the store\n")
    status, out, err = called("run", str(path), "ratios=[0]")
    assert status == 2 and err.count("\n") == 1 and "ratios" in err
    assert called("doctor", str(path))[0] == 0
