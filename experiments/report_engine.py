"""The report's section on the engines behind the readers, and the numbers that the terminal prints of them.

It reads events of calls: in the terminal those of this run's `log.jsonl`; in the report those of `calls.jsonl`, where
each reader has those of the last run that had to ask it. It knows no reader and no engine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiments import report_words as words
from experiments.report_html import Cell, Head, paragraph, section, table

MEANING = (
    "A cold sequence of calls begins with an empty prefix cache, a warm one with what was read before it; a warm call "
    "had some of its prompt in the cache. To read: prompt tokens that the cache did not have. Predicted is what a "
    "cache of the engine's rule would have, were the calls read in the planned order; the difference is that of the "
    "observed tokens to it. Prefill is the tokens to read over the time in which at least one prompt was being read, "
    "decode the answers' tokens over the time in which at least one answer was being written; the two times may "
    "overlap. The first token counts from the handing in of a call: in throughput mode the wait for the calls before "
    "it is part of it. GPU busy is the share of the time in which the GPUs ran anything. In a sum the median lies "
    "within the stated range, and the 95th percentile is at most the stated one. Latency mode (one call at a time) "
    "and throughput mode are never added up."
)


@dataclass(frozen=True)
class Use:
    """What one reader's engine did in one mode, in one wave or (wave None) in all.

    mode: empty where the reader has no engine, then all but the calls and the cached tokens are 0. cold, warm:
    sequences of calls that began with an empty prefix cache, or not. prompts: calls made; warm_prompts: those of which
    the cache had something. seconds: of the sequences. median, p95: of the seconds to the first token, as (least,
    greatest) median of the sequences and their greatest 95th percentile. busy: share of the time; None: not measured.
    """

    reader: str
    mode: str
    wave: int | None
    cold: int = 0
    warm: int = 0
    prompts: int = 0
    warm_prompts: int = 0
    predicted: int = 0
    observed: int = 0
    computed: int = 0
    answers: int = 0
    seconds: float = 0.0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    median: tuple[float, float] = (0.0, 0.0)
    p95: float = 0.0
    busy: float | None = None

    @property
    def start(self) -> str:
        """cold, warm, or how many of each."""
        if self.cold and self.warm:
            return f"{self.cold} cold, {self.warm} warm"
        return "warm" if self.warm else "cold"

    @property
    def off(self) -> float | None:
        """By what share the observed cached tokens differ from the predicted ones; None: none were predicted."""
        if self.predicted:
            return (self.observed - self.predicted) / self.predicted
        return None if self.observed else 0.0

    @property
    def prefill(self) -> float | None:
        """Tokens read per second; None: no time was spent on it."""
        return self.computed / self.prefill_seconds if self.prefill_seconds else None

    @property
    def decode(self) -> float | None:
        """Tokens written per second; None: no time was spent on it."""
        return self.answers / self.decode_seconds if self.decode_seconds else None


def events_of(file: Path) -> list[dict[str, Any]]:
    """The events that a run wrote down in a file; none where there is no file."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def uses_of(events: Iterable[Mapping[str, Any]]) -> list[Use]:
    """One per reader, mode and wave, in the order of the events; none where no call was made."""
    found: dict[tuple[str, str, int], list[Use]] = {}
    for e in events:
        if e["event"] == "calls" and e["made"]:
            use = _use(e)
            found.setdefault((use.reader, use.mode, e["wave"]), []).append(use)
    return [_sum(parts, wave) for (_, _, wave), parts in found.items()]


def totals(uses: Iterable[Use]) -> list[Use]:
    """All waves of a reader and mode in one."""
    found: dict[tuple[str, str], list[Use]] = {}
    for use in uses:
        found.setdefault((use.reader, use.mode), []).append(use)
    return [_sum(parts, None) for parts in found.values()]


def summary(use: Use) -> str:
    """A reader's engine in one line; of one that has none, the cached tokens."""
    cached = f"cached tokens {words.number(use.observed)}, predicted {words.number(use.predicted)}{_off(use)}"
    if not use.mode:
        return cached
    told = [f"{words.number(use.prompts)} prompts, {use.mode}, {use.start}", cached]
    told += [f"prefill {words.number(use.prefill)} tokens/s"] if use.prefill is not None else []
    told += [f"decode {words.number(use.decode)} tokens/s"] if use.decode is not None else []
    told += [f"first token {_median(use)} s, p95 {words.quantity(use.p95)} s"]
    told += [f"GPU busy {words.percent(use.busy)}"] if use.busy is not None else []
    return "; ".join(told)


