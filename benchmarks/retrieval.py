"""Quality and speed of retrieval, each beside a peer in the same run: `python benchmarks/retrieval.py`.

Span recall on chunking_evaluation (words, letters, random passages), MAP and P@30 on CACM beside Anserini's, and the
time of a query on bm25s beside rank-bm25. Needs LONGSHORT_DATA; what is not there is named and left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import mean

from experiments.data.base import data_root
from experiments.data.beir import read_qrels
from experiments.data.cacm import load_cacm
from experiments.data.chunking_evaluation import load_chunking_evaluation
from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Dataset, Ranking
from pipeline.score.evidence import span_recall
from pipeline.score.ranking import average_precision, precision
from retrievers.base import top_k
from retrievers.bm25 import ANSERINI, BM25Index, BM25Search
from retrievers.chunk import WordChunks
from retrievers.controls import RandomPassages

Search = Callable[[tuple[Chunk, ...], Sequence[str]], list[Ranking]]


def words(chunks: tuple[Chunk, ...], texts: Sequence[str]) -> list[Ranking]:
    (index,) = BM25Index().run([chunks])
    return list(BM25Search(5).run([index] * len(texts), texts))


def letters(chunks: tuple[Chunk, ...], texts: Sequence[str]) -> list[Ranking]:
    """rank-bm25 given texts in place of lists of words, as published code does: each character is a word to it."""
    import rank_bm25

    library = rank_bm25.BM25Okapi([chunk.text for chunk in chunks])
    return [top_k(library.get_scores(text), 5) for text in texts]


def at_random(chunks: tuple[Chunk, ...], texts: Sequence[str]) -> list[Ranking]:
    return list(RandomPassages(5).run([chunks] * len(texts), texts))


def recall_of(search: Search, dataset: Dataset) -> float:
    shares = []
    for name, document in dataset.documents.items():
        (chunks,) = WordChunks(300).run([(document,)])
        asked = [q for q in dataset.questions if q.context == (name,)]
        for question, ranking in zip(asked, search(chunks, [q.text for q in asked]), strict=True):
            shares.append(span_recall([chunks[i].span for i in ranking.ids], question.evidence) or 0.0)
    return mean(shares)


def spans() -> None:
    dataset = load_chunking_evaluation()
    print(f"chunking_evaluation, {len(dataset.questions)} questions, 300-word chunks, top 5: span recall")
    for search in (words, letters, at_random):
        print(f"  {search.__name__:10} {recall_of(search, dataset):.3f}")


def cacm() -> None:
    collection = load_cacm()
    chunks = tuple(Chunk(name, 0, len(d.text or ""), d.text or "") for name, d in collection.documents.items())
    (index,) = ANSERINI.run([chunks])
    asked = list(collection.qrels)
    rankings = BM25Search(1000).run([index] * len(asked), [collection.queries[q] for q in asked])
    run = {q: [chunks[i].doc for i in ranking.ids] for q, ranking in zip(asked, rankings, strict=True)}
    written = read_qrels(data_root() / "cacm" / "qrels" / "qrels.cacm.txt")
    print(f"CACM, {len(asked)} queries, Anserini's settings (Porter, stop words, k1 0.9, b 0.4)")
    for name, qrels in (("ours", collection.qrels), ("as Anserini judges", written)):
        precisions = [precision(run[q], qrels[q], 30) or 0.0 for q in asked]
        averages = [average_precision(run[q], qrels[q]) or 0.0 for q in asked]
        print(f"  {name:20} MAP {mean(averages):.4f}  P@30 {mean(precisions):.4f}")
    print("  Anserini, published  MAP 0.3123  P@30 0.1942")


def speed() -> None:
    collection = load_cacm()
    chunks = tuple(Chunk(name, 0, len(d.text or ""), d.text or "") for name, d in collection.documents.items())
    texts = list(collection.queries.values())
    print(f"CACM, {len(chunks)} documents, {len(texts)} queries, top 20, one core")
    seconds = {}
    for backend in ("bm25s", "rank_bm25"):
        start = time.perf_counter()
        (index,) = BM25Index(backend).run([chunks])
        built = time.perf_counter() - start
        search = BM25Search(20)
        list(search.run([index], texts[:1]))
        rebuild = time.perf_counter()
        list(search.run([index], texts[:1]))
        rebuild = time.perf_counter() - rebuild
        start = time.perf_counter()
        list(search.run([index] * len(texts), texts))
        seconds[backend] = (time.perf_counter() - start - rebuild) / (len(texts) - 1)
        print(f"  {backend:10} index {built:.2f} s, rebuilt {rebuild:.3f} s, query {1000 * seconds[backend]:.3f} ms")
    print(f"  ratio of query times, rank_bm25 / bm25s: {seconds['rank_bm25'] / seconds['bm25s']:.0f}")


def main() -> None:
    for part in (spans, cacm, speed):
        try:
            part()
        except UserError as error:
            print(f"{part.__name__} left out: {error}")


if __name__ == "__main__":
    main()
