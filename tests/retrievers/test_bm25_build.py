"""BM25 from disk: the numbers of the index in memory, bounded memory, and folders that are not whole."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from retrievers.bm25 import BM25Index, BM25Search, Method, scorer
from retrievers.bm25_build import build_bm25, open_bm25

ARRAYS = ("hashes", "indptr", "indices", "data", "peaks")


def texts_of(seed: int, chunks: int = 300, vocabulary: int = 400) -> list[str]:
    draw = random.Random(seed)
    known = [f"word{i}" for i in range(vocabulary)] + ["naïve", "文字", "ไทย"]
    weights = [1 / (i + 1) for i in range(len(known))]
    return [" ".join(draw.choices(known, weights, k=draw.randrange(30))) for _ in range(chunks)]


def chunks_of(texts: list[str]) -> tuple[Chunk, ...]:
    return tuple(Chunk("d", i, i + len(t), t) for i, t in enumerate(texts))


def rankings(index: dict[str, Any], questions: list[str], k: int = 10) -> list[Ranking]:
    return list(BM25Search(k).run([index] * len(questions), questions))


@pytest.mark.parametrize("block", [1, 37, 900, 10**6])
@pytest.mark.parametrize("method", ["lucene", "robertson", "atire", "bm25+", "bm25l"])
def test_the_index_on_disk_holds_the_numbers_of_the_one_in_memory(tmp_path: Path, block: int, method: Method) -> None:
    texts, questions = texts_of(1, 80), texts_of(2, 40)
    stage = BM25Index(method=method, k1=1.2, b=0.6, delta=0.7)
    (memory,) = stage.run([chunks_of(texts)])
    build_bm25(iter(texts), tmp_path / "index", stage, block=block)
    disk = open_bm25(tmp_path / "index")
    assert list(disk["vocabulary"]) == memory["vocabulary"]
    for name in ARRAYS:
        assert np.array_equal(disk[name], memory[name]), name
        assert disk[name].dtype == memory[name].dtype
    assert np.array_equal(disk["absent"], memory["absent"]) or disk["absent"] is memory["absent"] is None
    assert rankings(disk, questions) == rankings(memory, questions)
    assert any(r.ids for r in rankings(disk, questions))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index"]
    assert not list((tmp_path / "index").glob("block*"))


def test_bm25s_searches_the_maps_and_ranks_alike(tmp_path: Path) -> None:
    texts, questions = texts_of(3), texts_of(4, 40)
    for backend in ("numpy", "bm25s"):
        build_bm25(texts, tmp_path / backend, BM25Index(backend, "bm25+", stemmer="porter"), block=500)
    ours, theirs = (open_bm25(tmp_path / backend) for backend in ("numpy", "bm25s"))
    assert theirs["backend"] == "bm25s"
    assert rankings(ours, questions) == rankings(theirs, questions)
    query = questions[1].split()
    assert np.allclose(scorer(ours)(query)[0], scorer(theirs)(query)[0], atol=1e-9)


@pytest.mark.parametrize("texts", [[], [""], ["", "...", ""]], ids=["none", "no words", "marks"])
def test_nothing_to_search(tmp_path: Path, texts: list[str]) -> None:
    build_bm25(texts, tmp_path / "index")
    assert rankings(open_bm25(tmp_path / "index"), ["a", ""]) == [Ranking((), ())] * 2


def test_pages_are_given_back_between_queries_and_rankings_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, questions = texts_of(5), texts_of(6, 40)
    build_bm25(texts, tmp_path / "index")
    index = open_bm25(tmp_path / "index")
    expected, released = rankings(index, questions), []
    monkeypatch.setattr("retrievers.bm25_engine.RELEASE", 0)
    freed = index["release"]
    index["release"] = lambda: (released.append(1), freed())
    assert rankings(index, questions) == expected
    assert released


MEASURE = """
import sys, tracemalloc
from pathlib import Path
import numpy as np
import retrievers.bm25_build as build

