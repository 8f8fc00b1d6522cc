"""The quality floor: known p-values, an independent search for the optimum, and the guarantee itself by simulation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from benchmarks.routing_floor import MARGIN, RISK, SETTINGS, Population, simulate
from experiments.routing.risk import (
    METHODS,
    betting_p,
    certify,
    clustered_t_p,
    hoeffding_bentkus_p,
    paired_losses,
    units_needed,
)

REDRAWS = 300
LIMIT = RISK + 2.6 * math.sqrt(RISK * (1 - RISK) / REDRAWS)  # 99.5 % of simulations of an exact 5 % stay below
EXACT = ("betting", "hoeffding-bentkus")
EDGE = np.full(SETTINGS, MARGIN + 1e-6)  # every certification is a breach


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize(
    ("documents", "sizes", "icc"), [(60, (10, 30), 0.2), (1500, (1, 1), 0.0)], ids=["clustered", "single"]
)
def test_the_floor_is_broken_no_more_often_than_the_risk(method, documents, sizes, icc):
    tally = simulate(Population("edge", documents, sizes, icc, EDGE), method, REDRAWS)
    assert tally.broken / REDRAWS <= LIMIT


@pytest.mark.parametrize("method", EXACT)
def test_the_floor_holds_where_few_documents_hold_all_the_loss(method):
    truth = np.linspace(MARGIN + 1e-6, 0.03, SETTINGS)
    tally = simulate(Population("rare", 250, (4, 4), 1.0, truth, rare=True), method, REDRAWS)
    assert tally.broken / REDRAWS <= LIMIT


def test_the_asymptotic_test_breaks_there_which_is_why_it_is_called_asymptotic():
    truth = np.linspace(MARGIN + 1e-6, 0.03, SETTINGS)
    tally = simulate(Population("rare", 70, (4, 4), 1.0, truth, rare=True), "clustered-t (asymptotic)", REDRAWS)
    assert tally.broken / REDRAWS > LIMIT


def test_the_asymptotic_test_is_near_its_level_with_many_documents():
    tally = simulate(Population("edge", 400, (4, 4), 0.1, EDGE), "clustered-t (asymptotic)", REDRAWS)
    assert 0.01 < tally.broken / REDRAWS <= LIMIT + 0.01


def test_conformal_risk_control_holds_on_average_only():
    population = Population("edge", 1500, (1, 1), 0.0, EDGE)
    tally = simulate(population, "conformal (in expectation)", REDRAWS)
    assert tally.loss / REDRAWS <= MARGIN
    assert tally.broken / REDRAWS > 0.2, "no redraw breaks it: the name would be too modest"


def test_betting_finds_more_than_hoeffding_bentkus():
    population = Population("gain", 250, (4, 16), 0.1, np.linspace(-0.05, -0.02, SETTINGS))
    found = {m: simulate(population, m, 20).settings for m in EXACT}
    assert found["betting"] > 20 * 0.8 * SETTINGS / 2 > found["hoeffding-bentkus"]


# -- the p-values themselves ------------------------------------------------------------------------------------------


def test_hoeffding_bentkus_against_its_formula_written_out():
    rng, margin = np.random.default_rng(0), 0.05
    for n, lose in product((30, 200), (0.0, 0.02, 0.2)):
        excess = np.where(rng.random(n) < lose, 1.0, -0.5) - margin
        a, total = (1 + margin) / 2, sum((e + margin + 1) / 2 for e in excess.tolist())
        mean = total / n
        kl = mean * math.log(mean / a) + (1 - mean) * math.log((1 - mean) / (1 - a)) if mean < a else 0.0
        k = math.ceil(total - 1e-9)
        tail = sum(math.comb(n, i) * a**i * (1 - a) ** (n - i) for i in range(k + 1))
        assert hoeffding_bentkus_p(excess, margin) == pytest.approx(min(1, math.exp(-n * kl), math.e * tail), rel=1e-9)


def test_a_betting_p_value_is_valid_at_every_level():
    """Exactly: over all sequences of a two-point null whose mean excess is 0, P(p <= t) <= t for every t."""
    margin, n = 0.2, 10
    up, down = 1 - margin, -(1 + margin)
    p_up = -down / (up - down)
    found = []
    for signs in product((up, down), repeat=n):
        weight = math.prod(p_up if s == up else 1 - p_up for s in signs)
        found.append((betting_p(np.array(signs), margin), weight))
    at = sorted(found)
    below = np.cumsum([w for _, w in at])
    assert below[-1] == pytest.approx(1)
    # Of equal p-values only the last one's sum counts.
    last = [i for i in range(len(at)) if i + 1 == len(at) or at[i + 1][0] > at[i][0] + 1e-12]
    assert all(below[i] <= at[i][0] + 1e-9 for i in last)
    assert at[0][0] < 0.2


def test_a_betting_p_value_needs_as_many_units_as_the_rule_of_three_says():
    need = units_needed(0.01, 0.05)
    assert need == 299
    assert betting_p(np.full(need // 2, -0.01), 0.01) > 0.05
    assert betting_p(np.full(need * 3 // 2, -0.01), 0.01) <= 0.05


def test_clustered_t_is_scipys_one_sided_test():
    from scipy.stats import ttest_1samp

    x = np.random.default_rng(3).normal(-0.02, 0.1, 40)
    assert clustered_t_p(x, 0.01) == pytest.approx(ttest_1samp(x, 0, alternative="less").pvalue)
    assert clustered_t_p(np.full(40, -0.3), 0.01) == 1.0


# -- choosing ---------------------------------------------------------------------------------------------------------


def drawn(means: list[float], documents: int = 400, per: int = 5) -> tuple[np.ndarray, list[str]]:
    u = np.random.default_rng(5).random((documents * per, 1))
    m = np.array(means)
    losses = np.where(u < 0.1 + np.maximum(m, 0), 1.0, np.where(u > 0.9 + np.minimum(m, 0), -1.0, 0.0))
    return losses, [f"d{i // per}" for i in range(len(losses))]


@pytest.mark.parametrize("method", METHODS, ids=["betting", "hb", "t", "conformal"])
def test_the_cheapest_certified_setting_is_taken_and_a_later_one_is_not_looked_at(method):
    losses, clusters = drawn([-0.3, -0.3, 0.3, -0.3])
    floor = certify(losses, clusters, method=method, margin=0.05)
    assert floor.chosen == 1
    assert len(floor.p_values) in (0, 3)
    assert floor.bound <= 0.05
    assert floor.losses[1] <= floor.bound
    assert "setting 1 of 4" in floor.reason


def test_nothing_certified_is_the_reference_itself_and_says_why():
    losses, clusters = drawn([0.3], documents=50)
    floor = certify(losses, clusters)
    assert (floor.chosen, floor.bound, floor.units) == (None, 0.0, 50)
    assert "the reference itself" in floor.reason
    assert "299" in floor.reason


@pytest.mark.parametrize("method", ["betting", "hoeffding-bentkus", "clustered-t (asymptotic)"], ids=["b", "hb", "t"])
def test_the_bound_is_the_least_margin_that_is_certified(method):
    losses, clusters = drawn([-0.2])
    floor = certify(losses, clusters, method=method, margin=0.2)
    assert floor.chosen == 0
    assert floor.losses[0] < floor.bound < 0.2
    looser = max(floor.bound + 0.01, 0.001)
    assert certify(losses, clusters, method=method, margin=looser).chosen == 0


def test_documents_count_by_their_questions_or_alike():
    """Large documents lose, small ones win: the two targets must disagree."""
    clusters = [f"l{i // 50}" for i in range(2000)] + [f"s{i}" for i in range(400)]
    losses = np.array(
        [[1.0 if i % 5 == 0 else 0.0] for i in range(2000)] + [[-1.0 if i % 2 else 0.0] for i in range(400)]
    )
    by_question = certify(losses, clusters, margin=0.1, method="clustered-t (asymptotic)")
    by_document = certify(losses, clusters, margin=0.1, method="clustered-t (asymptotic)", target="document")
    assert by_question.chosen is None
    assert by_question.losses[0] == pytest.approx((400 - 200) / 2400)
    assert by_document.chosen == 0
    assert by_document.losses[0] == pytest.approx((40 * 0.2 - 200) / 440)


def test_the_order_of_questions_within_documents_changes_nothing():
    losses, clusters = drawn([-0.1, 0.0])
    shuffled = np.concatenate([np.random.default_rng(i).permutation(5) + 5 * i for i in range(400)])
    assert certify(losses[shuffled], [clusters[i] for i in shuffled.tolist()]) == certify(losses, clusters)


def test_paired_losses():
    y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    choices = np.array([[1, 0], [1, 0], [0, 0]])
    assert paired_losses(y, choices, 1).tolist() == [[0, -1], [0, 1], [0, 0]]
    y[2, 1] = np.nan
    with pytest.raises(ValueError, match="missing for 1 of 3"):
        paired_losses(y, choices, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"losses": np.array([[2.0]])}, "lie in"),
        ({"losses": np.array([[np.nan]])}, "lie in"),
        ({"losses": np.zeros((2, 1))}, "one cluster per question"),
        ({"margin": 0.0}, "margin and risk"),
        ({"risk": 1.0}, "margin and risk"),
        ({"method": "hope"}, "none of betting"),
        ({"losses": np.zeros((3, 1)), "clusters": ["a"] * 3, "largest": 2}, "3 questions, more than the 2"),
    ],
    ids=["range", "nan", "shape", "margin", "risk", "method", "largest"],
)
def test_what_cannot_be_certified_is_refused(changes, said):
    given = {"losses": np.zeros((1, 1)), "clusters": ["a"]} | changes
    with pytest.raises(ValueError, match=said):
        certify(given.pop("losses"), given.pop("clusters"), **given)
