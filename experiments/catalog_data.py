"""The catalogue's part for data: data sets by the names that a study's settings use.

Adding a set is its file, one line here, and a test of what it loads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments.config import Component, folder_setting, pick
from pipeline.core.errors import UserError, nearest
from pipeline.core.records import Dataset

Answers = Mapping[tuple[str, str], str | None]


@dataclass(frozen=True)
class Loaded:
    """A data set with what came with it.

    recorded: per reader, the answer to (question, route), None for a failed call. routes: the recorded routes.
    labels: people's outcomes by (reader, question, route).
    """

    dataset: Dataset
    recorded: Mapping[str, Answers] = field(default_factory=dict)
    routes: Sequence[str] = ()
    labels: Mapping[tuple[str, str, str], str] = field(default_factory=dict)


def _pydocs() -> Loaded:
    from experiments.data.pydocs import load_pydocs

    return Loaded(load_pydocs())


def _almanac() -> Loaded:
    from experiments.data.almanac import load_almanac

    return Loaded(load_almanac())


def _needle() -> Loaded:
    from experiments.data.needle import load_needle

    return Loaded(load_needle())


def _filler(lengths: str = "8k", documents: str = "4", questions: str = "16", tokenizer: str = "") -> Loaded:
    from experiments.data.filler import load_filler

    return Loaded(load_filler(lengths, documents, questions, tokenizer))


def _lara(root: str = "") -> Loaded:
    from experiments.data.lara import load_lara

    dataset, recorded = load_lara(Path(root) if root else folder_setting("LONGSHORT_DATA", "data") / "lara")
    return Loaded(dataset, recorded, routes=("lc", "rag"))


def _folder(docs: str = "", questions: str = "") -> Loaded:
    from experiments.data.folder import load_folder

    for name, value in (("DOCS", docs), ("QUESTIONS", questions)):
        if not value:
            raise UserError(
                f"{name} is not given", where="study 'folder'", remedy="Give DOCS=folder QUESTIONS=questions.jsonl"
            )
    return Loaded(load_folder(Path(docs), Path(questions)))


def _recorded(map: str = "") -> Loaded:
    from experiments.data.recorded import load_recorded

    if not map:
        raise UserError(
            "MAP is not given", where="study 'recorded'", remedy="Give MAP=map.yaml (README, Answers from elsewhere)"
        )
    dataset, recorded, labels = load_recorded(Path(map))
    routes = list(dict.fromkeys(route for answers in recorded.values() for _, route in answers))
    return Loaded(dataset, recorded, routes, labels)


def _beir(root: str = "") -> Loaded:
    from experiments.data.beir import read_beir

    if not root:
        raise UserError("DATA is not given", where="data.root", remedy="Give DATA=folder in BEIR's layout")
    return Loaded(read_beir(Path(root).expanduser()))


def _set(load: Callable[[Path], Dataset], name: str, root: str) -> Loaded:
    return Loaded(load(Path(root) if root else folder_setting("LONGSHORT_DATA", "data") / name))


def _chunking_evaluation(root: str = "") -> Loaded:
    from experiments.data.chunking_evaluation import load_chunking_evaluation

    return _set(load_chunking_evaluation, "chunking_evaluation", root)


def _cacm(root: str = "") -> Loaded:
    from experiments.data.cacm import cacm_questions

    return _set(cacm_questions, "cacm", root)


def _musique(root: str = "") -> Loaded:
    from experiments.data.musique import load_musique

    return _set(load_musique, "musique100", root)


def _qmsum(root: str = "") -> Loaded:
    from experiments.data.qmsum import load_qmsum

    return _set(load_qmsum, "qmsum", root)


DATA: dict[str, Callable[..., Loaded]] = {
    "pydocs": _pydocs,
    "almanac": _almanac,
    "needle": _needle,
    "filler": _filler,
    "lara": _lara,
    "folder": _folder,
    "recorded": _recorded,
    "beir": _beir,
    "chunking_evaluation": _chunking_evaluation,
    "cacm": _cacm,
    "musique": _musique,
    "qmsum": _qmsum,
}


def load_data(component: Component) -> Loaded:
    """The data set that a study's `data` names."""
    load, settings = pick(DATA, component, "data", "data set")
    known = load.__code__.co_varnames[: load.__code__.co_argcount]
    for key, value in settings.items():
        if key not in known:
            raise UserError(f"unknown setting {key!r} of {component['type']}", where="data", remedy=nearest(key, known))
        if type(value) is int:  # a number of documents, or a folder whose name is one
            settings[key] = str(value)
        elif not isinstance(value, str):
            raise UserError(f"a path is text, found {value!r}", where=f"data.{key}", remedy="Write a path")
    return load(**settings)


def load_sets(named: Mapping[str, Component], *, needed: bool) -> tuple[dict[str, Dataset], list[str]]:
    """Data sets by name, and a line for each whose files are not there.

    needed: an absent one is no reason for a line, but a mistake. Raises UserError for that, for what is broken, and
    where none is there.
    """
    found: dict[str, Dataset] = {}
    notes = []
    if not named:
        raise UserError("no data set is named", where="sets", remedy="Add one, or give DATA=folder")
    for name, component in named.items():
        try:
            found[name] = load_data(component).dataset
        except UserError as error:
            if needed or "no such" not in error.what:
                raise
            notes.append(f"the set {name!r} is left out: {error}")
    if not found:
        raise UserError(
            "none of the study's data sets is there", where="sets", remedy="Set LONGSHORT_DATA, or give DATA=folder"
        )
    return found, notes
