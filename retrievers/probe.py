"""The probe: what a cheap look at the documents tells about a question, before any route is paid for.

    index = ProbeIndex().on(Documents().on())
    node = Probe().on(index, QuestionText().on())

and, with a sentence encoder, whose chunks must be those of the index:

    chunks = WordChunks(size=CHUNK_WORDS).on(Documents().on())
    node = Probe().on(index, question, EncodeChunks().on(chunks), EncodeQuestion().on(question))

It does not know the routes, the answer, nor what a policy makes of the features. C: chunks; d: dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.stage import Per, Stage
from pipeline.policy.features import FEATURES, ngrams, part_name, question_features
from pipeline.policy.lexicon import content, names, numbers, stemmed, stems, words
from retrievers.base import rebuilt
from retrievers.probe_answer import grounding
from retrievers.probe_dense import dense_features
from retrievers.probe_index import CHUNK_WORDS, Ints, Postings, ProbeContext, build_index, chunks_of, open_index
from retrievers.probe_shape import best, diffusion, in_parts, scope, shape

__all__ = (
    "CHUNK_WORDS",
    "Probe",
    "ProbeContext",
    "ProbeIndex",
    "build_index",
    "chunks_of",
    "grounding",
    "named_parts",
    "open_index",
    "probe",
    "probe_chunks",
)

Vectors = NDArray[np.float32]

_UNKNOWN = {name: math.nan for name in FEATURES if name.startswith("probe.")}
# Words by which a question points at its source; they stand in every question alike. Stems.
_SOURCE = frozenset(("paper", "document", "passag"))
_LOOKED_UP = 256
"""Numbers, and names, of a question that are looked up."""


@dataclass(frozen=True)
class ProbeIndex(Stage):
    """Per context, `.on(documents)`: the index of `retrievers.probe_index.build_index`."""

    per: ClassVar[Per] = "context"
    batch: ClassVar[int] = 8

    def run(self, *columns: Sequence[Any]) -> Iterable[dict[str, Any]]:
        """One column: tuples of Document."""
        (contexts,) = columns
        for documents in contexts:
            yield build_index(documents)


@dataclass(frozen=True)
class Probe(Stage):
    """Per question, `.on(index, question text)`: all features before a route, by name.

    With encoded chunks and the encoded question as third and fourth input, also `probe.dense_` and `probe.agree`.
    """

    version: ClassVar[int] = 2

    def run(self, *columns: Sequence[Any]) -> Iterable[dict[str, float]]:
        """Two columns, indexes and texts; or four, with {"vectors": (C, d)} and (d,)."""
        indexes, texts, *dense = columns
        chunks, queries = dense or (repeat(None), repeat(None))
        opened = rebuilt(indexes, ProbeContext)
        for index, text, encoded, query in zip(opened, texts, chunks, queries, strict=False):
            yield probe(index, text, None if encoded is None else encoded["vectors"], query)


def probe(
    index: ProbeContext, text: str, vectors: Vectors | None = None, query: Vectors | None = None
) -> dict[str, float]:
    """`question.`, `document.` and `probe.` features and n-grams of a question asked of the documents of the index.

    vectors: (C, d) and query: (d,), unit length, add the dense features. NaN: not known, or nothing to measure.
    Raises UserError where the vectors are not those of the index's chunks.
    """
    asked = question_features(text)
    found = _UNKNOWN | {"probe.chunks": float(index.size)}
    if index.size:
        cues = asked["question.aggregation"]
        found |= {f"probe.{name}": float(x) for name, x in _probed(index, text, cues, vectors, query).items()}
    return asked | index.document | found | ngrams(text)


def probe_chunks(index: ProbeContext, text: str) -> Ints:
    """The question's own best chunks (at most 20, only those that hold a term), which `grounding` looks at."""
    return _top(_terms(index, text, named_parts(index, text)).scores(index))


