"""How surprising a causal language model finds each token of a text: what the perplexity-based compressors read.

Any causal model that `transformers` loads, by folder or by hub name and revision. Texts are read in plain forward
passes, many at once; a text that is read piece by piece while parts of it are dropped (`Streams`) keeps the keys and
values of what stayed. It does not know what is made of the numbers.

Letters: T tokens read at once, P kept before them, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from compressors.base import Method
from pipeline.core.errors import UserError
from pipeline.core.spec import digest_model, runtime, settings

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Array = NDArray[np.float32]
Ids = Sequence[int]

_LOGITS = 1 << 22
"""Logits made at once: with 8k words in the vocabulary, those of 512 tokens, which stay in a processor's cache."""
_CPU_BATCH, _GPU_BATCH = 2048, 32_768
"""Tokens read at once, padding included."""
_UNLIMITED = 1 << 30


@dataclass(frozen=True, kw_only=True)
class ByCausalModel(Method):
    """A method that reads texts with a causal model.

    model: a folder as `save_pretrained` leaves it, or a hub name with its `revision`. precision: `auto` is float32 on a
    CPU and bfloat16 on a GPU. device: torch's name of it; empty: cuda where there is one. batch_tokens: read at once,
    padding included; 0: by device. Batches move a score by about 1e-6 in float32; scores are rounded to 1e-4.
    """

    model: str
    revision: str = ""
    precision: Precision = "auto"
    device: str = runtime("")
    batch_tokens: int = runtime(0)

    def __post_init__(self) -> None:
        """Raises UserError for a precision that is none."""
        if self.precision not in get_args(Precision):
            known = ", ".join(get_args(Precision))
            raise UserError(f"unknown value {self.precision!r}", where="precision", remedy=f"Known: {known}")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the model by its content and the precision as it came out."""
        body = settings(self)
        del body["revision"]
        precision = precision_of(self.precision, device_of(self.device))
        return body | {"model": digest_model(self.model, self.revision), "precision": precision}

    @property
    def scorer(self) -> Scorer:
        """The model, loaded once per process. Raises UserError where there is none."""
        return scorer(self.model, self.revision, self.device, self.precision, self.batch_tokens)


def device_of(device: str) -> str:
    """The device by torch's name; for the empty one, cuda where there is one."""
    import torch

    return device or ("cuda" if torch.cuda.is_available() else "cpu")


def precision_of(precision: Precision, device: str) -> str:
    """What `auto` comes to."""
    if precision != "auto":
        return precision
    return "bfloat16" if device.startswith("cuda") else "float32"


def scorer(
    model: str, revision: str = "", device: str = "", precision: Precision = "auto", batch_tokens: int = 0
) -> Scorer:
    """The scorer of a model; loaded once, and again where the files of a folder were exchanged. Raises UserError."""
    place = device_of(device)
    network = _load(digest_model(model, revision), model, revision, place, precision_of(precision, place))
    return Scorer(network, batch_tokens or (_GPU_BATCH if place.startswith("cuda") else _CPU_BATCH))


class _Loaded(NamedTuple):
    """model: with its head. body: the model below it. head: the output layer, or None where logits are more than it."""

    model: Any
    body: Any
    head: Any
    tokenizer: Any
    begin: tuple[int, ...]
    positions: int
    device: str


@lru_cache(maxsize=2)
def _load(weights: str, name: str, revision: str, device: str, precision: str) -> _Loaded:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    where: dict[str, Any] = {"local_files_only": True} | ({"revision": revision} if revision else {})
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(name, dtype=getattr(torch, precision), **where)
        tokenizer = AutoTokenizer.from_pretrained(name, **where)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"no causal model can be loaded from {name!r}: {(str(error).splitlines() or [repr(error)])[0]}",
            where="model",
            remedy="Name a folder that holds config.json, the weights and tokenizer.json, or fetch the model first",
        ) from error
    finally:
        if bars:
            logging.enable_progress_bar()
    if not tokenizer.is_fast:
        raise UserError(
            f"the model {name!r} has no tokenizer.json, so that tokens have no place in the text",
            where="model",
            remedy="Save its fast tokenizer beside it",
        )
    model.eval().to(device).requires_grad_(False)
    full = tokenizer("a")["input_ids"]
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    start = next((i for i in range(len(full)) if bare and full[i : i + len(bare)] == bare), 0)
    positions = getattr(model.config, "max_position_embeddings", None) or _UNLIMITED
    return _Loaded(model, model.base_model, _head(model), tokenizer, tuple(full[:start]), max(2, positions), device)


