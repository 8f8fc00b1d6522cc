"""Removed text made visible: pieces that are all of a text, folds that count, gold marked, without a script."""

from __future__ import annotations

import html
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors.extractive import Extractive
from compressors.stage import Compress
from experiments.report_questions import CAPS, FOLDED, GOLD, PLAIN, REMOVED, REMOVED_GOLD
from experiments.report_struck import END, LONG, Fold, Piece, Struck, context, examples, folded, pieces, summary, texts
from pipeline.core.records import Chunk, Compression, Excerpt, Question, Span

WORDS = "the harbour keeper wrote seven letters and lost the eighth, which named the ship & its <owner> in ink".split()


def chunk(text: str, start: int = 0, doc: str = "d", title: str = "") -> Chunk:
    return Chunk(doc, start, start + len(text), text, title)


@st.composite
def cut(draw: st.DrawFn) -> tuple[Chunk, list[Span], list[Span]]:
    """A text at some place of a document, and spans that stay and that are gold, which may overlap or lie outside."""
    text = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=300)))
    start = draw(st.integers(0, 50))
    place = st.integers(0, start + len(text) + 20)
    spans = st.lists(st.tuples(place, place).map(lambda p: Span("d", min(p), max(p))), max_size=12)
    return chunk(text, start), draw(spans), draw(spans)


def inside(at: int, spans: list[Span]) -> bool:
    return any(s.start <= at < s.end for s in spans)


@given(cut())
def test_pieces_are_all_of_the_text_and_every_character_has_its_kind(found):
    given, kept, gold = found
    made = pieces(given, kept, gold)
    assert "".join(p.text for p in made) == given.text
    at = given.start
    for piece in made:
        assert piece.text
        for _ in piece.text:
            assert (piece.kept, piece.gold) == (inside(at, kept), inside(at, gold))
            at += 1
    assert all((a.kept, a.gold) != (b.kept, b.gold) for a, b in pairwise(made))


@given(cut(), st.integers(100, 3000))
def test_every_character_is_shown_or_counted(found, room):
    given, kept, gold = found
    made = pieces(given, kept, gold)
    shown = folded(made, room)
    size = sum(p.characters if isinstance(p, Fold) else len(p.text) for p in shown)
    assert size == len(given.text)
    for name in ("kept", "gold"):
        counted = sum(getattr(p, name) if isinstance(p, Fold) else getattr(p, name) * len(p.text) for p in shown)
        assert counted == sum(len(p.text) for p in made if getattr(p, name))
    rest = given.text
    for p in shown:  # in the text's order, with nothing between but what is counted
        if isinstance(p, Piece):
            assert rest.startswith(p.text)
        rest = rest[p.characters if isinstance(p, Fold) else len(p.text) :]


def test_what_stayed_is_the_excerpts_text_whatever_the_method_kept():
    """Through a real compression of two texts, one of which is given from its middle on."""
    body = "\n\n".join(f"Paragraph {i}: {' '.join(WORDS)}." for i in range(30))
    given = (chunk(body, 100, "a"), chunk(body.replace("ship", "boat"), 0, "b"))
    (made,) = Compress(method=Extractive(scorer="bm25"), ratio=3).run([given], ["Which boat was named?"])
    struck = Struck.of(Question("q", "Which boat was named?"), given, made)
    for text in given:
        kept = "".join(p.text for p in pieces(text, struck.kept, ()) if p.kept)
        assert kept == "".join(e.text for e in made.excerpts if e.given == text.span)


def test_a_long_removed_stretch_is_folded_to_its_ends():
    text = "kept. " + "word " * 700 + "end."
    shown = folded(pieces(chunk(text), [Span("d", 0, 6)], ()), 10_000)
    first, head, fold, tail = shown
    assert isinstance(head, Piece) and isinstance(tail, Piece) and isinstance(fold, Fold)
    assert first == Piece("kept. ", True, False)
    assert len(head.text) <= END and len(tail.text) <= END and not (head.kept or tail.kept)
    assert fold.told.replace(
        "\u00a0", " "
    ) == f"… {len(text) - 6 - len(head.text) - len(tail.text):,} characters …".replace(",", " ")
    assert folded(pieces(chunk("x" * LONG), (), ()), 10_000) == [Piece("x" * LONG, False, False)]


def test_where_room_is_short_the_evidence_is_shown():
    text = "filler. " * 2000
    gold = Span("d", 8000, 8060)
    shown = folded(pieces(chunk(text), [gold], [gold]), 1000)
    assert Piece(text[8000:8060], True, True) in shown
    assert sum(len(p.text) for p in shown if isinstance(p, Piece)) <= 1000
    assert sum(p.characters for p in shown if isinstance(p, Fold)) >= len(text) - 1000


def question(*gold: Span) -> Question:
    return Question("q", "Who <b>wrote</b>?", evidence=gold)


GIVEN = (chunk("Anna wrote it. Nobody else did.", title="One"), chunk("A & B stayed away.", doc="e", title="Two <i>"))
KEPT = Compression((Excerpt("Anna wrote it.", (Span("d", 0, 14),), GIVEN[0].span),), 12, 4)


def test_removed_and_gold_are_marked_up_and_hostile_text_stays_text():
    struck = Struck.of(question(Span("d", 0, 4), Span("d", 15, 21)), GIVEN, KEPT)
    shown = context(struck)
    assert "<mark>Anna</mark> wrote it.<del> </del><del><mark>Nobody</mark></del><del> else did.</del>" in shown
    assert "Two &lt;i&gt; · removed whole" in shown and "<i> … 18 characters … </i>" in shown
    assert summary(struck).replace("\u00a0", " ") == "14 of 49 characters stayed; of the gold evidence, 4 of 10."
    assert struck.lost == pytest.approx(0.6)
    page = examples([struck], 3)
    assert "Who &lt;b&gt;wrote&lt;/b&gt;?" in page and page.startswith("<details><summary>")
    assert not re.search(r"<script|<b>wrote", page)


