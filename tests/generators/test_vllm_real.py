"""The `vllm` reader with vLLM itself: answers equal to `hf`, cached tokens as predicted, faults, latency mode.

Needs an interpreter that has vLLM: LONGSHORT_VLLM_PYTHON names it, or this one has it. The shipped model is small
enough for any machine, with a GPU or without.
"""

from __future__ import annotations

import dataclasses
import os
import signal
from importlib.util import find_spec

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, Span
from pipeline.core.store import Store
from pipeline.generators.base import Call, Sampling
from pipeline.generators.embedded import FOLDER
from pipeline.generators.hf import HF
from pipeline.generators.vllm import VLLM
from pipeline.reading import read

PYTHON = os.environ.get("LONGSHORT_VLLM_PYTHON", "")
pytestmark = pytest.mark.skipif(
    not PYTHON and find_spec("vllm") is None, reason="no vLLM here, and LONGSHORT_VLLM_PYTHON names no interpreter"
)

FACTS = {
    "What did the lamp burn?": "The lamp burned whale oil.",
    "When was the keeper paid?": "The keeper was paid in spring.",
    "What grazes on the hill?": "Sheep graze on the hill.",
    "How high is the tower?": "The tower is 31 m high.",
    "Who wrote the log?": "Anna wrote the log.",
}