def engine(uses: Sequence[Use]) -> str:
    """The section: a row per reader, mode and wave, and their sums; empty where no engine ran."""
    uses = [u for u in uses if u.mode]
    if not uses:
        return ""
    sums = totals(uses)
    heads = [
        Head("Reader", numeric=False),
        Head("mode", "latency: one call at a time; throughput: many at once", numeric=False),
        Head("wave", "1: the calls that routes ask for first; 2: those that depend on the answers, and so on"),
        Head("start", "whether the prefix cache was empty before the first call", numeric=False),
        Head("prompts", "calls made"),
        Head("warm calls", "calls of which the prefix cache had something"),
        Head("to read", "prompt tokens that were computed"),
        Head("cached", "prompt tokens that the prefix cache had"),
        Head("predicted", "prompt tokens that it was expected to have"),
        Head("difference", "of the cached to the predicted tokens, in percent of the latter"),
        Head("prefill /s", "tokens read per second of reading"),
        Head("decode /s", "tokens written per second of writing"),
        Head("first token", "seconds from a call's handing in to its first token, median"),
        Head("p95", "seconds from a call's handing in to its first token, 95th percentile"),
        Head("GPU busy", "share of the time in which the GPUs ran anything"),
        Head("seconds", "wall time of the calls"),
    ]
    rows = []
    for whole in sums:
        parts = [u for u in uses if (u.reader, u.mode) == (whole.reader, whole.mode)]
        rows += [("", _cells(u)) for u in parts] if len(parts) > 1 else []
        rows.append(("", _cells(whole)))
    findings = [paragraph(_finding(u), "finding") for u in sums]
    guide = paragraph(MEANING, "guide")
    return section(
        "engine", "What did the engine do?", *findings, table(heads, rows, "Calls of the last run that made any"), guide
    )


def _finding(use: Use) -> str:
    read = use.computed + use.observed
    share = words.percent(use.observed / read) if read else words.percent(0.0)
    return (
        f"{use.reader}, {use.mode} mode: {words.number(use.prompts)} calls in {words.quantity(use.seconds)} s, of "
        f"which {words.number(use.warm_prompts)} warm. The prefix cache had {share} of {words.number(read)} prompt "
        f"tokens, {words.number(use.observed)} where {words.number(use.predicted)} were predicted{_off(use)}."
    )


def _cells(use: Use) -> list[Cell]:
    return [
        Cell(use.reader, use.reader),
        Cell(use.mode, use.mode),
        Cell("all", 0) if use.wave is None else Cell(str(use.wave + 1), use.wave + 1),
        Cell(use.start, use.start),
        *(Cell(words.number(n), n) for n in (use.prompts, use.warm_prompts, use.computed, use.observed, use.predicted)),
        Cell("–" if use.off is None else _signed(use.off), use.off),
        *(Cell("–" if rate is None else words.number(rate), rate) for rate in (use.prefill, use.decode)),
        Cell(_median(use), use.median[0]),
        Cell(words.quantity(use.p95), use.p95),
        Cell("–" if use.busy is None else words.percent(use.busy), use.busy),
        Cell(words.quantity(use.seconds), use.seconds),
    ]


def _off(use: Use) -> str:
    return "" if use.off is None else f" ({_signed(use.off)})"


def _signed(share: float) -> str:
    digits = 1 if abs(share) >= 0.0005 or not share else 3
    return f"{100 * share:+.{digits}f}{words.SPACE}%".replace("-", "\u2212") if share else f"0{words.SPACE}%"


def _median(use: Use) -> str:
    low, high = (words.quantity(x) for x in use.median)
    return low if low == high else f"{low} to {high}"


def _use(event: Mapping[str, Any]) -> Use:
    said = event.get("engine")
    calls = Use(
        event["reader"],
        "",
        event["wave"],
        prompts=event["made"],
        warm_prompts=event["warm"],
        predicted=event["predicted_cached_tokens"],
        observed=event["observed_cached_tokens"],
    )
    if said is None:
        return calls
    median, p95 = said["first_token"]
    return replace(
        calls,
        mode=said["mode"],
        cold=int(not said["warm"]),
        warm=int(said["warm"]),
        computed=said["computed_tokens"],
        answers=said["answer_tokens"],
        seconds=said["seconds"],
        prefill_seconds=said["prefill_seconds"],
        decode_seconds=said["decode_seconds"],
        median=(median, median),
        p95=p95,
        busy=said["gpu_busy"],
    )


def _sum(parts: Sequence[Use], wave: int | None) -> Use:
    """Sequences of one reader and mode in one: sums, and bounds where a sum would be none."""
    added = (
        "cold warm prompts warm_prompts predicted observed computed answers seconds prefill_seconds decode_seconds"
    ).split()
    timed = [(p.busy, p.seconds) for p in parts if p.busy is not None]
    seconds = sum(s for _, s in timed)
    return Use(
        parts[0].reader,
        parts[0].mode,
        wave,
        **{name: sum(getattr(p, name) for p in parts) for name in added},
        median=(min(p.median[0] for p in parts), max(p.median[1] for p in parts)),
        p95=max(p.p95 for p in parts),
        busy=sum(b * s for b, s in timed) / seconds if seconds else None,
    )
