"""Stages and the graph they form.

A stage is a frozen dataclass of settings with `run`. `stage.on(a, b)` wires it to the nodes it reads and gives a node.
A node's identity is its class, version, settings and the identities of its inputs, so the same sub-graph written in
two routes is one node, computed once.

Every node is computed item by item: over *contexts* (the documents that a question is asked of: chunking, embedding,
indexing) or over *questions* (retrieval, ordering). The key of an item is the node's own identity with the keys of the
items it reads, down to the content of documents and questions. So ten more questions compute ten more rows, and one
changed document recomputes what was made from it, and nothing else.

It does not know where values are kept (`store`), nor who runs them (`run`).
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal

from pipeline.core.records import Document, Question, digest, digest_parts
from pipeline.core.spec import canonical, describe

Per = Literal["context", "question"]
_OURS = ("pipeline", "retrievers", "compressors")
_CONTRACT = (
    *(f"pipeline.core.{name}" for name in ("stage", "spec", "records", "errors", "store", "run", "codec")),
    "pipeline.generators.base",
)


class Stage:
    """Base of all stages. Subclasses are frozen dataclasses.

    version: raise it whenever the values change; stored values of another version are never read.
    per: what one item is. A stage per question may read nodes per context; not the other way round.
    batch: how many items one call of `run` gets; stored together, so `kill -9` loses at most one batch.
    """

    version: ClassVar[int] = 1
    per: ClassVar[Per] = "question"
    batch: ClassVar[int] = 256

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        """Compute a batch. One column per input, aligned, N items each; yields N values in the same order.

        A value is built of None, bool, int, float, str, tuples, lists, dicts with string keys, NumPy arrays and the
        records of `pipeline.core.records`. It must not depend on which other items stand in the batch.
        """
        raise NotImplementedError

    def on(self, *inputs: Node) -> Node:
        """This stage, reading the given nodes."""
        return Node(self, inputs)

    @property
    def label(self) -> str:
        """The class's name, as logs and reports show it."""
        return type(self).__name__


class Piecewise(Stage):
    """A stage per context whose value is put together from pieces, each stored by its own content.

    A changed document makes only its piece again, contexts that share documents share pieces, and a killed run loses
    at most the pieces in flight. `batch`: how many pieces one call of `make` gets.
    """

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 4

    def pieces(self, *inputs: Any) -> Sequence[Any]:
        """The pieces of one item, in order; one input per node that it reads."""
        raise NotImplementedError

    def piece_key(self, piece: Any) -> str:
        """Digest of all that the piece's value depends on, besides the stage's settings."""
        raise NotImplementedError

    def make(self, pieces: Sequence[Any]) -> Iterable[Any]:
        """The value of each piece; it must not depend on which other pieces stand beside it."""
        raise NotImplementedError

    def join(self, pieces: Sequence[Any], values: Sequence[Any]) -> Any:
        """The item's value from its pieces and their values."""
        raise NotImplementedError

    def run(self, *columns: Sequence[Any]) -> Iterable[Any]:
        """Each item from its pieces, without a store."""
        for inputs in zip(*columns, strict=True):
            pieces = self.pieces(*inputs)
            yield self.join(pieces, list(self.make(pieces)))


