"""One vector of a text of any length: the counterpart of an encoder that cuts, for texts beyond what it was made for.

Read in one pass by stretched positions, or by parallel windows whose vectors are averaged (Zhu et al., "LongEmbed",
EMNLP 2024): the last window is moved back to be full, and the mean is taken before scaling, as in its
code.

It does not know what a text is: a chunk, a section or a document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, digest
from pipeline.core.stage import Piecewise
from retrievers.token_model import Array, unit
from retrievers.token_states import TokenEncoder


@dataclass(frozen=True)
class EncodeWhole(TokenEncoder, Piecewise):
    """Per context, `.on(chunks)`: {"vectors": (C, d), "read_share": (C,)}, each chunk's text read to its end.

    Pooled as the model pools (mean, first token, last token, largest entry), scaled to unit length. With
    `positions: plain` a text beyond the model's length is read by parallel windows; with stretched positions, so is
    one beyond `stretch` times that length. A text within the model's length has the vector of `EncodeChunks`.
    """

    batch: ClassVar[int] = 64

    def pieces(self, *inputs: Any) -> list[str]:
        """One per chunk: its text."""
        chunks: tuple[Chunk, ...] = inputs[0]
        return [chunk.text for chunk in chunks]

    def piece_key(self, piece: str) -> str:
        """Digest of the text."""
        return digest(piece)

    def make(self, pieces: Sequence[str]) -> Iterator[Array]:
        """(d,) of each text."""
        model = self.loaded()
        sums = np.zeros((len(pieces), model.dimensions))
        texts = [self.tokens(text) for text in pieces]
        for index, _, states in self.states(texts):
            sums[index] += model.project(self._pooled(states)[None])[0]
        # The sum's direction is the mean's.
        yield from unit(sums)

    def join(self, pieces: Sequence[str], values: Sequence[Array]) -> dict[str, Array]:
        """All vectors; the share read is 1."""
        empty = np.zeros((0, self.loaded().dimensions), dtype=np.float32)
        return {
            "vectors": np.stack(values) if values else empty,
            "read_share": np.ones(len(values), dtype=np.float32),
        }

    def _pooled(self, states: Array) -> Array:
        """(n, d) of one window -> (d,)."""
        pooling = self.loaded().pooling
        if pooling == "mean":
            return np.asarray(states.mean(axis=0, dtype=np.float64), dtype=np.float32)
        if pooling == "max":
            return np.asarray(states.max(axis=0), dtype=np.float32)
        if pooling in ("cls", "lasttoken"):
            return np.asarray(states[0 if pooling == "cls" else -1])
        raise UserError(
            f"the model pools by {pooling!r}",
            where=f"{self.label}.model",
            remedy="Known: mean, cls, max, lasttoken. The stage 'dense' pools in any way",
        )
