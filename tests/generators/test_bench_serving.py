"""The arithmetic of the benchmark of serving: its file of results, its estimate and its bars. No engine, no GPU."""

from __future__ import annotations

import dataclasses
import json
from itertools import chain

import numpy as np
import pytest

from benchmarks.gpu import serving, serving_engine
from pipeline.core.store import Store
from pipeline.cost.config import PRESETS as SHAPES
from pipeline.cost.device import PRESETS as DEVICES
from pipeline.cost.model import CostModel, Engine


def test_results_grow_and_stay_whole(tmp_path):
    path = tmp_path / "serving.json"
    serving_engine.keep(path, "a", x=1)
    serving_engine.keep(path, "b", y={"z": 2})
    serving_engine.keep(path, "a", w=3)
    assert json.loads(path.read_text()) == {"a": {"x": 1, "w": 3}, "b": {"y": {"z": 2}}}
    assert list(tmp_path.iterdir()) == [path]


def test_prompts_come_back_as_they_were(tmp_path):
    prompts = [[1, 2, 3], [128_255], list(range(5000))]
    serving_engine.write_prompts(tmp_path / "prompts.npz", prompts)
    assert serving_engine.read_prompts(tmp_path / "prompts.npz") == prompts


def test_the_floating_point_operations_of_a_prefill_by_a_count_of_their_own():
    s, n = SHAPES["llama-8b"], 1000
    linear = sum(
        2 * n * k * m
        for k, m in [
            (4096, 4096),
            (4096, 1024),
            (4096, 1024),
            (4096, 4096),
            (4096, 14336),
            (4096, 14336),
            (14336, 4096),
        ]
    )
    pairs = np.tril(np.ones((n, n))).sum()
    expected = 32 * (linear + 4 * 32 * 128 * pairs) + 2 * 4096 * 128256
    assert serving_engine._reading_rate(s, n, 1.0) == pytest.approx(expected / 1e12)


@pytest.mark.parametrize("device", ["h100", "h200"])
def test_the_estimate_adds_up(device):
    model, size = CostModel(SHAPES["llama-8b"], DEVICES[device], Engine()), serving.Size()
    found = serving.estimate(model, size)
    reading = model.prefill_seconds(size.tokens)
    assert found["lc"] > size.documents * reading
    assert found["six"] > found["lc"]
    assert found["few"] == pytest.approx(found["six"] / 16, rel=0.01)
    assert found["worst"] - found["few"] == pytest.approx(30 * reading, rel=0.01)
    assert found["six"] * 2 + found["lc"] + found["worst"] < 300, "it must fit in five minutes"


def test_bars_are_judged_as_far_as_there_are_figures():
    sharing = {
        "six": {"seconds": 52.0, "predicted_cached_tokens": 1009, "observed_cached_tokens": 1000},
        "lc": {"seconds": 40.0},
        "direct_seconds": 50.0,
        "worst": {"seconds": 36.0},
        "few": {"seconds": 10.0},
    }
    assert serving.judged({}) == {}
    found = serving.judged(
        {"sharing": sharing, "prefill": {"eager_8192": {"share": 0.7}, "compiled_8192": {"share": 0.81}}}
    )
    reached = {name: bar["reached"] for name, bar in found.items()}
    assert reached == {
        "ours_over_direct": True,
        "six_over_lc": True,
        "cached_tokens_error": True,
        "order_ratio": False,
        "prefill_share": True,
    }
    assert serving.judged({"grid": {"median_error": {"decode": 0.2}}})["model_error_decode"]["reached"] is False


def test_the_worst_order_asks_the_same_questions_with_the_question_first(tmp_path):
    size = dataclasses.replace(serving.SMALL, tokens=600)
    reader = serving._reader(size, eager=True, own_core=False)
    first = [f"routes.{name}.position=first" for name in serving.SIX]
    with Store(tmp_path) as store:
        ours = serving._worst(serving._jobs(size, store, reader, 2, "few"))
        worst = serving._worst(serving._jobs(size, store, reader, 2, "few", *first))
    assert [[c.question for c in route] for route in ours] == [[c.question for c in route] for route in worst]
    # Self-Route's first call is the RAG route's own: it stands in neither.
    assert [len(route) for route in worst] == [8, 8, 8, 8, 8, 0]
    for a, b in zip(chain(*ours), chain(*worst), strict=True):
        assert sorted(part.text.strip() for part in a.prompt.parts if part.role in ("document", "passage")) == sorted(
            part.text.strip() for part in b.prompt.parts if part.role in ("document", "passage")
        )
        assert "Question:" in a.prompt.text.splitlines()[-2]
        assert b.route == "closed_book" or "Question:" in b.prompt.parts[1].text
    assert reader.window == size.window
