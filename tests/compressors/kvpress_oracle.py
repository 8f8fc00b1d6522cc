"""What kvpress keeps of a prompt and how its model goes on, as JSON; run by the Python of kvpress, where ours is not.

    python kvpress_oracle.py JOBS.json ANSWERS.json

JOBS: a list of {model, ids, press, settings, rerotate}. ANSWERS, for each: `positions`, per layer and key/value head;
`channels` for ThinK; `logits` of the token after `next`, the greedy one.
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import kvpress
import torch
from transformers import DynamicCache, LlamaForCausalLM


@lru_cache(maxsize=8)
def model_at(folder: str, attention: str) -> Any:
    return LlamaForCausalLM.from_pretrained(folder, attn_implementation=attention).eval()


def answer(job: dict[str, Any]) -> dict[str, Any]:
    press = getattr(kvpress, job["press"])(**job["settings"])
    if job["rerotate"]:
        press = kvpress.KeyRerotationPress(press)
    model = model_at(job["model"], "eager" if job["press"] == "ObservedAttentionPress" else "sdpa")
    ids, whole, cache = torch.tensor([job["ids"]]), DynamicCache(), DynamicCache()
    model(ids, past_key_values=whole)
    with press(model):
        token = int(model(ids, past_key_values=cache).logits[0, -1].argmax())
    out: dict[str, Any] = {"next": token, "positions": [], "channels": []}
    for kept, dense in zip(cache.layers, whole.layers, strict=True):
        # No two tokens of the prompt have equal values, and no press changes them.
        same = (kept.values[0, :, :, None] == dense.values[0, :, None]).all(dim=-1)
        assert (same.sum(dim=-1) == 1).all()
        out["positions"].append(same.int().argmax(dim=-1).sort(dim=-1).values.tolist())
        out["channels"].append([row.nonzero()[:, 0].tolist() for row in (kept.keys[0] != 0).any(dim=1)])
    held = cache.layers[0].values.shape[2]
    at = torch.tensor([[held if job["rerotate"] else ids.shape[1]]])
    out["logits"] = model(torch.tensor([[token]]), past_key_values=cache, position_ids=at).logits[0, -1].tolist()
    return out


if __name__ == "__main__":
    with torch.inference_mode():
        answers = [answer(job) for job in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]
    Path(sys.argv[2]).write_text(json.dumps(answers), encoding="utf-8")
