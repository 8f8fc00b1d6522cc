"""Answers of the OpenAI chat protocol: a completion, the chunks of a stream, headers, the list of models.

The extension field `longshort` says by which route an answer was made and why. It knows the format and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.records import Span
from pipeline.generators.base import Usage

_FINISHES = ("stop", "length", "content_filter")
_UNSAFE = re.compile(r"[^ -~]")
DONE = b"data: [DONE]\n\n"


@dataclass
class Told:
    """What a client is told of how its answer came about. passages: what the reader was shown, in reading order."""

    route: str = ""
    reason: str = ""
    setting: str = ""
    policy: str = ""
    expected: Mapping[str, float] = field(default_factory=dict)
    outside: tuple[str, ...] = ()
    attempts: list[dict[str, str]] = field(default_factory=list)
    passages: tuple[Span, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        """The decision, in ASCII."""
        values = {"route": self.route, "reason": self.reason, "policy": self.policy, "setting": self.setting}
        return {f"x-longshort-{name}": header_safe(value) for name, value in values.items()}

    @property
    def extension(self) -> dict[str, Any]:
        """The decision, as a JSON object."""
        return {
            "route": self.route,
            "reason": self.reason,
            "expected": {name: round(value, 4) for name, value in self.expected.items()},
            "setting": self.setting,
            "policy": self.policy,
            "outside": list(self.outside),
            "attempts": self.attempts,
            "passages": [{"doc": s.doc, "start": s.start, "end": s.end} for s in self.passages],
        }


def header_safe(text: str) -> str:
    """Printable ASCII of at most 500 characters, on one line (RFC 9110, 5.5)."""
    return _UNSAFE.sub(" ", text.encode("ascii", "replace").decode("ascii"))[:500].strip()


def usage_body(usage: Usage) -> dict[str, Any]:
    """Tokens of all calls that the answer took."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def finish_reason(finish: str) -> str:
    """The upstream's reason to finish, as far as the protocol has a word for it."""
    return finish if finish in _FINISHES else "stop"


def completion_body(
    name: str, created: int, model: str, text: str, finish: str, usage: Usage, told: Told
) -> dict[str, Any]:
    """A whole answer."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": name,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(finish)}],
        "usage": usage_body(usage),
        "longshort": told.extension,
    }


@dataclass(frozen=True)
class Chunks:
    """The events of one streamed answer."""

    name: str
    created: int
    model: str

    def start(self) -> bytes:
        """The first: the role."""
        return self._choice({"role": "assistant", "content": ""})

    def text(self, text: str) -> bytes:
        """A piece of the answer."""
        return self._choice({"content": text})

    def end(self, finish: str, told: Told) -> bytes:
        """The last of the answer: why it ended, and how it came about."""
        return self._choice({}, finish_reason(finish), {"longshort": told.extension})

    def usage(self, usage: Usage) -> bytes:
        """Tokens used, where the client asked for them."""
        return event({**self._head(), "choices": [], "usage": usage_body(usage)})

    def _choice(
        self, delta: dict[str, str], finish: str | None = None, extension: Mapping[str, Any] | None = None
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**self._head(), "choices": [choice], **(extension or {})})

    def _head(self) -> dict[str, Any]:
        return {"id": self.name, "object": "chat.completion.chunk", "created": self.created, "model": self.model}


def event(body: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def models_body(names: Iterable[str], created: int) -> dict[str, Any]:
    """The list of models."""
    models = [{"id": name, "object": "model", "created": created, "owned_by": "longshort"} for name in names]
    return {"object": "list", "data": models}
