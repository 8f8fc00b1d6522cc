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
