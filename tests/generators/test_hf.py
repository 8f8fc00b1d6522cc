"""HF on a tiny Llama made here: greedy as by hand, batches that change nothing, the window, and what cannot load."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt
from pipeline.generators._decode import GumbelDraw, StopTexts, first_stop
from pipeline.generators.base import Call, Sampling
from pipeline.generators.hf import HF

torch = pytest.importorskip("torch")

QUESTIONS = ["Who?", "What is the answer to the question of the reader?", "Where, then?", "a " * 40, "why", "how so"]


def answers(reader: HF, calls: list[Call]) -> list:
    got = dict(reader.generate(calls))
    assert sorted(got) == list(range(len(calls)))
    return [got[i] for i in range(len(calls))]


@pytest.fixture(scope="module")
def reader(tiny_model):
    reader = HF(model=str(tiny_model), batch_size=4, device="cpu")
    yield reader
    reader.close()


def by_hand(folder, text: str, tokens: int):
    """Greedy decoding by the definition: the whole prefix anew for each token, no cache, no batch."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    tokenizer, model = AutoTokenizer.from_pretrained(folder), LlamaForCausalLM.from_pretrained(folder).eval()
    ids = tokenizer(text)["input_ids"]
    answer: list[int] = []
    with torch.no_grad():
        while len(answer) < tokens and (not answer or answer[-1] != tokenizer.eos_token_id):
            logits = model(torch.tensor([ids + answer])).logits[0, -1]
            answer.append(int(logits.argmax()))
    return ids, answer, tokenizer.decode(answer, skip_special_tokens=True)


def test_greedy_is_the_definition_and_what_generate_gives(reader, tiny_model, call):
    from transformers import AutoTokenizer, LlamaForCausalLM

    calls = [call(q, max_tokens=24) for q in QUESTIONS]
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_model), LlamaForCausalLM.from_pretrained(tiny_model)
    for one, completion in zip(calls, answers(reader, calls), strict=True):
        ids, tokens, text = by_hand(tiny_model, one.prompt.text, 24)
        assert completion.text == text
        assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (len(ids), len(tokens))
        out = model.generate(torch.tensor([ids]), max_new_tokens=24, do_sample=False, pad_token_id=1)
        assert tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True) == text


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_an_answer_does_not_depend_on_its_batch(tiny_model, call, temperature):
    calls = [call(q, max_tokens=16, temperature=temperature, top_p=0.9) for q in QUESTIONS]
    one = answers(HF(model=str(tiny_model), batch_size=1, device="cpu"), calls)
    four = answers(HF(model=str(tiny_model), batch_size=4, device="cpu"), calls)
    turned = answers(HF(model=str(tiny_model), batch_size=4, device="cpu"), calls[::-1])[::-1]
    assert [c.text for c in one] == [c.text for c in four] == [c.text for c in turned]
    assert [c.usage for c in one] == [c.usage for c in four]
    assert len({c.text for c in one}) > 3, "the tiny model must not say the same to everything"


