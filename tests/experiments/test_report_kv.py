"""The report's section on KV policies: sums over waves, shares, a run without a policy, and a real reader."""

from __future__ import annotations

import re

import pytest

from experiments.report_kv import in_bytes, kv, kv_rows
from pipeline.core.records import Part, Prompt
from pipeline.core.run import Log
from pipeline.generators.base import Call, Sampling

EVENT = {
    "event": "kv",
    "reader": "small",
    "wave": 0,
    "policy": "SnapKV",
    "settings": {"sinks": 0, "budget": 0.25, "pooling": "max", "roll": False},
    "prompts": 3,
    "tokens": 3000,
    "dense_bytes": 30 << 20,
    "kept_bytes": 9 << 20,
    "peak_bytes": 4 << 20,
    "peak_share": 0.35,
    "attended": 260,
    "prefill_seconds": 3.0,
    "compress_seconds": 0.3,
    "decode_seconds": 1.2,
}
LATER = {**EVENT, "wave": 1, "prompts": 1, "tokens": 5000, "dense_bytes": 50 << 20, "kept_bytes": 11 << 20}
LATER |= {"peak_bytes": 17 << 20, "peak_share": 0.34, "attended": 1300, "decode_seconds": 0.0}
OTHER = {**EVENT, "reader": "large <b>", "policy": "ThinK", "settings": {"channels": 0.6}}


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ")


def test_waves_are_added_and_the_worst_moment_is_the_worst_of_all():
    small, large = kv_rows([{"event": "calls"}, EVENT, OTHER, LATER])
    assert (small.prompts, small.tokens, small.attended) == (4, 8000, 1300)
    assert small.share == 20 / 80
    assert (small.peak_bytes, small.peak_share) == (17 << 20, 0.35)
    assert small.decode_seconds == 1.2
    assert large.reader == "large <b>"


def test_the_section_tells_policy_budget_bytes_peak_and_seconds():
    html = kv([EVENT, LATER, OTHER])
    assert html.startswith('<section id="kv">')
    shown = text_of(html)
    assert "small: SnapKV kept 25.0 % of the prompts' keys and values" in shown.replace("&#x27;", "'")
    assert "budget 0.25, sinks 0, pooling max, roll false" in shown
    assert "2 000" in shown
    assert "20 MiB" in shown
    assert "17 MiB" in shown
    assert "35.0 %" in shown
    assert "large <b>" not in html
    assert "large &lt;b&gt;" in html


@pytest.mark.parametrize("events", [[], [{"event": "calls", "reader": "small"}]])
def test_a_run_without_a_policy_has_no_section(events):
    assert kv(events) == ""


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 bytes"), (999, "999 bytes"), (1024, "1 KiB"), (1.25 * 2**30, "1.25 GiB")]
)
def test_bytes_in_units_of_1024(count, shown):
    assert in_bytes(count).replace("\u00a0", " ") == shown


def test_what_a_reader_tells_is_what_the_section_takes(tmp_path):
    """Through the log, as a run writes it; the second sequence of calls is not added to the first."""
    pytest.importorskip("torch")
    from compressors.kv_snapkv import SnapKV
    from pipeline.generators.embedded import FOLDER
    from pipeline.generators.hf import HF

    def calls(*sizes: int) -> list[Call]:
        return [
            Call(Prompt((Part("document", f"{'a word and ' * n}\nAnswer:"),)), Sampling(max_tokens=3), "q", "lc")
            for n in sizes
        ]

    reader = HF(model=str(FOLDER), device="cpu", kv=SnapKV(budget=0.25, window=4))
    assert reader.kv_use() is None
    log = Log(tmp_path / "log.jsonl")
    for asked in (calls(60, 80), calls(40)):
        assert len(list(reader.generate(asked))) == len(asked)
        log.event("kv", reader=reader.label, wave=0, **reader.kv_use())
    log.close()
    (row,) = kv_rows(log.events)
    assert [e["prompts"] for e in log.events] == [2, 1]
    assert row.prompts == 3
    assert 0.24 < row.share < 0.26
    assert row.share + 0.1 == pytest.approx(row.peak_share, abs=0.005)  # ten layers
    assert "budget 0.25" in row.given
    assert kv(log.events)
    assert HF(model=str(FOLDER), device="cpu").kv_use() is None
