"""Triples end to end: documents, a reader, the file, and the passage that a graph finds only through them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from experiments.config import load_study
from experiments.triples import extract_study, extract_triples
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document
from pipeline.core.run import Watcher
from pipeline.core.store import Store
from pipeline.generators.recorded import Recorded
from pipeline.generators.scripted import Scripted
from pipeline.routes.triples import ExtractTriples
from retrievers.chunk import WholeDocuments, WordChunks
from retrievers.graph_search import GraphSearch
from retrievers.triples import RecordedTriples, TripleGraph, read_triples

DOCS = {
    "ada.txt": "Ada Quill was born in Port Elva. "
    + "She kept bees. " * 3
    + "She lived there quietly.\n\nBlue Moon was sung by Ada Quill.",
    "port.txt": "Port Elva was built by Otto Reed. The harbour is deep.",
    "none.txt": "It rained. Nobody came, and the day went by.",
}
SAYS = r'[["\1", "\2", "\3"]]'
STUDY = {
    "data": {"type": "folder", "docs": "docs", "questions": "q.jsonl"},
    "readers": [
        {
            "type": "scripted",
            "rules": [[r"re:(?s)(\w+ \w+) was ((?:born|sung|built) \w+) (\w+ \w+).*Triples:$", SAYS]],
            "default": "[]",
            "log_path": "calls.log",
        }
    ],
    "sampling": {"max_tokens": 4},
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable, folder in (("STORE", "store"), ("RUNS", "runs"), ("DATA", "data")):
        monkeypatch.setenv(f"LONGSHORT_{variable}", str(tmp_path / folder))
    (tmp_path / "docs").mkdir()
    for name, text in DOCS.items():
        (tmp_path / "docs" / name).write_text(text)
    (tmp_path / "q.jsonl").write_text('{"question": "Who built it?"}\n')
    (tmp_path / "facts.yaml").write_text(json.dumps(STUDY))
    return tmp_path


@pytest.fixture
def run(place: Path, called: Run) -> Run:
    """`called`, at that place."""
    return called


CHUNK = ("--chunk", "{type: words, size: 20}")
GOOD = ("triples", "facts.yaml", "--out", "made/facts.jsonl", *CHUNK)


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_passage_has_its_line_and_its_facts_stand_where_they_are_stated(run: Run, place: Path) -> None:
    status, out, err = run(*GOOD)
    assert (status, err) == (0, "")
    assert "3 triples of 4 passages (4 calls made now)" in out
    assert "triples: made/facts.jsonl" in out
    found = rows(place / "made" / "facts.jsonl")
    assert [(r["doc"], r.get("subject"), r.get("object")) for r in found] == [
        ("ada.txt", "Ada Quill", "Port Elva"),
        ("ada.txt", "Blue Moon", "Ada Quill"),
        ("none.txt", None, None),
        ("port.txt", "Port Elva", "Otto Reed"),
    ]
    for row in found:
        stretch = DOCS[str(row["doc"])][int(str(row["start"])) : int(str(row["end"]))]
        assert str(row.get("subject", "rained")) in stretch


def test_the_same_bytes_again_without_a_call_and_other_settings_ask_again(run: Run, place: Path) -> None:
    run(*GOOD)
    path = place / "made" / "facts.jsonl"
    before, asked = path.read_bytes(), (place / "calls.log").read_text()
    path.unlink()
    assert "(0 calls made now)" in run(*GOOD)[1]
    assert path.read_bytes() == before
    assert (place / "calls.log").read_text() == asked
    (place / "docs" / "port.txt").write_text("Port Elva was built by Ida Reed.")
    assert "(1 calls made now)" in run(*GOOD)[1]
    assert "Ida Reed" in path.read_text()
    assert "(4 calls made now)" in run(*GOOD, "--tokens", "500")[1]


def test_a_failed_passage_marks_the_file_and_the_same_command_tries_it_again(run: Run, place: Path) -> None:
    broken = ('readers.0.fail_on=["harbour"]', "readers.0.fail_final=false")
    path = place / "made" / "facts.jsonl"
    status, out, _ = run(*GOOD, *broken)
    assert status == 3
    assert "failed port.txt:0-54: failed on request" in out
    assert "1 of 4 passages failed; the same command tries them again" in out
    assert not path.exists()
    held = path.with_name("facts.jsonl.incomplete")
    assert {r["doc"] for r in rows(held)} == {"ada.txt", "none.txt"}
    status, out, _ = run(*GOOD, *broken)
    assert (status, "(1 calls made now)" in out) == (3, True)
    # The reader is another one without the failure: what it answers is not mixed with what the first one did.
    assert run(*GOOD)[0] == 0
    assert len(rows(path)) == 4
    assert not held.exists()
    whole = path.read_bytes()
    assert run(*GOOD, *broken)[0] == 3
    assert path.read_bytes() == whole


def test_a_failure_that_is_remembered_is_told_as_one(run: Run) -> None:
    for made in (4, 0):
        status, out, _ = run(*GOOD, 'readers.0.fail_on=["harbour"]')
        assert status == 3
        assert f"({made} calls made now)" in out
        assert "1 of 4 passages failed; asking again gives the same" in out


def test_an_answer_that_cannot_be_read_is_a_warning_that_names_its_passage(run: Run, place: Path) -> None:
    status, out, _ = run(*GOOD, 'readers.0.rules.0=["harbour", "I would rather not, sorry."]')
    assert status == 0
    assert "warning port.txt:0-54: no triples can be read from 'I would rather not, sorry.'" in out
    assert {"doc": "port.txt", "start": 0, "end": 54} in rows(place / "made" / "facts.jsonl")


def test_many_warnings_are_counted(run: Run, place: Path) -> None:
    for i in range(15):
        (place / "docs" / f"more{i}.txt").write_text(f"The harbour of town {i}.")
    _, out, _ = run(*GOOD, 'readers.0.rules=[["harbour", "Sorry, no."]]')
    assert out.count("warning ") == 11
    assert "warning 6 more" in out


def test_an_answer_that_was_cut_off_keeps_its_whole_triples(run: Run, place: Path) -> None:
    answer = '[["Port Elva", "has", "a harbour"], ["Port Elva", "built by", "Otto Reed"]]'
    rules = "readers.0.rules.0=" + json.dumps(["harbour", answer])
    status, out, _ = run(*GOOD, rules, "--tokens", str(Scripted().tokenizer.count(answer) - 3))
    assert status == 0
    assert "warning port.txt:0-54: the answer was cut off" in out
    assert [r["object"] for r in rows(place / "made" / "facts.jsonl") if r["doc"] == "port.txt" and "object" in r] == [
        "a harbour"
    ]


def test_a_killed_extraction_goes_on(place: Path) -> None:
    class Killed(Watcher):
        def step(self, count: int = 1) -> None:
            if len((place / "calls.log").read_text().splitlines()) == 2:
                raise KeyboardInterrupt

    study, out = load_study("facts.yaml"), place / "facts.jsonl"
    with pytest.raises(KeyboardInterrupt):
        extract_study(study, out, CHUNK[1], watcher=Killed())
    assert not out.exists()
    done, written = extract_study(study, out, CHUNK[1])
    assert (done.made, written) == (2, out)
    assert out.read_text() == done.lines
    assert len((place / "calls.log").read_text().splitlines()) == 4


def test_calls_are_kept_as_long_as_the_file_is_there(place: Path) -> None:
    out = place / "facts.jsonl"
    extract_study(load_study("facts.yaml"), out, CHUNK[1])
    with Store(place / "store") as store:
        assert store.sweep(lambda run: Path(run).exists())[0] == 0
    assert extract_study(load_study("facts.yaml"), out, CHUNK[1])[0].made == 0
    out.unlink()
    with Store(place / "store") as store:
        assert store.sweep(lambda run: Path(run).exists())[0] == 4


MISTAKES: list[tuple[Sequence[str], str]] = [
    (("triples", "fcts.yaml", "--out", "x"), "there is no study 'fcts.yaml'"),
    (("triples", "quickstrat", "--out", "x"), "Did you mean 'quickstart'?"),
    (("triples", "facts.yaml"), "--out"),
    (("triples", "retrieval", "--out", "x"), "this study asks no reader"),
    ((*GOOD[:3], "docs", *CHUNK), "docs: cannot write the triples: it is a folder"),
    ((*GOOD[:3], "q.jsonl/x", *CHUNK), "q.jsonl/x: cannot write the triples"),
    ((*GOOD[:3], "/proc/x", *CHUNK), "/proc/x: cannot write the triples"),
    ((*GOOD[:4], "--chunk", "{type: word}"), "Did you mean 'words'?"),
    ((*GOOD[:4], "--chunk", "words"), "chunker is a mapping"),
    ((*GOOD[:4], "--chunk", "{type: "), "not valid YAML"),
    ((*GOOD[:4], "--chunk", "{type: words, size: 0}"), "size"),
    ((*GOOD, "--tokens", "0"), "triple_tokens"),
    ((*GOOD, "--tokens", "many"), "--tokens"),
    ((*GOOD, "sampling.heat=1"), "heat"),
    ((*GOOD, "data.docs=nowhere"), "nowhere"),
    ((*GOOD, "readers.0.type=scriptd"), "Did you mean 'scripted'?"),
    (
        (*GOOD, "readers.0.rules=[]", "readers.0.default=I cannot."),
        "none of 4 answers holds triples; the first is that",
    ),
]


@pytest.mark.parametrize(("words", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_a_mistake_gets_one_line_and_nothing_is_written(words: Sequence[str], told: str, run: Run, place: Path) -> None:
    status, _, err = run(*words)
    assert status == 2, err
    assert told in err
    assert len(err.strip().splitlines()) == 1, err
    assert not (place / "made" / "facts.jsonl").exists()
    if "none of 4" not in told:
        assert not (place / "calls.log").exists()


def test_a_reader_that_always_fails_writes_an_empty_incomplete_file(run: Run, place: Path) -> None:
    status, out, _ = run(*GOOD, 'readers.0.fail_on=["e"]', "readers.0.fail_final=false")
    assert status == 3
    assert "4 of 4 passages failed" in out
    assert not (place / "made" / "facts.jsonl").exists()
    assert (place / "made" / "facts.jsonl.incomplete").read_text() == ""


def test_what_cannot_be_asked_or_read_is_refused(store: Store) -> None:
    route, chunker = ExtractTriples(), WholeDocuments()
    known = Dataset("d", {"a": Document("a", "text")}, ())
    recorded = Recorded(model="m", answers={("q", "lc"): "x"}, answers_digest="")
    with pytest.raises(UserError, match="only replays recorded answers"):
        extract_triples(known, chunker, recorded, store, route)
    for texts in ({}, {"a": None}, {"a": " \n"}):
        empty = Dataset("d", {i: Document(i, t) for i, t in texts.items()}, ())
        with pytest.raises(UserError, match=f"{len(texts)} documents without a text"):
            extract_triples(empty, chunker, Scripted(default="[]"), store, route)


def test_a_reader_that_finds_nothing_anywhere_is_believed(store: Store) -> None:
    data = Dataset("d", {"a": Document("a", "text"), "b": Document("b", None)}, ())
    done = extract_triples(data, WholeDocuments(), Scripted(default="[]"), store, ExtractTriples())
    assert (done.warnings, done.failed) == ([], [])
    assert read_triples(done.lines, "f") == {"a": {(0, 4): []}}


@pytest.mark.parametrize("size", [5, 9, 300])
def test_a_graph_of_the_triples_finds_what_no_word_ties_to_the_question(run: Run, place: Path, size: int) -> None:
    """Blue Moon -> Ada Quill -> Port Elva -> Otto Reed, whatever the chunks of the graph are."""
    assert run(*GOOD)[0] == 0
    chunks = tuple(c for name, text in DOCS.items() for c in WordChunks(size=size).chunks(Document(name, text)))
    (triples,) = RecordedTriples(str(place / "made" / "facts.jsonl")).run([chunks])
    assert len(triples) == 3
    for triple in triples:
        words = chunks[triple["chunk"]].text
        assert triple["subject"] in words or triple["object"] in words
    question = "Who built the birthplace of the singer of Blue Moon?"
    index = TripleGraph(phrase_words=0, following=0.0, title=0.0, most=1.0)
    graphs = index.run([chunks, chunks], [[], triples])
    without, found = (
        {chunks[i].doc for i in ranking.ids}
        for ranking in GraphSearch(entities=1.0, k=100).run(list(graphs), [question, question])
    )
    assert found == {"ada.txt", "port.txt"}
    # Longer chunks hold what ties them in their own words.
    assert ("port.txt" in without) == (size > 5)
