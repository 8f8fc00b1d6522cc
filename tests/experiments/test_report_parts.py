"""The report's sentences and counts are true of the numbers: verdicts, excerpts, positions, agreement, headroom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.plots_plane import Bin
from experiments.report_findings import kinds, outcomes, position, retrieval, spending
from experiments.report_questions import GOLD, LEFT_OUT, PLAIN, as_json, excerpt
from experiments.report_study import Agreement, Arm, Estimate, Study, position_bins
from experiments.report_verdict import brackets, difference, headroom, thrift, verdict
from experiments.report_words import listed, number, p_value, points, quantity, times
from pipeline.core.records import Dataset, Document, Question, Span
from pipeline.score.significance import oracle_regret

CODES = {"r": "right", "w": "wrong", "d": "declined", "f": "failed"}


def plain(words: str) -> str:
    return words.replace("\u00a0", " ").replace("\u2212", "-")


def arm(
    route: str = "rag",
    diff: tuple[float, float, float] | None = None,
    p: float | None = None,
    *,
    raw: float | None = None,
    mean: float = 0.5,
    failed: int = 0,
    tokens: float | None = None,
) -> Arm:
    estimate = Estimate(*diff) if diff else Estimate(None)
    return Arm(
        "r", route, Estimate(mean, mean - 0.1, mean + 0.1), estimate, p if raw is None else raw, p,
        counts=(10, 5, 3, failed), prompt_tokens=tokens,
    )  # fmt: skip


def study(
    outcomes: Mapping[str, str] | None = None,
    arms: Sequence[Arm] = (),
    *,
    questions: Sequence[Question] = (),
    documents: Sequence[Document] = (),
    controls: Sequence[str] = (),
    kinds: Sequence[str] | None = None,
) -> Study:
    """One reader `r`, baseline lc; `outcomes` gives each route one letter per question."""
    marks = {
        ("r", route): {str(i): CODES[c] for i, c in enumerate(letters) if c in CODES}
        for route, letters in (outcomes or {}).items()
    }
    n = max((len(v) for v in (outcomes or {}).values()), default=0)
    asked = tuple(questions) or tuple(Question(str(i), "?") for i in range(n))
    routes = [a.route for a in arms] or list(outcomes or {})
    known = {("r", a.route): a for a in arms} or {key: Arm("r", key[1]) for key in marks}
    return Study(
        title="t",
        baseline="lc",
        readers=("r",),
        routes=tuple(r for r in routes if r not in controls) + tuple(controls),
        controls=frozenset(controls),
        arms=known,
        outcomes=marks,
        found={},
        answers={"question": [q.id for q in asked], "kind": list(kinds or [""] * len(asked))},
        costs={},
        dataset=Dataset("d", {d.id: d for d in documents}, asked),
    )


LC = arm("lc", mean=0.5, tokens=10_000)


@pytest.mark.parametrize(
    ("diff", "p", "raw", "said"),
    [
        ((0.063, 0.01, 0.116), 0.02, 0.01,
         "rag is better than lc by 6.3 points (95 % interval 1.0 to 11.6; p = 0.02 after Holm)."),
        ((-0.063, -0.116, -0.01), 0.0004, 0.0002,
         "rag is worse than lc by 6.3 points (95 % interval 1.0 to 11.6; p < 0.001 after Holm)."),
        ((0.02, -0.03, 0.07), 0.4, 0.2,
         "The difference between rag and lc is within noise (+2.0 points, 95 % interval -3.0 to 7.0; p = 0.40 after "
         "Holm)."),
        ((-0.05, -0.09, -0.01), 0.09, 0.03,
         "rag scores 5.0 points below lc, but this is not settled: among as many comparisons as were made, chance "
         "alone can give this (95 % interval 1.0 to 9.0; p = 0.09 after Holm)."),
        ((0.05, 0.01, 0.09), 0.09, 0.09,
         "rag scores 5.0 points above lc, but this is not settled: the interval leaves zero out, but the paired test "
         "does not bear it out (95 % interval 1.0 to 9.0; p = 0.09 after Holm)."),
        ((0.05, -0.01, 0.11), 0.01, 0.01,
         "rag scores 5.0 points above lc, but this is not settled: the interval, which allows for questions of one "
         "document being alike, holds zero (95 % interval -1.0 to 11.0; p = 0.01 after Holm)."),
        ((0.0, -0.05, 0.05), 1.0, 1.0,
         "The difference between rag and lc is within noise (0.0 points, 95 % interval -5.0 to 5.0; p = 1.00 after "
         "Holm)."),
    ],
)  # fmt: skip
def test_a_difference_is_called_what_test_and_interval_say(
    diff: tuple[float, float, float], p: float, raw: float, said: str
) -> None:
    assert plain(difference(arm("rag", diff, p, raw=raw), LC)) == said


@given(
    st.floats(-0.5, 0.5), st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0, 1), st.integers(0, 3)
)  # fmt: skip
def test_better_and_worse_are_said_only_where_both_hold(
    mean: float, below: float, above: float, p: float, failed: int
) -> None:
    low, high = mean - below, mean + above
    a = arm("rag", (mean, low, high), p, failed=failed)
    said = difference(a, LC)
    assert ("rag is better than lc" in said) == (mean > 0 and low > 0 and p < 0.05)
    assert ("rag is worse than lc" in said) == (mean < 0 and high < 0 and p < 0.05)
    assert ("on the questions that both answered" in said) == (failed > 0)


def test_failures_that_forbid_a_comparison_are_named() -> None:
    assert difference(arm("rag", failed=3), LC) == "rag and lc are not compared: 3 and 0 of their answers failed."


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ([], "lc answers 50.0 % right; there is no other route to compare it with."),
        ([arm("a", (0.1, 0.05, 0.15), 0.001), arm("b", (0.2, 0.1, 0.3), 0.001), arm("c", (0.3, -0.1, 0.7), 0.2)],
         "b is better than lc by 20.0 points (95 % interval 10.0 to 30.0; p = 0.001 after Holm). "
         "2 of 3 routes are reliably better than lc."),
        ([arm("a", (-0.1, -0.2, 0.0), 0.2), arm("b", (0.02, -0.1, 0.14), 0.9), arm("c", failed=2)],
         "No route is reliably better than lc. The difference between b and lc is within noise (+2.0 points, "
         "95 % interval -10.0 to 14.0; p = 0.90 after Holm). 1 other was not compared."),
        ([arm("a", (-0.1, -0.2, -0.05), 0.01), arm("b", (-0.3, -0.4, -0.2), 0.001)],
         "lc is better than every other route. The nearest: a is worse than lc by 10.0 points (95 % interval 5.0 to "
         "20.0; p = 0.01 after Holm)."),
        ([arm("a", failed=2)],
         "No route was compared with lc. a and lc are not compared: 2 and 0 of their answers failed."),
    ],
)  # fmt: skip
def test_the_verdict(arms: list[Arm], said: str) -> None:
    assert plain(verdict(study({"lc": "rw"}, [LC, *arms]))) == said


def test_a_control_never_wins() -> None:
    arms = [LC, arm("rag", (-0.1, -0.2, -0.05), 0.01), arm("oracle", (0.4, 0.3, 0.5), None, mean=0.9)]
    s = study({"lc": "r"}, arms, controls=["oracle"])
    assert "oracle" not in verdict(s)
    assert "oracle" not in thrift(s, "r")


def test_the_verdict_of_many_readers_counts_them() -> None:
    arms = {}
    for i, (mean, p) in enumerate([(0.1, 0.001), (0.2, 0.001), (-0.1, 0.001), (0.02, 0.5)]):
        arms[f"r{i}", "lc"] = Arm(f"r{i}", "lc", Estimate(0.5))
        arms[f"r{i}", "rag"] = Arm(f"r{i}", "rag", Estimate(0.5), Estimate(mean, mean - 0.05, mean + 0.05), p, p)
    base = study({"lc": "r", "rag": "r"})
    many = Study(**{**base.__dict__, "readers": ("r0", "r1", "r2", "r3"), "arms": arms})
    assert plain(verdict(many)) == (
        "Of 4 readers, rag against lc is reliably better for 2, reliably worse for 1 and not settled for 1: "
        "+5.5 points on average."
    )


def test_thrift_names_the_cheapest_that_is_not_reliably_worse() -> None:
    arms = [LC, arm("tiny", (-0.3, -0.4, -0.2), 0.001, tokens=100), arm("small", (-0.02, -0.1, 0.06), 0.6, tokens=800),
            arm("mid", (0.05, -0.1, 0.2), 0.6, tokens=4000)]  # fmt: skip
    assert plain(thrift(study({"lc": "r"}, arms), "r")) == (
        "small reads 800 prompt tokens per question, 8 % of those of lc, and is not reliably worse (-2.0 points, 95 % "
        "interval -10.0 to 6.0; p = 0.60 after Holm)."
    )
    assert "Every route that reads fewer tokens than lc" in thrift(study({"lc": "r"}, arms[:2]), "r")


@given(st.lists(st.tuples(*[st.sampled_from("rwdf")] * 3), min_size=1, max_size=30))
def test_headroom_is_the_regret_of_the_best_route_on_shared_questions(rows: list[tuple[str, ...]]) -> None:
    letters = dict(zip(("lc", "a", "b"), map("".join, zip(*rows, strict=True)), strict=True))
    said = plain(headroom(study(letters), "r"))
    shared = [row for row in rows if "f" not in row]
    if not shared:
        assert said == ""
        return
    scores = {r: [float(row[i] == "r") for row in shared] for i, r in enumerate(("lc", "a", "b"))}
    regret = oracle_regret(scores)
    best = min(regret.values())
    rate = sum("r" in row for row in shared) / len(shared)
    assert f"right on {100 * rate:.1f} %" in said
    assert f", {plain(points(best))} points more than" in said
    assert ("that all routes answered" in said) == (len(shared) < len(rows))


@given(st.lists(st.tuples(st.sampled_from("rwdfu"), st.sampled_from("rwdfu")), min_size=1, max_size=30))
def test_agreement_counts_the_questions_that_both_answered(rows: list[tuple[str, str]]) -> None:
    letters = {"lc": "".join(r[0] for r in rows), "rag": "".join(r[1] for r in rows)}
    both = [(a == "r", b == "r") for b, a in rows if not {a, b} & {"f", "u"}]
    expected = Agreement(
        both.count((True, True)), both.count((True, False)), both.count((False, True)), both.count((False, False))
    )
    assert study(letters).agreement("r", "rag") == expected


def test_brackets_say_where_the_oracle_is_no_ceiling() -> None:
    arms = [arm("lc", mean=0.8), arm("closed_book", mean=0.1), arm("oracle", mean=0.7)]
    s = study({"lc": "r"}, arms, controls=["closed_book", "oracle"])
    assert plain(brackets(s, "r")) == (
        "Without documents the reader gets 10.0 % right and with the gold evidence alone 70.0 %. The best route, at "
        "80.0 %, lies above that: chance, or help from other text."
    )
    blind = study({"lc": "r"}, [arm("lc", mean=0.1), arm("closed_book", mean=0.1)], controls=["closed_book"])
    assert plain(brackets(blind, "r")) == (
        "Without documents the reader gets 10.0 % right. No route scores above the reader without documents."
    )


def test_outcomes_name_the_one_that_declines_and_the_one_that_fails() -> None:
    a, b = Arm("r", "a", counts=(5, 2, 3, 0)), Arm("r", "b", counts=(9, 0, 1, 0))
    control = Arm("r", "c", counts=(1, 1, 7, 1))
    said = plain(outcomes([a, b], [a, b, control]))
    assert said == (
        "Of the routes to choose from, a declines most often: 30.0 % of the questions. Most failures: c, 1 answers "
        "(10.0 %)."
    )
    never = Arm("r", "a", counts=(5, 2, 0, 0))
    assert (
        outcomes([never], [never]) == "No route to choose from declined where an answer was wanted. No answer failed."
    )


def test_kinds_speak_only_of_groups_large_enough() -> None:
    letters = {"lc": "r" * 12 + "w" * 3, "rag": "r" * 9 + "w" * 3 + "r" * 3}
    s = study(letters, kinds=["big"] * 12 + ["tiny"] * 3)
    said = plain(kinds(s, s.groups("kind"), "questions of kind"))
    assert said.startswith(
        "The widest gap to lc is on questions of kind “big”: rag gets 75.0 % right (n 12), lc 100.0 % (n 12)."
    )


def test_groups_stand_in_natural_order() -> None:
    s = study({"lc": "rrr"}, kinds=["128k", "32k", "8k"])
    assert list(s.groups("kind")) == ["8k", "32k", "128k"]


def test_position_speaks_of_an_effect_only_where_intervals_lie_apart() -> None:
    flat = [Bin(0.5, 0.3, 0.7, 10), Bin(0.6, 0.4, 0.8, 10)]
    steep = [Bin(0.9, 0.8, 0.95, 40), Bin(None, None, None, 0), Bin(0.5, 0.3, 0.7, 12)]
    assert "no effect of position shows" in position([("lc", flat)])
    said = plain(position([("lc", steep), ("rag", flat)]))
    assert said.startswith("lc: part 1 of 3 (90.0 %, n 40) lies clearly above part 3 (50.0 %, n 12).")
    assert "rag" not in said


def test_retrieval_sets_those_that_show_everything_apart() -> None:
    def with_found(route: str, rate: float) -> Arm:
        return Arm("r", route, retrieval={"evidence_found": Estimate(rate)})

    arms = [with_found("lc", 1.0), with_found("bm25", 0.7), with_found("hybrid", 0.8)]
    said = plain(retrieval(arms, {"hybrid": ((0.9, 40), (0.3, 10))}))
    assert said == (
        "Where the gold evidence is known, lc shows the reader all of it on every question. Of the others, hybrid "
        "shows all of it most often, on 80.0 % of the questions. There, the reader is right on 90.0 % with all of it "
        "(n 40), and on 30.0 % without (n 10)."
    )


def test_spending_tells_what_was_remembered() -> None:
    assert plain(spending(400.0, 100.0, money=False)) == (
        "All calls to the readers together take 400 seconds when none is remembered; this run spent 100 seconds on "
        "them (25.0 %)."
    )
    assert "made none of them" in spending(400.0, 0.0, money=True)
    assert spending(0.0, 0.0, money=True) == ""


def test_positions_of_evidence_in_contexts_of_several_documents() -> None:
    documents = [Document("a", "x" * 100), Document("b", "y" * 300), Document("c", None)]
    questions = [
        Question("first", "?", ("a", "b"), evidence=(Span("a", 0, 10),)),
        Question("middle", "?", ("a", "b"), evidence=(Span("b", 120, 140),)),  # 230 of 400
        Question("last", "?", ("a", "b"), evidence=(Span("b", 290, 300),)),
        Question("alone", "?", (), evidence=(Span("b", 290, 300),)),
        Question("two places", "?", ("a", "b"), evidence=(Span("a", 0, 10), Span("b", 290, 300))),
        Question("one place twice", "?", ("a", "b"), evidence=(Span("a", 0, 10), Span("a", 20, 30))),
        Question("absent", "?", ("c",), evidence=(Span("c", 0, 10),)),
        Question("elsewhere", "?", ("a",), evidence=(Span("b", 0, 10),)),
        Question("none", "?", ("a",)),
    ]
    parts, outside = position_bins(study(questions=questions, documents=documents), 4)
    assert parts == [["first", "one place twice"], [], ["middle"], ["last", "alone"]]
    assert outside == 3


@given(
    st.text(min_size=1, max_size=400), st.integers(0, 400), st.integers(0, 400),
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 80)), max_size=4), st.integers(30, 300),
)  # fmt: skip
def test_an_excerpt_is_the_text_with_its_gaps_counted_and_its_gold_marked(
    text: str, a: int, b: int, golds: list[tuple[int, int]], cap: int
) -> None:
    start, end = min(a, b), max(a, b)
    start = min(start, len(text))
    spans = [(s, s + n) for s, n in golds]
    at, shown = start, 0
    for piece, kind in excerpt(text, start, end, spans, cap):
        if kind == LEFT_OUT:
            at += int(piece)
            continue
        assert text[at : at + len(piece)] == piece
        inside = {any(s <= i < e for s, e in spans) for i in range(at, at + len(piece))}
        assert inside == {kind == GOLD}
        assert kind in (PLAIN, GOLD)
        at += len(piece)
        shown += len(piece)
    assert at == min(end, len(text))
    assert shown <= max(cap, 0) + 1


def test_a_long_stretch_shows_its_gold() -> None:
    text = "a" * 5000 + "GOLD" + "b" * 5000
    pieces = excerpt(text, 0, len(text), [(5000, 5004)], 600)
    assert ("GOLD", GOLD) in pieces
    assert sum(len(p) for p, kind in pieces if kind != LEFT_OUT) <= 600


def test_json_cannot_end_its_script_element() -> None:
    raw = as_json({"x": "</script><!--\u2028&\u2029"})
    assert not set("<>&\u2028\u2029") & set(raw)


@pytest.mark.parametrize(
    ("p", "shown"),
    [(0.0001, "< 0.001"), (0.001, "= 0.001"), (0.0123, "= 0.01"), (0.049, "= 0.049"), (0.04999, "= 0.04999"),
     (0.05, "= 0.05"), (0.051, "= 0.05"), (1.0, "= 1.00")],
)  # fmt: skip
def test_p_values_are_never_rounded_across_the_line(p: float, shown: str) -> None:
    assert p_value(p) == shown


@given(st.floats(0.001, 1))
def test_a_printed_p_value_is_on_the_same_side_of_the_line(p: float) -> None:
    assert (float(p_value(p).removeprefix("= ")) < 0.05) == (p < 0.05)


def test_words_for_numbers() -> None:
    assert plain(points(-0.0004, sign=True)) == "0.0"
    assert plain(points(-0.021, sign=True)) == "-2.1"
    assert plain(number(12345.4)) == "12 345"
    assert [plain(quantity(v)) for v in (0, 0.00004, 0.0004, 1.239, 999.9, 12345)] == [
        "0", "0.00004", "0.0004", "1.24", "1 000", "12 345",
    ]  # fmt: skip
    assert [plain(times(r)) for r in (0.004, 0.14, 1.0, 1.42, 30)] == [
        "0.4 % of", "14 % of", "about as many as", "1.4 times", "30 times",
    ]  # fmt: skip
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
