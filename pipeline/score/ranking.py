"""Ranked ids against judged gains: nDCG, reciprocal rank, average precision, precision, recall, all-gold recall.

One question at a time. It knows nothing of runs, files or averaging: MRR and MAP are the means over questions of
`reciprocal_rank` and `average_precision`. Definitions are those of trec_eval unless a docstring says otherwise.

`ranked`: ids, best first, no id twice. `gains`: id -> gain for the judged ids; an id is relevant where its gain is
above 0, and an unjudged id counts as not relevant. `k`: depth of the cut, at least 1; None means the whole ranking.

Every measure is None where nothing is relevant. There it is undefined, and both 0 and 1 would bias a mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def ndcg(
    ranked: Sequence[str], gains: Mapping[str, float], k: int | None = None, *, exponential: bool = False
) -> float | None:
    """DCG@k over the DCG@k of the best possible ranking, discount 1/log2(rank + 1), ranks from 1.

    Linear gain g (Järvelin and Kekäläinen, 2002, as in trec_eval), or exponential 2^g - 1 (Burges et al., 2005). The
    best ranking is taken over all judged ids, retrieved or not. A gain below 0 counts as 0.
    """
    hits = _cut(ranked, k)
    ideal = sorted((g for g in gains.values() if g > 0), reverse=True)[:k]
    if not ideal:
        return None
    return _dcg([gains.get(i, 0.0) for i in hits], exponential) / _dcg(ideal, exponential)


def reciprocal_rank(ranked: Sequence[str], gains: Mapping[str, float], k: int | None = None) -> float | None:
    """1 over the rank of the first relevant id; 0 where none is in the first k."""
    hits = _cut(ranked, k)
    if not _relevant(gains):
        return None
    return next((1 / rank for rank, i in enumerate(hits, 1) if gains.get(i, 0.0) > 0), 0.0)


def average_precision(ranked: Sequence[str], gains: Mapping[str, float], k: int | None = None) -> float | None:
    """Precision at each relevant id found in the first k, summed, over the number of all relevant ids."""
    hits = _cut(ranked, k)
    relevant = _relevant(gains)
    if not relevant:
        return None
    found, total = 0, 0.0
    for rank, i in enumerate(hits, 1):
        if i in relevant:
            found += 1
            total += found / rank
    return total / len(relevant)


def precision(ranked: Sequence[str], gains: Mapping[str, float], k: int) -> float | None:
    """Relevant ids among the first k, over k: a ranking shorter than k is charged for what it did not return."""
    hits = _cut(ranked, k)
    relevant = _relevant(gains)
    return len(relevant.intersection(hits)) / k if relevant else None


def recall(ranked: Sequence[str], gains: Mapping[str, float], k: int | None = None) -> float | None:
    """Relevant ids among the first k, over all relevant ids."""
    hits = _cut(ranked, k)
    relevant = _relevant(gains)
    return len(relevant.intersection(hits)) / len(relevant) if relevant else None


def all_gold_recall(ranked: Sequence[str], gains: Mapping[str, float], k: int | None = None) -> float | None:
    """1 where every relevant id is among the first k, else 0: what a question over several passages needs."""
    share = recall(ranked, gains, k)
    return None if share is None else float(share == 1.0)


def _relevant(gains: Mapping[str, float]) -> set[str]:
    return {i for i, gain in gains.items() if gain > 0}


def _cut(ranked: Sequence[str], k: int | None) -> Sequence[str]:
    if isinstance(ranked, str):
        raise TypeError("ranked must be a sequence of ids; a bare string would be read as one id per letter")
    if k is not None and k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if len(set(ranked)) != len(ranked):
        twice = next(i for n, i in enumerate(ranked) if i in ranked[:n])
        raise ValueError(f"id {twice!r} is ranked twice; a repeated id would be credited twice")
    return ranked[:k]


def _dcg(gains: Sequence[float], exponential: bool) -> float:
    worth = [2.0 ** max(g, 0.0) - 1 if exponential else max(g, 0.0) for g in gains]
    return math.fsum(w / math.log2(rank + 1) for rank, w in enumerate(worth, 1))
