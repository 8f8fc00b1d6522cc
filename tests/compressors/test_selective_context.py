"""Selective Context against the definition computed slowly from the model's own outputs; phrases; what repeats."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors.base import Task, readable, shown
from compressors.selective_context import SelectiveContext, _scored, phrases
from pipeline.core.errors import UserError
from pipeline.core.sentences import split_sentences
from pipeline.core.tokens import tokenizer_named

WORDS = tokenizer_named("words")
TEXT = (
    "The harbour of Orrin Bay was built in 1871. Its lighthouse is kept by Mara Velt, who lives alone. Boats leave at "
    "dawn, and return with the tide. A road leads north to Kesslin. It is closed in winter. Nobody fishes on Sundays."
)


def shortened(method: SelectiveContext, text: str, budget: int) -> list[str]:
    (found,) = method.shorten([Task((text,), "", budget, WORDS)])
    return [shown(text, readable(text, kept.stretches)) for kept in found.kept]


def slow_scores(folder, texts: list[str]) -> list[float]:
    """Mean negative log-likelihood of each text behind the model's begin token, one forward pass and a loop each."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    out = []
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([ids])).logits[0].double()
        nats = [float(logits[i - 1].logsumexp(0) - logits[i - 1, ids[i]]) for i in range(1, len(ids))]
        out.append(math.fsum(nats) / len(nats))
    return out


def test_the_sentences_that_the_model_finds_most_surprising_stay(models):
    sentences = [TEXT[a:b] for a, b in split_sentences(TEXT)]
    scores = slow_scores(models / "reader", sentences)
    order = sorted(range(len(sentences)), key=lambda i: -scores[i])
    for n in (1, 2, 4):
        best = sorted(order[:n])
        budget = sum(WORDS.count(sentences[i]) for i in best)
        method = SelectiveContext(model=str(models / "reader"), units="sentences")
        assert shortened(method, TEXT, budget) == [" ".join(sentences[i] for i in best)]


def test_what_the_model_reads_is_counted(models):
    tokenizer = tokenizer_named(str(models / "reader"))
    (found,) = SelectiveContext(model=str(models / "reader")).shorten([Task((TEXT,), "", 10, WORDS)])
    assert found.read == sum(tokenizer.count(TEXT[a:b]) + 1 for a, b in split_sentences(TEXT))


def test_a_sentence_told_again_is_cheaper_to_guess_only_where_whole_texts_are_read(models):
    again = "The keeper Mara Velt counted 4718 herring crates at Kesslin."
    text = f"{again} Boats leave at dawn, and return with the tide. {again}"
    budget = WORDS.count(again)
    for reads in ("texts", "sentences"):
        method = SelectiveContext(model=str(models / "reader"), units="sentences", reads=reads)
        (found,) = method.shorten([Task((text,), "", budget, WORDS)])
        assert shown(text, found.kept[0].stretches) == again
        assert found.kept[0].stretches[0][0] == 0  # where both score the same, the first one stays


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("The old keeper of the light lives alone.", ["The old keeper", "of the light lives alone."]),
        ("Boats leave at dawn, and return.", ["Boats leave", "at dawn,", "and return."]),
        ("Mara Velt (the keeper) sleeps", ["Mara Velt", "(the keeper)", "sleeps"]),
        ("Oil, rope, lamp-wicks", ["Oil,", "rope,", "lamp-wicks"]),
        ("of the and", ["of the and"]),
        ("... ---", ["... ---"]),
    ],
)
def test_known_phrases(sentence, told):
    assert [sentence[a:b] for a, b in phrases(sentence, 0, len(sentence))] == told


@given(st.text(alphabet=st.sampled_from("ab the,.(中 \n'"), max_size=60))
def test_only_white_space_lies_outside_of_phrases(text):
    found = phrases(text, 0, len(text))
    inside = [i for a, b in found for i in range(a, b)]
    assert inside == sorted(set(inside))
    assert all(text[i].isspace() for i in range(len(text)) if i not in set(inside))


def test_a_token_over_two_units_gives_each_half():
    units = [(0, 3), (4, 8), (9, 10)]
    info = [((0, 3), 2.0), ((3, 6), 1.0), ((5, 9), 6.0), ((2, 6), 3.0)]
    assert _scored(units, info, "sum").tolist() == [2 + 1.5, 1 + 6 + 1.5, 0.0]
    assert _scored(units, info, "mean") == pytest.approx([3.5 / 2, 8.5 / 3, 0.0], abs=1e-4)


@pytest.mark.parametrize("units", ["sentences", "phrases", "tokens"])
@pytest.mark.parametrize("ratio", [2, 4])
def test_the_budget_is_reached(models, units, ratio):
    text = " ".join(TEXT.replace("1871", str(1871 + i)).replace("Mara", f"Mara {'ABCDEFGH'[i]}.") for i in range(8))
    budget = round(WORDS.count(text) / ratio)
    method = SelectiveContext(model=str(models / "reader"), units=units)
    (found,) = shortened(method, text, budget)
    assert (0.9 if units == "tokens" else 0.95) * budget <= WORDS.count(found) <= budget


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"units": "phrase"}, "phrases"), ({"reads": "all"}, "all"), ({"merge": "max"}, "max")],
)
def test_settings_that_cannot_work_are_told(settings, told):
    with pytest.raises(UserError, match=told):
        SelectiveContext(model="m", **settings)
