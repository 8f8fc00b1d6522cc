"""Extraction of triples: what the reader sees, what it is asked for, and that no question is in it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Question
from pipeline.core.spec import runtime
from pipeline.core.store import Store
from pipeline.generators.base import Sampling
from pipeline.generators.scripted import Scripted
from pipeline.reading import Job, read
from pipeline.routes.base import Case
from pipeline.routes.triples import ExtractTriples
from retrievers.triples import parse_triples

TEXT = "She was born in Port Elva."
PASSAGE = Chunk("ada", 100, 100 + len(TEXT), TEXT, "Ada Quill", "Life")
DOCUMENT = Document("ada", "." * 100 + TEXT, "Ada Quill")


@dataclass(frozen=True, kw_only=True, eq=False)
class Narrow(Scripted):
    limit: int | None = runtime(None)

    @property
    def window(self) -> int | None:
        return self.limit


def case_of(reader: Scripted, passage: Chunk = PASSAGE, question: str = "") -> Case:
    asked = Question(f"{passage.doc}:{passage.start}-{passage.end}", question, context=(passage.doc,))
    return Case(asked, (DOCUMENT,), {"passage": passage}, reader)


def test_one_call_shows_the_passage_under_its_heading_and_the_reply_is_its_completion(store: Store) -> None:
    reader = Scripted(
        rules=((r"re:# (\w+ \w+) — Life\n\nShe was born in (\w+ \w+)\.\n\nTriples:$", r'[["\1", "born in", "\2"]]'),)
    )
    (done,), calls = read([Job("triples", ExtractTriples(), case_of(reader))], store)
    assert len(done.completions) == len(calls) == 1
    assert done.reply.completion is done.completions[0]
    (triple,) = parse_triples(done.reply.completion.text, 7)
    assert triple == {"subject": "Ada Quill", "relation": "born in", "object": "Port Elva", "chunk": 7}
    assert done.reply.prompt.spans == (PASSAGE.span,)
    assert done.reply.cut.context_tokens == done.reply.cut.kept_tokens == reader.tokenizer.count(TEXT)


def test_the_question_is_not_in_the_prompt_and_equal_passages_are_one_call(store: Store) -> None:
    reader, route = Scripted(), ExtractTriples()
    elsewhere = Chunk("copy", 0, len(TEXT), TEXT, "Ada Quill", "Life")
    cases = [case_of(reader), case_of(reader, question="Where was she born?"), case_of(reader, elsewhere)]
    transcripts, calls = read([Job("triples", route, c) for c in cases], store)
    assert len({t.reply.prompt.text for t in transcripts}) == len(calls) == 1
    assert [p.role for p in transcripts[0].reply.prompt.parts].count("question") == 0


def test_labels_can_be_left_out_and_nothing_stands_in_their_place() -> None:
    ask = next(ExtractTriples(labels=False).steps(case_of(Scripted())))
    bare = next(ExtractTriples().steps(case_of(Scripted(), Chunk("ada", 100, 126, TEXT))))
    assert ask.prompt.text == bare.prompt.text
    assert "Ada Quill" not in ask.prompt.text


def test_the_list_has_its_own_length_and_no_stop() -> None:
    route = ExtractTriples(sampling=Sampling(max_tokens=5, temperature=0.5, seed=3, stop=("\n",)), triple_tokens=99)
    ask = next(route.steps(case_of(Scripted())))
    assert ask.sampling == Sampling(max_tokens=99, temperature=0.5, seed=3)


def test_a_passage_beyond_the_window_is_refused_with_its_place() -> None:
    size = Scripted().tokenizer.count_prompt(next(ExtractTriples().steps(case_of(Scripted()))).prompt)
    next(ExtractTriples(triple_tokens=10).steps(case_of(Narrow(limit=size + 10 + 64))))
    with pytest.raises(UserError, match=r"'ada:100-126'.*do not fit the window.*smaller passages"):
        next(ExtractTriples(triple_tokens=10).steps(case_of(Narrow(limit=size + 10 + 63))))
    with pytest.raises(UserError, match="triple_tokens"):
        ExtractTriples(triple_tokens=0)
