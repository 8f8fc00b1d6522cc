"""Scripted: rules in order, groups, failures on request, and the log that counts real calls."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt
from pipeline.generators.base import Call, Completion, Sampling
from pipeline.generators.scripted import Scripted


def only(reader: Scripted, call: Call) -> Completion:
    [(index, completion)] = list(reader.generate([call]))
    assert index == 0
    return completion


def test_the_first_rule_found_decides_and_the_default_fills_in(call):
    reader = Scripted(rules=(("capital", "Paris"), ("France", "a country")), default="no idea")
    assert only(reader, call("the capital of France?")).text == "Paris"
    assert only(reader, call("where is France?")).text == "a country"
    assert only(reader, call("where is Spain?")).text == "no idea"


def test_a_substring_is_taken_as_it_stands_and_a_regex_gives_its_groups(call):
    reader = Scripted(rules=(("a.c?", "literal"), (r"re:code is (\w+)", r"it is \1")), default="none")
    assert only(reader, call("what of abc?")).text == "none"
    assert only(reader, call("what of a.c??")).text == "literal"
    assert only(reader, call("which code?", "The code is X42.")).text == "it is X42"


def test_a_broken_regex_is_one_line(call):
    with pytest.raises(UserError, match="not a regular expression") as caught:
        list(Scripted(rules=(("re:(", "x"),)).generate([call("q")]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("final", [True, False])
def test_it_fails_on_request(call, final):
    completion = only(Scripted(fail_on=("boom",), fail_final=final, default="fine"), call("boom?"))
    assert (completion.status, completion.text, completion.final) == ("failed", "", final)
    assert "boom" in completion.error
    assert only(Scripted(fail_on=("boom",), default="fine"), call("calm?")).status == "ok"


def test_tokens_are_words_and_a_cut_answer_is_failed(call):
    reader = Scripted(default="one two three.")
    asked = call("a b?")
    whole = only(reader, asked)
    # "Answer from the text." 5, "Question:" 2, "a b?" 3, "Answer:" 2
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (12, 4)
    cut = only(reader, replace(asked, sampling=Sampling(max_tokens=2)))
    assert (cut.status, cut.finish, cut.text, cut.usage.completion_tokens) == ("failed", "length", "one two", 2)


def test_a_prompt_without_its_text_fails(call):
    absent = Call(Prompt((Part("document", None, stated_tokens=9),)), Sampling(), "q", "lc")
    assert only(Scripted(), absent).status == "failed"


def test_the_log_holds_one_line_per_answered_call(call, tmp_path):
    log = tmp_path / "log"
    reader = Scripted(log_path=log)
    calls = [call("one", name="a"), call("two", name="b", route="rag")]
    answers = reader.generate(calls)
    next(answers)
    assert log.read_text() == f"{reader.call_key(calls[0])}\ta\tlc\t0\n"
    next(answers)
    assert log.read_text().splitlines()[1] == f"{reader.call_key(calls[1])}\tb\trag\t0"


def test_a_killed_process_leaves_the_lines_of_what_it_answered(tmp_path):
    log = tmp_path / "log"
    program = textwrap.dedent(f"""
        from pipeline.core.records import Part, Prompt
        from pipeline.generators.base import Call, Sampling
        from pipeline.generators.scripted import Scripted
        reader = Scripted(log_path={str(log)!r}, delay=0.01)
        calls = [Call(Prompt((Part("question", str(i)),)), Sampling(), str(i), "lc") for i in range(10_000)]
        for i, _ in reader.generate(calls):
            print(i, flush=True)
    """)
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert child.stdout is not None
    seen = [int(child.stdout.readline()) for _ in range(5)]
    os.kill(child.pid, signal.SIGKILL)
    seen += [int(line) for line in child.stdout.read().split()]
    child.wait()
    logged = [int(line.split("\t")[1]) for line in log.read_text().splitlines()]
    assert logged[: len(seen)] == seen
    assert len(logged) - len(seen) in (0, 1)
