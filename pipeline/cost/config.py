"""Reading a model's shape from its config.json, as `save_pretrained` and the hub have it; and two shapes by name.

It reads numbers only: no weights, no code. A family that it does not know is refused, for its parameters would be
counted wrongly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pipeline.core.errors import UserError, nearest
from pipeline.cost.files import read_json
from pipeline.cost.shape import ModelShape
from pipeline.generators._random_weights import config_named


class _Family(NamedTuple):
    """What a family's config.json leaves unsaid. head_dim 0: the hidden size over the heads."""

    tied: bool = False
    norms: int = 2
    head_norm: bool = False
    head_dim: int = 0
    query_bias: bool = False
    slides: str = "none"
    """Layers with a window where the file does not list them: none, all, every other, five of six, or the last ones."""


FAMILIES = {
    "llama": _Family(),
    "mistral": _Family(slides="all"),
    "ministral": _Family(slides="all"),
    "qwen2": _Family(query_bias=True, slides="last"),
    "qwen3": _Family(head_norm=True, head_dim=128, slides="last"),
    "gemma": _Family(tied=True, head_dim=256),
    "gemma2": _Family(tied=True, norms=4, head_dim=256, slides="alternate"),
    "gemma3_text": _Family(tied=True, norms=4, head_norm=True, head_dim=256, slides="pattern"),
    "phi3": _Family(slides="all"),
    "granite": _Family(),
    "smollm3": _Family(),
}
_DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


def shape_named(name: str) -> ModelShape:
    """A preset, or the shape in a folder or a config.json. Raises UserError where there is neither."""
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name).expanduser()
    if path.is_dir():
        path = path / "config.json"
    if not path.is_file():
        raise UserError(
            "neither a preset nor a config.json, or a folder that holds one",
            where=f"model {name!r}",
            remedy=nearest(name, PRESETS),
        )
    read = read_json(path)
    if not isinstance(read, dict):
        raise UserError("a model's settings are expected, found no JSON object", where=str(path))
    return shape_of_config(read, name=path.parent.resolve().name, where=str(path))


def shape_of_config(config: dict[str, Any], *, name: str, where: str) -> ModelShape:
    """The shape that a config.json's content states. where: what an error names.

    Of a model that sees pictures, the part that reads text is taken. Raises UserError for a family that is not known,
    for mixtures of experts and latent attention, and for sizes that are absent or no whole numbers.
    """
    if isinstance(config.get("text_config"), dict):
        config = {**config["text_config"], **({"model_type": "gemma3_text"} if _kind(config) == "gemma3" else {})}
    kind = _kind(config)
    if kind not in FAMILIES:
        raise UserError(
            f"the parameters of model_type {kind!r} cannot be counted",
            where=where,
            remedy=f"Known: {', '.join(sorted(FAMILIES))}",
        )
    for key in ("num_local_experts", "num_experts", "kv_lora_rank"):
        if config.get(key):
            raise UserError(f"{key} is set: such models are not priced", where=where, remedy="Give a dense model")
    family, read = FAMILIES[kind], _Reader(config, where)
    layers, heads, hidden = (read.size(key) for key in ("num_hidden_layers", "num_attention_heads", "hidden_size"))
    sliding, window = _sliding(family, config, layers, read)
    dtype = _dtype(config, where)
    biased = bool(config.get("attention_bias"))
    tied = config.get("tie_word_embeddings")
    return ModelShape(
        name=name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=read.size("num_key_value_heads", heads),
        head_dim=read.size("head_dim", family.head_dim or hidden // heads),
        feed=read.size("intermediate_size"),
        vocab=read.size("vocab_size"),
        tied=family.tied if tied is None else bool(tied),
        attention_bias=biased or family.query_bias,
        output_bias=biased,
        feed_bias=bool(config.get("mlp_bias")),
        norms=family.norms,
        head_norm=family.head_norm,
        sliding=sliding,
        window=window,
        positions=read.size("max_position_embeddings", 0),
        dtype=dtype,
        weights=_quantised(config, where) or dtype,
    )


class _Reader(NamedTuple):
    config: dict[str, Any]
    where: str

    def size(self, key: str, default: int | None = None) -> int:
        """A whole number above 0, or the default where the file has none."""
        found = self.config.get(key)
        if found is None and default is not None:
            return default
        if found is None:
            raise UserError(f"the key {key!r} is missing", where=self.where, remedy="Give a decoder's config.json")
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise UserError(f"{key} is {found!r}, where a whole number above 0 is needed", where=self.where)
        return found


def _kind(config: dict[str, Any]) -> str:
    return str(config.get("model_type", ""))


def _sliding(family: _Family, config: dict[str, Any], layers: int, read: _Reader) -> tuple[int, int]:
    """(layers with a window, its tokens)."""
    listed = config.get("layer_types")
    if isinstance(listed, list) and listed:
        odd = sorted({str(t) for t in listed} - {"full_attention", "sliding_attention"})
        if odd:
            raise UserError(f"layer_types has {odd[0]!r}: such layers are not priced", where=read.where)
        count = sum(t == "sliding_attention" for t in listed[:layers])
    elif not config.get("sliding_window") or config.get("use_sliding_window") is False:
        count = 0
    else:
        every = read.size("sliding_window_pattern", 6)
        count = {
            "none": 0,
            "all": layers,
            "alternate": (layers + 1) // 2,
            "pattern": layers - layers // every,
            # Qwen's switch is off unless the file turns it on.
            "last": max(0, layers - read.size("max_window_layers", layers)) if config.get("use_sliding_window") else 0,
        }[family.slides]
    return (count, read.size("sliding_window")) if count else (0, 0)


def _dtype(config: dict[str, Any], where: str) -> str:
    found = str(config.get("dtype") or config.get("torch_dtype") or "bfloat16").removeprefix("torch.")
    if found not in _DTYPES:
        raise UserError(f"dtype is {found!r}", where=where, remedy=nearest(found, _DTYPES))
    return _DTYPES[found]


def _quantised(config: dict[str, Any], where: str) -> str:
    """The matrices' own format, or nothing where they are not quantised."""
    how = config.get("quantization_config")
    if not isinstance(how, dict):
        return ""
    method, bits = str(how.get("quant_method", "")), how.get("bits")
    if method == "fp8":
        return "fp8"
    if bits in (4, 8):
        return f"int{bits}"
    raise UserError(
        f"quantization_config of the method {method!r} does not say its bits", where=where, remedy="Set bits to 4 or 8"
    )


PRESETS = {name: shape_of_config(config_named(name), name=name, where=name) for name in ("llama-8b", "llama-70b")}
"""Shapes of Llama 3.1 (Grattafiori et al. 2024, arXiv 2407.21783, table 3), as models with random weights have them."""
