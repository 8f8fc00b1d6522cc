"""Endpoint against a real HTTP server with faults: what is tried again, what is not, and what the user gets to see."""

from __future__ import annotations

import json
import socket
import threading
import time
from email.utils import formatdate

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, digest_parts
from pipeline.generators.base import Call, Sampling, Usage
from pipeline.generators.endpoint import Endpoint

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
SECRET = "sk-very-secret-0123456789"


@pytest.fixture
def reader(server):
    def make(**settings) -> Endpoint:
        return Endpoint(**{"model": "m", "base_url": server.url, "backoff": 0.01, "timeout": 30.0, **settings})

    return make


def answers(reader: Endpoint, calls: list[Call]) -> list:
    got = dict(reader.generate(calls))
    assert sorted(got) == list(range(len(calls)))
    return [got[i] for i in range(len(calls))]


@BOTH
def test_the_prompt_goes_out_and_the_answer_and_usage_come_back(server, faults, reader, call, stream):
    usage = {"prompt_tokens": 900, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 640}}
    server.plan = [faults.say("It is 42.", usage=usage)]
    asked = call("What is it?", "Long text. It is 42.", max_tokens=33)
    [completion] = answers(reader(stream=stream), [asked])
    assert (completion.status, completion.text, completion.finish) == ("ok", "It is 42.", "stop")
    assert completion.usage == Usage(900, 7, 640)
    body = server.bodies[0]
    assert body["messages"] == [{"role": "user", "content": asked.prompt.text}]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("m", 33, 0.0)
    assert body.get("stream", False) == stream
    assert body.get("stream_options") == ({"include_usage": True} if stream else None)
    assert not {"seed", "top_p", "stop"} & set(body)


@BOTH
def test_a_base_model_is_given_the_text_alone(server, faults, reader, call, stream):
    usage = {"prompt_tokens": 900, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 640}}
    server.plan = [faults.say(" It is 42.", usage=usage), faults.say("It is fo", finish="length"), faults.say(None)]
    asked = call("What is it?", "Long text. It is 42.", max_tokens=33, stop=("\n",))
    base = reader(stream=stream, api="completions", concurrency=1)
    got = answers(base, [asked, call("cut"), call("nothing")])
    assert [(c.status, c.text, c.finish) for c in got[:2]] == [
        ("ok", " It is 42.", "stop"),
        ("failed", "It is fo", "length"),
    ]
    assert (got[2].text, got[2].status) == ("", "ok" if stream else "failed"), "an empty stream is an empty answer"
    assert got[0].usage == Usage(900, 7, 640)
    body = server.bodies[0]
    assert (body["prompt"], body["stop"], body["max_tokens"]) == (asked.prompt.text, ["\n"], 33)
    assert "messages" not in body
    assert set(server.paths) == {"/v1/completions"}
    answers(reader(stream=stream), [asked])
    assert server.paths[-1] == "/v1/chat/completions"


@BOTH
def test_without_usage_the_named_tokenizer_counts(server, faults, reader, call, stream):
    server.plan = [faults.say("It is 42.")]
    asked = call("What is it?")
    [completion] = answers(reader(stream=stream), [asked])
    words = reader().tokenizer
    assert completion.usage == Usage(words.count(asked.prompt.text), 4, 0)


def test_sampling_and_extra_fields(server, reader, call):
    sampled = call("q", temperature=0.5, top_p=0.9, seed=11, stop=("END",), max_tokens=8)
    extra = {"max_tokens": None, "max_completion_tokens": 8, "reasoning_effort": "low"}
    answers(reader(extra=extra), [sampled])
    body = server.bodies[0]
    assert (body["temperature"], body["top_p"], body["seed"], body["stop"]) == (0.5, 0.9, 11, ["END"])
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (8, "low")
    assert "max_tokens" not in body


@BOTH
def test_separators_of_unicode_inside_an_answer_are_no_line_ends(server, faults, reader, call, stream):
    text = "one\u2028two\u0085three\x0bfour\nfünf 日本 \U0001f600"
    server.plan = [faults.say(text)]
    assert answers(reader(stream=stream), [call("q")])[0].text == text


def test_a_server_that_ignores_streaming_is_understood(server, faults, reader, call):
    server.plan = [lambda handler, body: faults.say("plain")(handler, body | {"stream": False})]
    assert answers(reader(stream=True), [call("q")])[0].text == "plain"


