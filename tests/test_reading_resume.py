"""Routes of several turns, and runs that are killed: what was answered is not asked again, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.core.records import Part, Prompt
from pipeline.core.spec import runtime
from pipeline.core.store import Store
from pipeline.generators.base import Call, Completion, Generator
from pipeline.generators.scripted import Scripted
from pipeline.reading import Job, read
from pipeline.routes.base import Ask, Case, Cut, Reply, Route, Steps


def logged(path: Path) -> list[str]:
    """Keys of the calls that the reader answered, in order."""
    return [line.split("\t")[0] for line in path.read_text().splitlines()] if path.exists() else []


@dataclass(frozen=True, kw_only=True)
class Loop(Route):
    """Asks `turns` times; each prompt holds the answer before."""

    turns: int = 4

    def steps(self, case: Case) -> Steps:
        said = ""
        prompt = Prompt(())
        completion = Completion("")
        for turn in range(self.turns):
            prompt = Prompt((Part("question", f"{case.question.id} turn {turn} after '{said}'"),))
            completion = yield Ask(prompt, self.sampling)
            said = completion.text
        return Reply(completion, prompt, Cut(0, 0))


@dataclass(frozen=True, kw_only=True)
class Rounds(Route):
    """Asks `width` things at once, `rounds` times; each prompt of a round holds all answers of the one before."""

    width: int = 4
    rounds: int = 2

    def steps(self, case: Case) -> Steps:
        said: list[str] = []
        for turn in range(self.rounds):
            prompts = [
                Prompt((Part("question", f"{case.question.id} round {turn} part {k} after {said}"),))
                for k in range(self.width)
            ]
            done: tuple[Completion, ...] = yield tuple(Ask(prompt, self.sampling) for prompt in prompts)
            said = [c.text for c in done]
        return Reply(done[-1], prompts[-1], Cut(0, 0))


@dataclass(frozen=True, kw_only=True)
class Killed(Scripted):
    """A script that stops the process, as it were, before its n-th call is answered."""

    after: list[int] = runtime(default_factory=lambda: [10**9])

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        for index, completion in super().generate(calls):
            yield index, completion
            self.after[0] -= 1
            if not self.after[0]:
                raise KeyboardInterrupt


def test_a_self_route_declines_and_goes_on(store, make_dataset, jobs_of):
    data = make_dataset(documents=2, questions=2)
    reader = Scripted(rules=(("doc0word20", "from the whole"), ("doc1word1 ", "from a passage")))
    transcripts, _ = read(jobs_of(data, reader, "self"), store)
    texts = [[c.text for c in t.completions] for t in transcripts]
    assert texts == [["unanswerable", "from the whole"]] * 2 + [["from a passage"]] * 2
    assert [t.reply.prompt.parts[1].role for t in transcripts if t.reply] == ["document"] * 2 + ["label"] * 2


@pytest.mark.parametrize("after", [1, 3, 7, 8, 9, 13, 19, 41, 70])
def test_a_killed_run_makes_no_call_twice(store, make_dataset, tmp_path, after, routes, case_of):
    data = make_dataset(documents=3, questions=2)
    all_routes = {**routes, "loop": Loop(), "rounds": Rounds()}
    calls = tmp_path / "calls.tsv"

    def jobs(reader: Generator) -> list[Job]:
        return [Job(n, r, case_of(data, q, reader)) for n, r in all_routes.items() for q in data.questions]

    rules = (("doc1word1 ", "a passage"), ("doc2word20", "the whole"))
    with pytest.raises(KeyboardInterrupt):
        read(jobs(Killed(rules=rules, log_path=calls, after=[after])), store)
    before = logged(calls)
    assert len(before) == after
    resumed, keys = read(jobs(Killed(rules=rules, log_path=calls)), store)
    made = logged(calls)
    assert len(made) == len(set(made)), "a call was made twice"
    assert set(made) == keys
    with Store(tmp_path / "undisturbed") as other:
        whole, _ = read(jobs(Killed(rules=rules)), other)
    assert [[c.text for c in t.completions] for t in resumed] == [[c.text for c in t.completions] for t in whole]
    assert [t.usage for t in resumed] == [t.usage for t in whole]
    assert [t.reply and t.reply.prompt for t in resumed] == [t.reply and t.reply.prompt for t in whole]
