"""The script that trains in two stages: what it runs, in which order, and where it goes on after a cut."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu" / "train_reader.sh"
# Stands for `python -m experiments.reader`: notes its arguments, leaves a light state, and is cut off where CUT says.
STAND_IN = """#!/usr/bin/env bash
shift 2
echo "$*" >> "$CALLS"
if [ "$1" = train ]; then
  while [ $# -gt 0 ]; do
    case $1 in --out) out=$2 ;; --stage) stage=$2 ;; esac
    shift
  done
  mkdir -p "$out/light" && touch "$out/light/progress.json" "$out/log.jsonl"
  if [ "$stage" = "${CUT:-}" ]; then exit 3; fi
  if [ "$stage" = "${FAIL:-}" ]; then exit 1; fi
fi
"""


@pytest.fixture
def run(tmp_path):
    python, calls, data = tmp_path / "python", tmp_path / "calls", tmp_path / "data"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    (data / "held").mkdir(parents=True)
    (data / "held" / "people.jsonl").touch()

    def run(**settings):
        calls.unlink(missing_ok=True)
        given = {"DATA": data, "PYTHON": python, "CALLS": calls, "EXPORT": tmp_path / "model", "SECONDS_LEFT": "999999"}
        environment = {"PATH": os.environ["PATH"]} | {k: str(v) for k, v in {**given, **settings}.items()}
        done = subprocess.run(["bash", str(SCRIPT)], env=environment, capture_output=True, text=True)
        lines = calls.read_text().splitlines() if calls.exists() else []
        return (
            done.returncode,
            [
                "train " + line.split("--stage ")[1].split()[0] if line.startswith("train") else line.split()[0]
                for line in lines
            ],
            lines,
        )

    return run


def test_both_stages_then_export_and_calibration(run, tmp_path):
    status, names, lines = run()
    assert (status, names) == (0, ["train first", "train second", "export", "calibrate"])
    assert f"--start {tmp_path}/data/run/first/light" in lines[1] and "--start" not in lines[0]
    assert (tmp_path / "data/run/out/second/light/progress.json").exists()


def test_a_cut_ends_with_three_and_the_next_call_goes_on_where_it_was(run):
    assert run(CUT="first")[:2] == (3, ["train first"])
    assert run(CUT="second")[:2] == (3, ["train first", "train second"])
    assert run()[:2] == (0, ["train second", "export", "calibrate"])


def test_what_was_carried_away_is_gone_on_from_elsewhere(run, tmp_path):
    carried = tmp_path / "carried"
    run(CUT="first", OUT=carried)
    status, names, lines = run(CUT="second", RUN=tmp_path / "b", OUT=carried, CARRIED=carried)
    assert (status, names) == (3, ["train first", "train second"])
    assert f"--carried {carried}/first/light" in lines[0] and "--carried" not in lines[1]
    status, names, lines = run(RUN=tmp_path / "c", OUT=tmp_path / "d", CARRIED=carried)
    assert (status, names) == (0, ["train second", "export", "calibrate"])
    assert f"--start {carried}/first/light" in lines[0] and f"--carried {carried}/second/light" in lines[0]


def test_an_error_is_passed_on_and_nothing_is_exported(run):
    assert run(FAIL="second")[:2] == (1, ["train first", "train second"])


def test_the_second_stage_alone(run, tmp_path):
    status, names, lines = run(START=tmp_path / "reader")
    assert (status, names[0]) == (0, "train second")
    assert f"--start {tmp_path}/reader" in lines[0]
