"""The spellings of an entity: what they share, numbers, acronyms and what they stand for, English function words.

It does not know where entities stand in a text (`entities.py`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_EDGE = re.compile(r"^[\W_]+|[\W_]+$")
_SPACES = re.compile(r"[\s_]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_ACCENTS = re.compile("(?<=[\u0000-\u02ff\u0370-\u03ff])[\u0300-\u036f]+")  # of Latin and Greek; "й" is no accent
_INITIALS = re.compile(r"(?:\w\.)+\w?")
_BREAKS = re.compile(r"[\s\-]+")

FUNCTION_WORDS = frozenset(
    (
        "a about above across after again against all almost alone along already also although always am among an and "
        "another any anybody anyone anything are aren't around as ask asked at away back be became because become been "
        "before began behind being below beside besides between both but by call called came can can't cannot come "
        "could couldn't did didn't do does doesn't doing don't done down due during each either else ended enough etc "
        "ever every everyone everything except far few first for former formerly found from further gave get give "
        "given go goes going got had has have having he he'd he'll he's hence her here hers herself him himself his "
        "how however i i'd i'll i'm i've if in including indeed instead into is isn't it it's its itself just kept "
        "know known last later latter least less let like likely located made mainly make many may me might mine more "
        "moreover most mostly much must my myself named namely near nearly neither never nevertheless next no nobody "
        "none nor not nothing now of off often on once one only onto or other others otherwise our ours ourselves out "
        "over own part per perhaps please put quite rather really said same say says second see seem seemed seems "
        "several shall she she's should shouldn't since so some someone something sometimes still such take taken tell "
        "than that that's the their theirs them themselves then thence there thereafter thereby therefore these they "
        "they'd they'll they're they've third this those though three through throughout thus to together told too "
        "took toward towards two under unless unlike until up upon us use used using usually various very via was "
        "wasn't we we'd we'll we're we've well went were weren't what when whence whenever where whereas whereby "
        "wherein wherever whether which while who whoever whole whom whose why will with within without won't would "
        "wouldn't yes yet you you'd you'll you're you've your yours yourself"
    ).split(" ")
)
"""English words that are no entity by themselves, nor the first or last word of one."""


@lru_cache(maxsize=65536)
def normalise(text: str) -> str:
    """What the spellings of an entity share: lower case, no accents, possessive or leading article, a singular.

    "The Smiths' " -> "smith", "Akinoshū Kenji" -> "akinoshu kenji", "U.S." -> "us", "Côte d’Ivoire" -> "cote d'ivoire".
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = _ACCENTS.sub("", text).replace("’", "'").replace("–", "-")
        text = unicodedata.normalize("NFC", text)
    text = _SPACES.sub(" ", text).strip().lower()
    if "." in text and _INITIALS.fullmatch(text):
        text = text.replace(".", "")
    text = _EDGE.sub("", text)
    text = text.removesuffix("'s")
    for article in ("the ", "a ", "an "):
        text = text.removeprefix(article)
    head, space, last = text.rpartition(" ")
    return head + space + singular(last)


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """A light plural rule (Harman's S-stemmer, JASIS 42, 1991): "cities" -> "city", "courts" -> "court"."""
    word = word.removesuffix("'s")
    if len(word) > 4 and word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("es") and word[-3] in "aeo":
        return word
    if len(word) > 3 and word.endswith("s") and word[-2] not in "ius":
        return word[:-1]
    return word


def number_key(text: str) -> str:
    """Numbers without thousands separators, dates in lower case without commas: "1,204" -> "1204"."""
    plain = _THOUSANDS.sub("", text if text.isascii() else unicodedata.normalize("NFKC", text))
    return _SPACES.sub(" ", plain.replace(",", " ")).strip(" .").lower()


def is_acronym(word: str) -> bool:
    """Two to eight characters, all capitals or digits, at least two of them letters."""
    return 2 <= len(word) <= 8 and word.isalnum() and word.isupper() and sum(c.isalpha() for c in word) > 1


def fits(acronym: str, expansion: str) -> bool:
    """Whether an acronym's letters are the initials of a name's words, in order; small words may be skipped."""
    letters = acronym.replace(".", "").lower()
    initials = [w[0].lower() for w in _BREAKS.split(expansion) if w and w[0].isalnum()]
    big = [w[0].lower() for w in _BREAKS.split(expansion) if w and w[0].isupper()]
    return len(letters) > 1 and letters in ("".join(initials), "".join(big))
