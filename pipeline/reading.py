"""All routes' reader calls of a study: united, de-duplicated, ordered, remembered.

Every question of every route advances by what it asks for at a time: one call, or several that do not depend on each
other. The calls of one such wave are looked up among the remembered ones; the rest go to the reader sorted by their
texts, so that calls that share a prefix stand next to each other, and each answer is written down as it arrives.
Readers come one after another; where a reader says how much its prefix cache holds, the documents go in groups that
fit, all waves of a group before the next, so that a route that asks again still finds its document in the cache.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

from pipeline.call_order import cached_ahead, groups_that_fit, plan_order
from pipeline.core.records import Prompt, Question, Span
from pipeline.core.run import Log, Watcher, check_code
from pipeline.core.spec import canonical, settings
from pipeline.core.store import CallRow, Store
from pipeline.generators.base import Call, Completion, Generator, Usage
from pipeline.routes.base import Ask, Asks, Case, Reply, Route, Steps, advance

_Place = tuple[int, int]  # of a call in a wave: its job, and which of the calls that the job asks for at once
_Asked = dict[_Place, tuple[str, Call]]  # the calls of a wave by place, each with its key


@dataclass(frozen=True)
class Job:
    """One question by one route with one reader."""

    route_name: str
    route: Route
    case: Case

    @property
    def question(self) -> Question:
        """The question."""
        return self.case.question

    @property
    def reader(self) -> Generator:
        """The reader."""
        return self.case.reader


@dataclass
class Transcript:
    """What became of a job: its reply, and every call it made, in order.

    made: per call, whether this job had it made in this run (False: remembered, another job's, or an earlier one's).
    """

    reply: Reply | None = None
    completions: list[Completion] = field(default_factory=list)
    made: list[bool] = field(default_factory=list)

    @cached_property
    def usage(self) -> Usage:
        """Tokens of all calls, each charged in full. Asked once the job is done."""
        used = [c.usage for c in self.completions]
        return Usage(
            sum(u.prompt_tokens for u in used),
            sum(u.completion_tokens for u in used),
            sum(u.cached_tokens for u in used),
        )


@dataclass(frozen=True)
class PlannedCall:
    """A call to be made, in tokens: prompt, of these expected in the prefix cache, answer at most."""

    prompt: int
    cached: int
    answer: int


@dataclass
class CallPlan:
    """What all jobs ask for first, as `--dry-run` shows it, per reader. calls: those to make, in their order."""

    reader: Generator
    asked: int = 0
    distinct: int = 0
    remembered: int = 0
    calls: list[PlannedCall] = field(default_factory=list)
    why: Counter[str] = field(default_factory=Counter)

    @property
    def prompt_tokens(self) -> int:
        """Of the calls to be made."""
        return sum(c.prompt for c in self.calls)

    @property
    def cached_tokens(self) -> int:
        """Of the prompt tokens, those that are expected in the prefix cache."""
        return sum(c.cached for c in self.calls)

    @property
    def max_answer_tokens(self) -> int:
        """Of all answers, at most."""
        return sum(c.answer for c in self.calls)


def plan_calls(jobs: Iterable[Job], store: Store) -> list[CallPlan]:
    """What the jobs' first calls would take; later calls depend on answers that are not there yet."""
    by_reader: dict[int, tuple[CallPlan, dict[str, Call]]] = {}
    for job in jobs:
        plan, calls = by_reader.setdefault(id(job.reader), (CallPlan(job.reader), {}))
        first = advance(job.route.steps(job.case))
        for call in [] if isinstance(first, Reply) else _calls(job, first, 0):
            plan.asked += 1
            calls[job.reader.call_key(call)] = call
    plans = []
    for plan, calls in by_reader.values():
        found = store.calls(calls)
        todo = [call for key, call in calls.items() if key not in found]
        todo = [todo[i] for i in plan_order(todo)]
        plan.distinct, plan.remembered = len(calls), len(found)
        sizes = (plan.reader.tokenizer.count_prompt(c.prompt) for c in todo)
        held = zip(todo, sizes, cached_ahead(todo, plan.reader), strict=True)
        plan.calls = [PlannedCall(size, cached, call.sampling.max_tokens) for call, size, cached in held]
        plan.why = Counter(_why(c, plan.reader, store) for c in todo)
        plans.append(plan)
    return plans


