"""The upstream: calls of the OpenAI chat protocol without blocking, whole or piece by piece.

It makes one attempt and says what went wrong. Whether another route is tried is not its affair.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import UserError
from pipeline.gateway.faults import UpstreamError
from pipeline.generators._http import FILTERED, TOO_LONG, error_message, seconds_to_wait, text_of

if TYPE_CHECKING:
    import aiohttp

Deliver = Callable[[str], Awaitable[None]]
_SHOWN = 300
_IDLE = 3.0  # seconds a connection is kept: less than servers keep theirs (uvicorn 5), so that none is found closed

_LISTING = 10.0  # seconds for the list of models, which no prompt slows down
_TAIL = 0.1  # seconds for a stream to end after it said that it is done


@dataclass(frozen=True)
class Answer:
    """What the upstream said. usage: as it states it, or empty."""

    text: str
    finish: str
    usage: Mapping[str, Any] = field(default_factory=dict)

    def tokens(self, name: str) -> int | None:
        """A count of the usage; None where it is not stated."""
        value = self.usage.get(name)
        return value if isinstance(value, int) else None

    @property
    def cached(self) -> int:
        """Prompt tokens that were read from a cache."""
        details = self.usage.get("prompt_tokens_details")
        value = details.get("cached_tokens") if isinstance(details, dict) else 0
        return value if isinstance(value, int) else 0


class Upstream:
    """A server that speaks the protocol. `async with` opens and closes its connections."""

    def __init__(self, base_url: str, key: str, *, connect: float, timeout: float) -> None:
        """connect: seconds for a connection; timeout: for one call, whole. key: "" where none is needed."""
        self._url, self._key = base_url.rstrip("/"), key
        self._connect, self._timeout = connect, timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Upstream:
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE),
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=self._connect),
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def model(self) -> str:
        """The only model that the upstream serves. Raises UserError where there is none, or several."""
        import aiohttp

        try:
            within = aiohttp.ClientTimeout(total=min(_LISTING, self._timeout), sock_connect=self._connect)
            async with self.session.get(f"{self._url}/models", timeout=within) as response:
                if response.status != 200:
                    raise await self._refusal(response)
                names = [str(m["id"]) for m in json.loads(await response.read())["data"]]
        except (ValueError, KeyError, TypeError):
            raise UserError(
                "its list of models cannot be read", where=self._url, remedy="Name it with --model"
            ) from None
        except UpstreamError as e:
            raise UserError(
                f"it gives no list of models: {e}", where=self._url, remedy="Name it with --model"
            ) from None
        except TimeoutError:
            error = f"no answer within {within.total:g} seconds"
            raise UserError(error, where=self._url, remedy="Start the upstream first") from None
        except (OSError, aiohttp.ClientError) as e:
            error = self._hidden(_cause(e))
            raise UserError(f"no connection: {error}", where=self._url, remedy="Start the upstream first") from None
        if len(names) != 1:
            found = f"{len(names)} models ({', '.join(names[:5])})" if names else "no model"
            raise UserError(f"it serves {found}", where=self._url, remedy="Name the one to use with --model")
        return names[0]

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open connections."""
        if self._session is None:
            raise RuntimeError("the upstream is used outside of `async with`")
        return self._session

    async def complete(self, payload: bytes) -> Answer:
        """One call, whole. Raises UpstreamError."""
        try:
            async with self._post(payload) as response:
                if response.status != 200:
                    raise await self._refusal(response)
                return self._whole(await response.read())
        except (OSError, TimeoutError, _client_error()) as e:
            raise self._broken(e) from None

    async def stream(self, payload: bytes, deliver: Deliver) -> Answer:
        """One call; each piece of the answer goes to `deliver` as it arrives. Raises UpstreamError.

        Only the upstream's failures become UpstreamError; what `deliver` raises passes through.
        """
        texts: list[str] = []
        finish, usage, done = None, dict[str, Any](), False
        try:
            async with aclosing(self._events(payload)) as events:
                async for event in events:
                    if event is None:
                        done = True
                        break
                    text, reason, stated = _piece(event)
                    finish, usage = reason or finish, stated or usage
                    if text:
                        texts.append(text)
                        await deliver(text)
            if finish is None and not done:
                raise UpstreamError("unavailable", "the stream broke off before the answer ended")
            return _checked("".join(texts), finish or "stop", usage)
        except UpstreamError as e:
            e.begun = bool(texts)
            raise

    def _post(self, payload: bytes) -> Any:
        return self.session.post(
            f"{self._url}/chat/completions", data=payload, headers={"Content-Type": "application/json"}
        )

    async def _events(self, payload: bytes) -> AsyncGenerator[dict[str, Any] | None, None]:
        """Events as objects; None for `[DONE]`. A server that answers whole gives one event of the whole answer."""
        try:
            async with self._post(payload) as response:
                if response.status != 200:
                    raise await self._refusal(response)
                if not response.content_type.startswith("text/event-stream"):
                    yield {"whole": self._whole(await response.read())}
                    return
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if not line.startswith(b"data:"):
                            continue
                        body = line[5:].strip()
                        if body != b"[DONE]":
                            yield self._parsed(body)
                            continue
                        # A connection can be used again only once the end of its stream has been read.
                        with suppress(TimeoutError):
                            async with asyncio.timeout(_TAIL):
                                await response.content.read()
                        yield None
                        return
        except (OSError, TimeoutError, _client_error()) as e:
            raise self._broken(e) from None

    def _whole(self, raw: bytes) -> Answer:
        data = self._parsed(raw)
        try:
            choice = data["choices"][0]
            text, finish, usage = text_of(choice["message"].get("content")), choice.get("finish_reason"), _usage(data)
        except (KeyError, IndexError, TypeError, AttributeError):
            raise UpstreamError("unavailable", "the answer has no choices[0].message") from None
        if text is None and finish not in ("length", "content_filter"):
            raise UpstreamError("unavailable", "the answer holds no text")
        return _checked(text or "", str(finish or "stop"), usage)

    def _parsed(self, raw: bytes) -> dict[str, Any]:
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError):
            raise UpstreamError("unavailable", "the answer is not JSON") from None
        if not isinstance(data, dict):
            raise UpstreamError("unavailable", "the answer is no JSON object")
        if data.get("error"):
            said = self._hidden(error_message(json.dumps(data)))[:_SHOWN]
            error = f"the answer states an error: {said}"
            raise UpstreamError("too_long" if TOO_LONG.search(said) else "unavailable", error)
        return data

    async def _refusal(self, response: aiohttp.ClientResponse) -> UpstreamError:
        said = self._hidden(error_message((await response.read()).decode("utf-8", "replace")))
        error = f"HTTP {response.status}: {said[:_SHOWN]}".rstrip(": ")
        after = seconds_to_wait(response.headers.get("Retry-After"))
        if response.status == 429:
            return UpstreamError("busy", error, after=after)
        if response.status in (408, 409, 425) or response.status >= 500 or response.status < 400:
            return UpstreamError("unavailable", error, after=after)
        if response.status in (400, 413, 422):
            return UpstreamError("too_long" if TOO_LONG.search(said) else "rejected", error)
        if response.status == 403 and FILTERED.search(said):
            return UpstreamError("rejected", error)
        return UpstreamError("setup", error)

    def _broken(self, error: Exception) -> UpstreamError:
        if isinstance(error, TimeoutError):
            return UpstreamError("unavailable", "it was silent for too long")
        return UpstreamError("unavailable", f"the connection failed: {self._hidden(_cause(error))}")

    def _hidden(self, error: str) -> str:
        """The error without the key, which some servers repeat."""
        return error.replace(self._key, "***") if self._key else error


