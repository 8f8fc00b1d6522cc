"""Golden examples replayed, and a policy told in lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.policy import drawn_policy
from pipeline.policy.check import CLOSE, check, show
from pipeline.policy.policy import Head, Policy


def with_bias(policy: Policy, more: float) -> Policy:
    """Every head's quality of the first route moved."""

    def moved(head: Head) -> Head:
        return Head(head.weights, head.bias + np.array([more, 0.0]), head.knots_x, head.knots_y)

    steps = (replace(s, readers={r: moved(h) for r, h in s.readers.items()}) for s in policy.steps)
    return replace(policy, steps=tuple(steps))


def test_a_policy_replays_its_own_examples():
    for seed in range(5):
        policy = drawn_policy(seed)
        assert len(policy.golden) == 6
        assert check(policy) == []


def test_another_route_or_another_expectation_is_told():
    policy = drawn_policy(0)
    first = policy.golden[0]
    other = "lc" if first.route == "rag" else "rag"
    wrong = replace(policy, golden=(replace(first, route=other), *policy.golden[1:]))
    assert check(wrong) == [f"golden[0] (an unknown reader, setting 'balanced'): {first.route}, recorded {other}"]
    for by, told in ((10 * CLOSE, 1), (CLOSE / 10, 0)):
        near = {r: q + (by if r == first.route else 0) for r, q in first.expected.items()}
        assert len(check(replace(policy, golden=(replace(first, expected=near),)))) == told
    missing = replace(policy, golden=(replace(first, expected={}),))
    assert check(missing) == ["golden[0] (an unknown reader, setting 'balanced'): expects ['rag', 'lc'], recorded []"]


@pytest.mark.parametrize("more", [-1000.0, 1000.0])
def test_changed_weights_do_not_replay(more):
    assert check(with_bias(drawn_policy(0), more))


def test_show_tells_routes_settings_steps_and_scores():
    lines = show(drawn_policy(0))
    assert lines[0].startswith("policy drawn-0  digest ")
    assert "route lc: 0 per question, 0.002 per 1,000 document tokens" in lines
    assert any(line.startswith("setting cheap: price weight other readers 9; rag always first") for line in lines)
    text = "2 columns of the question's words (16 buckets), 2 columns of the question's vector (3 dimensions)"
    models = "trees, constant, linear, neighbours"
    assert f"step after rag: 6 features, {text}, {models}; readers: any other reader, small" in lines
    assert any("held-out, small, balanced: quality 0.7" in line for line in lines)
    assert lines[-1] == "6 golden examples"
