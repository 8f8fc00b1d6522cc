"""CACM: 3,204 abstracts of the Communications of the ACM, 64 queries, relevance judgements for 52 of them.

Files, as Anserini ships them: `cacm.tar.gz` (one HTML page per abstract), `topics/topics.cacm.txt`,
`qrels/qrels.cacm.txt`. A collection for ranked retrieval: there are no answers, so it is no `Dataset`.
"""

from __future__ import annotations

import html
import io
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from experiments.data.base import data_root, read_bytes, read_text
from experiments.data.beir import read_qrels
from experiments.data.fields import claim
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document, Question, Span

_TAG = re.compile(r"</?(?:html|pre)>", re.IGNORECASE)
_TOPIC = re.compile(r"<DOC>\s*<DOCNO>([^<]*)</DOCNO>(.*?)</DOC>", re.DOTALL)


@dataclass(frozen=True)
class Collection:
    """Documents by id in order of id, queries by id, and qrels: query id -> {document id -> grade}."""

    documents: dict[str, Document]
    queries: dict[str, str]
    qrels: dict[str, dict[str, int]]


def load_cacm(folder: Path | None = None) -> Collection:
    """The collection. folder: by default `cacm` in the folder of data sets.

    A document's text is its whole page, with names, dates and the list of citations, as Anserini indexes it.
    Raises UserError for a file that is missing or broken, and for judgements of what is not there.
    """
    folder = folder or data_root() / "cacm"
    if not folder.is_dir():
        raise UserError("no such folder", where=str(folder), remedy="Give the folder that holds cacm.tar.gz")
    documents = _documents(folder / "cacm.tar.gz")
    topics = folder / "topics" / "topics.cacm.txt"
    judged = folder / "qrels" / "qrels.cacm.txt"
    queries = _queries(topics)
    # The judgements write CACM-46 where the archive has CACM-0046. Anserini's figures leave that as it is, so there 55
    # such judgements count as never found.
    qrels = {q: {_padded(d): grade for d, grade in grades.items()} for q, grades in read_qrels(judged).items()}
    for query, grades in qrels.items():
        unknown = next((d for d in grades if d not in documents), None)
        if query not in queries or unknown:
            what = f"document {unknown!r}" if query in queries else f"query {query!r}"
            raise UserError(f"{what} is judged, but there is none", where=str(judged), remedy="Fetch the files again")
    return Collection(documents, queries, qrels)


def cacm_questions(folder: Path | None = None) -> Dataset:
    """The judged queries as questions asked of the whole collection, each relevant document as evidence, whole."""
    collection = load_cacm(folder)
    questions = []
    for name, grades in collection.qrels.items():
        texts = {d: collection.documents[d].text or "" for d, grade in grades.items() if grade > 0}
        evidence = tuple(Span(d, 0, len(text)) for d, text in texts.items() if text)
        questions.append(Question(name, collection.queries[name], evidence=evidence))
    return Dataset("cacm", collection.documents, tuple(questions))


def _padded(name: str) -> str:
    prefix, dash, number = name.rpartition("-")
    return f"{prefix}{dash}{number:0>4}"


def _documents(file: Path) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(read_bytes(file)), mode="r:gz") as archive:
            for member in archive:
                page = archive.extractfile(member)
                if page is None or not member.name.endswith(".html"):
                    continue
                text = html.unescape(_TAG.sub("", page.read().decode("latin-1"))).strip()
                name = Path(member.name).stem
                documents[name] = Document(name, text, title=" ".join(text.split("\n\n", 1)[0].split()))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"the archive is broken ({error})", where=str(file), remedy="Fetch it again") from None
    if not documents:
        raise UserError("the archive holds no .html file", where=str(file), remedy="Fetch it again")
    return dict(sorted(documents.items()))


def _queries(file: Path) -> dict[str, str]:
    raw = read_text(file)
    queries: dict[str, str] = {}
    seen: dict[str, str] = {}
    matches = list(_TOPIC.finditer(raw))
    if raw.count("<DOC>") != len(matches) or not matches:
        unclosed = next((m.start() for m in re.finditer("<DOC>", raw) if not _TOPIC.match(raw, m.start())), 0)
        line = raw.count("\n", 0, unclosed) + 1
        raise UserError(
            "expected <DOC> <DOCNO> id </DOCNO> text </DOC>", where=f"{file}:{line}", remedy="Fetch it again"
        )
    for match in matches:
        where = f"{file}:{raw.count(chr(10), 0, match.start()) + 1}"
        name, text = match[1].strip(), " ".join(html.unescape(match[2]).split())
        claim(seen, name, where)
        if not name or not text:
            raise UserError("the query has no id or no text", where=where, remedy="Fetch the file again")
        queries[name] = text
    return queries
