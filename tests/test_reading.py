"""Reader calls: made once, charged to all, in the order that shares most, remembered one by one."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pipeline.call_order import cached_ahead
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, Question, Span
from pipeline.core.run import Log, Watcher
from pipeline.core.spec import runtime
from pipeline.core.store import Store
from pipeline.generators.base import Call, Completion, Generator, Sampling, Usage
from pipeline.generators.recorded import Recorded
from pipeline.generators.scripted import Scripted
from pipeline.reading import Job, Transcript, plan_calls, read
from pipeline.routes.base import Ask, Case, Cut, Reply, Route, Steps
from pipeline.routes.controls import ClosedBook
from pipeline.routes.long_context import LongContext


@dataclass(frozen=True, kw_only=True, eq=False)
class Counting(Generator):
    """Answers by a function of the prompt's text, and keeps the calls it was given, and how many at a time."""

    answer: Callable[[str], Completion] = runtime(lambda text: Completion(f"{len(text)} letters"))
    given: list[Call] = runtime(default_factory=list)
    batches: list[int] = runtime(default_factory=list)
    shuffled: bool = runtime(False)

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        self.batches.append(len(calls))
        order = list(range(len(calls)))
        if self.shuffled:
            random.Random(0).shuffle(order)
        for i in order:
            self.given.append(calls[i])
            yield i, self.answer(calls[i].prompt.text)


# -- once, and charged to all -----------------------------------------------------------------------------------------


def test_identical_calls_of_two_routes_are_made_once_and_charged_to_both(store, make_dataset, jobs_of):
    data = make_dataset(documents=2, questions=3)
    reader = Counting(answer=lambda text: Completion("known", usage=Usage(7, 2, 1), seconds=0.5))
    jobs = jobs_of(data, reader, "rag", "self")
    transcripts, keys = read(jobs, store)
    assert len(reader.given) == len(keys) == 6
    for rag, both in zip(transcripts[:6], transcripts[6:], strict=True):
        assert rag.completions == both.completions
        assert rag.usage == both.usage == Usage(7, 2, 1)
        assert rag.reply and both.reply and rag.reply.prompt == both.reply.prompt
        assert rag.made + both.made in ([True, False], [False, True])


def test_a_second_run_makes_no_call_and_gives_the_same_answers(store, make_dataset, jobs_of):
    data = make_dataset(documents=3, questions=2)
    cites = (Span("doc0", 0, 3),)
    reader = Counting(answer=lambda t: Completion(f"é {len(t)}", "ok", "stop", "", Usage(5, 4, 3), cites, 0.125))
    first, keys = read(jobs_of(data, reader), store)
    count = len(reader.given)
    again = Counting()
    second, same_keys = read(jobs_of(data, again), store)
    assert again.given == []
    assert len(reader.given) == count == len(keys)
    assert [t.completions for t in second] == [t.completions for t in first]
    assert [t.reply for t in second] == [t.reply for t in first]
    assert keys == same_keys
    assert not any(made for t in second for made in t.made)


def test_ten_added_questions_make_ten_calls(store, make_dataset, jobs_of):
    read(jobs_of(make_dataset(documents=4, questions=2), Counting(), "lc"), store)
    reader = Counting()
    read(jobs_of(make_dataset(documents=9, questions=2), reader, "lc"), store)
    assert sorted(c.question for c in reader.given) == [f"doc{d}-q{q}" for d in range(4, 9) for q in range(2)]


def test_what_an_answer_depends_on_makes_another_call(store, make_dataset, jobs_of, case_of):
    data = make_dataset(documents=1, questions=1)
    read(jobs_of(data, Counting(name="a"), "lc"), store)

    class Newer(Counting):
        version = 2

    def asked(reader: Generator, route: Route) -> int:
        read([Job("lc", route, case_of(data, data.questions[0], reader))], store)
        return len(reader.given)  # type: ignore[attr-defined]

    assert asked(Counting(name="renamed"), LongContext()) == 0
    assert asked(Counting(), LongContext(sampling=Sampling(max_tokens=9))) == 1
    assert asked(Counting(), LongContext(position="first")) == 1
    assert asked(Newer(), LongContext()) == 1


