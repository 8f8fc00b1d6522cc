"""Measuring a device's constants with plain torch, in about half a minute.

Each is the median over repetitions of one kind of work, of the sizes that a model has: products with its matrices,
causal attention, a product that reads far more than a cache holds, norms and gates, a copy to and from the host, and
layers too small to cost anything but their start. It knows no engine: one that fuses or overlaps work differently
reaches other rates, and a model's own measurement stays the last word.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.core.errors import MissingPackageError, UserError
from pipeline.cost.device import Device
from pipeline.cost.shape import BYTES, ModelShape

_SMALL = ModelShape(
    name="small", layers=1, hidden=1024, heads=16, kv_heads=4, head_dim=64, feed=2816, vocab=32000, dtype="fp32"
)
_LARGE = ModelShape(name="large", layers=1, hidden=4096, heads=32, kv_heads=8, head_dim=128, feed=14336, vocab=128256)


class _Part(NamedTuple):
    """A piece of work, and how much of what is counted (FLOPs, bytes, layers) it does."""

    work: Callable[[], object]
    units: float


@dataclass(frozen=True)
class _Bench:
    """Where and in which format to compute, and how long each measurement may take."""

    torch: Any
    device: str
    dtype: str
    shape: ModelShape
    seconds: float

    @property
    def cuda(self) -> bool:
        return self.device.startswith("cuda")

    def tensor(self, *sizes: int) -> Any:
        """Random numbers: a processor draws less power on zeros, and pages that were never written cost nothing."""
        kind = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}[self.dtype]
        return self.torch.randn(*sizes, device=self.device).to(getattr(self.torch, kind))

    def medians(self, parts: dict[str, _Part]) -> dict[str, float]:
        """Seconds of one piece of each part, after one that warms up.

        The parts take turns until the time is over, at least three each: other work on the machine that comes and goes
        then slows all of them alike.
        """
        taken: dict[str, list[float]] = {name: [] for name in parts}
        for part in parts.values():
            part.work()
        self.wait()
        until, turns = time.perf_counter() + self.seconds, 0
        while turns < 3 or time.perf_counter() < until:
            for name, part in parts.items():
                start = time.perf_counter()
                part.work()
                self.wait()
                taken[name].append(time.perf_counter() - start)
            turns += 1
        return {name: statistics.median(times) for name, times in taken.items()}

    def wait(self) -> None:
        if self.cuda:
            self.torch.cuda.synchronize()


def calibrate(
    *, seconds: float = 30.0, device: str = "", dtype: str = "", shape: ModelShape | None = None, name: str = ""
) -> Device:
    """Measure this machine. seconds: about what it may take, above 0.

    device: torch's name of it; empty: cuda where there is one. dtype: of the products: fp32, bf16 or fp16; empty: bf16
    on a GPU, and on a CPU with instructions for it. shape: the model whose matrices and heads are used; a small one on
    a CPU and an 8B-like one on a GPU where none is given. Raises UserError for what torch cannot do here.
    """
    try:
        import torch
    except ImportError as e:
        raise MissingPackageError("torch", "", where="calibrate") from e
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if place.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"torch sees no {place!r}", where="calibrate", remedy="Give cpu, or leave the device out")
    if not place.startswith(("cuda", "cpu")):
        raise UserError(f"no device {place!r}", where="calibrate", remedy="Give cpu or cuda")
    if not 0 < seconds < 3600:
        raise UserError(f"{seconds:g} seconds to measure in", where="calibrate", remedy="Give a number above 0")
    kind = dtype or ("bf16" if place.startswith("cuda") or _multiplies_bf16(torch) else "fp32")
    if kind not in ("fp32", "bf16", "fp16"):
        raise UserError(f"no products in {kind!r} are measured", where="calibrate", remedy="Give fp32, bf16 or fp16")
    bench = _Bench(torch, place, kind, shape or (_LARGE if place.startswith("cuda") else _SMALL), seconds)
    with torch.inference_mode():
        parts = {
            "matrix": _matrix(bench),
            "attention": _attention(bench),
            "memory": _memory(bench),
            "cache": _cache(bench),
            "elementwise": _elementwise(bench),
            "host": _host(bench),
            "layer": _layer(bench),
        }
        taken = bench.medians(parts)
    rate = {name: part.units / taken[name] for name, part in parts.items()}
    threads = f"{torch.get_num_threads()} threads, " if not bench.cuda else ""
    return Device(
        name=name or (torch.cuda.get_device_name(place) if bench.cuda else "cpu"),
        matrix_flops=rate["matrix"],
        attention_flops=rate["attention"],
        memory_rate=rate["memory"],
        cache_rate=rate["cache"],
        elementwise_rate=rate["elementwise"],
        memory_bytes=_memory_bytes(bench),
        host_rate=rate["host"],
        layer_seconds=1 / rate["layer"],
        # What stands around the layers, such as the embedding and the choice of a token, starts about as much.
        step_seconds=1 / rate["layer"],
        measured=True,
        note=f"measured with torch {torch.__version__}, {threads}{kind}, sizes of {bench.shape.name}",
    )


def _multiplies_bf16(torch: Any) -> bool:
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def _matrices(shape: ModelShape) -> list[tuple[int, int]]:
    """(inputs, outputs) of a layer's products, those that share an input as one."""
    s, queries = shape, shape.heads * shape.head_dim
    together = queries + 2 * s.kv_heads * s.head_dim
    return [(s.hidden, together), (queries, s.hidden), (s.hidden, 2 * s.feed), (s.feed, s.hidden)]


