"""Learned sparse retrieval: weights of a text's tokens by an encoder, and the passages that share some with a question.

Of a token t the weight is w_t = ReLU(W h_t + b), the greatest of its occurrences, special tokens left out (BGE-M3: Chen
et al., 2024; mGTE: Zhang et al., 2024); SPLADE models weigh words that the text does not hold as well (Formal et al.,
2021). A passage scores the sum over shared tokens of w_question * w_passage. It does not know dense vectors; `fuse`
brings the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from pipeline.core.records import Ranking, digest_parts
from pipeline.core.spec import digest_file, digest_model, runtime, settings
from pipeline.core.stage import Piecewise, Stage
from retrievers.base import at_least, one_of, rebuilt, top_k
from retrievers.encode import Task, blocks
from retrievers.encoder_models import Precision, batch_budget, precision_of
from retrievers.lexical_models import Pairs, Splade, TokenHead, head_file, load_weigher
from retrievers.token_batches import packed, run_batches

Weights = dict[str, Any]
"""Of n texts: {"indptr": (n + 1,) int64, "tokens": int32, "weights": float32, "read_share": (n,) float32}.

The tokens of text i stand at `indptr[i]:indptr[i + 1]`, rising; their weights are greater than 0.
"""


@dataclass(frozen=True)
class LexicalEncoder(Stage):
    """The settings of an encoder of token weights, and encoding itself.

    model: a folder, or a hub name with its `revision`. Where it holds `sparse_linear.pt` or `.safetensors` (BGE-M3),
    that is W beside the encoder; a token classifier of one label (mGTE) has W in it; else it is a SPLADE model.
    query_prompt, passage_prompt: put before each text. precision, device, batch_tokens: as in `encode.Encoder`.
    A passage longer than the model reads is cut, which `read_share` tells; a longer question is read in windows.
    """

    model: str
    revision: str = ""
    query_prompt: str = ""
    passage_prompt: str = ""
    precision: Precision = "auto"
    device: str = runtime("")
    batch_tokens: int = runtime(0)

    def __post_init__(self) -> None:
        one_of(self.precision, get_args(Precision), f"{self.label}.precision")
        at_least(self.batch_tokens, 0, f"{self.label}.batch_tokens")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the model and its head by their content."""
        own = settings(self)
        del own["revision"]
        head = head_file(Path(self.model))
        return own | {
            "model": digest_model(self.model, self.revision),
            "head": digest_file(head) if head else "",
            "precision": precision_of(self.precision, self.device),
        }

    def weigh_groups(self, groups: Sequence[Sequence[str]], task: Task) -> Iterator[Weights]:
        """The weights of each group's texts; no group moves a bit of another's."""
        prompt = self.query_prompt if task == "query" else self.passage_prompt
        weigher = self._loaded()
        tokens = [weigher.tokens([prompt + text for text in texts], task == "query") for texts in groups]
        budget = batch_budget(self.batch_tokens, self.device)
        batches = [(g, rows) for g, found in enumerate(tokens) for rows in packed(found.lengths, budget)]

        def features(batch: tuple[int, list[int]]) -> dict[str, Any]:
            return weigher.features(tokens[batch[0]], batch[1])

        parts: list[dict[int, list[Pairs]]] = [{} for _ in groups]
        outs = run_batches(weigher, batches, features, weigher.forward)
        for (g, rows), out in zip(batches, outs, strict=True):
            for row, values in zip(rows, out, strict=True):
                of_text = parts[g].setdefault(int(tokens[g].owner[row]), [])
                of_text.append(weigher.pairs(tokens[g].fields["input_ids"][row], values))
        for found, texts in zip(parts, tokens, strict=True):
            yield _rows([greatest(found[i]) for i in range(len(texts.share))]) | {"read_share": texts.share}

    def _loaded(self) -> TokenHead | Splade:
        content = digest_model(self.model, self.revision)
        return load_weigher(content, self.model, self.revision, self.device, self.precision)


