"""The store among processes: killed in the middle of writing, written by several at once, opened on a full disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pipeline.core.store import CallRow, Entry, Store

PRELUDE = """
import hashlib, os, signal, sys
from pathlib import Path
from pipeline.core.store import CallRow, Entry, Store

folder = Path(sys.argv[1])


def raw(i):
    return b"%d " % i * (20_000 if i % 3 == 0 else 20)


def entry(i):
    return Entry(f"n{i}", "Stage", "own", f"q{i}", "[]", 0.5, 0, "", None), raw(i)


def call(i):
    return CallRow(f"c{i}", "g", "r", f"q{i}", "lc", 0, "p", "{}", f"answer {i}", "ok", "stop", "", i, 1, 0, "[]", 0.5)
"""


def start(folder: Path, body: str, *args: str) -> subprocess.Popen[str]:
    script = PRELUDE + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder), *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def raw(i: int) -> bytes:
    return b"%d " % i * (20_000 if i % 3 == 0 else 20)


def call(i: int) -> CallRow:
    return CallRow(f"c{i}", "g", "r", f"q{i}", "lc", 0, "p", "{}", f"answer {i}", "ok", "stop", "", i, 1, 0, "[]", 0.5)


WRITE = """
with Store(folder) as store:
    print("open", flush=True)
    for i in range(0, 100_000, 5):
        store.put(entry(j) for j in range(i, i + 5))
        store.put_calls([call(i)])
        print(i, flush=True)
"""


def test_killed_at_random_moments_it_keeps_what_it_said_it_has(tmp_path):
    rng = random.Random(0)
    confirmed: set[int] = set()
    for _ in range(8):
        writer = start(tmp_path, WRITE)
        assert writer.stdout
        assert writer.stdout.readline() == "open\n"
        time.sleep(rng.uniform(0.001, 0.12))
        writer.send_signal(signal.SIGKILL)
        said, _ = writer.communicate()
        assert writer.returncode == -signal.SIGKILL
        confirmed |= {int(line) for line in said.split("\n")[:-1]}
        with Store(tmp_path) as store:
            assert store.damaged == []
            top = max(confirmed, default=0) + 10
            values = store.get_many(f"n{i}" for i in range(top))
            assert all(value == raw(int(key[1:])) for key, value in values.items())
            assert values.keys() >= {f"n{j}" for i in confirmed for j in range(i, i + 5)}
            calls = store.calls(f"c{i}" for i in range(top))
            assert all(row == call(int(key[1:])) for key, row in calls.items())
            assert calls.keys() >= {f"c{i}" for i in confirmed}
            assert store.damaged == []
            # A batch is there whole or not at all.
            assert all(sum(f"n{j}" in values for j in range(i, i + 5)) in (0, 5) for i in range(0, top - 5, 5))
    assert len(confirmed) > 10, "the writer was always killed before it wrote: this test proves nothing"


def test_a_call_outlives_a_kill_right_after_it_was_put(tmp_path):
    body = """
    store = Store(folder)
    for i in range(50):
        store.put_calls([call(i)])
    os.kill(os.getpid(), signal.SIGKILL)
    """
    process = start(tmp_path, body)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with Store(tmp_path) as store:
        assert store.calls(f"c{i}" for i in range(50)) == {f"c{i}": call(i) for i in range(50)}


def test_a_kill_between_file_and_row_leaves_a_file_that_the_sweep_takes(tmp_path):
    body = """
    store = Store(folder)
    store._insert = lambda table, rows: os.kill(os.getpid(), signal.SIGKILL)
    store.put([entry(0)])
    """
    process = start(tmp_path, body)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with Store(tmp_path) as store:
        assert store.get("n0") is None
        assert store.damaged == []
        (file,) = (tmp_path / "objects").glob("*/*")
        store.sweep(lambda run: True)
        assert file.exists(), "another process may be about to write its row"
        os.utime(file, (0, 0))
        store.sweep(lambda run: True)
        assert not file.exists()


def test_several_processes_write_at_once_into_a_new_store(tmp_path):
    body = """
    low = int(sys.argv[2])
    with Store(folder) as store:
        for i in range(low, low + 60):
            store.put([entry(i)])
            store.put_calls([call(i)])
            assert store.get(f"n{i}") == raw(i)
        assert store.damaged == []
    """
    writers = [start(tmp_path, body, str(low)) for low in (0, 30, 60, 0)]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    with Store(tmp_path) as store:
        assert store.get_many(f"n{i}" for i in range(120)) == {f"n{i}": raw(i) for i in range(120)}
        assert store.calls(f"c{i}" for i in range(120)) == {f"c{i}": call(i) for i in range(120)}
        assert store.damaged == []


def test_one_process_sweeps_while_another_writes(tmp_path):
    body = """
    with Store(folder) as store:
        store.mark_used("run", [f"n{i}" for i in range(200)])
        for i in range(200):
            store.put([entry(i)])
    """
    writer = start(tmp_path, body)
    with Store(tmp_path) as store:
        while writer.poll() is None:
            store.sweep(lambda run: True)
    _, errors = writer.communicate()
    assert writer.returncode == 0, errors
    with Store(tmp_path) as store:
        assert store.get_many(f"n{i}" for i in range(200)) == {f"n{i}": raw(i) for i in range(200)}
        assert store.damaged == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files by RLIMIT_FSIZE")
def test_a_full_disk_is_no_damage(tmp_path):
    """What cannot be written must not be taken for a damaged index and thrown away."""
    with Store(tmp_path) as store:
        store.put((Entry(f"n{i}", "Stage", "own", "q", "[]", 0.5, 0, "", None), raw(i)) for i in range(50))
    body = """
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    from pipeline.core.errors import UserError
    try:
        Store(folder)
    except UserError as e:
        print(e)
    """
    process = start(tmp_path, body)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "index" in said
    assert said.count("\n") == 1
    with Store(tmp_path) as store:
        assert store.damaged == []
        assert len(store.get_many(f"n{i}" for i in range(50))) == 50
