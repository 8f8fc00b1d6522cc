"""Tables: every number against one computed by hand on a study small enough to do so."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from experiments.tables import (
    PRIMARY,
    Row,
    answers_frame,
    cells_frame,
    cluster_of,
    comparisons_frame,
    costs_frame,
    evidence_scores,
    scores_frame,
    summary_frame,
    unequal_coverage,
)
from pipeline.core.records import Dataset, Document, Part, Prompt, Question, Span
from pipeline.generators.base import Completion, Generator, Price, Usage
from pipeline.generators.scripted import Scripted
from pipeline.reading import Job, Transcript
from pipeline.routes.base import Case, Cut, Reply, Route
from pipeline.routes.controls import ClosedBook
from pipeline.routes.long_context import LongContext
from pipeline.score.significance import clustered_mean, mcnemar_exact

# Ten questions on four documents, and what became of each by each route: Right, Wrong, Declined, Failed.
DOCS = "AAABBBCCDD"
OUTCOMES = {
    "rag": "RWWWRWWRWW",
    "lc": "RRRRRRRWFW",
    "self": "RWRWRWDRRW",
    "closed": "DDDDDDDDDD",
}
ROUTES: dict[str, Route] = {
    "rag": LongContext(position="first"),  # any route without nodes: tables look at what came back
    "lc": LongContext(),
    "self": LongContext(position="both"),
    "closed": ClosedBook(),
}
NAMES = {"R": "right", "W": "wrong", "D": "declined", "F": "failed", "U": "unmarked"}
TEXT = "The answer is here, in the middle of it."
DATA = Dataset(
    "ten",
    {d: Document(d, TEXT) for d in "ABCD"},
    tuple(
        Question(
            f"q{i}",
            f"Question {i}?",
            context=(d,),
            golds=("x",),
            evidence=(Span(d, 4, 10),) if i % 2 else (),
            kind="location" if i < 5 else "reasoning",
            slices={"domain": "book" if d in "AB" else "paper", "length": "32k"},
        )
        for i, d in enumerate(DOCS)
    ),
)
PROMPT = Prompt((Part("document", TEXT[:20], Span("A", 0, 20)), Part("question", "?")))


def row(route: str, i: int, outcome: str, reader: Generator, data: Dataset = DATA, **more: Any) -> Row:
    question = data.questions[i]
    status = NAMES[outcome]
    failed = status == "failed"
    completion = Completion(
        "" if failed else f"answer {i}",
        "failed" if failed else "ok",
        usage=Usage(100 + i, 10, 40),
        error="broke" if failed else "",
        seconds=0.5,
    )
    completions = more.get("completions", [completion])
    done = Transcript(
        Reply(completions[-1], more.get("prompt", PROMPT), Cut(50, 20, more.get("cut_at"))),
        completions,
        more.get("made", [True] * len(completions)),
    )
    score = None if failed or status == "unmarked" else float(status == "right")
    job = Job(route, more.get("by", ROUTES[route]), Case(question, (), {}, reader))
    return Row(job, done, status, {PRIMARY: score, "f1": None if failed else i / 10})


def rows(outcomes: dict[str, str] = OUTCOMES, reader: Generator | None = None) -> list[Row]:
    reader = reader or Scripted(name="r", price=Price(2.0, 1.0, 4.0))
    return [row(name, i, o, reader) for name, line in outcomes.items() for i, o in enumerate(line)]


def summary(made: Sequence[Row], comparable: bool = True) -> dict[tuple[str, str], dict[str, Any]]:
    costs = costs_frame(made, None, DATA.questions)  # type: ignore[arg-type]
    frame = summary_frame(
        made,
        DATA,
        costs,
        baseline="rag",
        controls=["closed"],
        comparable={r.job.reader.label: comparable for r in made},
    )
    return {(line["route"], line["metric"]): line for line in frame.iter_rows(named=True)}


# -- summary ----------------------------------------------------------------------------------------------------------


def test_rates_and_outcomes_by_hand():
    table = summary(rows())
    lc = table["lc", PRIMARY]
    assert (lc["n"], lc["clusters"]) == (9, 4), "a failed call has no mark"
    assert lc["mean"] == pytest.approx(7 / 9)
    assert (lc["right"], lc["wrong"], lc["declined"], lc["failed"]) == (7, 2, 0, 1)
    assert lc["coverage"] == pytest.approx(0.9)
    closed = table["closed", PRIMARY]
    assert (closed["mean"], closed["n"], closed["declined"], closed["coverage"]) == (0.0, 10, 10, 1.0)
    assert table["rag", PRIMARY]["mean"] == pytest.approx(3 / 10)
    assert table["lc", "f1"]["mean"] == pytest.approx(sum(i for i in range(10) if i != 8) / 90)


def test_intervals_are_clustered_by_document():
    table = summary(rows())
    for route, line in OUTCOMES.items():
        marked = [(float(o == "R"), d) for o, d in zip(line, DOCS, strict=True) if o != "F"]
        interval = clustered_mean([v for v, _ in marked], [d for _, d in marked])
        assert (table[route, PRIMARY]["ci_low"], table[route, PRIMARY]["ci_high"]) == (interval.low, interval.high)


def test_comparisons_stand_on_the_questions_that_both_answered():
    lc = summary(rows())["lc", PRIMARY]
    # Without q8: lc alone right in 1, 2, 3, 5, 6; rag alone in 7.
    assert (lc["route_only"], lc["baseline_only"]) == (5, 1)
    assert lc["diff"] == pytest.approx(7 / 9 - 3 / 9)
    assert lc["p"] == pytest.approx(2 * (1 + 6) / 2**6)
    assert lc["diff_low"] < lc["diff"] < lc["diff_high"]


def test_holm_counts_the_competing_routes_alone():
    table = summary(rows())
    lc, own, closed = (table[name, PRIMARY] for name in ("lc", "self", "closed"))
    # self alone right in 2, 8; rag alone in none. closed is a control: tested, and no part of the family.
    assert (own["route_only"], own["baseline_only"]) == (2, 0)
    assert own["p"] == pytest.approx(0.5)
    assert lc["p_holm"] == pytest.approx(min(1, 2 * lc["p"]))
    assert own["p_holm"] == pytest.approx(max(lc["p_holm"], 0.5))
    assert closed["p"] == pytest.approx(mcnemar_exact(0, 3))
    assert closed["p_holm"] is None
    assert table["rag", PRIMARY]["p"] is None
    assert table["lc", "f1"]["p"] is None


def test_the_clustered_test_is_by_document():
    """Differences of lc and rag by document: A +2, B +2, C 0 (q6 +1, q7 -1), D 0 (q9; q8 failed)."""
    lc = summary(rows())["lc", PRIMARY]
    # Sums 2 and 2: of the four sign patterns, both equal ones are as extreme.
    assert lc["p_clustered"] == pytest.approx(0.5)


def test_regret_is_against_the_best_competing_route_per_question():
    table = summary(rows())
    # Common to rag, lc and self: all but q8. The best of the three is right in all but q9: 8 of 9.
    assert table["rag", PRIMARY]["regret"] == pytest.approx((8 - 3) / 9)
    assert table["lc", PRIMARY]["regret"] == pytest.approx((8 - 7) / 9)
    assert table["self", PRIMARY]["regret"] == pytest.approx((8 - 4) / 9)
    assert table["closed", PRIMARY]["regret"] is None


def test_what_is_not_comparable_is_not_compared():
    table = summary(rows(), comparable=False)
    for line in table.values():
        assert line["p"] is line["p_holm"] is line["diff"] is line["route_only"] is line["p_clustered"] is None
    assert table["lc", PRIMARY]["mean"] == pytest.approx(7 / 9)


def test_unmarked_answers_are_left_out():
    table = summary(rows({"rag": "RUUUUUUUUU", "lc": "WUUUUUUUUU"}))
    assert table["rag", PRIMARY]["n"] == 1
    assert table["lc", PRIMARY]["mean"] == 0.0
    assert (PRIMARY in {m for _, m in summary(rows({"rag": "U" * 10}))}) is False


def test_two_readers_are_two_tables():
    one, two = Scripted(name="one"), Scripted(name="two", default="x")
    made = rows({"rag": "RRRRRRRRRR", "lc": "WWWWWWWWWW"}, one) + rows({"rag": "WWWWWWWWWW", "lc": "RRRRRRRRRR"}, two)
    costs = costs_frame(made, None, DATA.questions)  # type: ignore[arg-type]
    comparable = {"one": True, "two": True}
    frame = summary_frame(made, DATA, costs, baseline="rag", controls=[], comparable=comparable)
    lines = frame.filter(pl.col("metric") == PRIMARY).iter_rows(named=True)
    diffs = {(line["reader"], line["route"]): line["diff"] for line in lines}
    assert diffs == {("one", "rag"): None, ("one", "lc"): -1.0, ("two", "rag"): None, ("two", "lc"): 1.0}


def test_tokens_seconds_and_money_are_means_over_all_questions():
    lc = summary(rows())["lc", PRIMARY]
    assert lc["prompt_tokens"] == pytest.approx(104.5)
    assert lc["seconds"] == pytest.approx(0.5)
    assert lc["money"] == pytest.approx((104.5 * 2.0 + 10 * 4.0) / 1e6)


# -- coverage ---------------------------------------------------------------------------------------------------------


def test_unequal_coverage_is_told_by_reader_with_counts():
    (line,) = unequal_coverage(rows())
    assert line.startswith("r: ")
    assert "lc 1" in line
    assert "rag" not in line


def test_equal_coverage_is_silent():
    assert unequal_coverage(rows({"rag": "RWWWRWWRFW", "lc": "RRRRRRRWFW"})) == []
    assert unequal_coverage(rows({"rag": "R" * 10})) == []


def test_as_many_failures_of_other_questions_are_unequal():
    assert len(unequal_coverage(rows({"rag": "FRRRRRRRRR", "lc": "RFRRRRRRRR"}))) == 1


def test_one_readers_failures_do_not_mark_another():
    made = rows(OUTCOMES, Scripted(name="one")) + rows({"rag": "R" * 10, "lc": "R" * 10}, Scripted(name="two"))
    (line,) = unequal_coverage(made)
    assert line.startswith("one: ")


# -- cells ------------------------------------------------------------------------------------------------------------

BY = {"model": "reader", "task": "kind"}


def test_cells_give_equal_weight_to_each_slice():
    table = cells_frame(rows(), by=BY, average_over="domain")
    cells = {line["task"]: line for line in table.iter_rows(named=True)}
    assert table.columns == ["model", "task", "rag", "lc", "self", "closed"]
    # location: q0-q4, all of books. reasoning: q5 of books; q6-q9 of papers.
    assert cells["location"]["rag"] == pytest.approx(100 * 2 / 5)
    assert cells["reasoning"]["rag"] == pytest.approx(100 * (0 / 1 + 1 / 4) / 2)
    # lc failed in q8: it lowers the coverage, not the cell.
    assert cells["reasoning"]["lc"] == pytest.approx(100 * (1 / 1 + 1 / 3) / 2)
    pooled = cells_frame(rows(), by=BY, average_over="")
    assert pooled.filter(pl.col("task") == "reasoning")["lc"].item() == pytest.approx(100 * 2 / 4)


def test_a_cell_in_which_all_failed_has_no_rate():
    table = cells_frame(rows({"rag": "R" * 10, "lc": "FFFFFRRRRR"}), by=BY, average_over="domain")
    cells = {line["task"]: line for line in table.iter_rows(named=True)}
    assert cells["location"]["lc"] is None
    assert cells["location"]["rag"] == 100.0


def test_cells_of_slices_that_are_columns():
    table = cells_frame(rows(), by={"domain": "domain", "length": "length"}, average_over="")
    assert table.select("domain", "length").rows() == [("book", "32k"), ("paper", "32k")]


def comparisons(made: Sequence[Row], by: dict[str, str]) -> dict[tuple[str, ...], dict[str, Any]]:
    frame = comparisons_frame(made, DATA, by=by, pair=("lc", "rag"))
    assert frame.height == frame.select(list(by)).unique().height
    return {tuple(line[c] for c in by): line for line in frame.iter_rows(named=True)}


def test_cells_are_compared_on_common_questions():
    table = comparisons(rows(), BY)
    assert set(table) == {("r", "all"), ("r", "location"), ("r", "reasoning")}
    reasoning = table["r", "reasoning"]
    assert reasoning["n"] == 4, "q8 failed by one route"
    assert (reasoning["lc"], reasoning["rag"]) == (pytest.approx(50), pytest.approx(25))
    assert reasoning["diff"] == pytest.approx(25)
    assert (reasoning["lc_only"], reasoning["rag_only"]) == (2, 1)
    assert reasoning["mcnemar_p"] == pytest.approx(1.0)
    assert (reasoning["coverage_lc"], reasoning["coverage_rag"]) == (pytest.approx(0.8), 1.0)
    whole = table["r", "all"]
    assert (whole["n"], whole["lc_only"], whole["rag_only"]) == (9, 5, 1)
    assert whole["mcnemar_p"] == pytest.approx(14 / 64)


def test_groups_by_column_and_for_each_reader():
    by = {"length": "length", "model": "reader", "task": "kind"}
    made = rows(OUTCOMES, Scripted(name="one")) + rows(OUTCOMES, Scripted(name="two"))
    table = comparisons(made, by)
    for reader in ("one", "two"):
        assert table["all", reader, "all"]["n"] == table["32k", reader, "all"]["n"] == 9
        assert table["32k", reader, "location"]["n"] + table["32k", reader, "reasoning"]["n"] == 9
    assert len(table) == 2 * (1 + 1 + 2)


def test_readers_that_are_pooled_are_still_paired_with_themselves():
    """One reader always right by lc, the other by rag: every question is discordant, in both directions."""
    made = rows({"rag": "W" * 10, "lc": "R" * 10}, Scripted(name="one"))
    made += rows({"rag": "R" * 10, "lc": "W" * 10}, Scripted(name="two"))
    table = comparisons(made, {"length": "length"})
    assert (table["all",]["lc_only"], table["all",]["rag_only"]) == (10, 10)


def test_a_group_without_a_common_question_is_told_as_empty():
    table = comparisons(rows({"rag": "FFFFFFFFFF", "lc": "RRRRRRRRRR"}), BY)
    line = table["r", "all"]
    assert (line["n"], line["lc"], line["diff"], line["mcnemar_p"]) == (0, None, None, None)
    assert (line["coverage_lc"], line["coverage_rag"]) == (1.0, 0.0)


# -- answers and scores -----------------------------------------------------------------------------------------------


def test_answers_are_one_row_per_question_route_and_reader():
    frame = answers_frame(rows(), DATA)
    assert frame.height == 40
    assert frame.select("question", "route", "reader").is_unique().all()
    failed = frame.filter(pl.col("status") == "failed")
    assert failed.select("question", "route", "answer", "error").rows() == [("q8", "lc", "", "broke")]
    assert frame["domain"].to_list()[:10] == ["book"] * 6 + ["paper"] * 4
    assert frame["cluster"].to_list()[:10] == list(DOCS)
    assert frame["evidence"].to_list()[0] == [{"doc": "A", "start": 0, "end": 20}]
    assert frame["cites"].to_list()[0] == []
    # The prompt holds characters 0-20 of A: q1's evidence is there, q3's (of B) is not, q0 has none.
    assert frame["gold_kept"].to_list()[:4] == [None, True, None, False]


def test_answers_hold_no_clock_and_no_cost():
    def slower(r: Row) -> Row:
        completions = [replace(c, seconds=9.9) for c in r.transcript.completions]
        return replace(r, transcript=replace(r.transcript, completions=completions))

    slow = [slower(r) for r in rows()]
    one, two = io.BytesIO(), io.BytesIO()
    answers_frame(rows(), DATA).write_parquet(one)
    answers_frame(slow, DATA).write_parquet(two)
    assert one.getvalue() == two.getvalue()
    assert not [c for c in answers_frame(rows(), DATA).columns if "seconds" in c or "money" in c or "cached" in c]


def test_a_truncation_is_on_record():
    reader = Scripted(name="r")
    frame = answers_frame([row("lc", 0, "R", reader, cut_at=7), row("lc", 1, "R", reader)], DATA)
    assert frame.select("truncated", "cut_at", "context_tokens", "kept_tokens").rows() == [
        (True, 7, 50, 20),
        (False, None, 50, 20),
    ]


def test_calls_and_tokens_are_summed_over_a_routes_calls():
    reader = Scripted(name="r", price=Price(1e6, 0.0, 0.0))
    two = [Completion("a", usage=Usage(5, 1), seconds=1.0), Completion("b", usage=Usage(7, 2), seconds=2.0)]
    made = [row("self", 0, "R", reader, completions=two, made=[False, True])]
    assert answers_frame(made, DATA).select("calls", "prompt_tokens", "completion_tokens").rows() == [(2, 12, 3)]
    cost = costs_frame(made, None, DATA.questions).row(0, named=True)  # type: ignore[arg-type]
    assert (cost["intrinsic_seconds"], cost["actual_seconds"]) == (3.0, 2.0)
    assert (cost["intrinsic_money"], cost["actual_money"]) == (12.0, 7.0)


def test_scores_are_long():
    frame = scores_frame(rows())
    assert frame.height == 80
    assert frame.columns == ["question", "route", "reader", "metric", "value", "status"]
    line = frame.filter((pl.col("question") == "q8") & (pl.col("route") == "lc"))
    assert line["value"].to_list() == [None, None]
    assert set(line["status"]) == {"failed"}


def test_evidence_scores():
    question = DATA.questions[1]
    assert evidence_scores(question, [Span("A", 4, 7)]) == {
        "span_recall": pytest.approx(0.5),
        "span_precision": pytest.approx(1.0),
        "evidence_found": 0.0,
    }
    assert evidence_scores(question, [Span("A", 0, 12)])["evidence_found"] == 1.0
    assert set(evidence_scores(DATA.questions[0], []).values()) == {None}


def test_clusters():
    assert cluster_of(DATA.questions[0], DATA) == "A"
    assert cluster_of(replace(DATA.questions[0], cluster="own"), DATA) == "own"
    assert cluster_of(replace(DATA.questions[0], context=()), DATA).startswith("A +3")
    assert cluster_of(Question("q", "?"), Dataset("bare", {}, ())) == ""
