"""Numbers of an English text, in digits and in words, and when two of them are the same.

It knows separators, scale words, per cent, roundings and units of measure. It converts no unit, and reads neither
fractions in words nor formulas; a sign is not read, for reports write losses in many ways.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {w: float(i) for i, w in enumerate(_UNITS.split())} | {w: 10.0 * i for i, w in enumerate(_TENS.split(), 2)}
_WORDS_OF_SCALE = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SCALE = {**_WORDS_OF_SCALE, "k": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "bn": 1e9, "b": 1e9}
NUMBER_WORDS = frozenset((*_SMALL, *_WORDS_OF_SCALE))

_DIGITS = re.compile(
    r"(?<![\w.,])(?<![A-Za-z]-)(?<![A-Za-z]\d-)([$€£]\s?)?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?"
    r"(?:\s*(%|percent\b|per cent\b|percentage\b)|(?:\s|-)?(hundred|thousand|million|billion|trillion)s?\b"
    r"|(k|m|mm|mn|bn|b)\b|(?:st|nd|rd|th)\b|(?!\w))",
    re.IGNORECASE,
)
# "For the three months ended" names a period; its three is nobody's answer.
_SPELT = re.compile(rf"\b(?:{'|'.join((*_SMALL, *_WORDS_OF_SCALE))})\b(?![- ]months? (?:ended|period))")
_AFTER = re.compile(r"[ -]([A-Za-z]+)")
_MEASURES = {
    form: row.split()[0]
    for row in (
        "second seconds sec secs",
        "minute minutes min mins",
        "hour hours hr hrs",
        "day days",
        "week weeks",
        "month months",
        "year years",
        "inch inches",
        "foot feet ft",
        "yard yards",
        "mile miles",
        "metre metres meter meters",
        "kilometre kilometres kilometer kilometers km",
        "gram grams",
        "pound pounds",
        "kilogram kilograms kg",
        "ton tons",
        "dollar dollars",
        "euro euros",
        "franc francs",
        "shilling shillings",
    )
    for form in row.split()
}


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, without sign.

    value: with scale words applied; unit: the value of the last written digit; percent, scaled: a per cent sign or a
    scale word stood there; year: a bare integer from 1500 to 2100; of: the unit of measure that follows, if known;
    spelt: in words.
    """

    value: float
    unit: float
    percent: bool = False
    scaled: bool = False
    year: bool = False
    of: str = ""
    spelt: bool = False

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
    return between in (" ", "-") and _SMALL[last] >= 20 and 0 < _SMALL[word] < 10


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
    return [Number(total + part, 1.0, of=_measure(text, end), spelt=True)]


def _measure(text: str, end: int) -> str:
    found = _AFTER.match(text, end)
    return _MEASURES.get(found.group(1).lower(), "") if found else ""
