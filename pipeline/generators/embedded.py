"""The reader that ships: a small long-context Llama of ours, read from this package's own folder.

It turns a prompt into the one form that the model was trained on, which is document, question, answer, and answers in a
few words or with `unanswerable`. It follows no instructions, knows next to nothing that the text does not say, and
does not know which route asks.

    <s>DOCUMENT\\n\\nQuestion: QUESTION\\nAnswer: ANSWER\\n
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pipeline.core.errors import UserError
from pipeline.core.records import Prompt
from pipeline.core.spec import digest_model, runtime, settings
from pipeline.core.tokens import Tokenizer
from pipeline.generators._absent import ABSENT, UNASKED, too_long
from pipeline.generators._checkpoint import config_of, file_of, tokenizer_at
from pipeline.generators._decode import GumbelDraw, first_stop, seed_of
from pipeline.generators._llama import Llama, Memory, shape_of
from pipeline.generators.base import Call, Completion, Generator, Sampling, Usage
from pipeline.generators.extractive import question_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Rust
    from torch import Tensor

FOLDER = Path(__file__).parent / "embedded_model"
_LINE = "\n"
_SHOWN = ("document", "passage")
_ROOM = 256
"""Tokens beyond the document for which its memory has place without growing."""


class _Ready(NamedTuple):
    """What answering needs. begin: token put first; ends: tokens that end an answer."""

    model: Llama
    rust: Rust
    begin: int
    ends: frozenset[int]


@dataclass(slots=True)
class _Held:
    """The document that was read last. seconds: what reading it took."""

    text: str
    memory: Memory
    tokens: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Embedded(Generator):
    """Answers from the document in its prompt, greedily where the temperature is 0, until the line ends.

    Instructions are left out and labels kept; the question stands behind the document, wherever the prompt has it.
    Calls on one document that stand together have it read once; each is charged for it in full, in tokens and in
    seconds. Every call is computed in the same steps, document, question, one token after the other, whether its
    document is remembered or not and whatever stands beside it: the same calls in any order have the same answers.

    folder: a Llama as `save_pretrained` leaves it; empty: the one that ships. precision: `bfloat16` computes products
    in 16 bits, and sums, norms and the choice of a token in 32; `auto` takes it on a GPU and on a CPU with
    instructions for it, and else `float32`. Near-ties may turn between the two. device: torch's name of it; empty:
    cuda where there is one.
    """

    folder: str = ""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = runtime("")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings with the model's digest for its folder."""
        body = settings(self)
        del body["folder"]
        return {**body, "model": self._digest}

    @cached_property
    def window(self) -> int | None:
        """Positions of the model, from its config.json."""
        return shape_of(self._place).window

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own, without special tokens."""
        return tokenizer_at(file_of(str(self._place), "", "tokenizer.json"))

    @property
    def on_gpu(self) -> bool:
        """As its device says, or as torch chooses."""
        return self._device.startswith("cuda")

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Answer in order. Raises UserError where the model is absent or cannot be read."""
        for i, call in enumerate(calls):
            yield i, self._answer(call)

    def close(self) -> None:
        """Let go of the model and of the document it remembers."""
        self.__dict__.pop("_ready", None)
        self._last.clear()

    def _answer(self, call: Call) -> Completion:
        if not call.prompt.complete:
            return ABSENT
        question = question_of(call.prompt)
        if not question:
            return UNASKED
        document = document_of(call.prompt)
        before, after = self._encode(document, question)
        size, sampling = len(before) + len(after), call.sampling
        if (refused := too_long(size, sampling.max_tokens, self.window)) is not None:
            return refused
        usage = Usage(prompt_tokens=size)
        held = self._read(document, before)
        start = time.perf_counter()
        text, made, ended = self._decode(call, held.memory, after)
        usage = replace(usage, completion_tokens=made)
        seconds = held.seconds + time.perf_counter() - start
        if not ended:
            error = f"the answer was cut off at {sampling.max_tokens} tokens"
            return Completion(text, "failed", "length", error, usage, seconds=seconds)
        return Completion(text=text, usage=usage, seconds=seconds)

    def _encode(self, document: str, question: str) -> tuple[list[int], list[int]]:
        """(tokens of `<s>` and the document, tokens of what follows), cut as the training text was."""
        _, rust, begin, _ = self._ready
        pieces = [document, "\n\nQuestion:" if document else "Question:", f" {question}\nAnswer:"]
        shown, ask, asked = (e.ids for e in rust.encode_batch(pieces, add_special_tokens=False))
        return [begin, *shown], [*ask, *asked]

    def _read(self, document: str, tokens: list[int]) -> _Held:
        """The memory of the document, and of nothing behind it."""
        held = self._last.get("")
        if held is None or held.text != document:
            self._last.clear()  # before the next is read: two long ones need not fit at once
            start = time.perf_counter()
            memory = self._ready.model.memory()
            self._ready.model.read(tokens, memory, room=len(tokens) + _ROOM)
            held = _Held(document, memory, len(tokens), time.perf_counter() - start)
            self._last[""] = held
        held.memory.length = held.tokens
        return held

    def _decode(self, call: Call, memory: Memory, tokens: list[int]) -> tuple[str, int, bool]:
        """(answer, its tokens with the one that ends it, whether it ended by itself)."""
        model, rust, _, ends = self._ready
        choose = _Choice(call)
        stops = (_LINE, *call.sampling.stop)
        answer: list[int] = []
        text, at, ended = "", None, False
        while not ended and len(answer) < call.sampling.max_tokens:
            token = choose(model.read(tokens, memory))
            answer.append(token)
            tokens = [token]
            text = rust.decode([t for t in answer if t not in ends])
            at = first_stop(text, stops)
            ended = token in ends or at is not None
        return text[:at].strip(), len(answer), ended

    @cached_property
    def _ready(self) -> _Ready:
        import torch
        from tokenizers import Tokenizer as Rust

        rust = Rust.from_file(str(file_of(str(self._place), "", "tokenizer.json")))
        config = config_of(str(self._place), "")
        ends = config["eos_token_id"]
        half = {"float32": False, "bfloat16": True, "auto": self.on_gpu or _has_bfloat16(torch)}[self.precision]
        model = Llama(self._place, device=self._device, bfloat16=half)
        return _Ready(model, rust, config["bos_token_id"], frozenset([ends] if isinstance(ends, int) else ends))

    @cached_property
    def _device(self) -> str:
        if self.device:
            return self.device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    @cached_property
    def _place(self) -> Path:
        place = Path(self.folder) if self.folder else FOLDER
        if not (place / "model.safetensors").is_file():
            raise UserError(
                "the reader's weights are not there",
                where=str(place),
                remedy="Name a Llama's folder as `folder`" if self.folder else "Make them with: make train-reader",
            )
        return place

    @cached_property
    def _digest(self) -> str:
        return digest_model(str(self._place))

    @cached_property
    def _last(self) -> dict[str, _Held]:
        return {}


class _Choice:
    """The next token of one call: the most probable one, or a draw from the call's own seed."""

    def __init__(self, call: Call) -> None:
        sampling: Sampling = call.sampling
        drawn = sampling.temperature > 0
        self._draw = GumbelDraw([seed_of(call)], sampling.temperature, sampling.top_p) if drawn else None

    def __call__(self, logits: Tensor) -> int:
        """(V,) logits -> a token."""
        if self._draw is not None:
            logits = self._draw(None, logits[None])[0]
        return int(logits.argmax())


def document_of(prompt: Prompt) -> str:
    """What the prompt shows of documents: texts and their labels in order, without white space around them.

    Labels behind the last text, and those of a prompt without texts, label nothing and are left out.
    """
    last = max((i for i, part in enumerate(prompt.parts) if part.role in _SHOWN), default=-1)
    shown = (p.text or "" for p in prompt.parts[: last + 1] if p.role in (*_SHOWN, "label"))
    return "".join(shown).strip()


def _has_bfloat16(torch: Any) -> bool:
    """Whether this CPU multiplies in bf16: without such instructions it would be slower than fp32."""
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
