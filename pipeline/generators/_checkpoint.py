"""Loading a causal model and its tokenizer from a folder or the hub's local cache, with every failure told in one line.

It knows `transformers`, where files lie, and what they say of a model. It does not know prompts, and runs code that
comes with a model only where it is told to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.core.errors import MissingPackageError, UserError
from pipeline.core.records import digest_parts
from pipeline.core.spec import digest_file
from pipeline.core.tokens import HFTokenizer, Tokenizer

_WINDOW_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


class Loaded(NamedTuple):
    """A model ready to decode. eos: tokens that end an answer; pad: token put before shorter prompts of a batch."""

    model: Any
    tokenizer: Any
    eos: frozenset[int]
    pad: int


def load(name: str, revision: str, *, dtype: str, device: str, own_code: bool = False) -> Loaded:
    """The model on its device, decoding greedily by its own logits. Raises UserError where it cannot be loaded.

    dtype: `auto` or the name of a torch type. device: torch's name of it; empty: cuda where there is one. own_code: run
    the Python files that lie beside the weights, where the model names them.
    """
    import torch

    loaders = transformers_for(f"hf {name!r}")
    kind = dtype if dtype == "auto" else getattr(torch, dtype, None)
    if dtype != "auto" and not isinstance(kind, torch.dtype):
        raise UserError(f"torch has no type {dtype!r}", where="dtype", remedy="Give auto, float32 or bfloat16")
    where = {"revision": revision or None, "local_files_only": Path(name).is_dir(), "trust_remote_code": own_code}
    try:
        tokenizer = loaders.AutoTokenizer.from_pretrained(name, **where)
        model = loaders.AutoModelForCausalLM.from_pretrained(name, dtype=kind, **where)
        model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
    except Exception as e:
        # Whatever the loaders raise (a dozen types over versions) means that this folder or name does not work.
        raise unusable(f"the model {name!r}", e) from e
    saved = model.generation_config
    ends = saved.eos_token_id if saved.eos_token_id is not None else tokenizer.eos_token_id
    eos = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
    pad = next((p for p in (tokenizer.pad_token_id, saved.pad_token_id, *eos) if p is not None), 0)
    # Nothing else of the saved one: its temperature or repetition penalty would change what greedy means.
    model.generation_config = loaders.GenerationConfig(
        bos_token_id=saved.bos_token_id, eos_token_id=eos or None, pad_token_id=pad
    )
    return Loaded(model, tokenizer, frozenset(eos), pad)


def transformers_for(where: str) -> Any:
    """The package. Raises MissingPackageError where it is not there; where: who needs it."""
    try:
        import transformers
    except ImportError as e:
        raise MissingPackageError("transformers", "", where=where) from e
    return transformers


def file_of(name: str, revision: str, file: str) -> Path:
    """Where one file of a model lies on this machine. Raises UserError where it has none."""
    folder = Path(name)
    if folder.is_dir():
        if not (folder / file).is_file():
            raise UserError(f"no {file} in {name!r}", where="model", remedy="Save the model with save_pretrained")
        return folder / file
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, file, revision=revision))
    except Exception as e:
        raise unusable(f"the model {name!r}", e) from e


def json_of(name: str, revision: str, file: str) -> dict[str, Any]:
    """What a JSON file of a model holds. Raises UserError where there is none."""
    read: dict[str, Any] = json.loads(file_of(name, revision, file).read_text(encoding="utf-8"))
    return read


def config_of(name: str, revision: str) -> dict[str, Any]:
    """The model's config.json; what it does not say itself is as its text part has it."""
    config = json_of(name, revision, "config.json")
    return {**config.get("text_config", {}), **config}


def digest_code(name: str) -> str:
    """The identity of the Python files in a model's folder; empty for a hub name, whose revision tells them."""
    return digest_parts(digest_file(path) for path in sorted(Path(name).glob("*.py"))) if Path(name).is_dir() else ""


def window_of(config: Mapping[str, Any]) -> int | None:
    """Positions of the model."""
    return next((int(config[key]) for key in _WINDOW_KEYS if config.get(key)), None)


@lru_cache(maxsize=8)
def tokenizer_at(file: Path) -> Tokenizer:
    """A tokenizer.json, named by its content."""
    return HFTokenizer(f"tokenizer:{digest_file(file)[:16]}", file)


def unusable(what: str, error: Exception, where: str = "model") -> UserError:
    """What a loader raised, in one line. what: the model or tokenizer that was to be loaded."""
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return UserError(
        f"{what} cannot be loaded: {first}",
        where=where,
        remedy="Name a folder saved by save_pretrained, or fetch the model to the local cache first",
    )
