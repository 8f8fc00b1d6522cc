"""A study's settings: read from YAML, overridden from the command line, checked before anything runs.

It checks the shape of a study and the types of its values. Which components exist is the catalogue's business; what
their settings mean is theirs.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.core.errors import UserError, nearest

STUDIES = Path(__file__).parent / "studies"
Component = dict[str, Any]
T = TypeVar("T")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scoring(_Strict):
    """How answers are marked. metrics: further text metrics beside `correct`, by name."""

    scorer: Literal["offline"] = "offline"
    encoder: bool = True
    metrics: tuple[Literal["exact_match", "f1", "contains", "rouge_l"], ...] = ()


class Cells(_Strict):
    """A table with one row per cell and a column per route, for comparison with a published one.

    by: table column -> `reader`, `kind` or a slice. average_over: a slice whose values are averaged with equal weight.
    reference: file name of the published table, looked for beside the data.
    """

    by: dict[str, str]
    average_over: str = ""
    reference: str = ""


class Study(_Strict):
    """The settings of one study.

    coverage: what to do where two routes did not answer the same questions: `equal` marks the run incomplete;
    `paired` compares them on the questions that both answered (for failures that stand in recorded data).
    grids: by route, settings and the values to try: `{rag: {passages: [2, 8], order: [score, edges]}}` stands for the
    routes rag-2-score, rag-2-edges, rag-8-score and rag-8-edges in place of rag.
    """

    name: str
    asks: str = ""
    data: Component
    split: Literal["test", "dev", "all"] = "all"
    limit: int | None = Field(default=None, ge=1)
    readers: tuple[Component, ...] = Field(min_length=1)
    sampling: Component = Field(default_factory=dict)
    routes: dict[str, Component] = Field(default_factory=dict)
    grids: dict[str, dict[str, tuple[int | float | str, ...]]] = Field(default_factory=dict)
    baseline: str = ""
    score: Scoring = Field(default_factory=Scoring)
    coverage: Literal["equal", "paired"] = "equal"
    cells: Cells | None = None


class SearchedSet(_Strict):
    """One data set of a study of retrieval. chunk: how its documents are cut, where a retriever does not say so itself.

    measure: what its retrievers are ordered by. retrievers: those that search it; empty: all.
    """

    data: Component
    chunk: Component = Field(default_factory=lambda: {"type": "documents"})
    measure: str = ""
    retrievers: tuple[str, ...] = ()
    runs: dict[str, str] = Field(default_factory=dict)


class RetrievalStudy(_Strict):
    """The settings of a study of retrieval alone: no reader, every retriever on every set.

    data: `root` names one folder (BEIR's layout) that is searched in place of `sets`. depth: how far down a ranking is
    kept. cutoffs: the k of measures at k. runs: TREC runs of others by name, measured alike.
    """

    kind: Literal["retrieval"]
    name: str
    asks: str = ""
    data: Component = Field(default_factory=dict)
    sets: dict[str, SearchedSet] = Field(default_factory=dict)
    retrievers: dict[str, Component] = Field(min_length=1)
    baseline: str = ""
    depth: int = Field(default=100, ge=1)
    cutoffs: tuple[int, ...] = Field(default=(5, 10), min_length=1)
    split: Literal["test", "dev", "all"] = "all"
    limit: int | None = Field(default=None, ge=1)


class RoutingStudy(_Strict):
    """The settings of a study of routing: policies learned from the outcomes of another study.

    of: that study; settings: overrides of it; data: its data's settings. routes: two or more of its routes, all where
    none is named. dense: the probe uses a sentence encoder too; vectors: so does the question. repeats, folds:
    cross-validation by document. budgets: share of questions that the dearest route may take, or {cost: ...} per
    question, or {dollars: ...} for 1,000 questions at `price` dollars for a million tokens, by the name of the policy's
    setting; the first is the headline. opinions: how many small readers, or which
    ones, give a second opinion beside the cheapest route's answer; 0: none. readers: cards by reader (window and
    effective in tokens, parameters in billions) where the name does not tell. floor: margin and risk against the
    dearest route, null for none. new_reader: labelled questions of a reader never seen. recipe, second: the learners
    of both steps.
    """

    kind: Literal["routing"]
    name: str
    asks: str = ""
    of: str
    settings: tuple[str, ...] = ()
    data: Component = Field(default_factory=dict)
    routes: tuple[str, ...] = ()
    dense: bool = False
    vectors: bool = False
    repeats: int = Field(default=5, ge=1)
    folds: int = Field(default=5, ge=2)
    seed: int = 0
    budgets: dict[str, float | dict[str, float]] = Field(
        default_factory=lambda: {"balanced": 0.5, "cheap": 0.2}, min_length=1
    )
    price: float | None = None
    floor: dict[Literal["margin", "risk"], float] | None = Field(default_factory=lambda: {"margin": 0.01, "risk": 0.05})
    opinions: int | tuple[str, ...] = 2
    readers: dict[str, dict[str, float]] = Field(default_factory=dict)
    new_reader: tuple[int, ...] = (0, 100)
    recipe: Component = Field(default_factory=dict)
    second: Component | None = Field(default_factory=lambda: {"depth": 8, "leaf": 40})
    limit: int | None = Field(default=None, ge=1)


class CompressedSet(_Strict):
    """One data set of a study of compression. tokens, limit: in place of the study's."""

    data: Component
    tokens: int | None = Field(default=None, ge=16)
    limit: int | None = Field(default=None, ge=1)


