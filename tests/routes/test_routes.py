"""Routes and prompts: what each shows the reader, in which order, and that it comes from where it says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Chunk, Document, Part, Prompt, Question, Ranking, Span
from pipeline.core.stage import Documents, Per, QuestionText, Stage
from pipeline.generators.base import Completion, Sampling, Usage
from pipeline.generators.scripted import Scripted
from pipeline.prompts import DECLINE, answer_alone, answer_from
from pipeline.routes.base import Ask, Asks, Case, Reply, Route
from pipeline.routes.controls import ClosedBook, Oracle
from pipeline.routes.long_context import LongContext
from pipeline.routes.rag import RAG, Stated
from pipeline.routes.self_route import SelfRoute

TEXTS = {
    "b": "Beta opens. The second text holds the code 4711. It ends here.",
    "a": "Alpha opens. The first text holds nothing of note. It ends there.",
}
DOCUMENTS = tuple(Document(i, text, title=f"Title {i.upper()}") for i, text in TEXTS.items())
QUESTION = Question("q1", "What is the code?", context=("b", "a"))


@dataclass(frozen=True)
class Chunks(Stage):
    per: ClassVar[Per] = "context"


@dataclass(frozen=True)
class Ranks(Stage):
    pass


CHUNKS = Chunks().on(Documents().on())
RANKING = Ranks().on(CHUNKS, QuestionText().on())


def chunk(doc: str, start: int, end: int, section: str = "") -> Chunk:
    return Chunk(doc, start, end, TEXTS[doc][start:end], f"Title {doc.upper()}", section)


FOUND = (chunk("a", 0, 12), chunk("b", 12, 50, "Codes"), chunk("b", 0, 11))


def case(question: Question = QUESTION, ids: tuple[int, ...] = (1, 0), **more: Any) -> Case:
    documents = tuple(d for d in DOCUMENTS if d.id in question.context)
    ranking = Ranking(ids, tuple(1.0 / (i + 1) for i in range(len(ids))))
    return Case(question, documents, {"chunks": FOUND, "ranking": ranking}, Scripted(), **more)


def single(asks: Asks) -> Ask:
    assert isinstance(asks, Ask)  # each call of these routes waits for the one before
    return asks


def answered(route: Route, asked: Case, *answers: str | Completion) -> tuple[list[Ask], Reply]:
    """Drives a route with these answers; all must be asked for, and no more."""
    steps = route.steps(asked)
    asks = [single(next(steps))]
    for i, answer in enumerate(answers):
        try:
            asks.append(single(steps.send(Completion(answer) if isinstance(answer, str) else answer)))
        except StopIteration as done:
            assert i == len(answers) - 1, "it stopped before all answers were given"
            return asks, done.value
    raise AssertionError("it asks for more answers")


def one(route: Route, asked: Case) -> tuple[Prompt, Reply]:
    (ask,), reply = answered(route, asked, "an answer")
    assert reply.prompt is ask.prompt
    assert reply.completion.text == "an answer"
    assert ask.sampling == route.sampling
    return ask.prompt, reply


def all_routes(**settings: Any) -> dict[str, Route]:
    rag = RAG(chunks=CHUNKS, ranking=RANKING, **settings)
    return {
        "lc": LongContext(**settings),
        "rag": rag,
        "oracle": Oracle(**settings),
        "self": SelfRoute(cheap=rag, dear=LongContext(**settings), **settings),
    }


WITH_EVIDENCE = replace(QUESTION, evidence=(Span("b", 12, 48), Span("a", 0, 12)))


@pytest.mark.parametrize("name", ["lc", "rag", "oracle", "self"])
def test_the_document_comes_first_and_the_question_last(name):
    prompt, _ = one(all_routes()[name], case(WITH_EVIDENCE))
    text = prompt.text
    assert text.count(QUESTION.text) == 1
    assert text.endswith(f"Question: {QUESTION.text}\nAnswer:")
    roles = [p.role for p in prompt.parts]
    assert roles[0] == "instruction"
    assert roles[-2:] == ["question", "answer"]
    assert max(i for i, r in enumerate(roles) if r in ("document", "passage")) < roles.index("question")


@pytest.mark.parametrize("name", ["lc", "rag", "oracle", "self"])
def test_the_questions_position_is_a_factor(name):
    def places(position: str) -> str:
        prompt, _ = one(all_routes(position=position)[name], case(WITH_EVIDENCE))
        assert prompt.text.endswith("Answer:")
        short = {"question": "q", "document": "d", "passage": "d"}
        letters = "".join(short.get(p.role, "") for p in prompt.parts)
        return letters.replace("dd", "d")

    assert places("last") == "dq"
    assert places("first") == "qd"
    assert places("both") == "qdq"


@pytest.mark.parametrize("name", ["lc", "rag", "oracle", "self"])
def test_what_is_shown_of_a_document_is_that_stretch_of_it(name):
    prompt, _ = one(all_routes()[name], case(WITH_EVIDENCE))
    shown = [p for p in prompt.parts if p.role in ("document", "passage")]
    assert shown
    for part in shown:
        assert part.span is not None
        assert part.text == TEXTS[part.span.doc][part.span.start : part.span.end]
    assert prompt.spans == tuple(p.span for p in shown)
    # Nothing of the documents is shown outside of the parts that say so.
    for part in prompt.parts:
        if part.role not in ("document", "passage"):
            assert not any(sentence in (part.text or "") for sentence in ("Beta opens", "Alpha opens", "4711"))


def test_every_route_gives_one_instruction_and_permits_declining():
    prompts = [one(route, case(WITH_EVIDENCE))[0] for route in all_routes().values()]
    assert len({p.parts[0] for p in prompts}) == 1
    assert DECLINE in (prompts[0].parts[0].text or "")
    assert DECLINE in answer_alone("q").text


def test_routes_on_one_context_share_what_stands_before_the_question():
    first, _ = one(LongContext(), case())
    second, _ = one(LongContext(), case(replace(QUESTION, id="q2", text="Something else?")))
    shared = [a == b for a, b in zip(first.parts, second.parts, strict=True)]
    assert shared[-2:] == [False, True]
    assert all(shared[:-2])


# -- one route at a time ----------------------------------------------------------------------------------------------


def test_long_context_shows_everything_in_reading_order():
    prompt, reply = one(LongContext(), case())
    assert prompt.spans == (Span("b", 0, len(TEXTS["b"])), Span("a", 0, len(TEXTS["a"])))
    assert prompt.text.index("# Title B") < prompt.text.index("Beta") < prompt.text.index("# Title A")
    words = Scripted().tokenizer
    size = sum(words.count(t) for t in TEXTS.values())
    assert (reply.cut.context_tokens, reply.cut.kept_tokens, reply.cut.cut_at) == (size, size, None)


def test_a_single_document_needs_no_heading():
    prompt, _ = one(LongContext(), case(replace(QUESTION, context=("b",))))
    assert "#" not in prompt.text
    assert "Title B" not in prompt.text


def test_a_document_without_title_is_named_by_its_id():
    untitled = tuple(replace(d, title="") for d in DOCUMENTS)
    prompt, _ = one(LongContext(), replace(case(), documents=untitled))
    assert "# b\n" in prompt.text
    assert "# a\n" in prompt.text


def test_rag_shows_the_ranking_in_its_order_with_labels():
    prompt, reply = one(RAG(chunks=CHUNKS, ranking=RANKING), case(ids=(1, 0)))
    assert prompt.spans == (FOUND[1].span, FOUND[0].span)
    labels = [p.text for p in prompt.parts if p.role == "label" and (p.text or "").strip()]
    assert labels == ["[1] Title B — Codes\n", "[2] Title A\n"]
    words = Scripted().tokenizer
    assert reply.cut.kept_tokens == words.count(FOUND[0].text) + words.count(FOUND[1].text)
    assert reply.cut.context_tokens == sum(words.count(t) for t in TEXTS.values())
    assert reply.cut.cut_at is None


def test_rag_without_labels_shows_no_title():
    prompt, _ = one(RAG(chunks=CHUNKS, ranking=RANKING, labels=False), case())
    assert "Title" not in prompt.text
    assert "Codes" not in prompt.text
    labels = [p.text for p in prompt.parts if p.role == "label" and (p.text or "").strip()]
    assert labels == ["[1]\n", "[2]\n"]


def test_rag_that_finds_nothing_asks_without_passages():
    prompt, reply = one(RAG(chunks=CHUNKS, ranking=RANKING), case(ids=()))
    assert prompt.spans == ()
    assert reply.cut.kept_tokens == 0


def test_passages_are_kept_apart():
    prompt, _ = one(RAG(chunks=CHUNKS, ranking=RANKING), case(ids=(0, 1, 2)))
    text = prompt.text
    for i, j in ((0, 1), (1, 2)):
        between = text[text.index(FOUND[i].text) + len(FOUND[i].text) : text.index(FOUND[j].text)]
        assert between.startswith("\n\n[")


def test_the_oracle_shows_exactly_the_gold_spans():
    evidence = (Span("b", 34, 48), Span("b", 0, 11))
    prompt, reply = one(Oracle(), case(replace(QUESTION, context=("b",), evidence=evidence)))
    assert prompt.spans == (Span("b", 0, 11), Span("b", 34, 48))
    assert [p.text for p in prompt.parts if p.role == "passage"] == ["Beta opens.", TEXTS["b"][34:48]]
    assert reply.cut.kept_tokens == Scripted().tokenizer.count("Beta opens." + TEXTS["b"][34:48])


def test_the_oracle_goes_through_documents_in_reading_order():
    """As long context does: the context is b, then a."""
    prompt, _ = one(Oracle(), case(WITH_EVIDENCE))
    assert prompt.spans == (Span("b", 12, 48), Span("a", 0, 12))


def test_the_oracle_of_a_question_without_evidence_shows_none():
    prompt, reply = one(Oracle(), case())
    assert prompt.spans == ()
    assert not any(word in prompt.text for word in ("Beta", "Alpha"))
    assert reply.cut.kept_tokens == 0


def test_closed_book_shows_no_document():
    prompt, reply = one(ClosedBook(), case(WITH_EVIDENCE))
    assert prompt.spans == ()
    words = set(prompt.text.replace(QUESTION.text, "").split())
    assert not words & (set(TEXTS["a"].split()) | set(TEXTS["b"].split())) - {"The", "the", "It", "of"}
    assert reply.cut.kept_tokens == 0
    assert reply.cut.context_tokens > 0


def test_stated_says_how_much_was_read_and_shows_nothing():
    prompt, reply = one(Stated(tokens=3000), case())
    assert not prompt.complete
    assert reply.cut.kept_tokens == 3000
    words = Scripted().tokenizer
    stated = replace(prompt, parts=tuple(p for p in prompt.parts if p.text is not None))
    assert words.count_prompt(prompt) == 3000 + words.count(stated.text)


def test_only_controls_bracket():
    assert ClosedBook().control
    assert Oracle().control
    assert not any(r.control for n, r in all_routes().items() if n != "oracle")


# -- self-route -------------------------------------------------------------------------------------------------------

SELF = all_routes()["self"]


def test_self_route_stops_at_a_good_cheap_answer():
    (ask,), reply = answered(SELF, case(), "4711")
    assert ask.prompt == one(all_routes()["rag"], case())[0]
    assert reply.completion.text == "4711"
    assert reply.cut == one(all_routes()["rag"], case())[1].cut


def test_self_route_reads_everything_after_a_refusal():
    (cheap, dear), reply = answered(SELF, case(), "unanswerable", "4711")
    assert cheap.prompt == one(all_routes()["rag"], case())[0]
    assert dear.prompt == one(all_routes()["lc"], case())[0]
    assert reply.prompt == dear.prompt
    assert reply.completion.text == "4711"
    assert reply.cut == one(all_routes()["lc"], case())[1].cut


def test_self_route_may_decline_in_the_end():
    _, reply = answered(SELF, case(), "unanswerable", "unanswerable")
    assert reply.completion.text == "unanswerable"


def test_self_route_ends_with_a_failed_cheap_call():
    failed = Completion("unanswerable", "failed", "error", "time-out", Usage(5))
    (ask,), reply = answered(SELF, case(), failed)
    assert reply.completion is failed
    assert ask.prompt == reply.prompt


def test_self_route_needs_what_its_cheap_route_needs():
    assert SELF.nodes() == {"chunks": CHUNKS, "ranking": RANKING}
    assert LongContext().nodes() == ClosedBook().nodes() == Oracle().nodes() == {}


@given(st.text(min_size=1), st.sampled_from(["last", "first", "both"]))
def test_a_prompt_holds_the_question_word_for_word(question, position):
    prompt = answer_from([Part("document", "The text.", Span("d", 0, 9))], question, position=position)
    asked = [p.text for p in prompt.parts if p.role == "question"]
    assert asked == [f"Question: {question}\n"] * (2 if position == "both" else 1)
    assert prompt.text.endswith("Answer:")
    assert answer_alone(question).text.endswith(f"Question: {question}\nAnswer:")


def test_sampling_is_each_routes_own():
    (cheap, dear), _ = answered(
        SelfRoute(
            cheap=RAG(chunks=CHUNKS, ranking=RANKING, sampling=Sampling(max_tokens=5)),
            dear=LongContext(sampling=Sampling(max_tokens=7)),
        ),
        case(),
        "unanswerable",
        "x",
    )
    assert (cheap.sampling.max_tokens, dear.sampling.max_tokens) == (5, 7)
