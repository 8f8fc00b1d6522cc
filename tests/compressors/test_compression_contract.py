"""The contract of every compressor in the catalogue, on what breaks compressors."""

from itertools import pairwise

import pytest

from compressors.base import Method
from compressors.stage import Compress, CompressDocuments
from experiments.catalog_compression import COMPRESSORS, build_compression
from experiments.config import build
from pipeline.core import codec
from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Compression, Document
from pipeline.core.tokens import tokenizer_named

QUESTION = "Who keeps the lighthouse of Orrin Bay?"
WORDS = tokenizer_named("words")


def made(name: str, settings_of) -> Method:
    return build(COMPRESSORS[name], settings_of(name), name)


def compressed(method: Method, texts, question: str = QUESTION, **budget) -> Compression:
    stage = Compress(method=method, **budget)
    chunks, at = [], 0
    for n, text in enumerate(texts):
        chunks.append(Chunk("d", at, at + len(text), text, f"t{n}"))
        at += len(text)
    return next(iter(stage.run([tuple(chunks)], [question])))


def check(found: Compression, texts, *, least: int = 1) -> None:
    """What holds for every result: it is made of the source, or is new text; it is no longer, and counted right."""
    source = "".join(texts)
    for one in found.excerpts:
        given = source[one.given.start : one.given.end]
        assert len(one.text) <= len(given)
        if one.spans:
            assert "".join(source[s.start : s.end] for s in one.spans) == one.text
            assert all(a.end < b.start for a, b in pairwise(one.spans))
            assert all(one.given.start <= s.start < s.end <= one.given.end for s in one.spans)
    assert found.kept == sum(WORDS.count(e.text) for e in found.excerpts) <= found.tokens
    assert found.tokens == sum(WORDS.count(t) for t in texts)
    assert len({e.given for e in found.excerpts}) == len(found.excerpts), "a text stands twice"
    if WORDS.count(source):
        assert found.kept >= least


@pytest.mark.parametrize("name", COMPRESSORS)
def test_what_breaks_compressors(name, hard_text, settings_of):
    found = compressed(made(name, settings_of), [hard_text])
    check(found, [hard_text])


@pytest.mark.parametrize("name", COMPRESSORS)
def test_the_budget_is_kept(name, settings_of, plain, code):
    for budget in (1, 7, 40):
        found = compressed(made(name, settings_of), [plain, code], budget=budget)
        check(found, [plain, code])
        assert found.kept <= max(budget, 1) * 1.05 + 1


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_budget_that_covers_the_input_returns_it(name, settings_of, plain, code):
    for budget in ({"ratio": 1.0}, {"budget": 10_000}):
        found = compressed(made(name, settings_of), [plain, "", code], **budget)
        assert [e.text for e in found.excerpts] == [plain, code]
        assert found.kept == found.tokens
        assert found.read == 0


@pytest.mark.parametrize("name", COMPRESSORS)
def test_nothing_given_nothing_kept(name, settings_of):
    for texts in ([], [""], ["", ""]):
        found = compressed(made(name, settings_of), texts)
        assert (found.excerpts, found.tokens, found.kept) == ((), 0, 0)


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_question_longer_than_the_context(name, settings_of):
    found = compressed(
        made(name, settings_of), ["The lamp was lit by Mara Velt in 1871, and never went out."], QUESTION * 30
    )
    check(found, ["The lamp was lit by Mara Velt in 1871, and never went out."])


@pytest.mark.parametrize("name", COMPRESSORS)
def test_an_empty_question(name, settings_of, plain):
    check(compressed(made(name, settings_of), [plain], ""), [plain])


@pytest.mark.parametrize("name", COMPRESSORS)
def test_the_same_twice_and_in_any_company(name, settings_of, plain, code, cjk):
    method = made(name, settings_of)
    chunks = [(Chunk("d", 0, len(t), t),) for t in (plain, code, cjk)]
    stage = Compress(method=method)
    together = list(stage.run(chunks, [QUESTION] * 3))
    for n, chunk in enumerate(chunks):
        alone = next(iter(Compress(method=made(name, settings_of)).run([chunk], [QUESTION])))
        assert alone == together[n]


@pytest.mark.parametrize("name", COMPRESSORS)
def test_one_that_asks_nothing_gives_every_question_the_same(name, settings_of, plain, code):
    method = made(name, settings_of)
    if method.asks:
        pytest.skip("it reads the question")
    assert compressed(method, [plain]) == compressed(method, [plain], "What else?")
    documents = (Document("a", plain, "A"), Document("b", code, "B"))
    found = next(iter(CompressDocuments(method=method).run([documents])))
    assert [e.given.doc for e in found.excerpts] == ["a", "b"]


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_megabyte(name, settings_of, plain):
    method = made(name, settings_of)
    long = plain * (1_000_000 // len(plain) // (20 if settings_of(name) else 1))
    check(compressed(method, [long], budget=2000), [long])


@pytest.mark.parametrize("name", COMPRESSORS)
def test_results_can_be_stored(name, settings_of, plain, code):
    found = compressed(made(name, settings_of), [plain, code])
    assert codec.loads(codec.dumps(found)) == found


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"type": "hed"}, "head"),
        ({"type": "head", "ratio": 0.5}, "ratio"),
        ({"type": "head", "budget": 0}, "budget"),
        ({"type": "head", "rate": 4}, "rati"),
        ("head", "type: head"),
    ],
)
def test_settings_that_cannot_work_are_told(settings, told):
    with pytest.raises(UserError, match=told):
        build_compression(settings, "routes.lc.compress")
