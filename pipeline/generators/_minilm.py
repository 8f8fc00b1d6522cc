"""Sentence vectors of all-MiniLM-L6-v2 that are the same bits whatever else is embedded beside them.

A matrix product may sum in another order when its shape changes, so each batch of one token width has one fixed shape,
filled up with empty texts. It knows texts and vectors; it does not know documents or questions. CPU only, in float32.
Model: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (mean of the last layer over tokens, unit length).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.threads import mapped, one_thread_each
from pipeline.core.tokens import minilm_folder

Vectors = NDArray[np.float32]

DIMENSIONS = 384
_LONGEST = 256  # tokens that the model was trained to read; the rest of a longer text is not embedded
_STEP = 4  # widths are multiples of this: little padding, few shapes
_BATCH_TOKENS = 1024
_CACHED = 200_000  # vectors of 1.5 kB


@cache
def shared() -> MiniLM:
    """The process's one encoder: vectors are nobody's settings. `shared.cache_clear()` lets go of it."""
    return MiniLM()


class MiniLM:
    """The encoder with a memory of what it embedded. Loads on first use."""

    def __init__(self) -> None:
        self._vectors: dict[str, Vectors] = {}

    def learn(self, texts: Iterable[str]) -> None:
        """Embed the texts that it does not remember."""
        distinct = list(dict.fromkeys(texts))
        new = [text for text in distinct if text not in self._vectors]
        if len(self._vectors) + len(new) > _CACHED:
            self._vectors.clear()
            new = distinct
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(new)] if new else []
        by_width: dict[int, list[int]] = {}
        for i, ids in enumerate(tokens):
            by_width.setdefault(-(-len(ids) // _STEP) * _STEP, []).append(i)
        batches = [
            (width, members[at : at + rows])
            for width, members in sorted(by_width.items())
            for rows in [max(1, _BATCH_TOKENS // width)]
            for at in range(0, len(members), rows)
        ]
        if not batches:
            return
        _ = self._model  # loaded before the threads ask for it

        def embed(batch: tuple[int, list[int]]) -> Vectors:
            width, members = batch
            return self._embed([tokens[i] for i in members], max(1, _BATCH_TOKENS // width), width)

        with one_thread_each() as threads:
            for (_, members), vectors in zip(batches, mapped(embed, batches, threads), strict=True):
                for i, vector in zip(members, vectors, strict=False):
                    self._vectors[new[i]] = vector

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """n texts -> (n, 384) unit vectors."""
        self.learn(texts)
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        return np.stack([self._vectors[text] for text in texts])

    def _embed(self, tokens: Sequence[Sequence[int]], rows: int, width: int) -> Vectors:
        import torch

        # The first token of an unused row stays visible: a row without any would be a division by zero.
        ids = np.zeros((rows, width), dtype=np.int64)
        mask = np.zeros((rows, width), dtype=np.int64)
        mask[:, 0] = 1
        for row, some in enumerate(tokens):
            ids[row, : len(some)] = some
            mask[row, : len(some)] = 1
        with torch.inference_mode():
            seen = torch.from_numpy(mask)
            hidden = self._model(input_ids=torch.from_numpy(ids), attention_mask=seen).last_hidden_state
            weights = seen[:, :, None].to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            unit: Vectors = torch.nn.functional.normalize(mean, dim=1).numpy()
        return unit

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(_LONGEST)
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        import transformers
        from transformers.utils import logging

        loaders: Any = transformers
        bars: Any = logging
        shown = bars.is_progress_bar_enabled()
        bars.disable_progress_bar()
        try:
            return loaders.AutoModel.from_pretrained(str(minilm_folder()), local_files_only=True).float().eval()
        finally:
            if shown:
                bars.enable_progress_bar()
