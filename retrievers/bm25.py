"""BM25 over the chunks of a context: our own engine, bm25s or rank-bm25, with one ranking for one formula.

An index is plain arrays and a vocabulary, so that it can be stored; a searcher is rebuilt from it. rank-bm25 takes a
text for a list of words without a warning, and then scores its letters: here every index refuses a text.

It does not know how texts were cut into chunks, how terms come about (`analyze`), nor how an index larger than memory
is built (`bm25_build`).
Formulas: Kamphuis et al., "Which BM25 Do You Mean?", ECIR 2020, Table 1; bm25+ and bm25l: Lv and Zhai, 2011.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count, pairwise
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.stage import Per, Stage
from retrievers.analyze import Stemmer, Stopwords, analyzer
from retrievers.base import at_least, one_of, rebuilt, top_k
from retrievers.bm25_engine import Formula, Postings, matrix
from retrievers.bm25_terms import finder, hashes

Backend = Literal["numpy", "bm25s", "rank_bm25"]
Method = Literal["lucene", "robertson", "atire", "bm25+", "bm25l", "okapi"]
Index = dict[str, Any]
Scorer = Callable[[Sequence[str]], tuple[NDArray[np.float64], float]]
"""Query terms -> ((C,) scores, the score of a chunk that holds none of them)."""
ScoreIds = Callable[[list[int]], tuple[NDArray[np.float64], float]]
"""The same of the numbers of terms, all known."""


@dataclass(frozen=True)
class BM25Index(Stage):
    """Per context, `.on(chunks)`: an index over the chunks' texts.

    backend: whose code builds and scores; the ranking is the same, and `numpy`, our own, is the fastest.
    method: the formula. `okapi` is rank-bm25's own, with a floor under the weight of common words, and only there;
    `bm25l` is not there, since rank-bm25 multiplies its formula by the term frequency once more.
    delta: the lower bound that bm25+ and bm25l add; other methods do not read it.
    """

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 16
    version: ClassVar[int] = 2

    backend: Backend = "numpy"
    method: Method = "lucene"
    k1: float = 1.5
    b: float = 0.75
    delta: float = 1.0
    stemmer: Stemmer = "none"
    stopwords: Stopwords = "none"

    def __post_init__(self) -> None:
        one_of(self.backend, get_args(Backend), f"{self.label}.backend")
        one_of(self.method, get_args(Method), f"{self.label}.method")
        at_least(self.k1, 0, f"{self.label}.k1")
        at_least(self.delta, 0, f"{self.label}.delta")
        if not 0 <= self.b <= 1:
            raise UserError(f"{self.b!r} is not in [0, 1]", where=f"{self.label}.b", remedy="0.75 is usual")
        one_of(self.stemmer, get_args(Stemmer), f"{self.label}.stemmer")
        one_of(self.stopwords, get_args(Stopwords), f"{self.label}.stopwords")
        able = {"okapi": ("rank_bm25",), "bm25l": ("numpy", "bm25s")}.get(self.method, get_args(Backend))
        if self.backend not in able:
            raise UserError(
                f"the method {self.method!r} is not there on {self.backend!r}",
                where=f"{self.label}.method",
                remedy=f"Give backend={able[0]!r}, or another method",
            )

    def run(self, *columns: Sequence[Any]) -> Iterable[Index]:
        """One column: tuples of Chunk."""
        (contexts,) = columns
        terms = analyzer(self.stemmer, self.stopwords)
        for chunks in contexts:
            yield self.index([terms(chunk.text) for chunk in chunks])

    def index(self, corpus: Sequence[Sequence[str]]) -> Index:
        """An index over C lists of terms. Raises UserError for a text in place of a list."""
        for i, document in enumerate(corpus if not isinstance(corpus, str) else [corpus]):
            _refuse_text(document, f"document {i}")
        vocabulary: defaultdict[str, int] = defaultdict(count().__next__)  # a new term gets the next number
        terms = np.fromiter(map(vocabulary.__getitem__, chain.from_iterable(corpus)), dtype=np.int32)
        lengths = np.fromiter(map(len, corpus), dtype=np.int64)
        marks = hashes(vocabulary)
        order = np.argsort(marks, kind="stable")
        in_order = list(vocabulary)
        head = self.head | {"chunks": len(corpus), "vocabulary": [in_order[i] for i in order], "hashes": marks[order]}
        if not vocabulary:
            return head
        terms = np.argsort(order).astype(np.int32)[terms]
        ends = np.cumsum(lengths)
        if self.backend == "rank_bm25":
            return head | {"terms": terms, "ends": ends}
        if self.backend == "numpy":
            return head | matrix(terms, lengths, self.formula)
        library = _bm25s(head)
        ids = [terms[start:end].tolist() for start, end in pairwise([0, *ends.tolist()])]
        built = library.build_index_from_ids(list(range(len(vocabulary))), ids, show_progress=False)
        absent = library.nonoccurrence_array
        return head | {"data": built["data"], "indices": built["indices"], "indptr": built["indptr"], "absent": absent}

    @property
    def head(self) -> dict[str, Any]:
        """What a searcher must know beside the arrays."""
        return {
            "backend": self.backend, "method": self.method, "k1": self.k1, "b": self.b, "delta": self.delta,
            "stemmer": self.stemmer, "stopwords": self.stopwords,
        }  # fmt: skip

    @property
    def formula(self) -> Formula:
        """The formula with its constants."""
        return Formula(self.method, self.k1, self.b, self.delta)


ANSERINI = BM25Index(method="lucene", k1=0.9, b=0.4, stemmer="porter", stopwords="en")
"""The settings of Anserini's baselines for ad-hoc retrieval (Yang, Fang and Lin, SIGIR 2017)."""


