"""What engines did, from the log's events to the report's section and the terminal's lines."""

from __future__ import annotations

import io
import json
import random
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from experiments.report_engine import Use, engine, events_of, summary, totals, uses_of
from experiments.terminal import print_engines
from pipeline.generators.base import EngineUse


def event(reader: str, wave: int, predicted: int, observed: int, use: EngineUse | None, **more: Any) -> dict[str, Any]:
    """As `pipeline.reading` writes it."""
    made = use.prompts if use else more.pop("made", 3)
    body = {
        "event": "calls", "reader": reader, "group": 0, "wave": wave, "asked": made + 2, "distinct": made + 1,
        "remembered": 1, "made": made, "failed": 0, "warm": more.pop("warm", 0),
        "predicted_cached_tokens": predicted, "observed_cached_tokens": observed,
    }  # fmt: skip
    return {**body, **({} if use is None else {"engine": asdict(use)}), **more}


def used(**more: Any) -> EngineUse:
    given = {
        "mode": "throughput", "warm": False, "prompts": 10, "seconds": 4.0, "computed_tokens": 8000,
        "answer_tokens": 300, "prefill_seconds": 2.0, "decode_seconds": 3.0, "first_token": (0.5, 1.5),
        "gpu_busy": 0.9,
    }  # fmt: skip
    return EngineUse(**{**given, **more})


