"""Parents against a search through all of them; neighbours in the order of their document."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Ranking
from retrievers.chunk import SentenceChunks, TokenChunks, WordChunks
from retrievers.parents import Neighbours, Parents


def chunk(doc: str, start: int, end: int) -> Chunk:
    return Chunk(doc, start, end, "x" * (end - start))


def parents_of(ranking: Ranking, children: tuple[Chunk, ...], parents: tuple[Chunk, ...]) -> Ranking:
    (result,) = Parents().run([ranking], [children], [parents])
    return result


PARENTS = (chunk("a", 0, 10), chunk("a", 10, 20), chunk("b", 0, 30))


def test_a_parent_has_the_score_of_its_best_child_and_stands_once() -> None:
    children = (chunk("a", 0, 4), chunk("a", 4, 8), chunk("a", 8, 14), chunk("a", 7, 13), chunk("b", 20, 30))
    ranking = Ranking((1, 4, 2, 0, 3), (9.0, 8.0, 7.0, 6.0, 5.0))
    assert parents_of(ranking, children, PARENTS) == Ranking((0, 2, 1), (9.0, 8.0, 7.0))
    assert parents_of(Ranking((3,), (5.0,)), children, PARENTS).ids == (0,)  # three characters in each: the first
    assert parents_of(Ranking((4, 2, 0), (1.0, 1.0, 1.0)), children, PARENTS).ids == (0, 1, 2)
    assert parents_of(Ranking((), ()), children, PARENTS) == Ranking((), ())
    assert parents_of(Ranking((), ()), (), ()) == Ranking((), ())


def test_a_child_without_a_parent_is_refused() -> None:
    for lost in (chunk("c", 0, 4), chunk("a", 20, 24)):
        with pytest.raises(UserError, match="no parent holds"):
            parents_of(Ranking((0,), (1.0,)), (lost,), PARENTS)


SPANS = st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.integers(1, 25))


@given(st.lists(SPANS, max_size=12), st.lists(SPANS, max_size=8))
def test_parents_are_those_that_a_search_through_all_finds(
    large: list[tuple[str, int, int]], small: list[tuple[str, int, int]]
) -> None:
    parents = tuple(chunk(doc, a, a + n) for doc, a, n in large)
    best: dict[int, float] = {}
    children = []
    for doc, a, n in small:
        shared = [max(0, min(p.end, a + n) - max(p.start, a)) if p.doc == doc else 0 for p in parents]
        if any(shared):
            children.append(chunk(doc, a, a + n))
            parent = shared.index(max(shared))
            best.setdefault(parent, -float(len(children)))
    scores = tuple(-1.0 - i for i in range(len(children)))
    result = parents_of(Ranking(tuple(range(len(children))), scores), tuple(children), parents)
    assert dict(zip(result.ids, result.scores, strict=True)) == best
    assert list(result.ids) == sorted(best, key=lambda p: (-best[p], p))


@given(st.lists(st.sampled_from(["One two. ", "three ", "four.\n\n", "中文。"]), min_size=1, max_size=40).map("".join))
def test_every_child_of_one_chunker_has_a_parent_of_another(text: str) -> None:
    documents = (Document("a", text), Document("b", text))
    (children,) = TokenChunks(size=3).run([documents])
    for chunker in (WordChunks(size=9, overlap=4), SentenceChunks(size=12)):
        (parents,) = chunker.run([documents])
        ranking = Ranking(tuple(range(len(children))), tuple(-float(i) for i in range(len(children))))
        result = parents_of(ranking, children, parents)
        assert {parents[p].doc for p in result.ids} == {c.doc for c in children}
        found = {parents[p].span for p in result.ids}
        assert all(any(p.doc == c.doc and p.start < c.end and c.start < p.end for p in found) for c in children)


CHUNKS = (*(chunk("a", i, i + 1) for i in range(5)), *(chunk("b", i, i + 1) for i in range(3)))


def test_neighbours_join_in_order_within_their_document() -> None:
    def joined(ranking: Ranking, **settings: int) -> Ranking:
        (result,) = Neighbours(**settings).run([ranking], [CHUNKS])
        return result

    assert joined(Ranking((3, 5), (2.0, 1.0))) == Ranking((2, 3, 4, 5, 6), (2.0, 2.0, 2.0, 1.0, 1.0))
    assert joined(Ranking((1, 2), (2.0, 1.0))).ids == (0, 1, 2, 3)
    assert joined(Ranking((7,), (2.0,)), before=2, after=0).ids == (5, 6, 7)
    ranking = Ranking((6, 0, 3), (3.0, 2.0, 1.0))
    assert joined(ranking, before=0, after=0) == ranking
    assert joined(Ranking((), ())) == Ranking((), ())
    with pytest.raises(UserError, match=r"Neighbours\.before"):
        Neighbours(before=-1)
