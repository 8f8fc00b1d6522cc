"""A prompt as token ids: always those of its whole text, though a document that many prompts share is cut up once.

Tokenizers cut a text into words first and words into tokens, each word for itself; where a word ends depends on little
more than the word. So a long part is tokenized once, alone; for a prompt, the text around its long parts is tokenized
together with some of their beginning and end, and the tokens of the two must meet: over a stretch of many tokens on
each side of a word's end both say the same. Where they do not meet, or where a tokenizer cuts no words, the whole text
is tokenized. It knows the tokenizers of `transformers`; it does not know models or windows.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.records import Prompt

_LONG = 2048
"""Characters from which on a part is tokenized once; shorter text is tokenized with every prompt."""
_EDGE = 256
"""Characters at a part's end whose tokens may be others in the middle of a prompt."""
_MEET = 128
"""Characters over which two tokenizations must agree."""
_HELD = 32_000_000
"""Tokens of long parts that are remembered, at four bytes and as many for where they end."""
_STRETCHES = 512
"""Texts around long parts that are remembered: those before a document are alike for all its questions."""


@dataclass(frozen=True, slots=True)
class _Long:
    """A long part's own tokens. cuts: (token, character) before which a word ends, both rising.

    first, last: the tokens from which on, and before which, they stand in every prompt. left: characters needed of its
    beginning, so that what is tokenized with the text before it reaches `left_token`; right: where the text that is
    tokenized with what follows begins; right_token: until where the two must agree.
    """

    ids: array[int]
    first: int
    left: int
    left_token: int
    last: int
    right: int
    right_token: int


