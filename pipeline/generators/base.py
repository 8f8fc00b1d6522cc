"""The reader's interface: calls in, completions out, as they arrive.

A generator is a frozen dataclass of settings, like every stage; its identity goes into the key under which each of its
calls is remembered. It does not know which route asks, what was asked before, or that answers are remembered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal

from pipeline.core.records import Prompt, Span, digest_parts
from pipeline.core.spec import identity, runtime
from pipeline.core.tokens import Tokenizer, tokenizer_named


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn. Temperature 0 is greedy; `max_tokens` counts the answer alone."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One request to a reader. `question` and `route` say whose it is; only recorded answers depend on them."""

    prompt: Prompt
    sampling: Sampling
    question: str
    route: str
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the reader counts them; `cached_tokens` of the prompt were read from a prefix cache."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back.

    status: `failed` is a call that gave no usable answer (error, time-out, cut off), never a wrong answer.
    final: False for a failure worth trying again at the next run; such a completion is not remembered.
    cites: document spans the reader says it answered from. seconds: wall time of this call, its share of a batch.
    """

    text: str
    status: Literal["ok", "failed"] = "ok"
    finish: str = "stop"
    error: str = ""
    usage: Usage = field(default_factory=Usage)
    cites: tuple[Span, ...] = ()
    seconds: float = 0.0
    final: bool = True


@dataclass(frozen=True, slots=True)
class EngineUse:
    """What an engine did for one sequence of calls, as its operator would ask.

    mode: `throughput`, many calls at once, or `latency`, one call at a time. warm: the prefix cache held something
    before the first call. computed_tokens: prompt tokens that were not read from the cache. prefill_seconds,
    decode_seconds: time in which at least one call was being read, or written; the two may overlap. first_token:
    (median, 95th percentile) of the seconds from a call's handing in to its first token; in throughput mode that
    counts the queue. predicted_tokens: prompt tokens that the cache was to hold, as each call was handed in.
    gpu_busy: share of the time in which the GPUs ran anything; None: not measured.
    """

    mode: Literal["throughput", "latency"]
    warm: bool
    prompts: int
    seconds: float
    computed_tokens: int
    answer_tokens: int
    prefill_seconds: float
    decode_seconds: float
    first_token: tuple[float, float]
    predicted_tokens: int = 0
    gpu_busy: float | None = None


@dataclass(frozen=True)
class Price:
    """Money per million tokens, in one currency for the whole study."""

    input: float = 0.0
    cached_input: float = 0.0
    output: float = 0.0

    def of(self, usage: Usage, *, cached: bool = True) -> float:
        """What a call cost. `cached=False` gives the intrinsic price: no prefix was warm."""
        warm = usage.cached_tokens if cached else 0
        cold = usage.prompt_tokens - warm
        return (cold * self.input + warm * self.cached_input + usage.completion_tokens * self.output) / 1e6


@dataclass(frozen=True, kw_only=True)
class Generator(ABC):
    """A reader. Subclasses are frozen dataclasses of settings; `runtime` fields do not enter the identity.

    name: the reader's label in every table. window: prompt and answer together, in its own tokens; None: unlimited.
    """

    version: ClassVar[int] = 1

    name: str = runtime("")
    price: Price = runtime(default_factory=Price)

    @property
    def label(self) -> str:
        """The reader's name in tables: `name`, or the class's own."""
        return self.name or type(self).__name__.lower()

    @property
    def note(self) -> str:
        """What one must know of this reader before its numbers are read; empty: nothing."""
        return ""

    @property
    def on_gpu(self) -> bool:
        """Whether the seconds of its calls are GPU-seconds of this machine."""
        return False

    @property
    def window(self) -> int | None:
        """Tokens of prompt and answer together that it can hold; None: no limit."""
        return None

    @property
    def tokenizer(self) -> Tokenizer:
        """How this reader counts tokens. Cheap to ask for; loads on first use."""
        return tokenizer_named("words")

    @cached_property
    def identity(self) -> str:
        """Digest of class, version and settings."""
        return identity(self)

    @property
    def prefix_capacity(self) -> int | None:
        """Tokens that its prefix cache holds from one `generate` to the next; None: none, no limit, or not known.

        Asked for only where calls are to be made: an engine may start for it.
        """
        return None

    def serves(self, route: str) -> bool:
        """Whether it can answer calls of this route at all; a recorded reader holds the answers of some routes only."""
        return True

    def call_key(self, call: Call) -> str:
        """The key under which the answer to this call is remembered: what the answer depends on, and nothing else."""
        return digest_parts([self.identity, call.prompt.digest, _identity(call.sampling)])

    @abstractmethod
    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Answer the calls; yields (index into `calls`, completion) in any order, each as soon as it is there.

        The order of `calls` is the planner's: calls on the same document stand together. Raises UserError for settings
        that cannot work (no such model or server); a single call's fault is a failed completion, not an exception.
        """

    def cached_ahead(self, calls: Sequence[Call]) -> list[int] | None:
        """Per call, the prompt tokens that its prefix cache will hold, were the calls made now and in this order.

        None: this reader does not say. One that does gives `last_use` too, with the tokens it predicted on the way:
        asked after `generate`, it would tell of the cache as it is then.
        """
        return None

    def last_use(self) -> EngineUse | None:
        """What the engine did for the calls of the last `generate`; None: this reader has no engine, or none ran."""
        return None

    def kv_use(self) -> dict[str, Any] | None:
        """What a KV policy took for the calls of the last `generate`; None: no policy, or no call."""
        return None

    def close(self) -> None:  # noqa: B027 - most readers hold nothing
        """Let go of models and connections."""


@lru_cache(maxsize=256)
def _identity(sampling: Sampling) -> str:
    return identity(sampling)
