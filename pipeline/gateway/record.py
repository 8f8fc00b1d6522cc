"""What is known of one request while it is worked on, and its line in the decision log.

Words of questions and documents enter the line only where the operator asks for texts. Without it, features that words
can be read back from (hashed n-grams, the question's vector) stay out, and so does what the upstream said of a failure:
servers repeat the prompt in it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.gateway.chat import ChatRequest
from pipeline.gateway.wire import Told
from pipeline.generators.base import Usage
from pipeline.policy.decision import Decision

_DIGITS = 6
_WORDS = ("ngram.", "vector.")


@dataclass
class Record:
    """One request. upstream: seconds spent waiting for it. decided: the route that the policy chose, taken or not."""

    name: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: float = field(default_factory=time.time)
    started: float = field(default_factory=time.perf_counter)
    request: ChatRequest | None = None
    features: Mapping[str, float] = field(default_factory=dict)
    decided: str = ""
    escalated: bool | None = None
    told: Told = field(default_factory=Told)
    usage: Usage = field(default_factory=Usage)
    calls: int = 0
    upstream: float = 0.0
    answer: str = ""

    def decide(self, decision: Decision) -> None:
        """Take over what a decision says of itself."""
        self.decided = decision.route
        self.told.reason, self.told.expected = decision.reason, decision.expected
        self.told.outside = tuple(decision.outside)

    def spend(self, usage: Usage) -> None:
        """Count one call of the upstream."""
        own = self.usage
        self.usage = Usage(
            own.prompt_tokens + usage.prompt_tokens,
            own.completion_tokens + usage.completion_tokens,
            own.cached_tokens + usage.cached_tokens,
        )
        self.calls += 1

    @property
    def seconds(self) -> float:
        """Since the request arrived."""
        return time.perf_counter() - self.started

    def line(self, status: int, reader: str, *, texts: bool) -> dict[str, Any]:
        """The line of the log. NaN, which JSON has not, becomes null. texts: with words of the request."""
        told = self.told
        features = {k: v for k, v in self.features.items() if texts or not k.startswith(_WORDS)}
        reason, attempts = told.reason, told.attempts
        if not texts:
            attempts = [{**a, "error": _own(a["error"])} if "error" in a else a for a in attempts]
            for error in sorted((a["error"] for a in told.attempts if "error" in a), key=len, reverse=True):
                reason = reason.replace(error, _own(error))
        line: dict[str, Any] = {
            "event": "request",
            "time": round(self.created, 3),
            "id": self.name,
            "policy": told.policy,
            "setting": told.setting,
            "reader": reader,
            "model": self.request.model if self.request else "",
            "features": {k: None if v != v else round(v, _DIGITS) for k, v in features.items()},
            "route": told.route,
            "decided": self.decided,
            "escalated": self.escalated,
            "reason": reason,
            "expected": {k: round(v, _DIGITS) for k, v in told.expected.items()},
            "outside": list(told.outside),
            "attempts": attempts,
            "calls": self.calls,
            "seconds": round(self.seconds, 4),
            "upstream_seconds": round(self.upstream, 4),
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "status": status,
        }
        if texts and self.request:
            line |= {"question": self.request.question, "answer": self.answer}
            line["documents"] = [d.id for d in self.request.documents]
        return line


def _own(error: str) -> str:
    """An error without the upstream's own words, which follow the colon."""
    return error.partition(": ")[0]
