"""Every prompt, each as one function. Document first, question last, so that a shared prefix is computed once.

All routes share one shape and one instruction; what differs is the context. The instruction permits declining in so
many words, which is what Self-Route (Li et al. 2024, "Retrieval Augmented Generation or Long-Context LLMs?", arXiv
2407.16833) adds to RAG's prompt; giving it to every route keeps the comparison fair.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from pipeline.core.records import Part, Prompt

DECLINE = "unanswerable"
Position = Literal["last", "first", "both"]

# One object each: a part computes its digest once, and stands in thousands of prompts.
_INSTRUCTION = Part(
    "instruction",
    "Answer the question from the text. Answer as briefly as possible, without explanation. "
    f"If the text does not hold the answer, answer: {DECLINE}.\n\n",
)
_CLOSED = Part(
    "instruction",
    "Answer the question. Answer as briefly as possible, without explanation. "
    f"If you do not know, answer: {DECLINE}.\n\n",
)
_LINE, _GAP, _ANSWER = Part("instruction", "\n"), Part("instruction", "\n\n"), Part("answer", "Answer:")


def answer_from(context: Sequence[Part], question: str, *, position: Position = "last") -> Prompt:
    """The question about a context: instruction, the context's parts in order, and the question, once or twice.

    position: where the question stands; `both` repeats it (question position is a factor of the comparison).
    """
    ask = _asked(question)
    head = (ask, _LINE) if position in ("first", "both") else ()
    tail = (_GAP, ask) if position in ("last", "both") else (_GAP,)
    return Prompt((_INSTRUCTION, *head, *context, *tail, _ANSWER))


def answer_alone(question: str) -> Prompt:
    """The question without any context, the closed-book control."""
    return Prompt((_CLOSED, _asked(question), _ANSWER))


@lru_cache(maxsize=65536)
def _asked(question: str) -> Part:
    return Part("question", f"Question: {question}\n")


def labelled(number: int, title: str, section: str) -> Part:
    """The label over a passage: its rank in the prompt, its document and its section, as far as they are known."""
    words = " — ".join(w for w in (title, section) if w)
    return Part("label", f"[{number}] {words}\n" if words else f"[{number}]\n")


def gap() -> Part:
    """White space between two passages or documents."""
    return Part("label", "\n\n")


# -- calls before the answer ------------------------------------------------------------------------------------------

_RANKING, _REASON, _SUMMARY, _TRIPLES, _OUTLINE = (
    Part("answer", f"{word}:") for word in ("Ranking", "Reason", "Summary", "Triples", "Outline")
)
_HELP = Part("instruction", "Below are passages and a question.\n\n")
_SENTENCES = Part("instruction", "Below are the sentences of a text, each under its number in square brackets.\n\n")
_OUTLINED = Part(
    "instruction",
    "Write an outline of the text: one line for each aspect that it treats, with a short name, a bar and the numbers "
    "of its sentences, such as: History of the harbour | 1-4, 9. An aspect of many sentences may have lines below it "
    "that begin with a dash and divide its sentences. Every sentence belongs to one aspect. Write nothing else.\n",
)
_RANK = Part("instruction", "Below are passages, each with its identifier in square brackets, and a question.\n\n")
_RANKED = Part(
    "instruction",
    "Rank the passages by how much they help to answer the question, the most helpful first. Name every identifier "
    "once, in the form [2] > [1] > [3], and write nothing else.\n",
)
_PICKED = Part(
    "instruction",
    "Choose the smallest set of passages that is enough to answer the question. First say in one or two sentences, "
    "after 'Reason:', what the question needs and which passages hold it. Then write one line that begins with "
    "'Passages:' and names their identifiers, such as Passages: [2] [5]. Choose none that only repeats another.\n",
)


def rank_passages(passages: Sequence[Part], question: str) -> Prompt:
    """Asks for all passages' numbers in order of relevance, "[2] > [1] > ...".

    Sun et al. 2023, "Is ChatGPT Good at Search?", arXiv 2304.09542 (permutation generation). It must hold the
    passages under their numbers, the question, the form of the answer, and the demand that none is left out.
    """
    return Prompt((_RANK, *passages, _GAP, _asked(question), _RANKED, _RANKING))


def pick_passages(passages: Sequence[Part], question: str) -> Prompt:
    """Asks for a rationale and the numbers of the smallest sufficient set of passages.

    Zhu et al. 2025, "Context-Picker", arXiv 2512.14465. It must hold the passages under their numbers, the question, a
    rationale before the choice, and the demand for sufficiency and against repetition.
    """
    return Prompt((_RANK, *passages, _GAP, _asked(question), _PICKED, _REASON))


@lru_cache(maxsize=64)
def _to_summarise(words: int) -> Part:
    return Part(
        "instruction",
        "Summarise the passages for somebody who will not see them and will be asked about them. Keep names, numbers, "
        "dates and what is said of each, and which document says it, where that is known. Write at most "
        f"{words} words, without introduction.\n\n",
    )


def summarise_passages(passages: Sequence[Part], words: int) -> Prompt:
    """Asks for a summary of at most so many words. It holds no question, so that all questions share its answer.

    Akesson and Santos 2024, "Clustered Retrieved Augmented Generation", arXiv 2406.00029; Sarthi et al. 2024, "RAPTOR",
    arXiv 2401.18059, whose summaries are to keep as many details as possible.
    """
    return Prompt((_to_summarise(words), *passages, _GAP, _SUMMARY))


NOTHING = "none"


@lru_cache(maxsize=64)
def _to_summarise_for(words: int) -> Part:
    return Part(
        "instruction",
        f"Write down, in at most {words} words, what the passages say that helps to answer the question: names, "
        "numbers, dates and what is said of each, as the passages have it. Do not answer the question, and write no "
        f"introduction. If nothing in them helps, write: {NOTHING}.\n",
    )


def summarise_for(passages: Sequence[Part], question: str, words: int) -> Prompt:
    """Asks for what helps to answer the question, in at most so many words, or for the word `none`.

    Xu et al. 2023, "RECOMP", arXiv 2310.04408. It must hold the question and the passages, and permit an empty summary
    (selective augmentation).
    """
    return Prompt((_HELP, *passages, _GAP, _asked(question), _to_summarise_for(words), _SUMMARY))


def outline_sentences(sentences: Sequence[Part]) -> Prompt:
    """Asks for an outline of numbered sentences, as names of aspects and ranges of sentences.

    Liu et al. 2024, "Enhancing LLM's Cognition via Structurization", arXiv 2407.16434. It must ask that every sentence
    stands in one aspect, and for names and numbers alone, so that nothing is written anew. It holds no question.
    """
    parts: list[Part] = []
    for number, part in enumerate(sentences, start=1):
        parts += [labelled(number, "", ""), part, _LINE]
    return Prompt((_SENTENCES, *parts, _GAP, _OUTLINED, _OUTLINE))


_STATE = Part(
    "instruction",
    "Write down the facts that the passage states, as triples of subject, relation and object. Subject and object are "
    "people, places, organisations, works, dates, numbers or other things, by the fullest name that the passage or its "
    "heading gives them, as it is spelled there, and never by a pronoun. At least one of the two has a name of its "
    "own. The relation is a few words. State nothing that the passage does not say. Answer with a JSON list that holds "
    "a list of three texts for each triple, and with nothing else; with [] if there are no facts.\n\n",
)


def state_triples(passage: Sequence[Part]) -> Prompt:
    """Asks for the facts of one passage as a JSON list of triples. It holds no question, so that all share its answer.

    Gutiérrez et al. 2024, "HippoRAG", arXiv 2405.14831 (open information extraction). It must ask for JSON, for triples
    that hold at least one named entity, and for names in place of pronouns. HippoRAG asks for the entities in a call
    before it and shows an example; here one call does both, and its instruction says what an entity is.
    """
    return Prompt((_STATE, *passage, _GAP, _TRIPLES))
