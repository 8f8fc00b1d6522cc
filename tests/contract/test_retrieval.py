"""The contract of retrieval: every chunker, search, fusion and re-ranker of the catalogue on awkward corpora.

An entry that is added to the catalogue is tried here without further work, or `test_every_entry_is_tried` says what it
needs.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.catalog_retrieval import CHUNKERS, FUSERS, RERANKERS, SEARCHES, build_retrieval
from pipeline.core.records import Chunk, Dataset, Document, Question, Ranking
from pipeline.core.run import Runner
from pipeline.core.store import Store

ROOT = Path(__file__).parents[2]
CHUNK = {"type": "words", "size": 40}
K = 7

PLAIN = "The river Nile rises in Burundi. Its delta lies in Egypt, north of Cairo. In 1954 a dam was planned at Aswan."
CODE = """def area(r):
    return 3.14 * r * r


class Shape:
    # What it is called.
    def name(self):
        return "shape"
"""
TALK = "Ana: When do we leave?\nBen: At nine, from the north gate.\nAna: Fine. I bring the map and the tickets."
LONG = " ".join(f"Line {i} tells of house {i % 977} in street {i % 101}." for i in range(15_000))[:500_000]
CORPORA: dict[str, tuple[dict[str, str], str]] = {
    "no document": ({}, "Where does the Nile rise?"),
    "an empty text": ({"a": "", "b": " \n\t "}, "Where does the Nile rise?"),
    "one document": ({"a": PLAIN}, "Where does the Nile rise?"),
    "duplicates": ({"a": PLAIN, "b": PLAIN, "c": PLAIN}, "Where does the Nile rise?"),
    "no hit": ({"a": PLAIN, "b": TALK}, "qqq zzz?"),
    "code and talk": (
        {"a": CODE, "b": TALK, "c": f"# Rivers\n\n{PLAIN}\n\n## Lakes\n\n{PLAIN}"},
        "Who brings the map?",
    ),
    "other scripts": (
        {
            "han": "尼罗河发源于布隆迪,流经埃及,注入地中海。一九五四年计划在阿斯旺修建水坝。",
            "thai": "แม่น้ำไนล์ไหลผ่านอียิปต์ลงสู่ทะเลเมดิเตอร์เรเนียน",
            "arabic": "ينبع نهر النيل من بوروندي ويصب في البحر الأبيض المتوسط.",
            "hindi": "नील नदी मिस्र से होकर बहती है और भूमध्य सागर में गिरती है।",
            "mixed": "🙂 naïve Ünïcödé — a\u0301 \ufeff \u200b 尼罗河 Nile",
        },
        "尼罗河发源于哪里?",
    ),
    "more than k": ({f"d{i}": f"{PLAIN} Number {i}." for i in range(30)}, "Where does the Nile rise? Number 12"),
    "long": ({"a": LONG, "b": PLAIN}, "Which house stands in street 100?"),
}
SHORT = [name for name in CORPORA if name != "long"]


def settings_of(models: dict[str, str], server: str, run: str) -> dict[str, dict[str, Any]]:
    """What each search needs besides its defaults."""
    encoder = {"model": models["encoder"]}
    hits = {"bm25": {"type": "bm25"}, "dense": {"type": "dense", **encoder}}
    return {
        "bm25": {},
        "dense": encoder,
        "dense_endpoint": {"model": "m", "base_url": server},
        "dense_whole": encoder,
        "dense_pieces": {**encoder, "pieces": {"type": "words", "size": 12}},
        "dewey": {**encoder, "pieces": {"type": "words", "size": 12}},
        "late_chunking": encoder,
        "landmark": encoder,
        "maxsim": encoder,
        "lexical": {"model": models["lexical"]},
        "graph_ppr": {"hits": hits, "similar_by": encoder},
        "random": {},
        "trec": {"path": run},
    }


def reranker_settings(models: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What each re-ranker needs besides its defaults."""
    return {
        "cross_encoder": {"model": models["cross"]},
        "maxsim": {"model": models["encoder"]},
        "deduplicate": {},
        "neighbours": {},
        "expand_left": {},
    }


@pytest.fixture(scope="session")
def searches(models, embeddings_server, tmp_path_factory):
    run = tmp_path_factory.mktemp("trec") / "made.trec"
    lines = [f"q Q0 {doc} {i} {-i} made\n" for corpus in CORPORA.values() for i, doc in enumerate(corpus[0], 1)]
    run.write_text(_distinct(lines))
    return settings_of(models, embeddings_server, str(run))


def _distinct(lines: list[str]) -> str:
    """A run names a document once for a question."""
    return "".join({line.split()[2]: line for line in lines}.values())


def dataset(corpus: str, *more: str) -> Dataset:
    texts, asked = CORPORA[corpus]
    questions = [Question("q", asked), *(Question(f"q{i}", text) for i, text in enumerate(more))]
    return Dataset(corpus, {name: Document(name, text, title=name) for name, text in texts.items()}, tuple(questions))


def found(component: dict[str, Any], data: Dataset, folder: Path) -> list[tuple[tuple[Chunk, ...], Ranking]]:
    """Chunks and ranking of each question, as a run stores and reads them."""
    chunks, ranking = build_retrieval({"chunk": CHUNK, **component}, "test", depth=K)
    with Store(folder) as store:
        runner = Runner(store, data)
        runner.compute([chunks, ranking], data.questions)
        return [(runner.value(chunks, q), runner.value(ranking, q)) for q in data.questions]


