"""Re-ranking by a cross-encoder: one model reads the question and a passage together and gives one number.

Nogueira and Cho, "Passage Re-ranking with BERT", 2019. It does not know where the candidates come from. A passage that
does not fit beside the question is never cut in silence: it is read in windows, refused, or cut with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.records import Ranking
from pipeline.core.spec import digest_model, runtime, settings
from pipeline.core.stage import Stage
from retrievers.base import DECIMALS, at_least, one_of, rank
from retrievers.encoder_models import ModelSource, Precision, batch_budget, input_module, precision_of, token_limit
from retrievers.token_batches import packed, padded, run_batches, tokenized

Windows = Literal["max", "refuse", "truncate"]


@dataclass(frozen=True)
class CrossEncoder(Stage):
    """Per question, `.on(ranking, chunks, question text)`: the candidates by the model's number, ties by chunk index.

    model: a folder, or a hub name with its `revision`; a sequence classifier of one label.
    depth: how many candidates are read, best first. The rest is dropped: their scores are on another scale, and below
    the re-ranked ones they would look like a judgement. So a depth greater than the number of passages kept afterwards
    lets the re-ranker change the set.
    windows: what becomes of a passage that the model cannot read whole beside the question. `max`: each of its windows
    is scored, sharing `overlap` tokens with the one before, and the best counts (Dai and Callan, SIGIR 2019, MaxP).
    `refuse`: an error. `truncate`: its end is not read, and a warning says of how many.
    Scores are logits, without the model's activation: a sigmoid would make many candidates equal to the last decimal.
    precision, device, batch_tokens: as in `encode.Encoder`.
    """

    model: str
    revision: str = ""
    depth: int = 50
    windows: Windows = "max"
    overlap: int = 32
    precision: Precision = "auto"
    device: str = runtime("")
    batch_tokens: int = runtime(0)

    def __post_init__(self) -> None:
        at_least(self.depth, 1, f"{self.label}.depth")
        at_least(self.overlap, 0, f"{self.label}.overlap")
        at_least(self.batch_tokens, 0, f"{self.label}.batch_tokens")
        one_of(self.windows, get_args(Windows), f"{self.label}.windows")
        one_of(self.precision, get_args(Precision), f"{self.label}.precision")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the model by its content; without the overlap where there are no windows."""
        own = settings(self)
        del own["revision"]
        own |= {"model": digest_model(self.model, self.revision)}
        own |= {"precision": precision_of(self.precision, self.device)}
        return own if self.windows == "max" else {k: v for k, v in own.items() if k != "overlap"}

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Three columns: rankings, tuples of Chunk, question texts. Each question's candidates are batched alone."""
        for ranking, chunks, question in zip(*columns, strict=True):
            ids = ranking.ids[: self.depth]
            scores = self.scores(question, [chunks[i].text for i in ids])
            yield rank(zip(ids, scores.tolist(), strict=True), DECIMALS)

    def scores(self, question: str, passages: Sequence[str]) -> NDArray[np.float64]:
        """n passages -> (n,) numbers. Raises UserError for a question that leaves no room, or as `windows` says."""
        if not passages:
            return np.zeros(0)
        model = self._loaded()
        module = input_module(model, "document")
        tokenizer, limit = module.tokenizer, token_limit(module)
        if limit is not None:
            self._check_room(tokenizer, question, limit)
        tokens = tokenized(
            tokenizer,
            [question] * len(passages),
            limit,
            second=passages,
            windows=self.windows == "max",
            stride=self.overlap,
        )
        cut = int((tokens.share < 1).sum())
        if cut and self.windows == "refuse":
            raise UserError(
                f"{cut} of {len(passages)} passages are longer than the {limit} tokens that the re-ranker reads",
                where=f"{self.label}.windows",
                remedy="Cut smaller chunks, or give windows: max",
            )
        if cut:
            warnings.warn(
                f"the re-ranker reads {cut} of {len(passages)} passages in part, {tokens.share.min():.0%} at least",
                stacklevel=2,
            )
        batches = packed(tokens.lengths, batch_budget(self.batch_tokens, self.device))

        def forward(features: dict[str, Any]) -> Any:
            return model(features)["scores"][:, 0].float()

        best = np.full(len(passages), -np.inf)
        outs = run_batches(model, batches, lambda rows: padded(tokens, rows, tokenizer), forward)
        for rows, out in zip(batches, outs, strict=True):
            np.maximum.at(best, tokens.owner[rows], out.astype(np.float64))
        if not np.isfinite(best).all():
            raise UserError(
                f"scores of {self.model!r} overflow {precision_of(self.precision, self.device)}",
                where=f"{self.label}.precision",
                remedy="Give bfloat16 or float32",
            )
        return best

    def _check_room(self, tokenizer: Any, question: str, limit: int) -> None:
        asked = len(tokenizer(question, truncation=False, verbose=False)["input_ids"])
        room = limit - asked - tokenizer.num_special_tokens_to_add(pair=True)
        if room <= max(self.overlap if self.windows == "max" else 0, limit // 8):
            raise UserError(
                f"the question takes {asked} of the {limit} tokens that are read: too little is left for passages",
                where=f"{self.label}.model",
                remedy="Shorten the question, or name a re-ranker that reads more",
            )

    def _loaded(self) -> Any:
        model = ModelSource("CrossEncoder", self.model, self.revision, self.device, self.precision).load()
        if getattr(model[0], "transformer_task", "") != "sequence-classification" or model.num_labels != 1:
            raise UserError(
                f"the model {self.model!r} is no classifier of one label",
                where=f"{self.label}.model",
                remedy="Name a re-ranker",
            )
        return model
