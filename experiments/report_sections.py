"""The report's sections on quality: table of routes, intervals, quality against tokens, outcomes, kinds of question.

Each function turns a `Study` into one section, titled with the question it answers: finding, chart, reading guide. A
section whose data are missing says why. It knows nothing of frames or files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments import report_findings as say
from experiments import report_verdict
from experiments import report_words as words
from experiments.plots import Bar, Dot, Group, Role, dot_whisker, dumbbell, stacked_bars
from experiments.plots_plane import Point, heat_table, scatter
from experiments.report_html import Cell, Head, figure, mini_interval, paragraph, section, table
from experiments.report_study import Arm, Estimate, Study
from experiments.svg import escape

OUTCOME_PARTS = [("right", "right"), ("wrong", "wrong"), ("declined", "declined"), ("failed", "failed")]
UNMARKED = "No answer was marked: the questions have no gold answers."


def routes(study: Study) -> str:
    """Section 2: every arm with all its numbers, sortable."""
    arms = [study.arms[key] for key in study.columns]
    several = len(study.readers) > 1
    tokens, seconds, money = (any(getattr(a, f) for a in arms) for f in ("prompt_tokens", "seconds", "money"))
    heads = [Head("Route", numeric=False), *([Head("Reader", numeric=False)] if several else [])]
    heads += [
        Head("Right", "share of questions answered right, with its 95 % interval clustered by document"),
        Head(f"vs {study.baseline}", "difference to the baseline in percentage points, with its 95 % interval"),
        Head(
            "p (Holm)", "paired test against the baseline, adjusted for the number of routes that each reader compares"
        ),
        Head("right", "questions answered right"),
        Head("wrong", "questions answered wrong"),
        Head("declined", "questions the reader declined to answer"),
        Head("failed", "calls that gave no usable answer"),
        Head("only it", "questions that this route got right and the baseline did not"),
        Head("only base", "questions that the baseline got right and this route did not"),
    ]
    heads += [Head("tokens", "prompt tokens per question, mean")] if tokens else []
    heads += [Head("seconds", "seconds per question from cold, mean")] if seconds else []
    heads += [Head("money per 1,000", "money per 1,000 questions from cold")] if money else []
    rows = []
    for a in arms:
        role = role_of(study, a.route)
        cells = [Cell(a.route, a.route), *([Cell(a.reader, a.reader)] if several else [])]
        cells += [_quality_cell(a.quality, role), _difference_cell(study, a), _p_cell(a)]
        cells += [Cell(words.number(n), n) for n in a.counts]
        cells += [_count_cell(a.route_only), _count_cell(a.baseline_only)]
        cells += [_value_cell(a.prompt_tokens, words.number)] if tokens else []
        cells += [_value_cell(a.seconds, words.quantity)] if seconds else []
        cells += [_value_cell(a.money and 1000 * a.money, words.quantity)] if money else []
        rows.append((role, cells))
    guide = paragraph(
        "Right is the share of questions answered right, in percent, with its 95 % interval. Differences are in "
        f"percentage points against {study.baseline}, the baseline, on the same questions. A filled mark ● stands "
        "where the difference is settled: p below 0.05 after Holm's adjustment over the routes of a reader, and an "
        "interval that leaves zero out. Controls (grey) bracket the result and are no routes to choose. Click a "
        "heading to sort.",
        "guide",
    )
    return section("routes", "How do the routes compare?", table(heads, rows, "All routes, side by side"), guide)


def quality(study: Study) -> str:
    """Section 3: quality with intervals; with several readers one row each, its routes joined."""
    title = "Which route answers best?"
    if not any(a.quality.mean is not None for a in study.arms.values()):
        return section("quality", title, paragraph(UNMARKED, "reason"))
    if len(study.readers) > 1:
        return _quality_of_readers(study, title)
    reader = study.readers[0]
    dots = [dot(study, study.arms[reader, r]) for r in study.routes if (reader, r) in study.arms]
    base = study.arm(reader, study.baseline)
    reference = base.quality.mean if base else None
    fair = [a for r in study.candidates if r != study.baseline and (a := study.arm(reader, r))]
    findings = "".join(f"<li>{paragraph(report_verdict.difference(a, base))}</li>" for a in fair) if base else ""
    chart = figure(
        lambda w: dot_whisker(dots, title=title, x_label="questions answered right (%)", width=w, reference=reference),
        "each dot is the share of questions that a route answered right; the bar is its 95 % interval, which allows "
        f"for questions of one document being alike; the dashed line is {study.baseline}. Intervals of two routes may "
        "overlap although their difference is settled, because the test compares them question by question.",
    )
    return section("quality", title, f'<ul class="findings">{findings}</ul>', chart)


def _quality_of_readers(study: Study, title: str) -> str:
    order = series_order(study)
    rows = []
    for reader in study.readers:
        arms = [study.arm(reader, r) for r in order]
        note = ""
        if len(study.candidates) == 2 and (a := study.arm(reader, order[1])) and a.diff.mean is not None:
            note = f"{words.points(a.diff.mean, sign=True)} {'●' if a.settled else '○'}"
        rows.append(Group(reader, tuple(dot(study, a) if a else None for a in arms), note))
    hollow = [i for i, r in enumerate(order) if r not in study.candidates]
    ends = (
        f" At the end: {order[1]} minus {order[0]} in points, ● settled, ○ not settled."
        if rows and rows[0].note
        else ""
    )
    chart = figure(
        lambda w: dumbbell(rows, order, title=title, x_label="questions answered right (%)", width=w, hollow=hollow),
        "one row per reader; each mark is the share of questions that a route answered right, the thin bar its 95 % "
        f"interval, and the thick line joins the routes to choose from.{ends}",
    )
    return section("quality", title, paragraph(report_verdict.verdict(study), "finding"), chart)


def tokens(study: Study) -> str:
    """Section 4: quality against prompt tokens, with the Pareto front."""
    title = "What does a better answer cost in tokens?"
    order = series_order(study)
    points = [
        Point(study.label(k), a.prompt_tokens, a.quality.mean, a.quality.low, a.quality.high, role_of(study, a.route))
        if len(study.readers) == 1
        else Point(
            study.label(k), a.prompt_tokens, a.quality.mean, role=role_of(study, a.route), series=order.index(a.route)
        )
        for k in study.columns
        if (a := study.arms[k]).prompt_tokens and a.quality.mean is not None
    ]
    if not points:
        reason = UNMARKED if not study.marked else "The prompts' sizes are not known."
        return section("tokens", title, paragraph(reason, "reason"))
    chart = figure(
        lambda w: scatter(
            points,
            title=title,
            x_label="prompt tokens per question (mean, log scale)",
            y_label="questions answered right (%)",
            width=w,
            series=order if len(study.readers) > 1 else (),
        ),
        "up is better, left is cheaper; the tokens are those of all calls for one question. The orange steps join the "
        "routes that no other route beats on both; the controls do not count. A step may rest on a difference that is "
        "not settled.",
    )
    return section("tokens", title, paragraph(say.front(study), "finding"), chart)


def outcomes(study: Study) -> str:
    """Section 5: right, wrong, declined, failed."""
    title = "What happens when a route is not right?"
    arms = [study.arms[k] for k in study.columns if sum(study.arms[k].counts)]
    if not arms:
        return section("outcomes", title, paragraph(UNMARKED, "reason"))
    bars = [
        Bar(study.label((a.reader, a.route)), tuple(float(n) for n in a.counts), f"n {words.number(sum(a.counts))}")
        for a in arms
    ]
    chart = figure(
        lambda w: stacked_bars(bars, OUTCOME_PARTS, title=title, x_label="share of questions (%)", width=w),
        "each bar holds all questions of a route. Declined: the reader said that the documents do not tell; where they "
        "do not, that is the right answer and counts as right. Failed: the call gave no usable answer, which is not a "
        "wrong one.",
    )
    candidates = [a for a in arms if a.route in study.candidates]
    return section("outcomes", title, paragraph(say.outcomes(candidates, arms), "finding"), chart)


def kinds(study: Study) -> str:
    """Section 6: share right by kind of question, and by the data set's own columns."""
    title = "Which questions separate the routes?"
    parts: list[str] = []
    marked = study.marked
    for column in ("kind", *study.slices):
        groups = study.groups(column)
        if marked and len(groups) > 1:
            noun = "questions of kind" if column == "kind" else column
            parts.append(f"<h3>By {escape('kind of question' if column == 'kind' else column)}</h3>")
            parts.append(paragraph(say.kinds(study, groups, noun), "finding"))
            parts += _heat(study, groups, f"share right by {column}", guide=len(parts) == 2)
    if not parts:
        return section("kinds", title, paragraph("All questions are of one kind." if marked else UNMARKED, "reason"))
    return section("kinds", title, *parts)


