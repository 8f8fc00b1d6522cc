"""How busy this machine's GPUs were while something ran: a thread that asks the driver now and then.

It asks NVIDIA's management library where Python has it, and else the `nvidia-smi` program. It knows nothing of who
uses the GPUs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from importlib.util import find_spec

_EVERY = 0.5
"""Seconds between two looks."""
_PROGRAM = "nvidia-smi"


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU and a driver for it."""
    return shutil.which(_PROGRAM) is not None


class GpuBusy:
    """The share of time in which the GPUs ran anything, between `start` and `stop`."""

    def __init__(self) -> None:
        self._seen: list[float] = []
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def share(self) -> float | None:
        """Mean over the looks so far, in [0, 1]; None where there is no GPU, or no look yet."""
        return sum(self._seen) / len(self._seen) if self._seen else None

    def start(self) -> None:
        """Begin to look, where there is a GPU."""
        if has_gpu():
            self._thread = threading.Thread(target=self._watch, name="gpu-busy", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        look = _by_library() if find_spec("pynvml") is not None else None
        look = look or _by_program
        while not self._over.wait(_EVERY):
            share = look()
            if share is None:
                return
            self._seen.append(share)


def _by_library() -> Callable[[], float | None] | None:
    """A look through NVIDIA's library; None where it does not work here."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in _visible(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return None

    def look() -> float | None:
        try:
            shares = [pynvml.nvmlDeviceGetUtilizationRates(h).gpu / 100 for h in handles]
        except pynvml.NVMLError:
            return None
        return sum(shares) / len(shares) if shares else None

    return look


def _by_program() -> float | None:
    asked = [_PROGRAM, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
        shares = [float(line) / 100 for line in said.split()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    chosen = [shares[i] for i in _visible(len(shares))]
    return sum(chosen) / len(chosen) if chosen else None


def _visible(count: int) -> list[int]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, of `count`; all where it names them otherwise than by number."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if all(n.isdigit() for n in named):
        return [int(n) for n in named if int(n) < count]
    return list(range(count))
