"""Does a text decline to answer? English patterns, sentence by sentence; no model, and no view of the question.

A refusal says that the source lacks the answer ("the text does not mention ...", "not specified", "no information") or
that the speaker cannot give it. A denial ("The company did not pay dividends", "No mission was assigned") is weaker: it
answers some questions and declines others, so it is reported apart. Irony, other languages and refusals told only
through a story are not recognised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.score.offline_text import plain, sentences

_AUX = r"(?:do|does|did|is|are|was|were|has|have|had|can|could|will|would|ca|may)"
_NOT = rf"\b{_AUX}(?:n't|\s+not|\s+never)"
_ADVERBS = (
    r"(?:\s+(?:\w+ly|ever|yet|any|been|being|be|clear|enough|further|in|detail|anywhere|at|all|an?|the|both)){0,3}"
)
_SOURCE = (
    r"\b(?:texts?|passages?|papers?(?:\s*\d+)?|documents?|contexts?|chunks?|excerpts?|snippets?|segments?|sections?|"
    r"chapters?|pages?|parts?|portions?|tables?|notes?|contents?|materials?|sources?|information|data|details?|"
    r"statements?|financials?|reports?|filings?|10-[KQ]|records?|surveys?|research(?:ers)?|stud(?:y|ies)|works?|articles?|"
    r"authors?|writers?|speakers?|narrators?|narratives?|books?|story|novel|play|poem|script|diary|letter|"
    r"discussions?|questions?|quer(?:y|ies))\b"
)
_TELL = (  # what a source may fail to do; stems
    r"(?:address|allude|analy[sz]|answer|articulat|assess|attribut|calculat|characteri[sz]|clarif|comment|compar|"
    r"consider|contain|convey|cover|deal|defin|delve|depict|describ|detail|determin|disclos|discuss|document|elaborat|"
    r"establish|estimat|evaluat|examin|explain|explor|express|find\b|focus|forecast|giv(?:e|ing)\b|have|highlight|hint|"
    r"identif|implement|includ|incorporat|indicat|introduc|investigat|involv|itemi[sz]e|list|measur|mention|"
    r"nam(?:e|ing)\b|narrat|note\b|offer|outlin|pertain|predict|present|project|propos|provid|publish|quantif|quot|"
    r"recommend|record|recount|refer|report|reveal|say|show|speak|specif|spell|stat(?:e|ing)\b|suggest|tell|touch|writ)"
)
_TOLD = (
    r"(?:addressed|answered|available|clarified|compared|covered|defined|described|detailed|determined|disclosed|"
    r"discussed|documented|elaborated|explained|explored|found|given|identified|included|indicated|listed|mentioned|named|"
    r"noted|outlined|presented|proposed|provided|quantified|recorded|referenced|referred|reported|revealed|said|"
    r"shown|specified|stated|suggested)\b"
)
_MATTER = (
    r"(?:accounts?|answers?|clues?|comparisons?|context|data|descriptions?|details?|disclosures?|discussion|evidence|"
    r"explanations?|forecasts?|guidance|indications?|information|mention|projections?|records?|references?|specifics?|"
    r"statement)\b"
)
_SETTLE = r"(?:answer|ascertain|calculat|compar|conclud|confirm|determin|identif|infer|locat|provid|verif)"
_REFUSES = re.compile(
    "|".join(
        [
            # The source does not tell.
            rf"{_SOURCE}[^.;:!?]{{0,80}}?{_NOT}{_ADVERBS}\s+{_TELL}",
            rf"{_SOURCE}[^.;:!?]{{0,60}}?\b(?:lacks?\b(?! of)|omits?|says? nothing|(?:give|mention|offer|provide)s? no|"
            rf"never {_TELL}|without (?:mention|specif|provid|detail))",
            rf"^(?:but |however,? |while |although )?(?:it|they|he|she|this|these|there)\s+{_NOT}{_ADVERBS}\s+"
            r"(?:address|detail|disclos|discuss|mention|outlin|provide|specif|state\b)",
            rf"{_NOT}{_ADVERBS}\s+(?:specif(?:y|ied)|disclosed?|elaborate)\b",
            rf"\bnothing (?:in|from|within) the\b[^.;:!?]{{0,40}}?\b{_TELL}",
            # It is not told.
            r"\b(?:not|never|n't|neither|nowhere)\s+(?:\w+ly\s+|been\s+|be\s+|yet\s+|being\s+){0,3}"
            rf"(?:{_TOLD}|present in|included in|known|answerable|apparent|evident|clear\b)",
            r"\b(?:no|none)(?:\s+[\w'-]+){0,14}?\s+(?:(?:is|are|was|were|has been|have been|being|can be|could be)\s+)?"
            rf"(?:\w+ly\s+)?{_TOLD}",
            rf"\bno\s+(?:\w+,?\s+){{0,4}}?{_MATTER}",
            r"\bnowhere\b[^.]{0,40}\b(?:mention|specif|stat|provid|said|say)",
            r"\b(?:unspecified|undisclosed|unstated|unmentioned|not applicable|n/a\b)",
            r"(?:^|\b(?:is|are|be|was|were|as|remains?)\s+)(?:unknown\b(?! to)|unanswerable)",
            rf"\b(?:insufficient|not enough|lack of|absence of|lacks?|missing)\s+(?:\w+\s+){{0,2}}{_MATTER}",
            # The speaker cannot tell.
            r"\b(?:i|we|one|you)\s+(?:do not|don't|did not|didn't)\s+(?:\w+ly\s+)?(?:find|know|have|see)\b",
            r"(?:^|\b(?:i|we|one|you)\s+)(?:can ?not|can't|could not|couldn't|am unable to|was unable to|are unable to|"
            rf"unable to)\s+(?:\w+ly\s+)?(?:{_SETTLE}|find|give|make a|offer|say|see|tell|comment)",
            rf"\b(?:can ?not|can't|could not|couldn't)\s+be\s+(?:\w+ly\s+)?(?:{_SETTLE}|found|given)",
            rf"\b(?:impossible|difficult|not possible|unable) to\s+(?:\w+ly\s+)?(?:{_SETTLE}|say\b|tell\b)",
            r"\b(?:unclear|not clear|uncertain)\b(?=[^.]{0,60}\b(?:from|based|in the|what|how|whether|if|which|who)\b)",
            r"^(?:i(?:'m| am) sorry|i apologi[sz]e|sorry|unfortunately,? (?:i|the|there|it))\b",
        ]
    ),
    re.IGNORECASE,
)
# "A failure that occurs when a question cannot be answered": what is told of is a refusal, not the telling.
_TOLD_OF = re.compile(r"\b(?:when|because|if|since|claims?|argues?|unless)\b", re.IGNORECASE)
_CLAUSE = re.compile(r";\s+|,\s+(?=(?:while|whereas|although|though|unlike)\b)|,?\s+(?=but\b)", re.IGNORECASE)
_DENIES = re.compile(
    rf"\b(?:no|none|nothing|nobody|never|neither|cannot|nowhere)\b|{_NOT}\b|\b(?:is|are|was|were) \w*n't\b",
    re.IGNORECASE,
)
# Nearly every sentence lacks all of these, and then neither refuses nor denies: the long patterns are not tried.
_CUE = re.compile(
    r"\b(?:no|not|none|never|nothing|nobody|neither|nowhere|cannot|unable|impossible|difficult|un(?:clear|certain|spec|"
    r"disc|answ|stat|ment|know|fort)\w*|lack\w*|omit\w*|insufficient|missing|absence|without|sorry|apologi\w+|n/a)\b|n't\b",
    re.IGNORECASE,
)
# A turn from the refusal to a guess or to something near what was asked.
_TURN = re.compile(
    r"\b(?:however|but|nevertheless|although|though|instead|inferred|likely|suggests?|implie[sd]|implies|based on|"
    r"presumably|appears to|seems? to|probably|possibly|(?-i:may)|might|could|indirectly|we can)\b",
    re.IGNORECASE,
)
# Talk about the source or the reader rather than a claim.
_META = re.compile(
    r"\b(?:focus(?:es|ed)?|primarily|mainly|only (?:mention|discuss|provide|include|focus|state|refer)|instead|please|"
    r"if you|(?:more|further|additional) (?:information|context|details?)|would (?:need|be necessary)|let me know|"
    r"happy to|discuss(?:es)?|centers? (?:on|around)|rather than)\b",
    re.IGNORECASE,
)
_HEDGE = re.compile(r"\b(?:explicit|specific|direct)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Where and how far an answer declines; one entry per sentence, or part of one set off by a contrast.

    refuses, denies: disjoint; turns: to a guess or a substitute; meta: about the source or the reader; words: counts;
    hedged: what is refused is something explicit, specific or direct; kept: the parts that do not refuse.
    """

    refuses: tuple[bool, ...]
    denies: tuple[bool, ...]
    turns: tuple[bool, ...]
    meta: tuple[bool, ...]
    words: tuple[int, ...]
    hedged: bool
    kept: str

    @property
    def any(self) -> bool:
        """Some part says that the answer is not to be had."""
        return any(self.refuses)

    @property
    def first(self) -> bool:
        """The answer opens by refusing."""
        return bool(self.refuses) and self.refuses[0]

    @property
    def share(self) -> float:
        """Share of the words that stand in refusing parts."""
        return sum(w for w, r in zip(self.words, self.refuses, strict=True) if r) / max(1, sum(self.words))

    @property
    def rest(self) -> int:
        """Words in parts that do not refuse."""
        return sum(w for w, r in zip(self.words, self.refuses, strict=True) if not r)

    @property
    def claims(self) -> int:
        """Words in parts that neither refuse nor merely talk about the source."""
        flags = zip(self.words, self.refuses, self.meta, strict=True)
        return sum(w for w, refuses, meta in flags if not (refuses or meta))

    @property
    def turning(self) -> float:
        """Share of the words in non-refusing parts that turn to a guess or a substitute."""
        flags = zip(self.words, self.refuses, self.turns, strict=True)
        return sum(w for w, refuses, turns in flags if turns and not refuses) / max(1, sum(self.words))


