"""The codec: what goes in comes out, bit by bit; one value has one encoding; nothing else goes in or comes out."""

from __future__ import annotations

import collections
import dataclasses
import enum
import math
import random
import struct
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.core import codec
from pipeline.core.records import Chunk, Document, Question, Ranking, Section, Span

# Lone surrogates too: a text that was decoded carelessly may hold them.
TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(allow_nan=True, allow_infinity=True), TEXT
)
SPANS = st.tuples(TEXT, st.integers(0, 9), st.integers(0, 9)).map(lambda t: Span(t[0], t[1], t[1] + t[2]))
SECTIONS = st.builds(Section, TEXT, st.integers(0, 9), st.integers(10, 19))
CHUNKS = st.builds(Chunk, TEXT, st.integers(0, 9), st.integers(10, 19), TEXT, TEXT, TEXT)
DOCUMENTS = st.builds(
    Document, TEXT, st.none() | TEXT, TEXT, st.lists(SECTIONS, max_size=2).map(tuple), st.none() | st.integers(0, 99)
)
RANKINGS = st.lists(st.tuples(st.integers(0, 99), st.floats(allow_nan=False)), max_size=4).map(
    lambda pairs: Ranking(tuple(i for i, _ in pairs), tuple(s for _, s in pairs))
)
DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.unicode_string_dtypes(max_len=4),
    hnp.byte_string_dtypes(max_len=4),
    hnp.datetime64_dtypes(),
)
ARRAYS = DTYPES.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)))
VALUES = st.recursive(
    st.one_of(SCALARS, SPANS, CHUNKS, DOCUMENTS, RANKINGS, ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(TEXT, st.sampled_from(["$", "v", "tuple"])), inner, max_size=3),
    ),
    max_leaves=8,
)


def same(a: Any, b: Any) -> bool:
    """Equal in type, order and bits; `==` takes 1 for True, 0.0 for -0.0, and nan for nothing at all."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    return bool(a == b)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_round_trip_and_one_encoding(value):
    raw = codec.dumps(value)
    back = codec.loads(raw)
    assert same(back, value)
    assert codec.dumps(back) == raw


@pytest.mark.parametrize(
    "value",
    [
        -0.0,
        math.nan,
        -math.inf,
        5e-324,
        2**70,
        "\ud83d",
        "\ud83d\ude00",  # two surrogates that are no pair of anything yet
        "\x00",
        {"$": "Span", "v": ["a", 0, 1]},  # looks like the encoding of a record, and is a mapping
        {"": [(), [], {}]},
        np.array(5),
        np.array(-0.0, dtype=np.float32),
        np.zeros((0, 3), dtype=np.float16),
        np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", ">f8")]),
        np.array(["é", "abc"]),
    ],
    ids=repr,
)
def test_round_trip_of_the_odd_ones(value):
    assert same(codec.loads(codec.dumps(value)), value)


def test_a_cached_digest_is_no_part_of_a_document():
    document = Document("a", "text")
    before = codec.dumps(document)
    assert document.digest
    assert codec.dumps(document) == before


def test_memory_layout_does_not_enter_the_bytes():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    wide = np.zeros((3, 8), dtype=np.float32)
    wide[:, ::2] = array
    assert codec.dumps(np.asfortranarray(array)) == codec.dumps(array) == codec.dumps(wide[:, ::2])


def test_bytes_do_not_depend_on_the_process():
    script = (
        "import sys, hashlib; from pipeline.core import codec; from pipeline.core.records import Ranking\n"
        "v = {'b': (1, 2.5), 'a': [None, True, 'x'], 'r': Ranking((1,), (0.5,))}\n"
        "print(hashlib.sha256(codec.dumps(v)).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.1), np.int8(-3), np.bool_(True), np.str_("x")])
def test_a_numpy_scalar_becomes_the_plain_one(value):
    assert same(codec.loads(codec.dumps(value)), value.item())


class Pair(NamedTuple):
    a: int
    b: int


FakeSpan = dataclasses.make_dataclass("Span", [("doc", str), ("start", int), ("end", int)])


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        {1},
        {1: "a"},
        {("a",): 1},
        1j,
        object(),
        Colour.RED,
        Question("q", "text"),
        Pair(1, 2),  # would come back as a plain tuple, and only the next run would see that
        collections.Counter("ab"),
        collections.OrderedDict(a=1),
        FakeSpan("a", 0, 1),  # another class of the same name
        np.array([1, "a", None], dtype=object),
        np.array([(None,)], dtype=[("a", object)]),
        np.ma.masked_array([1, 2], mask=[False, True]),  # its mask would be lost
        np.datetime64("2020-01-01", "ns"),  # .item() is a bare int
        np.longdouble(1),  # .item() is itself
        lambda: 1,
        [[{"a": (b"deep inside",)}]],
    ],
    ids=lambda v: type(v).__name__,
)
def test_other_types_are_refused(value):
    with pytest.raises(TypeError):
        codec.dumps(value)


def written(tree: str, *blocks: bytes) -> bytes:
    """Bytes with a right frame around any tree."""
    parts = [tree.encode(), *blocks]
    return b"".join([b"LSV1", len(parts).to_bytes(4, "big"), *(len(p).to_bytes(8, "big") for p in parts), *parts])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"LSV1",
        b"LSV1\0\0\0\0",
        b"\x80\x05K\x01.",  # a pickle of 1
        written("[1"),
        written('{"a":1}'),
        written('{"$":"Question","v":["q","text"]}'),
        written('{"$":"os.system","v":["true"]}'),
        written('{"$":["x"],"v":1}'),
        written('{"$":"dict","v":3}'),
        written('{"$":"Span","v":["a"]}'),
        written('{"$":"Span","v":["a",3,1]}'),
        written('{"$":"array","v":0}'),
        written('{"$":"array","v":0}', b"no array"),
        written('{"$":"array","v":0}', codec.dumps(1)),
        written("1") + b"more",
        written("1")[:-1],
    ],
    ids=lambda raw: repr(raw)[:40],
)
def test_foreign_bytes_are_refused(raw):
    with pytest.raises(ValueError):
        codec.loads(raw)


def test_an_array_of_objects_is_never_unpickled():
    import io

    block = io.BytesIO()
    np.save(block, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError):
        codec.loads(written('{"$":"array","v":0}', block.getvalue()))


def test_a_stated_count_of_blocks_is_checked_before_it_is_believed():
    with pytest.raises(ValueError):
        codec.loads(b"LSV1\xff\xff\xff\xff")


def test_a_flipped_byte_is_another_value_or_an_error_never_another_exception():
    """The digest catches every flip before `loads` sees it; `loads` alone must still not blow up on one."""
    raw = codec.dumps({"a": np.arange(5), "s": Span("d", 0, 3), "t": (1, "x")})
    rng = random.Random(0)
    for at in range(len(raw)):
        flipped = bytearray(raw)
        flipped[at] ^= 1 << rng.randrange(8)
        try:
            codec.loads(bytes(flipped))
        except ValueError:
            continue
