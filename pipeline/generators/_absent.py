"""The completions of prompts that cannot be read: a text is not at hand, no question is asked, the window is full.

It does not know which reader asks. A recorded reader needs no text and no window, and never uses them.
"""

from __future__ import annotations

from pipeline.generators.base import Completion, Usage

ABSENT = Completion(
    text="",
    status="failed",
    finish="error",
    error="the prompt has a part whose text is not at hand; only a recorded reader can answer it",
)
UNASKED = Completion(
    text="",
    status="failed",
    finish="error",
    error="the prompt asks no question, and this reader can nothing else; name one that follows instructions",
)


def too_long(tokens: int, most: int, window: int | None) -> Completion | None:
    """The completion of a prompt of so many tokens, where they and `most` for the answer do not fit; None: they do."""
    if window is None or tokens + most <= window:
        return None
    error = f"prompt of {tokens} tokens does not fit: window {window}, of which {most} for the answer"
    return Completion(text="", status="failed", finish="error", error=error, usage=Usage(prompt_tokens=tokens))
