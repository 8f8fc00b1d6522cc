"""Which tokens the package llmlingua keeps, as JSON; run by the Python of llmlingua 0.2.2, where ours is not.

    python llmlingua_oracle.py JOBS.json ANSWERS.json

JOBS: {"model": folder, "jobs": [{"contexts": [...], "question": "...", "target": tokens, "settings": {...}}]}, the
settings being those of `compress_prompt`; with "follow": false nothing is recorded but the time; "device": cpu, or
cuda, where the model is loaded in 16 bits, and each job is done once before it is timed. ANSWERS, for each job:
`used`, the contexts that passed the coarse step in the order of the prompt; `ids`, the tokens that the token-level step
was given, the question's prefix of `start` tokens with them; `kept`, the positions of those tokens that it left;
`seconds` and `cpu_seconds`.

The tokenizer of another vendor, which the package loads for its statistics alone, is replaced by a count of words.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tiktoken
import torch


class Words:
    """In place of the vocabulary that would be fetched: it counts for the statistics, and decides nothing."""

    def encode(self, text: str) -> list[str]:
        """The words of a text."""
        return text.split()


tiktoken.encoding_for_model = lambda name: Words()

from llmlingua import PromptCompressor  # noqa: E402 - after what it would fetch was replaced


class Followed(PromptCompressor):  # type: ignore[misc]
    """The package's compressor; it also says which positions stayed."""

    used: list[int]
    ids: list[int]
    start: int
    positions: torch.Tensor | None = None
    follow = True

    def control_context_budget(self, context: list[str], *args: Any, **settings: Any) -> Any:
        """As the package has it."""
        found = super().control_context_budget(context, *args, **settings)
        self.used = [int(i) for i in found[2]]
        return found

    def iterative_compress_prompt(self, *args: Any, **settings: Any) -> Any:
        """As the package has it."""
        self.positions, self.start = None, settings["start"]
        return super().iterative_compress_prompt(*args, **settings)

    def get_compressed_input(self, loss: Any, input_ids: Any, mask: Any, end: Any, **settings: Any) -> Any:
        """As the package has it, once more for the positions: of the tokens, it only takes some.

        It counts `end` down in place, so that each call has its own.
        """
        if not self.follow:
            return super().get_compressed_input(loss, input_ids, mask, end, **settings)
        if self.positions is None:
            self.ids = input_ids[0].tolist()
            self.positions = torch.arange(input_ids.shape[1]).unsqueeze(0)
        at = super().get_compressed_input(loss, self.positions, mask, int(end), **settings)[0]
        found = super().get_compressed_input(loss, input_ids, mask, end, **settings)
        self.positions = at
        return found


def readable_here(folder: Path, copy: Path) -> Path:
    """The model in a folder whose files this version of transformers reads."""
    for file in folder.iterdir():
        if file.is_file() and file.name != "config.json":
            (copy / file.name).symlink_to(file.resolve())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    rope = config.pop("rope_parameters", None) or {}
    config.setdefault("rope_theta", rope.get("rope_theta", 10_000.0))
    config["torch_dtype"] = config.pop("dtype", config.get("torch_dtype", "float32"))
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return copy


def answer(compressor: Followed, job: dict[str, Any]) -> dict[str, Any]:
    """What it does with one job."""
    compressor.used = list(range(len(job["contexts"])))
    compressor.ids = []
    on_gpu = compressor.device == "cuda"
    if on_gpu:
        compressor.compress_prompt(
            list(job["contexts"]), question=job["question"], target_token=job["target"], **job["settings"]
        )
        torch.cuda.synchronize()
    began, cpu = time.perf_counter(), time.process_time()
    compressor.compress_prompt(
        list(job["contexts"]), question=job["question"], target_token=job["target"], **job["settings"]
    )
    if on_gpu:
        torch.cuda.synchronize()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    kept = compressor.positions[0].tolist() if compressor.positions is not None else []
    return {
        "used": compressor.used,
        "ids": compressor.ids,
        "start": compressor.start,
        "kept": kept,
        "seconds": seconds,
        "cpu_seconds": cpu,
    }


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as copy:
        device = given.get("device", "cpu")
        config = {"torch_dtype": torch.bfloat16} if device == "cuda" else {}
        model = str(readable_here(Path(given["model"]), Path(copy)))
        compressor = Followed(model, device_map=device, model_config=config)
        compressor.follow = given.get("follow", True)
        answers = [answer(compressor, job) for job in given["jobs"]]
    Path(sys.argv[2]).write_text(json.dumps(answers), encoding="utf-8")
