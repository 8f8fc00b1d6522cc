"""Dialogues: whole turns packed up to a size, with the session's date and the speakers as labels.

Where turns and sessions begin, `turns` knows. A text that shows no turns is cut by sentences.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.core.records import Document
from pipeline.core.sentences import split_sentences
from retrievers.base import at_least
from retrievers.chunk import Label, Titles, TokenizedChunker, check_size, path
from retrievers.turns import Session, find_sessions
from retrievers.windows import Span, Weigher, windows


@dataclass(frozen=True)
class TurnChunks(TokenizedChunker):
    """Whole turns of one session up to `size` tokens, of which up to `overlap_turns` are shared with the chunk before.

    Only a turn of more than `size` tokens is cut, by sentences; each piece then counts as a turn. The section label is
    the session's date (where it has none, that of the turns) and who speaks, "8 May 2023 › Ann, Ben": without it, no
    reader can tell when "yesterday" was (Maharana et al., "LoCoMo", ACL 2024, whose prompts date each session).
    """

    size: int = 200
    overlap_turns: int = 0
    tokenizer: str = "words"

    def __post_init__(self) -> None:
        check_size(self, self.size, 0)
        at_least(self.overlap_turns, 0, f"{self.label}.overlap_turns")

    def plan(self, document: Document, text: str) -> tuple[Iterable[Span], Label]:
        """Turns, packed within each session."""
        titles, sessions = Titles(document.sections), find_sessions(text)

        def label(start: int, end: int) -> str:
            session = sessions[bisect_right(sessions, start, key=lambda s: s.start) - 1]
            return path((titles.at(start), session.label(start, end)))

        return self._packed(text, sessions), label

    def _packed(self, text: str, sessions: Sequence[Session]) -> Iterator[Span]:
        weigher = self.weigher(text)
        for session in sessions:
            stretches: list[Span] = []
            for start, end, is_turn in _stretches(session, weigher):
                if is_turn and weigher.fits(start, end):
                    stretches.append((start, end))
                else:
                    stretches += ((start + a, start + b) for a, b in split_sentences(text[start:end]))
            atoms, weights = weigher.fit(stretches)
            yield from windows(atoms, weights, [1] * len(atoms), self.size, self.overlap_turns)


def _stretches(session: Session, weigher: Weigher) -> Iterator[tuple[int, int, bool]]:
    """The session's turns in order; what stands before the first of them joins it where both fit."""
    bounds = [*(t.start for t in session.turns), session.end]
    if session.start < bounds[0]:
        if session.turns and weigher.fits(session.start, bounds[1]):
            bounds[0] = session.start
        else:
            yield session.start, bounds[0], False
    for start, end in pairwise(bounds):
        yield start, end, True
