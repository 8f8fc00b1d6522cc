"""The training text: what cleaning keeps and drops, how documents are cut, held out and written."""

from __future__ import annotations

import gzip
import io
import json
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.reader import clean, held_people, texts
from experiments.reader import sources as sources_file
from experiments.reader.sources import Source, sources
from pipeline.core.errors import UserError

SENTENCE = "The river Arle rises in the hills of Tamber and runs for two hundred miles to the sea. "


def source(paths: Sequence[str], read: str = "plain", most: int = 0) -> Source:
    return Source(
        name="toy",
        kind="novel",
        origin="data",
        package="toy",
        paths=tuple(paths),
        read=read,
        licence="public domain",
        attribution="us",
        weight=1.0,
        most=most,
    )


def toy_books(folder: Path, n: int = 3) -> list[texts.Document]:
    folder.mkdir(exist_ok=True)
    for i in range(n):
        book = "\n\n".join(f"Chapter {i} part {j}. " + SENTENCE * 8 for j in range(80))
        (folder / f"book{i}.txt").write_text(book, encoding="utf-8")
    return list(texts.documents(folder, folder, [source(["*.txt"])]))


def test_every_source_says_its_licence_and_who_wrote_it_and_can_be_read():
    found = sources()
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert one.licence, one.name
        assert one.attribution, one.name
        assert not {"NC", "ND"} & set(one.licence.upper().replace("-", " ").split()), one.name
        assert one.read in texts.READERS, one.name
        assert one.weight > 0, one.name
        assert one.origin == "data" or (one.version and len(one.sha256) == 64), one.name


def test_wiki_markup_becomes_the_text_that_a_reader_of_the_page_sees():
    markup = """{{Infobox river|name={{lang|xx|Arle}}}}
[[File:Arle.jpg|thumb|The [[Arle]] near its mouth]]
The '''Arle''' ({{IPA|x}}) is a [[river]] in [[Tamber (county)|Tamber]].<ref name="a">A book.</ref> \
It is {{convert|200|mi|km}} long, and it was bridged in 1872 by the engineer [[Ada Pell]]<!-- sic -->&nbsp;\
of [[Corvale]].
{| class="wikitable"
| a table of the towns on the river that nobody should see in the text of the article.
|}
== Course ==
* A list of towns that the river passes on its way to the sea.
== References ==
The text of the references is not a part of what the article says, and it is left out."""
    assert clean.wiki_paragraphs(markup) == [
        "The Arle is a river in Tamber. It is 200 miles long, and it was bridged in 1872 by the engineer Ada Pell of "
        "Corvale."
    ]


def test_captions_and_list_items_that_are_sentences_are_the_asides_of_an_article():
    markup = f"""[[File:Arle.jpg|thumb|200px|The [[Arle|river Arle]] near its mouth at [[Corvale]],<br />seen from \
the bridge of 1872.]]
[[File:Pell.jpg|thumb|Ada Pell]]
{SENTENCE * 2}
* The ''Corvale Bridge'' was built by [[Ada Pell]] in 1872, and it is the oldest of the seven.<ref>A book.</ref>
* Bridges: see there.
* which is a part of a sentence that began before the list and goes on in it as the item of a list.
== References ==
* A book on the bridges of the river, and what the people of the county have said of them since."""
    assert clean.wiki_asides(markup) == [
        "The river Arle near its mouth at Corvale, seen from the bridge of 1872.",
        "The Corvale Bridge was built by Ada Pell in 1872, and it is the oldest of the seven.",
    ]
    assert not set(clean.wiki_asides(markup)) & set(clean.wiki_paragraphs(markup))
    assert clean.wiki_asides("#REDIRECT [[Arle]]") == []


def test_recorded_answers_of_an_encyclopaedia_are_read_as_html_or_extracts(tmp_path):
    def answer(title: str, **given: object) -> dict[str, object]:
        return {"query": {"pages": {"1": {"title": title, **given}}}}

    extract = f"{SENTENCE.strip()}It was bridged in 1872 by Ada Pell.\n\n\n== Course ==\n{SENTENCE * 2}"
    calls = {
        "a": answer("Arle", extract=extract),
        "b": answer(
            "Tamber", revisions=[{"*": f'<div class="x"><p>{SENTENCE}<sup>[1]</sup></p><table></table></div>'}]
        ),
        "c": answer("Category:Rivers", extract=SENTENCE),
        "d": {"batchcomplete": ""},
    }
    other = {"a": answer("Not of the encyclopaedia", extract=SENTENCE)}
    recorded = {"https://en.wikipedia.org/w/api.php": calls, "https://arle.example/api.php": other}
    (tmp_path / "m.json").write_text(json.dumps(recorded), encoding="utf-8")
    assert list(texts.wiki_answers([tmp_path / "m.json"])) == [
        ("Arle", [f"{SENTENCE}It was bridged in 1872 by Ada Pell.", (SENTENCE * 2).strip()]),
        ("Tamber", [SENTENCE.strip()]),
    ]


