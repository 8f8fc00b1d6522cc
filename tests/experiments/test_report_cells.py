"""Cost by cell: the means are those of the cell's rows, and nothing is shown where there is nothing to show."""

from __future__ import annotations

import random
import re
from statistics import mean

import pytest

from experiments.report_cells import costs
from experiments.report_study import Arm, Study
from experiments.report_words import number, quantity
from pipeline.core.records import Dataset, Question

ROUTES = ("lc", "rag")
BY = {"length": "length", "questions": "asked", "model": "reader"}


def study(*, timed: bool = True, lacking: str = "") -> Study:
    rng = random.Random(3)
    questions = tuple(
        Question(f"{length}-{asked}-{i}", "?", slices={"length": length, "asked": asked})
        for length in ("08k", "16k")
        for asked in ("01", "16")
        for i in range(3)
    )
    rows = [(q.id, route) for route in ROUTES for q in questions if not (lacking == route and q.id.startswith("16k"))]
    rng.shuffle(rows)
    answers = {
        "question": [q for q, _ in rows],
        "route": [r for _, r in rows],
        "reader": ["m"] * len(rows),
        "prompt_tokens": [rng.randint(5000, 9000) for _ in rows],
    }
    took = {
        "reader_seconds": [rng.random() * timed for _ in rows],
        "cached_tokens": [rng.randint(0, 5000) for _ in rows],
    }
    return Study(
        title="t", baseline="lc", readers=("m",), routes=ROUTES, controls=frozenset(),
        arms={("m", route): Arm("m", route) for route in ROUTES}, outcomes={}, found={}, answers=answers,
        costs=took, dataset=Dataset("d", {}, questions),
    )  # fmt: skip


def drawn(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html.split("<tbody>")[1])
    return [
        [re.sub(r"<[^>]*>", " ", c).strip().split(None, 1) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in rows
    ]


def test_each_cell_has_the_mean_of_its_rows():
    one = study()
    rows = drawn(costs(one, BY))
    assert [(row[0][0], row[1][0]) for row in rows] == [("08k", "01"), ("08k", "16"), ("16k", "01"), ("16k", "16")]
    for row in rows:
        for route, cell in zip(ROUTES, row[2:], strict=True):
            at = [
                i
                for i, name in enumerate(one.answers["question"])
                if name.startswith(f"{row[0][0]}-{row[1][0]}-") and one.answers["route"][i] == route
            ]
            seconds = mean(one.costs["reader_seconds"][i] for i in at)
            tokens = mean(one.answers["prompt_tokens"][i] - one.costs["cached_tokens"][i] for i in at)
            assert cell == [quantity(seconds), f"{number(tokens)} tokens"]


def test_a_cell_without_rows_is_empty():
    rows = drawn(costs(study(lacking="rag"), BY))
    assert [row[3] for row in rows[2:]] == [["-"], ["-"]]


@pytest.mark.parametrize("by", [{}, {"model": "reader"}, {"kind": "kind"}])
def test_nothing_is_shown_without_slices(by):
    assert costs(study(), by) == ""


def test_nothing_is_shown_where_no_call_took_time():
    assert costs(study(timed=False), BY) == ""
