"""Smallest sufficient sets: picked by the reader, found by leaving out, and measured against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Question, Ranking
from pipeline.core.stage import Documents, Per, QuestionText, Stage
from pipeline.core.store import Store
from pipeline.generators.base import Completion, Sampling, Usage
from pipeline.generators.scripted import Scripted, Told
from pipeline.reading import Job, read
from pipeline.routes.base import Ask, Case, Route
from pipeline.routes.context_picker import (
    ContextPickerRAG,
    LeaveOneOut,
    minimal_sufficient,
    picked,
    redundancy,
    set_recall,
)
from pipeline.routes.rag import RAG


@dataclass(frozen=True)
class Chunks(Stage):
    per: ClassVar[Per] = "context"


@dataclass(frozen=True)
class Ranks(Stage):
    pass


def told(answer: Callable[[str], Completion] = lambda text: Completion("x"), **settings: Any) -> Told:
    """A reader that answers by a function of the prompt's text."""
    return Told(answer=lambda call: answer(call.prompt.text), **settings)


CHUNKS = Chunks().on(Documents().on())
RANKED = RAG(chunks=CHUNKS, ranking=Ranks().on(CHUNKS, QuestionText().on()))
QUESTION = Question("q1", "Where is the key?", context=("d",))


def case_of(texts: Sequence[str], reader: Scripted | Told | None = None, order: Sequence[int] | None = None) -> Case:
    ends = [sum(len(t) + 1 for t in texts[: i + 1]) for i in range(len(texts))]
    chunks = tuple(Chunk("d", e - len(t) - 1, e - 1, t) for t, e in zip(texts, ends, strict=True))
    ids = tuple(range(len(texts)) if order is None else order)
    ranking = Ranking(ids, tuple(float(-i) for i in range(len(ids))))
    return Case(
        QUESTION, (Document("d", " ".join(texts)),), {"chunks": chunks, "ranking": ranking}, reader or Scripted()
    )


def drive(route: Route, case: Case, answer: Callable[[str], str | Completion]) -> tuple[list[Ask], Any]:
    steps, asks = route.steps(case), []
    ask = next(steps)
    while True:
        assert isinstance(ask, Ask)  # each call of these routes waits for the one before
        asks.append(ask)
        said = answer(ask.prompt.text)
        try:
            ask = steps.send(Completion(said) if isinstance(said, str) else said)
        except StopIteration as done:
            return asks, done.value


def is_pick(text: str) -> bool:
    return text.endswith("Reason:")


def passages(ask_or_reply: Any) -> list[str]:
    return [p.text or "" for p in ask_or_reply.prompt.parts if p.role == "passage"]


# -- the picker's answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("It needs a place; [1] and [3] speak of it.\nPassages: [3] [2]", [1, 2]),
        ("[1] repeats [2].\n**Passages:** [2, 3]", [1, 2]),
        ("Passages: [1]\nNo, better so.\nPassages: [2]", [1]),
        ("Passages:\n[2]\n[3]\n\n[1] was close.", [1, 2]),
        ("Passages: 2, 3", [1, 2]),
        ("Because of [1].\nSo: [2]", [1]),
        ("Passages: none", []),
        ("Passages: [7]", []),
        ("I cannot say.", []),
        ("", []),
        ("理由: [1]\nPassages: 【2】", [1]),
    ],
)
def test_what_a_picker_says(text: str, chosen: list[int]) -> None:
    assert picked(text, 3) == chosen


@given(st.text(alphabet="Pasges: []0123456789,\n", max_size=80), st.integers(0, 9))
def test_whatever_is_said_it_is_a_subset(text: str, n: int) -> None:
    chosen = picked(text, n)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(range(n))


# -- the picking route ------------------------------------------------------------------------------------------------

TEXTS = ["Bread is in the kitchen.", "The key is in the drawer.", "The drawer is upstairs.", "It rained."]


def test_the_answer_is_read_from_the_chosen_in_their_order() -> None:
    case = case_of(TEXTS, order=(2, 0, 1, 3))
    asks, reply = drive(
        ContextPickerRAG(rag=RANKED, sampling=Sampling(stop=("\n",)), pick_tokens=77),
        case,
        lambda text: "two steps\nPassages: [3] [1]" if is_pick(text) else "upstairs",
    )
    assert len(asks) == 2
    assert passages(asks[0]) == [TEXTS[i] for i in (2, 0, 1, 3)]
    assert asks[0].sampling == Sampling(max_tokens=77)
    assert asks[0].prompt.text.count(QUESTION.text) == 1
    assert passages(reply) == [TEXTS[2], TEXTS[1]]
    assert reply.completion.text == "upstairs"
    assert reply.notes == ()
    same = replace(case, inputs={**case.inputs, "ranking": Ranking((2, 1), (0.0, -2.0))})
    assert reply.prompt == drive(RANKED, same, lambda text: "x")[1].prompt