def _why(call: Call, reader: Generator, store: Store) -> str:
    """Why a call is not remembered, by comparison with the newest one of the same reader, question, route and turn."""
    if reader.call_key(call) in store.dropped:
        return "the remembered call was damaged"
    last = store.last_call(reader.label, call.question, call.route, call.turn)
    if last is None:
        return "never asked before"
    if last.generator != reader.identity:
        return "the reader's settings or version changed"
    if last.sampling != canonical(settings(call.sampling)):
        return f"sampling changed: {last.sampling} -> {canonical(settings(call.sampling))}"
    if last.prompt != call.prompt.digest:
        return "its prompt changed"
    return "the remembered call was deleted"


def read(
    jobs: Sequence[Job], store: Store, *, log: Log | None = None, watcher: Watcher | None = None
) -> tuple[list[Transcript], set[str]]:
    """Answer all jobs. Returns their transcripts, in order, and the keys of the calls they stand on.

    A completion that is not final is used and not remembered: the next run asks again.
    """
    by_reader: dict[int, list[int]] = {}
    for i, job in enumerate(jobs):
        by_reader.setdefault(id(job.reader), []).append(i)
    for members in by_reader.values():
        check_code(store, jobs[members[0]].reader)
    reading = _Reading(jobs, store, log or Log(), watcher or Watcher())
    for members in by_reader.values():
        reading.read(members)
    return reading.transcripts, set(reading.answered)


class _Reading:
    """How far the jobs have come: their routes, their transcripts, and every answer so far by its call's key."""

    def __init__(self, jobs: Sequence[Job], store: Store, log: Log, watcher: Watcher) -> None:
        self.jobs, self.store, self.log, self.watcher = jobs, store, log, watcher
        self.transcripts = [Transcript() for _ in jobs]
        self.answered: dict[str, Completion] = {}
        self._running: dict[int, Steps] = {}
        self._wanted: dict[int, Asks] = {}

    def read(self, members: Sequence[int]) -> None:
        """All jobs of one reader."""
        self._running = {i: self.jobs[i].route.steps(self.jobs[i].case) for i in members}
        first = self._ask({i: advance(steps) for i, steps in self._running.items()})
        self._recall(first)
        for number, group in enumerate(self._groups(first)):
            asked, wave = group, 0
            while asked:
                self._wave(asked, wave, number)
                asked = self._go_on(asked)
                wave += 1

    def _ask(self, steps: Mapping[int, Asks | Reply]) -> _Asked:
        """The calls that jobs ask for next; the reply of those that are done goes to their transcripts."""
        asked: _Asked = {}
        for i, step in steps.items():
            job, transcript = self.jobs[i], self.transcripts[i]
            if isinstance(step, Reply):
                transcript.reply = step
                continue
            self._wanted[i] = step
            for k, call in enumerate(_calls(job, step, len(transcript.completions))):
                asked[i, k] = job.reader.call_key(call), call
        return asked

    def _go_on(self, asked: _Asked) -> _Asked:
        """Send the jobs of a wave their answers."""
        steps: dict[int, Asks | Reply] = {}
        for i in dict.fromkeys(i for i, _ in asked):
            wanted, done = self._wanted[i], self.transcripts[i].completions
            answer = done[-1] if isinstance(wanted, Ask) else tuple(done[-len(wanted) :])
            steps[i] = advance(self._running[i], answer)
        return self._ask(steps)

    def _recall(self, asked: _Asked) -> None:
        # What is answered already comes first: a failure that is not final is one for all routes that share the call,
        # in whatever wave.
        unknown = {key for key, _ in asked.values()} - self.answered.keys()
        self.answered |= {key: _completion(row) for key, row in self.store.calls(unknown).items()}

    def _groups(self, asked: _Asked) -> list[_Asked]:
        """First calls in groups of whole contexts whose prompts the reader's prefix cache holds together."""
        if all(key in self.answered for key, _ in asked.values()):
            return [asked]
        reader = self.jobs[next(iter(asked))[0]].reader
        capacity = reader.prefix_capacity
        if capacity is None:
            return [asked]
        contexts: dict[tuple[str, ...], _Asked] = {}
        for place, call in asked.items():
            contexts.setdefault(tuple(d.id for d in self.jobs[place[0]].case.documents), {})[place] = call
        whole = list(contexts.values())
        texts = [Prompt(tuple(d.part for d in self.jobs[next(iter(c))[0]].case.documents)) for c in whole]
        new = [[call for key, call in c.values() if key not in self.answered] for c in whole]
        groups = groups_that_fit(list(zip(texts, new, strict=True)), capacity, reader)
        return [{place: asked[place] for i in group for place in whole[i]} for group in groups]

    def _wave(self, asked: _Asked, wave: int, group: int) -> None:
        """One wave of one group: look up, order, call, write down."""
        reader = self.jobs[next(iter(asked))[0]].reader
        self._recall(asked)
        owner = {key: place for place, (key, _) in reversed(asked.items()) if key not in self.answered}
        distinct = len({key for key, _ in asked.values()})
        keys, todo = list(owner), [asked[place][1] for place in owner.values()]
        # Every other wave backwards, which shares as much: where the cache does not hold all documents, those read last
        # are the ones that it holds.
        order = plan_order(todo)[:: -1 if wave % 2 else 1]
        keys, todo = [keys[k] for k in order], [todo[k] for k in order]
        self.watcher.begin(f"{reader.label} ({group + 1})" if group else reader.label, len(todo))
        cached = warm = failed = 0
        for at, completion in reader.generate(todo) if todo else ():
            key, completion = keys[at], _writable(completion)
            self.answered[key] = completion
            if completion.final:
                self.store.put_calls([_row(key, todo[at], completion, reader)])
            cached += completion.usage.cached_tokens
            warm += completion.usage.cached_tokens > 0
            failed += completion.status == "failed"
            self.watcher.step()
        use = reader.last_use() if todo else None
        # An engine's own account costs nothing; to ask ahead is to tokenize every prompt while the engine waits.
        predicted = sum(cached_ahead(todo, reader)) if use is None else use.predicted_tokens
        self.log.event(
            "calls",
            reader=reader.label,
            group=group,
            wave=wave,
            asked=len(asked),
            distinct=distinct,
            remembered=distinct - len(todo),
            made=len(todo),
            failed=failed,
            warm=warm,
            predicted_cached_tokens=predicted,
            observed_cached_tokens=cached,
            **({} if use is None else {"engine": asdict(use)}),
        )
        if todo and (kept := reader.kv_use()) is not None:
            self.log.event("kv", reader=reader.label, group=group, wave=wave, **kept)
        for place, (key, _) in asked.items():
            transcript = self.transcripts[place[0]]
            transcript.completions.append(self.answered[key])
            transcript.made.append(owner.get(key) == place)


