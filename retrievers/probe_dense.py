"""What the cosines of a question and the chunks add to the lexical probe: their shape, and whether the two agree.

It does not know where vectors come from. C: chunks; d: dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrievers.probe_index import Ints
from retrievers.probe_shape import TOP, best, entropy, in_parts, places

_SHARPNESS = 20.0
_NOT_RANKED = 30


def dense_features(
    vectors: NDArray[np.float32], query: NDArray[np.float32], lexical: Ints, parts: Sequence[NDArray[np.bool_]]
) -> dict[str, float]:
    """`probe.` features, without the prefix. vectors: (C, d), query: (d,), unit length; C > 0.

    lexical: the best chunks by BM25, best first; none where no term is found. parts: masks (C,) of the parts named.
    """
    cosines = (vectors.astype(np.float32) @ query.astype(np.float32)).astype(np.float64)
    size = len(cosines)
    order = best(cosines, size)
    top = order[:TOP]
    s = cosines[top]
    mean, deviation = float(cosines.mean()), float(cosines.std())
    five = vectors[top[:5]].astype(np.float64)
    alike = five @ five.T
    n = len(five)
    value = {
        "score": float(s[0]),
        **{name: float(s[0] - s[min(k, size) - 1]) for name, k in (("margin", 2), ("margin5", 5), ("margin20", 20))},
        "mean5": float(s[:5].mean()),
        "mean": mean,
        "deviation": deviation,
        "z": (float(s[0]) - mean) / deviation if deviation > 0 else math.nan,
        "z5": (float(s[:5].mean()) - mean) / deviation if deviation > 0 else math.nan,
        "entropy": entropy(np.exp(_SHARPNESS * (s - s[0]))),
        "coherence": float(alike.sum() - np.trace(alike)) / (n * (n - 1)) if n > 1 else math.nan,
        **places(top, size),
    }
    within = in_parts(cosines, top, parts)
    if within:
        within["part_in20"] = float(np.logical_or.reduce(parts)[top].mean())
    return {f"dense_{name}": x for name, x in (value | within).items()} | _agreement(cosines, order, lexical)


def _agreement(cosines: NDArray[np.float64], order: Ints, lexical: Ints) -> dict[str, float]:
    if not len(lexical):
        return {}
    size, nearest, first = len(order), int(order[0]), int(lexical[0])
    ranked = np.flatnonzero(lexical == nearest)
    return {
        "agree5": float(len(np.intersect1d(lexical[:5], order[:5]))),
        "agree10": float(len(np.intersect1d(lexical[:10], order[:10]))),
        "agree_rank": math.log1p(int(np.flatnonzero(order == first)[0])),
        "agree_rank_dense": math.log1p(int(ranked[0]) if len(ranked) else _NOT_RANKED),
        "agree_score": float(cosines[first]),
        "agree_lead": float(cosines[nearest] - cosines[first]),
        "agree_distance": abs(first - nearest) / size,
    }
