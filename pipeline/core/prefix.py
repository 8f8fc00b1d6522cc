"""What a prefix cache in blocks will hold: the prediction that a run compares with what its engine reports.

The rule is that of vLLM's automatic prefix caching (docs: Automatic Prefix Caching): a block of tokens is known by its
tokens and all before them, only whole blocks are kept, the last token of a prompt is always computed, and where the
memory ends the blocks used longest ago go first, of one prompt's the last. It takes prompts one after another: what
prompts that are read at once, and answers, take of the memory meanwhile is not in it. It knows neither readers nor
prompts.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b


class PrefixCache:
    """Blocks of `block` tokens; at most `capacity` tokens are held (None: no limit). Tokens are ids below 2^31."""

    def __init__(self, block: int = 16, capacity: int | None = None) -> None:
        self.block = block
        self._most = None if capacity is None else capacity // block
        self._held: OrderedDict[bytes, None] = OrderedDict()
        # The prompt before and its blocks' names: one on the same document has most of them too.
        self._last: tuple[bytes, list[bytes]] = b"", []

    def __bool__(self) -> bool:
        """Whether it holds anything."""
        return bool(self._held)

    def read(self, tokens: Sequence[int]) -> int:
        """Take in a prompt; returns how many of its first tokens were held already, whole blocks."""
        names = self._names(tokens)
        found = 0
        while found < len(names) and names[found] in self._held:
            found += 1
        # From the end: of one prompt's blocks the last go first, since they are of no use without those before.
        for name in reversed(names):
            self._held[name] = None
            self._held.move_to_end(name)
        while self._most is not None and len(self._held) > self._most:
            self._held.popitem(last=False)
        return min(found, max(len(tokens) - 1, 0) // self.block) * self.block

    def copy(self) -> PrefixCache:
        """The same contents, to ask what would be."""
        other = PrefixCache(self.block)
        other._most, other._held, other._last = self._most, self._held.copy(), self._last
        return other

    def clear(self) -> None:
        """Hold nothing."""
        self._held.clear()

    def _names(self, tokens: Sequence[int]) -> list[bytes]:
        """A name per whole block: a digest of its tokens and of all before them."""
        ids = array("i", tokens)
        raw, size = ids.tobytes(), ids.itemsize * self.block
        before, known = self._last
        ends = range(size, min(len(raw), len(before)) + 1, size)
        same = bisect_right(ends, 0, key=lambda end: raw[:end] != before[:end])
        names, name = known[:same], known[same - 1] if same else b""
        for start in range(same * size, len(raw) - size + 1, size):
            name = blake2b(name + raw[start : start + size], digest_size=16).digest()
            names.append(name)
        self._last = raw, names
        return names
