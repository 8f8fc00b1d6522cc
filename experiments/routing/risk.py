"""A quality floor with a stated risk: the cheapest setting whose loss against a reference route is certified.

A grid of settings runs from the dearest to the cheapest. The loss of a setting on a question is what the reference
(always-LC, say) scored there less what the setting's route scored, in [-1, 1]. The floor holds for a setting if its
mean loss in the population is at most `margin`. Documents are the exchangeable units: every statement is about new
documents drawn as these were. Q questions, W settings, G documents (units).

Learn-then-test (Angelopoulos et al. 2021, arXiv 2110.01052) by fixed-sequence testing: each setting is tested in turn
at level `risk`, the first that fails ends it, and the last that passed is taken. The chance that the setting taken
breaks the floor is then at most `risk`, however the losses of the settings hang together. Conformal risk control
(Angelopoulos et al. 2022, arXiv 2208.02814) promises less, the floor on average over redraws, and is named so.

The order must not come from the outcomes: rising price weights are such an order. Losses of cross-fitted choices stand
in for those of the policy fitted on all documents, which was trained on more and is not itself tested. It knows nothing
of how choices are made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Method = Literal["betting", "hoeffding-bentkus", "clustered-t (asymptotic)", "conformal (in expectation)"]
Target = Literal["question", "document"]

METHODS: tuple[Method, ...] = ("betting", "hoeffding-bentkus", "clustered-t (asymptotic)", "conformal (in expectation)")
ORDER_SEED = 20_110_052  # the betting test goes through the documents in one shuffled order, the same every time


@dataclass(frozen=True)
class Floor:
    """What was certified.

    chosen: index of the setting, None for the reference itself. p_values: of the settings tested, in order, the one
    that failed included; empty for conformal risk control. bound: upper limit at 1 - risk of the chosen setting's mean
    loss (of its expectation, for conformal risk control); 0 for the reference. losses: mean loss of every setting.
    """

    chosen: int | None
    bound: float
    p_values: tuple[float, ...]
    losses: tuple[float, ...]
    method: Method
    target: Target
    margin: float
    risk: float
    units: int
    reason: str


def paired_losses(outcomes: Floats, choices: NDArray[np.intp], reference: int) -> Floats:
    """Loss [Q, W] of choices [Q, W] (indices of routes) against always taking route `reference`; outcomes [Q, R].

    ValueError where an outcome that is needed is missing: who leaves questions out must do so for all settings alike.
    """
    taken = np.take_along_axis(outcomes, choices, axis=1)
    loss: Floats = outcomes[:, [reference]] - taken
    if not np.isfinite(loss).all():
        raise ValueError(
            f"outcomes are missing for {int((~np.isfinite(loss)).any(axis=1).sum())} of {len(loss)} questions"
        )
    return loss


def certify(
    losses: Floats,
    clusters: Sequence[Hashable],
    *,
    margin: float = 0.01,
    risk: float = 0.05,
    method: Method = "betting",
    target: Target = "question",
    largest: int | None = None,
) -> Floor:
    """The cheapest setting whose mean loss is certified to be at most `margin`; losses [Q, W], dearest setting first.

    target `question`: the mean over questions, documents counting by their number of questions; the unit is a
    document's summed excess over the margin, divided by `largest`, the most questions that a document can have (the
    most seen, if not given, which is exact only where sizes are fixed in advance). `document`: the mean over documents
    of their mean losses. With documents of one size the two are the same.

    ValueError: losses not in [-1, 1], no setting, a margin or a risk outside (0, 1), a document above `largest`.
    """
    if method not in METHODS:
        raise ValueError(f"method {method!r} is none of {', '.join(METHODS)}")
    loss = np.asarray(losses, dtype=np.float64)
    if loss.ndim != 2 or 0 in loss.shape or len(loss) != len(clusters):
        raise ValueError(
            f"losses [Q, W] with one cluster per question are needed, got {loss.shape} and {len(clusters)}"
        )
    if not (np.abs(loss) <= 1).all():
        raise ValueError("losses must lie in [-1, 1]")
    if not (0 < margin < 1 and 0 < risk < 1):
        raise ValueError(f"margin and risk must lie between 0 and 1, got {margin} and {risk}")
    seen: dict[Hashable, int] = {}
    code = np.array([seen.setdefault(c, len(seen)) for c in clusters], dtype=np.intp)
    size = np.bincount(code).astype(np.float64)
    sums = np.stack([np.bincount(code, weights=column) for column in loss.T], axis=1)
    if target == "document":
        scale = size
    elif largest is not None and size.max() > largest:
        raise ValueError(f"a document has {int(size.max())} questions, more than the {largest} stated as the most")
    else:
        scale = np.full(len(size), float(largest or size.max()))

    def excess(setting: int, over: float) -> Floats:
        """Each unit's loss beyond `over` [G], within [-(1 + over), 1 - over]; the floor holds if its mean is <= 0."""
        return (sums[:, setting] - over * size) / scale

    means = (sums / size[:, None]).mean(axis=0) if target == "document" else loss.mean(axis=0)
    if method == "conformal (in expectation)":
        chosen, bound, p_values = _conformal(excess, loss.shape[1], margin)
    else:
        chosen, bound, p_values = _fixed_sequence(excess, loss.shape[1], margin, risk, _TESTS[method])
    return Floor(
        chosen=chosen,
        bound=bound,
        p_values=p_values,
        losses=tuple(float(m) for m in means),
        method=method,
        target=target,
        margin=margin,
        risk=risk,
        units=len(size),
        reason=_reason(chosen, bound, p_values, loss.shape[1], len(size), margin, risk, method),
    )


