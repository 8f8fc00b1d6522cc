"""K-means against scikit-learn and against its own laws: every point at its nearest centre, no empty cluster."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from retrievers.cluster import KMeans


def blobs(groups: int, each: int, d: int = 8, seed: int = 0, spread: float = 0.05) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((groups, d)) * 3
    truth = rng.permutation(np.repeat(np.arange(groups), each))
    return (centres[truth] + spread * rng.standard_normal((groups * each, d))).astype(np.float32), truth


def inertia(points: Any, labels: Any) -> float:
    points = points.astype(np.float64)
    return sum(float(((points[labels == c] - points[labels == c].mean(axis=0)) ** 2).sum()) for c in np.unique(labels))


def test_separated_groups_are_found_and_numbered_by_first_appearance() -> None:
    points, truth = blobs(6, 30)
    (labels,) = KMeans(k=6, restarts=8).run([{"vectors": points}])
    assert labels.dtype == np.int32
    assert labels.shape == (180,)
    numbers = {g: i for i, g in enumerate(dict.fromkeys(truth.tolist()))}
    assert labels.tolist() == [numbers[g] for g in truth.tolist()]


@pytest.mark.parametrize("seed", range(4))
def test_as_good_as_scikit_learn(seed: int) -> None:
    from sklearn.cluster import KMeans as Peer

    rng = np.random.default_rng(seed)
    points = rng.standard_normal((400, 12)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    ours = inertia(points, KMeans(k=9, seed=seed, restarts=10).labels(points))
    theirs = Peer(9, n_init=10, random_state=seed).fit(points.astype(np.float64)).inertia_
    assert ours <= 1.01 * theirs


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 3), st.integers(1, 5))
def test_laws(n: int, k: int, seed: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, distinct, (n, 2)).astype(np.float32)  # many duplicates
    labels = KMeans(k=k, seed=seed).labels(points)
    kinds = len(np.unique(points, axis=0)) if n else 0
    used = np.unique(labels)
    assert used.tolist() == list(range(min(k, kinds)))
    assert list(dict.fromkeys(labels.tolist())) == used.tolist()
    if n:
        x = points.astype(np.float64)
        centres = np.array([x[labels == c].mean(axis=0) for c in used])
        distances = ((x[:, None] - centres) ** 2).sum(axis=2)
        if len(used) == kinds:
            assert inertia(points, labels) == pytest.approx(0)
        assert np.all(distances[np.arange(n), labels] <= distances.min(axis=1) + 1e-9)
    assert np.array_equal(labels, KMeans(k=k, seed=seed).labels(points))


def test_how_many_clusters() -> None:
    points, _ = blobs(200, 1)

    def count(stage: KMeans) -> int:
        return len(np.unique(stage.labels(points)))

    assert count(KMeans()) == 10  # sqrt(200 / 2)
    assert count(KMeans(size=30)) == 7
    assert count(KMeans(k=500)) == 200
    assert KMeans().labels(points[:1]).tolist() == [0]
    assert KMeans(k=4).labels(np.zeros((5, 3), np.float32)).tolist() == [0] * 5
    assert KMeans().labels(np.zeros((0, 3), np.float32)).shape == (0,)


def test_equal_texts_of_other_batches_are_one_point() -> None:
    rng = np.random.default_rng(0)
    base = rng.standard_normal((2, 384))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    points = (np.repeat(base, 5, axis=0) + 1e-8 * rng.standard_normal((10, 384))).astype(np.float32)
    assert KMeans(k=6).labels(points).tolist() == [0] * 5 + [1] * 5


def test_a_centre_that_loses_its_points_gets_the_farthest_one() -> None:
    from retrievers.cluster import _fill_empty

    labels, distances = np.array([0, 0, 0, 1]), np.array([0.1, 5.0, 0.2, 9.0])
    _fill_empty(labels, distances, 3)
    assert labels.tolist() == [0, 2, 0, 1]  # not the last one: its cluster would be empty then


SCRIPT = (
    "import numpy as np; from retrievers.cluster import KMeans;"
    "x = np.random.default_rng(5).standard_normal((500, 32)).astype('float32');"
    "print(KMeans(k=20, seed=3).labels(x).tolist())"
)


def test_the_same_in_a_fresh_process_and_whatever_else_is_in_the_batch() -> None:
    x = np.random.default_rng(5).standard_normal((500, 32)).astype(np.float32)
    y = np.random.default_rng(6).standard_normal((50, 32)).astype(np.float32)
    stage = KMeans(k=20, seed=3)
    _, labels = stage.run([{"vectors": y}, {"vectors": x}])
    fresh = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    assert str(labels.tolist()) == fresh.strip()
    assert labels.tolist() != KMeans(k=20, seed=4).labels(x).tolist()


def test_refusals() -> None:
    with pytest.raises(UserError, match="both given"):
        KMeans(k=3, size=4)
    with pytest.raises(UserError, match=r"KMeans\.k"):
        KMeans(k=0)
