"""Top-k with stable ties against sorting; rebuilding once per object."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrievers.base import rebuilt, top_k


@given(st.lists(st.sampled_from([-1.0, -0.0, 0.0, 0.5, 0.5000001, 0.7, 2.0])), st.integers(1, 9), st.booleans())
def test_top_k_is_a_stable_sort(scores: list[float], k: int, positive: bool) -> None:
    rounded = [(-round(s, 6) + 0.0, i) for i, s in enumerate(scores)]
    expected = sorted(p for p in rounded if not positive or p[0] < 0)[:k]
    ranking = top_k(np.array(scores), k, above=0.0 if positive else float("-inf"))
    assert list(ranking.ids) == [i for _, i in expected]
    assert list(ranking.scores) == [-s for s, _ in expected]


def test_rebuilt_once_per_object_and_not_per_equal_value() -> None:
    one, two = [1], [1]
    built: list[int] = []

    def build(value: list[int]) -> int:
        built.append(id(value))
        return id(value)

    assert list(rebuilt([one, one, two, one, two], build)) == [id(v) for v in (one, one, two, one, two)]
    assert built == [id(one), id(two)]


def test_rebuilt_keeps_only_a_few() -> None:
    values = [[i] for i in range(20)]
    assert list(rebuilt(values * 2, lambda v: v[0])) == [*range(20), *range(20)]
