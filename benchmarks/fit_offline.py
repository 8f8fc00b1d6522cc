"""Fits the offline scorer's weights to LaRA's published table, and says how far its marks agree with it.

The table gives no label of a single answer, only accuracies of 8 models x 2 lengths x 4 tasks x 2 arms, each a mean
over three kinds of document. So the weights are fitted to those means, all cells at once: over the cells c, with p_c
the mean probability of being right and t_c the published share,

    100 (mean (p_c - t_c)^2 + mean of the squared error of the LC-RAG gap)
    + 0.01 |w|^2 (w per standard deviation) + 2 mean p (1 - p) + the squares of weights of the wrong sense
    + the mean log-loss on single answers: `offline_labels.csv`, some 280 that a person read, and `ANCHORS`

The third term keeps probabilities near 0 or 1, so that means of 0/1 marks fit as well. No weight belongs to a cell, a
model or a task. Leave-one-model-out marks a model's answers by weights fitted to the other seven, without the labels of
its own answers. Failed calls count 0, as they did in the table: its authors' judge was shown them.

    LONGSHORT_DATA=... python -m benchmarks.fit_offline            figures of the weights in the source
    LONGSHORT_DATA=... python -m benchmarks.fit_offline --refit    new weights and their figures, left one out as well
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.cells import find_reference
from experiments.config import folder_setting
from experiments.data.lara import reference_table
from pipeline.score import offline
from pipeline.score.offline import Item, OfflineScorer, meaning
from pipeline.score.offline_evidence import admission, agreement, contradiction, gold_of, said_by
from pipeline.score.refusal import declines

Cell = tuple[str, str, str, str]  # length, model, task, arm
Floats = NDArray[np.float64]
ARMS = {"full": "lc", "rag": "rag"}
RIDGE, SHARPNESS, LABELS = 0.01, 2.0, 1.0
# The sense that a weight must have; features that are not named may go either way.
SENSE = {
    **dict.fromkeys(("recall_short", "within_short", "contains", "figures_met", "figures_all"), 1),
    **dict.fromkeys(("recall_long", "clause_long", "precision_long", "meaning_long"), 1),
    **dict.fromkeys(("names_none_short", "names_none_long", "figures_none", "figures_wrong"), -1),
    **dict.fromkeys(("refuses", "refuses_first", "refuses_share"), -1),
}
SENSE_OF_ADMISSION = {
    **dict.fromkeys(("refuses", "refuses_first", "refuses_share", "refuses_last", "denies", "denies_premise"), 1),
    **dict.fromkeys(("hedged", "turning"), -1),
}


# Short facts as reading questions ask for them, which LaRA's golds seldom are: question, gold, right and wrong answers.
ANCHORS = (
    ("What is the capital of Peru?", "Lima", ("Lima", "The capital is Lima."), ("Quito", "The capital is Cusco.")),
    ("How many legs has a spider?", "eight", ("8", "It has eight legs."), ("six", "It has 6 legs.", "Many legs.")),
    ("When was the bridge opened?", "1932", ("In 1932.", "The bridge was opened in 1932."), ("1934", "In May.")),
    ("Who drew the map?", "Inspector Harriet Vance", ("Harriet Vance", "Vance drew it."), ("Inspector Bell", "Anna")),
    ("Which colours has the flag?", "black, red and gold", ("Red, gold and black.",), ("Red and black.", "blue")),
    ("How high is the tower?", "324 metres", ("324 m", "It is 324 metres high."), ("312 metres", "324 feet", "High.")),
    ("What does the method return?", "a new sorted list", ("A sorted list.", "A new list, sorted."), ("a set",)),
    ("When was it signed?", "July 16, 1866", ("On 16 July 1866.",), ("July 17, 1866", "July 16", "1867")),
    ("What share of voters agreed?", "62 %", ("62 percent of voters", "62%"), ("26 %", "Most of them.")),
    ("Where did she hide the key?", "under the blue flowerpot", ("Under a flowerpot.",), ("under the mat", "a pot")),
    ("What did the dog bring home?", "an old leather boot", ("A leather boot.", "It brought a boot."), ("a bone",)),
)  # fmt: skip


@dataclass
class Answer:
    """One stored answer with the evidence in it; `text` is empty for a failed call."""

    cell: Cell
    kind: str
    row: int
    question: str
    gold: str
    text: str
    features: dict[str, float] = field(default_factory=dict)
    answerable: bool = True
    clash: bool = False

    @property
    def item(self) -> Item:
        return Item(self.question, self.text, (self.gold,))


def load(lara: Path) -> Iterator[Answer]:
    """All stored answers, model by model."""
    for path in sorted((lara / "evaluation" / "prediction").glob("*/*.jsonl")):
        model = path.parent.name
        arm, _, rest = path.name.removesuffix(".jsonl").partition("_preds_")
        length, kind, task = rest.rsplit("_", 3)[1:]
        for row, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            record = json.loads(line)
            text = record["prediction"] if isinstance(record["prediction"], str) else ""
            cell = (length, model, task, ARMS[arm])
            yield Answer(cell, kind, row, record["question"], record["ground_truth"], text)


def published(path: Path) -> dict[Cell, float]:
    """Cell -> accuracy in percent."""
    rows = reference_table(path)
    return {(r.length, r.model, r.task, arm): float(getattr(r, arm)) for r in rows for arm in ARMS.values()}


def anchors() -> Iterator[tuple[Answer, bool]]:
    """The hand-written short answers, outside every cell of the table."""
    for question, gold, right, wrong in ANCHORS:
        for text in (*right, *wrong):
            yield Answer(("", "", "", ""), "anchor", 0, question, gold, text), text in right


def labelled(path: Path, answers: Sequence[Answer]) -> dict[int, bool]:
    """Position of an answer -> whether a person found it right."""
    at = {(*a.cell, a.kind, a.row): i for i, a in enumerate(answers)}
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    places = [(r["length"], r["model"], r["task"], r["arm"], r["kind"], int(r["row"])) for r in rows]
    return {at[place]: r["right"] == "1" for place, r in zip(places, rows, strict=True) if place in at}


def cells(answers: Sequence[Answer], right: Sequence[bool]) -> dict[Cell, float]:
    """Percent right per cell: the mean over kinds of document of the share in each."""
    parts: dict[Cell, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for answer, mark in zip(answers, right, strict=True):
        parts[answer.cell][answer.kind].append(mark)
    return {cell: 100 * float(np.mean([np.mean(v) for v in kinds.values()])) for cell, kinds in parts.items()}


def figures(found: Mapping[Cell, float], table: Mapping[Cell, float]) -> dict[str, float]:
    """Agreement of cells and of LC-RAG gaps: Pearson r, mean absolute difference in points, share of equal signs."""
    known = [c for c in table if c in found]
    x, y = (np.array([t[c] for c in known]) for t in (found, table))
    pairs = [(c, (*c[:3], "rag")) for c in known if c[3] == "lc"]
    gx, gy = (np.array([t[a] - t[b] for a, b in pairs]) for t in (found, table))
    return {
        "cells": float(len(known)),
        "r": float(np.corrcoef(x, y)[0, 1]),
        "mad": float(np.abs(x - y).mean()),
        "bias": float((x - y).mean()),
        "gap_r": float(np.corrcoef(gx, gy)[0, 1]),
        "gap_mad": float(np.abs(gx - gy).mean()),
        "sign": float((np.sign(gx) == np.sign(gy)).mean()),
    }


def agreed(right: Sequence[bool], labels: Mapping[int, bool]) -> str:
    """Share of labelled answers marked as the person did, and Cohen's kappa."""
    pairs = [(bool(right[i]), v) for i, v in labels.items()]
    same = float(np.mean([a == b for a, b in pairs]))
    p, q = (float(np.mean([pair[k] for pair in pairs])) for k in (0, 1))
    chance = p * q + (1 - p) * (1 - q)
    return f"{len(pairs)} labels, equal {same:.3f}, kappa {(same - chance) / (1 - chance):.3f}"


