"""Making cartridges: the untrained prefix, what the teacher says, what training changes, the command."""

from __future__ import annotations

import pytest

from compressors.soft_cartridge import Cartridge, Prefix, Told
from compressors.soft_cartridge_make import lessons, main, train, untrained
from pipeline.core.records import Part, Prompt, Span, digest
from pipeline.core.spec import digest_model
from pipeline.generators.base import Call, Sampling
from pipeline.generators.hf import HF

torch = pytest.importorskip("torch")

DOCUMENT = "The harbour of Orrin Bay was built in 1871, and its lighthouse is kept by Mara Velt, who lives alone. " * 3


@pytest.fixture
def folder(causal):
    return causal("llama", 512)


@pytest.fixture
def model(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval()


@pytest.fixture
def tokens_of(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.fixture
def whole(model, tokens_of):
    """The prefix of the document's tokens behind the opening one, of all or of so many."""
    return lambda slots=10_000: untrained(model, tokens_of(DOCUMENT), slots, begin=(1,))


def dense(model, tokens: list[int], steps: int) -> list[int]:
    """Greedy decoding by the definition: everything anew for each token."""
    answer: list[int] = []
    while len(answer) < steps and (not answer or answer[-1] != 2):
        answer.append(int(model(torch.tensor([tokens + answer])).logits[0, -1].argmax()))
    return answer


def test_untrained_slots_are_those_of_the_first_tokens(model, tokens_of, whole):
    """A token's keys and values do not depend on what follows it."""
    few, all_of_them = whole(7), whole()
    assert (len(few), len(all_of_them)) == (7, 1 + len(tokens_of(DOCUMENT)))
    assert few.told == all_of_them.told == Told(1, (1,))
    for short, long in zip((*few.keys, *few.values), (*all_of_them.keys, *all_of_them.values), strict=True):
        assert torch.allclose(short, long[:, :7], atol=1e-5)


def test_training_changes_the_free_slots_alone_and_the_loss_falls(model, tokens_of, whole):
    assert all(p.requires_grad for p in model.parameters())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    asked = [tokens_of(f"\n\nQuestion: {q}\nAnswer:") for q in ("Who keeps it?", "When was it built?")]
    taught = lessons(model, whole(), asked, answer_tokens=6)
    assert [lesson.begin for lesson in taught] == [len(q) for q in asked]
    document = tokens_of(DOCUMENT)
    for lesson, question in zip(taught, asked, strict=True):
        answer = dense(model, [1, *document, *question], 6)
        assert lesson.tokens.tolist() == question + answer
        assert lesson.likely[:, 0].tolist() == answer
        assert lesson.likely.shape == lesson.logs.shape == (len(answer), 20)
        assert (lesson.logs.exp().sum(-1) <= 1 + 1e-5).all()
    start = whole(6)
    done, losses = train(model, start, taught, epochs=12, rate=0.05)
    assert losses[-1] < 0.8 * losses[0]
    assert done.told == start.told
    for old, new in zip((*start.keys, *start.values), (*done.keys, *done.values), strict=True):
        assert torch.equal(old[:, :1], new[:, :1]), "the first slot is frozen"
        assert not torch.allclose(old[:, 1:], new[:, 1:])
        assert not new.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_the_whole_document_has_nothing_to_learn(model, tokens_of, whole):
    """The loss of a prefix that is the document is the entropy of what the teacher deemed likely."""
    asked = [tokens_of("\n\nQuestion: Who?\nAnswer:")]
    taught = lessons(model, whole(), asked, answer_tokens=5)
    _, [loss] = train(model, whole(), taught, epochs=1, rate=0.0)
    entropy = -(taught[0].logs.exp() * taught[0].logs).sum(-1).mean()
    assert loss == pytest.approx(entropy.item(), abs=1e-4)


def test_the_command_makes_a_prefix_that_the_reader_takes(folder, tmp_path, capsys):
    (tmp_path / "document.txt").write_text(DOCUMENT, encoding="utf-8")
    (tmp_path / "questions.txt").write_text("\nQuestion: Who keeps it?\n\nQuestion: When?", encoding="utf-8")
    given = ["--model", str(folder), "--document", str(tmp_path / "document.txt"), "--out", str(tmp_path / "made")]
    assert main([*given, "--slots", "7"]) == 0
    assert "7 slots for" in (told := capsys.readouterr().out) and "not trained" in told
    file = tmp_path / "made" / f"{digest(DOCUMENT)}.safetensors"
    first = Prefix.load(file)
    assert first.told == Told(1, (1,), digest(DOCUMENT), digest_model(str(folder)))
    assert main([*given, "--slots", "7", "--questions", str(tmp_path / "questions.txt"), "--epochs", "2"]) == 0
    assert "loss" in capsys.readouterr().out
    assert not torch.equal(Prefix.load(file).keys[0], first.keys[0])
    reader = HF(model=str(folder), device="cpu", soft=Cartridge(folder=str(tmp_path / "made")))
    asked = Prompt((Part("document", DOCUMENT, Span("d", 0, len(DOCUMENT))), Part("question", "\n\nQuestion: Who?")))
    [(_, done)] = reader.generate([Call(asked, Sampling(max_tokens=4), "q", "lc")])
    assert done.usage.prompt_tokens < 20


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"--slots": "0"}, "slot"),
        ({"--document": "/no/such/file"}, "No such file"),
        ({"--model": "/no/such"}, "no/such"),
    ],
)
def test_a_command_that_cannot_work_is_one_line_and_status_2(folder, tmp_path, capsys, wrong, found):
    (tmp_path / "document.txt").write_text(DOCUMENT, encoding="utf-8")
    given = {
        "--model": str(folder),
        "--document": str(tmp_path / "document.txt"),
        "--slots": "4",
        "--out": str(tmp_path),
    }
    assert main([word for pair in (given | wrong).items() for word in pair]) == 2
    err = capsys.readouterr().err
    assert found in err.strip().split("\n")[-1], "one line, below the library's progress bar if need be"
