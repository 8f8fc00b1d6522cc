"""What a blurred question may ask for in a tagged sentence: names, dates, numbers, titles and short noun phrases.

`targets` cuts answers as people give them (a person without "Dr.", a date whole, a number without what it counts) and
`asking_words` words what asks for one of that type. It knows spans and types, nothing of the rest of the question.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from experiments.reader.blurred_words import UNITS
from experiments.reader.lexicon import FUNCTION_WORDS, Lexicon
from experiments.reader.names import ORGANISATIONS, PLACES, TITLES
from experiments.reader.phrases import YEAR, Sentence
from experiments.reader.wording import VAGUE

_NAMED = (
    r"(?P<money>\$#+)|(?P<share>#%)|(?P<date>m#,#|#m#|m#)|(?P<person>H+)|(?P<place>L+)|(?P<name>[PO]+(?:I[PLO]+)?)"
    r'|(?P<quote>"[^".;()h]{1,8}")|(?P<number>#+)'
)
_TARGET = re.compile(_NAMED)
_WITH_NOUNS = re.compile(_NAMED + r"|(?P<noun>[JU]*(?:[NG](?=[NS]))*[NS])")
_WEIGHTS = {
    "person": 4.0, "place": 2.0, "name": 0.4, "quote": 1.0, "date": 5.0, "year": 3.5, "count": 1.2, "measure": 1.2,
    "money": 1.5, "share": 1.2, "noun": 0.25,
}  # fmt: skip
_DROPPED_TITLES = frozenset("Mr. Mrs. Ms. Dr. Mr Mrs Dr Sir Captain General Colonel Admiral Professor Senator".split())
_OFFICES = frozenset("President Governor Chancellor King Queen Emperor Empress Prince Princess".split())
_APPOSED = re.compile(r",?d?[JnN,]*?(N)(?=[I,.;W(])")
_COPULA = re.compile(r"(?:\([^)]*\))?(?:Bd|;d?)[JnUN,#'c]*(N)(?![NSPHLO])")
_PLACE_NOUNS = frozenset(
    "city town village county country state province island kingdom republic region district continent capital river "
    "lake area suburb territory port".split()
)
_CLASS = {"Inc": "company", "Inc.": "company", "Corp": "company", "Corporation": "company", "Company": "company",
          "Ltd.":
          "company", "Records": "record label", "Republic": "country", "Kingdom": "country", "States": "country",
          "Party": "party", "Airlines": "airline", "Mountains": "mountains", "Street": "street"}  # fmt: skip
_NO_TYPE = frozenset("name title term word letter year day date work part figure group member addition war".split())
_NO_PERSON = ORGANISATIONS | PLACES | frozenset("Empire Diocese War Dynasty Championship Cup Series Award".split())
_NO_NAME = frozenset("bc ad bce ce east west north south am pm".split())
_INSIDE = frozenset("in at to from near on into throughout across".split())
_RELATIVE = frozenset("later ago after before earlier away old prior".split())
_NAMES = frozenset("person name place which noun date year".split())
_TO = frozenset("to until till through".split())
_GLUE = ("-", "_", "/")
_LATE = frozenset("early late mid".split())


@dataclass(frozen=True, slots=True)
class Target:
    """Words i to j - 1 of a sentence as an answer. kind: its type; noun: what people may call it, "" where unknown."""

    i: int
    j: int
    kind: str
    noun: str
    weight: float


def targets(s: Sentence, lexicon: Lexicon, *, nouns: bool = True) -> list[Target]:
    """The answers that the sentence offers, from left to right; common nouns among them where `nouns` says so."""
    found = []
    for match in (_WITH_NOUNS if nouns else _TARGET).finditer(s.tags):
        i, j = match.span()
        one = _target(s, lexicon, match.lastgroup or "", i, j)
        if one is not None and not _cut(s, one.i, one.j, one.kind):
            found.append(one)
    return found


def _target(s: Sentence, lexicon: Lexicon, kind: str, i: int, j: int) -> Target | None:
    tags, low = s.tags, s.low
    noun = ""
    if kind == "number":
        return _number(s, lexicon, i, j)
    if kind == "date":
        if not any(c.isdigit() for c in low[j - 1]) or (i and low[i - 1] in _LATE):
            return None
        return Target(i, j, kind, "day" if tags[i:j].count("#") > 1 else "month", _WEIGHTS[kind])
    if kind in ("money", "share"):
        while kind == "money" and j < len(low) and low[j] in ("million", "billion", "trillion"):
            j += 1
        return Target(i, j, kind, "", _WEIGHTS[kind])
    if kind == "noun":
        if (
            j - i > 4
            or low[j - 1] in VAGUE
            or len(low[j - 1]) < 4
            or low[i] in ("such", "other", "same", "own", "next")
        ):
            return None
        if low[j : j + 1] == ["of"] or (i and low[i - 1] == "of"):
            return None
        if tags[j : j + 1] in tuple("NSPHLOG'#\"") or (i and tags[i - 1] in "NSJPHLOGUC'#nRX"):
            return None
        letter = lexicon.kind(low[j - 1])
        where = i and (
            low[i - 1] in ("in", "at", "on") or low[i - 2 : i] in (["in", "the"], ["at", "the"], ["on", "the"])
        )
        noun = "person" if letter == "H" else "place" if where and letter in "Lt" else ""
        return Target(i, j, kind, noun, _WEIGHTS[kind])
    if kind == "person" and (s.between(j - 1, j) in _NO_PERSON):
        kind = "name"
    if kind == "person":
        if tags[j : j + 1] == "'":
            return None
        first = s.between(i, i + 1)
        if (first in _DROPPED_TITLES and j - i > 1) or (first in _OFFICES and j - i > 2):
            i += 1
        if i and tags[i - 1] in "NP" and lexicon.kind(low[i - 1]) == "H" and s.between(i - 1, i).islower():
            noun = low[i - 1]
        noun = noun or _told(s, lexicon, j, person=True)
        return Target(i, j, kind, noun, _WEIGHTS[kind] * (1.0 if j - i > 1 else 0.6))
    if kind == "quote":
        if tags[i + 1] in ",;c" or tags[j - 2] in ",;(":
            return None  # the text between two quotations
        if j - i == 3 and (low[i + 1] in FUNCTION_WORDS or len(low[i + 1]) < 3):
            return None
        noun = low[i - 1] if i and tags[i - 1] == "N" and low[i - 1] not in _NO_TYPE else ""
        return Target(i + 1, j - 1, kind, noun or _told(s, lexicon, j), _WEIGHTS[kind] * (1.0 if noun else 0.7))
    if kind != "quote" and (low[j - 1] in _NO_NAME or (kind != "person" and j - i == 1 and len(low[i]) < 3)):
        return None
    if kind == "name" and i == 0 and j == 1 and low[0] in lexicon.kinds:
        return None  # a common noun with the sentence's capital
    if kind == "name" and i and tags[i - 1] == "(":
        return None  # a short form of what stands before it
    if kind == "name" and "I" not in tags[i:j] and low[j : j + 1] == ["of"]:
        return None  # "the Battle of the Cowshed"
    if kind == "name" and tags[j : j + 1] in ("J", "G"):
        return None  # "the Aruban legal system"
    if kind == "name" and "I" in tags[i:j]:
        of = tags.index("I", i, j)
        if low[of] not in ("of", "for"):
            j = of
    if kind == "place":
        if j - i == 1 and (s.between(i, j) in PLACES or s.between(i, j) in ORGANISATIONS):
            return None  # "the Republic"
        noun = lexicon.names.get(s.between(i, j), ("", ""))[1]
        noun = noun if noun in _PLACE_NOUNS else ""
    last = s.between(j - 1, j)
    if not noun:
        noun = _CLASS.get(last, last.lower() if last in PLACES or last in ORGANISATIONS else "")
    if not noun and i > 1 and low[i - 1] == "of" and low[i - 2] in _PLACE_NOUNS and kind == "place":
        noun = low[i - 2]
    if not noun and i and tags[i - 1] == "N" and low[i - 1] not in _NO_TYPE and kind == "name":
        noun = low[i - 1]
    noun = noun or _told(s, lexicon, j)
    if kind == "name" and lexicon.kind(noun) == "H" and noun:
        kind = "person"
    if kind == "place":
        within = i and (low[i - 1] in _INSIDE or (low[i - 1] == "the" and i > 1 and low[i - 2] in _INSIDE))
        if not within and not noun:
            kind = "name"
        elif within and tags[j : j + 2] == ",L":
            k = j + 2
            while tags[k : k + 1] == "L":
                k += 1
            if tags[k : k + 1] in tuple(",.;)") and tags[k : k + 2] not in (",L", ",c", ",P"):
                return Target(i, k, "place", "", _WEIGHTS["place"] * 1.3)  # "Scottsdale, Arizona": where, whole
        elif not within:
            kind = "which"
    return Target(i, j, kind, noun, _WEIGHTS["name" if kind == "which" else kind] * (1.2 if noun else 0.7))


def _told(s: Sentence, lexicon: Lexicon, j: int, *, person: bool = False) -> str:
    """The noun that the sentence gives what ends at word j: "Mary Stone, the president of ...", "X is a ..."."""
    match = _COPULA.match(s.tags, j) or (_APPOSED.match(s.tags, j) if s.tags[j : j + 2] == ",d" else None)
    if match is None or match.end() - j > 12:
        return ""
    noun = s.low[match.start(1)]
    if noun in VAGUE or noun in _NO_TYPE or (lexicon.kind(noun) == "H") != person:
        return ""
    return noun


def _number(s: Sentence, lexicon: Lexicon, i: int, j: int) -> Target | None:
    """A year, a count of things, or a measure with its unit."""
    tags, low = s.tags, s.low
    if j - i > 1 and YEAR.fullmatch(low[i]):
        i += 1  # "In 1971 six emirates joined"
    word = low[i]
    if i > 1 and low[i - 1] == "of" and (low[i - 2] == "as" or tags[i - 2] in "PLOH"):
        return None  # "as of 2013", "the Act of 1973"
    if j - i == 1 and YEAR.fullmatch(word) and (tags[j : j + 1] not in tuple("NSPJHLO") or _opens(tags, i, j)):
        return Target(i, j, "year", "", _WEIGHTS["year"] * (0.4 if i and tags[i - 1] in "(,#c" else 1.0))
    if (
        (word[0].isdigit() and word[-1].isalpha())
        or word.endswith(("st", "nd", "rd", "th", "0s"))
        or word in ("one", "dozen")
        or (i and tags[i - 1] in 'mP#$HO"N')
    ):
        return None
    if j < len(low) and low[j] in UNITS:
        if tags[j + 1 : j + 2] in tuple("NSJPGr") or (j + 1 < len(low) and low[j + 1] in _RELATIVE):
            return None  # "80 m hurdles", "six minutes later"
        return Target(i, j + 1, "measure", low[j], _WEIGHTS["measure"])
    k = j
    while k < len(tags) and k - j < 3 and tags[k] in "JNGn" and low[k] not in ("more", "other", "such"):
        k += 1
    if tags[k : k + 1] == "S" and low[k] not in VAGUE:
        return Target(i, j, "count", s.between(j, k + 1).lower() if "P" not in tags[j:k] else low[k], _WEIGHTS["count"])
    return None


def _cut(s: Sentence, i: int, j: int, kind: str) -> bool:
    """Whether the span is a part of a longer name, word, list or bracket, so that people would answer otherwise."""
    tags = s.tags
    if not 0 < j - i <= 8:
        return True
    after, before = tags[j : j + 1], tags[i - 1] if i else "."
    titled = kind == "person" and i > 0 and s.between(i - 1, i) in TITLES
    if kind in ("date", "year") and _opens(tags, i, j):
        return False
    if kind in _NAMES and after in tuple('NSPHLOG"'):
        return True
    if kind in _NAMES and not titled and before in ("HP'" if kind == "person" else "PHLOX\"'"):
        return True
    if kind in _NAMES and kind != "person" and after == "'":
        return True
    if kind in ("person", "name", "place", "which") and (_capital(s, i - 1, True) or _capital(s, j, False)):
        return True
    if s.text[: s.spans[i][0]][-1:] in _GLUE or s.text[s.spans[j - 1][1] :][:1] in _GLUE:
        return True
    if kind in ("person", "name", "noun", "quote") and _one_of_several(tags, i, j, kind):
        return True
    if kind in ("place", "which") and (
        _listed(tags, i, j) or (after == "c" and _letter(tags, j + 1) == "L") or before == "c"
    ):
        return True
    if kind in ("year", "date") and _in_range(s, i, j):
        return True
    answer = s.between(i, j)
    return len(answer) < 2 or any(sign in answer for sign in "“”;()\\")


def _opens(tags: str, i: int, j: int) -> bool:
    """Whether a date stands before its clause: "In 1884 John Houlding built ...", not "the 1948 Olympics"."""
    return i == 1 and tags[0] == "I" and tags[j : j + 1] in tuple("PHLO,") and tags[j : j + 2] != ",#"


def _one_of_several(tags: str, i: int, j: int, kind: str) -> bool:
    """Whether others of its kind stand beside it, so that nothing singles it out."""
    same = "HP" if kind == "person" else "NS" if kind == "noun" else 'HPO"'
    right = j + (tags[j : j + 1] == '"')
    if tags[right : right + 1] in ("c", ",") and _letter(tags, right + 1) in same:
        return True
    left = i - 1 - (i > 0 and tags[i - 1] == '"')
    return left > 0 and tags[left] in "c," and tags[left - 1] in same


def _in_range(s: Sentence, i: int, j: int) -> bool:
    """Whether a date is one end of "from 1914 to 1918", or one of several."""
    tags = s.tags
    if tags[j : j + 2] == ",#" or (i > 1 and tags[i - 2 : i] == "#,"):
        return True
    if j < len(tags) and tags[j + 1 : j + 2] in ("m", "#") and (s.low[j] in _TO or tags[j] == "c"):
        return True
    return i > 1 and tags[i - 2] in "m#" and (s.low[i - 1] in _TO or tags[i - 1] == "c")


def _capital(s: Sentence, k: int, before: bool) -> bool:
    """Whether word k, beside a name, is written with a capital and so perhaps a part of it."""
    if not 0 <= k < len(s.spans) or s.tags[k] in ",;().c":
        return False
    word = s.between(k, k + 1)
    if before and (k == 0 or word in TITLES):
        return k == 0 and s.tags[0] in "JPHLOx" and word[:1].isupper()
    return word[:1].isupper()


def _listed(tags: str, i: int, j: int) -> bool:
    """Whether a place is one of several side by side; "in Durban, South Africa" is one place and the larger one."""
    left = i > 1 and tags[i - 1] == "," and tags[i - 2] in "LP"
    right = tags[j : j + 2] in (",L", ",P", ",c")
    if left and right:
        return True
    if left:
        k = i - 2
        while k > 0 and tags[k] in "LP":
            k -= 1
        return tags[k] != "I"
    return right and tags[i - 1 : i] != "I"


def _letter(tags: str, k: int) -> str:
    """The first letter from k on that is no article, adjective or joining word."""
    while k < len(tags) and tags[k] in "dcJX":
        k += 1
    return tags[k] if k < len(tags) else "."


def asking_words(rng: random.Random, one: Target) -> str:
    """What asks for the target, in small letters: "who", "which city", "how many teams"."""
    kind, noun = one.kind, one.noun
    if kind == "date" and one.noun == "month":
        return rng.choice(("when", "when", "when", "when", "what month", "in what month"))
    if kind == "date":
        return rng.choice(("when", "when", "when", "when", "what date", "on what date", "what day"))
    if kind == "year":
        return rng.choice(("when", "when", "when", "what year", "in what year", "what year", "which year"))
    if kind == "count":
        return "how many " + noun
    if kind == "measure":
        return rng.choice(UNITS[noun])
    if kind == "money":
        return rng.choice(("how much", "how much", "how much money", "what price", "what amount"))
    if kind == "share":
        return rng.choice(("what percentage", "what percent", "how much", "what percentage", "how many"))
    which = rng.choice(("what ", "which ", "what ")) + noun
    if kind == "person":
        return which if noun and rng.random() < 0.25 else "who" if rng.random() < 0.97 else "what person"
    if kind == "which":
        return which if rng.random() < 0.9 else "what is the name of the " + noun
    if kind == "place":
        if noun and rng.random() < 0.5:
            return which
        return rng.choice(("where", "where", "where", "where", "what place", "what location", "which place"))
    if kind == "noun":
        return {"person": "who", "place": "where"}.get(noun, "what")
    if noun and rng.random() < 0.65:
        return which if rng.random() < 0.75 else f"what is the name of the {noun}"
    return "what"
