"""The laws that every reader obeys, whatever stands behind it."""

from __future__ import annotations

import dataclasses
import random

import pytest

from compressors.kv_snapkv import SnapKV
from compressors.soft_beacon import ActivationBeacon
from pipeline.core.records import Part, Prompt, Span
from pipeline.generators.base import Call, Generator, Price, Sampling
from pipeline.generators.embedded import Embedded
from pipeline.generators.endpoint import Endpoint
from pipeline.generators.extractive import Extractive
from pipeline.generators.hf import HF
from pipeline.generators.recorded import Recorded
from pipeline.generators.scripted import Scripted

DOCUMENT = "The lamp burned whale oil. The keeper was paid in spring. Sheep graze on the hill."
QUESTIONS = [
    "What did the lamp burn?",
    "When was the keeper paid?",
    "Who grazes on the hill?",
    "What is a comet?",
    "?!",
]
READERS = ["scripted", "recorded", "extractive", "embedded", "hf", "endpoint", "endpoint whole"]

# Other values for every runtime field, none of which may enter an identity.
RUNTIME = {
    "name": "another",
    "price": Price(1.0, 0.1, 2.0),
    "log_path": "elsewhere.log",
    "delay": 0.001,
    "answers": {},
    "device": "cpu",
    "batch_size": 3,
    "base_url": "http://elsewhere/v1",
    "api_key_env": "OTHER_KEY",
    "concurrency": 2,
    "timeout": 9.0,
    "max_retries": 1,
    "backoff": 0.02,
    "stream": True,
    "context": 99,
    "count_with": "minilm",
}


@pytest.fixture
def calls(call) -> list[Call]:
    asked = [call(q, DOCUMENT, name=q, max_tokens=12) for q in QUESTIONS]
    asked.append(call(QUESTIONS[0], name=QUESTIONS[0], route="closed", max_tokens=12))
    return asked


@pytest.fixture(params=READERS)
def reader(request):
    """One of the readers, ready to answer the calls."""
    made: Generator
    match request.param:
        case "scripted":
            made = Scripted(rules=(("lamp burn", "whale oil"), (r"re:(\w+) grazes", r"\1")), fail_on=("?!",))
        case "recorded":
            table = {(q, "lc"): f"the answer to {q}" for q in QUESTIONS[:3]} | {(QUESTIONS[3], "lc"): None}
            made = Recorded(model="m", answers_digest="d", answers=table)
        case "extractive":
            made = Extractive()
        case "embedded":
            made = Embedded(folder=str(request.getfixturevalue("tiny_model")), device="cpu")
        case "hf":
            made = HF(model=str(request.getfixturevalue("tiny_model")), batch_size=2, device="cpu")
        case "endpoint" | "endpoint whole":
            url = request.getfixturevalue("server").url
            made = Endpoint(model="m", base_url=url, backoff=0.01, timeout=5.0, stream=request.param == "endpoint")
        case other:
            raise ValueError(other)
    yield made
    made.close()


def answers(reader: Generator, calls: list[Call]) -> list:
    pairs = list(reader.generate(calls))
    assert sorted(i for i, _ in pairs) == list(range(len(calls))), "each call is answered exactly once"
    return [completion for _, completion in sorted(pairs, key=lambda pair: pair[0])]


def said(completion) -> tuple:
    """All of a completion but the time it took."""
    return dataclasses.astuple(dataclasses.replace(completion, seconds=0.0))


def test_every_call_is_answered_once_and_well_formed(reader, calls):
    for completion in answers(reader, calls):
        assert completion.status in ("ok", "failed")
        assert (completion.status == "failed") == bool(completion.error)
        assert completion.seconds >= 0
        assert "\n" not in completion.error
        assert completion.usage.prompt_tokens > 0
        assert 0 <= completion.usage.cached_tokens <= completion.usage.prompt_tokens
        assert all(isinstance(span, Span) for span in completion.cites)


def test_no_calls_are_no_answers(reader):
    assert list(reader.generate([])) == []


