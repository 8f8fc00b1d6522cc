"""Clustered RAG: the prompt's bound, what every cluster contributes, and summaries shared by a context's questions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Question, Ranking
from pipeline.core.stage import Documents, Per, Stage
from pipeline.core.store import Store
from pipeline.generators.base import Call, Completion, Sampling, Usage
from pipeline.generators.scripted import Told
from pipeline.reading import Job, read
from pipeline.routes.base import Ask, Case, Route
from pipeline.routes.clustered import ClusteredRAG
from pipeline.routes.rag import RAG
from retrievers.cluster import KMeans


@dataclass(frozen=True)
class Chunks(Stage):
    per: ClassVar[Per] = "context"


@dataclass(frozen=True)
class Encoded(Stage):
    per: ClassVar[Per] = "context"


def told(answer: Callable[[str, int], Completion] = lambda text, most: extract(text, most), **settings: Any) -> Told:
    """A reader that answers by a function of the prompt's text and the length."""
    return Told(answer=lambda call: answer(call.prompt.text, call.sampling.max_tokens), **settings)


def is_summary(text: str) -> bool:
    return text.endswith("Summary:")


def facts(text: str) -> list[str]:
    return re.findall(r"fact\d+", text)


def extract(text: str, most: int) -> Completion:
    """The facts of the prompt, as many as fit; an answer tells how many there are."""
    found = facts(text)
    said = " ".join(found[:most]) if is_summary(text) else f"{len(found)} facts"
    return Completion(said or "nothing", usage=Usage(len(text), 1))


CHUNKS = Chunks().on(Documents().on())
CLUSTERS = KMeans().on(Encoded().on(CHUNKS))
ROUTE = ClusteredRAG(chunks=CHUNKS, clusters=CLUSTERS, summary_tokens=20)


def case_of(labels: Sequence[int], reader: Told | None = None, *, words: int = 8, ask: str = "How many?") -> Case:
    """One passage per label, each a document of its own that holds one fact."""
    texts = [f"fact{i} " + "and so on " * ((words - 1) // 3) for i in range(len(labels))]
    chunks = tuple(Chunk(f"d{i}", 0, len(t), t, f"Paper {i}") for i, t in enumerate(texts))
    documents = tuple(Document(f"d{i}", t, f"Paper {i}") for i, t in enumerate(texts))
    question = Question(f"q {ask}", ask, context=tuple(d.id for d in documents))
    inputs = {"chunks": chunks, "clusters": np.array(labels, dtype=np.int32)}
    return Case(question, documents, inputs, reader or told())


def run(route: Route, case: Case, store: Store) -> Any:
    (done,), _ = read([Job("clustered", route, case)], store)
    assert done.reply is not None
    return done


def shown(reply: Any) -> list[str]:
    return [p.text or "" for p in reply.prompt.parts if p.role == "passage"]


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("steady")) as opened:
        yield opened


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 6), st.integers(1, 30))
def test_the_context_is_bounded_by_clusters_and_not_by_documents(steady: Store, n: int, k: int, s: int) -> None:
    labels = [i % k for i in range(n)]
    done = run(replace(ROUTE, summary_tokens=s), case_of(labels), steady)
    assert len(done.completions) == min(k, n) + 1
    assert len(shown(done.reply)) == min(k, n)
    assert done.reply.cut.kept_tokens <= min(k, n) * s
    assert len(facts(done.reply.prompt.text)) == sum(min(s, labels.count(c)) for c in range(k))


def test_the_context_hardly_grows_where_rags_grows_with_the_documents(store: Store) -> None:
    """The paper's comparison: from 4 to 75 reviews RAG's prompt grows about nine times, this one hardly."""
    rag = RAG(chunks=CHUNKS, ranking=CLUSTERS)

    def tokens(route: Route, n: int) -> int:
        case = case_of([i % 4 for i in range(n)], words=60)
        found = Ranking(tuple(range(n)), (0.0,) * n)
        case = replace(case, inputs={**case.inputs, "ranking": found})
        return case.reader.tokenizer.count_prompt(run(route, case, store).reply.prompt)

    assert tokens(rag, 75) > 9 * tokens(rag, 4)
    assert tokens(ROUTE, 75) < 2.5 * tokens(ROUTE, 4)
    assert 1 - tokens(ROUTE, 75) / tokens(rag, 75) > 0.9


