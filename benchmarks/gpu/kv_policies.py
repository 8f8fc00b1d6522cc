"""KV policies on a GPU: a full budget changes nothing, bytes and seconds at 32k tokens, and needles that are found.

Needs a GPU, torch and transformers, and no network; `--small` runs all of it on a processor with tiny settings:

    python -m benchmarks.gpu.kv_policies [--small] [--seconds 110]

Sections, each written to $OUT/kv_policies.json as soon as it is there (or printed only, where OUT is not set):

law      7 policies with a budget of everything x 3 shapes of attention, fp32: greedy tokens and the largest difference
         of logits against the library's own attention and cache on the same device. `as_on_cpu`: at 25 %, share of the
         entries kept that are those kept on the processor.
memory   an 8B-like shape with random weights in 16 bits at 25 %: real allocated bytes beyond the weights. `floor` is
         the peak without any cache; kv_peak = (peak - floor) / bytes of the dense cache, kv_held the same of what is
         left after reading the prompt, `recorded` what the policy itself tells. Seconds to read and for each token.
reader   the `hf` generator itself on the device, with a policy and a full budget: its texts against those without.
needles  the shipped reader on prompts of 8k tokens, one needle asked for each: share of exact answers by policy and
         budget. All settings see the same prompts, however many the time allows.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from compressors.kv_a2sf import A2SF
from compressors.kv_blocks import Blocks
from compressors.kv_keynorm import KeyNorm
from compressors.kv_quantised import Quantised
from compressors.kv_sinks import Sinks
from compressors.kv_snapkv import SnapKV
from compressors.kv_think import ThinK
from experiments.reader.example import Asked, Planted, plant
from experiments.reader.needles import RULER_QUESTION, RULER_STATEMENT
from experiments.reader.vocabulary import Words
from experiments.reader.worlds import make_article
from pipeline.core.records import Part, Prompt
from pipeline.generators.base import Call, Sampling
from pipeline.generators.embedded import FOLDER
from pipeline.generators.hf import HF

BUDGETED: dict[str, Any] = {
    "sinks": Sinks(),
    "sinks-dense": Sinks(stream=False),
    "snapkv": SnapKV(),
    "sage": SnapKV(window=1, pool=1, sinks=4, recent=64, roll=True),
    "keynorm": KeyNorm(),
    "a2sf": A2SF(),
    "blocks": Blocks(),
}
OTHERS: dict[str, Any] = {"think": ThinK(), "int8": Quantised(bits=8), "int4": Quantised(bits=4)}
NEUTRAL: dict[str, Any] = {
    **{name: replace(BUDGETED[name], budget=1) for name in ("sinks", "snapkv", "keynorm", "a2sf", "blocks")},
    "think": ThinK(channels=1),
    "quantised": Quantised(bits=16),
}
SHAPES = {"multi_head": 4, "grouped": 2, "multi_query": 1}
DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
THING = "special magic number"


def llama(layers: int, hidden: int, inner: int, heads: int, kv_heads: int, tokens: int, device: str, dtype: str) -> Any:
    """A Llama with random weights, made where it runs."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=512, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=tokens,
        initializer_range=0.3 if hidden < 512 else 0.02, eos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(kv_heads)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            model: Any = LlamaForCausalLM(config)
            return model.eval()
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def cache_of(policy: Any, model: Any) -> Iterator[tuple[Any, Any]]:
    """(cache, reading) of a policy; None: the library's own, and no reading."""
    from transformers import DynamicCache

    if policy is None:
        model.set_attn_implementation("sdpa")
        yield DynamicCache(), None
        return
    with policy.reading(model) as reading:
        yield reading.cache, reading


