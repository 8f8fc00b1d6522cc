"""The `hf` reader under soft compressors: a neutral one answers as dense, what is recorded, identity, the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from compressors.kv_snapkv import SnapKV
from compressors.soft import SoftCompressor, SoftPrompt, SoftUse, context_runs, rest_of
from compressors.soft_beacon import ActivationBeacon
from compressors.soft_cartridge import Cartridge
from compressors.soft_compllm import CompLLM
from experiments.catalog_data import Loaded
from experiments.catalog_readers import build_readers
from experiments.config import Study
from experiments.report_kv import kv, kv_rows
from pipeline.core.errors import UserError
from pipeline.core.records import Dataset, Part, Prompt
from pipeline.core.spec import canonical, digest_model
from pipeline.generators.base import Call, Sampling
from pipeline.generators.hf import HF

torch = pytest.importorskip("torch")

QUESTIONS = ["Who?", "What is the answer to the question of the reader?", "why", "how so"]
DOCUMENT = "the reader answers a question from the text of a document " * 3


@dataclass(frozen=True, kw_only=True)
class Thinned(SoftCompressor):
    """Every `step`-th token of the context: as vectors, or, of all that comes before the last token, as a cache."""

    step: int = 1
    cached: bool = False

    def tokens_in(self, positions: int, config: Mapping[str, Any]) -> int:
        return positions * self.step

    def plan(self, model, prompt, ids, places):
        runs = context_runs(prompt, places)
        rest = rest_of(ids, runs)
        kept = [list(ids[r.first : r.last : self.step]) for r in runs]
        tokens = [t for pair in zip(rest, [*kept, []], strict=True) for piece in pair for t in piece]
        context = sum(r.last - r.first for r in runs)
        return ThinnedPrompt(model, tokens, self.cached, size=len(ids), context=context)


class ThinnedPrompt(SoftPrompt):
    def __init__(self, model, ids, cached, *, size, context):
        self.ids, self.cached = ids, cached
        super().__init__(model, tokens=size, context=context, positions=len(ids))

    def inputs(self):
        self.made = self.context
        ids = torch.tensor([self.ids])
        mask = torch.ones_like(ids)
        if self.cached:
            read = self.model.model(ids[:, :-1], use_cache=True).past_key_values
            return {"input_ids": ids, "attention_mask": mask, "past_key_values": read}
        return {"inputs_embeds": self.model.get_input_embeddings()(ids), "attention_mask": mask}


def answers(reader: HF, calls):
    got = dict(reader.generate(calls))
    assert sorted(got) == list(range(len(calls)))
    return [got[i] for i in range(len(calls))]


@pytest.fixture(scope="module")
def mixed(tiny_model):
    """Calls of many lengths, greedy, drawn, and with a stop text, and the dense reader's answers in padded batches."""
    settings = [{}, {"temperature": 1.0, "top_p": 0.9, "seed": 3}, {"stop": ("e",)}]
    prompts = [Prompt((Part("document", DOCUMENT), Part("question", f" {q} "))) for q in QUESTIONS[:3]]
    prompts.append(Prompt((Part("question", "alone"),)))
    calls = [Call(p, Sampling(max_tokens=10, **more), "q", "lc") for more in settings for p in prompts]
    return calls, answers(HF(model=str(tiny_model), device="cpu", batch_size=4), calls)


@pytest.mark.parametrize("cached", [False, True])
def test_what_changes_nothing_gives_the_same_answers(tiny_model, mixed, cached):
    calls, dense = mixed
    soft = answers(HF(model=str(tiny_model), device="cpu", batch_size=4, soft=Thinned(cached=cached)), calls)
    assert [(c.text, c.status, c.usage) for c in soft] == [(c.text, c.status, c.usage) for c in dense]
    assert len({c.text for c in dense}) > 4


def test_an_answer_does_not_depend_on_what_was_asked_before(tiny_model, call):
    reader = HF(model=str(tiny_model), device="cpu", soft=Thinned(step=3))
    calls = [call(q, DOCUMENT, max_tokens=12) for q in QUESTIONS]
    together = answers(reader, calls)
    alone = [answers(reader, [one])[0] for one in reversed(calls)][::-1]
    assert [c.text for c in together] == [c.text for c in alone]
    assert [c.text for c in together] != [c.text for c in answers(HF(model=str(tiny_model), device="cpu"), calls)]


