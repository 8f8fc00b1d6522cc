"""Which of a route's calls is the last, found by playing the route again; and sampling that reaches routes within."""

from __future__ import annotations

import pytest

from experiments.catalog import ROUTES
from pipeline.core.records import Document, Question
from pipeline.core.tokens import tokenizer_named
from pipeline.gateway.execute import Execution, with_sampling
from pipeline.gateway.live import Live
from pipeline.gateway.reader import BoundedTokenizer, LiveReader
from pipeline.generators.base import Completion, Sampling
from pipeline.routes.base import Ask, Case, Reply

FOUND = {
    "chunk": {"type": "words", "size": 12, "overlap": 0},
    "search": {"bm25": {"type": "bm25", "k": 6}},
    "passages": 2,
}
TEXT = " ".join(f"Hall {i} of the museum holds {i * 3} clocks and {i + 5} maps." for i in range(40))
ANSWER, REFUSAL = Completion("9 clocks"), Completion("The text does not mention it.")


def started(kind, **settings):
    route = ROUTES[kind]({**settings}, Sampling(), "test")
    question, live = Question("q", "How many clocks are in hall 3?"), Live()
    context = live.context([Document("museum", TEXT)])
    reader = LiveReader(model="m", base_url="http://localhost/v1", context=20_000)
    case = Case(question, context.documents, live.values(route.nodes(), question, context), reader)
    return Execution(route, case)


@pytest.mark.parametrize("kind", ["rag", "long_context", "closed_book"])
def test_the_only_call_is_the_last(kind):
    run = started(kind, **(FOUND if kind == "rag" else {}))
    assert isinstance(run.advance(), Ask) and run.is_last()
    end = run.advance(ANSWER)
    assert isinstance(end, Reply) and end.completion is ANSWER


def test_an_answer_that_decides_is_not_the_last():
    run = started("self_route", **FOUND)
    run.advance()
    assert not run.is_last(), "a refusal would be followed by another call"
    assert isinstance(run.advance(REFUSAL), Ask)
    assert run.is_last()
    assert run.advance(ANSWER).completion is ANSWER


def test_calls_before_the_answer_are_not_the_last():
    run = started("listwise_rag", depth=6, window=6, step=3, rank_tokens=40, **FOUND)
    ask = run.advance()
    assert "Rank the passages" in ask.prompt.text and not run.is_last()
    assert isinstance(run.advance(Completion("[2] > [1] > [3] > [4] > [5] > [6]")), Ask)
    assert run.is_last()


def test_asking_whether_it_is_the_last_changes_nothing():
    one, two = started("self_route", **FOUND), started("self_route", **FOUND)
    assert one.advance().prompt.digest == two.advance().prompt.digest
    two.is_last()
    assert one.advance(REFUSAL).prompt.digest == two.advance(REFUSAL).prompt.digest


def test_sampling_reaches_the_routes_within():
    route = ROUTES["self_route"]({**FOUND}, Sampling(max_tokens=9), "test")
    changed = with_sampling(route, {"temperature": 0.7})
    for part in (changed, changed.cheap, changed.dear):
        assert part.sampling == Sampling(max_tokens=9, temperature=0.7)
    assert changed.cheap.ranking == route.cheap.ranking and route.sampling.temperature == 0.0


def test_the_readers_tokenizer_forgets(monkeypatch):
    monkeypatch.setattr("pipeline.gateway.reader._REMEMBERED", 100)
    tokenizer = BoundedTokenizer(tokenizer_named("words"))
    for n in range(50):
        assert tokenizer.count(f"{n} " * 20) == 20
        assert sum(map(len, tokenizer._counts)) <= 100
