"""Small models, made here and saved to disk, and the settings of the compressors that need one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

READER = Path(__file__).parents[2] / "pipeline" / "generators" / "embedded_model"

WITH_MODEL: Mapping[str, Callable[[Path], dict[str, Any]]] = {}
"""By method, its settings from the folder of the fixture `models`; methods that are not here need none."""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models; `reader` is the one that ships."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "reader").symlink_to(READER, target_is_directory=True)
    return folder


@pytest.fixture
def settings_of(models: Path) -> Callable[[str], dict[str, Any]]:
    """A method's settings by its name."""
    return lambda name: WITH_MODEL[name](models) if name in WITH_MODEL else {}
