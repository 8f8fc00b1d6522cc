"""The command `python -m pipeline`: what it prints and writes, and one line with status 2 for what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline import __main__ as command
from pipeline.core.threads import one_thread_each
from pipeline.cost.device import PRESETS, read_device

ROOT = Path(__file__).parents[2]
ASKED = "--model llama-8b --device h100 --docs 20 --doc-tokens 8000 --questions-per-doc 5"


@pytest.fixture
def call(monkeypatch, capsys):
    def run(line: str, *more: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pipeline", *line.split(), *more])
        with pytest.raises(SystemExit) as left:
            command.main()
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


def test_plan_prints_a_table_and_draws(call, tmp_path):
    status, out, err = call(f"plan {ASKED} --kv fp8", "--out", str(tmp_path / "plan.svg"))
    assert (status, err) == (0, "")
    assert "UNMEASURED" in out
    assert "llama-8b on 1 x h100: 20 documents x 8,000 tokens, 5 questions each" in out
    assert "LC is as cheap as RAG from" in out
    assert max(map(len, out.splitlines()[:-1])) <= 100
    ElementTree.parse(tmp_path / "plan.svg")


def test_plan_prints_json_with_the_same_numbers(call):
    _, out, _ = call(f"plan {ASKED} --json --devices 2 --weights fp8 --price-per-gpu-hour 7.2")
    read = json.loads(out)
    assert read["device"]["count"] == 2
    assert read["model"]["weights"] == "fp8"
    assert [r["route"] for r in read["routes"]] == ["lc", "rag", "self-route", "compressed-lc", "kv-lc"]
    for route in read["routes"]:
        assert route["money_mean"] == pytest.approx(route["mean"] * 2 * 7.2 / 3600)
    assert "UNMEASURED" in read["notes"][0]


def test_plan_reads_a_model_and_a_device_from_files(call, tmp_path):
    with one_thread_each():
        status, out, _ = call(f"calibrate --seconds 0.05 --device cpu --name mine --out {tmp_path / 'd.json'}")
    assert status == 0
    assert "TFLOP/s" in out
    assert read_device(tmp_path / "d.json").measured
    shipped = ROOT / "pipeline/generators/embedded_model"
    line = f"plan --model {shipped} --device {tmp_path / 'd.json'} --docs 2 --doc-tokens 3000 --questions-per-doc 4"
    status, out, err = call(line)
    assert (status, err) == (0, "")
    assert "embedded_model on 1 x mine" in out
    assert "UNMEASURED" not in out
    assert "15.0 KiB for a token" in out  # 10 layers x 6 heads x 64 numbers x 2 x 2 bytes


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"plan {ASKED.replace('llama-8b', 'llama-9b')}", "Did you mean 'llama-8b'"),
        (f"plan {ASKED.replace('h100', 'h1000')}", "Did you mean 'h100'"),
        (f"plan {ASKED.replace('llama-8b', 'llama-70b')}", "--devices 2"),
        (f"plan {ASKED} --docs 0", "docs is 0"),
        (f"plan {ASKED} --docs many", "docs"),
        (f"plan {ASKED} --kv bf8", "no number format 'bf8'"),
        (f"plan {ASKED} --weights int5", "no number format 'int5'"),
        (f"plan {ASKED} --fallback 1.5", "fallback is 1.5"),
        (f"plan {ASKED} --devices -1", "-1 devices"),
        (f"plan {ASKED.replace('h100', 'cpu-4')} --devices 2", "rate of the link"),
        (f"plan {ASKED} --memory-share 0", "memory"),
        (f"plan {ASKED} --out /no/such/folder/plan.svg", "/no/such/folder/plan.svg"),
        (f"plan {ASKED} --colour red", "--colour"),
        ("plan --model llama-8b", "Missing option"),
        ("calibrate --out /no/such/folder/d.json", "/no/such/folder/d.json"),
        ("calibrate --out d.json --model llama-9b", "llama-9b"),
        ("price", "price"),
    ],
    ids=str,
)
def test_a_mistake_is_one_line_and_status_2(line, said, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = call(line)
    assert (status, out) == (2, "")
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_failed_calibration_keeps_the_old_file(call, tmp_path):
    (tmp_path / "d.json").write_text("old")
    status, _, _ = call(f"calibrate --seconds 0 --out {tmp_path / 'd.json'}")
    assert status == 2
    assert (tmp_path / "d.json").read_text() == "old"


def test_the_module_runs_without_a_heavy_library():
    script = (
        f"import sys; sys.argv = ['pipeline', 'plan', *{ASKED.split()!r}]\n"
        "from pipeline.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as e: print(e.code, sorted({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
    asked = [sys.executable, "-m", "pipeline", "plan", *ASKED.split(), "--device", "none"]
    failed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert all(name in failed.stderr for name in PRESETS)