class Perplexity(_Strict):
    """On how many questions of a set it is taken, 0 for none, and by which causal model: empty, the study's."""

    questions: int = Field(default=2, ge=0)
    model: str = ""
    revision: str = ""


class CompressionStudy(_Strict):
    """The settings of a study of compression: every method at every ratio, before and after a reader.

    data: one set in place of `sets`: `root` (BEIR's layout), `docs` and `questions`, or what a study's data says.
    compressors: by name, without a ratio; none: all of the catalogue. ratios: tokens given for each that stays, of the
    tokenizer `tokenizer`. tokens: of a question's context. limit: questions of a set. baseline: the method that others
    are held against. model, revision: for a method that needs a causal model and names none; empty: the reader that
    ships. reader: who answers; none: nothing is read. examples: questions per method whose removed text is shown.
    """

    kind: Literal["compression"]
    name: str
    asks: str = ""
    data: Component = Field(default_factory=dict)
    sets: dict[str, CompressedSet] = Field(default_factory=dict)
    compressors: dict[str, Component] = Field(default_factory=dict)
    ratios: tuple[Annotated[float, Field(ge=1, le=1e6)], ...] = Field(default=(2.0, 4.0, 8.0, 16.0), min_length=1)
    baseline: str = ""
    tokens: int = Field(default=6000, ge=16)
    tokenizer: str = "words"
    limit: int | None = Field(default=None, ge=1)
    split: Literal["test", "dev", "all"] = "all"
    model: str = ""
    revision: str = ""
    reader: Component | None = None
    sampling: Component = Field(default_factory=dict)
    score: Scoring = Field(default_factory=Scoring)
    perplexity: Perplexity = Field(default_factory=Perplexity)
    examples: int = Field(default=3, ge=0)


AnyStudy = Study | RetrievalStudy | RoutingStudy | CompressionStudy
_KINDS: dict[str, type[Any]] = {"retrieval": RetrievalStudy, "routing": RoutingStudy, "compression": CompressionStudy}


def grid_routes(name: str, axes: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Any]]:
    """The routes of a grid by name, each with the values it sets. Raises UserError for an axis without values."""
    for key, values in axes.items():
        if not values or len(set(values)) < len(values):
            found = "none" if not values else "one twice"
            raise UserError(f"values to try: {found}", where=f"grids.{name}.{key}", remedy="List each value once")
    points = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return {"-".join([name, *(str(v) for v in point.values())]): point for point in points}


