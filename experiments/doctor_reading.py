"""What is read less of than it seems: passages longer than their encoder, documents longer than their reader's window.

It takes the last run's record where that is of the same settings, code and data, and counts for itself elsewhere. No
model is loaded: sizes come from tokenizers and configuration files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.doctor_subject import Said, Subject, examples, part
from pipeline.core.errors import UserError
from pipeline.core.records import Document, Question
from pipeline.core.stage import Documents, Node
from pipeline.core.tokens import MINILM, minilm_folder, tokenizer_named
from pipeline.generators.base import Generator
from pipeline.routes.base import Case, Route, document_parts, fit
from pipeline.routes.long_context import LongContext
from pipeline.routes.self_route import SelfRoute
from pipeline.score.evidence import evidence_found
from retrievers.encode import EncodeChunks

_LOOKED_AT = 4_000_000  # characters that are counted in tokens at most; beyond, every n-th question stands for all
_SPECIAL = 2  # tokens that an encoder adds around a text
_SAMPLE = 20_000  # characters of a document that are cut into chunks to see how long they get
_SAMPLED = 20  # documents

# -- encoders -----------------------------------------------------------------------------------------------------


def encoders(subject: Subject) -> Iterator[Said]:
    """Passages that their encoder reads only in part.

    MiniLM stops after 256 tokens and does not say so: of a chunk of 300 words it embeds about two thirds, and what
    stands in the rest is never found. The share that is read is stored with the vectors.
    """
    nodes = [n for n in subject.nodes if isinstance(n.stage, EncodeChunks)]
    for node in nodes:
        stored = [share for _, value in subject.stored(node) for share in value["read_share"].tolist()]
        source, shares = ("", stored) if stored else (" (counted on a sample)", _sampled(subject, node))
        if shares is None:
            yield "ok", "not applicable: no vectors are stored yet, and the encoder's files are not at hand"
            continue
        cut = [s for s in shares if s < 1]
        told = f"{part(len(cut), len(shares), 'chunks')} are longer than the encoder reads{source}"
        if not cut:
            yield "ok", told
            continue
        mean = 100 * sum(cut) / len(cut)
        remedy = "cut smaller chunks, or take an encoder that reads more"
        yield "warning", f"{told}; of these it reads {mean:.0f} % on average: {remedy}"
    if not nodes:
        yield "ok", "not applicable: no route encodes passages"


def _sampled(subject: Subject, node: Node) -> list[float] | None:
    """Shares read of the chunks of some documents' first pages; None where they cannot be counted without the model."""
    model: Any = node.stage
    folder = minilm_folder() if model.model == MINILM else Path(model.model)
    window, chunks = _window(folder), node.inputs[0]
    if window is None or not isinstance(chunks.inputs[0].stage, Documents):
        return None
    tokenizer = tokenizer_named(model.model)
    readable = [d for d in subject.asked if d.text]
    step = max(1, len(readable) // _SAMPLED)
    sample = tuple(_head(d) for d in readable[::step])
    (cut,) = chunks.stage.run([sample])
    counts = [tokenizer.count((model.passage_prompt or "") + c.text) + _SPECIAL for c in cut]
    return [min(1.0, window / n) for n in counts]


def _head(document: Document) -> Document:
    """The first pages of a document."""
    sections = tuple(replace(s, end=min(s.end, _SAMPLE)) for s in document.sections if s.start < _SAMPLE)
    return replace(document, text=(document.text or "")[:_SAMPLE], sections=sections)


def _window(folder: Path) -> int | None:
    """Tokens that a sentence-transformers model in a folder reads."""
    if not (folder / "tokenizer.json").is_file():
        return None
    for name, key in (("sentence_bert_config.json", "max_seq_length"), ("config.json", "max_position_embeddings")):
        if (folder / name).is_file():
            found = json.loads((folder / name).read_text(encoding="utf-8")).get(key)
            if isinstance(found, int):
                return found
    return None


# -- readers ------------------------------------------------------------------------------------------------------


def windows(subject: Subject) -> Iterator[Said]:
    """Documents cut because the reader's window is too short, and gold evidence lost with what was cut.

    A cut in silence turns "the answer was not shown" into "long context fails". LongBench cuts the middle out of
    whatever does not fit; a score over such items says little without the number of items that were cut.
    """
    reading = {name: lc for name, r in subject.experiment.routes.items() if (lc := _whole(r)) is not None}
    if not reading:
        yield "ok", "not applicable: no route reads whole documents"
        return
    limited = [r for r in subject.experiment.readers if r.window is not None]
    if not limited:
        yield "ok", "not applicable: no reader states a window, so that nothing is cut"
        return
    for reader in limited:
        for name, route in reading.items():
            recorded = _recorded(subject, name, reader)
            try:
                cuts, counted, source = recorded or _counted(subject, route, reader)
            except UserError as e:
                yield "error", str(e)
                continue
            if not counted:
                yield "ok", f"not applicable: no question of {name} has the text of its documents at hand"
                continue
            told = f"{name}, {reader.label}: the documents of {part(len(cuts), counted, 'questions')} are cut{source}"
            if not cuts:
                yield "ok", told
                continue
            known = {q: kept for q, kept in cuts.items() if kept is not None}
            lost = [q for q, kept in known.items() if not kept]
            gold = f"; gold evidence is lost in {part(len(lost), len(known), 'that have some')}" if known else ""
            yield (
                "warning",
                f"{told}, {examples(lost or cuts)}{gold}; take a reader with a longer window, shorter documents, or "
                "report these questions apart",
            )


Cuts = tuple[dict[str, bool | None], int, str]
"""Per question that was cut, whether its gold evidence survived (None: it has none); questions counted; the source."""


def _whole(route: Route) -> LongContext | None:
    if isinstance(route, SelfRoute):
        return route.dear
    return route if isinstance(route, LongContext) else None


def _recorded(subject: Subject, name: str, reader: Generator) -> Cuts | None:
    run = subject.run
    if run is None or run.differs or not isinstance(subject.experiment.routes[name], LongContext):
        return None  # of a route with two calls, only the last one's cut is on record
    import polars as pl

    rows = run.answers.filter((pl.col("route") == name) & (pl.col("reader") == reader.label))
    if rows.is_empty():
        return None
    cut = rows.filter("truncated")
    return dict(cut.select("question", "gold_kept").iter_rows()), len(rows), " (in the last run)"


def _counted(subject: Subject, route: LongContext, reader: Generator) -> Cuts:
    chosen, step = _few(subject)
    cuts = {}
    for q in chosen:
        case = Case(q, subject.documents(q), {}, reader)
        parts, cut = fit(document_parts(case.documents), case, route.sampling, route.truncate, route.position)
        if cut.cut_at is not None:
            cuts[q.id] = evidence_found([p.span for p in parts if p.span and p.role == "document"], q.evidence)
    return cuts, len(chosen), f" (one question in {step} was counted)" if step > 1 else ""


def _few(subject: Subject) -> tuple[list[Question], int]:
    """All questions with text, or the first of every n, so that the text to be counted stays small; and n."""
    readable = []
    size = 0
    for q in subject.questions:
        texts = [d.text for d in subject.documents(q)]
        if texts and None not in texts:
            readable.append(q)
            size += sum(len(t or "") for t in texts)
    step = max(1, -(-size // _LOOKED_AT))
    return readable[::step], step
