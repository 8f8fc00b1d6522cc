"""What is wrong with the last run and with the controls: unequal failures, answers known by heart, nothing measured.

It reads the run's tables. It computes no mark anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from experiments.data.fields import plural
from experiments.doctor_subject import Mark, Role, Said, Subject, examples, part
from pipeline.core.records import Question
from pipeline.score.offline import THRESHOLD
from pipeline.score.significance import Comparison, compare

_FAILED = 0.05
_BY_HEART = 0.2
_FEWEST = 10  # answers, below which two routes are not told apart
_EDGE = 0.1  # of a mark, to both sides of the threshold
_ON_EDGE = 0.1  # share of marks
_KAPPA = 0.6  # "substantial" agreement begins there: Landis and Koch, 1977
_CONTROLS: tuple[Role, ...] = ("closed_book", "oracle", "random")

# -- the study ----------------------------------------------------------------------------------------------------


def controls(subject: Subject) -> Iterator[Said]:
    """Controls that the study lacks, and its baseline.

    Without closed book nobody knows what the reader knew beforehand; without oracle evidence, what the reader could
    have made of a perfect search; without random passages, whether the search did anything.
    """
    why = {
        "closed_book": "what the reader knows without documents",
        "oracle": "what it makes of perfect evidence",
        "random": "what retrieval adds to chance",
    }
    known = any(q.evidence for q in subject.questions)
    lacking = [role for role in _CONTROLS if (role != "oracle" or known) and not subject.routes(role)]
    if lacking:
        missing = ", ".join(f"{role} ({why[role]})" for role in lacking)
        yield "warning", f"missing: {missing}; add these routes, or have them answered where answers are recorded"
    base, routes = subject.experiment.baseline, subject.experiment.routes
    if base not in routes:
        yield "warning", f"the baseline {base!r} is no route of {', '.join(routes)}: nothing is tested; set baseline"
    elif base in subject.routes(*_CONTROLS):
        yield "warning", f"the baseline {base!r} is a control, which every route should beat; name a competing route"
    elif not lacking:
        yield "ok", f"all controls that the data allows are there, and the baseline {base!r} is a route"


# -- the run ------------------------------------------------------------------------------------------------------


def last_run(subject: Subject) -> Iterator[Said]:
    """Whether there is a run to look at, and whether it is of what the study now says.

    A report that outlives a change of settings, code or data is quoted as if it were of the new ones.
    """
    run = subject.run
    if subject.run_problem:
        yield "warning", f"its files cannot be read ({subject.run_problem}); run the study again"
    elif run is None:
        yield "ok", "not applicable: the study has not been run, so that the four checks of results are left out"
    elif run.differs:
        yield "warning", f"it was made with other {' and '.join(run.differs)} than the study has now; run it again"
    else:
        yield "ok", f"{len(run.answers):,} answers, with the settings, code and data of today"


def failures(subject: Subject) -> Iterator[Said]:
    """Calls that failed, and whether they failed for all routes alike.

    In LaRA's files a failed call stands as `false` or as an empty text, and it fails more often where the prompt is
    long. Counted as wrong it lowers long context alone; left out, each route is averaged over other questions.
    """
    if subject.run is None:
        return
    unequal, total, failed = [], 0, 0
    by_reader: dict[str, dict[str, frozenset[str]]] = {}
    for (reader, route), marks in subject.run.marks.items():
        lost = frozenset(q for q, mark in marks.items() if mark.status == "failed")
        by_reader.setdefault(reader, {})[route] = lost
        total, failed = total + len(marks), failed + len(lost)
    for reader, routes in by_reader.items():
        if len(set(routes.values())) > 1:
            unequal.append(f"{reader} ({', '.join(f'{name} {len(lost)}' for name, lost in routes.items())})")
    told = f"{part(failed, total, 'calls')} failed"
    if unequal:
        strict = subject.experiment.coverage == "equal"
        ending = (
            "routes are compared on other questions: run again, or set coverage: paired"
            if strict
            else "only questions that both routes answered are compared: say so beside the numbers"
        )
        yield (
            "error" if strict else "warning",
            f"{told}, and not alike for all routes with {part(len(unequal), len(by_reader), 'readers')}, "
            f"{examples(unequal)}; {ending}",
        )
    elif failed > _FAILED * total:
        yield (
            "warning",
            f"{told}, for all routes alike; what is left may be the easier part: see `error` in the answers",
        )
    else:
        yield "ok", f"{told}, for all routes alike"


def memory(subject: Subject) -> Iterator[Said]:
    """Questions that the reader answers without any document.

    "LC vs RAG Revisits" (Li et al. 2024) asks each question closed-book first and drops what is answered right: on
    those, no route is tested.
    """
    if subject.run is None:
        return
    told = []
    for reader, route, marks in _of(subject, "closed_book"):
        known = [(q.id, m.right) for q, m in _answerable(subject, marks)]
        right = [q for q, score in known if score]
        if known:
            told.append((len(right) / len(known), f"{reader}, {route}", right, len(known)))
    if not told:
        yield "ok", "not applicable: the last run has no closed-book answers"
        return
    share, who, right, total = max(told, key=lambda t: t[0])
    line = f"{who}: {part(len(right), total, 'answerable questions')} right without any document"
    if share > _BY_HEART:
        yield "warning", f"{line}, {examples(right)}; compare routes on the others, or it is memory that is measured"
    else:
        yield "ok", line


def measured(subject: Subject) -> Iterator[Said]:
    """Whether retrieval beats random passages, and perfect evidence beats them too.

    BM25 over letters scores like chance and was published as BM25: a random control would have told. Where even the
    gold evidence is no better than chance, the reader or the scorer decides the numbers, not the route. Paired by
    question, intervals clustered by document, on the questions that have an answer.
    """
    if subject.run is None:
        return
    chance = {reader: marks for reader, _, marks in _of(subject, "random")}
    if not chance:
        yield "ok", "not applicable: the last run has no random control"
        return
    blames: tuple[tuple[Role, str], ...] = (
        ("retrieval", "retrieval is not measured: look at its chunks and queries"),
        ("oracle", "the reader or the scorer is the bottleneck: look at some oracle answers"),
    )
    for role, blame in blames:
        better, alike = 0, []
        for reader, route, marks in _of(subject, role):
            test = _against(subject, marks, chance.get(reader, {}))
            if test is None:
                continue
            if _wins(test):
                better += 1
            else:
                rates = f"{100 * test.mean_a:.0f} % against {100 * test.mean_b:.0f} %"
                alike.append(f"{route} {rates} ({reader}, n={test.n})")
        if alike:
            told = part(len(alike), better + len(alike), f"{role} routes")
            yield "warning", f"{told} no better than random passages, {examples(alike)}; {blame}"
        elif better:
            yield "ok", f"{plural(better, f'{role} route')} better than random passages, and none that is not"
        else:
            yield "ok", f"not applicable: the last run has no {role} answers beside random ones to compare"


def scorer(subject: Subject) -> Iterator[Said]:
    """Marks on the edge of the scorer's threshold, and its agreement with people's labels.

    A judge or a threshold that decides many answers by a hair decides the ranking of routes too: report how many, and
    how far people agree. Cohen's kappa from 0.6 on counts as substantial.
    """
    if subject.run is None:
        return
    values = [
        (question, mark.offline)
        for marks in subject.run.marks.values()
        for question, mark in marks.items()
        if mark.offline is not None
    ]
    edge = [q for q, value in values if value is not None and abs(value - THRESHOLD) < _EDGE]
    told = f"{part(len(edge), len(values), 'marks')} lie within {_EDGE:g} of the threshold {THRESHOLD:g}"
    if not values:
        yield "ok", "not applicable: the last run has no marks of the scorer"
    elif len(edge) > _ON_EDGE * len(values):
        shown = examples(dict.fromkeys(edge))
        yield "warning", f"{told}, {shown}; read some of them, and do not rest on small differences"
    else:
        yield "ok", told
    agreement = subject.run.agreement
    if "labels_by_scorer" in agreement and agreement["n"]:
        kappa = agreement.get("cohen_kappa")
        told = f"scorer and labels agree on {100 * agreement['agreement']:.0f} % of {agreement['n']:,} answers, kappa "
        if kappa is None:
            yield "ok", f"{told}unknown: all labels are alike"
        elif kappa < _KAPPA:
            remedy = "where no label is, marks are those of a scorer that people do not follow"
            yield "warning", f"{told}{kappa:.2f}; {remedy}"
        else:
            yield "ok", f"{told}{kappa:.2f}"


def _of(subject: Subject, role: Role) -> Iterator[tuple[str, str, Mapping[str, Mark]]]:
    """(reader, route, marks) of all routes of a role in the last run, in the study's order."""
    run = subject.run
    if run is None:
        return
    for reader in subject.experiment.readers:
        for route in subject.routes(role):
            if (reader.label, route) in run.marks:
                yield reader.label, route, run.marks[reader.label, route]


def _answerable(subject: Subject, marks: Mapping[str, Mark]) -> list[tuple[Question, Mark]]:
    """Marked answers to questions that have one. On the others declining is right, and chance passages help to it."""
    return [
        (q, marks[q.id])
        for q in subject.questions
        if q.answerable is not False and q.id in marks and marks[q.id].right is not None
    ]


def _against(subject: Subject, ours: Mapping[str, Mark], chance: Mapping[str, Mark]) -> Comparison | None:
    pairs = [
        (mark.right or 0.0, theirs.right, subject.cluster(q))
        for q, mark in _answerable(subject, ours)
        if (theirs := chance.get(q.id)) and theirs.right is not None
    ]
    if len(pairs) < _FEWEST:
        return None
    a, b, clusters = (list(column) for column in zip(*pairs, strict=True))
    return compare(a, b, clusters, binary=True)


def _wins(test: Comparison) -> bool:
    if test.ci_low is None:  # one document alone: no interval, but a test
        return test.diff > 0 and test.p_value < 0.05
    return test.ci_low > 0
