"""The commands on policies and studies of routing: what they print, and one line for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.policy.file import save_policy
from pipeline.policy.models import Constant
from pipeline.policy.policy import Head, Policy, RoutePrice, Setting, Step

ROOT = Path(__file__).parents[2]
THINGS = ("bridge", "church", "mill", "station", "school")


def small(name: str = "small", lc: float = 0.7) -> Policy:
    edge = [0.0, 1.0]
    head = Head([[1.0], [0.0]], [0.0, lc], (edge, edge), (edge, edge))  # type: ignore[arg-type]
    step = Step("", ("document.tokens",), [10.0], [1e5], [5e4], (Constant([0.6]),), {"": head})  # type: ignore[arg-type]
    policy = Policy(
        name,
        (RoutePrice("rag", 3.0), RoutePrice("lc", 0.0, 1.0)),
        (step,),
        (Setting("balanced", {"": 0.001}), Setting("cheap", {"": 0.1})),
        "rag",
    )
    example = policy.example({"document.tokens": 5e4})
    return Policy(**{**{f: getattr(policy, f) for f in policy.__dataclass_fields__}, "golden": (example,)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_policy(small(), tmp_path / "a.json")
    save_policy(small(lc=0.9), tmp_path / "b.json")
    (tmp_path / "broken.json").write_text('{"format": "longshort.policy", "schema": 99}')
    (tmp_path / "log.jsonl").write_text("")
    return tmp_path


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LONGSHORT_STORE": str(folder / "s"), "COLUMNS": "200"}
    environment["LONGSHORT_RUNS"] = str(folder / "runs")
    return subprocess.run(
        [sys.executable, "-m", "experiments", *words], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_what_is_asked_of_a_policy_is_told(folder: Path) -> None:
    done = command(folder, "policy", "check", "a.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 golden examples decide as they did" in done.stdout
    assert "route lc" in command(folder, "policy", "show", "a.json").stdout
    assert command(folder, "policy", "diff", "a.json", "b.json").stdout.strip()
    exported = command(folder, "policy", "export", "a.json", "--to", "litellm", "--gateway", "http://localhost:8800/v1")
    assert exported.returncode == 0 and "model_list" in exported.stdout
    assert command(folder, "policy", "monitor", "a.json", "log.jsonl").returncode == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("policy", "check", "none.json"), "none.json"),
        (("policy", "check", "broken.json"), "schema"),
        (("policy", "export", "a.json", "--to", "litelm", "--gateway", "http://x"), "litellm"),
        (("policy", "monitor", "a.json", "none.jsonl"), "none.jsonl"),
        (("serve", "--policy", "none.json", "--upstream", "http://localhost:1/v1"), "none.json"),
        (("run", "routing", "of=nothing"), "nothing"),
        (("run", "routing", "of=retrieval"), "of"),
        (("run", "routing", "data.root=absent"), "absent"),
        (("run", "routing", "folds=1"), "folds"),
        (("run", "routing", "recipe.kind=magic", "of=quickstart"), "recipe"),
        (("run", "routing", "budget=0.3"), "budget"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else "",
)
def test_a_mistake_gets_one_line_and_status_2(folder: Path, words: tuple[str, ...], told: str) -> None:
    done = command(folder, *words)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ") and told in line


def test_a_study_of_routing_runs_on_a_study_with_few_questions(folder: Path) -> None:
    """The whole way, on the shipped reader: outcomes, features, policies, file, report."""
    (folder / "docs").mkdir()
    lines = []
    for d in range(6):
        facts = [f"The {thing} of town {d} was built in {1800 + 10 * d + k}." for k, thing in enumerate(THINGS)]
        (folder / "docs" / f"town{d}.txt").write_text(" ".join(facts) + " It rained for a week." * 40)
        for k, thing in enumerate(THINGS):
            asked = {"question": f"When was the {thing} of town {d} built?", "docs": [f"town{d}.txt"]}
            lines.append(json.dumps({**asked, "golden_answers": [str(1800 + 10 * d + k)]}))
    (folder / "q.jsonl").write_text("\n".join(lines))
    (folder / "towns.yaml").write_text(
        "data: {type: folder, docs: docs, questions: q.jsonl}\nreaders: [{type: extractive}]\nroutes:\n"
        "  whole: {type: long_context}\n"
        "  passages: {type: rag, chunk: {type: words, size: 20}, search: {bm25: {type: bm25}}, passages: 2}\n"
    )
    learner = ["of=towns.yaml", "repeats=1", "folds=2", "new_reader=[]", "recipe.trees=10", "second.trees=10"]
    done = command(folder, "run", "routing", *learner)
    assert done.returncode == 0, done.stderr
    out = folder / "runs" / "routing"
    header = (out / "policies.csv").read_text().splitlines()[0]
    assert header.startswith("reader,policy,quality,cost,lc_share,gain,ci_low,ci_high")
    assert "policy: " in done.stdout and (out / "report.html").stat().st_size > 10_000
    assert command(folder, "policy", "check", str(out / "policy.json")).returncode == 0
