"""What an answer and a gold answer have in common, as numbers: the evidence that the offline scorer weighs.

Words and numbers of the gold that the question already holds are no evidence, so they are left out unless nothing else
remains. Nothing here knows how much a piece of evidence weighs in the end (`offline.py` does), nor what a text means.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.score.offline_numbers import Number, numbers
from pipeline.score.offline_text import (
    STOP,
    content,
    directions,
    names,
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
_LIST = re.compile(r",|&|\b(?:and|or)\b")
_YES = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:not|no|never|cannot|without|nor|none|nothing|neither)\b|n't\b", re.IGNORECASE)
_FIGURE = 1.5  # what a number weighs beside a content word's 1
_LONG = 3.0  # golds that hold more evidence than this are explanations rather than short facts
_SURNAME = 0.8  # the recall that the last of several names amounts to
_BRIEF = 6  # answers with at most this many fresh content words name something and explain nothing


@dataclass(frozen=True, slots=True)
class Gold:
    """What one gold asks for beyond its question.

    words: stem -> weight, of the fresh content words; surname: the last of several names, where the gold is names
    alone; clauses: sets of stems; spoken: its words; told, known: all content stems of gold and question; asked:
    numbers of the question; opening: the first telling word, where neither gold nor question is negated; listed: it
    names several things, of which some are not enough.
    """

    text: str
    words: dict[str, float]
    names: frozenset[str]
    surname: str
    figures: tuple[Number, ...]
    clauses: tuple[frozenset[str], ...]
    sequence: str
    spoken: tuple[str, ...]
    directions: frozenset[str]
    yes: str
    told: frozenset[str]
    known: frozenset[str]
    asked: tuple[Number, ...]
    opening: str
    listed: bool

    @property
    def long(self) -> bool:
        """Whether the gold explains (many pieces of evidence) rather than names a fact."""
        return sum(self.words.values()) > _LONG


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, read once. content: stems of content words; stems: of all words but function words."""

    raw: str
    text: str
    content: frozenset[str]
    stems: frozenset[str]
    figures: tuple[Number, ...]
    sequence: str
    spoken: tuple[str, ...]
    directions: frozenset[str]
    yes: str
    refusal: Refusal


@lru_cache(maxsize=50_000)
def gold_of(question: str, gold: str) -> Gold:
    """The evidence that `gold` holds beyond the words and numbers of `question`."""
    text, asked = plain(gold), plain(question)
    known, told = content(asked), content(text)
    named = names(text)
    fresh = {w: 1.0 if w in named else v for w, v in told.items() if w not in known}
    held, found = tuple(numbers(asked)), tuple(dict.fromkeys(numbers(text)))
    figures = tuple(n for n in found if not any(n.same(h) for h in held))
    if not fresh and not figures:
        fresh, figures = dict(told), found
    spoken = tuple(words(text))
    if len(spoken) > 3:
        figures = tuple(n for n in figures if not _in_passing(n, len(spoken)))
    clauses = []
    for sentence in sentences(text):
        for clause in _CLAUSE.split(sentence):
            part = frozenset(w for w in content(clause) if w in fresh)
            if sum(fresh[w] for w in part) >= 1.5:
                clauses.append(part)
    return Gold(
        gold.strip(),
        fresh,
        frozenset(n for n in named if n in fresh),
        list(fresh)[-1] if len(fresh) > 1 and not figures and named.issuperset(fresh) else "",
        figures,
        tuple(clauses),
        _sequence(spoken),
        spoken,
        frozenset() if directions(words(asked)) else directions(spoken),
        _yes(text),
        frozenset(told),
        frozenset(known),
        held,
        "" if _NEGATION.search(f"{asked} {text}") else next((w for w in spoken if w not in STOP), ""),
        bool(_LIST.search(text)),
    )


def _in_passing(number: Number, among: int) -> bool:
    """Whether a number among so many words counts nothing that was asked: "one of the", "a two-phase training"."""
    return number.value == 1.0 or (number.spelt and number.value < 10 and not number.of and among > 12)


def said_by(answer: str) -> Said:
    """The answer, read."""
    text = plain(answer)
    spoken = tuple(words(text))
    held = frozenset([stem(w) for w in set(spoken) if weight(w) > 0])
    sequence = _sequence(spoken)
    return Said(
        answer,
        text,
        held,
        held | frozenset(sequence.split()),
        tuple(dict.fromkeys(numbers(text))),
        sequence,
        spoken,
        directions(spoken),
        _yes(text),
        refusal(text),
    )


