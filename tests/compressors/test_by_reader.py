"""Compressors that ask the study's own reader: the law of all, and what each makes of the reader's answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest

from compressors._outline import by_layout, parsed, tiles
from compressors.answer_paragraphs import AnswerParagraphs
from compressors.by_reader import ByReader
from compressors.extractive import units_of
from compressors.recomp import RecompAbstractive
from compressors.structurize import Sentence, Structurize
from experiments.catalog_compression import BY_READER, build_compression
from experiments.config import build
from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Question, Ranking
from pipeline.core.stage import Documents, QuestionText, Stage
from pipeline.core.store import Store
from pipeline.core.tokens import tokenizer_named
from pipeline.generators.base import Call, Completion, Usage
from pipeline.generators.scripted import Told
from pipeline.reading import Job, read
from pipeline.routes.base import Case, Reply, Route, Shown
from pipeline.routes.long_context import LongContext
from pipeline.routes.rag import RAG
from pipeline.routes.self_route import SelfRoute

WORDS = tokenizer_named("words")
QUESTION = "Who keeps the lighthouse of Orrin Bay?"


def told(answer: Callable[[str], str], limit: int | None = None) -> Told:
    """A reader that says what a function of the prompt's text says, word by word until the length is reached."""

    def completed(call: Call) -> Completion:
        said = answer(call.prompt.text)
        if said == "fail":
            return Completion("", status="failed", error="the line is dead")
        words, most = said.split(" "), call.sampling.max_tokens
        finish: Literal["length", "stop"] = "length" if len(words) > most else "stop"
        return Completion(" ".join(words[:most]), finish=finish, usage=Usage(9, 1))

    return Told(answer=completed, limit=limit)


def outlined(text: str) -> str:
    """An outline of what a prompt numbers: the first half, and the rest."""
    n = max(map(int, re.findall(r"^\[(\d+)\]$", text, flags=re.M)), default=0)
    return f"First | 1-{max(1, n // 2)}\n" + (f"Second | {n // 2 + 1}-{n}" if n > 1 else "")


def answer(text: str) -> str:
    """What a willing reader says to each kind of call."""
    if text.endswith("Outline:"):
        return outlined(text)
    if text.endswith("Summary:"):
        return "Mara Velt keeps the lighthouse of Orrin Bay. " * 4
    return "Mara Velt" if "Mara Velt" in text else "unanswerable"


def case_of(texts: Sequence[str], reader: Told | None = None, ask: str = QUESTION) -> Case:
    documents = tuple(Document(f"d{i}", t, f"Paper {i}") for i, t in enumerate(texts))
    question = Question(f"q {ask}", ask, context=tuple(d.id for d in documents))
    return Case(question, documents, {}, reader or told(answer=answer))


def chunks_of(texts: Sequence[str]) -> list[Chunk]:
    return [Chunk(f"d{i}", 0, len(t), t, f"Paper {i}") for i, t in enumerate(texts)]


def shortened(method: ByReader, texts: Sequence[str], reader: Told | None = None, ask: str = QUESTION) -> Shown | Reply:
    """The method's result; its calls are answered by the reader."""
    case = case_of(texts, reader, ask)
    steps = method.steps(chunks_of(texts), case, LongContext().sampling)
    sent: Any = None
    while True:
        try:
            asked = steps.send(sent)
        except StopIteration as stop:
            found: Shown | Reply = stop.value
            return found
        calls = [Call(a.prompt, a.sampling, "q", "r", n) for n, a in enumerate(asked)]
        sent = tuple(c for _, c in sorted(case.reader.generate(calls)))


def of(name: str, **settings: Any) -> ByReader:
    made: ByReader = build(BY_READER[name], settings, name)
    return made


