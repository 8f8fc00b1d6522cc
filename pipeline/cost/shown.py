"""A plan in words for a terminal of 100 columns, and as a dictionary for JSON.

It knows plans; it knows no file, no command and no drawing.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import asdict
from typing import Any

from pipeline.cost.plan import Plan, RouteCost

WIDTH = 100


def table_of(plan: Plan) -> str:
    """The plan as lines of at most WIDTH columns."""
    load, model = plan.load, plan.model
    asked = f"{load.docs:,} documents x {load.doc_tokens:,} tokens, {load.questions:,} questions each"
    lines = [
        *_wrapped(f"{model.shape.name} on {model.device.count} x {model.device.name}: {asked}"),
        *_wrapped(f"Constants: {model.device.note or 'no source is stated'}."),
        *(line for note in plan.notes for line in _wrapped(note)),
        "",
        *_memory(plan),
        "",
        *_routes(plan),
        "",
        *_meaning(plan),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _memory(plan: Plan) -> list[str]:
    model, load = plan.model, plan.load
    d, e = model.device, model.engine
    size = load.doc_tokens
    usable = d.memory_bytes * e.memory_share
    count = f"{plan.held:,} of {load.docs:,}" if plan.held < load.docs else f"{plan.held:,}"
    held = f"{count} documents fit at once" if plan.held else "not even one document fits"
    rows = [
        (
            "Memory of a device",
            f"{_gb(d.memory_bytes)}, usable {_gb(usable)}: weights {_gb(model.weight_bytes)}, "
            f"activations {_gb(model.activation_bytes)}, KV {_gb(model.room_bytes)}",
        ),
        (
            f"KV cache ({e.kv})",
            f"{model.shape.kv_bytes(1, e.kv) / 1024:,.1f} KiB for a token, "
            f"{_gb(model.shape.kv_bytes(size, e.kv))} for a document: {held}",
        ),
    ]
    if plan.held:
        moved = f"{seconds(model.switch_seconds(size))} s to move one document's cache out and another in"
        again = f"{seconds(model.prefill_seconds(size))} s to read it again"
        rows.append(("Context switch", f"{moved}; {again}"))
    if 0 < plan.held < load.docs:
        share = f"{plan.held / load.docs:.1%}"
        rows.append(
            ("Questions' order", f"document by document; in random order at most {share} would find theirs cached")
        )
    return [
        line
        for name, told in rows
        for line in textwrap.wrap(f"{name:20}{told}", WIDTH, subsequent_indent=" " * 20, break_on_hyphens=False)
    ]


def _routes(plan: Plan) -> list[str]:
    times = (
        f"{'':14}{'prompt':>10}{'':>8}{'':>7}{'busy seconds a question':>29}{'seconds alone, to':>30}",
        f"{'route':14}{'tokens':>10}{'fits':>8}{'batch':>7}{'cold':>11}{'warm':>9}{'mean':>9}"
        f"{'1st cold':>10}{'1st warm':>10}{'end warm':>10}",
    )
    money = (
        f"{'':14}{'$ per 1000 questions':>38}{f'$ for all {plan.load.docs * plan.load.questions:,}':>22}"
        f"{'as cheap as rag from':>26}",
        f"{'route':14}{'cold':>14}{'warm':>12}{'mean':>12}{'questions':>22}{'questions per document':>26}",
    )
    return [
        *(*times, "-" * WIDTH, *(_timed(plan, route) for route in plan.routes), ""),
        *(*money, "-" * WIDTH, *(_priced(plan, route) for route in plan.routes if route.curve is not None)),
    ]


def _timed(plan: Plan, r: RouteCost) -> str:
    start = f"{r.route:14}{r.prompt_tokens:>10,}{r.fits:>8,}"
    if r.curve is None:
        return f"{start}   one context does not fit"
    busy = (r.cold, r.warm, r.curve.mean(plan.load.questions))
    alone = (r.first_cold, r.first_warm, r.alone)
    shown = "".join(f"{seconds(t):>9}" for t in busy) + "".join(f"{seconds(t):>10}" for t in alone)
    return f"{start}{r.batch:>7}  {shown}"


def _priced(plan: Plan, r: RouteCost) -> str:
    mean = r.curve.mean(plan.load.questions) if r.curve else 0.0
    each = [plan.money(1000 * (s or 0.0)) for s in (r.cold, r.warm, mean)]
    total = plan.money(mean * plan.load.docs * plan.load.questions)
    met = "" if r.route == "rag" else "never" if r.from_rag is None else f"{whole(r.from_rag):,}"
    return f"{r.route:14}{_money(each[0]):>14}{_money(each[1]):>12}{_money(each[2]):>12}{_money(total):>22}{met:>26}"


def _meaning(plan: Plan) -> list[str]:
    load = plan.load
    lc, rag = plan.route("lc"), plan.route("rag")
    said = []
    if lc.curve is not None and rag.curve is not None:
        if lc.from_rag is None:
            why = "a question on a cached document costs more than one on cold passages"
            said.append(f"LC is never as cheap as RAG: {why} ({seconds(lc.warm)} against {seconds(rag.cold)} s).")
        else:
            said.append(f"LC is as cheap as RAG from {_asked(lc.from_rag)} per document.")
        if plan.lc_self_route is None:
            said.append("It is never as cheap as self-route.")
        else:
            said.append(f"It is as cheap as self-route from {_asked(plan.lc_self_route)} per document.")
    basis = (
        f"cold: a new document; warm: its prefix is cached; mean: over {load.questions:,} questions of a document, "
        f"later ones warm in {load.hit_share:.0%}. Busy seconds: a question's share of steps taken for a batch. "
        f"Answers of {load.answer_tokens} tokens, {load.batch} side by side where they fit; {load.fallback:.0%} of "
        f"self-route's questions fall back; text compressed {load.text_ratio:g} times, KV {load.kv_ratio:g} times; "
        f"{load.price:g} $ for a device and hour. Retrieval's search, waiting and idle time are not in it."
    )
    return [line for text in (" ".join(said), basis) if text for line in _wrapped(text)]


def _asked(questions: float) -> str:
    count = whole(questions)
    return f"{count:,} question{'s' if count > 1 else ''}"


def whole(questions: float) -> int:
    """The least whole number of questions at or above a break-even, apart from rounding."""
    return math.ceil(questions - 1e-9)


def seconds(value: float | None) -> str:
    """Seconds in three figures or fewer places than four."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return _figures(value) if value >= 1 else f"{value:.4f}" if value < 0.1 else f"{value:.3f}"


