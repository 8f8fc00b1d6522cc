"""What the embedded reader can do, on held-out tasks and documents: greedy, through `transformers`, on this CPU.

    python -m benchmarks.reader [--quick] [--rows 40] [--model FOLDER] [--held FOLDER] [--precision mixed]

Exact match by set and length and by depth, F1 on questions by people (development figures: the reader is not trained on
them, but was chosen with them in sight), how often it declines, tokens a second of reading a prompt in each precision
and by the product's own path, and how often these answer alike.

Held-out sets are those of `python -m experiments.reader prepare`; where they are missing, those that LONGSHORT_DATA
alone allows are made. All rows take about two hours on four cores in fp32; answers are kept in
runs/bench/reader_answers.jsonl, so that a run that was cut off goes on. `--quick` asks few rows of short documents and
keeps its figures apart. Writes runs/bench/reader.json and benchmarks/reader.svg.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench import Row as Figure
from benchmarks.bench import report
from benchmarks.reader_bars import Scores, by_depth, judged, worst_tenths
from benchmarks.reader_plot import FILE, plot
from experiments.config import folder_setting
from experiments.data.base import data_root
from experiments.reader.evaluate import Row, Verdict, generated, read_rows, summary
from experiments.reader.export import shape_of
from experiments.reader.pack import prompt
from experiments.reader.prepare import write_sets_of_data
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt, digest_parts
from pipeline.core.spec import digest_model
from pipeline.generators.base import Call, Sampling
from pipeline.generators.embedded import Embedded
from pipeline.score.text import exact_match, token_f1

MODEL = Path("pipeline/generators/embedded_model")
PRECISIONS = ("float32", "bfloat16", "mixed")
OWN = "own path"
PREFILL = {512: 0.0, 2048: 4000.0, 8192: 2500.0}
"""Tokens of a prompt -> tokens a second wanted of the own path; 0: none."""
AGREEING, EVENLY = 200, 8
"""Prompts on which precisions are compared, and of how many rows of each set they are drawn."""
SHORT = frozenset("1k 4k 10 30 100 own ten other".split())
"""Lengths of sets with at most 4k tokens to a prompt: `--quick` asks no others, and precisions are compared on them."""
PEOPLE = ("musique", "nq")
"""Sets by people: short, and too varied for a few rows to tell anything."""
SAMPLING = Sampling(max_tokens=64, stop=("\n",))


@dataclass
class Answers:
    """Answers of one model through `transformers`, each remembered as a line by model, precision and prompt."""

    model: Path
    file: Path

    def __post_init__(self) -> None:
        self._digest = digest_model(str(self.model))
        self._known: dict[str, str] = {}
        if self.file.is_file():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                key, answer = json.loads(line)
                self._known[key] = answer

    def of(self, rows: Sequence[Row], precision: str) -> list[Verdict]:
        """`generated` for the rows, in their order; those not known are asked for set by set."""
        keys = [digest_parts([self._digest, precision, prompt(row.document, row.question)]) for row in rows]
        missing = [i for i, key in enumerate(keys) if key not in self._known]
        for _, group in groupby(missing, key=lambda i: rows[i].name):
            some = list(group)
            told = generated(self.model, [rows[i] for i in some], precision=precision)
            lines = []
            for i, one in zip(some, told, strict=True):
                self._known[keys[i]] = one.answer
                lines.append(json.dumps([keys[i], one.answer]) + "\n")
            with self.file.open("a", encoding="utf-8") as file:
                file.write("".join(lines))
        found = [self._known[key] for key in keys]
        return [
            Verdict(row, answer, exact_match(answer, row.answers), token_f1(answer, row.answers))
            for row, answer in zip(rows, found, strict=True)
        ]


def own(model: Path, rows: Sequence[Row]) -> list[str]:
    """Answers as the product gives them."""
    reader = Embedded(folder=str(model))
    calls = [_call(row.document, row.question, SAMPLING) for row in rows]
    found = dict(reader.generate(calls))
    reader.close()
    return [found[i].text.strip() for i in range(len(calls))]


def _call(document: str, question: str, sampling: Sampling) -> Call:
    parts = (Part("document", document), Part("question", f"\n\nQuestion: {question}"))
    return Call(Prompt(parts), sampling, question, "lc")


def prefill(model: Path, text: str, lengths: Sequence[int], repeats: int = 3) -> dict[str, dict[str, float]]:
    """Way -> tokens of the prompt -> tokens a second, the median of `repeats` prompts after one that is not counted."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    if len(ids) < max(lengths) + repeats:
        ids *= (max(lengths) + repeats) // len(ids) + 1
    found: dict[str, dict[str, float]] = {}
    for precision in ("float32", "bfloat16"):
        network = AutoModelForCausalLM.from_pretrained(
            model, dtype=getattr(torch, precision), attn_implementation="sdpa"
        ).eval()
        for n in lengths:

            def read(at: int, n: int = n, network: Any = network) -> int:
                with torch.inference_mode():
                    network(torch.tensor([ids[at : at + n]]), use_cache=True, logits_to_keep=1)
                return n

            found.setdefault(f"transformers {precision}", {})[str(n)] = _rate(read, repeats)
    reader = Embedded(folder=str(model))
    for n in lengths:

        def answer(at: int, n: int = n) -> int:
            # Another beginning each time: the product remembers the last document.
            document = tokenizer.decode(ids[at : at + n - 12])
            call = _call(document, "What is it?", Sampling(max_tokens=1))
            return next(iter(reader.generate([call])))[1].usage.prompt_tokens

        found.setdefault(OWN, {})[str(n)] = _rate(answer, repeats)
    reader.close()
    return found