class TokenIds:
    """The token ids of prompts, by one tokenizer of `transformers`.

    chat: render the prompt as one user turn of the tokenizer's chat template, which then writes the special tokens.
    """

    def __init__(self, tokenizer: Any, *, chat: bool) -> None:
        self._tokenizer, self._chat = tokenizer, chat
        self._longs: OrderedDict[str, _Long | None] = OrderedDict()
        self._held = 0
        self._stretches: OrderedDict[str, array[int]] = OrderedDict()
        self._before, self._behind, self._parts = _specials(tokenizer, chat=chat)

    def of(self, prompt: Prompt) -> array[int]:
        """The ids of a complete prompt, 32 bits each."""
        pieces = [(part.text or "", part.digest) for part in prompt.parts]
        if not self._parts or not any(len(text) >= _LONG for text, _ in pieces):
            return self.whole(prompt.text)
        if self._chat:
            text = prompt.text
            rendered = self._rendered(text)
            at = rendered.find(text)
            if at < 0:
                # The template changed the text: trimmed it, most likely.
                return self._ids(rendered)
            pieces = [(rendered[:at], ""), *pieces, (rendered[at + len(text) :], "")]
        joined = self._joined(pieces)
        if joined is None:
            return self.whole(prompt.text)
        return self._before + joined + self._behind

    def whole(self, text: str) -> array[int]:
        """The ids of a prompt of this text, tokenized in one piece."""
        if self._chat:
            return self._ids(self._rendered(text))
        return array("i", self._tokenizer(text, verbose=False)["input_ids"])

    def placed(self, prompt: Prompt) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a complete prompt, tokenized in one piece, and the characters `[start, end)` of its text of each.

        What a chat template wrote lies outside of the text, and so do special tokens. Raises UserError for a tokenizer
        that does not say where its tokens stand, and for a template that changes the text.
        """
        if not getattr(self._tokenizer, "is_fast", False):
            raise UserError("this tokenizer does not say where its tokens stand", remedy="Use one with tokenizer.json")
        text = prompt.text
        whole = self._rendered(text) if self._chat else text
        begin = whole.find(text)
        if begin < 0:
            # Templates trim.
            begin = whole.find(text.strip()) - (len(text) - len(text.lstrip()))
            if not text.strip() or text.strip() not in whole:
                raise UserError("the chat template changes the prompt's text", where="chat", remedy="Give chat: false")
        [encoding] = self._tokenizer(whole, add_special_tokens=not self._chat, verbose=False).encodings
        special = encoding.special_tokens_mask
        places = [
            (-1, -1) if special[i] else (start - begin, end - begin) for i, (start, end) in enumerate(encoding.offsets)
        ]
        return list(encoding.ids), places

    def _joined(self, pieces: list[tuple[str, str]]) -> array[int] | None:
        """The ids of the pieces' text without special tokens; None where tokens do not meet."""
        made, stretch, before = array("i"), "", None
        for text, digest in pieces:
            long = self._long(text, digest) if digest and len(text) >= _LONG else None
            if long is None:
                stretch += text
                continue
            ids = self._stretch(stretch + text[: long.left], before, long)
            if ids is None:
                return None
            made += ids
            made += long.ids[long.first : long.last]
            stretch, before = text[long.right :], long
        ids = self._stretch(stretch, before, None)
        return None if ids is None else made + ids

    def _stretch(self, text: str, before: _Long | None, behind: _Long | None) -> array[int] | None:
        """The ids of the text between the kept tokens of two long parts; None where they do not meet."""
        ids = self._stretches.get(text)
        if ids is None:
            ids = self._stretches[text] = self._ids(text)
            if len(self._stretches) > _STRETCHES:
                self._stretches.popitem(last=False)
        end = len(ids)
        if before is not None:
            met = before.ids[before.last : before.right_token]
            if ids[: len(met)] != met:
                return None
        if behind is not None:
            met = behind.ids[behind.first : behind.left_token]
            end -= len(met)
            if end < 0 or ids[end:] != met:
                return None
        return ids[:end]

    def _long(self, text: str, digest: str) -> _Long | None:
        if digest in self._longs:
            self._longs.move_to_end(digest)
            return self._longs[digest]
        made = self._longs[digest] = self._cut(text)
        self._held += len(made.ids) if made else 0
        while self._held > _HELD and len(self._longs) > 1:
            gone = self._longs.popitem(last=False)[1]
            self._held -= len(gone.ids) if gone else 0
        return made

    def _cut(self, text: str) -> _Long | None:
        """A long part's tokens; None where no word ends in the places where one must."""
        [encoding] = self._tokenizer(text, add_special_tokens=False, verbose=False).encodings
        cuts = list(_word_ends(encoding))
        places = [at for _, at in cuts]

        def cut(at: int) -> tuple[int, int] | None:
            found = bisect_left(places, at)
            return cuts[found] if found < len(cuts) else None

        size = len(text)
        first, last = cut(_EDGE), cut(size - 2 * _EDGE - _MEET)
        if first is None or last is None:
            return None
        # The text ends at `left`: the tokens before it are as they are in the middle only up to a word's end before.
        left, right = cut(first[1] + _MEET), cut(last[1] + _MEET)
        if left is None or right is None or not first[0] < left[0] <= last[0] or right[1] > size - _EDGE:
            return None
        return _Long(array("i", encoding.ids), first[0], left[1], left[0], last[0], last[1], right[0])

    def _ids(self, text: str) -> array[int]:
        return array("i", self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _rendered(self, text: str) -> str:
        turns = [{"role": "user", "content": text}]
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def by_template(tokenizer: Any, chat: bool | str, name: str) -> bool:
    """Whether a prompt is a turn of the chat template; `auto`: if there is one. name: whose tokenizer an error names.

    Raises UserError for a template that is wanted and not there.
    """
    if chat is True and not tokenizer.chat_template:
        raise UserError(f"the tokenizer of {name!r} has no chat template", where="chat", remedy="Give auto")
    return chat is True or (chat == "auto" and bool(tokenizer.chat_template))


def _word_ends(encoding: Any) -> Iterator[tuple[int, int]]:
    """(token, character) of each token that begins a word, where its word begins for sure: right behind another."""
    words, offsets = encoding.word_ids, encoding.offsets
    for i in range(1, len(words)):
        if words[i] is not None and words[i - 1] is not None and words[i] != words[i - 1]:
            yield i, offsets[i - 1][1]


def _specials(tokenizer: Any, *, chat: bool) -> tuple[array[int], array[int], bool]:
    """(ids put before every text, ids put behind, whether texts can be put together from parts at all)."""
    none = array("i")
    if not getattr(tokenizer, "is_fast", False) or tokenizer.backend_tokenizer.pre_tokenizer is None:
        # Without a cut into words a text is one word: what stands at its end may change tokens at its beginning.
        return none, none, False
    if chat:
        return none, none, True
    found = set()
    for probe in ("a b", "Lamp, 7", "\n\nx: y"):
        alone = tokenizer(probe, add_special_tokens=False, verbose=False)["input_ids"]
        dressed = tokenizer(probe, verbose=False)["input_ids"]
        at = next((k for k in range(len(dressed)) if dressed[k : k + len(alone)] == alone), None)
        if at is None or not alone:
            return none, none, False
        found.add((tuple(dressed[:at]), tuple(dressed[at + len(alone) :])))
    if len(found) > 1:
        return none, none, False
    [(before, behind)] = found
    return array("i", before), array("i", behind), True
