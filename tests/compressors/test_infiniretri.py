"""InfiniRetri: what is carried from window to window, and that no pass is longer for a longer text."""

import re
from itertools import pairwise

import numpy as np
import pytest

from compressors._causal import scorer
from compressors.base import Task, readable, shown
from compressors.infiniretri import InfiniRetri
from pipeline.core.errors import UserError
from pipeline.core.sentences import split_sentences
from pipeline.core.tokens import tokenizer_named

torch = pytest.importorskip("torch")
WORDS = tokenizer_named("words")
QUESTION = "Where is the beacon?"


@pytest.fixture(scope="session")
def matching(models):
    """A folder with a model of two layers in which tokens attend to those that are the same, wherever they stand."""
    import transformers

    folder = models / "matching-model"
    if not folder.is_dir():
        torch.manual_seed(5)
        config = transformers.GPT2Config(
            vocab_size=8192, n_embd=64, n_head=1, n_layer=2, n_positions=4096, pad_token_id=0, bos_token_id=1,
            eos_token_id=2,
        )  # fmt: skip
        model = transformers.GPT2LMHeadModel(config)
        with torch.no_grad():
            model.transformer.wpe.weight.zero_()
            model.transformer.wte.weight.normal_()
            for block in model.transformer.h:
                block.attn.c_attn.weight.copy_(torch.cat([torch.eye(64)] * 3, dim=1))
                block.attn.c_attn.bias.zero_()
                for layer in (block.attn.c_proj, block.mlp.c_proj):  # what a block adds is nothing
                    layer.weight.zero_()
                    layer.bias.zero_()
        model.save_pretrained(folder)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            (folder / file).write_bytes((models / "reader" / file).read_bytes())
    return folder


def passes(folder, work):
    """The tokens of each pass that `work` makes the model read."""
    lengths = []
    one = scorer(str(folder), device="cpu")
    hook = one._loaded.body.register_forward_pre_hook(
        lambda module, args, kwargs: lengths.extend(kwargs["input_ids"].tolist()), with_kwargs=True
    )
    try:
        result = work()
    finally:
        hook.remove()
    return lengths, result


def shortened(method, texts, budget, question=QUESTION):
    (found,) = method.shorten([Task(tuple(texts), question, budget, WORDS)])
    return found


def told(texts, found):
    return [shown(texts[kept.index], readable(texts[kept.index], kept.stretches)) for kept in found.kept]


def boats(count, place=None, sentence="There a beacon burned."):
    lines = [f"Boats number {100 + i} leave at dawn." for i in range(count)]
    if place is not None:
        lines[place] = sentence
    return " ".join(lines)


@pytest.mark.parametrize("place", [0, 9, 20, 31, 39])
def test_a_sentence_that_answers_survives_from_any_segment(place, matching):
    text = boats(40, place)
    method = InfiniRetri(model=str(matching), window=64, keep=6, held=40, phrase=3)
    lengths, found = passes(matching, lambda: shortened(method, [text], 5))
    assert len(lengths) > 6
    assert told([text], found) == ["There a beacon burned."]


