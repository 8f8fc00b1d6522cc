"""Position modes: a text longer than an encoder was trained for, read in one pass without training.

For a table of absolute positions (BERT, RoBERTa): `grouped`, `recurrent` and `interpolate`, after LongEmbed; for rotary
ones (ModernBERT, Llama) these, `ntk` and `self_extend` (`retrievers.rotary`). A text within the trained length passes
through the model as it is, so its states are the same bits in every mode.

It does not know texts, windows or pooling.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from retrievers.position_ids import Mode, grouped_ids, interpolated_positions, recurrent_ids
from retrievers.rotary import placed, prepare_rotary, unfit


class PositionTable(NamedTuple):
    """A table of absolute positions; row `offset + p` is position p (RoBERTa keeps rows for padding before them)."""

    weight: Any
    offset: int
    rows: int


def position_table(network: Any) -> PositionTable | None:
    """The network's table of absolute positions; None where it has none."""
    for name, module in network.named_modules():
        if name.rsplit(".", 1)[-1] == "position_embeddings" and hasattr(module, "num_embeddings"):
            offset = 0 if module.padding_idx is None else module.padding_idx + 1
            return PositionTable(module.weight, offset, module.num_embeddings - offset)
    return None


def prepare(network: Any, mode: Mode) -> None:
    """Make a freshly loaded network ready for a mode. Raises UserError for one that the mode does not fit."""
    if mode == "plain":
        return
    if position_table(network) is not None:
        takes = set(inspect.signature(network.forward).parameters)
        if mode in ("ntk", "self_extend") or not {"position_ids", "inputs_embeds"} <= takes:
            raise unfit(network, mode, "has a table of absolute positions", "grouped, recurrent, interpolate")
        return
    prepare_rotary(network, mode)


def hidden_states(network: Any, ids: Any, mode: Mode, trained: int | None) -> Any:
    """ids (B, L) of equal, full length -> last hidden states (B, L, d).

    In a mode other than `plain`, texts longer than `trained` are read by stretched positions.
    """
    import torch

    length = ids.shape[1]
    if mode == "plain" or trained is None or length <= trained:
        return network(input_ids=ids).last_hidden_state
    table = position_table(network)
    if table is None:
        with placed(mode, length, trained):
            return network(input_ids=ids).last_hidden_state
    if mode != "interpolate":
        positions = grouped_ids(length, trained) if mode == "grouped" else recurrent_ids(length, trained)
        rows = torch.from_numpy(positions + table.offset).to(ids.device)
        return network(input_ids=ids, position_ids=rows[None].expand_as(ids)).last_hidden_state
    positions_between = torch.from_numpy(interpolated_positions(length, trained)).to(ids.device)
    lower = positions_between.floor().long()
    share = (positions_between - lower).to(table.weight.dtype)[:, None]
    upper = (lower + 1).clamp(max=trained - 1)
    rows = table.weight[table.offset :]
    between = rows[lower] * (1 - share) + rows[upper] * share
    # The network adds a row of its table to what it is given; each token is given the rest.
    words = network.get_input_embeddings()(ids) + (between - rows[0])
    first = torch.full_like(ids, table.offset)
    return network(inputs_embeds=words, position_ids=first).last_hidden_state
