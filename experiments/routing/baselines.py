"""Policies that learn no qualities, to stand beside those that do: fixed routes, simple rules, and the oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.routing import frontier
from experiments.routing.gather import Gathered
from experiments.routing.learn import Indices, cross


@dataclass(frozen=True)
class Rule:
    """A policy that learns no qualities: `choose(m, rows)` gives its choices [q, K] for reader m."""

    name: str
    choose: Callable[[int, Indices], Indices]
    fixed: bool = False
    bound: bool = False
    start: int | None = None


def rules(data: Gathered, *, folds: int, seed: int) -> list[Rule]:
    """The baselines: each route always, a coin, Self-Route, a length rule, a rule on metadata, the oracle."""
    routes, rng = data.outcomes.routes, np.random.default_rng(seed)
    dear = len(routes) - 1
    found = [
        Rule(f"always {route}", lambda m, rows, r=r: np.full((len(rows), 1), r), fixed=True)  # type: ignore[misc]
        for r, route in enumerate(routes)
    ]
    coins = rng.random((len(data.asked), 5)) < 0.5
    found.append(Rule("random", lambda m, rows: np.where(coins[rows], dear, 0), bound=True))
    found.append(Rule("Self-Route", lambda m, rows: _self_route(data, m, rows, dear), start=0))
    fold = cross(data.questions.clusters, folds, seed)
    found.append(
        Rule(
            "length rule",
            lambda m, rows: frontier.length_rule(
                data.tokens[rows], data.outcomes.right[rows, m], data.cost[rows], fold[rows], short=dear, long=0
            ).reshape(-1, 1),
        )
    )
    found.append(Rule("metadata rule", lambda m, rows: _metadata(data, rows, dear)))
    found.append(
        Rule(
            "oracle",
            lambda m, rows: frontier.oracle(data.outcomes.right[rows, m], data.cost[rows]).reshape(-1, 1),
            bound=True,
        )
    )
    return found


def _self_route(data: Gathered, m: int, rows: Indices, dear: int) -> Indices:
    """Li et al. 2024, arXiv 2407.16833: the whole documents where the answer from passages declines."""
    return np.where(data.outcomes.declined[rows, m, 0] > 0, dear, 0).reshape(-1, 1)


def _metadata(data: Gathered, rows: Indices, dear: int) -> Indices:
    """A hand-written rule of the kind that Pre-Route's prompts hold: whole documents for questions that compare or
    gather over a document that is not long, passages for the rest. Fixed beforehand, learned from nothing.
    """
    names = data.questions.names
    cues = [names.index(n) for n in ("question.comparison", "question.aggregation", "question.change") if n in names]
    wide = np.nan_to_num(data.questions.x[rows][:, cues]).sum(axis=1) >= 1
    return np.where(wide & (data.tokens[rows] <= 64_000), dear, 0).reshape(-1, 1)
