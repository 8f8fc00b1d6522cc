"""Blocks are whole statements, and all blocks together are the source; labels are qualified names."""

from __future__ import annotations

import ast
import inspect
import textwrap
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.records import Chunk, Document, Section
from retrievers.chunk_code import Blocks, CodeChunks
from retrievers.chunk_structure import RecursiveChunks

SOURCE = '''"""A shop."""
import math


# What is sold.
@frozen
class Item:
    """One thing."""

    # In cents.
    price: int

    def taxed(self, rate):
        if rate > 1:
            raise ValueError(rate)
        elif rate < 0:
            rate = 0
        else:
            rate = float(rate)
        return self.price * (1 + rate)

    def free(self):
        return self.price == 0


def total(items):
    return sum(i.price for i in items)  # in cents


x = 1; y = 2
# the end
'''


def chunks_of(chunker: CodeChunks, text: str, sections: tuple[Section, ...] = ()) -> tuple[Chunk, ...]:
    (chunks,) = chunker.run([(Document("d", text, sections=sections),)])
    return tuple(chunks)


def blocks_of(text: str, size: int) -> list[str]:
    found = Blocks(text, CodeChunks(size=size).weigher(text))
    return [text[a:b] for group in found.groups for a, b in group]


def test_a_chunk_is_whole_definitions_or_lies_inside_one() -> None:
    chunks = chunks_of(CodeChunks(size=40), SOURCE)
    assert [(c.section, c.text.split("\n")[0], c.text.split("\n")[-1].strip()) for c in chunks] == [
        ("", '"""A shop."""', "import math"),
        ("Item", "# What is sold.", "price: int"),
        ("Item › taxed", "def taxed(self, rate):", "rate = float(rate)"),
        ("Item › taxed", "return self.price * (1 + rate)", "return self.price * (1 + rate)"),
        ("Item › free", "def free(self):", "return self.price == 0"),
        ("", "def total(items):", "# the end"),
    ]
    (whole,) = chunks_of(CodeChunks(size=400), SOURCE)
    assert (whole.text, whole.section) == (SOURCE.strip(), "")


def test_a_block_is_a_statement_with_its_decorators_and_comments() -> None:
    blocks = blocks_of(SOURCE, 90)
    assert blocks[2] == SOURCE[SOURCE.index("\n\n# What") : SOURCE.index("\n\ndef total")]
    assert blocks[-2:] == ["\n\nx = 1; y = 2\n", "# the end\n"]


def test_given_sections_stand_before_the_name() -> None:
    chunks = chunks_of(CodeChunks(size=40), SOURCE, (Section("shop.py", 0, len(SOURCE)),))
    assert [c.section for c in chunks][:3] == ["shop.py", "shop.py › Item", "shop.py › Item › taxed"]


def test_windows_of_blocks_slide_over_the_whole_file() -> None:
    text = "".join(f"v{i} = {i}\n" for i in range(7))
    chunks = chunks_of(CodeChunks(size=3, window=4, step=2), text)
    assert [c.text.count("=") for c in chunks] == [4, 4, 3]
    assert [c.text[:2] for c in chunks] == ["v0", "v2", "v4"]
    assert chunks_of(CodeChunks(size=3, window=4), text) == chunks


@pytest.mark.parametrize(
    "text",
    [
        "This is prose, no code. It goes on and on and on.",
        "a\0b = 1 and some words",
        "def f(:\n    pass\n" * 5,
        "'\ud800'",
    ],
)
def test_what_does_not_parse_is_cut_recursively(text: str) -> None:
    (expected,) = RecursiveChunks(size=5).run([(Document("d", text),)])
    assert chunks_of(CodeChunks(size=5), text) == expected


def test_a_warning_about_the_text_is_nobodys_business(recwarn: pytest.WarningsRecorder) -> None:
    chunks_of(CodeChunks(size=5), 'x = "\\d"\n')
    assert not recwarn.list


def holds(text: str, size: int) -> None:
    """The law: blocks are the source, and no statement is cut that is not too large alone."""
    weigher = CodeChunks(size=size).weigher(text)
    found = Blocks(text, weigher)
    spans = [span for group in found.groups for span in group]
    assert "".join(text[a:b] for a, b in spans) == (text if text.strip() else "")
    cuts = {x for span in spans for x in span}
    lines = [0]
    for line in text.replace("\r\n", "\n\n").replace("\r", "\n").split("\n"):
        lines.append(lines[-1] + len(line) + 1)
    if "\r\n" in text:
        lines = [0, *(i + 1 for i, c in enumerate(text) if c == "\n"), len(text)]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt):
            first = min(n.lineno for n in (*getattr(node, "decorator_list", ()), node)) - 1
            start, end = lines[first], min(lines[node.end_lineno or 0], len(text))
            clause = text[start:end].lstrip().startswith("elif")
            if weigher.weight(start, end) <= size and not clause:
                assert not [c for c in cuts if start < c < end], text[start:end]


@pytest.mark.parametrize("module", [textwrap, ast, inspect], ids=lambda m: m.__name__)
@pytest.mark.parametrize("size", [20, 150])
def test_the_law_on_the_standard_library(module: ModuleType, size: int) -> None:
    text = inspect.getsource(module)
    holds(text, size)
    names = {
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    labels = {name for c in chunks_of(CodeChunks(size=size), text) for name in c.section.split(" › ") if name}
    assert labels
    assert labels <= names


SIMPLE = st.sampled_from(
    [
        "a = 1",
        "b = '''x\n  y'''",
        "c = (1,\n  2)",
        "a; b",
        "pass  # why",
        "# note\nd = 1",
        "\n\ne = 2",
        "f = [" + "1, " * 30 + "]",
    ]
)


def _block(body: list[str]) -> str:
    return textwrap.indent("\n".join(body), "    ", lambda line: True)


BODIES = st.recursive(
    SIMPLE,
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda body: st.sampled_from(
            [
                f"def f():\n{_block(body)}",
                f"@d\n@e(1)\nclass C:\n{_block(body)}",
                f"if x:\n{_block(body)}\nelif y:\n{_block(body)}\nelse:\n{_block(body)}",
                f"try:\n{_block(body)}\nexcept E:\n{_block(body)}\nfinally:\n{_block(body)}",
                f"match x:\n    case 1:\n{textwrap.indent(_block(body), '    ', lambda line: True)}",
                "for i in x: a = i; b = i",
            ]
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(BODIES, max_size=4), st.integers(1, 30), st.booleans())
def test_the_law_on_generated_code(statements: list[str], size: int, windows: bool) -> None:
    text = "\n".join(statements) + "\n"
    holds(text.replace("\n", "\r\n") if windows else text, size)


def test_a_long_chain_of_elif_is_no_recursion() -> None:
    text = "if a:\n    b\n" + "elif c:\n    d\n" * 3000
    chunks = chunks_of(CodeChunks(size=50), text)
    assert "".join(c.text for c in chunks).count("elif") == 3000
