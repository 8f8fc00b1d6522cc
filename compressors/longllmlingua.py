"""LongLLMLingua: texts by how likely they make the question, then tokens by what the question adds to their likelihood.

Jiang et al. 2023, "LongLLMLingua: Accelerating and Enhancing LLMs in Long Context Scenarios via Prompt Compression"
(arXiv 2310.06839), with the settings of the package's own example. `variant: package` is as in `compressors.lingua`,
with the same differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from compressors._causal import Scorer
from compressors._lingua import Lingua, Order, Ranked, mean_of
from compressors.base import Stretch, merged, shown

RESTRICTIVE = " We can get the answer to this question in the given documents."
"""Put behind the question where texts are ranked (section 4.1 of the paper): it keeps the model to the texts."""
_FAR = 200
"""Characters left out between two words of an answer above which they are no one phrase."""


@dataclass(frozen=True, kw_only=True)
class LongLLMLingua(Lingua):
    """Texts are ranked by the mean score of question and restrictive sentence behind each, the lowest first; of tokens
    those stay that are most surprising without the question, compared with it (equation 3).
    """

    contrast: ClassVar[bool] = True

    order: Order = "sort"
    dynamic: float = 0.3

    def prefix(self, question: str) -> str:
        """The question."""
        return question

    def rank(self, scorer: Scorer, tasks: Sequence[tuple[Sequence[str], str]]) -> list[Ranked]:
        """By mean negative log-likelihood of the question and the restrictive sentence, given a text."""
        pairs, read = [], []
        for texts, question in tasks:
            for text in texts:
                # Tokenised as one: what stands at the seam may be another token than alone.
                whole = scorer.encode(text + question + RESTRICTIVE)[0]
                size = min(len(scorer.encode(text)[0]), len(whole) - 1)
                pairs.append(([*scorer.begin, *whole[:size]], whole[size:]))
            read.append(sum(len(a) + len(b) for a, b in pairs[len(pairs) - len(texts) :]))
        found = iter(scorer.nll(pairs))
        out = []
        for (texts, _), count in zip(tasks, read, strict=True):
            scores = [mean_of(next(found)) for _ in texts]
            out.append(Ranked(sorted(range(len(texts)), key=lambda i: (scores[i], i)), count))
        return out


def recovered(answer: str, source: str, kept: Sequence[Stretch]) -> str:
    """The answer with phrases of the compressed text in place as the source has them (section 4.4, algorithm 2).

    A run of words that stands in the text of the kept stretches is replaced by the shortest piece of the source that it
    was made of, with what had been left out between. The longest runs are taken from left to right. What is put in is
    a piece of the source; words that are in no kept stretch stay as they are.
    """
    kept = merged(kept)
    short = shown(source, kept)
    places = np.concatenate([np.arange(a, b) for a, b in kept]) if kept else np.zeros(0, dtype=np.int64)
    words = answer.split(" ")
    out: list[str] = []
    at = 0
    while at < len(words):
        end = at
        while end < len(words) and " ".join(words[at : end + 1]) in short:
            end += 1
        run = " ".join(words[at:end])
        piece = _piece(run, short, source, places) if run.strip() else None
        out.append(piece if piece is not None else " ".join(words[at : max(end, at + 1)]))
        at = max(end, at + 1)
    return " ".join(out)


def _piece(run: str, short: str, source: str, places: np.ndarray) -> str | None:
    """The shortest piece of the source that the run was made of; None where too much was left out of each."""
    found = []
    at = short.find(run)
    while at >= 0:
        first, last = int(places[at]), int(places[at + len(run) - 1]) + 1
        found.append((last - first, first, last))
        at = short.find(run, at + 1)
    size, first, last = min(found)
    return source[first:last] if size - len(run) <= _FAR else None
