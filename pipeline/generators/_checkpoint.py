"""Loading a causal model and its tokenizer from a folder or the hub's local cache, with every failure told in one line.

It knows `transformers` and where files lie. It does not know prompts, and runs no code that comes with a model.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.core.errors import MissingPackageError, UserError
from pipeline.core.spec import digest_file
from pipeline.core.tokens import HFTokenizer, Tokenizer


class Loaded(NamedTuple):
    """A model ready to decode. eos: tokens that end an answer; pad: token put before shorter prompts of a batch."""

    model: Any
    tokenizer: Any
    eos: frozenset[int]
    pad: int


def load(name: str, revision: str, *, dtype: str, device: str) -> Loaded:
    """The model on its device, decoding greedily by its own logits. Raises UserError where it cannot be loaded.

    dtype: `auto` or the name of a torch type. device: torch's name of it; empty: cuda where there is one.
    """
    import torch

    try:
        import transformers
    except ImportError as e:
        raise MissingPackageError("transformers", "", where=f"hf {name!r}") from e
    kind = dtype if dtype == "auto" else getattr(torch, dtype, None)
    if dtype != "auto" and not isinstance(kind, torch.dtype):
        raise UserError(f"torch has no type {dtype!r}", where="dtype", remedy="Give auto, float32 or bfloat16")
    loaders: Any = transformers
    where = {"revision": revision or None, "local_files_only": Path(name).is_dir()}
    try:
        tokenizer = loaders.AutoTokenizer.from_pretrained(name, **where)
        model = loaders.AutoModelForCausalLM.from_pretrained(name, dtype=kind, **where)
        model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
    except Exception as e:
        # Whatever the loaders raise (a dozen types over versions) means that this folder or name does not work.
        raise _unusable(name, e) from e
    saved = model.generation_config
    ends = saved.eos_token_id if saved.eos_token_id is not None else tokenizer.eos_token_id
    eos = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
    pad = next((p for p in (tokenizer.pad_token_id, saved.pad_token_id, *eos) if p is not None), 0)
    # Nothing else of the saved one: its temperature or repetition penalty would change what greedy means.
    model.generation_config = loaders.GenerationConfig(
        bos_token_id=saved.bos_token_id, eos_token_id=eos or None, pad_token_id=pad
    )
    return Loaded(model, tokenizer, frozenset(eos), pad)


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
        raise _unusable(name, e) from e


@lru_cache(maxsize=8)
def tokenizer_at(file: Path) -> Tokenizer:
    """A tokenizer.json, named by its content."""
    return HFTokenizer(f"tokenizer:{digest_file(file)[:16]}", file)


def _unusable(name: str, error: Exception) -> UserError:
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return UserError(
        f"the model {name!r} cannot be loaded: {first}",
        where="model",
        remedy="Name a folder saved by save_pretrained, or fetch the model to the local cache first",
    )
