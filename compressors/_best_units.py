"""Units of a text, scored by the tokens that they are made of, and the best of them that fill a budget.

A budget holds for what will be shown, white space between the units included, whatever the tokenizer makes of a unit
that stands elsewhere than in its text. It does not know where scores come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from compressors.base import Stretch, Task, bare, merged, readable, shown
from pipeline.core.sentences import split_sentences
from pipeline.core.tokens import Tokenizer
from retrievers.windows import Weigher, word_spans

Units = Literal["tokens", "words", "sentences"]
Merge = Literal["max", "mean"]
Floats = NDArray[np.float64]

LONGEST = 200
"""Tokens of a sentence at most: a text without any mark would else be kept or dropped as a whole."""
_TRIES = 8
_CLOSE = 0.99
"""Share of the budget at which no more room is tried."""


def units_of(text: str, units: Units, offsets: Sequence[Stretch], longest: int = LONGEST) -> list[Stretch]:
    """Stretches without white space around them, in order. offsets: where tokens stand; longer sentences are cut."""
    if units == "words":
        return list(word_spans(text, 0, len(text)))
    if units == "sentences":
        return Weigher(text, offsets, longest).fit(split_sentences(text))[0]
    found = (bare(text, start, end) for start, end in offsets)
    return sorted({(start, end) for start, end in found if start < end})


def tokens_of(units: Sequence[Stretch], offsets: Sequence[Stretch]) -> NDArray[np.int64]:
    """(U, 2) of each of U units, the tokens [first, last) that share a character with it."""
    places = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    edges = np.array(units, dtype=np.int64).reshape(-1, 2)
    first = np.searchsorted(places[:, 1], edges[:, 0], side="right")
    last = np.searchsorted(places[:, 0], edges[:, 1], side="left")
    return np.stack([first, np.maximum(first, last)], axis=1)


def merged_scores(tokens: NDArray[np.int64], scores: Floats, merge: Merge) -> Floats:
    """(U,) of T scores, the greatest or the mean of each unit's tokens [first, last); -inf where it has none."""
    out = np.full(len(tokens), -np.inf)
    some = tokens[:, 1] > tokens[:, 0]
    if not some.any():
        return out
    first, last = tokens[some].T
    if merge == "mean":
        sums = np.concatenate([[0.0], np.cumsum(scores)])
        out[some] = (sums[last] - sums[first]) / (last - first)
    else:
        padded = np.append(scores, -np.inf)  # an end may lie behind the last score
        out[some] = np.maximum.reduceat(padded, np.stack([first, last], axis=1).ravel())[::2]
    return out


@dataclass(frozen=True, slots=True)
class _Flat:
    """All units of a task in reading order: text, stretch, and (U,) tokens of the task's tokenizer that end in each."""

    texts: NDArray[np.int64]
    stretches: list[Stretch]
    weights: NDArray[np.int64]


def best_units(
    units: Sequence[Sequence[Stretch]], scores: Sequence[Floats], task: Task
) -> tuple[tuple[Stretch, ...], ...]:
    """Per text, the stretches of the best units that fit together into the task's budget.

    Equal scores go by reading order; a unit that does not fit is passed over and smaller ones behind it are tried. At
    least one unit stays, cut at its end where even it does not fit. What is shown has no more tokens than the budget.
    """
    flat = _flat(units, task)
    values = np.concatenate([np.asarray(row, dtype=np.float64) for row in scores]) if len(scores) else np.zeros(0)
    order = np.argsort(-values, kind="stable")
    best: tuple[tuple[Stretch, ...], ...] | None = None
    most, low, high, room = 0, 0, 0, task.budget
    for _ in range(_TRIES):
        found = _taken(flat, order, room, len(task.texts))
        size = _size(found, task)
        if size <= task.budget:
            low = room
            if size > most:
                best, most = found, size
            if size >= _CLOSE * task.budget or all(len(a) == len(b) for a, b in zip(found, units, strict=True)):
                break
        else:
            high = room
        room = room * task.budget // size if size else 2 * room
        if high:
            room = min(room, high - 1) if room > low else (low + high) // 2
        if room <= low:
            break
    return best if best is not None else _cut(flat, order, task)


def _flat(units: Sequence[Sequence[Stretch]], task: Task) -> _Flat:
    weights = []
    for text, row in zip(task.texts, units, strict=True):
        ends = np.array([end for _, end in task.tokenizer.spans(text)], dtype=np.int64)
        edges = np.array(row, dtype=np.int64).reshape(-1, 2)
        counts = np.searchsorted(ends, edges, side="right")
        weights.append(counts[:, 1] - counts[:, 0])
    texts = np.repeat(np.arange(len(units)), [len(row) for row in units])
    stretches = [stretch for row in units for stretch in row]
    return _Flat(texts, stretches, np.concatenate(weights) if weights else np.zeros(0, dtype=np.int64))


def _taken(flat: _Flat, order: NDArray[np.int64], room: int, texts: int) -> tuple[tuple[Stretch, ...], ...]:
    weights = flat.weights[order]
    sums = np.cumsum(weights)
    whole = int(np.searchsorted(sums, room, side="right"))
    chosen = order[:whole].tolist()
    left = room - (int(sums[whole - 1]) if whole else 0)
    for i in order[whole:].tolist():
        if left <= 0:
            break
        if flat.weights[i] <= left:
            chosen.append(i)
            left -= int(flat.weights[i])
    kept: list[list[Stretch]] = [[] for _ in range(texts)]
    for i in chosen:
        kept[flat.texts[i]].append(flat.stretches[i])
    return tuple(tuple(sorted(row)) for row in kept)


def _size(kept: Sequence[Sequence[Stretch]], task: Task) -> int:
    # Not through the tokenizer's memory of counts: none of these texts is asked for again.
    return sum(
        _count(shown(text, readable(text, row)), task.tokenizer)
        for text, row in zip(task.texts, kept, strict=True)
        if row
    )


def _count(text: str, tokenizer: Tokenizer) -> int:
    return len(tokenizer.spans(text))


def _cut(flat: _Flat, order: NDArray[np.int64], task: Task) -> tuple[tuple[Stretch, ...], ...]:
    """The beginning of the best unit, where no unit fits."""
    kept: list[tuple[Stretch, ...]] = [() for _ in task.texts]
    for i in order.tolist():
        t, (start, end) = int(flat.texts[i]), flat.stretches[i]
        body = task.texts[t][start:end]
        spans = task.tokenizer.spans(body)
        for n in range(min(task.budget, len(spans)), 0, -1):
            stop = spans[n - 1][1]
            if n == 1 or _count(body[:stop], task.tokenizer) <= task.budget:
                kept[t] = merged([(start, start + stop)])
                return tuple(kept)
    return tuple(kept)
