"""Answer metrics: official values, an implementation written another way, and the laws every metric keeps."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.score.text import METRICS, answer_tokens, contains, exact_match, normalize_answer, rouge_l, token_f1

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def other_normalize(text: str) -> list[str]:
    """SQuAD normalisation by walking the characters; valid where every word is made of word characters."""
    kept = "".join(" " if c.isspace() else c for c in text.lower() if c not in PUNCTUATION)
    return [word for word in kept.split(" ") if word not in ("", "a", "an", "the")]


def other_f1(prediction: str, gold: str) -> float:
    """Token F1 by merging two sorted lists, precision and recall apart, as in the official formula."""
    left, right = sorted(other_normalize(prediction)), sorted(other_normalize(gold))
    if left == [] or right == []:
        return 1.0 if left == right else 0.0
    i = j = same = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            same, i, j = same + 1, i + 1, j + 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    if same == 0:
        return 0.0
    precision, recall = same / len(left), same / len(right)
    return 2 * precision * recall / (precision + recall)


def generated_pairs(count: int) -> list[tuple[str, list[str]]]:
    words = [
        "the",
        "The",
        "a",
        "an",
        "Paris",
        "paris",
        "city",
        "of",
        "Zürich",
        "3.5",
        "$1,200",
        "-7",
        "state-of-the-art",
    ]
    words += ["U.S.", "it's", "theatre", "Ann", "?", "...", "25%", "naïve", "A", "cat", "cat", "can\tdo"]
    rng = random.Random(7)

    def text(most: int) -> str:
        return rng.choice([" ", "  ", " \n"]).join(rng.choices(words, k=rng.randint(0, most)))

    pairs: list[tuple[str, list[str]]] = []
    while len(pairs) < count:
        golds = [text(5) for _ in range(rng.randint(1, 3))]
        prediction = rng.choice(golds).upper() + rng.choice(["", ".", " city"]) if rng.random() < 0.3 else text(7)
        pairs.append((prediction, golds))
    return pairs


def test_em_and_f1_equal_an_independent_implementation() -> None:
    pairs = generated_pairs(1000)
    matches = partial = 0
    for prediction, golds in pairs:
        if prediction.strip() == "":  # the rule of this project, which test_blank_answers states
            em = f1 = float(any(g.strip() == "" for g in golds))
        else:
            em = max(float(other_normalize(prediction) == other_normalize(g)) for g in golds)
            f1 = max(other_f1(prediction, g) for g in golds)
        assert exact_match(prediction, golds) == em, (prediction, golds)
        assert token_f1(prediction, golds) == pytest.approx(f1, abs=1e-12), (prediction, golds)
        matches += em == 1
        partial += 0 < f1 < 1
    assert matches > 150  # the generator must reach both kinds, or the equality proves little
    assert partial > 150


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("The  Eiffel Tower!", "eiffel tower"),
        ("an apple, a day", "apple day"),
        ("theatre of Ann", "theatre of ann"),
        ("$3.5 million", "35 million"),
        ("state-of-the-art", "stateoftheart"),
        ("the", ""),
        ("l’été", "l’été"),  # only ASCII punctuation goes, as in the official script
    ],
)
def test_normalisation_is_the_official_one(raw: str, normal: str) -> None:
    assert normalize_answer(raw) == normal


def test_f1_by_hand() -> None:
    # said: cat sat on mat; gold: cat on mat on floor: 3 common of 4 and 5
    assert token_f1("The cat sat on a mat", ["cat on the mat on floor"]) == pytest.approx(2 * 3 / 9)
    assert token_f1("Paris", ["London", "Paris, France"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", METRICS)
def test_blank_answers(name: str) -> None:
    metric = METRICS[name]
    assert metric("", ["Paris"]) == 0
    assert metric(" \n", ["Paris", "Lyon"]) == 0
    assert metric("", [""]) == 1  # SQuAD 2.0: there is no answer, and none was given
    assert metric("Paris", [""]) == 0
    assert metric("", ["A"]) == 0  # the option A, not a missing answer
    assert metric("", ["Paris", ""]) == 1


@pytest.mark.parametrize("name", METRICS)
def test_golds_that_cannot_be_scored_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no gold answer"):
        METRICS[name]("Paris", [])
    with pytest.raises(TypeError, match="letter by letter"):
        METRICS[name]("Paris", "Paris")


def test_contains_finds_words_and_not_pieces_of_them() -> None:
    assert contains("It was held in New York, in 1998.", ["new york"]) == 1
    assert contains("a party", ["art"]) == 0
    assert contains("New Year in York", ["New York"]) == 0
    assert contains("York New", ["New York"]) == 0
    assert contains("The value is 42.", ["7", "42"]) == 1
    assert contains("Any sentence", ["A"]) == 0
    assert contains("A.", ["A"]) == 1


def test_contains_equals_a_padded_substring_search() -> None:
    found = 0
    for prediction, golds in generated_pairs(600):
        if not prediction.strip() or any(not other_normalize(g) for g in golds):
            continue
        hay = " " + " ".join(other_normalize(prediction)) + " "
        expected = any(" " + " ".join(other_normalize(g)) + " " in hay for g in golds)
        assert contains(prediction, golds) == expected, (prediction, golds)
        found += expected
    assert found > 50


def test_rouge_l_by_hand() -> None:
    # Lin (2004), section 3: the reference and its two candidates
    reference = ["police killed the gunman"]
    assert rouge_l("police kill the gunman", reference) == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", reference) == pytest.approx(2 / 4)
    # LCS 2 ("a c"), P = 2/3, R = 2/5: F = 2PR/(P+R) = 0.5
    assert rouge_l("a x c", ["a b c d e"]) == pytest.approx(0.5)


words = st.lists(st.sampled_from(["x", "y", "z", "w", "the"]), min_size=1, max_size=90)


@given(words, words)
def test_rouge_l_equals_the_full_table(said: list[str], wanted: list[str]) -> None:
    table = [[0] * (len(wanted) + 1) for _ in range(len(said) + 1)]
    for i, left in enumerate(said, 1):
        for j, right in enumerate(wanted, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if left == right else max(table[i - 1][j], table[i][j - 1])
    lcs = table[-1][-1]
    p, r = lcs / len(said), lcs / len(wanted)
    assert rouge_l(" ".join(said), [" ".join(wanted)]) == pytest.approx(2 * p * r / (p + r) if lcs else 0.0)


def test_scripts_without_spaces_are_compared_by_character() -> None:
    assert answer_tokens("北京，2008年 Olympics") == ["北", "京", "2008", "年", "olympics"]
    assert token_f1("答案是北京", ["北京"]) == pytest.approx(2 * 2 / 7)
    assert contains("首都是北京。", ["北京"]) == 1
    assert contains("首都是京北。", ["北京"]) == 0
    assert 0 < rouge_l("首都是北京", ["北京是首都"]) < 1
    assert token_f1("ไทย", ["ไท"]) > 0
    assert exact_match("北京", ["北京"]) == 1
    assert answer_tokens("한국 서울") == ["한국", "서울"]  # Korean writes spaces


texts = st.text(alphabet="aAthe bc.,!é北京 \n", max_size=25)


@given(st.sampled_from(sorted(METRICS)), texts, st.lists(texts, min_size=1, max_size=3))
def test_every_metric_is_a_share_that_more_golds_never_lower(name: str, prediction: str, golds: list[str]) -> None:
    metric = METRICS[name]
    score = metric(prediction, golds)
    assert 0 <= score <= 1
    assert metric(prediction, [*golds, "another"]) >= score
    assert metric(prediction, list(reversed(golds))) == score
    if prediction.strip(" \n.,!"):
        assert metric(prediction, [prediction]) == 1
