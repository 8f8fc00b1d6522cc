"""The shape of a ranking: how the best chunks stand out, what they hold, and where they lie.

Scope and diffusion are the two axes of Goldman et al., "Is It Really Long Context if All You Need Is Retrieval?
Towards Genuinely Difficult Long Context NLP" (2024), estimated before any answer is known:

    reached   = chunks whose score is at least half of the best
    scope     = 1 - (1 - reached / C) * 0.8 ** cues
    diffusion = 1 - coverage * (1 - spread)

cues: words of the question that ask for much of the text (all, total, list), and named parts beyond the first.
coverage: greatest share of the question's term weight in one chunk. spread: standard deviation of the positions
(0 to 1) of the chunks that reach half of the best score, at most the top 20. Both lie in [0, 1];
NaN where nothing matches.

C: chunks. It does not know how scores come about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrievers.probe_index import Floats, Ints, Postings, summed

TOP = 20


def best(scores: Floats, k: int = TOP) -> Ints:
    """The k best chunks, ties by lower index."""
    return np.argsort(-scores, kind="stable")[:k]


def entropy(p: Floats) -> float:
    """Of non-negative weights, in nats; 0 where all are 0."""
    total = float(p.sum())
    if total <= 0:
        return 0.0
    p = p[p > 0] / total
    return max(0.0, -float((p * np.log(p)).sum()))


def near(chunks: Ints) -> float:
    """Share of the chunks that lie within two of another; NaN for fewer than two."""
    if len(chunks) < 2:
        return math.nan
    close = np.diff(np.sort(chunks)) <= 2
    return float(np.mean(np.concatenate([close, [False]]) | np.concatenate([[False], close])))


def places(chunks: Ints, size: int) -> dict[str, float]:
    """Where the 5 best and the 10 best of a ranking lie, positions from 0 to 1."""
    if not len(chunks):
        return dict.fromkeys(("position", "position_mean", "spread", "near"), math.nan)
    at = chunks[:5] / size
    return {
        "position": float(at[0]),
        "position_mean": float(at.mean()),
        "spread": float(at.std()),
        "near": near(chunks[:10]),
    }


def shape(scores: Floats, top: Ints, postings: Postings) -> dict[str, float]:
    """`probe.` features of the scores (C,) and their `best`, without the prefix."""
    size, high = len(scores), float(scores[top[0]])
    hits = top[scores[top] > 0]
    s = scores[top]
    held = summed(postings.chunks, postings.weights, size)
    total = postings.total or math.nan
    value = {
        "score": high,
        "score_share": high / total,
        "margin": (high - float(s[1])) / high if high and len(s) > 1 else math.nan,
        **{f"ratio{k}": float(s[min(k, len(s)) - 1]) / high if high else math.nan for k in (3, 5, 10, 20)},
        "entropy": entropy(s),
        "coverage_best": float(held.max()) / total,
        "coverage1": float(held[top[0]]) / total,
        **{f"coverage{k}": postings.share(_chosen(top[:k], size)) for k in (5, 20)},
        **places(hits, size),
    }
    value["gap"] = float(np.diff(np.sort(hits[:5])).max()) / size if len(hits) > 1 else math.nan
    return value


def scope(scores: Floats, cues: float) -> float:
    """How much of the text is needed, by the formula above."""
    high = float(scores.max(initial=0.0))
    if high <= 0:
        return math.nan
    reached = float(np.mean(scores >= high / 2))
    return 1 - (1 - reached) * float(0.8**cues)


def diffusion(scores: Floats, coverage: float) -> float:
    """How hard it is to find, by the formula above."""
    high = float(scores.max(initial=0.0))
    if high <= 0:
        return math.nan
    top = best(scores)
    hits = top[scores[top] >= high / 2]
    return max(0.0, 1 - coverage * (1 - float(np.std(hits / len(scores)))))


def in_parts(scores: Floats, top: Ints, parts: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """Scores and ranks inside of parts, each (C,) bool, against those outside; empty without parts."""
    if not parts:
        return {}
    inside = np.logical_or.reduce(parts)
    bests = [float(scores[part].max(initial=0.0)) for part in parts]
    outside = float(scores[~inside].max(initial=0.0))
    return {
        "part_in5": float(inside[top[:5]].mean()) if len(top) else math.nan,
        "part_best": max(bests),
        "part_lead": max(bests) - outside,
        "part_worst": min(bests),
        "part_least5": float(min(int(part[top[:5]].sum()) for part in parts)),
    }


def _chosen(chunks: Ints, size: int) -> NDArray[np.bool_]:
    mask = np.zeros(size, dtype=bool)
    mask[chunks] = True
    return mask
