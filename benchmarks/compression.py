"""What compressors keep of the evidence, before any reader: `make bench NAME=compression`.

chunking_evaluation, cut to 8,000 tokens around the evidence of each question; bar 3: at 4×, question-aware extraction
keeps 90 % of the gold characters, and the reached ratio is within 5 % of the one asked for. It is the study of
compression without a reader, from an empty store, so that every second is measured. `--questions 0` takes all of them;
`--methods head extractive` only these; `--model name=folder` names the model of a method that needs its own: others
that need a causal model get the reader that ships.
Needs LONGSHORT_DATA. The table goes to the screen, and all measures to runs/bench/compression.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from experiments.catalog_compression import COMPRESSORS
from experiments.compression import CompressionExperiment
from experiments.compression_terminal import print_compression
from experiments.config import CompressionStudy, folder_setting
from pipeline.core.errors import UserError

BAR, WITHIN = 0.90, 0.05
SET = "chunking_evaluation"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=48, help="evenly spread over the data set; 0: all")
    parser.add_argument("--tokens", type=int, default=8000, help="of a context")
    parser.add_argument("--ratios", type=float, nargs="*", default=[2, 4, 8, 16])
    parser.add_argument("--methods", nargs="*", default=[])
    parser.add_argument("--model", action="append", default=[], metavar="METHOD=FOLDER")
    parser.add_argument("--perplexity", type=int, default=4, help="on so many questions; 0: none")
    given = parser.parse_args()
    models = dict(pair.split("=", 1) for pair in given.model)
    study = CompressionStudy.model_validate(
        {
            "kind": "compression",
            "name": "compression",
            "sets": {SET: {"data": {"type": SET}}},
            "compressors": {
                name: {"type": name} | ({"model": models[name]} if name in models else {})
                for name in given.methods or COMPRESSORS
            },
            "ratios": given.ratios,
            "tokens": given.tokens,
            "limit": given.questions or None,
            "perplexity": {"questions": given.perplexity},
        }
    )
    experiment = CompressionExperiment.from_study(study)
    experiment.runs = folder_setting("LONGSHORT_RUNS", "runs") / "bench"
    console = Console()
    with tempfile.TemporaryDirectory() as store:
        experiment.store = Path(store)
        results = experiment.run()
    print_compression(results, console)
    means = {(r["method"], r["measure"]): r["value"] for r in results.summary.to_dicts() if r["ratio"] == 4.0}
    for method in dict.fromkeys(method for method, _ in means):
        kept, reached = means[method, "characters"], means[method, "reached"]
        held = "held" if kept >= BAR and abs(reached / 4 - 1) <= WITHIN else "missed"
        console.print(
            f"bar 3 {held:6} {method}: {kept:.1%} of the gold characters at 4× (bar {BAR:.0%}), reached {reached:.2f}×",
            highlight=False,
        )


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
