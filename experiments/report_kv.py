"""The report's section on KV policies: what each reader's policy kept of the prompts, at most held, and took in time.

From the `kv` events of `calls.jsonl` to one section; it knows no policy. A run whose answers were all remembered read
no prompt: its report tells of the last one that did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from experiments import report_words as words
from experiments.report_html import Cell, Head, paragraph, section, table

NAME = "KV cache"
"""What the navigation calls the section, whose id is `kv`."""

_SUMS = ("prompts", "tokens", "dense_bytes", "kept_bytes", "prefill_seconds", "compress_seconds", "decode_seconds")
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@dataclass
class KVRow:
    """A reader's policy over a run. Bytes: of all prompts together, but `peak_bytes`, the most at any time."""

    reader: str
    policy: str
    settings: Mapping[str, Any]
    prompts: int = 0
    tokens: int = 0
    dense_bytes: int = 0
    kept_bytes: int = 0
    peak_bytes: int = 0
    peak_share: float = 0.0
    attended: int = 0
    prefill_seconds: float = 0.0
    compress_seconds: float = 0.0
    decode_seconds: float = 0.0

    @property
    def share(self) -> float:
        """kept_bytes of dense_bytes."""
        return self.kept_bytes / self.dense_bytes if self.dense_bytes else 1.0

    @property
    def given(self) -> str:
        """The budget first, where there is one, then the other settings."""
        budget = {"budget": self.settings["budget"]} if "budget" in self.settings else {}
        return ", ".join(f"{name} {_plain(value)}" for name, value in {**budget, **self.settings}.items())

    def add(self, event: Mapping[str, Any]) -> None:
        """Another wave of calls of the same reader."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + event[name])
        for name in ("peak_bytes", "peak_share", "attended"):
            setattr(self, name, max(getattr(self, name), event[name]))


def kv_rows(events: Iterable[Mapping[str, Any]]) -> list[KVRow]:
    """The `kv` events of a run's log, one row for each reader, in the order of their first calls."""
    rows: dict[str, KVRow] = {}
    for event in events:
        if event.get("event") == "kv":
            new = KVRow(event["reader"], event["policy"], event["settings"])
            rows.setdefault(event["reader"], new).add(event)
    return list(rows.values())


def kv(events: Iterable[Mapping[str, Any]]) -> str:
    """The section, or nothing for a run in which no prompt was read under a policy."""
    rows = kv_rows(events)
    if not rows:
        return ""
    heads = [
        Head("Reader", numeric=False),
        Head("Policy", "what it keeps, with all its settings", numeric=False),
        Head("prompts", "prompts read in the last run that read any; remembered answers read none"),
        Head("tokens", "of a prompt, mean"),
        Head("dense", "bytes of a prompt's keys and values, kept whole, mean"),
        Head("kept", "share of these bytes that stands in memory once the prompt is read"),
        Head("peak", "share at the worst moment of any prompt: what is kept, and one layer whole"),
        Head("most", "bytes at that moment, of any prompt"),
        Head("attended", "the most entries that one token of an answer was given by a key/value head"),
        Head("read (s)", "seconds in which a prompt was read, mean, without compressing"),
        Head("compressed (s)", "seconds in which its cache was compressed, mean"),
        Head("answered (s)", "seconds in which its answer was written, mean"),
    ]
    body = []
    for row in rows:
        cells = [Cell(row.reader, row.reader), Cell(row.policy, row.policy, below=row.given)]
        cells += [Cell(words.number(n), n) for n in (row.prompts, row.tokens / row.prompts)]
        cells += [Cell(in_bytes(row.dense_bytes / row.prompts), row.dense_bytes / row.prompts)]
        cells += [Cell(words.percent(s), s) for s in (row.share, row.peak_share)]
        cells += [Cell(in_bytes(row.peak_bytes), row.peak_bytes), Cell(words.number(row.attended), row.attended)]
        seconds = (row.prefill_seconds, row.compress_seconds, row.decode_seconds)
        cells += [Cell(words.quantity(s / row.prompts), s / row.prompts) for s in seconds]
        body.append(("", cells))
    guide = paragraph(
        "Dense is what a prompt's keys and values would take as they are; kept is the share of it that the policy left "
        "in memory for the answer. The peak adds the one layer that stands whole while it is compressed, so that a "
        "model of few layers comes out higher. Prompts are read one at a time.",
        "guide",
    )
    title = "What did the KV policies keep?"
    return section("kv", title, paragraph(finding(rows), "finding"), table(heads, body, "KV cache by reader"), guide)


def finding(rows: list[KVRow]) -> str:
    """The section in one sentence for each reader."""
    return " ".join(
        f"{row.reader}: {row.policy} kept {words.percent(row.share)} of the prompts' keys and values, and at most "
        f"{words.percent(row.peak_share)} stood in memory at once."
        for row in rows
    )


def in_bytes(count: float) -> str:
    """12 bytes, 1.25 GiB: to three digits, in units of 1,024."""
    unit = 0
    while round(count, 1) >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{words.quantity(count)}{words.SPACE}{_UNITS[unit]}"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
