"""What compressors keep of the evidence, before any reader: `make bench NAME=compression`.

chunking_evaluation, cut to 8,000 tokens around the evidence of each question; bar 3: at 4×, question-aware extraction
keeps 90 % of the gold characters, and the reached ratio is within 5 % of the one asked for. Methods that read a causal
model get the reader that ships. `--questions 0` takes all of them;
`--methods head extractive` only these; `--model name=folder` names the model of a method that needs its own.
Needs LONGSHORT_DATA. The table goes to the screen, and all measures to runs/bench/compression.csv.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from compressors._causal import scorer
from compressors.base import Method
from compressors.stage import Compress
from experiments.catalog_compression import COMPRESSORS
from experiments.compression import RATIOS, contexts_around, judged, print_compression, summary, write_csv
from experiments.config import build, folder_setting
from experiments.data.chunking_evaluation import load_chunking_evaluation
from pipeline.core.errors import UserError

READER = Path(__file__).parents[1] / "pipeline" / "generators" / "embedded_model"
BAR, WITHIN = 0.90, 0.05


def methods(names: Sequence[str], models: dict[str, str]) -> tuple[dict[str, Method], list[str]]:
    """The methods that can be made, and why others cannot. A model is the one given, else the shipped reader."""
    made, left_out = {}, []
    for name in names or COMPRESSORS:
        if name not in COMPRESSORS:
            raise UserError(f"no compressor {name!r}", where="--methods", remedy=f"Known: {', '.join(COMPRESSORS)}")
        needs = any(
            f.name == "model" and f.default is dataclasses.MISSING for f in dataclasses.fields(COMPRESSORS[name])
        )
        settings = {"model": models[name]} if name in models else {"model": str(READER)} if needs else {}
        try:
            made[name] = build(COMPRESSORS[name], settings, name)
            list(Compress(method=made[name], budget=3).run([()], ["?"]))
        except UserError as error:
            left_out.append(f"{name} left out: {error}")
    return made, left_out


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=48, help="evenly spread over the data set; 0: all")
    parser.add_argument("--tokens", type=int, default=8000, help="of a context")
    parser.add_argument("--methods", nargs="*", default=[])
    parser.add_argument("--model", action="append", default=[], metavar="METHOD=FOLDER")
    parser.add_argument("--perplexity", type=int, default=4, help="on so many questions; 0: none")
    given = parser.parse_args()
    console = Console()
    made, left_out = methods(given.methods, dict(pair.split("=", 1) for pair in given.model))
    items = contexts_around(load_chunking_evaluation(), given.tokens, limit=given.questions or None)

    def mean_nll(texts: Sequence[str]) -> list[float]:
        reader = scorer(str(READER))
        rows = reader.nll([(reader.begin, reader.encode(text)[0]) for text in texts])
        return [float(np.nanmean(row)) if len(row) else 0.0 for row in rows]

    rows = []
    for name, method in made.items():
        stages = {name: Compress(method=method)}
        try:
            rows += list(judged(stages, items, RATIOS, mean_nll if given.perplexity else None, given.perplexity))
        except UserError as error:
            left_out.append(f"{name} left out: {error}")
    cells = summary(rows)
    print_compression(cells, console)
    for line in left_out:
        console.print(line, highlight=False, soft_wrap=True)
    for name in made:
        if (name, 4.0, "characters") in cells:
            kept, reached = cells[name, 4.0, "characters"], cells[name, 4.0, "reached"]
            held = "held" if kept.mean >= BAR and abs(reached.mean / 4 - 1) <= WITHIN else "missed"
            console.print(
                f"bar 3 {held:6} {name}: {kept.mean:.1%} of the gold characters at 4× (bar {BAR:.0%}), reached "
                f"{reached.mean:.2f}×",
                highlight=False,
            )
    file = folder_setting("LONGSHORT_RUNS", "runs") / "bench" / "compression.csv"
    write_csv(cells, file)
    console.print(f"all measures: {file}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
