"""Retrieved text against gold evidence, both as character spans of documents.

Because labels are characters and not chunk ids, chunkers of any size are scored against the same labels. It knows
nothing of chunks, rankings or answers. Spans are half-open; text covered by two spans of one list counts once.

Every measure is None where there is no gold evidence: there is nothing to find, and 0 or 1 would bias a mean. An empty
gold span is a ValueError, since it claims evidence and points at none. Retrieving nothing, with gold evidence there to
be found, scores 0 everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import pstdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core.records import Span

Stretches = dict[str, list[tuple[int, int]]]  # document id -> disjoint stretches, in order


def span_recall(retrieved: Iterable[Span], gold: Sequence[Span]) -> float | None:
    """Characters of gold that were retrieved / characters of gold."""
    wanted, got = _gold_union(gold), _union(retrieved)
    return _common(wanted, got) / _size(wanted) if wanted else None


def span_precision(retrieved: Iterable[Span], gold: Sequence[Span]) -> float | None:
    """Characters of gold that were retrieved / characters retrieved; 0 where nothing was retrieved."""
    wanted, got = _gold_union(gold), _union(retrieved)
    if not wanted:
        return None
    return _common(wanted, got) / _size(got) if got else 0.0


def span_iou(retrieved: Iterable[Span], gold: Sequence[Span]) -> float | None:
    """Characters in both / characters in either (Jaccard index)."""
    wanted, got = _gold_union(gold), _union(retrieved)
    if not wanted:
        return None
    common = _common(wanted, got)
    return common / (_size(wanted) + _size(got) - common)


def evidence_found(retrieved: Iterable[Span], gold: Sequence[Span], share: float = 1.0) -> bool | None:
    """Whether at least `share` (0 < share <= 1) of the characters of every single gold span was retrieved."""
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    if not _gold_union(gold):
        return None
    got = _union(retrieved)
    return all(_found(span, got, share) for span in gold)


def evidence_coverage(retrieved: Iterable[Span], gold: Sequence[Span], share: float = 1.0) -> float | None:
    """Gold spans of which at least `share` (0 < share <= 1) of the characters was retrieved / gold spans.

    The coverage of CRUX (Ju et al., 2025, "Controlled Retrieval-augmented Context Evaluation for Long-form RAG"), with
    a gold span in place of a sub-question and `share` in place of the grade from which one counts as answered.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    if not _gold_union(gold):
        return None
    got = _union(retrieved)
    return sum(_found(span, got, share) for span in gold) / len(gold)


def evidence_density(retrieved: Sequence[Span], gold: Sequence[Span], share: float = 1.0) -> float | None:
    """Coverage per character read, relative to the gold spans read alone; 1 for these, 0 where nothing is covered.

    The density of CRUX. A character that is retrieved twice is read twice: repeating a passage lowers the density.
    """
    coverage = evidence_coverage(retrieved, gold, share)
    if coverage is None:
        return None
    read = sum(span.end - span.start for span in retrieved)
    return coverage * _size(_gold_union(gold)) / read if read else 0.0


def position_spread(retrieved: Sequence[Span], lengths: Mapping[str, int]) -> float | None:
    """Standard deviation of the middles of the retrieved spans, as a share of all documents laid end to end.

    lengths: characters by document, in reading order. 0: all in one place; 0.289: evenly spread; 0.5: half at either
    end. None where nothing was retrieved.
    """
    total, starts = 0, {}
    for doc, length in lengths.items():
        starts[doc] = total
        total += length
    middles = [(starts[s.doc] + (s.start + s.end) / 2) / total for s in retrieved]
    return pstdev(middles) if middles else None


def evidence_position(gold: Sequence[Span], document_length: int) -> float | None:
    """Middle between the first and the last gold character, as a share of the document: 0 at its start, 1 at its end.

    With evidence in several places the middle may hold none of it; `evidence_spread` tells.
    """
    hull = _hull(gold, document_length)
    return (hull[0] + hull[1]) / 2 / document_length if hull else None


def evidence_spread(gold: Sequence[Span], document_length: int) -> float | None:
    """Distance from the first to the last gold character, as a share of the document, in (0, 1]."""
    hull = _hull(gold, document_length)
    return (hull[1] - hull[0]) / document_length if hull else None


def _hull(gold: Sequence[Span], document_length: int) -> tuple[int, int] | None:
    wanted = _gold_union(gold)
    if not wanted:
        return None
    if len(wanted) > 1:
        raise ValueError(f"position needs gold spans of one document, got {sorted(wanted)}")
    (stretches,) = wanted.values()
    first, last = stretches[0][0], stretches[-1][1]
    if last > document_length:
        raise ValueError(f"gold span ends at {last}, past the document's {document_length} characters")
    return first, last


def _gold_union(gold: Sequence[Span]) -> Stretches:
    for span in gold:
        if span.start == span.end:
            raise ValueError(f"empty gold span at {span.start} of {span.doc!r}")
    return _union(gold)


def _found(span: Span, got: Stretches, share: float) -> bool:
    # 1e-9 of a character: 0.55 * 100 is 55.00000000000001 in floating point, and 55 of 100 characters are 55 %.
    return _common(_union([span]), got) >= share * (span.end - span.start) - 1e-9


def _union(spans: Iterable[Span]) -> Stretches:
    merged: Stretches = {}
    for span in sorted(spans, key=lambda s: (s.doc, s.start)):
        if span.start == span.end:
            continue
        stretches = merged.setdefault(span.doc, [])
        if stretches and span.start <= stretches[-1][1]:
            start, end = stretches[-1]
            stretches[-1] = (start, max(end, span.end))
        else:
            stretches.append((span.start, span.end))
    return merged


def _size(spans: Stretches) -> int:
    return sum(end - start for stretches in spans.values() for start, end in stretches)


def _common(a: Stretches, b: Stretches) -> int:
    """Characters in both unions; the two lists of a document are walked side by side."""
    total = 0
    for doc in a.keys() & b.keys():
        i = j = 0
        while i < len(a[doc]) and j < len(b[doc]):
            (a0, a1), (b0, b1) = a[doc][i], b[doc][j]
            total += max(0, min(a1, b1) - max(a0, b0))
            if a1 <= b1:
                i += 1
            else:
                j += 1
    return total
