"""What the readers' tests share: calls, a chat server with faults, and a tiny causal model on disk."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.records import Part, Prompt, Span
from pipeline.generators.base import Call, Sampling

Behaviour = Callable[["Handler", dict[str, Any]], None]


def make_call(question: str, document: str = "", *, name: str = "q", route: str = "lc", **sampling: Any) -> Call:
    """A call as the routes make them: instruction, document (or nothing), question, answer cue."""
    parts = [Part("instruction", "Answer from the text.\n\n")]
    if document:
        parts.append(Part("document", document, Span("doc", 0, len(document))))
    parts += [Part("label", "\n\nQuestion: "), Part("question", question), Part("answer", "\nAnswer:")]
    return Call(Prompt(tuple(parts)), Sampling(**sampling), name, route)


@pytest.fixture
def call() -> Callable[..., Call]:
    return make_call


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        behaviour = self.server.enter(self.path, dict(self.headers), body)
        try:
            # A client that gave up closes its end; that is what some tests are about.
            with suppress(BrokenPipeError, ConnectionResetError):
                behaviour(self, body)
        finally:
            self.server.leave()

    def send(self, status: int, payload: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(payload)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: Any) -> None:
        """Nothing: pytest's output is for failures."""


class ChatServer(ThreadingHTTPServer):
    """`plan` holds the behaviours of the next requests; after them, and without it, `echo` answers."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.plan: list[Behaviour] = []
        self.always: Behaviour | None = None
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.now = self.most = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is what the test asked for; anything else fails it by the answer's absence."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def enter(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Behaviour:
        with self.lock:
            self.times.append(time.monotonic())
            self.paths.append(path)
            self.headers.append({k.lower(): v for k, v in headers.items()})
            self.bodies.append(body)
            self.now += 1
            self.most = max(self.most, self.now)
            return self.plan.pop(0) if self.plan else self.always or echo

    def leave(self) -> None:
        with self.lock:
            self.now -= 1


def echoed(prompt: str) -> str:
    return f"echo {hashlib.sha256(prompt.encode()).hexdigest()[:8]}"


def echo(handler: Handler, body: dict[str, Any]) -> None:
    """A whole answer that depends on the prompt alone."""
    say(echoed(body["prompt"] if "prompt" in body else body["messages"][0]["content"]))(handler, body)


def say(text: str | None, finish: str | None = "stop", usage: dict[str, Any] | None = None) -> Behaviour:
    """A whole answer, streamed where the request wants it so, as a chat's or as a completion's."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        chat = "messages" in body
        if not body.get("stream"):
            told = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
            reply = {"choices": [{"index": 0, **told, "finish_reason": finish}]}
            handler.send(200, json.dumps(reply | ({"usage": usage} if usage else {}), ensure_ascii=False).encode())
            return
        pieces = [] if text is None else [text[i : i + 3] for i in range(0, len(text), 3)]
        events: list[dict[str, Any]] = []
        if chat:
            events.append({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        for piece in pieces:
            told = {"delta": {"content": piece}} if chat else {"text": piece}
            events.append({"choices": [{"index": 0, **told, "finish_reason": None}]})
        events.append({"choices": [{"index": 0, **({"delta": {}} if chat else {"text": ""}), "finish_reason": finish}]})
        if usage:
            events.append({"choices": [], "usage": usage})
        stream(*[json.dumps(e, ensure_ascii=False) for e in events], "[DONE]")(handler, body)

    return behave


def stream(*payloads: str) -> Behaviour:
    """Server-sent events with these payloads, then the end of the connection."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        for payload in payloads:
            handler.wfile.write(f": keep-alive\r\ndata: {payload}\r\n\r\n".encode())
            handler.wfile.flush()
        handler.close_connection = True

    return behave


def status(code: int, message: str = "as the test wants it", error_code: str = "", **headers: str) -> Behaviour:
    """An error in OpenAI's form."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        handler.send(code, json.dumps({"error": {"message": message, "code": error_code}}).encode(), **headers)

    return behave


def raw(payload: bytes, kind: str = "application/json") -> Behaviour:
    """Any bytes with status 200."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        handler.send(200, payload, kind)

    return behave


def slow(seconds: float, then: Behaviour = echo) -> Behaviour:
    """The behaviour, after a while."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        time.sleep(seconds)
        then(handler, body)

    return behave


def reset(handler: Handler, body: dict[str, Any]) -> None:
    """A connection that is reset before anything was said."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.shutdown(socket.SHUT_RD)
    handler.connection.close()
    handler.close_connection = True
    # The base class flushes and closes what is gone already.
    handler.wfile = handler.rfile = open("/dev/null", "r+b", buffering=0)  # type: ignore[assignment] # noqa: SIM115, PTH123


class Faults:
    """The behaviours by name, for tests, which cannot import this file."""

    echo, reset = staticmethod(echo), staticmethod(reset)
    say, stream, status, raw, slow = map(staticmethod, (say, stream, status, raw, slow))
    echoed = staticmethod(echoed)


@pytest.fixture
def faults() -> type[Faults]:
    return Faults


@contextmanager
def running() -> Iterator[ChatServer]:
    server = ChatServer()
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with running() as up:
        yield up


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights and a byte-pair tokenizer of its own, saved as any model is."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    rust = Tokenizer(models.BPE(unk_token=None))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rust.train_from_iterator(["the reader answers a question from the text of a document"] * 4, trainer)
    rust.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=rust, bos_token="<s>", eos_token="</s>")
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.4,
        bos_token_id=0,
        eos_token_id=1,
    )
    folder = tmp_path_factory.mktemp("tiny")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
