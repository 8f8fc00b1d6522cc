"""What is wrong with gold answers and gold evidence: absent, out of place, always in one place.

It reads the data alone, and takes no answer of a reader into account.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from experiments.doctor_subject import Said, Subject, Vocabulary, examples, part
from pipeline.core.records import Question
from pipeline.score.text import normalize_answer

_NOT_STATED = 0.2  # share of golds that may be computed or reworded rather than stated
_FEWEST = 10  # questions, below which a constant is no pattern
_NARROW = 0.1  # of the context: a stretch in which nine tenths of all evidence should not lie
_MOST = 0.9
_CLOSED = frozenset(("yes", "no", "true", "false", "none"))
_FUNCTION = frozenset("a an and are as at be by for from has in is it its of on or that the to was were with".split())
_OPTION = re.compile(r"(?:^|\s)\(?([A-Ha-h])[).:]\s+\S")


def evidence(subject: Subject) -> Iterator[Said]:
    """Gold evidence must lie in the documents that the question is asked of, or recall is measured against nothing."""
    outside, elsewhere, blank = [], [], []
    for q in subject.questions:
        texts = {d.id: d.text for d in subject.documents(q)}
        for span in q.evidence:
            text = texts.get(span.doc)
            if span.doc not in texts:
                elsewhere.append(q.id)
            elif text is not None and span.end > len(text):
                outside.append(q.id)
            elif text is not None and not text[span.start : span.end].strip():
                blank.append(q.id)
    total = len(subject.questions)
    for ids, what in (
        (elsewhere, "have gold evidence in a document that they are not asked of"),
        (outside, "have gold evidence beyond the end of its document"),
        (blank, "have gold evidence without text"),
    ):
        hit = list(dict.fromkeys(ids))
        if hit:
            yield "error", f"{part(len(hit), total, 'questions')} {what}, {examples(hit)}; correct the offsets"
    if not (outside or elsewhere or blank):
        having = sum(bool(q.evidence) for q in subject.questions)
        if having:
            yield "ok", f"{part(having, total, 'questions')} have gold evidence, all of it inside their documents"
        else:
            yield "ok", "not applicable: no question has gold evidence"


def answers(subject: Subject) -> Iterator[Said]:
    """Gold answers that are absent, or stand neither in the evidence nor in the documents; the unanswerable share.

    An answer that the documents do not state cannot be given from them. A share of computed ones is no fault, so only
    many are one. Without unanswerable questions, a reader that never declines looks best; with nothing else, one that
    always does.
    """
    questions = subject.questions
    fine = True
    without = [q.id for q in questions if q.answerable is True and not any(g.strip() for g in q.golds)]
    unknown = [q.id for q in questions if q.answerable is None and not any(g.strip() for g in q.golds)]
    if without or unknown:
        fine = False
        ids = without + unknown
        yield (
            "warning",
            f"{part(len(ids), len(questions), 'questions')} have no gold answer and cannot be marked, {examples(ids)}; "
            "add `golds`, or answerable=false where the documents hold none",
        )
    never = sum(q.answerable is False for q in questions)
    if never in (0, len(questions)):
        fine = False
        what = "no question is" if not never else "all questions are"
        effect = "never declining" if not never else "always declining"
        yield "warning", f"{what} marked unanswerable, so that {effect} costs nothing; add questions of the other kind"
    missing = list(_not_stated(subject))
    open_golds = sum(_stateable(q) for q in questions)
    told = f"{part(len(missing), open_golds, 'gold answers')} stand neither in the evidence nor in the documents"
    if missing:
        told += f", {examples(missing)}"
    if len(missing) > _NOT_STATED * open_golds:
        fine = False
        yield "warning", f"{told}; check these golds, and that the questions belong to these documents"
    if fine:
        yield "ok", f"{part(never, len(questions), 'questions')} are unanswerable; {told}"


def _stateable(question: Question) -> bool:
    """Whether the gold is a text that the documents could state, rather than yes, no or the letter of an option."""
    golds = [normalize_answer(g) for g in question.golds]
    return question.answerable is not False and any(len(g) > 1 and g not in _CLOSED for g in golds)


def _not_stated(subject: Subject) -> Iterator[str]:
    for q in subject.questions:
        found = subject.documents(q)
        if not _stateable(q) or not found or any(d.text is None for d in found):
            continue
        texts = {d.id: d.text or "" for d in found}
        shown = [Vocabulary.of(texts[s.doc][s.start : s.end]) for s in q.evidence if s.doc in texts]
        whole = [subject.vocabulary(d) for d in found]
        if not any(_states(v, g) for g in q.golds for v in (*shown, *whole)):
            yield q.id


def _states(vocabulary: Vocabulary, gold: str) -> bool:
    """All words of a short answer, half of those of a long one; an answer is seldom quoted whole."""
    held = [w for w in (x.lower() for x in Vocabulary.of(gold).exact) if w not in _FUNCTION]
    need = len(held) if len(held) <= 3 else (len(held) + 1) // 2
    return sum(w in vocabulary.lower for w in held) >= need


def position(subject: Subject) -> Iterator[Said]:
    """Gold evidence, or the right option, always in one place.

    Where the answer always stands at the start, a reader of nothing but starts is as good as one of everything, and
    "lost in the middle" cannot show; truncation then looks harmless. Evidence that fills most of its context is left
    out, since it can stand nowhere else.
    """
    found = [(q, at) for q in subject.questions if (at := _where(subject, q)) is not None]
    told = ""
    if len(found) < _FEWEST:
        yield "ok", f"not applicable: {len(found)} questions have gold evidence in a text at hand, {_FEWEST} are needed"
    else:
        values = sorted(at for _, at in found)
        take = -(-int(_MOST * 1000) * len(values) // 1000)  # nine tenths, rounded up
        width, low = min((values[i + take - 1] - values[i], values[i]) for i in range(len(values) - take + 1))
        told = f"nine tenths of {len(values):,} gold evidence positions lie within {100 * width:.0f} % of their context"
        if width <= _NARROW:
            yield (
                "warning",
                f"{told}, from {100 * low:.0f} % on, {examples(q.id for q, _ in found)}; place evidence evenly, or a "
                "reader of that part alone will seem to read everything",
            )
        else:
            yield "ok", told
    yield from _options(subject)


def _where(subject: Subject, question: Question) -> float | None:
    """Where the first gold span starts, as a share of the room it has in the context; None where it cannot be told."""
    documents = subject.documents(question)
    offsets: dict[str, int] = {}
    total = 0
    for d in documents:
        if d.text is None:
            return None
        offsets[d.id] = total
        total += len(d.text)
    starts = [(offsets[s.doc] + s.start, s) for s in question.evidence if s.doc in offsets]
    if not starts:
        return None
    first, span = min(starts)
    room = total - (span.end - span.start)
    return first / room if room > total / 2 else None


def _options(subject: Subject) -> Iterator[Said]:
    chosen = [(q, letter) for q in subject.questions if (letter := _letter(q))]
    if len(chosen) < _FEWEST:
        return
    letter, count = Counter(letter for _, letter in chosen).most_common(1)[0]
    told = f"the right option is {letter} in {part(count, len(chosen), 'multiple-choice questions')}"
    if count > 0.75 * len(chosen):
        ids = (q.id for q, given in chosen if given == letter)
        yield "warning", f"{told}, {examples(ids)}; shuffle the options, or always answering {letter} wins"
    else:
        yield "ok", told


def _letter(question: Question) -> str:
    """The letter of the gold option, as the gold gives it or as the option with the gold's text; or nothing."""
    marks = list(_OPTION.finditer(question.text))
    if len(marks) < 2:
        return ""
    options = {}
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        body = question.text[mark.end() - 1 : following.start() if following else len(question.text)]
        options[mark[1].upper()] = normalize_answer(body)
    for gold in question.golds:
        plain = gold.strip("() .:").upper()
        if plain in options:
            return plain
        for letter, body in options.items():
            if body and body == normalize_answer(gold):
                return letter
    return ""
