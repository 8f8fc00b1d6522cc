"""What is measured of a compressor before any reader: contexts, shares, intervals, tables."""

import csv
import io
import os

import numpy as np
import pytest

from compressors.base import Kept, Method, Shortened
from compressors.extractive import Extractive
from compressors.head import Head
from compressors.stage import Compress
from experiments.compression import (
    Item,
    bootstrap,
    contexts_around,
    judged,
    print_compression,
    summary,
    write_csv,
)
from experiments.data.base import data_root
from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Dataset, Document, Question, Span
from pipeline.core.tokens import tokenizer_named

WORDS = tokenizer_named("words")
BODY = " ".join(f"w{i}" for i in range(1000))


def at(first: int, last: int) -> Span:
    """The words [first, last) of BODY."""
    return Span("d", BODY.index(f"w{first} "), BODY.index(f"w{last - 1} ") + len(f"w{last - 1}"))


def asked(number: int, *spans: Span) -> Question:
    return Question(id=f"q{number}", text="Which w500 is it?", context=("d",), answerable=True, evidence=spans)


def dataset(*questions: Question) -> Dataset:
    return Dataset("made", {"d": Document("d", BODY, "D")}, questions)


def test_a_context_has_its_size_and_holds_the_evidence_anywhere():
    items = contexts_around(dataset(*(asked(i, at(500, 510)) for i in range(200))), tokens=100)
    starts = []
    for item in items:
        assert WORDS.count(item.context.text) == 100
        assert item.context.text == BODY[item.context.start : item.context.end]
        assert item.context.start <= item.gold[0].start < item.gold[0].end <= item.context.end
        starts.append(WORDS.count(BODY[item.context.start : item.gold[0].start]))
    assert min(starts) < 9 and max(starts) > 81  # of 0 to 90
    assert abs(np.mean(starts) - 45) < 8
    assert items == contexts_around(dataset(*(asked(i, at(500, 510)) for i in range(200))), tokens=100)


def test_evidence_that_is_spread_wider_is_kept_as_far_as_it_fits():
    (item,) = contexts_around(dataset(asked(1, at(10, 20), at(50, 60), at(900, 910))), tokens=80)
    assert item.gold == (at(10, 20), at(50, 60))
    assert item.lost == 1
    (whole,) = contexts_around(dataset(asked(1, at(0, 5), at(990, 999))), tokens=2000)
    assert whole.context.text == BODY
    assert contexts_around(dataset(asked(1, at(10, 400))), tokens=80) == []
    padded = Span("d", at(10, 20).start - 1, at(10, 20).end + 1)
    assert contexts_around(dataset(asked(1, padded)), tokens=80)[0].gold == (at(10, 20),)


def test_a_limit_takes_questions_from_everywhere():
    questions = [asked(i, at(3 * i + 1, 3 * i + 3)) for i in range(100)]
    found = contexts_around(dataset(*questions), tokens=50, limit=10)
    assert [item.gold[0] for item in found] == [q.evidence[0] for q in questions[::10]]


def item(*gold: Span, cluster: str = "d") -> Item:
    return Item("Which w10 or w990 is it?", Chunk("d", 0, len(BODY), BODY), gold, cluster)


def test_measures_of_a_cut_that_is_known():
    """At 2× the first half stays: of two gold spans one whole, of another half."""
    half = item(at(10, 20), at(495, 505))
    (row,) = judged({"head": Compress(method=Head())}, [half], [2.0])
    assert row.reached == 2.0
    assert row.spans == 0.5
    inside = len(BODY[at(10, 20).start : at(10, 20).end]) + len(BODY[at(495, 505).start : at(495, 500).end])
    gold = sum(s.end - s.start for s in half.gold)
    assert row.characters == pytest.approx(inside / gold)
    assert row.density == pytest.approx((inside / at(0, 500).end) / (gold / len(BODY)))
    assert row.words == 0.5  # w10 of w10 and w990: "which", "or" and "is" are not in the context
    assert row.nll is None
    assert row.read == 0


