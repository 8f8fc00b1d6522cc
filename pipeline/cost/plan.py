"""What long context, retrieval and their hybrids cost per question, where they break even, and what fits in memory.

A question's device seconds are its prefill, and its share of steps that `batch` questions take side by side: no more
than fit in memory, each counted with a cache of its own though engines share a common prefix. Latencies are those of a
question alone. It knows the cost model and a load in numbers. It knows no text and no quality, and prices neither
retrieval's search nor idle time; SCBench (Li et al. 2024, arXiv 2412.10319) has the case for many questions per
document.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pipeline.core.errors import UserError
from pipeline.cost.curves import Curve, Fallback, Reused, break_even, reused
from pipeline.cost.model import CostModel

ROUTES = ("lc", "rag", "self-route", "compressed-lc", "kv-lc")
COMPRESSOR_PARAMETERS = 302e6
"""Of the layers of an encoder that compresses text, XLM-RoBERTa large's, as LLMLingua-2 uses (arXiv 2403.12968)."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked. Tokens are the reader's; rag_tokens: of the passages that a question is answered from.

    fallback: share of questions for which self-route reads the whole document too (Li et al. 2024, arXiv 2407.16833).
    text_ratio, kv_ratio: how many times fewer tokens a compressed document has, and how many times fewer a compressed
    KV cache holds. hit_share: share of a document's later questions that find its prefix cached. batch: questions that
    decode side by side, where they fit. price: of one device for an hour.
    """

    docs: int
    doc_tokens: int
    questions: int
    answer_tokens: int = 64
    question_tokens: int = 40
    rag_tokens: int = 1500
    fallback: float = 0.3
    text_ratio: float = 4.0
    kv_ratio: float = 4.0
    hit_share: float = 1.0
    batch: int = 16
    price: float = 3.0

    def __post_init__(self) -> None:
        for key in ("docs", "doc_tokens", "questions", "answer_tokens", "question_tokens", "rag_tokens", "batch"):
            if getattr(self, key) < 1:
                raise UserError(f"{key} is {getattr(self, key)}", where=key, remedy="Give 1 or more")
        for key in ("fallback", "hit_share"):
            if not 0 <= getattr(self, key) <= 1:
                raise UserError(f"{key} is {getattr(self, key):g}", where=key, remedy="Give a share from 0 to 1")
        for key in ("text_ratio", "kv_ratio"):
            if not (math.isfinite(getattr(self, key)) and getattr(self, key) >= 1):
                raise UserError(f"{key} is {getattr(self, key):g}", where=key, remedy="Give a number from 1")
        if not (math.isfinite(self.price) and self.price >= 0):
            raise UserError(f"price is {self.price:g}", where="price", remedy="Give a number from 0")


@dataclass(frozen=True)
class RouteCost:
    """One route. Seconds are None where it does not fit.

    prompt_tokens: of one question, before a cache. fits: sequences side by side; batch: how many of them are used.
    cold, warm: device seconds of a question whose document is new, or cached. first_cold, first_warm: seconds to its
    first token, alone. alone: seconds to the end of a warm answer, alone. curve: device seconds per question. from_rag:
    questions per document from which it is as cheap as RAG; None: never.
    """

    route: str
    prompt_tokens: int
    fits: int
    batch: int
    cold: float | None = None
    warm: float | None = None
    first_cold: float | None = None
    first_warm: float | None = None
    alone: float | None = None
    curve: Curve | None = None
    from_rag: float | None = None


@dataclass(frozen=True)
class Plan:
    """All routes under one load. held: documents whose whole KV cache fits in memory at once.

    lc_self_route: questions per document from which LC is as cheap as self-route; None: never, or one does not fit.
    """

    model: CostModel
    load: Load
    routes: tuple[RouteCost, ...]
    held: int
    lc_self_route: float | None
    notes: tuple[str, ...]

    def money(self, seconds: float) -> float:
        """What this many seconds of the device or devices cost."""
        return seconds * self.model.device.count * self.load.price / 3600

    def route(self, name: str) -> RouteCost:
        """The cost of the route of this name."""
        return next(r for r in self.routes if r.route == name)


@dataclass(frozen=True)
class _Asked:
    """A question by one prompt: cold and warm device seconds, seconds to the first token, seconds alone."""

    cold: float
    warm: float
    first_cold: float
    first_warm: float
    alone: float


def make_plan(model: CostModel, load: Load) -> Plan:
    """Price every route. Raises UserError where the weights leave no room for the shortest prompt."""
    ask, answer = load.question_tokens, load.answer_tokens
    rag = load.rag_tokens + ask
    if not model.contexts(rag + answer):
        needed = model.devices_needed(rag + answer)
        held = model.device.memory_bytes * model.engine.memory_share / 1e9
        raise UserError(
            f"weights of {model.shape.weight_bytes / 1e9:.1f} GB, activations and one short prompt do not fit in "
            f"{model.device.count} x {held:.1f} GB",
            where=f"{model.shape.name} on {model.device.name}",
            remedy=f"Give --devices {needed}, or fewer bits for the weights" if needed else "Give a smaller model",
        )
    lc = _whole(model, load, "lc", load.doc_tokens, load.doc_tokens)
    short = math.ceil(load.doc_tokens / load.text_ratio)
    kept = math.ceil(load.doc_tokens / load.kv_ratio)
    once = 2 * COMPRESSOR_PARAMETERS * load.doc_tokens / model.device.matrix_flops / model.device.count
    passages = _passages(model, load)
    mixed = _self_route(load, passages, lc)
    compressed = _whole(model, load, "compressed-lc", short, short, once)
    kv = _whole(model, load, "kv-lc", load.doc_tokens, kept)
    routes = tuple(replace(r, from_rag=_from_rag(r, passages)) for r in (lc, passages, mixed, compressed, kv))
    return Plan(
        model,
        load,
        routes,
        held=model.contexts(load.doc_tokens),
        lc_self_route=break_even(lc.curve.mean, mixed.curve.mean) if lc.curve and mixed.curve else None,
        notes=_notes(model, load, routes),
    )


def _passages(model: CostModel, load: Load) -> RouteCost:
    """RAG: each question reads its own passages, and finds nothing cached."""
    prompt = load.rag_tokens + load.question_tokens
    fits = model.contexts(prompt + load.answer_tokens)
    batch = min(load.batch, fits)
    asked = _asked(model, load, prompt, 0, 0, batch)
    return _filled("rag", prompt, fits, batch, asked, Reused(asked.cold, asked.cold), once=0.0)


def _whole(model: CostModel, load: Load, name: str, read: int, kept: int, once: float = 0.0) -> RouteCost:
    """A document of `read` tokens, of whose cache `kept` stay, and the question behind it; `once`: per document."""
    prompt, tail = read + load.question_tokens, load.question_tokens + load.answer_tokens
    # While one document is read, its cache is whole; those read before it are compressed.
    spare = model.room_bytes - model.kv_bytes(read + tail)
    fits = 1 + math.floor(spare / model.kv_bytes(kept + tail)) if spare >= 0 else 0
    batch = min(load.batch, fits)
    if not batch:
        return RouteCost(name, prompt, 0, 0)
    asked = _asked(model, load, load.question_tokens, read, kept, batch)
    return _filled(name, prompt, fits, batch, asked, reused(asked.cold, asked.warm, load.hit_share, once), once)


def _asked(model: CostModel, load: Load, tokens: int, read: int, kept: int, batch: int) -> _Asked:
    """A prompt of `tokens` behind a document of `read` tokens, of which `kept` stay in the cache."""
    reading = model.prefill_seconds(read)
    warm = model.first_token_seconds(tokens, kept, batch)
    warm += model.answer_seconds(kept + tokens, load.answer_tokens, batch)
    first = model.first_token_seconds(tokens, kept)
    alone = first + model.answer_seconds(kept + tokens, load.answer_tokens)
    return _Asked(reading + warm / batch, warm / batch, reading + first, first, alone)


def _filled(name: str, prompt: int, fits: int, batch: int, asked: _Asked, curve: Curve, once: float) -> RouteCost:
    return RouteCost(
        name,
        prompt,
        fits,
        batch,
        cold=once + asked.cold,
        warm=asked.warm,
        first_cold=once + asked.first_cold,
        first_warm=asked.first_warm,
        alone=asked.alone,
        curve=curve,
    )


def _self_route(load: Load, rag: RouteCost, lc: RouteCost) -> RouteCost:
    """RAG for every question, and LC behind it for those that its passages cannot answer. Seconds are expected ones."""
    if not isinstance(lc.curve, Reused):
        return RouteCost("self-route", lc.prompt_tokens, 0, 0)
    share = load.fallback

    def both(cheap: float | None, dear: float | None) -> float:
        return (cheap or 0.0) + share * (dear or 0.0)

    # A fallback's first token comes behind all of RAG's answer, which says that the passages do not do.
    soon = (1 - share) * (rag.first_cold or 0.0) + share * (rag.alone or 0.0)
    return RouteCost(
        "self-route",
        round(both(rag.prompt_tokens, lc.prompt_tokens)),
        min(rag.fits, lc.fits),
        min(rag.batch, lc.batch),
        cold=both(rag.cold, lc.cold),
        warm=both(rag.warm, lc.warm),
        first_cold=both(soon, lc.first_cold),
        first_warm=both(soon, lc.first_warm),
        alone=both(rag.alone, lc.alone),
        curve=Fallback(both(rag.cold, 0.0), share, lc.curve),
    )


def _from_rag(route: RouteCost, rag: RouteCost) -> float | None:
    """Where it is as cheap as RAG; the closed form where there is one."""
    if route.curve is None or rag.curve is None:
        return None
    if isinstance(route.curve, Reused):
        return route.curve.meets(rag.curve.mean(1))
    return break_even(route.curve.mean, rag.curve.mean)


def _notes(model: CostModel, load: Load, routes: tuple[RouteCost, ...]) -> tuple[str, ...]:
    notes = []
    if not model.device.measured:
        notes.append(
            f"UNMEASURED: the constants of {model.device.name} are data-sheet values times stated efficiencies. "
            "Measure yours: python -m pipeline calibrate --out device.json"
        )
    limit = model.shape.positions
    longest = load.doc_tokens + load.question_tokens + load.answer_tokens
    if limit and longest > limit:
        notes.append(f"{longest:,} tokens are more than the {limit:,} positions that {model.shape.name} was made for.")
    if load.rag_tokens >= load.doc_tokens:
        notes.append(f"RAG's passages, {load.rag_tokens:,} tokens, are as long as the document or longer.")
    absent = [r.route for r in routes if r.curve is None]
    if absent:
        needed = model.devices_needed(longest)
        more = f"; {needed} devices would hold one" if needed > model.device.count else ""
        notes.append(f"One context does not fit, so not priced: {', '.join(absent)}{more}.")
    return tuple(notes)
