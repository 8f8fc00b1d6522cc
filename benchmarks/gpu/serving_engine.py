"""vLLM called directly, in a process of its own: what `serving.py` compares our reader and the cost model with.

    python -m benchmarks.gpu.serving_engine direct|prefill|grid|calibrate SETTINGS.json

SETTINGS.json names the file of results, which grows by each figure as soon as it is there. It knows the engine and the
cost model; it knows no route and no text.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cost.config import shape_named
from pipeline.cost.device import read_device, write_device
from pipeline.cost.model import CostModel, Engine
from pipeline.cost.shape import ModelShape

STEPS = 24
"""Decoding steps that one figure is the mean of."""
CAPTURED = [1, 2, 4, 8, 16, 32, 64]
"""Batches whose steps are captured as graphs where an engine is compiled; the default's 50 sizes take a minute."""


def environment(*, own_core: bool = False) -> dict[str, str]:
    """What vLLM needs to start without a network. own_core: its core in a process beside, as it is by default."""
    import importlib.util

    found = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    found["VLLM_ENABLE_V1_MULTIPROCESSING"] = str(int(own_core))
    if importlib.util.find_spec("flashinfer") is None:  # it would sample with it, and fails where it is missing
        found["VLLM_USE_FLASHINFER_SAMPLER"] = "0"
    return {**os.environ, "VLLM_LOGGING_LEVEL": os.environ.get("VLLM_LOGGING_LEVEL", "WARNING"), **found}


