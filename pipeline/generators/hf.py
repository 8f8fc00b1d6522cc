"""Any causal language model of `transformers`, from a folder or by its name on the hub.

It reads whole prompts and decodes them in batches. It does not shorten a prompt, which is the route's task; what a
KV policy drops once the prompt is read, and what a soft compressor puts in the context's place, are theirs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from pipeline.core.errors import UserError
from pipeline.core.records import Prompt
from pipeline.core.spec import digest_model, runtime, settings
from pipeline.core.tokens import Tokenizer
from pipeline.generators._absent import ABSENT, too_long
from pipeline.generators._checkpoint import Loaded, config_of, digest_code, file_of, load, tokenizer_at, window_of
from pipeline.generators._decode import GumbelDraw, StopTexts, first_stop, seed_of
from pipeline.generators._token_ids import TokenIds, by_template
from pipeline.generators.base import Call, Completion, Generator, Sampling, Usage


class KVReading(Protocol):
    """One prompt and its answer under a KV policy."""

    @property
    def cache(self) -> Any:
        """The `past_key_values` of the model."""

    @property
    def use(self) -> Any:
        """Bytes and seconds until now, under the names of `HF.kv_use`."""


@runtime_checkable
class KVPolicy(Protocol):
    """What is kept of a prompt that was read: a frozen dataclass of settings, all of which change answers."""

    version: ClassVar[int]

    def reading(self, model: Any) -> AbstractContextManager[KVReading]:
        """Raises UserError for a model that the policy cannot work in."""


class SoftReading(Protocol):
    """One prompt and its answer under a soft compressor."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What `generate` of the model is given for the prompt: tokens or vectors, their mask, a cache."""

    @property
    def use(self) -> Any:
        """Bytes and seconds until now, under the names of `HF.kv_use`."""


class SoftPrompt(Sized, Protocol):
    """A prompt before it is compressed; its length is the positions of the model that will stand for it."""

    def reading(self) -> AbstractContextManager[SoftReading]:
        """Compresses."""


@runtime_checkable
class SoftCompressor(Protocol):
    """What stands for a prompt's context in the model: a frozen dataclass of settings, all of which change answers.

    runs_code: whether the model is loaded with the code that comes with it.
    """

    version: ClassVar[int]

    @property
    def runs_code(self) -> bool: ...  # noqa: D102

    def window(self, positions: int, config: Mapping[str, Any]) -> int | None:
        """Tokens of prompt and answer that fit so many positions of a model with this config.json; None: no limit."""

    def plan(self, model: Any, prompt: Prompt, ids: Sequence[int], places: Sequence[tuple[int, int]]) -> SoftPrompt:
        """A complete prompt of the tokens `ids`, each with its characters `[start, end)` of the prompt's text.

        Characters of what the prompt does not hold (special tokens, a chat template) lie outside of it. Raises
        UserError for a model, or for a document, that the compressor was not made for.
        """


