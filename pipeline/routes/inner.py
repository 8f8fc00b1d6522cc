"""Calls that a route makes before its answer: their sampling, what fits the reader's window, what is told of them.

It does not know what such a call is for.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import lru_cache

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, Span
from pipeline.core.tokens import Tokenizer
from pipeline.generators.base import Completion, Sampling
from pipeline.routes.base import MARGIN, Ask, Case, Cut, Reply, context_size, tokens_of

_LEAST = 16  # tokens of a passage; of fewer nobody can judge what it says


def noted(reply: Reply, notes: Sequence[str]) -> Reply:
    """The reply, with the notes before its own."""
    return replace(reply, notes=(*notes, *reply.notes))


def ended(case: Case, completion: Completion, prompt: Prompt, notes: Sequence[str] = ()) -> Reply:
    """The reply of a route that a failed call ends."""
    tokenizer = case.reader.tokenizer
    cut = Cut(context_size(case.documents, tokenizer), tokens_of(prompt.parts, tokenizer))
    return noted(Reply(completion, prompt, cut), notes)


def inner(sampling: Sampling, max_tokens: int) -> Sampling:
    """The answer's sampling with another length; without its stop texts, which may cut several lines to one."""
    return replace(sampling, max_tokens=max_tokens, stop=())


def asked_together(
    prompts: Sequence[Prompt], sampling: Sampling, max_tokens: int
) -> Generator[
    tuple[Ask, ...], tuple[Completion, ...], tuple[tuple[Completion, ...], tuple[Completion, Prompt] | None]
]:
    """Calls that do not wait for one another: their completions, and the first that is not usable, with its prompt."""
    done = yield tuple(Ask(prompt, inner(sampling, max_tokens)) for prompt in prompts)
    return done, next(((c, prompt) for c, prompt in zip(done, prompts, strict=True) if not usable(c)), None)


def usable(completion: Completion) -> bool:
    """Whether a text came back; one that reached its length is short of an end, and still a text."""
    return completion.status == "ok" or (completion.finish == "length" and bool(completion.text.strip()))


def room(case: Case, bare: Prompt, max_tokens: int, remedy: str) -> int | None:
    """Tokens left for passages beside `bare` and an answer of max_tokens; None: no limit.

    Raises UserError where nothing is left, with the remedy.
    """
    window, size = case.reader.window, case.reader.tokenizer.count_prompt(bare)
    if window is None:
        return None
    left = window - max_tokens - size - MARGIN
    if left <= 0:
        raise UserError(
            f"the window of {window} tokens leaves no room for passages (answer {max_tokens}, the rest {size})",
            where=f"reader {case.reader.label!r}, question {case.question.id!r}",
            remedy=remedy,
        )
    return left


def must_fit(case: Case, prompt: Prompt, max_tokens: int, remedy: str) -> None:
    """Refuse a prompt that the reader's window cannot hold beside its answer. Raises UserError with the remedy."""
    window, size = case.reader.window, case.reader.tokenizer.count_prompt(prompt)
    if window is not None and size + max_tokens + MARGIN > window:
        raise UserError(
            f"a prompt of {size} tokens and an answer of {max_tokens} do not fit the window of {window}",
            where=f"reader {case.reader.label!r}, question {case.question.id!r}",
            remedy=remedy,
        )


def shortened(parts: Sequence[Part], case: Case, left: int | None, remedy: str) -> tuple[list[Part], int | None]:
    """Passages cut to one length at which all parts together have at most `left` tokens, and that length or None.

    The beginning of each is kept, as RankGPT does. Raises UserError where the length would say nothing.
    """
    tokenizer = case.reader.tokenizer
    sizes = sorted(tokenizer.count(p.text or "") for p in parts if p.role == "passage")
    around = sum(tokenizer.count(p.text or "") for p in parts if p.role != "passage")
    if left is None or around + sum(sizes) <= left:
        return list(parts), None
    # The greatest length such that short passages whole and long ones cut to it fill the room.
    free, cap = left - around, 0
    for i, size in enumerate(sizes):
        cap = free // (len(sizes) - i)
        if size > cap:
            break
        free -= size
    if cap < _LEAST:
        raise UserError(
            f"{len(sizes)} passages have {max(left - around, 0)} tokens of the reader's window to share",
            where=f"reader {case.reader.label!r}, question {case.question.id!r}",
            remedy=remedy,
        )
    return [clipped(p, cap, tokenizer) if p.role == "passage" else p for p in parts], cap


def clipped(part: Part, tokens: int, tokenizer: Tokenizer) -> Part:
    """The part's first tokens, and where they stand."""
    text = clip(part.text or "", tokens, tokenizer)
    if text == part.text:
        return part
    return Part(part.role, text, part.span and Span(part.span.doc, part.span.start, part.span.start + len(text)))


@lru_cache(maxsize=4096)
def clip(text: str, tokens: int, tokenizer: Tokenizer) -> str:
    """The text's first so many tokens."""
    if tokenizer.count(text) <= tokens:
        return text
    return text[: tokenizer.spans(text)[tokens - 1][1]] if tokens > 0 else ""
