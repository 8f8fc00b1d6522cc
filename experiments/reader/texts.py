"""The running text of the training mixture: read from fetched packages, cleaned, cut into documents, told apart.

`prepare` has it read the packages that `sources` fetched, and LONGSHORT_DATA, and write one JSON object a line: id,
title, text (paragraphs set apart by a blank line), source, kind, held. Training reads that file alone. One document in
20 is held out, by the digest of its title, so that all parts of a book go together. Documents gathered from short
entries are titled by their first words.

It does not know the questions that are asked about the text, nor tokens.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from experiments.reader import clean, held_people
from experiments.reader.sources import Source, home, sources
from pipeline.core.errors import UserError

HELD_ONE_IN = 20
LONGEST = 24_000  # characters of a document: about 6,000 tokens, so that a 16k window still holds several
SHORTEST = 150
TOGETHER = 12  # dictionary entries and short descriptions that make one document

Read = Iterator[tuple[str, list[str]]]  # (title, paragraphs)


@dataclass(frozen=True, slots=True)
class Document:
    """A piece of running text. held: kept for evaluation, never trained on."""

    id: str
    title: str
    text: str
    source: str
    kind: str
    held: bool

    @property
    def paragraphs(self) -> list[str]:
        """The text's paragraphs, in order."""
        return self.text.split("\n\n")


# --- reading ---------------------------------------------------------------------------------------------------------


def wiki_dump(files: list[Path]) -> Read:
    """Articles of a MediaWiki XML dump (bzip2)."""
    for title, markup in _wiki_pages(files):
        yield title, clean.wiki_paragraphs(markup)


def _wiki_pages(files: list[Path]) -> Iterator[tuple[str, str]]:
    """(title, markup) of the dump's pages."""
    for file in files:
        with bz2.open(file) as stream:
            title = ""
            for _, element in ElementTree.iterparse(stream):
                tag = element.tag.rsplit("}", 1)[-1]
                if tag == "title":
                    title = element.text or ""
                elif tag == "text":
                    yield title, element.text or ""
                elif tag == "page":
                    element.clear()


def wiki_asides(files: list[Path]) -> Read:
    """What `wiki_dump` leaves out of the same articles: list items and captions that are sentences."""
    for title, markup in _wiki_pages(files):
        yield title, clean.wiki_asides(markup)


def wiki_answers(files: list[Path]) -> Read:
    """Articles of the English Wikipedia in recorded answers of its API (JSON: site, then request): HTML or extracts."""
    calls = json.loads(files[0].read_text(encoding="utf-8"))["https://en.wikipedia.org/w/api.php"]
    for call in sorted(calls):
        pages = calls[call].get("query", {}).get("pages", {}) if isinstance(calls[call], dict) else {}
        for page in pages.values() if isinstance(pages, dict) else ():
            body = (page.get("revisions") or [{}])[0].get("*", "")
            if body.startswith("<div"):
                yield page["title"], clean.html_page(body)[1]
            elif "extract" in page and ":" not in page["title"]:
                yield page["title"], clean.extract_paragraphs(page["extract"])


NARRATIVES = frozenset(
    "Genesis|Exodus|Numbers|Joshua|Judges|Ruth|1 Samuel|2 Samuel|1 Kings|2 Kings|1 Chronicles|2 Chronicles|Ezra|"
    "Nehemiah|Esther|Daniel|Tobit|Judith|1 Maccabees|2 Maccabees|Matthew|Mark|Luke|John|Acts".split("|")
)