def _rate(read: Any, repeats: int) -> float:
    rates = []
    for at in range(repeats + 1):
        start = time.perf_counter()
        tokens = read(at)
        rates.append(tokens / (time.perf_counter() - start))
    return median(rates[1:])


def alike(answers: Answers, rows: Sequence[Row], most: int) -> dict[str, float]:
    """Way -> share of prompts with the text of fp32, over `most` rows of all sets."""
    some = sorted(rows, key=lambda row: digest_parts([row.name, row.document, row.question]))[:most]
    some.sort(key=lambda row: row.name)
    told = {precision: [v.answer for v in answers.of(some, precision)] for precision in PRECISIONS}
    told[OWN] = own(answers.model, some)
    plain = told.pop(PRECISIONS[0])
    equal = {way: sum(a == b for a, b in zip(plain, other, strict=True)) / len(some) for way, other in told.items()}
    return {"prompts": float(len(some)), **equal}


def table(scores: Scores) -> Iterator[str]:
    """Lines: a set, then its lengths with exact match, F1 and declined where they tell more."""
    for name, lengths in groupby(scores, key=lambda one: one.partition("/")[0]):
        cells = []
        for one in lengths:
            s = scores[one]
            more = f" (F1 {s['f1']:.2f}, declined {s['declined']:.2f})" if s["f1"] - s["exact"] > 0.05 else ""
            cells.append(f"{one.partition('/')[2]} {s['exact']:.2f}{more}")
        yield f"{name:16} " + "  ".join(cells)


def held_sets(folder: Path | None, model: Path) -> tuple[Path, str]:
    """The folder of held-out sets, and what is to be said of it."""
    runs = folder_setting("LONGSHORT_RUNS", "runs")
    folder = folder or runs / "reader" / "data" / "held"
    if (folder / "people.jsonl").is_file():
        return (
            folder,
            "held-out sets as prepared; paragraphs that share 8 words in a row with the training text left out",
        )
    made = runs / "bench" / "reader_held"
    if not (made / "people.jsonl").is_file():
        write_sets_of_data(made, model, data_root())
    return made, "sets from LONGSHORT_DATA alone: no cloze, no rule-made questions, overlaps with training text unknown"