def test_two_readers_do_not_share_answers(store, make_dataset, jobs_of):
    data = make_dataset(documents=1, questions=2)
    one, two = Scripted(default="one"), Scripted(default="two")
    transcripts, _ = read(jobs_of(data, one, "lc") + jobs_of(data, two, "lc"), store)
    assert [t.reply.completion.text for t in transcripts if t.reply] == ["one", "one", "two", "two"]


def test_recorded_answers_are_each_routes_own(store, make_dataset, jobs_of):
    data = make_dataset(documents=1, questions=1)
    answers = {("doc0-q0", "lc"): "from lc", ("doc0-q0", "rag"): "from rag"}
    reader = Recorded(model="m", answers_digest="x", answers=answers)
    transcripts, _ = read(jobs_of(data, reader, "lc", "rag", "closed"), store)
    assert [t.reply.completion.text for t in transcripts if t.reply] == ["from lc", "from rag", ""]
    assert [t.reply.completion.status for t in transcripts if t.reply] == ["ok", "ok", "failed"]


def test_the_order_in_which_answers_come_does_not_matter(store, make_dataset, tmp_path, jobs_of):
    data = make_dataset(documents=3, questions=3)
    script = Scripted(rules=(("re:(doc\\dword1)\\b", r"\1"),))
    straight, _ = read(jobs_of(data, script), store)
    backwards = Counting(answer=lambda text: script._answer(call_of(text), 0.0), shuffled=True)
    with Store(tmp_path / "other") as other:
        jobs = jobs_of(data, backwards)
        random.Random(1).shuffle(jobs)
        shuffled, _ = read(jobs, other)
    by_job = {(j.route_name, j.question.id): t for j, t in zip(jobs, shuffled, strict=True)}
    for job, done in zip(jobs_of(data, script), straight, strict=True):
        other_done = by_job[job.route_name, job.question.id]
        assert [c.text for c in done.completions] == [c.text for c in other_done.completions]
        assert done.reply and other_done.reply and done.reply.cut == other_done.reply.cut


def call_of(text: str) -> Call:
    return Call(Prompt((Part("document", text),)), Sampling(), "q", "r")


def test_a_study_is_read_document_by_document(store, make_dataset, jobs_of):
    data = make_dataset(documents=5, questions=4)
    reader = Counting()
    log = Log()
    read(jobs_of(data, reader, "lc"), store, log=log)
    docs = [c.question.split("-")[0] for c in reader.given]
    assert len(list(itertools.groupby(docs))) == 5
    event = log.events[-1]
    per_document = reader.tokenizer.count(next(iter(data.documents.values())).text)
    assert event["predicted_cached_tokens"] >= 5 * 3 * per_document
    assert event["predicted_cached_tokens"] == sum(cached_ahead(reader.given, reader))


# -- several calls at once --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Wants(Route):
    """Asks for what it is told to, one after another: a text, or a tuple of texts at once; keeps what it is sent."""

    asks: tuple[str | tuple[str, ...], ...]
    heard: list[Any] = runtime(default_factory=list)

    def steps(self, case: Case) -> Steps:
        def ask(text: str) -> Ask:
            return Ask(Prompt((Part("question", f"{case.question.id} {text}"),)), self.sampling)

        for wanted in self.asks:
            self.heard.append((yield ask(wanted) if isinstance(wanted, str) else tuple(map(ask, wanted))))
        return Reply(Completion("done"), Prompt(()), Cut(0, 0))


def echo(text: str) -> Completion:
    return Completion(text.split()[-1], usage=Usage(7, 2, 1))


def wants_of(case: Case, *asks: str | tuple[str, ...]) -> Job:
    return Job("wants", Wants(asks=asks), case)


def heard(job: Job) -> list[str | tuple[str, ...]]:
    """The texts of what the route was sent, in the shape it was sent in."""
    assert isinstance(job.route, Wants)
    return [h.text if isinstance(h, Completion) else tuple(c.text for c in h) for h in job.route.heard]


@pytest.fixture
def case(make_dataset, case_of) -> Callable[[Generator], Case]:
    data = make_dataset(documents=1, questions=1)
    return lambda reader: case_of(data, data.questions[0], reader)