def sword(files: list[Path]) -> Read:
    """Narrative books of a SWORD text module: *.bzs says where each book's compressed block lies in the *.bzz."""
    for index in files:
        packed, places = index.with_suffix(".bzz").read_bytes(), index.read_bytes()
        for start, size, _ in struct.iter_unpack("<III", places[: len(places) // 12 * 12]):
            if size:
                book = zlib.decompress(packed[start : start + size]).decode("utf-8", "replace")
                name, paragraphs = clean.osis_book(book)
                if name in NARRATIVES:
                    yield name, paragraphs


def foldoc(files: list[Path]) -> Read:
    """Entries of the Free On-line Dictionary of Computing; what stands before the first entry is its licence."""
    text = gzip.decompress(files[0].read_bytes()).decode("utf-8", "replace")
    yield from clean.dictionary_entries(text, 3)


def jargon(files: list[Path]) -> Read:
    """Entries of the Jargon File, a few to a document: most are short."""
    text = gzip.decompress(files[0].read_bytes()).decode("utf-8", "replace")
    yield from _together(entry for _, entry in clean.dictionary_entries(text, 4))


def wordnet(files: list[Path]) -> Read:
    """What WordNet says of people, places and species, a few to a document, in the order of the alphabet."""
    text = gzip.decompress(files[0].read_bytes()).decode("utf-8", "replace")
    yield from _together([line] for _, line in clean.named_senses(text))


def nations(files: list[Path]) -> Read:
    """The legends of Freeciv's nations: one paragraph of history each."""
    legend = re.compile(r'^legend\s*=\s*_\("((?:[^"\\]|\\.)*)"\)', re.M | re.S)
    found = [legend.search(file.read_text(encoding="utf-8")) for file in files]
    texts = [clean.tidy(one[1].replace("\\\n", "").replace('\\"', '"').replace("\\n", " ")) for one in found if one]
    yield from _together([text] for text in texts if clean.is_prose(text))


def musique(files: list[Path]) -> Read:
    """Wikipedia paragraphs on which no question of the collection stands; questions and answers are not looked at."""
    shown = [one for row in json.loads(files[0].read_text(encoding="utf-8")) for one in row["paragraphs"]]
    needed = {one["title"] for one in shown if one["is_supporting"]}
    for one in shown:
        if one["title"] not in needed:
            yield one["title"], [text for text in [clean.tidy(one["paragraph_text"])] if clean.is_prose(text)]


def addresses(files: list[Path]) -> Read:
    """State of the Union addresses as JSON: year, name, text."""
    for file in files:
        row = json.loads(file.read_text(encoding="utf-8"))
        yield f"State of the Union, {row['name']}, {row['year']}", clean.plain_paragraphs(row["text"], 700)


def inaugural(files: list[Path]) -> Read:
    """Inaugural addresses, one plain text each, in a zip file."""
    with zipfile.ZipFile(files[0]) as packed:
        for name in sorted(packed.namelist()):
            if name.endswith(".txt"):
                year, _, president = Path(name).stem.partition("-")
                text = packed.read(name).decode("utf-8", "replace")
                yield f"Inaugural address, {president}, {year}", clean.plain_paragraphs(text)


def plain(files: list[Path]) -> Read:
    """Plain text, one book or chapter a file; the chapters of a book share its name."""
    for file in files:
        name = "Moby-Dick" if "moby-dick" in str(file) else file.stem
        yield name, clean.plain_paragraphs(file.read_text(encoding="utf-8", errors="replace"))


def pages(files: list[Path]) -> Read:
    """HTML pages, one document each."""
    for file in files:
        title, paragraphs = clean.html_page(file.read_text(encoding="utf-8", errors="replace"))
        yield title or file.stem, paragraphs


COLOURS = re.compile(r"</?color[^>]*>")


def game_texts(files: list[Path]) -> Read:
    """Descriptions, notes and newspaper articles in a game's JSON, a few to a document."""
    for file in files:
        texts = [clean.tidy(COLOURS.sub("", text)) for text in _texts_in(json.loads(file.read_bytes()))]
        yield from _together([text] for text in texts if clean.is_prose(text) and "<" not in text and "%" not in text)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _texts_in(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in ("text", "description", "str") and isinstance(one, str):
                yield one
            elif not isinstance(one, str):
                yield from _texts_in(one)
            elif key == "dynamic_line":
                yield one


def _together(entries: Iterator[list[str]] | Any) -> Read:
    """Short entries gathered into documents; the first words are the title, since none of them is about one thing."""
    gathered: list[str] = []
    n = 0
    for entry in entries:
        gathered += entry
        n += 1
        if n == TOGETHER:
            yield gathered[0][:40], gathered
            gathered, n = [], 0
    if gathered:
        yield gathered[0][:40], gathered


READERS: dict[str, Callable[[list[Path]], Read]] = {
    one.__name__: one
    for one in (
        wiki_dump, wiki_asides, wiki_answers, foldoc, jargon, wordnet, nations, musique, addresses, inaugural, plain,
        pages, game_texts, sword,
    )
}  # fmt: skip


# --- documents -------------------------------------------------------------------------------------------------------


def is_held(source: str, title: str) -> bool:
    """One title in 20, by digest: the same in every process and every order."""
    digest = hashlib.blake2b(f"{source}\n{title}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % HELD_ONE_IN == 0


def documents(folder: Path, data: Path, only: Sequence[Source] | None = None) -> Iterator[Document]:
    """Every document of every source, in a fixed order, without paragraphs that were seen before.

    folder: where `fetch` put the packages; data: LONGSHORT_DATA. Raises UserError where a source has no files.
    """
    seen: set[bytes] = set()
    for source in only if only is not None else sources():
        kept = n = 0
        read = READERS[source.read](_files(source, folder, data))
        for title, paragraphs in _clear(read, data) if source.clear else read:
            fresh = [one for one in paragraphs if _is_new(one, seen)]
            for text in cut(fresh):
                if source.most and kept >= source.most:
                    break
                name = f"{source.name}/{n:05d}"
                held = is_held(source.held_with or source.name, title)
                yield Document(name, title, text, source.name, source.kind, held)
                kept += len(text)
                n += 1


def _clear(read: Read, data: Path) -> Read:
    """What was read, without paragraphs that share text with a paragraph of the questions by people."""
    entries = list(read)
    asked = [one.paragraph for one in (*held_people.nq(data), *held_people.musique(data))]
    shared = held_people.shared_with(dict.fromkeys(text for _, texts in entries for text in texts), asked)
    for title, paragraphs in entries:
        yield title, [one for one in paragraphs if one not in shared]


def _files(source: Source, folder: Path, data: Path) -> list[Path]:
    root = data if source.origin == "data" else home(folder, source)
    found = sorted(file for glob in source.paths for file in root.glob(glob) if file.name not in source.leave_out)
    if not found:
        raise UserError(
            f"no files of the source {source.name} ({', '.join(source.paths)})",
            where=str(root),
            remedy="Run `python -m experiments.reader prepare`, or set LONGSHORT_DATA",
        )
    return found


def _is_new(paragraph: str, seen: set[bytes]) -> bool:
    bare = "".join(c for c in paragraph.lower() if c.isalnum())
    digest = hashlib.blake2b(bare.encode(), digest_size=8).digest()
    if digest in seen:
        return False
    seen.add(digest)
    return True


def cut(paragraphs: Sequence[str]) -> Iterator[str]:
    """Texts of at most LONGEST characters where paragraphs allow, none under SHORTEST: what is shorter is dropped."""
    part: list[str] = []
    size = 0
    for paragraph in paragraphs:
        if part and size + len(paragraph) > LONGEST:
            yield "\n\n".join(part)
            part, size = [], 0
        part.append(paragraph)
        size += len(paragraph) + 2
    if size >= SHORTEST:
        yield "\n\n".join(part)


def write(out: Path, found: Iterator[Document]) -> dict[str, dict[str, int]]:
    """Write the documents, the same bytes for the same documents; returns documents, characters, held by source."""
    counts: dict[str, dict[str, int]] = {}
    with out.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=9, mtime=0) as stream:
        for one in found:
            row = {key: getattr(one, key) for key in ("id", "title", "text", "source", "kind", "held")}
            stream.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
            count = counts.setdefault(one.source, {"documents": 0, "characters": 0, "held": 0})
            count["documents"] += 1
            count["characters"] += len(one.text)
            count["held"] += one.held
    return counts


def load(path: Path) -> list[Document]:
    """The documents of a written file. Raises UserError where there is none."""
    if not path.is_file():
        raise UserError("no text file", where=str(path), remedy="Write it with `python -m experiments.reader prepare`")
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [Document(**json.loads(line)) for line in stream]
