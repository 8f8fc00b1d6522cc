"""Token states: a text of any length as its tokens and the last hidden states of an encoder over them.

A text within the encoder's reach is read in one pass. A longer one is read by windows, each with the special tokens
and the prompt around it; every token's state is taken from exactly one window, and every token is read, so the share
read is always 1. States are handed over window by window: a book's are never held at once.

It does not know what states are pooled to, nor how positions beyond the trained ones are made (`stretch`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, get_args

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.spec import runtime, settings
from pipeline.core.stage import Stage
from pipeline.core.threads import mapped, one_thread_each
from pipeline.core.tokens import MINILM
from retrievers.base import at_least, one_of
from retrievers.position_ids import Mode
from retrievers.stretch import hidden_states
from retrievers.token_model import Array, TokenModel, model_identity, token_model
from retrievers.token_windows import Context, Tokens, Window, share_of, taken, windows

_TOKENS_AT_ONCE = 16_384
"""Of one forward pass; a batch of stretched windows is smaller than one of short ones."""


@dataclass(frozen=True)
class TokenEncoder(Stage):
    """The settings of a reader of token states, and reading itself.

    model, revision, passage_prompt: as of `retrievers.encode.Encoder`; the prompt stands before every window.
    window: tokens of one pass, with special ones; 0: as many as the model is made for, times `stretch` where positions
    are stretched. positions: how positions beyond the trained length are made (`retrievers.stretch`); `plain`: there
    are none. stretch: how many times the trained length one pass may have; `plain` does not read it.
    device: empty for a GPU where there is one. batch_size: windows of one text in one pass; like the device it moves
    the last bits of a state. Other texts never do: each pass reads one text.
    """

    model: str = MINILM
    revision: str = ""
    passage_prompt: str | None = None
    window: int = 0
    positions: Mode = "plain"
    stretch: int = 8
    device: str = runtime("")
    batch_size: int = runtime(8)

    def __post_init__(self) -> None:
        at_least(self.batch_size, 1, f"{self.label}.batch_size")
        at_least(self.window, 0, f"{self.label}.window")
        at_least(self.stretch, 1, f"{self.label}.stretch")
        one_of(self.positions, get_args(Mode), f"{self.label}.positions")

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the model by its content: a path says nothing about what lies there."""
        own = settings(self)
        del own["revision"]
        if self.positions == "plain":
            del own["stretch"]
        return own | {"model": model_identity(self.model, self.revision)}

    def loaded(self) -> TokenModel:
        """The model. Raises UserError where it cannot be used so."""
        return token_model(self.model, self.revision, self.device, self.positions)

    def reach(self) -> int:
        """Tokens of one pass, with special ones. Raises UserError where the window does not fit the model."""
        model = self.loaded()
        times = 1 if self.positions == "plain" else self.stretch
        made_for = model.trained * times if model.trained else None
        if made_for is None and not self.window:
            raise UserError(
                f"the model {model.name!r} does not say how long a text it takes",
                where=f"{self.label}.window",
                remedy="Give the tokens of one pass, special ones included",
            )
        most = model.longest if self.positions == "plain" else made_for
        if most is not None and self.window > most:
            raise UserError(
                f"a window of {self.window} tokens is longer than the {most} that the model can place",
                where=f"{self.label}.window",
                remedy="Give a shorter one, or stretch the positions (positions: grouped, stretch: 8)",
            )
        return self.window or int(made_for or 0)

    def tokens(self, text: str) -> Tokens:
        """The whole text, prompt and special tokens around it; nothing is cut.

        Raises UserError where the prompt leaves no room for the text.
        """
        model = self.loaded()
        before = model.prompt(self.passage_prompt, "document", "passage", "corpus")
        if before and not model.include_prompt:
            raise UserError(
                f"the model {model.name!r} pools without its prompt, which is not done here",
                where=f"{self.label}.passage_prompt",
                remedy="Give an empty one, or take the stage 'dense'",
            )
        read = model.tokenizer(
            before + text,
            add_special_tokens=False,
            return_offsets_mapping=True,
            truncation=False,
            verbose=False,
        )
        ids = np.asarray(read["input_ids"], dtype=np.int64)
        offsets = np.asarray(read["offset_mapping"], dtype=np.int64).reshape(-1, 2) - len(before)
        prompt = int(np.searchsorted(np.maximum.accumulate(offsets[:, 1]), 0, side="right"))
        prompt = prompt if before else 0
        prefix, suffix = (np.asarray(s, dtype=np.int64) for s in (model.prefix, model.suffix))
        edges = np.zeros((len(prefix), 2), dtype=np.int64), np.full((len(suffix), 2), len(text), dtype=np.int64)
        tokens = Tokens(
            np.concatenate([prefix, ids, suffix]),
            np.concatenate([edges[0], offsets.clip(0), edges[1]]),
            len(prefix) + prompt,
            len(suffix),
        )
        if tokens.head + tokens.tail >= self.reach():
            raise UserError(
                f"{tokens.head + tokens.tail} tokens of prompt and special ones leave no room in {self.reach()}",
                where=f"{self.label}.window",
                remedy="Give a longer window, or a shorter prompt",
            )
        return tokens

    def states(
        self, texts: Sequence[Tokens], overlap: float = 0.0, context: Context = "both"
    ) -> Iterator[tuple[int, Window, Array]]:
        """(index of the text, window, states (head + stop - start + tail, d)), texts and windows in order.

        overlap: the share of a window that the next one reads again, in [0, 1). A text without any token has none.
        """
        import torch

        model = self.loaded()
        groups = self._groups(texts, overlap, context)

        def forward(group: tuple[int, list[Window]]) -> Array:
            index, passes = group
            read = texts[index]
            body = read.ids[read.head : read.head + read.own]
            head, tail = read.ids[: read.head], read.ids[read.head + read.own :]
            ids = np.stack([np.concatenate([head, body[w.start : w.stop], tail]) for w in passes])
            with torch.inference_mode():
                on_device = torch.from_numpy(ids).to(model.network.device)
                found = hidden_states(model.network, on_device, self.positions, model.trained)
                return np.asarray(found.float().cpu().numpy(), dtype=np.float32)

        at = 0
        while at < len(groups):
            # A few at a time: a pool that is given all of a book's windows computes ahead of who pools them.
            with one_thread_each() as workers:
                some = groups[at : at + 2 * workers]
                found = list(mapped(forward, some, workers))
            at += len(some)
            for (index, passes), values in zip(some, found, strict=True):
                for window, value in zip(passes, values, strict=True):
                    yield index, window, value

    def by_text(
        self, texts: Sequence[Tokens], overlap: float = 0.0, context: Context = "both"
    ) -> Iterator[Iterator[tuple[Window, Array]]]:
        """`states`, one iterator per text; each must be used up before the next one is taken."""
        passes = groupby(self.states(texts, overlap, context), key=itemgetter(0))
        for tokens in texts:
            found = next(passes)[1] if len(tokens.ids) else iter(())
            yield ((window, states) for _, window, states in found)

    def _groups(self, texts: Sequence[Tokens], overlap: float, context: Context) -> list[tuple[int, list[Window]]]:
        groups: list[tuple[int, list[Window]]] = []
        reach = self.reach()
        batch = min(self.batch_size, max(1, _TOKENS_AT_ONCE // reach))
        for index, tokens in enumerate(texts):
            if len(tokens.ids):
                room = reach - tokens.head - tokens.tail
                passes = windows(tokens.own, room, share_of(room, overlap), context)
                groups += [(index, passes[i : i + batch]) for i in range(0, len(passes), batch)]
        return groups


def all_states(encoder: TokenEncoder, tokens: Tokens, overlap: float = 0.0, context: Context = "both") -> Array:
    """(n, d): the states of all tokens of one text, head and tail included, at once."""
    parts: Iterable[Array] = (
        taken(tokens, window, states)[1] for _, window, states in encoder.states([tokens], overlap, context)
    )
    empty = np.zeros((0, int(encoder.loaded().network.config.hidden_size)), dtype=np.float32)
    return np.concatenate([empty, *parts])