def read(answers: Sequence[Answer]) -> None:
    """Fill in the evidence of every answer that there is."""
    for a in answers:
        a.answerable = not declines(a.gold)
        if not a.text.strip():
            continue
        said = said_by(a.text)
        if a.answerable:
            gold = gold_of(a.question, a.gold)
            a.features, a.clash = agreement(gold, said), bool(contradiction(gold, said))
        else:
            a.features = admission(a.question, said)


@dataclass
class Family:
    """Answers that share their features: a matrix (n, d), rows of the table's models only."""

    answers: list[Answer]
    names: list[str]
    matrix: Floats
    sense: Mapping[str, int]
    table: Mapping[Cell, float]
    labels: Mapping[int, bool]
    anchored: bool = True

    def weights(self, rows: NDArray[np.int64], given: Floats) -> dict[str, float]:
        """Log-odds per unit of each feature, fitted to the cells that `rows` fill.

        given: probability (n,) of each answer that these weights do not decide; NaN where they do.
        """
        import torch

        cell = [self.answers[i].cell for i in rows]
        order = sorted(set(cell))
        at = {c: k for k, c in enumerate(order)}
        group = [(c, self.answers[i].kind) for c, i in zip(cell, rows, strict=True)]
        size, kinds = Counter(group), Counter(c for c, _ in set(group))
        share = np.array([1 / size[g] / kinds[g[0]] for g in group])
        index = np.array([at[c] for c in cell])
        free = np.isnan(given[rows])
        base = np.zeros(len(order))
        np.add.at(base, index[~free], share[~free] * given[rows][~free])
        raw = self.matrix[rows][free]
        centre, scale = raw.mean(0), raw.std(0) + 1e-6
        mine = {int(i) for i in rows[free]}
        told = [i for i in self.labels if i in mine or (self.answers[i].kind == "anchor" and self.anchored)]

        def tensor(values: Any) -> Any:
            return torch.tensor(np.asarray(values, dtype=np.float64))

        x, shown = tensor((raw - centre) / scale), tensor((self.matrix[told] - centre) / scale)
        truth, target = tensor([self.labels[i] for i in told]), tensor([self.table[c] / 100 for c in order])
        parts, whole, start = tensor(share[free]), torch.tensor(index[free]), tensor(base)
        sense = tensor([self.sense.get(n, 0) for n in self.names])
        lc = [k for k, c in enumerate(order) if c[3] == "lc"]
        rag = [at[(*order[k][:3], "rag")] for k in lc]
        w = torch.zeros(len(self.names), dtype=torch.float64, requires_grad=True)
        b = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        search: Any = torch.optim.LBFGS([w, b], max_iter=400, line_search_fn="strong_wolfe", history_size=20)

        def loss() -> Any:
            search.zero_grad()
            p = torch.sigmoid(x @ w + b)
            off = start.index_add(0, whole, p * parts) - target
            value = 100 * ((off**2).mean() + ((off[lc] - off[rag]) ** 2).mean())
            value = value + RIDGE * (w**2).sum() + SHARPNESS * (p * (1 - p)).mean()
            value = value + torch.relu(-w * sense).pow(2).sum()
            if told:
                odds = shown @ w + b
                value = value + LABELS * torch.nn.functional.binary_cross_entropy_with_logits(odds, truth)
            value.backward()
            return value

        search.step(loss)
        per_unit = w.detach().numpy() / scale
        named = {n: round(float(v), 3) for n, v in zip(self.names, per_unit, strict=True)}
        return {"bias": round(float(b.item() - per_unit @ centre), 3)} | named

    def probabilities(self, weights: Mapping[str, float]) -> Floats:
        """(n,) probability of being right."""
        odds = self.matrix @ np.array([weights[n] for n in self.names]) + weights["bias"]
        shares: Floats = 1 / (1 + np.exp(-odds))
        return shares