def test_no_choice_reads_all_and_says_so() -> None:
    _, reply = drive(ContextPickerRAG(rag=RANKED, depth=3), case_of(TEXTS), lambda text: "I cannot say.")
    assert passages(reply) == TEXTS[:3]
    assert reply.notes == ("the picker named no passage, so all 3 were read",)


def test_no_candidate_asks_once() -> None:
    asks, reply = drive(ContextPickerRAG(rag=RANKED), case_of([]), lambda text: "unanswerable")
    assert len(asks) == 1
    assert passages(reply) == []


def test_a_failed_pick_ends_the_route() -> None:
    failed = Completion("Passages: [1]", "failed", "error", "time-out")
    asks, reply = drive(ContextPickerRAG(rag=RANKED), case_of(TEXTS), lambda text: failed)
    assert len(asks) == 1
    assert reply.completion is failed


def test_windows_of_the_reader() -> None:
    long = [f"{t} " + "far " * 300 for t in TEXTS]
    case = case_of(long, told(limit=800))
    route = ContextPickerRAG(rag=replace(RANKED, sampling=Sampling(max_tokens=20)), pick_tokens=100)
    asks, reply = drive(route, case, lambda text: "Passages: [2]" if is_pick(text) else "drawer")
    words = case.reader.tokenizer
    assert words.count_prompt(asks[0].prompt) + 100 + 64 <= 800
    assert passages(asks[0])[1].startswith(TEXTS[1])
    assert passages(reply) == [long[1]]
    assert len(reply.notes) == 1 and "the picker saw the first" in reply.notes[0]
    with pytest.raises(UserError, match="do not fit the window of 800"):
        drive(route, case, lambda text: "Passages: [1] [2] [3]")
    with pytest.raises(UserError, match="no room for passages"):
        drive(replace(route, pick_tokens=790), case, lambda text: "x")


def test_every_call_is_charged(store: Store) -> None:
    reader = told(answer=lambda text: Completion("Passages: [2]" if is_pick(text) else "drawer", usage=Usage(9, 2)))
    jobs = [Job("pick", ContextPickerRAG(rag=RANKED), case_of(TEXTS, reader))]
    (first,), _ = read(jobs, store)
    (second,), _ = read(jobs, store)
    assert first.usage == second.usage == Usage(18, 4)
    assert len(reader.given) == 2
    assert first.reply == second.reply


# -- leaving out ------------------------------------------------------------------------------------------------------


@st.composite
def monotone(draw: st.DrawFn) -> tuple[int, list[frozenset[int]]]:
    """n passages, and the minimal sets of which any one suffices."""
    n = draw(st.integers(1, 9))
    return n, draw(st.lists(st.frozensets(st.integers(0, n - 1)), min_size=1, max_size=4))


@given(monotone(), st.randoms(use_true_random=False))
def test_what_is_left_is_sufficient_and_nothing_of_it_can_go(sets: tuple[int, list[frozenset[int]]], draw: Any) -> None:
    n, enough = sets
    trials: list[tuple[int, ...]] = []

    def sufficient(subset: tuple[int, ...]) -> bool:
        trials.append(subset)
        return any(s <= set(subset) for s in enough)

    order = list(range(n))
    draw.shuffle(order)
    found = minimal_sufficient(n, sufficient, order)
    assert found is not None
    assert len(trials) == n + 1
    assert sufficient(found)
    assert not any(sufficient(tuple(k for k in found if k != i)) for i in found)
    assert list(found) == sorted(found)
    assert minimal_sufficient(n, sufficient, order) == found


def test_the_order_of_trials_decides_between_minimal_sets() -> None:
    def either(subset: tuple[int, ...]) -> bool:
        return 0 in subset or {1, 2} <= set(subset)

    assert minimal_sufficient(3, either) == (0,)
    assert minimal_sufficient(3, either, [0, 1, 2]) == (1, 2)


