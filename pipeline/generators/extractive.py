"""The extractive baseline: a reader that answers with the best sentence of its context, or declines.

No language model stands behind it: sentences are compared with the question by meaning (MiniLM vectors) and by words.
It cannot reason, combine two sentences or put an answer into its own words, and it does not know which route asks.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, Span
from pipeline.core.sentences import split_sentences
from pipeline.core.spec import digest_model, settings
from pipeline.core.tokens import MINILM, Tokenizer, minilm_folder, tokenizer_named
from pipeline.generators._absent import ABSENT, UNASKED
from pipeline.generators._minilm import Vectors, shared
from pipeline.generators._terms import overlap, terms, weights
from pipeline.generators.base import Call, Completion, Generator, Usage

DECLINE = "unanswerable"
_CONTEXT = ("document", "passage")
_LABEL = re.compile(r"^\s*question\s*:\s*", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_PARAGRAPH_SHARE = 0.3
_AHEAD = 32  # calls whose new sentences are embedded together
_PARTS = 64  # parts whose sentences stay cut; calls on one document stand together


@dataclass(frozen=True, slots=True)
class _Sentences:
    """The sentences of one part. offsets in the part's text; texts with single spaces; near: terms of the paragraph."""

    offsets: list[tuple[int, int]]
    texts: list[str]
    held: list[frozenset[str]]
    near: list[frozenset[str]]