def family(answers: list[Answer], sense: Mapping[str, int], table: Mapping[Cell, float], labels: Any) -> Family:
    names = list(dict.fromkeys(n for a in answers for n in a.features))
    matrix = np.array([[a.features.get(n, 0.0) for n in names] for a in answers])
    return Family(answers, names, matrix, sense, table, labels)


def with_meaning(rules: Family, doubted: NDArray[np.bool_]) -> Family:
    """The family with the encoder's view of the doubted answers, which alone are embedded."""
    from retrievers.encode import encode_texts

    wanted: dict[str, int] = {}
    for i in np.flatnonzero(doubted):
        a = rules.answers[i]
        for text in (a.question, a.gold, offline.head(a.text)):
            wanted.setdefault(text, len(wanted))
    vectors: Floats = np.asarray(encode_texts(list(wanted)), dtype=np.float64)
    near = np.zeros((len(rules.answers), 1))
    for i in np.flatnonzero(doubted):
        a = rules.answers[i]
        near[i] = meaning(*(vectors[wanted[t]] for t in (a.question, a.gold, offline.head(a.text))))
    kept = [n for n in rules.names if not n.endswith("_short") and n not in ("long", "contains")]  # else constant there
    matrix = rules.matrix[:, [rules.names.index(n) for n in kept]]
    return replace(rules, names=[*kept, "meaning_long"], matrix=np.hstack([matrix, near]), anchored=False)


