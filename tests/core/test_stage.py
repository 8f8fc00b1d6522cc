"""Nodes: equal sub-graphs are one node. Code digests: they change with the code, and with nothing else."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from pipeline.core.records import Document, Question, Section
from pipeline.core.spec import runtime
from pipeline.core.stage import Documents, Node, Per, QuestionText, Stage, code_digest, union


@dataclass(frozen=True)
class Split(Stage):
    per: ClassVar[Per] = "context"
    size: int = 3
    workers: int = runtime(1)


@dataclass(frozen=True)
class Search(Stage):
    k: int = 5


def graph(size: int = 3, k: int = 5, workers: int = 1) -> Node:
    return Search(k).on(Split(size, workers).on(Documents().on()), QuestionText().on())


def test_the_same_sub_graph_is_one_node():
    assert graph() == graph(workers=8)
    assert hash(graph()) == hash(graph())
    assert graph() != graph(size=4)
    assert graph() != graph(k=6)
    assert len({graph(), graph(), graph(k=6)}) == 2


def test_the_order_of_inputs_is_part_of_a_node():
    a, b = Split(1).on(), Split(2).on()
    assert Search().on(a, b) != Search().on(b, a)
    assert Search().on(a) != Search().on(a, a)


def test_own_leaves_the_inputs_out():
    assert graph(size=3).own == graph(size=4).own
    assert graph(k=5).own != graph(k=6).own


def test_a_walk_gives_inputs_first_and_each_once():
    split = Split().on(Documents().on())
    both = Search(1).on(Search(2).on(split), Search(3).on(split), split)
    order = both.walk()
    assert len(order) == 5
    assert order[-1] == both
    for i, node in enumerate(order):
        assert all(order.index(n) < i for n in node.inputs)


def test_the_union_of_routes_shares_what_they_share():
    routes = [graph(k=1), graph(k=2), graph(k=1), graph(size=9)]
    labels = [n.stage.label for n in union(routes)]
    assert sorted(labels) == ["Documents", "QuestionText", "Search", "Search", "Search", "Split", "Split"]


def test_a_node_per_context_cannot_read_one_per_question():
    with pytest.raises(TypeError, match="per context"):
        Split().on(QuestionText().on())


def test_sources_are_known_by_content():
    a, b = Document("a", "x"), Document("b", "y")
    assert Documents().key((a, b)) != Documents().key((b, a))
    assert Documents().key((a,)) != Documents().key((Document("a", "x", sections=(Section("s", 0, 1),)),))
    question = Question("q1", "text", golds=("one",))
    assert QuestionText().key(question) == QuestionText().key(Question("q2", "text", golds=("another",)))


# -- code digests ---------------------------------------------------------------------------------------------------

SOURCE = '''
"""The module."""
from dataclasses import dataclass
from pipeline.core.stage import Stage

LIMIT = 3
"""What it is."""
UNUSED = 1


def helper(x):
    """It helps."""
    return deeper(x) + LIMIT  # a reason


def deeper(x):
    return x * 2


def stranger(x):
    return x


class Base(Stage):
    def shared(self):
        return 1


@dataclass(frozen=True)
class Made(Base):
    """It makes."""

    size: int = 3
    """How many."""

    def run(self, column):
        """Run it."""
        for x in column:
            yield helper(x)
'''


@pytest.fixture
def digest_of(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    names: list[str] = []

    def load(source: str) -> str:
        name = f"code_under_test_{len(names)}"
        names.append(name)
        file = tmp_path / f"{name}.py"
        file.write_text(textwrap.dedent(source))
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec
        assert spec.loader
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return code_digest(module.Made)

    yield load
    for name in names:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a reason", "# another reason"),
        ('"""The module."""', '"""Another module."""'),
        ('        """Run it."""\n', ""),
        ('        """Run it."""', '        """Run it twice."""'),
        ('    """It makes."""\n', ""),
        ('    """How many."""\n', '    """How many of them."""\n'),
        ('"""What it is."""', ""),
        ("return deeper(x) + LIMIT", "return (deeper(x)\n        + LIMIT)"),
        ("UNUSED = 1", "UNUSED = 2"),
        ("def stranger(x):\n    return x", "def stranger(x):\n    return -x"),
        ("\n\n\n", "\n"),
    ],
)
def test_words_layout_and_strangers_do_not_matter(digest_of, old, new):
    assert old in SOURCE
    assert digest_of(SOURCE.replace(old, new)) == digest_of(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("yield helper(x)", "yield helper(x) + 1"),
        ("size: int = 3", "size: int = 4"),
        ("return deeper(x) + LIMIT", "return deeper(x) - LIMIT"),
        ("return x * 2", "return x * 3"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT: int = 4"),
        ("return 1", "return 2"),
        ("frozen=True", "frozen=True, order=True"),
    ],
)
def test_code_and_what_it_names_do(digest_of, old, new):
    assert old in SOURCE
    assert digest_of(SOURCE.replace(old, new)) != digest_of(SOURCE)


def test_an_empty_body_after_its_docstring_is_no_error(digest_of):
    assert digest_of('class Made:\n    """Words alone."""\n') == digest_of("class Made:\n    pass\n")


def test_a_class_without_source_is_not_held():
    assert code_digest(type("Typed", (), {"__module__": "builtins"})) == "no-source"
