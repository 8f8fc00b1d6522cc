"""What the numbers say, in sentences: one function per question, plain values in, plain words out.

Each sentence states nothing beyond the numbers it is given: a difference is called better or worse only where the test
and the interval both say so, and no test is called a proof of sameness. It knows nothing of HTML or of frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.plots_plane import Bin, pareto_front
from experiments.report_study import Agreement, Arm, Study

SPACE = "\u00a0"  # between a number and its unit


def percent(share: float) -> str:
    """62.5 %."""
    return f"{100 * share:.1f}{SPACE}%"


def points(share: float, *, sign: bool = False) -> str:
    """A difference of shares in percentage points, with a true minus: 6.3, or +6.3 with `sign`."""
    number = f"{100 * share:+.1f}" if sign else f"{100 * share:.1f}"
    if number.strip("+-") == "0.0":
        number = "0.0"
    return number.replace("-", "\u2212")


def p_value(p: float) -> str:
    """`= 0.02`, `= 0.003`, `< 0.001`; never rounded across 0.05."""
    if p < 0.001:
        return "< 0.001"
    shown = f"{p:.2f}" if p >= 0.1 else f"{p:.1g}" if p < 0.01 else f"{p:.2f}"
    if (float(shown) < 0.05) != (p < 0.05):
        shown = f"{p:.4f}"
    return f"= {shown}"


def number(value: float) -> str:
    """A whole number with thin groups: 12 345."""
    return f"{value:,.0f}".replace(",", SPACE)


def times(ratio: float) -> str:
    """How a cost compares: `8 % of`, `1.4 times`, `about as many as`."""
    if 0.95 <= ratio <= 1.05:
        return "about as many as"
    if ratio < 0.95:
        return f"{100 * ratio:.1g}{SPACE}% of" if ratio < 0.01 else f"{100 * ratio:.0f}{SPACE}% of"
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"


def unequal(arm: Arm, base: Arm) -> bool:
    """Whether the two failed on different numbers of questions."""
    return arm.counts[3] != base.counts[3]


def evidence_for(arm: Arm) -> str:
    """`95 % interval 1.0 to 11.6; p = 0.02 after Holm`, as far as known."""
    facts = []
    if arm.diff.low is not None and arm.diff.high is not None:
        facts.append(f"95{SPACE}% interval {points(arm.diff.low)} to {points(arm.diff.high)}")
    if arm.p_holm is not None:
        facts.append(f"p{SPACE}{p_value(arm.p_holm)} after Holm")
    return "; ".join(facts)


def difference(arm: Arm, base: Arm) -> str:
    """The route against the baseline, in one sentence."""
    a, b = arm.route, base.route
    if arm.diff.mean is None:
        if arm.counts[3] or base.counts[3]:
            return f"{a} and {b} are not compared: {arm.counts[3]} and {base.counts[3]} of their answers failed."
        return f"{a} was not tested against {b}."
    size, facts = points(abs(arm.diff.mean)), evidence_for(arm)
    if unequal(arm, base):
        facts = f"on the questions that both answered; {facts}"
    if arm.settled:
        return f"{a} is {'better' if arm.settled > 0 else 'worse'} than {b} by {size} points ({facts})."
    crosses = arm.diff.low is None or arm.diff.high is None or arm.diff.low <= 0 <= arm.diff.high
    if arm.p_holm is None:
        return f"{a} scores {points(arm.diff.mean, sign=True)} points against {b}; no test was made."
    if arm.p_holm < 0.05:
        why = "the interval, which allows for questions of one document being alike, holds zero"
    elif not crosses:
        why = "the interval leaves zero out, but among this many comparisons that can be chance"
    else:
        return (
            f"The difference between {a} and {b} is within noise ({points(arm.diff.mean, sign=True)} points, {facts})."
        )
    side = "above" if arm.diff.mean > 0 else "below"
    return f"{a} scores {size} points {side} {b}, but this is not settled: {why} ({facts})."


def verdict(study: Study) -> str:
    """The study's answer in one or two sentences."""
    if not any(study.outcomes.values()):
        return "No answer could be marked: the questions have no gold answers. The answers stand side by side below."
    if len(study.readers) > 1:
        return _verdict_of_readers(study)
    reader = study.readers[0]
    base = study.arm(reader, study.baseline)
    others = [a for r in study.candidates if r != study.baseline and (a := study.arm(reader, r))]
    if base is None or base.quality.mean is None:
        return f"The baseline {study.baseline} has no marked answers, so nothing is compared."
    if not others:
        return (
            f"{study.baseline} answers {percent(base.quality.mean)} right; there is no other route to compare it with."
        )
    fair = [a for a in others if a.diff.mean is not None]
    if not fair:
        return f"No route was compared with {study.baseline}. {difference(others[0], base)}"
    best = max(fair, key=lambda a: (a.settled, a.diff.mean or 0.0))
    if best.settled > 0:
        better = [a.route for a in fair if a.settled > 0]
        more = f" {len(better)} of {len(fair)} routes are reliably better than it." if len(better) > 1 else ""
        return difference(best, base) + more
    if all(a.settled < 0 for a in fair):
        near = max(fair, key=lambda a: a.diff.mean or 0.0)
        return f"{study.baseline} is better than every other route. The nearest: {difference(near, base)}"
    level = max((a for a in fair if a.settled == 0), key=lambda a: a.diff.mean or 0.0)
    return f"No route is reliably better than {study.baseline}. {difference(level, base)}"


