"""Compression as a stage: the law that all methods share, and a value that shows what stayed and what it cost.

A budget that covers the texts returns them unchanged; what stays is a concatenation of stretches of the source, never
longer than it; only a method that writes anew returns other words, and those too within the source's length. It does
not know how a method chooses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from compressors.base import Kept, Method, Shortened, Task, readable, shown
from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Compression, Document, Excerpt, Ranking, Span
from pipeline.core.spec import settings
from pipeline.core.stage import Per, Piecewise, Stage
from pipeline.core.tokens import tokenizer_named


@dataclass(frozen=True, kw_only=True)
class Budget:
    """ratio: tokens given for each that stays, at least 1. budget: tokens that stay, in its place.

    tokenizer: what both are counted in.
    """

    ratio: float = 4.0
    budget: int | None = None
    tokenizer: str = "words"

    def __post_init__(self) -> None:
        if not self.ratio >= 1:
            raise UserError(f"a ratio of {self.ratio:g}", where="compress.ratio", remedy="Give 1 (all) or more")
        if self.budget is not None and self.budget < 1:
            raise UserError(f"a budget of {self.budget} tokens", where="compress.budget", remedy="Give 1 or more")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the ratio only where no budget stands in its place."""
        body = settings(self)
        del body["ratio" if self.budget is not None else "budget"]
        return body

    def tokens_of(self, total: int) -> int:
        """How many of so many tokens may stay."""
        return self.budget if self.budget is not None else max(1, round(total / self.ratio))


@dataclass(frozen=True, kw_only=True)
class _ByMethod(Budget):
    method: Any

    def __post_init__(self) -> None:
        if not isinstance(self.method, Method):
            raise UserError(f"{self.method!r} is no compressor", where="compress", remedy="Name one by its type")
        super().__post_init__()

    def compressions(self, given: Sequence[tuple[Sequence[Chunk], str]]) -> list[Compression]:
        """One result per (texts, question)."""
        tokenizer = tokenizer_named(self.tokenizer)
        sizes = [sum(tokenizer.count(c.text) for c in chunks) for chunks, _ in given]
        tasks = {
            i: Task(tuple(c.text for c in chunks), question, self.tokens_of(sizes[i]), tokenizer)
            for i, (chunks, question) in enumerate(given)
            if sizes[i] > self.tokens_of(sizes[i])
        }
        made = dict(zip(tasks, self.method.shorten(list(tasks.values())), strict=True))
        out = []
        for i, (chunks, _) in enumerate(given):
            shortened = made.get(i) or Shortened(whole(chunks))
            excerpts = tuple(excerpt(chunks[k.index], k) for k in shortened.kept)
            kept = sum(tokenizer.count(e.text) for e in excerpts)
            out.append(Compression(excerpts, sizes[i], kept, shortened.read))
        return out


@dataclass(frozen=True, kw_only=True)
class Compress(_ByMethod, Stage):
    """Per question, `.on(chunks, question)` or `.on(chunks, question, ranking)`: a Compression of the texts.

    With a ranking, the texts are its chunks in its order.
    """

    batch: ClassVar[int] = 16

    def run(self, *columns: Sequence[Any]) -> Iterable[Compression]:
        """Columns: tuples of Chunk, question texts, and rankings where there are any."""
        rankings: Sequence[Ranking | None] = columns[2] if len(columns) > 2 else [None] * len(columns[0])
        given = [
            (chunks if ranking is None else [chunks[i] for i in ranking.ids], question)
            for chunks, question, ranking in zip(columns[0], columns[1], rankings, strict=True)
        ]
        return self.compressions(given)


@dataclass(frozen=True, kw_only=True)
class CompressDocuments(_ByMethod, Piecewise):
    """Per context, `.on(documents)`: a Compression of whole documents by a method that asks no question.

    Every document is compressed for itself, once, whichever questions are asked of it; a budget is that of each.
    """

    per: ClassVar[Per] = "context"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method.asks:
            raise UserError(
                f"{type(self.method).__name__} needs the question", where="compress", remedy="Compress per question"
            )

    def pieces(self, *inputs: Any) -> Sequence[Document]:
        """The documents."""
        documents: Sequence[Document] = inputs[0]
        return documents

    def piece_key(self, piece: Document) -> str:
        """The document's digest."""
        return piece.digest

    def make(self, pieces: Sequence[Document]) -> Iterable[Compression]:
        """Each document's compression."""
        given = [((d.chunk,), "") for d in pieces]
        return self.compressions(given)

    def join(self, pieces: Sequence[Document], values: Sequence[Compression]) -> Compression:
        """All documents together, in their order."""
        return Compression(
            tuple(e for v in values for e in v.excerpts),
            sum(v.tokens for v in values),
            sum(v.kept for v in values),
            sum(v.read for v in values),
        )


def whole(chunks: Sequence[Chunk]) -> tuple[Kept, ...]:
    """All of every text that is not empty."""
    return tuple(Kept(n, ((0, len(c.text)),)) for n, c in enumerate(chunks) if c.text)


def excerpt(chunk: Chunk, kept: Kept) -> Excerpt:
    """What stays of one text, as the reader is shown it. Raises ValueError for stretches outside of it."""
    bare = Excerpt("", (), chunk.span, chunk.title, kept.heading or chunk.section)
    if kept.rewritten is not None:
        return replace(bare, text=kept.rewritten[: len(chunk.text)])
    if any(not 0 <= start <= end <= len(chunk.text) for start, end in kept.stretches):
        raise ValueError(f"a stretch outside of a text of {len(chunk.text)} characters: {kept.stretches}")
    stretches = readable(chunk.text, kept.stretches)
    spans = tuple(Span(chunk.doc, chunk.start + start, chunk.start + end) for start, end in stretches)
    return replace(bare, text=shown(chunk.text, stretches), spans=spans)