def agreement(gold: Gold, said: Said) -> dict[str, float]:
    """Features of an answer to an answerable question, by name; all in [0, 1] but the logarithms of lengths.

    Names that end in `_long` are 0 for golds that name one fact, those in `_short` for golds that explain: a long
    answer holds many words by chance, which matters only where the gold is long as well.
    """
    met = [w for w in gold.words if w in said.stems]
    hits = [any(n.same(m) for m in said.figures) for n in gold.figures]
    stray = any(not any(m.same(n) for n in (*gold.figures, *gold.asked)) for m in said.figures)
    named = [w in said.stems for w in gold.names]
    fresh = said.content - gold.known
    weigh = sum(gold.words.values()) + _FIGURE * len(hits)
    same = gold.sequence in said.sequence if weigh else _repeats(gold, said)
    recall = (_sum(gold.words, met) + _FIGURE * sum(hits)) / weigh if weigh else float(same)
    by_clause = [_sum(gold.words, c & said.stems) / _sum(gold.words, c) for c in gold.clauses]
    precision = sum(w in gold.told for w in fresh) / len(fresh) if fresh else float(any(hits))
    within = 0 < len(fresh) <= _BRIEF and precision == 1.0 and all(hits) and not stray
    if (gold.listed and recall < 1.0) or (gold.surname and gold.surname not in said.stems):
        within = False
    elif within and gold.surname:
        recall = max(recall, _SURNAME)
    long, short = float(gold.long), float(not gold.long)
    lost = float(bool(named) and not any(named))
    # "The text does not name the painter, but Anna signed it": what is told outweighs what is not.
    moot = not gold.long and gold.sequence in _sequence(words(said.refusal.kept)) if said.refusal.any else False
    declined = float(not moot)
    return {
        "recall_short": recall * short,
        "within_short": float(within) * short,
        "names_none_short": lost * short,
        "contains": float(same),
        "figures_met": sum(hits) / len(hits) if hits else 0.0,
        "figures_all": float(bool(hits) and all(hits)),
        "figures_none": float(bool(hits) and not any(hits)),
        "figures_wrong": float(bool(hits) and not all(hits) and stray),
        "long": long,
        "recall_long": recall * long,
        "clause_long": min(by_clause, default=recall) * long,
        "precision_long": precision * long,
        "names_none_long": lost * long,
        "log_answer_long": math.log1p(len(said.spoken)) * long,
        "log_gold_long": math.log1p(len(gold.spoken)) * long,
        "refuses": declined * said.refusal.any,
        "refuses_first": declined * said.refusal.first,
        "refuses_share": declined * said.refusal.share,
    }


def _repeats(gold: Gold, said: Said) -> bool:
    """Whether the answer gives a gold that holds no telling word: a symbol, yes or no, or function words alone."""
    if not gold.spoken:
        return gold.text in said.raw
    if gold.yes and len(gold.spoken) == 1:
        denies = bool(_NEGATION.search(" ".join(sentences(said.text)[:1])))
        return gold.yes == (said.yes or ("no" if denies else "yes")) and not said.refusal.any
    return gold.spoken == said.spoken


def contradiction(gold: Gold, said: Said) -> str:
    """The plain contradiction of the gold that the answer holds, in a word or two, or nothing."""
    if gold.yes and said.yes and gold.yes != said.yes:
        return f"{said.yes} for {gold.yes}"
    opposed = len(gold.directions) == 1 and said.directions and not gold.directions & said.directions
    # Words of cause may speak of another quantity's rise; the same figures with the other direction do not.
    if opposed and any(n.same(m) for n in gold.figures for m in said.figures):
        return f"{min(said.directions)} for {min(gold.directions)}"
    if not gold.long and gold.opening and _denied(gold.opening, said.text):
        return "denied"
    return ""


def _denied(word: str, text: str) -> bool:
    """Whether every mention of `word` follows hard on a negation: "not Paris", "rather than the blue one"."""
    mentions = list(re.finditer(rf"\b{re.escape(word)}\b", text, re.IGNORECASE))
    denials = re.compile(
        rf"(?:\bnot|n't|\bnever|rather than|instead of)\s+(?:\w+\s+)?{re.escape(word)}\b", re.IGNORECASE
    )
    return bool(mentions) and len(denials.findall(text)) == len(mentions)


def admission(question: str, said: Said) -> dict[str, float]:
    """Features of an answer to an unanswerable question: does it say that the answer is not to be had?"""
    profile = said.refusal
    opening = sentences(said.text)[:1]
    known = content(plain(question))
    kept = [w for w in known if opening and w in content(opening[0])]
    denies_first = bool(profile.denies) and profile.denies[0]
    return {
        "refuses": float(profile.any),
        "refuses_first": float(profile.first),
        "refuses_share": profile.share,
        "refuses_last": float(bool(profile.refuses) and profile.refuses[-1]),
        "log_refusals": math.log1p(sum(profile.refuses)),
        "hedged": float(profile.hedged),
        "denies": float(any(profile.denies)),
        "denies_premise": len(kept) / len(known) if denies_first and known else 0.0,
        "log_rest": math.log1p(profile.rest),
        "turning": profile.turning,
        "meta": float(any(m for m, r in zip(profile.meta, profile.refuses, strict=True) if not r)),
    }


def _sequence(spoken: Sequence[str]) -> str:
    return f" {' '.join([stem(w) for w in spoken if w not in STOP])} "


def _yes(text: str) -> str:
    found = _YES.match(text)
    return found.group(1).lower() if found else ""


def _sum(weights: Mapping[str, float], of: Collection[str]) -> float:
    return sum(weights[w] for w in weights if w in of)
