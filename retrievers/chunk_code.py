"""Code by its syntax tree: whole statements as blocks, blocks as chunks, definitions as labels.

It knows Python's syntax (that of the Python it runs on) and no other language: a text that does not parse is cut
recursively, as prose is. It does not run what it reads.
"""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.core.errors import UserError
from pipeline.core.records import Document
from retrievers.chunk import Label, Titles, TokenizedChunker, check_size, check_step, path
from retrievers.chunk_structure import pieces
from retrievers.windows import Span, Weigher, sliding, windows

_NEWLINE = re.compile(r"\r\n|\r|\n")  # what ends a line for Python's parser, and nothing else
_NO_CODE = re.compile(r"[ \t\f]*(?:#.*)?")
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class CodeChunks(TokenizedChunker):
    """Blocks of Python code: whole statements with their decorators and the comments above them.

    A statement is never cut unless it alone has more than `size` tokens; then what it holds is cut the same way, and
    what holds no statements (a long literal) as prose is. Blocks are packed up to `size` tokens; a chunk is whole
    definitions, or lies inside one. The section label is the innermost definition that holds the whole chunk, with
    all around it: "class › function".

    window, step: instead of packing, a sliding window of so many blocks, one every `step` (half the window by
    default), over the whole file: Hu et al., "Tackling Long Code Search with Splitting, Encoding, and Aggregating"
    (SEA), LREC-COLING 2024, section 3, with 32 and 16 there.
    """

    size: int = 200
    tokenizer: str = "words"
    window: int | None = None
    step: int | None = None

    def __post_init__(self) -> None:
        check_size(self, self.size, 0)
        if self.window is not None:
            check_step(self, self.window, self._step(self.window))
        elif self.step is not None:
            raise UserError(
                f"a step of {self.step} without a window", where=f"{self.label}.step", remedy="Give `window` as well"
            )

    def _step(self, window: int) -> int:
        return max(1, window // 2) if self.step is None else self.step

    def plan(self, document: Document, text: str) -> tuple[Iterable[Span], Label]:
        """Blocks, packed or in windows."""
        weigher, titles = self.weigher(text), Titles(document.sections)
        blocks = Blocks(text, weigher)

        def label(start: int, end: int) -> str:
            return path((titles.at(start), blocks.definition(start, end)))

        if self.window is not None:
            return sliding([b for group in blocks.groups for b in group], self.window, self._step(self.window)), label
        return self._packed(blocks.groups, weigher), label

    def _packed(self, groups: Iterable[Sequence[Span]], weigher: Weigher) -> Iterator[Span]:
        for group in groups:
            weights = [weigher.weight(a, b) for a, b in group]
            yield from windows(group, weights, weights, self.size, 0)


class Blocks:
    """The blocks of a text, in groups that no chunk should cross, and the definitions around them.

    The blocks of all groups, one after the other, are the text: none of it is left out.
    """

    def __init__(self, text: str, weigher: Weigher) -> None:
        self._text, self._weigher = text, weigher
        self.groups: list[list[Span]] = [[]]
        self._at = 0  # where the last block ends
        self._starts: list[int] = []  # of definitions, in order
        self._around: list[tuple[int, str, int]] = []  # of each: its end, its path, which one holds it
        self._lines = [0, *(m.end() for m in _NEWLINE.finditer(text)), len(text)]
        body = parsed(text)
        if body is None:
            self._cut(0, len(text))
        else:
            self._walk(body, 0, len(self._lines) - 1, -1)
        self._close()

    def definition(self, start: int, end: int) -> str:
        """The path of the innermost definition that holds `[start, end)`; empty where none does."""
        i = bisect_right(self._starts, start) - 1
        while i >= 0 and end > self._around[i][0]:
            i = self._around[i][2]
        return self._around[i][1] if i >= 0 else ""

    def _close(self) -> None:
        """White space at the end of the text goes to the last block."""
        filled = [group for group in self.groups if group]
        if filled:
            filled[-1][-1] = (filled[-1][-1][0], len(self._text))

    def _walk(self, body: Sequence[ast.stmt], first: int, last: int, holder: int) -> None:
        """Blocks of the lines `[first, last)`, whose statements are `body`, inside the definition number `holder`."""
        for begin, stop, statements in statements_of(body):
            start, end = self._lines[first], self._lines[stop]
            own = self._lines[begin]
            one = statements[0] if len(statements) == 1 else None
            children = [] if one is None else _children(one, self._line)
            inside = holder
            if isinstance(one, _Definition):
                inside = self._define(one.name, self._lines[self._comments_above(begin, first)], end, holder)
            if self._weigher.fits(start, end):
                self._add(start, end)
            elif self._weigher.fits(own, end):
                self._cut(start, own)
                self._add(own, end)
            elif children:
                if inside != holder:
                    self.groups.append([])
                self._walk(children, first, stop, inside)
                if inside != holder:
                    self.groups.append([])
            else:
                self._cut(start, end)
            first = stop
        self._cut(self._lines[first], self._lines[last])

    def _define(self, name: str, start: int, end: int, holder: int) -> int:
        outer = self._around[holder][1] if holder >= 0 else ""
        self._starts.append(start)
        self._around.append((end, path((outer, name)), holder))
        return len(self._starts) - 1

    def _comments_above(self, line: int, least: int) -> int:
        """The first of the lines above `line`, down from `least`, that hold comments and nothing else."""
        while line > least and _NO_CODE.fullmatch(self._line(line - 1)):
            line -= 1
        return line

    def _line(self, line: int) -> str:
        return self._text[self._lines[line] : self._lines[line + 1]].rstrip("\r\n")

    def _cut(self, start: int, end: int) -> None:
        """Add what has no statements to keep whole, in pieces that fit."""
        if self._weigher.fits(start, end):
            self._add(start, end)
            return
        atoms, weights = self._weigher.fit(pieces(self._text, start, end, self._weigher))
        packed = [a for a, _ in windows(atoms, weights, weights, self._weigher.size, 0)]
        for a, b in pairwise((start, *packed[1:], end)):
            self._add(a, b)

    def _add(self, start: int, end: int) -> None:
        """A block up to `end`, unless nothing but white space is new: that belongs to the next block."""
        if self._text[start:end].strip():
            self.groups[-1].append((self._at, end))
            self._at = end


def parsed(text: str) -> list[ast.stmt] | None:
    """The statements of a module; None where the text is none that this Python reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the text ("invalid escape sequence"), not about us
        try:
            return ast.parse(text.removeprefix("\ufeff")).body
        # What the parser raises for prose, for null bytes and lone surrogates, and for nesting beyond its stack.
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def statements_of(body: Iterable[ast.stmt]) -> Iterator[tuple[int, int, list[ast.stmt]]]:
    """Statements by lines `[begin, stop)`, counted from 0; those that share a line are one unit."""
    begin = stop = 0
    unit: list[ast.stmt] = []
    for statement in body:
        first = min(d.lineno for d in (*getattr(statement, "decorator_list", ()), statement))
        if unit and first > stop:
            yield begin, stop, unit
            unit = []
        begin = begin if unit else first - 1
        stop = statement.end_lineno or first
        unit.append(statement)
    if unit:
        yield begin, stop, unit


def _children(statement: ast.stmt, line: Callable[[int], str]) -> list[ast.stmt]:
    """The statements that one holds, in order; `elif` is a clause of its `if`, though the tree nests it."""
    children: list[ast.stmt] = []
    clause: ast.stmt | None = statement
    while clause is not None:
        children += getattr(clause, "body", ())
        for part in (*getattr(clause, "handlers", ()), *getattr(clause, "cases", ())):
            children += part.body
        others: list[ast.stmt] = getattr(clause, "orelse", [])
        clause = None
        if others and isinstance(others[0], ast.If) and line(others[0].lineno - 1).lstrip().startswith("elif"):
            clause = others[0]
        else:
            children += others
        children += getattr(statement, "finalbody", ()) if clause is None else ()
    return children
