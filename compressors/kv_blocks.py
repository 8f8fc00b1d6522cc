"""Blocks of entries, retrieved for every token of the answer: nothing is lost, little is attended to.

Xiao et al. 2024, "InfLLM: Training-Free Long-Context Extrapolation for LLMs with an Efficient Context Memory" (arXiv
2402.04617), for blocks that are found by a few representative keys; Wu et al. 2024, "TokenSelect: Efficient
Long-Context Inference and Length Extrapolation for LLMs via Dynamic Token-Level KV Cache Selection" (arXiv 2411.02886),
for the vote of all heads on all keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compressors.kv import Budgeted, at_least
from compressors.kv_memory import Memory, attend, best, grouped, logits, own, pick
from pipeline.core.errors import UserError
from pipeline.core.spec import runtime

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Blocks(Budgeted):
    """Each token of the answer attends to the first entries, the last ones, and the blocks that fit it best.

    budget: entries attended to, in all. block: tokens of one. recent: at least so many last entries; fewer than a
    block more, so that blocks stay whole. representatives: keys by which a block is found, those that the tokens up to
    `recent` after them like best (InfLLM); its score is the sum of their products with the queries of all heads. 0:
    every key counts, by its share of a softmax in each head, summed over heads and the block (TokenSelect: block 1).
    Heads of a layer choose together. Positions stay those of the text (InfLLM gives all blocks one far position).
    far: torch's name of the device where the entries lie; empty: the model's. Only those of a step are brought to it.
    """

    block: int = 32
    sinks: int = 4
    recent: int = 64
    representatives: int = 0
    far: str = runtime("")

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        super().__post_init__()
        at_least(1, block=self.block, recent=self.recent)
        at_least(0, sinks=self.sinks, representatives=self.representatives)
        if self.representatives > self.block:
            raise UserError(
                f"a block of {self.block} has no {self.representatives} keys",
                where="representatives",
                remedy="Give fewer, or larger blocks",
            )

    def memory(self, layer: int, model: Any) -> Memory:
        """An empty one."""
        return Retrieved(self)


class Retrieved(Memory):
    """All entries, (1, K, N, E), and for each block of the prompt its representatives, (1, K, blocks x R, E)."""

    keys: Tensor
    values: Tensor
    found_by: Tensor | None = None
    capacity: int | None

    def __init__(self, policy: Blocks) -> None:
        super().__init__()
        self.policy = policy
        self.chosen: Tensor | None = None

    def compress(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> None:
        """Put the entries where they are to lie, and find the blocks' representatives."""
        self.capacity = self.policy.capacity(self.seen)
        self.keys, self.values = self._put(keys), self._put(values)
        sinks, until = self._middle()
        if self.policy.representatives and until > sinks:
            liked = self._liked(queries, keys)[:, sinks:until]
            top = best(liked.reshape(-1, self.policy.block), self.policy.representatives)
            start = top.new_tensor(range(sinks, until, self.policy.block))
            index = top.reshape(keys.shape[1], len(start), -1) + start[None, :, None]
            self.found_by = pick(keys, index.flatten(1))

    def step(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """Add the entries, choose blocks for these queries, attend."""
        import torch

        device = queries.device
        self.keys = torch.cat((self.keys, self._put(keys)), dim=2)
        self.values = torch.cat((self.values, self._put(values)), dim=2)
        index = self._choice(queries, scale)
        self.chosen = index
        if index is None:
            whole, given = self.keys, self.values
        else:
            whole, given = self.keys[:, :, index], self.values[:, :, index]
            self.lent = whole.nbytes + given.nbytes
        self.attended = max(self.attended, whole.shape[2])
        return attend(queries, whole.to(device), given.to(device), scale)

    def _choice(self, queries: Tensor, scale: float) -> Tensor | None:
        """(M,) entries to attend to, ascending; None: all."""
        import torch

        if self.capacity is None or self.seen <= self.capacity:
            return None
        sinks, until = self._middle()
        size = self.policy.block
        room = max(0, self.capacity - sinks - (self.seen - until)) // size
        blocks = torch.arange((until - sinks) // size, device=self.keys.device)
        if room < len(blocks):
            votes = self._votes(queries, sinks, until, scale).to(self.keys.device)
            blocks = best(votes[None], room)[0]
        middle = (sinks + blocks[:, None] * size + torch.arange(size, device=blocks.device)).flatten()
        # Where the budget is short, the last entries come first.
        front = torch.arange(min(sinks, self.capacity - 1), device=middle.device)
        back = torch.arange(max(until, self.seen - self.capacity + len(front)), self.seen, device=middle.device)
        return torch.cat((front, middle, back))

    def _votes(self, queries: Tensor, sinks: int, until: int, scale: float) -> Tensor:
        """(blocks,) how well each fits the last query, over all heads; reckoned where that lies which finds them."""
        last = queries[:, :, -1:]
        if self.found_by is not None:
            votes, size = logits(last, self.found_by, scale), self.policy.representatives
        else:
            votes = logits(last.to(self.keys.device), self.keys, scale).softmax(-1)[..., sinks:until]
            size = self.policy.block
        return votes.sum(dim=(0, 1, 2)).reshape(-1, size).sum(dim=-1)

    def _middle(self) -> tuple[int, int]:
        """First entry of the first block and the end of the last. With representatives, blocks are the prompt's."""
        sinks = min(self.policy.sinks, self.seen)
        blocks = max(0, self.seen - self.policy.recent - sinks) // self.policy.block
        if self.found_by is not None:
            blocks = min(blocks, self.found_by.shape[2] // self.policy.representatives)
        return sinks, sinks + blocks * self.policy.block

    def _liked(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(K, N) mean product of each key with the queries of up to `recent` tokens after it (InfLLM, section 3.2)."""
        import torch

        at = torch.arange(self.seen, device=keys.device)
        until = (at + self.policy.recent).clamp(max=self.seen - 1)
        out = torch.empty(keys.shape[1:3], device=keys.device)
        for head, asked in enumerate(grouped(queries, keys.shape[1])):
            # In 64 bits, for the sums are over the whole prompt; head by head, for they are large.
            total = asked.sum(dim=0, dtype=torch.float64).cumsum(dim=0)
            later = (total[until] - total) / (until - at).clamp(min=1)[:, None]
            out[head] = (later * keys[0, head]).sum(dim=-1)
        return out

    def _put(self, entries: Tensor) -> Tensor:
        return own(entries.to(self.policy.far) if self.policy.far else entries)

    def tensors(self) -> Iterator[Tensor]:
        """All entries, and what finds them."""
        if self.seen:
            yield from (self.keys, self.values)
        if self.found_by is not None:
            yield self.found_by
