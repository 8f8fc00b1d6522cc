"""The `hf` reader under KV policies: identity, neutral budgets, what is recorded, needles with the shipped model."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from compressors.kv import KVUse
from compressors.kv_a2sf import A2SF
from compressors.kv_blocks import Blocks
from compressors.kv_keynorm import KeyNorm
from compressors.kv_quantised import Quantised
from compressors.kv_sinks import Sinks
from compressors.kv_snapkv import SnapKV
from compressors.kv_think import ThinK
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt
from pipeline.core.spec import canonical, digest_model
from pipeline.generators.base import Call, Sampling
from pipeline.generators.embedded import FOLDER
from pipeline.generators.hf import HF

torch = pytest.importorskip("torch")

SEVEN = [
    *(Sinks(), SnapKV(window=8), KeyNorm(), A2SF(), ThinK(), Blocks(block=8, recent=8)),
    Quantised(bits=8, group=8, recent=8),
]
NEUTRAL = [
    *(replace(p, budget=1) for p in SEVEN if hasattr(p, "budget")),
    *(ThinK(channels=1), Quantised(bits=16)),
]
QUESTIONS = ["Who?", "What is the answer to the question of the reader?", "a " * 40, "why", "how so"]


def answers(reader, calls):
    got = dict(reader.generate(calls))
    return [got[i] for i in range(len(calls))]


@pytest.fixture(scope="module")
def mixed(tiny_model):
    """Calls of many lengths, greedy, drawn, and with a stop text, and the dense reader's answers in padded batches."""
    settings = [{}, {"temperature": 1.0, "top_p": 0.9, "seed": 3}, {"stop": ("e",)}]
    prompts = [Prompt((Part("question", q),)) for q in QUESTIONS[:4]]
    calls = [Call(p, Sampling(max_tokens=10, **more), "q", "lc") for more in settings for p in prompts]
    return calls, answers(HF(model=str(tiny_model), device="cpu", batch_size=4), calls)


@pytest.mark.parametrize("policy", NEUTRAL, ids=lambda p: type(p).__name__)
def test_a_budget_that_covers_the_text_gives_the_same_answers(tiny_model, mixed, policy):
    calls, dense = mixed
    kept = answers(HF(model=str(tiny_model), device="cpu", batch_size=4, kv=policy), calls)
    assert [(c.text, c.status, c.usage) for c in kept] == [(c.text, c.status, c.usage) for c in dense]


@pytest.mark.parametrize("policy", SEVEN, ids=lambda p: type(p).__name__)
def test_bytes_and_seconds_are_recorded_for_every_prompt(tiny_model, call, policy):
    calls = [call(q, "a text of some length " * 8, max_tokens=6) for q in QUESTIONS]
    reader = HF(model=str(tiny_model), device="cpu", kv=policy)
    done = answers(reader, calls)
    assert [c for c, _ in reader.kv_uses] == calls
    for completion, (_, use) in zip(done, reader.kv_uses, strict=True):
        assert isinstance(use, KVUse)
        assert use.tokens == completion.usage.prompt_tokens
        assert use.dense_bytes == 2 * 2 * 2 * use.tokens * 16 * 4
        assert 0 < use.kept_bytes <= use.peak_bytes
        assert use.share == use.kept_bytes / use.dense_bytes
        assert 0 < use.prefill_seconds + use.compress_seconds + use.decode_seconds <= completion.seconds
        assert set(use.as_row()) == {f.name for f in dataclasses.fields(KVUse)}


def test_an_answer_does_not_depend_on_what_was_asked_before(tiny_model, call):
    reader = HF(model=str(tiny_model), device="cpu", kv=SnapKV(window=4))
    calls = [call(q, max_tokens=12) for q in QUESTIONS]
    together = answers(reader, calls)
    alone = [answers(reader, [one])[0] for one in reversed(calls)][::-1]
    assert [c.text for c in together] == [c.text for c in alone]


def test_the_policy_is_part_of_the_identity_and_no_policy_is_none(tiny_model):
    plain, model = HF(model=str(tiny_model)), str(tiny_model)
    assert len({HF(model=model, kv=p).identity for p in [None, *SEVEN, *NEUTRAL]}) == 1 + len(SEVEN) + len(NEUTRAL)
    assert HF(model=model, kv=Blocks(far="cpu")).identity == HF(model=model, kv=Blocks()).identity
    # As it was before there were policies, so that stored answers stay good.
    assert plain.resolved_settings() == {"model": digest_model(model), "dtype": "auto", "chat": "auto"}
    body = HF(model=model, kv=SnapKV()).resolved_settings()["kv"]
    assert (body["class"], body["version"], body["budget"]) == ("SnapKV", 1, 0.25)
    canonical(body)


@pytest.mark.parametrize("given", [{"type": "snapkv"}, "snapkv", 0.25, SnapKV])
def test_what_is_no_policy_is_one_line(tiny_model, given):
    with pytest.raises(UserError, match="no KV policy") as caught:
        HF(model=str(tiny_model), kv=given)
    assert "\n" not in str(caught.value)


# -- the shipped model ------------------------------------------------------------------------------------------------

_PLACES = "harbour market library station garden chapel bakery museum".split()
_DETAILS = "windows gates lamps benches stairs roofs walls signs".split()
NEEDLE, ASKED, FOUND = "The vault code is 7294.", "What is the vault code?", "7294"


def haystack(sentences: int, at: float) -> str:
    lines = [
        f"In {1700 + 3 * i} the {_DETAILS[i % 8]} of the {_PLACES[i * 5 % 8]} were painted for the {i}th time."
        for i in range(sentences)
    ]
    lines.insert(int(at * sentences), NEEDLE)
    return " ".join(lines)


def needle_call(at: float) -> Call:
    text = f"{haystack(44, at)}\n\nQuestion: {ASKED}\nAnswer:"
    return Call(Prompt((Part("document", text),)), Sampling(max_tokens=12, stop=("\n",)), f"at {at}", "lc")


@pytest.fixture(scope="module")
def shipped():
    calls = [needle_call(at) for at in (0.2, 0.7)]

    def ask(policy, calls=calls):
        reader = HF(model=str(FOLDER), device="cpu", dtype="float32", kv=policy)
        done = answers(reader, calls)
        uses = [use for _, use in reader.kv_uses]
        reader.close()
        return done, uses

    return ask


def test_snapkv_finds_the_needle_at_half_the_budget(shipped):
    dense, _ = shipped(None)
    assert [c.text.strip() for c in dense] == [FOUND, FOUND]
    assert all(900 < c.usage.prompt_tokens < 1200 for c in dense)
    half, uses = shipped(SnapKV(budget=0.5, window=32))
    assert [c.text.strip() for c in half] == [FOUND, FOUND]
    assert all(0.5 <= use.share < 0.51 for use in uses)


def test_retrieved_blocks_find_it_and_a_window_does_not(shipped):
    """The control that shows that the needle is needed: what fell out of the window is gone."""
    early = [needle_call(0.2)]
    blocks, uses = shipped(Blocks(budget=0.25, block=16, recent=32), early)
    assert [c.text.strip() for c in blocks] == [FOUND]
    assert all(use.attended <= use.tokens / 4 for use in uses)
    window, _ = shipped(Sinks(budget=0.25), early)
    assert not any(FOUND in c.text for c in window), [c.text for c in window]
