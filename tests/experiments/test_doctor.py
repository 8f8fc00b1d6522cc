"""The doctor: for each check a small study that has the fault, and a twin that does not.

Studies are real: records, routes and scripted readers, run where a check looks at results. Faults are the published
ones, such as rank_bm25 given texts in place of lists of words.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
import yaml

from experiments.compare import Experiment
from experiments.config import Scoring
from experiments.doctor import CHECKS, Finding, examine
from pipeline.core.records import Dataset, Document, Question, Ranking, Section, Span
from pipeline.core.run import Runner
from pipeline.core.stage import Documents, Node, Per, QuestionText, Stage
from pipeline.core.store import Store
from pipeline.generators.base import Sampling
from pipeline.generators.scripted import Scripted
from pipeline.routes.base import Route
from pipeline.routes.controls import ClosedBook, Oracle
from pipeline.routes.long_context import LongContext
from pipeline.routes.rag import RAG, Stated
from pipeline.routes.self_route import SelfRoute
from pipeline.score.offline import THRESHOLD
from retrievers.bm25 import BM25Index, BM25Search
from retrievers.chunk import WordChunks
from retrievers.controls import RandomPassages
from retrievers.encode import EncodeChunks
from retrievers.fuse import RRF
from retrievers.order import Order, Pack

ROOT = Path(__file__).parents[2]
FILLER = "the harbour wall was painted again before winter and nobody counted the boats that lay there".split()


def filler(n: int, seed: int = 0) -> str:
    """n words that answer nothing, other ones for another seed."""
    rng = np.random.default_rng(seed)
    return " ".join(rng.choice(FILLER, n))


def shelf(n: int = 12, words: int = 200) -> Dataset:
    """n documents, one code in each at changing places, and one question about each code."""
    documents, questions = {}, []
    for i in range(n):
        body = filler(words, seed=i).split(" ")
        fact = f"The code of crate {100 + i} is sigma{i} ."
        at = (i * words) // n
        before, after = " ".join(body[:at]), " ".join(body[at:])
        text = f"{before} {fact} {after}".strip()
        start = text.index(fact)
        documents[f"d{i:02d}"] = Document(f"d{i:02d}", text, title=f"Crate list {100 + i}")
        questions.append(
            Question(
                id=f"q{i:02d}",
                text=f"What is the code of crate {100 + i}?",
                context=(f"d{i:02d}",),
                golds=(f"sigma{i}",),
                answerable=True,
                evidence=(Span(f"d{i:02d}", start, start + len(fact)),),
                kind="location",
            )
        )
    return Dataset("shelf", documents, tuple(questions))


def asking(data: Dataset, *questions: Question) -> Dataset:
    return dataclasses.replace(data, questions=questions)


def chunks(size: int = 20) -> Node:
    return WordChunks(size=size).on(Documents().on())


def bm25(source: Node, k: int = 4, **settings: Any) -> Node:
    return BM25Search(k=k).on(BM25Index(**settings).on(source), QuestionText().on())


def reading(
    source: Node, hits: Node, passages: int | None = 4, *, budget: int | None = None, labels: bool = True
) -> RAG:
    packed = Pack(max_passages=passages, budget=budget).on(hits, source)
    return RAG(chunks=source, ranking=Order().on(packed, source), labels=labels)


def rag(k: int = 4, passages: int = 4, size: int = 20, labels: bool = True) -> RAG:
    source = chunks(size)
    return reading(source, bm25(source, k), passages, labels=labels)


def chance(passages: int = 1) -> RAG:
    source = chunks()
    return reading(source, RandomPassages(k=passages).on(source, QuestionText().on()), passages)


def all_routes() -> dict[str, Route]:
    return {
        "closed_book": ClosedBook(), "oracle": Oracle(), "random": chance(), "lc": LongContext(), "rag": rag(),
    }  # fmt: skip


READER = Scripted(name="finder", rules=((r"re:code of crate \d+ is (\w+)", r"\1"),))


def study(
    tmp_path: Path,
    data: Dataset | None = None,
    routes: Mapping[str, Route] | None = None,
    readers: Sequence[Scripted] = (READER,),
    **more: Any,
) -> Experiment:
    routes = all_routes() if routes is None else routes
    settings = {"baseline": next(iter(routes), ""), "scoring": Scoring(encoder=False), **more}
    return Experiment(
        "tried", data or shelf(), readers, routes, store=tmp_path / "store", runs=tmp_path / "runs", **settings
    )


def of(experiment: Experiment, check: str) -> list[Finding]:
    assert check in CHECKS
    return [f for f in examine(experiment) if f.check == check]


def levels(experiment: Experiment, check: str) -> list[str]:
    return [f.level for f in of(experiment, check)]


def fault(experiment: Experiment, check: str, level: str = "warning") -> str:
    """The text of the one finding of this level."""
    (found,) = [f for f in of(experiment, check) if f.level == level]
    assert "\n" not in found.text
    return found.text


def fill_store(experiment: Experiment) -> None:
    """Compute and store what retrieval needs, as a run would, without a reader."""
    with Store(experiment.store) as store:
        roots = [n for route in experiment.routes.values() for n in route.nodes().values()]
        Runner(store, experiment.dataset).compute(roots, experiment.questions)


# -- the whole ----------------------------------------------------------------------------------------------------


def test_a_sound_study_has_no_fault_before_and_after_its_run(tmp_path: Path) -> None:
    data = shelf()
    unanswerable = [
        dataclasses.replace(
            q, id=f"u{q.id}", text=f"Who packed crate {100 + i}?", golds=(), answerable=False, evidence=()
        )
        for i, q in enumerate(data.questions)
    ]
    sound = study(tmp_path, asking(data, *data.questions, *unanswerable), baseline="lc")
    before = examine(sound)
    assert [f for f in before if f.level != "ok"] == []
    assert not (tmp_path / "store").exists()  # looking leaves no trace
    sound.run()
    after = examine(sound)
    assert [f for f in after if f.level != "ok"] == []
    assert [f.check for f in after if f.check in ("failed calls", "answers by heart", "scorer")]
    assert after == examine(sound)
    assert list(dict.fromkeys(f.check for f in after)) == list(CHECKS)


# -- documents and questions --------------------------------------------------------------------------------------


def test_missing_empty_and_repeated_documents_are_told(tmp_path: Path) -> None:
    data = shelf(4)
    changed = dict(data.documents)
    changed["d00"] = Document("d00", None, stated_tokens=9)
    changed["d01"] = Document("d01", " \n ")
    changed["d02"] = dataclasses.replace(changed["d03"], id="d02")
    bad = of(study(tmp_path, dataclasses.replace(data, documents=changed)), "documents")
    assert [f.level for f in bad] == ["warning"] * 3
    assert "1 of 4 documents (25 %) have no text, e.g. d00; 1 question" in bad[0].text
    assert "are empty, e.g. d01" in bad[1].text
    assert "d02 = d03" in bad[2].text
    assert levels(study(tmp_path, data), "documents") == ["ok"]


def test_a_question_about_a_document_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    data = shelf(3)
    lost = dataclasses.replace(data.questions[0], context=("d99",))
    assert "e.g. q00" in fault(study(tmp_path, asking(data, lost, *data.questions[1:])), "documents", "error")


def test_duplicates_within_and_across_splits(tmp_path: Path) -> None:
    data = shelf(4)
    first = data.questions[0]
    shouted = dataclasses.replace(first, id="q00b", text=first.text.upper() + "!")
    assert "q00 = q00b; keep one" in fault(
        study(tmp_path, asking(data, *data.questions, shouted)), "duplicate questions"
    )
    dev = dataclasses.replace(shouted, split="dev")
    assert "more than one split" in fault(study(tmp_path, asking(data, *data.questions, dev)), "duplicate questions")


def test_equal_words_about_other_documents_are_no_duplicate(tmp_path: Path) -> None:
    data = shelf(4)
    same_words = [dataclasses.replace(q, text="What is the code?") for q in data.questions]
    assert levels(study(tmp_path, asking(data, *same_words)), "duplicate questions") == ["ok"]
    # but the same text under another id is the same document
    twin = dataclasses.replace(data.documents["d00"], id="twin")
    again = dataclasses.replace(data.questions[0], id="again", context=("twin",), evidence=())
    copied = Dataset("copied", {**data.documents, "twin": twin}, (*data.questions, again))
    assert "q00 = again" in fault(study(tmp_path, copied), "duplicate questions")


@pytest.mark.parametrize(
    ("golds", "answerable", "contradicts"),
    [
        (("omega",), True, True),
        (("sigma0",), True, False),
        (("the code sigma0",), True, False),
        (("12",), True, True),
        ((), False, True),
    ],
)
def test_contradictory_golds_are_an_error(
    tmp_path: Path, golds: tuple[str, ...], answerable: bool, contradicts: bool
) -> None:
    data = shelf(4)
    other = dataclasses.replace(data.questions[0], id="other", golds=golds, answerable=answerable)
    told = levels(study(tmp_path, asking(data, *data.questions, other)), "duplicate questions")
    assert told == (["warning", "error"] if contradicts else ["warning"])


def test_two_refusals_in_other_words_do_not_contradict(tmp_path: Path) -> None:
    data = shelf(2)
    one, other = (
        dataclasses.replace(data.questions[0], id=i, answerable=False, golds=(g,), evidence=())
        for i, g in (("a", "Not mentioned."), ("b", "The text is silent on 7 of them."))
    )
    assert levels(study(tmp_path, asking(data, one, other)), "duplicate questions") == ["warning"]


def novel(swapped: bool) -> Dataset:
    """Forty questions on a story whose hero is renamed in the text alone; a heading keeps the name in capitals."""
    hero = "Baxter" if swapped else "Ambrose"
    text = (
        f"AMBROSE AND THE SEA\n\nIn the morning {hero} left. Then {hero} returned to Dover and slept. How late it was!"
    )
    asked = [
        Question(
            id=f"n{i:02d}",
            text=f"Why did Ambrose leave on day {i}?" if i % 2 else f"Why did they go to Dover on day {i}?",
            context=("story",),
            golds=("to sleep",),
            kind="comparison" if i % 2 else "location",
        )
        for i in range(40)
    ]
    return Dataset("novel", {"story": Document("story", text)}, tuple(asked))


def test_names_that_were_swapped_in_the_text_alone_are_found(tmp_path: Path) -> None:
    found = of(study(tmp_path, novel(swapped=True)), "names in questions")
    assert found[0].level == "warning"
    assert "20 of 40 questions that hold names (50 %)" in found[0].text
    assert "n01 (Ambrose)" in found[0].text
    assert "most in kind comparison: 20 of 20" in found[0].text
    assert levels(study(tmp_path, novel(swapped=False)), "names in questions")[0] == "ok"


def test_a_document_all_in_capitals_holds_its_names(tmp_path: Path) -> None:
    data = novel(swapped=False)
    shouted = {"story": Document("story", (data.documents["story"].text or "").upper())}
    assert levels(study(tmp_path, dataclasses.replace(data, documents=shouted)), "names in questions")[0] == "ok"


def test_a_name_at_the_start_of_a_sentence_counts_where_others_use_it_inside_one(tmp_path: Path) -> None:
    data = novel(swapped=True)
    opening = [dataclasses.replace(q, text=f"Ambrose left. Why, on day {q.id}?") for q in data.questions[:10]]
    both = asking(data, *opening, dataclasses.replace(data.questions[11], text="Why did Ambrose leave?"))
    assert "11 of 11 questions that hold names" in of(study(tmp_path, both), "names in questions")[0].text
    alone = of(study(tmp_path, asking(data, *opening)), "names in questions")[0]
    assert "no question with text at hand holds names" in alone.text


def test_questions_known_to_be_unanswerable_may_name_what_is_not_there(tmp_path: Path) -> None:
    data = novel(swapped=True)
    asked = [dataclasses.replace(q, answerable=False, golds=()) for q in data.questions if q.kind == "comparison"]
    assert set(levels(study(tmp_path, asking(data, *asked)), "names in questions")) == {"ok"}


def test_numbers_are_compared_without_thousands_separators(tmp_path: Path) -> None:
    def told(number: str) -> list[str]:
        document = Document("d", "Sales were 1,234,567 in all. In 2019 they fell to 3.5 million.")
        asked = [
            Question(f"q{i}", f"What happened when sales were {number} and case {i} arose?", ("d",), ("they fell",))
            for i in range(10)
        ]
        return levels(study(tmp_path, Dataset("sales", {"d": document}, tuple(asked))), "names in questions")

    assert told("1234567")[-1] == told("3.5")[-1] == told("1,234,567")[-1] == "ok"
    assert told("1234568")[-1] == "warning"


def test_a_capital_at_the_start_of_a_sentence_or_in_a_title_makes_no_name(tmp_path: Path) -> None:
    document = Document("d", "We may explain how boats float. They float since they are light; consider them.")
    texts = ["Boats float? Explain how.", "Consider Every Boat That Floats Upon Some Water"]
    asked = [Question(f"q{i}", texts[i % 2] + " " * i, ("d",), ("light",)) for i in range(12)]
    (names, numbers) = of(study(tmp_path, Dataset("boats", {"d": document}, tuple(asked))), "names in questions")
    assert names.text == "not applicable: no question with text at hand holds names"
    assert numbers.level == "ok"


# -- gold ---------------------------------------------------------------------------------------------------------


def test_evidence_out_of_place_is_an_error(tmp_path: Path) -> None:
    data = shelf(4)
    size = len(data.documents["d00"].text or "")
    spans = {"q00": Span("d00", 3, size + 1), "q01": Span("d02", 0, 5), "q02": Span("d02", 4, 4)}
    bad = [dataclasses.replace(q, evidence=(spans[q.id],) if q.id in spans else q.evidence) for q in data.questions]
    found = of(study(tmp_path, asking(data, *bad)), "gold evidence")
    assert [f.level for f in found] == ["error"] * 3
    assert "in a document that they are not asked of, e.g. q01;" in found[0].text
    assert "beyond the end of its document, e.g. q00;" in found[1].text
    assert "without text, e.g. q02;" in found[2].text
    assert levels(study(tmp_path, data), "gold evidence") == ["ok"]
    edge = dataclasses.replace(data.questions[0], evidence=(Span("d00", 0, size),))
    assert levels(study(tmp_path, asking(data, edge)), "gold evidence") == ["ok"]


def test_golds_that_are_absent_or_stand_nowhere(tmp_path: Path) -> None:
    data = shelf(10)
    never = Question("u", "Who packed it?", ("d00",), answerable=False)
    assert levels(study(tmp_path, asking(data, *data.questions, never)), "gold answers") == ["ok"]
    without = [dataclasses.replace(q, golds=()) if q.id == "q03" else q for q in data.questions]
    assert "no gold answer and cannot be marked, e.g. q03" in fault(
        study(tmp_path, asking(data, *without, never)), "gold answers"
    )
    foreign = [dataclasses.replace(q, golds=("a purple heron",)) if q.id < "q03" else q for q in data.questions]
    assert (
        "3 of 10 gold answers (30 %) stand neither in the evidence nor in the documents, e.g. q00, q01, q02"
        in fault(study(tmp_path, asking(data, *foreign, never)), "gold answers")
    )
    yes = [dataclasses.replace(q, golds=("Yes",)) for q in data.questions]
    assert levels(study(tmp_path, asking(data, *yes, never)), "gold answers") == ["ok"]


def test_without_unanswerable_questions_declining_is_not_tested(tmp_path: Path) -> None:
    data = shelf(4)
    assert "never declining costs nothing" in fault(study(tmp_path, data), "gold answers")
    none = [dataclasses.replace(q, answerable=False, golds=(), evidence=()) for q in data.questions]
    assert "always declining costs nothing" in fault(study(tmp_path, asking(data, *none)), "gold answers")


def test_evidence_always_in_one_place(tmp_path: Path) -> None:
    data = shelf(12)
    assert levels(study(tmp_path, data), "evidence position") == ["ok"]
    moved, documents = [], {}
    for q in data.questions:
        (span,) = q.evidence
        text = data.documents[span.doc].text or ""
        fact = text[span.start : span.end]
        documents[span.doc] = Document(span.doc, f"{fact} {text[: span.start]}{text[span.end :]}")
        moved.append(dataclasses.replace(q, evidence=(Span(span.doc, 0, len(fact)),)))
    first = Dataset("first", documents, tuple(moved))
    assert "within 0 % of their context, from 0 % on" in fault(study(tmp_path, first), "evidence position")


def test_evidence_that_fills_its_context_has_no_place_of_its_own(tmp_path: Path) -> None:
    data = shelf(12)
    whole = [
        dataclasses.replace(q, evidence=(Span(q.context[0], 0, len(data.documents[q.context[0]].text or "") - 9),))
        for q in data.questions
    ]
    (found,) = of(study(tmp_path, asking(data, *whole)), "evidence position")
    assert found.text.startswith("not applicable: 0 questions")


def test_the_gold_document_always_first_of_many(tmp_path: Path) -> None:
    data = shelf(12)
    ids = list(data.documents)

    def among_all(q: Question, shift: int) -> Question:
        own = q.context[0]
        others = [i for i in ids if i != own]
        return dataclasses.replace(q, context=(*others[:shift], own, *others[shift:]))

    first = [among_all(q, 0) for q in data.questions]
    anywhere = [among_all(q, i) for i, q in enumerate(data.questions)]
    assert levels(study(tmp_path, asking(data, *first)), "evidence position") == ["warning"]
    assert levels(study(tmp_path, asking(data, *anywhere)), "evidence position") == ["ok"]


@pytest.mark.parametrize("as_text", [False, True])
def test_the_right_option_always_the_same(tmp_path: Path, as_text: bool) -> None:
    data = shelf(12)

    def options(place: int, q: Question) -> Question:
        listed = [f"wrong{i}" for i in range(3)]
        listed.insert(place, q.golds[0])
        lines = "\n".join(f"({letter}) {option}" for letter, option in zip("ABCD", listed, strict=True))
        gold = q.golds if as_text else (f"({'ABCD'[place]})",)
        return dataclasses.replace(q, text=f"{q.text}\n{lines}", golds=gold)

    always = asking(data, *(options(1, q) for q in data.questions))
    shuffled = asking(data, *(options(i % 4, q) for i, q in enumerate(data.questions)))
    assert "the right option is B in 12 of 12" in fault(study(tmp_path, always), "evidence position")
    assert set(levels(study(tmp_path, shuffled), "evidence position")) == {"ok"}


# -- retrieval ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TextsForWords(Stage):
    """rank_bm25 given each chunk's text where it wants a list of words, as two published code bases do."""

    per: ClassVar[Per] = "context"

    def run(self, *columns: Sequence[Any]) -> Iterable[dict[str, Any]]:
        from rank_bm25 import BM25Okapi

        for passages in columns[0]:
            yield {"vocabulary": sorted(BM25Okapi([c.text for c in passages]).idf), "chunks": len(passages)}


