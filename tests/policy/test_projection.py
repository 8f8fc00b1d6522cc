"""Text in a policy: columns equal a dense product, absent text is its training mean, and models use the columns."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.policy import drawn_features, drawn_policy
from pipeline.policy.file import parse_policy, policy_bytes
from pipeline.policy.models import Constant, Linear, Model, Neighbours, Trees
from pipeline.policy.policy import Head, Policy, RoutePrice, Setting, Step
from pipeline.policy.projection import Projection

NAN = float("nan")
PLAIN = ((-10.0, 10.0), (0.0, 1.0))


def dense(p: Projection, features: dict[str, float]) -> np.ndarray:
    """The definition, over all S."""
    v = np.array([features.get(f"{p.prefix}{i}", NAN) for i in range(p.weights.shape[1])])
    if np.isnan(v).all():
        return p.bias
    v = np.clip(np.nan_to_num(v, nan=0.0, posinf=1e30, neginf=-1e30), -1e30, 1e30)
    if len(p.idf):
        v = v * p.idf
    norm = np.linalg.norm(v) if p.prefix == "ngram." else 1.0
    return p.weights.astype(float) @ (v / (norm or 1.0)) + p.bias


@given(
    seed=st.integers(0, 2**32 - 1),
    prefix=st.sampled_from(["ngram.", "vector."]),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    with_idf=st.booleans(),
    odd=st.sampled_from([None, NAN, float("inf"), 1e300]),
)
def test_columns_equal_the_dense_product(seed, prefix, share, with_idf, odd):
    rng = np.random.default_rng(seed)
    idf = rng.uniform(1, 5, 16) if with_idf and prefix == "ngram." else []
    p = Projection(prefix, idf, rng.standard_normal((3, 16)), rng.standard_normal(3))
    there = [i for i in rng.permutation(16).tolist() if rng.random() < share]
    features = {"document.tokens": 9.0} | {f"{prefix}{i}": float(rng.integers(-3, 4)) for i in there}
    if there and odd is not None:
        features[f"{prefix}{there[0]}"] = odd
    expected = dense(p, features)
    assert np.allclose(p.columns(features), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    assert p.columns(features) == p.columns(features)


def test_by_hand():
    words = Projection("ngram.", [2.0, 1.0], [[1.0, 10.0]], [0.5])
    # times idf (6, 8), divided by 10
    assert words.columns({"ngram.0": 3.0, "ngram.1": 8.0}) == pytest.approx([0.6 + 8.0 + 0.5])
    vector = Projection("vector.", [], [[1.0, 10.0]], [0.5])
    assert vector.columns({"vector.0": 3.0, "vector.1": 8.0}) == [83.5]
    assert vector.columns({"vector.1": 8.0}) == [80.5]


@pytest.mark.parametrize("name", ["ngram.2", "ngram.01", "ngram.-1", "ngram.1.0", "ngram.", "ngram.\u0661", "ngram.x"])
def test_names_that_are_no_bucket_are_passed_over(name):
    words = Projection("ngram.", [], [[1.0, 10.0]], [0.5])
    assert words.columns({name: 3.0, "vector.0": 1.0, "question.words": 2.0}) == [0.5]
    assert words.columns({name: 3.0, "ngram.1": 1.0}) == [10.5]
    assert not words.reads(name)
    assert words.reads("ngram.1")


def test_what_it_remembers_of_other_names_is_bounded():
    words = Projection("ngram.", [], [[1.0, 10.0]], [0.5])
    for i in range(10_000):
        words.columns({f"other.{i}": 1.0, f"ngram.{i}": 1.0})
    assert len(words._places) < 5000
    assert words.columns({"ngram.1": 1.0}) == [10.5]


# -- in a step --------------------------------------------------------------------------------------------------------

WORDS = Projection("ngram.", [], [[1.0, 10.0], [0.0, -1.0]], [0.25, 0.5])
VECTOR = Projection("vector.", [], [[2.0]], [7.0])


def policy(*models: Model, names: tuple[str, ...] = ("question.words",)) -> Policy:
    n = len(names)
    head = Head([[0.0], [1.0]], [0.0, 0.0], (PLAIN[0],) * 2, (PLAIN[1],) * 2)
    step = Step("", names, [0.0] * n, [9.0] * n, [5.0] * n, models, {"": head}, (WORDS, VECTOR))
    return Policy(
        "p", (RoutePrice("rag", 0.0), RoutePrice("lc", 0.0)), (step,), (Setting("balanced", {"": 0.0}),), "rag"
    )


def factor(p: Policy, features: dict[str, float]) -> float:
    """What the models say, read back from the quality of lc."""
    return 20 * p.decide(features).expected["lc"] - 10


def test_columns_follow_the_named_features_in_their_order():
    asked = {"question.words": 3.0, "ngram.1": 2.0, "vector.0": -1.0}
    for at, column in enumerate([3.0, 10.25, -0.5, 5.0]):
        one = Linear(np.zeros(4), np.ones(4), np.eye(4)[[at]] / 4, [0.0])
        assert factor(policy(one), asked) == pytest.approx(column / 4)
        stump = Trees([[at]], [[column - 1e-6]], [[True]], [[[1.0], [2.0]]])
        assert factor(policy(stump), asked) == pytest.approx(2.0)
        stump = Trees([[at]], [[column + 1e-6]], [[True]], [[[1.0], [2.0]]])
        assert factor(policy(stump), asked) == pytest.approx(1.0)


def test_without_text_the_columns_are_their_bias_in_every_model():
    asked = {"question.words": 3.0}
    assert factor(policy(Linear(np.zeros(4), np.ones(4), [[0, 1, 1, 1]], [0.0])), asked) == pytest.approx(7.75)
    near = Neighbours(np.zeros(4), np.ones(4), [[3, 0.25, 0.5, 7], [3, 0, 0, 0]], [[1.0], [2.0]], 1)
    assert factor(policy(near), asked) == pytest.approx(1.0)
    right = Trees([[3]], [[6.9]], [[True]], [[[1.0], [2.0]]])
    assert factor(policy(right), asked) == pytest.approx(2.0)


def test_text_takes_no_part_in_the_outside_rule():
    p = policy(Constant([1.0]))
    wild = {"ngram.0": 1e9, "vector.0": 1e9}
    d = p.decide(wild | {"question.words": 3.0})
    assert (d.outside, d.fell_back) == ((), False)
    assert p.decide(wild).fell_back  # nothing that has a training range is known
    assert not policy(Constant([1.0]), names=()).decide({}).fell_back


def test_an_example_keeps_the_text_that_is_read_and_replays():
    asked = {"question.words": 3.0, "ngram.1": 2.0, "ngram.2": 2.0, "vector.0": -1.0, "vector.1": 1.0, "answer.x": 1.0}
    p = policy(Linear(np.zeros(4), np.ones(4), [[0, 1, 1, 1]], [0.0]))
    example = p.example(asked)
    assert example.features == {"question.words": 3.0, "ngram.1": 2.0, "vector.0": -1.0}
    assert p.decide(asked).expected == example.expected


def test_the_policy_says_into_how_many_buckets_to_hash():
    assert policy(Constant([0.0])).size("ngram.") == 2
    assert replace(policy(Constant([0.0])), steps=()).size("ngram.") == 0


# -- in the file ------------------------------------------------------------------------------------------------------


def test_weights_are_written_as_short_as_single_precision_allows():
    p = drawn_policy(3, bits=8)
    tree = json.loads(policy_bytes(p))
    ours = p.steps[0].projections[0].weights
    written = tree["steps"][0]["projections"][0]["weights"]
    assert np.array_equal(np.array(written, np.float32), ours)
    assert np.mean([len(repr(w)) for row in written for w in row]) < 12
    assert written[0][0] != float(ours[0, 0])  # its own decimals are as many as a double has


def test_a_policy_with_text_decides_the_same_when_read_again():
    p = drawn_policy(4, bits=10, columns=5, trees=20, depth=6)
    again = parse_policy(policy_bytes(p), where="x", known=lambda name: True)
    rng = np.random.default_rng(0)
    texts = 0
    for _ in range(40):
        features = drawn_features(rng, p)
        assert again.decide(features) == p.decide(features)
        bare = {name: v for name, v in features.items() if not name.startswith(("ngram.", "vector."))}
        texts += again.decide(bare).expected != p.decide(features).expected
    assert texts > 10, "the text matters"
