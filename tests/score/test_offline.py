"""The offline scorer: a table of answers per rule, the laws that every mark keeps, and the published table."""

from __future__ import annotations

import csv
import json
import random
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.cells import find_reference, pearson
from experiments.config import folder_setting
from pipeline.core.errors import UserError
from pipeline.score import offline
from pipeline.score.offline import Item, Mark, OfflineScorer, logistic, meaning
from pipeline.score.offline_evidence import admission, agreement, gold_of, said_by


def mark(question: str, gold: str | Sequence[str], answer: str, answerable: bool | None = None) -> Mark:
    golds = (gold,) if isinstance(gold, str) else tuple(gold)
    return OfflineScorer().mark([Item(question, answer, golds, answerable)])[0]


# -- the rules, by example: question, gold, {answer: outcome} ---------------------------------------------------------

NONE = "The text does not mention the colour of the captain's boots."
FLOOD = (
    "The mill closed because the flood of that spring broke the wheel, and the owner, who had lost his savings in the "
    "bank's collapse, could not pay for the repair."
)
TABLE = {
    "short facts": [
        ("What is the capital of France?", "Paris", "Paris", "right"),
        ("What is the capital of France?", "Paris", "The capital of France is Paris.", "right"),
        ("What is the capital of France?", "Paris.", "**Paris**, on the Seine", "right"),
        ("What is the capital of France?", "Paris", "Paris, not Lyon.", "right"),
        ("What is the capital of France?", "Paris", "London", "wrong"),
        ("What is the capital of France?", "Paris", "The capital of France is London.", "wrong"),
        ("What is the capital of France?", "Paris", "The capital of France.", "wrong"),
        ("What does yield make of a function?", "a generator", "It makes the function a generator.", "right"),
        ("Which word stands first?", "The.", "the", "right"),
        ("Which word stands first?", "The.", "a", "wrong"),
        ("Which operator raises to a power?", "**", "The ** operator does.", "right"),
        ("Which operator raises to a power?", "**", "The // operator does.", "wrong"),
        ("What is raised?", "TypeError", "A TypeError exception is raised.", "right"),
        ("What is raised?", "TypeError", "A ValueError exception is raised.", "wrong"),
        ("What method is called?", "__enter__()", "It calls the manager's __enter__ method.", "right"),
    ],
    "numbers": [
        ("How many sons had he?", "three", "3", "right"),
        ("How many sons had he?", "three", "He had three sons.", "right"),
        ("How many sons had he?", "three", "four", "wrong"),
        ("How many sons had he?", "He had three sons.", "He had two sons.", "wrong"),
        ("What is x?", "42", "The value of x is 42.", "right"),
        ("What is x?", "42", "The value of x is 43.", "wrong"),
        ("When was it founded?", "1984", "In 1984.", "right"),
        ("When was it founded?", "1984", "In 1985.", "wrong"),
        ("When was it signed?", "March 14, 2024", "On 14 March 2024.", "right"),
        ("When was it signed?", "March 14, 2024", "On March 15, 2024.", "wrong"),
        ("What was the loss?", "$1.2 million", "The loss was 1,200,000 dollars.", "right"),
        ("What was the loss?", "$1.2 million", "$1,214,000", "right"),
        ("What was the loss?", "$1.2 million", "$1.3 million", "wrong"),
        ("What was the loss?", "$1.2 million", "$12 million", "wrong"),
    ],
    "units": [
        ("How long did it take?", "5 years", "It took five years.", "right"),
        ("How long did it take?", "5 years", "It took 5 months.", "wrong"),
        ("What share was sold?", "25%", "25 percent of it", "right"),
        ("What share was sold?", "25%", "0.25", "right"),
        ("What share was sold?", "25%", "35%", "wrong"),
    ],
    "names": [
        ("Who won the prize?", "Lady Whitmore", "Whitmore", "right"),
        ("Who won the prize?", "Lady Whitmore", "The prize went to Lady Whitmore in the end.", "right"),
        ("Who won the prize?", "Lady Whitmore", "Lady Jane", "wrong"),
        ("Who won the prize?", "Lady Whitmore", "A lady won it.", "wrong"),
    ],
    "lists": [
        ("Which colours has the flag?", "red, green and blue", "Blue, red and green", "right"),
        ("Which colours has the flag?", "red, green and blue", "red and green", "wrong"),
        ("Which colours has the flag?", "red, green and blue", "red", "wrong"),
    ],
    "yes and no": [
        ("Did sales rise?", "Yes", "Yes, they did.", "right"),
        ("Did sales rise?", "Yes", "No, they fell.", "wrong"),
        ("Did sales rise?", "Yes, by 5%.", "No, they fell by 5%.", "wrong"),
        ("Did sales rise?", "No.", "Sales did not rise.", "right"),
        ("Did sales rise?", "No.", "Sales rose.", "wrong"),
    ],
    "negation and direction": [
        ("What is the capital of France?", "Paris", "It is not Paris.", "wrong"),
        ("What is the capital of France?", "Paris", "Lyon rather than Paris.", "wrong"),
        ("What do geographers not record?", "Flowers", "They do not record flowers.", "right"),
        ("How did debt change?", "It increased from $205 to $219.", "It increased from $205 to $219.", "right"),
        ("How did debt change?", "It increased from $205 to $219.", "It decreased from $205 to $219.", "wrong"),
    ],
    "explanations": [
        ("Why did the mill close?", FLOOD, FLOOD, "right"),
        (
            "Why did the mill close?",
            FLOOD,
            "A spring flood had broken its wheel, and since the owner's savings were lost when the bank collapsed, he "
            "could not pay for a repair.",
            "right",
        ),
        ("Why did the mill close?", FLOOD, "The mill closed because cheaper flour came by rail.", "wrong"),
        ("Why did the mill close?", FLOOD, "The mill closed.", "wrong"),
        ("Why did the mill close?", FLOOD, "According to the text,", "wrong"),
    ],
    "refusals": [
        ("What colour is the door?", "green", "The text does not mention the colour of the door.", "declined"),
        ("What colour is the door?", "green", "unanswerable", "declined"),
        ("What colour is the door?", "green", "I cannot determine this from the passages.", "declined"),
        ("Why did the mill close?", FLOOD, "The passages do not say why the mill closed.", "declined"),
        ("Did sales rise?", "No.", "The report does not say whether sales rose.", "declined"),
    ],
    "partial refusals": [
        ("Who painted it?", "Anna", "The text does not name the painter, but Anna signed it.", "right"),
        ("What colour is the door?", "green", "It is not stated. The gate, however, is blue.", "declined"),
        ("Who was at the door?", "Anna", "The text does not mention Anna.", "declined"),
    ],
    "no answer": [
        ("What colour is the door?", "green", "", "wrong"),
        ("What colour is the door?", "green", " \n\t", "wrong"),
        ("What colour were the captain's boots?", NONE, "", "wrong"),
        ("What colour is the door?", "green", "...", "wrong"),
    ],
    "unanswerable questions": [
        ("What colour were the captain's boots?", NONE, "The text does not mention their colour.", "right"),
        ("What colour were the captain's boots?", NONE, "Not mentioned.", "right"),
        ("What colour were the captain's boots?", NONE, "The captain wore no boots.", "right"),
        ("What colour were the captain's boots?", NONE, "They were black.", "wrong"),
        ("What colour were the captain's boots?", NONE, "The captain's boots were of a dark brown leather.", "wrong"),
        (
            "What colour were the captain's boots?",
            NONE,
            "His boots were most likely black, as sailors' boots then were, and they were polished each Sunday before "
            "the service, which he never missed, by the boy who carried his instruments to the bridge.",
            "wrong",
        ),
    ],
}


