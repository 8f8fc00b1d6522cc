"""The probe: laws of scope, diffusion and grounding on planted texts, an independent BM25, and odd documents."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from pipeline.core import codec
from pipeline.core.errors import UserError
from pipeline.core.records import Document, Section
from pipeline.core.stage import Documents, QuestionText
from pipeline.policy.features import FEATURES
from pipeline.policy.lexicon import STOP_WORDS, stems
from retrievers.chunk import WordChunks
from retrievers.probe import (
    CHUNK_WORDS,
    Probe,
    ProbeContext,
    ProbeIndex,
    build_index,
    chunks_of,
    grounding,
    named_parts,
    probe,
    probe_chunks,
)

SYLLABLES = ("ka", "lo", "mi", "ru", "ta", "ve", "no", "du", "pe", "si")


def filler(n: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices(SYLLABLES, k=3)) for _ in range(n)]


def planted(*sentences: str, chunks: int = 40, at: tuple[int, ...] = ()) -> str:
    """A text of made-up words, with sentences in the middle of the chunks `at`, or of chunks spread evenly."""
    found = filler(chunks * CHUNK_WORDS, 7)
    places = at or tuple(i * chunks // len(sentences) for i in range(len(sentences)))
    for place, sentence in zip(places, sentences, strict=True):
        own = sentence.split()
        middle = place * CHUNK_WORDS + 60
        found[middle : middle + len(own)] = own
    return " ".join(found)


def opened(*documents: Document | str) -> ProbeContext:
    made = [Document(str(i), d) if isinstance(d, str) else d for i, d in enumerate(documents)]
    return ProbeContext(build_index(made))


ASKED = "Which harbour did the frigate Aurora leave?"
FACT = "The frigate Aurora left the harbour of Lisbon with 412 men."


# -- scope and diffusion ----------------------------------------------------------------------------------------------


def test_one_planted_sentence_is_narrow_and_easy():
    f = probe(opened(planted("The frigate Aurora did leave the harbour of Lisbon")), ASKED)
    assert f["probe.scope"] == pytest.approx(1 / 40)
    assert f["probe.diffusion"] == pytest.approx(0, abs=1e-9)
    assert f["probe.coverage_best"] == pytest.approx(1)
    assert f["probe.position"] == 0


def test_spread_over_ten_places_scope_and_diffusion_rise():
    fact = "The frigate Aurora did leave the harbour"
    single = probe(opened(planted(fact)), ASKED)
    tenfold = probe(opened(planted(*[fact] * 10)), ASKED)
    assert tenfold["probe.scope"] == pytest.approx(10 / 40)
    assert tenfold["probe.scope"] > 5 * single["probe.scope"]
    assert tenfold["probe.diffusion"] > single["probe.diffusion"]
    parts = probe(opened(planted("The frigate", "named Aurora", "did leave", "some harbour")), ASKED)
    assert parts["probe.scope"] > single["probe.scope"]
    assert parts["probe.diffusion"] > single["probe.diffusion"] + 0.3


def test_the_share_of_the_text_counts_not_its_chunks():
    fact = "The frigate Aurora did leave the harbour"
    short, long = (probe(opened(planted(fact, chunks=n)), ASKED) for n in (10, 80))
    assert short["probe.scope"] == pytest.approx(8 * long["probe.scope"])


def test_paraphrased_it_is_harder_to_find():
    exact = probe(opened(planted("The frigate Aurora did leave the harbour")), ASKED)
    reworded = probe(opened(planted("The warship Aurora sailed out of port")), ASKED)
    assert reworded["probe.diffusion"] > exact["probe.diffusion"] + 0.3
    assert reworded["probe.absent"] > exact["probe.absent"] == 0


def test_a_question_for_all_of_it_is_wider():
    index = opened(planted("The frigate Aurora did leave the harbour"))
    one, every = probe(index, ASKED), probe(index, "List all and every harbour that the frigate Aurora did leave.")
    assert every["probe.scope"] == pytest.approx(1 - (1 - one["probe.scope"]) * 0.8**3)


def test_both_lie_between_zero_and_one():
    index = opened(planted(FACT, "Aurora sails", "harbour harbour harbour", "the frigate leaves"))
    for question in (ASKED, "frigate", "list all every total sum main various ships", "Aurora harbour Lisbon 412"):
        f = probe(index, question)
        for name in ("probe.scope", "probe.diffusion"):
            assert math.isnan(f[name]) or 0 <= f[name] <= 1


# -- the ranking ------------------------------------------------------------------------------------------------------


def test_scores_are_those_of_a_plain_bm25():
    text = planted(FACT, "Aurora Aurora harbour", "frigates leave and leave harbours")
    chunks = [stems(c.text) for c in WordChunks(size=150).chunks(Document("0", text))]
    counts = [Counter(c) for c in chunks]
    terms = [t for t in dict.fromkeys(stems(ASKED)) if t not in STOP_WORDS]
    df = {t: sum(t in c for c in counts) for t in terms}
    idf = {t: math.log(1 + (len(chunks) - df[t] + 0.5) / (df[t] + 0.5)) for t in terms}
    mean = sum(map(len, chunks)) / len(chunks)

    def bm25(i: int) -> float:
        norm = 1.2 * (0.25 + 0.75 * len(chunks[i]) / mean)
        return sum(idf[t] * counts[i][t] * 2.2 / (counts[i][t] + norm) for t in terms)

    expected = sorted(range(len(chunks)), key=lambda i: (-bm25(i), i))
    index = opened(text)
    f = probe(index, ASKED)
    assert f["probe.score"] == pytest.approx(bm25(expected[0]))
    assert f["probe.margin"] == pytest.approx(1 - bm25(expected[1]) / bm25(expected[0]))
    assert f["probe.ratio3"] == pytest.approx(bm25(expected[2]) / bm25(expected[0]))
    assert f["probe.terms"] == len(terms)
    assert f["probe.mean_weight"] == pytest.approx(sum(idf.values()) / len(terms))
    assert probe_chunks(index, ASKED).tolist() == [i for i in expected if bm25(i) > 0][:20]


def test_what_stands_nowhere():
    f = probe(opened(planted(FACT)), "How many of the 412 sailors of Captain Nemo saw the Aurora before 1866?")
    assert f["probe.numbers_absent"] == 1
    assert (f["probe.names_absent"], f["probe.names_absent_share"]) == (2, pytest.approx(2 / 3))
    assert (f["probe.names_rarest"], f["probe.names_commonest"]) == (0, 1)
    assert probe(opened(planted(FACT)), "frigate Aurora")["probe.pairs"] == 1
    assert probe(opened(planted(FACT)), "Aurora frigate")["probe.pairs_share"] == 0


def test_chunks_do_not_cross_documents():
    index = opened("alpha " * 10, "beta " * 200, Document("x", None), "gamma")
    assert index.size == 4
    assert probe(index, "gamma")["probe.position"] == 3 / 4


# -- parts ------------------------------------------------------------------------------------------------------------


def two_papers() -> ProbeContext:
    first, second = planted(FACT), planted("A frigate did leave", chunks=20)
    text = f"{first}\n{second}"
    cut = len(first) + 1
    sections = (
        Section("paper 1", 0, cut),
        Section("paper 2", cut, len(text)),
        Section("Gold of the Sea", cut, len(text)),
    )
    return opened(Document("d", text, sections=sections))


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What does paper 2 say?", ["paper 2"]),
        ("Compare papers 1 and 2.", ["paper 1", "paper 2"]),
        ("Compare Paper 2 and paper 1's data", ["paper 2", "paper 1"]),
        ("In papers 7, 1 or 2?", ["paper 1", "paper 2"]),
        ("What does table 2 of paper 1 show?", ["paper 1"]),
        ("In 'Gold of the Sea', who leaves?", ["gold of the sea"]),
        ("What does the paper say of 2?", []),
        ("", []),
    ],
)
def test_parts_that_a_question_names(question, parts):
    assert named_parts(two_papers(), question) == parts


def test_features_of_the_part_that_is_named():
    index = two_papers()
    second = probe(index, "Which harbour did the frigate Aurora leave in paper 2?")
    assert second["probe.parts"] == 1
    assert second["probe.part_size"] == pytest.approx(1 / 3, abs=0.02)
    assert second["probe.part_in1"] == 0 or second["probe.part_lead"] > 0
    assert second["probe.part_lead"] == pytest.approx(second["probe.part_best"] - second["probe.part_outside"])
    assert second["probe.part_absent"] > 0  # no harbour there
    both = probe(index, "Which harbour did the frigate Aurora leave in papers 1 and 2?")
    assert both["probe.part_absent"] == pytest.approx(0)
    assert (both["probe.part_size"], both["probe.part_in5"]) == (1, 1)
    assert both["probe.part_worst"] < both["probe.part_best"]
    assert both["probe.scope"] > second["probe.scope"]
    assert math.isnan(probe(index, ASKED)["probe.part_size"])


# -- grounding --------------------------------------------------------------------------------------------------------


def grounded(index: ProbeContext, answer: str, question: str = ASKED) -> dict[str, float]:
    return grounding(index, question, answer, probe_chunks(index, question))


def test_an_answer_that_stands_in_the_text_is_found():
    index = opened(planted(FACT, "Elsewhere 99 men slept"))
    right = grounded(index, "It left Lisbon with 412 men.")
    wrong = grounded(index, "It left Hamburg with 413 sailors.")
    assert right["answer.found"] == pytest.approx(1)
    assert (right["answer.numbers_missing"], right["answer.numbers_found"]) == (0, 1)
    assert (right["answer.rank"], right["answer.position"]) == (0, 0)
    assert right["answer.top6"] == pytest.approx(1)
    assert right["answer.best_chunk"] > wrong["answer.best_chunk"]
    assert wrong["answer.found"] < 0.5
    assert (wrong["answer.numbers_missing"], wrong["answer.numbers_found"]) == (1, 0)


def test_terms_of_the_answer_that_lie_apart_have_no_best_chunk():
    together = grounded(opened(planted("Lisbon Porto Faro")), "Lisbon Porto Faro")
    apart = grounded(opened(planted("Lisbon", "Porto", "Faro")), "Lisbon Porto Faro")
    assert together["answer.best_chunk"] == pytest.approx(1)
    assert apart["answer.best_chunk"] == pytest.approx(1 / 3)
    assert apart["answer.best3"] == pytest.approx(1)
    assert together["answer.found"] == apart["answer.found"] == pytest.approx(1)
    assert apart["answer.rank"] == 25  # where the question itself does not look


@pytest.mark.parametrize("answer", ["", "...", "the of and", ASKED], ids=["empty", "dots", "stop", "echo"])
def test_an_answer_without_terms_of_its_own_has_nothing_to_find(answer):
    f = grounded(opened(planted(FACT)), answer)
    assert math.isnan(f["answer.found"])
    assert f["answer.numbers_missing"] == 0


# -- dense ------------------------------------------------------------------------------------------------------------


def test_vectors_add_cosines_and_agreement():
    index = opened(planted(FACT, "harbour", chunks=30))
    vectors = np.zeros((30, 4), dtype=np.float32)
    vectors[:, 0] = 1
    vectors[0] = (0.6, 0.8, 0, 0)
    query = np.array((0, 1, 0, 0), dtype=np.float32)
    f = probe(index, ASKED, vectors, query)
    assert f["probe.dense_score"] == pytest.approx(0.8)
    assert f["probe.dense_margin"] == pytest.approx(0.8)
    assert f["probe.dense_mean"] == pytest.approx(0.8 / 30)
    assert f["probe.dense_z"] == pytest.approx(math.sqrt(29), rel=1e-4)
    assert (f["probe.agree_rank"], f["probe.agree_rank_dense"], f["probe.agree_lead"]) == (0, 0, 0)
    vectors[[0, 9]] = vectors[[9, 0]]
    moved = probe(index, ASKED, vectors, query)
    assert (moved["probe.dense_position"], moved["probe.agree_distance"]) == (9 / 30, 9 / 30)
    assert moved["probe.agree_lead"] == pytest.approx(0.8)
    assert set(f) >= {name for name in FEATURES if name.startswith(("probe.", "question.", "document."))}


def test_vectors_of_other_chunks_are_refused():
    with pytest.raises(UserError, match="29 encoded chunks, the index has 30"):
        probe(opened(planted(FACT, chunks=30)), ASKED, np.zeros((29, 2), np.float32), np.zeros(2, np.float32))


# -- stages -----------------------------------------------------------------------------------------------------------


def same(a: dict[str, float], b: dict[str, float]) -> bool:
    return a.keys() == b.keys() and all(x == b[k] or (math.isnan(x) and math.isnan(b[k])) for k, x in a.items())


def test_the_stages_give_what_the_functions_give_and_survive_storage():
    documents = (Document("a", planted(FACT), sections=(Section("paper 1", 0, 500),)), Document("b", None))
    (value,) = ProbeIndex().run([documents])
    stored = codec.loads(codec.dumps(value))
    (found,) = Probe().run([stored], [ASKED])
    assert same(found, probe(ProbeContext(build_index(documents)), ASKED))
    vectors = {"vectors": np.eye(40, dtype=np.float32)}
    (dense,) = Probe().run([value], [ASKED], [vectors], [np.eye(40, dtype=np.float32)[3]])
    assert dense["probe.dense_position"] == 3 / 40
    assert list(chunks_of(documents)) == [*WordChunks(size=CHUNK_WORDS).chunks(documents[0])]
    node = Probe().on(ProbeIndex().on(Documents().on()), QuestionText().on())
    assert node.per == "question"


# -- odd texts --------------------------------------------------------------------------------------------------------

NONE = {"absent": Document("a", None, stated_tokens=9), "empty": Document("a", ""), "blank": Document("a", " \n ")}


@pytest.mark.parametrize("document", NONE.values(), ids=NONE)
def test_documents_without_words_leave_the_probe_unknown(document):
    index = opened(document)
    f = probe(index, ASKED)
    assert all(math.isnan(x) for name, x in f.items() if name.startswith("probe.") and name != "probe.chunks")
    assert f["probe.chunks"] == 0
    assert f["document.known"] == (document.text is not None)
    assert f["question.words"] == 7
    assert all(math.isnan(x) for x in grounded(index, "Lisbon").values())


@pytest.mark.parametrize("text", ["?!...", "— « »", "\x00"], ids=["ascii", "unicode", "control"])
def test_documents_of_punctuation(text):
    f = probe(opened(text), ASKED)
    assert f["probe.absent_share"] == 1
    assert f["probe.score"] == 0
    assert math.isnan(f["probe.scope"])


QUESTIONS = {"empty": "", "marks": "?!", "stop": "what is it", "absent": "zzz qqq", "source": "the paper", "digit": "5"}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_questions_that_match_nothing(question):
    index = opened(planted(FACT))
    f = probe(index, question)
    assert f["probe.score"] == 0
    assert math.isnan(f["probe.position"])
    assert not len(probe_chunks(index, question))
    assert all(math.isnan(x) or math.isfinite(x) for x in f.values())


def test_scripts_without_spaces_are_found():
    index = opened("今年的总收入是五百万元。" * 30 + "船长亚哈追逐白鲸。" + "公司没有支付股息。" * 60)
    f = probe(index, "船长追逐什么白鲸？")
    assert f["probe.score"] > 0
    assert f["probe.position"] == 2 / 7  # 150 characters are a chunk
    assert f["question.other_script"] == 1


UNITS = ("z", "paper 1 ", "Ab1 ", "9, ", "gold of the sea ")


@pytest.mark.parametrize(("unit", "size"), [("harbour ", 1_000_000), *((unit, 200_000) for unit in UNITS)], ids=ascii)
def test_a_long_question_or_answer(unit, size):
    text = unit * (size // len(unit))
    index = two_papers()
    assert probe(index, text)["question.characters"] == len(text)
    assert set(grounded(index, text)) == set(grounded(index, "Lisbon"))


def test_the_same_in_every_process():
    script = (
        "import json\nfrom pipeline.core.records import Document\nfrom retrievers.probe import *\n"
        f"index = ProbeContext(build_index([Document('a', {planted(FACT, 'harbour')!r})]))\n"
        f"f = probe(index, {ASKED!r}) | grounding(index, {ASKED!r}, 'Lisbon, 412', probe_chunks(index, {ASKED!r}))\n"
        "print(json.dumps(f))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    index = opened(Document("a", planted(FACT, "harbour")))
    assert same(json.loads(runs[0]), probe(index, ASKED) | grounded(index, "Lisbon, 412"))


def test_ids_and_titles_of_documents_move_nothing():
    text = planted(FACT)
    one, two = (probe(opened(Document(name, text, title=title)), ASKED) for name, title in (("a", "Gold"), ("b", "")))
    assert same(one, two)
