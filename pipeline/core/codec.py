"""Values to bytes and back, without pickle: a JSON tree, with NumPy arrays appended as raw `.npy` blocks.

Equal values give equal bytes, so that a digest of the bytes identifies the value. It knows the record classes it may
build; bytes that name another class are refused. Reading executes nothing.
"""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

from pipeline.core import records

_MAGIC = b"LSV1"
_RECORDS = {
    cls.__name__: cls for cls in (records.Span, records.Section, records.Document, records.Chunk, records.Ranking)
}


def dumps(value: Any) -> bytes:
    """The value as bytes. Raises TypeError for a type that a stage may not return."""
    arrays: list[bytes] = []
    tree = json.dumps(_pack(value, arrays), separators=(",", ":"), ensure_ascii=False, allow_nan=True).encode(
        "utf-8", "surrogatepass"
    )
    head = [len(tree), *(len(a) for a in arrays)]
    return b"".join([_MAGIC, len(head).to_bytes(4, "big"), *(n.to_bytes(8, "big") for n in head), tree, *arrays])


def loads(raw: bytes) -> Any:
    """The value of `dumps`. Raises ValueError for bytes that it did not write."""
    if raw[:4] != _MAGIC:
        raise ValueError("not a stored value: wrong first bytes")
    count = int.from_bytes(raw[4:8], "big")
    sizes = [int.from_bytes(raw[8 + 8 * i : 16 + 8 * i], "big") for i in range(count)]
    at = 8 + 8 * count
    blocks = []
    for size in sizes:
        blocks.append(raw[at : at + size])
        at += size
    if at != len(raw):
        raise ValueError(f"a stored value of {len(raw)} bytes states {at}")
    return _unpack(json.loads(blocks[0].decode("utf-8", "surrogatepass")), blocks[1:])


def _pack(value: Any, arrays: list[bytes]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_pack(v, arrays) for v in value]
    if isinstance(value, tuple):
        return {"$": "tuple", "v": [_pack(v, arrays) for v in value]}
    if isinstance(value, dict):
        if any(not isinstance(k, str) for k in value):
            raise TypeError("a stored mapping has string keys")
        return {"$": "dict", "v": {k: _pack(v, arrays) for k, v in value.items()}}
    if type(value).__name__ in _RECORDS:
        fields = [_pack(getattr(value, f.name), arrays) for f in dataclasses.fields(value)]
        return {"$": type(value).__name__, "v": fields}
    import numpy as np

    if isinstance(value, np.ndarray):
        block = io.BytesIO()
        np.save(block, np.ascontiguousarray(value), allow_pickle=False)
        arrays.append(block.getvalue())
        return {"$": "array", "v": len(arrays) - 1}
    if isinstance(value, np.generic):
        return _pack(value.item(), arrays)
    raise TypeError(f"a stage may not return a value of type {type(value).__name__}")


def _unpack(tree: Any, blocks: list[bytes]) -> Any:
    if isinstance(tree, list):
        return [_unpack(v, blocks) for v in tree]
    if not isinstance(tree, dict):
        return tree
    kind, body = tree["$"], tree["v"]
    if kind == "tuple":
        return tuple(_unpack(v, blocks) for v in body)
    if kind == "dict":
        return {k: _unpack(v, blocks) for k, v in body.items()}
    if kind == "array":
        import numpy as np

        return np.load(io.BytesIO(blocks[body]), allow_pickle=False)
    if kind not in _RECORDS:
        raise ValueError(f"a stored value names the unknown record {kind!r}")
    return _RECORDS[kind](*(_unpack(v, blocks) for v in body))
