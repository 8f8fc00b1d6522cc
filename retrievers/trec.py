"""TREC runs: text files of six columns, `query Q0 document rank score tag`, as trec_eval reads them.

A run is a plain dict: query id -> {document id -> score}, documents in order of rank. It does not know what was ranked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from pipeline.core.errors import UserError

Run = dict[str, dict[str, float]]


def format_run(run: Mapping[str, Mapping[str, float]], tag: str) -> str:
    """The lines of a run: queries and documents as the dict orders them, ranks from 1.

    Scores are printed strictly falling, by at least 1e-6 a rank: trec_eval sorts by score, breaks ties by document id,
    and never reads the rank. Raises UserError for an id or a tag that the columns cannot hold.
    """
    lines = []
    _column(tag, "the tag")
    for query, documents in run.items():
        _column(query, "the query id")
        last = math.inf
        for position, (document, score) in enumerate(documents.items(), start=1):
            _column(document, f"query {query!r}: the document id")
            last = min(round(score * 1_000_000), last - 1)
            lines.append(f"{query} Q0 {document} {position} {last / 1_000_000:.6f} {tag}\n")
    return "".join(lines)


def write_run(path: Path, run: Mapping[str, Mapping[str, float]], tag: str) -> None:
    """Write a run; the file is there whole or not at all. Raises UserError as `format_run`."""
    text = format_run(run, tag)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)


def read_run(path: Path) -> Run:
    """A run as its scores rank it, ties by the rank column. Raises UserError with file and line for a broken one."""
    rows: dict[str, dict[str, tuple[float, int]]] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the run cannot be read ({error})", where=str(path), remedy="Check the path") from None
    for number, line in enumerate(text.split("\n"), start=1):
        cells = line.split()
        if not cells:
            continue
        where = f"{path}:{number}"
        if len(cells) != 6:
            raise UserError(
                f"found {len(cells)} columns, expected 6: query Q0 document rank score tag",
                where=where,
                remedy="Ids and tags hold no spaces",
            )
        query, _, document, position, score, _ = cells
        try:
            value = (float(score), int(position))
        except ValueError:
            raise UserError(f"rank {position!r} or score {score!r} is no number", where=where) from None
        if not math.isfinite(value[0]):
            raise UserError(f"the score {score!r} is not finite", where=where)
        if document in rows.setdefault(query, {}):
            raise UserError(f"document {document!r} is ranked twice for query {query!r}", where=where)
        rows[query][document] = value
    return {
        query: {d: s for d, (s, _) in sorted(found.items(), key=lambda item: (-item[1][0], item[1][1]))}
        for query, found in rows.items()
    }


def _column(name: str, what: str) -> None:
    if not name or name.split() != [name]:
        raise UserError(
            f"{what} {name!r} is empty or holds white space, which a TREC run cannot express",
            where="TREC run",
            remedy="Give it another id",
        )
