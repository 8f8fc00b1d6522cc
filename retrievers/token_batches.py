"""Texts as rows of tokens, rows as batches, batches through a model.

Texts are counted before they are cut, so that what a model does not read is known. Batches hold rows of one length as
far as there are such, and depend only on the texts that are given together. It does not know which model runs, nor what
is made of the outputs: vectors, lexical weights or scores of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.threads import mapped, one_thread_each


@dataclass(frozen=True)
class Tokens:
    """Texts, or pairs of texts, as R rows of tokens that a model takes whole.

    fields: what the tokenizer gives, `input_ids` at least, each R lists. owner: (R,) which of the n texts a row is of;
    share: (n,) float32, the share of each text's tokens that its rows hold, in (0, 1].
    """

    fields: dict[str, list[list[int]]]
    owner: NDArray[np.int64]
    share: NDArray[np.float32]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(R,) tokens of each row."""
        return np.array([len(ids) for ids in self.fields["input_ids"]], dtype=np.int64)

    def merged(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(R, d) values of the rows -> (n, d) of the texts: of several rows the mean, weighted by their tokens."""
        if len(rows) == len(self.share):
            return rows
        weight = self.lengths.astype(np.float64)
        total = np.zeros((len(self.share), rows.shape[1]))
        np.add.at(total, self.owner, rows * weight[:, None])
        sums: Any = np.bincount(self.owner, weights=weight, minlength=len(self.share))
        return np.asarray(total / sums[:, None], dtype=np.float32)


def tokenized(
    tokenizer: Any,
    texts: Sequence[str],
    limit: int | None,
    *,
    second: Sequence[str] | None = None,
    windows: bool = False,
    stride: int = 0,
) -> Tokens:
    """Tokens of each text, special ones included; of each pair where `second` is given.

    What is longer than `limit` is cut (of a pair, the second text), or becomes several rows where `windows` is set,
    each of which shares `stride` tokens with the one before.
    """

    def call(rows: Sequence[int], **how: Any) -> Any:
        pair = None if second is None else [second[i] for i in rows]
        return tokenizer([texts[i] for i in rows], pair, return_attention_mask=False, verbose=False, **how)

    n = len(texts)
    if not n:
        return Tokens({"input_ids": []}, np.zeros(0, dtype=np.int64), np.ones(0, dtype=np.float32))
    found = call(range(n), truncation=False)
    counts = np.array([len(ids) for ids in found["input_ids"]], dtype=np.int64)
    long = [] if limit is None else np.flatnonzero(counts > limit).tolist()
    fields = {name: list(rows) for name, rows in found.items()}
    owner = list(range(n))
    share = np.ones(n, dtype=np.float32)
    if long:
        cut = True if second is None else "only_second"
        several = {"return_overflowing_tokens": True, "stride": stride} if windows else {}
        again = call(long, truncation=cut, max_length=limit, **several)
        of = again["overflow_to_sample_mapping"] if windows else range(len(long))
        done: set[int] = set()
        for row, which in enumerate(of):
            i = long[which]
            for name, rows in fields.items():
                if i in done:
                    rows.append(again[name][row])
                else:
                    rows[i] = again[name][row]
            owner += [i] if i in done else []
            done.add(i)
        if not windows:
            share[long] = int(limit or 0) / counts[long]
    return Tokens(fields, np.array(owner, dtype=np.int64), share)


def packed(lengths: NDArray[np.int64], budget: int) -> list[list[int]]:
    """Rows in batches of falling length: each as many as keep rows times longest row within `budget`, at least one."""
    batches: list[list[int]] = []
    room = 0
    for i in np.argsort(-lengths, kind="stable").tolist():
        if not room:
            batches.append([])
            room = max(1, budget // max(1, int(lengths[i])))
        batches[-1].append(i)
        room -= 1
    return batches


def padded(tokens: Tokens, rows: Sequence[int], tokenizer: Any) -> dict[str, Any]:
    """Rows as tensors (B, T): the tokenizer's fields and `attention_mask`, 0 where it is padding."""
    import torch

    sizes = [len(tokens.fields["input_ids"][i]) for i in rows]
    width = max(sizes)
    fill = {"input_ids": tokenizer.pad_token_id or 0, "token_type_ids": tokenizer.pad_token_type_id}
    spans = [(width - n, width) if tokenizer.padding_side == "left" else (0, n) for n in sizes]
    grids = {name: np.full((len(rows), width), fill.get(name, 0), dtype=np.int64) for name in tokens.fields}
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for line, (i, (start, end)) in enumerate(zip(rows, spans, strict=True)):
        mask[line, start:end] = 1
        for name, grid in grids.items():
            grid[line, start:end] = tokens.fields[name][i]
    return {name: torch.from_numpy(grid) for name, grid in (grids | {"attention_mask": mask}).items()}


def run_batches(
    model: Any,
    batches: Iterable[Any],
    features: Callable[[Any], dict[str, Any]],
    forward: Callable[[dict[str, Any]], Any],
) -> Iterator[Any]:
    """`forward(features(batch))` of each batch as a NumPy array, in order.

    On a CPU batches are spread over threads. On a GPU nothing waits for a result before the last batch is on its way.
    """
    import torch

    device = model.device

    def one(batch: Any) -> Any:
        inputs = features(batch)
        with torch.inference_mode():
            if device.type == "cuda":
                inputs = {k: v.pin_memory() if torch.is_tensor(v) else v for k, v in inputs.items()}
            moved = {k: v.to(device, non_blocking=True) if torch.is_tensor(v) else v for k, v in inputs.items()}
            return forward(moved)

    if device.type == "cpu":
        with one_thread_each() as workers:
            for out in mapped(one, list(batches), workers):
                yield out.numpy()
    else:
        for out in [one(batch) for batch in batches]:
            yield out.cpu().numpy()
