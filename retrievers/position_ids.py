"""Position arithmetic: where the tokens of a text are placed that is longer than a model was trained for.

Zhu et al., "LongEmbed: Extending Embedding Models for Long Context Retrieval", EMNLP 2024 (arXiv 2404.12096), with ids
as in its released code; Chen et al., "Extending Context Window via Positional Interpolation", 2023; Jin et al., "LLM
Maybe LongLM: Self-Extend LLM Context Window Without Tuning", ICML 2024 (arXiv 2401.01325).

L is the length of a text in tokens with the special ones, T the trained length. It knows numbers only, no model.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Mode = Literal["plain", "grouped", "recurrent", "interpolate", "ntk", "self_extend"]


def stretch_factor(length: int, trained: int) -> int:
    """ceil(L / T): how many times the trained length is exceeded; 1 within it."""
    return max(1, -(-length // trained))


def grouped_ids(length: int, trained: int) -> NDArray[np.int64]:
    """p // ceil(L / T) for p in [0, L): neighbours share a position; within [0, T)."""
    return np.arange(length) // stretch_factor(length, trained)


def recurrent_ids(length: int, trained: int) -> NDArray[np.int64]:
    """p mod T for p in [0, L): positions start anew."""
    return np.arange(length) % trained


def interpolated_positions(length: int, trained: int) -> NDArray[np.float64]:
    """p / ceil(L / T) for p in [0, L): positions between the trained ones."""
    return np.arange(length) / stretch_factor(length, trained)


def ntk_factors(pairs: int, factor: float) -> NDArray[np.float64]:
    """What each of `pairs` rotary frequencies is multiplied by: factor^(-2i / (d - 2)), d = 2 * pairs.

    That is a base of b * factor^(d / (d - 2)): the fastest frequency stays, the slowest one is divided by the factor.
    """
    return float(factor) ** (-np.arange(pairs) / max(1, pairs - 1))


def self_extend_group(length: int, trained: int, near: int) -> int:
    """The smallest group G by which the farthest distance, (L - 1) // G + near - near // G, stays below T.

    Raises ValueError where none does: the neighbour window must be smaller than the trained length.
    """
    if not 0 < near < trained:
        raise ValueError(f"a neighbour window of {near} does not fit a trained length of {trained}")
    group = 1
    while (length - 1) // group + near - near // group >= trained:
        group += 1
    return group


def self_extend_distances(length: int, near: int, group: int) -> NDArray[np.int64]:
    """(L, L) relative positions i - j as self-extend sees them: exact where |i - j| < near, grouped beyond."""
    at = np.arange(length)
    exact = at[:, None] - at[None]
    far = at[:, None] // group - at[None] // group + np.sign(exact) * (near - near // group)
    return np.where(np.abs(exact) < near, exact, far)