def chosen(rows: Sequence[Row], most: int | None, short: bool, people: int | None = None) -> list[Row]:
    """The first rows of each set. short: of the SHORT ones only. people: of a set by people, in place of `most`."""
    counts: dict[str, int] = {}
    out = []
    for row in rows:
        if not short or row.name.partition("/")[2] in SHORT:
            counts[row.name] = counts.get(row.name, 0) + 1
            limit = people if _set(row) in PEOPLE else most
            if limit is None or counts[row.name] <= limit:
                out.append(row)
    return out


def speed_figures(speeds: dict[str, dict[str, float]]) -> list[Figure]:
    """The product's own path beside the bars, and beside `transformers`."""
    ours = speeds[OWN]
    found = [
        Figure(f"prefill, {n} tokens", "tokens/s", ours[str(n)], bar, "bar", better="more")
        for n, bar in PREFILL.items()
        if bar and str(n) in ours
    ]
    for precision in ("float32", "bfloat16"):
        peer = f"transformers, {precision}"
        for n, rate in ours.items():
            figure = Figure(
                f"prefill, {n} tokens", "tokens/s", rate, speeds[f"transformers {precision}"][n], peer, "more"
            )
            found.append(figure)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--held", type=Path, help="folder of held-out sets")
    parser.add_argument("--rows", type=int, help="rows of each generated set at most; all by people")
    parser.add_argument("--quick", action="store_true", help="few rows of short documents")
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of the answers that are scored")
    parser.add_argument("--out", type=Path, default=FILE, help="where the drawing goes")
    args = parser.parse_args()
    from transformers.utils import logging

    logging.disable_progress_bar()  # the model is loaded once for each set
    shape = shape_of(args.model)
    folder, told = held_sets(args.held, args.model)
    rows = read_rows(sorted(folder.glob("*.jsonl")))
    few = 2 if args.quick else None
    asked = chosen(rows, args.rows or few, args.quick, few)
    bench = folder_setting("LONGSHORT_RUNS", "runs") / "bench"
    bench.mkdir(parents=True, exist_ok=True)
    answers = Answers(args.model, bench / "reader_answers.jsonl")
    verdicts: list[Verdict] = []
    for _, group in groupby(sorted(asked, key=_set), key=_set):
        some = answers.of(list(group), args.precision)
        verdicts += some
        print("\n".join(table(summary(some))), flush=True)
    scores = summary(verdicts)
    agreement = alike(answers, chosen(asked, EVENLY, True, EVENLY), AGREEING // 20 if args.quick else AGREEING)
    longest = max((row.document for row in rows), key=len)
    speeds = prefill(args.model, longest, [n for n in PREFILL if n < 4096 or not args.quick], 1 if args.quick else 3)
    own_share = Figure("own path answers as fp32", "share", agreement[OWN], 0.99, "bar", better="more")
    print()
    name = "reader_quick" if args.quick else "reader"
    report(
        name,
        [*judged(scores), *worst_tenths(verdicts), *speed_figures(speeds), own_share],
        [
            f"{shape.parameters:,} parameters, {shape.megabytes:.1f} MB in bf16",
            f"{len(verdicts)} held-out rows in {args.precision}; {told}",
            f"the same text as fp32 on {agreement['prompts']:.0f} prompts: "
            + ", ".join(f"{way} {share:.3f}" for way, share in agreement.items() if way != "prompts"),
            *(f"{way}: " + ", ".join(f"{r:,.0f} tokens/s at {n}" for n, r in s.items()) for way, s in speeds.items()),
        ],
    )
    file = bench / f"{name}.json"
    found = json.loads(file.read_text(encoding="utf-8"))
    found |= {"sets": scores, "depth": by_depth(verdicts), "prefill": speeds, "agreement": agreement}
    found |= {"model": shape.as_dict(), "precision": args.precision}
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if not args.quick:
        args.out.write_text(plot(found) + "\n", encoding="utf-8")


def _set(row: Row) -> str:
    return row.name.partition("/")[0]


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
