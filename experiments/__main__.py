"""The command line: `python -m experiments run NAME key=value ...`, `doctor`, `cache why|gc|accept`, `list`,
`triples NAME --out FILE`, `policy check|show|diff|export|monitor FILE`, `serve --policy FILE --upstream URL`.

Exit status: 0 done; 2 a mistake that the user can mend, told in one line; 3 done, but incomplete (calls failed, so that
no fair comparison could be made: the same command tries them again); 130 stopped by the user.
"""

from __future__ import annotations

import gc as gc_module
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

# Models come from folders and packages; nothing may be fetched unless the user asks for it.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import typer
from rich.console import Console

from experiments import commands_policy
from experiments.config import STUDIES, CompressionStudy, RetrievalStudy, RoutingStudy, folder_setting, load_study
from pipeline.command import run as run_command
from pipeline.core.errors import UserError
from pipeline.core.run import Watcher

if TYPE_CHECKING:
    from experiments.compare import Results
    from experiments.compression import CompressionExperiment
    from experiments.retrieval import RetrievalExperiment
    from experiments.routing.study import RoutingExperiment

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
cache = typer.Typer(no_args_is_help=True, help="What is stored, why it is made again, and freeing space.")
app.add_typer(cache, name="cache")
app.add_typer(commands_policy.policy, name="policy")
app.command()(commands_policy.serve)
out = Console()
_MOST_BARS = 20  # the last ones: a reader that takes its documents in groups has one for each