def test_no_pass_is_longer_for_a_longer_text_and_all_are_in_order(matching):
    one = scorer(str(matching), device="cpu")
    tokenizer = tokenizer_named(str(matching))
    longest = []
    for count in (30, 60, 240):
        method = InfiniRetri(model=str(matching), window=100, keep=12, held=70)
        text = boats(count, count // 3)
        lengths, found = passes(matching, lambda method=method, text=text: shortened(method, [text], 30))
        longest.append(max(map(len, lengths)))
        assert found.read == sum(map(len, lengths))
        assert longest[-1] <= len(one.begin) + 70 + 100 + len(method.asked(one, QUESTION).ids)
        for ids in lengths:
            numbers = [int(n) for n in re.findall(r"number (\d+)", tokenizer._rust.decode(ids))]
            assert numbers == sorted(numbers)
    assert abs(longest[1] - longest[2]) < 15  # a sentence


def test_what_is_held_has_a_bound_and_each_sentence_is_read_once_anew(matching):
    method = InfiniRetri(model=str(matching), window=64, keep=300, held=50)
    text = boats(50)
    attending = method.attending
    from compressors._attention import Encoded

    one = Encoded(*attending.scorer.encode(text))
    stream = method._stream(attending.scorer, Task((text,), QUESTION, 9, WORDS), [one])
    new = []
    while stream.left:
        before = set(stream.held)
        row = stream.row()
        new += sorted(set(stream._now) - before)
        assert before <= set(stream._now)
        assert stream._now == sorted(stream._now)
        assert list(row.ids[row.start : row.end]) == [t for i in stream._now for t in stream._sentences[i].ids]
        stream.take(attending.read([row], "softmax")[0].astype(np.float64))
        assert set(stream.held) <= set(stream._now)
        assert 0 < sum(len(stream._sentences[i].ids) for i in stream.held) <= 50
    assert new == list(range(50))
    assert [t for s in stream._sentences for t in s.ids] == one.ids


@pytest.mark.parametrize(("keep", "phrase"), [(1, 8), (5, 1), (7, 4), (12, 5)])
def test_one_window_is_the_papers_rule_on_the_models_own_attention(keep, phrase, models):
    """The rule again with torch's convolution, on the attention that the library's slow implementation gives."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = models / "reader"
    text = boats(14, 6, "There a beacon burned near Kell.") + " Its keeper sleeps by day. Nobody fishes on Sundays."
    method = InfiniRetri(model=str(folder), keep=keep, phrase=phrase, device="cpu")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    encoding = tokenizer(text, return_offsets_mapping=True)
    context = encoding["input_ids"]
    behind = tokenizer(method.ask.format(question=QUESTION), add_special_tokens=False, return_offsets_mapping=True)
    first = method.ask.index("{")
    own = [
        len(context) + i for i, (a, b) in enumerate(behind["offset_mapping"]) if b > first and a < first + len(QUESTION)
    ]
    with torch.inference_mode():
        weights = model(torch.tensor([[*context, *behind["input_ids"]]]), output_attentions=True).attentions[-1][0]
    given = weights[:, own].sum((0, 1))[1 : len(context)]
    summed = torch.nn.functional.conv1d(given[None, None], torch.ones(1, 1, phrase), padding=phrase // 2)
    best = summed[0, 0, : len(given)].topk(keep).indices.tolist()
    offsets = encoding["offset_mapping"][1:]
    sentences = split_sentences(text)
    expected = {max(n for n, (start, _) in enumerate(sentences) if start < offsets[i][1]) for i in best}
    (kept,) = told([text], shortened(method, [text], sum(WORDS.count(text[slice(*sentences[n])]) for n in expected)))
    assert kept == " ".join(text[slice(*sentences[n])] for n in sorted(expected))


def test_room_that_is_left_is_filled_with_the_best_that_was_forgotten(matching):
    text = boats(40, 3, "Old beacon beacon.")
    text = text.replace("Boats number 135 leave at dawn.", "Another beacon stands.")
    method = InfiniRetri(model=str(matching), window=64, keep=1, held=20, phrase=1)
    (found,) = told([text], shortened(method, [text], WORDS.count(text) // 4))
    assert "Old beacon beacon." in found
    assert "Another beacon stands." in found
    assert WORDS.count(text) // 4 - 7 < WORDS.count(found) <= WORDS.count(text) // 4


def test_several_texts_are_one_stream(matching):
    texts = [boats(9), "", boats(9, 4), boats(3)]
    method = InfiniRetri(model=str(matching), window=50, keep=5, held=30, phrase=2)
    found = shortened(method, texts, 5)
    assert [kept.index for kept in found.kept] == [2]
    assert told(texts, found) == ["There a beacon burned."]
    more = shortened(method, texts, 60)
    assert [kept.index for kept in more.kept] == sorted(kept.index for kept in more.kept)
    for kept in more.kept:
        assert all(a[1] < b[0] for a, b in pairwise(kept.stretches))


def test_a_model_of_few_positions_is_never_given_more(causal):
    folder = causal("gpt2", 64)
    method = InfiniRetri(model=str(folder), device="cpu")
    for question in (QUESTION, QUESTION * 30, ""):
        lengths, found = passes(folder, lambda q=question: shortened(method, [boats(30) + "x" * 300], 20, q))
        assert max(map(len, lengths)) <= 64
        assert len(lengths) > 4
        assert WORDS.count(told([boats(30) + "x" * 300], found)[0]) <= 20


def test_tasks_do_not_change_each_other(matching):
    method = InfiniRetri(model=str(matching), window=64, keep=6, held=40)
    tasks = [Task((boats(n, place),), QUESTION, 12, WORDS) for n, place in ((40, 7), (3, 1), (25, 20), (40, 7))]
    together = list(method.shorten(tasks))
    assert together == [next(iter(method.shorten([task]))) for task in tasks]


@pytest.mark.parametrize("place", [2, 50, 97])
def test_a_needle_is_found_with_the_reader_that_ships(place, models):
    towns = ("Kesslin", "Dorva", "Ammel", "Thirsk", "Vane", "Ostry", "Pell")
    lines = [f"In {towns[i % 7]} the price of wool rose to {17 + i * 37 % 90} marks in week {i}." for i in range(100)]
    lines[place] = "The secret word of the harbour master Joren Halle is 'marigold'."
    text = " ".join(lines)
    method = InfiniRetri(model=str(models / "reader"), window=512, keep=40)
    question = "What is the secret word of the harbour master Joren Halle?"
    lengths, found = passes(models / "reader", lambda: shortened(method, [text], WORDS.count(text) // 16, question))
    assert len(lengths) > 2
    assert lines[place] in told([text], found)[0]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [({"window": 0}, "window"), ({"keep": 0}, "keep"), ({"phrase": 0}, "phrase"), ({"held": -1}, "held")],
)
def test_settings_that_cannot_work_are_told(settings, complaint):
    with pytest.raises(UserError, match=complaint):
        InfiniRetri(model="m", **settings)
