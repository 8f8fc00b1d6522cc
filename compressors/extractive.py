"""Extraction: the sentences, passages or windows of words that fit the question best stay as they stand.

Each unit is scored for itself by BM25, by an encoder's cosine, by both (reciprocal rank fusion), or by a cross-encoder;
neighbours share their scores, the best units stay until the budget is full, and what stays is shown in reading order.
Jha et al., "Characterizing Prompt Compression Methods for Long Context Inference", 2024 (arXiv 2407.08892), found such
selection ahead of token pruning and of summaries; it is the baseline of this folder.

It knows nothing of how scores are made (`retrievers`), and rewrites nothing: a pronoun may lose what it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from compressors.base import Method, Shortened, Stretch, Task, fill, in_place
from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.sentences import split_sentences
from pipeline.core.spec import digest_model, runtime, settings
from pipeline.core.tokens import MINILM, Tokenizer
from retrievers.analyze import analyzer
from retrievers.base import DECIMALS, at_least, one_of, top_k
from retrievers.bm25 import BM25Index, scorer
from retrievers.chunk import PARAGRAPH
from retrievers.cross_encoder import CrossEncoder
from retrievers.encode import Encoder
from retrievers.encoder_models import ModelSource, Precision, TextInput, input_module, model_folder, precision_of
from retrievers.fuse import RRF
from retrievers.token_batches import tokenized
from retrievers.windows import Weigher, windows, word_spans

Units = Literal["sentences", "passages", "words"]
By = Literal["bm25", "dense", "cross_encoder", "hybrid"]
Floats = NDArray[np.float64]

_READ_BY = {"dense": "encoder", "hybrid": "encoder", "cross_encoder": "cross-encoder"}


@dataclass(frozen=True, kw_only=True)
class Extractive(Method):
    """The best units by the question, until the budget is full.

    units: `sentences`; `passages`: paragraphs, cut between sentences; `words`: windows without overlap.
    size: most tokens of a unit, in the task's tokenizer; what is longer is cut, between words where it can be.
    scorer: `bm25`; `dense`: cosine with the question; `hybrid`: reciprocal rank fusion of these two (k = 60);
    `cross_encoder`: the logit of question and unit read together.
    context: how many neighbours on each side share their score with a unit, the d-th with weight 1 / (d + 1): evidence
    often stands beside the sentence that names what is asked about. 0: none.
    normalize: `dense` takes the cosine; without it, the inner product of the encoder's vectors as they are.
    model, revision: of the encoder (empty: all-MiniLM-L6-v2) or of the cross-encoder, a folder or a hub name with its
    revision. precision, device, batch_tokens: as in `retrievers.encode.Encoder`.
    """

    units: Units = "sentences"
    scorer: By = "hybrid"
    size: int = 100
    context: int = 1
    normalize: bool = True
    model: str = ""
    revision: str = ""
    precision: Precision = "auto"
    device: str = runtime("")
    batch_tokens: int = runtime(0)

    def __post_init__(self) -> None:
        one_of(self.units, get_args(Units), "extractive.units")
        one_of(self.scorer, get_args(By), "extractive.scorer")
        at_least(self.size, 1, "extractive.size")
        at_least(self.context, 0, "extractive.context")
        if self.scorer == "cross_encoder" and not self.model:
            raise UserError(
                "a cross-encoder without a model", where="extractive.model", remedy="Name its folder, or its hub name"
            )
        if self.scorer == "bm25" and self.model:
            raise UserError(
                f"bm25 reads no model, and {self.model!r} is given",
                where="extractive.model",
                remedy="Leave it out, or give scorer: dense, hybrid or cross_encoder",
            )

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the model by its content; nothing of a model where none is read."""
        own = settings(self)
        del own["revision"]
        if self.scorer == "bm25":
            return {k: v for k, v in own.items() if k not in ("model", "precision", "normalize")}
        model = digest_model(model_folder(self.model or MINILM), self.revision)
        return own | {"model": model, "precision": precision_of(self.precision, self.device)}

    def shorten(self, tasks: Sequence[Task]) -> Iterable[Shortened]:
        """One selection per task. Texts that several tasks share are cut and encoded once, and charged to each."""
        distinct = dict.fromkeys((task.texts, task.tokenizer) for task in tasks)
        cut = {key: units_of(*key, self.units, self.size) for key in distinct}
        units = [cut[task.texts, task.tokenizer] for task in tasks]
        texts = [
            tuple(task.texts[t][a:b] for t, row in enumerate(rows) for a, b in row)
            for task, rows in zip(tasks, units, strict=True)
        ]
        questions = [task.question for task in tasks]
        bounds = [[0, *accumulate(len(row) for row in rows)] for rows in units]
        parts: list[list[Floats]] = [[] for _ in tasks]
        read = [0] * len(tasks)
        if self.scorer in ("bm25", "hybrid"):
            for i, (given, question) in enumerate(zip(texts, questions, strict=True)):
                parts[i].append(lexical(given, question))
        if self.scorer in ("dense", "hybrid"):
            for i, (scores, tokens) in enumerate(self._dense(texts, questions)):
                parts[i].append(scores)
                read[i] = tokens
        if self.scorer == "cross_encoder":
            for i, (given, question) in enumerate(zip(texts, questions, strict=True)):
                scores, read[i] = self._crossed(given, question)
                parts[i].append(scores)
        for i, task in enumerate(tasks):
            smoothed = [_smoothed(part, bounds[i], self.context) for part in parts[i]]
            scores = smoothed[0] if len(smoothed) == 1 else _fused(smoothed)
            rows = [np.round(scores[a:b], DECIMALS).tolist() for a, b in pairwise(bounds[i])]
            yield Shortened(in_place(fill(units[i], rows, task)), read[i])

    def _dense(self, texts: Sequence[tuple[str, ...]], questions: Sequence[str]) -> list[tuple[Floats, int]]:
        """Per task the cosines of its units with the question, and the tokens that were read for them.

        No task moves a bit of another's: contexts are encoded group by group, and each question alone.
        """
        encoder = Encoder(
            model=self.model or MINILM, revision=self.revision, precision=self.precision,
            device=self.device, batch_tokens=self.batch_tokens, normalize=self.normalize,
        )  # fmt: skip
        distinct, asked = list(dict.fromkeys(texts)), list(dict.fromkeys(questions))
        found = dict(zip(distinct, encoder.encode_groups(distinct, "document"), strict=True))
        vectors = dict(zip(asked, encoder.encode_groups([[text] for text in asked], "query"), strict=True))
        model = ModelSource("SentenceTransformer", encoder.model, self.revision, self.device, self.precision).load()
        reader = TextInput(model, "document")
        sizes = {given: int(reader.tokens(given).lengths.sum()) for given in distinct}
        reader = TextInput(model, "query")
        sizes_asked = {text: int(reader.tokens([text], windows=True).lengths.sum()) for text in asked}
        return [
            (
                found[given]["vectors"].astype(np.float64) @ vectors[question]["vectors"][0].astype(np.float64),
                sizes[given] + sizes_asked[question],
            )
            for given, question in zip(texts, questions, strict=True)
        ]

    def _crossed(self, units: Sequence[str], question: str) -> tuple[Floats, int]:
        """The cross-encoder's logits, and the tokens of the pairs."""
        reader = CrossEncoder(
            model=self.model, revision=self.revision, precision=self.precision,
            device=self.device, batch_tokens=self.batch_tokens,
        )  # fmt: skip
        scores = reader.scores(question, units)
        model = ModelSource("CrossEncoder", self.model, self.revision, self.device, self.precision).load()
        tokenizer = input_module(model, "document").tokenizer
        pairs = tokenized(tokenizer, [question] * len(units), None, second=units)
        return scores, int(pairs.lengths.sum())


