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
    known = arms_of(rows)
    arms = {key: known.get(key) or _unmarked(key, outcomes.get(key, {}), table) for key in keys}
    stated = next((r["baseline"] for r in rows if r.get("baseline")), "")
    routes = _by_quality(dict.fromkeys(k[1] for k in keys), arms, 1)
    aside = control_routes(rows)
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


def arms_of(rows: Sequence[Mapping[str, Any]]) -> dict[Key, Arm]:
    """The summary's rows as arms, by reader and route, in the rows' order; those with the primary metric only."""
    retrieval: dict[Key, dict[str, Estimate]] = {}
    for r in rows:
        if r["metric"] in RETRIEVAL and (mean := _float(r["mean"])) is not None:
            found = Estimate(mean, _float(r["ci_low"]), _float(r["ci_high"]))
            retrieval.setdefault((r["reader"] or "", r["route"]), {})[r["metric"]] = found
    arms = {}
    for r in rows:
        if r["metric"] == "correct":
            key = (r["reader"], r["route"])
            arms[key] = _arm(r, retrieval.get(key) or retrieval.get(("", key[1]), {}))
    return arms


def control_routes(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The routes that bracket the result: compared without a part in Holm's adjustment, and the usual names."""
    tested = {r["route"] for r in rows if _float(r["p_holm"]) is not None}
    aside = {r["route"] for r in rows if _float(r["diff"]) is not None} - tested
    return frozenset(aside.union(CONTROLS) - tested)


def _arm(row: Mapping[str, Any], retrieval: Mapping[str, Estimate]) -> Arm:
    right, wrong, declined, failed = (_int(row[o]) or 0 for o in OUTCOMES)
    return Arm(
        reader=row["reader"],
        route=row["route"],
        quality=Estimate(_float(row["mean"]), _float(row["ci_low"]), _float(row["ci_high"])),
        diff=Estimate(_float(row["diff"]), _float(row["diff_low"]), _float(row["diff_high"])),
        p=_float(row["p"]),
        p_holm=_float(row["p_holm"]),
        counts=(right, wrong, declined, failed),
        route_only=_int(row["route_only"]),
        baseline_only=_int(row["baseline_only"]),
        prompt_tokens=_float(row["prompt_tokens"]),
        seconds=_float(row["seconds"]),
        money=_float(row["money"]),
        retrieval=retrieval,
    )


def _unmarked(key: Key, outcomes: Mapping[str, str], answers: Mapping[str, list[Any]]) -> Arm:
    """An arm that the summary does not mark: its outcomes are counted and its tokens averaged over its answers."""
    rows = zip(answers["reader"], answers["route"], answers["prompt_tokens"], strict=True)
    tokens = [t or 0 for reader, route, t in rows if (reader, route) == key]
    values = list(outcomes.values())
    right, wrong, declined, failed = (values.count(o) for o in OUTCOMES)
    mean = sum(tokens) / len(tokens) if tokens else None
    return Arm(*key, counts=(right, wrong, declined, failed), prompt_tokens=mean)


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
