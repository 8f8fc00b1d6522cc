"""vLLM as a reader: an engine in a process of its own, asked for many answers at once.

Prompts go in as token ids, document first where the prompt has it so, and a prefix that two prompts share is read once
(vLLM: Kwon et al. 2023, arXiv 2309.06180). It does not shorten a prompt, which is the route's task, and it never
imports vLLM: the engine's process may run by another interpreter.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pipeline.core.errors import UserError
from pipeline.core.spec import digest_model, runtime, settings
from pipeline.core.tokens import Tokenizer
from pipeline.generators._absent import ABSENT, too_long
from pipeline.generators._checkpoint import config_of, file_of, tokenizer_at, window_of
from pipeline.generators._decode import first_stop, seed_of
from pipeline.generators._gpu_busy import GpuBusy, has_gpu
from pipeline.generators._random_weights import is_random, random_model, stand_in
from pipeline.generators._vllm_fleet import Fleet, Plan
from pipeline.generators._vllm_model import OWN, Texts, overrides, texts
from pipeline.generators._vllm_share import Account, Seconds
from pipeline.generators.base import Call, Completion, EngineUse, Generator, Usage

_DECLINE = "unanswerable"
_Prepared = tuple[int, "array[int] | Completion"]  # a call's number; its token ids, or why it is not asked


@dataclass(slots=True)
class _Asked:
    """A call that an engine works on. tokens: of its prompt. at: when it was handed in."""

    index: int
    engine: int
    tokens: int
    at: float


@dataclass(frozen=True, kw_only=True)
class VLLM(Generator):
    """A causal language model in vLLM. Greedy answers equal those of `hf` but for rounding.

    model: folder, hub name, or `random:` and a shape (random weights: the cost is real, the text is not).
    revision: commit, needed with a hub name. dtype, quantization, kv_cache_dtype: as vLLM names them. chat: as in
    `hf`. rope: position settings in place of the model's (`{rope_type: yarn, factor: 4.0,
    original_max_position_embeddings: 32768}`); needs max_model_len. max_model_len: tokens of prompt and answer
    together; None: the model's. batch_invariant: kernels whose results do not depend on the batch, slower.
    load_format: `dummy` makes weights up; every answer then has exactly `max_tokens` tokens. tokenizer_from: folder of
    another tokenizer. mode: `latency` asks one call at a time, on one engine. logprobs: how many alternatives of each
    answer token `answer_logprobs` holds.

    data_parallel: engines, each with tensor_parallel * pipeline_parallel GPUs; a document stays on one of them.
    gpu_memory_utilization, max_num_batched_tokens (prefill is chunked to it), max_num_seqs, block_size: None: vLLM's
    choice. own_core: the engine's core in one more process, so that taking in long prompts and computing overlap;
    always so on several GPUs. idle: what becomes of the engine between runs: `sleep` leaves the GPU's memory, where
    this vLLM can, and `stop` ends it. python: interpreter that has vLLM; empty: this one. engine: further engine
    arguments by vLLM's names.
    """

    model: str
    revision: str = ""
    dtype: str = "auto"
    chat: bool | Literal["auto"] = "auto"
    quantization: str = ""
    kv_cache_dtype: str = "auto"
    rope: Mapping[str, Any] = field(default_factory=dict, hash=False)
    max_model_len: int | None = None
    batch_invariant: bool = False
    load_format: Literal["auto", "dummy"] = "auto"
    tokenizer_from: str = ""
    mode: Literal["throughput", "latency"] = "throughput"
    seed: int = 0
    logprobs: int = 0
    data_parallel: int = runtime(1)
    tensor_parallel: int = runtime(1)
    pipeline_parallel: int = runtime(1)
    gpu_memory_utilization: float | None = runtime(None)
    max_num_batched_tokens: int | None = runtime(None)
    max_num_seqs: int | None = runtime(None)
    enforce_eager: bool = runtime(False)
    prefix_caching: bool = runtime(True)
    block_size: int | None = runtime(None)
    own_core: bool = runtime(False)
    idle: Literal["keep", "sleep", "stop"] = runtime("keep")
    python: str = runtime("")
    engine: Mapping[str, Any] = runtime(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work together."""
        for name in ("data_parallel", "tensor_parallel", "pipeline_parallel"):
            if getattr(self, name) < 1:
                raise UserError(f"found {getattr(self, name)}", where=name, remedy="Give 1 or more")
        if self.logprobs < 0:
            raise UserError(f"found {self.logprobs}", where="logprobs", remedy="Give 0 for none, or a number")
        if self.rope and self.max_model_len is None:
            raise UserError("rope needs max_model_len", where="rope", remedy="Give the window that it reaches")
        own = next((name for name in self.engine if name in OWN), None)
        if own is not None:
            raise UserError(
                f"{own!r} is set by the reader", where="engine", remedy="Use the reader's own setting for it"
            )

    def resolved_settings(self) -> dict[str, Any]:
        """The settings with digests for the model and the tokenizer; what has no say in an answer is left out."""
        body = settings(self)
        for name, neutral in (("revision", None), ("mode", "throughput"), ("logprobs", 0), ("tokenizer_from", "")):
            if neutral is None or body[name] == neutral:
                del body[name]
        if self.tokenizer_from:
            body["tokenizer_from"] = digest_model(self.tokenizer_from)
        return {**body, "model": self._digest, "load_format": self._load_format}

    @property
    def label(self) -> str:
        """The name in tables: `name`, or the last part of the model's."""
        return self.name or Path(self.model).name

    @cached_property
    def window(self) -> int | None:
        """Tokens of prompt and answer together: `max_model_len`, or what the model's config.json says."""
        return self.max_model_len or window_of(self._config)

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own, without special tokens or chat template."""
        _ = self._digest  # a name without a revision is refused before anything is fetched
        if self.tokenizer_from:
            return tokenizer_at(file_of(self.tokenizer_from, "", "tokenizer.json"))
        return tokenizer_at(file_of(self._place, self.revision, "tokenizer.json"))

    @property
    def note(self) -> str:
        """That weights are random, where they are."""
        return "random weights: its costs are real, its answers mean nothing" if self._load_format == "dummy" else ""

    @property
    def on_gpu(self) -> bool:
        """Whether this machine has a GPU: vLLM would use it."""
        return has_gpu()

    @cached_property
    def answer_logprobs(self) -> dict[str, list[list[tuple[int, float]]]]:
        """By call key: per token of the answer, (token, log-probability) of itself and then of its alternatives."""
        return {}

    @property
    def prefix_capacity(self) -> int | None:
        """Tokens that the engines hold together from one run to the next; starts them. None where they hold none."""
        if not self.prefix_caching or self.idle != "keep":
            return None
        return sum(facts.capacity for facts in self._fleet.wake()) or None

    def cached_ahead(self, calls: Sequence[Call]) -> list[int]:
        """Per call, the prompt tokens that the engines' prefix caches will hold; 0 for one that will not be asked."""
        prepared = [self._prepared(call) for call in calls]
        asked = [prompt for prompt in prepared if not isinstance(prompt, Completion)]
        ahead = iter(self._fleet.ahead(asked))
        return [0 if isinstance(prompt, Completion) else next(ahead) for prompt in prepared]

    def last_use(self) -> EngineUse | None:
        """What the engines did for the calls of the last `generate` that asked any."""
        return self._uses[-1] if self._uses else None

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Answer, each as soon as it is there. Raises UserError where an engine cannot be started.

        Where an engine ends in the middle, its calls fail with how it ended, and are to be asked again.
        """
        self._uses.clear()
        fleet, busy = self._fleet, GpuBusy()
        lanes = self._lanes(calls)
        held: dict[int, _Asked] = {}
        account: Account | None = None
        limit, pays = 1, [Seconds() for _ in lanes]
        try:
            while lanes or held:
                for number in list(lanes):
                    working = sum(asked.engine == number for asked in held.values()) if len(pays) > 1 else len(held)
                    # New prompts come first while the engine could run dry, and answers that are there after that.
                    while account is None or working < max(limit // 2, 1) or (working < limit and fleet.events.empty()):
                        found = next(lanes[number], None)
                        if found is None:
                            del lanes[number]
                            break
                        index, prompt = found
                        if isinstance(prompt, Completion):
                            yield index, prompt
                            continue
                        if account is None:
                            facts = fleet.wake()
                            limit = 1 if self.mode == "latency" else 2 * min(f.max_num_seqs for f in facts)
                            account = Account(self.mode, any(fleet.caches), time.monotonic())
                            busy.start()
                        at = time.monotonic()  # before: the engine may answer while this one still counts
                        name, expected = fleet.ask(number, self._asking(calls[index]), prompt)
                        account.predicted += expected
                        held[name] = _Asked(index, number, len(prompt), at)
                        weight = len(prompt) - expected + calls[index].sampling.max_tokens
                        pays[number].enter(name, weight, at)
                        working += 1
                if not held:
                    continue
                number, header, tokens = fleet.events.get()
                if header["op"] == "gone":
                    ended = fleet.lost(number)
                    error = f"vLLM stopped working: {_line(header['error'])} ({ended})" if header["error"] else ended
                    for name in [name for name, asked in held.items() if asked.engine == number]:
                        asked = held.pop(name)
                        yield asked.index, _lost(asked.tokens, error, pays[number].leave(name, time.monotonic()))
                    for index, prompt in lanes.pop(number, ()):
                        if not isinstance(prompt, Completion):
                            prompt = _lost(len(prompt), error, 0.0)
                        yield index, prompt
                elif header["op"] in ("done", "failed") and header["id"] in held and account is not None:
                    asked = held.pop(header["id"])
                    seconds = pays[number].leave(header["id"], time.monotonic())
                    if header["op"] == "failed":
                        yield asked.index, _lost(asked.tokens, f"vLLM refused it: {_line(header['error'])}", seconds)
                        continue
                    account.add(asked.tokens - header["cached"], len(tokens), asked.at, header["times"])
                    yield asked.index, self._completion(calls[asked.index], asked.tokens, header, tokens, seconds)
        except GeneratorExit:
            if sys.is_finalizing():
                fleet.end()  # the threads that would hear from the engines run no more
            fleet.drop(sorted({asked.engine for asked in held.values()}))
            raise
        except BaseException:
            fleet.end()
            raise
        finally:
            busy.stop()
            if account is not None:
                self._uses.append(account.use(time.monotonic(), busy.share))
            fleet.rest()

    def close(self) -> None:
        """End the engines. What `answer_logprobs` and `last_use` hold stays."""
        if "_fleet" in self.__dict__:
            self._fleet.end(orderly=True)

    def _lanes(self, calls: Sequence[Call]) -> dict[int, Iterator[_Prepared]]:
        """Per engine, its calls in order. For a single one a prompt is tokenized when its turn comes."""
        if self._engines == 1:
            return {0: ((i, self._prepared(call)) for i, call in enumerate(calls))}
        lanes: dict[int, list[_Prepared]] = {number: [] for number in range(self._engines)}
        prepared = [self._prepared(call) for call in calls]
        asked = [prompt for prompt in prepared if not isinstance(prompt, Completion)]
        where = iter(self._fleet.homes.share_out(asked))
        for i, prompt in enumerate(prepared):
            lanes[0 if isinstance(prompt, Completion) else next(where)].append((i, prompt))
        return {number: iter(lane) for number, lane in lanes.items()}

    def _prepared(self, call: Call) -> array[int] | Completion:
        """The prompt's token ids, or the completion of a call that cannot be asked."""
        if not call.prompt.complete:
            return ABSENT
        ids = self._texts.encode(call.prompt)
        return too_long(len(ids), call.sampling.max_tokens, self.window) or ids

    def _asking(self, call: Call) -> dict[str, Any]:
        sampling, made_up = call.sampling, self._load_format == "dummy"
        return {
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": seed_of(call) if sampling.temperature > 0 else None,
            # Random weights never mean to end: their answers are as long as was asked for.
            "stop": [] if made_up else [s for s in sampling.stop if s],
            "ends": [] if made_up else self._texts.ends,
            "logprobs": self.logprobs,
        }

    def _completion(
        self, call: Call, prompt: int, header: dict[str, Any], tokens: array[int], seconds: float
    ) -> Completion:
        usage = Usage(prompt_tokens=prompt, completion_tokens=len(tokens), cached_tokens=header["cached"])
        if "logprobs" in header:
            self.answer_logprobs[self.call_key(call)] = [[(t, p) for t, p in row] for row in header["logprobs"]]
        if is_random(self.model):
            return Completion(text=stand_in(call.prompt.digest, _DECLINE), usage=usage, seconds=seconds)
        text = self._texts.decode(tokens)
        at = first_stop(text, call.sampling.stop)
        if at is not None:
            text = text[:at]
        elif "text" in header:
            text = header["text"]
        if header["finish"] == "stop" or self._load_format == "dummy":
            return Completion(text=text, usage=usage, seconds=seconds)
        if header["finish"] == "length":
            error = f"the answer was cut off at {call.sampling.max_tokens} tokens"
            return Completion(text, "failed", "length", error, usage, seconds=seconds)
        error = f"vLLM ended it: {header['finish']}"
        return Completion(text, "failed", "error", error, usage, seconds=seconds, final=False)

    def _arguments(self) -> dict[str, Any]:
        """The engine's arguments, as vLLM names them; None is vLLM's choice."""
        given = {
            "model": self._place,
            "revision": self.revision or None,
            "tokenizer": self.tokenizer_from or None,
            "dtype": self.dtype,
            "quantization": self.quantization or None,
            "kv_cache_dtype": self.kv_cache_dtype,
            "hf_overrides": overrides(self.rope, self._config, self.window) or None,
            "max_model_len": self.window,
            "load_format": self._load_format,
            "seed": self.seed,
            # Not the model's own: a saved temperature or penalty would change what greedy means.
            "generation_config": "vllm",
            "tensor_parallel_size": self.tensor_parallel,
            "pipeline_parallel_size": self.pipeline_parallel,
            "gpu_memory_utilization": self.gpu_memory_utilization,
            "enable_chunked_prefill": True,
            "max_num_batched_tokens": self.max_num_batched_tokens,
            "max_num_seqs": self.max_num_seqs,
            "max_logprobs": self.logprobs or None,
            "enforce_eager": self.enforce_eager,
            "enable_prefix_caching": self.prefix_caching,
            "block_size": self.block_size,
        }
        return {**{name: value for name, value in given.items() if value is not None}, **self.engine}

    @property
    def _engines(self) -> int:
        return 1 if self.mode == "latency" else self.data_parallel

    @property
    def _load_format(self) -> str:
        return "dummy" if is_random(self.model) else self.load_format

    @cached_property
    def _place(self) -> str:
        """The model's folder, in full, or its name on the hub."""
        if is_random(self.model):
            return str(random_model(self.model))
        return str(Path(self.model).resolve()) if Path(self.model).is_dir() else self.model

    @cached_property
    def _digest(self) -> str:
        return digest_model(self._place, self.revision)

    @cached_property
    def _config(self) -> dict[str, Any]:
        _ = self._digest  # a name without a revision is refused before anything is loaded
        return config_of(self._place, self.revision)

    @cached_property
    def _texts(self) -> Texts:
        _ = self._digest
        return texts(self._place, self.revision, self.tokenizer_from, self.chat)

    @cached_property
    def _fleet(self) -> Fleet:
        each = self.tensor_parallel * self.pipeline_parallel
        return Fleet(
            Plan(
                python=self.python,
                arguments=self._arguments(),
                replicas=self._engines,
                each=each,
                own_core=self.own_core or each > 1,
                batch_invariant=self.batch_invariant,
                idle=self.idle,
                caching=self.prefix_caching,
                block=self.block_size,
            )
        )

    @cached_property
    def _uses(self) -> list[EngineUse]:
        return []


def _lost(tokens: int, error: str, seconds: float) -> Completion:
    """A call that the engine did not answer, to be asked again."""
    usage = Usage(prompt_tokens=tokens)
    return Completion("", "failed", "error", error, usage, seconds=seconds, final=False)


def _line(text: str) -> str:
    return " ".join(text.split())
