"""The command line: what a user sees, exit statuses, and a table of mistakes that each get one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

DOCS = {
    "kiln.md": "# Firing\n\nThe kiln reaches 1240 degrees.\n\n# Glaze\n\nThe glaze is grey.",
    "day.txt": "It cools for a day.",
}
QUESTIONS = [
    {"id": "q1", "question": "How hot does the kiln get?", "golden_answers": ["1240 degrees"]},
    {"id": "q2", "question": "What colour is the glaze?", "golden_answers": ["grey"]},
]
STUDY = """
asks: How hot is it?
data: {type: folder}
readers:
  - type: scripted
    rules: [["1240 degrees", "1240 degrees"]]
baseline: lc
routes:
  lc: {type: long_context}
  rag:
    type: rag
    chunk: {type: words, size: 8}
    search: {bm25: {type: bm25, k: 5}}
    passages: 2
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable, folder in (("STORE", "store"), ("RUNS", "runs"), ("DATA", "data")):
        monkeypatch.setenv(f"LONGSHORT_{variable}", str(tmp_path / folder))
    (tmp_path / "docs").mkdir()
    for name, text in DOCS.items():
        (tmp_path / "docs" / name).write_text(text)
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(q) + "\n" for q in QUESTIONS))
    (tmp_path / "kiln.yaml").write_text(STUDY)
    return tmp_path


@pytest.fixture
def run(place: Path, called: Run) -> Run:
    """`called`, at that place."""
    return called


GOOD = ("run", "kiln.yaml", "data.docs=docs", "data.questions=q.jsonl")


def test_a_run_prints_a_table_and_names_the_report(run: Run, place: Path) -> None:
    status, out, err = run(*GOOD)
    assert (status, err) == (0, "")
    assert "rag" in out
    assert "runs/kiln/report.html" in out.replace("\n", "")
    assert (place / "runs" / "kiln" / "summary.csv").is_file()


def test_dry_run_makes_nothing(run: Run, place: Path) -> None:
    status, out, _ = run(*GOOD, "--dry-run")
    assert status == 0
    assert "BM25Search" in out
    assert not (place / "runs").exists()
    assert not list((place / "store" / "objects").iterdir())


def test_cache_why_explains_a_changed_setting_and_gc_frees_what_no_run_uses(run: Run, place: Path) -> None:
    run(*GOOD)
    assert "nothing" in run("cache", "why", *GOOD[1:])[1]
    _, out, _ = run("cache", "why", *GOOD[1:], "routes.rag.chunk.size=6")
    assert "WordChunks: size 8 -> 6" in out
    run(*GOOD, "routes.rag.chunk.size=6")
    status, out, _ = run("cache", "gc")
    assert status == 0
    assert "freed" in out
    assert "nothing" in run("cache", "why", *GOOD[1:], "routes.rag.chunk.size=6")[1]
    assert "WordChunks" in run("cache", "why", *GOOD[1:])[1]


def test_incomplete_runs_end_with_status_3_and_the_same_command_tries_again(run: Run) -> None:
    status, out, _ = run(*GOOD, 'readers.0.fail_on=["re:^Answer.*kiln"]', "readers.0.fail_final=false")
    assert status == 0  # both routes fail alike: nothing to compare, but nothing unfair
    status, out, _ = run(*GOOD, 'readers.0.fail_on=["[1] "]', "readers.0.fail_final=false")
    assert status == 3
    assert "incomplete" in out
    assert run(*GOOD)[0] == 0


def _write(name: str, text: str) -> Callable[[Path], None]:
    return lambda place: (place / name).write_text(text) and None


def _study(old: str, new: str) -> Callable[[Path], None]:
    assert old in STUDY
    return _write("kiln.yaml", STUDY.replace(old, new))


