"""Rows of tokens hold whole answers to questions whose segments are in; a batch follows from its number alone."""

import random

import numpy as np
import pytest

from experiments.reader.example import UNANSWERABLE, Asked, Example, Planted
from experiments.reader.excerpts import segments, span
from experiments.reader.mixture import FIRST, STAGES, Mixture, Stage, Task, length_at
from experiments.reader.pack import ANSWER, BEGIN, IGNORED, PAD, TEXT, Packer, load_tokenizer, prompt
from experiments.reader.running import Documents, foreign, instructed, noise, pile
from experiments.reader.vocabulary import Words
from pipeline.core.errors import UserError

PLACES = "Arlen Halden Tarsk Moren Quill Venn Osk Brill Dorn Felm".split()


def facts(count: int, seed: int = 0) -> Example:
    dice = random.Random(seed)
    numbers = [str(dice.randrange(10**4, 10**5)) for _ in range(count)]
    segments = [f"{' ' if i else ''}The number of {PLACES[i % 10]} {i} is {n}." for i, n in enumerate(numbers)]
    return Example(
        segments, [Asked(f"What is the number of {PLACES[i % 10]} {i}?", n, (i,)) for i, n in enumerate(numbers)]
    )


def make_facts(rng: random.Random, words: Words, size: int) -> Planted:
    example = facts(size, rng.randrange(10**6))
    return Planted([s.strip() for s in example.segments], example.asked)


@pytest.fixture(scope="module")
def tokenizer(tokenizer_folder):
    return load_tokenizer(tokenizer_folder)


@pytest.fixture(scope="module")
def packer(tokenizer):
    return Packer(tokenizer)


def answers_in(tokenizer, ids, classes):
    """The answers of a row: each run of answer tokens, as text."""
    edges = np.flatnonzero(np.diff([0, *(np.asarray(classes) == ANSWER), 0]))
    return [tokenizer.decode(list(ids[a:z])) for a, z in zip(edges[::2], edges[1::2], strict=True)]


def test_a_prompt_in_training_is_the_prompt_in_use(tokenizer, packer):
    example = Example(["The bridge is 214 metres long.", " It was built in 1873."], [Asked("When?", "1873", (1,))])
    encoded = packer.encode(random.Random(0), example, 200)
    whole = tokenizer.encode(prompt(example.document, "When?") + " 1873\n").ids
    assert encoded.ids == whole
    assert encoded.classes[0] == IGNORED and answers_in(tokenizer, whole, encoded.classes) == [" 1873\n"]


@pytest.mark.parametrize("room", range(40, 700, 37))
def test_whatever_the_room_every_answer_is_whole_and_stands_in_the_text_before(tokenizer, packer, room):
    example = facts(20)
    encoded = packer.encode(random.Random(room), example, room)
    if encoded is None:
        assert room < 150, "small rooms may hold no question whose segments are in"
        return
    assert len(encoded.ids) == len(encoded.classes) <= room and encoded.ids[0] == BEGIN
    text = tokenizer.decode(encoded.ids)
    found = answers_in(tokenizer, encoded.ids, encoded.classes)
    assert len(found) == encoded.questions > 0
    document = text.split("\n\nQuestion:")[0]
    for answer in found:
        assert answer.endswith("\n") and answer.strip() in {a.answer for a in example.asked}
        assert answer.strip() in document


def test_a_question_is_left_out_with_any_of_its_segments(packer):
    example = Example(["First. " * 3, "Second. " * 60], [Asked("Both?", "yes", (0, 1))])
    assert packer.encode(random.Random(0), example, 60) is None
    declined = Example(example.segments, [Asked("Which third?", UNANSWERABLE)])
    assert packer.encode(random.Random(0), declined, 60).questions == 1


def test_the_same_question_is_asked_once(packer):
    example = Example(["One. Two."], [Asked("Which?", "One", (0,)), Asked("Which?", "Two", (0,))])
    assert packer.encode(random.Random(0), example, 100).questions == 1


def test_a_row_holds_several_examples_and_then_nothing(tokenizer, packer):
    rng = random.Random(0)
    ids, classes = packer.row(rng, 500, lambda room: facts(2, rng.randrange(99)), share=0.4)
    assert ids.shape == classes.shape == (501,) and (ids == BEGIN).sum() > 2
    filled = np.flatnonzero(ids != PAD)[-1] + 1
    assert (classes[filled:] == IGNORED).all() and (classes[:filled] == IGNORED).sum() == (ids == BEGIN).sum()
    assert {TEXT, ANSWER} <= set(classes.tolist())


def test_a_tokenizer_of_others_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_tokenizer(tmp_path)


# -- running text ------------------------------------------------------------------------------------------------------


def documents() -> Documents:
    made = []
    for k in range(4):
        sentences = [f"Sentence {i} of text {k} speaks of {PLACES[(i + k) % 10]}." for i in range(30)]
        text, spans = "", []
        for i, s in enumerate(sentences):
            text += ("\n\n" if i % 5 == 0 else " ") if i else ""
            spans.append([len(text), len(text) + len(s)])
            text += s
        made.append({"title": f"Text {k}", "text": text, "sentences": spans, "tags": [""] * 30, "kind": "novel"})
    return Documents(made)