def _calls(job: Job, asks: Asks, turn: int) -> list[Call]:
    """The calls of asks, whose first is the job's call number `turn`."""
    asks = (asks,) if isinstance(asks, Ask) else asks
    return [Call(a.prompt, a.sampling, job.question.id, job.route_name, turn + k) for k, a in enumerate(asks)]


def _writable(done: Completion) -> Completion:
    """The completion as UTF-8 can hold it: a stream may have been cut within a surrogate pair."""
    text, error = (s.encode("utf-8", "replace").decode("utf-8") for s in (done.text, done.error))
    return done if (text, error) == (done.text, done.error) else replace(done, text=text, error=error)


def _row(key: str, call: Call, done: Completion, reader: Generator) -> CallRow:
    return CallRow(
        key=key,
        generator=reader.identity,
        reader=reader.label,
        question=call.question,
        route=call.route,
        turn=call.turn,
        prompt=call.prompt.digest,
        sampling=canonical(settings(call.sampling)),
        text=done.text,
        status=done.status,
        finish=done.finish,
        error=done.error,
        prompt_tokens=done.usage.prompt_tokens,
        completion_tokens=done.usage.completion_tokens,
        cached_tokens=done.usage.cached_tokens,
        cites=json.dumps([[s.doc, s.start, s.end] for s in done.cites]),
        seconds=done.seconds,
    )


def _completion(row: CallRow) -> Completion:
    return Completion(
        text=row.text,
        status="failed" if row.status == "failed" else "ok",
        finish=row.finish,
        error=row.error,
        usage=Usage(row.prompt_tokens, row.completion_tokens, row.cached_tokens),
        cites=tuple(Span(*s) for s in json.loads(row.cites)),
        seconds=row.seconds,
    )
