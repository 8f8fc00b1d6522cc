"""What follows from a shape alone: known values, tiny real models of every family, and laws of counting."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.cost.config import FAMILIES, PRESETS, shape_named, shape_of_config
from pipeline.cost.shape import ModelShape

SMALL = ModelShape(
    name="small", layers=6, hidden=64, heads=4, kv_heads=2, head_dim=16, feed=96, vocab=300, sliding=4, window=7
)


@pytest.mark.parametrize(
    ("name", "parameters", "kib"), [("llama-8b", 8_030_261_248, 128), ("llama-70b", 70_553_706_496, 320)]
)
def test_llama_has_the_published_parameters_and_kv_bytes(name, parameters, kib):
    shape = PRESETS[name]
    assert shape.parameters == parameters
    assert shape.kv_bytes(1) == kib * 1024
    assert shape.weight_bytes == 2 * parameters


# Sizes that tell every term apart; what each family adds is what its code in transformers has.
SIZES = {
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 7,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 131,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MADE = [
    *((family, {}) for family in FAMILIES),
    *((family, {"tie_word_embeddings": True}) for family in ("llama", "qwen2", "qwen3")),
    ("gemma", {"tie_word_embeddings": False}),
    ("llama", {"attention_bias": True, "mlp_bias": True}),
    *((family, {"attention_bias": True}) for family in ("qwen3", "gemma2", "granite")),
    *((family, {"num_key_value_heads": 6}) for family in ("llama", "gemma3_text")),
    ("qwen2", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 3}),
    ("qwen2", {"head_dim": None}),
    *((family, {"sliding_window": 5}) for family in ("mistral", "gemma2", "gemma3_text", "phi3")),
]


def tiny(family: str, changed: dict):
    import torch
    import transformers

    given_sizes = {**SIZES, **changed}
    if family == "phi3" or given_sizes["head_dim"] is None:  # these take the hidden size over the heads
        del given_sizes["head_dim"]
    config = transformers.AutoConfig.for_model(family, **given_sizes)
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize(("family", "changed"), MADE, ids=str)
def test_a_saved_model_is_counted_as_it_is(family, changed, tmp_path):
    import torch
    from transformers import DynamicCache

    model = tiny(family, changed)
    model.config.save_pretrained(tmp_path)
    shape = shape_named(str(tmp_path))
    assert shape.parameters == sum(p.numel() for p in model.parameters())
    # A cache without the config keeps every token of every layer.
    with torch.inference_mode():
        whole = model(torch.arange(3, 14)[None], past_key_values=DynamicCache(), use_cache=True).past_key_values
    numbers = sum(layer.keys.numel() + layer.values.numel() for layer in whole.layers)
    assert replace(shape, sliding=0).kv_bytes(11, "fp32") == 4 * numbers


@pytest.mark.parametrize(("family", "changed"), [m for m in MADE if "sliding_window" in m[1]], ids=str)
def test_windows_are_those_that_the_model_has(family, changed, tmp_path):
    model = tiny(family, changed)
    model.config.save_pretrained(tmp_path)
    shape = shape_named(str(tmp_path))
    from transformers import DynamicCache

    layers = DynamicCache(config=model.config).layers
    windows = [getattr(layer, "sliding_window", None) for layer in layers]
    assert shape.sliding == sum(w is not None for w in windows) > 0
    assert {w for w in windows if w} == {shape.window} == {5}
    # Files of older versions do not list the layers.
    older = json.loads((tmp_path / "config.json").read_text())
    older.pop("layer_types", None)
    assert shape_of_config(older, name=shape.name, where="older") == shape


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 12))
def test_pairs_are_those_of_a_mask(cached, tokens, window):
    shape = replace(SMALL, sliding=2 if window else 0, window=window)
    full = sum(key <= query for query in range(cached, cached + tokens) for key in range(cached + tokens))
    near = sum(
        query - window < key <= query for query in range(cached, cached + tokens) for key in range(cached + tokens)
    )
    pairs = (shape.layers - shape.sliding) * full + shape.sliding * near
    assert shape.attention_flops(tokens, cached) == 4 * shape.heads * shape.head_dim * pairs


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000))
def test_reading_in_two_parts_takes_the_same_products(cached, a, b):
    whole = SMALL.prefill_flops(a + b, cached)
    assert whole == SMALL.prefill_flops(a, cached) + SMALL.prefill_flops(b, cached + a)
    assert SMALL.decode_flops(a) == SMALL.prefill_flops(a + 1) - SMALL.prefill_flops(a) + SMALL.head_flops(1)


def test_dense_products_match_a_count_by_torch():
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = tiny("llama", {})
    shape = shape_of_config(model.config.to_dict(), name="tiny", where="here")
    model.set_attn_implementation("eager")
    with torch.inference_mode(), FlopCounterMode(display=False) as counted:
        model(torch.arange(3, 23)[None], logits_to_keep=1)
    # Eager attention computes the whole square, of which causal attention needs (n + 1) / (2 n).
    square = shape.attention_flops(20) * 2 * 20 // 21
    rotary = 2 * (shape.head_dim // 2) * 20  # the angles are made by a product
    found = counted.get_total_flops() - (shape.matrix_flops(20) + shape.head_flops(1) + square)
    assert found in (0, rotary)


@given(st.integers(0, 10**6))
def test_kv_bytes_follow_the_number_format(tokens):
    assert SMALL.kv_bytes(tokens, "fp8") == SMALL.kv_bytes(tokens, "int8") == SMALL.kv_bytes(tokens) / 2
    assert SMALL.kv_bytes(tokens, "int4") == SMALL.kv_bytes(tokens) / 4
    assert replace(SMALL, kv_heads=1).kv_bytes(tokens) == SMALL.kv_bytes(tokens) / 2
    dense = replace(SMALL, sliding=0, window=0)
    assert SMALL.kv_bytes(tokens) == dense.kv_bytes(tokens) / 6 * 2 + dense.kv_bytes(min(tokens, 7)) / 6 * 4


def test_quantised_matrices_leave_the_rest_in_its_format():
    shape = replace(PRESETS["llama-8b"], weights="int4")
    rest = shape.parameters - shape.matrix_parameters
    assert shape.weight_bytes == shape.matrix_parameters / 2 + rest * 2


CONFIG = {"model_type": "llama", **{k: v for k, v in SIZES.items() if not k.endswith("_id")}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model_type": "mamba"}, "Known: gemma, gemma2"),
        ({"num_local_experts": 8}, "num_local_experts"),
        ({"hidden_size": None}, "'hidden_size' is missing"),
        ({"hidden_size": "48"}, "hidden_size is '48'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_key_value_heads": 4}, "cannot share"),
        ({"layer_types": ["linear_attention"]}, "linear_attention"),
        ({"dtype": "float8"}, "dtype is 'float8'"),
        ({"quantization_config": {"quant_method": "odd"}}, "does not say its bits"),
    ],
    ids=str,
)
def test_what_cannot_be_counted_is_refused_in_one_line(changed, said, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**CONFIG, **changed}))
    with pytest.raises(UserError) as found:
        shape_named(str(path))
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_the_text_part_of_a_model_that_sees_is_read(tmp_path):
    inner = {**CONFIG, "model_type": "gemma3_text"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": inner}))
    assert shape_named(str(tmp_path)).head_norm


@pytest.mark.parametrize(
    ("how", "weights"), [({"quant_method": "fp8"}, "fp8"), ({"quant_method": "awq", "bits": 4}, "int4")]
)
def test_a_quantised_checkpoint_is_read(how, weights):
    shape = shape_of_config({**CONFIG, "quantization_config": how}, name="q", where="here")
    assert (shape.weights, shape.dtype) == (weights, "bf16")


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_broken_file_is_told(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json"):
        shape_named(str(tmp_path))


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'llama-8b'"):
        shape_named("lama-8b")
