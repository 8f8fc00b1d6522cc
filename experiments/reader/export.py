"""The trained weights as a Hugging Face folder: `LlamaForCausalLM`, `PreTrainedTokenizerFast`, bf16 safetensors.

Written without `transformers`, so that one folder serves its versions 4.45 to 5 and vLLM: where they read a setting
from different places (`rope_theta` and `rope_parameters`, `torch_dtype` and `dtype`), it stands in both. It knows
nothing of how good the weights are; `card` writes the model card beside them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.reader.network import sizes
from experiments.reader.pack import BEGIN, END, PAD, load_tokenizer
from experiments.reader.shape import Shape
from experiments.reader.state import load_state
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

LAYERED = {
    "queries": "self_attn.q_proj",
    "keys": "self_attn.k_proj",
    "values": "self_attn.v_proj",
    "output": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
    "attention_norm": "input_layernorm",
    "feed_norm": "post_attention_layernorm",
}
"""Our name of a stacked weight -> Llama's of a layer's."""
WHOLE = {"embedding": "model.embed_tokens", "final_norm": "model.norm"}
LONGEST_ANSWER = 64
"""Tokens that `generate` writes at most, where it is not told otherwise."""


def to_llama(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Stacked weights -> those of `LlamaForCausalLM`, by its names. The output layer is the embedding and left out."""
    out = {f"{name}.weight": weights[ours] for ours, name in WHOLE.items()}
    for ours, name in LAYERED.items():
        for i, layer in enumerate(weights[ours].unbind(0)):
            out[f"model.layers.{i}.{name}.weight"] = layer
    return out


def from_llama(tensors: Mapping[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """The reverse of `to_llama`: to go on training, or to measure, what was exported."""
    import torch

    out = {ours: tensors[f"{name}.weight"].float() for ours, name in WHOLE.items()}
    for ours, name in LAYERED.items():
        layers = [tensors[f"model.layers.{i}.{name}.weight"].float() for i in range(shape.layers)]
        out[ours] = torch.stack(layers)
    return {name: out[name] for name in sizes(shape)}


def configuration(shape: Shape, stop: list[int]) -> dict[str, Any]:
    """The content of config.json. stop: ids that end an answer."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_value_heads,
        "head_dim": shape.head_size,
        "hidden_act": "silu",
        "rms_norm_eps": shape.norm_epsilon,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.window,
        "rope_theta": shape.rope_base,
        "rope_scaling": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_base},
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "pretraining_tp": 1,
        "bos_token_id": BEGIN,
        "eos_token_id": stop,
        "pad_token_id": PAD,
        "torch_dtype": "bfloat16",
        "dtype": "bfloat16",
        "use_cache": True,
    }


def shape_of(folder: Path) -> Shape:
    """The shape of an exported reader.

    Raises UserError where the folder holds no Llama.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"{path} does not exist", where="model", remedy="Export a trained reader first")
    read = json.loads(path.read_text(encoding="utf-8"))
    if read.get("model_type") != "llama":
        raise UserError(f"a {read.get('model_type')!r}, no Llama", where=str(path), remedy="Give an exported reader")
    return Shape(
        hidden=read["hidden_size"],
        layers=read["num_hidden_layers"],
        heads=read["num_attention_heads"],
        key_value_heads=read["num_key_value_heads"],
        feed_forward=read["intermediate_size"],
        head_size=read["head_dim"],
        vocabulary=read["vocab_size"],
        rope_base=read["rope_theta"],
        window=read["max_position_embeddings"],
        norm_epsilon=read["rms_norm_eps"],
    )


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of an exported reader, stacked and in fp32."""
    from safetensors.torch import load_file

    return from_llama(load_file(folder / "model.safetensors"), shape_of(folder))


def weights_of(folder: Path, shape: Shape) -> dict[str, Tensor]:
    """The weights of an exported reader or of a training state, stacked and in fp32.

    Raises UserError where they are of another shape.
    """
    exported = (folder / "config.json").is_file()
    state = None if exported else load_state(folder)
    found = shape_of(folder) if state is None else Shape.from_dict(state.progress["shape"])
    if found != shape:
        raise UserError(
            "these weights are of another shape", where=str(folder), remedy="Give the shape they were trained with"
        )
    return read_weights(folder) if state is None else dict(state.weights)


def write(shape: Shape, weights: Mapping[str, Tensor], tokenizer: Path, out: Path) -> None:
    """Write the folder. tokenizer: a folder with tokenizer.json and tokenizer_config.json.

    Raises UserError where the tokenizer's words do not fit the shape.
    """
    import torch
    from safetensors.torch import save_file

    words = load_tokenizer(tokenizer)
    line = words.encode("\n", add_special_tokens=False).ids
    entries = words.get_vocab_size()
    if len(line) != 1 or entries > shape.vocabulary or words.encode("a").ids[:1] != [BEGIN]:
        raise UserError(
            f"{entries} entries for {shape.vocabulary}, or a line break that is no token, or no <s> in front",
            where=str(tokenizer),
            remedy="Give the tokenizer that the reader was trained with",
        )
    stop = [END, line[0]]
    out.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().to("cpu", torch.bfloat16).contiguous().clone() for k, v in to_llama(weights).items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(tokenizer / "tokenizer.json", out / "tokenizer.json")
    settings = json.loads((tokenizer / "tokenizer_config.json").read_text(encoding="utf-8"))
    # transformers 5 writes "TokenizersBackend", which its predecessor does not know.
    settings |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": shape.window, "padding_side": "left"}
    write_json(out / "tokenizer_config.json", settings)
    write_json(out / "config.json", configuration(shape, stop))
    generation = {"bos_token_id": BEGIN, "eos_token_id": stop, "pad_token_id": PAD, "do_sample": False}
    write_json(out / "generation_config.json", generation | {"max_new_tokens": LONGEST_ANSWER})


def export(state: Path, tokenizer: Path, out: Path) -> Shape:
    """A training state of either kind -> the folder; returns the shape that the state names."""
    read = load_state(state)
    shape = Shape.from_dict(read.progress["shape"])
    shape.check_limit()
    write(shape, read.weights, tokenizer, out)
    return shape


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file of settings, as the export has them."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
