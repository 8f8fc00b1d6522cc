"""Features of a question and of its documents, as a policy reads them; plain numbers by name, NaN where not known.

Computed from the texts alone, in linear time, without NumPy. It does not know how a text is searched (`probe.` features
come from `retrievers.probe`), nor which features a policy uses.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from pipeline.core.records import Document
from pipeline.policy.answer_features import answer_features
from pipeline.policy.feature_names import FEATURES
from pipeline.policy.lexicon import REFERENCE, STOP_WORDS, names, numbers, words

__all__ = (
    "FEATURES",
    "answer_features",
    "document_features",
    "known_feature",
    "ngrams",
    "part_name",
    "question_features",
)

BITS = 14
"""N-grams are counted in 2^BITS buckets."""

CHARACTERS_PER_TOKEN = 4
_COMPRESSED = 200_000
"""Characters of the documents from which compressibility is judged."""

_PATTERNS = re.compile(r"(?:ngram|vector)\.(?:0|[1-9]\d{0,8})|(?:before|reader)\.[^\W\d]\w*(?:[.-]\w+)*")

_ASKING = ("what", "who", "when", "where", "why", "how", "which", "whose")
_AUXILIARY = frozenset("is are was were do does did can could has have had will would should".split(" "))
_TASKS = frozenset(
    (
        "calculate compute describe explain compare summarize list identify discuss analyze analyse evaluate determine "
        "provide"
    ).split(" ")
)
_OPENING = _AUXILIARY | _TASKS | frozenset(_ASKING)


def _cues(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


_CUES = {
    "comparison": _cues(
        r"compar\w*|differ\w*|contrast\w*|similar\w*|versus|vs\.?|both|between|relative to|in contrast|unlike|whereas|"
        r"than|respectively"
    ),
    "change": _cues(
        r"chang\w*|evolv\w*|increase\w*|decrease\w*|growth|grow|shift\w*|progress\w*|develop\w*|from .{3,60} to "
    ),
    "aggregation": _cues(
        r"all|every|each|total|sum|overall|throughout|list|summar\w*|main|various|several|factors|themes?|entire|"
        r"average|how many|how much|percentage|ratio"
    ),
    "cause": _cues(
        r"why|because|cause\w*|reason\w*|lead|led|impact\w*|affect\w*|effect\w*|influence\w*|contribut\w*|result\w*|"
        r"role|suggest\w*|impl\w+|indicat\w*|reflect\w*|signif\w+|relationship|relate\w*|based on"
    ),
    "detail": _cues(
        r"specific\w*|exact\w*|particular\w*|name of|type of|kind of|brand|title|colou?r|which|first|precise\w*"
    ),
    "time": _cues(
        r"(?:19|20)\d\d|january|february|march|april|may|june|july|august|september|october|november|december|year|"
        r"quarter|month|week|day|fiscal|ended"
    ),
    "future": _cues(r"future|project\w*|forecast\w*|expect\w*|plan\w*|predict\w*|next|upcoming|will"),
}
_HOW_MANY = _cues("how (?:many|much|long|often|old|far)")
_QUOTE = re.compile(r"[\"“]|(?<!\w)'|'(?!\w)")
_ACRONYM = re.compile(r"\b[A-Z]{2,}[\w-]*\b")
_POSSESSIVE = re.compile(r"['’]s\b")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]")
_TOKEN = re.compile(r"\b\w\w+\b")  # what scikit-learn's TfidfVectorizer takes for a word
_DIGITS = re.compile(r"\d+")
_HEADING = re.compile(r"^#+ ", re.MULTILINE)
_NUMBERED = re.compile(r"([^\W\d_]{2,}) +(\d{1,4}[a-z]?)(?![^\W_])(?= *(?:$|[:.,;(–—-]))")
_LETTERED = re.compile(
    r"(appendix|annex|part|chapter|section|act|scene|book|volume|exhibit|item|note|article|schedule) +"
    r"([ivxlc]{1,7}|[a-z])(?![^\W_])"
)


def known_feature(name: str) -> bool:
    """Whether this version can compute a feature of that name, or a part of the system gives it.

    `ngram.<bucket>`; `vector.<dimension>`; `before.<route>`, the quality that the first step expected of a route;
    `reader.<word>`, a fact about the reader.
    """
    return name in FEATURES or _PATTERNS.fullmatch(name) is not None


def question_features(text: str) -> dict[str, float]:
    """The features `question.` of a question's text."""
    found = words(text)
    distinct = set(found)
    first = next((word for word in found if word in _OPENING), "")
    refs = REFERENCE.findall(text)
    letters = len(_LETTER.findall(text))
    value: dict[str, float] = {
        "words": len(found),
        "characters": len(text),
        "word_length": len(text) / max(1, len(found)),
        **{f"asks_{word}": first == word for word in _ASKING},
        "asks_whether": first in _AUXILIARY,
        "tells_task": not distinct.isdisjoint(_TASKS),
        "how_many": _HOW_MANY.search(text) is not None,
        "asking_position": next((i for i, word in enumerate(found) if word in _ASKING), len(found)),
        **{name: len(cue.findall(text)) for name, cue in _CUES.items()},
        "references": len(refs),
        "distinct_references": len(set(refs)),
        "names": len(names(text)),
        "numbers": len(numbers(text)),
        "quotes": len(_QUOTE.findall(text)),
        "commas": text.count(","),
        "ands": found.count("and"),
        "question_marks": text.count("?"),
        "stop_share": sum(word in STOP_WORDS for word in found) / max(1, len(found)),
        "acronyms": len(_ACRONYM.findall(text)),
        "possessives": len(_POSSESSIVE.findall(text)),
        "other_script": 1 - len(_LATIN.findall(text)) / letters if letters else math.nan,
    }
    return {f"question.{name}": float(x) for name, x in value.items()}