@dataclass(frozen=True)
class FirstChunks(Stage):
    k: int = 2

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        for index, _ in zip(*columns, strict=True):
            ids = tuple(range(min(self.k, index["chunks"])))
            yield Ranking(ids, tuple(1.0 for _ in ids))


def test_bm25_over_letters_is_an_error(tmp_path: Path) -> None:
    source = chunks()
    hits = FirstChunks().on(TextsForWords().on(source), QuestionText().on())
    letters = study(tmp_path, routes={"rag": reading(source, hits)})
    assert levels(letters, "bm25 terms") == ["ok"]  # nothing is stored yet
    fill_store(letters)
    assert "in the stored index of TextsForWords are single letters" in fault(letters, "bm25 terms", "error")
    ours = study(tmp_path, routes={"rag": rag()})
    fill_store(ours)
    assert levels(ours, "bm25 terms") == ["ok"]


def test_text_whose_letters_stand_apart_is_an_error(tmp_path: Path) -> None:
    data = shelf(3)
    spaced = {**data.documents, "d01": Document("d01", " ".join("thisisaletterspacedscan" * 9))}
    bad = study(tmp_path, dataclasses.replace(data, documents=spaced))
    assert "in 1 of 3 documents (33.3 %) most terms are single letters, e.g. d01" in fault(bad, "bm25 terms", "error")


