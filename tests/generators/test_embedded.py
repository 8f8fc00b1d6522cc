"""Embedded on a tiny Llama made here: the model's one prompt form, a document read once, what is refused.

Tests of the shipped weights are skipped by name where the folder does not hold them yet.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, Span
from pipeline.generators.base import Call, Sampling
from pipeline.generators.embedded import FOLDER, Embedded, document_of
from pipeline.prompts import answer_alone, answer_from, gap, labelled, summarise_passages

torch = pytest.importorskip("torch")

shipped = pytest.mark.skipif(not (FOLDER / "model.safetensors").is_file(), reason="the shipped weights are not there")
LAMP = "The lamp burned whale oil. The keeper was paid in spring."
SHEEP = "Sheep graze on the hill of the reader."
QUESTIONS = ["What did the lamp burn?", "Who?", "When was the keeper paid in the text of a document?", "Why so?"]


def asked(question: str, *texts: str, position: str = "last", **sampling) -> Call:
    parts: list[Part] = []
    for number, text in enumerate(texts, start=1):
        if parts:
            parts.append(gap())
        parts += [labelled(number, "Title", "Part"), Part("passage", text, Span("d", 0, len(text)))]
    prompt = answer_from(parts, question, position=position) if texts else answer_alone(question)
    return Call(prompt, Sampling(**{"max_tokens": 12, **sampling}), question, "lc")


def answers(reader: Embedded, calls: list[Call]) -> list:
    got = dict(reader.generate(calls))
    return [replace(got[i], seconds=0.0) for i in range(len(calls))]


@pytest.fixture(scope="module")
def reader(tiny_model):
    return Embedded(folder=str(tiny_model), precision="float32", device="cpu")


@pytest.fixture
def calls() -> list[Call]:
    return [asked(q, text) for text in (LAMP, SHEEP) for q in QUESTIONS] + [asked(q) for q in QUESTIONS]


def test_the_prompt_is_the_form_of_the_training(reader, tiny_model):
    """Greedy by the definition, with transformers, from the text that the model card states."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    tokenizer, model = AutoTokenizer.from_pretrained(tiny_model), LlamaForCausalLM.from_pretrained(tiny_model).eval()
    forms = {
        asked("Who?", LAMP): f"[1] Title — Part\n{LAMP}\n\nQuestion: Who?\nAnswer:",
        asked("Who?", LAMP, SHEEP): f"[1] Title — Part\n{LAMP}\n\n[2] Title — Part\n{SHEEP}\n\nQuestion: Who?\nAnswer:",
        asked("Who?"): "Question: Who?\nAnswer:",
    }
    for call, form in forms.items():
        ids = tokenizer(form)["input_ids"]
        before, after = reader._encode(document_of(call.prompt), "Who?")
        assert tokenizer.decode(before + after) == tokenizer.decode(ids)
        made: list[int] = []
        with torch.no_grad():
            while len(made) < 12 and (not made or made[-1] != tokenizer.eos_token_id):
                made.append(int(model(torch.tensor([before + after + made])).logits[0, -1].argmax()))
        [completion] = answers(reader, [call])
        text = tokenizer.decode(made, skip_special_tokens=True)
        assert completion.text == text.split("\n")[0].strip()
        assert completion.usage.prompt_tokens == len(before + after)


def test_instructions_are_left_out_and_the_question_stands_last():
    parts = [Part("document", f"\n{LAMP}\n\n", Span("d", 0, len(LAMP)))]
    for position in ("first", "last", "both"):
        prompt = answer_from(parts, "Who?", position=position)
        assert document_of(prompt) == LAMP
    assert document_of(answer_alone("Who?")) == ""
    trailing = Prompt((Part("document", LAMP), Part("label", "\n\nQuestion: "), Part("question", "Who?")))
    assert document_of(trailing) == LAMP


def test_a_documents_calls_have_it_read_once(reader, calls, monkeypatch):
    alone = [answers(replace(reader), [call])[0] for call in calls]
    assert len({c.text for c in alone}) > 5, "the tiny model must not say the same to everything"
    read: list[int] = []
    fresh = replace(reader)
    original = type(fresh._ready.model).read

    def counted(self, tokens, memory, **room):
        read.append(len(tokens))
        return original(self, tokens, memory, **room)

    monkeypatch.setattr(type(fresh._ready.model), "read", counted)
    assert answers(fresh, calls) == alone
    sizes = [len(fresh._encode(document_of(call.prompt), "")[0]) for call in (calls[0], calls[4])]
    assert [read.count(size) for size in sizes] == [1, 1], "8 calls, 2 documents"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_logits_are_the_same_bits_with_and_without_what_is_remembered(reader, precision):
    model = replace(reader, precision=precision)._ready.model
    document, first, second = list(range(5, 90)), [7, 8, 9], [11, 12]
    fresh, used = model.memory(), model.memory()
    model.read(document, fresh, room=100)
    want = [model.read(second, fresh), model.read([4], fresh)]
    model.read(document, used, room=300)
    model.read(first, used)
    model.read([5], used)
    used.length = len(document)
    got = [model.read(second, used), model.read([4], used)]
    assert all(torch.equal(a, b) for a, b in zip(want, got, strict=True))


def test_logits_are_those_of_transformers(reader, tiny_model):
    from transformers import LlamaForCausalLM

    tokens = [(7 * i) % 250 + 2 for i in range(200)]
    with torch.no_grad():
        want = LlamaForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()(torch.tensor([tokens])).logits
    for precision, error in (("float32", 1e-4), ("bfloat16", 0.2)):
        model = replace(reader, precision=precision)._ready.model
        memory = model.memory()
        for start, end in ((0, 120), (120, 199), (199, 200)):
            got = model.read(tokens[start:end], memory)
            assert torch.allclose(got, want[0, end - 1], atol=error * float(want.abs().max()))
        assert memory.length == 200


