"""Encoding on this machine's CPU, beside a plain loop over `SentenceTransformer.encode` in order of arrival.

The same model (all-MiniLM-L6-v2), the same texts of mixed length, the same number of threads. The bar is the loop over
batches of 32; the loop text by text is shown as well. Ours is what `EncodeChunks` does: tokens counted once, batches of
one length across a block of chunks, each on a thread of its own. Runs of ours and of the peers alternate, so that other
work on the machine slows all of them.

    python -m benchmarks.encode [--texts 192] [--repeats 3]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

from benchmarks.bench import Row, report
from pipeline.core.records import Chunk
from pipeline.core.tokens import minilm_folder
from retrievers.encode import EncodeChunks

SHORTEST, LONGEST = 5, 250  # words; lengths are log-uniform between them
BATCH = 32


def mixed_texts(n: int, seed: int = 0) -> list[str]:
    """n texts of words from the model's vocabulary."""
    rng = np.random.default_rng(seed)
    lines = (minilm_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    words = [w for w in lines if w.isalpha() and len(w) > 1]
    sizes = np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST), size=n)).round().astype(int)
    return [" ".join(rng.choice(words, size)) for size in sizes]


def alternating(works: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Median seconds of each work; they take turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for spent, work in zip(times, works, strict=True):
            start = time.perf_counter()
            work()
            spent.append(time.perf_counter() - start)
    return [median(spent) for spent in times]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=192)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    import torch
    from sentence_transformers import SentenceTransformer

    texts = mixed_texts(args.texts)
    chunks = tuple(Chunk(str(i), 0, len(t), t) for i, t in enumerate(texts))
    model = SentenceTransformer(str(minilm_folder()), device="cpu")
    stage = EncodeChunks(device="cpu")

    def ours() -> Any:
        (value,) = stage.run([chunks])
        return value["vectors"]

    def by_32() -> Any:
        batches = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
        return np.concatenate([model.encode(batch, show_progress_bar=False) for batch in batches])

    def by_one() -> Any:
        return np.stack([model.encode(text, show_progress_bar=False) for text in texts])

    apart = float(np.abs(ours() - by_32()).max())  # the first, uncounted call of both
    assert apart < 1e-5, f"the vectors differ by {apart}"

    mine, peer, single = (len(texts) / s for s in alternating([ours, by_32, by_one], args.repeats))
    name = "model.encode(batch) in order of arrival"
    tokens = np.array([len(ids) for ids in model.tokenizer(texts, truncation=True)["input_ids"]])
    arrival = sum(int(tokens[i : i + BATCH].max()) * len(tokens[i : i + BATCH]) for i in range(0, len(texts), BATCH))
    report(
        "encode",
        [
            Row("batches of 32", "texts/s", mine, peer, name, better="more"),
            Row("text by text", "texts/s", mine, single, "model.encode(text)", better="more"),
        ],
        [
            f"{len(texts)} texts of {SHORTEST} to {LONGEST} words, log-uniform; {torch.get_num_threads()} threads; "
            f"largest difference of a vector {apart:.1e}",
            f"padding among the tokens that the loop computes: {1 - tokens.sum() / arrival:.0%}",
        ],
    )


if __name__ == "__main__":
    main()
