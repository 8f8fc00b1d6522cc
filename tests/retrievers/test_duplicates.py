"""Near duplicates: known shares, and the same passages as comparing all pairs keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from retrievers.duplicates import Deduplicate, shingles


def kept(texts: list[str], order: tuple[int, ...] | None = None, **settings: float) -> Ranking:
    chunks = tuple(Chunk("d", i, i + len(t), t) for i, t in enumerate(texts))
    ids = tuple(range(len(texts))) if order is None else order
    (result,) = Deduplicate(**settings).run([Ranking(ids, tuple(-float(p) for p in range(len(ids))))], [chunks])  # type: ignore[arg-type]
    return result


def test_the_better_ranked_of_two_stays() -> None:
    texts = ["The cat sat on the mat.", "the CAT sat, on the mat!", "A dog ran away from me."]
    assert kept(texts) == Ranking((0, 2), (0.0, -2.0))
    assert kept(texts, (2, 1, 0)) == Ranking((2, 1), (0.0, -1.0))
    assert kept([]) == Ranking((), ())


def test_the_threshold_is_the_jaccard_similarity() -> None:
    texts = ["a b c d e f", "b c d e f g"]  # 3 shingles shared of 5
    assert shingles(texts[0], 3) == {("a", "b", "c"), ("b", "c", "d"), ("c", "d", "e"), ("d", "e", "f")}
    assert kept(texts, threshold=0.6).ids == (0,)
    assert kept(texts, threshold=0.61).ids == (0, 1)
    assert kept(texts, threshold=5 / 7, width=1).ids == (0,)
    assert kept(texts, threshold=0.72, width=1).ids == (0, 1)


def test_texts_shorter_than_a_shingle_or_without_words() -> None:
    assert kept(["one two", "One, two", "one", "!!!", "!!!", "???", "中文", "中文"]).ids == (0, 2, 3, 5, 6)


def test_a_dropped_passage_drops_no_other() -> None:
    # The second is near the first, the third near the second alone.
    texts = ["a b c d e f g h", "c d e f g h i j", "e f g h i j k l"]
    assert kept(texts, threshold=0.4).ids == (0, 2)


WORDS = st.lists(st.sampled_from("abcd"), max_size=8).map(" ".join)


@given(st.lists(WORDS, max_size=10), st.floats(0.05, 1), st.integers(1, 3))
def test_agrees_with_comparing_all_pairs(texts: list[str], threshold: float, width: int) -> None:
    sets = [shingles(t, width) for t in texts]
    expected: list[int] = []
    for i, one in enumerate(sets):
        if all(len(one & sets[j]) < threshold * len(one | sets[j]) for j in expected):
            expected.append(i)
    assert list(kept(texts, threshold=threshold, width=width).ids) == expected


def test_refusals() -> None:
    for wrong in (0, -1, 1.5):
        with pytest.raises(UserError, match=r"Deduplicate\.threshold"):
            Deduplicate(threshold=wrong)
    with pytest.raises(UserError, match=r"Deduplicate\.width"):
        Deduplicate(width=0)
