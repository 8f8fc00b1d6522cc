"""The HTTP side: addresses, keys, limits, streams, errors, shut-down.

`/v1/*` needs the key, where one is set; `/health` and `/metrics` do not, and hold no text. It does not know how an
answer is made.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from pipeline.gateway.chat import ChatRequest, read_chat, read_json
from pipeline.gateway.contract import Limits
from pipeline.gateway.counters import Counters
from pipeline.gateway.decisions import DecisionLog
from pipeline.gateway.engine import Engine
from pipeline.gateway.faults import ApiError, ClientGoneError, UpstreamError
from pipeline.gateway.gate import Gate
from pipeline.gateway.record import Record
from pipeline.gateway.wire import DONE, Chunks, completion_body, event, models_body

if TYPE_CHECKING:
    from aiohttp import web

_Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]
OUTCOMES = ("right", "wrong", "declined")
_LOG = logging.getLogger(__name__)
_LONG = 1 << 18  # bytes whose parsing is no work for the event loop
_CLOSED_EARLY = 499  # as nginx logs a client that left


class Gateway:
    """The handlers of one server. log: where decisions are written; None: nowhere. texts: with question and answer."""

    def __init__(
        self,
        engine: Engine,
        limits: Limits,
        counters: Counters,
        *,
        key: str = "",
        log: DecisionLog | None = None,
        texts: bool = False,
    ) -> None:
        self._engine, self._limits, self._counters = engine, limits, counters
        self._key, self._log, self._texts = key.encode(), log, texts
        self._gate = Gate(limits.concurrency, limits.queue, limits.patience)
        self._created = int(time.time())
        self.draining = False
        self.running = 0
        counters.watch("in_flight", "Requests that are being answered.", lambda: self._gate.inside)
        counters.watch("waiting", "Requests that wait for a place.", lambda: self._gate.waiting)

    def app(self) -> web.Application:
        """The application with its addresses."""
        from aiohttp import web

        @web.middleware
        async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        app = web.Application(middlewares=[guard], client_max_size=self._limits.body)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/feedback", self.feedback)
        app.router.add_get("/health", self.health)
        app.router.add_get("/metrics", self.metrics)
        return app

    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Every error as JSON; nothing is answered without the key, and nothing new while the gateway stops."""
        from aiohttp import web

        self.running += 1
        try:
            if request.path.startswith("/v1/"):
                if self.draining:
                    raise ApiError(503, "The gateway is stopping.", code="stopping", retry_after=5.0)
                self._check_key(request)
            return await handler(request)
        except ApiError as e:
            return self._refused(e)
        except web.HTTPException as e:
            return self._refused(ApiError(e.status, f"{e.reason}: {request.method} {request.path[:200]}"))
        except (ConnectionError, ClientGoneError):
            return self._refused(ApiError(_CLOSED_EARLY, "The client closed the connection."))
        except Exception:
            _LOG.exception("a defect of the gateway")
            return self._refused(ApiError(500, "The gateway failed; its log says how.", code="internal_error"))
        finally:
            self.running -= 1

    def _refused(self, error: ApiError) -> web.Response:
        from aiohttp import web

        self._counters.requests.labels(str(error.status)).inc()
        response = web.json_response(error.body, status=error.status, headers=error.headers)
        if error.status in (408, 413, 503):  # what the client still sends would be read as the next request
            response.force_close()
        return response

    def _check_key(self, request: web.Request) -> None:
        if not self._key:
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        sent = given.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() != "bearer" or not hmac.compare_digest(sent, self._key):
            raise ApiError(401, "The API key is missing or wrong.", code="invalid_api_key")

    async def _body(self, request: web.Request) -> bytes:
        """The body, within its limits of size and time."""
        from aiohttp import web

        most = self._limits.body
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding.lower() not in ("identity", ""):
            raise ApiError(415, f"A body is sent as it is, without Content-Encoding {encoding[:40]!r}.")
        if (request.content_length or 0) > most:
            raise _too_large(most)
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self._limits.reading):
                async for chunk in request.content.iter_any():
                    size += len(chunk)
                    if size > most:
                        raise _too_large(most)
                    chunks.append(chunk)
        except TimeoutError:
            raise ApiError(408, f"The body did not arrive within {self._limits.reading:g} seconds.") from None
        except (web.RequestPayloadError, ValueError) as e:  # cut short, or not encoded as its headers say
            raise ApiError(400, f"The body cannot be read: {e}", code="invalid_body") from None
        return b"".join(chunks)

    # -- chat -----------------------------------------------------------------------------------------------------

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        raw = await self._body(request)
        record = Record()
        status = _CLOSED_EARLY  # unless something else is known: the handler is cancelled when the client leaves
        try:
            asked = await asyncio.to_thread(read_chat, raw) if len(raw) > _LONG else read_chat(raw)
            async with self._gate:
                if asked.stream:
                    status, response = await self._streamed(asked, record, request)
                else:
                    status, response = 200, await self._whole(asked, record)
            return response
        except ApiError as e:
            status = e.status
            raise
        except UpstreamError as e:
            told = e.told()
            status = told.status
            raise told from e
        except (ConnectionError, ClientGoneError, asyncio.CancelledError):
            raise
        except BaseException:
            status = 500
            raise
        finally:
            self._finish(record, status)

    async def _whole(self, asked: ChatRequest, record: Record) -> web.Response:
        from aiohttp import web

        done = await self._engine.answer(asked, record, None)
        record.answer = done.text
        body = completion_body(
            record.name, int(record.created), asked.model, done.text, done.finish, record.usage, record.told
        )
        return web.json_response(body, headers=record.told.headers)

    async def _streamed(
        self, asked: ChatRequest, record: Record, request: web.Request
    ) -> tuple[int, web.StreamResponse]:
        stream = _Stream(request, record, asked.model)
        try:
            done = await self._engine.answer(asked, record, stream.deliver)
        except (ApiError, UpstreamError) as e:
            error = e.told() if isinstance(e, UpstreamError) else e
            if not stream.begun:
                raise error from e
            # Bytes have left: the status cannot be taken back, so the stream ends with the error.
            return error.status, await stream.end(event(error.body))
        record.answer = done.text
        chunks = stream.chunks
        last = [chunks.end(done.finish, record.told), chunks.usage(record.usage) if asked.usage else b"", DONE]
        return 200, await stream.end(b"".join(last))

    def _finish(self, record: Record, status: int) -> None:
        counters, told = self._counters, record.told
        if status == 200:
            counters.requests.labels("200").inc()
            counters.answers.labels(told.route, told.setting or "forced").inc()
        counters.seconds.observe(record.seconds)
        counters.own_seconds.observe(max(0.0, record.seconds - record.upstream))
        counters.tokens.labels("prompt").inc(record.usage.prompt_tokens)
        counters.tokens.labels("completion").inc(record.usage.completion_tokens)
        if self._log is not None and record.request is not None:
            self._log.put(record.line(status, self._engine.served.reader_name, texts=self._texts))

    # -- the other addresses --------------------------------------------------------------------------------------

    async def models(self, request: web.Request) -> web.Response:
        """GET /v1/models."""
        from aiohttp import web

        return web.json_response(models_body(self._engine.choices, self._created))

    async def feedback(self, request: web.Request) -> web.Response:
        """POST /v1/feedback: {"id": a completion's, "outcome": one of OUTCOMES}. Raises ApiError."""
        from aiohttp import web

        if (request.content_length or 0) > 4096:
            raise _too_large(4096)
        data = read_json(await self._body(request))
        name, outcome = data.get("id"), data.get("outcome")
        if not isinstance(name, str) or not name.startswith("chatcmpl-") or len(name) > 64:
            raise ApiError(400, "'id' must be the id of a completion.", param="id")
        if outcome not in OUTCOMES:
            raise ApiError(400, f"'outcome' must be one of {', '.join(OUTCOMES)}.", param="outcome")
        if self._log is None:
            raise ApiError(404, "This gateway keeps no log of decisions (--log).", code="no_log")
        self._log.put({"event": "feedback", "time": round(time.time(), 3), "id": name, "outcome": outcome})
        self._counters.feedback.labels(outcome).inc()
        return web.json_response({"id": name, "outcome": outcome})

    async def health(self, request: web.Request) -> web.Response:
        """GET /health: 200 while requests are taken, 503 while the gateway stops."""
        from aiohttp import web

        body = {"status": "stopping" if self.draining else "ok", "policy": self._engine.served.digest}
        return web.json_response(body, status=503 if self.draining else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """GET /metrics, in Prometheus' text format."""
        from aiohttp import web

        return web.Response(body=self._counters.text(), headers={"Content-Type": self._counters.content_type})


class _Stream:
    """One streamed answer. Nothing is sent before its first piece: until then another route can take over."""

    def __init__(self, request: web.Request, record: Record, model: str) -> None:
        self._request, self._record = request, record
        self._response: web.StreamResponse | None = None
        self.chunks = Chunks(record.name, int(record.created), model)

    @property
    def begun(self) -> bool:
        """Whether anything has been sent."""
        return self._response is not None

    async def deliver(self, text: str) -> None:
        """Send a piece of the answer."""
        await self._send(self.chunks.text(text))

    async def end(self, last: bytes) -> web.StreamResponse:
        """Send what is left, and end."""
        response = await self._send(last)
        await response.write_eof()
        return response

    async def _send(self, data: bytes) -> web.StreamResponse:
        from aiohttp import web

        try:
            if self._response is None:
                headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
                self._response = web.StreamResponse(headers=headers | self._record.told.headers)
                await self._response.prepare(self._request)
                data = self.chunks.start() + data
            await self._response.write(data)
        except ConnectionError as e:
            raise ClientGoneError(str(e)) from None
        return self._response


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"The body may have at most {most} bytes.", code="body_too_large")
