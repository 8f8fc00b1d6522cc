"""Turns stay whole, sessions apart, and labels say when and who."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Chunk, Document, Section
from retrievers.chunk import SentenceChunks
from retrievers.chunk_dialogue import TurnChunks
from retrievers.turns import find_sessions

TALK = """Session 1
DATE: 1:56 pm on 8 May, 2023
CONVERSATION:
Caroline: Hey Mel! Good to see you.
Melanie: Hey! I went for a run yesterday.
It was long.
Caroline: Nice.

Session 2
DATE: 25 May, 2023
Melanie: I ran again.
Caroline: Great.
"""


def chunks_of(text: str, sections: tuple[Section, ...] = (), **settings: int) -> tuple[Chunk, ...]:
    (chunks,) = TurnChunks(**settings).run([(Document("d", text, sections=sections),)])
    return tuple(chunks)


def speakers(text: str) -> list[tuple[str, str]]:
    return [(t.speaker, t.when) for s in find_sessions(text) for t in s.turns]


def test_turns_are_packed_within_a_session_and_dated() -> None:
    first, second = "Session 1, 1:56 pm on 8 May, 2023", "Session 2, 25 May, 2023"
    chunks = chunks_of(TALK, size=30)
    assert [(c.section, c.text.split("\n")[0], c.text.split("\n")[-1]) for c in chunks] == [
        (f"{first} › Caroline", "Session 1", "Caroline: Hey Mel! Good to see you."),
        (f"{first} › Melanie, Caroline", "Melanie: Hey! I went for a run yesterday.", "Caroline: Nice."),
        (f"{second} › Melanie, Caroline", "Session 2", "Caroline: Great."),
    ]  # fmt: skip
    assert len(chunks_of(TALK, size=400)) == 2


def test_turns_are_shared() -> None:
    text = "".join(f"{name}: number {i} is here\n" for i, name in enumerate(["Ann", "Ben"] * 3))
    chunks = chunks_of(text, size=18, overlap_turns=1)
    assert [[line[-9:-8] for line in c.text.split("\n")] for c in chunks] == [
        ["0", "1", "2"],
        ["2", "3", "4"],
        ["4", "5"],
    ]


def test_a_turn_too_long_is_cut_by_sentences_and_keeps_its_speaker() -> None:
    text = "8 May 2023\nAnn: " + "This is said by Ann. " * 10 + "\nBen: Oh.\n"
    chunks = chunks_of(text, size=12)
    assert all(c.section == "8 May 2023 › Ann" for c in chunks[:-1])
    assert chunks[-1].section == "8 May 2023 › Ann, Ben"
    assert all(c.text.endswith((".", "2023")) for c in chunks)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann: a\nBen: b", [("Ann", ""), ("Ben", "")]),
        ("**User:** a\n\n**Assistant**: b", [("User", ""), ("Assistant", "")]),
        ("user: a\nassistant: b", [("user", ""), ("assistant", "")]),
        ("## User\n\na\n\n## Assistant\n\nb", [("User", ""), ("Assistant", "")]),
        ("[8 May] Ann: a\n[9 May] Ben: b", [("Ann", "8 May"), ("Ben", "9 May")]),
        ("8/5/23, 13:56 - Ann: a\n8/5/23, 13:57 - Ben: b", [("Ann", "8/5/23, 13:56"), ("Ben", "8/5/23, 13:57")]),
        ("Ann (00:12): a\nBen [01:02:03]: b", [("Ann", ""), ("Ben", "")]),
        ("Hon. A. Low (Chair of X, (BQ)): a\nMr. D'Or: b", [("Hon. A. Low", ""), ("Mr. D'Or", "")]),
        ('Ann said, "a"\nBen said, "b"', [("Ann", ""), ("Ben", "")]),
        ("李明：你好\n王芳：再见", [("李明", ""), ("王芳", "")]),
        ("PROFESSOR E: a\nGrad 2: b", [("PROFESSOR E", ""), ("Grad 2", "")]),
    ],
)  # fmt: skip
def test_ways_to_write_a_turn(text: str, expected: list[tuple[str, str]]) -> None:
    assert speakers(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Note: this is prose.\nIt has a note.\nNote: and another.\n",
        "See http://a.b: it is good.\nAnd http://c.d: too.",
        "One: two\n" + "Some line of text.\n" * 5,
        ("Revenue: 5\n" + "A long line of a report that goes on.\n" * 200) * 3,
        "Figure 1: a cat\ntext\nFigure 1: a dog\ntext",
        "no turn at all",
        "",
    ],
)
def test_prose_is_no_dialogue_and_is_cut_by_sentences(text: str) -> None:
    assert speakers(text) == []
    (expected,) = SentenceChunks(size=30).run([(Document("d", text),)])
    assert chunks_of(text, size=30) == expected


def test_times_of_turns_date_a_chunk_where_its_session_does_not() -> None:
    text = "[8 May] Ann: a\n[8 May] Ben: b\n[9 May] Ann: c\n"
    (chunk,) = chunks_of(text)
    assert chunk.section == "8 May – 9 May › Ann, Ben"
    (chunk,) = chunks_of("1 June 2023\n" + text)
    assert chunk.section == "1 June 2023 › Ann, Ben"


def test_many_speakers_are_counted_and_given_sections_come_first() -> None:
    text = "".join(f"P{i}: x\n" for i in range(8))
    (chunk,) = chunks_of(text, (Section("Meeting", 0, len(text)),))
    assert chunk.section == "Meeting › P0, P1, P2, P3, P4 and 3 more"


NAMES = st.sampled_from(["Ann", "Ben", "Dr. Low"])
WORDS = st.lists(st.sampled_from(["well", "yes.", "no!", "I see,"]), min_size=1, max_size=12).map(" ".join)


@given(st.lists(st.lists(st.tuples(NAMES, WORDS), min_size=2, max_size=6), min_size=1, max_size=4), st.integers(16, 60))
def test_no_turn_that_fits_is_cut_and_no_chunk_crosses_sessions(
    sessions: list[list[tuple[str, str]]], size: int
) -> None:
    turns = [[f"{name}: {words}" for name, words in session] for session in sessions]
    text = "\n".join(f"{day + 1} May 2023\n" + "\n".join(lines) for day, lines in enumerate(turns))
    assert [len(s.turns) for s in find_sessions(text)] == [len(lines) for lines in turns]
    chunker = TurnChunks(size=size)
    weigher = chunker.weigher(text)
    (chunks,) = chunker.run([(Document("d", text),)])
    at = 0
    for day, session in enumerate(sessions):
        for (name, _), line in zip(session, turns[day], strict=True):
            start = text.index(line, at)
            at = start + len(line)
            inside = [c for c in chunks if c.start < at and c.end > start]
            assert len(inside) == 1 or weigher.weight(start, at) > size
            assert all(c.section.startswith(f"{day + 1} May 2023 › ") and name in c.section for c in inside)