def _heat(study: Study, groups: Mapping[str, Sequence[str]], title: str, *, guide: bool) -> list[str]:
    """Routes by groups; with several readers, their answers together, and for two routes the gap reader by reader."""
    arms = {r: [(reader, r) for reader in study.readers if study.outcomes.get((reader, r))] for r in study.routes}
    names = [r for r in study.routes if arms[r]]
    rates = [[study.success(arms[r], questions) for questions in groups.values()] for r in names]
    several = len(study.readers) > 1
    how = "each cell is the share answered right among n questions; a fuller tone is higher."
    if several:
        how = "each cell is the share answered right among n answers of all readers; a fuller tone is higher."
    parts = [figure(lambda w: heat_table(names, list(groups), rates, title=title, width=w), how if guide else "")]
    pair = [r for r in study.candidates if r != study.baseline]
    if not several or len(pair) != 1:
        return parts
    gaps = [[_gap(study, reader, pair[0], questions) for questions in groups.values()] for reader in study.readers]
    how = (
        f"each cell is {pair[0]} minus {study.baseline} in points with one reader; n counts the answers of {pair[0]}. "
        "Blue is above zero, orange below; a full tone is 30 points or more."
    )
    signed = f"{pair[0]} minus {study.baseline}, {title.removeprefix('share right ')}"
    readers, columns = study.readers, list(groups)
    parts.append(
        figure(lambda w: heat_table(readers, columns, gaps, title=signed, width=w, signed=True), how if guide else "")
    )
    return parts


