"""Recorded: the stored answer whatever the prompt, keys by answer, and failures told apart."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Part, Prompt, Span
from pipeline.generators.base import Call, Sampling
from pipeline.generators.recorded import Recorded

ANSWERS = {("q1", "lc"): "Forty two.", ("q1", "rag"): None, ("q2", "lc"): "", ("q3", "lc"): "  \n"}


def asked(question: str, route: str, text: str = "a prompt") -> Call:
    return Call(Prompt((Part("question", text),)), Sampling(), question, route)


def reader(answers=ANSWERS, model="m", digest="d1") -> Recorded:
    return Recorded(model=model, answers_digest=digest, answers=answers)


def test_the_stored_answer_whatever_the_prompt():
    calls = [asked("q1", "lc", "one"), asked("q1", "lc", "another prompt altogether")]
    texts = [c.text for _, c in reader().generate(calls)]
    assert texts == ["Forty two.", "Forty two."]


def test_failed_and_missing_rows_are_told_apart():
    calls = [asked("q1", "rag"), asked("q2", "lc"), asked("q3", "lc"), asked("q9", "lc")]
    got = [c for _, c in reader().generate(calls)]
    assert [c.status for c in got] == ["failed"] * 4
    assert [c.text for c in got] == [""] * 4
    assert [c.error for c in got] == ["the recorded call failed"] * 3 + ["no recorded answer for question q9, route lc"]


def test_a_prompt_without_text_counts_its_stated_tokens():
    parts = (Part("document", None, Span("book", 0, 10), stated_tokens=120_000), Part("question", "Who is it?"))
    [(_, completion)] = reader().generate([Call(Prompt(parts), Sampling(), "q1", "lc")])
    assert completion.status == "ok"
    assert completion.usage.prompt_tokens == 120_000 + 4
    assert completion.usage.completion_tokens == 3


def test_the_key_follows_model_question_route_and_answer_alone():
    base, call = reader(), asked("q1", "lc")
    key = base.call_key(call)
    assert base.call_key(asked("q1", "lc", "another prompt")) == key
    assert base.call_key(replace(call, sampling=Sampling(max_tokens=1))) == key
    more = reader({**ANSWERS, ("q4", "lc"): "new"}, digest="d2")
    assert more.call_key(call) == key, "added answers must not disturb the others"
    different = {
        base.call_key(asked("q2", "lc")),
        base.call_key(asked("q1", "rag")),
        reader(model="other").call_key(call),
        reader({("q1", "lc"): "Forty three."}).call_key(call),
        reader({("q1", "lc"): None}).call_key(call),
        reader({}).call_key(call),
    }
    assert key not in different
    assert len(different) == 6


def test_the_identity_names_the_table_and_never_holds_it():
    assert reader().identity == reader({}).identity
    assert reader(digest="d2").identity != reader().identity
    assert reader(model="other").identity != reader().identity
    assert reader().label == "m"


keys = st.tuples(st.text(max_size=3), st.text(max_size=3))


@given(st.dictionaries(keys, st.none() | st.text(max_size=5)), st.lists(keys, max_size=6))
def test_every_call_is_answered_by_its_own_row(table, wanted):
    calls = [asked(question, route) for question, route in wanted]
    got = dict(reader(table).generate(calls))
    assert sorted(got) == list(range(len(calls)))
    for i, key in enumerate(wanted):
        text = table.get(key)
        assert (got[i].status, got[i].text) == (("ok", text) if text and text.strip() else ("failed", ""))


def test_a_whole_study_is_replayed_in_seconds():
    documents = [Part("document", "word " * 60_000, Span(f"d{i}", 0, 300_000)) for i in range(20)]
    table = {(f"q{i}", route): f"answer {i} " * 40 for i in range(2326) for route in ("lc", "rag")}
    calls = [
        Call(Prompt((documents[i % 20], Part("question", f"question {i}?"))), Sampling(), f"q{i}", route)
        for i in range(2326)
        for route in ("lc", "rag")
    ]
    for model in range(10):
        one = reader(table, model=f"m{model}")
        assert len({one.call_key(c) for c in calls}) == len(calls)
        assert sum(c.status == "ok" for _, c in one.generate(calls)) == len(calls)
