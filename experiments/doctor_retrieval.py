"""What is wrong with retrieval as the study wires it: terms that are letters, re-ranking without effect, lost labels.

It reads settings, and values where an earlier run stored them; it retrieves nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from experiments.doctor_subject import Said, Subject, examples, part
from pipeline.core.stage import Node
from pipeline.routes.rag import RAG
from retrievers.analyze import analyzer
from retrievers.bm25 import BM25Index, BM25Search
from retrievers.order import Order, Pack

_SAMPLE = 20_000  # characters of a document that are looked at
_LETTERS = 0.5
_PLAIN = re.compile(r"[A-Za-z0-9]{2}")

# -- terms --------------------------------------------------------------------------------------------------------


def terms(subject: Subject) -> Iterator[Said]:
    """BM25 over letters, and texts that have no terms.

    rank_bm25 takes a text for a list of words and then scores its letters, without a warning; two published LC-versus-
    RAG code bases do this. On 472 questions span recall falls from 0.90 to 0.06, that of random passages. Text whose
    letters stand apart ("t e x t", as some PDFs give it) ends likewise, and an analyzer that drops a script finds
    nothing in it.
    """
    fine = True
    for index, letters in _stored_letters(subject):
        fine = False
        yield (
            "error",
            f"{part(letters[0], letters[1], 'terms')} in the stored index of {index} are single letters: it was given "
            "texts in place of lists of words; split the texts into words",
        )
    indexes = [n.stage for n in subject.nodes if isinstance(n.stage, BM25Index)]
    if not indexes:
        if fine:
            yield "ok", "not applicable: no route searches by bm25"
        return
    terms_of = analyzer(indexes[0].stemmer, indexes[0].stopwords)
    apart, silent, counted = [], [], 0
    for document in subject.asked:
        text = document.text or ""
        if not text.strip():
            continue
        counted += 1
        found = terms_of(text[:_SAMPLE])
        if sum(len(t) == 1 and t.isalpha() for t in found) > _LETTERS * len(found):
            apart.append(document.id)
        elif not found and not terms_of(text):
            silent.append(document.id)
    if apart:
        fine = False
        yield (
            "error",
            f"in {part(len(apart), counted, 'documents')} most terms are single letters, {examples(apart)}; bm25 "
            "scores letters there: extract the text again",
        )
    if silent:
        fine = False
        yield (
            "warning",
            f"{part(len(silent), counted, 'documents')} hold no word that bm25 counts, {examples(silent)}; they can "
            "never be found: extract the text again",
        )
    mute = [q.id for q in subject.questions if not terms_of(q.text)]
    if mute:
        fine = False
        yield (
            "warning",
            f"{part(len(mute), len(subject.questions), 'questions')} hold no word that bm25 counts, {examples(mute)}; "
            "nothing is retrieved for them: ask them in words",
        )
    for told in _silent_values(subject, terms_of):
        fine = False
        yield "warning", told
    if fine:
        yield "ok", f"the terms of {counted:,} documents are words, and every question has some"


def _stored_letters(subject: Subject) -> Iterator[tuple[str, tuple[int, int]]]:
    """Stored indexes whose vocabulary is mostly single letters, with (letters, terms)."""
    for node in subject.nodes:
        if node.per != "context":
            continue
        for _, value in subject.stored(node):
            vocabulary = value.get("vocabulary") if isinstance(value, dict) else None
            if not vocabulary:
                break  # the values of one node are of one kind
            letters = sum(len(str(t)) == 1 and str(t).isalpha() for t in vocabulary)
            if letters > _LETTERS * len(vocabulary):
                yield node.stage.label, (letters, len(vocabulary))
                break


def _silent_values(subject: Subject, terms_of: Callable[[str], list[str]]) -> Iterator[str]:
    """Stored chunks without terms, and stored searches that found nothing."""
    for node in subject.nodes:
        if isinstance(node.stage, BM25Index):
            empty, total = [], 0
            for _, chunks in subject.stored(node.inputs[0]):
                total += len(chunks)
                empty += [c for c in chunks if not _PLAIN.search(c.text) and not terms_of(c.text)]
            if empty:
                shown = examples(empty, lambda c: f"{c.doc}:{c.start}-{c.end}")
                yield f"{part(len(empty), total, 'chunks')} hold no word that bm25 counts, {shown}; clean the text"
        elif isinstance(node.stage, BM25Search):
            readable = ((q, r) for q, r in subject.stored(node) if any(d.text for d in subject.documents(q)))
            found = {q.id: ranking.ids for q, ranking in readable}
            none = [q for q, ids in found.items() if not ids]
            if none:
                told = f"bm25 found no passage for {part(len(none), len(found), 'questions')}, {examples(none)}"
                yield f"{told}; they share no word with their documents: check their language, or add dense retrieval"


# -- re-ranking ---------------------------------------------------------------------------------------------------


def rerankers(subject: Subject) -> Iterator[Said]:
    """A fusion or re-ranker behind a search that brings no more passages than are read.

    LaRA's retrieval takes five passages, half by vectors and half by BM25, and "re-ranks" them to five: only their
    order can change. Such a step seems to be tested and is not. Settings tell where the most that can be found is no
    more than what is kept; where a run's values are stored, they tell for all questions.
    """
    seen: dict[str, list[str]] = {}
    packs: dict[str, Node] = {}
    for name, route in subject.experiment.routes.items():
        for root in route.nodes().values():
            for node in root.walk():
                if isinstance(node.stage, Pack) and name not in seen.setdefault(node.identity, []):
                    packs[node.identity] = node
                    seen[node.identity].append(name)
    joined = False
    for identity, pack in packs.items():
        routes, last = ", ".join(seen[identity]), pack.inputs[0]
        kept, most = pack.stage.max_passages, _most(last)  # type: ignore[attr-defined]
        if kept is not None and most is not None and most < kept:
            yield (
                "warning",
                f"{routes}: at most {most} passages are found, though {kept} may be read; raise k, or lower passages",
            )
        if _is_search(last):
            continue
        joined = True
        yield _effect(subject, routes, last, pack, kept, most)
    if not joined:
        yield "ok", "not applicable: no route fuses or re-ranks"


def reordering(routes: Mapping[str, RAG], cutoffs: Sequence[int]) -> Iterator[Said]:
    """A fusion or re-ranker of a study of retrieval that gets no more candidates than a measure looks at.

    Such a step can change the order within the first k, and nothing that a measure of the set of the first k sees.
    """
    joined = 0
    for name, route in routes.items():
        last = next(n for n in reversed(route.ranking.walk()) if _ranks(n) and not isinstance(n.stage, Pack | Order))
        if _is_search(last):
            continue
        joined += 1
        most = _most(last)
        blind = [k for k in cutoffs if most is not None and most <= k]
        if blind:
            at = ", ".join(map(str, blind))
            yield (
                "warning",
                f"{name}: {last.stage.label} gets at most {most} candidates and cannot change the first {at}: "
                "give it more (depth, k), or look at fewer",
            )
    if not joined:
        yield "ok", "not applicable: no retriever fuses or re-ranks"
    else:
        yield "ok", f"{joined} retrievers fuse or re-rank"


def _effect(subject: Subject, routes: str, last: Node, pack: Node, kept: int | None, most: int | None) -> Said:
    """Whether the step between the searches and the packing decides which passages are read."""
    label, remedy = last.stage.label, "search deeper (raise k) or read fewer passages, else only the order is tested"
    if most is not None and pack.stage.budget is None and (kept is None or most <= kept):  # type: ignore[attr-defined]
        return (
            "warning",
            f"{routes}: {label} cannot change what is read: at most {most} candidates come in and "
            f"{'all' if kept is None else kept} are kept; {remedy}",
        )
    packed = {q.id: set(ranking.ids) for q, ranking in subject.stored(pack)}
    candidates: dict[str, set[int]] = {}
    for search in _searches(last):
        for q, ranking in subject.stored(search):
            candidates.setdefault(q.id, set()).update(ranking.ids)
    both = [q for q in packed if q in candidates]
    same = [q for q in both if packed[q] == candidates[q]]
    if both and len(same) == len(both):
        return (
            "warning",
            f"{routes}: {label} changed what is read for none of {len(both):,} questions, {examples(same)}; {remedy}",
        )
    if both:
        more = part(len(both) - len(same), len(both), "questions")
        return "ok", f"{routes}: {label} chooses among more candidates than are read in {more}"
    limit = "a budget of tokens" if kept is None else f"{kept} passages"
    return "ok", f"{routes}: {label} gets up to {most if most is not None else 'any number of'} candidates for {limit}"


def _is_search(node: Node) -> bool:
    """Whether it makes a ranking out of an index: it has a `k`, and reads no ranking."""
    return isinstance(getattr(node.stage, "k", None), int) and not any(_ranks(n) for n in node.inputs)


def _ranks(node: Node) -> bool:
    return _is_search(node) or any(_ranks(n) for n in node.inputs)


def _searches(node: Node) -> list[Node]:
    return [n for n in node.walk() if _is_search(n)]


def _most(node: Node) -> int | None:
    """The most passages that a ranking can hold; None where settings do not tell."""
    if _is_search(node):
        return int(node.stage.k)  # type: ignore[attr-defined]
    counts = [_most(n) for n in node.inputs if _ranks(n)]
    if not counts or None in counts:
        return None
    depth: Any = getattr(node.stage, "depth", None)
    return sum(c if depth is None else min(c, depth) for c in counts if c is not None)
