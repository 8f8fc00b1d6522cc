"""A reader behind any server that speaks the OpenAI protocol: hosted, or one's own vLLM, llama.cpp, Ollama, TGI.

It asks many calls at once, tries again where that can help, and says of every answer whether it is whole. It does not
know what runs behind the address, so the model's name and `revision` stand for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pipeline.core.errors import UserError
from pipeline.core.spec import runtime, settings
from pipeline.generators._absent import ABSENT
from pipeline.generators._background import drain
from pipeline.generators._dispatch import Dispatch, HopelessError, Outcome, Request
from pipeline.generators._http import RequestError
from pipeline.generators._requests import PATHS, Remote, answered, body_of, failed
from pipeline.generators.base import Call, Completion


@dataclass(frozen=True, kw_only=True)
class Endpoint(Remote):
    """The prompt's text as it stands: one user message per call, or the text that a base model goes on with.

    `base_url` is no part of the identity: the same model moves between hosts, ports and gateways, and answers already
    paid for must not be asked again because of that. Two servers that mean different models by one name are told apart
    by `revision`, which is sent nowhere.

    api: `completions` for a model without a chat template. base_url: up to and with `/v1`. api_key_env: the
    environment variable that holds the key; empty: no key. concurrency: calls at once. timeout: seconds for one
    attempt, whole. max_retries: attempts after the first. backoff: seconds before the second attempt, doubled from
    then on.
    """

    base_url: str = runtime()
    api_key_env: str = runtime("")
    concurrency: int = runtime(8)
    timeout: float = runtime(600.0)
    max_retries: int = runtime(5)
    backoff: float = runtime(0.5)
    stream: bool = runtime(True)

    def resolved_settings(self) -> dict[str, Any]:
        """The settings."""
        body = settings(self)
        if self.api == "chat":
            # Answers of chat servers keep the identity that they had before there was a choice: they are paid for.
            del body["api"]
        return body

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Answer `concurrency` calls at once. Raises UserError where the server is not there or refuses every call."""
        self._check()
        key = self._key()
        asked = []
        for i, call in enumerate(calls):
            if call.prompt.complete:
                asked.append(i)
            else:
                yield i, ABSENT
        # Drawn from as calls are sent: the bodies of a study do not fit into memory.
        requests = (Request(i, self._body(calls[i]), self.call_key(calls[i])) for i in asked)
        run = Dispatch(
            url=f"{self.base_url.rstrip('/')}/{PATHS[self.api]}",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            concurrency=self.concurrency,
            timeout=self.timeout,
            max_retries=self.max_retries,
            backoff=self.backoff,
        )

        def work(put: Callable[[tuple[int, Outcome]], None]) -> Coroutine[Any, Any, None]:
            return run.run(requests, len(asked), put)

        arriving = drain(work)
        with closing(arriving):
            try:
                for i, outcome in arriving:
                    yield i, self._completion(calls[i], outcome, key)
            except HopelessError as e:
                raise self._unusable(_hidden(str(e), key)) from e

    def _body(self, call: Call) -> dict[str, Any]:
        return body_of(call, model=self.model, api=self.api, extra=self.extra, stream=self.stream)

    def _completion(self, call: Call, outcome: Outcome, key: str) -> Completion:
        reply = outcome.result
        if isinstance(reply, RequestError):
            tried = f" (attempt {outcome.attempts})" if outcome.attempts > 1 else ""
            error = _hidden(reply.error, key) + tried
            return failed(call, reply, self.tokenizer, error=error, seconds=outcome.seconds)
        return answered(call, reply, self.tokenizer, seconds=outcome.seconds)

    @property
    def _shown(self) -> str:
        """The address without a user name or password in it."""
        parts = urlsplit(self.base_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def _check(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(
                f"{self._shown!r} is no address of a server",
                where="base_url",
                remedy="Give one such as http://localhost:8000/v1",
            )
        if self.concurrency < 1 or self.timeout <= 0 or self.max_retries < 0:
            raise UserError(
                f"concurrency {self.concurrency}, timeout {self.timeout:g}, max_retries {self.max_retries}",
                where="endpoint",
                remedy="Give at least 1, more than 0 and at least 0",
            )

    def _key(self) -> str:
        if not self.api_key_env:
            return ""
        key = os.environ.get(self.api_key_env)
        if key is None:
            raise UserError(
                f"the environment variable {self.api_key_env!r} is not set",
                where="api_key_env",
                remedy="Put the server's key into it, or leave api_key_env empty where it needs none",
            )
        key = key.strip()
        if not (key.isascii() and key.isprintable()):
            raise UserError(
                f"the environment variable {self.api_key_env!r} holds characters that no key has",
                where="api_key_env",
                remedy="Copy the key again",
            )
        return key

    def _unusable(self, error: str) -> UserError:
        holder = f"the key in {self.api_key_env}" if self.api_key_env else "whether it needs a key (api_key_env)"
        return UserError(
            f"the server at {self._shown} serves no call for the model {self.model!r}: {error}",
            where="endpoint",
            remedy=f"Check base_url, model, extra, and {holder}",
        )


def _hidden(error: str, key: str) -> str:
    """The error without the key, which some servers repeat."""
    return error.replace(key, "***") if key else error
