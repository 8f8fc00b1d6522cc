"""Structurization: the sentences of a context under headings, as an outline that names what they are about.

Liu et al., "Enhancing LLM's Cognition via Structurization", 2024 (arXiv 2407.16434): a context is turned into scope,
aspects and descriptions before it is read. The authors' second model emits only names of aspects and ranges of
sentences, which are then copied as they stand; so does this, with any reader. Every sentence stands in it once, and
none is new. An outline that cannot be used is replaced by one by layout, with a note.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args

from compressors._outline import Aspect, Sentence, by_layout, parsed, runs
from compressors.base import Kept
from compressors.by_reader import ByReader, Made
from compressors.extractive import lexical, units_of
from compressors.stage import excerpt
from pipeline.core.records import Chunk, Part, Span
from pipeline.core.tokens import Tokenizer
from pipeline.generators.base import Sampling
from pipeline.prompts import outline_sentences
from pipeline.routes.base import Asks, Case, Reply
from pipeline.routes.inner import asked_together, ended, room
from pipeline.routes.pieces import Piece, cost
from retrievers.base import at_least, one_of

By = Literal["reader", "layout"]

_REMEDY = "Lower outline_tokens, give by: layout, or name a reader with a longer window"


@dataclass(frozen=True, kw_only=True)
class Structurize(ByReader):
    """Sentences in an outline's order, under its headings.

    by: `reader`: it is asked for the outline, without the question, so that all questions share it; `layout`: the
    text's own headings, or where it has none, cuts where its words change (TextTiling), and no call is made.
    ratio, budget: 1 keeps all; beyond it, the aspects that fit the question best by BM25 stay, in the outline's order.
    size: most tokens of a sentence; what is longer is cut. outline_tokens: of the reader's outline.
    """

    rearranges: ClassVar[bool] = True

    ratio: float = 1.0
    by: By = "reader"
    size: int = 100
    outline_tokens: int = 400

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.by, get_args(By), "structurize.by")
        at_least(self.size, 1, "structurize.size")
        at_least(self.outline_tokens, 1, "structurize.outline_tokens")

    def shorten(
        self, chunks: Sequence[Chunk], budget: int, tokenizer: Tokenizer, case: Case, sampling: Sampling
    ) -> Generator[Asks, Any, Made | Reply]:
        """A call per stretch of the context that the window holds; none by layout."""
        texts = [c.text for c in chunks]
        units = units_of(texts, tokenizer, "sentences", self.size)
        sentences = [Sentence(t, a, b, texts[t][a:b]) for t, row in enumerate(units) for a, b in row]
        notes: list[str] = []
        if self.by == "layout":
            outline = by_layout(sentences, texts)
        else:
            outline = []
            batches = self._batches(sentences, chunks, case)
            prompts = [outline_sentences([_part(s, chunks[s.text]) for s in batch]) for batch in batches]
            done, failed = yield from asked_together(prompts, sampling, self.outline_tokens)
            if failed:
                return ended(case, *failed)
            at = 0
            for completion, batch in zip(done, batches, strict=True):
                found, told = parsed(completion.text, len(batch))
                if not found:
                    found = by_layout(batch, texts)
                notes += [told] if told else []
                outline += [replace(aspect, members=tuple(at + m for m in aspect.members)) for aspect in found]
                at += len(batch)
        chosen = self._chosen(outline, sentences, budget, tokenizer, case.question.text)
        kept = [
            Kept(run.text, ((run.start, run.end),), heading=aspect.heading)
            for aspect in chosen
            for run in runs(aspect, sentences, texts)
        ]
        return tuple(excerpt(chunks[k.index], k) for k in kept), tuple(dict.fromkeys(notes))

    def _batches(self, sentences: Sequence[Sentence], chunks: Sequence[Chunk], case: Case) -> list[list[Sentence]]:
        """Sentences in order, as many at once as the window holds."""
        left = room(case, outline_sentences([]), self.outline_tokens, _REMEDY)
        if left is None:
            return [list(sentences)]
        out: list[list[Sentence]] = [[]]
        spent = 0
        for sentence in sentences:
            size = cost(Piece(_part(sentence, chunks[sentence.text])), 1000, case.reader.tokenizer)
            if out[-1] and spent + size > left:
                out.append([])
                spent = 0
            out[-1].append(sentence)
            spent += size
        return out

    def _chosen(
        self, outline: Sequence[Aspect], sentences: Sequence[Sentence], budget: int, tokenizer: Tokenizer, question: str
    ) -> list[Aspect]:
        """The aspects that fit the budget, best first by BM25; of the first that does not fit, its first sentences."""
        sizes = [tokenizer.count(s.shown) for s in sentences]
        if sum(sizes) <= budget:
            return list(outline)
        scores = lexical([f"{a.heading} {' '.join(sentences[m].shown for m in a.members)}" for a in outline], question)
        stays: dict[int, Aspect] = {}
        for i in sorted(range(len(outline)), key=lambda i: (-scores[i], i)):
            members = []
            for m in outline[i].members:
                if sizes[m] > budget:
                    break
                members.append(m)
                budget -= sizes[m]
            if members:
                stays[i] = replace(outline[i], members=tuple(members))
            if len(members) < len(outline[i].members):
                break
        return [stays[i] for i in sorted(stays)]


def _part(sentence: Sentence, chunk: Chunk) -> Part:
    where = Span(chunk.doc, chunk.start + sentence.start, chunk.start + sentence.end)
    return Part("passage", sentence.shown, where)
