"""Words, stems, names and sentences of an English text, as the offline scorer compares them.

It knows spelling: accents, quotes, mark-up, stems and a few synonyms. It knows neither meaning nor the question, and
its notion of a rare word is fixed (a short list of common ones), so that what one answer is worth never depends on the
other answers in the batch.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from pipeline.score.offline_numbers import NUMBER_WORDS


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PLAIN = str.maketrans(
    {
        "‘": "'", "’": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-",
        "*": " ", "#": " ", "`": " ", "|": " ", "_": " ", "\\": "", "\u00ad": "",
    }
)  # fmt: skip

_WORD = re.compile(r"([^\W_]+(?:'(?!s\b)[^\W_]+)?)(?:'s\b)?", re.IGNORECASE)
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])|\n+(?:\s*(?:[-•]|\d{1,2}[.)])\s+)?")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Inc|Corp|Ltd|Co|Jr|Sr|vs|No|Fig|Eq|Sec|Vol|etc|al|approx|e\.g|i\.e)|\b[A-Z])\.$"
)

STOP = _set(
    """a about above after again all also although am among an and any are as at be became because become been
    before being below between both but by can come could did do does doing done down during each either
    else ever for from further get give go had has have having he her here hers herself him himself his
    how however i if in into is it its itself just let like made make many may me might more most much
    must my myself neither no nor not of off on once only onto or other others our ours out over own per
    put rather s said same say says shall she should since so some such t than that the their theirs them
    themselves then there thereby therefore these they this those though through thus to together too
    toward towards under until up upon us use used using uses very via was we were what when where whereas
    whether which while who whom whose why will with within without would yes yet you your"""
)

# Words that golds of every kind hold whatever the answer is; a match on them says little.
_COMMON = _set(
    """able according achieve additional additionally address aim allow answer approach approximately around
    aspect author base book bring case cause certain change character chunk company compare compared
    contribute despite detail different directly discuss document due effect effective enable ensure
    especially example expect explain expressed factor feel felt find financial first focus follow form
    found general generally good great help high highlight impact important include including increase
    indicate instead introduce involve issue key lack large lead leading level low main mainly make mean
    mention method multiple need new number often one overall paper part particular particularly people
    person place point possible potential present primarily process propose provide question range reason
    reflect relate relation relatively rely report require respectively result reveal role say second see
    seem set several show significant significantly similar simply situation specific specifically state
    statement story study suggest support take task technique tell text thing think three time traditional
    two type typically ultimately understand various want way well whole within work year"""
)

# One representative per row stands for the row. Rows are interchangeable in answers to factual questions.
_SYNONYMS = """
increase rise rose risen grow grew grown growth gain higher climb expand expansion surge greater up
decrease decline fell fallen fall drop reduce reduction lower shrink shrank lessen diminish less fewer
improve enhance boost strengthen better ameliorate improvement enhancement
use utilize utilise employ leverage apply utilization usage adopt
show demonstrate exhibit illustrate reveal display
purpose goal aim objective intent
important crucial critical vital essential key pivotal significant
method approach technique methodology strategy framework
main primary principal chief major primarily mainly mostly largely
begin began begun start started commence
end finish conclude complete completion
buy bought purchase acquire acquisition
sell sold sale
big large huge enormous
small little tiny minor
create generate produce build built construct
require need necessitate demand
difficult hard challenging challenge difficulty
fast quick rapid swift speed
angry anger furious upset irritate irritated
afraid fear fearful scared frightened terrified frighten scare
happy joy joyful glad delight delighted happiness
sad sorrow sorrowful grief unhappy sadness
die died dead death deceased
kill murder slay slain killed
home house
child children kid
help assist aid support
stop prevent prohibit avoid hinder
allow enable permit let
worker employee staff
money cash fund
wife spouse
father dad papa
mother mom mum mama
evaluate assess assessment evaluation
accurate accuracy precise precision
ability capability capacity
human person people individual
speak spoke spoken talk tell told say
"""

_MONTHS = _set("january february march april may june july august september october november december")

_DIRECTIONS = {
    "increase": "increase increased increases increasing rise rises rose risen rising grow grows grew grown growing "
    "growth",
    "decrease": "decrease decreased decreases decreasing decline declined declines declining fall falls fell fallen "
    "falling drop dropped drops dropping reduce reduced reduces reducing reduction",
}
_DIRECTION_OF = {word: name for name, row in _DIRECTIONS.items() for word in row.split()}

_QUARTER = re.compile(r"\b(first|second|third|fourth)(?: fiscal)? quarter\b", re.IGNORECASE)
_QUARTERS = {"first": "Q1", "second": "Q2", "third": "Q3", "fourth": "Q4"}


def plain(text: str) -> str:
    """`text` with compatibility forms, quotes and dashes unified, accents and mark-up characters removed."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
        text = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _QUARTER.sub(lambda m: _QUARTERS[m.group(1).lower()], text.translate(_PLAIN))


