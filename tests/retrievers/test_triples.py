"""Triples: readers' words in many shapes, files, and the graph they make."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from pipeline.core.spec import describe
from retrievers.graph import RELATIONS, adjacency
from retrievers.graph_search import GraphSearch
from retrievers.triples import (
    RecordedTriples,
    Stated,
    TripleGraph,
    format_triples,
    parse_triples,
    placed,
    read_triples,
)

WANTED = ({"subject": "Ada Quill", "relation": "born in", "object": "Port Elva", "chunk": 3},)


@pytest.mark.parametrize(
    "text",
    [
        '[["Ada Quill", "born in", "Port Elva"]]',
        'Here they are:\n```json\n{"triples": [["Ada Quill", "born in", "Port Elva"]]}\n```\nDone.',
        '[{"subject": "Ada Quill", "predicate": "born in", "object": "Port Elva"}]',
        '{"Head": "Ada Quill", "Relation": "born in", "Tail": "Port Elva"}',
        "1. (Ada Quill, born in, Port Elva)",
        "- Ada Quill | born in | Port Elva\n- Ada Quill | born in | Port Elva",
        "Triples, as asked:\nAda Quill\tborn in\tPort Elva",
        "<Ada Quill; born in; Port Elva>.",
        "Ada Quill -> born in -> Port Elva",
    ],
)
def test_shapes(text: str) -> None:
    assert parse_triples(text, 3) == WANTED


@pytest.mark.parametrize("text", ["", "None.", "[]", '{"triples": []}', "```json\n[]\n```", "No triples found."])
def test_no_triples(text: str) -> None:
    assert parse_triples(text, 0) == ()


@pytest.mark.parametrize("text", ["I am sorry, I cannot do that, ever.", '[["a", "b"]]', "{broken"])
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(UserError, match=r"chunk 7: no triples can be read from .*subject \| relation \| object"):
        parse_triples(text, 7)


def facts(text: str) -> list[tuple[str, ...]]:
    return [(t["subject"], t["relation"], t["object"]) for t in parse_triples(text, 0)]


@pytest.mark.parametrize(
    "text",
    [
        '{"subject": "a b", "relation": "r", "object": "c"}\n{"subject": "d", "relation": "s", "object": "e"}',
        '["a b", "r", "c"]\n["d", "s", "e"]',
        'First [["a b", "r", "c"]], and then {"facts": [["d", "s", "e"], ["a b", "r", "c"]]}.',
        '{"triples": [["a b", "r", "c"], ["d", "s", "e"], ["cut off", "he',
        '[{"subject": "a b", "relation": "r", "object": "c"}, {"s": "d", "p": "s", "o": "e"}, {"subj',
        '{"named_entities": ["a b", "c", "d"], "triples": [["a b", "r", "c"], ["d", "s", "e"]]}',
        "[['a b', 'r', 'c'],\n ['d', 's', 'e']]",
        "[('a b', 'r', 'c'),\n('d', 's', 'e')]",
        'By [1, 2, 3]: [["a b", "r", "c"], ["d", "s", "e"]]',
    ],
)
def test_all_triples_of_an_answer_and_nothing_else(text: str) -> None:
    assert facts(text) == [("a b", "r", "c"), ("d", "s", "e")]


def test_a_text_may_hold_a_line_break() -> None:
    assert facts('[["a", "says", "one\ntwo"]]') == [("a", "says", "one\ntwo")]


def test_half_a_surrogate_pair_is_text_that_can_be_written() -> None:
    ((subject, *_),) = facts(r'[["smile \ud83d", "r", "c"]]')
    assert subject == "smile ?"


def test_a_file_has_one_line_for_each_fact_sorted_and_names_what_states_nothing() -> None:
    stated: Stated = {
        "b": {(5, 9): [("Łódź", "in", "Poland"), ("a", "r", "c"), ("a", "r", "c")]},
        "a": {(10, 12): [], (2, 4): [("x\ny", "r", "z\u2028")]},
    }
    lines = format_triples(stated)
    assert lines.splitlines(keepends=True)[-1].strip() == (
        '{"doc": "b", "start": 5, "end": 9, "subject": "Łódź", "relation": "in", "object": "Poland"}'
    )
    assert [json.loads(x)["doc"] for x in lines.split("\n")[:-1]] == ["a", "a", "b", "b"]
    assert read_triples(lines, "f")["a"] == {(2, 4): [("x\ny", "r", "z\u2028")], (10, 12): []}
    assert format_triples(read_triples(lines, "f")) == lines


WORD = st.text(st.characters(codec="utf-8"), max_size=4)
SPANS = st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda x: (x[0], x[0] + x[1]))
FACTS = st.lists(st.tuples(WORD, WORD, WORD), max_size=3)


@given(st.dictionaries(WORD, st.dictionaries(SPANS, FACTS, min_size=1), max_size=3))
def test_what_is_written_is_read(stated: Stated) -> None:
    back = read_triples(format_triples(stated), "f")
    assert back == {d: {s: sorted(set(f)) for s, f in spans.items()} for d, spans in stated.items()}


LINE = '{"doc": "d", "start": 0, "end": 5, "subject": "a", "relation": "b", "object": "c"}'


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{", "broken JSON"),
        ("[1]", "'doc'"),
        (LINE.replace('"d"', "7"), "'doc'"),
        (LINE.replace("0", "true"), "'start'"),
        (LINE.replace("5", "5.0"), "'end'"),
        (LINE.replace("5", "0"), r"\[0, 0\) is no stretch"),
        (LINE.replace("5", "1" + "0" * 30), "is no stretch"),
        (LINE.replace('"b"', "null"), "'relation'"),
        (LINE.replace(', "object": "c"', ""), "'object'"),
    ],
)
def test_a_broken_line_is_named(broken: str, said: str) -> None:
    with pytest.raises(UserError, match=rf"t\.jsonl:3: .*{said}"):
        read_triples(f"{LINE}\r\n\n{broken}", "t.jsonl")


def recorded(tmp_path: Path, chunks: Sequence[Chunk], stated: Stated) -> list[tuple[str, int]]:
    """(subject, chunk) of each triple."""
    path = tmp_path / "t.jsonl"
    path.write_text(format_triples(stated), encoding="utf-8")
    (found,) = RecordedTriples(str(path)).run([tuple(chunks)])
    return [(t["subject"], t["chunk"]) for t in found]


TEXT = "Ada Quill was born here. She sang. Port Elva is grey. It is cold at night."


def cut(*bounds: int, doc: str = "d") -> list[Chunk]:
    return [Chunk(doc, a, b, TEXT[a:b]) for a, b in pairwise(bounds)]


def test_a_triple_belongs_to_the_chunk_that_holds_most_of_its_span(tmp_path: Path) -> None:
    stated: Stated = {
        "d": {(0, 25): [("one", "r", "x")], (20, 40): [("two", "r", "x")], (35, 74): [("three", "r", "x")]}
    }
    assert recorded(tmp_path, cut(0, 25, 35, 74), stated) == [("one", 0), ("two", 1), ("three", 2)]
    assert recorded(tmp_path, cut(0, 74), stated) == [("one", 0), ("two", 0), ("three", 0)]
    # Halves tie by index; overlapping chunks too; what no chunk holds is left out.
    assert recorded(tmp_path, cut(0, 30, 74), {"d": {(20, 40): [("Port Elva", "r", "x")]}}) == [("Port Elva", 0)]
    assert recorded(tmp_path, [*cut(0, 50), *cut(10, 74)], {"d": {(12, 40): [("two", "r", "x")]}}) == [("two", 0)]
    assert recorded(tmp_path, cut(0, 10), stated) == [("one", 0)]
    assert recorded(tmp_path, cut(0, 5), {"d": {(6, 9): [("far", "r", "x")]}}) == []


def test_of_much_smaller_chunks_it_is_the_one_that_names_the_entities(tmp_path: Path) -> None:
    facts = [
        ("Ada Quill", "born in", "nowhere"),
        ("it", "r", "ADA QUILL"),
        ("port elva", "is", "grey"),
        ("o", "r", "q"),
    ]
    chunks = cut(0, 25, 35, 54, 74)
    assert recorded(tmp_path, chunks, {"d": {(0, 74): facts}}) == [
        ("Ada Quill", 0),
        ("it", 0),
        ("o", 0),
        ("port elva", 2),
    ]
    assert recorded(tmp_path, chunks, {"d": {(0, 74): [("unnamed", "r", "x")]}}) == [("unnamed", 0)]


@given(
    st.lists(SPANS, min_size=1, max_size=6),
    st.lists(SPANS, min_size=1, max_size=6, unique=True),
)
def test_placing_agrees_with_a_plain_count_of_characters(chunks: list[Any], spans: list[Any]) -> None:
    passages = [Chunk("d", a, b, "." * (b - a)) for a, b in chunks]
    got = {f[0]: i for f, i in placed({s: [(str(s), "r", "o")] for s in spans}, passages, range(len(passages)))}
    for a, b in spans:
        held = [len(set(range(a, b)) & set(range(c, d))) for c, d in chunks]
        assert got.get(str((a, b))) == (held.index(max(held)) if max(held) else None)


def test_other_documents_are_passed_over_and_a_file_of_none_is_refused(tmp_path: Path) -> None:
    chunks = [*cut(0, 25, 74), *cut(0, 74, doc="e")]
    stated: Stated = {"e": {(0, 9): [("E", "r", "x")]}, "other": {(0, 9): [("O", "r", "x")]}}
    assert recorded(tmp_path, chunks, stated) == [("E", 2)]
    assert recorded(tmp_path, [], stated) == []
    assert recorded(tmp_path, cut(0, 74), {"d": {(0, 74): []}}) == []
    with pytest.raises(UserError, match=r"t\.jsonl: the file names none of the documents \('d', 1 in all\)") as told:
        recorded(tmp_path, cut(0, 74), stated)
    assert "\n" not in str(told.value)


def test_the_content_counts_and_not_the_path(tmp_path: Path) -> None:
    for name, line in (("a", LINE), ("b", LINE), ("c", LINE.replace("5", "6"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jsonl").write_text(line)
    a, b, c = (describe(RecordedTriples(str(tmp_path / name / "x.jsonl"))) for name in "abc")
    assert a == b != c
    (found,) = RecordedTriples(str(tmp_path / "a" / "x.jsonl")).run([cut(0, 74)])
    assert found == [{"subject": "a", "relation": "b", "object": "c", "chunk": 0}]
    (tmp_path / "a" / "x.jsonl").write_text(LINE.replace('"a"', '"new"'))
    ((new,),) = RecordedTriples(str(tmp_path / "a" / "x.jsonl")).run([cut(0, 74)])
    assert new["subject"] == "new"
    with pytest.raises(UserError, match="no such file"):
        RecordedTriples(str(tmp_path / "none"))
    (tmp_path / "a" / "x.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="cannot be read"):
        list(RecordedTriples(str(tmp_path / "a" / "x.jsonl")).run([cut(0, 74)]))


CHUNKS = tuple(Chunk(str(i), 0, len(t), t) for i, t in enumerate(("she sang", "it snows", "unrelated")))
TRIPLES = [
    {"subject": "Blue Moon", "relation": "sung by", "object": "Ada Quill", "chunk": 0},
    {"subject": "Ada Quill's", "relation": "home", "object": "Port Elva", "chunk": 1},
]


def test_triples_tie_what_the_words_do_not() -> None:
    (graph,) = TripleGraph(related=2.0).run([CHUNKS], [TRIPLES])
    n, at = graph["passages"], graph["entities"].index
    moon, ada, port = (n + at(key) for key in ("blue moon", "ada quill", "port elva"))
    matrix = adjacency(graph)
    assert matrix[moon, ada] == matrix[ada, port] == 2.0 and matrix[moon, port] == 0
    row = slice(graph["indptr"][moon], graph["indptr"][moon + 1])
    assert {RELATIONS[k] for k in graph["relation"][row]} == {"mentions", "relation"}
    (found,) = GraphSearch(entities=1.0).run([graph], ["Where is the singer of Blue Moon from?"])
    assert found.ids == (0, 1)
    (without,) = TripleGraph().run([CHUNKS], [[]])
    (nothing,) = GraphSearch(entities=1.0).run([without], ["Where is the singer of Blue Moon from?"])
    assert nothing == Ranking((), ())


@pytest.mark.parametrize(
    ("broken", "said"), [({"chunk": 3}, "chunk 3"), ({"chunk": None}, "chunk None"), ({"subject": 5}, "must be texts")]
)
def test_broken_records(broken: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=f"triple 1: .*{said}"):
        list(TripleGraph().run([CHUNKS], [[TRIPLES[0], TRIPLES[0] | broken]]))
