"""In which order reader calls share most of their prefixes, how much that is, and which contexts go together.

It knows calls and what a reader says of its prefix cache. It makes no call and remembers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from itertools import pairwise

from pipeline.core.records import Part, Prompt
from pipeline.generators.base import Call, Generator


def plan_order(calls: Sequence[Call]) -> list[int]:
    """Indices of the calls by their prompts' texts: no order has more of them in a prefix cache.

    In it no prompt before shares more with one than its neighbour does, so that a cache that holds the longest prompt
    serves as well as an endless one, whatever the size of its blocks; a prompt stands before those that begin with it.
    Texts and not parts are compared, since a document that was cut to fit is a prefix of the same one cut elsewhere.
    """
    by_text = cmp_to_key(_compared)
    return sorted(range(len(calls)), key=lambda i: by_text(calls[i].prompt))


def cached_ahead(calls: Sequence[Call], reader: Generator) -> list[int]:
    """Per call, the prompt tokens that a prefix cache will hold: as the reader says, or the leading parts shared."""
    said = reader.cached_ahead(calls) if calls else []
    return _shared(calls, lambda part: reader.tokenizer.count_prompt(Prompt((part,)))) if said is None else said


def groups_that_fit(
    contexts: Sequence[tuple[Prompt, Sequence[Call]]], capacity: int, reader: Generator
) -> list[list[int]]:
    """Indices of contexts in groups whose calls' prompts, shared prefixes once, fit into so many tokens together.

    contexts: the documents of each, and the calls on them; those that begin alike stay together. One that does not fit
    has a group of its own. Tokens are estimated by the letters of the longest prompt; the bound is not sharp either, as
    answers and later calls take room, too.
    """
    prompts = [call.prompt for _, calls in contexts for call in calls]
    longest = max(prompts, key=_size, default=Prompt(()))
    rate = reader.tokenizer.count_prompt(longest) / max(1, _size(longest))
    groups: list[list[int]] = []
    room = 0.0
    by_text = cmp_to_key(_compared)
    for i in sorted(range(len(contexts)), key=lambda i: by_text(contexts[i][0])):
        calls = contexts[i][1]
        calls = [calls[k] for k in plan_order(calls)]
        takes = rate * (sum(_size(c.prompt) for c in calls) - sum(_shared(calls, _letters)))
        if not groups or takes > room:
            groups.append([])
            room = float(capacity)
        groups[-1].append(i)
        room -= takes
    return groups


def _shared(calls: Sequence[Call], size: Callable[[Part], int]) -> list[int]:
    """Per call, the size of the leading parts that it shares with the call before."""
    found = [0] * len(calls)
    for i, (before, call) in enumerate(pairwise(calls), start=1):
        for a, b in zip(before.prompt.parts, call.prompt.parts, strict=False):
            if a.digest != b.digest:
                break
            found[i] += size(a)
    return found


def _size(prompt: Prompt) -> int:
    return sum(map(_letters, prompt.parts))


def _letters(part: Part) -> int:
    # Where only a document's size is known, a token has four letters, as it has in English about.
    return len(part.text) if part.text is not None else 4 * (part.stated_tokens or 0)


def _compared(one: Prompt, other: Prompt) -> int:
    """Below, at or above 0 as one text comes before, equals or comes after the other; neither is put together.

    A part whose text is not at hand stands for itself. Equal texts in other parts go by digest, so that the order is
    one whatever order the calls came in.
    """
    alike = 0
    for p, q in zip(one.parts, other.parts, strict=False):
        a, b = _text(p), _text(q)
        if a != b:
            if not a.startswith(b) and not b.startswith(a):
                return -1 if a < b else 1
            break
        alike += 1
    # One part begins with the other: what stands behind the shorter one is compared with the longer one's rest.
    ours, theirs = ([_text(p) for p in reversed(x.parts[alike:])] for x in (one, other))
    while ours and theirs:
        a, b = ours.pop(), theirs.pop()
        if len(a) > len(b) and a.startswith(b):
            ours.append(a[len(b) :])
        elif b.startswith(a):
            theirs.append(b[len(a) :])
        else:
            return -1 if a < b else 1
    return any(ours) - any(theirs) or (one.digest > other.digest) - (one.digest < other.digest)


def _text(part: Part) -> str:
    return part.digest if part.text is None else part.text