def lawful(chunks: tuple[Chunk, ...], ranking: Ranking, most: int) -> None:
    assert len(ranking.ids) == len(set(ranking.ids)) <= most
    assert all(0 <= i < len(chunks) for i in ranking.ids)
    assert all(math.isfinite(s) for s in ranking.scores)
    assert list(ranking.scores) == sorted(ranking.scores, reverse=True)


def test_every_entry_is_tried(searches, models):
    assert set(searches) == set(SEARCHES), "give the new search its settings in settings_of"
    assert set(reranker_settings(models)) == set(RERANKERS), "give the new re-ranker its settings"


@pytest.mark.parametrize("corpus", list(CORPORA))
@pytest.mark.parametrize("chunker", list(CHUNKERS))
def test_chunks_are_exact_and_leave_nothing_out(chunker, corpus, tmp_path):
    data = dataset(corpus)
    ((chunks, _),) = found({"chunk": {"type": chunker}, "search": {"random": {"type": "random"}}}, data, tmp_path)
    texts = {name: document.text for name, document in data.documents.items()}
    assert all(c.text == texts[c.doc][c.start : c.end] and c.text.strip() for c in chunks)
    assert [c.doc for c in chunks] == sorted((c.doc for c in chunks), key=list(texts).index)
    for name, text in texts.items():
        held = bytearray(len(text))
        for c in (c for c in chunks if c.doc == name):
            held[c.start : c.end] = b"\1" * (c.end - c.start)
        assert all(held[i] or character.isspace() for i, character in enumerate(text))


@pytest.mark.parametrize("corpus", SHORT)
@pytest.mark.parametrize("search", list(SEARCHES))
def test_a_search_ranks_chunks_the_same_way_twice(search, corpus, searches, tmp_path):
    component = {"search": {"one": {"type": search, **searches[search]}}}
    ((chunks, ranking),) = found(component, dataset(corpus), tmp_path / "first")
    lawful(chunks, ranking, K)
    ((_, again),) = found(component, dataset(corpus), tmp_path / "second")
    assert again == ranking
    # Beside other questions a value is the same: it is stored, and the next run may ask more.
    (_, beside), *_ = found(component, dataset(corpus, "What is planned?", "map"), tmp_path / "third")
    assert beside == ranking


@pytest.mark.parametrize("search", list(SEARCHES))
def test_a_document_of_half_a_million_characters(search, searches, tmp_path):
    component = {"chunk": {"type": "words", "size": 300}, "search": {"one": {"type": search, **searches[search]}}}
    ((chunks, ranking),) = found(component, dataset("long"), tmp_path)
    assert len(chunks) > 250
    lawful(chunks, ranking, K)
    assert ranking.ids


@pytest.mark.parametrize("corpus", SHORT)
@pytest.mark.parametrize("reranker", list(RERANKERS))
def test_a_reranker_orders_what_it_is_given(reranker, corpus, models, tmp_path):
    before = {"search": {"bm25": {"type": "bm25"}, "random": {"type": "random"}}, "fuse": {"type": "rrf"}}
    component = {**before, "rerank": [{"type": reranker, **reranker_settings(models)[reranker]}]}
    ((chunks, ranking),) = found(component, dataset(corpus), tmp_path / "first")
    assert len(ranking.ids) == len(set(ranking.ids))
    assert all(0 <= i < len(chunks) for i in ranking.ids) and all(math.isfinite(s) for s in ranking.scores)
    ((_, given),) = found(before, dataset(corpus), tmp_path / "before")
    if reranker not in ("neighbours", "expand_left"):
        assert set(ranking.ids) <= set(given.ids)
    assert bool(ranking.ids) == bool(given.ids)
    ((_, again),) = found(component, dataset(corpus), tmp_path / "second")
    assert again == ranking


@pytest.mark.parametrize("corpus", SHORT)
@pytest.mark.parametrize("fuser", list(FUSERS))
def test_a_fusion_holds_what_its_rankings_hold(fuser, corpus, tmp_path):
    each = {"bm25": {"type": "bm25"}, "random": {"type": "random", "k": 3}}
    ((chunks, ranking),) = found({"search": each, "fuse": {"type": fuser}}, dataset(corpus), tmp_path / "fused")
    lawful(chunks, ranking, 2 * K)
    alone = [found({"search": {n: s}}, dataset(corpus), tmp_path / n)[0][1] for n, s in each.items()]
    assert set(ranking.ids) == {i for one in alone for i in one.ids}


def test_a_fresh_process_ranks_alike(searches, tmp_path):
    """Hash seeds, import order and threads are another there."""
    corpora = ["code and talk", "other scripts", "more than k"]
    script = (
        f"import json, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path; from test_retrieval import *\n"
        "out = {}\n"
        f"for name, settings in json.loads({json.dumps(json.dumps(searches))}).items():\n"
        f"    for corpus in {corpora!r}:\n"
        "        component = {'search': {'one': {'type': name, **settings}}}\n"
        f"        ((_, r),) = found(component, dataset(corpus), Path({str(tmp_path)!r}) / 'fresh')\n"
        "        out[f'{name} {corpus}'] = [list(r.ids), list(r.scores)]\n"
        "print(json.dumps(out))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    fresh = json.loads(done.stdout.splitlines()[-1])
    for name, settings in searches.items():
        for corpus in corpora:
            ((_, here),) = found({"search": {"one": {"type": name, **settings}}}, dataset(corpus), tmp_path / "here")
            assert fresh[f"{name} {corpus}"] == [list(here.ids), list(here.scores)], (name, corpus)
