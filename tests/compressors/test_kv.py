"""KV policies in real models: with a budget that covers the text nothing changes, in any shape of attention."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compressors.kv_a2sf import A2SF
from compressors.kv_blocks import Blocks
from compressors.kv_keynorm import KeyNorm
from compressors.kv_quantised import Quantised
from compressors.kv_sinks import Sinks
from compressors.kv_snapkv import SnapKV
from compressors.kv_think import ThinK
from pipeline.core.errors import UserError
from pipeline.core.spec import identity

torch = pytest.importorskip("torch")

SHAPES = {"multi_head": 4, "grouped": 2, "multi_query": 1}
SAGE = SnapKV(window=1, pool=1, sinks=4, recent=8, roll=True)
DROPPING = {
    "sinks": Sinks(stream=False),
    "stream": Sinks(),
    "snapkv": SnapKV(window=8, pool=5, pooling="mean"),  # largest of neighbours: many equals
    "sage": SAGE,
    "keynorm": KeyNorm(),
    "a2sf": A2SF(forgetting=0.9),
}
# A budget of everything, as a share and as a number of entries, or the setting that changes nothing.
NEUTRAL = {
    **{f"{name}-share": replace(policy, budget=1) for name, policy in DROPPING.items()},
    **{f"{name}-number": replace(policy, budget=500) for name, policy in DROPPING.items()},
    "think": ThinK(channels=1),
    "think-recent": ThinK(channels=0.3, recent=500),
    "quantised": Quantised(bits=16),
    "quantised-recent": Quantised(bits=2, recent=500),
    "blocks-share": Blocks(budget=1, block=8, recent=8),
    "blocks-number": Blocks(budget=500, block=8, recent=8, representatives=2),
}
TOKENS, STEPS = 120, 6


@pytest.fixture(scope="module")
def folders(attending):
    """A model for each shape of attention."""
    small = {"vocab_size": 128, "num_hidden_layers": 2, "bos_token_id": 0}
    return {name: attending(heads, **small) for name, heads in SHAPES.items()}


def load(folder):
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(folder).eval()


@pytest.fixture(scope="module")
def models(folders):
    return {name: load(folder) for name, folder in folders.items()}


def prompt(tokens: int = TOKENS, seed: int = 5):
    """No token twice: two of one have keys of one length in the first layer."""
    return torch.randperm(126, generator=torch.Generator().manual_seed(seed))[None, :tokens] + 2


def decode(model, ids, cache, steps: int = STEPS):
    """Greedy tokens and the logits before each, by one forward for the prompt and one for each token."""
    tokens, logits = [], []
    with torch.inference_mode():
        out = model(ids, past_key_values=cache, use_cache=True).logits[:, -1]
        for _ in range(steps):
            logits.append(out[0])
            tokens.append(int(out.argmax()))
            at = torch.tensor([[ids.shape[1] + len(tokens) - 1]])
            out = model(torch.tensor([[tokens[-1]]]), past_key_values=cache, use_cache=True, position_ids=at)
            out = out.logits[:, -1]
    return tokens, torch.stack(logits) if logits else None


def under(policy, model, ids, steps: int = STEPS):
    with policy.reading(model) as reading:
        tokens, logits = decode(model, ids, reading.cache, steps)
        return tokens, logits, reading.use, reading.layers


@pytest.fixture(scope="module")
def dense(folders):
    """The library's own attention and cache, on models that no policy has touched."""
    from transformers import DynamicCache

    return {name: decode(load(folder), prompt(), DynamicCache()) for name, folder in folders.items()}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("policy", NEUTRAL.values(), ids=NEUTRAL)
