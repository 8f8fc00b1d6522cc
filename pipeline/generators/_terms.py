"""What a sentence and a question have in common as words: stems, names of code, and how much each one tells.

It knows spelling, English function words and how common a word is in general. It knows nothing of meaning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from pipeline.core.tokens import minilm_folder

_FUNCTION_WORDS = frozenset(
    """a an and are as at be been being but by can could did do does doing for from give given gives get gets had has
    have having how i if in into is it its itself may me might must my no not of on one or other own s shall should so
    some such t than that the their them then there these they this those though to too upon was were what when where
    which while who whom whose why will with within would you your""".split()
)
_TERM = re.compile(r"\w+(?:\.\w+)*|[*/<>=!+\-|&^@%~]{1,3}=?")
_FIRST_WORD = 1996  # ids of the vocabulary below are marks and single characters; from here on words, by frequency
_RANK_OF_A_CHARACTER = 1000
# How many sentences of general English the documents' own counts are mixed with.
_PRIOR = 200.0


@lru_cache(maxsize=65536)
def terms(text: str) -> Mapping[str, int]:
    """Terms of a text and the rank of each by frequency in English, 1 the most frequent.

    Words are stemmed, function words left out. `sys.path` counts as itself and as its parts; `__getattr__` and other
    names with an underscore stay whole; operators are terms.
    """
    found: dict[str, int] = {}
    for match in _TERM.finditer(text.lower()):
        whole = match.group()
        parts = [whole, *whole.split(".")] if "." in whole else [whole]
        for part in parts:
            if part not in _FUNCTION_WORDS:
                found.setdefault(_stem(part) if part.isalpha() else part, _rank(part))
    return found


def weights(question: Mapping[str, int], counts: Mapping[str, int], sentences: int) -> dict[str, float]:
    """How much each term of the question tells, summing to 1.

    counts: in how many of the `sentences` it stands. Inverse document frequency, ln(N / n), where general English adds
    K sentences in which the word of rank r stands K / r times (Zipf's law): one sentence alone is weighted by English,
    a long document by itself.
    """
    idf = {
        term: math.log((sentences + _PRIOR) / (counts.get(term, 0) + _PRIOR / rank)) for term, rank in question.items()
    }
    total = sum(idf.values())
    return {term: value / total for term, value in idf.items()} if total > 0 else {}


def overlap(
    held: Sequence[frozenset[str]], near: Sequence[frozenset[str]], weighted: Mapping[str, float], share: float
) -> list[float]:
    """Per sentence the weight of the question's terms that it holds, in [0, 1].

    held: terms of each sentence; near: of each one's paragraph. A term that the paragraph alone holds counts `share`.
    """
    return [
        sum(weight if term in own else share * weight if term in around else 0.0 for term, weight in weighted.items())
        for own, around in zip(held, near, strict=True)
    ]


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")


def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


@cache
def _vocabulary() -> Mapping[str, int]:
    lines = (minilm_folder() / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return {word: i for i, word in enumerate(lines)}


@lru_cache(maxsize=65536)
def _rank(word: str) -> int:
    vocabulary = _vocabulary()
    place = vocabulary.get(word)
    if place is None:
        return len(vocabulary)
    return place - _FIRST_WORD + 1 if place >= _FIRST_WORD else _RANK_OF_A_CHARACTER
