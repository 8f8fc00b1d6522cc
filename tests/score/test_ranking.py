"""Ranking measures: values by hand and from the literature, scikit-learn, brute force, and refused input."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.score import ranking

Measure = Callable[[Sequence[str], Mapping[str, float], int], float | None]
MEASURES: dict[str, Measure] = {
    "ndcg": ranking.ndcg,
    "reciprocal_rank": ranking.reciprocal_rank,
    "average_precision": ranking.average_precision,
    "precision": ranking.precision,
    "recall": ranking.recall,
    "all_gold_recall": ranking.all_gold_recall,
}


def test_ndcg_of_the_textbook_example() -> None:
    # Gains 3 2 3 0 1 2 retrieved, 3 and 2 left behind: DCG 6.861, ideal 8.740 (the example of Wikipedia's article)
    gains = {"d1": 3.0, "d2": 2.0, "d3": 3.0, "d4": 0.0, "d5": 1.0, "d6": 2.0, "d7": 3.0, "d8": 2.0}
    ranked = ["d1", "d2", "d3", "d4", "d5", "d6"]
    assert ranking.ndcg(ranked, gains, 6) == pytest.approx(6.861 / 8.740, abs=2e-4)


def test_ndcg_by_hand() -> None:
    gains = {"a": 1.0, "b": 2.0}
    dcg = 1 / math.log2(3) + 2 / math.log2(5)  # ranks 2 and 4
    ideal = 2 / 1 + 1 / math.log2(3)
    assert ranking.ndcg(["x", "a", "y", "b"], gains) == pytest.approx(dcg / ideal)
    assert ranking.ndcg(["x", "a", "y", "b"], gains, 3) == pytest.approx((1 / math.log2(3)) / ideal)
    dcg, ideal = 1 / math.log2(3) + 3 / math.log2(5), 3 + 1 / math.log2(3)  # 2^g - 1: 1 and 3
    assert ranking.ndcg(["x", "a", "y", "b"], gains, exponential=True) == pytest.approx(dcg / ideal)


def test_the_others_by_hand() -> None:
    ranked, gains = ["x", "a", "b", "y", "c"], {"a": 1.0, "b": 1.0, "c": 2.0, "d": 1.0, "y": 0.0}
    assert ranking.reciprocal_rank(ranked, gains) == 1 / 2
    assert ranking.average_precision(ranked, gains) == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 4)
    assert ranking.average_precision(ranked, gains, 3) == pytest.approx((1 / 2 + 2 / 3) / 4)
    assert ranking.precision(ranked, gains, 3) == pytest.approx(2 / 3)
    assert ranking.precision(ranked, gains, 10) == pytest.approx(3 / 10)  # over k, though five were returned
    assert ranking.recall(ranked, gains, 3) == 2 / 4
    assert ranking.all_gold_recall(ranked, gains, 5) == 0
    assert ranking.all_gold_recall([*ranked, "d"], gains, 6) == 1
    assert ranking.all_gold_recall([*ranked, "d"], gains, 5) == 0
    assert ranking.reciprocal_rank(["x", "y"], gains) == 0


def test_full_rankings_agree_with_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score, ndcg_score

    rng = random.Random(3)
    for _ in range(60):
        ids = [f"d{i}" for i in range(rng.randint(2, 15))]
        gains = {i: float(rng.choice([0, 0, 1, 2, 3])) for i in ids}
        gains[ids[0]] = 1.0
        ranked = rng.sample(ids, len(ids))
        truth, scores = [gains[i] for i in ranked], [-float(r) for r in range(len(ranked))]
        k = rng.randint(1, len(ids))
        assert ranking.ndcg(ranked, gains, k) == pytest.approx(ndcg_score([truth], [scores], k=k))
        average = average_precision_score([t > 0 for t in truth], scores)
        assert ranking.average_precision(ranked, gains) == pytest.approx(average)


cases = st.tuples(
    st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10),
    st.dictionaries(st.sampled_from("abcdefghijkl"), st.sampled_from([-1.0, 0.0, 1.0, 2.0, 4.0]), max_size=8),
    st.integers(1, 12),
)


@given(cases)
def test_all_measures_equal_brute_force(case: tuple[list[str], dict[str, float], int]) -> None:
    ranked, gains, k = case
    good = [i for i in gains if gains[i] > 0]
    if not good:
        assert all(measure(ranked, gains, k) is None for measure in MEASURES.values())
        return
    top = [ranked[r] for r in range(len(ranked)) if r < k]
    hits = [i in good for i in top]
    cumulative = [sum(hits[: r + 1]) / (r + 1) for r in range(len(top))]
    best = sorted((max(g, 0) for g in gains.values()), reverse=True) + [0] * k
    dcg = sum(max(gains.get(i, 0), 0) * math.log(2) / math.log(r + 2) for r, i in enumerate(top))
    expected = {
        "ndcg": dcg / sum(best[r] * math.log(2) / math.log(r + 2) for r in range(k)),
        "reciprocal_rank": 1 / (hits.index(True) + 1) if any(hits) else 0,
        "average_precision": sum(p for p, hit in zip(cumulative, hits, strict=True) if hit) / len(good),
        "precision": sum(hits) / k,
        "recall": sum(hits) / len(good),
        "all_gold_recall": float(all(i in top for i in good)),
    }
    for name, measure in MEASURES.items():
        assert measure(ranked, gains, k) == pytest.approx(expected[name]), name


@given(cases)
def test_the_best_ranking_scores_one(case: tuple[list[str], dict[str, float], int]) -> None:
    _, gains, k = case
    best = sorted(gains, key=lambda i: -gains[i])
    if any(g > 0 for g in gains.values()):
        for exponential in (False, True):
            assert ranking.ndcg(best, gains, k, exponential=exponential) == pytest.approx(1)
        assert ranking.average_precision(best, gains) == pytest.approx(1)


@pytest.mark.parametrize("name", MEASURES)
def test_rankings_that_would_mislead_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="'a' is ranked twice"):
        MEASURES[name](["a", "b", "a"], {"a": 1.0}, 1)
    with pytest.raises(ValueError, match="k must be at least 1"):
        MEASURES[name](["a"], {"a": 1.0}, 0)
    with pytest.raises(TypeError, match="one id per letter"):
        MEASURES[name]("abc", {"a": 1.0}, 1)
