"""Cartridges: of all tokens the document itself, of two both, what is refused, the files of the release."""

from __future__ import annotations

import dataclasses
import shutil
from collections import OrderedDict
from pathlib import Path

import pytest

from compressors.soft_cartridge import Cartridge, Prefix, Told, cache_of, from_release
from compressors.soft_cartridge_make import untrained
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, Span, digest
from pipeline.core.spec import digest_model
from pipeline.generators._decode import GumbelDraw, seed_of
from pipeline.generators.base import Call, Sampling
from pipeline.generators.hf import HF

torch = pytest.importorskip("torch")

DOCUMENT = "The harbour of Orrin Bay was built in 1871, and its lighthouse is kept by Mara Velt, who lives alone. " * 3
OTHER = "A road leads north to Kesslin. It is closed in winter, and nobody fishes on Sundays. " * 2
HEADS, SIZE, LAYERS = 2, 8, 2


def call(question: str, *documents: str, **sampling) -> Call:
    parts = [Part("instruction", "Answer from the text.\n\n")]
    for i, text in enumerate(documents):
        parts += [Part("label", f"\n\n# Text {i}\n\n"), Part("document", text, Span(f"d{i}", 0, len(text)))]
    parts += [Part("label", "\n\n"), Part("question", f"Question: {question}\n"), Part("answer", "Answer:")]
    return Call(Prompt(tuple(parts)), Sampling(**{"max_tokens": 8, **sampling}), question, "lc")


def answers(reader: HF, *calls: Call):
    got = dict(reader.generate(calls))
    return [got[i] for i in range(len(calls))]


@pytest.fixture
def folder(causal):
    """A Llama with random weights, two key/value heads for four, and the tokenizer that ships."""
    return causal("llama", 512)


@pytest.fixture
def model(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval().requires_grad_(False)


@pytest.fixture
def tokenizer(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def tokens_of(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.fixture
def whole(model, tokenizer):
    """Of a text, the prefix of all its tokens behind the opening one."""

    def make(text: str, slots: int = 10_000, *, begin=(1,)) -> Prefix:
        prefix = untrained(model, tokens_of(tokenizer, text), slots, begin=begin)
        return dataclasses.replace(prefix, told=prefix.told._replace(text=digest(text)))

    return make


@pytest.fixture
def saved(whole, tmp_path):
    """A folder of prefixes by their text: `saved(DOCUMENT, slots=...)`."""

    def save(*texts: str, slots: int = 10_000) -> Path:
        place = tmp_path / "cartridges"
        place.mkdir(exist_ok=True)
        for text in texts:
            whole(text, slots).save(place / f"{digest(text)}.safetensors")
        return place

    return save


def dense(model, tokens: list[int], steps: int = 8) -> list[int]:
    """Greedy decoding by the definition: everything anew for each token."""
    answer: list[int] = []
    while len(answer) < steps and (not answer or answer[-1] != 2):
        answer.append(int(model(torch.tensor([tokens + answer])).logits[0, -1].argmax()))
    return answer


# -- the law ----------------------------------------------------------------------------------------------------------


def test_the_prefix_of_all_tokens_is_the_document(model, tokenizer, whole):
    document, rest = tokens_of(tokenizer, DOCUMENT), tokens_of(tokenizer, "\n\nQuestion: Who keeps it?\nAnswer:")
    prefix = whole(DOCUMENT)
    assert len(prefix) == 1 + len(document)
    assert prefix.keys[0].shape == (HEADS, len(prefix), SIZE)
    read = model(torch.tensor([rest]), past_key_values=cache_of([prefix]), use_cache=True).logits[0]
    plain = model(torch.tensor([[1, *document, *rest]])).logits[0, -len(rest) :]
    assert torch.allclose(read, plain, atol=1e-5)


def test_the_reader_answers_as_from_the_text_put_first(folder, model, tokenizer, saved):
    """Documents first, then all else in its order; the opening token once."""
    ways = [{}, {"temperature": 1.0, "top_p": 0.9, "seed": 3}, {"stop": ("e",)}]
    greedy, drawn, stopped = calls = [call("Who keeps it?", DOCUMENT, **way) for way in ways]
    found = answers(HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(saved(DOCUMENT)))), *calls)
    before, behind = greedy.prompt.text.split(DOCUMENT)
    order = [1, *(t for text in (DOCUMENT, before, behind) for t in tokens_of(tokenizer, text))]
    assert {one.usage.prompt_tokens for one in found} == {len(order)}
    text = tokenizer.decode(dense(model, order), skip_special_tokens=True)
    assert found[0].text == text
    assert "e" in text, "or the stop text is not tried"
    assert found[2].text == text[: text.index("e")]
    assert stopped.sampling.stop == ("e",)
    out = model.generate(
        torch.tensor([order]),
        max_new_tokens=8,
        do_sample=False,
        logits_processor=[GumbelDraw([seed_of(drawn)], 1.0, 0.9)],
    )
    assert found[1].text == tokenizer.decode(out[0, len(order) :], skip_special_tokens=True) != text


def test_two_prefixes_are_one_behind_the_other(folder, model, tokenizer, saved, whole):
    place = saved(DOCUMENT, OTHER, slots=20)
    reader = HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(place)))
    one, both, turned = call("Who?", DOCUMENT), call("Who?", DOCUMENT, OTHER), call("Who?", OTHER, DOCUMENT)
    first, second, third = answers(reader, one, both, turned)
    labels = len(tokens_of(tokenizer, "\n\n# Text 1\n\n"))
    assert second.usage.prompt_tokens == first.usage.prompt_tokens + 20 + labels
    a, b = whole(DOCUMENT, 20), whole(OTHER, 20)
    cache = cache_of([a, b])
    assert cache.get_seq_length() == 40
    assert torch.equal(cache.layers[1].keys[0], torch.cat((a.keys[1], b.keys[1]), dim=1))
    assert torch.equal(cache.layers[0].values[0, :, 20:], b.values[0])
    assert third.usage.prompt_tokens == second.usage.prompt_tokens
    made = [(use.made, use.remembered) for _, use in reader.kv_uses]
    assert made == [(1, 0), (1, 1), (0, 2)]