def test_text_without_words_is_told_and_other_scripts_have_words(tmp_path: Path) -> None:
    data = shelf(3)
    ruled = {**data.documents, "d01": Document("d01", "— · — · —\n* * *")}
    assert "hold no word that bm25 counts, e.g. d01" in fault(
        study(tmp_path, dataclasses.replace(data, documents=ruled)), "bm25 terms"
    )
    chinese = {**data.documents, "d01": Document("d01", "港口的墙在冬天之前又被粉刷了一遍。")}
    assert levels(study(tmp_path, dataclasses.replace(data, documents=chinese)), "bm25 terms") == ["ok"]
    mute = dataclasses.replace(data.questions[0], text="?!")
    assert "questions (33.3 %) hold no word that bm25 counts, e.g. q00" in fault(
        study(tmp_path, asking(data, mute, *data.questions[1:])), "bm25 terms"
    )


def test_stored_chunks_without_words_and_searches_without_hits_are_told(tmp_path: Path) -> None:
    data = shelf(3)
    text = f"{data.documents['d01'].text} {'-- ' * 20}"
    ruled = dataclasses.replace(data, documents={**data.documents, "d01": Document("d01", text)})
    foreign = dataclasses.replace(data.questions[0], text="Quelle heure?")
    absent = Question("gone", "What is the code?", ("gone",), ("sigma",))  # nothing can be found in no text
    ruled = dataclasses.replace(ruled, documents={**ruled.documents, "gone": Document("gone", None)})
    bad = study(tmp_path, asking(ruled, foreign, *ruled.questions[1:], absent), {"rag": rag()})
    assert levels(bad, "bm25 terms") == ["ok"]
    fill_store(bad)
    told = [f.text for f in of(bad, "bm25 terms") if f.level == "warning"]
    assert len(told) == 2
    assert "chunks" in told[0] and "hold no word" in told[0] and "d01:" in told[0]
    assert "found no passage for 1 of 3 questions (33.3 %), e.g. q00" in told[1]


