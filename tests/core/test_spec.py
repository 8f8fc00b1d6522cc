"""Identity: changes with whatever changes values, with nothing else, and refuses what it cannot pin down."""

from __future__ import annotations

import enum
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.spec import canonical, describe, digest_file, digest_model, identity, plain, runtime, settings
from pipeline.generators.base import Price, Sampling
from pipeline.generators.scripted import Scripted


@dataclass(frozen=True)
class Inner:
    size: int = 3
    device: str = runtime("cpu")


@dataclass(frozen=True)
class Outer:
    version: ClassVar[int] = 1

    name: str = "a"
    rate: float = 0.5
    count: int = 1
    flag: bool = False
    words: tuple[str, ...] = ("x", "y")
    table: Mapping[str, int] = field(default_factory=lambda: {"a": 1, "b": 2})
    inner: Inner = field(default_factory=Inner)
    maybe: int | None = None
    batch: int = runtime(32)
    cache: Any = runtime(default_factory=dict)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"rate": 0.25},
        {"count": 2},
        {"flag": True},
        {"words": ("y", "x")},
        {"words": ("xy",)},
        {"table": {"a": 1, "b": 3}},
        {"inner": Inner(4)},
        {"maybe": 0},
        {"maybe": ""},
    ],
)
def test_every_setting_enters(change):
    assert identity(replace(Outer(), **change)) != identity(Outer())


@pytest.mark.parametrize(
    "change", [{"batch": 64}, {"cache": object()}, {"inner": Inner(3, device="cuda")}, {"cache": Path("/elsewhere")}]
)
def test_no_runtime_field_enters(change):
    assert identity(replace(Outer(), **change)) == identity(Outer())


def test_the_version_and_the_class_enter():
    newer = type("Outer", (Outer,), {"version": 2})
    other = type("Other", (Outer,), {})
    assert len({identity(Outer()), identity(newer()), identity(other())}) == 3


def test_a_readers_name_and_price_do_not_enter_but_its_rules_do():
    plain_reader = Scripted(rules=(("a", "b"),))
    assert Scripted(rules=(("a", "b"),), name="n", price=Price(1, 1, 1), delay=1.0).identity == plain_reader.identity
    assert Scripted(rules=(("a", "c"),)).identity != plain_reader.identity
    assert identity(Sampling(seed=1)) != identity(Sampling())


def test_the_order_of_fields_and_of_mappings_is_irrelevant():
    ab = make_dataclass("Same", [("a", int, 1), ("b", int, 2)], frozen=True)
    ba = make_dataclass("Same", [("b", int, 2), ("a", int, 1)], frozen=True)
    assert identity(ab()) == identity(ba())
    assert identity(Outer(table={"b": 2, "a": 1})) == identity(Outer())


def test_identity_is_the_same_in_every_process():
    script = (
        "from pipeline.core.spec import identity; from pipeline.generators.base import Sampling\n"
        "print(identity(Sampling(stop=('a', 'b'))))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {identity(Sampling(stop=("a", "b")))}


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)


@given(JSON, JSON)
def test_two_settings_share_a_canonical_text_only_if_they_are_equal(a, b):
    def typed(v: Any) -> Any:  # 1, 1.0 and True are equal to Python, and are other settings
        if isinstance(v, list):
            return [typed(x) for x in v]
        if isinstance(v, dict):
            return {k: typed(x) for k, x in v.items()}
        return (type(v).__name__, repr(v))

    assert (canonical(plain(a, where="a")) == canonical(plain(b, where="b"))) == (typed(a) == typed(b))


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (Path("/models/x"), "runtime"),
        (len, "stage"),
        (lambda x: x, "stage"),
        (object(), "frozen dataclasses"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        ({1, 2}, "tuples"),
        (b"bytes", "str"),
        (Colour.RED, "None, bool"),
        (1j, "float"),
        ({1: "a"}, ""),  # the text key '1' would be the same setting
        ({"deep": ({"er": Path("x")},)}, "runtime"),
    ],
    ids="path builtin function object nan inf set bytes enum complex number-key nested".split(),
)
def test_what_has_no_stable_identity_is_refused_with_advice(value, advice):
    with pytest.raises(UserError) as caught:
        identity(Outer(table=value))  # type: ignore[arg-type]
    assert "Outer.table" in caught.value.where
    assert caught.value.remedy
    assert advice in caught.value.remedy
    assert "\n" not in str(caught.value)


def test_the_place_of_a_refused_value_is_named_to_the_index():
    with pytest.raises(UserError) as caught:
        identity(Outer(table={"a": [0, Path("x")]}))  # type: ignore[dict-item]
    assert caught.value.where == "Outer.table.a[1]"


def test_describe_says_what_settings_leaves_out():
    assert describe(Inner()) == {"class": "Inner", "version": 1, "size": 3}
    assert settings(Inner()) == {"size": 3}


def test_resolved_settings_replace_the_settings():
    class Model(Inner):
        def resolved_settings(self) -> dict[str, Any]:
            return {"weights": "abc"}

    assert describe(Model())["weights"] == "abc"
    assert "size" not in describe(Model())


def test_a_models_identity_is_its_content_not_its_place(tmp_path):
    def model(folder: str, weights: bytes, **more: str) -> Path:
        path = tmp_path / folder
        path.mkdir()
        (path / "model.safetensors").write_bytes(weights)
        (path / "config.json").write_text("{}")
        for name, text in more.items():
            (path / name).write_text(text)
        return path

    first, copy = model("a", b"weights"), model("b", b"weights", README="not the model")
    other = model("c", b"other weights")
    assert digest_model(str(first)) == digest_model(str(copy)) != digest_model(str(other))
    (first / "model.safetensors").write_bytes(b"weightz")
    assert digest_model(str(first)) != digest_model(str(copy))
    assert digest_file(first / "config.json") == digest_file(copy / "config.json")


def test_a_model_without_content_or_revision_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no model files"):
        digest_model(str(tmp_path))
    with pytest.raises(UserError, match="revision"):
        digest_model("some/model")
    assert digest_model("some/model", "abc") != digest_model("some/model", "abd")
