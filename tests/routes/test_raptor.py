"""RAPTOR: the tree's shape, the collapsed tree against a brute force, and what is shared by a context's questions."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Question
from pipeline.core.spec import runtime
from pipeline.core.stage import Documents, Per, QuestionText, Stage
from pipeline.core.store import Store
from pipeline.generators.base import Completion, Sampling, Usage
from pipeline.generators.scripted import Told
from pipeline.reading import Job, plan_calls, read
from pipeline.routes.base import Case
from pipeline.routes.raptor import Raptor
from retrievers.cluster import KMeans
from retrievers.encode import EncodeChunks, EncodeQuestion, Encoder


@dataclass(frozen=True)
class Chunks(Stage):
    per: ClassVar[Per] = "context"


@dataclass(frozen=True)
class Words:
    """Counts of words as vectors, hashed to 64 places; keeps what it was given."""

    name: str = "words"
    given: list[tuple[str, ...]] = runtime(default_factory=list)

    def encode(self, texts: Sequence[str]) -> Any:
        self.given.append(tuple(texts))
        vectors = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, zlib.crc32(word.encode()) % 64] += 1
        return vectors


def told(answer: Callable[[str], Completion] = lambda text: gist(text), **settings: Any) -> Told:
    """A reader that answers by a function of the prompt's text; as it comes, it sums up."""
    return Told(answer=lambda call: answer(call.prompt.text), **settings)


def is_summary(text: str) -> bool:
    return text.endswith("Summary:")


def gist(text: str) -> Completion:
    found = re.findall(r"\] ?[^\n]*\n(\S+)", text)
    return Completion(" ".join(found[:6]) if is_summary(text) else "an answer", usage=Usage(10, 2))


CHUNKS = Chunks().on(Documents().on())
ENCODED = EncodeChunks().on(CHUNKS)


def route(embedder: Any = None, **more: Any) -> Raptor:
    clusterer = more.pop("clusterer", KMeans(size=4))
    return Raptor(
        chunks=CHUNKS,
        encoded=ENCODED,
        clusters=clusterer.on(ENCODED),
        question=EncodeQuestion().on(QuestionText().on()),
        embedder=embedder or Words(),
        clusterer=clusterer,
        **{"tokenizer": "words", **more},
    )


def case_of(texts: Sequence[str], raptor: Raptor, reader: Told | None = None, ask: str = "topic3 word7") -> Case:
    chunks = tuple(Chunk(f"d{i}", 0, len(t), t, f"Paper {i}") for i, t in enumerate(texts))
    documents = tuple(Document(f"d{i}", t, f"Paper {i}") for i, t in enumerate(texts))
    vectors = raptor.embedder.encode(texts)
    inputs = {
        "chunks": chunks,
        "encoded": {"vectors": vectors},
        "clusters": raptor.clusterer.labels(vectors),
        "question": raptor.embedder.encode([ask])[0],
    }
    return Case(Question(f"q {ask}", ask, context=tuple(d.id for d in documents)), documents, inputs, reader or told())


def texts_of(n: int, topics: int = 8) -> list[str]:
    return [f"topic{i % topics} word{i} word{i} tail of the passage" for i in range(n)]


def run(raptor: Raptor, case: Case, store: Store) -> Any:
    (done,), _ = read([Job("raptor", raptor, case)], store)
    assert done.reply is not None
    return done


def shown(reply: Any) -> list[tuple[str, bool]]:
    """Texts in the prompt, and whether each is evidence."""
    return [(p.text or "", p.span is not None) for p in reply.prompt.parts if p.role == "passage"]


def test_the_tree_grows_until_one_node_is_left(store: Store) -> None:
    embedder, reader = Words("grows"), told()
    raptor = route(embedder, budget=10_000)
    done = run(raptor, case_of(texts_of(40), raptor, reader), store)
    sizes = [40, *(len(given) for given in embedder.given[2:])]
    assert sizes[-1] == 1
    assert all(a > b for a, b in pairwise(sizes))
    assert len(done.completions) == sum(sizes[1:]) + 1
    # Everything fits: each node of each level is shown, passages as evidence and summaries not.
    found = shown(done.reply)
    assert len(found) == sum(sizes)
    assert sum(evidence for _, evidence in found) == 40
    assert {s.doc for s in done.reply.prompt.spans} == {f"d{i}" for i in range(40)}
    assert {t for given in embedder.given[2:] for t in given} == {t for t, evidence in found if not evidence}
    assert done.reply.notes == ()


