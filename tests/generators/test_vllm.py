"""The `vllm` reader where vLLM is absent: processes, pipes, faults and accounts, with an engine that is written here.

The engine below has vLLM's public names and rules (blocks of a prefix cache, finished outputs, refusals), and answers
with three tokens of its prompt, or greedily by a real small model. What vLLM itself does is tested beside this file.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt
from pipeline.core.store import Store
from pipeline.generators.base import Call, Sampling
from pipeline.generators.hf import HF
from pipeline.generators.vllm import VLLM
from pipeline.reading import read

ENGINE = '''
"""An engine with vLLM's public names. What it does is told by the JSON in STAND_IN; what it saw goes to its log."""
import json, os, subprocess, sys, time
from dataclasses import dataclass, field
from types import SimpleNamespace as Names

PLAN = json.loads(os.environ.get("STAND_IN", "{}"))
__version__ = "0.0.stand-in"


def log(**what):
    if PLAN.get("log"):
        with open(PLAN["log"], "a") as f:
            f.write(json.dumps({"pid": os.getpid(), **what}) + "\\n")


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.005)


@dataclass
class EngineArgs:
    model: str = ""
    revision: str = None
    tokenizer: str = None
    dtype: str = "auto"
    quantization: str = None
    kv_cache_dtype: str = "auto"
    hf_overrides: dict = field(default_factory=dict)
    max_model_len: int = None
    load_format: str = "auto"
    seed: int = 0
    generation_config: str = "auto"
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    gpu_memory_utilization: float = 0.9
    enable_chunked_prefill: bool = None
    max_num_batched_tokens: int = None
    max_num_seqs: int = 4
    max_logprobs: int = 20
    enforce_eager: bool = False
    enable_prefix_caching: bool = None
    block_size: int = 8
    enable_sleep_mode: bool = False
    kv_sharing_fast_prefill: bool = False


@dataclass
class SamplingParams:
    max_tokens: int = 16
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = None
    stop: list = None
    stop_token_ids: list = None
    ignore_eos: bool = False
    logprobs: int = None
    detokenize: bool = True
    output_kind: int = 0


class RefusedError(Exception):
    pass