def _verdict_of_readers(study: Study) -> str:
    sentences = []
    for route in study.candidates:
        pairs = [(a, b) for r in study.readers if (a := study.arm(r, route)) and (b := study.arm(r, study.baseline))]
        fair = [a for a, _ in pairs if a.diff.mean is not None]
        if route == study.baseline or not fair:
            continue
        up, down = sum(a.settled > 0 for a in fair), sum(a.settled < 0 for a in fair)
        mean = sum(a.diff.mean or 0.0 for a in fair) / len(fair)
        sentences.append(
            f"{route} is reliably better than {study.baseline} for {up} of {len(fair)} readers and worse for {down}; for "
            f"{len(fair) - up - down} it is not settled. On average over the readers the difference is "
            f"{points(mean, sign=True)} points."
        )
        if len(fair) < len(pairs):
            sentences.append(f"For {len(pairs) - len(fair)} more readers the two were not compared.")
    return " ".join(sentences) or f"No route was compared with {study.baseline}."


def thrift(study: Study, reader: str) -> str:
    """The route with the fewest prompt tokens among those not reliably worse than the baseline; empty where unknown."""
    base = study.arm(reader, study.baseline)
    if base is None or not base.prompt_tokens:
        return ""
    level = [
        a
        for r in study.candidates
        if r != study.baseline and (a := study.arm(reader, r)) and a.settled >= 0 and a.diff.mean is not None
        and a.prompt_tokens and a.prompt_tokens < base.prompt_tokens
    ]  # fmt: skip
    if not level:
        return f"No route that reads fewer tokens than {base.route} holds its quality: each is reliably worse, or untested."
    least = min(level, key=lambda a: a.prompt_tokens or 0.0)
    return (
        f"{least.route} reads {number(least.prompt_tokens or 0)} prompt tokens per question, "
        f"{times((least.prompt_tokens or 0) / base.prompt_tokens)} those of {base.route}, and is not reliably worse "
        f"({points(least.diff.mean or 0, sign=True)} points)."
    )


def brackets(study: Study, reader: str) -> str:
    """What the controls say about how much there is to win; empty without them."""

    def mean(route: str) -> float | None:
        arm = study.arm(reader, route)
        return arm.quality.mean if arm else None

    closed, oracle, chance = mean("closed_book"), mean("oracle"), mean("random")
    said = []
    if closed is not None:
        said.append(f"Without documents the reader gets {percent(closed)} right")
    if chance is not None:
        said.append(f"with passages drawn at random {percent(chance)}")
    if oracle is not None:
        said.append(f"with the gold evidence alone {percent(oracle)}")
    sentence = f"{listed(said)}." if said else ""
    best = max((m for r in study.candidates if (m := mean(r)) is not None), default=None)
    if oracle is not None and best is not None and best > oracle:
        sentence += (
            f" The best route, at {percent(best)}, lies above the oracle: the marked evidence is not all that helps."
        )
    return sentence[:1].upper() + sentence[1:]


