"""Texts under their labels, and how they are put together so that each batch of them fits the reader's window.

It does not know what is asked about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Part, Span
from pipeline.core.tokens import Tokenizer
from pipeline.prompts import gap, labelled
from pipeline.routes.base import numbered

_LEAST = 16  # tokens of a passage beside its label; of fewer nobody can tell what it says


@dataclass(frozen=True, slots=True)
class Piece:
    """A text to summarise or to show, and the label over it."""

    part: Part
    title: str = ""
    section: str = ""


def pieces_of(chunks: Sequence[Chunk], *, labels: bool) -> list[Piece]:
    """Chunks as pieces, with document and section where `labels` asks for them."""
    return [Piece(Part("passage", c.text, c.span), *((c.title, c.section) if labels else ("", ""))) for c in chunks]


def summary_piece(text: str) -> Piece:
    """A summary as a piece: without span, since it is no evidence."""
    return Piece(Part("passage", text), "Summary")


def shown(pieces: Sequence[Piece]) -> list[Part]:
    """Pieces as prompt parts, numbered in prompt order."""
    return numbered([(p.title, p.section, p.part) for p in pieces])


def in_batches(pieces: Sequence[Piece], left: int | None, tokenizer: Tokenizer, remedy: str) -> list[list[Piece]]:
    """The pieces in order, in batches of at most `left` tokens with their labels; None: all in one.

    One that is longer by itself is cut between tokens. Raises UserError, with the remedy, where that leaves too little.
    """
    if left is None:
        return [list(pieces)]
    out: list[list[Piece]] = [[]]
    spent = 0
    for piece in pieces:
        for part in _split(piece, left, tokenizer, remedy):
            size = cost(part, len(out[-1]) + 1, tokenizer)
            if out[-1] and spent + size > left:
                out.append([])
                spent, size = 0, cost(part, 1, tokenizer)
            out[-1].append(part)
            spent += size
    return out


def _split(piece: Piece, left: int, tokenizer: Tokenizer, remedy: str) -> list[Piece]:
    """The piece, or stretches of it that fit by themselves, cut between tokens; every character is in one of them."""
    text = piece.part.text or ""
    size = left - cost(replace(piece, part=Part("passage", "")), 1, tokenizer)
    if tokenizer.count(text) <= size:
        return [piece]
    if size < _LEAST:
        raise UserError(
            f"{left} tokens of the window hold no part of a passage under its label {piece.title!r}",
            where="the reader's window",
            remedy=remedy,
        )
    starts = [0, *(start for start, _ in tokenizer.spans(text)[size::size]), len(text)]
    span = piece.part.span
    return [replace(piece, part=Part("passage", text[a:b], span and _within(span, a, b))) for a, b in pairwise(starts)]


def _within(span: Span, start: int, end: int) -> Span:
    return Span(span.doc, span.start + start, span.start + end)


def cost(piece: Piece, number: int, tokenizer: Tokenizer) -> int:
    """Tokens of a piece in a prompt, with its label and the gap before the next."""
    around = labelled(number, piece.title, piece.section).text or ""
    return tokenizer.count(around) + tokenizer.count(gap().text or "") + tokenizer.count(piece.part.text or "")