def test_calls_asked_for_at_once_go_to_the_reader_with_all_others(store, make_dataset, jobs_of, case_of):
    data = make_dataset(documents=2, questions=2)
    reader = Counting(answer=echo, shuffled=True)
    wants = [Job("wants", Wants(asks=(("a", "b", "c"),)), case_of(data, q, reader)) for q in data.questions]
    read([*wants, *jobs_of(data, reader, "lc")], store)
    assert reader.batches == [4 * 3 + 4]
    assert [heard(job) for job in wants] == [[("a", "b", "c")]] * 4


def test_an_answer_comes_in_the_shape_of_what_was_asked(store, case):
    reader = Counting(answer=echo, shuffled=True)
    job = wants_of(case(reader), ("a", "b"), "c", (), ("d",), (), (), ("e", "f"), ())
    log = Log()
    (done,), _ = read([job], store, log=log)
    assert heard(job) == [("a", "b"), "c", (), ("d",), (), (), ("e", "f"), ()]
    assert done.reply and done.reply.completion.text == "done"
    assert [c.text for c in done.completions] == list("abcdef")
    assert reader.batches == [2, 1, 1, 2]
    assert [e["wave"] for e in log.events] == [0, 1, 2, 3]
    turns = {c.turn: echo(c.prompt.text).text for c in reader.given}
    assert turns == dict(enumerate("abcdef"))


@pytest.mark.parametrize("asks", [(), ((),), ((), ())])
def test_a_route_that_asks_for_nothing_takes_no_call(store, case, asks):
    reader, log = Counting(), Log()
    job = wants_of(case(reader), *asks)
    (done,), keys = read([job], store, log=log)
    assert done.reply and done.reply.completion.text == "done"
    assert (done.completions, done.made, done.usage, keys) == ([], [], Usage(), set())
    assert not log.events and not reader.batches
    assert (plan_of(store, [job]).asked, plan_of(store, [job]).distinct) == (0, 0)


def test_equal_calls_asked_for_at_once_are_one_and_each_is_charged(store, case):
    reader, log = Counting(answer=echo), Log()
    (done,), keys = read([wants_of(case(reader), ("a", "b", "a", "a"), ("b", "c"))], store, log=log)
    assert len(reader.given) == len(keys) == 3
    assert [c.text for c in done.completions] == list("abaabc")
    assert done.made == [True, True, False, False, False, True]
    assert done.usage == Usage(6 * 7, 6 * 2, 6 * 1)
    told = [[e[k] for k in ("asked", "distinct", "remembered", "made")] for e in log.events]
    assert told == [[4, 2, 0, 2], [2, 2, 1, 1]]


@pytest.mark.parametrize("final", [True, False])
def test_a_failed_call_stops_none_of_those_asked_for_with_it(store, case, final):
    def answer(text: str) -> Completion:
        return Completion("", "failed", "error", "it broke", final=final) if text.endswith("a") else echo(text)

    job = wants_of(case(Counting(answer=answer)), ("a", "b", "c"), "d")
    (done,), _ = read([job], store)
    assert [c.status for c in done.completions] == ["failed", "ok", "ok", "ok"]
    assert heard(job) == [("", "b", "c"), "d"]
    healed = Counting(answer=echo)
    again = wants_of(case(healed), ("a", "b", "c"), "d")
    read([again], store)
    assert [echo(c.prompt.text).text for c in healed.given] == ([] if final else ["a"])
    assert heard(again) == [("" if final else "a", "b", "c"), "d"]


@pytest.mark.parametrize("after", [1, 2, 3, 4, 5])
def test_calls_asked_for_at_once_are_remembered_one_by_one(store, case, after):
    def killed(text: str) -> Completion:
        if len(reader.given) > after:
            raise KeyboardInterrupt
        return echo(text)

    asks = (("a", "b", "c"), "d", ("e", "f"))
    reader = Counting(answer=killed, shuffled=True)
    with pytest.raises(KeyboardInterrupt):
        read([wants_of(case(reader), *asks)], store)
    rest = Counting(answer=echo)
    job = wants_of(case(rest), *asks)
    (done,), _ = read([job], store)
    made = [echo(c.prompt.text).text for c in (*reader.given[:after], *rest.given)]
    assert sorted(made) == list("abcdef")
    assert heard(job) == [("a", "b", "c"), "d", ("e", "f")]
    assert done.usage == Usage(6 * 7, 6 * 2, 6 * 1)
    assert sum(done.made) == 6 - after


