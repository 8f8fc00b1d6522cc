"""Readers that follow a script: for tests, and for trying a study's wiring without a model.

`Scripted` searches the prompt's text for patterns and gives the answer written beside the first one found; `Told` asks
a function. They do not know the question, the documents or what any of them mean.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.spec import runtime
from pipeline.generators._absent import ABSENT
from pipeline.generators.base import Call, Completion, Generator, Usage

_REGEX = "re:"


@dataclass(frozen=True, kw_only=True)
class Scripted(Generator):
    r"""Answers by rule. Tokens are words; an answer longer than `sampling.max_tokens` is cut, and so failed.

    rules: (pattern, answer), the first pattern found in the prompt decides. A pattern is a substring, or a regular
        expression after `re:`, whose groups the answer may name: `("re:code is (\w+)", r"\1")`.
    default: the answer where no pattern is found.
    fail_on: patterns that make the call fail; fail_final: whether such a failure is remembered.
    log_path: file that gets one line per answered call, `key<TAB>question<TAB>route<TAB>turn`, before it is handed on.
    delay: seconds that each call takes.
    """

    rules: tuple[tuple[str, str], ...] = ()
    default: str = "unanswerable"
    fail_on: tuple[str, ...] = ()
    fail_final: bool = True
    log_path: str | Path | None = runtime(None)
    delay: float = runtime(0.0)

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Answer in order. Raises UserError for a pattern that is not a regular expression."""
        for pattern in [p for p, _ in self.rules] + list(self.fail_on):
            _compiled(pattern)
        for i, call in enumerate(calls):
            start = time.perf_counter()
            if self.delay:
                time.sleep(self.delay)
            completion = self._answer(call, start)
            if self.log_path is not None:
                # Opened in append mode and closed per line: what was written outlives a killed process.
                with Path(self.log_path).open("a", encoding="utf-8") as log:
                    log.write(f"{self.call_key(call)}\t{call.question}\t{call.route}\t{call.turn}\n")
            yield i, completion

    def _answer(self, call: Call, start: float) -> Completion:
        if not call.prompt.complete:
            return ABSENT
        text = call.prompt.text
        prompt_tokens = self.tokenizer.count_prompt(call.prompt)
        for pattern in self.fail_on:
            if _compiled(pattern).search(text):
                return Completion(
                    text="",
                    status="failed",
                    finish="error",
                    error=f"failed on request: the prompt holds {pattern!r}",
                    usage=Usage(prompt_tokens=prompt_tokens),
                    seconds=time.perf_counter() - start,
                    final=self.fail_final,
                )
        answer = self._rule(text)
        words = self.tokenizer.spans(answer)
        cut = len(words) > call.sampling.max_tokens
        if cut:
            words = words[: call.sampling.max_tokens]
            answer = answer[: words[-1][1]] if words else ""
        return Completion(
            text=answer,
            status="failed" if cut else "ok",
            finish="length" if cut else "stop",
            error=f"the answer was cut off at {call.sampling.max_tokens} tokens" if cut else "",
            usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=len(words)),
            seconds=time.perf_counter() - start,
        )

    def _rule(self, text: str) -> str:
        for pattern, answer in self.rules:
            if match := _compiled(pattern).search(text):
                return match.expand(answer) if pattern.startswith(_REGEX) else answer
        return self.default


@dataclass(frozen=True, kw_only=True, eq=False)
class Told(Generator):
    """Answers by a function, for tests of routes.

    script: names the function, which is no part of the identity. answer: the completion of a call. limit: its window; a
    call beyond it raises ValueError, since a route has to see to that. given: the calls, in the order in which they
    came.
    """

    script: str = ""
    answer: Callable[[Call], Completion] = runtime(lambda call: Completion("x"))
    limit: int | None = runtime(None)
    given: list[Call] = runtime(default_factory=list)

    @property
    def window(self) -> int | None:
        """The limit."""
        return self.limit

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Answer in order."""
        for i, call in enumerate(calls):
            self.given.append(call)
            size = self.tokenizer.count_prompt(call.prompt) + call.sampling.max_tokens
            if self.limit is not None and size > self.limit:
                raise ValueError(f"a call of {size} tokens, its answer with them, in a window of {self.limit}")
            yield i, self.answer(call)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    if not pattern.startswith(_REGEX):
        return re.compile(re.escape(pattern))
    try:
        return re.compile(pattern.removeprefix(_REGEX))
    except re.error as e:
        raise UserError(
            f"the pattern {pattern!r} is not a regular expression: {e}",
            where="scripted",
            remedy="Mend it, or leave out 're:' to search for the text as it stands",
        ) from e
