"""Questions that name a document or section, and passages that do not show which one they are from.

It reads the data and the routes' settings. It does not know whether a passage's own text repeats its heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from experiments.doctor_subject import Said, Subject, examples, part
from pipeline.core.records import Question
from pipeline.routes.base import Route
from pipeline.routes.rag import RAG, Stated
from pipeline.routes.self_route import SelfRoute

_NOUN = "paper|document|doc|article|chapter|section|part|report|filing|book|passage|file|appendix|volume|act|scene"
_REFERENCE = re.compile(rf"\b(?i:{_NOUN}) (?:\d+(?:\.\d+)*|[IVXLC]{{2,}}|[B-H])\b")
_MANY = 50  # documents of one context, beyond which nobody asks by title


def labels(subject: Subject) -> Iterator[Said]:
    """Passages without the label that the question goes by.

    658 of LaRA's 664 questions on papers ask about "paper 2" or the like. That name stands once, over the paper; its
    chunks had lost it, so that retrieval could neither find nor tell apart what was asked for, while the whole text
    could.
    """
    referring = {q.id: found for q in subject.questions if (found := references(subject, q))}
    if not referring:
        yield "ok", f"no question of {len(subject.questions):,} refers to a document or section by name or number"
        return
    shown = examples(referring.items(), lambda item: f"{item[0]} ({item[1][0]})")
    told = f"{part(len(referring), len(subject.questions), 'questions')} refer to a document or section, {shown}"
    reading = {name: r for name, r in subject.experiment.routes.items() if _passages(r) is not None}
    if not reading:
        yield "ok", f"not applicable: {told}, but no route reads passages"
        return
    bare = [name for name, r in reading.items() if isinstance(p := _passages(r), RAG) and not p.labels]
    unknown = [name for name, r in reading.items() if isinstance(_passages(r), Stated)]
    showing = [name for name in reading if name not in bare and name not in unknown]
    if bare:
        yield "warning", f"{told}, and {', '.join(bare)} shows passages without labels; set labels: true"
    if unknown:
        yield (
            "warning",
            f"{told}; the passages of {', '.join(unknown)} were retrieved elsewhere, and whether they kept these "
            "names is not known: judge these questions apart",
        )
    if showing:
        lost = {}
        for q in subject.questions:
            gone = [r for r in referring.get(q.id, ()) if not _label_tells(subject, q, r)]
            if gone and all(d.text is not None for d in subject.documents(q)):
                lost[q.id] = gone
        routes = ", ".join(showing)
        if lost:
            yield (
                "warning",
                f"{told}, and for {len(lost):,} of them the labels that {routes} show do not hold it, "
                f"{examples(lost.items(), lambda item: f'{item[0]} ({item[1][0]})')}; put it into the titles of "
                "documents or sections",
            )
        else:
            yield "ok", f"{told}; the labels that {routes} show hold it"


def references(subject: Subject, question: Question) -> list[str]:
    """What the question calls documents or sections by: `paper 2`, or a title among several documents, as written."""
    found = [m.group() for m in _REFERENCE.finditer(question.text)]
    documents = subject.documents(question)
    if 1 < len(documents) <= _MANY:
        found += [d.title for d in documents if len(d.title) > 3 and _within(d.title, question.text)]
    return list(dict.fromkeys(found))


def _passages(route: Route) -> RAG | Stated | None:
    """The part of a route that reads passages."""
    if isinstance(route, SelfRoute):
        return route.cheap
    return route if isinstance(route, RAG | Stated) else None


def _within(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _label_tells(subject: Subject, question: Question, reference: str) -> bool:
    """Whether the labels of the passages concerned hold the reference."""
    documents = subject.documents(question)
    if any(_within(reference, d.title) for d in documents):
        return True
    return any(_within(reference, s.title) for d in documents for s in d.sections)
