"""RECOMP: sentences that a trained encoder picks, or a summary that the reader writes, in place of the passages.

Xu, Shi and Choi, "RECOMP: Improving Retrieval-Augmented LMs with Compression and Selective Augmentation", 2023 (arXiv
2310.04408). The extractive compressor ranks sentences by the inner product of a dual encoder's vectors of question and
sentence; the abstractive one writes a summary for the question, and an empty one where the passages do not help. The
authors' abstractive models are trained on summaries that a large model wrote on demand; here the study's own reader is
asked, so that no second model is needed.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from compressors.by_reader import ByReader, Made
from compressors.extractive import By, Extractive, Units
from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Excerpt
from pipeline.core.tokens import Tokenizer
from pipeline.generators.base import Sampling
from pipeline.prompts import NOTHING, summarise_for
from pipeline.routes.base import Asks, Case, Reply
from pipeline.routes.clustered import WORDS_A_TOKEN, summarised
from pipeline.routes.inner import asked_together, clip, ended, room
from pipeline.routes.pieces import in_batches, pieces_of, shown

_LEAST = 16  # tokens of a summary; in fewer nothing can be said
_REMEDY = "Give a smaller ratio or budget, or name a reader with a longer window"


@dataclass(frozen=True, kw_only=True)
class RecompExtractive(Extractive):
    """Sentences by the inner product with the question, whatever stands beside them, until the budget is full.

    model: the encoder, a folder or a hub name (the authors' are `fangyuan/nq_extractive_compressor` and its kin; they
    load as sentence-transformers with mean pooling). The paper keeps a fixed number of sentences, where here a budget
    decides.
    """

    units: Units = "sentences"
    scorer: By = "dense"
    context: int = 0
    normalize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model:
            raise UserError("no model is named", where="recomp_extractive.model", remedy="Name the encoder's folder")


@dataclass(frozen=True, kw_only=True)
class RecompAbstractive(ByReader):
    """A summary of at most the budget's tokens, by the reader.

    question_aware: written for the question, where the reader may say that nothing helps, and then no text is shown.
    Otherwise written once for all questions. Texts that exceed the reader's window are summarised in batches; for a
    question each batch may take its share of the budget, without one their summaries are summarised again.
    """

    question_aware: bool = True

    def shorten(
        self, chunks: Sequence[Chunk], budget: int, tokenizer: Tokenizer, case: Case, sampling: Sampling
    ) -> Generator[Asks, Any, Made | Reply]:
        """A call per batch."""
        pieces, own = pieces_of(chunks, labels=True), case.reader.tokenizer
        # The budget's tokens are not the reader's: its length is held to by what it counts itself, and then exactly.
        rate = sum(own.count(c.text) for c in chunks) / sum(tokenizer.count(c.text) for c in chunks)
        tokens = max(_LEAST, round(budget * rate))
        if not self.question_aware:
            made = yield from summarised([pieces], case, sampling, tokens)
            if made.failed:
                return ended(case, *made.failed, made.notes(tokens))
            return _summary(made.texts, budget, tokenizer, chunks), tuple(made.notes(tokens))
        question = case.question.text
        each = tokens if case.reader.window is None else min(tokens, case.reader.window // 2)
        while True:
            # A smaller share of the answer leaves more room for the texts, so this ends.
            left = room(case, summarise_for([], question, each), each, _REMEDY)
            batches = in_batches(pieces, left, own, _REMEDY)
            share = max(_LEAST, tokens // len(batches))
            if share >= each:
                break
            each = share
        words = max(1, int(WORDS_A_TOKEN * each))
        prompts = [summarise_for(shown(batch), question, words) for batch in batches]
        done, failed = yield from asked_together(prompts, sampling, each)
        if failed:
            return ended(case, *failed)
        texts = [c.text.strip() for c in done]
        said = [t for t in texts if t.strip(" .").lower() not in ("", NOTHING)]
        cut = sum(c.finish == "length" for c in done)
        notes = [f"{cut} of {len(done)} summaries were cut at {each} tokens"] if cut else []
        if not said:
            notes.append("the summary says that no passage helps, so the answer was asked for without any")
        return _summary(said, budget, tokenizer, chunks), tuple(notes)


def _summary(texts: Sequence[str], budget: int, tokenizer: Tokenizer, chunks: Sequence[Chunk]) -> tuple[Excerpt, ...]:
    """The texts as one, within the budget and no longer than their source; it stands nowhere, so it has no spans."""
    text = clip("\n".join(t for t in texts if t), budget, tokenizer)[: sum(len(c.text) for c in chunks)]
    return (Excerpt(text, (), chunks[0].span, "Summary"),) if text else ()
