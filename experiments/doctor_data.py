"""What is wrong with documents and questions, before any gold answer is looked at: missing, repeated, out of step.

It reads the data alone. It does not know which route will fail on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from experiments.data.fields import plural
from experiments.doctor_subject import Said, Subject, Vocabulary, examples, part, words_of
from pipeline.core.records import Document, Question, digest
from pipeline.score.text import normalize_answer, token_f1

_ABSENT = 0.05  # share of questions that may name what their documents do not hold: spelling, nicknames, made-up cases
_CLUSTERED = 0.2  # share of one kind of questions, at which it is no accident
_FEW = 5  # questions; fewer are told and not warned of
_GROUP = 10  # questions that make a kind
_TITLED = 0.5  # a question with more of its words capitalised is a title; capitals then mark no names
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_][^\W_]*")
_START = re.compile(r"(?:^|[.!?:;…]\s+|[\"“‘'(\[]|\n\s*)$")


def documents(subject: Subject) -> Iterator[Said]:
    """Missing, empty and repeated documents.

    LaRA leaves out books for copyright: their questions have recorded answers and no text, so that no route can be
    run on them again. A document that stands twice in a collection halves what a passage budget holds.
    """
    known, questions = subject.dataset.documents, subject.questions
    fine = True
    unknown = [q.id for q in questions if any(i not in known for i in q.context)]
    if unknown:
        fine = False
        yield (
            "error",
            f"{part(len(unknown), len(questions), 'questions')} are asked of documents that the data does not "
            f"hold, {examples(unknown)}; add the documents or drop the questions",
        )
    for name, absent, remedy in (
        ("have no text", [d for d in subject.asked if d.text is None], "routes that read them can only be replayed"),
        ("are empty", [d for d in subject.asked if d.text is not None and not d.text.strip()], "check how they load"),
    ):
        if absent:
            fine = False
            ids = {d.id for d in absent}
            hit = sum(any(i in ids for i in q.context or known) for q in questions)
            yield (
                "warning",
                f"{part(len(absent), len(subject.asked), 'documents')} {name}, {examples(ids_of(absent))}; "
                f"{plural(hit, 'question')} asked of them: {remedy}",
            )
    texts: dict[str, list[str]] = {}
    for document in subject.asked:
        if document.text and document.text.strip():
            texts.setdefault(digest(document.text), []).append(document.id)
    twice = [ids for ids in texts.values() if len(ids) > 1]
    if twice:
        fine = False
        shown = examples(twice, lambda ids: " = ".join(ids[:2]))
        yield "warning", f"{plural(len(twice), 'text')} under several document ids, {shown}; keep one of each"
    if fine:
        yield "ok", f"all {len(subject.asked):,} documents hold text, and none stands twice"


def ids_of(documents: list[Document]) -> list[str]:
    """Their ids."""
    return [d.id for d in documents]


def duplicates(subject: Subject) -> Iterator[Said]:
    """The same question twice, within a split and across splits, and what its gold answers then say.

    A question that stands in dev and in test lets a policy or a threshold learn the test's answers; one that stands
    twice within a split counts double. Equal words about other documents are another question.
    """
    groups: dict[tuple[str, ...], list[Question]] = {}
    known = subject.dataset.documents
    for q in subject.dataset.questions:
        texts = [digest(known[i].text or i) if i in known else i for i in q.context]
        groups.setdefault((normalize_answer(q.text), *texts), []).append(q)
    repeated = [group for group in groups.values() if len(group) > 1]
    across = [g for g in repeated if len({q.split for q in g}) > 1]
    within = [g for g in repeated if len({q.split for q in g}) < len(g)]
    if across:
        shown = examples(across, _twins)
        remedy = "keep each in one, or what is learned on dev knows the test"
        yield "warning", f"{plural(len(across), 'question')} in more than one split, {shown}; {remedy}"
    if within:
        shown = examples(within, _twins)
        yield "warning", f"{plural(len(within), 'question')} asked twice of the same text, {shown}; keep one"
    against = [g for g in repeated if _contradict(g)]
    if against:
        yield (
            "error",
            f"{plural(len(against), 'repeated question')} with gold answers that contradict each other, "
            f"{examples(against, _twins)}; one answer cannot be right for both: correct the golds",
        )
    if not repeated:
        yield "ok", f"no question of {len(subject.dataset.questions):,} is asked twice of the same text"


def _twins(group: list[Question]) -> str:
    return " = ".join(q.id for q in group[:2])


def _contradict(group: list[Question]) -> bool:
    """Some two: one is unanswerable and the other answered, or their numbers or words have nothing in common."""
    return any(_against(a, b) for i, a in enumerate(group) for b in group[i + 1 :])


def _against(a: Question, b: Question) -> bool:
    if a.answerable is False and b.answerable is False:
        return False
    if False in (a.answerable, b.answerable):
        other = b if a.answerable is False else a
        return bool(other.golds) or other.answerable is True
    if not a.golds or not b.golds:
        return False
    return not any(_agree(x, y) for x in a.golds for y in b.golds)


def _agree(a: str, b: str) -> bool:
    """Whether two gold answers may say the same: a number in common where both hold numbers, else a word."""
    numbers = [{w for w in words_of(gold) if w[0].isdigit()} for gold in (a, b)]
    if all(numbers):
        return bool(numbers[0] & numbers[1])
    return token_f1(a, [b]) > 0


def names(subject: Subject) -> Iterator[Said]:
    """Names and numbers of a question that its documents do not hold.

    LaRA exchanged the names in its books against leakage, but not in the comparison questions: most of those that
    name a person name one that the text no longer has. No route can find what is not there, so such questions measure
    what a reader remembers of the book. A trace in capitals (a heading that was left as it was) is no mention.
    Questions known to be unanswerable are left out: there it is the point.
    """
    asked = [q for q in subject.questions if q.answerable is not False]
    asked = [q for q in asked if (found := subject.documents(q)) and all(d.text for d in found)]
    proper = _proper(subject, asked)
    for kind, find in (("names", _names), ("numbers", _numbers)):
        holding = [(q, held) for q in asked if (held := find(q, proper))]
        if not holding:
            yield "ok", f"not applicable: no question with text at hand holds {kind}"
            continue
        lost = []
        for q, held in holding:
            texts = [subject.vocabulary(d) for d in subject.documents(q)]
            gone = [w for w in held if not any(_mentions(v, w) for v in texts)]
            if gone:
                lost.append((q, gone))
        worst, group = _worst_group([q for q, _ in holding], {q.id for q, _ in lost})
        share = sum(q.id in group for q, _ in lost) / max(1, len(group))
        shown = sorted(lost, key=lambda item: item[0].id not in group)
        told = part(len(lost), len(holding), f"questions that hold {kind}")
        told += " hold one that their documents do not"
        told += f", {examples(shown, _missing)}" if lost else ""
        if len(lost) >= _FEW and (len(lost) > _ABSENT * len(holding) or share > _CLUSTERED):
            yield "warning", f"{told}{worst}; no route can find them: correct these questions or leave them out"
        else:
            yield "ok", told


def _worst_group(questions: list[Question], lost: set[str]) -> tuple[str, set[str]]:
    """The kind of questions, alone or within a slice, that loses the greatest share: in words, and its questions."""
    groups: dict[str, set[str]] = {}
    for q in questions:
        for within in ("", *(f", {key} {value}" for key, value in sorted(q.slices.items()))):
            groups.setdefault(f"kind {q.kind or 'unknown'}{within}", set()).add(q.id)
    sized = {name: ids for name, ids in groups.items() if len(ids) >= _GROUP}
    if len(groups) < 2 or not sized:
        return "", set()
    name, ids = max(sized.items(), key=lambda item: len(item[1] & lost) / len(item[1]))
    return f"; most in {name}: {len(ids & lost)} of {len(ids)}", ids


def _missing(item: tuple[Question, list[str]]) -> str:
    question, gone = item
    return f"{question.id} ({', '.join(dict.fromkeys(gone))})"


def _proper(subject: Subject, questions: list[Question]) -> set[str]:
    """Words that a capital at the start of a sentence is no accident of.

    They stand capitalised inside a sentence of some question, and nowhere in lower case.
    """
    inside = {w for q in questions for m, start in _capitals(q) if not start for w in words_of(m)}
    small = {w for q in questions for w in words_of(q.text) if w.islower()}
    for document in {d.id: d for q in questions for d in subject.documents(q)}.values():
        small |= subject.vocabulary(document).small
    return {w for w in inside if w.lower() not in small}


def _capitals(question: Question) -> Iterator[tuple[str, bool]]:
    """Capitalised words of a question, and whether each starts a sentence; none of a question set as a title."""
    tokens = [m for m in _TOKEN.finditer(question.text) if len(m.group()) > 1 and m.group()[0].isalpha()]
    long = [m for m in tokens if len(m.group()) > 3]
    if len(long) > 3 and sum(m.group()[0].isupper() for m in long) > _TITLED * len(long):
        return
    for m in tokens:
        if m.group()[0].isupper():
            yield m.group(), _START.search(question.text[: m.start()]) is not None


def _names(question: Question, proper: set[str]) -> list[str]:
    words = [w for m, start in _capitals(question) for w in words_of(m) if not start or w in proper]
    return [w for w in words if len(w) > 1 and w[0].isalpha()]


def _numbers(question: Question, proper: set[str]) -> list[str]:
    """Numbers of two digits and more; a single one counts things ("the 3 largest")."""
    return [w for w in words_of(question.text) if w[0].isdigit() and len(w) > 1]


def _mentions(vocabulary: Vocabulary, word: str) -> bool:
    if word in vocabulary.exact:
        return True
    if word.lower() not in vocabulary.lower:
        return False
    # In capitals alone: a heading, unless the question's own word or the whole document is written in capitals.
    return word.isupper() or word.lower() in vocabulary.exact or not vocabulary.small
