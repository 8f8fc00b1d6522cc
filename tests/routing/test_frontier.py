"""Quality against cost: against brute force, by laws, and by hand."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.routing import frontier
from experiments.routing.frontier import (
    aiq,
    choose,
    complete,
    curve,
    gain,
    headroom_won,
    hull,
    length_rule,
    oracle,
    oracle_curve,
    quality_at,
    regret,
    taken,
)

small = st.integers(0, 20).map(lambda v: v / 20)
clouds = st.lists(st.tuples(small, small), min_size=1, max_size=12)


def world(n: int = 400, routes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(outcomes, cost rising with the route, honest qualities)."""
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 2, (n, routes))
    cost = np.cumsum(rng.uniform(0.5, 2, (n, routes)), axis=1)
    return (rng.random((n, routes)) < p).astype(float), cost, p


def test_choices_by_hand_and_ties_to_the_cheaper():
    p, c = [[0.5, 0.8, 0.9], [0.6, 0.6, 0.6]], [[1, 2, 10]] * 2
    assert choose(p, c, [0.0, 0.05, 1.0]).tolist() == [[2, 1, 0], [0, 0, 0]]


@given(st.integers(0, 50))
def test_a_higher_price_never_costs_more(seed):
    y, c, p = world(60, seed=seed)
    points = curve(y, c, p, [0, 0.01, 0.05, 0.2, 1, 10])
    costs = [q.cost for q in points]
    assert all(b <= a + 1e-12 for a, b in pairwise(costs))
    assert all(sum(q.shares) == pytest.approx(1) for q in points)
    assert points[-1].shares[0] == 1


@given(clouds)
def test_the_hull_lies_above_every_mix_and_only_on_points(points):
    corners = hull(points)
    assert set(corners) <= set(points)
    assert corners == sorted(corners)
    for a, b in product(points, repeat=2):
        for share in (0.0, 0.3, 1.0):
            x, y = (share * u + (1 - share) * v for u, v in zip(a, b, strict=True))
            at = quality_at(corners, x + 1e-9)  # a mix of equal costs may fall a rounding error below them
            assert at is not None
            assert at >= y - 1e-9
    slopes = [(d - b) / (c - a) for (a, b), (c, d) in pairwise(corners)]
    assert all(s > 0 for s in slopes)
    assert all(b < a + 1e-12 for a, b in pairwise(slopes))


def test_hull_and_aiq_by_hand():
    points = [(1, 0.4), (2, 0.45), (3, 0.8), (4, 0.7), (5, 0.9)]
    assert hull(points) == [(1, 0.4), (3, 0.8), (5, 0.9)]
    assert aiq(points, 1, 5) == pytest.approx((2 * 0.6 + 2 * 0.85) / 4)
    assert aiq(points, 1, 7) == pytest.approx((2 * 0.6 + 2 * 0.85 + 2 * 0.9) / 6)  # level beyond its end
    assert aiq(points, 0, 5) == pytest.approx((2 * 0.6 + 2 * 0.85) / 5)  # nothing to be had below its start
    assert aiq(points, 2, 4) == pytest.approx(((0.6 + 0.8) / 2 + (0.8 + 0.85) / 2) / 2)
    assert aiq([(1, 0.5)], 1, 3) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="range"):
        aiq(points, 3, 3)


@given(clouds)
def test_aiq_is_the_area_measured_finely(points):
    corners = hull(points)
    qualities = [quality_at(corners, x) or 0.0 for x in np.linspace(0, 1, 1001)]
    assert aiq(points, 0, 1) == pytest.approx(float(np.mean(qualities)), abs=3e-3)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(2, 3))
def test_the_oracles_curve_is_no_worse_than_any_assignment_and_its_corners_are_reached(seed, n, routes):
    rng = np.random.default_rng(seed)
    y = (rng.random((n, routes)) < 0.5).astype(float)
    c = np.round(np.cumsum(rng.uniform(0.2, 2, (n, routes)), axis=1), 3)
    reached = {}
    for routes_taken in product(range(routes), repeat=n):
        at = float(c[range(n), routes_taken].mean())
        reached[round(at, 9)] = max(reached.get(round(at, 9), 0), float(y[range(n), routes_taken].mean()))
    corners = oracle_curve(y, c)
    for cost, quality in reached.items():
        best = quality_at(corners, cost + 1e-9)
        assert best is not None
        assert best >= quality - 1e-6
    for cost, quality in corners:
        assert any(abs(cost - x) < 1e-6 and abs(quality - q) < 1e-9 for x, q in reached.items())
    assert corners[-1][1] == pytest.approx(y.max(axis=1).mean())
    assert quality_at(corners, corners[0][0] - 0.01) is None