def named_parts(index: ProbeContext, text: str) -> list[str]:
    """Parts of the documents that a question names by number ("papers 1 and 3"); else those whose title it quotes."""
    found = words(text)
    numbered: dict[str, None] = {}
    kind = ""
    for word in found if index.kinds else ():
        name = kind + " " + word.removesuffix("'s")
        if kind and name in index.parts:
            numbered[name] = None
        elif word in index.kinds or word.removesuffix("s") in index.kinds:
            kind = word if word in index.kinds else word.removesuffix("s")
        elif not (word in ("and", "or") or word.isdigit()):
            kind = ""
    if numbered:
        return list(numbered)
    quoted: dict[str, None] = {}
    for n in index.title_lengths:
        quoted |= dict.fromkeys(
            name for name in (" ".join(found[i : i + n]) for i in range(len(found) - n + 1)) if name in index.parts
        )
    return list(quoted)


def _terms(index: ProbeContext, text: str, parts: Sequence[str]) -> Postings:
    labels = stemmed([word for part in parts if part_name(part) == part for word in part.split(" ")])
    left_out = _SOURCE.union(labels)
    kept = dict.fromkeys(content(stems(text)))
    return index.postings([t for t in kept if t not in left_out and not (len(t) == 1 and t.isdigit())])


def _top(scores: NDArray[np.float64]) -> Ints:
    top = best(scores)
    return top[scores[top] > 0]


def _probed(
    index: ProbeContext, text: str, cues: float, vectors: Vectors | None, query: Vectors | None
) -> dict[str, float]:
    parts = named_parts(index, text)
    postings = _terms(index, text, parts)
    scores = postings.scores(index)
    value = _vocabulary(index, text, postings) | shape(scores, best(scores), postings)
    value["scope"] = scope(scores, cues + max(0, len(parts) - 1))
    value["diffusion"] = diffusion(scores, value["coverage_best"])
    masks = [index.inside(part) for part in parts]
    value |= {"parts": len(parts)} | _of_parts(scores, postings, masks)
    if vectors is not None and query is not None:
        if len(vectors) != index.size:
            raise UserError(
                f"there are {len(vectors)} encoded chunks, the index has {index.size}",
                where="Probe",
                remedy=f"Encode the chunks of WordChunks(size={CHUNK_WORDS})",
            )
        value |= dense_features(vectors, query, _top(scores), masks)
    return value


def _vocabulary(index: ProbeContext, text: str, postings: Postings) -> dict[str, float]:
    """Which of the question's terms, names, numbers and pairs the documents hold."""
    df, weight, n = postings.df, postings.weight, len(postings.weight)
    absent = df == 0
    called = stemmed([name.lower().replace("’", "'") for name in names(text)[:_LOOKED_UP]])
    called = list(content(called))
    chunks_of = index.postings(called).df
    side = list(content(stems(text)))
    pairs = list(pairwise(side))
    held = index.pairs_held(pairs)
    return {
        "terms": n,
        "absent": int(absent.sum()),
        "absent_share": float(absent.mean()) if n else math.nan,
        "absent_weight": float(weight[absent].sum()) / postings.total if n else math.nan,
        "mean_weight": float(weight.mean()) if n else math.nan,
        "rarest_found": float(weight[~absent].max(initial=0.0)),
        "common_share": float((df > 0.3 * index.size).mean()) if n else math.nan,
        "rare": int(((df > 0) & (df <= 3)).sum()),
        "names_absent": int((chunks_of == 0).sum()),
        "names_absent_share": float((chunks_of == 0).mean()) if called else math.nan,
        "names_rarest": float(chunks_of.min()) if called else math.nan,
        "names_commonest": float(chunks_of.max()) if called else math.nan,
        "numbers_absent": sum(not index.holds_number(number) for number in numbers(text)[:_LOOKED_UP]),
        "pairs": held,
        "pairs_share": held / len(pairs) if pairs else math.nan,
    }


def _of_parts(scores: NDArray[np.float64], postings: Postings, masks: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """Whether the best chunks lie in the parts that the question names."""
    if not masks:
        return {}
    total = postings.total or math.nan
    inside = np.logical_or.reduce(masks)
    top = _top(scores)
    value = in_parts(scores, top, masks)
    value |= {name: value[name] / total for name in ("part_best", "part_lead", "part_worst")}
    return value | {
        "part_size": float(inside.mean()),
        "part_in1": float(inside[top[0]]) if len(top) else math.nan,
        "part_outside": float(scores[~inside].max(initial=0.0)) / total,
        "part_absent": 1 - postings.share(inside),
    }