@BOTH
def test_calls_are_really_parallel_and_never_more_than_allowed(server, faults, reader, call, stream):
    server.always = faults.slow(0.1)
    calls = [call(f"question {i}") for i in range(24)]
    got = answers(reader(concurrency=8, stream=stream), calls)
    assert server.most == 8
    assert [c.text for c in got] == [faults.echoed(c.prompt.text) for c in calls]
    assert all(c.seconds >= 0.1 for c in got)


def test_answers_are_handed_on_as_they_arrive(server, faults, reader, call):
    fast_was_read = threading.Event()

    def hold(handler, body):
        # Which of the two requests arrives first is the machine's choice: the text decides, not the order.
        if "slow" in body["messages"][0]["content"]:
            assert fast_was_read.wait(30)
        faults.echo(handler, body)

    server.always = hold
    arriving = reader(concurrency=2).generate([call("slow"), call("fast")])
    assert next(arriving)[0] == 1
    fast_was_read.set()
    assert next(arriving)[0] == 0


def test_a_caller_who_stops_asking_stops_the_requests(server, faults, reader, call):
    server.plan = [faults.echo]
    released = threading.Event()
    server.always = lambda handler, body: released.wait(30) and faults.echo(handler, body)
    arriving = reader(concurrency=2).generate([call(str(i)) for i in range(50)])
    next(arriving)
    begin = time.perf_counter()
    arriving.close()
    assert time.perf_counter() - begin < 15, "a request under way must not be waited for"
    released.set()
    time.sleep(0.3)
    assert len(server.bodies) <= 3, "one answered, two under way"


@BOTH
@pytest.mark.parametrize(
    "fault", ["429", "500", "503", "reset", "garbage", "not an object", "error in 200", "no choice"]
)
def test_a_passing_fault_is_tried_again(server, faults, reader, call, fault, stream):
    behaviour = {
        "429": faults.status(429, Retry_After="0"),
        "500": faults.status(500),
        "503": faults.status(503),
        "reset": faults.reset,
        "garbage": faults.raw(b'{"choices": [{"mess'),
        "not an object": faults.raw(b"[1, 2]"),
        "error in 200": faults.raw(b'{"error": {"message": "upstream is overloaded"}}'),
        "no choice": faults.raw(b'{"choices": []}'),
    }[fault]
    server.plan = [behaviour, behaviour]
    [completion] = answers(reader(stream=stream), [call("q")])
    assert completion.status == "ok"
    assert len(server.bodies) == 3


def test_retry_after_is_honoured_in_seconds_and_as_a_date(server, faults, reader, call):
    date = formatdate(time.time() + 2, usegmt=True)
    server.plan = [faults.status(429, Retry_After="0.6"), faults.status(503, Retry_After=date)]
    [completion] = answers(reader(), [call("q")])
    assert completion.status == "ok"
    first, second = (b - a for a, b in zip(server.times, server.times[1:], strict=False))
    assert 0.6 <= first < 1.5
    assert 0.3 <= second < 3.0  # a date has whole seconds
    assert completion.seconds < 0.5, "the rests are not the model's time"


def test_a_server_that_wants_an_hour_gets_it_from_the_next_run(server, faults, reader, call):
    server.plan = [faults.status(429, "quota used up", Retry_After="3600")]
    [completion] = answers(reader(), [call("q")])
    assert (completion.status, completion.final) == ("failed", False)
    assert "quota used up" in completion.error
    assert len(server.bodies) == 1


def test_waits_grow_and_differ_between_calls(server, faults, reader, call):
    server.plan = [faults.status(500)] * 4
    answers(reader(backoff=0.05), [call("q")])
    gaps = [b - a for a, b in zip(server.times, server.times[1:], strict=False)]
    assert len(gaps) == 4
    for i, gap in enumerate(gaps):
        assert 0.5 * 0.05 * 2**i <= gap < 0.05 * 2**i + 0.1


@BOTH
def test_a_lasting_fault_is_failed_for_now(server, faults, reader, call, stream):
    server.always = faults.status(500, "no room")
    got = answers(reader(max_retries=2, stream=stream), [call("a"), call("b")])
    assert [(c.status, c.text, c.final) for c in got] == [("failed", "", False)] * 2
    assert all("HTTP 500" in c.error and "no room" in c.error and "attempt 3" in c.error for c in got)
    assert all(c.usage.prompt_tokens > 0 for c in got)
    assert len(server.bodies) == 6


@BOTH
def test_a_time_out_is_tried_again_and_then_failed(server, faults, reader, call, stream):
    server.plan = [faults.slow(4.0)]
    [completion] = answers(reader(timeout=2.0, stream=stream), [call("q")])
    assert completion.status == "ok"
    server.always = faults.slow(1.0)
    [completion] = answers(reader(timeout=0.2, max_retries=1, stream=stream), [call("q")])
    assert (completion.status, completion.finish, completion.final) == ("failed", "timeout", False)


