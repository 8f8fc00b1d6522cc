"""Models of sentence-transformers as several stages use them: loaded in a stated precision, and how they take texts.

It does not know how rows are batched (`token_batches`), nor what is made of the outputs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.spec import digest_model
from pipeline.core.tokens import MINILM, minilm_folder
from retrievers.token_batches import Tokens, padded, tokenized

Precision = Literal["auto", "float32", "float16", "bfloat16"]
Kind = Literal["SentenceTransformer", "CrossEncoder", "SparseEncoder"]

_UNLIMITED = 1_000_000
"""Tokenizers without a limit state a huge one."""
_WITHOUT_MASK = ("Transformer", "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout")
"""Modules that take a missing mask for one of all tokens."""
_CPU_BATCH, _GPU_BATCH = 1024, 65_536
"""Tokens of a batch, padding included: a core's cache holds little; a GPU wants much at once."""


def on_gpu(device: str) -> bool:
    """Whether a model with this `device` setting runs on CUDA; empty: wherever there is one."""
    if device:
        return device.startswith("cuda")
    if sys.platform == "linux" and not any(Path(p).exists() for p in ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")):
        return False  # no driver: importing torch in order to ask it would cost seconds
    import torch

    return torch.cuda.is_available()


def precision_of(precision: Precision, device: str) -> str:
    """The number format that weights are held in: `auto` is float16 on a GPU and float32 elsewhere."""
    if precision != "auto":
        return precision
    return "float16" if on_gpu(device) else "float32"


def batch_budget(batch_tokens: int, device: str) -> int:
    """Tokens of a batch: what the setting says, or by device where it says 0."""
    return batch_tokens or (_GPU_BATCH if on_gpu(device) else _CPU_BATCH)


def model_folder(model: str) -> str:
    """`minilm` as the folder of its package; any other name as it stands."""
    return str(minilm_folder()) if model == MINILM else model


@dataclass(frozen=True)
class ModelSource:
    """What a model is loaded from, and how it is held.

    attention: implementation of attention as transformers names it; empty: its choice. compiled: by torch.compile.
    """

    kind: Kind
    model: str
    revision: str = ""
    device: str = ""
    precision: Precision = "auto"
    pooling: str = ""
    attention: str = ""
    compiled: bool = False

    def load(self) -> Any:
        """The model; loaded once, and again where the files of a folder were exchanged. Raises UserError."""
        return _load(digest_model(model_folder(self.model), self.revision), self)


@lru_cache(maxsize=4)
def _load(weights: str, source: ModelSource) -> Any:
    import sentence_transformers
    import torch
    from transformers.utils import logging as transformers_logging

    name, revision = model_folder(source.model), source.revision or None
    dtype = getattr(torch, precision_of(source.precision, source.device))
    attention = source.attention
    if attention == "banded":
        from retrievers.banded import register

        register()
        on_gpu = source.device.startswith("cuda") or (not source.device and torch.cuda.is_available())
        attention = "banded_flex" if source.compiled and on_gpu else attention
    how: dict[str, Any] = {"dtype": dtype} | ({"attn_implementation": attention} if attention else {})
    logging: Any = transformers_logging
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        make: Any = getattr(sentence_transformers, source.kind)
        device = source.device or None
        if source.pooling:
            model = make(modules=_pooled(name, revision, source.pooling, how), device=device)
        else:
            model = make(name, revision=revision, device=device, model_kwargs=how)
    except (OSError, ValueError, ImportError) as error:
        kind = "folder" if Path(name).is_dir() else "hub name"
        raise UserError(
            f"the encoder cannot be loaded from the {kind} {name!r}: {str(error).splitlines()[0]}",
            where="encoder.model",
            remedy="Name a folder saved by sentence-transformers, or fetch the model first (nothing is fetched here)",
        ) from error
    finally:
        if bars:
            logging.enable_progress_bar()
    for module in _beside_transformers(model):  # a head of its own stays in float32 and would meet half precision
        for parameter in module.parameters(recurse=False):
            parameter.data = parameter.data.to(dtype)
    if source.compiled:
        network = input_module(model, "document").auto_model
        # sentence-transformers calls `forward` itself, past what Module.compile would put in the way.
        network.forward = torch.compile(network.forward)
    return model.eval()


def _pooled(name: str, revision: str | None, pooling: str, how: Mapping[str, Any]) -> list[Any]:
    """A plain transformer with a pooling of the user's choice."""
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    if (Path(name) / "modules.json").is_file():
        raise UserError(
            f"the model in {name!r} brings its own pooling",
            where="encoder.pooling",
            remedy="Leave `pooling` empty; it is for plain transformers folders",
        )
    shared = {"revision": revision}
    transformer = Transformer(
        name, model_kwargs={**shared, **how}, processor_kwargs={**shared}, config_kwargs={**shared}
    )
    mode: Any = {"last": "lasttoken"}.get(pooling, pooling)
    return [transformer, Pooling(transformer.get_embedding_dimension(), mode)]


def _beside_transformers(model: Any) -> Iterator[Any]:
    from transformers import PreTrainedModel

    inner = {id(m) for t in model.modules() if isinstance(t, PreTrainedModel) for m in t.modules()}
    return (m for m in model.modules() if id(m) not in inner)


def input_module(model: Any, task: str) -> Any:
    """The first module of a model, which tokenizes; of a model with two towers that of the task."""
    first = model[0]
    if type(first).__name__ != "Router":
        return first
    if task not in first.sub_modules:
        raise UserError(f"the encoder has no tower for {task!r}", where="encoder.model", remedy="Name another model")
    return first.sub_modules[task][0]


class TextInput:
    """How a sentence-transformers model takes texts: its tokenizer, its limit, its prompt.

    Models whose first module is no transformer (static embeddings, bags of words) tokenize by their own means; they are
    refused where they state a limit, since nobody could tell what they leave out.
    """

    def __init__(self, model: Any, task: str, prompt: str = "") -> None:
        from transformers import PreTrainedTokenizerBase

        self._model, self._task, self._prompt = model, task, prompt
        module = input_module(model, task)
        self._tokenizer = getattr(module, "tokenizer", None)
        self.limit = token_limit(module, task)
        self._plain = isinstance(self._tokenizer, PreTrainedTokenizerBase) and "message" not in module.modalities
        if not self._plain and self.limit is not None:
            raise UserError(
                f"the encoder reads {self.limit} tokens by a {type(module).__name__} that does not tell what it cuts",
                where="encoder.model",
                remedy="Name a model with a transformers tokenizer and without a chat template",
            )
        pools = [m for m in model.modules() if getattr(m, "include_prompt", True) is False]
        self._maskless = all(type(m).__name__ in _WITHOUT_MASK for m in model.children())
        self._unpooled = len(self._without_end(prompt)) if self._plain and prompt and pools else 0

    def tokens(self, texts: Sequence[str], *, windows: bool = False) -> Tokens:
        """Tokens of the texts after the prompt."""
        full = [self._prompt + text for text in texts]
        if self._plain:
            return tokenized(self._tokenizer, full, self.limit, windows=windows)
        fields: dict[str, list[Any]] = {"input_ids": full}  # a text is as long as its characters
        return Tokens(fields, np.arange(len(full)), np.ones(len(full), dtype=np.float32))

    def features(self, tokens: Tokens, rows: Sequence[int]) -> dict[str, Any]:
        """What the model is called with for some of the rows."""
        if not self._plain:
            found: dict[str, Any] = self._model.preprocess([tokens.fields["input_ids"][i] for i in rows])
            return found
        features = padded(tokens, rows, self._tokenizer)
        if self._maskless and bool(features["attention_mask"].all()):
            del features["attention_mask"]  # the fastest kernels of attention take no mask
        return features | ({"prompt_length": self._unpooled} if self._unpooled else {})

    def _without_end(self, prompt: str) -> list[int]:
        tokenizer: Any = self._tokenizer
        ids: list[int] = tokenizer(prompt)["input_ids"]
        return ids[:-1] if ids and ids[-1] in tokenizer.all_special_ids else ids


def token_limit(module: Any, task: str = "") -> int | None:
    """Most tokens of a text that a model reads, special ones included; None: it names no limit."""
    stated = [getattr(module, f"{task}_length", None), getattr(module, "max_seq_length", None)]
    return min((int(n) for n in stated if n is not None and n < _UNLIMITED), default=None)


def tokenizer_limit(tokenizer: Any, config: Any) -> int | None:
    """Most tokens that a plain transformer reads: by its tokenizer, else by its positions; None: it names no limit."""
    if tokenizer.model_max_length < _UNLIMITED:
        return int(tokenizer.model_max_length)
    return getattr(config, "max_position_embeddings", None)