def test_a_budget_that_covers_the_text_changes_nothing(models, dense, shape, policy):
    tokens, logits, use, _ = under(policy, models[shape], prompt())
    assert tokens == dense[shape][0]
    assert torch.allclose(logits, dense[shape][1], atol=2e-4, rtol=1e-4)
    assert use.attended == TOKENS + STEPS


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", DROPPING)
def test_a_quarter_of_the_budget_is_a_quarter_of_the_bytes(models, shape, name):
    heads = SHAPES[shape]
    _, logits, use, layers = under(replace(DROPPING[name], budget=0.25), models[shape], prompt())
    assert use.tokens == TOKENS
    assert use.dense_bytes == 2 * 2 * heads * TOKENS * 16 * 4  # layers, keys and values, heads, entries, size, float32
    assert 0.25 <= use.share <= 0.30
    # While the second layer is compressed, the first is small already and the second stands there twice.
    assert use.peak_bytes == use.dense_bytes // 2 + use.kept_bytes
    assert logits.isfinite().all()
    grows = name in ("snapkv", "keynorm")
    assert all(m.keys.shape == (1, heads, 30 + STEPS * grows, 16) for m in layers)
    assert use.attended == 30 + (STEPS if grows else name == "a2sf")  # A2SF drops after it has attended


def test_what_the_others_take_is_told_as_it_is(models):
    """Of float32; entries have 2 x 16 numbers, and 120 of them stand in each head."""
    model, ids = models["grouped"], prompt()
    entry = 2 * 16 * 4
    _, _, use, _ = under(ThinK(channels=0.5, recent=20), model, ids)
    assert use.kept_bytes == 2 * 2 * (100 * (8 + 16) * 4 + 20 * entry + 8 * 2)
    _, _, use, _ = under(Quantised(bits=4, group=16, recent=24), model, ids)
    codes, scales = 96 * 2 * 16 // 2, (96 // 16 * 16 + 96) * 2 * 4
    assert use.kept_bytes == 2 * 2 * (codes + scales + 24 * entry)
    _, _, use, _ = under(Blocks(budget=0.25, block=4, recent=8), model, ids)
    assert use.share == 1
    assert 0 < use.attended <= 30


@pytest.mark.parametrize("policy", [*DROPPING.values(), ThinK(), Quantised(group=16, recent=16), Blocks(block=4)])
def test_generate_takes_the_cache_and_gives_the_same_tokens(models, policy):
    model = models["grouped"]
    tokens, *_ = under(policy, model, prompt())
    with policy.reading(model) as reading:
        mask = torch.ones_like(prompt())
        settings = {"max_new_tokens": STEPS, "do_sample": False, "pad_token_id": 0}
        out = model.generate(prompt(), attention_mask=mask, past_key_values=reading.cache, **settings)
    assert out[0, TOKENS:].tolist() == tokens
    assert reading.use.decode_seconds > 0 < reading.use.prefill_seconds


@pytest.mark.parametrize("policy", [*DROPPING.values(), ThinK(), Quantised(group=16, recent=16), Blocks(block=4)])
@pytest.mark.parametrize("tokens", [1, 2, 7])
def test_short_prompts_are_read_too(models, policy, tokens):
    _, logits, use, _ = under(policy, models["multi_query"], prompt(tokens), steps=4)
    assert logits.isfinite().all()
    assert use.kept_bytes > 0


@pytest.mark.parametrize("name", DROPPING)
def test_the_numbers_of_a_budget(name):
    share, number = replace(DROPPING[name], budget=0.29), replace(DROPPING[name], budget=30)
    assert [share.capacity(n) for n in (100, 10, 1)] == [29, 2, 1]
    assert [number.capacity(n) for n in (100, 10)] == [30, 30]
    assert replace(share, budget=1).capacity(100) is None


def by_definition(name, attention, keys):
    """(K, N) scores of one layer from the library's (H, N, N) attention weights and (K, N, E) keys, in plain loops."""
    heads, tokens = keys.shape[:2]
    group = len(attention) // heads
    out = torch.zeros(heads, tokens)
    for head in range(heads):
        share = attention[head * group : (head + 1) * group]
        if name == "keynorm":
            out[head] = -keys[head].norm(dim=-1)
        elif name == "sage":
            out[head] = share[:, -1].mean(dim=0)
        elif name == "a2sf":
            for t in range(tokens):
                out[head] = 0.9 * out[head] + share[:, t].mean(dim=0)
        else:
            seen = share[:, -8:].mean(dim=1)
            for j in range(tokens - 8):
                out[head, j] = seen[:, max(0, j - 2) : min(tokens - 8, j + 3)].sum(dim=1).mean() / 5
    return out


