"""Extraction: which units stay, by each scorer, against scores computed another way."""

from itertools import accumulate

import numpy as np
import pytest

from compressors.base import Task, readable, shown
from compressors.extractive import Extractive, _fused, _smoothed, lexical, units_of
from pipeline.core.errors import UserError
from pipeline.core.spec import identity
from pipeline.core.tokens import minilm_folder, tokenizer_named
from retrievers.analyze import words

WORDS = tokenizer_named("words")
QUESTION = "Who keeps the lighthouse of Orrin Bay?"
SENTENCES = (
    "The chapel bell rings at nine on most days.",
    "A road leads north to Kesslin, and is closed in winter.",
    "The lighthouse of Orrin Bay is kept by Mara Velt.",
    "She lives alone, and writes down every ship.",
    "Boats leave at dawn, and return with the tide.",
    "Nobody mends nets on a Sunday afternoon here.",
)
TEXT = " ".join(SENTENCES)


def kept(method: Extractive, texts, budget: int, question: str = QUESTION) -> list[str]:
    (found,) = method.shorten([Task(tuple(texts), question, budget, WORDS)])
    return [shown(texts[k.index], readable(texts[k.index], k.stretches)) for k in found.kept]


def test_the_sentence_with_the_words_of_the_question_stays():
    assert kept(Extractive(scorer="bm25", context=0), [TEXT], 11) == [SENTENCES[2]]


def test_a_neighbour_carries_a_sentence_that_names_nothing():
    budget = WORDS.count(" ".join(SENTENCES[2:4]))
    alone, carried = (Extractive(scorer="bm25", context=c) for c in (0, 1))
    assert SENTENCES[3] not in kept(alone, [TEXT], budget, "Where is the lighthouse of Orrin Bay in winter?")[0]
    assert SENTENCES[3] in kept(carried, [" ".join(SENTENCES[2:])], budget)[0]


def test_smoothing_is_a_weighted_mean_within_one_text():
    scores = np.array([4.0, 1.0, 1.0, 10.0, 0.0])
    found = _smoothed(scores, [0, 3, 5], 1)
    assert found.tolist() == pytest.approx([4.5 / 1.5, 3.5 / 2, 1.0, 10 / 1.5, 5 / 1.5])
    wide = _smoothed(scores, [0, 5], 2)
    assert wide[2] == pytest.approx((1 + (1 + 10) / 2 + (4 + 0) / 3) / (1 + 2 / 2 + 2 / 3))
    assert _smoothed(scores, [0, 5], 0).tolist() == scores.tolist()


def test_fusion_is_by_reciprocal_ranks_and_a_unit_without_a_word_of_the_question_has_no_rank():
    found = _fused([np.array([0.0, 3.0, 2.0]), np.array([0.9, 0.1, 0.5])])
    assert found.tolist() == pytest.approx([1e4 / 61, 1e4 * (1 / 61 + 1 / 63), 1e4 * (1 / 62 + 1 / 62)])


def test_bm25_by_the_formula():
    """Lucene's, with k1 1.5 and b 0.75, summed by hand over the words that question and unit share."""
    units = ["lamp lamp oil", "lamp", "oil rope", "rope"]
    lengths = [len(words(u)) for u in units]
    average = sum(lengths) / len(units)

    def one(unit: str, size: int) -> float:
        total = 0.0
        for term in ("lamp", "oil"):
            holding = sum(term in u.split() for u in units)
            idf = np.log(1 + (len(units) - holding + 0.5) / (holding + 0.5))
            count = unit.split().count(term)
            total += idf * count / (count + 1.5 * (0.25 + 0.75 * size / average))
        return total

    expected = [one(u, n) for u, n in zip(units, lengths, strict=True)]
    assert lexical(units, "the lamps and oil").tolist() == pytest.approx(expected)


def test_dense_keeps_what_the_library_finds_nearest():
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm_folder()), device="cpu")
    vectors = model.encode([*SENTENCES, QUESTION], normalize_embeddings=True)
    order = np.argsort(-(vectors[:-1] @ vectors[-1]))
    for n in (1, 3):
        best = sorted(order[:n].tolist())
        budget = sum(WORDS.count(SENTENCES[i]) for i in best)
        # Short sentences further down fill what the best leave over; here they leave nothing.
        assert kept(Extractive(scorer="dense", context=0), [TEXT], budget) == [" ".join(SENTENCES[i] for i in best)]


