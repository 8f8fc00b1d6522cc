"""Requests of the OpenAI chat protocol: what is read of them, and what is refused.

The last message is the question and must be the user's. Documents may come in the extension field `documents`. Fields
that would change what an answer is (tools, several choices, a format) are refused rather than ignored; fields nobody
needs are ignored. It knows neither routes nor the upstream.
Protocol: https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.records import Document
from pipeline.gateway.faults import ApiError

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_REFUSED = ("tools", "functions", "tool_choice", "function_call", "logprobs", "top_logprobs", "audio", "prediction")
_PASSED = ("presence_penalty", "frequency_penalty", "logit_bias", "reasoning_effort", "user")
_MOST_MESSAGES = 10_000


@dataclass(frozen=True)
class ChatRequest:
    """One question. earlier: the messages before it, as they came. documents: those that came with it.

    sampling: fields of `Sampling` that the request states. passed: fields that go to the upstream as they stand.
    usage: whether a stream ends with the tokens used.
    """

    model: str
    question: str
    earlier: tuple[dict[str, Any], ...] = ()
    documents: tuple[Document, ...] = ()
    sampling: Mapping[str, Any] = field(default_factory=dict)
    passed: Mapping[str, Any] = field(default_factory=dict)
    stream: bool = False
    usage: bool = False


def read_json(raw: bytes) -> dict[str, Any]:
    """A body as a JSON object. Raises ApiError 400."""
    try:
        data = json.loads(raw, parse_constant=_no_constant)
    except RecursionError:
        raise ApiError(400, "The body is nested too deeply.", code="invalid_json") from None
    except ValueError as e:  # not JSON, not UTF-8, or a number of thousands of digits
        raise ApiError(400, f"The body is not valid JSON: {e}", code="invalid_json") from None
    if not isinstance(data, dict):
        raise ApiError(400, f"The body must be a JSON object, found {_kind(data)}.", code="invalid_json")
    return data


def read_chat(raw: bytes) -> ChatRequest:
    """The request in a body. Raises ApiError 400, which names the field at fault."""
    data = read_json(raw)
    model = _text(data.get("model"), "model")
    messages = data.get("messages")
    if not isinstance(messages, list) or not messages or len(messages) > _MOST_MESSAGES:
        raise _wrong("messages", messages, f"a list of 1 to {_MOST_MESSAGES} messages")
    for i, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise _wrong(f"messages[{i}]", message, f"an object with a role ({', '.join(_ROLES)}) and content")
    if messages[-1]["role"] != "user":
        raise ApiError(
            400, "The last message must be the user's: it is the question.", param=f"messages[{len(messages) - 1}].role"
        )
    question = _content(messages[-1].get("content"), f"messages[{len(messages) - 1}].content").strip()
    if not question:
        raise ApiError(400, "The question is empty.", param=f"messages[{len(messages) - 1}].content")
    _refuse(data)
    options = data.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise _wrong("stream_options", options, "an object")
    return ChatRequest(
        model=model,
        question=question,
        earlier=tuple(messages[:-1]),
        documents=_documents(data.get("documents")),
        sampling=_sampling(data),
        passed={name: data[name] for name in _PASSED if data.get(name) is not None},
        stream=_flag(data.get("stream"), "stream"),
        usage=_flag((options or {}).get("include_usage"), "stream_options.include_usage"),
    )


def _refuse(data: Mapping[str, Any]) -> None:
    for name in _REFUSED:
        if data.get(name) not in (None, [], {}, False, "none"):
            raise ApiError(400, f"{name!r} is not supported here: an answer is a text.", param=name)
    if data.get("n") not in (None, 1):
        raise ApiError(400, "One answer is given: 'n' must be 1.", param="n")
    wanted = data.get("response_format")
    if wanted is not None and wanted != {"type": "text"}:
        raise ApiError(400, "An answer is a text: 'response_format' is not supported.", param="response_format")
    if data.get("modalities") not in (None, ["text"]):
        raise ApiError(400, "An answer is a text: 'modalities' must be ['text'].", param="modalities")


def _sampling(data: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, low, high in (("temperature", 0.0, 2.0), ("top_p", 0.0, 1.0)):
        value = data.get(name)
        if value is not None:
            if not _is_number(value) or not low <= value <= high:
                raise _wrong(name, value, f"a number from {low:g} to {high:g}")
            found[name] = float(value)
    for name in ("max_completion_tokens", "max_tokens"):
        value = data.get(name)
        if value is not None:
            if not _is_int(value) or not 1 <= value <= 1 << 20:
                raise _wrong(name, value, "a whole number of at least 1 token")
            found.setdefault("max_tokens", value)
    seed = data.get("seed")
    if seed is not None:
        if not _is_int(seed) or not -(1 << 63) <= seed < 1 << 63:
            raise _wrong("seed", seed, "a whole number of 64 bits")
        found["seed"] = seed
    stop = data.get("stop")
    if stop is not None:
        stops = [stop] if isinstance(stop, str) else stop
        if not isinstance(stops, list) or len(stops) > 16 or not all(isinstance(s, str) and s for s in stops):
            raise _wrong("stop", stop, "a text or up to 16 texts, none empty")
        found["stop"] = tuple(_clean(s) for s in stops)
    return found


def _documents(given: Any) -> tuple[Document, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise _wrong("documents", given, "a list of objects with id and text")
    documents: dict[str, Document] = {}
    for i, item in enumerate(given):
        where = f"documents[{i}]"
        if not isinstance(item, dict):
            raise _wrong(where, item, "an object with id and text")
        name = _text(item.get("id"), f"{where}.id")
        text = _text(item.get("text"), f"{where}.text")
        title = item.get("title")
        if title is not None and not isinstance(title, str):
            raise _wrong(f"{where}.title", title, "a text")
        if name in documents:
            raise ApiError(400, f"Two documents have the id {name[:80]!r}.", param=f"{where}.id")
        documents[name] = Document(name, text, _clean(title or ""))
    return tuple(documents.values())


def _content(value: Any, where: str) -> str:
    """Text of a message: a string, or a list of parts of type text."""
    if isinstance(value, str):
        return _clean(value)
    if not isinstance(value, list):
        raise _wrong(where, value, "a text or a list of parts of type text")
    texts = []
    for i, part in enumerate(value):
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise _wrong(f"{where}[{i}]", part, "a part of type text")
        texts.append(part["text"])
    return _clean("".join(texts))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(where, value, "a text that is not empty")
    return _clean(value)


def _clean(text: str) -> str:
    """Halves of surrogate pairs, which JSON can spell and UTF-8 cannot hold, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _flag(value: Any, where: str) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _wrong(where, value, "true or false")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


def _wrong(where: str, value: Any, wanted: str) -> ApiError:
    found = "nothing" if value is None else _kind(value)
    return ApiError(400, f"{where!r} must be {wanted}, found {found}.", param=where)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
