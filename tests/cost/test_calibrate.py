"""Calibration on the CPU at hand: what it measures is used as it stands, and what it cannot do is told.

How fast the machine is, no test can say; that a constant counts the work it was divided by, one can.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipeline.core.errors import UserError
from pipeline.core.threads import one_thread_each
from pipeline.cost import calibrate as module
from pipeline.cost.calibrate import calibrate
from pipeline.cost.device import read_device, write_device
from pipeline.cost.model import CostModel
from pipeline.cost.shape import ModelShape


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for one another at every small operation crawl on a busy machine."""
    with one_thread_each():
        yield


TINY = ModelShape(name="tiny", layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, feed=96, vocab=100, dtype="fp32")


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_a_measured_device_prices_a_model(dtype, tmp_path):
    device = calibrate(seconds=0.05, device="cpu", dtype=dtype, shape=TINY, name="here")
    assert device.measured
    assert device.name == "here"
    assert dtype in device.note and torch.__version__ in device.note
    write_device(device, tmp_path / "d.json")
    assert read_device(tmp_path / "d.json") == device
    model = CostModel(TINY, device)
    assert 0 < model.decode_seconds(100) < model.first_token_seconds(100_000)
    assert model.contexts(100) > 0


def bench(dtype: str = "fp32") -> module._Bench:
    return module._Bench(torch, "cpu", dtype, TINY, 0.0)


def counted(part: module._Part) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        part.work()
    return counter.get_total_flops()


def test_the_products_counted_are_the_products_made():
    part = module._matrix(bench())
    assert part.units == counted(part) == replace(TINY, layers=1).matrix_flops(4096)


def test_weights_and_caches_counted_are_those_read():
    memory, cache = module._memory(bench()), module._cache(bench())
    assert memory.units == 4 * counted(memory) / 2  # each weight, in 4 bytes, is multiplied and added once
    assert cache.units == 4 * TINY.kv_bytes(8192, "fp32") / TINY.layers
    assert module._attention(bench()).units == replace(TINY, layers=1).attention_flops(4096)


def test_elementwise_bytes_are_those_of_the_cost_model():
    one = replace(TINY, layers=1)
    assert module._elementwise(bench()).units == 4096 * (one.norm_bytes() + one.gate_bytes())


@pytest.mark.parametrize(
    "setting", [{"device": "tpu"}, {"dtype": "int3"}, {"seconds": 0}, {"seconds": float("nan")}], ids=str
)
def test_what_cannot_be_measured_is_told(setting):
    with pytest.raises(UserError, match="calibrate"):
        calibrate(**{"device": "cpu", "shape": TINY, "seconds": 0.01, **setting})


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_told():
    with pytest.raises(UserError, match="torch sees no 'cuda'"):
        calibrate(device="cuda", seconds=0.01)
