"""The knapsack against every subset; shares that sum up; what is packed and fitted to a budget."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compressors.knapsack import admitted, closest, exact, greedy, knapsack, packed, rates

ITEMS = st.lists(st.tuples(st.integers(-40, 100), st.integers(0, 20)), max_size=11)


def total(numbers, of):
    return sum(of[i] for i in numbers)


def brute(values, weights, budget):
    """The highest sum of values of any subset within the budget."""
    places = range(len(values))
    subsets = (c for size in range(len(values) + 1) for c in combinations(places, size))
    return max(total(c, values) for c in subsets if total(c, weights) <= budget)


@settings(max_examples=120, deadline=None)
@given(ITEMS, st.integers(0, 60))
def test_the_optimum_is_found_and_greedy_is_at_most_half_behind(items, budget):
    values, weights = [v / 8 for v, _ in items], [w for _, w in items]
    chosen = knapsack(values, weights, budget)
    assert list(chosen) == sorted(set(chosen))
    assert total(chosen, weights) <= budget
    assert all(values[i] > 0 for i in chosen)
    best = brute(values, weights, budget)
    assert total(chosen, values) == best
    free = [i for i in range(len(values)) if values[i] > 0 and weights[i] <= budget]
    some = [values[i] for i in free], [weights[i] for i in free], budget
    quick = greedy(*some)
    assert total(quick, some[1]) <= budget
    assert best / 2 <= total(quick, some[0]) <= best == total(exact(*some), some[0])


@pytest.mark.parametrize("seed", range(4))
def test_fifteen_random_items_against_every_subset(seed):
    import random

    rng = random.Random(seed)
    values, weights = [rng.gauss(1, 2) for _ in range(15)], [rng.randint(1, 30) for _ in range(15)]
    chosen = knapsack(values, weights, 90)
    assert total(chosen, weights) <= 90
    assert total(chosen, values) == pytest.approx(brute(values, weights, 90))


def test_greedy_alone_would_miss_the_optimum():
    values, weights = [60.0, 100.0, 120.0], [10, 20, 30]
    assert greedy(values, weights, 50) == [0, 1]
    assert knapsack(values, weights, 50) == (1, 2)
    assert greedy([2.0, 90.0], [1, 100], 100) == [1]  # the one item that is worth more than all before it


@settings(max_examples=60, deadline=None)
@given(ITEMS, st.integers(0, 60), st.lists(st.integers(0, 10), max_size=4))
def test_forced_items_come_first(items, budget, wanted):
    values, weights = [float(v) for v, _ in items], [w for _, w in items]
    forced = [i for i in wanted if i < len(items)]
    chosen = knapsack(values, weights, budget, forced)
    assert total(chosen, weights) <= budget
    assert all(values[i] > 0 for i in set(chosen) - set(forced))
    if total(set(forced), weights) <= budget:
        assert set(forced) <= set(chosen)
        others = [i for i in range(len(items)) if i not in forced]
        left = budget - total(set(forced), weights)
        best = brute([values[i] for i in others], [weights[i] for i in others], left)
        assert total(set(chosen) - set(forced), values) == best
    else:
        assert set(chosen) <= set(forced)


def test_where_forced_items_do_not_fit_those_that_do_stay_in_order():
    assert knapsack([9.0, 1.0, 1.0, 1.0], [1, 4, 3, 2], 6, forced=(1, 2, 3)) == (1, 3)
    assert knapsack([9.0, -1.0], [1, 4], 5, forced=(1, 1)) == (0, 1)
    assert knapsack([9.0, 5.0], [1, 1], -3, forced=(0,)) == ()


def test_nothing_to_choose_from():
    assert knapsack([], [], 5) == ()
    assert knapsack([1.0, 2.0], [3, 4], 0) == ()
    assert knapsack([1.0, -2.0, 0.0], [0, 0, 0], 0) == (0,)
    assert knapsack([-1.0, 0.0], [1, 1], 9) == ()


def test_a_large_problem_keeps_to_the_budget():
    import random

    rng = random.Random(1)
    weights = [rng.randint(1, 90_000) for _ in range(400)]
    values = [w * rng.uniform(0.5, 1.5) for w in weights]
    chosen = knapsack(values, weights, 1_000_000)
    assert 0.9e6 < total(chosen, weights) <= 1_000_000
    # The fractional optimum bounds every solution: greedy lacks at most the item that no longer fitted.
    order = sorted(range(400), key=lambda i: -values[i] / weights[i])
    bound, left = 0.0, 1_000_000
    for i in order:
        bound += values[i] * min(1, left / weights[i])
        left -= min(left, weights[i])
    assert bound - max(values) <= total(chosen, values) <= bound


@pytest.mark.parametrize(
    ("values", "weights"), [([1.0], [-1]), ([float("nan")], [1]), ([float("inf")], [1]), ([1.0], [1, 2])]
)
def test_items_that_make_no_sense_are_refused(values, weights):
    with pytest.raises(ValueError, match=r"weights|values"):
        knapsack(values, weights, 3)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 5000), st.integers(0, 300)), min_size=1, max_size=12),
    st.floats(0, 1.2),
    st.floats(0, 1),
)
def test_shares_weighted_by_sizes_sum_up_to_the_target(items, share, beta):
    scores, sizes = [s for s, _ in items], [n for _, n in items]
    target = share * sum(sizes)
    found = rates(scores, sizes, target, beta)
    assert all(0 <= rate <= 1 + 1e-9 for rate in found)
    reached = sum(rate * size for rate, size in zip(found, sizes, strict=True))
    assert reached == pytest.approx(min(target, sum(sizes)), abs=1e-6)
    order = sorted(range(len(items)), key=lambda i: scores[i])
    assert all(found[a] <= found[b] + 1e-9 for a, b in pairwise(order))


def test_known_shares():
    # R = 0.4: 0.2, 0.4 and 0.6 at beta 0.5, which sum up to the target as they are.
    assert rates([1, 2, 3], [10, 10, 10], 12, 0.5) == pytest.approx([0.2, 0.4, 0.6])
    assert rates([1, 2, 3], [10, 10, 10], 12, 0) == pytest.approx([0.4] * 3)
    assert rates([7, 7], [10, 30], 10, 0.5) == pytest.approx([0.25] * 2)
    # R = 0.8: 0.4 and 1.2, cut to 1; what is lost there goes to the other.
    assert rates([0, 1], [10, 10], 16, 0.5) == pytest.approx([0.6, 1.0])
    assert rates([0, 1], [10, 10], 15, 1) == pytest.approx([0.5, 1.0])
    assert rates([0, 1], [10, 10], 99, 0.5) == [1.0, 1.0]
    assert rates([0, 1], [10, 10], -5, 0.5) == [0.0, 0.0]
    assert rates([], [], 5, 0.5) == []


def test_the_last_one_admitted_has_what_is_left():
    sizes = [5, 9, 4, 7]
    assert admitted([2, 0, 3, 1], sizes, 10) == {2: 4, 0: 5, 3: 1}
    assert admitted([2, 0, 3, 1], sizes, 9) == {2: 4, 0: 5, 3: 0}
    assert admitted([2, 0], sizes, 99) == {2: 4, 0: 5}
    assert admitted([1], sizes, -3) == {1: 0}
    assert admitted([], sizes, 9) == {}


def test_parts_that_items_share_weigh_once():
    weights = {"head": 3, "a": 2, "b": 2, "c": 9}
    items = [["head", "a"], ["c"], ["head", "b"]]
    assert packed(items, weights.__getitem__, 7, 7) == {"head", "a", "b"}
    assert packed(items, weights.__getitem__, 7, 5) == {"head", "a"}
    assert packed(items, weights.__getitem__, 4, 4) == set()
    assert packed(items, weights.__getitem__, 4, 4, {"head"}) == {"head"}
    assert packed(items[2:], weights.__getitem__, 5, 5, {"head"}) == {"head", "b"}


@pytest.mark.parametrize("factor", [0.2, 0.5, 0.9, 1.0, 1.2, 3.0, 20.0])
def test_what_is_made_comes_close_to_the_budget_from_below(factor):
    found = closest(lambda room: (room, round(room * factor)), 200, 0.97)
    assert 0.85 * 200 <= round(found * factor) <= 200


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 300), st.integers(0, 9))
def test_the_budget_holds_whatever_lies_between_the_parts(sizes, budget, between):
    def made(room):
        parts = packed([[i] for i in range(len(sizes))], sizes.__getitem__, room, room)
        return parts, total(parts, sizes) + between * len(parts)

    found = closest(made, budget, 0.97)
    weight = total(found, sizes) + between * len(found)
    assert weight <= budget or made(1)[1] > budget
    assert weight >= made(budget)[1] or made(budget)[1] > budget


def test_what_never_fits_is_as_small_as_it_gets():
    assert closest(lambda room: ("x", 9), 5, 0.97) == "x"
    assert closest(lambda room: ("x", 0), 5, 0.97) == "x"
    assert closest(lambda room: (room, 7 if room > 3 else 4), 5, 0.97) == 3
    assert closest(lambda room: (room, 9000 if room > 1 else 1), 5000, 0.97) == 1
    assert closest(lambda room: (min(room, 20), 3), 5, 0.97) == 5
