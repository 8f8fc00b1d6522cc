"""The summary as a table in the terminal, for one reader or several, at any width from 80 columns.

It reads the summary frame, and of the log what engines did, and prints; it computes nothing and knows nothing of how
a run is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments import report_engine
from experiments.report_read import arms_of, control_routes
from experiments.report_study import Arm
from experiments.report_words import number, points, quantity
from experiments.svg import short

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

ROOMY = 118  # columns from which the outcomes stand apart and the intervals are drawn
BAR = 16  # cells of a drawn interval
AXIS = "0" + "100 %".rjust(BAR - 1)


def percent_of(row: Mapping[str, Any] | None) -> str:
    """The value of a row of a summary, a share, in percent."""
    return "–" if row is None else f"{100 * row['value']:.1f}"


def interval_of(row: Mapping[str, Any] | None) -> str:
    """Its interval, in percent; nothing where it has none."""
    return "" if row is None or row["ci_low"] is None else f"{100 * row['ci_low']:.0f}–{100 * row['ci_high']:.0f}"


def print_ending(
    folder: Path, console: Console, damaged: Sequence[str], notes: Sequence[str], incomplete: Sequence[str] = ()
) -> None:
    """What stands below a study's tables: what is to be known of the run, and where its report is."""
    for line in damaged:
        console.print(f"[yellow]damaged[/] {line}", highlight=False)
    for line in notes:
        console.print(f"[yellow]note[/] {line}", highlight=False)
    for line in incomplete:
        console.print(f"[red]incomplete[/] {line}; the same command tries them again", highlight=False)
    console.print(f"report: {folder / 'report.html'}", highlight=False, soft_wrap=True)


def print_table(summary: pl.DataFrame, console: Console) -> None:
    """Print the routes side by side: one reader in full, several with a row each, or in turn where that is too wide.

    summary: the frame behind summary.csv. A difference carries ● where it is settled: p after Holm below 0.05, and the
    interval without zero.
    """
    rows = summary.to_dicts()
    arms = arms_of(rows)
    if not any(a.quality.mean is not None for a in arms.values()):
        console.print("No answer was marked: the questions have no gold answers.", highlight=False)
        return
    baseline = next((str(r["baseline"]) for r in rows if r["baseline"]), "")
    controls = control_routes(rows)
    readers = list(dict.fromkeys(reader for reader, _ in arms))
    from rich.measure import Measurement

    roomy, notes = console.width >= ROOMY, ""
    compact = _readers(arms, readers, baseline, controls)
    needed = Measurement.get(console, console.options.update(max_width=10_000), compact).maximum
    if len(readers) > 1 and needed <= console.width:
        console.print(compact)
    else:
        for reader in readers:
            mine = [a for a in arms.values() if a.reader == reader]
            console.print(_routes(mine, baseline, controls, roomy, reader if len(readers) > 1 else ""))
        notes = "" if roomy else " R/W/D/F: right, wrong, declined, failed."
        notes += " Money is per 1,000 questions." if any(a.money for a in arms.values()) else ""
    console.print(
        f"Percent of questions right, 95 % intervals; differences to {baseline} in points, ● settled (p < 0.05 after "
        f"Holm, interval without zero). Controls are dim.{notes}",
        style="dim",
        highlight=False,
    )


def print_engines(uses: Sequence[report_engine.Use], console: Console) -> None:
    """A line per reader with an engine or with cached tokens: what this run had it do."""
    for use in report_engine.totals(uses):
        if use.mode or use.observed:
            console.print(_text(use.reader, "bold").append(f": {report_engine.summary(use)}", style="not bold"))


