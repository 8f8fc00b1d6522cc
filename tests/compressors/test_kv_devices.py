"""Nothing that a policy makes lies on the processor where the model does not: with tensors without data, on `meta`.

Each step on a GPU would otherwise wait for a copy. `Blocks(far="cpu")`, which means to, is not among them.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from compressors.kv_a2sf import A2SF
from compressors.kv_blocks import Blocks
from compressors.kv_keynorm import KeyNorm
from compressors.kv_quantised import Quantised
from compressors.kv_sinks import Sinks, Window
from compressors.kv_snapkv import SnapKV
from compressors.kv_think import ThinK

torch = pytest.importorskip("torch")

POLICIES = [
    *(Sinks(), Sinks(stream=False), Sinks(renumber=False), SnapKV(), KeyNorm()),
    SnapKV(window=1, pool=1, sinks=4, recent=64, roll=True),
    *(A2SF(), A2SF(forgetting=0), A2SF(forgetting=1), ThinK(), ThinK(channels=1)),
    *(Quantised(bits=4), Quantised(bits=8), Quantised(bits=16), Blocks(), Blocks(representatives=4)),
]


class Strangers(torch.utils._python_dispatch.TorchDispatchMode):
    """Remembers the operations that gave a tensor on the processor."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        found = torch.utils._pytree.tree_leaves(out)
        self.seen += [str(func) for t in found if isinstance(t, torch.Tensor) and t.device.type == "cpu"]
        return out


def rotary():
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    return LlamaRotaryEmbedding(LlamaConfig(hidden_size=128, num_attention_heads=4, num_key_value_heads=2)).to("meta")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_all_stays_on_the_models_device(policy, dtype):
    if isinstance(policy, Sinks):
        memory = Window(policy, rotary() if policy.renumber else None)
    else:
        memory = policy.memory(0, None)
    queries, keys, values = (torch.empty(1, heads, 400, 32, device="meta", dtype=dtype) for heads in (4, 2, 2))
    with Strangers() as strangers:
        memory.read(queries, keys, values, 0.2, nullcontext)
        for _ in range(40):
            one = [x[:, :, :1] for x in (queries, keys, values)]
            out = memory.read(*one, 0.2, nullcontext)
    assert not strangers.seen
    assert (out.device.type, out.dtype, out.shape) == ("meta", dtype, (1, 4, 1, 32))
    assert {t.device.type for t in memory.tensors()} == {"meta"}
