"""Judging compressors before any reader answers: what of the gold evidence stays, and what the rest looks like.

Contexts are cut out of long documents around the evidence, so that every method is given the same number of tokens and
the evidence stands anywhere in them. Each method is measured at each ratio on the same contexts. It builds no method
and no model: stages and a function that gives log-likelihoods are handed in.
"""

from __future__ import annotations

import csv
import hashlib
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compressors.stage import Compress
from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Compression, Dataset, Question, Span
from pipeline.core.tokens import Tokenizer, tokenizer_named
from pipeline.score.evidence import evidence_coverage, span_recall
from retrievers.analyze import analyzer

if TYPE_CHECKING:
    from rich.console import Console

RATIOS = (2.0, 4.0, 8.0, 16.0)
DRAWS = 2000
SEED = 20_240_229

MeanNLL = Callable[[Sequence[str]], Sequence[float]]
"""Texts -> nats per token of each, under a causal model."""


@dataclass(frozen=True)
class Item:
    """One question, the context that is compressed for it, and the gold spans that lie in it.

    cluster: what intervals are clustered by. lost: gold spans that the cut left out.
    """

    question: str
    context: Chunk
    gold: tuple[Span, ...]
    cluster: str
    lost: int = 0


@dataclass(frozen=True)
class Measured:
    """What a compressor made of one item. None: not defined for it, or not measured.

    characters: share of the gold characters that stay. spans: share of the gold spans that stay whole.
    density: the gold's share of what stays / its share of the context. words: share of the question's words, of those
    that the context holds, that stay. reached: tokens given for each that stays. nll: nats per token of what stays less
    those of the context. seconds: of compressing, per 1,000 tokens given. read: tokens that models read for each given.
    """

    method: str
    ratio: float
    cluster: str
    characters: float | None
    spans: float | None
    density: float | None
    words: float | None
    reached: float
    nll: float | None
    seconds: float
    read: float


MEASURES = tuple(f.name for f in fields(Measured) if f.name not in ("method", "ratio", "cluster"))


@dataclass(frozen=True)
class Cell:
    """The mean of one measure for one method at one ratio, its 95 % interval, and over how many items."""

    mean: float
    low: float
    high: float
    n: int


