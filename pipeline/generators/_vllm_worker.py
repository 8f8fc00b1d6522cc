"""The process that owns a vLLM engine: prompts come in as token ids on one pipe, answers go out on another.

It is started as a file of its own, by an interpreter that may be another than the caller's, so it imports nothing of
this project. It does not know calls, prompts as text, or what is remembered. It ends itself, with every process that
vLLM started for it, as soon as the pipe that it reads is closed: no engine outlives the run that wanted it.

A message is two lengths, a header in JSON and a body of 32-bit token ids. In: start, ask, abort, sleep, wake, stop.
Out: ready or refused; done or failed, per prompt; done with, once, what was asked to be done; broken.
"""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import signal
import struct
import sys
import threading
import time
import traceback
from array import array
from importlib.util import find_spec
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<II")
_TAKE_SECONDS = 0.2
"""How long new prompts may be taken in while others wait for their next token."""

Message = tuple[dict[str, Any], "array[int]"]  # header, token ids


def write_message(pipe: BinaryIO, header: dict[str, Any], tokens: array[int] | None = None) -> None:
    """Write one message. tokens: 32-bit. Raises OSError where nobody reads any more."""
    head, body = json.dumps(header).encode(), b"" if tokens is None else tokens.tobytes()
    pipe.write(_LENGTHS.pack(len(head), len(body)) + head + body)
    pipe.flush()


def read_message(pipe: BinaryIO) -> Message | None:
    """The next message; None where the pipe ended, if need be in the middle of one."""
    lengths = pipe.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head, body = _LENGTHS.unpack(lengths)
    raw = pipe.read(head + body)
    if len(raw) < head + body:
        return None
    tokens: array[int] = array("i")
    tokens.frombytes(raw[head:])
    return json.loads(raw[:head]), tokens


def sampling_arguments(header: dict[str, Any]) -> dict[str, Any]:
    """What SamplingParams is given for an `ask`, but for the kind of output.

    The tokens that end an answer are named one by one, in place of what vLLM finds in the model's files: they are the
    same as those of every other reader of this model then.
    """
    stop = list(header["stop"])
    return {
        "max_tokens": header["max_tokens"],
        "temperature": header["temperature"],
        "top_p": header["top_p"],
        "seed": header["seed"],
        "stop": stop,
        "stop_token_ids": list(header["ends"]),
        "ignore_eos": True,
        "logprobs": header["logprobs"] or None,
        "detokenize": bool(stop),
    }


def answer_of(output: Any) -> Message:
    """The `done` message of a finished RequestOutput."""
    answer, times = output.outputs[0], output.metrics
    tokens = array("i", answer.token_ids)
    header: dict[str, Any] = {
        "op": "done",
        "id": int(output.request_id),
        "finish": answer.finish_reason,
        "stop": answer.stop_reason,
        "cached": output.num_cached_tokens or 0,
        "times": [times.scheduled_ts, times.first_token_ts, times.last_token_ts] if times is not None else None,
    }
    if isinstance(answer.stop_reason, str):
        header["text"] = answer.text
    if answer.logprobs is not None:
        header["logprobs"] = [
            [(token, found[token].logprob), *((t, p.logprob) for t, p in found.items() if t != token)]
            for token, found in zip(tokens, answer.logprobs, strict=True)
        ]
    return header, tokens


class _Inbox:
    """What has come in, read by a thread of its own, so that the writer never waits for the engine."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def take(self, *, wait: bool) -> Message | None:
        """The next message; None where there is none and `wait` is False."""
        if not wait and self._messages.empty():
            return None
        return self._messages.get()

    def _read(self) -> None:
        while (message := read_message(self._pipe)) is not None:
            self._messages.put(message)
        _end_all()


def _end_all() -> None:
    """End this process at once, and with it the processes of its group, which vLLM started."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


