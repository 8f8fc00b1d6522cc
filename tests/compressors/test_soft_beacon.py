"""Activation Beacon: the schedule against a simulation, and the reader on a model whose code and memory are its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from compressors.soft_beacon import ActivationBeacon, capacity, entries, windows
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt
from pipeline.generators.base import Call, Sampling
from pipeline.generators.hf import HF

torch = pytest.importorskip("torch")

SIZES = [(1024, 1024, 8), (1024, 512, 2), (64, 64, 1), (64, 16, 16), (8, 8, 4), (1, 1, 1)]
LENGTHS = [0, 1, 7, 8, 9, 63, 64, 65, 128, 1023, 1024, 1025, 5000]


def simulated(tokens: int, window: int, stride: int, ratio: int) -> tuple[list[int], int]:
    """Entries at each pass and at the end, by two lists that hold what stands in memory: token by token."""
    beacons: list[int] = []
    raw: list[int] = []
    at_pass: list[int] = []
    for token in range(tokens):
        raw.append(token)
        if len(raw) == window:
            made = [raw[0]] * (stride // ratio)
            at_pass.append(len(beacons) + len(raw) + len(made))
            beacons += made
            raw = raw[stride:]
    if len(raw) > (window - stride if at_pass else 0):
        at_pass.append(len(beacons) + len(raw))
    return at_pass, len(beacons) + len(raw)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("tokens", LENGTHS)
def test_the_schedule_is_what_a_window_over_the_text_does(tokens, sizes):
    at_pass, left = simulated(tokens, *sizes)
    read = windows(tokens, *sizes)
    assert [step.entries for step in read] == at_pass
    assert entries(tokens, *sizes) == left
    window, stride, ratio = sizes
    assert all(step.raw <= window for step in read), "never more raw tokens than the base window"
    assert all(step.beacons in (0, stride // ratio) for step in read)
    if stride == window:
        assert entries(tokens, *sizes) == tokens // window * window // ratio + tokens % window
        assert entries(tokens, *sizes) <= tokens / ratio + window


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("positions", [1, 8, 100, 1023, 1024, 1200, 4096])
def test_the_capacity_is_the_most_that_never_exceeds_the_positions(positions, sizes):
    most = capacity(positions, *sizes)

    def peak(tokens: int) -> int:
        return max((step.entries for step in windows(tokens, *sizes)), default=0)

    assert peak(most) <= positions
    window, _, ratio = sizes
    if most >= window:
        assert peak(most + 1) > positions
        assert abs(most - ((positions - window) * ratio + window)) <= window, "as the released code has it"


# -- a model with code of its own -------------------------------------------------------------------------------------

CODE = '''
from transformers import LlamaForCausalLM
from transformers.models.llama.configuration_llama import LlamaConfig


class BeaconConfig(LlamaConfig):
    model_type = "test_beacon"


class Memory:
    """Counts, and makes answers depend on what was read since it was emptied."""

    def __init__(self):
        self.resets, self.ratio, self.prompts = 0, None, 0

    def reset(self):
        self.resets += 1
        self.prompts = 0

    def set(self, verbose=True, **settings):
        self.ratio = settings["beacon_ratio"]


class BeaconForCausalLM(LlamaForCausalLM):
    config_class = BeaconConfig

    def __init__(self, config):
        super().__init__(config)
        self.memory = Memory()

    def forward(self, input_ids=None, **given):
        if input_ids.shape[1] > 1:
            self.memory.prompts += 1
        out = super().forward(input_ids=input_ids, **given)
        out.logits = out.logits.roll(self.memory.prompts - 1 + sum(self.memory.ratio), dims=-1)
        return out
'''


def beacon_folder(folder: Path, like: Path, code: str = CODE, **more) -> Path:
    shutil.copytree(like, folder)
    (folder / "modeling_test_beacon.py").write_text(code, encoding="utf-8")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "test_beacon", "architectures": ["BeaconForCausalLM"], "beacon_window": 16, **more}
    config["auto_map"] = {
        "AutoConfig": "modeling_test_beacon.BeaconConfig",
        "AutoModelForCausalLM": "modeling_test_beacon.BeaconForCausalLM",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module", autouse=True)
def modules(tmp_path_factory):
    """Where the library copies a model's code to; the default is the user's cache."""
    import transformers.dynamic_module_utils as dynamic

    before = dynamic.HF_MODULES_CACHE
    dynamic.HF_MODULES_CACHE = str(tmp_path_factory.mktemp("modules"))
    yield
    dynamic.HF_MODULES_CACHE = before


@pytest.fixture
def plain(causal):
    return causal("llama", 64)


@pytest.fixture
def folder(tmp_path, plain):
    return beacon_folder(tmp_path / "beacon", plain)


def call(words: int) -> Call:
    text = " ".join(f"w{i}" for i in range(words))
    return Call(Prompt((Part("document", text), Part("answer", "\nAnswer:"))), Sampling(max_tokens=4), str(words), "lc")


def answers(reader: HF, *calls: Call):
    got = dict(reader.generate(calls))
    return [got[i] for i in range(len(calls))]


def test_the_memory_is_emptied_before_every_prompt_and_the_ratio_is_set(folder):
    reader = HF(model=str(folder), device="cpu", soft=ActivationBeacon(ratio=4, trust_remote_code=True))
    calls = [call(n) for n in (3, 20, 5, 11)]
    together = answers(reader, *calls)
    memory = reader._loaded.model.memory
    assert (memory.resets, memory.ratio, memory.prompts) == (4, [4], 1)
    alone = [answers(reader, one)[0] for one in reversed(calls)][::-1]
    assert [c.text for c in alone] == [c.text for c in together]
    other = HF(model=str(folder), device="cpu", soft=ActivationBeacon(ratio=2, trust_remote_code=True))
    assert [c.text for c in answers(other, *calls)] != [c.text for c in together]


def test_positions_are_those_of_the_schedule_and_the_whole_prompt_is_read(folder, plain):
    reader = HF(model=str(folder), device="cpu", soft=ActivationBeacon(ratio=4, trust_remote_code=True))
    dense = HF(model=str(plain), device="cpu")
    calls = [call(n) for n in (2, 12)]
    for soft, whole, (_, use) in zip(answers(reader, *calls), answers(dense, *calls), reader.kv_uses, strict=True):
        tokens = whole.usage.prompt_tokens
        assert use.tokens == tokens
        assert soft.usage.prompt_tokens == tokens // 16 * 4 + tokens % 16
        assert (use.made, use.context) == (tokens // 16, tokens // 16 * 16)
        assert use.peak_bytes >= use.kept_bytes


def test_the_window_is_what_the_schedule_holds(folder, plain):
    soft = ActivationBeacon(ratio=8, trust_remote_code=True, reserve=16)
    reader = HF(model=str(folder), device="cpu", soft=soft)
    assert reader.window == 16 + capacity(64 - 16, 16, 16, 8)
    assert HF(model=str(plain), device="cpu").window == 64
    [fits], [over] = answers(reader, call(30)), answers(reader, call(500))
    assert "does not fit" not in fits.error
    assert over.error.startswith(f"prompt of {over.usage.prompt_tokens} tokens does not fit: window 64")


def test_code_runs_only_where_it_may(folder):
    with pytest.raises(UserError, match="trust_remote_code: true") as caught:
        ActivationBeacon(ratio=4)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="cannot be loaded"):
        answers(HF(model=str(folder), device="cpu"), call(3))


def test_the_code_is_part_of_the_identity(plain, folder, tmp_path):
    soft = ActivationBeacon(trust_remote_code=True)
    moved = shutil.copytree(folder, tmp_path / "moved")
    here, there = HF(model=str(folder), soft=soft), HF(model=str(moved), soft=soft)
    assert here.identity == there.identity
    (moved / "modeling_test_beacon.py").write_text(CODE + "\n# changed\n", encoding="utf-8")
    assert HF(model=str(moved), soft=soft).identity != here.identity
    assert HF(model=str(folder), soft=ActivationBeacon(ratio=2, trust_remote_code=True)).identity != here.identity
    assert HF(model=str(folder)).resolved_settings().keys() == {"model", "dtype", "chat"}


@pytest.mark.parametrize(
    ("code", "more", "found"),
    [
        (CODE.replace("self.memory = Memory()", "pass"), {}, "no beacon model"),
        (CODE.replace("def set(", "def set_nothing("), {}, "offers no choice of a ratio, and has None"),
        (CODE.replace("def set(", "def set_nothing("), {"beacon_ratio": [2, 8]}, "has [2, 8]"),
        (CODE, {"beacon_window": None}, "beacon_window None"),
        (CODE, {"beacon_stride": 32}, "beacon_stride 32"),
        (CODE, {"beacon_stride": 6}, "which 4 does not divide"),
    ],
)
def test_a_model_that_is_none_is_one_line(plain, tmp_path, code, more, found):
    folder = beacon_folder(tmp_path / "m", plain, code, **more)
    reader = HF(model=str(folder), device="cpu", soft=ActivationBeacon(ratio=4, trust_remote_code=True))
    with pytest.raises(UserError) as caught:
        answers(reader, call(3))
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fixed_ratio_is_taken_where_it_is_the_one(plain, tmp_path):
    code = CODE.replace("def set(", "def set_nothing(").replace("self.resets, self.ratio", "self.resets, self.ratio, _")
    code = code.replace("= 0, None, 0", "= 0, [4], 0, 0")
    folder = beacon_folder(tmp_path / "m", plain, code, beacon_ratio=[4])
    reader = HF(model=str(folder), device="cpu", soft=ActivationBeacon(ratio=4, trust_remote_code=True))
    assert answers(reader, call(3))[0].text
