"""Judging compressors before any reader: one set's contexts compressed, measured and charged, through the store.

The nodes are those that an ordinary route reads, so nothing is compressed twice. It knows neither readers nor reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from compressors.stage import Compress, CompressDocuments
from experiments.compression_measures import TextNLL, measured, shown
from experiments.compression_tables import Arm, Line, Spent
from experiments.report_struck import Struck, worst
from pipeline.core.errors import UserError
from pipeline.core.records import Chunk, Document, Question
from pipeline.core.run import Runner, check_code
from pipeline.core.stage import Node, Source, union

_TRIAL = "The kiln is fired at dawn. Nobody opens it before the next day. The glaze is grey."


class Judging:
    """One set's methods. runner: of its contexts. left_out: by method, why it is, in a line; it is added to."""

    def __init__(self, name: str, runner: Runner, left_out: dict[str, str]) -> None:
        self.name, self.runner, self.left_out = name, runner, left_out
        self.questions: Sequence[Question] = runner.dataset.questions
        self.used: set[str] = set()

    def compressed(self, arms: Mapping[Arm, Node]) -> dict[Arm, Node]:
        """Make what is not stored; the arms whose method works. Raises UserError for code that changed."""
        for node in union(arms.values()):
            if not isinstance(node.stage, Source):
                check_code(self.runner.store, node.stage)
        made: dict[Arm, Node] = {}
        for method in dict.fromkeys(method for method, _ in arms):
            own = {arm: node for arm, node in arms.items() if arm[0] == method}
            if method in self.left_out:
                continue
            try:
                if any(plan.missing for plan in self.runner.plan(own.values(), self.questions)):
                    _try(next(iter(own.values())))
                for node in own.values():
                    self.runner.compute([node], self.questions)
            except UserError as error:
                self.left_out[method] = left_out(method, error)
                continue
            made |= own
        return made

    def lines(self, made: Mapping[Arm, Node], perplexity: TextNLL, questions: int) -> list[Line]:
        """Every measure of every arm on every question. questions: on how many of them perplexity is taken."""
        chosen = [self.questions[i * len(self.questions) // questions] for i in range(questions)]
        nll = self._nll(made, perplexity, list({q.id: q for q in chosen}.values()))
        lines: list[Line] = []
        for (method, ratio), node in made.items():
            for q in self.questions:
                found = self.runner.value(node, q)
                values = measured(q, self.runner.documents(q), found, nll.get((method, ratio, q.id)))
                about = {"set": self.name, "method": method, "ratio": ratio, "question": q.id}
                lines += [about | {"measure": m, "value": v} for m, v in values.items() if v is not None]
        return lines

    def _nll(
        self, made: Mapping[Arm, Node], perplexity: TextNLL, questions: Sequence[Question]
    ) -> dict[tuple[str, float, str], float]:
        """Nats per token of what stays less those of the context."""
        runner, nobody = self.runner, ("", 1.0)
        texts = {(*nobody, q.id): "\n".join(d.text or "" for d in runner.documents(q)) for q in questions}
        texts |= {(*arm, q.id): shown(runner.value(node, q)) for arm, node in made.items() for q in questions}
        items = [(f"{method} {ratio:g}x {q}", text) for (method, ratio, q), text in texts.items()]
        values, keys = perplexity.remembered(items, runner.store, runner.log, runner.watcher)
        self.used |= keys
        found = dict(zip(texts, values, strict=True))
        return {at: value - found[*nobody, at[2]] for at, value in found.items() if at[0]}

    def spent(self, node: Node) -> Spent:
        """What compressing took."""
        keys = [self.runner.key(node, q) for q in self.questions]
        seconds = self.runner.store.good(keys)
        found = [self.runner.value(node, q) for q in self.questions]
        n = len(found)
        return Spent(
            n,
            sum(f.tokens for f in found) / n,
            sum(f.kept for f in found) / n,
            sum(f.read for f in found) / n,
            sum(seconds.get(key, 0.0) for key in keys) / n,
        )

    def struck(self, made: Mapping[Arm, Node], ratio: float, most: int) -> dict[tuple[str, str], list[Struck]]:
        """By set and method, what was removed at this ratio of the contexts that lost most evidence."""
        found: dict[tuple[str, str], list[Struck]] = {}
        for (method, at), node in made.items():
            if at == ratio and most:
                every = [Struck.of(q, self._texts(q), self.runner.value(node, q)) for q in self.questions]
                found[self.name, method] = worst(every, most)
        return found

    def _texts(self, question: Question) -> list[Chunk]:
        return [d.chunk for d in self.runner.documents(question)]


def left_out(method: str, error: UserError) -> str:
    """Why a method is not there, in a line."""
    return f"{method} is left out: {error.what.rstrip('.')}. {error.remedy}".rstrip(" .")


def _try(node: Node) -> None:
    """Have the node's method compress a few words: its model is there, and loaded before any time is taken."""
    stage = node.stage
    if isinstance(stage, Compress):
        list(replace(stage, budget=5).run([(Chunk("trial", 0, len(_TRIAL), _TRIAL),)], ["When is the kiln opened?"]))
    elif isinstance(stage, CompressDocuments):
        list(replace(stage, budget=5).make([Document("trial", _TRIAL)]))