@pytest.mark.parametrize(("rule", "case"), [(rule, case) for rule, cases in TABLE.items() for case in cases])
def test_rule(rule, case):
    question, gold, answer, outcome = case
    found = mark(question, gold, answer)
    assert found.outcome == outcome, found


def test_the_best_gold_counts():
    question = "Where do they live?"
    assert mark(question, ("Montreal", "Vienna"), "Vienna").outcome == "right"
    assert mark(question, ("Vienna", "Montreal"), "Vienna").outcome == "right"
    assert mark(question, ("Montreal", "Vienna"), "Lima").outcome == "wrong"
    assert mark(question, ("Montreal", "", " "), "Montreal").outcome == "right"


def test_annotators_who_disagree_whether_there_is_an_answer_are_both_right():
    golds = ("The text does not say where they live.", "Vienna")
    assert mark("Where do they live?", golds, "Vienna").outcome == "right"
    assert mark("Where do they live?", golds, "The text does not say.").outcome == "right"
    assert mark("Where do they live?", golds, "Lima").outcome == "wrong"


def test_a_question_marked_unanswerable_needs_no_gold():
    assert mark("Who?", (), "The text does not say.", answerable=False).outcome == "right"
    assert mark("Who?", (), "Anna", answerable=False).outcome == "wrong"