def _gap(study: Study, reader: str, route: str, questions: Sequence[str]) -> tuple[float, int] | None:
    mine, theirs = study.success([(reader, route)], questions), study.success([(reader, study.baseline)], questions)
    return (mine[0] - theirs[0], mine[1]) if mine and theirs else None


def series_order(study: Study) -> list[str]:
    """The baseline, the other routes to choose from, the controls."""
    first = [study.baseline] if study.baseline in study.routes else []
    return first + [r for r in study.routes if r != study.baseline]


def role_of(study: Study, route: str) -> Role:
    """How a route is drawn."""
    return "baseline" if route == study.baseline else "route" if route in study.candidates else "control"


def dot(study: Study, arm: Arm) -> Dot:
    """The arm's quality as a chart's dot."""
    return Dot(arm.route, arm.quality.mean, arm.quality.low, arm.quality.high, role_of(study, arm.route))


def _quality_cell(e: Estimate, role: Role) -> Cell:
    if e.mean is None:
        return Cell("–")
    interval = f"{100 * e.low:.0f} to {100 * e.high:.0f}" if e.low is not None and e.high is not None else ""
    return Cell(f"{100 * e.mean:.1f}", e.mean, interval, mini_interval(e.mean, e.low, e.high, role), "q")


def _difference_cell(study: Study, a: Arm) -> Cell:
    base = study.arm(a.reader, study.baseline)
    if a.diff.mean is None or a is base:
        untested = "unequal failures" if base is not None and report_verdict.unequal(a, base) else "–"
        return Cell("baseline" if a is base else untested, style="weak")
    interval = ""
    if a.diff.low is not None and a.diff.high is not None:
        interval = f"{words.points(a.diff.low, sign=True)} to {words.points(a.diff.high, sign=True)}"
    mark = "● " if a.settled else ""
    shown = f"{mark}{words.points(a.diff.mean, sign=True)}"
    return Cell(shown, a.diff.mean, interval, style="settled" if a.settled else "weak")


def _p_cell(a: Arm) -> Cell:
    return Cell("–") if a.p_holm is None else Cell(words.p_value(a.p_holm).removeprefix("= "), a.p_holm)


def _count_cell(value: int | None) -> Cell:
    return Cell("–") if value is None else Cell(words.number(value), value)


def _value_cell(value: float | None, show) -> Cell:  # type: ignore[no-untyped-def]
    return Cell("–") if value is None else Cell(show(value), value)
