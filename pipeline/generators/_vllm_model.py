"""What must be known of a model before its engine is there: its tokens, and what changes its window.

It reads a model's files with `transformers`' tokenizers, as the reader `hf` does. It does not load weights, and knows
no engine.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.records import Prompt
from pipeline.generators._checkpoint import json_of, transformers_for, unusable
from pipeline.generators._token_ids import TokenIds, by_template

_DUAL_CHUNK = "dual_chunk_attention_config"
OWN = (
    *("model", "revision", "tokenizer", "tokenizer_revision", "dtype", "quantization", "kv_cache_dtype"),
    *("hf_overrides", "max_model_len", "load_format", "seed", "tensor_parallel_size", "pipeline_parallel_size"),
    *("data_parallel_size", "gpu_memory_utilization", "max_num_batched_tokens", "max_num_seqs", "enforce_eager"),
    *("enable_prefix_caching", "block_size", "generation_config", "enable_sleep_mode", "disable_log_stats"),
)
"""Engine arguments that a setting of the reader stands for, or that it relies on."""


@dataclass(frozen=True)
class Texts:
    """Text to tokens and back, as `hf` does both. ends: tokens that end an answer."""

    tokenizer: Any
    ids: TokenIds
    ends: tuple[int, ...]

    def encode(self, prompt: Prompt) -> array[int]:
        """The token ids of a complete prompt."""
        return self.ids.of(prompt)

    def decode(self, tokens: array[int]) -> str:
        """The text of an answer's tokens, without special ones."""
        return str(self.tokenizer.decode(tokens.tolist(), skip_special_tokens=True))


def texts(model: str, revision: str, tokenizer_from: str, chat: bool | str) -> Texts:
    """How this model's text is cut into tokens. Raises UserError where its files do not say so, or do not load."""
    loaders = transformers_for(f"vllm {model!r}")
    name, commit = (tokenizer_from, "") if tokenizer_from else (model, revision)
    try:
        tokenizer = loaders.AutoTokenizer.from_pretrained(
            name, revision=commit or None, local_files_only=Path(name).is_dir()
        )
    except Exception as e:
        # Whatever the loaders raise (a dozen types over versions) means that this folder or name does not work.
        raise unusable(f"the tokenizer of {name!r}", e, where="vllm") from e
    ids = TokenIds(tokenizer, chat=by_template(tokenizer, chat, name))
    return Texts(tokenizer, ids, _ends(model, revision, tokenizer))


def overrides(rope: Mapping[str, Any], config: Mapping[str, Any], window: int | None) -> dict[str, Any]:
    """What vLLM is to read in place of the model's own position settings, as its `hf_overrides`.

    rope: `rope_type` and what belongs to it (YaRN: Peng et al. 2023, arXiv 2309.00071); the base frequency is the
    model's own where it is not given. `dual_chunk_attention_config` in it is handed on as it is (Qwen2.5-1M: Yang et
    al. 2025, arXiv 2501.15383), for a vLLM that has that attention. window: what the settings are to reach: from 0.30
    on, vLLM takes it from the positions alone, and no longer multiplies YaRN's original window by its factor.
    """
    own = {key: value for key, value in rope.items() if key != _DUAL_CHUNK}
    body: dict[str, Any] = {_DUAL_CHUNK: rope[_DUAL_CHUNK]} if _DUAL_CHUNK in rope else {}
    if own:
        theta = (config.get("rope_parameters") or {}).get("rope_theta", config.get("rope_theta"))
        body["rope_parameters"] = ({"rope_theta": theta} if theta is not None else {}) | own
        body["max_position_embeddings"] = window
    return body


def _ends(model: str, revision: str, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that end an answer: the saved way of generating, or the configuration where there is none, says so."""
    config = json_of(model, revision, "config.json")
    try:
        saved = json_of(model, revision, "generation_config.json")
    except UserError:
        # Many folders hold no such file; transformers then makes one from the configuration.
        saved = config
    ends = saved.get("eos_token_id")
    ends = tokenizer.eos_token_id if ends is None else ends
    return () if ends is None else (ends,) if isinstance(ends, int) else tuple(ends)
