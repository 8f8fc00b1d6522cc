"""Batch: requests written, answered by a stand-in that reads the file as a service would, and read by the next run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline.generators.batch as module
from experiments.catalog_readers import READERS
from experiments.config import build
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, Question
from pipeline.core.store import Store
from pipeline.generators.base import Call, Completion, Sampling, Usage
from pipeline.generators.batch import Batch
from pipeline.generators.endpoint import Endpoint
from pipeline.reading import Job, read
from pipeline.routes.base import Ask, Case, Cut, Reply, Route, Steps

APIS = pytest.mark.parametrize("api", ["chat", "completions"])
FORMS = pytest.mark.parametrize("form", ["openai", "vllm"])


@pytest.fixture
def reader(tmp_path: Path) -> Callable[..., Batch]:
    def make(**settings: Any) -> Batch:
        return Batch(**{"model": "org/m", "folder": str(tmp_path / "batches"), **settings})

    return make


def answers(reader: Batch, calls: list[Call]) -> list[Completion]:
    got = list(reader.generate(calls))
    assert sorted(i for i, _ in got) == list(range(len(calls)))
    return [completion for _, completion in sorted(got, key=lambda pair: pair[0])]


def requests(folder: str | Path) -> dict[str, list[dict[str, Any]]]:
    """File name -> its requests, read as a service reads them: by line feeds, as UTF-8."""
    return {
        path.name: [json.loads(line) for line in path.read_bytes().decode("utf-8").split("\n") if line]
        for path in sorted(Path(folder).glob("*.requests.jsonl"))
    }


def result(id_: str, text: str | None = "It is 42.", *, api: str = "chat", **over: Any) -> dict[str, Any]:
    """A line of an output file. over: status, finish, usage."""
    told = {"text": text} if api == "completions" else {"message": {"role": "assistant", "content": text}}
    choice = {"index": 0, "finish_reason": over.get("finish", "stop"), **told}
    usage = over.get("usage", {"prompt_tokens": 90, "completion_tokens": 4})
    body = {"id": "r", "object": "chat.completion", "choices": [choice], "usage": usage}
    response = {"status_code": 200, "request_id": "q", "body": body}
    return {"id": "b", "custom_id": id_, "response": response, "error": None}


def refused(id_: str, status: int, message: str, form: str) -> dict[str, Any]:
    """A line for a request that was not served: OpenAI puts the error into the body, vLLM beside an empty one."""
    error = {"error": {"message": message, "type": "BadRequestError", "code": status if form == "vllm" else None}}
    response = {"status_code": status, "request_id": "q", "body": error if form == "openai" else None}
    return {"id": "b", "custom_id": id_, "response": response, "error": None if form == "openai" else error}


def put(folder: str | Path, name: str, *lines: dict[str, Any]) -> Path:
    path = Path(folder) / f"{name}.results.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def answer_all(folder: str | Path, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """Answer every file of requests that has no results, in another order than asked. Returns how many files."""
    files = 0
    for name, asked in requests(folder).items():
        stem = name.removesuffix(".requests.jsonl")
        if not (Path(folder) / f"{stem}.results.jsonl").exists():
            put(folder, stem, *[answer(request) for request in reversed(asked)])
            files += 1
    return files


@APIS
def test_a_round_writes_the_requests_and_the_next_run_reads_the_answers(reader, call, api):
    usage = {"prompt_tokens": 900, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 640}}
    calls = [call(f"What is {i}?", "Long text.", max_tokens=33) for i in range(5)]
    first = reader(api=api)
    pending = answers(first, calls)
    assert [(c.status, c.final, c.finish) for c in pending] == [("failed", False, "pending")] * 5
    assert all(c.usage.prompt_tokens > 0 and "\n" not in c.error for c in pending)
    [(name, asked)] = requests(first.folder).items()
    assert name == "org-m-1.requests.jsonl"
    assert [request["custom_id"] for request in asked] == [first.call_key(c) for c in calls], "in the given order"
    assert all(len(request["custom_id"]) <= 64 for request in asked)
    path = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}[api]
    assert {(r["method"], r["url"], r["body"]["model"]) for r in asked} == {("POST", path, "org/m")}
    for one, request in zip(calls, asked, strict=True):
        body = request["body"]
        told = body["prompt"] if api == "completions" else body["messages"]
        want = one.prompt.text if api == "completions" else [{"role": "user", "content": one.prompt.text}]
        assert told == want
        assert (body["max_tokens"], body["temperature"]) == (33, 0.0)
        assert "stream" not in body
    answer_all(first.folder, lambda r: result(r["custom_id"], f"it is {r['custom_id'][:5]}", api=api, usage=usage))
    second = reader(api=api)
    got = answers(second, calls)
    assert [c.text for c in got] == [f"it is {second.call_key(c)[:5]}" for c in calls]
    assert {(c.status, c.final, c.usage) for c in got} == {("ok", True, Usage(900, 7, 640))}


@APIS
def test_what_is_asked_is_what_an_endpoint_asks(server, reader, call, api):
    asked = call("q", temperature=0.5, top_p=0.9, seed=11, stop=("END",), max_tokens=8)
    extra = {"max_tokens": None, "max_completion_tokens": 8, "reasoning_effort": "low"}
    list(Endpoint(model="org/m", base_url=server.url, stream=False, extra=extra, api=api).generate([asked]))
    batch = reader(extra=extra, api=api)
    answers(batch, [asked])
    [[request]] = requests(batch.folder).values()
    assert request["body"] == server.bodies[0]
    assert request["url"] == server.paths[0]


def test_the_error_says_what_to_do_and_the_command_is_the_one_that_works(reader, call, tmp_path):
    batch = reader(folder=str(tmp_path / "my batches"))
    [pending] = answers(batch, [call("q")])
    stem = tmp_path / "my batches" / "org-m-1"
    assert f"vllm run-batch -i '{stem}.requests.jsonl' -o '{stem}.results.jsonl' --model org/m" in pending.error
    assert "run again" in pending.error
    [pending] = answers(reader(api="completions", name="base"), [call("q")])
    assert "run-batch" not in pending.error, "it serves no completions"
    assert "base-1.requests.jsonl" in pending.error


@FORMS
def test_errors_mean_what_they_mean_to_an_endpoint(reader, call, form):
    said = {
        "too long": (400, "This model's maximum context length is 4096 tokens. However, you requested 9000."),
        "filtered": (400, "The response was filtered due to the content management policy"),
        "busy": (429, "slow down"),
        "down": (500, "no room"),
        "unknown field": (400, "no such field: efort"),
    }
    calls = {name: call(name) for name in said}
    batch = reader()
    put(batch.folder, "x", *[refused(batch.call_key(calls[n]), *fault, form) for n, fault in said.items()])
    got = dict(zip(said, answers(batch, list(calls.values())), strict=True))
    for name, (status, message) in said.items():
        assert got[name].status == "failed"
        assert f"HTTP {status}" in got[name].error
        assert message[:20] in got[name].error
        assert got[name].final == (name in ("too long", "filtered"))
    assert got["filtered"].finish == "content_filter"
    [asked] = requests(batch.folder).values()
    again = ["busy", "down", "unknown field"]
    assert [r["custom_id"] for r in asked] == [batch.call_key(calls[name]) for name in again], "asked again"
    assert all("asked again" in got[name].error for name in again)


def test_an_expired_request_of_an_error_file_is_asked_again(reader, call):
    batch = reader()
    expired = {"code": "batch_expired", "message": "This request could not be executed before the window expired."}
    put(batch.folder, "err", {"id": "b", "custom_id": batch.call_key(call("q")), "response": None, "error": expired})
    [got] = answers(batch, [call("q")])
    assert "batch_expired This request" in got.error
    assert not got.final
    assert len(requests(batch.folder)) == 1


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_cut_or_filtered_answer_is_failed_for_good(reader, call, finish):
    batch = reader()
    put(batch.folder, "x", result(batch.call_key(call("q")), "It is fo", finish=finish))
    [got] = answers(batch, [call("q")])
    assert (got.status, got.finish, got.text, got.final) == ("failed", finish, "It is fo", True)
    assert not requests(batch.folder)


@pytest.mark.parametrize(
    "response",
    [
        {"status_code": 200, "body": None},
        {"status_code": 200, "body": {"choices": []}},
        {"status_code": 200, "body": {"choices": [{"message": {"content": "x"}, "finish_reason": "abort"}]}},
        None,
        "text",
    ],
    ids=["no body", "no choice", "aborted", "no response", "no object"],
)
def test_a_result_that_holds_no_answer_is_asked_again(reader, call, response):
    batch = reader()
    put(batch.folder, "x", {"custom_id": batch.call_key(call("q")), "response": response, "error": None})
    [got] = answers(batch, [call("q")])
    assert (got.status, got.final) == ("failed", False)
    assert len(requests(batch.folder)) == 1


def test_without_usage_the_named_tokenizer_counts(reader, call):
    batch, asked = reader(), call("What is it?")
    put(batch.folder, "x", result(batch.call_key(asked), usage=None))
    [got] = answers(batch, [asked])
    words = batch.tokenizer
    assert got.usage == Usage(words.count(asked.prompt.text), words.count("It is 42."), 0)


def test_of_several_results_a_whole_answer_counts_and_strangers_are_left_alone(reader, call):
    batch, calls = reader(), [call("a"), call("b")]
    a, b = map(batch.call_key, calls)
    put(batch.folder, "1-errors", refused(a, 500, "no room", "openai"), result("somebody else's", "no"))
    put(batch.folder, "2", refused(b, 400, "prompt is too long", "openai"), result(a, "first"), result(a, "twice"))
    put(batch.folder, "3", result(a, "later"), result(b, "whole"))
    assert [c.text for c in answers(batch, calls)] == ["first", "whole"]
    assert not requests(batch.folder)


@pytest.mark.parametrize("line", ['{"custom_id": "x", "resp', "[1]", "7", "{}", "<html>", "\ufffd"])
def test_a_broken_line_is_one_line_that_names_it(reader, call, line):
    batch = reader()
    path = put(batch.folder, "x", result("somebody else's"))
    path.write_text(path.read_text() + "\n" + line, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        answers(batch, [call("q")])
    assert f"{path}:3" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_used_is_one_line(reader, call, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="folder"):
        answers(reader(folder=str(tmp_path / "file")), [call("q")])


def test_files_are_split_at_the_limits(reader, call, monkeypatch):
    monkeypatch.setattr(module, "MOST_REQUESTS", 3)
    calls = [call(f"q{i}") for i in range(7)]
    batch = reader()
    got = answers(batch, calls)
    files = requests(batch.folder)
    assert [len(asked) for asked in files.values()] == [3, 3, 1]
    assert [r["custom_id"] for asked in files.values() for r in asked] == [batch.call_key(c) for c in calls]
    assert all(f"org-m-{i // 3 + 1}.requests" in c.error for i, c in enumerate(got)), "each names its own file"
    size = max(path.stat().st_size for path in Path(batch.folder).iterdir()) // 3
    monkeypatch.setattr(module, "MOST_REQUESTS", 50_000)
    monkeypatch.setattr(module, "MOST_BYTES", 2 * size + 10)
    small = reader(name="small")
    answers(small, [*calls, call("long " * size)])
    sizes = {p.name: p.stat().st_size for p in Path(small.folder).glob("small-*")}
    assert len(sizes) == 5
    assert all(s <= 2 * size + 10 for name, s in sizes.items() if name != "small-5.requests.jsonl")
    assert len(requests(small.folder)["small-5.requests.jsonl"]) == 1, "one that is too long alone stands alone"
    assert not list(Path(small.folder).glob("*.tmp"))


def test_characters_that_end_lines_elsewhere_or_are_none_keep_the_file_readable(reader, call):
    text = "one\u2028two\u2029three\x85four\nfünf 日本 \U0001f600"
    batch = reader()
    answers(batch, [call(text), call("half \ud83d a pair")])
    [path] = Path(batch.folder).glob("*.requests.jsonl")
    lines = path.read_bytes().decode("utf-8").splitlines()
    assert len(lines) == 2
    assert text in json.loads(lines[0])["body"]["messages"][0]["content"]
    assert "日本" in lines[0], "not six bytes a character"


def test_equal_calls_are_asked_once_and_answered_each(reader, call):
    batch, calls = reader(), [call("a"), call("b"), call("a")]
    assert len(answers(batch, calls)) == 3
    assert [len(asked) for asked in requests(batch.folder).values()] == [2]
    answer_all(batch.folder, lambda r: result(r["custom_id"]))
    assert [c.text for c in answers(reader(), calls)] == ["It is 42."] * 3


def test_a_later_run_replaces_what_nobody_answered_and_no_results(reader, call):
    a, b, c = call("a"), call("b"), call("c")
    first = reader()
    answers(first, [a, b])
    answers(first, [c])  # a later wave of the same run
    answers(first, [a])  # asked already
    assert [len(asked) for asked in requests(first.folder).values()] == [2, 1]
    other = reader(name="other")
    answers(other, [a])
    second = reader()
    answers(second, [b, c])
    assert {name: len(asked) for name, asked in requests(first.folder).items()} == {
        "org-m-1.requests.jsonl": 2,
        "other-1.requests.jsonl": 1,
    }, "one file with what is still wanted, and another reader's is not touched"
    put(first.folder, "org-m-1", result(first.call_key(b)), refused(first.call_key(c), 500, "", "openai"))
    third = reader()
    got = answers(third, [b, c])
    assert got[0].text == "It is 42."
    assert "org-m-2.results.jsonl" in got[1].error, "the answers that are there are not written over"
    put(first.folder, "org-m-2", refused(first.call_key(c), 500, "", "openai"))
    assert "org-m-3.results.jsonl" in answers(third, [c])[0].error


def test_nothing_to_ask_writes_nothing_and_takes_old_requests_away(reader, call):
    batch = reader()
    answers(batch, [call("a")])
    put(batch.folder, "what the service called it", result(batch.call_key(call("a"))))
    assert answers(reader(), [call("a")])[0].status == "ok"
    assert not requests(batch.folder)
    assert list(reader().generate([])) == []


def test_a_prompt_without_its_text_fails_and_is_not_written(reader, call):
    batch = reader()
    got = answers(batch, [Call(Prompt((Part("document", None),)), Sampling(), "q", "lc"), call("q")])
    assert [(c.status, c.final) for c in got] == [("failed", True), ("failed", False)]
    assert [len(asked) for asked in requests(batch.folder).values()] == [1]


def test_identity_is_the_model_and_what_it_is_asked(reader):
    base = reader()
    for other in ({"folder": "/elsewhere"}, {"context": 9}, {"count_with": "minilm"}, {"name": "n"}):
        assert reader(**other).identity == base.identity
    for other in ({"model": "x"}, {"revision": "2"}, {"api": "completions"}, {"extra": {"a": 1}}):
        assert reader(**other).identity != base.identity
    assert (reader(context=9).window, base.window) == (9, None)


def test_the_catalogue_builds_it_and_refuses_another_api(tmp_path):
    made = build(READERS["batch"], {"model": "m", "folder": str(tmp_path), "api": "completions"}, "readers.0")
    assert made == Batch(model="m", folder=str(tmp_path), api="completions")
    with pytest.raises(UserError):
        build(READERS["batch"], {"model": "m", "folder": str(tmp_path), "api": "chats"}, "readers.0")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TwoTurns(Route):
    """Asks, and asks again about the answer; a failure ends it."""

    def steps(self, case: Case) -> Steps:
        prompt = Prompt((Part("question", f"first {case.question.text}"),))
        told: Completion = yield Ask(prompt, self.sampling)
        if told.status == "ok":
            prompt = Prompt((Part("question", f"second {case.question.text} {told.text}"),))
            told = yield Ask(prompt, self.sampling)
        return Reply(told, prompt, Cut(0, 0))


def test_a_route_of_two_turns_takes_two_rounds_and_every_answer_is_remembered(reader, tmp_path):
    def run() -> tuple[list, Batch]:
        batch = reader()
        cases = [Case(Question(f"q{i}", f"what is {i}?"), (), {}, batch) for i in range(3)]
        with Store(tmp_path / "store") as store:
            transcripts, _ = read([Job("two", TwoTurns(), case) for case in cases], store)
        return transcripts, batch

    def served(request: dict[str, Any]) -> dict[str, Any]:
        return result(request["custom_id"], request["body"]["messages"][0]["content"].upper())

    rounds = 0
    while True:
        transcripts, batch = run()
        if all(c.final for t in transcripts for c in t.completions):
            break
        rounds += answer_all(batch.folder, served)
    assert rounds == 2
    assert [t.reply.completion.text for t in transcripts] == [
        f"SECOND WHAT IS {i}? FIRST WHAT IS {i}?" for i in range(3)
    ]
    for path in Path(batch.folder).iterdir():
        path.unlink()
    again, _ = run()
    assert [t.reply.completion.text for t in again] == [t.reply.completion.text for t in transcripts]
    assert not requests(batch.folder), "answers that were read once need no file any more"
