"""Requests and replies of the OpenAI protocol, as a call and its completion: what is asked, what an answer is.

Shared by the reader that asks a server and the one that writes files of requests. It does not know how either travels.
Protocol: https://platform.openai.com/docs/api-reference/chat and /completions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.core.spec import runtime
from pipeline.core.tokens import Tokenizer, tokenizer_named
from pipeline.generators._http import Reply, RequestError
from pipeline.generators.base import Call, Completion, Generator, Usage

Api = Literal["chat", "completions"]
"""`chat`: one user message, which the server puts into its chat template. `completions`: the prompt as it stands."""

PATHS: dict[Api, str] = {"chat": "chat/completions", "completions": "completions"}
"""Behind `/v1/`."""


@dataclass(frozen=True, kw_only=True)
class Remote(Generator):
    """A model that somebody else runs; its name and `revision` stand for it.

    model: as the one who answers knows it. revision: tells two models of one name apart; sent nowhere. extra: fields
    for the request's body (`reasoning_effort`); null takes a field out (`{max_tokens: null, max_completion_tokens:
    256}`). context: tokens of prompt and answer that the model holds, where known. count_with: tokenizer for counting
    ahead of a call, and for answers that come without usage.
    """

    model: str
    revision: str = ""
    api: Api = "chat"
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    context: int | None = runtime(None)
    count_with: str = runtime("words")

    @property
    def label(self) -> str:
        """The name in tables: `name`, or the model's."""
        return self.name or self.model

    @property
    def window(self) -> int | None:
        """Tokens of prompt and answer, as `context` states them."""
        return self.context

    @property
    def tokenizer(self) -> Tokenizer:
        """The one named by `count_with`."""
        return tokenizer_named(self.count_with)


def body_of(call: Call, *, model: str, api: Api, extra: Mapping[str, Any], stream: bool) -> dict[str, Any]:
    """The request's body. A null in `extra` takes a field out."""
    sampling, text = call.sampling, call.prompt.text
    asked = {"prompt": text} if api == "completions" else {"messages": [{"role": "user", "content": text}]}
    body: dict[str, Any] = {
        "model": model,
        **asked,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
    }
    if sampling.temperature > 0:
        body |= {"top_p": sampling.top_p, "seed": sampling.seed}
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return {name: value for name, value in (body | dict(extra)).items() if value is not None}


def answered(call: Call, reply: Reply, tokenizer: Tokenizer, *, seconds: float = 0.0) -> Completion:
    """The completion of a reply; one without text, cut off or filtered is failed for good.

    tokenizer: counts where the reply states no usage.
    """
    usage = _usage(call, reply, tokenizer)
    finish = reply.finish or "stop"
    error = ""
    if reply.text is None:
        error = "the reply holds no text"
    elif finish == "length":
        error = f"the answer was cut off at {usage.completion_tokens} tokens"
    elif finish == "content_filter":
        error = "the server's content filter withheld the answer"
    return Completion(
        text=reply.text or "",
        status="failed" if error else "ok",
        finish=finish,
        error=error,
        usage=usage,
        seconds=seconds,
    )


def failed(call: Call, fault: RequestError, tokenizer: Tokenizer, *, error: str, seconds: float = 0.0) -> Completion:
    """The completion of a call without a usable reply; final only where it can never be served."""
    return Completion(
        text=fault.text,
        status="failed",
        finish=fault.finish,
        error=error,
        usage=Usage(prompt_tokens=tokenizer.count_prompt(call.prompt)),
        seconds=seconds,
        final=fault.kind == "rejected",
    )


def _usage(call: Call, reply: Reply, tokenizer: Tokenizer) -> Usage:
    stated = reply.usage
    details = stated.get("prompt_tokens_details") or {}
    prompt, completion = stated.get("prompt_tokens"), stated.get("completion_tokens")
    return Usage(
        prompt_tokens=tokenizer.count_prompt(call.prompt) if prompt is None else int(prompt),
        completion_tokens=tokenizer.count(reply.text or "") if completion is None else int(completion),
        cached_tokens=int(details.get("cached_tokens") or 0),
    )
