"""Late interaction: a passage is the vectors of its tokens, and a question finds for each of its own the nearest one.

Khattab and Zaharia, "ColBERT", SIGIR 2020, equation 3 (MaxSim): the sum over the question's tokens of the greatest
inner product with a token of the passage. With a model trained so (a ColBERT folder: BERT with a linear layer; PyLate's
layout), or with any encoder's states as they are.

It keeps all token vectors and compares them exactly; ColBERT's query augmentation by mask tokens is not done.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking, digest
from pipeline.core.stage import Piecewise, Stage
from retrievers.base import DECIMALS, at_least, rank, rebuilt, top_k
from retrievers.late import check_overlap
from retrievers.token_model import Array, unit
from retrievers.token_states import TokenEncoder
from retrievers.token_windows import Tokens, taken

_TOKENS_AT_ONCE = 1 << 18
"""Of the passages compared in one matrix product."""


@dataclass(frozen=True)
class TokenVectors(TokenEncoder):
    """What both sides share: the vectors of all tokens of a text, special ones too, of unit length.

    Projected by the model's layers where they were trained for tokens (ColBERT's). overlap: share of a window that the
    next one reads again, in [0, 1).
    """

    overlap: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        check_overlap(self.overlap, self.label)

    @property
    def width(self) -> int:
        """Length of a token's vector."""
        model = self.loaded()
        return model.dimensions if model.per_token else int(model.network.config.hidden_size)

    def vectors(self, texts: Sequence[Tokens]) -> Iterator[Array]:
        """(n, p) of each text."""
        model = self.loaded()
        nothing = np.zeros((0, int(model.network.config.hidden_size)), dtype=np.float32)
        for tokens, passes in zip(texts, self.by_text(texts, self.overlap), strict=True):
            states = np.concatenate([nothing, *(taken(tokens, window, found)[1] for window, found in passes)])
            yield unit(model.project(states) if model.per_token else states)


@dataclass(frozen=True)
class MultiVectorChunks(TokenVectors, Piecewise):
    """Per context, `.on(chunks)`: {"tokens": (N, p), "starts": (C + 1,), "read_share": (C,)}.

    The vectors of chunk c are `tokens[starts[c] : starts[c + 1]]`. half: kept as float16, in half the space; scores
    move by about 1e-3. skip_punctuation: without tokens of punctuation alone, as ColBERT does with passages.
    """

    batch: ClassVar[int] = 64

    half: bool = True
    skip_punctuation: bool = False

    def pieces(self, *inputs: Any) -> list[str]:
        """One per chunk: its text."""
        chunks: tuple[Chunk, ...] = inputs[0]
        return [chunk.text for chunk in chunks]

    def piece_key(self, piece: str) -> str:
        """Digest of the text."""
        return digest(piece)

    def make(self, pieces: Sequence[str]) -> Iterator[NDArray[Any]]:
        """(n, p) of each text."""
        texts = [self.tokens(text) for text in pieces]
        for text, tokens, vectors in zip(pieces, texts, self.vectors(texts), strict=True):
            kept = vectors[_wordlike(text, tokens)] if self.skip_punctuation else vectors
            yield kept.astype(np.float16 if self.half else np.float32)

    def join(self, pieces: Sequence[str], values: Sequence[NDArray[Any]]) -> dict[str, Any]:
        """All vectors, one chunk's behind the other's."""
        nothing = np.zeros((0, self.width), dtype=np.float16 if self.half else np.float32)
        return {
            "tokens": np.concatenate([nothing, *values]),
            "starts": np.cumsum([0, *map(len, values)], dtype=np.int64),
            "read_share": np.ones(len(values), dtype=np.float32),
        }


