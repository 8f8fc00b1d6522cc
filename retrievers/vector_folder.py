"""Vectors of a corpus larger than memory: written block by block, searched as memory maps.

The matrix lies in `vectors.npy`, in single or half precision, and is searched exactly in blocks. Inverted lists are
learnt from a sample of it and filled in shards, which are merged into one mapped file. In memory lie one block, the
sample or a shard, whichever is largest, and the centroids of inverted lists.

It does not know where vectors come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from retrievers.base import one_of
from retrievers.dense import longest
from retrievers.mapped import Mapped, Rows, read_head, whole_or_nothing, write_head
from retrievers.vector_index import VectorIndex, one_thread, sample_of

Precision = Literal["float32", "float16"]

SHARD = 16_384
"""Vectors that are put into inverted lists before these are written down."""


def build_vectors(
    blocks: Iterable[NDArray[Any]],
    folder: Path | str,
    index: VectorIndex | None = None,
    *,
    precision: Precision = "float32",
) -> None:
    """Index blocks of (any, d) vectors, chunk after chunk, into a new folder that `open_vectors` opens.

    index: flat, ivf or ivfpq; too few vectors for inverted lists are searched exactly, and the index's `note` says so.
    precision: of the stored matrix; half of it halves the bytes and moves scores by about 1e-4.
    Raises UserError for a folder that exists, a graph (which must be built in memory) and blocks that differ in d.
    """
    index = index or VectorIndex()
    one_of(precision, get_args(Precision), "build_vectors.precision")
    if index.kind == "hnsw":
        raise UserError(
            "a graph is built and searched in memory", where="build_vectors.index", remedy="Give flat, ivf or ivfpq"
        )
    with whole_or_nothing(Path(folder), "vectors") as draft:
        count, d, norm = _write(blocks, draft, precision)
        note = index.too_few(count) if index.kind != "flat" else ""
        about: dict[str, Any] = {"kind": "flat"} | ({"note": note} if note else {})
        if index.kind != "flat" and not note:
            about = index.about(_fill(index, draft))
            if not index.keeps:
                (draft / "vectors.npy").unlink()
        write_head(draft, "vectors", about | {"chunks": count, "dimensions": d, "norm": norm})


def open_vectors(folder: Path | str) -> dict[str, Any]:
    """An index for `DenseSearch` whose vectors are memory maps. Raises UserError for a folder that is not whole."""
    folder = Path(folder)
    index = read_head(folder, "vectors")
    files = Mapped(folder)
    if (folder / "vectors.npy").exists():
        index["vectors"] = files.array("vectors")
    if index["kind"] != "flat":
        index["file"] = str(folder / "lists.faiss")
    return index | {"release": files.release}


def _write(blocks: Iterable[NDArray[Any]], draft: Path, precision: Precision) -> tuple[int, int, float]:
    """The matrix on disk; returns C, d and the longest vector's length."""
    d, norm = 0, 0.0
    rows: Rows | None = None
    try:
        for i, block in enumerate(blocks):
            if block.ndim != 2 or (rows is not None and block.shape[1] != d):
                wanted = f"(any, {d})" if rows is not None else "(any, d)"
                raise UserError(
                    f"block {i} has the shape {block.shape}, not {wanted}",
                    where="build_vectors.blocks",
                    remedy="Give matrices of one width",
                )
            if rows is None:
                d = block.shape[1]
                rows = Rows(draft / "vectors.npy", precision, d)
            stored = np.ascontiguousarray(block, dtype=precision)
            norm = max(norm, longest(stored))
            rows.append(stored)
        rows = rows or Rows(draft / "vectors.npy", precision, 0)
    finally:
        if rows is not None:
            rows.close()
    return rows.rows, d, norm


def _fill(index: VectorIndex, draft: Path) -> int:
    """Inverted lists of the matrix in `lists.faiss`; returns how many lists there are."""
    import faiss

    files = Mapped(draft)
    vectors = files.array("vectors")
    empty = index.trained(sample_of(vectors, files.release), len(vectors))
    shards: list[Path] = []
    for start in range(0, len(vectors), SHARD):
        shard = faiss.clone_index(empty)
        rows = np.ascontiguousarray(vectors[start : start + SHARD], dtype=np.float32)
        with one_thread():
            shard.add_with_ids(rows, np.arange(start, start + len(rows)))
        shards.append(draft / f"shard{len(shards)}.faiss")
        faiss.write_index(shard, str(shards[-1]))
        files.release()
    empty.ntotal = len(vectors)
    _merge(empty, shards, draft / "lists.faiss")
    for path in shards:
        path.unlink()
    return int(empty.nlist)


def _merge(empty: Any, shards: Sequence[Path], path: Path) -> None:
    """The lists of all shards as one FAISS file, as if they had been added to `empty`, list by list.

    FAISS's own merge (`OnDiskInvertedLists`) prints, and leaves a second file whose place is fixed in the first.
    """
    import faiss

    indexes: list[Any] = [faiss.read_index(str(shard), faiss.IO_FLAG_MMAP) for shard in shards]
    parts = [shard.invlists for shard in indexes]
    sizes = np.array([[part.list_size(i) for part in parts] for i in range(empty.nlist)], np.uint64)
    # "ilar", the numbers of lists and of bytes a code, then which lists there are: none ("sprs") becomes all ("full").
    head = faiss.serialize_index(empty).tobytes()
    if head[-32:-28] != b"ilar" or head[-12:] != b"sprs" + bytes(8):
        raise RuntimeError("this version of FAISS writes inverted lists in another format")
    with path.open("wb") as file:
        file.write(head[:-12] + b"full")
        np.array([empty.nlist], np.uint64).tofile(file)
        sizes.sum(axis=1, dtype=np.uint64).tofile(file)
        for i, row in enumerate(sizes.astype(np.int64).tolist()):
            held = [(part, size) for part, size in zip(parts, row, strict=True) if size]
            for part, size in held:
                faiss.rev_swig_ptr(part.get_codes(i), size * empty.code_size).tofile(file)
            for part, size in held:
                faiss.rev_swig_ptr(part.get_ids(i), size).tofile(file)