@dataclass
class Weights:
    """The three sets of weights, fitted to some rows."""

    rules: dict[str, float]
    meaning: dict[str, float]
    admission: dict[str, float]


class Refit:
    """All answers of the table's models in two families, and the marks that fitted weights give them."""

    def __init__(self, answers: list[Answer], table: Mapping[Cell, float], labels: Mapping[int, bool]) -> None:
        self.answers = answers
        self.table = table
        self.asked = np.flatnonzero([a.answerable for a in answers])
        self.rest = np.flatnonzero([not a.answerable for a in answers])
        position = {int(i): k for k, i in enumerate(self.asked)}
        told = {position[i]: v for i, v in labels.items() if i in position}
        self.rules = family([answers[i] for i in self.asked], SENSE, table, told)
        self.admission = family([answers[i] for i in self.rest], SENSE_OF_ADMISSION, table, {})
        every = self.rules.probabilities(self.fit_rules(None))
        self.seen = self.long & (every > 0.03) & (every < 0.97)  # wide enough for the doubts of every left-out fit
        self.helped = with_meaning(self.rules, self.seen)

    @property
    def long(self) -> NDArray[np.bool_]:
        """Which answers have a gold that explains."""
        found: NDArray[np.bool_] = self.rules.matrix[:, self.rules.names.index("long")] > 0
        return found

    @staticmethod
    def given(members: Family) -> Floats:
        """Failed calls are wrong and plain contradictions nearly so, whatever the weights."""
        return np.array([0.0 if a.clash or not a.features else np.nan for a in members.answers])

    @staticmethod
    def rows(members: Family, without: str | None) -> NDArray[np.int64]:
        known = [k for k, a in enumerate(members.answers) if a.cell[1] != without and a.cell in members.table]
        return np.array(known)

    def fit_rules(self, without: str | None) -> dict[str, float]:
        return self.rules.weights(self.rows(self.rules, without), self.given(self.rules))

    def doubted(self, p: Floats) -> NDArray[np.bool_]:
        doubt = OfflineScorer().doubt
        found: NDArray[np.bool_] = self.seen & (p >= doubt) & (p <= 1 - doubt) & np.isnan(self.given(self.rules))
        return found

    def fit(self, without: str | None = None) -> Weights:
        rules = self.fit_rules(without)
        p = np.where(np.isnan(self.given(self.rules)), self.rules.probabilities(rules), 0.0)
        given = np.where(self.doubted(p), np.nan, p)
        helped = self.helped.weights(self.rows(self.helped, without), given)
        admission = self.admission.weights(self.rows(self.admission, without), self.given(self.admission))
        return Weights(rules, helped, admission)

    def right(self, weights: Weights, *, encoder: bool) -> list[bool]:
        """The marks, in the answers' order."""
        p = np.where(np.isnan(self.given(self.rules)), self.rules.probabilities(weights.rules), 0.0)
        if encoder:
            p = np.where(self.doubted(p), self.helped.probabilities(weights.meaning), p)
        q = np.where(np.isnan(self.given(self.admission)), self.admission.probabilities(weights.admission), 0.0)
        marks = np.zeros(len(self.answers), dtype=bool)
        marks[self.asked], marks[self.rest] = p >= offline.THRESHOLD, q >= offline.THRESHOLD
        return marks.tolist()

    def left_out(self, *, encoder: bool, fits: Mapping[str, Weights]) -> list[bool]:
        by_model = {model: self.right(w, encoder=encoder) for model, w in fits.items()}
        return [by_model[a.cell[1]][i] if a.cell[1] in by_model else False for i, a in enumerate(self.answers)]


