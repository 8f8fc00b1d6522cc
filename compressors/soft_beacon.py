"""Activation Beacon: a checkpoint whose own code condenses what it has read, window by window, while it reads on.

Zhang et al. 2024, "Soaring from 4K to 400K: Extending LLM's Context with Activation Beacon" (arXiv 2401.03462). The
text is read in windows; behind a full one, beacons attend to it, and their keys and values stay in the window's place.
The published checkpoints (FlagOpen/FlagEmbedding, `research/Long_LLM/activation_beacon`) bring their modelling code,
which this adapter runs where it is told that it may. It counts on what their README and public copies of that code
show: `model.memory` with `reset()`, and `set(beacon_ratio=[...])`; `beacon_window` and `beacon_stride` in config.json.
None of them was run here; they were saved for transformers 4.39 and may not load in a later one.

Letters: N tokens, W window, S stride, C ratio: behind each full window S / C entries stand for S tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from compressors.kv import at_least
from compressors.soft import SoftCompressor, SoftPrompt
from pipeline.core.errors import UserError
from pipeline.core.records import Prompt

_WHERE = "soft: activation_beacon"


class Window(NamedTuple):
    """One forward pass. condensed: entries that stand for earlier windows; raw: the tokens that stand as they are, with
    those read now; beacons: entries made behind them, in place of the first S raw ones."""

    condensed: int
    raw: int
    beacons: int

    @property
    def entries(self) -> int:
        """In memory during the pass."""
        return sum(self)


def windows(tokens: int, window: int, stride: int, ratio: int) -> list[Window]:
    """How N tokens are read: a full window is condensed at once, what does not fill one stays as it is."""
    out: list[Window] = []
    start = end = condensed = 0
    while end < tokens:
        full = start + window <= tokens
        end = start + window if full else tokens
        out.append(Window(condensed, end - start, stride // ratio if full else 0))
        if full:
            start, condensed = start + stride, condensed + stride // ratio
    return out


def entries(tokens: int, window: int, stride: int, ratio: int) -> int:
    """What stays in memory once N tokens are read: N / C and less than a window, where S is W."""
    read = windows(tokens, window, stride, ratio)
    if not read:
        return 0
    last = read[-1]
    return last.entries - (stride if last.beacons else 0)


def capacity(positions: int, window: int, stride: int, ratio: int) -> int:
    """The most tokens whose reading never holds more entries than there are positions."""
    full = (positions - window) * ratio // stride
    return full * stride + window - 1 if full > 0 else min(positions, window - 1)


@dataclass(frozen=True, kw_only=True)
class ActivationBeacon(SoftCompressor):
    """The whole prompt is read as tokens, and the model condenses it by `ratio`; a last window that is not full stays.

    The question is condensed too where it ends a window, which the model was trained for. The model's memory is
    emptied before every prompt. trust_remote_code: that the code in the model's folder may run on this machine, with
    all that the user may do; needed, for there is no other way to load such a model. That code is part of the identity.
    Entries are counted without the sinks of checkpoints that keep some (`beacon_sink_size`).
    """

    ratio: int = 8
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work, and where the model's code may not run."""
        super().__post_init__()
        at_least(1, ratio=self.ratio)
        if not self.trust_remote_code:
            raise UserError(
                "a beacon model runs Python code that comes with it",
                where=_WHERE,
                remedy="Read that code first; then add trust_remote_code: true",
            )

    @property
    def runs_code(self) -> bool:
        """Whether the model is loaded with the code that comes with it."""
        return self.trust_remote_code

    def tokens_in(self, positions: int, config: Mapping[str, Any]) -> int:
        """By the window and stride of the model."""
        return capacity(positions, *self._sizes(config), self.ratio)

    def plan(self, model: Any, prompt: Prompt, ids: Sequence[int], places: Sequence[tuple[int, int]]) -> BeaconPrompt:
        """Raises UserError for a model without such a memory, or of another ratio."""
        config = model.config.get_text_config(decoder=True).to_dict()
        window, stride = self._sizes(config)
        memory: Any = getattr(model, "memory", None)
        if not callable(getattr(memory, "reset", None)):
            raise UserError(
                f"{type(model).__name__} has no memory that could be emptied: it is no beacon model",
                where=_WHERE,
                remedy="Name a checkpoint of Activation Beacon as the reader's model",
            )
        if callable(getattr(memory, "set", None)):
            memory.set(beacon_ratio=[self.ratio])
        elif config.get("beacon_ratio") not in (self.ratio, [self.ratio]):
            raise UserError(
                f"{type(model).__name__} offers no choice of a ratio, and has {config.get('beacon_ratio')}",
                where=f"{_WHERE}: ratio",
                remedy="Give that",
            )
        return BeaconPrompt(model, ids, (window, stride, self.ratio))

    def _sizes(self, config: Mapping[str, Any]) -> tuple[int, int]:
        """Window and stride of the model."""
        window = config.get("beacon_window")
        stride = config.get("beacon_stride", window)
        if not isinstance(window, int) or not isinstance(stride, int) or not 1 <= stride <= window:
            raise UserError(
                f"the model's config.json has beacon_window {window} and beacon_stride {stride}",
                where=_WHERE,
                remedy="Name a checkpoint of Activation Beacon as the reader's model",
            )
        if stride % self.ratio:
            raise UserError(
                f"windows of the model move on by {stride} tokens, which {self.ratio} does not divide",
                where=f"{_WHERE}: ratio",
                remedy="Give a power of two, such as 2, 4 or 8",
            )
        return window, stride


class BeaconPrompt(SoftPrompt):
    """The prompt's tokens, which the model itself condenses."""

    def __init__(self, model: Any, ids: Sequence[int], sizes: tuple[int, int, int]) -> None:
        self._ids, self._sizes = list(ids), sizes
        read = windows(len(ids), *sizes)
        self.made = sum(1 for window in read if window.beacons)
        context = self.made * sizes[1]
        super().__init__(model, tokens=len(ids), context=context, positions=entries(len(ids), *sizes))

    def inputs(self) -> dict[str, Any]:
        """`input_ids` (1, N) and their mask, after the memory was emptied."""
        import torch

        self.model.memory.reset()
        ids = torch.tensor([self._ids], device=self.model.device)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    def peak(self) -> int:
        """The most entries of any pass."""
        return max((window.entries for window in windows(self.tokens, *self._sizes)), default=0)
