"""The HTML report: complete, closed to the network, safe against hostile answers, and true to the numbers it is given.

The runs are made up here with known outcomes; their summary is computed by the same statistics as a real run's.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from experiments.report import Frames, PromptView, write_report
from pipeline.core.records import Dataset, Document, Question, Span
from pipeline.score.significance import clustered_mean, compare, holm

WORDS = (
    "a binding names an object in the scope that holds it and the statement after the colon runs once for each value "
    "of the iterable unless the loop ends early because the body raised or returned while the else clause was skipped"
).split()
RATES = {
    "closed_book": 0.12, "oracle": 0.9, "random": 0.2, "lc": 0.62,
    "rag_bm25": 0.6, "rag_dense": 0.5, "rag_hybrid": 0.74, "self_route": 0.66,
}  # fmt: skip
TOKENS = {
    "closed_book": 40, "oracle": 160, "random": 1500, "lc": 11000,
    "rag_bm25": 1520, "rag_dense": 1490, "rag_hybrid": 1540, "self_route": 4200,
}  # fmt: skip
KINDS = ("location", "reasoning", "comparison", "unanswerable")
SPAN = pl.List(pl.Struct({"doc": pl.String, "start": pl.Int64, "end": pl.Int64}))


def sentence(rng: np.random.Generator, n: int) -> str:
    return " ".join(rng.choice(WORDS, n)).capitalize() + "."


def make_dataset(rng: np.random.Generator, n: int, docs: int, *, evidence: bool = True, doc_words: int = 2500) -> Dataset:
    documents = {}
    for d in range(docs):
        text = " ".join(sentence(rng, int(rng.integers(8, 22))) for _ in range(doc_words // 15))
        documents[f"ch{d:02d}"] = Document(f"ch{d:02d}", text, title=f"Chapter {d + 1}")
    questions = []
    for i in range(n):
        doc = documents[f"ch{i % docs:02d}"]
        start = int(rng.integers(0, len(doc.text or "") - 120))
        kind = KINDS[i % 4]
        questions.append(
            Question(
                id=f"{kind}-{i:04d}",
                text=f"What does the reference say about {sentence(rng, 9)[:-1].lower()}?",
                context=(doc.id,),
                golds=() if kind == "unanswerable" else (sentence(rng, 7),),
                answerable=kind != "unanswerable",
                evidence=(Span(doc.id, start, start + 110),) if evidence and kind != "unanswerable" else (),
                kind=kind,
                slices={"length": "32k" if i % 2 else "128k"},
            )
        )
    return Dataset("made up for a test", documents, tuple(questions), ("Two sources were left out.",))


def make_frames(
    rng: np.random.Generator,
    data: Dataset,
    rates: Mapping[str, float],
    readers: Sequence[str] = ("embedded",),
    *,
    fail: float = 0.0,
    baseline: str = "lc",
    answer_words: int = 25,
    shift: Callable[[str, str], float] = lambda reader, route: 0.0,
) -> Frames:
    """Frames whose routes answer right at the given rates; two routes share luck, so that pairing matters."""
    rows: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    for reader in sorted(readers):
        for route in sorted(rates):
            for q in sorted(data.questions, key=lambda q: q.id):
                luck = np.random.default_rng(abs(hash_of(q.id + reader)) % 2**32).random()
                mixed = luck if rng.random() < 0.6 else rng.random()
                doc = data.documents[q.context[0]]
                size = len(doc.text or "")
                spans, kept = evidence_of(rng, route, q, size), True
                found = bool(q.evidence) and any(s["start"] <= q.evidence[0].start < s["end"] for s in spans)
                rate = rates[route] + shift(reader, route) + (0.1 if found else -0.1 if q.evidence else 0)
                status = "right" if mixed < rate else "declined" if rng.random() < 0.25 else "wrong"
                if rng.random() < fail:
                    status = "failed"
                failed = status == "failed"
                tokens = int(TOKENS.get(route, 2000) * rng.uniform(0.8, 1.2))
                key = {"question": q.id, "route": route, "reader": reader}
                rows.append(
                    key
                    | {
                        "kind": q.kind, "context": doc.id, "cluster": doc.id, "split": "test", "length": q.slices["length"],
                        "answer": "" if failed else sentence(rng, int(rng.integers(3, answer_words))),
                        "status": "failed" if failed else "answered", "error": "HTTP 500 after 4 tries" if failed else "",
                        "finish": "error" if failed else "stop", "evidence": spans, "cites": spans[:1],
                        "calls": 2 if route == "self_route" else 1, "prompt_tokens": tokens, "completion_tokens": 18,
                        "context_tokens": size // 4, "kept_tokens": size // 4, "truncated": route == "lc" and size > 10**6,
                        "cut_at": None, "gold_kept": kept, "prompt_digest": "0" * 64,
                    }
                )  # fmt: skip
                seconds = tokens / 4000
                costs.append(
                    key
                    | {
                        "intrinsic_seconds": seconds + 0.05, "reader_seconds": seconds, "retrieve_seconds": 0.02,
                        "build_seconds": 0.03, "gpu_seconds": 0.0, "intrinsic_money": tokens * 1e-6,
                        "actual_seconds": seconds * 0.6, "actual_money": tokens * 6e-7, "cached_tokens": tokens // 3,
                    }
                )  # fmt: skip
                correct = None if failed else float(status == "right")
                scores.append(key | {"metric": "correct", "value": correct, "status": status})
                if q.evidence and route != "closed_book":
                    for metric, value in (("span_recall", 0.95 if found else 0.2), ("span_precision", 0.1), ("evidence_found", found)):
                        scores.append(key | {"metric": metric, "value": float(value), "status": status})
    order = ["reader", "route", "question"]
    answers = pl.DataFrame(rows, schema_overrides={"evidence": SPAN, "cites": SPAN, "cut_at": pl.Int64, "gold_kept": pl.Boolean})
    table = pl.DataFrame(scores, schema_overrides={"value": pl.Float64}, infer_schema_length=None)
    return Frames(answers.sort(order), pl.DataFrame(costs).sort(order), table, summarise(answers, table, costs, baseline))


def hash_of(text: str) -> int:
    return sum(ord(c) * 131**i for i, c in enumerate(text)) % 2**61


def evidence_of(rng: np.random.Generator, route: str, q: Question, size: int) -> list[dict[str, Any]]:
    doc = q.context[0]
    if route == "closed_book":
        return []
    if route in ("lc", "self_route"):
        return [{"doc": doc, "start": 0, "end": size}]
    if route == "oracle":
        return [{"doc": s.doc, "start": s.start, "end": s.end} for s in q.evidence]
    starts = sorted(int(s) for s in rng.integers(0, max(size - 1800, 1), 3))
    spans = [{"doc": doc, "start": s, "end": s + 1800} for s in starts]
    if q.evidence and route != "random" and rng.random() < 0.75:
        at = max(0, min(q.evidence[0].start - int(rng.integers(0, 1600)), size - 1800))
        spans[0] = {"doc": doc, "start": at, "end": at + 1800}
    return spans


def summarise(answers: pl.DataFrame, scores: pl.DataFrame, costs: list[dict[str, Any]], baseline: str) -> pl.DataFrame:
    cluster = dict(answers.select("question", "cluster").iter_rows())
    tokens = {(r["reader"], r["route"]): r["prompt_tokens"] for r in answers.group_by("reader", "route").agg(pl.col("prompt_tokens").mean()).to_dicts()}
    spent = pl.DataFrame(costs).group_by("reader", "route").agg(pl.col("intrinsic_seconds", "intrinsic_money").mean())
    paid = {(r["reader"], r["route"]): r for r in spent.to_dicts()}
    rows, tests = [], []
    for (reader, route, metric), part in scores.group_by(["reader", "route", "metric"], maintain_order=True):
        ok = part.filter(pl.col("value").is_not_null())
        e = clustered_mean(ok["value"].to_list(), [cluster[q] for q in ok["question"]])
        counts = {o: int((part["status"] == o).sum()) for o in ("right", "wrong", "declined", "failed")}
        row: dict[str, Any] = {
            "reader": reader, "route": route, "metric": metric, "mean": e.mean, "ci_low": e.low, "ci_high": e.high, "n": e.n,
            "clusters": e.clusters, **counts, "coverage": ok.height / part.height, "baseline": baseline,
            "prompt_tokens": tokens[reader, route], "seconds": paid[reader, route]["intrinsic_seconds"],
            "money": paid[reader, route]["intrinsic_money"], "regret": 0.1,
            **dict.fromkeys(("diff", "diff_low", "diff_high", "p", "p_holm", "route_only", "baseline_only")),
        }  # fmt: skip
        if metric == "correct" and route != baseline:
            other = scores.filter((pl.col("reader") == reader) & (pl.col("route") == baseline) & (pl.col("metric") == metric))
            both = ok.join(other.filter(pl.col("value").is_not_null()), on="question", suffix="_b")
            if both.height:
                c = compare(both["value"].to_list(), both["value_b"].to_list(), [cluster[q] for q in both["question"]], True)
                row |= {"diff": c.diff, "diff_low": c.ci_low, "diff_high": c.ci_high, "p": c.p_value, "route_only": c.a_only, "baseline_only": c.b_only}  # fmt: skip
                tests.append(row)
        rows.append(row)
    for reader in {r["reader"] for r in tests}:
        mine = [r for r in tests if r["reader"] == reader and r["route"] not in ("closed_book", "oracle", "random")]
        for row, p in zip(mine, holm([r["p"] for r in mine]), strict=True):
            row["p_holm"] = p
    return pl.DataFrame(rows, infer_schema_length=None)


def prompts_of(question: str, route: str, reader: str) -> list[PromptView]:
    return [PromptView("answer", f"Answer from the text below.\n\n{'Some document text. ' * 80}\nQuestion {question}?", 900)]


def render(path: Path, frames: Frames, data: Dataset, **more: Any) -> str:
    given = {"title": "Quickstart", "config": {"name": "quickstart", "fingerprint": "ab" * 32, "routes": ["lc"]}, "notes": ["A note."]}
    write_report(path, frames=frames, dataset=data, **(given | more))
    return path.read_text(encoding="utf-8")
