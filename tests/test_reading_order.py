"""The order of reader calls: none shares more of its prefixes, and it does not depend on how the calls were given.

What a cache makes of an order is asked of `PrefixCache`, with letters for tokens.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.call_order import cached_ahead, groups_that_fit, plan_order
from pipeline.core.prefix import PrefixCache
from pipeline.core.records import Part, Prompt
from pipeline.generators.base import Call, Generator, Sampling
from pipeline.generators.scripted import Scripted


def shared_tokens(calls: Sequence[Call], reader: Generator) -> int:
    """Prompt tokens in the leading parts shared with the call before."""
    return sum(cached_ahead(calls, reader))


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


# -- by text, whatever the parts --------------------------------------------------------------------------------------

# Parts that are prefixes of one another, and one text cut into parts in several ways.
texts = st.lists(st.text("ab", max_size=5), max_size=4)
families = st.lists(texts, min_size=1, max_size=8)


def calls_of(family: list[list[str]]) -> list[Call]:
    return [Call(Prompt(tuple(Part("passage", t) for t in parts)), Sampling(), "q", "r") for parts in family]


def cached(calls: list[Call], block: int, capacity: int | None = None) -> list[int]:
    cache = PrefixCache(block, capacity)
    return [cache.read([ord(c) for c in call.prompt.text]) for call in calls]


@given(families)
def test_calls_are_sorted_by_their_whole_texts(family):
    calls = calls_of(family)
    assert [calls[i].prompt.text for i in plan_order(calls)] == sorted(c.prompt.text for c in calls)


@settings(max_examples=60)
@given(st.lists(texts, min_size=1, max_size=5), st.integers(1, 4))
def test_no_order_has_more_in_the_cache_whatever_the_size_of_its_blocks(family, block):
    calls = calls_of(family)
    best = max(sum(cached(list(order), block)) for order in itertools.permutations(calls))
    assert sum(cached([calls[i] for i in plan_order(calls)], block)) == best


@given(families, st.integers(1, 4), st.booleans())
def test_a_cache_that_holds_the_longest_prompt_is_enough(family, block, backwards):
    calls = calls_of(family)
    ordered = [calls[i] for i in plan_order(calls)][:: -1 if backwards else 1]
    longest = max(len(c.prompt.text) for c in calls)
    assert cached(ordered, block, longest) == cached(ordered, block)


def test_a_document_that_is_cut_for_each_question_stays_together():
    """The room for a document depends on the question's length: six questions cut it in six ways."""
    rng = random.Random(0)
    head = Part("instruction", "From the text: ")
    documents = ["".join(rng.choice("abcdef") for _ in range(400)) for _ in range(5)]
    calls = [
        Call(Prompt((head, Part("document", d[:cut]), Part("question", f"? {q}"))), Sampling(), "q", "r")
        for q, cut in enumerate((391, 380, 399, 400, 400, 365))
        for d in documents
    ]
    rng.shuffle(calls)
    ordered = [calls[i] for i in plan_order(calls)]
    starts = [c.prompt.parts[1].text[:20] for c in ordered]
    assert len(list(itertools.groupby(starts))) == 5
    assert sum(cached(ordered, 16, capacity=416)) >= 5 * 5 * 352


def test_a_part_whose_text_is_not_at_hand_is_compared_by_what_it_is():
    absent = [Part("passage", None, stated_tokens=n) for n in (3, 4)]
    family = [(absent[0],), (absent[1], Part("question", "b")), (absent[0], Part("question", "a")), ()]
    calls = [Call(Prompt(p), Sampling(), "q", "r") for p in family]
    order = plan_order(calls)
    assert order[0] == 3
    assert abs(order.index(0) - order.index(2)) == 1
    for given_order in itertools.permutations(range(4)):
        mixed = [calls[i] for i in given_order]
        assert [mixed[i] for i in plan_order(mixed)] == [calls[i] for i in order]


# -- contexts that fit together ---------------------------------------------------------------------------------------


def context_of(name: str, letters: int, questions: int) -> tuple[Prompt, list[Call]]:
    body = Part("document", f"{name} " * (letters // (len(name) + 1)))
    asked = [Part("question", f"{name} {q}") for q in range(questions)]
    return Prompt((body,)), [Call(Prompt((body, a)), Sampling(), "q", "r") for a in asked]


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3)), max_size=8), st.integers(1, 100))
def test_groups_hold_every_context_once_and_no_more_than_fits(sizes, capacity):
    reader = Scripted()
    contexts = [context_of(f"w{i}", 4 * words, questions) for i, (words, questions) in enumerate(sizes)]
    groups = groups_that_fit(contexts, capacity, reader)
    assert sorted(i for group in groups for i in group) == list(range(len(contexts)))
    for group in groups:
        calls = [call for i in group for call in contexts[i][1]]
        calls = [calls[i] for i in plan_order(calls)]
        takes = sum(reader.tokenizer.count_prompt(c.prompt) for c in calls) - shared_tokens(calls, reader)
        calling = [i for i in group if contexts[i][1]]
        # The estimate is by letters: a question has more tokens to the letter than these documents.
        assert len(calling) <= 1 or takes <= 1.5 * capacity + 2 * len(calls)


def test_contexts_that_begin_alike_go_together():
    shared, reader = Part("document", "common words " * 20), Scripted()
    contexts = []
    for i, last in enumerate("acbd"):
        body = (shared, Part("document", last * 9)) if i % 2 else (Part("document", f"{last} other " * 20),)
        contexts.append((Prompt(body), [Call(Prompt((*body, Part("question", "?"))), Sampling(), "q", "r")]))
    assert groups_that_fit(contexts, 90, reader) == [[0, 2], [1, 3]]
    assert groups_that_fit(contexts, 10**6, reader) == [[0, 2, 1, 3]]
    assert groups_that_fit(contexts, 1, reader) == [[0], [2], [1], [3]]
    assert groups_that_fit([], 1, reader) == []
