"""A user's folder: text, headings and pages become documents with sections; questions come with what they have."""

import io
import json
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data._sections import markdown_headings
from experiments.data.folder import load_folder
from pipeline.core.records import Section, Span
from retrievers.headings import Heading, nested

pdf = runpy.run_path(str(Path(__file__).with_name("make_pdf.py")))["pdf"]

PAGE = """<!doctype html><html><head><title>T</title><style>p{}</style></head><body><nav>Home</nav>
<h1>The   <em>first</em>
thing</h1><p>Some   text
over lines.</p><!-- a comment --><h2></h2><pre>code <b>x</b>
  more</pre><h2>Sub</h2><table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>
<ul><li>one</li><li>two<br>lines</li></ul><script>no()</script><h1>Second</h1>end</body></html>"""


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.txt").write_bytes("\ufeffTea costs 5 crowns.\r\nCoffee costs 6.\r\n".encode())
    (folder / "a.md").write_text("# Rules\n\nNo running.\n\n## Pool\n\nSwim from 8 to 9.\n", encoding="utf-8")
    (folder / "sub" / "page.HTML").write_text(PAGE, encoding="utf-8")
    (folder / "sub" / "report.pdf").write_bytes(pdf(["Net income was 12.", "", "Debt was 7."]))
    return folder


def ask(docs, *rows):
    path = docs.parent / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load_folder(docs, path)


def test_documents_by_relative_path(docs):
    dataset = ask(docs, {"question": "How much is tea?"})
    assert list(dataset.documents) == ["a.md", "b.txt", "sub/page.HTML", "sub/report.pdf"]
    assert dataset.documents["b.txt"].text == "Tea costs 5 crowns.\nCoffee costs 6.\n"
    assert (dataset.name, dataset.documents["b.txt"].title) == ("docs", "b")


def test_sections_of_each_type(docs):
    documents = ask(docs, {"question": "?"}).documents
    markdown = documents["a.md"]
    pool = markdown.text.index("## Pool")
    size = len(markdown.text)
    assert markdown.sections == (Section("Rules", 0, size), Section("Pool", pool, size))

    page = documents["sub/page.HTML"]
    assert page.text == (
        "Home\n\nThe first thing\n\nSome text over lines.\n\ncode x\n  more\n\n"
        "Sub\n\nA\tB\n1\t2\n\none\ntwo\nlines\n\nSecond\n\nend"
    )
    first, sub, second = page.sections
    assert [s.title for s in page.sections] == ["The first thing", "Sub", "Second"]
    assert page.text[first.start :].startswith("The first thing\n\nSome") and first.end == second.start
    assert page.text[sub.start : sub.end].startswith("Sub\n\nA\tB") and sub.end == second.start
    assert page.text[second.start : second.end] == "Second\n\nend"

    report = documents["sub/report.pdf"]
    assert [(s.title, report.text[s.start : s.end]) for s in report.sections] == [
        ("page 1", "Net income was 12."),
        ("page 3", "Debt was 7."),
    ]


def test_what_is_left_out_is_named(docs):
    (docs / ".hidden.txt").write_text("no")
    (docs / ".git").mkdir()
    (docs / ".git" / "x.txt").write_text("no")
    (docs / "image.png").write_bytes(b"\x89PNG")
    (docs / "blank.txt").write_text(" \n")
    questions = docs / "questions.jsonl"
    questions.write_text('{"question": "?", "topic": "x"}')
    dataset = load_folder(docs, questions)
    assert len(dataset.documents) == 4
    assert dataset.notes == (
        "sub/report.pdf: 1 of 3 pages hold no text; what is on them cannot be found",
        "1 file of unknown type left out (1 .png): image.png",
        "1 file without text left out: blank.txt",
        "questions.jsonl: fields not used: topic",
    )


def test_questions_with_all_fields_and_with_none(docs):
    dataset = ask(
        docs,
        {"question": "How much is tea?", "answer": 5},
        {"id": 7, "question": "?", "golden_answers": [5.0, "five", True], "docs": ["b.txt", "a.md"], "kind": "k"},
        {"question": "Is there a sauna?", "answerable": False, "cluster": "pool"},
    )
    first, second, third = dataset.questions
    assert (first.id, first.golds, first.context, first.cluster) == ("q0001", ("5",), (), "q0001")
    assert (second.id, second.golds, second.kind) == ("7", ("5.0", "five", "true"), "k")
    assert (second.context, second.cluster) == (("b.txt", "a.md"), "")
    assert (third.id, third.answerable, third.golds, third.cluster) == ("q0003", False, (), "pool")


def test_evidence_by_offsets_and_by_quotation(docs):
    dataset = ask(
        docs,
        {"question": "?", "evidence": [{"doc": "b.txt", "start": 0, "end": 9}]},
        {
            "question": "?",
            "evidence": [{"doc": "b.txt", "text": "crowns.\r\n Coffee"}, {"doc": "a.md", "text": "Pool"}],
        },
    )
    assert dataset.questions[0].evidence == (Span("b.txt", 0, 9),)
    assert dataset.questions[0].cluster == "b.txt"
    text = {d.id: d.text for d in dataset.documents.values()}
    assert [text[s.doc][s.start : s.end] for s in dataset.questions[1].evidence] == ["crowns.\nCoffee", "Pool"]


def test_a_pdf_with_an_empty_password_is_read(docs):
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["Only printing is forbidden."]))))
    writer.encrypt("", owner_password="owner", algorithm="RC4-128")
    writer.write(docs / "locked.pdf")
    assert ask(docs, {"question": "?"}).documents["locked.pdf"].text == "Only printing is forbidden."


def test_a_page_in_the_character_set_that_it_declares(docs):
    page = '<html><head><meta charset="iso-8859-2"></head><body>Łódź</body></html>'
    (docs / "old.html").write_bytes(page.encode("iso-8859-2"))
    assert ask(docs, {"question": "?"}).documents["old.html"].text == "Łódź"


def test_markdown_headings():
    front, fences = "---\ntitle: x\n---\n", "```sh\n# no\n```\n~~~\n```\n# no\n~~~\n"
    text = f"{front}Top\n===\n\n{fences}### Three ###\n#no\n\n- item\n---\n\nTwo\n---\n\n| a |\n---\n"
    assert [(h.level, h.title) for h in markdown_headings(text)] == [(1, "Top"), (3, "Three"), (2, "Two")]
    assert all(text[h.start :].lstrip("# ").startswith(h.title) for h in markdown_headings(text))


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5)), max_size=12))
def test_sections_nest(steps):
    """Two sections are disjoint, or one holds the other and stands higher."""
    headings, start = [], 0
    for i, (level, step) in enumerate(steps):
        headings.append(Heading(level, f"h{i}", start))
        start += step
    sections = nested(headings, start)
    assert len(sections) == len(headings)
    for i, (a, one) in enumerate(zip(sections, headings, strict=True)):
        for b, other in zip(sections[i + 1 :], headings[i + 1 :], strict=True):
            inside = b.start < a.end
            assert b.end <= a.end if inside else b.start >= a.end
            assert not inside or other.level > one.level