def chosen(name, scores, capacity: int):
    """(K, capacity) places: those that stay anyway, and the best of the others."""
    tokens = scores.shape[1]
    first, last = {"sage": (4, 8), "snapkv": (0, 8), "sinks": (4, capacity - 4)}.get(name, (0, 0))
    middle = scores[:, first : tokens - last].argsort(dim=1, descending=True)[:, : capacity - first - last] + first
    ends = torch.tensor([*range(first), *range(tokens - last, tokens)], dtype=torch.long).expand(len(scores), -1)
    return torch.cat((middle, ends), dim=1).sort(dim=1).values


def moved(keys, by: int):
    """Rotated keys of these models, `by` positions later, as products of complex numbers."""
    half = keys.shape[-1] // 2
    angles = by * 10_000.0 ** (-torch.arange(half) / half)
    whole = torch.complex(keys[..., :half], keys[..., half:]) * torch.polar(torch.ones(half), angles)
    return torch.cat((whole.real, whole.imag), dim=-1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [name for name in DROPPING if name != "stream"])
def test_the_librarys_own_weights_and_cache_go_on_alike(models, folders, shape, name):
    """Independent: `eager` weights, the papers' scores in loops, and the library's own cache cut to the choice."""
    from transformers import DynamicCache, LlamaForCausalLM

    eager = LlamaForCausalLM.from_pretrained(folders[shape], attn_implementation="eager").eval()
    cache, capacity = DynamicCache(), TOKENS // 4
    with torch.inference_mode():
        out = eager(prompt(), past_key_values=cache, output_attentions=True)
    for layer, share in zip(cache.layers, out.attentions, strict=True):
        stay = chosen(name, by_definition(name, share[0], layer.keys[0]), capacity)
        index = stay[None, :, :, None].expand(1, -1, -1, 16)
        layer.places, layer.keys, layer.values = stay, layer.keys.gather(2, index), layer.values.gather(2, index)
    policy = replace(DROPPING[name], budget=0.25)
    _, _, _, layers = under(policy, models[shape], prompt(), steps=0)
    assert [m.positions.tolist() for m in layers] == [layer.places.tolist() for layer in cache.layers]
    if name == "a2sf":
        return  # what it drops while decoding is held to its recurrence in test_kv_methods
    tokens, logits, _, _ = under(policy, models[shape], prompt(), steps=6)
    for layer in cache.layers if name == "sinks" else ():
        # The paper's numbers: 0 to capacity - 1 within the cache.
        layer.keys = torch.cat((layer.keys[:, :, :4], moved(layer.keys[:, :, 4:], capacity - TOKENS)), dim=2)
    for i, token in enumerate(tokens[:-1]):
        for layer in cache.layers if name in ("sinks", "sage") else ():
            gone = 4 if name == "sinks" else capacity - 8
            layer.keys = torch.cat((layer.keys[:, :, :gone], layer.keys[:, :, gone + 1 :]), dim=2)
            layer.values = torch.cat((layer.values[:, :, :gone], layer.values[:, :, gone + 1 :]), dim=2)
            if name == "sinks":
                layer.keys = torch.cat((layer.keys[:, :, :4], moved(layer.keys[:, :, 4:], -1)), dim=2)
        at = torch.tensor([[capacity - 1 if name == "sinks" else TOKENS + i]])
        with torch.inference_mode():
            got = eager(torch.tensor([[token]]), past_key_values=cache, position_ids=at).logits[0, -1]
        assert torch.allclose(got, logits[i + 1], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(("shape", "renumber"), [(s, True) for s in SHAPES] + [("grouped", False)])
def test_a_stream_read_at_once_is_the_stream_read_token_by_token(models, shape, renumber):
    """In every layer: what has left one layer's window has not reached the next layer through a later token either."""
    policy, ids = Sinks(budget=30, renumber=renumber), prompt()
    tokens, logits, _, _ = under(policy, models[shape], ids, steps=3)
    with policy.reading(models[shape]) as reading, torch.inference_mode():
        for t in range(TOKENS - 1):
            models[shape](ids[:, t : t + 1], past_key_values=reading.cache, position_ids=torch.tensor([[t]]))
        got = []
        for i, token in enumerate([int(ids[0, -1]), *tokens[:2]]):
            at = torch.tensor([[TOKENS - 1 + i]])
            out = models[shape](torch.tensor([[token]]), past_key_values=reading.cache, position_ids=at)
            got.append(out.logits[0, -1])
    assert torch.allclose(torch.stack(got), logits, atol=2e-4, rtol=1e-4)


def test_each_head_chooses_for_itself_and_positions_are_those_of_the_text(models):
    _, _, _, layers = under(replace(SAGE, budget=0.25), models["multi_head"], prompt(), steps=1)
    for memory in layers:
        assert (memory.positions.diff(dim=1) > 0).all()
        assert memory.positions[:, :4].tolist() == [[0, 1, 2, 3]] * 4
        assert len({tuple(row) for row in memory.positions.tolist()}) > 1


def test_a_reading_begins_anew(models):
    first = under(SAGE, models["grouped"], prompt())
    under(Quantised(group=16, recent=16), models["grouped"], prompt(40, seed=1))
    again = under(SAGE, models["grouped"], prompt())
    assert first[0] == again[0]
    assert torch.equal(first[1], again[1])


def test_batches_are_refused_and_nothing_stays_active(models):
    model = models["grouped"]
    with pytest.raises(ValueError, match="one prompt at a time"), SAGE.reading(model) as reading:
        model(prompt().repeat(2, 1), past_key_values=reading.cache)
    with pytest.raises(LookupError):
        model(prompt())


def test_models_with_other_attention_are_refused(tmp_path):
    from transformers import BloomConfig, BloomForCausalLM, MistralConfig, MistralForCausalLM, Qwen3Config
    from transformers import Qwen3ForCausalLM as Qwen3

    small = {"vocab_size": 32, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {**small, "intermediate_size": 32, "num_key_value_heads": 1, "head_dim": 16}
    layers = ["full_attention", "sliding_attention"]
    mixed = Qwen3(Qwen3Config(**more, sliding_window=8, use_sliding_window=True, layer_types=layers))
    for model, found in (
        (MistralForCausalLM(MistralConfig(**more, sliding_window=8)), "sliding"),
        (mixed, "sliding"),
        (BloomForCausalLM(BloomConfig(**{**small, "n_head": 2, "n_layer": 2})), "by itself"),
    ):
        with pytest.raises(UserError, match=found) as caught, SnapKV().reading(model.eval()) as reading:
            decode(model, prompt(20) % 32, reading.cache, steps=2)
        assert "\n" not in str(caught.value)


_SMALL = {"vocab_size": 128, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
_SMALL |= {"num_attention_heads": 4, "max_position_embeddings": 512, "initializer_range": 0.3, "eos_token_id": None}
_LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}


def of_family(name: str, **settings):
    """A random model of another family; rope: settings of a Llama's positions."""
    import transformers

    torch.manual_seed(3)
    config = getattr(transformers, f"{name}Config")(**_SMALL, **settings)
    return getattr(transformers, f"{name}ForCausalLM")(config).eval()


def rope(kind: str, **settings):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10_000.0, "factor": 8.0, **settings}}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Qwen3", {"num_key_value_heads": 2, "head_dim": 16}),  # keys are normed before they are rotated
        ("Phi", {"partial_rotary_factor": 0.5, "pad_token_id": None}),  # half of a key is rotated
        ("Llama", rope("llama3", **_LLAMA3)),
        ("Llama", rope("yarn", original_max_position_embeddings=128)),  # cosines are scaled
    ],
)
def test_other_families_attend_through_a_policy_too(name, settings):
    from transformers import DynamicCache

    model = of_family(name, **settings)
    tokens, logits = decode(model, prompt(), DynamicCache(), steps=4)
    for policy in (replace(DROPPING["a2sf"], budget=1), Sinks(budget=500), Blocks(budget=1), Quantised(bits=16)):
        got = under(policy, model, prompt(), steps=4)
        assert got[0] == tokens
        assert torch.allclose(got[1], logits, atol=2e-4, rtol=1e-4)
    at_once = under(Sinks(budget=30), model, prompt(), steps=1)[1][0]
    with Sinks(budget=30).reading(model) as reading, torch.inference_mode():
        for t in range(TOKENS):
            at = torch.tensor([[t]])
            out = model(prompt()[:, t : t + 1], past_key_values=reading.cache, position_ids=at)
    assert torch.allclose(out.logits[0, -1], at_once, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "settings"),
    # Neighbouring channels turn together; the turn depends on the length; positions are added, nothing turns.
    [("Cohere", {"pad_token_id": None}), ("Llama", rope("dynamic")), ("GPT2", {"bos_token_id": None})],
)
def test_positions_that_cannot_be_counted_anew_are_refused(name, settings):
    import transformers

    model = (
        transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=64, n_head=4, n_layer=2))
        if name == "GPT2"
        else of_family(name, **settings)
    )
    with pytest.raises(UserError, match="renumber: false"), Sinks().reading(model):
        pass
    _, _, use, _ = under(Sinks(renumber=False), model.eval(), prompt(), steps=2)
    assert use.attended == 30


