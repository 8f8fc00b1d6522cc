"""Token classifiers of two labels, keep or drop: tokens of a text in rows that the model takes, and P(keep) of each.

It knows neither words nor budgets, nor what becomes of the probabilities. Rows are batched by length across texts;
nothing is padded further than the longest row of its batch.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compressors.base import bare
from pipeline.core.errors import UserError
from pipeline.core.spec import digest_model
from retrievers.encoder_models import Precision, batch_budget, precision_of, tokenizer_limit
from retrievers.token_batches import Tokens, packed, padded, run_batches

Floats = NDArray[np.float64]
Frame = Literal["model", "package"]
"""What stands around a chunk: the marks of the model's own tokenizer, or BERT's for every model."""

DECIMALS = 5
"""Probabilities are rounded so: the company of a row moves them by about 1e-7, which must not part what is equal."""

_SPACE = "▁ĠĊĉ"
"""What a SentencePiece or byte-level token begins with where white space stands before it."""


@dataclass(frozen=True, slots=True)
class ClassifiedText:
    """T tokens of a text, without special ones.

    offsets: where each stands in the text, without white space around it. begins: (T,) whether a word begins there.
    """

    ids: list[int]
    names: list[str]
    offsets: list[tuple[int, int]]
    begins: NDArray[np.bool_]


class TokenClassifier:
    """A model for token classification with two labels, of which the second says keep, and its tokenizer."""

    def __init__(self, name: str, revision: str, device: str, precision: Precision) -> None:
        import torch
        from transformers import AutoModelForTokenClassification, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        logging: Any = transformers_logging
        bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
        logging.disable_progress_bar()
        logging.set_verbosity_error()  # what it would tell of missing weights is told below
        dtype = getattr(torch, precision_of(precision, device))
        where: dict[str, Any] = {"revision": revision or "main", "local_files_only": True}
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(name, **where)
            self._model, told = AutoModelForTokenClassification.from_pretrained(
                name, dtype=dtype, output_loading_info=True, **where
            )
        except (OSError, ValueError) as error:
            kind = "folder" if Path(name).is_dir() else "hub name"
            raise UserError(
                f"no token classifier can be loaded from the {kind} {name!r}: {str(error).splitlines()[0]}",
                where="llmlingua2.model",
                remedy="Name a folder, or fetch the model first (nothing is fetched here)",
            ) from error
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()
        if told["missing_keys"] or self._model.config.num_labels != 2:
            labels, missing = self._model.config.num_labels, sorted(told["missing_keys"])
            raise UserError(
                f"the model {name!r} has no trained head of two labels (labels: {labels}, weights missing: {missing})",
                where="llmlingua2.model",
                remedy="Name a token classifier such as microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank",
            )
        if not self._tokenizer.is_fast:
            raise UserError(
                f"the tokenizer of {name!r} does not tell where its tokens stand",
                where="llmlingua2.model",
                remedy="Save the model with its tokenizer.json",
            )
        self._tokenizer.padding_side = "right"
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._model.to(self.device).eval()
        self._frames = {"model": self._own_frame(), "package": self._package_frame()}
        self.wordpiece = '"WordPiece"' in self._tokenizer.backend_tokenizer.to_str()

    @property
    def limit(self) -> int:
        """Most tokens of a row, special ones included."""
        config = self._model.config
        positions = int(getattr(config, "max_position_embeddings", 0) or 1 << 30)
        if "roberta" in config.model_type:  # its positions are counted from behind the padding's
            positions -= config.pad_token_id + 1
        return min(positions, tokenizer_limit(self._tokenizer, config) or positions)

    def framed(self, frame: Frame) -> int:
        """Special tokens of a row."""
        return sum(map(len, self._frames[frame]))

    def read(self, text: str) -> ClassifiedText:
        """The tokens of a text of any length."""
        found = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids = list(found["input_ids"])
        names: list[str] = self._tokenizer.convert_ids_to_tokens(ids)
        if self.wordpiece:
            begins = [not name.startswith("##") for name in names]
        else:
            begins = [name[:1] in _SPACE for name in names]
        # The offsets of a bare "▁" are those of the character behind it, which the next token holds.
        offsets = [
            bare(text, start, end if self.pure(name) else start)
            for name, (start, end) in zip(names, found["offset_mapping"], strict=True)
        ]
        return ClassifiedText(ids, names, offsets, np.array(begins, dtype=bool))

    def pure(self, name: str) -> str:
        """A token without the mark that says whether a word goes on or begins."""
        return name.lstrip("#") if self.wordpiece and name != "#" else name.lstrip(_SPACE)

    def probabilities(
        self, chunks: Sequence[Sequence[int]], window: int, frame: Frame = "model", batch_tokens: int = 0
    ) -> list[Floats]:
        """(T,) P(keep) of each of n chunks of T tokens. A chunk that just fills the window loses its closing mark.

        Equal chunks are read once; results do not depend on what else is given, to the last decimal kept.
        """
        distinct = list(dict.fromkeys(tuple(ids) for ids in chunks))
        before, after = self._frames[frame]
        rows = [[*before, *ids, *after][:window] for ids in distinct]
        tokens = Tokens({"input_ids": rows}, np.arange(len(rows)), np.ones(len(rows), dtype=np.float32))
        batches = packed(tokens.lengths, batch_budget(batch_tokens, str(self.device)))

        def forward(features: dict[str, Any]) -> Any:
            return self._model(**features).logits.float().softmax(-1)[..., 1]

        found: dict[tuple[int, ...], Floats] = {}
        outs = run_batches(self._model, batches, lambda at: padded(tokens, at, self._tokenizer), forward)
        first = len(before)
        for at, out in zip(batches, outs, strict=True):
            for i, values in zip(at, out, strict=True):
                own = values[first : first + len(distinct[i])].astype(np.float64)
                found[distinct[i]] = np.round(own, DECIMALS)
        return [found[tuple(ids)] for ids in chunks]

    def _own_frame(self) -> tuple[list[int], list[int]]:
        """Special tokens before and behind a text, as the model's tokenizer puts them."""
        own = self._tokenizer("a", add_special_tokens=False)["input_ids"]
        full = self._tokenizer("a")["input_ids"]
        at = next(i for i in range(len(full)) if full[i : i + len(own)] == own)
        return full[:at], full[at + len(own) :]

    def _package_frame(self) -> tuple[list[int], list[int]]:
        """BERT's marks by name, which to a vocabulary without them are the unknown token."""
        first, last = self._tokenizer.convert_tokens_to_ids(["[CLS]", "[SEP]"])
        own = self._own_frame()
        return ([first], [last]) if first is not None and last is not None else own


def chunked(names: Sequence[str], begins: NDArray[np.bool_], room: int, ends: Collection[str]) -> list[tuple[int, int]]:
    """T tokens as [start, end) of chunks of at most room + 1 tokens, each ended behind its last token out of `ends`.

    A chunk that holds none ends before its last word, or where it is full. The last one has at most `room` tokens.
    """
    found = []
    start, n = 0, len(names)
    while start < n:
        if start + room > n - 1:
            end = n
        else:
            last = start + room
            end = next((i + 1 for i in range(last, start, -1) if names[i] in ends), 0)
            end = end or next((i for i in range(last, start, -1) if begins[i]), last + 1)
        found.append((start, end))
        start = end
    return found


def classifier(model: str, revision: str, device: str, precision: Precision) -> TokenClassifier:
    """The model, loaded once, and again where the files of a folder were exchanged. Raises UserError."""
    return _load(digest_model(model, revision), model, revision, device, precision)


@lru_cache(maxsize=2)
def _load(content: str, model: str, revision: str, device: str, precision: Precision) -> TokenClassifier:
    return TokenClassifier(model, revision, device, precision)
