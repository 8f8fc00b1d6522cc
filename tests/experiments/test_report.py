"""The HTML report: complete, closed to the network, safe against hostile answers, and true to the numbers it is given.

The runs are made up here with known outcomes; their summary is computed by the same statistics as a real run's.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
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


def make_dataset(
    rng: np.random.Generator, n: int, docs: int, *, evidence: bool = True, doc_words: int = 2500
) -> Dataset:
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
                spans = evidence_of(rng, route, q, size)
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
                        "kind": q.kind, "context": doc.id, "cluster": doc.id, "split": "test",
                        "length": q.slices["length"],
                        "answer": "" if failed else sentence(rng, int(rng.integers(3, answer_words))),
                        "status": "failed" if failed else "answered",
                        "error": "HTTP 500 after 4 tries" if failed else "",
                        "finish": "error" if failed else "stop", "evidence": spans, "cites": spans[:1],
                        "calls": 2 if route == "self_route" else 1, "prompt_tokens": tokens, "completion_tokens": 18,
                        "context_tokens": size // 4, "kept_tokens": size // 4, "truncated": False,
                        "cut_at": None, "gold_kept": True, "prompt_digest": "0" * 64,
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
                    for metric, value in (
                        ("span_recall", 0.95 if found else 0.2),
                        ("span_precision", 0.1),
                        ("evidence_found", found),
                    ):
                        scores.append(key | {"metric": metric, "value": float(value), "status": status})
    order = ["reader", "route", "question"]
    answers = pl.DataFrame(
        rows, schema_overrides={"evidence": SPAN, "cites": SPAN, "cut_at": pl.Int64, "gold_kept": pl.Boolean}
    )
    table = pl.DataFrame(scores, schema_overrides={"value": pl.Float64}, infer_schema_length=None)
    return Frames(
        answers.sort(order), pl.DataFrame(costs).sort(order), table, summarise(answers, table, costs, baseline)
    )


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
    tokens = {
        (r["reader"], r["route"]): r["prompt_tokens"]
        for r in answers.group_by("reader", "route").agg(pl.col("prompt_tokens").mean()).to_dicts()
    }
    spent = pl.DataFrame(costs).group_by("reader", "route").agg(pl.col("intrinsic_seconds", "intrinsic_money").mean())
    paid = {(r["reader"], r["route"]): r for r in spent.to_dicts()}
    rows, tests = [], []
    for (reader, route, metric), part in scores.group_by(["reader", "route", "metric"], maintain_order=True):
        ok = part.filter(pl.col("value").is_not_null())
        e = clustered_mean(ok["value"].to_list(), [cluster[q] for q in ok["question"]])
        counts = {o: int((part["status"] == o).sum()) for o in ("right", "wrong", "declined", "failed")}
        row: dict[str, Any] = {
            "reader": reader, "route": route, "metric": metric, "mean": e.mean, "ci_low": e.low, "ci_high": e.high,
            "n": e.n, "clusters": e.clusters, **counts, "coverage": ok.height / part.height, "baseline": baseline,
            "prompt_tokens": tokens[reader, route], "seconds": paid[reader, route]["intrinsic_seconds"],
            "money": paid[reader, route]["intrinsic_money"], "regret": 0.1,
            **dict.fromkeys(("diff", "diff_low", "diff_high", "p", "p_holm", "route_only", "baseline_only")),
        }  # fmt: skip
        if metric == "correct" and route != baseline:
            other = scores.filter(
                (pl.col("reader") == reader) & (pl.col("route") == baseline) & (pl.col("metric") == metric)
            )
            both = ok.join(other.filter(pl.col("value").is_not_null()), on="question", suffix="_b")
            if both.height:
                c = compare(
                    both["value"].to_list(), both["value_b"].to_list(), [cluster[q] for q in both["question"]], True
                )
                row |= {"diff": c.diff, "diff_low": c.ci_low, "diff_high": c.ci_high, "p": c.p_value}
                row |= {"route_only": c.a_only, "baseline_only": c.b_only}
                tests.append(row)
        rows.append(row)
    for reader in {r["reader"] for r in tests}:
        mine = [r for r in tests if r["reader"] == reader and r["route"] not in ("closed_book", "oracle", "random")]
        for row, p in zip(mine, holm([r["p"] for r in mine]), strict=True):
            row["p_holm"] = p
    return pl.DataFrame(rows, infer_schema_length=None)


def prompts_of(question: str, route: str, reader: str) -> list[PromptView]:
    return [
        PromptView("answer", f"Answer from the text below.\n\n{'Some document text. ' * 80}\nQuestion {question}?", 900)
    ]


def render(path: Path, frames: Frames, data: Dataset, **more: Any) -> str:
    given = {
        "title": "Quickstart",
        "config": {"name": "quickstart", "fingerprint": "ab" * 32, "routes": ["lc"]},
        "notes": ["A note."],
    }
    write_report(path, frames=frames, dataset=data, **(given | more))
    return path.read_text(encoding="utf-8")


class Page(HTMLParser):
    """What a browser would see: tags, attributes, and the text of scripts and of everything else."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self._script: dict[str, str | None] | None = None
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = dict(attrs) if tag == "script" else None
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._script, self._style = None, False

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts.append((self._script, data))
        elif not self._style:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    def data(self, id: str) -> Any:
        return json.loads(next(body for attrs, body in self.scripts if attrs.get("id") == id))


