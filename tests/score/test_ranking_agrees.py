"""Our measures beside trec_eval's own code (pytrec-eval), over generated runs with graded judgements."""

from __future__ import annotations

import random

import pytest

from pipeline.score import ranking
from retrievers.trec import format_run, read_run

pytrec_eval = pytest.importorskip("pytrec_eval", reason="needs pytrec-eval-terrier, of the extra 'dev'")

OURS = {
    "ndcg_cut_10": lambda ids, grades: ranking.ndcg(ids, grades, 10),
    "ndcg": ranking.ndcg,
    "map": ranking.average_precision,
    "map_cut_10": lambda ids, grades: ranking.average_precision(ids, grades, 10),
    "recip_rank": ranking.reciprocal_rank,
    "P_30": lambda ids, grades: ranking.precision(ids, grades, 30),
    "recall_5": lambda ids, grades: ranking.recall(ids, grades, 5),
    "recall_100": lambda ids, grades: ranking.recall(ids, grades, 100),
}


def generated(seed: int) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    draw = random.Random(seed)
    qrels, run = {}, {}
    for q in range(25):
        judged = draw.sample(range(300), draw.randrange(1, 40))
        qrels[f"q{q}"] = {f"d{i}": draw.choice((0, 0, 1, 2, 3)) for i in judged} | {"d0": 1}
        found = draw.sample(range(300), draw.randrange(1, 150))
        # A few distinct scores, so that ties are the rule: whoever reads the file must agree on their order.
        run[f"q{q}"] = {f"d{i}": float(draw.randrange(8)) for i in found}
    return qrels, run


@pytest.mark.parametrize("seed", range(8))
def test_equal_to_trec_eval(seed, tmp_path):
    qrels, run = generated(seed)
    ordered = {q: dict(sorted(docs.items(), key=lambda item: -item[1])) for q, docs in run.items()}
    path = tmp_path / "a.trec"
    path.write_text(format_run(ordered, "ours"))
    written = read_run(path)
    assert {q: list(docs) for q, docs in written.items()} == {q: list(docs) for q, docs in ordered.items()}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, set(pytrec_eval.supported_measures)).evaluate(written)
    for q, grades in qrels.items():
        for name, measure in OURS.items():
            assert measure(list(written[q]), grades) == pytest.approx(theirs[q][name], abs=1e-9), (q, name)