def test_a_gold_that_reads_like_a_refusal_can_be_an_answer():
    gold = "The text does not mention him."
    assert mark("What does the critic object to?", gold, gold).outcome == "right"
    assert mark("What does the critic object to?", gold, "Not specified.", answerable=True).outcome == "declined"


@pytest.mark.parametrize("golds", [(), ("",), ("  ", "\n")])
def test_an_answerable_question_without_a_gold_is_refused(golds):
    with pytest.raises(UserError, match=r"question 'Who\?': .*no gold answer.*mark the question as unanswerable"):
        mark("Who?", golds, "Anna", answerable=True)


def test_why_names_the_evidence():
    assert mark("What was the loss?", "$1.2 million", "$1.2 million").why == "numbers 1/1, evidence 1.00"
    assert mark("What colour is the door?", "green", "Not mentioned.").why == "evidence 0.00, refuses"
    assert mark("Did it rise?", "Yes, by 5%.", "No, by 5%.").why.endswith("no for yes")
    assert mark("Who?", (), "Anna", answerable=False).why == "no refusal"
    assert mark("Who?", "Anna", "").why == "empty"


# -- laws -------------------------------------------------------------------------------------------------------------

CASES = [case for cases in TABLE.values() for case in cases]
ITEMS = [Item(question, answer, (gold,)) for question, gold, answer, _ in CASES]
WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9)
FACTS = st.lists(st.one_of(WORDS, WORDS.map(str.title), st.integers(0, 10**9).map(str)), min_size=1, max_size=30)
REFUSALS = ["Not mentioned.", "The text does not say.", "I cannot answer this question.", "unanswerable"]


@given(FACTS.map(" ".join))
def test_the_gold_itself_is_right(gold):
    assert mark("What was found there?", gold, gold, answerable=True).outcome == "right"


@given(FACTS.map(" ".join), st.sampled_from(REFUSALS))
def test_a_refusal_declines_an_answerable_question_and_answers_an_unanswerable_one(gold, refusal):
    assert mark("What was found there?", f"{gold} zzyzx", refusal, answerable=True).outcome == "declined"
    assert mark("What was found there?", gold, refusal, answerable=False).outcome == "right"


@given(st.text(max_size=200), st.text(max_size=60))
def test_an_unanswerable_question_is_never_declined(answer, question):
    found = mark(question, (), answer, answerable=False)
    assert found.outcome in ("right", "wrong")
    assert 0.0 <= found.score <= 1.0