@pytest.fixture(scope="module")
def run() -> tuple[Frames, Dataset]:
    rng = np.random.default_rng(7)
    data = make_dataset(rng, 60, 10)
    return make_frames(rng, data, RATES), data


@pytest.fixture(scope="module")
def page(run: tuple[Frames, Dataset], tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(render(tmp_path_factory.mktemp("r") / "report.html", *run, prompts=prompts_of))


def replaced(frames: Frames, **columns: pl.Expr) -> Frames:
    return dataclasses.replace(frames, answers=frames.answers.with_columns(**columns))


def test_the_same_input_gives_the_same_bytes(run: tuple[Frames, Dataset], tmp_path: Path) -> None:
    a = render(tmp_path / "a.html", *run, prompts=prompts_of)
    assert a == render(tmp_path / "b.html", *run, prompts=prompts_of)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_what_engines_did_is_read_from_the_calls_beside_the_report(run: tuple[Frames, Dataset], tmp_path: Path) -> None:
    without = render(tmp_path / "report.html", *run)
    assert '<section id="engine"' not in without
    said = {
        "mode": "throughput", "warm": False, "prompts": 9, "seconds": 2.0, "computed_tokens": 800, "answer_tokens": 90,
        "prefill_seconds": 0.5, "decode_seconds": 1.5, "first_token": [0.2, 0.7], "gpu_busy": 0.5,
    }  # fmt: skip
    calls = {"event": "calls", "reader": "embedded", "wave": 0, "made": 9, "warm": 4, "engine": said}
    told = {**calls, "predicted_cached_tokens": 100, "observed_cached_tokens": 99}
    (tmp_path / "calls.jsonl").write_text(json.dumps({"event": "stage"}) + "\n" + json.dumps(told) + "\n")
    page = Page(render(tmp_path / "report.html", *run))
    assert ("section", {"id": "engine"}) in page.tags
    assert ("a", {"href": "#engine"}) in page.tags
    assert "1 600" in page.text
    (tmp_path / "calls.jsonl").unlink()
    assert render(tmp_path / "report.html", *run) == without


def test_the_page_asks_nothing_of_any_network(run: tuple[Frames, Dataset], tmp_path: Path) -> None:
    text = render(tmp_path / "r.html", *run)
    page = Page(text)
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "formaction", "xlink:href", "background"):
            value = attrs.get(name) or "#"
            assert value.startswith("#"), f"<{tag} {name}={value}>"
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "img", "audio", "video")
    styles = " ".join([*re.findall(r"<style>(.*?)</style>", text, re.S), *(a.get("style") or "" for _, a in page.tags)])
    assert "url(" not in styles
    assert "@import" not in styles
    assert not re.search(r"https?:|//[a-z]", re.sub(r"(?m)//.*$", "", page.scripts[-1][1]))


def test_the_policy_allows_the_pages_own_script_and_no_other(page: Page) -> None:
    policy = next(a["content"] or "" for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    own = [body for attrs, body in page.scripts if attrs.get("type") != "application/json"]
    digest = base64.b64encode(hashlib.sha256(own[0].encode()).digest()).decode()
    assert len(own) == 1
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}';" in policy
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


def test_every_question_of_the_report_is_answered_or_its_absence_explained(page: Page) -> None:
    ids = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert ids == [
        "routes", "quality", "tokens", "outcomes", "kinds", "position", "retrieval", "agreement", "questions", "cost",
        "settings",
    ]  # fmt: skip
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a" and "here" not in (attrs.get("class") or "")]
    assert [f"#{i}" for i in ids] == [link for link in links if link != "#main"]
    drawn = [attrs for tag, attrs in page.tags if tag == "svg" and attrs.get("role") == "img"]
    assert len(drawn) == 2 * 9  # wide and narrow
    assert all(attrs.get("aria-label") for attrs in drawn)


