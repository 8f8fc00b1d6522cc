"""LLMLingua-2: a token classifier says how likely each word is to be kept, and the likeliest stay.

Pan et al., "LLMLingua-2: Data Distillation for Efficient and Faithful Task-Agnostic Prompt Compression", 2024 (arXiv
2403.12968), section 4; the details as in Microsoft's package llmlingua 0.2.2, with these deliberate differences:
what stays is shown as it stands in the source, where the package puts blanks between words; a text is tokenized once,
where the package puts the chunks' tokens together to texts and tokenizes these again; characters outside of the
vocabulary are words like others, where the package loses them; a chunk without any end of a sentence is cut between
words, and not inside one; strings to be kept that are several tokens, or none, are found in the text, where the package
puts tokens of random weights in their place and lets the model read these.

It never sees the question. It knows no model by name: the scheme of the tokenizer says where words begin.
"""

from __future__ import annotations

import string
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from compressors._classifier import ClassifiedText, Floats, Frame, TokenClassifier, chunked, classifier
from compressors.base import Method, Shortened, Stretch, Task, fill, in_place
from pipeline.core.errors import UserError
from pipeline.core.spec import digest_model, runtime, settings
from retrievers.base import at_least, one_of
from retrievers.encoder_models import Precision, precision_of

TokenToWord = Literal["mean", "first"]
Threshold = Literal["budget", "percentile"]
Per = Literal["chunk", "context"]


