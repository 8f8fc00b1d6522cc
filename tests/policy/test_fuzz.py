"""Mutated policy files: each is refused with a reason or decides; nothing else is raised, and nothing is run."""

from __future__ import annotations

import pytest

from benchmarks.policy import drawn_policy, mutated, outcome, watched
from pipeline.policy.file import policy_bytes

FILES = [policy_bytes(drawn_policy(seed)) for seed in range(3)]
PARTS = 3


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_files_are_refused_or_decide(part):
    assert outcome(FILES[part]) == "decides"
    found: dict[str, int] = {}
    with watched() as events:
        for seed in range(500 * part, 500 * (part + 1)):
            what = outcome(mutated(FILES[part], seed))
            found[what] = found.get(what, 0) + 1
        assert events == []
    assert found["refused"] > 100
    assert found["decides"] > 10


def test_the_watch_hears_code_that_runs():
    with watched() as events:
        eval("1 + 1")
    assert "exec" in events


def test_a_mutation_is_the_same_for_the_same_seed():
    assert mutated(FILES[0], 7) == mutated(FILES[0], 7)
    assert len({mutated(FILES[0], seed) for seed in range(100)}) > 80
