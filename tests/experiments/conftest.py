"""The command line as a user calls it."""

import sys
from collections.abc import Callable

import pytest

from experiments.__main__ import main


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`called("run", "quickstart")`: exit status, what it printed, and what it said of mistakes."""

    def called(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["experiments", *words])
        try:
            main()
            status: object = 0
        except SystemExit as e:
            status = e.code or 0
        out, err = capfd.readouterr()
        return int(str(status)), out, err

    return called
