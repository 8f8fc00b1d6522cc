"""What the worker takes from vLLM exists in every version at hand: read from its source, without importing it.

Looked at: the installed vLLM, and every folder that LONGSHORT_VLLM_SOURCES names (each holds a folder `vllm`).
"""

from __future__ import annotations

import ast
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.generators import _vllm_fleet, _vllm_worker, vllm
from pipeline.generators.vllm import VLLM

WORKER = Path(_vllm_worker.__file__)

# File of vLLM -> class -> what the worker asks of it, beyond what is read off its code below.
METHODS = {
    "from_engine_args": (0, "engine_args"),
    "add_request": (1, "request_id", "prompt", "params"),
    "abort_request": (1, "request_ids"),
    "step": (1,),
    "has_unfinished_requests": (1,),
    "reset_prefix_cache": (1,),
    "sleep": (1, "level"),
    "wake_up": (1,),
}


def sources() -> list[Path]:
    named = [Path(p) for p in os.environ.get("LONGSHORT_VLLM_SOURCES", "").split(os.pathsep) if p]
    spec = find_spec("vllm")
    if spec is not None and spec.origin is not None:
        named.append(Path(spec.origin).parents[1])
    return named


SOURCES = sources()


@pytest.fixture(params=SOURCES or [None], ids=[p.name for p in SOURCES] or ["none"])
def source(request) -> Path:
    if request.param is None:
        pytest.skip("no vLLM is installed, and LONGSHORT_VLLM_SOURCES names none")
    return request.param / "vllm"


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def class_of(source: Path, file: str, name: str) -> ast.ClassDef:
    found = [n for n in ast.walk(tree(source / file)) if isinstance(n, ast.ClassDef) and n.name == name]
    assert found, f"{file} has no class {name}"
    return found[0]


def names_in(cls: ast.ClassDef) -> set[str]:
    """Fields, methods, and what is set on `self` in them."""
    found = set()
    for node in ast.walk(cls):
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            for target in targets:
                if isinstance(target, ast.Name):
                    found.add(target.id)
                elif isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                    found.add(target.attr)
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


def attributes_of(name: str, path: Path = WORKER) -> set[str]:
    """What the worker reads of the variable `name`."""
    nodes = ast.walk(tree(path))
    return {n.attr for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) == name}


ASK = {
    "max_tokens": 1, "temperature": 0.0, "top_p": 1.0, "seed": None, "stop": ["a"], "ends": [1], "logprobs": 2,
}  # fmt: skip


def test_engine_arguments(source, tiny_model):
    reader = VLLM(
        model=str(tiny_model), revision="r", tokenizer_from=str(tiny_model), quantization="fp8", kv_cache_dtype="fp8",
        rope={"rope_type": "yarn"}, max_model_len=64, gpu_memory_utilization=0.5, max_num_batched_tokens=64,
        max_num_seqs=2, block_size=16, logprobs=3,
    )  # fmt: skip
    given = {*reader._arguments(), "enable_sleep_mode", *vllm._OWN}
    assert len(given) > 20
    assert given <= names_in(class_of(source, "engine/arg_utils.py", "EngineArgs"))


def test_sampling_parameters(source):
    given = {*_vllm_worker.sampling_arguments(ASK), "output_kind"}
    assert given <= names_in(class_of(source, "sampling_params.py", "SamplingParams"))
    kinds = names_in(class_of(source, "sampling_params.py", "RequestOutputKind"))
    assert attributes_of("RequestOutputKind") == {"FINAL_ONLY"} <= kinds


def test_the_engines_methods(source):
    engine = class_of(source, "v1/engine/llm_engine.py", "LLMEngine")
    used = attributes_of("engine") | attributes_of("self._engine") | attributes_of("LLMEngine")
    assert used <= names_in(engine), used - names_in(engine)
    methods = {n.name: n for n in engine.body if isinstance(n, ast.FunctionDef)}
    assert {name for name in used if name in methods} == set(METHODS), "METHODS names what the worker calls"
    for name, (positional, *needed) in METHODS.items():
        arguments = methods[name].args
        every = [a.arg for a in arguments.args]
        if name == "from_engine_args":
            every = every[1:]  # the class
        assert every[positional : positional + len(needed)] == needed or set(needed) <= set(every), name
        required = len(every) - len(arguments.defaults)
        assert required <= positional + len(needed), f"{name} needs more than it is given"
        assert not [k for k, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is None], name
    exported = ast.literal_eval(
        next(
            n.value
            for n in ast.walk(tree(source / "__init__.py"))
            if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"
        )
    )
    assert {"EngineArgs", "LLMEngine", "SamplingParams"} <= set(exported)


def test_what_an_answer_is_read_from(source):
    outputs = "outputs.py"
    assert attributes_of("output") <= names_in(class_of(source, outputs, "RequestOutput"))
    assert attributes_of("answer") <= names_in(class_of(source, outputs, "CompletionOutput"))
    times = attributes_of("times")
    assert len(times) == 3
    assert times <= names_in(class_of(source, "v1/metrics/stats.py", "RequestStateStats"))
    assert "logprob" in names_in(class_of(source, "logprobs.py", "Logprob"))


def test_what_the_engine_says_of_itself(source):
    assert attributes_of("config") == {"cache_config", "model_config", "scheduler_config"}
    assert attributes_of("config") <= names_in(class_of(source, "config/vllm.py", "VllmConfig"))
    for part, file, name in (
        ("config.cache_config", "config/cache.py", "CacheConfig"),
        ("config.model_config", "config/model.py", "ModelConfig"),
        ("config.scheduler_config", "config/scheduler.py", "SchedulerConfig"),
    ):
        used = attributes_of(part)
        assert used, part
        assert used <= names_in(class_of(source, file, name)), part
    assert attributes_of("current_platform") <= names_in(class_of(source, "platforms/interface.py", "Platform"))


@pytest.mark.parametrize("client", ["InprocClient", "MPClient"])
def test_both_kinds_of_core_can_be_shut_down(source, client):
    assert attributes_of("engine.engine_core") == {"shutdown"}
    cls = class_of(source, "v1/engine/core_client.py", client)
    [shutdown] = [n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == "shutdown"]
    assert len(shutdown.args.args) - len(shutdown.args.defaults) == 1


def test_environment_variables(source):
    used = set()
    for path in (WORKER, Path(_vllm_fleet.__file__)):
        strings = [n.value for n in ast.walk(tree(path)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        used |= {s for s in strings if s.startswith("VLLM_")}
    assert len(used) == 5
    known = {n.value for n in ast.walk(tree(source / "envs.py")) if isinstance(n, ast.Constant)}
    assert used <= known
