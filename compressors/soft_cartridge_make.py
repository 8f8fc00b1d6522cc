"""Making cartridges: the untrained prefix of a document, and its training on given questions by distillation.

    python -m compressors.soft_cartridge_make --model FOLDER --document FILE --slots P --out FOLDER [--questions FILE]

Eyuboglu et al. 2025 (arXiv 2506.06266): P slots begin as the keys and values of the document's first P tokens; the
first slot is frozen. Then the model that has read the document teaches the same model that has the prefix, by the
cross-entropy on the teacher's most likely next tokens along its own answers (section 4). The paper lets the model ask
the questions itself about chunks of the document; here they are given, and the teacher reads the whole document. It is
meant for documents and models that fit one machine; it does not know how many questions are enough.

Letters: P slots, T tokens of a question and its answer, V vocabulary.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from compressors.soft_cartridge import Prefix, Told, cache_of
from pipeline.core.errors import UserError
from pipeline.core.records import digest
from pipeline.core.spec import digest_model

if TYPE_CHECKING:
    from torch import Tensor

_LIKELY = 20
"""Next tokens that the teacher tells the probability of, as the paper's runs keep."""


class Lesson(NamedTuple):
    """A question and the teacher's answer: (T,) tokens, where the answer begins, and of each of its tokens the most
    likely ones (A, n) with their log-probabilities (A, n)."""

    tokens: Tensor
    begin: int
    likely: Tensor
    logs: Tensor


def untrained(model: Any, ids: Sequence[int], slots: int, *, begin: Sequence[int] = ()) -> Prefix:
    """The prefix of a document's first tokens, `begin` (the tokenizer's opening tokens) before them.

    Of as many tokens as there are, if there are fewer than `slots`: such a prefix is the whole document.
    """
    import torch

    tokens = [*begin, *ids][:slots]
    if not tokens:
        raise UserError("a prefix without a slot", where="slots", remedy="Give 1 or more, and a document with text")
    with torch.no_grad():
        cache = model.base_model(torch.tensor([tokens], device=model.device), use_cache=True).past_key_values
    keys, values = (tuple(getattr(layer, kind)[0].clone() for layer in cache.layers) for kind in ("keys", "values"))
    return Prefix(keys, values, Told(frozen=1, begin=tuple(begin)))


def lessons(model: Any, whole: Prefix, asked: Sequence[Sequence[int]], *, answer_tokens: int = 64) -> list[Lesson]:
    """What the model that has the whole document answers to each question, greedily, and what it deemed likely.

    asked: the tokens that will stand behind the prefix: instruction and question, without opening tokens.
    """
    import torch

    end = model.generation_config.eos_token_id
    ends = {end} if isinstance(end, int) else set(end or ())
    out = []
    for question in asked:
        tokens = list(question)
        rows: list[Tensor] = []
        with torch.no_grad():
            cache, new = cache_of([whole]), tokens
            while len(rows) < answer_tokens and (not rows or tokens[-1] not in ends):
                given = torch.tensor([new], device=model.device)
                rows.append(model(given, past_key_values=cache, use_cache=True).logits[0, -1].float())
                new = [int(rows[-1].argmax())]
                tokens += new
            likely = torch.stack(rows).log_softmax(-1).topk(min(_LIKELY, len(rows[0])))
        answered = torch.tensor(tokens, device=model.device)
        out.append(Lesson(answered, len(question), likely.indices, likely.values))
    return out


def train(
    model: Any, prefix: Prefix, taught: Sequence[Lesson], *, epochs: int = 20, rate: float = 0.02
) -> tuple[Prefix, list[float]]:
    """The prefix with its slots behind the frozen ones trained by Adam, and the mean loss of each epoch, in nats.

    Nothing else is changed: the model's weights receive no gradient.
    """
    import torch

    frozen = prefix.told.frozen
    free = [tensor[:, frozen:].clone().float().requires_grad_() for tensor in (*prefix.keys, *prefix.values)]
    fixed = [tensor[:, :frozen] for tensor in (*prefix.keys, *prefix.values)]
    optimizer = torch.optim.Adam(free, lr=rate)
    layers, losses = len(prefix.keys), []

    def now() -> Prefix:
        whole = [torch.cat((a, b.to(a.dtype)), dim=1) for a, b in zip(fixed, free, strict=True)]
        return replace(prefix, keys=tuple(whole[:layers]), values=tuple(whole[layers:]))

    for _ in range(epochs):
        total = 0.0
        for lesson in taught:
            with torch.enable_grad():
                read = model(lesson.tokens[None], past_key_values=cache_of([now()]), use_cache=True)
                logs = read.logits[0, lesson.begin - 1 : -1].float().log_softmax(-1).gather(1, lesson.likely)
                loss = -(lesson.logs.exp() * logs).sum(-1).mean()
                torch.autograd.backward(loss, inputs=free)
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item()
        losses.append(total / len(taught))
    done = now()
    return replace(
        done, keys=tuple(k.detach() for k in done.keys), values=tuple(v.detach() for v in done.values)
    ), losses


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 2 for what the user can mend."""
    parser = argparse.ArgumentParser(prog="compressors.soft_cartridge_make", description="Make a document's cartridge.")
    parser.add_argument("--model", required=True, help="folder of the reader's model")
    parser.add_argument("--document", required=True, type=Path, help="its text, exactly as a prompt will show it")
    parser.add_argument("--slots", required=True, type=int)
    parser.add_argument("--out", required=True, type=Path, help="folder; the file is named by the text's digest")
    parser.add_argument("--questions", type=Path, help="one line each, as a prompt has it; none: not trained")
    parser.add_argument("--epochs", type=int, default=20)
    given = parser.parse_args(arguments)
    try:
        print(_made(given))
    except UserError as e:
        print(e, file=sys.stderr)
        return 2
    return 0


def _made(given: argparse.Namespace) -> str:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        text = given.document.read_text(encoding="utf-8")
        asked = given.questions.read_text(encoding="utf-8").split("\n") if given.questions else []
        tokenizer: Any = AutoTokenizer.from_pretrained(given.model, local_files_only=True)
        model: Any = AutoModelForCausalLM.from_pretrained(given.model, local_files_only=True)
    except (OSError, ValueError) as e:
        raise UserError(str(e).split("\n")[0], remedy="Name files of text, and a folder with a causal model") from e
    model.eval().requires_grad_(False)
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    opened = tokenizer("a")["input_ids"]
    begin = opened[: len(opened) - len(tokenizer("a", add_special_tokens=False)["input_ids"])]
    prefix = untrained(model, ids, given.slots, begin=begin)
    outcome = "not trained"
    questions = [tokenizer(line, add_special_tokens=False)["input_ids"] for line in asked if line.strip()]
    if questions:
        whole = untrained(model, ids, len(begin) + len(ids), begin=begin)
        prefix, losses = train(model, prefix, lessons(model, whole, questions), epochs=given.epochs)
        outcome = f"loss {losses[0]:.3f} -> {losses[-1]:.3f}"
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / f"{digest(text)}.safetensors"
    told = prefix.told._replace(text=digest(text), model=digest_model(given.model))
    replace(prefix, told=told).save(file)
    return f"{file}: {len(prefix)} slots for {len(ids)} tokens, {outcome}"


if __name__ == "__main__":
    raise SystemExit(main())