def test_the_collapsed_tree_ranks_all_levels_by_cosine_and_fills_the_budget(store: Store) -> None:
    embedder = Words("collapsed")
    raptor = route(embedder, budget=60)
    case = case_of(texts_of(40), raptor)
    done = run(raptor, case, store)
    nodes = [*texts_of(40), *(t for given in embedder.given[2:] for t in given)]
    matrix = embedder.encode(nodes).astype(np.float64)
    asked = case.inputs["question"].astype(np.float64)
    cosine = matrix @ asked / np.linalg.norm(matrix, axis=1) / np.linalg.norm(asked)
    best = [nodes[i] for i in np.argsort(-np.round(cosine, 6), kind="stable")]
    found = [text for text, _ in shown(done.reply)]
    assert found == best[: len(found)]
    count = case.reader.tokenizer.count
    assert sum(map(count, found)) <= 60 < sum(map(count, best[: len(found) + 1]))
    labels = [p.text or "" for p in done.reply.prompt.parts if p.role == "label" and (p.text or "").strip()]
    for (text, evidence), label in zip(shown(done.reply), labels, strict=True):
        assert ("Summary" in label) != evidence
        assert not evidence or f"Paper {texts_of(40).index(text)}" in label


def test_equal_cosines_go_by_index_passages_first(store: Store) -> None:
    raptor = route(Words("ties"), budget=12)
    same = ["same words"] * 9
    done = run(raptor, case_of(same, raptor, ask="same words"), store)
    assert [s.doc for s in done.reply.prompt.spans] == [f"d{i}" for i in range(6)]


def test_summaries_are_made_and_embedded_once_for_all_questions(store: Store) -> None:
    embedder, reader = Words("once"), told()
    raptor = route(embedder)
    cases = [case_of(texts_of(30), raptor, reader, ask=f"topic{i}") for i in range(5)]
    before = len(embedder.given)
    transcripts, keys = read([Job("raptor", raptor, c) for c in cases], store)
    levels = embedder.given[before:]
    assert len(levels) == len(set(levels)) >= 2
    tree = sum(len(given) for given in levels)
    assert len(reader.given) == len(keys) == tree + 5
    assert all(len(t.completions) == tree + 1 for t in transcripts)
    assert {t.usage for t in transcripts} == {Usage(10 * (tree + 1), 2 * (tree + 1))}
    assert not any("Question:" in call.prompt.text for call in reader.given if is_summary(call.prompt.text))
    again = replace(raptor)  # an equal route of another run in the same process
    read([Job("raptor", again, c) for c in cases], store)
    assert len(embedder.given) == before + len(levels)
    assert len(reader.given) == tree + 5


def test_another_encoder_shares_nothing(store: Store) -> None:
    first, second = Words("first"), Words("second")
    for embedder in (first, second):
        raptor = route(embedder)
        run(raptor, case_of(texts_of(12), raptor), store)
    assert first.given == second.given
    assert len(first.given) > 2


def test_levels_limit_the_tree(store: Store) -> None:
    embedder = Words("limited")
    raptor = route(embedder, levels=1)
    run(raptor, case_of(texts_of(40), raptor), store)
    assert len(embedder.given[2:]) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_cluster_asks_once(store: Store, count: int) -> None:
    raptor = route(Words(f"few {count}"))
    done = run(raptor, case_of(texts_of(count), raptor), store)
    assert len(done.completions) == 1
    assert shown(done.reply) == [(t, True) for t in texts_of(count)]


def test_clusters_of_one_make_no_tree(store: Store) -> None:
    raptor = route(Words("alone"), clusterer=KMeans(k=10))
    done = run(raptor, case_of(texts_of(10), raptor), store)
    assert len(done.completions) == 1


def test_other_scripts(store: Store) -> None:
    raptor = route(Words("scripts"), clusterer=KMeans(k=1))
    texts = ["鍵は引き出しの中", "ลิ้นชักอยู่ชั้นบน", "Ключ на столе"]
    done = run(raptor, case_of(texts, raptor, ask="鍵は引き出しの中"), store)
    assert shown(done.reply)[0] == (texts[0], True)
    assert len(shown(done.reply)) == 4


