"""The study's answer in sentences: which differences are real, what they cost, how much there is to win.

A route is called better or worse only where the adjusted test and the interval both say so; no test is called a proof
of sameness. Plain values in, plain words out; it knows nothing of HTML or of frames.
"""

from __future__ import annotations

from experiments.report_study import Arm, Study
from experiments.report_words import SPACE, listed, number, p_value, percent, points, times


def unequal(arm: Arm, base: Arm) -> bool:
    """Whether the two failed on different numbers of questions."""
    return arm.counts[3] != base.counts[3]


def evidence_for(arm: Arm, *, flip: bool = False) -> str:
    """`95 % interval 1.0 to 11.6; p = 0.02 after Holm`, as far as known; `flip`: the interval of baseline - route."""
    facts = []
    if arm.diff.low is not None and arm.diff.high is not None:
        low, high = (-arm.diff.high, -arm.diff.low) if flip else (arm.diff.low, arm.diff.high)
        facts.append(f"95{SPACE}% interval {points(low)} to {points(high)}")
    if arm.p_holm is not None:
        facts.append(f"p{SPACE}{p_value(arm.p_holm)} after Holm")
    return "; ".join(facts)


def difference(arm: Arm, base: Arm) -> str:
    """The route against the baseline, in one sentence. An interval has the sign of the words beside it."""
    a, b = arm.route, base.route
    if arm.diff.mean is None:
        if arm.counts[3] or base.counts[3]:
            return f"{a} and {b} are not compared: {arm.counts[3]} and {base.counts[3]} of their answers failed."
        return f"{a} was not tested against {b}."
    below = arm.diff.mean < 0
    shared = "on the questions that both answered; " if unequal(arm, base) else ""
    size, facts = points(abs(arm.diff.mean)), shared + evidence_for(arm, flip=below)
    if arm.settled:
        return f"{a} is {'worse' if below else 'better'} than {b} by {size} points ({facts})."
    if arm.p_holm is None:
        return f"{a} scores {points(arm.diff.mean, sign=True)} points against {b}; no test was made."
    crosses = arm.diff.low is None or arm.diff.high is None or arm.diff.low <= 0 <= arm.diff.high
    if crosses and arm.p_holm >= 0.05:
        signed = f"{points(arm.diff.mean, sign=True)} points, {shared}{evidence_for(arm)}"
        return f"The difference between {a} and {b} is within noise ({signed})."
    if crosses:
        why = "the interval, which allows for questions of one document being alike, holds zero"
    elif arm.p is not None and arm.p < 0.05:
        why = "among as many comparisons as were made, chance alone can give this"
    else:
        why = "the interval leaves zero out, but the paired test does not bear it out"
    return f"{a} scores {size} points {'below' if below else 'above'} {b}, but this is not settled: {why} ({facts})."


def verdict(study: Study) -> str:
    """The study's answer in one to three sentences."""
    if not study.marked:
        return "No answer could be marked: the questions have no gold answers. The answers stand side by side below."
    if len(study.readers) > 1:
        return _verdict_of_readers(study)
    reader, b = study.readers[0], study.baseline
    base = study.arm(reader, b)
    others = [a for r in study.candidates if r != b and (a := study.arm(reader, r))]
    if base is None or base.quality.mean is None:
        return f"The baseline {b} has no marked answers, so nothing is compared."
    if not others:
        return f"{b} answers {percent(base.quality.mean)} right; there is no other route to compare it with."
    fair = [a for a in others if a.diff.mean is not None]
    if not fair:
        return f"No route was compared with {b}. {difference(others[0], base)}"
    left = len(others) - len(fair)
    rest = f" {left} other{'s were' if left > 1 else ' was'} not compared." if left else ""
    better = [a for a in fair if a.settled > 0]
    if better:
        said = difference(max(better, key=_gain), base)
        more = f" {len(better)} of {len(fair)} routes are reliably better than {b}." if len(better) > 1 else ""
        return f"{said}{more}{rest}"
    level = [a for a in fair if a.settled == 0]
    if level:
        return f"No route is reliably better than {b}. {difference(max(level, key=_gain), base)}{rest}"
    near = difference(max(fair, key=_gain), base)
    which = "every route compared with it" if left else "every other route"
    return f"{b} is better than {which}. {'The nearest: ' if len(fair) > 1 else ''}{near}{rest}"


def _gain(arm: Arm) -> float:
    return arm.diff.mean or 0.0


def _verdict_of_readers(study: Study) -> str:
    sentences = []
    for route in study.candidates:
        pairs = [(a, b) for r in study.readers if (a := study.arm(r, route)) and (b := study.arm(r, study.baseline))]
        fair = [a for a, _ in pairs if a.diff.mean is not None]
        if route == study.baseline or not fair:
            continue
        up, down = sum(a.settled > 0 for a in fair), sum(a.settled < 0 for a in fair)
        mean = sum(a.diff.mean or 0.0 for a in fair) / len(fair)
        counts = {"reliably better": up, "reliably worse": down, "not settled": len(fair) - up - down}
        told = [f"{how} for {count}" for how, count in counts.items() if count]
        listed = " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)
        sentences.append(
            f"Of {len(fair)} readers, {route} against {study.baseline} is {listed}: "
            f"{points(mean, sign=True)} points on average."
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
        return f"Every route that reads fewer tokens than {base.route} is reliably worse, or was not tested."
    least = min(level, key=lambda a: a.prompt_tokens or 0.0)
    facts = evidence_for(least)
    return (
        f"{least.route} reads {number(least.prompt_tokens or 0)} prompt tokens per question, "
        f"{times((least.prompt_tokens or 0) / base.prompt_tokens)} those of {base.route}, and is not reliably worse "
        f"({points(least.diff.mean or 0, sign=True)} points{', ' * bool(facts)}{facts})."
    )


def headroom(study: Study, reader: str) -> str:
    """What choosing the best route for each question would bring at most, on the questions that all routes answered."""
    shared = study.shared(reader)
    if len(study.candidates) < 2 or not shared:
        return ""
    n, any_right, rates = len(shared), 0, dict.fromkeys(study.candidates, 0)
    for outcomes in shared.values():
        any_right += "right" in outcomes
        for route, outcome in zip(study.candidates, outcomes, strict=True):
            rates[route] += outcome == "right"
    route = max(rates, key=lambda r: rates[r])
    which = "the questions" if n == len(study.questions) else f"the {number(n)} questions that all routes answered"
    return (
        f"At least one route is right on {percent(any_right / n)} of {which}, {points((any_right - rates[route]) / n)} "
        f"points more than {route} alone: the most that choosing a route per question could gain."
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
        sentence += f" The best route, at {percent(best)}, lies above that: chance, or help from other text."
    if closed is not None and best is not None and best <= closed:
        sentence += " No route scores above the reader without documents."
    return sentence[:1].upper() + sentence[1:]