def test_a_seed_fixes_what_is_drawn(reader, call):
    def drawn(seed: int) -> list[str]:
        calls = [call(q, max_tokens=16, temperature=1.0, seed=seed) for q in QUESTIONS]
        return [c.text for c in answers(reader, calls)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_mixed_sampling_in_one_run(reader, call):
    calls = [call(q, max_tokens=4 + 4 * (i % 2)) for i, q in enumerate(QUESTIONS)]
    alone = [answers(reader, [c])[0] for c in calls]
    assert [c.text for c in answers(reader, calls)] == [c.text for c in alone]


def test_an_answer_cut_by_max_tokens_is_failed_and_kept(reader, tiny_model, call):
    asked = call("What then?", max_tokens=3)
    [cut] = answers(reader, [asked])
    assert (cut.status, cut.finish, cut.final) == ("failed", "length", True)
    assert cut.text == by_hand(tiny_model, asked.prompt.text, 3)[2]
    assert "cut off at 3 tokens" in cut.error


def test_the_end_token_ends_an_answer(tiny_model, tmp_path, call):
    """The token that greedy decoding gives third is declared the end, so the answer is the two before it."""
    from transformers import GenerationConfig

    asked = call("What then?", max_tokens=8)
    _, tokens, _ = by_hand(tiny_model, asked.prompt.text, 8)
    assert tokens[2] not in tokens[:2]
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    GenerationConfig(eos_token_id=[1, tokens[2]], repetition_penalty=5.0, pad_token_id=1).save_pretrained(folder)
    ended = HF(model=str(folder), device="cpu")
    [completion, _] = answers(ended, [asked, call("a longer question beside it", max_tokens=8)])
    assert (completion.status, completion.finish, completion.usage.completion_tokens) == ("ok", "stop", 3)
    rest = by_hand(tiny_model, asked.prompt.text, 2)[2]
    assert completion.text.startswith(rest)


def test_a_stop_text_ends_an_answer_and_is_left_out(reader, tiny_model, call):
    asked = call("What then?", max_tokens=20)
    _, tokens, text = by_hand(tiny_model, asked.prompt.text, 20)
    stop = text[6:9]
    at = text.index(stop)
    stopped = replace(asked, sampling=replace(asked.sampling, stop=("never in it", stop)))
    [completion] = answers(reader, [stopped])
    assert (completion.status, completion.text) == ("ok", text[:at])
    assert completion.usage.completion_tokens < len(tokens)
    beside = replace(call("a longer question beside it", max_tokens=20), sampling=stopped.sampling)
    assert answers(reader, [beside, stopped])[1].text == completion.text


def test_the_window_is_the_models_and_nothing_is_cut_silently(reader, call):
    assert reader.window == 256
    fits, long = call("x", max_tokens=8), call("reader " * 300, max_tokens=8)
    first, second, third = answers(reader, [fits, long, fits])
    tokens = second.usage.prompt_tokens
    assert tokens > 256 - 8
    assert (second.status, second.text, second.final) == ("failed", "", True)
    assert second.error.startswith(f"prompt of {tokens} tokens does not fit")
    assert first.text == third.text
    assert first.usage.prompt_tokens + 8 <= 256
    edge = replace(fits, sampling=Sampling(max_tokens=256 - first.usage.prompt_tokens))
    assert "does not fit" not in answers(reader, [edge])[0].error
    over = replace(fits, sampling=Sampling(max_tokens=257 - first.usage.prompt_tokens))
    assert "does not fit" in answers(reader, [over])[0].error


def test_tokens_are_counted_by_the_models_own_tokenizer(reader, call):
    asked = call("What then?", max_tokens=2)
    [completion] = answers(reader, [asked])
    assert completion.usage.prompt_tokens == 1 + reader.tokenizer.count(asked.prompt.text)  # <s>


def test_a_chat_template_wraps_the_prompt(tiny_model, tmp_path, call):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    folder = shutil.copytree(tiny_model, tmp_path / "chat")
    tokenizer.save_pretrained(folder)
    asked = call("What then?", max_tokens=6)
    wrapped = f"[user]{asked.prompt.text}[assistant]"
    auto, off = HF(model=str(folder), device="cpu"), HF(model=str(folder), device="cpu", chat=False)
    assert answers(auto, [asked])[0].text == by_hand(tiny_model, wrapped, 6)[2]
    assert answers(off, [asked])[0].text == by_hand(tiny_model, asked.prompt.text, 6)[2]
    with pytest.raises(UserError, match="no chat template"):
        answers(HF(model=str(tiny_model), device="cpu", chat=True), [asked])


def test_identity_is_content_not_place(tiny_model, tmp_path):
    moved = shutil.copytree(tiny_model, tmp_path / "elsewhere")
    here, there = HF(model=str(tiny_model)), HF(model=str(moved), batch_size=1, device="cpu", name="x")
    assert here.identity == there.identity
    assert here.identity != HF(model=str(tiny_model), dtype="bfloat16").identity
    assert here.tokenizer.name == there.tokenizer.name
    (moved / "config.json").write_text((moved / "config.json").read_text().replace("0.4", "0.5"))
    assert HF(model=str(moved)).identity != here.identity


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"model": "/no/such/folder"}, "no revision"),
        ({"model": "somebody/no-such-model", "revision": "abc123"}, "somebody/no-such-model"),
        ({"dtype": "float33"}, "float33"),
        ({"device": "no-such-device"}, "no-such-device"),
        ({"batch_size": 0}, "batch"),
    ],
)
def test_settings_that_cannot_work_are_one_line(tiny_model, call, monkeypatch, settings, found):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError) as caught:
        list(HF(**{"model": str(tiny_model), **settings}).generate([call("q")]))
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_folder_with_broken_weights_is_one_line(tiny_model, tmp_path, call):
    folder = shutil.copytree(tiny_model, tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(UserError, match="cannot be loaded"):
        list(HF(model=str(folder)).generate([call("q")]))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"no tokenizer\.json"):
        _ = HF(model=str(folder)).tokenizer


