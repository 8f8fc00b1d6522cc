"""A transformer whose token states are read: its network, its tokenizer, and what its folder says about pooling.

It reads folders saved by transformers, by sentence-transformers (its pooling and dense layers) and by ColBERT (its
linear layer). It does not know windows, texts or chunks, and fetches nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.spec import digest_model
from retrievers.encoder_models import model_folder
from retrievers.position_ids import Mode
from retrievers.stretch import position_table, prepare

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TokenModel:
    """A loaded model.

    prefix, suffix: ids of the special tokens around a text. trained: the longest text, in tokens with the special ones,
    that it declares to be made for (None: it declares none). longest: how many it can take at all without stretching
    (None: any number). pooling: how its sentence vectors come about. dense: layers from a pooled vector (`per_token`:
    from a token's state, as in ColBERT) to the vectors that are compared. prompts: by the model's names for them, its
    default one under "".
    """

    name: str
    network: Any
    tokenizer: Any
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    trained: int | None
    longest: int | None
    pooling: str
    include_prompt: bool
    dense: tuple[Any, ...]
    per_token: bool
    prompts: Mapping[str, str]

    def prompt(self, given: str | None, *names: str) -> str:
        """The prompt that was given; where it is None, the model's own by the first of these names that it has."""
        if given is not None:
            return given
        return next((self.prompts[name] for name in (*names, "") if self.prompts.get(name)), "")

    @property
    def dimensions(self) -> int:
        """Length of the vectors that `project` gives."""
        return int(self.dense[-1].out_features if self.dense else self.network.config.hidden_size)

    def project(self, vectors: NDArray[Any]) -> Array:
        """(n, d) -> (n, p): through the dense layers, where there are any."""
        import torch

        out = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
        with torch.inference_mode():
            for layer in self.dense:
                out = layer({layer.module_input_name: out})[layer.module_output_name]
            return np.asarray(out.numpy(), dtype=np.float32)


def unit(vectors: NDArray[Any]) -> Array:
    """(n, d) scaled to unit length; a zero vector stays one."""
    exact = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(exact, axis=-1, keepdims=True)
    return np.asarray(exact / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def model_identity(model: str, revision: str) -> str:
    """The digest of the model's content, or of its hub name and revision. Raises UserError for a bare hub name."""
    return digest_model(model_folder(model), revision)


def token_model(model: str, revision: str, device: str, positions: Mode) -> TokenModel:
    """The model, loaded once per content, device and mode of positions. Raises UserError where it cannot be used."""
    return _load(model_identity(model, revision), model_folder(model), revision, device, positions)


@lru_cache(maxsize=4)
def _load(weights: str, name: str, revision: str, device: str, positions: Mode) -> TokenModel:
    """The model whose content is `weights`; a folder whose files were exchanged is loaded again."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        root = _at_hand(name, revision)
        modules = _modules(root)
        folder = root / str(modules[0]["path"])
        network = AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"the encoder cannot be loaded from {name!r}: {(str(error).splitlines() or [repr(error)])[0]}",
            where="encoder.model",
            remedy="Name a folder that holds config.json, the weights and tokenizer.json, or fetch the model first",
        ) from error
    finally:
        if bars:
            logging.enable_progress_bar()
    if network.config.is_encoder_decoder or not tokenizer.is_fast:
        what = "is an encoder with a decoder" if network.config.is_encoder_decoder else "has no tokenizer.json"
        raise UserError(
            f"the model {name!r} {what}, so no state can be told for each character",
            where="encoder.model",
            remedy="Name an encoder such as BERT, RoBERTa or ModernBERT with its fast tokenizer",
        )
    network.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).requires_grad_(False)
    prepare(network, positions)
    table = position_table(network)
    longest = table.rows if table else None
    declared = [
        limit
        for limit in (_stated_length(folder) or tokenizer.model_max_length, longest, _rotary_length(network))
        if limit and limit < 10**9  # what transformers writes for "no limit" is 10^30
    ]
    prefix, suffix = _specials(tokenizer)
    pooling, include_prompt, dense, per_token = _head(root, modules)
    return TokenModel(
        name=name,
        network=network,
        tokenizer=tokenizer,
        prefix=prefix,
        suffix=suffix,
        trained=min(declared, default=None),
        longest=longest,
        pooling=pooling,
        include_prompt=include_prompt,
        dense=dense,
        per_token=per_token,
        prompts=_prompts(root),
    )


def _at_hand(name: str, revision: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, revision=revision, local_files_only=True))


def _modules(root: Path) -> list[dict[str, Any]]:
    file = root / "modules.json"
    if not file.is_file():
        return [{"path": "", "type": "Transformer"}]
    modules: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))
    for module in modules:
        kind = str(module["type"]).rsplit(".", 1)[-1]
        if kind not in ("Transformer", "Pooling", "Dense", "Normalize"):
            raise UserError(
                f"its module {kind!r} is not known here",
                where=str(file),
                remedy="Known: Transformer, Pooling, Dense, Normalize. The stage 'dense' encodes with any module",
            )
        module["type"] = kind
    return modules


def _prompts(root: Path) -> dict[str, str]:
    file = root / "config_sentence_transformers.json"
    stated = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    prompts: dict[str, str] = stated.get("prompts") or {}
    return prompts | {"": prompts.get(stated.get("default_prompt_name") or "", "")}


def _stated_length(folder: Path) -> int | None:
    file = folder / "sentence_bert_config.json"
    return json.loads(file.read_text("utf-8")).get("max_seq_length") if file.is_file() else None


def _rotary_length(network: Any) -> int | None:
    # Models with a table of positions have an entry of this name as well, but there padding may take rows of it.
    return None if position_table(network) else getattr(network.config, "max_position_embeddings", None)


def _specials(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    # A tokenizer that knows no "a" gives the same nothing twice, and then the special tokens cannot be told apart.
    start = next((i for i in range(len(full)) if bare and full[i : i + len(bare)] == bare), len(full))
    return tuple(full[:start]), tuple(full[start + len(bare) :])


def _head(root: Path, modules: Sequence[dict[str, Any]]) -> tuple[str, bool, tuple[Any, ...], bool]:
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling

    pooling, include_prompt, dense, per_token = "mean", True, [], False
    for module in modules[1:]:
        if module["type"] == "Pooling":
            loaded = Pooling.load(str(root), subfolder=module["path"], local_files_only=True)
            pooling, include_prompt = str(loaded.pooling_mode), bool(loaded.include_prompt)
        elif module["type"] == "Dense":
            dense.append(Dense.load(str(root), subfolder=module["path"], local_files_only=True).eval())
            per_token = per_token or all(m["type"] != "Pooling" for m in modules)
    linear = _colbert_linear(root) if len(modules) == 1 else None
    if linear is not None:
        dense, per_token = [linear], True
    return pooling, include_prompt, tuple(dense), per_token


def _colbert_linear(root: Path) -> Any:
    """The layer that a ColBERT checkpoint keeps beside its BERT: `linear.weight`, (p, d), without bias."""
    file = root / "model.safetensors"
    if not file.is_file():
        return None
    from safetensors import safe_open
    from sentence_transformers.sentence_transformer.modules import Dense

    with safe_open(str(file), framework="pt") as weights:
        if "linear.weight" not in weights.keys():  # noqa: SIM118 - not a mapping
            return None
        weight = weights.get_tensor("linear.weight").float()
    return Dense(weight.shape[1], weight.shape[0], bias=False, activation_function=None, init_weight=weight).eval()