@dataclass(frozen=True, kw_only=True)
class Extractive(Generator):
    """Answers with the best sentence by `weight_words` x words + (1 - `weight_words`) x cosine, both in [0, 1].

    It answers `unanswerable` where the best of n sentences scores below threshold + growth x sqrt(2 ln n): the best of
    many unrelated sentences is better than that of few, and grows like this (Gumbel 1958, "Statistics of Extremes").
    The defaults were fitted on the development half of the quickstart's questions by benchmarks/fit_extractive.py.

    A sentence of more than `sampling.max_tokens` tokens is answered by its beginning. Temperature and seed change
    nothing. The answer depends on the prompt alone, to the last byte: cosines are rounded, the earliest of equals wins.
    """

    weight_words: float = 0.6
    threshold: float = 0.2
    growth: float = 0.07

    def resolved_settings(self) -> dict[str, Any]:
        """The settings and the encoder's digest."""
        return {**settings(self), "encoder": self._encoder_digest}

    @property
    def tokenizer(self) -> Tokenizer:
        """MiniLM's."""
        return tokenizer_named(MINILM)

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Answer in order. Raises UserError for a weight outside [0, 1]."""
        if not 0 <= self.weight_words <= 1:
            raise UserError(
                f"a weight of {self.weight_words:g} is not in [0, 1]", where="weight_words", remedy="Give 0.5, say"
            )
        for at in range(0, len(calls), _AHEAD):
            some = calls[at : at + _AHEAD]
            start = time.perf_counter()
            shared().learn(text for call in some for text in self._texts(call.prompt))
            share = (time.perf_counter() - start) / len(some)
            for i, call in enumerate(some, start=at):
                start = time.perf_counter()
                completion = self._answer(call)
                yield i, replace(completion, seconds=share + time.perf_counter() - start)

    def close(self) -> None:
        """Let go of the encoder and of what it remembers."""
        shared.cache_clear()
        self._cut.clear()

    def score(self, question: str, parts: Sequence[Part]) -> list[tuple[float, Part, tuple[int, int]]]:
        """Every sentence of the parts in order: its score, its part, its offsets there."""
        read = [self._sentences(part) for part in parts]
        held = [own for sentences in read for own in sentences.held]
        near = [around for sentences in read for around in sentences.near]
        asked = terms(question)
        counts = Counter(term for own in held for term in own & asked.keys())
        words = overlap(held, near, weights(asked, counts, len(held)), _PARAGRAPH_SHARE)
        vectors = shared().vectors([question, *(text for sentences in read for text in sentences.texts)])
        places = [(part, offsets) for part, sentences in zip(parts, read, strict=True) for offsets in sentences.offsets]
        w = self.weight_words
        return [
            (round(w * word + (1 - w) * cosine, 6), part, offsets)
            for word, cosine, (part, offsets) in zip(words, _cosines(vectors), places, strict=True)
        ]

    def needed(self, sentences: int) -> float:
        """The score that the best of so many sentences must reach."""
        return self.threshold + self.growth * math.sqrt(2 * math.log(max(1, sentences)))

    def _answer(self, call: Call) -> Completion:
        if not call.prompt.complete:
            return ABSENT
        question = question_of(call.prompt)
        if not question:
            return UNASKED
        scored = self.score(question, _context(call.prompt))
        text, cites = DECLINE, tuple[Span, ...]()
        if scored:
            best, part, offsets = max(scored, key=lambda s: s[0])
            if best >= self.needed(len(scored)):
                text, cites = self._extract(part, offsets, call.sampling.max_tokens)
        tokens = self.tokenizer
        return Completion(text=text, usage=Usage(tokens.count_prompt(call.prompt), tokens.count(text)), cites=cites)

    def _extract(self, part: Part, offsets: tuple[int, int], max_tokens: int) -> tuple[str, tuple[Span, ...]]:
        start, end = offsets
        raw = (part.text or "")[start:end]
        tokens = self.tokenizer.spans(raw)
        if len(tokens) > max_tokens:
            end = start + tokens[max_tokens - 1][1]
            raw = raw[: end - start]
        text = " ".join(raw.split())
        if part.span is None:
            return text, ()
        # A separator may stand behind the document's own characters.
        span = Span(part.span.doc, part.span.start + start, min(part.span.start + end, part.span.end))
        return text, (span,)

    def _texts(self, prompt: Prompt) -> list[str]:
        if not prompt.complete:
            return []
        texts = [text for part in _context(prompt) for text in self._sentences(part).texts]
        return [question_of(prompt), *texts] if texts else []

    def _sentences(self, part: Part) -> _Sentences:
        cut = self._cut.pop(part.digest, None) or _read(part.text or "")
        self._cut[part.digest] = cut
        if len(self._cut) > _PARTS:
            del self._cut[next(iter(self._cut))]
        return cut

    @cached_property
    def _cut(self) -> dict[str, _Sentences]:
        return {}

    @cached_property
    def _encoder_digest(self) -> str:
        return digest_model(str(minilm_folder()))


def _cosines(vectors: Vectors) -> list[float]:
    """(1 + n, d), the question first -> n cosines. Rounded: the last bits differ between processors."""
    # Row by row in float64: a matrix product's last bits depend on how many rows it has.
    question = vectors[0].astype(np.float64)
    return [round(float(np.dot(row.astype(np.float64), question)), 4) for row in vectors[1:]]


def question_of(prompt: Prompt) -> str:
    """The question of a prompt without the word before it, on one line; empty where the prompt has none."""
    text = next((p.text or "" for p in prompt.parts if p.role == "question"), "")
    return " ".join(_LABEL.sub("", text).split())


def _context(prompt: Prompt) -> list[Part]:
    return [part for part in prompt.parts if part.role in _CONTEXT]


def _read(text: str) -> _Sentences:
    offsets = split_sentences(text)
    held = [frozenset(terms(text[start:end])) for start, end in offsets]
    near: list[frozenset[str]] = []
    for group in _paragraphs(text, offsets):
        near += [frozenset[str]().union(*held[len(near) : len(near) + group])] * group
    return _Sentences(offsets, [" ".join(text[start:end].split()) for start, end in offsets], held, near)


def _paragraphs(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """How many sentences each paragraph has; a blank line ends one."""
    sizes: list[int] = []
    last = 0
    for start, end in offsets:
        if not sizes or _PARAGRAPH.search(text, last, start):
            sizes.append(0)
        sizes[-1] += 1
        last = end
    return sizes
