"""What a route is: settings, the nodes it reads, and a generator of calls.

`steps` yields an `Ask` for a call it wants made and is sent the `Completion`, or a tuple of `Ask`s, none of which waits
for another's answer, and is sent the tuple of their `Completion`s; it returns a `Reply`. So a route of one call and a
loop of twenty are written alike, all routes' calls of one moment can be united and ordered, and a killed run replays
the calls that are remembered. No route looks at a gold answer; only the oracle control at gold evidence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pipeline.core.errors import UserError
from pipeline.core.records import (
    Chunk,
    Compression,
    Document,
    Excerpt,
    Part,
    Prompt,
    Question,
    Ranking,
    Role,
    Span,
)
from pipeline.core.stage import Node
from pipeline.core.tokens import Tokenizer
from pipeline.generators.base import Completion, Sampling
from pipeline.generators.base import Generator as Reader
from pipeline.prompts import Position, answer_from, gap, labelled

Truncate = Literal["end", "middle", "start"]
MARGIN = 64  # tokens left for what a chat template adds around the prompt


@dataclass(frozen=True)
class Case:
    """What a route works on: a question, its documents in reading order, the values of its nodes, a reader."""

    question: Question
    documents: tuple[Document, ...]
    inputs: Mapping[str, Any]
    reader: Reader


@dataclass(frozen=True)
class Ask:
    """A call that a route wants made."""

    prompt: Prompt
    sampling: Sampling


@dataclass(frozen=True)
class Cut:
    """What of the documents the reader was shown.

    context_tokens: the documents' size; kept_tokens: of these in the prompt; cut_at: character of the document where a
    truncation fell, None where nothing was truncated.
    """

    context_tokens: int
    kept_tokens: int
    cut_at: int | None = None


@dataclass(frozen=True)
class Reply:
    """A route's answer: the completion it stands by and the prompt behind it.

    notes: what a reader of the results should know of the calls before it, one line each.
    """

    completion: Completion
    prompt: Prompt
    cut: Cut
    notes: tuple[str, ...] = ()


Asks = Ask | tuple[Ask, ...]
# Sent: a Completion for an Ask, a tuple of Completions for a tuple. A generator has one type for all that it is sent,
# hence Any; `completion: Completion = yield Ask(...)` has the type checker see what is done with it.
Steps = Generator[Asks, Any, Reply]


@dataclass(frozen=True)
class Shown:
    """What the reader is to be shown in place of texts. notes: as a Reply's."""

    compression: Compression
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shortener(ABC):
    """Shortens texts by calls of the study's own reader, as a part of a route. Subclasses are dataclasses of settings.

    Its calls are charged to the route, and shared, remembered and ordered as all calls are.
    """

    @abstractmethod
    def steps(self, chunks: Sequence[Chunk], case: Case, sampling: Sampling) -> Generator[Asks, Any, Shown | Reply]:
        """Yield the calls, as a route does; return what is to be shown, or the reply where a failed call ends it.

        chunks: the texts in prompt order.
        """


@dataclass(frozen=True, kw_only=True)
class Route(ABC):
    """A route. Subclasses are frozen dataclasses of settings.

    control: it brackets the comparison (closed book, oracle, random) rather than competing in it.
    """

    control: ClassVar[bool] = False

    sampling: Sampling = field(default_factory=Sampling)
    position: Position = "last"

    def nodes(self) -> Mapping[str, Node]:
        """What it reads, by the name under which `Case.inputs` holds the value."""
        return {}

    @abstractmethod
    def steps(self, case: Case) -> Steps:
        """Yield the calls, return the reply.

        Calls yielded as one tuple are made at once, equal ones as one, and answered together, in order: a failed one
        among them stops no other. An empty tuple is answered by an empty one, and costs nothing.
        """


def document_parts(documents: Sequence[Document]) -> list[Part]:
    """Whole documents as prompt parts; several get a heading each, so that a question can name one."""
    return _headed([(d.title or d.id, "", d.part) for d in documents], len(documents) > 1)


def shortened_documents(compression: Compression, documents: Sequence[Document]) -> list[Part]:
    """What a compressor left of whole documents, as `document_parts` shows them; those of which nothing stayed are out.

    Where a compressor put them into another order, they stand in that; where it gave headings, under these.
    """
    rows = [(e.title or e.given.doc, e.section, _excerpt("document", e)) for e in compression.excerpts]
    return _headed(rows, len(documents) > 1)


def _headed(rows: Sequence[tuple[str, str, Part]], several: bool) -> list[Part]:
    """(title, section, part) in reading order; several: of more than one document."""
    parts: list[Part] = []
    above = below = ""
    for title, section, part in rows:
        if parts:
            parts.append(gap())
        if several and title != above:
            parts.append(Part("label", f"# {title}\n\n"))
            below = ""
        if section and section != below:
            parts.append(Part("label", f"## {section}\n\n"))
        above, below = title, section
        parts.append(part)
    return parts


def passage_parts(chunks: Sequence[Chunk], *, labels: bool) -> list[Part]:
    """Passages as prompt parts, numbered in prompt order, with document and section where `labels` asks for them."""
    rows = [(c.title, c.section, Part("passage", c.text, c.span)) for c in chunks]
    return numbered(rows if labels else [("", "", part) for *_, part in rows])


def shortened_passages(compression: Compression, *, labels: bool) -> list[Part]:
    """What a compressor left of passages, as `passage_parts` shows them."""
    rows = [(e.title, e.section, _excerpt("passage", e)) for e in compression.excerpts]
    return numbered(rows if labels else [("", "", part) for *_, part in rows])


