"""Evidence measures against sets of single characters, by hand, and where they are undefined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Span
from pipeline.score.evidence import (
    evidence_coverage,
    evidence_density,
    evidence_found,
    evidence_position,
    evidence_spread,
    position_spread,
    span_iou,
    span_precision,
    span_recall,
)


def characters(spans: list[Span]) -> set[tuple[str, int]]:
    return {(s.doc, i) for s in spans for i in range(s.start, s.end)}


def test_by_hand() -> None:
    gold = [Span("a", 10, 20), Span("b", 0, 10)]
    retrieved = [Span("a", 15, 35), Span("a", 18, 25), Span("c", 0, 10)]  # 20 + 10 characters, 5 of them gold
    assert span_recall(retrieved, gold) == 5 / 20
    assert span_precision(retrieved, gold) == 5 / 30
    assert span_iou(retrieved, gold) == 5 / 45


def test_overlapping_gold_counts_once() -> None:
    gold = [Span("a", 0, 10), Span("a", 5, 15), Span("a", 0, 10)]
    assert span_recall([Span("a", 0, 5)], gold) == 5 / 15
    assert span_iou(gold, gold) == 1


spans = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 12)).map(
        lambda t: Span(t[0], t[1], t[1] + t[2])
    ),
    max_size=7,
)


@given(spans, spans)
def test_equal_to_sets_of_characters(retrieved: list[Span], gold: list[Span]) -> None:
    gold = [s for s in gold if s.end > s.start]
    got, wanted = characters(retrieved), characters(gold)
    if not wanted:
        assert span_recall(retrieved, gold) is None
        assert span_precision(retrieved, gold) is None
        assert span_iou(retrieved, gold) is None
        assert evidence_found(retrieved, gold) is None
        return
    both = len(got & wanted)
    assert span_recall(retrieved, gold) == both / len(wanted)
    assert span_precision(retrieved, gold) == (both / len(got) if got else 0)
    assert span_iou(retrieved, gold) == both / len(got | wanted)
    assert evidence_found(retrieved, gold) == (wanted <= got)


def test_found_asks_every_span_for_its_share() -> None:
    gold = [Span("a", 0, 10), Span("a", 100, 200)]
    retrieved = [Span("a", 3, 10), Span("a", 100, 200)]  # 7 of 10, 100 of 100
    assert evidence_found(retrieved, gold, 0.7) is True
    assert evidence_found(retrieved, gold, 0.71) is False
    assert evidence_found(retrieved, gold) is False
    assert evidence_found([Span("a", 0, 55)], [Span("a", 0, 100)], 0.55) is True  # 0.55 * 100 is 55.00000000000001
    assert evidence_found([Span("a", 100, 200)], gold, 0.5) is False  # 91 % of all characters, and none of one span
    assert evidence_found([Span("a", 0, 4), Span("a", 4, 10)], [Span("a", 0, 10)]) is True  # by two chunks together
    for share in (0.0, -1.0, 1.5):
        with pytest.raises(ValueError, match="share"):
            evidence_found(retrieved, gold, share)


def test_nothing_retrieved_is_zero_and_no_gold_is_undefined() -> None:
    gold = [Span("a", 0, 10)]
    assert (span_recall([], gold), span_precision([], gold), span_iou([], gold)) == (0, 0, 0)
    assert evidence_found([], gold) is False
    assert evidence_position([], 100) is None
    assert evidence_spread([], 100) is None


def test_an_empty_gold_span_is_an_error_in_the_data() -> None:
    for measure in (span_recall, span_precision, span_iou, evidence_found):
        with pytest.raises(ValueError, match="empty gold span at 5 of 'a'"):
            measure([Span("a", 0, 10)], [Span("a", 0, 3), Span("a", 5, 5)])


def test_position_and_spread() -> None:
    assert evidence_position([Span("a", 20, 40)], 100) == pytest.approx(0.3)
    assert evidence_position([Span("a", 90, 100), Span("a", 0, 10)], 100) == pytest.approx(0.5)
    assert evidence_spread([Span("a", 90, 100), Span("a", 0, 10)], 100) == 1
    assert evidence_spread([Span("a", 20, 40)], 100) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="past the document's 100 characters"):
        evidence_position([Span("a", 90, 101)], 100)
    with pytest.raises(ValueError, match="one document"):
        evidence_spread([Span("a", 0, 1), Span("b", 0, 1)], 100)


GOLD = [Span("a", 10, 20), Span("a", 100, 110), Span("b", 0, 20)]


def test_coverage_counts_gold_spans_that_are_held_by_enough() -> None:
    assert evidence_coverage([Span("a", 0, 50)], GOLD) == pytest.approx(1 / 3)
    assert evidence_coverage([Span("a", 15, 50), Span("b", 0, 20)], GOLD) == pytest.approx(1 / 3)
    assert evidence_coverage([Span("a", 15, 50), Span("b", 0, 20)], GOLD, 0.5) == pytest.approx(2 / 3)
    assert evidence_coverage([], GOLD) == 0.0
    assert evidence_coverage([Span("a", 0, 9)], []) is None
    with pytest.raises(ValueError, match="share"):
        evidence_coverage([], GOLD, 0)


def test_density_is_one_for_the_evidence_alone_and_falls_with_what_is_read_in_vain() -> None:
    assert evidence_density(GOLD, GOLD) == evidence_coverage(GOLD, GOLD) == 1.0
    padded = [Span("a", 0, 40), Span("a", 100, 110), Span("b", 0, 20)]
    assert evidence_density(padded, GOLD) == pytest.approx(40 / 70)
    # A passage read twice covers nothing new and costs as much again.
    assert evidence_coverage([*GOLD, GOLD[0]], GOLD) == 1.0
    assert evidence_density([*GOLD, GOLD[0]], GOLD) == pytest.approx(40 / 50)
    # Compression that keeps all answers raises it.
    assert evidence_density([Span("a", 5, 25), *GOLD[1:]], GOLD) > evidence_density(padded, GOLD)
    assert evidence_density([], GOLD) == 0.0
    assert evidence_density(GOLD, []) is None


def test_the_spread_of_passages_over_the_documents() -> None:
    lengths = {"a": 100, "b": 100}
    assert position_spread([Span("a", 0, 10)], lengths) == 0.0
    assert position_spread([Span("a", 0, 2), Span("b", 98, 100)], lengths) == pytest.approx(0.495)
    evenly = [Span(doc, i, i + 1) for doc in lengths for i in range(100)]
    assert position_spread(evenly, lengths) == pytest.approx(12**-0.5, abs=1e-4)
    assert position_spread([], lengths) is None