def units_of(texts: Sequence[str], tokenizer: Tokenizer, units: Units, size: int) -> list[list[Stretch]]:
    """Per text its units in reading order, each of at most `size` tokens, without white space around them."""
    found: list[list[Stretch]] = []
    for text in texts:
        weigher = Weigher(text, tokenizer.spans(text), size)
        if units == "sentences":
            atoms, _ = weigher.fit(split_sentences(text))
            found.append(list(atoms))
            continue
        whole = [(0, len(text))] if units == "words" else [m.span() for m in PARAGRAPH.finditer(text)]
        row: list[Stretch] = []
        for a, b in whole:
            inner = list(word_spans(text, a, b)) if units == "words" else _sentences_in(text, a, b)
            atoms, weights = weigher.fit(inner)
            row += windows(atoms, weights, weights, size, 0)
        found.append(row)
    return found


def _sentences_in(text: str, start: int, end: int) -> list[Stretch]:
    return [(start + a, start + b) for a, b in split_sentences(text[start:end])]


def lexical(units: Sequence[str], question: str) -> Floats:
    """(n,) BM25 of the units as the documents of a collection: Porter's stems, without stop words."""
    index = BM25Index(stemmer="porter", stopwords="en")
    terms = analyzer(index.stemmer, index.stopwords)
    scores, _ = scorer(index.index([terms(unit) for unit in units]))(terms(question))
    return scores


def _smoothed(scores: Floats, bounds: Sequence[int], reach: int) -> Floats:
    """(n,) each score as a mean over the unit and its neighbours within one text, the d-th with weight 1 / (d + 1)."""
    if not reach:
        return scores
    out = np.empty_like(scores)
    for start, end in pairwise(bounds):
        own = scores[start:end]
        total, weight = own.copy(), np.ones(end - start)
        for d in range(1, min(reach, end - start - 1) + 1):
            share = 1 / (d + 1)
            total[d:] += share * own[:-d]
            total[:-d] += share * own[d:]
            weight[d:] += share
            weight[:-d] += share
        out[start:end] = total / weight
    return out


def _fused(parts: Sequence[Floats]) -> Floats:
    """(n,) reciprocal rank fusion, scaled so that rounding keeps ranks apart; what BM25 does not find has none."""
    lexical, dense = parts
    rankings: list[Ranking] = [top_k(lexical, len(lexical), above=0.0), top_k(dense, len(dense))]
    (fused,) = RRF().run(*([ranking] for ranking in rankings))
    out = np.zeros(len(lexical))
    out[list(fused.ids)] = fused.scores
    return out * 1e4
