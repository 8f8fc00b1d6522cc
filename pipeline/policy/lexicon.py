"""Words, stems, stop words, numbers and references: how features read a text.

English cue words and stems; other languages keep their words and are merely not stemmed. It does not know what is
counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# Scripts written without spaces, and Hangul: a run of them is read as bigrams of characters.
_UNSPACED = (
    "\u0e01-\u0e3e\u0e40-\u0e4e\u0e81-\u0edf\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs that `\w` does not match; without them words of Indic scripts, Hebrew and Arabic would fall apart.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_LETTER = rf"(?:(?![{_UNSPACED}_])[\w{_MARKS}])"
_ASCII = re.compile(r"[a-z0-9]+(?:[.,'-][a-z0-9]+)*")
_UNICODE = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|{_LETTER}+(?:[.,'-]{_LETTER}+)*")

STOP_WORDS = frozenset(
    (
        "a an the of in on at to for from by with and or but is are was were be been being do does did have has had "
        "how what which who whom whose when where why that this these those it its as into about between than then "
        "there their his her him he she they them you your we our i not no can could would should may might will shall "
        "if so such also any some more most other over during after before while because due s t"
    ).split(" ")
)

NUMBER = re.compile(r"\d[\d,.]*")
REFERENCE = re.compile(
    r"\b(?:papers?|sections?|chapters?|tables?|figures?|articles?|parts?|appendix|notes?|items?|documents?|exhibits?|"
    r"acts?|scenes?|volumes?|books?|episodes?|sessions?|pages?|steps?)\s+(\d+)",
    re.IGNORECASE,
)
"""A numbered part of a text, as questions name it."""

# A proper name: a capital that opens neither the text nor a sentence.
_NAME = re.compile(r"(?<![.?!]\s)(?<!^)\b[A-Z][\w’'-]+")


def words(text: str) -> list[str]:
    """Lower-case words in order, repetitions kept; `1,250.5`, `o'clock` and `u.s` are one word each."""
    text = text.lower().replace("’", "'")
    if text.isascii():
        return _ASCII.findall(text)
    found: list[str] = []
    for match in _UNICODE.finditer(text):
        word = match.group()
        if match.lastgroup is None or len(word) == 1:
            found.append(word)
        else:
            found += (word[i : i + 2] for i in range(len(word) - 1))
    return found


def stemmed(found: Sequence[str]) -> list[str]:
    """Snowball's English stems of lower-case words."""
    from Stemmer import Stemmer

    stems: list[str] = Stemmer("english").stemWords(found)  # its own: a stemmer is not to be shared between threads
    return stems


def stems(text: str) -> list[str]:
    """The stems of a text's words, in order."""
    return stemmed(words(text))


def content(found: Sequence[str]) -> Iterator[str]:
    """The words or stems that are no stop words."""
    return (word for word in found if word not in STOP_WORDS)


def names(text: str) -> list[str]:
    """Capitalised words that open neither the text nor a sentence, as they stand."""
    return _NAME.findall(text)


def numbers(text: str) -> list[str]:
    """Numbers as they stand, without those that only number a part ("paper 2") and without closing punctuation."""
    return [found.rstrip(".,") for found in NUMBER.findall(REFERENCE.sub(" ", text))]
