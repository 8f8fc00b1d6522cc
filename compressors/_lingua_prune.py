"""Which tokens of a text stay: LLMLingua's iterative pruning, segment by segment, each behind what was kept before it.

Jiang et al. 2023, "LLMLingua" (arXiv 2310.05736), algorithm 2; with a prefix to contrast, LongLLMLingua (arXiv
2310.06839), equation 3. It says what it wants to read and is given the scores; it knows no model, no text, no budget
of words.

Two variants. `paper`: a token is judged by its own score, and of each segment the share of its ratio stays. `package`:
what llmlingua 0.2.2 computes, which departs from the paper:

- a token is judged by the score of the token behind it;
- the threshold is the quantile over the whole text, of which what lies ahead has the scores of one reading without any
  pruning; the token that is the quantile goes;
- what is left behind the last full segment stays whole, up to 199 tokens of 200, and with it nearly all of a text that
  is shorter than one.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Variant = Literal["paper", "package"]
Scores = NDArray[np.float32]
Part = tuple[int, float]
"""Tokens in a row, and the share of them that is to stay."""
Plan = Sequence[Sequence[Part]]
"""The parts of each segment."""

_DIGITS = 4
"""Decimals of a score that count: what differs by less is a tie."""
_LEAST = np.float32(1e-6)
"""The margin of what stays is above 0."""


class Want(NamedTuple):
    """Read the tokens at `places` behind the first `at` tokens of a stream; wanted: the scores of places[1:].

    Stream 0 has the prefix, stream 1 lacks it. once: nothing will be read behind it.
    """

    stream: int
    at: int
    places: NDArray[np.int64]
    once: bool = False


Steps = Generator[Want, Scores, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Pruning:
    """One text of n tokens, the first `start` of them a prefix that is not pruned.

    contrast: a token's score is its surprise without the prefix less that with it. size: tokens of a segment.
    """

    n: int
    start: int
    plan: Plan
    contrast: bool
    size: int

    def steps(self, variant: Variant) -> Steps:
        """Wants one reading after another; returns per token by how much it stays (above 0) or goes, the prefix inf."""
        return self._paper() if variant == "paper" else self._package()

    def _paper(self) -> Steps:
        margin = np.full(self.n, np.inf, dtype=np.float32)
        kept = np.arange(self.start)
        read = 0  # tokens that stand as they were read last
        at = self.start
        for parts in self.plan:
            segment = np.arange(at, min(at + sum(length for length, _ in parts), self.n))
            at += len(segment)
            if not len(segment):
                break
            whole = np.concatenate([kept, segment])
            own = yield from self._behind(0, read, whole, len(segment))
            score: Any = own
            if self.contrast:
                without = yield from self._behind(1, read - self.start, whole[self.start :], len(segment))
                score = without - own
            # The first token of a text has nothing before it, and takes the highest score of its segment.
            score = np.round(np.where(np.isnan(score), np.nanmax(score, initial=0), score), _DIGITS)
            read, began, chosen = len(kept), 0, []
            for length, ratio in parts:
                part, of = segment[began : began + length], score[began : began + length]
                stays = best(of, ratio)
                gap = of - _cut(of, int(stays.sum()))
                margin[part] = np.where(stays, np.maximum(gap, _LEAST), np.minimum(gap, 0))
                chosen.append(part[stays])
                began += length
            kept = np.concatenate([kept, *chosen])
        return margin

    def _behind(self, stream: int, read: int, whole: NDArray[np.int64], count: int) -> Generator[Want, Scores, Scores]:
        """Scores of the last `count` of these tokens; nan for one with nothing before it."""
        at = max(0, min(read, len(whole) - count - 1))
        found = yield Want(stream, at, whole[at:])
        return np.concatenate([np.full(max(0, count - len(found)), np.nan, dtype=np.float32), found[-count:]])[-count:]

    def _package(self) -> Steps:
        start, size = self.start, self.size
        margin = np.full(self.n, np.inf, dtype=np.float32)
        here = np.arange(self.n)
        ahead = yield Want(0, 0, here, once=True)
        bare = (yield Want(1, 0, here[start:], once=True)) if self.contrast else ahead
        end, ready = min(size + start, self.n), 0
        for turn, parts in enumerate(self.plan):
            if end > len(here) or len(here) < 2:
                break
            if turn:
                ahead[ready : end - 1] = yield Want(0, ready, here[ready:end])
                if self.contrast:
                    behind = max(0, ready - start)
                    bare[behind : end - start - 1] = yield Want(1, behind, here[start + behind : end])
                ready = end - size
            for length, ratio in parts:
                # score[i] is of the token behind place i; the prefix has none.
                score = np.full(len(here), np.inf, dtype=np.float32)
                score[start:-1] = np.round(bare - ahead[start:] if self.contrast else ahead, _DIGITS)
                threshold = _quantile(score[start:-1], ratio)
                # Negative for a text of less than a segment, and then counted from its end, as the package does.
                until = end - size + length
                judged = np.ones(len(here), dtype=bool)
                judged[until:] = False
                judged[: until - length] = False
                stays = ~judged | (score > threshold)
                margin[here[judged]] = score[judged] - threshold if np.isfinite(threshold) else np.inf
                ahead = ahead[stays[:-1]]
                bare = bare[stays[start:-1]] if self.contrast else ahead
                here = here[stays]
                end = until - int((~stays[:until]).sum()) + size
        return margin


def best(scores: Scores, ratio: float) -> NDArray[np.bool_]:
    """Whether each is of the share of highest scores; of equal ones the first are."""
    stays = np.zeros(len(scores), dtype=bool)
    stays[np.argsort(-scores, kind="stable")[: round(len(scores) * ratio)]] = True
    return stays


def _cut(scores: Scores, count: int) -> float:
    """Halfway between the lowest of the `count` highest scores and the next."""
    ordered = np.sort(scores)[::-1]
    around = ordered[max(0, count - 1) : count + 1]
    return float(around.mean()) if len(around) else 0.0


def _quantile(scores: Scores, ratio: float) -> float:
    """The package's threshold: the score at the share from above; everything stays at 1."""
    if ratio == 1:
        return -np.inf
    at = max(0, min(len(scores) - 1, int(len(scores) * ratio) - 1))
    return float(np.sort(scores)[::-1][at])


