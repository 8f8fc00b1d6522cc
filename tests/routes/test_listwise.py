"""List-wise re-ranking: the parser forgives, the windows cover all, a perfect ranker brings the best to the top."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Question, Ranking
from pipeline.core.stage import Documents, Per, QuestionText, Stage
from pipeline.core.store import Store
from pipeline.generators.base import Completion, Sampling, Usage
from pipeline.generators.scripted import Scripted, Told
from pipeline.reading import Job, read
from pipeline.routes.base import Ask, Case, Route
from pipeline.routes.listwise import ListwiseRAG, identifiers, permutation, windows
from pipeline.routes.rag import RAG
from retrievers.order import Order, Pack


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
QUESTION = Question("q1", "Which is worth most?", context=("d",))


def case_of(values: Sequence[int], reader: Scripted | Told | None = None, words: Sequence[str] = ()) -> Case:
    """Passages "worth <value>", ranked in the order given."""
    texts = [f"worth {v} coins {' '.join(words)}".strip() for v in values]
    ends = [sum(len(t) + 1 for t in texts[: i + 1]) for i in range(len(texts))]
    chunks = tuple(Chunk("d", e - len(t) - 1, e - 1, t, "Treasures") for t, e in zip(texts, ends, strict=True))
    ranking = Ranking(tuple(range(len(chunks))), tuple(float(-i) for i in range(len(chunks))))
    return Case(
        QUESTION, (Document("d", " ".join(texts)),), {"chunks": chunks, "ranking": ranking}, reader or Scripted()
    )


def drive(route: Route, case: Case, answer: Callable[[Ask], str | Completion]) -> tuple[list[Ask], Any]:
    steps, asks = route.steps(case), []
    ask = next(steps)
    while True:
        assert isinstance(ask, Ask)  # each call of these routes waits for the one before
        asks.append(ask)
        said = answer(ask)
        try:
            ask = steps.send(Completion(said) if isinstance(said, str) else said)
        except StopIteration as done:
            return asks, done.value


def is_ranking(text: str) -> bool:
    return text.endswith("Ranking:")


def worths(text: str) -> list[int]:
    return [int(w) for w in re.findall(r"worth (\d+)", text)]


def perfect(ask: Ask) -> str:
    text = ask.prompt.text
    if not is_ranking(text):
        return "an answer"
    found = worths(text)
    best = sorted(range(len(found)), key=lambda i: -found[i])
    return " > ".join(f"[{i + 1}]" for i in best)


def route(**more: Any) -> ListwiseRAG:
    return ListwiseRAG(rag=RANKED, **more)


# -- parsing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("[2] > [1] > [3]", [1, 0, 2]),
        ("[3] > [3] > [1]", [2, 0, 1]),
        ("[2]", [1, 0, 2]),
        ("2 > 3 > 1", [1, 2, 0]),
        ("3, 1", [2, 0, 1]),
        ("[3, 1, 2]", [2, 0, 1]),
        ("Ranking: 【3】>【1】", [2, 0, 1]),
        ("[9] > [0] > [2]", [1, 0, 2]),
        ("In 1998, 3 people found 2 boxes.", [0, 1, 2]),
        ("In 1998, passage [3] won over [1].", [2, 0, 1]),
        ("[" + "9" * 5000 + "] > [2]", [1, 0, 2]),
        ("Ich weiß es nicht", [0, 1, 2]),
        ("", [0, 1, 2]),
        ("[٣] > [١]", [2, 0, 1]),
    ],
)
def test_the_parser_forgives(text: str, order: list[int]) -> None:
    assert permutation(text, 3) == order


@given(st.text(alphabet="[]0123456789>, ab\n", max_size=60) | st.text(max_size=40), st.integers(0, 12))
def test_whatever_is_said_it_is_a_permutation(text: str, n: int) -> None:
    order = permutation(text, n)
    assert sorted(order) == list(range(n))
    rest = order[len(identifiers(text, n)) :]
    assert rest == sorted(rest)


@given(st.permutations(range(9)))
def test_a_whole_answer_is_taken_as_it_stands(order: list[int]) -> None:
    assert permutation(" > ".join(f"[{i + 1}]" for i in order), 9) == order


# -- windows ----------------------------------------------------------------------------------------------------------


@given(st.integers(2, 300), st.integers(2, 40), st.integers(1, 40))
def test_windows_cover_all_from_the_bottom_up(n: int, window: int, step: int) -> None:
    step = min(step, window)
    found = windows(n, window, step)
    assert len(found) == (ceil((n - window) / step) + 1 if n > window else 1)
    assert found[0][1] == n
    assert found[-1][0] == 0
    assert {i for a, b in found for i in range(a, b)} == set(range(n))
    assert all(0 < b - a <= window for a, b in found)
    assert all(above[0] < below[0] and above[1] >= below[0] for below, above in pairwise(found))


def test_the_papers_setting_takes_nine_calls_for_a_hundred() -> None:
    assert len(windows(100, 20, 10)) == 9
    assert windows(100, 20, 10)[:2] == [(80, 100), (70, 90)]
    assert windows(0, 20, 10) == windows(1, 20, 10) == []


# -- the route --------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(26)), st.sampled_from([(20, 10), (8, 4), (5, 2), (40, 20)]))
def test_a_perfect_ranker_brings_the_best_to_the_top(values: list[int], size: tuple[int, int]) -> None:
    window, step = size
    sure = min(window - step, 26) if window < 26 else 26  # what one window hands to the next
    asks, reply = drive(route(window=window, step=step, passages=sure), case_of(values), perfect)
    assert len(asks) == len(windows(26, window, step)) + 1
    assert worths(reply.prompt.text) == sorted(values, reverse=True)[:sure]
    assert reply.notes == ()


def test_only_the_candidates_down_to_depth_are_re_ranked() -> None:
    asks, reply = drive(route(depth=3, window=2, step=1, passages=5), case_of([1, 2, 3, 9, 8]), perfect)
    assert [worths(a.prompt.text) for a in asks[:2]] == [[2, 3], [1, 3]]
    assert worths(reply.prompt.text) == [3, 1, 2, 9, 8]


def test_the_answer_is_asked_for_as_rag_asks() -> None:
    case = case_of([1, 2, 3])
    _, reply = drive(route(passages=2), case, perfect)
    same = replace(case, inputs={**case.inputs, "ranking": Ranking((2, 1), (0.0, 0.0))})
    (ask,), plain = drive(RANKED, same, perfect)
    assert reply.prompt == ask.prompt
    assert reply.cut == plain.cut
    assert reply.prompt.spans == (case.inputs["chunks"][2].span, case.inputs["chunks"][1].span)


def test_budget_and_order_are_the_retrievers_own_stages() -> None:
    case = case_of([5, 9, 7, 1])
    _, reply = drive(route(passages=3, arrange=(Order("document"),)), case, perfect)
    assert worths(reply.prompt.text) == [5, 9, 7]
    _, reply = drive(route(passages=3, arrange=(Pack(budget=6), Order("score"))), case, perfect)
    assert worths(reply.prompt.text) == [9, 7]
    _, reply = drive(route(passages=4, arrange=(Order("edges"),)), case, perfect)
    assert worths(reply.prompt.text) == [9, 5, 1, 7]


def test_an_answer_that_names_nothing_keeps_the_order_and_says_so() -> None:
    asks, reply = drive(route(), case_of([1, 2, 3]), lambda ask: "I cannot rank these.")
    assert len(asks) == 2
    assert worths(reply.prompt.text) == [1, 2, 3]
    assert reply.notes == ("re-ranking 1-3: the answer names no passage, so their order stays",)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_order_asks_once(count: int) -> None:
    asks, reply = drive(route(), case_of(range(count)), perfect)
    assert len(asks) == 1
    assert len(reply.prompt.spans) == count


def test_a_failed_window_ends_the_route() -> None:
    failed = Completion("[2] > [1]", "failed", "error", "time-out", Usage(5))
    asks, reply = drive(route(window=2, step=1), case_of([1, 2, 3]), lambda ask: failed)
    assert len(asks) == 1
    assert reply.completion is failed
    assert reply.prompt is asks[0].prompt


def test_ranking_has_its_own_length_and_no_stop_text() -> None:
    asks, _ = drive(
        route(rank_tokens=99, sampling=Sampling(max_tokens=7, temperature=0.5, stop=("\n",))), case_of([1, 2]), perfect
    )
    assert asks[0].sampling == Sampling(max_tokens=99, temperature=0.5)
    assert asks[1].sampling == RANKED.sampling


def test_labels_and_question_are_shown_and_nothing_else_is_needed() -> None:
    asks, _ = drive(route(), case_of([4, 5]), perfect)
    text = asks[0].prompt.text
    assert text.count(QUESTION.text) == 1
    assert "[1] Treasures\nworth 4 coins" in text
    assert text.index("worth 5") < text.index(QUESTION.text)
    asks, _ = drive(ListwiseRAG(rag=replace(RANKED, labels=False)), case_of([4, 5]), perfect)
    assert "Treasures" not in asks[0].prompt.text


def test_long_passages_are_shown_by_their_beginning_and_that_is_told() -> None:
    reader = told(limit=700)
    case = case_of([1, 2, 3], reader, words=["gold"] * 300)
    asks, reply = drive(
        route(passages=1, rank_tokens=50, sampling=Sampling(max_tokens=20)),
        case,
        perfect,
    )
    size = reader.tokenizer.count_prompt(asks[0].prompt)
    assert 600 < size + 50 + 64 <= 700
    assert len(reply.notes) == 1
    assert re.fullmatch(r"re-ranking saw the first \d+ tokens of each longer passage", reply.notes[0])
    assert worths(reply.prompt.text) == [3]
    assert reply.prompt.text.count("gold") == 300
    for part in (p for p in asks[0].prompt.parts if p.role == "passage"):
        assert part.span and (case.documents[0].text or "")[part.span.start : part.span.end] == part.text


def test_what_fits_no_window_is_refused_with_the_remedy() -> None:
    with pytest.raises(UserError, match="no room for passages"):
        drive(route(), case_of([1, 2], told(limit=300)), perfect)
    with pytest.raises(UserError, match=r"20 passages have .* to share"):
        drive(route(rank_tokens=10), case_of(range(40), told(limit=400), words=["gold"] * 50), perfect)
    with pytest.raises(UserError, match="do not fit the window of 700"):
        drive(route(passages=3, rank_tokens=50), case_of([1, 2, 3], told(limit=700), words=["gold"] * 300), perfect)


def test_settings_that_leave_candidates_out_are_refused() -> None:
    with pytest.raises(UserError, match="a step of 5"):
        route(window=4, step=5)
    with pytest.raises(UserError, match="depth"):
        route(depth=0)


def test_other_scripts() -> None:
    case = case_of([1, 2], words=["宝物", "ทองคำ"])
    case = replace(case, question=replace(QUESTION, text="最も価値があるのは?"))
    asks, reply = drive(route(), case, lambda ask: "【2】>【1】")
    assert "最も価値があるのは?" in asks[0].prompt.text
    assert worths(reply.prompt.text) == [2, 1]


def test_every_call_is_charged_and_a_passing_failure_is_asked_again(store: Store) -> None:
    said = {"broken": True}

    def answer(text: str) -> Completion:
        if is_ranking(text) and said["broken"]:
            return Completion("", "failed", "error", "time-out", Usage(3), final=False)
        return Completion(perfect_text(text), usage=Usage(10, 2))

    reader = told(answer=answer)
    job = Job("listwise", route(window=2, step=1), case_of([1, 2, 3], reader))
    (first,), _ = read([job], store)
    assert first.reply and first.reply.completion.status == "failed"
    assert len(first.completions) == 1
    said["broken"] = False
    (second,), _ = read([job], store)
    assert second.reply and worths(second.reply.prompt.text) == [3, 1, 2]
    assert second.usage == Usage(30, 6)
    assert len(reader.given) == 1 + 3
    (third,), _ = read([job], store)
    assert third.usage == second.usage
    assert not any(third.made)
    assert third.reply == second.reply
    assert len(reader.given) == 4


def perfect_text(text: str) -> str:
    found = worths(text)
    return " > ".join(f"[{i + 1}]" for i in sorted(range(len(found)), key=lambda i: -found[i]))
