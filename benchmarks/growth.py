"""What indexes cost as a corpus grows: `python -m benchmarks.growth [--most 1000000] [--out benchmarks]`.

Sizes of 10,000, 100,000 and 1,000,000 chunks. Texts are generated: 60 to 100 words by Zipf's law over 200,000. Vectors
stand in for encoded texts: 384 dimensions, unit length, around 2,000 random centres, since points spread evenly over
the sphere have no neighbours to find. Up to the threshold of 100,000 chunks an index is measured in memory and
memory-mapped, above it memory-mapped only; the graph (hnsw) is always in memory.

A mapped index is built in one process and searched in another; one in memory does both in one. Seconds leave out the
generator's. index_mb: on disk, or of the arrays in memory. query_ms: a question, median of five calls of 20. Peaks: of
all memory (VmHWM), and of memory that is not a file's (RssAnon, sampled), since the system takes the pages of mapped
files back at will. The row `none` is a process that only imports. recall: of the ten best by inner product.

Writes growth.csv and growth.svg.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from experiments import svg
from pipeline.core.records import Ranking
from retrievers.analyze import words
from retrievers.bm25 import BM25Index, BM25Search
from retrievers.bm25_build import build_bm25, open_bm25
from retrievers.dense import DenseSearch, Mapped
from retrievers.vector_folder import build_vectors, open_vectors
from retrievers.vector_index import VectorIndex

SIZES = (10_000, 100_000, 1_000_000)
THRESHOLD = 100_000
QUESTIONS, K, D, BLOCK = 20, 10, 384, 5000
ALWAYS = ("none", "bm25 mapped", "flat mapped", "ivfpq mapped")
BELOW = ("bm25 memory", "flat memory", "hnsw memory")
COLUMNS = (
    "index", "chunks", "build_s", "index_mb", "query_ms", "recall",
    "build_mb_peak", "build_anon_mb_peak", "search_mb_peak", "search_anon_mb_peak",
)  # fmt: skip


class Timed:
    """An iterator that knows how long it took to make its items."""

    def __init__(self, items: Iterator[Any]) -> None:
        self.items, self.seconds = items, 0.0

    def __iter__(self) -> Iterator[Any]:
        while True:
            start = time.perf_counter()
            item = next(self.items, None)
            self.seconds += time.perf_counter() - start
            if item is None:
                return
            yield item


def texts(chunks: int, seed: int = 0, shortest: int = 60, longest: int = 100) -> Iterator[str]:
    rng, vocabulary = np.random.default_rng(seed), 200_000
    share = np.cumsum(1 / np.arange(1, vocabulary + 1))
    share /= share[-1]
    names = [f"w{i}" for i in range(vocabulary)]
    for _ in range(chunks):
        drawn = np.searchsorted(share, rng.random(rng.integers(shortest, longest + 1)))
        yield " ".join([names[i] for i in drawn.tolist()])


def vectors(chunks: int, seed: int = 0) -> Iterator[Any]:
    centres = np.random.default_rng(9).standard_normal((2000, D), dtype=np.float32)
    for start in range(0, chunks, BLOCK):
        rng = np.random.default_rng((seed, start))
        rows = min(BLOCK, chunks - start)
        block = centres[rng.integers(0, len(centres), rows)] + 0.7 * rng.standard_normal((rows, D), dtype=np.float32)
        yield block / np.linalg.norm(block, axis=1, keepdims=True)


class Memory(threading.Thread):
    """Samples this process's anonymous memory every 10 ms."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.done = 0.0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.done.wait(0.01):
            self.most = max(self.most, megabytes("RssAnon"))

    def peaks(self) -> dict[str, float]:
        self.done.set()
        self.join()
        return {"mb_peak": megabytes("VmHWM"), "anon_mb_peak": max(self.most, megabytes("RssAnon"))}


