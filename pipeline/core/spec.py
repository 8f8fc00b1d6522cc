"""Identity: what a settings object *is*, apart from where and how fast it runs.

A settings object is a frozen dataclass. Its identity is a digest of class, version and settings, never of a path, a
device, a batch size or a worker count: such fields are declared with `runtime(...)` and left out. A value that has no
stable identity is refused with advice, because a cache that trusts it would return another model's numbers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.records import digest_parts

_RUNTIME = "longshort.runtime"
_WEIGHTS = (".safetensors", ".bin", ".json", ".txt", ".model", ".onnx", ".gguf")


def runtime(default: Any = dataclasses.MISSING, *, default_factory: Any = dataclasses.MISSING) -> Any:
    """A dataclass field that changes how or where a stage runs, and not what comes out; equality ignores it too."""
    if default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=default_factory, metadata={_RUNTIME: True}, compare=False)
    return dataclasses.field(default=default, metadata={_RUNTIME: True}, compare=False)


def settings(obj: Any) -> dict[str, Any]:
    """The settings of a dataclass that make up its identity, as plain JSON values."""
    return {
        f.name: plain(getattr(obj, f.name), where=f"{type(obj).__name__}.{f.name}")
        for f in dataclasses.fields(obj)
        if not f.metadata.get(_RUNTIME)
    }


def describe(obj: Any) -> dict[str, Any]:
    """`{"class": ..., "version": ..., <settings>}`: enough to tell two objects apart."""
    body = obj.resolved_settings() if hasattr(obj, "resolved_settings") else settings(obj)
    return {"class": type(obj).__qualname__, "version": getattr(obj, "version", 1), **body}


def identity(obj: Any) -> str:
    """SHA-256 over class, version and settings."""
    return digest_parts([canonical(describe(obj))])


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def plain(value: Any, *, where: str) -> Any:
    """A setting as a JSON value. Raises UserError for one that has no stable identity."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UserError(f"{value!r} is not a finite number", where=where, remedy="Give a finite one")
        return value
    if isinstance(value, tuple | list):
        return [plain(v, where=f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, Mapping):
        for k in value:
            if not isinstance(k, str):
                raise UserError(f"the key {k!r} is not text", where=where, remedy=f"Write it as {str(k)!r}")
        return {k: plain(v, where=f"{where}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return describe(value)
    if isinstance(value, Path):
        raise UserError(
            f"the path {str(value)!r} has no stable identity: another machine may hold another file there",
            where=where,
            remedy="Declare the field with runtime(...) and put the file's digest beside it",
        )
    if isinstance(value, Callable):  # type: ignore[arg-type]
        raise UserError(
            f"the function {value!r} has no stable identity",
            where=where,
            remedy="Make it a stage: a frozen dataclass of settings with a version",
        )
    raise UserError(
        f"a value of type {type(value).__name__} has no stable identity",
        where=where,
        remedy="Use None, bool, int, float, str, tuples, mappings or frozen dataclasses of these",
    )


@lru_cache(maxsize=256)
def _digest_files(files: tuple[tuple[str, int, int], ...]) -> str:
    h = hashlib.sha256()
    for name, _, _ in files:
        path = Path(name)
        h.update(path.name.encode())
        with path.open("rb") as f:
            while block := f.read(1 << 20):
                h.update(block)
    return h.hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of name and content of one file; read again only when its size or time changed."""
    stat = path.stat()
    return _digest_files(((str(path), stat.st_size, stat.st_mtime_ns),))


def digest_model(name: str, revision: str = "") -> str:
    """The identity of a model: content of a folder's weights and configuration, or a hub name with its revision.

    Raises UserError for a hub name without a revision: a name alone can mean other weights tomorrow.
    """
    folder = Path(name)
    if folder.is_dir():
        files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in _WEIGHTS)
        if not files:
            raise UserError(
                f"the folder {name!r} holds no model files", remedy="Name a folder saved by save_pretrained"
            )
        return _digest_files(tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files))
    if not revision:
        raise UserError(
            f"the model {name!r} is not a folder, and has no revision: the name alone can mean other weights tomorrow",
            remedy="Give a folder, or add `revision:` with the commit of the model on its hub",
        )
    return digest_parts([name, revision])