def test_narrative_books_of_a_sword_module_are_read_without_notes_and_preface(tmp_path):
    def book(name: str) -> bytes:
        head = f'<milestone n="{{}}" type="x-usfm-h"/><div sID="p" type="x-p"/>{SENTENCE}<div eID="p" type="x-p"/>'
        told = SENTENCE.replace("river", '<w lemma="strong:H1">river</w><note placement="foot">a stream</note>')
        return zlib.compress((head.format("Preface") + head.format(name).replace(SENTENCE, told)).encode())

    packed, places = b"", b""
    for one in (b"", book("Ruth"), book("Romans")):
        places += struct.pack("<III", len(packed), len(one), 0)
        packed += one
    (tmp_path / "ot.bzz").write_bytes(packed)
    (tmp_path / "ot.bzs").write_bytes(places)
    assert list(texts.sword([tmp_path / "ot.bzs"])) == [("Ruth", [SENTENCE.strip()])]


def test_a_clear_source_leaves_out_what_the_questions_by_people_stand_on(tmp_path):
    asked = "Ada Pell of Corvale built the first bridge over the Arle in 1872."
    (tmp_path / "lost_in_the_middle" / "qa_data").mkdir(parents=True)
    (tmp_path / "musique100").mkdir()
    row = {"question": "Who?", "answers": ["Ada Pell"], "ctxs": [{"text": f"{asked} It fell.", "isgold": True}]}
    with gzip.open(tmp_path / held_people.NQ, "wt", encoding="utf-8") as lines:
        lines.write(json.dumps(row) + "\n")
    (tmp_path / held_people.MUSIQUE).write_text("[]", encoding="utf-8")
    (tmp_path / "a.txt").write_text(f"{SENTENCE * 3}\n\n{asked} {SENTENCE}", encoding="utf-8")
    given = source(["a.txt"])
    assert asked in next(texts.documents(tmp_path, tmp_path, [given])).text
    assert asked not in next(texts.documents(tmp_path, tmp_path, [replace(given, clear=True)])).text


def test_two_sources_of_the_same_articles_hold_out_the_same_titles(tmp_path):
    found = toy_books(tmp_path / "toy", 40)
    assert 0 < sum(one.held for one in found) < len(found)
    other = replace(source(["*.txt"]), name="other", held_with="toy")
    again = list(texts.documents(tmp_path / "toy", tmp_path / "toy", [other]))
    assert {(one.title, one.held) for one in again} == {(one.title, one.held) for one in found}
    assert {one.source for one in again} == {"other"}


def test_of_a_source_archive_only_what_is_named_is_unpacked(tmp_path, monkeypatch):
    with tarfile.open(tmp_path / "toy-1.0.tar.gz", "w:gz") as archive:
        for name in ("toy-1.0/tests/data.json", "toy-1.0/setup.py"):
            member = tarfile.TarInfo(name)
            member.size = 2
            archive.addfile(member, io.BytesIO(b"{}"))
    monkeypatch.setattr(sources_file, "_run", lambda command, folder: None)
    given = replace(source(["tests/data.json"]), origin="pypi-source", version="1.0")
    assert sources_file.fetch_one(tmp_path, given)["file"] == "toy-1.0.tar.gz"
    assert [str(one.relative_to(tmp_path / "toy")) for one in (tmp_path / "toy").rglob("*.*")] == ["tests/data.json"]


def test_redirects_and_lists_of_senses_are_no_articles():
    assert clean.wiki_paragraphs("#REDIRECT [[Arle]]") == []
    assert clean.wiki_paragraphs(f"'''Arle''' may refer to:\n{SENTENCE * 3}") == []


def test_html_keeps_paragraphs_and_drops_menus_and_code():
    page = f"""<html><head><title>x</title><script>var a;</script></head><body><nav><p>{SENTENCE}</p></nav>
<h1>The Arle¶</h1><p>{SENTENCE}<code>arle()</code> is its <b>name</b> in the code of the program.</p>
<pre>{SENTENCE}</pre><table><tr><td><p>{SENTENCE}</p></td></tr></table></body></html>"""
    assert clean.html_page(page) == ("The Arle", [f"{SENTENCE}arle() is its name in the code of the program."])


def test_a_dictionary_entry_becomes_sentences_about_its_headword():
    text = """Arle Protocol
ARP

   <networking> (AP) A {protocol} by which the bridges on the river
   tell one another that a ship is in sight.

   It was written by Ada Pell in 1987, when she was at the works of
   Corvale, and it is still in use.

   {(http://arle.example/)}.

   (1998-03-10)

bridge

   {span}
"""
    assert list(clean.dictionary_entries(text, 3)) == [
        (
            "Arle Protocol (AP)",
            [
                "Arle Protocol (AP) is a protocol by which the bridges on the river tell one another that a ship is "
                "in sight.",
                "It was written by Ada Pell in 1987, when she was at the works of Corvale, and it is still in use.",
            ],
        )
    ]