def test_a_stream_that_trickles_for_ever_is_a_time_out(server, faults, reader, call):
    def trickle(handler, body):
        faults.stream()(handler, body)
        for _ in range(1000):
            handler.wfile.write(b": keep-alive\n\n")
            handler.wfile.flush()
            time.sleep(0.02)

    server.plan = [trickle]
    begin = time.perf_counter()
    [completion] = answers(reader(timeout=0.3, max_retries=0), [call("q")])
    assert (completion.status, completion.finish) == ("failed", "timeout")
    assert time.perf_counter() - begin < 10


@BOTH
@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_cut_or_filtered_answer_is_failed_for_good(server, faults, reader, call, finish, stream):
    server.plan = [faults.say("It is fo", finish=finish)]
    [completion] = answers(reader(stream=stream), [call("q")])
    assert (completion.status, completion.finish, completion.text) == ("failed", finish, "It is fo")
    assert completion.final
    assert len(server.bodies) == 1


@BOTH
def test_a_reply_without_text_is_failed(server, faults, reader, call, stream):
    server.plan = [faults.raw(b'{"choices": [{"message": {"content": null}, "finish_reason": "tool_calls"}]}')]
    [completion] = answers(reader(stream=stream), [call("q")])
    assert (completion.status, completion.text, completion.finish) == ("failed", "", "tool_calls")


PIECE = '{"choices": [{"delta": {"content": "It is"}, "finish_reason": null}]}'
END = '{"choices": [{"delta": {}, "finish_reason": "stop"}]}'


def test_a_stream_that_breaks_off_is_tried_again_then_failed_for_now(server, faults, reader, call):
    server.plan = [faults.stream(PIECE), faults.stream(PIECE, END, "[DONE]")]
    assert answers(reader(), [call("q")])[0].text == "It is"
    server.always = faults.stream(PIECE)
    [completion] = answers(reader(max_retries=1), [call("q")])
    assert (completion.status, completion.finish, completion.text) == ("failed", "cut", "It is")
    assert not completion.final
    assert len(server.bodies) == 4


@pytest.mark.parametrize("payloads", [(PIECE, END), (PIECE, "[DONE]"), (PIECE, END, "[DONE]", PIECE)])
def test_a_reason_to_finish_or_the_end_mark_ends_a_stream(server, faults, reader, call, payloads):
    server.plan = [faults.stream(*payloads)]
    [completion] = answers(reader(), [call("q")])
    assert (completion.status, completion.text) == ("ok", "It is")


@pytest.mark.parametrize(
    "payloads",
    [
        (PIECE, '{"choices": [{"del'),
        (PIECE, "[1]"),
        (PIECE, '{"error": {"message": "died"}}'),
        (PIECE, '{"choices": 3}'),
    ],
)
def test_a_broken_stream_is_failed_for_now(server, faults, reader, call, payloads):
    server.always = faults.stream(*payloads)
    [completion] = answers(reader(max_retries=1), [call("q")])
    assert (completion.status, completion.text, completion.final) == ("failed", "It is", False)
    assert len(server.bodies) == 2


@pytest.mark.parametrize("code", [401, 404, 403, 307, 422])
def test_a_server_that_refuses_everything_is_one_line(server, faults, reader, call, code):
    server.always = faults.status(code, "not\nfor you")
    with pytest.raises(UserError) as caught:
        list(reader().generate([call(str(i)) for i in range(200)]))
    assert f"HTTP {code}: not for you" in str(caught.value)
    assert server.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.bodies) <= 8 + 3, "a run of thousands must not knock thousands of times"


def test_one_refusal_among_answers_is_that_calls_own(server, faults, reader, call):
    server.plan = [faults.status(403, "flagged by moderation")]
    got = answers(reader(concurrency=1), [call("a"), call("b"), call("c")])
    assert [c.status for c in got] == ["failed", "ok", "ok"]
    assert "flagged" in got[0].error
    assert not got[0].final
    assert len(server.bodies) == 3, "a refusal is not tried again"


@pytest.mark.parametrize(
    ("code", "message", "error_code"),
    [
        (
            400,
            "This model's maximum context length is 4096 tokens. However, you requested 9000.",
            "context_length_exceeded",
        ),
        (400, "the request exceeds the available context size (4096 tokens)", ""),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", ""),
        (413, "input too long", ""),
    ],
)
def test_a_prompt_too_long_for_the_model_is_failed_for_good(server, faults, reader, call, code, message, error_code):
    server.plan = [faults.status(code, message, error_code)]
    got = answers(reader(concurrency=1), [call("long"), call("short")])
    assert [(c.status, c.final) for c in got] == [("failed", True), ("ok", True)]
    assert message[:30] in got[0].error
    assert answers(reader(), [call("short")])[0].status == "ok"
    server.plan = [faults.status(code, message, error_code)]
    assert answers(reader(), [call("long alone")])[0].status == "failed", "one long prompt is no useless server"


