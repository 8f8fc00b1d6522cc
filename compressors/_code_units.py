"""Code, or any text, cut into functions, classes without methods, and stretches between them, with their lines.

Python by its syntax; other languages by indentation, braces and blank lines; plain text by its paragraphs. It does not
know what is kept of them.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from compressors.base import Stretch, shown
from pipeline.core.sentences import split_sentences
from retrievers.chunk_code import parsed, statements_of
from retrievers.chunk_structure import pieces
from retrievers.windows import Weigher, windows

Heads = tuple[Stretch, ...]
_Found = tuple[tuple[int, int], tuple[int, int], bool, list[ast.stmt] | None]
"""A definition's lines, those of its signature, whether others may be in it, and the statements of Python in it."""

_LONGEST = 64
"""Tokens of a line; a longer one is cut between sentences, as the lines of prose without line ends are."""
_DEEPEST = 8
"""Definitions around one that is opened; lines of a signature in a language other than Python."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_ABOVE = re.compile(r"\s*(?:#|//|/\*|\*|--|;|%|<!--|@|\[|template\b)")  # comments, and what is said of a definition
_CLOSER = re.compile(
    r"\s*(?:[\])}{]|(?:end\w*|fi|done|esac|else|elif|elsif|except|catch|finally|rescue|ensure|then|when|case)\b)"
)
_FUNCTION = re.compile(
    r"\s*\(?(?:[\w()]+\s+){0,4}?(?:def\w*|func|fn|fun|function|sub|subroutine|proc|procedure|macro)\s|"
    r"(?!\s*(?:if|for\w*|while|switch|catch|else|do|try|with|using|lock|return|match)\b)[^(]*\(.*\{\s*\Z",
    re.S,
)
_CONTAINER = re.compile(
    r"\s*(?:[\w()]+\s+){0,4}?(?:class|struct|interface|impl|trait|namespace|module|mod|object|enum|extension|protocol|"
    r"union|record|contract|defmodule)\b"
)
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Unit(NamedTuple):
    """A function, a class without methods, or a stretch of what stands between them.

    heads: the signatures of the definitions around it. lines: those that are not blank, with their line ends.
    signature: the numbers of its lines.
    """

    start: int
    end: int
    heads: Heads
    lines: tuple[Stretch, ...]
    signature: tuple[int, ...]

    def shown(self, text: str) -> str:
        """As a reader sees it where it stays whole."""
        return (shown(text, self.heads) + text[self.start : self.end]).rstrip()


def units_of(text: str, tokens: Sequence[Stretch], size: int) -> list[Unit]:
    """A text as units in reading order; every character that is no white space is in one of their lines or heads.

    tokens: where each of the text's tokens stands. size: tokens of a stretch between definitions; only one statement
    of Python may have more.
    """
    cutter = _Cutter(text, tokens, size)
    body = parsed(text) or []
    code = any(isinstance(statement, _Definition) for statement in body)
    return list(cutter.units(0, cutter.count, body if code else None, ()))


class _Cutter:
    """Cuts one text; places are given as numbers of lines."""

    def __init__(self, text: str, tokens: Sequence[Stretch], size: int) -> None:
        self._text = text
        self._weigher, self._fine = Weigher(text, tokens, size), Weigher(text, tokens, _LONGEST)
        self._rows = [m.group() for m in _LINE.finditer(text)]
        self.count = len(self._rows)
        self._at = [0, *accumulate(len(row) for row in self._rows)]
        self._indents = [len(r) - len(r.lstrip()) if r.strip() else -1 for r in (r.expandtabs(4) for r in self._rows)]
        depths = [0, *accumulate(row.count("{") - row.count("}") for row in self._rows)]
        # Where braces do not pair, some are in strings or comments, and say nothing.
        self._depths = depths if min(depths) == 0 == depths[-1] else [0] * len(depths)

    def units(self, first: int, last: int, body: list[ast.stmt] | None, heads: Heads) -> Iterator[Unit]:
        """Units of the lines [first, last). body: the statements of Python in them."""
        ends = None if body is None else [stop for _, stop, _ in statements_of(body)]
        definitions = self._layout(first, last) if body is None else self._syntax(first, body)
        for (top, stop), (begin, signed), opens, inside in definitions:
            signature = self._span(begin, signed)
            opens = opens and len(heads) < _DEEPEST
            inner = list(self.units(signed, stop, inside, (*heads, signature))) if opens else []
            opened = any(unit.signature for unit in inner)
            yield from self._between(first, begin if opened else top, ends, heads)
            yield from inner if opened else [self._unit(*self._span(top, stop), heads, signature)]
            first = stop
        yield from self._between(first, last, ends, heads)

    def _syntax(self, at: int, body: Sequence[ast.stmt]) -> Iterator[_Found]:
        """Definitions among statements, with the comments right above them."""
        for begin, stop, (one, *others) in statements_of(body):
            if isinstance(one, _Definition) and not others:
                top = begin
                while top > at and self._indents[top - 1] >= 0:
                    top -= 1
                inner = one.body[0]
                signed = min(d.lineno for d in (*getattr(inner, "decorator_list", ()), inner)) - 1
                while signed > one.lineno and not self._rows[signed - 1].partition("#")[0].strip():
                    signed -= 1
                yield (top, stop), (begin, max(signed, one.lineno)), isinstance(one, ast.ClassDef), one.body
            at = stop

    def _layout(self, first: int, last: int) -> Iterator[_Found]:
        """Definitions in any language: lines that hang together, of which the first that is no comment opens one."""
        for a, b in self._segments(first, last):
            filled = [i for i in range(a, b) if self._indents[i] >= 0]
            begin = next((i for i in filled if not _ABOVE.match(self._rows[i])), b)
            signed, told = begin + 1, "".join(self._rows[begin : min(b, begin + 1)])
            while signed < min(b, begin + _DEEPEST) and told.count("(") > told.count(")"):
                told += self._rows[signed]
                signed += 1
            if signed < b and self._rows[signed].strip() == "{":
                told += self._rows[signed]
                signed += 1
            opens = _CONTAINER.match(told) is not None
            deeper = "{" in told or any(self._indents[i] > self._indents[begin] for i in filled if i >= signed)
            if (opens or _FUNCTION.match(told)) and signed <= filled[-1] and deeper:
                yield (a, b), (begin, signed), opens, None

    def _segments(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Cut at the outermost indentation, outside of braces: behind blank and deeper lines, before definitions."""
        filled = [i for i in range(first, last) if self._indents[i] >= 0]
        outer = [i for i in filled if not _CLOSER.match(self._rows[i])]
        base = min((self._indents[i] for i in outer), default=0)
        level = next((self._depths[i] for i in outer if self._indents[i] == base), 0)
        begin = first
        for before, i in pairwise(filled):
            row = self._rows[before]
            opens = _FUNCTION.match(self._rows[i]) or _CONTAINER.match(self._rows[i])
            ended = self._indents[before] > base or _CLOSER.match(row) or opens
            outside = self._indents[i] == base and self._depths[i] == level and not _CLOSER.match(self._rows[i])
            if outside and (i - before > 1 or (ended and not _ABOVE.match(row))):
                yield begin, i
                begin = i
        yield begin, last

    def _span(self, first: int, last: int) -> Stretch:
        return self._at[first], self._at[last]

    def _between(self, first: int, last: int, ends: Sequence[int] | None, heads: Heads) -> Iterator[Unit]:
        """Whole statements, where it is known where they end, or paragraphs; as many together as the size allows."""
        atoms = pieces(self._text, *self._span(first, last), self._weigher) if ends is None else []
        if ends is not None:
            between = ends[bisect_right(ends, first) : bisect_left(ends, last)]
            atoms = [self._span(a, b) for a, b in pairwise((first, *between, last))]
        atoms = [(a, b) for a, b in atoms if self._text[a:b].strip()]
        weights = [self._weigher.weight(a, b) for a, b in atoms]
        for a, b in windows(atoms, weights, weights, self._weigher.size, 0):
            yield self._unit(a, b, heads, (a, a))

    def _unit(self, start: int, end: int, heads: Heads, signature: Stretch) -> Unit:
        lines: list[Stretch] = []
        indent = self._text[max(0, start - _LONGEST) : start]
        start -= len(indent) - len(indent.rstrip(" \t"))
        stop = end + len(self._text[end : end + 2]) - len(self._text[end : end + 2].lstrip("\r\n"))
        for a, b in (m.span() for m in _LINE.finditer(self._text, start, stop)):
            if self._fine.fits(a, b):
                lines += [(a, b)] if self._text[a:b].strip() else []
                continue
            parts, _ = self._fine.fit((a + x, a + y) for x, y in split_sentences(self._text[a:b]))
            lines += zip((a, *(x for x, _ in parts[1:])), (*(y for _, y in parts[:-1]), b), strict=True)
        signed = tuple(n for n, (a, _) in enumerate(lines) if signature[0] <= a < signature[1])
        return Unit(start, end, heads, tuple(lines), signed)