class Source(Stage):
    """A node without inputs: reads the data set. `key` is the content's digest, `value` the content."""

    def key(self, item: Any) -> str:
        """Content digest of the item."""
        raise NotImplementedError

    def value(self, item: Any) -> Any:
        """The item's value; never stored, since the data set holds it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Documents(Source):
    """Per context: its documents, tuple of Document in reading order."""

    per: ClassVar[Per] = "context"

    def key(self, item: tuple[Document, ...]) -> str:
        """Digest of all documents in order."""
        return digest_parts(d.digest for d in item)

    def value(self, item: tuple[Document, ...]) -> tuple[Document, ...]:
        """The documents."""
        return item


@dataclass(frozen=True)
class QuestionText(Source):
    """Per question: its text alone, so that a corrected gold answer does not recompute retrieval."""

    def key(self, item: Question) -> str:
        """Digest of the text."""
        return digest(item.text)

    def value(self, item: Question) -> str:
        """The text."""
        return item.text


@dataclass(frozen=True)
class QuestionId(Source):
    """Per question: its id, for what somebody else ranked for it."""

    def key(self, item: Question) -> str:
        """Digest of the id."""
        return digest(item.id)

    def value(self, item: Question) -> str:
        """The id."""
        return item.id


@dataclass(frozen=True)
class Node:
    """A stage wired to its inputs. Two nodes with one identity are the same node."""

    stage: Stage
    inputs: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        if self.stage.per == "context" and any(n.per == "question" for n in self.inputs):
            raise TypeError(f"{self.stage.label} is computed per context and cannot read a node per question")

    @property
    def per(self) -> Per:
        """What one item of it is."""
        return self.stage.per

    @cached_property
    def own(self) -> str:
        """Digest of class, version and settings, without inputs."""
        return digest_parts([canonical(describe(self.stage))])

    @cached_property
    def identity(self) -> str:
        """Digest of class, version, settings and the inputs' identities."""
        return digest_parts([self.own, *(n.identity for n in self.inputs)])

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.identity == other.identity

    def walk(self) -> list[Node]:
        """This node and all it reads, inputs before readers, each once."""
        seen: dict[str, Node] = {}

        def visit(node: Node) -> None:
            if node.identity not in seen:
                for n in node.inputs:
                    visit(n)
                seen[node.identity] = node

        visit(self)
        return list(seen.values())


def union(nodes: Iterable[Node]) -> list[Node]:
    """All nodes of several graphs, inputs before readers, each once."""
    seen: dict[str, Node] = {}
    for root in nodes:
        for node in root.walk():
            seen.setdefault(node.identity, node)
    return list(seen.values())


@lru_cache(maxsize=512)
def code_digest(cls: type) -> str:
    """Hash of the syntax trees of a class and of all it names, in its module and in ours that it imports.

    Without comments and docstrings: it catches a forgotten raise of `version`. What every stage stands on (`_CONTRACT`)
    is left out, and so are other packages: their versions stand in the run's settings.
    """
    wanted, reached = [(cls.__module__, cls.__name__)], {}
    while wanted:
        at = wanted.pop()
        top, imported = _names(at[0])
        if at in reached or at[1] not in top:
            continue
        reached[at] = top[at[1]]
        named = (node.id for node in ast.walk(reached[at]) if isinstance(node, ast.Name))
        wanted += [imported.get(name, (at[0], name)) for name in named]
    if not reached:
        return "no-source"
    h = hashlib.sha256()
    for at in sorted(reached):
        h.update(ast.dump(_without_docstrings(reached[at])).encode())
    return h.hexdigest()[:16]


def _names(module: str) -> tuple[dict[str, ast.stmt], dict[str, tuple[str, str]]]:
    """What a module of ours defines at its top, and where the names come from that it imports from others of ours."""
    if module in _CONTRACT or module not in sys.modules:
        return {}, {}
    try:
        return _parsed(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):  # typed in at a prompt: nothing to read, nothing to hold
        return {}, {}


@lru_cache(maxsize=512)
def _parsed(source: str) -> tuple[dict[str, ast.stmt], dict[str, tuple[str, str]]]:
    top: dict[str, ast.stmt] = {}
    imported: dict[str, tuple[str, str]] = {}
    for stmt in ast.parse(source).body:
        if isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            top[stmt.name] = stmt
        elif isinstance(stmt, ast.Assign | ast.AnnAssign):
            for target in stmt.targets if isinstance(stmt, ast.Assign) else [stmt.target]:
                if isinstance(target, ast.Name):
                    top[target.id] = stmt
        elif isinstance(stmt, ast.ImportFrom) and (stmt.module or "").split(".")[0] in _OURS:
            imported |= {a.asname or a.name: (str(stmt.module), a.name) for a in stmt.names}
    return top, imported


def _without_docstrings(tree: ast.AST) -> ast.AST:
    """Drops every string that stands alone: a docstring, or the words under a field."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.body = [s for s in node.body if not _is_text(s)] or [ast.Pass()]
    return tree


def _is_text(stmt: ast.stmt) -> bool:
    return isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant) and isinstance(stmt.value.value, str)