def fused(k: int, passages: int | None, budget: int | None = None, depth: int | None = None) -> RAG:
    source = chunks()
    hits = RRF(depth=depth).on(bm25(source, k), bm25(source, k, method="robertson", stopwords="en"))
    return reading(source, hits, passages, budget=budget)


def test_a_fusion_of_no_more_candidates_than_are_read(tmp_path: Path) -> None:
    idle = study(tmp_path, routes={"hybrid": fused(k=3, passages=6), "lc": LongContext()})
    assert "hybrid: RRF cannot change what is read: at most 6 candidates come in and 6 are kept" in fault(
        idle, "re-ranking"
    )
    assert levels(study(tmp_path, routes={"hybrid": fused(k=4, passages=6)}), "re-ranking") == ["ok"]
    assert levels(study(tmp_path, routes={"hybrid": fused(k=4, passages=6, depth=3)}), "re-ranking") == ["warning"]
    assert levels(study(tmp_path, routes={"hybrid": fused(k=4, passages=None)}), "re-ranking") == ["warning"]
    assert "not applicable" in of(study(tmp_path, routes={"rag": rag()}), "re-ranking")[0].text


def test_stored_values_tell_where_settings_do_not(tmp_path: Path) -> None:
    # Both searches agree on their three best, so the six passages allowed are never fewer than what was found.
    idle = study(tmp_path, routes={"hybrid": fused(k=4, passages=6)})
    assert levels(idle, "re-ranking") == ["ok"]
    fill_store(idle)
    assert "changed what is read for none of 12 questions, e.g. q00, q01, q02" in fault(idle, "re-ranking")
    at_work = study(tmp_path, routes={"hybrid": fused(k=4, passages=2)})
    fill_store(at_work)
    (found,) = of(at_work, "re-ranking")
    assert found.level == "ok" and "in 12 of 12 questions" in found.text
    # A budget of tokens decides question by question: settings say nothing, values do.
    for budget, level in ((60, "warning"), (25, "ok")):
        tight = study(tmp_path, routes={"hybrid": fused(k=2, passages=4, budget=budget)})
        assert levels(tight, "re-ranking") == ["ok"]
        fill_store(tight)
        assert levels(tight, "re-ranking") == [level]