class Everything(Method):
    """Keeps what it may not, for the sake of the test: the stage does not check a method's budget."""

    def shorten(self, tasks):
        return [Shortened(tuple(Kept(i, ((0, len(t)),)) for i, t in enumerate(task.texts)), 7) for task in tasks]


class Anew(Method):
    """Writes a text of its own."""

    def shorten(self, tasks):
        return [Shortened((Kept(0, rewritten="w10 it is"),)) for _ in tasks]


def test_all_kept_is_one_everywhere_and_a_text_written_anew_keeps_no_spans():
    (row,) = judged({"all": Compress(method=Everything())}, [item(at(10, 20))], [4.0])
    assert (row.characters, row.spans, row.density, row.words, row.reached) == (1, 1, 1, 1, 1)
    assert row.read == 7 / 1000
    (row,) = judged({"anew": Compress(method=Anew())}, [item(at(10, 20))], [4.0])
    assert (row.characters, row.spans, row.density) == (None, None, None)
    assert row.words == 0.5


def test_log_likelihoods_are_taken_before_and_after_on_some_items():
    def by_length(texts):
        return [len(text) / 1000 for text in texts]

    items = [item(at(10, 20)) for _ in range(40)]
    rows = list(judged({"head": Compress(method=Head())}, items, [2.0], by_length, 4))
    known = [row.nll for row in rows if row.nll is not None]
    assert known == pytest.approx([(at(0, 500).end - len(BODY)) / 1000] * 4)
    assert [i for i, row in enumerate(rows) if row.nll is not None] == [0, 10, 20, 30]


def test_the_bootstrap_draws_whole_clusters():
    """Two clusters of equal size, all 0 and all 1: a mean of 0, 1/2 or 1, each end more often than one in 40."""
    cell = bootstrap([0.0] * 5 + [1.0] * 5, ["a"] * 5 + ["b"] * 5)
    assert (cell.mean, cell.low, cell.high, cell.n) == (0.5, 0.0, 1.0, 10)
    assert bootstrap([0.2, 0.4], ["a", "a"]).low == bootstrap([0.2, 0.4], ["a", "a"]).high == pytest.approx(0.3)
    values = np.random.default_rng(1).normal(size=400)
    alone = bootstrap(values.tolist(), range(400))
    assert alone.high - alone.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    with pytest.raises(ValueError, match="nothing"):
        bootstrap([], [])


def test_tables_hold_what_was_measured(tmp_path):
    from rich.console import Console

    rows = list(judged({"head": Compress(method=Head())}, [item(at(10, 20)), item(at(900, 910))], [2.0, 4.0]))
    cells = summary(rows)
    assert cells["head", 2.0, "characters"].mean == 0.5
    assert ("head", 2.0, "nll") not in cells
    file = tmp_path / "bench" / "compression.csv"
    write_csv(cells, file)
    with file.open(encoding="utf-8") as lines:
        read = {(r["method"], r["ratio"], r["measure"]): float(r["mean"]) for r in csv.DictReader(lines)}
    assert read["head", "4", "characters"] == 0.5
    assert len(read) == len(cells)
    out = io.StringIO()
    print_compression(cells, Console(file=out, width=140))
    assert "2× asked for, 2 questions" in out.getvalue()
    assert "50.0" in out.getvalue()
    with pytest.raises(UserError, match="cannot be written"):
        write_csv(cells, tmp_path / "bench")


def test_extraction_keeps_the_evidence_of_a_published_set():
    """Bar 3 on a few questions, by the scorer that needs no model."""
    from experiments.data.chunking_evaluation import load_chunking_evaluation

    if "LONGSHORT_DATA" not in os.environ or not (data_root() / "chunking_evaluation").is_dir():
        pytest.skip("LONGSHORT_DATA holds no chunking_evaluation")
    items = contexts_around(load_chunking_evaluation(), limit=30)
    cells = summary(list(judged({"bm25": Compress(method=Extractive(scorer="bm25"))}, items, [4.0])))
    assert cells["bm25", 4.0, "characters"].mean >= 0.9
    assert cells["bm25", 4.0, "reached"].mean == pytest.approx(4, rel=0.05)