def test_named_senses_take_the_first_sense_of_names_once():
    text = """Arle
    n 1: a river in the north of Tamber that flows into the sea [syn:
         {Arle}, {Arle River}]
    2: the county around it and all of its towns and villages
Arle River
    n 1: a river in the north of Tamber that flows into the sea [syn:
         {Arle}, {Arle River}]
bridge
    n 1: a structure that allows people or vehicles to cross a river
"""
    assert list(clean.named_senses(text)) == [("Arle", "Arle: a river in the north of Tamber that flows into the sea.")]


def test_prose_is_told_from_tables_code_and_fragments():
    assert clean.is_prose(SENTENCE.strip())
    assert not clean.is_prose(SENTENCE.strip() + " and then it")
    assert not clean.is_prose("12.5 | 13.7 | 88.1 | 0.25 | 17 | 33.3 | 99.2 | 1.5 | 4.4 | 7.0 | 9.")
    assert not clean.is_prose("Der Fluss Arle entspringt im Hügelland von Tamber und mündet nach langem Lauf ins Meer.")


def test_long_paragraphs_are_cut_between_sentences_and_nothing_is_lost():
    paragraph = (SENTENCE * 60).strip()
    pieces = clean.split_long(paragraph)
    assert " ".join(pieces) == paragraph
    assert all(piece.endswith("sea.") and len(piece) <= 1.3 * clean.LONGEST_PARAGRAPH for piece in pieces)


def test_documents_are_cut_below_the_limit_and_no_paragraph_comes_twice(tmp_path):
    found = toy_books(tmp_path / "toy")
    paragraphs = [one for document in found for one in document.paragraphs]
    assert len(paragraphs) == len(set(paragraphs))
    assert all(texts.SHORTEST <= len(one.text) <= texts.LONGEST + 2 * clean.LONGEST_PARAGRAPH for one in found)
    assert len({one.id for one in found}) == len(found)
    (tmp_path / "toy" / "copy.txt").write_bytes((tmp_path / "toy" / "book0.txt").read_bytes())
    again = list(texts.documents(tmp_path / "toy", tmp_path / "toy", [source(["*.txt"])]))
    assert sum(len(one.text) for one in again) == sum(len(one.text) for one in found)


def test_all_parts_of_a_book_are_held_out_together_and_one_title_in_twenty_is(tmp_path):
    held: dict[str, set[bool]] = {}
    for one in toy_books(tmp_path / "toy", 12):
        held.setdefault(one.title, set()).add(one.held)
    assert all(len(values) == 1 for values in held.values())
    share = sum(texts.is_held("toy", f"title {i}") for i in range(4000)) / 4000
    assert share == pytest.approx(1 / texts.HELD_ONE_IN, abs=0.015)


def test_the_same_documents_are_the_same_bytes_in_every_process(tmp_path):
    found = toy_books(tmp_path / "toy")
    texts.write(tmp_path / "a.jsonl.gz", iter(found))
    assert texts.load(tmp_path / "a.jsonl.gz") == found
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, 'tests/reader'); import test_texts as t; "
        "p = Path(sys.argv[1]); t.texts.write(p / 'b.jsonl.gz', iter(t.toy_books(p / 'toy')))"
    )
    root = Path(texts.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, check=True, env={"PYTHONPATH": str(root)})
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_a_source_stops_at_its_share(tmp_path):
    toy_books(tmp_path / "toy")
    found = list(texts.documents(tmp_path / "toy", tmp_path / "toy", [source(["*.txt"], most=30_000)]))
    assert 30_000 <= sum(len(one.text) for one in found) < 30_000 + texts.LONGEST + 2 * clean.LONGEST_PARAGRAPH


def test_paragraphs_that_questions_stand_on_are_not_read(tmp_path):
    def paragraph(title: str, supporting: bool) -> dict[str, object]:
        return {"title": title, "paragraph_text": f"{title}. {SENTENCE}", "is_supporting": supporting}

    rows = [
        {"question": "Who?", "answer": "Pell", "paragraphs": [paragraph("Arle", True), paragraph("Tamber", False)]},
        {"question": "When?", "answer": "1872", "paragraphs": [paragraph("Corvale", False), paragraph("Arle", False)]},
    ]
    (tmp_path / "m.json").write_text(json.dumps(rows), encoding="utf-8")
    assert [title for title, _ in texts.musique([tmp_path / "m.json"])] == ["Tamber", "Corvale"]


def test_missing_packages_and_files_are_a_users_mistake(tmp_path):
    with pytest.raises(UserError, match=r"no files of the source toy"):
        list(texts.documents(tmp_path, tmp_path, [source(["*.txt"])]))
    with pytest.raises(UserError, match="no text file"):
        texts.load(tmp_path / "none.jsonl.gz")