def report(name: str, answers: Sequence[Answer], right: Sequence[bool], table: Any, labels: Mapping[int, bool]) -> None:
    found = cells(answers, right)
    for task in (None, "location", "reasoning", "comp", "hallu"):
        part = {c: v for c, v in table.items() if task in (None, c[2])}
        values = "  ".join(f"{k} {v:.3f}" for k, v in figures(found, part).items())
        print(f"{name:24s} {task or 'all':10s} {values}")
    for answerable in (True, False):
        print(f"{name:24s} {agreed(right, {i: v for i, v in labels.items() if answers[i].answerable is answerable})}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refit", action="store_true", help="fit new weights and print them")
    parser.add_argument("--reference", default="lara_table.csv", help="the published table: a path, or a name there")
    args = parser.parse_args()
    data = folder_setting("LONGSHORT_DATA", "data")
    reference = find_reference(args.reference, {})
    if reference is None:
        raise SystemExit(f"error: no {args.reference} in or beside {data}; name it with --reference")
    table = published(reference)
    answers = list(load(data / "lara"))
    labels = labelled(Path(__file__).with_name("offline_labels.csv"), answers)
    started = time.perf_counter()
    if not args.refit:
        from retrievers.encode import encode_texts

        there = [i for i, a in enumerate(answers) if a.text.strip()]
        for a in answers:
            a.answerable = not declines(a.gold)
        for name, embed in (("rules", None), ("rules and meaning", encode_texts)):
            started = time.perf_counter()
            marks = OfflineScorer().mark([answers[i].item for i in there], embed)
            print(f"{name}: {len(there)} answers in {time.perf_counter() - started:.0f} s")
            right = [False] * len(answers)
            for i, mark in zip(there, marks, strict=True):
                right[i] = mark.outcome == "right"
            report(name, answers, right, table, labels)
        return
    for anchor, holds in anchors():
        labels[len(answers)] = holds
        answers.append(anchor)
    read(answers)
    print(f"evidence read in {time.perf_counter() - started:.0f} s")
    refit = Refit(answers, table, labels)
    whole = refit.fit()
    fits = {model: refit.fit(without=model) for model in sorted({c[1] for c in table})}
    for encoder in (False, True):
        name = "rules and meaning" if encoder else "rules"
        report(f"{name}, fitted", answers, refit.right(whole, encoder=encoder), table, labels)
        report(
            f"{name}, left out",
            answers,
            refit.left_out(encoder=encoder, fits=fits),
            table,
            {i: v for i, v in labels.items() if answers[i].cell in table},
        )
    for name, weights in (("RULES", whole.rules), ("RULES_AND_MEANING", whole.meaning), ("ADMISSION", whole.admission)):
        print(f"{name}: Mapping[str, float] = {json.dumps(weights, indent=4)}")


if __name__ == "__main__":
    main()
