"""The completion of a prompt that nobody can read: one with a part whose text is not at hand.

It does not know which reader asks. A recorded reader needs no text and never uses it.
"""

from __future__ import annotations

from pipeline.generators.base import Completion

ABSENT = Completion(
    text="",
    status="failed",
    finish="error",
    error="the prompt has a part whose text is not at hand; only a recorded reader can answer it",
)
