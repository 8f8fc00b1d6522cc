"""The order of reader calls: none shares more of its prefixes, and it does not depend on how the calls were given."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from pipeline.core.records import Part, Prompt
from pipeline.generators.base import Call, Sampling
from pipeline.generators.scripted import Scripted
from pipeline.reading import plan_order, shared_tokens


def random_calls(rng: random.Random, documents: int, count: int) -> list[Call]:
    """Prompts as a study's routes make them: an instruction, documents or passages, a question."""
    parts = [Part("document", f"text {d} " * rng.randint(1, 30)) for d in range(documents)]
    heads = [Part("instruction", "closed. "), Part("instruction", "from the text: ")]
    calls = []
    for i in range(count):
        body = rng.sample(parts, rng.randint(0, min(3, documents)))
        tail = Part("question", f"question {rng.randint(0, count)}?")
        sampling = Sampling(seed=rng.randint(0, 1))
        calls.append(Call(Prompt((rng.choice(heads), *body, tail)), sampling, f"q{i}", "r"))
    return calls


@pytest.mark.parametrize("seed", range(20))
def test_no_random_order_shares_more(seed):
    rng = random.Random(seed)
    reader = Scripted()
    calls = random_calls(rng, rng.randint(1, 6), rng.randint(2, 40))
    planned = shared_tokens([calls[i] for i in plan_order(calls)], reader)
    for _ in range(200):
        assert shared_tokens(rng.sample(calls, len(calls)), reader) <= planned


@pytest.mark.parametrize("seed", range(12))
def test_no_order_at_all_shares_more(seed):
    rng = random.Random(1000 + seed)
    reader = Scripted()
    calls = random_calls(rng, 3, rng.randint(2, 7))
    order = plan_order(calls)
    assert sorted(order) == list(range(len(calls)))
    best = max(shared_tokens(p, reader) for p in itertools.permutations(calls))
    assert shared_tokens([calls[i] for i in order], reader) == best


def test_the_order_is_the_same_whatever_order_it_is_given():
    rng = random.Random(0)
    calls = [replace(c, sampling=Sampling()) for c in random_calls(rng, 4, 30)]
    digests = [calls[i].prompt.digest for i in plan_order(calls)]
    for _ in range(5):
        mixed = rng.sample(calls, len(calls))
        assert [mixed[i].prompt.digest for i in plan_order(mixed)] == digests


def test_shared_tokens_are_those_of_whole_leading_parts():
    a, b, c = Part("document", "one two three"), Part("document", "four five"), Part("document", "one two six")
    reader = Scripted()

    def shared(*prompts: tuple[Part, ...]) -> int:
        return shared_tokens([Call(Prompt(p), Sampling(), "q", "r") for p in prompts], reader)

    assert shared((a, b), (a, c)) == 3
    assert shared((a, b), (b, a)) == 0
    assert shared((a, b), (c, b)) == 0
    assert shared((a, b), (a, b), (a,)) == 5 + 3
    assert shared((a,), (b,), (a,)) == 0
    stated = Part("passage", None, stated_tokens=7)
    assert shared((stated, b), (stated, c)) == 7
    assert shared() == 0