def test_a_fusion_that_chooses_for_some_questions_only_is_at_work(tmp_path: Path) -> None:
    # In short documents all chunks are candidates and all are read; in the long ones not.
    short, long = shelf(2, words=30), shelf(4, words=200)
    data = Dataset("mixed", {**long.documents, **short.documents}, long.questions)
    mixed = study(tmp_path, data, {"hybrid": fused(k=8, passages=4)})
    fill_store(mixed)
    (found,) = of(mixed, "re-ranking")
    assert found.level == "ok" and "in 2 of 4 questions (50 %)" in found.text


def test_fewer_passages_than_the_route_may_read(tmp_path: Path) -> None:
    assert "at most 3 passages are found, though 8 may be read" in fault(
        study(tmp_path, routes={"rag": rag(k=3, passages=8)}), "re-ranking"
    )


def papers(*, titled: bool) -> Dataset:
    """Two papers in one document; a question names one by number. titled: whether a section carries that name."""
    first, second = filler(120, 1), filler(120, 2)
    text = f"{first}\n{second}"
    cut = len(first) + 1
    sections = [Section("Introduction", 5, cut), Section("Methods", cut + 5, len(text))]
    if titled:
        sections += [Section("paper 1", 0, cut), Section("paper 2", cut, len(text))]
    asked = [Question("p", "What does Paper 2 propose?", ("both",), ("a wall",))]
    documents = {"both": Document("both", text, "proceedings", tuple(sorted(sections, key=lambda s: s.start)))}
    return Dataset("papers", documents, tuple(asked))


def test_passages_without_the_label_that_a_question_goes_by(tmp_path: Path) -> None:
    shown, bare = {"rag": rag(labels=True)}, {"rag": rag(labels=False)}
    plain = papers(titled=True)
    assert levels(study(tmp_path, plain, shown), "passage labels") == ["ok"]
    assert "p (Paper 2), and rag shows passages without labels" in fault(study(tmp_path, plain, bare), "passage labels")
    assert "the labels that rag show do not hold it, e.g. p (Paper 2)" in fault(
        study(tmp_path, papers(titled=False), shown), "passage labels"
    )
    unlabelled = dataclasses.replace(plain, documents={"both": Document("both", plain.documents["both"].text)})
    assert levels(study(tmp_path, unlabelled, shown), "passage labels") == ["warning"]
    assert "no question of 12 refers" in of(study(tmp_path), "passage labels")[0].text


