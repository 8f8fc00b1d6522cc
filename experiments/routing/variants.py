"""The same questions, changed: worded otherwise, their words shuffled, or with one group of features taken away.

A policy that decides otherwise for a paraphrase rests on wording; one that decides alike for shuffled words does not
read the order. Features of a group are exchanged between questions of one study, which keeps their distribution
(Breiman 2001, permutation importance). It knows no policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from experiments.routing.gather import NGRAM, Gathered, grams, vectors_of
from pipeline.core.run import Runner
from pipeline.core.stage import Node
from retrievers.probe import ProbeContext, open_index, probe

WORDING = ("paraphrased", "shuffled words")
GROUPS = {
    "question": "shape of the question: length, cues, names, numbers, references",
    "document": "the documents: length, structure, style, repetition",
    "probe": "a cheap search of the documents for the question",
    "words": "the question's words (hashed n-grams)",
    "vector": "the question's meaning (sentence encoder)",
}
"""Groups of features by name, each with what it is."""

_REPHRASED = (
    (r"^what (is|are|was|were)\b", r"which \1"),
    (r"^(what|which) ", r"please tell me what "),
    (r"^how (many|much)\b", r"what number or amount of"),
    (r"^how (do|does|did)\b", r"in what way \1"),
    (r"^why (do|does|did|is|was|are|were)\b", r"for what reason \1"),
    (r"^who\b", r"which person"),
    (r"^where\b", r"in which place"),
    (r"^when\b", r"at what time"),
    (r"\baccording to\b", "as stated in"),
    (r"\bspecific\b", "particular"),
    (r"\bcompared? (to|with)\b", "set against"),
    (r"\bdescribe\b", "give an account of"),
    (r"\bdiffer\b", "vary"),
    (r"\bprimary\b", "main"),
    (r"\bimpact\b", "effect"),
    (r"\bused\b", "employed"),
)


def paraphrase(text: str) -> str:
    """The question in other words, by rules: enough to change most n-grams, not the meaning."""
    found = text.strip()
    for pattern, by in _REPHRASED:
        found = re.sub(pattern, by, found, flags=re.IGNORECASE)
    return found[:1].upper() + found[1:]


def shuffle(text: str, seed: int) -> str:
    """The question's words in another order, its last mark at the end."""
    mark = text[-1:] if text[-1:] in "?.!" else ""
    words = text.removesuffix(mark).split()
    order = np.random.default_rng([seed, len(words)]).permutation(len(words))
    return " ".join(words[i] for i in order) + mark


def variants(data: Gathered, runner: Runner, node: Node) -> dict[str, Gathered]:
    """By name: the two wordings, then a table for each group with its features exchanged between questions."""
    texts = {
        WORDING[0]: [paraphrase(q.text) for q in data.asked],
        WORDING[1]: [shuffle(q.text, i) for i, q in enumerate(data.asked)],
    }
    found = {name: _asked_as(data, given, runner, node) for name, given in texts.items()}
    order = np.random.default_rng(0).permutation(len(data.asked))
    for group in GROUPS:
        questions = data.questions
        if group == "words":
            questions = replace(questions, grams=questions.grams[order])
        elif group == "vector":
            if questions.vectors is None:
                continue
            questions = replace(questions, vectors=questions.vectors[order])
        else:
            columns = [i for i, name in enumerate(questions.names) if name.startswith(f"{group}.")]
            x = questions.x.copy()
            x[:, columns] = x[order][:, columns]
            questions = replace(questions, x=x)
        found[group] = replace(data, questions=questions)
    return found


def _asked_as(data: Gathered, texts: list[str], runner: Runner, node: Node) -> Gathered:
    """The table with the questions worded as `texts`. Dense features of the probe stay those of the old wording."""
    index_node, rows = node.inputs[0], [dict[str, float]() for _ in texts]
    opened: tuple[object, ProbeContext] | None = None
    for i in np.argsort([runner.item(index_node, q) for q in data.asked], kind="stable"):
        index = runner.value(index_node, data.asked[i])
        if opened is None or opened[0] is not index:
            opened = index, open_index(index)
        rows[i] = _merged(data, int(i), probe(opened[1], texts[i]))
    x = np.array([[row[name] for name in data.questions.names] for row in rows])
    vectors = None
    if data.questions.vectors is not None:
        vectors = vectors_of(texts)
    return replace(data, questions=replace(data.questions, x=x, grams=grams(rows), vectors=vectors))


def _merged(data: Gathered, i: int, features: Mapping[str, float]) -> dict[str, float]:
    old = dict(zip(data.questions.names, data.questions.x[i].tolist(), strict=True))
    new = {k: v for k, v in features.items() if not k.startswith(("probe.dense_", "probe.agree"))}
    return old | {k: v for k, v in new.items() if k in old or k.startswith(NGRAM)}