def test_what_is_recorded(folder, saved):
    reader = HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(saved(DOCUMENT, slots=16))))
    plain = HF(model=str(folder), device="cpu")
    asked = [call("Who?", DOCUMENT), call("Alone?")]
    [soft, alone], [full, bare] = answers(reader, *asked), answers(plain, *asked)
    assert (alone.text, alone.usage) == (bare.text, bare.usage), "a prompt without a document is read as it is"
    (_, use), _ = reader.kv_uses
    entry = 2 * LAYERS * HEADS * SIZE * 4
    assert use.tokens == full.usage.prompt_tokens
    assert use.dense_bytes == entry * use.tokens
    assert use.kept_bytes == entry * soft.usage.prompt_tokens == entry * (use.tokens - use.context + 16 - 1)
    assert use.peak_bytes == use.kept_bytes + entry * 16
    assert 0 < use.compress_seconds + use.prefill_seconds + use.decode_seconds <= soft.seconds
    assert reader.kv_use()["policy"] == "Cartridge"
    assert reader.window is None


def test_the_window_counts_slots(folder, saved):
    """A text of any length fits as its prefix; what does not fit is told in positions."""
    text = DOCUMENT * 20
    reader = HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(saved(text, slots=12))))
    [fits], [over] = answers(reader, call("Who?", text)), answers(reader, call("Who? " * 400, text))
    assert "does not fit" not in fits.error
    assert fits.usage.prompt_tokens < 60
    assert over.error.startswith(f"prompt of {over.usage.prompt_tokens} tokens does not fit: window 512")


def test_only_so_many_prefixes_stay_at_hand(model, whole, tmp_path):
    texts = [f"{DOCUMENT} {i}" for i in range(3)]
    files = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for text, file in zip(texts, files, strict=True):
        whole(text, 4).save(file)
    by = Cartridge(folder=str(tmp_path), held=2)
    loaded = [by.prefixes(model, some)[1] for some in (files[:1], files[:2], files[1:], files[:1], files[:0], files)]
    assert loaded == [1, 1, 1, 1, 0, 1]


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_file_is_found_by_its_text_or_by_the_documents_id(folder, whole, tmp_path):
    by_text, by_id = tmp_path / "text", tmp_path / "id"
    for place, name in ((by_text, digest(DOCUMENT)), (by_id, "d0")):
        place.mkdir()
        whole(DOCUMENT, 8).save(place / f"{name}.safetensors")
    readers = [HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(p))) for p in (by_text, by_id)]
    first, second = (answers(reader, call("Who?", DOCUMENT))[0] for reader in readers)
    assert (first.text, first.usage) == (second.text, second.usage)


def test_a_prefix_comes_back_from_its_file(whole, tmp_path):
    prefix = whole(DOCUMENT, 9)
    prefix.save(tmp_path / "a.safetensors")
    back = Prefix.load(tmp_path / "a.safetensors")
    assert back.told == prefix.told == Told(1, (1,), digest(DOCUMENT), "")
    for ours, theirs in zip((*back.keys, *back.values), (*prefix.keys, *prefix.values), strict=True):
        assert torch.equal(ours, theirs)


def test_identity_is_the_prefixes_content(folder, saved, tmp_path):
    place = saved(DOCUMENT)
    moved = shutil.copytree(place, tmp_path / "elsewhere")
    here = HF(model=str(folder), soft=Cartridge(folder=str(place)))
    assert here.identity == HF(model=str(folder), soft=Cartridge(folder=str(moved), held=1, reserve=3)).identity
    saved(OTHER)
    assert HF(model=str(folder), soft=Cartridge(folder=str(place))).identity != here.identity
    with pytest.raises(UserError, match="no folder"):
        _ = HF(model=str(folder), soft=Cartridge(folder=str(tmp_path / "absent"))).identity