def test_the_tables_numbers_are_the_summarys(page: Page, run: tuple[Frames, Dataset]) -> None:
    for row in run[0].summary.filter(pl.col("metric") == "correct").to_dicts():
        interval = f"{100 * row['ci_low']:.0f} to {100 * row['ci_high']:.0f}"
        counts = " ".join(str(row[o]) for o in ("right", "wrong", "declined", "failed"))
        pattern = rf"{row['route']} {100 * row['mean']:.1f} {interval} .{{0,60}}? {counts} "
        assert re.search(pattern, page.text), pattern


def test_the_answers_can_be_read_back_whole(page: Page, run: tuple[Frames, Dataset]) -> None:
    frames, data = run
    index = page.data("index")
    block = page.data("block-0")
    id = index["rows"][0][0]
    text, golds, answerable, gold, _, cells = block["items"][0]
    question = next(q for q in data.questions if q.id == id)
    assert (text, golds, answerable) == (question.text, list(question.golds), question.answerable)
    assert [[block["pool"][g[0]], g[1], g[2]] for g in gold] == [
        [data.documents[s.doc].title, s.start, s.end] for s in question.evidence
    ]
    outcomes = frames.scores.filter((pl.col("question") == id) & (pl.col("metric") == "correct"))
    status = dict(outcomes.select("route", "status").iter_rows())
    for (_, route), cell, code in zip(index["columns"], cells, index["rows"][0][3], strict=True):
        name = index["routes"][route]
        row = frames.answers.filter((pl.col("question") == id) & (pl.col("route") == name)).to_dicts()[0]
        assert cell[0] == row["answer"]
        assert cell[2] == row["prompt_tokens"]
        assert code == status[name][0]
        assert cell[12][0][1] == 900
        assert [s[1:3] for s in cell[9]] == [[e["start"], e["end"]] for e in row["evidence"]]


RUN = "document.title='owned'"
HOSTILE = f'</script><script>{RUN}</script><img src=x onerror="{RUN}"><!-- {{{{data}}}} \u2028 \'"&'


