"""Starting, talking to and ending the processes that own vLLM's engines, with every failure told in one line.

It knows processes, pipes and what vLLM says when it cannot start. It does not know calls or completions.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
from array import array
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import MissingPackageError, UserError, nearest
from pipeline.generators._vllm_worker import Message, read_message, write_message

_WORKER = Path(__file__).with_name("_vllm_worker.py")
_PATIENCE = 15.0
"""Seconds that an engine has to end in an orderly way."""
_CAUSE = re.compile(r"\b([\w.]*(?:Error|Exception|Interrupt)): (.+)")
_GENERAL = "Engine core initialization failed"
_CHATTER = re.compile(r"\b(?:DEBUG|INFO|WARNING) \d\d-\d\d |Warning: ")

# What vLLM's sentence holds -> what to do. The first that fits decides.
_REMEDIES = (
    (
        r"KV cache is needed|No available memory for the cache|KV cache memory|num_gpu_blocks",
        "Lower max_model_len, raise gpu_memory_utilization, give kv_cache_dtype: fp8, or raise tensor_parallel",
    ),
    (
        r"less than desired|[Ff]ree memory",
        "Lower gpu_memory_utilization, or end what else holds the GPU's memory",
    ),
    (
        r"[Oo]ut of memory|OutOfMemory",
        "Lower max_num_batched_tokens, max_num_seqs or gpu_memory_utilization, or raise tensor_parallel",
    ),
    (r"max_model_len|maximum model length", "Lower max_model_len, or give rope a scaling that reaches as far"),
    (
        r"architecture|not supported for now|model type|Unrecognized model",
        "Name a model that this vLLM knows, use another version of it, or the reader hf",
    ),
    (
        r"[Tt]ensor parallel|tensor_parallel|pipeline_parallel|World size|world size|number of attention heads",
        "Change tensor_parallel or pipeline_parallel to what the model and this machine allow",
    ),
    (
        r"infer device type|No CUDA|no NVIDIA|CUDA driver|No HIP|CUDA-capable",
        "Run it on a machine with a GPU, or name as python: an interpreter whose vLLM is built for this machine",
    ),
    (r"max_num_batched_tokens", "Raise max_num_batched_tokens"),
    (r"block size|block_size", "Give another block_size, or none"),
    (r"dtype|bfloat16|float16", "Give another dtype"),
    (r"quantiz", "Give another quantization, or none"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What an engine that is ready says of itself. blocks: of block_size tokens each, in its prefix cache."""

    version: str
    sleeps: bool
    blocks: int
    block_size: int
    prefix_caching: bool
    window: int
    max_num_seqs: int

    @property
    def capacity(self) -> int:
        """Tokens that its prefix cache can hold. One block of an engine's is never used: it stands for no block."""
        return max(self.blocks - 1, 1) * self.block_size if self.prefix_caching else 0


