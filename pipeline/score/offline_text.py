"""Words, stems, names, numbers and sentences of an English text, as the offline scorer compares them.

It knows spelling: thousands separators, scale words, per cent, number words, accents, light synonyms. It knows neither
meaning nor the question, and its notion of a rare word is fixed (a short list of common ones), so that what one answer
is worth never depends on the other answers in the batch.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

_PLAIN = str.maketrans(
    {
        "‘": "'", "’": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-",
        "*": " ", "#": " ", "`": " ", "|": " ", "_": " ", "\\": "", "\u00ad": "",
    }
)  # fmt: skip

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])|\n+(?:\s*(?:[-•]|\d{1,2}[.)])\s+)?")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Inc|Corp|Ltd|Co|Jr|Sr|vs|No|Fig|Eq|Sec|Vol|etc|al|approx|e\.g|i\.e)|\b[A-Z])\.$"
)

STOP = frozenset(
    [
        "a",
        "about",
        "above",
        "after",
        "again",
        "all",
        "also",
        "although",
        "am",
        "among",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "became",
        "because",
        "become",
        "been",
        "before",
        "being",
        "below",
        "between",
        "both",
        "but",
        "by",
        "can",
        "come",
        "could",
        "did",
        "do",
        "does",
        "doing",
        "done",
        "down",
        "during",
        "each",
        "either",
        "else",
        "ever",
        "for",
        "from",
        "further",
        "get",
        "give",
        "go",
        "had",
        "has",
        "have",
        "having",
        "he",
        "her",
        "here",
        "hers",
        "herself",
        "him",
        "himself",
        "his",
        "how",
        "however",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "itself",
        "just",
        "let",
        "like",
        "made",
        "make",
        "many",
        "may",
        "me",
        "might",
        "more",
        "most",
        "much",
        "must",
        "my",
        "myself",
        "neither",
        "no",
        "nor",
        "not",
        "of",
        "off",
        "on",
        "once",
        "only",
        "onto",
        "or",
        "other",
        "others",
        "our",
        "ours",
        "out",
        "over",
        "own",
        "per",
        "put",
        "rather",
        "s",
        "said",
        "same",
        "say",
        "says",
        "shall",
        "she",
        "should",
        "since",
        "so",
        "some",
        "such",
        "t",
        "than",
        "that",
        "the",
        "their",
        "theirs",
        "them",
        "themselves",
        "then",
        "there",
        "thereby",
        "therefore",
        "these",
        "they",
        "this",
        "those",
        "though",
        "through",
        "thus",
        "to",
        "together",
        "too",
        "toward",
        "towards",
        "under",
        "until",
        "up",
        "upon",
        "us",
        "use",
        "used",
        "using",
        "uses",
        "very",
        "via",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "whereas",
        "whether",
        "which",
        "while",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "within",
        "without",
        "would",
        "yes",
        "yet",
        "you",
        "your",
    ]
)

# Words that golds of every kind hold whatever the answer is; a match on them says little.
_COMMON = frozenset(
    [
        "able",
        "according",
        "achieve",
        "additional",
        "additionally",
        "address",
        "aim",
        "allow",
        "answer",
        "approach",
        "approximately",
        "around",
        "aspect",
        "author",
        "base",
        "book",
        "bring",
        "case",
        "cause",
        "certain",
        "change",
        "character",
        "chunk",
        "company",
        "compare",
        "compared",
        "contribute",
        "despite",
        "detail",
        "different",
        "directly",
        "discuss",
        "document",
        "due",
        "effect",
        "effective",
        "enable",
        "ensure",
        "especially",
        "example",
        "expect",
        "explain",
        "expressed",
        "factor",
        "feel",
        "felt",
        "find",
        "financial",
        "first",
        "focus",
        "follow",
        "form",
        "found",
        "general",
        "generally",
        "good",
        "great",
        "help",
        "high",
        "highlight",
        "impact",
        "important",
        "include",
        "including",
        "increase",
        "indicate",
        "instead",
        "introduce",
        "involve",
        "issue",
        "key",
        "lack",
        "large",
        "lead",
        "leading",
        "level",
        "low",
        "main",
        "mainly",
        "make",
        "mean",
        "mention",
        "method",
        "multiple",
        "need",
        "new",
        "number",
        "often",
        "one",
        "overall",
        "paper",
        "part",
        "particular",
        "particularly",
        "people",
        "person",
        "place",
        "point",
        "possible",
        "potential",
        "present",
        "primarily",
        "process",
        "propose",
        "provide",
        "question",
        "range",
        "reason",
        "reflect",
        "relate",
        "relation",
        "relatively",
        "rely",
        "report",
        "require",
        "respectively",
        "result",
        "reveal",
        "role",
        "say",
        "second",
        "see",
        "seem",
        "set",
        "several",
        "show",
        "significant",
        "significantly",
        "similar",
        "simply",
        "situation",
        "specific",
        "specifically",
        "state",
        "statement",
        "story",
        "study",
        "suggest",
        "support",
        "take",
        "task",
        "technique",
        "tell",
        "text",
        "thing",
        "think",
        "three",
        "time",
        "traditional",
        "two",
        "type",
        "typically",
        "ultimately",
        "understand",
        "various",
        "want",
        "way",
        "well",
        "whole",
        "within",
        "work",
        "year",
    ]
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
""".strip().splitlines()

