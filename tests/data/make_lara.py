"""A small folder in LaRA's layout, written by us: two domains, two tasks, one document kept back, two models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCUMENTS = {
    "32k/book/The Lighthouse.txt": "Mara kept the light for forty years. Her dog was called Brine.\n",
    "32k/paper/32k_paper_0.md": (
        "<paper 0>\n# Tidal clocks\n\nWe measure tides.\n\n## Method\n\nA float of cork.\n\n"
        "<paper 1>\n# Salt lamps\n\n```\n# no heading\n```\nA lamp of salt.\n"
    ),
}
# (document, question, gold): the book `The Mill` is kept back, so the query files leave its questions out.
ASKED = {
    "32k_book_location": [
        ("The Mill.txt", "Who owns the mill?", "Old Tam."),
        ("The Lighthouse.txt", "What was the dog called?", "Brine."),
        ("The Lighthouse.txt", "What was the dog called?", "Brine."),
    ],
    "32k_book_hallu": [("The Lighthouse.txt", "What was the cat called?", "The text mentions no cat.")],
    "32k_paper_comp": [("32k_paper_0.md", "How do paper 0 and paper 1 differ?", "Tides and salt.")],
}
MODELS = ("alpha-7b", "beta_32k_mini")


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def predictions(root: Path, model: str, arm: str, cell: str) -> Path:
    """The file of one model's answers to one cell."""
    return root / "evaluation" / "prediction" / model / f"{arm}_preds_{model}_{cell}.jsonl"


def rows(cell: str, model: str, arm: str) -> list[dict[str, Any]]:
    """The answers of a model: its own name, the arm and the position, so that a test can tell where one came from."""
    return [
        {"file": file, "question": q, "ground_truth": gold, "prediction": f"{model} {arm} {i}", "type": "x"}
        for i, (file, q, gold) in enumerate(ASKED[cell])
    ]


def lara_folder(root: Path) -> Path:
    """Write the folder; `32k_paper_comp` has no query file, and `alpha-7b` one failed call of each kind."""
    for name, text in DOCUMENTS.items():
        path = root / "datasets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for cell, asked in ASKED.items():
        kept = [{"file": f, "question": q, "answer": a} for f, q, a in asked if f != "The Mill.txt"]
        if cell != "32k_paper_comp":
            lines(root / "datasets" / "query" / f"{cell}.jsonl", kept)
        for model in MODELS:
            for arm in ("full", "rag"):
                given = rows(cell, model, arm)
                if model == "alpha-7b" and cell == "32k_book_location" and arm == "rag":
                    for row, failed in zip(given, (False, "", None), strict=True):
                        row["prediction"] = failed
                lines(predictions(root, model, arm, cell), given)
    return root