def check(found: Shown | Reply, texts: Sequence[str], budget: int) -> None:
    assert isinstance(found, Shown)
    made = found.compression
    for e in made.excerpts:
        source = texts[int(e.given.doc[1:])]
        if e.spans:
            assert "".join(source[s.start : s.end] for s in e.spans) == e.text
            assert all(e.given.start <= s.start < s.end <= e.given.end for s in e.spans)
    assert sum(len(e.text) for e in made.excerpts) <= sum(map(len, texts))
    assert made.tokens == sum(map(WORDS.count, texts))
    assert made.kept == sum(WORDS.count(e.text) for e in made.excerpts) <= budget


# -- the law of all ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_READER)
def test_what_breaks_compressors(name, hard_text):
    budget = max(1, round(WORDS.count(hard_text) / 4))
    check(shortened(of(name, ratio=4.0), [hard_text]), [hard_text], budget)


@pytest.mark.parametrize("name", BY_READER)
def test_the_budget_is_kept(name, plain, code):
    for budget in (1, 7, 40):
        check(shortened(of(name, budget=budget), [plain, code]), [plain, code], budget)


@pytest.mark.parametrize("name", BY_READER)
def test_a_budget_that_covers_the_input_keeps_all_of_it(name, plain, code):
    for covers in ({"ratio": 1.0}, {"budget": 10_000}):
        reader = told(answer=answer)
        found = shortened(of(name, **covers), [plain, "", code], reader)
        assert isinstance(found, Shown)
        assert found.compression.kept == found.compression.tokens
        if name != "structurize":
            assert [e.text for e in found.compression.excerpts] == [plain, code]
            assert not reader.given


@pytest.mark.parametrize("name", BY_READER)
def test_nothing_given_nothing_asked(name):
    for texts in ([], [""], ["", ""]):
        reader = told(answer=answer)
        found = shortened(of(name), texts, reader)
        assert isinstance(found, Shown)
        assert (found.compression.excerpts, found.compression.tokens) == ((), 0)
        assert not reader.given


@pytest.mark.parametrize("name", BY_READER)
def test_a_failed_call_ends_the_route_and_is_no_answer(name, plain):
    found = shortened(of(name, ratio=4.0), [plain], told(answer=lambda text: "fail"))
    assert isinstance(found, Reply)
    assert found.completion.status == "failed"


@pytest.mark.parametrize("name", BY_READER)
def test_a_context_beyond_the_window_is_read_in_parts(name, plain):
    texts = [plain * 8]
    reader = told(answer=answer, limit=700)
    method = of(name, ratio=4.0, **({"outline_tokens": 100} if name == "structurize" else {}))
    check(shortened(method, texts, reader), texts, round(WORDS.count(texts[0]) / 4))
    assert len(reader.given) > 1
    with pytest.raises(UserError, match="window"):
        shortened(method, texts, told(answer=answer, limit=130))


@pytest.mark.parametrize("name", BY_READER)
def test_it_composes_with_every_route_and_its_calls_are_made_once(name, tmp_path, plain, code):
    method = build_compression({"type": name, "ratio": 3.0}, "routes.x.compress")
    documents = Documents().on()
    rag = RAG(chunks=Fixed().on(documents), ranking=Fixed().on(documents, QuestionText().on()), compressed=method)
    routes: dict[str, Route] = {
        "lc": LongContext(compressed=method),
        "rag": rag,
        "self": SelfRoute(cheap=rag, dear=LongContext(compressed=method)),
    }
    reader = told(answer=answer)
    case = case_of([plain, code], reader)
    chunks = chunks_of([plain, code])
    case = replace(case, inputs={"chunks": tuple(chunks), "ranking": Ranking((0, 1), (1.0, 0.5))})
    jobs = [Job(route, made, case) for route, made in routes.items()]
    with Store(tmp_path / "store") as store:
        done, _ = read(jobs, store)
        made = len(reader.given)
        assert len({(c.prompt.digest, c.sampling) for c in reader.given}) == made, "a call was made twice"
        again, _ = read(jobs, store)
        assert len(reader.given) == made
    for one, two in zip(done, again, strict=True):
        assert one.reply is not None
        assert one.reply == two.reply
        assert one.reply.cut.kept_tokens < one.reply.cut.context_tokens
        assert one.reply.completion.status == "ok"


