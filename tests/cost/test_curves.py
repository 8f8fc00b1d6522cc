"""Costs per question and break-evens: sums over simulated questions, closed forms against bisection."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cost.curves import Fallback, Reused, break_even, reused

costs = st.floats(1e-3, 1e3)


@given(costs, costs, st.integers(1, 50))
def test_the_mean_is_that_of_the_questions(first, later, count):
    each = [first, *[later] * (count - 1)]
    assert Reused(first, later).mean(count) == pytest.approx(sum(each) / count)


@given(costs, costs, costs)
def test_bisection_finds_what_the_closed_form_says(cold, warm, constant):
    curve = Reused(max(cold, warm), min(cold, warm))
    closed, found = curve.meets(constant), break_even(curve.mean, lambda _: constant)
    if closed is None or closed > 1e6:
        assert found is None
    elif closed < 0.9e6:
        assert found == pytest.approx(closed, rel=1e-6)
        assert curve.mean(closed) <= constant * (1 + 1e-9)
        assert closed == 1 or curve.mean(max(1.0, closed * 0.99)) >= constant * (1 - 1e-9)


def test_known_break_even():
    """10 + (m - 1) 1 <= 2 m from m = 9 on."""
    assert Reused(10, 1).meets(2) == 9
    assert Reused(10, 2).meets(2) is None
    assert Reused(2, 1).meets(2) == 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_fallbacks_cost_what_a_simulation_pays(share, count):
    random = np.random.default_rng(7)
    falls = random.random((200_000, count)) < share
    paid = falls.sum(1) * 3.0 + falls.any(1) * (20.0 - 3.0) + count * 1.0
    expected = Fallback(1.0, share, Reused(20.0, 3.0)).mean(count)
    assert expected == pytest.approx(paid.mean() / count, rel=0.01)


@given(costs, costs, st.floats(0, 1), costs)
def test_a_hit_share_mixes_cold_and_warm(cold, warm, share, once):
    curve = reused(cold, warm, share, once)
    assert curve.first == once + cold
    assert min(cold, warm) * (1 - 1e-12) <= curve.later <= max(cold, warm) * (1 + 1e-12)
    assert reused(cold, warm, 1.0).later == warm
    assert reused(cold, warm, 0.0).mean(9) == pytest.approx(cold)


@given(costs, st.floats(0.01, 0.99), costs, costs)
def test_long_context_less_self_route_only_falls(cheap, share, cold, warm):
    """So that a single break-even is all there is to find."""
    dear = Reused(max(cold, warm), min(cold, warm))
    mixed = Fallback(cheap, share, dear)
    gaps = [dear.mean(m) - mixed.mean(m) for m in (1, 1.5, 2, 3, 5, 10, 40, 1000)]
    assert all(a >= b - 1e-6 * max(cold, warm) for a, b in pairwise(gaps))
