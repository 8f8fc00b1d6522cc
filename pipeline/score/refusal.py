"""Does a text decline to answer? English patterns, sentence by sentence; no model, and no view of the question.

A refusal says that the source lacks the answer ("the text does not mention ...", "not specified", "no information") or
that the speaker cannot give it. A denial ("The company did not pay dividends", "No mission was assigned") is weaker: it
answers some questions and declines others, so it is reported apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.score.offline_text import plain, sentences

_NOT = r"(?:n't|\s+not|\s+never)"
_AUX = r"(?:do|does|did|is|are|was|were|has|have|had|can|could|will|would|ca|may)"
_ADV = r"(?:\s+(?:\w+ly|ever|yet|actually|any|been|being|clear|enough|further|be|in|detail|anywhere|at|all|a|an|the|both)){0,3}"
_TELL = (
    r"(?:mention|provid|discuss|specif|address|propos|explor|compar|describ|suggest|detail|examin|outlin|disclos|list|"
    r"cover|includ|present|stat(?:e|ed|es|ing)\b|contain|explain|giv(?:e|en|es|ing)\b|indicat|offer|report|refer|"
    r"elaborat|reveal|identif|clarif|nam(?:e|ed|es|ing)\b|delve|note[ds]?\b|highlight|touch|say|said|answer|defin|"
    r"quantif|evaluat|investigat|analy[sz]|assess|consider|focus|find\b|found|show|document|express|convey|comment|"
    r"record|record|depict|narrat|characteri[sz]|break|itemi[sz]e|project|known|clear|available|made|spell|present|tell|told|recount|introduc|exist|appear|involv|implement|measur|evident|determin|relat|link|connect|speak|have|allude|hint|attribut|articulat|deal|incorporat|publish|writ|quot|forecast|estimat|predict|incorporate|attempt|pertain|draw|establish|set|use|calculat|recommend|design|develop|look|appl|support|claim|argu|studi|study|test|directly|explicit|specific)"
)
_SOURCE = (
    r"(?:texts?|passages?|papers?(?:\s*\d+)?|documents?|contexts?|chunks?|excerpts?|statements?|reports?|filings?|books?|"
    r"story|novel|authors?|sections?|information|data|contents?|materials?|sources?|narrative|articles?|stud(?:y|ies)|"
    r"snippets?|details?|financials?|10-[KQ]|narrator|play|writer|speaker|research(?:ers)?|work|survey|tables?|notes?|"
    r"pages?|portions?|parts?|segments?|quer(?:y|ies)|questions?|chapters?|discussion|diary|letter|poem|script|record)"
)
_PATTERNS = [
    # The source does not tell.
    rf"\b{_SOURCE}\b[^.;!?]{{0,80}}?\b{_AUX}{_NOT}{_ADV}\s+{_TELL}",
    rf"\b{_SOURCE}\b[^.;!?]{{0,60}}?\b(?:lacks?|omits?|makes? no|gives? no|provides? no|contains? no|offers? no|"
    r"says? nothing|mentions? no|includes? no|has no|have no|without (?:mention|specif|provid|detail))",
    rf"^(?:but |however,? |while |although )?(?:it|they|he|she|this|these|there)\s+{_AUX}{_NOT}{_ADV}\s+"
    r"(?:explicitly |specifically |directly )?(?:mention|discuss|specif|provide|address|disclos|detail|outlin|state\b)",
    # It is not told.
    r"\b(?:not|never|n't|neither|nowhere)\s+(?:\w+ly\s+|been\s+|be\s+|yet\s+|being\s+|clearly\s+){0,3}"
    r"(?:mentioned|provided|specified|discussed|addressed|described|detailed|outlined|disclosed|listed|covered|"
    r"included in|stated|contained|explained|given|indicated|reported|referenced|elaborated|revealed|identified|"
    r"clarified|named|noted|available|present in|known|found in|found|defined|quantified|answerable|clear\b|apparent|"
    r"evident|explored|compared|proposed|presented|shown in|said|referred|answered|determined|documented|recorded)",
    r"\b(?:no|none)(?:\s+[\w'-]+){0,14}?\s+(?:(?:is|are|was|were|has been|have been|being|can be|could be)\s+)?(?:\w+ly\s+)?"
    r"(?:mentioned|provided|specified|discussed|addressed|described|detailed|outlined|disclosed|listed|stated|given|"
    r"indicated|reported|available|found|identified|suggested|proposed|included|presented|noted|explored|named)\b",
    r"\bno(?:\s+(?:\w+,?\s+){0,4}?|\s+)(?:mention|information|details?|data|references?|indication|evidence|discussion|"
    r"record|explanation|description|answer|comparison|specifics?|statement|projections?|context|disclosures?|"
    r"forecasts?|guidance|clue|account)\b",
    r"\bnowhere\b[^.]{0,40}\b(?:mention|specif|stat|provid|said|say)",
    r"\b(?:unspecified|undisclosed|unanswerable|unstated|unmentioned|unknown\b(?! to)|not applicable|n/a\b)",
    r"\b(?:insufficient|not enough|lack of|absence of|lacks?|missing)\s+(?:\w+\s+){0,2}"
    r"(?:information|details?|data|context|mention|evidence|reference)",
    # The speaker cannot tell.
    r"\b(?:i|we|one|you|it)\s+(?:can ?not|can't|could not|couldn't|am unable to|was unable to|are unable to|do not|don't|did not|didn't)"
    r"\s+(?:\w+ly\s+)?(?:find|answer|determine|provide|locate|identify|say|know|have|see|give|tell|offer|be (?:determined|"
    r"answered|found|directly|inferred|identified|accurately|calculated))",
    r"\b(?:can ?not|can't|could not|couldn't|unable to|impossible to|not possible to|difficult to)\s+(?:be\s+)?(?:\w+ly\s+)?"
    r"(?:answer|determin|provid|identif|infer|calculat|ascertain|found\b|find\b|say\b|make a|comment|compar|conclud)",
    r"\b(?:unclear|not clear|uncertain)\b(?=[^.]{0,60}\b(?:from|based|in the|what|how|whether|if|which|who)\b)",
    r"^(?:i(?:'m| am) sorry|i apologi[sz]e|sorry|unfortunately,? (?:i|the|there|it))",
]
_REFUSES = re.compile("|".join(f"(?:{p})" for p in _PATTERNS), re.IGNORECASE)
_DENIES = re.compile(
    rf"(?:^(?:no|none|nothing|nobody|never|neither)\b|\b(?:no|none|nothing|nobody|never|neither|cannot|nowhere)\b|\b{_AUX}{_NOT}\b)",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"\b(?:however|but|nevertheless|although|though|instead|it can be inferred|inferred|likely|suggests?|implies|implied|"
    r"based on|presumably|appears to|seems? to|probably|possibly|may|might|could|indirectly|we can)\b",
    re.IGNORECASE,
)
_META = re.compile(
    r"\b(?:focus(?:es|ed)?|primarily|mainly|only (?:mention|discuss|provide|include|focus|state|refer)|instead|please|if you|"
    r"more (?:information|context|details?)|further (?:information|context|details?)|additional (?:information|context|details?)|"
    r"would (?:need|be necessary)|let me know|happy to|discuss(?:es)?|centers? (?:on|around)|rather than)\b",
    re.IGNORECASE,
)


# Nearly every sentence lacks all of these, and then neither refuses nor denies: the long patterns are not tried.
_CUE = re.compile(
    r"\b(?:no|not|none|never|nothing|nobody|neither|nor|nowhere|cannot|unable|impossible|difficult|un(?:clear|certain|spec|"
    r"disc|answ|stat|ment|know|fort)\w*|lack\w*|omit\w*|insufficient|missing|absence|without|sorry|apologi\w+|n/a)\b|n't\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Where and how far an answer declines. `refuses`, `denies`: one flag per sentence; `meta`: sentence is no claim."""

    refuses: tuple[bool, ...]
    denies: tuple[bool, ...]
    turns: tuple[bool, ...]
    meta: tuple[bool, ...]
    words: tuple[int, ...]

    @property
    def any(self) -> bool:
        """Some sentence says that the answer is not to be had."""
        return any(self.refuses)

    @property
    def first(self) -> bool:
        """The answer opens by refusing."""
        return bool(self.refuses) and self.refuses[0]

    @property
    def share(self) -> float:
        """Share of the words that stand in refusing sentences."""
        return sum(w for w, r in zip(self.words, self.refuses, strict=True) if r) / max(1, sum(self.words))

    @property
    def claims(self) -> int:
        """Words in sentences that neither refuse nor describe what the source is about instead."""
        flags = zip(self.words, self.refuses, self.meta, strict=True)
        return sum(w for w, refuses, meta in flags if not (refuses or meta))


def refusal(answer: str) -> Refusal:
    """The refusal profile of an answer; an empty answer has no sentences."""
    parts = sentences(plain(answer))
    cue = [bool(_CUE.search(s)) for s in parts]
    refuses = tuple(c and bool(_REFUSES.search(s)) for s, c in zip(parts, cue, strict=True))
    return Refusal(
        refuses,
        tuple(c and bool(_DENIES.search(s)) for s, c in zip(parts, cue, strict=True)),
        tuple(bool(any(refuses) and _TURN.search(s)) for s in parts),
        tuple(bool(any(refuses) and _META.search(s)) for s in parts),
        tuple(len(s.split()) for s in parts),
    )


def declines(answer: str) -> bool:
    """Whether the text declines to answer: it opens by refusing and then offers little, or refuses throughout."""
    profile = refusal(answer)
    if not profile.any:
        return False
    return (profile.refuses[0] and profile.claims <= 25) or profile.share >= 0.7
