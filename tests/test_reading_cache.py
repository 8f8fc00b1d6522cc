"""Readers with a prefix cache: what is predicted, what is told of the engine, and groups of documents that it holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.core.prefix import PrefixCache
from pipeline.core.records import Dataset, Prompt
from pipeline.core.run import Log, Watcher
from pipeline.core.spec import runtime
from pipeline.core.store import Store
from pipeline.generators.base import Call, Completion, EngineUse, Generator, Usage
from pipeline.prompts import answer_from
from pipeline.reading import Job, plan_calls, read
from pipeline.routes.base import Ask, Case, Cut, Reply, Route, Steps

BLOCK = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Cached(Generator):
    """Reads with a prefix cache of `capacity` tokens, which are words by number; answers with the prompt's length."""

    capacity: int | None = runtime(None)
    says: bool = runtime(True)
    expected: list[int] = runtime(default_factory=list)
    given: list[list[Call]] = runtime(default_factory=list)
    cache: list[PrefixCache] = runtime(default_factory=list)
    ids: dict[str, int] = runtime(default_factory=dict)

    @property
    def prefix_capacity(self) -> int | None:
        return self.capacity if self.says else None

    def tokens(self, call: Call) -> list[int]:
        text = call.prompt.text
        return [self.ids.setdefault(text[a:b], len(self.ids)) for a, b in self.tokenizer.spans(text)]

    def held(self) -> PrefixCache:
        if not self.cache:
            self.cache.append(PrefixCache(BLOCK, self.capacity))
        return self.cache[0]

    def cached_ahead(self, calls: Sequence[Call]) -> list[int] | None:
        asked = self.held().copy()
        return [asked.read(self.tokens(c)) for c in calls]

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        self.given.append(list(calls))
        self.expected.append(sum(self.cached_ahead(calls) or ()))
        for i, call in enumerate(calls):
            tokens = self.tokens(call)
            usage = Usage(len(tokens), 1, self.held().read(tokens))
            yield i, Completion(f"{len(tokens)} words", usage=usage)

    def last_use(self) -> EngineUse | None:
        calls, expected = self.given[-1], self.expected[-1]
        computed = sum(len(self.tokens(c)) for c in calls)
        return EngineUse(
            "throughput", len(self.given) > 1, len(calls), 2.0, computed, 7, 1.0, 1.5, (0.1, 0.4), expected
        )


@dataclass(frozen=True, kw_only=True)
class Drafts(Route):
    """Reads the documents `turns` times over, with the answer before at the end of the prompt."""

    turns: int = 3

    def steps(self, case: Case) -> Steps:
        completion, prompt = Completion("none"), Prompt(())
        for turn in range(self.turns):
            body = [d.part for d in case.documents]
            prompt = answer_from(body, f"{case.question.text} Draft {turn} after {completion.text}.")
            completion = yield Ask(prompt, self.sampling)
        return Reply(completion, prompt, Cut(0, 0))


@pytest.fixture
def jobs(
    make_dataset: Callable[..., Dataset], case_of: Callable[..., Case], routes: dict[str, Route]
) -> Callable[[Generator], list[Job]]:
    """Six documents, two questions on each, by the usual routes and by drafts."""
    data = make_dataset(documents=6, questions=2, words=60)

    def make(reader: Generator) -> list[Job]:
        chosen = {**routes, "drafts": Drafts()}
        return [Job(name, r, case_of(data, q, reader)) for name, r in chosen.items() for q in data.questions]

    return make


def calls_of(log: Log) -> list[dict[str, Any]]:
    return [e for e in log.events if e["event"] == "calls"]


# -- prediction -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capacity", [None, 2000, 200, 0])
def test_what_is_predicted_is_what_a_cache_of_the_stated_rule_then_has(store, jobs, capacity):
    reader, log = Cached(capacity=capacity), Log()
    transcripts, _ = read(jobs(reader), store, log=log)
    for event in calls_of(log):
        assert event["predicted_cached_tokens"] == event["observed_cached_tokens"]
    counted = [c for t in transcripts for c, made in zip(t.completions, t.made, strict=True) if made]
    assert sum(e["observed_cached_tokens"] for e in calls_of(log)) == sum(c.usage.cached_tokens for c in counted)
    assert sum(e["warm"] for e in calls_of(log)) == sum(c.usage.cached_tokens > 0 for c in counted)


def test_the_plan_predicts_the_first_wave(store, jobs):
    reader, log = Cached(), Log()
    (plan,) = plan_calls(jobs(reader), store)
    assert not reader.given
    assert plan.cached_tokens == sum(c.cached for c in plan.calls) > 0
    assert plan.prompt_tokens == sum(c.prompt for c in plan.calls) > plan.cached_tokens
    read(jobs(reader), store, log=log)
    first = calls_of(log)[0]
    assert (first["made"], first["predicted_cached_tokens"]) == (len(plan.calls), plan.cached_tokens)


# -- the engine's use -------------------------------------------------------------------------------------------------


