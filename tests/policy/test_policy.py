"""The decision: quality less price, ties, calibration, the outside rule, readers, cascades, and the reason in words."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.policy.models import Constant, Linear
from pipeline.policy.policy import Head, Policy, RoutePrice, Setting, Step

PLAIN = ((0.0, 1.0), (0.0, 1.0))


def head(rag: float, lc: float, slope: float = 0.0) -> Head:
    """Qualities of the two routes, that of lc rising with the one factor."""
    return Head([[0.0], [slope]], [rag, lc], PLAIN, PLAIN)


def step(after: str = "", readers: dict[str, Head] | None = None, **changed: object) -> Step:
    given: dict[str, object] = {
        "after": after,
        "features": ("document.tokens", "question.words"),
        "low": [1000.0, 5.0],
        "high": [11_000.0, 15.0],
        "fill": [5000.0, 10.0],
        "models": (Linear([0.0, 10.0], [1.0, 5.0], [[0.0, 1.0]], [0.0]),),
        "readers": readers or {"": head(0.6, 0.7, 0.1), "strong": head(0.6, 0.9)},
    }
    return Step(**(given | changed))


def policy(**changed: object) -> Policy:
    given: dict[str, object] = {
        "name": "p",
        "routes": (RoutePrice("rag", 0.01), RoutePrice("lc", 0.0, 0.01)),
        "steps": (step(), step("rag", {"": head(0.5, 0.7)})),
        "settings": (
            Setting("balanced", {"": 1.0, "strong": 10.0}),
            Setting("free", {"": 0.0}),
            Setting("cascade", {"": 1.0}, start="rag", cascade=True),
            Setting("open", {"": 1.0}, cascade=True),
        ),
        "fallback": "lc",
    }
    return Policy(**(given | changed))


ASKED = {"document.tokens": 4000.0, "question.words": 10.0}


def test_value_is_quality_less_weight_times_price():
    d = policy().decide(ASKED)
    assert d.expected == pytest.approx({"rag": 0.6, "lc": 0.7})
    assert d.price == pytest.approx({"rag": 0.01, "lc": 0.04})
    assert d.value == pytest.approx({"rag": 0.59, "lc": 0.66})
    assert (d.route, d.outside, d.fell_back, d.step, d.final) == ("lc", (), False, 0, True)


def test_longer_documents_make_the_dear_route_lose():
    assert policy().decide(ASKED | {"document.tokens": 10_500.0}, setting="balanced").route == "lc"
    dear = policy(routes=(RoutePrice("rag", 0.01), RoutePrice("lc", 0.0, 0.02)))
    assert dear.decide(ASKED | {"document.tokens": 10_500.0}).route == "rag"
    assert dear.decide(ASKED | {"document.tokens": 10_500.0}, setting="free").route == "lc"


def test_unknown_tokens_cost_what_the_mean_document_does():
    assert policy().decide({"question.words": 10.0}).price["lc"] == pytest.approx(0.05)
    assert policy().decide(ASKED | {"document.tokens": float("nan")}).price["lc"] == pytest.approx(0.05)


def test_a_reader_has_its_own_head_and_weight_and_one_never_seen_the_common():
    known = policy().decide(ASKED, reader="strong")
    assert known.expected == pytest.approx({"rag": 0.6, "lc": 0.9})
    assert known.value["lc"] == pytest.approx(0.9 - 10 * 0.04)
    assert policy().decide(ASKED, reader="new") == policy().decide(ASKED)


def test_of_equal_values_the_cheaper_is_taken_whatever_its_place():
    alike = {"": head(0.5, 0.5)}
    for prices in ((0.1, 0.2), (0.2, 0.1)):
        routes = tuple(RoutePrice(n, p) for n, p in zip(("rag", "lc"), prices, strict=True))
        chosen = policy(routes=routes, steps=(step(readers=alike),)).decide(ASKED, setting="free")
        assert chosen.route == ("rag" if prices[0] < prices[1] else "lc")


def test_calibration_is_the_line_between_knots_and_flat_beyond():
    xs, ys = [-1.0, 0.0, 2.0], [0.1, 0.5, 0.6]
    raws = np.linspace(-3, 4, 29)
    for raw in raws:
        one = Head([[0.0]], [raw], (xs,), (ys,))
        assert one.qualities([1.0]) == pytest.approx([np.interp(raw, xs, ys)], abs=1e-15)
    assert Head([[0.0]], [7.0], ([0.0],), ([0.25],)).qualities([1.0]) == [0.25]


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=2), st.floats(0, 20), st.floats(0, 20))
def test_a_higher_price_weight_never_makes_the_answer_dearer(qualities, low, high):
    low, high = sorted((low, high))
    heads = {"": Head([[0.0], [0.0]], qualities, ((-5.0, 5.0),) * 2, PLAIN)}
    settings = (Setting("low", {"": low}), Setting("high", {"": high}))
    p = policy(steps=(step(readers=heads),), settings=settings)
    one, other = (p.decide(ASKED, setting=s) for s in ("low", "high"))
    assert other.price[other.route] <= one.price[one.route]


# -- outside the training range ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "far"), [(12_000.0, False), (12_001.0, True), (0.0, False), (float("inf"), True)], ids=str
)
def test_a_tenth_of_the_range_beyond_its_ends_is_inside(tokens, far):
    d = policy(fallback="rag").decide(ASKED | {"document.tokens": tokens}, setting="free")
    assert (d.fell_back, d.outside) == ((True, ("document.tokens",)) if far else (False, ()))
    assert d.route == ("rag" if far else "lc")


def many(count: int) -> Policy:
    names = ("document.tokens", *(f"question.f{i}" for i in range(count - 1)))
    zeros, ones = np.zeros(count), np.ones(count)
    one = Step("", names, zeros, ones, ones / 2, (Constant([0.0]),), {"": head(0.1, 0.9)})
    return policy(steps=(one,), fallback="rag")


@pytest.mark.parametrize(("wrong", "far"), [(1, False), (2, False), (3, True)], ids=str)
def test_more_than_a_tenth_of_the_known_features_outside_means_the_fallback(wrong, far):
    names = [f"question.f{i}" for i in range(19)]
    d = many(20).decide({"document.tokens": 0.5} | dict.fromkeys(names, 0.5) | dict.fromkeys(names[:wrong], 2.0))
    assert d.outside == tuple(names[:wrong])
    assert (d.fell_back, d.route) == (far, "rag" if far else "lc")


def test_features_not_known_do_not_count_among_the_known():
    d = many(20).decide({"document.tokens": 0.5, "question.f0": 0.5, "question.f1": 2.0, "question.f2": float("nan")})
    assert d.fell_back
    assert d.reason == "rag: the fallback, as question.f1 is outside the training range"


def test_with_no_feature_known_the_fallback_is_taken():
    d = policy().decide({"other.thing": 1.0})
    assert (d.route, d.fell_back, d.reason) == ("lc", True, "lc: the fallback, as no feature is known")


def test_a_policy_that_uses_no_feature_is_never_outside():
    fixed = Step("", (), [], [], [], (Constant([0.0]),), {"": head(0.2, 0.3)})
    d = policy(steps=(fixed,)).decide({})
    assert (d.route, d.fell_back) == ("lc", False)
    assert d.price["lc"] == 0.0


# -- steps ------------------------------------------------------------------------------------------------------------


def test_a_start_goes_first_and_the_second_step_may_escalate_or_keep():
    first = policy().decide(ASKED, setting="cascade")
    assert (first.route, first.final, first.step) == ("rag", False, -1)
    second = policy().decide(ASKED, setting="cascade", after="rag")
    assert (second.route, second.final, second.step) == ("lc", True, 1)
    assert second.price == pytest.approx({"rag": 0.0, "lc": 0.04})
    kept = policy(steps=(step(), step("rag", {"": head(0.68, 0.7)}))).decide(ASKED, setting="cascade", after="rag")
    assert (kept.route, kept.final) == ("rag", True)


def test_a_cascade_without_a_start_is_final_unless_a_step_follows_the_route():
    assert policy().decide(ASKED, setting="open").final  # lc, and no step after lc
    cheap = policy(steps=(step(readers={"": head(0.9, 0.1)}), step("rag", {"": head(0.5, 0.7)})))
    assert not cheap.decide(ASKED, setting="open").final
    assert cheap.decide(ASKED, setting="balanced").final
    assert cheap.decide(ASKED | {"document.tokens": 1e9}, setting="open").final


def test_a_policy_may_decide_after_an_answer_alone():
    later = policy(steps=(step("rag", {"": head(0.5, 0.7)}),))
    first = later.decide(ASKED, setting="cascade")
    assert (first.route, first.expected, first.final) == ("rag", {}, False)
    with pytest.raises(UserError, match="no step after ''"):
        later.decide(ASKED)


def test_what_the_policy_does_not_have_is_refused_with_what_it_has():
    with pytest.raises(UserError, match="no setting 'balancd'"):
        policy().decide(ASKED, setting="balancd")
    with pytest.raises(UserError, match="It has steps after: '', 'rag'"):
        policy().decide(ASKED, after="lc")


# -- reasons ----------------------------------------------------------------------------------------------------------


def test_reasons_name_what_was_weighed():
    assert policy().decide(ASKED).reason == "lc: expected 0.70 against 0.60 of rag, which costs 25 % of it"
    dear = policy(routes=(RoutePrice("rag", 0.01), RoutePrice("lc", 0.0, 0.1)))
    assert dear.decide(ASKED).reason == "rag: expected 0.60 against 0.70 of lc, which costs 40.0 times as much"
    assert policy().decide(ASKED, setting="cascade").reason == "rag: always asked first in this setting"
    again = policy().decide(ASKED, setting="cascade", after="rag")
    assert again.reason == "lc: expected 0.70 against 0.50 of the answer that rag gave"
    kept = dear.decide(ASKED, setting="cascade", after="rag").reason
    assert (
        kept == "rag: its answer is kept, expected to be right with 0.50 against 0.70 of lc at a further price of 0.4"
    )


def test_a_single_route_says_so():
    one = Step("", (), [], [], [], (Constant([0.0]),), {"": Head([[0.0]], [0.5], PLAIN[:1], PLAIN[:1])})
    assert policy(routes=(RoutePrice("lc", 1.0),), steps=(one,)).decide({}).reason == "lc: the only route"


def test_an_example_keeps_what_the_decision_looked_at_and_replays():
    example = policy().example(ASKED | {"probe.margin": 3.0}, reader="strong")
    assert example.features == ASKED
    assert (example.reader, example.setting, example.after) == ("strong", "balanced", "")
    assert policy().decide(example.features, reader="strong").route == example.route


def test_the_evaluator_loads_no_heavy_library():
    script = (
        "import sys, pipeline.policy.policy, pipeline.policy.file\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'pydantic', 'polars', 'transformers', 'yaml', 'typer'}\n"
        "print(sorted(heavy & set(sys.modules)), 'numpy' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[] True"
