"""Drift and outcomes: known shares and intervals, a world that moved, and one that did not."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.drift import stability_index, wilson
from pipeline.policy.file import digest_of
from pipeline.policy.models import Constant
from pipeline.policy.monitor import monitor
from pipeline.policy.policy import Head, Policy, RoutePrice, Setting, Step

QUALITY = {"rag": 0.71, "lc": 0.74}


def policy_of(**more):
    line = np.array([0.0, 1.0])
    head = Head(np.eye(2), np.zeros(2), (line, line), (line, line))
    names, n = ("question.words", "document.tokens"), 2
    model = Constant(np.array([0.7, 0.7]))
    step = Step("", names, np.zeros(n), np.array([10.0, 1000.0]), np.ones(n), (model,), {"": head})
    prices = (RoutePrice("rag", 0.0), RoutePrice("lc", 1.0))
    return Policy("p", prices, (step,), (Setting("balanced", {"": 0.0}),), "lc", **more)


POLICY = policy_of()


def lines_of(policy, rows, outcomes=()):
    """A log: rows of (words, tokens, route), and outcomes of the first of them."""
    for i, (words, tokens, route) in enumerate(rows):
        features = {"question.words": words, "document.tokens": tokens}
        row = {"event": "request", "time": 1000.0 + i, "id": f"chatcmpl-{i}", "policy": digest_of(policy)}
        row |= {"features": features, "route": route, "decided": route, "expected": QUALITY}
        yield json.dumps(row | {"reader": "m", "setting": "balanced"})
    for i, outcome in enumerate(outcomes):
        yield json.dumps({"event": "feedback", "id": f"chatcmpl-{i}", "outcome": outcome})


def usual(count, seed=0):
    rng = random.Random(seed)
    return [(rng.uniform(0, 10), rng.uniform(0, 1000), "rag") for _ in range(count)]


def test_a_world_that_did_not_move_is_nothing_to_report():
    rng = random.Random(1)
    outcomes = ["right" if rng.random() < QUALITY["rag"] else "wrong" for _ in range(1000)]
    report = monitor(POLICY, lines_of(POLICY, usual(2000), outcomes))
    assert report.lines == ["nothing to report"]
    assert report.requests == 2000 and report.quality[0].outcomes == 1000


def test_inputs_outside_the_range_are_named_with_their_share_and_when():
    rows = [*usual(500), *((3.0, 5000.0, "lc") for _ in range(500))]
    report = monitor(POLICY, lines_of(POLICY, rows))
    worst = report.outside[0]
    assert (worst.feature, worst.known, worst.outside) == ("document.tokens", 1000, 500)
    assert [p.share for p in report.periods] == [0.0] * 5 + [1.0] * 5
    line = report.alarms[0]
    assert line.startswith("inputs leave the training range: document.tokens in 50 % (trained on 0 to 1000)")
    assert line.endswith("; 0 % of the first requests, 100 % since 1970-01-01 00:31 UTC")


def test_the_margin_of_the_policy_counts_as_inside():
    rows = [(11.0, 1100.0, "rag"), (-1.0, -100.0, "rag"), (11.1, 1101.0, "rag"), (None, None, "rag")]
    report = monitor(POLICY, lines_of(POLICY, rows))
    assert [(o.known, o.outside) for o in report.outside] == [(3, 1), (3, 1)]


def test_quality_below_what_was_expected_is_told_with_its_interval():
    outcomes = ["right"] * 104 + ["wrong"] * 90 + ["declined"] * 6
    report = monitor(POLICY, lines_of(POLICY, usual(400), outcomes))
    assert report.alarms == ["quality of rag is 0.52 [0.45, 0.59], expected 0.71"]


def test_the_last_outcome_of_a_request_counts():
    log = [*lines_of(POLICY, usual(30), ["wrong"] * 30)]
    log += [json.dumps({"event": "feedback", "id": f"chatcmpl-{i}", "outcome": "right"}) for i in range(30)]
    assert monitor(POLICY, log).quality[0].share == 1.0


def test_few_outcomes_say_nothing():
    report = monitor(POLICY, lines_of(POLICY, usual(400), ["wrong"] * 19))
    assert report.alarms == [] and "rag has 19 outcomes, too few to say anything" in report.notes
    assert any("nobody reported outcomes" in n for n in monitor(POLICY, lines_of(POLICY, usual(9))).notes)


@pytest.mark.parametrize(("quality", "gone"), [(0.80, True), (0.55, False)])
def test_the_gain_has_gone_where_the_better_fixed_route_was_better(quality, gone):
    policy = policy_of(held_out=({"reader": "m", "setting": "balanced", "quality": quality, "gain": 0.02},))
    found = monitor(policy, lines_of(policy, usual(400), ["right", "wrong"] * 200)).alarms
    assert any("the gain has gone: setting balanced is right in 0.50" in line for line in found) == gone


def test_a_shift_within_the_range_is_found_in_the_logs_halves():
    rng = random.Random(2)
    rows = usual(1000) + [(rng.uniform(8, 10), rng.uniform(0, 1000), "rag") for _ in range(1000)]
    report = monitor(POLICY, lines_of(POLICY, rows))
    assert report.shifts[0].feature == "question.words" and report.shifts[0].against == "before"
    assert report.alarms[0].startswith("question.words is distributed otherwise than in the log's first half")
    assert len(report.alarms) == 1, "the tokens did not move"


def test_a_feature_that_falls_silent_is_a_shift():
    rows = usual(600) + [(w if i % 2 else None, t, "rag") for i, (w, t, _) in enumerate(usual(600, 3))]
    assert monitor(POLICY, lines_of(POLICY, rows)).shifts[0].index > 0.25


def test_quantiles_of_the_training_are_used_where_they_are_stated():
    edges = [10.0 * k / 5 for k in range(6)]
    policy = policy_of(provenance={"quantiles": {"question.words": edges}})
    same = monitor(policy, lines_of(policy, usual(2000))).shifts
    assert next(s for s in same if s.feature == "question.words").against == "training"
    assert next(s for s in same if s.feature == "question.words").index < 0.02
    narrow = [(1.0 + 0.001 * i, 500.0, "rag") for i in range(900)]
    assert "otherwise than in training" in monitor(policy, lines_of(policy, narrow)).alarms[0]


def test_equal_quantiles_are_one_bin():
    policy = policy_of(provenance={"quantiles": {"question.words": [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]}})
    rng = random.Random(4)
    rows = [(0.0 if rng.random() < 0.7 else 1.0, 500.0, "rag") for _ in range(2000)]
    found = next(s for s in monitor(policy, lines_of(policy, rows)).shifts if s.feature == "question.words")
    assert found.index < 0.1


def test_lines_of_another_policy_and_broken_ones_are_counted():
    other = policy_of(provenance={"seed": 2})
    log = [*lines_of(POLICY, usual(5)), *lines_of(other, usual(3)), '{"event": "requ', "[]", ""]
    report = monitor(POLICY, log)
    assert report.requests == 5
    assert "3 lines are another policy's and are left out" in report.notes
    assert "2 lines cannot be read and are left out" in report.notes
    assert monitor(POLICY, []).lines == ["nothing to report", "the log holds no decision of this policy"]


def test_wilson_is_the_published_interval():
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    published = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    for hits, n, low, high in published:
        assert np.allclose(wilson(hits, n), (low, high), atol=5e-5)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=2, max_size=12))
def test_the_stability_index_is_symmetric_and_never_negative(pairs):
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    assert math.isclose(stability_index(a, b), stability_index(b, a), abs_tol=1e-12)
    assert stability_index(a, b) >= 0.0 and stability_index(a, [3 * x for x in a]) < 1e-12


def test_the_stability_index_of_a_worked_example():
    # Shares 0.5, 0.5 against 0.8, 0.2: 0.3 ln 1.6 + 0.3 ln 2.5.
    assert math.isclose(stability_index([50, 50], [80, 20]), 0.3 * math.log(1.6) + 0.3 * math.log(2.5))
