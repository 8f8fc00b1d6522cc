"""What each figure shows, in one or two sentences: plain values in, plain words out.

A sentence states nothing beyond the numbers it is given, and says so where no test stands behind it. It knows nothing
of HTML or of frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.plots_plane import Bin, pareto_front
from experiments.report_study import Agreement, Arm, Study
from experiments.report_words import SPACE, listed, number, percent, points, quantity

FEW = 10  # questions below which a group's rate is not spoken of


def front(study: Study) -> str:
    """Which routes are on the Pareto front of quality against tokens."""
    arms = [
        (k, a)
        for k, a in study.arms.items()
        if k[1] in study.candidates and a.prompt_tokens and a.quality.mean is not None
    ]
    if not arms:
        return ""
    on = [arms[i][0] for i in pareto_front([(a.prompt_tokens or 0.0, a.quality.mean or 0.0) for _, a in arms])]
    off = len(arms) - len(on)
    rest = f" {off} other{'s are' if off > 1 else ' is'} no cheaper and no better than one of these." if off else ""
    return f"By tokens and measured quality the front holds {listed([study.label(k) for k in on])}.{rest}"


def outcomes(candidates: Sequence[Arm], arms: Sequence[Arm]) -> str:
    """Which route to choose from declines most, and which of all arms fails most."""
    declined, failed = _most(candidates, 2), _most(arms, 3)
    said = "No route to choose from declined where an answer was wanted."
    if declined and declined.counts[2]:
        share = percent(declined.counts[2] / sum(declined.counts))
        said = f"Of the routes to choose from, {_name(declined, arms)} declines most often: {share} of the questions."
    if not failed or not failed.counts[3]:
        return f"{said} No answer failed."
    share = percent(failed.counts[3] / sum(failed.counts))
    return f"{said} Most failures: {_name(failed, arms)}, {number(failed.counts[3])} answers ({share})."


def _most(arms: Sequence[Arm], i: int) -> Arm | None:
    return max(arms, key=lambda a: a.counts[i] / max(sum(a.counts), 1), default=None)


def kinds(study: Study, groups: Mapping[str, Sequence[str]], noun: str) -> str:
    """Where routes and baseline lie furthest apart; with several readers, the mean gap of each group over them."""
    gaps: dict[tuple[str, str], list[float]] = {}
    b = study.baseline
    widest: tuple[float, str] = (-1.0, "")
    for reader, route in study.columns:
        if route == b or route not in study.candidates:
            continue
        for group, questions in groups.items():
            mine, theirs = study.success([(reader, route)], questions), study.success([(reader, b)], questions)
            if not mine or not theirs or min(mine[1], theirs[1]) < FEW:
                continue
            gaps.setdefault((route, group), []).append(mine[0] - theirs[0])
            if abs(mine[0] - theirs[0]) > widest[0]:
                sentence = (
                    f"The widest gap to {b} is on {noun} “{group}”: {route} gets {percent(mine[0])} right "
                    f"(n{SPACE}{mine[1]}), {b} {percent(theirs[0])} (n{SPACE}{theirs[1]})."
                )
                widest = (abs(mine[0] - theirs[0]), sentence)
    if not gaps:
        return f"No {noun} has {FEW} questions: too few to speak of gaps."
    if len(study.readers) == 1:
        return f"{widest[1]} This is a look, not a test."
    lines: list[str] = []
    for route in study.candidates:
        parts = [
            f"“{group}” {points(sum(d) / len(d), sign=True)} ({sum(x > 0 for x in d)} of {len(d)} readers higher)"
            for (r, group), d in gaps.items()
            if r == route
        ]
        if parts:
            lines.append(f"{route} against {b} in points, mean over the readers, on {noun} {listed(parts)}.")
    return f"{' '.join(lines)} This is a look, not a test."


def position(panels: Sequence[tuple[str, Sequence[Bin]]]) -> str:
    """Whether any two bins of a route have intervals that do not meet."""
    apart = []
    for name, bins in panels:
        known = [(i, b) for i, b in enumerate(bins) if b.value is not None and b.low is not None and b.high is not None]
        if len(known) < 2:
            continue
        (i, best), (j, worst) = max(known, key=lambda k: k[1].value or 0), min(known, key=lambda k: k[1].value or 0)
        if (best.low or 0.0) > (worst.high or 0.0):
            apart.append(
                f"{name}: part {i + 1} of {len(bins)} ({percent(best.value or 0)}, n {best.n}) lies clearly above "
                f"part {j + 1} ({percent(worst.value or 0)}, n {worst.n})"
            )
    if not apart:
        return "For no route do the intervals of its best and worst part lie apart: no effect of position shows here."
    return f"{'; '.join(apart)}. Read off many intervals at once, so a single one of these can be chance."


def retrieval(
    arms: Sequence[Arm], split: Mapping[str, tuple[tuple[float, int] | None, tuple[float, int] | None]]
) -> str:
    """Who brings the evidence, and what it is worth to the reader there."""
    known = [a for a in arms if "evidence_found" in a.retrieval]
    if not known:
        return ""
    whole = [a.route for a in known if (a.retrieval["evidence_found"].mean or 0.0) > 1 - 1e-9]
    part = [a for a in known if a.route not in whole]
    said = "Where the gold evidence is known, "
    if whole:
        said += f"{listed(whole)} {'show' if len(whole) > 1 else 'shows'} the reader all of it on every question. "
    if not part:
        return said.strip()
    best = max(part, key=lambda a: a.retrieval["evidence_found"].mean or 0.0)
    others = "Of the others, " if whole and len(part) > 1 else ""
    most = "most often, " if len(part) > 1 else ""
    rate = percent(best.retrieval["evidence_found"].mean or 0.0)
    said += f"{others}{best.route} shows all of it {most}on {rate} of the questions."
    with_it, without = split.get(best.route, (None, None))
    if with_it and without:
        said += (
            f" There, the reader is right on {percent(with_it[0])} with all of it (n{SPACE}{with_it[1]}), "
            f"and on {percent(without[0])} without (n{SPACE}{without[1]})."
        )
    return said


def agreement(route: str, base: str, counts: Agreement) -> str:
    """Both, one alone, neither."""
    n = counts.both + counts.route_only + counts.baseline_only + counts.neither
    if not n:
        return f"{route} and {base} share no marked question."
    differ = counts.route_only + counts.baseline_only
    return (
        f"{route} and {base} differ on {number(differ)} of {number(n)} questions ({percent(differ / n)}): "
        f"{number(counts.route_only)} only {route} gets right, {number(counts.baseline_only)} only {base}."
    )


def spending(cold: float, spent: float, *, money: bool) -> str:
    """What all calls to the readers come to when none is remembered, against those that this run made."""
    if not cold:
        return ""
    verb, unit = ("cost", " in the prices' currency") if money else ("take", f"{SPACE}seconds")
    worth = f"All calls to the readers together {verb} {quantity(cold)}{unit} when none is remembered"
    if spent <= 0:
        return f"{worth}; this run made none of them, since all were remembered or recorded."
    share = f" ({percent(spent / cold)})" if spent < 0.995 * cold else ""
    return f"{worth}; this run spent {quantity(spent)}{'' if money else unit} on them{share}."


def _name(arm: Arm, arms: Sequence[Arm]) -> str:
    return arm.route if len({a.reader for a in arms}) == 1 else f"{arm.route} · {arm.reader}"