def test_oracle_regret_and_headroom():
    y, c, _ = world()
    best = oracle(y, c)
    assert regret(y, best) == 0
    assert headroom_won(y, best) == pytest.approx(1)
    fixed = int(y.mean(axis=0).argmax())
    always = np.full(len(y), fixed)
    assert headroom_won(y, always) == pytest.approx(0)
    assert regret(y, always) == pytest.approx(y.max(axis=1).mean() - y[:, fixed].mean())
    assert oracle([[1, 1], [0, 0], [0, 1]], [[2, 1], [1, 2], [1, 2]]).tolist() == [1, 0, 1]
    assert np.isnan(headroom_won(np.ones((3, 2)), np.zeros(3, dtype=int)))


def test_repeats_are_averaged_per_question():
    y = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert taken(y, np.array([[0, 1], [1, 1]])).tolist() == [0.5, 1.0]


def test_gain_is_the_clustered_paired_difference_to_the_better_route():
    from pipeline.score.significance import compare

    y, c, p = world(routes=2)
    y[:, 1] = np.maximum(y[:, 1], np.arange(400) % 4 == 0)
    clusters = [f"d{i // 8}" for i in range(400)]
    picked = choose(p, c, [0.0])[:, 0]
    found = gain(y, picked, clusters)
    other = compare(taken(y, picked).tolist(), y[:, 1].tolist(), clusters, True)
    assert (found.against, found.clusters, found.questions) == (1, 50, 400)
    assert (found.gain, found.low, found.high) == (pytest.approx(other.diff), other.ci_low, other.ci_high)
    assert found.low_any is not None and found.low is not None
    assert found.low_any <= found.low


def test_the_gain_against_the_better_of_two_equal_routes_is_told_too_small_not_too_large():
    """Choosing the better route on the same data: the reported gain is below the true one on average."""
    gains, covered = [], 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        y = (rng.random((300, 2)) < 0.5).astype(float)
        skilled = np.where(rng.random(300) < 0.2, y.argmax(axis=1), 0)  # true gain: 0.2 * 0.25
        found = gain(y, skilled, list(range(300)))
        gains.append(found.gain)
        covered += found.low_any is not None and found.low_any <= 0.05
    assert np.mean(gains) < 0.05
    assert covered / 200 >= 0.97 - 0.025


def test_the_length_rule_finds_the_threshold_and_does_not_look_at_the_fold_it_decides():
    rng = np.random.default_rng(1)
    tokens = rng.permutation(np.arange(1000))
    y = np.stack([tokens >= 600, tokens < 600], axis=1).astype(float)
    folds, cost = np.arange(1000) % 5, np.ones((1000, 2))
    picked = length_rule(tokens, y, cost, folds, short=1, long=0)
    assert regret(y, picked) < 0.005
    y[folds == 0] = 1 - y[folds == 0]  # the held fold's own outcomes must not reach its decisions
    again = length_rule(tokens, y, cost, folds, short=1, long=0)
    assert (again[folds == 0] == picked[folds == 0]).all()
    assert regret(y, again) > 0.15


@given(st.integers(0, 300))
def test_the_length_rule_is_the_best_of_all_thresholds(seed):
    rng = np.random.default_rng(seed)
    tokens, y = rng.integers(0, 6, 24), (rng.random((24, 2)) < 0.5).astype(float)
    cost, folds = np.tile([1.0, 3.0], (24, 1)), np.arange(24) % 2
    picked = length_rule(tokens, y, cost, folds, short=0, long=1, weight=0.05)
    for held in (0, 1):
        inside, train = folds == held, folds != held
        value = y - 0.05 * cost
        scores = {
            t: float(np.where(tokens[train] <= t, value[train, 0], value[train, 1]).mean())
            for t in np.arange(-1, 7) + 0.5
        }
        best = [t for t in scores if scores[t] >= max(scores.values()) - 1e-9]
        assert any((np.where(tokens[inside] <= t, 0, 1) == picked[inside]).all() for t in best)


def test_missing_outcomes_are_refused_and_complete_questions_named():
    y = np.array([[1.0, np.nan], [0.0, 1.0]])
    assert complete(y).tolist() == [False, True]
    choices = np.array([0, 0])
    for call in (lambda: regret(y, choices), lambda: gain(y, choices, [1, 2]), lambda: oracle(y, np.ones((2, 2)))):
        with pytest.raises(ValueError, match="1 of 2 questions"):
            call()
    assert taken(y, choices).tolist() == [1, 0]  # what was not needed may be missing
    assert frontier.quality_at([], 1.0) is None
