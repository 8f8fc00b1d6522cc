"""Keys and values in few bits, the last ones whole.

Liu et al. 2024, "KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache" (arXiv 2402.02750): keys have channels
that are large throughout, so each channel has a scale of its own over a group of tokens; values have no such channels,
and each token has its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from compressors.kv import KVPolicy, at_least, one_of
from compressors.kv_memory import Memory, attend, own
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Quantised(KVPolicy):
    """All entries stay; all but the last `recent` (and fewer than `group` more) are stored in `bits`.

    bits: 2, 4 or 8; 16 stores them as they are. group: numbers that share a scale and a least value: tokens for a
    key's channel, channels for a token's value. Entries of the answer are quantised once a group of them is no longer
    recent. A step reads them all, made whole for one layer at a time. Positions stay those of the text: keys are
    quantised as rotated. With 32 layers, groups of 32 and a prompt of 32k tokens, the peak is 35 % of 16 bits at
    `bits: 4` and 22 % at 2: two numbers of 16 bits for each group, and one layer whole.
    """

    bits: int = 4
    group: int = 32
    recent: int = 128

    def __post_init__(self) -> None:
        """Raises UserError for settings that cannot work."""
        one_of((2, 4, 8, 16), bits=self.bits)
        at_least(1, group=self.group)
        at_least(0, recent=self.recent)

    def memory(self, layer: int, model: Any) -> Memory:
        """An empty one."""
        return Coded(self)


class Codes(NamedTuple):
    """Numbers in few bits. codes: packed, `8 / bits` to a byte in the last dimension; number = least + code x step."""

    codes: Tensor
    least: Tensor
    step: Tensor


def quantise(numbers: Tensor, bits: int, group: int, dim: int) -> Codes:
    """(..., N, E) numbers -> their codes, a scale for each `group` along `dim` (-2 or -1), rounded to the nearest.

    The error is at most half a step, and what storing step and least value in 16 bits adds for a model of 16 bits.
    """
    import torch

    split = _split(numbers.float(), group, dim)
    least, most = split.amin(dim=dim, keepdim=True), split.amax(dim=dim, keepdim=True)
    kind = torch.float32 if numbers.dtype == torch.float32 else torch.float16
    top = 2**bits - 1
    least, step = least.to(kind), ((most - least) / top).to(kind)
    # A group of equal numbers has no step; any will do.
    places = (split - least.float()).div_(step.float().clamp(min=1e-12)).round_().clamp_(0, top)
    codes = places.to(torch.uint8)
    return Codes(_packed(codes.flatten(dim - 1, dim), bits), least, step)


def restored(held: Codes, bits: int, group: int, dim: int, dtype: Any) -> Tensor:
    """The numbers of `quantise`, in this type."""
    split = _split(_unpacked(held.codes, bits), group, dim).float()
    return split.mul_(held.step.float()).add_(held.least.float()).flatten(dim - 1, dim).to(dtype)


def _split(numbers: Tensor, group: int, dim: int) -> Tensor:
    """Dimension -2 or -1 as groups; the numbers of a group then lie along `dim`."""
    shape = list(numbers.shape)
    shape[dim : dim + 1 or None] = [shape[dim] // group, group]
    return numbers.reshape(shape)


def _packed(codes: Tensor, bits: int) -> Tensor:
    import torch

    together = _split(codes, 8 // bits, -1)
    shifts = torch.arange(0, 8, bits, device=codes.device, dtype=torch.uint8)
    # Bits do not overlap: the sum is their union.
    packed: Tensor = (together << shifts).sum(dim=-1, dtype=torch.uint8)
    return packed


def _unpacked(codes: Tensor, bits: int) -> Tensor:
    import torch

    shifts = torch.arange(0, 8, bits, device=codes.device, dtype=torch.uint8)
    unpacked: Tensor = (codes[..., None] >> shifts) & (2**bits - 1)
    return unpacked.flatten(-2)


class Coded(Memory):
    """Codes of the older entries and, behind them, (1, K, R, E) keys and values as they are."""

    keys: Tensor
    values: Tensor

    def __init__(self, policy: Quantised) -> None:
        super().__init__()
        self.policy = policy
        self._keys: Codes | None = None
        self._values: Codes | None = None

    def compress(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> None:
        """Quantise the prompt's entries, but for the last ones."""
        self.keys, self.values = own(keys), own(values)
        self._quantise()

    def step(self, queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """Add the entries, attend to all, quantise what is no longer recent."""
        import torch

        self.keys, self.values = torch.cat((self.keys, keys), dim=2), torch.cat((self.values, values), dim=2)
        self.attended = max(self.attended, self.seen)
        whole, given = self.keys, self.values
        if self._keys is not None and self._values is not None:
            bits, kind = self.policy.bits, keys.dtype
            whole = torch.cat((restored(self._keys, bits, self.policy.group, -2, kind), whole), dim=2)
            width = self._width(values)
            given = torch.cat((restored(self._values, bits, width, -1, kind), given), dim=2)
            self.lent = whole.nbytes + given.nbytes
        out = attend(queries, whole, given, scale)
        self._quantise()
        return out

    def _quantise(self) -> None:
        bits, group = self.policy.bits, self.policy.group
        count = (self.keys.shape[2] - self.policy.recent) // group * group
        if bits == 16 or count <= 0:
            return
        for size in (self.keys.shape[-1], self.values.shape[-1]):
            if size % (8 // bits):
                raise UserError(f"heads of {size} numbers do not fill bytes of {bits} bits", where="kv: bits")
        keys = _by_head(self.keys[:, :, :count], bits, group, -2)
        values = _by_head(self.values[:, :, :count], bits, self._width(self.values), -1)
        self._keys, self._values = _behind(self._keys, keys), _behind(self._values, values)
        self.keys, self.values = own(self.keys[:, :, count:]), own(self.values[:, :, count:])

    def _width(self, values: Tensor) -> int:
        """Channels of a value that share a scale: a group where they divide into such, else all."""
        size = values.shape[-1]
        return self.policy.group if size % self.policy.group == 0 else size

    def tensors(self) -> Iterator[Tensor]:
        """Codes, scales and whole entries."""
        if self.seen:
            yield from (self.keys, self.values, *(self._keys or ()), *(self._values or ()))


def _by_head(numbers: Tensor, bits: int, group: int, dim: int) -> Codes:
    """`quantise`, one head after the other: what it takes for a while is that of one head."""
    import torch

    parts = [quantise(numbers[:, h : h + 1], bits, group, dim) for h in range(numbers.shape[1])]
    return Codes(*(torch.cat(part, dim=1) for part in zip(*parts, strict=True)))


def _behind(old: Codes | None, new: Codes) -> Codes:
    import torch

    return new if old is None else Codes(*(torch.cat(pair, dim=2) for pair in zip(old, new, strict=True)))
