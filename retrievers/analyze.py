"""From a text to the terms that a sparse index counts: words, stop words, stems.

It does not know how terms are weighted. Terms carry no offsets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal, get_args

from retrievers.base import one_of

Stemmer = Literal["none", "porter"]
Stopwords = Literal["none", "en"]

# Lucene's list for English (EnglishAnalyzer.ENGLISH_STOP_WORDS_SET), which Anserini's runs use.
_ENGLISH = frozenset(
    (
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these they "
        "this to was will with"
    ).split(" ")
)

# Scripts written without spaces, and Hangul, whose words carry particles: read as bigrams of characters.
_UNSPACED = (
    "\u0e01-\u0e3e\u0e40-\u0e4e\u0e81-\u0edf\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and points that `\w` does not match: without them Indic, Hebrew and Arabic words would fall apart.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])"
_ASCII = re.compile(rf"{_NUMBER}|[a-z0-9_]+(?:[.'][a-z0-9_]+)*")
_LETTER = rf"(?:(?![{_UNSPACED}])[\w{_MARKS}])"
_UNICODE = re.compile(rf"{_NUMBER}|(?P<unspaced>[{_UNSPACED}]+)|{_LETTER}+(?:[.'’]{_LETTER}+)*")
_PARTS = re.compile(r"[^._]+")
_DECIMAL = re.compile(r"[\d.]+")


def words(text: str) -> list[str]:
    """Lower-case words of a text in any language, in order, repetitions kept.

    A name made of parts counts as itself and as its parts (`sys.path`, `sys`, `path`; `__getitem__`, `getitem`), so
    that either way of asking for it finds it. Decimals stay whole; thousands separators and possessive 's go.
    Runs of Han, kana, Hangul, Thai and other scripts without spaces become bigrams of characters.
    """
    if text.isascii():
        found: list[str] = _ASCII.findall(text.lower())
        return [t for w in found for t in _terms(w)] if any(not w.isalnum() for w in found) else found
    terms: list[str] = []
    for match in _UNICODE.finditer(unicodedata.normalize("NFKC", text).lower()):
        word = match.group()
        if match.lastgroup is None:
            terms += (word,) if word.isalnum() else _terms(word.replace("’", "'"))
        elif len(word) == 1:
            terms.append(word)
        else:
            terms += (word[i : i + 2] for i in range(len(word) - 1))
    return terms


def _terms(word: str) -> list[str]:
    """The terms of a match that may hold marks besides letters and digits."""
    if word.isalnum():
        return [word]
    if "," in word:
        return [word.replace(",", "")]
    if "'" in word:
        word = word.removesuffix("'s")
    if "." in word or "_" in word:
        if _DECIMAL.fullmatch(word):
            return [word]
        parts = [p for p in _PARTS.findall(word) if len(p) > 1]
        names = word.split(".")
        whole = [word, *(n for n in names if "_" in n.strip("_") or n.startswith("_"))] if len(names) > 1 else [word]
        return [*whole, *parts] if word.strip("_") else []
    return [word]


def analyzer(stemmer: Stemmer = "none", stopwords: Stopwords = "none") -> Callable[[str], list[str]]:
    """A function from a text to its index terms: `words`, less stop words, stemmed.

    porter: Porter, "An algorithm for suffix stripping", 1980. en: Lucene's 33 English stop words.
    """
    one_of(stemmer, get_args(Stemmer), "stemmer")
    one_of(stopwords, get_args(Stopwords), "stopwords")
    dropped = _ENGLISH if stopwords == "en" else frozenset[str]()
    stem: Callable[[list[str]], list[str]] = list
    if stemmer == "porter":
        from Stemmer import Stemmer as Snowball

        stem = Snowball("porter").stemWords
    return lambda text: stem([w for w in words(text) if w not in dropped])
