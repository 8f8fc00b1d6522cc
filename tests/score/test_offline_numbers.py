"""Numbers: what is read as one, and which of them are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.score.offline_numbers import numbers
from pipeline.score.offline_text import plain


def values(text: str) -> list[float]:
    return [n.value for n in numbers(plain(text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,234,567 ships", [1234567]),
        ("a loss of $(5,049,933)", [5049933]),
        ("$209.2 million", [209.2e6]),
        ("$1.2 billion-dollar plan", [1.2e9]),
        ("€3.5bn", [3.5e9]),
        ("12.5%, 3 percent and 4 per cent", [12.5, 3, 4]),
        ("March 31, 2024", [31, 2024]),
        ("at 8:30", [8, 30]),
        ("the 19th", [19]),
        ("F1 of 0.85.", [0.85]),
        ("twenty-five men", [25]),
        ("three hundred and two", [302]),
        ("seven thousand two hundred francs", [7200]),
        ("two, three and four", [2, 3, 4]),
        ("GPT-4o, Llama2-7B and version v1.6", []),
        ("a 7B model with a 128k window", [7, 128]),
        ("for the three months ended March 31", [31]),
        ("none", []),
    ],
)
def test_numbers_of_a_text(text, found):
    assert values(text) == pytest.approx(found)


def same(a: str, b: str) -> bool:
    (x,), (y,) = numbers(plain(a)), numbers(plain(b))
    assert x.same(y) == y.same(x), "sameness must not depend on the order"
    return x.same(y)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1,984", "1984"),
        ("three", "3"),
        ("$2.6 million", "$2,637,956"),
        ("$10.2M", "10,165,171"),
        ("44.6%", "44.61%"),
        ("25%", "0.25"),
        ("6,833", "$6,833,000"),  # "in thousands"
        ("5 years", "five"),
        ("67.5", "67"),
        ("100.0", "100"),
    ],
)
def test_the_same_number(a, b):
    assert same(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("43", "42"),
        ("1999", "2000"),
        ("$2.6 million", "$2.7 million"),
        ("$2.6 million", "$2.6 billion"),
        ("5 years", "5 months"),
        ("324 metres", "324 feet"),
        ("12", "12,000"),  # two digits agree too easily for a missing scale
        ("0.4", "0.04"),
        ("4", "0"),
    ],
)
def test_another_number(a, b):
    assert not same(a, b)


@given(st.integers(0, 10**15))
def test_separators_do_not_matter(n):
    assert same(f"{n:,}", f"{n}")


@given(st.integers(10, 99_999), st.integers(1, 3))
def test_a_rounding_is_the_same_and_the_next_one_is_not(n, digits):
    exact = n + 0.123
    assert same(f"{exact:.6f}", f"{exact:.{digits}f}")
    assert not same(f"{exact:.6f}", f"{exact + 3 * 10.0**-digits:.{digits}f}")


@given(st.text(max_size=200))
def test_any_text_can_be_read(text):
    for number in numbers(plain(text)):
        assert number.value >= 0
        assert number.same(number) or number.value == float("inf")
