"""Features for the gateway: before and after a route, from many threads, with few indexes held."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import pipeline.generators._minilm as minilm
from experiments.routing.extract import Before, Extractor, encoder_digest
from pipeline.core.errors import UserError
from pipeline.core.records import Document
from pipeline.gateway.contract import Extractor as Contract
from pipeline.policy.features import FEATURES, known_feature
from pipeline.policy.models import Constant
from pipeline.policy.policy import Encoder, Head, Policy, RoutePrice, Setting, Step
from retrievers import probe

TEXT = "The frigate Aurora left the harbour of Lisbon with 412 men. " * 20 + "Nothing else befell them at sea. " * 40
DOCUMENTS = (Document("log", TEXT),)
ASKED = "Which harbour did the frigate Aurora leave?"


def policy(*features: str, encoder: Encoder | None = None) -> Policy:
    step = Step(
        after="",
        features=features,
        low=[0.0] * len(features),
        high=[1.0] * len(features),
        fill=[0.5] * len(features),
        models=(Constant([0.0]),),
        readers={"": Head([[0.0]], [0.5], ((0.0, 1.0),), ((0.0, 1.0),))},
    )
    return Policy(
        name="p",
        routes=(RoutePrice("rag", 1.0, 0.0),),
        steps=(step,),
        settings=(Setting("balanced", "", {"": 0.0}, False),),
        fallback="rag",
        encoder=encoder,
    )


def same(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(x == b[k] or (math.isnan(x) and math.isnan(b[k])) for k, x in a.items())


@pytest.fixture
def built(monkeypatch) -> list[int]:
    """The sizes of the contexts whose index was built, in order."""
    sizes: list[int] = []
    build: Callable[..., Any] = probe.build_index

    def counted(documents: Any) -> Any:
        sizes.append(len(documents))
        return build(documents)

    monkeypatch.setattr(probe, "build_index", counted)
    return sizes


def test_it_is_what_the_gateway_asks_for():
    extractor: Contract = Extractor()
    before = extractor.before(ASKED, DOCUMENTS)
    index = probe.open_index(probe.build_index(DOCUMENTS))
    assert same(before, probe.probe(index, ASKED))
    after = extractor.after(ASKED, "rag", "It left Lisbon with 412 men.", ["a passage"], before)
    assert set(after) == {name for name in FEATURES if name.startswith("answer.")}
    assert after["answer.found"] == pytest.approx(1)
    assert after["answer.declined"] == 0
    declined = extractor.after(ASKED, "rag", "The text does not mention a harbour.", [], before)
    assert declined["answer.declined"] == 1
    assert all(known_feature(name) for name in before | after)


def test_without_the_features_that_it_made_the_grounding_is_not_known():
    extractor = Extractor()
    after = extractor.after(ASKED, "rag", "Lisbon", [], {"document.tokens": 1.0})
    assert math.isnan(after["answer.found"])
    assert after["answer.words"] == 1


def test_an_index_is_built_once_for_the_same_texts(built):
    extractor = Extractor()
    for documents in (DOCUMENTS, (Document("log", TEXT),), DOCUMENTS):
        extractor.before(ASKED, documents)
    assert built == [1]


def test_the_least_used_index_goes_first_and_its_answers_can_still_be_judged(built):
    extractor = Extractor(held=len(TEXT) + 15)
    other, third = (Document("b", "other words"),), (Document("c", "third text"),)
    first = extractor.before(ASKED, DOCUMENTS)
    for documents in (other, DOCUMENTS, third, DOCUMENTS, other):
        extractor.before(ASKED, documents)
    assert len(built) == 4  # only `other` was built again
    extractor.before(ASKED, third)
    assert isinstance(first, Before)
    assert extractor.after(ASKED, "rag", "Lisbon", [], first)["answer.found"] == pytest.approx(1)


def test_threads_that_ask_at_once_share_one_index(monkeypatch):
    build: Callable[..., Any] = probe.build_index
    calls: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def slow(documents: Any) -> Any:
        calls.append(1)
        begun.set()
        go.wait(10)
        return build(documents)

    monkeypatch.setattr(probe, "build_index", slow)
    extractor = Extractor()
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(extractor.before, f"{ASKED} {i}", DOCUMENTS) for i in range(8)]
        assert begun.wait(10)
        go.set()
        found = [f.result() for f in futures]
    assert calls == [1]
    assert all(same(f, extractor.before(f"{ASKED} {i}", DOCUMENTS)) for i, f in enumerate(found))


def test_a_build_that_fails_is_told_to_all_and_tried_again(monkeypatch):
    extractor = Extractor()
    with monkeypatch.context() as patch:
        patch.setattr(probe, "build_index", lambda documents: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            extractor.before(ASKED, DOCUMENTS)
    assert extractor.before(ASKED, DOCUMENTS)["probe.chunks"] == 4


class Letters:
    """An encoder by the counts of letters, unit length."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def vectors(self, texts: list[str]) -> np.ndarray:
        self.read += texts
        counts = np.array([[t.lower().count(c) + 1e-3 for c in "abcdefghij"] for t in texts], dtype=np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@pytest.fixture
def encoder(monkeypatch) -> Letters:
    letters = Letters()
    monkeypatch.setattr(minilm, "shared", lambda: letters)
    return letters


def test_nothing_is_encoded_that_the_policy_does_not_read(encoder):
    found = Extractor(policy("document.tokens", "probe.score")).before(ASKED, DOCUMENTS)
    assert encoder.read == []
    assert math.isnan(found["probe.dense_score"])
    assert "vector.0" not in found


def test_the_questions_vector_where_the_policy_has_an_encoder(encoder):
    given = Encoder("minilm", 10, encoder_digest() or "")
    found = Extractor(policy("document.tokens", encoder=given)).before(ASKED, DOCUMENTS)
    assert encoder.read == [ASKED]
    assert [found[f"vector.{i}"] for i in range(10)] == pytest.approx(encoder.vectors([ASKED])[0].tolist())


def test_cosines_where_the_policy_reads_them(encoder):
    extractor = Extractor(policy("document.tokens", "probe.agree5"))
    found = extractor.before(ASKED, DOCUMENTS)
    chunks = [c.text for c in probe.chunks_of(DOCUMENTS)]
    assert encoder.read == [*chunks, ASKED]
    assert found["probe.dense_score"] == pytest.approx(
        float((encoder.vectors(chunks) @ encoder.vectors([ASKED])[0]).max())
    )
    assert "vector.0" not in found
    assert math.isnan(extractor.before(ASKED, [Document("a", None)])["probe.dense_score"])


def test_an_encoder_that_is_not_here_is_refused():
    with pytest.raises(UserError, match="no encoder 'e5'"):
        Extractor(policy("document.tokens", encoder=Encoder("e5", 8, "0" * 64)))
    assert encoder_digest("e5") is None
    digest = encoder_digest()
    assert digest is not None
    assert len(digest) == 64


def test_an_index_larger_than_all_that_may_be_held_serves_until_the_next_one(built):
    extractor = Extractor(held=1)
    for documents in (DOCUMENTS, DOCUMENTS, (Document("b", "other words"),), DOCUMENTS):
        extractor.before(ASKED, documents)
    assert len(built) == 3


def test_a_policy_that_counts_words_in_other_buckets_is_refused():
    from dataclasses import replace

    from pipeline.policy.features import BITS
    from pipeline.policy.projection import Projection

    plain = policy("document.tokens")
    for bits in (BITS, BITS - 1):
        projection = Projection("ngram.", np.zeros(0), np.zeros((1, 2**bits)), np.zeros(1))
        other = replace(plain, steps=(replace(plain.steps[0], projections=(projection,)),))
        if bits == BITS:
            Extractor(other)
        else:
            with pytest.raises(UserError, match="buckets"):
                Extractor(other)
