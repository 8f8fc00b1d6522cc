"""Endpoint encoders against a real HTTP server with faults: order, truncation, retries, and what the user is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, digest
from pipeline.core.spec import identity
from retrievers.encode_endpoint import EndpointChunks, EndpointQuestion

SECRET = "sk-very-secret-0123456789"
Behaviour = Callable[["Handler", dict[str, Any]], None]


def vector(text: str, size: int = 4) -> list[float]:
    return [int(digest(text)[i : i + 2], 16) / 16 + 1 for i in range(size)]


def answer(handler: Handler, body: dict[str, Any], **more: Any) -> None:
    size = body.get("dimensions", 4)
    data = [{"index": i, "embedding": vector(t, size)} for i, t in enumerate(body["input"])]
    handler.send(200, json.dumps({"data": data[::-1], **more}).encode())  # the order is the index's affair


def raw(payload: bytes, status: int = 200, **headers: str) -> Behaviour:
    return lambda handler, _: handler.send(status, payload, **headers)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers), body, time.monotonic()))
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
            behaviour = self.server.plan.pop(0) if self.server.plan else self.server.always
        with suppress(BrokenPipeError, ConnectionResetError):
            behaviour(self, body)
        with self.server.lock:
            self.server.now -= 1

    def send(self, status: int, payload: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(payload)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: Any) -> None:
        """Nothing: pytest's output is for failures."""