@given(st.text(max_size=200), st.text(min_size=1, max_size=60).filter(str.strip))
def test_any_text_can_be_marked(answer, gold):
    found = mark("What was found there?", gold, answer)
    assert 0.0 <= found.score <= 1.0
    assert (found.outcome == "right") == (found.score >= offline.THRESHOLD)


@given(st.randoms(use_true_random=False), st.integers(1, len(ITEMS)))
@settings(max_examples=20)
def test_a_mark_depends_on_its_item_alone(shuffler: random.Random, size: int):
    whole = dict(zip(ITEMS, OfflineScorer().mark(ITEMS), strict=True))
    some = shuffler.sample(ITEMS, size)
    assert OfflineScorer().mark(some) == [whole[item] for item in some]


WHOLE = [c for c in CASES if c[3] == "right" and c[1].strip(".").lower() in c[2].lower() and len(c[1]) > 4]


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case[2][:30])
@pytest.mark.parametrize("frame", ["According to the passages given: {}", "{} (see the second chapter)", "\n- {}\n"])
def test_words_around_an_answer_that_holds_the_gold_change_nothing(case, frame):
    question, gold, answer, _ = case
    assert mark(question, gold, frame.format(answer)).outcome == "right"


@given(FACTS, st.data())
def test_each_further_word_of_the_gold_adds_evidence(facts, data):
    gold = gold_of("What was found there?", " ".join(facts))
    part = data.draw(st.integers(0, len(facts)))
    less, more = (agreement(gold, said_by(" ".join(facts[:n]))) for n in (part, len(facts)))
    for name in ("recall_short", "recall_long", "clause_long", "figures_met"):
        assert less[name] <= more[name] + 1e-9


def test_weights_and_features_name_one_another():
    gold, said = gold_of("Who?", FLOOD), said_by("The mill closed.")
    rules = set(agreement(gold, said))
    assert set(offline.RULES) == rules | {"bias"}
    assert set(offline.RULES_AND_MEANING) <= rules | {"bias", "meaning_long"}
    assert set(offline.ADMISSION) == set(admission("Who?", said)) | {"bias"}


def test_logistic_known_values():
    assert logistic({"bias": 0.0}, {}) == 0.5
    assert logistic({"bias": -1.0, "a": 2.0}, {"a": 1.0, "b": 9.0}) == pytest.approx(1 / (1 + np.exp(-1.0)))


# -- the encoder ------------------------------------------------------------------------------------------------------

LOOSE = "The flood broke the wheel, and the owner sold the house to a cousin, who raised horses there."
"""Holds about a third of the gold's words: the rules alone are in doubt."""


def near(texts: Sequence[str]) -> np.ndarray:
    """Every gold and answer the same way, at right angles to the question."""
    return np.array([[1.0, 0.0] if text.endswith("?") else [0.0, 1.0] for text in texts], dtype=np.float32)


def far(texts: Sequence[str]) -> np.ndarray:
    """Question, gold and answer at right angles to one another."""
    return np.array([[text.endswith("?"), text == FLOOD, text == LOOSE] for text in texts], dtype=np.float32)


def test_the_encoder_settles_what_the_rules_leave_in_doubt():
    item = Item("Why did the mill close?", LOOSE, (FLOOD,))
    alone, agreeing, disagreeing = (OfflineScorer().mark([item], embed)[0] for embed in (None, near, far))
    assert 0.1 <= alone.score <= 0.9
    assert agreeing.outcome == "right" and agreeing.why.endswith("meaning 1.00")
    assert disagreeing.outcome == "wrong" and disagreeing.why.endswith("meaning 0.00")


