"""A study's table against a published one: how far the cells agree, and how far the gap between two routes does."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config import folder_setting
from pipeline.core.errors import UserError, nearest

if TYPE_CHECKING:
    import polars as pl


def find_reference(name: str, settings: Mapping[str, Any]) -> Path | None:
    """The published table's file: as named, or in a folder `reference` in or beside the data; None where absent."""
    if not name:
        return None
    data = folder_setting("LONGSHORT_DATA", "data")
    roots = [Path(str(settings.get("data", {}).get("root") or data / "x")).parent, data]
    places = [Path(name), *(p / "reference" / name for root in roots for p in (root, root.parent))]
    return next((p for p in places if p.is_file()), None)


def read_reference(path: Path, by: Sequence[str], pair: Sequence[str]) -> dict[tuple[str, ...], tuple[float, float]]:
    """Cell to the two published rates in percent. Raises UserError naming file and line."""
    cells: dict[tuple[str, ...], tuple[float, float]] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except UnicodeDecodeError:
        raise UserError("not valid UTF-8", where=str(path), remedy="Save it as UTF-8") from None
    reader = csv.DictReader(lines)
    for column in (*by, *pair):
        if column not in (reader.fieldnames or ()):
            raise UserError(
                f"the column {column!r} is missing",
                where=str(path),
                remedy=nearest(column, reader.fieldnames or ()),
            )
    for row in reader:
        where = f"{path}:{reader.line_num}"
        try:
            values = [float(row[p]) for p in pair]
            if not all(map(math.isfinite, values)):
                raise ValueError
        except (TypeError, ValueError):
            found = [row[p] for p in pair]
            raise UserError(f"{found} are no percentages", where=where, remedy="Write numbers") from None
        key = tuple(row[c] for c in by)
        if key in cells:
            raise UserError(f"the cell {', '.join(key)} stands twice", where=where, remedy="Keep one of them")
        cells[key] = (values[0], values[1])
    return cells


def compare_with_reference(
    table: pl.DataFrame, path: Path, by: tuple[str, ...], pair: tuple[str, str]
) -> dict[str, Any]:
    """Pearson's r and mean absolute difference in points, of the cells (both arms) and of the gap between the arms.

    `sign_equal` is the share of cells whose gap has the published sign.
    """
    published = read_reference(path, by, pair)
    ours: list[float] = []
    theirs: list[float] = []
    gaps: list[tuple[float, float]] = []
    cells: list[dict[str, Any]] = []
    for row in table.iter_rows(named=True):
        key = tuple(str(row[c]) for c in by)
        a, b = row[pair[0]], row[pair[1]]
        if key not in published or a is None or b is None:
            continue
        ours += [a, b]
        theirs += published[key]
        gaps.append((a - b, published[key][0] - published[key][1]))
        cells.append(
            {**dict(zip(by, key, strict=True)), "gap": round(gaps[-1][0], 2), "published": round(gaps[-1][1], 2)}
        )
    n = len(gaps)
    return {
        "reference": path.name,
        "cells": n,
        "values": len(ours),
        "pearson_r": pearson(ours, theirs),
        "mean_absolute_difference": _mean([abs(x - y) for x, y in zip(ours, theirs, strict=True)]),
        "mean_difference": _mean([x - y for x, y in zip(ours, theirs, strict=True)]),
        "gap": f"{pair[0]} - {pair[1]}",
        "gap_pearson_r": pearson([g for g, _ in gaps], [p for _, p in gaps]),
        "gap_mean_absolute_difference": _mean([abs(g - p) for g, p in gaps]),
        "gap_sign_equal": _mean([float(g * p > 0 or g == p) for g, p in gaps]),
        "rows_without_reference": table.height - n,
        "gaps": cells,
    }


def pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's correlation; None for fewer than two pairs or a constant side."""
    n = len(x)
    if n < 2:
        return None
    mx, my = sum(x) / n, sum(y) / n
    sxy = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    sxx, syy = sum((a - mx) ** 2 for a in x), sum((b - my) ** 2 for b in y)
    return sxy / math.sqrt(sxx * syy) if sxx > 0 and syy > 0 else None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