@dataclass(frozen=True)
class Fixed(Stage):
    """Stands for a node whose value the case holds."""


# -- answer paragraphs ------------------------------------------------------------------------------------------------


def test_paragraphs_that_the_reader_answers_from_stay_before_better_words():
    gold = "The keeper is called Mara Velt, and she came in spring."
    decoy = "Who keeps the lighthouse of Orrin Bay? The lighthouse of Orrin Bay keeps nobody who keeps it."
    other = "Boats leave at dawn and return with the tide, on all days but Sundays."
    text = "\n\n".join([other, decoy, other, gold, other])
    reader = told(answer=answer)
    found = shortened(AnswerParagraphs(budget=WORDS.count(gold) + 1, size=20), [text], reader)
    assert isinstance(found, Shown)
    assert [e.text for e in found.compression.excerpts] == [gold]
    assert found.notes == ("answered from 1 of 5 paragraphs",)
    assert len(reader.given) == 5
    # With a reader that answers everything, words decide.
    found = shortened(AnswerParagraphs(budget=WORDS.count(decoy), size=20), [text], told(answer=lambda t: "Kim"))
    assert isinstance(found, Shown)
    assert found.compression.excerpts[0].text.startswith("Who keeps")


def test_paragraphs_are_cut_as_unicode_has_it():
    text = "यह पहला वाक्य है। यह दूसरा है।\n\nمینار کی رکھوالی مارا ویلٹ کرتی ہے۔ وہ اکیلی رہتی ہے۔"
    units = units_of([text], WORDS, "passages", 8)
    assert all(WORDS.count(text[a:b]) <= 8 for a, b in units[0])
    assert "".join(text[a:b] for a, b in units[0]).replace(" ", "") == re.sub(r"\s", "", text)


# -- RECOMP -----------------------------------------------------------------------------------------------------------


def test_a_summary_stands_in_the_passages_place_and_is_no_evidence(plain):
    found = shortened(RecompAbstractive(ratio=4.0), [plain])
    assert isinstance(found, Shown)
    (only,) = found.compression.excerpts
    assert only.text.startswith("Mara Velt keeps")
    assert (only.spans, only.title) == ((), "Summary")


@pytest.mark.parametrize("said", ["none", "None.", ""])
def test_a_summary_may_be_empty_and_then_nothing_is_shown(said, plain):
    found = shortened(RecompAbstractive(ratio=4.0), [plain], told(answer=lambda t: said or " "))
    assert isinstance(found, Shown | Reply)
    if isinstance(found, Shown):
        assert found.compression.excerpts == ()
        assert "no passage helps" in found.notes[-1]


def test_without_the_question_the_call_is_the_same_for_every_question(plain):
    asked = []
    for ask in ("Who?", "When?"):
        reader = told(answer=answer)
        found = shortened(RecompAbstractive(ratio=4.0, question_aware=False), [plain], reader, ask)
        assert isinstance(found, Shown)
        asked.append([c.prompt.text for c in reader.given])
        assert not any(ask in text for text in asked[-1])
    assert asked[0] == asked[1]
    reader = told(answer=answer)
    shortened(RecompAbstractive(ratio=4.0), [plain], reader, "When?")
    assert all("When?" in c.prompt.text for c in reader.given)


# -- structurization --------------------------------------------------------------------------------------------------

TEN = [f"Sentence number {i} tells of thing{i}." for i in range(10)]


def test_every_sentence_stands_once_whatever_outline_comes():
    text = " ".join(TEN)
    for said in (
        "A | 1-3, 7\nB | 4-6\n- C | 8\n- D | 9-10",
        "A | 1-10",
        "1. A | 1-5\n1.1 Sub | 2-3\n2. B | 6-10",
        "A | 2-4\nB | 4-9",  # one twice, some left out
        "A | 1-12",  # one that is not there
        "no outline at all",
        "",
        "Here it is:\n## Things | 10, 9, 8\n* More | 1-7",
    ):
        found = shortened(Structurize(), [text], told(answer=lambda t, said=said: said or " "))
        assert isinstance(found, Shown)
        words = [w for e in found.compression.excerpts for w in re.findall(r"thing\d", e.text)]
        assert sorted(words) == [f"thing{i}" for i in range(10)]
        assert found.compression.kept == found.compression.tokens
        assert all(e.section for e in found.compression.excerpts)