Name = Annotated[str, typer.Argument(help="A study's name, or a .yaml file.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="Settings as key.sub=value.")]


@app.command()
def run(
    name: Name,
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option(help="Say what a run would take, and stop.")] = False,
    device: Annotated[str, typer.Option(help="With --dry-run: predict seconds on it, named as in pipeline plan.")] = "",
) -> None:
    """Run a study; the same command again resumes it."""
    # Hundreds of thousands of live records and hardly a cycle: collecting took a quarter of a repeated LaRA run.
    gc_module.disable()
    if device and not dry_run:
        raise UserError("a device is for a prediction", where="--device", remedy="Give --dry-run with it")
    experiment = _study(name, overrides)
    if experiment.kind == "retrieval":
        _retrieve(experiment, dry_run)
        return
    if experiment.kind == "compression":
        _compress(experiment, dry_run, device)
        return
    if experiment.kind == "routing" and not dry_run:
        _learn(experiment)
        return
    if dry_run:
        from experiments.dry_run import print_plan
        from pipeline.cost.device import device_named

        place = device_named(device) if device else None
        print_plan(_asking(experiment).plan(), experiment.name, out, place)
        return
    with _Progress() as watcher:
        results = experiment.run(watcher=watcher)
    _show_results(results)
    if results.incomplete:
        raise typer.Exit(3)


@app.command()
def doctor(name: Name, overrides: Overrides = None) -> None:
    """Check a study's data, and its last run, for what has fooled published comparisons."""
    from experiments.doctor import examine, examine_compression, examine_retrieval

    experiment = _study(name, overrides)
    special = {"retrieval": examine_retrieval, "compression": examine_compression}
    findings = special[experiment.kind](experiment) if experiment.kind in special else examine(_asking(experiment))
    for finding in findings:
        colour = {"ok": "green", "warning": "yellow", "error": "red"}[finding.level]
        out.print(
            f"[{colour}]{finding.level:8}[/] [bold]{finding.check}[/]: {finding.text}", highlight=False, soft_wrap=True
        )
    if any(f.level == "error" for f in findings):
        raise typer.Exit(1)


@app.command(name="list")
def studies() -> None:
    """The studies that ship, each with its question."""
    for path in sorted(STUDIES.glob("*.yaml")):
        out.print(f"[bold]{path.stem:12}[/] {load_study(path.stem).asks}", highlight=False)


@app.command()
def triples(
    name: Name,
    to: Annotated[Path, typer.Option("--out", help="The file to write, JSON lines.")],
    overrides: Overrides = None,
    chunk: Annotated[str, typer.Option(help="How documents are cut, as a study writes it.")] = "{type: words}",
    tokens: Annotated[int | None, typer.Option(help="Length of one passage's list of triples.")] = None,
) -> None:
    """Have a study's first reader state the facts of its documents as triples, for the search `graph_ppr`."""
    from experiments.triples import extract_study, print_extraction

    study = load_study(name, overrides or [])
    with _Progress() as watcher:
        done, written = extract_study(study, to, chunk, tokens, watcher=watcher)
    print_extraction(done, written, out)
    if done.failed:
        raise typer.Exit(3)


@cache.command()
def why(name: Name, overrides: Overrides = None) -> None:
    """Explain what the next run of a study would make again, and why."""
    experiment = _study(name, overrides)
    if experiment.kind in ("retrieval", "compression"):
        found = experiment.plan()
        if experiment.kind == "compression":
            found = [(s, plan.stages) for s, plan in found]
        reasons = [(s, plan) for s, plans in found for plan in plans]
        for of, stage in reasons:
            for reason, count in stage.why.most_common():
                out.print(
                    f"{of}, {stage.node.stage.label}: {count} of {count + stage.found} to make: {reason}",
                    highlight=False,
                )
        if not any(stage.why for _, stage in reasons):
            out.print("nothing: every value of this study is in the store")
        return
    plan = _asking(experiment).plan()
    lines = 0
    for stage in plan.stages:
        for reason, count in stage.why.most_common():
            out.print(f"{stage.node.stage.label}: {count} of {count + stage.found} to make: {reason}", highlight=False)
            lines += 1
    for calls in plan.calls:
        for reason, count in calls.why.most_common():
            out.print(f"{calls.reader.label}: {count} calls to make: {reason}", highlight=False)
            lines += 1
    if plan.waiting:
        out.print(f"calls of {plan.waiting} questions wait for what is to be made", highlight=False)
    elif not lines:
        out.print("nothing: every value and every call of this study is in the store")


@cache.command()
def gc(
    dry_run: Annotated[bool, typer.Option(help="Say what would be kept, and stop.")] = False,
) -> None:
    """Free what no run stands on: runs are kept as long as their folder exists."""
    from pipeline.core.store import Store

    with Store(folder_setting("LONGSHORT_STORE", ".longshort")) as store:
        before = store.size()
        if dry_run:
            rows, size = store.unused(lambda made: Path(made).exists())
            out.print(f"would free {rows} entries, about {size / 1e6:.1f} of {before / 1e6:.1f} MB", highlight=False)
            return
        rows, freed = store.sweep(lambda made: Path(made).exists())
        out.print(f"freed {rows} entries and {freed / 1e6:.1f} of {before / 1e6:.1f} MB", highlight=False)


@cache.command()
def accept(stage: Annotated[str, typer.Argument(help="The stage's class name.")]) -> None:
    """Say that a stage's changed code computes the same values as before, so that what is stored stays good."""
    from pipeline.core.store import Store

    with Store(folder_setting("LONGSHORT_STORE", ".longshort")) as store:
        if not store.accept_code(stage):
            raise UserError(f"no code of a stage {stage!r} is on record", where="cache accept", remedy="Check the name")
        out.print(f"accepted: the values of {stage} stay good", highlight=False)


def _study(name: str, overrides: list[str] | None) -> Any:
    """The study, ready to run: an `Experiment`, or what its settings' `kind` says."""
    study = load_study(name, overrides or [])
    if isinstance(study, RetrievalStudy):
        from experiments.retrieval import RetrievalExperiment

        return RetrievalExperiment.from_study(study)
    if isinstance(study, CompressionStudy):
        from experiments.compression import CompressionExperiment

        return CompressionExperiment.from_study(study)
    if isinstance(study, RoutingStudy):
        from experiments.routing.study import RoutingExperiment

        return RoutingExperiment.from_study(study)
    from experiments.catalog_data import load_data
    from experiments.compare import Experiment

    return Experiment.from_study(study, load_data(study.data))


def _asking(experiment: Any) -> Any:
    """The study of answers: the experiment itself, or the one that a study of routing learns from."""
    return experiment.of if experiment.kind == "routing" else experiment


def _learn(experiment: RoutingExperiment) -> None:
    from experiments.routing.terminal import print_routing

    with _Progress() as watcher:
        run = experiment.run(watcher=watcher)
    print_routing(run, out)


def _retrieve(experiment: RetrievalExperiment, dry_run: bool) -> None:
    from rich.table import Table

    from experiments.retrieval_terminal import print_retrieval

    if dry_run:
        table = Table("set", "step", "per", "found", "to make", title=experiment.name, title_justify="left")
        for name, plans in experiment.plan():
            for plan in plans:
                table.add_row(name, plan.node.stage.label, plan.node.per, str(plan.found), str(len(plan.missing)))
        out.print(table)
        return
    with _Progress() as watcher:
        results = experiment.run(watcher=watcher)
    print_retrieval(results, out)


def _compress(experiment: CompressionExperiment, dry_run: bool, device: str) -> None:
    from experiments.compression_terminal import print_compression, print_compression_plan
    from pipeline.cost.device import device_named

    if dry_run:
        print_compression_plan(experiment, out, device_named(device) if device else None)
        return
    with _Progress() as watcher:
        results = experiment.run(watcher=watcher)
    print_compression(results, out)
    if results.incomplete:
        raise typer.Exit(3)


class _Progress(Watcher):
    """A bar per piece of work; none where the output is no terminal."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description:24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=out,
            disable=not out.is_terminal,
        )

    def begin(self, label: str, total: int) -> None:
        """Start a bar; nothing to do draws none."""
        self._finish()
        self._task = self._bar.add_task(label, total=total) if total else None

    def step(self, count: int = 1) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.advance(self._task, count)

    def _finish(self) -> None:
        for task in self._bar.tasks:
            if not task.finished:
                self._bar.stop_task(task.id)
        for task in self._bar.tasks[:-_MOST_BARS]:
            self._bar.update(task.id, visible=False)

    def __enter__(self) -> _Progress:
        self._task = None
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _show_results(results: Results) -> None:
    from experiments.report_engine import events_of, uses_of
    from experiments.terminal import print_ending, print_engines, print_table

    print_table(results.summary, out)
    print_engines(uses_of(events_of(results.folder / "log.jsonl")), out)
    print_ending(results.folder, out, results.damaged, results.notes, results.incomplete)


def main() -> None:
    """Run the command line; a user's mistake becomes one line and exit status 2."""
    run_command(
        app, "experiments", stopped="stopped; what was computed is kept, and the same command goes on from here"
    )


if __name__ == "__main__":
    main()