def keep(path: Path, section: str, **figures: Any) -> None:
    """Add figures to a section of the file of results; the file is whole at all times."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found.setdefault(section, {}).update(figures)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
    print(f"{section}: {json.dumps(figures)[:400]}", flush=True)


def write_prompts(path: Path, prompts: Sequence[Sequence[int]]) -> None:
    """Token ids of prompts, in order, as arrays: `ids` one behind the other, `ends`."""
    ends = np.cumsum([len(p) for p in prompts], dtype=np.int64)
    np.savez(path, ids=np.concatenate([np.asarray(p, np.int32) for p in prompts]), ends=ends)


def read_prompts(path: Path) -> list[list[int]]:
    """What `write_prompts` wrote."""
    with np.load(path) as held:
        return [part.tolist() for part in np.split(held["ids"], held["ends"][:-1])]


def _engine(s: Mapping[str, Any], **more: Any) -> Any:
    """An `LLM` with random weights. s: model, chunk, seqs, window, eager, share."""
    from vllm import LLM

    compiled = {} if s["eager"] else {"compilation_config": {"cudagraph_capture_sizes": CAPTURED}}
    return LLM(
        model=s["model"],
        load_format="dummy",
        dtype="bfloat16",
        max_model_len=s["window"],
        max_num_batched_tokens=s["chunk"],
        max_num_seqs=s["seqs"],
        gpu_memory_utilization=s["share"],
        enforce_eager=s["eager"],
        enable_prefix_caching=True,
        **compiled,
        **more,
    )


def _answering(tokens: int) -> Any:
    from vllm import SamplingParams

    return SamplingParams(max_tokens=tokens, ignore_eos=True, temperature=0.0, detokenize=False)


def direct(s: Mapping[str, Any], tell: Callable[..., None]) -> None:
    """Seconds of one `LLM.generate` on the prompts that our reader was given, in its order."""
    prompts = read_prompts(Path(s["prompts"]))
    start = time.perf_counter()
    engine = _engine(s)
    started = time.perf_counter() - start
    warm_up = [[5 + i, *range(20, 300)] for i in range(4)]
    engine.generate([{"prompt_token_ids": p} for p in warm_up], _answering(4), use_tqdm=False)
    start = time.perf_counter()
    done = engine.generate([{"prompt_token_ids": p} for p in prompts], _answering(s["answer"]), use_tqdm=False)
    seconds = time.perf_counter() - start
    tell(
        direct_seconds=round(seconds, 3),
        direct_start_seconds=round(started, 1),
        direct_prompts=len(done),
        direct_prompt_tokens=sum(map(len, prompts)),
        direct_cached_tokens=sum(one.num_cached_tokens or 0 for one in done),
        direct_answer_tokens=sum(len(one.outputs[0].token_ids) for one in done),
    )


# -- one engine, step by step -----------------------------------------------------------------------------------------


class _Drawn:
    """Prompts of random tokens, of which no two begin alike."""

    def __init__(self, vocabulary: int) -> None:
        self._rng, self._most = random.Random(0), vocabulary

    def prompt(self, tokens: int) -> list[int]:
        return [10 + int(self._rng.random() * (self._most - 10)) for _ in range(tokens)]


def _prefill(engine: Any, drawn: _Drawn, tokens: int, repeats: int) -> float:
    """Median seconds from handing in a prompt to its first token."""
    taken = []
    for _ in range(repeats):
        given = [{"prompt_token_ids": drawn.prompt(tokens)}]
        start = time.perf_counter()
        engine.generate(given, _answering(1), use_tqdm=False)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _decode(llm: Any, drawn: _Drawn, context: int, batch: int, chunk: int) -> tuple[float, float, float]:
    """(seconds of a step that writes a token for each of a batch, mean context then, share of the KV cache in use)."""
    engine = llm.llm_engine
    # Those read first write on while the others are read: in at most so many steps.
    reading = batch * (context // chunk + 2)
    names = [f"{context}-{batch}-{i}" for i in range(batch)]
    for name in names:
        engine.add_request(name, {"prompt_token_ids": drawn.prompt(context)}, _answering(reading + STEPS + 16))
    written = dict.fromkeys(names, 0)

    def step() -> None:
        for one in engine.step():
            written[one.request_id.split("#")[0]] = len(one.outputs[0].token_ids)

    while min(written.values()) < 4:
        step()
    before, start = sum(written.values()), time.perf_counter()
    while sum(written.values()) - before < STEPS * batch:
        step()
    seconds = (time.perf_counter() - start) * batch / (sum(written.values()) - before)
    used = float(_inner(llm).scheduler.kv_cache_manager.usage)
    mean = context + (before + sum(written.values())) / 2 / batch
    while engine.has_unfinished_requests():
        engine.step()
    return seconds, mean, used


def _inner(llm: Any) -> Any:
    return llm.llm_engine.engine_core.engine_core


def _memory(llm: Any) -> dict[str, float | None]:
    """What the engine says of its memory, in bytes; None for what this version does not say."""
    worker = _inner(llm).model_executor.driver_worker
    worker = getattr(worker, "worker", worker)
    runner, cache = worker.model_runner, llm.llm_engine.vllm_config.cache_config
    tokens = cache.num_gpu_blocks * cache.block_size
    held = sum(t.numel() * t.element_size() for t in runner.kv_caches)
    return {
        "weight_bytes": getattr(runner, "model_memory_usage", None),
        "activation_bytes": getattr(worker, "peak_activation_memory", None),
        "capacity_tokens": tokens,
        "kv_token_bytes": held / tokens,
        "room_bytes": held,
    }


def _products(shape: ModelShape, rows: int, square: int, seconds: float) -> dict[str, float]:
    """TFLOP/s of plain matrix products: a square one, and those of a layer over so many tokens."""
    import torch

    place = "cuda" if torch.cuda.is_available() else "cpu"
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    sizes = {
        f"{square}^3": (square, square, square),
        "qkv": (rows, shape.hidden, queries + 2 * keys),
        "attention_out": (rows, queries, shape.hidden),
        "gate_up": (rows, shape.hidden, 2 * shape.feed),
        "down": (rows, shape.feed, shape.hidden),
    }
    wait = torch.cuda.synchronize if place == "cuda" else (lambda: None)
    rates = {}
    for name, (m, k, n) in sizes.items():
        a = torch.randn(m, k, device=place, dtype=torch.bfloat16)
        b = torch.randn(n, k, device=place, dtype=torch.bfloat16)
        for _ in range(3):
            torch.nn.functional.linear(a, b)
        wait()
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            for _ in range(8):
                torch.nn.functional.linear(a, b)
            wait()
            count += 8
        rates[name] = round(2.0 * m * k * n * count / (time.perf_counter() - start) / 1e12, 3)
    return rates


def _reading_rate(shape: ModelShape, tokens: int, seconds: float) -> float:
    """TFLOP/s of a prefill: 2 per weight of the layers' matrices and token, 4 H E per layer and pair of a query and a
    key that it sees, n (n + 1) / 2 pairs, and 2 V D for the logits of the last token."""
    return (shape.prefill_flops(tokens) + shape.head_flops(1)) / seconds / 1e12


def _long_prompt(llm: Any, drawn: _Drawn, s: Mapping[str, Any]) -> dict[str, Any]:
    """By mode and chunk: the rate of reading one long prompt, and those of matrix products in the same process."""
    shape = shape_named(s["model"])
    seconds = _prefill(llm, drawn, s["long"], 3)
    products = _products(shape, s["chunk"], s["square"], s["product_seconds"])
    rate = _reading_rate(shape, s["long"], seconds)
    found = {"tokens": s["long"], "seconds": round(seconds, 4), "tflops": round(rate, 3), "products_tflops": products}
    share = round(rate / products[f"{s['square']}^3"], 4)
    return {f"{'eager' if s['eager'] else 'compiled'}_{s['chunk']}": {**found, "share": share}}


def prefill(s: Mapping[str, Any], tell: Callable[..., None]) -> None:
    """The rate of reading one long prompt, in an engine of its own."""
    llm = _engine(s, skip_tokenizer_init=True)
    drawn = _Drawn(shape_named(s["model"]).vocab)
    _prefill(llm, drawn, s["chunk"], 1)
    tell(**_long_prompt(llm, drawn, s))


def grid(s: Mapping[str, Any], tell: Callable[..., None]) -> None:
    """Measured prefill, decoding steps and memory, each beside the cost model's prediction.

    prefill_too: the long prompt as well, so that it needs no further start of a compiled engine.
    """
    shape, device = shape_named(s["model"]), read_device(Path(s["device"]))
    model = CostModel(shape, device, Engine(chunk=s["chunk"], memory_share=s["share"]))
    llm = _engine(s, skip_tokenizer_init=True)
    drawn = _Drawn(shape.vocab)
    memory = _memory(llm)
    errors: dict[str, list[float]] = {"prefill": [], "decode": [], "memory": []}
    tell(device=device.name, device_constants=device.note, mode="eager" if s["eager"] else "compiled")

    def compare(kind: str, predicted: float, measured: float) -> dict[str, float]:
        errors[kind].append(abs(predicted / measured - 1))
        return {"measured": measured, "predicted": predicted, "error": round(predicted / measured - 1, 4)}

    static = {"weight_bytes": model.weight_bytes, "kv_token_bytes": model.kv_bytes(1), "room_bytes": model.room_bytes}
    found = {k: compare("memory", v, memory[k]) for k, v in static.items() if memory[k]}
    tell(memory={**found, **{k: memory[k] for k in ("capacity_tokens", "activation_bytes")}})
    _prefill(llm, drawn, s["chunk"], 1)
    points = []
    for tokens in s["prefills"]:
        measured = _prefill(llm, drawn, tokens, 2)
        points.append({"tokens": tokens, **compare("prefill", model.first_token_seconds(tokens), measured)})
        tell(prefill=points)
    steps = []
    for context, batch in s["decodes"]:
        if context * batch > memory["capacity_tokens"]:
            steps.append({"context": context, "batch": batch, "left_out": "does not fit"})
            continue
        measured, mean, used = _decode(llm, drawn, context, batch, s["chunk"])
        held = compare("memory", batch * model.kv_bytes(mean), used * memory["room_bytes"])
        seconds = compare("decode", model.decode_seconds(round(mean), batch), measured)
        steps.append({"context": context, "batch": batch, **seconds, "kv_bytes": held})
        tell(decode=steps)
    tell(median_error={kind: round(statistics.median(e), 4) for kind, e in errors.items() if e})
    if s["prefill_too"]:
        keep(Path(s["results"]), "prefill", **_long_prompt(llm, drawn, s))


def calibrate(s: Mapping[str, Any], tell: Callable[..., None]) -> None:
    """This device's constants, by plain torch, into the file that the cost model reads."""
    from pipeline.cost.calibrate import calibrate as measure

    device = measure(seconds=s["calibrate_seconds"], name=s["device_name"])
    write_device(device, Path(s["device"]))
    tell(**{k: getattr(device, k) for k in ("name", "matrix_flops", "attention_flops", "memory_rate", "cache_rate")})


PARTS = {"direct": direct, "prefill": prefill, "grid": grid, "calibrate": calibrate}


def main() -> None:
    part, settings = sys.argv[1:3]
    s = json.loads(Path(settings).read_text(encoding="utf-8"))

    def tell(**figures: Any) -> None:
        keep(Path(s["results"]), s["section"], **figures)

    PARTS[part](s, tell)


if __name__ == "__main__":
    main()
