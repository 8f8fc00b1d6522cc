"""Encoders behind any server that speaks the OpenAI embeddings protocol: hosted, or one's own vLLM, TEI, Ollama.

It asks many requests at once and tries again where that can help. It does not know what runs behind the address, so the
model's name and `revision` stand for it. What the server would not read is cut here, aloud: some servers cut without a
word. Protocol: https://platform.openai.com/docs/api-reference/embeddings.
"""

from __future__ import annotations

import email.utils
import json
import os
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.records import digest_parts
from pipeline.core.spec import runtime, settings
from pipeline.core.stage import Piecewise, Stage
from pipeline.core.tokens import tokenizer_named
from retrievers.base import at_least, tokenizer_identity
from retrievers.encode import Vectors, blocks

if TYPE_CHECKING:
    import httpx

_RETRIED = frozenset({408, 409, 425, 429})
_LONGEST_WAIT = 300.0
_LONGEST_BACKOFF = 60.0


class _PassingError(Exception):
    """A reply that may be another one the next time. after: seconds that the server asks to wait."""

    def __init__(self, error: str, after: float | None = None) -> None:
        self.after = after
        super().__init__(error)


@dataclass(frozen=True, kw_only=True)
class EndpointEncoder(Stage):
    """The settings of an encoder behind an address, and asking it.

    `base_url` (up to and with `/v1`) is no part of the identity: one model moves between hosts and gateways. Two models
    of one name are told apart by `revision`, which is sent nowhere. dimensions: asked of models that can shorten their
    vectors. normalize: unit vectors, whatever the server sends.
    max_tokens: what the model reads of a text, counted by `tokenizer` with the prompt; a passage is cut there, and the
    share that is read is told; a question is refused. None: not known; then a reply that counts fewer tokens than the
    texts have words shows a server that cuts, and is refused.
    api_key_env: the environment variable that holds the key; empty: none. batch_size: texts of a request. timeout:
    seconds of one attempt. max_retries: attempts after the first. backoff: seconds before the second, doubled then.
    """

    model: str
    revision: str = ""
    query_prompt: str = ""
    passage_prompt: str = ""
    dimensions: int | None = None
    normalize: bool = True
    max_tokens: int | None = None
    tokenizer: str = "words"
    base_url: str = runtime()
    api_key_env: str = runtime("")
    batch_size: int = runtime(64)
    concurrency: int = runtime(8)
    timeout: float = runtime(120.0)
    max_retries: int = runtime(5)
    backoff: float = runtime(0.5)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(
                f"{self._shown!r} is no address of a server",
                where=f"{self.label}.base_url",
                remedy="Give one such as http://localhost:8000/v1",
            )
        for name, least in (("batch_size", 1), ("concurrency", 1), ("timeout", 0.001), ("max_retries", 0)):
            at_least(getattr(self, name), least, f"{self.label}.{name}")
        for name in ("dimensions", "max_tokens"):
            if getattr(self, name) is not None:
                at_least(getattr(self, name), 1, f"{self.label}.{name}")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the tokenizer by its content; without it where nothing is counted."""
        own = settings(self)
        return own | {"tokenizer": tokenizer_identity(self.tokenizer) if self.max_tokens else ""}

    def encode_groups(self, groups: Sequence[Sequence[str]], prompt: str) -> Iterator[dict[str, Vectors]]:
        """Of each group of n texts {"vectors": (n, d), "read_share": (n,)}. Raises UserError."""
        import httpx

        cut = [[self._cut(prompt + text) for text in texts] for texts in groups]
        sent = [[text for text, _ in texts] for texts in cut]
        batches = [texts[i : i + self.batch_size] for texts in sent for i in range(0, len(texts), self.batch_size)]
        batches = batches or [["."]]  # of no texts, d is still asked for
        key = self._key()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=self.concurrency)
        with (
            httpx.Client(headers=headers, timeout=self.timeout, limits=limits) as client,
            ThreadPoolExecutor(self.concurrency) as pool,
        ):
            jobs = [pool.submit(self._asked, client, batch, key) for batch in batches]
            try:
                rows = [job.result() for job in jobs]
            except UserError:
                for job in jobs:
                    job.cancel()
                raise
        if len({row.shape[1] for row in rows}) > 1:
            raise self._unusable("the vectors of one model have several lengths")
        vectors = np.concatenate(rows)
        if self.normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        at = 0
        for texts in cut:
            share = np.array([s for _, s in texts], dtype=np.float32)
            yield {"vectors": vectors[at : at + len(texts)], "read_share": share}
            at += len(texts)

    def _cut(self, text: str) -> tuple[str, float]:
        """What is sent of a text, and its share."""
        if self.max_tokens is None or (text.isascii() and len(text) <= self.max_tokens):
            return text, 1.0  # outside of ASCII a character may be several tokens
        spans = tokenizer_named(self.tokenizer).spans(text)
        if len(spans) <= self.max_tokens:
            return text, 1.0
        return text[: spans[self.max_tokens - 1][1]], self.max_tokens / len(spans)

    def _asked(self, client: httpx.Client, texts: Sequence[str], key: str) -> Vectors:
        """(n, d) of one request, with its further attempts."""
        jitter = random.Random(digest_parts(texts))
        for attempt in range(self.max_retries + 1):
            try:
                return self._once(client, texts, key)
            except _PassingError as fault:
                wait = min(self.backoff * 2.0**attempt, _LONGEST_BACKOFF) * (0.5 + 0.5 * jitter.random())
                wait = wait if fault.after is None else fault.after + wait
                if attempt == self.max_retries or wait > _LONGEST_WAIT:
                    raise self._unusable(f"{fault} (attempt {attempt + 1})") from fault
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _once(self, client: httpx.Client, texts: Sequence[str], key: str) -> Vectors:
        import httpx

        body: dict[str, Any] = {"model": self.model, "input": list(texts), "encoding_format": "float"}
        body |= {} if self.dimensions is None else {"dimensions": self.dimensions}
        try:
            response = client.post(f"{self.base_url.rstrip('/')}/embeddings", json=body)
        except httpx.TransportError as error:
            raise _PassingError(_hidden(f"no reply: {error or type(error).__name__}", key)) from error
        if response.status_code != 200:
            said = _hidden(f"HTTP {response.status_code}: {' '.join(response.text.split())[:300]}", key)
            if response.status_code in _RETRIED or response.status_code >= 500:
                raise _PassingError(said, _seconds(response.headers.get("retry-after")))
            raise self._unusable(said)
        try:
            reply = json.loads(response.content)
            found = {int(item["index"]): item["embedding"] for item in reply["data"]}
            vectors = np.array([found[i] for i in range(len(texts))], dtype=np.float32)
            read = (reply.get("usage") or {}).get("prompt_tokens")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _PassingError("the reply does not hold one vector for each text") from error
        if vectors.ndim != 2 or not np.isfinite(vectors).all() or len(found) != len(texts):
            raise _PassingError("the reply does not hold one vector for each text")
        words = sum(len(text.split()) for text in texts)
        if isinstance(read, int) and 0 < read < words:
            raise UserError(
                f"the server read {read} tokens of texts that have {words} words: it cuts them in silence",
                where=f"{self.label}.max_tokens",
                remedy="State what the model reads (max_tokens), or cut smaller chunks",
            )
        return vectors

    @property
    def _shown(self) -> str:
        """The address without a user name or password in it."""
        parts = urlsplit(self.base_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def _key(self) -> str:
        if not self.api_key_env:
            return ""
        key = os.environ.get(self.api_key_env, "").strip()
        if not (key and key.isascii() and key.isprintable()):
            raise UserError(
                f"the environment variable {self.api_key_env!r} holds no key",
                where=f"{self.label}.api_key_env",
                remedy="Put the server's key into it, or leave api_key_env empty where it needs none",
            )
        return key

    def _unusable(self, error: str) -> UserError:
        return UserError(
            f"the server at {self._shown} gives no vectors of {self.model!r}: {error}",
            where=self.label,
            remedy="Check base_url, model, dimensions, max_tokens and the key; what was encoded before is kept",
        )


@dataclass(frozen=True, kw_only=True)
class EndpointChunks(EndpointEncoder, Piecewise):
    """Per context, `.on(chunks)`: {"vectors": (C, d) float32, "read_share": (C,) float32}, stored in blocks."""

    batch: ClassVar[int] = 8

    def resolved_settings(self) -> dict[str, Any]:
        """Without the other side's prompt."""
        return {k: v for k, v in super().resolved_settings().items() if k != "query_prompt"}

    def pieces(self, *inputs: Any) -> Sequence[tuple[str, ...]]:
        """The blocks' texts."""
        (chunks,) = inputs
        return blocks(chunks)

    def piece_key(self, piece: Any) -> str:
        """Digest of the texts."""
        return digest_parts(piece)

    def make(self, pieces: Sequence[Any]) -> Iterable[dict[str, Vectors]]:
        """Vectors and shares of each block; the requests of all go out together."""
        return self.encode_groups(pieces, self.passage_prompt)

    def join(self, pieces: Sequence[Any], values: Sequence[Any]) -> dict[str, Vectors]:
        """The blocks' arrays, one after another."""
        return {name: np.concatenate([value[name] for value in values]) for name in ("vectors", "read_share")}


@dataclass(frozen=True, kw_only=True)
class EndpointQuestion(EndpointEncoder):
    """Per question, `.on(question text)`: (d,) float32."""

    def resolved_settings(self) -> dict[str, Any]:
        """Without the other side's prompt."""
        return {k: v for k, v in super().resolved_settings().items() if k != "passage_prompt"}

    def run(self, *columns: Sequence[Any]) -> Iterable[Vectors]:
        """One column: texts. Raises UserError for one that is longer than the model reads."""
        (texts,) = columns
        (value,) = self.encode_groups([texts], self.query_prompt)
        long = np.flatnonzero(value["read_share"] < 1)
        if len(long):
            raise UserError(
                f"the question {texts[long[0]][:60]!r} is longer than {self.max_tokens} tokens",
                where=f"{self.label}.max_tokens",
                remedy="Shorten it, or name a model that reads more",
            )
        yield from value["vectors"]


def _seconds(header: str | None) -> float | None:
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


def _hidden(error: str, key: str) -> str:
    """The error without the key, which some servers repeat."""
    return error.replace(key, "***") if key else error