def numbered(rows: Sequence[tuple[str, str, Part]]) -> list[Part]:
    """(title, section, part) in prompt order, each part under its number and what is known of where it comes from."""
    parts: list[Part] = []
    for number, (title, section, part) in enumerate(rows, start=1):
        if parts:
            parts.append(gap())
        parts += [labelled(number, title, section), part]
    return parts


def _excerpt(role: Role, excerpt: Excerpt) -> Part:
    return Part(role, excerpt.text, spans=excerpt.spans)


def shown_by(
    by: Node | Shortener, chunks: Sequence[Chunk], case: Case, sampling: Sampling
) -> Generator[Asks, Any, Shown | Reply]:
    """What the node `compressed` left of the texts, or what the reader itself makes of them."""
    if isinstance(by, Node):
        return Shown(case.inputs["compressed"])
    return (yield from by.steps(chunks, case, sampling))


def ranked(chunks: Sequence[Chunk], ranking: Ranking) -> list[Chunk]:
    """The ranking's chunks, in its order."""
    return [chunks[i] for i in ranking.ids]


def tokens_of(parts: Sequence[Part], tokenizer: Tokenizer) -> int:
    """Tokens of the document text among the parts; labels and instructions do not count."""
    texts = [p for p in parts if p.role in ("document", "passage")]
    return tokenizer.count_prompt(Prompt(tuple(texts)))


def context_size(documents: Sequence[Document], tokenizer: Tokenizer) -> int:
    """Tokens of whole documents."""
    return tokens_of(document_parts(documents), tokenizer)


def fit(
    parts: list[Part], case: Case, sampling: Sampling, truncate: Truncate, position: Position
) -> tuple[list[Part], Cut]:
    """Cut document parts so that prompt and answer fit the reader's window, and say what was cut.

    truncate: `end` drops the end, `start` the beginning, `middle` keeps head and tail alike (as LongBench does).
    Raises UserError where not even the instruction and the question fit.
    """
    tokenizer = case.reader.tokenizer
    total = tokens_of(parts, tokenizer)
    if case.reader.window is None:
        return parts, Cut(total, total)
    bare = answer_from([p for p in parts if p.role == "label"], case.question.text, position=position)
    room = case.reader.window - sampling.max_tokens - tokenizer.count_prompt(bare) - MARGIN
    if room <= 0:
        raise UserError(
            f"the window of {case.reader.window} tokens leaves no room for a document "
            f"(answer {sampling.max_tokens}, instruction and question {tokenizer.count_prompt(bare)})",
            where=f"reader {case.reader.label!r}, question {case.question.id!r}",
            remedy="Lower sampling.max_tokens or name a reader with a longer window",
        )
    if total <= room:
        return parts, Cut(total, total)
    return _truncated(parts, total, room, tokenizer, truncate)


def _truncated(
    parts: list[Part], total: int, room: int, tokenizer: Tokenizer, truncate: Truncate
) -> tuple[list[Part], Cut]:
    """Keep `room` of `total` tokens, counted over all document parts in order."""
    keep = {
        "end": [(0, room)],
        "start": [(total - room, total)],
        "middle": [(0, room - room // 2), (total - room // 2, total)],
    }[truncate]
    out: list[Part] = []
    seen = kept = 0
    cut_at: int | None = None
    for part in parts:
        if part.role != "document" or part.text is None:
            out.append(part)
            continue
        pieces = part.spans or ((part.span,) if part.span is not None else ())
        spans = tokenizer.spans(part.text)
        for low, high in keep:
            first, last = max(low - seen, 0), min(high - seen, len(spans))
            if first >= last:
                continue
            start = 0 if first == 0 else spans[first][0]
            end = len(part.text) if last == len(spans) else spans[last - 1][1]
            if cut_at is None and (start > 0 or end < len(part.text)):
                cut_at = _place(pieces, end if end < len(part.text) else start)
            if out and out[-1].role == "document":
                out.append(gap())
            whole = start == 0 and end == len(part.text)
            left = _within(pieces, start, end)
            where, several = (left[0], ()) if len(left) == 1 else (None, left)
            out.append(part if whole else Part("document", part.text[start:end], where, spans=several))
            kept += last - first
        seen += len(spans)
    return out, Cut(total, kept, cut_at if cut_at is not None else 0)


def _place(pieces: Sequence[Span], at: int) -> int:
    """Character of the document that stands at character `at` of a text that is these pieces of it; 0 for new text."""
    for piece in pieces:
        if at <= piece.end - piece.start:
            return piece.start + at
        at -= piece.end - piece.start
    return 0


def _within(pieces: Sequence[Span], start: int, end: int) -> tuple[Span, ...]:
    """What of the pieces stands in characters [start, end) of the text that they make up."""
    out = []
    for piece in pieces:
        size = piece.end - piece.start
        low, high = max(start, 0), min(end, size)
        if low < high:
            out.append(Span(piece.doc, piece.start + low, piece.start + high))
        start, end = start - size, end - size
    return tuple(out)


def advance(steps: Steps, answer: Completion | tuple[Completion, ...] | None = None) -> Asks | Reply:
    """What a route asks for next, or its reply; where it asks for no calls at all, it goes on at once."""
    try:
        wanted = steps.send(answer)
        while wanted == ():
            wanted = steps.send(())
    except StopIteration as stop:
        reply: Reply = stop.value
        return reply
    return wanted
