"""From the run's frames to the report's `Study`: columns to lists, summary rows to arms, scores to outcomes.

It computes no statistic; an empty cell, a null and NaN all mean unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.report_study import OUTCOMES, RETRIEVAL, Arm, Estimate, Key, Study
from pipeline.core.records import Dataset

if TYPE_CHECKING:
    import polars as pl

CONTROLS = ("closed_book", "oracle", "random")


def read_study(
    title: str,
    dataset: Dataset,
    baseline: str,
    controls: Iterable[str],
    answers: pl.DataFrame,
    costs: pl.DataFrame,
    scores: pl.DataFrame,
    summary: pl.DataFrame,
) -> Study:
    """The frames as a `Study`; `baseline` may be empty, then the summary's own or the first route is taken."""
    table = answers.to_dict(as_series=False)
    rows = summary.to_dicts()
    keys = dict.fromkeys(zip(table["reader"], table["route"], strict=True))
    outcomes: dict[Key, dict[str, str]] = {}
    found: dict[Key, dict[str, bool]] = {}
    wanted = scores.filter(scores["metric"].is_in(["correct", "evidence_found"]))
    for q, route, reader, metric, value, status in wanted.select(
        "question", "route", "reader", "metric", "value", "status"
    ).iter_rows():
        if metric == "correct":
            if status in OUTCOMES:
                outcomes.setdefault((reader, route), {})[q] = status
        elif value is not None:
            found.setdefault((reader, route), {})[q] = value >= 0.5
    primary = {(r["reader"], r["route"]): r for r in rows if r["metric"] == "correct"}
    arms = {key: _arm(key, primary.get(key), outcomes.get(key, {}), rows) for key in keys}
    stated = next((r["baseline"] for r in rows if r.get("baseline")), "")
    routes = _by_quality(dict.fromkeys(k[1] for k in keys), arms, 1)
    aside = frozenset(controls)
    routes = [r for r in routes if r not in aside] + sorted(r for r in routes if r in aside)
    baseline = baseline or stated or ("lc" if "lc" in routes else routes[0] if routes else "")
    return Study(
        title=title,
        baseline=baseline,
        readers=tuple(_by_quality(dict.fromkeys(k[0] for k in keys), arms, 0)),
        routes=tuple(routes),
        controls=aside,
        arms=arms,
        outcomes=outcomes,
        found=found,
        answers=table,
        costs=_aligned(table, costs),
        dataset=dataset,
    )


def _arm(
    key: Key, row: Mapping[str, Any] | None, outcomes: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> Arm:
    reader, route = key
    if row is None:
        values = list(outcomes.values())
        counts = (values.count("right"), values.count("wrong"), values.count("declined"), values.count("failed"))
        return Arm(reader, route, n=len(values), counts=counts)
    retrieval = {}
    for r in rows:
        if r["route"] == route and r["reader"] in (reader, "", None) and r["metric"] in RETRIEVAL:
            retrieval[r["metric"]] = Estimate(_float(r["mean"]), _float(r["ci_low"]), _float(r["ci_high"]))
    return Arm(
        reader=reader,
        route=route,
        quality=Estimate(_float(row["mean"]), _float(row["ci_low"]), _float(row["ci_high"])),
        diff=Estimate(_float(row["diff"]), _float(row["diff_low"]), _float(row["diff_high"])),
        p=_float(row["p"]),
        p_holm=_float(row["p_holm"]),
        n=int(row["n"] or 0),
        clusters=int(row["clusters"] or 0),
        counts=tuple(int(row[o] or 0) for o in OUTCOMES),  # type: ignore[arg-type]
        coverage=_float(row["coverage"]),
        route_only=_int(row["route_only"]),
        baseline_only=_int(row["baseline_only"]),
        regret=_float(row["regret"]),
        prompt_tokens=_float(row["prompt_tokens"]),
        seconds=_float(row["seconds"]),
        money=_float(row["money"]),
        retrieval={m: e for m, e in retrieval.items() if e.mean is not None},
    )


def _by_quality(names: Iterable[str], arms: Mapping[Key, Arm], part: int) -> list[str]:
    def mean(name: str) -> float:
        known = [a.quality.mean for k, a in arms.items() if k[part] == name and a.quality.mean is not None]
        return sum(known) / len(known) if known else -1.0

    return sorted(names, key=lambda name: (-mean(name), name))


def _aligned(answers: Mapping[str, list[Any]], costs: pl.DataFrame) -> dict[str, list[Any]]:
    """The costs' columns in the answers' order; None where a row has no costs."""
    columns = costs.to_dict(as_series=False)
    ids = zip(columns["question"], columns["route"], columns["reader"], strict=True)
    place = {key: i for i, key in enumerate(ids)}
    order = [place.get(k) for k in zip(answers["question"], answers["route"], answers["reader"], strict=True)]
    return {
        name: [None if i is None else values[i] for i in order]
        for name, values in columns.items()
        if name not in ("question", "route", "reader")
    }


def _float(value: Any) -> float | None:
    """A finite number, or None: empty cells of a CSV file, nulls and NaN are all unknown."""
    if value is None or value == "":
        return None
    number = float(value)
    return number if number == number and abs(number) != float("inf") else None


def _int(value: Any) -> int | None:
    number = _float(value)
    return None if number is None else int(number)