@pytest.mark.parametrize("policy", [*DROPPING.values(), ThinK(), Quantised(group=16, recent=16), Blocks(block=4)])
def test_models_of_16_bits_are_read_in_their_type(folders, policy):
    model = load(folders["grouped"]).to(torch.bfloat16)
    _, logits, use, _ = under(policy, model, prompt(), steps=4)
    assert logits.dtype == torch.bfloat16
    assert logits.isfinite().all()
    assert use.dense_bytes == 2 * 2 * 2 * TOKENS * 16 * 2


@pytest.mark.parametrize(
    ("make", "settings", "found"),
    [
        (SnapKV, {"budget": 0}, "budget"),
        (Sinks, {"budget": -1}, "budget"),
        (A2SF, {"budget": 2.5}, "budget"),
        (Blocks, {"budget": float("nan")}, "budget"),
        (SnapKV, {"pool": 4}, "pool"),
        (SnapKV, {"window": 0}, "window"),
        (SnapKV, {"pooling": "median"}, "pooling"),
        (KeyNorm, {"recent": -1}, "recent"),
        (Sinks, {"sinks": 0}, "sinks"),
        (Sinks, {"recent": 4}, "recent"),
        (A2SF, {"forgetting": 1.5}, "forgetting"),
        (ThinK, {"channels": 0}, "channels"),
        (Quantised, {"bits": 3}, "bits"),
        (Quantised, {"group": 0}, "group"),
        (Blocks, {"representatives": 40}, "representatives"),
    ],
)
def test_settings_that_cannot_work_are_one_line(make, settings, found):
    with pytest.raises(UserError) as caught:
        make(**settings)
    assert str(caught.value).startswith(f"{found}: ")
    assert "\n" not in str(caught.value)


def test_every_setting_is_in_the_identity_but_the_place():
    assert len({identity(p) for p in [*DROPPING.values(), *NEUTRAL.values()]}) == len(DROPPING) + len(NEUTRAL)
    assert identity(Blocks(far="cpu")) == identity(Blocks())