def package_plan(lengths: Sequence[int], offsets: Sequence[float], target: float, size: int) -> list[list[Part]]:
    """The package's parts: two tokens are added for each blank line between texts, and the first segment lacks one.

    lengths: tokens of each text. offsets: added to each text's ratio. target: tokens of all that are to stay.
    """
    ratio = target / (sum(lengths) + 2 * len(lengths) + 1)
    segments: list[list[Part]] = []
    parts: list[Part] = []
    filled = 1
    for length, offset in zip(lengths, offsets, strict=True):
        share = max(min(1.0, ratio + offset), 0.0)
        room, length = size - filled, length + 2
        if length < room:
            parts.append((length, share))
            filled += length
            continue
        segments.append([*parts, (room, share)])
        whole, filled = divmod(length - room, size)
        if whole == 1 and not filled:  # it opens a second segment only for what exceeds one
            whole, filled = 0, size
        segments.extend([(size, share)] for _ in range(whole))
        parts = [(filled, share)] if filled else []
    return [*segments, parts] if parts else segments


def paper_plan(owners: Sequence[int], offsets: Sequence[float], target: float, size: int) -> list[list[Part]]:
    """Segments of `size` tokens, in parts that belong to one text each. owners: the text of each token."""
    ratio = target / max(1, len(owners))
    shares = [max(0.0, min(1.0, ratio + offset)) for offset in offsets]
    segments = []
    for began in range(0, len(owners), size):
        parts: list[Part] = []
        for owner in owners[began : began + size]:
            share = shares[owner]
            if parts and parts[-1][1] == share:
                parts[-1] = (parts[-1][0] + 1, share)
            else:
                parts.append((1, share))
        segments.append(parts)
    return segments
