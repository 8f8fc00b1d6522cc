"""Encoding on a GPU: floating-point operations a second of a 150M-parameter encoder, beside a plain matrix product.

The encoder has the shape of ModernBERT-base (22 layers x 768, every third layer global, the others see 64 tokens to
either side) with random weights; texts are made of a small vocabulary. Operations of a text of T tokens:

    2 T (parameters without the embedding table) + sum over layers of 4 T d min(T, window)

which counts no masked pair of a local layer. The peer is a product of two 8192 x 8192 matrices in the same precision.
Two rates are measured: `forward`, the model alone on one prepared batch, and `encoder`, all of
`retrievers.encode.Encoder.encode_groups`, tokenizing and copies included. Needs torch, transformers and
sentence-transformers, and no network:

    python -m benchmarks.gpu.encode --attention sdpa banded flex_attention flash_attention_2 --compiled 0 1

A way that fails is recorded with its error. Writes $OUT/encode.json, or prints only where OUT is not set.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from retrievers.encode import Encoder
from retrievers.encoder_models import TextInput
from retrievers.token_batches import packed

WORDS = 2000


def build(folder: Path, args: argparse.Namespace) -> int:
    """Save a random encoder with a tokenizer of one token a word; returns its parameters without the embedding."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import ModernBertConfig, ModernBertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    vocabulary = {w: i for i, w in enumerate([*special, *(f"w{i}" for i in range(WORDS))])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    names = {f"{s.strip('[]').lower()}_token": s for s in special}
    PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=8192, **names).save_pretrained(folder)
    torch.manual_seed(0)
    config = ModernBertConfig(
        num_hidden_layers=args.layers, hidden_size=args.hidden, intermediate_size=args.hidden * 3 // 2,
        num_attention_heads=max(1, args.hidden // 64), global_attn_every_n_layers=args.global_every,
        pad_token_id=0, cls_token_id=1, bos_token_id=1, sep_token_id=2, eos_token_id=2,
    )  # fmt: skip
    model = ModernBertModel(config)
    model.to(getattr(torch, args.precision)).save_pretrained(folder)
    return sum(p.numel() for p in model.parameters()) - model.embeddings.tok_embeddings.weight.numel()


def operations(model: Any, parameters: int, tokens: int) -> float:
    """Of one text, by the formula above."""
    config = model.config
    window = 2 * config.sliding_window + 1
    pairs = sum(min(tokens, window) if kind == "sliding_attention" else tokens for kind in config.layer_types)
    return 2.0 * tokens * parameters + 4.0 * tokens * config.hidden_size * pairs


def timed(work: Callable[[], Any], repeats: int, wait: Callable[[], Any]) -> float:
    """Median seconds, after two calls that are not counted."""
    for _ in range(2):
        work()
    times = []
    for _ in range(repeats):
        wait()
        start = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - start)
    return median(times)


def matrix_product(args: argparse.Namespace, wait: Callable[[], Any]) -> float:
    """TFLOP/s."""
    import torch

    size = args.matrix
    a, b = (torch.randn(size, size, device=args.device, dtype=getattr(torch, args.precision)) for _ in range(2))
    seconds = timed(lambda: [torch.matmul(a, b) for _ in range(10)], args.repeats, wait)
    return 10 * 2 * size**3 / seconds / 1e12


def measured(encoder: Encoder, parameters: int, args: argparse.Namespace, wait: Callable[[], Any]) -> dict[str, Any]:
    """TFLOP/s of the model alone and of the whole encoder, and how far vectors are from those of `sdpa`."""
    import torch

    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, WORDS, args.tokens - 2)) for _ in range(args.texts)]
    model = encoder._loaded()
    reader = TextInput(model, "document")
    tokens = reader.tokens(texts)
    rows = packed(tokens.lengths, encoder.batch_tokens)[0]
    batch = {k: v.to(args.device) for k, v in reader.features(tokens, rows).items() if torch.is_tensor(v)}
    each = operations(model[0].auto_model, parameters, args.tokens)
    with torch.inference_mode():
        forward = timed(lambda: model(dict(batch)), args.repeats, wait)
        if args.profile:
            with torch.profiler.profile() as profile:
                model(dict(batch))
                wait()
            print(profile.key_averages().table(sort_by="self_cuda_time_total", row_limit=14, max_name_column_width=60))
    groups = [texts[i : i + 128] for i in range(0, len(texts), 128)]
    whole = timed(lambda: list(encoder.encode_groups(groups, "document")), args.repeats, wait)
    sample = texts[: min(4, len(texts))]
    reference = replace(encoder, attention="sdpa", compiled=False).encode(sample)
    return {
        "rows": len(rows),
        "forward_tflops": each * len(rows) / forward / 1e12,
        "encoder_tflops": each * len(texts) / whole / 1e12,
        "forward_tokens_per_second": args.tokens * len(rows) / forward,
        "encoder_tokens_per_second": args.tokens * len(texts) / whole,
        "apart_from_sdpa": float(np.abs(encoder.encode(sample) - reference).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attention", nargs="+", default=["sdpa", "banded", "flex_attention"])
    parser.add_argument("--compiled", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--batch-tokens", nargs="+", type=int, default=[65_536])
    parser.add_argument("--tokens", type=int, default=2048, help="of a text")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--matrix", type=int, default=8192)
    parser.add_argument("--layers", type=int, default=22)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--global-every", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="print the kernels that took longest")
    args = parser.parse_args()
    import torch

    def wait() -> None:
        if args.device.startswith("cuda"):
            torch.cuda.synchronize()

    product = matrix_product(args, wait)
    name = torch.cuda.get_device_name() if args.device.startswith("cuda") else "cpu"
    print(json.dumps({"device": name, "matrix_product_tflops": product, "torch": torch.__version__}), flush=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        parameters = build(Path(folder), args)
        for attention in args.attention:
            for compiled in args.compiled:
                for batch_tokens in args.batch_tokens:
                    row: dict[str, Any] = {
                        "attention": attention, "compiled": bool(compiled), "batch_tokens": batch_tokens,
                    }  # fmt: skip
                    encoder = Encoder(
                        model=folder, pooling="mean", precision=args.precision, device=args.device,
                        batch_tokens=batch_tokens, attention=attention, compiled=bool(compiled),
                    )  # fmt: skip
                    try:
                        row |= measured(encoder, parameters, args, wait)
                        row |= {k: row[f"{k}_tflops"] / product for k in ("forward", "encoder")}
                    except Exception as error:  # the next way may work; what failed is recorded
                        row["error"] = f"{type(error).__name__}: {error}"[:500]
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    found = {
        "name": "gpu_encode", "device": name, "torch": torch.__version__, "parameters_without_embedding": parameters,
        "settings": vars(args), "matrix_product_tflops": product, "rows": rows,
        "best": max((r.get("encoder", 0.0) for r in rows), default=0.0),
    }  # fmt: skip
    if os.environ.get("OUT"):
        (Path(os.environ["OUT"]) / "encode.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: found[k] for k in ("device", "matrix_product_tflops", "best")}))


if __name__ == "__main__":
    main()