def contexts_around(
    dataset: Dataset, tokens: int = 8000, tokenizer: str = "words", limit: int | None = None
) -> list[Item]:
    """A context of `tokens` tokens around the evidence of each question that names some in one document.

    Where the evidence stands in it is drawn uniformly, by the question's id. Evidence that is spread wider than the
    context holds is kept from its first span on, as many spans as fit whole. limit: so many questions, evenly spread.
    """
    named = tokenizer_named(tokenizer)
    asked = [q for q in dataset.questions if q.evidence and len({s.doc for s in q.evidence}) == 1]
    if limit is not None and limit < len(asked):
        asked = [asked[i * len(asked) // limit] for i in range(limit)]
    ends: dict[str, tuple[list[int], list[int]]] = {}
    return [item for q in asked if (item := _context(q, dataset, tokens, named, ends)) is not None]


def _context(
    question: Question, dataset: Dataset, size: int, tokenizer: Tokenizer, known: dict[str, tuple[list[int], list[int]]]
) -> Item | None:
    name = question.evidence[0].doc
    document = dataset.documents[name]
    text = document.text or ""
    if name not in known:
        spans = tokenizer.spans(text)
        known[name] = ([a for a, _ in spans], [b for _, b in spans])
    starts, ends = known[name]
    gold = sorted((t for s in question.evidence if (t := _trimmed(s, text))), key=lambda s: (s.start, s.end))
    if not gold:
        return None
    first = max(0, bisect_right(starts, gold[0].start) - 1)
    inside = [s for s in gold if bisect_left(ends, s.end) < first + size]
    if not inside:
        return None
    last = max(bisect_left(ends, s.end) for s in inside) + 1
    draw = int(hashlib.sha256(question.id.encode()).hexdigest(), 16) / 16**64
    begin = first - int(draw * (size - (last - first) + 1))
    begin = max(0, min(begin, len(starts) - size))
    stop = min(len(starts), begin + size)
    start, end = min(starts[begin], inside[0].start), max(ends[stop - 1], inside[-1].end)
    context = Chunk(name, start, end, text[start:end], document.title)
    return Item(question.text, context, tuple(inside), question.cluster or name, len(gold) - len(inside))


def _trimmed(span: Span, text: str) -> Span | None:
    """A gold span without white space around it, which no method owes anyone."""
    body = text[span.start : span.end]
    start = span.start + len(body) - len(body.lstrip())
    return Span(span.doc, start, start + len(body.strip())) if body.strip() else None


def judged(
    stages: Mapping[str, Compress],
    items: Sequence[Item],
    ratios: Sequence[float] = RATIOS,
    mean_nll: MeanNLL | None = None,
    nll_items: int = 20,
) -> Iterator[Measured]:
    """Every method at every ratio on every item, method by method.

    mean_nll: what perplexity is taken by, on the first `nll_items` of evenly spread items, since it costs more than
    most methods.
    """
    every = max(1, len(items) // max(1, nll_items))
    before: dict[int, float] = {}
    if mean_nll is not None:
        chosen = list(range(0, len(items), every))[:nll_items]
        before = dict(zip(chosen, mean_nll([items[i].context.text for i in chosen]), strict=True))
    for name, stage in stages.items():
        for ratio in ratios:
            at = replace(stage, ratio=ratio, budget=None)
            for first in range(0, len(items), Compress.batch):
                batch = items[first : first + Compress.batch]
                begun = time.perf_counter()
                made = list(at.run([(item.context,) for item in batch], [item.question for item in batch]))
                seconds = time.perf_counter() - begun
                per = 1000 * seconds / max(1, sum(found.tokens for found in made))
                told = [i for i in range(first, first + len(batch)) if i in before]
                after = (
                    dict(zip(told, mean_nll([_shown(made[i - first]) for i in told]), strict=True)) if mean_nll else {}
                )
                for i, (item, found) in enumerate(zip(batch, made, strict=True), start=first):
                    nll = after[i] - before[i] if i in after else None
                    yield _measured(name, ratio, item, found, per, nll)


def _shown(found: Compression) -> str:
    return "\n".join(excerpt.text for excerpt in found.excerpts)


def _measured(name: str, ratio: float, item: Item, found: Compression, seconds: float, nll: float | None) -> Measured:
    spans = [span for excerpt in found.excerpts for span in excerpt.spans]
    written = [excerpt for excerpt in found.excerpts if not excerpt.spans]  # a text written anew stands nowhere
    whole = None if written else evidence_coverage(spans, item.gold)
    characters = None if written else span_recall(spans, item.gold)
    given, stays = item.context.end - item.context.start, sum(s.end - s.start for s in spans)
    density = characters * given / stays if characters is not None and stays else None
    words = analyzer(stopwords="en")
    asked = set(words(item.question)) & set(words(item.context.text))
    kept = asked & set(words(_shown(found)))
    return Measured(
        name, ratio, item.cluster, characters, whole, density, len(kept) / len(asked) if asked else None,
        found.tokens / max(1, found.kept), nll, seconds, found.read / max(1, found.tokens),
    )  # fmt: skip


def bootstrap(values: Sequence[float], clusters: Sequence[Hashable], draws: int = DRAWS, seed: int = SEED) -> Cell:
    """The mean of n values and its 95 % interval: percentiles over `draws` samples of whole clusters with replacement.

    Efron and Tibshirani, 1993, chapter 13; a cluster brings all its values. Of one cluster, the interval is the mean.
    Of few clusters (the five texts of chunking_evaluation, say) such an interval is too narrow.
    """
    if not values:
        raise ValueError("a mean over nothing")
    names = {c: i for i, c in enumerate(dict.fromkeys(clusters))}
    group = np.array([names[c] for c in clusters])
    sums: NDArray[np.float64] = np.bincount(group, weights=np.asarray(values, dtype=np.float64))
    sizes = np.bincount(group)
    drawn = np.random.default_rng(seed).integers(0, len(names), size=(draws, len(names)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Cell(float(np.mean(np.asarray(values, dtype=np.float64))), float(low), float(high), len(values))


def summary(rows: Sequence[Measured]) -> dict[tuple[str, float, str], Cell]:
    """(method, ratio, measure) -> its cell; measures that no item defines are left out."""
    groups: dict[tuple[str, float], list[Measured]] = {}
    for row in rows:
        groups.setdefault((row.method, row.ratio), []).append(row)
    found = {}
    for (method, ratio), members in groups.items():
        for measure in MEASURES:
            known = [(getattr(m, measure), m.cluster) for m in members if getattr(m, measure) is not None]
            if known:
                found[method, ratio, measure] = bootstrap([v for v, _ in known], [c for _, c in known])
    return found


def write_csv(cells: Mapping[tuple[str, float, str], Cell], file: Path) -> None:
    """One row per method, ratio and measure."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(("method", "ratio", "measure", "mean", "ci_low", "ci_high", "n"))
            for (method, ratio, measure), cell in cells.items():
                numbers = (f"{x:.6g}" for x in (cell.mean, cell.low, cell.high))
                writer.writerow((method, f"{ratio:g}", measure, *numbers, cell.n))
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(file), remedy="Name another folder") from None


def print_compression(cells: Mapping[tuple[str, float, str], Cell], console: Console) -> None:
    """A table per ratio: methods by the share of the gold characters that stay."""
    for ratio in dict.fromkeys(ratio for _, ratio, _ in cells):
        console.print(_table(cells, ratio))
    console.print(
        "gold, whole: characters and whole spans of the evidence that stay, in percent, with 95 % intervals (bootstrap "
        "over documents). density: against the context's. words: of the question, in percent. reached: tokens "
        "given for each that stays. nats: per token, against the context. ms: per 1,000 tokens. read: by models, "
        "per token.",
        style="dim",
        highlight=False,
    )


def _table(cells: Mapping[tuple[str, float, str], Cell], ratio: float) -> Any:
    from rich import box
    from rich.table import Table

    def key(method: str) -> float:
        found = cells.get((method, ratio, "characters"))
        return -1.0 if found is None else found.mean

    methods = sorted(dict.fromkeys(m for m, r, _ in cells if r == ratio), key=key, reverse=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim", title_justify="left")
    table.title = f"{ratio:g}× asked for, {max(cells[m, ratio, 'reached'].n for m in methods)} questions"
    table.add_column("method", min_width=12, overflow="fold")
    for head in ("gold", "95 %", "whole", "95 %", "density", "words", "reached", "nats", "ms", "read"):
        table.add_column(head, justify="right")
    for method in methods:
        at = {measure: cells.get((method, ratio, measure)) for measure in MEASURES}
        table.add_row(
            method, _number(at["characters"], 100), _interval(at["characters"]), _number(at["spans"], 100),
            _interval(at["spans"]), _number(at["density"], 1, 2), _number(at["words"], 100),
            _number(at["reached"], 1, 2), _number(at["nll"], 1, 2), _number(at["seconds"], 1000),
            _number(at["read"], 1, 2),
        )  # fmt: skip
    return table


def _number(cell: Cell | None, scale: float, digits: int = 1) -> str:
    return "–" if cell is None else f"{scale * cell.mean:.{digits}f}"


def _interval(cell: Cell | None) -> str:
    return "" if cell is None else f"{100 * cell.low:.0f}–{100 * cell.high:.0f}"
