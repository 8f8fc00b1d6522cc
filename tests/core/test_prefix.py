"""The prefix cache against models that keep whole prompts, and the order of reading for which a small one is enough."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.prefix import PrefixCache

# Few tokens and short blocks: prompts that share much, and whole families of them.
prompts = st.lists(st.lists(st.integers(0, 1), max_size=14), max_size=12)
blocks = st.integers(1, 4)


def common(a: list[int], b: list[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def usable(shared: int, prompt: list[int], block: int) -> int:
    """Whole blocks of what is shared, of which the prompt's last token is none."""
    return min(shared, max(len(prompt) - 1, 0)) // block * block


class Naive:
    """Every held block as the whole prefix that it ends, the one used longest ago first."""

    def __init__(self, block: int, capacity: int) -> None:
        self.block, self.most = block, capacity // block
        self.held: list[tuple[int, ...]] = []

    def read(self, prompt: list[int]) -> int:
        ends = [tuple(prompt[:end]) for end in range(self.block, len(prompt) + 1, self.block)]
        shared = 0
        for end in ends:
            if end not in self.held:
                break
            shared = len(end)
        self.held = [h for h in self.held if h not in ends] + ends[::-1]
        self.held = self.held[max(0, len(self.held) - self.most) :]
        return usable(shared, prompt, self.block)


@given(prompts, blocks)
def test_without_a_limit_the_longest_prefix_shared_with_any_prompt_before_is_held(family, block):
    cache = PrefixCache(block)
    for i, prompt in enumerate(family):
        longest = max((common(prompt, earlier) for earlier in family[:i]), default=0)
        assert cache.read(prompt) == usable(longest, prompt, block)


@given(prompts, blocks, st.integers(0, 20))
def test_under_a_limit_the_blocks_used_longest_ago_go_first(family, block, capacity):
    cache, naive = PrefixCache(block, capacity), Naive(block, capacity)
    for prompt in family:
        assert cache.read(prompt) == naive.read(prompt)


@given(prompts, blocks, st.integers(0, 20), st.data())
def test_a_copy_goes_its_own_way(family, block, capacity, data):
    cache, naive = PrefixCache(block, capacity), Naive(block, capacity)
    for prompt in family:
        naive.read(prompt), cache.read(prompt)
    asked = cache.copy()
    for prompt in data.draw(prompts):
        asked.read(prompt)
    for prompt in family:
        assert cache.read(prompt) == naive.read(prompt)


@given(prompts, blocks)
def test_a_cleared_cache_is_a_new_one(family, block):
    cache, fresh = PrefixCache(block, 12), PrefixCache(block, 12)
    for prompt in family:
        cache.read(prompt)
    cache.clear()
    assert not cache
    assert [cache.read(p) for p in family] == [fresh.read(p) for p in family]
    assert bool(cache) == any(len(p) >= block for p in family)


@given(st.lists(st.lists(st.integers(0, 1), max_size=9), min_size=1, max_size=5), blocks)
def test_no_order_reads_more_from_an_endless_cache_than_the_sorted_one(family, block):
    """A prompt comes before those that begin with it: read after them, its last block would be made once more."""

    def total(order):
        cache = PrefixCache(block)
        return sum(cache.read(p) for p in order)

    assert total(sorted(family)) == max(map(total, permutations(family)))


@given(prompts, blocks, st.booleans())
def test_in_sorted_order_a_cache_that_holds_the_longest_prompt_is_as_good_as_an_endless_one(family, block, backwards):
    """No prompt before shares more with one than its neighbour does, and the neighbour is held whole."""
    endless, small = PrefixCache(block), PrefixCache(block, max(map(len, family), default=0))
    for prompt in sorted(family, reverse=backwards):
        assert small.read(prompt) == endless.read(prompt)


def test_known_values():
    cache = PrefixCache(4)
    assert not cache
    assert [cache.read(range(n)) for n in (10, 10, 8, 9, 3, 12)] == [0, 8, 4, 8, 0, 8]
    assert cache
    assert cache.read([0, 1, 2, 3, 9, 9, 9, 9]) == 4
    assert cache.read([9, 1, 2, 3, 4, 5, 6, 7]) == 0, "a block is known by all before it, too"
    assert PrefixCache(4).read([]) == 0


@pytest.mark.parametrize("seed", range(2))
def test_long_prompts_on_shared_documents(seed):
    """At sizes where a prompt's blocks are named from those of the prompt before."""
    rng = random.Random(seed)
    documents = [[rng.randrange(130_000) for _ in range(3000)] for _ in range(4)]
    family = [[*rng.choice(documents)[: rng.randrange(3000)], *range(rng.randrange(40))] for _ in range(60)]
    cache, naive = PrefixCache(16, 4000), Naive(16, 4000)
    assert [cache.read(p) for p in family] == [naive.read(p) for p in family]