class Events:
    """What the engines say, in the order in which it arrives: (which engine, header, token ids)."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[int, dict[str, Any], array[int]]] = queue.SimpleQueue()
        self.put, self.get, self.empty = self._queue.put, self._queue.get, self._queue.empty


class Engine:
    """One process with one engine. number: which of several; it stands in its events.

    The process is started at once and gets ready by itself; `ready` waits for that.
    """

    def __init__(
        self, number: int, python: str, arguments: Mapping[str, Any], env: Mapping[str, str], *, sleep: bool
    ) -> None:
        self.number = number
        self.facts: Facts | None = None
        self._python = python
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()
        # A file, and no pipe: what vLLM says of itself may be long, and nobody reads it while the engine works.
        # Without a name, so that none is left behind where this process is killed.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            # -P: the worker's folder must not be searched for modules, where a file is called vllm.py. A session of
            # its own: Ctrl-C is for the run, which ends the engine, and all that vLLM started is ended as one group.
            self._process = subprocess.Popen(
                [python, "-P", str(_WORKER), str(in_read), str(out_write)],
                pass_fds=(in_read, out_write),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env=dict(env),
                start_new_session=True,
            )
        except OSError as e:
            for fd in (in_read, in_write, out_read, out_write):
                os.close(fd)
            self._log.close()
            raise UserError(
                f"the interpreter {python!r} cannot be started: {e.strerror}", where="python", remedy="Name another"
            ) from None
        os.close(in_read)
        os.close(out_write)
        self._to, self._from = os.fdopen(in_write, "wb"), os.fdopen(out_read, "rb")
        self.send({"op": "start", "arguments": dict(arguments), "sleep": sleep})

    @property
    def pid(self) -> int:
        """The process, which leads a group of its own number."""
        return self._process.pid

    def ready(self, events: Events) -> Facts:
        """Wait until it can be asked; from then on what it says goes to `events`. Raises UserError where it cannot."""
        message = read_message(self._from)
        if message is None or message[0]["op"] != "ready":
            self._wait()
            error = self._refusal(message[0] if message else None)
            self.end()
            raise error
        self.facts = Facts(**{k: v for k, v in message[0].items() if k != "op"})
        threading.Thread(target=self._listen, args=(events,), name=f"vllm-{self.number}", daemon=True).start()
        return self.facts

    def send(self, header: dict[str, Any], tokens: array[int] | None = None) -> None:
        """Tell it something. To one that has ended this does nothing: its end is an event."""
        with suppress(BrokenPipeError):
            write_message(self._to, header, tokens)

    def end(self, *, orderly: bool = False) -> None:
        """End it and all that it started, and wait until they are gone. orderly: let it put things away first."""
        if orderly and self._process.poll() is None:
            self.send({"op": "stop"})
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
        self._kill()
        with suppress(BrokenPipeError):
            self._to.close()
        self._log.close()

    def how_it_ended(self) -> str:
        """Why the process is no more, in one line: its signal or exit status, and the last that it said."""
        self._wait()
        code = self._process.returncode
        how = f"was killed by {_signal(-code)}" if code < 0 else f"ended with exit status {code}"
        said = self._last_lines(1)
        return f"the vLLM process {how}" + (f"; it last said: {said[0]}" if said else "")

    def _listen(self, events: Events) -> None:
        broken = ""
        while (message := read_message(self._from)) is not None:
            if message[0]["op"] == "broken":
                broken = str(message[0]["error"])
            else:
                events.put((self.number, *message))
        self._from.close()
        events.put((self.number, {"op": "gone", "error": broken}, array("i")))

    def _wait(self) -> None:
        """For the end of a process that closed its pipe."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self._kill()

    def _kill(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        with suppress(ProcessLookupError, PermissionError):
            # Until the last of the group is gone: its GPU memory is free only then.
            while time.monotonic() < deadline:
                os.killpg(self._process.pid, signal.SIGKILL)
                if self._process.poll() is None:
                    self._process.wait(_PATIENCE)
                time.sleep(0.01)
        if self._process.poll() is None:
            self._process.wait(_PATIENCE)

    def _last_lines(self, count: int) -> list[str]:
        size, most = os.fstat(self._log.fileno()).st_size, 20_000
        # Not by moving the file's position: the engine writes where it stands.
        raw = os.pread(self._log.fileno(), most, max(0, size - most))
        lines = [line.strip() for line in raw.decode("utf-8", "replace").splitlines()]
        return [line[:300] for line in lines if line and not _CHATTER.search(line)][-count:]

    def _refusal(self, said: Message | dict[str, Any] | None) -> UserError:
        if not isinstance(said, dict):
            lines = self._last_lines(1)
            cause = next((m[0] for line in reversed(self._last_lines(200)) if (m := _CAUSE.search(line))), None)
            what = cause or (lines[0] if lines else self.how_it_ended())
            return UserError(f"vLLM cannot be started: {what}", where="vllm", remedy=_remedy(what))
        if said["kind"] == "absent":
            return MissingPackageError("vllm", "gpu", where=f"vllm ({said['error']})")
        if said["kind"] == "unknown":
            return UserError(
                f"this vLLM has no engine argument {said['error']!r}",
                where="engine",
                remedy=nearest(said["error"], said["known"]),
            )
        what = _sentence(said["error"])
        if _GENERAL in what:
            # The engine's core is a process of its own then, and what went wrong stands in what it said.
            causes = [m[2] for line in self._last_lines(400) if (m := _CAUSE.search(line)) and _GENERAL not in line]
            what = causes[-1] if causes else what
        return UserError(f"vLLM cannot be started: {what}", where="vllm", remedy=_remedy(what))


def _sentence(error: str) -> str:
    """vLLM's own sentence, out of an error that may be a validation's of many lines."""
    lines = [line.strip() for line in error.splitlines() if line.strip()] or ["it gave no reason"]
    told = next((line for line in lines if line.startswith(("Value error, ", "Assertion failed, "))), None)
    if told is None and "validation error" in lines[0] and len(lines) > 2:
        told = f"{lines[1]}: {lines[2]}"
    told = told or lines[0]
    return told.removeprefix("Value error, ").removeprefix("Assertion failed, ").split(" [type=")[0].rstrip(". ")


def _remedy(what: str) -> str:
    return next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, what)), "Change the setting it names")


def _signal(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def devices(replicas: int, each: int, env: Mapping[str, str]) -> list[dict[str, str]]:
    """What each replica's environment must say of the GPUs that it may use, `each` of them; nothing for a single one.

    Raises UserError where the environment names too few.
    """
    if replicas == 1:
        return [{}]
    named = [d for d in env.get("CUDA_VISIBLE_DEVICES", "").split(",") if d]
    named = named or [str(d) for d in range(replicas * each)]
    if len(named) < replicas * each:
        raise UserError(
            f"{replicas} engines of {each} GPUs each need {replicas * each}, "
            f"and CUDA_VISIBLE_DEVICES names {len(named)}",
            where="data_parallel",
            remedy="Lower it, or name more GPUs",
        )
    return [{"CUDA_VISIBLE_DEVICES": ",".join(named[k * each : (k + 1) * each])} for k in range(replicas)]