def test_texts_that_were_removed_whole_are_counted_together_and_moved_ones_say_so():
    given = tuple(chunk(f"Text number {i}.", doc=f"t{i}", title=f"T{i}") for i in range(6))
    kept = (Span("t4", 0, 14), Span("t1", 0, 14))
    found = texts(Struck(question(), given, kept))
    assert [heading for heading, _ in found] == [
        "T0 · removed whole",
        "T1 · read as number 2",
        "2 texts, from T2 to T3 · removed whole",
        "T4 · read as number 1",
        "T5 · removed whole",
    ]
    assert sum(p.characters if isinstance(p, Fold) else len(p.text) for _, s in found for p in s) == 6 * 14


def test_a_text_written_anew_is_shown_beside_what_it_replaces():
    made = Compression((Excerpt("It was Anna.", (), GIVEN[0].span),), 12, 4)
    struck = Struck.of(question(Span("d", 0, 4)), GIVEN[:1], made)
    shown = context(struck)
    assert "<ins>It was Anna.</ins>" in shown and "<del><mark>Anna</mark></del>" in shown
    assert "12 were written anew" in summary(struck)


def test_the_questions_that_lost_most_come_first():
    found = [
        Struck(Question(f"q{i}", f"Number {i}?", evidence=(Span("d", 0, 10),)), GIVEN[:1], (Span("d", 0, keep),))
        for i, keep in enumerate((10, 2, 5))
    ]
    assert re.findall(r"<summary>(.*?)</summary>", examples(found, 2)) == ["Number 1?", "Number 2?"]


def test_struck_text_has_an_alternative_for_those_who_do_not_see_it():
    """A screen reader says nothing of a line through words: the style adds words that are there and not seen."""
    css = (Path(__file__).parents[2] / "experiments" / "report_assets" / "report.css").read_text()
    assert re.search(r"\.struck del::before\{content:\" \[removed: \"\}", css)
    assert "clip-path:inset(50%)" in css


def test_the_view_of_one_question_knows_the_same_kinds():
    script = (Path(__file__).parents[2] / "experiments" / "report_assets" / "report.js").read_text()
    for kind, markup in ((REMOVED, 'el("del", {}, words)'), (REMOVED_GOLD, 'el("del", {}, el("mark", {}, words))')):
        assert f"list[k + 1] === {kind}) out.push({markup})" in script
    assert f"list[k + 1] === {FOLDED}" in script
    assert (PLAIN, GOLD) == (0, 1) and CAPS[0].struck > 0 == CAPS[-1].struck


def test_an_ordinary_report_shows_what_every_compressed_route_removed(tmp_path: Path) -> None:
    """Long context, passages and Self-Route, through a run of their own; other routes show nothing."""
    import json

    from experiments.catalog_data import load_data
    from experiments.compare import Experiment
    from experiments.config import Study

    facts = [f"The keeper of gate {i} is called N{i}x." for i in range(40)]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "gates.txt").write_text(" ".join(facts))
    asked = {"question": "Who is the keeper of gate 31?", "golden_answers": ["N31x"], "docs": ["gates.txt"]}
    asked["evidence"] = [{"doc": "gates.txt", "text": facts[31]}]
    (tmp_path / "q.jsonl").write_text(json.dumps(asked) + "\n")
    data = {"type": "folder", "docs": str(tmp_path / "docs"), "questions": str(tmp_path / "q.jsonl")}
    rag = {"chunk": {"type": "words", "size": 40}, "search": {"bm25": {"type": "bm25"}}, "passages": 4}
    compress = {"compress": {"type": "extractive", "scorer": "bm25", "context": 0, "ratio": 4}}
    study = Study(
        name="gates", data=data, readers=({"type": "scripted", "rules": [["gate 31 is called", "N31x"]]},),
        baseline="lc", score={"encoder": False},
        routes={
            "lc": {"type": "long_context"},
            "lc_short": {"type": "long_context", **compress},
            "lc_cut": {"type": "long_context", "compress": {"type": "head", "ratio": 4}},
            "lc_anew": {"type": "long_context", "compress": {"type": "recomp_abstractive", "ratio": 4}},
            "rag_short": {"type": "rag", **rag, **compress},
            "self_short": {"type": "self_route", **rag, **compress},
        },
    )  # fmt: skip
    experiment = Experiment.from_study(study, load_data(data))
    experiment.store, experiment.runs = tmp_path / "store", tmp_path / "runs"
    page = (experiment.run().folder / "report.html").read_text()
    section = page[page.index('<section id="struck">') :]
    section = section[: section.index("</section>")]
    assert sorted(re.findall(r"<h3>(\w+)</h3>", section)) == [
        "lc_anew",
        "lc_cut",
        "lc_short",
        "rag_short",
        "self_short",
    ]
    cut = section[section.index("<h3>lc_cut</h3>") :]
    assert "<del><mark>" in cut[: cut.index("</details>")]
    anew = section[section.index("<h3>lc_anew</h3>") :]
    assert "<ins>N31x</ins>" in anew[: anew.index("</details>")]
    short = section[section.index("<h3>lc_short</h3>") :]
    assert f"<mark>{facts[31]}</mark>" in html.unescape(short[: short.index("</details>")])
    assert "What stayed of the context, and what was removed" in page  # in the script of the one-question view
    assert re.search(r'"\d[^"]* characters stayed; of the gold evidence, ', page)
