"""How many held-out questions a reader answers: generated through `transformers`, or checked token by token.

Rows are JSON lines {"set", "length", "document", "question", "answer" | "answers"}, where "set" names the task and
"length" says how long, as in "8k"; more fields may follow. Generated answers are scored as SQuAD scores them. The
check token by token gives the reader the right answer's beginning at each step and asks whether every token comes out
first: the same as greedy exact match but for answers written in another way, at a fraction of the time. It knows
nothing of how the rows were made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.reader.example import UNANSWERABLE
from experiments.reader.pack import BEGIN, prompt
from pipeline.core.errors import UserError
from pipeline.score.text import exact_match, normalize_answer, token_f1

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from experiments.reader.network import Network

_STEP = 128
"""Tokens: rows checked together are filled up to a multiple of this."""


@dataclass(frozen=True, slots=True)
class Row:
    """One held-out question. name: set and length, "kv/8k". extra: the row's other fields, such as depth."""

    name: str
    document: str
    question: str
    answers: tuple[str, ...]
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row's answer and its scores in [0, 1]."""

    row: Row
    answer: str
    exact: float
    f1: float

    @property
    def declined(self) -> bool:
        """Whether the reader said that there is no answer."""
        return normalize_answer(self.answer) == UNANSWERABLE


def read_rows(
    paths: Iterable[Path], *, most: int | None = None, keep: Callable[[str], bool] | None = None
) -> list[Row]:
    """Rows of JSONL files. most: rows of each set, the first ones; keep: which names.

    Raises UserError for a line that is no such row.
    """
    counts: dict[str, int] = {}
    rows = []
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = _row(json.loads(line), f"{path}:{number}")
                if keep is not None and not keep(row.name):
                    continue
                counts[row.name] = counts.get(row.name, 0) + 1
                if most is None or counts[row.name] <= most:
                    rows.append(row)
    return rows


def _row(read: dict[str, Any], where: str) -> Row:
    try:
        answers = read.pop("answers", None) or [read.pop("answer")]
        name = "/".join(str(read.pop(k)) for k in ("set", "length") if read.get(k) not in (None, ""))
        return Row(name, read.pop("document"), read.pop("question"), tuple(answers), read)
    except KeyError as missing:
        raise UserError(f"the row has no {missing}", where=where, remedy="Write the sets anew") from None


def summary(verdicts: Sequence[Verdict]) -> dict[str, dict[str, float]]:
    """Set name -> n, exact, f1, declined; means over its rows, in the order of their first row."""
    by_set: dict[str, list[Verdict]] = {}
    for one in verdicts:
        by_set.setdefault(one.row.name, []).append(one)
    return {
        name: {
            "n": len(those),
            "exact": float(np.mean([v.exact for v in those])),
            "f1": float(np.mean([v.f1 for v in those])),
            "declined": float(np.mean([v.declined for v in those])),
        }
        for name, those in by_set.items()
    }


def generated(folder: Path, rows: Sequence[Row], *, tokens: int = 2048, precision: str = "float32") -> list[Verdict]:
    """Greedy answers of an exported reader on the CPU, in the rows' order.

    tokens: of a batch, padding included; longer rows go alone, for padding costs the fast attention.
    precision: "float32"; "bfloat16"; or "mixed", products in bf16 between fp32 activations, which is nearly as fast as
    bf16 and nearer to fp32.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa").eval()
    prompts = [tokenizer(prompt(row.document, row.question)).input_ids for row in rows]
    verdicts: dict[int, Verdict] = {}
    mixed = torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed")
    for group in _groups([len(p) for p in prompts], tokens):
        longest = max(len(prompts[i]) for i in group)
        ids = torch.tensor([[tokenizer.pad_token_id] * (longest - len(prompts[i])) + prompts[i] for i in group])
        mask = torch.tensor([[0] * (longest - len(prompts[i])) + [1] * len(prompts[i]) for i in group])
        with torch.inference_mode(), mixed:
            written = model.generate(ids, attention_mask=mask, do_sample=False)
        for i, new in zip(group, written[:, longest:], strict=True):
            text = str(tokenizer.decode(new, skip_special_tokens=True))
            verdicts[i] = _verdict(rows[i], first_line(text))
    return [verdicts[i] for i in range(len(rows))]


def first_line(text: str) -> str:
    """The answer: what stands before the line end."""
    return text.split("\n")[0].strip()


def forced(network: Network, tokenizer: Tokenizer, rows: Sequence[Row], *, tokens: int = 65_536) -> list[bool]:
    """Whether each token of the first answer is the most probable one after those before it, in the rows' order."""
    import torch

    before = [[BEGIN, *e.ids] for e in _encoded(tokenizer, [prompt(row.document, row.question) for row in rows])]
    after = [e.ids for e in _encoded(tokenizer, [f" {row.answers[0]}\n" for row in rows])]
    right = [False] * len(rows)
    for group in _groups([len(b) + len(a) for b, a in zip(before, after, strict=True)], tokens):
        longest = -(-max(len(before[i]) + len(after[i]) for i in group) // _STEP) * _STEP
        ids = np.zeros((len(group), longest), np.int64)
        for k, i in enumerate(group):
            ids[k, : len(before[i]) + len(after[i])] = before[i] + after[i]
        asked = [(k, len(before[i]) - 1 + j) for k, i in enumerate(group) for j in range(len(after[i]))]
        at, place = (torch.tensor(x, device=network.device) for x in zip(*asked, strict=True))
        with torch.inference_mode():
            hidden = network.hidden(torch.from_numpy(ids).to(network.device))
            best = network.logits(hidden[at, place]).argmax(-1).cpu().numpy()
        start = 0
        for i in group:
            right[i] = bool((best[start : start + len(after[i])] == after[i]).all())
            start += len(after[i])
    return right


def quick(tokenizer: Tokenizer, rows: Sequence[Row]) -> Callable[[Network], dict[str, float]]:
    """A measure for the training loop: set name -> share of rows right by `forced`."""

    def measure(network: Network) -> dict[str, float]:
        by_set: dict[str, list[bool]] = {}
        for row, right in zip(rows, forced(network, tokenizer, rows), strict=True):
            by_set.setdefault(row.name, []).append(right)
        return {name: round(float(np.mean(those)), 4) for name, those in by_set.items()}

    return measure


def _verdict(row: Row, answer: str) -> Verdict:
    return Verdict(row, answer, exact_match(answer, row.answers), token_f1(answer, row.answers))


def _encoded(tokenizer: Tokenizer, texts: list[str]) -> list[Any]:
    return list(tokenizer.encode_batch_fast(texts, add_special_tokens=False))


def _groups(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices in groups of like length, each group's rows times its longest at most `tokens`, at least one row each."""
    group: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if group and (len(group) + 1) * (-(-lengths[i] // _STEP) * _STEP) > tokens:
            yield group
            group = []
        group.append(i)
    if group:
        yield group