def test_a_hostile_text_stays_text_wherever_it_stands(run: tuple[Frames, Dataset], tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    data = make_dataset(rng, 40, 5)
    doc = data.documents["ch00"]
    evil_doc = Document(doc.id, HOSTILE + (doc.text or ""), title=HOSTILE)
    questions = tuple(
        dataclasses.replace(
            q, text=HOSTILE, golds=(HOSTILE,), kind=HOSTILE, slices={"length": HOSTILE + q.slices["length"]}
        )
        for q in data.questions
    )  # fmt: skip
    data = Dataset(HOSTILE, {**data.documents, "ch00": evil_doc}, questions, (HOSTILE,))
    rates = {"lc": 0.5, HOSTILE: 0.6, "rag": 0.3}
    frames = replaced(
        make_frames(rng, data, rates, readers=(HOSTILE, "b")), answer=pl.lit(HOSTILE), error=pl.lit(HOSTILE)
    )
    text = render(
        tmp_path / "r.html", frames, data, title=HOSTILE, notes=[HOSTILE], config={"x": HOSTILE, "name": HOSTILE},
        prompts=lambda q, route, reader: [PromptView(HOSTILE, HOSTILE)],
    )  # fmt: skip
    page, tame = Page(text), Page(render(tmp_path / "t.html", *run))
    assert {t for t, _ in page.tags} <= {t for t, _ in tame.tags} | {"aside", "h3", "small"}
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert [a.get("type") for a, _ in page.scripts].count(None) == 1
    assert page.data("index")["rows"][0][1] == " ".join(HOSTILE.split())
    assert page.data("block-0")["items"][0][5][0][0] == HOSTILE
    assert HOSTILE.split("\u2028")[0].strip() in page.text
    assert "document.title" not in page.scripts[-1][1]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium to open the page in")
def test_a_browser_shows_one_question_and_runs_nothing_hostile(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    data = make_dataset(rng, 30, 5)
    frames = replaced(make_frames(rng, data, {"lc": 0.5, "rag": 0.6}), answer=pl.lit("ANSWER " + HOSTILE))
    render(tmp_path / "r.html", frames, data, title="tame title")
    id = data.questions[1].id
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--no-first-run", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000", "--dump-dom"]
    done = subprocess.run(
        [*command, f"{(tmp_path / 'r.html').as_uri()}#q={id}"], capture_output=True, text=True, timeout=60
    )
    shown = Page(done.stdout)
    cards = [a for _, a in shown.tags if (a.get("class") or "").startswith("card ")]
    assert "<title>tame title</title>" in done.stdout
    assert [a.get("class") for a in cards] in (["card baseline", "card route"], ["card route", "card baseline"])
    assert shown.text.count("ANSWER </script>") == 2
    assert not [t for t, _ in shown.tags if t == "img"]
    report = next(a for _, a in shown.tags if a.get("id") == "report")
    assert "hidden" in report


def test_without_evidence_times_and_prices_the_page_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    data = make_dataset(rng, 40, 5, evidence=False)
    frames = make_frames(rng, data, {"lc": 0.5, "rag": 0.6}, readers=("a", "b"))
    zero = [pl.lit(0.0).alias(c) for c in frames.costs.columns if "seconds" in c or "money" in c]
    frames = Frames(
        frames.answers.with_columns(prompt_tokens=pl.lit(0, dtype=pl.Int64)),
        frames.costs.with_columns(*zero),
        frames.scores,
        frames.summary.with_columns(prompt_tokens=pl.lit(0.0), seconds=pl.lit(0.0), money=pl.lit(0.0)),
    )
    text = Page(render(tmp_path / "r.html", frames, data)).text
    assert "Where the evidence stands is not known for these questions." in text
    assert "There is no gold evidence to hold the retrieved passages against." in text
    assert "Neither time nor price is known for these answers." in text
    assert "The prompts' sizes are not known." in text


def test_a_folder_without_gold_answers_still_shows_its_answers(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    data = make_dataset(rng, 12, 3, evidence=False)
    data = dataclasses.replace(
        data, questions=tuple(dataclasses.replace(q, golds=(), answerable=None) for q in data.questions)
    )
    frames = make_frames(rng, data, {"lc": 0.5, "rag": 0.6})
    first = frames.scores.head(1).with_columns(status=pl.lit("failed"), value=None)
    unmarked = Frames(frames.answers, frames.costs, first, frames.summary.clear())
    page = Page(render(tmp_path / "r.html", unmarked, data))
    assert "No answer could be marked: the questions have no gold answers." in page.text
    assert sorted({row[3] for row in page.data("index")["rows"]}) in (["fu", "uu"], ["uf", "uu"])
    assert page.data("block-0")["items"][0][5][0][0]


def test_missing_rows_and_unequal_failures_are_told_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    data = make_dataset(rng, 60, 6)
    frames = make_frames(rng, data, {"lc": 0.5, "rag": 0.6}, fail=0.15)
    lost = frames.answers.filter(pl.int_range(pl.len()) != 3)
    page = Page(render(tmp_path / "r.html", dataclasses.replace(frames, answers=lost), data))
    beware = page.text[page.text.index("Beware") : page.text.index("How do the routes compare?")]
    failed = {r["route"]: r["failed"] for r in frames.summary.filter(pl.col("metric") == "correct").to_dicts()}
    assert "Incomplete: 119 of 120 answers are there." in beware
    assert failed["lc"] != failed["rag"]
    assert f"lc {failed['lc']}" in beware
    assert f"rag {failed['rag']}" in beware


def test_cut_contexts_are_told_with_the_evidence_they_lost(run: tuple[Frames, Dataset], tmp_path: Path) -> None:
    cut = (pl.col("route") == "lc") & pl.col("question").str.starts_with("location")
    frames = replaced(run[0], truncated=cut, gold_kept=~pl.col("question").str.ends_with("0"))
    page = Page(render(tmp_path / "r.html", frames, run[1]))
    lost = frames.answers.filter(cut & ~pl.col("gold_kept")).height
    assert (
        f"lc: the context did not fit and was cut in 15 prompts, and gold evidence was lost in {lost} of them."
        in page.text
    )


def test_a_large_study_is_cut_to_size_and_answers_keep_their_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.report.MOST_BYTES", 150_000)
    rng = np.random.default_rng(9)
    data = make_dataset(rng, 100, 5, evidence=False)
    frames = replaced(make_frames(rng, data, {"lc": 0.5, "rag": 0.6}), answer=pl.lit("word " * 500))
    text = render(tmp_path / "r.html", frames, data)
    blocks = re.findall(r'id="block-\d+">(.*?)</script>', text)
    assert sum(map(len, blocks)) <= 150_000
    cell = json.loads(blocks[0])["items"][0][5][0]
    assert len(cell[0]) < 2500
    assert cell[1] == 2500


def test_settings_fingerprint_and_command_are_shown(run: tuple[Frames, Dataset], tmp_path: Path) -> None:
    config = {
        "name": "quickstart",
        "fingerprint": {"settings": "ab12", "code": "cd34"},
        "routes": {"lc": {"type": "x"}},
    }
    text = Page(render(tmp_path / "r.html", *run, config=config)).text
    assert "make experiment NAME=quickstart" in text
    assert "settings ab12 · code cd34" in text
    assert "routes: lc: type: x" in text
