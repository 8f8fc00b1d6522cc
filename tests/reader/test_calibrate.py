"""The threshold moves by the nats that were asked for, where answers begin, and nothing else of the reader does."""

import random

import pytest
import torch
from safetensors.torch import load_file

from experiments.reader.calibrate import calibrate, constant_direction
from experiments.reader.evaluate import Row
from experiments.reader.example import UNANSWERABLE
from experiments.reader.export import write
from experiments.reader.network import initial_weights
from experiments.reader.shape import SHAPES
from experiments.reader.tokenizer import save, train
from pipeline.core.errors import UserError

SHAPE = SHAPES["tiny"]
WORDS = "river stone market lamp engine paper unanswerable Question Answer what where".split()


@pytest.fixture(scope="module")
def rows():
    rng = random.Random(5)
    out = []
    for i in range(40):
        text = " ".join(rng.choices(WORDS, k=20))
        answer = UNANSWERABLE if i % 2 else "stone"
        out.append(Row("set/own", text, f"What {rng.choice(WORDS)}?", (answer,)))
    return out


@pytest.fixture
def reader(tmp_path, rows):
    save(train(iter([row.document for row in rows]), SHAPE.vocabulary), tmp_path / "tokenizer")
    weights = initial_weights(SHAPE, 3)
    for name in ("output", "down"):  # they start near zero, and every state would be the last token's alone
        weights[name] *= 2000
    write(SHAPE, weights, tmp_path / "tokenizer", tmp_path / "reader")
    return tmp_path / "reader"


def test_a_direction_on_which_all_states_look_alike():
    dice = torch.Generator().manual_seed(1)
    states = torch.randn(300, 16, generator=dice) + 3 * torch.randn(16, generator=dice)
    alike = states @ constant_direction(states)
    assert alike.std() < 0.25 * (states @ states.mean(0) / states.mean(0).norm() ** 2).std() + 0.2
    assert abs(alike.mean() - 1) < 0.1


def test_it_declines_as_seldom_as_was_asked_and_one_row_alone_is_changed(reader, rows):
    before = load_file(reader / "model.safetensors")
    token = _raise_unanswerable(reader, before)
    before = load_file(reader / "model.safetensors")
    shift, shares = calibrate(reader, rows, declined=0.5)
    after = load_file(reader / "model.safetensors")
    assert shift > 0
    assert shares["unanswerable before"] > 0.7 and 0.5 <= shares["unanswerable after"] <= 0.6
    assert shares["answerable after"] < shares["answerable before"]
    for name, tensor in before.items():
        rows_changed = (tensor != after[name]).reshape(len(tensor), -1).any(1).nonzero().flatten().tolist()
        assert rows_changed == ([token] if name.endswith("embed_tokens.weight") else [])


def test_a_reader_is_calibrated_once_and_on_both_kinds(reader, rows):
    with pytest.raises(ValueError, match="both"):
        calibrate(reader, rows[1::2], declined=0.9)
    calibrate(reader, rows, declined=0.9)
    with pytest.raises(UserError, match="Export it anew"):
        calibrate(reader, rows, declined=0.9)


def _raise_unanswerable(reader, weights):
    """Make the token the most probable one everywhere, by an embedding along the mean of the states."""
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(reader)
    token = tokenizer(f" {UNANSWERABLE}", add_special_tokens=False).input_ids[0]
    model = AutoModelForCausalLM.from_pretrained(reader, dtype=torch.float32).eval()
    ids = tokenizer("river stone\n\nQuestion: What lamp?\nAnswer:", return_tensors="pt").input_ids
    with torch.inference_mode():
        state = model.model(ids).last_hidden_state[0, -1]
    weights["model.embed_tokens.weight"][token] += (40 * state / state.norm()).to(torch.bfloat16)
    save_file(weights, reader / "model.safetensors", metadata={"format": "pt"})
    return token