def test_the_order_of_the_calls_does_not_matter(reader, calls):
    first = [said(c) for c in answers(reader, calls)]
    order = list(range(len(calls)))
    random.Random(1).shuffle(order)
    second = answers(reader, [calls[i] for i in order])
    assert [said(second[order.index(i)]) for i in range(len(calls))] == first


def test_equal_calls_get_equal_answers(reader, calls):
    got = [said(c) for c in answers(reader, [calls[0], calls[1], calls[0]])]
    assert got[0] == got[2]
    assert said(answers(reader, [calls[0]])[0]) == got[0]


def test_a_failed_call_raises_nothing_and_spares_the_others(reader, calls):
    absent = Call(Prompt((Part("document", None), Part("question", "Who?"))), Sampling(), "absent", "lc")
    got = answers(reader, [calls[0], absent, calls[1]])
    assert got[1].status == "failed"
    assert got[1].text == ""
    assert [said(got[0]), said(got[2])] == [said(c) for c in answers(reader, calls[:2])]


def test_a_key_is_the_calls_own(reader, calls):
    keys = [reader.call_key(c) for c in calls]
    assert len(set(keys)) == len(calls)
    assert keys == [reader.call_key(c) for c in calls]
    again = dataclasses.replace(reader)
    assert keys == [again.call_key(c) for c in calls], "a reader of the same settings remembers the same answers"


def test_a_key_follows_what_the_answer_depends_on(reader, calls):
    call, key = calls[0], reader.call_key(calls[0])
    other_prompt = dataclasses.replace(call, prompt=Prompt((*call.prompt.parts, Part("label", " "))))
    other_sampling = dataclasses.replace(call, sampling=Sampling(max_tokens=13))
    other_owner = dataclasses.replace(call, question="another id", route="another")
    changed = [reader.call_key(c) != key for c in (other_prompt, other_sampling, other_owner)]
    # A recorded answer belongs to a question and a route; every other reader's to the prompt and the sampling.
    assert changed == ([False, False, True] if isinstance(reader, Recorded) else [True, True, False])


def test_runtime_fields_leave_identity_and_key_alone(reader, calls):
    runtime = [f.name for f in dataclasses.fields(reader) if f.metadata]
    assert {"name", "price"} <= set(runtime)
    for name in runtime:
        other = dataclasses.replace(reader, **{name: RUNTIME[name]})
        assert other.identity == reader.identity
        if name != "answers":  # where the answer itself lies
            assert other.call_key(calls[0]) == reader.call_key(calls[0])


def test_settings_change_the_identity(reader):
    other = {
        "rules": (("x", "y"),), "default": "other", "fail_on": (), "fail_final": False, "model": "other",
        "answers_digest": "other", "weight_words": 0.1, "threshold": 0.9, "growth": 0.5, "dtype": "float16",
        "chat": False, "extra": {"a": 1}, "api": "completions", "revision": "2", "precision": "float32", "kv": SnapKV(),
        "soft": ActivationBeacon(trust_remote_code=True),
    }  # fmt: skip
    for f in dataclasses.fields(reader):
        if f.metadata or (isinstance(reader, HF | Embedded) and f.name in ("model", "revision", "folder")):
            continue  # a folder's identity is its content: tests of HF and Embedded
        assert dataclasses.replace(reader, **{f.name: other[f.name]}).identity != reader.identity, f.name


def test_closing_twice_is_fine_and_the_reader_can_be_used_again(reader, calls):
    before = [said(c) for c in answers(reader, calls)]
    reader.close()
    reader.close()
    assert [said(c) for c in answers(reader, calls)] == before


def test_an_abandoned_run_can_be_followed_by_another(reader, calls):
    arriving = reader.generate(calls)
    next(arriving)
    arriving.close()
    assert len(answers(reader, calls)) == len(calls)


def test_it_counts_its_own_tokens_and_has_a_label(reader, calls):
    assert reader.tokenizer.count_prompt(calls[0].prompt) > 0
    assert reader.window is None or reader.window > 0
    assert reader.label
    assert dataclasses.replace(reader, name="mine").label == "mine"
    assert isinstance(hash(reader), int)