def test_the_readers_window_bounds_every_call_and_that_is_told(store: Store) -> None:
    reader = told(limit=330)
    raptor = route(Words("window"), budget=5000, summary_tokens=20, sampling=Sampling(max_tokens=30))
    texts = [t + " and so on" * 12 for t in texts_of(40)]
    done = run(raptor, case_of(texts, raptor, reader), store)
    (note,) = done.reply.notes
    held = len(shown(done.reply))
    assert note == f"the reader's window holds {held} passages, not the whole budget of 5000 tokens"
    size = reader.tokenizer.count_prompt(done.reply.prompt)
    assert 330 - 30 - 64 - 60 < size <= 330 - 30 - 64
    with pytest.raises(UserError, match="no room for passages"):
        run(replace(raptor, sampling=Sampling(max_tokens=300)), case_of([], raptor, reader), store)


def test_a_budget_below_the_first_passage_shows_none_and_says_so(store: Store) -> None:
    raptor = route(Words("tiny"), budget=1)
    done = run(raptor, case_of(texts_of(8), raptor), store)
    assert shown(done.reply) == []
    assert done.reply.notes == ("the nearest passage exceeds the budget of 1 tokens: none is shown",)


def test_a_failed_summary_ends_the_route_and_is_asked_again(store: Store) -> None:
    broken = [True]

    def answer(text: str) -> Completion:
        if is_summary(text) and "Summary\n" in text and broken[0]:  # of the second level
            return Completion("", "failed", "error", "time-out", Usage(3), final=False)
        return gist(text)

    reader = told(answer=answer)
    raptor = route(Words("failed"))
    case = case_of(texts_of(40), raptor, reader)
    done = run(raptor, case, store)
    assert done.reply.completion.error == "time-out"
    assert done.reply.prompt.spans == ()
    first, failed = len(reader.given), sum(c.status == "failed" for c in done.completions)
    assert failed > 1
    broken[0] = False
    done = run(raptor, case, store)
    assert done.reply.completion.text == "an answer"
    assert len(done.completions) == len(reader.given) - failed
    assert len(reader.given) > first + failed


def test_empty_summaries_are_no_nodes(store: Store) -> None:
    reader = told(answer=lambda text: Completion("" if is_summary(text) else "an answer"))
    raptor = route(Words("empty"))
    done = run(raptor, case_of(texts_of(12), raptor, reader), store)
    assert all(evidence for _, evidence in shown(done.reply))
    assert done.reply.notes == ("3 of 3 summaries are empty",)


def test_a_question_of_another_encoder_is_refused(store: Store) -> None:
    raptor = route(Words("other"))
    case = case_of(texts_of(3), raptor)
    with pytest.raises(UserError, match="5 dimensions, a level of the tree has 64"):
        run(raptor, replace(case, inputs={**case.inputs, "question": np.ones(5, np.float32)}), store)
    with pytest.raises(UserError, match="budget"):
        route(budget=0)


def test_the_plan_knows_the_first_level(store: Store) -> None:
    raptor = route(Words("plan"))
    reader = told()
    case = case_of(texts_of(9), raptor, reader)
    (plan,) = plan_calls([Job("raptor", raptor, case)], store)
    clusters = len(set(case.inputs["clusters"].tolist()))
    assert clusters > 1
    assert (plan.asked, plan.distinct, plan.max_answer_tokens) == (clusters, clusters, 100 * clusters)
    assert reader.given == []


def test_with_a_real_encoder(store: Store) -> None:
    """Passages on three subjects: a question on one finds its passages and its summary before the others."""
    subjects = {
        "tide": ["The tide rises twice a day.", "Sea water falls back at low tide.", "The moon pulls the sea."],
        "bread": ["Dough rises with yeast.", "Bread is baked in a hot oven.", "Flour and water make dough."],
        "tax": ["Income tax is due in April.", "The tax office sends a bill.", "Late taxes cost interest."],
    }
    texts = [text for group in subjects.values() for text in group]

    def summary(text: str) -> Completion:
        subject = next((s for s, group in subjects.items() if group[0] in text), "all")
        return Completion(f"About {subject}." if is_summary(text) else "an answer")

    raptor = route(Encoder(), clusterer=KMeans(k=3), levels=1, budget=35)
    case = case_of(texts, raptor, told(answer=summary), ask="How is bread made from dough?")
    done = run(raptor, case, store)
    found = [text for text, _ in shown(done.reply)]
    assert set(found[:4]) == {*subjects["bread"], "About bread."}