def ngrams(text: str, bits: int = BITS) -> dict[str, float]:
    """Counts of the hashed word unigrams and bigrams, `ngram.<bucket>`, 0 <= bucket < 2^bits; absent means 0.

    Words as scikit-learn's TfidfVectorizer takes them, lower-cased, runs of digits folded to 0. The bucket is CRC-32 of
    the n-gram in UTF-8, words of a bigram joined by a space: the same on every machine.
    """
    found = _TOKEN.findall(_DIGITS.sub("0", text.lower()))
    grams = Counter(found)
    grams.update(f"{a} {b}" for a, b in pairwise(found))
    counts: dict[str, float] = {}
    for gram, n in grams.items():
        bucket = f"ngram.{zlib.crc32(gram.encode('utf-8', 'surrogatepass')) % (1 << bits)}"
        counts[bucket] = counts.get(bucket, 0.0) + n
    return counts


def document_features(documents: Sequence[Document]) -> dict[str, float]:
    """The features `document.` of the documents that a question is asked of, taken together."""
    texts = [d.text for d in documents if d.text is not None]
    sizes = [d.stated_tokens if d.text is None else len(d.text) / CHARACTERS_PER_TOKEN for d in documents]
    tokens = float(sum(s for s in sizes if s is not None)) if sizes and None not in sizes else math.nan
    titles = {part_name(title) for d in documents for title in (d.title, *(s.title for s in d.sections))}
    value: dict[str, float] = dict.fromkeys(_OF_TEXT, math.nan)
    value |= {
        "tokens": tokens,
        "log_tokens": math.log(max(tokens, 1.0)),
        "known": len(texts) / len(documents) if documents else 0.0,
        "count": len(documents),
        "parts": len(titles - {""}) if texts else math.nan,
        "sections": sum(len(d.sections) for d in documents) if texts else math.nan,
    }
    value |= _text_features("\n\n".join(texts))
    return {f"document.{name}": float(x) for name, x in value.items()}


_OF_TEXT = (
    "vocabulary",
    "digits",
    "quotes",
    "headings",
    "upper_case",
    "line_length",
    "tables",
    "formulas",
    "compressed",
)


def _text_features(text: str) -> dict[str, float]:
    if not text.strip():
        return {}
    size = len(text)
    found = words(text)
    raw = text[:_COMPRESSED].encode("utf-8", "surrogatepass")
    return {
        "vocabulary": len(set(found)) / math.sqrt(max(1, len(found))),
        "digits": sum(map(len, _DIGITS.findall(text))) / size,
        "quotes": sum(text.count(mark) for mark in '"“”') / size * 1e3,
        "headings": len(_HEADING.findall(text)) / size * 1e4,
        "upper_case": sum(map(str.isupper, text)) / size,
        "line_length": size / max(1, text.count("\n")),
        "tables": text.count("|") / size * 1e3,
        "formulas": (text.count("\\") + text.count("$")) / size * 1e3,
        "compressed": len(zlib.compress(raw, 6)) / len(raw),
    }


def part_name(title: str) -> str:
    """The name by which a question can call a numbered part: `paper 1`, `chapter iv`, `item 7a`; "" for other titles.

    What follows the number ("Chapter 3: The Storm") is not part of it; "Llama 2 and its kin" has none.
    """
    start = title.strip().lower()[:64]
    match = _NUMBERED.match(start) or _LETTERED.match(start)
    return f"{match[1]} {match[2]}" if match and match[1] not in STOP_WORDS else ""
