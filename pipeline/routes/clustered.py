"""Clustered RAG: every cluster of passages summarised, and the summaries as the only context.

Akesson and Santos 2024, "Clustered Retrieved Augmented Generation (CRAG)", arXiv 2406.00029: the context grows with the
number of clusters and not with the documents. The summaries are asked for without the question, so that they are made
once for all questions of a context. It does not know how clusters come about.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.core.errors import UserError
from pipeline.core.records import Prompt
from pipeline.core.stage import Node
from pipeline.core.tokens import Tokenizer
from pipeline.generators.base import Completion, Sampling
from pipeline.prompts import answer_from, summarise_passages
from pipeline.routes.base import Ask, Case, Cut, Reply, Route, Steps, context_size, tokens_of
from pipeline.routes.inner import asked_together, clip, ended, must_fit, noted, room
from pipeline.routes.pieces import Piece, cost, in_batches, pieces_of, shown, summary_piece

WORDS_A_TOKEN = 0.7  # English; the demand in words should end before the limit in tokens does
_REMEDY = "Lower summary_tokens or the number of clusters, or name a reader with a longer window"


def grouped(labels: Sequence[int]) -> list[list[int]]:
    """Indices by cluster, clusters in order of their first member."""
    groups: dict[int, list[int]] = {}
    for i, label in enumerate(labels):
        groups.setdefault(int(label), []).append(i)
    return list(groups.values())


@dataclass
class Summaries:
    """What came of summarising: a text per group, or the call that failed; what is worth a note."""

    texts: list[str]
    failed: tuple[Completion, Prompt] | None = None
    cut: int = 0
    blank: int = 0
    calls: int = 0

    def take(self, done: Sequence[Completion], tokens: int, tokenizer: Tokenizer) -> list[str]:
        """The texts of calls, counted; none longer than `tokens`, however the reader counts."""
        whole = [completion.text.strip() for completion in done]
        texts = [clip(text, tokens, tokenizer) for text in whole]
        self.calls += len(texts)
        self.cut += sum(c.finish == "length" or a != b for c, a, b in zip(done, texts, whole, strict=True))
        self.blank += texts.count("")
        return texts

    def notes(self, tokens: int) -> list[str]:
        """Lines about summaries that are not whole."""
        cut = [f"{self.cut} of {self.calls} summaries were cut at {tokens} tokens"] if self.cut else []
        return cut + ([f"{self.blank} of {self.calls} summaries are empty"] if self.blank else [])


def summarised(
    groups: Sequence[Sequence[Piece]], case: Case, sampling: Sampling, tokens: int
) -> Generator[tuple[Ask, ...], tuple[Completion, ...], Summaries]:
    """A summary of at most `tokens` tokens for each group; what can be asked for at once is.

    A group that exceeds the reader's window is summarised in batches, and the batches' summaries again, until one is
    left; nothing of it is dropped. Raises UserError where the window cannot hold two summaries to make one of.
    """
    words = max(1, int(WORDS_A_TOKEN * tokens))
    left = room(case, summarise_passages([], words), tokens, _REMEDY)
    tokenizer, found = case.reader.tokenizer, Summaries([""] * len(groups))
    waiting = {g: tuple(group) for g, group in enumerate(groups)}
    while waiting:
        prompts = {g: _prompts(pieces, words, left, tokenizer) for g, pieces in waiting.items()}
        for batches in prompts.values():
            _must_shrink(len(batches), left, tokens, case)
        flat = [prompt for batches in prompts.values() for prompt in batches]
        done, found.failed = yield from asked_together(flat, sampling, tokens)
        if found.failed:
            return found
        texts = iter(found.take(done, tokens, tokenizer))
        for g, batches in prompts.items():
            made = [next(texts) for _ in batches]
            if len(made) == 1:
                found.texts[g] = made[0]
                del waiting[g]
            else:
                waiting[g] = tuple(summary_piece(text) for text in made)
    return found


def _must_shrink(batches: int, left: int | None, tokens: int, case: Case) -> None:
    """Refuse to summarise summaries of which not even two fit into one prompt: there would be no end to it."""
    one = tokens + cost(summary_piece(""), 99, case.reader.tokenizer)
    if batches > 1 and left is not None and left < 2 * one:
        raise UserError(
            f"{left} tokens of the window do not hold two summaries of {tokens}",
            where=f"reader {case.reader.label!r}, question {case.question.id!r}",
            remedy=_REMEDY,
        )


@lru_cache(maxsize=1024)
def _prompts(pieces: tuple[Piece, ...], words: int, left: int | None, tokenizer: Tokenizer) -> tuple[Prompt, ...]:
    """The calls that summarise the pieces, each with at most `left` tokens of passages; remembered, since every
    question of a context asks for them."""
    return tuple(summarise_passages(shown(batch), words) for batch in in_batches(pieces, left, tokenizer, _REMEDY))


@dataclass(frozen=True, kw_only=True)
class ClusteredRAG(Route):
    """Answers from a summary of each cluster: C clusters and `summary_tokens` s show at most C x s tokens.

    chunks, clusters: nodes of the chunks and of their clusters' numbers, (C,). labels: show document and section over
    each passage that is summarised. A summary that reaches its length is used as far as it goes, with a note; any other
    failed call ends the route. Raises UserError where C x s tokens do not fit the reader's window.
    """

    chunks: Node
    clusters: Node
    summary_tokens: int = 150
    labels: bool = True

    def __post_init__(self) -> None:
        if self.summary_tokens < 1:
            raise UserError(f"{self.summary_tokens} is too small", where="summary_tokens", remedy="Give 100, say")

    def nodes(self) -> Mapping[str, Node]:
        """The chunks and their clusters."""
        return {"chunks": self.chunks, "clusters": self.clusters}

    def steps(self, case: Case) -> Steps:
        """A call per cluster (more where one exceeds the window), the same for every question; then the answer."""
        pieces = pieces_of(case.inputs["chunks"], labels=self.labels)
        groups = [[pieces[i] for i in group] for group in grouped(case.inputs["clusters"])]
        question, tokenizer = case.question.text, case.reader.tokenizer
        bare = answer_from(shown([summary_piece("")] * len(groups)), question, position=self.position)
        must_fit(case, bare, self.sampling.max_tokens + len(groups) * self.summary_tokens, _REMEDY)
        found = yield from summarised(groups, case, self.sampling, self.summary_tokens)
        notes = found.notes(self.summary_tokens)
        if found.failed:
            return ended(case, *found.failed, notes)
        parts = shown([summary_piece(text) for text in found.texts])
        prompt = answer_from(parts, question, position=self.position)
        completion: Completion = yield Ask(prompt, self.sampling)
        cut = Cut(context_size(case.documents, tokenizer), tokens_of(parts, tokenizer))
        return noted(Reply(completion, prompt, cut), notes)
