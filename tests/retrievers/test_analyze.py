"""Terms of texts: known values in several scripts, and what must never vanish or stay in one piece."""

from __future__ import annotations

import sys
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


@pytest.mark.parametrize(
    "text",
    [
        "机器学习", "機械学習です", "ｶﾀｶﾅ", "한국어 문장", "ภาษาไทย", "ພາສາລາວ", "ភាសាខ្មែរ", "မြန်မာစာ",
        "བོད་སྐད།", "العربية", "عَرَبِيّ",
        "עִבְרִית", "فارسی", "हिन्दी", "বাংলা", "தமிழ்", "తెలుగు", "ಕನ್ನಡ", "മലയാളം", "ગુજરાતી", "ਪੰਜਾਬੀ", "ଓଡ଼ିଆ", "සිංහල", "አማርኛ",
        "ქართული", "Ελληνικά", "Русский", "𠮷野家",
    ],
)  # fmt: skip
def test_no_script_tokenises_to_nothing(text: str) -> None:
    found = "".join(words(text))
    letters = [c for c in unicodedata.normalize("NFKC", text).lower() if c.isalpha()]
    assert letters
    assert set(letters) <= set(found)
    assert words(f"{text} {text}") == words(text) * 2


def test_every_letter_and_digit_of_unicode_alone_is_a_term() -> None:
    known = (chr(c) for c in range(sys.maxunicode + 1))
    lost = [c for c in known if unicodedata.category(c)[0] in "LN" and not words(c)]
    assert lost == []


def test_stop_words_go_before_stems() -> None:
    assert analyzer("porter", "en")("This is the relational databases") == ["relat", "databas"]
    assert analyzer("porter")("this was") == ["thi", "wa"]
    with pytest.raises(UserError, match="'porter'"):
        analyzer("portr")  # type: ignore[arg-type]
