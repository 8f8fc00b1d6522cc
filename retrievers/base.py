"""What retrievers share: rebuilding an index once for the questions that read it, and rankings with stable ties.

It knows neither how scores come about nor what is ranked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Ranking
from pipeline.core.spec import digest_file
from pipeline.core.tokens import MINILM, minilm_folder

T = TypeVar("T")
V = TypeVar("V")

DECIMALS = 6
"""Scores are rounded to this many decimals, far above the noise of floating point, so that equal texts tie."""

STEP = 2 * 10.0**-DECIMALS
"""Scores further apart than this do not change places by rounding."""

_KEPT = 8


def rebuilt(column: Sequence[V], build: Callable[[V], T]) -> Iterator[T]:
    """`build(value)` of each value of a column, called once for neighbours and near neighbours that are one object.

    The questions of one context read the same index object (`is`); equality of whole indexes would cost more than it
    saves. Only the last few are kept, so that a batch over many contexts does not hold them all twice.
    """
    kept: OrderedDict[int, T] = OrderedDict()
    for value in column:  # the column keeps its values alive, so an id cannot be given to another one meanwhile
        if id(value) in kept:
            kept.move_to_end(id(value))
        else:
            kept[id(value)] = build(value)
            if len(kept) > _KEPT:
                kept.popitem(last=False)
        yield kept[id(value)]


def top_k(scores: NDArray[Any], k: int, *, above: float = float("-inf")) -> Ranking:
    """The k best of C scores, ties by lower index; only scores that are greater than `above` after rounding.

    scores: (C,). The ranking is shorter than k where fewer qualify.
    """
    exact = np.asarray(scores, dtype=np.float64)
    # Rounding keeps order, so what rounds to the k-th best or more lies less than one step below the k-th best.
    ids = np.flatnonzero(exact > max(above, kth_at_least(exact, k)) - STEP)
    rounded = np.round(exact[ids], DECIMALS) + 0.0  # turns -0.0 into 0.0
    over = rounded > round(above, DECIMALS)
    ids, rounded = ids[over], rounded[over]
    best = np.argsort(-rounded, kind="stable")[:k]
    return Ranking(tuple(ids[best].tolist()), tuple(rounded[best].tolist()))


def kth_at_least(scores: NDArray[np.float64], k: int) -> float:
    """A bound that the k-th greatest of the scores reaches; minus infinity where there are fewer than k.

    Of many scores it is the k-th greatest of the maxima of stripes: k different scores reach it, few others do, and
    maxima cost a fraction of a partition.
    """
    if len(scores) < k:
        return float("-inf")
    stripes = max(16 * k, 512)
    high = len(scores) // stripes
    if high >= 8:
        # fmax passes NaN over: a score that is not a number takes no place.
        scores = np.fmax.reduce(scores[: high * stripes].reshape(high, stripes), axis=0)
    bound = float(np.partition(scores, len(scores) - k)[len(scores) - k])
    return float("-inf") if np.isnan(bound) or np.isnan(scores).any() else bound


def rank(scored: Iterable[tuple[int, float]], decimals: int) -> Ranking:
    """(index, score) pairs as a ranking, best first, ties by lower index, after rounding."""
    best = sorted(((round(score, decimals), i) for i, score in scored), key=lambda pair: (-pair[0], pair[1]))
    return Ranking(tuple(i for _, i in best), tuple(s for s, _ in best))


def at_least(value: float, least: float, where: str) -> None:
    """Refuse a setting that is too small. Raises UserError."""
    if not value >= least:
        raise UserError(f"{value!r} is too small", where=where, remedy=f"Give {least} or more")


def one_of(value: str, known: Sequence[str], where: str) -> None:
    """Refuse a setting that is none of the known words. Raises UserError with the nearest."""
    if value not in known:
        raise UserError(f"{value!r} is not known", where=where, remedy=nearest(str(value), known))


def tokenizer_identity(name: str) -> str:
    """`words`, or the digest of the tokenizer's file: a folder's name says nothing about what lies in it.

    Raises UserError where there is no such file.
    """
    if name == "words":
        return name
    file = (minilm_folder() if name == MINILM else Path(name)) / "tokenizer.json"
    if not file.is_file():
        raise UserError(
            f"no tokenizer.json in {str(file.parent)!r}",
            where="tokenizer",
            remedy="Name 'words', 'minilm' or a folder that holds one",
        )
    return digest_file(file)