def test_the_label_check_agrees_with_the_labels_of_real_chunks(tmp_path: Path) -> None:
    for titled, told in ((True, "ok"), (False, "warning")):
        data = papers(titled=titled)
        (cut,) = WordChunks(size=20).run([tuple(data.documents.values())])
        second = [c for c in cut if c.start > len(data.documents["both"].text or "") / 2]
        holding = sum("paper 2" in c.section for c in second) > len(second) / 2
        assert holding is titled
        assert levels(study(tmp_path, data, {"rag": rag()}), "passage labels") == [told]


def test_passages_of_another_system_and_titles_among_several_documents(tmp_path: Path) -> None:
    elsewhere = {"rag": Stated(tokens=100), "lc": LongContext()}
    assert "retrieved elsewhere" in fault(study(tmp_path, papers(titled=True), elsewhere), "passage labels")
    data = shelf(3)
    named = dataclasses.replace(data.questions[0], text="What is first in the Crate list 101?", context=())
    assert "q00 (Crate list 101), and rag shows" in fault(
        study(tmp_path, asking(data, named), {"rag": rag(labels=False)}), "passage labels"
    )
    alone = dataclasses.replace(named, context=("d01",))  # nothing to tell apart
    assert levels(study(tmp_path, asking(data, alone), {"rag": rag(labels=False)}), "passage labels") == ["ok"]
    both = SelfRoute(cheap=rag(labels=False), dear=LongContext())
    assert "self shows" in fault(study(tmp_path, asking(data, named), {"self": both}), "passage labels")


# -- reading ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HalfReader(EncodeChunks):
    """An encoder that reads half of the first chunk and all of the others; its vectors say nothing."""

    def make(self, pieces: Sequence[Any]) -> Iterable[dict[str, Any]]:
        for passages in pieces:
            shares = np.ones(len(passages), dtype=np.float32)
            shares[0] = 0.5
            yield {"vectors": np.zeros((len(passages), 2), dtype=np.float32), "read_share": shares}


@dataclass(frozen=True)
class First(Stage):
    k: int = 4

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        for encoded, _ in zip(*columns, strict=True):
            ids = tuple(range(min(self.k, len(encoded["vectors"]))))
            yield Ranking(ids, tuple(1.0 for _ in ids))


def dense(encoder: EncodeChunks, source: Node) -> RAG:
    return reading(source, First().on(encoder.on(source), QuestionText().on()))


def test_chunks_longer_than_the_encoder_reads(tmp_path: Path) -> None:
    data = shelf(4, words=700)
    long = study(tmp_path, data, {"dense": dense(EncodeChunks(), chunks(400))})
    told = fault(long, "encoder window")
    assert "are longer than the encoder reads (counted on a sample)" in told
    assert levels(study(tmp_path, data, {"dense": dense(EncodeChunks(), chunks(100))}), "encoder window") == ["ok"]
    assert "not applicable" in of(study(tmp_path, data, {"rag": rag()}), "encoder window")[0].text


def test_stored_vectors_say_what_was_read(tmp_path: Path) -> None:
    stored = study(tmp_path, shelf(4), {"dense": dense(HalfReader(), chunks(20))})
    assert levels(stored, "encoder window") == ["ok"]  # by size nothing would be cut
    fill_store(stored)
    told = fault(stored, "encoder window")
    assert told.startswith("4 of 4") and "of these it reads 50 % on average" in told


@dataclass(frozen=True, kw_only=True)
class ShortSighted(Scripted):
    """A scripted reader with a window."""

    size: int = 10_000

    @property
    def window(self) -> int | None:
        return self.size


def test_documents_longer_than_the_readers_window(tmp_path: Path) -> None:
    data = shelf(12, words=400)
    lc = LongContext(sampling=Sampling(max_tokens=20))
    routes = {"lc": lc, "self": SelfRoute(cheap=rag(), dear=lc)}
    short, wide = (ShortSighted(name=f"to {n}", rules=READER.rules, size=n) for n in (400, 4000))
    found = of(study(tmp_path, data, routes, [short]), "reader window")
    assert [f.level for f in found] == ["warning", "warning"]
    assert "12 of 12 questions (100 %) are cut" in found[0].text
    assert levels(study(tmp_path, data, routes, [wide]), "reader window") == ["ok", "ok"]
    assert "no reader states a window" in of(study(tmp_path, data, routes), "reader window")[0].text
    # What the doctor counts before a run is what the run then records.
    cut = study(tmp_path, data, {"lc": lc}, [short])
    before = fault(cut, "reader window")
    results = cut.run()
    lost = results.answers.filter(~pl.col("gold_kept")).height
    assert 0 < lost < 12
    assert f"gold evidence is lost in {lost} of 12" in before
    assert fault(cut, "reader window") == before.replace(" are cut,", " are cut (in the last run),")


def test_a_run_of_another_window_is_not_believed(tmp_path: Path) -> None:
    data = shelf(12, words=400)
    routes = {"lc": LongContext(sampling=Sampling(max_tokens=20))}
    study(tmp_path, data, routes, [ShortSighted(name="finder", rules=READER.rules, size=400)]).run()
    wider = study(tmp_path, data, routes, [ShortSighted(name="finder", rules=READER.rules, size=4000)])
    assert levels(wider, "last run") == ["warning"]
    assert "0 of 12 questions (0 %) are cut" in of(wider, "reader window")[0].text