@dataclass(frozen=True)
class LexicalChunks(LexicalEncoder, Piecewise):
    """Per context, `.on(chunks)`: the weights of all C chunks, stored in blocks (`encode.blocks`)."""

    def resolved_settings(self) -> dict[str, Any]:
        """Without the other side's prompt."""
        return {k: v for k, v in super().resolved_settings().items() if k != "query_prompt"}

    def pieces(self, *inputs: Any) -> Sequence[tuple[str, ...]]:
        """The blocks' texts."""
        (chunks,) = inputs
        return blocks(chunks)

    def piece_key(self, piece: Any) -> str:
        """Digest of the texts."""
        return digest_parts(piece)

    def make(self, pieces: Sequence[Any]) -> Iterable[Weights]:
        """Weights of each block."""
        return self.weigh_groups(pieces, "document")

    def join(self, pieces: Sequence[Any], values: Sequence[Any]) -> Weights:
        """The blocks' rows, one after another."""
        sizes = np.concatenate([np.diff(value["indptr"]) for value in values])
        joined = {name: np.concatenate([v[name] for v in values]) for name in ("tokens", "weights", "read_share")}
        return {"indptr": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)} | joined


@dataclass(frozen=True)
class LexicalQuestion(LexicalEncoder):
    """Per question, `.on(question text)`: its weights, {"tokens": int32, "weights": float32}."""

    def resolved_settings(self) -> dict[str, Any]:
        """Without the other side's prompt."""
        return {k: v for k, v in super().resolved_settings().items() if k != "passage_prompt"}

    def run(self, *columns: Sequence[Any]) -> Iterable[Weights]:
        """One column: texts, each alone."""
        (texts,) = columns
        for value in self.weigh_groups([[text] for text in texts], "query"):
            yield {name: value[name] for name in ("tokens", "weights")}


@dataclass(frozen=True)
class LexicalSearch(Stage):
    """Per question, `.on(weighed chunks, weighed question)`: the k chunks of the greatest sum over shared tokens.

    The ranking is shorter than k, or empty, where fewer chunks share a token.
    """

    k: int = 20

    def __post_init__(self) -> None:
        at_least(self.k, 1, f"{self.label}.k")

    def run(self, *columns: Sequence[Any]) -> Iterable[Ranking]:
        """Two columns: weights of chunks, weights of questions."""
        indexes, questions = columns
        for score, question in zip(rebuilt(indexes, lexical_scorer), questions, strict=True):
            yield top_k(score(question), self.k, above=0.0)


def lexical_scorer(index: Weights) -> Callable[[Weights], Any]:
    """A function from a question's weights to the (C,) float64 scores of all chunks."""
    from scipy.sparse import csr_array

    shape = (len(index["indptr"]) - 1, int(index["tokens"].max(initial=0)) + 1)
    weights = index["weights"].astype(np.float64)
    by_token = csr_array((weights, index["tokens"], index["indptr"]), shape=shape).tocsc()

    def score(question: Weights) -> Any:
        known = question["tokens"] < shape[1]
        asked = question["tokens"][known]
        return by_token[:, asked] @ question["weights"][known].astype(np.float64)

    return score


def greatest(parts: Sequence[Pairs]) -> Pairs:
    """Each token once, rising, with its greatest weight; without those of weight 0."""
    tokens, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    distinct, at = np.unique(tokens, return_inverse=True)
    best = np.zeros(len(distinct), dtype=np.float32)
    np.maximum.at(best, at, weights)
    return distinct[best > 0], best[best > 0]


def _rows(rows: Sequence[Pairs]) -> Weights:
    return {
        "indptr": np.cumsum([0, *(len(tokens) for tokens, _ in rows)], dtype=np.int64),
        "tokens": np.concatenate([np.zeros(0, dtype=np.int32), *(t.astype(np.int32) for t, _ in rows)]),
        "weights": np.concatenate([np.zeros(0, dtype=np.float32), *(w for _, w in rows)]),
    }