def test_an_outline_is_read_with_its_ranges_and_sub_aspects():
    aspects, note = parsed("1. History | 1-3\n- Its start | 1\n2. Trade: goods | 4, 6-7\nRest | 5", 7)
    assert [(a.heading, a.members) for a in aspects] == [
        ("History", (1, 2)), ("History: Its start", (0,)), ("Trade: goods", (3, 5, 6)), ("Rest", (4,)),
    ]  # fmt: skip
    assert note == ""
    assert parsed("History | 3-1", 7)[0] == []
    assert parsed("History | 0-2", 7)[0] == []
    aspects, note = parsed("A | 1-2\nB | 5", 6)
    assert [a.members for a in aspects] == [(0, 1, 2, 3), (4, 5)]
    assert "3 of 6" in note


def test_headings_stand_in_the_prompt_and_cost_no_text(tmp_path):
    reader = told(answer=lambda t: "Ends | 8-10\nBegins | 1-7" if t.endswith("Outline:") else "fine")
    with Store(tmp_path / "store") as store:
        (done,), _ = read([Job("lc", LongContext(compressed=Structurize()), case_of([" ".join(TEN)], reader))], store)
    assert done.reply is not None
    text = done.reply.prompt.text
    assert text.index("## Ends") < text.index("thing7") < text.index("## Begins") < text.index("thing0")
    assert done.reply.cut.kept_tokens == done.reply.cut.context_tokens


def test_aspects_that_fit_the_question_stay_where_there_is_a_budget():
    text = " ".join(TEN)
    said = "\n".join(f"Aspect {i} | {i + 1}" for i in range(10))
    found = shortened(Structurize(ratio=10.0), [text], told(answer=lambda t: said), "What is thing6?")
    assert isinstance(found, Shown)
    assert [e.text for e in found.compression.excerpts] == [TEN[6]]


def test_by_layout_no_call_is_made_and_the_text_has_its_own_headings():
    text = (
        "# Harbour\n\nBuilt in 1871. It is small.\n\n## Light\n\nMara Velt keeps it.\n\n# Road\n\nClosed in winter.\n"
    )
    reader = told(answer=answer)
    found = shortened(Structurize(by="layout"), [text], reader)
    assert isinstance(found, Shown)
    assert not reader.given
    assert [e.section for e in found.compression.excerpts] == ["Harbour", "Light", "Road"]


def test_tiles_are_cut_where_the_words_change():
    ships = [f"The ship {w} sails with its crew and its captain to the harbour." for w in "abcdefgh"]
    bread = [f"The baker {w} bakes bread of rye flour in the oven." for w in "ijklmnop"]
    found = tiles([*ships, *bread], range(16))
    assert [a.members for a in found] == [tuple(range(8)), tuple(range(8, 16))]
    assert {"ship", "sails", "crew", "captain", "harbour"} & set(re.findall(r"\w+", found[0].heading))
    assert {"bakes", "bread", "baker", "oven", "flour", "rye"} & set(re.findall(r"\w+", found[1].heading))
    assert by_layout([Sentence(0, 0, 3, "One")], ["One"])[0].members == (0,)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"type": "structurize", "by": "magic"}, "magic"),
        ({"type": "structurize", "size": 0}, "size"),
        ({"type": "answer_paragraphs", "answer_tokens": 0}, "answer_tokens"),
        ({"type": "recomp_abstractive", "ratio": 0.5}, "ratio"),
        ({"type": "recomp_abstractive", "model": "x"}, "model"),
    ],
)
def test_settings_that_cannot_work_are_told(settings, told):
    with pytest.raises(UserError, match=told):
        build_compression(settings, "routes.lc.compress")