build._READ = 16

def generated(chunks):
    rng = np.random.default_rng(0)
    for _ in range(chunks):
        yield " ".join(f"w{i}" for i in (400 * rng.random(20) ** 3).astype(int))

for chunks in (5999, 1000, 6000):  # the first is for what is imported and kept on first use
    tracemalloc.start()
    build.build_bm25(generated(chunks), Path(sys.argv[1]) / str(chunks), block=10_000)
    print(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
"""


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """In a process of its own: what other tests left behind would be counted when it is cleaned up."""
    command = [sys.executable, "-c", MEASURE, str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    _, small, large = map(int, printed.split())
    postings = sum((tmp_path / "6000" / f"{name}.npy").stat().st_size for name in ("data", "indices"))
    assert postings > 1_000_000
    assert large - small < 300_000, "5,000 lengths of chunks and what a block in reading needs, not the postings"


# -- folders that are not whole ---------------------------------------------------------------------------------------


def test_a_text_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def failing() -> Iterator[str]:
        yield from texts_of(7, 50)
        raise OSError("the disk with the texts is gone")

    with pytest.raises(OSError, match="is gone"):
        build_bm25(failing(), tmp_path / "index", block=100)
    assert not list(tmp_path.iterdir())


def test_a_killed_build_leaves_no_folder_that_opens(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom retrievers.bm25_build import build_bm25\n"
        "def texts():\n"
        "    for i in range(1000):\n"
        "        yield f'a b c{i}'\n"
        "    print('half', flush=True)\n"
        "    sys.stdin.read()\n"
        f"build_bm25(texts(), Path({str(tmp_path / 'index')!r}), block=100)\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "half\n"
        os.kill(process.pid, signal.SIGKILL)
    (draft,) = tmp_path.iterdir()
    assert draft.name.endswith(".draft")
    with pytest.raises(UserError, match="its building did not end"):
        open_bm25(draft)
    with pytest.raises(UserError, match="no such folder"):
        open_bm25(tmp_path / "index")
    build_bm25(["a b"], tmp_path / "index")
    assert rankings(open_bm25(tmp_path / "index"), ["a"])[0].ids == (0,)


def _cut(folder: Path) -> None:
    data = folder / "data.npy"
    data.write_bytes(data.read_bytes()[:-8])


def _head(**changed: Any) -> Any:
    def change(folder: Path) -> None:
        head = json.loads((folder / "head.json").read_text())
        (folder / "head.json").write_text(json.dumps(head | changed))

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_cut, "data.npy should have 152 bytes, has 144"),
        (lambda folder: (folder / "indptr.npy").unlink(), "indptr.npy should have .* and is not there"),
        (lambda folder: (folder / "head.json").write_text("{"), "head.json cannot be read"),
        (lambda folder: (folder / "head.json").write_text("[1]"), "head.json cannot be read"),
        (_head(kind="vectors"), "it holds 'vectors' in format 1, not 'bm25'"),
        (_head(format=99), "in format 99"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(tmp_path: Path, damage: Any, said: str) -> None:
    build_bm25(["a b", "b"], tmp_path / "index")
    damage(tmp_path / "index")
    with pytest.raises(UserError, match=said) as found:
        open_bm25(tmp_path / "index")
    assert str(found.value).startswith(str(tmp_path / "index"))


def test_refusals(tmp_path: Path) -> None:
    build_bm25(["a"], tmp_path / "index")
    with pytest.raises(UserError, match="exists"):
        build_bm25(["b"], tmp_path / "index")
    assert open_bm25(tmp_path / "index")["vocabulary"][0] == "a"
    with pytest.raises(UserError, match="cannot search from disk"):
        build_bm25(["a"], tmp_path / "other", BM25Index("rank_bm25"))
    with pytest.raises(UserError, match="one text is given"):
        build_bm25("a b", tmp_path / "other")
