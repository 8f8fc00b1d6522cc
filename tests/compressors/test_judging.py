"""What is measured of a compressor before any reader: contexts, shares, perplexity."""

import os

import numpy as np
import pytest

from compressors.base import Kept, Method, Shortened
from compressors.extractive import Extractive
from compressors.head import Head
from compressors.stage import Compress
from experiments.compression_contexts import contexts_of
from experiments.compression_measures import SAID, TextNLL, measured
from experiments.data.base import data_root
from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Dataset, Document, Question, Section, Span
from pipeline.core.run import Log, Watcher
from pipeline.core.tokens import tokenizer_named

WORDS = tokenizer_named("words")
BODY = " ".join(f"w{i}" for i in range(1000))


def at(first: int, last: int, doc: str = "d") -> Span:
    """The words [first, last) of BODY."""
    return Span(doc, BODY.index(f"w{first} "), BODY.index(f"w{last - 1} ") + len(f"w{last - 1}"))


def asked(number: int, *spans: Span, context: tuple[str, ...] = ("d",)) -> Question:
    return Question(id=f"q{number}", text="Which w10 or w990 is it?", context=context, answerable=True, evidence=spans)


def dataset(*questions: Question) -> Dataset:
    return Dataset("made", {"d": Document("d", BODY, "D", (Section("rest", 2400, len(BODY)),))}, questions)


def cut(data: Dataset, tokens: int, **more) -> list[tuple[Question, list[Document]]]:
    made = contexts_of(data, tokens, **more)
    return [(q, [made.documents[d] for d in q.context]) for q in made.questions]


# -- contexts ---------------------------------------------------------------------------------------------------------


def test_a_context_has_its_size_and_holds_the_evidence_anywhere():
    data = dataset(*(asked(i, at(500, 510)) for i in range(200)))
    starts = []
    for question, (document,) in cut(data, 100):
        assert WORDS.count(document.text) == 100
        (gold,) = question.evidence
        assert document.text[gold.start : gold.end] == " ".join(f"w{i}" for i in range(500, 510))
        name, _, place = document.id.partition(":")
        start, end = map(int, place.split("-"))
        assert (name, document.text) == ("d", BODY[start:end])
        assert question.cluster == "d"
        (section,) = document.sections
        assert (section.start, section.end) == (max(2400 - start, 0), len(document.text))
        starts.append(WORDS.count(document.text[: gold.start]))
    assert min(starts) < 9 and max(starts) > 81  # of 0 to 90
    assert abs(np.mean(starts) - 45) < 8
    assert contexts_of(data, 100) == contexts_of(data, 100)
    assert len(contexts_of(data, 100).documents) <= 91  # equal cuts are one document


def test_evidence_that_is_spread_wider_is_kept_as_far_as_it_fits():
    made = contexts_of(dataset(asked(1, at(10, 20), at(50, 60), at(900, 910))), 80)
    assert len(made.questions[0].evidence) == 2
    assert any("spread wider" in note for note in made.notes)
    ((question, (document,)),) = cut(dataset(asked(1, at(0, 5), at(990, 999))), 2000)
    assert document.id == "d" and question.evidence == (at(0, 5), at(990, 999))
    nothing = contexts_of(dataset(asked(1, at(10, 400))), 80)
    assert not nothing.questions and "1 question whose evidence does not fit in 80 tokens left out" in nothing.notes
    padded = Span("d", at(10, 20).start - 1, at(10, 20).end + 1)
    ((question, (document,)),) = cut(dataset(asked(1, padded)), 80)
    assert (
        document.text[question.evidence[0].start : question.evidence[0].end] == BODY[at(10, 20).start : at(10, 20).end]
    )


def test_a_limit_takes_questions_from_everywhere():
    questions = [asked(i, at(3 * i + 1, 3 * i + 3)) for i in range(100)]
    assert [q.id for q, _ in cut(dataset(*questions), 50, limit=10)] == [q.id for q in questions[::10]]


def test_of_a_collection_the_context_is_the_evidence_among_what_is_nearest():
    """Passages that share words with the question are taken first; the evidence stands anywhere among them."""
    texts = {f"near{i}": f"which w10 is number {i} of these" for i in range(30)}
    texts |= {f"far{i}": "something else altogether that nobody asked for" for i in range(200)}
    texts |= {"gold": "the answer stands here"}
    documents = {name: Document(name, text) for name, text in texts.items()}
    questions = [asked(i, Span("gold", 0, 22), context=()) for i in range(40)]
    places = []
    for question, found in cut(Dataset("made", documents, tuple(questions)), 60):
        assert sum(WORDS.count(d.text) for d in found) <= 60
        names = [d.id for d in found]
        assert "gold" in names and not any(name.startswith("far") for name in names)
        assert question.cluster == question.id
        places.append(names.index("gold") / (len(names) - 1))
    assert min(places) == 0 and max(places) == 1


