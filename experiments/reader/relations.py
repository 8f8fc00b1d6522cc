"""Small worlds of typed relations, and questions of one, two and three hops in nested noun phrases.

"Where was the founder of the employer of Ana Berg born?" stands on three sentences; its answer is the last one's value.
So that hops can be learned, and nothing less than hops answers, most worlds are parallel: every relation leads from
each thing of one kind to a different thing of another, so that the relations in a question, the kind of its answer and
the name in it leave several answers open until all links are followed. The steps of a longer question are sometimes
asked of the same world. A chain of which one link is not stated has no answer. Knows nothing of running text.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from experiments.reader.example import UNANSWERABLE, Asked, Planted
from experiments.reader.relation_grammar import NESTING, RELATIONS, Relation
from experiments.reader.vocabulary import Words, pick

MOST_QUESTIONS = 48
ABSENT_SHARE = 0.08
STEPS_SHARE = 0.25  # of the longer questions are asked together with their steps
HOP_SHARES = ((1, 0.25), (2, 0.5), (3, 0.5))  # questions of so many hops for each sentence of a world
PARALLEL_SHARE = 0.85  # of the worlds; in the others facts are scattered as in a text that was not made for hops
SIDES = (5, 6, 6, 7, 8, 10)  # things of a kind in a small parallel world
LARGEST, SMALLEST = 40, 10  # sentences; most worlds are not larger than this, and none smaller
CANDIDATES = 4  # different answers that the last two relations of a longer question alone must leave open
SINGLE_SHARE = 0.35  # of the worlds have names of one token each
LARGE_SHARE = 0.15  # of the worlds fill the room that they are given
INSTRUMENTS = "violin cello flute harp oboe trumpet piano organ guitar lute banjo clarinet tuba bassoon viola".split()
# A fact of the first relation lets a reader guess one of the second about its target: "X is the capital of Y" says
# where X lies. Such questions are not declared unanswerable.
IMPLIES = {"capital": "country", "ceo": "employer", "founder": "employer", "rector": "employer", "mouth": "river",
           "local_club": "club", "coach": "club", "mayor": "residence", "birthplace": "residence", "campus": "country",
           "hero": "favourite_book", "author": "favourite_book", "headquarters": "country"}  # fmt: skip
Names = Literal["full", "short", "single"]
FROM = {kind: [r for r in RELATIONS.values() if r.source == kind] for kind in "POCNWUKR"}


@dataclass(frozen=True, slots=True)
class Link:
    """What follows from a sentence: its relation leads to `end`."""

    end: str
    sentence: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Links from a start to an end; phrase names the end by the start."""

    relations: tuple[Relation, ...]
    start: str
    ends: tuple[str, ...]
    needs: tuple[int, ...]


@dataclass(slots=True)
class World:
    """Facts by (relation, source), their sentences, and the ends that exist, by kind."""

    sentences: list[str]
    links: dict[tuple[str, str], Link]
    ends: dict[str, list[str]]


def make_relations(rng: random.Random, words: Words, size: int) -> Planted:
    """A world and questions of one to three hops, about `MOST_QUESTIONS` at most.

    `size` sentences or fewer: a small world leaves room for more questions, and they are what teaches hops. At least
    `SMALLEST`, below which there are no longer questions to ask.
    """
    if size > SMALLEST and rng.random() > LARGE_SHARE:
        size = rng.randint(SMALLEST, min(size, LARGEST))
    size = max(size, SMALLEST)
    world = draw_world(rng, words, size, single=SINGLE_SHARE)
    asked: list[list[Asked]] = []
    for hops, share in HOP_SHARES:
        wanted = round(min(max(size, 16), MOST_QUESTIONS) * share)
        asked += [_ask(rng, chain) for chain in draw_chains(rng, world, hops, wanted)]
    rng.shuffle(asked)
    flat = list({one.question: one for group in asked for one in group}.values())[:MOST_QUESTIONS]
    for one in _broken(rng, world, words, max(1, round(len(flat) * ABSENT_SHARE))):
        if rng.random() < 0.8:
            flat.insert(rng.randint(0, len(flat)), one)
    return Planted(world.sentences, flat)


