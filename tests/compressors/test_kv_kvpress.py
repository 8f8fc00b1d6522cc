"""KV policies against kvpress (NVIDIA), which runs in an environment of its own: `LONGSHORT_KVPRESS_PYTHON` names its
Python. The same saved model, prompt and ratio must keep the same entries, or channels, and go on with the same logits.

kvpress 0.5.5 has no retrieval of blocks and no quantisation of its own, so that those two are not compared.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compressors.kv import Budgeted, KVPolicy
from compressors.kv_a2sf import A2SF
from compressors.kv_keynorm import KeyNorm
from compressors.kv_memory import best
from compressors.kv_sinks import Sinks
from compressors.kv_snapkv import SnapKV
from compressors.kv_think import ThinK

torch = pytest.importorskip("torch")
PYTHON = os.environ.get("LONGSHORT_KVPRESS_PYTHON", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="needs LONGSHORT_KVPRESS_PYTHON: a Python that has kvpress 0.5.5")

SHAPES = {"multi_head": 4, "grouped": 2, "multi_query": 1}
TOKENS, BUDGETS = 300, (0.5, 0.25)


class Pair(NamedTuple):
    """A policy and the press that it must agree with, at every budget.

    more: Our windows roll, so that the answer's first token pushes one out; kvpress's grow. For the logits, one more
    entry of ours is theirs.
    """

    policy: Budgeted
    press: str
    settings: dict[str, Any]
    rerotate: bool = False
    more: int = 0


PAIRS = {
    "keynorm": Pair(KeyNorm(), "KnormPress", {}),
    "snapkv": Pair(SnapKV(window=32, pool=5, pooling="mean"), "SnapKVPress", {"window_size": 32, "kernel_size": 5}),
    "snapkv-wide": Pair(
        SnapKV(window=64, pool=7, pooling="mean"), "SnapKVPress", {"window_size": 64, "kernel_size": 7}
    ),
    "sage": Pair(SnapKV(window=1, pool=1), "SnapKVPress", {"window_size": 1, "kernel_size": 1}),
    "sinks": Pair(Sinks(stream=False, renumber=False), "StreamingLLMPress", {}, more=1),
    "sinks-renumbered": Pair(Sinks(stream=False), "StreamingLLMPress", {}, rerotate=True, more=1),
}
CASES = [(name, shape, budget) for name in PAIRS for shape in SHAPES for budget in BUDGETS]
OTHERS = [(name, shape) for name in ("TOVAPress", "ObservedAttentionPress", "ThinKPress") for shape in SHAPES]


@pytest.fixture(scope="module")
def folders(attending):
    return {name: attending(heads, vocab_size=512, num_hidden_layers=3) for name, heads in SHAPES.items()}


@pytest.fixture(scope="module")
def ids():
    """No token twice: entries are told apart by their values."""
    return (torch.randperm(500, generator=torch.Generator().manual_seed(5))[:TOKENS] + 4).tolist()


@pytest.fixture(scope="module")
def kvpress(folders, ids, tmp_path_factory):
    """Its answers, by case."""
    jobs = {}
    for name, shape, budget in CASES:
        pair = PAIRS[name]
        settings = {**pair.settings, "compression_ratio": 1 - budget}
        jobs[name, shape, budget] = {"press": pair.press, "settings": settings, "rerotate": pair.rerotate}
    for name, shape in OTHERS:
        settings = {"key_channel_compression_ratio" if name == "ThinKPress" else "compression_ratio": 0.5}
        jobs[name, shape] = {"press": name, "settings": settings, "rerotate": False}
    for (_, shape, *_), job in jobs.items():
        job |= {"model": str(folders[shape]), "ids": ids}
    folder = tmp_path_factory.mktemp("kvpress")
    given, told = folder / "jobs.json", folder / "answers.json"
    given.write_text(json.dumps(list(jobs.values())), encoding="utf-8")
    script = Path(__file__).with_name("kvpress_oracle.py")
    done = subprocess.run([PYTHON, str(script), str(given), str(told)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(jobs, json.loads(told.read_text(encoding="utf-8")), strict=True))


@pytest.fixture(scope="module")
def models(folders):
    from transformers import LlamaForCausalLM

    return {name: LlamaForCausalLM.from_pretrained(folder).eval() for name, folder in folders.items()}


def ours(policy: KVPolicy, model, ids, token: int):
    """What each layer holds of the prompt, and the logits after `token`."""
    with policy.reading(model) as reading, torch.inference_mode():
        model(torch.tensor([ids]), past_key_values=reading.cache)
        kept = [getattr(m, "positions", torch.empty(0)).tolist() for m in reading.layers]
        at = torch.tensor([[len(ids)]])
        out = model(torch.tensor([[token]]), past_key_values=reading.cache, position_ids=at)
        return kept, out.logits[0, -1], reading.layers


def close(got, expected) -> bool:
    return torch.allclose(got, torch.tensor(expected), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(("name", "shape", "budget"), CASES)
def test_the_same_entries_stay_and_the_model_goes_on_alike(kvpress, models, ids, name, shape, budget):
    theirs, pair = kvpress[name, shape, budget], PAIRS[name]
    kept, logits, _ = ours(replace(pair.policy, budget=budget), models[shape], ids, theirs["next"])
    assert kept == theirs["positions"]
    if pair.more:
        one_more = replace(pair.policy, budget=int(budget * TOKENS) + pair.more)
        _, logits, _ = ours(one_more, models[shape], ids, theirs["next"])
    assert close(logits, theirs["logits"])


@pytest.mark.parametrize("shape", SHAPES)
def test_think_keeps_the_same_channels(kvpress, models, ids, shape):
    """With `recent: 0`: kvpress prunes the last entries too, where the paper, and we, leave 32 whole."""
    theirs = kvpress["ThinKPress", shape]
    _, logits, layers = ours(ThinK(channels=0.5, recent=0), models[shape], ids, theirs["next"])
    assert [m.channels.tolist() for m in layers] == theirs["channels"]
    assert close(logits, theirs["logits"])


def test_tova_is_our_last_query_where_one_head_chooses(kvpress, models, ids):
    """TOVA averages over all heads of a layer, so that all keep the same; ours choose by key/value head (SAGE-KV)."""
    theirs = kvpress["TOVAPress", "multi_query"]
    kept, logits, _ = ours(SnapKV(budget=0.5, window=1, pool=1), models["multi_query"], ids, theirs["next"])
    assert kept == theirs["positions"]
    assert close(logits, theirs["logits"])
    assert all(a == heads[0] for heads in kvpress["TOVAPress", "multi_head"]["positions"] for a in heads)


@pytest.mark.parametrize("shape", SHAPES)
def test_observed_attention_is_our_sum_divided_by_the_queries_that_see_an_entry(kvpress, models, ids, shape):
    """With nothing forgotten our score is the sum, which favours early entries, as H2O has it; theirs is the mean."""
    with A2SF(budget=1, forgetting=1).reading(models[shape]) as reading, torch.inference_mode():
        models[shape](torch.tensor([ids]), past_key_values=reading.cache)
    seen_by = torch.arange(TOKENS, 0, -1)
    kept = [best(memory.scores / seen_by, TOKENS // 2).tolist() for memory in reading.layers]
    assert kept == kvpress["ObservedAttentionPress", shape]["positions"]