def test_a_window_that_holds_no_document_is_an_error(tmp_path: Path) -> None:
    blind = ShortSighted(name="blind", size=40)
    assert "leaves no room for a document" in fault(
        study(tmp_path, routes={"lc": LongContext(sampling=Sampling(max_tokens=20))}, readers=[blind]),
        "reader window",
        "error",
    )


# -- controls and the last run ------------------------------------------------------------------------------------


def test_missing_controls_and_baselines(tmp_path: Path) -> None:
    bare = study(tmp_path, routes={"lc": LongContext(), "rag": rag()})
    assert fault(bare, "controls").startswith("missing: closed_book (")
    assert "oracle (" in fault(bare, "controls") and "random (" in fault(bare, "controls")
    data = shelf()
    unknown = asking(data, *(dataclasses.replace(q, evidence=()) for q in data.questions))
    assert "oracle (" not in fault(study(tmp_path, unknown, {"lc": LongContext()}), "controls")
    assert "is a control" in fault(study(tmp_path, baseline="oracle"), "controls")
    assert "is no route of" in fault(study(tmp_path, baseline="gone"), "controls")
    recorded = {n: Stated(tokens=1) for n in ("closed_book", "oracle", "random", "lc")}
    assert levels(study(tmp_path, routes=recorded, baseline="lc"), "controls") == ["ok"]


def test_the_last_run_is_compared_with_the_study_of_today(tmp_path: Path) -> None:
    routes = {"lc": LongContext()}
    now = study(tmp_path, routes=routes)
    assert "has not been run" in of(now, "last run")[0].text
    now.run()
    assert levels(now, "last run") == ["ok"]
    terse = {"lc": LongContext(sampling=Sampling(max_tokens=99))}
    assert "made with other settings than" in fault(study(tmp_path, routes=terse), "last run")
    changed = shelf()
    more = dataclasses.replace(changed.questions[0], text="What is the secret code of crate 100?")
    stale = study(tmp_path, asking(changed, more, *changed.questions[1:]), routes)
    assert "made with other data than" in fault(stale, "last run")
    (tmp_path / "runs" / "tried" / "scores.parquet").write_bytes(b"not a table")
    assert "cannot be read" in fault(now, "last run")
    assert not of(now, "failed calls")


def test_failures_that_differ_between_routes(tmp_path: Path) -> None:
    # The whole text holds the word for which the call fails; the passages of three questions do as well.
    data = shelf()
    long_fails = Scripted(name="finder", rules=READER.rules, fail_on=("re:(?s)crate 10[0-2] is .*boats.{300}",))
    routes = {"lc": LongContext(), "closed_book": ClosedBook()}
    unequal = study(tmp_path, data, routes, [long_fails])
    assert unequal.run().incomplete
    told = fault(unequal, "failed calls", "error")
    assert "not alike for all routes with 1 of 1 readers" in told and "closed_book 0" in told
    paired = study(tmp_path, data, routes, [long_fails], coverage="paired")
    assert "say so beside the numbers" in fault(paired, "failed calls")
    alike = Scripted(name="finder", rules=READER.rules, fail_on=("re:crate 10[0-2]\\?",))
    even = study(tmp_path, data, routes, [alike])
    even.run()
    assert "6 of 24 calls (25 %) failed, for all routes alike" in fault(even, "failed calls")
    well = study(tmp_path, data, routes)
    well.run()
    assert levels(well, "failed calls") == ["ok"]


def test_equally_many_failures_of_other_questions_are_unequal(tmp_path: Path) -> None:
    """Per route, the call of one question fails: of q00 where the text is shown, of q01 where it is not."""
    fails = ("re:(?s)crate 100 is .*crate 100\\?", "re:^Answer the question\\. .*(?s:.*)crate 101\\?")
    reader = Scripted(name="finder", rules=READER.rules, fail_on=fails)
    experiment = study(tmp_path, routes={"lc": LongContext(), "closed_book": ClosedBook()}, readers=[reader])
    experiment.run()
    assert "finder (lc 1, closed_book 1)" in fault(experiment, "failed calls", "error")


def knowing(n: int) -> Scripted:
    """A reader that knows the codes of the first n crates by heart, and finds the others in the text."""
    known = tuple((f"re:code of crate {100 + i}\\?", f"sigma{i}") for i in range(n))
    return Scripted(name="finder", rules=(*known, *READER.rules))


def test_questions_that_are_answered_by_heart(tmp_path: Path) -> None:
    for n, level in ((3, "warning"), (2, "ok")):
        experiment = study(tmp_path, readers=[knowing(n)])
        experiment.run()
        (found,) = of(experiment, "answers by heart")
        assert found.level == level
        assert f"finder, closed_book: {n} of 12 answerable questions" in found.text


def test_retrieval_and_evidence_against_chance(tmp_path: Path) -> None:
    data = shelf(24)
    seeing = study(tmp_path, data)
    seeing.run()
    assert levels(seeing, "against chance") == ["ok", "ok"]
    blind = study(tmp_path, data, readers=[Scripted(name="finder", default="sigma3")])
    blind.run()
    retrieval, oracle = of(blind, "against chance")
    assert retrieval.level == oracle.level == "warning"
    assert "rag 4 % against 4 % (finder, n=24); retrieval is not measured" in retrieval.text
    assert "bottleneck" in oracle.text
    uncontrolled = study(tmp_path, data, {"lc": LongContext(), "rag": rag()})
    uncontrolled.run()
    assert "no random control" in of(uncontrolled, "against chance")[0].text


