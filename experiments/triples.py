"""The facts of a data set's documents as triples, stated by any reader, and their file: `graph_ppr` builds on it.

One call for each passage, remembered like every other call, so that a stopped extraction goes on and a repeated one
costs nothing. It knows neither how triples are asked for (`pipeline/routes/triples.py`), nor how they are read from an
answer, nor what a graph makes of them (`retrievers/triples.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from experiments.catalog_data import load_data
from experiments.catalog_readers import build_readers
from experiments.catalog_retrieval import build_chunks
from experiments.config import AnyStudy, Study, build, folder_setting
from experiments.output import Writer
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Question
from pipeline.core.run import Watcher
from pipeline.core.stage import Stage
from pipeline.core.store import Store
from pipeline.generators.base import Generator, Sampling
from pipeline.reading import Job, read
from pipeline.routes.base import Case
from pipeline.routes.inner import usable
from pipeline.routes.triples import ExtractTriples
from retrievers.triples import Stated, format_triples, parse_triples

if TYPE_CHECKING:
    from rich.console import Console

ROUTE = "triples"
_SHOWN = 10  # lines about single passages on the screen


@dataclass(frozen=True)
class Extraction:
    """What came of an extraction.

    stated: what each passage states; passages whose call failed are not in it. warnings, failed: passages whose answer
    could not be read, was cut off, or did not come, a line each. again: whether any failure is worth another try.
    calls: keys of the calls it stands on. made: how many of them were made now.
    """

    stated: Stated
    passages: int
    warnings: Sequence[str]
    failed: Sequence[str]
    again: bool
    calls: frozenset[str]
    made: int

    @property
    def lines(self) -> str:
        """The file's text; the same for the same answers."""
        return format_triples(self.stated)


def extract_triples(
    dataset: Dataset,
    chunker: Stage,
    reader: Generator,
    store: Store,
    route: ExtractTriples,
    *,
    watcher: Watcher | None = None,
) -> Extraction:
    """Ask the reader for the triples of every passage of every document that has a text.

    Raises UserError where there is no passage, where the reader cannot be asked, and where none of its answers can be
    read: an extraction without triples would pass for documents without facts.
    """
    if not reader.serves(ROUTE):
        raise UserError(
            f"the reader {reader.label!r} only replays recorded answers, none of which states triples",
            where="readers.0",
            remedy="Name a reader that can be asked",
        )
    documents = [d for d in dataset.documents.values() if d.text is not None]
    cut = zip(documents, chunker.run([(d,) for d in documents]), strict=True)
    passages = [(d, passage) for d, chunks in cut for passage in chunks]
    if not passages:
        raise UserError(f"{len(dataset.documents)} documents without a text to read", where="data")
    places = [f"{p.doc}:{p.start}-{p.end}" for _, p in passages]
    jobs = [
        Job(ROUTE, route, Case(Question(place, "", context=(d.id,)), (d,), {"passage": p}, reader))
        for place, (d, p) in zip(places, passages, strict=True)
    ]
    transcripts, calls = read(jobs, store, watcher=watcher)

    stated: Stated = {}
    warnings, failed, unread = [], [], 0
    for i, (place, (_, passage), transcript) in enumerate(zip(places, passages, transcripts, strict=True)):
        (done,) = transcript.completions
        if not usable(done):
            failed.append(f"{place}: {done.error or done.finish}")
            continue
        try:
            found = parse_triples(done.text, i)
        except UserError as error:
            found, unread = (), unread + 1
            warnings.append(f"{place}: {error.what}")
        if done.status != "ok":
            warnings.append(f"{place}: the answer was cut off; what it states up to there is kept")
        facts = stated.setdefault(passage.doc, {}).setdefault((passage.start, passage.end), [])
        facts += [(t["subject"], t["relation"], t["object"]) for t in found]
    if unread and unread == len(passages) - len(failed):
        raise UserError(
            f"none of {unread} answers holds triples; the first is that of {warnings[0]}",
            where=f"reader {reader.label!r}",
            remedy="Name a reader that follows instructions",
        )
    again = any(not t.completions[0].final for t in transcripts)
    made = sum(sum(t.made) for t in transcripts)
    return Extraction(stated, len(passages), warnings, failed, again, frozenset(calls), made)


def extract_study(
    study: AnyStudy, out: Path, chunk: str, tokens: int | None = None, *, watcher: Watcher | None = None
) -> tuple[Extraction, Path]:
    """Extract with a study's first reader from its data, and write the file. Returns the extraction and the file.

    chunk: the chunker as a study writes it. tokens: length of one passage's list. The file is written whole or not at
    all; an extraction that misses passages goes to `<out>.incomplete`, and `out` stays as it was. Raises UserError,
    before anything is asked where `out` cannot be written.
    """
    if not isinstance(study, Study):
        raise UserError("this study asks no reader of its own", where=study.name, remedy="Name a study with `readers`")
    try:
        component = yaml.safe_load(chunk)
    except yaml.YAMLError:
        raise UserError(
            f"{chunk!r} is not valid YAML", where="--chunk", remedy="Write {type: words, size: 200}"
        ) from None
    chunker = build_chunks(component, "--chunk").stage
    given = {} if tokens is None else {"triple_tokens": tokens}
    sampling = build(Sampling, study.sampling, "sampling")
    route = build(ExtractTriples, {"sampling": sampling, **given}, "--tokens")
    with _writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    loaded = load_data(study.data)
    reader = build_readers(study, loaded)[0]
    incomplete = out.with_name(f"{out.name}.incomplete")
    try:
        with Store(folder_setting("LONGSHORT_STORE", ".longshort")) as store:
            done = extract_triples(loaded.dataset, chunker, reader, store, route, watcher=watcher)
            written = incomplete if done.failed else out
            with _writing(written):
                Writer(written.parent).text(written.name, done.lines)
                if not done.failed:
                    incomplete.unlink(missing_ok=True)
            store.mark_used(str(written.resolve()), done.calls)
    finally:
        reader.close()
    return done, written


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        remedy = "Name a file in a folder you own"
        raise UserError(f"cannot write the triples: {e.strerror}", where=str(path), remedy=remedy) from None


def print_extraction(done: Extraction, written: Path, console: Console) -> None:
    """What came of it, on the screen."""
    for colour, word, lines in (("yellow", "warning", done.warnings), ("red", "failed", done.failed)):
        for line in lines[:_SHOWN]:
            console.print(f"[{colour}]{word}[/]", end=" ")
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if len(lines) > _SHOWN:
            console.print(f"[{colour}]{word}[/] {len(lines) - _SHOWN} more", highlight=False)
    triples = sum(len(facts) for spans in done.stated.values() for facts in spans.values())
    told = f"{triples:,} triples of {done.passages - len(done.failed):,} passages ({done.made:,} calls made now)"
    console.print(told, highlight=False)
    if done.failed:
        tried = "the same command tries them again" if done.again else "asking again gives the same"
        console.print(
            f"[red]incomplete[/] {len(done.failed)} of {done.passages} passages failed; {tried}", highlight=False
        )
    console.print("triples:", end=" ")
    console.print(str(written), markup=False, highlight=False, soft_wrap=True)
