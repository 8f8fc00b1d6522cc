"""An invented almanac: long documents of people, companies, places and animals that nobody has heard of.

Articles as an encyclopaedia tells them, with loose facts about other people between their sentences, so that some
questions stand on one sentence and others on a chain of two or three, far apart. Made here from a seed: nothing is
downloaded, no model can have read it, and what holds each answer is known because it was put there. The wordings are
those from which the shipped reader learned, which flatters it; names, facts and documents are not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate

from experiments.reader.example import Asked, Planted, plant
from experiments.reader.relations import draw_chains, draw_world, question_of
from experiments.reader.vocabulary import Words
from experiments.reader.worlds import make_article
from pipeline.core.records import Dataset, Document, Question, Span

SEED = 7_340_033
DOCUMENTS = 10
CHARACTERS = 17_000
"""Of a document's articles: some 6,000 tokens with what is set between them."""
SENTENCES = 24
"""Loose facts in a document."""
ASKED = {"fact": 5, "two hops": 4, "three hops": 2, "unanswerable": 2}
"""Questions on a document, by kind."""


def load_almanac() -> Dataset:
    """Ten documents with thirteen questions each; slices: kind. A document's questions are one cluster."""
    documents, questions = dict[str, Document](), list[Question]()
    for number in range(1, DOCUMENTS + 1):
        name = f"almanac-{number:02}"
        segments, asked = _document(random.Random(f"{SEED} {name}"))
        documents[name] = Document(name, "".join(segments))
        questions += _questions(name, segments, asked)
    return Dataset("almanac", documents, tuple(questions))


def _document(rng: random.Random) -> tuple[list[str], list[tuple[str, Asked]]]:
    """The sentences of a document, and its questions with their kinds, those about loose facts last."""
    words = Words(rng)
    article = make_article(rng, words, CHARACTERS)
    while True:
        world = draw_world(rng, words, SENTENCES)
        chains = [(hops, draw_chains(rng, world, hops, ASKED[kind])) for kind, hops in _HOPS.items()]
        if all(len(found) == ASKED[kind] for kind, (_, found) in zip(_HOPS, chains, strict=True)):
            break
    loose = [
        Asked(question_of(rng, chain.relations, chain.start), chain.ends[-1], chain.needs)
        for _, found in chains
        for chain in found
    ]
    # What stands in the articles is asked about once the loose facts have their places.
    spread = plant(rng, article.segments, Planted(world.sentences, loose))
    moved = _places(article.segments, spread.segments)
    facts = [one for one in article.asked if one.answerable and len(one.needs) <= 2]
    absent = [one for one in article.asked if not one.answerable]
    asked = [("fact", Asked(a.question, a.answer, tuple(moved[i] for i in a.needs))) for a in facts[: ASKED["fact"]]]
    asked += [("unanswerable", one) for one in absent[: ASKED["unanswerable"]]]
    asked += [(kind, one) for one, kind in zip(spread.asked, [k for k in _HOPS for _ in range(ASKED[k])], strict=True)]
    return spread.segments, asked


_HOPS = {"two hops": 2, "three hops": 3}


def _places(before: Sequence[str], after: Sequence[str]) -> list[int]:
    """Where each of the segments before stands among those after, which have others between."""
    places, at = [], 0
    for segment in before:
        while after[at].strip() != segment.strip():
            at += 1
        places.append(at)
        at += 1
    return places


def _questions(name: str, segments: Sequence[str], asked: Sequence[tuple[str, Asked]]) -> list[Question]:
    ends = list(accumulate(map(len, segments), initial=0))
    out = []
    for number, (kind, one) in enumerate(asked, 1):
        spans = tuple(Span(name, ends[i + 1] - len(segments[i].lstrip()), ends[i + 1]) for i in one.needs)
        out.append(
            Question(
                id=f"{name}-{number:02}",
                text=one.question,
                context=(name,),
                golds=(one.answer,) if spans else (),
                answerable=bool(spans),
                evidence=spans,
                kind=kind,
                cluster=name,
                slices={"kind": kind},
            )
        )
    return out
