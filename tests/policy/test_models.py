"""The models of a policy: known values, slow independent walks, and scikit-learn's own trees with missing values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.models import Constant, Linear, Neighbours, Nodes, Trees, complete


def walked(trees: Trees, x: np.ndarray) -> np.ndarray:
    """The sum of the leaves, one node after another."""
    total = np.zeros(trees.leaf.shape[2])
    for t in range(len(trees.leaf)):
        node = 0
        while node < trees.feature.shape[1]:
            value = x[trees.feature[t, node]]
            left = trees.missing_left[t, node] if np.isnan(value) else value <= trees.threshold[t, node]
            node = 2 * node + (1 if left else 2)
        total += trees.leaf[t, node - trees.feature.shape[1]]
    return total


def test_linear_by_hand_and_with_a_value_not_known():
    model = Linear([1.0, 0.0], [2.0, 1.0], [[1.0, 10.0], [0.0, 1.0]], [0.5, 0.0])
    assert model.factors(np.array([3.0, 2.0]), np.array([7.0, 9.0])).tolist() == [1 + 20 + 0.5, 2.0]
    assert model.factors(np.array([3.0, np.nan]), np.array([7.0, 9.0])).tolist() == [1 + 90 + 0.5, 9.0]


def test_constant():
    assert Constant([1.0, 2.0]).factors(np.zeros(0), np.zeros(0)).tolist() == [1.0, 2.0]


def test_neighbours_average_the_nearest_and_of_equals_the_earlier():
    model = Neighbours([0.0], [2.0], [[1.0], [-1.0], [0.5], [9.0]], [[1.0], [2.0], [4.0], [100.0]], 2)
    # scaled to 0: the third is nearest, the first and second are as far as each other
    assert model.factors(np.array([0.0]), np.zeros(1)).tolist() == [2.5]
    # not known: the filled value is scaled too, to 4
    assert model.factors(np.array([np.nan]), np.array([8.0])).tolist() == [(1.0 + 4.0) / 2]


@pytest.mark.parametrize(
    ("value", "leaf"), [(0.5, 1.0), (0.50001, 2.0), (-1e30, 1.0), (1e30, 2.0), (np.nan, 2.0)], ids=str
)
def test_a_stump_goes_left_at_its_threshold_and_nan_where_it_says(value, leaf):
    stump = Trees([[0]], [[0.5]], [[False]], [[[1.0], [2.0]]])
    assert stump.factors(np.array([value]), np.zeros(1)).tolist() == [leaf]


def test_a_padded_node_sends_every_value_left_and_nan_as_it_says():
    for missing_left in (True, False):
        padded = Trees([[0]], [[np.inf]], [[missing_left]], [[[1.0], [2.0]]])
        assert padded.factors(np.array([1e30]), np.zeros(1)).tolist() == [1.0]
        assert padded.factors(np.array([np.nan]), np.zeros(1)).tolist() == [1.0 if missing_left else 2.0]


def test_trees_of_no_depth_are_their_leaves():
    trees = Trees(np.zeros((2, 0)), np.zeros((2, 0)), np.zeros((2, 0)), [[[1.0, 5.0]], [[2.0, 6.0]]])
    assert trees.depth == 0
    assert trees.factors(np.array([np.nan]), np.zeros(1)).tolist() == [3.0, 11.0]


@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(0, 8), count=st.integers(1, 9), factors=st.integers(1, 3))
def test_trees_equal_a_walk_node_by_node(seed, depth, count, factors):
    rng = np.random.default_rng(seed)
    shape = (count, 2**depth - 1)
    # Few distinct values, so that values meet thresholds.
    threshold = np.where(rng.random(shape) < 0.2, np.inf, rng.integers(-2, 3, shape))
    leaf = rng.integers(-9, 10, (count, 2**depth, factors))
    trees = Trees(rng.integers(0, 5, shape), threshold, rng.random(shape) < 0.5, leaf)
    for _ in range(5):
        x = rng.integers(-2, 3, 5).astype(float)
        x[rng.random(5) < 0.3] = np.nan
        assert trees.factors(x, np.zeros(5)).tolist() == walked(trees, x).tolist()


def test_scikit_learns_boosted_trees_with_missing_values_give_the_same():
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 6))
    y = (np.nan_to_num(x[:, 0] * x[:, 1] + x[:, 2]) > 0).astype(int)
    x[rng.random(x.shape) < 0.15] = np.nan
    learned = HistGradientBoostingClassifier(max_iter=25, max_depth=5, early_stopping=False, random_state=0).fit(x, y)
    nodes = [tree.nodes for (tree,) in learned._predictors]
    trees = complete(
        [
            Nodes(
                left=np.where(n["is_leaf"], -1, n["left"].astype(int)),
                right=np.where(n["is_leaf"], -1, n["right"].astype(int)),
                feature=n["feature_idx"],
                threshold=n["num_threshold"],
                missing_left=n["missing_go_to_left"].astype(bool),
                value=n["value"][:, None],
            )
            for n in nodes
        ]
    )
    assert trees.depth == 5
    bias = float(np.ravel(learned._baseline_prediction)[0])
    ours = [trees.factors(row, np.zeros(6))[0] + bias for row in x[:200]]
    assert np.allclose(ours, learned.decision_function(x[:200]), rtol=0, atol=1e-12)
    assert len({round(v, 6) for v in ours}) > 100


def test_complete_hands_an_early_leaf_down_to_all_below_it():
    early = Nodes(
        *(np.array(a) for a in ([1, -1, -1], [2, -1, -1], [0, 0, 0], [0.0, 0, 0], [0, 0, 0])),
        np.array([[0.0], [1], [2]]),
    )
    deep = Nodes(
        *(
            np.array(a)
            for a in ([1, -1, 3, -1, -1], [2, -1, 4, -1, -1], [0, 0, 1, 0, 0], [0.0, 0, 5, 0, 0], [1, 0, 1, 0, 0])
        ),
        np.array([[0.0], [10], [0], [20], [30]]),
    )
    trees = complete([early, deep])
    assert trees.leaf.shape == (2, 4, 1)
    nan = np.nan
    for x, expected in [([-1, 0], 11), ([1, 5], 22), ([1, 6], 32), ([nan, 6], 12), ([1, nan], 22)]:
        assert trees.factors(np.array(x, float), np.zeros(2)).tolist() == [expected]


def test_no_trees_cannot_be_completed():
    with pytest.raises(ValueError, match="no trees"):
        complete([])


def test_a_models_numbers_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        Constant([1.0]).values[0] = 2.0
