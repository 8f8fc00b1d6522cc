"""The most that a policy takes at any time: as it is recorded, and as tensors are really allocated.

A model of 32 thin layers, as deep as one of 8 billion parameters: a layer stands there whole while it is compressed,
and the shallower the model, the more that is of all.
"""

from __future__ import annotations

import weakref

import pytest

from compressors.kv_a2sf import A2SF
from compressors.kv_blocks import Blocks
from compressors.kv_keynorm import KeyNorm
from compressors.kv_quantised import Quantised
from compressors.kv_sinks import Sinks
from compressors.kv_snapkv import SnapKV
from compressors.kv_think import ThinK

torch = pytest.importorskip("torch")

LAYERS, HEADS, SIZE, TOKENS = 32, 2, 32, 1024
DENSE = LAYERS * 2 * HEADS * TOKENS * SIZE * 2  # bytes of keys and values in 16 bits
EVICTING = {
    "sinks": Sinks(stream=False),
    "stream": Sinks(),
    "snapkv": SnapKV(),
    "sage": SnapKV(window=1, pool=1, sinks=4, recent=64, roll=True),
    "keynorm": KeyNorm(),
    "a2sf": A2SF(),
    "h2o": A2SF(forgetting=1),
}
# What the others reach: all entries stay, and of each some of the numbers, or all in fewer bits, or all. A layer whole
# for a while comes on top, as with those that drop entries.
KEEPING = {
    "think": (ThinK(), 0.84),  # of an entry (1 + 0.6) / 2, and the last 32 whole
    "think-most": (ThinK(channels=0.01), 0.56),  # values stay whole: no setting comes below a half
    "int8": (Quantised(bits=8), 0.66),  # 9 of 16 bits: a scale and a least value for every 32 numbers; the last 128
    "int4": (Quantised(bits=4), 0.44),  # 5 of 16 bits; on a prompt of 32k tokens 0.35
    "int2": (Quantised(bits=2), 0.33),  # 3 of 16 bits; on a prompt of 32k tokens 0.22
    "blocks": (Blocks(), 1.05),  # 25 % are attended to; all are held, on the device that `far` names
}


class Allocated(torch.utils._python_dispatch.TorchDispatchMode):
    """Counts the bytes of tensors that stand in memory: those made since it was entered, by their storage."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known: dict[int, weakref.ref] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        torch.utils._pytree.tree_map_only(torch.Tensor, self.see, out)
        return out

    def see(self, tensor):
        storage = tensor.untyped_storage()
        name, size = id(storage), storage.nbytes()
        if name not in self.known:

            def gone(_):
                self.now -= size
                del self.known[name]

            self.known[name] = weakref.ref(storage, gone)
            self.now += size
            self.most = max(self.most, self.now)


@pytest.fixture(scope="module")
def model():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        head_dim=SIZE,
        max_position_embeddings=2 * TOKENS,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config).eval().to(torch.bfloat16)


def most(model, cache, steps: int = 2) -> int:
    """Bytes allocated at the worst moment of reading a prompt, and of a few steps with a cache."""
    ids = torch.randint(0, 64, (1, TOKENS), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode(), Allocated() as allocated:
        model.model(ids, past_key_values=cache, use_cache=cache is not None)
        for i in range(steps if cache is not None else 0):
            at = torch.tensor([[TOKENS + i]])
            model.model(ids[:, :1], past_key_values=cache, use_cache=True, position_ids=at)
    return allocated.most


@pytest.fixture(scope="module")
def floor(model):
    """What reading takes without any cache: the activations of one layer."""
    return most(model, None)


def test_the_count_knows_a_dense_cache(model, floor):
    from transformers import DynamicCache

    assert most(model, DynamicCache()) - floor == pytest.approx(DENSE, rel=0.02)


@pytest.mark.parametrize("name", EVICTING)
def test_a_quarter_of_the_budget_never_takes_more_than_30_percent(model, floor, name):
    with EVICTING[name].reading(model) as reading:
        allocated = most(model, reading.cache)
        use = reading.use
    assert use.dense_bytes == DENSE
    assert 0.25 <= use.peak_bytes / DENSE <= 0.30
    # Of the arithmetic: all layers' share, and one layer whole while its share is taken.
    assert use.peak_bytes == pytest.approx(use.kept_bytes + DENSE / LAYERS, rel=0.001)
    # Scores, masks and copies as well, beyond what the model needs for itself.
    assert (allocated - floor) / DENSE <= 0.30


@pytest.mark.parametrize("name", KEEPING)
def test_the_peak_of_those_that_keep_every_entry_is_told(model, floor, name):
    policy, share = KEEPING[name]
    with policy.reading(model) as reading:
        allocated = most(model, reading.cache)
        use = reading.use
    assert share - 0.03 < use.peak_bytes / DENSE <= share
    assert (allocated - floor) / DENSE <= share + 0.02


@pytest.mark.parametrize("layers", [2, 10, 32, 80])
def test_the_peak_is_the_budget_and_one_layer(layers):
    """Why 10 layers cannot stay below 30 %: 25 % of each, and one more as a whole, is 35 %."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=8,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=32,
    )
    model = LlamaForCausalLM(config).eval()
    with SnapKV(window=8).reading(model) as reading, torch.inference_mode():
        model(torch.zeros(1, 200, dtype=torch.long), past_key_values=reading.cache)
    share = reading.use.peak_bytes / reading.use.dense_bytes
    assert share == pytest.approx(0.25 * (1 + 4 / (2 * 32 * 4)) + 1 / layers, abs=1e-6)