def _money(value: float) -> str:
    """Money in three figures, or in whole units."""
    return f"{value:,.0f}" if value >= 1000 else _figures(value)


def _figures(value: float) -> str:
    return f"{value:#.3g}".removesuffix(".")


def _gb(value: float) -> str:
    return f"{value / 1e9:,.1f} GB" if abs(value) >= 1e8 else f"{value / 1e9:,.3f} GB"


def record_of(plan: Plan) -> dict[str, Any]:
    """The plan as plain data: bytes, seconds and money, None where a route does not fit."""
    model, load = plan.model, plan.load
    routes = []
    for r in plan.routes:
        row: dict[str, Any] = {k: v for k, v in asdict(r).items() if k != "curve"}
        mean = r.curve.mean(load.questions) if r.curve else None
        row["mean"] = mean
        for key, value in (("cold", r.cold), ("warm", r.warm), ("mean", mean)):
            row[f"money_{key}"] = None if value is None else plan.money(value)
        routes.append(row)
    return {
        "model": asdict(model.shape),
        "parameters": model.shape.parameters,
        "device": asdict(model.device),
        "engine": asdict(model.engine),
        "load": asdict(load),
        "memory": {
            "weights": model.weight_bytes,
            "activations": model.activation_bytes,
            "room": model.room_bytes,
            "kv_token": model.kv_bytes(1),
            "kv_document": model.kv_bytes(load.doc_tokens),
            "documents_held": plan.held,
            "switch_seconds": model.switch_seconds(load.doc_tokens),
        },
        "routes": routes,
        "lc_as_cheap_as_self_route": plan.lc_self_route,
        "notes": list(plan.notes),
    }
