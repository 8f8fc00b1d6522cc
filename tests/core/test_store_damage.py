"""A byte flipped anywhere in a closed store: what is read is right or absent, what is lost is named and put again.

The positions are drawn with a fixed seed, so that a failure can be looked at again.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.core.index import SCHEMA
from pipeline.core.records import digest_parts
from pipeline.core.store import INLINE, CallRow, Entry, Store

N = 200
SPEC = '{"class":"Stage","k":1,"version":1}'
OWN = digest_parts([SPEC])
KEYS = [hashlib.sha256(b"node %d" % i).hexdigest() for i in range(N)]
CALLS = {
    key: CallRow(
        *(key, "gen", "reader", f"q{i}", "lc", 0, key[::-1], '{"seed":0}', f"answer {i}, café", "ok", "stop", ""),
        *(100 + i, 3, i, '[["doc",0,3]]', i / 8),
    )
    for i, key in enumerate(hashlib.sha256(b"call %d" % i).hexdigest() for i in range(N))
}


def raw(i: int) -> bytes:
    return (b"value %d " % i) * (INLINE // 4 if i % 50 == 0 else 3 + i)


def entries(which: range = range(N)) -> list[tuple[Entry, bytes]]:
    return [(Entry(KEYS[i], "Stage", OWN, f"q{i}", '["abc"]', 0.5, 0, "", None), raw(i)) for i in which]


@dataclass(frozen=True)
class Frozen:
    """A closed store as it lies on the disk."""

    folder: Path
    files: dict[Path, bytes]

    def with_other(self, at: Path, content: bytes) -> Path:
        """A copy in which one file has other content."""
        copy = self.folder.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        for file, original in self.files.items():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            (copy / file).write_bytes(content if file == at else original)
        return copy


@pytest.fixture(scope="module")
def frozen() -> Iterator[Frozen]:
    # In memory where there is such a folder: every closing of an index waits for the disk.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield frozen_in(Path(folder) / "store")


def frozen_in(folder: Path) -> Frozen:
    with Store(folder) as store:
        for low in range(0, N, 10):
            store.put(entries(range(low, low + 10)))
        store.put_calls(CALLS.values())
        store.describe(OWN, SPEC)
        store.code("m.Stage", 1, "digest")
        store.mark_used("run", [*KEYS, *CALLS])
    files = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert len(files) == 1 + N // 50
    return Frozen(folder, files)


def check(folder: Path, what: str) -> int:
    """All laws at once on an opened copy; returns how many values and calls were lost."""
    with Store(folder) as store:
        some = KEYS[: N // 8]  # a value is asked for alone, among many, or only for its being there
        values = {key: store.get(key) for key in some}
        good = store.good(KEYS[: N // 4])
        values |= store.get_many(KEYS)
        calls = store.calls(CALLS)
        for i, key in enumerate(KEYS):
            assert values.get(key) in (None, raw(i)), f"{what}: {key} has another value"
            assert i >= N // 4 or (key in good) == (values.get(key) is not None), what
        there = sum(value is not None for value in values.values())
        assert all(calls[key] == CALLS[key] for key in calls), f"{what}: another call"
        lost = len(KEYS) - there + len(CALLS) - len(calls)
        assert store.damaged or not lost, f"{what}: {lost} lost without a word"
        assert all("\n" not in line for line in store.damaged), what
        for i in range(0, N, 20):
            assert all((e.own, e.inputs) == (OWN, '["abc"]') for e in store.history("Stage", f"q{i}")), what
            said = store.last_call("reader", f"q{i}", "lc", 0)
            assert said is None or CALLS[said.key] == said, what
        assert store.spec(OWN) in (None, SPEC), what
        assert store.code("m.Stage", 1, "digest") == "digest", what
        damaged = bool(store.damaged)
        store.put(pair for pair in entries() if values.get(pair[0].key) is None)
        store.put_calls(call for key, call in CALLS.items() if key not in calls)
        if not damaged:
            return 0
    with Store(folder) as store:
        assert store.get_many(KEYS) == {key: raw(i) for i, key in enumerate(KEYS)}, f"{what}: not put again"
        assert store.calls(CALLS) == CALLS, what
        assert store.damaged == [], f"{what}: not mended"
    return lost


def test_an_untouched_store_is_whole(frozen):
    index = Path("index.sqlite")
    assert check(frozen.with_other(index, frozen.files[index]), "untouched") == 0


@pytest.mark.parametrize("part", range(4))
def test_a_flipped_byte_of_the_index(frozen, part):
    index = Path("index.sqlite")
    original = frozen.files[index]
    rng = random.Random(part)
    lost = []
    for _ in range(75):
        at, bits = rng.randrange(len(original)), rng.choice((1, 0x80, rng.randrange(1, 256)))
        harmed = bytearray(original)
        harmed[at] ^= bits
        lost.append(check(frozen.with_other(index, bytes(harmed)), f"byte {at} ^ {bits:#x}"))
    assert sum(n > 0 for n in lost) > 15, "hardly any flip hit a value: this test proves nothing"
    assert sorted(lost)[len(lost) // 2] <= 1, "one byte should cost one value"


def test_a_flipped_byte_of_the_header_or_the_schema(frozen):
    """The first page holds the file's header and the declarations of all tables."""
    index = Path("index.sqlite")
    original = frozen.files[index]
    rng = random.Random(0)
    for at in [*range(0, 100, 5), *rng.sample(range(100, 4096), 25)]:
        harmed = bytearray(original)
        harmed[at] ^= 1 << rng.randrange(8)
        check(frozen.with_other(index, bytes(harmed)), f"byte {at}")


@pytest.mark.parametrize(
    "word", [b"key TEXT PRIMARY", b"own TEXT", b"seconds REAL", b"turn INTEGER", b"value BLOB", b"nodes (", b"calls ("]
)
def test_a_flipped_letter_of_a_declaration(frozen, word):
    """SQLite takes another column's name or type for what was meant; then no key is found, or 0 comes back for 0.0."""
    index = Path("index.sqlite")
    original = frozen.files[index]
    for letter in (0, len(word) - 2):
        harmed = bytearray(original)
        harmed[original.index(word) + letter] ^= 1
        check(frozen.with_other(index, bytes(harmed)), f"{word!r}")


def test_a_flipped_byte_of_an_object_file(frozen):
    rng = random.Random(0)
    files = sorted(f for f in frozen.files if f != Path("index.sqlite"))
    for _ in range(12):
        file = rng.choice(files)
        harmed = bytearray(frozen.files[file])
        at = rng.randrange(len(harmed))
        harmed[at] ^= 1 << rng.randrange(8)
        assert check(frozen.with_other(file, bytes(harmed)), f"{file} byte {at}") == 1


def test_a_page_written_over(frozen):
    index = Path("index.sqlite")
    original = frozen.files[index]
    pages = len(original) // 4096
    for page in random.Random(0).sample(range(1, pages), 8):
        harmed = bytearray(original)
        harmed[page * 4096 : (page + 1) * 4096] = random.Random(page).randbytes(4096)
        assert check(frozen.with_other(index, bytes(harmed)), f"page {page}") < N


def test_only_rows_with_a_checksum_are_trusted():
    """Whoever adds a table of values adds a checksum: the laws above read these two."""
    assert set(SCHEMA) == {"nodes", "calls"}
