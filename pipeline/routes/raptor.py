"""RAPTOR: a tree of summaries over the passages, searched as one flat list.

Sarthi et al. 2024, "RAPTOR: Recursive Abstractive Processing for Tree-Organized Retrieval", arXiv 2401.18059: passages
are clustered, each cluster summarised, the summaries clustered again, up to a root; the collapsed tree then ranks nodes
of all levels by cosine and fills a budget of tokens. Two departures: clusters are hard (the paper's are of a Gaussian
mixture over UMAP's dimensions, where a passage may be in several), and a cluster too long for the reader is summarised
in batches, where the paper's code clusters it again. It does not know how vectors and clusters are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.stage import Node
from pipeline.core.tokens import MINILM, tokenizer_named
from pipeline.generators.base import Completion
from pipeline.prompts import answer_from
from pipeline.routes.base import Ask, Case, Cut, Reply, Route, Steps, context_size, tokens_of
from pipeline.routes.clustered import grouped, summarised
from pipeline.routes.inner import ended, noted, room
from pipeline.routes.pieces import Piece, cost, pieces_of, shown, summary_piece

Vectors = NDArray[np.float32]

_DECIMALS = 6  # of a cosine; far above the noise of floating point, so that equal texts tie
_CONTEXTS = 256  # levels whose vectors are kept; every question of a context asks for the same


class Embedder(Protocol):
    """Makes vectors of texts; hashable, equal where it gives equal vectors."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """n texts -> (n, d)."""

    def __hash__(self) -> int:
        """By settings."""


class Clusterer(Protocol):
    """Groups vectors; hashable, equal where it gives equal groups."""

    def labels(self, vectors: Vectors) -> NDArray[np.int32]:
        """(n, d) -> (n,) numbers of clusters."""

    def __hash__(self) -> int:
        """By settings."""


@lru_cache(maxsize=_CONTEXTS)
def _encoded(embedder: Embedder, texts: tuple[str, ...]) -> Vectors:
    vectors = np.asarray(embedder.encode(texts), dtype=np.float32)
    vectors.setflags(write=False)  # shared by all who ask
    return vectors


@lru_cache(maxsize=_CONTEXTS)
def _groups(clusterer: Clusterer, embedder: Embedder, texts: tuple[str, ...]) -> list[list[int]]:
    return grouped(clusterer.labels(_encoded(embedder, texts)).tolist())


@dataclass(frozen=True, kw_only=True)
class Raptor(Route):
    """Answers from the nodes of a summary tree nearest to the question, passages and summaries alike.

    chunks, encoded, clusters, question: nodes of the chunks, of {"vectors": (C, d), ...}, of the chunks' clusters (C,)
    and of the question's vector (d,). embedder: the encoder behind `encoded`, for summaries. clusterer: what groups
    summaries. levels: of summaries at most; there are fewer where one node is left, or clusters no longer bring fewer.
    summary_tokens: length of a summary. budget: tokens of nodes shown, counted by `tokenizer`; filling stops at the
    first that does not fit, as the paper's code does. labels: show document and section over a passage.

    A summary that reaches its length is used as far as it goes, with a note; any other failed call ends the route.
    """

    chunks: Node
    encoded: Node
    clusters: Node
    question: Node
    embedder: Embedder
    clusterer: Clusterer
    levels: int = 5
    summary_tokens: int = 100
    budget: int = 2000
    tokenizer: str = MINILM
    labels: bool = True

    def __post_init__(self) -> None:
        for name in ("levels", "summary_tokens", "budget"):
            if getattr(self, name) < 1:
                raise UserError(f"{getattr(self, name)} is too small", where=name, remedy="Give 1 or more")

    def nodes(self) -> Mapping[str, Node]:
        """Chunks, their vectors and clusters, and the question's vector."""
        return {
            "chunks": self.chunks,
            "encoded": self.encoded,
            "question": self.question,
            "clusters": self.clusters,
        }

    def steps(self, case: Case) -> Steps:
        """A call per cluster of each level, the same for every question; then the answer."""
        nodes = pieces_of(case.inputs["chunks"], labels=self.labels)
        vectors = [np.asarray(case.inputs["encoded"]["vectors"], dtype=np.float32)]
        notes: list[str] = []
        level, groups = nodes, grouped(case.inputs["clusters"])
        for _ in range(self.levels):
            if len(level) < 2 or len(groups) == len(level):
                break
            found = yield from summarised(
                [[level[i] for i in group] for group in groups], case, self.sampling, self.summary_tokens
            )
            notes += found.notes(self.summary_tokens)
            if found.failed:
                return ended(case, *found.failed, notes)
            texts = tuple(text for text in found.texts if text)
            if not texts:
                break
            level = [summary_piece(text) for text in texts]
            nodes = [*nodes, *level]
            vectors.append(_encoded(self.embedder, texts))
            groups = _groups(self.clusterer, self.embedder, texts)
        order = _by_cosine(vectors, case.inputs["question"])
        parts = shown(self._filled([nodes[i] for i in order], case, notes))
        prompt = answer_from(parts, case.question.text, position=self.position)
        completion: Completion = yield Ask(prompt, self.sampling)
        tokenizer = case.reader.tokenizer
        cut = Cut(context_size(case.documents, tokenizer), tokens_of(parts, tokenizer))
        return noted(Reply(completion, prompt, cut), notes)

    def _filled(self, ranked: Sequence[Piece], case: Case, notes: list[str]) -> list[Piece]:
        """The longest head of the ranking within the budget and the reader's window."""
        remedy = "Lower sampling.max_tokens, or name a reader with a longer window"
        bare = answer_from([], case.question.text, position=self.position)
        left = room(case, bare, self.sampling.max_tokens, remedy)
        counter, reader = tokenizer_named(self.tokenizer), case.reader.tokenizer
        spent = held = 0
        for n, piece in enumerate(ranked):
            spent += counter.count(piece.part.text or "")
            held += cost(piece, n + 1, reader)
            if spent > self.budget:
                if n == 0:
                    notes.append(f"the nearest passage exceeds the budget of {self.budget} tokens: none is shown")
                return list(ranked[:n])
            if left is not None and held > left:
                notes.append(f"the reader's window holds {n} passages, not the whole budget of {self.budget} tokens")
                return list(ranked[:n])
        return list(ranked)


def _by_cosine(vectors: Sequence[Vectors], question: Any) -> list[int]:
    """Rows of all vectors by their cosine with the question, ties by lower index."""
    asked = np.asarray(question, dtype=np.float64)
    scores: list[float] = []
    for rows in vectors:
        if len(rows) and rows.shape[1] != len(asked):
            raise UserError(
                f"the question has {len(asked)} dimensions, a level of the tree has {rows.shape[1]}",
                where="raptor",
                remedy="Encode passages, summaries and question with one model",
            )
        level = rows.astype(np.float64)
        lengths = np.linalg.norm(level, axis=1) * np.linalg.norm(asked)
        products = level @ asked if len(rows) else np.zeros(0)
        scores += np.round(products / np.where(lengths > 0, lengths, 1.0), _DECIMALS).tolist()
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))