def test_out_of_memory_halves_the_batch_and_spares_the_rest(tiny_model, call, monkeypatch):
    reader = HF(model=str(tiny_model), batch_size=4, device="cpu")
    calls = [call(q, max_tokens=4) for q in QUESTIONS]
    whole = answers(reader, calls)
    decode, sizes = HF._decode, []

    def cramped(self, batch):
        sizes.append(len(batch))
        if len(batch) > 1 or batch[0][0] == 3:
            raise torch.OutOfMemoryError("no room")
        return decode(self, batch)

    monkeypatch.setattr(HF, "_decode", cramped)
    got = answers(reader, calls)
    assert [c.text for i, c in enumerate(got) if i != 3] == [c.text for i, c in enumerate(whole) if i != 3]
    assert (got[3].status, got[3].final) == ("failed", False)
    assert "out of memory" in got[3].error
    assert max(sizes) == 4


def test_a_prompt_without_its_text_fails(reader):
    [completion] = answers(reader, [Call(Prompt((Part("document", None),)), Sampling(), "q", "lc")])
    assert completion.status == "failed"


def test_gumbel_draws_are_the_softmax():
    """20,000 rows with their own seeds against the probabilities, with and without the nucleus."""
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, -3.0]])
    rows, temperature = 20_000, 0.7
    for top_p in (1.0, 0.9):
        p = (logits[0].double() / temperature).softmax(-1)
        before = p.cumsum(-1) - p  # the logits fall already
        p = torch.where(before < top_p, p, 0.0)
        p /= p.sum()
        drawn = GumbelDraw(range(rows), temperature, top_p)(None, logits.expand(rows, -1)).argmax(-1)
        share = torch.bincount(drawn, minlength=5) / rows
        assert torch.allclose(share.double(), p, atol=4 * (0.25 / rows) ** 0.5)
        assert ((share == 0) == (p == 0))[:4].all()


def test_top_p_of_zero_keeps_the_best_token():
    logits = torch.tensor([[0.0, 3.0, 1.0]]).expand(50, -1)
    assert (GumbelDraw(range(50), 1.0, 0.0)(None, logits).argmax(-1) == 1).all()


def test_stop_texts_end_each_row_by_itself():
    stops = StopTexts(lambda t: "".join(chr(int(x)) for x in t), 1, ("b", "cd"), 3)
    assert stops(torch.tensor([[0, 97], [0, 98], [0, 99]]), None).tolist() == [False, True, False]
    assert stops(torch.tensor([[0, 97, 97], [0, 98, 97], [0, 99, 100]]), None).tolist() == [False, True, True]
    assert stops.lengths == [None, 1, 2]
    assert first_stop("acdb", ("b", "cd", "")) == 1
    assert first_stop("acdb", ("x",)) is None
