"""The models of a policy's step: a vector of features to a few factors, in NumPy, one question at a time.

n features, F factors, T trees of depth D, P stored points. A model knows neither the features' names nor the routes,
and it learns nothing: learners make models, `pipeline.policy.file` stores them, `pipeline.policy.policy` adds them up.

Every model is called with two vectors [n] of float64: `x`, where NaN is a value that is not known, and `fill`, the
training means, which linear models and neighbours put in the place of NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

LARGEST = 1e30
"""No number of a policy is larger, and no feature is read as larger: products of a few of them stay finite."""


class Model(Protocol):
    """What a step adds up."""

    def factors(self, x: Floats, fill: Floats) -> Floats:
        """Factors [F] of one question."""
        ...


def freeze(part: Any, **dtypes: type) -> None:
    """Turn the named fields of a frozen dataclass into read-only arrays of the type given."""
    for name, dtype in dtypes.items():
        array: NDArray[Any] = np.array(getattr(part, name), dtype=dtype, order="C")
        array.flags.writeable = False
        object.__setattr__(part, name, array)


def _filled(x: Floats, fill: Floats) -> Floats:
    found: Floats = np.where(np.isnan(x), fill, x)
    return found


@dataclass(frozen=True, eq=False)
class Constant:
    """The same factors for every question. values [F]."""

    values: Floats

    def __post_init__(self) -> None:
        freeze(self, values=float)

    def factors(self, x: Floats, fill: Floats) -> Floats:
        """Factors [F]."""
        return self.values


@dataclass(frozen=True, eq=False)
class Linear:
    """weights @ ((x - mean) / scale) + bias. mean, scale [n], weights [F, n], bias [F]; scale > 0."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats

    def __post_init__(self) -> None:
        freeze(self, mean=float, scale=float, weights=float, bias=float)

    def factors(self, x: Floats, fill: Floats) -> Floats:
        """Factors [F]."""
        found: Floats = self.weights @ ((_filled(x, fill) - self.mean) / self.scale) + self.bias
        return found


_TOP = 3
"""Levels of a tree that are compared at once: 7 nodes, whose outcomes fit a byte."""


def _exits(levels: int) -> NDArray[np.intp]:
    """[256]: the exit (0 to 2^levels - 1) that the outcomes of the top nodes lead to; node 0's is the highest bit."""
    found = np.zeros(256, np.intp)
    for outcomes in range(256):
        node = 0
        for _ in range(levels):
            node = 2 * node + 1 + (outcomes >> (7 - node) & 1)
        found[outcomes] = node - (2**levels - 1)
    return found


@dataclass(frozen=True, eq=False)
class _Walk:
    """Trees laid out for speed. nodes, cuts [T, 8]: features and thresholds of the top levels, exits [256] where their
    outcomes lead, starts [T] the trees' first exits; blocks: of three more levels each, nodes and cuts by the exit
    above; levels: the others, node k of one with the children 2k and 2k + 1 of the next, over all trees;
    leaves [T * 2^D, F], ones [T].
    """

    nodes: NDArray[np.intp]
    cuts: Floats
    exits: NDArray[np.intp]
    starts: NDArray[np.intp]
    blocks: list[tuple[NDArray[np.intp], Floats]]
    levels: list[tuple[NDArray[np.intp], Floats]]
    leaves: Floats
    ones: Floats