def test_the_plan_counts_all_that_is_asked_for_first(store, case):
    reader, log = Counting(answer=echo), Log()
    job = wants_of(case(reader), (), ("a", "b", "a"), "c")
    plan = plan_of(store, [job])
    assert (plan.asked, plan.distinct, plan.remembered) == (3, 2, 0)
    assert plan.max_answer_tokens == 2 * Sampling().max_tokens
    read([job], store, log=log)
    assert (log.events[0]["asked"], log.events[0]["made"]) == (3, 2)
    other = wants_of(case(reader), ("a", "x", "a", "y", "z"))  # x where b stood, y where c stood, z beyond
    assert plan_of(store, [other]).why == {"its prompt changed": 2, "never asked before": 1}


# -- failures ---------------------------------------------------------------------------------------------------------


def failing(final: bool) -> Counting:
    def answer(text: str) -> Completion:
        if "number 1 of" in text:
            return Completion("", "failed", "error", "it broke", Usage(9, 0, 0), final=final)
        return Completion("fine")

    return Counting(answer=answer)


@pytest.mark.parametrize("final", [True, False])
def test_only_final_failures_are_remembered(store, make_dataset, final, jobs_of):
    data = make_dataset(documents=2, questions=3)
    transcripts, _ = read(jobs_of(data, failing(final), "lc"), store)
    failed = [t for t in transcripts if t.reply and t.reply.completion.status == "failed"]
    assert len(failed) == 2
    assert failed[0].completions[0].error == "it broke"
    assert failed[0].usage == Usage(9, 0, 0)
    healed = Counting()
    again, _ = read(jobs_of(data, healed, "lc"), store)
    assert len(healed.given) == (0 if final else 2)
    now_failed = [t for t in again if t.reply and t.reply.completion.status == "failed"]
    assert len(now_failed) == (2 if final else 0)
    last = Counting()
    read(jobs_of(data, last, "lc"), store)
    assert last.given == []


def test_a_failure_is_one_call_for_all_routes_that_share_it(store, make_dataset, jobs_of):
    """Were it made again in a later wave, one route could fail on a call on which another succeeded."""
    data = make_dataset(documents=1, questions=1)

    def answer(text: str) -> Completion:
        if "doc0word20" in text:  # the whole document: the call of `lc`, and the second of `self`
            return Completion("", "failed", "error", "busy", final=False)
        return Completion("unanswerable")

    reader = Counting(answer=answer)
    transcripts, _ = read(jobs_of(data, reader, "lc", "self"), store)
    assert Counter(c.prompt.digest for c in reader.given).most_common(1)[0][1] == 1
    assert [t.reply.completion.status for t in transcripts if t.reply] == ["failed", "failed"]


def test_a_failed_cheap_call_is_no_refusal(store, make_dataset, jobs_of):
    data = make_dataset(documents=1, questions=1)
    reader = Counting(answer=lambda text: Completion("unanswerable", "failed", "length", "cut"))
    transcripts, _ = read(jobs_of(data, reader, "self"), store)
    assert len(transcripts[0].completions) == 1


def test_an_answer_that_no_file_can_hold_does_not_stop_a_run(store, make_dataset, jobs_of):
    """Half of a surrogate pair, as a server's stream may cut it: no UTF-8 text, so no row, no table, no report."""
    data = make_dataset(documents=1, questions=1)
    reader = Counting(answer=lambda text: Completion("yes \ud83d", error="\udc00", status="failed"))
    first, _ = read(jobs_of(data, reader, "lc"), store)
    second, _ = read(jobs_of(data, Counting(), "lc"), store)
    assert first[0].reply and second[0].reply
    text = first[0].reply.completion.text
    assert text.startswith("yes ")
    text.encode("utf-8")
    assert second[0].reply.completion.text == text
    assert second[0].reply.completion.error == first[0].reply.completion.error


def test_a_users_mistake_found_while_reading_is_theirs_to_see(store, make_dataset, jobs_of):
    data = make_dataset(documents=1, questions=1)
    with pytest.raises(UserError, match="regular expression"):
        read(jobs_of(data, Scripted(rules=(("re:(", "x"),)), "lc"), store)


