"""Models that give weights to tokens: a linear head on an encoder's states (BGE-M3, mGTE), or SPLADE.

It does not know how weights are searched, nor what a stage is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from retrievers.encoder_models import ModelSource, Precision, TextInput, precision_of, tokenizer_limit
from retrievers.token_batches import Tokens, padded, tokenized

Pairs = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Tokens and their weights."""

_HEADS = ("sparse_linear.safetensors", "sparse_linear.pt")


class TokenHead:
    """An encoder whose last states give one number for each token: ReLU(W h + b)."""

    def __init__(self, folder: Path, device: str, precision: Precision) -> None:
        import torch
        from transformers import AutoModel, AutoModelForTokenClassification, AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._special = np.array(self._tokenizer.all_special_ids)
        dtype = getattr(torch, precision_of(precision, device))
        head = head_file(folder)
        kind: Any = AutoModel if head else AutoModelForTokenClassification
        self._model: Any = kind.from_pretrained(folder, dtype=dtype).eval()
        self._linear: Any = _linear(head, dtype) if head else None
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        for part in (self._model, self._linear):
            if part is not None:
                part.to(self.device)
        self._limit = tokenizer_limit(self._tokenizer, self._model.config)

    def tokens(self, texts: Sequence[str], windows: bool) -> Tokens:
        """Tokens of the texts, in rows that the model takes."""
        return tokenized(self._tokenizer, texts, self._limit, windows=windows)

    def features(self, tokens: Tokens, rows: Sequence[int]) -> dict[str, Any]:
        """Tensors (B, T) of some rows."""
        return padded(tokens, rows, self._tokenizer)

    def forward(self, features: dict[str, Any]) -> Any:
        """(B, T) weights, those of padding behind the tokens."""
        found = self._model(**features)
        numbers = found.logits if self._linear is None else self._linear(found.last_hidden_state)
        weights = numbers[..., 0].float().relu()
        return weights.flip(1) if self._tokenizer.padding_side == "left" else weights

    def pairs(self, ids: Sequence[int], values: NDArray[np.float32]) -> Pairs:
        """The tokens of a row without special ones, and their weights."""
        weights = values[: len(ids)][::-1] if self._tokenizer.padding_side == "left" else values[: len(ids)]
        own = np.array(ids, dtype=np.int64)
        kept = ~np.isin(own, self._special)
        return own[kept], weights[kept]


class Splade:
    """A SPLADE model of sentence-transformers: one number for each word of its vocabulary."""

    def __init__(self, source: ModelSource) -> None:
        self._model = source.load()
        self._input = TextInput(self._model, "document")
        self.device = self._model.device
        self.features = self._input.features

    def tokens(self, texts: Sequence[str], windows: bool) -> Tokens:
        """Tokens of the texts, in rows that the model takes."""
        return self._input.tokens(texts, windows=windows)

    def forward(self, features: dict[str, Any]) -> Any:
        """(B, V) weights."""
        return self._model(features)["sentence_embedding"].float()

    def pairs(self, ids: Sequence[int], values: NDArray[np.float32]) -> Pairs:
        """The words of weight above 0."""
        words = np.flatnonzero(values > 0)
        return words, values[words]


@lru_cache(maxsize=2)
def load_weigher(content: str, model: str, revision: str, device: str, precision: Precision) -> TokenHead | Splade:
    """The model whose content is `content`; what a folder holds tells the kind. Raises UserError for none of them."""
    folder = _folder(model, revision)
    config = json.loads((folder / "config.json").read_text()) if (folder / "config.json").is_file() else {}
    kind = str((config.get("architectures") or [""])[0])
    labels = config.get("num_labels") or len(config.get("id2label") or {0: "", 1: ""})
    if head_file(folder) or (kind.endswith("ForTokenClassification") and labels == 1):
        return TokenHead(folder, device, precision)
    if (folder / "modules.json").is_file() or kind.endswith("ForMaskedLM"):
        return Splade(ModelSource("SparseEncoder", model, revision, device, precision))
    raise UserError(
        f"the model {model!r} has no lexical weights: neither {_HEADS[1]}, nor one label for each token, nor SPLADE",
        where="lexical.model",
        remedy="Name a model that was trained for them",
    )


def _folder(model: str, revision: str) -> Path:
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError) as error:
        raise UserError(
            f"the model {model!r} is neither a folder nor fetched",
            where="lexical.model",
            remedy="Name a folder, or fetch the model first (nothing is fetched here)",
        ) from error


def head_file(folder: Path) -> Path | None:
    """The file of a head that lies beside its encoder, if there is one."""
    return next((folder / name for name in _HEADS if (folder / name).is_file()), None)


def _linear(file: Path, dtype: Any) -> Any:
    import torch

    if file.suffix == ".pt":
        state = torch.load(file, map_location="cpu", weights_only=True)
    else:
        from safetensors.torch import load_file

        state = load_file(file)
    if state.get("weight") is None or state["weight"].ndim != 2 or len(state["weight"]) != 1:
        raise UserError("this is no head of one number for each token", where=str(file), remedy="Fetch it again")
    linear = torch.nn.Linear(state["weight"].shape[1], 1, bias="bias" in state)
    linear.load_state_dict(state)
    return linear.to(dtype).eval()
