"""What each KV policy is by definition: on attention made by hand, and against the library's own attention weights."""

from __future__ import annotations

import itertools
from contextlib import nullcontext

import pytest

import compressors.kv_memory
from compressors.kv_a2sf import A2SF, Scored
from compressors.kv_blocks import Blocks
from compressors.kv_keynorm import KeyNorm
from compressors.kv_memory import attend, best, weights
from compressors.kv_quantised import Quantised, quantise, restored
from compressors.kv_sinks import Sinks, turned
from compressors.kv_snapkv import SnapKV
from compressors.kv_think import ThinK

torch = pytest.importorskip("torch")

SAGE = {"window": 1, "pool": 1, "sinks": 4, "recent": 8, "roll": True}


def random(*shape: int, seed: int = 0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def qkv(heads: int, groups: int, tokens: int, size: int = 8, seed: int = 0):
    """(1, heads x groups, T, E) queries and (1, heads, T, E) keys and values."""
    return (
        random(1, heads * groups, tokens, size, seed=seed),
        random(1, heads, tokens, size, seed=seed + 1),
        random(1, heads, tokens, size, seed=seed + 2),
    )


def made(attention):
    """Queries and keys of one head whose causal weights, at scale 1, are those of (N, N) rows that sum to 1."""
    return attention.clamp(min=1e-30).log()[None, None], torch.eye(len(attention))[None, None]


def read(memory, queries, keys, values, scale=1.0):
    return memory.read(queries, keys, values, scale, nullcontext)


def spiky(tokens: int, spikes: dict[int, float], rows: range):
    """Uniform causal attention, but for some rows that look at some places."""
    rest = torch.ones(tokens, tokens).tril()
    for row in rows:
        for place, strength in spikes.items():
            rest[row, place] += strength
    return rest / rest.sum(dim=1, keepdim=True)


# -- parts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("heads", "groups"), [(1, 1), (4, 1), (2, 3), (1, 4)])
@pytest.mark.parametrize(("new", "entries"), [(1, 9), (4, 9), (9, 9)])
def test_attention_is_the_definition(heads, groups, new, entries):
    queries, keys, values = qkv(heads, groups, entries)
    queries = queries[:, :, -new:]
    out, share = attend(queries, keys, values, 0.3), weights(queries, keys, 0.3)
    for h, t in itertools.product(range(heads * groups), range(new)):
        seen = entries - new + t + 1
        k, v = keys[0, h // groups, :seen], values[0, h // groups, :seen]
        p = (k @ queries[0, h, t] * 0.3).softmax(0)
        assert torch.allclose(out[0, h, t], p @ v, atol=1e-5)
        assert torch.allclose(share[h // groups, h % groups, t, :seen], p, atol=1e-5)
        assert (share[h // groups, h % groups, t, seen:] == 0).all()


def test_the_best_are_the_first_the_last_and_the_highest():
    scores = random(3, 20)
    scores[0, 5:9] = 7.0  # equals: the earlier ones
    for count, sinks, recent in itertools.product(range(1, 21), (0, 2, 30), (0, 3, 30)):
        last = set(range(20 - min(recent, count), 20))
        first = set(range(min(sinks, count - len(last))))
        got = best(scores, count, sinks=sinks, recent=recent)
        for row, index in zip(scores.tolist(), got.tolist(), strict=True):
            ranked = sorted(set(range(20)) - first - last, key=lambda i: (-row[i], i))
            room = max(0, count - len(first | last))
            assert index == sorted(first | last | set(ranked[:room]))


# -- sinks and window -------------------------------------------------------------------------------------------------


def test_sinks_keep_the_first_and_the_last_at_every_length():
    policy = Sinks(budget=12, renumber=False)
    memory = policy.memory(0, None)
    queries, keys, values = qkv(2, 2, 40)
    read(memory, queries[:, :, :5], keys[:, :, :5], values[:, :, :5])
    for t in range(5, 40):
        at = slice(t, t + 1)
        out = read(memory, queries[:, :, at], keys[:, :, at], values[:, :, at])
        stay = [i for i in range(t + 1) if i < 4 or i > t - 8]
        assert memory.positions.tolist() == [stay, stay]
        assert memory.keys.shape[2] == min(t + 1, 12)
        assert torch.allclose(out, attend(queries[:, :, at], keys[:, :, stay], values[:, :, stay], 1.0), atol=1e-5)


def test_a_turn_is_a_product_of_complex_numbers():
    size, base = 8, 10_000.0
    frequencies = base ** (-torch.arange(0, size, 2) / size)

    def rotary(x, positions):
        angles = positions[..., None].float() * frequencies
        both = torch.cat((angles, angles), dim=-1)
        return both.cos() * 1.3, both.sin() * 1.3  # as models do that scale by their context

    def by_hand(x, by):
        whole = torch.complex(x[..., : size // 2], x[..., size // 2 : size])
        whole = whole * torch.polar(torch.ones(size // 2), frequencies * by)
        return torch.cat((whole.real, whole.imag, x[..., size:]), dim=-1)

    keys = random(1, 2, 5, size + 2)  # two channels that no position turns
    for by in (0, 1, 17, 400):
        assert torch.allclose(turned(keys, by, rotary), by_hand(keys, by), atol=1e-4)


# -- SnapKV and SAGE-KV -----------------------------------------------------------------------------------------------


def test_snapkv_keeps_the_window_and_the_top_of_what_it_looks_at():
    queries, keys = made(spiky(40, {3: 5.0, 17: 9.0, 25: 7.0, 9: 1.0}, range(36, 40)))
    memory = SnapKV(budget=7, window=4, pool=1).memory(0, None)
    read(memory, queries, keys, random(1, 1, 40, 40))
    assert memory.positions.tolist() == [[3, 17, 25, 36, 37, 38, 39]]
    # What other rows look at is nothing to it.
    queries, keys = made(spiky(40, {30: 9.0}, range(31, 36)))
    read(memory := SnapKV(budget=5, window=4, pool=1).memory(0, None), queries, keys, random(1, 1, 40, 40))
    assert 30 not in memory.positions[0]


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_snapkv_pools_over_neighbours(pooling):
    queries, keys = made(spiky(40, {17: 9.0}, range(36, 40)))
    memory = SnapKV(budget=9, window=4, pool=5, pooling=pooling).memory(0, None)
    read(memory, queries, keys, random(1, 1, 40, 40))
    assert memory.positions.tolist() == [[15, 16, 17, 18, 19, 36, 37, 38, 39]]


def test_sage_has_a_constant_size_and_finds_the_key_that_the_last_query_asks_for():
    queries, keys, values = qkv(2, 2, 64)
    keys[:, :, 30] = 4 * queries[:, ::2, 63]  # one query of each group
    queries[:, 1::2, 63] = queries[:, ::2, 63]
    memory = SnapKV(budget=16, **SAGE).memory(0, None)
    read(memory, queries, keys, values)
    chosen = memory.positions[:, 4:8].clone()
    assert all(30 in row for row in chosen)
    for t in range(64, 164):
        read(memory, *(x[:, :, :1] for x in qkv(2, 2, 1, seed=t)))
        assert memory.keys.shape[2] == 16
        assert memory.positions[:, :8].tolist() == [[0, 1, 2, 3, *row] for row in chosen.tolist()]
        assert memory.positions[:, 8:].tolist() == [list(range(t - 7, t + 1))] * 2


# -- key norm ---------------------------------------------------------------------------------------------------------


def test_key_norm_keeps_the_short_keys_whatever_is_asked():
    lengths = torch.randperm(50, generator=torch.Generator().manual_seed(3)) + 1.0
    _, keys, values = qkv(1, 1, 50)
    keys = keys / keys.norm(dim=-1, keepdim=True) * lengths[None, None, :, None]
    for seed in (1, 2):
        memory = KeyNorm(budget=10).memory(0, None)
        read(memory, random(1, 1, 50, 8, seed=seed), keys, values)
        assert memory.positions.tolist() == [[i for i in range(50) if lengths[i] <= 10]]


def test_key_norm_leaves_the_first_layers_whole():
    policy = KeyNorm(budget=10, whole=2)
    for layer, entries in enumerate((50, 50, 10, 10)):
        memory = policy.memory(layer, None)
        read(memory, *qkv(2, 2, 50))
        assert memory.positions.shape == (2, entries)


# -- A2SF -------------------------------------------------------------------------------------------------------------


def recurrence(share, forgetting):
    """(K, G, T, N) weights -> (K, N) scores by the paper's formula, token after token."""
    score = torch.zeros(share.shape[0], share.shape[-1])
    for t in range(share.shape[2]):
        score = forgetting * score + share[:, :, t].mean(dim=1)
    return score


@pytest.mark.parametrize("forgetting", [0.0, 0.3, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("cells", [1 << 20, 300])
def test_a2sf_is_its_recurrence_however_it_is_computed(forgetting, cells, monkeypatch):
    monkeypatch.setitem(compressors.kv_memory._CELLS, "cpu", cells)
    queries, keys, _ = qkv(2, 2, 60)
    got = A2SF(forgetting=forgetting).scores(queries, keys, 0.4)
    assert torch.allclose(got, recurrence(weights(queries, keys, 0.4), forgetting), atol=1e-5)


def test_a2sf_between_heavy_hitters_and_the_last_token():
    queries, keys, _ = qkv(1, 4, 30)
    share = weights(queries, keys, 1.0).mean(dim=1)
    assert torch.allclose(A2SF(forgetting=1).scores(queries, keys, 1.0), share.sum(dim=1), atol=1e-5)
    assert torch.allclose(A2SF(forgetting=0).scores(queries, keys, 1.0), share[:, -1], atol=1e-6)
    queries, keys = made(torch.ones(200, 200).tril() / torch.arange(1, 201)[:, None])
    assert (A2SF(forgetting=1).scores(queries, keys, 1.0).diff(dim=1) < 0).all()  # age alone makes a heavy hitter
    assert (A2SF(forgetting=0.5).scores(queries, keys, 1.0) <= 1 / (1 - 0.5)).all()


def test_a2sf_drops_the_lowest_at_every_step():
    queries, keys, values = qkv(2, 2, 50)
    memory = A2SF(budget=10, forgetting=0.8).memory(0, None)
    assert isinstance(memory, Scored)
    read(memory, queries[:, :, :30], keys[:, :, :30], values[:, :, :30])
    start = recurrence(weights(queries[:, :, :30], keys[:, :, :30], 1.0), 0.8)
    held = [{int(i): float(row[i]) for i in row.argsort(descending=True)[:10]} for row in start]
    for t in range(30, 50):
        read(memory, *(x[:, :, t : t + 1] for x in (queries, keys, values)))
        for head, scores in enumerate(held):
            places = [*sorted(scores), t]
            share = weights(queries[:, 2 * head : 2 * head + 2, t : t + 1], keys[:, head : head + 1, places], 1.0)
            for place, value in zip(places, share.mean(dim=1)[0, 0].tolist(), strict=True):
                scores[place] = 0.8 * scores.get(place, 0.0) + value
            del scores[min(scores, key=scores.__getitem__)]
            assert memory.positions[head].tolist() == sorted(scores)
    assert memory.attended == 11


# -- ThinK ------------------------------------------------------------------------------------------------------------


def test_think_drops_the_channels_with_the_least_product():
    queries, keys, _ = qkv(2, 2, 40)
    # Neither the queries' size nor the keys' nor their sum has the order of the product.
    queries, keys = queries * torch.logspace(-2, 2, 8), keys * torch.tensor([9e3, 5, 4e2, 3, 1, 8e-1, 2e-1, 1e-4])
    kept = ThinK(channels=0.5, window=10).kept(queries, keys)
    for head in range(2):
        asked = queries[0, 2 * head : 2 * head + 2, -10:].reshape(-1, 8)
        # The norm of the whole product of one channel, as the paper has it before it is factored.
        loss = [torch.outer(asked[:, i], keys[0, head, :, i]).norm() for i in range(8)]
        assert set(kept[head].tolist()) == set(torch.tensor(loss).argsort(descending=True)[:4].tolist())
        lost = {
            mask: sum(float(loss[i]) for i in range(8) if i not in mask) for mask in itertools.combinations(range(8), 4)
        }
        assert lost[tuple(kept[head].tolist())] == min(lost.values())


@pytest.mark.parametrize(("heads", "groups"), [(4, 1), (2, 2), (1, 4)])
def test_think_attends_as_if_the_channels_were_zero(heads, groups):
    queries, keys, values = qkv(heads, groups, 40)
    policy = ThinK(channels=0.6, window=8, recent=6)
    memory = policy.memory(0, None)
    read(memory, queries[:, :, :30], keys[:, :, :30], values[:, :, :30], 0.3)
    kept = policy.kept(queries[:, :, :30], keys[:, :, :24])
    assert kept.shape == (heads, 5)
    gone = keys.clone()
    for head in range(heads):
        out = [i for i in range(8) if i not in kept[head].tolist()]
        gone[0, head, :24, out] = 0
    for at in (slice(30, 31), slice(31, 36), slice(36, 40)):
        got = read(memory, queries[:, :, at], keys[:, :, at], values[:, :, at], 0.3)
        assert torch.allclose(
            got, attend(queries[:, :, at], gone[:, :, : at.stop], values[:, :, : at.stop], 0.3), atol=1e-5
        )


@pytest.mark.parametrize(
    "policy", [KeyNorm(budget=1), ThinK(recent=4), ThinK(channels=1), Quantised(group=8, recent=4), Blocks()]
)
def test_what_is_dropped_is_free_even_where_all_came_as_views(policy):
    """As from models that compute queries, keys and values in one product."""
    together = random(1, 40, 4 * 3 * 8).view(1, 40, 3, 4, 8).permute(2, 0, 3, 1, 4)
    memory = policy.memory(0, None)
    read(memory, *together)
    assert memory.nbytes == sum(t.numel() * t.element_size() for t in memory.tensors())
    read(memory, *(x[:, :, :1].clone() for x in together))
    assert memory.nbytes == sum(t.numel() * t.element_size() for t in memory.tensors())


# -- few bits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("dim", [-2, -1])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_a_number_comes_back_within_half_a_step(bits, dim, scale):
    numbers = random(1, 2, 32, 16) * scale
    held = quantise(numbers, bits, 8, dim)
    back = restored(held, bits, 8, dim, torch.float32)
    assert held.codes.numel() * 8 == numbers.numel() * bits
    groups = numbers.reshape(1, 2, 4, 8, 16) if dim == -2 else numbers.reshape(1, 2, 32, 2, 8)
    half = (groups.amax(dim, keepdim=True) - groups.amin(dim, keepdim=True)) / (2**bits - 1) / 2
    bound = half.expand_as(groups).reshape(numbers.shape)
    assert ((back - numbers).abs() <= bound * 1.001 + numbers.abs() * 1e-6).all()
    equal = torch.full((1, 1, 8, 8), 3.5)
    assert torch.equal(restored(quantise(equal, bits, 8, dim), bits, 8, dim, torch.float32), equal)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_types_of_16_bits_come_back_as_they_were(dtype):
    numbers = random(1, 2, 32, 16).to(dtype)
    held = quantise(numbers, 8, 32, -2)
    assert held.step.dtype == torch.float16
    back = restored(held, 8, 32, -2, dtype)
    assert back.dtype == dtype
    assert torch.allclose(back.float(), numbers.float(), atol=0.05)


def test_a_large_channel_of_the_keys_spoils_no_other():
    keys = random(1, 1, 32, 16)
    alone = restored(quantise(keys, 4, 32, -2), 4, 32, -2, torch.float32)
    keys[..., 5] *= 1000
    beside = restored(quantise(keys, 4, 32, -2), 4, 32, -2, torch.float32)
    others = [i for i in range(16) if i != 5]
    assert torch.equal(alone[..., others], beside[..., others])


@pytest.mark.parametrize("group", [8, 5])
def test_what_is_no_longer_recent_is_quantised_and_nothing_is_lost(group):
    queries, keys, values = qkv(2, 2, 90)
    memory = Quantised(bits=8, group=group, recent=12).memory(0, None)
    read(memory, queries[:, :, :30], keys[:, :, :30], values[:, :, :30], 0.3)
    for t in range(30, 90):
        at = slice(t, t + 1)
        out = read(memory, queries[:, :, at], keys[:, :, at], values[:, :, at], 0.3)
        assert 12 <= memory.keys.shape[2] < 12 + group
        assert torch.allclose(
            out, attend(queries[:, :, at], keys[:, :, : t + 1], values[:, :, : t + 1], 0.3), atol=0.02
        )
    assert torch.equal(memory.keys, keys[:, :, 90 - memory.keys.shape[2] :])
    size = sum(t.numel() * t.element_size() for t in (keys, values))
    assert memory.nbytes < 0.75 * size


# -- blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("representatives", [0, 2])
def test_a_block_that_fits_the_question_is_found_whenever_it_is_asked_for(representatives):
    queries, keys, values = qkv(2, 2, 128)
    policy = Blocks(budget=40, block=8, sinks=4, recent=8, representatives=representatives)
    memory = policy.memory(0, None)
    asked = {place: random(1, 2, 1, 8, seed=place) for place in (30, 77, 101)}
    for place, key in asked.items():
        keys[:, :, place : place + 1] = 3 * key
        queries[:, :, place + 1 : place + 9] = key.repeat_interleave(2, dim=1)  # read on with the key in mind
    read(memory, queries, keys, values)
    for place in (77, 30, 101, 77):
        question = 3 * asked[place].repeat_interleave(2, dim=1)
        read(memory, question, *(random(1, 2, 1, 8, seed=i) for i in (8, 9)))
        assert place in memory.chosen
    assert memory.keys.shape[2] == 132


def test_single_tokens_by_the_vote_of_all_heads():
    queries, keys, values = qkv(2, 2, 100)
    memory = Blocks(budget=30, block=1, sinks=4, recent=10).memory(0, None)
    read(memory, queries[:, :, :99], keys[:, :, :99], values[:, :, :99], 0.5)
    out = read(memory, queries[:, :, 99:], keys[:, :, 99:], values[:, :, 99:], 0.5)
    vote = weights(queries[:, :, 99:], keys, 0.5).sum(dim=(0, 1, 2))
    middle = sorted((vote[4:90].argsort(descending=True)[:16] + 4).tolist())
    index = [*range(4), *middle, *range(90, 100)]
    assert memory.chosen.tolist() == index
    assert torch.allclose(out, attend(queries[:, :, 99:], keys[:, :, index], values[:, :, index], 0.5), atol=1e-5)


def test_a_head_with_large_products_does_not_outvote_the_others():
    """Softmax before the sum: two heads that want entry 20 win against one that shouts for entry 40."""
    keys = torch.zeros(1, 3, 60, 2)
    keys[0, :2, 20, 0] = 6.0
    keys[0, 2, 40, 1] = 50.0
    memory = Blocks(budget=6, block=1, sinks=0, recent=5).memory(0, None)
    read(memory, torch.ones(1, 3, 60, 2), keys, random(1, 3, 60, 2))
    read(memory, torch.ones(1, 3, 1, 2), torch.zeros(1, 3, 1, 2), random(1, 3, 1, 2))
    assert 20 in memory.chosen
    assert 40 not in memory.chosen


@pytest.mark.parametrize("representatives", [0, 1, 4])
@pytest.mark.parametrize("budget", [1.0, 3, 9, 24, 50])
def test_no_step_attends_to_more_than_the_budget(budget, representatives):
    queries, keys, values = qkv(1, 2, 150)
    memory = Blocks(budget=budget, block=8, recent=16, representatives=representatives).memory(0, None)
    read(memory, queries[:, :, :70], keys[:, :, :70], values[:, :, :70])
    for t in range(70, 150):
        at = slice(t, t + 1)
        out = read(memory, queries[:, :, at], keys[:, :, at], values[:, :, at])
        if memory.chosen is None:
            assert budget == 1
            assert torch.allclose(out, attend(queries[:, :, at], keys[:, :, : t + 1], values[:, :, : t + 1], 1.0))
            continue
        index = memory.chosen
        assert len(index) <= budget
        assert index[-1] == t
        assert (index.diff() > 0).all()
        assert torch.allclose(out, attend(queries[:, :, at], keys[:, :, index], values[:, :, index], 1.0), atol=1e-5)


def test_representatives_are_the_keys_that_later_tokens_like():
    queries, keys, values = qkv(2, 2, 40)
    memory = Blocks(budget=20, block=8, sinks=4, recent=6, representatives=3).memory(0, None)
    read(memory, queries, keys, values)
    for head in range(2):
        asked = queries[0, 2 * head : 2 * head + 2].sum(dim=0)
        liked = [asked[m + 1 : m + 7].mean(dim=0) @ keys[0, head, m] for m in range(39)]
        for block, start in enumerate(range(4, 28, 8)):
            top = sorted(range(start, start + 8), key=lambda m: -float(liked[m]))[:3]
            got = memory.found_by[0, head, 3 * block : 3 * block + 3]
            assert torch.equal(got, keys[0, head, sorted(top)])


def test_entries_may_lie_elsewhere():
    out = []
    for far in ("", "cpu"):
        memory = Blocks(budget=20, block=4, recent=4, far=far).memory(0, None)
        read(memory, *qkv(2, 2, 60))
        out.append(read(memory, *qkv(2, 2, 1, seed=9)))
    assert torch.equal(*out)