def _routes(arms: list[Arm], baseline: str, controls: frozenset[str], roomy: bool, reader: str) -> Table:
    arms = sorted(arms, key=lambda a: (a.route in controls, -(a.quality.mean or 0.0), a.route))
    known = {f: any(getattr(a, f) for a in arms) for f in ("prompt_tokens", "seconds", "money")}
    table = _table("route")
    table.title, table.title_justify = (_text(reader, "bold"), "left") if reader else (None, "left")
    numbers = ["right %", "95 %", *([AXIS] if roomy else []), f"vs {baseline}"]
    numbers += ["right", "wrong", "declined", "failed"] if roomy else ["R/W/D/F"]
    numbers += ["tokens"] if known["prompt_tokens"] else []
    numbers += ["seconds" if roomy else "s"] if known["seconds"] else []
    numbers += ["money/1k"] if known["money"] else []
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for a in arms:
        style = _style(a.route, baseline, controls)
        q = a.quality
        cells = [_text(a.route, style), _text("–" if q.mean is None else f"{100 * q.mean:.1f}", style)]
        interval = f"{100 * q.low:.0f}–{100 * q.high:.0f}" if q.low is not None and q.high is not None else ""
        cells += [_text(interval, "dim"), *([_bar(a, style)] if roomy else []), _difference(a, baseline)]
        cells += [_text(str(n), style) for n in a.counts] if roomy else [_text("/".join(map(str, a.counts)), style)]
        cells += (
            [_text("–" if a.prompt_tokens is None else short(a.prompt_tokens), style)] if known["prompt_tokens"] else []
        )
        cells += [_text("–" if a.seconds is None else quantity(a.seconds), style)] if known["seconds"] else []
        cells += [_text("–" if a.money is None else quantity(1000 * a.money), style)] if known["money"] else []
        table.add_row(*cells)
    return table


def _readers(arms: dict[tuple[str, str], Arm], readers: list[str], baseline: str, controls: frozenset[str]) -> Table:
    names = dict.fromkeys(route for _, route in arms)
    routes = sorted(names, key=lambda r: (r in controls, r != baseline))
    pair = [r for r in routes if r not in controls]
    table = _table("reader")
    for route in routes:
        table.add_column(_text(route, _style(route, baseline, controls)), justify="right", no_wrap=True)
    two = len(pair) == 2 and pair[0] == baseline
    if two:
        for name in (f"vs {baseline}", f"only {pair[1]}", f"only {baseline}", "failed"):
            table.add_column(name, justify="right", no_wrap=True)
    for reader in readers:
        cells = [_text(reader, "")]
        for route in routes:
            a = arms.get((reader, route))
            cells.append(_share(a, baseline, controls, marked=not two))
        if two:
            a, base = arms.get((reader, pair[1])), arms.get((reader, baseline))
            only = ["–" if n is None else number(n) for n in ((a.route_only, a.baseline_only) if a else (None, None))]
            failed = "/".join(str(x.counts[3]) if x else "–" for x in (base, a))
            cells += [
                _difference(a, baseline) if a else _text("–", ""),
                *(_text(o, "") for o in only),
                _text(failed, "dim"),
            ]
        table.add_row(*cells)
    return table


def _share(arm: Arm | None, baseline: str, controls: frozenset[str], *, marked: bool) -> Text:
    if arm is None or arm.quality.mean is None:
        return _text("–", "dim")
    text = _text(f"{100 * arm.quality.mean:.1f}", _style(arm.route, baseline, controls))
    if marked:
        text.append({1: "▲", -1: "▼", 0: " "}[arm.settled], style=_direction(arm))
    return text


def _difference(arm: Arm, baseline: str) -> Text:
    if arm.diff.mean is None:
        return _text("baseline" if arm.route == baseline else "–", "dim")
    return _text(f"{points(arm.diff.mean, sign=True)} {'●' if arm.settled else ' '}", _direction(arm))


def _bar(arm: Arm, style: str) -> Text:
    """The interval on a scale from 0 to 100 %: ·····──●──······"""
    cells = ["·"] * BAR
    q = arm.quality
    if q.mean is None:
        return _text("", style)
    if q.low is not None and q.high is not None:
        for i in range(_cell(q.low), _cell(q.high) + 1):
            cells[i] = "─"
    cells[_cell(q.mean)] = "●"
    return _text("".join(cells), style)


def _cell(share: float) -> int:
    return min(int(share * BAR), BAR - 1)


def _style(route: str, baseline: str, controls: frozenset[str]) -> str:
    return "bold" if route == baseline else "dim" if route in controls else ""


def _direction(arm: Arm) -> str:
    return {1: "green", -1: "red", 0: "dim"}[arm.settled]


def _table(first: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(first, min_width=12, overflow="fold")
    return table


def _text(words: str, style: str) -> Text:
    from rich.text import Text

    return Text(words, style=style)
