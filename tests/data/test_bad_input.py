"""What a user can get wrong in the data, one row per kind: the file written, and the one line that is told."""

import io
import json
import re
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.data.base import read_csv, read_jsonl, read_text
from experiments.data.beir import read_beir, read_qrels
from experiments.data.folder import load_folder
from experiments.data.lara import load_lara, reference_table
from experiments.data.recorded import load_recorded
from pipeline.core.errors import UserError

HERE = Path(__file__).parent
lara = runpy.run_path(str(HERE / "make_lara.py"))
pdf = runpy.run_path(str(HERE / "make_pdf.py"))["pdf"]


@dataclass(frozen=True)
class Bad:
    """`write(folder)` makes the input and returns what loads it; `says` is the message, with {} for the folder."""

    what: str
    write: Callable[[Path], Callable[[], object]]
    says: str


def rows(raw):
    """A JSON lines file with these bytes."""

    def write(folder):
        (folder / "rows.jsonl").write_bytes(raw)
        return lambda: list(read_jsonl(folder / "rows.jsonl"))

    return write


def table(raw, read=lambda path: list(read_csv(path))):
    """A table file with this text."""

    def write(folder):
        (folder / "t.csv").write_text(raw, encoding="utf-8")
        return lambda: read(folder / "t.csv")

    return write


def folder_of(files=None, questions='{"question": "Why?"}'):
    """A folder of documents, `d.txt` if nothing else is said, and a file of questions."""

    def write(folder):
        docs = folder / "docs"
        docs.mkdir()
        for name, content in ({"d.txt": "Some text. Some text."} if files is None else files).items():
            (docs / name).write_bytes(content.encode() if isinstance(content, str) else content)
        (folder / "q.jsonl").write_text(questions, encoding="utf-8")
        return lambda: load_folder(docs, folder / "q.jsonl")

    return write


