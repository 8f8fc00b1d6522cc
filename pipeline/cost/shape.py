"""A decoder's shape, and what follows from it alone: parameters, bytes of weights and of KV cache, products.

It knows no device, no seconds and no route; `config.py` reads a shape from a file. Letters: L layers, D hidden size,
H heads, K key/value heads, E size of a head, F size of the feed-forward's hidden layer, V vocabulary. One FLOP is one
addition or one multiplication, so a product of a (m, k) and a (k, n) matrix takes 2 m k n.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.errors import UserError, nearest

BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5}
"""Bytes of one number. The scales of quantised numbers, 1 to 6 % more, are not counted."""


def bytes_of(kind: str, where: str) -> float:
    """Bytes of one number of this kind. Raises UserError for a kind that is not known."""
    if kind not in BYTES:
        raise UserError(f"no number format {kind!r}", where=where, remedy=nearest(kind, BYTES))
    return BYTES[kind]


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """A decoder with attention, a gated feed-forward and root mean square norms, as Llama and its kin have them.

    attention_bias: on queries, keys and values; output_bias: on the matrix behind attention; feed_bias: on the three
    of the feed-forward. norms: vectors of D per layer. head_norm: queries and keys are normed, with a vector of E each.
    sliding: layers that see only the last `window` tokens. positions: the longest prompt it was made for; 0: not known.
    dtype: of embeddings, norms and activations; weights: of the matrices, where they are quantised apart.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    feed: int
    vocab: int
    tied: bool = False
    attention_bias: bool = False
    output_bias: bool = False
    feed_bias: bool = False
    norms: int = 2
    head_norm: bool = False
    sliding: int = 0
    window: int = 0
    positions: int = 0
    dtype: str = "bf16"
    weights: str = "bf16"

    def __post_init__(self) -> None:
        sizes = ("layers", "hidden", "heads", "kv_heads", "head_dim", "feed", "vocab")
        for size in sizes:
            if getattr(self, size) < 1:
                raise UserError(f"{size} is {getattr(self, size)}, where at least 1 is needed", where=self.name)
        if self.heads % self.kv_heads:
            raise UserError(f"{self.heads} heads cannot share {self.kv_heads} key/value heads evenly", where=self.name)
        if not 0 <= self.sliding <= self.layers or (self.sliding and self.window < 1):
            raise UserError(
                f"{self.sliding} of {self.layers} layers with a window of {self.window} tokens", where=self.name
            )
        bytes_of(self.dtype, f"{self.name}: dtype")
        bytes_of(self.weights, f"{self.name}: weights")

    @property
    def matrix_parameters(self) -> int:
        """Weights of all layers' matrices, without embeddings: L (D E (2 H + 2 K) + 3 D F)."""
        attention = self.hidden * self.head_dim * 2 * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.feed)

    @property
    def head_parameters(self) -> int:
        """Weights of the matrix that makes logits, whether or not it is the embedding: V D."""
        return self.vocab * self.hidden

    @property
    def parameters(self) -> int:
        """All weights; a tied embedding counts once."""
        biases = self.attention_bias * self.head_dim * (self.heads + 2 * self.kv_heads)
        biases += self.output_bias * self.hidden + self.feed_bias * (2 * self.feed + self.hidden)
        norms = self.norms * self.hidden + 2 * self.head_norm * self.head_dim
        embeddings = self.head_parameters * (1 if self.tied else 2)
        return self.matrix_parameters + self.layers * (biases + norms) + embeddings + self.hidden

    @property
    def weight_bytes(self) -> float:
        """Memory of all weights."""
        rest = self.parameters - self.matrix_parameters
        return self.matrix_parameters * BYTES[self.weights] + rest * BYTES[self.dtype]

    @property
    def matrix_bytes(self) -> float:
        """Memory of the layers' matrices, which every step reads in full."""
        return self.matrix_parameters * BYTES[self.weights]

    @property
    def head_bytes(self) -> float:
        """Memory of the matrix that makes logits."""
        return self.head_parameters * BYTES[self.dtype]

    def kv_bytes(self, tokens: float, kind: str = "bf16") -> float:
        """KV cache of one sequence: 2 K E numbers per token and layer; sliding layers hold their window at most."""
        each = 2 * self.kv_heads * self.head_dim * bytes_of(kind, "kv")
        held = (self.layers - self.sliding) * tokens + self.sliding * min(tokens, self.window)
        return each * held

    def matrix_flops(self, tokens: int) -> int:
        """Products of `tokens` tokens with the layers' matrices."""
        return 2 * self.matrix_parameters * tokens

    def head_flops(self, rows: int) -> int:
        """Making the logits of `rows` tokens; prefill needs those of its last token only."""
        return 2 * self.head_parameters * rows

    def attention_flops(self, tokens: int, cached: int = 0) -> int:
        """Causal attention of `tokens` new tokens behind `cached` ones: 4 H E per pair of a query and a key it sees.

        (Kaplan et al. 2020, arXiv 2001.08361, table 1, has 2 D per pair for one of the two products.)
        """
        pairs = (self.layers - self.sliding) * _seen(tokens, cached, 0)
        if self.sliding:
            pairs += self.sliding * _seen(tokens, cached, self.window)
        return 4 * self.heads * self.head_dim * pairs

    def prefill_flops(self, tokens: int, cached: int = 0) -> int:
        """Reading `tokens` new tokens behind `cached` ones, without logits."""
        return self.matrix_flops(tokens) + self.attention_flops(tokens, cached)

    def decode_flops(self, context: int) -> int:
        """One more token behind `context` ones, with its logits."""
        return self.prefill_flops(1, context) + self.head_flops(1)

    def norm_bytes(self) -> float:
        """Bytes that one token's norms and residual sums move, in all layers: 8 D numbers each, were they fused."""
        return self.layers * 8 * self.hidden * BYTES[self.dtype]

    def gate_bytes(self) -> float:
        """Bytes that one token's rotations and gates move, in all layers: 2 (H + K) E and 3 F numbers each."""
        return self.layers * (2 * (self.heads + self.kv_heads) * self.head_dim + 3 * self.feed) * BYTES[self.dtype]


def _seen(tokens: int, cached: int, window: int) -> int:
    """Pairs of a query and a key: the sum of min(i, window) over positions i = cached + 1 ... cached + tokens."""
    first, last = cached + 1, cached + tokens
    if window <= 0:
        return tokens * (first + last) // 2
    growing = max(0, min(last, window) - cached)
    return growing * (2 * cached + growing + 1) // 2 + (tokens - growing) * window
