"""The cross-encoder on a tiny model of random weights: scores against the library, windows, depth, and mistakes."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the library is imported, below

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Ranking
from pipeline.core.spec import identity
from pipeline.core.tokens import minilm_folder
from retrievers.cross_encoder import CrossEncoder

TEXTS = ["a cat sleeps on the sofa", "tax law", "the kitten naps in the warm afternoon sun", "tax law", "猫", "x " * 20]
QUESTION = "where does the cat sleep?"
LONG = " ".join(f"word{i}" for i in range(60))
LIMIT = 48


def save(model: Any, folder: Path) -> str:
    from transformers import AutoTokenizer

    model.eval().save_pretrained(folder)
    AutoTokenizer.from_pretrained(minilm_folder(), model_max_length=LIMIT).save_pretrained(folder)
    return str(folder)


def classifier(labels: int) -> Any:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = {"vocab_size": 30522, "max_position_embeddings": LIMIT, "initializer_range": 0.4, "num_labels": labels}
    return BertForSequenceClassification(BertConfig(**shape, **config))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(classifier(1), tmp_path_factory.mktemp("cross"))


def chunks_of(texts: list[str]) -> tuple[Chunk, ...]:
    return tuple(Chunk("d", 0, len(t), t) for t in texts)


def logits(model: str, pairs: list[tuple[str, str]]) -> list[float]:
    """By transformers alone, one pair at a time."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    net, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(model).eval(),
        AutoTokenizer.from_pretrained(model),
    )
    with torch.no_grad():
        return [float(net(**tokenizer(q, p, return_tensors="pt")).logits[0, 0]) for q, p in pairs]


def test_scores_are_the_models_logits_whatever_the_batch(model: str) -> None:
    expected = logits(model, [(QUESTION, t) for t in TEXTS])
    assert np.ptp(expected) > 0.1, "a model that gives one number to all proves nothing"
    for batch_tokens in (0, 40, 10_000):
        found = CrossEncoder(model=model, device="cpu", batch_tokens=batch_tokens).scores(QUESTION, TEXTS)
        assert found == pytest.approx(expected, abs=1e-5)
    from sentence_transformers import CrossEncoder as Library

    library = Library(model, device="cpu").predict([(QUESTION, t) for t in TEXTS])
    assert 1 / (1 + np.exp(-np.array(expected))) == pytest.approx(library.tolist(), abs=1e-5)


def test_the_candidates_are_ordered_anew_and_the_rest_is_dropped(model: str) -> None:
    candidates = Ranking((5, 3, 1, 0, 2, 4), (9.0, 8.0, 7.0, 6.0, 5.0, 4.0))
    stage = CrossEncoder(model=model, depth=4, device="cpu")
    (ranking,) = stage.run([candidates], [chunks_of(TEXTS)], [QUESTION])
    expected = dict(zip(range(6), logits(model, [(QUESTION, t) for t in TEXTS]), strict=True))
    assert ranking.ids == tuple(sorted((5, 3, 1, 0), key=lambda i: (-round(expected[i], 5), i)))
    assert ranking.ids.index(1) + 1 == ranking.ids.index(3), "equal texts tie, and the lower index comes first"
    assert ranking.scores == pytest.approx([expected[i] for i in ranking.ids], abs=1e-5)


def test_no_candidates_and_more_depth_than_there_are(model: str) -> None:
    stage = CrossEncoder(model=model, depth=100, device="cpu")
    found = list(stage.run([Ranking((), ()), Ranking((0,), (1.0,))], [(), chunks_of(["one"])], [QUESTION, QUESTION]))
    assert found[0] == Ranking((), ()) and found[1].ids == (0,)


def test_a_long_passage_is_read_in_windows_to_its_end(model: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    stage = CrossEncoder(model=model, overlap=8, device="cpu")
    (score,) = stage.scores(QUESTION, [LONG])
    ids = tokenizer(LONG, add_special_tokens=False, truncation=False)["input_ids"]
    room = LIMIT - len(tokenizer(QUESTION)["input_ids"]) - 1
    windows = [ids[a : a + room] for a in range(0, len(ids) - 8, room - 8)]
    assert len(windows) > 3 and windows[-1][-1] == ids[-1]
    import torch
    from transformers import AutoModelForSequenceClassification

    net = AutoModelForSequenceClassification.from_pretrained(model).eval()
    asked = tokenizer(QUESTION)["input_ids"]
    expected = []
    for window in windows:
        row = [*asked, *window, tokenizer.sep_token_id]
        kinds = [0] * len(asked) + [1] * (len(window) + 1)
        with torch.no_grad():
            out = net(input_ids=torch.tensor([row]), token_type_ids=torch.tensor([kinds]))
        expected.append(float(out.logits[0, 0]))
    assert score == pytest.approx(max(expected), abs=1e-5)
    assert np.ptp(expected) > 1e-3


def test_a_long_passage_is_refused_or_cut_aloud(model: str) -> None:
    with pytest.raises(UserError, match="1 of 2 passages are longer than the 48 tokens"):
        CrossEncoder(model=model, windows="refuse", device="cpu").scores(QUESTION, ["short", LONG])
    stage = CrossEncoder(model=model, windows="truncate", device="cpu")
    with pytest.warns(UserWarning, match="reads 1 of 2 passages in part"):
        cut = stage.scores(QUESTION, ["short", LONG])
    with pytest.warns(UserWarning):
        assert np.allclose(cut, stage.scores(QUESTION, ["short", LONG + " volcano"]), atol=1e-6)


def test_a_question_that_leaves_no_room(model: str) -> None:
    with pytest.raises(UserError, match="too little is left for passages"):
        CrossEncoder(model=model, device="cpu").scores("why " * 40, ["short"])


def test_identity(model: str, tmp_path: Path) -> None:
    copy = save(classifier(1), tmp_path / "copy")
    assert identity(CrossEncoder(model=copy, batch_tokens=9)) == identity(CrossEncoder(model=model))
    assert identity(CrossEncoder(model=model, depth=9)) != identity(CrossEncoder(model=model))
    refuse = CrossEncoder(model=model, windows="refuse", overlap=1)
    assert identity(refuse) == identity(CrossEncoder(model=model, windows="refuse"))


def test_models_and_settings_that_are_refused(model: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no classifier of one label"):
        CrossEncoder(model=save(classifier(3), tmp_path / "three"), device="cpu").scores(QUESTION, TEXTS)
    with pytest.raises(UserError, match="cannot be loaded from the folder"):
        (tmp_path / "bad").mkdir()
        (tmp_path / "bad" / "config.json").write_text("{}")
        CrossEncoder(model=str(tmp_path / "bad")).scores(QUESTION, TEXTS)
    for wrong in ({"depth": 0}, {"windows": "mean"}, {"overlap": -1}, {"precision": "int4"}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            CrossEncoder(model=model, **wrong)  # type: ignore[arg-type]
