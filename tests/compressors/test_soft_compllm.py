"""CompLLM: counts, segments apart from each other, the LoRA against a merged copy, what is remembered, the answers."""

from __future__ import annotations

import copy
import gc
import json
import os
import shutil
import subprocess
import weakref
from pathlib import Path

import pytest

from compressors.soft_compllm import CompLLM
from compressors.soft_lora import LoRA
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, Span
from pipeline.generators.base import Call, Sampling
from pipeline.generators.hf import HF

torch = pytest.importorskip("torch")

SIZE = 32
PROJECTED = ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj")
DOCUMENT = "The harbour of Orrin Bay was built in 1871, and its lighthouse is kept by Mara Velt, who lives alone. " * 3
OTHER = "A road leads north to Kesslin. It is closed in winter, and nobody fishes on Sundays. " * 2


def save(folder: Path, pairs, *, alpha: float = 16, rank: int = 4, head=None, told=None, **config) -> Path:
    """A compressor's folder. pairs: name of a layer -> (A, B); head: what stands in compllm.safetensors."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    settings = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "bias": "none", **config}
    (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    weights = {
        f"base_model.model.{name}.lora_{side}.weight": t.contiguous().clone()
        for name, pair in pairs.items()
        for side, t in zip("AB", pair, strict=True)
    }
    save_file(weights, folder / "adapter_model.safetensors")
    plain = {"end": torch.zeros(SIZE), "projection.weight": torch.eye(SIZE), "projection.bias": torch.zeros(SIZE)}
    given = {name: t.clone() for name, t in (plain | (head or {})).items() if t is not None}
    save_file(given, folder / "compllm.safetensors", told)
    return folder


def random_pairs(model, rank: int = 4, scale: float = 0.2):
    generator = torch.Generator().manual_seed(3)
    pairs = {}
    for i in range(2):
        for name in PROJECTED:
            out, given = model.get_submodule(f"model.layers.{i}.{name}").weight.shape
            a, b = torch.randn(rank, given, generator=generator), torch.randn(out, rank, generator=generator)
            pairs[f"model.layers.{i}.{name}"] = (a * scale, b * scale)
    return pairs


def random_head():
    generator = torch.Generator().manual_seed(4)
    weight = torch.randn(SIZE, SIZE, generator=generator) / SIZE**0.5
    return {"end": torch.randn(SIZE, generator=generator), "projection.weight": weight, "projection.bias": weight[0]}


def loaded(folder: Path):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A Llama with random weights, whose tokens' vectors have a root mean square of one."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from pipeline.generators.embedded import FOLDER

    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=8192, hidden_size=SIZE, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=512, initializer_range=0.3, rms_norm_eps=1e-12, pad_token_id=0,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    table = model.get_input_embeddings().weight.data
    table[1:] /= table[1:].square().mean(dim=-1, keepdim=True).sqrt()  # the first stands for padding, and is zero
    folder = tmp_path_factory.mktemp("reader")
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(FOLDER / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return loaded(folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, model):
    """A compressor with a random LoRA and head."""
    return save(tmp_path_factory.mktemp("compllm"), random_pairs(model), head=random_head())


def ids(count: int, seed: int = 5) -> list[int]:
    return torch.randint(3, 8192, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def compressed(by: CompLLM, model, tokens):
    vectors, _ = by.vectors(model, by.segments(tokens))
    return torch.cat(vectors)


# -- the method -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "segment"), [(1, 20), (2, 20), (3, 20), (7, 5), (2, 1)])
def test_a_segment_of_s_tokens_becomes_s_over_c_vectors_rounded_up(model, trained, ratio, segment):
    by = CompLLM(model=str(trained), ratio=ratio, segment=segment)
    for count in (1, 2, 19, 20, 21, 45):
        cut = by.segments(ids(count))
        assert [t for s in cut for t in s] == ids(count)
        assert all(len(s) == segment for s in cut[:-1])
        vectors, _ = by.vectors(model, cut)
        assert [tuple(v.shape) for v in vectors] == [(-(-len(s) // ratio), SIZE) for s in cut]
        assert all(v.isfinite().all() for v in vectors)


def test_two_texts_together_are_the_one_and_then_the_other(model, trained):
    by = CompLLM(model=str(trained), ratio=3, segment=7)
    first, second = ids(21), ids(40, seed=6)
    alone = torch.cat([compressed(by, model, first), compressed(by, model, second)])
    anew = CompLLM(model=str(trained), ratio=3, segment=7, batch_segments=1)
    assert torch.allclose(compressed(anew, model, first + second), alone, atol=1e-5)
    # The control: where the border falls into a segment, the two do know each other.
    shifted = compressed(by, model, first[:-1] + second)
    assert not torch.allclose(shifted[-3:], alone[-3:], atol=1e-3)


def by_hand(model, segment, ratio: int, end, weight, bias):
    """One segment alone, by the definition, in a model whose weights are what they are."""
    count = -(-len(segment) // ratio)
    given = torch.cat([model.model.embed_tokens(torch.tensor(segment)), end.expand(count, -1)])
    states = model.model(inputs_embeds=given[None], use_cache=False).last_hidden_state[0]
    return torch.stack([weight @ state + bias for state in states[len(segment) :]])


@pytest.mark.parametrize(("config", "scale"), [({}, 16 / 4), ({"use_rslora": True}, 16 / 4**0.5)])
def test_vectors_are_those_of_a_model_into_which_the_adapter_was_merged(model, tmp_path, config, scale):
    pairs, head = random_pairs(model), random_head()
    by = CompLLM(model=str(save(tmp_path / "c", pairs, head=head, **config)), ratio=2, segment=9)
    merged = copy.deepcopy(model)
    for name, (a, b) in pairs.items():
        merged.get_submodule(name).weight.data += scale * b @ a
    tokens = ids(40)
    wanted = [by_hand(merged, s, 2, head["end"], *(head[f"projection.{n}"] for n in ("weight", "bias"))) for s in
              (tokens[at : at + 9] for at in range(0, 40, 9))]  # fmt: skip
    found = compressed(by, model, tokens)
    assert torch.allclose(found, torch.cat(wanted), atol=1e-4)
    plain = by_hand(model, tokens[:9], 2, head["end"], head["projection.weight"], head["projection.bias"])
    assert not torch.allclose(found[:5], plain, atol=1e-2), "the adapter must have changed something"


def test_the_model_is_left_as_it_was(model, trained):
    def state():
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}

    tokens = torch.tensor([ids(30)])
    before, logits = state(), model(tokens).logits
    CompLLM(model=str(trained)).vectors(model, [tuple(ids(20))])
    assert all(torch.equal(before[name], tensor) for name, tensor in state().items())
    assert torch.equal(model(tokens).logits, logits)
    assert not any(module._forward_hooks for module in model.modules())
    with (
        pytest.raises(RuntimeError),
        LoRA(model, *(trained / f"adapter_{n}" for n in ("config.json", "model.safetensors"))).on(),
    ):
        raise RuntimeError("in the middle")
    assert torch.equal(model(tokens).logits, logits)


def test_a_head_without_a_bias_adds_none(model, tmp_path):
    head = random_head()
    pairs = random_pairs(model)
    zero = save(tmp_path / "zero", pairs, head=head | {"projection.bias": torch.zeros(SIZE)})
    none = save(tmp_path / "none", pairs, head=head | {"projection.bias": None})
    found = [compressed(CompLLM(model=str(f)), model, ids(30)) for f in (zero, none)]
    assert torch.equal(*found)


@pytest.mark.skipif(
    not os.environ.get("LONGSHORT_PEFT_PYTHON"), reason="needs LONGSHORT_PEFT_PYTHON: a Python with peft and torch"
)
def test_an_adapter_that_peft_wrote_does_what_it_does_in_peft(folder, model, tmp_path):
    told = {"model": str(folder), "ids": ids(25), "adapter": str(tmp_path / "peft"), "answer": str(tmp_path / "a.json")}
    oracle = Path(__file__).with_name("peft_oracle.py")
    subprocess.run([os.environ["LONGSHORT_PEFT_PYTHON"], oracle, json.dumps(told)], check=True, capture_output=True)
    wanted = torch.tensor(json.loads((tmp_path / "a.json").read_text()))
    files = [tmp_path / "peft" / name for name in ("adapter_config.json", "adapter_model.safetensors")]
    with torch.no_grad(), LoRA(model, *files).on():
        found = model(torch.tensor([told["ids"]])).logits[0]
    assert torch.allclose(found, wanted, atol=1e-4)
    assert not torch.allclose(model(torch.tensor([told["ids"]])).logits[0], wanted, atol=1e-1)


# -- in the reader ----------------------------------------------------------------------------------------------------


def call(question: str, *documents: str, **sampling) -> Call:
    parts = [Part("instruction", "Answer from the text.\n\n")]
    for i, text in enumerate(documents):
        parts += [Part("label", f"\n\n# Text {i}\n\n"), Part("document", text, Span(f"d{i}", 0, len(text)))]
    parts += [Part("label", "\n\n"), Part("question", f"Question: {question}\n"), Part("answer", "Answer:")]
    return Call(Prompt(tuple(parts)), Sampling(**{"max_tokens": 8, **sampling}), question, "lc")


def answers(reader: HF, *calls: Call):
    got = dict(reader.generate(calls))
    return [got[i] for i in range(len(calls))]


def copying(folder: Path, model) -> Path:
    """A LoRA of full rank by which the model's end positions hold the mean of what they see.

    Queries and keys become zero, so that all is seen alike; values pass the first layer and nothing else does. With an
    end vector of zero the last norm gives a vector of the mean's direction with a mean square of one.
    """
    pairs = {}
    for i in range(2):
        layer = model.model.layers[i]
        for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.down_proj"):
            weight = layer.get_submodule(name).weight.double()
            passes = i == 0 and name in ("self_attn.v_proj", "self_attn.o_proj")
            change = (torch.eye(SIZE) if passes else torch.zeros(weight.shape)) - weight
            rank = 48  # at least the rank of every change
            u, s, v = torch.linalg.svd(change, full_matrices=False)
            a, b = torch.zeros(rank, change.shape[1]), torch.zeros(change.shape[0], rank)
            a[: len(s)], b[:, : len(s)] = v.float(), (u * s).float()
            pairs[f"model.layers.{i}.{name}"] = (a, b)
    return save(folder, pairs, alpha=48, rank=48)


def test_a_compressor_that_copies_each_token_gives_the_dense_answers(folder, model, tmp_path):
    """Of one token a segment, the vector is the token's own: the law of a ratio of one, known without training."""
    by = CompLLM(model=str(copying(tmp_path / "copy", model)), ratio=1, segment=1)
    table = model.get_input_embeddings().weight
    assert torch.allclose(compressed(by, model, ids(50)), table[ids(50)], atol=1e-4)
    calls = [call(q, DOCUMENT, OTHER) for q in ("Who keeps it?", "When?", "Which road is closed?")]
    calls += [call("Alone?"), call("Drawn?", DOCUMENT, temperature=1.0, seed=4)]
    dense = answers(HF(model=str(folder), device="cpu"), *calls)
    soft = answers(HF(model=str(folder), device="cpu", soft=by), *calls)
    assert [(c.text, c.status, c.usage) for c in soft] == [(c.text, c.status, c.usage) for c in dense]
    assert len({c.text for c in dense}) > 2


