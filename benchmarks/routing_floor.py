"""How often a certified quality floor is broken: simulated redraws of populations whose truth is known.

Run: python -m benchmarks.routing_floor [redraws, default 1000]. Seeded. Every redraw draws documents with their
questions, certifies the cheapest of 8 settings for a loss of at most 1 point at a risk of 5 %, and looks up the true
loss of the setting taken. It knows no real data.

Questions deviate from the reference in nested order (a cheaper setting deviates wherever a dearer one does), and a
question that deviates wins, ties or loses. `copy`: each question repeats its document's one draw with probability
sqrt(ICC). Truths: `edge`, every setting is worse than allowed by a hair, so that each certification is a breach;
`rising`, from a gain of 2 points to a loss of 5; `gain`, every setting is better than the reference, so that taking the
last one is right; `rare`, a small gain nearly everywhere, and few documents (3 to 5 %) that lose on every question.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.routing.risk import METHODS, Method, certify

Floats = NDArray[np.float64]
MARGIN, RISK, SETTINGS = 0.01, 0.05, 8
RARE_GAIN = 0.02  # share of questions won in the documents that lose nothing
DEVIATE = np.linspace(0.1, 0.6, SETTINGS)  # share of the questions on which each setting leaves the reference


@dataclass(frozen=True)
class Population:
    """Documents, their sizes, how alike their questions are, and each setting's true mean loss [W]."""

    name: str
    documents: int
    sizes: tuple[int, int]
    icc: float
    truth: Floats
    rare: bool = False

    def draw(self, rng: np.random.Generator) -> tuple[Floats, NDArray[np.intp]]:
        """(losses [Q, W], document of each question [Q])."""
        size = rng.integers(self.sizes[0], self.sizes[1] + 1, self.documents)
        document = np.repeat(np.arange(self.documents), size)
        if self.rare:
            hit = rng.random(self.documents)[document, None]
            wins = -1.0 * (rng.random((len(document), 1)) < RARE_GAIN)
            return np.where(hit < (self.truth + RARE_GAIN) / (1 + RARE_GAIN), 1.0, wins), document
        own, shared = rng.random((len(document), 2)), rng.random((self.documents, 2))[document]
        u, v = np.where(rng.random((len(document), 1)) < math.sqrt(self.icc), shared, own).T
        # Between two settings the newly deviating questions make up the difference of the truths.
        losses = np.zeros((len(document), SETTINGS))
        for w in range(SETTINGS):
            start, end = (DEVIATE[w - 1] if w else 0.0), DEVIATE[w]
            mean = (self.truth[w] - (self.truth[w - 1] if w else 0.0)) / (end - start)
            lose, win = 0.25 + mean / 2, 0.25 - mean / 2
            drawn = np.where(v < lose, 1.0, np.where(v > 1 - win, -1.0, 0.0))
            losses[:, w:] += np.where((u >= start) & (u < end), drawn, 0.0)[:, None]
        return losses, document


TRUTHS: dict[str, Floats] = {
    "edge": np.full(SETTINGS, MARGIN + 1e-6),
    "rising": np.linspace(-0.02, 0.05, SETTINGS),
    "gain": np.linspace(-0.05, -0.02, SETTINGS),
}
DRAWS: tuple[tuple[int, tuple[int, int], float], ...] = (
    (70, (10, 50), 0.1),
    (250, (4, 16), 0.0),
    (250, (4, 16), 0.2),
    (2000, (1, 1), 0.0),
)


def populations() -> list[Population]:
    found = [Population(name, g, s, icc, truth) for name, truth in TRUTHS.items() for g, s, icc in DRAWS]
    rare = np.linspace(MARGIN + 1e-6, 0.03, SETTINGS)
    return found + [Population("rare", g, (8, 8), 1.0, rare, rare=True) for g in (70, 250)]


@dataclass
class Tally:
    """Over redraws: breaches, certifications, settings taken and true losses summed."""

    broken: int = 0
    certified: int = 0
    settings: int = 0
    loss: float = 0.0


def simulate(population: Population, method: Method, redraws: int, seed: int = 0) -> Tally:
    """Certify `redraws` draws of a population; what is taken is judged by the population's truth."""
    tally, rng = Tally(), np.random.default_rng([seed, population.documents, len(population.name)])
    for _ in range(redraws):
        losses, document = population.draw(rng)
        floor = certify(losses, document.tolist(), margin=MARGIN, risk=RISK, method=method, largest=population.sizes[1])
        true = 0.0 if floor.chosen is None else float(population.truth[floor.chosen])
        tally.broken += true > MARGIN
        tally.certified += floor.chosen is not None
        tally.settings += 0 if floor.chosen is None else floor.chosen + 1
        tally.loss += true
    return tally


def main() -> None:
    redraws = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    start, limit = time.perf_counter(), RISK + 1.96 * math.sqrt(RISK * (1 - RISK) / redraws)
    print(f"floor: loss <= {100 * MARGIN:g} points, risk {100 * RISK:g} %, {redraws} redraws, {SETTINGS} settings")
    print(f"{'truth':8}{'documents':>10}{'sizes':>7}{'ICC':>5}  {'method':26}{'broken':>8}{'certified':>11}", end="")
    print(f"{'settings':>10}{'mean true loss':>16}")
    for p in populations():
        for method in METHODS:
            t = simulate(p, method, redraws)
            share, sizes = t.broken / redraws, f"{p.sizes[0]}-{p.sizes[1]}"
            ours = t.loss / redraws > MARGIN if "expectation" in method else share > limit
            print(f"{p.name:8}{p.documents:>10}{sizes:>7}{p.icc:>5}  {method:26}{100 * share:7.1f}%", end="")
            print(f"{100 * t.certified / redraws:10.1f}%{t.settings / redraws:10.2f}", end="")
            print(f"{100 * t.loss / redraws:+15.2f}{'  <- guarantee broken' if ours else ''}", flush=True)
    print(f"broken: share of redraws in which the true loss is above the margin; flagged above {100 * limit:.1f} %")
    print("(for conformal risk control: where the mean true loss is above it)")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