def _matrix(bench: _Bench) -> _Part:
    """FLOP/s of one layer's products over many tokens."""
    linear = bench.torch.nn.functional.linear
    rows = 8192 if bench.cuda else 4096
    pairs = [(bench.tensor(rows, k), bench.tensor(n, k)) for k, n in _matrices(bench.shape)]
    return _Part(lambda: [linear(x, w) for x, w in pairs], sum(2.0 * rows * k * n for k, n in _matrices(bench.shape)))


def _attention(bench: _Bench) -> _Part:
    """FLOP/s of causal attention over one long prompt."""
    s, rows = bench.shape, 16384 if bench.cuda else 4096
    attend = bench.torch.nn.functional.scaled_dot_product_attention
    q = bench.tensor(1, s.heads, rows, s.head_dim)
    k, v = (bench.tensor(1, s.kv_heads, rows, s.head_dim) for _ in range(2))
    grouped = s.heads != s.kv_heads
    return _Part(
        lambda: attend(q, k, v, is_causal=True, enable_gqa=grouped), 4.0 * s.heads * s.head_dim * rows * (rows + 1) / 2
    )


def _memory(bench: _Bench) -> _Part:
    """Bytes/s of weights read for products with one token, over so many layers that no cache holds them."""
    linear = bench.torch.nn.functional.linear
    sizes = _matrices(bench.shape)
    layer = sum(k * n for k, n in sizes) * BYTES[bench.dtype]
    count = min(256, max(1, round((2**31 if bench.cuda else 2**26) / layer)))
    pairs = [(bench.tensor(1, k), bench.tensor(n, k)) for _ in range(count) for k, n in sizes]
    return _Part(lambda: [linear(x, w) for x, w in pairs], count * layer)


def _cache(bench: _Bench) -> _Part:
    """Bytes/s of keys and values read for one token of each sequence."""
    s, (batch, held) = bench.shape, (16, 8192) if bench.cuda else (1, 8192)
    attend = bench.torch.nn.functional.scaled_dot_product_attention
    q = bench.tensor(batch, s.heads, 1, s.head_dim)
    layers = [[bench.tensor(batch, s.kv_heads, held, s.head_dim) for _ in range(2)] for _ in range(4)]
    grouped = s.heads != s.kv_heads
    units = 2.0 * len(layers) * batch * s.kv_heads * held * s.head_dim * BYTES[bench.dtype]
    return _Part(lambda: [attend(q, k, v, enable_gqa=grouped) for k, v in layers], units)


