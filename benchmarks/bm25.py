"""BM25 at 20,000 generated documents beside rank-bm25 and bm25s: `python -m benchmarks.bm25 [documents]`.

Each library is called as its user would: rank-bm25 by `BM25Okapi(lists of words)` and `get_scores` with a sort; bm25s
by `tokenize`, `index` and `retrieve` with its own defaults (on NumPy, and on numba where that is installed); ours by
`BM25Index` and `BM25Search` from texts to rankings. Words follow Zipf's law over 50,000; documents have 60 to 100 of
them, questions 4 to 12. Before anything is timed, the ten best of all must be the same: exactly for our three backends
with one formula, and for bm25s up to the ties that its single precision orders as it likes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.bench import Row, report, seconds
from pipeline.core.records import Chunk, Ranking
from retrievers.bm25 import BM25Index, BM25Search

K, QUESTIONS, OF_RANK_BM25 = 10, 300, 20


def zipf_texts(count: int, words: tuple[int, int], seed: int, vocabulary: int = 50_000) -> list[str]:
    """Texts of so many words (from, to) whose frequencies follow Zipf's law."""
    rng = np.random.default_rng(seed)
    share = np.cumsum(1 / np.arange(1, vocabulary + 1))
    lengths = rng.integers(words[0], words[1] + 1, count)
    drawn = np.minimum(np.searchsorted(share / share[-1], rng.random(int(lengths.sum()))), vocabulary - 1)
    return [" ".join(f"w{i}" for i in part) for part in np.split(drawn, np.cumsum(lengths)[:-1])]


def ours(index: dict[str, Any], questions: Sequence[str]) -> list[Ranking]:
    return list(BM25Search(K).run([index] * len(questions), questions))


def check(ours: Sequence[Ranking], ids: Any, scores: Any) -> None:
    """The same best but for ties: who is clearly above the last of the k best is in both."""
    for ranking, their_ids, their_scores in zip(ours, ids, scores, strict=True):
        assert np.allclose(ranking.scores, their_scores, atol=1e-4), (ranking, their_ids, their_scores)
        clear = {int(i) for i, s in zip(their_ids, their_scores, strict=True) if s > their_scores[-1] + 1e-4}
        assert clear <= set(ranking.ids), (ranking, their_ids, their_scores)


def main() -> None:
    import bm25s
    import rank_bm25

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    texts, questions = zipf_texts(count, (60, 100), 0), zipf_texts(QUESTIONS, (4, 12), 1)
    chunks = tuple(Chunk("d", 0, len(t), t) for t in texts)
    words, few = [t.split() for t in texts], questions[:OF_RANK_BM25]

    def index(**settings: Any) -> dict[str, Any]:
        (value,) = BM25Index(**settings).run([chunks])
        return value

    def index_bm25s(backend: str) -> Any:
        library = bm25s.BM25(backend=backend)
        library.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
        return library

    def ask_bm25s(library: Any, asked: Sequence[str]) -> Any:
        return library.retrieve(bm25s.tokenize(list(asked), show_progress=False), k=K, show_progress=False)

    def ask_rank_bm25() -> None:
        for question in few:
            np.argsort(-okapi.get_scores(question.split()))[:K]

    def each(ask: Callable[[str], Any]) -> Callable[[], Any]:
        return lambda: [ask(q) for q in questions[:100]]

    built, library, okapi = index(), index_bm25s("numpy"), rank_bm25.BM25Okapi(words)
    best = ours(built, questions)
    for backend in ("bm25s", "rank_bm25"):
        assert ours(index(backend=backend), few) == best[: len(few)], backend
    check(best, *ask_bm25s(library, questions))

    ms = 1000 / QUESTIONS
    query, query_each = ms * seconds(lambda: ours(built, questions)), 10 * seconds(each(lambda q: ours(built, [q])))
    build = seconds(index, repeats=3)
    rows = [
        Row("query, all in one call", "ms", query, 1000 / len(few) * seconds(ask_rank_bm25, repeats=3), "rank-bm25"),
        Row("query, all in one call", "ms", query, ms * seconds(lambda: ask_bm25s(library, questions)), "bm25s"),
        Row("query, one call each", "ms", query_each, 10 * seconds(each(lambda q: ask_bm25s(library, [q]))), "bm25s"),
        Row(
            "index",
            "s",
            build,
            seconds(lambda: rank_bm25.BM25Okapi([t.split() for t in texts]), repeats=1),
            "rank-bm25",
        ),
        Row("index", "s", build, seconds(lambda: index_bm25s("numpy"), repeats=3), "bm25s"),
    ]
    if find_spec("numba"):
        jit = index_bm25s("numba")
        peer = "bm25s, numba"
        rows += [
            Row("query, all in one call", "ms", query, ms * seconds(lambda: ask_bm25s(jit, questions)), peer),
            Row("query, one call each", "ms", query_each, 10 * seconds(each(lambda q: ask_bm25s(jit, [q]))), peer),
            Row("index", "s", build, seconds(lambda: index_bm25s("numba"), repeats=3), peer),
        ]
    notes = [f"{count:,} documents, {QUESTIONS} questions, the {K} best: the same for all"]
    report("bm25", rows, notes if find_spec("numba") else [*notes, "numba is not installed: bm25s on NumPy only"])


if __name__ == "__main__":
    main()