def test_where_all_do_not_suffice_there_is_no_set() -> None:
    calls: list[tuple[int, ...]] = []
    assert minimal_sufficient(4, lambda s: bool(calls.append(s))) is None
    assert calls == [(0, 1, 2, 3)]
    assert minimal_sufficient(0, lambda s: True) == ()


def test_redundancy_and_recall_by_hand() -> None:
    assert redundancy([1, 2, 3, 4], [2, 4, 5]) == 0.5
    assert set_recall([1, 2, 3, 4], [2, 4, 5]) == pytest.approx(2 / 3)
    assert (redundancy([], [1]), set_recall([], [1])) == (0.0, 0.0)
    assert (redundancy([2], [2]), set_recall([2], [2])) == (0.0, 1.0)
    assert set_recall([1], []) is None


def two_steps(text: str) -> str:
    """Right where key and drawer are both told of."""
    return "The attic!" if "The key" in text and "upstairs" in text else "unanswerable"


@pytest.mark.parametrize("drop", ["worst_first", "random"])
def test_the_route_leaves_out_what_the_answer_does_not_need(drop: Any) -> None:
    asks, reply = drive(LeaveOneOut(rag=RANKED, drop=drop, seed=3), case_of(TEXTS), two_steps)
    assert len(asks) == 5
    assert passages(asks[0]) == TEXTS
    assert passages(reply) == [TEXTS[1], TEXTS[2]]
    assert reply.completion.text == "The attic!"
    again, _ = drive(LeaveOneOut(rag=RANKED, drop=drop, seed=3), case_of(TEXTS), two_steps)
    assert again == asks


def test_the_worst_goes_first_and_the_seed_fixes_the_order() -> None:
    asks, _ = drive(LeaveOneOut(rag=RANKED, depth=3), case_of(TEXTS, order=(2, 1, 0, 3)), lambda text: "same")
    assert [passages(a) for a in asks] == [[TEXTS[2], TEXTS[1], TEXTS[0]], [TEXTS[2], TEXTS[1]], [TEXTS[2]], []]
    orders = {
        tuple(
            str(passages(a))
            for a in drive(LeaveOneOut(rag=RANKED, drop="random", seed=s), case_of(TEXTS), two_steps)[0]
        )
        for s in range(8)
    }
    assert len(orders) > 3


def test_answers_are_compared_as_squad_does() -> None:
    said = {0: "The attic!", 1: "attic", 2: "the  Attic."}
    asks, reply = drive(
        LeaveOneOut(rag=RANKED, depth=2),
        case_of(TEXTS),
        lambda text: said[2 - text.count("drawer") - text.count("Bread")],
    )
    assert len(asks) == 3
    assert passages(reply) == []
    assert reply.completion.text == "the  Attic."


def test_a_refusal_is_no_answer_to_keep() -> None:
    asks, reply = drive(LeaveOneOut(rag=RANKED), case_of(TEXTS), lambda text: "unanswerable")
    assert len(asks) == 1
    assert passages(reply) == TEXTS
    asks, _ = drive(LeaveOneOut(rag=RANKED), case_of([]), lambda text: "known by heart")
    assert len(asks) == 1


@pytest.mark.parametrize("at", [0, 2])
def test_a_failed_trial_ends_the_route(at: int) -> None:
    failed = Completion("The attic!", "failed", "error", "time-out")
    seen: list[str] = []

    def answer(text: str) -> str | Completion:
        seen.append(text)
        return failed if len(seen) == at + 1 else "The attic!"

    asks, reply = drive(LeaveOneOut(rag=RANKED), case_of(TEXTS), answer)
    assert len(asks) == at + 1
    assert reply.completion is failed


def test_the_whole_pool_is_rags_own_call(store: Store) -> None:
    reader = told(answer=lambda text: Completion(two_steps(text), usage=Usage(5, 1)))
    case = case_of(TEXTS, reader)
    (rag, left_out), _ = read([Job("rag", RANKED, case), Job("loo", LeaveOneOut(rag=RANKED), case)], store)
    assert rag.completions == left_out.completions[:1]
    assert rag.made + left_out.made[:1] in ([True, False], [False, True])
    assert left_out.usage == Usage(25, 5)
    assert len(reader.given) == 5


def test_settings() -> None:
    with pytest.raises(UserError, match="Did you mean"):
        LeaveOneOut(rag=RANKED, drop="worst-first")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="depth"):
        ContextPickerRAG(rag=RANKED, depth=0)
    assert ContextPickerRAG(rag=RANKED).nodes() == LeaveOneOut(rag=RANKED).nodes() == RANKED.nodes()
