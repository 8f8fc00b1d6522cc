"""What an answer and a gold answer have in common, as numbers: the evidence that the offline scorer weighs.

Words and numbers of the gold that the question already holds are no evidence, so they are left out unless nothing else
remains. Nothing here knows how much a piece of evidence weighs in the end; `offline.py` does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pipeline.score.offline_text import (
    STOP,
    Number,
    content,
    directions,
    names,
    numbers,
    plain,
    sentences,
    stem,
    weight,
    words,
)
from pipeline.score.refusal import Refusal, refusal

_CLAUSE = re.compile(
    r";|,? \b(?:while|whereas|although|but|however|in contrast|compared to)\b,?|, (?:and|which|with)\b", re.IGNORECASE
)
_YES = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)
_FIGURE = 1.5  # what a number weighs beside a content word's 1
_LONG = 3.0  # golds that hold more evidence than this are explanations rather than short facts


@dataclass(frozen=True, slots=True)
class Gold:
    """What one gold asks for beyond its question. `words`: stem -> weight; `surface`: the same, as first written."""

    words: dict[str, float]
    surface: dict[str, str]
    names: frozenset[str]
    figures: tuple[Number, ...]
    clauses: tuple[frozenset[str], ...]
    pairs: frozenset[tuple[str, str]]
    sequence: str
    directions: frozenset[str]
    yes: str
    length: int
    all: frozenset[str]
    known: frozenset[str]
    asked: tuple[Number, ...]

    @property
    def long(self) -> bool:
        """Whether the gold explains (many pieces of evidence) rather than names one fact."""
        return sum(self.words.values()) > _LONG


@dataclass(frozen=True, slots=True)
class Said:
    """An answer read once. `surface`: stem of each content word -> the word as first written."""

    surface: dict[str, str]
    stems: frozenset[str]
    figures: tuple[Number, ...]
    pairs: frozenset[tuple[str, str]]
    sequence: str
    spoken: str
    directions: frozenset[str]
    yes: str
    length: int
    refusal: Refusal


@lru_cache(maxsize=50_000)
def gold_of(question: str, gold: str) -> Gold:
    """The evidence that `gold` holds beyond the words and numbers of `question`."""
    text, asked = plain(gold), plain(question)
    known, told = content(asked), content(text)
    named = names(text)
    new = {w: 1.0 if w in named else v for w, v in told.items() if w not in known}
    held, found = tuple(numbers(asked)), tuple(dict.fromkeys(numbers(text)))
    figures = tuple(n for n in found if not any(n.same(h) for h in held))
    if not new and not figures:
        new, figures = dict(told), found
    spoken = words(text)
    if len(spoken) > 3:
        figures = tuple(n for n in figures if n.value != 1.0)  # "one of the" is no count
    clauses = []
    for sentence in sentences(text):
        for clause in _CLAUSE.split(sentence):
            part = frozenset(w for w in content(clause) if w in new)
            if sum(new[w] for w in part) >= 1.5:
                clauses.append(part)
    order = _order(spoken)
    pairs = {p for p in zip(order, order[1:], strict=False) if not (p[0] in known and p[1] in known)}
    return Gold(
        new,
        _surface(spoken),
        frozenset(n for n in named if n in new),
        figures,
        tuple(clauses),
        frozenset(pairs),
        f" {' '.join(order or spoken)} ",
        directions(told) - directions(known),
        _yes(text),
        len(spoken),
        frozenset(told),
        frozenset(known),
        held,
    )


def said_by(answer: str) -> Said:
    """The answer, read."""
    text = plain(answer)
    spoken = words(text)
    order = _order(spoken)
    surface = _surface(spoken)
    return Said(
        surface,
        frozenset(order) | frozenset(surface),
        tuple(dict.fromkeys(numbers(text))),
        frozenset(zip(order, order[1:], strict=False)),
        f" {' '.join(order)} ",
        f" {' '.join(spoken)} ",
        directions(surface),
        _yes(text),
        len(spoken),
        refusal(answer),
    )


def _order(spoken: list[str]) -> list[str]:
    return [stem(w) for w in spoken if w not in STOP]


def _surface(spoken: list[str]) -> dict[str, str]:
    table: dict[str, str] = {}
    for word in spoken:
        if weight(word) > 0:
            table.setdefault(stem(word), word)
    return table


def _yes(text: str) -> str:
    found = _YES.match(text)
    return found.group(1).lower() if found else ""


def evidence(gold: Gold, said: Said, near: Mapping[str, float]) -> dict[str, float]:
    """Named features of an answer to an answerable question; all but the logarithms of lengths lie in [0, 1].

    near: for gold stems that the answer lacks, how near (0 to 1) the nearest word of the answer comes in meaning.
    """
    met = {w: float(w in said.stems) for w in gold.words}
    soft = {w: max(hit, near.get(w, 0.0)) for w, hit in met.items()}
    hits = [any(n.same(m) for m in said.figures) for n in gold.figures]
    stray = any(not any(m.same(n) for n in (*gold.figures, *gold.asked)) for m in said.figures)
    named = [w in said.stems for w in gold.names]
    fresh = [w for w in said.surface if w not in gold.known]
    total = sum(gold.words.values())
    weigh = total + _FIGURE * len(hits)
    # A gold of function words alone ("the", "he", "no") can only be repeated.
    same = gold.sequence in said.sequence if weigh else gold.sequence == said.spoken or gold.yes == said.yes != ""
    recall = (_sum(gold.words, met) + _FIGURE * sum(hits)) / weigh if weigh else float(same)
    softer = (_sum(gold.words, soft) + _FIGURE * sum(hits)) / weigh if weigh else float(same)
    by_clause = [_sum(gold.words, met, c) / sum(gold.words[w] for w in c) for c in gold.clauses]
    soft_clause = [_sum(gold.words, soft, c) / sum(gold.words[w] for w in c) for c in gold.clauses]
    order = len(gold.pairs & said.pairs) / len(gold.pairs) if gold.pairs else recall
    opposed = len(gold.directions) == 1 and bool(said.directions) and not gold.directions & said.directions
    profile = said.refusal
    long = float(gold.long)
    return {
        "recall": recall,
        "recall_long": recall * long,
        "soft_long": softer * long,
        "clause": min(by_clause, default=recall),
        "clause_soft": min(soft_clause, default=softer),
        "precision": sum(w in gold.all for w in fresh) / len(fresh) if fresh else float(any(hits)),
        "figures": float(bool(hits)),
        "figures_met": sum(hits) / len(hits) if hits else 0.0,
        "figures_all": float(bool(hits) and all(hits)),
        "figures_none": float(bool(hits) and not any(hits)),
        "figures_wrong": float(bool(hits) and not all(hits) and stray),
        "names": float(bool(named)),
        "names_met": sum(named) / len(named) if named else 0.0,
        "names_all": float(bool(named) and all(named)),
        "names_none": float(bool(named) and not any(named)),
        "contains": float(same),
        "order": order,
        "opposed": float(opposed),
        "yes_clash": float(bool(gold.yes) and bool(said.yes) and gold.yes != said.yes),
        "yes_same": float(bool(gold.yes) and gold.yes == said.yes),
        "refuses": float(profile.any),
        "refuses_first": float(profile.first),
        "refuses_share": profile.share,
        "log_answer": math.log1p(said.length),
        "log_gold": math.log1p(gold.length),
        "log_evidence": math.log1p(total),
        "long": long,
    }


def _sum(weights: Mapping[str, float], values: Mapping[str, float], of: frozenset[str] | None = None) -> float:
    return sum(weights[w] * values[w] for w in (weights if of is None else of))