class Server(ThreadingHTTPServer):
    """`plan` holds the behaviours of the next requests; after them `always` answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.plan: list[Behaviour] = []
        self.always: Behaviour = answer
        self.seen: list[tuple[str, dict[str, str], dict[str, Any], float]] = []
        self.now = self.most = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is what the test asked for; anything else fails it by the answer's absence."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def stage(server: Server, **settings: Any) -> EndpointChunks:
    return EndpointChunks(**{"model": "m", "base_url": server.url, "backoff": 0.01, "timeout": 20.0, **settings})


def encoded(encoder: EndpointChunks, texts: list[str]) -> dict[str, Any]:
    (value,) = encoder.run([tuple(Chunk(str(i), 0, len(t), t) for i, t in enumerate(texts))])
    return dict(value)


def unit(texts: list[str], size: int = 4) -> Any:
    rows = np.array([vector(t, size) for t in texts], dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_vectors_come_back_in_order_from_many_requests(server: Server) -> None:
    server.always = lambda handler, body: (time.sleep(0.05), answer(handler, body))[1]
    texts = [f"passage {i}" for i in range(50)]
    value = encoded(stage(server, batch_size=5, concurrency=3, passage_prompt="p: "), texts)
    assert np.allclose(value["vectors"], unit([f"p: {t}" for t in texts]), atol=1e-6)
    assert value["vectors"].dtype == np.float32 and value["read_share"].tolist() == [1.0] * 50
    assert len(server.seen) == 10 and server.most == 3
    path, headers, body, _ = server.seen[0]
    assert path == "/v1/embeddings" and "Authorization" not in headers
    assert {k: body[k] for k in ("model", "encoding_format")} == {"model": "m", "encoding_format": "float"}
    assert "dimensions" not in body


def test_questions_dimensions_and_raw_vectors(server: Server) -> None:
    settings = {"model": "m", "base_url": server.url, "dimensions": 6, "query_prompt": "q: ", "normalize": False}
    found = list(EndpointQuestion(**settings).run(["a", "b"]))
    assert np.allclose(found, [vector("q: a", 6), vector("q: b", 6)])
    assert server.seen[0][2]["dimensions"] == 6


def test_no_chunks_have_the_models_dimensions(server: Server) -> None:
    value = encoded(stage(server), [])
    assert value["vectors"].shape == (0, 4) and value["read_share"].shape == (0,)


# -- truncation -------------------------------------------------------------------------------------------------------


def test_what_is_over_the_limit_is_cut_here_and_told(server: Server) -> None:
    value = encoded(stage(server, max_tokens=5, passage_prompt="p "), ["one two", "a b c d e f g"])
    assert server.seen[0][2]["input"] == ["p one two", "p a b c d"]
    assert value["read_share"].tolist() == pytest.approx([1.0, 5 / 8])
    with pytest.raises(UserError, match="longer than 5 tokens"):
        list(EndpointQuestion(model="m", base_url=server.url, max_tokens=5).run(["a b c d e f g"]))


def test_a_server_that_cuts_in_silence_is_refused(server: Server) -> None:
    server.always = lambda handler, body: answer(handler, body, usage={"prompt_tokens": 9})
    assert len(encoded(stage(server), ["a b c d", "e f g"])["vectors"]) == 2
    with pytest.raises(UserError, match="read 9 tokens of texts that have 12 words"):
        encoded(stage(server), ["word " * 12])


# -- faults -----------------------------------------------------------------------------------------------------------


def reset(handler: Handler, _: dict[str, Any]) -> None:
    handler.close_connection = True
    handler.connection.close()


def one_too_few(handler: Handler, body: dict[str, Any]) -> None:
    answer(handler, body | {"input": body["input"][1:]})


PASSING: dict[str, Behaviour] = {
    "429": raw(b"slow down", 429, Retry_After="0"),
    "500": raw(b"oops", 500),
    "reset": reset,
    "garbage": raw(b'{"data": [{"ind'),
    "no object": raw(b"[1]"),
    "one too few": one_too_few,
    "null in a vector": raw(b'{"data": [{"index": 0, "embedding": [1, null]}, {"index": 1, "embedding": [1, 2]}]}'),
    "lengths differ": raw(b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}'),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_is_tried_again(server: Server, fault: str) -> None:
    server.plan = [PASSING[fault]] * 2
    assert np.allclose(encoded(stage(server), ["a", "b"])["vectors"], unit(["a", "b"]), atol=1e-6)
    assert len(server.seen) == 3


def test_a_lasting_fault_is_told_in_one_line(server: Server) -> None:
    server.always = raw(b"out of order", 503)
    with pytest.raises(UserError, match=r"gives no vectors of 'm': HTTP 503: out of order \(attempt 3\)"):
        encoded(stage(server, max_retries=2), ["a"])
    assert len(server.seen) == 3


def test_a_refusal_is_not_tried_again(server: Server) -> None:
    server.always = raw(b'{"error": {"message": "no such model"}}', 404)
    with pytest.raises(UserError, match=r"HTTP 404.*no such model"):
        encoded(stage(server), ["a"])
    assert len(server.seen) == 1


@pytest.mark.parametrize("date", [False, True])
def test_retry_after_is_honoured(server: Server, date: bool) -> None:
    after = formatdate(time.time() + 2, usegmt=True) if date else "0.5"
    server.plan = [raw(b"", 429, Retry_After=after)]
    encoded(stage(server), ["a"])
    (first, second) = (at for *_, at in server.seen)
    assert 0.3 <= second - first < 10


def test_a_rest_that_is_too_long_ends_the_run(server: Server) -> None:
    server.plan = [raw(b"tomorrow", 429, Retry_After="86400")]
    with pytest.raises(UserError, match="HTTP 429"):
        encoded(stage(server), ["a"])


def test_no_server() -> None:
    with pytest.raises(UserError, match="no reply"):
        list(EndpointQuestion(model="m", base_url="http://127.0.0.1:9/v1", backoff=0.01, max_retries=1).run(["a"]))


# -- keys, addresses, identity ----------------------------------------------------------------------------------------


def test_the_key_is_sent_and_never_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBED_KEY", SECRET)
    encoder = stage(server, api_key_env="EMBED_KEY")
    encoded(encoder, ["a"])
    assert server.seen[0][1]["Authorization"] == f"Bearer {SECRET}"
    server.always = raw(f"wrong key {SECRET}".encode(), 401)
    with pytest.raises(UserError, match="HTTP 401") as told:
        encoded(encoder, ["a"])
    assert SECRET not in str(told.value) and SECRET not in repr(encoder)
    monkeypatch.delenv("EMBED_KEY")
    with pytest.raises(UserError, match="'EMBED_KEY' holds no key"):
        encoded(encoder, ["a"])


@pytest.mark.parametrize(
    "settings", [{"base_url": "localhost:8000"}, {"batch_size": 0}, {"concurrency": 0}, {"max_tokens": 0}]
)
def test_settings_that_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        EndpointChunks(**{"model": "m", "base_url": "http://localhost/v1", **settings})


def test_identity_is_the_model_and_not_the_address() -> None:
    def of(**settings: Any) -> str:
        return identity(EndpointChunks(**{"model": "m", "base_url": "http://a/v1", **settings}))

    assert of() == of(base_url="http://b/v1", batch_size=3, api_key_env="X", query_prompt="q") == of(tokenizer="minilm")
    different = [of(**s) for s in ({"model": "n"}, {"revision": "2"}, {"dimensions": 8}, {"max_tokens": 9})]
    assert len({of(), *different}) == 5
    assert of(max_tokens=9) != of(max_tokens=9, tokenizer="minilm")
