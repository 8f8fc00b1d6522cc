"""The one-question view's data: every answer beside its prompt size, evidence and prompt, as JSON inside the page.

The list of questions is one block of JSON; the rest comes in blocks of questions that the page parses when one of
theirs is opened, so that a page with fifty thousand answers opens at once. Repeated excerpts stand once per block. The
page reads arrays by position: `_cell` and `report.js` must agree. It knows nothing of figures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from experiments.report_struck import Fold, Removals, Shown, summary, texts
from experiments.report_study import Key, Study
from pipeline.core.records import Question, Span

BLOCK = 24  # questions per block
SPANS = 12  # evidence spans shown per answer
CODES = {"right": "r", "wrong": "w", "declined": "d", "failed": "f"}
UNMARKED, ABSENT = "u", "-"

PLAIN, GOLD, LEFT_OUT = 0, 1, 2  # kinds of an excerpt's pieces
REMOVED, REMOVED_GOLD, FOLDED = 3, 4, 5  # and of a compressed context's


@dataclass(frozen=True)
class PromptView:
    """One call's prompt as the reader saw it. label: what the call was for; tokens: None where not counted."""

    label: str
    text: str
    tokens: int | None = None


Prompts = Callable[[str, str, str], Sequence[PromptView]]  # question id, route, reader


@dataclass(frozen=True)
class Caps:
    """Most characters embedded of an answer, an evidence span, a prompt, and (about) a context that was compressed."""

    answer: int
    span: int
    prompt: int
    struck: int = 0


CAPS = (
    Caps(4000, 600, 900, 6000),
    Caps(1200, 600, 700, 3000),
    Caps(600, 400, 500, 1200),
    Caps(500, 250, 0),
    Caps(400, 250, 0),
    Caps(400, 120, 0),
    Caps(320, 120, 0),
    Caps(240, 120, 0),
    Caps(160, 0, 0),
)


def first_caps(study: Study, prompts: bool, limit: int, compressed: int = 0) -> int:
    """Index of the most generous caps whose data look like at most `limit` characters; else of the least.

    compressed: answers whose context was.
    """
    lengths = [len(a or "") for a in study.answers["answer"]]
    spans = 0
    excerpts: set[tuple[str, str, int, int]] = set()
    for q, evidence in zip(study.answers["question"], study.answers["evidence"], strict=True):
        shown = (evidence or ())[:SPANS]
        spans += len(shown)
        excerpts.update((q, s["doc"], s["start"], s["end"]) for s in shown)
    for i, caps in enumerate(CAPS):
        answers = sum(min(n, caps.answer) for n in lengths)
        rest = len(lengths) * (40 + (caps.prompt if prompts else 0)) + spans * 25 + len(excerpts) * caps.span
        if answers * 1.05 + rest + compressed * caps.struck * 1.5 < limit:
            return i
    return len(CAPS) - 1


def question_data(
    study: Study, prompts: Prompts | None, limit: int, removals: Removals | None = None
) -> tuple[str, list[str]]:
    """(index of the questions, blocks) as JSON; blocks of at most `limit` bytes, unless the least caps exceed it."""
    rows: dict[str, dict[Key, int]] = {}
    for i, (q, route, reader) in enumerate(
        zip(study.answers["question"], study.answers["route"], study.answers["reader"], strict=True)
    ):
        rows.setdefault(q, {})[reader, route] = i
    compressed = 0
    if removals is not None:
        for key in study.columns:
            own = [q for q, cells in rows.items() if key in cells]
            compressed += len(own) if own and removals(own[0], key[1], key[0]) is not None else 0
    for caps in CAPS[first_caps(study, prompts is not None, limit, compressed) :]:
        ids = list(rows)
        blocks = [
            _block(study, {q: rows[q] for q in ids[start : start + BLOCK]}, prompts, removals, caps)
            for start in range(0, len(ids), BLOCK)
        ]
        if sum(len(b.encode("utf-8", "replace")) for b in blocks) <= limit:
            break
    return _index(study, rows), blocks


def _index(study: Study, rows: Mapping[str, Mapping[Key, int]]) -> str:
    kinds = sorted({k or "" for k in study.answers["kind"]})
    questions = []
    for q, cells in rows.items():
        first = next(iter(cells.values()))
        question = study.questions.get(q)
        words = " ".join(question.text.split()) if question else q
        pattern = "".join(_code(study, key, q) if key in cells else ABSENT for key in study.columns)
        questions.append([q, words[:220], kinds.index(study.answers["kind"][first] or ""), pattern])
    return as_json(
        {
            "readers": study.readers,
            "routes": study.routes,
            "columns": [[study.readers.index(reader), study.routes.index(route)] for reader, route in study.columns],
            "baseline": study.baseline if study.baseline in study.routes else "",
            "candidates": study.candidates,
            "kinds": kinds,
            "size": BLOCK,
            "rows": questions,
        }
    )


def as_json(value: Any) -> str:
    """Compact JSON that may stand inside a script element: no `<`, `>`, `&` or line separator is left literal."""
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for char in "<>&\u2028\u2029":
        raw = raw.replace(char, f"\\u{ord(char):04x}")
    return raw


