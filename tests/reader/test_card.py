"""The card names every text with its licence, says what was not measured, and takes figures from where they stand."""

import json

import pytest

from experiments.reader.card import card, write_card
from experiments.reader.export import configuration
from experiments.reader.shape import SHAPES
from experiments.reader.sources import sources
from pipeline.core.errors import UserError

NARROW = SHAPES["narrow"]


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(configuration(NARROW, [2, 10])))
    return folder


def figures():
    whole = {"n": 40, "exact": 0.975, "f1": 0.98, "declined": 0.0}
    return {
        "model": NARROW.as_dict(),
        "sets": {
            "niah_single/1k": whole,
            "niah_single/16k": {**whole, "exact": 0.9},
            "twins/300": whole,
            "nq/own": {"n": 288, "exact": 0.31, "f1": 0.456, "declined": 0.12},
        },
        "prefill": {"own path": {"2048": 4321.0}},
        "machine": {"cores": 4},
        "notes": ["a note"],
        "precision": "float32",
    }


def test_every_source_stands_with_licence_and_author():
    text = card(NARROW, sources())
    for one in sources():
        row = next(line for line in text.splitlines() if line.startswith(f"| {one.name} |"))
        assert one.licence in row
        assert one.attribution in row
    assert "WordNet 3.0, copyright 2006 by Princeton University" in text
    assert "textblob" in text


def test_what_is_not_known_is_said():
    text = card(NARROW, sources())
    assert "Not measured yet" in text
    assert "the training state was not given" in text
    assert f"{NARROW.parameters:,} parameters" in text


def test_figures_training_and_sizes_are_shown(model, tmp_path):
    state = tmp_path / "light"
    state.mkdir()
    progress = {"step": 9000, "seconds": 1500.0, "plan": {"tokens": 2_000_000_000, "seed": 1}}
    (state / "progress.json").write_text(json.dumps(progress))
    counts, measured = tmp_path / "texts.json", tmp_path / "reader.json"
    counts.write_text(json.dumps({"foldoc": {"documents": 6500, "characters": 3_381_755, "held": 326}}))
    measured.write_text(json.dumps(figures()))
    (model / "config.json").write_text(json.dumps(configuration(NARROW, [2, 10]) | {"decline_shift": 3.02}))
    file = write_card(model, training=[state, state], device="NVIDIA H100", counts=counts, figures=measured)
    text = file.read_text()
    assert file == model / "README.md"
    stage = "2.00 billion tokens in 9,000 steps"
    assert f"{stage}; then {stage}.\n50 minutes of one NVIDIA H100" in text
    assert "lowered by 3.02 nats" in text
    assert "greedy, float32 through" in text
    assert "| foldoc | dict-foldoc (debian 20230119-1) | GFDL-1.1-or-later | 3.4 |" in text
    assert "| needle, single | 0.97 |  |  | 0.90 |" in text or "| needle, single | 0.98 |  |  | 0.90 |" in text
    assert "| NQ, own paragraph | 288 | 0.31 | 0.46 | 0.12 |" in text
    assert "own path, tokens/s: 4,321 at 2048 tokens" in text
    assert "Not measured" not in text


def test_figures_of_another_shape_and_missing_files_are_refused(model, tmp_path):
    measured = tmp_path / "reader.json"
    with pytest.raises(UserError, match="does not exist"):
        write_card(model, figures=measured)
    measured.write_text(json.dumps({**figures(), "model": SHAPES["wide"].as_dict()}))
    with pytest.raises(UserError, match="another shape"):
        write_card(model, figures=measured)