def _head(model: Any) -> Any:
    """The output layer, where logits are what it makes of the body's states; some models scale or bound them."""
    import torch

    head = model.get_output_embeddings()
    if head is None or model.base_model is model:
        return None
    ids = torch.arange(4, device=model.device).unsqueeze(0) % model.config.get_text_config().vocab_size
    with torch.inference_mode():
        whole = model(input_ids=ids, use_cache=False).logits.float()
        own = head(model.base_model(input_ids=ids, use_cache=False)[0]).float()
    return head if whole.shape == own.shape and torch.allclose(whole, own, rtol=1e-2, atol=1e-3) else None


class Scorer:
    """Negative log-likelihoods, in nats per token, in float32 whatever the model computes in."""

    def __init__(self, loaded: _Loaded, batch_tokens: int) -> None:
        self._loaded = loaded
        self.batch_tokens = batch_tokens
        self.begin = loaded.begin
        """Tokens that the tokenizer puts in front of a text."""
        self.positions = loaded.positions
        """Tokens that the model can read at once."""
        self.alone = loaded.device == "cpu"
        """Whether streams are read one by one: on a CPU, a batch of them costs padding and saves nothing."""

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Tokens without special ones, and the characters [start, end) of each."""
        encoding = self._rust.encode(text, add_special_tokens=False)
        return list(encoding.ids), list(encoding.offsets)

    @cached_property
    def _rust(self) -> Any:
        rust = self._loaded.tokenizer.backend_tokenizer
        rust.no_truncation()
        rust.no_padding()
        return rust

    def nll(self, pairs: Sequence[tuple[Ids, Ids]]) -> list[Array]:
        """Of each (prefix, ids), -ln p(ids[i] | prefix, ids[:i]) for each i; nan for a token with nothing before it.

        What is longer than the model's positions is read in windows that overlap by half: a token then has at least
        half a window before it, or all there is. A batch is padded on the right, where causal attention never looks.
        """
        out = [np.full(len(ids), np.nan, dtype=np.float32) for _, ids in pairs]
        work: list[tuple[int, int, list[int], int]] = []  # pair, place of the first score, tokens, scored from
        for i, (prefix, ids) in enumerate(pairs):
            whole = [*prefix, *ids]
            for begin, scored, end in windows(len(whole), self.positions):
                first = max(scored, len(prefix), 1)
                if first < end:
                    work.append((i, first - len(prefix), whole[begin:end], first - begin))
        for batch in self._packed([len(tokens) for _, _, tokens, _ in work]):
            rows = [work[b] for b in batch]
            scores = self._plain([r[2] for r in rows], [r[3] for r in rows])
            for (i, place, _, _), found in zip(rows, scores, strict=True):
                out[i][place : place + len(found)] = found
        return out

    def _packed(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        batch: list[int] = []
        for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
            if batch and (len(batch) + 1) * lengths[batch[0]] > self.batch_tokens:
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch

    def _plain(self, rows: Sequence[Ids], scored: Sequence[int]) -> list[Array]:
        """Scores of rows[i][scored[i]:], which has something before it."""
        import torch

        longest = max(map(len, rows))
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=self._loaded.device)
        with torch.inference_mode():
            states = self._states(input_ids=ids, use_cache=False)
            return self._scores(states, ids, [(s, len(r)) for s, r in zip(scored, rows, strict=True)])

    def _states(self, **given: Any) -> Any:
        """(B, T, hidden), or (B, T, V) where the head cannot be taken alone."""
        if self._loaded.head is None:
            return self._loaded.model(**given).logits
        return self._loaded.body(**given)[0]

    def _scores(self, states: Any, ids: Any, spans: Sequence[tuple[int, int]]) -> list[Array]:
        """Of row i, the tokens [start, end) of spans[i], each by the state before it."""
        import torch

        before = torch.cat([states[i, s - 1 : e - 1] for i, (s, e) in enumerate(spans)])
        asked = torch.cat([ids[i, s:e] for i, (s, e) in enumerate(spans)])
        head = self._loaded.head
        size = max(1, _LOGITS // (states.shape[-1] if head is None else head.weight.shape[0]))
        parts = []
        for at in range(0, len(asked), size):
            logits = (before[at : at + size] if head is None else head(before[at : at + size])).float()
            chosen = logits.gather(1, asked[at : at + size, None])[:, 0]
            parts.append(logits.logsumexp(dim=1) - chosen)
        flat = torch.cat(parts).cpu().numpy() if parts else np.zeros(0, dtype=np.float32)
        return np.split(flat, np.cumsum([e - s for s, e in spans])[:-1])


def windows(total: int, positions: int) -> Iterator[tuple[int, int, int]]:
    """(begin, scored from, end) of each window over so many tokens; each token is scored once."""
    begin, scored = 0, 0
    while scored < total:
        end = min(begin + positions, total)
        yield begin, scored, end
        begin, scored = end - positions // 2, end


class Read(NamedTuple):
    """A step of a stream: forget all but its first `at` tokens, then read `ids` behind them."""

    stream: int
    at: int
    ids: Ids


class _Held:
    """What a stream remembers: its tokens, and their keys and values (each (1, H, P, E)) by layer.

    left_out: tokens between the anchor and the others that no longer fitted into the model's positions.
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.layers: list[tuple[Any, Any]] = []
        self.left_out = 0


