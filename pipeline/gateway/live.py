"""Values of stage nodes for one question, in memory.

What a study computes for thousands of questions and stores, a service computes for one that has just arrived. Values
per context (chunks, vectors, indexes) are kept by the documents' content: the corpus's for good, those of documents
that came with a request until memory is needed. Values per question are not kept. It writes nothing to disk.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core import codec
from pipeline.core.records import Document, Question, digest, digest_parts
from pipeline.core.stage import Node, Source

_FORGET = 64 << 20  # characters of documents whose digests may be remembered


class Context:
    """Documents that questions are asked of, with the values computed of them.

    key: digest of all documents in order. weight: about how many bytes it holds. spent: seconds that a kind of work on
    it took the last time, by name, for whoever has to decide where to do it.
    """

    def __init__(self, key: str, documents: tuple[Document, ...]) -> None:
        self.key, self.documents = key, documents
        self.weight = sum(len(d.text or "") for d in documents)
        self.spent: dict[str, float] = {}
        self.values: dict[str, Any] = {}
        self.lock = threading.Lock()


class Live:
    """Computes nodes. Its methods are called from several threads; one context's values are made by one of them."""

    def __init__(self, corpus: Sequence[Document] = (), *, held: int = 1 << 30) -> None:
        """corpus: documents whose values stay. held: bytes that all other contexts may take together."""
        self._held = held
        self._contexts: OrderedDict[str, Context] = OrderedDict()
        self._lock = threading.Lock()
        self._hashed = 0
        self.corpus = Context(_key(corpus), tuple(corpus)) if corpus else None

    def context(self, documents: Sequence[Document]) -> Context:
        """The context of these documents: the one held already, or a new one."""
        key = _key(documents)
        if self.corpus is not None and key == self.corpus.key:
            return self.corpus
        with self._lock:
            found = self._contexts.get(key)
            if found is None:
                found = self._contexts[key] = Context(key, tuple(documents))
            self._contexts.move_to_end(key)
            self._hashed += found.weight
            if self._hashed > _FORGET:  # it holds every text whose digest it remembers
                digest.cache_clear()
                self._hashed = 0
            self._shrink()
        return found

    @property
    def weight(self) -> int:
        """Bytes that contexts other than the corpus take, about."""
        return sum(c.weight for c in self._contexts.values())

    def values(self, nodes: Mapping[str, Node], question: Question, context: Context) -> dict[str, Any]:
        """The nodes' values for a question, by the names they are given under."""
        found: dict[str, Any] = {}
        return {name: self._value(node, question, context, found) for name, node in nodes.items()}

    def warm(self, nodes: Mapping[str, Node], context: Context) -> None:
        """Compute all that the nodes read of the context alone."""
        for root in nodes.values():
            for node in root.walk():
                if node.per == "context":
                    self._of_context(node, context)

    def _value(self, node: Node, question: Question, context: Context, found: dict[str, Any]) -> Any:
        if node.per == "context":
            return self._of_context(node, context)
        if node.identity not in found:
            if isinstance(node.stage, Source):
                found[node.identity] = node.stage.value(question)
            else:
                inputs = [self._value(n, question, context, found) for n in node.inputs]
                found[node.identity] = _computed(node, inputs)
        return found[node.identity]

    def _of_context(self, node: Node, context: Context) -> Any:
        if isinstance(node.stage, Source):
            return node.stage.value(context.documents)
        # Read without the lock: what is there stays there as long as the context does.
        if node.identity in context.values:
            return context.values[node.identity]
        with context.lock:
            for inner in node.walk():
                if isinstance(inner.stage, Source) or inner.identity in context.values:
                    continue
                inputs = [
                    n.stage.value(context.documents) if isinstance(n.stage, Source) else context.values[n.identity]
                    for n in inner.inputs
                ]
                # Through the codec, as a study's values go: the next stage reads what a study's would, and it weighs.
                raw = codec.dumps(_computed(inner, inputs))
                context.weight += len(raw)
                context.values[inner.identity] = codec.loads(raw)
        with self._lock:
            self._shrink()
        return context.values[node.identity]

    def _shrink(self) -> None:
        """Let go of the contexts that were asked of longest ago; those in use live on until they are answered."""
        weight = self.weight
        while weight > self._held and len(self._contexts) > 1:
            weight -= self._contexts.popitem(last=False)[1].weight


def _key(documents: Sequence[Document]) -> str:
    return digest_parts(d.digest for d in documents)


def _computed(node: Node, inputs: list[Any]) -> Any:
    values = list(node.stage.run(*([value] for value in inputs)))
    if len(values) != 1:
        raise RuntimeError(f"{node.stage.label} gave {len(values)} values for one item")
    return values[0]
