"""Windows over tokens and the tokens of spans: by hand, and against a search over all windows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrievers.token_windows import Tokens, Window, share_of, taken, token_ranges, windows


def tokens_at(offsets: list[tuple[int, int]], head: int = 1, tail: int = 1) -> Tokens:
    rows = [(0, 0)] * head + offsets + [(99, 99)] * tail
    return Tokens(np.arange(len(rows)), np.array(rows, dtype=np.int64), head, tail)


def test_windows_by_hand() -> None:
    assert windows(4, 4, 2) == [Window(0, 4, 0, 4)]
    assert windows(0, 4, 2) == [Window(0, 0, 0, 0)]
    assert windows(7, 4, 2, "left") == [Window(0, 4, 0, 4), Window(2, 6, 4, 6), Window(3, 7, 6, 7)]
    assert windows(8, 4, 2) == [Window(0, 4, 0, 3), Window(2, 6, 3, 5), Window(4, 8, 5, 8)]
    assert windows(5, 4, 0) == [Window(0, 4, 0, 2), Window(1, 5, 2, 5)]


@given(st.integers(0, 80), st.integers(1, 12), st.data())
def test_each_token_is_taken_once_from_where_it_sees_most(own: int, room: int, data: st.DataObject) -> None:
    shared = data.draw(st.integers(0, room - 1))
    for context in ("both", "left"):
        found = windows(own, room, shared, context)  # type: ignore[arg-type]
        assert [t for w in found for t in range(w.first, w.last)] == list(range(own))
        assert all(w.stop - w.start <= room and w.start <= w.first <= w.last <= w.stop for w in found)
        for window in found:
            for t in range(window.first, window.last):
                over = [w for w in found if w.start <= t < w.stop]
                if context == "left":
                    assert t - window.start == max(t - w.start for w in over)
                elif len(over) <= 2:  # an overlap above one half puts a token in three windows; the cut sees two
                    best = max(min(t - w.start, w.stop - 1 - t) for w in over)
                    ends = [w for w in over if w.start == 0 or w.stop == own]
                    assert ends or min(t - window.start, window.stop - 1 - t) >= best - 1


def test_a_token_belongs_to_the_span_that_holds_most_of_it() -> None:
    tokens = tokens_at([(0, 3), (3, 8), (8, 9), (9, 14)])
    assert token_ranges(tokens, [(0, 4), (4, 14)]).tolist() == [[1, 2], [2, 5]]
    assert token_ranges(tokens, [(0, 9), (3, 14)]).tolist() == [[1, 4], [2, 5]], "both hold tokens 3 to 9"
    assert token_ranges(tokens_at([(0, 2), (2, 4)]), [(1, 4)]).tolist() == [[1, 3]], "a space before a word"


def test_a_span_without_a_token_gets_the_nearest() -> None:
    tokens = tokens_at([(0, 3), (20, 23)])
    assert token_ranges(tokens, [(4, 6), (15, 18), (40, 50)]).tolist() == [[1, 2], [2, 3], [2, 3]]
    assert token_ranges(tokens_at([]), [(0, 5)]).tolist() == [[1, 1]]


def test_what_is_taken_of_a_window() -> None:
    tokens = tokens_at([(i, i + 1) for i in range(7)], head=2)
    every = []
    for window in windows(7, 4, 2):
        body = tokens.ids[2 + window.start : 2 + window.stop]
        states = np.concatenate([tokens.ids[:2], body, tokens.ids[-1:]])[:, None].astype(np.float32)
        first, rows = taken(tokens, window, states)
        assert rows[0, 0] == first
        every += rows[:, 0].tolist()
    assert every == tokens.ids.tolist()


def test_a_window_always_brings_something_new() -> None:
    assert share_of(4, 0.99) == 3 and share_of(1, 0.9) == 0 and share_of(100, 0.25) == 25
