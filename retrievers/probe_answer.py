"""Is an answer grounded in the documents? Where its own terms and numbers stand, without asking a model.

"New" terms and numbers are those that the question does not hold already. It does not judge whether the answer is
right.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.policy.lexicon import NUMBER, content, stems
from retrievers.probe_index import Ints, ProbeContext, summed
from retrievers.probe_shape import best

_COMMON = 0.3  # a term of more than this share of the chunks tells nothing about where the answer stands
_NOT_RANKED = 25
_SHOWN = 6
_NUMBERS = 256
"""New numbers of an answer that are looked up; the rest of a list of numbers is not."""

NAMES = (
    *("found", "best_chunk", "best3", "rank", "position", "top6", "numbers_found", "numbers_missing"),
    *("beside_question", "rarest"),
)


def grounding(index: ProbeContext, question: str, answer: str, top: Ints) -> dict[str, float]:
    """The features `answer.` that need the index; NaN where there is nothing to look up.

    top: the question's own best chunks, as `probe_chunks` gives them.
    """
    value = dict.fromkeys(NAMES, math.nan)
    if index.size:
        asked = set(stems(question))
        value |= _terms(index, asked, answer, top) | _numbers(index, question, answer)
    return {f"answer.{name}": float(x) for name, x in value.items()}


def _terms(index: ProbeContext, asked: set[str], answer: str, top: Ints) -> dict[str, float]:
    new = [term for term in dict.fromkeys(content(stems(answer))) if term not in asked]
    if not new:
        return {}
    postings = index.postings(new)
    shown = np.zeros(index.size, dtype=bool)
    shown[top[:_SHOWN]] = True
    telling = postings.dfs <= _COMMON * index.size
    held = summed(postings.chunks[telling], postings.weights[telling], index.size)
    chunks = best(held, 3)
    chunks = chunks[held[chunks] > 0]
    value = {
        "found": postings.share(np.ones(index.size, dtype=bool)),
        "best_chunk": float(held.max()) / postings.total,
        "best3": float(held[chunks].sum()) / postings.total,
        "top6": postings.share(shown) if len(top) else math.nan,
    }
    if len(postings.found):
        value["rarest"] = float(postings.df[postings.found].min())
    if len(chunks):
        ranked = np.flatnonzero(top == chunks[0])
        value["rank"] = float(ranked[0]) if len(ranked) else _NOT_RANKED
        value["position"] = float(chunks[0]) / index.size
        of_question = np.bincount(index.postings(sorted(asked)).chunks, minlength=index.size)
        value["beside_question"] = float(of_question[chunks].max()) / max(1, len(asked))
    return value


def _numbers(index: ProbeContext, question: str, answer: str) -> dict[str, float]:
    asked = {number.rstrip(".,") for number in NUMBER.findall(question)}
    new = [number for number in (n.rstrip(".,") for n in NUMBER.findall(answer)) if number not in asked][:_NUMBERS]
    missing = sum(not index.holds_number(number) for number in new)
    return {"numbers_missing": missing, "numbers_found": 1 - missing / len(new) if new else math.nan}