def headroom(study: Study, reader: str) -> str:
    """What choosing the best route for each question would bring at most."""
    right, marked = study.any_right(reader)
    means = [
        (a.quality.mean, r) for r in study.candidates if (a := study.arm(reader, r)) and a.quality.mean is not None
    ]
    if len(means) < 2 or not marked:
        return ""
    best, route = max(means, key=lambda m: m[0])
    gain = right / marked - best
    return (
        f"At least one route is right on {percent(right / marked)} of the questions, {points(gain)} points more than "
        f"{route} alone: the most that choosing a route per question could gain."
    )


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
    rest = f" {off} other{'s are' if off > 1 else ' is'} beaten by one of these on both." if off else ""
    return f"By tokens and measured quality the front holds {listed([study.label(k) for k in on])}.{rest}"


def outcomes(arms: Sequence[Arm]) -> str:
    """Who declines and who fails most."""

    def most(i: int) -> Arm:
        return max(arms, key=lambda a: a.counts[i] / max(sum(a.counts), 1))

    said = []
    declined, failed = most(2), most(3)
    if declined.counts[2]:
        share = declined.counts[2] / sum(declined.counts)
        said.append(f"{_name(declined, arms)} declines most often, {percent(share)} of the questions.")
    else:
        said.append("No route ever declined.")
    if failed.counts[3]:
        share = failed.counts[3] / sum(failed.counts)
        said.append(f"{_name(failed, arms)} failed most often, {number(failed.counts[3])} answers ({percent(share)}).")
    else:
        said.append("No answer failed.")
    return " ".join(said)


def kinds(study: Study, groups: Mapping[str, Sequence[str]], noun: str) -> str:
    """The group with the widest gap between the baseline and another route, reader by reader; counts are stated."""
    gaps = []
    for reader, route in study.columns:
        if route == study.baseline or route not in study.candidates:
            continue
        for group, questions in groups.items():
            mine, theirs = study.success((reader, route), questions), study.success((reader, study.baseline), questions)
            if mine and theirs:
                gaps.append((abs(mine[0] - theirs[0]), mine, theirs, group, (reader, route)))
    if not gaps:
        return ""
    _, mine, theirs, group, key = max(gaps, key=lambda g: g[0])
    return (
        f"The widest gap to {study.baseline} is on {noun} “{group}”: {study.label(key)} gets {percent(mine[0])} right "
        f"(n {mine[1]}), {study.baseline} {percent(theirs[0])} (n {theirs[1]}). Untested: a gap among few questions can be chance."
    )


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
        return "For no route do the intervals of its best and worst part lie apart: no effect of position shows at this size."
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
    said = ""
    if whole:
        said = (
            f"{listed(whole)} {'show' if len(whole) > 1 else 'shows'} the reader all gold evidence of every question. "
        )
    if not part:
        return said.strip()
    best = max(part, key=lambda a: a.retrieval["evidence_found"].mean or 0.0)
    others = "Of the others, " if whole and len(part) > 1 else ""
    most = "most often, " if len(part) > 1 else ""
    rate = percent(best.retrieval["evidence_found"].mean or 0.0)
    said += f"{others}{best.route} {'brings it' if whole else 'brings all gold evidence'} {most}for {rate} of the questions whose evidence is known."
    with_it, without = split.get(best.route, (None, None))
    if with_it and without:
        said += (
            f" Where it does, the reader is right on {percent(with_it[0])} (n {with_it[1]}), "
            f"without it on {percent(without[0])} (n {without[1]})."
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


def quantity(value: float) -> str:
    """An amount to three digits, never in powers of ten: 0.0004, 1.24, 65, 12 345."""
    if abs(value) >= 999.5:
        return number(value)
    return f"{value:.3g}" if abs(value) >= 1e-4 or not value else f"{value:.7f}".rstrip("0")


def _name(arm: Arm, arms: Sequence[Arm]) -> str:
    return arm.route if len({a.reader for a in arms}) == 1 else f"{arm.reader} · {arm.route}"
