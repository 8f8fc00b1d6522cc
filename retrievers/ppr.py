"""Personalised PageRank of many restart vectors over one graph, in single precision corrected in double.

`restart` is the probability of jumping back, which HaystackCraft calls alpha. networkx's `alpha` and igraph's `damping`
are the probability of walking on, 1 - restart; no argument here bears their names.

With c = 1 - restart, P the column-stochastic transition matrix and s a restart vector, the walk's distribution is
y / sum(y) where (I - c P) y = s: mass that reaches a node without edges goes back to s, and only scales y. On an
undirected graph P is similar to the symmetric S = D^-1/2 A D^-1/2, so that I - c S is positive definite, and conjugate
gradients need a third to a half of the products of power iteration. They run in float32, at half the memory traffic;
the residual is then computed anew in float64 and solved for in turn, until the bound holds. A column's arithmetic does
not depend on its neighbours.

It does not know what nodes are, nor where restart vectors come from.
Sources: Haveliwala, WWW 2002 (personalisation); Hestenes and Stiefel, 1952 (conjugate gradients); Higham, "Accuracy and
Stability of Numerical Algorithms", 2002, chapter 12 (refinement in mixed precision).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.threads import mapped

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

BLOCK = 32
"""Columns of one product: a row of the block is two cache lines in float32."""

_FINEST = 3e-7  # residual of one round in single precision, as a share of its goal
_ROUNDS = 60
_STEPS = 1000


@dataclass(frozen=True)
class Walk:
    """A graph made ready for random walks, n nodes.

    step: (n, n) CSR float64, D^-1/2 A D^-1/2 of a symmetric A, or the column-stochastic A^T D^-1 of another.
    diagonal: which stored entries of `step` lie on its diagonal; all n are stored, zeros too, so that I - c `step` has
    the same pattern. scale: (n,), what a column of the system is divided by: D^1/2, or ones.
    """

    step: Any
    diagonal: NDArray[np.bool_]
    scale: Floats
    symmetric: bool


def walk_on(adjacency: Any) -> Walk:
    """A walk over a SciPy sparse matrix (n, n) whose entry (i, j) is the weight of the edge from i to j, 0 or more.

    Raises ValueError for a matrix that is not square, or holds a negative weight or none that is finite.
    """
    import scipy.sparse as sp

    edges = sp.csr_matrix(adjacency, dtype=np.float64)
    if edges.shape[0] != edges.shape[1]:
        raise ValueError(f"a graph's matrix is square, found {edges.shape}")
    if not np.isfinite(edges.data).all() or (edges.data < 0).any():
        raise ValueError("weights must be finite and 0 or more")
    flipped = edges.T.tocsr()
    symmetric = (edges != flipped).nnz == 0
    out = np.asarray(edges.sum(axis=1)).ravel()
    inverse = np.divide(1.0, out, out=np.zeros_like(out), where=out > 0)
    if symmetric:
        root = np.sqrt(inverse)
        step, scale = sp.diags(root) @ edges @ sp.diags(root), np.where(out > 0, np.sqrt(out), 1.0)
    else:
        step, scale = flipped @ sp.diags(inverse), np.ones(len(out))
    step = (step + sp.identity(len(out))).tocsr()
    step.sort_indices()
    diagonal = step.indices == np.repeat(np.arange(len(out)), np.diff(step.indptr))
    step.data[diagonal] -= 1
    return Walk(step, diagonal, scale, symmetric)


def personalised_pagerank(
    walk: Walk, seeds: Floats, *, restart: float, tolerance: float = 1e-10, workers: int = 1
) -> Floats:
    """Stationary mass of the nodes for each restart vector: (n, Q) float64, columns that sum to 1.

    seeds: (n, Q), 0 or more, each column scaled to sum to 1 here; a column of zeros stays one. restart: in (0, 1], the
    probability of jumping back to the seeds at each step. tolerance: bound of a column's error, as a sum over nodes.
    workers: threads that blocks of columns are spread over; the values do not depend on it.

    Raises UserError for a restart outside (0, 1], ValueError for seeds of another shape or negative ones.
    """
    check_restart(restart, "restart")
    n = walk.step.shape[0]
    seeds = np.asarray(seeds, dtype=np.float64)
    if seeds.ndim != 2 or len(seeds) != n:
        raise ValueError(f"seeds must be ({n}, Q), found {seeds.shape}")
    if not np.isfinite(seeds).all() or (seeds < 0).any():
        raise ValueError("seeds must be finite and 0 or more")
    found = np.zeros(seeds.shape)
    total = seeds.sum(axis=0)
    filled = np.flatnonzero(total > 0)
    blocks = [filled[i : i + BLOCK] for i in range(0, len(filled), BLOCK)]
    solver = _Solver(walk, 1.0 - restart, tolerance)
    for block, mass in zip(
        blocks, mapped(lambda b: solver.solve(seeds[:, b] / total[b]), blocks, workers), strict=True
    ):
        found[:, block] = mass
    return found


def check_restart(restart: float, where: str) -> None:
    """Refuse a restart probability outside (0, 1]. Raises UserError."""
    if not 0 < restart <= 1:
        raise UserError(
            f"the restart probability {restart!r} is not in (0, 1]",
            where=where,
            remedy="It is 1 - damping: 0.5 and 0.15 are usual",
        )


class _Solver:
    """(I - c P) y = s for blocks of columns."""

    def __init__(self, walk: Walk, c: float, tolerance: float) -> None:
        import scipy.sparse as sp

        self.walk = walk
        # In the sum norm, an error is at most the residual over 1 - c, and dividing by the sum (1 or more) doubles it.
        self.enough = tolerance * (1 - c) / 2
        step = walk.step
        data = walk.diagonal - c * step.data
        self.system = sp.csr_matrix((data, step.indices, step.indptr), shape=step.shape)
        self.single = sp.csr_matrix((data.astype(np.float32), step.indices, step.indptr), shape=step.shape)
        self.solver = _conjugate_gradients if walk.symmetric else _power_iteration

    def solve(self, seeds: Floats) -> Floats:
        """Columns of seeds that sum to 1 -> columns of mass that sum to 1."""
        scale = self.walk.scale
        goal = seeds / scale[:, None]
        mass = np.empty_like(goal)
        found, residual, left = np.zeros_like(goal), goal, np.arange(goal.shape[1])
        error = np.ones(goal.shape[1])
        for _ in range(_ROUNDS):
            size = np.abs(residual).max(axis=0)
            wanted = np.maximum(_FINEST, 0.2 * self.enough / error)
            found += self.solver(self.single, (residual / size).astype(np.float32), wanted) * size
            residual = goal - self.system @ found
            error = scale @ np.abs(residual)
            wide = error > self.enough
            if not wide.all():
                mass[:, left[~wide]] = found[:, ~wide] * scale[:, None]
                left, error = left[wide], error[wide]
                goal, found, residual = (x[:, wide] for x in (goal, found, residual))
            if not len(left):
                # Residuals of either sign may leave a mass of -1e-17 where there is none.
                np.maximum(mass, 0.0, out=mass)
                mass /= mass.sum(axis=0)
                return mass
        raise ArithmeticError(f"no convergence to {self.enough:g}; double precision may not bear this tolerance")


def _conjugate_gradients(system: Any, goal: Singles, wanted: Floats) -> Singles:
    """Columns x with system @ x = goal, each until its residual is `wanted` times the goal (Euclidean norms).

    A column that is done stands still, so that it does not depend on how long its neighbours take.
    """
    found, residual, along, spare = np.zeros_like(goal), goal.copy(), goal.copy(), np.empty_like(goal)
    square = _squares(residual, residual)
    done = square * wanted**2
    for number in range(_STEPS):
        active = square > done
        if not active.any():
            break
        image = _from_few(system, along) if number < 2 else system @ along
        curvature = _squares(along, image)
        step = np.divide(square, curvature, out=np.zeros_like(square), where=active & (curvature > 0))
        found += np.multiply(along, step.astype(np.float32), out=spare)
        residual -= np.multiply(image, step.astype(np.float32), out=spare)
        before, square = square, np.where(active, _squares(residual, residual), square)
        along *= np.divide(square, before, out=np.zeros_like(square), where=before > 0).astype(np.float32)
        along += residual
    return found


def _from_few(system: Any, block: Singles) -> Singles:
    """system @ block, where seeds and their neighbours may be few: then most of the rows need not be read."""
    import scipy.sparse as sp

    few = np.count_nonzero(block) * 50 < block.size
    image: Singles = (system @ sp.csr_matrix(block)).toarray() if few else system @ block
    return image


def _power_iteration(system: Any, goal: Singles, wanted: Floats) -> Singles:
    """The same by x <- goal + (I - system) x, for transitions that are not symmetric."""
    found, active = goal.copy(), np.ones(goal.shape[1], dtype=bool)
    done = np.sqrt(_squares(goal, goal)) * wanted
    for _ in range(_STEPS):
        residual = goal - system @ found
        active &= np.sqrt(_squares(residual, residual)) > done
        if not active.any():
            break
        found += residual * active
    return found


def _squares(a: Singles, b: Singles) -> Floats:
    """Inner products of the columns, (q,)."""
    products: Floats = np.einsum("nq,nq->q", a, b).astype(np.float64)
    return products
