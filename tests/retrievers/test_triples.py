"""Triples: readers' words in many shapes, files, and the graph they make."""

from __future__ import annotations

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from retrievers.graph import RELATIONS, adjacency
from retrievers.graph_search import GraphSearch
from retrievers.triples import TripleGraph, parse_triples, read_triples

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


def test_lines_of_a_file() -> None:
    line = '{"subject": "a", "relation": "b", "object": "c", "chunk": 0, "extra": 1}'
    assert read_triples(line + "\n\n", "t.jsonl") == ({"subject": "a", "relation": "b", "object": "c", "chunk": 0},)
    for broken, said in (("{", "broken JSON"), ("[1]", "'subject'"), (line.replace("0", "true"), "'chunk'")):
        with pytest.raises(UserError, match=rf"t\.jsonl:2: .*{said}"):
            read_triples(line + "\n" + broken, "t.jsonl")


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
