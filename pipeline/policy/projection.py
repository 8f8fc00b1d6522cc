"""Text within a policy: the question's hashed n-grams, or its vector, turned into a few columns for a step's models.

Features hold them as sparse entries by name: `ngram.<bucket>` is how often the n-grams of that bucket occur, absent is
0, and `vector.<dimension>` is the encoder's. It does not know how words are hashed or encoded, nor what the columns
mean: a learner makes the weights, for instance by latent semantic analysis (Deerwester et al. 1990) of TF-IDF.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from pipeline.policy.models import LARGEST, Floats, freeze

NGRAM, VECTOR = "ngram.", "vector."
PREFIXES = (NGRAM, VECTOR)

LARGEST_BITS = 18
"""Of the hash of n-grams: 2^18 buckets."""

_STRANGERS = 4096  # other names that are remembered as such


class _Places(dict[str, int]):
    """Name -> the place of its value in the vector, from 1 on, or 0; filled as names are asked for."""

    def __init__(self, prefix: str, size: int) -> None:
        self._prefix, self._size = prefix, size

    def __missing__(self, name: str) -> int:
        number = name[len(self._prefix) :]
        place = 0
        # One name for one place: no zeros in front, no other digits than ASCII's.
        if name.startswith(self._prefix) and len(number) <= 7 and number.isascii() and number.isdigit():
            place = int(number) + 1 if str(int(number)) == number and int(number) < self._size else 0
        if place or len(self) < self._size + _STRANGERS:
            self[name] = place
        return place


@dataclass(frozen=True, eq=False)
class Projection:
    """weights @ v + bias, where v [S] holds the features of one prefix by their numbers.

    prefix: "ngram." (S = 2^bits buckets; v is multiplied by idf where it is given, then divided by its Euclidean norm,
    unless that is 0) or "vector." (S = the encoder's dimensions, no idf). weights [K, S] and idf [S], or empty, are
    kept in single precision, which halves the file; bias [K]. Without any feature of the prefix the columns are the
    bias, which therefore should be their training mean.
    """

    prefix: str
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: Floats

    def __post_init__(self) -> None:
        freeze(self, idf=np.float32, weights=np.float32, bias=float)

    @property
    def size(self) -> int:
        """S."""
        return int(self.weights.shape[1])

    @cached_property
    def _front(self) -> list[str]:
        """The names at the front of the last mapping, none of which is one of the S: they need no second look."""
        return []

    @cached_property
    def _places(self) -> _Places:
        return _Places(self.prefix, self.size)

    @cached_property
    def _rows(self) -> Floats:
        """[1 + S, K + 1], first the strangers': what is read of a bucket lies side by side, times idf; last idf^2."""
        idf = self.idf.astype(float) if self.idf.size else np.ones(self.size)
        rows = np.zeros((1 + self.size, 1 + len(self.bias)))
        rows[1:, :-1] = self.weights.T * idf[:, None]
        rows[1:, -1] = idf**2
        return rows

    @cached_property
    def _bias(self) -> list[float]:
        return [float(b) for b in self.bias]

    @cached_property
    def _pick(self) -> Callable[[Mapping[str, float]], Sequence[float]]:
        names = [f"{self.prefix}{i}" for i in range(self.size)]
        return itemgetter(*names) if len(names) > 1 else lambda features: [features[names[0]]]

    @property
    def described(self) -> str:
        """What it reads, for people."""
        if self.prefix == VECTOR:
            return f"the question's vector ({self.size} dimensions)"
        return f"the question's words ({self.size} buckets)"

    def reads(self, name: str) -> bool:
        """Whether the feature of that name is one of the S."""
        return self._places[name] > 0

    def columns(self, features: Mapping[str, float]) -> list[float]:
        """The columns [K]. NaN counts as absent; names that are not among the S are passed over."""
        if self.prefix == VECTOR:
            try:
                v = np.array(self._pick(features), dtype=float)
            except KeyError:  # not all of them are there
                v = np.full(1, np.nan)
            if np.abs(v).max() <= LARGEST:
                whole: list[float] = (v.dot(self._rows[1:, :-1]) + self.bias).tolist()
                return whole
        names, values, front = list(features), list(features.values()), self._front
        if names[: len(front)] == front:
            names, values = names[len(front) :], values[len(front) :]
        else:
            front = []
        found = list(map(self._places.__getitem__, names))
        if found and not found[0]:
            ours = next((i for i, place in enumerate(found) if place), len(found))
            self.__dict__["_front"] = front + names[:ours]
        return self._projected(list(filter(None, found)), list(compress(values, found)))

    def _projected(self, places: list[int], values: list[float]) -> list[float]:
        """Of values at their places."""
        if not math.hypot(*values) <= LARGEST:  # a NaN or a number too large is among them
            known = [(p, min(max(x, -LARGEST), LARGEST)) for p, x in zip(places, values, strict=True) if x == x]
            places, values = [p for p, _ in known], [x for _, x in known]
        if not places:
            return self._bias
        v, rows = np.array(values, dtype=float), self._rows.take(places, axis=0)
        norm = math.sqrt((v * v).dot(rows[:, -1])) if self.prefix == NGRAM else 1.0
        # A handful of numbers: Python is quicker than NumPy.
        found: list[float] = v.dot(rows).tolist()
        return [x / (norm or 1.0) + b for x, b in zip(found, self._bias, strict=False)]  # without the last, of idf^2
