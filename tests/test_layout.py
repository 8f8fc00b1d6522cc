"""The shape of the code base: who may import whom, what importing costs, what every file must and must not hold."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from pipeline.core.stage import Stage
from pipeline.generators.base import Generator
from pipeline.routes.base import Route

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipeline", "retrievers", "compressors", "experiments")
HEAVY = (
    *("torch", "transformers", "sentence_transformers", "faiss", "sklearn", "scipy", "polars", "pyarrow", "bm25s"),
    *(
        "rank_bm25",
        "networkx",
        "numba",
        "llmlingua",
        "httpx",
        "bs4",
        "pypdf",
        "Stemmer",
        "tokenizers",
        "vllm",
        "ray",
        "aiohttp",
        "uvloop",
    ),
)
LONGEST = 400
"""Lines. A longer file has more than one responsibility."""

# Folder or file -> what of ours it may import, wherever in the file. The first that fits decides.
MAY_IMPORT = {
    "pipeline/core": ("pipeline.core",),
    "pipeline/score": ("pipeline.core", "pipeline.score"),
    "pipeline/generators": ("pipeline.core", "pipeline.generators"),
    "pipeline/prompts.py": ("pipeline.core",),
    "pipeline/routes": (
        *("pipeline.core", "pipeline.routes", "pipeline.prompts"),
        *("pipeline.generators.base", "pipeline.score.refusal", "pipeline.score.text"),
    ),
    "pipeline/call_order.py": ("pipeline.core", "pipeline.generators.base"),
    "pipeline/reading.py": ("pipeline.core", "pipeline.generators.base", "pipeline.routes.base", "pipeline.call_order"),
    "pipeline/policy": ("pipeline.core", "pipeline.policy"),
    "pipeline": ("pipeline",),
    "retrievers/probe.py": ("pipeline.core", "pipeline.policy", "retrievers"),
    "retrievers/probe_index.py": ("pipeline.core", "pipeline.policy", "retrievers"),
    "retrievers/probe_answer.py": ("pipeline.core", "pipeline.policy", "retrievers"),
    "retrievers": ("pipeline.core", "retrievers"),
    # Compressors that ask the reader are parts of routes.
    **{
        f"compressors/{name}.py": (
            *("pipeline.core", "compressors", "retrievers", "pipeline.prompts", "pipeline.generators.base"),
            *("pipeline.routes.base", "pipeline.routes.inner", "pipeline.routes.pieces", "pipeline.routes.clustered"),
            "pipeline.score.refusal",
        )
        for name in ("by_reader", "answer_paragraphs", "recomp", "structurize")
    },
    # An extractive compressor ranks sentences: it may use what ranks passages.
    "compressors": ("pipeline.core", "compressors", "retrievers"),
    "experiments": PACKAGES,
}


def files(*folders: str) -> list[Path]:
    found = [p for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))]
    assert found, f"no file in {folders}"
    return found


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


SOURCE = files(*PACKAGES)
ALL = files(*PACKAGES, "benchmarks", "tests")


@lru_cache(maxsize=1024)
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def imports(node: ast.AST, *, when_imported: bool = False) -> Iterator[tuple[str, int]]:
    """(module, line) of all imports. when_imported: only those that run then, not in functions or for type checkers."""
    if isinstance(node, ast.Import):
        yield from ((a.name, node.lineno) for a in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = f"{'.' * node.level}{node.module or ''}"
        yield from ((f"{base}.{a.name}" if is_module(f"{base}.{a.name}") else base, node.lineno) for a in node.names)
    elif when_imported and (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ):
        return
    for child in ast.iter_child_nodes(node):
        yield from imports(child, when_imported=when_imported)


def within(name: str, *packages: str) -> bool:
    return any(name == p or name.startswith(f"{p}.") for p in packages)


# -- who may import whom ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCE, ids=shown)
def test_imports_point_one_way(path):
    where = next(w for w in MAY_IMPORT if shown(path) == w or shown(path).startswith(f"{w}/"))
    for name, line in imports(tree_of(path)):
        assert not name.startswith("."), f"{shown(path)}:{line}: a relative import"
        assert not within(name, "tests", "benchmarks"), f"{shown(path)}:{line} imports {name}"
        if within(name, *PACKAGES):
            assert within(name, *MAY_IMPORT[where]), (
                f"{shown(path)}:{line} imports {name}; {where} may import {', '.join(MAY_IMPORT[where])}"
            )


@pytest.mark.parametrize("path", SOURCE, ids=shown)
def test_no_heavy_library_is_imported_with_the_file(path):
    heavy = (*HEAVY, "numpy") if within(shown(path).replace("/", "."), "pipeline.core") else HEAVY
    for name, line in imports(tree_of(path), when_imported=True):
        assert not within(name, *heavy), f"{shown(path)}:{line} imports {name}: import it where it is used"


def test_only_the_catalogue_makes_concrete_parts():
    """Other files of experiments may recognise a stage, a reader or a route; wiring them is the catalogue's affair."""
    concrete = ("retrievers", "compressors", "pipeline.generators", "pipeline.routes")
    shared = ("pipeline.generators.base", "pipeline.routes.base", "retrievers.base", "retrievers.headings")
    for path in files("experiments"):
        if path.name.startswith("catalog"):
            continue
        named = {
            alias.asname or alias.name
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.ImportFrom) and within(node.module or "", *concrete)
            for alias in node.names
            if not within(node.module or "", *shared) and alias.name[:1].isupper() and not alias.name.isupper()
        }
        made = [
            f"{node.func.id} in line {node.lineno}"
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in named
        ]
        assert not made, f"{shown(path)} makes {', '.join(made)}"