@dataclass(frozen=True)
class BM25Search(Stage):
    """Per question, `.on(index, question text)`: the k best chunks that hold a word of the question.

    The ranking is shorter than k, or empty, where fewer chunks do.
    """

    k: int = 20

    def __post_init__(self) -> None:
        at_least(self.k, 1, f"{self.label}.k")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: indexes, question texts."""
        indexes, texts = columns
        for search, text in zip(rebuilt(indexes, self._searcher), texts, strict=True):
            yield search(text)

    def _searcher(self, index: Index) -> Callable[[str], Ranking]:
        terms = analyzer(index["stemmer"], index["stopwords"])
        if index["backend"] == "numpy" and len(index["vocabulary"]):
            postings, known = _postings(index), _known(index)
            return lambda text: postings.best(ids, self.k) if (ids := known(terms(text))) else Ranking((), ())
        score = scorer(index)

        def search(text: str) -> Ranking:
            scores, floor = score(terms(text))
            return top_k(scores, self.k, above=floor)

        return search


def scorer(index: Index) -> Scorer:
    """A function that scores all chunks of an index for a list of query terms; a repeated term counts again.

    The function raises UserError for a text in place of the list.
    """
    empty = np.zeros(index["chunks"])
    if not len(index["vocabulary"]):
        return lambda query: (empty, 0.0)
    known = _known(index)
    score = {"numpy": _with_numpy, "bm25s": _with_bm25s, "rank_bm25": _with_rank_bm25}[index["backend"]](index)

    def checked(query: Sequence[str]) -> tuple[NDArray[np.float64], float]:
        _refuse_text(query, "the query")
        ids = known(query)
        return score(ids) if ids else (empty, 0.0)

    return checked


def _known(index: Index) -> Callable[[Sequence[str]], list[int]]:
    """A function that gives the numbers of the terms that the index holds."""
    find = finder(index["vocabulary"], index["hashes"])
    return lambda query: [i for i in map(find, query) if i >= 0]


def _postings(index: Index) -> Postings:
    return Postings(index["chunks"], index, index.get("release"))


def _refuse_text(terms: Sequence[str], what: str) -> None:
    if isinstance(terms, str | bytes):
        raise UserError(
            f"{what} is a text, not a list of words: BM25 would score its letters",
            where="BM25",
            remedy="Give words(text)",
        )


def _bm25s(settings: Index) -> Any:
    import bm25s

    # float64, and NumPy also where numba is installed: the same scores on every machine.
    return bm25s.BM25(
        k1=settings["k1"], b=settings["b"], delta=settings["delta"], method=settings["method"],
        dtype="float64", backend="numpy",
    )  # fmt: skip


def _with_numpy(index: Index) -> ScoreIds:
    postings = _postings(index)
    return lambda ids: (postings.scores(ids), postings.floor(ids))


def _with_bm25s(index: Index) -> ScoreIds:
    library = _bm25s(index)
    library.scores = {**{k: index[k] for k in ("data", "indices", "indptr")}, "num_docs": index["chunks"]}
    absent = library.nonoccurrence_array = index["absent"]
    return lambda ids: (library.get_scores_from_ids(ids), 0.0 if absent is None else float(absent[ids].sum()))


def _with_rank_bm25(index: Index) -> ScoreIds:
    """rank-bm25's term weights with the idf of the method, scaled as bm25s scales them."""
    import rank_bm25

    terms = index["terms"].tolist()
    corpus = [terms[start:end] for start, end in pairwise([0, *index["ends"].tolist()])]
    method, k1, b, n = index["method"], index["k1"], index["b"], index["chunks"]
    if method == "bm25+":
        plus: Any = rank_bm25.BM25Plus(corpus, k1=k1, b=b, delta=index["delta"])
        return lambda known: (plus.get_scores(known), sum(plus.idf[t] for t in known) * index["delta"])
    library: Any = rank_bm25.BM25Okapi(corpus, k1=k1, b=b)
    if method == "okapi":
        return lambda known: (library.get_scores(known), 0.0)
    frequency: dict[int, int] = {}
    for document in library.doc_freqs:
        for term in document:
            frequency[term] = frequency.get(term, 0) + 1
    idf: Callable[[int], float] = {
        "lucene": lambda df: math.log(1 + (n - df + 0.5) / (df + 0.5)),
        "robertson": lambda df: max(0.0, math.log((n - df + 0.5) / (df + 0.5))),
        "atire": lambda df: math.log(n / df),
    }[method]
    library.idf = {term: idf(df) for term, df in frequency.items()}
    scale = 1.0 if method == "atire" else 1 / (k1 + 1)
    return lambda known: (library.get_scores(known) * scale, 0.0)
