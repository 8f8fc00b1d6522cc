"""What is read of a request, and that whatever comes, it is read or refused by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gateway.chat import ChatRequest, read_chat
from pipeline.gateway.faults import ApiError
from pipeline.gateway.wire import header_safe

ASKED = {"model": "auto", "messages": [{"role": "user", "content": "Who?"}]}


def read(**fields):
    return read_chat(json.dumps({**ASKED, **fields}).encode())


def test_parts_of_a_message_are_joined():
    parts = [{"type": "text", "text": "Who "}, {"type": "text", "text": "was it?"}]
    assert read(messages=[{"role": "user", "content": parts}]).question == "Who was it?"


def test_halves_of_surrogate_pairs_become_question_marks():
    raw = json.dumps(ASKED).replace("Who", "W\\ud83dho").encode()
    assert read_chat(raw).question == "W?ho?"
    document = read(documents=[{"id": "a", "text": "x\ud800y 😀"}]).documents[0]
    assert document.text == "x?y 😀"


def test_the_newer_name_of_the_answers_length_wins():
    assert read(max_tokens=5, max_completion_tokens=9).sampling == {"max_tokens": 9}


def test_defaults_that_change_nothing_are_accepted():
    fields = {"n": 1, "tools": [], "logprobs": False, "response_format": {"type": "text"}, "metadata": {"a": 1}}
    assert read(**fields, temperature=None, stop=None) == ChatRequest("auto", "Who?")


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b'"x"', b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}', b'{"a": ' + b"1" * 9000 + b"}"],
    ids=["empty", "list", "text", "cut", "latin", "deep", "nan", "digits"],
)
def test_what_is_no_json_object_is_refused(raw):
    with pytest.raises(ApiError) as e:
        read_chat(raw)
    assert e.value.status == 400 and e.value.code == "invalid_json"


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        (None, "messages"),
        ([], "messages"),
        (["x"], "messages[0]"),
        ([{"role": "robot", "content": "x"}], "messages[0]"),
        ([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}], "messages[1].role"),
        ([{"role": "user", "content": "  "}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "messages[0].content[0]"),
        ([{"role": "user"}], "messages[0].content"),
    ],
    ids=["none", "empty", "text", "role", "last", "blank", "image", "absent"],
)
def test_messages_without_a_question_are_refused_by_name(messages, param):
    with pytest.raises(ApiError) as e:
        read(messages=messages)
    assert (e.value.status, e.value.param) == (400, param)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = "model messages documents stream stream_options temperature top_p max_tokens seed stop n tools user".split()


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6), st.booleans())
def test_any_json_is_read_or_refused(fields, asked):
    try:
        request = read_chat(json.dumps({**(ASKED if asked else {}), **fields}).encode())
    except ApiError as e:
        assert e.status == 400 and json.dumps(e.body)
    else:
        assert request.question.strip() and request.model.strip()
        request.question.encode("utf-8")


@given(st.text())
def test_headers_hold_one_line_of_ascii(text):
    safe = header_safe(text)
    assert safe.isascii() and len(safe) <= 500 and (safe.isprintable() or not safe)
