"""What differs between two policies, in words: each kind of change alone, and how many decisions change with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.policy import drawn_policy
from pipeline.policy.diff import diff
from pipeline.policy.models import Constant
from pipeline.policy.policy import Encoder, Policy, Setting, Step

BASE = drawn_policy(0)
WORDS, VECTOR = BASE.steps[0].projections


def first_step(**changed: object) -> Callable[[Policy], Policy]:
    return lambda p: replace(p, steps=(replace(p.steps[0], **changed), p.steps[1]))


def renamed_feature(step: Step) -> tuple[str, ...]:
    return (*step.features[:1], "question.new", *step.features[2:])


def setting(**changed: object) -> Callable[[Policy], Policy]:
    return lambda p: replace(p, settings=(replace(p.settings[0], **changed), p.settings[1]))


def price(p: Policy) -> Policy:
    return replace(p, routes=(p.routes[0], replace(p.routes[1], per_1k_document_tokens=0.003)))


CHANGES: dict[str, tuple[Callable[[Policy], Policy], list[str]]] = {
    "name": (lambda p: replace(p, name="new"), ["name: drawn-0 -> new"]),
    "fallback": (lambda p: replace(p, fallback="lc"), ["outside the training range: rag -> lc"]),
    "price": (price, ["price of lc per 1,000 document tokens: 0.002 -> 0.003 (+50 %)"]),
    "route settings": (
        lambda p: replace(p, routes=(replace(p.routes[0], settings={"k": 5}), p.routes[1])),
        ["route rag is built with other settings"],
    ),
    "weight": (
        setting(price_weight={"": 3.0, "small": 0.5}),
        ["setting balanced: price weight for other readers: 1.5 -> 3 (+100 %)"],
    ),
    "facts": (
        setting(quality=0.73, lc_share=0.3),
        ["setting balanced: expected share of LC: 0.4 -> 0.3", "setting balanced: expected quality: 0.71 -> 0.73"],
    ),
    "floor": (setting(floor={"margin": 0.01}), ["setting balanced: quality floor: none -> margin 0.01"]),
    "cascade": (setting(cascade=True), ["setting balanced: may now escalate after the first answer"]),
    "start": (setting(start="lc"), ["setting balanced: first route: the model decides -> lc"]),
    "new setting": (lambda p: replace(p, settings=(*p.settings, Setting("fine", {"": 0.0}))), ["setting fine is new"]),
    "feature": (
        first_step(features=renamed_feature(BASE.steps[0])),
        ["before any route: features no longer used: question.f0", "before any route: features now used: question.new"],
    ),
    "reader": (
        first_step(readers={"": BASE.steps[0].readers[""]}),
        ["before any route: readers no longer known: small"],
    ),
    "model": (
        first_step(models=(Constant(np.zeros(2)),)),
        ["before any route: model: trees, constant, linear, neighbours -> constant"],
    ),
    "words weighed otherwise": (
        first_step(projections=(replace(WORDS, bias=WORDS.bias + 1), VECTOR)),
        ["before any route: text: other weights for the question's words (16 buckets)"],
    ),
    "no vector": (
        first_step(projections=(WORDS,), models=(Constant(np.zeros(2)),)),
        [
            "before any route: text: 2 columns of the question's vector (3 dimensions) -> nothing",
            "before any route: model: trees, constant, linear, neighbours -> constant",
        ],
    ),
    "range": (
        first_step(high=np.array([200_000.0, 2, 2, 2, 2, 2])),
        ["before any route: training range of document.tokens (100 to 100000 -> 100 to 200000)"],
    ),
    "no second step": (lambda p: replace(p, steps=p.steps[:1]), ["no longer decides after rag"]),
    "encoder": (
        lambda p: replace(p, encoder=Encoder("minilm", 384, "cd" * 32)),
        ["encoder: minilm (abababababab) -> minilm (cdcdcdcdcdcd)"],
    ),
    "held-out": (
        lambda p: replace(p, held_out=({**p.held_out[0], "gain": 0.05},)),
        ["held-out, small, balanced: gain 0.02 -> 0.05"],
    ),
    "held-out rows": (
        lambda p: replace(p, held_out=()),
        ["held-out rows only in the first policy: 1, only in the second: 0"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_told_and_no_other(name):
    change, expected = CHANGES[name]
    lines = diff(BASE, change(BASE))
    told = [line for line in lines if not line.startswith(("decisions:", "  "))]
    assert told == expected


def test_the_same_policy():
    assert diff(BASE, drawn_policy(0)) == ["The two are the same policy."]


def test_decisions_that_change_are_counted_over_both_policies_examples():
    always = [
        replace(BASE, settings=tuple(replace(s, start=r, cascade=False) for s in BASE.settings)) for r in ("rag", "lc")
    ]
    before = [g for g in BASE.golden if not g.after]
    lines = diff(always[0], always[1])
    assert f"decisions: {len(before)} of {len(BASE.golden)} golden examples change ({len(before)} rag -> lc)" in lines
    assert sum(line.startswith("  ") for line in lines) == len(before[:5])


def test_examples_of_both_are_asked_once_each():
    other = drawn_policy(1)
    counted = next(line for line in diff(BASE, other) if line.startswith("decisions:"))
    assert f"of {len(BASE.golden) + len(other.golden)} golden examples" in counted
    again = next(line for line in diff(BASE, replace(BASE, name="n")) if line.startswith("decisions:"))
    assert again == f"decisions: 0 of {len(BASE.golden)} golden examples change"


def test_examples_that_only_one_policy_can_answer_are_told_apart():
    fewer = replace(BASE, settings=BASE.settings[:1], golden=tuple(g for g in BASE.golden if g.setting == "balanced"))
    gone = sum(g.setting != "balanced" for g in BASE.golden)
    assert f"decisions: {gone} examples have a setting or a moment that only one policy knows" in diff(BASE, fewer)


def test_policies_that_hash_words_differently_do_not_understand_each_others_examples():
    told = "decisions: the two hash words differently, so that neither understands the other's examples"
    assert told in diff(BASE, drawn_policy(0, bits=5))
    assert told not in diff(BASE, drawn_policy(1))


def test_without_examples_it_says_that_nothing_was_compared():
    bare = replace(BASE, golden=())
    assert diff(bare, replace(bare, name="n"))[-1] == "decisions: neither policy has golden examples to compare"
