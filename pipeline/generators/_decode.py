"""Drawing and stopping, row by row, for a batch of causal decoding: what `transformers` does only for a whole batch.

B is the batch, V the vocabulary. It knows logits and tokens, and of a call its seed; it does not know models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.core.records import digest_parts
from pipeline.generators.base import Call


def seed_of(call: Call) -> int:
    """A seed per prompt, so that equal seeds do not draw the same noise for every question."""
    return int(digest_parts([str(call.sampling.seed), call.prompt.digest])[:15], 16)


class GumbelDraw:
    """A logits processor after which the greedy choice is a sample at `temperature` from the smallest set of `top_p`.

    argmax(logits / temperature + Gumbel noise) is an exact draw from the softmax (Gumbel 1954; Maddison et al. 2014,
    "A* Sampling", eq. 4). Each row has its own noise, so that what one row draws depends on no other. The noise is
    drawn on the processor in float64: one seed is one answer on every device.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float) -> None:
        import torch

        self._rows = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._temperature, self._top_p = temperature, top_p

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """(B, T) tokens so far and (B, V) logits -> (B, V) perturbed logits."""
        import torch

        logits = scores.double().cpu() / self._temperature
        if self._top_p < 1.0:
            ordered, order = logits.sort(dim=-1, descending=True)
            before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
            # The first token stays whatever top_p is: the set is never empty.
            drop = before >= self._top_p
            drop[:, 0] = False
            logits = logits.masked_fill(torch.zeros_like(drop).scatter(-1, order, drop), -torch.inf)
        width = logits.shape[-1]
        uniform = torch.stack([torch.rand(width, generator=row, dtype=torch.float64) for row in self._rows])
        noise = -(-uniform.clamp(min=1e-300).log()).log()
        return (logits + noise).to(device=scores.device, dtype=torch.float64)


class StopTexts:
    """A stopping criterion: a row ends at the first of `stop` in its answer. lengths: tokens until then, B of them."""

    def __init__(self, decode: Callable[[Any], str], prompt: int, stop: Sequence[str], rows: int) -> None:
        self._decode, self._prompt, self._stop = decode, prompt, tuple(stop)
        self.lengths: list[int | None] = [None] * rows

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """(B, T) tokens so far -> (B,) whether the row is done."""
        import torch

        for row, tokens in enumerate(input_ids[:, self._prompt :]):
            if self.lengths[row] is None and first_stop(self._decode(tokens), self._stop) is not None:
                self.lengths[row] = len(tokens)
        return torch.tensor([n is not None for n in self.lengths], device=input_ids.device)


def first_stop(text: str, stop: Sequence[str]) -> int | None:
    """Where the first of the stop texts begins; None where none is found."""
    found = [at for s in stop if s and (at := text.find(s)) >= 0]
    return min(found) if found else None
