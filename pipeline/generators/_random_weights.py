"""Models with random weights: a known shape's config.json beside the shipped tokenizer, for an engine that fills it in.

Random weights take the same time and memory as trained ones; what they write means nothing. It knows no engine: one
that can make weights up (`load_format: dummy` in vLLM) is given the folder. A model is named `random:` and a shape.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError, nearest
from pipeline.core.records import digest_parts

PREFIX = "random:"
DECLINED = 0.3
"""Share of the prompts that such a model declines: the fallback that the cost model's plans assume."""
POSITIONS = 131_072
_TOKENIZER = Path(__file__).parent / "embedded_model"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")

_LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "rms_norm_eps": 1e-5}
_ROPE = 500_000.0


def _sizes(layers: int, hidden: int, heads: int, kv_heads: int, feed: int, vocab: int) -> dict[str, int]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": hidden // heads,
        "intermediate_size": feed,
        "vocab_size": vocab,
    }


SHAPES = {
    "llama-8b": _sizes(32, 4096, 32, 8, 14336, 128256),
    "llama-70b": _sizes(80, 8192, 64, 8, 28672, 128256),
    "llama-tiny": _sizes(2, 256, 4, 2, 512, 8192),
}
"""Llama 3.1 (Grattafiori et al. 2024, arXiv 2407.21783, table 3), and one small enough for any machine."""
FP8 = "-fp8"
"""Behind a shape's name: its matrices in 8 bits, with one scale for each, and activations scaled as they come."""


def is_random(model: str) -> bool:
    """Whether the name means a shape with random weights."""
    return model.startswith(PREFIX)


def random_model(model: str) -> Path:
    """The folder of `random:SHAPE`, in a folder of this user's among the temporary ones; made where it is not there.

    It stands at the same place each time, so that what an engine compiled for it is found again. Raises UserError for
    an unknown shape, or where somebody else holds that place.
    """
    mine = Path(tempfile.gettempdir()) / f"longshort-random-{os.getuid()}"
    mine.mkdir(mode=0o700, exist_ok=True)
    found = mine.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UserError("this is no folder of yours", where=str(mine), remedy="Set TMPDIR to one that is")
    return folder_for(model.removeprefix(PREFIX), mine)


def folder_for(shape_name: str, place: Path) -> Path:
    """Write the model's files into a folder of `place` named by shape and content, whole or not at all; returns it.

    shape_name: of SHAPES, with FP8 behind it or not. Raises UserError for another one.
    """
    body = json.dumps(config_named(shape_name), indent=1) + "\n"
    held = {name: (_TOKENIZER / name).read_text(encoding="utf-8") for name in _TOKENIZER_FILES}
    settings = json.loads(held["tokenizer_config.json"]) | {"model_max_length": POSITIONS}
    files = held | {"config.json": body, "tokenizer_config.json": json.dumps(settings, indent=1) + "\n"}
    folder = place / f"{shape_name}-{digest_parts(sum(sorted(files.items()), ()))[:12]}"
    if folder.is_dir():
        return folder
    place.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{shape_name}-", dir=place))
    try:
        for name, text in files.items():
            (draft / name).write_text(text, encoding="utf-8")
        draft.rename(folder)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not folder.is_dir():  # else another process was first, with the same content
            raise
    return folder


def config_named(shape_name: str) -> dict[str, Any]:
    """The config.json of a shape: of SHAPES, with FP8 behind its name or not. Raises UserError for another one."""
    plain = shape_name.removesuffix(FP8)
    if plain not in SHAPES:
        raise UserError(
            f"no shape {shape_name!r} is known",
            where="model",
            remedy=f"{nearest(plain, SHAPES)} Each with {FP8} behind it, too",
        )
    config: dict[str, Any] = {
        **_LLAMA,
        **SHAPES[plain],
        "max_position_embeddings": POSITIONS,
        "rope_theta": _ROPE,
        "rope_parameters": {"rope_type": "default", "rope_theta": _ROPE},
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "torch_dtype": "bfloat16",
        "dtype": "bfloat16",
    }
    if shape_name != plain:
        config["quantization_config"] = {"quant_method": "fp8", "activation_scheme": "dynamic"}
    return config


def stand_in(prompt_digest: str, decline: str) -> str:
    """The text that stands for a random answer: `decline` for a share DECLINED of the prompts, the same ones each time.

    What random weights write would decline by accident only, and a route that falls back on a refusal would then cost
    less than it does.
    """
    drawn = int(prompt_digest[:12], 16) / 16**12
    return decline if drawn < DECLINED else "(random weights)"
