"""Position arithmetic against toy values worked out by hand, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrievers.position_ids import (
    grouped_ids,
    interpolated_positions,
    ntk_factors,
    recurrent_ids,
    self_extend_distances,
    self_extend_group,
    stretch_factor,
)


def test_toy_lengths() -> None:
    assert grouped_ids(10, 4).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert recurrent_ids(10, 4).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert interpolated_positions(8, 4).tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert stretch_factor(8, 4) == 2 and stretch_factor(9, 4) == 3 and stretch_factor(4, 4) == 1


@given(st.integers(1, 300), st.integers(1, 40))
def test_positions_stay_within_the_trained_ones(length: int, trained: int) -> None:
    for ids in (grouped_ids(length, trained), recurrent_ids(length, trained)):
        assert ids.min() == 0 and ids.max() < trained
    between = interpolated_positions(length, trained)
    assert between[0] == 0 and between[-1] < trained and (np.diff(between) > 0).all()
    if length <= trained:
        plain = list(range(length))
        assert grouped_ids(length, trained).tolist() == recurrent_ids(length, trained).tolist() == plain
        assert between.tolist() == plain


def test_ntk_is_a_larger_base() -> None:
    pairs, base, factor = 32, 10_000.0, 4.0
    d = 2 * pairs
    plain = base ** (-np.arange(0, d, 2) / d)
    larger = (base * factor ** (d / (d - 2))) ** (-np.arange(0, d, 2) / d)
    assert np.allclose(plain * ntk_factors(pairs, factor), larger, rtol=1e-12)
    assert ntk_factors(pairs, factor)[0] == 1 and ntk_factors(pairs, factor)[-1] == pytest.approx(1 / factor)


def test_self_extend_toy() -> None:
    # near 2, groups of 2: a shift of 2 - 2 // 2 = 1 joins the grouped distances to the exact ones.
    assert self_extend_distances(6, 2, 2)[5].tolist() == [3, 3, 2, 2, 1, 0]
    assert self_extend_distances(6, 2, 2)[0].tolist() == [0, -1, -2, -2, -3, -3]


@given(st.integers(1, 120), st.integers(2, 40), st.data())
def test_self_extend_distances(length: int, trained: int, data: st.DataObject) -> None:
    near = data.draw(st.integers(1, trained - 1))
    group = self_extend_group(length, trained, near)
    seen = self_extend_distances(length, near, group)
    exact = np.arange(length)[:, None] - np.arange(length)[None]
    assert (np.abs(seen) < trained).all()
    assert (seen == -seen.T).all() and (np.sign(seen) == np.sign(exact)).all()
    assert (seen[np.abs(exact) < near] == exact[np.abs(exact) < near]).all()
    if group > 1:  # one less would not have fitted
        smaller = group - 1
        assert (length - 1) // smaller + near - near // smaller >= trained


def test_a_neighbour_window_must_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        self_extend_group(100, 8, 8)