@dataclass(frozen=True, slots=True)
class Words:
    """W words of one chunk of the text number `index`, in reading order.

    spans: characters of the text. told: the words. chance: (W,) P(keep). weight: (W,) tokens, the task's.
    """

    index: int
    spans: list[Stretch]
    told: list[str]
    chance: Floats
    weight: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class LLMLingua2(Method):
    """The words that a token classifier would keep, as many as the budget holds.

    model, revision: a folder, or a hub name with its revision; two labels, of which the second is keep.
    token_to_word: a word's probability is the mean over its tokens, or its first token's.
    force_tokens: strings that are kept first. force_reserve_digit: tokens with a digit count as certain in their word's
    mean. drop_consecutive: of the same forced string, standing twice with nothing kept between, one stays.
    threshold: `percentile` is the package's rule, the int(100 r + 1)-th percentile for a share r to be dropped, which
    whole percents make up to a tenth too strict at 10×, and which drops all that are equal; `budget` keeps the
    likeliest words while they fit, earlier ones first among equals.
    per: each chunk keeps its share of the budget, as in the package, or all chunks compete.
    frame: `model` puts the model's own marks around a chunk; `package` puts BERT's around it whatever the model is, as
    the package does, so that an XLM-R model, the published one too, reads two unknown tokens in their place.
    chunk_end_tokens: tokens behind which a chunk may end. window: tokens of a chunk with the special ones, at most what
    the model reads; 512 is the package's, and what the published models were trained on.
    """

    asks: ClassVar[bool] = False

    model: str
    revision: str = ""
    token_to_word: TokenToWord = "mean"
    force_tokens: tuple[str, ...] = ()
    force_reserve_digit: bool = False
    drop_consecutive: bool = False
    threshold: Threshold = "budget"
    per: Per = "chunk"
    chunk_end_tokens: tuple[str, ...] = (".", "\n")
    frame: Frame = "model"
    window: int = 512
    precision: Precision = "auto"
    device: str = runtime("")
    batch_tokens: int = runtime(0)

    def __post_init__(self) -> None:
        one_of(self.token_to_word, get_args(TokenToWord), "llmlingua2.token_to_word")
        one_of(self.threshold, get_args(Threshold), "llmlingua2.threshold")
        one_of(self.per, get_args(Per), "llmlingua2.per")
        one_of(self.frame, get_args(Frame), "llmlingua2.frame")
        at_least(self.window, 8, "llmlingua2.window")
        if any(not token for token in self.force_tokens):
            raise UserError("an empty string", where="llmlingua2.force_tokens", remedy="Leave it out")
        if self.drop_consecutive and not self.force_tokens:
            raise UserError(
                "only forced strings are dropped where they repeat, and none is given",
                where="llmlingua2.drop_consecutive",
                remedy='Give force_tokens, such as [".", "\\n"]',
            )

    def resolved_settings(self) -> dict[str, Any]:
        """The settings, the model by its content."""
        own = settings(self)
        del own["revision"]
        model = digest_model(self.model, self.revision)
        return own | {"model": model, "precision": precision_of(self.precision, self.device)}

    def shorten(self, tasks: Sequence[Task]) -> Iterable[Shortened]:
        """One selection per task; the chunks of all tasks are read together."""
        reader = classifier(self.model, self.revision, self.device, self.precision)
        window = min(self.window, reader.limit)
        read = {text: reader.read(text) for text in dict.fromkeys(text for task in tasks for text in task.texts)}
        cut = {
            text: chunked(
                found.names, found.begins, window - reader.framed(self.frame), frozenset(self.chunk_end_tokens)
            )
            for text, found in read.items()
        }
        places = [(text, a, b) for text, chunks in cut.items() for a, b in chunks]
        rows = reader.probabilities(
            [read[text].ids[a:b] for text, a, b in places], window, self.frame, self.batch_tokens
        )
        chances = dict(zip(places, rows, strict=True))
        for task in tasks:
            words = [
                self._words(reader, read[text], chunk, chances[text, *chunk], _Counted(t, text, ends))
                for t, (text, ends) in enumerate((text, _ends(text, task)) for text in task.texts)
                for chunk in cut[text]
            ]
            tokens = sum(b - a + reader.framed(self.frame) for text in task.texts for a, b in cut[text])
            yield Shortened(in_place(self._kept(task, words)), tokens)

    def _words(
        self, reader: TokenClassifier, found: ClassifiedText, chunk: Stretch, chance: Floats, counted: _Counted
    ) -> Words:
        """The words of the tokens [start, end) of a text."""
        start, end = chunk
        text, offsets = counted.text, found.offsets[start:end]
        begins, chance = found.begins[start:end].copy(), chance.copy()
        forced = frozenset(self.force_tokens)
        for i, name in enumerate(map(reader.pure, found.names[start:end])):
            # As in the package: but for WordPiece, whose tokens are marked so, punctuation is a word of its own.
            if name in forced or (not reader.wordpiece and found.names[start + i] in string.punctuation):
                begins[i] = True
            if name in forced or (self.force_reserve_digit and any(c.isdigit() for c in name)):
                chance[i] = 1.0
        stretch = (offsets[0][0] if start else 0, found.offsets[end][0] if end < len(found.ids) else len(text))
        blank = self._force_strings(text, stretch, offsets, begins, chance)
        begins[0] = True
        first = np.flatnonzero(begins)
        sizes = np.diff(first, append=end - start)
        value = chance[first] if self.token_to_word == "first" else np.add.reduceat(chance, first) / sizes
        spans = [(offsets[a][0], offsets[a + n - 1][1]) for a, n in zip(first.tolist(), sizes.tolist(), strict=True)]
        if blank:
            both = sorted([*zip(spans, value.tolist(), strict=True), *((span, 1.0) for span in blank)])
            spans, value = [span for span, _ in both], np.array([v for _, v in both])
        return Words(counted.index, spans, [text[a:b] for a, b in spans], value, counted.weights(spans))

    def _force_strings(
        self, text: str, stretch: Stretch, offsets: Sequence[Stretch], begins: NDArray[np.bool_], chance: Floats
    ) -> list[Stretch]:
        """Make a forced string of several tokens one certain word; where forced white space stands in the chunk."""
        blank: list[Stretch] = []
        starts = [a for a, _ in offsets]
        for wanted in self.force_tokens:
            at = text.find(wanted, *stretch)
            while at >= 0:
                stop = at + len(wanted)
                a, b = bisect_left(starts, at), bisect_left(starts, stop)
                if not wanted.strip():
                    blank.append((at, stop))
                elif b - a > 1 and offsets[a][0] == at and offsets[b - 1][1] == stop:
                    chance[a:b], begins[a], begins[a + 1 : b] = 1.0, True, False
                    begins[b : b + 1] = True
                at = text.find(wanted, stop, stretch[1])
        return blank

    def _kept(self, task: Task, words: Sequence[Words]) -> list[list[Stretch]]:
        """Per text the words that stay; at least one, cut at its end where even that does not fit."""
        total = sum(task.sizes)
        share = 1 - task.budget / total
        if self.drop_consecutive:
            for group in words:
                self._drop_repeated(group, share)
        groups = [list(words)] if self.per == "context" else [[group] for group in words]
        kept: list[list[Stretch]] = [[] for _ in task.texts]
        used = due = 0.0
        for members in groups:
            chance = np.concatenate([g.chance for g in members])
            weight = np.concatenate([g.weight for g in members])
            if self.threshold == "percentile":
                stays = _above_percentile(chance, weight, share)
            else:
                # What one chunk leaves over is the next one's: a word of two tokens may not fit where one is left.
                due += task.budget * float(weight.sum()) / total
                stays = _likeliest(chance, weight, round(due - used))
                used += float(weight[stays].sum())
            at = 0
            for group in members:
                mask = stays[at : at + len(group.spans)]
                at += len(group.spans)
                kept[group.index] += self._selected(group, mask)
        if any(kept):
            return kept
        units: list[list[Stretch]] = [[] for _ in task.texts]
        chances: list[list[float]] = [[] for _ in task.texts]
        for group in words:
            units[group.index] += group.spans
            chances[group.index] += group.chance.tolist()
        return [list(row) for row in fill(units, chances, task)]

    def _drop_repeated(self, words: Words, share: float) -> None:
        """Give a forced word no chance where the same one was the last kept before it (the package's first pass)."""
        if not words.spans:
            return
        bar = float(np.percentile(words.chance, int(100 * share)))
        between, previous = False, ""
        for i, told in enumerate(words.told):
            if told in self.force_tokens:
                if not between and told == previous:
                    words.chance[i] = 0.0
                between, previous = False, told
            elif words.chance[i] > bar:
                between = True

    def _selected(self, words: Words, stays: NDArray[np.bool_]) -> list[Stretch]:
        """The spans that stay, without a forced word behind itself where repetitions are dropped."""
        chosen = np.flatnonzero(stays).tolist()
        if not self.drop_consecutive:
            return [words.spans[i] for i in chosen]
        out: list[int] = []
        for i in chosen:
            if not (out and words.told[i] in self.force_tokens and words.told[out[-1]] == words.told[i]):
                out.append(i)
        return [words.spans[i] for i in out]


