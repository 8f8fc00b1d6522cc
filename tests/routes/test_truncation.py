"""Cutting documents to a reader's window: what is kept is exact, it fits, nothing more is lost, and it is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.records import Document, Part, Prompt, Question
from pipeline.core.spec import runtime
from pipeline.core.tokens import Tokenizer, WordTokenizer, tokenizer_named
from pipeline.generators.base import Completion, Sampling
from pipeline.generators.scripted import Scripted
from pipeline.routes.base import Ask, Case, Reply, Truncate
from pipeline.routes.long_context import LongContext

MODES = get_args(Truncate)
WORDS = WordTokenizer()
QUESTION = "What is it?"


@dataclass(frozen=True, kw_only=True)
class Small(Scripted):
    """A script with a window."""

    limit: int | None = runtime(None)
    counts: str = runtime("words")

    @property
    def window(self) -> int | None:
        return self.limit

    @property
    def tokenizer(self) -> Tokenizer:
        return tokenizer_named(self.counts)


def ask(texts: Sequence[str], window: int | None, mode: str, *, answer: int = 10, **more: str) -> tuple[Prompt, Reply]:
    documents = tuple(Document(f"d{i}", text, title=f"Paper {i}") for i, text in enumerate(texts))
    reader = Small(limit=window, counts=more.get("counts", "words"), name="small")
    question = Question("q1", QUESTION, context=tuple(d.id for d in documents))
    route = LongContext(truncate=mode, sampling=Sampling(max_tokens=answer))  # type: ignore[arg-type]
    steps = route.steps(Case(question, documents, {}, reader))
    asked = next(steps)
    assert isinstance(asked, Ask)
    with pytest.raises(StopIteration) as done:
        steps.send(Completion("x"))
    return asked.prompt, done.value.value


def overhead(texts: Sequence[str], answer: int = 10, counts: str = "words") -> int:
    """The window minus what is left for documents."""
    (prompt, _) = ask(texts, None, "end", counts=counts)
    around = Prompt(tuple(p for p in prompt.parts if p.role != "document"))
    return tokenizer_named(counts).count_prompt(around) + answer + 64


def tokens(texts: Sequence[str]) -> list[tuple[int, int, int]]:
    """(document, start, end) of every token of the context, in order."""
    return [(i, s, e) for i, text in enumerate(texts) for s, e in WORDS.spans(text)]


def kept(prompt: Prompt) -> list[tuple[int, int, int]]:
    """The same of every token that the prompt shows."""
    shown = []
    for part in prompt.parts:
        if part.role == "document" and part.text is not None and part.span is not None:
            start = part.span.start
            shown += [(int(part.span.doc[1:]), start + s, start + e) for s, e in WORDS.spans(part.text)]
    return shown


def expected(all_tokens: list[tuple[int, int, int]], room: int, mode: str) -> list[tuple[int, int, int]]:
    n = len(all_tokens)
    if n <= room:
        return all_tokens
    head, tail = {"end": (room, 0), "start": (0, room), "middle": (room - room // 2, room // 2)}[mode]
    return all_tokens[:head] + all_tokens[n - tail :]


TEXT = st.lists(st.sampled_from(["one", "two", "three.", "(four)", "\n\n", "  ", "über-fünf"]), max_size=12).map(
    " ".join
)


@settings(max_examples=250, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(1, 40), st.sampled_from(MODES))
def test_exactly_the_stated_tokens_are_kept_and_all_fits(texts, room, mode):
    window = overhead(texts) + room
    prompt, reply = ask(texts, window, mode)
    everything = tokens(texts)
    assert kept(prompt) == expected(everything, room, mode)
    assert WORDS.count_prompt(prompt) + 10 <= window
    assert reply.cut.context_tokens == len(everything)
    assert reply.cut.kept_tokens == min(room, len(everything))
    assert (reply.cut.cut_at is None) == (len(everything) <= room)
    for part in prompt.parts:
        if part.role == "document":
            assert part.span is not None
            assert part.text == texts[int(part.span.doc[1:])][part.span.start : part.span.end]
    assert prompt.text.endswith(f"Question: {QUESTION}\nAnswer:")


LONG = " ".join(f"w{i}" for i in range(100))


def test_each_mode_keeps_its_own_end():
    window = overhead([LONG]) + 5
    shown = {mode: [LONG[s:e] for _, s, e in kept(ask([LONG], window, mode)[0])] for mode in MODES}
    assert shown == {
        "end": ["w0", "w1", "w2", "w3", "w4"],
        "start": ["w95", "w96", "w97", "w98", "w99"],
        "middle": ["w0", "w1", "w2", "w98", "w99"],
    }


def test_the_place_of_the_cut_is_a_character_of_the_document():
    window = overhead([LONG]) + 5
    cut = {mode: ask([LONG], window, mode)[1].cut.cut_at for mode in MODES}
    assert cut == {"end": LONG.index(" w5"), "start": LONG.index("w95"), "middle": LONG.index(" w3")}


def test_head_and_tail_are_kept_apart():
    (prompt, _) = ask([LONG], overhead([LONG]) + 4, "middle")
    assert "w1\n\nw98" in prompt.text
    roles = [p.role for p in prompt.parts]
    assert roles[roles.index("document") : roles.index("document") + 3] == ["document", "label", "document"]


@pytest.mark.parametrize("mode", MODES)
def test_one_token_more_or_less_decides(mode):
    fits = overhead([LONG]) + 100
    whole, reply = ask([LONG], fits, mode)
    assert LONG in whole.text
    assert reply.cut.cut_at is None
    cut, reply = ask([LONG], fits - 1, mode)
    assert LONG not in cut.text
    assert reply.cut.kept_tokens == 99
    assert reply.cut.cut_at is not None


@pytest.mark.parametrize("mode", MODES)
def test_no_window_is_no_limit(mode):
    prompt, reply = ask([LONG * 50], None, mode)
    assert LONG * 50 in prompt.text
    assert reply.cut.cut_at is None


def test_a_cut_runs_through_several_documents():
    texts = [" ".join(f"{d}x{i}" for i in range(10)) for d in "abc"]
    room = 14
    window = overhead(texts) + room
    shown = {mode: "".join(texts[d][s] for d, s, _ in kept(ask(texts, window, mode)[0])) for mode in MODES}
    assert shown == {"end": "a" * 10 + "b" * 4, "start": "b" * 4 + "c" * 10, "middle": "a" * 7 + "c" * 7}
    end = ask(texts, window, "end")[1].cut.cut_at
    assert end == texts[1].index(" bx4")
    start = ask(texts, window, "start")[1].cut.cut_at
    assert start == texts[1].index("bx6")
    middle = ask(texts, window, "middle")[1].cut.cut_at
    assert middle == texts[0].index(" ax7")


def test_each_stretch_stands_under_the_heading_of_its_document():
    texts = [" ".join(f"{d}x{i}" for i in range(10)) for d in "abc"]
    for mode in MODES:
        prompt, _ = ask(texts, overhead(texts) + 14, mode)
        heading = None
        for part in prompt.parts:
            if part.role == "label" and (part.text or "").startswith("# Paper "):
                heading = (part.text or "").removeprefix("# Paper ").strip()
            if part.role == "document":
                assert part.span is not None
                assert part.span.doc == f"d{heading}"


def test_a_cut_between_two_documents_is_on_record():
    texts = ["one two three", "four five six", "seven eight nine"]
    _, reply = ask(texts, overhead(texts) + 3, "end")
    assert reply.cut.kept_tokens == 3
    assert reply.cut.cut_at is not None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("room", [1, 2, 7, 40, 113])
def test_it_fits_in_the_readers_own_tokens(mode, room):
    """Word pieces: what is cut out and counted again may not have grown."""
    texts = [
        "Unbelievable tokenization of naïve antidisestablishmentarianism. " * 8,
        "Ünïcödé supercalifragilistic — ",
    ] * 2
    window = overhead(texts, counts="minilm") + room
    prompt, reply = ask(texts, window, mode, counts="minilm")
    tokenizer = tokenizer_named("minilm")
    shown = Prompt(tuple(p for p in prompt.parts if p.role == "document"))
    assert tokenizer.count_prompt(shown) <= room + 2
    assert tokenizer.count_prompt(prompt) + 10 <= window
    assert len(tokenizer.spans(prompt.text)) + 10 <= window
    assert reply.cut.kept_tokens == room


def test_a_window_without_room_is_told_in_one_line():
    with pytest.raises(UserError) as caught:
        ask([LONG], overhead([LONG]), "end")
    line = str(caught.value)
    assert "\n" not in line
    assert str(overhead([LONG])) in line
    assert "small" in line
    assert "q1" in line
    assert caught.value.remedy
    ask([LONG], overhead([LONG]) + 1, "end")


def test_the_question_position_is_counted():
    """The question twice takes more of the window; it still fits."""
    question = Question("q1", "why " * 50, context=("d0",))
    reader = Small(limit=500)
    for position in ("last", "first", "both"):
        route = LongContext(position=position, sampling=Sampling(max_tokens=10))  # type: ignore[arg-type]
        asked = next(route.steps(Case(question, (Document("d0", LONG * 9),), {}, reader)))
        assert isinstance(asked, Ask)
        size = WORDS.count_prompt(asked.prompt)
        assert 500 - 64 - 10 - 2 <= size <= 500 - 64 - 10


def test_a_document_that_is_not_at_hand_keeps_its_size():
    """A recorded reader has no window; its prompt says what was read without holding it."""
    document = Document("d0", None, stated_tokens=1234)
    question = Question("q1", QUESTION, context=("d0",))
    steps = LongContext().steps(Case(question, (document,), {}, Scripted()))
    asked = next(steps)
    assert isinstance(asked, Ask)
    assert not asked.prompt.complete
    (part,) = [p for p in asked.prompt.parts if p.role == "document"]
    assert part == Part("document", None, part.span, 1234)
    with pytest.raises(StopIteration) as done:
        steps.send(Completion("x"))
    assert (done.value.value.cut.context_tokens, done.value.value.cut.kept_tokens) == (1234, 1234)
