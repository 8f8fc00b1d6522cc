"""The calls of a route, made by the upstream: a prompt becomes a request, an answer becomes a completion.

It does not know which route asks, nor what follows from an answer.
"""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import Any

from pipeline.gateway.chat import ChatRequest
from pipeline.gateway.counters import Counters
from pipeline.gateway.reader import LiveReader
from pipeline.gateway.record import Record
from pipeline.gateway.upstream import Answer, Deliver, Upstream
from pipeline.gateway.work import Workers
from pipeline.generators.base import Completion, Usage
from pipeline.routes.base import Ask, Asks

_LONG = 1 << 18  # characters whose encoding is no work for the event loop


class Caller:
    """Makes calls. model: the upstream's name of the model that answers."""

    def __init__(self, upstream: Upstream, model: str, workers: Workers, counters: Counters) -> None:
        self._upstream, self._model = upstream, model
        self._workers, self._counters = workers, counters

    async def ask(
        self,
        asks: Asks,
        route: str,
        reader: LiveReader,
        request: ChatRequest,
        record: Record,
        deliver: Deliver | None,
    ) -> Completion | tuple[Completion, ...]:
        """The completions that a route is sent for its asks. deliver: gets the pieces of a single one as they come.

        Raises UpstreamError; of several calls at once, the first that fails ends the others.
        """
        if isinstance(asks, Ask):
            return await self._one(asks, route, reader, request, record, deliver)
        try:
            async with asyncio.TaskGroup() as group:
                made = [group.create_task(self._one(a, route, reader, request, record, None)) for a in asks]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return tuple(task.result() for task in made)

    async def _one(
        self, ask: Ask, route: str, reader: LiveReader, request: ChatRequest, record: Record, deliver: Deliver | None
    ) -> Completion:
        body = self._body(ask, reader, request, stream=deliver is not None)
        long = sum(len(part.text or "") for part in ask.prompt.parts) > _LONG
        encoded = await self._workers.off(partial(json.dumps, body)) if long else json.dumps(body)
        payload, start = encoded.encode(), time.perf_counter()
        try:
            if deliver is None:
                answer = await self._upstream.complete(payload)
            else:
                answer = await self._upstream.stream(payload, deliver)
        finally:
            seconds = time.perf_counter() - start
            record.upstream += seconds
            self._counters.upstream_seconds.labels(route).observe(seconds)
        done = _completion(ask, answer, reader, seconds)
        record.spend(done.usage)
        return done

    def _body(self, ask: Ask, reader: LiveReader, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        asked = any(part.role == "question" for part in ask.prompt.parts)
        sampling = ask.sampling
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [*(request.earlier if asked else ()), {"role": "user", "content": ask.prompt.text}],
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
        }
        drawn = sampling.temperature > 0  # some servers refuse what a greedy answer has no use for
        body |= {k: getattr(sampling, k) for k in ("top_p", "seed") if drawn or k in request.sampling}
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if asked:
            body |= request.passed
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return {k: v for k, v in (body | dict(reader.extra)).items() if v is not None}


def _completion(ask: Ask, answer: Answer, reader: LiveReader, seconds: float) -> Completion:
    """As a study's endpoint gives it: one that was cut off is no usable answer, though its text is there."""
    prompt, completion = answer.tokens("prompt_tokens"), answer.tokens("completion_tokens")
    usage = Usage(
        prompt_tokens=reader.tokenizer.count_prompt(ask.prompt) if prompt is None else prompt,
        completion_tokens=reader.tokenizer.count(answer.text) if completion is None else completion,
        cached_tokens=answer.cached,
    )
    cut = answer.finish in ("length", "content_filter")
    return Completion(
        text=answer.text,
        status="failed" if cut else "ok",
        finish=answer.finish,
        error=f"the answer ended with {answer.finish!r}" if cut else "",
        usage=usage,
        seconds=seconds,
    )