@pytest.fixture(scope="module", autouse=True)
def small_machine():
    """Little memory and one thread where vLLM runs on a CPU; a GPU's engine does not look at these."""
    given = {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": str(max(os.sched_getaffinity(0))),
        "OMP_NUM_THREADS": "1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            if name not in os.environ:
                patch.setenv(name, value)
        yield


def made(**settings) -> VLLM:
    small = {"enforce_eager": True, "gpu_memory_utilization": 0.1, "max_model_len": 2048, "dtype": "float32"}
    return VLLM(model=str(FOLDER), python=PYTHON, **{**small, **settings})


@pytest.fixture(scope="module")
def reader():
    one = made(logprobs=2)
    yield one
    one.close()


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Twenty: five questions on each of four documents."""
    asked = []
    for d in range(4):
        sentences = list(FACTS.values())
        document = " ".join([*sentences[d:], *sentences[:d]] * (3 + d))
        for question in FACTS:
            parts = (
                Part("document", document, Span(f"d{d}", 0, len(document))),
                Part("question", f"\n\nQuestion: {question}\nAnswer:"),
            )
            sampling = Sampling(max_tokens=12, stop=("\n",))
            asked.append(Call(Prompt(parts), sampling, f"{d}.{question}", "lc"))
    return asked


def answers(reader, calls):
    got = dict(reader.generate(calls))
    assert sorted(got) == list(range(len(calls)))
    return [got[i] for i in range(len(calls))]


def said(completions):
    return [(c.text, c.status, c.finish, c.usage.prompt_tokens, c.usage.completion_tokens) for c in completions]


def test_greedy_answers_are_those_of_hf_and_cached_tokens_as_predicted(reader, calls):
    dense = said(answers(HF(model=str(FOLDER), device="cpu", dtype="float32"), calls))
    assert len({text for text, *_ in dense}) >= 5
    for warm in (False, True):
        if warm or reader._fleet.pids:  # before an engine is there, its blocks are not known
            expected = reader.cached_ahead(calls)
        got = answers(reader, calls)
        assert said(got) == dense
        use = reader.last_use()
        assert (use.warm, use.prompts) == (warm, 20)
        assert 0 < use.prefill_seconds <= use.seconds
        assert 0 < use.first_token[0] <= use.first_token[1] <= use.seconds
        if warm:
            assert [c.usage.cached_tokens for c in got] == expected
            assert sum(expected) > 0
        rows = reader.answer_logprobs[reader.call_key(calls[0])]
        assert len(rows) == got[0].usage.completion_tokens
        assert all(row[0][1] <= 0 and row[0][1] >= row[-1][1] for row in rows), "greedy: the token is the likeliest"


def test_cold_prompts_in_a_running_engine_are_predicted_too(reader, calls):
    fresh = [
        dataclasses.replace(c, prompt=Prompt((Part("document", "A new beginning. "), *c.prompt.parts))) for c in calls
    ]
    answers(reader, calls[:1])
    expected = reader.cached_ahead(fresh)
    got = answers(reader, fresh)
    assert sum(expected) > 0
    assert sum(c.usage.cached_tokens for c in got) == pytest.approx(sum(expected), rel=0.01)


def test_limits_of_an_answer_are_those_of_hf(reader, calls):
    dense = HF(model=str(FOLDER), device="cpu", dtype="float32")
    long = Prompt(
        (Part("document", "Sheep graze on the hill. " * 700), Part("question", "\n\nQuestion: Who?\nAnswer:"))
    )
    asked = [
        dataclasses.replace(calls[0], sampling=Sampling(max_tokens=n, stop=s)) for n in (1, 2) for s in ((), ("oil",))
    ]
    asked.append(dataclasses.replace(calls[0], prompt=long))
    asked.append(dataclasses.replace(calls[0], sampling=Sampling(max_tokens=8, stop=("zzz", "e o"))))
    got = answers(reader, asked)
    assert said(got[:4] + got[5:]) == said(answers(dense, asked[:4] + asked[5:]))
    assert "does not fit: window 2048" in got[4].error


def test_draws_are_repeated_by_their_seed(reader, calls):
    def drawn(seed):
        sampling = Sampling(max_tokens=12, temperature=2.0, seed=seed)
        got = answers(reader, [dataclasses.replace(c, sampling=sampling) for c in calls])
        assert all(c.final and c.text for c in got), [c.error for c in got]
        return [c.text for c in got]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_call_that_vllm_refuses_fails_alone(reader, calls):
    odd = dataclasses.replace(calls[1], sampling=Sampling(max_tokens=12, temperature=1.0, top_p=7.0))
    got = answers(reader, [calls[0], odd, calls[2]])
    assert [c.status for c in got] == ["ok", "failed", "ok"]
    assert "top_p" in got[1].error


def test_latency_mode_gives_the_same_answers(reader, calls):
    one = made(mode="latency")
    assert said(answers(one, calls[:6])) == said(answers(reader, calls[:6]))
    use = one.last_use()
    assert (use.mode, use.prompts) == ("latency", 6)
    one.close()


def test_killed_in_the_middle_and_run_again(tmp_path, make_dataset, jobs_of):
    data = make_dataset(documents=3, questions=4)
    one, seen = made(max_num_seqs=2), []

    class Struck:
        """Told of each answer that was written down; kills the engine at the third."""

        def begin(self, label, total):
            pass

        def step(self):
            seen.append(1)
            if len(seen) == 3:
                os.kill(one._fleet.pids[0], signal.SIGKILL)

    with Store(tmp_path / "store") as store:
        jobs = jobs_of(data, one, "lc")
        first = [t.completions[0] for t in read(jobs, store, watcher=Struck())[0]]
        lost = [c for c in first if not c.final]
        assert lost
        assert all("killed by SIGKILL" in c.error for c in lost)
        kept = [c for c in first if c.final]
        assert len(kept) >= 3
        again = read(jobs, store)[0]
        assert sum(sum(t.made) for t in again) == len(lost), "only what was lost is asked again"
    with Store(tmp_path / "undisturbed") as store:
        undisturbed = read(jobs, store)[0]
    assert said(t.completions[0] for t in again) == said(t.completions[0] for t in undisturbed)
    one.close()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"engine": {"max_num_batched_token": 5}}, "Did you mean 'max_num_batched_tokens'"),
        ({"max_model_len": 10_000_000}, "max_model_len"),
        ({"quantization": "no-such"}, "quantization"),
    ],
)
def test_what_cannot_start_is_told_in_one_line(calls, settings, told):
    with pytest.raises(UserError, match=told) as e:
        answers(made(**settings), calls[:1])
    assert "\n" not in str(e.value)
