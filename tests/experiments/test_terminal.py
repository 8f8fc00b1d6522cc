"""The table in the terminal: fits the width, shows the summary's numbers, marks what is settled and nothing else."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from experiments.terminal import print_table

EMPTY = dict.fromkeys(("diff", "diff_low", "diff_high", "p", "p_holm", "route_only", "baseline_only", "regret"))


def row(reader: str, route: str, mean: float, **more: Any) -> dict[str, Any]:
    return {
        "reader": reader, "route": route, "metric": "correct", "n": 100, "clusters": 10, "coverage": 0.97,
        "baseline": "lc", "mean": mean, "ci_low": mean - 0.05, "ci_high": mean + 0.05, "right": round(100 * mean),
        "wrong": 90 - round(100 * mean), "declined": 7, "failed": 3, **EMPTY,
        "prompt_tokens": 11_000.0, "seconds": 2.756, "money": 0.0109, **more,
    }  # fmt: skip


def against(diff: float, p: float | None) -> dict[str, Any]:
    test = {"diff": diff, "diff_low": diff - 0.05, "diff_high": diff + 0.05, "p": p, "p_holm": p}
    return {**test, "route_only": 12, "baseline_only": 4}


ONE = [
    row("r", "lc", 0.625),
    row("r", "rag_hybrid", 0.74, **against(0.115, 0.01)),
    row("r", "rag_dense_with_mmr", 0.50, **against(-0.125, 0.004)),
    row("r", "self_route", 0.64, **against(0.015, 0.8)),
    row("r", "oracle", 0.85, **against(0.225, None)),
    row("r", "closed_book", 0.12, **against(-0.505, None)),
]
READERS = ["gpt-4o", "claude-3-5-sonnet-20241022", "mistral-nemo"]
MANY = [
    line
    for i, reader in enumerate(READERS)
    for line in (row(reader, "lc", 0.6), row(reader, "rag", 0.7, **against(0.1 - 0.1 * i, 0.01 + 0.2 * i)))
]


def printed(rows: list[dict[str, Any]], width: int) -> list[str]:
    out = io.StringIO()
    print_table(pl.DataFrame(rows, infer_schema_length=None), Console(file=out, width=width, color_system=None))
    return out.getvalue().splitlines()


def line_of(lines: list[str], name: str) -> str:
    return next(line for line in lines if line.strip().startswith(name))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("rows", [ONE, MANY])
def test_it_fits_the_width_and_cuts_no_number(rows: list[dict[str, Any]], width: int) -> None:
    lines = printed(rows, width)
    assert max(map(len, lines)) <= width
    assert not [line for line in lines if "…" in line]


@pytest.mark.parametrize("width", [80, 120])
def test_one_reader_in_full(width: int) -> None:
    lines = printed(ONE, width)
    hybrid, lc = line_of(lines, "rag_hybrid"), line_of(lines, "lc")
    words = [w for w in hybrid.split() if "·" not in w and "─" not in w]
    assert words[1:5] == ["74.0", "69–79", "+11.5", "●"]
    assert "baseline" in lc
    assert "11k" in lc
    assert "2.76" in lc
    assert "10.9" in lc
    assert ("62/28/7/3" if width == 80 else "62     28         7       3") in lc
    settled = {name: "●" in line_of(lines, name).replace("─●─", "") for name in ("rag_dense", "self_route", "oracle")}
    assert settled == {"rag_dense": True, "self_route": False, "oracle": False}


def test_routes_fall_by_quality_and_controls_come_last() -> None:
    lines = printed(ONE, 120)
    order = ["rag_hybrid", "self_route", "lc", "rag_dense", "oracle", "closed_book"]
    places = [lines.index(line_of(lines, name)) for name in order]
    assert places == sorted(places)


def test_a_drawn_interval_covers_its_share_of_the_scale() -> None:
    rows = [{**ONE[0], "mean": 0.63, "ci_low": 0.3, "ci_high": 0.99}]
    bar = next(w for w in line_of(printed(rows, 120), "lc").split() if "●" in w)
    assert bar == "····──────●─────"  # 16 cells: from cell 4 (0.3 * 16 = 4.8) to cell 15, the mean in cell 10


def test_many_readers_have_a_row_each() -> None:
    lines = printed(MANY, 80)
    assert line_of(lines, "gpt-4o").split() == ["gpt-4o", "60.0", "70.0", "+10.0", "●", "12", "4", "3/3"]
    assert "●" not in line_of(lines, "mistral-nemo")


def test_readers_that_do_not_fit_side_by_side_come_in_turn() -> None:
    rows = [{**line, "reader": r} for r in READERS for line in ONE]
    lines = printed(rows, 80)
    assert max(map(len, lines)) <= 80
    assert [line.strip() for line in lines if line.strip() in READERS] == READERS


def test_what_is_unknown_is_left_out() -> None:
    rows = [{**line, "seconds": None, "money": 0.0} for line in ONE]
    head = "\n".join(printed(rows, 80))
    assert "money" not in head.lower()
    assert " s " not in head.split("\n")[1]


def test_nothing_marked() -> None:
    rows = [{**ONE[0], "metric": "span_recall"}]
    assert printed(rows, 80) == ["No answer was marked: the questions have no gold answers."]


def test_markup_in_a_name_is_only_text() -> None:
    lines = printed([ONE[0], {**ONE[1], "route": "[red]x[/red]"}], 120)
    assert line_of(lines, "[red]x")
