"""Numbers as the report writes them: shares, points, p-values, counts, amounts. Plain values in, short text out."""

from __future__ import annotations

from collections.abc import Sequence

SPACE = "\u00a0"  # between a number and its unit


def percent(share: float) -> str:
    """62.5 %."""
    return f"{100 * share:.1f}{SPACE}%"


def points(share: float, *, sign: bool = False) -> str:
    """A difference of shares in percentage points, with a true minus: 6.3, or +6.3 with `sign`."""
    number = f"{100 * share:+.1f}" if sign else f"{100 * share:.1f}"
    if number.strip("+-") == "0.0":
        number = "0.0"
    return number.replace("-", "\u2212")


def p_value(p: float) -> str:
    """`= 0.02`, `= 0.003`, `< 0.001`; never rounded across 0.05."""
    if p < 0.001:
        return "< 0.001"
    digits = 3 if p < 0.01 else 2
    while digits < 12 and (round(p, digits) < 0.05) != (p < 0.05):
        digits += 1
    return f"= {p:.{digits}f}"


def number(value: float) -> str:
    """A whole number with thin groups: 12 345."""
    return f"{value:,.0f}".replace(",", SPACE)


def quantity(value: float) -> str:
    """An amount to three digits, never in powers of ten: 0.0004, 1.24, 65, 12 345."""
    if abs(value) >= 999.5:
        return number(value)
    return f"{value:.3g}" if abs(value) >= 1e-4 or not value else f"{value:.7f}".rstrip("0")


def times(ratio: float) -> str:
    """How a cost compares: `8 % of`, `1.4 times`, `about as many as`."""
    if 0.95 <= ratio <= 1.05:
        return "about as many as"
    if ratio < 0.95:
        return f"{100 * ratio:.1g}{SPACE}% of" if ratio < 0.01 else f"{100 * ratio:.0f}{SPACE}% of"
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"
