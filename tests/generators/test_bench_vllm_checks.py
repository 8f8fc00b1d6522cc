"""The checks of vLLM on a GPU: what they need, the prompts they ask, and how figures survive a section that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import vllm_checks as checks
from pipeline.generators.base import Completion, Usage

ROOT = Path(__file__).parents[2]
ABSENT = "polars faiss sklearn scipy typer pydantic rich httpx aiohttp networkx torch transformers vllm".split()


@pytest.fixture
def setting(tmp_path: Path) -> checks.Setting:
    model = ROOT / "pipeline/generators/embedded_model"
    return checks.Setting(str(model), sys.executable, cpu=True, prompts=24, kills=2, work=tmp_path)


def test_nothing_that_a_gpu_machine_may_lack_is_imported_for_its_prompts():
    script = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {ABSENT!r}: raise ImportError(f'blocked: {{name}}')\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from pathlib import Path\n"
        "from benchmarks.gpu import vllm_checks as checks\n"
        "setting = checks.Setting('m', sys.executable, False, 200, 10, Path('.'))\n"
        "print(len(setting.calls()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "200", done.stderr


def test_prompts_are_distinct_the_same_each_time_and_in_the_trained_form(setting):
    calls = setting.calls()
    assert [c.prompt.digest for c in calls] == [c.prompt.digest for c in setting.calls()]
    assert len({c.prompt.digest for c in calls}) == len({c.question for c in calls}) == 24
    assert all(c.prompt.text.endswith("\nAnswer:") and c.prompt.text.count("\n\nQuestion: ") == 1 for c in calls)
    assert checks._call(calls[0].prompt.parts[0].text, checks._asked(calls[0])) == calls[0]


def test_equality_counts_cut_answers_by_their_text_and_failures_as_different(setting):
    calls = setting.calls(most=4)
    told = [
        Completion(" a ", usage=Usage(10, 1, 4)),
        Completion("b", "failed", "length", "cut", Usage(10, 1)),
        Completion("", "failed", "error", "the engine was killed"),
        Completion("d"),
    ]
    found = checks.compared(calls, ["a", "b", "", "D"], told)
    assert (found["equal"], found["tokens"], found["cached"]) == (0.5, 20, 4)
    assert [row[1:] for row in found["differ"]] == [["", "the engine was killed"], ["D", "d"]]


@pytest.mark.parametrize(
    ("body", "limit", "error"),
    [("time.sleep(600)", 5, "not done within 5 s"), ("sys.exit(3)", 300, "exit status 3"), ("pass", 300, None)],
    ids=["too slow", "broken", "whole"],
)
def test_a_section_that_fails_keeps_its_figures_and_those_before_it(tmp_path, body, limit, error):
    file = tmp_path / "vllm_checks.json"
    checks.write(file, before={"passed": True})
    runner = tmp_path / "runner.py"
    told = "{**json.load(open(place)), 'mine': {'half': 1, 'passed': True}}"
    lines = [
        "import json, sys, time",
        f"place = {str(file)!r}",
        f"told = {told}",
        "with open(place, 'w') as f: json.dump(told, f)",
    ]
    runner.write_text("\n".join([*lines, body]))
    checks.run_section("mine", [sys.executable, str(runner)], file, limit)
    found = json.loads(file.read_text())
    assert found["before"] == {"passed": True}
    assert found["mine"].get("error") == error
    assert found["mine"]["half"] == 1
    assert found["mine"]["passed"] == (error is None)
    assert found["mine"]["section_seconds"] >= 0


def test_an_unknown_section_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu.vllm_checks", "--only", "equals"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no section 'equals'" in done.stderr