def test_every_cluster_contributes_in_reading_order_and_no_summary_is_evidence(store: Store) -> None:
    done = run(ROUTE, case_of([0, 1, 0, 2, 1]), store)
    assert shown(done.reply) == ["fact0 fact2", "fact1 fact4", "fact3"]
    assert done.reply.prompt.spans == ()
    assert done.reply.completion.text == "5 facts"
    labels = [p.text for p in done.reply.prompt.parts if p.role == "label" and (p.text or "").strip()]
    assert labels == ["[1] Summary\n", "[2] Summary\n", "[3] Summary\n"]
    assert done.reply.notes == ()


def test_summaries_hold_no_question_and_are_made_once_for_all(store: Store) -> None:
    reader = told()
    cases = [case_of([0, 1, 1], reader, ask=q) for q in ("How many?", "何個ありますか?", "Which?")]
    transcripts, keys = read([Job("clustered", ROUTE, c) for c in cases], store)
    assert len(reader.given) == len(keys) == 2 + 3
    assert [t.completions[:2] for t in transcripts] == [transcripts[0].completions[:2]] * 3
    assert all(t.usage.prompt_tokens == sum(c.usage.prompt_tokens for c in t.completions) for t in transcripts)
    assert sum(m for t in transcripts for m in t.made) == 5
    for call in reader.given[:2]:
        assert not any(c.question.text in call.prompt.text for c in cases)
        assert not [p for p in call.prompt.parts if p.role == "question"]


def test_documents_are_named_to_the_summariser_where_labels_are_shown(store: Store) -> None:
    reader = told()
    run(ROUTE, case_of([0, 0], reader), store)
    assert "[2] Paper 1\nfact1" in reader.given[0].prompt.text
    reader = told()
    run(replace(ROUTE, labels=False), case_of([0, 0], reader), store)
    assert "Paper" not in reader.given[0].prompt.text


def test_summaries_have_their_own_length_and_no_stop_text(store: Store) -> None:
    reader = told()
    run(replace(ROUTE, sampling=Sampling(max_tokens=7, stop=("\n",))), case_of([0]), store)
    run(replace(ROUTE, sampling=Sampling(max_tokens=7, stop=("\n",))), case_of([0, 0], reader), store)
    assert [c.sampling for c in reader.given] == [Sampling(max_tokens=20), Sampling(max_tokens=7, stop=("\n",))]
    assert "at most 14 words" in reader.given[0].prompt.text


def test_no_chunk_and_one_chunk(store: Store) -> None:
    done = run(ROUTE, case_of([]), store)
    assert len(done.completions) == 1
    assert shown(done.reply) == []
    done = run(ROUTE, case_of([0]), store)
    assert shown(done.reply) == ["fact0"]


def drive(route: Route, case: Case) -> tuple[list[str], Any]:
    """Runs a route without a store, so that nothing is remembered; all prompts and the reply."""
    steps, prompts = route.steps(case), []
    wanted = next(steps)
    while True:
        asks = (wanted,) if isinstance(wanted, Ask) else wanted
        prompts += [ask.prompt.text for ask in asks]
        said = [c for _, c in case.reader.generate([Call(ask.prompt, ask.sampling, "q", "r") for ask in asks])]
        try:
            wanted = steps.send(said[0] if isinstance(wanted, Ask) else tuple(said))
        except StopIteration as done:
            return prompts, done.value


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 3), st.integers(230, 400), st.integers(4, 120))
def test_a_cluster_longer_than_the_window_is_read_in_batches(n: int, k: int, limit: int, words: int) -> None:
    """Every call fits (the reader asserts it), and every passage is read by some call."""
    case = case_of([i % k for i in range(n)], told(limit=limit), words=words)
    prompts, reply = drive(replace(ROUTE, sampling=Sampling(max_tokens=10)), case)
    assert len(shown(reply)) == min(k, n)
    assert reply.cut.kept_tokens <= 20 * min(k, n)
    assert {f for text in prompts if is_summary(text) for f in facts(text)} == {f"fact{i}" for i in range(n)}