class _Service:
    """An engine and what is asked of it."""

    def __init__(self, engine: Any, inbox: _Inbox, outbox: BinaryIO) -> None:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        self._engine, self._inbox, self._outbox = engine, inbox, outbox
        self._params, self._final = SamplingParams, RequestOutputKind.FINAL_ONLY
        self._live: set[int] = set()

    def run(self) -> None:
        """Answer until told to stop."""
        while True:
            deadline = time.monotonic() + _TAKE_SECONDS
            while (message := self._inbox.take(wait=not self._engine.has_unfinished_requests())) is not None:
                if not self._do(*message):
                    return
                if time.monotonic() > deadline:
                    break
            if self._engine.has_unfinished_requests():
                for output in self._engine.step():
                    if output.finished:
                        self._live.discard(int(output.request_id))
                        write_message(self._outbox, *answer_of(output))

    def _do(self, header: dict[str, Any], tokens: array[int]) -> bool:
        engine, op = self._engine, header["op"]
        if op == "ask":
            self._ask(header, tokens)
            return True
        if op == "abort":
            engine.abort_request([str(i) for i in self._live])
            self._live.clear()
            # What was read of a prompt that nobody waited for is not known to the caller, who counts on what is held.
            engine.reset_prefix_cache()
        elif op == "sleep":
            engine.reset_prefix_cache()
            engine.sleep(level=1)
        elif op == "wake":
            engine.wake_up()
        elif op == "stop":
            engine.engine_core.shutdown()
        write_message(self._outbox, {"op": "did", "what": op})
        return bool(op != "stop")

    def _ask(self, header: dict[str, Any], tokens: array[int]) -> None:
        try:
            params = self._params(**sampling_arguments(header), output_kind=self._final)
            self._engine.add_request(str(header["id"]), {"prompt_token_ids": tokens.tolist()}, params)
        except Exception as e:
            # One prompt or sampling that vLLM refuses (by its own kinds of error, which are not ValueError in every
            # version) is that call's fault alone. An engine that is broken says so in its next step.
            write_message(self._outbox, {"op": "failed", "id": header["id"], "error": str(e)})
            return
        self._live.add(header["id"])


def _engine_from(header: dict[str, Any]) -> tuple[Any, bool]:
    """The engine of a `start`, and whether it can sleep."""
    from vllm import EngineArgs, LLMEngine
    from vllm.platforms import current_platform

    arguments = dict(header["arguments"])
    known = [field.name for field in dataclasses.fields(EngineArgs)]
    unknown = next((name for name in arguments if name not in known), None)
    if unknown is not None:
        raise _UnknownError(unknown, known)
    sleeps = bool(header["sleep"]) and bool(current_platform.is_sleep_mode_available())
    if sleeps:
        arguments["enable_sleep_mode"] = True
    return LLMEngine.from_engine_args(EngineArgs(**arguments)), sleeps


class _UnknownError(Exception):
    """An engine argument that this version does not have."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.name, self.known = name, known


def _facts(engine: Any, sleeps: bool) -> dict[str, Any]:
    """What the caller needs to know of an engine that is ready."""
    import vllm

    config = engine.vllm_config
    return {
        "op": "ready",
        "version": vllm.__version__,
        "sleeps": sleeps,
        "blocks": config.cache_config.num_gpu_blocks,
        "block_size": config.cache_config.block_size,
        "prefix_caching": bool(config.cache_config.enable_prefix_caching),
        "window": config.model_config.max_model_len,
        "max_num_seqs": config.scheduler_config.max_num_seqs,
    }


def main(read: int, write: int) -> None:
    """Serve one engine; read, write: descriptors of the pipes."""

    def let_go() -> None:
        """A child that vLLM forks must not hold the pipes open: their end is how each side learns of the other's."""
        os.close(read)
        os.close(write)

    os.register_at_fork(after_in_child=let_go)
    inbox, outbox = _Inbox(os.fdopen(read, "rb")), os.fdopen(write, "wb")
    message = inbox.take(wait=True)
    assert message is not None
    if find_spec("flashinfer") is None:
        os.environ.setdefault("VLLM_USE_FLASHINFER_SAMPLER", "0")
    if find_spec("vllm") is None:
        write_message(outbox, {"op": "refused", "kind": "absent", "error": sys.executable})
        return
    try:
        engine, sleeps = _engine_from(message[0])
        service = _Service(engine, inbox, outbox)
        write_message(outbox, _facts(engine, sleeps))
    except _UnknownError as e:
        write_message(outbox, {"op": "refused", "kind": "unknown", "error": e.name, "known": e.known})
        return
    except Exception as e:
        # Whatever vLLM raises at its start (a dozen types over versions) is a setting that does not work here.
        write_message(outbox, {"op": "refused", "kind": type(e).__name__, "error": str(e)})
        raise
    try:
        service.run()
    except Exception as e:
        write_message(outbox, {"op": "broken", "error": f"{type(e).__name__}: {e}"})
        raise


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by the interpreter's own end, which waits for threads and processes that vLLM may have left.
    _end_all()