def study_path(name: str) -> Path:
    """The file of a study: a path that ends in .yaml, or the name of one that ships. Raises UserError if absent."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else STUDIES / f"{name}.yaml"
    if not path.is_file():
        shipped = [p.stem for p in STUDIES.glob("*.yaml")]
        raise UserError(f"there is no study {name!r}", where="NAME", remedy=f"{nearest(name, shipped)} Or a .yaml file")
    return path


def load_study(name: str, overrides: Sequence[str] = ()) -> AnyStudy:
    """The study's settings with `key.sub=value` overrides applied. Raises UserError naming the key at fault.

    Settings that say `kind: retrieval`, `kind: routing` or `kind: compression` make a study of that.
    """
    path = study_path(name)
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_repeated_keys(yaml.compose(text, Loader=yaml.SafeLoader), path)
        raw = yaml.safe_load(text)
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(e, "problem", e)
        raise UserError(f"not valid YAML: {problem}", where=f"{path}{line}", remedy="Mend the file") from None
    except UnicodeDecodeError:
        raise UserError("not valid UTF-8", where=str(path), remedy="Save it as UTF-8") from None
    if not isinstance(raw, dict):
        raise UserError(f"a study is a mapping of settings, found {type(raw).__name__}", where=str(path))
    try:  # YAML's anchors share objects: an override must change one place
        raw = json.loads(json.dumps(raw, default=str))
    except (TypeError, ValueError) as e:
        raise UserError(f"not settings: {e}", where=str(path), remedy="Write keys as text, and no loops") from None
    raw.setdefault("name", path.stem)
    for override in overrides:
        _override(raw, override)
    model = _KINDS.get(raw.get("kind") if isinstance(raw.get("kind"), str) else "", Study)
    try:
        study: Any = model.model_validate(raw)
    except ValidationError as e:
        raise _told(e, model, str(path)) from None
    if not study.name or any(c in study.name for c in "/\\:") or study.name.startswith("."):
        raise UserError(f"{study.name!r} cannot name a folder", where=f"{path}: name", remedy="Use letters and digits")
    return study


def folder_setting(variable: str, default: str) -> Path:
    """One of the three folders that a variable moves: LONGSHORT_DATA, LONGSHORT_STORE, LONGSHORT_RUNS."""
    return Path(os.environ.get(variable) or default).expanduser()


def build(cls: type[T], settings: Mapping[str, Any], where: str) -> T:
    """An object of a settings dataclass from a mapping; unknown keys and wrong types are told with their place."""
    _check_settings(cls, settings, where)
    try:
        return TypeAdapter(cls).validate_python(dict(settings))
    except ValidationError as e:
        raise _told(e, None, where) from None
    except UserError as e:
        raise UserError(e.what, where=f"{where}: {e.where}" if e.where else where, remedy=e.remedy) from None


def assemble(cls: type[T], settings: Mapping[str, Any], where: str, **parts: Any) -> T:
    """An object from settings and from parts that are made already (nodes, routes), which no settings can hold."""
    known = {f.name for f in dataclasses.fields(cls) if f.init} - parts.keys()  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            raise UserError(f"unknown setting {key!r} of {cls.__name__}", where=where, remedy=nearest(str(key), known))
    _check_settings(cls, settings, where)
    hints, values = get_type_hints(cls), {}
    for key, value in settings.items():
        try:
            values[key] = TypeAdapter(hints[key]).validate_python(value)
        except ValidationError as e:
            raise _told(e, None, f"{where}.{key}") from None
    try:
        return cls(**parts, **values)
    except UserError as e:
        raise UserError(e.what, where=f"{where}: {e.where}" if e.where else where, remedy=e.remedy) from None


def _check_settings(cls: Any, settings: Mapping[str, Any], where: str) -> None:
    """Refuse what pydantic would let pass: unknown keys of dataclasses within, and flags for numbers."""
    known = {f.name for f in dataclasses.fields(cls) if f.init}
    hints = get_type_hints(cls)
    for key, value in settings.items():
        if key not in known:
            raise UserError(f"unknown setting {key!r} of {cls.__name__}", where=where, remedy=nearest(str(key), known))
        kinds = (hints[key], *get_args(hints[key]))
        if isinstance(value, bool) and bool not in kinds and {int, float} & set(kinds):
            raise UserError(f"a number is needed, found {value}", where=f"{where}: {key}", remedy="Correct the value")
        inner = next((kind for kind in kinds if dataclasses.is_dataclass(kind)), None)
        if inner is None:
            continue
        within: dict[str, Any] = {key: value}
        if isinstance(value, list | tuple):
            within = {f"{key}.{i}": v for i, v in enumerate(value)}
        elif isinstance(value, Mapping) and hints[key] is not inner and inner not in get_args(hints[key])[:1]:
            within = {f"{key}.{name}": v for name, v in value.items()}
        for place, part in within.items():
            if isinstance(part, Mapping):
                _check_settings(inner, part, f"{where}.{place}")


def _refuse_repeated_keys(node: yaml.Node | None, path: Path, seen: set[int] | None = None) -> None:
    """YAML takes the last of two equal keys: a route that is named twice would vanish."""
    seen = set() if seen is None else seen
    if node is None or id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    names: set[str] = set()
    for child in node.value:
        key, value = child if isinstance(node, yaml.MappingNode) else (None, child)
        if isinstance(key, yaml.ScalarNode) and key.value != "<<":
            if key.value in names:
                raise UserError(
                    f"the key {key.value!r} stands twice",
                    where=f"{path}:{key.start_mark.line + 1}",
                    remedy="Rename one",
                )
            names.add(key.value)
        _refuse_repeated_keys(value, path, seen)


def pick(table: Mapping[str, T], component: Mapping[str, Any], where: str, noun: str) -> tuple[T, dict[str, Any]]:
    """The catalogue entry that `type` names, and the other settings."""
    if not isinstance(component, Mapping):
        raise UserError(
            f"{noun} is a mapping with a `type`, found {type(component).__name__} {component!r}",
            where=where,
            remedy=f"Write {{type: ...}}. {nearest(str(component), table)}",
        )
    settings = dict(component)
    name = settings.pop("type", None)
    if name is None:
        raise UserError(f"{noun} has no `type`", where=where, remedy=f"Known: {', '.join(sorted(table))}")
    if name not in table:
        raise UserError(f"unknown {noun} {name!r}", where=where, remedy=nearest(str(name), table))
    return table[name], settings


def _override(raw: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"{override!r} is no setting", where="command line", remedy="Write key.sub=value")
    try:
        value = yaml.safe_load(text) if text else ""
    except yaml.YAMLError:
        raise UserError(f"the value {text!r} is not valid YAML", where=f"command line: {key}") from None
    at: Any = raw
    *parents, last = key.strip().split(".")
    for part in parents:
        at = at[_position(at, part, key)] if isinstance(at, list) else at.setdefault(part, {})
        if not isinstance(at, dict | list):
            raise UserError(f"{part!r} has no settings", where=f"command line: {key}", remedy="Check the key")
    if isinstance(at, list):
        at[_position(at, last, key)] = value
    else:
        at[last] = value


def _position(values: list[Any], part: str, key: str) -> int:
    if part.isdigit() and int(part) < len(values):
        return int(part)
    raise UserError(
        f"{part!r} is no position in a list of {len(values)}",
        where=f"command line: {key}",
        remedy=f"Write a number from 0 to {len(values) - 1}",
    )


def _told(error: ValidationError, model: type[BaseModel] | None, where: str) -> UserError:
    first = error.errors()[0]
    loc = [str(part) for part in first["loc"]]
    place = f"{where}: {'.'.join(loc)}" if loc else where
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known: list[str] = []
        for part in (None, *loc[:-1]):
            field = model.model_fields.get(part) if model and part else None
            kinds = (field.annotation, *get_args(field.annotation)) if field else ()
            model = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), model)
            known = list(model.model_fields) if model else []
        return UserError(f"unknown key {loc[-1]!r}", where=place, remedy=nearest(loc[-1], known))
    if first["type"] == "missing":
        return UserError(f"the key {loc[-1]!r} is missing", where=place, remedy="Add it")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return UserError(cause.what, where=place, remedy=cause.remedy)
    found = repr(first["input"])
    found = found if len(found) < 60 else found[:57] + "..."
    message = first["msg"][0].lower() + first["msg"][1:]
    return UserError(f"{message}; found {found}", where=place, remedy="Correct the value")