def decode(model: Any, ids: Any, cache: Any, steps: int, stop: frozenset[int] = frozenset()) -> tuple[list[int], Any]:
    """Greedy tokens and the logits before each; the prompt in one pass, one pass for each token."""
    import torch

    tokens, logits = list[int](), []
    out = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[0, -1]
    for step in range(steps):
        logits.append(out.float())
        tokens.append(int(out.argmax()))
        if tokens[-1] in stop or step == steps - 1:
            break
        at = torch.tensor([[ids.shape[1] + step]], device=ids.device)
        out = model(ids.new_tensor([[tokens[-1]]]), past_key_values=cache, use_cache=True, position_ids=at).logits[
            0, -1
        ]
    return tokens, torch.stack(logits)


def law(device: str, tokens: int) -> Iterator[dict[str, Any]]:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    for shape, heads in SHAPES.items():
        model = llama(2, 256, 256, 4, heads, 2 * tokens, device, "float32")
        ids = torch.randint(2, 500, (1, tokens), generator=torch.Generator().manual_seed(5)).to(device)
        with cache_of(None, model) as (cache, _):
            expected = decode(model, ids, cache, 8)
        kept: dict[str, dict[str, Any]] = {"here": {}, "cpu": {}}
        for name, policy in NEUTRAL.items():
            with cache_of(policy, model) as (cache, _):
                got = decode(model, ids, cache, 8)
            row = {"shape": shape, "policy": name, "same_tokens": got[0] == expected[0]}
            yield row | {"largest_difference": float((got[1] - expected[1]).abs().max())}
        for place, where in (("here", device), ("cpu", "cpu")):
            moved = model.to(where)
            for name in ("sinks-dense", "snapkv", "sage", "keynorm", "a2sf"):
                with cache_of(BUDGETED[name], moved) as (cache, reading):
                    decode(moved, ids.to(where), cache, 1)
                    kept[place][name] = [m.positions.cpu() for m in reading.layers]
        for name, here in kept["here"].items():
            pairs = [(a, b) for x, y in zip(here, kept["cpu"][name], strict=True) for a, b in zip(x, y, strict=True)]
            same = [float(torch.isin(a, b).float().mean()) for a, b in pairs]
            yield {"shape": shape, "policy": name, "as_on_cpu": round(sum(same) / len(same), 5)}


class Meter:
    """Bytes that torch has allocated on a GPU beyond what stood there at first; None on a processor."""

    def __init__(self, device: str) -> None:
        self.on = device.startswith("cuda")
        self.base = self.now() or 0

    def now(self) -> int | None:
        import torch

        gc.collect()
        return torch.cuda.memory_allocated() - getattr(self, "base", 0) if self.on else None

    def most(self) -> int | None:
        """Since the last call, or `now`."""
        import torch

        if not self.on:
            return None
        out = torch.cuda.max_memory_allocated() - self.base
        torch.cuda.reset_peak_memory_stats()
        return out

    def wait(self) -> float:
        import torch

        if self.on:
            torch.cuda.synchronize()
        return time.perf_counter()