def test_positions_bytes_and_seconds_are_recorded_as_those_of_a_policy_are(tiny_model, call):
    calls = [call(q, DOCUMENT, max_tokens=6) for q in QUESTIONS]
    reader, dense = (HF(model=str(tiny_model), device="cpu", soft=s) for s in (Thinned(step=4), None))
    assert reader.kv_use() is None
    done = answers(reader, calls)
    assert [c for c, _ in reader.kv_uses] == calls
    for completion, whole, (_, use) in zip(done, answers(dense, calls), reader.kv_uses, strict=True):
        assert isinstance(use, SoftUse)
        assert use.tokens == whole.usage.prompt_tokens
        assert completion.usage.prompt_tokens == use.tokens - use.context + -(-use.context // 4)
        assert use.dense_bytes == 2 * 2 * 2 * use.tokens * 16 * 4
        assert use.kept_bytes == use.peak_bytes == 2 * 2 * 2 * completion.usage.prompt_tokens * 16 * 4
        assert 0 < use.prefill_seconds + use.compress_seconds + use.decode_seconds <= completion.seconds
        if completion.usage.completion_tokens == 6:
            assert use.attended == completion.usage.prompt_tokens + 5
    # One way in the log, and one section of the report.
    (row,) = kv_rows([{"event": "kv", "reader": "r", **reader.kv_use()}])
    assert (row.policy, row.prompts, row.tokens) == ("Thinned", 4, sum(u.tokens for _, u in reader.kv_uses))
    assert row.share == pytest.approx(sum(c.usage.prompt_tokens for c in done) / row.tokens)
    assert "step 4" in row.given
    assert kv([{"event": "kv", "reader": "r", **reader.kv_use()}])
    assert not reader._loaded.model._forward_pre_hooks
    reader.close()
    assert reader.kv_use() is not None
    assert answers(reader, []) == []
    assert reader.kv_use() is None


def test_seconds_are_told_apart(tiny_model, call):
    """Compressing, reading and writing are three spans of time, none of them empty."""
    reader = HF(model=str(tiny_model), device="cpu", soft=Thinned(cached=True))
    answers(reader, [call("Who?", DOCUMENT, max_tokens=8)])
    [(_, use)] = reader.kv_uses
    assert min(use.compress_seconds, use.prefill_seconds, use.decode_seconds) > 0
    answers(reader, [call("Who?", DOCUMENT, max_tokens=1)])
    [(_, use)] = reader.kv_uses
    assert (use.attended, use.decode_seconds) == (0, 0)


def test_the_window_is_in_tokens_and_refuses_by_positions(tiny_model, call):
    reader = HF(model=str(tiny_model), device="cpu", soft=Thinned(step=4, reserve=56))
    assert reader.window == 56 + 200 * 4
    assert HF(model=str(tiny_model), device="cpu").window == 256
    long = "the reader " * 200
    [dense] = answers(HF(model=str(tiny_model), device="cpu"), [call("Who?", long, max_tokens=8)])
    assert "does not fit" in dense.error
    fits, over, bare = answers(reader, [call(q, t, max_tokens=8) for q, t in (("Who?", long), ("x " * 300, long))] + [
        call("Who? " * 300, max_tokens=8)])  # fmt: skip
    assert "does not fit" not in fits.error
    assert fits.usage.prompt_tokens + 8 <= 256
    for refused in (over, bare):
        assert refused.error.startswith(f"prompt of {refused.usage.prompt_tokens} tokens does not fit: window 256")


def test_out_of_memory_is_told_in_positions(tiny_model, call, monkeypatch):
    reader = HF(model=str(tiny_model), device="cpu", soft=Thinned(step=4))
    asked = call("Who?", DOCUMENT, max_tokens=4)
    [whole] = answers(reader, [asked])

    def cramped(self):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(ThinnedPrompt, "inputs", cramped)
    [got] = answers(reader, [asked])
    assert (got.status, got.final, got.usage.prompt_tokens) == ("failed", False, whole.usage.prompt_tokens)
    assert "out of memory" in got.error


def test_a_prompt_without_its_text_fails(tiny_model):
    reader = HF(model=str(tiny_model), device="cpu", soft=Thinned())
    [completion] = answers(reader, [Call(Prompt((Part("document", None),)), Sampling(), "q", "lc")])
    assert completion.status == "failed"


# -- settings ---------------------------------------------------------------------------------------------------------


def test_the_compressor_is_part_of_the_identity_and_none_is_none(tiny_model):
    model = str(tiny_model)
    # As it was before there were soft compressors, so that stored answers stay good.
    assert HF(model=model).resolved_settings() == {"model": digest_model(model), "dtype": "auto", "chat": "auto"}
    assert HF(model=model, kv=SnapKV()).resolved_settings().keys() == {"model", "dtype", "chat", "kv"}
    some = [None, Thinned(), Thinned(step=2), Thinned(cached=True), ActivationBeacon(trust_remote_code=True)]
    assert len({HF(model=model, soft=s).identity for s in some}) == len(some)
    assert HF(model=model, soft=Thinned(reserve=7)).identity == HF(model=model, soft=Thinned()).identity
    canonical(HF(model=model, soft=Thinned()).resolved_settings()["soft"])


@pytest.mark.parametrize("given", [{"type": "compllm"}, "compllm", 2, Thinned, SnapKV()])
def test_what_is_no_compressor_is_one_line(tiny_model, given):
    with pytest.raises(UserError, match="no soft compressor") as caught:
        HF(model=str(tiny_model), soft=given)
    assert "\n" not in str(caught.value)


def test_a_policy_and_a_compressor_at_once_are_one_line(tiny_model):
    with pytest.raises(UserError, match="a KV policy and a soft compressor at once"):
        HF(model=str(tiny_model), soft=Thinned(), kv=SnapKV())
    with pytest.raises(UserError, match="no KV policy"):
        HF(model=str(tiny_model), kv=Thinned())


def readers(*components: dict[str, Any]):
    study = Study(name="s", data={"type": "pydocs"}, readers=components)
    return build_readers(study, Loaded(Dataset("d", {}, ())))


def test_readers_by_catalogue():
    made = readers(
        {"type": "hf", "model": "a", "soft": {"type": "compllm", "model": "folder", "ratio": 4, "segment": 10}},
        {"type": "hf", "model": "b", "soft": {"type": "cartridge", "folder": "prefixes"}},
        {"type": "hf", "model": "c", "soft": {"type": "activation_beacon", "ratio": 2, "trust_remote_code": True}},
        {"type": "hf", "model": "d", "kv": {"type": "snapkv"}},
        {"type": "hf", "model": "e", "soft": None},
    )
    assert [r.soft for r in made] == [
        CompLLM(model="folder", ratio=4, segment=10),
        Cartridge(folder="prefixes"),
        ActivationBeacon(ratio=2, trust_remote_code=True),
        None,
        None,
    ]
    assert replace(made[0], soft=None).kv is None
    assert made[3].kv == SnapKV()


@pytest.mark.parametrize(
    ("soft", "words"),
    [
        ({"type": "complm", "model": "m"}, ("readers.0.soft", "complm", "Did you mean 'compllm'?")),
        ({"type": "snapkv"}, ("unknown soft compressor 'snapkv'", "activation_beacon, cartridge, compllm")),
        ({"model": "m"}, ("soft compressor has no `type`",)),
        ("compllm", ("soft compressor is a mapping", "compllm")),
        ({"type": "compllm"}, ("readers.0.soft", "model")),
        ({"type": "compllm", "model": "m", "ration": 2}, ("unknown setting 'ration'", "Did you mean 'ratio'?")),
        ({"type": "compllm", "model": "m", "ratio": 0}, ("readers.0.soft", "ratio", "too small")),
        ({"type": "compllm", "model": "m", "ratio": "two"}, ("ratio", "two")),
        ({"type": "activation_beacon"}, ("runs Python code", "trust_remote_code: true")),
    ],
)
def test_a_compressor_that_cannot_be_is_told_with_its_place(soft, words):
    with pytest.raises(UserError) as caught:
        readers({"type": "hf", "model": "a", "soft": soft})
    line = str(caught.value)
    assert "\n" not in line
    for word in words:
        assert word in line
