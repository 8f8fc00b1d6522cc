"""The reader as routes see it in a service: an endpoint whose tokenizer forgets.

A study counts each document once and ends; a service runs for months and sees new documents with every request. It
asks for no answers: the gateway does, without blocking.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pipeline.core.tokens import Tokenizer, tokenizer_named
from pipeline.generators.endpoint import Endpoint

_REMEMBERED = 64 << 20  # characters of counted texts


class BoundedTokenizer(Tokenizer):
    """Another tokenizer, which holds on to at most `_REMEMBERED` characters of the texts it counted."""

    def __init__(self, inner: Tokenizer) -> None:
        self.name, self._inner, self._held = inner.name, inner, 0

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The inner tokenizer's."""
        return self._inner.spans(text)

    def remember(self, text: str, count: int) -> int:
        """Take the count as known, until too much text is held."""
        self._held += len(text)
        if self._held > _REMEMBERED:
            self._counts.clear()
            self._held = len(text)
        return super().remember(text, count)


@lru_cache(maxsize=8)
def _bounded(name: str) -> BoundedTokenizer:
    return BoundedTokenizer(tokenizer_named(name))


@dataclass(frozen=True, kw_only=True)
class LiveReader(Endpoint):
    """An endpoint for a service. Its settings are those of `Endpoint`."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The one named by `count_with`, with a bounded memory."""
        return _bounded(self.count_with)
