"""LLMLingua and LongLLMLingua beside the package llmlingua 0.2.2, on a CPU or on a GPU.

The same model, the same texts, the same number of threads, each in its own interpreter: `LONGSHORT_LLMLINGUA_PYTHON`
names the one that has the package, with transformers 4.45. Package and ours take turns; loading the model is not timed.
The bar is 5 times the package's tokens a second on a CPU, 20 times on a GPU with batches of contexts, which the package
cannot read at once. `package` is our variant that keeps the package's tokens, to within what
tests/compressors/test_llmlingua_package.py allows; `paper` is the default. `--model random:1b` is a Llama of 1.1
billion weights made up, which costs what a trained one does.

    python -m benchmarks.compress [--tokens 8000] [--repeats 1] [--model FOLDER] [--documents 20]
    python -m benchmarks.compress --device cuda --batch 16 --model random:1b
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
OURS_GPU: tuple[tuple[str, dict[str, Any]], ...] = (
    ("package, bfloat16", {"variant": "package", "precision": "bfloat16"}),
    ("paper, bfloat16", {"variant": "paper", "precision": "bfloat16"}),
)
RATIO = 4
RANDOM = "random:1b"
LLAMA_1B = {
    "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32,
    "num_key_value_heads": 4, "vocab_size": 8192, "max_position_embeddings": 16_384,
}  # fmt: skip
"""TinyLlama 1.1B (Zhang et al. 2024, arXiv 2401.02385), with the shipped tokenizer's vocabulary."""


def random_model(folder: Path) -> Path:
    """A Llama of these sizes with random weights in 16 bits, and the shipped tokenizer, saved in the folder."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    config = LlamaConfig(**LLAMA_1B, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((MODEL / name).read_bytes())
    return folder


def text_of(tokens: int, method: Lingua, seed: int) -> str:
    """Sentences of words from the model's vocabulary, of so many tokens."""
    import random

    rng = random.Random(seed)
    vocabulary = json.loads((Path(method.model) / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    words = sorted(w[1:] for w in vocabulary if w[0] in "Ġ▁" and w[1:].isalpha() and w[1:].isascii() and len(w) > 2)
    out = " ".join(rng.choice(words) + (". " if rng.random() < 0.08 else "") for _ in range(tokens))
    _, spans = method.scorer.encode(out)
    return out[: spans[min(tokens, len(spans)) - 1][1]]


def theirs(python: str, model: str, job: dict[str, Any], device: str) -> dict[str, Any]:
    """The package's answer to one job, with its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        given, answers = Path(folder) / "jobs.json", Path(folder) / "answers.json"
        given.write_text(
            json.dumps({"model": model, "jobs": [job], "follow": False, "device": device}), encoding="utf-8"
        )
        subprocess.run([python, str(ORACLE), str(given), str(answers)], check=True, capture_output=True)
        found: dict[str, Any] = json.loads(answers.read_text(encoding="utf-8"))[0]
    return found


def ours(method: Lingua, jobs: list[dict[str, Any]], device: str) -> dict[str, float]:
    """Our seconds for such jobs at once."""
    scorer = method.scorer
    scorer.nll([(scorer.encode(QUESTION)[0], scorer.encode(QUESTION)[0])])
    asked = [(job["contexts"], job["question"], job["target"]) for job in jobs]
    if device == "cuda":
        method.prune(scorer, method.plans(scorer, asked))
    began, cpu = time.perf_counter(), time.process_time()
    method.prune(scorer, method.plans(scorer, asked))  # its results are on the host when it returns
    return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=8000)
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--model", default=str(MODEL))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int, default=1, help="contexts that ours reads at once")
    args = parser.parse_args()
    python = os.environ.get("LONGSHORT_LLMLINGUA_PYTHON", "")
    if not python:
        sys.exit(
            "error: LONGSHORT_LLMLINGUA_PYTHON names no Python: make one with llmlingua==0.2.2, transformers==4.45.2"
        )
    with tempfile.TemporaryDirectory() as folder:
        model = str(random_model(Path(folder))) if args.model == RANDOM else args.model
        measure(args, model, python)


def measure(args: argparse.Namespace, model: str, python: str) -> None:
    """Both in turns, then the table."""
    import torch

    first = LLMLingua(model=model, device=args.device)
    target = args.tokens // RATIO

    def job_of(seed: int, documents: int, question: str, settings: dict[str, Any]) -> dict[str, Any]:
        texts = [text_of(args.tokens // documents, first, 1000 * seed + i) for i in range(documents)]
        return {"contexts": texts, "question": question, "target": target, "settings": settings}

    kinds: dict[str, tuple[type[Lingua], list[dict[str, Any]]]] = {
        "llmlingua": (LLMLingua, [job_of(n, 1, "", {}) for n in range(args.batch)]),
        "longllmlingua": (LongLLMLingua, [job_of(n, args.documents, QUESTION, LONG) for n in range(args.batch)]),
    }
    rows, notes = [], []
    variants = OURS_GPU if args.device == "cuda" else OURS
    for name, (cls, jobs) in kinds.items():
        methods = [cls(model=model, device=args.device, **settings) for _, settings in variants]
        peer: list[dict[str, Any]] = []
        mine: list[list[dict[str, float]]] = [[] for _ in methods]
        for _ in range(args.repeats):
            peer.append(theirs(python, model, jobs[0], args.device))
            for taken, method in zip(mine, methods, strict=True):
                taken.append(ours(method, jobs, args.device))
        for kind, unit in (("seconds", "tokens/s"), ("cpu_seconds", "tokens/CPU s")):
            of_peer = args.tokens / median(p[kind] for p in peer)
            for (label, _), taken in zip(variants, mine, strict=True):
                speed = args.batch * args.tokens / median(t[kind] for t in taken)
                rows.append(Row(f"{name}: {label}", unit, speed, of_peer, "llmlingua 0.2.2", better="more"))
    where = torch.cuda.get_device_name() if args.device == "cuda" else f"{torch.get_num_threads()} threads"
    notes.append(
        f"{args.tokens} tokens at {RATIO}x, in one text (llmlingua) or {args.documents} (longllmlingua), ours "
        f"{args.batch} such contexts at once; {where}, {args.repeats} turns"
    )
    report("compress", rows, notes)


if __name__ == "__main__":
    main()