def test_the_encoder_is_asked_once_with_distinct_texts_and_only_where_in_doubt():
    asked: list[list[str]] = []

    def embed(texts: Sequence[str]) -> np.ndarray:
        asked.append(list(texts))
        return near(texts)

    doubtful = [Item("Why did the mill close?", LOOSE, (FLOOD,))] * 3
    with_clear = [*ITEMS, *doubtful]
    marks = OfflineScorer().mark(with_clear, embed)
    assert len(asked) == 1
    assert len(set(asked[0])) == len(asked[0])
    assert {"Why did the mill close?", FLOOD, LOOSE} <= set(asked[0])
    assert not any(item.answer in asked[0] for item in ITEMS if len(item.golds[0]) < 40)
    assert len(set(marks[-3:])) == 1
    asked.clear()
    OfflineScorer(doubt=0.5).mark(with_clear, embed)
    assert not asked


def test_marks_with_the_encoder_depend_on_their_item_alone():
    items = [Item("Why did the mill close?", LOOSE, (FLOOD,)), *ITEMS]
    assert OfflineScorer().mark(items, near)[1:] == OfflineScorer().mark(items[1:], near)


def test_meaning_takes_the_question_out_of_both():
    question, gold, answer = np.eye(3)
    assert meaning(question, gold, answer) == 0.0
    assert meaning(question, gold, gold) == 1.0
    assert meaning(question, (question + gold) / 2**0.5, (question + answer) / 2**0.5) == 0.0
    assert meaning(question, (question + gold) / 2**0.5, (question - gold) / 2**0.5) == -1.0
    assert meaning(question, question, answer) == 0.0, "nothing but the question is left of the gold"


# -- the published table ----------------------------------------------------------------------------------------------

DATA = folder_setting("LONGSHORT_DATA", "data") / "lara" / "evaluation" / "prediction"
REFERENCE = find_reference("lara_table.csv", {})


@pytest.mark.skipif(not DATA.is_dir(), reason="needs LaRA: set LONGSHORT_DATA to the folder that holds lara/")
@pytest.mark.skipif(REFERENCE is None, reason="needs reference/lara_table.csv in or beside LONGSHORT_DATA")
def test_the_rules_alone_redo_the_shorter_half_of_laras_table():
    """Cells of LaRA at 32k: the mean over book, financial and paper of the share right; a failed call counts 0."""
    assert REFERENCE is not None
    with REFERENCE.open(encoding="utf-8") as file:
        published = {(r["model"], r["task"]): r for r in csv.DictReader(file) if r["length"] == "32k"}
    items: list[Item] = []
    places: list[tuple[str, str, str, str]] = []
    for model in sorted({model for model, _ in published}):
        for arm, prefix in (("lc", "full"), ("rag", "rag")):
            for path in sorted((DATA / model).glob(f"{prefix}_preds_{model}_32k_*.jsonl")):
                kind, task = path.name.removesuffix(".jsonl").rsplit("_", 2)[1:]
                for line in path.read_text(encoding="utf-8").splitlines():
                    row = json.loads(line)
                    items.append(Item(row["question"], row["prediction"] or "", (row["ground_truth"],)))
                    places.append((model, task, arm, kind))
    shares: dict[tuple[str, str, str], dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for (model, task, arm, kind), found in zip(places, OfflineScorer().mark(items), strict=True):
        shares[model, task, arm][kind].append(found.outcome == "right")
    cells = {cell: 100 * float(np.mean([np.mean(v) for v in kinds.values()])) for cell, kinds in shares.items()}
    ours = {k: (cells[*k, "lc"], cells[*k, "rag"]) for k in published}
    theirs = {k: (float(row["lc"]), float(row["rag"])) for k, row in published.items()}
    x, y = (np.array([table[k] for k in published]) for table in (ours, theirs))
    gap, published_gap = x[:, 0] - x[:, 1], y[:, 0] - y[:, 1]
    assert len(published) == 32
    assert (pearson(x.ravel().tolist(), y.ravel().tolist()) or 0) >= 0.95
    assert np.abs(x - y).mean() <= 5
    assert (pearson(gap.tolist(), published_gap.tolist()) or 0) >= 0.92
    assert np.abs(gap - published_gap).mean() <= 4.3
    assert (np.sign(gap) == np.sign(published_gap)).mean() >= 0.9
