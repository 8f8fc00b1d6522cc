"""Where the turns and sessions of a dialogue begin: transcripts, chat logs, LoCoMo's conversations.

It looks at how lines open, and not at what is said. A text is a dialogue where names come again (or are known roles, or
open most lines) and often enough for its length; "Note:" and its kind are nobody's names.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from retrievers.chunk import path

_ROLES = frozenset(
    "user assistant system human ai bot agent customer client operator interviewer interviewee q a tool".split()
)
_NOBODY = frozenset(
    """abstract algorithm answer author but caution caveat chat conclusion conversation date definition details dialogue
    e.g eq equation example examples exception figure fig hint i.e image important input keywords less note notes output
    procedure ps question reference references remark require result results return returns see session source step
    subject summary tab table theorem time tip title todo topic transcript url usage version warn
    warning where""".split()
)
_STAMP = (
    r"(?:\[(?P<square>[^\[\]\n]{1,60})\]|\((?P<round>\d[^()\n]{1,60})\)"
    r"|(?P<bare>\d[\d/.:, \-]{3,24}\d(?:[ ]?[ap]m)?)(?:[ ]?-)?)[ \t]*"
)
_NAME = r"[^\W\d_][^\n:：*\"“,;!?()/<>=\[\]{}|]{0,38}"
# "Ann: ...", "[8 May] Ann: ...", "Ann (00:12): ...", "Ann (Chair): ...", "**User:** ...",
# 'Ann said, "..."', "## Assistant".
_TURN = re.compile(
    rf"""[ \t]*(?:[-*>][ \t]+)?(?:{_STAMP})?(?:
        \*\*(?P<bold>{_NAME})(?:[:：]\*\*|\*\*[ \t]*[:：])
      | (?P<plain>{_NAME})(?:\([^:\n]{{1,90}}\)|[(\[][\d:.]{{3,12}}[)\]])?(?::(?=\s|$)|：)
      | (?P<said>{_NAME})\ said,\ (?=["“])
      | \#{{1,6}}[ \t]+(?P<role>[A-Za-z]{{1,12}})[ \t]*:?[ \t]*$
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_MOST_WORDS = 5  # of a name
_SPARSE = 2000
"""Characters a turn, on average. Where names stand further apart, they are captions and entries, and no speakers."""
_SPARSE_ROLES = 10 * _SPARSE  # an assistant's answers are long

_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"""\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}} | \d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}} | \d{{4}}年\d{{1,2}}月\d{{1,2}}日
    | \d{{1,2}}(?:st|nd|rd|th)?[ ](?:of[ ])?{_MONTH}(?:,?[ ]\d{{4}})?
    | {_MONTH}[ ]\d{{1,2}}(?:st|nd|rd|th)?(?:,?[ ]\d{{4}})?""",
    re.VERBOSE | re.IGNORECASE,
)
_AROUND_DATE = re.compile(
    r"""\d{1,2}:\d{2}(?::\d{2})?T? | \b[ap]\.?m\b\.? | \b\d{1,3}\b | [\W_]
    | \b(?:session|date|time|day|conversation|chat|meeting|on|at|the|of|utc|gmt)\b
    | \b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b""",
    re.VERBOSE | re.IGNORECASE,
)
_SESSION = re.compile(r"\W*(?:session|conversation|dialogue|chat|meeting|episode)[ ]?#?\d+\b.*", re.IGNORECASE)
_BEFORE_DATE = re.compile(r"[\s#*_=\-–—\[(]*(?:(?:date(?: and time)?|time)\s*:)?\s*", re.IGNORECASE)
_LONGEST_HEADER = 120
_MOST_SPEAKERS = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, from the character `start` on; `when` is the time that its own line states."""

    start: int
    speaker: str
    when: str


@dataclass(slots=True)
class Session:
    """Turns under one header, characters `[start, end)` with the header; `when` is what the header says."""

    start: int
    end: int
    when: str = ""
    turns: list[Turn] = field(default_factory=list)

    def label(self, start: int, end: int) -> str:
        """The date and who speaks in `[start, end)`: "8 May 2023 › Ann, Ben"."""
        first = max(0, bisect_right(self.turns, start, key=lambda t: t.start) - 1)
        turns = self.turns[first : bisect_left(self.turns, end, key=lambda t: t.start)]
        times = [t.when for t in turns if t.when]
        own = " – ".join(dict.fromkeys(times[:1] + times[-1:]))
        names = list(dict.fromkeys(t.speaker for t in turns))
        more = f" and {len(names) - _MOST_SPEAKERS} more" if len(names) > _MOST_SPEAKERS else ""
        return path((self.when or own, ", ".join(names[:_MOST_SPEAKERS]) + more))


def find_sessions(text: str) -> list[Session]:
    """The sessions of a text with their turns, in order and without gaps; at least one.

    A session begins with a header: a line that is a date or says "Session 3", or several such lines. What stands before
    the first is a session of its own. A text that is no dialogue is one session without turns.
    """
    turns, headers = _openings(text)
    sessions = [Session(0, len(text))]
    openings: list[tuple[int, Turn | str]] = [*((t.start, t) for t in turns), *headers]
    for start, said in sorted(openings, key=lambda opening: opening[0]):
        session = sessions[-1]
        if isinstance(said, Turn):
            session.turns.append(said)
        elif not session.turns and (session.when or not text[session.start : start].strip()):
            session.when = ", ".join(w for w in (session.when, said) if w)
        else:
            session.end = start
            sessions.append(Session(start, len(text), said))
    return sessions


def _openings(text: str) -> tuple[list[Turn], list[tuple[int, str]]]:
    """Turns, and headers as (start, what they say); neither where the text is no dialogue."""
    candidates: list[Turn] = []
    headers: list[tuple[int, str]] = []
    others = 0  # lines that are neither
    for start, line in _lines(text):
        if (when := _header(line)) is not None:
            headers.append((start, when))
        elif (turn := _turn(line, start)) is not None:
            candidates.append(turn)
        else:
            others += 1
    counts = Counter(t.speaker for t in candidates)
    roles = {name for name in counts if name.lower() in _ROLES}
    names = counts.keys() if len(candidates) >= others else {n for n, c in counts.items() if c > 1} | roles
    turns = [t for t in candidates if t.speaker in names]
    dense = len(text) <= len(turns) * (_SPARSE_ROLES if names <= roles else _SPARSE)
    return (turns, headers) if len(turns) > 1 and dense else ([], [])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with where they start."""
    start = 0
    for line in text.split("\n"):
        if line.strip():
            yield start, line
        start += len(line) + 1


def _header(line: str) -> str | None:
    """What a session's header says, "8 May 2023"; None for another line."""
    if len(line) > _LONGEST_HEADER:
        return None
    dated = _DATE.search(line) and not _AROUND_DATE.sub("", _DATE.sub("", line))
    if not dated and not _SESSION.fullmatch(line.rstrip()):
        return None
    return _BEFORE_DATE.sub("", line, count=1).strip(" \t\r#*_=-–—:[]()")


def _turn(line: str, start: int) -> Turn | None:
    found = _TURN.match(line)
    if found is None:
        return None
    name = (found["bold"] or found["plain"] or found["said"] or found["role"]).strip()
    known = name.lower() in _ROLES
    words = name.lower().split()
    if not known and (found["role"] or name[0].islower() or words[0].strip(".") in _NOBODY or len(words) > _MOST_WORDS):
        return None
    return Turn(start, name, (found["square"] or found["round"] or found["bare"] or "").strip())
