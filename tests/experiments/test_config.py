"""Settings: what is written is what is set, an override changes one place, and a mistake is told with its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from experiments.config import STUDIES, Study, build, folder_setting, load_study, pick, study_path
from pipeline.core.errors import UserError
from pipeline.generators.base import Price, Sampling
from pipeline.generators.scripted import Scripted

BASE = """
data: {type: pydocs}
readers:
  - {type: scripted, default: a}
  - {type: scripted, default: b, name: second}
sampling: {max_tokens: 64}
routes:
  lc: &lc {type: long_context, truncate: middle}
  lc_end:
    <<: *lc
    truncate: end
  rag: &rag
    type: rag
    search:
      bm25: &bm25 {type: bm25, k: 20}
  rag_two:
    <<: *rag
    search:
      bm25: *bm25
"""


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Study]:
    def load(text: str, *overrides: str) -> Study:
        file = tmp_path / "mine.yaml"
        file.write_text(text, encoding="utf-8")
        return load_study(str(file), overrides)

    return load


def told(study: Callable[..., Study], text: str, *overrides: str) -> str:
    """The one line that a mistake is told in."""
    with pytest.raises(UserError) as caught:
        study(text, *overrides)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.where, line
    return line


# -- what is written is what is set -----------------------------------------------------------------------------------


def test_a_study_is_read(study):
    read = study(BASE)
    assert read.name == "mine"
    assert list(read.routes) == ["lc", "lc_end", "rag", "rag_two"]
    assert read.routes["lc_end"] == {"type": "long_context", "truncate": "end"}
    assert read.readers[1] == {"type": "scripted", "default": "b", "name": "second"}
    assert (read.split, read.limit, read.coverage, read.score.encoder, read.cells) == ("all", None, "equal", True, None)


def test_the_studies_that_ship_are_valid():
    names = [p.stem for p in STUDIES.glob("*.yaml")]
    assert {"quickstart", "lara", "folder", "recorded"} <= set(names)
    for name in names:
        read = load_study(name)
        assert read.name == name
        assert read.asks.endswith("?")


def test_a_study_is_found_by_name_or_by_file(tmp_path):
    assert study_path("quickstart") == STUDIES / "quickstart.yaml"
    (tmp_path / "own.yml").write_text(BASE)
    assert load_study(str(tmp_path / "own.yml")).name == "own"
    with pytest.raises(UserError, match="Did you mean 'quickstart'"):
        study_path("quikstart")
    with pytest.raises(UserError, match="there is no study"):
        study_path(str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "a\\b", "c:d", ""])
def test_a_name_must_be_able_to_name_a_folder(study, name):
    assert "name" in told(study, BASE, f"name='{name}'")


# -- overrides --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("limit=5", lambda s: s.limit == 5),
        ("limit=null", lambda s: s.limit is None),
        ("split=dev", lambda s: s.split == "dev"),
        ("score.encoder=false", lambda s: s.score.encoder is False),
        ("score.metrics=[f1, contains]", lambda s: s.score.metrics == ("f1", "contains")),
        ("sampling.temperature=0.5", lambda s: s.sampling == {"max_tokens": 64, "temperature": 0.5}),
        ("readers.1.default=x y", lambda s: s.readers[1]["default"] == "x y"),
        ("readers.0={type: hf}", lambda s: s.readers[0] == {"type": "hf"}),
        ("readers=[{type: hf}]", lambda s: s.readers == ({"type": "hf"},)),
        ("routes.rag.search.bm25.k=7", lambda s: s.routes["rag"]["search"]["bm25"]["k"] == 7),
        ("routes.new={type: oracle}", lambda s: s.routes.get("new") == {"type": "oracle"}),
        ("data.root=/a=b", lambda s: s.data.get("root") == "/a=b"),
        ("routes.lc.truncate=", lambda s: s.routes["lc"]["truncate"] == ""),
        ("asks='5'", lambda s: s.asks == "5"),
        (" limit =5", lambda s: s.limit == 5),
    ],
)
def test_an_override_sets_what_it_names(study, override, read):
    assert not read(study(BASE)) or override == "limit=null"
    assert read(study(BASE, override))


def test_the_last_override_wins(study):
    assert study(BASE, "limit=5", "limit=6").limit == 6
    assert study(BASE, "readers.0={type: hf}", "readers.0.model=m").readers[0] == {"type": "hf", "model": "m"}


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("routes.rag.search.bm25.k=7", ("rag", "search", "bm25", "k")),
        ("routes.rag_two.search.bm25.k=7", ("rag_two", "search", "bm25", "k")),
        ("routes.lc.truncate=start", ("lc", "truncate")),
    ],
)
def test_an_override_changes_one_route_though_yaml_shares_its_settings(study, override, place):
    before, after = study(BASE).routes, study(BASE, override).routes
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {place[0]}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("limit", ("is no setting", "key.sub=value")),
        ("=5", ("is no setting",)),
        ("limit=abc", ("limit", "integer", "abc")),
        ("limit=0", ("limit", "greater")),
        ("limit=1.5", ("limit",)),
        ("split=tset", ("split", "tset", "test")),
        ("coverage=most", ("coverage", "most", "paired")),
        ("score.encoder=maybe", ("score.encoder", "maybe")),
        ("score.metrics=[f2]", ("score.metrics.0", "f2", "f1")),
        ("readers=[]", ("readers",)),
        ("readers={type: hf}", ("readers",)),
        ("readers.2.type=hf", ("readers.2", "no position", "0 to 1")),
        ("readers.-1.type=hf", ("no position",)),
        ("readers.x.type=hf", ("'x'", "no position")),
        ("data.type.deep=1", ("data.type.deep", "'type'", "no settings")),
        ("data=pydocs", ("data", "pydocs")),
        ("asks=[1", ("asks", "not valid YAML")),
        ("limitt=5", ("limitt", "Did you mean 'limit'")),
        ("score.encodr=true", ("score.encodr", "Did you mean 'encoder'")),
        ("scor.encoder=true", ("scor", "Did you mean 'score'")),
    ],
)
def test_an_override_that_cannot_be_is_told_with_its_key(study, override, words):
    line = told(study, BASE, override)
    for word in words:
        assert word in line


# -- unknown keys, at every level -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "meant"),
    [
        ("basline: lc", "basline", "baseline"),
        ("score: {encodr: true}", "score.encodr", "encoder"),
        ("score: {metric: [f1]}", "score.metric", "metrics"),
        ("cells: {by: {model: reader}, averge_over: domain}", "cells.averge_over", "average_over"),
        ("cells: {by: {model: reader}, refrence: x.csv}", "cells.refrence", "reference"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest(study, text, key, meant):
    line = told(study, BASE + text)
    assert key in line
    assert f"Did you mean '{meant}'?" in line
    assert "mine.yaml" in line


@dataclass(frozen=True)
class Inner:
    depth: int = 1


@dataclass(frozen=True)
class Component:
    size: int
    mode: Literal["best", "all"] = "best"
    share: float = 0.5
    inner: Inner = field(default_factory=Inner)
    more: tuple[Inner, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UserError("size is too small", where="size", remedy="Give 1 or more")


def test_a_component_is_built():
    built = build(Component, {"size": 3, "share": 1, "inner": {"depth": 2}, "more": [{"depth": 4}]}, "here")
    assert built == Component(3, share=1.0, inner=Inner(2), more=(Inner(4),))
    assert build(Sampling, {"stop": ["x"]}, "sampling") == Sampling(stop=("x",))
    assert build(Scripted, {"rules": [["a", "b"]], "price": {"input": 3}}, "r").price == Price(3.0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sise": 3}, ("here", "'sise'", "Component", "Did you mean 'size'")),
        ({}, ("here", "size", "missing")),
        ({"size": "many"}, ("here: size", "many")),
        ({"size": None}, ("here: size",)),
        ({"size": 3, "mode": "worst"}, ("here: mode", "worst", "best")),
        ({"size": 3, "share": [1]}, ("here: share",)),
        ({"size": 0}, ("here", "size", "too small", "Give 1 or more")),
        ({"size": 3, "inner": 5}, ("here: inner",)),
        ({"size": 3, "inner": {"depth": "x"}}, ("here: inner.depth", "x")),
        ({"size": 3, "inner": {"dept": 2}}, ("inner", "'dept'", "Did you mean 'depth'")),
        ({"size": 3, "more": [{"depth": 1}, {"dpth": 2}]}, ("more.1", "'dpth'", "Did you mean 'depth'")),
        ({1: 2}, ("here", "1")),
    ],
    ids=repr,
)
def test_a_component_that_cannot_be_is_told(settings, words):
    with pytest.raises(UserError) as caught:
        build(Component, settings, "here")
    line = str(caught.value)
    assert "\n" not in line
    for word in words:
        assert word in line


def test_a_misspelt_price_is_not_free_of_charge():
    with pytest.raises(UserError, match="Did you mean 'input'"):
        build(Scripted, {"price": {"inptu": 3.0}}, "readers.0")


def test_a_flag_is_no_number():
    with pytest.raises(UserError):
        build(Sampling, {"max_tokens": True}, "sampling")


def test_pick_finds_by_type():
    table = {"words": 1, "sentences": 2}
    component = {"type": "words", "size": 3}
    assert pick(table, component, "routes.rag.chunk", "chunker") == (1, {"size": 3})
    assert component == {"type": "words", "size": 3}, "the settings were changed"


@pytest.mark.parametrize(
    ("component", "words"),
    [
        ({"type": "word"}, ("unknown chunker 'word'", "Did you mean 'words'")),
        ({"size": 3}, ("no `type`", "sentences, words")),
        ({"type": None}, ("no `type`",)),
        ({"type": 5}, ("unknown chunker 5",)),
        ("words", ("found str 'words'", "{type: ...}")),
        (["words"], ("found list",)),
        (None, ("NoneType",)),
    ],
    ids=repr,
)
def test_pick_tells_what_it_knows(component: Any, words):
    with pytest.raises(UserError) as caught:
        pick({"words": 1, "sentences": 2}, component, "routes.rag.chunk", "chunker")
    assert caught.value.where == "routes.rag.chunk"
    for word in words:
        assert word in str(caught.value)


# -- files that cannot be read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data: [1\nreaders: 2\n", ("mine.yaml:2", "not valid YAML")),
        ("a: 1\nb:\n\t- c\n", ("mine.yaml:3", "not valid YAML")),
        ("a: 1\nb: 'open\n", ("mine.yaml:", "not valid YAML")),
        ("a: !!python/object/apply:os.getcwd []\n", ("mine.yaml:1", "not valid YAML")),
        ("a: *nowhere\n", ("mine.yaml:1", "not valid YAML")),
        ("", ("mine.yaml", "mapping", "NoneType")),
        ("- a\n- b\n", ("mine.yaml", "mapping", "list")),
        ("just words\n", ("mine.yaml", "mapping", "str")),
        ("readers: [{type: hf}]\n", ("mine.yaml: data", "missing")),
        ("data: {type: pydocs}\n", ("mine.yaml: readers", "missing")),
        ("a: &a [*a]\n", ("mine.yaml",)),
        ("2020-01-01: a\n", ("mine.yaml",)),
    ],
)
def test_a_broken_file_is_told_with_its_line(study, text, words):
    line = told(study, text)
    for word in words:
        assert word in line


def test_a_key_that_stands_twice_is_told(study):
    """YAML takes the last: a route that is named twice would vanish without a word."""
    line = told(study, BASE + "  lc: {type: oracle}\n")
    assert "lc" in line
    assert "mine.yaml" in line


def test_a_file_in_another_encoding_is_told(tmp_path):
    (tmp_path / "mine.yaml").write_bytes("asks: für\n".encode("latin-1"))
    with pytest.raises(UserError, match="UTF-8"):
        load_study(str(tmp_path / "mine.yaml"))


def test_folders_are_moved_by_their_variables(monkeypatch):
    monkeypatch.delenv("LONGSHORT_RUNS", raising=False)
    assert folder_setting("LONGSHORT_RUNS", "runs") == Path("runs")
    monkeypatch.setenv("LONGSHORT_RUNS", "")
    assert folder_setting("LONGSHORT_RUNS", "runs") == Path("runs")
    monkeypatch.setenv("LONGSHORT_RUNS", "~/elsewhere")
    assert folder_setting("LONGSHORT_RUNS", "runs") == Path.home() / "elsewhere"
