"""The reader's size: what its dimensions cost in parameters and megabytes.

It knows no weights and no framework. Costs are counted from the dimensions; how fast a machine is must be measured.

In words: a Llama decoder with tied embeddings, grouped key/value heads, rotary positions and a gated feed-forward
layer. Its attention width is heads x head_size and need not be the hidden size: what long documents cost grows with the
attention width alone, so a wide layer with few heads reads them faster than a narrow one with many.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from pipeline.core.errors import UserError

LARGEST = 24_000_000
"""Parameters: 48 MB in bf16, what the package may carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Dimensions of one reader. rope_base: base of the rotary angles; window: the most tokens it is declared for.

    Raises UserError for dimensions that no checkpoint could have.
    """

    hidden: int = 384
    layers: int = 10
    heads: int = 6
    key_value_heads: int = 6
    feed_forward: int = 1024
    head_size: int = 64
    vocabulary: int = 8192
    rope_base: float = 500_000.0
    window: int = 32_768
    norm_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("hidden", "layers", "heads", "key_value_heads", "feed_forward", "head_size", "vocabulary"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}", where="shape", remedy="Give at least 1")
        if self.heads % self.key_value_heads:
            raise UserError(
                f"{self.heads} heads do not share {self.key_value_heads} key/value heads evenly",
                where="shape",
                remedy="Give a divisor of heads as key_value_heads",
            )
        if self.hidden % self.heads or self.head_size % 2:
            raise UserError(
                f"hidden {self.hidden} is no multiple of heads {self.heads}, or head_size {self.head_size} is odd",
                where="shape",
                remedy="transformers refuses such a Llama: choose others",
            )

    @property
    def attention(self) -> int:
        """Width of the queries: heads x head_size."""
        return self.heads * self.head_size

    @property
    def key_value(self) -> int:
        """Width of the keys, and of the values: key_value_heads x head_size."""
        return self.key_value_heads * self.head_size

    @property
    def layer_parameters(self) -> int:
        """Weights of one layer's matrices: queries, keys, values, output, gate, up, down."""
        return self.hidden * (2 * self.attention + 2 * self.key_value + 3 * self.feed_forward)

    @property
    def parameters(self) -> int:
        """All weights; the embedding is counted once, for it is also the output layer."""
        norms = self.hidden * (2 * self.layers + 1)
        return self.vocabulary * self.hidden + self.layers * self.layer_parameters + norms

    @property
    def megabytes(self) -> float:
        """Size of the weights in bf16, in MB of 10^6 bytes."""
        return self.parameters * 2 / 1e6

    def check_limit(self) -> None:
        """Raise UserError where the reader would be larger than the package may carry."""
        if self.parameters > LARGEST:
            raise UserError(
                f"{self.parameters:,} parameters are more than {LARGEST:,}", where="shape", remedy="Shrink feed_forward"
            )

    def as_dict(self) -> dict[str, Any]:
        """The dimensions by name, for a file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Shape:
        """The reverse of `as_dict`. Raises UserError for a name that is no dimension."""
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise UserError(f"no such dimension: {', '.join(unknown)}", where="shape", remedy="Delete it")
        return cls(**values)


SHAPES: dict[str, Shape] = {
    "narrow": Shape(hidden=384, layers=10, heads=6, key_value_heads=6, feed_forward=1024),
    "narrow-grouped": Shape(hidden=384, layers=12, heads=4, key_value_heads=2, feed_forward=1152),
    "wide": Shape(hidden=512, layers=8, heads=4, key_value_heads=4, feed_forward=1216),
    "wide-grouped": Shape(hidden=512, layers=8, heads=4, key_value_heads=2, feed_forward=1280),
    "wide-many": Shape(hidden=512, layers=8, heads=8, key_value_heads=4, head_size=32, feed_forward=1280),
    "tiny": Shape(hidden=64, layers=2, heads=2, key_value_heads=1, head_size=32, feed_forward=128, vocabulary=512),
}
"""Shapes that were tried. `tiny` is for tests: it learns a few examples by heart in seconds."""