def test_a_damaged_call_is_made_again_alone(store, make_dataset, jobs_of):
    data = make_dataset(documents=2, questions=2)
    first, _ = read(jobs_of(data, Counting(), "lc"), store)
    store._db.execute("UPDATE calls SET text = 'tampered' WHERE question = 'doc1-q0'")
    reader = Counting()
    again, _ = read(jobs_of(data, reader, "lc"), store)
    assert [c.question for c in reader.given] == ["doc1-q0"]
    assert [t.completions for t in again] == [t.completions for t in first]
    assert "doc1-q0" in store.damaged[0]


def test_usage_is_the_sum_over_calls(store, make_dataset, jobs_of):
    data = make_dataset(documents=1, questions=1)
    reader = Counting(answer=lambda text: Completion("unanswerable", usage=Usage(len(text), 1, 2)))
    (done,), _ = read(jobs_of(data, reader, "self"), store)
    assert done.usage == Usage(sum(len(c.prompt.text) for c in reader.given), 2, 4)
    assert [c.turn for c in reader.given] == [0, 1]
    assert Transcript().usage == Usage()


# -- what is told -----------------------------------------------------------------------------------------------------


def test_the_log_tells_each_wave_apart(store, make_dataset, jobs_of):
    data = make_dataset(documents=2, questions=2)
    read(jobs_of(data, Scripted(), "rag"), store)
    log = Log()
    read(jobs_of(data, Scripted(), "rag", "lc", "self"), store, log=log)
    told = [{k: e[k] for k in ("wave", "asked", "distinct", "remembered", "made", "failed")} for e in log.events]
    assert told == [
        {"wave": 0, "asked": 12, "distinct": 8, "remembered": 4, "made": 4, "failed": 0},
        {"wave": 1, "asked": 4, "distinct": 4, "remembered": 4, "made": 0, "failed": 0},
    ]


def test_a_watcher_hears_of_every_call(store, make_dataset, jobs_of):
    @dataclass
    class Counts(Watcher):
        begun: list[tuple[str, int]] = field(default_factory=list)
        stepped: int = 0

        def begin(self, label: str, total: int) -> None:
            self.begun.append((label, total))

        def step(self, count: int = 1) -> None:
            self.stepped += count

    watcher = Counts()
    read(jobs_of(make_dataset(2, 2), Scripted(name="the script"), "lc", "closed"), store, watcher=watcher)
    assert watcher.begun == [("the script", 8)]
    assert watcher.stepped == 8


def plan_of(store: Store, jobs: Sequence[Job]) -> Any:
    (plan,) = plan_calls(jobs, store)
    return plan


def test_the_plan_is_what_the_first_wave_then_makes(store, make_dataset, jobs_of):
    data = make_dataset(documents=3, questions=3)
    reader = Counting()
    jobs = jobs_of(data, reader)
    plan = plan_of(store, jobs)
    assert (plan.asked, plan.distinct, plan.remembered) == (36, 27, 0)
    assert plan.why == {"never asked before": 27}
    assert not reader.given
    log = Log()
    read(jobs, store, log=log)
    assert log.events[0]["made"] == 27
    assert log.events[0]["predicted_cached_tokens"] == plan.cached_tokens
    prompts = {c.prompt.digest: c.prompt for c in reader.given}
    assert plan.prompt_tokens == sum(reader.tokenizer.count_prompt(p) for p in prompts.values())
    assert plan.max_answer_tokens == 27 * Sampling().max_tokens
    after = plan_of(store, jobs)
    assert (after.distinct, after.remembered, after.prompt_tokens) == (27, 27, 0)


def test_the_plan_says_why(store, make_dataset, case_of):
    data = make_dataset(documents=1, questions=1)
    (question,) = data.questions
    reader = Scripted(name="r")
    read([Job("lc", LongContext(), case_of(data, question, reader))], store)

    def why(reader: Generator, route: Route, asked: Question = question) -> str:
        (reason,) = plan_of(store, [Job("lc", route, case_of(data, asked, reader))]).why
        return str(reason)

    assert why(Scripted(name="other"), ClosedBook()) == "never asked before"
    assert why(Scripted(name="r", default="x"), LongContext()) == "the reader's settings or version changed"
    assert why(reader, LongContext(sampling=Sampling(seed=1))).startswith("sampling changed: ")
    assert why(reader, LongContext(), replace(question, text="Else?")) == "its prompt changed"
    store._db.execute("UPDATE calls SET text = 'tampered'")
    assert "damaged" in why(reader, LongContext())