def draw_world(rng: random.Random, words: Words, size: int, *, single: float = 0.0) -> World:
    """`size` facts, parallel in most draws and scattered in the rest; in some all names are of one word.

    single: share of the worlds whose names are single tokens, from which hops are learned first.
    """
    names: Names = "short" if rng.random() < 0.3 else "full"
    if single and rng.random() < single:
        names = "single"
    make = parallel_world if rng.random() < PARALLEL_SHARE else scattered_world
    return make(rng, words, size, names)


def parallel_world(rng: random.Random, words: Words, size: int, names: Names = "full") -> World:
    """Relations that each lead from all things of a kind to different things of another, less a few facts.

    A question of several hops has then as many candidates at every hop as there are things of a kind.
    """
    side = min(max(pick(rng, SIDES), -(-size // 20)), max(2, size // 2))
    world = World([], {}, {})
    one_form = rng.random() < 0.5  # each relation stated in the same words throughout
    taken: dict[str, None] = {}
    facts: list[tuple[Relation, str, str, tuple[str, ...]]] = []
    for relation in _path(rng):
        for kind in (relation.source, relation.target):
            if kind not in world.ends:
                make = _entities(kind, rng, words, names)
                most = min(side, 12) if kind == "I" else side + (rng.random() < 0.3)
                drawn = [name for name in words.distinct(make, most + 2) if name not in taken][:most]
                taken.update(dict.fromkeys(drawn))
                world.ends[kind] = drawn
        forms = (pick(rng, relation.statements),) if one_form else relation.statements
        facts += [(relation, x, y, forms) for x, y in _paired(rng, relation, world.ends)]
        if len(facts) >= size * 1.08:
            break
    rng.shuffle(facts)
    for relation, x, y, forms in facts[:size]:
        _state(rng, world, relation, x, y, forms)
    if len(world.sentences) < size:
        return scattered_world(rng, words, size, names)
    return world


def _path(rng: random.Random) -> list[Relation]:
    """All relations in random order, most of them starting where one before them leads, so that chains are long."""
    at = pick(rng, "PPPPOCW")
    reached = {at: None}
    chosen: dict[str, Relation] = {}
    while True:
        if at not in FROM or rng.random() < 0.35:
            at = pick(rng, [kind for kind in reached if kind in FROM])
        following = [r for r in FROM[at] if r.name not in chosen]
        if not following:
            following = [r for kind in reached for r in FROM.get(kind, ()) if r.name not in chosen]
        if not following:
            return list(chosen.values())
        relation = pick(rng, following)
        if relation.target not in FROM and rng.random() < 0.6:  # a thing of which nothing can be said ends a chain
            relation = pick(rng, following)
        chosen[relation.name] = relation
        at = relation.target
        reached[at] = None


def _paired(rng: random.Random, relation: Relation, ends: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Both ends of every fact of a relation, no two facts leading to one end while there are ends enough."""
    sources, targets = ends[relation.source], ends[relation.target]
    if relation.symmetric:
        order = rng.sample(sources, len(sources))
        return list(zip(order[::2], order[1::2], strict=False))
    if relation.source == relation.target:
        order = rng.sample(sources, len(sources))
        return list(zip(order, order[1:] + order[:1], strict=True)) if len(order) > 2 else [(order[0], order[-1])]
    order = rng.sample(targets, len(targets))
    return [(x, order[i % len(order)]) for i, x in enumerate(sources)]


def _state(
    rng: random.Random, world: World, relation: Relation, x: str, y: str, forms: tuple[str, ...] | None = None
) -> None:
    """Add one fact and its sentence."""
    link = Link(y, len(world.sentences))
    world.links[relation.name, x] = link
    if relation.symmetric:
        world.links[relation.name, y] = Link(x, link.sentence)
    world.sentences.append(pick(rng, forms or relation.statements).format(x=x, y=y))


def scattered_world(rng: random.Random, words: Words, size: int, names: Names = "full") -> World:
    """`size` facts of a few relations among few entities, which entity with which by chance.

    Every relation holds of several entities and every entity stands in several relations, so that neither the last
    noun of a question nor the name in it is enough to find the answer.
    """
    relations = _related(rng, max(2, round(size / rng.uniform(2.5, 5))))
    kinds = list(dict.fromkeys([kind for r in relations for kind in (r.source, r.target)]))
    each = max(2, round(size / len(relations) * rng.uniform(1.1, 2.0)) + 1)
    ends = {kind: words.distinct(_entities(kind, rng, words, names), min(each, 12) if kind == "I" else each)
            for kind in kinds}  # fmt: skip
    world = World([], {}, ends)
    open_facts = [(relation, end) for relation in relations for end in ends[relation.source]]
    rng.shuffle(open_facts)
    while len(world.sentences) < size:
        if not open_facts:  # what was taken by symmetry has to be made up for
            fresh = words.distinct(ENTITIES[relations[0].source](rng, words), each)
            ends[relations[0].source] = list(dict.fromkeys([*ends[relations[0].source], *fresh]))
            open_facts = [(relations[0], end) for end in fresh]
        relation, at = open_facts.pop()
        others = [end for end in (pick(rng, ends[relation.target]) for _ in range(3)) if end != at]
        if relation.symmetric:
            others = [end for end in others if (relation.name, end) not in world.links]
        if others and (relation.name, at) not in world.links:
            _state(rng, world, relation, at, others[0])
    return world


def _related(rng: random.Random, count: int) -> list[Relation]:
    """Relations that can follow one another: each starts from a kind that another, or the first, leads to."""
    reached = {pick(rng, "PPPOCW"): None}
    chosen: dict[str, Relation] = {}
    while len(chosen) < min(count, len(RELATIONS) - 8):
        following = [r for kind in reached for r in FROM.get(kind, ()) if r.name not in chosen]
        if not following:
            reached["P"] = None
            continue
        relation = pick(rng, following)
        chosen[relation.name] = relation
        reached[relation.target] = None
    return list(chosen.values())


def draw_chains(rng: random.Random, world: World, hops: int, count: int) -> list[Chain]:
    """At most `count` different chains of so many links, each link another sentence; guessable ones are left out."""
    chains: dict[tuple[int, ...], Chain] = {}
    open_ends = _open_ends(world) if hops > 1 else {}
    starts = [(RELATIONS[name], source) for name, source in world.links]
    for _ in range(count * 6):
        if len(chains) >= count:
            break
        relation, start = pick(rng, starts)
        relations: list[Relation] = []
        ends: list[str] = []
        needs: list[int] = []
        at = start
        while True:
            link = world.links[relation.name, at]
            if link.sentence in needs or link.end == start or link.end in ends:
                break
            relations.append(relation)
            ends.append(link.end)
            needs.append(link.sentence)
            at = link.end
            following = [r for r in FROM.get(relation.target, ()) if (r.name, at) in world.links]
            if len(needs) == hops or not following:
                break
            relation = pick(rng, following)
        if len(needs) == hops and (
            hops == 1
            or len(open_ends[relations[-2].name, relations[-1].name]) >= min(CANDIDATES, len(world.links) // 3)
        ):
            chain = Chain(tuple(relations), start, tuple(ends), tuple(needs))
            chains[chain.needs] = chain
    return list(chains.values())


def _open_ends(world: World) -> dict[tuple[str, str], dict[str, None]]:
    """Where any two relations lead, one after the other, from anywhere."""
    out: dict[tuple[str, str], dict[str, None]] = {}
    for (name, _), link in world.links.items():
        for following in FROM.get(RELATIONS[name].target, ()):
            end = world.links.get((following.name, link.end))
            if end is not None:
                out.setdefault((name, following.name), {})[end.end] = None
    return out


def question_of(rng: random.Random, relations: tuple[Relation, ...], start: str) -> str:
    """The question for the end of a chain: its last relation's question about the noun phrase of the others."""
    phrase, nested = start, False
    for relation in relations[:-1]:
        form = pick(rng, (NESTING[relation.name] if nested else relation).phrases)
        nested = nested or not form.startswith("{x}")
        phrase = form.format(x=phrase)
    last = NESTING[relations[-1].name] if nested else relations[-1]
    if len(relations) > 1 and rng.random() < 0.35 and last.target in "PCOUNK":
        what = "Who" if last.target == "P" else "What"
        question = f"{what} is {pick(rng, last.phrases).format(x=phrase)}?"
    else:
        question = pick(rng, last.questions).format(x=phrase)
    return question.replace("the the ", "the ")  # rivers bear an article, and so does the phrase that stands for one


def _ask(rng: random.Random, chain: Chain) -> list[Asked]:
    """The chain's question, at times after its steps."""
    hops = len(chain.relations)
    first = 1 if hops > 1 and rng.random() < STEPS_SHARE else hops
    return [
        Asked(question_of(rng, chain.relations[:n], chain.start), chain.ends[n - 1], chain.needs[:n])
        for n in range(first, hops + 1)
    ]


def _broken(rng: random.Random, world: World, words: Words, count: int) -> list[Asked]:
    """Questions of one to three hops whose last link, or whose start, is not in the world."""
    out = []
    told = dict.fromkeys(name for name, _ in world.links)
    implied = {(IMPLIES[name], link.end) for (name, _), link in world.links.items() if name in IMPLIES}
    for _ in range(count):
        chain = pick(rng, draw_chains(rng, world, rng.randint(1, 2), 1) or draw_chains(rng, world, 1, 1))
        if rng.random() < 0.25:
            start = ENTITIES[chain.relations[0].source](rng, words)()
            if not any(start in sentence for sentence in world.sentences):
                out.append(Asked(question_of(rng, chain.relations, start), UNANSWERABLE))
            continue
        kind, at, before = chain.relations[-1].target, chain.ends[-1], chain.relations
        if kind not in FROM or rng.random() < 0.4:
            kind, at, before = chain.relations[0].source, chain.start, ()
        missing = [r for r in FROM[kind] if (r.name, at) not in world.links and (r.name, at) not in implied]
        near = [r for r in missing if r.name in told]  # what the world says of others, but not of this one
        if missing:
            last = pick(rng, near if near and rng.random() < 0.7 else missing)
            out.append(Asked(question_of(rng, (*before, last), chain.start), UNANSWERABLE))
    return out


def _entities(kind: str, rng: random.Random, words: Words, names: Names) -> Callable[[], str]:
    """A maker of names of a kind; short: persons by their first names, companies by one word."""
    if names == "single" and kind in "POCNWUKR":
        return words.whole
    if names == "short" and kind in "PO":
        return words.first if kind == "P" else words.name
    return ENTITIES[kind](rng, words)


def _title(rng: random.Random, words: Words) -> str:
    adjective, noun = words.adjective().capitalize(), words.noun().capitalize()
    return pick(rng, ("The {a} {n}", "{n} of {p}", "One {a} {n}", "The {n} and the {m}")).format(
        a=adjective, n=noun, p=words.name(), m=words.noun().capitalize()
    )


def _university(rng: random.Random, words: Words) -> str:
    return pick(rng, ("University of {p}", "{p} University", "{p} College", "{p} Institute of Technology")).format(
        p=words.name() if rng.random() < 0.6 else words.city()
    )


def _club(rng: random.Random, words: Words) -> str:
    return pick(rng, ("{p} United", "{p} Rovers", "Sporting {p}", "{p} Wanderers", "FC {p}")).format(
        p=words.name() if rng.random() < 0.6 else words.city()
    )


ENTITIES: dict[str, Callable[[random.Random, Words], Callable[[], str]]] = {
    "P": lambda rng, words: words.person,
    "O": lambda rng, words: words.organisation,
    "C": lambda rng, words: words.city,
    "N": lambda rng, words: words.country,
    "W": lambda rng, words: lambda: _title(rng, words),
    "U": lambda rng, words: lambda: _university(rng, words),
    "K": lambda rng, words: lambda: _club(rng, words),
    "R": lambda rng, words: words.name,
    "M": lambda rng, words: words.syllables,
    "T": lambda rng, words: words.noun,
    "L": lambda rng, words: lambda: words.name() + pick(rng, ("ese", "ish", "ian", "i")),
    "I": lambda rng, words: lambda: pick(rng, INSTRUMENTS),
    "Y": lambda rng, words: words.year,
}
