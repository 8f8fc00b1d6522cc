"""The tables of the report of a study of compression, and its results' rows by what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experiments import report_words as words
from experiments.compression_measures import SAID
from experiments.compression_tables import FULL, PROMPT, route_name
from experiments.plots import Role
from experiments.report_html import Cell, Head, mini_interval, table

if TYPE_CHECKING:
    from experiments.compression import CompressionResults

SIGNIFICANT = 0.05
Row = dict[str, Any]


class View:
    """The results' rows by set, method, ratio and measure. methods: the baseline first."""

    def __init__(self, results: CompressionResults) -> None:
        self.results = results
        self._means = {_key(r): r for r in results.summary.iter_rows(named=True)}
        self._tests = {_key(r): r for r in results.comparisons.iter_rows(named=True)}
        self._costs = {(r["set"], r["method"], r["ratio"]): r for r in results.costs.iter_rows(named=True)}
        self._wholes = {
            (name, r["route"]): r
            for name, reading in results.readings.items()
            for r in reading.summary.iter_rows(named=True)
            if r["metric"] == "correct"
        }
        found = dict.fromkeys(m for _, m, ratio, measure in self._means if measure == "reached")
        self.methods = sorted(found, key=lambda m: m != results.baseline)
        self.ratios = sorted({r for _, _, r, measure in self._means if measure == "reached"})

    def ratios_of(self, name: str) -> list[float]:
        """The ratios that something was compressed at on this set."""
        return [r for r in self.ratios if any(self.mean(name, m, r, "reached") for m in self.methods)]

    def mean(self, name: str, method: str, ratio: float, measure: str) -> Row | None:
        """A measure's row of the summary."""
        return self._means.get((name, method, ratio, measure))

    def both(self, name: str, method: str, ratio: float) -> tuple[Row, Row] | None:
        """The tokens that stay and the share of gold characters that does."""
        tokens, gold = (self.mean(name, method, ratio, m) for m in ("tokens", "characters"))
        return (tokens, gold) if tokens and gold else None

    def test(self, name: str, method: str, ratio: float, measure: str) -> Row | None:
        """The method against the baseline method."""
        return self._tests.get((name, method, ratio, measure))

    def against_whole(self, name: str, method: str, ratio: float) -> Row | None:
        """The method's answers against those on the whole context, as the set's own comparison has them."""
        return self._wholes.get((name, route_name(method, ratio)))

    def cost(self, name: str, method: str, ratio: float) -> Row | None:
        """A row of the costs."""
        return self._costs.get((name, method, ratio))

    def given(self, name: str) -> float:
        """Tokens of a context, mean."""
        return next((r["given"] for (of, _, _), r in self._costs.items() if of == name and r["given"]), 0.0)

    def ordered(self, name: str, ratio: float) -> list[str]:
        """The methods by gold characters that stay, or else by right answers; best first, of equals the baseline."""

        def rank(method: str) -> tuple[float, bool, str]:
            row = self.mean(name, method, ratio, "characters") or self.mean(name, method, ratio, "correct")
            return (-row["value"] if row else 1.0, method != self.results.baseline, method)

        return sorted((m for m in self.methods if self.mean(name, m, ratio, "reached")), key=rank)

    def role(self, method: str) -> Role:
        """How a method is drawn."""
        return "baseline" if method == self.results.baseline else "route"


def settled(row: Row | None) -> bool:
    """Whether a difference stands: p below 0.05 after Holm, and the interval without zero."""
    if row is None or row["p_holm"] is None or row["p_holm"] >= SIGNIFICANT:
        return False
    return row["diff_low"] is None or row["diff_low"] > 0 or row["diff_high"] < 0


def evidence_table(view: View, name: str, ratio: float) -> str:
    """What stays of the evidence, method by method."""
    base = view.results.baseline
    heads = [
        Head("Method", numeric=False),
        Head("gold kept (%)", SAID["characters"]),
        Head(f"vs {base}", "difference in percentage points, with its 95 % interval; ● settled"),
        Head("p (Holm)", "paired by question, signs flipped by document, adjusted for the number of methods"),
        Head("whole spans", SAID["spans"]),
        Head("density", SAID["density"]),
        Head("question words", SAID["words"]),
        Head("nats", SAID["nll"]),
        Head("tokens", SAID["tokens"] + "; below, " + SAID["reached"]),
    ]
    rows = []
    for method in view.ordered(name, ratio):
        at = {m: view.mean(name, method, ratio, m) for m in SAID}
        test = view.test(name, method, ratio, "characters")
        reached = at["reached"]
        below = f"{reached['value']:.2f}×" if reached else ""
        cells = [Cell(method, method), _share(at["characters"], view.role(method))]
        cells += [_difference(test, method == base), _p(test)]
        cells += [_percent(at["spans"]), _number(at["density"], 2), _percent(at["words"]), _number(at["nll"], 2)]
        cells += [_number(at["tokens"], 0, below)]
        rows.append((view.role(method), cells))
    return table(heads, rows, f"What stays at {ratio:g}× on {name}")


