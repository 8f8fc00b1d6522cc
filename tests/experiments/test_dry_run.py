"""What a dry run says a study would take: tokens, money with and without a cache, seconds by the cost model."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from experiments.compare import Plan
from experiments.dry_run import cost_model, print_plan, seconds_of
from pipeline.core.errors import UserError
from pipeline.core.spec import runtime
from pipeline.cost.config import PRESETS as SHAPES
from pipeline.cost.device import PRESETS as DEVICES
from pipeline.cost.model import CostModel, Engine
from pipeline.generators.base import Call, Completion, Generator, Price
from pipeline.reading import CallPlan, PlannedCall

H100 = DEVICES["h100"]
LLAMA = CostModel(SHAPES["llama-8b"], H100)
CONFIG = {
    "model_type": "llama", "num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 8,
    "num_key_value_heads": 2, "intermediate_size": 512, "vocab_size": 1000, "torch_dtype": "float32",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Engined(Generator):
    """A reader with an engine's settings; it is planned for and not run."""

    model: str = ""
    mode: str = "throughput"
    kv_cache_dtype: str = "auto"
    max_num_seqs: int | None = runtime(None)
    max_num_batched_tokens: int | None = runtime(None)
    gpu_memory_utilization: float | None = runtime(None)
    data_parallel: int = runtime(1)
    tensor_parallel: int = runtime(1)

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        raise NotImplementedError


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text(json.dumps(CONFIG))
    return str(tmp_path / "tiny")


def shown(plan: Plan, width: int = 80, **more: object) -> str:
    out = io.StringIO()
    print_plan(plan, "a study", Console(file=out, width=width, color_system=None), **more)  # type: ignore[arg-type]
    return out.getvalue()


def plan_of(*plans: CallPlan) -> Plan:
    return Plan((), plans, 0, 7)


CALLS = [PlannedCall(8000, 0, 64), *(PlannedCall(8000, 7900, 64) for _ in range(3))]


def test_money_with_and_without_the_cache():
    price = Price(input=100.0, cached_input=10.0, output=1000.0)
    told = shown(plan_of(CallPlan(Engined(name="r", price=price), 6, 5, 1, CALLS)))
    row = [cell.strip() for line in told.splitlines() if "32,000" in line for cell in line.split("│")][1:-1]
    warm = (8300 * 100 + 23_700 * 10 + 256 * 1000) / 1e6
    assert row == ["r", "32,000", "23,700", "8,300", f"{warm:.2f}", f"{(32_000 * 100 + 256_000) / 1e6:.2f}"]


def test_it_fits_a_narrow_terminal():
    big = [PlannedCall(123_456_789, 98_765_432, 512)] * 9
    told = shown(plan_of(CallPlan(Engined(name="r", price=Price(1.0, 0.1, 2.0)), 9, 9, 0, big)), device=H100)
    assert "…" not in told
    assert "1,111,111,101" in told
    assert max(map(len, told.splitlines())) <= 80


def test_where_nothing_is_to_be_made_there_is_no_price():
    assert "shared" not in shown(plan_of(CallPlan(Engined(), 6, 6, 6, [])))


def test_seconds_are_predicted_for_a_reader_whose_shape_is_known(folder):
    plans = plan_of(
        CallPlan(Engined(name="known", model=folder), 4, 4, 0, CALLS), CallPlan(Engined(name="not"), 4, 4, 0, CALLS)
    )
    told = " ".join(shown(plans, device=H100).split())
    assert "known: about 0." in told
    assert "not: no seconds are predicted: no folder with its config.json is known" in told
    assert "seconds" not in shown(plans)


def test_a_shape_that_cannot_be_priced_is_told_and_stops_nothing(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "model_type": "mamba"}))
    told = shown(plan_of(CallPlan(Engined(name="r", model=str(tmp_path)), 4, 4, 0, CALLS)), device=H100)
    assert "mamba" in told


def test_the_engine_is_as_the_settings_say(folder):
    plain = cost_model(Engined(model=folder), H100)
    assert (plain.engine, plain.device) == (Engine(kv="fp32"), H100)
    own = {"max_num_batched_tokens": 512, "gpu_memory_utilization": 0.5, "tensor_parallel": 2}
    model = cost_model(Engined(model=folder, kv_cache_dtype="fp8_e4m3", **own), H100)
    assert (model.engine, model.device.count) == (Engine(kv="fp8", chunk=512, memory_share=0.5), 2)
    with pytest.raises(UserError, match=r"config\.json"):
        cost_model(Engined(model="gpt-4o"), H100)


def test_known_seconds():
    one = [PlannedCall(32_000, 0, 17)]
    read, answer = seconds_of(one, LLAMA, Engined())
    assert read == pytest.approx(LLAMA.first_token_seconds(32_000))
    assert answer == pytest.approx(LLAMA.answer_seconds(32_000, 17))
    warm = [PlannedCall(32_000, 31_984, 17)] * 8
    read, answer = seconds_of(warm, LLAMA, Engined())
    assert read == pytest.approx(LLAMA.first_token_seconds(16, 31_984, 8))
    assert answer == pytest.approx(LLAMA.answer_seconds(32_000, 17, 8))
    read, answer = seconds_of(warm, LLAMA, Engined(mode="latency"))
    assert read == pytest.approx(8 * LLAMA.first_token_seconds(16, 31_984))
    assert answer == pytest.approx(8 * LLAMA.answer_seconds(32_000, 17))
    _, answer = seconds_of(warm, LLAMA, Engined(max_num_seqs=4))
    assert answer == pytest.approx(2 * LLAMA.answer_seconds(32_000, 17, 4))
    read, answer = seconds_of(warm, LLAMA, Engined(data_parallel=2))
    assert read == pytest.approx(LLAMA.first_token_seconds(16, 31_984, 8) / 2)
    assert answer == pytest.approx(LLAMA.answer_seconds(32_000, 17, 4))


def test_memory_limits_how_many_answers_are_written_at_once():
    cold = [PlannedCall(60_000, 0, 17)] * 64
    fits = LLAMA.contexts(60_017)
    assert 1 < fits < 64
    _, answer = seconds_of(cold, LLAMA, Engined())
    assert answer == pytest.approx(64 / fits * LLAMA.answer_seconds(60_000, 17, fits))
    small = replace(LLAMA, device=replace(H100, memory_bytes=17e9))
    with pytest.raises(UserError, match="do not fit"):
        seconds_of(cold, small, Engined())


planned = st.builds(
    lambda new, cached, answer: PlannedCall(new + cached, cached, answer),
    st.integers(1, 40_000), st.integers(0, 100_000), st.integers(1, 300),
)  # fmt: skip


@given(st.lists(planned, min_size=1, max_size=30))
def test_what_is_cached_is_never_slower_to_read(calls):
    cold = [replace(c, cached=0) for c in calls]
    for mode in ("throughput", "latency"):
        reader = Engined(mode=mode)
        assert seconds_of(calls, LLAMA, reader)[0] <= 1.01 * seconds_of(cold, LLAMA, reader)[0]


@given(st.lists(planned, min_size=1, max_size=30))
def test_many_at_once_are_never_slower_than_one_by_one(calls):
    together, alone = (seconds_of(calls, LLAMA, Engined(mode=m)) for m in ("throughput", "latency"))
    # Prompts alike within a factor of two count as their mean, and reading grows with the square of the new tokens.
    assert together[0] <= 1.01 * alone[0]
    assert together[1] <= 1.01 * alone[1]