def _client_error() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError


def _cause(error: Exception) -> str:
    """What the system says of a connection; aiohttp's own text talks of TLS where there is none."""
    system = getattr(error, "os_error", None)
    return getattr(system, "strerror", None) or str(error) or type(error).__name__


def _piece(event: dict[str, Any]) -> tuple[str, str | None, dict[str, Any]]:
    """Text, reason to finish and usage of one event."""
    if isinstance(event.get("whole"), Answer):
        whole: Answer = event["whole"]
        return whole.text, whole.finish, dict(whole.usage)
    text, finish = "", None
    try:
        for choice in event.get("choices") or ():
            text += text_of((choice.get("delta") or {}).get("content")) or ""
            finish = choice.get("finish_reason") or finish
    except (TypeError, AttributeError):
        raise UpstreamError("unavailable", "the stream holds an event of another form") from None
    return text, finish, _usage(event)


def _usage(data: Mapping[str, Any]) -> dict[str, Any]:
    usage = data.get("usage")
    return usage if isinstance(usage, dict) else {}


def _checked(text: str, finish: str, usage: dict[str, Any]) -> Answer:
    if finish in ("abort", "error"):
        raise UpstreamError("unavailable", f"it ended the answer with {finish!r}")
    return Answer(text, finish, usage)