@dataclass(frozen=True, kw_only=True)
class HF(Generator):
    """A causal model. In float32 an answer does not depend on its batch beyond rounding; in 16 bits near-ties may turn.

    model: folder saved by `save_pretrained`, or hub name. revision: commit, needed with a hub name.
    dtype: `auto` (as saved) or a torch type's name. chat: wrap the prompt as one user turn of the tokenizer's chat
    template; `auto`: if it has one. device: torch's name of it; empty: cuda where there is one. batch_size: prompts at
    once; halved by itself where memory runs out. kv: a KVPolicy; soft: a SoftCompressor; with either, prompts are read
    one at a time. Under `soft`, `window` is in tokens and `Usage.prompt_tokens` in positions of the model.
    """

    model: str
    revision: str = ""
    dtype: str = "auto"
    chat: bool | Literal["auto"] = "auto"
    # Not typed as the protocol: settings are checked against types, and a protocol is none that can be built from YAML.
    kv: Any = None
    soft: Any = None
    device: str = runtime("")
    batch_size: int = runtime(8)

    def __post_init__(self) -> None:
        """Raises UserError for a `kv` that is no policy, a `soft` that is no compressor, and for both."""
        if self.kv is not None and (isinstance(self.kv, type) or not isinstance(self.kv, KVPolicy)):
            raise UserError(
                f"{self.kv!r} is no KV policy", where="kv", remedy="Write kv: {type: snapkv, budget: 0.25}, say"
            )
        if self.soft is not None and (isinstance(self.soft, type) or not isinstance(self.soft, SoftCompressor)):
            raise UserError(
                f"{self.soft!r} is no soft compressor", where="soft", remedy="Write soft: {type: compllm, model: ...}"
            )
        if self.kv is not None and self.soft is not None:
            raise UserError("a KV policy and a soft compressor at once", where="soft", remedy="Leave kv or soft out")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings with the model's digest for its place."""
        body = settings(self)
        del body["revision"]
        if self.kv is None:
            # Answers of a dense cache keep the identity that they had before there were policies.
            del body["kv"]
        if self.soft is None:
            del body["soft"]
        elif self.soft.runs_code:
            body["code"] = digest_code(self.model)
        return {**body, "model": self._digest}

    @property
    def label(self) -> str:
        """The name in tables: `name`, or the last part of the model's."""
        return self.name or Path(self.model).name

    @cached_property
    def window(self) -> int | None:
        """Positions of the model, from its config.json; under `soft` the tokens that they hold."""
        if self.soft is None or self._positions is None:
            return self._positions
        held: int | None = self.soft.window(self._positions, self._config)
        return held

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own, without special tokens or chat template."""
        _ = self._digest
        return tokenizer_at(file_of(self.model, self.revision, "tokenizer.json"))

    @property
    def on_gpu(self) -> bool:
        """As its device says, or as torch chooses."""
        import torch

        return self.device.startswith("cuda") or (not self.device and torch.cuda.is_available())

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Answer in batches of equal sampling, in order. Raises UserError where the model cannot be loaded or run."""
        if self.batch_size < 1:
            raise UserError(
                f"a batch of {self.batch_size} holds no prompt", where="batch_size", remedy="Give 1 or more"
            )
        self.kv_uses.clear()
        tokenizer = self._loaded.tokenizer
        ids = TokenIds(tokenizer, chat=by_template(tokenizer, self.chat, self.model))
        size = self.batch_size if self.kv is None and self.soft is None else 1
        batch: list[tuple[int, Call, Any]] = []
        for i, call in enumerate(calls):
            if not call.prompt.complete:
                yield i, ABSENT
                continue
            tokens = self._prepared(call.prompt, ids)
            if (refused := too_long(len(tokens), call.sampling.max_tokens, self._positions)) is not None:
                yield i, refused
                continue
            if batch and (len(batch) >= size or _drawn(batch[0][1].sampling) != _drawn(call.sampling)):
                yield from self._run(batch)
                batch = []
            batch.append((i, call, tokens))
        if batch:
            yield from self._run(batch)

    def close(self) -> None:
        """Let go of the model and of its memory. What `kv_uses` recorded stays."""
        if self.__dict__.pop("_loaded", None) is not None:
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    @cached_property
    def kv_uses(self) -> list[tuple[Call, Any]]:
        """(call, bytes and seconds) of each prompt of the last `generate` under `kv` or `soft`, in order of reading."""
        return []

    def kv_use(self) -> dict[str, Any] | None:
        """What `kv` or `soft` took for the calls of the last `generate`, as a log takes it; None: neither, or no call.

        policy, settings: its class and settings. prompts, tokens, dense_bytes, kept_bytes and the three seconds are
        sums; peak_bytes, attended: the most of any prompt, for they are read one at a time. peak_share: the largest
        peak_bytes / dense_bytes of a prompt.
        """
        uses = [use for _, use in self.kv_uses]
        if not uses:
            return None
        sums = ("tokens", "dense_bytes", "kept_bytes", "prefill_seconds", "compress_seconds", "decode_seconds")
        policy = self.soft if self.kv is None else self.kv
        return {
            "policy": type(policy).__name__,
            "settings": settings(policy),
            "prompts": len(uses),
            **{name: sum(getattr(use, name) for use in uses) for name in sums},
            "peak_bytes": max(use.peak_bytes for use in uses),
            "peak_share": max(use.peak_bytes / use.dense_bytes if use.dense_bytes else 1.0 for use in uses),
            "attended": max(use.attended for use in uses),
        }

    def _prepared(self, prompt: Prompt, ids: TokenIds) -> Sized:
        """Its tokens, or what will stand for them."""
        if self.soft is None:
            return ids.whole(prompt.text).tolist()
        planned: SoftPrompt = self.soft.plan(self._loaded.model, prompt, *ids.placed(prompt))
        return planned

    def _run(self, batch: list[tuple[int, Call, Any]]) -> Iterator[tuple[int, Completion]]:
        import torch

        start = time.perf_counter()
        try:
            rows = self._decode(batch)
        except torch.OutOfMemoryError:
            rows = None
        if rows is None:
            # Outside the handler: the traceback would hold the tensors that must go.
            torch.cuda.empty_cache()
            if len(batch) == 1:
                i, _, tokens = batch[0]
                error = f"out of memory on a prompt of {len(tokens)} tokens"
                usage = Usage(prompt_tokens=len(tokens))
                yield i, Completion(text="", status="failed", finish="error", error=error, usage=usage, final=False)
                return
            half = len(batch) // 2
            yield from self._run(batch[:half])
            yield from self._run(batch[half:])
            return
        seconds = (time.perf_counter() - start) / len(batch)
        for (i, _, _), row in zip(batch, rows, strict=True):
            yield i, replace(row, seconds=seconds)

    def _decode(self, batch: list[tuple[int, Call, Any]]) -> list[Completion]:
        import torch

        model, tokenizer, *_ = self._loaded
        sampling = batch[0][1].sampling
        draws = []
        if sampling.temperature > 0:
            seeds = [seed_of(call) for _, call, _ in batch]
            draws = [GumbelDraw(seeds, sampling.temperature, sampling.top_p)]
        with torch.inference_mode(), self._reading(batch) as reading:
            given = self._padded(batch) if self.soft is None else reading.inputs
            # Given vectors, the model returns nothing but the answer.
            width = given["input_ids"].shape[1] if "input_ids" in given else 0
            stops = StopTexts(lambda t: _text(tokenizer, t), width, sampling.stop, len(batch))
            out = model.generate(
                **given,
                max_new_tokens=sampling.max_tokens,
                do_sample=False,
                logits_processor=draws,
                stopping_criteria=[stops] if sampling.stop else [],
                **({} if self.kv is None else {"past_key_values": reading.cache}),
            )
            if reading is not None:
                self.kv_uses.append((batch[0][1], reading.use))
        answers = out[:, width:].tolist()
        rows = zip(batch, answers, stops.lengths, strict=True)
        return [self._completion(call.sampling, tokens, answer, cut) for (_, call, tokens), answer, cut in rows]

    def _reading(self, batch: list[tuple[int, Call, Any]]) -> AbstractContextManager[Any]:
        """The reading of the one prompt under `kv` or `soft`; else of None."""
        if self.soft is not None:
            reading: AbstractContextManager[SoftReading] = batch[0][2].reading()
            return reading
        return nullcontext() if self.kv is None else self.kv.reading(self._loaded.model)

    def _padded(self, batch: list[tuple[int, Call, Any]]) -> dict[str, Any]:
        """The prompts' tokens behind padding, and the mask that tells them apart."""
        import torch

        width = max(len(tokens) for _, _, tokens in batch)
        padded = [[self._loaded.pad] * (width - len(tokens)) + tokens for _, _, tokens in batch]
        mask = [[0] * (width - len(tokens)) + [1] * len(tokens) for _, _, tokens in batch]
        device = self._loaded.model.device
        return {
            "input_ids": torch.tensor(padded, device=device),
            "attention_mask": torch.tensor(mask, device=device),
        }

    def _completion(self, sampling: Sampling, prompt: Sized, answer: list[int], stopped: int | None) -> Completion:
        _, tokenizer, eos, _ = self._loaded
        ended = next((n for n, token in enumerate(answer, start=1) if token in eos), None)
        length = min(n for n in (stopped, ended, len(answer)) if n is not None)
        text = _text(tokenizer, answer[:length])
        if (at := first_stop(text, sampling.stop)) is not None:
            text = text[:at]
        usage = Usage(prompt_tokens=len(prompt), completion_tokens=length)
        if stopped is None and ended is None:
            error = f"the answer was cut off at {sampling.max_tokens} tokens"
            return Completion(text=text, status="failed", finish="length", error=error, usage=usage)
        return Completion(text=text, usage=usage)

    @cached_property
    def _config(self) -> dict[str, Any]:
        _ = self._digest  # a name without a revision is refused before anything is fetched
        return config_of(self.model, self.revision)

    @property
    def _positions(self) -> int | None:
        return window_of(self._config)

    @cached_property
    def _digest(self) -> str:
        return digest_model(self.model, self.revision)

    @cached_property
    def _loaded(self) -> Loaded:
        _ = self._digest  # a name without a revision is refused before anything is loaded
        code = self.soft is not None and self.soft.runs_code
        return load(self.model, self.revision, dtype=self.dtype, device=self.device, own_code=code)


def _drawn(sampling: Sampling) -> Sampling:
    """What one batch must have in common: all but the seed, which each row has for itself."""
    return replace(sampling, seed=0)


def _text(tokenizer: Any, tokens: Any) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=True))
