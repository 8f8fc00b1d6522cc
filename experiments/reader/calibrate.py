"""Moving the threshold at which a trained reader declines, without training: one row of its embedding is changed.

A reader that learned from questions made by rules declines too many of those that people ask, for they share fewer
words with their text. How sure it must be is one number, and the embedding has no bias to put it into. But the hidden
states at which an answer begins are alike enough that a direction w exists with h . w near 1 for all of them: taking
b w from the row of the declining answer's first token lowers its logit there by b. It knows nothing of the questions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.reader.evaluate import Row
from experiments.reader.example import UNANSWERABLE
from experiments.reader.export import write_json
from experiments.reader.pack import prompt
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 0.05
"""Penalty on w, as a share of the states' mean square: w changes an input embedding, too, and must be small."""
SHIFT = "decline_shift"
"""Where config.json says that, and how far, the threshold was moved."""
_KEY = "model.embed_tokens.weight"


def calibrate(folder: Path, rows: Sequence[Row], *, declined: float) -> tuple[float, dict[str, float]]:
    """Change the exported reader in `folder` so that it declines this share of the unanswerable rows, at least.

    rows: answerable and unanswerable questions. Returns b, in nats, and the shares declined of both kinds before and
    after. Raises UserError for a reader that was changed before, ValueError where one of the kinds is missing.
    """
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if SHIFT in settings:
        raise UserError("this reader has been calibrated", where=str(folder), remedy="Export it anew")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    first = tokenizer(f" {UNANSWERABLE}", add_special_tokens=False).input_ids[0]
    absent = torch.tensor([row.answers[0] == UNANSWERABLE for row in rows])
    if not 0 < int(absent.sum()) < len(rows):
        raise ValueError("both answerable and unanswerable questions are needed")
    with torch.inference_mode():
        prompts = [tokenizer(prompt(row.document, row.question), return_tensors="pt").input_ids for row in rows]
        states = torch.stack([model.model(ids).last_hidden_state[0, -1] for ids in prompts])
        direction = constant_direction(states)
        logits = states @ model.lm_head.weight.T
        margin = logits[:, first].clone()
        logits[:, first] = -torch.inf
        margin -= logits.max(dim=1).values
        unit = states @ direction
        # The row is declined while margin > b x unit; b is the highest that leaves enough of the unanswerable ones.
        limits = (margin / unit)[absent].sort(descending=True).values
        shift = max(0.0, float(limits[min(len(limits) - 1, int(declined * len(limits)))]) - 1e-3)
    weights = load_file(folder / "model.safetensors")
    row = weights[_KEY][first]
    weights[_KEY][first] = (row.float() - shift * direction).to(row.dtype)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", settings | {SHIFT: round(shift, 3)})
    shares = {
        f"{kind} {when}": float((margin > b * unit)[which].float().mean())
        for when, b in (("before", 0.0), ("after", shift))
        for kind, which in (("unanswerable", absent), ("answerable", ~absent))
    }
    return shift, shares


def constant_direction(states: Tensor) -> Tensor:
    """(N, D) states -> (D,) direction whose product with each of them is nearest to 1, by ridge regression."""
    import torch

    square = states.T @ states / len(states)
    penalty = RIDGE * square.diagonal().mean() * torch.eye(states.shape[1])
    return torch.linalg.solve(square + penalty, states.mean(dim=0))