def memory(device: str, small: bool) -> Iterator[dict[str, Any]]:
    import torch

    shape = (32, 64, 128, 4, 2) if small else (32, 4096, 14336, 32, 8)
    tokens, steps = (512, 3) if small else (32_768, 24)
    model = llama(*shape, tokens + 64, device, "bfloat16")
    ids = torch.randint(0, 512, (1, tokens), generator=torch.Generator().manual_seed(1)).to(device)
    entry = 2 * 2 * shape[4] * (shape[1] // shape[3])
    dense = shape[0] * tokens * entry
    meter = Meter(device)
    yield {"tokens": tokens, "layers": shape[0], "weight_bytes": meter.base, "dense_cache_bytes": dense}
    model(ids[:, :64], use_cache=False, logits_to_keep=1)  # the first call loads kernels
    meter.most()
    model(ids, use_cache=False, logits_to_keep=1)
    floor = meter.most()
    yield {"policy": "floor", "peak_bytes": floor}
    far = {"blocks-far": Blocks(far="cpu", representatives=4)}
    for name, policy in {"dense": None, **BUDGETED, **OTHERS, **far}.items():
        row: dict[str, Any] = {"policy": name}
        try:
            with cache_of(policy, model) as (cache, reading):
                meter.most()
                start = meter.wait()
                out = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[0, -1].argmax()
                token = out.reshape(1, 1).clone()
                row["read_seconds"] = meter.wait() - start
                del out
                peak, held = meter.most(), meter.now()
                # Entries on the processor are copied whole for each token: one tells enough.
                few = 1 if name == "blocks-far" else steps
                for step in range(few + 1):
                    if step == 1:  # the first loads kernels
                        start = meter.wait()
                    at = torch.tensor([[tokens + step]], device=device)
                    model(token, past_key_values=cache, use_cache=True, position_ids=at)
                row["token_seconds"] = (meter.wait() - start) / few
                row |= {"peak_bytes": peak, "held_bytes": held, "decode_peak_bytes": meter.most()}
                if peak is not None and held is not None and floor is not None:
                    row |= {"kv_peak": (peak - floor) / dense, "kv_held": held / dense}
                    row["kv_decode_peak"] = row["decode_peak_bytes"] / dense
                if reading is not None:
                    use = reading.use
                    row["recorded"] = {**use.as_row(), "share": use.share, "peak_share": use.peak_bytes / dense}
        except torch.OutOfMemoryError as error:
            row["error"] = str(error)[:200]
        cache = reading = None
        gc.collect()
        yield row


def needles(documents: int, tokens: int) -> list[tuple[str, str]]:
    """(prompt, answer) of each of five needles in each article, RULER's words (arXiv 2404.06654, section 3.1)."""
    characters, made = round(tokens * 2.9), list[list[tuple[str, str]]]()
    for number in range(documents):
        rng = random.Random(f"kv policies {number}")
        words = Words(rng)
        keys = words.distinct(words.pair, len(DEPTHS))
        values = words.distinct(lambda words=words: words.number(7), len(DEPTHS))
        told = [RULER_STATEMENT.format(t=THING, k=k, v=v) for k, v in zip(keys, values, strict=True)]
        asked = [
            Asked(RULER_QUESTION.format(t=THING, k=k), v, (i,))
            for i, (k, v) in enumerate(zip(keys, values, strict=True))
        ]
        segments = make_article(rng, words, characters, held=True).segments
        room = characters - sum(len(s) + 1 for s in told)
        fitting = [s for s, until in zip(segments, accumulate(map(len, segments)), strict=True) if until <= room]
        example = plant(rng, fitting, Planted(told, asked), depths=DEPTHS)
        made.append([(f"{example.document}\n\nQuestion: {a.question}\nAnswer:", a.answer) for a in example.asked])
    # One of each article in turn, so that a run that is cut short has seen every depth and many articles.
    return [made[i % documents][(i + i // documents) % len(DEPTHS)] for i in range(documents * len(DEPTHS))]


def through_the_reader(device: str, small: bool) -> Iterator[dict[str, Any]]:
    asked = needles(2, 300 if small else 2000)[:4]
    calls = [
        Call(Prompt((Part("document", text),)), Sampling(max_tokens=12, stop=("\n",)), "q", "lc") for text, _ in asked
    ]
    texts = {}
    for name, policy in {
        "none": None,
        "full": SnapKV(budget=1),
        "snapkv": SnapKV(budget=0.5),
        "sinks": Sinks(),
    }.items():
        reader = HF(model=str(FOLDER), device=device, dtype="float32", kv=policy)
        texts[name] = [c.text for _, c in sorted(reader.generate(calls), key=lambda pair: pair[0])]
        right = sum(t.strip() == answer for t, (_, answer) in zip(texts[name], asked, strict=True))
        yield {
            "kv": name,
            "right": right,
            "of": len(calls),
            "same": texts[name] == texts["none"],
            "use": reader.kv_use(),
        }
        reader.close()


def needle_settings(small: bool) -> dict[tuple[str, str], Any]:
    """Policies by name and share of the bytes (blocks: of the entries attended to)."""
    out = {
        (name, f"{b:g}"): replace(p, budget=b)
        for name, p in BUDGETED.items()
        for b in ((1.0, 0.25) if small else (1.0, 0.5, 0.25, 0.1))
    }
    out |= {("think", "0.8"): ThinK(channels=0.6), ("think", "0.65"): ThinK(channels=0.3)}
    out |= {(f"int{bits}", f"{(bits + 1) / 16:.2f}"): Quantised(bits=bits) for bits in (8, 4, 2)}
    return {("dense", "1"): None, **out}


@lru_cache(maxsize=1)
def shipped(device: str) -> tuple[Any, Any]:
    """The reader, once for each process."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.bfloat16)
    return model.eval().to(device), AutoTokenizer.from_pretrained(FOLDER)


def asked_of(device: str, small: bool, text: str, answer: str) -> tuple[int, dict[tuple[str, str], bool]]:
    """Tokens of one prompt, and which settings answer it exactly."""
    import torch

    model, tokenizer = shipped(device)
    ids, right = torch.tensor([tokenizer(text).input_ids], device=device), {}
    ends = frozenset(model.generation_config.eos_token_id)
    with torch.inference_mode():
        for key, policy in needle_settings(small).items():
            with cache_of(policy, model) as (cache, _):
                written, _ = decode(model, ids, cache, 12, ends)
            right[key] = tokenizer.decode(written, skip_special_tokens=True).strip().split("\n")[0] == answer
    return ids.shape[1], right


def found(device: str, small: bool, seconds: float) -> Iterator[dict[str, Any]]:
    """All counts, again and again as prompts are done. Several processes, for one of them leaves a GPU idle."""
    start, prompts, done, tokens = time.perf_counter(), needles(1, 300)[:2] if small else needles(20, 8000), 0, 0
    right: Counter[tuple[str, str]] = Counter()
    with ProcessPoolExecutor(1 if small else 6, mp_context=get_context("spawn")) as pool:
        for one in as_completed([pool.submit(asked_of, device, small, *prompt) for prompt in prompts]):
            length, exact = one.result()
            done, tokens = done + 1, tokens + length
            right.update(key for key, yes in exact.items() if yes)
            exact_by: dict[str, dict[str, float]] = {}
            for name, share in exact:
                exact_by.setdefault(name, {})[share] = round(right[name, share] / done, 3)
            spent = time.perf_counter() - start
            yield {"prompts": done, "tokens": tokens / done, "seconds": round(spent, 1), "exact": exact_by}
            if spent > seconds:
                pool.shutdown(wait=False, cancel_futures=True)
                return


def keep(all_found: dict[str, Any]) -> None:
    if os.environ.get("OUT"):
        path = Path(os.environ["OUT"]) / "kv_policies.json"
        path.write_text(json.dumps(all_found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="on a processor, with tiny settings")
    parser.add_argument("--seconds", type=float, default=110.0, help="at most for the needles")
    args = parser.parse_args()
    device = "cpu" if args.small else "cuda"
    start, told = time.perf_counter(), dict[str, Any](name="gpu_kv_policies", small=args.small)
    told["device"] = "cpu" if args.small else torch.cuda.get_device_name()
    told["versions"] = {name: version(name) for name in ("torch", "transformers")}
    sections: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "law": lambda: law(device, 64 if args.small else 1024),
        "memory": lambda: memory(device, args.small),
        "reader": lambda: through_the_reader(device, args.small),
        "needles": lambda: found(device, args.small, args.seconds),
    }
    for name, work in sections.items():
        begun, told[name] = time.perf_counter(), []
        try:
            with torch.inference_mode():
                for row in work():
                    told[name] = [row] if name == "needles" else [*told[name], row]
                    keep(told)
                    print(name, json.dumps(row), flush=True)
        except Exception as error:  # the next section may work; what failed is recorded
            told[name].append({"error": f"{type(error).__name__}: {error}"[:800]})
        gc.collect()
        if not args.small:
            torch.cuda.empty_cache()
        told[f"{name}_seconds"] = round(time.perf_counter() - begun, 1)
        keep(told)
    print(f"{time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