def words(text: str) -> list[str]:
    """Lower-case words of a `plain` text, in order, possessive endings removed."""
    return _WORD.findall(text.lower())


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english", 0)


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """Snowball English stem of a lower-case word, mapped to the representative of its synonym row."""
    raw = str(_stemmer().stemWord(word))
    return _synonyms().get(raw, raw)


@cache
def _synonyms() -> dict[str, str]:
    table: dict[str, str] = {}
    for row in _SYNONYMS.strip().splitlines():
        members = [str(_stemmer().stemWord(w)) for w in row.split()]
        for member in members:
            table.setdefault(member, members[0])
    return table


@cache
def _common_stems() -> frozenset[str]:
    return frozenset(stem(w) for w in _COMMON)


@lru_cache(maxsize=200_000)
def weight(word: str) -> float:
    """How much a lower-case word tells, in [0, 1]: 0 for function words and bare digits, less for common words."""
    if word in STOP or word in NUMBER_WORDS or word.isdigit() or "'" in word or (len(word) == 1 and word.isascii()):
        return 0.0
    if word in _MONTHS or stem(word) in _common_stems():
        return 0.35
    return 1.0 if len(word) > 3 or not word.isalpha() else 0.8


def content(text: str) -> dict[str, float]:
    """Stems of the content words of a `plain` text with their weights, in order of first occurrence."""
    return {stem(w): weight(w) for w in words(text) if weight(w) > 0}


def directions(spoken: Iterable[str]) -> frozenset[str]:
    """Which of `increase` and `decrease` lower-case words speak of."""
    return frozenset(_DIRECTION_OF[w] for w in spoken if w in _DIRECTION_OF)


def sentences(text: str) -> list[str]:
    """Sentences and lines of a `plain` text, stripped, none empty; not cut after titles, initials and abbreviations."""
    parts: list[str] = []
    start = 0
    for cut in _END.finditer(text):
        head = text[start : cut.start()].rstrip()
        if "\n" not in cut.group() and _ABBREVIATION.search(head[-12:]):
            continue
        if head.strip():
            parts.append(head.strip())
        start = cut.end()
    tail = text[start:].strip()
    return [*parts, tail] if tail else parts


def names(text: str) -> frozenset[str]:
    """Stems of capitalised or mixed words of a `plain` text, save those that merely open a sentence."""
    found: set[str] = set()
    for sentence in sentences(text):
        tokens = _WORD.findall(sentence)
        for i, word in enumerate(tokens):
            lower = word.lower()
            inner = any(c.isupper() for c in word[1:]) or (any(c.isdigit() for c in word) and not word[0].isdigit())
            opens = i == 0 and len(tokens) > 3
            if (inner or (word[0].isupper() and not opens)) and weight(lower) > 0 and lower not in _MONTHS:
                found.add(stem(lower))
    return frozenset(found)
