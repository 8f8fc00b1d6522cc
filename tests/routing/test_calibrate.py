"""Calibration: against scikit-learn, by its laws, and its errors' known values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.routing.calibrate import (
    Knots,
    calibration_error,
    isotonic,
    platt,
    pool_adjacent_violators,
    reliability,
)
from experiments.routing.learn import cross_fitted

lists = st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 4)), min_size=1, max_size=40)


def made(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(true probability, over-confident score, outcome)."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 1, n)
    p = 1 / (1 + np.exp(-logit))
    return p, 1 / (1 + np.exp(-3 * logit)), (rng.random(n) < p).astype(float)


@given(lists)
def test_pool_adjacent_violators_is_scikit_learns(pairs):
    from sklearn.isotonic import isotonic_regression

    values, weights = zip(*pairs, strict=True)
    ours = pool_adjacent_violators(values, weights)
    assert (np.diff(ours) >= 0).all()
    np.testing.assert_allclose(ours, isotonic_regression(values, sample_weight=weights), atol=1e-9)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([i / 7 for i in range(8)]) | st.floats(-3, 3), st.booleans()),
        min_size=1,
        max_size=300,
    )
)
@pytest.mark.parametrize("kind", [isotonic, platt], ids=["isotonic", "platt"])
def test_any_data_give_knots_that_a_policy_file_takes(kind, pairs):
    scores, outcomes = zip(*pairs, strict=True)
    knots = kind(scores, [float(o) for o in outcomes])
    assert 1 <= len(knots.x) == len(knots.y) <= 64
    assert (np.diff(knots.x) > 0).all()
    assert (np.diff(knots.y) >= 0).all()
    assert 0 <= knots.y[0] <= knots.y[-1] <= 1
    assert np.isfinite(knots(scores)).all()


@pytest.mark.parametrize("kind", [isotonic, platt], ids=["isotonic", "platt"])
def test_over_confident_scores_become_honest_held_out(kind):
    p, score, y = made()
    # Platt's curve is the truth for the logit, isotonic regression needs no such luck.
    raw = np.log(score / (1 - score)) if kind is platt else score
    held_out = cross_fitted(lambda train, rest: kind(raw[train], y[train])(raw[rest]), np.arange(len(y)) // 20, 5, 1)
    assert calibration_error(score, y).ece > 0.1
    assert calibration_error(held_out, y).ece < 0.03
    assert np.abs(held_out - p).mean() < 0.04


def test_platt_is_scikit_learns_logistic_regression_without_a_penalty():
    from sklearn.linear_model import LogisticRegression

    _, score, y = made(6000)
    raw = np.log(score / (1 - score))
    model = LogisticRegression(C=1e10, tol=1e-8).fit(raw[:, None], y)
    np.testing.assert_allclose(platt(raw, y)(raw), model.predict_proba(raw[:, None])[:, 1], atol=4e-3)


def test_scores_that_point_the_wrong_way_become_the_mean():
    _, score, y = made()
    for kind in (isotonic, platt):
        np.testing.assert_allclose(kind(-score, y)(score), y.mean(), atol=0.02)


def test_expected_calibration_error_by_hand():
    p = [0.1] * 10 + [0.8] * 10
    y = [1.0] * 3 + [0.0] * 7 + [1.0] * 6 + [0.0] * 4
    error = calibration_error(p, y, bins=2)
    assert (error.bins, error.questions) == (2, 20)
    assert error.ece == pytest.approx(0.2)
    assert error.rms == pytest.approx(np.sqrt((0.04 - 0.21 / 9 + 0.04 - 0.24 / 9) / 2))
    assert calibration_error([0.5] * 20, [1.0, 0.0] * 10, bins=15).bins == 1  # equal scores share one bin


def test_the_debiased_errors_of_honest_probabilities_are_smaller_and_those_of_others_right():
    plain, debiased, square, true = [], [], [], []
    for seed in range(40):
        p, _, y = made(500, seed)
        error, off = calibration_error(p, y), calibration_error(np.clip(p + 0.1, 0, 1), y)
        plain.append(error.ece)
        debiased.append(error.debiased)
        square.append(error.rms**2)
        true.append(off.debiased)
    assert np.mean(plain) > 0.05
    assert np.mean(debiased) < 0.65 * np.mean(plain)
    assert np.mean(square) < 0.2 * np.mean(plain) ** 2
    assert np.mean(true) == pytest.approx(0.1, abs=0.02)


def test_reliability_bins_hold_all_questions_and_their_intervals_the_truth():
    p, _, y = made(3000, seed=4)
    rows = reliability(p, y, [f"d{i // 5}" for i in range(3000)], bins=10)
    assert [r.questions for r in rows] == [300] * 10
    assert [r.predicted for r in rows] == sorted(r.predicted for r in rows)
    assert sum(r.observed * r.questions for r in rows) == pytest.approx(y.sum())
    inside = sum(r.low is not None and r.high is not None and r.low <= r.predicted <= r.high for r in rows)
    assert inside >= 8


def test_knots_are_linear_between_and_level_beyond():
    knots = Knots((0.0, 1.0), (0.2, 0.6))
    assert knots([-1, 0.5, 2]).tolist() == pytest.approx([0.2, 0.4, 0.6])


@pytest.mark.parametrize(
    ("p", "y", "said"),
    [([0.1], [0.1, 0.2], "one score"), ([], [], "one score"), ([np.nan], [1.0], "missing"), ([0.1], [2.0], "lie in")],
    ids=["length", "empty", "nan", "range"],
)
def test_what_cannot_be_calibrated_is_refused(p, y, said):
    with pytest.raises(ValueError, match=said):
        isotonic(p, y)
