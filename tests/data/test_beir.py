"""BEIR files: writing and reading gives equal records, and files without our additions are read too."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.data.beir import read_beir, read_qa, read_qrels, write_beir, write_qa
from pipeline.core.records import Dataset, Document, Question, Section, Span

NAMES = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=8)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.strip)


@st.composite
def datasets(draw):
    documents = {}
    for name in draw(st.lists(NAMES, unique=True, min_size=1, max_size=4)):
        text = draw(st.none() | st.text(st.characters(codec="utf-8"), max_size=30))
        sections = (Section(draw(TEXTS), 0, len(text)),) if text else ()
        size = draw(st.none() | st.integers(0, 10**6))
        documents[name] = Document(name, text, draw(st.text(max_size=5)), sections, size)
    filled = [d for d in documents.values() if d.text]
    questions = []
    for name in draw(st.lists(NAMES, unique=True, min_size=1, max_size=4)):
        evidence = []
        for document in draw(st.lists(st.sampled_from(filled), max_size=2)) if filled else []:
            start = draw(st.integers(0, len(document.text) - 1))
            evidence.append(Span(document.id, start, draw(st.integers(start + 1, len(document.text)))))
        questions.append(
            Question(
                name,
                draw(TEXTS),
                context=tuple(draw(st.lists(st.sampled_from(sorted(documents)), max_size=2, unique=True))),
                golds=tuple(draw(st.lists(TEXTS, max_size=2, unique=True))),
                answerable=draw(st.sampled_from([None, True, False])),
                evidence=tuple(evidence),
                kind=draw(st.sampled_from(["", "location"])),
                cluster=draw(st.sampled_from(["", "c1"])),
                split=draw(st.sampled_from(["dev", "test"])),
                slices=draw(st.dictionaries(NAMES, NAMES, max_size=2)),
            )
        )
    return Dataset("made", documents, tuple(questions))


@settings(max_examples=60, deadline=None)
@given(datasets())
def test_a_data_set_comes_back_equal(tmp_path_factory, dataset):
    folder = tmp_path_factory.mktemp("beir") / "made"
    write_beir(dataset, folder)
    read = read_beir(folder)
    assert (read.documents, read.questions, read.name) == (dataset.documents, dataset.questions, "made")


def test_plain_beir_gives_relevant_documents_whole_and_the_split_of_the_qrels(tmp_path):
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": 1, "title": "t", "text": "abc"}\n{"_id": "2", "text": "de"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "why?"}\n{"_id": "r", "text": "how?"}\n')
    (tmp_path / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t2\nq\t2\t0\n")
    dataset = read_beir(tmp_path)
    assert list(dataset.documents) == ["1", "2"]
    assert [(q.id, q.split, q.evidence) for q in dataset.questions] == [
        ("q", "dev", (Span("1", 0, 3),)),
        ("r", "test", ()),
    ]


def test_qrels_of_beir_and_of_trec(tmp_path):
    beir, trec = tmp_path / "a.tsv", tmp_path / "qrels.txt"
    beir.write_text("query-id\tcorpus-id\tscore\n1\tdoc a\t1\n1\tb\t0\n2\tc\t2\n")
    trec.write_text("1 0 a 1\n1 0 b 0\n2 0 c 2\n")
    assert read_qrels(beir) == {"1": {"doc a": 1, "b": 0}, "2": {"c": 2}}
    assert read_qrels(trec) == {"1": {"a": 1, "b": 0}, "2": {"c": 2}}


def test_questions_with_golden_answers(tmp_path):
    path = tmp_path / "qa.jsonl"
    questions = (Question("1", "who?", golds=("me", "5.0")), Question("2", "why?"))
    write_qa(questions, path)
    assert json.loads(path.read_text().splitlines()[0]) == {
        "id": "1",
        "question": "who?",
        "golden_answers": ["me", "5.0"],
    }
    assert read_qa(path) == questions


def test_grades_that_say_more_than_the_evidence_are_kept(tmp_path):
    documents = {name: Document(name, f"text of {name}") for name in "abc"}
    whole = Span("a", 0, len(documents["a"].text))
    graded = Question("q", "which?", evidence=(whole,), grades={"a": 2, "b": 0})
    write_beir(Dataset("made", documents, (graded,)), tmp_path / "made")
    (again,) = read_beir(tmp_path / "made").questions
    assert again.grades == again.relevant == {"a": 2, "b": 0}
    assert again.evidence == (whole,), "a grade of 0 is no evidence"