def test_a_passage_longer_than_the_window_is_read_to_its_end(store: Store) -> None:
    reader = told(limit=300)
    text = " ".join(f"fact{i}" for i in range(700)) + " 終わり"
    case = case_of([0], reader)
    case = replace(case, inputs={**case.inputs, "chunks": (Chunk("d0", 0, len(text), text, "Paper 0"),)})
    done = run(replace(ROUTE, sampling=Sampling(max_tokens=10)), case, store)
    calls = sorted(reader.given, key=lambda c: c.turn)
    pieces = [p for c in calls for p in c.prompt.parts if p.role == "passage" and p.span]
    assert len(pieces) > 3
    assert "".join(p.text or "" for p in pieces) == text
    assert [text[p.span.start : p.span.end] for p in pieces if p.span] == [p.text for p in pieces]
    assert len(shown(done.reply)) == 1


def test_windows_that_cannot_do_are_refused_with_the_remedy(store: Store) -> None:
    with pytest.raises(
        UserError, match=r"do not fit the window of 400.*Lower summary_tokens or the number of clusters"
    ):
        run(ROUTE, case_of(range(30), told(limit=400)), store)
    with pytest.raises(UserError, match="no room for passages"):
        run(replace(ROUTE, sampling=Sampling(max_tokens=1)), case_of([0], told(limit=130)), store)
    with pytest.raises(UserError, match="4 tokens of the window hold no part of a passage under its label 'Paper 0'"):
        run(replace(ROUTE, sampling=Sampling(max_tokens=1)), case_of([0], told(limit=140)), store)
    route = replace(ROUTE, summary_tokens=100, sampling=Sampling(max_tokens=1))
    with pytest.raises(UserError, match="do not hold two summaries of 100"):
        run(route, case_of([0] * 30, told(limit=380), words=60), store)
    with pytest.raises(UserError, match="summary_tokens"):
        replace(ROUTE, summary_tokens=0)


def test_a_summary_that_reaches_its_length_is_used_and_told(store: Store) -> None:
    def endless(text: str, most: int) -> Completion:
        if not is_summary(text):
            return Completion("done")
        return Completion(" ".join(["on"] * most), "failed", "length", "cut off", Usage(1, most))

    done = run(ROUTE, case_of([0, 1]), store)
    assert done.reply.notes == ()
    done = run(ROUTE, case_of([0, 1], told(answer=endless, name="endless", script="endless")), store)
    assert done.reply.completion.text == "done"
    assert done.reply.notes == ("2 of 2 summaries were cut at 20 tokens",)
    more = told(answer=lambda t, most: Completion("on " * 2 * most if is_summary(t) else "done"), script="more")
    done = run(ROUTE, case_of([0, 1], more), store)
    assert [len(t.split()) for t in shown(done.reply)] == [20, 20]
    assert done.reply.notes == ("2 of 2 summaries were cut at 20 tokens",)
    blank = told(answer=lambda t, most: Completion(" " if "fact1" in t else "so"), script="blank")
    done = run(ROUTE, case_of([0, 1], blank), store)
    assert done.reply.notes == ("1 of 2 summaries are empty",)


@pytest.mark.parametrize("final", [True, False])
def test_a_failed_summary_ends_the_route_and_is_not_taken_for_good(store: Store, final: bool) -> None:
    broken = [True]

    def answer(text: str, most: int) -> Completion:
        if is_summary(text) and "fact0" not in text and broken[0]:
            return Completion("", "failed", "error", f"time-out at {facts(text)[0]}", Usage(3), final=final)
        return extract(text, most)

    reader = told(answer=answer)
    case = case_of([0, 1, 2], reader)
    done = run(ROUTE, case, store)
    assert done.reply.completion.error == "time-out at fact1"
    assert done.reply.prompt.spans == (case.inputs["chunks"][1].span,)
    assert [c.status for c in done.completions] == ["ok", "failed", "failed"]
    assert len(reader.given) == 3
    broken[0] = False
    done = run(ROUTE, case, store)
    assert done.reply.completion.status == ("failed" if final else "ok")
    assert len(reader.given) == (3 if final else 3 + 2 + 1)


def test_equal_settings_give_equal_prompts_and_other_clusters_do_not(store: Store) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, 16)).astype(np.float32)
    digests = []
    for seed in (0, 0, 1):
        labels = KMeans(k=5, seed=seed).labels(vectors)
        digests.append(run(ROUTE, case_of(labels.tolist()), store).reply.prompt.digest)
    assert digests[0] == digests[1] != digests[2]