def test_no_server_is_one_line_and_soon(reader, call):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begin = time.perf_counter()
    with pytest.raises(UserError, match="no connection"):
        list(reader(base_url=f"http://127.0.0.1:{port}/v1", backoff=0.05).generate([call(str(i)) for i in range(50)]))
    assert time.perf_counter() - begin < 20


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "localhost:8000"},
        {"base_url": "ftp://x/v1"},
        {"concurrency": 0},
        {"timeout": 0},
        {"max_retries": -1},
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(server, reader, call, settings):
    with pytest.raises(UserError):
        list(reader(**settings).generate([call("q")]))
    assert not server.bodies


def test_the_key_is_sent_and_never_told(server, faults, reader, call, monkeypatch, caplog):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("TEST_KEY", SECRET)
    keyed = reader(api_key_env="TEST_KEY", max_retries=0, concurrency=1)
    server.plan = [faults.say("fine"), faults.status(500, f"bad key {SECRET}"), faults.status(403, f"bad key {SECRET}")]
    got = answers(keyed, [call("a"), call("b"), call("c")])
    assert server.headers[0]["authorization"] == f"Bearer {SECRET}"
    assert [c.status for c in got] == ["ok", "failed", "failed"]
    server.always = faults.status(401, f"Incorrect API key provided: {SECRET}")
    with pytest.raises(UserError) as caught:
        list(keyed.generate([call("q")]))
    told = [str(caught.value), repr(caught.value), repr(keyed), caplog.text, *map(repr, got), str(keyed.identity)]
    assert not any(SECRET in text for text in told)
    assert "TEST_KEY" in str(caught.value)


def test_no_key_sends_no_header(server, reader, call, monkeypatch):
    monkeypatch.setenv("EMPTY_KEY", "")
    answers(reader(), [call("q")])
    answers(reader(api_key_env="EMPTY_KEY"), [call("q")])
    assert not any("authorization" in h for h in server.headers)


@pytest.mark.parametrize("value", [None, "sk-wïth", "sk-a\nb"])
def test_a_key_that_cannot_be_sent_is_named_not_shown(server, reader, call, monkeypatch, value):
    monkeypatch.delenv("TEST_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEST_KEY", value)
    with pytest.raises(UserError, match="TEST_KEY") as caught:
        list(reader(api_key_env="TEST_KEY").generate([call("q")]))
    assert value is None or value not in str(caught.value)
    assert not server.bodies


def test_a_password_in_the_address_is_not_told(server, faults, reader, call):
    server.always = faults.status(404)
    address = server.url.replace("http://", "http://user:hunter2@")
    with pytest.raises(UserError) as caught:
        list(reader(base_url=address).generate([call("q")]))
    assert "hunter2" not in str(caught.value)


def test_a_prompt_without_its_text_fails_and_is_not_sent(server, reader, call):
    absent = Call(Prompt((Part("document", None),)), Sampling(), "q", "lc")
    got = answers(reader(), [absent, call("q")])
    assert [c.status for c in got] == ["failed", "ok"]
    assert len(server.bodies) == 1


def test_identity_is_the_model_and_not_the_address(reader):
    base = reader().identity
    assert reader(base_url="http://elsewhere/v1", concurrency=1, stream=False, context=9, timeout=1).identity == base
    assert reader(model="other").identity != base
    assert reader(revision="2").identity != base
    assert reader(api="completions").identity != base
    assert reader(extra={"reasoning_effort": "low"}).identity != base
    assert (reader(context=4096).window, reader().window) == (4096, None)
    assert hash(reader(extra={"a": 1})) is not None


def test_answers_of_chats_keep_the_key_they_had_before_there_was_a_choice(reader):
    """Computed before `api` was a setting; another key would ask for answers again that were paid for."""
    old = {"class": "Endpoint", "version": 1, "model": "m", "revision": "", "extra": {}}
    assert reader(api="chat").identity == digest_parts([json.dumps(old, sort_keys=True, separators=(",", ":"))])


def test_it_works_inside_a_running_event_loop(server, reader, call):
    import asyncio

    async def notebook():
        return answers(reader(), [call("q")])

    assert asyncio.run(notebook())[0].status == "ok"
