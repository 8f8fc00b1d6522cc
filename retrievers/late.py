"""Late chunking: a document is encoded once, whole, and each chunk's vector is pooled from its tokens' states.

Günther et al., "Late Chunking", 2024 (arXiv 2409.04701), algorithm 1; beside the chunks a vector of the document, as
Dewey's encoder gives (Zhang et al., 2025, arXiv 2503.20376). A chunk's vector so knows what stands around the chunk.

It does not know how chunks were cut, nor how vectors are searched. Chunks are pooled by the mean whatever the model's
own pooling: for one that pools by its first token alone, late chunking was not meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, digest, digest_parts
from pipeline.core.stage import Piecewise
from retrievers.base import at_least, one_of
from retrievers.token_model import Array, unit
from retrievers.token_states import TokenEncoder
from retrievers.token_windows import Tokens, Window, taken, token_ranges

DocumentVector = Literal["none", "mean", "cls"]


def document_pieces(chunks: Sequence[Chunk], documents: Sequence[Document]) -> list[dict[str, Any]]:
    """The chunks of each document that has any: its `text`, their `spans`, and `at`, their indexes in the context.

    Raises UserError for chunks of a document that is not there.
    """
    texts = {document.id: document.text or "" for document in documents}
    members: dict[str, list[int]] = {}
    for i, chunk in enumerate(chunks):
        members.setdefault(chunk.doc, []).append(i)
    for doc in members.keys() - texts.keys():
        raise UserError(
            f"chunks of a document {doc!r} that is not among the documents",
            where="late chunking",
            remedy="Wire the stage to the documents that its chunks were cut from",
        )
    return [
        {"text": texts[doc], "spans": [(chunks[i].start, chunks[i].end) for i in at], "at": at}
        for doc, at in members.items()
    ]


def document_key(piece: dict[str, Any]) -> str:
    """Digest of the text and the spans; where the chunks stand in the context does not change their vectors."""
    return digest_parts([digest(piece["text"]), *(f"{start}:{end}" for start, end in piece["spans"])])


def scattered(pieces: Sequence[dict[str, Any]], values: Sequence[dict[str, Any]], name: str, empty: Array) -> Array:
    """The rows that the pieces hold under `name`, at their chunks' places; `empty` where there is no piece."""
    if not pieces:
        return empty
    first = values[0][name]
    rows = np.empty((sum(len(piece["at"]) for piece in pieces), *first.shape[1:]), dtype=first.dtype)
    for piece, value in zip(pieces, values, strict=True):
        rows[np.asarray(piece["at"], dtype=np.int64)] = value[name]
    return rows


@dataclass(frozen=True)
class LateChunks(TokenEncoder, Piecewise):
    """Per context, `.on(chunks, documents)`: {"vectors": (C, d), "read_share": (C,)}, and of the documents, if wanted.

    A token counts for every chunk that holds its middle; the special tokens and the prompt before the first token go
    where that goes, those behind the last one likewise, so that one chunk over the document has the vector that a
    mean-pooling encoder gives to the text. A chunk without a token has the nearest one's state. Vectors have unit
    length.

    overlap: share of a window that the next one reads again, in [0, 1), for documents longer than one window.
    document: a vector of the whole document, the mean over its tokens or the first token's state (`cls`; over several
    windows, their mean): adds {"document_vectors": (D, d), "document": (C,) index into them}.
    document_weight: the vectors become chunk + weight * document, not scaled again, so that an inner product with a
    question is the sum of both similarities.
    """

    batch: ClassVar[int] = 4

    overlap: float = 0.25
    document: DocumentVector = "none"
    document_weight: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_overlap(self.overlap, self.label)
        one_of(self.document, get_args(DocumentVector), f"{self.label}.document")
        at_least(self.document_weight, 0, f"{self.label}.document_weight")
        if self.document_weight and self.document == "none":
            raise UserError(
                f"a weight of {self.document_weight} for a document vector that is not made",
                where=f"{self.label}.document_weight",
                remedy="Add document: mean (or cls)",
            )

    def pieces(self, *inputs: Any) -> list[dict[str, Any]]:
        """One per document that has chunks; inputs: chunks, documents."""
        return document_pieces(*inputs)

    def piece_key(self, piece: dict[str, Any]) -> str:
        """Digest of the document's text and the spans of its chunks."""
        return document_key(piece)

    def make(self, pieces: Sequence[dict[str, Any]]) -> Iterator[dict[str, Array]]:
        """The vectors of each document's chunks, and the document's own."""
        texts = [self.tokens(piece["text"]) for piece in pieces]
        for piece, tokens, passes in zip(pieces, texts, self.by_text(texts, self.overlap), strict=True):
            vectors, whole = self._pooled(tokens, piece["spans"], passes)
            value = {"vectors": unit(self.loaded().project(vectors))}
            if self.document != "none":
                value["document"] = unit(self.loaded().project(whole[None]))
                value["vectors"] += np.float32(self.document_weight) * value["document"]
            yield value

    def join(self, pieces: Sequence[dict[str, Any]], values: Sequence[dict[str, Array]]) -> dict[str, Any]:
        """The chunks' vectors in the context's order."""
        empty = np.zeros((0, 0 if pieces else self.loaded().dimensions), dtype=np.float32)
        vectors = scattered(pieces, values, "vectors", empty)
        joined: dict[str, Any] = {"vectors": vectors, "read_share": np.ones(len(vectors), dtype=np.float32)}
        if self.document != "none":
            owner = np.zeros(len(vectors), dtype=np.int64)
            for number, piece in enumerate(pieces):
                owner[np.asarray(piece["at"], dtype=np.int64)] = number
            joined["document"] = owner
            joined["document_vectors"] = np.concatenate([v["document"] for v in values]) if values else empty
        return joined

    def _pooled(
        self, tokens: Tokens, spans: Sequence[tuple[int, int]], passes: Iterable[tuple[Window, Array]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(C, d) means over the chunks' tokens, and (d,) for the document; zeros for a text without any token."""
        ranges = _with_edges(tokens, token_ranges(tokens, spans))
        width = int(self.loaded().network.config.hidden_size)
        sums, whole = np.zeros((len(ranges), width)), np.zeros(width)
        count = 0
        for window, states in passes:
            first, rows = taken(tokens, window, states)
            for c in np.flatnonzero((ranges[:, 0] < first + len(rows)) & (ranges[:, 1] > first)):
                start, stop = np.clip(ranges[c] - first, 0, len(rows))
                sums[c] += rows[start:stop].sum(axis=0, dtype=np.float64)
            whole += states[0] if self.document == "cls" else rows.sum(axis=0, dtype=np.float64)
            count += 1 if self.document == "cls" else len(rows)
        sizes = np.maximum(1, ranges[:, 1] - ranges[:, 0])[:, None]
        return sums / sizes, whole / max(1, count)


def check_overlap(overlap: float, label: str) -> None:
    """Refuse an overlap outside of [0, 1). Raises UserError."""
    if not 0 <= overlap < 1:
        raise UserError(
            f"an overlap of {overlap} is no share of a window", where=f"{label}.overlap", remedy="Give 0.25, say"
        )


def _with_edges(tokens: Tokens, ranges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ranges that hold the first token hold the head too, those that hold the last one the tail."""
    wide = ranges.copy()
    wide[ranges[:, 0] <= tokens.head, 0] = 0
    wide[ranges[:, 1] >= tokens.head + tokens.own, 1] = len(tokens.ids)
    return wide