def refusal(text: str) -> Refusal:
    """The refusal profile of a `plain` text; an empty one has no parts."""
    parts = [p for s in sentences(text) for p in _CLAUSE.split(s) if p]
    cue = [bool(_CUE.search(p)) for p in parts]
    refuses = tuple(c and _refuses(p) for p, c in zip(parts, cue, strict=True))
    some = any(refuses)
    return Refusal(
        refuses,
        tuple(c and not r and bool(_DENIES.search(p)) for p, c, r in zip(parts, cue, refuses, strict=True)),
        tuple(some and bool(_TURN.search(p)) for p in parts),
        tuple(some and bool(_META.search(p)) for p in parts),
        tuple(len(p.split()) for p in parts),
        any(r and bool(_HEDGE.search(p)) for p, r in zip(parts, refuses, strict=True)),
        " ".join(p for p, r in zip(parts, refuses, strict=True) if not r),
    )


def _refuses(part: str) -> bool:
    return any(not _TOLD_OF.search(part, 0, m.start()) for m in _REFUSES.finditer(part))


def declines(answer: str) -> bool:
    """Whether the text declines to answer: it opens by refusing and then offers little, or refuses throughout."""
    profile = refusal(plain(answer))
    return (profile.first and profile.claims <= 25) or profile.share >= 0.7
