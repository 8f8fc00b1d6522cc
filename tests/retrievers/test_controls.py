"""Random passages: the same for the same question, uniform over chunks."""

from __future__ import annotations

from collections import Counter

from pipeline.core.records import Chunk, Ranking
from retrievers.controls import RandomPassages

CHUNKS = tuple(Chunk("d", i, i + 1, "x") for i in range(20))


def drawn(stage: RandomPassages, text: str, chunks: tuple[Chunk, ...] = CHUNKS) -> Ranking:
    (ranking,) = stage.run([chunks], [text])
    return ranking


def test_the_draw_is_fixed_by_seed_and_text() -> None:
    # Known values: a change of Python or of ours that moves them would silently change every random control.
    assert drawn(RandomPassages(k=5, seed=0), "Which?").ids == KNOWN
    assert drawn(RandomPassages(k=5, seed=1), "Which?").ids != KNOWN
    assert drawn(RandomPassages(k=5, seed=0), "Which").ids != KNOWN
    batch = RandomPassages(k=5).run([CHUNKS, CHUNKS], ["other", "Which?"])
    assert [*batch][1].ids == KNOWN


KNOWN = (12, 7, 9, 13, 17)


def test_a_larger_k_adds_and_few_chunks_are_all_drawn() -> None:
    assert drawn(RandomPassages(k=9), "q").ids[:5] == drawn(RandomPassages(k=5), "q").ids
    assert sorted(drawn(RandomPassages(k=9), "q", CHUNKS[:4]).ids) == [0, 1, 2, 3]
    assert drawn(RandomPassages(k=9), "q", ()) == Ranking((), ())
    scores = drawn(RandomPassages(k=9), "q").scores
    assert list(scores) == sorted(scores, reverse=True)


def test_every_chunk_is_as_likely() -> None:
    counts = Counter(i for n in range(2000) for i in drawn(RandomPassages(k=5), f"question {n}").ids)
    # Expected 500 each, standard deviation sqrt(2000 * 0.25 * 0.75) = 19.4; five of these.
    assert len(counts) == 20
    assert all(abs(n - 500) < 97 for n in counts.values())