_AFTER = re.compile(r"[ -]([A-Za-z]+)")
_MEASURES = {
    name: names.split()[0]
    for names in (
        "second seconds sec secs", "minute minutes min mins", "hour hours hr hrs", "day days", "week weeks",
        "month months", "year years", "mile miles", "kilometre kilometres kilometer kilometers km",
        "metre metres meter meters", "foot feet ft", "inch inches", "yard yards", "pound pounds", "gram grams",
        "kilogram kilograms kg", "ton tons", "dollar dollars", "euro euros", "franc francs", "shilling shillings",
    )
    for name in names.split()
}  # fmt: skip

_MONTHS = frozenset("january february march april may june july august september october november december".split())

_DIRECTIONS = {
    "increase": "increase increased increases increasing rise rises rose risen rising grow grows grew grown growing growth",
    "decrease": "decrease decreased decreases decreasing decline declined declines declining fall falls fell fallen "
    "falling drop dropped drops dropping reduce reduced reduces reducing reduction",
}
_DIRECTION_OF = {word: name for name, row in _DIRECTIONS.items() for word in row.split()}

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {w: float(i) for i, w in enumerate(_UNITS)} | {w: 10.0 * (i + 2) for i, w in enumerate(_TENS)}
_SCALE = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
    "k": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "bn": 1e9, "b": 1e9,
}  # fmt: skip
_DIGITS = re.compile(
    r"(?<![\w.,])(?<![A-Za-z]-)(?<![A-Za-z]\d-)([$€£]\s?)?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?"
    r"(?:\s*(%|percent\b|per cent\b|percentage\b)|(?:\s|-)?(hundred|thousand|million|billion|trillion)s?\b"
    r"|(k|m|mm|mn|bn|b)\b|(?:st|nd|rd|th)\b|(?![\w]))",
    re.IGNORECASE,
)
_SPELT = re.compile(
    rf"\b(?:{'|'.join([*_SMALL, 'hundred', 'thousand', 'million', 'billion'])})\b(?![- ](?:months? (?:ended|period)))"
)


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
    return [w[:-2] if w.endswith("'s") else w for w in _WORD.findall(text.lower())]


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
    for row in _SYNONYMS:
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
    if word in STOP or word.isdigit() or word in _SMALL or "'" in word or (len(word) == 1 and word.isascii()):
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
            lower = word.lower().removesuffix("'s")
            inner = any(c.isupper() for c in word[1:]) or (any(c.isdigit() for c in word) and not word[0].isdigit())
            opens = i == 0 and len(tokens) > 3
            if (inner or (word[0].isupper() and not opens)) and weight(lower) > 0 and lower not in _MONTHS:
                found.add(stem(lower))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, without sign.

    value: with scale words applied; unit: the value of the last written digit; percent, scaled: a per cent sign or a
    scale word stood there; year: a bare integer from 1500 to 2100; of: the unit of measure that follows, if known.
    """

    value: float
    unit: float
    percent: bool = False
    scaled: bool = False
    year: bool = False
    of: str = ""

    def same(self, other: Number) -> bool:
        """Equal up to the coarser of the two roundings; a scale or a per cent named on one side only is supplied."""
        if self.of and other.of and self.of != other.of:
            return False
        if self._close(other, 1.0):
            return True
        if self.year or other.year:
            return False
        if self.percent != other.percent and (self._close(other, 100.0) or other._close(self, 100.0)):
            return True
        # "in thousands": 6,833 for 6,833,000; two digits alone agree too easily.
        telling = min(self.value / self.unit, other.value / other.unit) >= 100
        return telling and any(self._close(other, k) or other._close(self, k) for k in (1e3, 1e6))

    def _close(self, other: Number, factor: float) -> bool:
        mine, its = self.value * factor, other.value
        if abs(mine - its) <= 1e-9 * max(1.0, its):
            return True
        if self.year or other.year:
            return False
        coarse = max(self.unit * factor, other.unit)
        return min(mine, its) >= 9.5 * coarse and abs(mine - its) <= 0.5000001 * coarse


def numbers(text: str) -> list[Number]:
    """Numbers of a `plain` text in digits, then those in words; digits inside names (GPT-4, v1.6) are left out."""
    found = [_from_digits(m, text) for m in _DIGITS.finditer(text)]
    lower = text.lower()
    run: list[str] = []
    end = -1
    for match in _SPELT.finditer(lower):
        if run and not _continues(run[-1], lower[end : match.start()], match.group()):
            found.extend(_from_words(run, lower, end))
            run = []
        run.append(match.group())
        end = match.end()
    return [*found, *_from_words(run, lower, end)]


def _continues(last: str, between: str, word: str) -> bool:
    if last in _SCALE or word in _SCALE:
        return between in (" ", "-") or (between == " and " and last in _SCALE)
    return between in (" ", "-") and last in _TENS and 0 < _SMALL[word] < 10


def _from_digits(match: re.Match[str], text: str) -> Number:
    money, whole, fraction, percent, scale, letter = match.groups()
    if letter and not (money or fraction or len(letter) == 2):
        letter = None  # the 7B of a model's name, the 4K of a context length
    factor = _SCALE[(scale or letter).lower()] if scale or letter else 1.0
    value = float(whole.replace(",", "") + (fraction or "")) * factor
    unit = 10.0 ** -(len(fraction) - 1 if fraction else 0) * factor
    measure = "" if percent else _measure(text, match.end())
    bare = not (fraction or percent or money or measure or factor != 1.0 or "," in whole)
    return Number(value, unit, bool(percent), factor != 1.0, bare and 1500 <= value <= 2100, measure)


def _from_words(run: list[str], text: str, end: int) -> list[Number]:
    if not run or run[0] not in _SMALL:
        return []
    total = part = 0.0
    for word in run:
        if word in _SMALL:
            part += _SMALL[word]
        elif word == "hundred":
            part = max(part, 1.0) * 100
        else:
            total, part = total + max(part, 1.0) * _SCALE[word], 0.0
    return [Number(total + part, 1.0, of=_measure(text, end))]


def _measure(text: str, end: int) -> str:
    found = _AFTER.match(text, end)
    return _MEASURES.get(found.group(1).lower(), "") if found else ""