def megabytes(field: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def built(index: str, chunks: int, folder: Path) -> tuple[Any, float]:
    """Build an index; returns it where it lies in memory, and the seconds without those of the generator."""
    kind, place = index.split()
    source = Timed(texts(chunks) if kind == "bm25" else vectors(chunks))
    start, value = time.perf_counter(), None
    if kind == "bm25" and place == "mapped":
        build_bm25(source, folder)
    elif kind == "bm25":
        value = BM25Index().index([words(t) for t in source])
    elif place == "mapped":
        build_vectors(source, folder, VectorIndex(kind))  # type: ignore[arg-type]
    else:
        value = VectorIndex(kind).index(np.concatenate(list(source)))  # type: ignore[arg-type]
    return value, time.perf_counter() - start - source.seconds


def searched(index: str, value: Any, chunks: int) -> dict[str, float]:
    """Milliseconds a question, and the recall of what was found."""
    if index.startswith("bm25"):
        asked: list[Any] = list(texts(QUESTIONS, 1, 4, 12))
        stage: Any = BM25Search(K)
    else:
        asked = list(next(vectors(BLOCK, 1))[:QUESTIONS])
        stage = DenseSearch(K)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        found = list(stage.run([value] * len(asked), asked))
        times.append((time.perf_counter() - start) / len(asked) * 1000)
    return {"query_ms": median(times), "recall": recall(value, found, asked, chunks)}


def recall(value: dict[str, Any], found: Sequence[Ranking], asked: Sequence[Any], chunks: int) -> float:
    if value.get("kind", "flat") == "flat":
        return 1.0
    matrix = value["vectors"] if "vectors" in value else np.concatenate(list(vectors(chunks)))
    exact = Mapped(matrix, 1.001, value.get("release", lambda: None)).search(asked, K)
    shared = sum(len(set(a.ids) & set(b.ids)) for a, b in zip(found, exact, strict=True))
    return shared / (K * len(asked))


def child(index: str, chunks: int, folder: Path, stage: str) -> dict[str, float]:
    """One measurement, in a process of its own."""
    memory, mapped = Memory(), index.endswith("mapped")
    if index == "none":
        import faiss  # noqa: F401

        return memory.peaks()
    if stage == "search":
        value: Any = open_bm25(folder) if index.startswith("bm25") else open_vectors(folder)
        return searched(index, value, chunks) | memory.peaks()
    value, taken = built(index, chunks, folder)
    if mapped:
        return {"build_s": taken} | memory.peaks()
    size = sum(a.nbytes for a in value.values() if isinstance(a, np.ndarray)) / 2**20
    return {"build_s": taken, "index_mb": size} | searched(index, value, chunks) | memory.peaks()


def measured(index: str, chunks: int, scratch: Path) -> dict[str, Any]:
    """A row of the table."""
    folder = scratch / f"{index.replace(' ', '-')}-{chunks}"
    row: dict[str, Any] = {"index": index, "chunks": chunks}
    for stage in ("build", "search") if index.endswith("mapped") else ("both",):
        command = [sys.executable, "-m", "benchmarks.growth", "--child", index, str(chunks), str(folder), stage]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{index}, {chunks:,} chunks: {done.stderr}")
        for name, value in json.loads(done.stdout).items():
            of = ("build", "search") if stage == "both" else (stage,)
            row |= {f"{s}_{name}": round(value, 1) for s in of} if name.endswith("_peak") else {name: round(value, 3)}
    if folder.exists():
        row["index_mb"] = round(sum(p.stat().st_size for p in folder.iterdir()) / 2**20, 3)
        shutil.rmtree(folder)
    return row


def panel(rows: Sequence[dict[str, Any]], column: str, title: str, left: float, drawn: Sequence[str]) -> list[str]:
    """One chart with two logarithmic axes, 300 by 240 pixels."""
    top, width, height = 46.0, 300.0, 240.0
    points = [(r["index"], r["chunks"], float(r[column])) for r in rows if r["index"] in drawn and r.get(column)]
    low, high = min(p[2] for p in points) / 1.5, max(p[2] for p in points) * 1.5

    def x(chunks: float) -> float:
        return left + 20 + (width - 40) * (math.log10(chunks) - 4) / 2

    def y(value: float) -> float:
        return top + height - height * math.log(value / low) / math.log(high / low)

    body = [svg.text(left, top - 18, title, size=13, weight=600)]
    for tick in svg.log_ticks(low, high, 7):
        body.append(svg.line(left, y(tick), left + width, y(tick)))
        body.append(
            svg.text(
                left - 6,
                y(tick) + 4,
                f"{tick:,.3g}" if tick < 1 else f"{tick:,.0f}",
                size=11,
                anchor="end",
                colour="muted",
            )
        )
    foot = {"y": top + height + 18, "size": 11, "anchor": "middle", "colour": "muted"}
    body += [svg.text(x(chunks), words=svg.short(chunks), **foot) for chunks in SIZES]  # type: ignore[arg-type]
    body.append(svg.line(x(THRESHOLD), top, x(THRESHOLD), top + height, colour="axis", dash="3 3"))
    for i, name in enumerate(drawn):
        line = [(x(c), y(v)) for n, c, v in points if n == name]
        colour, shape = f"series-{i % 8}", svg.MARKERS[i % len(svg.MARKERS)]
        body += [svg.line(*a, *b, colour=colour, width=1.8) for a, b in pairwise(line)]
        body += [svg.marker(shape, *p, 4.2, colour=colour) for p in line]
    return body


def plot(rows: Sequence[dict[str, Any]]) -> str:
    drawn = list(dict.fromkeys(r["index"] for r in rows if r["index"] != "none"))
    body = [
        *panel(rows, "build_anon_mb_peak", "Peak memory of building, MB", 60, drawn),
        *panel(rows, "search_anon_mb_peak", "Peak memory of searching, MB", 430, drawn),
        *panel(rows, "query_ms", "Milliseconds a question", 800, drawn),
    ]
    swatches = [
        (svg.marker(svg.MARKERS[i % len(svg.MARKERS)], 0, 0, 4.2, colour=f"series-{i % 8}"), name)
        for i, name in enumerate(drawn)
    ]
    below = "Chunks. Dashed: the threshold, above which indexes are memory-mapped. Memory without the pages of files."
    body += [svg.text(60, 326, below, size=11, colour="muted"), svg.legend(swatches, 1040, x=60, y=336)[0]]
    drawn_alone = svg.drawing("Growth of indexes from 10,000 to 1,000,000 chunks", 1120, 366, body)
    return drawn_alone.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)  # a file, not part of a page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--child", nargs=4)
    args = parser.parse_args()
    if args.child:
        index, chunks, folder, stage = args.child
        print(json.dumps(child(index, int(chunks), Path(folder), stage)))
        return
    rows = []
    print("  ".join(f"{c:>19}" for c in COLUMNS))
    with tempfile.TemporaryDirectory(prefix="growth") as scratch:
        for chunks in (s for s in SIZES if s <= args.most):
            for index in (*ALWAYS, *(BELOW if chunks <= THRESHOLD else ())):
                rows.append(measured(index, chunks, Path(scratch)))
                print("  ".join(f"{rows[-1].get(c, ''):>19}" for c in COLUMNS), flush=True)
    rows.sort(key=lambda r: ((*ALWAYS, *BELOW).index(r["index"]), r["chunks"]))
    with (args.out / "growth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (args.out / "growth.svg").write_text(plot(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