def _elementwise(bench: _Bench) -> _Part:
    """Bytes/s of a layer's norms, rotations, gate and sums, counted as if they were fused.

    A GPU's engines do fuse them, so there a plain sum's rate is taken. On a CPU they run one after the other, on
    residuals in fp32, over as many tokens as spill out of its caches.
    """
    torch, s, rows = bench.torch, bench.shape, 8192 if bench.cuda else 4096
    if bench.cuda:
        a, b = bench.tensor(rows, 2 * s.feed), bench.tensor(rows, 2 * s.feed)
        return _Part(lambda: a.add_(b), 3 * rows * 2 * s.feed * BYTES[bench.dtype])
    x, weight = torch.randn(rows, s.hidden), torch.randn(s.hidden)
    out = bench.tensor(rows, s.hidden)
    heads = bench.tensor(rows, s.heads + s.kv_heads, s.head_dim)
    turn = bench.tensor(rows, 1, s.head_dim // 2)
    gate, up = bench.tensor(rows, s.feed), bench.tensor(rows, s.feed)

    def work() -> None:
        for _ in range(2):
            torch.nn.functional.rms_norm(x + out.float(), (s.hidden,), weight, 1e-5).to(out.dtype)
        left, right = heads.float().chunk(2, dim=-1)
        torch.cat((left * turn - right * turn, right * turn + left * turn), dim=-1).to(heads.dtype)
        torch.nn.functional.silu(gate).mul_(up)

    moved = 8 * s.hidden + 2 * (s.heads + s.kv_heads) * s.head_dim + 3 * s.feed
    return _Part(work, rows * moved * BYTES[bench.dtype])


def _host(bench: _Bench) -> _Part:
    """Bytes/s of a copy from the host's memory: pinned to a GPU's, or within a CPU's."""
    torch, size = bench.torch, 1 << (30 if bench.cuda else 27)
    source = torch.ones(size, dtype=torch.uint8, pin_memory=bench.cuda)
    target = torch.ones(size, dtype=torch.uint8, device=bench.device)
    return _Part(lambda: target.copy_(source, non_blocking=True), size)


def _layer(bench: _Bench) -> _Part:
    """Seconds of a layer so small that only starting its work takes time; on a GPU replayed as a graph of kernels."""
    torch, size, count = bench.torch, 64, 32
    f = torch.nn.functional
    x, norm = bench.tensor(1, size), bench.tensor(size)
    three, one = bench.tensor(3 * size, size), bench.tensor(size, size)

    def wide(t: Any) -> Any:
        return t if bench.cuda else t.float()

    norm = wide(norm)

    def layers() -> None:
        y = wide(x)
        for _ in range(count):
            three_heads = f.linear(f.rms_norm(y, (size,), norm, 1e-5).to(x.dtype), three).view(1, 3, 1, size)
            left, right = wide(three_heads[:, :2]).chunk(2, dim=-1)
            turned = torch.cat((left * right - right * left, right * left + left * right), dim=-1).to(x.dtype)
            mixed = f.scaled_dot_product_attention(turned[:, :1], turned[:, 1:], three_heads[:, 2:])
            y = y + wide(f.linear(mixed.view(1, size), one))
            gate, up, _ = f.linear(f.rms_norm(y, (size,), norm, 1e-5).to(x.dtype), three).chunk(3, dim=-1)
            y = y + wide(f.linear(f.silu(gate) * up, one))

    if not bench.cuda:
        return _Part(layers, count)
    layers()
    bench.wait()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        layers()
    return _Part(graph.replay, count)


def _memory_bytes(bench: _Bench) -> float:
    if bench.cuda:
        return float(bench.torch.cuda.get_device_properties(bench.device).total_memory)
    import os

    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        raise UserError(
            "this system does not say how much memory it has", where="calibrate", remedy="Write the file by hand"
        ) from None