def test_a_compressor_that_copies_gives_the_mean_of_a_segment(model, tmp_path):
    by = CompLLM(model=str(copying(tmp_path / "copy", model)), ratio=2, segment=4)
    tokens, table = ids(4), model.get_input_embeddings().weight
    mean = table[tokens].mean(dim=0)
    wanted = mean / mean.square().mean().sqrt()
    assert torch.allclose(compressed(by, model, tokens), wanted.expand(2, -1), atol=1e-4)


def test_positions_are_counted_and_the_rest_stays_tokens(folder, trained):
    by = CompLLM(model=str(trained), ratio=4, segment=10)
    reader, dense = HF(model=str(folder), device="cpu", soft=by), HF(model=str(folder), device="cpu")
    asked = call("Who?", DOCUMENT, OTHER)
    [soft], [whole] = answers(reader, asked), answers(dense, asked)
    (_, use), tokens = reader.kv_uses[0], whole.usage.prompt_tokens
    sizes = [dense.tokenizer.count(text) for text in (DOCUMENT, OTHER)]
    assert use.tokens == tokens
    assert abs(use.context - sum(sizes)) <= 4, "only tokens that reach over a border stay"
    entry = 2 * 2 * 4 * 8 * 4  # keys and values, layers, heads, size, float32
    assert (use.dense_bytes, use.kept_bytes) == (entry * tokens, entry * soft.usage.prompt_tokens)
    vectors = soft.usage.prompt_tokens - (tokens - use.context)
    # Of 10 tokens 3 vectors; of the last segment of each text, one to three.
    assert -(-use.context // 10) * 3 - 4 <= vectors <= -(-use.context // 10) * 3
    assert 0 < use.compress_seconds + use.prefill_seconds + use.decode_seconds <= soft.seconds
    assert soft.usage.completion_tokens == 8, "the answer must not end early for what follows"
    assert use.attended == soft.usage.prompt_tokens + 7
    told = reader.kv_use()
    assert (told["policy"], told["prompts"], told["tokens"]) == ("CompLLM", 1, tokens)


def test_a_second_question_about_a_document_computes_nothing(folder, trained):
    by = CompLLM(model=str(trained), ratio=2, segment=10)
    reader = HF(model=str(folder), device="cpu", soft=by)
    calls = [call("Who?", DOCUMENT), call("And when was it?", DOCUMENT), call("Which?", OTHER, DOCUMENT), call("So?")]
    together = answers(reader, *calls)
    uses = [use for _, use in reader.kv_uses]
    assert uses[0].made > 5
    assert (uses[1].made, uses[1].remembered) == (0, uses[0].made)
    assert 0 < uses[2].made < uses[0].made + 4
    assert uses[2].remembered >= uses[0].made - 1
    assert (uses[3].made, uses[3].remembered, uses[3].context) == (0, 0, 0)
    alone = [answers(HF(model=str(folder), device="cpu", soft=by), one)[0] for one in reversed(calls)][::-1]
    assert [(c.text, c.usage) for c in alone] == [(c.text, c.usage) for c in together]


def test_what_is_remembered_is_bounded_and_goes_with_the_model(model, folder, trained):
    by = CompLLM(model=str(trained), segment=10, held_mib=0)
    cut = by.segments(ids(40))
    assert [by.vectors(model, cut)[1] for _ in range(2)] == [4, 4]
    by = CompLLM(model=str(trained), segment=10)
    assert by.vectors(model, [*cut, *cut])[1] == 4
    another = loaded(folder)
    assert by.vectors(another, cut)[1] == 4, "another model's vectors are its own"
    gone = weakref.ref(another)
    del another
    gc.collect()
    assert gone() is None
    assert by.vectors(model, cut)[1] == 0


def test_the_window_is_in_tokens_and_what_it_promises_fits(folder, trained):
    by = CompLLM(model=str(trained), ratio=4, segment=20, reserve=128)
    reader = HF(model=str(folder), device="cpu", soft=by)
    assert reader.window == 128 + (512 - 128) // 5 * 20
    assert HF(model=str(folder), device="cpu").window == 512
    words = "lighthouse " * 2000
    size = reader.window - 8 - 100
    text = words[: reader.tokenizer.spans(words)[size][0]]
    [fits] = answers(reader, call("Who?", text))
    assert "does not fit" not in fits.error
    assert fits.usage.prompt_tokens + 8 <= 512
    [over] = answers(reader, call("Who?", words))
    assert over.error.startswith(f"prompt of {over.usage.prompt_tokens} tokens does not fit: window 512")
    assert CompLLM(model=str(trained), reserve=4096).window(512, {}) == 512
    assert CompLLM(model=str(trained), ratio=1, reserve=0).window(515, {}) == 515


def test_identity_is_the_compressors_content_and_ratio(folder, trained, tmp_path):
    moved = shutil.copytree(trained, tmp_path / "elsewhere")
    here = HF(model=str(folder), soft=CompLLM(model=str(trained)))
    there = HF(model=str(folder), soft=CompLLM(model=str(moved), reserve=5, batch_segments=2, held_mib=1))
    assert here.identity == there.identity
    assert here.identity != HF(model=str(folder)).identity
    assert here.identity != HF(model=str(folder), soft=CompLLM(model=str(trained), ratio=4)).identity
    assert here.identity != HF(model=str(folder), soft=CompLLM(model=str(trained), segment=10)).identity
    (moved / "adapter_config.json").write_text((moved / "adapter_config.json").read_text().replace("16", "17"))
    assert HF(model=str(folder), soft=CompLLM(model=str(moved))).identity != here.identity


# -- what cannot work -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"bias": "all"}, "bias"),
        ({"alpha_pattern": {"q_proj": 8}}, "alpha_pattern"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"a_variant_of_tomorrow": {"on": True}}, "a_variant_of_tomorrow"),
        ({"r": 0}, "rank"),
        ({"lora_alpha": None}, "rank"),
        ({"head": {"end": torch.zeros(3)}}, "end in compllm.safetensors is of shape (3,)"),
        ({"head": {"projection.weight": None}}, "projection.weight"),
        ({"head": {"more": torch.zeros(3)}}, "more"),
        ({"told": {"ratio": "4"}}, "trained at ratio 4, not 2"),
        ({"told": {"segment": "40"}}, "trained at segment 40, not 20"),
        ({"layer": "model.layers.7.self_attn.q_proj"}, "no layer 'model.layers.7.self_attn.q_proj'"),
        ({"layer": "model.layers.0.mlp.up_proj"}, "does not fit"),
    ],
)
def test_a_compressor_that_cannot_work_is_one_line(model, tmp_path, wrong, found):
    pairs = random_pairs(model)
    if layer := wrong.pop("layer", None):
        pairs[layer] = pairs["model.layers.0.self_attn.q_proj"]
    by = CompLLM(model=str(save(tmp_path / "c", pairs, **wrong)))
    with pytest.raises(UserError) as caught:
        by.vectors(model, [(5, 6)])
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.safetensors", "compllm.safetensors"])
def test_a_missing_or_broken_file_is_one_line(model, trained, tmp_path, file):
    folder = shutil.copytree(trained, tmp_path / "c")
    (folder / file).write_bytes(b"not this")
    with pytest.raises(UserError, match=file):
        CompLLM(model=str(folder)).vectors(model, [(5, 6)])
    (folder / file).unlink()
    with pytest.raises(UserError, match=f"no {file}"):
        CompLLM(model=str(folder)).vectors(model, [(5, 6)])


@pytest.mark.parametrize(
    "settings", [{"ratio": 0}, {"segment": 0}, {"batch_segments": 0}, {"held_mib": -1}, {"reserve": -1}]
)
def test_settings_that_cannot_work_are_one_line(settings):
    with pytest.raises(UserError, match=next(iter(settings))):
        CompLLM(model="m", **settings)