def test_a_document_without_a_prefix_is_one_line_that_names_it(folder, saved):
    reader = HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(saved(DOCUMENT))))
    with pytest.raises(UserError, match="no prefix of document 'd1'") as caught:
        answers(reader, call("Who?", DOCUMENT, OTHER))
    assert "\n" not in str(caught.value)
    passage = Prompt((Part("passage", DOCUMENT[:50], Span("d0", 0, 50)), Part("answer", "\nAnswer:")))
    with pytest.raises(UserError, match="no prefix of passage 'd0'"):
        answers(reader, Call(passage, Sampling(max_tokens=2), "q", "rag"))
    compressed = Prompt((Part("document", DOCUMENT[:50], spans=(Span("d0", 0, 50),)), Part("answer", "\nAnswer:")))
    with pytest.raises(UserError, match="no prefix of document 'd0'"):
        answers(reader, Call(compressed, Sampling(max_tokens=2), "q", "lc"))
    bare = Prompt((Part("document", DOCUMENT, Span("d0", 0, len(DOCUMENT))),))
    with pytest.raises(UserError, match="nothing but documents"):
        answers(reader, Call(bare, Sampling(max_tokens=2), "q", "lc"))


def test_a_prefix_of_another_text_or_another_model_is_refused(folder, model, whole, tmp_path):
    def reading(prefix: Prefix) -> str:
        prefix.save(tmp_path / "d0.safetensors")
        reader = HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(tmp_path)))
        with pytest.raises(UserError) as caught:
            answers(reader, call("Who?", DOCUMENT))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    prefix = whole(DOCUMENT, 6)
    assert "made of another text" in reading(whole(OTHER, 6))
    half = dataclasses.replace(prefix, keys=prefix.keys[:1], values=prefix.values[:1])
    assert "(1, 2, 8), the model (2, 2, 8)" in reading(half)
    assert "made for another model" in reading(
        dataclasses.replace(prefix, told=prefix.told._replace(model=digest("another")))
    )
    good = dataclasses.replace(prefix, told=prefix.told._replace(model=digest_model(str(folder))))
    good.save(tmp_path / "d0.safetensors")
    assert answers(HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(tmp_path))), call("Who?", DOCUMENT))


def test_a_file_that_is_no_prefix_is_one_line(folder, model, tmp_path):
    from safetensors.torch import save_file

    file = tmp_path / "d0.safetensors"
    reader = HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(tmp_path)))
    shape, odd = torch.zeros(HEADS, 3, SIZE), torch.zeros(HEADS, 4, SIZE)
    save_file({"other": torch.zeros(3)}, file)
    with pytest.raises(UserError, match=r"d0\.safetensors"):
        answers(reader, call("Who?", DOCUMENT))
    save_file({f"{k}.{i}": (odd if k == "values" else shape).clone() for k in ("keys", "values") for i in (0, 1)}, file)
    with pytest.raises(UserError, match="does not hold keys"):
        answers(reader, call("Who?", DOCUMENT))
    file.write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read"):
        answers(reader, call("Who?", DOCUMENT))


def test_a_model_with_a_sliding_window_is_refused(saved):
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, layer_types=["sliding_attention", "full_attention"],
    )  # fmt: skip
    by = Cartridge(folder=str(saved(DOCUMENT)))
    with pytest.raises(UserError, match="sliding_attention"):
        by.plan(Gemma3ForCausalLM(config), call("Who?", DOCUMENT).prompt, [], [])


# -- the authors' files -----------------------------------------------------------------------------------------------


def released(prefix: Prefix, file: Path, *, frozen: int, **more) -> Path:
    """As public copies of the authors' code save it: four parameter lists of (1, K, P, E) tensors."""
    parameters = torch.nn.ParameterList

    def part(kind, span):
        return parameters([torch.nn.Parameter(layer[None, :, span].clone()) for layer in kind])

    state = {}
    for name, span in (("frozen", slice(0, frozen)), ("trainable", slice(frozen, None))):
        for kind in ("keys", "values"):
            state[f"{name}_{kind}"] = part(getattr(prefix, kind), span) if span.stop != 0 else parameters()
    torch.save(state | more, file)
    return file


@pytest.mark.parametrize("frozen", [0, 1, 3])
def test_a_released_cartridge_is_read_without_running_it(whole, tmp_path, frozen):
    prefix = whole(DOCUMENT, 9)
    more = {"segment_info": [(0, frozen, True)], "freeze_ranges": [(0, frozen)], "more": OrderedDict()}
    back = from_release(released(prefix, tmp_path / "c.pt", frozen=frozen, **more), prefix.told)
    assert back.told == prefix.told._replace(frozen=frozen)
    for ours, theirs in zip((*back.keys, *back.values), (*prefix.keys, *prefix.values), strict=True):
        assert torch.equal(ours, theirs)
    back.save(tmp_path / "c.safetensors")


class Evil:
    def __reduce__(self):
        return (print, ("this ran",))


def test_a_file_that_would_run_code_is_refused(whole, tmp_path, capsys):
    file = released(whole(DOCUMENT, 5), tmp_path / "c.pt", frozen=1, more=Evil())
    with pytest.raises(UserError, match="no cartridge of the authors' release") as caught:
        from_release(file)
    assert "this ran" not in capsys.readouterr().out
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no cartridge"):
        from_release(tmp_path / "absent.pt")
