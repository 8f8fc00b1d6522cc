"""The embedded reader in vLLM on a GPU: how often its greedy text is that of `transformers` in fp32, on the same GPU.

Needs a GPU, torch, transformers, vLLM and an exported reader, and no network:

    python -m benchmarks.gpu.reader_vllm --model FOLDER --held FOLDER [--prompts 200]

The folder goes to vLLM unchanged, each precision in a process of its own. Prompts are drawn from the held-out sets in
turn, by digest. A precision that fails is recorded with its error. Writes $OUT/reader_vllm.json, or prints only where
OUT is not set.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiments.reader.evaluate import Row, first_line, read_rows
from experiments.reader.export import LONGEST_ANSWER
from experiments.reader.pack import prompt
from pipeline.core.records import digest_parts

PRECISIONS = ("float32", "bfloat16")
SHARE = 0.98
"""Of the prompts on which vLLM in fp32 must write the same text."""


def drawn(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many rows, the sets in turn, those of a set in the order of their digests."""
    by_set: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: digest_parts([row.document, row.question])):
        by_set.setdefault(row.name, []).append(row)
    out: list[Row] = []
    turn = 0
    while len(out) < most and any(turn < len(those) for those in by_set.values()):
        out += [by_set[name][turn] for name in sorted(by_set) if turn < len(by_set[name])]
        turn += 1
    return out[:most]


def compared(plain: Sequence[str], other: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    """Share of equal texts, and up to ten that differ: set, question, plain, other."""
    differ = [(row, a, b) for row, a, b in zip(rows, plain, other, strict=True) if a != b]
    shown = [[row.name, row.question, a, b] for row, a, b in differ[:10]]
    return {"prompts": len(rows), "equal": 1 - len(differ) / len(rows), "differ": shown}


def by_transformers(model: Path, tokens: Sequence[Sequence[int]]) -> list[str]:
    """Greedy answers of `transformers` in fp32, one prompt at a time so that none is padded."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # Products in TF32 have 10 bits of mantissa, and would not be fp32.
    torch.backends.cuda.matmul.allow_tf32 = False
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval().to("cuda")
    out = []
    for ids in tokens:
        given = torch.tensor([list(ids)], device="cuda")
        with torch.inference_mode():
            written = network.generate(given, attention_mask=torch.ones_like(given), do_sample=False)
        out.append(first_line(tokenizer.decode(written[0, given.shape[1] :], skip_special_tokens=True)))
    del network
    gc.collect()
    torch.cuda.empty_cache()
    return out


def by_vllm(model: Path, tokens: Sequence[Sequence[int]], precision: str) -> tuple[list[str], float]:
    """Greedy answers of vLLM to all prompts at once, and the seconds that they took together."""
    from vllm import LLM, SamplingParams

    engine = LLM(model=str(model), dtype=precision, gpu_memory_utilization=0.5, enable_prefix_caching=False, seed=0)
    sampling = SamplingParams(temperature=0.0, max_tokens=LONGEST_ANSWER, stop=["\n"])
    given = [{"prompt_token_ids": list(ids)} for ids in tokens]
    engine.generate(given[:1], sampling)  # the first call compiles
    start = time.perf_counter()
    found = engine.generate(given, sampling)
    return [first_line(one.outputs[0].text) for one in found], time.perf_counter() - start


def in_its_own_process(model: Path, tokens: Sequence[Sequence[int]], precision: str) -> tuple[list[str], float]:
    """`by_vllm` where its memory comes back when it is done. Raises RuntimeError with the last lines of its errors."""
    environment = dict(os.environ)
    if importlib.util.find_spec("flashinfer") is None:  # vLLM would sample with it, and fails where it is missing
        environment.setdefault("VLLM_USE_FLASHINFER_SAMPLER", "0")
    with tempfile.TemporaryDirectory(prefix="reader") as folder:
        given, told = Path(folder) / "tokens.json", Path(folder) / "answers.json"
        given.write_text(json.dumps([list(ids) for ids in tokens]), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.gpu.reader_vllm", "--model", str(model)]
        done = subprocess.run(
            [*command, "--child", precision, str(given), str(told)],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if done.returncode:
            raise RuntimeError(" / ".join(done.stderr.strip().splitlines()[-4:]))
        texts, seconds = json.loads(told.read_text(encoding="utf-8"))
        return texts, seconds


def measured(model: Path, rows: Sequence[Row], keep: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """All figures, for the JSON file. keep: called with what is there after each precision; a run may be cut off."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    tokens = [tokenizer(prompt(row.document, row.question)).input_ids for row in rows]
    plain = by_transformers(model, tokens)
    found: dict[str, Any] = {
        "name": "gpu_reader_vllm",
        "device": torch.cuda.get_device_name(),
        "versions": {name: version(name) for name in ("torch", "transformers", "vllm")},
        "tokens": sum(map(len, tokens)),
        "right": sum(
            answer.lower() in [a.lower() for a in row.answers] for answer, row in zip(plain, rows, strict=True)
        )
        / len(rows),
    }
    for precision in PRECISIONS:
        try:
            texts, seconds = in_its_own_process(model, tokens, precision)
        except RuntimeError as error:  # the next precision may work; what failed is recorded
            found[precision] = {"error": str(error)[:800]}
        else:
            found[precision] = {
                **compared(plain, texts, rows),
                "seconds": round(seconds, 2),
                "tokens_per_second": round(found["tokens"] / seconds),
            }
        keep(found)
    return found


def _keep(found: Mapping[str, Any]) -> None:
    text = json.dumps(found, indent=1)
    if os.environ.get("OUT"):
        (Path(os.environ["OUT"]) / "reader_vllm.json").write_text(text + "\n", encoding="utf-8")
    print(text, flush=True)


def reached(found: Mapping[str, Any]) -> bool:
    """Whether vLLM in fp32 writes what `transformers` writes on SHARE of the prompts."""
    return bool(found.get("float32", {}).get("equal", 0.0) >= SHARE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("pipeline/generators/embedded_model"))
    parser.add_argument("--held", type=Path, help="folder with held-out sets, .jsonl")
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        precision, given, told = args.child
        Path(told).write_text(json.dumps(by_vllm(args.model, json.loads(Path(given).read_text()), precision)))
        return
    if args.held is None:
        parser.error("--held is needed: the folder that `python -m experiments.reader prepare` wrote")
    found = measured(args.model, drawn(read_rows(sorted(args.held.glob("*.jsonl"))), args.prompts), _keep)
    print(f"equal to transformers fp32 on {SHARE:.0%} of the prompts: {'yes' if reached(found) else 'no'}")


if __name__ == "__main__":
    main()
