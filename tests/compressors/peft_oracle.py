"""A LoRA that peft made and saved, and the logits of its model; run by a Python that has peft.

python peft_oracle.py '{"model": FOLDER, "ids": [...], "adapter": FOLDER, "answer": FILE}'
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    torch.manual_seed(11)
    config = LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(told["model"]), config).eval()
    model.save_pretrained(told["adapter"])
    with torch.no_grad():
        logits = model(torch.tensor([told["ids"]])).logits[0]
    Path(told["answer"]).write_text(json.dumps(logits.tolist()), encoding="utf-8")