class Streams:
    """Texts that are read piece by piece, each behind what was kept of it.

    Every step is as one plain forward pass over all that the stream holds. Where that is more than the model's
    positions, the first `anchor` tokens stay, of the others the last ones, up to half the positions, and positions are
    counted anew. A model with a state in place of keys and values reads everything again at each step.
    """

    def __init__(self, scorer: Scorer, anchors: Sequence[int]) -> None:
        self._scorer = scorer
        self._anchors = anchors
        self._held = [_Held() for _ in anchors]
        self._again = bool(getattr(scorer._loaded.model, "_is_stateful", False))

    def read(self, steps: Sequence[Read]) -> list[Array]:
        """Of each step, for a stream of its own, the scores of ids[1:]."""
        out: list[Array] = [np.zeros(0, dtype=np.float32)] * len(steps)
        rows = []
        for step in steps:
            held = self._held[step.stream]
            self._forget(held, step.at)
            tokens = self._fitted(held, step.ids, self._anchors[step.stream])
            rows.append((held, tokens, len(tokens) - len(step.ids) + 1))
        sizes = [len(held.ids) + len(tokens) for held, tokens, _ in rows]
        batches = [[i] for i in range(len(rows))] if self._scorer.alone else self._scorer._packed(sizes)
        for batch in batches:
            for i, found in zip(batch, self._forward([rows[i] for i in batch]), strict=True):
                out[i] = found
        return out

    def _forget(self, held: _Held, at: int) -> None:
        del held.ids[max(0, at - held.left_out) :]
        if not held.ids:
            held.left_out = at
        size = len(held.ids)
        held.layers = [(k[:, :, :size], v[:, :, :size]) for k, v in held.layers] if size else []

    def _fitted(self, held: _Held, ids: Ids, anchor: int) -> list[int]:
        """The tokens to read: these, and before them what has to be read again; what is held is shortened to fit."""
        limit = self._scorer.positions
        if self._again or len(held.ids) + len(ids) > limit:
            before = held.ids
            room = max(0, min(limit // 2, limit - len(ids)))
            if len(before) + len(ids) > limit:
                anchor = min(anchor, room // 2)
                last = before[max(anchor, len(before) - (room - anchor)) :]
                held.left_out += len(before) - anchor - len(last)
                before = [*before[:anchor], *last]
            held.ids, held.layers = [], []
            return [*before, *ids]
        return list(ids)

    def _forward(self, rows: Sequence[tuple[_Held, list[int], int]]) -> list[Array]:
        import torch
        from transformers import DynamicCache

        scorer, device = self._scorer, self._scorer._loaded.device
        past = [len(held.ids) for held, _, _ in rows]
        most, longest = max(past), max(len(tokens) for _, tokens, _ in rows)
        ids = torch.tensor([[*t, *[0] * (longest - len(t))] for _, t, _ in rows], device=device)
        given: dict[str, Any] = {"input_ids": ids}
        if len(rows) > 1 and most:
            mask = torch.ones(len(rows), most + longest, dtype=torch.long, device=device)
            for i, size in enumerate(past):
                mask[i, : most - size] = 0
            places = torch.tensor(past, device=device)[:, None] + torch.arange(longest, device=device)
            given |= {"attention_mask": mask, "position_ids": places}
        with torch.inference_mode():
            cache: Any = None if self._again else DynamicCache()
            if cache is not None and most:
                for n, (keys, values) in enumerate(_together([held.layers for held, _, _ in rows], most)):
                    cache.update(keys, values, n)
            states = scorer._states(past_key_values=cache, use_cache=cache is not None, **given)
            found = scorer._scores(states, ids, [(first, len(t)) for _, t, first in rows])
        for i, (held, tokens, _) in enumerate(rows):
            held.ids.extend(tokens)
            if cache is not None:
                span = slice(most - past[i], most + len(tokens))
                held.layers = [
                    (layer.keys[i : i + 1, :, span], layer.values[i : i + 1, :, span]) for layer in cache.layers
                ]
        return found


def _together(rows: Sequence[Sequence[tuple[Any, Any]]], most: int) -> Iterator[tuple[Any, Any]]:
    """Keys and values of all rows by layer, padded on the left."""
    if len(rows) == 1:
        yield from rows[0]
        return
    some = next(row for row in rows if row)
    for n, pair in enumerate(some):
        out = []
        for kind in (0, 1):
            like = pair[kind]
            whole = like.new_zeros((len(rows), like.shape[1], most, like.shape[3]))
            for i, row in enumerate(rows):
                if row:
                    whole[i, :, most - row[n][kind].shape[2] :] = row[n][kind][0]
            out.append(whole)
        yield out[0], out[1]