def test_an_excerpt_becomes_a_pile_of_passages_as_long_as_asked(packer):
    def about(rng, document, lexicon, *, room, menu, other, pools):
        first, last = span(rng, document, room)
        parts = segments(document, first, last)
        return Example(
            parts, [Asked(f"Where is {document['title']}, {k}?", parts[0].split()[-1], (0,)) for k in range(menu.count)]
        )

    task = Task(maker="missing:make", form="excerpt", weight=1, piled=0.5)
    made = mixture(packer)
    made._makers = {task: about}
    for seed in range(20):
        rng = random.Random(seed)
        example = made.example(rng, Words(rng), 2000, 0.2)
        assert 0.6 < len(example.document) / (1600 * 4) < 1.4 and example.asked
        for one in example.asked:
            assert one.answer in example.segments[one.needs[0]]


def test_running_text_is_as_long_as_asked():
    for characters in (300, 3000, 12_000):
        joined = "".join(documents().segments(random.Random(1), characters))
        assert 0.6 * characters < len(joined) < characters + 200
    assert 900 < len("".join(noise(random.Random(0), 1000))) < 1100


def test_a_pile_keeps_every_question_with_its_segments():
    parts = [facts(3, seed) for seed in range(4)]
    for seed in range(12):
        piled = pile(random.Random(seed), Words(random.Random(seed)), parts, ["Arlen", "Quill", "Venn", "Osk"])
        assert len(piled.asked) == 12 and piled.document.count("\n\n") >= 3
        for one in piled.asked:
            assert one.answer in piled.segments[one.needs[0]]
        told = instructed(random.Random(seed), piled)
        assert told.document.endswith(piled.document) and len(told.document) > len(piled.document)


def test_a_foreign_question_names_what_the_document_does_not():
    here, there = facts(5, 1), facts(5, 1)
    assert foreign(random.Random(0), here, there, 5) == []
    there = Example(["Zorn is old."], [Asked("How old is Zorn?", "old", (0,)), Asked("How old is it?", "old", (0,))])
    assert foreign(random.Random(0), here, there, 5) == [Asked("How old is Zorn?", UNANSWERABLE)]


# -- batches -----------------------------------------------------------------------------------------------------------


def mixture(packer, **changed):
    settings = {"seed": 3, "batches": 100, "batch_tokens": 4096, "strict": True}
    task = Task(maker="missing:make", form="planted", weight=1, rate=2, sentence=30, alone=0.5)
    made = Mixture(packer, documents(), **{**settings, "strict": False, **changed})
    made._makers = {task: make_facts}
    return made


def test_a_batch_follows_from_its_number_alone(packer):
    one, two = mixture(packer), mixture(packer)
    for number in (0, 40, 99):
        two.batch(7)
        for a, b in zip(one.batch(number), two.batch(number), strict=True):
            assert np.array_equal(a, b)
    assert not np.array_equal(one.batch(0)[0], one.batch(1)[0])


def test_a_batch_has_all_its_tokens_and_its_answers_stand_in_it(tokenizer, packer):
    seen = 0
    for number in range(0, 100, 7):
        ids, classes = mixture(packer).batch(number)
        assert ids.shape[0] * (ids.shape[1] - 1) == 4096 and ids.dtype == np.uint16
        assert (ids != PAD).mean() > 0.6
        for row, kinds in zip(ids, classes, strict=True):
            text = tokenizer.decode(row.tolist())
            for answer in answers_in(tokenizer, row, kinds):
                seen += 1
                assert answer.strip() == UNANSWERABLE or text.count(answer.strip()) >= 2
    assert seen > 500


def test_lengths_grow_and_long_ones_have_their_share():
    rng = random.Random(0)
    assert {length_at(rng, 0.01, FIRST.lengths) for _ in range(50)} == {512}
    last = [length_at(rng, 0.9, FIRST.lengths) for _ in range(4000)]
    assert 0.35 < sum(x >= 8192 for x in last) / 4000 < 0.45 and max(last) == 16_384
    assert length_at(rng, 1.0, FIRST.lengths) in FIRST.lengths[-1][1]


def test_a_maker_that_is_not_there_is_an_error_but_for_tests_of_a_part(packer):
    missing = Stage((Task(maker="missing:make", form="whole", weight=1),), FIRST.lengths)
    with pytest.raises(ModuleNotFoundError):
        Mixture(packer, None, seed=1, batches=1, batch_tokens=512, stage=missing)
    with pytest.raises(ValueError, match="no task"):
        Mixture(packer, None, seed=1, batches=1, batch_tokens=512, stage=missing, strict=False)


def test_short_rows_are_asked_more_of_what_is_learned_there(packer):
    """Hops are learned in short rows: a factor of 1,000 leaves nothing else there, and changes nothing in long ones."""
    often = Task(maker="relations:make_relations", form="planted", weight=1, short=1000.0)
    seldom = Task(maker="lookups:make_kv", form="whole", weight=1)
    made = Mixture(packer, None, seed=1, batches=1, batch_tokens=512, stage=Stage((often, seldom), FIRST.lengths))
    drawn = {}
    made._made = lambda rng, words, task, *rest: drawn.setdefault(room, []).append(task) or Example(["."], [])
    for room in (2048, 2049):
        for seed in range(200):
            made.example(random.Random(seed), Words(random.Random(seed)), room, 0.2)
    assert drawn[2048].count(seldom) < 5 and 70 < drawn[2049].count(seldom) < 130


@pytest.mark.parametrize("name", STAGES)
def test_every_maker_of_a_stage_is_there(packer, name):
    assert Mixture(packer, documents(), seed=1, batches=1, batch_tokens=512, stage=STAGES[name])