def test_without_evidence_the_whole_documents_are_the_context():
    data = dataset(asked(1), Question("gone", "?", ("nowhere",)))
    documents = {**data.documents, "nowhere": Document("nowhere", None)}
    made = contexts_of(Dataset("made", documents, data.questions), 50)
    assert [q.context for q in made.questions] == [("d",)]
    assert made.documents["d"].text == BODY
    assert "1 question without their documents left out" in made.notes
    both = contexts_of(dataset(asked(1), asked(2, at(5, 9))), 50)
    assert [q.id for q in both.questions] == ["q2"] and "1 question without evidence left out" in both.notes


# -- measures ---------------------------------------------------------------------------------------------------------


def values(method: Method, *gold: Span, ratio: float, nll: float | None = None) -> dict[str, float | None]:
    question = asked(1, *gold)
    (made,) = Compress(method=method, ratio=ratio).run([(Chunk("d", 0, len(BODY), BODY),)], [question.text])
    return measured(question, [Document("d", BODY)], made, nll)


def test_measures_of_a_cut_that_is_known():
    """At 2× the first half stays: of two gold spans one whole, of another half."""
    gold = (at(10, 20), at(495, 505))
    found = values(Head(), *gold, ratio=2)
    assert list(found) == list(SAID)
    assert found["reached"] == 2.0 and found["tokens"] == 500
    assert found["spans"] == 0.5
    inside = len(BODY[at(10, 20).start : at(10, 20).end]) + len(BODY[at(495, 505).start : at(495, 500).end])
    size = sum(s.end - s.start for s in gold)
    assert found["characters"] == pytest.approx(inside / size)
    assert found["density"] == pytest.approx((inside / at(0, 500).end) / (size / len(BODY)))
    assert found["words"] == 0.5  # w10 of w10 and w990: "which", "or" and "is" are not in the context
    assert found["nll"] is None and found["read"] == 0
    assert values(Head(), *gold, ratio=2, nll=0.25)["nll"] == 0.25


class Everything(Method):
    """Keeps what it may not, for the sake of the test: the stage does not check a method's budget."""

    def shorten(self, tasks):
        return [Shortened(tuple(Kept(i, ((0, len(t)),)) for i, t in enumerate(task.texts)), 7) for task in tasks]


class Anew(Method):
    """Writes a text of its own."""

    def shorten(self, tasks):
        return [Shortened((Kept(0, rewritten="w10 it is"),)) for _ in tasks]


def test_all_kept_is_one_everywhere_and_a_text_written_anew_keeps_no_spans():
    found = values(Everything(), at(10, 20), ratio=4)
    assert all(found[m] == 1 for m in ("characters", "spans", "density", "words", "reached"))
    assert found["read"] == 7 / 1000
    found = values(Anew(), at(10, 20), ratio=4)
    assert found["characters"] is found["spans"] is found["density"] is None
    assert found["words"] == 0.5
    assert values(Head(), ratio=4)["characters"] is None  # without gold evidence


def test_perplexity_is_the_models_and_is_remembered_by_text(store, causal):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = str(causal())
    texts = [("a", "The keeper of the light wrote letters."), ("b", "zq"), ("c", "")]
    of = TextNLL(model=folder)
    log = Log()
    first, keys = of.remembered(texts, store, log, Watcher())
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for (_, text), value in zip(texts[:2], first, strict=False):
        ids = torch.tensor([[1, *tokenizer(text, add_special_tokens=False)["input_ids"]]])
        with torch.no_grad():
            assert value == pytest.approx(model(ids, labels=ids).loss.item(), rel=1e-4)
    assert first[2] == 0.0
    again, _ = of.remembered([*texts, ("d", "One more.")], store, log, Watcher())
    assert again[:3] == first and len(keys) == 3
    assert [e["computed"] for e in log.events] == [3, 1]
    with pytest.raises(UserError, match="nowhere"):
        TextNLL(model="/nowhere").remembered(texts, store, log, Watcher())


def test_extraction_keeps_the_evidence_of_a_published_set():
    """Bar 3 on a few questions, by the scorer that needs no model."""
    from experiments.data.chunking_evaluation import load_chunking_evaluation

    if "LONGSHORT_DATA" not in os.environ or not (data_root() / "chunking_evaluation").is_dir():
        pytest.skip("LONGSHORT_DATA holds no chunking_evaluation")
    stage = Compress(method=Extractive(scorer="bm25"), ratio=4)
    found = []
    for question, documents in cut(load_chunking_evaluation(), 8000, limit=30):
        chunks = tuple(Chunk(d.id, 0, len(d.text), d.text) for d in documents)
        (made,) = stage.run([chunks], [question.text])
        found.append(measured(question, documents, made))
    assert np.mean([v["characters"] for v in found]) >= 0.9
    assert np.mean([v["reached"] for v in found]) == pytest.approx(4, rel=0.05)