class LLMEngine:
    @classmethod
    def from_engine_args(cls, args):
        return cls(args)

    def __init__(self, args):
        if PLAN.get("child"):
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            log(child=child.pid)
        log(arguments=vars(args), env={k: v for k, v in os.environ.items() if k.startswith(("VLLM_", "CUDA_"))})
        if PLAN.get("flood"):
            for stream in (sys.stdout, sys.stderr):
                stream.write("what an engine says of itself\\n" * 100_000)
        if PLAN.get("start_after"):
            wait_for(PLAN["start_after"])
        if PLAN.get("exit"):
            print("RuntimeError: the stand-in gave up", file=sys.stderr, flush=True)
            os._exit(PLAN["exit"])
        if PLAN.get("refuse"):
            raise ValueError(PLAN["refuse"])
        self.args, self.held, self.queue, self.answered = args, {}, [], 0
        self.most = 0
        self.vllm_config = Names(
            cache_config=Names(num_gpu_blocks=PLAN.get("blocks", 10_000), block_size=args.block_size or 8,
                               enable_prefix_caching=args.enable_prefix_caching),
            model_config=Names(max_model_len=args.max_model_len),
            scheduler_config=Names(max_num_seqs=args.max_num_seqs or 4),
        )
        self.engine_core = Names(shutdown=lambda: log(did="shutdown"))
        self.model = None
        if PLAN.get("model"):
            import torch, transformers
            self.torch = torch
            self.model = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)

    def add_request(self, request_id, prompt, params):
        ids = prompt["prompt_token_ids"]
        if PLAN.get("unknown") in ids:
            raise RefusedError(f"Token id {PLAN['unknown']} is out of vocabulary")
        self.queue.append((request_id, ids, params, time.monotonic()))
        self.most = max(self.most, len(self.queue))
        log(asked=ids, seed=params.seed, stop=params.stop, ends=params.stop_token_ids, at_once=len(self.queue))
        return request_id + "-inner"

    def has_unfinished_requests(self):
        return bool(self.queue)

    def abort_request(self, request_ids):
        log(did="abort", requests=request_ids)
        self.queue = [r for r in self.queue if r[0] not in request_ids]

    def reset_prefix_cache(self):
        self.held = {}
        return True

    def sleep(self, level=1):
        log(did="sleep")

    def wake_up(self):
        log(did="wake")

    def step(self):
        if self.answered == PLAN.get("break_after"):
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if self.answered == PLAN.get("hold_after"):
            wait_for(PLAN["gate"])
        if PLAN.get("flood"):
            sys.stderr.write("more of it\\n" * 10_000)
        request_id, ids, params, arrived = self.queue.pop(0)
        block = self.vllm_config.cache_config.block_size
        blocks = [tuple(ids[: k + block]) for k in range(0, len(ids) - block + 1, block)]
        cached = 0
        if self.args.enable_prefix_caching:
            while cached < len(blocks) and blocks[cached] in self.held:
                cached += 1
            cached = min(cached, (len(ids) - 1) // block)
            self.held |= dict.fromkeys(blocks)
        answer, finish, stop, text = self.answer(ids, params)
        self.answered += 1
        now = time.monotonic()
        completion = Names(token_ids=answer, text=text, finish_reason=finish, stop_reason=stop, logprobs=None)
        if params.logprobs:
            completion.logprobs = [{t: Names(logprob=-0.5), t + 1: Names(logprob=-1.5)} for t in answer]
        times = Names(scheduled_ts=arrived, first_token_ts=now, last_token_ts=now)
        return [Names(request_id=request_id, finished=True, outputs=[completion], metrics=times,
                      num_cached_tokens=cached * block)]

    def answer(self, ids, params):
        if self.model is None:
            answer = [ids[1 + (sum(ids) + 7 * k) % (len(ids) - 1)] for k in range(3)]
            answer += (params.stop_token_ids or [])[:1]
            cut = answer[: params.max_tokens]
            return cut, "stop" if len(answer) <= params.max_tokens and params.stop_token_ids else "length", None, ""
        made, torch = [], self.torch
        while True:
            with torch.inference_mode():
                made.append(int(self.model(torch.tensor([ids + made])).logits[0, -1].argmax()))
            text = self.tokenizer.decode(made, skip_special_tokens=True)
            stop = next((s for s in params.stop if s in text), None)
            if made[-1] in params.stop_token_ids or stop:
                return made, "stop", stop or made[-1], text.split(stop)[0] if stop else text
            if len(made) == params.max_tokens:
                return made, "length", None, text
'''


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """`engine(**plan)` sets what the next engine does; `engine.log()` gives what all of them saw."""
    folder = tmp_path / "modules" / "vllm"
    (folder / "platforms").mkdir(parents=True)
    (folder / "__init__.py").write_text(ENGINE)
    (folder / "sampling_params.py").write_text("class RequestOutputKind:\n    FINAL_ONLY = 2\n")
    (folder / "platforms" / "__init__.py").write_text(
        "import json, os\n\n\nclass current_platform:\n    @staticmethod\n    def is_sleep_mode_available():\n"
        "        return json.loads(os.environ['STAND_IN']).get('sleeps', False)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))

    class Plan:
        path, gate = tmp_path / "engine.jsonl", tmp_path / "gate"

        def __call__(self, **plan):
            plan = {"log": str(self.path), "gate": str(self.gate), **plan}
            monkeypatch.setenv("STAND_IN", json.dumps(plan))

        def log(self, key):
            lines = [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []
            return [line for line in lines if key in line]

    plan = Plan()
    plan()
    return plan


@pytest.fixture
def reader(tiny_model, engine):
    """`reader(**settings)`: on the tiny model; ended with the test."""
    made = []

    def make(**settings) -> VLLM:
        made.append(VLLM(model=str(tiny_model), **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def calls(call) -> list[Call]:
    """Nine calls: three questions on each of three documents, document by document."""
    documents = [f"The keeper number {d} of the lamp was paid in spring. " * 3 for d in range(3)]
    return [
        call(f"Who was it? ({q})", text, name=f"{d}.{q}", max_tokens=12)
        for d, text in enumerate(documents)
        for q in range(3)
    ]


def answers(reader, calls):
    got = list(reader.generate(calls))
    assert sorted(i for i, _ in got) == list(range(len(calls))), "each call is answered exactly once"
    return [completion for _, completion in sorted(got, key=lambda pair: pair[0])]


def echoed(ids: list[int]) -> list[int]:
    """What the engine above answers to a prompt."""
    return [ids[1 + (sum(ids) + 7 * k) % (len(ids) - 1)] for k in range(3)]


def said(completions):
    return [(c.text, c.status, c.error) for c in completions]


def alive(pid: int) -> bool:
    """Whether a process runs: one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    """Wait for the end of a process; False where it does not come."""
    for _ in range(2000):
        if not alive(pid):
            return True
        time.sleep(0.01)
    return False


def pid_of(engine) -> int:
    return engine.log("arguments")[-1]["pid"]


# -- answers ----------------------------------------------------------------------------------------------------------


def test_each_call_is_answered_by_the_engines_tokens(reader, calls, engine):
    one = reader()
    for call, completion in zip(calls, answers(one, calls), strict=True):
        ids = one._texts.tokenizer(call.prompt.text)["input_ids"]
        assert completion.text == one._texts.tokenizer.decode(echoed(ids), skip_special_tokens=True)
        assert (completion.status, completion.usage.prompt_tokens) == ("ok", len(ids))
        assert completion.usage.completion_tokens == 4, "three tokens and the one that ends the answer"
    assert [a["asked"] for a in engine.log("asked")] == [
        one._texts.tokenizer(c.prompt.text)["input_ids"] for c in calls
    ], "the planner's order is kept"


def test_greedy_answers_are_those_of_hf(reader, engine, call, tiny_model):
    engine(model=True)
    asked = [call(q, "The lamp burned oil.", max_tokens=n) for q in ("Who?", "how so") for n in (2, 8)]
    dense = answers(HF(model=str(tiny_model), device="cpu", dtype="float32"), asked)
    stops = {c.text[2:4] for c in dense}
    asked += [dataclasses.replace(c, sampling=Sampling(max_tokens=8, stop=(s,))) for c in asked[:2] for s in stops]
    dense = answers(HF(model=str(tiny_model), device="cpu", dtype="float32"), asked)
    ours = answers(reader(dtype="float32"), asked)
    assert said(ours) == said(dense)
    assert [(c.finish, c.usage.completion_tokens) for c in ours] == [
        (c.finish, c.usage.completion_tokens) for c in dense
    ]
    assert {c.finish for c in ours} == {"stop", "length"}


def test_cached_tokens_are_as_predicted_cold_and_warm(reader, calls, engine):
    one = reader(block_size=8)
    for warm in (False, True):
        expected = one.cached_ahead(calls)
        assert one.cached_ahead(calls) == expected, "asking what would be changes nothing"
        assert [c.usage.cached_tokens for c in answers(one, calls)] == expected
        assert sum(expected) > 0
        use = one.last_use()
        assert (use.warm, use.prompts, use.mode) == (warm, 9, "throughput")
        assert use.computed_tokens == sum(len(one._texts.encode(c.prompt)) for c in calls) - sum(expected)
        assert use.answer_tokens == 36
        assert 0 < use.prefill_seconds <= use.seconds
        assert 0 < use.first_token[0] <= use.first_token[1]


def test_a_cache_that_is_too_small_is_predicted_too(reader, calls, engine):
    engine(blocks=4)
    one = reader(block_size=8)
    assert one.prefix_capacity == 3 * 8, "one block is never used"
    assert sum(one.cached_ahead(calls)) < sum(reader(block_size=8).cached_ahead(calls))


def test_without_prefix_caching_nothing_is_predicted(reader, calls):
    one = reader(prefix_caching=False)
    assert one.prefix_capacity is None
    assert one.cached_ahead(calls) == [0] * 9
    assert [c.usage.cached_tokens for c in answers(one, calls)] == [0] * 9


def test_seconds_add_up_to_the_time_that_the_engine_was_asked(reader, calls):
    got = answers(reader(), calls)
    assert all(c.seconds > 0 for c in got)
    one = reader()
    answers(one, calls[:1])
    start = time.monotonic()
    total = sum(c.seconds for c in answers(one, calls))
    assert total <= time.monotonic() - start


def test_latency_mode_asks_one_call_at_a_time(reader, calls, engine):
    answers(reader(mode="latency", data_parallel=2), calls)
    assert {a["at_once"] for a in engine.log("asked")} == {1}
    assert len(engine.log("arguments")) == 1, "one engine, however many there could be"


def test_a_prompt_beyond_the_window_is_failed_as_hf_fails_it(reader, call, tiny_model, engine):
    asked = [call("x"), call("reader " * 300), call("y", max_tokens=500), call("z", max_tokens=8)]
    dense = answers(HF(model=str(tiny_model), device="cpu"), asked[1:3])
    ours = answers(reader(), [dataclasses.replace(c, sampling=Sampling(max_tokens=8)) for c in asked[:1]] + asked[1:])
    assert [(c.status, c.finish, c.error, c.usage, c.final) for c in ours[1:3]] == [
        (c.status, c.finish, c.error, c.usage, c.final) for c in dense
    ]
    assert [c.status for c in ours] == ["ok", "failed", "failed", "ok"]
    assert len(engine.log("asked")) == 2
    assert "window 64" in answers(reader(max_model_len=64), [call("reader " * 60, max_tokens=8)])[0].error


def test_where_nothing_can_be_asked_no_engine_is_started(reader, call, engine):
    absent = Call(Prompt((Part("document", None), Part("question", "Who?"))), Sampling(), "absent", "lc")
    one = reader()
    assert {c.status for c in answers(one, [call("reader " * 300), absent])} == {"failed"}
    assert list(one.generate([])) == []
    assert one.last_use() is None
    assert not engine.log("arguments")


def test_sampling_reaches_the_engine(reader, call, engine):
    drawn = [call(q, max_tokens=8, temperature=0.7, seed=s, stop=("\n", "")) for q in ("a", "b") for s in (1, 2)]
    answers(reader(), [*drawn, call("a", max_tokens=8)])
    asked = engine.log("asked")
    seeds = [a["seed"] for a in asked]
    assert len(set(seeds[:4])) == 4, "each prompt draws its own noise"
    assert seeds[4] is None
    assert [a["stop"] for a in asked] == [["\n"]] * 4 + [[]]
    assert all(a["ends"] == [1] for a in asked), "the model's end token, from its files"


def test_log_probabilities_are_kept_by_call(reader, call):
    one, asked = reader(logprobs=2), call("Who?", max_tokens=8)
    answers(one, [asked])
    rows = one.answer_logprobs[one.call_key(asked)]
    ids = one._texts.tokenizer(asked.prompt.text)["input_ids"]
    assert [row[0] for row in rows] == [(t, -0.5) for t in (*echoed(ids), 1)]
    assert all(row[1] == (row[0][0] + 1, -1.5) for row in rows)


def test_made_up_weights_write_as_much_as_was_asked_for(reader, call, engine):
    [completion] = answers(reader(load_format="dummy"), [call("Who?", max_tokens=2, stop=("o",))])
    assert (completion.status, completion.usage.completion_tokens) == ("ok", 2)
    assert engine.log("asked")[0]["ends"] == engine.log("asked")[0]["stop"] == []
    assert engine.log("arguments")[0]["arguments"]["load_format"] == "dummy"


# -- settings ---------------------------------------------------------------------------------------------------------


def test_settings_reach_the_engine_by_its_names(reader, call, engine, monkeypatch, tiny_model):
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", "1")
    one = reader(
        dtype="float32",
        quantization="fp8",
        kv_cache_dtype="fp8",
        rope={"rope_type": "yarn", "factor": 4.0, "dual_chunk_attention_config": {"chunk_size": 8}},
        max_model_len=512,
        max_num_seqs=7,
        block_size=16,
        enforce_eager=True,
        engine={"kv_sharing_fast_prefill": True},
    )
    answers(one, [call("Who?", max_tokens=8)])
    [started] = engine.log("arguments")
    arguments = started["arguments"]
    assert (arguments["model"], arguments["generation_config"]) == (str(tiny_model), "vllm")
    assert (arguments["max_model_len"], arguments["max_num_seqs"], arguments["block_size"]) == (512, 7, 16)
    assert (arguments["quantization"], arguments["kv_cache_dtype"]) == ("fp8", "fp8")
    rope = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0}
    assert arguments["hf_overrides"] == {
        "rope_parameters": rope,
        "max_position_embeddings": 512,
        "dual_chunk_attention_config": {"chunk_size": 8},
    }
    assert arguments["kv_sharing_fast_prefill"] is True
    assert started["env"]["VLLM_BATCH_INVARIANT"] == "0", "the reader's setting holds, whatever the shell says"
    assert started["env"]["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    answers(reader(batch_invariant=True, own_core=True), [call("Who?", max_tokens=8)])
    env = engine.log("arguments")[-1]["env"]
    assert (env["VLLM_BATCH_INVARIANT"], env["VLLM_ENABLE_V1_MULTIPROCESSING"]) == ("1", "1")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"rope": {"rope_type": "yarn"}}, "rope needs max_model_len"),
        ({"data_parallel": 0}, "data_parallel: found 0. Give 1 or more"),
        ({"logprobs": -1}, "logprobs: found -1"),
        ({"engine": {"max_num_seqs": 3}}, "'max_num_seqs' is set by the reader"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(reader, settings, line):
    with pytest.raises(UserError, match=line):
        reader(**settings)


RUNTIME = {
    "name": "another", "data_parallel": 2, "tensor_parallel": 2, "pipeline_parallel": 2, "gpu_memory_utilization": 0.5,
    "max_num_batched_tokens": 512, "max_num_seqs": 3, "enforce_eager": True, "prefix_caching": False, "block_size": 32,
    "own_core": True, "idle": "stop", "python": "elsewhere", "engine": {"a": 1}, "price": None,
}  # fmt: skip
OTHER = {
    "dtype": "float16", "chat": False, "quantization": "fp8", "kv_cache_dtype": "fp8", "rope": {"rope_type": "yarn"},
    "max_model_len": 128, "batch_invariant": True, "load_format": "dummy", "mode": "latency", "seed": 3, "logprobs": 1,
}  # fmt: skip


def test_the_identity_is_what_an_answer_depends_on(reader, call, tiny_model, tmp_path):
    one = reader(max_model_len=100)
    for field in dataclasses.fields(one):
        if field.name in ("model", "revision"):
            continue
        if field.metadata:
            assert dataclasses.replace(one, **{field.name: RUNTIME[field.name]}).identity == one.identity, field.name
        else:
            other = {"tokenizer_from": str(tiny_model), **OTHER}[field.name]
            assert dataclasses.replace(one, **{field.name: other}).identity != one.identity, field.name
    assert {"mode", "logprobs", "tokenizer_from", "revision"}.isdisjoint(one.resolved_settings())
    assert isinstance(hash(reader(rope={"rope_type": "yarn"}, max_model_len=100)), int)


# -- start ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "told", "remedy"),
    [
        (
            "1 validation error for ModelConfig\n  Value error, Model architectures ['FooForCausalLM'] are not "
            "supported for now. [type=value_error, input_value=...]\n    For further information visit https://x",
            "Model architectures ['FooForCausalLM'] are not supported for now",
            "the reader hf",
        ),
        (
            "To serve at least one request with the model's max seq len (131072), (16.0 GiB KV cache is needed, which "
            "is larger than the available KV cache memory (3.0 GiB).",
            "16.0 GiB KV cache is needed",
            "Lower max_model_len",
        ),
        (
            "Free memory on device cuda:0 (3.0/79.2 GiB) on startup is less than desired GPU memory utilization",
            "Free memory on device",
            "Lower gpu_memory_utilization",
        ),
        ("Failed to infer device type", "Failed to infer device type", "machine with a GPU"),
        ("CUDA out of memory. Tried to allocate", "CUDA out of memory", "Lower max_num_batched_tokens"),
    ],
)
def test_an_engine_that_cannot_start_is_one_line_with_a_remedy(reader, calls, engine, sentence, told, remedy):
    engine(refuse=sentence)
    with pytest.raises(UserError) as e:
        answers(reader(), calls)
    assert told in str(e.value)
    assert remedy in e.value.remedy
    assert "\n" not in str(e.value)
    assert gone(pid_of(engine))


def test_an_engine_that_ends_at_its_start_says_its_last_words(reader, calls, engine):
    engine(exit=3)
    with pytest.raises(UserError, match="RuntimeError: the stand-in gave up"):
        answers(reader(), calls)
    engine()
    assert len(answers(reader(), calls)) == 9, "and the next one works"


def test_an_unknown_engine_argument_is_told_with_its_neighbour(reader, calls):
    with pytest.raises(UserError, match=r"no engine argument 'kv_sharing_fast'.*Did you mean 'kv_sharing_fast_prefill"):
        answers(reader(engine={"kv_sharing_fast": True}), calls)


def test_an_interpreter_that_is_not_there_is_told(reader, calls):
    with pytest.raises(UserError, match=r"python: the interpreter '/no/such' cannot be started"):
        answers(reader(python="/no/such"), calls)


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_the_extra_is_named(reader, calls, monkeypatch):
    one = reader()
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(UserError, match=r"pip install 'longshort\[gpu\]'"):
        answers(one, calls)


def test_an_engine_may_take_its_time_and_say_a_lot(reader, calls, engine, tmp_path):
    ready = tmp_path / "ready"
    engine(flood=True, start_after=str(ready))
    one = reader()
    arriving = one.generate(calls)
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(0.3); open({str(ready)!r}, 'w')"]).wait()
    assert len(list(arriving)) == 9


# -- ends -------------------------------------------------------------------------------------------------------------


def test_a_killed_engine_loses_what_was_in_flight_and_nothing_else(reader, calls, engine):
    before = said(answers(reader(), calls))
    engine(hold_after=4, child=True)
    one, got = reader(), {}
    for i, completion in one.generate(calls):
        got[i] = completion
        if len(got) == 4:
            os.kill(pid_of(engine), signal.SIGKILL)
    assert said(got[i] for i in range(4)) == before[:4]
    for i in range(4, 9):
        assert (got[i].status, got[i].final, got[i].text) == ("failed", False, "")
        assert "killed by SIGKILL" in got[i].error
    assert all(gone(line["child"]) for line in engine.log("child")), "what it started is ended with it"
    engine()
    assert sum(one.cached_ahead(calls[:1])) == 0, "a new engine holds nothing"
    assert said(answers(one, calls)) == before


def test_killed_through_the_store_and_run_again(reader, engine, tmp_path, make_dataset, jobs_of):
    data = make_dataset(documents=2, questions=3, words=12)
    with Store(tmp_path / "undisturbed") as store:
        undisturbed = [t.completions[0] for t in read(jobs_of(data, reader(max_model_len=1024), "lc"), store)[0]]
    assert {c.status for c in undisturbed} == {"ok"}
    engine(hold_after=3)
    one, seen = reader(max_model_len=1024), []

    class Struck:
        """Told of each answer that was written down; kills the engine at the third."""

        def begin(self, label, total):
            pass

        def step(self):
            seen.append(1)
            if len(seen) == 3:
                os.kill(pid_of(engine), signal.SIGKILL)

    with Store(tmp_path / "store") as store:
        jobs = jobs_of(data, one, "lc")
        first = [t.completions[0] for t in read(jobs, store, watcher=Struck())[0]]
        assert sorted(c.status for c in first) == ["failed"] * 3 + ["ok"] * 3
        assert len(seen) == 6
        engine()
        again = read(jobs, store)[0]
        assert said(t.completions[0] for t in again) == said(undisturbed)
        assert sum(sum(t.made) for t in again) == 3, "only what was lost is asked again"


def test_an_engine_that_breaks_says_why(reader, calls, engine):
    engine(break_after=2)
    got = answers(reader(), calls)
    assert [c.status for c in got] == ["ok"] * 2 + ["failed"] * 7
    assert "CUDA out of memory. Tried to allocate 2.00 GiB" in got[5].error
    assert not got[5].final
    assert "\n" not in got[5].error


def test_a_refused_prompt_fails_alone(reader, call, engine):
    one = reader()
    asked = [call(q, max_tokens=8) for q in ("one", "2", "three")]
    [odd] = set(one._texts.encode(asked[1].prompt)) - set(one._texts.encode(asked[0].prompt))
    engine(unknown=odd)
    got = answers(one, asked)
    assert [c.status for c in got] == ["ok", "failed", "ok"]
    assert f"Token id {odd} is out of vocabulary" in got[1].error


def test_closing_ends_the_engine_and_all_that_it_started(reader, calls, engine):
    engine(child=True)
    one = reader()
    answers(one, calls)
    pid, [child] = pid_of(engine), engine.log("child")
    assert alive(pid)
    one.close()
    one.close()
    assert gone(pid)
    assert gone(child["child"])
    assert engine.log("did")[-1]["did"] == "shutdown", "it could put its things away"
    assert len(answers(one, calls)) == 9, "and it can be used again"


@pytest.mark.parametrize("how", ["os.kill(os.getpid(), 9)", "pass"])
def test_an_engine_ends_with_the_run_that_wanted_it(engine, tiny_model, how):
    engine(child=True, hold_after=1)
    script = (
        "import os\n"
        "from pipeline.core.records import Part, Prompt\n"
        "from pipeline.generators.base import Call, Sampling\n"
        "from pipeline.generators.vllm import VLLM\n"
        f"reader = VLLM(model={str(tiny_model)!r})\n"
        "calls = [Call(Prompt((Part('question', q),)), Sampling(max_tokens=8), q, 'lc') for q in 'abc']\n"
        "arriving = reader.generate(calls)\n"
        "next(arriving)\n"
        f"{how}\n"
    )
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ["PYTHONPATH"]])
    started = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, cwd=root)
    if how == "pass":  # the interpreter's own end, which drops the answers that nobody waited for
        engine.gate.touch()
    started.wait()
    assert gone(pid_of(engine))
    assert gone(engine.log("child")[0]["child"])


def test_ctrl_c_ends_the_engine(reader, calls, engine):
    one = reader()
    arriving = one.generate(calls)
    next(arriving)
    with pytest.raises(KeyboardInterrupt):
        arriving.throw(KeyboardInterrupt)
    assert gone(pid_of(engine))
    assert len(answers(one, calls)) == 9


def test_an_abandoned_run_leaves_the_engine_and_nothing_on_it(reader, calls, engine):
    engine(hold_after=1)
    one = reader()
    arriving = one.generate(calls)
    next(arriving)
    engine.gate.touch()
    arriving.close()
    assert engine.log("did")[-1]["did"] == "abort"
    expected = one.cached_ahead(calls)
    got = answers(one, calls)
    assert [c.usage.cached_tokens for c in got] == expected
    assert expected[0] == 0, "what was read in part is not counted on"
    assert len(engine.log("arguments")) == 1


def test_an_engine_that_ended_between_two_runs_is_started_anew(reader, calls, engine):
    one = reader()
    before = said(answers(one, calls))
    pid = pid_of(engine)
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    while one._fleet.events.empty():  # until the pipe's end was noticed
        time.sleep(0.01)
    assert said(answers(one, calls)) == before
    assert pid_of(engine) != pid


@pytest.mark.parametrize(
    ("idle", "sleeps", "did", "starts"),
    [("keep", True, [], 1), ("sleep", True, ["sleep", "wake", "sleep"], 1), ("sleep", False, ["shutdown"] * 2, 2),
     ("stop", True, ["shutdown"] * 2, 2)],
)  # fmt: skip
def test_what_becomes_of_an_engine_between_runs(reader, calls, engine, idle, sleeps, did, starts):
    engine(sleeps=sleeps)
    one = reader(idle=idle)
    first, second = answers(one, calls), answers(one, calls)
    assert said(first) == said(second)
    assert [line["did"] for line in engine.log("did")] == did
    assert len(engine.log("arguments")) == starts
    assert one.last_use().warm == (idle == "keep")
    if idle == "stop":
        assert gone(pid_of(engine))
    started = engine.log("arguments")[0]["arguments"]
    assert started["enable_sleep_mode"] == (idle == "sleep" and sleeps)


# -- several ----------------------------------------------------------------------------------------------------------


def test_documents_stay_on_one_of_several_engines(reader, calls, engine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    one = reader(data_parallel=2, tensor_parallel=2, block_size=8)
    alone = said(answers(reader(), calls))
    for _ in range(2):
        expected = one.cached_ahead(calls)
        got = answers(one, calls)
        assert said(got) == alone
        assert [c.usage.cached_tokens for c in got] == expected
    pids = one._fleet.pids
    started = {line["pid"]: line["env"]["CUDA_VISIBLE_DEVICES"] for line in engine.log("arguments")}
    assert [started[pid] for pid in pids] == ["4,5", "6,7"]
    readers = [set() for _ in range(3)]
    ids = {tuple(one._texts.encode(c.prompt)): k // 3 for k, c in enumerate(calls)}
    for line in engine.log("asked"):
        if line["pid"] in pids:
            readers[ids[tuple(line["asked"])]].add(line["pid"])
    assert [len(r) for r in readers] == [1, 1, 1]
    assert set().union(*readers) == set(pids), "and every engine has some"


def test_one_of_two_engines_may_end(reader, calls, engine, monkeypatch):
    one = reader(data_parallel=2)
    before = answers(one, calls)
    victim, got = one._fleet.pids[1], {}
    os.kill(victim, signal.SIGSTOP)  # so that what it is asked is in flight for sure
    for i, completion in one.generate(calls):
        got[i] = completion
        if len(got) == 1:
            os.kill(victim, signal.SIGKILL)
    lost = [i for i in got if got[i].status == "failed"]
    assert 0 < len(lost) < 9
    assert all(got[i].text == before[i].text for i in got if i not in lost)
    assert said(answers(one, calls)) == said(before)


def test_too_few_gpus_are_told(reader, calls, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(UserError, match=r"data_parallel: 2 engines of 1 GPUs each need 2.*names 1"):
        answers(reader(data_parallel=2), calls)


def test_answers_cite_nothing_and_count_their_own_tokens(reader, calls):
    one = reader()
    assert one.tokenizer.count_prompt(calls[0].prompt) > 0
    assert one.window == 256
    assert all(c.cites == () for c in answers(one, calls[:2]))
