"""One request of the OpenAI protocol over HTTP: the reply, or a fault that says whether asking again can help.

It knows the wire format of chats and of completions, with streaming and without. It does not retry, count, or know
what the question is. Protocol: https://platform.openai.com/docs/api-reference/chat and /completions.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import httpx

_RETRIED = frozenset({408, 409, 425, 429})
TOO_LONG = re.compile(
    r"context.?(length|window|size)|max(imum)?.?(model|context|sequence|input|prompt|token)|too (long|many tokens)"
    r"|reduce the length|exceeds?\b.*\b(tokens?|limit)",
    re.IGNORECASE,
)
"""What servers say of a prompt that does not fit into the model's window."""

FILTERED = re.compile(r"content.?(filter|policy|management)|safety", re.IGNORECASE)
"""What servers say of a prompt that their filter stops."""

_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said. text None: no text came; finish None: no reason was stated; usage: as stated, or empty."""

    text: str | None
    finish: str | None
    usage: Mapping[str, Any] = field(default_factory=dict)


class RequestError(Exception):
    """A request without a usable reply.

    kind: `retry`: may pass (429, 5xx, broken transport); `unreachable`: no server was found; `refused`: the server will
    not serve such requests (key, path, model, fields); `rejected`: this one request can never be served.
    after: seconds that the server asks to wait. text: what had come before it broke off.
    """

    def __init__(
        self,
        kind: Literal["retry", "unreachable", "refused", "rejected"],
        error: str,
        *,
        after: float | None = None,
        text: str = "",
        finish: str = "error",
    ) -> None:
        self.kind, self.error, self.after, self.text, self.finish = kind, error, after, text, finish
        super().__init__(error)


async def ask(client: httpx.AsyncClient, url: str, body: Mapping[str, Any]) -> Reply:
    """Send one request and read the whole reply. Raises RequestError."""
    import httpx

    try:
        async with client.stream("POST", url, json=body) as response:
            if response.status_code != 200:
                raise _refusal(response, (await response.aread()).decode("utf-8", "replace"))
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                return await _read_events(response.aiter_bytes())
            return _read_body(await response.aread())
    except (httpx.ConnectError, httpx.ConnectTimeout) as e:
        raise RequestError("unreachable", f"no connection: {e or type(e).__name__}") from e
    except httpx.TimeoutException as e:
        raise RequestError("retry", "the server was silent for too long", finish="timeout") from e
    except (httpx.TransportError, httpx.DecodingError) as e:
        raise RequestError("retry", f"the connection broke: {e or type(e).__name__}") from e


def _refusal(response: httpx.Response, body: str) -> RequestError:
    wait = seconds_to_wait(response.headers.get("retry-after"))
    return fault_of(response.status_code, error_message(body), after=wait)


def fault_of(status: int, said: str, *, after: float | None = None) -> RequestError:
    """What an HTTP status other than 200, and what the server said with it, mean for the request."""
    error = f"HTTP {status}: {said[:_SHOWN]}" if said else f"HTTP {status}"
    if status in _RETRIED or status >= 500:
        return RequestError("retry", error, after=after)
    if status in (400, 413, 422) and TOO_LONG.search(said):
        return RequestError("rejected", error)
    if status in (400, 403) and FILTERED.search(said):
        return RequestError("rejected", error, finish="content_filter")
    return RequestError("refused", error)


def error_message(body: str) -> str:
    """The error's code and message where the body has them, else the body, on one line."""
    try:
        error = json.loads(body)["error"]
        said = f"{error.get('code') or ''} {error['message']}" if isinstance(error, dict) else str(error)
    except (ValueError, KeyError, TypeError):
        said = body
    return " ".join(said.split())


def seconds_to_wait(header: str | None) -> float | None:
    """Retry-After: a number of seconds, or a date (RFC 9110, 10.2.3)."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _read_body(raw: bytes) -> Reply:
    return reply_of(_parse(raw))


def reply_of(data: Mapping[str, Any]) -> Reply:
    """The reply in a body that was served whole. Raises RequestError where it has another form."""
    try:
        choice = data["choices"][0]
        # A chat's choice holds a message, a completion's the text itself.
        content = choice["message"].get("content") if "message" in choice else choice["text"]
        return _checked(Reply(text_of(content), choice.get("finish_reason"), _usage(data)))
    except (KeyError, IndexError, TypeError, AttributeError) as e:
        shown = _shown(json.dumps(data).encode())
        raise RequestError("retry", f"the reply has no choices[0] with a message or a text: {shown}") from e


async def _read_events(chunks: AsyncIterator[bytes]) -> Reply:
    """Server-sent events up to `[DONE]`. A stream that ends without it, and without a reason to finish, broke off."""
    texts: list[str] = []
    finish: str | None = None
    usage: Mapping[str, Any] = {}
    done = False
    try:
        async for line in _lines(chunks):
            if not line.startswith(b"data:"):
                continue
            payload = line[len(b"data:") :].strip()
            if payload == b"[DONE]":
                done = True
                break
            event = _parse(payload)
            usage = _usage(event) or usage
            for choice in event.get("choices") or ():
                content = (choice["delta"] or {}).get("content") if "delta" in choice else choice.get("text")
                texts.append(text_of(content) or "")
                finish = choice.get("finish_reason") or finish
    except RequestError as e:
        e.text = "".join(texts)
        raise
    except (TypeError, AttributeError) as e:
        raise RequestError("retry", "the stream holds an event of another form", text="".join(texts)) from e
    if finish is None and not done:
        raise RequestError("retry", "the stream broke off before the answer ended", text="".join(texts), finish="cut")
    return _checked(Reply("".join(texts), finish, usage))


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines of a byte stream, cut at line feeds alone: an answer may hold U+2028, where `str.splitlines` would cut."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
    if rest:
        yield rest.rstrip(b"\r")


def _parse(raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises RequestError for anything else, and for an object that states an error of the server."""
    try:
        data = json.loads(raw)
    except ValueError as e:
        raise RequestError("retry", f"the reply is not JSON: {_shown(raw)}") from e
    if not isinstance(data, dict):
        raise RequestError("retry", f"the reply is no JSON object: {_shown(raw)}")
    if data.get("error"):
        raise RequestError("retry", f"the reply states an error: {error_message(json.dumps(data))[:_SHOWN]}")
    return data


def _checked(reply: Reply) -> Reply:
    if reply.finish in ("abort", "error"):
        raise RequestError("retry", f"the server ended the answer with {reply.finish!r}", text=reply.text or "")
    return reply


def _usage(data: Mapping[str, Any]) -> Mapping[str, Any]:
    usage = data.get("usage")
    return usage if isinstance(usage, dict) else {}


def text_of(content: Any) -> str | None:
    """Text of a message: a string, or a list of parts of which some are text."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else None


def _shown(raw: bytes) -> str:
    return repr(raw[:80].decode("utf-8", "replace"))
