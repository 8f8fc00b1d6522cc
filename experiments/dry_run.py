"""What a study would take, as tables in the terminal: steps and calls to make, tokens, money, seconds on a device.

It reads a plan, which makes nothing. Seconds are the cost model's, for readers whose model's shape is known; it knows
their engine by its settings alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import UserError
from pipeline.cost.config import shape_named
from pipeline.cost.device import Device
from pipeline.cost.model import CostModel, Engine
from pipeline.generators._random_weights import is_random, random_model
from pipeline.generators.base import Generator, Usage
from pipeline.reading import CallPlan, PlannedCall

if TYPE_CHECKING:
    from rich.console import Console

    from experiments.compare import Plan

SIDE_BY_SIDE = 256  # answers that an engine writes at once, where its settings do not say


def print_plan(plan: Plan, name: str, console: Console, device: Device | None = None) -> None:
    """Print what a run would find and make; with a device also the seconds that the calls would take on it."""
    from rich.table import Table

    title = f"{name}: {plan.questions} questions"
    steps = Table("step", "per", "found", "to make", title=title, title_justify="left")
    for stage in plan.stages:
        steps.add_row(stage.node.stage.label, stage.node.per, str(stage.found), str(len(stage.missing)))
    if plan.stages:
        console.print(steps)
    calls = Table(
        "reader", "calls", "distinct", "found", "to make", title=None if plan.stages else title, title_justify="left"
    )
    for c in plan.calls:
        calls.add_row(c.reader.label, *(f"{n:,}" for n in (c.asked, c.distinct, c.remembered, len(c.calls))))
    console.print(calls)
    priced = [c for c in plan.calls if c.calls]
    if priced:
        _print_costs(priced, console, device)
    if plan.waiting:
        console.print(
            f"Calls on what is still to make wait for {plan.waiting} questions' steps and are not counted yet."
        )
    console.print("Only what each route asks for first is counted: one that asks again after an answer may make more.")


def _print_costs(plans: Sequence[CallPlan], console: Console, device: Device | None) -> None:
    from rich.table import Table

    table = Table("to make by", "tokens to read", "shared", "to compute", "money", "cold")
    for c in plans:
        usage = Usage(c.prompt_tokens, c.max_answer_tokens, c.cached_tokens)
        tokens = (c.prompt_tokens, c.cached_tokens, c.prompt_tokens - c.cached_tokens)
        money = (f"{c.reader.price.of(usage, cached=cached):,.2f}" for cached in (True, False))
        table.add_row(c.reader.label, *(f"{n:,}" for n in tokens), *money)
    console.print(table)
    console.print(
        "Shared: what a prefix cache is expected to hold. Money: at most, by the answers' longest; cold: without a "
        "prefix cache."
    )
    if device is not None:
        for c in plans:
            console.print(f"{c.reader.label}: {_told_seconds(c, device)}", highlight=False, markup=False)


def _told_seconds(plan: CallPlan, device: Device) -> str:
    try:
        read, answer = seconds_of(plan.calls, cost_model(plan.reader, device), plan.reader)
    except UserError as e:
        return f"no seconds are predicted: {e.what} ({e.where})"
    return f"about {read:,.1f} s to read and at most {answer:,.1f} s to answer on {device.name}, by the cost model"


def cost_model(reader: Generator, device: Device) -> CostModel:
    """The reader's model on such devices, as many as its settings say. Raises UserError for a shape that is not known.

    Its engine is as the settings say that `vllm` has, and as `Engine` says where they are absent.
    """
    model = getattr(reader, "model", None)
    folder = random_model(model) if isinstance(model, str) and is_random(model) else Path(str(model))
    if not isinstance(model, str) or not (folder / "config.json").is_file():
        raise UserError("no folder with its config.json is known", where=f"reader {reader.label!r}")
    shape = shape_named(str(folder))
    own = Engine()
    kv = "fp8" if str(_setting(reader, "kv_cache_dtype", "")).startswith("fp8") else shape.dtype
    chunk = int(_setting(reader, "max_num_batched_tokens", own.chunk))
    share = float(_setting(reader, "gpu_memory_utilization", own.memory_share))
    count = int(_setting(reader, "tensor_parallel", 1)) * int(_setting(reader, "pipeline_parallel", 1))
    engine = Engine(kv=kv, chunk=chunk, memory_share=share)
    return CostModel(shape, device.times(count) if count > 1 else device, engine)


def seconds_of(calls: Sequence[PlannedCall], model: CostModel, reader: Generator) -> tuple[float, float]:
    """Device seconds to read the prompts, and to write answers of their greatest length, one after the other.

    Answers are written side by side, as many as fit: of each, memory holds what it did not find in the cache. Raises
    UserError where not one fits.
    """
    alone = _setting(reader, "mode", "") == "latency"
    engines = int(_setting(reader, "data_parallel", 1))
    groups: dict[tuple[int, int], list[PlannedCall]] = {}
    for i, c in enumerate(calls):
        # Alike within a factor of two: a step takes several of them.
        key = (-1, i) if alone else ((c.prompt - c.cached).bit_length(), c.cached.bit_length())
        groups.setdefault(key, []).append(c)
    read = 0.0
    for group in groups.values():
        new, cached = _mean([c.prompt - c.cached for c in group]), _mean([c.cached for c in group])
        read += model.first_token_seconds(round(new), round(cached), len(group))
    n = len(calls)
    context, answer = round(_mean([c.prompt for c in calls])), round(_mean([c.answer for c in calls]))
    fits = model.contexts(max(1.0, _mean([c.prompt - c.cached + c.answer for c in calls])))
    if not fits:
        raise UserError(
            "its weights and one prompt do not fit in memory", where=f"{model.shape.name} on {model.device.name}"
        )
    most = min(int(_setting(reader, "max_num_seqs", SIDE_BY_SIDE)), fits, -(-n // engines))
    batch = 1 if alone else most
    return read / engines, n / batch * model.answer_seconds(context, answer, batch) / engines


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)


def _setting(reader: Generator, name: str, default: Any) -> Any:
    """A setting of the reader's engine, where it has one and it is given."""
    found = getattr(reader, name, None)
    return default if found is None else found
