"""LLMLingua and LongLLMLingua on this machine's CPU, beside the package llmlingua 0.2.2.

The same model, the same texts, the same number of threads, each in its own interpreter: `LONGSHORT_LLMLINGUA_PYTHON`
names the one that has the package, with transformers 4.45. Package and ours take turns; loading the model is not timed.
The bar is 5 times the package's tokens a second. `package` is our variant that keeps the package's tokens, to within
what tests/compressors/test_llmlingua_package.py allows; `paper` is the default.

    python -m benchmarks.compress [--tokens 8000] [--repeats 1] [--model FOLDER] [--documents 20]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench import Row, report
from compressors._lingua import Lingua
from compressors.lingua import LLMLingua
from compressors.longllmlingua import LongLLMLingua

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "pipeline" / "generators" / "embedded_model"
ORACLE = ROOT / "tests" / "compressors" / "llmlingua_oracle.py"
QUESTION = "Who keeps the lighthouse of the northern bay in winter?"
LONG: dict[str, Any] = {
    "rank_method": "longllmlingua",
    "condition_in_question": "after_condition",
    "condition_compare": True,
    "reorder_context": "sort",
    "dynamic_context_compression_ratio": 0.3,
    "context_budget": "+100",
}
OURS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("package, float32", {"variant": "package", "precision": "float32"}),
    ("paper, float32", {"variant": "paper", "precision": "float32"}),
    ("paper, bfloat16", {"variant": "paper", "precision": "bfloat16"}),
)
RATIO = 4


def text_of(tokens: int, method: Lingua, seed: int) -> str:
    """Sentences of words from the model's vocabulary, of so many tokens."""
    import random

    rng = random.Random(seed)
    vocabulary = json.loads((Path(method.model) / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    words = sorted(w[1:] for w in vocabulary if w[0] in "Ġ▁" and w[1:].isalpha() and w[1:].isascii() and len(w) > 2)
    out = " ".join(rng.choice(words) + (". " if rng.random() < 0.08 else "") for _ in range(tokens))
    _, spans = method.scorer.encode(out)
    return out[: spans[min(tokens, len(spans)) - 1][1]]


def theirs(python: str, model: str, job: dict[str, Any]) -> dict[str, Any]:
    """The package's answer to one job, with its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        given, answers = Path(folder) / "jobs.json", Path(folder) / "answers.json"
        given.write_text(json.dumps({"model": model, "jobs": [job], "follow": False}), encoding="utf-8")
        subprocess.run([python, str(ORACLE), str(given), str(answers)], check=True, capture_output=True)
        found: dict[str, Any] = json.loads(answers.read_text(encoding="utf-8"))[0]
    return found


def ours(method: Lingua, job: dict[str, Any]) -> dict[str, float]:
    """Our seconds for the same job."""
    scorer = method.scorer
    scorer.nll([(scorer.encode(QUESTION)[0], scorer.encode(QUESTION)[0])])
    began, cpu = time.perf_counter(), time.process_time()
    plans = method.plans(scorer, [(job["contexts"], job["question"], job["target"])])
    method.prune(scorer, plans)
    return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=8000)
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--model", default=str(MODEL))
    args = parser.parse_args()
    python = os.environ.get("LONGSHORT_LLMLINGUA_PYTHON", "")
    if not python:
        sys.exit(
            "error: LONGSHORT_LLMLINGUA_PYTHON names no Python: make one with llmlingua==0.2.2, transformers==4.45.2"
        )
    import torch

    first = LLMLingua(model=args.model, device="cpu")
    whole = text_of(args.tokens, first, 0)
    parts = [text_of(args.tokens // args.documents, first, 1 + i) for i in range(args.documents)]
    target = args.tokens // RATIO
    jobs: dict[str, tuple[type[Lingua], dict[str, Any]]] = {
        "llmlingua": (LLMLingua, {"contexts": [whole], "question": "", "target": target, "settings": {}}),
        "longllmlingua": (LongLLMLingua, {"contexts": parts, "question": QUESTION, "target": target, "settings": LONG}),
    }
    rows, notes = [], []
    for name, (cls, job) in jobs.items():
        methods = [cls(model=args.model, device="cpu", **settings) for _, settings in OURS]
        peer: list[dict[str, Any]] = []
        mine: list[list[dict[str, float]]] = [[] for _ in methods]
        for _ in range(args.repeats):
            peer.append(theirs(python, args.model, job))
            for taken, method in zip(mine, methods, strict=True):
                taken.append(ours(method, job))
        for kind, unit in (("seconds", "tokens/s"), ("cpu_seconds", "tokens/CPU s")):
            of_peer = args.tokens / median(p[kind] for p in peer)
            for (label, _), taken in zip(OURS, mine, strict=True):
                speed = args.tokens / median(t[kind] for t in taken)
                rows.append(Row(f"{name}: {label}", unit, speed, of_peer, "llmlingua 0.2.2", better="more"))
    notes.append(
        f"{args.tokens} tokens at {RATIO}x, in one text (llmlingua) or {args.documents} (longllmlingua); "
        f"{torch.get_num_threads()} threads, {args.repeats} turns"
    )
    report("compress", rows, notes)


if __name__ == "__main__":
    main()
