"""What soft compressors share: which tokens are context, for any tokenizer and template, and the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from compressors.soft import SoftCompressor, context_runs, rest_of
from pipeline.core.errors import UserError
from pipeline.core.records import Part, Prompt
from pipeline.generators._token_ids import TokenIds

transformers = pytest.importorskip("transformers")

TEXTS = [
    "The lamp burned whale oil, and the keeper was paid in spring; 1,204 sheep graze on the hill.",
    "東京の塔は高い。灯台守は春に給料を受け取った。",
    "It's “quoted” — don't\tstop…\n\nCafé, naïve 🙂🙂 and so on.   Two  spaces.",
]
PLAIN = "{{ bos_token }}[user]{{ messages[0]['content'] }}[reader]"
TRIMMING = "[user]\n{{ messages[0]['content'] | trim }}\n[reader]\n"
CHANGING = "[user]{{ messages[0]['content'] | upper }}"


@pytest.fixture(scope="module")
def tokenizer(models):
    return transformers.AutoTokenizer.from_pretrained(models / "reader")


def prompt(*context: str, role: str = "document", tail: str = "\n\nQuestion: Who?\nAnswer:") -> Prompt:
    parts = [Part("instruction", "Answer from the text.\n\n")]
    for i, text in enumerate(context):
        parts += [Part("label", f"[{i + 1}]\n"), Part(role, text), Part("label", "\n\n")]
    return Prompt((*parts, Part("question", tail)))


@pytest.mark.parametrize("template", [None, PLAIN, TRIMMING])
@pytest.mark.parametrize("role", ["document", "passage"])
def test_context_is_the_text_of_documents_and_passages_and_the_tokens_are_those_of_the_whole(tokenizer, template, role):
    tokenizer.chat_template = template
    ids = TokenIds(tokenizer, chat=template is not None)
    for context in (TEXTS[:1], TEXTS, TEXTS[::-1], []):
        asked = prompt(*context, role=role, tail="\n\nQuestion: Who?\nAnswer: " if template else "\nAnswer:")
        tokens, places = ids.placed(asked)
        assert tokens == ids.whole(asked.text).tolist()
        runs = context_runs(asked, places)
        assert [run.part.text for run in runs] == context
        for run, text in zip(runs, context, strict=True):
            said = tokenizer.decode(tokens[run.first : run.last])
            assert said.strip() == text.strip()
        rest = rest_of(tokens, runs)
        assert len(rest) == len(runs) + 1
        assert sum(map(len, rest)) + sum(run.last - run.first for run in runs) == len(tokens)
        outside = "".join(tokenizer.decode(piece) for piece in rest)
        assert "Answer from the text." in outside
        assert not any(word in outside for word in ("lamp", "東京", "quoted"))
    tokenizer.chat_template = None


@pytest.mark.parametrize("template", [None, PLAIN, TRIMMING])
def test_a_document_that_begins_the_prompt_begins_behind_the_opening_token(tokenizer, template):
    """And blanks that a template trims shift nothing."""
    tokenizer.chat_template = template
    ids = TokenIds(tokenizer, chat=template is not None)
    for before in ("", " \n\n"):
        asked = Prompt((Part("label", before), Part("document", TEXTS[0]), Part("answer", "\nAnswer:")))
        tokens, places = ids.placed(asked)
        [run] = context_runs(asked, places)
        assert tokenizer.decode(tokens[run.first : run.last]).strip() == TEXTS[0]
        assert tokenizer.bos_token_id not in tokens[run.first : run.last]
        behind = tokenizer.decode(tokens[run.last :])
        assert behind.startswith("\nAnswer:")
    tokenizer.chat_template = None


def test_a_token_that_reaches_over_a_border_stays_a_token_of_the_prompt():
    asked = Prompt((Part("label", "abc"), Part("document", "defg"), Part("label", "hij"), Part("passage", "klm")))
    places = [(-1, -1), (0, 2), (2, 4), (4, 5), (5, 5), (5, 7), (7, 9), (9, 10), (10, 13), (13, 14), (-1, -1)]
    first, second = context_runs(asked, places)
    assert (first.first, first.last) == (3, 6)
    assert (second.first, second.last) == (8, 9)
    assert rest_of(list("0123456789x"), [first, second]) == [list("012"), list("67"), list("9x")]


@pytest.mark.parametrize("places", [[(0, 4), (4, 6)], [], [(-1, -1)]])
def test_a_part_without_a_token_of_its_own_is_no_run(places):
    asked = Prompt((Part("label", "abc"), Part("document", "d"), Part("document", ""), Part("label", "ef")))
    assert context_runs(asked, places) == []


def test_parts_side_by_side_are_runs_of_their_own():
    asked = Prompt((Part("document", "ab"), Part("document", "cd")))
    assert [(r.first, r.last) for r in context_runs(asked, [(0, 1), (1, 2), (2, 4)])] == [(0, 2), (2, 3)]


def test_a_template_that_changes_the_text_is_one_line(tokenizer):
    tokenizer.chat_template = CHANGING
    with pytest.raises(UserError, match="changes the prompt's text"):
        TokenIds(tokenizer, chat=True).placed(prompt(*TEXTS))
    tokenizer.chat_template = None


@dataclass(frozen=True, kw_only=True)
class Fivefold(SoftCompressor):
    def tokens_in(self, positions: int, config: Mapping[str, Any]) -> int:
        return positions * 5

    def plan(self, model, prompt, ids, places):
        raise NotImplementedError


def test_the_window_keeps_room_for_what_is_not_compressed():
    """Of n tokens, as many as the reserve are whole: with what they leave, five stand in one position."""
    by = Fivefold(reserve=100)
    assert by.window(300, {}) == 100 + 200 * 5
    assert [by.window(n, {}) for n in (50, 100)] == [50, 100]
    tokens = by.window(300, {})
    for whole in (0, 40, 100):
        assert whole + (tokens - whole) / 5 <= 300 if whole == 100 else whole + (tokens - whole) / 5 < 300
    with pytest.raises(UserError, match="reserve"):
        Fivefold(reserve=-1)
