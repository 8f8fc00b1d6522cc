"""The training loop: a planned number of tokens, a schedule that depends on the tokens seen, and states to go on from.

It knows a function from batch number to rows and nothing of what stands in them. Everything about the run follows from
the plan and the number of the next batch: a run that is cut off and resumed, however often, is the same run.
"""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from experiments.reader.feed import Feed, Make
from experiments.reader.muon import Optimiser
from experiments.reader.network import Network, initial_weights
from experiments.reader.shape import Shape
from experiments.reader.state import State, latest, load_state, save_state
from pipeline.core.errors import UserError

Quick = Callable[[Network], dict[str, float]]
SCHEDULES: dict[str, dict[str, Any]] = {
    "first": {},
    "second": {"rate": 3e-3, "warm_up": 60, "decay_from": 0.45, "two_from": 0.2},
}
"""What a stage changes in a `Plan`: the second begins with what the first has learned, and more carefully."""
_RAMP = 50
"""Steps over which the learning rate comes back after a light state, whose optimiser starts anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is. tokens: in all; batch: tokens in one micro-batch, every one of them; rate: of Muon and AdamW.

    warm_up: steps to the full rate. decay_from, two_from: shares of the tokens, after which the rate falls linearly to
    `floor` x rate, and two micro-batches make one step. text_weight: the text's loss beside the answers'.
    """

    tokens: int
    batch: int = 65_536
    seed: int = 1
    rate: float = 5e-3
    warm_up: int = 150
    decay_from: float = 0.5
    two_from: float = 0.25
    floor: float = 0.02
    text_weight: float = 0.6

    @property
    def batches(self) -> int:
        """Micro-batches in all, at least one."""
        return max(1, self.tokens // self.batch)

    def share(self, batch: int) -> float:
        """How far the run is before this micro-batch, in [0, 1]."""
        return batch / self.batches

    def together(self, batch: int) -> int:
        """Micro-batches in the step that begins with this one."""
        return min(1 if self.share(batch) < self.two_from else 2, self.batches - batch)

    def rate_at(self, batch: int, step: int) -> float:
        """The learning rate of a step that begins with this micro-batch."""
        past = (self.share(batch) - self.decay_from) / max(1e-9, 1 - self.decay_from)
        return self.rate * min(1.0, (step + 1) / max(1, self.warm_up)) * max(self.floor, 1 - max(0.0, past))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What this call may take, in seconds; nothing of the run depends on it. log_every: steps; workers: processes."""

    seconds: float = math.inf
    save_every: float = 120.0
    light_every: float = math.inf
    evaluate_every: float = 180.0
    log_every: int = 50
    workers: int = 0


def train(
    plan: Plan,
    shape: Shape,
    make: Make,
    folder: Path,
    *,
    limits: Limits | None = None,
    device: str = "cpu",
    compiled: bool = False,
    resume: bool = False,
    carried: Path | None = None,
    start: Mapping[str, Any] | None = None,
    quick: Quick | None = None,
) -> bool:
    """Train, or go on training, in `folder`; returns whether the plan is fulfilled.

    The folder gets `state/` (full), `light/`, and `log.jsonl`. resume: go on from the further of the two and of
    `carried`, a state from elsewhere; without one of them, begin, at the weights `start` where given. A SIGTERM, or
    the end of `limits.seconds`, saves both states and returns False. quick: measured now and then and logged.

    Raises UserError where a state is of another plan or shape, RuntimeError where the loss is no longer finite.
    """
    limits = limits or Limits()
    begun = time.monotonic()
    found = latest(folder / "state", *([carried] if carried else []), folder / "light") if resume else None
    state = load_state(found) if found else State(start or initial_weights(shape, plan.seed))
    progress: dict[str, Any] = {"batch": 0, "step": 0, "seconds": 0.0, "ramp": None, **state.progress}
    _same(progress, plan, shape, found)
    feed = Feed(make, start=progress["batch"], until=plan.batches, workers=limits.workers, device=device)
    network = Network(shape, state.weights, device=device, compiled=compiled)
    optimiser = Optimiser(network.weights, compiled=compiled)
    if state.full:
        optimiser.load(state.optimiser)
    elif found:
        progress["ramp"] = progress["step"]
    run = _Run(plan, shape, limits, folder, network, optimiser, progress, begun)
    run.say(event="begin", resumed=str(found) if found else None, batch=progress["batch"], of=plan.batches)
    before = signal.signal(signal.SIGTERM, run.stop) if _main_thread() else None
    try:
        return run.go(feed, quick)
    finally:
        feed.close()
        if before is not None:
            signal.signal(signal.SIGTERM, before)


class _Run:
    """One call of `train`: what its loop needs at every turn."""

    def __init__(
        self,
        plan: Plan,
        shape: Shape,
        limits: Limits,
        folder: Path,
        network: Network,
        optimiser: Optimiser,
        progress: dict[str, Any],
        begun: float,
    ) -> None:
        self.plan, self.shape, self.limits, self.folder = plan, shape, limits, folder
        self.network, self.optimiser, self.progress = network, optimiser, progress
        self._end = begun + limits.seconds
        self._spent = progress["seconds"]
        self._begun = time.monotonic()
        self._stopped = False
        folder.mkdir(parents=True, exist_ok=True)

    def go(self, feed: Feed, quick: Quick | None) -> bool:
        """Step until the plan is fulfilled, time is over or somebody stops us."""
        import torch

        plan, progress, batches = self.plan, self.progress, iter(feed)
        losses: list[torch.Tensor] = []
        marked, saved, light, measured = (time.monotonic(),) * 4
        waited, since = 0.0, progress["batch"]
        while progress["batch"] < plan.batches and not self._stopped and time.monotonic() < self._end:
            first, step = progress["batch"], progress["step"]
            together = plan.together(first)
            for _ in range(together):
                asked = time.monotonic()
                batch = next(batches)
                waited += time.monotonic() - asked
                loss, parts = self.network.loss(*batch, plan.text_weight)
                (loss / together).backward()
                losses.append(parts)
            rate = plan.rate_at(first, step)
            if progress["ramp"] is not None:
                rate *= min(1.0, (step - progress["ramp"] + 1) / _RAMP)
            self.optimiser.step(rate)
            progress.update(batch=first + together, step=step + 1)
            progress["seconds"] = self._spent + time.monotonic() - self._begun
            now = time.monotonic()
            if progress["step"] % self.limits.log_every == 0:
                text, answer = torch.stack(losses).mean(0).tolist()  # waits for the device, so that the clock is right
                now = time.monotonic()
                self.say(
                    event="step",
                    text=round(text, 4),
                    answer=round(answer, 4),
                    rate=round(rate, 6),
                    length=batch.ids.shape[1],
                    waited=round(waited, 2),
                    tokens_per_second=round((progress["batch"] - since) * plan.batch / (now - marked)),
                )
                if not math.isfinite(text + answer):
                    raise RuntimeError(f"the loss is not finite at step {progress['step']}; the last state is kept")
                losses, marked, waited, since = [], now, 0.0, progress["batch"]
            if now - saved > self.limits.save_every:
                self.save(light=False)
                saved = time.monotonic()
            if now - light > self.limits.light_every:
                self.save(light=True)
                light = time.monotonic()
            if quick and now - measured > self.limits.evaluate_every:
                self.say(event="quick", **quick(self.network))
                measured = time.monotonic()
                marked, waited, since, losses = measured, 0.0, progress["batch"], []
        done = bool(progress["batch"] >= plan.batches)
        for kind in (False, True):
            self.save(light=kind)
        if quick and done:
            self.say(event="quick", **quick(self.network))
        self.say(event="done" if done else "cut")
        return done

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """End after the step in progress."""
        self._stopped = True

    def save(self, *, light: bool) -> None:
        """Write one of the two states."""
        progress = {**self.progress, "plan": asdict(self.plan), "shape": self.shape.as_dict()}
        state = State(self.network.weights, {} if light else self.optimiser.state(), progress)
        save_state(self.folder / ("light" if light else "state"), state, light=light)

    def say(self, **what: Any) -> None:
        """One line to the log and to the screen."""
        told = {"step": self.progress["step"], "share": round(self.plan.share(self.progress["batch"]), 4)}
        told |= {"seconds": round(self.progress["seconds"], 1), **what}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(told) + "\n")
        print(" ".join(f"{k}={v}" for k, v in told.items()), flush=True)


def _same(progress: dict[str, Any], plan: Plan, shape: Shape, found: Path | None) -> None:
    """Raise UserError where the state found belongs to another run."""
    for name, now in (("plan", asdict(plan)), ("shape", shape.as_dict())):
        before = progress.pop(name, now)
        changed = sorted(k for k in now if before.get(k) != now[k])
        if changed:
            raise UserError(
                f"this state is of another {name}: {', '.join(f'{k} was {before.get(k)}' for k in changed)}",
                where=str(found),
                remedy="Give the same settings, or another folder",
            )


def _main_thread() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()
