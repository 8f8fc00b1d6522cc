"""The few constants of a device that a cost needs, as a JSON file, and data-sheet guesses for three devices.

It knows no model and no route; `calibrate.py` measures the constants.
"""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError, nearest
from pipeline.cost.files import read_json, write_text

FORMAT = 1
"""Version of the file; another one is refused."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device, or `count` equal ones that share a model's matrices (tensor parallel). All rates are of one device.

    matrix_flops, attention_flops: FLOP/s reached in products with weights and in causal attention. memory_rate: bytes/s
    reached when weights are read for one token; cache_rate: when its keys and values are. elementwise_rate: bytes/s of
    norms, rotations, gates and sums, counted as a fused engine moves them: an engine that moves more has a lower rate.
    memory_bytes: all of one device's memory.
    host_rate: bytes/s between it and the host's memory. link_rate: bytes/s to a neighbour, one way; 0 where alone.
    step_seconds, layer_seconds: what a step and each of its layers take on top, whatever they compute.
    measured: whether the constants were measured on such a device. note: where they come from.
    """

    name: str
    matrix_flops: float
    attention_flops: float
    memory_rate: float
    cache_rate: float
    elementwise_rate: float
    memory_bytes: float
    host_rate: float
    link_rate: float = 0.0
    step_seconds: float = 0.0
    layer_seconds: float = 0.0
    count: int = 1
    measured: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        where = f"device {self.name}"
        for field in fields(self):
            value: Any = getattr(self, field.name)
            kind = str(field.type)
            if kind in ("str", "bool"):
                fits = isinstance(value, str if kind == "str" else bool)
            else:
                fits = isinstance(value, int if kind == "int" else int | float) and not isinstance(value, bool)
            if not fits:
                raise UserError(f"{field.name} is {value!r}, where {kind} is needed", where=where)
            may_be_zero = field.default == 0.0
            if kind in ("float", "int") and not _in_range(value, may_be_zero):
                limit = "at least 0" if may_be_zero else "above 0"
                raise UserError(f"{field.name} is {value!r}, where a number {limit} is needed", where=where)
        if self.count > 1 and not self.link_rate:
            raise UserError(
                f"{self.count} devices need the rate of the link between them",
                where=f"device {self.name}",
                remedy="Set link_rate, in bytes/s, in its file",
            )

    def times(self, count: int) -> Device:
        """`count` of this device, sharing one model."""
        return replace(self, count=count)


def _in_range(value: float, may_be_zero: bool) -> bool:
    return math.isfinite(value) and (value > 0 or (value == 0 and may_be_zero))


def _preset(name: str, note: str, **constants: float) -> Device:
    return Device(name=name, note=note, **constants)  # type: ignore[arg-type]


PRESETS = {
    "h100": _preset(
        "h100",
        "H100 SXM data sheet: 989 TFLOP/s bf16 x 0.75 (attention 0.52), 3.35 TB/s x 0.85, PCIe 5 64 GB/s x 0.8, "
        "NVLink 450 GB/s x 0.7",
        matrix_flops=742e12,
        attention_flops=514e12,
        memory_rate=2.85e12,
        cache_rate=2.85e12,
        elementwise_rate=2.85e12,
        memory_bytes=80e9,
        host_rate=51e9,
        link_rate=315e9,
        step_seconds=1e-3,
        layer_seconds=2e-5,
    ),
    "h200": _preset(
        "h200",
        "H200 SXM data sheet: 989 TFLOP/s bf16 x 0.80 (attention 0.56), 4.8 TB/s x 0.85, PCIe 5 64 GB/s x 0.8, "
        "NVLink 450 GB/s x 0.7",
        matrix_flops=791e12,
        attention_flops=554e12,
        memory_rate=4.08e12,
        cache_rate=4.08e12,
        elementwise_rate=4.08e12,
        memory_bytes=141e9,
        host_rate=51e9,
        link_rate=315e9,
        step_seconds=1e-3,
        layer_seconds=2e-5,
    ),
    "cpu-4": _preset(
        "cpu-4",
        "4 server cores of 2.5 GHz with two AVX-512 units: 640 GFLOP/s fp32 x 0.5 (attention 0.25), 80 GB/s x 0.5",
        matrix_flops=320e9,
        attention_flops=160e9,
        memory_rate=40e9,
        cache_rate=40e9,
        elementwise_rate=10e9,
        memory_bytes=16e9,
        host_rate=10e9,
        step_seconds=5e-4,
        layer_seconds=1e-4,
    ),
}
"""Unmeasured: data-sheet values times the efficiency that the note states. `calibrate` measures better ones.

The two efficiencies of products on an h200 were chosen with a reading of vLLM 0.25.1 in view (products 798 TFLOP/s; an
8B shape's prefill 653 at 32k tokens); those of the others are guesses.
"""


def device_named(name: str) -> Device:
    """A preset, or the device in a JSON file. Raises UserError where there is neither."""
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name).expanduser()
    if not path.is_file():
        raise UserError(
            "neither a preset nor a file",
            where=f"device {name!r}",
            remedy=f"{nearest(name, PRESETS)}. Measure one with: python -m pipeline calibrate --out device.json",
        )
    return read_device(path)


def read_device(path: Path) -> Device:
    """The device in a file that `write_device` wrote. Raises UserError for keys or values that are not understood."""
    read = read_json(path)
    if not isinstance(read, dict) or read.pop("device_format", None) != FORMAT:
        raise UserError(
            f"a JSON object with device_format {FORMAT} is expected",
            where=str(path),
            remedy="Write one with: python -m pipeline calibrate --out device.json",
        )
    known = {f.name: f for f in fields(Device)}
    for key in read:
        if key not in known:
            raise UserError(f"no key {key!r} is known", where=str(path), remedy=nearest(key, known))
    lacking = [f.name for f in known.values() if f.default is MISSING and f.name not in read]
    if lacking:
        raise UserError(f"the key {lacking[0]!r} is missing", where=str(path), remedy="Calibrate again")
    try:
        return Device(**read)
    except UserError as e:
        raise UserError(e.what, where=str(path), remedy=e.remedy) from None


def write_device(device: Device, path: Path) -> None:
    """Write the constants as JSON. Raises UserError where the file cannot be written."""
    write_text(path, json.dumps({"device_format": FORMAT, **asdict(device)}, indent=1) + "\n")
