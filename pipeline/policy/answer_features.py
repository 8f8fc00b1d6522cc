"""Features of an answer that need no index: how it is worded, beside its question.

Cues are English. It does not know whether the answer stands in the documents (`retrievers.probe_answer`), nor by which
rule an answer counts as declined.
"""

from __future__ import annotations

import math
import re

from pipeline.policy.lexicon import NUMBER, STOP_WORDS, content, stemmed, words

_TOLD = (
    r"(?:mention\w*|provid\w*|specif\w*|state\w*|discuss\w*|contain\w*|includ\w*|available|given|found|"
    r"address\w*{more})"
)
_NOT_TOLD = rf"not (?:explicitly |directly |specifically )?{_TOLD}"
_NOTHING = r"no (?:mention|information|specific|direct|explicit)"
_DENIAL = re.compile(
    rf"\b(?:{_NOT_TOLD.format(more='')}|{_NOTHING}|cannot|unable|insufficient)\b",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    rf"\b(?:{_NOT_TOLD.format(more='|clear')}|{_NOTHING}|does(?:n't| not)|do(?:n't| not)|cannot|can't|unable|unclear|"
    r"insufficient|without (?:more|further)|however|although|likely|may|might|appears?|seems?|suggests?|possibly|"
    r"probably|based on the (?:provided|given|available|context|text))\b",
    re.IGNORECASE,
)
_OPENING = 150
"""Characters in which a denial counts as the answer's opening."""
_SENTENCE = re.compile(r"[.!?](?:\s|$)")
_ITEM = re.compile(r"^[^\S\n]*(?:[-*•]|\d+\.)\s", re.MULTILINE)
_CAPITAL = re.compile(r"(?<!^)(?<![.!?]\s)\b[A-Z]\w+")
_SOURCE = re.compile(r"chunk|context|passage|provided|document|text", re.IGNORECASE)
_CALCULATION = re.compile(r"[=×÷+/]|\btherefore\b|\bcalculat", re.IGNORECASE)


def answer_features(question: str, answer: str, *, declined: bool) -> dict[str, float]:
    """The features `answer.` that follow from the two texts. declined: whether the answer declines to answer."""
    found = words(answer)
    asked = set(stemmed(words(question)))
    said = list(dict.fromkeys(content(stemmed(found))))
    said_set = set(said)
    wanted = [term for term in asked if term not in STOP_WORDS]
    figures = NUMBER.findall(answer)
    hedges = len(_HEDGE.findall(answer))
    value: dict[str, float] = {
        "declined": declined,
        "words": len(found),
        "log_characters": math.log1p(len(answer)),
        "length_ratio": math.log1p(len(answer)) - math.log1p(len(question)),
        "hedges": hedges,
        "hedge_rate": hedges / max(1, len(found)),
        "denials": len(_DENIAL.findall(answer)),
        "denies_first": _DENIAL.search(answer[:_OPENING]) is not None,
        "says_no": bool(found) and found[0] == "no",
        "numbers": len(figures),
        "number_rate": len(figures) / max(1, len(found)),
        "new_numbers": len(set(figures) - set(NUMBER.findall(question))),
        "echo": sum(term in asked for term in said) / max(1, len(said)),
        "question_coverage": sum(term in said_set for term in wanted) / max(1, len(wanted)),
        "new_terms": sum(term not in asked for term in said),
        "sentences": len(_SENTENCE.findall(answer)),
        "list_items": len(_ITEM.findall(answer)),
        "capitals": len(_CAPITAL.findall(answer)),
        "percent_and_money": answer.count("%") + answer.count("$"),
        "names_source": len(_SOURCE.findall(answer)),
        "brackets": answer.count("("),
        "bold": answer.count("**"),
        "lines": answer.count("\n"),
        "calculation": len(_CALCULATION.findall(answer)),
    }
    return {f"answer.{name}": float(x) for name, x in value.items()}
