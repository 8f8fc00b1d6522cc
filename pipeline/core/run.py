"""Running a graph: what is stored already, what must be made, and making it.

Values are made stage by stage, inputs first, only where something asked for needs them. It measures, logs and stores;
what a stage computes is the stage's own affair. Everything runs in this process.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.core import codec
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document, Question, digest, digest_parts
from pipeline.core.spec import canonical, describe
from pipeline.core.stage import Node, Piecewise, Source, Stage, code_digest, union
from pipeline.core.store import Entry, Store

_HELD = 2 << 30  # bytes of stored values that stay in memory beside those in use


class Watcher:
    """Hears of progress; this one keeps quiet. The command line's draws a bar."""

    def begin(self, label: str, total: int) -> None:
        """A piece of work of `total` items starts."""

    def step(self, count: int = 1) -> None:
        """`count` more items are done."""


class Log:
    """One JSON object a line in `log.jsonl`: what was computed, what was found, what was called, how long it took."""

    def __init__(self, path: Path | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self._file = path.open("w", encoding="utf-8") if path else None

    def event(self, kind: str, **fields: Any) -> None:
        """Write one event, flushed, so that a killed run leaves what it did."""
        self.events.append({"event": kind, **fields})
        if self._file:
            self._file.write(json.dumps(self.events[-1], ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()


@lru_cache(maxsize=65536)
def context_name(ids: tuple[str, ...]) -> str:
    """A context's name: its document, or the first of several with a digest of all; empty where there is none."""
    if len(ids) < 2:
        return "".join(ids)
    return f"{ids[0]} +{len(ids) - 1} #{digest_parts(ids)[:16]}"


def check_code(store: Store, obj: Any) -> None:
    """Stop where the code of a stage or reader changed and its `version` did not.

    Raises UserError: stored values would otherwise stand for code that no longer makes them.
    """
    cls: Any = type(obj)
    version = getattr(obj, "version", 1)
    # Each Python has syntax trees of its own: what another one saw says nothing about a change.
    name = f"Python {'.'.join(map(str, sys.version_info[:2]))}: {cls.__module__}.{cls.__qualname__}"
    if store.code(name, version, code_digest(cls)) != code_digest(cls):
        raise UserError(
            f"the code of {cls.__qualname__} changed, but its version is still {version}",
            where=f"{cls.__module__.replace('.', '/')}.py",
            remedy=f"Raise `version` to {version + 1}, or, if its values did not change, run: "
            f"python -m experiments cache accept {cls.__qualname__}",
        )


@dataclass
class StagePlan:
    """What a run would do for one node: items found in the store, items it lacks and needs, and why each is lacking."""

    node: Node
    found: int = 0
    missing: list[str] = field(default_factory=list)
    why: Counter[str] = field(default_factory=Counter)


class Runner:
    """Computes nodes for the questions of one data set, through one store."""

    def __init__(
        self, store: Store, dataset: Dataset, *, log: Log | None = None, watcher: Watcher | None = None
    ) -> None:
        self.store, self.dataset = store, dataset
        self.log, self.watcher = log or Log(), watcher or Watcher()
        self._everything = tuple(dataset.documents)
        self._documents: dict[str, tuple[Document, ...]] = {}
        self._item_keys: dict[tuple[str, str], str] = {}
        self._seconds: dict[str, float] = {}
        self._memory: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._held = 0
        self.used: set[str] = set()

    # -- items ----------------------------------------------------------------------------------------------------

    def context_ids(self, question: Question) -> tuple[str, ...]:
        """Ids of the documents that a question is asked of."""
        return question.context or self._everything

    def documents(self, question: Question) -> tuple[Document, ...]:
        """The documents that a question is asked of, in reading order."""
        ids = self.context_ids(question)
        name = context_name(ids)
        if name not in self._documents:
            self._documents[name] = tuple(self.dataset.documents[i] for i in ids)
        return self._documents[name]

    def item(self, node: Node, question: Question) -> str:
        """The name of the node's item that serves a question: the question itself, or its context."""
        return question.id if node.per == "question" else context_name(self.context_ids(question))

    def key(self, node: Node, question: Question) -> str:
        """The content key of that item."""
        at = (node.identity, self.item(node, question))
        if at not in self._item_keys:
            if isinstance(node.stage, Source):
                item = question if node.per == "question" else self.documents(question)
                self._item_keys[at] = digest_parts([node.own, node.stage.key(item)])
            else:
                self._item_keys[at] = digest_parts([node.own, *(self.key(n, question) for n in node.inputs)])
        return self._item_keys[at]

    # -- planning -------------------------------------------------------------------------------------------------

    def plan(self, roots: Iterable[Node], questions: Sequence[Question]) -> list[StagePlan]:
        """What computing these nodes for these questions takes. Reads the store, makes nothing."""
        plans = []
        for node, needed, good in self._needs(list(roots), questions):
            plan = StagePlan(node, found=len(good))
            for item, question in needed.items():
                if self.key(node, question) not in good:
                    plan.missing.append(item)
                    plan.why[self.why(node, question)] += 1
            plans.append(plan)
        return plans

    def why(self, node: Node, question: Question) -> str:
        """Why an item is not in the store, by comparison with the nearest value of the same stage for the same item."""
        if self.key(node, question) in self.store.dropped:
            return "the stored value was damaged"
        keys = [self.key(n, question) for n in node.inputs]
        # A study may hold one stage with several settings: the newest value need not be this node's own.
        last, before = None, list[str]()
        nearest = -1
        for entry in self.store.history(node.stage.label, self.item(node, question)):
            inputs = json.loads(entry.inputs)
            alike = (len(keys) + 1) * (entry.own == node.own) + sum(map(str.__eq__, keys, inputs))
            if alike > nearest:
                last, before, nearest = entry, inputs, alike
        if last is None:
            return "never computed before"
        if last.own != node.own:
            return _difference(self.store.spec(last.own), canonical(describe(node.stage)))
        for given, key, old in zip(node.inputs, keys, before, strict=False):
            if key != old:
                if isinstance(given.stage, Source):
                    return f"{given.stage.label} changed"
                inner = self.why(given, question)
                return inner if inner != "never computed before" else f"{given.stage.label} is another node now"
        return f"{node.stage.label} reads other nodes now"

    def _needs(
        self, roots: list[Node], questions: Sequence[Question]
    ) -> list[tuple[Node, dict[str, Question], dict[str, float]]]:
        """Per node, inputs first: the items that are needed (by name, with a question that asks), and what is good."""
        nodes = [n for n in union(roots) if not isinstance(n.stage, Source)]
        asked: dict[str, dict[str, Question]] = {n.identity: {} for n in nodes}
        for root in roots:
            if root.identity in asked:
                asked[root.identity].update({self.item(root, q): q for q in reversed(questions)})
        rows = []
        for node in reversed(nodes):
            keys = {self.key(node, q): q for q in reversed(questions)}
            # Values that only lost intermediate steps stand on are read as well: damage is mended when it is seen.
            good = self.store.good(keys)
            damaged = [keys[k] for k in keys.keys() & self.store.dropped]
            needed = asked[node.identity] | {self.item(node, q): q for q in damaged}
            self._seconds.update(good)
            self.used |= keys.keys()
            missing = [q for q in needed.values() if self.key(node, q) not in good]
            for given in node.inputs:
                if given.identity in asked:
                    asked[given.identity].update({self.item(given, q): q for q in missing})
            rows.append((node, needed, good))
        return rows[::-1]

    # -- computing ------------------------------------------------------------------------------------------------

    def compute(self, roots: Iterable[Node], questions: Sequence[Question]) -> None:
        """Make and store what these nodes lack for these questions."""
        roots = list(roots)
        for node in union(roots):
            if not isinstance(node.stage, Source):
                check_code(self.store, node.stage)
        # A question's order is its context's, so that one context's index stays in memory for all its questions.
        ordered = sorted(questions, key=lambda q: (context_name(self.context_ids(q)), q.id))
        for node, needed, good in self._needs(roots, ordered):
            missing = [q for q in needed.values() if self.key(node, q) not in good]
            missing.sort(key=lambda q: (context_name(self.context_ids(q)), q.id))
            seconds = self._make(node, missing) if missing else 0.0
            self.log.event(
                "stage",
                stage=node.stage.label,
                node=node.identity[:12],
                per=node.per,
                found=len(needed) - len(missing),
                computed=len(missing),
                seconds=round(seconds, 3),
            )

    def _make(self, node: Node, questions: list[Question]) -> float:
        """Make a node's values and store them; returns the seconds spent now."""
        self.store.describe(node.own, canonical(describe(node.stage)))
        if isinstance(node.stage, Piecewise):
            return sum(self._make_of_pieces(node, node.stage, question) for question in questions)
        self.watcher.begin(node.stage.label, len(questions))
        total = 0.0
        for at in range(0, len(questions), node.stage.batch):
            batch = questions[at : at + node.stage.batch]
            columns = [[self.value(n, q) for q in batch] for n in node.inputs]
            start = time.perf_counter()
            values = _counted(node.stage, node.stage.run(*columns), len(batch))
            spent = time.perf_counter() - start
            self.store.put([self._entry(node, q, v, spent / len(batch)) for q, v in zip(batch, values, strict=True)])
            self.watcher.step(len(batch))
            total += spent
        return total

    def _make_of_pieces(self, node: Node, stage: Piecewise, question: Question) -> float:
        """One item from its pieces. Its cost is that of all pieces, those found included; only the others are made."""
        inputs = [self.value(n, question) for n in node.inputs]
        pieces = stage.pieces(*inputs)
        keys = [digest_parts([node.own, "piece", stage.piece_key(piece)]) for piece in pieces]
        cost = self.store.good(keys)
        distinct: dict[str, Any] = {}
        for key, piece in zip(keys, pieces, strict=True):
            if key not in cost:
                distinct.setdefault(key, piece)
        missing = list(distinct.items())
        self.watcher.begin(stage.label, max(1, len(missing)))
        total, item = 0.0, self.item(node, question)
        for at in range(0, len(missing), stage.batch):
            batch = missing[at : at + stage.batch]
            start = time.perf_counter()
            made = _counted(stage, stage.make([piece for _, piece in batch]), len(batch))
            spent = time.perf_counter() - start
            entries = []
            for (key, _), value in zip(batch, made, strict=True):
                cost[key] = spent / len(batch)
                about = Entry(key, f"{stage.label} (piece)", node.own, item, "[]", cost[key], 0, "", None)
                entries.append((about, codec.dumps(value)))
            self.store.put(entries)
            self.watcher.step(len(batch))
            total += spent
        self.used |= set(keys)
        found = self.store.get_many(keys)
        start = time.perf_counter()
        value = stage.join(pieces, [codec.loads(found[key]) for key in keys])
        joining = time.perf_counter() - start
        self.store.put([self._entry(node, question, value, joining + sum(cost[k] for k in dict.fromkeys(keys)))])
        if not missing:
            self.watcher.step()
        return total + joining

    def _entry(self, node: Node, question: Question, value: Any, seconds: float) -> tuple[Entry, bytes]:
        key, raw = self.key(node, question), codec.dumps(value)
        self._seconds[key] = seconds
        # What a later run will read, which may have lost a NumPy scalar or the layout of an array.
        self._remember(key, codec.loads(raw), len(raw))
        inputs = canonical([self.key(n, question) for n in node.inputs])
        return Entry(key, node.stage.label, node.own, self.item(node, question), inputs, seconds, 0, "", None), raw

    def value(self, node: Node, question: Question) -> Any:
        """A node's value for a question; computed before. Raises KeyError where it was not."""
        if isinstance(node.stage, Source):
            return node.stage.value(question if node.per == "question" else self.documents(question))
        key = self.key(node, question)
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key][0]
        raw = self.store.get(key)
        if raw is None:  # an input that nothing asked for by name, or one damaged a moment ago
            self.compute([node], [question])
            return self._memory[key][0]
        value = codec.loads(raw)
        # A value that is mapped from its file takes no memory of its own.
        self._remember(key, value, len(raw) if isinstance(raw, bytes) else 0)
        return value

    def _remember(self, key: str, value: Any, size: int) -> None:
        self._held += size - (self._memory.pop(key)[1] if key in self._memory else 0)
        self._memory[key] = value, size
        while len(self._memory) > 1 and (len(self._memory) > 8192 or self._held > _HELD):
            self._held -= self._memory.popitem(last=False)[1][1]

    # -- cost -----------------------------------------------------------------------------------------------------

    def seconds(self, roots: Iterable[Node], questions: Sequence[Question]) -> dict[str, tuple[float, float]]:
        """Per question id: seconds of the roots' graph (per-question nodes, share of per-context nodes), cold.

        Work per context is charged in full: its shares over the context's questions add up to what it took, whichever
        route paid for it in this run.
        """
        asking = Counter(context_name(self.context_ids(q)) for q in questions)
        shares: dict[str, tuple[float, float]] = {}
        nodes = [n for n in union(roots) if not isinstance(n.stage, Source)]
        keys = {self.key(n, q) for n in nodes for q in questions} - self._seconds.keys()
        self._seconds.update(self.store.good(keys))
        for q in questions:
            spent = {"question": 0.0, "context": 0.0}
            for n in nodes:
                spent[n.per] += self._seconds.get(self.key(n, q), 0.0)
            shares[q.id] = (spent["question"], spent["context"] / asking[context_name(self.context_ids(q))])
        return shares


def rows_cached(
    store: Store,
    stage: object,
    items: Sequence[tuple[str, Sequence[str]]],
    make: Callable[[list[int]], Iterable[Any]],
    *,
    log: Log,
    watcher: Watcher,
    batch: int = 4096,
) -> tuple[list[Any], set[str]]:
    """Values of a row-wise computation outside of the graph (scores), remembered row by row.

    stage: the settings object the values depend on. items: per row its name and the strings it depends on.
    make: rows' indices in, values out. Returns the values in order, and their keys.
    """
    check_code(store, stage)
    label = type(stage).__name__
    own = digest_parts([canonical(describe(stage))])
    keys = [digest_parts([own, *parts]) for _, parts in items]
    found = {key: codec.loads(raw) for key, raw in store.get_many(keys).items()}
    missing = [i for i, key in enumerate(keys) if key not in found]
    missing = list({keys[i]: i for i in reversed(missing)}.values())[::-1]
    store.describe(own, canonical(describe(stage)))
    watcher.begin(label, len(missing))
    start = time.perf_counter()
    for at in range(0, len(missing), batch):
        rows = missing[at : at + batch]
        values = list(make(rows))
        entries = []
        for i, value in zip(rows, values, strict=True):
            raw = codec.dumps(value)
            found[keys[i]] = codec.loads(raw)
            name, parts = items[i]
            inputs = canonical([digest(part) for part in parts])
            entries.append((Entry(keys[i], label, own, name, inputs, 0.0, 0, "", None), raw))
        store.put(entries)
        watcher.step(len(rows))
    log.event(
        "rows",
        stage=label,
        found=len(items) - len(missing),
        computed=len(missing),
        seconds=round(time.perf_counter() - start, 3),
    )
    return [found[key] for key in keys], set(keys)


def _counted(stage: Stage, values: Iterable[Any], expected: int) -> list[Any]:
    found = list(values)
    if len(found) != expected:
        raise RuntimeError(f"{stage.label} gave {len(found)} values for {expected} items")
    return found


def _difference(before: str | None, now: str) -> str:
    if before is None:
        return "its settings changed"
    old, new = json.loads(before), json.loads(now)
    changed = [
        f"{name} {canonical(old.get(name))} -> {canonical(new.get(name))}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return f"{new['class']}: {', '.join(changed)}"
