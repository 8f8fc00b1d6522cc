"""LaRA's layout: which rows are the questions, whose answer is whose, and what is named when files disagree."""

import json
import os
import runpy
from pathlib import Path

import pytest

from experiments.data.lara import Accuracy, load_lara, reference_table
from pipeline.core.records import Section

make = runpy.run_path(str(Path(__file__).with_name("make_lara.py")))
REAL = Path(os.environ.get("LONGSHORT_DATA", "data")) / "lara"
FAILED = {
    "claude-3-5-haiku-20241022": 5,
    "claude-3-5-sonnet-20241022": 5,
    "gpt-4o": 38,
    "gpt-4o-0806": 0,
    "gpt-4o-mini": 8,
    "llama-3.1-8b": 0,
    "llama-3.3-70b": 0,
    "llama-3.3-70b-turbo": 0,
    "mistral-nemo": 27,
    "qwen2.5-7b-instruct": 30,
}


@pytest.fixture
def root(tmp_path):
    return make["lara_folder"](tmp_path / "lara")


def rewrite(path, change):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    make["lines"](path, change(rows))


def test_questions_documents_and_answers(root):
    dataset, recorded = load_lara(root)
    questions = {q.id: q for q in dataset.questions}
    assert list(questions) == [
        "32k_book_location_000",
        "32k_book_location_001",
        "32k_book_location_002",
        "32k_book_hallu_000",
        "32k_paper_comp_000",
    ]
    first = questions["32k_book_location_000"]
    assert (first.text, first.golds, first.kind, first.answerable) == (
        "Who owns the mill?",
        ("Old Tam.",),
        "location",
        None,
    )
    assert first.context == ("32k/book/The Mill.txt",) and first.cluster == first.context[0]
    assert first.slices == {"length": "32k", "domain": "book"}
    assert questions["32k_book_hallu_000"].answerable is False
    assert questions["32k_book_hallu_000"].golds == ("The text mentions no cat.",)

    mill = dataset.documents["32k/book/The Mill.txt"]
    assert (mill.text, mill.stated_tokens) == (None, 32000)
    light = dataset.documents["32k/book/The Lighthouse.txt"]
    assert light.text.startswith("Mara") and light.stated_tokens is None and light.title == "The Lighthouse"

    assert recorded["beta_32k_mini"]["32k_paper_comp_000", "lc"] == "beta_32k_mini full 0"
    assert [recorded["alpha-7b"][f"32k_book_location_00{i}", "lc"] for i in range(3)] == [
        f"alpha-7b full {i}" for i in range(3)
    ]
    assert [recorded["alpha-7b"][f"32k_book_location_00{i}", "rag"] for i in range(3)] == [None] * 3
    assert all(len(answers) == 2 * len(questions) for answers in recorded.values())
    assert dataset.notes == (
        "32k_paper_comp: no query file; its questions are taken from the predictions",
        "1 document not there, of 1 question: 32k/book/The Mill.txt",
    )


def test_a_file_of_papers_has_each_paper_as_a_section(root):
    paper = load_lara(root)[0].documents["32k/paper/32k_paper_0.md"]
    second = paper.text.index("<paper 1>")
    assert paper.sections == (
        Section("paper 0", 0, second),
        Section("Tidal clocks", paper.text.index("# Tidal"), second),
        Section("Method", paper.text.index("## Method"), second),
        Section("paper 1", second, len(paper.text)),
        Section("Salt lamps", paper.text.index("# Salt"), len(paper.text)),
    )


def test_an_added_model_in_another_order_with_its_own_rows(root):
    before = load_lara(root)
    cell = "32k_book_location"
    given = make["rows"](cell, "new", "full")
    strange = {"file": "The Mill.txt", "question": "A new one?", "ground_truth": "x", "prediction": "y"}
    given[0]["ground_truth"] = "Young Tam."
    make["lines"](
        make["predictions"](root, "a new", "full", cell).with_name(f"full_preds_other_{cell}.jsonl"),
        [strange, given[2], given[0]],
    )
    (root / "evaluation" / "prediction" / "empty").mkdir()
    dataset, recorded = load_lara(root)
    assert dataset.questions == before[0].questions
    assert {m: a for m, a in recorded.items() if m != "a new"} == before[1]
    # The two rows that LaRA repeats are told apart by their turn in the file alone.
    assert recorded["a new"] == {(f"{cell}_000", "lc"): "new full 0", (f"{cell}_001", "lc"): "new full 2"}
    assert set(dataset.notes) - set(before[0].notes) == {
        "a new: its files are named after other",
        "a new: 1 row fit no question and are left out (32k_book_location 1)",
        "a new: no row for 8 answers, which count as failed (32k_book_hallu lc 1, 32k_book_hallu rag 1, "
        "32k_book_location lc 1, 32k_book_location rag 3, 32k_paper_comp lc 1, 32k_paper_comp rag 1)",
        "a new: another gold answer in 1 row, not used (32k_book_location 1)",
        "empty: no prediction files, left out",
    }


def test_a_model_run_twice_does_not_double_the_questions(root):
    before = load_lara(root)[0].questions
    rewrite(make["predictions"](root, "alpha-7b", "full", "32k_book_hallu"), lambda rows: rows * 2)
    dataset, recorded = load_lara(root)
    assert dataset.questions == before
    assert any("alpha-7b: 1 row fit no question" in note for note in dataset.notes)
    assert recorded["alpha-7b"]["32k_book_hallu_000", "lc"] == "alpha-7b full 0"


def test_reference_table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("length,model,task,lc,rag\n32k,alpha,comp,58.29,38.06\n")
    assert reference_table(path) == (Accuracy("32k", "alpha", "comp", 58.29, 38.06),)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs LaRA: set LONGSHORT_DATA to the folder that holds lara/")
def test_the_real_files():
    dataset, recorded = load_lara(REAL)
    assert len(dataset.questions) == len({q.id for q in dataset.questions}) == 2326
    failed = {model: sum(text is None for text in answers.values()) for model, answers in recorded.items()}
    assert {model: failed[model] for model in FAILED} == FAILED
    assert all(len(recorded[model]) == 4652 for model in FAILED)
    assert sum(d.text is None for d in dataset.documents.values()) == 15
    assert sum(q.kind == "hallu" for q in dataset.questions) == sum(q.answerable is False for q in dataset.questions)
    papers = [q for q in dataset.questions if q.slices["domain"] == "paper"]
    assert all(dataset.documents[q.context[0]].sections[0].title.startswith("paper ") for q in papers)