@dataclass(frozen=True)
class MultiVectorQuestion(TokenVectors):
    """Per question, `.on(question text)`: (n, p) float32. query_prompt stands before the question."""

    query_prompt: str | None = None

    def resolved_settings(self) -> dict[str, Any]:
        """Without the other side's prompt."""
        return {k: v for k, v in super().resolved_settings().items() if k != "passage_prompt"}

    def run(self, *columns: Sequence[Any]) -> Iterable[Array]:
        """One column: texts."""
        own = {f.name: getattr(self, f.name) for f in fields(TokenVectors)}
        prompt = self.loaded().prompt(self.query_prompt, "query")
        reader = TokenVectors(**(own | {"passage_prompt": prompt}))
        for text in columns[0]:
            yield from reader.vectors([reader.tokens(text)])


@dataclass(frozen=True)
class MaxSimSearch(Stage):
    """Per question, `.on(chunks' token vectors, question's token vectors)`: the k best chunks by MaxSim, exactly."""

    k: int = 20

    def __post_init__(self) -> None:
        at_least(self.k, 1, f"{self.label}.k")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: token vectors of chunks, of questions."""
        values, questions = columns
        for kept, question in zip(rebuilt(values, _Kept), questions, strict=True):
            yield top_k(kept.scores(question, range(len(kept))), self.k)


@dataclass(frozen=True)
class MaxSimRerank(Stage):
    """Per question, `.on(ranking, chunks' token vectors, question's token vectors)`: the ranking's chunks by MaxSim.

    depth: how many of the ranking's best are scored, and kept; None: all.
    """

    depth: int | None = None

    def __post_init__(self) -> None:
        if self.depth is not None:
            at_least(self.depth, 1, f"{self.label}.depth")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Three columns: rankings, token vectors of chunks, of questions."""
        rankings, values, questions = columns
        for ranking, kept, question in zip(rankings, rebuilt(values, _Kept), questions, strict=True):
            ids = ranking.ids[: self.depth]
            yield rank(zip(ids, kept.scores(question, ids).tolist(), strict=True), DECIMALS)


def max_sim(question: NDArray[Any], passage: NDArray[Any]) -> float:
    """Sum over the question's (n, p) vectors of the greatest inner product with one of the passage's (m, p)."""
    return float((question.astype(np.float64) @ passage.astype(np.float64).T).max(axis=1).sum())


class _Kept:
    """The token vectors of the chunks, ready to be compared."""

    def __init__(self, value: dict[str, Any]) -> None:
        self._tokens, self._starts = np.asarray(value["tokens"]), np.asarray(value["starts"])

    def __len__(self) -> int:
        return len(self._starts) - 1

    def scores(self, question: NDArray[Any], ids: Sequence[int]) -> NDArray[np.float64]:
        """(len(ids),) MaxSim of the chunks; a chunk without tokens scores 0."""
        if len(ids) and self._tokens.shape[1] != question.shape[1]:
            raise UserError(
                f"the question's vectors have {question.shape[1]} dimensions, the chunks' {self._tokens.shape[1]}",
                where="late interaction",
                remedy="Encode both with one model",
            )
        found = np.zeros(len(ids))
        sizes = np.diff(self._starts)[list(ids)]
        asked = question.astype(np.float32).T
        at = 0
        while at < len(ids):
            stop = at + max(1, int(np.searchsorted(np.cumsum(sizes[at:]), _TOKENS_AT_ONCE, side="right")))
            some = [i for i in range(at, stop) if sizes[i]]
            if some and len(question):
                tokens = np.concatenate([self._tokens[self._starts[ids[i]] : self._starts[ids[i] + 1]] for i in some])
                similarity = tokens.astype(np.float32) @ asked
                edges = np.cumsum([0, *sizes[some][:-1]])
                found[some] = np.maximum.reduceat(similarity, edges, axis=0).sum(axis=1, dtype=np.float64)
            at = stop
        return found


def _wordlike(text: str, tokens: Tokens) -> NDArray[np.bool_]:
    """(n,) False for tokens of the text that are punctuation alone."""
    kept = np.ones(len(tokens.ids), dtype=bool)
    for i in range(tokens.head, tokens.head + tokens.own):
        start, end = tokens.offsets[i]
        word = text[start:end].strip()
        kept[i] = not word or any(not unicodedata.category(c).startswith("P") for c in word)
    return kept