def encrypted():
    """A PDF file that needs a password."""
    from pypdf import PdfReader, PdfWriter

    writer, out = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["secret"])))), io.BytesIO()
    writer.encrypt("sesame", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def beir(corpus='{"_id": "d", "text": "abc"}', queries='{"_id": "q", "text": "why?"}', spans=""):
    """A BEIR folder."""

    def write(folder):
        for name, content in (("corpus", corpus), ("queries", queries), ("spans", spans)):
            (folder / f"{name}.jsonl").write_text(content, encoding="utf-8")
        return lambda: read_beir(folder)

    return write


def lara_with(change):
    """LaRA's layout after `change(root)`."""

    def write(folder):
        root = lara["lara_folder"](folder / "lara")
        change(root)
        return lambda: load_lara(root)

    return write


def first_prediction(**fields):
    """The first prediction file with these fields in its first row."""

    def change(root):
        path = lara["predictions"](root, "alpha-7b", "full", "32k_book_hallu")
        row = json.loads(path.read_text(encoding="utf-8").splitlines()[0]) | fields
        lara["lines"](path, [row])

    return change


FIELDS = {"question": "q", "answer": "a", "route": {"const": "lc"}, "reader": {"const": "m"}}


def recorded(content='{"q": "Why?", "a": "So."}', name="r.jsonl", fields=None, **more):
    """A file of answers and its map; `fields` change the map's."""
    given = {"files": ["*.jsonl", "*.csv"][name.endswith("csv") :][:1], "fields": FIELDS | (fields or {})} | more

    def write(folder):
        (folder / name).write_text(content, encoding="utf-8")
        (folder / "map.yaml").write_text(json.dumps(given), encoding="utf-8")
        return lambda: load_recorded(folder / "map.yaml")

    return write


def yaml_map(text):
    """A map with this text."""

    def write(folder):
        (folder / "map.yaml").write_text(text, encoding="utf-8")
        return lambda: load_recorded(folder / "map.yaml")

    return write


TABLE = [
    # -- JSON lines and tables
    Bad("no such file", lambda f: (f / "row.jsonl").touch() or (lambda: read_text(f / "rows.jsonl")),
        "{}/rows.jsonl: the file does not exist. Did you mean 'row.jsonl'?"),
    Bad("a folder for a file", lambda f: lambda: read_text(f),
        "{}: this is a folder, a file is expected. Name a file in it"),
    Bad("broken line", rows(b'{"a": 1}\n{"a": \n'),
        "{}/rows.jsonl:2: broken JSON at column 7: Expecting value. Each line must be one whole JSON object"),
    Bad("no object", rows(b"[1, 2]\n"),
        "{}/rows.jsonl:1: found a list, expected an object. Write one object per line, not one list "
        "(jq -c '.[]' turns a list into lines)"),
    Bad("infinity", rows(b'{"a": Infinity}'),
        "{}/rows.jsonl:1: broken JSON: Infinity is no JSON value. Each line must be one whole JSON object"),
    Bad("nested too deeply", rows(b'{"a": ' + b"[" * 200_000), "{}/rows.jsonl:1: JSON nested too deeply"),
    Bad("empty file", rows(b"\n \n"), "{}/rows.jsonl: the file has no rows. It must hold one JSON object per line"),
    Bad("Latin-1", rows(b'{"a": 1}\n{"a": "caf\xe9"}'),
        "{}/rows.jsonl:2: byte 0xe9 is not UTF-8. Save the file as UTF-8 (iconv -f LATIN1 -t UTF-8, if it is Latin-1)"),
    Bad("UTF-16", rows('{"a": 1}'.encode("utf-16")),
        "{}/rows.jsonl: the file is UTF-16 or UTF-32, UTF-8 is expected. Save it as UTF-8 (iconv -t UTF-8)"),
    Bad("too many cells", table("a,b\n1,2\n3,4,5\n"),
        "{}/t.csv:3: found 3 cells, expected 2 as in the head. "
        "Put a cell that holds a comma, a quote or a line end in double quotes"),
    Bad("open quote", table('a,b\n1,2\n3,"4\n5,6\n'),
        "{}/t.csv:3: broken CSV: unexpected end of data. Look for an open quote"),
    Bad("column twice", table("a,b,a\n1,2,3\n"),
        "{}/t.csv:1: the head names the column 'a' twice. Give each column a name of its own"),
    Bad("head alone", table("a,b\n"), "{}/t.csv: the file has no rows. It must hold a head and at least one row"),
    # -- BEIR
    Bad("document id twice", beir('{"_id": "d", "text": "x"}\n\n{"_id": "d", "text": "y"}'),
        "{}/corpus.jsonl:3: the id 'd' was given before, at {}/corpus.jsonl:1. Give each row its own"),
    Bad("id of another type", beir('{"_id": 1.5, "text": "x"}'),
        "{}/corpus.jsonl:1: '_id' is a number (1.5), expected text"),
    Bad("question without text", beir(queries='{"_id": "q", "text": " "}'),
        "{}/queries.jsonl:1: 'text' is empty. Give it a text, or remove the row"),
    Bad("question without the field", beir(queries='{"_id": "q", "txt": "why?"}'),
        "{}/queries.jsonl:1: the field 'text' is missing. Did you mean 'txt'?"),
    Bad("span outside", beir(spans='{"query-id": "q", "corpus-id": "d", "start": 1, "end": 4}'),
        "{}/spans.jsonl:1: the span [1, 4) does not lie in document 'd', which has 3 characters. "
        "Offsets count characters from 0, the end is exclusive"),
    Bad("span of an unknown document", beir(spans='{"query-id": "q", "corpus-id": "e", "start": 1, "end": 2}'),
        "{}/spans.jsonl:1: no document 'e'. Known: d"),
    Bad("span of an unknown question", beir(spans='{"query-id": "qq", "corpus-id": "d", "start": 1, "end": 2}'),
        "{}/spans.jsonl: no question 'qq'. Did you mean 'q'?"),
    Bad("span with another text", beir(spans='{"query-id": "q", "corpus-id": "d", "start": 1, "end": 2, "text": "x"}'),
        "{}/spans.jsonl:1: the document has another text at [1, 2)"),
    Bad("offset of another type", beir(spans='{"query-id": "q", "corpus-id": "d", "start": "1", "end": 2}'),
        "{}/spans.jsonl:1: 'start' is text (\"1\"), expected a whole number of characters"),
    Bad("grade that is no number", table("query-id\tcorpus-id\tscore\nq\td\thigh\n", read_qrels),
        "{}/t.csv:2: the score 'high' is no whole number"),
    Bad("qrels with two columns", table("q\td\n", read_qrels),
        "{}/t.csv:1: found 2 columns, expected query-id, corpus-id and score. Separate by tabs"),
    # -- a folder of documents
    Bad("no such folder", lambda f: lambda: load_folder(f / "docs", f / "q.jsonl"),
        "{}/docs: the folder does not exist. Name the folder that holds the documents"),
    Bad("no document", folder_of({"a.png": "", "b.txt": " "}),
        "{}/docs: no document in this folder (1 file of other types, 1 without text). "
        "Types read: .txt, .md, .markdown, .html, .htm, .pdf"),
    Bad("a document in Latin-1", folder_of({"a.txt": b"ok\ncaf\xe9"}),
        "{}/docs/a.txt:2: byte 0xe9 is not UTF-8. "
        "Save the file as UTF-8 (iconv -f LATIN1 -t UTF-8, if it is Latin-1)"),
    Bad("a page in another set than declared", folder_of({"a.html": b'<meta charset="ascii"><p>caf\xe9'}),
        "{}/docs/a.html: the page declares the character set 'ascii', and is not in it. "
        "Save it as UTF-8 and declare that"),
    Bad("a page that cannot be parsed", folder_of({"a.html": "<![CD<h1>a"}),
        "{}/docs/a.html: this is no HTML that can be parsed. Mend or remove it"),
    Bad("empty PDF", folder_of({"a.pdf": ""}), "{}/docs/a.pdf: the PDF file is empty. Replace or remove it"),
    Bad("PDF that is none", folder_of({"a.pdf": "hello"}),
        "{}/docs/a.pdf: the PDF cannot be read (PdfStreamError: Stream has ended unexpectedly). "
        "Save it anew from the program that made it, or remove it"),
    Bad("PDF cut off", folder_of({"a.pdf": pdf(["x"] * 3)[:200]}), "{}/docs/a.pdf: the PDF cannot be read (*"),
    Bad("PDF with a password", folder_of({"a.pdf": encrypted()}),
        "{}/docs/a.pdf: this PDF needs a password. Save it without one (qpdf --decrypt)"),
    Bad("scanned PDF", folder_of({"a.pdf": pdf(["", ""])}),
        "{}/docs/a.pdf: no text on any of its 2 pages: this PDF seems to be scanned. "
        "Recognise its text first (ocrmypdf in.pdf out.pdf), or remove it"),
    Bad("question id twice", folder_of(questions='{"id": 1, "question": "a"}\n{"id": "1", "question": "b"}'),
        "{}/q.jsonl:2: the id '1' was given before, at {}/q.jsonl:1. Give each row its own"),
    Bad("question that is no text", folder_of(questions='{"question": ["a"]}'),
        "{}/q.jsonl:1: 'question' is a list ([\"a\"]), expected text"),
    Bad("unknown document", folder_of(questions='{"question": "a", "docs": ["d.tx"]}'),
        "{}/q.jsonl:1: no document 'd.tx'. Did you mean 'd.txt'?"),
    Bad("field nearly right", folder_of(questions='{"question": "a", "golden_answer": "b"}'),
        "{}/q.jsonl:1: unknown field 'golden_answer'. Did you mean 'golden_answers'?"),
    Bad("two fields of golds", folder_of(questions='{"question": "a", "answer": "b", "golden_answers": ["c"]}'),
        "{}/q.jsonl:1: both 'golden_answers' and 'answer' are given. Keep one of them"),
    Bad("gold of another type", folder_of(questions='{"question": "a", "answer": {"b": 1}}'),
        "{}/q.jsonl:1: 'answer' is an object ({\"b\": 1}), expected text, a number, true or false, or a list of these"),
    Bad("flag of another type", folder_of(questions='{"question": "a", "answerable": "no"}'),
        "{}/q.jsonl:1: 'answerable' is text (\"no\"), expected true or false"),
    Bad("quotation not there",
        folder_of(questions='{"question": "a", "evidence": [{"doc": "d.txt", "text": "Some tex."}]}'),
        "{}/q.jsonl:1: no 'Some tex.' in 'd.txt'. Quote the document word by word"),
    Bad("quotation there twice",
        folder_of(questions='{"question": "a", "evidence": [{"doc": "d.txt", "text": "Some text."}]}'),
        "{}/q.jsonl:1: the evidence 'Some text.' stands 2 times in 'd.txt'. Quote more of it, or give start and end"),
    # -- LaRA's layout
    Bad("not LaRA's folder", lambda f: lambda: load_lara(f),
        "{}/datasets/query: this folder of LaRA's layout is missing. Name the folder that holds `datasets` and "
        "`evaluation`, a copy of github.com/Alibaba-NLP/LaRA (given: {})"),
    Bad("query file of no cell", lara_with(lambda r: (r / "datasets/query/32k_books_comp.jsonl").touch()),
        "{}/lara/datasets/query/32k_books_comp.jsonl: the name is not {length}_{domain}_{task}.jsonl. "
        "Did you mean '32k_book_comp'?"),
    Bad("prediction file of no cell",
        lara_with(lambda r: (r / "evaluation/prediction/alpha-7b/lc_preds_x_32k_book_comp.jsonl").touch()),
        "{}/lara/evaluation/prediction/alpha-7b/lc_preds_x_32k_book_comp.jsonl: the name is not "
        "{full|rag}_preds_{model}_{length}_{domain}_{task}.jsonl. "
        "Lengths: 32k, 128k; domains: book, financial, paper; tasks: location, reasoning, comp, hallu"),
    Bad("two files of one cell",
        lara_with(lambda r: lara["lines"](r / "evaluation/prediction/alpha-7b/full_preds_z_32k_book_hallu.jsonl",
                                          lara["rows"]("32k_book_hallu", "z", "full"))),
        "{}/lara/evaluation/prediction/alpha-7b/full_preds_z_32k_book_hallu.jsonl: "
        "a second full file for 32k_book_hallu in this folder. Keep one"),
    Bad("prediction of another type", lara_with(first_prediction(prediction=True)),
        "{}/lara/evaluation/prediction/alpha-7b/full_preds_alpha-7b_32k_book_hallu.jsonl:1: "
        "'prediction' is true or false (true), expected text, or false for a failed call"),
    Bad("document with folders", lara_with(first_prediction(file="../../secret.txt")),
        "{}/lara/evaluation/prediction/alpha-7b/full_preds_alpha-7b_32k_book_hallu.jsonl:1: "
        "'file' is '../../secret.txt', expected a name without folders"),
    Bad("table with another length", table("length,model,task,lc,rag\n64k,a,comp,1,2\n", reference_table),
        "{}/t.csv:2: '64k' is not one of LaRA's. Known: 128k, 32k"),
    Bad("table with another number", table("length,model,task,lc,rag\n32k,a,comp,101,2\n", reference_table),
        "{}/t.csv:2: 'lc' is '101', expected a percentage from 0 to 100"),
    Bad("table without a column", table("length,model,task,llc,rag\n32k,a,comp,1,2\n", reference_table),
        "{}/t.csv:2: the field 'lc' is missing. Did you mean 'llc'?"),
    Bad("table with a cell twice", table("length,model,task,lc,rag\n32k,a,comp,1,2\n32k,a,comp,1,2\n", reference_table),
        "{}/t.csv:3: the cell '32k, a, comp' was given before, at {}/t.csv:2. Give each row its own"),
    # -- answers from elsewhere
    Bad("unknown key of the map", recorded(lables={"x": "right"}),
        "{}/map.yaml: unknown setting 'lables' of RecordedMap. Did you mean 'labels'?"),
    Bad("unknown field of the map", recorded(fields={"answr": "a"}),
        "{}/map.yaml: fields: unknown field 'answr'. Did you mean 'answer'?"),
    Bad("field without a source", recorded(fields={"label": ["a"]}),
        "{}/map.yaml: fields.label: expected the name of a column, {const: value} or {file: regex}"),
    Bad("two sources", recorded(fields={"label": {"const": "a", "file": "b"}}),
        "{}/map.yaml: fields.label: expected the name of a column, {const: value} or {file: regex}. Give one of them"),
    Bad("broken expression", recorded(fields={"route": {"file": "(a"}}),
        "{}/map.yaml: fields.route: '(a' is no regular expression: missing ), unterminated subpattern at position 0"),
    Bad("expression without a group", recorded(fields={"route": {"file": "r"}}),
        "{}/map.yaml: fields.route: the expression 'r' has 0 groups, expected one. "
        "Put the part of the file name that is the value in (round brackets)"),
    Bad("expression that does not fit", recorded(fields={"route": {"file": "preds_(.*)"}}),
        "{}/r.jsonl: the file name does not fit the expression 'preds_(.*)'. Correct it in the map, or narrow `files`"),
    Bad("outcome that is none", recorded(fields={"label": "l"}, labels={"Yes": "rihgt"}), "{}/map.yaml: labels.Yes: *"),
    Bad("labels without a column", recorded(labels={"Yes": "right"}),
        "{}/map.yaml: `labels` is given, but no field holds a label. Add fields.label"),
    Bad("map without reader", yaml_map("files: [a.csv]\nfields: {question: q, answer: a, route: r}"),
        "{}/map.yaml: fields: reader: the key 'reader' is missing. Add it"),
    Bad("map that is no YAML", yaml_map("files: [a\nfields: x"), "{}/map.yaml:2: broken YAML: *"),
    Bad("map that is a list", yaml_map("- a"),
        "{}/map.yaml: expected a mapping with the keys `files` and `fields`. See README, Answers from elsewhere"),
    Bad("no file fits", recorded(files=["*.csv"]),
        "{}/map.yaml: files.0: no file fits '*.csv'. Globs are relative to the map's folder"),
    Bad("file of another type", recorded(files=["map.*"]),
        "{}/map.yaml: files of type '.yaml' are not read. Types read: .jsonl, .ndjson, .csv, .tsv"),
    Bad("column that is not there", recorded("question,a\nWhy?,So.\n", "r.csv", {"question": "questoin"}),
        "{}/r.csv: no column 'questoin', which map.yaml names for 'question'. Did you mean 'question'?"),
    Bad("unknown label",
        recorded('{"q": "Why?", "a": "x", "l": "Corect"}', fields={"label": "l"}, labels={"Correct": "right"}),
        "{}/r.jsonl:1: unknown label 'Corect'. Add it to `labels` in the map. Known: Correct"),
    Bad("answer of another type", recorded('{"q": "Why?", "a": {"text": "x"}}'),
        "{}/r.jsonl:1: 'answer' is an object ({\"text\": \"x\"}), expected text or a number"),
    Bad("row without a question", recorded('{"q": "Why?", "a": "x"}\n{"q": null, "a": "x"}'),
        "{}/r.jsonl:2: no question in 'q'. Fill it, or remove the row"),
    Bad("two answers to one call", recorded('{"q": "Why?", "a": "x"}\n{"q": "Why?", "a": "y"}'),
        "{}/r.jsonl:2: another answer or label by 'm', 'lc', to *"),
    Bad("nothing left",
        recorded('{"q": "a", "a": "", "m": "1"}\n{"q": "b", "a": "", "m": 2}', fields={"reader": "m"}, missing="skip"),
        "{}/map.yaml: missing: no question has all its answers. Write `missing: failed`"),
]  # fmt: skip


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.what)
def test_one_line_says_what_where_and_what_to_do(bad, tmp_path):
    load = bad.write(tmp_path)
    with pytest.raises(UserError) as caught:
        load()
    said = str(caught.value)
    expected = bad.says.replace("{}", str(tmp_path))
    assert "\n" not in said
    if expected.endswith("*"):
        assert said.startswith(expected[:-1])
    else:
        assert said == expected
    # A traceback that shows the error behind the error would tell the user nothing.
    assert caught.value.__cause__ is None and (caught.value.__context__ is None or caught.value.__suppress_context__)


def test_the_table_is_long_enough_and_has_no_kind_twice():
    kinds = [bad.what for bad in TABLE]
    assert len(kinds) == len(set(kinds)) >= 50
    assert all(re.match(r"\{\}", bad.says) for bad in TABLE)