@pytest.fixture
def logged(tmp_path: Path) -> Any:
    def write(*events: dict[str, Any]) -> list[dict[str, Any]]:
        path = tmp_path / "log.jsonl"
        others = [{"event": "stage", "stage": "Chunks"}, *events, {"event": "done", "rows": 3}]
        path.write_text("".join(json.dumps(e) + "\n" for e in others))
        return events_of(path)

    return write


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).replace("\u00a0", " ").split())


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html.split("<tbody>")[1])
    return [[words(c) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


TWO_WAVES = (
    event("r", 0, 1000, 990, used(), warm=7),
    event("r", 1, 500, 510, used(warm=True, prompts=5, seconds=1.0, computed_tokens=100, first_token=(0.1, 0.2),
                                 prefill_seconds=0.5, decode_seconds=0.5, answer_tokens=50, gpu_busy=0.4), warm=5),
)  # fmt: skip


def test_a_wave_by_itself_and_in_sum(logged):
    first, second = uses_of(logged(*TWO_WAVES))
    assert (first.wave, first.start, first.prompts, first.warm_prompts) == (0, "cold", 10, 7)
    assert (first.prefill, first.decode, first.off) == (4000.0, 100.0, -0.01)
    assert (second.wave, second.start, second.off) == (1, "warm", 0.02)
    (whole,) = totals([first, second])
    assert (whole.wave, whole.start, whole.prompts, whole.warm_prompts) == (None, "1 cold, 1 warm", 15, 12)
    assert (whole.predicted, whole.observed, whole.computed) == (1500, 1500, 8100)
    assert (whole.prefill, whole.decode) == (8100 / 2.5, 350 / 3.5)
    assert whole.busy == pytest.approx((0.9 * 4 + 0.4 * 1) / 5)
    assert (whole.median, whole.p95) == ((0.1, 0.5), 1.5)


def test_groups_of_one_wave_are_one_row(logged):
    found = uses_of(logged(*(event("r", w, 10, 10, used(), group=g) for g in range(3) for w in range(2))))
    assert [(u.wave, u.prompts, u.cold) for u in found] == [(0, 30, 3), (1, 30, 3)]


@pytest.mark.parametrize("seed", range(8))
def test_the_bounds_of_a_sum_hold_for_all_its_calls(seed, logged):
    """The median and the 95th percentile of all calls cannot be had from those of the waves; bounds can."""
    import numpy as np

    rng = random.Random(seed)
    waves = [[rng.lognormvariate(rng.uniform(-1, 2), 1) for _ in range(rng.randint(1, 200))] for _ in range(4)]
    points = [(float(np.median(w)), float(np.quantile(w, 0.95, method="inverted_cdf"))) for w in waves]
    events = [
        event("r", i, 0, 0, used(prompts=len(w), first_token=p))
        for i, (w, p) in enumerate(zip(waves, points, strict=True))
    ]
    (whole,) = totals(uses_of(logged(*events)))
    together = [x for w in waves for x in w]
    assert whole.median[0] <= np.median(together) <= whole.median[1]
    assert np.quantile(together, 0.95, method="inverted_cdf") <= whole.p95


def test_modes_are_never_added_up(logged):
    uses = uses_of(logged(*TWO_WAVES, event("r", 0, 70, 70, used(mode="latency", prompts=2))))
    assert [(u.mode, u.prompts) for u in totals(uses)] == [("throughput", 15), ("latency", 2)]
    rows = cells(engine(uses))
    assert [(r[1], r[2], r[4]) for r in rows] == [
        ("throughput", "1", "10"), ("throughput", "2", "5"), ("throughput", "all", "15"), ("latency", "all", "2"),
    ]  # fmt: skip


def test_the_section_states_every_number(logged):
    html = engine(uses_of(logged(*TWO_WAVES)))
    first, second, whole = cells(html)
    assert first == [
        "r", "throughput", "1", "cold", "10", "7", "8 000", "990", "1 000", "\u22121.0 %", "4 000", "100", "0.5", "1.5",
        "90.0 %", "4",
    ]  # fmt: skip
    assert second[9] == "+2.0 %"
    assert whole[2:10] == ["all", "1 cold, 1 warm", "15", "12", "8 100", "1 500", "1 500", "0 %"]
    assert whole[12:14] == ["0.1 to 0.5", "1.5"]
    assert "r, throughput mode: 15 calls in 5 s, of which 12 warm" in words(html)
    assert "The prefix cache had 15.6 % of 9 600 prompt tokens, 1 500 where 1 500 were predicted (0 %)." in words(html)
    for head in re.findall(r'<th scope="col"[^>]*>', html):
        assert "title=" in head or 'class="words"' in head


def test_there_is_a_section_only_where_an_engine_ran(logged, tmp_path):
    assert engine(uses_of(logged(event("cpu", 0, 40, 0, None), event("api", 0, 40, 30, None)))) == ""
    assert engine(uses_of(logged(event("r", 0, 0, 0, None, made=0)))) == ""
    assert events_of(tmp_path / "absent.jsonl") == uses_of([]) == []
    both = uses_of(logged(event("cpu", 0, 40, 0, None), *TWO_WAVES))
    assert {r[0] for r in cells(engine(both))} == {"r"}


def test_names_are_escaped(logged):
    assert "<b>" not in engine(uses_of(logged(event("<b>x</b>", 0, 1, 1, used()))))


def test_what_is_not_known_is_a_dash_and_no_zero(logged):
    use = used(gpu_busy=None, decode_seconds=0.0, answer_tokens=0, prefill_seconds=0.0)
    (row,) = cells(engine(uses_of(logged(event("r", 0, 0, 5, use)))))
    assert row[9:12] == ["–", "–", "–"]
    assert row[14] == "–"


@pytest.mark.parametrize(
    ("predicted", "observed", "shown"),
    [
        (0, 0, "0 %"),
        (1000, 1000, "0 %"),
        (1000, 1001, "+0.1 %"),
        (100_000, 99_999, "\u22120.001 %"),
        (10, 20, "+100.0 %"),
    ],
)
def test_a_difference_is_never_rounded_to_none(predicted, observed, shown):
    use = Use("r", "throughput", None, prompts=1, predicted=predicted, observed=observed)
    assert f"({shown})" in summary(use).replace("\u00a0", " ")


def printed(uses: list[Use], width: int = 80) -> str:
    out = io.StringIO()
    print_engines(uses, Console(file=out, width=width, color_system=None))
    return " ".join(out.getvalue().replace("\u00a0", " ").split())


def test_the_terminal_has_a_line_per_reader(logged):
    uses = uses_of(logged(*TWO_WAVES, event("api [x]", 0, 40, 30, None), event("cpu", 0, 40, 0, None)))
    told = printed(uses)
    assert told == (
        "r: 15 prompts, throughput, 1 cold, 1 warm; cached tokens 1 500, predicted 1 500 (0 %); "
        "prefill 3 240 tokens/s; decode 100 tokens/s; first token 0.1 to 0.5 s, p95 1.5 s; GPU busy 80.0 % "
        "api [x]: cached tokens 30, predicted 40 (\u221225.0 %)"
    )
    assert printed(uses_of(logged(event("cpu", 0, 40, 0, None)))) == ""