def test_what_the_encoder_reads_is_charged_to_each_task():
    tokenizer = tokenizer_named("minilm")
    tasks = [Task((TEXT,), q, 11, WORDS) for q in (QUESTION, "When do boats leave?")]
    for found, task in zip(Extractive(scorer="dense").shorten(tasks), tasks, strict=True):
        own = [*SENTENCES, task.question]
        assert found.read == sum(tokenizer.count(text) + 2 for text in own)  # [CLS] and [SEP] of each


@pytest.fixture(scope="module")
def pairs_model(tmp_path_factory):
    """A re-ranker with random weights and MiniLM's tokenizer."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("pairs")
    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        num_labels=1, initializer_range=0.5, max_position_embeddings=128,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.model_max_length = 128
    tokenizer.save_pretrained(folder)
    return folder


def test_a_cross_encoder_keeps_what_its_model_scores_highest(pairs_model):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(pairs_model)
    model = AutoModelForSequenceClassification.from_pretrained(pairs_model).eval()
    with torch.inference_mode():
        logits = [float(model(**tokenizer(QUESTION, s, return_tensors="pt")).logits) for s in SENTENCES]
    best = int(np.argmax(logits))
    method = Extractive(scorer="cross_encoder", model=str(pairs_model), context=0)
    (found,) = method.shorten([Task((TEXT,), QUESTION, WORDS.count(SENTENCES[best]), WORDS)])
    assert shown(TEXT, found.kept[0].stretches) == SENTENCES[best]
    assert found.read == sum(len(tokenizer(QUESTION, s)["input_ids"]) for s in SENTENCES)


LONG = "\n\n".join(f"Entry {i}. " + " ".join(SENTENCES[i % 3 :]) + " lamp" * (i % 9) for i in range(40)) + "中文字" * 90


@pytest.mark.parametrize("units", ["sentences", "passages", "words"])
@pytest.mark.parametrize("size", [7, 40, 100])
def test_units_hold_every_character_once_and_are_within_their_size(units, size):
    (row,) = units_of([LONG], WORDS, units, size)
    inside = {i for a, b in row for i in range(a, b)}
    assert sum(b - a for a, b in row) == len(inside)
    assert all(LONG[i].isspace() for i in range(len(LONG)) if i not in inside)
    assert row == sorted(row)
    assert all(WORDS.count(LONG[a:b]) <= size for a, b in row)


@pytest.mark.parametrize("units", ["sentences", "passages", "words"])
@pytest.mark.parametrize("ratio", [2, 4, 8])
def test_the_budget_is_reached_within_five_percent(units, ratio):
    texts = [LONG, TEXT * 3]
    total = sum(WORDS.count(t) for t in texts)
    method = Extractive(scorer="bm25", units=units, size=30)
    (found,) = method.shorten([Task(tuple(texts), QUESTION, total // ratio, WORDS)])
    size = sum(b - a and WORDS.count(texts[k.index][a:b]) for k in found.kept for a, b in k.stretches)
    assert 0.95 * (total // ratio) <= size <= total // ratio


def test_texts_compete_and_keep_their_order():
    texts = [SENTENCES[0], SENTENCES[2], SENTENCES[1]]
    assert kept(Extractive(scorer="bm25"), texts, 11) == [SENTENCES[2]]
    sizes = list(accumulate(WORDS.count(t) for t in texts))
    assert kept(Extractive(scorer="bm25"), texts, sizes[-1]) == texts


def test_the_identity_holds_what_changes_the_result():
    assert identity(Extractive(scorer="bm25")) == identity(Extractive(scorer="bm25", precision="float16", device="cpu"))
    assert identity(Extractive(scorer="dense")) == identity(Extractive(scorer="dense", model="minilm", batch_tokens=99))
    assert identity(Extractive(scorer="dense")) != identity(Extractive(scorer="dense", context=2))
    assert identity(Extractive(scorer="dense")) != identity(Extractive(scorer="hybrid"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"units": "lines"}, "lines"),
        ({"scorer": "bm52"}, "bm25"),
        ({"size": 0}, "size"),
        ({"context": -1}, "context"),
        ({"scorer": "cross_encoder"}, "cross-encoder"),
        ({"scorer": "bm25", "model": "minilm"}, "reads no model"),
    ],
)
def test_settings_that_cannot_work_are_told(settings, told):
    with pytest.raises(UserError, match=told):
        Extractive(**settings)
