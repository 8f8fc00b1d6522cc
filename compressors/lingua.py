"""LLMLingua: texts by their perplexity, then tokens by theirs, in segments, each behind what was kept before it.

Jiang et al. 2023, "LLMLingua: Compressing Prompts for Accelerated Inference of Large Language Models" (arXiv
2310.05736), as far as texts go: instruction and question are not compressed. It reads no question.

With `variant: package` the tokens that stay are those of the package llmlingua 0.2.2, before they are fitted to the
budget, with these differences:

- texts and questions beyond the model's positions are read in windows; the package cuts them off where it ranks them,
  and averages an empty list;
- `context_budget` is read by a rule, not evaluated as a program;
- the result is fitted to the budget, in both directions, by the margin of each token; the package ends where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from compressors._causal import Scorer
from compressors._lingua import Lingua, Ranked, mean_of


@dataclass(frozen=True, kw_only=True)
class LLMLingua(Lingua):
    """Of several texts, those with the highest perplexity go on, up to the budget; of these, tokens are pruned."""

    asks: ClassVar[bool] = False

    def prefix(self, question: str) -> str:
        """None."""
        return ""

    def rank(self, scorer: Scorer, tasks: Sequence[tuple[Sequence[str], str]]) -> list[Ranked]:
        """By mean negative log-likelihood, the highest first."""
        rows = [[scorer.encode(text)[0] for text in texts] for texts, _ in tasks]
        pairs = [(scorer.begin, ids) for row in rows for ids in row]
        found = iter(scorer.nll(pairs))
        out = []
        for row in rows:
            scores = [mean_of(next(found)) for _ in row]
            order = sorted(range(len(row)), key=lambda i: (-scores[i], i))
            out.append(Ranked(order, sum(len(ids) + len(scorer.begin) for ids in row)))
        return out
