"""Values to bytes and back, without pickle: a JSON tree, with NumPy arrays appended as raw `.npy` blocks.

One value (its types, the order of its mappings) gives one sequence of bytes, whatever its memory layout, so that a
digest of the bytes identifies the value. It knows the record classes it may build; bytes that name another class are
refused. Reading executes nothing.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
from typing import Any

from pipeline.core import records

_MAGIC = b"LSV1"
_ALIGNED = 64  # bytes; as NumPy's own files are, so that an array can be used where it lies
_HEAD = 1 << 16  # bytes of an array's description; its format allows no more
_SCALARS = "biufU"  # NumPy kinds whose scalars have a plain equal; a datetime64 would become a bare int
_RECORDS = {
    cls.__name__: cls
    for cls in (
        *(records.Span, records.Section, records.Document, records.Chunk, records.Ranking),
        *(records.Excerpt, records.Compression),
    )
}


def dumps(value: Any) -> bytes:
    """The value as bytes. Raises TypeError for a type that a stage may not return."""
    arrays: list[bytes] = []
    tree = json.dumps(_pack(value, arrays), separators=(",", ":"), ensure_ascii=False, allow_nan=True).encode(
        "utf-8", "surrogatepass"
    )
    # Blank space after the tree and zeros after an array: every array starts at a multiple of _ALIGNED bytes.
    tree += b" " * (-(8 * (len(arrays) + 2) + len(tree)) % _ALIGNED if arrays else 0)
    arrays = [a + bytes(-len(a) % _ALIGNED) for a in arrays]
    head = [len(tree), *(len(a) for a in arrays)]
    return b"".join([_MAGIC, len(head).to_bytes(4, "big"), *(n.to_bytes(8, "big") for n in head), tree, *arrays])


def loads(raw: bytes | memoryview) -> Any:
    """The value of `dumps`; arrays are read-only views of `raw`. Raises ValueError for bytes that it did not write."""
    if bytes(raw[:4]) != _MAGIC:
        raise ValueError("not a stored value: wrong first bytes")
    count = int.from_bytes(raw[4:8], "big")
    if not 0 < count <= len(raw) // 8:
        raise ValueError(f"a stored value of {len(raw)} bytes states {count} blocks")
    sizes = [int.from_bytes(raw[8 + 8 * i : 16 + 8 * i], "big") for i in range(count)]
    at = 8 + 8 * count
    blocks = []
    for size in sizes:
        blocks.append(raw[at : at + size])
        at += size
    if at != len(raw):
        raise ValueError(f"a stored value of {len(raw)} bytes states {at}")
    try:
        return _unpack(json.loads(bytes(blocks[0]).decode("utf-8", "surrogatepass")), blocks[1:])
    except Exception as e:  # bytes that `dumps` did not write can fail in any of the readers
        raise ValueError(f"not a stored value: {e}") from e


def _pack(value: Any, arrays: list[bytes]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    # Exact types: a subclass (a named tuple, a counter) would come back as its base.
    kind = type(value)
    if kind is list:
        return [_pack(v, arrays) for v in value]
    if kind is tuple:
        return {"$": "tuple", "v": [_pack(v, arrays) for v in value]}
    if kind is dict:
        if any(not isinstance(k, str) for k in value):
            raise TypeError("a stored mapping has string keys")
        return {"$": "dict", "v": {k: _pack(v, arrays) for k, v in value.items()}}
    if kind is _RECORDS.get(kind.__name__):
        fields = [_pack(getattr(value, f.name), arrays) for f in dataclasses.fields(value)]
        return {"$": kind.__name__, "v": fields}
    import numpy as np

    if kind is np.ndarray and not value.dtype.hasobject:
        block = io.BytesIO()
        np.save(block, np.asarray(value, order="C"), allow_pickle=False)
        arrays.append(block.getvalue())
        return {"$": "array", "v": len(arrays) - 1}
    if isinstance(value, np.generic) and value.dtype.kind in _SCALARS and not isinstance(value, np.longdouble):
        return _pack(value.item(), arrays)
    raise TypeError(f"a stage may not return a value of type {kind.__name__}")


def _unpack(tree: Any, blocks: list[bytes | memoryview]) -> Any:
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
        return _array(blocks[body])
    if kind not in _RECORDS:
        raise ValueError(f"a stored value names the unknown record {kind!r}")
    return _RECORDS[kind](*(_unpack(v, blocks) for v in body))


def _array(block: bytes | memoryview) -> Any:
    """The array of a `.npy` block, without a copy."""
    import numpy as np

    head = io.BytesIO(block[:_HEAD])
    if np.lib.format.read_magic(head) != (1, 0):
        raise ValueError("not an array that was stored here")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(head)
    if dtype.hasobject or fortran:
        raise ValueError("an array of objects, or in another order than is stored here")
    count = math.prod(shape)
    return np.frombuffer(block, dtype, count, offset=head.tell()).reshape(shape) if count else np.empty(shape, dtype)
