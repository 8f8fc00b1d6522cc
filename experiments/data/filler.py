"""Documents of a stated length in tokens, to measure what reading them costs: plain invented prose, with facts set in.

Sentences of a few patterns are filled with common words from a seed: quick to make at any length, and no two documents
begin alike, so that no prefix is shared by accident. Each question asks for one fact that stands in its document once.
It knows no reader; whether anybody can answer from such a text is not its question.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from experiments.reader.example import PARAGRAPH, Planted, plant
from experiments.reader.vocabulary import ADJECTIVES, CITIES, NOUNS, SURNAMES, Words
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Document, Question, Span
from pipeline.core.tokens import Tokenizer, tokenizer_named

SEED = 9_230_017
SHIPPED = Path(__file__).parents[2] / "pipeline" / "generators" / "embedded_model"
LONGEST = 10_000_000
"""Tokens of a document, and documents or questions in all."""

_PATTERNS = (
    "The {a} {n} of {c} was kept beside the {m} until the {b} {o} came back.",
    "{s} carried a {a} {n} from {c} to {d} and left the {m} at the {o}.",
    "In {c}, people say that the {n} by the {m} is as {a} as a {o}.",
    "Every morning {s} and {t} counted each {n} in the {b} {m}, and nothing was missing.",
    "Behind the {o} stood a {a} {n}, which {s} had bought in {d} for the {m}.",
    "It rained over {c} that week, so the {n} and the {b} {m} stayed under the {o}.",
    "{t} wrote about the {a} {n} twice, once from {c} and once from the {m} near {d}.",
    "No {n} in {d} was ever so {a}, and few looked at the {b} {o} at all.",
    "When the {m} was closed, {s} moved the {n} to {c} and painted the {o} {a}.",
    "The road from {c} to {d} passes a {b} {m}, a {n} and at last a {a} {o}.",
)
_STATEMENT = "The entry for {key} in the register is {value}."
_QUESTION = "What is the entry for {key} in the register?"
_NOTE = "The documents are filler, made to measure what reading them costs: how many answers are right says little."
_SENTENCES = (3, 8)
"""Of a paragraph, at least and at most."""


def load_filler(
    lengths: str = "8k",
    documents: str = "4",
    questions: str = "16",
    tokenizer: str = "",
    seed: str = "",
) -> Dataset:
    """`documents` texts for each length and each number of questions.

    lengths: in tokens, apart by spaces; 8k is 8,000. questions: on a document, likewise several. tokenizer: what
    counts: the shipped reader's, or as `tokenizer_named` says. seed: any text; another one gives other documents.
    Slices: length, asked (questions on its document). A document is a sentence shorter than its length at most. Raises
    UserError for a setting that is no such number, or a length that does not hold its questions' facts.
    """
    sizes, asked = _numbers(lengths, "lengths"), _numbers(questions, "questions")
    (each,) = _numbers(documents, "documents", most=1)
    if len(sizes) * len(asked) * each * max(asked) > LONGEST:
        raise UserError("more questions than anybody asks", where="data", remedy="Ask for less")
    counter = tokenizer_named(tokenizer or str(SHIPPED))
    made, out = dict[str, Document](), list[Question]()
    for size in sizes:
        length = _named(size, max(sizes))
        for count in asked:
            for number in range(each):
                name = f"{length}-q{count}-{number:02}"
                text, facts = _document(random.Random(f"{SEED}{seed} {name}"), size, count, counter)
                made[name] = Document(name, text)
                out += _questions(name, text, facts, {"length": length, "asked": f"{count:0{len(str(max(asked)))}}"})
    return Dataset("filler", made, tuple(out), notes=(_NOTE,))


def _numbers(text: str, where: str, most: int | None = None) -> list[int]:
    """The numbers of a setting, each once."""
    found = text.split()
    numbers = [
        int(m[1]) * (1000 if m[2] else 1) for word in found if (m := re.fullmatch(r"([1-9][0-9]{0,7})(k?)", word))
    ]
    right = len(numbers) == len(found) == len(set(numbers)) and max(numbers, default=0) <= LONGEST
    if not numbers or not right or (most is not None and len(numbers) > most):
        wanted = "a number such as 16" if most == 1 else "different numbers such as 8k 32k"
        raise UserError(f"found {text!r}, expected {wanted}", where=f"data.{where}", remedy="Correct it")
    return numbers


def _named(tokens: int, longest: int) -> str:
    """A length's name, so long that tables sort by it."""
    whole = tokens % 1000 == 0 and longest % 1000 == 0
    return f"{tokens // 1000:0{len(str(longest // 1000))}}k" if whole else f"{tokens:0{len(str(longest))}}"


def _document(rng: random.Random, tokens: int, facts: int, tokenizer: Tokenizer) -> tuple[str, list[tuple[str, str]]]:
    """A text of at most so many tokens and hardly fewer, and its facts: (key, value), evenly spread.

    Tokens are summed over sentences: exact where none reaches across the space between two, else a few off.
    """
    words = Words(rng)
    keys, values = words.distinct(words.pair, facts), words.distinct(lambda: words.number(7), facts)
    sentences = [_STATEMENT.format(key=k, value=v) for k, v in zip(keys, values, strict=True)]
    room = tokens - sum(tokenizer.count(" " + s) for s in sentences)
    if room < 0:
        raise UserError(
            f"{tokens} tokens do not hold the facts of {facts} questions", where="data.lengths", remedy="Ask for more"
        )
    depths = [(i + 0.5) / facts for i in range(facts)]
    text = plant(rng, _prose(rng, room, tokenizer), Planted(sentences, ()), depths=depths).document
    return text, list(zip(keys, values, strict=True))


def _prose(rng: random.Random, tokens: int, tokenizer: Tokenizer) -> list[str]:
    """Sentences in paragraphs of at most so many tokens in all, one segment each."""
    segments, held, paragraph = list[str](), 0, 0
    while held < tokens:
        more: list[str] = []
        for _ in range(1 + (tokens - held) // 20):  # a sentence has more tokens than that
            gap = "" if not segments and not more else " "
            if paragraph == 0:
                paragraph, gap = rng.randint(*_SENTENCES), PARAGRAPH if gap else ""
            paragraph -= 1
            more.append(gap + _sentence(rng))
        ends = [end for _, end in tokenizer.spans("".join(more))]
        at = 0
        for segment, until in zip(more, accumulate(map(len, more)), strict=True):
            start = at
            while at < len(ends) and ends[at] <= until:
                at += 1
            held += at - start
            if held > tokens:
                return segments
            segments.append(segment)
    return segments


def _sentence(rng: random.Random) -> str:
    def one(values: Sequence[str]) -> str:
        return values[int(rng.random() * len(values))]

    return one(_PATTERNS).format(
        a=one(ADJECTIVES),
        b=one(ADJECTIVES),
        n=one(NOUNS),
        m=one(NOUNS),
        o=one(NOUNS),
        c=one(CITIES),
        d=one(CITIES),
        s=one(SURNAMES),
        t=one(SURNAMES),
    )


def _questions(name: str, text: str, facts: Sequence[tuple[str, str]], slices: dict[str, str]) -> list[Question]:
    out = []
    for i, (key, value) in enumerate(facts):
        sentence = _STATEMENT.format(key=key, value=value)
        start = text.index(sentence)
        out.append(
            Question(
                id=f"{name}-{i:03}",
                text=_QUESTION.format(key=key),
                context=(name,),
                golds=(value,),
                answerable=True,
                evidence=(Span(name, start, start + len(sentence)),),
                kind="fact",
                cluster=name,
                slices=slices,
            )
        )
    return out