def units_needed(margin: float, risk: float) -> int:
    """Units without any loss or gain that a valid test needs before it can certify anything: ln(risk) / ln(1 - margin).

    A population in which a share `margin` of the units lose everything shows none of them in n draws with probability
    (1 - margin)^n. Fewer units can certify only what is visibly better than the reference.
    """
    return math.ceil(math.log(risk) / math.log1p(-margin))


def betting_p(excess: Floats, margin: float) -> float:
    """p-value of mean excess > 0 by betting against it; excess [G] within [-(1 + margin), 1 - margin].

    Waudby-Smith and Ramdas (2024, JRSS-B 86:1), predictable plug-in bets for one side: capital
    prod(1 - lambda_i excess_i) is a supermartingale under the null, so 1 / (its maximum) is a p-value (Ville). The bets
    are tuned for a level of 0.05 and valid at any.
    """
    x = excess[np.random.default_rng(ORDER_SEED).permutation(len(excess))]
    at = np.arange(1, len(x) + 1)
    mean = np.cumsum(x) / at
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (at + 1)
    before = np.concatenate([[0.25], variance[:-1]])  # a bet may look only at what came before it
    bets = np.minimum(np.sqrt(2 * math.log(20) / (len(x) * before)), 0.9 / (1 - margin))
    return math.exp(-max(0.0, float(np.cumsum(np.log1p(-bets * x)).max())))


def hoeffding_bentkus_p(excess: Floats, margin: float) -> float:
    """p-value of mean excess > 0 (Bates et al. 2021, arXiv 2101.02703): the smaller of two tail bounds.

    On r = (excess + 1 + margin) / 2 in [0, 1], null mean a = (1 + margin) / 2: exp(-G KL(mean r, a)) and
    e P(Binomial(G, a) <= ceil(G mean r)).
    """
    from scipy.stats import binom

    n, a = len(excess), (1 + margin) / 2
    r = min(max(float(np.mean(excess) + 1 + margin) / 2, 0.0), 1.0)
    below = min(r, a)
    divergence = (below * math.log(below / a) if below else 0.0) + (1 - below) * math.log((1 - below) / (1 - a))
    # Less a rounding error, which ceil would turn into a whole unit.
    return min(1.0, math.exp(-n * divergence), math.e * float(binom.cdf(math.ceil(n * r - 1e-9), n, a)))


def clustered_t_p(excess: Floats, margin: float) -> float:
    """p-value of mean excess > 0 by Student's t over units: right for many documents, none of which dominates.

    `margin` is not used: a t-test knows no bounds. Units that are all alike show no variance and prove nothing (1).
    """
    from scipy.special import stdtr

    n, spread = len(excess), float(np.std(excess, ddof=1)) if len(excess) > 1 else 0.0
    return float(stdtr(n - 1, float(np.mean(excess)) / (spread / math.sqrt(n)))) if spread > 1e-12 else 1.0


Test = Callable[[Floats, float], float]
_TESTS: dict[Method, Test] = {
    "betting": betting_p,
    "hoeffding-bentkus": hoeffding_bentkus_p,
    "clustered-t (asymptotic)": clustered_t_p,
}


def _fixed_sequence(
    excess: Callable[[int, float], Floats], settings: int, margin: float, risk: float, test: Test
) -> tuple[int | None, float, tuple[float, ...]]:
    p_values: list[float] = []
    for setting in range(settings):
        p_values.append(test(excess(setting, margin), margin))
        if p_values[-1] > risk:
            break
    passed = sum(p <= risk for p in p_values)
    if not passed:
        return None, 0.0, tuple(p_values)
    # The least margin at which the chosen setting still passes.
    low, high = -1.0 + 1e-9, margin
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if test(excess(passed - 1, middle), middle) <= risk else (middle, high)
    return passed - 1, high, tuple(p_values)


def _conformal(
    excess: Callable[[int, float], Floats], settings: int, margin: float
) -> tuple[int | None, float, tuple[float, ...]]:
    """Conformal risk control on losses made monotone: at each setting a unit's worst over the dearer ones.

    The paper's condition G/(G+1) mean + B/(G+1) <= alpha, with alpha = 0 and B = 1 - margin for an excess.
    """
    chosen, bound, worst = None, 0.0, np.full(len(excess(0, margin)), -np.inf)
    for setting in range(settings):
        worst = np.maximum(worst, excess(setting, margin))
        limit = (float(worst.sum()) + 1 - margin) / (len(worst) + 1)
        if limit > 0:
            break
        chosen, bound = setting, margin + limit
    return chosen, bound, ()


def _reason(
    chosen: int | None,
    bound: float,
    p_values: tuple[float, ...],
    settings: int,
    units: int,
    margin: float,
    risk: float,
    method: Method,
) -> str:
    """One plain sentence on what was certified, or why nothing was."""
    floor = f"a loss of at most {100 * margin:g} points"
    if method == "conformal (in expectation)":
        held = f"setting {chosen} of {settings} keeps {floor} on average over redraws of {units} documents"
        return held if chosen is not None else f"no setting keeps {floor} on average: the reference itself"
    if chosen is not None:
        sure = f"{100 * (1 - risk):g} % confidence{', asymptotically' if 'asymptotic' in method else ''}"
        return f"setting {chosen} of {settings}: {floor} with {sure} (limit {100 * bound:+.2f} points)"
    few = (
        ""
        if units >= (need := units_needed(margin, risk))
        else f"; {units} documents, where {need} without a loss suffice"
    )
    return f"none certified for {floor} (p = {p_values[0]:.3g} at the dearest setting){few}: the reference itself"