def test_the_log_tells_of_the_engine_and_only_where_it_ran(store, jobs):
    log, again = Log(), Log()
    reader = Cached()
    read(jobs(reader), store, log=log)
    told = calls_of(log)
    assert [e["engine"]["prompts"] for e in told] == [e["made"] for e in told]
    assert told[0]["engine"] == {
        "mode": "throughput", "warm": False, "prompts": told[0]["made"], "seconds": 2.0,
        "computed_tokens": told[0]["engine"]["computed_tokens"], "answer_tokens": 7, "prefill_seconds": 1.0,
        "decode_seconds": 1.5, "first_token": (0.1, 0.4),
        "predicted_tokens": told[0]["predicted_cached_tokens"], "gpu_busy": None,
    }  # fmt: skip
    read(jobs(reader), store, log=again)
    assert calls_of(again)
    assert not any("engine" in e for e in again.events)


# -- groups -----------------------------------------------------------------------------------------------------------


def outcome(reader: Cached, store: Store, jobs: Callable[[Generator], list[Job]]) -> tuple[Any, list[dict[str, Any]]]:
    log = Log()
    made = jobs(reader)
    transcripts, keys = read(made, store, log=log)
    replies = [t.reply and t.reply.prompt.digest for t in transcripts]
    texts = [([c.text for c in t.completions], t.usage.prompt_tokens) for t in transcripts]
    rows = {k: (r.text, r.question, r.route, r.turn, r.prompt_tokens) for k, r in store.calls(keys).items()}
    return (replies, texts, rows), calls_of(log)


def test_answers_do_not_depend_on_the_groups(tmp_path, jobs):
    found = []
    for i, capacity in enumerate((None, 10_000, 600, 150, 1)):
        with Store(tmp_path / str(i)) as store:
            found.append(outcome(Cached(capacity=capacity), store, jobs))
    results, events = zip(*found, strict=True)
    assert all(r == results[0] for r in results)
    groups = [max(e["group"] for e in told) + 1 for told in events]
    assert groups[:2] == [1, 1]
    assert groups[-1] == 6
    assert 1 < groups[2] < groups[3] <= 6
    for told in events:
        assert sum(e["made"] for e in told) == sum(e["made"] for e in events[0])
        waves = [(e["group"], e["wave"]) for e in told]
        assert waves == sorted(waves), "all waves of a group come before the next group"


def test_a_group_is_whole_contexts(tmp_path, jobs):
    reader = Cached(capacity=600)
    with Store(tmp_path / "s") as store:
        _, told = outcome(reader, store, jobs)
    of_group = {
        g: {
            c.question.split("-")[0]
            for e, batch in zip(told, reader.given, strict=True)
            if e["group"] == g
            for c in batch
        }
        for g in {e["group"] for e in told}
    }
    for a, b in itertools.combinations(of_group.values(), 2):
        assert not a & b
    assert set().union(*of_group.values()) == {f"doc{d}" for d in range(6)}


def test_a_route_that_asks_again_finds_its_document_in_the_cache(tmp_path, jobs):
    """Three documents fit: read wave by wave over all six, those of the wave before would be gone."""

    def observed(says: bool, capacity: int | None) -> int:
        with Store(tmp_path / f"{says}{capacity}") as store:
            _, told = outcome(Cached(capacity=capacity, says=says), store, jobs)
        return sum(e["observed_cached_tokens"] for e in told)

    endless, grouped, apart = observed(True, None), observed(True, 600), observed(False, 600)
    assert apart < grouped
    assert grouped >= 0.98 * endless


def test_a_reader_is_asked_for_its_capacity_only_where_calls_are_to_be_made(store, jobs):
    @dataclass(frozen=True, kw_only=True, eq=False)
    class Starts(Cached):
        started: list[int] = runtime(default_factory=list)

        @property
        def prefix_capacity(self) -> int | None:
            self.started.append(1)
            return 600

    first, again = Starts(), Starts()
    transcripts, keys = read(jobs(first), store)
    assert first.started
    same, same_keys = read(jobs(again), store)
    assert not again.started
    assert not again.given
    assert keys == same_keys
    assert [t.completions for t in same] == [t.completions for t in transcripts]


def test_readers_come_one_after_another(store, jobs):
    one, two, log = Cached(name="one", capacity=600), Cached(name="two"), Log()
    mixed = [job for pair in zip(jobs(one), jobs(two), strict=True) for job in pair]
    object.__setattr__(two, "says", False)
    read(mixed, store, log=log)
    assert [name for name, _ in itertools.groupby(e["reader"] for e in calls_of(log))] == ["one", "two"]


def test_a_watcher_hears_of_each_group(store, jobs):
    @dataclass
    class Begun(Watcher):
        labels: list[str] = field(default_factory=list)
        steps: list[int] = field(default_factory=list)

        def begin(self, label: str, total: int) -> None:
            self.labels.append(label)
            self.steps.append(-total)

        def step(self, count: int = 1) -> None:
            self.steps[-1] += count

    watcher = Begun()
    read(jobs(Cached(name="r", capacity=1)), store, watcher=watcher)
    assert list(dict.fromkeys(watcher.labels)) == ["r", *(f"r ({n})" for n in range(2, 7))]
    assert set(watcher.steps) == {0}