@dataclass(frozen=True, slots=True)
class _Counted:
    """A text, its number in the task, and where its tokens end."""

    index: int
    text: str
    ends: NDArray[np.int64]

    def weights(self, spans: Sequence[Stretch]) -> NDArray[np.int64]:
        """(W,) tokens that end inside of each of W stretches."""
        edges = np.array(spans, dtype=np.int64).reshape(-1, 2)
        counts: NDArray[np.int64] = np.searchsorted(self.ends, edges, side="right")
        return counts[:, 1] - counts[:, 0]


def _ends(text: str, task: Task) -> NDArray[np.int64]:
    return np.array([end for _, end in task.tokenizer.spans(text)], dtype=np.int64)


def _above_percentile(chance: Floats, weight: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """(W,) words above the package's percentile, each counted as often as it has tokens; the certain ones always."""
    counted = np.repeat(chance, weight)
    if not len(counted):
        return np.zeros(len(chance), dtype=bool)
    bar = float(np.percentile(counted, int(100 * share + 1)))
    return chance >= bar if bar == 1.0 else chance > bar


def _likeliest(chance: Floats, weight: NDArray[np.int64], budget: int) -> NDArray[np.bool_]:
    """(W,) the likeliest words while they fit into so many tokens; one that does not is passed over."""
    stays = np.zeros(len(chance), dtype=bool)
    order = np.argsort(-chance, kind="stable")
    sums = np.cumsum(weight[order])
    whole = int(np.searchsorted(sums, budget, side="right"))
    stays[order[:whole]] = True
    left = budget - (int(sums[whole - 1]) if whole else 0)
    for i in order[whole:].tolist():
        if left <= 0:
            break
        if weight[i] <= left:
            stays[i] = True
            left -= int(weight[i])
    return stays