def answers_table(view: View, name: str, ratio: float) -> str:
    """What the reader makes of it; nothing where none was asked."""
    whole = view.mean(name, FULL, 1.0, "correct")
    if whole is None:
        return ""
    base = view.results.baseline
    metrics = [
        m for m in dict.fromkeys(view.results.summary["measure"]) if m not in SAID and m not in ("correct", PROMPT)
    ]
    heads = [
        Head("Method", numeric=False),
        Head("right (%)", "share of questions answered right"),
        Head(f"vs {base}", "difference in percentage points, with its 95 % interval; ● settled"),
        Head("p (Holm)", "paired by question, signs flipped by document, adjusted for the number of methods"),
        Head(
            "vs whole", "difference to the whole context in percentage points; ● settled, over all methods and ratios"
        ),
        *(Head(m) for m in metrics),
        Head("prompt tokens", "mean; below, of the whole context's"),
    ]
    rows = []
    order = sorted(
        view.ordered(name, ratio), key=lambda m: -(view.mean(name, m, ratio, "correct") or {"value": -1})["value"]
    )
    for method, at in [*((m, ratio) for m in order), (FULL, 1.0)]:
        right, tokens = view.mean(name, method, at, "correct"), view.mean(name, method, at, PROMPT)
        full = view.mean(name, FULL, 1.0, PROMPT)
        if right is None or tokens is None or full is None:
            continue
        test = view.test(name, method, at, "correct")
        role: Role = "control" if method == FULL else view.role(method)
        below = words.percent(tokens["value"] / full["value"]) if full["value"] else ""
        cells = [Cell("whole context" if method == FULL else method, method), _share(right, role)]
        cells += [Cell("–", style="weak")] * 2 if method == FULL else [_difference(test, method == base), _p(test)]
        cells += [_difference(view.against_whole(name, method, at))]
        cells += [_percent(view.mean(name, method, at, m)) for m in metrics]
        rows.append((role, [*cells, _number(tokens, 0, below)]))
    return table(heads, rows, f"Answers at {ratio:g}× on {name}")


def cost_table(view: View, name: str) -> str:
    """What compressing took and saved, by method and ratio."""
    heads = [
        Head("Method", numeric=False),
        Head("ratio"),
        Head("ms", "milliseconds of compressing per 1,000 tokens given"),
        Head("s", "seconds of compressing per question"),
        Head("read", "tokens that the method's own models read, for each given"),
        Head("tokens saved", "of the reader's prompt, or of the context where nothing was read; per question"),
        Head("s saved", "seconds of the reader for these, less those of compressing"),
        Head("pays from", "milliseconds that a reader takes for 1,000 prompt tokens, from which on time is saved"),
    ]
    rows = []
    for method in view.methods:
        for ratio in view.ratios_of(name):
            row = view.cost(name, method, ratio)
            if row is None:
                continue
            cells = [Cell(method, method), Cell(f"{ratio:g}×", ratio)]
            cells += [_quantity(row["ms_per_1000"]), _quantity(row["compress_seconds"])]
            cells += [_quantity(row["read"] / row["given"] if row["given"] else None)]
            saved = row["saved_tokens"] if row["saved_tokens"] is not None else row["given"] - row["tokens"]
            cells += [Cell(words.number(saved), saved), _signed(row["saved_seconds"])]
            cells += [_quantity(1e6 * row["compress_seconds"] / saved if saved > 0 else None)]
            rows.append((view.role(method), cells))
    return table(heads, rows, f"Cost on {name}")


def _key(row: Row) -> tuple[str, str, float, str]:
    return row["set"], row["method"], row["ratio"], row["measure"]


def _share(row: Row | None, role: Role) -> Cell:
    if row is None:
        return Cell("–")
    low, high = row["ci_low"], row["ci_high"]
    below = "" if low is None else f"{100 * low:.1f}–{100 * high:.1f}"
    return Cell(f"{100 * row['value']:.1f}", row["value"], below, mini_interval(row["value"], low, high, role), "q")


def _percent(row: Row | None) -> Cell:
    return Cell("–") if row is None else Cell(f"{100 * row['value']:.1f}", row["value"])


def _number(row: Row | None, digits: int, below: str = "") -> Cell:
    if row is None:
        return Cell("–")
    value = row["value"]
    return Cell(words.number(value) if not digits else f"{value:.{digits}f}".replace("-", "\u2212"), value, below)


def _quantity(value: float | None) -> Cell:
    return Cell("–") if value is None else Cell(words.quantity(value), value)


def _signed(value: float | None) -> Cell:
    return Cell("–") if value is None else Cell(f"{value:+.2f}".replace("-", "\u2212"), value)


def _difference(row: Row | None, baseline: bool = False) -> Cell:
    if row is None or row["diff"] is None:
        return Cell("baseline" if baseline else "–", style="weak")
    low, high = row["diff_low"], row["diff_high"]
    below = "" if low is None else f"{words.points(low, sign=True)} to {words.points(high, sign=True)}"
    shown = f"{'● ' if settled(row) else ''}{words.points(row['diff'], sign=True)}"
    return Cell(shown, row["diff"], below, style="settled" if settled(row) else "weak")


def _p(test: Row | None) -> Cell:
    return Cell("–") if test is None else Cell(words.p_value(test["p_holm"]).removeprefix("= "), test["p_holm"])