def test_every_call_is_charged_its_document_in_full(reader):
    used = replace(reader)
    done = [c for _, c in used.generate([asked("Who?", "the reader answers " * 30, max_tokens=1) for _ in range(3)])]
    assert all(c.seconds > used._last[""].seconds > 0 for c in done)
    assert [c.usage for c in done] == [done[0].usage] * 3
    assert done[0].usage.prompt_tokens > 60
    assert done[0].usage.cached_tokens == 0


def test_an_answer_ends_at_its_line_or_at_a_stop_text(reader, tiny_model, tmp_path):
    call = asked("What then?", LAMP, max_tokens=20)
    [whole] = answers(reader, [call])
    stop = whole.text[2:5]
    [cut] = answers(reader, [replace(call, sampling=replace(call.sampling, stop=("never in it", stop)))])
    assert (cut.status, cut.text) == ("ok", whole.text[: whole.text.index(stop)].strip())
    assert cut.usage.completion_tokens < 20


def test_an_answer_cut_by_max_tokens_is_failed_and_kept(reader):
    [cut] = answers(reader, [asked("What then?", LAMP, max_tokens=3)])
    assert (cut.status, cut.finish, cut.final, cut.usage.completion_tokens) == ("failed", "length", True, 3)
    assert cut.text
    assert "cut off at 3 tokens" in cut.error


def test_the_end_token_ends_an_answer(reader, tiny_model, tmp_path):
    call = asked("What then?", LAMP, max_tokens=8)
    before, after = reader._encode(document_of(call.prompt), call.question)
    memory = reader._ready.model.memory()
    first = int(reader._ready.model.read([*before, *after], memory).argmax())
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"eos_token_id": 1', f'"eos_token_id": [1, {first}]'))
    [completion] = answers(replace(reader, folder=str(folder)), [call])
    assert (completion.status, completion.text, completion.usage.completion_tokens) == ("ok", "", 1)


def test_a_seed_fixes_what_is_drawn(reader):
    def drawn(seed: int) -> list[str]:
        return [c.text for c in answers(reader, [asked(q, LAMP, temperature=1.0, seed=seed) for q in QUESTIONS])]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_the_window_is_the_models_and_nothing_is_cut_silently(reader):
    assert reader.window == 256
    fits, long = asked("Who?", LAMP), asked("Who?", "reader " * 300)
    first, second, third = answers(reader, [fits, long, fits])
    assert (second.status, second.text, second.final) == ("failed", "", True)
    assert second.error.startswith(f"prompt of {second.usage.prompt_tokens} tokens does not fit")
    assert first == third
    edge = replace(fits, sampling=Sampling(max_tokens=256 - first.usage.prompt_tokens))
    assert "does not fit" not in answers(reader, [edge])[0].error


def test_a_prompt_it_cannot_read_is_failed(reader):
    parts = [Part("passage", LAMP, Span("d", 0, len(LAMP)))]
    [summary] = answers(reader, [Call(summarise_passages(parts, 50), Sampling(), "q", "raptor")])
    assert summary.status == "failed"
    assert "follows instructions" in summary.error


def test_identity_is_content_and_precision_not_place_or_device(reader, tiny_model, tmp_path):
    copied = shutil.copytree(tiny_model, tmp_path / "elsewhere")
    assert replace(reader, folder=str(copied), device="").identity == reader.identity
    assert replace(reader, precision="auto").identity != reader.identity
    with (copied / "config.json").open("a") as config:
        config.write("\n")
    assert replace(reader, folder=str(copied)).identity != reader.identity


def test_what_is_no_llama_of_ours_is_refused(reader, tiny_model, tmp_path):
    with pytest.raises(UserError, match="the reader's weights are not there"):
        list(Embedded(folder=str(tmp_path)).generate([asked("Who?")]))
    copied = shutil.copytree(tiny_model, tmp_path / "other")
    config = (copied / "config.json").read_text()
    (copied / "config.json").write_text(config.replace('"llama"', '"gpt2"'))
    with pytest.raises(UserError, match="another model_type"):
        list(replace(reader, folder=str(copied)).generate([asked("Who?")]))


def test_planning_with_it_loads_no_torch(tiny_model):
    program = (
        "import sys\n"
        "from pipeline.generators.embedded import Embedded\n"
        f"reader = Embedded(folder={str(tiny_model)!r})\n"
        "reader.identity, reader.window, reader.tokenizer.count('a reader')\n"
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True)
    assert out.stdout.strip() == "[]"


@shipped
def test_the_shipped_reader_finds_a_needle_and_declines():
    reader = Embedded(device="cpu")
    text = "Grass grows slowly here. " * 40
    document = f"{text}The special magic number for calm-harbour is: 4192837. {text}"
    found, none = answers(
        reader,
        [
            asked("What is the special magic number for calm-harbour mentioned in the provided text?", document),
            asked("In which year was the Kaldor bridge completed?", document),
        ],
    )
    assert found.text == "4192837"
    assert none.text == "unanswerable"


@shipped
def test_the_shipped_readers_words_fit_the_pieces_they_are_cut_into():
    """A document and a question are encoded apart: the ids must be those of the whole text."""
    reader = Embedded(device="cpu")
    rust = reader._ready.rust
    for document in (LAMP, f"[1] A — B\n{LAMP}\n\n[2] A\n{SHEEP}", "x = 1", "It is 12"):
        before, after = reader._encode(document, "Who was 12 then?")
        whole = rust.encode(f"{document}\n\nQuestion: Who was 12 then?\nAnswer:", add_special_tokens=False).ids
        assert [*before[1:], *after] == whole