def test_a_lead_within_chance_is_no_lead(tmp_path: Path) -> None:
    """One question more right than with random passages is no evidence that retrieval works."""
    data = shelf(24)
    once = Scripted(name="finder", rules=(("re:crate 107 is (\\w+)", r"\1"),))
    experiment = study(tmp_path, data, readers=[once])
    right = experiment.run().scores.filter((pl.col("metric") == "correct") & (pl.col("value") == 1))
    assert right.filter(pl.col("route") == "rag").height > right.filter(pl.col("route") == "random").height
    assert levels(experiment, "against chance") == ["warning", "warning"]


def test_a_retriever_that_finds_nothing_is_no_better_than_chance(tmp_path: Path) -> None:
    source = chunks()
    hits = FirstChunks(k=1).on(TextsForWords().on(source), QuestionText().on())
    experiment = study(tmp_path, shelf(24), {**all_routes(), "rag": reading(source, hits, 1)})
    experiment.run()
    assert levels(experiment, "against chance") == ["warning", "ok"]


def test_marks_on_the_edge_of_the_threshold(tmp_path: Path) -> None:
    experiment = study(tmp_path)
    experiment.run()
    assert levels(experiment, "scorer") == ["ok"]
    path = tmp_path / "runs" / "tried" / "scores.parquet"
    scores = pl.read_parquet(path)
    near = (pl.col("metric") == "offline") & (pl.col("route") == "lc")
    scores.with_columns(value=pl.when(near).then(THRESHOLD + 0.05).otherwise(pl.col("value"))).write_parquet(path)
    assert "12 of 60 marks (20 %) lie within 0.1 of the threshold" in fault(experiment, "scorer")


def test_agreement_with_labels_is_told(tmp_path: Path) -> None:
    routes = {"lc": LongContext(), "closed_book": ClosedBook()}
    truth = {("finder", q.id, r): "right" if r == "lc" else "declined" for q in shelf().questions for r in routes}
    agreeing = study(tmp_path, routes=routes, labels=truth)
    agreeing.run()
    assert "agree on 100 % of 24 answers, kappa 1.00" in of(agreeing, "scorer")[-1].text
    swapped = {k: "wrong" if v == "right" else "right" for k, v in truth.items()}
    opposed = study(tmp_path, routes=routes, labels=swapped)
    opposed.run()
    assert "kappa" in fault(opposed, "scorer")


# -- the command line ---------------------------------------------------------------------------------------------


def command(*arguments: str, tmp_path: Path, code: str = "") -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "LONGSHORT_STORE": str(tmp_path / "store"),
        "LONGSHORT_RUNS": str(tmp_path / "runs"),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "400",
        "NO_COLOR": "1",
    }
    call = ["-c", code] if code else ["-m", "experiments"]
    return subprocess.run(
        [sys.executable, *call, *arguments], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )


def write_study(tmp_path: Path, data: Dataset) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    for d in data.documents.values():
        (docs / f"{d.id}.txt").write_text(d.text or "", encoding="utf-8")
    rows = [
        {"id": q.id, "question": q.text, "golden_answers": list(q.golds), "docs": [f"{i}.txt" for i in q.context]}
        for q in data.questions
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    settings = {
        "data": {"type": "folder", "docs": str(docs), "questions": str(tmp_path / "q.jsonl")},
        "readers": [{"type": "scripted", "name": "finder"}],
        "routes": {
            "lc": {"type": "long_context"},
            "rag": {"type": "rag", "chunk": {"type": "words"}, "search": {"bm25": {"type": "bm25"}}},
        },
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def test_the_command_prints_one_line_per_finding_and_fails_on_errors(tmp_path: Path) -> None:
    data = shelf(4)
    path = write_study(tmp_path, data)
    well = command("doctor", str(path), tmp_path=tmp_path)
    assert well.returncode == 0, well.stderr
    lines = well.stdout.splitlines()
    assert len(lines) == len(examine(Experiment.from_yaml(str(path))))
    assert all(line.split()[0] in ("ok", "warning") for line in lines)
    other = dataclasses.replace(data.questions[0], id="other", golds=("omega",))
    with (tmp_path / "q.jsonl").open("a", encoding="utf-8") as f:
        f.write(json.dumps({"id": "other", "question": other.text, "golden_answers": ["omega"], "docs": ["d00.txt"]}))
    ill = command("doctor", str(path), tmp_path=tmp_path)
    assert ill.returncode == 1
    assert "error    duplicate questions: 1 repeated question with gold answers that contradict" in ill.stdout
    unknown = command("doctor", str(path), "splitt=test", tmp_path=tmp_path)
    assert unknown.returncode == 2 and len(unknown.stderr.splitlines()) == 1


def test_the_shipped_study_is_examined_without_loading_a_model(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from experiments.compare import Experiment\n"
        "from experiments.doctor import examine\n"
        "found = examine(Experiment.from_yaml('quickstart'))\n"
        "print([f for f in found if f.level == 'error'])\n"
        "print(sorted({'torch', 'transformers', 'faiss', 'sklearn'} & sys.modules.keys()))\n"
    )
    done = command(tmp_path=tmp_path, code=code)
    assert done.stdout.splitlines() == ["[]", "[]"], done.stdout + done.stderr