@dataclass(frozen=True, eq=False)
class Trees:
    """The sum of T complete binary trees of one depth D, in heap order: the children of node i are 2i + 1 and 2i + 2.

    feature [T, 2^D - 1] index of the feature that a node looks at; threshold [T, 2^D - 1]: left if x <= threshold;
    missing_left [T, 2^D - 1]: where NaN goes; leaf [T, 2^D, F]. A node that a shallower tree lacks has threshold +inf.
    """

    feature: NDArray[np.intp]
    threshold: Floats
    missing_left: NDArray[np.bool_]
    leaf: Floats

    def __post_init__(self) -> None:
        freeze(self, feature=np.intp, threshold=float, missing_left=bool, leaf=float)

    @property
    def depth(self) -> int:
        """D: decisions from the root to a leaf."""
        return int(self.leaf.shape[1]).bit_length() - 1

    @cached_property
    def _width(self) -> int:
        return int(self.feature.max(initial=-1)) + 1

    @cached_property
    def _walk(self) -> _Walk:
        """Index j stands for feature j, n + j for it with +inf for NaN: NaN is not above a threshold, and goes left.

        The threshold +inf becomes the largest finite number: every value still goes left, and +inf goes right.
        """
        trees, _, factors = self.leaf.shape
        feature = np.where(self.missing_left, self.feature, self.feature + self._width)
        threshold = np.minimum(self.threshold, np.finfo(float).max)
        top = min(_TOP, self.depth)
        nodes, cuts = np.zeros((trees, 8), np.intp), np.full((trees, 8), np.inf)
        nodes[:, : 2**top - 1], cuts[:, : 2**top - 1] = feature[:, : 2**top - 1], threshold[:, : 2**top - 1]
        blocks, done = [], top
        while self.depth - done >= _TOP:
            first = 2**done - 1 + np.arange(2**done)  # the roots of the block's small trees
            below = [first, 2 * first + 1, 2 * first + 2]
            below += [2 * below[1] + 1, 2 * below[1] + 2, 2 * below[2] + 1, 2 * below[2] + 2]
            at = np.stack([*below, first], axis=1).ravel()  # the eighth outcome is not looked at
            blocks.append((feature[:, at].reshape(-1, 8), threshold[:, at].reshape(-1, 8)))
            done += _TOP
        rows = [slice(2**d - 1, 2 ** (d + 1) - 1) for d in range(done, self.depth)]
        return _Walk(
            nodes,
            cuts,
            _exits(top),
            np.arange(trees) * 2**top,
            blocks,
            [(feature[:, r].ravel(), threshold[:, r].ravel()) for r in rows],
            self.leaf.reshape(-1, factors),
            np.ones(trees),
        )

    def factors(self, x: Floats, fill: Floats) -> Floats:
        """Factors [F]. x: finite or NaN."""
        walk, n = self._walk, self._width
        if not n:  # trees of a leaf each
            alike: Floats = self.leaf.sum(axis=(0, 1))
            return alike
        values = np.empty(2 * n)
        values[:n] = x[:n]
        np.fmin(x[:n], np.inf, out=values[n:])
        at = walk.exits.take(np.packbits(values.take(walk.nodes) > walk.cuts)) + walk.starts
        for nodes, cuts in walk.blocks:
            inner = np.packbits(values.take(nodes.take(at, axis=0)) > cuts.take(at, axis=0))
            at = at * 8 + walk.exits.take(inner)
        for feature, threshold in walk.levels:
            right = values[feature[at]] > threshold[at]
            at = at + at
            at += right
        total: Floats = walk.ones.dot(walk.leaves.take(at, axis=0))
        return total


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The mean of the k nearest points' values, by Euclid on (x - mean) / scale; of equals, the earlier point.

    mean, scale [n], scale > 0; points [P, n], already scaled; values [P, F]; 1 <= k <= P.
    """

    mean: Floats
    scale: Floats
    points: Floats
    values: Floats
    k: int

    def __post_init__(self) -> None:
        freeze(self, mean=float, scale=float, points=float, values=float)

    def factors(self, x: Floats, fill: Floats) -> Floats:
        """Factors [F]."""
        away = self.points - (_filled(x, fill) - self.mean) / self.scale
        nearest = np.argsort(np.einsum("pn,pn->p", away, away), kind="stable")[: self.k]
        found: Floats = self.values[nearest].mean(axis=0)
        return found


@dataclass(frozen=True, eq=False)
class Nodes:
    """One tree as learners keep it: node 0 is the root; left and right [N] are its children, -1 at a leaf.

    feature [N], threshold [N], missing_left [N] are read at inner nodes, value [N, F] at leaves.
    """

    left: NDArray[np.intp]
    right: NDArray[np.intp]
    feature: NDArray[np.intp]
    threshold: Floats
    missing_left: NDArray[np.bool_]
    value: Floats


def complete(trees: Sequence[Nodes]) -> Trees:
    """The trees as complete ones of the depth of the deepest. Raises ValueError for none."""
    if not trees:
        raise ValueError("no trees")
    depth = max(_depth(tree) for tree in trees)
    shape = (len(trees), 2**depth - 1)
    feature, threshold = np.zeros(shape, np.intp), np.full(shape, np.inf)
    missing_left = np.ones(shape, bool)
    leaf = np.zeros((len(trees), 2**depth, np.shape(trees[0].value)[1]))
    for t, tree in enumerate(trees):
        # (node, its place in the heap); a leaf above the last level is handed down to both children.
        waiting = [(0, 0)]
        while waiting:
            node, place = waiting.pop()
            if place >= shape[1]:
                leaf[t, place - shape[1]] = tree.value[node]
            elif tree.left[node] < 0:
                waiting += [(node, 2 * place + 1), (node, 2 * place + 2)]
            else:
                feature[t, place], threshold[t, place] = tree.feature[node], tree.threshold[node]
                missing_left[t, place] = tree.missing_left[node]
                waiting += [(int(tree.left[node]), 2 * place + 1), (int(tree.right[node]), 2 * place + 2)]
    return Trees(feature, threshold, missing_left, leaf)


def _depth(tree: Nodes) -> int:
    deepest, waiting = 0, [(0, 0)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        if tree.left[node] >= 0:
            waiting += [(int(tree.left[node]), depth + 1), (int(tree.right[node]), depth + 1)]
    return deepest
