"""Cross-fitted decisions of learned policies: every question is decided by a policy that never saw its documents.

It makes expected qualities [Q, M, R]; what a decision is worth is `frontier`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.routing.fit import Floats, Recipe
from experiments.routing.gather import Gathered
from experiments.routing.learn import (
    Indices,
    Questions,
    calibrated,
    cross,
    cross_fitted,
    learn_after,
    learn_before,
    learn_head,
    qualities,
    stretch,
)
from pipeline.policy.policy import Step

INNER = 4
"""Folds within the training part, from which the second step learns what the first one would have expected."""


@dataclass(frozen=True)
class Steps:
    """Both steps of a policy, made on some questions."""

    before: Step
    after: Step | None


def expected_names(routes: Sequence[str]) -> list[str]:
    """Names of the features by which the second step learns what the first one expected."""
    return [f"before.{route}" for route in routes]


def learn(data: Gathered, train: Indices, recipe: Recipe, second: Recipe | None) -> Steps:
    """A policy's steps from the training questions; without a recipe for the second, one step."""
    questions, outcomes = data.questions.take(train), data.outcomes.take(train)
    raw = cross_fitted(
        lambda a, b: qualities(
            learn_before(questions.take(a), outcomes.take(a), recipe), questions.take(b), outcomes.readers
        ),
        questions.clusters,
        INNER,
        recipe.seed + 1,
    )
    slope = stretch(raw, outcomes)
    first = calibrated(learn_before(questions, outcomes, recipe), slope, outcomes)
    if second is None:
        return Steps(first, None)
    # The second step learns from expectations of documents that were not seen, as it will be given such.
    expected = np.clip(outcomes.means + slope * (raw - outcomes.means), 0, 1)
    rows, at, reader = answered(data, train, expected)
    return Steps(first, learn_after(outcomes.routes[0], rows, outcomes, at, reader, second))


def answered(data: Gathered, chosen: Indices, expected: Floats) -> tuple[Questions, Indices, Indices]:
    """(one row per answer of the cheapest route, its question's place in `chosen`, its reader)."""
    readers = len(data.outcomes.readers)
    at, reader = np.repeat(np.arange(len(chosen)), readers), np.tile(np.arange(readers), len(chosen))
    rows = data.questions.take(chosen[at])
    rows = rows.beside(data.answer_names, data.answers[chosen[at], reader])
    return rows.beside(expected_names(data.outcomes.routes), expected[at, reader]), at, reader


def decided(data: Gathered, steps: Steps, chosen: Indices) -> tuple[Floats, Floats | None]:
    """Expected qualities [q, M, R] of the chosen questions by the first step, and by the second."""
    readers = data.outcomes.readers
    first = qualities(steps.before, data.questions.take(chosen), readers)
    if steps.after is None:
        return first, None
    rows, _, _ = answered(data, chosen, first)
    second = qualities(steps.after, rows, [""])
    return first, second.reshape(first.shape)


def cross_decided(
    data: Gathered,
    recipe: Recipe,
    second: Recipe | None,
    *,
    folds: int,
    seed: int,
    changed: Mapping[str, Gathered] | None = None,
) -> tuple[Floats, Floats | None, dict[str, Floats]]:
    """`decided` for every question, each by steps that were learned without its documents.

    changed: the same questions with other features, by name; the first step's qualities of those come third.
    """
    fold = cross(data.questions.clusters, folds, seed)
    shape = data.outcomes.right.shape
    first, later = np.full(shape, np.nan), None if second is None else np.full(shape, np.nan)
    also = {name: np.full(shape, np.nan) for name in changed or {}}
    for k in range(folds):
        held = np.flatnonzero(fold == k)
        if not len(held):
            continue
        steps = learn(data, np.flatnonzero(fold != k), recipe, second)
        a, b = decided(data, steps, held)
        first[held] = a
        if later is not None and b is not None:
            later[held] = b
        for name, other in (changed or {}).items():
            also[name][held] = qualities(steps.before, other.questions.take(held), data.outcomes.readers)
    return first, later, also


def cross_single(data: Gathered, recipe: Recipe, *, folds: int, seed: int) -> Floats:
    """Qualities [Q, M, R] of one policy per reader, each learned from that reader's answers alone."""

    def predict(train: Indices, held: Indices) -> Floats:
        found = []
        for m, name in enumerate(data.outcomes.readers):
            own = data.outcomes.take(train).of([m])
            step = learn_before(data.questions.take(train), own, recipe)
            found.append(qualities(step, data.questions.take(held), [name]))
        return np.concatenate(found, axis=1)

    return cross_fitted(predict, data.questions.clusters, folds, seed)


def cross_new_reader(data: Gathered, recipe: Recipe, labelled: int, *, folds: int, seed: int) -> Floats:
    """Qualities [Q, M, R] for each reader by a policy that never saw it, but for `labelled` questions of its own.

    The policy is learned from all other readers on the training documents; the labelled questions are drawn from those.
    """
    readers = len(data.outcomes.readers)

    def predict(train: Indices, held: Indices) -> Floats:
        found = []
        for m in range(readers):
            others = data.outcomes.take(train).of([k for k in range(readers) if k != m])
            step = learn_before(data.questions.take(train), others, recipe)
            drawn = np.random.default_rng([seed, m]).permutation(len(train))[:labelled]
            right = data.outcomes.right[train[drawn], m]
            head = learn_head(step, data.questions.take(train[drawn]), right) if labelled else step.readers[""]
            alone = Step(
                step.after, step.features, step.low, step.high, step.fill, step.models, {"": head}, step.projections
            )
            found.append(qualities(alone, data.questions.take(held), [""]))
        return np.concatenate(found, axis=1)

    return cross_fitted(predict, data.questions.clusters, folds, seed)
