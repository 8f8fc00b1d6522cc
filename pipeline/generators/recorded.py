"""A reader that replays stored answers: what a model said elsewhere, given as this model's answer here.

It does not read the prompt, whose text may not be at hand; it knows whose question it is and by which route it came.
Nothing behind it knows that an answer is replayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pipeline.core.records import digest, digest_parts
from pipeline.core.spec import runtime
from pipeline.generators.base import Call, Completion, Generator, Usage

Answers = Mapping[tuple[str, str], str | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorded(Generator):
    """Replays `answers[question id, route]`; None or an empty text is a call that failed when it was recorded.

    model: whose answers they are. answers_digest: digest of the whole table, for the identity of the study.
    Equality is by identity of the object: the table is no setting, and may be large.
    """

    model: str
    answers_digest: str
    answers: Answers = runtime(default_factory=dict)

    @property
    def label(self) -> str:
        """The name in tables: `name`, or the model's."""
        return self.name or self.model

    def serves(self, route: str) -> bool:
        """Whether any answer of this route is recorded."""
        return route in self._routes

    @cached_property
    def _routes(self) -> frozenset[str]:
        return frozenset(route for _, route in self.answers)

    def call_key(self, call: Call) -> str:
        """Model, question, route and the stored answer itself.

        Neither the prompt, which the answer does not depend on, nor `answers_digest`: ten added answers must leave the
        others' keys as they are.
        """
        state, text = self._stored(call)
        return digest_parts(["recorded", str(self.version), self.model, call.question, call.route, state, digest(text)])

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Replay in order. Tokens are words: the prompt's as counted or stated, the answer's as counted."""
        words = self.tokenizer
        for i, call in enumerate(calls):
            state, text = self._stored(call)
            prompt_tokens = words.count_prompt(call.prompt)
            if state == "answer":
                yield i, Completion(text=text, usage=Usage(prompt_tokens, words.count(text)))
                continue
            error = (
                f"no recorded answer for question {call.question}, route {call.route}"
                if state == "missing"
                else "the recorded call failed"
            )
            yield i, Completion(text="", status="failed", finish="error", error=error, usage=Usage(prompt_tokens))

    def _stored(self, call: Call) -> tuple[Literal["answer", "failed", "missing"], str]:
        key = call.question, call.route
        if key not in self.answers:
            return "missing", ""
        text = self.answers[key] or ""
        return ("answer", text) if text.strip() else ("failed", "")
