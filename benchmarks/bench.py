"""What benchmarks share: a table of ours beside a peer in the same run, on the screen and in runs/bench/<name>.json."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any, Literal

from experiments.config import folder_setting

_PACKAGES = (
    "bm25s rank-bm25 numba faiss-cpu igraph networkx scipy numpy torch transformers sentence-transformers".split()
)


@dataclass(frozen=True)
class Row:
    """One measurement. better: whether less (seconds) or more (texts a second) of it is better."""

    what: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    better: Literal["less", "more"] = "less"

    @property
    def ratio(self) -> float:
        """How many times as good as the peer we are."""
        return self.peer / self.ours if self.better == "less" else self.ours / self.peer


def seconds(work: Callable[[], Any], *, repeats: int = 5) -> float:
    """Median seconds of a call over `repeats`, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def report(name: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print the table and write it with the versions it was measured with."""
    wide = max([len(r.what) for r in rows], default=4)
    print(f"{'':{wide}}  {'ours':>12}  {'peer':>12}  {'ratio':>7}")
    for r in rows:
        print(f"{r.what:{wide}}  {r.ours:12.5g}  {r.peer:12.5g}  {r.ratio:6.2f}x  {r.unit}, peer {r.peer_name}")
    for note in notes:
        print(note)
    folder = folder_setting("LONGSHORT_RUNS", "runs") / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    found = {
        "name": name,
        "rows": [asdict(r) | {"ratio": r.ratio} for r in rows],
        "notes": list(notes),
        "versions": {"python": platform.python_version()} | {p: v for p in _PACKAGES if (v := _version(p))},
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
    }
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
