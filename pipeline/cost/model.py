"""The cost model: seconds and memory of reading and answering, for one shape on one device.

A step is a roofline: products take the longer of computing and of reading their weights, attention the longer of
computing and of reading keys and values; norms and gates, the devices' exchange and a fixed overhead come on top
(Williams et al. 2009, doi 10.1145/1498765.1498785; for long contexts Fu 2024, arXiv 2405.08944). It knows no route, no
money and no text. Waiting in a queue is not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pipeline.core.errors import UserError
from pipeline.cost.device import Device
from pipeline.cost.shape import BYTES, ModelShape, bytes_of


@dataclass(frozen=True, kw_only=True)
class Engine:
    """How the model is run. kv: number format of the KV cache. chunk: tokens that prefill takes in one step, at most.

    memory_share: of a device's memory, what the engine may use. transfer_ratio: by how much a KV cache is compressed
    for a move to or from the host's memory; 1: not at all. CacheGen reports 3.7 to 4.3 (Liu et al. 2024, arXiv
    2310.07240).
    """

    kv: str = "bf16"
    chunk: int = 8192
    memory_share: float = 0.9
    transfer_ratio: float = 1.0

    def __post_init__(self) -> None:
        bytes_of(self.kv, "kv")
        if self.chunk < 1:
            raise UserError(f"a chunk of {self.chunk} tokens", where="chunk", remedy="Give 1 or more")
        if not 0 < self.memory_share <= 1:
            raise UserError(
                f"a share of {self.memory_share:g} of the memory",
                where="memory_share",
                remedy="Give a number above 0, at most 1",
            )
        if not (math.isfinite(self.transfer_ratio) and self.transfer_ratio >= 1):
            raise UserError(
                f"a compression by {self.transfer_ratio:g}", where="transfer_ratio", remedy="Give a number from 1"
            )


@dataclass(frozen=True)
class CostModel:
    """Seconds, and bytes of one device. Letters: n new tokens, c tokens already cached, b sequences side by side."""

    shape: ModelShape
    device: Device
    engine: Engine = Engine()

    # -- seconds --------------------------------------------------------------------------------------------------

    def prefill_seconds(self, tokens: int, cached: int = 0, batch: int = 1) -> float:
        """Reading n tokens behind c cached ones, for each of b prompts, in chunks; without logits.

        Prompts shorter than a chunk share steps. Reading a + b tokens takes as long as reading a, and then b behind
        them, where a is a multiple of the chunk; elsewhere the two differ by less than two small steps.
        """
        if tokens <= 0:
            return 0.0
        chunk = self.engine.chunk
        if tokens < chunk:
            together = min(batch, chunk // tokens)
            full, rest = divmod(batch, together)
            seconds = full * self._step(tokens, cached, together)
            return seconds + (self._step(tokens, cached, rest) if rest else 0.0)
        starts = range(0, tokens, chunk)
        return batch * sum(self._step(min(chunk, tokens - start), cached + start, 1) for start in starts)

    def first_token_seconds(self, tokens: int, cached: int = 0, batch: int = 1) -> float:
        """Prefill and the logits behind it."""
        return self.prefill_seconds(tokens, cached, batch) + self._head(batch)

    def decode_seconds(self, context: int, batch: int = 1) -> float:
        """One step: one more token for each of b sequences that hold `context` tokens. Per token: divide by b."""
        return self._step(1, context, batch) + self._head(batch)

    def answer_seconds(self, context: int, tokens: int, batch: int = 1) -> float:
        """The steps behind the first token of b answers of this length: a step's time grows evenly with the context."""
        steps = max(0, tokens - 1)
        return steps * self.decode_seconds(context + steps // 2, batch) if steps else 0.0

    def switch_seconds(self, tokens: int) -> float:
        """Moving one context's KV cache out to the host's memory and another of the same size in."""
        return 2 * self.load_seconds(tokens)

    def load_seconds(self, tokens: int) -> float:
        """Moving one context's KV cache from the host's memory; every device has its own link and its own share."""
        return self.kv_bytes(tokens) / self.engine.transfer_ratio / self.device.host_rate

    def return_seconds(self, tokens: int) -> float:
        """Having a context back that was given up: loaded or read again, whichever is faster."""
        return min(self.load_seconds(tokens), self.prefill_seconds(tokens))

    def _step(self, tokens: int, cached: int, batch: int) -> float:
        """One pass through the layers, for n tokens of each of b sequences."""
        s, d = self.shape, self.device
        rows, count = tokens * batch, d.count
        products = max(s.matrix_flops(rows) / d.matrix_flops, s.matrix_bytes / d.memory_rate) / count
        attention = max(
            batch * s.attention_flops(tokens, cached) / d.attention_flops / count,
            batch * self.kv_bytes(cached + tokens) / d.cache_rate,
        )
        moved = rows * (s.norm_bytes() + s.gate_bytes() / count) / d.elementwise_rate
        return products + attention + moved + self._exchange(rows) + d.step_seconds + s.layers * d.layer_seconds

    def _head(self, rows: int) -> float:
        s, d = self.shape, self.device
        return max(s.head_flops(rows) / d.matrix_flops, s.head_bytes / d.memory_rate) / d.count

    def _exchange(self, rows: int) -> float:
        """Two sums over all devices per layer, each moving 2 (t - 1) / t of the hidden states over every link.

        (Shoeybi et al. 2019, arXiv 1909.08053; ring all-reduce.)
        """
        s, d = self.shape, self.device
        if d.count == 1:
            return 0.0
        moved = 2 * (d.count - 1) / d.count * rows * s.hidden * BYTES[s.dtype]
        return 2 * s.layers * moved / d.link_rate

    # -- memory, of one device ------------------------------------------------------------------------------------

    def kv_bytes(self, tokens: float) -> float:
        """One sequence's KV cache; more devices than key/value heads hold copies."""
        return self.shape.kv_bytes(tokens, self.engine.kv) / min(self.device.count, self.shape.kv_heads)

    @property
    def weight_bytes(self) -> float:
        """The weights."""
        return self.shape.weight_bytes / self.device.count

    @property
    def activation_bytes(self) -> float:
        """An estimate of what one step holds beside weights and cache.

        Per token of a chunk: the hidden state twice, queries, keys and values, the feed-forward's two hidden layers;
        and the logits of 256 sequences in fp32.
        """
        s, count = self.shape, self.device.count
        apart = (s.heads + 2 * s.kv_heads) * s.head_dim + 2 * s.feed
        return self.engine.chunk * (2 * s.hidden + apart / count) * BYTES[s.dtype] + 256 * s.vocab * 4 / count

    @property
    def room_bytes(self) -> float:
        """What is left for KV caches; below 0 where the weights do not fit."""
        usable = self.device.memory_bytes * self.engine.memory_share
        return usable - self.weight_bytes - self.activation_bytes

    def contexts(self, tokens: float) -> int:
        """How many sequences of this length fit at once, none sharing a prefix; never below 0."""
        return max(0, math.floor(self.room_bytes / self.kv_bytes(tokens)))

    def peak_bytes(self, tokens: float, sequences: int = 1) -> float:
        """Memory in use with this many sequences of this length."""
        return self.weight_bytes + self.activation_bytes + sequences * self.kv_bytes(tokens)

    def devices_needed(self, tokens: float) -> int:
        """The smallest power of two of such devices that holds the weights and one sequence; 0: 64 do not."""
        link = self.device.link_rate or 1.0  # memory does not depend on it
        for count in (1 << i for i in range(7)):
            group = replace(self.device, count=count, link_rate=link)
            if CostModel(self.shape, group, self.engine).contexts(tokens):
                return count
        return 0