def _questions(*lines: object) -> Callable[[Path], None]:
    return _write("q.jsonl", "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))


def _nothing(place: Path) -> None:
    pass


def _empty_folder(place: Path) -> None:
    for path in (place / "docs").iterdir():
        path.unlink()


MISTAKES: list[tuple[str, Callable[[Path], None], tuple[str, ...], str]] = [
    ("no such study", _nothing, ("run", "quickstrat"), "Did you mean 'quickstart'?"),
    ("no such file", _nothing, ("run", "nothere.yaml"), "there is no study"),
    ("study is not YAML", _write("kiln.yaml", "routes: [unclosed"), GOOD, "kiln.yaml:"),
    ("study is a list", _write("kiln.yaml", "- a\n- b\n"), GOOD, "a study is a mapping"),
    ("study is empty", _write("kiln.yaml", ""), GOOD, "a study is a mapping"),
    ("study is not UTF-8", lambda p: (p / "kiln.yaml").write_bytes(b"asks: \xff\xfe") and None, GOOD, "UTF-8"),
    ("unknown key", _study("baseline:", "baselin:"), GOOD, "Did you mean 'baseline'?"),
    ("unknown nested key", _nothing, (*GOOD, "score.metricks=[f1]"), "Did you mean 'metrics'?"),
    ("unknown metric", _nothing, (*GOOD, "score.metrics=[f2]"), "score.metrics"),
    ("no readers", _nothing, (*GOOD, "readers=[]"), "readers"),
    ("unknown reader", _nothing, (*GOOD, "readers.0.type=scriptd"), "Did you mean 'scripted'?"),
    ("reader without type", _nothing, (*GOOD, "readers=[{default: x}]"), "no `type`"),
    ("reader is a word", _nothing, (*GOOD, "readers=[scripted]"), "readers"),
    ("unknown reader setting", _nothing, (*GOOD, "readers.0.defalt=x"), "Did you mean 'default'?"),
    ("reader setting of a wrong type", _nothing, (*GOOD, "readers.0.fail_final=7"), "fail_final"),
    ("two readers of one name", _nothing, (*GOOD, "readers=[{type: scripted}, {type: scripted}]"), "two readers"),
    ("recorded reader without answers", _nothing, (*GOOD, "readers=[{type: recorded}]"), "no recorded answers"),
    ("broken pattern", _nothing, (*GOOD, 'readers.0.rules=[["re:(", "x"]]'), "not a regular expression"),
    ("unknown route type", _study("long_context", "long_contxt"), GOOD, "Did you mean 'long_context'?"),
    ("unknown route setting", _nothing, (*GOOD, "routes.lc.truncat=end"), "Did you mean 'truncate'?"),
    ("wrong choice", _nothing, (*GOOD, "routes.lc.truncate=ends"), "truncate"),
    ("baseline that is no route", _study("baseline: lc", "baseline: ls"), GOOD, "Known: lc, rag"),
    ("unknown chunker", _nothing, (*GOOD, "routes.rag.chunk.type=word"), "Did you mean 'words'?"),
    ("chunk size of zero", _nothing, (*GOOD, "routes.rag.chunk.size=0"), "size"),
    ("chunk size as a word", _nothing, (*GOOD, "routes.rag.chunk.size=big"), "routes.rag.chunk"),
    ("unknown search", _nothing, (*GOOD, "routes.rag.search.bm25.type=bm52"), "Did you mean 'bm25'?"),
    ("unknown search setting", _nothing, (*GOOD, "routes.rag.search.bm25.kk=3"), "kk"),
    ("two searches, no fusion", _nothing, (*GOOD, "routes.rag.search.two={type: random}"), "fuse"),
    ("unknown order", _nothing, (*GOOD, "routes.rag.order=sideways"), "order"),
    (
        "tokenizer that is not there",
        _nothing,
        (*GOOD, "routes.rag.tokenizer=/nowhere", "routes.rag.budget=9"),
        "tokenizer",
    ),
    ("override without value", _nothing, (*GOOD, "routes"), "Write key.sub=value"),
    ("override below a word", _nothing, (*GOOD, "asks.deeper=1"), "asks.deeper"),
    ("override beyond a list", _nothing, (*GOOD, "readers.5.type=hf"), "readers.5.type"),
    ("limit of zero", _nothing, (*GOOD, "limit=0"), "limit"),
    ("no question in the split", _nothing, (*GOOD, "split=dev"), "split"),
    ("name that is a path", _nothing, (*GOOD, "name=../out"), "cannot name a folder"),
    ("unknown data", _nothing, (*GOOD, "data.type=foldr"), "Did you mean 'folder'?"),
    ("unknown data setting", _nothing, (*GOOD, "data.doc=docs"), "Did you mean 'docs'?"),
    ("folder study without its folder", _nothing, ("run", "folder"), "DOCS"),
    ("recorded study without its map", _nothing, ("run", "recorded"), "MAP"),
    ("map that is not there", _nothing, ("run", "recorded", "data.map=map.yaml"), "map.yaml"),
    ("no LaRA data", _nothing, ("run", "lara"), "lara"),
    ("folder that is not there", _nothing, ("run", "kiln.yaml", "data.docs=dcs", "data.questions=q.jsonl"), "dcs"),
    ("empty folder", _empty_folder, GOOD, "docs"),
    ("questions that are not there", _nothing, ("run", "kiln.yaml", "data.docs=docs", "data.questions=x"), "x"),
    ("empty questions", _questions(), GOOD, "q.jsonl"),
    ("broken JSON line", _questions(QUESTIONS[0], '{"question": '), GOOD, "q.jsonl:2"),
    ("question without text", _questions({"id": "q1", "question": " "}), GOOD, "q.jsonl:1"),
    ("repeated id", _questions(QUESTIONS[0], QUESTIONS[0]), GOOD, "q.jsonl:2"),
    ("unknown document", _questions({"question": "?", "docs": ["klin.md"]}), GOOD, "kiln.md"),
    (
        "span outside",
        _questions({"question": "?", "evidence": [{"doc": "day.txt", "start": 0, "end": 999}]}),
        GOOD,
        "999",
    ),
    ("model folder that is not there", _nothing, (*GOOD, "readers=[{type: hf, model: /no/model}]"), "/no/model"),
    ("endpoint without a server", _nothing, (*GOOD, "readers=[{type: endpoint, model: m}]"), "base_url"),
    ("unknown command", _nothing, ("rum", "quickstart"), "rum"),
    ("doctor of no study", _nothing, ("doctor", "quikstart"), "Did you mean 'quickstart'?"),
    ("accepting an unknown stage", _nothing, ("cache", "accept", "BM52Index"), "BM52Index"),
]


@pytest.mark.parametrize(("kind", "spoil", "words", "told"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_gets_one_line_and_status_2_and_nothing_is_lost(
    kind: str, spoil: Callable[[Path], None], words: tuple[str, ...], told: str, run: Run, place: Path
) -> None:
    assert run(*GOOD)[0] == 0
    kept = {p: p.read_bytes() for p in (place / "runs").rglob("*") if p.is_file() and p.name != "log.jsonl"}
    spoil(place)
    status, _, err = run(*words)
    assert status == 2, err
    assert "Traceback" not in err
    assert told in err
    assert len(err.strip().splitlines()) == 1, err
    assert {p: p.read_bytes() for p in kept} == kept
    for name, text in DOCS.items():
        (place / "docs" / name).write_text(text)
    _questions(*QUESTIONS)(place)
    (place / "kiln.yaml").write_text(STUDY)
    run(*GOOD)
    made = [json.loads(line) for line in (place / "runs" / "kiln" / "log.jsonl").read_text().splitlines()]
    assert sum(e.get("computed", 0) + e.get("made", 0) for e in made) == 0


def test_the_table_of_mistakes_is_long_enough() -> None:
    assert len({kind for kind, *_ in MISTAKES}) == len(MISTAKES) >= 30
