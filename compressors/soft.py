"""Soft compressors: what stands for a prompt's context in the model itself, as settings of the `hf` reader.

The context of a prompt is the text of its parts of role document and passage. A soft compressor puts vectors, or keys
and values, in its place; instruction, labels, question and chat template stay the tokens that they would be without it.
Each needs weights that were trained for the reader's model. This file holds what all of them share: which tokens are
context, the window, the record of bytes and seconds, and the base classes. It knows no method.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from compressors.kv import KVUse, at_least
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt
from pipeline.core.spec import runtime

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class SoftUse(KVUse):
    """What one prompt and its answer took, dense_bytes being what the prompt's tokens would have taken as they are.

    context: tokens that something else stands for. made: units that were computed or loaded for this prompt (segments,
    prefixes, windows); remembered: units that were at hand from prompts before. attended: positions and answer.
    """

    context: int = 0
    made: int = 0
    remembered: int = 0


class Run(NamedTuple):
    """Tokens [first, last) of a prompt, all of them text of one of its parts."""

    part: Part
    first: int
    last: int


def context_runs(prompt: Prompt, places: Sequence[tuple[int, int]]) -> list[Run]:
    """The tokens of each document and passage, in the prompt's order; of a part without a token of its own, none.

    places: of each token the characters [start, end) of the prompt's text. A token that reaches over a part's border
    stays a token of the prompt.
    """
    runs: list[Run] = []
    token = end = 0
    for part in prompt.parts:
        start, end = end, end + len(part.text or "")
        if part.role not in ("document", "passage"):
            continue
        while token < len(places) and places[token][0] < start:
            token += 1
        first = token
        while token < len(places) and start <= places[token][0] and places[token][1] <= end:
            token += 1
        if first < token:
            runs.append(Run(part, first, token))
    return runs


def rest_of(ids: Sequence[int], runs: Sequence[Run]) -> list[list[int]]:
    """The tokens before, between and behind the runs: one list more than there are runs."""
    cuts = [0, *(at for run in runs for at in (run.first, run.last)), len(ids)]
    return [list(ids[a:b]) for a, b in zip(cuts[::2], cuts[1::2], strict=True)]


def cache_shape(model: Any) -> tuple[int, int, int]:
    """Layers, key/value heads and a head's size, of a model whose layers are alike in them."""
    config = model.config.get_text_config(decoder=True)
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return config.num_hidden_layers, heads, size


@dataclass(frozen=True, kw_only=True)
class SoftCompressor(ABC):
    """A compressor's settings. Subclasses are frozen dataclasses.

    reserve: positions of the window that are counted as tokens when a route asks how much fits: room for what is not
    compressed and for the answer. Where those take more, the reader refuses the prompt. It changes no answer.
    """

    version: ClassVar[int] = 1

    reserve: int = runtime(1024)

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        at_least(0, reserve=self.reserve)

    @property
    def runs_code(self) -> bool:
        """Whether the model is loaded with the code that comes with it."""
        return False

    def window(self, positions: int, config: Mapping[str, Any]) -> int | None:
        """Tokens of prompt and answer that fit so many positions of a model with this config.json; None: no limit."""
        spare = positions - self.reserve
        return positions if spare <= 0 else max(positions, self.reserve + self.tokens_in(spare, config))

    @abstractmethod
    def tokens_in(self, positions: int, config: Mapping[str, Any]) -> int:
        """Tokens of context that so many positions stand for."""

    @abstractmethod
    def plan(self, model: Any, prompt: Prompt, ids: Sequence[int], places: Sequence[tuple[int, int]]) -> SoftPrompt:
        """A complete prompt of these tokens, each with its characters `[start, end)` of the prompt's text.

        Raises UserError for a model, or for a document, that the compressor was not made for.
        """


class SoftPrompt(ABC):
    """A prompt that was planned, and not yet compressed. Its length is in positions of the model.

    tokens: of the prompt as it is; context: of these, those that something else stands for.
    """

    made = remembered = 0

    def __init__(self, model: Any, *, tokens: int, context: int, positions: int) -> None:
        self.model, self.tokens, self.context, self._positions = model, tokens, context, positions

    def __len__(self) -> int:
        return self._positions

    @abstractmethod
    def inputs(self) -> dict[str, Any]:
        """What `generate` of the model is given. Compresses, and counts in `made` and `remembered`."""

    def peak(self) -> int:
        """The most positions at any time whose keys and values stood in memory, before the answer."""
        return len(self)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """One prompt and its answer: `with prompt.reading() as r: model.generate(**r.inputs)`."""
        now = Reading(self)
        handle = self.model.register_forward_pre_hook(now.step)
        try:
            yield now
        finally:
            handle.remove()


class Reading:
    """inputs: for `generate`, made when the reading is."""

    def __init__(self, prompt: SoftPrompt) -> None:
        self._prompt = prompt
        start = self._now()
        self.inputs = prompt.inputs()
        self._begun = self._now()
        self._compress = self._begun - start
        self._steps: int = 0
        self._decoding: float | None = None

    def step(self, *_: Any) -> None:
        """The model is about to compute: the prompt at first, then each of the answer's tokens but the last."""
        self._steps += 1
        if self._steps == 2:
            self._decoding = self._now()

    @property
    def use(self) -> SoftUse:
        """Bytes and seconds until now."""
        now, prompt = self._now(), self._prompt
        decoding = now if self._decoding is None else self._decoding
        entry = 2 * prod(cache_shape(prompt.model)) * prompt.model.dtype.itemsize
        return SoftUse(
            tokens=prompt.tokens,
            dense_bytes=prompt.tokens * entry,
            kept_bytes=len(prompt) * entry,
            peak_bytes=prompt.peak() * entry,
            attended=len(prompt) + self._steps - 1 if self._steps > 1 else 0,
            prefill_seconds=decoding - self._begun,
            compress_seconds=self._compress,
            decode_seconds=now - decoding,
            context=prompt.context,
            made=prompt.made,
            remembered=prompt.remembered,
        )

    def _now(self) -> float:
        device = self._prompt.model.device
        if device.type == "cuda":
            import torch

            torch.cuda.synchronize(device)
        return time.perf_counter()


def file_of(name: str, revision: str, file: str) -> Path:
    """Where a file of a folder, or of a model fetched from a hub, lies on this machine. Raises UserError if nowhere."""
    from transformers.utils.hub import cached_file

    try:
        return Path(str(cached_file(name, file, revision=revision or None, local_files_only=True)))
    except OSError as e:
        raise UserError(
            f"no {file} in {name!r}", where="soft: model", remedy="Fetch it, or name a folder with it"
        ) from e


@contextmanager
def opened(file: Path, where: str) -> Iterator[Any]:
    """A safetensors file as its library opens it. Raises UserError where it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), framework="pt") as tensors:
            yield tensors
    except (OSError, SafetensorError) as e:
        raise UserError(f"{str(file)!r} cannot be read: {e}", where=where, remedy="Save it again") from e


def tensors_of(file: Path, where: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file, and what is said beside them. Raises UserError where they cannot be read."""
    with opened(file, where) as tensors:
        return {name: tensors.get_tensor(name) for name in tensors.keys()}, tensors.metadata() or {}  # noqa: SIM118