def excerpt(text: str, start: int, end: int, golds: Sequence[tuple[int, int]], cap: int) -> list[tuple[str, int]]:
    """About `cap` characters of text[start:end] as (piece, PLAIN | GOLD), or (number of characters, LEFT_OUT).

    A longer stretch shows the surroundings of its gold evidence, or else its beginning and end.
    """
    end = min(end, len(text))
    inside = sorted((max(a, start), min(b, end)) for a, b in golds if a < end and b > start)
    if end - start <= cap:
        windows = [(start, end)]
    elif inside:
        windows, room = [], cap
        margin = max(40, (cap - sum(b - a for a, b in inside)) // (2 * len(inside)))
        for a, b in inside:
            left = max(a - margin, windows[-1][1] if windows else start)
            right = min(b + margin, end, left + room)
            if left < right:
                windows.append((left, right))
                room -= right - left
    else:
        windows = [(start, start + cap * 2 // 3), (end - cap // 3, end)]
    pieces: list[tuple[str, int]] = []
    at = start
    for left, right in windows:
        if left > at:
            pieces.append((str(left - at), LEFT_OUT))
        cuts = sorted({left, right, *(x for span in inside for x in span if left < x < right)})
        for a, b in pairwise(cuts):
            gold = any(s <= a and b <= e for s, e in inside)
            pieces.append((text[a:b], GOLD if gold else PLAIN))
        at = right
    if at < end:
        pieces.append((str(end - at), LEFT_OUT))
    return pieces


class _Pool:
    """Strings of one block, each kept once."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def add(self, text: str) -> int:
        return self.index.setdefault(text, len(self.index))


def _block(
    study: Study,
    rows: Mapping[str, Mapping[Key, int]],
    prompts: Prompts | None,
    removals: Removals | None,
    caps: Caps,
) -> str:
    pool = _Pool()
    items = []
    for q, cells in rows.items():
        question = study.questions.get(q) or Question(q, "")
        first = next(iter(cells.values()))
        gold = [_span(study, span, (), caps.span, pool) for span in question.evidence]
        facts = [
            [c, str(study.answers[c][first])] for c in ("context", "split", *study.slices) if study.answers[c][first]
        ]
        found = [
            _cell(study, question, key, cells[key], prompts, removals, caps, pool) if key in cells else None
            for key in study.columns
        ]
        items.append([question.text, list(question.golds), question.answerable, gold, facts, found])
    return as_json({"pool": list(pool.index), "items": items})


def _cell(
    study: Study,
    question: Question,
    key: Key,
    i: int,
    prompts: Prompts | None,
    removals: Removals | None,
    caps: Caps,
    pool: _Pool,
) -> list[Any]:
    """One answer, by position: see `cell` in report.js."""
    a, c = study.answers, study.costs
    answer, spans = a["answer"][i] or "", a["evidence"][i] or ()
    cut = None
    if a["truncated"][i]:
        cut = [a["kept_tokens"][i], a["context_tokens"][i], a["gold_kept"][i]]
    seconds = c["intrinsic_seconds"][i]
    shown = []
    if prompts is not None and caps.prompt:
        shown = [_prompt(view, caps.prompt) for view in prompts(question.id, key[1], key[0])]
    removed = removals(question.id, key[1], key[0]) if removals is not None and caps.struck else None
    struck: list[Any] = []
    if removed is not None:  # it shows what stayed as well, and stretch by stretch that would be hundreds
        struck = [summary(removed), *(_struck(text, pool) for text in texts(removed, caps.struck))]
        spans = ()
    cell = [
        answer[: caps.answer],
        len(answer) if len(answer) > caps.answer else 0,
        a["prompt_tokens"][i],
        a["completion_tokens"][i],
        a["calls"][i],
        float(f"{seconds:.4g}") if seconds else None,
        (a["finish"][i] or "").replace("stop", ""),
        (a["error"][i] or "")[:400],
        cut,
        [_span(study, Span(**e), question.evidence, caps.span, pool) for e in spans[:SPANS]],
        max(len(spans) - SPANS, 0),
        [_span(study, Span(**e), (), min(caps.span, 240), pool) for e in (a["cites"][i] or ())[:3]],
        shown,
        struck,
    ]
    while len(cell) > 1 and not cell[-1]:  # the page fills in what is left off
        cell.pop()
    return cell


def _span(study: Study, span: Span, golds: Sequence[Span], cap: int, pool: _Pool) -> list[Any]:
    """[name of the document, start, end, [index into the pool, kind, ...]]; no pieces without a text."""
    document = study.dataset.documents.get(span.doc)
    name = (document.title or document.id) if document else span.doc
    pieces: list[int] = []
    if document is not None and document.text is not None and cap:
        marked = [(g.start, g.end) for g in golds if g.doc == span.doc]
        for text, kind in excerpt(document.text, span.start, span.end, marked, cap):
            pieces += [pool.add(text), kind]
    return [pool.add(name), span.start, span.end, pieces]


def _struck(text: tuple[str, Shown], pool: _Pool) -> list[Any]:
    """[heading, [index into the pool, kind, ...]] of one text that a compressor was given."""
    found: list[int] = []
    for part in text[1]:
        if isinstance(part, Fold):
            found += [pool.add(part.told), FOLDED]
        else:
            kind = (GOLD if part.gold else PLAIN) if part.kept else (REMOVED_GOLD if part.gold else REMOVED)
            found += [pool.add(part.text), kind]
    return [text[0], found]


def _prompt(view: PromptView, cap: int) -> list[Any]:
    """[label, tokens, beginning, characters left out, end]: a prompt's instruction and its question both show."""
    text = view.text
    if len(text) <= cap:
        return [view.label, view.tokens, text, 0, ""]
    head = cap * 3 // 5
    return [view.label, view.tokens, text[:head], len(text) - cap, text[len(text) - (cap - head) :]]


def _code(study: Study, key: Key, question: str) -> str:
    return CODES.get(study.outcomes.get(key, {}).get(question, ""), UNMARKED)
