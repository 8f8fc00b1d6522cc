"""Endpoint and batch with a real vLLM and the model that ships: the same texts as `transformers` in fp32.

Needs LONGSHORT_VLLM_PYTHON, an interpreter that has vLLM; on a CPU its start takes minutes.
"""

from __future__ import annotations

import os
import random
import shlex
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt
from pipeline.generators.base import Call, Completion, Generator, Sampling
from pipeline.generators.batch import Batch
from pipeline.generators.embedded import FOLDER
from pipeline.generators.endpoint import Endpoint
from pipeline.generators.hf import HF

PYTHON = os.environ.get("LONGSHORT_VLLM_PYTHON", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="LONGSHORT_VLLM_PYTHON names no interpreter with vLLM")

LONGEST_START = 1200
"""Seconds."""
ENGINE = ["--dtype", "float32", "--max-model-len", "4096", "--enforce-eager"]
NO_TEMPLATE = "{{ bos_token }}{{ messages[0]['content'] }}"
"""A chat template that adds nothing, for a model that has none."""


def environment() -> dict[str, str]:
    # Where there is no GPU these keep vLLM small and off the cores that others use; with one they mean nothing.
    cpu = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}
    return {**cpu, **os.environ, "VLLM_NO_USAGE_STATS": "1", "VLLM_USE_FLASHINFER_SAMPLER": "0"}


NAMES = "Ada Bela Cora Dora Emil Fritz Gerda Hanno Ilse Jonas Karla Lutz".split()
TRADES = "keeper baker miller tailor".split()


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Twenty: five documents in the form that the model was trained on, four questions on each."""
    made = []
    for seed in range(5):
        rng = random.Random(seed)
        told = {(t, i): f"{rng.choice(NAMES)} {rng.choice(NAMES)}sen" for i in range(1, 16) for t in TRADES}
        document = " ".join(f"The {trade} of island {i} is {name}." for (trade, i), name in told.items())
        for trade in TRADES:
            question = f"\n\nQuestion: Who is the {trade} of island {rng.randint(1, 15)}?\nAnswer:"
            prompt = Prompt((Part("document", document), Part("question", question)))
            made.append(Call(prompt, Sampling(max_tokens=24, stop=("\n",)), f"{trade} {seed}", "lc"))
    return made


@pytest.fixture(scope="module")
def plain(calls: list[Call]) -> list[str]:
    reader = HF(model=str(FOLDER), dtype="float32", device="cpu", batch_size=4)
    texts = texts_of(reader, calls)
    reader.close()
    assert len(set(texts)) > 10, "the model answers nothing: equality would prove nothing"
    return texts


def completions(reader: Generator, calls: list[Call]) -> list[Completion]:
    got = dict(reader.generate(calls))
    return [got[i] for i in range(len(calls))]


def texts_of(reader: Generator, calls: list[Call]) -> list[str]:
    got = completions(reader, calls)
    assert [c.error for c in got] == [""] * len(calls)
    return [c.text.strip() for c in got]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running `vllm serve` of the model that ships, without a chat template."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("served") / "log"
    # What `vllm serve` runs; the builds for CPUs come without the data that the command itself asks for.
    command = [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", str(FOLDER), *ENGINE]
    command += ["--served-model-name", "shipped", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--enable-prompt-tokens-details", "--block-size", "32"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment(), start_new_session=True)
        try:
            deadline = time.monotonic() + LONGEST_START
            while not serves(f"http://127.0.0.1:{port}/health"):
                ended = process.poll() is not None or time.monotonic() > deadline
                assert not ended, log.read_text(errors="replace")[-3000:]
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def serves(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_a_served_base_model_answers_as_transformers_does(url, calls, plain):
    cached = []
    for stream in (True, False):
        reader = Endpoint(model="shipped", base_url=url, api="completions", stream=stream, concurrency=4)
        got = completions(reader, calls)
        assert [c.text.strip() for c in got] == plain
        assert {c.status for c in got} == {"ok"}
        assert all(c.usage.prompt_tokens > 500 and c.usage.completion_tokens > 0 for c in got)
        cached.append([c.usage.cached_tokens for c in got])
    # Three of four questions on a document find it read at best; the second time every call does.
    assert sum(cached[0]) > 0
    assert all(c > 500 for c in cached[1])


def test_what_a_server_says_of_a_prompt_that_is_too_long_or_of_a_chat_is_understood(url, call):
    reader = Endpoint(model="shipped", base_url=url, api="completions", max_retries=0)
    long, short = completions(reader, [call("Who?", "the keeper of the island " * 2000, max_tokens=8), call("Who?")])
    assert (long.status, long.final) == ("failed", True)
    assert "maximum context length" in long.error
    assert short.final
    with pytest.raises(UserError, match="chat template"):
        list(Endpoint(model="shipped", base_url=url).generate([call("Who?")]))


def test_a_batch_makes_its_round_through_vllm_run_batch(tmp_path, calls, plain, call):
    asked = [*calls, call("Who?", "the keeper of the island " * 2000, max_tokens=8)]

    def reader() -> Batch:
        return Batch(model="shipped", folder=str(tmp_path), name="shipped")

    pending = completions(reader(), asked)
    assert {(c.status, c.final) for c in pending} == {("failed", False)}
    told = pending[0].error.split("not answered yet: ")[1].split(", or ")[0]
    program, verb, *arguments = shlex.split(told)
    assert (program, verb) == ("vllm", "run-batch")
    at = arguments.index("--model")
    arguments[at + 1] = str(FOLDER)
    command = [PYTHON, "-m", "vllm.entrypoints.openai.run_batch", *arguments, "--served-model-name", "shipped"]
    command += [*ENGINE, "--chat-template", NO_TEMPLATE, "--enable-prompt-tokens-details", "--block-size", "32"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=LONGEST_START)
    assert done.returncode == 0, done.stderr[-3000:]
    *got, long = completions(reader(), asked)
    assert [c.text.strip() for c in got] == plain
    assert {c.status for c in got} == {"ok"}
    assert sum(c.usage.cached_tokens for c in got) > 0
    assert (long.status, long.final) == ("failed", True)
    assert "maximum context length" in long.error
    assert not list(tmp_path.glob("*-2.requests.jsonl"))
