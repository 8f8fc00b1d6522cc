"""Terms of texts: known values in several scripts, and what must never vanish or stay in one piece."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from retrievers.analyze import analyzer, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Cat's hat, don't!", ["the", "cat", "hat", "don't"]),
        ("pays 1,234.50 or 3.14 (2,3)", ["pays", "1234.50", "or", "3.14", "2", "3"]),
        ("sys.path.", ["sys.path", "sys", "path"]),
        ("__getitem__", ["__getitem__", "getitem"]),
        ("object.__len__(self)", ["object.__len__", "__len__", "object", "len", "self"]),
        ("max_size", ["max_size", "max", "size"]),
        ("___ ... --", []),
        ("机器学习 and 学", ["机器", "器学", "学习", "and", "学"]),
        ("ภาษา", ["ภา", "าษ", "ษา"]),
        ("हिन्दी है।", ["हिन्दी", "है"]),
        ("ＡＢＣ Café’s l’été", ["abc", "café", "l'été"]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=30))
def test_letters_never_vanish_and_long_runs_without_spaces_never_stay_whole(text: str) -> None:
    terms = words(text)
    assert terms
    letters = {c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum()}
    assert letters <= set("".join(terms))


def test_stop_words_go_before_stems() -> None:
    assert analyzer("porter", "en")("This is the relational databases") == ["relat", "databas"]
    assert analyzer("porter")("this was") == ["thi", "wa"]
    with pytest.raises(UserError, match="'porter'"):
        analyzer("portr")  # type: ignore[arg-type]
