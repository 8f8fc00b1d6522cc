"""The offline answer scorer: does an answer agree with the gold answer? No language model.

Numbers, names, words and refusals are compared by rule (`offline_evidence.py`), weighed by a logistic model and cut at
one half. An encoder, where one is given, is asked only about answers to explanatory golds on which the rules leave
doubt. The mark of an item depends on that item alone, never on the rest of the batch. It does not know the documents,
so it cannot see that a right answer was reached by a wrong way, nor that the gold itself is mistaken; paraphrase that
shares neither words nor numbers with the gold is marked wrong unless the encoder finds it near.

The weights are constants, refitted by `python -m benchmarks.fit_offline --refit` (LONGSHORT_DATA names the folder that
holds `lara/`); that file states the objective, and prints how well the weights carry over to a model left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.score.offline_evidence import Said, admission, agreement, contradiction, gold_of, said_by
from pipeline.score.refusal import declines

THRESHOLD = 0.5
"""The score from which an answer is right."""

Outcome = Literal["right", "wrong", "declined"]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]

# Log-odds of being right per unit of each feature. An answerable question, judged by rules alone:
RULES: Mapping[str, float] = {
    "bias": -2.871,
    "recall_short": 3.025,
    "within_short": 2.2,
    "names_none_short": -3.76,
    "contains": 2.222,
    "figures_met": 1.365,
    "figures_all": 1.683,
    "figures_none": -1.536,
    "figures_wrong": -2.789,
    "long": -0.819,
    "recall_long": 5.74,
    "clause_long": 1.652,
    "precision_long": 6.856,
    "names_none_long": -2.67,
    "log_answer_long": -0.272,
    "log_gold_long": 0.333,
    "refuses": -1.815,
    "refuses_first": -1.081,
    "refuses_share": -2.618,
}
# The same with `meaning_long`, the encoder's view:
RULES_AND_MEANING: Mapping[str, float] = {
    "bias": -5.838,
    "figures_met": 0.082,
    "figures_all": 2.844,
    "figures_none": -0.449,
    "figures_wrong": -2.07,
    "recall_long": 7.171,
    "clause_long": -0.036,
    "precision_long": -0.042,
    "names_none_long": -1.275,
    "log_answer_long": -0.694,
    "log_gold_long": 0.083,
    "refuses": 0.003,
    "refuses_first": 0.405,
    "refuses_share": 0.091,
    "meaning_long": 12.027,
}
# A question that the source does not answer:
ADMISSION: Mapping[str, float] = {
    "bias": -4.059,
    "refuses": 2.116,
    "refuses_first": 2.561,
    "refuses_share": 1.861,
    "refuses_last": 0.742,
    "log_refusals": 2.785,
    "hedged": -1.047,
    "denies": 1.982,
    "denies_premise": 5.599,
    "log_rest": -0.17,
    "turning": -3.149,
    "meta": 1.297,
}

_CONTRADICTED = 0.1  # the most that an answer in plain contradiction to the gold can score
_HEAD = 700  # characters of an answer shown to the encoder: about as many words as it can read


@dataclass(frozen=True, slots=True)
class Mark:
    """One judgement.

    outcome: what a table counts. Declining a question that has no answer is `right`, answering it is `wrong`; declining
    one that has an answer is `declined`. score: the probability of being right behind it, in [0, 1]. why: a few words.
    """

    outcome: Outcome
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Item:
    """One answer to mark, against the best of its golds.

    answerable: None asks the golds themselves: one that says "the text does not mention ..." has no answer.
    """

    question: str
    answer: str
    golds: tuple[str, ...]
    answerable: bool | None = None


@dataclass(frozen=True, slots=True)
class _Draft:
    """The verdict by one gold. due: the gold gives an answer; doubted: features left for the encoder to help with."""

    score: float
    why: str
    gold: str = ""
    due: bool = True
    doubted: Mapping[str, float] | None = None


@dataclass(frozen=True)
class OfflineScorer:
    """Marks answers by rule, with the help of an encoder where one is given.

    doubt: the encoder is asked where the rules' score lies in [doubt, 1 - doubt].
    """

    doubt: float = 0.1
    version: ClassVar[int] = 1

    def mark(self, items: Sequence[Item], embed: Embed | None = None) -> list[Mark]:
        """One mark per item, in order. embed: texts -> unit vectors (n, d); called once, with distinct texts."""
        drafts = [self._drafts(item) for item in items]
        if embed is not None:
            drafts = self._ask(items, drafts, embed)
        return [self._decide(item, found) for item, found in zip(items, drafts, strict=True)]

    def _drafts(self, item: Item) -> list[_Draft]:
        if not item.answer.strip():
            return [_Draft(0.0, "empty", due=False)]
        said = said_by(item.answer)
        if item.answerable is False:
            return [_unanswerable(item.question, said)]
        if not any(g.strip() for g in item.golds):
            raise UserError(
                "an answerable question has no gold answer to mark against",
                where=f"question {item.question[:60]!r}",
                remedy="Give a gold answer, or mark the question as unanswerable.",
            )
        found = []
        for gold in item.golds:
            if not gold.strip():
                continue
            if item.answerable is None and _gives_no_answer(gold):
                found.append(_unanswerable(item.question, said))
            else:
                found.append(self._answerable(item.question, gold, said))
        return found

    def _answerable(self, question: str, gold: str, said: Said) -> _Draft:
        asked = gold_of(question, gold)
        features = agreement(asked, said)
        score = logistic(RULES, features)
        clash = contradiction(asked, said)
        words = features["recall_long"] + features["recall_short"]
        figures = len(asked.figures)
        parts = [f"numbers {round(features['figures_met'] * figures)}/{figures}"] if figures else []
        parts.append(f"evidence {words:.2f}")
        if said.refusal.any:
            parts.append("refuses" if said.refusal.share > 0.5 else "refuses in part")
        if clash:
            return _Draft(min(score, _CONTRADICTED), ", ".join([*parts, clash]))
        doubted = asked.long and self.doubt <= score <= 1.0 - self.doubt
        return _Draft(score, ", ".join(parts), gold, doubted=features if doubted else None)

    def _ask(self, items: Sequence[Item], drafts: list[list[_Draft]], embed: Embed) -> list[list[_Draft]]:
        wanted: dict[str, int] = {}
        for item, found in zip(items, drafts, strict=True):
            for draft in found:
                if draft.doubted is not None:
                    for text in (item.question, draft.gold, head(item.answer)):
                        wanted.setdefault(text, len(wanted))
        if not wanted:
            return drafts
        vectors = np.asarray(embed(list(wanted)), dtype=np.float64)

        def refined(item: Item, draft: _Draft) -> _Draft:
            if draft.doubted is None:
                return draft
            near = meaning(*(vectors[wanted[t]] for t in (item.question, draft.gold, head(item.answer))))
            score = logistic(RULES_AND_MEANING, {**draft.doubted, "meaning_long": near})
            return replace(draft, score=score, why=f"{draft.why}, meaning {near:.2f}")

        return [[refined(i, d) for d in found] for i, found in zip(items, drafts, strict=True)]

    def _decide(self, item: Item, found: list[_Draft]) -> Mark:
        best = max(found, key=lambda draft: draft.score)
        score = round(best.score, 3)
        if score >= THRESHOLD:
            return Mark("right", score, best.why)
        due = all(draft.due for draft in found)
        return Mark("declined" if due and declines(item.answer) else "wrong", score, best.why)


@lru_cache(maxsize=50_000)
def _gives_no_answer(gold: str) -> bool:
    return declines(gold)


def _unanswerable(question: str, said: Said) -> _Draft:
    features = admission(question, said)
    why = "refusal" if said.refusal.any else "denial" if features["denies"] else "no refusal"
    return _Draft(logistic(ADMISSION, features), why, due=False)


def meaning(question: NDArray[np.float64], gold: NDArray[np.float64], answer: NDArray[np.float64]) -> float:
    """Cosine of gold and answer, unit vectors (d,), after the question's direction is taken out of both.

    Both repeat the question, so their plain cosine mostly measures that. Rounded to three decimals: the last bits of an
    encoder's output depend on batch and threads, a mark must not.
    """
    gold = gold - (gold @ question) * question
    answer = answer - (answer @ question) * question
    size = float(np.linalg.norm(gold) * np.linalg.norm(answer))
    return round(float(gold @ answer) / size, 3) if size > 1e-6 else 0.0


def head(answer: str) -> str:
    """What of an answer the encoder is shown."""
    return " ".join(answer.split())[:_HEAD]


def logistic(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    """The probability whose log-odds are the weighted sum of the features; `bias`, no feature, counts once."""
    odds = sum(weight * features.get(name, 1.0) for name, weight in weights.items())
    return 1.0 / (1.0 + math.exp(-odds))