# -- what importing costs ---------------------------------------------------------------------------------------------


def fresh(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def modules(*packages: str) -> list[str]:
    return [
        m.name
        for package in packages
        for m in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
        if not m.name.endswith("__main__")
    ]


def test_importing_everything_loads_no_heavy_library():
    script = (
        "import importlib, json, sys\n"
        f"for name in {modules(*PACKAGES)!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    loaded = set(json.loads(fresh(script)))
    assert not loaded & set(HEAVY)
    assert "numpy" in loaded, "nothing was imported: this test proves nothing"


def test_the_core_needs_no_array_library():
    script = (
        "import importlib, sys\n"
        f"for name in {modules('pipeline/core')!r}: importlib.import_module(name.replace('/', '.'))\n"
        "print('numpy' in sys.modules)"
    )
    assert fresh(script).strip() == "False"


# -- names ------------------------------------------------------------------------------------------------------------


def test_no_file_hides_the_standard_library_or_a_dependency():
    """A file that is run from its own folder comes first in the search for modules."""
    taken = set(sys.stdlib_module_names) | set(packages_distributions())
    own = {*PACKAGES, "tests", "benchmarks"}
    own.add("chunk")  # a reader of IFF files that nobody uses; gone from Python 3.13 on
    own.add("vllm")  # the one file of ours that is run beside it, by path, is run with -P
    for path in ALL:
        inner = path.relative_to(ROOT).with_suffix("").parts
        hidden = (set(inner) & taken) - own
        assert not hidden, f"{shown(path)} hides {', '.join(hidden)}"


def test_no_two_parts_share_a_name():
    """A class's name is its part of an identity, so that files may move: two of one name would share stored values."""
    for name in modules(*PACKAGES):
        importlib.import_module(name)

    def below(cls: type) -> set[type]:
        return {cls}.union(*(below(c) for c in cls.__subclasses__()))

    parts = [c for base in (Stage, Generator, Route) for c in below(base) if within(c.__module__, *PACKAGES)]
    assert len(parts) > 15
    seen: dict[str, type] = {}
    for cls in parts:
        other = seen.setdefault(cls.__qualname__, cls)
        assert other is cls, f"{cls.__module__} and {other.__module__} both define {cls.__qualname__}"


# -- what files hold --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ALL, ids=shown)
def test_a_file_says_what_it_is_and_is_not_too_long(path):
    tree, lines = tree_of(path), len(path.read_text(encoding="utf-8").splitlines())
    assert not tree.body or ast.get_docstring(tree), f"{shown(path)} has no docstring"
    if not shown(path).startswith(("tests/", "benchmarks/")):
        assert lines <= LONGEST, f"{shown(path)} has {lines} lines"


UNSAFE_MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "diskcache", "jsonpickle")
UNSAFE_CALLS = ("eval", "exec", "compile", "__import__", "os.system", "os.popen")


@pytest.mark.parametrize("path", files(*PACKAGES, "benchmarks"), ids=shown)
def test_nothing_that_is_read_can_run(path):
    for name, line in imports(tree_of(path)):
        assert not within(name, *UNSAFE_MODULES, "unittest.mock"), f"{shown(path)}:{line} imports {name}"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in UNSAFE_CALLS, f"{shown(path)}:{node.lineno} calls {called}"
            if called == "yaml.load":
                loader = [ast.unparse(k.value) for k in node.keywords if k.arg == "Loader"]
                unsafe_loaders = ("yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader")
                assert loader and loader[0] not in unsafe_loaders, f"{shown(path)}:{node.lineno} may build any object"
            for keyword in node.keywords:
                given = f"{keyword.arg}={ast.unparse(keyword.value)}"
                unsafe = ("allow_pickle=True", "shell=True", "trust_remote_code=True", "weights_only=False")
                assert given not in unsafe, f"{shown(path)}:{node.lineno} gives {given}"


@pytest.mark.parametrize("path", SOURCE, ids=shown)
def test_no_exception_is_swallowed(path):
    """`except ImportError: pass` and its kin turn a missing library, or a defect, into a wrong number."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException", "ImportError")
            silent = all(isinstance(s, ast.Pass | ast.Continue) for s in node.body)
            assert not (broad and silent), f"{shown(path)}:{node.lineno} swallows every error"
