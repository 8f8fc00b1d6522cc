"""Landmark embedding: one vector per sentence, from long passes in which the text stays unbroken.

Luo et al., "Landmark Embedding: A Chunking-Free Embedding Method for Retrieval Augmented Long-Context LLMs", ACL 2024
(arXiv 2402.11573): a landmark token after each sentence, a sliding window where the text is longer than the encoder,
and retrieval of the best landmarks together with the sentences before them, since a landmark was trained to mark the
end of what answers. The sentences are the chunks that the stage is wired to: `SentenceWindows(window=1, step=1)`.

It knows no training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.stage import Piecewise, Stage
from retrievers.base import at_least, one_of
from retrievers.late import check_overlap, document_key, document_pieces, scattered
from retrievers.token_model import Array, unit
from retrievers.token_states import TokenEncoder
from retrievers.token_windows import Tokens, token_ranges

Pool = Literal["mean", "last"]


@dataclass(frozen=True)
class LandmarkChunks(TokenEncoder, Piecewise):
    """Per context, `.on(sentences, documents)`: {"vectors": (C, d), "read_share": (C,)}, vectors of unit length.

    landmark: the token that the model was trained to find after each sentence ("<LMK>"); its state is the sentence's
    vector. Empty for a model that has none, as all common encoders: then `pool` says what stands for it, the mean over
    the sentence's tokens, or the last one's state (for models that read from left to right).
    overlap: share of a window that the next one reads again, in [0, 1). A sentence's vector comes from one window, the
    earliest that holds its end: there most stands to its left. Of a sentence that began before that window, the share
    of tokens inside is told as `read_share`.
    """

    batch: ClassVar[int] = 4

    overlap: float = 0.5
    landmark: str = ""
    pool: Pool = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_overlap(self.overlap, self.label)
        one_of(self.pool, get_args(Pool), f"{self.label}.pool")

    def resolved_settings(self) -> dict[str, Any]:
        """Without the pooling where landmarks stand for it."""
        own = super().resolved_settings()
        return {k: v for k, v in own.items() if not (k == "pool" and self.landmark)}

    def pieces(self, *inputs: Any) -> list[dict[str, Any]]:
        """One per document that has sentences; inputs: sentences, documents."""
        return document_pieces(*inputs)

    def piece_key(self, piece: dict[str, Any]) -> str:
        """Digest of the document's text and its sentences' spans."""
        return document_key(piece)

    def make(self, pieces: Sequence[dict[str, Any]]) -> Iterator[dict[str, Array]]:
        """The vectors of each document's sentences."""
        texts, ranges = [], []
        for piece in pieces:
            tokens = self.tokens(piece["text"])
            at = token_ranges(tokens, piece["spans"])
            if self.landmark:
                tokens, at = with_landmarks(tokens, at, self._landmark_id())
            texts.append(tokens)
            ranges.append(at)
        width = int(self.loaded().network.config.hidden_size)
        for tokens, at, passes in zip(texts, ranges, self.by_text(texts, self.overlap, "left"), strict=True):
            vectors, shares = np.zeros((len(at), width)), np.ones(len(at), dtype=np.float32)
            ends = np.maximum(at[:, 1] - 1 - tokens.head, 0)
            for window, states in passes:
                own = states[tokens.head : tokens.head + window.stop - window.start]
                for c in np.flatnonzero((ends >= window.first) & (ends < window.last)):
                    start, stop = at[c] - tokens.head - window.start
                    inside = own[max(0, start) : stop]
                    shares[c] = len(inside) / (stop - start)
                    last = self.landmark or self.pool == "last"
                    vectors[c] = inside[-1] if last else inside.mean(axis=0, dtype=np.float64)
            yield {"vectors": unit(self.loaded().project(vectors)), "read_share": shares}

    def join(self, pieces: Sequence[dict[str, Any]], values: Sequence[dict[str, Array]]) -> dict[str, Array]:
        """The sentences' vectors in the context's order."""
        width = 0 if pieces else self.loaded().dimensions
        return {
            "vectors": scattered(pieces, values, "vectors", np.zeros((0, width), dtype=np.float32)),
            "read_share": scattered(pieces, values, "read_share", np.ones(0, dtype=np.float32)),
        }

    def _landmark_id(self) -> int:
        model = self.loaded()
        ids: list[int] = model.tokenizer(self.landmark, add_special_tokens=False)["input_ids"]
        if len(ids) != 1 or ids[0] == model.tokenizer.unk_token_id:
            raise UserError(
                f"{self.landmark!r} is no token of the model {model.name!r}",
                where=f"{self.label}.landmark",
                remedy="Name the token that the model was trained with, or leave it empty",
            )
        return ids[0]


def with_landmarks(tokens: Tokens, ranges: NDArray[np.int64], landmark: int) -> tuple[Tokens, NDArray[np.int64]]:
    """The tokens with a landmark after each of the C ranges, and the ranges with their landmark as the last token.

    Ranges that end at one token get one landmark each, in order.
    """
    ends = ranges[:, 1]
    order = np.argsort(ends, kind="stable")
    ids = np.insert(tokens.ids, ends[order], landmark)
    at = np.repeat(tokens.offsets[np.maximum(ends[order] - 1, 0), 1:], 2, axis=1)
    offsets = np.insert(tokens.offsets, ends[order], at, axis=0)
    before = np.searchsorted(ends[order], ranges[:, 0], side="right")  # landmarks inserted before a range's first token
    moved = np.empty_like(ranges)
    moved[:, 0] = ranges[:, 0] + before
    moved[order, 1] = ends[order] + np.arange(1, len(ends) + 1)
    return replace(tokens, ids=ids, offsets=offsets), moved


@dataclass(frozen=True)
class ExpandLeft(Stage):
    """Per question, `.on(ranking, sentences)`: the best `landmarks` sentences, each with the `n` before it.

    Of one document, each once, in document order; a sentence that came along has the score of the best landmark that
    brought it.
    """

    n: int = 3
    landmarks: int = 5

    def __post_init__(self) -> None:
        at_least(self.n, 0, f"{self.label}.n")
        at_least(self.landmarks, 1, f"{self.label}.landmarks")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: rankings, tuples of Chunk."""
        for ranking, chunks in zip(*columns, strict=True):
            scores: dict[int, float] = {}
            for i, score in zip(ranking.ids[: self.landmarks], ranking.scores, strict=False):
                for j in range(max(0, i - self.n), i + 1):
                    if chunks[j].doc == chunks[i].doc:
                        scores[j] = max(score, scores.get(j, score))
            ids = sorted(scores)
            yield Ranking(tuple(ids), tuple(scores[i] for i in ids))
